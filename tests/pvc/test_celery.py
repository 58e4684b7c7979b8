"""The sweeper: every second or on a ring, whatever fails; and what is done beside it."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError
from django.utils.module_loading import import_string

from deployments.actions import sketching
from evaluations import queue, tasks, worker
from pvc import celery, doorbell, store
from pvc.breaker import redis_breaker
from webhooks.queue import waiting as deliveries_waiting
from webhooks.worker import deliver_due

QUEUE = "celery"
TASK = "evaluations.run_due"

swept: list[str] = []
#: What a thread beside the sweeper was called with, and how many rows wait for it.
worked: list[str] = []
rows = 0


def note(worker: str) -> None:
    swept.append(worker)


def count() -> int:
    return rows


def work(worker: str, goes_on: Callable[[], bool]) -> None:
    worked.append(worker)


def work_and_fail(worker: str, goes_on: Callable[[], bool]) -> None:
    worked.append(worker)
    raise RuntimeError


def work_until_stopped(worker: str, goes_on: Callable[[], bool]) -> None:
    worked.append(worker)
    while goes_on():
        time.sleep(0.01)
    worked.append("stopped")


def fail(worker: str) -> None:
    raise RuntimeError


def miss_the_database(worker: str) -> None:
    raise OperationalError


@pytest.fixture(autouse=True)
def anew() -> None:
    global rows  # noqa: PLW0603
    rows = 0
    swept.clear()
    worked.clear()
    redis_breaker.reset()
    store.client().delete(doorbell._BELL, QUEUE)


def test_a_job_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = tuple(f"{__name__}.{job}" for job in ("fail", "miss_the_database", "note"))
    monkeypatch.setattr(celery, "SWEEPS", jobs)
    celery.sweep("worker@here")
    assert swept == ["worker@here"]


def test_the_sweeper_sweeps_until_its_worker_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celery, "SWEEPS", (f"{__name__}.note",))
    worker = SimpleNamespace(hostname="worker@here")
    sweeper = celery.Sweeper(worker)
    sweeper.start(worker)
    wait_for(1)
    doorbell.ring()
    wait_for(2)
    sweeper.stop(worker)
    thread = next((each for each in threading.enumerate() if each.name == "sweeper"), None)
    if thread is not None:
        thread.join(timeout=3)
        assert not thread.is_alive()


def wait_for(sweeps: int) -> None:
    until = time.monotonic() + 3
    while len(swept) < sweeps:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_sweeper_starts_with_every_worker() -> None:
    assert celery.Sweeper in celery.app.steps["worker"]
    assert celery.SWEEPS[0] == "audit.actions.heartbeat"


# ----------------------------------------------------------------------------- beside it
@contextmanager
def sweeping(monkeypatch: pytest.MonkeyPatch, job: Callable[..., None]) -> Iterator[None]:
    """A sweeper whose one work is this job; its threads are stopped at the end of the block."""
    monkeypatch.setattr(celery, "SWEEPS", (f"{__name__}.note",))
    monkeypatch.setattr(celery, "WORK", (celery.Work(f"{__name__}.{job.__name__}", f"{__name__}.count", TASK),))
    parent = SimpleNamespace(hostname="worker@here")
    sweeper = celery.Sweeper(parent)
    sweeper.start(parent)
    yield
    sweeper.stop(parent)
    assert not {each.name for each in threading.enumerate()} & {"sweeper", TASK}


def wait_until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_work_is_done_where_rows_wait_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    global rows  # noqa: PLW0603
    with sweeping(monkeypatch, work):
        wait_for(1)
        doorbell.ring()
        wait_for(2)
        assert worked == []
        rows = 1
        doorbell.ring()
        wait_until(lambda: worked == ["worker@here"])


def test_work_that_fails_is_begun_again_by_the_next_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    global rows  # noqa: PLW0603
    rows = 1
    with sweeping(monkeypatch, work_and_fail):
        wait_until(lambda: len(worked) >= 2)


def test_a_long_work_stops_no_sweep_and_ends_with_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    global rows  # noqa: PLW0603
    rows = 1
    with sweeping(monkeypatch, work_until_stopped):
        wait_until(lambda: bool(worked))
        before = len(swept)
        doorbell.ring()
        wait_for(before + 1)
        assert worked == ["worker@here"]
    assert worked == ["worker@here", "stopped"]


def test_rows_that_cannot_be_counted_are_not_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    sweeper = celery.Sweeper(SimpleNamespace(hostname="worker@here"))
    monkeypatch.setattr(celery, "attempt", lambda _path: None)
    sweeper._wake_who_has_work()
    assert not any(bell.is_set() for bell in sweeper._bells.values())


def test_what_is_due_is_worked_on_by_the_functions_that_are_named() -> None:
    here, calls, deliveries, sketches = celery.WORK
    assert import_string(deliveries.job) is deliver_due
    assert import_string(deliveries.waiting) is deliveries_waiting
    assert [import_string(each.job) for each in (here, calls)] == [worker.run_here, worker.call_due]
    assert [import_string(each.waiting) for each in (here, calls)] == [queue.waiting, queue.calls_waiting]
    assert import_string(sketches.job) is sketching.sketch_due
    assert import_string(sketches.waiting) is sketching.hours_waiting
    assert (tasks.run_due.name, calls.task) == (here.task, "") == (TASK, "")


# ----------------------------------------------------------------------------- the pool
@pytest.fixture
def _broker_of_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", django_settings.REDIS_URL)
    yield
    store.client().delete(QUEUE)


def messages() -> list[dict[str, Any]]:
    """The tasks that wait for a process of the pool."""
    return [json.loads(each)["headers"] for each in store.client().lrange(QUEUE, 0, -1)]


@pytest.mark.usefixtures("_broker_of_this_process")
def test_the_pool_is_asked_as_often_as_told_and_not_for_ever() -> None:
    celery.ask_the_pool(TASK, 2)
    assert [each["task"] for each in messages()] == [TASK, TASK]
    assert all(each["expires"] for each in messages())


@pytest.mark.usefixtures("_broker_of_this_process")
@pytest.mark.parametrize(("waiting", "asked"), [(0, 0), (1, 0), (2, 1), (3, 2), (100, 2)])
def test_the_pool_helps_where_several_rows_wait(waiting: int, asked: int) -> None:
    global rows  # noqa: PLW0603
    rows = waiting
    sweeper = celery.Sweeper(SimpleNamespace(hostname="worker@here"))
    sweeper._bells = {celery.Work("", f"{__name__}.count", TASK): threading.Event()}
    sweeper._wake_who_has_work()
    assert len(messages()) == asked
    assert [bell.is_set() for bell in sweeper._bells.values()] == [waiting > 0]


@pytest.mark.parametrize("listens", [False, True], ids=["nobody listens", "somebody listens and says nothing"])
def test_without_a_broker_the_pool_is_not_asked_and_not_waited_for(
    listens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        monkeypatch.setenv("CELERY_BROKER_WRITE_URL", f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        if not listens:
            server.close()
        begun = time.monotonic()
        celery.ask_the_pool(TASK, 2)
        assert time.monotonic() - begun < 3
    assert redis_breaker.call(lambda: "asked", "left alone") == "left alone"
