"""The doorbell: a ring wakes one who waits; without Redis there is only the wait."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pvc import doorbell, store
from pvc.breaker import redis_breaker


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    redis_breaker.reset()
    store.client().delete(doorbell._BELL)
    yield
    start_anew()


@pytest.fixture
def no_redis(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    start_anew()


def start_anew() -> None:
    store.forget()
    doorbell._listener.cache_clear()
    redis_breaker.reset()


def test_nobody_rings() -> None:
    started = time.monotonic()
    assert doorbell.wait(0.2) is False
    assert time.monotonic() - started >= 0.15


def test_a_ring_wakes_whoever_waits() -> None:
    ringer = threading.Timer(0.1, doorbell.ring)
    ringer.start()
    started = time.monotonic()
    assert doorbell.wait(5) is True
    assert time.monotonic() - started < 2
    ringer.join()


def test_many_rings_before_anybody_listens_are_one() -> None:
    for _ in range(5):
        doorbell.ring()
    assert doorbell.wait(0.2) is True
    assert doorbell.wait(0.2) is False


def test_a_ring_nobody_hears_does_not_stay_for_ever() -> None:
    doorbell.ring()
    assert 0 < store.client().ttl(doorbell._BELL) <= 60


@pytest.mark.usefixtures("no_redis")
def test_without_redis_a_ring_is_lost_and_a_wait_is_a_sleep() -> None:
    doorbell.ring()
    started = time.monotonic()
    assert doorbell.wait(0.2) is False
    assert time.monotonic() - started >= 0.19
