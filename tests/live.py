"""The product behind its real web server, on the test's own database."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connections

ROOT = Path(__file__).resolve().parents[1]
STARTS_WITHIN = 30  # seconds


def database_url(alias: str = "default") -> str:
    """The address of the database that this test process uses."""
    config = connections[alias].settings_dict
    return f"postgresql://{config['USER']}:{config['PASSWORD']}@{config['HOST']}:{config['PORT']}/{config['NAME']}"


@contextmanager
def serving(*, workers: int = 1, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """A granian on a free loopback port; gives its address. What it must see has to be committed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--blocking-threads", "8", "--no-ws", "pvc.wsgi:application"]
    variables = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "API_KEY_PEPPER": settings.API_KEY_PEPPER,
        "AUDIT_KEY": settings.AUDIT_KEY,
        **(environment or {}),
    }
    variables.pop("MIGRATE_DATABASE_URL", None)
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, env=variables, stdout=quiet, stderr=quiet) as server:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until, "the web server did not start"
            time.sleep(0.05)
        else:
            return
