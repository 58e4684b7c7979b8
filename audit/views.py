"""/prompts/audit: what happened, newest first (lifecycle surface, snake_case)."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import AuditEntry
from pvc.api import ApiViewSet, Moment, RowSerializer
from pvc.errors import Invalid
from pvc.schema import page_of


class AuditEntryOut(RowSerializer[AuditEntry]):
    at = Moment(read_only=True)
    template_id = serializers.UUIDField(source="prompt_id", read_only=True, allow_null=True)
    hash = serializers.SerializerMethodField()

    class Meta:
        model = AuditEntry
        fields = ["seq", "at", "actor", "via", "verb", "target", "template_id", "data", "hash"]

    def get_hash(self, entry: AuditEntry) -> str:
        return bytes(entry.entry_hash).hex()


class AuditViewSet(ApiViewSet):
    scopes = {"list": "audit:read"}
    cursor_field = "next_cursor"

    @extend_schema(
        parameters=[OpenApiParameter("template_id", UUID, description="One prompt's entries.")],
        responses=page_of(AuditEntryOut),
    )
    def list(self, request: Request) -> Response:
        entries = AuditEntry.objects.visible_to(self.actor)
        filters = {}
        if template_id := self.query("template_id"):
            entries = entries.filter(prompt_id=_uuid(template_id))
            filters["template_id"] = template_id
        return self.page(entries, AuditEntryOut, by="seq", filters=filters)


def _uuid(text: str) -> Any:
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid.field("template_id", "Send a prompt's id (UUID).") from error
