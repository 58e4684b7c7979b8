"""A form with a field for each variable of a version, and the values that it holds. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from prompts.models import PromptVersion
from prompts.template import analyse_body
from pvc.errors import Invalid
from pvc.strict_json import InvalidJSON, strict_json

#: What a field is called in the form: so no variable is mistaken for something of ours.
PREFIX: Final = "variable."
MOST_FIELDS: Final = 100
_INPUTS: Final = {"number": "number", "integer": "number", "boolean": "choice", "array": "json", "object": "json"}


@dataclass(frozen=True, slots=True)
class Field:
    """A variable, and how a person gives it a value."""

    name: str
    type: str
    input: str
    choices: tuple[str, ...]
    sample: str
    description: str
    is_required: bool

    @property
    def html_name(self) -> str:
        return f"{PREFIX}{self.name}"


def fields_of(version: PromptVersion) -> list[Field]:
    """A field for each variable that the text uses or that is declared, with a sample value."""
    used = analyse_body(version.content).variables
    names = [*used, *(name for name in version.variables if name not in used)]
    return [_field(name, version.variables.get(name, {})) for name in names[:MOST_FIELDS]]


def _field(name: str, declared: Mapping[str, Any]) -> Field:
    type_ = declared.get("type") or _type_of(declared.get("default"))
    choices = tuple(_written(each, type_) for each in declared.get("enum", ()))
    if type_ == "boolean":
        choices = ("true", "false")
    return Field(
        name,
        type_,
        "choice" if choices else _INPUTS.get(type_, "text"),
        choices,
        _written(declared["default"], type_) if "default" in declared else _sample(name, type_, choices),
        declared.get("description", ""),
        bool(declared.get("required")),
    )


def _type_of(default: Any) -> str:
    match default:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
    return "string"


def _sample(name: str, type_: str, choices: tuple[str, ...]) -> str:
    samples = {"number": "1", "integer": "1", "array": "[]", "object": "{}"}
    return choices[0] if choices else samples.get(type_, f"[{name}]")


def _written(value: Any, type_: str) -> str:
    """A value as it stands in its field."""
    if isinstance(value, str) and type_ in ("string", ""):
        return value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def values_from(sent: Mapping[str, str], fields: Iterable[Field]) -> dict[str, Any]:
    """The values that a form holds; an empty field gives none. Raises Invalid naming the variable."""
    return {field.name: _read(field, sent[field.html_name]) for field in fields if sent.get(field.html_name, "") != ""}


def _read(field: Field, text: str) -> Any:
    if field.type in ("string", ""):
        return text
    try:
        return strict_json(text.encode())
    except InvalidJSON as error:
        raise Invalid.field(field.name, f"This is no {field.type}: {error}") from error
