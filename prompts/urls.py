"""What exists: /prompts and the versions under it. The first file to read."""

from django.urls import path

from prompts.views.diff import DiffViewSet
from prompts.views.drafts import DraftViewSet
from prompts.views.namespaces import NamespaceViewSet, PolicyChangeViewSet
from prompts.views.prompts import PromptViewSet
from prompts.views.templates import TemplateVersionViewSet, TemplateViewSet
from prompts.views.tiers import TierViewSet
from prompts.views.versions import VersionViewSet

urlpatterns = [
    path("prompts", PromptViewSet.as_view({"get": "list", "post": "create"}), name="prompts"),
    path("prompts/namespaces", NamespaceViewSet.as_view({"get": "list", "post": "create"}), name="namespaces"),
    path(
        "prompts/namespaces/<slug:namespace_id>",
        NamespaceViewSet.as_view({"get": "retrieve", "put": "update"}),
        name="namespace",
    ),
    path(
        "prompts/namespaces/<slug:namespace_id>/changes",
        PolicyChangeViewSet.as_view({"get": "list"}),
        name="policy-changes",
    ),
    path(
        "prompts/namespaces/<slug:namespace_id>/changes/<uuid:change_id>/approve",
        PolicyChangeViewSet.as_view({"post": "approve"}),
        name="approve-policy-change",
    ),
    path(
        "prompts/namespaces/<slug:namespace_id>/changes/<uuid:change_id>/reject",
        PolicyChangeViewSet.as_view({"post": "reject"}),
        name="reject-policy-change",
    ),
    path(
        "prompts/namespaces/<slug:namespace_id>/tiers",
        TierViewSet.as_view({"get": "list", "post": "create"}),
        name="tiers",
    ),
    path(
        "prompts/namespaces/<slug:namespace_id>/tiers/<uuid:tier_id>",
        TierViewSet.as_view({"put": "update", "delete": "remove"}),
        name="tier",
    ),
    path("prompts/templates", TemplateViewSet.as_view({"get": "list", "post": "create"}), name="templates"),
    path(
        "prompts/templates/<uuid:template_id>",
        TemplateViewSet.as_view({"get": "retrieve", "put": "update", "delete": "archive"}),
        name="template",
    ),
    path(
        "prompts/templates/<uuid:template_id>/versions",
        TemplateVersionViewSet.as_view({"get": "list", "post": "create"}),
        name="template-versions",
    ),
    path(
        "prompts/templates/<uuid:template_id>/my-draft",
        TemplateVersionViewSet.as_view({"get": "my_draft"}),
        name="my-draft",
    ),
    path("prompts/versions/<uuid:version_id>", DraftViewSet.as_view({"get": "retrieve"}), name="version-by-id"),
    path("prompts/versions/<uuid:version_id>/save-draft", DraftViewSet.as_view({"put": "save"}), name="save-draft"),
    path(
        "prompts/versions/<uuid:version_id>/discard", DraftViewSet.as_view({"delete": "discard"}), name="discard-draft"
    ),
    path(
        "prompts/<ref:ref>",
        PromptViewSet.as_view({"get": "retrieve", "put": "update", "delete": "archive"}),
        name="prompt",
    ),
    path("prompts/<ref:ref>/unarchive", PromptViewSet.as_view({"post": "unarchive"}), name="unarchive-prompt"),
    path("prompts/<ref:ref>/versions", VersionViewSet.as_view({"get": "list", "post": "create"}), name="versions"),
    path("prompts/<ref:ref>/versions/<version:version>", VersionViewSet.as_view({"get": "retrieve"}), name="version"),
    path("prompts/<ref:ref>/diff", DiffViewSet.as_view({"get": "compare"}), name="diff"),
    path("prompts/<ref:ref>/production", VersionViewSet.as_view({"get": "production"}), name="production-version"),
]
