"""The API's own description: the OpenAPI document that is committed, and Swagger UI out of the package."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView

from pvc.api import count_anonymous, put_allowance

DOCUMENT = settings.BASE_DIR / "docs" / "openapi.yaml"


@cache
def _document() -> bytes:
    return DOCUMENT.read_bytes()


@require_safe
def document(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document; `./dev lint` holds it to the code."""
    allowance = count_anonymous(request)
    response = HttpResponse(_document(), content_type="application/yaml; charset=utf-8")
    put_allowance(response, allowance)
    return response


_swagger = SpectacularSwaggerSplitView.as_view(
    url_name="openapi", authentication_classes=[], permission_classes=[], throttle_classes=[]
)


@require_safe
def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """Swagger UI; nothing of it comes from elsewhere."""
    allowance = count_anonymous(request)
    response: HttpResponseBase = _swagger(request, *args, **kwargs)
    put_allowance(response, allowance)
    return response
