"""./dev up, really: in a copy of the checkout, killed without warning, and started again."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 90


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy with the .venv of this one, where every account can reach it."""
    folder = Path(tempfile.mkdtemp(prefix="pvc-checkout-", dir="/tmp"))
    folder.chmod(0o711)
    shutil.copytree(
        ROOT,
        folder,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(".git", ".venv", "var", "tests", "__pycache__", ".*_cache", ".hypothesis"),
    )
    folder.chmod(0o711)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    yield folder
    shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Up:
    """A running ./dev up, and the first key it has made."""

    def __init__(self, checkout: Path, log: Path) -> None:
        self.port, self.log, self.checkout = free_port(), log, checkout
        environment = {"PATH": os.environ["PATH"], "HOME": str(checkout / "nowhere"), "PORT": str(self.port)}
        if chosen := os.environ.get("PVC_SERVERS"):
            environment["PVC_SERVERS"] = chosen
        with log.open("w") as output:
            argv = [str(checkout / "dev"), "up"]
            self.process = subprocess.Popen(argv, env=environment, stdout=output, stderr=subprocess.STDOUT)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + SECONDS
        while "Ctrl-C stops everything" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    @property
    def key(self) -> str:
        key: str = json.loads((self.checkout / "var" / "dev.json").read_text())["keys"]["admin"]
        return key

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=10) as answer:
            return json.load(answer)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def processes_of(checkout: Path) -> list[str]:
    """The command lines of all processes that were started for this checkout."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if re.search(rf"{re.escape(str(checkout))}/", line):
                found.append(line)
    return found


@pytest.mark.full
def test_what_was_written_is_there_after_kill_9_and_nothing_keeps_running(checkout: Path, tmp_path: Path) -> None:
    first = Up(checkout, tmp_path / "first.log")
    try:
        made = first.ask("/api/v1/prompts", {"name": "kept", "template": "Hello {{ name }}"})
        key = first.key
    finally:
        first.end(signal.SIGKILL)

    second = Up(checkout, tmp_path / "second.log")
    try:
        assert second.key == key
        assert second.ask(f"/api/v1/prompts/{made['id']}")["name"] == "kept"
        other = subprocess.run([checkout / "dev", "up"], capture_output=True, text=True, check=False)
        assert other.stderr == f"./dev up already runs here: http://127.0.0.1:{second.port}\n"
    finally:
        code = second.end(signal.SIGTERM)

    assert code == 0
    assert processes_of(checkout) == []
