"""A tenant's log as lines for whoever wants to check it elsewhere (tools/pvc_verify.py says what stands in them)."""

from collections.abc import Iterator
from itertools import chain as joined
from typing import Any, Final
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction

from audit import note
from audit.models import AuditHead, Checkpoint
from audit.sealing import verifier_keys
from pvc.errors import NotFound

FORMAT: Final = "pvc-audit-1"
AT_ONCE: Final = 10_000


def size_of(tenant_id: UUID) -> int:
    """How many entries the log has now."""
    return AuditHead.objects.filter(pk=tenant_id).values_list("size", flat=True).first() or 0


def lines(tenant_id: UUID) -> Iterator[bytes]:
    """The log as it is now, each line with its end: what it is, its entries, its checkpoints. Raises NotFound.

    All of one moment: what is redacted meanwhile is exported as it was.
    """
    if connection.in_atomic_block:
        yield from _lines(tenant_id)
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield from _lines(tenant_id)


def _lines(tenant_id: UUID) -> Iterator[bytes]:
    head = AuditHead.objects.filter(pk=tenant_id).first()
    if head is None:
        raise NotFound("This tenant has no log yet.")
    first = {
        "format": FORMAT,
        "tenant": str(tenant_id),
        "size": head.size,
        "head_hash": bytes(head.head_hash).hex(),
        "origin": note.origin(tenant_id, settings.PUBLIC_API_URL),
        "verifier_keys": [str(each) for each in verifier_keys()],
    }
    checkpoints = Checkpoint.objects.filter(tenant_id=tenant_id, size__lte=head.size).order_by("size")
    notes = ({"checkpoint": each} for each in checkpoints.values_list("note", flat=True).iterator(chunk_size=1_000))
    for line in joined([first], _entries(tenant_id, head.size), notes):
        yield orjson.dumps(line) + b"\n"


def _entries(tenant_id: UUID, last: int) -> Iterator[dict[str, Any]]:
    position = 0
    while position < last:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT seq, canonical, leaf, prev_hash, entry_hash, key_id, mac, second_key_id, second_mac
                FROM audit_auditentry WHERE tenant_id = %s AND seq > %s AND seq <= %s ORDER BY seq LIMIT %s
                """,
                [tenant_id, position, last, AT_ONCE],
            )
            rows = cursor.fetchall()
        if not rows:
            return
        yield from (_line(*row) for row in rows)
        position = rows[-1][0]


def _line(
    seq: int,
    canonical: bytes,
    leaf: bytes | None,
    prev_hash: bytes,
    entry_hash: bytes,
    key_id: str,
    mac: bytes,
    second_key_id: str,
    second_mac: bytes | None,
) -> dict[str, Any]:
    said = {"canonical": canonical.decode(errors="replace")} if leaf is None else {"leaf": leaf.hex()}
    line = {
        "seq": seq,
        **said,
        "prev_hash": prev_hash.hex(),
        "entry_hash": entry_hash.hex(),
        "key_id": key_id,
        "mac": mac.hex(),
    }
    if second_mac is not None:
        line |= {"second_key_id": second_key_id, "second_mac": second_mac.hex()}
    return line
