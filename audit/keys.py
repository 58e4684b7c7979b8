"""The keys of the log: the one that signs, and those before it, which only verify what they signed."""

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from audit import chain


class KeyRing(NamedTuple):
    """AUDIT_KEY and AUDIT_PREVIOUS_KEYS, newest first."""

    current: str
    previous: tuple[str, ...] = ()

    @property
    def key_id(self) -> str:
        """The id of the key that signs."""
        return chain.key_id(self.current)

    def rank(self, key_id: str) -> int:
        """How old a key is: 0 for the one that signs, more for those before it."""
        ids = [chain.key_id(each) for each in (self.current, *self.previous)]
        return ids.index(key_id) if key_id in ids else len(ids)

    def mac_key(self, key_id: str, tenant: UUID) -> bytes | None:
        """A tenant's own MAC key under the key of this id; None for a key that nobody has any more."""
        audit_key = next((each for each in (self.current, *self.previous) if chain.key_id(each) == key_id), None)
        return _tenant_key(audit_key, tenant) if audit_key else None


def ring() -> KeyRing:
    """The installation's keys."""
    return KeyRing(settings.AUDIT_KEY, tuple(settings.AUDIT_PREVIOUS_KEYS))


@lru_cache(maxsize=1024)
def _tenant_key(audit_key: str, tenant: UUID) -> bytes:
    return chain.tenant_key(audit_key, tenant)
