"""The sealer: now and then it signs how long each log is and what it holds, and keeps that outside of the database too.

A checkpoint is made for every tenant whose log has grown, five seconds after the last one or 256 entries, whichever
comes first. What it covers was read again, from the checkpoint before: a log that does not verify is not signed.
"""

from typing import NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from prometheus_client import Counter

from audit import anchors, chain, keys, merkle, note, tree
from audit.models import AuditHead, Checkpoint, OutboxEvent
from pvc import doorbell

logger = structlog.get_logger(__name__)

SECONDS = 5
ENTRIES = 256
#: How many entries are read and hashed in one go.
AT_ONCE = 10_000
EVENT = "audit.checkpoint"

_sealed = Counter("pvc_audit_sealed_entries", "Entries of the audit log that checkpoints cover.")
_failures = Counter("pvc_audit_seal_failures", "Logs that could not be sealed or anchored.", ["reason"])


class BrokenLog(Exception):
    """What is to be sealed does not verify; nothing is signed."""


class Covered(NamedTuple):
    """The tree over a log, and the hash of its last entry."""

    tree: merkle.Tree
    head_hash: bytes


def seal_due(_worker: str) -> int:
    """Seal every log that is due. Returns how many were. One that cannot be sealed is told of and passed over."""
    done = 0
    for tenant_id in _due():
        try:
            done += seal(tenant_id) is not None
        except BrokenLog as broken:
            _failures.labels("broken").inc()
            why = str(broken)
            logger.error("audit log does not verify and is not sealed", tenant=str(tenant_id), why=why)  # noqa: TRY400
    return done


def seal(tenant_id: UUID) -> Checkpoint | None:
    """Make a checkpoint of a tenant's log as it is; None if nothing was added, or another sealer is at it.

    Raises BrokenLog.
    """
    with transaction.atomic(durable=True):
        if not _is_ours(tenant_id):
            return None
        head = AuditHead.objects.filter(pk=tenant_id).first()
        last = Checkpoint.objects.of(tenant_id).first()
        if head is None or head.size <= (last.size if last else 0):
            return None
        checkpoint = _signed(tenant_id, covered(tenant_id, head, last))
        _anchor(checkpoint)
        checkpoint.save(force_insert=True)
        OutboxEvent.objects.create(tenant_id=tenant_id, type=EVENT, data=event_data(checkpoint))
    _sealed.inc(checkpoint.size - (last.size if last else 0))
    logger.info("audit log sealed", tenant=str(tenant_id), size=checkpoint.size, root=bytes(checkpoint.root_hash).hex())
    doorbell.ring()
    return checkpoint


def event_data(checkpoint: Checkpoint) -> dict[str, object]:
    """What subscribers are sent: with the note in their hands they are witnesses."""
    return {
        "size": checkpoint.size,
        "rootHash": bytes(checkpoint.root_hash).hex(),
        "headHash": bytes(checkpoint.head_hash).hex(),
        "note": checkpoint.note,
    }


def verifier_keys() -> list[note.VerifierKey]:
    """The public keys that may have signed checkpoints: the present one first."""
    ring = keys.ring()
    return [note.signing_key(each).verifier for each in (ring.current, *ring.previous)]


# ----------------------------------------------------------------------------- parts
def _due() -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT head.tenant_id FROM audit_audithead head LEFT JOIN LATERAL (
                SELECT size, created_at FROM audit_checkpoint
                WHERE tenant_id = head.tenant_id ORDER BY size DESC LIMIT 1
            ) last ON true
            WHERE head.size > coalesce(last.size, 0)
                AND (last.size IS NULL OR head.size >= last.size + %s OR last.created_at < now() - %s * interval '1 s')
            ORDER BY head.tenant_id
            """,
            [ENTRIES, SECONDS],
        )
        return [row[0] for row in cursor.fetchall()]


def _is_ours(tenant_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1))", [str(tenant_id)])
        return bool(cursor.fetchone()[0])


def covered(tenant_id: UUID, head: AuditHead, last: Checkpoint | None) -> Covered:
    """The tree up to the head, from the last checkpoint on; the nodes that became complete are kept.

    Raises BrokenLog.
    """
    if why := head_fault(head):
        raise BrokenLog(f"the end of the log: {why}")
    grown = merkle.Tree.from_bytes(bytes(last.tree)) if last else merkle.Tree()
    if last and (grown.size, grown.root()) != (last.size, bytes(last.root_hash)):
        raise BrokenLog(f"the checkpoint at {last.size} is not what it was")
    previous = bytes(last.head_hash) if last else chain.GENESIS
    while grown.size < head.size:
        end = min(grown.size + AT_ONCE, head.size)
        leaves = tree.leaves(tenant_id, grown.size, end)
        if len(leaves) != end - grown.size:
            raise BrokenLog(f"entries are missing between {grown.size + 1} and {end}")
        for leaf in leaves:
            previous = chain.next_hash(previous, leaf)
        tree.keep(tenant_id, grown.extend(leaves))
    if previous != bytes(head.head_hash):
        raise BrokenLog(f"the entries up to {head.size} do not lead to the head")
    return Covered(grown, previous)


def head_fault(head: AuditHead) -> str | None:
    """What is wrong with the end of a log, if anything."""
    key = keys.ring().mac_key(head.key_id, head.tenant_id)
    if key is None:
        return "it is signed with an unknown key"
    expected = chain.head_mac(key, tenant=head.tenant_id, size=head.size, head_hash=bytes(head.head_hash))
    return None if bytes(head.mac) == expected else "it is not what was written"


def _signed(tenant_id: UUID, log: Covered) -> Checkpoint:
    """While one key follows another, both sign: whoever knows only the old one can go on believing."""
    now, root = timezone.now(), log.tree.root()
    said = note.Checkpoint(
        note.origin(tenant_id, settings.PUBLIC_API_URL), log.tree.size, root, head=log.head_hash, at=now
    )
    ring = keys.ring()
    signed = note.sign(said.text, [note.signing_key(each) for each in (ring.current, *ring.previous)])
    return Checkpoint(
        tenant_id=tenant_id,
        size=log.tree.size,
        root_hash=root,
        head_hash=log.head_hash,
        note=signed,
        tree=bytes(log.tree),
        created_at=now,
    )


def _anchor(checkpoint: Checkpoint) -> None:
    """Outside first: what is in the database and not there would be a checkpoint that can be taken back."""
    try:
        anchors.append(checkpoint.tenant_id, checkpoint.note)
    except OSError as error:
        _failures.labels("anchor").inc()
        logger.error("checkpoint not anchored", tenant=str(checkpoint.tenant_id), why=str(error))  # noqa: TRY400
