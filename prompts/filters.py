"""The filters and tests a template may use, on plain values, each paying for what it does."""

import inspect
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2.filters import do_title

from .budget import CONTAINERS, STEP_BYTES, Group, RenderContext, too_large
from .operations import (
    NUMBERS,
    SEQUENCES,
    STRING_METHODS,
    Missing,
    calculated,
    checked_number,
    concatenated,
    contains,
    holds,
    items_of,
    joined,
    kind_of,
    pay_for_comparing,
    read,
    read_path,
    replaced,
    text_of,
)

#: The largest number each of these arguments may be, checked on literals when a template is saved.
BOUNDS: Mapping[tuple[str, str], int] = {
    ("batch", "linecount"): 1_000,
    ("center", "width"): 1_000,
    ("indent", "width"): 100,
    ("round", "precision"): 15,
    ("slice", "slices"): 1_000,
    ("tojson", "indent"): 8,
    ("wordwrap", "width"): 1_000,
}
#: Longer text is no number.
DIGITS = 1_000


def bounded(filter_name: str, argument: str, value: Any, *, least: int = 0) -> int:
    if type(value) is Missing:
        raise value.error()
    if not isinstance(value, int):
        raise TypeError(f"`{filter_name}` needs a whole number, not {kind_of(value)}")
    maximum = BOUNDS[filter_name, argument]
    if value > maximum:
        raise too_large(f"{filter_name}({argument})", maximum)
    if value < least:
        raise ValueError(f"`{filter_name}` needs at least {least}")
    return value


# Text


def string(context: RenderContext, value: Any) -> str:
    context.spend(1)
    return text_of(context, value)


def on_text(name: str) -> Callable[[RenderContext, Any], str]:
    method = STRING_METHODS[name]

    def apply(context: RenderContext, value: Any) -> str:
        return method(context, text_of(context, value))  # type: ignore[no-any-return]

    return apply


def title(context: RenderContext, value: Any) -> str:
    text = text_of(context, value)
    context.spend_on_bytes(len(text) * 4)
    return do_title(text)


def trim(context: RenderContext, value: Any, chars: str | None = None) -> str:
    return STRING_METHODS["strip"](context, text_of(context, value), chars)  # type: ignore[no-any-return]


def replace(context: RenderContext, value: Any, old: Any, new: Any, count: int | None = None) -> str:
    return replaced(context, text_of(context, value), old, new, -1 if count is None else count)


def join(context: RenderContext, value: Any, d: Any = "", attribute: Any = None) -> str:
    items = items_of(context, value)
    if attribute is not None:
        items = [read_path(item, attribute) for item in items]
    return joined(context, text_of(context, d), items)


def center(context: RenderContext, value: Any, width: int = 80) -> str:
    text = text_of(context, value)
    width = bounded("center", "width", width)
    context.spend_on_bytes(len(text) + width)
    return text.center(width)


def indent(context: RenderContext, value: Any, width: Any = 4, first: Any = False, blank: Any = False) -> str:
    text = text_of(context, value)
    margin = width if type(width) is str else " " * bounded("indent", "width", width)
    bounded("indent", "width", len(margin))
    context.spend_on_bytes(len(text) + (text.count("\n") + 1) * (len(margin) + STEP_BYTES))
    lines = text.split("\n")
    indented = [margin + line if (line or blank) and (first or number) else line for number, line in enumerate(lines)]
    return "\n".join(indented)


def truncate(
    context: RenderContext,
    value: Any,
    length: int = 255,
    killwords: Any = False,
    end: str = "...",
    leeway: int = 0,
) -> str:
    text = text_of(context, value)
    context.spend_on_bytes(len(text))
    end = text_of(context, end)
    if length < len(end):
        raise ValueError(f"`truncate` needs a length of at least {len(end)}, the length of its ending")
    if len(text) <= length + leeway:
        return text
    kept = text[: length - len(end)]
    return concatenated(context, kept if killwords else kept.rsplit(" ", 1)[0], end)


def wordcount(context: RenderContext, value: Any) -> int:
    text = text_of(context, value)
    context.spend_on_bytes(len(text) * 4)
    return sum(1 for _ in re.finditer(r"\w+", text))


def wordwrap(context: RenderContext, value: Any, width: int = 79) -> str:
    width = bounded("wordwrap", "width", width, least=1)
    text = text_of(context, value)
    context.spend_on_bytes(len(text) * 16)
    wrapped = "\n".join(line for paragraph in text.splitlines() for line in wrap(paragraph, width))
    return concatenated(context, wrapped)


def wrap(paragraph: str, width: int) -> list[str]:
    lines = [""]
    for word in re.split(r"(?<=\s)(?=\S)", paragraph):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        pieces = [word[start : start + width] for start in range(0, len(word), width)]
        lines[-1] += pieces[0] if pieces else ""
        lines.extend(pieces[1:])
    return [line.rstrip() for line in lines]


def escape(context: RenderContext, value: Any) -> str:
    text = text_of(context, value)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        text = replaced(context, text, character, entity)
    return text


def safe(context: RenderContext, value: Any) -> Any:
    context.spend(1)
    return value


def tojson(context: RenderContext, value: Any, indent: int | None = None) -> str:
    width = None if indent is None else bounded("tojson", "indent", indent)
    if type(value) is Missing:
        raise value.error()
    values, size = context.weigh(value) if type(value) in CONTAINERS else (1, len(text_of(context, value)))
    context.spend_on_bytes(size + values * (8 if width is None else 8 + 8 * width))
    return context.built(  # type: ignore[no-any-return]
        json.dumps(value, indent=width, ensure_ascii=False, allow_nan=False, default=unprintable)
    )


def unprintable(value: Any) -> Any:
    raise TypeError(f"`tojson` cannot write {kind_of(value)}")


# Numbers


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


# Lists


def length(context: RenderContext, value: Any) -> int:
    context.spend(1)
    if type(value) is Missing:
        return 0
    if type(value) not in SEQUENCES and type(value) is not dict:
        raise TypeError(f"only text, lists and mappings have a length, not {kind_of(value)}")
    return len(value)


def as_list(context: RenderContext, value: Any) -> list[Any]:
    context.spend(1)
    return items_of(context, value)


def first(context: RenderContext, value: Any) -> Any:
    context.spend(1)
    items = items_of(context, value) if type(value) in (dict, Missing) else value
    return read(items, 0)


def last(context: RenderContext, value: Any) -> Any:
    context.spend(1)
    items = items_of(context, value) if type(value) in (dict, Missing) else value
    return read(items, -1)


def reverse(context: RenderContext, value: Any) -> Any:
    if type(value) is str:
        context.spend_on_bytes(len(value))
        return value[::-1]
    return items_of(context, value)[::-1]


def items(context: RenderContext, value: Any) -> list[tuple[Any, Any]]:
    if type(value) is Missing:
        return []
    if type(value) is not dict:
        raise TypeError(f"`items` needs a mapping, not {kind_of(value)}")
    context.spend_on_items(3 * len(value))
    return list(value.items())


def batch(context: RenderContext, value: Any, linecount: int, fill_with: Any = None) -> list[list[Any]]:
    width = bounded("batch", "linecount", linecount, least=1)
    found = items_of(context, value)
    rows = [found[start : start + width] for start in range(0, len(found), width)]
    if rows and fill_with is not None:
        context.spend_on_bytes(width * 4)
        rows[-1] += [fill_with] * (width - len(rows[-1]))
    return context.built(rows)  # type: ignore[no-any-return]


def sliced(context: RenderContext, value: Any, slices: int, fill_with: Any = None) -> list[list[Any]]:
    count = bounded("slice", "slices", slices, least=1)
    found = items_of(context, value)
    context.spend(count)
    each, longer = divmod(len(found), count)
    columns = []
    for number in range(count):
        start = number * each + min(number, longer)
        column = found[start : start + each + (number < longer)]
        short = longer and number >= longer and fill_with is not None
        columns.append([*column, fill_with] if short else column)
    return context.built(columns)  # type: ignore[no-any-return]


def sorting_key(attribute: Any, case_sensitive: Any) -> Callable[[Any], Any]:
    def key(item: Any) -> Any:
        value = item if attribute is None else read_path(item, attribute)
        return value.lower() if type(value) is str and not case_sensitive else value

    return key


def pay_for_sorting(context: RenderContext, found: list[Any]) -> None:
    """Every comparison walks at most one item, so the whole list is walked once for each doubling."""
    context.spend_on_walk(found, max(len(found).bit_length(), 1))


def sort(
    context: RenderContext,
    value: Any,
    reverse: Any = False,
    case_sensitive: Any = False,
    attribute: Any = None,
) -> list[Any]:
    found = items_of(context, value)
    pay_for_sorting(context, found)
    keys = [
        sorting_key(part, case_sensitive) for part in (attribute.split(",") if type(attribute) is str else [attribute])
    ]
    for key in reversed(keys):
        found.sort(key=key, reverse=bool(reverse))
    return found


def dictsort(
    context: RenderContext, value: Any, case_sensitive: Any = False, by: str = "key", reverse: Any = False
) -> list[Any]:
    if by not in ("key", "value"):
        raise ValueError("`dictsort` sorts by `key` or by `value`")
    return sort(context, items(context, value), reverse, case_sensitive, 0 if by == "key" else 1)


def unique(context: RenderContext, value: Any, case_sensitive: Any = False, attribute: Any = None) -> list[Any]:
    found = items_of(context, value)
    pay_for_sorting(context, found)
    key = sorting_key(attribute, case_sensitive)
    kept: dict[Any, Any] = {}
    for item in found:
        value = key(item)
        kept.setdefault(repr(value) if type(value) in CONTAINERS else value, item)
    return list(kept.values())


def least(context: RenderContext, value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    found = items_of(context, value)
    pay_for_sorting(context, found)
    return min(found, key=sorting_key(attribute, case_sensitive), default=Missing(name="min"))


def greatest(context: RenderContext, value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    found = items_of(context, value)
    pay_for_sorting(context, found)
    return max(found, key=sorting_key(attribute, case_sensitive), default=Missing(name="max"))


def total(context: RenderContext, value: Any, attribute: Any = None, start: Any = 0) -> Any:
    result = start
    for item in items_of(context, value):
        context.spend(1)
        result = calculated(context, "+", result, item if attribute is None else read_path(item, attribute))
    return result


def groupby(
    context: RenderContext, value: Any, attribute: Any, default: Any = None, case_sensitive: Any = False
) -> list[Group]:
    def key(item: Any) -> Any:
        found = read_path(item, attribute)
        found = default if type(found) is Missing else found
        return found.lower() if type(found) is str and not case_sensitive else found

    found = items_of(context, value)
    pay_for_sorting(context, found)
    groups: list[Group] = []
    for item in sorted(found, key=key):
        if not groups or key(groups[-1].list[0]) != key(item):
            grouper = read_path(item, attribute)
            groups.append(Group(default if type(grouper) is Missing else grouper, []))
        groups[-1].list.append(item)
    return context.built(groups)  # type: ignore[no-any-return]


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
    "batch": batch,
    "capitalize": on_text("capitalize"),
    "center": center,
    "count": length,
    "d": default,
    "default": default,
    "dictsort": dictsort,
    "e": escape,
    "escape": escape,
    "first": first,
    "float": fraction,
    "groupby": groupby,
    "indent": indent,
    "int": whole,
    "items": items,
    "join": join,
    "last": last,
    "length": length,
    "list": as_list,
    "lower": on_text("lower"),
    "map": mapped,
    "max": greatest,
    "min": least,
    "reject": selection(wanted=False, by_attribute=False),
    "rejectattr": selection(wanted=False, by_attribute=True),
    "replace": replace,
    "reverse": reverse,
    "round": rounded,
    "safe": safe,
    "select": selection(wanted=True, by_attribute=False),
    "selectattr": selection(wanted=True, by_attribute=True),
    "slice": sliced,
    "sort": sort,
    "string": string,
    "sum": total,
    "title": title,
    "tojson": tojson,
    "trim": trim,
    "truncate": truncate,
    "unique": unique,
    "upper": on_text("upper"),
    "wordcount": wordcount,
    "wordwrap": wordwrap,
}


# Tests


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

SIGNATURES: Mapping[str, Mapping[str, inspect.Signature]] = {
    "filter": {name: inspect.signature(operation) for name, operation in FILTERS.items()},
    "test": {name: inspect.signature(operation) for name, operation in TESTS.items()},
}
