"""The outside world on loopback: receivers that behave as they are told, and canaries that nobody may call."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: What a receiver does with a connection once it has read the request; the connection is closed behind it.
Behaviour = Callable[[socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Receiver:
    """A listener on loopback: its address, and the requests it was sent."""

    host: str
    port: int
    requests: list[bytes] = field(default_factory=list)

    def url(self, name: str = "", scheme: str = "http") -> str:
        return f"{scheme}://{name or self.host}:{self.port}/hook"


def answering(answer: bytes) -> Behaviour:
    return lambda connection: connection.sendall(answer)


@contextmanager
def receiving(
    behave: Behaviour, *, host: str = "127.0.0.2", read: Callable[[socket.socket], bytes] | None = None
) -> Iterator[Receiver]:
    """A receiver; what its connections still do when the block is left breaks off."""
    with socket.create_server((host, 0)) as listener, contextlib.ExitStack() as connections:
        receiver = Receiver(host, listener.getsockname()[1])

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                receiver.requests.append((read or whole_request)(connection))
                behave(connection)
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connections.callback(broken_off, connection)
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield receiver
        broken_off(listener)
        accepting.join()


def broken_off(connection: socket.socket) -> None:
    """Wakes whoever waits on it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def whole_request(connection: socket.socket) -> bytes:
    """A request with as much body as its Content-Length says."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += received(connection)
    head, _, body = read.partition(b"\r\n\r\n")
    (length,) = [int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length:")]
    while len(body) < length:
        body += received(connection)
    return head + b"\r\n\r\n" + body


def received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError
    return data


class Canaries:
    """Listeners on one port of 127.0.0.1, 127.0.0.3 and, where there is one, ::1."""

    def __init__(self) -> None:
        first = socket.create_server(("127.0.0.1", 0))
        self.port: int = first.getsockname()[1]
        self._listeners = [first, socket.create_server(("127.0.0.3", self.port))]
        with contextlib.suppress(OSError):
            self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listener in self._listeners:
            listener.setblocking(False)

    def called(self) -> int:
        """How many connections were made since the last look: each that was waits here to be accepted."""
        return sum(1 for listener in self._listeners for _ in accepted(listener))

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


def accepted(listener: socket.socket) -> Iterator[None]:
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            yield
