"""The generation: it rises with what is served, in the transaction, and Redis never hears a lower one."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from audit import unit
from deployments.actions import promotion
from prompts.actions import prompts
from prompts.models import Namespace, Prompt
from pvc import store
from pvc.breaker import redis_breaker
from pvc.errors import Conflict, Unavailable
from tenants import actions, generation
from tenants.models import Actor, Tenant
from tests import factories, live
from tests.factories import json_of


def stored(tenant: Tenant) -> int:
    return Tenant.objects.get(pk=tenant.pk).generation


def published(tenant_id: uuid.UUID) -> bytes | None:
    value: Any = store.client().get(f"gen:{tenant_id}")
    assert value is None or isinstance(value, bytes)
    return value


def milliseconds_left(tenant_id: uuid.UUID) -> int:
    left: Any = store.client().pttl(f"gen:{tenant_id}")
    return int(left)


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support")


# ----------------------------------------------------------------------------- when it rises
def test_it_rises_by_one_with_each_unit_that_changes_what_is_served(acme: Tenant, prompt: Prompt, alice: Actor) -> None:
    version = prompt.versions.get()
    key = factories.make_key(alice.author).row
    changes: list[Callable[[], object]] = [
        lambda: promotion.set_tag(prompt, "staging", version=version, by=alice),
        lambda: promotion.set_tag(prompt, "production", version=version, by=alice),  # two moves, one unit
        lambda: promotion.remove_tag(prompt, "production", by=alice),
        lambda: prompts.archive_prompt(prompt, by=alice),
        lambda: prompts.unarchive_prompt(prompt, by=alice),
        lambda: actions.narrow_api_key(key, scopes=["prompts:read"], by=alice),
        lambda: actions.revoke_api_key(key, by=alice),
    ]
    for number, change in enumerate(changes):
        before = stored(acme)
        change()
        assert stored(acme) == before + 1, number
        assert published(acme.pk) == str(stored(acme)).encode()


def test_it_stays_while_nothing_served_changes(acme: Tenant, prompt: Prompt, alice: Actor) -> None:
    before = stored(acme)
    version = factories.make_version(prompt, by=alice)
    prompts.update_prompt(prompt, changes={"description": "new"}, by=alice)
    factories.make_key(alice.author)
    assert stored(acme) == before
    promotion.set_tag(prompt, "staging", version=version, by=alice)
    promotion.set_tag(prompt, "staging", version=version, by=alice)
    assert stored(acme) == before + 1


def test_other_tenants_keep_theirs(other: Tenant, prompt: Prompt, alice: Actor) -> None:
    before = stored(other)
    promotion.set_tag(prompt, "staging", version=prompt.versions.get(), by=alice)
    assert (stored(other), published(other.pk)) == (before, None)


def test_it_falls_back_with_its_unit(acme: Tenant, prompt: Prompt, alice: Actor) -> None:
    before = stored(acme)

    @unit.verb
    def refuse_after_moving(*, by: Actor) -> None:
        promotion.set_tag(prompt, "staging", version=prompt.versions.get(), by=by)
        raise Conflict("No.")

    with pytest.raises(Conflict):
        refuse_after_moving(by=alice)
    assert stored(acme) == before
    assert published(acme.pk) is None


# ----------------------------------------------------------------------------- in Redis
def test_a_value_lives_five_seconds_and_flux_fifteen() -> None:
    tenant_id = uuid.uuid4()
    generation.mark_in_flux({tenant_id: 7})
    assert published(tenant_id) == b"flux:7"
    assert 14_000 < milliseconds_left(tenant_id) <= 15_000
    generation.publish({tenant_id: 7})
    assert published(tenant_id) == b"7"
    assert 4_000 < milliseconds_left(tenant_id) <= 5_000


def test_a_lower_value_never_replaces_a_higher_one() -> None:
    tenant_id = uuid.uuid4()
    generation.mark_in_flux({tenant_id: 9})
    for value, seen in ((9, b"9"), (8, b"9"), (10, b"10"), (9, b"10"), (10, b"10"), (100, b"100"), (99, b"100")):
        generation.publish({tenant_id: value})
        assert published(tenant_id) == seen


def test_a_late_writer_does_not_lengthen_the_life_of_a_higher_value() -> None:
    tenant_id = uuid.uuid4()
    generation.mark_in_flux({tenant_id: 9})
    generation.publish({tenant_id: 9})
    store.client().pexpire(f"gen:{tenant_id}", 1000)
    generation.publish({tenant_id: 8})
    assert milliseconds_left(tenant_id) <= 1000


def test_a_writer_that_dies_at_its_commit_leaves_flux(committed: None) -> None:
    """The mark stands before the commit, so no reader publishes what it read while that one hangs."""
    tenant = factories.make_tenant()
    actor = factories.make_actor(tenant)
    prompt = factories.make_prompt(Namespace.objects.get(tenant=tenant), by=actor)
    version, before = prompt.versions.get(), stored(tenant)
    store.client().delete(f"gen:{tenant.pk}")

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (backend,) = cursor.fetchone() or (0,)
        with psycopg.connect(live.database_url(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [backend])

    @unit.verb
    def move_and_die(*, by: Actor) -> None:
        unit.before_commit(cut)
        promotion.set_tag(prompt, "production", version=version, by=by)

    with pytest.raises(Unavailable):
        move_and_die(by=actor)
    assert (published(tenant.pk) or b"").startswith(b"flux:")
    connection.close()
    assert stored(tenant) == before
    promotion.set_tag(prompt, "production", version=version, by=actor)
    assert published(tenant.pk) == str(before + 1).encode()


def test_one_lease_is_waited_for_once_a_unit(settings: Any, prompt: Prompt, alice: Actor) -> None:
    settings.GENERATION_LEASE = 0.2
    version = prompt.versions.get()
    assert 0.2 <= seconds(lambda: promotion.set_tag(prompt, "production", version=version, by=alice)) < 0.39
    assert seconds(lambda: prompts.update_prompt(prompt, changes={"description": "new"}, by=alice)) < 0.2


def seconds(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


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


def test_writes_go_on_without_redis(acme: Tenant, admin: Actor, redis_is_away: None) -> None:
    client, before = factories.client_of(admin), stored(acme)
    made = client.post("/prompts", {"name": "support", "template": "a"}, Idempotency_Key="k")
    assert made.status_code == 201
    version = json_of(client.get("/prompts/support/versions/1"))["id"]
    tagged = client.post("/prompts/support/tags/production", {"versionId": version})
    assert tagged.status_code == 200
    assert client.post("/prompts/support/render", {}).status_code == 200
    assert client.delete("/prompts/support/tags/production").status_code == 204
    assert stored(acme) == before + 2
    generation.mark_in_flux({acme.pk: 2})
    generation.publish({acme.pk: 1})


def test_a_writer_without_redis_is_slow_once(acme: Tenant, admin: Actor, redis_is_away: None) -> None:
    client = factories.client_of(admin)
    client.post("/prompts", {"name": "support", "template": "a"})
    version = json_of(client.get("/prompts/support/versions/1"))["id"]
    assert seconds(lambda: client.post("/prompts/support/tags/staging", {"versionId": version})) < 0.3


def test_a_late_publish_does_not_take_the_next_writers_mark_away() -> None:
    tenant_id = uuid.uuid4()
    generation.mark_in_flux({tenant_id: 6})
    generation.publish({tenant_id: 5})
    assert published(tenant_id) == b"flux:6"
    generation.publish({tenant_id: 6})
    assert published(tenant_id) == b"6"


def test_nothing_is_published_where_the_mark_was_lost() -> None:
    """A reader has laid its claim there meanwhile, or will: what it finds in PostgreSQL is what counts."""
    tenant_id = uuid.uuid4()
    generation.mark_in_flux({tenant_id: 6})
    store.client().delete(f"gen:{tenant_id}")
    generation.publish({tenant_id: 6})
    assert published(tenant_id) is None
