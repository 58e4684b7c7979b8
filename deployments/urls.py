"""What is served: tags and their moves, rendering. The hot routes stand first."""

from django.urls import path

from deployments.views.render import RenderViewSet
from deployments.views.tags import TagViewSet

urlpatterns = [
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
]
