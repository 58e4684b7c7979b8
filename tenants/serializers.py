"""API keys on the wire (registry surface)."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pvc.api import Form, Moment, RowSerializer, Text
from tenants.models import ApiKey
from tenants.scopes import GATEWAY, SCOPES

_KEY_ID = "[0-9A-Za-z]{8}"
_MEANINGS = "\n".join(f"- `{scope}`: {meaning}" for scope, meaning in SCOPES.items())


@extend_schema_field({"type": "string", "enum": [scope for scope in SCOPES if scope != GATEWAY]})
class Scope(Text):
    """A scope that a key may be given through the API."""


class NewApiKey(Form):
    """A key to be made."""

    name = Text(max_length=100, help_text="What the key is for.")
    scopes = serializers.ListField(
        child=Scope(max_length=40), min_length=1, max_length=len(SCOPES), help_text=_MEANINGS
    )
    expiresAt = serializers.DateTimeField(
        required=False, allow_null=True, help_text="A time in the future, with its offset; null for a key without end."
    )


class ApiKeyOut(RowSerializer[ApiKey]):
    """An API key, without its text."""

    projectId = serializers.UUIDField(source="tenant_id", read_only=True, help_text="The tenant.")
    keyId = serializers.CharField(source="key_id", read_only=True, help_text="The first part of the key's own text.")
    owner = serializers.CharField(source="owner.username", read_only=True, help_text="The user name it acts as.")
    expiresAt = Moment(source="expires_at", read_only=True, allow_null=True)
    revokedAt = Moment(source="revoked_at", read_only=True, allow_null=True)
    lastUsedAt = Moment(source="last_used_at", read_only=True, allow_null=True, help_text="To the minute.")
    createdAt = Moment(source="created_at", read_only=True)

    schema_more: ClassVar = {
        "properties": {
            "keyId": {"pattern": f"^{_KEY_ID}$"},
            "scopes": {"items": {"type": "string", "enum": list(SCOPES)}, "minItems": 1},
        }
    }

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
    """An API key with its text, at the only moment when it is known."""

    key = serializers.CharField(read_only=True, allow_null=True, help_text="Shown once; null in a replayed answer.")

    schema_more: ClassVar = {
        "properties": {**ApiKeyOut.schema_more["properties"], "key": {"pattern": f"^pvc_{_KEY_ID}_[0-9A-Za-z]{{43}}$"}}
    }

    class Meta(ApiKeyOut.Meta):
        fields = [*ApiKeyOut.Meta.fields, "key"]
