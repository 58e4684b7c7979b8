"""Prompts, versions and tags in the console: to be seen."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from prompts.models import Namespace, PolicyChange, Prompt, PromptVersion, Tag, TagMove
from pvc.admin import ReadOnlyAdmin
from tenants.console import actor_of


@admin.register(Namespace)
class NamespaceAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "created_at")


@admin.register(PolicyChange)
class PolicyChangeAdmin(ReadOnlyAdmin):
    list_display = ("namespace", "changes", "requested_by", "requested_at", "decided_by", "approved", "decided_at")
    list_select_related = ("namespace", "requested_by", "decided_by")


@admin.register(Prompt)
class PromptAdmin(ReadOnlyAdmin):
    list_display = ("slug", "namespace", "type", "last_number", "archived_at", "updated_at")
    list_select_related = ("namespace",)
    search_fields = ("slug", "name", "description")


@admin.register(PromptVersion)
class PromptVersionAdmin(ReadOnlyAdmin):
    list_display = ("prompt", "number", "author", "sealed_at", "digest")
    list_select_related = ("prompt", "author")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Somebody else's draft is nobody's business yet; and a list is no place for whole texts."""
        rows, actor = super().get_queryset(request), actor_of(request)
        return rows.shown_to(actor).defer("body", "variables", "config", "validation") if actor else rows


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display = ("prompt", "name", "version", "updated_at")
    ordering = ("name", "prompt_id")  # as their index has them
    list_select_related = ("prompt", "version")


@admin.register(TagMove)
class TagMoveAdmin(ReadOnlyAdmin):
    list_display = ("prompt", "tag", "number", "kind", "old", "new", "moved_by", "at")
    list_select_related = ("prompt", "old", "new", "moved_by")
