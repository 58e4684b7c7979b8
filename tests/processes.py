"""Workers in processes of their own, on the test's database, and what ends them without a warning."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.live import ROOT, database_url

PATIENCE = 180.0  # seconds
QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
_CELERY = [sys.executable, "-m", "celery", "-A", "pvc", "worker", "-l", "ERROR"]

Process = subprocess.Popen[bytes]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def is_there(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until(happens: Callable[[], object], what: str = "it did not happen") -> None:
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def kill(*processes: Process) -> None:
    """End processes and all of their groups at once, wherever they are."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for process in processes:
        process.wait(PATIENCE)


def environment(**more: str) -> dict[str, str]:
    """What a process of the product is told: this test's own database and secrets; loopback may be called."""
    variables = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "pvc.settings",
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "API_KEY_PEPPER": settings.API_KEY_PEPPER,
        "AUDIT_KEY": settings.AUDIT_KEY,
        "WEBHOOK_ALLOW_PRIVATE": "1",
        **more,
    }
    variables.pop("MIGRATE_DATABASE_URL", None)
    return variables


@contextmanager
def workers(count: int, folder: Path, *, processes: int = 1) -> Iterator[list[Process]]:
    """So many workers, each with so many processes in its pool, which keep their checkpoints in `folder`.

    At the end of the block all are killed at once.
    """
    variables = environment(AUDIT_ANCHOR_DIR=str(folder))
    with (folder / "workers.log").open("ab") as log, ExitStack() as group:
        said: dict[str, Any] = {**QUIET, "stderr": log}
        started = [
            subprocess.Popen([*_CELERY, "-c", str(processes), "-n", f"{number}@test"], cwd=ROOT, env=variables, **said)
            for number in range(count)
        ]
        group.callback(kill, *started)
        yield started
        assert not have_ended(started), f"a worker has ended by itself: {(folder / 'workers.log').read_text()[-2000:]}"


def have_ended(processes: list[Process]) -> bool:
    """Whether one of them is no more: nothing is to be waited for then."""
    return any(each.poll() is not None for each in processes)
