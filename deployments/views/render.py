"""/prompts/{ref}/render: a version's text with values put in."""

import re
from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import serving
from prompts.models import PromptVersion
from prompts.models.prompts import PromptRef
from prompts.views.finding import prompt_of, version_of
from pvc.api import ApiViewSet, Form, JSONObject
from pvc.errors import Invalid
from pvc.strict_json import InvalidJSON, StrictJSONParser


class RenderRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body, decoded and checked in one pass; a duplicate key takes the last value."""

    variables: dict[str, Any] | None = None
    strict: bool | None = None


class RenderForm(Form):
    """The same, for the OpenAPI document."""

    variables = JSONObject(required=False)
    strict = serializers.BooleanField(required=False, allow_null=True)


class RenderingOut(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    versionId = serializers.UUIDField()
    content = serializers.JSONField()
    rendered = serializers.CharField()
    messages = serializers.ListField(child=serializers.DictField(), required=False)
    variablesUsed = serializers.ListField(child=serializers.CharField())
    missingVariables = serializers.ListField(child=serializers.CharField())
    unusedVariables = serializers.ListField(child=serializers.CharField())
    tokenCount = serializers.IntegerField(help_text="An estimate.")
    metadata = serializers.DictField()


#: "… unknown field `colour`", "Expected `bool | null`, got `str` - at `$.strict`".
_FIELD = re.compile(r"unknown field `(.*)`|at `\$\.(.*)`$", re.DOTALL)
_decoder = msgspec.json.Decoder(RenderRequest)


class UndecodedParser(StrictJSONParser):
    """Leaves the body to the typed decoder, which is the gate here: nothing of it is stored."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream.read()


def decoded(body: bytes) -> RenderRequest:
    """Raises InvalidJSON and Invalid, which say where."""
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJSON(f"The body is not JSON: {error}") from error


def _invalid(message: str) -> Invalid:
    """msgspec's sentence, under the field that it names."""
    found = _FIELD.search(message)
    return Invalid.field(found[found.lastindex or 0] if found else "", message)


class RenderViewSet(ApiViewSet):
    scopes = {"production": "prompts:read", "by_number": "prompts:read"}
    rate = "hot"
    names_end_user = True
    parser_classes = [UndecodedParser]

    @extend_schema(request=RenderForm, responses=RenderingOut)
    def production(self, request: Request, ref: PromptRef) -> Response:
        return self._rendered(serving.in_production(prompt_of(self.actor, ref)))

    @extend_schema(request=RenderForm, responses=RenderingOut)
    def by_number(self, request: Request, ref: PromptRef, version: int) -> Response:
        prompt = prompt_of(self.actor, ref)
        prompt.require_live()
        found = version_of(prompt, version)
        if prompt.namespace.policy.required_approvals and not serving.is_released(found):
            self.require("prompts:write")
        return self._rendered(found)

    def _rendered(self, version: PromptVersion) -> Response:
        asked = decoded(self.request.body) if self.request.body else RenderRequest()
        rendering = serving.rendered(version, asked.variables or {}, strict=bool(asked.strict))
        answer = {
            "version": version.number,
            "versionId": version.pk,
            "content": version.content,
            "rendered": rendering.text,
            "variablesUsed": rendering.used,
            "missingVariables": rendering.missing,
            "unusedVariables": rendering.unused,
            "tokenCount": serving.tokens_in(rendering),
            "metadata": version.metadata,
        }
        if rendering.messages is not None:
            answer["messages"] = rendering.messages
        return self.answer(answer)
