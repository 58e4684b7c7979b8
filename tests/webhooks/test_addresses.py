"""No subscription leads inside: not when it is made or changed, not in a test message, not when something is sent."""

from collections.abc import Iterator
from typing import Any

import pytest

from audit.models import OutboxEvent
from pvc.outbound import RefusedAddress
from pvc.standard_webhooks import new_secret
from tenants.models import Actor
from tests.factories import Client, error_of
from tests.pvc.receivers import Canaries, answering, receiving
from tests.pvc.test_outbound import ALLOWED, REFUSED
from webhooks import trial, worker
from webhooks.actions import endpoints, sending
from webhooks.models import Attempt, Delivery, WebhookEndpoint

#: What a row can hold: the database takes neither NUL nor half a character, and no more than 2,000 of them.
STORED = [url for url in REFUSED if "\0" not in url and "\ud800" not in url and len(url) <= 2_000]

#: Of these many one is tried over HTTP.
EVERY = 8


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
def endpoint(admin: Actor) -> WebhookEndpoint:
    return endpoints.create_endpoint("http://127.0.0.2:9/", events=["prompt.created"], by=admin).endpoint


def at(canaries: Canaries, urls: list[str]) -> list[str]:
    return [url.replace("{port}", str(canaries.port)) for url in urls]


def test_none_can_be_subscribed(admin: Actor, canaries: Canaries) -> None:
    assert len(REFUSED) >= 80
    for url in at(canaries, REFUSED):
        with pytest.raises(RefusedAddress):
            endpoints.create_endpoint(url, events=["*"], by=admin)
    assert (canaries.called(), WebhookEndpoint.objects.count()) == (0, 0)


def test_none_can_be_changed_to(admin: Actor, canaries: Canaries, endpoint: WebhookEndpoint) -> None:
    for url in at(canaries, REFUSED):
        with pytest.raises(RefusedAddress):
            endpoints.update_endpoint(endpoint, {"url": url}, by=admin)
    endpoint.refresh_from_db()
    assert (canaries.called(), endpoint.url) == (0, "http://127.0.0.2:9/")


def test_the_api_refuses_them_as_well(as_admin: Client, canaries: Canaries, endpoint: WebhookEndpoint) -> None:
    for url in at(canaries, REFUSED)[::EVERY]:
        made = as_admin.post("/webhooks", {"url": url, "events": ["*"]})
        changed = as_admin.put(f"/webhooks/{endpoint.pk}", {"url": url})
        assert (made.status_code, changed.status_code) == (400, 400), url
    assert canaries.called() == 0


def test_the_answer_names_the_reason(as_admin: Client, canaries: Canaries) -> None:
    answer = as_admin.post("/webhooks", {"url": f"http://127.0.0.1:{canaries.port}/", "events": ["*"]})
    assert error_of(answer)["code"] == "REFUSED_ADDRESS"


def test_none_is_sent_a_test_message(admin: Actor, canaries: Canaries, endpoint: WebhookEndpoint) -> None:
    """Nor where the row was changed behind the verbs' back."""
    for endpoint.url in at(canaries, STORED):
        assert trial.sent_to(endpoint, by=admin) == {"success": False, "error": "refused_address"}, endpoint.url
    assert canaries.called() == 0


def test_none_is_delivered_to(admin: Actor, canaries: Canaries) -> None:
    for url in at(canaries, STORED):
        row = WebhookEndpoint(tenant=admin.tenant, url=url, events=["prompt.created"])
        row.keep(new_secret())
        row.save(force_insert=True)
    OutboxEvent.objects.create(tenant_id=admin.tenant.pk, type="prompt.created")
    sending.fan_out()
    assert worker.deliver_due() >= len(STORED)
    refused = Attempt.objects.filter(number=1, error="refused_address").values_list(
        "delivery__endpoint__url", flat=True
    )
    assert sorted(refused) == sorted(at(canaries, STORED))
    assert set(Delivery.objects.values_list("status", flat=True)) == {Delivery.PENDING}
    assert canaries.called() == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere(status: int, admin: Actor, canaries: Canaries) -> None:
    to = f"HTTP/1.1 {status} Go\r\nLocation: http://127.0.0.1:{canaries.port}/\r\nContent-Length: 0\r\n\r\n"
    with receiving(answering(to.encode())) as receiver:
        endpoints.create_endpoint(receiver.url(), events=["prompt.created"], by=admin)
        OutboxEvent.objects.create(tenant_id=admin.tenant.pk, type="prompt.created")
        sending.fan_out()
        worker.deliver_due()
    assert (Attempt.objects.get().status, len(receiver.requests), canaries.called()) == (status, 1, 0)


def test_an_address_inside_is_called_where_it_is_allowed(admin: Actor, settings: Any) -> None:
    """So that nothing but the guard keeps the others away."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiving(answering(b""), host="127.0.0.1") as receiver:
        endpoints.create_endpoint(receiver.url(), events=["prompt.created"], by=admin)
        OutboxEvent.objects.create(tenant_id=admin.tenant.pk, type="prompt.created")
        sending.fan_out()
        worker.deliver_due()
    assert len(receiver.requests) == 1
