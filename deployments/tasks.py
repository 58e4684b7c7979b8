"""Doors for the beat: upkeep by the hour."""

import structlog
from celery import shared_task

from deployments.actions import sketching

logger = structlog.get_logger(__name__)


@shared_task(name="deployments.maintain")
def maintain() -> None:
    """Partitions for the days to come, an end to those whose time is over, and an alarm where rows had none."""
    for each in sketching.maintain_partitions():
        logger.info("partition", done=each.done, partition=each.name, moved=each.moved)
    sketching.purge_hours()
    if rows := sketching.rows_without_partition():
        logger.error("metrics without a partition", rows=rows)
