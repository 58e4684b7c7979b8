"""The vocabulary of webhooks: camelCase, as the registry surface speaks."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from audit.events import PUBLIC
from pvc.api import Form, Moment, RowSerializer, Text
from pvc.standard_webhooks import SECRET_LENGTHS
from webhooks.models import EVERYTHING, SLACK, STANDARD, Delivery, WebhookEndpoint

_NAMES = {"type": "string", "enum": [EVERYTHING, *sorted(PUBLIC)]}


@extend_schema_field({"type": "array", "items": _NAMES, "minItems": 1, "description": "Names of events, or `*`."})
class EventNames(serializers.ListField):
    """What is subscribed to; which names there are is for the verb to say."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"child": Text(max_length=60), "min_length": 1, "max_length": 100, **options})


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "number": {"type": "integer", "minimum": 1},
                "at": {"$ref": "#/components/schemas/Moment"},
                "status": {"type": ["integer", "null"]},
                "error": {"type": ["string", "null"], "enum": ["refused_address", "connect", "timeout", "tls", None]},
                "response": {"type": "string", "description": "The first 4 KiB of the answer."},
                "seconds": {"type": "number", "minimum": 0},
            },
            "required": ["number", "at", "status", "error", "response", "seconds"],
            "additionalProperties": False,
        },
        "description": "Every attempt, the newest first.",
    },
    component_name="DeliveryAttempts",
)
class Attempts(serializers.JSONField):
    """Every attempt at a delivery."""


class NewSubscription(Form):
    """An address that is to be told of events."""

    url = Text(max_length=2_000, help_text="Called with POST. Public addresses only.")
    events = EventNames()
    secret = Text(
        min_length=SECRET_LENGTHS.start,
        max_length=SECRET_LENGTHS[-1],
        required=False,
        allow_null=True,
        help_text="`whsec_` and base64, or any text; made here if absent.",
    )
    kind = serializers.ChoiceField([STANDARD, SLACK], required=False, help_text="`slack` is sent a sentence.")
    description = Text(max_length=500, required=False, allow_null=True, allow_blank=True)
    active = serializers.BooleanField(source="is_active", required=False)


class SubscriptionChanges(Form):
    """What is to change; the rest stays."""

    url = Text(max_length=2_000, required=False)
    events = EventNames(required=False)
    kind = serializers.ChoiceField([STANDARD, SLACK], required=False)
    description = Text(max_length=500, required=False, allow_null=True, allow_blank=True)
    active = serializers.BooleanField(source="is_active", required=False)

    schema_more: ClassVar = {
        "properties": {
            name: {"description": "Fixed; left out, or with the value it has."}
            for name in ("id", "projectId", "createdAt", "updatedAt")
        }
    }


class RotationForm(Form):
    """The secret to come."""

    secret = Text(min_length=SECRET_LENGTHS.start, max_length=SECRET_LENGTHS[-1], required=False, allow_null=True)


class ReplayForm(Form):
    """Which stretch of time."""

    since = serializers.DateTimeField(required=False, allow_null=True, help_text="From here on; else all there is.")
    until = serializers.DateTimeField(required=False, allow_null=True, help_text="Up to here; else up to now.")


class SubscriptionOut(RowSerializer[WebhookEndpoint]):
    """An address that is told of events. Its secret is shown when it is made, and never again."""

    projectId = serializers.UUIDField(source="tenant_id", read_only=True)
    events = EventNames(read_only=True)
    active = serializers.BooleanField(source="is_active", read_only=True)
    description = serializers.SerializerMethodField()
    createdAt = Moment(source="created_at", read_only=True)
    updatedAt = Moment(source="updated_at", read_only=True)

    schema_more: ClassVar = {"properties": {"projectId": {"description": "The tenant."}}}

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "projectId", "url", "kind", "events", "active", "description", "createdAt", "updatedAt"]

    def get_description(self, endpoint: WebhookEndpoint) -> str | None:
        return endpoint.description or None


_ONCE = "Shown this once; null in a replayed answer."
_AS_STANDARD = "The same as Standard Webhooks write it."


class SubscribedOut(SubscriptionOut):
    """A new subscription, with its secret."""

    secret = serializers.CharField(allow_null=True, help_text=_ONCE)
    standardSecret = serializers.CharField(allow_null=True, help_text=_AS_STANDARD)

    class Meta(SubscriptionOut.Meta):
        fields = [*SubscriptionOut.Meta.fields, "secret", "standardSecret"]


class RotatedOut(serializers.Serializer[Any]):
    """A new secret; for a day messages are signed with the one before as well."""

    secret = serializers.CharField(allow_null=True, help_text=_ONCE)
    standardSecret = serializers.CharField(allow_null=True, help_text=_AS_STANDARD)
    previousValidUntil = Moment()


class TestedOut(serializers.Serializer[Any]):
    """What came of a test message."""

    success = serializers.BooleanField()
    status = serializers.IntegerField(required=False, help_text="What the receiver answered.")
    error = serializers.ChoiceField(
        ["refused_address", "connect", "timeout", "tls", "status"], required=False, help_text="Where it ended."
    )


class ReplayedOut(serializers.Serializer[Any]):
    """How many events are sent again."""

    replayed = serializers.IntegerField(min_value=0)


class DeliveryOut(RowSerializer[Delivery]):
    """One event for one endpoint, and every attempt at it."""

    eventId = serializers.UUIDField(source="event_id", read_only=True)
    attempts = serializers.SerializerMethodField()
    nextAttemptAt = Moment(source="due_at", read_only=True, allow_null=True)
    createdAt = Moment(source="created_at", read_only=True)
    endedAt = Moment(source="ended_at", read_only=True, allow_null=True)

    schema_more: ClassVar = {
        "properties": {
            "status": {"enum": ["pending", "delivered", "exhausted", "quarantined", "cancelled"]},
            "eventId": {"description": "The `webhook-id` of every attempt."},
        }
    }

    class Meta:
        model = Delivery
        fields = ["id", "eventId", "type", "status", "attempts", "nextAttemptAt", "createdAt", "endedAt"]

    @extend_schema_field(Attempts)
    def get_attempts(self, delivery: Delivery) -> list[dict[str, Any]]:
        tries = sorted(delivery.tries.all(), key=lambda each: -each.number)
        return [
            {
                "number": each.number,
                "at": Moment().to_representation(each.at),
                "status": each.status,
                "error": each.error or None,
                "response": each.excerpt,
                "seconds": round(each.seconds, 3),
            }
            for each in tries
        ]
