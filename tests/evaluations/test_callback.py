"""Reports that were forged, sent again or sent to the wrong place: one answer, and nothing changes (contract 5)."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import structlog
from django.http import HttpResponse
from django.test import Client as DjangoClient

from audit.models import AuditEntry, OutboxEvent
from evaluations.actions import harnesses, runs
from evaluations.models import CallbackReceipt, CaseReport, Evaluation
from prompts.models import Namespace, Prompt, PromptVersion, Tag
from pvc import standard_webhooks
from pvc.standard_webhooks import Secret
from tenants.models import Actor, Tenant
from tests import factories
from tests.chaos.crowd import Crowd
from tests.factories import Client, error_of, json_of

SECRET = "a-secret-for-callbacks-of-the-tests-0123"
KEY = bytes(range(32))
SUITE_SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
HER_SECRET = "the-secret-of-a-harness-of-another-tenant"
HER_SUITE_SECRET = "the-secret-of-another-tenants-suite"
#: Under the reserved name of RFC 2606: it is never looked up by these tests, which call nobody.
URL = "https://192.0.2.1/hook"
LARGEST = 256 * 1024


# ----------------------------------------------------------------------------- what goes over the wire
Headers = dict[str, str]


@dataclass(frozen=True)
class Request:
    """A callback as it is sent: the query, the body's bytes, the headers."""

    query: str
    body: bytes
    headers: Headers

    def sent(self, **more: str) -> HttpResponse:
        headers = {**self.headers, **more}
        return Client(None).post(f"/evaluations/webhook{self.query}", self.body, **headers)


def query(evaluation: Evaluation | str) -> str:
    return f"?evaluationId={evaluation if isinstance(evaluation, str) else evaluation.pk}"


def said(evaluation: Evaluation, **more: Any) -> bytes:
    """A report; `None` takes a name out of it."""
    report = {"evaluationId": str(evaluation.pk), "status": "passed", "score": 0.9, **more}
    return json.dumps(report).encode()


def hex_of(secret: str | bytes, body: bytes) -> str:
    return hmac.new(secret.encode() if isinstance(secret, str) else secret, body, hashlib.sha256).hexdigest()


def plain(secret: str | bytes, body: bytes, header: str = "X-Webhook-Signature") -> Headers:
    return {header: f"sha256={hex_of(secret, body)}"}


def base64_of(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def standard(key: bytes, body: bytes, *, id_: str = "msg_1", at: int | str | None = None) -> Headers:
    at = int(time.time()) if at is None else at
    signature = base64_of(key, f"{id_}.{at}.".encode() + body)
    return {"webhook-id": id_, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}


# ----------------------------------------------------------------------------- the ground
@dataclass(frozen=True)
class Ground:
    """Runs that wait for a report, by who may report on them; nobody may on the last three."""

    #: By an unregistered harness of the tenant that has the installation's secret.
    run: Evaluation
    #: The same of the prompt's second version.
    next: Evaluation
    #: By the registered harness `suite`, and by one whose secret was changed.
    suite: Evaluation
    turned: Evaluation
    #: By registered harnesses of another tenant, one of which has the name of one here.
    hers: Evaluation
    her_suite: Evaluation
    builtin: Evaluation
    #: By a harness that was registered, and is no more.
    gone: Evaluation
    #: By an unregistered harness of a tenant that has no secret.
    unsigned: Evaluation

    @property
    def body(self) -> bytes:
        return said(self.run)

    def with_signature(self, text: str, header: str = "X-Webhook-Signature") -> Request:
        return Request(query(self.run), self.body, {header: text})

    def with_body(self, body: bytes | str, to: str | None = None) -> Request:
        """Signed as it has to be, whatever the body says."""
        data = body if isinstance(body, bytes) else body.encode()
        return Request(query(self.run) if to is None else to, data, plain(SECRET, data))

    def saying(self, **more: Any) -> Request:
        return self.with_body(said(self.run, **more))

    def by(self, evaluation: Evaluation, key: str | bytes) -> Request:
        """A report on any of them, signed with this key in the older form."""
        body = said(evaluation)
        return Request(query(evaluation), body, plain(key, body))

    def by_standard(self, evaluation: Evaluation, key: bytes, **more: Any) -> Request:
        body = said(evaluation)
        return Request(query(evaluation), body, standard(key, body, **more))

    def with_standard(self, **replaced: str | None) -> Request:
        """Headers of Standard Webhooks, all right but for these; None leaves one out."""
        right = standard(SECRET.encode(), self.body)
        named = {f"webhook-{name}": value for name, value in replaced.items()}
        headers = {name: value for name, value in {**right, **named}.items() if value is not None}
        return Request(query(self.run), self.body, headers)

    def signed_over(self, signed: bytes) -> Request:
        return self.with_standard(signature=f"v1,{base64_of(SECRET.encode(), signed)}")


def asked_for(version: PromptVersion, harness: str, *, by: Actor) -> Evaluation:
    return runs.trigger(version, harness=harness, by=by)


def registered(name: str, secret: str, *, by: Actor) -> Any:
    return harnesses.register_harness(name, url=URL, secret=secret, by=by)


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support")


@pytest.fixture
def first(prompt: Prompt) -> PromptVersion:
    return prompt.versions.get()


@pytest.fixture(autouse=True)
def _secret(settings: Any) -> None:
    """The installation's secret is the tenant acme's; nobody is called."""
    settings.EVAL_WEBHOOK_SECRET, settings.EVAL_WEBHOOK_TENANT = SECRET, "acme"
    settings.WEBHOOK_ALLOW_PRIVATE = True


@pytest.fixture
def ground(prompt: Prompt, first: PromptVersion, admin: Actor, eve: Actor) -> Ground:
    second = factories.make_version(prompt, "Another text", by=admin)
    registered("suite", HER_SUITE_SECRET, by=eve)
    registered("suite", SUITE_SECRET, by=admin)
    turned = registered("turned", "the-secret-before-it-was-changed", by=admin)
    gone = registered("gone", "the-secret-of-one-who-is-gone", by=admin)
    registered("hers", HER_SECRET, by=eve)
    theirs = factories.make_prompt(Namespace.objects.get(tenant=eve.tenant), by=eve).versions.get()
    made = Ground(
        run=asked_for(first, "default", by=admin),
        next=asked_for(second, "default", by=admin),
        suite=asked_for(first, "suite", by=admin),
        turned=asked_for(first, "turned", by=admin),
        hers=asked_for(theirs, "hers", by=eve),
        her_suite=asked_for(theirs, "suite", by=eve),
        builtin=asked_for(first, "builtin", by=admin),
        gone=asked_for(first, "gone", by=admin),
        unsigned=asked_for(theirs, "default", by=eve),
    )
    harnesses.change_harness(turned, {"secret": "the-secret-after-it-was-changed"}, by=admin)
    harnesses.remove_harness(gone, by=admin)
    return made


def rows() -> dict[str, Any]:
    """All that a report could have changed, and whatever tells of it."""
    return {
        "evaluations": list(Evaluation.objects.order_by("pk").values()),
        "receipts": list(CallbackReceipt.objects.order_by("pk").values()),
        "prompts": list(Prompt.objects.order_by("pk").values()),
        "tags": list(Tag.objects.order_by("pk").values()),
        "counts": [model._default_manager.count() for model in (CaseReport, AuditEntry, OutboxEvent)],
    }


def essence(answer: HttpResponse) -> tuple[int, Any, dict[str, str]]:
    """An answer without what differs from call to call."""
    body = {name: value for name, value in json_of(answer).items() if name not in ("requestId", "timestamp")}
    return answer.status_code, body, {name: text for name, text in answer.items() if name != "X-Request-Id"}


def digits_of_another_script(text: str) -> str:
    return text.translate({ord("0") + number: 0x0660 + number for number in range(10)})


def early_in_a_second() -> int:
    """The time now: what is 301 seconds ahead of it is still so when the server looks."""
    while time.time() % 1 > 0.5:
        time.sleep(0.05)
    return int(time.time())


def with_another_first(text: str) -> str:
    return ("1" if text[0] == "0" else "0") + text[1:]


# ----------------------------------------------------------------------------- forged
#: One fault each, in a message that is right but for it.
SIGNATURES: dict[str, Callable[[Ground], Request]] = {
    "no signature": lambda g: Request(query(g.run), g.body, {}),
    "an empty signature": lambda g: g.with_signature(""),
    "a prefix alone": lambda g: g.with_signature("sha256="),
    "a digit too few": lambda g: g.with_signature(f"sha256={hex_of(SECRET, g.body)[:-1]}"),
    "a digit too many": lambda g: g.with_signature(f"sha256={hex_of(SECRET, g.body)}0"),
    "half of it": lambda g: g.with_signature(hex_of(SECRET, g.body)[:32]),
    "very long": lambda g: g.with_signature(hex_of(SECRET, g.body) * 500),
    "in capitals": lambda g: g.with_signature(f"sha256={hex_of(SECRET, g.body).upper()}"),
    "a prefix in capitals": lambda g: g.with_signature(f"SHA256={hex_of(SECRET, g.body)}"),
    "another algorithm's prefix": lambda g: g.with_signature(f"sha1={hex_of(SECRET, g.body)}"),
    "the prefix of the other form": lambda g: g.with_signature(f"v1,{hex_of(SECRET, g.body)}"),
    "the prefix twice": lambda g: g.with_signature(f"sha256=sha256={hex_of(SECRET, g.body)}"),
    "in base64": lambda g: g.with_signature(f"sha256={base64_of(SECRET.encode(), g.body)}"),
    "not ASCII": lambda g: g.with_signature("é" * 64),
    "digits of another script": lambda g: g.with_signature(digits_of_another_script(hex_of(SECRET, g.body))),
    "another first digit": lambda g: g.with_signature(with_another_first(hex_of(SECRET, g.body))),
    "another last digit": lambda g: g.with_signature(with_another_first(hex_of(SECRET, g.body)[::-1])[::-1]),
    "two in one header": lambda g: g.with_signature(", ".join([f"sha256={hex_of(SECRET, g.body)}"] * 2)),
    "a space before": lambda g: g.with_signature(f"sha256= {hex_of(SECRET, g.body)}"),
    "a line end behind": lambda g: g.with_signature(f"sha256={hex_of(SECRET, g.body)}\n"),
    "a hash without a key": lambda g: g.with_signature(hashlib.sha256(g.body).hexdigest()),
    "the key as a prefix": lambda g: g.with_signature(hashlib.sha256(SECRET.encode() + g.body).hexdigest()),
    "SHA-512": lambda g: g.with_signature(hmac.new(SECRET.encode(), g.body, hashlib.sha512).hexdigest()),
    "over no body": lambda g: g.with_signature(hex_of(SECRET, b"")),
    "over the body written anew": lambda g: g.with_signature(
        hex_of(SECRET, json.dumps(json.loads(g.body), separators=(",", ":")).encode())
    ),
    "over the body and a line end": lambda g: g.with_signature(hex_of(SECRET, g.body + b"\n")),
    "over a report of a failure": lambda g: g.with_signature(hex_of(SECRET, said(g.run, status="failed"))),
    "the hub's header wrong": lambda g: g.with_signature(hex_of("another", g.body), "X-Hub-Signature-256"),
    "the right one in a header of the hub's old kind": lambda g: g.with_signature(
        hex_of(SECRET, g.body), "X-Hub-Signature"
    ),
    "the one header right, the other wrong": lambda g: Request(
        query(g.run), g.body, {**plain(SECRET, g.body), **plain("another", g.body, "X-Hub-Signature-256")}
    ),
    "the one header wrong, the other right": lambda g: Request(
        query(g.run), g.body, {**plain("another", g.body), **plain(SECRET, g.body, "X-Hub-Signature-256")}
    ),
    "the standard form right, the older wrong": lambda g: Request(
        query(g.run), g.body, {**standard(SECRET.encode(), g.body), **plain("another", g.body)}
    ),
    "the standard form wrong, the older right": lambda g: Request(
        query(g.run), g.body, {**standard(b"another", g.body), **plain(SECRET, g.body)}
    ),
    "the standard form right, the older empty": lambda g: Request(
        query(g.run), g.body, {**standard(SECRET.encode(), g.body), "X-Webhook-Signature": ""}
    ),
    "the older form right, of the standard one the id alone": lambda g: Request(
        query(g.run), g.body, {**plain(SECRET, g.body), "webhook-id": "msg_1"}
    ),
    "the standard form in the older header": lambda g: g.with_signature(
        standard(SECRET.encode(), g.body)["webhook-signature"]
    ),
}
STANDARD: dict[str, Callable[[Ground], Request]] = {
    "301 seconds old": lambda g: g.by_standard(g.run, SECRET.encode(), at=int(time.time()) - 301),
    "301 seconds ahead": lambda g: g.by_standard(g.run, SECRET.encode(), at=early_in_a_second() + 301),
    "of 1970": lambda g: g.by_standard(g.run, SECRET.encode(), at=0),
    "in milliseconds": lambda g: g.by_standard(g.run, SECRET.encode(), at=int(time.time() * 1000)),
    "a time with a fraction": lambda g: g.by_standard(g.run, SECRET.encode(), at=f"{time.time():.1f}"),
    "a time with a sign": lambda g: g.by_standard(g.run, SECRET.encode(), at=f"+{int(time.time())}"),
    "a time with a space": lambda g: g.by_standard(g.run, SECRET.encode(), at=f" {int(time.time())}"),
    "a time with an underscore": lambda g: g.by_standard(g.run, SECRET.encode(), at=f"{int(time.time()):_}"),
    "a time that is a word": lambda g: g.by_standard(g.run, SECRET.encode(), at="now"),
    "a time in digits of another script": lambda g: g.by_standard(
        g.run, SECRET.encode(), at=digits_of_another_script(str(int(time.time())))
    ),
    "an empty time": lambda g: g.by_standard(g.run, SECRET.encode(), at=""),
    "no time": lambda g: g.with_standard(timestamp=None),
    "another time than the signed one": lambda g: g.with_standard(timestamp=str(int(time.time()) - 7)),
    "an id with a dot": lambda g: g.by_standard(g.run, SECRET.encode(), id_="msg.1"),
    "an empty id": lambda g: g.by_standard(g.run, SECRET.encode(), id_=""),
    "an id with a space": lambda g: g.by_standard(g.run, SECRET.encode(), id_="msg 1"),
    "an id that is not ASCII": lambda g: g.by_standard(g.run, SECRET.encode(), id_="msgé"),
    "an id of 256 characters": lambda g: g.by_standard(g.run, SECRET.encode(), id_="m" * 256),
    "no id": lambda g: g.with_standard(id=None),
    "another id than the signed one": lambda g: g.with_standard(id="msg_2"),
    "no signature beside id and time": lambda g: g.with_standard(signature=None),
    "an empty one": lambda g: g.with_standard(signature=""),
    "its version alone": lambda g: g.with_standard(signature="v1,"),
    "without its version": lambda g: g.with_standard(
        signature=standard(SECRET.encode(), g.body)["webhook-signature"].removeprefix("v1,")
    ),
    "of the public-key version": lambda g: g.with_standard(
        signature=standard(SECRET.encode(), g.body)["webhook-signature"].replace("v1,", "v1a,")
    ),
    "its version in capitals": lambda g: g.with_standard(
        signature=standard(SECRET.encode(), g.body)["webhook-signature"].replace("v1,", "V1,")
    ),
    "without its padding": lambda g: g.with_standard(
        signature=standard(SECRET.encode(), g.body)["webhook-signature"].rstrip("=")
    ),
    "two joined by a comma": lambda g: g.with_standard(
        signature=",".join([standard(SECRET.encode(), g.body)["webhook-signature"]] * 2)
    ),
    "not ASCII at all": lambda g: g.with_standard(signature="v1,ééé"),
    "its MAC in hex": lambda g: g.with_standard(
        signature=f"v1,{hex_of(SECRET, f'msg_1.{int(time.time())}.'.encode() + g.body)}"
    ),
    "over the body alone": lambda g: g.signed_over(g.body),
    "over the time before the id": lambda g: g.signed_over(f"{int(time.time())}.msg_1.".encode() + g.body),
    "over id and time without the body": lambda g: g.signed_over(f"msg_1.{int(time.time())}.".encode()),
}
SECRETS: dict[str, Callable[[Ground], Request]] = {
    "an empty secret": lambda g: g.by(g.run, ""),
    "another secret": lambda g: g.by(g.run, "another-secret-altogether"),
    "the secret and a line end": lambda g: g.by(g.run, f"{SECRET}\n"),
    "a harness's secret for the unregistered one": lambda g: g.by(g.run, SUITE_SECRET),
    "the installation's secret for a harness": lambda g: g.by(g.suite, SECRET),
    "the installation's secret for a harness, in the standard form": lambda g: g.by_standard(g.suite, SECRET.encode()),
    "another tenant's secret": lambda g: g.by(g.run, HER_SECRET),
    "another tenant's secret for a harness": lambda g: g.by(g.suite, HER_SECRET),
    "the secret of another tenant's harness of the name": lambda g: g.by(g.suite, HER_SUITE_SECRET),
    "our secret for another tenant's harness of the name": lambda g: g.by(g.her_suite, SUITE_SECRET),
    "our secret for another tenant's harness": lambda g: g.by(g.hers, SUITE_SECRET),
    "the installation's secret for another tenant's harness": lambda g: g.by(g.hers, SECRET),
    "the installation's secret for a tenant that has none": lambda g: g.by(g.unsigned, SECRET),
    "no secret for a tenant that has none": lambda g: g.by(g.unsigned, ""),
    "the secret before the change": lambda g: g.by(g.turned, "the-secret-before-it-was-changed"),
    "a removed harness's secret": lambda g: g.by(g.gone, "the-secret-of-one-who-is-gone"),
    "the installation's secret for a removed harness": lambda g: g.by(g.gone, SECRET),
    "the installation's secret for the built-in harness": lambda g: g.by(g.builtin, SECRET),
    "a harness's secret for the built-in harness": lambda g: g.by(g.builtin, SUITE_SECRET),
    "the key's bytes where its text signs": lambda g: g.by(g.suite, KEY),
    "the key's text where its bytes sign": lambda g: g.by_standard(g.suite, SUITE_SECRET.encode()),
}
BINDINGS: dict[str, Callable[[Ground], Request]] = {
    "no evaluation in the query": lambda g: g.with_body(g.body, ""),
    "an empty one in the query": lambda g: g.with_body(g.body, "?evaluationId="),
    "its name in other letters": lambda g: g.with_body(g.body, f"?evaluationid={g.run.pk}"),
    "what is no id in the query": lambda g: g.with_body(g.body, "?evaluationId=1"),
    "what is not UTF-8 in the query": lambda g: g.with_body(g.body, "?evaluationId=%ff%fe"),
    "an evaluation that is not there": lambda g: g.with_body(g.body, query(str(uuid.uuid4()))),
    "the version's id in its place": lambda g: g.with_body(g.body, query(str(g.run.version_id))),
    "another evaluation in the query": lambda g: g.with_body(g.body, query(g.next)),
    "another tenant's evaluation in the query": lambda g: g.with_body(g.body, query(g.unsigned)),
    "two in the query, another one last": lambda g: g.with_body(g.body, f"{query(g.run)}&evaluationId={g.next.pk}"),
    "no evaluation in the body": lambda g: g.with_body('{"status": "passed"}'),
    "another evaluation in the body": lambda g: g.with_body(said(g.next), query(g.run)),
    "another tenant's in the body": lambda g: g.with_body(said(g.unsigned), query(g.run)),
    "null in the body": lambda g: g.saying(evaluationId=None),
    "a number in the body": lambda g: g.saying(evaluationId=1),
    "a list in the body": lambda g: g.saying(evaluationId=[str(g.run.pk)]),
    "its name in other letters in the body": lambda g: g.with_body(
        json.dumps({"evaluationid": str(g.run.pk), "status": "passed"})
    ),
    "deeper in the body": lambda g: g.with_body(
        json.dumps({"data": {"evaluationId": str(g.run.pk)}, "status": "passed"})
    ),
    "another version's digest": lambda g: g.saying(digest=g.next.digest),
    "its digest in capitals": lambda g: g.saying(digest=g.run.digest.upper()),
    "an empty digest": lambda g: g.saying(digest=""),
    "a digest that is a number": lambda g: g.saying(digest=1),
    "another harness": lambda g: g.saying(harnessId="suite"),
    "an empty harness": lambda g: g.saying(harnessId=""),
    "a harness that is a list": lambda g: g.saying(harnessId=["default"]),
}
BODIES: dict[str, Callable[[Ground], Request]] = {
    "no body": lambda g: g.with_body(""),
    "no JSON": lambda g: g.with_body("status=passed"),
    "JSON and more": lambda g: g.with_body(g.body + b" {}"),
    "a list": lambda g: g.with_body(b"[" + g.body + b"]"),
    "a text": lambda g: g.with_body(json.dumps(g.body.decode())),
    "null": lambda g: g.with_body("null"),
    "a byte order mark before it": lambda g: g.with_body(b"\xef\xbb\xbf" + g.body),
    "UTF-16": lambda g: g.with_body(g.body.decode().encode("utf-16")),
    "what is not UTF-8": lambda g: g.with_body(g.body.replace(b"passed", b"passe\xff")),
    "a NUL": lambda g: g.saying(metrics={"a": "\0"}),
    "half of a surrogate pair": lambda g: g.saying(metrics={"a": "\ud800"}),
    "a key twice": lambda g: g.with_body(g.body[:-1] + b', "status": "passed"}'),
    "the evaluation twice": lambda g: g.with_body(f'{{"evaluationId": "{g.next.pk}", '.encode() + g.body[1:]),
    "a key twice, further in": lambda g: g.with_body(g.body[:-1] + b', "metrics": {"a": 1, "a": 2}}'),
    "too deep": lambda g: g.with_body(g.body[:-1] + b', "metrics": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}"),
    "deeper than Python goes": lambda g: g.with_body(
        g.body[:-1] + b', "metrics": {"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}"
    ),
    "an integer of 2^53": lambda g: g.saying(metrics={"a": 2**53}),
    "an integer of 5,000 digits": lambda g: g.with_body(g.body[:-1] + b', "metrics": {"a": ' + b"9" * 5_000 + b"}}"),
    "no status": lambda g: g.with_body(json.dumps({"evaluationId": str(g.run.pk), "score": 1})),
    "the status null": lambda g: g.saying(status=None),
    "a status that is not known": lambda g: g.saying(status="skipped"),
    "a status in capitals": lambda g: g.saying(status="PASSED"),
    "a status that is no end": lambda g: g.saying(status="running"),
    "a status that is true": lambda g: g.saying(status=True),
    "a status that is a list": lambda g: g.saying(status=["passed"]),
    "a status that is an object": lambda g: g.saying(status={"passed": True}),
    "a score above 1": lambda g: g.saying(score=1.5),
    "a score a little above 1": lambda g: g.with_body(g.body.replace(b"0.9", b"1.0000000000000002")),
    "a score below 0": lambda g: g.saying(score=-0.1),
    "a score that is no number": lambda g: g.saying(score=float("nan")),
    "a score without end": lambda g: g.saying(score=float("inf")),
    "a score too large for a number": lambda g: g.with_body(g.body.replace(b"0.9", b"1e999")),
    "a score that is a text": lambda g: g.saying(score="0.9"),
    "a score that is true": lambda g: g.saying(score=True),
    "a score that is a list": lambda g: g.saying(score=[0.9]),
    "metrics that are a list": lambda g: g.saying(metrics=[1]),
    "metrics that are a text": lambda g: g.saying(metrics="{}"),
    "metrics that are a number": lambda g: g.saying(metrics=0),
}
TABLES = {"signatures": SIGNATURES, "the standard form": STANDARD, "secrets": SECRETS, "bindings": BINDINGS}
FORGED = {**TABLES, "bodies": BODIES}


@pytest.mark.parametrize("table", FORGED.values(), ids=list(FORGED))
def test_whatever_is_wrong_with_a_report_it_is_401_with_one_body_and_nothing_changes(
    ground: Ground, as_admin: Client, table: dict[str, Callable[[Ground], Request]]
) -> None:
    gate = f"/evaluations/versions/{ground.run.version_id}/gate"
    shown, before = json_of(as_admin.get(gate)), rows()
    fixed = essence(Request("", b"", {}).sent())
    wrong = {}
    for name, forged in table.items():
        answer = essence(forged(ground).sent())
        if (answer, rows()) != (fixed, before):
            wrong[name] = answer
    assert wrong == {}
    assert json_of(as_admin.get(gate)) == shown
    assert fixed[0] == 401
    assert fixed[1].keys() == {"error"}
    assert fixed[2]["WWW-Authenticate"] == "Bearer"
    assert_each_takes_the_right_one(ground)


def assert_each_takes_the_right_one(ground: Ground) -> None:
    """What was refused was refused for its one fault: without it each is taken."""
    body = said(ground.next)
    right = [
        ground.by(ground.suite, SUITE_SECRET),
        ground.by_standard(ground.turned, b"the-secret-after-it-was-changed"),
        Request(query(ground.next), body, plain(SECRET, body, "X-Hub-Signature-256")),
        ground.by(ground.hers, HER_SECRET),
        ground.by(ground.her_suite, HER_SUITE_SECRET),
        ground.with_signature(hex_of(SECRET, ground.body)),
    ]
    assert [essence(each.sent())[0] for each in right] == [200] * 6
    taken = Evaluation.objects.filter(status="passed", score=0.9)
    assert {each.pk for each in taken} == {
        *(ground.suite.pk, ground.turned.pk, ground.next.pk),
        *(ground.hers.pk, ground.her_suite.pk, ground.run.pk),
    }


def test_the_forgeries_are_many() -> None:
    assert sum(map(len, FORGED.values())) >= 45


def test_a_refusal_tells_why_in_the_log_alone_and_not_what_would_have_been_right(ground: Ground) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = ground.by(ground.run, "another-secret").sent()
    told = [line for line in lines if line["event"] == "callback refused"]
    assert [line["evaluation"] for line in told] == [str(ground.run.pk)]
    assert str(told[0]["why"]) not in answer.content.decode()
    assert not any(secret in str(lines) for secret in (SECRET, hex_of(SECRET, ground.body)))


# ----------------------------------------------------------------------------- right
@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_a_message_of_nearly_five_minutes_either_way_is_taken(ground: Ground, seconds: int) -> None:
    answer = ground.by_standard(ground.suite, KEY, at=int(time.time()) + seconds).sent()
    assert (answer.status_code, json_of(answer)["status"]) == (200, "passed")


RIGHT: dict[str, Callable[[Ground], Request]] = {
    "without its prefix": lambda g: g.with_signature(hex_of(SECRET, g.body)),
    "in the hub's header": lambda g: g.with_signature(f"sha256={hex_of(SECRET, g.body)}", "X-Hub-Signature-256"),
    "in both older headers": lambda g: Request(
        query(g.run), g.body, {**plain(SECRET, g.body), **plain(SECRET, g.body, "X-Hub-Signature-256")}
    ),
    "in both forms": lambda g: Request(
        query(g.run), g.body, {**plain(SECRET, g.body), **standard(SECRET.encode(), g.body)}
    ),
    "among the signatures of other keys": lambda g: g.with_standard(
        signature=" ".join(
            [
                f"v1,{base64_of(b'another', g.body)}",
                "v1a,of-another-version",
                standard(SECRET.encode(), g.body)["webhook-signature"],
            ]
        )
    ),
    "with digest and harness": lambda g: g.saying(digest=g.run.digest, harnessId="default"),
    "with digest, harness and metrics null": lambda g: g.saying(digest=None, harnessId=None, metrics=None),
    "with the id written otherwise": lambda g: g.saying(evaluationId=str(g.run.pk).upper()),
    "with names that nobody knows": lambda g: g.saying(projectId="x", status_text="fine", data={"evaluationId": 1}),
    "with other spaces": lambda g: g.with_body(b"\n " + g.body.replace(b": ", b" :\t") + b"\r\n"),
}


@pytest.mark.parametrize("right", RIGHT.values(), ids=list(RIGHT))
def test_what_is_signed_and_about_its_evaluation_is_taken(ground: Ground, right: Callable[[Ground], Request]) -> None:
    answer = right(ground).sent()
    assert (answer.status_code, json_of(answer)["status"], json_of(answer)["score"]) == (200, "passed", 0.9)
    assert essence(right(ground).sent())[0] in (200, 409)


@pytest.mark.parametrize(
    ("report", "kept"),
    [
        ({"status": "passed", "score": 1}, ("passed", 1.0, {})),
        ({"status": "failed", "score": 0, "metrics": {"cases": 3}}, ("failed", 0.0, {"cases": 3})),
        ({"status": "error", "score": None, "metrics": {"a": [1, None, "x"]}}, ("error", None, {"a": [1, None, "x"]})),
        ({"status": "passed", "score": 1e-300}, ("passed", 1e-300, {})),
    ],
    ids=["a whole score", "a failure", "an error without a score", "a very small score"],
)
def test_what_a_harness_says_is_kept_and_told(
    ground: Ground, report: dict[str, Any], kept: tuple[str, float | None, dict[str, Any]]
) -> None:
    answer = json_of(ground.saying(**report).sent())
    row = Evaluation.objects.get(pk=ground.run.pk)
    assert (answer["status"], answer["score"], answer["metrics"]) == (row.status, row.score, row.metrics) == kept
    assert (row.completed_at is not None, row.due_at) == (True, None)
    entry = AuditEntry.objects.filter(verb="evaluation.completed").latest("seq")
    assert (entry.actor, entry.via, entry.data["evaluationId"]) == ("system", "harness", str(ground.run.pk))
    told = OutboxEvent.objects.filter(type="eval.completed").latest("id")
    assert (told.data["status"], told.data["score"], told.data["digest"]) == (row.status, row.score, row.digest)


def test_the_vector_of_the_contract() -> None:
    body, signature = b'{"status":"passed"}', "e2f02acbddb919680d7e074a0f672e3b22527d9fbc0314aa4eaadba3bfb9b806"
    assert hex_of("topsecret", body) == signature
    for text in (signature, f"sha256={signature}"):
        for header in ("X-Webhook-Signature", "X-Hub-Signature-256"):
            message = standard_webhooks.verify(Secret("topsecret"), {header: text}, body, now=0)
            assert (message.id, message.timestamp) == (None, None)


def test_the_vectors_body_names_no_evaluation_so_it_is_refused(ground: Ground, settings: Any) -> None:
    settings.EVAL_WEBHOOK_SECRET = "topsecret"
    body = b'{"status":"passed"}'
    assert Request(query(ground.run), body, plain("topsecret", body)).sent().status_code == 401
    assert ground.by(ground.run, "topsecret").sent().status_code == 200


# ----------------------------------------------------------------------------- who has a secret
@pytest.mark.parametrize("key", ["", SECRET, "None"])
def test_without_a_secret_every_report_is_refused(ground: Ground, settings: Any, key: str) -> None:
    settings.EVAL_WEBHOOK_SECRET = ""
    before = rows()
    answers = [ground.by(ground.run, key).sent(), ground.by_standard(ground.run, key.encode()).sent()]
    assert [each.status_code for each in answers] == [401, 401]
    assert rows() == before


def test_the_installations_secret_is_one_tenants(ground: Ground, settings: Any, other: Tenant) -> None:
    settings.EVAL_WEBHOOK_TENANT = other.slug
    assert ground.by(ground.run, SECRET).sent().status_code == 401
    assert ground.by(ground.unsigned, SECRET).sent().status_code == 200


def test_while_a_tenant_is_suspended_nobody_reports_to_it(ground: Ground, acme: Tenant) -> None:
    Tenant.objects.filter(pk=acme.pk).update(is_suspended=True)
    before, fixed = rows(), essence(Request("", b"", {}).sent())
    reports = [
        ground.by(ground.run, SECRET),
        ground.by(ground.suite, SUITE_SECRET),
        ground.by_standard(ground.suite, KEY),
    ]
    assert [essence(each.sent()) for each in reports] == [fixed] * 3
    assert rows() == before
    Tenant.objects.filter(pk=acme.pk).update(is_suspended=False)
    assert [each.sent().status_code for each in reports] == [200, 200, 409]


def test_who_registers_under_a_name_reports_from_then_on_and_nobody_else(ground: Ground, admin: Actor) -> None:
    """Also on what was asked for before, when somebody with the installation's secret was to report."""
    asked = asked_for(ground.run.version, "nightly", by=admin)
    registered("nightly", "the-secret-of-the-nightly-suite", by=admin)
    assert ground.by(asked, SECRET).sent().status_code == 401
    assert ground.by(asked, "the-secret-of-the-nightly-suite").sent().status_code == 200


# ----------------------------------------------------------------------------- sent again
def test_a_pass_sent_again_for_another_version_evaluation_or_tenant_changes_nothing(
    ground: Ground, admin: Actor
) -> None:
    passed = ground.by(ground.run, SECRET)
    assert passed.sent().status_code == 200
    again = asked_for(ground.run.version, "default", by=admin)
    before = rows()
    for target in (ground.next, again, ground.suite, ground.hers, ground.unsigned, ground.builtin):
        assert Request(query(target), passed.body, passed.headers).sent().status_code == 401
    repeated = passed.sent()
    assert (repeated.status_code, error_of(repeated)["code"]) == (409, "EVALUATION_FINISHED")
    assert rows() == before


def test_a_late_pass_does_not_undo_a_failure(ground: Ground) -> None:
    assert ground.saying(status="failed", score=0.1).sent().status_code == 200
    before = rows()
    late = [ground.by(ground.run, SECRET), ground.by_standard(ground.run, SECRET.encode(), id_="msg_late")]
    assert [error_of(each.sent())["code"] for each in late] == ["EVALUATION_FINISHED"] * 2
    assert rows() == before


def test_the_same_message_again_is_200_and_changes_nothing(ground: Ground) -> None:
    message = ground.by_standard(ground.suite, KEY)
    first, before = message.sent(), rows()
    assert len(before["receipts"]) == 1
    again = [essence(message.sent()) for _ in range(100)]
    assert {status for status, _, _ in again} == {first.status_code} == {200}
    assert all(body == json_of(first) for _, body, _ in again)
    assert all("X-Audit-Seq" not in headers for _, _, headers in again)
    assert rows() == before


def test_a_retry_signed_anew_is_the_same_message(ground: Ground) -> None:
    assert ground.by_standard(ground.suite, KEY, at=int(time.time()) - 60).sent().status_code == 200
    before = rows()
    assert ground.by_standard(ground.suite, KEY).sent().status_code == 200
    assert rows() == before


def test_an_id_is_of_one_message(ground: Ground, admin: Actor) -> None:
    """With another body or for another evaluation of its harness it is refused; other harnesses have their own ids."""
    other = asked_for(ground.suite.version, "suite", by=admin)
    assert ground.by_standard(ground.suite, KEY).sent().status_code == 200
    body = said(ground.suite, score=0.8)
    before = rows()
    another_body = Request(query(ground.suite), body, standard(KEY, body))
    refusals = [essence(each.sent()) for each in (another_body, ground.by_standard(other, KEY))]
    assert refusals == [essence(Request("", b"", {}).sent())] * 2
    assert rows() == before
    assert ground.by_standard(other, KEY, id_="msg_2").sent().status_code == 200
    assert ground.by_standard(ground.run, SECRET.encode(), id_="msg_1").sent().status_code == 200
    assert ground.by_standard(ground.her_suite, HER_SUITE_SECRET.encode(), id_="msg_1").sent().status_code == 200


def test_of_fifty_duplicates_at_once_one_is_taken_and_all_are_answered(committed: None) -> None:
    tenant = factories.make_tenant()
    by = factories.make_actor(tenant)
    registered("suite", SUITE_SECRET, by=by)
    version = factories.make_prompt(Namespace.objects.get(tenant=tenant), by=by).versions.get()
    run = asked_for(version, "suite", by=by)
    message = Request(query(run), said(run), standard(KEY, said(run)))
    assert Client(None).get("/evaluations/webhook").status_code == 405  # the middleware is loaded, by one thread
    statuses: list[int] = []
    with Crowd(50) as crowd:
        crowd.play([partial(lambda: statuses.append(message.sent().status_code))] * 50)
    assert statuses == [200] * 50
    assert CallbackReceipt.objects.filter(tenant=tenant).count() == 1
    entries = AuditEntry.objects.filter(tenant_id=tenant.pk, verb="evaluation.completed")
    assert entries.count() == OutboxEvent.objects.filter(tenant_id=tenant.pk, type="eval.completed").count() == 1


# ----------------------------------------------------------------------------- what does not matter, and what does
def test_a_key_or_an_idempotency_key_on_a_report_changes_nothing(ground: Ground, eve: Actor) -> None:
    """Whoever reports is in the signature alone, and two reports under one idempotency key are two reports."""
    more = {
        "Authorization": f"Bearer {factories.client_of(eve).key}",
        "Idempotency-Key": "once",
        "X-User-Id": "eve",
        "X-Tenant-Id": str(eve.tenant.pk),
    }
    assert ground.by(ground.run, SECRET).sent(**more).status_code == 200
    assert ground.by(ground.next, SECRET).sent(**more).status_code == 200
    finished = Evaluation.objects.filter(status="passed")
    assert {each.pk for each in finished} == {ground.run.pk, ground.next.pk}
    entries = AuditEntry.objects.filter(verb="evaluation.completed")
    assert {(each.tenant_id, each.actor, each.via) for each in entries} == {(ground.run.tenant_id, "system", "harness")}


def test_a_key_does_not_stand_in_for_a_signature(ground: Ground, as_admin: Client) -> None:
    assert as_admin.post(f"/evaluations/webhook{query(ground.run)}", said(ground.run)).status_code == 401


def test_a_report_of_256_kib_is_taken_and_a_byte_more_is_413(ground: Ground) -> None:
    """Before anybody looks at its signature."""
    empty = said(ground.run, metrics={"a": ""})
    fill = LARGEST - len(empty)
    before = rows()
    refused = ground.saying(metrics={"a": "x" * (fill + 1)}).sent()
    assert (refused.status_code, error_of(refused)["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert rows() == before
    assert ground.saying(metrics={"a": "x" * fill}).sent().status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_report_is_posted(ground: Ground, method: str) -> None:
    right = ground.by(ground.run, SECRET)
    answer = Client(None)(method, f"/evaluations/webhook{right.query}", right.body, **right.headers)
    assert (answer.status_code, Evaluation.objects.get(pk=ground.run.pk).status) == (405, "running")


def test_faults_count_against_the_address_and_right_reports_are_free(ground: Ground, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "anonymous": 3}
    http, address = DjangoClient(), f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"

    def status(request: Request) -> int:
        path = f"/api/v1/evaluations/webhook{request.query}"
        return http.post(
            path, request.body, content_type="application/json", headers=request.headers, REMOTE_ADDR=address
        ).status_code

    free = ground.by_standard(ground.suite, KEY)
    assert [status(free) for _ in range(5)] == [200] * 5
    assert [status(ground.by(ground.run, "another")) for _ in range(5)] == [401, 401, 401, 429, 429]
    assert [status(free), status(ground.by(ground.run, SECRET))] == [200, 200]
