"""Logs to tamper with, and somebody who can: the owner of the tables, with the triggers switched off."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections, transaction

from audit import sealing
from audit.unit import record, verb
from prompts.models import Namespace
from tenants.models import Actor, Tenant
from tests import factories

TABLES = ("audit_auditentry", "audit_checkpoint", "audit_treenode", "audit_audithead")


@verb
def happen(namespace: Namespace, words: list[dict[str, Any]], *, by: Actor) -> None:
    """Entries whose columns hold something of every kind; every other one concerns a prompt."""
    for number, changes in enumerate(words):
        record("namespace.updated", namespace, by=by, prompt_id=uuid.uuid4() if number % 2 else None, changes=changes)


def words(number: int) -> dict[str, Any]:
    return {"name": f"Näme {number}", "n": number, "x": [True, None, 1.5, 1e300], "nested": {"b": 1, "a": "2"}}


def grow(tenant: Tenant, entries: int) -> None:
    """Add so many entries, up to a hundred in a unit."""
    namespace, by = Namespace.objects.get(tenant=tenant, slug="default"), Actor.command(tenant)
    while entries:
        several = min(entries, 100)
        happen(namespace, [words(number) for number in range(several)], by=by)
        entries -= several


def sealed_log(sealed: int, tail: int = 0, *, points: int = 1) -> Tenant:
    """A tenant whose log has so many entries under so many checkpoints, and so many entries after the last."""
    tenant = factories.make_tenant()
    for point in range(1, points + 1):
        grow(tenant, sealed * point // points - size_of(tenant))
        assert sealing.seal(tenant.pk) is not None
    grow(tenant, tail)
    return tenant


def size_of(tenant: Tenant) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT size FROM audit_audithead WHERE tenant_id = %s", [tenant.pk])
        return int(cursor.fetchone()[0])


@contextmanager
def as_owner() -> Iterator[None]:
    """In here everything is read and written as the owner, whom no trigger stops; then all is as before."""
    serving = connections["default"]
    connections["default"] = connections["owner"]
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                for table in TABLES:
                    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            yield
            transaction.set_rollback(True)
    finally:
        connections["owner"].close()
        connections["default"] = serving


@contextmanager
def tampered(*statements: str, **values: Any) -> Iterator[None]:
    """Inside of `as_owner`: the log after these statements, which are taken back at the end."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, values)
        yield
        transaction.set_rollback(True)
