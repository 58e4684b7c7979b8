"""manage.py run_evaluation and gate: a table for people, JSON for pipelines, and an exit code."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from deployments.actions import promotion
from evaluations.actions import test_cases
from prompts.models import Namespace, Prompt
from tenants.models import Actor
from tests import factories

FITTING = [{"type": "contains", "value": "Help with: a refund"}, {"type": "no_missing_variables"}]


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    """Version 1 of `support` is in staging."""
    made = factories.make_prompt(namespace, by=alice, slug="support")
    promotion.set_tag(made, "staging", version=made.versions.get(), by=alice)
    return made


def write_case(prompt: Prompt, by: Actor, assertions: list[dict[str, Any]]) -> None:
    test_cases.create_test_case(prompt, "refund", variables={"issue": "a refund"}, assertions=assertions, by=by)


def run(name: str, *words: str, by: Actor | None = None) -> tuple[str, str]:
    """What a command prints, and the sentence that it ends with where it ends with an error."""
    out = StringIO()
    named = ["--as", by.name] if by else []
    try:
        call_command(name, *words, "--tenant", "acme", *named, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_an_evaluation_that_passes_ends_well(prompt: Prompt, alice: Actor) -> None:
    write_case(prompt, alice, FITTING)
    told, sentence = run("run_evaluation", "support@1", "--harness", "builtin", by=alice)
    assert sentence == ""
    assert "default:support, version 1: builtin passed, score 1" in told
    assert "refund" in told


def test_an_evaluation_that_fails_says_what_was_expected_and_ends_with_1(prompt: Prompt, alice: Actor) -> None:
    write_case(prompt, alice, [{"type": "contains", "value": "a discount"}])
    told, sentence = run("run_evaluation", "default:support@staging", "--harness", "builtin", "--json", by=alice)
    assert sentence == "The evaluation did not pass."
    found = json.loads(told)
    assert (found["status"], found["score"]) == ("failed", 0.0)
    assert "a discount" in found["results"][0]["faults"][0]["message"]


def test_without_an_at_it_is_what_is_in_staging(prompt: Prompt, alice: Actor) -> None:
    told, sentence = run("run_evaluation", "support", "--harness", "builtin", by=alice)
    assert "NO_TEST_CASES" in told
    assert sentence == "The evaluation did not pass."


def test_a_harness_that_does_not_report_in_time_is_said_to_be_running(prompt: Prompt, alice: Actor) -> None:
    told, sentence = run("run_evaluation", "support", "--wait", "0", by=alice)
    assert "default running" in told
    assert sentence == "The evaluation did not pass."


def test_the_gate_is_told_as_a_promotion_is(prompt: Prompt, alice: Actor, bob: Actor) -> None:
    assert run("gate", "support@1") == ("default:support, version 1, may be promoted.\n", "")
    write_case(prompt, alice, [{"type": "valid_json"}])
    run("run_evaluation", "support@1", "--harness", "builtin", by=alice)
    told, sentence = run("gate", "support@1", "--json")
    with pytest.raises(promotion.PromotionBlocked) as refused:
        promotion.promote(prompt, by=bob)
    assert sentence == "The version may not be promoted."
    assert json.loads(told)["unmet"] == refused.value.details["unmet"]


@pytest.mark.parametrize("words", [["support@7"], ["support@production"], ["nothing@1"]], ids=" ".join)
def test_what_is_not_there_is_named(prompt: Prompt, words: list[str]) -> None:
    assert run("gate", *words)[1].startswith("There is no") or "has no tag" in run("gate", *words)[1]


def test_who_may_not_trigger_is_refused(prompt: Prompt, acme: Any) -> None:
    dave = factories.make_actor(acme, "dave", "Operator")
    assert run("run_evaluation", "support", by=dave)[1] == "dave does not hold evaluations:write."
