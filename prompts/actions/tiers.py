"""Verbs on budget tiers. Where approvals are required, a laxer one waits for a second person, as a policy does."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from audit.unit import record, touch_served, verb
from prompts.actions.changes import requested
from prompts.models import BudgetTier, Namespace, PolicyChange
from tenants.models import Actor

#: The fields of a tier that are to be other; None: the tier is to go.
TierChanges = Mapping[str, Any] | None


@verb
def create_tier(namespace: Namespace, *, name: str, max_tokens: int, enforcement: str, by: Actor) -> BudgetTier:
    """Make a budget tier. A prompt has it from when the prompt says so."""
    tier = BudgetTier.objects.create(
        tenant=by.tenant, namespace=namespace, name=name, max_tokens=max_tokens, enforcement=enforcement
    )
    record(
        "tier.created",
        tier,
        by=by,
        namespace=namespace.slug,
        name=name,
        max_tokens=max_tokens,
        enforcement=enforcement,
    )
    return tier


@verb(refused="policy.change_requested")
def update_tier(tier: BudgetTier, changes: Mapping[str, Any], *, by: Actor) -> PolicyChange | None:
    """Change a budget tier; if that makes it laxer, only once another person agrees.

    Returns the change that waits, if it must.
    """
    namespace = tier.namespace.locked_for_change()
    tier = namespace.tiers.get(pk=tier.pk)
    differing = _differing(tier, changes)
    if differing and _is_laxer(tier, differing) and namespace.policy.required_approvals:
        return requested(namespace, {"tiers": {str(tier.pk): differing}}, by=by)
    _write(namespace, tier, differing, by=by)
    return None


@verb(refused="policy.change_requested")
def delete_tier(tier: BudgetTier, *, by: Actor) -> PolicyChange | None:
    """Delete a budget tier: prompts that had it have none. Returns the change that waits, if it must."""
    namespace = tier.namespace.locked_for_change()
    tier = namespace.tiers.get(pk=tier.pk)
    if namespace.policy.required_approvals:
        return requested(namespace, {"tiers": {str(tier.pk): None}}, by=by)
    _write(namespace, tier, None, by=by)
    return None


def apply_to_tiers(
    namespace: Namespace, tiers: Mapping[str, TierChanges], *, by: Actor, approved: PolicyChange
) -> None:
    """Do to the tiers of a *locked* namespace what was agreed on; a tier that has gone meanwhile stays gone."""
    for tier in namespace.tiers.filter(pk__in=tiers):
        changes = tiers[str(tier.pk)]
        _write(namespace, tier, None if changes is None else _differing(tier, changes), by=by, approved=approved)


def _differing(tier: BudgetTier, changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if getattr(tier, name) != value}


def _is_laxer(tier: BudgetTier, changes: Mapping[str, Any]) -> bool:
    unblocks = tier.enforcement == BudgetTier.BLOCK and changes.get("enforcement") == BudgetTier.WARN
    return unblocks or bool(changes.get("max_tokens", 0) > tier.max_tokens)


def _write(
    namespace: Namespace, tier: BudgetTier, changes: TierChanges, *, by: Actor, approved: PolicyChange | None = None
) -> None:
    asked = approved.requested_by.username if approved else by.name
    agreed = approved.decided_by.username if approved and approved.decided_by else None
    if changes is None:
        record(
            "tier.deleted",
            tier,
            by=by,
            namespace=namespace.slug,
            name=tier.name,
            changedBy=asked,
            approvedBy=agreed,
        )
        tier.prompts.update(tier=None)
        tier.delete()
    elif changes:
        for name, value in changes.items():
            setattr(tier, name, value)
        tier.updated_at = timezone.now()
        tier.save(update_fields=[*changes, "updated_at"])
        record(
            "tier.changed",
            tier,
            by=by,
            namespace=namespace.slug,
            name=tier.name,
            changes=dict(changes),
            changedBy=asked,
            approvedBy=agreed,
        )
    if changes != {}:
        touch_served(namespace.tenant_id)
