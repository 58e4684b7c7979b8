"""The raw Redis connection: one pooled client a process, with short timeouts and no second tries.

Callers go through `pvc.breaker`, so that a Redis that hangs costs one timeout every few seconds.
"""

import os
import threading

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(**options: float) -> redis.Redis:
    """A client with a pool of its own; `options` replace the timeouts of the settings.

    redis-py would try ten times with waits between; here a call is tried once. RESP2, no client name and no
    driver info keep a new connection free of extra round trips.
    """
    return redis.Redis.from_url(
        settings.REDIS_URL,
        **(settings.REDIS_TIMEOUTS | options),
        retry=Retry(NoBackoff(), retries=0),
        protocol=2,
        driver_info=None,
    )


_lock = threading.Lock()
_client: redis.Redis | None = None


def client() -> redis.Redis:
    """This process's client; threads share it."""
    global _client  # noqa: PLW0603
    if _client is None:
        # One alone may be made: redis-py closes the pool of a client that is dropped, in use or not.
        with _lock:
            _client = _client or connect()
    return _client


def forget() -> None:
    """Drop the client; the next call connects anew. A forked child must not talk on its parent's sockets."""
    global _client, _lock
    _client, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=forget)
