"""What the database itself refuses about evaluations, whoever asks: the serving role, and the owner of the tables.

The rows are committed once for a process and never change, since every statement here is refused.
"""
# ruff: noqa: S608 — statements are put together from the names written here

import functools
from typing import Any

import pytest
from django.db import connection, transaction

from audit.unit import unit_of_work
from evaluations.actions import harnesses, runs, test_cases
from evaluations.actions.runs import Outcome
from evaluations.models import Evaluation
from prompts.models import Namespace
from pvc import errors
from tests import factories
from tests.prompts.test_database_truths import NO_RIGHT, Row, insert, refusal_of_app, refusal_of_owner

Ids = dict[str, Any]


# ----------------------------------------------------------------------------- the rows
@functools.cache
def _ids() -> Ids:
    """A prompt with a run of every status, a report and a receipt; another prompt, and another tenant's."""
    acme, other = factories.make_tenant(), factories.make_tenant()
    by, eve = factories.make_actor(acme), factories.make_actor(other)
    default, hers = (Namespace.objects.get(tenant=tenant, slug="default") for tenant in (acme, other))
    one, two = (factories.make_prompt(default, by=by) for _ in range(2))
    foreign = factories.make_prompt(hers, by=eve)
    first = one.versions.get()
    second = factories.make_version(one, "Another text", by=by)
    found: Ids = {}
    for status in (*Evaluation.FINISHED, Evaluation.PENDING):
        run = runs.trigger(first, harness="builtin", by=by)
        found[status] = run.pk
        if status in Evaluation.FINISHED:
            cases = [{"name": "x", "passed": True, "faults": [], "tokens": 1, "milliseconds": 1.0}]
            runs.finish(run, Outcome(status, 0.5, {"a": 1}, "0" * 64, cases if status == "passed" else None), by=by)
    waiting = runs.trigger(first, harness="default", by=by)
    reported = runs.trigger(first, harness="default", by=by)
    runs.take_report(reported, Outcome("passed", 1.0), message=runs.Message("msg_1", b"0" * 32), by=by)
    harness = harnesses.register_harness("suite", url="https://8.8.8.8/", secret="s" * 16, by=by)
    case = test_cases.create_test_case(one, "case", variables={}, assertions=[{"type": "valid_json"}], by=by)
    return {
        **found,
        "running": waiting.pk,
        "reported": reported.pk,
        "theirs": runs.trigger(foreign.versions.get(), harness="builtin", by=eve).pk,
        "tenant": acme.pk,
        "other_tenant": other.pk,
        "prompt": one.pk,
        "two": two.pk,
        "foreign": foreign.pk,
        "first": first.pk,
        "digest": first.digest,
        "second": second.pk,
        "second_digest": second.digest,
        "two_head": two.versions.get().pk,
        "two_digest": two.versions.get().digest,
        "foreign_head": foreign.versions.get().pk,
        "foreign_digest": foreign.versions.get().digest,
        "alice": by.author.pk,
        "harness": harness.pk,
        "case": case.pk,
    }


@pytest.fixture
def ids(committed: None) -> Ids:
    return _ids()


# ----------------------------------------------------------------------------- statements
def new_run(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "prompt_id": "%(prompt)s",
        "version_id": "%(first)s",
        "digest": "%(digest)s",
        "harness": "'suite'",
        "kind": "'called'",
        "sequence": "900",
        "status": "'pending'",
        "metrics": "'{}'",
        "cases_digest": "''",
        "created_at": "now()",
        "due_at": "now()",
        "token": "0",
        "claims": "0",
    }
    return insert("evaluations_evaluation", **{**present, **values})


def finished(**values: str) -> str:
    return new_run(**{"status": "'passed'", "completed_at": "now()", "due_at": "NULL", **values})


def new_report(**values: str) -> str:
    present = {"evaluation_id": "%(failed)s", "tenant_id": "%(tenant)s", "cases": "'[]'"}
    return insert("evaluations_casereport", **{**present, **values})


def new_receipt(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "evaluation_id": "%(reported)s",
        "harness": "'default'",
        "webhook_id": "'msg_2'",
        "body_sha256": "'x'",
        "created_at": "now()",
    }
    return insert("evaluations_callbackreceipt", **{**present, **values})


def new_case(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "prompt_id": "%(prompt)s",
        "name": "'another'",
        "variables": "'{}'",
        "assertions": "'[]'",
        "digest": "repeat('0', 64)",
        "created_at": "now()",
        "updated_at": "now()",
    }
    return insert("evaluations_testcase", **{**present, **values})


def new_harness(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "name": "'another'",
        "url": "'https://8.8.8.8/'",
        "sealed_secret": "'x'",
        "timeout_seconds": "300",
        "created_at": "now()",
        "updated_at": "now()",
    }
    return insert("evaluations_harness", **{**present, **values})


def changed(run: str, **columns: str) -> str:
    to = ", ".join(f"{column} = {value}" for column, value in columns.items())
    return f"UPDATE evaluations_evaluation SET {to} WHERE id = %({run})s"


#: Every column of an evaluation, and something else to put there.
OTHERWISE = {
    "id": "gen_random_uuid()",
    "tenant_id": "%(other_tenant)s",
    "prompt_id": "%(two)s",
    "version_id": "%(second)s",
    "digest": "%(second_digest)s",
    "harness": "'another'",
    "kind": "'called'",
    "sequence": "901",
    "status": "'error'",
    "score": "1",
    "metrics": """'{"b": 2}'""",
    "cases_digest": "repeat('1', 64)",
    "triggered_by_id": "NULL",
    "created_at": "now()",
    "started_at": "now()",
    "completed_at": "now()",
    "due_at": "now()",
    "token": "token + 1",
    "claims": "claims + 1",
    "called_at": "now()",
}
#: What stays of a run that is not finished, too.
IDENTITY = ("id", "tenant_id", "prompt_id", "version_id", "digest", "harness", "kind", "sequence", "created_at")
BEGUN_AGAIN = {"status": "'running'", "completed_at": "NULL", "due_at": "now()"}
CONTENT = "evaluation_of_its_content"
FINAL = "finished_evaluations_are_final"
DUE = "unfinished_evaluations_are_due"
RANGE = "scores_between_0_and_1"

#: Refused to both roles, by the constraint or trigger of this name.
FORBIDDEN: dict[str, Row] = {
    **{f"a finished run's {name} changes": (changed("passed", **{name: to}), FINAL) for name, to in OTHERWISE.items()},
    **{
        f"a run's {name} changes while it waits": (changed("pending", **{name: OTHERWISE[name]}), FINAL)
        for name in IDENTITY
    },
    **{
        f"a run's {name} changes while it runs": (changed("running", **{name: OTHERWISE[name]}), FINAL)
        for name in IDENTITY
    },
    "a failure becomes a pass": (changed("failed", status="'passed'"), FINAL),
    "an error becomes a pass": (changed("error", status="'passed'"), FINAL),
    "a failure begins again": (changed("failed", **BEGUN_AGAIN), FINAL),
    "an error begins again": (changed("error", **BEGUN_AGAIN), FINAL),
    "a finished run is written as it is": (changed("passed", status="status"), FINAL),
    "all runs that ended pass": (
        "UPDATE evaluations_evaluation SET status = 'passed' WHERE completed_at IS NOT NULL",
        FINAL,
    ),
    "a run is moved to another version with its content": (
        changed("pending", version_id="%(second)s", digest="%(second_digest)s"),
        FINAL,
    ),
    "a run is of a content that nobody has": (new_run(digest="repeat('0', 64)"), CONTENT),
    "a run is of another version's content": (new_run(digest="%(second_digest)s"), CONTENT),
    "a run is of another version than its content": (new_run(version_id="%(second)s"), CONTENT),
    "a run is of another prompt's version": (new_run(version_id="%(two_head)s", digest="%(two_digest)s"), CONTENT),
    "a run is of another prompt": (new_run(prompt_id="%(two)s"), CONTENT),
    "a run is of another tenant": (new_run(tenant_id="%(other_tenant)s"), CONTENT),
    "a run is of another tenant's version": (
        new_run(version_id="%(foreign_head)s", digest="%(foreign_digest)s"),
        CONTENT,
    ),
    "a run is of another tenant's prompt and version": (
        new_run(prompt_id="%(foreign)s", version_id="%(foreign_head)s", digest="%(foreign_digest)s"),
        CONTENT,
    ),
    "a run is of no version": (new_run(version_id="gen_random_uuid()"), CONTENT),
    "a content has ended otherwise": (finished(digest="%(second_digest)s"), CONTENT),
    "a place in the order is taken twice": (new_run(sequence="1"), "one_evaluation_per_sequence"),
    "a status is not known": (new_run(status="'skipped'"), "evaluation_status_is_known"),
    "a status is in capitals": (finished(status="'PASSED'"), "evaluation_status_is_known"),
    "a score is above 1": (finished(score="1.0000000000000002"), RANGE),
    "a score is below 0": (finished(score="-0.1"), RANGE),
    "a score is no number": (finished(score="'NaN'"), RANGE),
    "a score is without end": (finished(score="'Infinity'"), RANGE),
    "a running one's score is above 1": (changed("running", score="2"), RANGE),
    "a finished one is due": (finished(due_at="now()"), DUE),
    "a finished one has no end": (finished(completed_at="NULL"), DUE),
    "a waiting one is never due": (new_run(due_at="NULL"), DUE),
    "a running one is never due": (changed("running", due_at="NULL"), DUE),
    "a running one has ended": (changed("running", completed_at="now()"), DUE),
    "a running one passes without an end": (changed("running", status="'passed'"), DUE),
    "a report is of another tenant": (new_report(tenant_id="%(other_tenant)s"), "report_of_its_evaluation"),
    "a report is of another tenant's run": (new_report(evaluation_id="%(theirs)s"), "report_of_its_evaluation"),
    "a report is of no run": (new_report(evaluation_id="gen_random_uuid()"), "report_of_its_evaluation"),
    "a receipt is of another tenant": (new_receipt(tenant_id="%(other_tenant)s"), "receipt_of_its_evaluation"),
    "a receipt is of another tenant's run": (new_receipt(evaluation_id="%(theirs)s"), "receipt_of_its_evaluation"),
    "a message is taken twice": (new_receipt(webhook_id="'msg_1'"), "one_receipt_per_webhook_id"),
    "a message is taken twice, for another run": (
        new_receipt(webhook_id="'msg_1'", evaluation_id="%(running)s"),
        "one_receipt_per_webhook_id",
    ),
    "a test case is of another tenant": (new_case(tenant_id="%(other_tenant)s"), "test_case_of_its_prompt"),
    "a test case is of another tenant's prompt": (new_case(prompt_id="%(foreign)s"), "test_case_of_its_prompt"),
    "a test case moves to another tenant's prompt": (
        "UPDATE evaluations_testcase SET prompt_id = %(foreign)s WHERE id = %(case)s",
        "test_case_of_its_prompt",
    ),
    "a test case's name is taken twice": (new_case(name="'case'"), "one_test_case_per_name"),
    "a harness's name is taken twice": (new_harness(name="'suite'"), "one_harness_per_name"),
    "a harness is called as the built-in one": (new_harness(name="'builtin'"), "harness_names_are_not_reserved"),
    "a harness is called default": (new_harness(name="'default'"), "harness_names_are_not_reserved"),
    "a harness is renamed to the built-in one": (
        "UPDATE evaluations_harness SET name = 'builtin' WHERE id = %(harness)s",
        "harness_names_are_not_reserved",
    ),
    "a harness has a name over two lines": (new_harness(name="E'a\\nb'"), "harness_name_is_plain"),
    "a harness has no name": (new_harness(name="''"), "harness_name_is_plain"),
    "a harness has no time": (new_harness(timeout_seconds="0"), "harnesses_have_a_time_limit"),
    "a harness has more than a day": (new_harness(timeout_seconds="86401"), "harnesses_have_a_time_limit"),
}
RUNS_STAY, REPORTS_STAY = "evaluations_are_not_deleted", "case_reports_are_append_only"
#: Refused to the serving role by a right it has not, and to the owner by the trigger of this name, or by any
#: that has a sentence where several would do.
KEPT: dict[str, Row] = {
    "a pass is deleted": ("DELETE FROM evaluations_evaluation WHERE id = %(passed)s", RUNS_STAY),
    "a failure is deleted": ("DELETE FROM evaluations_evaluation WHERE id = %(failed)s", RUNS_STAY),
    "a waiting run is deleted": ("DELETE FROM evaluations_evaluation WHERE id = %(pending)s", RUNS_STAY),
    "no run is deleted": ("DELETE FROM evaluations_evaluation WHERE false", RUNS_STAY),
    "all runs are deleted": ("DELETE FROM evaluations_evaluation", RUNS_STAY),
    "runs are truncated": ("TRUNCATE evaluations_evaluation CASCADE", ""),
    "versions are truncated with their runs": ("TRUNCATE prompts_promptversion CASCADE", ""),
    "a report changes": ("UPDATE evaluations_casereport SET cases = '[]'", REPORTS_STAY),
    "no report changes": ("UPDATE evaluations_casereport SET cases = '[]' WHERE false", REPORTS_STAY),
    "a report is deleted": ("DELETE FROM evaluations_casereport WHERE evaluation_id = %(passed)s", REPORTS_STAY),
    "reports are truncated": ("TRUNCATE evaluations_casereport", REPORTS_STAY),
}


@pytest.mark.parametrize(("statement", "constraint"), FORBIDDEN.values(), ids=list(FORBIDDEN))
def test_neither_role_may(ids: Ids, statement: str, constraint: str) -> None:
    for refusal_of in (refusal_of_app, refusal_of_owner):
        refusal = refusal_of(statement, ids)
        assert refusal.diag.constraint_name == constraint, refusal
    assert constraint in errors.named_constraints()


@pytest.mark.parametrize(("statement", "constraint"), KEPT.values(), ids=list(KEPT))
def test_the_serving_role_has_no_right_and_the_owner_no_way_to(ids: Ids, statement: str, constraint: str) -> None:
    assert refusal_of_app(statement, ids).sqlstate == NO_RIGHT
    name = refusal_of_owner(statement, ids).diag.constraint_name
    assert name in ({constraint} if constraint else errors.named_constraints())


def test_a_run_has_one_report(ids: Ids) -> None:
    refusal = refusal_of_app(new_report(evaluation_id="%(passed)s"), ids)
    assert (refusal.sqlstate, refusal.diag.constraint_name) == ("23505", "evaluations_casereport_pkey")


ALLOWED = {
    "a run that waits": new_run(),
    "a run that has ended": finished(score="0"),
    "a run of another version": new_run(version_id="%(second)s", digest="%(second_digest)s"),
    "a run taken by a worker": changed(
        "pending", status="'running'", token="token + 1", claims="1", started_at="now()"
    ),
    "a run that ends": changed("running", status="'failed'", score="0.5", completed_at="now()", due_at="NULL"),
    "the best score": finished(score="1"),
    "no score": finished(score="NULL"),
    "a report": new_report(),
    "another message": new_receipt(),
    "the same message's id by another harness": new_receipt(webhook_id="'msg_1'", harness="'suite'"),
    "a test case": new_case(),
    "another prompt's test case of the name": new_case(name="'case'", prompt_id="%(two)s"),
    "a harness": new_harness(timeout_seconds="86400"),
    "another tenant's harness of the name": new_harness(name="'suite'", tenant_id="%(other_tenant)s"),
}


@pytest.mark.parametrize("statement", ALLOWED.values(), ids=list(ALLOWED))
def test_what_is_refused_is_refused_for_its_one_fault(ids: Ids, statement: str) -> None:
    """The statements above, without it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, ids)
        assert cursor.rowcount == 1
        transaction.set_rollback(True)


def test_every_column_of_an_evaluation_was_tried() -> None:
    assert {field.column for field in Evaluation._meta.concrete_fields} == set(OTHERWISE)


def test_a_refusal_is_a_sentence_for_a_person(ids: Ids) -> None:
    """No door shows the database's own words."""
    run = Evaluation.objects.get(pk=ids["passed"])
    run.score = 0.9
    with pytest.raises(errors.Conflict, match="final"), unit_of_work():
        run.save(update_fields=["score"])
    assert Evaluation.objects.get(pk=ids["passed"]).score == 0.5
