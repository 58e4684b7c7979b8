"""The table of contents. Literal words stand before `<ref:ref>`, hot routes before the rest."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path, register_converter

from prompts import converters
from pvc import docs, health, middleware
from pvc.api import no_such_route

register_converter(converters.RefConverter, "ref")
register_converter(converters.QualifiedNameConverter, "qualified")
register_converter(converters.VersionConverter, "version")
register_converter(converters.NumberConverter, "number")
register_converter(converters.TagNameConverter, "tag")

api: list[URLPattern | URLResolver] = [
    path("", include("audit.urls")),
    path("", include("deployments.urls")),
    path("", include("evaluations.urls")),
    path("", include("prompts.urls")),
    path("", include("tenants.urls")),
    path("", include("webhooks.urls")),
    path("docs", docs.page, name="docs"),
    path("docs/openapi.yaml", docs.document, name="openapi"),
]

urlpatterns = [
    path("api/v1/", include(api)),
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("metrics", health.metrics, name="metrics"),
    *([path("admin/oidc/", include("mozilla_django_oidc.urls"))] if settings.OIDC_ISSUER else []),
    path("admin/", include("pvc.console")),
    path("admin/", admin.site.urls),
    re_path(r"^api/", no_such_route, name="no-such-route"),
    re_path(r"", middleware.not_found, name="no-such-page"),
]

handler400 = "pvc.middleware.bad_request"
handler403 = "pvc.middleware.permission_denied"
handler404 = "pvc.middleware.not_found"
handler500 = "pvc.middleware.server_error"
