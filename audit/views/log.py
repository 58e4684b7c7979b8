"""/prompts/audit: what happened, newest first (lifecycle surface, snake_case)."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import EVENTS
from audit.models import AuditEntry
from pvc.api import ApiViewSet, Moment, RowSerializer
from pvc.errors import Invalid
from pvc.schema import lifecycle_page_of


class AuditEntryOut(RowSerializer[AuditEntry]):
    """One thing that was done, or refused."""

    at = Moment(read_only=True)
    template_id = serializers.UUIDField(source="prompt_id", read_only=True, allow_null=True)
    hash = serializers.SerializerMethodField()

    schema_more: ClassVar = {
        "properties": {
            "seq": {"minimum": 1, "description": "Its number in the tenant's log; without gaps."},
            "actor": {"description": "The user name, or `system`."},
            "via": {
                "pattern": "^(key:[0-9A-Za-z]{8}|console|command|system)$",
                "description": "Through what: `key:` and the key's id, the console, or the command line.",
            },
            "verb": {
                "pattern": r"^[a-z_]+\.[a-z_]+(\.denied)?$",
                "description": "What happened; `.denied` is appended to an attempt that was refused. One of "
                + ", ".join(f"`{verb}`" for verb in EVENTS)
                + ".",
            },
            "target": {"description": "The id of what it was done to; of a refused attempt, the name as sent."},
            "template_id": {"description": "The prompt that it concerns."},
            "data": {"type": "object", "additionalProperties": {}, "description": "What the verb carries."},
            "hash": {"pattern": "^[0-9a-f]{64}$", "description": "SHA-256 over this entry and the hash before it."},
        }
    }

    class Meta:
        model = AuditEntry
        fields = ["seq", "at", "actor", "via", "verb", "target", "template_id", "data", "hash"]

    def get_hash(self, entry: AuditEntry) -> str:
        return bytes(entry.entry_hash).hex()


@extend_schema(tags=["Audit"])
class AuditViewSet(ApiViewSet):
    """The tenant's log."""

    scopes = {"list": "audit:read"}
    cursor_field = "next_cursor"

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "template_id",
                UUID,
                description="Only what concerns this prompt (its id).",
                examples=[OpenApiExample("support-reply", "019cade0-1c40-7d2a-9c11-3b5f0a6e7d10")],
            )
        ],
        responses=lifecycle_page_of(AuditEntryOut),
    )
    def list(self, request: Request) -> Response:
        """List the audit log.

        What was done in the tenant, newest first; refused attempts to move or remove a tag, and to archive a prompt,
        stand there too. Entries are only ever added; the hash of each covers the one before it.
        """
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
