"""One number per tenant that rises with every change of what a hot path answers.

Readers hang what they keep under the tenant's generation and look at it at most once a lease; a writer
raises it in its transaction, marks it as in flux before the commit, publishes it after, and waits out one
lease before it answers. So once a write has answered, no process can still serve what was before it.

The row in PostgreSQL is the truth; Redis holds a copy for five seconds at most, so a writer that cannot
reach Redis, or dies between commit and publishing, is overtaken within that time.
"""

import functools
import time
from uuid import UUID

from django.conf import settings
from django.db.models import F

from pvc import store
from pvc.breaker import redis_breaker
from tenants.models import Tenant

_FLUX_MILLISECONDS = 15_000  # longer than any transaction may live
_VALUE_MILLISECONDS = 5_000
#: Never replaces a greater value by a smaller one, nor the mark of a writer that comes after.
_PUBLISH = """
local now = redis.call('GET', KEYS[1])
local greater = now and tonumber((string.gsub(now, '^flux:', '')))
if greater and greater > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


def _name(tenant_id: UUID) -> str:
    return f"gen:{tenant_id}"


def bump(tenant_id: UUID) -> int:
    """Raise the generation inside the present transaction; locks the tenant's row until its end."""
    Tenant.objects.filter(pk=tenant_id).update(generation=F("generation") + 1)
    return Tenant.objects.values_list("generation", flat=True).get(pk=tenant_id)


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
