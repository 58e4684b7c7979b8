"""/prompts/{ref}/render: a version's text with values put in."""

import re
from typing import Any, TypeVar

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import serving
from prompts.actions.versions import OverBudget
from prompts.models import Prompt, PromptVersion
from prompts.models.prompts import PromptArchived, PromptRef
from prompts.sandbox.values import InvalidVariable
from prompts.serializers import Content, FreeObject, Turn
from prompts.template import InvalidTemplate, MissingVariables, RenderFailed, RenderLimit
from prompts.views.finding import prompt_of, version_of
from pvc.api import ApiViewSet, Form, JSONObject
from pvc.errors import Invalid
from pvc.schema import refuses
from pvc.strict_json import InvalidJSON, StrictJSONParser

Asked = TypeVar("Asked")


class RenderRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body, decoded and checked in one pass; a duplicate key takes the last value."""

    variables: dict[str, Any] | None = None
    strict: bool | None = None


class RenderRequestForm(Form):
    """Values for a version's variables."""

    variables = JSONObject(required=False, help_text="Values by name; declared defaults stand in for absent ones.")
    strict = serializers.BooleanField(
        required=False, allow_null=True, help_text="Refuse to render while a variable has no value."
    )


class RenderingOut(serializers.Serializer[Any]):
    """A version with values put in."""

    version = serializers.IntegerField(min_value=1, help_text="The version's number.")
    versionId = serializers.UUIDField()
    content = Content(help_text="The text before rendering.")
    rendered = serializers.CharField(help_text="The text; of a chat, its messages one after the other.")
    messages = serializers.ListField(child=Turn(), required=False, help_text="Of a chat alone: what it says, in turns.")
    variablesUsed = serializers.ListField(
        child=serializers.CharField(), help_text="Names that have a value, given or by default."
    )
    missingVariables = serializers.ListField(
        child=serializers.CharField(), help_text="Names that have none, and print nothing."
    )
    unusedVariables = serializers.ListField(
        child=serializers.CharField(), help_text="Names that were given, and nothing refers to."
    )
    tokenCount = serializers.IntegerField(min_value=0, help_text="An estimate.")
    warnings = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Only where there is something to warn of."
    )
    metadata = FreeObject(help_text="The version's.")


#: "… unknown field `colour`", "Expected `bool | null`, got `str` - at `$.strict`".
_FIELD = re.compile(r"unknown field `(.*)`|at `\$\.(.*)`$", re.DOTALL)
_decoder = msgspec.json.Decoder(RenderRequest)


class UndecodedParser(StrictJSONParser):
    """Leaves the body to the typed decoder, which is the gate here: nothing of it is stored."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream.read()


def decoded(body: bytes, decoder: msgspec.json.Decoder[Asked]) -> Asked:
    """Raises InvalidJSON and Invalid, which say where."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJSON(f"The body is not JSON: {error}") from error


def _invalid(message: str) -> Invalid:
    """msgspec's sentence, under the field that it names."""
    found = _FIELD.search(message)
    return Invalid.field(found[found.lastindex or 0] if found else "", message)


_REFUSALS = (PromptArchived, InvalidTemplate, MissingVariables, InvalidVariable, RenderFailed, RenderLimit, OverBudget)


@extend_schema(tags=["Rendering"])
class RenderViewSet(ApiViewSet):
    """Rendering, the hot path."""

    scopes = {"production": "prompts:read", "by_number": "prompts:read"}
    rate = "hot"
    names_end_user = True
    parser_classes = [UndecodedParser]
    reading = frozenset({"production", "by_number"})

    @extend_schema(request=RenderRequestForm, responses=RenderingOut)
    @refuses(*_REFUSALS)
    def production(self, request: Request, ref: PromptRef) -> Response:
        """Render what is live.

        Puts values into the version that `production` points at; 404 while there is none. Writes nothing. Without
        `strict`, a variable without a value prints nothing and is listed in `missingVariables`.
        """
        prompt = prompt_of(self.actor, ref)
        return self._rendered(prompt, serving.in_production(prompt))

    @extend_schema(
        request=RenderRequestForm,
        responses=RenderingOut,
        extensions={"x-required-scope": ["prompts:read", "prompts:write"]},
    )
    @refuses(*_REFUSALS)
    def by_number(self, request: Request, ref: PromptRef, version: int) -> Response:
        """Render a version.

        Puts values into any version of the prompt, by its number, to try it before it is live. Writes nothing.

        Needs the scope `prompts:read`; where the namespace asks for approvals and the version was never in production,
        `prompts:write` too.
        """
        prompt = prompt_of(self.actor, ref)
        prompt.require_live()
        found = version_of(prompt, version)
        if prompt.namespace.policy.required_approvals and not serving.is_released(found):
            self.require("prompts:write")
        return self._rendered(prompt, found)

    def _rendered(self, prompt: Prompt, version: PromptVersion) -> Response:
        asked = decoded(self.request.body, _decoder) if self.request.body else RenderRequest()
        rendering = serving.rendered(version, asked.variables or {}, strict=bool(asked.strict))
        tokens = serving.tokens_in(rendering)
        budget = serving.budget_of(prompt)
        told = budget.told(tokens) if budget else None
        answer = {
            "version": version.number,
            "versionId": version.pk,
            "content": version.content,
            "rendered": rendering.text,
            "variablesUsed": rendering.used,
            "missingVariables": rendering.missing,
            "unusedVariables": rendering.unused,
            "tokenCount": tokens,
            "metadata": version.metadata,
        }
        if rendering.messages is not None:
            answer["messages"] = rendering.messages
        if told:
            answer["warnings"] = [told]
        return self.answer(answer)
