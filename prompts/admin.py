"""Prompts, versions and tags in the console: to be seen."""

from django.contrib import admin

from prompts.models import Namespace, PolicyChange, Prompt, PromptVersion, Tag, TagMove
from pvc.admin import ReadOnlyAdmin


@admin.register(Namespace)
class NamespaceAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "created_at")


@admin.register(PolicyChange)
class PolicyChangeAdmin(ReadOnlyAdmin):
    list_display = ("namespace", "changes", "requested_by", "requested_at", "decided_by", "approved", "decided_at")
    list_select_related = ("namespace", "requested_by", "decided_by")
    ordering = ("-id",)


@admin.register(Prompt)
class PromptAdmin(ReadOnlyAdmin):
    list_display = ("slug", "namespace", "type", "last_number", "archived_at", "updated_at")
    list_filter = ("type",)  # a relation would offer every tenant's rows
    list_select_related = ("namespace",)
    search_fields = ("slug", "name", "description")


@admin.register(PromptVersion)
class PromptVersionAdmin(ReadOnlyAdmin):
    list_display = ("prompt", "number", "author", "sealed_at", "digest")
    list_select_related = ("prompt", "author")
    ordering = ("-id",)


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display = ("prompt", "name", "version", "updated_at")
    list_select_related = ("prompt", "version")


@admin.register(TagMove)
class TagMoveAdmin(ReadOnlyAdmin):
    list_display = ("prompt", "tag", "number", "kind", "old", "new", "moved_by", "at")
    list_select_related = ("prompt", "old", "new", "moved_by")
    ordering = ("-id",)
