"""Rate limits: exact whatever the number of threads and processes, and still there without Redis."""

import multiprocessing
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from pvc import ratelimit, store
from pvc.breaker import redis_breaker
from pvc.errors import RateLimited


@pytest.fixture(autouse=True)
def limits(settings: Any) -> Iterator[dict[str, int]]:
    settings.RATE_LIMITS = {"anonymous": 100, "write": 200, "read": 0, "hot": 5000, "console": 10}
    settings.WEB_PROCESSES = 2
    settings.REDIS_TIMEOUTS = {"socket_connect_timeout": 0.2, "socket_timeout": 0.3}
    start_anew()
    yield settings.RATE_LIMITS
    start_anew()


@pytest.fixture
def subject() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def no_redis(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    start_anew()


@pytest.fixture
def hung_redis(settings: Any) -> Iterator[None]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        start_anew()
        yield


def start_anew() -> None:
    ratelimit.forget()
    store.forget()
    redis_breaker.reset()


def passed(kind: str, subject: str, calls: int) -> int:
    """How many of so many calls were let through."""
    count = 0
    for _ in range(calls):
        try:
            ratelimit.take(kind, subject)
        except RateLimited:
            continue
        count += 1
    return count


def passed_in_threads(kind: str, subject: str, calls: int, threads: int = 16) -> int:
    counts: list[int] = []
    workers = [threading.Thread(target=lambda: counts.append(passed(kind, subject, calls))) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(counts) == threads
    return sum(counts)


def test_a_kind_without_a_limit_is_not_counted(subject: str) -> None:
    assert ratelimit.take("read", subject) is None


def test_an_allowance_says_what_is_left_and_until_when(subject: str) -> None:
    assert ratelimit.take("write", subject) == (200, 199, 60)
    assert ratelimit.take("write", subject) == (200, 198, 60)


def test_one_call_too_many_is_refused_with_the_seconds_to_wait(subject: str) -> None:
    assert passed("console", subject, 10) == 10
    with pytest.raises(RateLimited) as refused:
        ratelimit.take("console", subject)
    assert refused.value.limit == 10
    assert 1 <= refused.value.retry_after <= 60


@pytest.mark.parametrize("kind", ["write", "hot"])
def test_exactly_the_limit_passes_under_16_threads(kind: str, subject: str, limits: dict[str, int]) -> None:
    assert passed_in_threads(kind, subject, limits[kind] // 10) == limits[kind]


@pytest.mark.parametrize("kind", ["write", "hot"])
def test_exactly_the_limit_passes_across_processes(kind: str, subject: str, limits: dict[str, int]) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        counts = pool.starmap(passed_in_threads, [(kind, subject, limits[kind] // 10, 4)] * 4)
    assert sum(counts) == limits[kind]


def test_subjects_and_kinds_are_counted_apart(subject: str) -> None:
    passed("console", subject, 11)
    assert ratelimit.take("console", subject + "x")
    assert ratelimit.take("write", subject)


@pytest.mark.parametrize("kind", ["console", "hot"])
def test_a_window_ends_and_the_next_is_whole(
    kind: str, subject: str, limits: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratelimit, "WINDOW", 0.4)
    limits["hot"] = 300
    assert passed(kind, subject, 400) == limits[kind]
    time.sleep(0.45)
    assert passed(kind, subject, 400) == limits[kind]


def test_a_slow_hot_caller_loses_nothing_of_its_blocks(subject: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "BLOCK_SECONDS", 0.01)
    left = []
    for _ in range(5):
        allowance = ratelimit.take("hot", subject)
        assert allowance is not None
        left.append(allowance.remaining)
        time.sleep(0.02)
    assert left == [4999, 4998, 4997, 4996, 4995]


def test_a_block_is_not_given_back_into_a_later_window(subject: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "WINDOW", 0.1)
    ratelimit.take("hot", subject)
    time.sleep(0.15)
    monkeypatch.setattr(ratelimit, "WINDOW", 60)
    assert passed("hot", subject, 5100) == 5000


def test_no_subject_stands_in_redis_in_clear(subject: str) -> None:
    ratelimit.take("anonymous", "192.0.2.77" + subject)
    names = b" ".join(store.client().scan_iter("pvc:rate:*"))
    assert b"192.0.2.77" not in names
    assert subject.encode() not in names


def test_a_count_never_stands_without_an_end(subject: str) -> None:
    ratelimit.take("write", subject)
    (name,) = (each for each in store.client().scan_iter("pvc:rate:write:*") if each == _name(subject))
    assert 0 < store.client().pttl(name) <= 60_000


def _name(subject: str) -> bytes:
    return ratelimit._name("write", subject).encode()


@pytest.mark.usefixtures("no_redis")
@pytest.mark.parametrize("kind", ["write", "hot"])
def test_without_redis_a_process_has_its_share(kind: str, subject: str, limits: dict[str, int]) -> None:
    assert passed_in_threads(kind, subject, limits[kind] // 10) == limits[kind] // 2


@pytest.mark.usefixtures("no_redis")
def test_without_redis_the_memory_of_subjects_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "SUBJECTS_KEPT", 50)
    for number in range(200):
        ratelimit.take("anonymous", str(number))
    assert len(ratelimit._without_redis._by_subject) == 50


@pytest.mark.usefixtures("hung_redis")
@pytest.mark.parametrize("kind", ["write", "hot"])
def test_a_redis_that_hangs_costs_one_timeout(kind: str, subject: str) -> None:
    started = time.monotonic()
    assert passed_in_threads(kind, subject, 5) == 80
    assert time.monotonic() - started < 1.0
    started = time.monotonic()
    ratelimit.take(kind, subject)
    assert time.monotonic() - started < 0.05


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_address_stands_for_its_64(address: str, network: str) -> None:
    assert ratelimit.network_of(address) == network


def test_the_suite_has_a_redis() -> None:
    assert os.environ["REDIS_URL"]
    assert store.client().ping()
