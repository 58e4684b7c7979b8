"""The registry surface's vocabulary: what goes in (forms) and what comes out (rows). camelCase, null fields present."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from prompts.content import CHAT, GREATEST_LENGTH, ROLES, TEXT, VARIABLE_TYPES
from prompts.models import Prompt, PromptVersion, Tag, TagMove
from prompts.names import NAMESPACE_SLUG, PROMPT_SLUG, RESERVED
from pvc.api import Form, Id, JSONObject, Moment, RowSerializer, Text

# ----------------------------------------------------------------------------- shapes of the document
Shape = dict[str, Any]


def _exact(required: list[str], /, **properties: Shape) -> Shape:
    shape: Shape = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**shape, "required": required} if required else shape


#: Its alphabet is that of Python's identifiers, beyond ASCII too, which no pattern says exactly.
VARIABLE_NAME: Shape = {"type": "string", "minLength": 1, "maxLength": 100, "format": "variable-name"}
_TURN = _exact(["role", "content"], role={"type": "string", "enum": list(ROLES)}, content={"type": "string"})
_PLACEHOLDER = _exact(["placeholder"], placeholder={**VARIABLE_NAME, "description": "A variable that holds messages."})
_DECLARED = _exact(
    [],
    type={"type": "string", "enum": list(VARIABLE_TYPES)},
    required={"type": "boolean"},
    default={"description": "Stands in where no value is given."},
    description={"type": "string"},
    enum={"type": "array", "items": {}},
)
_BARE = {
    "type": ["string", "number", "boolean", "array", "null"],
    "items": {},
    "description": "The default itself: short for an object with `default`.",
}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


@extend_schema_field(
    {
        "description": "A text; or, of a chat, its messages: each a role with its content, or a placeholder. A chat is "
        f"measured as canonical JSON, {GREATEST_LENGTH:,} characters at most like a text.",
        "oneOf": [
            {"type": "string", "minLength": 1, "maxLength": GREATEST_LENGTH},
            {"type": "array", "minItems": 1, "items": {"oneOf": [_TURN, _PLACEHOLDER]}},
        ],
    },
    component_name="Content",
)
class Content(serializers.JSONField):
    """A text or a chat's messages; which of them fits is for prompts/content.py to say."""


@extend_schema_field(_TURN, component_name="Turn")
class Turn(serializers.JSONField):
    """One rendered message of a chat."""


@extend_schema_field(
    {
        "type": "object",
        "description": "The variables that the text uses, by name: letters, digits and `_`, a letter first.",
        "propertyNames": VARIABLE_NAME,
        "additionalProperties": {"oneOf": [_DECLARED, _BARE]},
    },
    component_name="VariableDeclarations",
)
class Declarations(JSONObject):
    """Declared variables on their way in; prompts/content.py checks and normalises them."""


@extend_schema_field(
    {
        "type": "object",
        "description": "The declared variables by name, each as an object.",
        "propertyNames": VARIABLE_NAME,
        "additionalProperties": _DECLARED,
    },
    component_name="Variables",
)
class Declared(serializers.JSONField):
    """Declared variables on their way out."""


@extend_schema_field({"type": "object", "additionalProperties": {}})
class FreeObject(serializers.JSONField):
    """An object of the caller's own making, on its way out."""


@extend_schema_field(
    {
        "type": "string",
        "pattern": "^[a-z0-9-]{1,100}$",
        "not": {"anyOf": [{"enum": sorted(RESERVED)}, {"format": "uuid"}]},
    }
)
class PromptName(Text):
    """A prompt's name as the registry takes it."""


@extend_schema_field({"type": "string", "pattern": f"^{NAMESPACE_SLUG}$"})
class NamespaceName(Text):
    """A namespace's slug."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("author", "reason", "sourceCommit")},
        "additionalProperties": {},
    }
)
class VersionMetadata(JSONObject):
    """A version's metadata on its way in."""


@extend_schema_field({"type": "string", "enum": ["active", "rejected", "pre_prod", "retired"]})
class Status(serializers.CharField):
    """What became of a sealed version: in production, rejected, in staging, or none of these."""


# ----------------------------------------------------------------------------- in
class NewPrompt(Form):
    """A prompt to be made, with the text of its first version."""

    name = PromptName(max_length=100, help_text="Unique in its namespace, and fixed.")
    template = Content()
    description = Text(max_length=500, required=False, allow_null=True, allow_blank=True)
    variables = Declarations(required=False)
    config = JSONObject(required=False, help_text="Whatever goes with the text, for example the model's settings.")
    metadata = JSONObject(required=False, help_text="Whatever you keep with the prompt.")
    namespace = NamespaceName(
        max_length=63, required=False, allow_null=True, help_text="One that exists; `default` if absent."
    )
    type = serializers.ChoiceField(
        [TEXT, CHAT], required=False, allow_null=True, help_text="What `template` is; `text` if absent."
    )


#: What a PUT may send back of the prompt as it was read.
_FIXED = ("id", "projectId", "namespace", "name", "type", "archived", "createdAt", "updatedAt", "latestVersion")


class PromptChanges(Form):
    """What is to change; the rest stays."""

    template = Content(required=False)
    description = Text(max_length=500, required=False, allow_null=True, allow_blank=True)
    variables = Declarations(required=False)
    config = JSONObject(required=False)
    metadata = JSONObject(required=False)

    schema_more: ClassVar = {
        "properties": {name: {"description": "Fixed; left out, or with the value it has."} for name in _FIXED}
    }


class NewVersion(Form):
    """A version to be sealed."""

    content = Content(required=False)
    template = Content(required=False)
    variables = Declarations(required=False)
    config = JSONObject(required=False)
    metadata = VersionMetadata(required=False)

    schema_more: ClassVar = {"anyOf": [{"required": ["content"]}, {"required": ["template"]}]}

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
    """Where a tag is to point."""

    versionId = Id(help_text="A sealed version of this prompt.")
    reason = Text(max_length=1000, required=False, allow_null=True, allow_blank=True)


# ----------------------------------------------------------------------------- out
class LatestVersion(RowSerializer[PromptVersion]):
    """The newest version of a prompt."""

    status = Status(read_only=True)
    createdAt = Moment(source="created_at", read_only=True)

    schema_more: ClassVar = {"properties": {"number": {"minimum": 1}}}

    class Meta:
        model = PromptVersion
        fields = ["id", "number", "status", "createdAt"]


class PromptOut(RowSerializer[Prompt]):
    """A name in a namespace, with the versions under it."""

    projectId = serializers.UUIDField(source="tenant_id", read_only=True)
    namespace = serializers.CharField(source="namespace.slug", read_only=True)
    name = serializers.CharField(source="slug", read_only=True)
    description = serializers.SerializerMethodField()
    template = Content(source="head.content", read_only=True, allow_null=True)
    variables = Declared(source="head.variables", read_only=True, allow_null=True)
    config = FreeObject(source="head.config", read_only=True, allow_null=True)
    metadata = FreeObject(read_only=True)
    archived = serializers.BooleanField(source="is_archived", read_only=True)
    createdAt = Moment(source="created_at", read_only=True)
    updatedAt = Moment(source="updated_at", read_only=True)
    latestVersion = LatestVersion(source="latest", read_only=True, allow_null=True)

    schema_more: ClassVar = {
        "properties": {
            "projectId": {"description": "The tenant."},
            "name": {"pattern": f"^{PROMPT_SLUG}$"},
            "namespace": {"pattern": f"^{NAMESPACE_SLUG}$"},
            "description": {"maxLength": 500},
        }
    }

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
    """A text at a number. Sealed: it never changes; its status and tags do."""

    promptId = serializers.UUIDField(source="prompt_id", read_only=True)
    content = Content(read_only=True)
    template = Content(source="content", read_only=True, help_text="The same as `content`.")
    variables = Declared(read_only=True)
    config = FreeObject(read_only=True)
    metadata = FreeObject(read_only=True)
    createdAt = Moment(source="created_at", read_only=True)
    status = Status(read_only=True)
    tags = serializers.ListField(source="tag_names", child=serializers.CharField(), read_only=True)

    schema_more: ClassVar = {
        "properties": {
            "number": {"minimum": 1, "description": "Rises by one with each version of the prompt."},
            "checksum": {**_HASH, "description": "SHA-256 of the text; of a chat, of its canonical JSON (RFC 8785)."},
            "digest": {
                **_HASH,
                "description": "SHA-256 of the canonical JSON of `{config, content, type, variables}`: of everything "
                "that is served.",
            },
            "status": {"description": "`active` in production, `rejected`, `pre_prod` in staging, else `retired`."},
            "tags": {"description": "The tags that point at it, by name."},
        }
    }

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


class DeduplicatedVersion(VersionOut):
    """A version that held the content already."""

    schema_more: ClassVar[Shape] = {
        **VersionOut.schema_more,
        "properties": {**VersionOut.schema_more["properties"], "deduplicated": {"const": True}},
        "required": [*VersionOut.Meta.fields, "deduplicated"],
    }


class TagOut(RowSerializer[Tag]):
    """A name that points at one version."""

    projectId = serializers.UUIDField(source="tenant_id", read_only=True)
    promptId = serializers.UUIDField(source="prompt_id", read_only=True)
    versionId = serializers.UUIDField(source="version_id", read_only=True)
    createdAt = Moment(source="created_at", read_only=True)
    updatedAt = Moment(source="updated_at", read_only=True)

    class Meta:
        model = Tag
        fields = ["id", "projectId", "promptId", "versionId", "name", "createdAt", "updatedAt"]


class TagWithVersion(TagOut):
    """A tag, and the version it points at."""

    version = VersionOut(read_only=True)

    class Meta(TagOut.Meta):
        fields = [*TagOut.Meta.fields, "version"]


class TagMoveOut(RowSerializer[TagMove]):
    """One move of a tag."""

    fromVersionId = serializers.UUIDField(source="old_id", read_only=True, allow_null=True)
    fromNumber = serializers.IntegerField(source="old.number", default=None, read_only=True, allow_null=True)
    toVersionId = serializers.UUIDField(source="new_id", read_only=True, allow_null=True)
    toNumber = serializers.IntegerField(source="new.number", default=None, read_only=True, allow_null=True)
    by = serializers.CharField(source="moved_by.username", default=None, read_only=True, allow_null=True)
    at = Moment(read_only=True)

    schema_more: ClassVar = {
        "properties": {
            "number": {"minimum": 1, "description": "Its number among the moves of this tag."},
            "kind": {
                "enum": [
                    *("set", "remove", "promote", "approve", "override", "rollback"),
                    *("promote_pre_prod", "reject", "activate"),
                ],
                "description": "What moved it. `activate` is staging given up because its version went to production.",
            },
            "fromVersionId": {"description": "Null where the tag was not set before."},
            "toVersionId": {"description": "Null where the tag was taken away."},
            "by": {"description": "The user name; null for the installation itself."},
        }
    }

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
