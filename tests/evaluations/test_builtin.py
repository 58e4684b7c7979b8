"""The built-in harness: cases rendered as the product renders, what came of each, and of all."""

from typing import Any

import orjson
import pytest

from deployments import serving
from evaluations.builtin import Case, CaseResult, Subject, run_case, summarise
from prompts import tokens
from prompts.content import content_of, defaults_of
from prompts.models import Namespace
from tenants.models import Actor
from tests import factories

GREETING = Subject("Hello {{ name }}, {{ tone }}.", {"tone": "kindly"})


def run(content: Any, variables: dict[str, Any], *assertions: dict[str, Any], **defaults: Any) -> CaseResult:
    return run_case(Subject(content, defaults), Case("a case", variables, assertions))


def equals(text: str) -> dict[str, Any]:
    return {"type": "equals", "value": text}


# ----------------------------------------------------------------------------- one case
def test_a_case_passes_when_all_its_assertions_hold() -> None:
    case = Case("bob", {"name": "Bob"}, [equals("Hello Bob, kindly."), {"type": "no_missing_variables"}])

    result = run_case(GREETING, case)

    assert (result.name, result.passed, result.faults) == ("bob", True, ())
    assert result.tokens == tokens.estimate("Hello Bob, kindly.") > 0
    assert result.seconds > 0


def test_a_case_fails_when_one_assertion_does_not_hold() -> None:
    case = Case("bob", {"name": "Bob"}, [{"type": "contains", "value": "Bob"}, equals("Hello Ann, kindly.")])

    result = run_case(GREETING, case)

    assert not result.passed
    assert [(fault.type, fault.index) for fault in result.faults] == [("equals", 1)]


def test_declared_defaults_stand_in_for_absent_values_alone() -> None:
    declared = {"tone": {"default": "kindly"}, "name": {"type": "string"}}
    content = content_of("text", "{{ name }}: {{ tone }}", declared)
    subject = Subject(content.parsed, defaults_of(content.variables))

    given = run_case(subject, Case("given", {"name": "Bob", "tone": ""}, [equals("Bob: ")]))
    absent = run_case(subject, Case("absent", {}, [equals(": kindly"), {"type": "no_missing_variables"}]))

    assert given.passed
    assert [fault.message for fault in absent.faults] == [
        "Expected a value for every variable; there is none for `name`."
    ]


def test_a_chat_is_rendered_with_its_placeholders() -> None:
    content = [{"role": "system", "content": "You serve {{ shop }}."}, {"placeholder": "history"}]
    history = [{"role": "user", "content": "{{ shop }}"}, {"role": "assistant", "content": "[1]"}]
    text = "system: You serve us.\n\nuser: {{ shop }}\n\nassistant: [1]"

    result = run(content, {"shop": "us", "history": history}, equals(text), {"type": "valid_json"})

    assert result.passed
    assert result.tokens == tokens.estimate(text)


def test_a_case_sees_the_text_that_rendering_answers(namespace: Namespace, alice: Actor) -> None:
    body = "Dear {{ name }},\r\n{% for each in items %}{{ each }};{% endfor %}{{ fee }} {{ extra }}\r\n"
    declared = {"items": {"default": ["none"]}, "fee": 1.10, "name": {"type": "string", "default": "customer"}}
    version = factories.make_version(factories.make_prompt(namespace, by=alice), body, by=alice, variables=declared)
    version.refresh_from_db()
    subject = Subject(version.content, defaults_of(version.variables), version.pk)

    for variables in ({}, {"name": "Bob"}, {"name": None, "items": [1.50, True, "a"], "other": 1}):
        expected = serving.rendered(version, variables, strict=False)
        result = run_case(subject, Case("", variables, [equals(expected.text)]))
        assert result.faults == ()
        assert result.tokens == serving.tokens_in(expected)


def test_tokens_are_held_against_their_limit_as_they_are_counted() -> None:
    count = tokens.estimate("word " * 50)

    fits = run("word " * 50, {}, {"type": "max_tokens", "value": count})
    exceeds = run("word " * 50, {}, {"type": "max_tokens", "value": count - 1})

    assert (fits.passed, exceeds.passed) == (True, False)


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


LONG_NAMES = [f"{'name' * 10}{number}" for number in range(50)]


@pytest.mark.parametrize(
    ("content", "variables", "sentence"),
    [
        pytest.param("{{ 1 / n }}", {"n": 0}, "Line 1 cannot be rendered: it divides by zero.", id="fails"),
        pytest.param("{{ 1 + n }}", {}, "No value was given for `n`.", id="needs a value"),
        pytest.param("{% include 'a' %}", {}, "Line 1: ", id="never valid"),
        pytest.param("{{ n }}", {"n": 2**60}, "The variable `n` cannot be used: ", id="a large number"),
        pytest.param("{{ n }}", {"n": nested(40)}, "nested more than 32 deep", id="a deep value"),
        pytest.param("{{ n }}", {"n": "\0"}, "it has a NUL character", id="NUL"),
        pytest.param("{{ n }}", {"n": "\ud800"}, "it has half of a surrogate pair", id="half a pair"),
        pytest.param("{{ n }}", {"n": {"\0": 1}}, "it has a NUL character", id="NUL in a name within"),
        pytest.param("{{ n }}", {"\0": 1}, "it has a NUL character", id="NUL in a name"),
        pytest.param("{{ '\\ud800' }}", {}, "half of a surrogate pair cannot be used here", id="half a pair written"),
        pytest.param("{{ {}['\\0'] + 1 }}", {}, "`␀` has no value", id="NUL in the template"),
        pytest.param(f"{{{{ 1 + {' + '.join(LONG_NAMES)} }}}}", {}, "No value was given for `", id="long names"),
        pytest.param("{{ n }}", {"n": "a" * 300_000}, "The variables are larger than 256 KiB", id="too much given"),
        pytest.param(
            "{% for a in range(1000) %}{% for b in range(1000) %}{{ b }}{% endfor %}{% endfor %}",
            {},
            "needs more than 20,000 steps",
            id="too many steps",
        ),
        pytest.param([{"placeholder": "n"}], {"n": "hello"}, "must be a list of messages", id="no messages"),
    ],
)
def test_what_cannot_be_rendered_is_a_failed_case_with_the_sentence(
    content: Any, variables: dict[str, Any], sentence: str
) -> None:
    result = run(content, variables, {"type": "max_tokens", "value": 10_000_000})

    [fault] = result.faults
    assert not result.passed
    assert sentence in fault.message
    assert (fault.type, fault.index, result.tokens) == ("render", None, 0)
    assert fault.message.isprintable()
    assert len(fault.message) <= 500


# ----------------------------------------------------------------------------- what is stored
def test_a_result_is_stored_with_its_faults() -> None:
    result = run("Hello", {}, equals("Bye"))

    stored = result.as_dict()

    assert stored.pop("milliseconds") == round(result.seconds * 1_000, 3)
    message = "The text is not the expected one: at character 1 it has “Hello”, expected is “Bye”."
    faults = [{"type": "equals", "index": 0, "message": message}]
    assert stored == {"name": "a case", "passed": False, "faults": faults, "tokens": 1}


def test_a_nul_that_the_template_writes_is_looked_at_but_not_stored() -> None:
    """A prompt may write one as an escape; PostgreSQL holds none."""
    nul = '{{ "\\0" }}'

    passed = run(nul, {}, equals("\0"))
    failed = run(nul, {}, {"type": "contains", "value": "a"})

    assert passed.passed
    assert [fault.message for fault in failed.faults] == ["Expected “a” in the text; the text is “␀”."]
    assert b"u0000" not in orjson.dumps(failed.as_dict())


# ----------------------------------------------------------------------------- all cases
def result_of(*, passed: bool, tokens: int = 1, seconds: float = 0.0) -> CaseResult:
    faults = () if passed else run("a", {}, equals("b")).faults
    return CaseResult("", faults, tokens, seconds)


@pytest.mark.parametrize(
    ("passes", "score", "passed"),
    [
        pytest.param([True, True], 1.0, True, id="all"),
        pytest.param([True, True, True, True, False], 0.8, False, id="four of five"),
        pytest.param([False, False], 0.0, False, id="none"),
        pytest.param([], 0.0, False, id="no cases"),
    ],
)
def test_the_score_is_the_share_that_passed(passes: list[bool], score: float, passed: bool) -> None:
    summary = summarise([result_of(passed=each) for each in passes])

    assert (summary.score, summary.passed) == (score, passed)


def test_a_summary_counts_cases_tokens_and_time() -> None:
    results = [
        result_of(passed=True, tokens=5, seconds=0.25),
        result_of(passed=False, tokens=7, seconds=0.5),
        result_of(passed=True, tokens=0, seconds=0.25),
    ]

    stored = summarise(results).as_dict()

    assert stored == {"cases": 3, "passed": 2, "failed": 1, "tokens": 12, "mostTokens": 7, "milliseconds": 1000.0}
