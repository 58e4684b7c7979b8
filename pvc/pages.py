"""The console's own pages and buttons: a page shows, a button calls one verb.

Both start from the acting person (`self.actor`) and ask for one scope. What a verb refuses is told in its own words,
on the page where the button stood.
"""

import functools
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import site
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.views.generic import TemplateView, View
from rest_framework.exceptions import ValidationError
from unfold.views import UnfoldModelAdminViewMixin

from audit import unit
from pvc.api import Form, MissingScope, flat_messages
from pvc.errors import DomainError, Invalid, NotFound
from tenants.console import actor_of, is_fresh, require_fresh
from tenants.models import Actor

Row = TypeVar("Row", bound=models.Model)
Refused = DomainError | ValidationError


class _OfTheConsole(PermissionRequiredMixin, View):
    """Knows who acts, and lets nobody in who may not."""

    permission_required = "prompts:read"
    request: HttpRequest
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        actor = actor_of(request)
        if actor is None:
            return redirect("console:tenants") if request.user.is_superuser else redirect("admin:login")
        self.actor = actor
        return super().dispatch(request, *args, **kwargs)

    def has_permission(self) -> bool:
        return all(self.actor.may(scope) for scope in self.get_permission_required())


class ForStaff(View):
    """Is for platform staff alone, in no tenant."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_superuser:
            raise NotFound("There is nothing here.")
        return super().dispatch(request, *args, **kwargs)


class Page(UnfoldModelAdminViewMixin, _OfTheConsole, TemplateView):  # type: ignore[misc]  # unfold has no types
    """A page. `shown()` says what is on it."""

    #: The noun that it is about.
    model: ClassVar[type[models.Model]]
    title: str = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        ours = {"actor": self.actor, "asks_password": not is_fresh(self.request), **self.shown(**self.kwargs)}
        context: dict[str, Any] = super().get_context_data(**kwargs, **ours)
        context.pop("model_admin")  # else the heading names its lists, which are not where our pages lie
        return context

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        """What the template shows, by name; may set `self.title`. Raises NotFound."""
        raise NotImplementedError

    def asked(self, name: str, most: int = 200) -> str:
        """A parameter of the address; empty where there is none, or none that PostgreSQL can look for."""
        text = self.request.GET.get(name, "").strip()
        return "" if "\0" in text else text[:most]


class Button(_OfTheConsole):
    """A button: `press()` calls one verb and says where to go then."""

    http_method_names = ["post"]
    #: Whether the password is asked for where the log-in is old.
    decides: ClassVar[bool] = False
    #: The audit verb under which a refusal at the door is written down.
    audited: ClassVar[str] = ""

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        try:
            if self.decides:
                require_fresh(request, request.POST.get("password", ""))
            answer = self.press(**kwargs)
        except (DomainError, ValidationError) as refused:
            messages.error(request, sentence_of(refused))
            return self.told(refused)
        return redirect(answer) if isinstance(answer, str) else answer

    def press(self, **kwargs: Any) -> str | HttpResponseBase:
        """Call the verb, and say where to go: an address, or an answer. Raises what the verb refuses."""
        raise NotImplementedError

    def handle_no_permission(self) -> HttpResponseRedirect:
        """As at the API's door: a refused attempt at something that the log keeps is kept too."""
        scope = self.get_permission_required()[0]
        if self.audited:
            target, prompt_id = self.refused_target()
            error = MissingScope(f"This needs the scope {scope}.")
            unit.denied(self.audited, target, by=self.actor, error=error, prompt_id=prompt_id)
        raise PermissionDenied

    def refused_target(self) -> tuple[str, UUID | None]:
        """What the log says was aimed at when the door refused: the object, and the prompt it belongs to."""
        return str(next(iter(self.kwargs.values()), "")), None

    def told(self, refused: Refused) -> HttpResponseBase:  # noqa: ARG002 — for those that ask
        """The answer to a refusal: back to where the button stood, where its sentence is shown."""
        return redirect(origin_of(self.request))

    def say(self, sentence: str) -> None:
        """What has happened, on the next page."""
        messages.success(self.request, sentence)

    def read(self, form: type[Form], **more: Any) -> dict[str, Any]:
        """The checked fields of a form, as the API's door reads them. Raises ValidationError."""
        sent = self.request.POST
        names = (str(name) for name in form().fields)
        filled = form(data={name: sent[name] for name in names if name in sent} | more)
        filled.is_valid(raise_exception=True)
        return dict(filled.validated_data)


def origin_of(request: HttpRequest) -> str:
    """The page of the console from which something was sent; the start page where none is named."""
    home = reverse("console:home")
    sent = urlsplit(request.headers.get("Referer", ""))
    if sent.netloc != request.get_host() or not sent.path.startswith(home):
        return home
    return f"{sent.path}?{sent.query}" if sent.query else sent.path


def sentence_of(refused: Refused) -> str:
    """A refusal as one sentence; of fields, the first that was refused."""
    if isinstance(refused, ValidationError):
        refused = Invalid.fields(flat_messages(refused.detail))
    return refused.message


# ----------------------------------------------------------------------------- long lists
@dataclass(frozen=True)
class Stretch(Generic[Row]):
    """Some rows of a long list, and the addresses of those before and after."""

    rows: list[Row]
    newer: str
    older: str


def stretch(request: HttpRequest, rows: models.QuerySet[Row], *, by: str = "id", length: int = 50) -> Stretch[Row]:
    """The newest rows, or those that the address asks for: `before` or `after` a value of the unique column `by`."""
    before, after = (_position(rows.model, by, request.GET.get(name)) for name in ("before", "after"))
    if after is not None:
        found = list(rows.filter(**{f"{by}__gt": after}).order_by(by)[: length + 1])
        has_newer, has_older = len(found) > length, True
        found = found[:length][::-1]
    else:
        chosen = rows if before is None else rows.filter(**{f"{by}__lt": before})
        found = list(chosen.order_by(f"-{by}")[: length + 1])
        has_newer, has_older = before is not None, len(found) > length
        found = found[:length]
    if not found:
        return Stretch([], "", "")
    newest, oldest = getattr(found[0], by), getattr(found[-1], by)
    return Stretch(
        found,
        _address(request, after=newest) if has_newer else "",
        _address(request, before=oldest) if has_older else "",
    )


def _position(model: type[models.Model], by: str, text: str | None) -> Any:
    """A place in a list as it stands in an address; what is none is the beginning."""
    if not text:
        return None
    try:
        return UUID(text) if isinstance(model._meta.get_field(by), models.UUIDField) else int(text[:18])  # noqa: SLF001
    except ValueError:
        return None


def _address(request: HttpRequest, **place: Any) -> str:
    kept = {name: value for name, value in request.GET.items() if name not in ("before", "after")}
    return "?" + urlencode({**kept, **place})


# ----------------------------------------------------------------------------- addresses
def page(route: str, view: type[Page], name: str) -> URLPattern:
    """A page of the console, for whoever is logged in."""
    shown = view.as_view(model_admin=site.get_model_admin(view.model))
    return path(route, site.admin_view(shown), name=name)


def button(route: str, view: type[View], name: str) -> URLPattern:
    """A button of the console, for whoever is logged in; whoever is no longer is led back to where it stood."""
    pressed = site.admin_view(view.as_view())

    @functools.wraps(pressed)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not site.has_permission(request):
            return redirect_to_login(origin_of(request), reverse("admin:login"))
        return pressed(request, **kwargs)

    return path(route, guarded, name=name)
