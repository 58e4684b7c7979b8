"""Changes that weaken a namespace's policy, and so wait for a second person."""

from audit.unit import record
from prompts.models import Namespace, PolicyChange
from prompts.policy import Changes
from tenants.models import Actor


def requested(namespace: Namespace, changes: Changes, *, by: Actor) -> PolicyChange:
    """The change of a *locked* namespace that waits; asked for again, it is the same one."""
    for waiting in namespace.changes.pending().select_related("requested_by").order_by("id"):
        if waiting.changes == changes:
            return waiting
    change = PolicyChange.objects.create(tenant=by.tenant, namespace=namespace, changes=changes, requested_by=by.author)
    record("policy.change_requested", change, by=by, namespace=namespace.slug, changes=changes)
    return change
