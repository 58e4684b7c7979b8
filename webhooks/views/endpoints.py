"""/webhooks: who is told, what was sent, and sending it again."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from pvc.api import ApiViewSet, Form, ImmutableField, without_read_only
from pvc.errors import NotFound
from pvc.outbound import RefusedAddress
from pvc.schema import page_of, refuses
from webhooks import trial
from webhooks.actions import endpoints as actions
from webhooks.actions import sending
from webhooks.models import Delivery, WebhookEndpoint
from webhooks.serializers import (
    DeliveryOut,
    NewSubscription,
    ReplayedOut,
    ReplayForm,
    RotatedOut,
    RotationForm,
    SubscribedOut,
    SubscriptionChanges,
    SubscriptionOut,
    TestedOut,
)


@extend_schema(tags=["Webhooks"])
class WebhookViewSet(ApiViewSet):
    """The tenant's subscriptions."""

    scopes = dict.fromkeys(
        (
            *("list", "create", "retrieve", "update", "remove"),
            *("test", "rotate_secret", "replay", "deliveries", "redeliver"),
        ),
        "webhooks:write",
    )
    one_time_fields = ("secret", "standardSecret")
    outside_units = frozenset({"test"})
    reading = frozenset({"test"})

    @extend_schema(responses=page_of(SubscriptionOut))
    def list(self, request: Request) -> Response:
        """List subscriptions.

        Newest first, those that are switched off too.
        """
        return self.page(WebhookEndpoint.objects.visible_to(self.actor), SubscriptionOut)

    @extend_schema(request=NewSubscription, responses={201: SubscribedOut})
    @refuses(RefusedAddress)
    def create(self, request: Request) -> Response:
        """Subscribe an address to events.

        What is sent is signed as Standard Webhooks say; `secret` is in this answer and in none after it. A receiver
        answers 2xx within 15 seconds; what fails is tried ten times, over three days.
        """
        fields = self.read(NewSubscription)
        made = actions.create_endpoint(
            fields["url"],
            events=fields["events"],
            secret=fields.get("secret"),
            kind=fields.get("kind", "standard"),
            description=fields.get("description") or "",
            is_active=fields.get("is_active", True),
            by=self.actor,
        )
        return self.answer({**SubscriptionOut(made.endpoint).data, **_shown(made)}, status=201)

    @extend_schema(responses=SubscriptionOut)
    def retrieve(self, request: Request, webhook_id: UUID) -> Response:
        """Read a subscription."""
        return self.answer(SubscriptionOut(self._endpoint(webhook_id)).data)

    @extend_schema(request=SubscriptionChanges, responses=SubscriptionOut)
    @refuses(ImmutableField, RefusedAddress)
    def update(self, request: Request, webhook_id: UUID) -> Response:
        """Change a subscription.

        What is left out stays as it is. Switched off, it is sent nothing, and what was on its way ends; what it missed
        can be replayed.
        """
        endpoint = self._endpoint(webhook_id)
        fields = self.read(
            SubscriptionChanges, without_read_only(request.data, SubscriptionOut(endpoint).data, SubscriptionChanges)
        )
        if "description" in fields:
            fields["description"] = fields["description"] or ""
        return self.answer(SubscriptionOut(actions.update_endpoint(endpoint, fields, by=self.actor)).data)

    @extend_schema(responses={204: OpenApiResponse(description="It is sent nothing more.")})
    def remove(self, request: Request, webhook_id: UUID) -> Response:
        """Delete a subscription.

        With its deliveries and their attempts.
        """
        endpoint = self._endpoint(webhook_id)
        self.read(Form)
        actions.delete_endpoint(endpoint, by=self.actor)
        return self.answer(None, status=204)

    @extend_schema(request=None, responses=TestedOut)
    def test(self, request: Request, webhook_id: UUID) -> Response:
        """Send a test message now.

        An event `webhook.test` for this subscription alone, signed like any other; the answer says what came of it.
        """
        endpoint = self._endpoint(webhook_id)
        self.read(Form)
        return self.answer(trial.sent_to(endpoint, by=self.actor))

    @extend_schema(request=RotationForm, responses=RotatedOut)
    def rotate_secret(self, request: Request, webhook_id: UUID) -> Response:
        """Give a subscription another secret.

        For 24 hours messages are signed with the one before as well, in the same header.
        """
        endpoint = self._endpoint(webhook_id)
        made = actions.rotate_secret(endpoint, secret=self.read(RotationForm).get("secret"), by=self.actor)
        until = RotatedOut({"previousValidUntil": made.endpoint.previous_until, **_shown(made)})
        return self.answer(until.data)

    @extend_schema(request=ReplayForm, responses=ReplayedOut)
    @refuses(sending.WebhookInactive)
    def replay(self, request: Request, webhook_id: UUID) -> Response:
        """Send the events of a stretch of time again.

        As far as it subscribes to them, what it was never sent too; each under the id that it had. Events are kept for
        30 days.
        """
        endpoint = self._endpoint(webhook_id)
        fields = self.read(ReplayForm)
        count = sending.replay(endpoint, since=fields.get("since"), until=fields.get("until"), by=self.actor)
        return self.answer({"replayed": count})

    @extend_schema(responses=page_of(DeliveryOut))
    def deliveries(self, request: Request, webhook_id: UUID) -> Response:
        """List what was sent.

        Newest first, each delivery with its attempts. Kept for 30 days.
        """
        rows = Delivery.objects.visible_to(self.actor).filter(endpoint=self._endpoint(webhook_id))
        return self.page(rows.prefetch_related("tries"), DeliveryOut)

    @extend_schema(request=None, responses=DeliveryOut)
    @refuses(sending.WebhookInactive)
    def redeliver(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        """Send one delivery again.

        At once, from the beginning of its schedule, under the same id.
        """
        endpoint = self._endpoint(webhook_id)
        self.read(Form)
        found = Delivery.objects.visible_to(self.actor).filter(endpoint=endpoint, pk=delivery_id).first()
        if found is None:
            raise NotFound("There is no such delivery.")
        return self.answer(DeliveryOut(sending.redeliver(found, by=self.actor)).data)

    def _endpoint(self, webhook_id: UUID) -> WebhookEndpoint:
        found = WebhookEndpoint.objects.visible_to(self.actor).filter(pk=webhook_id).first()
        if found is None:
            raise NotFound("There is no such subscription.")
        return found


def _shown(made: actions.Subscribed) -> dict[str, Any]:
    return {"secret": made.secret.text, "standardSecret": made.secret.standard_text}
