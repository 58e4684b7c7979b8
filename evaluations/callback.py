"""Whether a harness's message is what it says: signed with the right secret, and about the evaluation it names."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.conf import settings
from prometheus_client import Counter

from evaluations.harness import BadReport, Report, read_report
from evaluations.models import Evaluation, Harness
from prompts.names import is_uuid
from pvc import standard_webhooks
from pvc.standard_webhooks import Secret
from tenants.models import Actor

if TYPE_CHECKING:
    from rest_framework.request import Request

logger = structlog.get_logger(__name__)

_refused = Counter("pvc_callbacks_refused", "Reports of harnesses that were refused.", ["why"])


@dataclass(frozen=True, slots=True)
class Claim:
    """A report that may be believed, and who makes it."""

    evaluation: Evaluation
    report: Report
    message_id: str | None

    @property
    def actor(self) -> Actor:
        """A harness acts for the tenant, and is nobody of it."""
        return Actor(self.evaluation.tenant, None, "harness")


def verified(request: "Request") -> Claim | None:
    """What a request claims, if it may; None for every fault, which stands in the log and nowhere else."""
    evaluation = _named(request.query_params.get("evaluationId", ""))
    secret = secret_of(evaluation) if evaluation else None
    try:
        message = standard_webhooks.verify(secret or _NOBODYS, request.headers, request.body, now=time.time())
        report = read_report(request.body)
        report.require_about(evaluation if secret else None)
    except (standard_webhooks.Unverified, BadReport) as error:
        _refused.labels(type(error).__name__).inc()
        logger.warning("callback refused", why=str(error), evaluation=str(evaluation.pk) if evaluation else None)
        return None
    assert evaluation is not None
    return Claim(evaluation, report, message.id)


def secret_of(evaluation: Evaluation) -> Secret | None:
    """What a report on this evaluation is signed with: a registered harness's own secret, and nothing else; the
    installation's for the tenant that has it. None where nobody can sign, and while the tenant is suspended.
    """
    if evaluation.tenant.is_suspended:
        return None
    registered = Harness.objects.filter(tenant=evaluation.tenant_id, name=evaluation.harness).first()
    if registered is not None:
        return registered.secret
    has_secret = settings.EVAL_WEBHOOK_SECRET and evaluation.tenant.slug == settings.EVAL_WEBHOOK_TENANT
    return Secret(settings.EVAL_WEBHOOK_SECRET) if has_secret and evaluation.kind == Evaluation.REPORTED else None


#: So that a message about nothing takes as long as one with a wrong signature.
_NOBODYS = standard_webhooks.new_secret()


def _named(evaluation_id: str) -> Evaluation | None:
    if not is_uuid(evaluation_id):
        return None
    return Evaluation.objects.select_related("tenant", "prompt__namespace").filter(pk=UUID(evaluation_id)).first()
