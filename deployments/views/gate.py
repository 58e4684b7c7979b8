"""/evaluations/versions/{versionId}/gate: what stands between a version and production, before anybody asks for it."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import policy
from evaluations import history
from evaluations.serializers import EvaluationOut
from prompts.models import NamespacePolicy
from prompts.models.prompts import NotSealed
from prompts.policy import MODES
from prompts.views.finding import version_shown
from pvc.api import ApiViewSet
from pvc.schema import refuses

_POLICY = {
    "requiredApprovals": {"type": "integer", "minimum": 0, "maximum": 5},
    "mode": {"type": "string", "enum": list(MODES)},
    "threshold": {"type": "number", "minimum": 0, "maximum": 1},
    "harnesses": {"type": "array", "items": {"type": "string"}},
    "maxAgeHours": {"type": ["number", "null"]},
    "autoTrigger": {"type": "boolean"},
}
_UNMET = {"code": {"type": "string"}, "message": {"type": "string"}}


def _exact(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@extend_schema_field(_exact(_POLICY), component_name="GatePolicy")
class GatePolicy(serializers.JSONField):
    """What the namespace asks for."""


@extend_schema_field({"type": "array", "items": _exact(_UNMET)}, component_name="Unmet")
class UnmetField(serializers.JSONField):
    """What stands in the way, each with its code."""


class GateOut(serializers.Serializer[Any]):
    """Whether a version may be promoted now, and why not."""

    canPromote = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, help_text="The first thing in the way.")
    unmet = UnmetField(help_text="Everything in the way; what a promotion would be refused with.")
    policy = GatePolicy(help_text="What the namespace asks for.")
    evaluations = EvaluationOut(many=True, help_text="The newest run of each harness on this content.")


@extend_schema(tags=["Evaluations"])
class GateViewSet(ApiViewSet):
    """The gate of a version."""

    scopes = {"gate": "prompts:read"}

    @extend_schema(responses=GateOut)
    @refuses(NotSealed)
    def gate(self, request: Request, version_id: UUID) -> Response:
        """See whether a version may be promoted.

        The same question that a promotion asks, by the same rule: approvals and evaluations as they are now.
        """
        version = version_shown(self.actor, version_id)
        version.require_sealed()
        terms = version.prompt.namespace.policy
        unmet = policy.standing_of(version, terms)
        newest = history.newest_on([(version.prompt_id, version.digest)])
        return self.answer(
            {
                "canPromote": not unmet,
                "reason": unmet[0]["message"] if unmet else None,
                "unmet": unmet,
                "policy": _shown(terms),
                "evaluations": EvaluationOut(newest, many=True).data,
            }
        )


def _shown(terms: NamespacePolicy) -> dict[str, Any]:
    asked = terms.terms.evaluation_policy
    return {
        "requiredApprovals": terms.required_approvals,
        **{name: asked[name] for name in ("mode", "threshold", "harnesses")},
        "maxAgeHours": asked["max_age_hours"],
        "autoTrigger": asked["auto_trigger"],
    }
