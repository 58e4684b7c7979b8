"""/prompts/resolve and /prompts/render by `namespace:name`: what a service asks for on every call of its own."""

from typing import Any, Protocol

import msgspec
from django.http import HttpResponse, HttpResponseNotModified
from django.middleware.gzip import re_accepts_gzip
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import serving
from deployments.views import render
from prompts.actions.versions import OverBudget
from prompts.models.prompts import PromptArchived, PromptRef
from prompts.sandbox.values import InvalidVariable
from prompts.serializers import Content, FreeObject, Turn
from prompts.template import InvalidTemplate, MissingVariables, RenderFailed, RenderLimit, named
from pvc.api import ApiViewSet, Text
from pvc.errors import Invalid
from pvc.schema import refuses

#: The longest id of an end user, in characters: as long as a target may be.
LONGEST_USER_ID = 200
_SOURCES = ["active", "pre_prod"]


class RenderRequest(render.RenderRequest, forbid_unknown_fields=True):
    """What rendering takes, and for whom it is."""

    user_id: str | None = None


class RenderRequestForm(render.RenderRequestForm):
    """Values for a version's variables, and for whom it is rendered."""

    user_id = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=LONGEST_USER_ID,
        help_text="The end user: any text, no identity. Those a pre-production version is aimed at get that one.",
    )


class ResolvedOut(serializers.Serializer[Any]):
    """What is served of a prompt."""

    version_id = serializers.UUIDField()
    version_number = serializers.IntegerField(min_value=1)
    body = Content()
    type = serializers.ChoiceField(["text", "chat"])
    config = FreeObject(help_text="The version's.")
    variables_expected = serializers.ListField(child=serializers.CharField(), help_text="The prompt's.")
    status = serializers.ChoiceField(_SOURCES)
    token_estimate = serializers.IntegerField(min_value=0, help_text="Of the text before rendering.")
    digest = serializers.RegexField("^[0-9a-f]{64}$", help_text="SHA-256 of everything that is served.")


class RenderingOut(serializers.Serializer[Any]):
    """What is served of a prompt, with values put in."""

    rendered = serializers.CharField(help_text="The text; of a chat, its messages one after the other.")
    messages = serializers.ListField(child=Turn(), required=False, help_text="Of a chat alone: what it says, in turns.")
    token_count = serializers.IntegerField(min_value=0, help_text="An estimate.")
    version_id = serializers.UUIDField()
    version_number = serializers.IntegerField(min_value=1)
    source = serializers.ChoiceField(_SOURCES)  # type: ignore[assignment]  # a field's own `source` is not meant
    variables_used = serializers.ListField(
        child=serializers.CharField(), help_text="Names that have a value, given or by default."
    )
    missing_variables = serializers.ListField(
        child=serializers.CharField(), help_text="Names that have none, and print nothing."
    )
    warnings = serializers.ListField(child=serializers.CharField(), help_text="Sentences for a person.")


_decoder = msgspec.json.Decoder(RenderRequest)


def end_user(request: Request, named_user: str | None) -> str | None:
    """Whom it is served to: as the query or the body says, or else X-User-Id. Raises Invalid."""
    user_id = named_user or _in_utf8(request.headers.get("X-User-Id"))
    if user_id and len(user_id) > LONGEST_USER_ID:
        raise Invalid.field("user_id", f"Use up to {LONGEST_USER_ID} characters.")
    return user_id


def _in_utf8(header: str | None) -> str | None:
    """A header's text: WSGI hands its bytes over as Latin-1."""
    if header is None or header.isascii():
        return header
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


class Ready(Protocol):
    """An answer that was made before it was asked for."""

    @property
    def answer(self) -> bytes: ...
    @property
    def compressed(self) -> bytes | None: ...
    @property
    def hash(self) -> str: ...


def answer_to(request: Request, found: Ready) -> HttpResponse:
    """The ready answer in the form the client takes, or 304 if it has that form already.

    Compressed here, once a version, and not by the middleware, which would make it anew each time and weaken the tag.
    """
    body, tag, is_compressed = found.answer, f'"{found.hash}"', False
    # The middleware's own question: what is refused here it would compress.
    if found.compressed and re_accepts_gzip.search(request.headers.get("Accept-Encoding", "")):
        body, tag, is_compressed = found.compressed, f'"{found.hash}-gzip"', True
    response = HttpResponse(body, content_type="application/json")
    if _has(request.headers.get("If-None-Match"), tag):
        response, is_compressed = HttpResponseNotModified(), False
    if is_compressed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ("Accept-Encoding", "X-User-Id"))
    return response


def _has(if_none_match: str | None, tag: str) -> bool:
    seen = parse_etags(if_none_match) if if_none_match else []
    return seen == ["*"] or tag in (each.removeprefix("W/") for each in seen)


@extend_schema(tags=["Serving"])
class ResolveViewSet(ApiViewSet):
    """Resolving, the hot path."""

    scopes = {"resolve": "prompts:read"}
    rate = "hot"
    cursor_field = "next_cursor"
    names_end_user = True

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "user_id",
                {"type": "string", "maxLength": LONGEST_USER_ID},
                description="The end user: any text, no identity. Goes before X-User-Id, which means the same here.",
            )
        ],
        responses={200: ResolvedOut, 304: OpenApiResponse(description="You have this already.")},
    )
    @refuses(PromptArchived)
    def resolve(self, request: Request, qualified_name: PromptRef) -> HttpResponse:
        """Resolve a prompt.

        What to send to the model now: the version in production, or for an end user whom the version in staging is
        aimed at, that one. 404 while there is neither. Once a call that moves a tag has been answered, no later call
        gets what was there before. Send the ETag back as If-None-Match, and an unchanged answer is 304 without a body.
        """
        found = serving.serving_of(self.actor.tenant.pk, qualified_name)
        return answer_to(request, found.to(end_user(request, self.query("user_id"))))


@extend_schema(tags=["Serving"])
class RenderByNameViewSet(ApiViewSet):
    """Rendering by name, the hot path."""

    scopes = {"render": "prompts:read"}
    rate = "hot"
    cursor_field = "next_cursor"
    names_end_user = True
    parser_classes = [render.UndecodedParser]
    reading = frozenset({"render"})

    @extend_schema(request=RenderRequestForm, responses=RenderingOut)
    @refuses(PromptArchived, InvalidTemplate, MissingVariables, InvalidVariable, RenderFailed, RenderLimit, OverBudget)
    def render(self, request: Request, qualified_name: PromptRef) -> Response:
        """Render what is served.

        Puts values into the version that resolve would answer with. Writes nothing. Without `strict`, a variable
        without a value prints nothing and is listed in `missing_variables`. More tokens than the template's budget
        tier allows are a warning, or 422 where the tier blocks.
        """
        serves = serving.serving_of(self.actor.tenant.pk, qualified_name)
        asked = render.decoded(request.body, _decoder) if request.body else RenderRequest()
        found = serves.to(end_user(request, asked.user_id))
        rendering = serving.rendered_by_name(found, asked.variables or {}, strict=bool(asked.strict))
        tokens = serving.tokens_in(rendering)
        warnings = [f"Nothing refers to {named(rendering.unused)}."] if rendering.unused else []
        if serves.budget and (told := serves.budget.told(tokens)):
            warnings.append(told)
        answer: dict[str, Any] = {"rendered": rendering.text}
        if rendering.messages is not None:
            answer["messages"] = rendering.messages
        answer |= {
            "token_count": tokens,
            "version_id": found.id,
            "version_number": found.number,
            "source": found.source,
            "variables_used": rendering.used,
            "missing_variables": rendering.missing,
            "warnings": warnings,
        }
        return self.answer(answer)
