"""No body, frame or path breaks the real server, in one piece or in many: it is refused, and nobody else is harmed."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from pytest_django import DjangoDbBlocker

from pvc.middleware import body_limit
from tests import databases, factories
from tests.live import serving
from tests.security import bodies
from tests.security.bodies import READABLE, UNREADABLE, WHOLE, Ground


@pytest.fixture(scope="module")
def live(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[str, int, str, Ground]]:
    """A real server: its host and port, an administrator's key, rows to aim at."""
    off = {f"RATE_LIMIT_{kind}": "0" for kind in ("ANONYMOUS", "READ", "WRITE", "HOT")}
    with ExitStack() as until_the_end:
        with django_db_blocker.unblock(), databases.committing():
            admin = factories.make_actor(factories.make_tenant())
            ground = bodies.lay_ground(admin)
            url = until_the_end.enter_context(serving(environment=off))
        parts = urlsplit(url)
        yield parts.hostname or "", parts.port or 0, factories.client_of(admin).key or "", ground


Live = tuple[str, int, str, Ground]


def ask(live: Live, method: str, path: str, body: bytes = b"", *, chunks: int = 0, **headers: str) -> tuple[int, bytes]:
    """One request over a socket of its own; in pieces of `chunks` bytes, if told so."""
    host, port, key, _ = live
    connection = http.client.HTTPConnection(host, port, timeout=30)
    named = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers}
    pieces = [body[start : start + chunks] for start in range(0, len(body), chunks)] if chunks else None
    chunked = {"Transfer-Encoding": "chunked"} if pieces is not None else {}
    try:
        connection.request(
            method, f"/api/v1{path}", pieces if chunks else body, {**named, **chunked}, encode_chunked=bool(chunks)
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def raw(live: Live, request: bytes) -> bytes:
    """Bytes straight into the socket; what came back before it was closed."""
    with socket.create_connection(live[:2], timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


def is_well(live: Live) -> bool:
    status, body = ask(live, "GET", "/prompts?limit=100")
    return status == 200 and isinstance(json.loads(body)["data"], list)


CHUNKED = [*WHOLE, "nul", "2^53+1", "7,000-lists", "100,000-elements", "same-key-twice", "1e400"]


@pytest.mark.full
@pytest.mark.parametrize("chunks", [0, 7, 4096], ids=["whole", "in 7 bytes", "in 4,096 bytes"])
def test_no_hostile_body_breaks_the_real_server(live: Live, chunks: int) -> None:
    faults = []
    for name in CHUNKED:
        body = {**READABLE, **UNREADABLE, **WHOLE}[name]
        if chunks == 7 and len(body) > 2000:
            continue
        for path in ("/prompts", f"/prompts/{live[3].prompt.pk}/versions", f"/prompts/{live[3].prompt.pk}/render"):
            status, answer = ask(live, "POST", path, body, chunks=chunks)
            if status >= 500 or set(json.loads(answer)) not in ({"error", "requestId", "timestamp"}, rendered_names()):
                faults.append((name, path, status, answer[:200]))
    assert faults == []
    assert is_well(live)


def rendered_names() -> set[str]:
    """What an empty body gets from a render: an answer."""
    names = "version versionId content rendered variablesUsed missingVariables unusedVariables tokenCount metadata"
    return set(names.split())


@pytest.mark.full
def test_a_chunked_body_is_held_to_the_same_limits(live: Live) -> None:
    ref = live[3].prompt.pk
    for path in ("/prompts", f"/prompts/{ref}/render", "/api-keys"):
        limit = body_limit("POST", f"/api/v1{path}")
        status, answer = ask(live, "POST", path, b" " * (limit + 1), chunks=65536)
        assert (status, json.loads(answer)["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
        status, answer = ask(live, "POST", path, b" " * limit, chunks=65536)
        assert status in (200, 400)
    assert is_well(live)


@pytest.mark.full
def test_a_chunked_prompt_is_made_like_any_other(live: Live) -> None:
    body = json.dumps({"name": "in-pieces", "template": "é" * 50_000}).encode()
    status, answer = ask(live, "POST", "/prompts", body, chunks=1000)
    assert status == 201
    assert json.loads(answer)["template"] == "é" * 50_000


HEAD = b"POST /api/v1/prompts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
FRAMES = {
    "a size that is no number": b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "a negative size": b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a huge size": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a size too large": b"Transfer-Encoding: chunked\r\n\r\n10\r\n{}\r\n0\r\n\r\n",
    "no end": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "an extension and a trailer": b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX-User-Id: eve\r\n\r\n",
    "both framings": b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "a length of another base": b"Content-Length: 0x2\r\n\r\n{}",
    "a body cut short": b"Content-Length: 1000\r\n\r\n{}",
    "another coding": b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "10,000 headers": b"".join(b"X-%d: 1\r\n" % number for number in range(10_000)) + b"\r\n",
    "a NUL in a header": b"X-User-Id: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "a header without a name": b": a\r\nContent-Length: 2\r\n\r\n{}",
    "two types": b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.full
@pytest.mark.parametrize("frame", FRAMES.values(), ids=list(FRAMES))
def test_a_broken_frame_is_refused_and_harms_nobody_else(live: Live, frame: bytes) -> None:
    key = live[2].encode()
    answer = raw(live, HEAD + b"Authorization: Bearer " + key + b"\r\n" + frame)
    assert answer == b"" or answer.split(b" ", 2)[1][:1] == b"4", answer[:300]
    assert answer.count(b"HTTP/1.1 ") <= 1, "a second request was smuggled in"
    assert is_well(live)


@pytest.mark.full
@pytest.mark.parametrize(
    "path",
    [
        "/prompts/a%00b",
        "/prompts/a%2fb",
        "/prompts/..;/x",
        "/prompts/%ff",
        "/prompts/%c0%ae",
        "/prompts/" + "a" * 5000,
        "/prompts/%0d%0aSet-Cookie:a",
        "/../../etc/passwd",
        "/prompts/x/versions/" + "9" * 5000,
    ],
)
def test_a_hostile_path_leads_nowhere(live: Live, path: str) -> None:
    status, body = ask(live, "GET", path)
    assert status == 404
    assert json.loads(body)["error"]["code"] == "NOT_FOUND"
