"""The nouns of serving: which version a name points at, and every move it made."""

from typing import Self

from django.db import models
from django.utils import timezone

from prompts.models.prompts import Prompt, PromptVersion, require_revision
from pvc.crypto import ExactDecoder
from pvc.errors import Conflict, Invalid, name_constraint
from pvc.ids import new_id
from tenants.models import Actor, Tenant, User


class TagQuerySet(models.QuerySet["Tag"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)


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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prompt", "tag", "number"], name="one_tag_move_per_number")]

    def __str__(self) -> str:
        return f"{self.tag} {self.number}: {self.kind}"


name_constraint("one_version_per_tag", Conflict("The tag was set meanwhile; please try again."))
name_constraint("tag_on_a_version_of_its_prompt", Invalid.field("versionId", "The version belongs to another prompt."))
name_constraint("one_tag_move_per_number", Conflict("The tag moved meanwhile; please try again."))
name_constraint("tag_move_of_its_prompt", Invalid("A tag moves between versions of its prompt."))
name_constraint("tag_move_to_its_prompt", Invalid("A tag moves between versions of its prompt."))
name_constraint("tag_moves_are_append_only", Conflict("The history of a tag never changes."))
name_constraint("tags_point_at_sealed_versions", Conflict("A tag points at sealed versions only."))
name_constraint("tag_move_goes_somewhere", Invalid("A tag moves from a version, to one, or both."))
