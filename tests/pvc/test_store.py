"""The raw Redis connection: tried once, never shared with a forked child."""

import os
import threading
import time
from typing import Any

import pytest
from redis import RedisError

from pvc import store


def test_a_process_has_one_client() -> None:
    assert store.client() is store.client()


def test_threads_that_come_first_at_once_share_one_client() -> None:
    for _ in range(20):
        store.forget()
        clients: list[object] = []
        threads = [threading.Thread(target=lambda: clients.append(store.client())) for _ in range(8)]  # noqa: B023
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, clients))) == 1


def test_a_call_is_tried_once(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    started = time.monotonic()
    with pytest.raises(RedisError):
        store.connect().ping()
    assert time.monotonic() - started < 0.25


def test_a_connection_that_the_server_closed_is_replaced(settings: Any) -> None:
    client = store.connect()
    client.client_setname("to-be-closed")
    (own,) = (each for each in store.client().client_list() if each["name"] == "to-be-closed")
    store.client().client_kill(own["addr"])
    assert client.ping()


def test_a_forked_child_has_a_client_of_its_own() -> None:
    before = store.client()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"own" if store.client() is not before and store.client().ping() else b"shared")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"own"
    assert store.client() is before
    assert before.ping()
    os.close(reader)
    os.close(writer)
