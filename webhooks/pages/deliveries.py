"""What was sent, in the console: deliveries with their last attempts, and one of them with all that it was."""

from typing import Any

import orjson
from django.db.models import Q
from django.db.models.functions import Left
from django.urls import reverse

from audit.models import OutboxEvent
from prompts.models import Prompt
from pvc.pages import Button, Page, stretch
from webhooks.actions import sending
from webhooks.message import body_of
from webhooks.models import Attempt, Delivery
from webhooks.pages.finding import delivery_of, endpoint_of, outcome_of

#: Characters of an answer in a list; the page of a delivery has all that is kept.
BEGINNING = 200
#: Attempts that the page of a delivery shows: ten for each time that it was asked for.
MOST_ATTEMPTS = 50
#: What can be asked for alone.
_CHOICES = {
    "pending": Q(due_at__isnull=False),
    "given-up": Q(status__in=[Delivery.EXHAUSTED, Delivery.QUARANTINED]),
}


class DeliveriesPage(Page):
    """What a subscription was sent, the newest first."""

    model = Prompt
    template_name = "admin/console/deliveries.html"
    permission_required = "webhooks:write"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        endpoint = endpoint_of(self.actor, kwargs["webhook_id"])
        self.title = f"Sent to {endpoint.host}"
        chosen = self.asked("only")
        rows = Delivery.objects.visible_to(self.actor).filter(_CHOICES.get(chosen, Q()), endpoint=endpoint)
        part = stretch(self.request, rows)
        with_last_attempts(part.rows)
        return {"endpoint": endpoint, "part": part, "chosen": chosen}


def with_last_attempts(deliveries: list[Delivery]) -> list[Delivery]:
    """The same deliveries, each with its last attempt as `last`, in one query."""
    newest = Attempt.objects.filter(delivery__in=deliveries).order_by("delivery", "-number").distinct("delivery")
    found = {each.delivery_id: each for each in newest.defer("excerpt").annotate(beginning=Left("excerpt", BEGINNING))}
    for each in found.values():
        _describe(each)
    for delivery in deliveries:
        vars(delivery)["last"] = found.get(delivery.pk)
    return deliveries


def _describe(attempt: Attempt) -> None:
    vars(attempt)["outcome"] = outcome_of(attempt.status, attempt.error)


class DeliveryPage(Page):
    """One delivery: the body that is sent, and every attempt with its answer."""

    model = Prompt
    template_name = "admin/console/delivery.html"
    permission_required = "webhooks:write"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        delivery = delivery_of(self.actor, kwargs["delivery_id"])
        self.title = f"Delivery of {delivery.type} to {delivery.endpoint.host}"
        attempts = list(Attempt.objects.filter(delivery=delivery).order_by("-number")[:MOST_ATTEMPTS])
        for each in attempts:
            _describe(each)
        event = OutboxEvent.objects.filter(tenant_id=self.actor.tenant.pk, pk=delivery.event_id).first()
        return {
            "delivery": delivery,
            "attempts": attempts,
            "body": _readable(body_of(event, delivery.endpoint.kind)) if event else "",
        }


def _readable(body: bytes) -> str:
    """The body with line ends, in its own order."""
    return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()


class Redeliver(Button):
    permission_required = "webhooks:write"

    def press(self, **kwargs: Any) -> str:
        delivery = sending.redeliver(delivery_of(self.actor, kwargs["delivery_id"]), by=self.actor)
        self.say("It is sent again now, under the same id.")
        return reverse("console:delivery", args=[delivery.pk])
