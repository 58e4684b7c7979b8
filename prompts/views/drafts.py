"""/prompts/versions/{id}: a version read, and a draft written or thrown away, on the lifecycle surface."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prompts.actions import drafts
from prompts.lifecycle import DraftChanges, VersionOut
from prompts.models.prompts import PromptArchived
from prompts.views.finding import VersionDoor
from prompts.views.templates import base_of
from pvc.api import Form, ImmutableField, without_read_only
from pvc.errors import PreconditionFailed
from pvc.schema import refuses
from tenants.models import UserRequired


@extend_schema(tags=["Drafts"])
class DraftViewSet(VersionDoor):
    """One version: sealed, or the actor's draft."""

    scopes = {"retrieve": "prompts:read", "save": "prompts:write", "discard": "prompts:write"}

    @extend_schema(responses=VersionOut)
    def retrieve(self, request: Request, version_id: UUID) -> Response:
        """Read a version by its id.

        A sealed one, or your own draft. Somebody else's draft is 404.
        """
        return self.shown(self.version())

    @extend_schema(request=DraftChanges, responses=VersionOut)
    @refuses(ImmutableField, drafts.Sealed, PromptArchived, PreconditionFailed, UserRequired)
    def save(self, request: Request, version_id: UUID) -> Response:
        """Save your draft.

        What is left out stays as it is. An invalid text is saved and says so in `validation_result`. If-Match is
        compared with the draft's revision: send the ETag that you last saw, and nobody's second window overwrites you.
        """
        draft = self.version()
        fields = self.read(DraftChanges, without_read_only(request.data, VersionOut(draft).data, DraftChanges))
        changes: dict[str, Any] = {name: fields[name] for name in ("body", "variables", "config") if name in fields}
        if "change_note" in fields:
            changes["change_note"] = fields["change_note"] or ""
        if "base_version_id" in fields:
            changes["base"] = base_of(draft.prompt, fields["base_version_id"])
        return self.shown(drafts.save_draft(draft, changes, if_match=self.if_match, by=self.actor))

    @extend_schema(responses={204: None})
    @refuses(drafts.Sealed, PreconditionFailed, UserRequired)
    def discard(self, request: Request, version_id: UUID) -> Response:
        """Discard your draft.

        Its number is not used again.
        """
        draft = self.version()
        self.read(Form)
        drafts.discard_draft(draft, if_match=self.if_match, by=self.actor)
        return Response(status=204)
