"""What happened."""

from django.urls import path

from audit.views import AuditViewSet

urlpatterns = [path("prompts/audit", AuditViewSet.as_view({"get": "list"}), name="audit-log")]
