"""/prompts/{ref}/versions: sealed versions and what serves them."""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prompts.actions import versions as actions
from prompts.content import content_of
from prompts.models import PromptVersion
from prompts.models.prompts import PromptArchived, PromptRef
from prompts.serializers import DeduplicatedVersion, NewVersion, VersionOut
from prompts.template import InvalidTemplate
from prompts.views.finding import prompt_of, version_of
from pvc.api import ApiViewSet
from pvc.errors import NotFound, PreconditionFailed
from pvc.schema import page_of, refuses


@extend_schema(tags=["Versions"])
class VersionViewSet(ApiViewSet):
    """Sealed versions as the registry surface shows them."""

    scopes = {
        "list": "prompts:read",
        "create": "prompts:write",
        "retrieve": "prompts:read",
        "production": "prompts:read",
    }

    @extend_schema(responses=page_of(VersionOut))
    def list(self, request: Request, ref: PromptRef) -> Response:
        """List a prompt's versions.

        The highest number first.
        """
        versions = prompt_of(self.actor, ref).versions.sealed().with_status()
        return self.page(versions, VersionOut, by="number")

    @extend_schema(
        request=NewVersion,
        responses={
            201: VersionOut,
            200: OpenApiResponse(DeduplicatedVersion, description="This content was sealed before; here it is."),
        },
    )
    @refuses(PromptArchived, PreconditionFailed, InvalidTemplate, actions.OverBudget)
    def create(self, request: Request, ref: PromptRef) -> Response:
        """Seal a new version.

        It gets the next number and never changes again; nothing is served until a tag points at it. `content` and
        `template` are two names of the same text: send one, or both alike. A content that this prompt has sealed before
        (the same text, variables and config) is answered with that version, 200 and `deduplicated`. `author`, `reason`
        and `sourceCommit` in `metadata` are strings; all else there is yours.

        If-Match is compared with the prompt's revision.
        """
        prompt = prompt_of(self.actor, ref)
        fields = self.read(NewVersion)
        content = content_of(prompt.type, fields["body"], fields.get("variables"), fields.get("config"))
        sealing = actions.create_version(
            prompt, content, metadata=fields.get("metadata"), if_match=self.if_match, by=self.actor
        )
        data = VersionOut(sealing.version).data
        if sealing.is_new:
            return self.answer(data, status=201, revision=sealing.version.revision)
        return self.answer({**data, "deduplicated": True}, revision=sealing.version.revision)

    @extend_schema(responses=VersionOut)
    def retrieve(self, request: Request, ref: PromptRef, version: int | UUID) -> Response:
        """Read a version.

        `checksum` is the SHA-256 of the text; `digest` that of everything that is served: text, type, variables and
        config.
        """
        return self._shown(version_of(prompt_of(self.actor, ref), version))

    @extend_schema(responses=VersionOut)
    def production(self, request: Request, ref: PromptRef) -> Response:
        """Read the version in production.

        The one that the tag `production` points at; 404 while there is none. Of an archived prompt too.
        """
        prompt = prompt_of(self.actor, ref)
        version = PromptVersion.objects.visible_to(self.actor).in_production_of(prompt).with_status().first()
        if version is None:
            raise NotFound("Nothing of this prompt is in production.")
        return self._shown(version)

    def _shown(self, version: PromptVersion) -> Response:
        return self.answer(VersionOut(version).data, revision=version.revision)
