"""The console's ground: pages that show and never write, each starting from the reader's tenant."""

from typing import Any, ClassVar, TypeVar

from django.db import models
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from tenants.models import User

Row = TypeVar("Row", bound=models.Model)


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Shows rows of the reader's tenant to those who hold `scope`; platform staff see every tenant's."""

    scope: ClassVar[str] = "prompts:read"
    #: How a row says whose it is.
    tenant_path: ClassVar[str] = "tenant"
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        user = request.user
        if user.is_superuser:
            return rows
        if not isinstance(user, User) or user.tenant_id is None:
            return rows.none()
        return rows.filter(**{self.tenant_path: user.tenant_id})

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:  # noqa: ARG002
        user = request.user
        return isinstance(user, User) and user.is_active and (user.is_superuser or self.scope in user.scopes)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:  # noqa: ARG002
        return False
