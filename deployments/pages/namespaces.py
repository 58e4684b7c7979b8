"""Namespaces: their policies and what they were before, changes that wait for a second person, budget tiers."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.urls import reverse

from deployments.pages import policy_fields
from evaluations.pages.runs import harness_names
from prompts import policy
from prompts.actions import namespaces, tiers
from prompts.lifecycle import NewTier, TierChanges
from prompts.models import BudgetTier, Namespace, NamespacePolicy, PolicyChange
from prompts.models.namespaces import default_evaluation_policy, with_policies
from prompts.policy import MOST_APPROVALS, MOST_TOKENS
from prompts.views.finding import namespace_of
from prompts.views.namespaces import NamespaceChanges, NewNamespace
from pvc.errors import NotFound
from pvc.pages import Button, Page, stretch

MOST_DECIDED: Final = 20
MOST_TIERS: Final = 200
#: How many states of a policy are shown at a time.
HISTORY: Final = 20

_FORM: Final = {
    "approvals": range(MOST_APPROVALS + 1),
    "modes": policy_fields.MODES.items(),
    "most_tokens": MOST_TOKENS,
}


class NamespacesPage(Page):
    """Every namespace of the tenant's, the newest first."""

    model = Namespace
    title = "Namespaces"
    template_name = "admin/console/namespaces.html"

    def shown(self, **_: Any) -> dict[str, Any]:
        part = stretch(self.request, Namespace.objects.visible_to(self.actor))
        with_policies(part.rows)
        return {"part": part, "can_change": self.actor.may("admin")}


class NewNamespacePage(Page):
    """What an administrator says of a namespace to be made."""

    model = Namespace
    title = "A new namespace"
    template_name = "admin/console/namespace_new.html"
    permission_required = "admin"

    def shown(self, **_: Any) -> dict[str, Any]:
        first = NamespacePolicy(required_approvals=1, evaluation_policy=default_evaluation_policy())
        return {**_FORM, "harness_names": harness_names(self.actor), "policy": first, "terms": first.terms}


class NamespacePage(Page):
    """One namespace."""

    model = Namespace
    template_name = "admin/console/namespace.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        (namespace,) = with_policies([namespace_of(self.actor, str(kwargs["namespace_id"]))])
        self.title = f"Namespace {namespace.slug}"
        found = list(namespace.tiers.order_by("name")[:MOST_TIERS])
        decided = namespace.changes.filter(decided_at__isnull=False).select_related("requested_by", "decided_by")
        closed = list(decided.order_by("-id")[:MOST_DECIDED])
        self._tell_of(namespace, [*namespace.pending, *closed], found)
        part = stretch(self.request, _history(namespace), by="number", length=HISTORY)
        _tell_differences(namespace, part.rows)
        return {
            **_FORM,
            "harness_names": harness_names(self.actor),
            "namespace": namespace,
            "policy": namespace.in_force,
            "terms": namespace.in_force.terms,
            "mode": policy_fields.MODES.get(namespace.in_force.terms.evaluation_policy["mode"], ""),
            "pending": namespace.pending,
            "decided": closed,
            "part": part,
            "tiers": found,
            "can_change": self.actor.may("admin"),
            "can_decide": self.actor.may("admin") and self.actor.may("prompts:approve"),
        }

    def _tell_of(self, namespace: Namespace, changes: Iterable[PolicyChange], found: list[BudgetTier]) -> None:
        """Add to each change what it makes other, in words."""
        own = {"name": namespace.name, "description": namespace.description}
        present = {**own, **policy_fields.of_terms(namespace.in_force.terms)}
        by_id = {str(tier.pk): tier for tier in found}
        for change in changes:
            is_pending = change.is_pending
            vars(change)["steps"] = policy_fields.steps(change.changes, present if is_pending else {}, by_id)
            vars(change)["is_own"] = change.requested_by_id == self.actor.author.pk


def _history(namespace: Namespace) -> Any:
    return namespace.policies.select_related("changed_by", "approved_by")


def _tell_differences(namespace: Namespace, rows: list[NamespacePolicy]) -> None:
    """Add to each state of a policy what it made other; the first made all of it."""
    last = rows[-1] if rows else None
    before = namespace.policies.filter(number=last.number - 1).first() if last else None
    for row, older in zip(rows, [*rows[1:], before], strict=True):
        changes = policy.difference(older.terms, row.terms) if older else {}
        was = policy_fields.of_terms(older.terms) if older else {}
        vars(row)["steps"] = policy_fields.steps(changes, was, {})


# ----------------------------------------------------------------------------- buttons
class CreateNamespace(Button):
    permission_required = "admin"
    decides = True

    def press(self, **_: Any) -> str:
        fields = self.read(NewNamespace, **policy_fields.read(self.request.POST))
        made = namespaces.create_namespace(
            fields.pop("slug"),
            name=fields.pop("name"),
            description=fields.pop("description", None) or "",
            required_approvals=fields.pop("required_approvals"),
            terms=fields,
            by=self.actor,
        )
        self.say(f"The namespace {made.slug} is there.")
        return _page_of(made.pk)


class ChangeNamespace(Button):
    """Changes a namespace and its policy, or asks a second person where that makes it weaker."""

    permission_required = "admin"
    audited = "policy.change_requested"
    decides = True

    def press(self, **kwargs: Any) -> str:
        namespace = namespace_of(self.actor, str(kwargs["namespace_id"]))
        fields = self.read(NamespaceChanges, **policy_fields.read(self.request.POST))
        waiting = namespaces.update_namespace(namespace, fields, by=self.actor)
        self.say(_WAITS if waiting else f"The namespace {namespace.slug} is as you asked.")
        return _page_of(namespace.pk)


_WAITS: Final = (
    "This asks for less than the policy does, so nothing is changed yet: it waits until another person approves it."
)


class DecideChange(Button):
    """Takes two rights; it is the missing one that is asked for."""

    decides = True

    def get_permission_required(self) -> list[str]:
        return sorted(("admin", "prompts:approve"), key=self.actor.may)

    def change(self) -> PolicyChange:
        change_id: UUID = self.kwargs["change_id"]
        changes = PolicyChange.objects.filter(tenant=self.actor.tenant).select_related("namespace")
        found = changes.filter(pk=change_id).first()
        if found is None:
            raise NotFound("There is no such change of a policy.")
        return found


class ApproveChange(DecideChange):
    audited = "policy.change_approved"

    def press(self, **_: Any) -> str:
        change = namespaces.approve_change(self.change(), by=self.actor)
        self.say("The change is approved, and made.")
        return _page_of(change.namespace_id)


class RejectChange(DecideChange):
    audited = "policy.change_rejected"

    def press(self, **_: Any) -> str:
        change = namespaces.reject_change(self.change(), by=self.actor)
        self.say("The change is rejected. The policy stays as it is.")
        return _page_of(change.namespace_id)


# ----------------------------------------------------------------------------- budget tiers
class CreateTier(Button):
    permission_required = "admin"
    decides = True

    def press(self, **kwargs: Any) -> str:
        namespace = namespace_of(self.actor, str(kwargs["namespace_id"]))
        fields = self.read(NewTier, **_limit(self.request.POST))
        tier = tiers.create_tier(namespace, **fields, by=self.actor)
        self.say(f"The budget tier {tier.name} is there. A prompt has it from when the prompt says so.")
        return _page_of(namespace.pk)


class TierButton(Button):
    """A button on a budget tier."""

    permission_required = "admin"
    audited = "policy.change_requested"
    decides = True

    def tier(self) -> BudgetTier:
        tier_id: UUID = self.kwargs["tier_id"]
        found = BudgetTier.objects.filter(tenant=self.actor.tenant, pk=tier_id).select_related("namespace").first()
        if found is None:
            raise NotFound("There is no such budget tier.")
        return found


class ChangeTier(TierButton):
    def press(self, **_: Any) -> str:
        tier = self.tier()
        waiting = tiers.update_tier(tier, self.read(TierChanges, **_limit(self.request.POST)), by=self.actor)
        self.say(_WAITS if waiting else f"The budget tier {tier.name} is as you asked.")
        return _page_of(tier.namespace_id)


class DeleteTier(TierButton):
    def press(self, **_: Any) -> str:
        tier = self.tier()
        waiting = tiers.delete_tier(tier, by=self.actor)
        self.say(_WAITS if waiting else f"The budget tier {tier.name} is deleted: prompts that had it have none.")
        return _page_of(tier.namespace_id)


def _limit(sent: Any) -> dict[str, Any]:
    return {"max_tokens": policy_fields.number(sent.get("max_tokens", ""))}


def _page_of(namespace_id: UUID) -> str:
    return reverse("console:namespace", args=[namespace_id])
