"""The circuit breaker: a Redis that is away is asked once in a while, by one caller."""

import threading
import time
from collections.abc import Callable

import pytest
from redis import ConnectionError as RedisConnectionError

from pvc.breaker import Breaker


def away() -> str:
    raise RedisConnectionError


def test_a_call_goes_through_while_redis_answers() -> None:
    assert Breaker().call(lambda: "answer", None) == "answer"


@pytest.mark.parametrize("error", [RedisConnectionError, TimeoutError, ConnectionResetError])
def test_a_failure_gives_the_default(error: type[Exception]) -> None:
    def fail() -> str:
        raise error

    assert Breaker().call(fail, "default") == "default"


def test_after_a_failure_nobody_asks_for_a_while() -> None:
    breaker, asked = Breaker(seconds=60), []
    breaker.call(away, None)
    assert breaker.call(lambda: asked.append(1), "default") == "default"
    assert not asked


def test_after_the_while_one_caller_tries_and_success_closes_the_circuit() -> None:
    breaker = Breaker(seconds=0.05)
    breaker.call(away, None)
    time.sleep(0.06)
    assert breaker.call(lambda: "answer", None) == "answer"
    assert breaker.call(lambda: "again", None) == "again"


def test_only_one_of_many_callers_tries_a_redis_that_hangs() -> None:
    breaker, asked = Breaker(seconds=0.3), []
    breaker.call(away, None)
    time.sleep(0.31)

    def hang() -> None:
        asked.append(1)
        time.sleep(0.1)
        away()

    in_threads(16, lambda: breaker.call(hang, None))
    assert len(asked) == 1


def test_an_error_that_is_not_redis_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        Breaker().call(lambda: 1 // 0, None)


def in_threads(count: int, call: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
