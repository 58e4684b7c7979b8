"""./dev demo and ./dev up --demo, really; and what the tour says of a server that is not as it should be."""

import contextlib
import http.server
import importlib.util
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.live import ROOT, serving

TOUR = ROOT / "demo" / "tour.py"
SECONDS = 120
NOBODYS_KEYS = dict.fromkeys(("alice", "bob", "dave", "other_tenant"), f"pvc_aaaaaaaa_{'a' * 43}")


def loaded_tour() -> ModuleType:
    """It is a program beside the product, so it is loaded by hand."""
    spec = importlib.util.spec_from_file_location("tour_under_test", TOUR)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where every account can reach it: PostgreSQL does not run as root."""
    made = Path(tempfile.mkdtemp(prefix="pvc-demo-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def environment(folder: Path, **more: str) -> dict[str, str]:
    chosen = {name: os.environ[name] for name in ("PATH", "PVC_SERVERS") if name in os.environ}
    return {**chosen, "HOME": str(folder / "nowhere"), "LC_ALL": "C.UTF-8", **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def toured(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The tour, run to its end."""
    given = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    argv = [sys.executable, str(TOUR), *arguments]
    return subprocess.run(argv, env=given, capture_output=True, text=True, timeout=SECONDS, check=False)


def keys_file(folder: Path) -> str:
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": NOBODYS_KEYS}))
    return str(path)


# ----------------------------------------------------------------------------- the whole
@pytest.mark.full
def test_dev_demo_walks_through_all_steps_and_leaves_nothing(folder: Path) -> None:
    somebodys = "postgresql://somebody@127.0.0.1:1/theirs"
    given = environment(folder, TMPDIR=str(folder), DATABASE_URL=somebodys, MIGRATE_DATABASE_URL=somebodys)
    done = subprocess.run(
        [ROOT / "dev", "demo"], env=given, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    titles = re.findall(r"^ ?(\d+)  (.+)$", done.stdout, re.MULTILINE)
    assert titles == [(str(number), title) for number, (title, _) in enumerate(loaded_tour().STEPS, 1)]
    assert "semantic impact: major" in done.stdout
    assert "12 prompts of the demo are loaded" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100 + len("[  1.0 s] ")
    assert list(folder.iterdir()) == []


@pytest.mark.long
def test_up_with_the_demo_can_be_toured_again_and_again(folder: Path) -> None:
    left_out = shutil.ignore_patterns(".git", ".venv", "var", "tests", "__pycache__", ".*_cache", ".hypothesis")
    checkout, log = folder / "checkout", folder / "log"
    shutil.copytree(ROOT, checkout, ignore=left_out)
    checkout.chmod(0o711)
    (checkout / ".venv").symlink_to((ROOT / ".venv").resolve())
    port = free_port()
    with log.open("w") as output:
        up = subprocess.Popen(
            [checkout / "dev", "up", "--demo"],
            env=environment(folder, PORT=str(port)),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for("Ctrl-C stops everything", up, log)
        said = log.read_text()
        url, notes = f"http://127.0.0.1:{port}", str(checkout / "var" / "dev.json")
        for _ in range(2):
            walk = toured(url, notes)
            assert (walk.returncode, walk.stderr) == (0, "")
        assert f"python3 demo/tour.py {url} {notes}" in said
        for title, fields in {"Versions": {"data", "meta"}, "Diff": {"semanticImpact"}, "Moves": {"data"}}.items():
            found = re.search(rf"^  {title} +(curl .*)$", said, re.MULTILINE)
            assert found, title
            shown = subprocess.run(["bash", "-c", found[1]], capture_output=True, text=True, check=True)
            assert fields <= json.loads(shown.stdout).keys(), title
    finally:
        up.send_signal(signal.SIGTERM)
        assert up.wait(60) == 0


def wait_for(words: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while words not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def test_dev_demo_takes_no_arguments() -> None:
    done = subprocess.run([ROOT / "dev", "demo", "--keep"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("./dev demo takes nothing more")


# ----------------------------------------------------------------------------- what is not as it should be
def test_a_wrong_key_is_said_with_the_step(committed: None, tmp_path: Path) -> None:
    with serving() as url:
        done = toured(url, keys_file(tmp_path))
    assert done.returncode == 1
    asked = "Step 1 (What is there) failed. GET /api/v1/prompts?limit=100 was to answer 200 and answered 401, "
    assert done.stderr.startswith(f"\n{asked}UNAUTHORIZED: ")


def test_an_address_where_nobody_answers_is_said(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = toured(url, keys_file(tmp_path))
    assert done.returncode == 1
    assert re.fullmatch(rf"\nStep 1 \(What is there\) failed\. {url} does not answer: .*refused.*\n", done.stderr)


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        (None, "cannot be read as JSON"),
        ("{", "cannot be read as JSON"),
        ("[]", "holds no key of alice"),
        (json.dumps({"keys": {"alice": "a", "bob": "b"}}), "holds no key of dave; ./dev up --demo makes them."),
    ],
    ids=["no file", "no JSON", "no object", "a key is missing"],
)
def test_a_file_without_the_keys_is_said(tmp_path: Path, held: str | None, sentence: str) -> None:
    if held is not None:
        (tmp_path / "keys.json").write_text(held)
    done = toured("http://127.0.0.1:1", str(tmp_path / "keys.json"))
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 1), (["http://127.0.0.1:1"], 1), (["keys.json", "http://127.0.0.1:1"], 1), (["--help"], 0)],
    ids=["nothing", "no keys", "the wrong way round", "help"],
)
def test_its_use_is_explained(arguments: list[str], code: int) -> None:
    done = toured(*arguments)
    assert done.returncode == code
    assert "Usage: python3 demo/tour.py URL KEYS.json" in done.stderr


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that is another one: it answers everything in the same way."""

    class Same(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Same) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, b"<html>", "something that is not JSON"),
        (200, b"[]", "The answer has another form"),
        (200, b"", "The answer has another form"),
        (200, b'{"data": []}', "support:tone-rewrite is not there: load the demo first"),
        (500, b"", "answered 500"),
        (503, b'{"error": "away"}', "answered 503"),
    ],
    ids=["a page", "a list", "nothing", "no demo", "an error without words", "an error of another form"],
)
def test_a_server_that_is_another_one_is_said(tmp_path: Path, status: int, body: bytes, sentence: str) -> None:
    with answering(status, body) as url:
        done = toured(url, keys_file(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("\nStep 1 (What is there) failed. ")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["plain", "NO_COLOR"])
def test_colours_are_for_terminals_that_want_them(tmp_path: Path, more: dict[str, str], coloured: bool) -> None:
    ours, theirs = pty.openpty()
    try:
        argv = [sys.executable, str(TOUR), f"http://127.0.0.1:{free_port()}", keys_file(tmp_path)]
        given = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **more}
        subprocess.run(argv, env=given, stdout=theirs, stderr=subprocess.DEVNULL, check=False, timeout=SECONDS)
        shown = os.read(ours, 10_000).decode()
    finally:
        os.close(theirs)
        os.close(ours)
    assert "What is there" in shown
    assert ("\x1b[1m 1  What is there\x1b[0m" in shown) is coloured
    assert ("\x1b" in shown) is coloured
