"""The registry surface's vocabulary: what goes in (forms) and what comes out (rows). camelCase, null fields present."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from prompts.content import CHAT, TEXT
from prompts.models import Prompt, PromptVersion, Tag, TagMove
from pvc.api import Form, Id, JSONObject, Moment, RowSerializer, Text

_MESSAGE = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "enum": ["system", "user", "assistant", "tool"]},
        "content": {"type": "string"},
        "placeholder": {"type": "string"},
    },
}


@extend_schema_field(
    {
        "description": "A text, or a chat's messages: each a role with its content, or a placeholder.",
        "oneOf": [
            {"type": "string", "minLength": 1, "maxLength": 100_000},
            {"type": "array", "minItems": 1, "items": _MESSAGE},
        ],
    }
)
class Body(serializers.JSONField):
    """A text or a chat's messages; which of them fits is for prompts/content.py to say."""


# ----------------------------------------------------------------------------- in
class NewPrompt(Form):
    name = Text(max_length=100)
    template = Body()
    description = Text(max_length=500, required=False, allow_null=True, allow_blank=True)
    variables = JSONObject(required=False)
    config = JSONObject(required=False)
    metadata = JSONObject(required=False)
    namespace = Text(max_length=63, required=False, allow_null=True)
    type = serializers.ChoiceField([TEXT, CHAT], required=False, allow_null=True)


class PromptChanges(Form):
    template = Body(required=False)
    description = Text(max_length=500, required=False, allow_null=True, allow_blank=True)
    variables = JSONObject(required=False)
    config = JSONObject(required=False)
    metadata = JSONObject(required=False)


class NewVersion(Form):
    content = Body(required=False)
    template = Body(required=False)
    variables = JSONObject(required=False)
    config = JSONObject(required=False)
    metadata = JSONObject(required=False)

    def validate_metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        for name in ("author", "reason", "sourceCommit"):
            if not isinstance(metadata.get(name, ""), str):
                raise serializers.ValidationError(f"{name} is a string.")
        return metadata

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        """`content` and `template` are two names of the same text."""
        sent = [fields.pop(name) for name in ("content", "template") if name in fields]
        if not sent:
            raise serializers.ValidationError({"content": "Send the version's text."})
        if len(sent) == 2 and sent[0] != sent[1]:
            raise serializers.ValidationError({"template": "content and template are the same text; these differ."})
        return {**fields, "body": sent[0]}


class TagTarget(Form):
    versionId = Id()
    reason = Text(max_length=1000, required=False, allow_null=True, allow_blank=True)


# ----------------------------------------------------------------------------- out
class LatestVersion(RowSerializer[PromptVersion]):
    status = serializers.CharField(read_only=True)
    createdAt = Moment(source="created_at", read_only=True)

    class Meta:
        model = PromptVersion
        fields = ["id", "number", "status", "createdAt"]


class PromptOut(RowSerializer[Prompt]):
    projectId = serializers.UUIDField(source="tenant_id", read_only=True)
    namespace = serializers.CharField(source="namespace.slug", read_only=True)
    name = serializers.CharField(source="slug", read_only=True)
    description = serializers.SerializerMethodField()
    template = Body(source="head.content", read_only=True)
    variables = serializers.DictField(source="head.variables", read_only=True)
    config = serializers.DictField(source="head.config", read_only=True)
    archived = serializers.BooleanField(source="is_archived", read_only=True)
    createdAt = Moment(source="created_at", read_only=True)
    updatedAt = Moment(source="updated_at", read_only=True)
    latestVersion = LatestVersion(source="latest", read_only=True, allow_null=True)

    class Meta:
        model = Prompt
        fields = [
            "id",
            "projectId",
            "namespace",
            "name",
            "type",
            "description",
            "template",
            "variables",
            "config",
            "metadata",
            "archived",
            "createdAt",
            "updatedAt",
            "latestVersion",
        ]

    def get_description(self, prompt: Prompt) -> str | None:
        return prompt.description or None


class VersionOut(RowSerializer[PromptVersion]):
    promptId = serializers.UUIDField(source="prompt_id", read_only=True)
    content = Body(read_only=True)
    template = Body(source="content", read_only=True)
    createdAt = Moment(source="created_at", read_only=True)
    status = serializers.CharField(read_only=True)
    tags = serializers.ListField(source="tag_names", child=serializers.CharField(), read_only=True)

    class Meta:
        model = PromptVersion
        fields = [
            "id",
            "promptId",
            "number",
            "type",
            "content",
            "template",
            "variables",
            "config",
            "checksum",
            "digest",
            "metadata",
            "createdAt",
            "status",
            "tags",
        ]


class TagOut(RowSerializer[Tag]):
    projectId = serializers.UUIDField(source="tenant_id", read_only=True)
    promptId = serializers.UUIDField(source="prompt_id", read_only=True)
    versionId = serializers.UUIDField(source="version_id", read_only=True)
    createdAt = Moment(source="created_at", read_only=True)
    updatedAt = Moment(source="updated_at", read_only=True)

    class Meta:
        model = Tag
        fields = ["id", "projectId", "promptId", "versionId", "name", "createdAt", "updatedAt"]


class TagWithVersion(TagOut):
    version = VersionOut(read_only=True)

    class Meta(TagOut.Meta):
        fields = [*TagOut.Meta.fields, "version"]


class TagMoveOut(RowSerializer[TagMove]):
    fromVersionId = serializers.UUIDField(source="old_id", read_only=True, allow_null=True)
    fromNumber = serializers.IntegerField(source="old.number", default=None, read_only=True)
    toVersionId = serializers.UUIDField(source="new_id", read_only=True, allow_null=True)
    toNumber = serializers.IntegerField(source="new.number", default=None, read_only=True)
    by = serializers.CharField(source="moved_by.username", default=None, read_only=True)
    at = Moment(read_only=True)

    class Meta:
        model = TagMove
        fields = [
            "id",
            "number",
            "tag",
            "kind",
            "fromVersionId",
            "fromNumber",
            "toVersionId",
            "toNumber",
            "reason",
            "by",
            "at",
        ]


class UsageOut(serializers.Serializer[Any]):
    """What serves a version: tags, traffic splits, and people it is tried on."""

    tags = serializers.ListField(child=serializers.CharField())
    deployments = serializers.ListField(child=serializers.CharField())
    targets = serializers.ListField(child=serializers.CharField())
