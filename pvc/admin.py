"""The console's stock lists: pages that show and never write, each starting from the reader's tenant."""

from typing import Any, ClassVar, TypeVar

from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from tenants.console import actor_of

Row = TypeVar("Row", bound=models.Model)


class Many(int):
    """More than were counted."""

    def __str__(self) -> str:
        return f"{int(self) - 1:,}+"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic for the type checker alone
    """Counts no further than it has to: of a longer list it shows the beginning, and no more."""

    #: How many rows of a list are counted.
    most: ClassVar[int] = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        found: int = rows.order_by()[: self.most + 1].count()
        return Many(found) if found > self.most else found


class NewestFirst(ChangeList):  # type: ignore[misc]  # unfold has no types
    """Keeps the order of its rows, whatever an address asks for: few columns have an index."""

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:  # noqa: ARG002
        ordered: list[Any] = self._get_deterministic_ordering([*self.model_admin.ordering])
        return ordered


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Shows rows of the actor's tenant to those who hold `scope`."""

    scope: ClassVar[str] = "prompts:read"
    #: How a row says whose it is.
    tenant_path: ClassVar[str] = "tenant"
    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    #: By the key, which is made in the order of time and has an index.
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> Any:
        rows, actor = super().get_queryset(request), actor_of(request)
        return rows.filter(**{self.tenant_path: actor.tenant.pk}) if actor else rows.none()

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:  # noqa: ARG002
        return NewestFirst

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:  # noqa: ARG002
        actor = actor_of(request)
        return actor is not None and actor.may(self.scope)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:  # noqa: ARG002
        return False
