"""The head of the chain: whoever tampers with it stops all writing, and nothing is changed on the way."""

import itertools
import threading
import uuid
from typing import Any

import pytest
from django.db import connection, connections

from audit.models import AuditEntry, AuditHead, OutboxEvent
from prompts.models import Namespace, Prompt
from tenants.models import Actor, ApiKey, Tenant, User
from tests import factories
from tests.factories import Client, error_of, json_of

TAMPERED = {
    "shorter": "UPDATE audit_audithead SET size = size - 1 WHERE tenant_id = %(tenant)s",
    "longer": "UPDATE audit_audithead SET size = size + 1 WHERE tenant_id = %(tenant)s",
    "another hash": "UPDATE audit_audithead SET head_hash = sha256('x') WHERE tenant_id = %(tenant)s",
    "another mac": "UPDATE audit_audithead SET mac = sha256('x') WHERE tenant_id = %(tenant)s",
    "no mac": "UPDATE audit_audithead SET mac = '' WHERE tenant_id = %(tenant)s",
    "another key": "UPDATE audit_audithead SET key_id = '00000000' WHERE tenant_id = %(tenant)s",
    "another tenant's": (
        "UPDATE audit_audithead SET (size, head_hash, mac) ="
        " (SELECT size, head_hash, mac FROM audit_audithead WHERE tenant_id = %(other)s) WHERE tenant_id = %(tenant)s"
    ),
    "gone": "DELETE FROM audit_audithead WHERE tenant_id = %(tenant)s",
}


def everything_of(tenant: Tenant) -> tuple[Any, ...]:
    """What a write could have changed."""
    models = (Prompt, Namespace, User, ApiKey)
    return (
        [list(model.objects.filter(tenant=tenant).order_by("pk").values()) for model in models],
        list(AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq").values("seq", "entry_hash")),
        list(AuditHead.objects.filter(tenant_id=tenant.pk).values()),
        OutboxEvent.objects.filter(tenant_id=tenant.pk).count(),
        Tenant.objects.get(pk=tenant.pk).generation,
    )


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_head_stops_all_writing(committed: None, statement: str) -> None:
    tenant, other = factories.make_tenant(), factories.make_tenant()
    client = factories.client_of(factories.make_actor(tenant))
    assert client.post("/prompts", {"name": "before", "template": "a"}).status_code == 201
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, {"tenant": tenant.pk, "other": other.pk})
    connections["owner"].close()
    before = everything_of(tenant)
    for refused in (
        client.post("/prompts", {"name": "after", "template": "a"}),
        client.post("/prompts/before/versions", {"content": "b"}),
        client.post("/prompts", {"name": "after", "template": "a"}, Idempotency_Key="again"),
        client.post("/api-keys", {"name": "ci", "scopes": ["admin"]}),
        client.delete("/prompts/before"),
    ):
        assert (refused.status_code, error_of(refused)["code"]) == (503, "AUDIT_HEAD_BROKEN")
        assert "X-Audit-Seq" not in refused
    assert everything_of(tenant) == before
    assert client.get("/prompts/before").status_code == 200
    assert client.get("/prompts/audit").status_code == 200
    assert factories.client_of(factories.make_actor(other)).post("/prompts", {"name": "a", "template": "a"})


def test_an_older_head_stops_all_writing(committed: None) -> None:
    """A row that was valid once, put back over entries that came after it."""
    tenant = factories.make_tenant()
    client = factories.client_of(factories.make_actor(tenant))
    client.post("/prompts", {"name": "one", "template": "a"})
    old = AuditHead.objects.filter(pk=tenant.pk).values("size", "head_hash", "mac").get()
    client.post("/prompts", {"name": "two", "template": "a"})
    AuditHead.objects.filter(pk=tenant.pk).update(**old)
    before = everything_of(tenant)
    refused = client.post("/prompts", {"name": "three", "template": "a"})
    assert (refused.status_code, error_of(refused)["code"]) == (503, "AUDIT_HEAD_BROKEN")
    assert everything_of(tenant) == before


def test_another_audit_key_stops_all_writing(as_admin: Client, settings: Any) -> None:
    settings.AUDIT_KEY = "another key, of which nobody has said that it may follow"
    refused = as_admin.post("/prompts", {"name": "one", "template": "a"})
    assert (refused.status_code, error_of(refused)["code"]) == (503, "AUDIT_HEAD_BROKEN")
    assert refused["Retry-After"] == "1"
    assert json_of(as_admin.get("/prompts"))["data"] == []


def test_a_refused_attempt_cannot_hide_behind_a_broken_head(as_admin: Client, acme: Tenant) -> None:
    as_admin.post("/prompts", {"name": "one", "template": "a"})
    as_admin.delete("/prompts/one")
    AuditHead.objects.filter(pk=acme.pk).update(mac=b"x" * 32)
    refused = as_admin.delete("/prompts/one")
    assert (refused.status_code, error_of(refused)["code"]) == (503, "AUDIT_HEAD_BROKEN")


# ----------------------------------------------------------------------------- many at once
THREADS, WRITES = 8, 10


def append(tenant: Tenant, number: int, failures: list[BaseException]) -> None:
    try:
        for write in range(WRITES):
            factories.make_user(tenant, f"u-{uuid.uuid4().hex}-{number}-{write}", "Author")
    except BaseException as error:  # noqa: BLE001 — told by the thread that waits
        failures.append(error)
    finally:
        connections.close_all()


def test_eight_writers_leave_one_chain_without_gaps(committed: None) -> None:
    tenant = factories.make_tenant()
    failures: list[BaseException] = []
    threads = [threading.Thread(target=append, args=(tenant, number, failures)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    entries = list(AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq"))
    assert [each.seq for each in entries] == list(range(1, 2 + THREADS * WRITES + 1))
    for before, after in itertools.pairwise(entries):
        assert bytes(after.prev_hash) == bytes(before.entry_hash)
    head = AuditHead.objects.get(pk=tenant.pk)
    assert (head.size, bytes(head.head_hash)) == (len(entries), bytes(entries[-1].entry_hash))


def test_eight_first_writers_make_one_head(committed: None) -> None:
    """A tenant whose log is empty: nobody's row is there to wait for."""
    tenant = Tenant.objects.create(slug=f"t-{uuid.uuid4().hex[:12]}", name="Without a log")
    failures: list[BaseException] = []
    barrier = threading.Barrier(THREADS)

    def begin(number: int) -> None:
        barrier.wait()
        append(tenant, number, failures)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), min(seq), max(seq) FROM audit_auditentry WHERE tenant_id = %s", [tenant.pk])
        assert cursor.fetchone() == (THREADS * WRITES, 1, THREADS * WRITES)


def test_tenants_do_not_wait_for_each_other(committed: None) -> None:
    """A head that is held stops its own tenant alone."""
    held, free = factories.make_tenant(), factories.make_tenant()
    with connections["owner"].cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM audit_audithead WHERE tenant_id = %s FOR UPDATE", [held.pk])
        factories.make_user(free)
        waited = factories.client_of(factories.make_actor(free)).post("/prompts", {"name": "a", "template": "a"})
        assert waited.status_code == 201
        cursor.execute("ROLLBACK")
    connections["owner"].close()


def test_a_head_that_is_not_had_in_time_is_an_answer(committed: None) -> None:
    tenant = factories.make_tenant()
    actor: Actor = factories.make_actor(tenant)
    client = factories.client_of(actor)
    client.get("/prompts")
    with connections["owner"].cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM audit_audithead WHERE tenant_id = %s FOR UPDATE", [tenant.pk])
        refused = client.post("/prompts", {"name": "a", "template": "a"})
        cursor.execute("ROLLBACK")
    connections["owner"].close()
    assert (refused.status_code, error_of(refused)["code"], refused["Retry-After"]) == (503, "UNAVAILABLE", "1")
    assert client.post("/prompts", {"name": "a", "template": "a"}).status_code == 201
