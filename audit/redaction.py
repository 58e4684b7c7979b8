"""Taking out what an entry says, where the law asks for it: its hash stays, and with it the chain and the tree.

The serving role cannot do it, and nobody can do it unseen: first an entry is written that tells of it, then the owner
of the tables takes the content out. Verification asks for the former wherever it finds the latter.
"""

from collections.abc import Sequence

from django.db import connections, transaction

from audit import chain
from audit.entries import REDACTED
from audit.models import AuditEntry
from audit.unit import record, verb
from pvc.errors import Conflict, NotFound
from tenants.models import Actor, Tenant

#: The entries in which the log speaks of itself.
KEPT = ("audit.redacted", "audit.key_changed")


class NotRedactable(Conflict):
    code = "NOT_REDACTABLE"


@verb
def tell(seqs: Sequence[int], *, reason: str, by: Actor) -> None:
    """Write down that these entries of the actor's tenant are redacted, and why. Raises NotFound and NotRedactable."""
    found = {entry.seq: entry for entry in AuditEntry.objects.visible_to(by).filter(seq__in=seqs)}
    if missing := sorted(set(seqs) - found.keys()):
        raise NotFound(f"There is no entry {missing[0]}.")
    for seq, entry in sorted(found.items()):
        if entry.verb in KEPT:
            raise NotRedactable(f"Entry {seq} is one in which the log speaks of itself; it stays.")
    record("audit.redacted", by.tenant, by=by, seqs=sorted(found), reason=reason)


def take_out(tenant: Tenant, seqs: Sequence[int]) -> int:
    """As the owner of the tables: leave of these entries nothing but the leaf. Returns how many were changed."""
    entries = AuditEntry.objects.using("owner").filter(tenant_id=tenant.pk, seq__in=seqs, leaf__isnull=True)
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditentry DISABLE TRIGGER audit_entries_are_append_only")
        found = list(entries.values_list("pk", "canonical"))
        for pk, canonical in found:
            cursor.execute(
                """
                UPDATE audit_auditentry SET leaf = %s, canonical = '', at = 'epoch', actor = %s, via = %s, verb = %s,
                    target = %s, prompt_id = NULL, data = '{}' WHERE id = %s
                """,
                [chain.leaf_hash(bytes(canonical)), *REDACTED, pk],
            )
        cursor.execute("ALTER TABLE audit_auditentry ENABLE ALWAYS TRIGGER audit_entries_are_append_only")
    return len(found)
