"""Many at once: numbers without gaps, one effect for an Idempotency-Key, tags whose history replays."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.http import HttpResponse

from audit import chain
from audit.models import AuditEntry, AuditHead, IdempotencyRecord, OutboxEvent
from prompts.models import Prompt, PromptVersion, Tag, TagMove
from tenants.models import Actor, ApiKey, Tenant
from tenants.scopes import GATEWAY
from tests import factories
from tests.factories import Client, error_of, json_of

MANY = 50


@pytest.fixture
def tenant(committed: None) -> Tenant:
    """A tenant of this test's own, since what is committed stays."""
    return factories.make_tenant()


@pytest.fixture
def admin_of_tenant(tenant: Tenant) -> Actor:
    return factories.make_actor(tenant)


@pytest.fixture
def api(admin_of_tenant: Actor) -> Client:
    """The administrator's client, once used, so that its middleware is loaded before the race."""
    client = factories.client_of(admin_of_tenant)
    assert client.get("/prompts").status_code == 200
    return client


def at_once(calls: Sequence[Callable[[], HttpResponse]]) -> list[HttpResponse]:
    """The answers to calls that start together, each in a thread and on a connection of its own."""
    answers: list[HttpResponse | None] = [None] * len(calls)
    faults: list[BaseException] = []
    start = threading.Barrier(len(calls))

    def run(index: int) -> None:
        try:
            connections["default"].ensure_connection()
            start.wait(30)
            answers[index] = calls[index]()
        except BaseException as fault:
            faults.append(fault)
            start.abort()
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    return [answer for answer in answers if answer is not None]


def assert_chain_is_whole(tenant: Tenant) -> None:
    """Every entry recomputed from its columns, linked to the one before, up to the head."""
    key = chain.tenant_key(settings.AUDIT_KEY, tenant.pk)
    previous = chain.GENESIS
    entries = list(AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq"))
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    for entry in entries:
        names = ("seq", "at", "actor", "via", "verb", "target", "prompt_id", "data")
        canonical = chain.canonical_entry(tenant=tenant.pk, **{name: getattr(entry, name) for name in names})
        assert bytes(entry.canonical) == canonical
        assert bytes(entry.prev_hash) == previous
        previous = chain.entry_hash(previous, canonical)
        assert bytes(entry.entry_hash) == previous
        assert bytes(entry.mac) == chain.entry_mac(key, tenant=tenant.pk, seq=entry.seq, entry_hash=previous)
    head = AuditHead.objects.get(pk=tenant.pk)
    assert (head.size, bytes(head.head_hash)) == (len(entries), previous)
    assert bytes(head.mac) == chain.head_mac(key, tenant=tenant.pk, size=head.size, head_hash=previous)


def assert_events_are_numbered(prompt_id: Any) -> None:
    sequences = list(
        OutboxEvent.objects.filter(prompt_id=prompt_id).order_by("sequence").values_list("sequence", flat=True)
    )
    assert sequences == list(range(1, len(sequences) + 1))
    assert Prompt.objects.get(pk=prompt_id).last_sequence == len(sequences)


# ----------------------------------------------------------------------------- numbers
@pytest.mark.full
def test_versions_made_at_once_have_consecutive_numbers(api: Client, tenant: Tenant) -> None:
    prompt = json_of(api.post("/prompts", {"name": "busy", "template": "Text 0"}))
    path = f"/prompts/{prompt['id']}/versions"
    answers = at_once([partial(api.post, path, {"content": f"Text {number}"}) for number in range(1, MANY + 1)])
    assert Counter(answer.status_code for answer in answers) == {201: MANY}
    assert sorted(json_of(answer)["number"] for answer in answers) == list(range(2, MANY + 2))
    for answer in answers:
        shown = json_of(api.get(f"{path}/{json_of(answer)['number']}"))
        assert shown == json_of(answer)
    seqs = {answer["X-Audit-Seq"] for answer in answers}
    assert len(seqs) == MANY
    assert_events_are_numbered(prompt["id"])
    assert_chain_is_whole(tenant)


def test_the_same_content_sent_at_once_is_sealed_once(api: Client, tenant: Tenant) -> None:
    api.post("/prompts", {"name": "busy", "template": "Text 0"})
    answers = at_once([lambda: api.post("/prompts/busy/versions", {"content": "Same"})] * 20)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({json_of(answer)["id"] for answer in answers}) == 1
    assert PromptVersion.objects.filter(tenant=tenant).count() == 2
    assert_chain_is_whole(tenant)


def test_a_name_asked_for_at_once_is_given_once(api: Client, tenant: Tenant) -> None:
    answers = at_once([lambda: api.post("/prompts", {"name": "wanted", "template": "x"})] * 10)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert "already exists" in error_of(refused)["message"]
    assert (Prompt.objects.filter(tenant=tenant).count(), PromptVersion.objects.filter(tenant=tenant).count()) == (1, 1)
    assert_chain_is_whole(tenant)


def test_of_changes_made_at_once_on_one_revision_one_is_taken(api: Client) -> None:
    api.post("/prompts", {"name": "busy", "template": "x"})
    etag = api.get("/prompts/busy")["ETag"]
    answers = at_once(
        [partial(api.put, "/prompts/busy", {"description": str(number)}, If_Match=etag) for number in range(10)]
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 9}
    winner = next(json_of(answer) for answer in answers if answer.status_code == 200)
    assert json_of(api.get("/prompts/busy")) == winner


def test_archiving_and_writing_at_once_leave_nothing_after_the_archive(api: Client, tenant: Tenant) -> None:
    prompt = json_of(api.post("/prompts", {"name": "busy", "template": "x"}))
    calls = [partial(api.post, "/prompts/busy/versions", {"content": str(number)}) for number in range(15)]
    answers = at_once([*calls, partial(api.delete, "/prompts/busy")])
    assert {answer.status_code for answer in answers} <= {200, 201, 410}
    verbs = list(AuditEntry.objects.filter(prompt_id=prompt["id"]).order_by("seq").values_list("verb", flat=True))
    assert verbs[-1] == "prompt.archived"
    assert verbs.count("version.created") == 1 + sum(answer.status_code == 201 for answer in answers)
    assert_chain_is_whole(tenant)


# ----------------------------------------------------------------------------- Idempotency-Key
def test_equal_posts_with_one_key_have_one_effect(api: Client, tenant: Tenant) -> None:
    prompt = json_of(api.post("/prompts", {"name": "busy", "template": "x"}))
    before = AuditEntry.objects.filter(tenant_id=tenant.pk).count()

    def send() -> HttpResponse:
        return api.post("/prompts/busy/versions", {"content": "Once"}, Idempotency_Key="a-key")

    answers = at_once([send] * MANY)
    done = [answer for answer in answers if answer.status_code == 201]
    busy = [answer for answer in answers if answer.status_code == 409]
    assert len(done) + len(busy) == MANY
    assert sum("Idempotency-Replayed" not in answer for answer in done) == 1
    for answer in busy:
        assert (error_of(answer)["code"], answer["Retry-After"]) == ("IDEMPOTENCY_IN_PROGRESS", "1")
    original = next(answer for answer in done if "Idempotency-Replayed" not in answer)
    for replay in [*(answer for answer in done if answer is not original), send()]:
        assert (replay.status_code, replay["Idempotency-Replayed"]) == (201, "true")
        assert replay.content == original.content
        for name in ("X-Audit-Seq", "X-Audit-Hash", "ETag", "Content-Type"):
            assert replay[name] == original[name]
    assert PromptVersion.objects.filter(prompt=prompt["id"]).count() == 2
    assert AuditEntry.objects.filter(tenant_id=tenant.pk).count() == before + 1
    assert IdempotencyRecord.objects.filter(tenant_id=tenant.pk).count() == 1
    assert_chain_is_whole(tenant)


def test_a_key_used_for_another_request_is_refused(api: Client, tenant: Tenant) -> None:
    def send(path: str = "/prompts", body: Any = None, **headers: str) -> HttpResponse:
        body = {"name": "one", "template": "x"} if body is None else body
        return api.post(path, body, Idempotency_Key="a-key", **headers)

    first = send()
    assert first.status_code == 201
    for other in (
        send(body={"name": "two", "template": "x"}),
        send(body=b'{"template": "x", "name": "one"}'),
        send("/prompts?a=1"),
        send("/prompts/one/versions"),
        send(If_Match='"1"'),
    ):
        assert (other.status_code, error_of(other)["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert "X-Audit-Seq" not in other
    assert Prompt.objects.filter(tenant=tenant).count() == 1
    assert send().content == first.content


def test_only_an_effect_is_kept(api: Client, tenant: Tenant) -> None:
    def make() -> HttpResponse:
        return api.post("/prompts", {"name": "one", "template": "x"}, Idempotency_Key="a-key")

    api.post("/prompts", {"name": "one", "template": "y"})
    refused = [make(), api.post("/prompts", {}, Idempotency_Key="a-key"), make()]
    assert [answer.status_code for answer in refused] == [409, 400, 409]
    assert not any("Idempotency-Replayed" in answer for answer in refused)
    assert IdempotencyRecord.objects.filter(tenant_id=tenant.pk).count() == 0
    archived = api.post("/prompts/one/unarchive", Idempotency_Key="a-key")
    assert archived.status_code == 409
    api.delete("/prompts/one")
    assert api.post("/prompts/one/unarchive", Idempotency_Key="a-key").status_code == 200
    again = api.post("/prompts/one/unarchive", Idempotency_Key="a-key")
    assert (again.status_code, again["Idempotency-Replayed"]) == (200, "true")


def test_a_dedupe_hit_is_kept_and_replayed_too(api: Client) -> None:
    api.post("/prompts", {"name": "one", "template": "x"})
    answers = [api.post("/prompts/one/versions", {"content": "x"}, Idempotency_Key="a-key") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert ("X-Audit-Seq" in answers[1], answers[1]["Idempotency-Replayed"]) == (False, "true")


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "ä", "x" * 256, "\x7f"], ids=repr)
def test_a_key_is_visible_ascii(api: Client, tenant: Tenant, key: str) -> None:
    refused = api.post("/prompts", {"name": "one", "template": "x"}, Idempotency_Key=key)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "VALIDATION_ERROR")
    assert not Prompt.objects.filter(tenant=tenant).exists()


def test_a_key_belongs_to_one_api_key(api: Client, admin_of_tenant: Actor) -> None:
    second = Client(factories.make_key(admin_of_tenant.author).text)
    longest = "~" * 255
    made = [
        client.post("/prompts", {"name": name, "template": "x"}, Idempotency_Key=longest)
        for name, client in (("one", api), ("two", second))
    ]
    assert [answer.status_code for answer in made] == [201, 201]


def test_a_key_belongs_to_one_acting_user(tenant: Tenant) -> None:
    owner, ann, ben = (factories.make_user(tenant) for _ in range(3))
    gateway = Client(factories.make_key(owner, ["prompts:read", "prompts:write", GATEWAY]).text)
    made = [
        gateway.post("/prompts", {"name": name, "template": "x"}, Idempotency_Key="a-key", X_User_Id=user.username)
        for name, user in (("one", ann), ("two", ben), ("one", ann))
    ]
    assert [answer.status_code for answer in made] == [201, 201, 201]
    assert ["Idempotency-Replayed" in answer for answer in made] == [False, False, True]


def test_scope_comes_before_replay(api: Client, admin_of_tenant: Actor) -> None:
    issued = factories.make_key(admin_of_tenant.author, ["prompts:read", "prompts:write"])
    client = Client(issued.text)
    body = {"name": "one", "template": "x"}
    assert client.post("/prompts", body, Idempotency_Key="a-key").status_code == 201
    ApiKey.objects.filter(pk=issued.row.pk).update(scopes=["prompts:read"])
    assert client.post("/prompts", body, Idempotency_Key="a-key").status_code == 403
    ApiKey.objects.filter(pk=issued.row.pk).update(scopes=["prompts:write"], revoked_at=issued.row.created_at)
    assert client.post("/prompts", body, Idempotency_Key="a-key").status_code == 401


def test_a_secret_is_not_kept_for_replay(api: Client, tenant: Tenant) -> None:
    def issue() -> HttpResponse:
        return api.post("/api-keys", {"name": "ci", "scopes": ["prompts:read"]}, Idempotency_Key="a-key")

    first, again = issue(), issue()
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")
    assert json_of(first)["key"].startswith(f"pvc_{json_of(first)['keyId']}_")
    assert json_of(again) == {**json_of(first), "key": None}
    kept = IdempotencyRecord.objects.get(tenant_id=tenant.pk)
    secret = json_of(first)["key"].rpartition("_")[2]
    assert secret.encode() not in bytes(kept.body)
    assert Client(json_of(first)["key"]).get("/prompts").status_code == 200


# ----------------------------------------------------------------------------- tags
THREADS = 8


@pytest.mark.full
@pytest.mark.parametrize("rounds", [12, pytest.param(40, marks=pytest.mark.long)])
def test_tags_moved_by_many_at_once_replay_to_where_they_are(api: Client, tenant: Tenant, rounds: int) -> None:
    prompt = json_of(api.post("/prompts", {"name": "busy", "template": "Text 1"}))
    others = [json_of(api.post("/prompts/busy/versions", {"content": f"Text {number}"}))["id"] for number in (2, 3, 4)]
    versions = [prompt["latestVersion"]["id"], *others]
    tenant.refresh_from_db()
    before, statuses = tenant.generation, Counter[int]()
    guard = threading.Lock()

    def play(seed: int) -> HttpResponse:
        chance = random.Random(seed)
        for _ in range(rounds):
            name = chance.choice(["production", "staging"])
            if chance.random() < 0.3:
                answer = api.delete(f"/prompts/busy/tags/{name}")
            else:
                answer = api.post(f"/prompts/busy/tags/{name}", {"versionId": chance.choice(versions)})
            with guard:
                statuses[answer.status_code] += 1
        return answer

    at_once([partial(play, seed) for seed in range(THREADS)])
    assert set(statuses) <= {200, 204, 404}, statuses
    assert statuses.total() == THREADS * rounds

    moves = list(TagMove.objects.filter(prompt=prompt["id"]))
    for name in ("production", "staging"):
        own = sorted((move for move in moves if move.tag == name), key=lambda move: move.number)
        assert [move.number for move in own] == list(range(1, len(own) + 1))
        at = None
        for move in own:
            assert (move.old_id, move.new_id != move.old_id) == (at, True)
            at = move.new_id
        tag = Tag.objects.filter(prompt=prompt["id"], name=name).first()
        assert (tag.version_id, tag.revision) == (at, len(own)) if tag else at is None
    tenant.refresh_from_db()
    activations = sum(move.kind == "activate" for move in moves)
    assert tenant.generation - before == len(moves) - activations
    entries = AuditEntry.objects.filter(prompt_id=prompt["id"], verb__in=["tag.moved", "tag.removed"])
    assert entries.count() == len(moves)
    assert_events_are_numbered(prompt["id"])
    assert_chain_is_whole(tenant)


@pytest.mark.full
def test_prompts_of_one_tenant_written_at_once_do_not_wait_for_each_other_in_a_ring(
    api: Client, tenant: Tenant
) -> None:
    prompts = [json_of(api.post("/prompts", {"name": f"p{number}", "template": "x"})) for number in range(4)]

    def play(seed: int) -> HttpResponse:
        chance = random.Random(seed)
        for number in range(12):
            prompt = chance.choice(prompts)
            path, version = f"/prompts/{prompt['id']}", prompt["latestVersion"]["id"]
            answers = [
                api.post(f"{path}/versions", {"content": f"{seed}-{number}"}),
                api.post(f"{path}/tags/production", {"versionId": version}, Idempotency_Key=f"{seed}-{number}"),
                api.put(path, {"description": f"{seed}-{number}"}),
            ]
            assert {answer.status_code for answer in answers} <= {200, 201}, [answer.content for answer in answers]
        return answers[-1]

    at_once([partial(play, seed) for seed in range(8)])
    for prompt in prompts:
        assert_events_are_numbered(prompt["id"])
        numbers = PromptVersion.objects.filter(prompt=prompt["id"]).order_by("number").values_list("number", flat=True)
        assert list(numbers) == list(range(1, len(numbers) + 1))
    assert_chain_is_whole(tenant)
