"""Webhooks over the API: subscribed, sent by the worker's own function to a real receiver, verified, sent again."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook

from prompts.models import Namespace
from tenants.models import Actor
from tests import factories
from tests.factories import Client, error_of, json_of
from webhooks import worker
from webhooks.actions import sending


@dataclass
class Receiver:
    """A receiver on loopback: what it got, and what it answers."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((dict(self.headers.items()), body))
            self.send_response(found.status)
            self.end_headers()
            self.wfile.write(b"thank you")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield found
    server.shutdown()
    server.server_close()


def send() -> None:
    sending.fan_out()
    worker.deliver_due()


def subscribed(client: Client, url: str, *events: str, **more: Any) -> Any:
    answer = client.post("/webhooks", {"url": url, "events": list(events) or ["*"], **more})
    assert answer.status_code == 201, answer.content
    return json_of(answer)


def test_an_event_reaches_a_receiver_signed_as_standard_webhooks_say(
    as_admin: Client, receiver: Receiver, namespace: Namespace, admin: Actor
) -> None:
    made = subscribed(as_admin, receiver.url, "prompt.created")
    prompt = factories.make_prompt(namespace, by=admin, slug="support")
    send()
    [(headers, body)] = receiver.got
    Webhook(made["secret"]).verify(body.decode(), {name.lower(): value for name, value in headers.items()})
    told = json.loads(body)
    assert (told["type"], told["projectId"], told["sequence"]) == ("prompt.created", str(admin.tenant.pk), 1)
    assert (
        told["data"]
        == told["payload"]
        == {
            "promptId": str(prompt.pk),
            "prompt": "default:support",
            "namespace": "default",
            "name": "support",
            "type": "text",
        }
    )
    [delivery] = json_of(as_admin.get(f"/webhooks/{made['id']}/deliveries"))["data"]
    assert (delivery["status"], [each["status"] for each in delivery["attempts"]]) == ("delivered", [200])
    assert delivery["attempts"][0]["response"] == "thank you"


def test_what_fails_is_tried_again_and_410_switches_off(
    as_admin: Client, receiver: Receiver, namespace: Namespace, admin: Actor
) -> None:
    made = subscribed(as_admin, receiver.url, "prompt.created")
    receiver.status = 500
    factories.make_prompt(namespace, by=admin)
    send()
    [delivery] = json_of(as_admin.get(f"/webhooks/{made['id']}/deliveries"))["data"]
    assert (delivery["status"], delivery["attempts"][0]["status"]) == ("pending", 500)
    receiver.status = 410
    answer = as_admin.post(f"/webhooks/{made['id']}/deliveries/{delivery['id']}/redeliver")
    assert answer.status_code == 200, answer.content
    send()
    assert json_of(as_admin.get(f"/webhooks/{made['id']}"))["active"] is False


def test_a_test_message_says_what_came_of_it(as_admin: Client, receiver: Receiver) -> None:
    made = subscribed(as_admin, receiver.url)
    assert json_of(as_admin.post(f"/webhooks/{made['id']}/test")) == {"success": True, "status": 200}
    receiver.status = 302
    told = json_of(as_admin.post(f"/webhooks/{made['id']}/test", Idempotency_Key="once"))
    assert told == {"success": False, "status": 302, "error": "status"}


def test_after_a_rotation_both_secrets_sign(as_admin: Client, receiver: Receiver) -> None:
    made = subscribed(as_admin, receiver.url)
    rotated = json_of(as_admin.post(f"/webhooks/{made['id']}/rotate-secret"))
    as_admin.post(f"/webhooks/{made['id']}/test")
    [(headers, body)] = receiver.got
    for secret in (made["secret"], rotated["secret"]):
        Webhook(secret).verify(body.decode(), {name.lower(): value for name, value in headers.items()})


def test_an_address_that_is_never_called_is_refused(as_admin: Client) -> None:
    refused = as_admin.post("/webhooks", {"url": "http://127.0.0.1:9/", "events": ["*"]})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "REFUSED_ADDRESS")


def test_replay_sends_what_was_missed(as_admin: Client, receiver: Receiver, namespace: Namespace, admin: Actor) -> None:
    factories.make_prompt(namespace, by=admin)
    send()
    made = subscribed(as_admin, receiver.url, "prompt.created")
    answer = as_admin.post(f"/webhooks/{made['id']}/replay", {})
    assert json_of(answer) == {"replayed": 1}
    send()
    assert len(receiver.got) == 1


def test_nothing_is_sent_again_to_what_is_off(as_admin: Client, receiver: Receiver) -> None:
    made = subscribed(as_admin, receiver.url)
    as_admin.put(f"/webhooks/{made['id']}", {"active": False})
    refused = as_admin.post(f"/webhooks/{made['id']}/replay", {})
    assert (refused.status_code, error_of(refused)["code"]) == (409, "WEBHOOK_INACTIVE")
