"""A circuit breaker: after a failure of Redis nobody asks it for a while, so a hang is paid for once."""

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from redis import RedisError

logger = structlog.get_logger(__name__)

Result = TypeVar("Result")
Default = TypeVar("Default")

SECONDS_OPEN = 5.0


class Breaker:
    """Closed: calls go through. Open: they are skipped, but for one trial each `seconds`."""

    def __init__(self, seconds: float = SECONDS_OPEN) -> None:
        self.seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Close the circuit."""
        self._lock = threading.Lock()
        self._open_until = 0.0

    def call(self, ask: Callable[[], Result], default: Default) -> Result | Default:
        """What `ask` returns; `default` where Redis cannot be asked."""
        if self._open_until and not self._may_try():
            return default
        try:
            result = ask()
        except (RedisError, OSError) as error:
            self._open(error)
            return default
        self._open_until = 0.0
        return result

    def _may_try(self) -> bool:
        """Whether this call is the one trial; the others go on skipping meanwhile."""
        with self._lock:
            now = time.monotonic()
            if now < self._open_until:
                return False
            self._open_until = now + self.seconds
            return True

    def _open(self, error: Exception) -> None:
        self._open_until = time.monotonic() + self.seconds
        logger.warning("redis unavailable", error=type(error).__name__, seconds=self.seconds)


redis_breaker = Breaker()
# A lock held by another thread at the moment of a fork would stay held in the child for ever.
os.register_at_fork(after_in_child=redis_breaker.reset)
