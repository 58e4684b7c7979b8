"""A receiver in a process of its own: it answers as the path says, and writes down what it was sent.

/ok answers 200, /flaky once 500 to one message of twenty, /tarpit never; /drip/SECONDS sends a byte at a time, /bomb a
gzip of many zeros, /endless a body without end.
"""

import asyncio
import gzip
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from standardwebhooks import Webhook

ROOT = Path(__file__).resolve().parents[2]
#: How much of the zeros of the bomb there is, in bytes: its gzip is a thousandth of it.
ZEROS = 64 * 1024 * 1024


class Message(NamedTuple):
    """A request as it came: when it was answered in Unix seconds, and with what status; 0 where it never was."""

    path: str
    status: int
    at: float
    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> None:
        """Raise where the public library does not take it."""
        Webhook(secret).verify(self.body, self.headers)


@dataclass(frozen=True)
class Outside:
    """The receiver's process, as seen from here."""

    port: int
    log: Path
    process: "subprocess.Popen[bytes]"

    def break_off(self) -> None:
        """End it, and whatever hangs on it."""
        self.process.kill()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def got(self) -> list[Message]:
        """Everything so far."""
        lines = self.log.read_bytes().rpartition(b"\n")[0].splitlines()
        return [Message(**orjson.loads(line)) for line in lines]


@contextmanager
def outside(log: Path) -> Iterator[Outside]:
    """A receiver that writes to `log`; ended with the block."""
    log.touch()
    command = [sys.executable, "-m", "tests.webhooks.receivers", str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield Outside(int(process.stdout.readline()), log, process)
        finally:
            process.kill()


# ----------------------------------------------------------------------------- in the other process
_ANSWERS = {
    200: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    500: b"HTTP/1.1 500 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
}
_HEAD = b"HTTP/1.1 200 OK\r\n"
_chance = random.Random(9)
_seen: set[tuple[str, str]] = set()


class _Connection(asyncio.Protocol):
    """One request, and what is done about it."""

    def __init__(self, write: Callable[[bytes], object], behaviours: "Mapping[str, _Behaviour]") -> None:
        self._write = write
        self._behaviours = behaviours
        self._read = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.may_write = asyncio.Event()
        self.may_write.set()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def connection_lost(self, _fault: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
        if len(body) == int(headers["content-length"]):
            self._answer(line.split(" ")[1], headers, body)

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> None:
        kind, _, given = path.removeprefix("/").partition("/")
        behave = self._behaviours.get(kind)
        status = 0 if behave else 500 if kind == "flaky" and _is_to_fail(path, headers["webhook-id"]) else 200
        told = {"path": path, "status": status, "at": time.time(), "headers": headers, "body": body.decode()}
        self._write(orjson.dumps(told) + b"\n")
        if behave:
            self._task = asyncio.get_running_loop().create_task(behave(self, given))
        else:
            self.transport.write(_ANSWERS[status])
            self.transport.close()


def _is_to_fail(path: str, message_id: str) -> bool:
    """One message of twenty, once: what fails twice is waited for five minutes."""
    if (path, message_id) in _seen:
        return False
    _seen.add((path, message_id))
    return _chance.random() < 0.05


_Behaviour = Callable[[_Connection, str], Any]


async def _tarpit(_connection: _Connection, _given: str) -> None:
    await asyncio.sleep(3600)


async def _drip(connection: _Connection, seconds: str) -> None:
    for byte in _HEAD + b"X-Slow: " + b"a" * 1000:
        connection.transport.write(bytes([byte]))
        await asyncio.sleep(float(seconds))


async def _endless(connection: _Connection, _given: str) -> None:
    connection.transport.write(_HEAD + b"\r\n")
    while True:
        await connection.may_write.wait()
        connection.transport.write(b"a" * 65536)
        await asyncio.sleep(0)


async def serve(log: Path | None) -> None:
    """Serve for ever on a free port of loopback, which is printed; without a log nothing is written down."""
    bomb = gzip.compress(bytes(ZEROS))
    head = _HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)

    async def explode(connection: _Connection, _given: str) -> None:
        connection.transport.write(head + bomb)
        connection.transport.close()

    behaviours = {"tarpit": _tarpit, "drip": _drip, "endless": _endless, "bomb": explode}
    write = log.open("ab", buffering=0).write if log else lambda _line: None
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(write, behaviours), "127.0.0.1", 0, backlog=1024
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
