"""Calls to outside: nothing inside is ever reached, and no receiver holds anybody longer than the deadline."""

import gzip
import ipaddress
import random
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pvc import outbound
from pvc.addresses import Address, is_public
from pvc.outbound import RefusedAddress, Unreachable, check_url, post
from tests.pvc.receivers import OK, Behaviour, Canaries, answering, receiving
from tests.test_settings import GOOD, refusal, value

#: Seconds: for what ends by the deadline, and for what ends before it on the busiest machine.
SHORT, AMPLE = 0.3, 10.0
ALLOWED = [ipaddress.ip_network("127.0.0.2/32")]


@pytest.fixture(autouse=True)
def _one_address_is_allowed(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    settings.WEBHOOK_ALLOWED_CIDRS = ALLOWED


@pytest.fixture(scope="module")
def canaries() -> Iterator[Canaries]:
    made = Canaries()
    yield made
    made.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """A name server: each name's answers, look-up by look-up; the last one stays."""
    book: dict[str, list[list[str]]] = {}

    def look_up(host: str, port: int | None, **_options: Any) -> list[tuple[Any, ...]]:
        answers = book.get(host) or [[]]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return book


def call(url: str, seconds: float = AMPLE) -> outbound.Answer:
    return post(url, b"{}", {"Content-Type": "application/json"}, seconds=seconds)


def kind_of(url: str, seconds: float = AMPLE) -> str:
    with pytest.raises(Unreachable) as raised:
        call(url, seconds)
    return raised.value.kind


# ----------------------------------------------------------------------------- what is sent, what comes back
def test_a_call_sends_the_body_as_it_is_and_gives_what_came_back() -> None:
    with receiving(answering(OK)) as receiver:
        answer = post(receiver.url(), b'{"a": 1}', {"Content-Type": "application/json", "webhook-id": "m1"})
    assert (answer.status, answer.excerpt) == (200, b"ok")
    assert 0 < answer.seconds < outbound.SECONDS
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    assert (line, body) == ("POST /hook HTTP/1.1", b'{"a": 1}')
    assert sorted(lines) == sorted(
        [
            f"Host: 127.0.0.2:{receiver.port}",
            "User-Agent: pvc",
            "Accept: */*",
            "Accept-Encoding: identity",
            "Connection: close",
            "Content-Type: application/json",
            "webhook-id: m1",
            "Content-Length: 8",
        ]
    )


def test_path_and_query_are_sent_and_the_fragment_is_not() -> None:
    with receiving(answering(OK)) as receiver:
        call(f"HTTP://127.0.0.2:{receiver.port}/a%2Fb/ü?q=1&r=%20#part")
    assert receiver.requests[0].startswith(b"POST /a%2Fb/%C3%BC?q=1&r=%20 HTTP/1.1\r\n")


def test_a_header_cannot_smuggle_in_another() -> None:
    with receiving(answering(OK)) as receiver, pytest.raises(Exception, match="header value"):
        post(receiver.url(), b"", {"X-Event": "a\r\nX-Other: b"})
    assert receiver.requests == []


def test_only_the_beginning_of_an_answer_is_kept() -> None:
    body = bytes(range(256)) * 100
    with receiving(answering(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))) as receiver:
        answer = call(receiver.url())
    assert (answer.status, answer.excerpt) == (500, body[: 4 * 1024])


def test_interim_answers_are_passed_over() -> None:
    with receiving(answering(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + OK)) as receiver:
        assert call(receiver.url()).status == 200


def test_an_answer_that_comes_before_the_body_was_read_counts() -> None:
    """The receiver hangs up while we still send: what it said is read all the same."""
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    with receiving(answering(refusal), read=lambda connection: connection.recv(1000)) as receiver:
        assert post(receiver.url(), b"x" * 20_000_000, {}).status == 413


# ----------------------------------------------------------------------------- what is never called
#: {port} is the canaries'. Each URL means an address that is not to be called, or is no URL to call.
REFUSED = [
    # loopback, in the spellings that the system's look-up takes
    "http://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/",
    "http://127.0.0.3:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://0x7f.1:{port}/",
    "http://0x7f000001:{port}/",
    "http://0X7F000001:{port}/",
    "http://2130706433:{port}/",
    "http://017700000001:{port}/",
    "http://0177.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0x7f.0x0.0x0.0x1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://2130706433.:{port}/",
    "http://127.0.0.0x1:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://0x0:{port}/",
    "http://00000000000:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://a.localhost:{port}/",
    "http://a.localhost.:{port}/",
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{port}/",
    "http://127。0。0。1:{port}/",
    "http://127\uff0e0\uff0e0\uff0e1:{port}/",
    "http://127\uff610\uff610\uff611:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/",
    "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54:{port}/",
    "http://127.0.0.1%2f:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://loc%61lhost:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[0000::1]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[::]:{port}/",
    # IPv4 inside IPv6: mapped, compatible, translated, 6to4, Teredo, NAT64, ISATAP
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b::8.8.8.8]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2600::5efe:127.0.0.1]:{port}/",
    "http://[2600::200:5efe:7f00:1]:{port}/",
    # private, link-local, shared, multicast, reserved, documentation, clouds' own
    "http://10.0.0.1:{port}/",
    "http://172.16.0.1:{port}/",
    "http://172.31.255.255:{port}/",
    "http://192.168.0.1:{port}/",
    "http://100.64.0.1:{port}/",
    "http://100.100.100.200/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://203.0.113.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[fe80::1]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://[fd00::1]:{port}/",
    "http://[ff02::1]:{port}/",
    "http://[3fff::1]:{port}/",
    "http://[5f00::1]:{port}/",
    "http://[2001:db8::1]:{port}/",
    # parsers that disagree
    "http://example.com\\@127.0.0.1:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://user:password@127.0.0.1:{port}/",
    "http://user@example.com/",
    "http://@example.com/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://example.com\\.127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1:{port}?@example.com/",
    "http://127.0.0.1\t:{port}/",
    "http://127.0.0.1:{port}/\r\nX-Header: 1",
    "http://exa mple.com/",
    "http://127.0.0.1\u200b:{port}/",
    " http://127.0.0.1:{port}/",
    "http://\x00127.0.0.1:{port}/",
    "http://8.8.8.8/a\\b",
    "http://8.8.8.8/a\u200bb",
    "http://8.8.8.8/\ud800",
    "http://8.8.8.8/a b",
    "http://[2606:4700:4700::1111%25lo]/",
    "http://\ud800/",
    "http://127.0.0.1:{port}\u3000/",
    # no URL to call
    "",
    "example.com",
    "//127.0.0.1:{port}/",
    "http:",
    "http:127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http://",
    "http://:{port}/",
    "http://.:{port}/",
    "http://a..b:{port}/",
    "http://-.1.2.3.4.5/",
    "http://1.2.3.4.5/",
    "http://256.256.256.256/",
    "http://example.0x/",
    "http://[v1.x]/",
    "http://[::1/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:-1/",
    "http://example.com:port/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "javascript:alert(1)",
    "unix:///run/redis.sock",
    "http+unix://%2Frun%2Fredis.sock/",
    f"http://{'a' * 64}.example/",
    f"http://{'a.' * 127}example/",
    f"http://example.com/{'a' * 2048}",
]


@pytest.mark.parametrize("url", REFUSED, ids=ascii)
def test_what_leads_inside_is_neither_saved_nor_called(url: str, canaries: Canaries) -> None:
    url = url.replace("{port}", str(canaries.port))
    with pytest.raises(RefusedAddress) as raised:
        check_url(url)
    assert (raised.value.code, set(raised.value.details["fields"])) == ("REFUSED_ADDRESS", {"url"})
    assert kind_of(url) == "refused_address"
    assert canaries.called() == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://[::1]:{port}/", "http://localhost:{port}/"])
def test_a_canary_counts_who_is_let_through(url: str, canaries: Canaries, settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    check_url(url.replace("{port}", str(canaries.port)))
    assert kind_of(url.replace("{port}", str(canaries.port)), seconds=SHORT) == "timeout"
    assert canaries.called() > 0


@pytest.mark.parametrize(
    "url",
    [
        "https://8.8.8.8/",
        "http://134744072:8080/",
        "http://[2606:4700:4700::1111]/hook",
        "http://99.255.255.255/",
        "http://127.0.0.2:9/",
        "http://127.2:9/",
        "http://127.0.0.2.:9/",
    ],
)
def test_a_public_or_allowed_address_may_be_saved(url: str) -> None:
    check_url(url)


def test_what_is_not_global_to_python_is_not_public_to_us() -> None:
    seeded = random.Random(8)
    drawn: list[Address] = [ipaddress.IPv4Address(seeded.getrandbits(32)) for _ in range(5_000)]
    drawn += [ipaddress.IPv6Address(seeded.getrandbits(128)) for _ in range(1_000)]
    drawn += [ipaddress.IPv6Address((0x20010000 | seeded.getrandbits(16)) << 96) for _ in range(1_000)]
    public = [address for address in drawn if is_public(address)]
    assert len(public) > 4_000
    assert [address for address in public if not address.is_global or address.is_multicast] == []


# ----------------------------------------------------------------------------- names
def test_a_name_is_looked_up_and_its_address_called(names: dict[str, list[list[str]]]) -> None:
    names["hooks.example"] = [["127.0.0.2"]]
    with receiving(answering(OK)) as receiver:
        url = receiver.url("Hooks.Example")
        check_url(url)
        assert call(url).status == 200
    assert f"\r\nHost: hooks.example:{receiver.port}\r\n".encode() in receiver.requests[0]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.3"], ["127.0.0.2", "127.0.0.3"], ["127.0.0.3", "127.0.0.2"], ["169.254.169.254"], ["::1"]],
    ids=" ".join,
)
def test_a_name_with_one_address_inside_is_refused(
    addresses: list[str], names: dict[str, list[list[str]]], canaries: Canaries
) -> None:
    names["hooks.example"] = [addresses]
    url = f"http://hooks.example:{canaries.port}/"
    with pytest.raises(RefusedAddress):
        check_url(url)
    assert kind_of(url) == "refused_address"
    assert canaries.called() == 0


def test_a_name_that_changes_its_address_between_look_ups_reaches_nothing_inside(
    names: dict[str, list[list[str]]], canaries: Canaries
) -> None:
    """Every second answer is a canary: what is dialled is what was checked."""
    names["hooks.example"] = [["127.0.0.2"], ["127.0.0.3"]] * 50
    kinds = {kind_of(f"http://hooks.example:{canaries.port}/") for _ in range(100)}
    assert kinds == {"connect", "refused_address"}
    assert canaries.called() == 0


def test_a_name_that_was_fine_when_saved_is_checked_again_when_called(
    names: dict[str, list[list[str]]], canaries: Canaries
) -> None:
    names["hooks.example"] = [["127.0.0.2"], ["127.0.0.1"]]
    url = f"http://hooks.example:{canaries.port}/"
    check_url(url)
    assert kind_of(url) == "refused_address"
    assert canaries.called() == 0


def test_a_name_that_nobody_knows_now_may_be_saved_and_is_not_reached(names: dict[str, list[list[str]]]) -> None:
    assert names == {}
    check_url("https://later.example/hook")
    assert kind_of("https://later.example/hook") == "connect"


def test_a_name_server_that_never_answers_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: time.sleep(2))
    monkeypatch.setattr(outbound, "LOOK_UP_SECONDS", 0.05)
    check_url("https://slow.example/")
    assert kind_of("https://slow.example/", seconds=0.05) == "timeout"


def test_the_next_address_is_tried_where_the_first_refuses(names: dict[str, list[list[str]]], settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]
    names["hooks.example"] = [["127.0.0.4", "127.0.0.2"]]
    with receiving(answering(OK)) as receiver:
        assert call(receiver.url("hooks.example")).status == 200


@contextmanager
def dropping(host: str, port: int) -> Iterator[None]:
    """A listener whose queue is full: whoever connects hears nothing."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, port), backlog=0))
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield


def test_the_next_address_is_tried_where_the_first_says_nothing(
    names: dict[str, list[list[str]]], settings: Any
) -> None:
    """One address that drops everything does not use up the time of all."""
    settings.WEBHOOK_ALLOWED_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]
    names["hooks.example"] = [["127.0.0.4", "127.0.0.2"]]
    with receiving(answering(OK)) as receiver, dropping("127.0.0.4", receiver.port):
        assert kind_of(receiver.url("127.0.0.4"), seconds=0.1) == "timeout"
        assert call(receiver.url("hooks.example"), seconds=2).status == 200


# ----------------------------------------------------------------------------- roads around
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status: int, canaries: Canaries) -> None:
    to = f"HTTP/1.1 {status} Over There\r\nLocation: http://127.0.0.1:{canaries.port}/\r\nContent-Length: 0\r\n\r\n"
    with receiving(answering(to.encode())) as receiver:
        assert call(receiver.url()).status == status
    assert canaries.called() == 0


def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch, canaries: Canaries) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canaries.port}")
    with receiving(answering(OK)) as receiver:
        assert call(receiver.url()).status == 200
    assert canaries.called() == 0


def test_no_connection_is_used_twice() -> None:
    keep = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"
    peers = []

    def behave(connection: socket.socket) -> None:
        peers.append(connection.getpeername())
        connection.sendall(keep)

    with receiving(behave) as receiver:
        assert [call(receiver.url()).status for _ in range(3)] == [200] * 3
    assert len(set(peers)) == 3


def test_what_is_said_of_an_address_inside_does_not_tell_what_is_there(canaries: Canaries) -> None:
    """An open port, a closed one and one that drops what it gets read alike."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    said = set()
    for url in (f"http://127.0.0.1:{canaries.port}/", f"http://127.0.0.1:{port}/", "http://10.255.255.1/"):
        with pytest.raises(Unreachable) as raised:
            call(url)
        said.add((raised.value.kind, str(raised.value)))
    assert len(said) == 1


# ----------------------------------------------------------------------------- receivers that mean no good
HEAD = b"HTTP/1.1 200 OK\r\n"


def tarpit(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def drip(connection: socket.socket, text: bytes, interval: float) -> None:
    for position in range(len(text)):
        connection.sendall(text[position : position + 1])
        time.sleep(interval)


def dripping_head(connection: socket.socket) -> None:
    drip(connection, HEAD + b"X-Slow: " + b"a" * 1000, 0.02)


def endless_interim(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 10)
        time.sleep(0.01)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (tarpit, "timeout"),
        (dripping_head, "timeout"),
        (endless_interim, "timeout"),
        (reset, "connect"),
        (answering(b""), "connect"),
        (answering(HEAD), "connect"),
        (answering(b"SSH-2.0-OpenSSH_9.2\r\n"), "connect"),
        (answering(b"HTTP/1.1 999999 Much\r\n\r\n"), "connect"),
        (answering(HEAD + b"Content-Length: minus\r\n\r\n"), "connect"),
        (answering(HEAD + b"X-Much: " + b"a" * 200_000 + b"\r\n\r\n"), "connect"),
    ],
    ids=["tarpit", "drip", "interim", "reset", "nothing", "half", "ssh", "status", "length", "headers"],
)
def test_who_does_not_answer_is_left_by_the_deadline(behave: Behaviour, kind: str) -> None:
    with receiving(behave) as receiver:
        assert kind_of(receiver.url(), seconds=SHORT if kind == "timeout" else AMPLE) == kind


def dripping_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
    drip(connection, b"a" * 1000, 0.02)


def endless_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"\r\n")
    while True:
        connection.sendall(b"a" * 65536)


def endless_small_chunks(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1\r\na\r\n" * 1000)


def reset_after_the_head(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\naaa")
    time.sleep(0.05)
    reset(connection)


@pytest.mark.parametrize(
    "behave",
    [
        dripping_body,
        endless_body,
        endless_small_chunks,
        reset_after_the_head,
        answering(HEAD + b"X-Much: " + b"a" * 65536 + b"\r\n\r\naaa"),
        answering(HEAD + b"Content-Length: 1000\r\n\r\naaa"),
        answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\naaa\r\nnonsense\r\n"),
    ],
    ids=["drip", "endless", "chunks", "reset", "64 KiB of headers", "cut off", "broken chunks"],
)
def test_who_answered_has_had_the_message_however_the_body_ends(behave: Behaviour) -> None:
    with receiving(behave) as receiver:
        answer = call(receiver.url(), seconds=1)
    assert answer.status == 200
    assert answer.excerpt.startswith(b"aaa")
    assert set(answer.excerpt) == {ord("a")}
    assert len(answer.excerpt) <= outbound.EXCERPT


def test_an_endless_body_is_left_after_64_kib() -> None:
    sent = []

    def behave(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection.sendall(HEAD + b"\r\n")
        while True:
            sent.append(connection.send(b"a" * 4096))

    with receiving(behave) as receiver:
        assert call(receiver.url(), seconds=30).status == 200
    # What the system's own buffers take is some megabytes; the rest of an endless body never leaves.
    assert sum(sent) < 2**24


def test_a_compressed_answer_is_kept_as_it_came() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with receiving(answering(head + bomb)) as receiver:
        assert call(receiver.url()).excerpt == bomb[:4096]


def test_a_receiver_that_does_not_read_is_left_by_the_deadline() -> None:
    with socket.create_server(("127.0.0.2", 0)) as deaf, pytest.raises(Unreachable) as raised:
        post(f"http://127.0.0.2:{deaf.getsockname()[1]}/", b"x" * 50_000_000, {}, seconds=SHORT)
    assert raised.value.kind == "timeout"


def test_every_wait_is_cut_to_what_is_left() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = outbound._Stream(ours, outbound._Deadline(60))
        stream.write(b"a", timeout=None)
        assert 0 < (ours.gettimeout() or 0) <= 60
        stream.write(b"a", timeout=5)
        assert ours.gettimeout() == 5
        theirs.sendall(b"b" * 100_000)
        assert len(stream.read(65536, timeout=None)) <= 16 * 1024
        assert 5 < (ours.gettimeout() or 0) <= 60
        theirs.close()
        with pytest.raises(ssl.SSLError):
            stream.start_tls(ssl.create_default_context(), "hooks.example", timeout=7)
        assert ours.gettimeout() == 7


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.2", 0)) as closed:
        port = closed.getsockname()[1]
    assert kind_of(f"http://127.0.0.2:{port}/") == "connect"


# ----------------------------------------------------------------------------- TLS
@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for hooks.example, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return file


@pytest.fixture
def _trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trust in that certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outbound._ssl_context.cache_clear()
    yield
    outbound._ssl_context.cache_clear()


def over_tls(certificate: Path, answer: bytes = OK) -> Behaviour:
    """A receiver that says no word before the handshake; the request comes after it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection.dup(), server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(answer)

    return behave


def nothing(_connection: socket.socket) -> bytes:
    return b""


@pytest.mark.usefixtures("_trusted")
def test_a_trusted_certificate_for_the_name_is_taken(certificate: Path, names: dict[str, list[list[str]]]) -> None:
    names["hooks.example"] = names["hooks.example."] = [["127.0.0.2"]]
    with receiving(over_tls(certificate), read=nothing) as receiver:
        assert call(receiver.url("hooks.example", "https")).excerpt == b"ok"
        assert call(receiver.url("hooks.example.", "https")).excerpt == b"ok"


@pytest.mark.usefixtures("_trusted")
def test_a_certificate_for_another_name_is_not(certificate: Path, names: dict[str, list[list[str]]]) -> None:
    names["other.example"] = [["127.0.0.2"]]
    with receiving(over_tls(certificate), read=nothing) as receiver:
        assert kind_of(receiver.url("other.example", "https")) == "tls"
        assert kind_of(receiver.url(scheme="https")) == "tls"


def test_a_certificate_that_nobody_vouches_for_is_not(certificate: Path, names: dict[str, list[list[str]]]) -> None:
    names["hooks.example"] = [["127.0.0.2"]]
    with receiving(over_tls(certificate), read=nothing) as receiver:
        assert kind_of(receiver.url("hooks.example", "https")) == "tls"


@pytest.mark.parametrize(
    ("behave", "kind"),
    [(answering(OK), "tls"), (reset, "tls"), (answering(b""), "tls"), (tarpit, "timeout")],
    ids=["plain", "reset", "nothing", "tarpit"],
)
def test_a_handshake_that_comes_to_nothing(behave: Behaviour, kind: str) -> None:
    with receiving(behave, read=lambda connection: connection.recv(10)) as receiver:
        assert kind_of(receiver.url(scheme="https"), seconds=SHORT if kind == "timeout" else AMPLE) == kind


@pytest.mark.usefixtures("_trusted")
def test_a_dripping_answer_over_tls_ends_by_the_deadline(certificate: Path, names: dict[str, list[list[str]]]) -> None:
    names["hooks.example"] = [["127.0.0.2"]]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection.dup(), server_side=True) as secured:
            dripping_head(secured)

    with receiving(behave, read=nothing) as receiver:
        assert kind_of(receiver.url("hooks.example", "https"), seconds=SHORT) == "timeout"


# ----------------------------------------------------------------------------- settings
@pytest.mark.parametrize("text", ["nonsense", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8;fd00::/8", "hooks.example"])
def test_bad_networks_stop_the_start(text: str) -> None:
    said = refusal({**GOOD, "WEBHOOK_ALLOWED_CIDRS": text})
    assert said.startswith("WEBHOOK_ALLOWED_CIDRS is a comma-separated list of networks")


def test_nothing_inside_is_allowed_unless_it_is_said() -> None:
    assert value("WEBHOOK_ALLOW_PRIVATE", GOOD) == "False"
    assert value("WEBHOOK_ALLOWED_CIDRS", GOOD) == "[]"
    environment = {**GOOD, "WEBHOOK_ALLOW_PRIVATE": "1", "WEBHOOK_ALLOWED_CIDRS": "10.1.2.0/24, fd00::/8,127.0.0.2"}
    assert value("WEBHOOK_ALLOW_PRIVATE", environment) == "True"
    allowed = value("WEBHOOK_ALLOWED_CIDRS", environment)
    assert allowed == repr([ipaddress.ip_network(each) for each in ("10.1.2.0/24", "fd00::/8", "127.0.0.2/32")])


# ----------------------------------------------------------------------------- at full size
@pytest.mark.long
def test_one_byte_every_nine_seconds_does_not_outlive_the_deadline() -> None:
    with receiving(lambda connection: drip(connection, HEAD, 9)) as receiver:
        assert kind_of(receiver.url(), seconds=outbound.SECONDS) == "timeout"
