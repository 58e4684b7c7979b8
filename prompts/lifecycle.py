"""The lifecycle surface's vocabulary: snake_case; a prompt is a template, people are their usernames."""

from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from prompts import tokens
from prompts.models import Approval, PromptVersion
from prompts.serializers import Content, FreeObject
from pvc.api import Form, Moment, RowSerializer, Text

STATUSES = ["draft", "active", "rejected", "pre_prod", "retired"]


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
        return tokens.estimate(version.body)

    @extend_schema_field({"type": ["object", "null"], "description": "Null for what was sealed without a draft."})
    def get_validation_result(self, _version: PromptVersion) -> dict[str, Any] | None:
        return None

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


# ----------------------------------------------------------------------------- in
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

    expected_version_id = serializers.UUIDField()
    reason = Text(max_length=1000)


class ApprovalForm(Form):
    """A yes; with the digest, to what was looked at and nothing else."""

    comment = Text(max_length=1000, required=False, allow_null=True, allow_blank=True)
    digest = Text(
        required=False, allow_null=True, validators=[RegexValidator(r"^[0-9a-f]{64}\Z", "Send 64 hexadecimal digits.")]
    )


class Rejection(Form):
    """A no says why."""

    reason = Text(max_length=1000)
