"""Verbs of the log's own upkeep. They leave no entry: nobody did anything to a prompt."""

from datetime import timedelta

from django.db.models.functions import Now
from django.utils import timezone

from audit.idempotency import KEPT_FOR
from audit.models import Heartbeat, IdempotencyRecord


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
