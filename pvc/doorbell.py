"""Rings the workers: there is something to do. Losing a ring loses nothing, since the rows are the queue."""

import functools
import os
import time

import redis

from pvc import store
from pvc.breaker import redis_breaker

_BELL = "pvc:doorbell"
_SECONDS_KEPT = 60
#: How much longer than its own wait an answer may take.
_GRACE = 0.5


def ring() -> None:
    """Wake a worker now. Never raises."""
    redis_breaker.call(_push, None)


def wait(seconds: float) -> bool:
    """Wait for a ring, at most `seconds`; whether there was one. Without Redis it is a sleep."""
    until = time.monotonic() + seconds
    rung = redis_breaker.call(lambda: _listener(seconds).brpop([_BELL], timeout=seconds) is not None, None)
    if rung is None:
        time.sleep(max(0.0, until - time.monotonic()))
    return bool(rung)


def _push() -> None:
    """One ring at most waits to be heard, and not for long."""
    with store.client().pipeline() as pipe:
        pipe.lpush(_BELL, b"1")
        pipe.ltrim(_BELL, 0, 0)
        pipe.expire(_BELL, _SECONDS_KEPT)
        pipe.execute()


@functools.cache
def _listener(seconds: float) -> redis.Redis:
    """A connection of its own, since listening outlasts the usual timeout."""
    return store.connect(socket_timeout=seconds + _GRACE)


os.register_at_fork(after_in_child=_listener.cache_clear)
