"""The filters a template may use, by name, each paying for what it does."""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from prompts.sandbox import list_filters, text_filters
from prompts.sandbox.bounds import DIGITS, bounded
from prompts.sandbox.budget import RenderContext
from prompts.sandbox.operations import NUMBERS, Missing, checked_number, items_of, kind_of, read_path
from prompts.sandbox.value_tests import TESTS


def absolute(context: RenderContext, number: Any) -> Any:
    context.spend(1)
    return abs(number)


def whole(context: RenderContext, value: Any, default: Any = 0, base: int = 10) -> Any:
    context.spend(1)
    if type(value) is Missing:
        raise value.error()
    try:
        if type(value) is str and len(value) <= DIGITS:
            return checked_number(int(value, base) if base != 10 else int(value))
        return checked_number(int(value)) if type(value) in NUMBERS else default
    except (ValueError, OverflowError):
        return checked_number(fraction_as_whole(value, default))


def fraction_as_whole(value: Any, default: Any) -> Any:
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return default


def fraction(context: RenderContext, value: Any, default: Any = 0.0) -> Any:
    context.spend(1)
    if type(value) is Missing:
        raise value.error()
    if type(value) not in NUMBERS and not (type(value) is str and len(value) <= DIGITS):
        return default
    try:
        return float(value)
    except ValueError:
        return default


def rounded(context: RenderContext, value: Any, precision: int = 0, method: str = "common") -> Any:
    context.spend(1)
    if type(value) is Missing:
        raise value.error()
    if type(value) not in NUMBERS:
        raise TypeError(f"`round` needs a number, not {kind_of(value)}")
    precision = bounded("round", "precision", precision, least=-15)
    if method == "common":
        return round(value, precision)
    if method not in ("ceil", "floor"):
        raise ValueError("`round` knows `common`, `ceil` and `floor`")
    towards = math.ceil if method == "ceil" else math.floor
    return towards(value * 10**precision) / 10**precision


def mapped(context: RenderContext, value: Any, *arguments: Any, **named: Any) -> list[Any]:
    found = items_of(context, value)
    context.spend(len(found))
    if not arguments:
        attribute, default = named.pop("attribute", None), named.pop("default", None)
        if attribute is None or named:
            raise TypeError("`map` needs the name of a filter, or `attribute=`")
        values = [read_path(item, attribute) for item in found]
        return context.built([default if type(each) is Missing and default is not None else each for each in values])  # type: ignore[no-any-return]
    apply = named_operation(FILTERS, "filter", arguments[0])
    return context.built([apply(context, item, *arguments[1:], **named) for item in found])  # type: ignore[no-any-return]


def named_operation(known: Mapping[str, Callable[..., Any]], kind: str, name: Any) -> Callable[..., Any]:
    if type(name) is str and name in known:
        return known[name]
    raise TypeError(f"there is no {kind} of that name here")


def selection(*, wanted: bool, by_attribute: bool) -> Callable[..., list[Any]]:
    def apply(context: RenderContext, value: Any, *arguments: Any, **named: Any) -> list[Any]:
        found = items_of(context, value)
        context.spend(len(found))
        attribute, arguments = (arguments[0], arguments[1:]) if by_attribute else (None, arguments)
        test = named_operation(TESTS, "test", arguments[0]) if arguments else truth

        def chosen(item: Any) -> bool:
            tested = read_path(item, attribute) if by_attribute else item
            return bool(test(context, tested, *arguments[1:], **named)) is wanted

        return [item for item in found if chosen(item)]

    return apply


def truth(_context: RenderContext, value: Any) -> bool:
    return bool(value)


def default(context: RenderContext, value: Any, default_value: Any = "", boolean: Any = False) -> Any:
    context.spend(1)
    return default_value if type(value) is Missing or (boolean and not value) else value


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": absolute,
    "batch": list_filters.batch,
    "capitalize": text_filters.on_text("capitalize"),
    "center": text_filters.center,
    "count": list_filters.length,
    "d": default,
    "default": default,
    "dictsort": list_filters.dictsort,
    "e": text_filters.escape,
    "escape": text_filters.escape,
    "first": list_filters.first,
    "float": fraction,
    "groupby": list_filters.groupby,
    "indent": text_filters.indent,
    "int": whole,
    "items": list_filters.items,
    "join": text_filters.join,
    "last": list_filters.last,
    "length": list_filters.length,
    "list": list_filters.as_list,
    "lower": text_filters.on_text("lower"),
    "map": mapped,
    "max": list_filters.greatest,
    "min": list_filters.least,
    "reject": selection(wanted=False, by_attribute=False),
    "rejectattr": selection(wanted=False, by_attribute=True),
    "replace": text_filters.replace,
    "reverse": list_filters.reverse,
    "round": rounded,
    "safe": text_filters.safe,
    "select": selection(wanted=True, by_attribute=False),
    "selectattr": selection(wanted=True, by_attribute=True),
    "slice": list_filters.sliced,
    "sort": list_filters.sort,
    "string": text_filters.string,
    "sum": list_filters.total,
    "title": text_filters.title,
    "tojson": text_filters.tojson,
    "trim": text_filters.trim,
    "truncate": text_filters.truncate,
    "unique": list_filters.unique,
    "upper": text_filters.on_text("upper"),
    "wordcount": text_filters.wordcount,
    "wordwrap": text_filters.wordwrap,
}


SIGNATURES: Mapping[str, Mapping[str, inspect.Signature]] = {
    "filter": {name: inspect.signature(operation) for name, operation in FILTERS.items()},
    "test": {name: inspect.signature(operation) for name, operation in TESTS.items()},
}
