"""What a worker does about evaluations that are due. The sweeper calls it, a ring calls it, a command calls it."""

import time
from collections.abc import Callable
from typing import Final

import structlog
from django.db import DatabaseError
from prometheus_client import Counter

from evaluations import builtin, history, queue
from evaluations.actions import runs
from evaluations.actions.runs import Outcome
from evaluations.harness import request_of
from evaluations.models import Evaluation, EvaluationQuerySet, Harness, TestCase
from prompts.content import defaults_of
from pvc import outbound, standard_webhooks
from tenants.models import Actor

logger = structlog.get_logger(__name__)

#: How long the built-in harness may take over one evaluation: well below the time limit of a Celery task.
BUILTIN_SECONDS: Final = 60.0
#: Before each further call of a harness that could not be reached, or was not well.
WAITS: Final = (5.0, 30.0)
_RENEWED_EVERY: Final = queue.LEASE / 4  # seconds
_BUSY: Final = frozenset({408, 425, 429})

_finished = Counter("pvc_evaluations_finished", "Evaluations ended by a worker.", ["kind", "status"])


def run_due(
    worker: str = "", goes_on: Callable[[], bool] = lambda: True, rows: EvaluationQuerySet | None = None
) -> int:
    """Take what is due, of all or of these, one after the other, until nothing is. Returns how many were taken."""
    count = 0
    while goes_on() and (taken := queue.claim(rows)):
        count += 1
        run(taken, worker)
    return count


def run_here(worker: str, goes_on: Callable[[], bool]) -> int:
    """What this machine does by itself."""
    return run_due(worker, goes_on, queue.done_here())


def call_due(worker: str, goes_on: Callable[[], bool]) -> int:
    """The calls of registered harnesses: each may take as long as a call may."""
    return run_due(worker, goes_on, queue.calls())


def run(taken: Evaluation, worker: str = "") -> None:
    """Do what is to be done with a claimed evaluation. What goes wrong with one stops no other."""
    with structlog.contextvars.bound_contextvars(evaluation=str(taken.pk), worker=worker):
        try:
            _advance(taken)
        except (runs.LostLease, runs.EvaluationFinished) as late:
            logger.warning("evaluation ended elsewhere", why=str(late))
        except DatabaseError:
            raise
        except Exception:
            logger.exception("evaluation stumbled")  # its lease ends, and it is tried again, or given up


def _advance(taken: Evaluation) -> None:
    if taken.claims > queue.MOST_CLAIMS:
        _end(taken, Outcome.of_error("QUARANTINED", f"{queue.MOST_CLAIMS} workers took it and did not come back."))
    elif taken.kind == Evaluation.BUILT_IN:
        _end(taken, _built_in(taken))
    elif taken.kind == Evaluation.REPORTED or taken.called_at is not None:
        _end(taken, Outcome.of_error("TIMED_OUT", "No report came within the time limit."))
    else:
        _call(taken)


def _end(taken: Evaluation, outcome: Outcome) -> None:
    runs.finish(taken, outcome, token=taken.token, by=Actor(taken.tenant, None, "system"))
    _finished.labels(taken.kind, outcome.status).inc()


# ----------------------------------------------------------------------------- the built-in harness
def _built_in(taken: Evaluation) -> Outcome:
    """Every test case of the prompt, rendered and asserted. What it costs in time is bounded."""
    held = TestCase.objects.filter(prompt=taken.prompt_id).only("name", "variables", "assertions", "digest")
    cases = sorted(held, key=lambda each: each.name)
    if not cases:
        return Outcome.of_error("NO_TEST_CASES", "The prompt has no test cases.")
    content = taken.version.served
    subject = builtin.Subject(content.parsed, defaults_of(content.variables), taken.digest)
    results: list[builtin.CaseResult] = []
    began = renewed = time.monotonic()
    for case in cases:
        results.append(builtin.run_case(subject, builtin.Case(case.name, case.variables, case.assertions)))
        now = time.monotonic()
        if now - began > BUILTIN_SECONDS:
            told = f"{len(results):,} of {len(cases):,} test cases took {BUILTIN_SECONDS:.0f} seconds."
            return Outcome.of_error("TIME_LIMIT", told, cases=len(cases))
        if now - renewed > _RENEWED_EVERY:
            renewed = now
            if not queue.renew(taken):
                raise runs.LostLease("Another worker has taken this evaluation.")
    return _outcome(results, history.digest_of(cases))


def _outcome(results: list[builtin.CaseResult], cases_digest: str) -> Outcome:
    summary = builtin.summarise(results)
    return Outcome(
        Evaluation.PASSED if summary.passed else Evaluation.FAILED,
        summary.score,
        summary.as_dict(),
        cases_digest=cases_digest,
        cases=[each.as_dict() for each in results],
    )


# ----------------------------------------------------------------------------- a registered harness
def _call(taken: Evaluation) -> None:
    """Ask a registered harness; it reports when it is done. It may be asked twice for one id, as after a crash."""
    harness = Harness.objects.filter(tenant=taken.tenant_id, name=taken.harness).first()
    if harness is None:
        _end(taken, Outcome.of_error("HARNESS_GONE", "The harness is not registered any more."))
        return
    body = request_of(taken)
    headers = standard_webhooks.headers(
        [harness.secret], message_id=str(taken.pk), timestamp=int(time.time()), body=body
    )
    try:
        status = outbound.post(harness.url, body, headers | {"Content-Type": "application/json"}).status
    except outbound.Unreachable as failed:
        _not_taken(taken, failed.kind, again=failed.kind != "refused_address")
        return
    if 200 <= status < 300:
        queue.wait_for_report(taken, harness.timeout_seconds)
    else:
        _not_taken(taken, f"status {status}", again=status >= 500 or status in _BUSY)


def _not_taken(taken: Evaluation, why: str, *, again: bool) -> None:
    if again and taken.claims <= len(WAITS):
        queue.put_off(taken, WAITS[taken.claims - 1])
    else:
        _end(taken, Outcome.of_error("HARNESS_NOT_REACHED", f"The harness could not be asked: {why}."))
