"""What the OpenAPI document says of every route alike: names, pages, errors, headers."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer pvc_...`"""

    target_class = "tenants.auth.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {"type": "http", "scheme": "bearer", "bearerFormat": "pvc_<id>_<secret>"}


class ErrorDetail(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField(required=False)


class ErrorAnswer(serializers.Serializer[Any]):
    """Every refusal."""

    error = ErrorDetail()
    requestId = serializers.CharField(allow_null=True)
    timestamp = serializers.DateTimeField()


class PageMeta(serializers.Serializer[Any]):
    limit = serializers.IntegerField()
    nextCursor = serializers.CharField(required=False)


@lru_cache
def page_of(row: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """The answer of a paginated list of `row`."""
    return inline_serializer(f"{row.__name__}Page", {"data": row(many=True), "meta": PageMeta()})


@lru_cache
def list_of(row: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """The answer of a complete list of `row`."""
    return inline_serializer(f"{row.__name__}List", {"data": row(many=True)})


_PAGING = [
    OpenApiParameter("limit", int, description="1 to 100; default is 20."),
    OpenApiParameter("cursor", str, description="`meta.nextCursor` of the page before."),
]
_IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="1-255 visible ASCII characters; kept 24 hours."
)
_IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag last seen; another one is refused with 412."
)
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@lru_cache
def _routes() -> dict[str, tuple[str, int]]:
    """Each path of the API, as the document writes it, with its route's name and how many methods it has."""
    found: dict[str, tuple[str, int]] = {}

    def walk(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> None:
        for each in patterns:
            path = prefix + str(each.pattern)
            if isinstance(each, URLResolver):
                walk(each.url_patterns, path)
            elif each.name:
                actions = getattr(each.callback, "actions", None) or {}
                found["/" + _PARAMETER.sub(r"{\1}", path)] = (each.name, len(actions))

    walk(get_resolver().url_patterns, "")
    return found


class ApiSchema(AutoSchema):
    """Names an operation after its route and adds what holds for all of them."""

    view: Any

    def get_operation_id(self) -> str:
        """The route's name; where a route has several methods, what each of them does goes before it."""
        name, methods = _routes()[self.path]
        return name if methods == 1 else f"{self.view.action.replace('_', '-')}-{name}"

    def get_tags(self) -> list[str]:
        return [type(self.view).__module__.split(".")[0]]

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = []
        if self.method == "POST" and self.view.rate != "hot":
            parameters.append(_IDEMPOTENCY)
        if self.method in ("PUT", "DELETE") or self.view.action in ("create", "put_on", "unarchive"):
            parameters.append(_IF_MATCH)
        if type(self.get_response_serializers()).__name__.endswith("Page"):
            parameters += _PAGING
        return parameters

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        errors = {"400", "401", "403", "413", "415", "429", "503"}
        if "{" in self.path:
            errors.add("404")
        if self.method != "GET":
            errors |= {"409", "410", "412", "422"}
        for status in sorted(errors):
            bodies.setdefault(status, self._get_response_for_code(ErrorAnswer, status))  # type: ignore[no-untyped-call]
        return bodies
