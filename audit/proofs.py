"""Proofs of a tenant's log, made from the tree that is kept, and checked before they are handed out."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from audit import merkle, tree
from audit.models import AuditEntry, Checkpoint
from pvc.errors import Conflict, Invalid, NotFound


class Unprovable(Conflict):
    """The stored log does not lead to the root that was signed: verify it."""

    code = "LOG_DOES_NOT_VERIFY"


class Inclusion(NamedTuple):
    """That an entry is among the first `size`: its leaf, and the hashes from it to their root."""

    seq: int
    size: int
    leaf: bytes
    entry_hash: bytes
    proof: list[bytes]
    checkpoint: Checkpoint


class Consistency(NamedTuple):
    """That the log of one checkpoint begins with that of another."""

    old: Checkpoint
    new: Checkpoint
    proof: list[bytes]


def inclusion(tenant_id: UUID, seq: int, size: int | None) -> Inclusion:
    """Raises NotFound for an entry or a checkpoint that there is not, Invalid, and Unprovable."""
    checkpoint = _checkpoint(tenant_id, size)
    if not 1 <= seq <= checkpoint.size:
        raise Invalid.field("seq", f"Use a number from 1 to {checkpoint.size}: the entries that the checkpoint covers.")
    found = AuditEntry.objects.filter(tenant_id=tenant_id, seq=seq).only("canonical", "leaf", "entry_hash").first()
    if found is None:
        raise Unprovable(f"Entry {seq} is missing. Verify the log.")
    leaf = tree.leaf_of(bytes(found.canonical), found.leaf)
    proof = _made(lambda: merkle.inclusion_proof(seq - 1, checkpoint.size, tree.nodes(tenant_id, checkpoint.size)))
    if not merkle.verify_inclusion(leaf, seq - 1, checkpoint.size, proof, bytes(checkpoint.root_hash)):
        raise Unprovable("The stored log does not lead to the signed root. Verify the log.")
    return Inclusion(seq, checkpoint.size, leaf, bytes(found.entry_hash), proof, checkpoint)


def consistency(tenant_id: UUID, old: int, new: int | None) -> Consistency:
    """Raises NotFound for a checkpoint that there is not, Invalid, and Unprovable."""
    after, before = _checkpoint(tenant_id, new), _checkpoint(tenant_id, old)
    if before.size > after.size:
        raise Invalid.field("from", "The log only grows: `from` is the smaller size.")
    proof = _made(lambda: merkle.consistency_proof(before.size, after.size, tree.nodes(tenant_id, after.size)))
    roots = bytes(before.root_hash), bytes(after.root_hash)
    if not merkle.verify_consistency(before.size, after.size, *roots, proof):
        raise Unprovable("The stored log does not lead to the signed root. Verify the log.")
    return Consistency(before, after, proof)


def newest(tenant_id: UUID) -> Checkpoint:
    """The newest checkpoint. Raises NotFound while there is none."""
    return _checkpoint(tenant_id, None)


def _checkpoint(tenant_id: UUID, size: int | None) -> Checkpoint:
    checkpoints = Checkpoint.objects.of(tenant_id)
    found = (checkpoints if size is None else checkpoints.filter(size=size)).first()
    if found is None:
        raise NotFound("There is no checkpoint yet." if size is None else f"There is no checkpoint of size {size}.")
    return found


def _made(make: Callable[[], list[bytes]]) -> list[bytes]:
    try:
        return make()
    except LookupError as error:
        raise Unprovable("Parts of the stored log are missing. Verify the log.") from error
