"""API keys on the wire (registry surface)."""

from rest_framework import serializers

from pvc.api import Form, Moment, RowSerializer, Text
from tenants.models import ApiKey
from tenants.scopes import SCOPES


class NewApiKey(Form):
    name = Text(max_length=100)
    scopes = serializers.ListField(child=Text(max_length=40), min_length=1, max_length=len(SCOPES))
    expiresAt = serializers.DateTimeField(required=False, allow_null=True)


class ApiKeyOut(RowSerializer[ApiKey]):
    projectId = serializers.UUIDField(source="tenant_id", read_only=True)
    keyId = serializers.CharField(source="key_id", read_only=True)
    owner = serializers.CharField(source="owner.username", read_only=True)
    expiresAt = Moment(source="expires_at", read_only=True)
    revokedAt = Moment(source="revoked_at", read_only=True)
    lastUsedAt = Moment(source="last_used_at", read_only=True)
    createdAt = Moment(source="created_at", read_only=True)

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "projectId",
            "keyId",
            "name",
            "owner",
            "scopes",
            "expiresAt",
            "revokedAt",
            "lastUsedAt",
            "createdAt",
        ]


class IssuedApiKey(ApiKeyOut):
    key = serializers.CharField(read_only=True, allow_null=True, help_text="Shown once; null in a replayed answer.")

    class Meta(ApiKeyOut.Meta):
        fields = [*ApiKeyOut.Meta.fields, "key"]
