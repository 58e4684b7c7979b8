"""The entries of the audit log, one by one; they are searched and verified in audit/pages.py."""

from django.contrib import admin

from audit.models import AuditEntry
from pvc.admin import ReadOnlyAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    scope = "audit:read"
    tenant_path = "tenant_id"
    list_display = ("seq", "at", "actor", "verb", "target", "via")
    ordering = ("-seq",)
    exclude = ("canonical", "prev_hash", "entry_hash", "mac")
