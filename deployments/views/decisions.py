"""/prompts/versions/{id}/…, /prompts/pending-approvals: pre-production and decisions, on the lifecycle surface."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import waiting
from deployments.actions import promotion
from prompts.lifecycle import (
    ApprovalForm,
    DecidedVersionOut,
    OverridePreProd,
    Rejection,
    Targets,
    TemplateRefOut,
    UnmetOut,
    VersionOut,
)
from prompts.models import PromptVersion, Tag
from prompts.models.prompts import PromptArchived
from pvc.api import ApiViewSet, Form, RowSerializer
from pvc.errors import NotFound
from pvc.schema import lifecycle_page_of, refuses
from tenants.models import NotADecider, UserRequired

_DECISIONS = (promotion.NotPreProd, promotion.OwnVersion, NotADecider, promotion.AlreadyDecided)


@extend_schema(tags=["Approvals"])
class DecisionViewSet(ApiViewSet):
    """One version on its way to production."""

    cursor_field = "next_cursor"
    scopes = {
        "promote_pre_prod": "prompts:write",
        "override_pre_prod": "prompts:write",
        "promote_active": "prompts:promote",
        "approve": "prompts:approve",
        "reject": "prompts:approve",
    }
    audited = {
        "promote_pre_prod": "promotion.requested",
        "override_pre_prod": "promotion.requested",
        "promote_active": "tag.moved",
        "approve": "version.approved",
        "reject": "version.rejected",
    }

    @extend_schema(request=Targets, responses=VersionOut)
    @refuses(UserRequired, promotion.NotSealed, promotion.VersionRejected, promotion.PreProdTaken, PromptArchived)
    def promote_pre_prod(self, request: Request, version_id: UUID) -> Response:
        """Make a sealed version pre-production.

        It is served to the users named in `target_users`, and to nobody else, and waits for decisions. While another
        version is there: 409, with that version and what can be done about it.
        """
        version = self._version(version_id)
        targets = self.read(Targets).get("target_users") or []
        return self._shown(promotion.promote_pre_prod(version, targets=targets, by=self.actor))

    @extend_schema(request=OverridePreProd, responses=VersionOut)
    @refuses(UserRequired, promotion.NotSealed, promotion.VersionRejected, promotion.Stale, PromptArchived)
    def override_pre_prod(self, request: Request, version_id: UUID) -> Response:
        """Replace the version in pre-production.

        `expected_version_id` names the one that is replaced; if it is there no longer, 409 and nothing changes.
        """
        version = self._version(version_id)
        fields = self.read(OverridePreProd)
        replaced = promotion.override_pre_prod(
            version,
            expected=fields["expected_version_id"],
            reason=fields["reason"],
            targets=fields.get("target_users") or [],
            by=self.actor,
        )
        return self._shown(replaced)

    @extend_schema(request=None, responses=VersionOut)
    @refuses(UserRequired, promotion.NotSealed, promotion.VersionRejected, promotion.PromotionBlocked, PromptArchived)
    def promote_active(self, request: Request, version_id: UUID) -> Response:
        """Make a version live.

        Where the namespace asks for approvals, as many other people must have approved this very content; else 409,
        and `details.unmet` says what is missing.
        """
        version = self._version(version_id)
        self.read(Form)
        return self._shown(promotion.promote_active(version, by=self.actor))

    @extend_schema(request=ApprovalForm, responses=DecidedVersionOut)
    @refuses(UserRequired, *_DECISIONS, promotion.DigestMismatch, promotion.NotSealed, PromptArchived)
    def approve(self, request: Request, version_id: UUID) -> Response:
        """Approve a pre-production version.

        The yes is bound to the version's content. When enough people have said it, and the gate is open, the version
        goes live with this call. Nobody decides on a version they had a hand in.
        """
        version = self._version(version_id)
        fields = self.read(ApprovalForm)
        decided = promotion.approve(
            version, comment=fields.get("comment") or "", digest=fields.get("digest"), by=self.actor
        )
        found = self._read(decided.version.pk)
        outcome = {"activated": decided.activated, "unmet": decided.unmet}
        return self.answer({**VersionOut(found).data, **outcome}, revision=found.revision)

    @extend_schema(request=Rejection, responses=VersionOut)
    @refuses(UserRequired, *_DECISIONS, promotion.NotSealed, PromptArchived)
    def reject(self, request: Request, version_id: UUID) -> Response:
        """Reject a pre-production version.

        Final for this version: its approvals are void, and pre-production is free for the next one.
        """
        version = self._version(version_id)
        return self._shown(promotion.reject(version, reason=self.read(Rejection)["reason"], by=self.actor))

    def require(self, scope: str) -> None:
        """On a gateway's key it is the acting person who decides, so somebody has to be named."""
        if self.actor.speaks_for_a_gateway and "X-User-Id" not in self.request.headers:
            raise UserRequired("Name the acting user in X-User-Id.")
        super().require(scope)

    def refused_target(self) -> tuple[str, UUID | None]:
        version_id = self.kwargs["version_id"]
        known = PromptVersion.objects.visible_to(self.owner).filter(pk=version_id).first() if self.owner else None
        return (str(version_id), known.prompt_id if known else None)

    def _version(self, version_id: UUID) -> PromptVersion:
        sealed = PromptVersion.objects.visible_to(self.actor).sealed()
        found = sealed.select_related("prompt__namespace").filter(pk=version_id).first()
        if found is None:
            raise NotFound("There is no such version.")
        return found

    def _read(self, version_id: UUID) -> PromptVersion:
        related = ("contributors__user", "targets", "approvals__decided_by")
        return (
            PromptVersion.objects.with_status().select_related("author").prefetch_related(*related).get(pk=version_id)
        )

    def _shown(self, version: PromptVersion) -> Response:
        found = self._read(version.pk)
        return self.answer(VersionOut(found).data, revision=found.revision)


class DiffSummaryOut(serializers.Serializer[Any]):
    """What a version changes against what is live: lines, and how much it matters."""

    added = serializers.IntegerField(min_value=0)
    removed = serializers.IntegerField(min_value=0)
    modified = serializers.IntegerField(min_value=0)
    impact = serializers.ChoiceField(["none", "minor", "major"])


class PendingApprovalOut(RowSerializer[Tag]):
    """A version that waits for decisions."""

    version = VersionOut()
    template = TemplateRefOut(source="prompt")
    unmet = UnmetOut(many=True)
    waiting_seconds = serializers.IntegerField(min_value=0)
    diff_summary = DiffSummaryOut()
    approvals_needed = serializers.IntegerField(min_value=0, help_text="How many are still missing.")

    class Meta:
        model = Tag
        fields = ["version", "template", "unmet", "waiting_seconds", "diff_summary", "approvals_needed"]


@extend_schema(tags=["Approvals"])
class PendingViewSet(ApiViewSet):
    """What waits."""

    cursor_field = "next_cursor"
    scopes = {"list": "prompts:read"}

    @extend_schema(responses=lifecycle_page_of(PendingApprovalOut))
    def list(self, request: Request) -> Response:
        """List what waits for approval.

        Versions in pre-production where the namespace asks for approvals, the newest request first: what is missing,
        how long it has waited, and what it changes against what is live.
        """
        tags = Tag.objects.visible_to(self.actor).awaiting_approval()
        return self.page(waiting.with_versions(tags), PendingApprovalOut, complete=waiting.with_what_is_missing)
