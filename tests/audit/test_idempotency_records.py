"""`Idempotency-Key`: one effect, one answer, kept with the effect for a day."""

import json
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.http import HttpResponse
from django.utils import timezone

from audit import actions, idempotency
from audit.idempotency import Answer, IdempotencyInProgress, IdempotencyKeyReused, check_key, fingerprint, once
from audit.models import AuditEntry, IdempotencyRecord
from prompts.models import Namespace, Prompt
from pvc.errors import Conflict, DomainError, Invalid
from tenants.models import Actor, Tenant
from tenants.scopes import SCOPES
from tests import factories
from tests.factories import Client, error_of, json_of

BODY = {"name": "support", "template": "one"}


def is_replay(response: HttpResponse) -> bool:
    return response.headers.get("Idempotency-Replayed") == "true"


# ----------------------------------------------------------------------------- over the wire
def test_a_second_sending_has_no_effect_and_the_same_answer(as_admin: Client, acme: Tenant) -> None:
    first = as_admin.post("/prompts", BODY, Idempotency_Key="k")
    entries = AuditEntry.objects.filter(tenant_id=acme.pk).count()
    again = as_admin.post("/prompts", BODY, Idempotency_Key="k")
    assert (first.status_code, is_replay(first)) == (201, False)
    assert (again.status_code, is_replay(again)) == (201, True)
    assert again.content == first.content
    for name in ("ETag", "X-Audit-Seq", "X-Audit-Hash", "Content-Type"):
        assert again[name] == first[name], name
    assert again["X-Request-Id"] != first["X-Request-Id"]
    assert AuditEntry.objects.filter(tenant_id=acme.pk).count() == entries
    assert Prompt.objects.filter(tenant=acme).count() == 1


def test_every_posting_route_replays(as_admin: Client) -> None:
    as_admin.post("/prompts", BODY)
    version = json_of(as_admin.get("/prompts/support/versions/1"))["id"]
    as_admin.delete("/prompts/support")
    for path, body in (
        ("/prompts/support/unarchive", None),
        ("/prompts/support/versions", {"content": "two"}),
        ("/prompts/support/tags/production", {"versionId": version}),
        ("/api-keys", {"name": "ci", "scopes": ["admin"]}),
    ):
        first = as_admin.post(path, body, Idempotency_Key="each")
        again = as_admin.post(path, body, Idempotency_Key="each")
        assert first.status_code in (200, 201), (path, first.content)
        assert is_replay(again), (path, again.content)
        assert again["X-Audit-Seq"] == first["X-Audit-Seq"]
        IdempotencyRecord.objects.all().delete()


def test_an_answer_that_changed_nothing_is_replayed_too(as_admin: Client) -> None:
    as_admin.post("/prompts", BODY)
    first = as_admin.post("/prompts/support/versions", {"content": "one"}, Idempotency_Key="k")
    as_admin.post("/prompts/support/versions", {"content": "two"})
    again = as_admin.post("/prompts/support/versions", {"content": "one"}, Idempotency_Key="k")
    assert (first.status_code, is_replay(again), again.content) == (200, True, first.content)
    assert "X-Audit-Seq" not in again


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/prompts", {**BODY, "description": "another"}, {}),
        ("/prompts?x=1", BODY, {}),
        ("/prompts/support/versions", BODY, {}),
        ("/prompts", json.dumps(BODY, indent=1).encode(), {}),
        ("/prompts", BODY, {"If_Match": '"1"'}),
    ],
    ids=["body", "query", "path", "bytes", "If-Match"],
)
def test_a_key_is_for_one_request(as_admin: Client, path: str, body: Any, headers: dict[str, str]) -> None:
    as_admin.post("/prompts", BODY, Idempotency_Key="k")
    reused = as_admin.post(path, body, Idempotency_Key="k", **headers)
    assert (reused.status_code, error_of(reused)["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert not is_replay(reused)


def test_a_refused_request_can_be_sent_again(as_admin: Client) -> None:
    as_admin.post("/prompts", BODY)
    as_admin.delete("/prompts/support")
    version = {"content": "two"}
    assert as_admin.post("/prompts/support/versions", version, Idempotency_Key="k").status_code == 410
    assert not IdempotencyRecord.objects.exists()
    as_admin.post("/prompts/support/unarchive")
    made = as_admin.post("/prompts/support/versions", version, Idempotency_Key="k")
    assert (made.status_code, is_replay(made)) == (201, False)


def test_a_key_belongs_to_one_api_key_and_one_person(acme: Tenant, as_admin: Client, admin: Actor, bob: Actor) -> None:
    as_admin.post("/prompts", BODY, Idempotency_Key="k")
    for client in (Client(factories.make_key(admin.author).text), factories.client_of(bob)):
        assert client.post("/prompts", BODY, Idempotency_Key="k").status_code == 409
    gateway = Client(factories.make_key(admin.author, SCOPES).text)
    answers = [
        gateway.post("/prompts", {"name": "two", "template": "a"}, Idempotency_Key="k", X_User_Id=name)
        for name in ("admin", "bob", " ADMIN ")
    ]
    assert [(each.status_code, is_replay(each)) for each in answers] == [(201, False), (409, False), (201, True)]


def test_who_may_no_longer_ask_gets_no_replay(as_admin: Client, admin: Actor) -> None:
    as_admin.post("/prompts", BODY, Idempotency_Key="k")
    admin.author.groups.clear()
    assert as_admin.post("/prompts", BODY, Idempotency_Key="k").status_code == 403
    admin.author.is_active = False
    admin.author.save()
    assert as_admin.post("/prompts", BODY, Idempotency_Key="k").status_code == 401


def test_an_answer_is_kept_for_a_day(as_admin: Client) -> None:
    as_admin.post("/prompts", BODY, Idempotency_Key="k")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=23, minutes=59))
    assert is_replay(as_admin.post("/prompts", BODY, Idempotency_Key="k"))
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert as_admin.post("/prompts", BODY, Idempotency_Key="k").status_code == 409
    renamed = as_admin.post("/prompts", {**BODY, "name": "another"}, Idempotency_Key="k")
    assert (renamed.status_code, is_replay(renamed)) == (201, False)
    assert IdempotencyRecord.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "a" * 256, "tab\there", "\x7f", "\u200b"])
def test_a_key_is_visible_ascii(as_admin: Client, key: str) -> None:
    refused = as_admin.post("/prompts", BODY, Idempotency_Key=key)
    assert refused.status_code == 400
    assert "Idempotency-Key" in error_of(refused)["details"]["fields"]
    assert json_of(as_admin.get("/prompts"))["data"] == []


@pytest.mark.parametrize("key", ["!", "a" * 255, "~", '"quoted"', "a,b;c=d"])
def test_a_key_may_be_any_visible_ascii(as_admin: Client, key: str) -> None:
    assert as_admin.post("/prompts", BODY, Idempotency_Key=key).status_code == 201
    assert is_replay(as_admin.post("/prompts", BODY, Idempotency_Key=key))


def test_other_methods_take_no_notice_of_it(as_admin: Client) -> None:
    as_admin.post("/prompts", BODY)
    for _ in range(2):
        changed = as_admin.put("/prompts/support", {"description": "new"}, Idempotency_Key="k")
        assert not is_replay(changed)
    assert not is_replay(as_admin.get("/prompts", Idempotency_Key="k"))
    assert not IdempotencyRecord.objects.exists()


def test_rendering_keeps_no_answers(as_admin: Client) -> None:
    as_admin.post("/prompts", BODY)
    for _ in range(2):
        assert not is_replay(as_admin.post("/prompts/support/versions/1/render", {}, Idempotency_Key="k"))
    assert not IdempotencyRecord.objects.exists()


# ----------------------------------------------------------------------------- together with the effect
def answer_once(by: Actor, key: str, act: Any = None, status: int = 200, said: bytes = b"same") -> Answer:
    def run() -> Any:
        if act is not None:
            act()
        return lambda: Answer(status, {"ETag": '"1"'}, b"{}")

    return once(key, fingerprint(said), by=by, run=run)


def test_the_answer_goes_with_its_effect(namespace: Namespace, admin: Actor) -> None:
    def fail() -> None:
        factories.make_prompt(namespace, by=admin)
        raise Conflict("No.")

    with pytest.raises(Conflict):
        answer_once(admin, "k", fail)
    assert not IdempotencyRecord.objects.exists()
    assert not Prompt.objects.exists()


def test_an_answer_that_cannot_be_rendered_takes_its_effect_with_it(namespace: Namespace, admin: Actor) -> None:
    def run() -> Any:
        factories.make_prompt(namespace, by=admin)
        return lambda: 1 // 0

    with pytest.raises(ZeroDivisionError):
        once("k", b"f" * 32, by=admin, run=run)
    assert not Prompt.objects.exists()
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize(("status", "kept"), [(200, 1), (201, 1), (204, 1), (299, 1), (199, 0), (300, 0), (404, 0)])
def test_only_a_2xx_is_kept(admin: Actor, status: int, kept: int) -> None:
    assert not answer_once(admin, "k", status=status).replayed
    assert IdempotencyRecord.objects.count() == kept
    assert answer_once(admin, "k", status=status).replayed is bool(kept)


def test_the_effect_runs_once(admin: Actor) -> None:
    ran: list[int] = []
    answers = [answer_once(admin, "k", lambda: ran.append(1)) for _ in range(3)]
    assert ran == [1]
    assert [each.replayed for each in answers] == [False, True, True]
    assert {(each.status, each.body, tuple(each.headers.items())) for each in answers} == {
        (200, b"{}", (("ETag", '"1"'),))
    }
    with pytest.raises(IdempotencyKeyReused):
        answer_once(admin, "k", said=b"different")


def test_a_twin_is_told_so_at_once(committed: None) -> None:
    actor = factories.make_actor(factories.make_tenant())
    refused: list[Any] = []

    def twin() -> None:
        for key in ("k", "another"):
            try:
                refused.append(answer_once(actor, key).replayed)
            except DomainError as error:
                refused.append(error)
        connections.close_all()

    def meanwhile() -> None:
        thread = threading.Thread(target=twin)
        thread.start()
        thread.join(timeout=5)
        assert not thread.is_alive()

    assert not answer_once(actor, "k", meanwhile).replayed
    in_progress, free = refused
    assert isinstance(in_progress, IdempotencyInProgress)
    assert in_progress.retry_after == 1
    assert free is False
    assert answer_once(actor, "k").replayed


def test_a_twin_over_the_wire_gets_409_and_when_to_ask_again(committed: None) -> None:
    actor = factories.make_actor(factories.make_tenant())
    client = factories.client_of(actor)
    answers: list[HttpResponse] = []

    def twin() -> None:
        answers.append(client.post("/prompts", BODY, Idempotency_Key="k"))
        connections.close_all()

    def meanwhile() -> None:
        thread = threading.Thread(target=twin)
        thread.start()
        thread.join(timeout=5)

    answer_once(actor, "k", meanwhile)
    (answer,) = answers
    assert (answer.status_code, error_of(answer)["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert answer["Retry-After"] == "1"


def test_many_twins_leave_one_effect(committed: None) -> None:
    tenant = factories.make_tenant()
    client = factories.client_of(factories.make_actor(tenant))
    answers: list[HttpResponse] = []
    barrier = threading.Barrier(8)

    def send() -> None:
        barrier.wait()
        answers.append(client.post("/prompts", BODY, Idempotency_Key="k"))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Prompt.objects.filter(tenant=tenant).count() == 1
    made = [each for each in answers if each.status_code == 201]
    assert len([each for each in made if not is_replay(each)]) == 1
    assert {each.content for each in made} == {made[0].content}
    others = [error_of(each)["code"] for each in answers if each.status_code != 201]
    assert set(others) <= {"IDEMPOTENCY_IN_PROGRESS"}
    assert is_replay(client.post("/prompts", BODY, Idempotency_Key="k"))


# ----------------------------------------------------------------------------- its parts
def test_a_fingerprint_knows_where_a_part_ends() -> None:
    assert fingerprint(b"a", b"bc") != fingerprint(b"ab", b"c")
    assert fingerprint(b"a") != fingerprint(b"a", b"")
    assert fingerprint(b"a", b"bc") == fingerprint(b"a", b"bc")
    assert len(fingerprint(b"a")) == 32


def test_a_key_that_can_be_is_given_back() -> None:
    assert check_key("a" * 255) == "a" * 255
    with pytest.raises(Invalid):
        check_key("a\n")


def test_what_is_older_than_a_day_is_purged(admin: Actor) -> None:
    for key in ("old", "new"):
        answer_once(admin, key)
    IdempotencyRecord.objects.filter(key="old").update(created_at=timezone.now() - idempotency.KEPT_FOR)
    IdempotencyRecord.objects.filter(key="new").update(created_at=timezone.now() - timedelta(hours=23))
    assert actions.purge_idempotency_records() == 1
    assert [each.key for each in IdempotencyRecord.objects.all()] == ["new"]


def test_the_lock_goes_with_the_transaction(committed: None) -> None:
    actor = factories.make_actor(factories.make_tenant())
    answer_once(actor, str(uuid.uuid4()))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,)
