"""Celery, and the sweeper: threads in each worker that do what is due, whether or not anybody rang.

The rows are the queue. A ring makes it sooner, and where several rows wait, tasks ask the pool's processes to help:
both need Redis, and nothing is lost without it.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from celery import Celery, bootsteps
from celery.signals import task_postrun, task_prerun
from django.db import InterfaceError, OperationalError, close_old_connections, connections
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError as BrokerError

from pvc import doorbell
from pvc.breaker import redis_breaker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pvc.settings")

logger = structlog.get_logger(__name__)

app = Celery("pvc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

#: What a sweep does, each in its own right: called with the worker's name. The models they need are loaded
#: after this module, hence the dotted names.
SWEEPS = ("audit.actions.heartbeat", "audit.sealing.seal_due", "webhooks.actions.sending.fan_out")
SECONDS_BETWEEN = 1.0


class Work(NamedTuple):
    """What may take longer than a sweep and is done beside it, in a thread of its own; all three by dotted names."""

    #: Called with the worker's name and a function that says whether to go on.
    job: str
    #: How many rows wait for it.
    waiting: str
    #: The task that does the same in the pool, where its processes can help.
    task: str = ""


WORK = (
    Work("evaluations.worker.run_here", "evaluations.queue.waiting", "evaluations.run_due"),
    Work("evaluations.worker.call_due", "evaluations.queue.calls_waiting"),
    Work("webhooks.worker.deliver_due", "webhooks.queue.waiting"),
    Work("deployments.actions.sketching.sketch_due", "deployments.actions.sketching.hours_waiting"),
)
#: How many processes of the pool are asked to help at most, and how long a task may wait to be taken, in seconds.
HELPERS = 2
TASK_EXPIRES = 5
#: How long a stopping worker waits for what its threads have begun, in seconds.
GRACE = 10.0
_BROKER_TIMEOUTS = {"socket_connect_timeout": 0.2, "socket_timeout": 0.3, "max_retries": 0}


def sweep(worker: str) -> None:
    """Do what is due. A job that fails is logged and stops neither the others nor the next sweep."""
    for path in SWEEPS:
        attempt(path, worker)


def attempt(path: str, *given: object) -> Any:
    """Call a job by its dotted name; what goes wrong is logged, and None returned."""
    job: Callable[..., object] = import_string(path)
    try:
        return job(*given)
    except (OperationalError, InterfaceError) as away:
        logger.warning("sweep without database", job=path, error=str(away).strip())
    except Exception:
        logger.exception("sweep failed", job=path)
    return None


def ask_the_pool(task: str, times: int) -> None:
    """Send a task so many times. Never raises, and waits for no broker."""
    redis_breaker.call(lambda: _send(task, times), None)


def _send(task: str, times: int) -> None:
    try:
        with app.connection_for_write(transport_options=_BROKER_TIMEOUTS) as broker:
            for _ in range(times):
                app.send_task(task, connection=broker, retry=False, expires=TASK_EXPIRES)
    except BrokerError as away:  # what kombu makes of every fault of the connection
        raise ConnectionError(str(away)) from away


class Sweeper(bootsteps.StartStopStep):
    """Sweeps in the worker's parent process, so it goes on while Redis is away and the pool is busy."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._stopping = threading.Event()
        self._bells = {work: threading.Event() for work in WORK}
        self._threads: list[threading.Thread] = []

    def start(self, worker: Any) -> None:
        self._begin("sweeper", self._sweep, worker.hostname)
        for work in WORK:
            self._begin(work.job, self._do, work, worker.hostname)

    def _begin(self, name: str, run: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=run, args=given, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, _worker: Any) -> None:
        self._stopping.set()
        doorbell.ring()
        for bell in self._bells.values():
            bell.set()
        for thread in self._threads:
            thread.join(GRACE)

    def _sweep(self, worker: str) -> None:
        while not self._stopping.is_set():
            try:
                close_old_connections()
                sweep(worker)
                self._wake_who_has_work()
                doorbell.wait(SECONDS_BETWEEN)
            except Exception:
                logger.exception("sweeper stumbled")
                self._stopping.wait(SECONDS_BETWEEN)
        connections.close_all()

    def _wake_who_has_work(self) -> None:
        for work, bell in self._bells.items():
            waiting = attempt(work.waiting) or 0
            if waiting:
                bell.set()
            if waiting > 1 and work.task:
                ask_the_pool(work.task, min(waiting - 1, HELPERS))

    def _do(self, work: Work, worker: str) -> None:
        bell = self._bells[work]
        while bell.wait() and not self._stopping.is_set():
            bell.clear()
            close_old_connections()
            attempt(work.job, worker, lambda: not self._stopping.is_set())
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
