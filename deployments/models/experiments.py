"""Traffic split between versions of a prompt: the deployment, its variants, and who has met which."""

from typing import Final, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone

from prompts.models import Prompt, PromptVersion
from pvc.crypto import ExactDecoder
from pvc.errors import Conflict, Invalid, name_constraint
from pvc.ids import new_id
from tenants.models import Actor, Tenant

#: What the weights of a deployment sum to.
WHOLE: Final = 100
LONGEST_NAME: Final = 100
MOST_VARIANTS: Final = 20
#: The longest id of a session, in characters.
LONGEST_SESSION_ID: Final = 200


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)

    def for_display(self) -> Self:
        """With the variants that an answer shows."""
        return self.select_related("prompt").prefetch_related(
            models.Prefetch("variants", Variant.objects.standing().select_related("version"), to_attr="standing")
        )


class Deployment(models.Model):
    """A prompt's traffic, split between versions of it; each session keeps the version it got."""

    ACTIVE, PAUSED, ARCHIVED = "active", "paused", "archived"
    STATUSES = (ACTIVE, PAUSED, ARCHIVED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="deployments", db_constraint=False)
    name = models.CharField(max_length=LONGEST_NAME, blank=True, default="")
    status = models.CharField(max_length=8, choices=[(each, each) for each in STATUSES], default=ACTIVE)
    plan = models.JSONField(default=list, decoder=ExactDecoder)
    guardrails = models.JSONField(default=list, decoder=ExactDecoder)
    #: Since when the weights are what they are: who was counted before came under other ones.
    weighted_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    #: Set by `for_display()`.
    standing: "list[Variant]"
    objects = DeploymentQuerySet.as_manager()

    class Meta:
        constraints = [
            # The target of the foreign key that holds a variant to its deployment and to the deployment's prompt.
            models.UniqueConstraint(fields=["tenant", "id", "prompt"], name="deployment_within_prompt"),
            models.CheckConstraint(
                condition=Q(status__in=["active", "paused", "archived"]), name="deployment_status_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="deployments_newest_first"),
            models.Index(fields=["tenant", "prompt", "-id"], name="deployments_of_prompt"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)

    def locked(self) -> "Deployment":
        """This row, read again under a lock that lasts until the unit ends. Its prompt is locked before."""
        return Deployment.objects.select_for_update(no_key=True).get(pk=self.pk)


class VariantQuerySet(models.QuerySet["Variant"]):
    def standing(self) -> Self:
        """Those that take part, in the order in which they came."""
        return self.filter(retired_at__isnull=True).order_by("pk")


class Variant(models.Model):
    """A version's part in a deployment, bound to its content. It keeps its id whatever its weight, and when it goes and
    comes back: sessions are assigned by that id, and what was measured is kept under it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="variants", db_constraint=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="variants", db_constraint=False)
    digest = models.CharField(max_length=64)
    weight = models.SmallIntegerField()
    is_control = models.BooleanField(default=False)
    #: Since when it takes no part any more.
    retired_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = VariantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deployment", "version"], name="one_variant_per_version"),
            models.CheckConstraint(condition=Q(weight__range=(0, WHOLE)), name="weights_between_0_and_100"),
            models.CheckConstraint(
                condition=Q(retired_at__isnull=True) | Q(weight=0, is_control=False),
                name="retired_variants_have_no_part",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "version"], name="variants_of_version")]

    def __str__(self) -> str:
        return f"{self.weight} of {WHOLE}"


class Exposure(models.Model):
    """A session that was measured under a variant, at first. No foreign keys: there is a row for each session."""

    pk = models.CompositePrimaryKey("tenant_id", "variant_id", "session_id")
    tenant_id = models.UUIDField()
    variant_id = models.UUIDField()
    session_id = models.CharField(max_length=LONGEST_SESSION_ID)
    first_at = models.DateTimeField()

    class Meta:
        indexes = [BrinIndex(fields=["first_at"], name="exposures_by_age")]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.variant_id}"


name_constraint("deployment_of_its_prompt", Invalid.field("promptId", "The prompt belongs to another tenant."))
name_constraint("deployment_within_prompt", Conflict("This deployment exists already."))
name_constraint("deployment_status_is_known", Invalid.field("status", "Use active, paused or archived."))
name_constraint("archived_deployments_are_final", Conflict("An archived deployment does not change any more."))
name_constraint("deployments_are_not_deleted", Conflict("A deployment is archived and not deleted."))
name_constraint("variant_of_its_deployment", Invalid("A variant belongs to a deployment of its prompt."))
name_constraint("variant_of_its_content", Invalid.field("variants", "A variant is a version of the prompt."))
name_constraint("variants_are_of_sealed_versions", Conflict("A deployment serves sealed versions only."))
name_constraint("variant_identity_is_fixed", Conflict("A variant keeps its deployment and its version."))
name_constraint("variants_are_not_deleted", Conflict("A variant is retired and not deleted."))
name_constraint("one_variant_per_version", Invalid.field("variants", "Name each version once."))
name_constraint("weights_between_0_and_100", Invalid.field("variants", "A weight is a whole number from 0 to 100."))
name_constraint("retired_variants_have_no_part", Conflict("A variant that was taken out has no weight."))
name_constraint("switched_on_as_approved", Conflict("A deployment serves what was approved."))
name_constraint("deployments_are_whole", Invalid.field("variants", "The weights of a deployment sum to 100."))
name_constraint("weights_sum_to_100", Invalid.field("variants", "The weights of a deployment sum to 100."))
name_constraint("deployments_have_one_control", Invalid.field("variants", "Exactly one variant is the control."))
name_constraint(
    "variants_are_approved", Conflict("A deployment serves what was approved; this content was not, or not enough.")
)
