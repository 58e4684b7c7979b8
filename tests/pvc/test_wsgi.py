"""Behind the real server: bodies without a length are read, and the process environment stays outside."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHUNKED = {"Transfer-Encoding": "chunked"}
ROOT = Path(__file__).resolve().parents[2]
ECHO = """
import json
from pvc import wsgi

def echo(environ: str, start_response: str):
    unread = "HTTP_X_UNREAD" in environ
    body = b"" if unread else environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    shown = {name: value for name, value in environ.items() if isinstance(value, str)}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"environ": shown, "read": len(body), "start": body[:20].decode()}).encode()]

wsgi.django_application = echo
application = wsgi.application
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A granian on loopback that answers with what it was handed."""
    folder = tmp_path_factory.mktemp("echo")
    (folder / "echo.py").write_text(ECHO)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
        "CANARY": "canary-in-the-environment",
        "HTTP_X_USER_ID": "mallory",
        "HTTP_PROXY": "http://mallory.example",
        "CONTENT_LENGTH": "7",
        "CONTENT_TYPE": "text/mallory",
        "QUERY_STRING": "mallory=1",
        "SCRIPT_URL": "/mallory",
    }
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--port",
        str(port),
        "--no-ws",
        "echo:application",
    ]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            yield port
        finally:
            server.terminate()


def wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def ask(port: int, method: str, path: str, **options: Any) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, **options)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_the_environment_reaches_no_request(port: int) -> None:
    answer = ask(port, "GET", "/api/v1/x")
    assert "canary" not in json.dumps(answer)
    assert "mallory" not in json.dumps(answer)
    assert "CONTENT_LENGTH" not in answer["environ"]
    assert answer["environ"]["REMOTE_ADDR"] == "127.0.0.1"


def test_a_header_of_the_client_is_a_header(port: int) -> None:
    answer = ask(port, "GET", "/api/v1/x?a=1", headers={"X-User-Id": "mallory", "Proxy": "p"})
    assert answer["environ"]["HTTP_X_USER_ID"] == "mallory"
    assert answer["environ"]["HTTP_PROXY"] == "p"
    assert answer["environ"]["QUERY_STRING"] == "a=1"


def test_a_body_with_a_length_arrives(port: int) -> None:
    answer = ask(port, "POST", "/api/v1/prompts", body=b"x" * 1000)
    assert (answer["read"], answer["environ"]["CONTENT_LENGTH"]) == (1000, "1000")


def test_a_chunked_body_arrives(port: int) -> None:
    pieces = [b'{"name":', b'"greeting"}']
    answer = ask(port, "POST", "/api/v1/prompts", body=iter(pieces), encode_chunked=True, headers=CHUNKED)
    assert answer["start"] == '{"name":"greeting"}'
    assert answer["environ"]["CONTENT_LENGTH"] == "19"


def test_a_chunked_body_that_comes_slowly_arrives_whole(port: int) -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * 100
            time.sleep(0.1)

    answer = ask(port, "POST", "/api/v1/prompts", body=slowly(), encode_chunked=True, headers=CHUNKED)
    assert answer["read"] == 300


@pytest.mark.parametrize(("path", "limit"), [("/api/v1/webhooks", 256 * 1024), ("/api/v1/prompts", 2048 * 1024)])
def test_of_a_chunked_body_one_byte_over_the_limit_is_read(port: int, path: str, limit: int) -> None:
    answer = ask(port, "POST", path, body=[b"x" * 65536] * 40, encode_chunked=True, headers=CHUNKED)
    assert answer["read"] == limit + 1


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_whose_body_nobody_reads_gets_its_answer(port: int, chunked: bool) -> None:
    headers = {"X-Unread": "1"} | (CHUNKED if chunked else {})
    for _ in range(10):
        body = [b"x" * 65536] * 64 if chunked else b"x" * 65536 * 64
        assert ask(port, "POST", "/api/v1/webhooks", body=body, encode_chunked=chunked, headers=headers)["read"] == 0
