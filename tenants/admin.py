"""People and keys in the console: to be seen, not to be changed here."""

from django.contrib import admin
from django.contrib.auth.models import Group

from pvc.admin import ReadOnlyAdmin
from tenants.models import ApiKey, Tenant, User

# What a group allows is written in tenants/scopes.py; Django's own permissions have no say.
admin.site.unregister(Group)


@admin.register(Tenant)
class TenantAdmin(ReadOnlyAdmin):
    scope = "admin"
    tenant_path = "id"
    list_display = ("slug", "name", "is_suspended", "created_at")


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    scope = "admin"
    list_display = ("username", "email", "is_active", "is_service", "is_staff", "last_login")
    list_filter = ("is_active", "is_service", "groups")
    search_fields = ("username", "email")
    exclude = ("password", "user_permissions")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    scope = "admin"
    list_display = ("name", "key_id", "owner", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("owner",)
    search_fields = ("name", "key_id")
    exclude = ("hash",)
