"""A test case as it stands in the fields of its form, and as it is read from them. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from evaluations.assertions import MOST_ASSERTIONS
from pvc.errors import Invalid
from pvc.strict_json import InvalidJSON, strict_json

#: What each type of assertion asks of the rendered text, in words.
TYPES: Final = {
    "contains": "contains",
    "not_contains": "does not contain",
    "equals": "is exactly",
    "regex": "matches the pattern (RE2)",
    "max_tokens": "has no more tokens than",
    "valid_json": "is JSON",
    "no_missing_variables": "lacks no value of a variable",
}
#: Types that take no value.
_ALONE: Final = frozenset({"valid_json", "no_missing_variables"})
#: How many assertions of a case are told in a list.
MOST_SAID: Final = 5
#: How many empty rows stand below those that are filled.
_EMPTY_ROWS: Final = 3
_LINE_END: Final = re.compile(r"\r\n|\r")
_OF_AN_ASSERTION: Final = re.compile(r"assertions\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Row:
    """One assertion's fields. A row without a type and a value is none."""

    type: str = ""
    value: str = ""
    faults: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.type and not self.value


# ----------------------------------------------------------------------------- to the form
def rows_of(assertions: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The rows of assertions that are kept."""
    return [Row(each["type"], _written(each.get("value"))) for each in assertions]


def said_of(assertions: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The first assertions in words, each with its value."""
    return [(TYPES[each["type"]], _written(each.get("value"))) for each in assertions[:MOST_SAID]]


def with_room(rows: Sequence[Row]) -> list[Row]:
    """The rows, and a few empty ones to write more into."""
    room = min(_EMPTY_ROWS, MOST_ASSERTIONS - len(rows))
    return [*rows, *[Row()] * room]


def with_faults(rows: Iterable[Row], faults: Mapping[str, Sequence[str]]) -> list[Row]:
    """The rows that are no empty ones, each with what was said of its assertion (`assertions[0].value`)."""
    said: dict[int, list[str]] = {}
    for path, messages in faults.items():
        if found := _OF_AN_ASSERTION.match(path):
            said.setdefault(int(found[1]), []).extend(messages)
    filled = [row for row in rows if not row.is_empty]
    return [Row(row.type, row.value, tuple(said.get(place, ()))) for place, row in enumerate(filled)]


def json_of(variables: Mapping[str, Any]) -> str:
    """Values by name, as they stand in their field."""
    return orjson.dumps(variables, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()


def _written(value: Any) -> str:
    return "" if value is None else str(value)


# ----------------------------------------------------------------------------- from the form
def sent_rows(types: Sequence[str], values: Sequence[str]) -> list[Row]:
    """The rows as a browser sends them: the types in their order, and the values in theirs."""
    pairs = zip(types, values, strict=False)
    return [Row(type_[:100], _LINE_END.sub("\n", value)) for type_, value in list(pairs)[: MOST_ASSERTIONS + 1]]


def assertions_in(rows: Iterable[Row], before: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """The assertions that rows say. `before` are those that the form was opened with.

    A browser sends every line end as CRLF: a text that is otherwise the same stays what it was. Raises Invalid for
    what no text can hold.
    """
    texts = [each for each in before if isinstance(each.get("value"), str)]
    kept = {(each["type"], _LINE_END.sub("\n", each["value"])): each for each in texts}
    filled = [row for row in rows if not row.is_empty]
    for place, row in enumerate(filled):
        if "\0" in row.value:
            raise Invalid.field(f"assertions[{place}].value", "Null characters are not allowed.")
    return [dict(kept.get((row.type, row.value), _read(row))) for row in filled]


def _read(row: Row) -> dict[str, Any]:
    """What is no number stays text, and is refused by whoever knows why."""
    if row.type in _ALONE and not row.value:
        return {"type": row.type}
    is_number = row.type == "max_tokens" and re.fullmatch(r"[0-9]{1,15}", row.value)
    return {"type": row.type, "value": int(row.value) if is_number else row.value}


def variables_in(text: str) -> dict[str, Any]:
    """The values by name that a field holds. Raises Invalid, which says where it is no JSON."""
    if not text.strip():
        return {}
    try:
        found = strict_json(text.encode())
    except InvalidJSON as error:
        raise Invalid.field("variables", error.message.replace("The body", "This", 1)) from error
    if not isinstance(found, dict):
        raise Invalid.field("variables", 'Use values by name: {"name": "value"}.')
    return found
