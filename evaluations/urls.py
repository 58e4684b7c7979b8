"""Is it good: evaluations, harnesses, test cases. The gate itself is of what is served: deployments/urls.py."""

from django.urls import path

from evaluations.views.harnesses import HarnessViewSet
from evaluations.views.runs import CallbackViewSet, EvaluationViewSet
from evaluations.views.test_cases import TestCaseViewSet

urlpatterns = [
    path("evaluations/trigger", EvaluationViewSet.as_view({"post": "trigger"}), name="trigger-evaluation"),
    path("evaluations/webhook", CallbackViewSet.as_view({"post": "report"}), name="report-evaluation"),
    path("evaluations/harnesses", HarnessViewSet.as_view({"get": "list", "post": "create"}), name="harnesses"),
    path(
        "evaluations/harnesses/<uuid:harness_id>",
        HarnessViewSet.as_view({"get": "retrieve", "put": "update", "delete": "remove"}),
        name="harness",
    ),
    path(
        "evaluations/versions/<uuid:version_id>",
        EvaluationViewSet.as_view({"get": "of_version"}),
        name="version-evaluations",
    ),
    path("evaluations/<uuid:evaluation_id>", EvaluationViewSet.as_view({"get": "retrieve"}), name="evaluation"),
    path("prompts/<ref:ref>/test-cases", TestCaseViewSet.as_view({"get": "list", "post": "create"}), name="test-cases"),
    path(
        "prompts/<ref:ref>/test-cases/<uuid:case_id>",
        TestCaseViewSet.as_view({"get": "retrieve", "put": "update", "delete": "remove"}),
        name="test-case",
    ),
]
