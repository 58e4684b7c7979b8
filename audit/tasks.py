"""Doors for the beat: upkeep by the hour."""

from celery import shared_task

from audit import actions


@shared_task(name="audit.purge_idempotency_records")
def purge_idempotency_records() -> None:
    actions.purge_idempotency_records()
