"""How many senders an endpoint may hold: what answers quickly earns more, what does not holds one."""

from uuid import UUID, uuid4

import pytest

from webhooks.room import FIRST, LEAST, Room

SENDERS = 32
TENANT, OTHER = uuid4(), uuid4()


@pytest.fixture
def room() -> Room:
    return Room(SENDERS)


def sent(room: Room, endpoint: UUID, *, quickly: bool) -> int:
    """As many as it may hold are taken and come back; how many that were."""
    count = room.for_(endpoint, TENANT)
    room.took(endpoint, TENANT, count)
    for _ in range(count):
        room.came_back(endpoint, quickly=quickly)
    return count


def test_a_quick_endpoint_earns_three_quarters_of_the_senders(room: Room) -> None:
    endpoint = uuid4()
    assert [sent(room, endpoint, quickly=True) for _ in range(4)] == [FIRST, 8, 24, 24]


def test_a_slow_endpoint_falls_back_to_one(room: Room) -> None:
    endpoint = uuid4()
    sent(room, endpoint, quickly=True)
    sent(room, endpoint, quickly=False)
    assert room.for_(endpoint, TENANT) == LEAST


def test_a_slow_endpoint_rises_again(room: Room) -> None:
    endpoint = uuid4()
    sent(room, endpoint, quickly=False)
    assert [sent(room, endpoint, quickly=True) for _ in range(4)] == [1, 2, 8, 24]


def test_what_one_endpoint_holds_leaves_room_for_others(room: Room) -> None:
    quick, other = uuid4(), uuid4()
    while room.for_(quick, TENANT) < room.most:
        sent(room, quick, quickly=True)
    room.took(quick, TENANT, room.for_(quick, TENANT))
    assert room.full == [quick]
    assert (room.left, room.for_(other, TENANT)) == (SENDERS // 4, FIRST)


def hanging(room: Room, tenant: UUID) -> int:
    """Many endpoints of a tenant hold what they may and do not give it back; how much that is."""
    before = room.left
    for _ in range(SENDERS):
        endpoint = uuid4()
        room.took(endpoint, tenant, room.for_(endpoint, tenant))
    return before - room.left


def test_a_tenant_whose_receivers_all_hang_holds_a_quarter(room: Room) -> None:
    assert hanging(room, TENANT) == SENDERS // 4
    assert (room.for_(uuid4(), TENANT), room.for_(uuid4(), OTHER)) == (0, FIRST)


def test_whoever_is_quick_is_not_held_back_by_the_slow_ones_of_its_tenant(room: Room) -> None:
    quick = uuid4()
    sent(room, quick, quickly=True)
    hanging(room, TENANT)
    assert room.for_(quick, TENANT) == 8


def test_nobody_gets_more_than_there_is(room: Room) -> None:
    assert [hanging(room, uuid4()) for _ in range(5)] == [SENDERS // 4] * 4 + [0]
    assert room.left == 0


def test_who_holds_nothing_is_not_full(room: Room) -> None:
    endpoint = uuid4()
    sent(room, endpoint, quickly=False)
    assert (room.full, room.left) == ([], SENDERS)
