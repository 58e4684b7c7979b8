"""JSON at the edge: what may come in, and how it goes out."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from pvc import errors
from pvc.crypto import GREATEST_INTEGER

GREATEST_DEPTH = 32


class InvalidJSON(errors.Invalid):
    code = "INVALID_JSON"


class JSONRenderer(BaseRenderer):
    """Bare objects, compact, UTF-8; times with milliseconds are the serializers' business."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:  # noqa: ARG002
        return b"" if data is None else orjson.dumps(data)


class AlwaysJSON(BaseContentNegotiation):
    """There is one representation, whatever Accept says."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type, _, parameters = (request.content_type or "").partition(";")
        charset = parameters.strip().lower().removeprefix("charset=").strip('"')
        fits = media_type.strip().lower() == "application/json" and charset in ("", "utf-8", "utf8")
        return next(iter(parsers)) if fits else None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:  # noqa: ARG002
        return renderers[0], renderers[0].media_type


class StrictJSONParser(BaseParser):
    """The gate in front of everything that is stored (contract 1, hostile JSON)."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:  # noqa: ARG002
        return strict_json(stream.read())


def strict_json(body: bytes) -> Any:
    """Decode JSON that can be stored and given back as it is. Raises InvalidJSON with what to mend.

    Refused: what is not UTF-8, duplicate keys, NaN and infinities, integers beyond 2^53, a depth over 32,
    NUL and lone surrogates.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object_without_twins,
            parse_constant=_refuse_constant,
            parse_int=_exact_integer,
            parse_float=_finite_float,
        )
    except UnicodeDecodeError as error:
        raise InvalidJSON("The body is not UTF-8.") from error
    except RecursionError as error:
        raise InvalidJSON(f"The JSON is nested deeper than {GREATEST_DEPTH} levels.") from error
    except json.JSONDecodeError as error:
        raise InvalidJSON(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    _walk(value)
    return value


def _object_without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twin = next(name for name, count in counts.items() if count > 1)
        raise InvalidJSON(f"The key {twin[:100]!r} stands twice in one object.")
    return found


def _refuse_constant(text: str) -> Any:
    raise InvalidJSON(f"{text} is not a JSON number.")


def _exact_integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > GREATEST_INTEGER:
        raise InvalidJSON("An integer has 2^53 or more, which not every reader holds exactly; send it as a string.")
    return int(text)


def _finite_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise InvalidJSON("A number is too large.")
    return number


def _walk(value: Any) -> None:
    """Depth and strings, without recursion: the value may be as deep as the parser let it."""
    level: list[Any] = [value]
    for depth in range(GREATEST_DEPTH + 1):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, str):
                _check_text(each)
            elif isinstance(each, dict):
                inner += each.values()
                for name in each:
                    _check_text(name)
            elif isinstance(each, list):
                inner += each
        if not inner:
            return
        if depth > GREATEST_DEPTH - 2 and any(isinstance(each, dict | list) for each in inner):
            break
        level = inner
    raise InvalidJSON(f"The JSON is nested deeper than {GREATEST_DEPTH} levels.")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise InvalidJSON("A text contains a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidJSON("A text contains half of a surrogate pair.") from error
