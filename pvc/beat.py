"""The installation's clock: Celery's beat on the schedule in the database, which says at every tick that it goes on."""

from typing import Any

import structlog
from celery.utils.nodenames import gethostname, nodename
from django.db import InterfaceError, OperationalError
from django_celery_beat.schedulers import DatabaseScheduler

from audit import actions

logger = structlog.get_logger(__name__)


class Clock(DatabaseScheduler):  # type: ignore[misc]  # the package has no types
    """Signs beside the workers, every few seconds, after a tick and never beside one: a clock that hangs is silent.

    A row and not a file: the schedule is in that database, so a clock that cannot reach it is of no use either.
    """

    def tick(self, *given: Any, **named: Any) -> Any:
        pause = super().tick(*given, **named)
        try:
            actions.heartbeat(nodename("beat", gethostname()))
        except (OperationalError, InterfaceError) as away:
            logger.warning("tick without database", error=str(away).strip())
        return pause
