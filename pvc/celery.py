"""Celery, and the sweeper: a thread in each worker that does what is due, whether or not anybody rang."""

import os
import threading
from collections.abc import Callable
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.signals import task_postrun, task_prerun
from django.db import InterfaceError, OperationalError, close_old_connections, connections
from django.utils.module_loading import import_string

from pvc import doorbell

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pvc.settings")

logger = structlog.get_logger(__name__)

app = Celery("pvc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

#: What a sweep does, each in its own right: called with the worker's name. The models they need are loaded
#: after this module, hence the dotted names.
SWEEPS = ("audit.actions.heartbeat", "audit.sealing.seal_due")
SECONDS_BETWEEN = 1.0


def sweep(worker: str) -> None:
    """Do what is due. A job that fails is logged and stops neither the others nor the next sweep."""
    for path in SWEEPS:
        job: Callable[[str], object] = import_string(path)
        try:
            job(worker)
        except (OperationalError, InterfaceError) as away:
            logger.warning("sweep without database", job=path, error=str(away).strip())
        except Exception:
            logger.exception("sweep failed", job=path)


class Sweeper(bootsteps.StartStopStep):
    """Sweeps in the worker's parent process, so it goes on while Redis is away and the pool is busy."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._stopping = threading.Event()

    def start(self, worker: Any) -> None:
        threading.Thread(target=self._run, args=(worker.hostname,), name="sweeper", daemon=True).start()

    def stop(self, _worker: Any) -> None:
        self._stopping.set()
        doorbell.ring()

    def _run(self, worker: str) -> None:
        while not self._stopping.is_set():
            try:
                close_old_connections()
                sweep(worker)
                doorbell.wait(SECONDS_BETWEEN)
            except Exception:
                logger.exception("sweeper stumbled")
                self._stopping.wait(SECONDS_BETWEEN)
        connections.close_all()


app.steps["worker"].add(Sweeper)


@task_prerun.connect
def _bind_task(task_id: str, task: Any, **_signal: Any) -> None:
    """A task's log lines carry its id, as a request's carry theirs."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=task_id, task=task.name)


@task_postrun.connect
def _unbind_task(**_signal: Any) -> None:
    structlog.contextvars.clear_contextvars()
