"""Logs too long to be written one unit at a time: by COPY, each entry hashed and signed as the product does it."""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from audit import chain, keys, sealing
from audit.models import AuditHead
from pvc.ids import new_id
from tenants.models import Tenant

_VERBS = ("version.created", "tag.moved", "version.approved", "prompt.updated")
_COPY = """
    COPY audit_auditentry (id, tenant_id, seq, at, actor, via, verb, target, prompt_id, data, canonical, prev_hash,
        entry_hash, key_id, mac, second_key_id, second_mac, leaf) FROM STDIN (FORMAT binary)
"""
_TYPES = [
    *("uuid", "uuid", "int8", "timestamptz", "text", "text", "text", "text", "uuid", "jsonb", "bytea", "bytea"),
    *("bytea", "text", "bytea", "text", "bytea", "bytea"),
]


def fill(tenant: Tenant, entries: int, *, at_once: int = 100_000) -> None:
    """Add so many entries to a tenant's log, sealed after every `at_once`."""
    while entries:
        several = min(entries, at_once)
        _append(tenant.pk, several)
        sealing.seal(tenant.pk)
        entries -= several


def _append(tenant_id: UUID, entries: int) -> None:
    ring = keys.ring()
    key = ring.mac_key(ring.key_id, tenant_id)
    assert key is not None
    found = AuditHead.objects.filter(pk=tenant_id).first()
    head = found or AuditHead(tenant_id=tenant_id, head_hash=chain.GENESIS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in _rows(head, key, ring.key_id, entries):
                copy.write_row(row)
    head.mac = chain.head_mac(key, tenant=tenant_id, size=head.size, head_hash=bytes(head.head_hash))
    head.key_id = ring.key_id
    head.save()


def _rows(head: AuditHead, key: bytes, key_id: str, entries: int) -> Iterator[tuple[Any, ...]]:
    """The rows of `entries` more entries; the head goes along."""
    tenant_id, now = head.tenant_id, timezone.now()
    prompts = [uuid4() for _ in range(100)]
    for _ in range(entries):
        head.size += 1
        seq, previous = head.size, bytes(head.head_hash)
        columns: dict[str, Any] = {
            "seq": seq,
            "at": now + dt.timedelta(microseconds=seq),
            "actor": f"user-{seq % 50}",
            "via": "console" if seq % 3 else "key:0123456789abcdef",
            "verb": _VERBS[seq % 4],
            "target": str(prompts[seq % 97]),
            "prompt_id": prompts[seq % 100] if seq % 10 else None,
            "data": {"version": seq, "digest": f"{seq:064x}", "reason": "Ünläut and a few words more", "ok": True},
        }
        canonical = chain.canonical_entry(tenant=tenant_id, **columns)
        head.head_hash = entry_hash = chain.entry_hash(previous, canonical)
        mac = chain.entry_mac(key, tenant=tenant_id, seq=seq, entry_hash=entry_hash)
        columns["data"] = Jsonb(columns["data"])
        yield (new_id(), tenant_id, *columns.values(), canonical, previous, entry_hash, key_id, mac, "", None, None)
