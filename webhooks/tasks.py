"""Doors for the beat: upkeep by the hour."""

from celery import shared_task

from webhooks.actions import sending


@shared_task(name="webhooks.purge")
def purge() -> None:
    """What was sent is kept as long as the events are."""
    sending.purge_deliveries()
