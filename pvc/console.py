"""The console's table of contents: its pages, its buttons, and what stands in its sidebar."""

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern, reverse_lazy

from audit import pages as log
from deployments.pages import conflict, drafts, gate, home, library, measures, namespaces, playground, review, splits
from evaluations.pages import cases, harnesses, runs
from pvc.pages import button, page
from tenants import pages as people
from tenants.console import actor_of
from webhooks.pages import deliveries, subscriptions

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
    button("version/<uuid:version_id>/set-tag", review.SetTag, "set-tag"),
    button("version/<uuid:version_id>/try-out", playground.TryOut, "try-out"),
    # evaluations
    page("version/<uuid:version_id>/gate/", gate.GatePage, "gate"),
    page("version/<uuid:version_id>/evaluations/", runs.EvaluationsPage, "evaluations"),
    button("version/<uuid:version_id>/evaluate", runs.Evaluate, "evaluate"),
    page("evaluation/<uuid:evaluation_id>/", runs.EvaluationPage, "evaluation"),
    page("prompt/<uuid:prompt_id>/cases/", cases.CasesPage, "cases"),
    page("prompt/<uuid:prompt_id>/cases/new", cases.NewCasePage, "new-case"),
    button("prompt/<uuid:prompt_id>/cases/create", cases.CreateCase, "create-case"),
    page("case/<uuid:case_id>/", cases.CasePage, "case"),
    button("case/<uuid:case_id>/change", cases.ChangeCase, "change-case"),
    button("case/<uuid:case_id>/delete", cases.DeleteCase, "delete-case"),
    page("harnesses/", harnesses.HarnessesPage, "harnesses"),
    page("harnesses/new", harnesses.NewHarnessPage, "new-harness"),
    button("harnesses/register", harnesses.RegisterHarness, "register-harness"),
    page("harness/<uuid:harness_id>/", harnesses.HarnessPage, "harness"),
    button("harness/<uuid:harness_id>/change", harnesses.ChangeHarness, "change-harness"),
    button("harness/<uuid:harness_id>/remove", harnesses.RemoveHarness, "remove-harness"),
    # deployments and metrics
    page("deployments/", splits.DeploymentsPage, "deployments"),
    page("prompt/<uuid:prompt_id>/deployments/", splits.DeploymentsPage, "prompt-deployments"),
    page("prompt/<uuid:prompt_id>/deployments/new", splits.NewDeploymentPage, "new-deployment"),
    button("prompt/<uuid:prompt_id>/deployments/create", splits.CreateDeployment, "create-deployment"),
    page("deployment/<uuid:deployment_id>/", splits.DeploymentPage, "deployment"),
    button("deployment/<uuid:deployment_id>/change-weights", splits.ChangeWeights, "change-weights"),
    button("deployment/<uuid:deployment_id>/rename", splits.RenameDeployment, "rename-deployment"),
    button("deployment/<uuid:deployment_id>/pause", splits.PauseDeployment, "pause-deployment"),
    button("deployment/<uuid:deployment_id>/resume", splits.ResumeDeployment, "resume-deployment"),
    button("deployment/<uuid:deployment_id>/archive", splits.ArchiveDeployment, "archive-deployment"),
    page("prompt/<uuid:prompt_id>/metrics/", measures.PromptMeasuresPage, "prompt-metrics"),
    page("version/<uuid:version_id>/metrics/", measures.VersionMeasuresPage, "version-metrics"),
    # drafts
    page("new-prompt/", drafts.NewPromptPage, "new-prompt"),
    button("new-prompt/make", drafts.MakePrompt, "make-prompt"),
    page("draft/<uuid:prompt_id>/", drafts.EditorPage, "draft"),
    button("draft/<uuid:prompt_id>/begin", drafts.BeginDraft, "begin-draft"),
    button("draft/<uuid:prompt_id>/check", drafts.CheckDraft, "check-draft"),
    button("draft/<uuid:prompt_id>/save/<uuid:version_id>", drafts.SaveDraft, "save-draft"),
    button("version/<uuid:version_id>/discard", drafts.DiscardDraft, "discard-draft"),
    button("version/<uuid:version_id>/ask", drafts.AskForApproval, "ask"),
    page("version/<uuid:version_id>/conflict/", conflict.ConflictPage, "conflict"),
    button("version/<uuid:version_id>/replace", conflict.ReplacePreProd, "replace-pre-prod"),
    button("version/<uuid:version_id>/merge", conflict.MergePreProdWithMine, "merge-pre-prod"),
    # namespaces
    page("namespaces/", namespaces.NamespacesPage, "namespaces"),
    page("namespaces/new", namespaces.NewNamespacePage, "new-namespace"),
    button("namespaces/create", namespaces.CreateNamespace, "create-namespace"),
    page("namespace/<uuid:namespace_id>/", namespaces.NamespacePage, "namespace"),
    button("namespace/<uuid:namespace_id>/change", namespaces.ChangeNamespace, "change-namespace"),
    button("namespace/<uuid:namespace_id>/create-tier", namespaces.CreateTier, "create-tier"),
    button("tier/<uuid:tier_id>/change", namespaces.ChangeTier, "change-tier"),
    button("tier/<uuid:tier_id>/delete", namespaces.DeleteTier, "delete-tier"),
    button("policy-change/<uuid:change_id>/approve", namespaces.ApproveChange, "approve-change"),
    button("policy-change/<uuid:change_id>/reject", namespaces.RejectChange, "reject-change"),
    # webhooks
    page("webhooks/", subscriptions.WebhooksPage, "webhooks"),
    page("webhooks/new", subscriptions.NewSubscriptionPage, "new-webhook"),
    button("webhooks/subscribe", subscriptions.Subscribe, "subscribe"),
    page("webhook/<uuid:webhook_id>/", subscriptions.SubscriptionPage, "webhook"),
    button("webhook/<uuid:webhook_id>/change", subscriptions.ChangeSubscription, "change-webhook"),
    button("webhook/<uuid:webhook_id>/switch-off", subscriptions.SwitchOff, "switch-webhook-off"),
    button("webhook/<uuid:webhook_id>/switch-on", subscriptions.SwitchOn, "switch-webhook-on"),
    button("webhook/<uuid:webhook_id>/rotate-secret", subscriptions.RotateSecret, "rotate-webhook-secret"),
    button("webhook/<uuid:webhook_id>/delete", subscriptions.DeleteSubscription, "delete-webhook"),
    button("webhook/<uuid:webhook_id>/test", subscriptions.TestSubscription, "test-webhook"),
    button("webhook/<uuid:webhook_id>/replay", subscriptions.Replay, "replay-webhook"),
    page("webhook/<uuid:webhook_id>/deliveries/", deliveries.DeliveriesPage, "deliveries"),
    page("delivery/<uuid:delivery_id>/", deliveries.DeliveryPage, "delivery"),
    button("delivery/<uuid:delivery_id>/redeliver", deliveries.Redeliver, "redeliver"),
    # the audit log
    page("log/", log.LogPage, "log"),
    button("log/verify", log.Verify, "verify-log"),
    button("log/checkpoint", log.CheckpointNote, "checkpoint"),
    # API keys
    page("keys/", people.KeysPage, "keys"),
    page("keys/new", people.NewKeyPage, "new-key"),
    button("keys/issue", people.IssueKey, "issue-key"),
    page("key/<uuid:key_id>/", people.KeyPage, "key"),
    button("key/<uuid:key_id>/narrow", people.NarrowKey, "narrow-key"),
    button("key/<uuid:key_id>/revoke", people.RevokeKey, "revoke-key"),
]

#: What the sidebar leads to: group, title, icon, address, the scope it takes.
_SIDEBAR: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "Work",
        (
            ("Today", "today", "console:home", "prompts:read"),
            ("Prompts", "article", "console:library", "prompts:read"),
            ("Deployments", "call_split", "console:deployments", "prompts:read"),
            ("Namespaces", "folder_managed", "console:namespaces", "prompts:read"),
            ("Harnesses", "science", "console:harnesses", "admin"),
            ("Webhooks", "webhook", "console:webhooks", "webhooks:write"),
        ),
    ),
    (
        "Records",
        (
            ("Tag moves", "swap_vert", "admin:prompts_tagmove_changelist", "prompts:read"),
            ("Audit log", "history", "console:log", "audit:read"),
            ("API keys", "key", "console:keys", "admin"),
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
