"""What happened, and the proof of it."""

from django.urls import path

from audit.views.log import AuditViewSet
from audit.views.verification import VerificationViewSet

urlpatterns = [
    path("prompts/audit", AuditViewSet.as_view({"get": "list"}), name="audit-log"),
    path("prompts/audit/verify", VerificationViewSet.as_view({"post": "verify"}), name="verify-audit-log"),
    path("prompts/audit/checkpoint", VerificationViewSet.as_view({"get": "checkpoint"}), name="audit-checkpoint"),
    path("prompts/audit/proofs/inclusion", VerificationViewSet.as_view({"get": "inclusion"}), name="inclusion-proof"),
    path(
        "prompts/audit/proofs/consistency",
        VerificationViewSet.as_view({"get": "consistency"}),
        name="consistency-proof",
    ),
]
