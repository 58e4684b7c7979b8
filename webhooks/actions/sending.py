"""Verbs on what is sent: fanned out from events, sent again, and given up where nobody listens any more."""

import datetime as dt
from collections.abc import Iterable
from itertools import islice
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from audit.actions import EVENTS_KEPT_FOR, claim_events, events_between, mark_dispatched
from audit.models import OutboxEvent
from audit.unit import record, verb, wake_workers
from pvc.errors import Conflict, DomainError
from pvc.ids import new_id
from tenants.models import Actor
from webhooks.actions.endpoints import cancel
from webhooks.models import Delivery, WebhookEndpoint
from webhooks.queue import Outcome

logger = structlog.get_logger(__name__)

#: Events of one turn of the fan-out, and deliveries of one statement.
AT_ONCE = 500
#: After so long with nothing but failures an endpoint is switched off.
PATIENCE = dt.timedelta(days=5)
GONE = 410


class WebhookInactive(Conflict):
    code = "WEBHOOK_INACTIVE"


# ----------------------------------------------------------------------------- fan-out
def fan_out(_worker: str = "") -> int:
    """Make a delivery of each new event for each endpoint that listens. Returns how many events there were.

    The deliveries commit with the mark that the event was seen to: none is lost, and none made twice.
    """
    total = 0
    while count := _fan_out_some():
        total += count
    return total


def _fan_out_some() -> int:
    with transaction.atomic(durable=True):
        events = claim_events(AT_ONCE)
        if events:
            listening = _listening({event.tenant_id for event in events})
            Delivery.objects.bulk_create(_deliveries(events, listening), batch_size=AT_ONCE, ignore_conflicts=True)
            mark_dispatched(events)
    return len(events)


def _listening(tenants: Iterable[UUID]) -> dict[UUID, list[WebhookEndpoint]]:
    found: dict[UUID, list[WebhookEndpoint]] = {}
    for endpoint in WebhookEndpoint.objects.filter(tenant__in=list(tenants), is_active=True):
        found.setdefault(endpoint.tenant_id, []).append(endpoint)
    return found


def _deliveries(events: Iterable[OutboxEvent], listening: dict[UUID, list[WebhookEndpoint]]) -> Iterable[Delivery]:
    for event in events:
        for endpoint in listening.get(event.tenant_id, []):
            if endpoint.listens_to(event.type):
                yield _delivery(endpoint, event)


def _delivery(endpoint: WebhookEndpoint, event: OutboxEvent) -> Delivery:
    """Due at once, by the database's clock."""
    return Delivery(
        id=new_id(),
        tenant_id=endpoint.tenant_id,
        endpoint=endpoint,
        event_id=event.pk,
        type=event.type,
        due_at=Now(),
    )


# ----------------------------------------------------------------------------- again
@verb
def redeliver(delivery: Delivery, *, by: Actor) -> Delivery:
    """Send a delivery again from the beginning of its schedule, under the same id. What is pending is sent now."""
    delivery = Delivery.objects.select_for_update(of=("self",)).select_related("endpoint").get(pk=delivery.pk)
    _require_active(delivery.endpoint)
    delivery.status, delivery.due_at, delivery.ended_at = Delivery.PENDING, Now(), None
    delivery.attempts, delivery.claims, delivery.token = 0, 0, delivery.token + 1
    delivery.save(update_fields=["status", "due_at", "ended_at", "attempts", "claims", "token"])
    record("webhook.redelivered", delivery, by=by, host=delivery.endpoint.host, eventId=str(delivery.event_id))
    wake_workers()
    delivery.refresh_from_db()
    return delivery


@verb
def replay(
    endpoint: WebhookEndpoint, *, by: Actor, since: dt.datetime | None = None, until: dt.datetime | None = None
) -> int:
    """Send every event of a stretch of time again, as far as the endpoint listens. Returns how many.

    Also what it was never sent: it was off, or had not subscribed yet.
    """
    _require_active(endpoint)
    listened = (each for each in events_between(endpoint.tenant_id, since, until) if endpoint.listens_to(each.type))
    count = 0
    while events := list(islice(listened, AT_ONCE)):
        count += len(events)
        _send_again(endpoint, events)
    record(
        "webhook.replayed",
        endpoint,
        by=by,
        host=endpoint.host,
        count=count,
        since=since.isoformat() if since else None,
        until=until.isoformat() if until else None,
    )
    wake_workers()
    return count


def _send_again(endpoint: WebhookEndpoint, events: list[OutboxEvent]) -> None:
    there = Delivery.objects.filter(endpoint=endpoint, event_id__in=[event.pk for event in events])
    there.exclude(Q(status=Delivery.PENDING, attempts=0)).update(
        status=Delivery.PENDING, due_at=Now(), ended_at=None, attempts=0, claims=0, token=F("token") + 1
    )
    made = [_delivery(endpoint, event) for event in events]
    Delivery.objects.bulk_create(made, ignore_conflicts=True)


def _require_active(endpoint: WebhookEndpoint) -> None:
    if not endpoint.is_active:
        raise WebhookInactive("This subscription is off: nothing is sent to it. Switch it on first.")


# ----------------------------------------------------------------------------- health
def note_health(outcomes: Iterable[Outcome]) -> None:
    """Keep since when an endpoint has only failed, and switch off what is gone, or has failed for five days."""
    well = {each.taken.endpoint_id for each in outcomes if each.status == Delivery.DELIVERED}
    badly = {each.taken.endpoint_id for each in outcomes if each.answered or each.error} - well
    WebhookEndpoint.objects.filter(pk__in=well, failing_since__isnull=False).update(failing_since=None)
    now = timezone.now()
    WebhookEndpoint.objects.filter(pk__in=badly, failing_since__isnull=True).update(failing_since=now)
    gone = {each.taken.endpoint_id for each in outcomes if each.answered == GONE}
    tired = WebhookEndpoint.objects.filter(pk__in=badly, is_active=True).select_related("tenant")
    for endpoint in tired.filter(Q(pk__in=gone) | Q(failing_since__lt=now - PATIENCE)):
        told = "The receiver answered 410: it is gone." if endpoint.pk in gone else "Five days of nothing but failures."
        try:
            disable_endpoint(endpoint, reason=told, by=Actor(endpoint.tenant, None, "system"))
        except DomainError:  # its tenant's log cannot be written: that is no reason to send others nothing
            logger.exception("endpoint not switched off", endpoint=str(endpoint.pk))


@verb
def disable_endpoint(endpoint: WebhookEndpoint, *, reason: str, by: Actor) -> None:
    """Switch an endpoint off, and say so to whoever else listens."""
    endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    if not endpoint.is_active:
        return
    endpoint.is_active, endpoint.disabled_reason, endpoint.updated_at = False, reason, timezone.now()
    endpoint.save(update_fields=["is_active", "disabled_reason", "updated_at"])
    cancel(endpoint)
    record("webhook.disabled", endpoint, by=by, endpointId=str(endpoint.pk), host=endpoint.host, reason=reason)


# ----------------------------------------------------------------------------- upkeep
def purge_deliveries() -> int:
    """Drop deliveries that ended as long ago as events are kept, with their attempts. Returns how many went."""
    old = Delivery.objects.filter(created_at__lt=timezone.now() - EVENTS_KEPT_FOR, due_at__isnull=True)
    total = 0
    while ids := list(old.values_list("pk", flat=True)[:AT_ONCE]):
        total += Delivery.objects.filter(pk__in=ids).delete()[0]
    return total
