"""/prompts/versions/{id}/…, /prompts/pending-approvals: pre-production and decisions, on the lifecycle surface."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import waiting
from deployments.actions import promotion
from prompts.actions import drafts
from prompts.actions.versions import OverBudget
from prompts.lifecycle import (
    ApprovalForm,
    DecidedVersionOut,
    MergePreProd,
    OverridePreProd,
    Rejection,
    Targets,
    TemplateRefOut,
    UnmetOut,
    VersionOut,
)
from prompts.models import PromptVersion, Tag
from prompts.models.prompts import PromptArchived
from prompts.template import InvalidTemplate
from prompts.views.finding import LifecycleDoor, VersionDoor, in_full
from pvc import answers
from pvc.api import Form, RowSerializer
from pvc.schema import lifecycle_page_of, refuses
from tenants.models import NotADecider, UserRequired

_SEALING = (
    UserRequired,
    promotion.VersionRejected,
    drafts.DuplicateContent,
    InvalidTemplate,
    OverBudget,
    PromptArchived,
)
_DECISIONS = (promotion.NotPreProd, promotion.OwnVersion, NotADecider, promotion.AlreadyDecided)


@extend_schema(tags=["Approvals"])
class DecisionViewSet(VersionDoor):
    """One version on its way to production."""

    scopes = {
        "promote_pre_prod": "prompts:write",
        "override_pre_prod": "prompts:write",
        "merge_pre_prod": "prompts:write",
        "promote_active": "prompts:promote",
        "approve": "prompts:approve",
        "reject": "prompts:approve",
    }
    audited = {
        "promote_pre_prod": "promotion.requested",
        "override_pre_prod": "promotion.requested",
        "merge_pre_prod": "promotion.requested",
        "promote_active": "tag.moved",
        "approve": "version.approved",
        "reject": "version.rejected",
    }

    @extend_schema(request=Targets, responses=VersionOut)
    @refuses(*_SEALING, promotion.PreProdTaken)
    def promote_pre_prod(self, request: Request, version_id: UUID) -> Response:
        """Make a version pre-production.

        Your draft is sealed by this, and never changes again; a sealed version is taken as it is. It is served to the
        users named in `target_users`, and to nobody else, and waits for decisions. While another version is there:
        409, with that version and what can be done about it, and your draft stays a draft.
        """
        version = self.version()
        targets = self.read(Targets).get("target_users") or []
        return self.shown(promotion.promote_pre_prod(version, targets=targets, by=self.actor))

    @extend_schema(request=OverridePreProd, responses=VersionOut)
    @refuses(*_SEALING, promotion.Stale)
    def override_pre_prod(self, request: Request, version_id: UUID) -> Response:
        """Replace the version in pre-production.

        `expected_version_id` names the one that is replaced; if it is there no longer, 409 and nothing changes.
        """
        version = self.version()
        fields = self.read(OverridePreProd)
        replaced = promotion.override_pre_prod(
            version,
            expected=fields["expected_version_id"],
            reason=fields["reason"],
            targets=fields.get("target_users") or [],
            by=self.actor,
        )
        return self.shown(replaced)

    @extend_schema(request=MergePreProd, responses=VersionOut)
    @refuses(*_SEALING, promotion.Stale, promotion.MergeConflict, drafts.DraftExists)
    def merge_pre_prod(self, request: Request, version_id: UUID) -> Response:
        """Merge with the version in pre-production.

        A three-way merge: what either side changed since the version that both started from is taken. The result is
        by both and takes the place of the one named by `expected_version_id`. Where both changed the same lines, 409:
        `hunks` shows each of them, `fields` what differs of variables and config, and the text with both sides marked
        up is saved in your draft. Resolve it there, and promote again.
        """
        version = self.version()
        fields = self.read(MergePreProd)
        merged = promotion.merge_pre_prod(
            version,
            expected=fields["expected_version_id"],
            targets=fields.get("target_users") or [],
            by=self.actor,
        )
        if isinstance(merged, promotion.Unmerged):
            conflict = promotion.MergeConflict(merged.draft, merged.merged.hunks, merged.merged.fields)
            return Response(answers.body_of(conflict), status=answers.status_of(conflict))
        return self.shown(merged)

    @extend_schema(request=None, responses=VersionOut)
    @refuses(UserRequired, promotion.NotSealed, promotion.VersionRejected, promotion.PromotionBlocked, PromptArchived)
    def promote_active(self, request: Request, version_id: UUID) -> Response:
        """Make a version live.

        Where the namespace asks for approvals, as many other people must have approved this very content; else 409,
        and `details.unmet` says what is missing.
        """
        version = self.version()
        self.read(Form)
        return self.shown(promotion.promote_active(version, by=self.actor))

    @extend_schema(request=ApprovalForm, responses=DecidedVersionOut)
    @refuses(UserRequired, *_DECISIONS, promotion.DigestMismatch, promotion.NotSealed, PromptArchived)
    def approve(self, request: Request, version_id: UUID) -> Response:
        """Approve a pre-production version.

        The yes is bound to the version's content. When enough people have said it, and the gate is open, the version
        goes live with this call. Nobody decides on a version they had a hand in.
        """
        version = self.version()
        fields = self.read(ApprovalForm)
        decided = promotion.approve(
            version, comment=fields.get("comment") or "", digest=fields.get("digest"), by=self.actor
        )
        found = in_full(PromptVersion.objects.filter(pk=decided.version.pk)).get()
        outcome = {"activated": decided.activated, "unmet": decided.unmet}
        return self.answer({**VersionOut(found).data, **outcome}, revision=found.revision)

    @extend_schema(request=Rejection, responses=VersionOut)
    @refuses(UserRequired, *_DECISIONS, promotion.NotSealed, PromptArchived)
    def reject(self, request: Request, version_id: UUID) -> Response:
        """Reject a pre-production version.

        Final for this version: its approvals are void, and pre-production is free for the next one.
        """
        version = self.version()
        return self.shown(promotion.reject(version, reason=self.read(Rejection)["reason"], by=self.actor))


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
class PendingViewSet(LifecycleDoor):
    """What waits."""

    scopes = {"list": "prompts:read"}

    @extend_schema(responses=lifecycle_page_of(PendingApprovalOut))
    def list(self, request: Request) -> Response:
        """List what waits for approval.

        Versions in pre-production where the namespace asks for approvals, the newest request first: what is missing,
        how long it has waited, and what it changes against what is live.
        """
        tags = Tag.objects.visible_to(self.actor).awaiting_approval()
        return self.page(waiting.with_versions(tags), PendingApprovalOut, complete=waiting.with_what_is_missing)
