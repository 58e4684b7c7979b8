"""Assertions: what may be kept, and what each says of a rendering that it does not hold of."""

from typing import Any

import orjson
import pytest

from evaluations.assertions import SEARCH_STEPS, TYPES, Fault, checked, faults
from prompts.template import Rendering, render
from pvc.errors import Invalid

LETTER = "Dear Bob,\nyour refund of 12 € is on its way."
CHAT = [{"role": "system", "content": "Answer in JSON."}, {"role": "assistant", "content": '{"ok": true}'}]


def rendering(text: str, *, missing: tuple[str, ...] = ()) -> Rendering:
    return Rendering(text, None, (), missing, ())


def told(text: str, type_: str, value: Any = None, *, tokens: int = 10) -> list[str]:
    """The messages of one assertion about a text."""
    return [fault.message for fault in faults([{"type": type_, "value": value}], rendering(text), tokens)]


def refused(assertions: Any) -> dict[str, list[str]]:
    """What is said of assertions that may not be kept, by field."""
    with pytest.raises(Invalid) as refusal:
        checked(assertions)
    fields: dict[str, list[str]] = refusal.value.details["fields"]
    return fields


# ----------------------------------------------------------------------------- what is kept
def test_assertions_are_kept_in_their_order_as_type_and_value_alone() -> None:
    given: list[dict[str, Any]] = [
        {"type": "no_missing_variables", "value": None},
        {"value": "", "type": "equals"},
        {"type": "contains", "value": "a" * 100_000},
        {"type": "not_contains", "value": " "},
        {"type": "regex", "value": "a" * 1_000},
        {"type": "max_tokens", "value": 10_000_000},
        {"type": "max_tokens", "value": 1},
        {"type": "valid_json"},
    ]

    kept = checked(given)

    assert kept == [{"type": "no_missing_variables"}, *given[1:]]
    assert {each["type"] for each in kept} == set(TYPES)


def test_a_hundred_assertions_are_taken() -> None:
    assert len(checked([{"type": "valid_json"}] * 100)) == 100


@pytest.mark.parametrize(
    "assertions",
    [
        pytest.param([], id="none"),
        pytest.param([{"type": "valid_json"}] * 101, id="more than a hundred"),
        pytest.param({"type": "valid_json"}, id="an object"),
        pytest.param("valid_json", id="a text"),
        pytest.param(None, id="null"),
    ],
)
def test_what_is_no_list_of_one_to_a_hundred_is_refused(assertions: Any) -> None:
    assert refused(assertions) == {"assertions": ["Use a list of 1 to 100 assertions."]}


TEXT = "Use a text of up to 100,000 characters."
PART = "Use a text of 1 to 100,000 characters."
PATTERN = "Use a regular expression of 1 to 1,000 characters."
LIMIT = "Use a whole number from 1 to 10,000,000."


@pytest.mark.parametrize(
    ("type_", "value", "sentence"),
    [
        pytest.param("equals", None, TEXT, id="equals nothing"),
        pytest.param("equals", 3, TEXT, id="equals a number"),
        pytest.param("equals", "a" * 100_001, TEXT, id="equals too long a text"),
        pytest.param("contains", "", PART, id="contains an empty text"),
        pytest.param("contains", ["a"], TEXT, id="contains a list"),
        pytest.param("contains", "a" * 100_001, TEXT, id="contains too long a text"),
        pytest.param("not_contains", "", PART, id="does not contain an empty text"),
        pytest.param("not_contains", True, TEXT, id="does not contain true"),
        pytest.param("regex", "", PATTERN, id="an empty pattern"),
        pytest.param("regex", "a" * 1_001, PATTERN, id="too long a pattern"),
        pytest.param("regex", {}, PATTERN, id="a pattern that is no text"),
        pytest.param("max_tokens", 0, LIMIT, id="no tokens"),
        pytest.param("max_tokens", -5, LIMIT, id="less than none"),
        pytest.param("max_tokens", 10_000_001, LIMIT, id="too many tokens"),
        pytest.param("max_tokens", True, LIMIT, id="true tokens"),
        pytest.param("max_tokens", 5.0, LIMIT, id="tokens with a point"),
        pytest.param("max_tokens", "5", LIMIT, id="tokens as text"),
        pytest.param("max_tokens", None, LIMIT, id="tokens unsaid"),
        pytest.param("valid_json", True, "This type takes no value.", id="a value for JSON"),
        pytest.param("valid_json", "", "This type takes no value.", id="an empty value for JSON"),
        pytest.param("no_missing_variables", 0, "This type takes no value.", id="a value for variables"),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused(type_: str, value: Any, sentence: str) -> None:
    assert refused([{"type": type_, "value": value}]) == {"assertions[0].value": [sentence]}


NEITHER = "RE2 knows neither look-around nor back-references."


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        pytest.param(r"(a)\1", rf"RE2 cannot read this pattern: “invalid escape sequence: \1”. {NEITHER}", id="back"),
        pytest.param("(?=a)", f"RE2 cannot read this pattern: “invalid perl operator: (?=”. {NEITHER}", id="ahead"),
        pytest.param("(?<!a)b", f"RE2 cannot read this pattern: “invalid perl operator: (?<!”. {NEITHER}", id="behind"),
        pytest.param("(a", "RE2 cannot read this pattern: “missing ): (a”.", id="open"),
        pytest.param("a{1001}", "RE2 cannot read this pattern: “invalid repetition size: {1001}”.", id="repeated"),
        pytest.param(
            "((a{100}){100}){100}", "RE2 cannot read this pattern: “invalid repetition size: {100}”.", id="nested"
        ),
        pytest.param(
            ".{1000}" * 100, "RE2 cannot read this pattern: “pattern too large - compile failed”.", id="large"
        ),
        pytest.param("a\ud800", "The pattern has half of a surrogate pair.", id="half a pair"),
    ],
)
def test_a_pattern_that_cannot_be_searched_for_in_linear_time_is_refused_in_words(pattern: str, sentence: str) -> None:
    assert refused([{"type": "regex", "value": pattern}]) == {"assertions[0].value": [sentence]}


def test_a_refused_pattern_leaves_nothing_in_the_log_of_errors(capfd: pytest.CaptureFixture[str]) -> None:
    refused([{"type": "regex", "value": "never read before ("}])

    assert capfd.readouterr().err == ""


def test_every_fault_is_named_at_its_place() -> None:
    assertions: list[Any] = [
        {"type": "valid_json"},
        {"type": "max_tokens", "value": 0, "colour": "red"},
        "contains",
        {"value": "a"},
        {"type": "Contains", "value": "a"},
        {"type": ["contains"], "value": "a"},
    ]

    fields = refused(assertions)

    types = [f"Use one of {', '.join(TYPES)}."]
    assert fields == {
        "assertions[1].colour": ["Unknown field."],
        "assertions[1].value": [LIMIT],
        "assertions[2]": ['An assertion is {"type": …, "value": …}.'],
        "assertions[3].type": types,
        "assertions[4].type": types,
        "assertions[5].type": types,
    }


# ----------------------------------------------------------------------------- what holds
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param("equals", LETTER, id="equals"),
        pytest.param("contains", "refund of 12 €", id="contains"),
        pytest.param("not_contains", "dear bob", id="not_contains minds case"),
        pytest.param("regex", r"^Dear \w+,", id="a match at the beginning"),
        pytest.param("regex", r"\d+ \p{Sc}", id="a match within"),
        pytest.param("regex", r"(?im)^YOUR", id="flags"),
        pytest.param("max_tokens", 10, id="as many tokens as allowed"),
    ],
)
def test_what_holds_of_a_text_is_no_fault(type_: str, value: Any) -> None:
    assert told(LETTER, type_, value) == []


@pytest.mark.parametrize("text", ['{"a": [1, null]}', " [] ", '"text"', "1.5", "null"])
def test_json_is_any_value_as_a_whole(text: str) -> None:
    assert told(text, "valid_json") == []


@pytest.mark.parametrize(
    ("text", "type_", "value", "sentence"),
    [
        pytest.param(
            "Dear Ann",
            *("equals", "Dear Bob"),
            "The text is not the expected one: at character 6 it has “Ann”, expected is “Bob”.",
            id="another text",
        ),
        pytest.param(
            "Dear",
            *("equals", "Dear Bob"),
            "The text is not the expected one: at character 5 it has its end, expected is “ Bob”.",
            id="a shorter text",
        ),
        pytest.param(
            "Dear Bob\n",
            *("equals", "Dear Bob"),
            "The text is not the expected one: at character 9 it has “␊”, expected is its end.",
            id="a longer text",
        ),
        pytest.param(
            "Dear Bob",
            *("contains", "refund"),
            "Expected “refund” in the text; the text is “Dear Bob”.",
            id="not there",
        ),
        pytest.param(
            "Dear Bob",
            *("contains", "dear"),
            "Expected “dear” in the text; the text is “Dear Bob”.",
            id="there in other letters",
        ),
        pytest.param(
            "Dear Bob",
            *("not_contains", "Dear"),
            "Expected no “Dear” in the text; it is there at character 1, in “Dear Bob”.",
            id="there at the beginning",
        ),
        pytest.param(
            "The password of today is the long word of yesterday.",
            *("not_contains", "long word"),
            "Expected no “long word” in the text; it is there at character 30,"
            " in “…ord of today is the long word of yesterday.”.",
            id="there",
        ),
        pytest.param(
            "Hello Bob",
            *("regex", "^Dear"),
            "Expected a match of “^Dear”; the text is “Hello Bob”.",
            id="no match",
        ),
        pytest.param(
            "one\ntwo",
            *("regex", "one.two|^two|one$"),
            "Expected a match of “one.two|^two|one$”; the text is “one␊two”.",
            id="a dot is no line end, and ^ and $ are the text's",
        ),
        pytest.param(
            "…",
            *("max_tokens", 9),
            "Expected at most 9 tokens; the text has about 10.",
            id="too many tokens",
        ),
    ],
)
def test_what_does_not_hold_is_told_with_what_was_expected_and_what_is_there(
    text: str, type_: str, value: Any, sentence: str
) -> None:
    assert told(text, type_, value) == [sentence]


def test_of_what_is_not_json_the_place_is_told() -> None:
    [message] = told("{\n'a': 1}", "valid_json")

    assert message.startswith("Expected the text to be JSON: ")
    assert message.endswith(" at line 2, column 1; it is “{␊'a': 1}”.")


@pytest.mark.parametrize("text", ["", "{} {}", "NaN", "```json\n{}\n```", "[" * 100_000, "[" * 5_000 + "]" * 5_000])
def test_what_is_not_json_as_a_whole_is_a_fault(text: str) -> None:
    assert len(told(text, "valid_json")) == 1


def test_variables_without_a_value_are_named() -> None:
    seen = rendering("Dear ,", missing=("name", "sum"))

    [fault] = faults([{"type": "no_missing_variables"}], seen, 2)

    assert fault.message == "Expected a value for every variable; there is none for `name`, `sum`."
    assert faults([{"type": "no_missing_variables"}], rendering("Dear Bob,"), 3) == []


def test_faults_are_told_by_place_in_the_order_of_the_assertions() -> None:
    assertions: list[dict[str, Any]] = [
        {"type": "contains", "value": "Ann"},
        {"type": "contains", "value": "Bob"},
        {"type": "max_tokens", "value": 1},
        {"type": "contains", "value": "Ann"},
    ]

    found = faults(assertions, rendering("Bob"), 2)

    assert [(fault.type, fault.index) for fault in found] == [("contains", 0), ("max_tokens", 2), ("contains", 3)]


# ----------------------------------------------------------------------------- chats
def chat(messages: list[dict[str, str]]) -> Rendering:
    return render(messages, {})


def test_a_chat_is_looked_at_as_its_messages_with_their_roles() -> None:
    text = 'system: Answer in JSON.\n\nassistant: {"ok": true}'
    assertions = [{"type": "equals", "value": text}, {"type": "regex", "value": r"^system: .*\n\nassistant: \{"}]

    assert faults(assertions, chat(CHAT), 10) == []


def test_of_a_chat_the_last_message_is_asked_for_json() -> None:
    assert faults([{"type": "valid_json"}], chat(CHAT), 10) == []

    [fault] = faults([{"type": "valid_json"}], chat(CHAT[::-1]), 10)

    assert fault.message.startswith("Expected the last message to be JSON: ")
    assert fault.message.endswith("; it is “Answer in JSON.”.")


def test_a_chat_of_no_messages_is_no_json() -> None:
    empty = render([{"placeholder": "history"}], {"history": []})

    [fault] = faults([{"type": "valid_json"}], empty, 0)

    assert fault.message == "Expected JSON in the last message; there is no message."


# ----------------------------------------------------------------------------- hostile texts and patterns
@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "(?:a?){200}a{200}$", "^(([a-z])+.)+[A-Z]$"])
def test_a_pattern_that_lets_other_engines_hang_returns(pattern: str) -> None:
    text = "a" * 100_000 + "!"

    [assertion] = checked([{"type": "regex", "value": pattern}])
    [fault] = faults([assertion], rendering(text), 1)

    assert fault.message.startswith(f"Expected a match of “{pattern}”; the text is “aaa")


def test_patterns_that_together_cost_too_much_are_told_and_not_searched_for() -> None:
    """The first of these costs nearly all that a case may spend; what costs little still finds its match."""
    text = "a" * 100_000
    costly = {"type": "regex", "value": "a{1000}" * 4}
    little = {"type": "regex", "value": "aa"}

    found = faults([costly, little, costly, little], rendering(text), 1)

    steps = 4_000 * len(text)
    assert steps < SEARCH_STEPS < 2 * steps
    assert [(fault.index, fault.message) for fault in found] == [
        (2, "Searching a text of 100,000 characters for “a{1000}a{1000}a{1000}a{1000}” takes too long.")
    ]


def test_a_pattern_kept_by_another_version_of_re2_is_a_fault_and_no_exception() -> None:
    assert told("aa", "regex", r"(a)\1") == [rf"RE2 cannot read this pattern: “invalid escape sequence: \1”. {NEITHER}"]


def test_a_pattern_may_match_single_bytes_of_a_character() -> None:
    assert told("ä", "regex", r"^\C\C$") == []
    assert told("ä", "regex", r"\C{3}") == ["Expected a match of “\\C{3}”; the text is “ä”."]


LONG = "".join(f"line {number}\0\n" for number in range(20_000))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param("equals", "x" * 100_000, id="equals"),
        pytest.param("contains", "x" * 100_000, id="contains"),
        pytest.param("not_contains", LONG[50:90_000], id="not_contains"),
        pytest.param("regex", "x{2}" * 250, id="regex"),
        pytest.param("regex", "(" + "x" * 999, id="a pattern that RE2 does not read"),
        pytest.param("max_tokens", 1, id="max_tokens"),
        pytest.param("valid_json", None, id="valid_json"),
        pytest.param("no_missing_variables", None, id="no_missing_variables"),
    ],
)
def test_messages_are_short_and_can_be_stored(type_: str, value: Any) -> None:
    seen = rendering(LONG, missing=tuple(f"{'name' * 20}{number}" for number in range(50)))

    [fault] = faults([{"type": type_, "value": value}], seen, 10_000_000)

    assert len(fault.message) <= 240
    assert fault.message.isprintable()
    assert orjson.loads(orjson.dumps(fault.as_dict())) == {"type": type_, "index": 0, "message": fault.message}


def test_a_fault_is_stored_with_its_place() -> None:
    assert Fault("regex", 3, "No.").as_dict() == {"type": "regex", "index": 3, "message": "No."}
