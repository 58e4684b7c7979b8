"""The two kinds of lists: pages, and complete lists. Both are objects with `data`."""

from functools import lru_cache
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

Row = type[serializers.BaseSerializer[Any]]


@lru_cache
def _meta_class(name: str, cursor: str) -> type[serializers.Serializer[Any]]:
    fields: dict[str, Any] = {
        "limit": serializers.IntegerField(min_value=1, max_value=100, help_text="How many rows a page holds at most."),
        cursor: serializers.CharField(
            required=False, min_length=1, help_text="Send it as `cursor` for the next page; absent on the last one."
        ),
    }
    return type(inline_serializer(name, fields))


def _meta(cursor: str) -> serializers.Serializer[Any]:
    """Made anew for each page: fields stand in the order in which they were made."""
    return _meta_class("PageMeta", cursor)()


def base_name(row: Row) -> str:
    """A serializer's name in the document."""
    return row.__name__.removesuffix("Out").removesuffix("Form")


@lru_cache
def page_of(row: Row, name: str = "", **beside: serializers.Field[Any, Any, Any, Any]) -> serializers.Serializer[Any]:
    """The answer of a paginated list of `row`, with what else stands beside the page."""
    fields: dict[str, Any] = {"data": row(many=True), "meta": _meta("nextCursor"), **beside}
    return inline_serializer(f"{name or base_name(row)}Page", fields)


@lru_cache
def lifecycle_page_of(row: Row) -> serializers.Serializer[Any]:
    """The same on the lifecycle surface, whose cursor is `next_cursor`."""
    fields: dict[str, Any] = {"data": row(many=True), "meta": _meta("next_cursor")}
    return inline_serializer(f"{base_name(row)}Page", fields)


@lru_cache
def list_of(row: Row) -> serializers.Serializer[Any]:
    """The answer of a complete list of `row`."""
    return inline_serializer(f"{base_name(row)}List", {"data": row(many=True)})


def is_page(serializer: Any) -> bool:
    return type(serializer).__name__.endswith("Page")
