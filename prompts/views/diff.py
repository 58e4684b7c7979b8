"""/prompts/{ref}/diff: what changed between two versions, and how much it matters."""

import re
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prompts import diff, impact
from prompts.converters import NumberConverter
from prompts.models import Prompt, PromptVersion
from prompts.models.prompts import PromptRef
from prompts.names import is_uuid
from prompts.views.finding import prompt_of, version_of
from pvc.api import ApiViewSet
from pvc.errors import Invalid

_VERSIONS = [
    OpenApiParameter("fromVersion", str, required=True, description="The version before: its number or id."),
    OpenApiParameter("toVersion", str, required=True, description="The version after: its number or id."),
]


class WordsOut(serializers.Serializer[diff.Words]):
    type = serializers.ChoiceField(["equal", "removed", "added"])
    value = serializers.CharField()


class SectionOut(serializers.Serializer[diff.Section]):
    type = serializers.ChoiceField(["added", "removed", "modified", "unchanged"])
    value = serializers.CharField(allow_blank=True)
    oldValue = serializers.CharField(source="old_value", allow_null=True)
    lineStart = serializers.IntegerField(source="line_start", allow_null=True)
    lineEnd = serializers.IntegerField(source="line_end", allow_null=True)
    newLineStart = serializers.IntegerField(source="new_line_start", allow_null=True)
    newLineEnd = serializers.IntegerField(source="new_line_end", allow_null=True)
    words = WordsOut(many=True, allow_null=True)


class EntryOut(serializers.Serializer[diff.Entry]):
    type = serializers.ChoiceField(["added", "removed", "modified"])
    name = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    oldValue = serializers.JSONField(source="old_value", allow_null=True)


class ReasonOut(serializers.Serializer[Any]):
    rule = serializers.CharField()
    message = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)


class ImpactOut(serializers.Serializer[impact.Impact]):
    score = serializers.FloatField(min_value=0, max_value=1)
    level = serializers.ChoiceField(["none", "minor", "major"])
    reasons = ReasonOut(many=True)


class DiffOut(serializers.Serializer[Any]):
    """The difference between two versions of a prompt."""

    fromVersion = serializers.IntegerField(source="old.number")
    toVersion = serializers.IntegerField(source="new.number")
    sections = SectionOut(source="diff.sections", many=True)
    variables = EntryOut(source="diff.variables", many=True)
    config = EntryOut(source="diff.config", many=True)
    semanticImpact = serializers.ChoiceField(["none", "minor", "major"], source="impact.level")
    impact = ImpactOut()


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
