"""The vocabulary of deployments and metrics: camelCase, as the registry surface speaks."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from deployments.actions.experiments import CONTROL, Share
from deployments.items import LONGEST_DIMENSION, MOST_DIMENSIONS, MOST_ITEMS
from deployments.models import Deployment, Metric, Variant
from deployments.models.experiments import LONGEST_NAME, LONGEST_SESSION_ID, MOST_VARIANTS, WHOLE
from deployments.models.metrics import LONGEST_METRIC_NAME, LONGEST_UNIT, TYPES
from deployments.statistics import Verdict
from prompts.serializers import Content, FreeObject
from pvc.api import Form, Id, Moment, RowSerializer, Text

MOST_STEPS = 20
MOST_GUARDRAILS = 20
LONGEST_HOLD = 60 * 24 * 90  # minutes


class Whole(serializers.IntegerField):
    """A whole number: no text, no truth value, no fraction. 1.0 is one, as JSON Schema says."""

    default_error_messages = {"not_whole": "Send a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int and not (isinstance(data, float) and data.is_integer()):
            self.fail("not_whole")
        return super().to_internal_value(int(data))


class Weights(serializers.DictField):
    """What each variant gets, in percent, by a variant's or a version's id, or `control`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"child": Whole(min_value=0, max_value=WHOLE), "allow_empty": False, **options})


class NewVariant(Form):
    """A version and its weight."""

    versionId = Id()
    weight = Whole(min_value=0, max_value=WHOLE)
    isControl = serializers.BooleanField(required=False)


class VariantChanges(NewVariant):
    """A version and its weight; what is read of a variant may be sent back as it is."""

    id = Id(required=False)
    deploymentId = Id(required=False)


class Step(Form):
    """A step of a plan: these weights, for so long, and until so many sessions have met the deployment."""

    weights = Weights(help_text=f"By a variant's or a version's id, or `{CONTROL}`; they sum to {WHOLE}.")
    holdMinutes = Whole(min_value=0, max_value=LONGEST_HOLD)
    minSessions = Whole(min_value=0, max_value=10**9)


class Guardrail(Form):
    """A metric that must not get worse than the control's by more than the margin."""

    type = serializers.ChoiceField(TYPES)
    name = Text(max_length=LONGEST_METRIC_NAME)
    direction = serializers.ChoiceField(["up", "down"], help_text="Which way is worse.")
    margin = serializers.FloatField(min_value=0, max_value=100, help_text="Relative to the control: 0.1 is a tenth.")


class NewDeployment(Form):
    """How a prompt's traffic is to be split."""

    promptId = Id()
    name = Text(max_length=LONGEST_NAME, required=False, allow_null=True, allow_blank=True)
    variants = serializers.ListField(child=NewVariant(), min_length=1, max_length=MOST_VARIANTS)
    status = serializers.ChoiceField((Deployment.ACTIVE, Deployment.PAUSED), required=False)
    plan = serializers.ListField(child=Step(), required=False, allow_null=True, max_length=MOST_STEPS)
    guardrails = serializers.ListField(child=Guardrail(), required=False, allow_null=True, max_length=MOST_GUARDRAILS)


class DeploymentChanges(Form):
    """What is to change; the rest stays."""

    name = Text(max_length=LONGEST_NAME, required=False, allow_null=True, allow_blank=True)
    variants = serializers.ListField(child=VariantChanges(), min_length=1, max_length=MOST_VARIANTS, required=False)
    status = serializers.ChoiceField(Deployment.STATUSES, required=False)
    plan = serializers.ListField(child=Step(), required=False, allow_null=True, max_length=MOST_STEPS)
    guardrails = serializers.ListField(child=Guardrail(), required=False, allow_null=True, max_length=MOST_GUARDRAILS)

    schema_more: ClassVar = {
        "properties": {
            name: {"description": "Fixed; left out, or with the value it has."}
            for name in ("id", "projectId", "promptId", "config", "createdAt", "updatedAt")
        }
    }


def shares_of(variants: list[dict[str, Any]]) -> list[Share]:
    """What was sent of variants, as the verbs take it."""
    return [Share(each["versionId"], each["weight"], each.get("isControl", False)) for each in variants]


# ----------------------------------------------------------------------------- deployments out
class VariantOut(RowSerializer[Variant]):
    """A version's part in a deployment."""

    deploymentId = serializers.UUIDField(source="deployment_id", read_only=True)
    versionId = serializers.UUIDField(source="version_id", read_only=True)
    weight = serializers.IntegerField(read_only=True, min_value=0, max_value=WHOLE)
    isControl = serializers.BooleanField(source="is_control", read_only=True)

    class Meta:
        model = Variant
        fields = ["id", "deploymentId", "versionId", "weight", "isControl"]


class StickyConfig(serializers.Serializer[Any]):
    """How a deployment serves."""

    stickySessions = serializers.BooleanField(default=True, read_only=True)


class DeploymentOut(RowSerializer[Deployment]):
    """A prompt's traffic, split between versions of it."""

    projectId = serializers.UUIDField(source="tenant_id", read_only=True)
    promptId = serializers.UUIDField(source="prompt_id", read_only=True)
    name = serializers.SerializerMethodField()
    status = serializers.ChoiceField(Deployment.STATUSES, read_only=True)
    config = serializers.SerializerMethodField()
    plan = Step(many=True, read_only=True)
    guardrails = Guardrail(many=True, read_only=True)
    createdAt = Moment(source="created_at", read_only=True)
    updatedAt = Moment(source="updated_at", read_only=True)
    variants = VariantOut(source="standing", many=True, read_only=True)

    schema_more: ClassVar = {"properties": {"projectId": {"description": "The tenant."}}}

    class Meta:
        model = Deployment
        fields = [
            *("id", "projectId", "promptId", "name", "status", "config", "plan", "guardrails"),
            *("createdAt", "updatedAt", "variants"),
        ]

    def get_name(self, deployment: Deployment) -> str | None:
        return deployment.name or None

    @extend_schema_field(StickyConfig)
    def get_config(self, deployment: Deployment) -> dict[str, bool]:  # noqa: ARG002 -- a constant of the contract
        return {"stickySessions": True}


class UsageOut(serializers.Serializer[Any]):
    """What serves a version: tags, deployments, and people it is tried on."""

    tags = serializers.ListField(child=serializers.CharField())
    deployments = serializers.ListField(child=serializers.UUIDField(), help_text="Those that are active.")
    targets = serializers.ListField(child=serializers.CharField())


class ResolvedVariantOut(serializers.Serializer[Any]):
    """What a session is served."""

    versionId = serializers.UUIDField()
    sessionId = serializers.CharField(allow_null=True, help_text="Null if none was given.")
    deploymentId = serializers.UUIDField()
    variantId = serializers.UUIDField()
    isControl = serializers.BooleanField()
    versionNumber = serializers.IntegerField(min_value=1)
    content = Content()


class VariantResultOut(serializers.Serializer[Any]):
    """How one variant does, with intervals that hold the true value in 95 of 100 such samples."""

    variantId = serializers.UUIDField()
    versionId = serializers.UUIDField()
    exposures = serializers.IntegerField(min_value=0, help_text="Sessions that met it in these hours.")
    count = serializers.IntegerField(min_value=0, help_text="How often the metric was measured.")
    mean = serializers.FloatField(allow_null=True)
    interval = serializers.ListField(
        child=serializers.FloatField(), min_length=2, max_length=2, allow_null=True, help_text="Of the mean."
    )
    difference = serializers.FloatField(
        required=False, allow_null=True, help_text="Its mean less the control's; the control has none."
    )
    differenceInterval = serializers.ListField(
        child=serializers.FloatField(), min_length=2, max_length=2, required=False, allow_null=True
    )


class SampleRatioOut(serializers.Serializer[Any]):
    """Whether sessions came to the variants as their weights say."""

    ok = serializers.BooleanField()
    pValue = serializers.FloatField(allow_null=True, min_value=0, max_value=1, help_text="Null without sessions.")


class ResultsOut(serializers.Serializer[Any]):
    """How the variants of a deployment compare in one metric."""

    metric = serializers.CharField()
    variants = VariantResultOut(many=True)
    sampleRatio = SampleRatioOut()
    verdict = serializers.ChoiceField([each.value for each in Verdict])
    message = serializers.CharField(help_text="The same in a sentence.")


# ----------------------------------------------------------------------------- metrics
@extend_schema_field(
    {
        "type": ["object", "null"],
        "maxProperties": MOST_DIMENSIONS,
        "propertyNames": {"minLength": 1, "maxLength": 100},
        "additionalProperties": {"type": ["string", "number", "boolean", "null"], "maxLength": LONGEST_DIMENSION},
        "description": "What else is known of it; kept with the row.",
    }
)
class Dimensions(serializers.JSONField):
    """Texts, numbers and truth values by name; deployments/items.py checks them."""


class NewMetric(Form):
    """One thing that was measured."""

    versionId = Id()
    type = serializers.ChoiceField(TYPES)
    name = Text(max_length=LONGEST_METRIC_NAME)
    value = serializers.FloatField(min_value=0, help_text="Cost and latency 0 or more, quality from 0 to 1.")
    unit = Text(max_length=LONGEST_UNIT)
    timestamp = serializers.DateTimeField(
        required=False, allow_null=True, help_text="From 30 days ago to 5 minutes ahead; now if absent."
    )
    dimensions = Dimensions(required=False)
    deploymentId = Id(required=False, allow_null=True, help_text="The deployment that served it, if one did.")
    sessionId = Text(required=False, allow_null=True, max_length=LONGEST_SESSION_ID)


class IngestForm(Form):
    """What was measured: taken in as a whole, or not at all."""

    metrics = serializers.ListField(child=NewMetric(), min_length=1, max_length=MOST_ITEMS)


class IngestedOut(serializers.Serializer[Any]):
    """How much was taken in."""

    ingested = serializers.IntegerField(min_value=1, max_value=MOST_ITEMS)


class MetricOut(RowSerializer[Metric]):
    """One thing that was measured."""

    versionId = serializers.UUIDField(source="version_id", read_only=True)
    timestamp = Moment(source="at", read_only=True)
    dimensions = FreeObject(read_only=True, allow_null=True)

    schema_more: ClassVar = {"properties": {"type": {"enum": [*TYPES]}}}

    class Meta:
        model = Metric
        fields = ["id", "versionId", "type", "name", "value", "unit", "timestamp", "dimensions"]


class FiguresOut(serializers.Serializer[Any]):
    """What is known of one metric over all the hours asked for."""

    count = serializers.IntegerField(min_value=1)
    mean = serializers.FloatField()
    min = serializers.FloatField()
    max = serializers.FloatField()
    sum = serializers.FloatField()
    p50 = serializers.FloatField(allow_null=True, help_text="Quantiles are within 2 % of the exact ones.")
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)
    unit = serializers.CharField(help_text="As it was sent last.")


class HourOut(serializers.Serializer[Any]):
    """One metric in one hour."""

    start = Moment()
    type = serializers.ChoiceField(TYPES)
    name = serializers.CharField()
    count = serializers.IntegerField(min_value=1)
    mean = serializers.FloatField()
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
