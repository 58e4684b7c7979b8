"""What every API door shares: strict JSON in, one error shape out, the actor, scopes, pages, idempotency."""

import functools
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import DatabaseError, models
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audit import idempotency, unit
from pvc import answers, errors, ratelimit
from pvc.middleware import client_address
from pvc.strict_json import AlwaysJSON, JSONRenderer, StrictJSONParser
from tenants import auth
from tenants.models import Actor, UserRequired
from tenants.names import InvalidUsername

Row = TypeVar("Row", bound=models.Model)

#: How many faults of a body are named at most: a refusal is not larger than what was sent.
FAULTS_TOLD = 50
_KEPT_HEADERS = ("ETag", "Location", "X-Audit-Seq", "X-Audit-Hash")


def count_anonymous(request: HttpRequest) -> ratelimit.Allowance | None:
    """Count a call without a verified key against its address. Raises RateLimited."""
    return ratelimit.take("anonymous", ratelimit.network_of(client_address(request)))


def put_allowance(response: HttpResponseBase, allowance: ratelimit.Allowance | None) -> None:
    """Say what the caller may still do, unless a refusal has said it."""
    if allowance is not None:
        response.headers.setdefault("RateLimit-Limit", str(allowance.limit))
        response.headers.setdefault("RateLimit-Remaining", str(allowance.remaining))
        response.headers.setdefault("RateLimit-Reset", str(allowance.reset))


def no_such_route(request: HttpRequest) -> HttpResponse:
    """Whatever stands under /api/ and is no route. A verified key is not counted against its address."""
    allowance = None
    try:
        auth.verified_key(request.headers.get("Authorization", ""))
    except errors.Unauthorized:
        allowance = count_anonymous(request)
    response = answers.error_response(errors.NotFound("There is no such route. GET /api/v1/docs lists them."))
    put_allowance(response, allowance)
    return response


# ----------------------------------------------------------------------------- errors
class MissingScope(errors.Forbidden):
    code = "FORBIDDEN"


class ImmutableField(errors.Invalid):
    code = "IMMUTABLE_FIELD"


class InvalidCursor(errors.Invalid):
    code = "INVALID_CURSOR"


def answer_error(error: Exception, context: dict[str, Any]) -> HttpResponseBase | None:
    """Django REST framework's exception handler: every refusal in the one shape, door refusals written down."""
    if isinstance(error, DatabaseError):
        try:
            errors.raise_domain_error(error)
        except errors.DomainError as named:
            error = named
        except DatabaseError:
            return None
    if isinstance(error, errors.DomainError):
        _write_door_refusal(error, context)
        response = answers.error_response(error)
        if (wait := getattr(error, "retry_after", None)) is not None:
            response["Retry-After"] = str(wait)
        return response
    return _answer_framework_error(error)


def _write_door_refusal(error: errors.DomainError, context: dict[str, Any]) -> None:
    """A refusal of the door itself, on a route whose verb keeps its refusals, goes into the log."""
    view, request = context["view"], context["request"]
    owner: Actor | None = getattr(view, "owner", None)
    verb = getattr(view, "audited", {}).get(getattr(view, "action", None))
    if owner is None or verb is None or error.refusal is not None:
        return
    if isinstance(error, errors.Forbidden | InvalidUsername | UserRequired):
        target, prompt_id = view.refused_target()
        by = getattr(view, "actor", None) or owner
        claimed = request.headers.get("X-User-Id")
        unit.denied(verb, target, by=by, error=error, claimed=claimed, prompt_id=prompt_id)


def _answer_framework_error(error: Exception) -> HttpResponseBase | None:
    match error:
        case exceptions.ValidationError():
            told = itertools.islice(flat_messages(error.detail).items(), FAULTS_TOLD)
            return answers.error_response(errors.Invalid.fields(dict(told)))
        case exceptions.MethodNotAllowed():
            return answers.plain_error(405, "METHOD_NOT_ALLOWED", "This method is not allowed here.")
        case exceptions.UnsupportedMediaType():
            return answers.plain_error(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json in UTF-8.")
        case exceptions.NotFound() | Http404():
            return answers.error_response(errors.NotFound("There is nothing here."))
        case exceptions.APIException():
            return answers.plain_error(error.status_code, "BAD_REQUEST", "The request cannot be taken as it is.")
    return None


def flat_messages(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Nested validation messages as {path: [messages]}, a list's index in brackets."""
    if isinstance(detail, Mapping):
        fields: dict[str, list[str]] = {}
        for name, inner in detail.items():
            step = f"[{name}]" if isinstance(name, int) else f".{name}" if path else str(name)
            own = path if name == "non_field_errors" else f"{path}{step}"
            fields |= flat_messages(inner, own)
        return fields
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        if all(isinstance(inner, str) for inner in detail):
            return {path: [str(inner) for inner in detail]}
        fields = {}
        for index, inner in enumerate(detail):
            if inner:
                fields |= flat_messages(inner, f"{path}[{index}]")
        return fields
    return {path: [str(detail)]}


# ----------------------------------------------------------------------------- serializers' ground
class Text(serializers.CharField):
    """A string that is a string, kept as it was sent."""

    default_error_messages = {"not_text": "Send a string."}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("not_text")
        return super().to_internal_value(data)


class Id(serializers.UUIDField):
    """An id: a UUID as a string, and nothing that only could be read as one."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class JSONObject(serializers.DictField):
    """A JSON object; null clears it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_null": True, "error_messages": {"not_a_dict": "Send an object."}, **options})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return {} if value is None else value


class Form(serializers.Serializer[Any]):
    """A body: every field is named here, and a name that is not is refused."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields)
                sentence = f"Unknown field. Known are: {known}." if known else "This route takes no fields."
                raise serializers.ValidationError({name[:100]: [sentence] for name in unknown[:FAULTS_TOLD]})
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """ISO 8601, UTC, milliseconds, Z."""

    def to_representation(self, value: Any) -> str:
        return answers.moment(value)


class RowSerializer(serializers.ModelSerializer[Row]):
    """A row on its way out; it never comes in."""

    serializer_field_mapping = {**serializers.ModelSerializer.serializer_field_mapping, models.DateTimeField: Moment}


# ----------------------------------------------------------------------------- the door
class ApiViewSet(ViewSet):
    """A door: finds the noun, calls one verb, says what came of it."""

    #: The scope each action asks for.
    scopes: ClassVar[Mapping[str, str]] = {}
    #: The audit verb under which a refusal at the door is written down.
    audited: ClassVar[Mapping[str, str]] = {}
    #: The rate limit that counts; None is by method.
    rate: ClassVar[str | None] = None
    #: What a list calls its next cursor; the lifecycle surface speaks snake_case.
    cursor_field: ClassVar[str] = "nextCursor"
    #: Whether X-User-Id is the end user here, whom a prompt is served to, and nobody who acts.
    names_end_user: ClassVar[bool] = False
    #: Whether no key is asked for: the handler itself knows its callers.
    is_public: ClassVar[bool] = False
    #: Actions that are POSTs for their bodies alone, and change nothing.
    reading: ClassVar[frozenset[str]] = frozenset()
    #: Actions that wait for somebody outside: no unit of work is open round them, and Idempotency-Key is left aside.
    outside_units: ClassVar[frozenset[str]] = frozenset()
    #: Actions that write and leave no audit entry.
    unrecorded: ClassVar[frozenset[str]] = frozenset()
    #: Fields shown once: a replayed answer has null there.
    one_time_fields: ClassVar[tuple[str, ...]] = ()

    content_negotiation_class = AlwaysJSON
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    http_method_names = ["get", "post", "put", "delete", "head"]
    #: The verified key's owner, and who acts through it.
    owner: Actor | None = None
    actor: Actor
    allowance: ratelimit.Allowance | None = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        unit.forget_receipt()
        action = vars(self).get("action_map", {}).get("post")
        takes_once = request.method == "POST" and not self.is_public
        takes_once = takes_once and action not in self.outside_units and action not in self.reading
        if takes_once and hasattr(self, "post"):
            self.post: Callable[..., HttpResponseBase] = functools.partial(self._post_once, self.post)
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who knocks, how often, and may they: in this order."""
        request.body  # noqa: B018 — read once, before the parser: its bytes are hashed too
        if self.is_public:
            return
        owner = self.owner = self._authenticated(request)
        kind = self.rate or ("read" if request.method in ("GET", "HEAD") else "write")
        self.allowance = ratelimit.take(kind, owner.via)
        acting = auth.through if self.names_end_user else auth.acting
        self.actor = acting(owner, request._request)  # noqa: SLF001 — headers and raw body of the plain request
        if self.action not in self.scopes:
            raise exceptions.MethodNotAllowed(request.method or "")
        self.require(self.scope_asked())
        super().initial(request, *args, **kwargs)
        request.data  # noqa: B018 — a hostile body is refused whatever the route does with it

    def _authenticated(self, request: Request) -> Actor:
        try:
            owner = request.auth
        except errors.Unauthorized:
            owner = None
        if not isinstance(owner, Actor):
            self.allowance = count_anonymous(request._request)  # noqa: SLF001
            raise errors.Unauthorized("Send a valid API key: Authorization: Bearer pvc_...")
        return owner

    def refused_target(self) -> tuple[str, UUID | None]:
        """What the log says was aimed at when the door refused: the object, and the prompt it belongs to."""
        return str(next(iter(self.kwargs.values()), "")), None

    def scope_asked(self) -> str:
        """The scope this call needs."""
        return self.scopes[self.action]

    def require(self, scope: str) -> None:
        """Raises MissingScope, which names it."""
        if not self.actor.may(scope):
            raise MissingScope(f"This needs the scope {scope}.", scope=scope)

    def read(self, form: type[Form], data: Any = None) -> dict[str, Any]:
        """The checked body; `Form` itself stands for none. Raises ValidationError naming every field."""
        filled = form(data=self.request.data if data is None else data)
        filled.is_valid(raise_exception=True)
        return dict(filled.validated_data)

    def query(self, name: str) -> str:
        """A query parameter, empty when absent. Raises Invalid for what PostgreSQL cannot look for."""
        text: str = self.request.query_params.get(name, "")
        if "\0" in text or len(text) > 500:
            raise errors.Invalid.field(name, "Use up to 500 characters, no NUL among them.")
        return text

    @property
    def if_match(self) -> str | None:
        header: str | None = self.request.headers.get("If-Match")
        return header

    def answer(self, data: Any, *, status: int = 200, revision: int | None = None) -> Response:
        """An answer with the row's ETag, where it has one."""
        return Response(data, status=status, headers={"ETag": f'"{revision}"'} if revision is not None else None)

    def page(
        self,
        rows: models.QuerySet[Row],
        shown_as: type[RowSerializer[Row]],
        *,
        by: str = "id",
        filters: Mapping[str, str] | None = None,
        complete: Callable[[list[Row]], list[Row]] = list,
    ) -> Response:
        """One page, newest first by the unique column `by`; the cursor fits these filters and nothing else.

        `complete` adds to the rows of the page what they show beside their own columns.
        """
        return Response(self.part(rows, shown_as, by=(by,), filters=filters, complete=complete))

    def part(
        self,
        rows: models.QuerySet[Row],
        shown_as: type[RowSerializer[Row]],
        *,
        by: tuple[str, ...],
        filters: Mapping[str, str] | None = None,
        complete: Callable[[list[Row]], list[Row]] = list,
    ) -> dict[str, Any]:
        """The same by columns that are unique together, to be answered with more beside it."""
        limit = self._limit()
        signer = signing.Signer(salt=self._cursor_salt(filters or {}))
        if cursor := self.request.query_params.get("cursor"):
            rows = _after(rows, by, _unsigned(signer, cursor, rows.model, by))
        found = list(rows.order_by(*(f"-{column}" for column in by))[: limit + 1])
        meta: dict[str, Any] = {"limit": limit}
        if len(found) > limit:
            found.pop()
            meta[self.cursor_field] = signer.sign_object([str(getattr(found[-1], column)) for column in by])
        return {"data": shown_as(complete(found), many=True).data, "meta": meta}

    def _limit(self) -> int:
        text = self.request.query_params.get("limit", "20")
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= 100):
            raise errors.Invalid.field("limit", "Use a whole number from 1 to 100.")
        return int(text)

    def _cursor_salt(self, filters: Mapping[str, str]) -> str:
        route = self.request.resolver_match.view_name if self.request.resolver_match else ""
        place = {"tenant": str(self.actor.tenant.pk), "route": route, "path": self.request.path, **filters}
        return f"cursor:{json.dumps(place, sort_keys=True)}"

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        finished = super().finalize_response(request, response, *args, **kwargs)
        if (receipt := unit.last_receipt()) and "Idempotency-Replayed" not in finished.headers:
            _put_receipt(finished, receipt)
        put_allowance(finished, self.allowance)
        return finished

    def _post_once(
        self, handler: Callable[..., HttpResponseBase], request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """A POST with an Idempotency-Key: one effect, and the same answer for whoever asks again."""
        header = request.headers.get("Idempotency-Key")
        if header is None:
            return handler(request, *args, **kwargs)
        responses: list[Response] = []

        def run() -> Callable[[], idempotency.Answer]:
            response = handler(request, *args, **kwargs)
            assert isinstance(response, Response)  # a handler's answer is not rendered yet
            responses.append(response)
            return lambda: self._kept(response)

        answer = idempotency.once(idempotency.check_key(header), _fingerprint(request), by=self.actor, run=run)
        if not answer.replayed:
            return responses[0]
        replay = HttpResponse(answer.body, status=answer.status, content_type="application/json")
        for name, value in {**answer.headers, "Idempotency-Replayed": "true"}.items():
            replay[name] = value
        return replay

    def _kept(self, response: Response) -> idempotency.Answer:
        """What is stored of an answer: the bytes it will have, without what is shown only once."""
        if receipt := unit.last_receipt():
            _put_receipt(response, receipt)
        data = response.data
        if isinstance(data, dict):
            data = {name: None if name in self.one_time_fields else value for name, value in data.items()}
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        return idempotency.Answer(response.status_code, headers, JSONRenderer().render(data))


def _put_receipt(response: HttpResponseBase, receipt: unit.Receipt) -> None:
    response.headers["X-Audit-Seq"] = str(receipt.seq)
    response.headers["X-Audit-Hash"] = receipt.hash


def _fingerprint(request: Request) -> bytes:
    parts = (
        request.method or "",
        request.path,
        request.META.get("QUERY_STRING", ""),
        request.headers.get("If-Match", ""),
    )
    return idempotency.fingerprint(*(part.encode("utf-8", "surrogateescape") for part in parts), request.body)


def _unsigned(signer: signing.Signer, cursor: str, model: type[models.Model], by: tuple[str, ...]) -> list[Any]:
    try:
        texts = signer.unsign_object(cursor)
        return [model._meta.get_field(column).to_python(text) for column, text in zip(by, texts, strict=True)]  # type: ignore[union-attr]  # noqa: SLF001 — columns, no relations
    except (signing.BadSignature, ValidationError, ValueError, TypeError) as error:
        raise InvalidCursor("This cursor is not one of this list. Start again without it.") from error


def _after(rows: models.QuerySet[Row], by: tuple[str, ...], last: Sequence[Any]) -> models.QuerySet[Row]:
    """The rows after one, newest first. The first column is bounded by itself too, for the index to begin there."""
    beyond = models.Q()
    for depth in range(len(by)):
        equal = dict(zip(by[:depth], last[:depth], strict=True))
        beyond |= models.Q(**equal, **{f"{by[depth]}__lt": last[depth]})
    bound = "lt" if len(by) == 1 else "lte"
    return rows.filter(beyond, **{f"{by[0]}__{bound}": last[0]})


def without_read_only(data: Any, present: Mapping[str, Any], writable: type[Form]) -> Any:
    """A PUT's body without the read-only fields that have their present value.

    Raises ImmutableField for one that has another.
    """
    if not isinstance(data, Mapping):
        return data
    writable_names = set(writable().fields)
    for name in data.keys() & present.keys() - writable_names:
        if data[name] != present[name]:
            raise ImmutableField(f"{name} cannot be changed.", fields={name: ["Fixed; leave it out or as it is."]})
    return {name: value for name, value in data.items() if name in writable_names or name not in present}
