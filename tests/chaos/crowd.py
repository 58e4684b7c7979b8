"""Many threads that begin together, and the counter of the locks they waited for in a ring."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, connections

#: A slow machine is not what is looked for: a lock is waited for as long as it takes, but for a ring of them.
PATIENCE = "SET lock_timeout = '60s'; SET statement_timeout = '60s'"


class Crowd:
    """Threads that keep their connections from round to round, and begin each round together."""

    def __init__(self, size: int) -> None:
        self._gate = threading.Barrier(size + 1)
        self._calls: Sequence[Callable[[], None]] | None = None
        self._faults: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(size)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._calls = None
        self._gate.wait(30)
        for thread in self._threads:
            thread.join(30)

    def play(self, calls: Sequence[Callable[[], None]], *, timeout: float = 60) -> None:
        """One round: every thread makes its call. What was raised in a thread is raised here."""
        self._calls = calls
        self._gate.wait(30)
        self._gate.wait(timeout)
        if self._faults:
            raise self._faults[0]

    def _run(self, index: int) -> None:
        try:
            with connections["default"].cursor() as cursor:
                cursor.execute(PATIENCE)
            while True:
                self._gate.wait(60)
                if self._calls is None:
                    return
                try:
                    self._calls[index]()
                except BaseException as fault:  # noqa: BLE001  # raised again by play()
                    self._faults.append(fault)
                self._gate.wait(120)
        finally:
            connections.close_all()


def deadlocks() -> int:
    """How many rings of locks PostgreSQL has broken in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@contextmanager
def no_deadlock() -> Iterator[None]:
    """The counter stands after the block, whose threads have ended, where it stood before."""
    before = deadlocks()
    yield
    assert deadlocks() == before
