"""The readers' side of the generation: one look a lease, the truth where Redis is silent, nothing late published."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import unit
from deployments import serving
from deployments.actions import promotion
from prompts.models import Namespace
from prompts.models.prompts import PromptRef
from pvc import store
from pvc.breaker import redis_breaker
from pvc.errors import Conflict
from tenants import generation
from tenants.models import Actor, Tenant
from tests import factories

LEASE = 0.025


@pytest.fixture(autouse=True)
def _knows_nothing() -> None:
    generation.forget()
    serving.KEPT.clear()


def name(tenant: Tenant) -> str:
    return f"gen:{tenant.pk}"


def said(tenant: Tenant) -> Any:
    return store.client().get(name(tenant))


def stored(tenant: Tenant, value: int | None = None) -> int:
    """The generation in PostgreSQL, set first if there is a value."""
    if value is not None:
        Tenant.objects.filter(pk=tenant.pk).update(generation=value)
    return Tenant.objects.get(pk=tenant.pk).generation


def asked_postgresql(ask: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        ask()
    return len(captured)


# ----------------------------------------------------------------------------- what counts
def test_what_redis_says_is_taken_without_a_query(acme: Tenant) -> None:
    store.client().set(name(acme), "41")
    assert asked_postgresql(lambda: generation.current(acme.pk)) == 0
    assert generation.current(acme.pk) == 41


def test_where_redis_says_nothing_postgresql_is_asked_once_and_published(acme: Tenant) -> None:
    stored(acme, 7)
    store.client().delete(name(acme))
    assert generation.current(acme.pk) == 7
    assert said(acme) == b"7"
    left: Any = store.client().pttl(name(acme))
    assert 4_000 < left <= 5_000
    assert asked_postgresql(lambda: generation.current(acme.pk)) == 0


@pytest.mark.parametrize("mark", ["flux:8", "read:0123456789abcdef", "nonsense", "", "-1", "٣"])
def test_in_flux_postgresql_is_asked_and_nothing_published(acme: Tenant, mark: str) -> None:
    stored(acme, 7)
    store.client().set(name(acme), mark)
    for _ in range(2):
        assert asked_postgresql(lambda: generation.current(acme.pk)) == 1
        assert generation.current(acme.pk) == 7
    assert said(acme) == mark.encode()


def test_a_smaller_number_than_was_heard_before_is_not_believed(acme: Tenant) -> None:
    stored(acme, 9)
    store.client().set(name(acme), "9")
    assert generation.current(acme.pk) == 9
    store.client().set(name(acme), "8")  # a writer that stood still, or a Redis that lost its last writes
    assert generation.current(acme.pk) == 9
    stored(acme, 5)  # a database put back to an earlier day
    assert [generation.current(acme.pk) for _ in range(2)] == [5, 8]


# ----------------------------------------------------------------------------- nothing late is published
def paused_while_reading(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """What others do between a reader's question to PostgreSQL and its publication."""
    ask = generation._stored

    def slowly(tenant_id: uuid.UUID) -> int:
        value = ask(tenant_id)
        meanwhile()
        return value

    monkeypatch.setattr(generation, "_stored", slowly)


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [
        (lambda known: store.client().set(known, "flux:6"), b"flux:6"),
        (lambda known: store.client().set(known, "6"), b"6"),
        (lambda known: store.client().delete(known), None),  # flushed, or the claim's time is over
        (lambda known: (store.client().delete(known), store.client().set(known, "read:another")), b"read:another"),
        (lambda _: None, b"5"),
    ],
    ids=["a mark", "a publication", "a flush", "another reader", "nothing"],
)
def test_a_number_read_before_somebody_wrote_is_not_published_after(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[str], object], left: bytes | None
) -> None:
    stored(acme, 5)
    store.client().delete(name(acme))
    paused_while_reading(monkeypatch, lambda: meanwhile(name(acme)))
    assert generation.current(acme.pk) == 5
    assert said(acme) == left


def test_a_writer_replaces_a_readers_claim(acme: Tenant) -> None:
    store.client().set(name(acme), "read:0123456789abcdef", px=2000)
    generation.publish({acme.pk: 6})
    assert said(acme) == b"6"


def test_a_rolled_back_unit_leaves_the_old_number(acme: Tenant, alice: Actor, namespace: Namespace) -> None:
    prompt = factories.make_prompt(namespace, by=alice)
    before = generation.current(acme.pk)

    @unit.verb
    def refuse_at_the_end(*, by: Actor) -> None:
        unit.before_commit(lambda: generation.mark_in_flux({acme.pk: before + 1}))
        unit.before_commit(refuse)
        promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=by)

    def refuse() -> None:
        raise Conflict("No.")

    with pytest.raises(Conflict):
        refuse_at_the_end(by=alice)
    assert said(acme) == f"flux:{before + 1}".encode()
    assert generation.current(acme.pk) == before


# ----------------------------------------------------------------------------- the lease
def test_within_a_lease_nobody_is_asked(acme: Tenant, settings: Any) -> None:
    settings.GENERATION_LEASE = 60
    store.client().set(name(acme), "3")
    assert generation.current(acme.pk) == 3
    store.client().set(name(acme), "4")
    assert generation.current(acme.pk) == 3


def test_after_a_lease_the_new_number_is_heard(acme: Tenant, settings: Any) -> None:
    settings.GENERATION_LEASE = LEASE
    store.client().set(name(acme), "3")
    assert generation.current(acme.pk) == 3
    store.client().set(name(acme), "4")
    time.sleep(LEASE)
    assert generation.current(acme.pk) == 4


def test_a_lease_counts_from_before_the_question(acme: Tenant, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that took longer than a lease is no answer to who asks later."""
    settings.GENERATION_LEASE = LEASE
    stored(acme, 5)
    store.client().set(name(acme), "flux:6")
    paused_while_reading(monkeypatch, lambda: time.sleep(2 * LEASE))
    assert generation.current(acme.pk) == 5
    store.client().set(name(acme), "6")
    assert generation.current(acme.pk) == 6


def test_of_many_who_ask_at_once_one_asks_for_all(acme: Tenant, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GENERATION_LEASE = LEASE
    store.client().set(name(acme), "flux:2")
    asked: list[int] = []
    all_wait = threading.Event()

    def slowly(tenant_id: uuid.UUID) -> int:
        asked.append(1)
        all_wait.wait(5)
        return len(asked)

    monkeypatch.setattr(generation, "_stored", slowly)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(generation.current, acme.pk)
        while not asked:
            time.sleep(0.001)
        time.sleep(2 * LEASE)
        later = [threads.submit(generation.current, acme.pk) for _ in range(7)]
        time.sleep(2 * LEASE)
        all_wait.set()
        answers = [each.result() for each in later]
    # Who asked a lease after the first question gets the next answer, which one of them asks for.
    assert first.result() == 1
    assert set(answers) == {2}
    assert len(asked) == 2


# ----------------------------------------------------------------------------- without Redis
@pytest.fixture
def redis_is_away(settings: Any) -> Iterator[None]:
    present, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    store.forget()
    redis_breaker.reset()
    yield
    settings.REDIS_URL = present
    store.forget()
    redis_breaker.reset()


def test_without_redis_postgresql_is_asked_once_a_lease(acme: Tenant, settings: Any, redis_is_away: None) -> None:
    for value in (3, 4, 4, 2):
        stored(acme, value)
        assert generation.current(acme.pk) == value
    settings.GENERATION_LEASE = 60
    generation.forget()
    assert asked_postgresql(lambda: [generation.current(acme.pk) for _ in range(5)]) == 1


def test_without_redis_nothing_stale_is_served(
    acme: Tenant, alice: Actor, namespace: Namespace, redis_is_away: None
) -> None:
    prompt = factories.make_prompt(namespace, by=alice, slug="support")
    versions = [prompt.versions.get(), factories.make_version(prompt, by=alice)]
    for turn in range(6):
        promotion.set_tag(prompt, "production", version=versions[turn % 2], by=alice)
        found = serving.serving_of(acme.pk, PromptRef(namespace="default", slug="support"))
        assert found.to(None).id == versions[turn % 2].pk


# ----------------------------------------------------------------------------- the order of things
def test_what_was_loaded_while_a_writer_came_by_is_not_served_afterwards(
    acme: Tenant, alice: Actor, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that read the old row and keeps it late keeps it under the old generation."""
    prompt = factories.make_prompt(namespace, by=alice, slug="support")
    first, second = prompt.versions.get(), factories.make_version(prompt, by=alice)
    promotion.set_tag(prompt, "production", version=first, by=alice)
    load = serving._loaded

    def interrupted(tenant_id: uuid.UUID, space: str, slug: str) -> serving.Serving:
        old = load(tenant_id, space, slug)
        monkeypatch.setattr(serving, "_loaded", load)
        promotion.set_tag(prompt, "production", version=second, by=alice)
        return old

    monkeypatch.setattr(serving, "_loaded", interrupted)
    ref = PromptRef(namespace="default", slug="support")
    assert serving.serving_of(acme.pk, ref).to(None).id == first.pk  # asked before the write had answered
    for _ in range(2):
        assert serving.serving_of(acme.pk, ref).to(None).id == second.pk
        serving.KEPT.clear()  # and not from Redis either
