"""Evaluations in the console: the gate on the review page, runs, test cases, harnesses, and where else they show."""

import html
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEntry
from deployments.actions import promotion
from deployments.pages import gate
from evaluations import worker
from evaluations.actions import harnesses, runs, test_cases
from evaluations.actions.runs import Outcome
from evaluations.gate import Run
from evaluations.models import Evaluation, Harness, TestCase
from evaluations.pages import case_fields
from prompts.actions import namespaces
from prompts.actions import prompts as prompt_actions
from prompts.models import Namespace, Prompt, PromptVersion
from tenants.models import Actor
from tests import factories
from tests.console.routes import logged_in
from tests.factories import client_of, json_of

SECRET = "a-secret-nobody-shows"
URL = "https://9.9.9.9/evaluate"
REFUND = [{"type": "contains", "value": "refund"}]


@pytest.fixture
def guarded(admin: Actor) -> Namespace:
    return namespaces.create_namespace("guarded", name="Guarded", required_approvals=0, by=admin)


@pytest.fixture
def prompt(guarded: Namespace, alice: Actor, bob: Actor) -> Prompt:
    """Version 1 is live; version 2 by alice waits for one approval. A test case asks for what neither says."""
    prompt = factories.make_prompt(guarded, by=alice, slug="support", body="Help with {{ issue }}.")
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=bob)
    factories.change_policy(guarded, required_approvals=1)
    waiting(prompt, "Help gladly with {{ issue }}.", by=alice)
    test_cases.create_test_case(prompt, "asks for money", variables={"issue": "money"}, assertions=REFUND, by=bob)
    return prompt


def waiting(prompt: Prompt, body: str, *, by: Actor) -> PromptVersion:
    return promotion.promote_pre_prod(factories.make_version(prompt, body, by=by), by=by)


def evaluated(version: PromptVersion, by: Actor) -> Evaluation:
    """A finished run of the built-in harness."""
    run = runs.trigger(version, harness="builtin", by=by)
    worker.run_due()
    return Evaluation.objects.get(pk=run.pk)


def at(name: str, thing: Any) -> str:
    return reverse(f"console:{name}", args=[thing.pk])


def shown(answer: Any) -> str:
    """A page without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def press(browser: Browser, address: str, page: str = "/admin/", **fields: Any) -> str:
    """Press a button that stands on a page; gives what the next page says."""
    answer = browser.post(address, fields, headers={"referer": f"http://testserver{page}"})
    assert answer.status_code == 302, answer.content
    return shown(browser.get(answer["Location"]))


# ----------------------------------------------------------------------------- the gate
def test_the_review_page_says_what_the_gate_says(prompt: Prompt, alice: Actor, bob: Actor) -> None:
    second = prompt.versions.get(number=2)
    evaluated(second, bob)
    told = json_of(client_of(bob).get(f"/evaluations/versions/{second.pk}/gate"))
    for name in ("review", "gate"):
        page = shown(logged_in(bob).get(at(name, second)))
        assert all(each["message"] in page for each in told["unmet"]), page
        assert "closed Evaluations keep this version from production: The newest evaluation by builtin failed." in page
        assert re.search(r"builtin failed 0 just now", page)


@pytest.mark.parametrize(
    ("hours", "status", "is_outdated", "expected"),
    [
        (None, "passed", False, False),
        (1, "passed", False, True),
        (3, "passed", False, False),
        (None, "passed", True, True),
        (1, "running", False, False),
    ],
    ids=["any age", "too old", "young enough", "other test cases", "not ended"],
)
def test_what_is_called_stale(hours: float | None, status: str, is_outdated: bool, expected: bool) -> None:
    ended = None if status == "running" else timezone.now() - timedelta(hours=2)
    run = Run(uuid4(), "builtin", 1, status, 1.0, ended, is_outdated)
    assert gate.is_stale(run, {"max_age_hours": hours}) is expected


def test_whoever_may_evaluates_and_sees_it_end(prompt: Prompt, bob: Actor) -> None:
    second, browser = prompt.versions.get(number=2), logged_in(bob)
    TestCase.objects.update(assertions=[{"type": "contains", "value": "gladly"}])
    page = press(browser, at("evaluate", second), harnessId="builtin")
    assert "An evaluation of version 2 by builtin is asked for." in page
    assert "An evaluation by builtin is not finished." in page
    assert "data-unfinished" in browser.get(at("gate", second)).content.decode()
    worker.run_due()
    fragment = browser.get(at("gate", second))
    assert "data-unfinished" not in fragment.content.decode()
    assert "open Evaluations do not stand in the way." in shown(fragment)
    entry = AuditEntry.objects.get(verb="evaluation.triggered")
    assert (entry.actor, entry.via, entry.data["harnessId"]) == ("bob", "console", "builtin")


def test_the_choice_of_harnesses_begins_with_what_the_policy_asks_for(
    prompt: Prompt, guarded: Namespace, admin: Actor, bob: Actor
) -> None:
    harnesses.register_harness("nightly", url=URL, secret=SECRET, by=admin)
    policy = {**guarded.policy.evaluation_policy, "mode": "require_pass", "harnesses": ["nightly", "manual"]}
    factories.change_policy(guarded, evaluation_policy=policy)
    page = logged_in(bob).get(at("review", prompt.versions.get(number=2))).content.decode()
    form = page[page.index('id="evaluate-harness"') :]
    options = re.findall(r'<option value="(\w+)"( selected)?>', form[: form.index("</select>")])
    assert options == [("builtin", ""), ("manual", " selected"), ("nightly", "")]


def test_a_harness_that_nobody_knows_is_refused_in_words(prompt: Prompt, bob: Actor) -> None:
    second = prompt.versions.get(number=2)
    page = press(logged_in(bob), at("evaluate", second), at("review", second), harnessId="unheard-of")
    assert "There is no harness “unheard-of”." in page
    assert not Evaluation.objects.exists()


def test_who_only_reads_sees_no_button_and_evaluates_nothing(prompt: Prompt, acme: Any) -> None:
    browser = logged_in(factories.make_actor(acme, "olga", "Operator"))
    second = prompt.versions.get(number=2)
    assert "evaluate-harness" not in browser.get(at("review", second)).content.decode()
    assert browser.post(at("evaluate", second), {"harnessId": "builtin"}).status_code == 403
    assert not Evaluation.objects.exists()


# ----------------------------------------------------------------------------- runs
def test_a_run_shows_why_it_failed(prompt: Prompt, bob: Actor) -> None:
    second = prompt.versions.get(number=2)
    test_cases.create_test_case(prompt, "b", variables={"issue": "a refund"}, assertions=REFUND, by=bob)
    run = evaluated(second, bob)
    page = shown(logged_in(bob).get(at("evaluation", run)))
    assert "Expected “refund” in the text; the text is “Help gladly with money.”" in page
    assert page.index("asks for money failed") < page.index("b passed All of it holds.")
    assert "score 0.5" in page
    assert "1 to 2 of 2, the failed ones first." in page
    listed = shown(logged_in(bob).get(at("evaluations", second)))
    assert re.search(r"builtin failed 0\.5 bob just now \d+\.\d s", listed)


def test_a_long_report_comes_a_hundred_cases_at_a_time(
    prompt: Prompt, bob: Actor, django_assert_max_num_queries: Any
) -> None:
    run = runs.trigger(prompt.versions.get(number=2), harness="builtin", by=bob)
    rest = {"faults": [], "tokens": 1, "milliseconds": 0.1}
    cases = [{"name": f"case {number:03}", "passed": number != 249, **rest} for number in range(250)]
    runs.finish(run, Outcome("failed", 0.996, cases=cases), by=bob)
    browser = logged_in(bob)
    with django_assert_max_num_queries(20):
        first = browser.get(at("evaluation", run))
    assert first.context["results"][0]["name"] == "case 249"
    assert [len(browser.get(at("evaluation", run) + f"?from={n}").context["results"]) for n in (100, 200)] == [100, 50]
    assert [first.context["part"][name] for name in ("newer", "older")] == ["", "?from=100"]
    for odd in ("-1", "x", "999999", "٣", "9" * 50):
        assert browser.get(at("evaluation", run), {"from": odd}).status_code == 200


def test_an_error_is_told_in_words(prompt: Prompt, bob: Actor) -> None:
    TestCase.objects.all().delete()
    run = evaluated(prompt.versions.get(number=2), bob)
    page = shown(logged_in(bob).get(at("evaluation", run)))
    assert "error The prompt has no test cases. (NO_TEST_CASES)" in page


def test_what_does_not_count_any_more_says_so(prompt: Prompt, bob: Actor) -> None:
    second, browser = prompt.versions.get(number=2), logged_in(bob)
    old, new = evaluated(second, bob), evaluated(second, bob)
    assert "A newer run by builtin on this content counts" in shown(browser.get(at("evaluation", old)))
    assert "stale" not in shown(browser.get(at("evaluation", new)))
    test_cases.create_test_case(prompt, "another", variables={}, assertions=REFUND, by=bob)
    assert "The test cases have changed since it ran." in shown(browser.get(at("evaluation", new)))
    assert "failed stale" in shown(browser.get(at("review", second)))


def test_what_a_harness_says_is_shown_as_text(prompt: Prompt, bob: Actor) -> None:
    run = runs.trigger(prompt.versions.get(number=2), harness="builtin", by=bob)
    metrics = {"<b>note</b>": "<script>alert(1)</script>", "by": {"model": ["small"]}}
    runs.finish(run, Outcome("passed", 1.0, metrics), by=bob)
    page = logged_in(bob).get(at("evaluation", run)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "<b>note" not in page


# ----------------------------------------------------------------------------- test cases
def written(**fields: Any) -> dict[str, Any]:
    """A form as a browser sends it: three rows, the last of them empty."""
    filled = {
        "name": "asks kindly",
        "variables": '{"issue": "a refund"}',
        "assertion-type": ["contains", "max_tokens", ""],
        "assertion-value": ["refund", "50", ""],
    }
    return filled | fields


def test_a_test_case_is_written_changed_and_deleted(prompt: Prompt, bob: Actor) -> None:
    browser = logged_in(bob)
    new = browser.get(at("new-case", prompt))
    assert new.context["variables"] == '{\n  "issue": ""\n}'
    assert "The test case asks kindly is there." in press(browser, at("create-case", prompt), **written())
    case = TestCase.objects.get(name="asks kindly")
    assert (case.variables, case.assertions) == ({"issue": "a refund"}, [*REFUND, {"type": "max_tokens", "value": 50}])
    rows = [(row.type, row.value) for row in browser.get(at("case", case)).context["rows"]]
    assert rows == [("contains", "refund"), ("max_tokens", "50"), ("", ""), ("", ""), ("", "")]
    changed = written(**{"assertion-type": ["", "valid_json"], "assertion-value": ["", ""]})
    assert "The test case asks kindly is changed." in press(browser, at("change-case", case), **changed)
    case.refresh_from_db()
    assert case.assertions == [{"type": "valid_json"}]
    assert "is as it was" in press(browser, at("change-case", case), **changed)
    assert "is deleted" in press(browser, at("delete-case", case))
    assert not TestCase.objects.filter(name="asks kindly").exists()


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        ({"name": ""}, "name_faults", "This field may not be blank."),
        ({"variables": '{"issue": }'}, "variables_faults", "This is not JSON"),
        ({"variables": "[]"}, "variables_faults", "Use values by name"),
        ({"assertion-type": [], "assertion-value": []}, "assertions_faults", "Use a list of 1 to 100 assertions."),
    ],
    ids=["no name", "no JSON", "no object", "no assertion"],
)
def test_what_cannot_be_taken_is_told_beside_its_field_and_kept(
    prompt: Prompt, bob: Actor, fields: dict[str, Any], field: str, why: str
) -> None:
    sent = written(**fields)
    answer = logged_in(bob).post(at("create-case", prompt), sent)
    assert answer.status_code == 400
    assert why in " ".join(answer.context[field])
    assert (answer.context["name"], answer.context["variables"]) == (sent["name"], sent["variables"])
    assert TestCase.objects.count() == 1


@pytest.mark.parametrize(
    ("type_", "value", "why"),
    [
        ("max_tokens", "many", "Use a whole number from 1 to"),
        ("regex", "(", "RE2 cannot read this pattern"),
        ("valid_json", "yes", "This type takes no value."),
        ("", "a text without a type", "Use one of equals, contains"),
        ("contains", "a\0b", "Null characters are not allowed."),
        ("<script>", "x", "Use one of equals, contains"),
    ],
    ids=["no number", "no pattern", "a value too many", "no type", "NUL", "a type of their own"],
)
def test_a_wrong_assertion_is_told_in_its_row(prompt: Prompt, bob: Actor, type_: str, value: str, why: str) -> None:
    sent = written(**{"assertion-type": ["contains", "", type_], "assertion-value": ["refund", "", value]})
    answer = logged_in(bob).post(at("create-case", prompt), sent)
    assert answer.status_code == 400
    kept = [(row.type, row.value, bool(row.faults)) for row in answer.context["rows"]]
    assert kept[:2] == [("contains", "refund", False), (type_, value, True)]
    assert why in answer.context["rows"][1].faults[0]
    assert TestCase.objects.count() == 1


def test_a_name_that_is_taken_is_refused_and_what_was_typed_stays(prompt: Prompt, bob: Actor) -> None:
    answer = logged_in(bob).post(at("create-case", prompt), written(name="asks for money"))
    assert answer.status_code == 409
    assert "This prompt has a test case of this name." in shown(answer)
    assert [row.value for row in answer.context["rows"][:2]] == ["refund", "50"]


def test_line_ends_stay_as_they_were() -> None:
    kept = [{"type": "equals", "value": "one\r\ntwo"}]
    rows = case_fields.sent_rows(["equals", "contains"], ["one\r\ntwo", "three\r\nfour"])
    assert case_fields.assertions_in(rows, kept) == [*kept, {"type": "contains", "value": "three\nfour"}]


def test_where_approvals_are_required_who_only_writes_changes_no_test_case(
    prompt: Prompt, alice: Actor, bob: Actor
) -> None:
    case = TestCase.objects.get()
    author, reviewer = logged_in(alice), logged_in(bob)
    assert "Write a test case" not in shown(author.get(at("cases", prompt)))
    assert "Changing this takes the right prompts:promote" in shown(author.get(at("case", case)))
    answer = author.post(at("change-case", case), written())
    assert answer.status_code == 403
    assert "Changing the test cases of this prompt needs the scope prompts:promote." in shown(answer)
    assert AuditEntry.objects.filter(verb="test_case.changed.denied", actor="alice", prompt_id=prompt.pk).exists()
    assert "Delete" not in shown(author.get(at("case", case)))
    assert "Write a test case" in shown(reviewer.get(at("cases", prompt)))
    assert TestCase.objects.get() == case


def test_an_archived_prompts_test_cases_stay(prompt: Prompt, bob: Actor, admin: Actor) -> None:
    prompt_actions.archive_prompt(prompt, by=admin)
    browser = logged_in(bob)
    assert "Write a test case" not in shown(browser.get(at("cases", prompt)))
    assert browser.post(at("create-case", prompt), written()).status_code == 410


def test_test_cases_come_fifty_at_a_time_in_the_same_queries(
    prompt: Prompt, bob: Actor, django_assert_max_num_queries: Any
) -> None:
    for number in range(55):
        test_cases.create_test_case(prompt, f"case {number}", variables={}, assertions=REFUND, by=bob)
    browser = logged_in(bob)
    with django_assert_max_num_queries(15):
        first = browser.get(at("cases", prompt)).context["part"]
    assert [len(first.rows), len(browser.get(at("cases", prompt) + first.older).context["part"].rows)] == [50, 6]


# ----------------------------------------------------------------------------- harnesses
def test_harnesses_are_for_administrators(bob: Actor, admin: Actor) -> None:
    addresses = [reverse("console:harnesses"), reverse("console:new-harness")]
    assert [[logged_in(each).get(address).status_code for address in addresses] for each in (bob, admin)] == [
        [403, 403],
        [200, 200],
    ]


def test_a_harness_is_registered_changed_and_removed_and_its_secret_never_shown(acme: Any, admin: Actor) -> None:
    browser = logged_in(admin)
    fields = {"name": "nightly", "url": URL, "timeoutSeconds": "60"}
    page = press(browser, reverse("console:register-harness"), **fields, secret=SECRET)
    harness = Harness.objects.get()
    assert "The harness nightly is registered" in page
    assert (harness.url, harness.timeout_seconds, harness.secret.text) == (URL, 60, SECRET)
    press(browser, at("change-harness", harness), url=URL, timeoutSeconds="90", secret="")
    harness.refresh_from_db()
    assert (harness.timeout_seconds, harness.secret.text) == (90, SECRET)
    press(browser, at("change-harness", harness), url=URL, timeoutSeconds="90", secret="another-secret-of-it")
    harness.refresh_from_db()
    assert harness.secret.text == "another-secret-of-it"
    for address in (at("harness", harness), reverse("console:harnesses"), reverse("console:log")):
        text = browser.get(address).content.decode()
        assert not any(each in text for each in (SECRET, "another-secret-of-it", harness.sealed_secret))
    assert "The harness nightly is removed." in press(browser, at("remove-harness", harness))
    assert not Harness.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field", "status"),
    [
        ({"url": "http://127.0.0.1/run"}, "url", 400),
        ({"secret": "short"}, "secret", 400),
        ({"timeoutSeconds": "0"}, "timeoutSeconds", 400),
        ({"name": "builtin"}, "name", 400),
    ],
    ids=["an address inside", "a short secret", "no time", "a name of the server's own"],
)
def test_a_harness_that_cannot_be_is_told_beside_its_field(
    admin: Actor, fields: dict[str, str], field: str, status: int
) -> None:
    sent = {"name": "nightly", "url": URL, "secret": SECRET, "timeoutSeconds": "60"} | fields
    answer = logged_in(admin).post(reverse("console:register-harness"), sent)
    assert answer.status_code == status
    assert answer.context["faults"].keys() == {field}
    assert f'id="harness-{field.removesuffix("Seconds")}-faults"' in answer.content.decode()
    assert sent["secret"] not in answer.content.decode()
    assert answer.context["sent"]["name"] == sent["name"]
    assert not Harness.objects.exists()


# ----------------------------------------------------------------------------- where else they show
def test_the_start_page_marks_what_evaluations_close_in_as_many_queries_for_all_as_for_one(
    prompt: Prompt, guarded: Namespace, alice: Actor, bob: Actor
) -> None:
    evaluated(prompt.versions.get(number=2), bob)
    browser = logged_in(bob)
    page = shown(browser.get("/admin/"))  # fills the chart's cache too
    assert "Evaluations keep 1 of the versions that wait from production; 1 failed or ended in an error." in page
    assert "evaluation failed The newest evaluation by builtin failed." in page
    with CaptureQueriesContext(connection) as before:
        browser.get("/admin/")
    for number in range(3):
        more = factories.make_prompt(guarded, by=alice, slug=f"more-{number}", body="One {{ issue }}")
        evaluated(waiting(more, "Two {{ issue }}", by=alice), bob)
    with CaptureQueriesContext(connection) as after:
        assert "Evaluations keep 4 of the versions that wait" in shown(browser.get("/admin/"))
    assert len(after) == len(before)


def test_a_prompts_page_leads_to_its_test_cases_and_newest_runs(
    prompt: Prompt, bob: Actor, django_assert_max_num_queries: Any
) -> None:
    evaluated(prompt.versions.get(number=2), bob)
    browser = logged_in(bob)
    with django_assert_max_num_queries(30):
        page = shown(browser.get(at("prompt", prompt)))
    assert "Evaluations 1 test case version 1 (live) : never evaluated version 2 : builtin failed" in page


def test_a_namespaces_form_offers_the_harnesses_there_are(guarded: Namespace, admin: Actor) -> None:
    harnesses.register_harness("nightly", url=URL, secret=SECRET, by=admin)
    page = logged_in(admin).get(at("namespace", guarded)).content.decode()
    assert '<option value="builtin"></option><option value="nightly"></option>' in page
