"""What the OpenAPI document says of every route alike: names, pages, errors, headers."""

from functools import lru_cache
from typing import Any

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
    requestId = serializers.CharField(allow_null=True)  # noqa: N815
    timestamp = serializers.DateTimeField()


class PageMeta(serializers.Serializer[Any]):
    limit = serializers.IntegerField()
    nextCursor = serializers.CharField(required=False)  # noqa: N815


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
_ALWAYS = {"400", "401", "403", "413", "415", "429", "503"}


class ApiSchema(AutoSchema):
    """Names an operation after its route and adds what holds for all of them."""

    def get_operation_id(self) -> str:
        action = getattr(self.view, "action", self.method.lower())
        route: str = self.view.schema_name if hasattr(self.view, "schema_name") else self.view.basename or ""
        return f"{action}-{route}".replace("_", "-") if route else str(super().get_operation_id())

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self.method == "POST" and self.view.rate != "hot":
            parameters.append(_IDEMPOTENCY)
        if self.method in ("PUT", "DELETE", "POST"):
            parameters.append(_IF_MATCH)
        if self._is_page():
            parameters += _PAGING
        return parameters

    def _is_page(self) -> bool:
        responses = self.get_response_serializers()
        return type(responses).__name__.endswith("Page")

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        errors = _ALWAYS | ({"404"} if "{" in self.path else set()) | ({"409", "412", "422"} if self.method != "GET" else set())
        for status in sorted(errors):
            bodies.setdefault(status, self._get_response_for_code(ErrorAnswer, status))
        return bodies
