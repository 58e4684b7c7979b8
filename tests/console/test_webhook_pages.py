"""Webhooks in the console: subscriptions and how they do, the secret that is shown once, what was sent, and again."""

import datetime as dt
import html
import re
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEntry, OutboxEvent
from prompts.models import Namespace
from pvc.ids import new_id
from tenants.models import Actor, Tenant
from tests import factories
from tests.console.routes import logged_in
from webhooks.actions import endpoints, sending
from webhooks.models import Attempt, Delivery, WebhookEndpoint

URL = "https://9.9.9.9/hooks/a-secret-place"


@pytest.fixture
def browser(admin: Actor) -> Browser:
    return logged_in(admin)


@pytest.fixture
def endpoint(namespace: Namespace, admin: Actor) -> WebhookEndpoint:
    """Subscribed to new prompts, with nothing sent to it yet."""
    return endpoints.create_endpoint(URL, events=["prompt.created"], description="the web shop", by=admin).endpoint


@pytest.fixture
def delivery(endpoint: WebhookEndpoint, namespace: Namespace, admin: Actor) -> Delivery:
    """A prompt was made, and the endpoint is to be told."""
    factories.make_prompt(namespace, by=admin, slug="support")
    sending.fan_out()
    return Delivery.objects.get(endpoint=endpoint)


def attempted(delivery: Delivery, number: int = 1, **fields: Any) -> Attempt:
    """What a worker writes down after an attempt; this one was answered 500 unless said otherwise."""
    Delivery.objects.filter(pk=delivery.pk).update(tried=number)
    told = {"status": 500, "excerpt": "out of order", "seconds": 0.25, **fields}
    return Attempt.objects.create(tenant=delivery.tenant, delivery=delivery, number=number, **told)


def ended(delivery: Delivery, status: str) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(status=status, due_at=None, ended_at=timezone.now())


def at(name: str, thing: Any) -> str:
    return reverse(f"console:{name}", args=[thing.pk])


def shown(answer: Any) -> str:
    """A page without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def press(browser: Browser, address: str, **fields: Any) -> str:
    """Press a button; gives what the next page says."""
    answer = browser.post(address, fields)
    assert answer.status_code == 302, answer.content
    return shown(browser.get(answer["Location"]))


def verbs(endpoint: WebhookEndpoint) -> list[str]:
    """What was done to a subscription in the console, the oldest first."""
    entries = AuditEntry.objects.filter(target=str(endpoint.pk), via="console").order_by("seq")
    return list(entries.values_list("verb", flat=True))


# ----------------------------------------------------------------------------- the list
def test_webhooks_are_for_whoever_may_manage_them(acme: Tenant, admin: Actor, bob: Actor) -> None:
    olga = factories.make_actor(acme, "olga", "Operator")
    statuses = {each.name: logged_in(each).get(reverse("console:webhooks")).status_code for each in (admin, bob, olga)}
    assert statuses == {each.name: 200 if each.may("webhooks:write") else 403 for each in (admin, bob, olga)}
    assert set(statuses.values()) == {200, 403}
    for each in (admin, bob):
        assert ('href="/admin/webhooks/"' in logged_in(each).get("/admin/").content.decode()) is each.may(
            "webhooks:write"
        )


def test_the_list_says_how_each_does_and_shows_no_path(
    browser: Browser, delivery: Delivery, endpoint: WebhookEndpoint, admin: Actor
) -> None:
    answer = browser.get(reverse("console:webhooks"))
    assert "https://9.9.9.9 the web shop prompt.created on 1 0" in shown(answer)
    assert "a-secret-place" not in answer.content.decode()
    ended(delivery, Delivery.EXHAUSTED)
    since = dt.datetime(2026, 3, 2, 8, 30, tzinfo=dt.UTC)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=since)
    assert "failing since 2026-03-02 08:30 UTC 0 1" in shown(browser.get(reverse("console:webhooks")))
    sending.disable_endpoint(endpoint, reason="Five days of nothing but failures.", by=admin)
    assert "off Five days of nothing but failures. 0 1" in shown(browser.get(reverse("console:webhooks")))


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    browser: Browser, endpoint: WebhookEndpoint, admin: Actor
) -> None:
    browser.get(reverse("console:webhooks"))
    with CaptureQueriesContext(connection) as before:
        browser.get(reverse("console:webhooks"))
    for _ in range(55):
        endpoints.create_endpoint(URL, events=["*"], by=admin)
    with CaptureQueriesContext(connection) as after:
        part = browser.get(reverse("console:webhooks")).context["part"]
    assert len(after) == len(before) <= 15
    older = browser.get(reverse("console:webhooks") + part.older).context["part"]
    assert [len(part.rows), len(older.rows)] == [50, 6]


def test_counting_ends_at_some_number(
    browser: Browser, delivery: Delivery, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.standing.MOST_COUNTED", 3)
    rest = {"tenant": delivery.tenant, "endpoint": endpoint, "type": "prompt.created"}
    for _ in range(4):
        Delivery.objects.create(**rest, event_id=new_id(), due_at=timezone.now())
    assert "on 3 or more 0" in shown(browser.get(reverse("console:webhooks")))


# ----------------------------------------------------------------------------- subscribing
def test_an_address_is_subscribed_and_its_secret_shown_once(browser: Browser, admin: Actor) -> None:
    fields = {"url": URL, "kind": "standard", "description": "ours", "events": ["tag.moved", "prompt.created"]}
    answer = browser.post(reverse("console:subscribe"), fields)
    endpoint = WebhookEndpoint.objects.get()
    [secret] = endpoint.signers
    assert answer.status_code == 200
    assert f'value="{html.escape(secret.text)}"' in answer.content.decode()
    assert (endpoint.url, endpoint.events, endpoint.description) == (URL, ["prompt.created", "tag.moved"], "ours")
    assert "no-store" in answer["Cache-Control"]
    for address in (reverse("console:webhooks"), at("webhook", endpoint), at("deliveries", endpoint), "/admin/log/"):
        text = browser.get(address).content.decode()
        assert not any(each in text for each in (secret.text, html.escape(secret.text), endpoint.sealed_secret))
    assert verbs(endpoint) == ["webhook.created"]


def test_a_secret_of_ones_own_is_shown_in_both_forms(browser: Browser) -> None:
    fields = {"url": URL, "kind": "standard", "events": ["*"], "secret": "a-secret-of-our-own"}
    page = browser.post(reverse("console:subscribe"), fields).content.decode()
    [secret] = WebhookEndpoint.objects.get().signers
    assert 'value="a-secret-of-our-own"' in page
    assert f'value="{html.escape(secret.standard_text)}"' in page


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": ""}, "url"),
        ({"events": []}, "events"),
        ({"events": ["prompt.eaten"]}, "events"),
        ({"secret": "short"}, "secret"),
        ({"kind": "pigeon"}, "kind"),
    ],
    ids=["an address inside", "no address", "no event", "an event that there is not", "a short secret", "no kind"],
)
def test_what_cannot_be_is_told_beside_its_field_and_the_rest_kept(
    browser: Browser, fields: dict[str, Any], field: str
) -> None:
    sent = {"url": URL, "kind": "slack", "events": ["tag.moved"], "description": "ours", "secret": "s" * 20, **fields}
    answer = browser.post(reverse("console:subscribe"), sent)
    assert answer.status_code == 400
    assert answer.context["faults"].keys() == {field}
    assert f'id="webhook-{field}-faults"' in answer.content.decode()
    assert answer.context["sent"] == {name: sent[name] for name in ("url", "kind", "description", "events")}
    assert f'value="{sent["secret"]}"' not in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


# ----------------------------------------------------------------------------- one of them
def test_a_subscription_is_changed_switched_off_and_on_and_deleted(
    browser: Browser, delivery: Delivery, endpoint: WebhookEndpoint
) -> None:
    changes = {"url": "https://9.9.9.9/other", "kind": "slack", "description": "", "events": ["*"], "active": "off"}
    assert "The subscription is as you asked." in press(browser, at("change-webhook", endpoint), **changes)
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.kind, endpoint.events) == ("https://9.9.9.9/other", "slack", ["*"])
    assert endpoint.is_active
    page = press(browser, at("switch-webhook-off", endpoint))
    assert "It is off: it is sent nothing" in page
    assert "Switched off by hand." in page
    delivery.refresh_from_db()
    assert delivery.status == Delivery.CANCELLED
    assert "It is on." in press(browser, at("switch-webhook-on", endpoint))
    endpoint.refresh_from_db()
    assert endpoint.is_active
    page = press(browser, at("delete-webhook", endpoint))
    assert "The subscription of https://9.9.9.9 is deleted" in page
    assert not WebhookEndpoint.objects.exists()
    assert verbs(endpoint) == [*["webhook.changed"] * 3, "webhook.deleted"]


def test_a_change_that_is_refused_shows_the_page_again(browser: Browser, endpoint: WebhookEndpoint) -> None:
    answer = browser.post(at("change-webhook", endpoint), {"url": "http://10.0.0.1/", "events": ["*"]})
    assert answer.status_code == 400
    assert "It leads to an address that is private, local or reserved." in shown(answer)
    assert 'value="http://10.0.0.1/"' in answer.content.decode()
    endpoint.refresh_from_db()
    assert endpoint.url == URL


def test_a_rotated_secret_is_shown_once_and_the_one_before_goes_on_signing(
    browser: Browser, endpoint: WebhookEndpoint
) -> None:
    [before] = endpoint.signers
    page = browser.post(at("rotate-webhook-secret", endpoint)).content.decode()
    endpoint.refresh_from_db()
    new, old = endpoint.signers
    assert old == before != new
    assert f'value="{html.escape(new.text)}"' in page
    assert html.escape(before.text) not in page
    again = browser.get(at("webhook", endpoint)).content.decode()
    assert "Secret before" in again
    assert html.escape(new.text) not in again
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(previous_until=timezone.now())
    assert "Secret before" not in browser.get(at("webhook", endpoint)).content.decode()


def test_a_test_message_that_fails_says_where(browser: Browser, endpoint: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(url="http://127.0.0.1/")
    page = press(browser, at("test-webhook", endpoint))
    assert "The test message failed: The address is not one that may be called." in page


def test_a_stretch_is_replayed(browser: Browser, delivery: Delivery, endpoint: WebhookEndpoint) -> None:
    ended(delivery, Delivery.EXHAUSTED)
    tomorrow = f"{timezone.now() + dt.timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert "nothing that happened then" in press(browser, at("replay-webhook", endpoint), since=tomorrow)
    page = press(browser, at("replay-webhook", endpoint), since="", until=tomorrow)
    assert "Events that are sent again: 1." in page
    assert "prompt.created pending just now" in page
    delivery.refresh_from_db()
    assert delivery.status == Delivery.PENDING
    page = shown(browser.post(at("replay-webhook", endpoint), {"since": "yesterday"}, follow=True))
    assert "Datetime has wrong format" in page


# ----------------------------------------------------------------------------- what was sent
def test_deliveries_show_their_last_attempt(browser: Browser, delivery: Delivery, endpoint: WebhookEndpoint) -> None:
    attempted(delivery, 1, status=None, error="timeout", excerpt="", seconds=15.0)
    attempted(delivery, 2)
    for address in (at("deliveries", endpoint), at("webhook", endpoint)):
        page = shown(browser.get(address))
        assert "prompt.created pending just now 2 answered 500 just now 0.250 s out of order" in page


def test_deliveries_come_fifty_at_a_time_in_the_same_queries(
    browser: Browser, delivery: Delivery, endpoint: WebhookEndpoint
) -> None:
    browser.get(at("deliveries", endpoint))
    with CaptureQueriesContext(connection) as before:
        browser.get(at("deliveries", endpoint))
    rest = {"tenant": delivery.tenant, "endpoint": endpoint, "type": "prompt.created"}
    for _ in range(52):
        attempted(Delivery.objects.create(**rest, event_id=new_id(), due_at=timezone.now()))
    with CaptureQueriesContext(connection) as after:
        part = browser.get(at("deliveries", endpoint)).context["part"]
    assert len(after) == len(before) <= 15
    older = browser.get(at("deliveries", endpoint) + part.older).context["part"]
    assert [len(part.rows), len(older.rows)] == [50, 3]


def test_what_waits_and_what_was_given_up_can_be_asked_for_alone(
    browser: Browser, delivery: Delivery, endpoint: WebhookEndpoint
) -> None:
    rest = {"tenant": delivery.tenant, "endpoint": endpoint, "type": "prompt.created"}
    for status in (Delivery.EXHAUSTED, Delivery.QUARANTINED, Delivery.DELIVERED, Delivery.CANCELLED):
        Delivery.objects.create(**rest, event_id=new_id(), status=status, ended_at=timezone.now())
    found = {
        only: {each.status for each in browser.get(at("deliveries", endpoint), {"only": only}).context["part"].rows}
        for only in ("", "pending", "given-up", "<b>")
    }
    everything = {"pending", "exhausted", "quarantined", "delivered", "cancelled"}
    assert found == {
        "": everything,
        "pending": {"pending"},
        "given-up": {"exhausted", "quarantined"},
        "<b>": everything,
    }


def test_a_delivery_shows_its_body_and_every_attempt(browser: Browser, delivery: Delivery) -> None:
    attempted(delivery, 1, status=None, error="tls", excerpt="", seconds=0.1)
    attempted(delivery, 2, excerpt="x" * 4096)
    page = shown(browser.get(at("delivery", delivery)))
    assert '"prompt": "default:support"' in page
    assert f'"id": "{delivery.event_id}"' in page
    assert page.index("2 failed answered 500") < page.index("1 failed TLS failed")
    assert "x" * 4096 in page


def test_a_delivery_that_was_tried_very_often_shows_the_last_attempts(browser: Browser, delivery: Delivery) -> None:
    for number in range(1, 53):
        attempted(delivery, number)
    answer = browser.get(at("delivery", delivery))
    assert [each.number for each in answer.context["attempts"]] == list(range(52, 2, -1))
    assert "The last 50 of 52." in shown(answer)


def test_what_a_receiver_says_is_shown_as_text(browser: Browser, delivery: Delivery, endpoint: WebhookEndpoint) -> None:
    attempted(
        delivery, excerpt="<script>alert(1)</script> <a href=https://evil.example>log in</a> https://evil.example"
    )
    for address in (at("delivery", delivery), at("deliveries", endpoint), at("webhook", endpoint)):
        page = browser.get(address).content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;a href=https://evil.example&gt;" in page
        assert "<script>alert" not in page
        assert not re.search(r"<a [^>]*evil\.example", page)


def test_a_delivery_is_sent_again(browser: Browser, delivery: Delivery) -> None:
    ended(delivery, Delivery.EXHAUSTED)
    page = press(browser, at("redeliver", delivery))
    assert "It is sent again now, under the same id." in page
    delivery.refresh_from_db()
    assert delivery.status == Delivery.PENDING
    entry = AuditEntry.objects.get(verb="webhook.redelivered")
    assert (entry.via, entry.data["eventId"]) == ("console", str(delivery.event_id))


def test_what_cannot_be_sent_again_has_no_button(browser: Browser, delivery: Delivery, admin: Actor) -> None:
    button = at("redeliver", delivery)
    assert button in browser.get(at("delivery", delivery)).content.decode()
    endpoints.update_endpoint(delivery.endpoint, {"is_active": False}, by=admin)
    assert button not in browser.get(at("delivery", delivery)).content.decode()
    endpoints.update_endpoint(delivery.endpoint, {"is_active": True}, by=admin)
    OutboxEvent.objects.filter(pk=delivery.event_id).delete()
    page = browser.get(at("delivery", delivery)).content.decode()
    assert button not in page
    assert "The event is not kept any more" in page


def test_an_event_of_another_tenant_is_never_shown_as_a_body(browser: Browser, delivery: Delivery) -> None:
    foreign = factories.make_tenant("other")
    OutboxEvent.objects.filter(pk=delivery.event_id).update(tenant_id=UUID(str(foreign.pk)))
    assert "default:support" not in browser.get(at("delivery", delivery)).content.decode()


# ----------------------------------------------------------------------------- the start page
def test_the_start_page_says_what_fails_to_whoever_looks_after_it(
    browser: Browser, endpoint: WebhookEndpoint, admin: Actor, alice: Actor
) -> None:
    assert not alice.may("webhooks:write")
    assert "The webhook to" not in shown(browser.get("/admin/"))  # fills the chart's cache too
    with CaptureQueriesContext(connection) as before:
        browser.get("/admin/")
    WebhookEndpoint.objects.update(failing_since=dt.datetime(2026, 3, 2, 8, 30, tzinfo=dt.UTC))
    gone = endpoints.create_endpoint("https://8.8.8.8/", events=["*"], by=admin).endpoint
    sending.disable_endpoint(gone, reason="The receiver answered 410: it is gone.", by=admin)
    resting = endpoints.create_endpoint("https://1.1.1.1/", events=["*"], by=admin).endpoint
    endpoints.update_endpoint(resting, {"is_active": False}, by=admin)
    with CaptureQueriesContext(connection) as after:
        page = shown(browser.get("/admin/"))
    assert "The webhook to https://9.9.9.9 has only failed since 2026-03-02 08:30 UTC" in page
    assert "The webhook to https://8.8.8.8 was switched off: The receiver answered 410: it is gone." in page
    assert "1.1.1.1" not in page
    assert len(after) == len(before)
    assert "The webhook to" not in shown(logged_in(alice).get("/admin/"))
