"""What becomes of evaluations that are due: run here, asked of a harness, given up."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F
from django.db.models.functions import Now
from standardwebhooks import Webhook

from audit.models import AuditEntry, OutboxEvent
from evaluations import builtin, queue, tasks, worker
from evaluations.actions import harnesses, runs, test_cases
from evaluations.actions.runs import Message, Outcome
from evaluations.models import CaseReport, Evaluation, Harness
from prompts.models import Namespace, Prompt
from pvc import outbound
from tenants.models import Actor
from tests import factories
from tests.pvc.receivers import Receiver, answering, receiving

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
ASSERTED = [{"type": "contains", "value": "refund"}]


@pytest.fixture(autouse=True)
def _loopback_may_be_called(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_CIDRS = [ip_network("127.0.0.0/8")]


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support")


def with_cases(prompt: Prompt, by: Actor, *values: str) -> Prompt:
    """The prompt with a test case of each value; those that speak of a refund pass."""
    for number, value in enumerate(values):
        test_cases.create_test_case(prompt, f"case {number}", variables={"issue": value}, assertions=ASSERTED, by=by)
    return prompt


def asked_for(prompt: Prompt, by: Actor, harness: str = "builtin") -> Evaluation:
    return runs.trigger(prompt.versions.get(), harness=harness, by=by)


def registered(url: str, by: Actor, *, name: str = "checker", timeout_seconds: int = 300) -> Harness:
    return harnesses.register_harness(name, url=url, secret=SECRET, timeout_seconds=timeout_seconds, by=by)


def come_due(evaluation: Evaluation) -> None:
    Evaluation.objects.filter(pk=evaluation.pk).update(due_at=Now())


def again(evaluation: Evaluation) -> Evaluation:
    return Evaluation.objects.get(pk=evaluation.pk)


def due_in(evaluation: Evaluation) -> float:
    """Seconds until it comes due, by the database's clock."""
    rows = Evaluation.objects.filter(pk=evaluation.pk).annotate(left=F("due_at") - Now())
    left: timedelta = rows.values_list("left", flat=True).get()
    return left.total_seconds()


def end_of(evaluation: Evaluation) -> tuple[str, Any]:
    """How it ended, and why where that is known."""
    found = again(evaluation)
    return found.status, found.metrics.get("error")


def completions_of(evaluation: Evaluation) -> tuple[int, int]:
    """How often the log and the outbox tell of its end."""
    told = {"data__evaluationId": str(evaluation.pk)}
    entries = AuditEntry.objects.filter(verb="evaluation.completed", **told)
    return entries.count(), OutboxEvent.objects.filter(type="eval.completed", **told).count()


@contextmanager
def harness_that_answers(status: str) -> Iterator[Receiver]:
    """A harness on loopback that answers each call with this status line."""
    with receiving(answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())) as receiver:
        yield receiver


# ----------------------------------------------------------------------------- the built-in harness
def test_the_score_is_the_share_of_cases_that_passed(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(with_cases(prompt, alice, "a refund", "a parcel", "a refund again", "an order"), alice)
    assert worker.run_due() == 1
    found = again(asked)
    assert (found.status, found.score, found.metrics["failed"]) == ("failed", 0.5, 2)
    report = CaseReport.objects.get(evaluation=asked)
    assert [each["passed"] for each in report.cases] == [True, False, True, False]
    assert completions_of(asked) == (1, 1)


def test_without_cases_it_ends_in_an_error(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(prompt, alice)
    worker.run_due()
    assert end_of(asked) == ("error", "NO_TEST_CASES")
    assert again(asked).score is None


def test_it_ends_in_an_error_when_its_time_is_over(
    prompt: Prompt, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_for(with_cases(prompt, alice, "a refund", "a refund too"), alice)
    monkeypatch.setattr(worker, "BUILTIN_SECONDS", 0.0)
    worker.run_due()
    assert end_of(asked) == ("error", "TIME_LIMIT")
    assert again(asked).metrics["message"] == "1 of 2 test cases took 0 seconds."
    assert not CaseReport.objects.filter(evaluation=asked).exists()


def test_a_long_run_renews_its_lease(prompt: Prompt, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_for(with_cases(prompt, alice, "a refund", "a refund too"), alice)
    left, right = [], builtin.run_case

    def run_case(subject: builtin.Subject, case: builtin.Case) -> builtin.CaseResult:
        left.append(due_in(asked))
        Evaluation.objects.filter(pk=asked.pk).update(due_at=Now() + timedelta(seconds=1))
        return right(subject, case)

    monkeypatch.setattr(worker, "_RENEWED_EVERY", 0.0)
    monkeypatch.setattr(builtin, "run_case", run_case)
    worker.run_due()
    assert min(left) > queue.LEASE - 5
    assert again(asked).status == "passed"


def test_a_long_run_stops_when_another_worker_has_taken_over(
    prompt: Prompt, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_for(with_cases(prompt, alice, "a refund", "a refund too", "a refund at last"), alice)
    ran, right = [], builtin.run_case

    def run_case(subject: builtin.Subject, case: builtin.Case) -> builtin.CaseResult:
        ran.append(case.name)
        come_due(asked)
        assert queue.claim() == asked
        return right(subject, case)

    taken = queue.claim()
    assert taken is not None
    monkeypatch.setattr(worker, "_RENEWED_EVERY", 0.0)
    monkeypatch.setattr(builtin, "run_case", run_case)
    worker.run(taken)
    assert ran == ["case 0"]
    assert (again(asked).status, again(asked).token) == ("running", 2)
    assert completions_of(asked) == (0, 0)


def test_a_worker_that_comes_back_late_ends_nothing(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(with_cases(prompt, alice, "a refund"), alice)
    late = queue.claim()
    come_due(asked)
    worker.run_due()
    ended = again(asked)
    assert late is not None
    worker.run(late)
    assert again(asked).completed_at == ended.completed_at
    assert completions_of(asked) == (1, 1)


def test_what_a_worker_brings_when_another_is_at_it_is_not_taken(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(with_cases(prompt, alice, "a refund"), alice)
    late = queue.claim()
    come_due(asked)
    present = queue.claim()
    assert late is not None
    assert present is not None
    worker.run(late)
    assert (again(asked).status, again(asked).token) == ("running", 2)
    worker.run(present)
    assert again(asked).status == "passed"
    assert completions_of(asked) == (1, 1)


# ----------------------------------------------------------------------------- given up
def test_a_row_that_three_workers_did_not_come_back_from_is_given_up(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(with_cases(prompt, alice, "a refund"), alice)
    for _ in range(3):
        assert queue.claim() == asked
        come_due(asked)
    worker.run_due()
    assert end_of(asked) == ("error", "QUARANTINED")
    assert again(asked).token == 4
    assert completions_of(asked) == (1, 1)


def test_a_row_that_two_workers_did_not_come_back_from_is_run(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(with_cases(prompt, alice, "a refund"), alice)
    for _ in range(2):
        assert queue.claim() == asked
        come_due(asked)
    worker.run_due()
    assert again(asked).status == "passed"


def test_one_that_stumbles_stops_no_other_and_is_given_up_in_the_end(prompt: Prompt, admin: Actor) -> None:
    harness = registered("http://127.0.0.1:9/", admin)
    broken = asked_for(with_cases(prompt, admin, "a refund"), admin, "checker")
    sound = asked_for(prompt, admin)
    Harness.objects.filter(pk=harness.pk).update(sealed_secret="of another key")
    assert worker.run_due() == 2
    assert (again(broken).status, again(sound).status) == ("running", "passed")
    for _ in range(3):
        assert due_in(broken) > 0
        come_due(broken)
        worker.run_due()
    assert end_of(broken) == ("error", "QUARANTINED")


def test_a_database_that_is_away_is_for_the_caller_to_know(
    prompt: Prompt, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(results: list[builtin.CaseResult]) -> builtin.Summary:
        raise OperationalError

    asked = asked_for(with_cases(prompt, alice, "a refund"), alice)
    monkeypatch.setattr(builtin, "summarise", away)
    with pytest.raises(OperationalError):
        worker.run_due()
    assert again(asked).status == "running"


def test_nothing_is_taken_by_a_worker_that_stops(prompt: Prompt, alice: Actor) -> None:
    asked = [asked_for(prompt, alice) for _ in range(3)]
    going_on = iter([True, True, False])
    assert worker.run_due("", lambda: next(going_on)) == 2
    assert [again(each).status for each in asked] == ["error", "error", "pending"]


def test_the_pools_task_takes_what_is_due(prompt: Prompt, alice: Actor) -> None:
    asked = [asked_for(prompt, alice) for _ in range(2)]
    tasks.run_due()
    assert [again(each).status for each in asked] == ["error", "error"]


def test_the_pools_task_begins_nothing_when_its_time_is_over(
    prompt: Prompt, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_for(prompt, alice)
    monkeypatch.setattr(tasks, "SECONDS", 0.0)
    tasks.run_due()
    assert again(asked).status == "pending"


# ----------------------------------------------------------------------------- a registered harness is asked
def test_a_harness_is_asked_once_with_all_that_it_needs_signed_with_its_secret(
    prompt: Prompt, admin: Actor, settings: Any
) -> None:
    settings.PUBLIC_API_URL = "https://prompts.example"
    with harness_that_answers("202 Accepted") as receiver:
        registered(receiver.url(), admin)
        asked = asked_for(prompt, admin, "checker")
        assert worker.run_due() == 1
        assert worker.run_due() == 0
    [request] = receiver.requests
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    version = prompt.versions.get()
    assert Webhook(SECRET).verify(body, headers) == {
        "evaluationId": str(asked.pk),
        "versionId": str(version.pk),
        "digest": version.digest,
        "harnessId": "checker",
        "content": factories.TEXT,
        "template": factories.TEXT,
        "variables": version.variables,
        "callbackUrl": f"https://prompts.example/api/v1/evaluations/webhook?evaluationId={asked.pk}",
    }
    assert headers["webhook-id"] == str(asked.pk)
    assert SECRET.encode() not in request


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content"])
def test_a_harness_that_took_the_call_has_its_time_and_no_more(status: str, prompt: Prompt, admin: Actor) -> None:
    with harness_that_answers(status) as receiver:
        registered(receiver.url(), admin, timeout_seconds=77)
        asked = asked_for(prompt, admin, "checker")
        worker.run_due()
        assert again(asked).status == "running"
        assert 70 < due_in(asked) <= 77
        come_due(asked)
        worker.run_due()
    assert end_of(asked) == ("error", "TIMED_OUT")
    assert len(receiver.requests) == 1


def test_a_report_that_came_in_time_is_the_end(prompt: Prompt, admin: Actor) -> None:
    with harness_that_answers("202 Accepted") as receiver:
        registered(receiver.url(), admin)
        asked = asked_for(prompt, admin, "checker")
        worker.run_due()
    reported(asked, admin)
    assert worker.run_due() == 0
    assert (again(asked).status, again(asked).score) == ("passed", 0.9)


def reported(evaluation: Evaluation, by: Actor) -> None:
    runs.take_report(again(evaluation), Outcome("passed", 0.9), message=Message("m-1", b"0" * 32), by=by)


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "408 Slow", "425 Early", "429 Too many"])
def test_a_harness_that_is_not_well_is_asked_three_times(status: str, prompt: Prompt, admin: Actor) -> None:
    with harness_that_answers(status) as receiver:
        registered(receiver.url(), admin)
        asked = asked_for(prompt, admin, "checker")
        for wait in worker.WAITS:
            assert worker.run_due() == 1
            assert again(asked).status == "running"
            assert wait - 4 < due_in(asked) <= wait
            come_due(asked)
        assert worker.run_due() == 1
    assert len(receiver.requests) == 3
    assert end_of(asked) == ("error", "HARNESS_NOT_REACHED")
    assert again(asked).metrics["message"] == f"The harness could not be asked: status {status[:3]}."


def test_a_harness_that_is_well_again_is_waited_for(prompt: Prompt, admin: Actor) -> None:
    with harness_that_answers("503 Busy") as receiver:
        harness = registered(receiver.url(), admin)
        asked = asked_for(prompt, admin, "checker")
        worker.run_due()
    with harness_that_answers("202 Accepted") as receiver:
        harnesses.change_harness(harness, {"url": receiver.url()}, by=admin)
        come_due(asked)
        worker.run_due()
    assert again(asked).claims == 0
    assert due_in(asked) > 290


def test_a_harness_that_is_not_there_is_asked_three_times(prompt: Prompt, admin: Actor) -> None:
    with harness_that_answers("200 OK") as receiver:
        registered(receiver.url(), admin)
    asked = asked_for(prompt, admin, "checker")
    for _ in range(3):
        assert worker.run_due() == 1
        come_due(asked) if again(asked).due_at else None
    assert end_of(asked) == ("error", "HARNESS_NOT_REACHED")
    assert again(asked).token == 3


@pytest.mark.parametrize("status", ["302 Found", "400 Bad request", "401 Unauthorized", "404 Not found", "410 Gone"])
def test_a_harness_that_refuses_is_not_asked_again(status: str, prompt: Prompt, admin: Actor) -> None:
    with harness_that_answers(status) as receiver:
        registered(receiver.url(), admin)
        asked = asked_for(prompt, admin, "checker")
        worker.run_due()
    assert len(receiver.requests) == 1
    assert end_of(asked) == ("error", "HARNESS_NOT_REACHED")


def test_an_address_that_may_not_be_called_any_more_is_not_tried_again(
    prompt: Prompt, admin: Actor, settings: Any
) -> None:
    with harness_that_answers("200 OK") as receiver:
        registered(receiver.url(), admin)
        asked = asked_for(prompt, admin, "checker")
        settings.WEBHOOK_ALLOWED_CIDRS = []
        worker.run_due()
    assert receiver.requests == []
    assert end_of(asked) == ("error", "HARNESS_NOT_REACHED")
    assert again(asked).token == 1


def test_a_harness_that_was_removed_meanwhile_is_gone(prompt: Prompt, admin: Actor) -> None:
    harness = registered("http://127.0.0.1:9/", admin)
    asked = asked_for(prompt, admin, "checker")
    harnesses.remove_harness(harness, by=admin)
    worker.run_due()
    assert end_of(asked) == ("error", "HARNESS_GONE")


def test_one_whose_harness_is_removed_while_it_works_times_out(prompt: Prompt, admin: Actor) -> None:
    with harness_that_answers("202 Accepted") as receiver:
        harness = registered(receiver.url(), admin)
        asked = asked_for(prompt, admin, "checker")
        worker.run_due()
    harnesses.remove_harness(harness, by=admin)
    come_due(asked)
    worker.run_due()
    assert end_of(asked) == ("error", "TIMED_OUT")


@pytest.mark.parametrize("status", ["202 Accepted", "400 Bad request", "500 Oops"])
def test_a_report_may_come_before_the_call_was_answered(
    status: str, prompt: Prompt, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with harness_that_answers(status) as receiver:
        registered(receiver.url(), admin)
        asked = asked_for(prompt, admin, "checker")
        right = outbound.post

        def post(*given: Any, **more: Any) -> Any:
            answer = right(*given, **more)
            reported(asked, admin)
            return answer

        monkeypatch.setattr(outbound, "post", post)
        worker.run_due()
    assert (again(asked).status, again(asked).due_at) == ("passed", None)
    assert completions_of(asked) == (1, 1)


# ----------------------------------------------------------------------------- nobody is asked
def test_one_that_nobody_is_asked_for_waits_a_day_and_times_out(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(prompt, alice, "default")
    assert worker.run_due() == 0
    assert (again(asked).status, 86_390 < due_in(asked) <= 86_400) == ("running", True)
    come_due(asked)
    worker.run_due()
    assert end_of(asked) == ("error", "TIMED_OUT")
