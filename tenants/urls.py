"""Who is asking: API keys."""

from django.urls import path

from tenants.views import ApiKeyViewSet

urlpatterns = [
    path("api-keys", ApiKeyViewSet.as_view({"get": "list", "post": "create"}), name="api-keys"),
    path("api-keys/<uuid:key_id>", ApiKeyViewSet.as_view({"delete": "revoke"}), name="api-key"),
]
