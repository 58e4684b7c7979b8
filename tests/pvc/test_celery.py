"""The sweeper: every second or on a ring, whatever fails."""

import threading
import time
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from pvc import celery, doorbell, store
from pvc.breaker import redis_breaker

swept: list[str] = []


def note(worker: str) -> None:
    swept.append(worker)


def fail(worker: str) -> None:
    raise RuntimeError


def miss_the_database(worker: str) -> None:
    raise OperationalError


@pytest.fixture(autouse=True)
def anew() -> None:
    swept.clear()
    redis_breaker.reset()
    store.client().delete(doorbell._BELL)


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
