"""/prompts/{ref}/tags: the names that point at versions, and every move they made."""

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.actions import promotion
from prompts.models import Prompt, PromptVersion, Tag
from prompts.models.prompts import PromptArchived, PromptRef
from prompts.models.serving import TagQuerySet
from prompts.names import PRODUCTION
from prompts.serializers import TagMoveOut, TagOut, TagTarget, TagWithVersion
from prompts.views.finding import PromptDoor, prompt_of
from pvc.api import Form
from pvc.errors import NotFound, PreconditionFailed
from pvc.schema import list_of, page_of, refuses

_EITHER_SCOPE = {"x-required-scope": ["prompts:write", "prompts:promote"]}


@extend_schema(tags=["Tags"])
class TagViewSet(PromptDoor):
    """Tags as the registry surface shows them."""

    scopes = {
        "list": "prompts:read",
        "retrieve": "prompts:read",
        "history": "prompts:read",
        "put_on": "prompts:write",
        "remove": "prompts:write",
    }
    audited = {"put_on": "tag.moved", "remove": "tag.removed"}

    @extend_schema(responses=list_of(TagWithVersion))
    def list(self, request: Request, ref: PromptRef) -> Response:
        """List a prompt's tags.

        All of them, by name, each with the version it points at.
        """
        tags = self._tags(prompt_of(self.actor, ref)).order_by("name")
        return self.answer({"data": TagWithVersion(tags, many=True).data})

    @extend_schema(responses=TagWithVersion)
    def retrieve(self, request: Request, ref: PromptRef, name: str) -> Response:
        """Read a tag and its version.

        404 while the tag is not set.
        """
        tag = self._tags(prompt_of(self.actor, ref)).filter(name=name).first()
        if tag is None:
            raise NotFound(f"This prompt has no tag “{name}”.")
        return self.answer(TagWithVersion(tag).data, revision=tag.revision)

    @extend_schema(responses=page_of(TagMoveOut))
    def history(self, request: Request, ref: PromptRef, name: str) -> Response:
        """List a tag's moves.

        Every move it made, the last one first: who, when, from where, to where and why. A tag that was never set has
        none.
        """
        moves = prompt_of(self.actor, ref).tag_moves.filter(tag=name).select_related("old", "new", "moved_by")
        return self.page(moves, TagMoveOut, by="number")

    @extend_schema(request=TagTarget, responses=TagOut, extensions=_EITHER_SCOPE)
    @refuses(
        promotion.UnknownTag,
        promotion.NotSealed,
        promotion.PreProdTaken,
        promotion.VersionRejected,
        promotion.PromotionBlocked,
        PromptArchived,
        PreconditionFailed,
    )
    def put_on(self, request: Request, ref: PromptRef, name: str) -> Response:
        """Point a tag at a version.

        Sets the tag, or moves it; what was there before stays in its history. Moving `production` changes what is
        served, at once. Where the namespace asks for approvals, `production` is refused until they are there. A tag
        that already points at the version stays as it is.

        Needs the scope `prompts:write`; for the tag `production`, `prompts:promote` instead.
        """
        prompt = prompt_of(self.actor, ref)
        fields = self.read(TagTarget)
        version = prompt.versions.filter(pk=fields["versionId"]).first()
        if version is None:
            raise NotFound("There is no such version of this prompt.")
        tag = promotion.set_tag(
            prompt, name, version=version, reason=fields.get("reason") or "", if_match=self.if_match, by=self.actor
        )
        return self.answer(TagOut(tag).data, revision=tag.revision)

    @extend_schema(responses={204: OpenApiResponse(description="The tag is gone.")}, extensions=_EITHER_SCOPE)
    @refuses(PromptArchived, PreconditionFailed)
    def remove(self, request: Request, ref: PromptRef, name: str) -> Response:
        """Take a tag away.

        Its history stays. Without `production` nothing of the prompt is served.

        Needs the scope `prompts:write`; for the tag `production`, `prompts:promote` instead.
        """
        prompt = prompt_of(self.actor, ref)
        self.read(Form)
        promotion.remove_tag(prompt, name, if_match=self.if_match, by=self.actor)
        return self.answer(None, status=204)

    def scope_asked(self) -> str:
        changes_production = self.action in ("put_on", "remove") and self.kwargs["name"] == PRODUCTION
        return "prompts:promote" if changes_production else super().scope_asked()

    def _tags(self, prompt: Prompt) -> TagQuerySet:
        versions = Prefetch("version", queryset=PromptVersion.objects.with_status())
        return Tag.objects.visible_to(self.actor).filter(prompt=prompt).prefetch_related(versions)
