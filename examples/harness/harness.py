"""A harness of your own: it is asked to evaluate a version, tries it with cases from a file, and reports how it went.

    HARNESS_SECRET=… python3 harness.py [--port 8090] [--cases cases.yaml]

HARNESS_SECRET is the secret that the harness was registered with. The model is any endpoint that speaks OpenAI's chat
completions: OPENAI_BASE_URL (such as https://api.example/v1), OPENAI_API_KEY, OPENAI_MODEL. Without OPENAI_BASE_URL
a stub answers, which repeats the last message: it shows the way there and back, and says nothing about your prompt.

Ends with 0 when it is stopped, with 1 where the port is taken, with 2 where something is missing or wrong.
Needs Python 3.11 or newer and PyYAML.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import queue
import re
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import yaml

TOLERANCE = 300  # seconds between the sender's clock and ours
LONGEST_BODY = 2 * 1024 * 1024
MOST_WAITING = 100  # evaluations; the server asks again later when there are more
REMEMBERED = 10_000  # calls, by their id
MODEL_SECONDS, REPORT_SECONDS = 60, 15
#: Before each further try to report, in seconds.
WAITS = (0.5, 1, 2, 4, 8)
CHECKS: dict[str, Callable[[str, Any], bool]] = {
    "contains": lambda answer, part: str(part).lower() in answer.lower(),
    "not_contains": lambda answer, part: str(part).lower() not in answer.lower(),
    "max_words": lambda answer, most: len(answer.split()) <= int(most),
}


# ----------------------------------------------------------------------------- signatures: standardwebhooks.com
def key_of(secret: str) -> bytes:
    """What is signed with: the bytes behind whsec_, or those of the text itself."""
    return base64.b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def is_signed(key: bytes, headers: Message, body: bytes) -> bool:
    """Whether a message is from somebody who has the key, and not an old one."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not re.fullmatch("[0-9]{1,12}", timestamp) or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    expected = signature(key, message_id, timestamp, body).encode()
    given = headers.get("webhook-signature", "").encode(errors="replace").split()
    return any(hmac.compare_digest(expected, each) for each in given)


# ----------------------------------------------------------------------------- cases
@dataclass(frozen=True)
class Case:
    """Values for the variables, and what has to hold of the answer: pairs of a check and what it needs."""

    name: str
    values: Mapping[str, Any]
    expect: tuple[tuple[str, Any], ...]

    def faults(self, answer: str) -> list[str]:
        return [f"{check}: {needs}" for check, needs in self.expect if not CHECKS[check](answer, needs)]


def read_cases(path: Path) -> list[Case]:
    """Raises ValueError with a sentence about what is wrong in the file."""
    found = []
    for number, each in enumerate((yaml.safe_load(path.read_text()) or {}).get("cases") or [], start=1):
        expect = tuple(pair for part in each.get("expect") or [] for pair in part.items())
        if unknown := {check for check, _ in expect} - CHECKS.keys():
            raise ValueError(f"case {number}: unknown check {', '.join(sorted(unknown))}")
        if not expect:
            raise ValueError(f"case {number} expects nothing")
        found.append(Case(str(each.get("name", number)), each.get("values") or {}, expect))
    if not found:
        raise ValueError("there are no cases")
    return found


# ----------------------------------------------------------------------------- the prompt, and the model
def messages_of(content: str | list[dict[str, str]], values: Mapping[str, Any]) -> list[dict[str, str]]:
    """The conversation that a version makes with these values: a chat's own, or one message of a text."""
    if isinstance(content, str):
        return [{"role": "user", "content": filled(content, values)}]
    made: list[dict[str, str]] = []
    for each in content:
        if "placeholder" in each:
            made += values.get(each["placeholder"], [])
        else:
            made.append({"role": each["role"], "content": filled(each["content"], values)})
    return made


def filled(template: str, values: Mapping[str, Any]) -> str:
    """`{{ name }}` alone; for loops and filters ask the server to render (POST /prompts/{ref}/render)."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: str(values.get(found[1], "")), template)


def ask_model(messages: list[dict[str, str]]) -> str:
    """The model's answer. Raises OSError, ValueError, KeyError or TypeError where there is none."""
    base = os.environ.get("OPENAI_BASE_URL", "").rstrip("/")
    if not base:
        return messages[-1]["content"]
    body = {"model": os.environ.get("OPENAI_MODEL", "gpt-4o-mini"), "messages": messages, "temperature": 0}
    key = os.environ.get("OPENAI_API_KEY", "")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"{base}/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=MODEL_SECONDS) as answer:
        return str(json.load(answer)["choices"][0]["message"]["content"])


# ----------------------------------------------------------------------------- an evaluation
def evaluated(asked: Mapping[str, Any], cases: list[Case]) -> dict[str, Any]:
    """How a version does: passed where all cases do, with their share as score; error where no model answers."""
    declared = {name: each["default"] for name, each in asked["variables"].items() if "default" in each}
    faults: dict[str, list[str]] = {}
    try:
        for case in cases:
            faults[case.name] = case.faults(ask_model(messages_of(asked["content"], {**declared, **case.values})))
    except Exception as error:  # noqa: BLE001  # whatever it was, the server has to hear that there is no result
        return {"status": "error", "metrics": {"message": f"{type(error).__name__}: {error}"[:500]}}
    passed = sum(not each for each in faults.values())
    failed = {name: each for name, each in faults.items() if each}
    return {
        "status": "failed" if failed else "passed",
        "score": passed / len(cases),
        "metrics": {"cases": len(cases), "passed": passed, "faults": failed},
    }


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A report goes where it was asked for, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def report(key: bytes, asked: Mapping[str, Any], outcome: Mapping[str, Any]) -> str:
    """Tell the server, again after 5xx and lost connections; what came of it, in a few words."""
    bound = {name: asked[name] for name in ("evaluationId", "digest", "harnessId")}
    body, message_id = json.dumps({**bound, **outcome}).encode(), f"msg_{uuid.uuid4()}"
    said = ""
    for wait in (*WAITS, None):
        timestamp = str(int(time.time()))
        headers = {"webhook-id": message_id, "webhook-timestamp": timestamp, "Content-Type": "application/json"}
        headers["webhook-signature"] = signature(key, message_id, timestamp, body)
        request = urllib.request.Request(asked["callbackUrl"], body, headers)
        try:
            with urllib.request.build_opener(NoRedirect).open(request, timeout=REPORT_SECONDS):
                return "reported"
        except urllib.error.HTTPError as refused:
            said = f"refused with {refused.code}"
            if refused.code < 500 and refused.code != 429:
                return said
        except OSError as lost:
            said = f"not reported: {lost}"
        if wait is not None:
            time.sleep(wait)
    return said


# ----------------------------------------------------------------------------- the server
class Harness(ThreadingHTTPServer):
    """Takes calls at once, and evaluates in a thread, one after the other. Each call by its id once."""

    daemon_threads = True

    def __init__(self, port: int, key: bytes, cases: list[Case]) -> None:
        super().__init__(("127.0.0.1", port), Door)
        self.key, self.cases = key, cases
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(MOST_WAITING)
        self._known: dict[str, None] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._work, daemon=True).start()

    def take(self, message_id: str, asked: dict[str, Any]) -> int:
        """The status to answer with: taken, or known already; or too much to do just now."""
        with self._lock:
            if message_id in self._known:
                return 202
            try:
                self._waiting.put_nowait(asked)
            except queue.Full:
                return 503
            self._known[message_id] = None
            if len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
        return 202

    def _work(self) -> None:
        while True:
            asked = self._waiting.get()
            outcome = evaluated(asked, self.cases)
            said = report(self.key, asked, outcome)
            log(f"evaluation {asked['evaluationId']}: {outcome['status']}, score {outcome.get('score')}, {said}")


class Door(BaseHTTPRequestHandler):
    """POST, signed; to anything else it says no."""

    server: Harness
    timeout = 10

    def do_POST(self) -> None:
        status = self._status()
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _status(self) -> int:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,12}", length) or int(length) > LONGEST_BODY:
            self.close_connection = True
            return 413 if length else 411
        body = self.rfile.read(int(length))
        if not is_signed(self.server.key, self.headers, body):
            log("refused a call: its signature does not hold, or it is too old")
            return 401
        return self.server.take(self.headers["webhook-id"], json.loads(body))

    def log_message(self, *_: Any) -> None:
        """Calls are told of once they are done."""


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--port", type=int, default=int(os.environ.get("HARNESS_PORT", "8090")))
    words.add_argument("--cases", type=Path, default=Path(__file__).with_name("cases.yaml"))
    given = words.parse_args()
    try:
        key, cases = key_of(os.environ.get("HARNESS_SECRET", "")), read_cases(given.cases)
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as wrong:
        words.error(f"{given.cases.name} or HARNESS_SECRET cannot be read: {' '.join(str(wrong).split())}")
    if len(key) < 16:
        words.error("HARNESS_SECRET is missing, or shorter than 16 characters")
    try:
        server = Harness(given.port, key, cases)
    except OSError as taken:
        log(f"Port {given.port} cannot be used: {taken.strerror}.")
        return 1
    signal.signal(signal.SIGTERM, stop)
    model = os.environ.get("OPENAI_BASE_URL") or "a stub that repeats what it is told"
    log(f"listening on http://127.0.0.1:{server.server_port}, {len(cases)} cases, asking {model}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
