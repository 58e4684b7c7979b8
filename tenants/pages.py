"""People and keys in the console: platform staff choose a tenant; keys are issued, narrowed and revoked."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.generic import TemplateView, View
from unfold.views import UnfoldModelAdminViewMixin

from pvc.errors import NotFound
from pvc.pages import ForStaff
from tenants.console import choose_tenant
from tenants.models import Tenant

MOST_TENANTS = 500


class TenantsPage(ForStaff, UnfoldModelAdminViewMixin, TemplateView):  # type: ignore[misc]  # unfold has no types
    """Platform staff choose the tenant they look at."""

    model = Tenant
    title = "Choose a tenant"
    template_name = "admin/console/tenants.html"
    permission_required = ()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        tenants = Tenant.objects.order_by("slug")[:MOST_TENANTS]
        context: dict[str, Any] = super().get_context_data(tenants=tenants, **kwargs)
        return context


class ChooseTenant(ForStaff, View):
    """Goes into a tenant; the session keeps it."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        tenant = Tenant.objects.filter(pk=kwargs["tenant_id"]).first()
        if tenant is None:
            raise NotFound("There is no such tenant.")
        choose_tenant(request, tenant)
        return redirect("console:home")
