"""Verbs of the log's own upkeep. They leave no entry: nobody did anything to a prompt."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models.functions import Now
from django.utils import timezone

from audit.idempotency import KEPT_FOR
from audit.models import Heartbeat, IdempotencyRecord, OutboxEvent

#: How long events, and what was sent of them, are kept to be sent again.
EVENTS_KEPT_FOR = timedelta(days=30)


def claim_events(most: int) -> list[OutboxEvent]:
    """The oldest events that nobody has seen to, held until the transaction ends; another claimant gets others."""
    waiting = OutboxEvent.objects.filter(dispatched_at__isnull=True).order_by("id")
    return list(waiting.select_for_update(skip_locked=True, no_key=True)[:most])


def mark_dispatched(events: Iterable[OutboxEvent]) -> None:
    """These were seen to."""
    OutboxEvent.objects.filter(pk__in=[event.pk for event in events]).update(dispatched_at=Now())


def events_between(tenant_id: UUID, since: datetime | None, until: datetime | None) -> Iterator[OutboxEvent]:
    """A tenant's events of a stretch of time, the oldest first, as far as they are still kept."""
    found = OutboxEvent.objects.filter(tenant_id=tenant_id, dispatched_at__isnull=False)
    if since:
        found = found.filter(created_at__gte=since)
    if until:
        found = found.filter(created_at__lte=until)
    return found.order_by("id").iterator(chunk_size=1_000)


def purge_events() -> int:
    """Drop events that were seen to and are old. Returns how many went."""
    old = OutboxEvent.objects.filter(dispatched_at__lt=Now() - EVENTS_KEPT_FOR)
    total = 0
    while ids := list(old.values_list("pk", flat=True)[:5000]):
        total += OutboxEvent.objects.filter(pk__in=ids).delete()[0]
    return total


def heartbeat(worker: str) -> None:
    """A worker's sign of life by the database's clock, which `/ready` reads."""
    Heartbeat.objects.update_or_create(worker=worker, defaults={"at": Now()})


def forget_dead_workers() -> int:
    """Drop the heartbeats of workers not heard of for a day. Returns how many went."""
    deleted, _ = Heartbeat.objects.filter(at__lt=Now() - timedelta(days=1)).delete()
    return deleted


def purge_idempotency_records() -> int:
    """Drop the kept answers whose time is over. Returns how many went."""
    old = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    total = 0
    # In parts, so that no backlog is too long for one statement's time.
    while ids := list(old.values_list("pk", flat=True)[:5000]):
        total += IdempotencyRecord.objects.filter(pk__in=ids).delete()[0]
    return total
