"""The only way out: POSTs to addresses that tenants choose, never to one inside, never for longer than told.

A URL is read by the client's own parser. A name is looked up once, every address of it is checked, and one of those
is dialled, so that nothing can change in between. No redirects, no proxies, no reuse of connections, and one deadline
over all: look-up, connecting, TLS, sending and reading.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any, Literal

import httpcore2
import httpx2
from django.conf import settings

from pvc.addresses import Address, is_public
from pvc.errors import Invalid

#: How long a call may take in all, in seconds.
SECONDS = 15.0
#: How long a name is asked for when a URL is saved, in seconds.
LOOK_UP_SECONDS = 3.0
LONGEST_URL = 2048
#: How much of an answer's body is kept, and after how much of an answer reading stops; both in bytes.
EXCERPT = 4 * 1024
READ_AT_MOST = 64 * 1024
_READ_AT_ONCE = 16 * 1024

Kind = Literal["refused_address", "connect", "timeout", "tls"]
_SENTENCES: Mapping[Kind, str] = {
    "refused_address": "The address is not one that may be called.",
    "connect": "No connection was had, or it broke before an answer.",
    "timeout": "There was no answer in time.",
    "tls": "TLS failed: the certificate is not trusted, not for this name, or the handshake broke off.",
}


class RefusedAddress(Invalid):
    """The URL is none that is ever called."""

    code = "REFUSED_ADDRESS"


class Unreachable(Exception):
    """A call that got no answer; `kind` says where it ended, the text is a sentence for the tenant."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(_SENTENCES[kind])
        self.kind = kind


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the first 4 KiB of the body as sent, how long it took in seconds, and Retry-After."""

    status: int
    excerpt: bytes
    seconds: float
    retry_after: str | None = None


def text_of(excerpt: bytes) -> str:
    """An excerpt as text that can be stored: what is no UTF-8, and NUL, is shown by a mark."""
    return excerpt.decode(errors="replace").replace("\0", "\ufffd")


def check_url(url: str) -> None:
    """Raise RefusedAddress for what is never called. A name that cannot be looked up now is checked when called."""
    target = _Target.of(url)
    try:
        _permitted_addresses(target.host, _Deadline(LOOK_UP_SECONDS))
    except OSError:
        return


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float = SECONDS) -> Answer:
    """POST `body` as it is, and say what came back within `seconds`; raises Unreachable.

    A 3xx is an answer like any other. Once a status and its headers are here, a body that breaks off or lasts too
    long only shortens the excerpt: the receiver has had the message.
    """
    started = time.monotonic()
    try:
        target = _Target.of(url)
        status, excerpt, retry_after = _exchange(target, _Way(_Deadline(seconds)), body, headers)
    except RefusedAddress as refused:
        raise Unreachable("refused_address") from refused
    except (OSError, httpcore2.RemoteProtocolError) as error:
        raise Unreachable(_kind(error)) from error
    return Answer(status, excerpt, time.monotonic() - started, retry_after)


def _kind(error: Exception) -> Kind:
    if isinstance(error, TimeoutError):
        return "timeout"
    return "tls" if isinstance(error, ssl.SSLError) else "connect"


# ----------------------------------------------------------------------------- where a URL leads
_NAME = re.compile(r"(?=.{1,253}\.?\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?\Z")
_ENDS_IN_A_NUMBER = re.compile(r"(\A|\.)([0-9]+|0x[0-9a-f]*)\.?\Z")


def _refused(why: str) -> RefusedAddress:
    return RefusedAddress(f"url: {why}", fields={"url": [why]})


@dataclass(frozen=True)
class _Target:
    """A URL in parts: `host` is a name, or an address in its usual spelling; `shown` is the Host header."""

    scheme: bytes
    host: str
    port: int
    shown: bytes
    path: bytes

    @classmethod
    def of(cls, text: str) -> "_Target":
        """The parts, as the client reads them; raises RefusedAddress for what is never called."""
        if len(text) > LONGEST_URL:
            raise _refused(f"It has more than {LONGEST_URL} characters.")
        if not text.isprintable() or " " in text or "\\" in text:
            raise _refused("It holds a space, a backslash or a character that cannot be seen.")
        try:
            url = httpx2.URL(text)
        except httpx2.InvalidURL as invalid:
            raise _refused("It is not a URL.") from invalid
        if url.scheme not in ("http", "https"):
            raise _refused("It begins with neither http:// nor https://.")
        if "@" in re.split("[/?#]", text.partition("//")[2], maxsplit=1)[0]:
            raise _refused("It holds a user name or a password.")
        port = (443 if url.scheme == "https" else 80) if url.port is None else url.port
        if not 0 < port < 2**16:
            raise _refused("Its port is not between 1 and 65535.")
        return cls(url.raw_scheme, _host(url.raw_host.decode("ascii")), port, url.netloc, url.raw_path)


def _host(host: str) -> str:
    """`host`, with an address in its usual spelling: 127.1, 0x7f.1 and 2130706433 are all 127.0.0.1."""
    if ":" in host:
        return host
    if not _NAME.match(host):
        raise _refused("It names no host.")
    if not _ENDS_IN_A_NUMBER.search(host):
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
    except OSError as error:
        raise _refused("Its host ends in a number and is not an address.") from error


# ----------------------------------------------------------------------------- which addresses
def _permitted_addresses(host: str, deadline: "_Deadline") -> list[Address]:
    """Where `host` is, in the order to try; raises RefusedAddress if any of them is not to be called."""
    addresses = _addresses(host, deadline)
    if not all(map(_is_permitted, addresses)):
        raise _refused("It leads to an address that is private, local or reserved.")
    return addresses


def _is_permitted(address: Address) -> bool:
    if settings.WEBHOOK_ALLOW_PRIVATE or is_public(address):
        return True
    return any(address in network for network in settings.WEBHOOK_ALLOWED_CIDRS)


def _addresses(host: str, deadline: "_Deadline") -> list[Address]:
    try:
        return [ip_address(host)]
    except ValueError:
        pass
    if f".{host.removesuffix('.')}".endswith(".localhost"):  # always loopback, asked of nobody (RFC 6761, section 6.3)
        return [ip_address("127.0.0.1"), ip_address("::1")]
    answer: Future[list[tuple[Any, ...]]] = Future()
    # The system's look-up knows no time limit, so it gets a thread, which ends when it does.
    threading.Thread(target=_look_up, args=(host, answer), daemon=True).start()
    found = answer.result(timeout=deadline.left())
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in found))


def _look_up(host: str, answer: "Future[list[tuple[Any, ...]]]") -> None:
    try:
        answer.set_result(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        answer.set_exception(error if isinstance(error, OSError) else OSError(str(error)))


# ----------------------------------------------------------------------------- the call
_OUR_HEADERS = {"User-Agent": "pvc", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}


class _Deadline:
    """A moment; whoever is late gets a TimeoutError."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self, at_most: float | None = None) -> float:
        """Seconds that are left, more than 0, and no more than `at_most`."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left if at_most is None else min(left, at_most)


class _Stream(httpcore2.NetworkStream):
    """A connection on which every wait ends by the deadline; errors of the system pass through as they are."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._socket = connection
        self._deadline = deadline
        #: Bytes read so far.
        self.received = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._socket.settimeout(self._deadline.left(timeout))
        data = self._socket.recv(min(max_bytes, _READ_AT_ONCE))
        self.received += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        unsent = memoryview(buffer)
        try:
            while unsent:
                self._socket.settimeout(self._deadline.left(timeout))
                unsent = unsent[self._socket.send(unsent) :]
        except TimeoutError:
            raise
        except OSError as error:  # the answer may be there already: the client then reads it
            raise httpcore2.WriteError from error

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "_Stream":
        self._socket.settimeout(self._deadline.left(timeout))
        try:
            self._socket = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except (ConnectionError, ValueError) as error:
            raise ssl.SSLError from error
        return self

    def close(self) -> None:
        self._socket.close()


class _Way(httpcore2.NetworkBackend):
    """How the client gets its one connection: to an address that was checked."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline
        self._streams: list[_Stream] = []

    def connect_tcp(self, host: str, port: int, *_rest: Any, **_options: Any) -> httpcore2.NetworkStream:
        addresses = _permitted_addresses(host, self._deadline)
        stream = _Stream(_dialled(addresses, port, self._deadline), self._deadline)
        self._streams.append(stream)
        return stream

    def received(self) -> int:
        """Bytes read so far."""
        return sum(stream.received for stream in self._streams)


def _dialled(addresses: list[Address], port: int, deadline: _Deadline) -> socket.socket:
    """A connection to the first address that answers; each gets its share of the time that is left."""
    failure: OSError = OSError("the name has no address")
    for position, address in enumerate(addresses):
        try:
            return _connected(address, port, deadline.left() / (len(addresses) - position))
        except OSError as error:
            failure = error
    raise failure


def _connected(address: Address, port: int, seconds: float) -> socket.socket:
    connection = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((str(address), port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _ssl_context() -> ssl.SSLContext:
    """One a process: it takes some 20 ms to make. Trusts what the system trusts, or SSL_CERT_FILE."""
    return httpx2.create_ssl_context()


def _exchange(target: _Target, way: _Way, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, str | None]:
    """Status, excerpt, and the header Retry-After."""
    host = target.host.encode("ascii")
    origin = httpcore2.Origin(target.scheme, host, target.port)
    url = httpcore2.URL(scheme=target.scheme, host=host, port=target.port, target=target.path)
    context = _ssl_context() if target.scheme == b"https" else None
    sent = {"Host": target.shown.decode("ascii"), **_OUR_HEADERS, **headers}
    name = {"sni_hostname": target.host.removesuffix(".")}
    with (
        httpcore2.HTTPConnection(origin, ssl_context=context, network_backend=way) as connection,
        connection.stream("POST", url, headers=list(sent.items()), content=body, extensions=name) as response,
    ):
        retry_after = next((value for header, value in response.headers if header.lower() == b"retry-after"), None)
        said = retry_after.decode("latin-1")[:100] if retry_after else None
        return response.status, _excerpt(response.iter_stream(), way), said


def _excerpt(chunks: Iterable[bytes], way: _Way) -> bytes:
    """The body's beginning. The rest is read so that the receiver may finish, up to a limit."""
    kept = b""
    try:
        for chunk in chunks:
            kept += chunk[: EXCERPT - len(kept)]
            if way.received() >= READ_AT_MOST:
                break
    except (OSError, httpcore2.RemoteProtocolError):
        return kept
    return kept
