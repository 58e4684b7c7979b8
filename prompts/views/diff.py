"""/prompts/{ref}/diff: what changed between two versions, and how much it matters."""

import re
from typing import Any, get_args
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prompts import diff, impact
from prompts.converters import NumberConverter
from prompts.impact.reasons import Rule
from prompts.models import Prompt, PromptVersion
from prompts.models.prompts import PromptRef
from prompts.names import is_uuid
from prompts.views.finding import prompt_of, version_of
from pvc.api import ApiViewSet
from pvc.errors import Invalid

_NUMBER_OR_ID = {"type": "string", "pattern": rf"^({NumberConverter.regex}|[0-9A-Fa-f]{{8}}-[0-9A-Fa-f-]{{27}})$"}
_VERSIONS = [
    OpenApiParameter("fromVersion", _NUMBER_OR_ID, required=True, description="The version before: its number or id."),
    OpenApiParameter("toVersion", _NUMBER_OR_ID, required=True, description="The version after: its number or id."),
]
_LINE: dict[str, Any] = {"allow_null": True, "min_value": 1}


class WordsOut(serializers.Serializer[diff.Words]):
    """What is equal or removed makes the old text, what is equal or added the new one."""

    type = serializers.ChoiceField(get_args(diff.WordKind))
    value = serializers.CharField()


class SectionOut(serializers.Serializer[diff.Section]):
    """Lines that stand together. Numbers begin at 1 and include the end; a side without lines has none."""

    type = serializers.ChoiceField(get_args(diff.Kind))
    value = serializers.CharField(allow_blank=True, help_text="The new lines; of removed ones, the old.")
    oldValue = serializers.CharField(source="old_value", allow_null=True, allow_blank=True, help_text="If modified.")
    lineStart = serializers.IntegerField(source="line_start", help_text="In the old text.", **_LINE)
    lineEnd = serializers.IntegerField(source="line_end", **_LINE)
    newLineStart = serializers.IntegerField(source="new_line_start", help_text="In the new text.", **_LINE)
    newLineEnd = serializers.IntegerField(source="new_line_end", **_LINE)
    words = WordsOut(many=True, allow_null=True, help_text="If modified: the section word by word.")


class DiffEntryOut(serializers.Serializer[diff.Entry]):
    """A declared variable by its name, or a value of the config by its JSON Pointer."""

    type = serializers.ChoiceField(["added", "removed", "modified"])
    name = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    oldValue = serializers.JSONField(source="old_value", allow_null=True)


class ImpactReasonOut(serializers.Serializer[Any]):
    """What a rule found."""

    rule = serializers.ChoiceField(get_args(Rule))
    message = serializers.CharField(help_text="A sentence for a person.")
    line = serializers.IntegerField(help_text="In the new text; null where only the old one has it.", **_LINE)


class ImpactOut(serializers.Serializer[impact.Impact]):
    """How much a change matters, by rules. Advice to whoever looks at it; nothing is refused because of it."""

    score = serializers.FloatField(min_value=0, max_value=1, help_text="0 is nothing, 0.5 and more is major.")
    level = serializers.ChoiceField(get_args(impact.Level))
    reasons = ImpactReasonOut(many=True, help_text="The weightiest first; 50 at most.")


class DiffOut(serializers.Serializer[Any]):
    """The difference between two versions of a prompt."""

    fromVersion = serializers.IntegerField(source="old.number", min_value=1)
    toVersion = serializers.IntegerField(source="new.number", min_value=1)
    sections = SectionOut(source="diff.sections", many=True)
    variables = DiffEntryOut(source="diff.variables", many=True)
    config = DiffEntryOut(source="diff.config", many=True)
    semanticImpact = serializers.ChoiceField(get_args(impact.Level), source="impact.level")
    impact = ImpactOut()


@extend_schema(tags=["Diff"])
class DiffViewSet(ApiViewSet):
    scopes = {"compare": "prompts:read"}

    @extend_schema(parameters=_VERSIONS, responses=DiffOut)
    def compare(self, request: Request, ref: PromptRef) -> Response:
        """Compare two versions.

        Lines with their numbers on both sides, words inside modified lines, declared variables and config; and the
        semantic impact: how much the change matters, with the reasons. A chat is compared as its transcript, in
        which a line like `[system]` stands before each message.
        """
        prompt = prompt_of(self.actor, ref)
        old, new = self._version(prompt, "fromVersion"), self._version(prompt, "toVersion")
        found = diff.compare(old.served, new.served)
        weighed = impact.assess(old.served, new.served, found)
        return self.answer(DiffOut({"old": old, "new": new, "diff": found, "impact": weighed}).data)

    def _version(self, prompt: Prompt, parameter: str) -> PromptVersion:
        text = self.query(parameter)
        if re.fullmatch(NumberConverter.regex, text):
            return version_of(prompt, int(text))
        if is_uuid(text):
            return version_of(prompt, UUID(text))
        raise Invalid.field(parameter, "Send a version's number or id.")
