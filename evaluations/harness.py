"""What goes to a harness, and what it says. No database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from django.conf import settings

from evaluations.actions.runs import Outcome
from evaluations.models import Evaluation
from prompts.names import is_uuid
from pvc.strict_json import InvalidJSON, strict_json

#: How a callback may say that an evaluation ended.
ENDS: Final = ("passed", "failed", "error")


class BadReport(Exception):
    """What is wrong with a report: for the server's log, and not for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a harness says in its callback (contract 5)."""

    evaluation_id: UUID
    outcome: Outcome
    digest: str | None
    harness: str | None

    def require_about(self, evaluation: Evaluation | None) -> None:
        """Raises BadReport unless it is about this evaluation, and about the content that was to be evaluated."""
        if evaluation is None:
            raise BadReport("no evaluation of this id, or nobody who could sign for it")
        if self.evaluation_id != evaluation.pk:
            raise BadReport("another evaluation's id in the body")
        if self.digest not in (None, evaluation.digest):
            raise BadReport("another content's digest")
        if self.harness not in (None, evaluation.harness):
            raise BadReport("another harness's name")


def request_of(evaluation: Evaluation) -> bytes:
    """The body that asks a harness for an evaluation. The text stands in it twice, under both of its names."""
    version = evaluation.version
    asked = {
        "evaluationId": str(evaluation.pk),
        "versionId": str(version.pk),
        "digest": evaluation.digest,
        "harnessId": evaluation.harness,
        "content": version.content,
        "template": version.content,
        "variables": version.variables,
        "callbackUrl": callback_url(evaluation),
    }
    return orjson.dumps(asked)


def callback_url(evaluation: Evaluation) -> str:
    """Where the harness reports: under PUBLIC_API_URL, or on this machine where that is not set."""
    base = settings.PUBLIC_API_URL or f"http://127.0.0.1:{settings.PORT}"
    return f"{base}/api/v1/evaluations/webhook?evaluationId={evaluation.pk}"


def read_report(body: bytes) -> Report:
    """The report in a signed body. Names that are not known here are left aside. Raises BadReport."""
    try:
        said = strict_json(body)
    except InvalidJSON as error:
        raise BadReport(error.message) from error
    if not isinstance(said, dict):
        raise BadReport("no object")
    evaluation_id = said.get("evaluationId")
    if not (isinstance(evaluation_id, str) and is_uuid(evaluation_id)):
        raise BadReport("no evaluationId in the body")
    for name in ("digest", "harnessId"):
        if not isinstance(said.get(name), str | None):
            raise BadReport(f"{name} is no string")
    return Report(UUID(evaluation_id), _outcome(said), said.get("digest"), said.get("harnessId"))


def _outcome(said: Mapping[str, Any]) -> Outcome:
    status, score, metrics = said.get("status"), said.get("score"), said.get("metrics")
    if status not in ENDS:
        raise BadReport("no status, or an unknown one")
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    if score is not None and not (is_number and 0 <= score <= 1):
        raise BadReport("the score is no number from 0 to 1")
    if metrics is not None and not isinstance(metrics, dict):
        raise BadReport("metrics is no object")
    return Outcome(status, None if score is None else float(score), metrics or {})
