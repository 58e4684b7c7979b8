"""A content as it stands in the editor's fields, and as it is read from them. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from prompts.content import CHAT, Content
from pvc.errors import Invalid
from pvc.strict_json import InvalidJSON, strict_json

_JSON: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
_LINE_END: Final = re.compile(r"\r\n|\r")

Fields = dict[str, str]


def written(type_: str, content: Content | None, note: str = "") -> Fields:
    """What the fields hold when the editor is opened: a content there is, or nothing yet."""
    return {
        "body": _body(type_, content),
        "variables": _json(content.variables if content else {}),
        "config": _json(content.config if content else {}),
        "change_note": note,
    }


def read(type_: str, fields: Mapping[str, str], *, before: str) -> dict[str, Any]:
    """Body, variables, config and note as verbs take them. `before` is the text that the editor was opened with.

    A browser sends every line end as CRLF; they become what they were before. Raises Invalid, which names the field.
    """
    body = fields.get("body", "")
    return {
        "body": _parsed("body", body, []) if type_ == CHAT else _with_line_ends(body, before),
        "variables": _parsed("variables", fields.get("variables", ""), {}),
        "config": _parsed("config", fields.get("config", ""), {}),
        "change_note": _LINE_END.sub("\n", fields.get("change_note", "")),
    }


def _body(type_: str, content: Content | None) -> str:
    if type_ != CHAT:
        return content.body if content else ""
    return _json(content.parsed if content else [{"role": "system", "content": ""}])


def _json(value: Any) -> str:
    return orjson.dumps(value, option=_JSON).decode()


def _with_line_ends(text: str, before: str) -> str:
    """The text as it was, if only line ends differ; else CRLF if all lines ended so before, else LF."""
    plain = _LINE_END.sub("\n", text)
    if plain == _LINE_END.sub("\n", before):
        return before
    ends = before.count("\r\n")
    return plain.replace("\n", "\r\n") if 0 < ends == before.count("\n") == before.count("\r") else plain


def _parsed(name: str, text: str, nothing: Any) -> Any:
    if not text.strip():
        return nothing
    try:
        return strict_json(text.encode())
    except InvalidJSON as error:
        raise Invalid.field(name, error.message.replace("The body", "This", 1)) from error
