"""Verbs of the log's own upkeep. They leave no entry: nobody did anything to a prompt."""

from django.utils import timezone

from audit.idempotency import KEPT_FOR
from audit.models import Heartbeat, IdempotencyRecord


def heartbeat(worker: str) -> None:
    """A worker's sign of life, which `/ready` reads."""
    Heartbeat.objects.update_or_create(worker=worker, defaults={"at": timezone.now()})


def purge_idempotency_records() -> int:
    """Drop the kept answers whose time is over. Returns how many went."""
    deleted, _ = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    return deleted
