"""Namespaces and the policy under which their prompts reach production."""

from collections.abc import Iterable
from typing import Any, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import F, Q
from django.utils import timezone

from prompts.names import BUILT_IN_TAGS, NAMESPACE_SLUG, is_uuid
from prompts.policy import MOST_TOKENS, Terms
from pvc.crypto import ExactDecoder
from pvc.errors import Conflict, Invalid, name_constraint
from pvc.ids import new_id
from tenants.models import Actor, Tenant, User


class NamespaceQuerySet(models.QuerySet["Namespace"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)

    def named(self, name: str) -> Self:
        """The one with this id or slug, if any."""
        return self.filter(pk=UUID(name)) if is_uuid(name) else self.filter(slug=name)


class Namespace(models.Model):
    """A folder of prompts under one policy. Its row is what policy decisions lock."""

    #: The policy and the changes that wait for a second person: with_policies() puts them on a page.
    in_force: "NamespacePolicy"
    pending: list["PolicyChange"]

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="namespaces")
    slug = models.CharField(max_length=63)
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    objects = NamespaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="one_namespace_per_slug"),
            models.UniqueConstraint(fields=["tenant", "id"], name="namespace_within_tenant"),
            models.CheckConstraint(condition=Q(slug__regex=f"^{NAMESPACE_SLUG}$"), name="namespace_slug_is_plain"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def policy(self) -> "NamespacePolicy":
        """The policy in force: the newest row."""
        return self.policies.order_by("-number")[0]

    def locked_for_decision(self) -> "Namespace":
        """This row held against policy changes until the unit ends (FOR SHARE)."""
        self._queue(to_change=False)
        return Namespace.objects.raw("SELECT * FROM prompts_namespace WHERE id = %s FOR SHARE", [self.pk])[0]

    def locked_for_change(self) -> "Namespace":
        """This row as it stands now, held against decisions and other changes until the unit ends."""
        self._queue(to_change=True)
        return Namespace.objects.select_for_update(no_key=True).get(pk=self.pk)

    def _queue(self, *, to_change: bool) -> None:
        """Stand in line for the row. On the row alone, ever new sharers would overtake whoever wants to change it."""
        with connection.cursor() as cursor:
            if to_change:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(self.pk)])
            else:
                cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", [str(self.pk)])

    def allows_tag(self, name: str) -> bool:
        return name in BUILT_IN_TAGS or name in self.policy.custom_tags


def default_evaluation_policy() -> dict[str, Any]:
    """The evaluation policy of a namespace that says nothing else (contract 4)."""
    return {"mode": "block_failures", "threshold": 0.8, "harnesses": [], "max_age_hours": None, "auto_trigger": False}


class NamespacePolicy(models.Model):
    """One state of a namespace's policy. Append-only: the newest number holds."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="policies", db_constraint=False)
    number = models.IntegerField()
    required_approvals = models.SmallIntegerField()
    custom_tags = ArrayField(models.CharField(max_length=36), default=list)
    evaluation_policy = models.JSONField(default=default_evaluation_policy, decoder=ExactDecoder)
    default_harness = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 -- null is none
    changed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "namespace policies"
        constraints = [
            models.UniqueConstraint(fields=["namespace", "number"], name="one_policy_per_number"),
            models.CheckConstraint(condition=Q(required_approvals__range=(0, 5)), name="approvals_between_0_and_5"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace_id} policy {self.number}"

    @property
    def terms(self) -> Terms:
        """What it asks for; the evaluation policy has all of its fields."""
        evaluation = {**default_evaluation_policy(), **self.evaluation_policy}
        return Terms(self.required_approvals, self.custom_tags, evaluation, self.default_harness)

    @property
    def asked_of_evaluations(self) -> dict[str, Any]:
        """The evaluation policy with all of its fields, in which `default` means what the namespace says it does."""
        evaluation = dict(self.terms.evaluation_policy)
        named = {"default": self.default_harness or "default"}
        evaluation["harnesses"] = sorted({named.get(each, each) for each in evaluation["harnesses"]})
        return evaluation


class BudgetTier(models.Model):
    """How many tokens prompts of a namespace may have, and what happens to those that have more."""

    WARN, BLOCK = "warn", "block"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="tiers", db_constraint=False)
    name = models.CharField(max_length=100)
    max_tokens = models.IntegerField()
    enforcement = models.CharField(max_length=5, choices=[(WARN, "warn"), (BLOCK, "block")])
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "name"], name="one_tier_per_name"),
            # The target of the foreign key that holds a prompt to a tier of its own namespace.
            models.UniqueConstraint(fields=["tenant", "namespace", "id"], name="tier_within_namespace"),
            models.CheckConstraint(condition=Q(max_tokens__range=(1, MOST_TOKENS)), name="tiers_allow_some_tokens"),
            models.CheckConstraint(condition=Q(enforcement__in=["warn", "block"]), name="tiers_warn_or_block"),
        ]

    def __str__(self) -> str:
        return self.name

    def exceeded_by(self, tokens: int) -> str | None:
        """What to tell whoever has written so many tokens; None where they are within it."""
        if tokens <= self.max_tokens:
            return None
        return f"About {tokens:,} tokens are more than the {self.max_tokens:,} of the budget tier “{self.name}”."


class PolicyChangeQuerySet(models.QuerySet["PolicyChange"]):
    def pending(self) -> Self:
        return self.filter(decided_at__isnull=True)


class PolicyChange(models.Model):
    """A change that would weaken a policy, waiting for a second person, or decided by one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="changes", db_constraint=False)
    #: The fields of the policy that are to be other, with their new values.
    changes = models.JSONField(decoder=ExactDecoder)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    approved = models.BooleanField(null=True)
    decided_at = models.DateTimeField(null=True)

    objects = PolicyChangeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True, approved__isnull=True, decided_at__isnull=True)
                | Q(decided_by__isnull=False, approved__isnull=False, decided_at__isnull=False)
                & ~Q(decided_by=F("requested_by")),
                name="policy_changes_have_four_eyes",
            ),
        ]
        indexes = [models.Index(fields=["namespace", "-id"], name="policy_changes_newest_first")]

    def __str__(self) -> str:
        return f"change of {self.namespace_id}"

    @property
    def is_pending(self) -> bool:
        return self.decided_at is None

    @property
    def decision(self) -> str:
        """In a word: pending, approved or rejected."""
        return {None: "pending", True: "approved", False: "rejected"}[self.approved]

    def concerns(self, user: User) -> bool:
        """Whether this person asked for it, or answers for the service account that did, or was brought in by them.

        Any of them would be the first pair of eyes again.
        """
        asked = self.requested_by
        people = {asked.pk, asked.owner_id}
        if asked.is_service:
            people |= set(asked.api_keys.values_list("issued_by", flat=True))
        people.discard(None)
        return user.pk in people or user.created_by_id in people


def with_policies(namespaces: Iterable[Namespace]) -> list[Namespace]:
    """A page of namespaces, each with its policy and the changes that wait, in two queries for all."""
    page = list(namespaces)
    newest = NamespacePolicy.objects.filter(namespace__in=page).order_by("namespace", "-number").distinct("namespace")
    in_force = {policy.namespace_id: policy for policy in newest}
    pending: dict[UUID, list[PolicyChange]] = {}
    for change in PolicyChange.objects.pending().filter(namespace__in=page).select_related("requested_by"):
        pending.setdefault(change.namespace_id, []).append(change)
    for namespace in page:
        namespace.in_force = in_force[namespace.pk]
        namespace.pending = sorted(pending.get(namespace.pk, []), key=lambda change: change.pk, reverse=True)
    return page


name_constraint("one_namespace_per_slug", Conflict("A namespace with this slug already exists."))
name_constraint("namespace_within_tenant", Conflict("This namespace exists already."))
name_constraint("namespace_slug_is_plain", Invalid.field("slug", "Use lower-case letters, digits, - and _; up to 63."))
name_constraint("namespace_slug_is_fixed", Invalid.field("slug", "A namespace's slug is fixed at its creation."))
name_constraint("one_policy_per_number", Conflict("The policy was changed meanwhile; please try again."))
name_constraint("approvals_between_0_and_5", Invalid.field("required_approvals", "0 to 5 approvals can be required."))
name_constraint("policies_are_append_only", Conflict("A policy is never edited: a new one takes its place."))
name_constraint("policy_in_tenant", Invalid("The policy and its namespace belong to one tenant."))
name_constraint("weaker_policies_have_four_eyes", Conflict("A weaker policy takes a second person."))
name_constraint("policies_follow_each_other", Conflict("The policy was changed meanwhile; please try again."))
name_constraint("one_tier_per_name", Conflict("This namespace has a budget tier of this name."))
name_constraint("tier_within_namespace", Conflict("This budget tier exists already."))
name_constraint("tiers_allow_some_tokens", Invalid.field("max_tokens", f"Use a number from 1 to {MOST_TOKENS:,}."))
name_constraint("tiers_warn_or_block", Invalid.field("enforcement", "Use warn or block."))
name_constraint("tier_in_tenant", Invalid("A budget tier and its namespace belong to one tenant."))
name_constraint("tier_identity_is_fixed", Conflict("A budget tier stays in its namespace."))
name_constraint("weaker_tiers_have_four_eyes", Conflict("A weaker budget tier takes a second person."))
name_constraint("tiers_are_not_truncated", Conflict("Budget tiers are deleted one by one."))
name_constraint("policy_changes_have_four_eyes", Conflict("A change of policy is decided by another person."))
name_constraint("policy_change_in_tenant", Invalid("The change and its namespace belong to one tenant."))
name_constraint(
    "policy_changes_are_decided_by_others", Conflict("A change of policy is decided by another active person.")
)
name_constraint("policy_changes_are_not_truncated", Conflict("A change of policy is never deleted."))
name_constraint("decided_changes_are_final", Conflict("This change has been decided."))
