"""The body of an ingest, decoded and checked in one pass; what is wrong with it is found in a second one, by index."""

import itertools
import json
import math
import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from deployments.items import MOST_FAULTS, MOST_ITEMS, Item
from pvc.errors import Invalid
from pvc.strict_json import InvalidJSON


class Sent(msgspec.Struct, forbid_unknown_fields=True):
    """The body: a duplicate key takes the last value."""

    metrics: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]


_decoder = msgspec.json.Decoder(Sent)
#: "Object contains unknown field `colour`", "Expected `float` >= 0.0 - at `$.value`".
_FIELD = re.compile(r"field `(?P<named>[^`]*)`|at `\$\.(?P<path>.*)`$", re.DOTALL)


def items_in(body: bytes) -> list[Item]:
    """What was sent to be measured. Raises InvalidJSON, and Invalid, which names bad items by their index."""
    body = body or b"{}"
    try:
        items = _decoder.decode(body).metrics
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(body, error) from error
    if b"\\u0000" in body and (faults := _faults_in(json.loads(body)["metrics"])):
        raise Invalid.fields(faults)
    return items


def _refusal(body: bytes, error: Exception) -> Invalid:
    """What is wrong, item by item. NaN and infinities are no JSON: a looser reader says which item has one."""
    try:
        loose = json.loads(body)
    except (ValueError, RecursionError):
        return InvalidJSON(f"The body is not JSON: {error}")
    items = loose.get("metrics") if isinstance(loose, dict) else None
    faults = _faults_in(items[:MOST_ITEMS]) if isinstance(items, list) else {}
    path, told = _told(error)
    return Invalid.fields(faults or {path: [told]})


def _faults_in(items: list[Any]) -> dict[str, list[str]]:
    """The first fault of each item that has one, by its index, up to MOST_FAULTS."""
    faults = (
        (f"metrics[{index}]{fault[0]}", [fault[1]]) for index, item in enumerate(items) if (fault := _fault(item))
    )
    return dict(itertools.islice(faults, MOST_FAULTS))


def _fault(item: Any) -> tuple[str, str] | None:
    for path, leaf in _leaves(item):
        if isinstance(leaf, float) and not math.isfinite(leaf):
            return path, "Send a finite number."
        if isinstance(leaf, str) and "\0" in leaf:
            return path, "A text contains a NUL character."
    try:
        msgspec.convert(item, Item)
    except msgspec.ValidationError as error:
        path, told = _told(error)
        return f".{path}" if path else "", told
    return None


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in an item, and every name, with where it stands."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield path, name
            yield from _leaves(inner, f"{path}.{name[:100]}")
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


def _told(error: Exception) -> tuple[str, str]:
    """Where, and msgspec's sentence without it."""
    text = str(error)
    found = _FIELD.search(text)
    path = (found["named"] or found["path"] or "") if found else ""
    return path, text.partition(" - at `")[0]
