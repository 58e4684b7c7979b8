"""What is kept of answers that were worked out: in this process, and in Redis for the others.

Each thing is kept together with the generation (tenants/generation.py) that was taken *before* it was loaded, and
is given out under that generation alone. Nothing is ever deleted because something changed: it is outlived.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from django.conf import settings

from pvc import store
from pvc.breaker import redis_breaker

Value = TypeVar("Value")

#: How long Redis keeps a thing, in milliseconds, and the largest thing that it is given, in bytes.
_MILLISECONDS = 60_000
LARGEST_IN_REDIS = 256 * 1024


class _Kept(NamedTuple, Generic[Value]):
    generation: int
    value: Value
    size: int


class GenerationCache(Generic[Value]):
    """The things last asked for, up to SERVED_CACHE_BYTES together."""

    def __init__(self) -> None:
        self.clear()
        os.register_at_fork(after_in_child=self.clear)

    def clear(self) -> None:
        """Forget everything."""
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _Kept[Value]] = OrderedDict()
        self.size = 0

    def get(self, name: Hashable, generation: int) -> Value | None:
        """What was loaded under exactly this generation."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept.generation != generation:
                return None
            self._kept.move_to_end(name)
            return kept.value

    def put(self, name: Hashable, generation: int, value: Value, *, size: int) -> None:
        """Keep what was loaded after `generation` was taken, unless it alone is too large, or a later one is kept."""
        limit: int = settings.SERVED_CACHE_BYTES
        with self._lock:
            kept = self._kept.get(name)
            if size > limit or (kept is not None and kept.generation > generation):
                return
            self.size += size - (kept.size if kept else 0)
            self._kept[name] = _Kept(generation, value, size)
            self._kept.move_to_end(name)
            while self.size > limit:
                _, dropped = self._kept.popitem(last=False)
                self.size -= dropped.size


def name_in_redis(kind: str, *parts: str) -> str:
    """A name that no other parts give: each goes in with its length."""
    exact = b"".join(b"%d:%b" % (len(each), each) for each in map(str.encode, parts))
    return f"pvc:{kind}:{hashlib.sha256(exact).hexdigest()}"


def from_redis(name: str, generation: int) -> bytes | None:
    """What some process loaded under exactly this generation; None without Redis too."""
    found = redis_breaker.call(lambda: store.client().get(name), None)
    mark = b"%d:" % generation
    return found[len(mark) :] if isinstance(found, bytes) and found.startswith(mark) else None


def to_redis(name: str, generation: int, value: bytes) -> None:
    """Let the other processes have it. There is one value a name, so what is kept is bounded by what exists."""
    if len(value) <= LARGEST_IN_REDIS:
        redis_breaker.call(lambda: store.client().set(name, b"%d:%b" % (generation, value), px=_MILLISECONDS), None)
