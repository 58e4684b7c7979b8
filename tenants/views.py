"""/api-keys: issued, listed, revoked."""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from pvc.api import ApiViewSet, Form
from pvc.errors import NotFound
from pvc.schema import page_of, refuses
from tenants import actions
from tenants.models import ApiKey
from tenants.serializers import ApiKeyOut, IssuedApiKey, NewApiKey


@extend_schema(tags=["API keys"])
class ApiKeyViewSet(ApiViewSet):
    """The tenant's keys, for its administrators."""

    scopes = {"list": "admin", "create": "admin", "revoke": "admin"}
    one_time_fields = ("key",)

    @extend_schema(responses=page_of(ApiKeyOut))
    def list(self, request: Request) -> Response:
        """List API keys.

        Every key of the tenant, revoked and expired ones too, newest first. The text of a key is never shown again.
        """
        keys = ApiKey.objects.visible_to(self.actor).select_related("owner")
        return self.page(keys, ApiKeyOut)

    @extend_schema(request=NewApiKey, responses={201: IssuedApiKey})
    @refuses(actions.UnknownScope, actions.ScopeNotHeld, actions.OutlivesItsMaker)
    def create(self, request: Request) -> Response:
        """Issue an API key.

        The key belongs to whoever makes it. `key` is shown in this answer and never again. A key is never wider than
        the key that makes it, and does not outlive it. The scope `gateway` is given on the command line only.
        """
        fields = self.read(NewApiKey)
        issued = actions.create_api_key(
            fields["name"],
            owner=self.actor.author,
            scopes=fields["scopes"],
            expires_at=fields.get("expiresAt"),
            by=self.actor,
        )
        return self.answer({**ApiKeyOut(issued.row).data, "key": issued.text}, status=201)

    @extend_schema(responses={204: OpenApiResponse(description="No process takes the key any more.")})
    @refuses(actions.AlreadyRevoked)
    def revoke(self, request: Request, key_id: UUID) -> Response:
        """Revoke an API key.

        When this has answered, no process takes the key any more. A key may revoke itself.
        """
        key = ApiKey.objects.visible_to(self.actor).filter(pk=key_id).first()
        if key is None:
            raise NotFound("There is no such API key.")
        self.read(Form)
        actions.revoke_api_key(key, by=self.actor)
        return self.answer(None, status=204)
