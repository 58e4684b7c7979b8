"""The nouns of serving: which version a name points at, and every move it made."""

from typing import Self

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from prompts.models.namespaces import NamespacePolicy
from prompts.models.prompts import Prompt, PromptVersion, require_revision
from prompts.names import STAGING
from pvc.crypto import ExactDecoder
from pvc.errors import Conflict, Invalid, name_constraint
from pvc.ids import new_id
from tenants.models import Actor, Tenant, User


class TagQuerySet(models.QuerySet["Tag"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)

    def awaiting_approval(self) -> Self:
        """What is in pre-production of a live prompt whose namespace asks for approvals."""
        newest = NamespacePolicy.objects.filter(namespace=OuterRef("prompt__namespace")).order_by("-number")
        return (
            self.filter(name=STAGING, prompt__archived_at__isnull=True)
            .annotate(required=Subquery(newest.values("required_approvals")[:1]))
            .filter(required__gt=0)
        )


class Tag(models.Model):
    """A name that points at one version of a prompt, and at that version's content."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="tags", db_constraint=False)
    name = models.CharField(max_length=36)
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="tags", db_constraint=False)
    digest = models.CharField(max_length=64)
    #: The number of the move that brought it here: it goes on rising when a tag is removed and set again.
    revision = models.IntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = TagQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prompt", "name"], name="one_version_per_tag")]
        indexes = [models.Index(fields=["tenant", "name", "prompt"], name="tags_by_name")]

    def __str__(self) -> str:
        return self.name

    def require_revision(self, revision: str | None) -> None:
        require_revision(self.revision, revision, what="tag")


class TagMoveQuerySet(models.QuerySet["TagMove"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)


class TagMove(models.Model):
    """One move of a tag: the reflog. Append-only by grant and trigger."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="tag_moves", db_constraint=False)
    tag = models.CharField(max_length=36)
    number = models.IntegerField()
    old = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False)
    new = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False)
    kind = models.CharField(max_length=20)
    reason = models.TextField(blank=True, default="")
    #: What the gate said inside the moving transaction.
    decision = models.JSONField(default=dict, decoder=ExactDecoder)
    moved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    objects = TagMoveQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt", "tag", "number"], name="one_tag_move_per_number"),
            models.UniqueConstraint(fields=["tenant", "prompt", "id"], name="tag_move_within_prompt"),
        ]
        indexes = [models.Index(fields=["tenant", "tag", "-id"], name="tag_moves_newest_first")]

    def __str__(self) -> str:
        return f"{self.tag} {self.number}: {self.kind}"


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def open(self) -> Self:
        """Neither spent by an activation nor void."""
        return self.filter(spent_by__isnull=True, voided_at__isnull=True)

    def approving(self) -> Self:
        """Second pairs of eyes that said yes, and were not taken back by a rejection."""
        return self.filter(kind=Approval.REVIEW, approved=True, voided_at__isnull=True)


class Approval(models.Model):
    """One decision of one person on one content: yes or no, or the override that did without.

    Bound to the digest by foreign key. It is never edited: an activation spends it, a rejection voids it.
    """

    REVIEW, OVERRIDE = "review", "override"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="approvals", db_constraint=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="approvals", db_constraint=False)
    digest = models.CharField(max_length=64)
    #: The version's author, kept true by foreign key, so that the database can tell the two people apart.
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="decisions")
    kind = models.CharField(max_length=10, choices=[(REVIEW, "review"), (OVERRIDE, "override")], default=REVIEW)
    approved = models.BooleanField()
    comment = models.TextField(blank=True, default="")
    at = models.DateTimeField(default=timezone.now)
    #: The move to production that this decision allowed.
    spent_by = models.ForeignKey(TagMove, on_delete=models.PROTECT, null=True, related_name="spent")
    voided_at = models.DateTimeField(null=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version", "digest", "decided_by"],
                condition=Q(spent_by__isnull=True, voided_at__isnull=True),
                name="one_open_decision_per_person",
            ),
            models.CheckConstraint(
                condition=Q(kind="override") | ~Q(decided_by=F("author")), name="approvals_have_four_eyes"
            ),
            models.CheckConstraint(
                condition=Q(kind="review") | Q(kind="override", approved=True, spent_by__isnull=False),
                name="overrides_are_spent_at_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{'yes' if self.approved else 'no'} to version {self.version_id}"


class PreProdTarget(models.Model):
    """Somebody whom a pre-production version is served to: an end user's id, as it is sent."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="targets", db_constraint=False)
    user_id = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "user_id"], name="one_target_per_user"),
            models.CheckConstraint(condition=~Q(user_id__in=["", "*"]), name="targets_are_exact"),
        ]

    def __str__(self) -> str:
        return self.user_id


name_constraint("one_version_per_tag", Conflict("The tag was set meanwhile; please try again."))
name_constraint("tag_on_a_version_of_its_prompt", Invalid.field("versionId", "The version belongs to another prompt."))
name_constraint("one_tag_move_per_number", Conflict("The tag moved meanwhile; please try again."))
name_constraint("tag_move_of_its_prompt", Invalid("A tag moves between versions of its prompt."))
name_constraint("tag_move_to_its_prompt", Invalid("A tag moves between versions of its prompt."))
name_constraint("tag_moves_are_append_only", Conflict("The history of a tag never changes."))
name_constraint("tags_point_at_sealed_versions", Conflict("A tag points at sealed versions only."))
name_constraint("tag_move_goes_somewhere", Invalid("A tag moves from a version, to one, or both."))
name_constraint("tag_identity_is_fixed", Conflict("A tag keeps its prompt and its name."))
name_constraint("tags_move_by_their_history", Conflict("A tag moves with an entry in its history, or not at all."))
name_constraint(
    "production_is_approved", Conflict("Production points at what was approved; this content was not, or not enough.")
)
name_constraint("one_open_decision_per_person", Conflict("You have decided on this version already."))
name_constraint("approvals_have_four_eyes", Conflict("The author of a version cannot approve it."))
name_constraint("overrides_are_spent_at_once", Conflict("An override is the move that it allowed."))
name_constraint("approval_of_a_version_and_its_content", Invalid("An approval belongs to a version and its content."))
name_constraint("approval_spent_by_its_prompt", Invalid("An approval is spent by a move of its own prompt."))
name_constraint("approvals_are_of_sealed_versions", Conflict("Only what is sealed can be decided on."))
name_constraint(
    "approvals_are_by_other_people", Conflict("A decision takes an active person with no hand in the version.")
)
name_constraint("tags_are_not_truncated", Conflict("A tag moves with an entry in its history, or not at all."))
name_constraint("approvals_are_not_truncated", Conflict("A decision is never edited or deleted."))
name_constraint("approvals_are_kept", Conflict("A decision is never edited or deleted."))
name_constraint("target_in_tenant", Invalid("A target belongs to a version of the tenant."))
name_constraint("one_target_per_user", Conflict("This user is a target already."))
name_constraint("targets_are_exact", Invalid.field("target_users", "Name each user by their exact id; * is none."))
name_constraint("version_with_its_author", Conflict("This version exists already."))
name_constraint("tag_move_within_prompt", Conflict("This move exists already."))
