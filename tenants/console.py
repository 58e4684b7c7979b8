"""Who may log in to the console, who acts there, and when a password was last given."""

import time
from typing import Any, Final

from django.contrib.auth import authenticate, user_logged_in
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from pvc.errors import Forbidden
from tenants.models import Actor, Tenant, User

#: For how many seconds after a log-in a decision asks for no password.
FRESH_SECONDS: Final = 3600
#: What platform staff may do in a tenant they have chosen: look, and administer. They write and decide nothing.
STAFF_SCOPES: Final = frozenset({"prompts:read", "audit:read", "admin"})

_PASSWORD_AT, _TENANT = "password_at", "tenant"


class PasswordAsked(Forbidden):
    """A decision in a session whose password was given too long ago."""


class ConsoleBackend(ModelBackend):
    """Django's own, but a suspended tenant's people stay outside; asked at each request of theirs."""

    def user_can_authenticate(self, user: Any) -> bool:
        suspended = isinstance(user, User) and user.tenant is not None and user.tenant.is_suspended
        return bool(super().user_can_authenticate(user)) and not suspended


def actor_of(request: HttpRequest) -> Actor | None:
    """Who acts in the console: a member of a tenant, or platform staff in the tenant they chose; else None."""
    kept = vars(request)
    if "console_actor" not in kept:
        kept["console_actor"] = _actor(request)
    actor: Actor | None = kept["console_actor"]
    return actor


def _actor(request: HttpRequest) -> Actor | None:
    user = request.user
    if not isinstance(user, User) or not user.is_active or not user.is_staff:
        return None
    if user.is_superuser:
        chosen = request.session.get(_TENANT)
        tenant = Tenant.objects.filter(pk=chosen).first() if chosen else None
        return Actor(tenant, user, "console", STAFF_SCOPES) if tenant else None
    return Actor(user.tenant, user, "console", user.scopes) if user.tenant else None


def choose_tenant(request: HttpRequest, tenant: Tenant) -> None:
    """Platform staff go into a tenant; the session keeps it."""
    request.session[_TENANT] = str(tenant.pk)


# ----------------------------------------------------------------------------- the password, asked again
def is_fresh(request: HttpRequest) -> bool:
    """Whether the password of this session was given within the last hour."""
    return bool(time.time() - request.session.get(_PASSWORD_AT, 0) < FRESH_SECONDS)


def require_fresh(request: HttpRequest, password: str) -> None:
    """Raises PasswordAsked unless the password was given lately, or is now; a wrong one counts as a failed log-in."""
    if is_fresh(request):
        return
    user = request.user
    if not isinstance(user, User) or not user.has_usable_password():
        raise PasswordAsked("You logged in more than an hour ago: log in again to decide. Nothing was changed.")
    if not password:
        raise PasswordAsked("You logged in more than an hour ago: give your password to decide. Nothing was changed.")
    if authenticate(request, username=user.username, password=password) != user:
        raise PasswordAsked("This is not your password. Nothing was changed.")
    note_password(None, request)


def note_password(sender: Any, request: HttpRequest, **_: Any) -> None:  # noqa: ARG001 — as signals are sent
    """The password was given now."""
    request.session[_PASSWORD_AT] = int(time.time())


user_logged_in.connect(note_password, dispatch_uid="tenants.console")
