"""How many senders each endpoint may hold at once: what it has earned by answering quickly. Pure."""

from collections import Counter
from typing import Final
from uuid import UUID

#: What an endpoint begins with, and what a slow or failing one falls back to.
FIRST: Final = 2
LEAST: Final = 1
#: Of so many senders one may be held by those endpoints of one tenant that have not shown that they are quick.
CAUTION: Final = 4


class Room:
    """The senders of one worker, of which no endpoint ever holds more than three quarters.

    A tenant whose receivers all hang holds a quarter, however many there are.
    """

    def __init__(self, senders: int) -> None:
        self.senders = senders
        self.most = max(LEAST, senders * 3 // 4)
        self._cautious = max(FIRST, senders // CAUTION)
        self._earned: dict[UUID, int] = {}
        self._tenants: dict[UUID, UUID] = {}
        self._held: Counter[UUID] = Counter()

    @property
    def left(self) -> int:
        """How many senders wait for something to do."""
        return self.senders - self._held.total()

    @property
    def full(self) -> list[UUID]:
        """The endpoints that hold as many as they may."""
        return [endpoint_id for endpoint_id in self._held if not self.for_(endpoint_id, self._tenants[endpoint_id])]

    def for_(self, endpoint_id: UUID, tenant_id: UUID) -> int:
        """How many more an endpoint of this tenant may hold now."""
        most = min(self.left, self._earns(endpoint_id) - self._held[endpoint_id])
        if not self._is_quick(endpoint_id):
            most = min(most, self._cautious - self._held_by_others_than_quick(tenant_id))
        return max(0, most)

    def took(self, endpoint_id: UUID, tenant_id: UUID, count: int) -> None:
        if count:
            self._held[endpoint_id] += count
            self._tenants[endpoint_id] = tenant_id

    def came_back(self, endpoint_id: UUID, *, quickly: bool) -> None:
        """A sender is free again; a quick success earns its endpoint more room, anything else halves it."""
        self._held[endpoint_id] -= 1
        earned = self._earns(endpoint_id)
        self._earned[endpoint_id] = min(self.most, earned * 2) if quickly else max(LEAST, earned // 2)
        if not self._held[endpoint_id]:
            del self._held[endpoint_id], self._tenants[endpoint_id]

    def _earns(self, endpoint_id: UUID) -> int:
        return self._earned.get(endpoint_id, FIRST)

    def _is_quick(self, endpoint_id: UUID) -> bool:
        return self._earns(endpoint_id) > FIRST

    def _held_by_others_than_quick(self, tenant_id: UUID) -> int:
        held = self._held.items()
        return sum(count for each, count in held if self._tenants[each] == tenant_id and not self._is_quick(each))
