"""/prompts/{ref}/promote, …/promote/override, …/rollback: what is live, on the registry surface."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.actions import promotion
from prompts.models import Prompt, PromptVersion
from prompts.models.prompts import PromptArchived, PromptRef
from prompts.views.finding import PromptDoor, prompt_of
from pvc.api import Form, Id, Text
from pvc.errors import NotFound
from pvc.schema import refuses
from tenants.models import NotADecider


class PromoteForm(Form):
    """Why it is promoted."""

    reason = Text(max_length=1000, required=False, allow_null=True, allow_blank=True)


class OverrideForm(Form):
    """Which version, and why it goes without approval."""

    versionId = Id()
    reason = Text(max_length=1000, required=False, allow_null=True, allow_blank=True)


class RollbackForm(Form):
    """To which earlier production; without one, to the one before."""

    versionId = Id(required=False, allow_null=True)


class PromotedOut(serializers.Serializer[Any]):
    """Production has moved."""

    promoted = serializers.BooleanField()
    fromVersion = serializers.IntegerField(allow_null=True, min_value=1, help_text="The number of what was live.")
    versionId = serializers.UUIDField()
    reason = serializers.CharField(allow_null=True)


class OverriddenOut(serializers.Serializer[Any]):
    """Production has moved without approval."""

    promoted = serializers.BooleanField()
    versionId = serializers.UUIDField()
    reason = serializers.CharField(allow_null=True)
    overridden = serializers.BooleanField()


class RolledBackOut(serializers.Serializer[Any]):
    """Production is what it was before."""

    rolledBack = serializers.BooleanField()
    fromVersion = serializers.IntegerField(min_value=1, help_text="The number of what was live.")
    toVersion = serializers.IntegerField(min_value=1, help_text="The number of what is live now.")


@extend_schema(tags=["Promotion"])
class PromotionViewSet(PromptDoor):
    """What is live."""

    scopes = {"promote": "prompts:promote", "override": "prompts:override", "rollback": "prompts:promote"}
    audited = {"promote": "tag.moved", "override": "promotion.overridden", "rollback": "promotion.rolled_back"}

    @extend_schema(request=PromoteForm, responses=PromotedOut)
    @refuses(promotion.NoStaging, promotion.PromotionBlocked, promotion.VersionRejected, PromptArchived)
    def promote(self, request: Request, ref: PromptRef) -> Response:
        """Make live what is in staging.

        Where the namespace asks for approvals, as many other people must have approved this very content; else 409,
        and `details.unmet` says what is missing. Staging is free afterwards.
        """
        prompt = prompt_of(self.actor, ref)
        reason = self.read(PromoteForm).get("reason") or ""
        moved = promotion.promote(prompt, reason=reason, by=self.actor)
        before = moved.old.number if moved.old else None
        return self.answer(
            {"promoted": True, "fromVersion": before, "versionId": str(moved.new.pk), "reason": reason or None}
        )

    @extend_schema(request=OverrideForm, responses=OverriddenOut)
    @refuses(promotion.NotSealed, NotADecider, PromptArchived)
    def override(self, request: Request, ref: PromptRef) -> Response:
        """Make a version live without approval.

        For the night when it cannot wait. Where the namespace asks for approvals a reason of 10 characters or more is
        required; it is always recorded as an override, and announced.
        """
        prompt = prompt_of(self.actor, ref)
        fields = self.read(OverrideForm)
        reason = fields.get("reason") or ""
        version = _version(prompt, fields["versionId"])
        moved = promotion.override(prompt, version=version, reason=reason, by=self.actor)
        return self.answer(
            {"promoted": True, "versionId": str(moved.new.pk), "reason": reason or None, "overridden": True}
        )

    @extend_schema(request=RollbackForm, responses=RolledBackOut)
    @refuses(
        promotion.NoProduction,
        promotion.NoPrevious,
        promotion.NotAPreviousProduction,
        promotion.NotSealed,
        PromptArchived,
    )
    def rollback(self, request: Request, ref: PromptRef) -> Response:
        """Make live again what was live before.

        The previous production by the tag's history, or the given one if it once was live. Where the namespace asks
        for approvals, it must have been approved for its content.
        """
        prompt = prompt_of(self.actor, ref)
        version_id = self.read(RollbackForm).get("versionId")
        version = _version(prompt, version_id) if version_id else None
        moved = promotion.rollback(prompt, version=version, by=self.actor)
        assert moved.old is not None  # there was one to go back from
        return self.answer({"rolledBack": True, "fromVersion": moved.old.number, "toVersion": moved.new.number})


def _version(prompt: Prompt, version_id: Any) -> PromptVersion:
    found: PromptVersion | None = prompt.versions.filter(pk=version_id).first()
    if found is None:
        raise NotFound("There is no such version of this prompt.")
    return found
