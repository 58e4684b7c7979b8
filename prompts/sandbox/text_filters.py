"""Filters that make text."""

import json
import re
from collections.abc import Callable
from typing import Any

from jinja2.filters import do_title

from prompts.sandbox.bounds import bounded
from prompts.sandbox.budget import CONTAINERS, STEP_BYTES, RenderContext
from prompts.sandbox.operations import (
    STRING_METHODS,
    Missing,
    concatenated,
    items_of,
    joined,
    kind_of,
    read_path,
    replaced,
    text_of,
)


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
    """Lines of at most `width` letters; longer words are cut."""
    lines, gap = [""], ""
    for part in re.findall(r"\s+|\S+", paragraph):
        if part.isspace():
            gap = part
            continue
        if len(lines[-1]) + len(gap) + len(part) <= width:
            lines[-1] += gap + part
        else:
            lines[len(lines) - (not lines[-1]) :] = [part[at : at + width] for at in range(0, len(part), width)]
        gap = ""
    return lines


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
