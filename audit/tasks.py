"""Doors for the beat: upkeep by the hour."""

from celery import shared_task

from audit import actions


@shared_task(name="audit.purge")
def purge() -> None:
    """What is kept for a while goes when its time is over."""
    actions.purge_idempotency_records()
    actions.forget_dead_workers()
    actions.purge_events()
