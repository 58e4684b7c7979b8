"""Doors for Celery: the pool's processes help where several evaluations wait; and upkeep by the hour."""

import time

from celery import shared_task

from evaluations import worker
from evaluations.actions import runs

#: After so long no other evaluation is begun: with the longest one it stays below a task's time limit.
SECONDS = 30.0


@shared_task(name="evaluations.purge")
def purge() -> None:
    """What is kept for a while goes when its time is over."""
    runs.purge_receipts()


@shared_task(name="evaluations.run_due")
def run_due() -> None:
    """Take evaluations that are due until there are none, or the time is over."""
    until = time.monotonic() + SECONDS
    worker.run_here("pool", lambda: time.monotonic() < until)
