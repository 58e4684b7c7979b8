"""No stale answer: what a write has answered is what every later call gets, from either of two web processes.

Sixteen threads resolve all the time, over HTTP, against two processes with the real lease. Each notes when it asked
and what it got; the writer notes when each write was answered. Whoever asked after that must have got what it left, or
something later.
"""

import http.client
import json
import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings

from tests import factories
from tests.live import serving

READERS = 16
#: Between two reads of one thread, in seconds: so that the writer comes to its turn.
PAUSE = 0.01
ROUNDS = [pytest.param(25, marks=pytest.mark.full), pytest.param(500, marks=pytest.mark.long)]
PATH = "/api/v1/prompts/resolve/default:support"


class Read(NamedTuple):
    """When it was asked and answered, and what was got: the version's number, or the status of a refusal."""

    asked_at: float
    ended_at: float
    got: int


class Write(NamedTuple):
    """When it was begun and answered, and what it leaves to be got."""

    begun_at: float
    answered_at: float
    leaves: int


@dataclass
class Api:
    """One keep-alive connection to one of the servers."""

    port: int
    key: str
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None

    def write(self, method: str, path: str, body: Any, leaves: int) -> Write:
        begun_at = time.monotonic()
        status, answer = self.ask(method, f"/api/v1{path}", body)
        answered_at = time.monotonic()
        assert status in (200, 204), answer
        return Write(begun_at, answered_at, leaves)

    def read(self) -> Read:
        asked_at = time.monotonic()
        status, answer = self.ask("GET", PATH)
        return Read(asked_at, time.monotonic(), answer["version_number"] if status == 200 else status)


@pytest.fixture
def servers(committed: None) -> Iterator[list[Api]]:
    """An administrator's connections to two servers of one process each."""
    limits = {f"RATE_LIMIT_{kind.upper()}": "0" for kind in django_settings.RATE_LIMITS}
    key = factories.client_of(factories.make_actor(factories.make_tenant())).key
    assert key is not None
    with ExitStack() as until_the_end:
        urls = [until_the_end.enter_context(serving(environment=limits)) for _ in range(2)]
        apis = [Api(urlsplit(url).port or 0, key) for url in urls]
        yield apis
        for api in apis:
            api.connection.close()


def writes(servers: list[Api], rounds: int) -> Iterator[Write]:
    """Moves, removals, archivings, each through one server or the other; every round leaves another state."""
    made = servers[0].ask("POST", "/api/v1/prompts", {"name": "support", "template": "Text 1"})[1]
    second = servers[0].ask("POST", "/api/v1/prompts/support/versions", {"content": "Text 2"})[1]
    ids = {1: made["latestVersion"]["id"], 2: second["id"]}
    tag = "/prompts/support/tags/production"
    number = 1
    for turn in range(rounds):
        api, number = servers[turn % 2 ^ turn // 7 % 2], 3 - number
        yield api.write("POST", tag, {"versionId": ids[number]}, number)
        if turn % 10 == 4:
            yield api.write("DELETE", tag, None, 404)
        if turn % 10 == 7:
            yield api.write("DELETE", "/prompts/support", None, 410)
            yield servers[turn % 2].write("POST", "/prompts/support/unarchive", None, number)


def stale(reads: list[Read], done: list[Write]) -> list[str]:
    """What was got by who asked after a write had been answered, and is not of that write or a later one.

    A read takes a while: what it got may be of any write that was begun before it ended.
    """
    begun, answered = [write.begun_at for write in done], [write.answered_at for write in done]
    found = []
    for read in reads:
        last = bisect_right(answered, read.asked_at) - 1
        if last < 0:
            continue
        allowed = {write.leaves for write in done[last : max(last + 1, bisect_left(begun, read.ended_at))]}
        if read.got not in allowed:
            found.append(f"{(read.asked_at - answered[last]) * 1000:.1f} ms after {done[last].leaves}: {read.got}")
    return found


@pytest.mark.parametrize("rounds", ROUNDS)
def test_what_a_write_has_answered_is_what_every_later_call_gets(servers: list[Api], rounds: int) -> None:
    over = threading.Event()
    reads: list[list[Read]] = [[] for _ in range(READERS + 1)]

    def read_on(number: int) -> None:
        api = Api(servers[number % 2].port, servers[0].key)
        while not over.is_set():
            reads[number].append(api.read())
            time.sleep(PAUSE)
        api.connection.close()

    threads = [threading.Thread(target=read_on, args=[number]) for number in range(READERS)]
    moving = writes(servers, rounds)
    done = [next(moving)]
    for thread in threads:
        thread.start()
    try:
        for write in moving:
            done.append(write)
            reads[READERS] += [api.read() for api in servers]  # as soon as can be
    finally:
        over.set()
        for thread in threads:
            thread.join()
    everything = [read for each in reads for read in each]
    assert stale(everything, done) == []
    seen = Counter(read.got for read in everything)
    assert seen.keys() == {1, 2, 404, 410}
    assert len(everything) > 10 * rounds
    assert all(reads)


def test_a_stale_read_would_be_seen() -> None:
    done = [Write(0.0, 1.0, 1), Write(2.0, 3.0, 2), Write(5.0, 6.0, 1)]
    fresh = [Read(0.5, 0.6, 1), Read(1.5, 1.6, 1), Read(2.5, 2.6, 1), Read(2.5, 2.6, 2), Read(3.5, 3.6, 2)]
    assert stale([*fresh, Read(1.5, 5.1, 2), Read(3.5, 5.1, 1), Read(7.0, 7.1, 1)], done) == []
    assert stale([Read(3.001, 3.1, 404)], done) == ["1.0 ms after 2: 404"]
    assert len(stale([Read(3.001, 4.9, 1), Read(6.001, 6.1, 2)], done)) == 2
