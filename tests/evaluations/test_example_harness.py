"""The examples of harnesses: the one in Python as a real process, promptfoo's hook in a real Node, a real server."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings as django_settings

from audit.models import AuditEntry
from evaluations import worker
from evaluations.actions import harnesses, runs
from evaluations.models import Evaluation
from prompts.models import Namespace, Prompt
from pvc import standard_webhooks
from pvc.standard_webhooks import Secret
from tenants.models import Actor
from tests import databases, factories
from tests.contract import markdown
from tests.contract.test_examples import DROPPED, NODE, FakeServer, Got, answer
from tests.live import ROOT, serving

HARNESS = ROOT / "examples" / "harness" / "harness.py"
PROMPTFOO = ROOT / "examples" / "promptfoo"
DOCUMENTS = [HARNESS.parent / "README.md", PROMPTFOO / "README.md"]
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
INSTALLATIONS = "the-secret-of-the-installation-for-reports-0123"
TEXT = "Answer in two sentences at most. Help with: {{ issue }}"
PATIENCE = 30.0  # seconds
#: Commands of the documents that are not run here: tests/dev runs ./dev itself.
NOT_RUN = [re.compile(r"\./dev up")]


# ----------------------------------------------------------------------------- the server
@pytest.fixture(scope="module")
def live(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A server that may call this machine, for all tests of this file; the tenant `default` is theirs."""
    allowed = {"WEBHOOK_ALLOWED_CIDRS": "127.0.0.0/8", "EVAL_WEBHOOK_SECRET": INSTALLATIONS}
    with (
        django_db_blocker.unblock(),
        databases.committing(),
        serving(environment={**allowed, "EVAL_WEBHOOK_TENANT": TENANT}) as url,
    ):
        yield url


TENANT = f"harnesses-{os.getpid()}"


@pytest.fixture(scope="module")
def admin(live: str) -> Actor:
    return factories.make_actor(factories.make_tenant(TENANT))


@pytest.fixture
def prompt(admin: Actor) -> Prompt:
    return factories.make_prompt(Namespace.objects.get(tenant=admin.tenant, slug="default"), body=TEXT, by=admin)


@pytest.fixture(autouse=True)
def _worker_of_this_process(live: str, settings: Any) -> None:
    """The worker of these tests is a function; it calls this machine, and names the live server to be reported to."""
    settings.WEBHOOK_ALLOWED_CIDRS = [ip_network("127.0.0.0/8")]
    settings.PUBLIC_API_URL = live
    settings.EVAL_WEBHOOK_SECRET, settings.EVAL_WEBHOOK_TENANT = INSTALLATIONS, TENANT


def asked_for(prompt: Prompt, harness: str, by: Actor) -> Evaluation:
    return runs.trigger(prompt.versions.get(), harness=harness, by=by)


def wait_until(happens: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def ended(evaluation: Evaluation) -> Evaluation:
    """The evaluation once it has ended."""
    wait_until(lambda: Evaluation.objects.filter(pk=evaluation.pk, due_at=None).exists())
    return Evaluation.objects.get(pk=evaluation.pk)


# ----------------------------------------------------------------------------- the harness
@dataclass
class Running:
    """The harness's process: where it listens, and what it has said."""

    process: "subprocess.Popen[str]"
    port: int
    said: list[str] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stderr is not None
        self.said += iter(self.process.stderr.readline, "")

    def has_said(self, part: str) -> bool:
        return any(part in line for line in self.said)

    def register(self, by: Actor, *, secret: str = SECRET) -> str:
        """Make it known under a name of its own."""
        name = f"harness-{self.port}"
        harnesses.register_harness(name, url=f"http://127.0.0.1:{self.port}/", secret=secret, by=by)
        return name


@contextmanager
def running(*, cases: Path | None = None, **environment: str) -> Iterator[Running]:
    """The harness on a port that is free; it is stopped at the end of the block, and that without a fault."""
    command = [sys.executable, str(HARNESS), "--port", "0", *(["--cases", str(cases)] if cases else [])]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "HARNESS_"))}
    with subprocess.Popen(
        command, env={**variables, "HARNESS_SECRET": SECRET, **environment}, stderr=subprocess.PIPE, text=True
    ) as process:
        harness = Running(process, 0)
        listener = threading.Thread(target=harness.listen)
        listener.start()
        try:
            wait_until(lambda: harness.has_said("listening on"))
            harness.port = int(re.findall(r"127\.0\.0\.1:(\d+)", harness.said[0])[0])
            yield harness
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            listener.join()


@dataclass
class Model:
    """An endpoint that speaks OpenAI's chat completions: what it was asked, and what it answers."""

    answer: str = "Sorry to hear about your parcel. We will look into the refund."
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def model(**parts: Any) -> Iterator[Model]:
    spoken_to = Model(**parts)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/chat/completions"
            spoken_to.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            spoken_to.keys.append(self.headers["Authorization"])
            said = {"choices": [{"message": {"role": "assistant", "content": spoken_to.answer}}]}
            body = json.dumps(said).encode()
            self.send_response(spoken_to.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        spoken_to.url = f"http://127.0.0.1:{server.server_port}/v1"
        yield spoken_to
        server.shutdown()
        thread.join()


def test_a_version_that_does_well_passes(prompt: Prompt, admin: Actor) -> None:
    with model() as answering, running(OPENAI_BASE_URL=answering.url, OPENAI_API_KEY="k", OPENAI_MODEL="m") as harness:
        asked = asked_for(prompt, harness.register(admin), admin)
        assert worker.run_due() >= 1
        found = ended(asked)
    assert (found.status, found.score) == ("passed", 1.0)
    assert found.metrics == {"cases": 2, "passed": 2, "faults": {}}
    assert [each["messages"] for each in answering.asked] == [
        [{"role": "user", "content": TEXT.replace("{{ issue }}", issue)}]
        for issue in ("my parcel is late", "I want a refund")
    ]
    assert {(each["model"], key) for each, key in zip(answering.asked, answering.keys, strict=True)} == {
        ("m", "Bearer k")
    }


def test_one_that_does_badly_fails_with_its_score_and_its_faults(prompt: Prompt, admin: Actor) -> None:
    with model(answer="Your parcel will come.") as answering, running(OPENAI_BASE_URL=answering.url) as harness:
        asked = asked_for(prompt, harness.register(admin), admin)
        worker.run_due()
        found = ended(asked)
    assert (found.status, found.score) == ("failed", 0.5)
    assert found.metrics["faults"] == {"refund": ["contains: refund"]}


def test_a_model_that_does_not_answer_is_an_error_and_no_verdict(prompt: Prompt, admin: Actor) -> None:
    with model(status=500) as answering, running(OPENAI_BASE_URL=answering.url) as harness:
        asked = asked_for(prompt, harness.register(admin), admin)
        worker.run_due()
        found = ended(asked)
    assert (found.status, found.score) == ("error", None)
    assert found.metrics["message"].startswith("HTTPError: ")


def test_a_chat_is_sent_as_a_chat_with_declared_defaults(admin: Actor, tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text(
        "cases:\n  - {name: one, values: {history: [{role: user, content: Hi}]}, expect: [max_words: 9]}\n"
    )
    chat = [{"role": "system", "content": "You sell {{ goods }}."}, {"placeholder": "history"}]
    namespace = Namespace.objects.get(tenant=admin.tenant, slug="default")
    prompt = factories.make_prompt(namespace, body=chat, variables={"goods": {"default": "tea"}}, by=admin)
    with model(answer="Good day.") as answering, running(cases=cases, OPENAI_BASE_URL=answering.url) as harness:
        asked = asked_for(prompt, harness.register(admin), admin)
        worker.run_due()
        found = ended(asked)
    assert (found.status, found.metrics.get("message")) == ("passed", None)
    [said] = answering.asked
    assert said["messages"] == [{"role": "system", "content": "You sell tea."}, {"role": "user", "content": "Hi"}]


def test_a_harness_with_another_secret_refuses_and_is_not_asked_again(prompt: Prompt, admin: Actor) -> None:
    with running() as harness:
        asked = asked_for(prompt, harness.register(admin, secret="another-secret-than-the-harness-has"), admin)
        worker.run_due()
        found = ended(asked)
        assert harness.has_said("refused a call: its signature does not hold")
    assert (found.status, found.metrics["error"]) == ("error", "HARNESS_NOT_REACHED")
    assert found.metrics["message"].endswith("status 401.")


def test_a_report_with_another_secret_is_refused_by_the_server(prompt: Prompt, admin: Actor) -> None:
    with running() as harness:
        asked = asked_for(prompt, harness.register(admin, secret="another-secret-than-the-harness-has"), admin)
        assert called(harness, asked) == 202
        wait_until(lambda: harness.has_said("refused with 401"))
    assert Evaluation.objects.get(pk=asked.pk).status == "pending"


def called(harness: Running, evaluation: Evaluation, *, at: float = 0.0, **changes: Any) -> int:
    """Call the harness as the server does, `at` seconds from now, with changes to what is sent; the status."""
    asked = {
        "evaluationId": str(evaluation.pk),
        "digest": evaluation.digest,
        "harnessId": evaluation.harness,
        "content": TEXT,
        "variables": {},
        "callbackUrl": f"{django_settings.PUBLIC_API_URL}/api/v1/evaluations/webhook?evaluationId={evaluation.pk}",
    }
    body = json.dumps({**asked, **changes}).encode()
    headers = standard_webhooks.headers(
        [Secret(SECRET)], message_id=str(evaluation.pk), timestamp=int(time.time() + at), body=body
    )
    connection = http.client.HTTPConnection("127.0.0.1", harness.port, timeout=PATIENCE)
    try:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("seconds", [-600, 600], ids=["ten minutes ago", "in ten minutes"])
def test_a_call_of_another_time_is_refused(seconds: float, prompt: Prompt, admin: Actor) -> None:
    with running() as harness:
        assert called(harness, asked_for(prompt, harness.register(admin), admin), at=seconds) == 401


def test_the_same_call_twice_runs_once(prompt: Prompt, admin: Actor) -> None:
    with model() as answering, running(OPENAI_BASE_URL=answering.url) as harness:
        asked = asked_for(prompt, harness.register(admin), admin)
        assert [called(harness, asked) for _ in range(3)] == [202, 202, 202]
        assert ended(asked).status == "passed"
        other = asked_for(prompt, asked.harness, admin)
        assert called(harness, other) == 202
        ended(other)
        assert len(answering.asked) == 4
        assert len([line for line in harness.said if str(asked.pk) in line]) == 1
    completions = AuditEntry.objects.filter(verb="evaluation.completed", data__evaluationId=str(asked.pk))
    assert completions.count() == 1


@pytest.mark.parametrize(
    ("answers", "tries", "end"),
    [
        ([503, 500, 200], 3, "reported"),
        ([0, 200], 2, "reported"),
        ([429, 200], 2, "reported"),
        ([409], 1, "refused with 409"),
        ([302], 1, "refused with 302"),
    ],
    ids=["faults", "a lost connection", "too many", "ended already", "a redirect"],
)
def test_a_report_is_sent_again_where_that_may_help(
    answers: list[int], tries: int, end: str, prompt: Prompt, admin: Actor
) -> None:
    planned = [
        DROPPED if status == 0 else answer(status, {}, {"Location": "http://127.0.0.1:9/"}) for status in answers
    ]
    with FakeServer(planned) as server, running() as harness:
        asked = asked_for(prompt, harness.register(admin), admin)
        assert called(harness, asked, callbackUrl=f"{server.url}/there?evaluationId={asked.pk}") == 202
        wait_until(lambda: harness.has_said(end))
    assert len(server.got) == tries
    assert len({identity(got) for got in server.got}) == 1
    for got in server.got:
        standard_webhooks.verify(Secret(SECRET), got.headers, got.body, now=time.time())


def identity(got: Got) -> tuple[str, bytes]:
    """What is the same on every try of a message."""
    headers = {name.lower(): value for name, value in got.headers.items()}
    return headers["webhook-id"], got.body


@pytest.mark.parametrize(
    ("environment", "cases", "complaint"),
    [
        ({"HARNESS_SECRET": ""}, None, "HARNESS_SECRET is missing"),
        ({"HARNESS_SECRET": "whsec_?"}, None, "cannot be read"),
        ({}, "cases: []", "there are no cases"),
        ({}, "cases: [{name: one}]", "case 1 expects nothing"),
        ({}, "cases: [{expect: [{rhymes: cat}]}]", "case 1: unknown check rhymes"),
        ({}, "cases: [", "cannot be read"),
    ],
    ids=["no secret", "no key in the secret", "no cases", "nothing expected", "an unknown check", "no YAML"],
)
def test_what_is_missing_or_wrong_is_said_and_ends_with_2(
    environment: dict[str, str], cases: str | None, complaint: str, tmp_path: Path
) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(cases or "cases: [{expect: [{max_words: 1}]}]")
    done = harness_ends(["--cases", str(file), "--port", "0"], {"HARNESS_SECRET": SECRET, **environment})
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr.splitlines()[-1]


def test_a_port_that_is_taken_is_said_and_ends_with_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = harness_ends(["--port", str(port)], {"HARNESS_SECRET": SECRET})
    assert (done.returncode, done.stderr) == (1, f"Port {port} cannot be used: Address already in use.\n")


def test_it_says_how_it_is_used() -> None:
    done = harness_ends(["--help"], {})
    assert done.returncode == 0
    assert "OPENAI_BASE_URL" in done.stdout


def harness_ends(words: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(HARNESS), *words]
    variables = {**os.environ, **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE)


# ----------------------------------------------------------------------------- promptfoo's hook
def result(**how_it_went: Any) -> dict[str, Any]:
    """A result as promptfoo 0.123 gives it to its hooks, without the parts that are about the provider and the test."""
    return {
        "cost": 0.0002,
        "id": "73d47a94-9dbd-4545-9ee4-d7ed5d9b429a",
        "latencyMs": 420,
        "namedScores": {},
        "promptIdx": 0,
        "provider": {"id": "openai:gpt-4o-mini", "label": ""},
        "testIdx": 0,
        "tokenUsage": {"total": 40, "prompt": 30, "completion": 10, "cached": 0, "numRequests": 1},
        "vars": {"issue": "my parcel is late"},
        **how_it_went,
    }


SAID = {"output": "We look for your parcel.", "cached": False, "tokenUsage": {"total": 40}}
PASSED = result(success=True, score=1, response=SAID)
FAILED = result(success=False, score=0.5, response=SAID, failureReason=1, error="Expected output to contain parcel")
BROKEN = result(success=False, score=0, failureReason=2, error="Error: no answer")


def hook(results: list[dict[str, Any]], **environment: str) -> "subprocess.CompletedProcess[str]":
    """What promptfoo does once all is done: it calls the hook with the results."""
    context = {"evalId": "eval-abc-2026-01-01T00:00:00", "config": {}, "suite": {}, "prompts": [], "results": results}
    program = f"""
import {{ afterAll }} from {json.dumps((PROMPTFOO / "report.mjs").as_uri())};
await afterAll({json.dumps(context)}, {{ hookName: "afterAll" }});
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVALUATION_", "EVAL_", "PVC_"))}
    return subprocess.run(
        [NODE, "--input-type=module", "-e", program],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("results", "status", "score"),
    [
        ([PASSED, PASSED], "passed", 1.0),
        ([PASSED, FAILED], "failed", 0.75),
        ([PASSED, BROKEN], "error", None),
        ([], "error", None),
    ],
    ids=["all pass", "one fails", "one could not be run", "nothing was run"],
)
def test_a_run_of_promptfoo_is_reported(
    results: list[dict[str, Any]], status: str, score: float | None, live: str, prompt: Prompt, admin: Actor
) -> None:
    asked = asked_for(prompt, "promptfoo", admin)
    environment = {"PVC_URL": f"{live}/", "EVALUATION_ID": str(asked.pk), "EVALUATION_DIGEST": asked.digest}
    done = hook(results, EVAL_WEBHOOK_SECRET=INSTALLATIONS, **environment)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith(f"reported: {status}, score ")
    found = Evaluation.objects.get(pk=asked.pk)
    assert (found.status, found.score) == (status, score)
    assert (found.metrics["results"], found.metrics["tokens"]) == (len(results), 40 * len(results))
    assert found.metrics["promptfooEvalId"] == "eval-abc-2026-01-01T00:00:00"


@pytest.mark.parametrize(
    "wrong",
    [{"EVAL_WEBHOOK_SECRET": "another-secret-than-the-server-has-0123"}, {"EVALUATION_DIGEST": "0" * 64}],
    ids=["another secret", "another content"],
)
def test_a_report_that_is_not_taken_makes_promptfoo_fail(
    wrong: dict[str, str], live: str, prompt: Prompt, admin: Actor
) -> None:
    asked = asked_for(prompt, "promptfoo", admin)
    right = {"PVC_URL": live, "EVALUATION_ID": str(asked.pk), "EVAL_WEBHOOK_SECRET": INSTALLATIONS}
    done = hook([PASSED], **{**right, **wrong})
    assert done.returncode == 1
    assert "The report was not taken: 401" in done.stderr
    assert Evaluation.objects.get(pk=asked.pk).status == "running"


def test_a_run_by_hand_is_not_reported() -> None:
    done = hook([PASSED])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_promptfoos_report_is_sent_again_under_the_same_id() -> None:
    with FakeServer([answer(503, {}), DROPPED, answer(200, {})]) as server:
        done = hook([PASSED], PVC_URL=server.url, EVALUATION_ID="an-id", EVAL_WEBHOOK_SECRET=SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    assert [got.path for got in server.got] == ["/api/v1/evaluations/webhook?evaluationId=an-id"] * 3
    assert len({identity(got) for got in server.got}) == 1
    for got in server.got:
        standard_webhooks.verify(Secret(SECRET), got.headers, got.body, now=time.time())


def test_promptfoos_configuration_names_the_hook_and_files_that_are_there() -> None:
    named = yaml.safe_load((PROMPTFOO / "promptfooconfig.yaml").read_text())
    assert named["extensions"] == ["file://report.mjs:afterAll"]
    assert named["prompts"] == ["file://prompt.txt"]  # written by who follows the document
    assert all(each["assert"] and set(each["vars"]) == {"issue"} for each in named["tests"])


# ----------------------------------------------------------------------------- the documents
@pytest.mark.parametrize("path", DOCUMENTS, ids=markdown.name_of)
def test_the_document_runs_as_written(path: Path, live: str, admin: Actor, tmp_path: Path) -> None:
    """Beside it the worker of this process; in the place of promptfoo a program that calls the hook as it does."""
    _furnish(tmp_path, live, admin)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HARNESS_PORT": str(port),
        "EVAL_WEBHOOK_SECRET": INSTALLATIONS,
    }
    text = f"```sh\ntrap 'kill ${{harness:-}} 2>&- || true' EXIT\n```\n{path.read_text()}"
    with ThreadPoolExecutor(1) as beside:
        reader = beside.submit(markdown.run, text, folder=tmp_path, environment=environment, not_run=NOT_RUN)
        while not reader.done():
            worker.run_due()
            time.sleep(0.1)
    assert [ran for ran in reader.result() if ran.answer is not None]


def _furnish(folder: Path, url: str, admin: Actor) -> None:
    """A folder like a checkout in which `./dev up` runs, and a promptfoo whose results are known."""
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "var").mkdir()
    (folder / "var" / "dev.json").write_text(
        json.dumps({"url": url, "keys": {"admin": factories.client_of(admin).key}})
    )
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(sys.executable)
    results = json.dumps({"evalId": "eval-abc", "results": [PASSED, PASSED]})
    npx = folder / "bin" / "npx"
    npx.write_text(
        f"""#!/bin/bash
test "$*" = "promptfoo@latest eval --no-cache" && test -s prompt.txt || exit 64
exec "{NODE}" --input-type=module -e '
const {{ afterAll }} = await import(`file://${{process.cwd()}}/report.mjs`);
await afterAll({results}, {{ hookName: "afterAll" }});'
"""
    )
    npx.chmod(0o755)


def test_the_documents_name_routes_that_are_there() -> None:
    known = yaml.load((ROOT / "docs" / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    assert [markdown.unknown_routes(path.read_text(), known) for path in DOCUMENTS] == [[], []]
