"""One route with a key, described from its door: name, words, scope, parameters, answers."""

import inspect
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import warn
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance, is_serializer

from pvc.api import Form, RowSerializer
from pvc.errors import PreconditionFailed
from pvc.schema import parts, story
from pvc.schema.lists import base_name, is_page
from pvc.schema.refusals import Refusal, by_status, header_refs, name_of
from tenants.scopes import SCOPES


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer pvc_...`"""

    target_class = "tenants.auth.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "pvc_<8 characters of id>_<43 characters>",
            "description": "An API key. It belongs to one tenant and one owner, and has the scopes it was made with, "
            "as far as its owner still has them.",
        }


class MomentField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A time that we send."""

    target_class = "pvc.api.Moment"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:  # noqa: ARG002
        return {"$ref": "#/components/schemas/Moment"}


class TextField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A string that we take: not empty unless the field says so."""

    target_class = "pvc.api.Text"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:  # noqa: ARG002
        least = {} if self.target.allow_blank else {"minLength": 1}
        most = {"maxLength": self.target.max_length} if self.target.max_length else {}
        return {"type": "string", **least, **most}


# ----------------------------------------------------------------------------- routes
_PARAMETER: Final = re.compile(r"<(?:(\w+):)?(\w+)>")


@lru_cache
def routes() -> dict[str, tuple[str, list[tuple[str, str]], Any]]:
    """Each path as the document writes it: its route's name, its parts (converter, name), its view."""
    found: dict[str, tuple[str, list[tuple[str, str]], Any]] = {}

    def walk(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> None:
        for each in patterns:
            path = prefix + str(each.pattern)
            if isinstance(each, URLResolver):
                walk(each.url_patterns, path)
            elif each.name:
                found["/" + _PARAMETER.sub(r"{\2}", path)] = (each.name, _PARAMETER.findall(path), each.callback)

    walk(get_resolver().url_patterns, "")
    return found


# ----------------------------------------------------------------------------- one operation
_WORDS: Final = {"200": "Done; here it is.", "201": "Made; here it is."}
_LIMITS: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


# drf-spectacular's own methods are partly untyped.
class ApiSchema(AutoSchema):
    """Names an operation after its route, takes its words from the handler, and adds what the door does."""

    view: Any

    @property
    def _handler(self) -> Any:
        return getattr(self.view, self.view.action)

    @property
    def _kinds(self) -> tuple[Any, ...]:
        return getattr(self._handler, "refusals", ())

    @property
    def _writes(self) -> bool:
        return self.method != "GET" and self.view.action not in self.view.reading

    @property
    def _records(self) -> bool:
        return self._writes and self.view.action not in self.view.unrecorded

    @property
    def _once(self) -> bool:
        """Whether an Idempotency-Key is honoured."""
        waits = self.view.is_public or self.view.action in self.view.outside_units
        return self.method == "POST" and self._writes and not waits

    @property
    def _pages(self) -> bool:
        return is_page(self.get_response_serializers())

    @property
    def _is_revalidated(self) -> bool:
        """Whether If-None-Match is honoured."""
        answers: Any = self.get_response_serializers()
        return isinstance(answers, dict) and 304 in answers

    # ------------------------------------------------------------------------- words
    def get_operation_id(self) -> str:
        """The route's name; where a route has several methods, what each of them does goes before it."""
        name, _, callback = routes()[self.path]
        methods = getattr(callback, "actions", None) or {}
        return name if len(methods) == 1 else f"{self.view.action.replace('_', '-')}-{name}"

    def _words(self) -> tuple[str, str]:
        text = inspect.cleandoc(self._handler.__doc__ or "")
        summary, _, rest = text.partition("\n")
        if not summary:
            warn(f"{type(self.view).__name__}.{self.view.action} has no docstring for the document")
        return summary.removesuffix("."), re.sub(r"(?<!\n)\n(?!\n|- )", " ", rest.strip())

    def get_summary(self) -> str:
        return self._words()[0]

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's has no arguments either
        scopes = self.get_extensions().get("x-required-scope", [])
        needs = f"Needs the scope `{scopes[0]}`." if len(scopes) == 1 else ""
        return "\n\n".join(part for part in (self._words()[1], needs) if part)

    def get_tags(self) -> list[str]:
        """The class says it with `@extend_schema(tags=...)`; else it is called by its tag."""
        return [type(self.view).__name__.removesuffix("ViewSet")]

    def get_extensions(self) -> dict[str, Any]:
        """The scope; a handler that asks for several names them itself, and its docstring says when."""
        scope = self.view.scopes[self.view.action]
        if self.view.is_public:
            return super().get_extensions()
        assert scope in SCOPES
        return {"x-required-scope": [scope], **super().get_extensions()}

    def get_auth(self) -> list[dict[str, list[str]]]:
        """The key; none, where the handler itself knows its callers."""
        return [] if self.view.is_public else super().get_auth()

    def get_operation(self, *given: Any) -> Any:
        """An empty list is said too: it takes the document's own back."""
        operation = super().get_operation(*given)
        return {**operation, "security": []} if operation and self.view.is_public else operation

    # ------------------------------------------------------------------------- parameters
    def _get_parameters(self) -> list[dict[str, Any]]:
        own = [_completed(each) for each in self._process_override_parameters().values() if each]  # type: ignore[no-untyped-call]
        return own + [{"$ref": f"#/components/parameters/{name}"} for name in self._shared_parameters()]

    def _shared_parameters(self) -> list[str]:
        names = [parts.PATH_PARTS[part] for part in routes()[self.path][1]]
        names += ["Limit", "Cursor"] if self._pages else []
        names += ["IfMatch"] if PreconditionFailed in self._kinds else []
        names += ["IfNoneMatch"] if self._is_revalidated else []
        names += ["IdempotencyKey"] if self._once else []
        if self.view.is_public:
            return [*names, *parts.SIGNATURES, "RequestId"]
        acting = "EndUserId" if self.view.names_end_user else "UserId"
        return [*names, "TenantId", acting, "GatewaySignature", "RequestId"]

    def _get_request_body(self, direction: Any = "request") -> dict[str, Any] | None:
        body: dict[str, Any] | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        if body and "anyOf" in getattr(self.get_request_serializer(), "schema_more", {}):
            body["required"] = True
        return body

    # ------------------------------------------------------------------------- answers
    def _is_list_view(self, serializer: Any = None) -> bool:  # noqa: ARG002
        """A list is an object with `data` here, and its serializer says so."""
        return False

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status, body in bodies.items():
            body["headers"] = header_refs(self._headers(status))
            body["description"] = body["description"] or _WORDS[status]
        for refusal in self._refusals():
            name = name_of(refusal, self.get_operation_id())
            vars(self.registry).setdefault("refusals", {})[name] = refusal  # document.py describes it
            bodies[str(refusal.status)] = {"$ref": f"#/components/responses/{name}"}
        return dict(sorted(bodies.items()))

    def _answered_with(self, status: str) -> set[str]:
        """The name of the schema that an answer has."""
        answers = self.get_response_serializers()
        answer = answers.get(int(status)) if isinstance(answers, dict) else answers
        return {self._called(answer)} if is_serializer(answer) else set()

    def _headers(self, status: str) -> list[str]:
        names = ["X-Request-Id"] if self.view.is_public else ["X-Request-Id", *_LIMITS]
        names += ["ETag"] if self._answered_with(status) & parts.WITH_ETAG else []
        names += ["ETag-Of-Content"] if self._is_revalidated else []
        names += ["X-Audit-Seq", "X-Audit-Hash"] if self._records else []
        return names + (["Idempotency-Replayed"] if self._once else [])

    def _refusals(self) -> list[Refusal]:
        """By the door, in `pvc/api.py` and the middleware; then by the verb."""
        if self.view.is_public:
            return self._refusals_without_key()
        codes: dict[int, list[str]] = {
            400: ["BAD_REQUEST", "INVALID_JSON"],
            401: ["UNAUTHORIZED"],
            403: ["FORBIDDEN", "TENANT_MISMATCH"],
            413: ["PAYLOAD_TOO_LARGE"],
            415: ["UNSUPPORTED_MEDIA_TYPE"],
            429: ["RATE_LIMITED"],
            503: ["UNAVAILABLE"],
        }
        if not self.view.names_end_user:
            codes[400].append("INVALID_USERNAME")
            codes[403] += ["USER_MISMATCH", "UNKNOWN_USER"]
        codes[403].append("BAD_GATEWAY_SIGNATURE")
        if self.method != "GET" or self._pages or self._process_override_parameters():  # type: ignore[no-untyped-call]
            codes[400].append("VALIDATION_ERROR")
        if self._pages:
            codes[400].append("INVALID_CURSOR")
        if "{" in self.path:
            codes[404] = ["NOT_FOUND"]
        if self._records:
            codes[503].append("AUDIT_HEAD_BROKEN")
        for status, own in by_status(self._kinds).items():
            codes[status] = list(dict.fromkeys([*codes.get(status, []), *own]))
        if self._once:
            codes.setdefault(409, []).append("IDEMPOTENCY_IN_PROGRESS")
            codes.setdefault(422, []).append("IDEMPOTENCY_KEY_REUSED")
        return [Refusal(status, tuple(each), is_recorded=status in self._recorded()) for status, each in codes.items()]

    def _refusals_without_key(self) -> list[Refusal]:
        codes: dict[int, list[str]] = {
            400: ["BAD_REQUEST"],
            413: ["PAYLOAD_TOO_LARGE"],
            429: ["RATE_LIMITED"],
            503: ["UNAVAILABLE", "AUDIT_HEAD_BROKEN"],
        }
        return [Refusal(status, tuple(each)) for status, each in (codes | by_status(self._kinds)).items()]

    def _recorded(self) -> set[int]:
        """Where a refusal may be written in the audit log: by the door, and by the verb."""
        if self.view.action not in self.view.audited:
            return set()
        return {400, 403, *by_status(kind for kind in self._kinds if kind.audited)}

    # ------------------------------------------------------------------------- schemas and examples
    def get_serializer_name(self, serializer: Any, direction: Any) -> str:  # noqa: ARG002
        prefix = "Lifecycle" if self.view.cursor_field == "next_cursor" else ""
        return prefix + base_name(type(serializer))

    def _map_serializer(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> dict[str, Any]:
        """Exact objects: an unknown name is refused on its way in, and never sent on its way out."""
        schema: dict[str, Any] = super()._map_serializer(serializer, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        made = force_instance(serializer)  # type: ignore[no-untyped-call]
        schema["additionalProperties"] = False
        if isinstance(made, RowSerializer):
            schema["required"] = list(schema["properties"])
        elif not isinstance(made, Form):
            schema["required"] = [name for name, field in made.fields.items() if field.required]
        if "__doc__" not in vars(type(made)) or not type(made).__doc__:
            schema.pop("description", None)  # that of a class above says nothing of this one
        return _merged(_without_read_only(schema), getattr(made, "schema_more", {}))

    def _get_examples(self, serializer: Any, *args: Any, **kwargs: Any) -> Any:
        """The handler's own examples, or those of the story."""
        own = super()._get_examples(serializer, *args, **kwargs)  # type: ignore[no-untyped-call]
        if own or not is_serializer(serializer):
            return own
        return story.examples_of(self._called(serializer))

    def _called(self, serializer: Any) -> str:
        """A schema's name, of a serializer or its class."""
        return self.get_serializer_name(force_instance(serializer), "response")  # type: ignore[no-untyped-call]


def _completed(parameter: dict[str, Any]) -> dict[str, Any]:
    """A query parameter of a route's own: `ApiViewSet.query` takes an empty one for none."""
    empty = {} if parameter.get("required") else {"allowEmptyValue": True}
    told = "examples" in parameter or parameter["name"] not in story.PARAMETERS
    return {**parameter, **empty, **({} if told else {"example": story.PARAMETERS[parameter["name"]]})}


def _merged(schema: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A schema with what its serializer's `schema_more` adds, at any depth."""
    both = {name: _merged(schema[name], each) for name, each in more.items() if isinstance(schema.get(name), dict)}
    return {**schema, **more, **both}


def _without_read_only(schema: dict[str, Any]) -> dict[str, Any]:
    """What is sent is not taken, and the other way round: the names of the schemas say which is which."""
    for each in schema["properties"].values():
        each.pop("readOnly", None)
        each.pop("default", None)
    return schema
