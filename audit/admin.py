"""The audit log in the console."""

from django.contrib import admin

from audit.models import AuditEntry
from pvc.admin import ReadOnlyAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    scope = "audit:read"
    tenant_path = "tenant_id"
    list_display = ("seq", "at", "actor", "verb", "target", "via")
    list_filter = ("verb",)
    search_fields = ("actor", "target")
    ordering = ("-seq",)
    exclude = ("canonical", "prev_hash", "entry_hash", "mac")
