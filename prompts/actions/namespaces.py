"""Verbs on namespaces. Making a tenant whole is one of them, since a tenant has its `default` namespace."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from audit.unit import record, verb
from prompts import policy
from prompts.actions.changes import requested
from prompts.actions.tiers import apply_to_tiers
from prompts.models import Namespace, NamespacePolicy, PolicyChange
from prompts.models.namespaces import default_evaluation_policy
from prompts.names import DEFAULT_NAMESPACE, check_namespace_slug
from prompts.policy import Changes, Terms
from pvc.errors import Conflict
from tenants import actions as tenants
from tenants.models import Actor, NotADecider, Tenant


class OwnChange(Conflict):
    code = "OWN_CHANGE"


class ChangeDecided(Conflict):
    code = "CHANGE_DECIDED"


@verb
def open_tenant(tenant: Tenant, *, by: Actor) -> Tenant:
    """Make a tenant and its namespace `default`, in which nothing needs approval until somebody says so."""
    tenants.create_tenant(tenant, by=by)
    create_namespace(DEFAULT_NAMESPACE, name="Default", required_approvals=0, by=by)
    return tenant


@verb
def create_namespace(
    slug: str,
    *,
    name: str,
    by: Actor,
    description: str = "",
    required_approvals: int = 1,
    terms: Mapping[str, Any] | None = None,
) -> Namespace:
    """Make a namespace and the first row of its policy. `terms` are its custom tags, default harness and
    evaluation policy."""
    check_namespace_slug(slug)
    asked = policy.checked({**(terms or {}), "required_approvals": required_approvals})
    usual = Terms(required_approvals, [], default_evaluation_policy())
    first = policy.changed(usual, asked)
    namespace = Namespace.objects.create(tenant=by.tenant, slug=slug, name=name, description=description)
    row = NamespacePolicy.objects.create(
        tenant=by.tenant, namespace=namespace, number=1, changed_by=by.user, **first._asdict()
    )
    record("namespace.created", namespace, by=by, slug=slug, name=name, required_approvals=required_approvals)
    if unusual := policy.difference(usual, first):
        _record_policy(namespace, row, unusual, by=by)
    return namespace


@verb(refused="policy.change_requested")
def update_namespace(namespace: Namespace, changes: Changes, *, by: Actor) -> PolicyChange | None:
    """Change a namespace and its policy: all at once, or, where any of it weakens, nothing until another person agrees.

    Returns the change that waits, if it must.
    """
    asked = policy.checked(changes)
    namespace = namespace.locked_for_change()
    present = namespace.policy.terms
    wanted = policy.changed(present, asked)
    differing = {**_renamed(namespace, asked), **policy.difference(present, wanted)}
    if policy.needs_second_person(present, wanted):
        return requested(namespace, differing, by=by)
    _apply(namespace, differing, by=by)
    return None


@verb(refused="policy.change_approved")
def approve_change(change: PolicyChange, *, by: Actor) -> PolicyChange:
    """A second person agrees: what was asked for holds from now on, whatever else the policy has become."""
    namespace = change.namespace.locked_for_change()
    change = _decided(change, approved=True, by=by)
    record("policy.change_approved", change, by=by, namespace=namespace.slug, changes=change.changes)
    _apply(namespace, change.changes, by=by, approved=change)
    apply_to_tiers(namespace, change.changes.get("tiers", {}), by=by, approved=change)
    return change


@verb(refused="policy.change_rejected")
def reject_change(change: PolicyChange, *, by: Actor) -> PolicyChange:
    """A second person says no: the policy stays as it is."""
    namespace = change.namespace.locked_for_change()
    change = _decided(change, approved=False, by=by)
    record("policy.change_rejected", change, by=by, namespace=namespace.slug, changes=change.changes)
    return change


def _renamed(namespace: Namespace, asked: Changes) -> Changes:
    """Which of the namespace's own words are to be other."""
    words = ("name", "description")
    return {word: asked[word] for word in words if word in asked and asked[word] != getattr(namespace, word)}


def _decided(change: PolicyChange, *, approved: bool, by: Actor) -> PolicyChange:
    """The change with its decision, under the namespace's lock. Raises OwnChange, ChangeDecided, NotADecider."""
    change = PolicyChange.objects.select_related("requested_by").get(pk=change.pk)
    person = by.author
    if not by.decides:
        raise NotADecider("A change of policy is decided by an active person of the tenant, not by a service account.")
    if change.concerns(person):
        raise OwnChange("A change of policy is decided by another person than the one who asked for it.")
    if not change.is_pending:
        raise ChangeDecided(f"This change was {change.decision} already.")
    change.decided_by, change.approved, change.decided_at = person, approved, timezone.now()
    change.save(update_fields=["decided_by", "approved", "decided_at"])
    return change


def _apply(namespace: Namespace, changes: Changes, *, by: Actor, approved: PolicyChange | None = None) -> None:
    """Write what differs from what is there now: the namespace's own words, and the next row of its policy."""
    if renamed := _renamed(namespace, changes):
        for word, value in renamed.items():
            setattr(namespace, word, value)
        namespace.save(update_fields=sorted(renamed))
        record("namespace.updated", namespace, by=by, changes=renamed)
    present = namespace.policy
    wanted = policy.changed(present.terms, changes)
    if differing := policy.difference(present.terms, wanted):
        row = NamespacePolicy.objects.create(
            tenant=namespace.tenant,
            namespace=namespace,
            number=present.number + 1,
            changed_by=approved.requested_by if approved else by.user,
            approved_by=approved.decided_by if approved else None,
            **wanted._asdict(),
        )
        _record_policy(namespace, row, differing, by=by)


def _record_policy(namespace: Namespace, row: NamespacePolicy, changes: Changes, *, by: Actor) -> None:
    record(
        "policy.changed",
        namespace,
        by=by,
        namespace=namespace.slug,
        number=row.number,
        changes=changes,
        changedBy=row.changed_by.username if row.changed_by else None,
        approvedBy=row.approved_by.username if row.approved_by else None,
    )
