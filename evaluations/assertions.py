"""What a test case asserts of a rendered prompt: checked before it is kept, and held against a rendering. Pure.

A chat is looked at as it is rendered: its messages as “role: content”, with an empty line between them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson
import re2

from prompts.policy import MOST_TOKENS
from prompts.template import Rendering, named
from pvc.errors import Invalid

MOST_ASSERTIONS: Final = 100
LONGEST_TEXT: Final = 100_000
LONGEST_PATTERN: Final = 1_000
#: What RE2 may take for one pattern, its program and its automaton: a pattern that needs more is refused.
PATTERN_BYTES: Final = 262_144
#: What the patterns of one case may cost together: instructions of a pattern times bytes of text, about 3 s at worst.
SEARCH_STEPS: Final = 500_000_000
#: How much of a text is shown in a message.
SHOWN: Final = 60
#: A control character is shown by the picture that Unicode has of it.
_PICTURES: Final = {code: 0x2400 + code for code in range(32)} | {127: 0x2421}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a case failed. `index` is the assertion's place in its case; None where nothing could be rendered."""

    type: str
    index: int | None
    message: str

    def as_dict(self) -> dict[str, Any]:
        return {"type": self.type, "index": self.index, "message": self.message}


# ----------------------------------------------------------------------------- checking
def checked(assertions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The assertions as they are kept. Raises Invalid naming every fault."""
    if not isinstance(assertions, list | tuple) or not 1 <= len(assertions) <= MOST_ASSERTIONS:
        raise Invalid.field("assertions", f"Use a list of 1 to {MOST_ASSERTIONS} assertions.")
    wrong: dict[str, list[str]] = {}
    for index, assertion in enumerate(assertions):
        wrong |= _wrong_in(assertion, f"assertions[{index}]")
    if wrong:
        raise Invalid.fields(wrong)
    return [_kept(assertion) for assertion in assertions]


def _wrong_in(assertion: Any, field: str) -> dict[str, list[str]]:
    if not isinstance(assertion, Mapping):
        return {field: ['An assertion is {"type": …, "value": …}.']}
    wrong = {f"{field}.{str(name)[:100]}": ["Unknown field."] for name in assertion.keys() - {"type", "value"}}
    type_ = assertion.get("type")
    if not isinstance(type_, str) or type_ not in _KINDS:
        return {**wrong, f"{field}.type": [f"Use one of {', '.join(_KINDS)}."]}
    problem = _KINDS[type_].problem(assertion.get("value"))
    return {**wrong, f"{field}.value": [problem]} if problem else wrong


def _kept(assertion: Mapping[str, Any]) -> dict[str, Any]:
    value = assertion.get("value")
    return {"type": assertion["type"]} if value is None else {"type": assertion["type"], "value": value}


def _no_text(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return f"Use a text of up to {LONGEST_TEXT:,} characters."
    return None


def _no_part(value: Any) -> str | None:
    return f"Use a text of 1 to {LONGEST_TEXT:,} characters." if value == "" else _no_text(value)


def _no_pattern(value: Any) -> str | None:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_PATTERN:
        return f"Use a regular expression of 1 to {LONGEST_PATTERN:,} characters."
    return _read(value).problem


def _no_limit(value: Any) -> str | None:
    if type(value) is not int or not 1 <= value <= MOST_TOKENS:
        return f"Use a whole number from 1 to {MOST_TOKENS:,}."
    return None


def _not_nothing(value: Any) -> str | None:
    return None if value is None else "This type takes no value."


# ----------------------------------------------------------------------------- regular expressions
class _Pattern(NamedTuple):
    """A regular expression ready for searching, or what is wrong with it."""

    searcher: Any
    problem: str | None


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_BYTES
    options.never_capture = True  # only whether it matches is asked, which takes RE2 less
    return options


_OPTIONS: Final = _options()


@lru_cache(maxsize=128)
def _read(pattern: str) -> _Pattern:
    """The pattern in RE2's syntax (github.com/google/re2/wiki/Syntax), which is searched for in linear time."""
    try:
        return _Pattern(re2.compile(pattern, _OPTIONS), None)
    except UnicodeEncodeError:
        return _Pattern(None, "The pattern has half of a surrogate pair.")
    except re2.error as error:
        told = error.args[0].decode(errors="replace")
    hint = " RE2 knows neither look-around nor back-references."
    unknown = told.startswith(("invalid perl operator", "invalid escape sequence"))
    return _Pattern(None, f"RE2 cannot read this pattern: {shown(told)}.{hint if unknown else ''}")


# ----------------------------------------------------------------------------- holding them against a rendering
class _Seen:
    """A rendering as the assertions of one case look at it, and what their patterns may still cost."""

    def __init__(self, rendering: Rendering, tokens: int) -> None:
        self.rendering = rendering
        self.text = rendering.text
        self.tokens = tokens
        self.steps_left = SEARCH_STEPS

    def search(self, searcher: Any) -> bool | None:
        """Whether the pattern is somewhere in the text; None where that would cost too much."""
        text = self.text.encode()  # in bytes, as RE2 searches: no place has to be counted back into characters
        steps = searcher.programsize * len(text)
        if steps > self.steps_left:
            return None
        self.steps_left -= steps
        return searcher.search(text) is not None


def faults(assertions: Sequence[Mapping[str, Any]], rendering: Rendering, tokens: int) -> list[Fault]:
    """What does not hold of a rendering of so many tokens, in the order of the assertions: none where all do."""
    seen = _Seen(rendering, tokens)
    messages = (_KINDS[each["type"]].fault(seen, each.get("value")) for each in assertions)
    return [
        Fault(assertion["type"], index, message)
        for index, (assertion, message) in enumerate(zip(assertions, messages, strict=True))
        if message is not None
    ]


def _differs(seen: _Seen, value: str) -> str | None:
    if seen.text == value:
        return None
    pairs = enumerate(zip(value, seen.text, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), min(len(value), len(seen.text)))
    expected, found = (shown(text[place:]) if text[place:] else "its end" for text in (value, seen.text))
    return f"The text is not the expected one: at character {place + 1:,} it has {found}, expected is {expected}."


def _lacks(seen: _Seen, value: str) -> str | None:
    return None if value in seen.text else f"Expected {shown(value)} in the text; the text is {shown(seen.text)}."


def _has(seen: _Seen, value: str) -> str | None:
    place = seen.text.find(value)
    if place < 0:
        return None
    start = max(place - 20, 0)
    around = shown(f"{'…' if start else ''}{seen.text[start:]}")
    return f"Expected no {shown(value)} in the text; it is there at character {place + 1:,}, in {around}."


def _matches_nowhere(seen: _Seen, value: str) -> str | None:
    pattern = _read(value)
    if pattern.problem is not None:
        return pattern.problem
    found = seen.search(pattern.searcher)
    if found is None:
        return f"Searching a text of {len(seen.text):,} characters for {shown(value)} takes too long."
    return None if found else f"Expected a match of {shown(value)}; the text is {shown(seen.text)}."


def _is_longer(seen: _Seen, value: int) -> str | None:
    if seen.tokens <= value:
        return None
    return f"Expected at most {value:,} tokens; the text has about {seen.tokens:,}."


def _is_no_json(seen: _Seen, _value: None) -> str | None:
    messages = seen.rendering.messages
    if messages is not None and not messages:
        return "Expected JSON in the last message; there is no message."
    text, what = (seen.text, "text") if messages is None else (messages[-1]["content"], "last message")
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        at = f"{error.msg} at line {error.lineno}, column {error.colno}"
        return f"Expected the {what} to be JSON: {at}; it is {shown(text)}."
    return None


def _misses_values(seen: _Seen, _value: None) -> str | None:
    missing = seen.rendering.missing
    return f"Expected a value for every variable; there is none for {cut(named(missing), 120)}." if missing else None


class _Kind(NamedTuple):
    """A type of assertion: what is wrong with a value of it, and what is wrong with a rendering by it."""

    problem: Callable[[Any], str | None]
    fault: Callable[[_Seen, Any], str | None]


_KINDS: Final = {
    "equals": _Kind(_no_text, _differs),
    "contains": _Kind(_no_part, _lacks),
    "not_contains": _Kind(_no_part, _has),
    "regex": _Kind(_no_pattern, _matches_nowhere),
    "max_tokens": _Kind(_no_limit, _is_longer),
    "valid_json": _Kind(_not_nothing, _is_no_json),
    "no_missing_variables": _Kind(_not_nothing, _misses_values),
}
TYPES: Final = tuple(_KINDS)


# ----------------------------------------------------------------------------- showing
def cut(text: str, length: int) -> str:
    """At most so many characters of a text, the control characters among them made visible."""
    short = text if len(text) <= length else f"{text[: length - 1]}…"
    return short.translate(_PICTURES)


def shown(text: str) -> str:
    """The beginning of a text, in quotation marks."""
    return f"“{cut(text, SHOWN)}”"
