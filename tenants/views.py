"""/api-keys: issued, listed, revoked."""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from pvc.api import ApiViewSet, Form
from pvc.errors import NotFound
from pvc.schema import page_of
from tenants import actions
from tenants.models import ApiKey
from tenants.serializers import ApiKeyOut, IssuedApiKey, NewApiKey


class ApiKeyViewSet(ApiViewSet):
    scopes = {"list": "admin", "create": "admin", "revoke": "admin"}
    one_time_fields = ("key",)

    @extend_schema(responses=page_of(ApiKeyOut))
    def list(self, request: Request) -> Response:
        keys = ApiKey.objects.visible_to(self.actor).select_related("owner")
        return self.page(keys, ApiKeyOut)

    @extend_schema(request=NewApiKey, responses={201: IssuedApiKey})
    def create(self, request: Request) -> Response:
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
    def revoke(self, request: Request, key_id: UUID) -> Response:
        key = ApiKey.objects.visible_to(self.actor).filter(pk=key_id).first()
        if key is None:
            raise NotFound("There is no such API key.")
        self.read(Form)
        actions.revoke_api_key(key, by=self.actor)
        return self.answer(None, status=204)
