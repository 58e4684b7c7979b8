"""Who is told."""

from django.urls import path

from webhooks.views.endpoints import WebhookViewSet

urlpatterns = [
    path("webhooks", WebhookViewSet.as_view({"get": "list", "post": "create"}), name="webhooks"),
    path(
        "webhooks/<uuid:webhook_id>",
        WebhookViewSet.as_view({"get": "retrieve", "put": "update", "delete": "remove"}),
        name="webhook",
    ),
    path("webhooks/<uuid:webhook_id>/test", WebhookViewSet.as_view({"post": "test"}), name="test-webhook"),
    path(
        "webhooks/<uuid:webhook_id>/rotate-secret",
        WebhookViewSet.as_view({"post": "rotate_secret"}),
        name="rotate-webhook-secret",
    ),
    path("webhooks/<uuid:webhook_id>/replay", WebhookViewSet.as_view({"post": "replay"}), name="replay-webhook"),
    path("webhooks/<uuid:webhook_id>/deliveries", WebhookViewSet.as_view({"get": "deliveries"}), name="deliveries"),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/redeliver",
        WebhookViewSet.as_view({"post": "redeliver"}),
        name="redeliver",
    ),
]
