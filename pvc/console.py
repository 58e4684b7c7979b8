"""The console's table of contents: its pages, its buttons, and what stands in its sidebar."""

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern, reverse_lazy

from audit import pages as log
from deployments.pages import home, library, playground, review
from pvc.pages import button, page
from tenants import pages as people
from tenants.console import actor_of

app_name = "console"

urlpatterns: list[URLPattern] = [
    page("", home.HomePage, "home"),
    page("tenants/", people.TenantsPage, "tenants"),
    button("tenants/<uuid:tenant_id>/choose", people.ChooseTenant, "choose-tenant"),
    # prompts
    page("library/", library.LibraryPage, "library"),
    page("prompt/<uuid:prompt_id>/", library.PromptPage, "prompt"),
    page("prompt/<uuid:prompt_id>/back-to/<int:number>/", library.RollbackPage, "back-to"),
    button("prompt/<uuid:prompt_id>/rollback", library.Rollback, "rollback"),
    button("prompt/<uuid:prompt_id>/archive", library.Archive, "archive"),
    button("prompt/<uuid:prompt_id>/unarchive", library.Unarchive, "unarchive"),
    # versions
    page("version/<uuid:version_id>/", review.ReviewPage, "review"),
    button("version/<uuid:version_id>/approve", review.Approve, "approve"),
    button("version/<uuid:version_id>/reject", review.Reject, "reject"),
    button("version/<uuid:version_id>/promote", review.Promote, "promote"),
    button("version/<uuid:version_id>/override", review.Override, "override"),
    button("version/<uuid:version_id>/request-approval", review.RequestApproval, "request-approval"),
    button("version/<uuid:version_id>/set-tag", review.SetTag, "set-tag"),
    button("version/<uuid:version_id>/try-out", playground.TryOut, "try-out"),
    # the audit log
    page("log/", log.LogPage, "log"),
    button("log/verify", log.Verify, "verify-log"),
    button("log/checkpoint", log.CheckpointNote, "checkpoint"),
]

#: What the sidebar leads to: group, title, icon, address, the scope it takes.
_SIDEBAR: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "Work",
        (
            ("Today", "today", "console:home", "prompts:read"),
            ("Prompts", "article", "console:library", "prompts:read"),
        ),
    ),
    (
        "Records",
        (
            ("Tag moves", "swap_vert", "admin:prompts_tagmove_changelist", "prompts:read"),
            ("Policy changes", "rule", "admin:prompts_policychange_changelist", "prompts:read"),
            ("Audit log", "history", "console:log", "audit:read"),
            ("People", "group", "admin:tenants_user_changelist", "admin"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar, as far as the reader may go there."""
    actor = actor_of(request)
    groups = []
    for title, items in _SIDEBAR:
        shown = [
            {"title": name, "icon": icon, "link": reverse_lazy(address)}
            for name, icon, address, scope in items
            if actor is not None and actor.may(scope)
        ]
        if shown:
            groups.append({"title": title, "separator": True, "collapsible": False, "items": shown})
    return groups
