"""What may stand after `is`."""

from collections.abc import Callable
from typing import Any

from prompts.sandbox.budget import RenderContext
from prompts.sandbox.operations import NUMBERS, SEQUENCES, STRING_METHODS, Missing, calculated, contains, holds, text_of


def of_kind(matches: Callable[[Any], bool]) -> Callable[[RenderContext, Any], bool]:
    def test(context: RenderContext, value: Any) -> bool:
        context.spend(1)
        return matches(value)

    return test


def comparison(name: str) -> Callable[[RenderContext, Any, Any], bool]:
    def test(context: RenderContext, value: Any, other: Any) -> bool:
        return holds(context, value, name, other)

    return test


def case(name: str) -> Callable[[RenderContext, Any], bool]:
    method = STRING_METHODS[name]

    def test(context: RenderContext, value: Any) -> bool:
        return bool(method(context, text_of(context, value)))

    return test


def divisible(context: RenderContext, value: Any, num: Any) -> bool:
    return bool(calculated(context, "%", value, num) == 0)


def same(context: RenderContext, value: Any, other: Any) -> bool:
    context.spend(1)
    return value is other


def contained(context: RenderContext, value: Any, seq: Any) -> bool:
    return contains(context, seq, value)


TESTS: dict[str, Callable[..., bool]] = {
    "boolean": of_kind(lambda value: type(value) is bool),
    "defined": of_kind(lambda value: type(value) is not Missing),
    "divisibleby": divisible,
    "even": lambda context, value: divisible(context, value, 2),
    "false": of_kind(lambda value: value is False),
    "float": of_kind(lambda value: type(value) is float),
    "in": contained,
    "integer": of_kind(lambda value: type(value) is int),
    "iterable": of_kind(lambda value: type(value) in SEQUENCES or type(value) in (dict, Missing)),
    "lower": case("islower"),
    "mapping": of_kind(lambda value: type(value) is dict),
    "none": of_kind(lambda value: value is None),
    "number": of_kind(lambda value: type(value) in NUMBERS),
    "odd": lambda context, value: not divisible(context, value, 2),
    "sameas": same,
    "sequence": of_kind(lambda value: type(value) in SEQUENCES or type(value) is dict),
    "string": of_kind(lambda value: type(value) is str),
    "true": of_kind(lambda value: value is True),
    "undefined": of_kind(lambda value: type(value) is Missing),
    "upper": case("isupper"),
}
TESTS |= {
    alias: comparison(name)
    for name, aliases in {
        "eq": "eq equalto ==",
        "ne": "ne !=",
        "lt": "lt lessthan <",
        "lteq": "le <=",
        "gt": "gt greaterthan >",
        "gteq": "ge >=",
    }.items()
    for alias in aliases.split()
}
