"""What a template may do with its values: operators, methods, and reading. Each pays before it works."""

import operator
from collections.abc import Callable, Iterable
from typing import Any

from jinja2.exceptions import UndefinedError
from jinja2.runtime import ChainableUndefined, LoopContext
from jinja2.utils import Namespace

from prompts.sandbox.budget import COMPARED_BYTES, CONTAINERS, RANGE_ITEMS, STEP_BYTES, Group, RenderContext, too_large

LARGEST_RESULT = 2**63
STRIPPED_CHARACTERS = 100
PATH_PARTS = 8
#: Values that a search in C passes in the time of one step.
COMPARED_VALUES = 64
LOOP_ATTRIBUTES = frozenset(
    {"index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem"}
)
SCALARS = frozenset({str, int, float, bool, type(None)})
SEQUENCES = frozenset({list, tuple, Group, str, range})


class Missing(ChainableUndefined):
    """A value nobody gave: prints nothing, is empty, and so is every part of it."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        return "a part of the loop has no value" if name is None else f"`{str(name)[:100]}` has no value"

    def error(self) -> UndefinedError:
        return UndefinedError(self._undefined_message)

    def __repr__(self) -> str:
        return "''"


class Box(Namespace):
    """What `namespace()` makes: values that a loop may set. It prints as nothing."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    __getattribute__ = object.__getattribute__

    def __setitem__(self, name: str, value: Any) -> None:
        self.values[name] = value

    def __repr__(self) -> str:
        return "namespace()"

    def __str__(self) -> str:
        return ""


def kind_of(value: Any) -> str:
    if type(value) is Missing:
        return "a missing value"
    if value is None:
        return "null"
    names = {str: "text", bool: "true or false", dict: "a mapping", Box: "a namespace", range: "a range"}
    if type(value) in (int, float):
        return "a number"
    return names.get(type(value), "a list")


# Reading


def read(value: Any, key: Any) -> Any:
    """A part of a value by name or position; what is not there is missing. Never an attribute of the object."""
    if type(key) is str and key[:1] == "_":
        raise TypeError("a name that begins with `_` cannot be read")
    kind = type(value)
    if type(key) not in SCALARS:
        return Missing(name=kind_of(key))
    if kind is dict:
        return value[key] if key in value else Missing(name=key)
    if kind in SEQUENCES and isinstance(key, int):
        return value[key] if -len(value) <= key < len(value) else Missing(name=str(key))
    if kind is Box:
        return value.values[key] if key in value.values else Missing(name=key)
    if kind is Group and key in ("grouper", "list"):
        return value.grouper if key == "grouper" else value.list
    if kind is LoopContext and key in LOOP_ATTRIBUTES:
        return getattr(value, key)
    if type(value) is Missing:
        return value
    return Missing(name=str(key))


def read_path(value: Any, path: Any) -> Any:
    """`a.b.0` below a value, as filters take it in `attribute=`."""
    parts = str(path).split(".", PATH_PARTS)
    if len(parts) > PATH_PARTS:
        raise too_large("the parts of an attribute", PATH_PARTS)
    for part in parts:
        value = read(value, int(part) if part.isdecimal() and len(part) < 10 else part)
    return value


def slice_of(context: RenderContext, value: Any, start: Any = None, stop: Any = None, step: Any = None) -> Any:
    if type(value) is Missing:
        return value
    if type(value) not in SEQUENCES:
        raise TypeError(f"only text and lists can be cut, not {kind_of(value)}")
    for bound in (start, stop, step):
        if type(bound) is Missing:
            raise bound.error()
        if bound is not None and not isinstance(bound, int):
            raise TypeError(f"a position must be a whole number, not {kind_of(bound)}")
    part = value[start:stop:step]
    context.spend_on_bytes(len(part) if type(part) is str else len(part) * 4)
    return part


def text_of(context: RenderContext, value: Any) -> str:
    if type(value) is str:
        return value
    text = str(value)
    context.spend_on_bytes(len(text))
    return text


def concatenated(context: RenderContext, *values: Any) -> str:
    texts = [text_of(context, value) for value in values]
    context.spend_on_bytes(sum(map(len, texts)))
    return "".join(texts)


def items_of(context: RenderContext, value: Any) -> list[Any]:
    """The items of anything that can be looped over, paid for one by one."""
    if type(value) is Missing:
        return []
    if type(value) not in SEQUENCES and type(value) is not dict:
        raise TypeError(f"a list is needed here, not {kind_of(value)}")
    context.spend_on_items(len(value))
    return list(value)


def looped(context: RenderContext, value: Any, cost: int) -> Iterable[Any]:
    """What a `for` runs over; the whole loop is paid before it starts."""
    if type(value) is Missing:
        return ()
    if type(value) not in SEQUENCES and type(value) is not dict:
        raise TypeError(f"`for` needs a list, not {kind_of(value)}")
    context.spend(1 + len(value) * cost)
    return value  # type: ignore[no-any-return]


def captured(context: RenderContext, value: Any) -> str:
    """Text that goes into a `set` block."""
    text = text_of(context, value)
    context.spend_on_bytes(len(text))
    return text


def key(context: RenderContext, value: Any) -> Any:
    """What a mapping written in the template uses as a key."""
    context.spend(1)
    if type(value) not in SCALARS:
        raise TypeError(f"a key must be text or a number, not {kind_of(value)}")
    return value


def numbers(context: RenderContext, *bounds: Any) -> range:
    for bound in bounds:
        if type(bound) is Missing:
            raise bound.error()
        if not isinstance(bound, int):
            raise TypeError(f"`range` needs whole numbers, not {kind_of(bound)}")
    made = range(*bounds)
    if len(made) > RANGE_ITEMS:
        raise too_large("range", RANGE_ITEMS)
    context.spend(1)
    return made


def namespace(context: RenderContext, _nothing: None, /, *given: Any, **values: Any) -> Box:
    if len(given) > 1 or not all(type(mapping) is dict for mapping in given):
        raise TypeError("`namespace` takes `name=value` pairs or one mapping")
    merged = {**(given[0] if given else {}), **values}
    context.spend_on_items(len(merged))
    return Box(merged)


# Comparing


def pay_for_comparing(context: RenderContext, left: Any, right: Any) -> None:
    if type(left) is str and type(right) is str:
        context.spend(1 + min(len(left), len(right)) // COMPARED_BYTES)
    elif type(left) in CONTAINERS and type(right) in CONTAINERS:
        context.spend_on_walk(left)
        context.spend_on_walk(right)
    else:
        context.spend(1)


def contains(context: RenderContext, container: Any, item: Any) -> bool:
    kind = type(container)
    if type(container) is Missing:
        return False
    if kind is str:
        if type(item) is Missing:
            raise item.error()
        if type(item) is not str:
            raise TypeError(f"text can only contain text, not {kind_of(item)}")
        context.spend_on_bytes(len(container))
    elif kind in SEQUENCES and type(item) in SCALARS:
        length = len(item) if type(item) is str else 0
        context.spend(1 + len(container) // COMPARED_VALUES + len(container) * length // (COMPARED_BYTES * STEP_BYTES))
    elif kind in SEQUENCES:
        context.spend_on_walk(list(container), 2)
    elif kind is dict:
        context.spend(1)
        if type(item) not in SCALARS:
            return False
    else:
        raise TypeError(f"`in` needs text, a list or a mapping on its right, not {kind_of(container)}")
    return item in container


ORDERINGS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}


def holds(context: RenderContext, left: Any, comparison: str, right: Any) -> bool:
    if comparison == "in":
        return contains(context, right, left)
    if comparison == "notin":
        return not contains(context, right, left)
    pay_for_comparing(context, left, right)
    return bool(ORDERINGS[comparison](left, right))


def compared(context: RenderContext, left: Any, *rest: Any) -> bool:
    """`left < middle <= right`: comparisons by name, each followed by its right side."""
    for comparison, right in zip(rest[::2], rest[1::2], strict=True):
        if not holds(context, left, comparison, right):
            return False
        left = right
    return True


# Arithmetic

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
REPEATABLE = frozenset({str, list, tuple})
NUMBERS = frozenset({int, float, bool})


def calculated(context: RenderContext, sign: str, left: Any, right: Any) -> Any:
    if type(left) in NUMBERS and type(right) in NUMBERS:
        return checked_number(ARITHMETIC[sign](left, right))
    for operand in (left, right):
        if type(operand) is Missing:
            raise operand.error()
    if sign == "+" and type(left) is type(right) and type(left) in REPEATABLE:
        context.spend_on_bytes((len(left) + len(right)) * (1 if type(left) is str else 4))
        return context.built(left + right)
    if sign == "*" and (type(left) in REPEATABLE or type(right) in REPEATABLE):
        return repeated(context, left, right)
    hint = "; use `~` to join text" if str in (type(left), type(right)) else ""
    raise TypeError(f"`{sign}` cannot be used between {kind_of(left)} and {kind_of(right)}{hint}")


def repeated(context: RenderContext, left: Any, right: Any) -> Any:
    value, times = (left, right) if type(left) in REPEATABLE else (right, left)
    if not isinstance(times, int):
        raise TypeError(f"`*` needs a whole number, not {kind_of(times)}")
    context.spend_on_bytes(len(value) * max(times, 0) * (1 if type(value) is str else 4))
    return context.built(value * times)


def checked_number(value: Any) -> Any:
    if type(value) is int and not -LARGEST_RESULT <= value <= LARGEST_RESULT:
        raise OverflowError("the number is larger than 2^63")
    return value


# Methods


def searched(context: RenderContext, text: str, *arguments: Any) -> None:
    context.spend_on_bytes(len(text) + sum(len(argument) for argument in arguments if type(argument) is str))
    for argument in arguments:
        if type(argument) in CONTAINERS:
            context.spend_on_walk(argument)


def string_method(name: str) -> Callable[..., Any]:
    plain: Callable[..., Any] = getattr(str, name)

    def call(context: RenderContext, text: str, *arguments: Any, **named: Any) -> Any:
        searched(context, text, *arguments)
        return context.built(plain(text, *arguments, **named))

    return call


def stripping_method(name: str) -> Callable[..., Any]:
    plain: Callable[..., str] = getattr(str, name)

    def call(context: RenderContext, text: str, characters: str | None = None) -> str:
        if characters is not None and len(characters) > STRIPPED_CHARACTERS:
            raise too_large(f"{name}(characters)", STRIPPED_CHARACTERS)
        context.spend_on_bytes(len(text))
        return plain(text, characters)

    return call


def replaced(context: RenderContext, text: str, old: Any, new: Any, count: int = -1) -> str:
    old, new = text_of(context, old), text_of(context, new)
    searched(context, text, old, new)
    found = text.count(old)
    replacements = found if count < 0 else min(found, count)
    context.spend_on_bytes(len(text) + replacements * len(new))
    return text.replace(old, new, replacements)


def joined(context: RenderContext, separator: str, items: Any) -> str:
    texts = [text_of(context, item) for item in items_of(context, items)]
    context.spend_on_bytes(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def position(context: RenderContext, items: Any, item: Any) -> int:
    if not contains(context, items, item):
        raise ValueError("`index` did not find the value in the list")
    return int(items.index(item))


def occurrences(context: RenderContext, items: Any, item: Any) -> int:
    contains(context, items, item)
    return int(items.count(item))


def got(context: RenderContext, mapping: dict[Any, Any], key: Any, default: Any = None) -> Any:
    context.spend(1)
    found = read(mapping, key)
    return default if type(found) is Missing else found


def parts(of: Callable[[dict[Any, Any]], Iterable[Any]]) -> Callable[..., list[Any]]:
    def call(context: RenderContext, mapping: dict[Any, Any]) -> list[Any]:
        context.spend_on_items(3 * len(mapping))
        return list(of(mapping))

    return call


PLAIN_STRING_METHODS = (
    *("split", "rsplit", "splitlines", "partition", "rpartition", "removeprefix", "removesuffix"),
    *("lower", "upper", "title", "capitalize", "casefold", "swapcase"),
    *("startswith", "endswith", "find", "rfind", "index", "rindex", "count"),
    *("isdigit", "isalpha", "isalnum", "isnumeric", "isdecimal", "isspace", "isupper", "islower", "istitle"),
)
STRING_METHODS: dict[str, Callable[..., Any]] = {name: string_method(name) for name in PLAIN_STRING_METHODS} | {
    "strip": stripping_method("strip"),
    "lstrip": stripping_method("lstrip"),
    "rstrip": stripping_method("rstrip"),
    "replace": replaced,
    "join": joined,
}
LIST_METHODS: dict[str, Callable[..., Any]] = {"index": position, "count": occurrences}
METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    str: STRING_METHODS,
    dict: {"items": parts(dict.items), "keys": parts(dict.keys), "values": parts(dict.values), "get": got},
    list: LIST_METHODS,
    tuple: LIST_METHODS,
    range: LIST_METHODS,
    Group: LIST_METHODS,
}
METHOD_NAMES = frozenset(name for methods in METHODS.values() for name in methods)


def method(name: str) -> Callable[..., Any]:
    """Call the method of that name on whatever kind of value has it; methods are never values themselves."""

    def call(context: RenderContext, value: Any, *arguments: Any, **named: Any) -> Any:
        if type(value) is Missing:
            context.spend(1)
            return value
        for argument in arguments:
            if type(argument) is Missing:
                raise argument.error()
        found = METHODS.get(type(value), {}).get(name)
        if found is None:
            raise TypeError(f"{kind_of(value)} has no `{name}()`")
        return found(context, value, *arguments, **named)

    return call
