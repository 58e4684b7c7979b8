"""The receivers in examples/webhooks: real processes, told by the worker's own function, and by somebody else."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from audit.models import OutboxEvent
from prompts.models import Namespace, Prompt
from pvc import standard_webhooks
from pvc.ids import new_id
from pvc.standard_webhooks import Secret, new_secret
from tenants.models import Actor
from tests import factories
from tests.contract.test_examples import EXAMPLES, NODE
from webhooks import message, worker
from webhooks.actions import endpoints, sending
from webhooks.models import Delivery, WebhookEndpoint

COMMANDS = {
    "python": [sys.executable, str(EXAMPLES / "webhooks" / "receiver.py")],
    "javascript": [NODE, str(EXAMPLES / "webhooks" / "receiver.mjs")],
}
in_each_language = pytest.mark.parametrize("language", COMMANDS)


class Receiver(NamedTuple):
    """A receiver that runs."""

    url: str
    program: "subprocess.Popen[str]"

    def says(self) -> str:
        """The next line that it prints."""
        assert self.program.stdout is not None
        return self.program.stdout.readline().rstrip("\n")

    def is_sent(self, headers: dict[str, str], body: bytes) -> int:
        """The status of its answer."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        connection.putrequest("POST", "/")
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        status = connection.getresponse().status
        connection.close()
        return status


Start = Callable[..., Receiver]


@pytest.fixture
def start(settings: Any) -> Iterator[Start]:
    """Starts a receiver that has these secrets."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    running: list[subprocess.Popen[str]] = []

    def started(language: str, *secrets: Secret) -> Receiver:
        environment = {**os.environ, "WEBHOOK_SECRETS": " ".join(each.text for each in secrets)}
        program = subprocess.Popen(
            [*COMMANDS[language], "0"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        running.append(program)
        assert program.stdout is not None
        line = program.stdout.readline().split()
        assert line[:2] == ["listening", "on"]
        return Receiver(line[2], program)

    yield started
    for program in running:
        program.kill()
        program.communicate()


def subscribed(receiver: Receiver, secret: Secret, admin: Actor) -> WebhookEndpoint:
    return endpoints.create_endpoint(receiver.url, events=["*"], secret=secret.text, by=admin).endpoint


def send() -> None:
    sending.fan_out()
    worker.deliver_due()


@pytest.fixture
def secret() -> Secret:
    return new_secret()


@pytest.fixture
def prompt(namespace: Namespace, admin: Actor) -> Prompt:
    """Made before anybody listens."""
    prompt = factories.make_prompt(namespace, by=admin, slug="support")
    sending.fan_out()
    return prompt


def event(prompt: Prompt, sequence: int | None) -> OutboxEvent:
    data = {"promptId": str(prompt.pk), "prompt": "default:support"}
    return OutboxEvent(id=new_id(), tenant_id=prompt.tenant_id, type="tag.moved", sequence=sequence, data=data)


def signed(told: OutboxEvent, *secrets: Secret, age: int = 0) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a message, as the worker makes them; `age` in seconds."""
    body = message.body_of(told, "standard")
    at = int(time.time()) - age
    return standard_webhooks.headers(secrets, message_id=str(told.pk), timestamp=at, body=body), body


@in_each_language
def test_a_delivery_arrives_and_the_same_one_again_counts_once(
    language: str, start: Start, secret: Secret, prompt: Prompt, admin: Actor
) -> None:
    receiver = start(language, secret)
    endpoint = subscribed(receiver, secret, admin)
    factories.make_version(prompt, "Another text", by=admin)
    send()
    delivery = Delivery.objects.get(endpoint=endpoint)
    assert (delivery.status, receiver.says()) == ("delivered", "took: version.created, default:support, sequence 3")
    sending.redeliver(delivery, by=admin)
    send()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.tried) == ("delivered", 2)
    assert receiver.says() == f"duplicate: {delivery.event_id}"
    factories.make_version(prompt, "A third text", by=admin)
    send()
    assert receiver.says() == "took: version.created, default:support, sequence 4"


@in_each_language
@pytest.mark.parametrize("has_new", [False, True], ids=["the old secret", "both secrets"])
def test_during_a_rotation_nothing_is_refused(
    language: str, has_new: bool, start: Start, secret: Secret, prompt: Prompt, admin: Actor
) -> None:
    other = new_secret()
    receiver = start(language, *([other] if has_new else []), secret)
    endpoint = subscribed(receiver, secret, admin)
    endpoints.rotate_secret(endpoint, secret=other.text, by=admin)
    factories.make_version(prompt, "Another text", by=admin)
    send()
    assert receiver.says() == "took: version.created, default:support, sequence 3"
    told = signed(event(prompt, 4), other)
    assert receiver.is_sent(*told) == (204 if has_new else 401)


@in_each_language
def test_what_is_not_from_the_server_or_not_from_now_is_refused(
    language: str, start: Start, secret: Secret, prompt: Prompt
) -> None:
    receiver = start(language, secret)
    told = event(prompt, 1)
    headers, body = signed(told, secret)
    forged = {
        "another secret": signed(told, new_secret()),
        "another body": (headers, body.replace(b"support", b"suppose")),
        "another id": ({**headers, "webhook-id": str(new_id())}, body),
        "another time": ({**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, body),
        "no signature": ({**headers, "webhook-signature": ""}, body),
        "a signature of another kind": ({**headers, "webhook-signature": "v1a,AAAA v2,AAAA ümlaut"}, body),
        "the older header alone": ({"X-Webhook-Signature": headers["X-Webhook-Signature"]}, body),
        "six minutes ago": signed(told, secret, age=360),
        "in six minutes": signed(told, secret, age=-360),
        "a time that is none": ({**headers, "webhook-timestamp": "soon"}, body),
    }
    answers = {name: receiver.is_sent(*each) for name, each in forged.items()}
    assert answers == dict.fromkeys(forged, 401)
    assert all(receiver.says().startswith("refused: ") for _ in forged)
    assert receiver.is_sent(headers, body) == 204
    assert receiver.says() == "took: tag.moved, default:support, sequence 1"


@in_each_language
def test_an_event_that_comes_after_a_later_one_is_left_out(
    language: str, start: Start, secret: Secret, prompt: Prompt, namespace: Namespace, admin: Actor
) -> None:
    receiver = start(language, secret)
    other = factories.make_prompt(namespace, by=admin)
    for told in (event(prompt, 5), event(prompt, 4), event(other, 1), event(prompt, 6), event(prompt, None)):
        assert receiver.is_sent(*signed(told, secret)) == 204
    took = "took: tag.moved, default:support, sequence"
    assert [receiver.says() for _ in range(3)] == [f"{took} 5", "stale: tag.moved, sequence 4", f"{took} 1"]
    assert receiver.says() == f"{took} 6"
    assert receiver.says().startswith(took)


@in_each_language
def test_a_secret_that_is_no_whsec_signs_by_its_own_text(language: str, start: Start, prompt: Prompt) -> None:
    secret = Secret("a-secret-of-our-own")
    receiver = start(language, secret)
    assert receiver.is_sent(*signed(event(prompt, 1), secret)) == 204


@in_each_language
def test_what_is_too_long_is_not_read(language: str, start: Start, secret: Secret) -> None:
    """One goes by what is announced and the other by what comes; neither has anything left unread when it hangs up."""
    receiver, length = start(language, secret), 1024 * 1024 + 1
    body = b"" if language == "python" else b" " * length
    assert receiver.is_sent({"Content-Length": str(length)}, body) == 413


@in_each_language
def test_without_a_secret_it_does_not_start(language: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "WEBHOOK_SECRETS"}
    done = subprocess.run(
        [*COMMANDS[language], "0"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Set WEBHOOK_SECRETS to the secret of the subscription.\n"
