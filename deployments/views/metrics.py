"""/metrics/…: what was measured comes in by the thousand, and is read as figures."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import measures
from deployments.actions import metrics as actions
from deployments.measures import Subject
from deployments.models import Metric
from deployments.models.metrics import TYPES
from deployments.serializers import FiguresOut, HourOut, IngestedOut, IngestForm, MetricOut
from deployments.views.hours import HOURS, hours_asked
from deployments.views.render import UndecodedParser
from deployments.views.sent import items_in
from prompts.models import PromptVersion
from prompts.models.prompts import PromptRef
from prompts.views.finding import prompt_of
from pvc import answers
from pvc.api import ApiViewSet
from pvc.errors import Invalid, NotFound
from pvc.schema import page_of


@extend_schema(tags=["Metrics"])
class IngestViewSet(ApiViewSet):
    """Taking in what was measured, a hot path."""

    scopes = {"ingest": "metrics:write"}
    rate = "hot"
    unrecorded = frozenset({"ingest"})
    parser_classes = [UndecodedParser]

    @extend_schema(request=IngestForm, responses={201: IngestedOut})
    def ingest(self, request: Request) -> Response:
        """Send what was measured.

        Up to 1,000 items, all of them or none: a bad one is named by its index, and nothing is kept. Each counts in the
        hour of its timestamp. With `deploymentId` it counts for the variant that served it, and with `sessionId` too
        the session is an exposure of that variant, once. Send an `Idempotency-Key`, and a repeated call counts once.
        """
        taken = actions.ingest(items_in(request.body), by=self.actor)
        return self.answer({"ingested": taken}, status=201)


_MEASURES = page_of(
    MetricOut,
    "Measures",
    summary=serializers.DictField(
        child=serializers.DictField(child=FiguresOut()), help_text="Figures by type, then by name."
    ),
    series=HourOut(many=True, help_text="By the hour, the oldest first; an hour without measurements has none."),
)
_TYPE = OpenApiParameter("type", {"type": "string", "enum": [*TYPES]}, description="Of this type alone.")


@extend_schema(tags=["Metrics"])
class MeasuresViewSet(ApiViewSet):
    """How prompts and versions do."""

    scopes = {"of_version": "prompts:read", "of_prompt": "prompts:read"}

    @extend_schema(parameters=[_TYPE, HOURS], responses=_MEASURES)
    def of_version(self, request: Request, version_id: UUID) -> Response:
        """See how a version does.

        The newest raw rows by page, a summary of each metric over the hours asked for, and each hour. What it costs
        does not grow with what was measured; quantiles are within 2 % of the exact ones.
        """
        sealed = PromptVersion.objects.visible_to(self.actor).sealed()
        if not sealed.filter(pk=version_id).exists():
            raise NotFound("There is no such version.")
        return self._measures(Subject(self.actor.tenant.pk, version_id, is_version=True))

    @extend_schema(parameters=[_TYPE, HOURS], responses=_MEASURES)
    def of_prompt(self, request: Request, ref: PromptRef) -> Response:
        """See how a prompt does.

        The same of all versions of a prompt together.
        """
        return self._measures(Subject(self.actor.tenant.pk, prompt_of(self.actor, ref).pk, is_version=False))

    def _measures(self, subject: Subject) -> Response:
        start, type_ = measures.since(hours_asked(self)), self._type()
        column = "version_id" if subject.is_version else "prompt_id"
        rows = Metric.objects.visible_to(self.actor).filter(**{column: subject.id}, at__gte=start)
        if type_:
            rows = rows.filter(type=type_)
        filters = {"type": type_ or "", "hours": self.query("hours")}
        found = measures.measures_of(subject, start, type_)
        shown: dict[str, Any] = self.part(rows, MetricOut, by=("at", "id"), filters=filters)
        series = [{**each.as_dict(), "start": answers.moment(each.start)} for each in found.series]
        return self.answer({**shown, "summary": found.summary, "series": series})

    def _type(self) -> str | None:
        asked = self.query("type")
        if asked and asked not in TYPES:
            raise Invalid.field("type", f"Use {', '.join(TYPES)}.")
        return asked or None
