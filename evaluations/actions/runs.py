"""Verbs on evaluations: asked for, and ended. What ends one takes the lock that a promotion takes: either is first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from audit.unit import record, verb, wake_workers
from evaluations import history
from evaluations.gate import UNFINISHED
from evaluations.models import BUILTIN, DEFAULT, REFUSED, CallbackReceipt, CaseReport, Evaluation, Harness
from prompts.models import NamespacePolicy, Prompt, PromptVersion
from prompts.names import is_uuid
from prompts.policy import Terms
from pvc.errors import Conflict, Invalid, Unauthorized
from tenants.models import Actor

#: How long somebody who is not called may take to report.
SECONDS_TO_REPORT = 24 * 3600


class EvaluationFinished(Conflict):
    code = "EVALUATION_FINISHED"


class LostLease(Exception):
    """Another worker has taken the evaluation meanwhile: what this one brings is too late. No door ever sees it."""


class CallbackRefused(Unauthorized):
    """Whatever is wrong with a harness's message, it hears the same."""

    code = "UNAUTHORIZED"

    def __init__(self) -> None:
        super().__init__(REFUSED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an evaluation ended: passed, failed or error; the score from 0 to 1, if there is one."""

    status: str
    score: float | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    #: Of the built-in harness alone: what it was run with, and what became of each case.
    cases_digest: str = ""
    cases: list[dict[str, Any]] | None = None

    @classmethod
    def of_error(cls, code: str, message: str, **more: Any) -> "Outcome":
        """It could not be told whether the content is good, and why."""
        return cls(Evaluation.ERROR, metrics={"error": code, "message": message, **more})


@dataclass(frozen=True, slots=True)
class Message:
    """A signed message: its id, where the signature covers one, and the SHA-256 of its body."""

    id: str | None
    body_sha256: bytes


@verb
def trigger(version: PromptVersion, *, by: Actor, harness: str = "") -> Evaluation:
    """Ask for an evaluation of a sealed version: by the built-in harness, a registered one, or somebody who reports.

    Raises PromptArchived, NotSealed, and Invalid for a harness that nobody knows.
    """
    prompt = version.prompt.locked()
    prompt.require_live()
    version = prompt.versions.get(pk=version.pk)
    version.require_sealed()
    return _asked_for(prompt, version, _Asking(prompt).named(harness), by=by)


def trigger_all(prompt: Prompt, version: PromptVersion, policy: NamespacePolicy, *, by: Actor) -> list[Evaluation]:
    """What a policy with `auto_trigger` asks for when a version of a *locked* prompt reaches staging.

    A harness that is at it, or has passed this content with what it would be run with now, is not asked again.
    """
    asked = policy.asked_of_evaluations
    if not asked["auto_trigger"]:
        return []
    settled = {
        run.harness
        for run in history.runs_of([version])[version.pk]
        if run.status in UNFINISHED or (run.status == Evaluation.PASSED and not run.is_outdated)
    }
    names = asked["harnesses"] or [policy.default_harness or DEFAULT]
    return [_asked_for(prompt, version, name, by=by) for name in names if name not in settled]


@verb
def finish(evaluation: Evaluation, outcome: Outcome, *, by: Actor, token: int | None = None) -> Evaluation:
    """End an evaluation: final, whoever brings it. A worker names the `token` under which it took the row.

    Raises EvaluationFinished, and LostLease.
    """
    evaluation, prompt = _held(evaluation)
    if evaluation.is_finished:
        raise EvaluationFinished(f"This evaluation has {evaluation.status} already, which is final.")
    if token is not None and evaluation.token != token:
        raise LostLease("Another worker has taken this evaluation.")
    return _ended(evaluation, prompt, outcome, by=by)


@verb
def take_report(evaluation: Evaluation, outcome: Outcome, *, message: Message, by: Actor) -> Evaluation:
    """End an evaluation as its harness reports, once: the same message again changes nothing.

    Raises CallbackRefused for a message's id that was used for something else, and EvaluationFinished.
    """
    evaluation, prompt = _held(evaluation)
    if message.id is not None:
        known = CallbackReceipt.objects.filter(
            tenant=evaluation.tenant, harness=evaluation.harness, webhook_id=message.id
        ).first()
        if known is not None:
            if (known.evaluation_id, bytes(known.body_sha256)) != (evaluation.pk, message.body_sha256):
                raise CallbackRefused
            return evaluation
    if evaluation.is_finished:
        raise EvaluationFinished(f"This evaluation has {evaluation.status} already, which is final.")
    if message.id is not None:
        CallbackReceipt.objects.create(
            tenant=evaluation.tenant,
            evaluation=evaluation,
            harness=evaluation.harness,
            webhook_id=message.id,
            body_sha256=message.body_sha256,
        )
    return _ended(evaluation, prompt, outcome, by=by)


def purge_receipts() -> int:
    """Drop the receipts of messages that are too old to be taken again. Returns how many went."""
    old = CallbackReceipt.objects.filter(created_at__lt=Now() - timedelta(days=1))
    total = 0
    while ids := list(old.values_list("pk", flat=True)[:5000]):
        total += CallbackReceipt.objects.filter(pk__in=ids).delete()[0]
    return total


class _Asking:
    """By which harness a prompt is evaluated, when somebody names one or none."""

    def __init__(self, prompt: Prompt) -> None:
        self.tenant = prompt.tenant
        self.terms: Terms = prompt.namespace.policy.terms

    def named(self, asked: str) -> str:
        """The harness's name. Raises Invalid for one that could never report."""
        if is_uuid(asked):
            found = Harness.objects.filter(tenant=self.tenant, pk=UUID(asked)).first()
            if found is None:
                raise Invalid.field("harnessId", "There is no such harness.")
            return found.name
        name = asked if asked not in ("", DEFAULT) else self.terms.default_harness or DEFAULT
        if kind_of(self.tenant.pk, name) == Evaluation.REPORTED and not self._may_report(name):
            known = f"Use {BUILTIN}, the name or id of a registered one, or nothing."
            raise Invalid.field("harnessId", f"There is no harness “{name[:100]}”. {known}")
        return name

    def _may_report(self, name: str) -> bool:
        """Whether an unregistered harness of this name is expected: its namespace names it, or it has the secret."""
        expected = {DEFAULT, self.terms.default_harness, *self.terms.evaluation_policy["harnesses"]}
        has_secret = settings.EVAL_WEBHOOK_SECRET and self.tenant.slug == settings.EVAL_WEBHOOK_TENANT
        return name in expected or (bool(has_secret) and 0 < len(name) <= 100 and name.isprintable())


def kind_of(tenant_id: UUID, name: str) -> str:
    """Who does what a harness of this name is asked for."""
    if name == BUILTIN:
        return Evaluation.BUILT_IN
    is_registered = Harness.objects.filter(tenant=tenant_id, name=name).exists()
    return Evaluation.CALLED if is_registered else Evaluation.REPORTED


def _asked_for(prompt: Prompt, version: PromptVersion, harness: str, *, by: Actor) -> Evaluation:
    kind = kind_of(prompt.tenant_id, harness)
    now = timezone.now()
    is_reported = kind == Evaluation.REPORTED
    last = prompt.evaluations.aggregate(last=Max("sequence"))["last"] or 0
    evaluation = Evaluation.objects.create(
        tenant=prompt.tenant,
        prompt=prompt,
        version=version,
        digest=version.digest,
        harness=harness,
        kind=kind,
        sequence=last + 1,
        status=Evaluation.RUNNING if is_reported else Evaluation.PENDING,
        triggered_by=by.user,
        created_at=now,
        started_at=now if is_reported else None,
        due_at=Now() + timedelta(seconds=SECONDS_TO_REPORT if is_reported else 0),
    )
    record(
        "evaluation.triggered",
        evaluation,
        by=by,
        prompt_id=prompt.pk,
        evaluationId=str(evaluation.pk),
        versionId=str(version.pk),
        number=version.number,
        digest=evaluation.digest,
        harnessId=evaluation.harness,
    )
    wake_workers()
    return evaluation


def _held(evaluation: Evaluation) -> tuple[Evaluation, Prompt]:
    """The evaluation and its prompt under their locks, in the order of everybody else."""
    prompt = evaluation.prompt.locked()
    return evaluation.locked(), prompt


def _ended(evaluation: Evaluation, prompt: Prompt, outcome: Outcome, *, by: Actor) -> Evaluation:
    evaluation.status, evaluation.score, evaluation.metrics = outcome.status, outcome.score, dict(outcome.metrics)
    evaluation.cases_digest = outcome.cases_digest
    evaluation.completed_at, evaluation.due_at = timezone.now(), None
    evaluation.save(update_fields=["status", "score", "metrics", "cases_digest", "completed_at", "due_at"])
    if outcome.cases is not None:
        CaseReport.objects.create(evaluation=evaluation, tenant=evaluation.tenant, cases=outcome.cases)
    record(
        "evaluation.completed",
        evaluation,
        by=by,
        prompt_id=prompt.pk,
        prompt_name=prompt.full_name,
        sequence=prompt.next_sequence(),
        evaluationId=str(evaluation.pk),
        versionId=str(evaluation.version_id),
        number=evaluation.version.number,
        digest=evaluation.digest,
        harnessId=evaluation.harness,
        status=evaluation.status,
        score=evaluation.score,
    )
    return evaluation
