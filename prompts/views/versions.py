"""/prompts/{ref}/versions: sealed versions and what serves them."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prompts.actions import versions as actions
from prompts.content import content_of
from prompts.models import PromptVersion
from prompts.models.prompts import PromptRef
from prompts.serializers import NewVersion, UsageOut, VersionOut
from prompts.views.finding import prompt_of, version_of
from pvc.api import ApiViewSet
from pvc.errors import NotFound
from pvc.schema import page_of


class VersionViewSet(ApiViewSet):
    scopes = {
        "list": "prompts:read",
        "create": "prompts:write",
        "retrieve": "prompts:read",
        "usage": "prompts:read",
        "production": "prompts:read",
    }

    @extend_schema(responses=page_of(VersionOut))
    def list(self, request: Request, ref: PromptRef) -> Response:
        versions = prompt_of(self.actor, ref).versions.sealed().with_status()
        return self.page(versions, VersionOut, by="number")

    @extend_schema(request=NewVersion, responses={201: VersionOut, 200: VersionOut})
    def create(self, request: Request, ref: PromptRef) -> Response:
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
        return self._shown(version_of(prompt_of(self.actor, ref), version))

    @extend_schema(responses=UsageOut)
    def usage(self, request: Request, ref: PromptRef, version: int | UUID) -> Response:
        found = version_of(prompt_of(self.actor, ref), version)
        return self.answer({"tags": found.tag_names, "deployments": [], "targets": []})

    @extend_schema(responses=VersionOut)
    def production(self, request: Request, ref: PromptRef) -> Response:
        prompt = prompt_of(self.actor, ref)
        version = PromptVersion.objects.visible_to(self.actor).in_production_of(prompt).with_status().first()
        if version is None:
            raise NotFound("Nothing of this prompt is in production.")
        return self._shown(version)

    def _shown(self, version: PromptVersion) -> Response:
        return self.answer(VersionOut(version).data, revision=version.revision)
