"""The lifecycle surface's vocabulary: snake_case; a prompt is a template, people are their usernames."""

from typing import Any, ClassVar

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from prompts import validation
from prompts.content import CHAT, TEXT
from prompts.models import Approval, BudgetTier, Prompt, PromptVersion
from prompts.names import PRODUCTION, PROMPT_SLUG, RESERVED, STAGING
from prompts.policy import MOST_TOKENS
from prompts.serializers import VARIABLE_NAME, Content, Declarations, FreeObject, Shape
from pvc.api import Form, Id, JSONObject, Moment, RowSerializer, Text

STATUSES = ["draft", "active", "rejected", "pre_prod", "retired"]

# ----------------------------------------------------------------------------- shapes of the document
_SENTENCES: Shape = {"type": "array", "items": {"type": "string"}}
_VALIDATION: dict[str, Shape] = {
    "valid": {"type": "boolean", "description": "Whether it may be sealed."},
    "syntax_ok": {"type": "boolean", "description": "Whether it can be read as a template at all."},
    "subset_ok": {"type": "boolean", "description": "Whether it uses only what a prompt may."},
    "injection_scan": {
        "type": "object",
        "properties": {
            "status": {"type": "string", "enum": ["pass", "warn", "block", "error"]},
            "findings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "rule": {"type": "string"},
                        "line": {"type": "integer", "minimum": 1},
                        "message": {"type": "string"},
                        "decoded": {"type": "string", "description": "What it says once it is decoded."},
                    },
                    "required": ["rule", "line", "message"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["status", "findings"],
        "additionalProperties": False,
    },
    "token_estimate": {"type": "integer", "minimum": 0, "description": "By the vocabulary o200k; others differ."},
    "variables_extracted": {**_SENTENCES, "description": "The variables that the text uses."},
    "unknown_variables": {**_SENTENCES, "description": "Those that neither it nor the template declares."},
    "errors": {**_SENTENCES, "description": "What keeps it from being sealed."},
    "warnings": {**_SENTENCES, "description": "What does not."},
}


@extend_schema_field(
    {"type": "object", "properties": _VALIDATION, "required": list(_VALIDATION), "additionalProperties": False},
    component_name="LifecycleValidation",
)
class ValidationResult(serializers.JSONField):
    """What was found in a content when it was last written."""


@extend_schema_field(
    {
        "type": "string",
        "pattern": f"^{PROMPT_SLUG}$",
        "not": {"anyOf": [{"enum": sorted(RESERVED)}, {"format": "uuid"}]},
    }
)
class TemplateSlug(Text):
    """A template's slug."""


@extend_schema_field(VARIABLE_NAME)
class VariableName(Text):
    """A variable's name; prompts/content.py says which there are."""


class WholeNumber(serializers.IntegerField):
    """A number that was sent as a number."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


def _fixed(*names: str) -> Shape:
    """What a PUT may send back of the object as it was read."""
    return {"properties": {name: {"description": "Fixed; left out, or with the value it has."} for name in names}}


class DecisionOut(RowSerializer[Approval]):
    """One person's decision on a version: open, spent or void."""

    user_id = serializers.CharField(source="decided_by.username", help_text="The person's canonical username.")
    decision = serializers.SerializerMethodField()
    at = Moment()

    class Meta:
        model = Approval
        fields = ["user_id", "decision", "comment", "at"]

    @extend_schema_field({"type": "string", "enum": ["approved", "rejected", "overridden"]})
    def get_decision(self, approval: Approval) -> str:
        if approval.kind == Approval.OVERRIDE:
            return "overridden"
        return "approved" if approval.approved else "rejected"


def found_in(version: PromptVersion) -> dict[str, Any]:
    """What validation said when the version was written; of what is older than that, what it says now."""
    kept: dict[str, Any] | None = version.validation
    if kept is None:
        kept = version.validation = validation.validate(version.served).as_dict()
    return kept


class VersionOut(RowSerializer[PromptVersion]):
    """A version of a template."""

    template_id = serializers.UUIDField(source="prompt_id")
    version_number = serializers.IntegerField(source="number", min_value=1)
    status = serializers.ChoiceField(STATUSES)
    body = Content(source="content")
    variables = FreeObject()
    config = FreeObject()
    author_id = serializers.CharField(source="author.username")
    contributors = serializers.SerializerMethodField()
    base_version_id = serializers.UUIDField(source="base_id", allow_null=True)
    target_users = serializers.SerializerMethodField()
    rendered_token_estimate = serializers.SerializerMethodField()
    validation_result = serializers.SerializerMethodField()
    approvals = serializers.SerializerMethodField()
    created_at = Moment()
    sealed_at = Moment(allow_null=True)

    class Meta:
        model = PromptVersion
        fields = [
            "id",
            "template_id",
            "version_number",
            "status",
            "type",
            "body",
            "variables",
            "config",
            "change_note",
            "digest",
            "author_id",
            "contributors",
            "base_version_id",
            "target_users",
            "rendered_token_estimate",
            "validation_result",
            "approvals",
            "created_at",
            "sealed_at",
        ]

    def get_contributors(self, version: PromptVersion) -> list[str]:
        return sorted(each.user.username for each in version.contributors.all())

    def get_target_users(self, version: PromptVersion) -> list[str]:
        return sorted(each.user_id for each in version.targets.all())

    def get_rendered_token_estimate(self, version: PromptVersion) -> int:
        estimate: int = found_in(version)["token_estimate"]
        return estimate

    @extend_schema_field(ValidationResult)
    def get_validation_result(self, version: PromptVersion) -> dict[str, Any]:
        return found_in(version)

    @extend_schema_field(DecisionOut(many=True))
    def get_approvals(self, version: PromptVersion) -> Any:
        standing = [each for each in version.approvals.all() if each.voided_at is None]
        return DecisionOut(sorted(standing, key=lambda each: each.pk), many=True).data


class UnmetOut(serializers.Serializer[Any]):
    """What still stands between a version and production."""

    code = serializers.CharField()
    message = serializers.CharField(help_text="A sentence for a person.")


class DecidedVersionOut(VersionOut):
    """A version after a decision on it."""

    activated = serializers.BooleanField(help_text="Whether this decision made it live.")
    unmet = UnmetOut(many=True, help_text="What still stands in the way.")

    class Meta(VersionOut.Meta):
        fields = [*VersionOut.Meta.fields, "activated", "unmet"]


class TemplateRefOut(serializers.Serializer[Any]):
    """Which template it is."""

    id = serializers.UUIDField(source="pk")
    namespace = serializers.CharField(source="namespace.slug")
    slug = serializers.CharField()


class VersionRefOut(serializers.Serializer[Any]):
    """Which version it is."""

    id = serializers.UUIDField()
    version_number = serializers.IntegerField(source="number", min_value=1)


class TemplateOut(RowSerializer[Prompt]):
    """A prompt, as the lifecycle surface calls it."""

    namespace = serializers.CharField(source="namespace.slug")
    tier = serializers.CharField(source="tier.name", default=None, allow_null=True, help_text="Its budget tier's name.")
    active_version = serializers.SerializerMethodField()
    pre_prod_version = serializers.SerializerMethodField()
    archived = serializers.BooleanField(source="is_archived")

    class Meta:
        model = Prompt
        fields = [
            "id",
            "namespace",
            "slug",
            "name",
            "type",
            "description",
            "variables_expected",
            "tier",
            "active_version",
            "pre_prod_version",
            "archived",
            "created_at",
            "updated_at",
        ]

    @extend_schema_field(VersionRefOut(allow_null=True))
    def get_active_version(self, prompt: Prompt) -> Any:
        return _tagged(prompt, PRODUCTION)

    @extend_schema_field(VersionRefOut(allow_null=True))
    def get_pre_prod_version(self, prompt: Prompt) -> Any:
        return _tagged(prompt, STAGING)


def _tagged(prompt: Prompt, name: str) -> Any:
    """The version that a tag points at; the tags were read with the page."""
    version = next((tag.version for tag in prompt.tags.all() if tag.name == name), None)
    return VersionRefOut(version).data if version else None


_ENFORCEMENTS = ["warn", "block"]
_ENFORCED = "`warn` says that there are more; `block` refuses to seal, and to render."


class TierOut(RowSerializer[BudgetTier]):
    """How many tokens prompts may have, and what happens to those that have more."""

    max_tokens = serializers.IntegerField(min_value=1, max_value=MOST_TOKENS, help_text="By an estimate.")
    enforcement = serializers.ChoiceField(_ENFORCEMENTS, help_text=_ENFORCED)

    class Meta:
        model = BudgetTier
        fields = ["id", "name", "max_tokens", "enforcement"]


# ----------------------------------------------------------------------------- in
class TemplateForm(Form):
    """What both forms have."""

    description = Text(max_length=500, required=False, allow_null=True, allow_blank=True)
    variables_expected = serializers.ListField(
        child=VariableName(max_length=100),
        required=False,
        allow_null=True,
        max_length=1000,
        help_text="The variables that whoever renders it will give.",
    )
    tier = Text(
        max_length=100, required=False, allow_null=True, help_text="A budget tier of the namespace, by name or id."
    )


class NewTemplate(TemplateForm):
    """A template to be made; its text comes with a draft."""

    namespace = Text(max_length=63, help_text="One that exists, by slug or id.")
    slug = TemplateSlug(max_length=100, help_text="Unique in its namespace, and fixed.")
    name = Text(max_length=200)
    type = serializers.ChoiceField([TEXT, CHAT], required=False, allow_null=True, help_text="`text` if absent.")


class TemplateChanges(TemplateForm):
    """What is to change; the rest stays."""

    name = Text(max_length=200, required=False)

    schema_more: ClassVar = _fixed(
        *("id", "namespace", "slug", "type", "active_version", "pre_prod_version", "archived"),
        *("created_at", "updated_at"),
    )


class DraftForm(Form):
    """What both forms have."""

    change_note = Text(max_length=1000, required=False, allow_null=True, allow_blank=True)
    variables = Declarations(required=False)
    config = JSONObject(required=False)
    base_version_id = Id(
        required=False, allow_null=True, help_text="The sealed version it starts from; null for what is live."
    )


class NewDraft(DraftForm):
    """A draft to be opened. Without `base_version_id` it starts from what is live."""

    body = Content()


class DraftChanges(DraftForm):
    """What is to be written; the rest stays."""

    body = Content(required=False)

    schema_more: ClassVar = _fixed(
        *("id", "template_id", "version_number", "status", "type", "digest", "author_id", "contributors"),
        *("target_users", "rendered_token_estimate", "validation_result", "approvals", "created_at", "sealed_at"),
    )


class NewTier(Form):
    """A budget tier to be made."""

    name = Text(max_length=100, help_text="Unique in its namespace.")
    max_tokens = WholeNumber(min_value=1, max_value=MOST_TOKENS, help_text="By an estimate.")
    enforcement = serializers.ChoiceField(_ENFORCEMENTS, help_text=_ENFORCED)


class TierChanges(Form):
    """What is to change; the rest stays."""

    name = Text(max_length=100, required=False)
    max_tokens = WholeNumber(min_value=1, max_value=MOST_TOKENS, required=False)
    enforcement = serializers.ChoiceField(_ENFORCEMENTS, required=False)

    schema_more: ClassVar = _fixed("id")


class Targets(Form):
    """Whom a pre-production version is served to."""

    target_users = serializers.ListField(
        child=Text(max_length=200),
        required=False,
        allow_null=True,
        max_length=100,
        help_text="Exact ids; none means nobody.",
    )


class OverridePreProd(Targets):
    """The version that is replaced is named, so that nobody's goes unseen."""

    expected_version_id = Id()
    reason = Text(max_length=1000)


class MergePreProd(Targets):
    """The version that is merged with is named, so that nobody's goes unseen."""

    expected_version_id = Id()


class ApprovalForm(Form):
    """A yes; with the digest, to what was looked at and nothing else."""

    comment = Text(max_length=1000, required=False, allow_null=True, allow_blank=True)
    digest = Text(
        required=False, allow_null=True, validators=[RegexValidator(r"^[0-9a-f]{64}\Z", "Send 64 hexadecimal digits.")]
    )


class Rejection(Form):
    """A no says why."""

    reason = Text(max_length=1000)
