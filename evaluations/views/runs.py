"""/evaluations: asked for, read, and reported by their harnesses."""

import hashlib
from uuid import UUID

import structlog
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from evaluations import callback
from evaluations.actions import runs as actions
from evaluations.actions.runs import CallbackRefused, EvaluationFinished
from evaluations.models import Evaluation
from evaluations.serializers import EvaluationInFull, EvaluationOut, EvaluationRequest, ReportForm, in_full
from prompts.models.prompts import NotSealed, PromptArchived
from prompts.views.finding import version_shown
from pvc.api import ApiViewSet, count_anonymous
from pvc.errors import NotFound
from pvc.schema import page_of, refuses

logger = structlog.get_logger(__name__)


@extend_schema(tags=["Evaluations"])
class EvaluationViewSet(ApiViewSet):
    """Runs of harnesses on versions."""

    scopes = {"trigger": "evaluations:write", "of_version": "prompts:read", "retrieve": "prompts:read"}

    @extend_schema(request=EvaluationRequest, responses={201: EvaluationOut})
    @refuses(NotFound, NotSealed, PromptArchived)
    def trigger(self, request: Request) -> Response:
        """Ask for an evaluation.

        `builtin` renders and asserts the prompt's test cases; a registered harness is called; any other reports by
        itself. The answer is there at once; how it ended is told by `GET /evaluations/{evaluation_id}` and the event
        `eval.completed`. Where several run, the one asked for last counts for its harness.
        """
        fields = self.read(EvaluationRequest)
        version = version_shown(self.actor, fields["versionId"])
        evaluation = actions.trigger(version, harness=fields.get("harnessId") or "", by=self.actor)
        return self.answer(EvaluationOut(evaluation).data, status=201)

    @extend_schema(responses=page_of(EvaluationOut))
    def of_version(self, request: Request, version_id: UUID) -> Response:
        """List a version's evaluations.

        Newest first, of every harness.
        """
        version = version_shown(self.actor, version_id)
        return self.page(Evaluation.objects.visible_to(self.actor).filter(version=version), EvaluationOut)

    @extend_schema(responses=EvaluationInFull)
    def retrieve(self, request: Request, evaluation_id: UUID) -> Response:
        """Read an evaluation.

        Of the built-in harness with `results`: what became of each test case, the failed ones first.
        """
        found = Evaluation.objects.visible_to(self.actor).select_related("report").filter(pk=evaluation_id).first()
        if found is None:
            raise NotFound("There is no such evaluation.")
        return self.answer(in_full(found))


_EVALUATION_ID = OpenApiParameter(
    "evaluationId",
    {"type": "string", "format": "uuid"},
    required=True,
    description="The evaluation that is reported on; the same id stands in the body.",
)


@extend_schema(tags=["Evaluations"])
class CallbackViewSet(ApiViewSet):
    """Where harnesses report. Who they are is in the signature alone."""

    scopes = {"report": ""}
    is_public = True

    @extend_schema(parameters=[_EVALUATION_ID], request=ReportForm, responses=EvaluationOut)
    @refuses(CallbackRefused, EvaluationFinished)
    def report(self, request: Request) -> Response:
        """Report how an evaluation ended.

        For harnesses: no API key, but a signature with the harness's secret. Standard Webhooks headers (`webhook-id`,
        `webhook-timestamp`, `webhook-signature`; five minutes either way), or `X-Webhook-Signature` or
        `X-Hub-Signature-256` with the hex HMAC-SHA256 of the body, with or without `sha256=`. `evaluationId` stands in
        the query and in the body. Whatever is wrong, the answer is the same 401; the server's log says what it was.
        The same message again (its id and body) answers 200 and changes nothing. What has ended is final.
        """
        claim = callback.verified(request)
        if claim is None:
            self.allowance = count_anonymous(request._request)  # noqa: SLF001
            raise CallbackRefused
        message = actions.Message(claim.message_id, hashlib.sha256(request.body).digest())
        finished = actions.take_report(claim.evaluation, claim.report.outcome, message=message, by=claim.actor)
        return self.answer(EvaluationOut(finished).data)
