"""/deployments: traffic split between versions. Resolving one is a hot path."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import measures, results, splits
from deployments.actions import experiments as actions
from deployments.actions.promotion import PromotionBlocked
from deployments.models import Deployment
from deployments.models.experiments import LONGEST_SESSION_ID
from deployments.models.metrics import LONGEST_METRIC_NAME
from deployments.serializers import (
    DeploymentChanges,
    DeploymentOut,
    NewDeployment,
    ResolvedVariantOut,
    ResultsOut,
    shares_of,
)
from deployments.views.hours import HOURS, hours_asked
from deployments.views.resolve import answer_to
from prompts.models import Prompt
from prompts.models.prompts import PromptArchived
from pvc.api import ApiViewSet, ImmutableField, without_read_only
from pvc.errors import Invalid, NotFound
from pvc.schema import page_of, refuses

#: `type:name`, in characters.
LONGEST_METRIC = len("latency:") + LONGEST_METRIC_NAME
_FILTERS = [
    OpenApiParameter("promptId", {"type": "string", "format": "uuid"}, description="Of this prompt alone."),
    OpenApiParameter("status", {"type": "string", "enum": [*Deployment.STATUSES]}, description="In this state alone."),
]


@extend_schema(tags=["Deployments"])
class DeploymentViewSet(ApiViewSet):
    """The tenant's deployments."""

    scopes = {
        "list": "prompts:read",
        "retrieve": "prompts:read",
        "results": "prompts:read",
        "create": "deployments:write",
        "update": "deployments:write",
    }
    audited = {"create": "deployment.created", "update": "deployment.changed"}

    @extend_schema(parameters=_FILTERS, responses=page_of(DeploymentOut))
    def list(self, request: Request) -> Response:
        """List deployments.

        Newest first, paused and archived ones too.
        """
        asked = {name: self.query(name) for name in ("promptId", "status")}
        rows = Deployment.objects.visible_to(self.actor).for_display()
        if asked["promptId"]:
            rows = rows.filter(prompt=_id(asked["promptId"]))
        if asked["status"]:
            if asked["status"] not in Deployment.STATUSES:
                raise Invalid.field("status", f"Use {', '.join(Deployment.STATUSES)}.")
            rows = rows.filter(status=asked["status"])
        return self.page(rows, DeploymentOut, filters=asked)

    @extend_schema(request=NewDeployment, responses={201: DeploymentOut})
    @refuses(actions.InvalidWeights, PromotionBlocked, PromptArchived)
    def create(self, request: Request) -> Response:
        """Split a prompt's traffic.

        One variant for each version, whose weights sum to 100; the first is the control unless another says so. A
        session keeps its variant. Where the namespace asks for approvals or evaluations, each version must have them,
        as for production: else 409, and `details.unmet` says what is missing.
        """
        fields = self.read(NewDeployment)
        prompt = Prompt.objects.visible_to(self.actor).select_related("namespace").filter(pk=fields["promptId"]).first()
        if prompt is None:
            raise NotFound("There is no such prompt.")
        made = actions.create_deployment(
            prompt,
            variants=shares_of(fields["variants"]),
            name=fields.get("name") or "",
            status=fields.get("status", Deployment.ACTIVE),
            plan=fields.get("plan") or [],
            guardrails=fields.get("guardrails") or [],
            by=self.actor,
        )
        return self.answer(self._shown(made.pk), status=201)

    @extend_schema(responses=DeploymentOut)
    def retrieve(self, request: Request, deployment_id: UUID) -> Response:
        """Read a deployment."""
        return self.answer(self._shown(deployment_id))

    @extend_schema(request=DeploymentChanges, responses=DeploymentOut)
    @refuses(ImmutableField, actions.InvalidWeights, actions.DeploymentArchived, PromotionBlocked, PromptArchived)
    def update(self, request: Request, deployment_id: UUID) -> Response:
        """Change a deployment.

        What is left out stays. A variant keeps its id whatever its weight, so only as many sessions move as must; one
        that is left out of `variants` is served no more, and gets its id back when it comes back. Paused it serves
        nothing; archived is final.
        """
        deployment = self._deployment(deployment_id)
        shown = DeploymentOut(deployment).data
        body = without_read_only(request.data, shown, DeploymentChanges)
        fields = self.read(DeploymentChanges, body)
        if "name" in fields:
            fields["name"] = fields["name"] or ""
        for name in {"plan", "guardrails"} & fields.keys():
            fields[name] = fields[name] or []
        if "variants" in fields:
            _require_same_ids(fields["variants"], {str(each["versionId"]): each for each in shown["variants"]})
            fields["variants"] = shares_of(fields["variants"])
        actions.update_deployment(deployment, fields, by=self.actor)
        return self.answer(self._shown(deployment_id))

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "metric",
                {"type": "string", "minLength": 1, "maxLength": LONGEST_METRIC},
                required=True,
                description="The metric's name; `type:name` where several types have one of that name.",
            ),
            HOURS,
        ],
        responses=ResultsOut,
    )
    def results(self, request: Request, deployment_id: UUID) -> Response:
        """Compare the variants.

        In one metric, over whole hours: the mean of each with its interval at 95 %, and by how much it differs from the
        control's (Welch). Whoever looks again until something shows will see it by chance more often than one time in
        twenty. `sampleRatio` says whether sessions came as the weights say; where not, nothing else is to be trusted.
        """
        deployment = self._deployment(deployment_id)
        name = self.query("metric")
        if not 1 <= len(name) <= LONGEST_METRIC:
            raise Invalid.field("metric", "Say which: the name under which it was ingested.")
        metric = results.metric_named(name, deployment)
        return self.answer(results.results_of(deployment, metric, measures.since(hours_asked(self))))

    def _shown(self, deployment_id: UUID) -> Mapping[str, Any]:
        return DeploymentOut(self._deployment(deployment_id)).data

    def _deployment(self, deployment_id: UUID) -> Deployment:
        found = Deployment.objects.visible_to(self.actor).for_display().filter(pk=deployment_id).first()
        if found is None:
            raise NotFound("There is no such deployment.")
        return found


@extend_schema(tags=["Serving"])
class DeploymentResolveViewSet(ApiViewSet):
    """Resolving a deployment, the hot path."""

    scopes = {"resolve": "prompts:read"}
    rate = "hot"
    names_end_user = True

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "sessionId",
                {"type": "string", "maxLength": LONGEST_SESSION_ID},
                description="Any text that stays the same for whoever is served. Without one it is by chance.",
            )
        ],
        responses={200: ResolvedVariantOut, 304: OpenApiResponse(description="You have this already.")},
    )
    @refuses(PromptArchived, splits.DeploymentInactive)
    def resolve(self, request: Request, deployment_id: UUID) -> HttpResponse:
        """Resolve a deployment.

        What to send to the model for this session: the same variant every time, on every server, while the weights
        stand (`examples/assignment` shows how it is worked out). Writes nothing: a session counts when something
        measured of it is ingested.
        """
        session_id = self.query("sessionId")
        if len(session_id) > LONGEST_SESSION_ID:
            raise Invalid.field("sessionId", f"Use up to {LONGEST_SESSION_ID} characters.")
        return answer_to(request, splits.answer_of(self.actor.tenant.pk, deployment_id, session_id or None))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid.field("promptId", "Send the id of a prompt.") from error


def _require_same_ids(variants: list[dict[str, Any]], present: Mapping[str, Mapping[str, Any]]) -> None:
    """What was read of a variant may come back as it is. Raises ImmutableField for ids that are others'."""
    for index, sent in enumerate(variants):
        known = present.get(str(sent["versionId"]), {})
        for name in ("id", "deploymentId"):
            if name in sent and str(sent[name]) != str(known.get(name)):
                path = f"variants[{index}].{name}"
                raise ImmutableField(f"{path} cannot be changed.", fields={path: ["Fixed; leave it out or as it is."]})
