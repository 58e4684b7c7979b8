"""What is served and how it does: tags, rendering, deployments, metrics. The hot routes stand first."""

from django.urls import path

from deployments.views.decisions import DecisionViewSet, PendingViewSet
from deployments.views.deployments import DeploymentResolveViewSet, DeploymentViewSet
from deployments.views.gate import GateViewSet
from deployments.views.metrics import IngestViewSet, MeasuresViewSet
from deployments.views.promotion import PromotionViewSet
from deployments.views.render import RenderViewSet
from deployments.views.resolve import RenderByNameViewSet, ResolveViewSet
from deployments.views.tags import TagViewSet
from deployments.views.usage import UsageViewSet

urlpatterns = [
    path("prompts/resolve/<qualified:qualified_name>", ResolveViewSet.as_view({"get": "resolve"}), name="resolve"),
    path(
        "prompts/render/<qualified:qualified_name>",
        RenderByNameViewSet.as_view({"post": "render"}),
        name="render-by-name",
    ),
    path(
        "deployments/<uuid:deployment_id>/resolve",
        DeploymentResolveViewSet.as_view({"get": "resolve"}),
        name="resolve-deployment",
    ),
    path("metrics/ingest", IngestViewSet.as_view({"post": "ingest"}), name="ingest"),
    path("prompts/<ref:ref>/render", RenderViewSet.as_view({"post": "production"}), name="render"),
    path(
        "prompts/<ref:ref>/versions/<number:version>/render",
        RenderViewSet.as_view({"post": "by_number"}),
        name="render-version",
    ),
    path("prompts/<ref:ref>/tags", TagViewSet.as_view({"get": "list"}), name="tags"),
    path(
        "prompts/<ref:ref>/tags/<tag:name>",
        TagViewSet.as_view({"get": "retrieve", "post": "put_on", "delete": "remove"}),
        name="tag",
    ),
    path("prompts/<ref:ref>/tags/<tag:name>/history", TagViewSet.as_view({"get": "history"}), name="tag-history"),
    path("prompts/pending-approvals", PendingViewSet.as_view({"get": "list"}), name="pending-approvals"),
    path(
        "prompts/versions/<uuid:version_id>/promote-pre-prod",
        DecisionViewSet.as_view({"post": "promote_pre_prod"}),
        name="promote-pre-prod",
    ),
    path(
        "prompts/versions/<uuid:version_id>/promote-pre-prod/override",
        DecisionViewSet.as_view({"post": "override_pre_prod"}),
        name="override-pre-prod",
    ),
    path(
        "prompts/versions/<uuid:version_id>/promote-pre-prod/merge",
        DecisionViewSet.as_view({"post": "merge_pre_prod"}),
        name="merge-pre-prod",
    ),
    path(
        "prompts/versions/<uuid:version_id>/promote-active",
        DecisionViewSet.as_view({"post": "promote_active"}),
        name="promote-active",
    ),
    path("prompts/versions/<uuid:version_id>/approve", DecisionViewSet.as_view({"post": "approve"}), name="approve"),
    path("prompts/versions/<uuid:version_id>/reject", DecisionViewSet.as_view({"post": "reject"}), name="reject"),
    path("prompts/<ref:ref>/promote", PromotionViewSet.as_view({"post": "promote"}), name="promote"),
    path(
        "prompts/<ref:ref>/promote/override", PromotionViewSet.as_view({"post": "override"}), name="override-promotion"
    ),
    path("evaluations/versions/<uuid:version_id>/gate", GateViewSet.as_view({"get": "gate"}), name="gate"),
    path("prompts/<ref:ref>/rollback", PromotionViewSet.as_view({"post": "rollback"}), name="rollback"),
    path(
        "prompts/<ref:ref>/versions/<version:version>/usage",
        UsageViewSet.as_view({"get": "usage"}),
        name="version-usage",
    ),
    path("deployments", DeploymentViewSet.as_view({"get": "list", "post": "create"}), name="deployments"),
    path(
        "deployments/<uuid:deployment_id>",
        DeploymentViewSet.as_view({"get": "retrieve", "put": "update"}),
        name="deployment",
    ),
    path(
        "deployments/<uuid:deployment_id>/results",
        DeploymentViewSet.as_view({"get": "results"}),
        name="deployment-results",
    ),
    path("metrics/versions/<uuid:version_id>", MeasuresViewSet.as_view({"get": "of_version"}), name="version-metrics"),
    path("metrics/prompts/<ref:ref>", MeasuresViewSet.as_view({"get": "of_prompt"}), name="prompt-metrics"),
]
