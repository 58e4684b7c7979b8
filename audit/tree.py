"""A tenant's Merkle tree as the database has it: leaves in the entries, every eighth level in nodes that are kept."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from django.db import connection

from audit import chain, merkle
from audit.models import TreeNode


def nodes(tenant_id: UUID, size: int) -> merkle.Nodes:
    """The nodes of the tree over a tenant's first `size` entries, read as they are asked for."""
    return merkle.nodes_from(partial(_kept, tenant_id), size)


def leaves(tenant_id: UUID, start: int, end: int) -> list[bytes]:
    """The leaves from one index to before another; the entry of number n is leaf n - 1."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT canonical, leaf FROM audit_auditentry WHERE tenant_id = %s AND seq > %s AND seq <= %s ORDER BY seq",
            [tenant_id, start, end],
        )
        return [leaf_of(canonical, leaf) for canonical, leaf in cursor.fetchall()]


def leaf_of(canonical: bytes, leaf: bytes | memoryview | None) -> bytes:
    """The leaf of an entry; of a redacted one it is all that is left."""
    return bytes(leaf) if leaf is not None else chain.leaf_hash(canonical)


def keep(tenant_id: UUID, complete: Sequence[merkle.Node]) -> None:
    """Store the nodes that have become complete."""
    TreeNode.objects.bulk_create(
        TreeNode(tenant_id=tenant_id, level=each.level, index=each.index, hash=each.hash) for each in complete
    )


def _kept(tenant_id: UUID, level: int, start: int, end: int) -> Sequence[bytes]:
    if level == 0:
        return leaves(tenant_id, start, end)
    found = TreeNode.objects.filter(tenant_id=tenant_id, level=level, index__gte=start, index__lt=end)
    return [bytes(each) for each in found.order_by("index").values_list("hash", flat=True)]
