"""One number per tenant that rises with every change of what a hot path answers.

Readers hang what they keep under the tenant's generation and look at it at most once a lease; a writer
raises it in its transaction, marks it as in flux before the commit, publishes it after, and waits out one
lease before it answers. So once a write has answered, no process can still serve what was before it:

- A reader counts its lease from *before* it reads. It uses a number at `t` only if it read at some `r > t - lease`.
- A writer that answers at `a` had published by `a - lease`. So whoever uses a number after `a` read it after the
  publication, and found the new number, a later one, a mark, or nothing; a mark or nothing sends it to PostgreSQL,
  which had committed before. What it loads under that number, it loads afterwards: it is as new or newer.

What goes wrong leaves that as it is, but where said:

- The writer dies between commit and publishing: its mark stands, and readers ask PostgreSQL until it lapses.
- The transaction is rolled back after the mark: likewise, and PostgreSQL says the old number.
- Redis is flushed, evicts or restarts empty: nothing is found, so PostgreSQL is asked. A reader publishes what it read
  there only over its own claim, laid before it read; a flush, a writer's mark or two seconds take the claim away. So
  a number read before a commit is never published after it.
- Redis is away for everybody: PostgreSQL is asked, once a lease.
- Redis is away for the writer alone, or loses its last writes in a failover, or the writer stands still for as long as
  a value lives between its commit and its publication, another one having written meanwhile: readers may find the
  number from before, for the five seconds that a value lives, and no longer. A process that has seen a greater
  number does not believe the smaller one.

The row in PostgreSQL is the truth. `current` is asked outside of units of work, where only commits are seen.
"""

import functools
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import F

from pvc import store
from pvc.breaker import redis_breaker
from tenants.models import Tenant

_FLUX_MILLISECONDS = 15_000  # longer than any transaction may live
_VALUE_MILLISECONDS = 5_000
_CLAIM_MILLISECONDS = 2_000
#: What a Redis that cannot be asked says; None is what it says of a name that it does not know.
_AWAY = b""
#: Takes the place of this writer's own mark, or of an older one: never of a greater value or of the mark of a writer
#: that comes after, nor of nothing, where what was there is not known.
_PUBLISH = """
local now = redis.call('GET', KEYS[1])
if not now then return 0 end
local greater = tonumber((string.gsub(now, '^flux:', '')))
if greater and greater > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
#: Replaces the claim ARGV[1], and nothing else.
_PUBLISH_CLAIMED = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


def _name(tenant_id: UUID) -> str:
    return f"gen:{tenant_id}"


# ----------------------------------------------------------------------------- the writer's side
def bump(tenant_id: UUID) -> int:
    """Raise the generation inside the present transaction; locks the tenant's row until its end."""
    Tenant.objects.filter(pk=tenant_id).update(generation=F("generation") + 1)
    return _stored(tenant_id)


def mark_in_flux(values: dict[UUID, int]) -> None:
    """Before the commit, with the values to come: from here on readers ask PostgreSQL and publish nothing."""
    for tenant_id, value in values.items():
        redis_breaker.call(functools.partial(_set_flux, _name(tenant_id), value), None)


def publish(values: dict[UUID, int]) -> None:
    """After the commit: the new values, never a lower one; then one lease of waiting for all of them."""
    for tenant_id, value in values.items():
        redis_breaker.call(functools.partial(_set_unless_lower, _name(tenant_id), value), None)
    if values:
        time.sleep(settings.GENERATION_LEASE)


def _set_flux(name: str, value: int) -> None:
    store.client().set(name, f"flux:{value}", px=_FLUX_MILLISECONDS)


def _set_unless_lower(name: str, value: int) -> None:
    store.client().eval(_PUBLISH, 1, name, value, _VALUE_MILLISECONDS)


# ----------------------------------------------------------------------------- the reader's side
class _Lease(NamedTuple):
    """A generation, and the moment before it was read, by this process's own clock."""

    value: int
    read_at: float

    def covers(self, asked_at: float) -> bool:
        """Whether it answers a question of this moment: read since then, or no longer than a lease before."""
        return asked_at < self.read_at + settings.GENERATION_LEASE or asked_at <= self.read_at


@dataclass
class _Known:
    """What this process knows of one tenant. Whoever holds the lock asks; the others wait for what it hears."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    lease: _Lease | None = None


_known: dict[UUID, _Known] = {}


def forget() -> None:
    """Drop what this process knows; a forked child asks for itself."""
    _known.clear()


os.register_at_fork(after_in_child=forget)


def current(tenant_id: UUID) -> int:
    """The tenant's generation, for what is asked now. Take it before loading what is kept under it."""
    asked_at = time.monotonic()
    known = _known.get(tenant_id) or _known.setdefault(tenant_id, _Known())
    lease = known.lease
    if lease is None or not lease.covers(asked_at):
        lease = _renewed(known, tenant_id, asked_at)
    return lease.value


def _renewed(known: _Known, tenant_id: UUID, asked_at: float) -> _Lease:
    with known.lock:
        lease = known.lease
        if lease is None or not lease.covers(asked_at):
            read_at = time.monotonic()
            lease = known.lease = _Lease(_read(tenant_id, least=lease.value if lease else 0), read_at)
        return lease


def _read(tenant_id: UUID, *, least: int) -> int:
    """What Redis says, or PostgreSQL where Redis says nothing that counts. `least` is what was heard before."""
    name = _name(tenant_id)
    said = redis_breaker.call(functools.partial(_get, name), _AWAY)
    if said is not None and said.isdigit() and int(said) >= least:
        return int(said)
    claim = _claim(name) if said is None else None
    value = _stored(tenant_id)
    if claim:
        redis_breaker.call(functools.partial(_set_over_claim, name, claim, value), None)
    return value


def _claim(name: str) -> str | None:
    """A mark of this reader's own, where there is nothing; None where somebody was faster."""
    claim = f"read:{secrets.token_hex(8)}"
    return claim if redis_breaker.call(functools.partial(_set_claim, name, claim), None) else None


def _get(name: str) -> bytes | None:
    value = store.client().get(name)
    assert value is None or isinstance(value, bytes)  # the client is not asynchronous
    return value


def _set_claim(name: str, claim: str) -> bool:
    return bool(store.client().set(name, claim, nx=True, px=_CLAIM_MILLISECONDS))


def _set_over_claim(name: str, claim: str, value: int) -> None:
    store.client().eval(_PUBLISH_CLAIMED, 1, name, claim, value, _VALUE_MILLISECONDS)


def _stored(tenant_id: UUID) -> int:
    return Tenant.objects.values_list("generation", flat=True).get(pk=tenant_id)
