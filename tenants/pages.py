"""People and keys in the console: platform staff choose a tenant; keys are issued, narrowed and revoked."""

from typing import Any
from uuid import UUID

from django.contrib.admin import site
from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView, View
from unfold.views import UnfoldModelAdminViewMixin

from pvc.errors import NotFound
from pvc.pages import Button, ForStaff, Page, stretch
from tenants import actions
from tenants.console import choose_tenant
from tenants.models import Actor, ApiKey, Tenant, User
from tenants.names import InvalidUsername, canonical_username
from tenants.scopes import GATEWAY, SCOPES
from tenants.serializers import NewApiKey

MOST_TENANTS = 500
MOST_OWNERS = 500


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


# ----------------------------------------------------------------------------- API keys
class KeysPage(Page):
    """The tenant's API keys, newest first."""

    model = ApiKey
    title = "API keys"
    template_name = "admin/console/keys.html"
    permission_required = "admin"

    def shown(self, **_: Any) -> dict[str, Any]:
        search = self.asked("search")
        keys = ApiKey.objects.visible_to(self.actor).select_related("owner__owner", "tenant")
        if search:
            keys = keys.filter(Q(key_id=_key_id(search)) | Q(name__icontains=search) | Q(owner__username=_name(search)))
        part = stretch(self.request, keys)
        for key in part.rows:
            vars(key)["state"] = state_of(key)
        return {"part": part, "search": search}


def state_of(key: ApiKey) -> str:
    """Whether a key opens anything, in a word or two."""
    if key.revoked_at:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return "expired"
    return "in use" if key.is_usable() else "asleep"


def _key_id(text: str) -> str:
    """The id out of what somebody found in the log or in a file: `key:…`, `pvc_…`, or the id alone."""
    return text.removeprefix("key:").removeprefix("pvc_")[:8]


def _name(text: str) -> str:
    try:
        return canonical_username(text)
    except InvalidUsername:
        return text


class NewKeyPage(Page):
    """What an administrator says of a key to be made."""

    model = ApiKey
    title = "Issue an API key"
    template_name = "admin/console/key_new.html"
    permission_required = "admin"

    def shown(self, **_: Any) -> dict[str, Any]:
        return {
            "owners": _possible_owners(self.actor),
            "scopes": [(scope, means) for scope, means in SCOPES.items() if self.actor.may(scope)],
        }


def _possible_owners(actor: Actor) -> list[User]:
    """Whoever makes the key, if a member, and their service accounts."""
    members = User.objects.filter(tenant=actor.tenant, is_active=True)
    accounts = (
        members.filter(is_service=True, owner=actor.user).select_related("owner").order_by("username")[:MOST_OWNERS]
    )
    return [*members.filter(pk=actor.author.pk), *accounts]


class KeyPage(Page):
    """One key: what it may do, and how it is narrowed or ended."""

    model = ApiKey
    template_name = "admin/console/key.html"
    permission_required = "admin"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        key = _key(self.actor, kwargs["key_id"])
        self.title = key.name
        in_force = Actor.of_key(key).scopes
        return {
            "key": key,
            "state": state_of(key),
            "scopes": [(scope, SCOPES.get(scope, ""), scope in in_force) for scope in key.scopes],
            "may_end": key.revoked_at is None,
            "reads_log": self.actor.may("audit:read"),
            "gateway": GATEWAY,
        }


def _key(actor: Actor, key_id: UUID) -> ApiKey:
    keys = ApiKey.objects.visible_to(actor).select_related("owner__owner", "issued_by", "tenant")
    found = keys.prefetch_related("owner__groups").filter(pk=key_id).first()
    if found is None:
        raise NotFound("There is no such API key.")
    return found


class IssuedPage(Page):
    """A new key's text, at the only moment when it is known. It is the answer to a button, and has no address."""

    model = ApiKey
    title = "The new API key"
    template_name = "admin/console/key_issued.html"
    permission_required = "admin"
    http_method_names = ["post"]
    #: What was issued.
    issued: actions.IssuedKey | None = None

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.get(request, *args, **kwargs)

    def shown(self, **_: Any) -> dict[str, Any]:
        return {"issued": self.issued}


class IssueKey(Button):
    permission_required = "admin"
    decides = True

    def press(self, **_: Any) -> HttpResponseBase:
        sent = self.request.POST
        owner = User.objects.filter(tenant=self.actor.tenant, username=sent.get("owner", "")).first()
        if owner is None:
            raise NotFound("There is no such member of this tenant.")
        fields = self.read(NewApiKey, scopes=sent.getlist("scopes"), expiresAt=sent.get("expiresAt") or None)
        issued = actions.create_api_key(
            fields["name"], owner=owner, scopes=fields["scopes"], expires_at=fields["expiresAt"], by=self.actor
        )
        page = IssuedPage.as_view(model_admin=site.get_model_admin(ApiKey), issued=issued)
        return page(self.request)


class KeyButton(Button):
    """A button on a key."""

    permission_required = "admin"
    decides = True

    def key(self) -> ApiKey:
        return _key(self.actor, self.kwargs["key_id"])

    def page_of(self, key: ApiKey) -> str:
        return reverse("console:key", args=[key.pk])


class NarrowKey(KeyButton):
    def press(self, **_: Any) -> str:
        sent, key = self.request.POST, self.key()
        asked = {"scopes": sent.getlist("scopes"), "expiresAt": sent.get("expiresAt") or None}
        fields = self.read(NewApiKey, name=key.name, **asked)
        narrowed = actions.narrow_api_key(key, scopes=fields["scopes"], expires_at=fields["expiresAt"], by=self.actor)
        is_other = (narrowed.scopes, narrowed.expires_at) != (key.scopes, key.expires_at)
        self.say(f"The key {key.name} is narrower now." if is_other else "That is what it may do already.")
        return self.page_of(key)


class RevokeKey(KeyButton):
    def press(self, **_: Any) -> str:
        key = actions.revoke_api_key(self.key(), by=self.actor)
        self.say(f"The key {key.name} is revoked: no process takes it any more.")
        return self.page_of(key)
