"""Subscriptions in the console: who is told of what, and how that goes. A secret is shown once, when it is made."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import site
from django.http import QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from audit.events import EVENTS, PUBLIC, UNRECORDED
from prompts.models import Prompt
from pvc.api import flat_messages
from pvc.errors import Invalid
from pvc.keeping import KeepingButton, KeepingPage
from pvc.pages import Button, Page, Refused, stretch
from pvc.standard_webhooks import SECRET_LENGTHS
from webhooks import standing, trial
from webhooks.actions import endpoints, sending
from webhooks.models import EVERYTHING, SLACK, STANDARD, Delivery, WebhookEndpoint
from webhooks.pages.deliveries import with_last_attempts
from webhooks.pages.finding import endpoint_of, outcome_of
from webhooks.serializers import NewSubscription, ReplayForm, SubscriptionChanges

#: Deliveries that a subscription's own page shows.
LATEST = 5
_FIXED = {
    "kinds": [(STANDARD, "the event itself, as JSON"), (SLACK, "a sentence, for a channel of Slack")],
    "everything": EVERYTHING,
    "shortest_secret": SECRET_LENGTHS.start,
    "longest_secret": SECRET_LENGTHS[-1],
    "most_counted": standing.MOST_COUNTED,
}
_MEANINGS = {each.public: each.meaning for each in reversed((*EVENTS.values(), *UNRECORDED)) if each.public}


class WebhooksPage(Page):
    """The tenant's subscriptions, the newest first, each with how it does."""

    model = Prompt
    title = "Webhooks"
    template_name = "admin/console/webhooks.html"
    permission_required = "webhooks:write"

    def shown(self, **_: Any) -> dict[str, Any]:
        part = stretch(self.request, WebhookEndpoint.objects.visible_to(self.actor))
        standings = standing.standings_of(part.rows)
        for endpoint in part.rows:
            _describe(endpoint, standings[endpoint.pk])
        return {"part": part, "most_counted": standing.MOST_COUNTED}


def _describe(endpoint: WebhookEndpoint, found: standing.Standing) -> None:
    """Put beside an endpoint what its row does not say: its state in a word, and its counts."""
    kept = vars(endpoint)
    kept["state"], kept["pending"], kept["given_up"] = _state_of(endpoint), found.pending, found.given_up


def _state_of(endpoint: WebhookEndpoint) -> str:
    if not endpoint.is_active:
        return "off"
    return "failing" if endpoint.failing_since else "on"


# ----------------------------------------------------------------------------- one of them
class SubscriptionForm(KeepingPage):
    """The fields of a subscription: what is kept, or what was sent and refused, but never a secret."""

    model = Prompt
    permission_required = "webhooks:write"

    def fields(self, endpoint: WebhookEndpoint | None) -> dict[str, Any]:
        sent, faults = _as_sent(self.request.POST, self.refused) if self.refused else (_as_kept(endpoint), {})
        events = [(name, _MEANINGS.get(name, "Nothing sends it yet.")) for name in sorted(PUBLIC)]
        return {"endpoint": endpoint, "sent": sent, "faults": faults, "events": events, **_FIXED}


class NewSubscriptionPage(SubscriptionForm):
    """An address that is about to be told of events."""

    title = "Subscribe an address"
    template_name = "admin/console/webhook_new.html"

    def shown(self, **_: Any) -> dict[str, Any]:
        return self.fields(None)


class SubscriptionPage(SubscriptionForm):
    """One subscription: how it does, what was sent last, and all that can be done about it."""

    template_name = "admin/console/webhook.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        endpoint = endpoint_of(self.actor, kwargs["webhook_id"])
        _describe(endpoint, standing.standings_of([endpoint])[endpoint.pk])
        self.title = f"Webhook to {endpoint.host}"
        deliveries = Delivery.objects.visible_to(self.actor).filter(endpoint=endpoint)
        until = endpoint.previous_until
        return {
            **self.fields(endpoint),
            "latest": with_last_attempts(list(deliveries.order_by("-id")[:LATEST])),
            "previous_until": until if until and until > timezone.now() else None,
        }


def _as_kept(endpoint: WebhookEndpoint | None) -> dict[str, Any]:
    fresh = endpoint or WebhookEndpoint(events=[])
    return {name: getattr(fresh, name) for name in ("url", "kind", "description", "events")}


def _as_sent(sent: QueryDict, refused: Refused) -> tuple[dict[str, Any], dict[str, list[str]]]:
    faults: dict[str, list[str]] = {}
    if isinstance(refused, ValidationError):
        faults = flat_messages(refused.detail)
    elif isinstance(refused, Invalid):
        faults = refused.details.get("fields", {})
    kept = {name: sent.get(name, "") for name in ("url", "kind", "description")}
    return {**kept, "events": sent.getlist("events")}, faults


class SecretPage(Page):
    """A secret, at the only moment when it is shown. It is the answer to a button, and has no address."""

    model = Prompt
    title = "The secret of the webhook"
    template_name = "admin/console/webhook_secret.html"
    permission_required = "webhooks:write"
    http_method_names = ["post"]
    #: What was made or rotated.
    made: endpoints.Subscribed | None = None

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.get(request, *args, **kwargs)

    def shown(self, **_: Any) -> dict[str, Any]:
        return {"made": self.made}


# ----------------------------------------------------------------------------- buttons that ask for the password
class DecidingButton(KeepingButton):
    """Where events go, and who can prove that they are ours, is not left to whoever finds a browser open."""

    permission_required = "webhooks:write"
    decides = True

    def page_for(self, refused: Refused) -> type[KeepingPage] | None:  # noqa: ARG002
        """Where nothing was typed, it is told as everywhere."""
        return None

    def endpoint(self) -> WebhookEndpoint:
        webhook_id: UUID = self.kwargs["webhook_id"]
        return endpoint_of(self.actor, webhook_id)

    def changed(self, changes: dict[str, Any], sentence: str) -> str:
        """Change the subscription, say so, and go to its page."""
        endpoint = endpoints.update_endpoint(self.endpoint(), changes, by=self.actor)
        self.say(sentence)
        return reverse("console:webhook", args=[endpoint.pk])

    def shown_once(self, made: endpoints.Subscribed) -> HttpResponseBase:
        page = SecretPage.as_view(model_admin=site.get_model_admin(Prompt), made=made)
        return page(self.request)


class Subscribe(DecidingButton):
    def page_for(self, refused: Refused) -> type[KeepingPage]:  # noqa: ARG002
        return NewSubscriptionPage

    def press(self, **_: Any) -> HttpResponseBase:
        sent = self.request.POST
        fields = self.read(NewSubscription, events=sent.getlist("events"), secret=sent.get("secret") or None)
        made = endpoints.create_endpoint(
            fields["url"],
            events=fields["events"],
            secret=fields["secret"],
            kind=fields.get("kind", STANDARD),
            description=fields.get("description") or "",
            by=self.actor,
        )
        return self.shown_once(made)


class ChangeSubscription(DecidingButton):
    def page_for(self, refused: Refused) -> type[KeepingPage]:  # noqa: ARG002
        return SubscriptionPage

    def press(self, **_: Any) -> str:
        fields = self.read(SubscriptionChanges, events=self.request.POST.getlist("events"))
        fields.pop("is_active", None)
        return self.changed(fields, "The subscription is as you asked.")


class SwitchOff(DecidingButton):
    def press(self, **_: Any) -> str:
        return self.changed({"is_active": False}, "It is off: it is sent nothing, and what was on its way has ended.")


class SwitchOn(DecidingButton):
    def press(self, **_: Any) -> str:
        return self.changed({"is_active": True}, "It is on. What it missed is sent when you replay it.")


class RotateSecret(DecidingButton):
    def press(self, **_: Any) -> HttpResponseBase:
        return self.shown_once(endpoints.rotate_secret(self.endpoint(), by=self.actor))


class DeleteSubscription(DecidingButton):
    def press(self, **_: Any) -> str:
        endpoint = self.endpoint()
        endpoints.delete_endpoint(endpoint, by=self.actor)
        self.say(f"The subscription of {endpoint.host} is deleted, with all that was sent to it.")
        return reverse("console:webhooks")


# ----------------------------------------------------------------------------- buttons that send
class TestSubscription(Button):
    """Sends a message now, and says what came of it."""

    permission_required = "webhooks:write"

    def press(self, **kwargs: Any) -> str:
        endpoint = endpoint_of(self.actor, kwargs["webhook_id"])
        told = trial.sent_to(endpoint, by=self.actor)
        outcome = outcome_of(told.get("status"), told.get("error", ""))
        if told["success"]:
            self.say(f"The test message arrived: the receiver {outcome}.")
        else:
            messages.error(self.request, f"The test message failed: {outcome}")
        return reverse("console:webhook", args=[endpoint.pk])


class Replay(Button):
    permission_required = "webhooks:write"

    def press(self, **kwargs: Any) -> str:
        endpoint, sent = endpoint_of(self.actor, kwargs["webhook_id"]), self.request.POST
        fields = self.read(ReplayForm, since=sent.get("since") or None, until=sent.get("until") or None)
        count = sending.replay(endpoint, since=fields["since"], until=fields["until"], by=self.actor)
        self.say(f"Events that are sent again: {count}." if count else "It subscribes to nothing that happened then.")
        return reverse("console:deliveries", args=[endpoint.pk])
