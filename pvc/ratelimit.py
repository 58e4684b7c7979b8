"""Calls per minute, exact across threads and processes: the count stands in Redis, moved by one script.

The hot kind is counted in blocks: a process takes a hundredth of the limit at once, uses it up for at most a
second, and gives the rest back with its next question. Without Redis each process counts for itself.
"""

import functools
import hashlib
import ipaddress
import math
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from django.conf import settings
from redis.commands.core import Script

from pvc import store
from pvc.breaker import redis_breaker
from pvc.errors import RateLimited

WINDOW = 60.0
#: How long a block of hot calls may be used by the process that took it, in seconds.
BLOCK_SECONDS = 1.0
#: How many subjects a process remembers; the one not seen for longest is forgotten first.
SUBJECTS_KEPT = 20_000

#: Takes up to ARGV[1] of ARGV[2] calls; the window of ARGV[3] ms begins with the first.
#: ARGV[4] unused calls of the window that ends at ARGV[5] come back first.
#: Returns what was granted, what is left, when the window ends (its name), and in how many ms.
_TAKE = """
local ends = redis.call('PEXPIRETIME', KEYS[1])
local used = 0
if ends > 0 then used = tonumber(redis.call('GET', KEYS[1])) end
if ends == tonumber(ARGV[5]) then used = used - tonumber(ARGV[4]) end
local granted = math.max(0, math.min(tonumber(ARGV[1]), tonumber(ARGV[2]) - used))
used = used + granted
if ends > 0 then
  redis.call('SET', KEYS[1], used, 'KEEPTTL')
else
  redis.call('SET', KEYS[1], used, 'PX', ARGV[3])
  ends = redis.call('PEXPIRETIME', KEYS[1])
end
return {granted, math.max(0, tonumber(ARGV[2]) - used), ends, redis.call('PTTL', KEYS[1])}
"""


class Allowance(NamedTuple):
    """What a subject may still do: `remaining` of `limit` calls until `reset` seconds from now."""

    limit: int
    remaining: int
    reset: int


@dataclass
class _Count:
    """What this process knows of one subject: calls in hand, and until when they may be used."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    in_hand: int = 0
    remaining: int = 0
    usable_until: float = 0.0
    window: int = 0
    window_until: float = 0.0


class _Counts:
    """The counts of one process, bounded."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._lock = threading.Lock()
        self._by_subject: OrderedDict[tuple[str, str], _Count] = OrderedDict()

    def of(self, kind: str, subject: str) -> _Count:
        with self._lock:
            count = self._by_subject.setdefault((kind, subject), _Count())
            self._by_subject.move_to_end((kind, subject))
            if len(self._by_subject) > SUBJECTS_KEPT:
                self._by_subject.popitem(last=False)
            return count


_hot = _Counts()
_without_redis = _Counts()


def forget() -> None:
    """Drop what this process counted by itself."""
    _hot.clear()
    _without_redis.clear()
    _script.cache_clear()


os.register_at_fork(after_in_child=forget)


def take(kind: str, subject: str) -> Allowance | None:
    """Count one call of `subject`; None where the kind is not limited. Raises RateLimited."""
    limit: int = settings.RATE_LIMITS[kind]
    if limit <= 0:
        return None
    allowance = _take_hot(subject, limit) if kind == "hot" else _take_one(kind, subject, limit)
    return allowance or _take_locally(kind, subject, limit)


def network_of(address: str) -> str:
    """Whom an address stands for: itself, or its /64, which an IPv6 host changes addresses within."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return address
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))


def _take_one(kind: str, subject: str, limit: int) -> Allowance | None:
    """One call, counted in Redis; None without Redis."""
    grant = _ask(kind, subject, limit, wanted=1)
    if grant is None:
        return None
    if not grant.granted:
        raise _refusal(limit, grant.seconds)
    return Allowance(limit, grant.remaining, math.ceil(grant.seconds))


def _take_hot(subject: str, limit: int) -> Allowance | None:
    """One call out of this process's block, which is filled from Redis; None without Redis."""
    count = _hot.of("hot", subject)
    with count.lock:
        used_up = count.in_hand == 0 and count.remaining > 0
        if (used_up or time.monotonic() >= count.usable_until) and not _fill(count, subject, limit):
            return None
        seconds = count.window_until - time.monotonic()
        if count.in_hand == 0:
            raise _refusal(limit, seconds)
        count.in_hand -= 1
        return Allowance(limit, count.remaining + count.in_hand, max(1, math.ceil(seconds)))


def _fill(count: _Count, subject: str, limit: int) -> bool:
    """Give back what is left of a block and take another; whether Redis could be asked."""
    asked_at = time.monotonic()
    unused, count.in_hand = count.in_hand, 0  # given back once, even if the answer is lost
    grant = _ask("hot", subject, limit, wanted=max(1, limit // 100), unused=unused, window=count.window)
    if grant is None:
        return False
    count.in_hand, count.remaining, count.window = grant.granted, grant.remaining, grant.window
    # From before the question, so that nothing is used after its window has ended in Redis.
    count.window_until = asked_at + grant.seconds
    count.usable_until = min(asked_at + BLOCK_SECONDS, count.window_until)
    return True


def _take_locally(kind: str, subject: str, limit: int) -> Allowance:
    """One call counted in this process alone, against its share of the limit."""
    share = max(1, limit // settings.WEB_PROCESSES)
    count = _without_redis.of(kind, subject)
    with count.lock:
        now = time.monotonic()
        if now >= count.window_until:
            count.window_until, count.in_hand = now + WINDOW, share
        seconds = count.window_until - now
        if count.in_hand == 0:
            raise _refusal(limit, seconds)
        count.in_hand -= 1
        return Allowance(limit, count.in_hand, math.ceil(seconds))


class _Grant(NamedTuple):
    granted: int
    remaining: int
    window: int
    seconds: float


def _ask(kind: str, subject: str, limit: int, *, wanted: int, unused: int = 0, window: int = 0) -> _Grant | None:
    """Run the script; None without Redis."""
    arguments = [wanted, limit, int(WINDOW * 1000), unused, window]
    answer = redis_breaker.call(lambda: _script()(keys=[_name(kind, subject)], args=arguments), None)
    if answer is None:
        return None
    granted, remaining, ends, milliseconds = answer
    return _Grant(granted, remaining, ends, max(milliseconds, 1) / 1000)


@functools.cache
def _script() -> Script:
    return store.client().register_script(_TAKE)


def _name(kind: str, subject: str) -> str:
    """The count's name in Redis, which shows neither a key nor an address."""
    secret = settings.SECRET_KEY.encode()[:64]
    return f"pvc:rate:{kind}:{hashlib.blake2b(subject.encode(), key=secret, digest_size=16).hexdigest()}"


def _refusal(limit: int, seconds: float) -> RateLimited:
    wait = max(1, math.ceil(seconds))
    sentence = f"More than {limit} calls within a minute. Please try again in {wait} s."
    return RateLimited(sentence, limit=limit, retry_after=wait)
