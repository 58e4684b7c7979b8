"""Filters that take lists apart, order them, and put them together."""

from collections.abc import Callable
from typing import Any

from prompts.sandbox.bounds import bounded
from prompts.sandbox.budget import CONTAINERS, Group, RenderContext, too_large
from prompts.sandbox.operations import SEQUENCES, Missing, calculated, items_of, kind_of, read, read_path

SORTING_KEYS = 8


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
    attributes = attribute.split(",", SORTING_KEYS) if type(attribute) is str else [attribute]
    if len(attributes) > SORTING_KEYS:
        raise too_large("the attributes to sort by", SORTING_KEYS)
    keys = [sorting_key(part, case_sensitive) for part in attributes]
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
