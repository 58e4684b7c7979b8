"""What a worker does about deliveries: sent, tried again, given up, left alone; and every message verifies."""

import base64
import datetime as dt
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from audit.models import AuditEntry, AuditHead, OutboxEvent
from tenants.models import Actor
from tests.pvc.receivers import OK, Behaviour, Receiver, answering, receiving
from webhooks import queue, schedule, worker
from webhooks.actions import endpoints, sending
from webhooks.actions.endpoints import Subscribed
from webhooks.models import STANDARD, Attempt, Delivery, WebhookEndpoint

GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n"


@pytest.fixture(autouse=True)
def _loopback_may_be_called(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True


@pytest.fixture
def healthy() -> Iterator[Receiver]:
    with receiving(answering(OK)) as receiver:
        yield receiver


def subscribe(by: Actor, url: str, *events: str, kind: str = STANDARD) -> Subscribed:
    return endpoints.create_endpoint(url, events=events or ("prompt.created",), kind=kind, by=by)


def tell(by: Actor, count: int = 1) -> None:
    """So many events, as verbs leave them."""
    OutboxEvent.objects.bulk_create(
        OutboxEvent(tenant_id=by.tenant.pk, type="prompt.created", data={"name": f"Größe {number}"})
        for number in range(count)
    )


def work() -> int:
    """What workers do until nothing is due; how many attempts that were."""
    sending.fan_out()
    return worker.deliver_due("a worker")


def waits_are_over() -> None:
    """As if the time of every wait and every lease had passed."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_delivery SET due_at = clock_timestamp() WHERE due_at IS NOT NULL")


def statuses(endpoint: WebhookEndpoint) -> list[str]:
    return list(Delivery.objects.filter(endpoint=endpoint).order_by("id").values_list("status", flat=True))


def parts_of(request: bytes) -> tuple[dict[str, str], bytes]:
    """The headers, by their names in small letters, and the body."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


# ----------------------------------------------------------------------------- what arrives
def test_every_event_arrives_once_and_verifies(admin: Actor, healthy: Receiver) -> None:
    made = subscribe(admin, healthy.url())
    tell(admin, 100)
    assert work() == 100
    got = [parts_of(each) for each in healthy.requests]
    for headers, body in got:
        Webhook(made.secret.standard_text).verify(body, headers)
    events = OutboxEvent.objects.filter(tenant_id=admin.tenant.pk, type="prompt.created")
    assert sorted(headers["webhook-id"] for headers, _ in got) == sorted(str(each.pk) for each in events)
    assert {json.loads(body)["id"] for _, body in got} == {headers["webhook-id"] for headers, _ in got}


def test_an_attempt_after_the_first_has_the_same_id_and_body_and_a_signature_of_its_own(
    admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [BUSY + b"\r\n", OK]
    with receiving(lambda connection: connection.sendall(answers.pop(0))) as receiver:
        made = subscribe(admin, receiver.url())
        tell(admin)
        work()
        waits_are_over()
        later = worker.time.time() + 60  # type: ignore[attr-defined]
        monkeypatch.setattr("webhooks.worker.time.time", lambda: later)
        work()
    (first, body), (second, again) = map(parts_of, receiver.requests)
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert int(second["webhook-timestamp"]) >= int(first["webhook-timestamp"]) + 60
    assert first["webhook-signature"] != second["webhook-signature"]
    Webhook(made.secret.standard_text).verify(again, second)


def test_during_a_rotation_every_message_verifies_with_either_secret(admin: Actor, healthy: Receiver) -> None:
    made = subscribe(admin, healthy.url())
    tell(admin, 10)
    sending.fan_out()
    rotated = endpoints.rotate_secret(made.endpoint, by=admin)
    work()
    assert len(healthy.requests) == 10
    for headers, body in map(parts_of, healthy.requests):
        Webhook(made.secret.standard_text).verify(body, headers)
        Webhook(rotated.secret.standard_text).verify(body, headers)


def test_a_day_after_a_rotation_the_old_secret_signs_no_more(admin: Actor, healthy: Receiver) -> None:
    made = subscribe(admin, healthy.url())
    rotated = endpoints.rotate_secret(made.endpoint, by=admin)
    WebhookEndpoint.objects.update(previous_until=timezone.now())
    tell(admin)
    work()
    [(headers, body)] = map(parts_of, healthy.requests)
    Webhook(rotated.secret.standard_text).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret.standard_text).verify(body, headers)


def bits_flipped(data: bytes) -> Iterator[bytes]:
    """`data` with one bit turned, for each of its bits."""
    for position in range(len(data) * 8):
        turned = bytearray(data)
        turned[position // 8] ^= 1 << position % 8
        yield bytes(turned)


def test_one_flipped_bit_anywhere_does_not_verify(admin: Actor, healthy: Receiver) -> None:
    made = subscribe(admin, healthy.url())
    tell(admin)
    work()
    [(headers, body)] = map(parts_of, healthy.requests)
    receiver = Webhook(made.secret.standard_text)
    version, _, signature = headers["webhook-signature"].partition(",")
    forged = [(headers, turned) for turned in bits_flipped(body)]
    for name in ("webhook-id", "webhook-timestamp"):
        forged += [
            ({**headers, name: turned.decode("latin-1")}, body) for turned in bits_flipped(headers[name].encode())
        ]
    forged += [
        ({**headers, "webhook-signature": f"{version},{base64.b64encode(turned).decode()}"}, body)
        for turned in bits_flipped(base64.b64decode(signature))
    ]
    assert len(forged) == (len(body) + 36 + 10 + 32) * 8
    taken = [each for each in forged if verifies(receiver, *each)]
    assert (taken, verifies(receiver, headers, body)) == ([], True)


def verifies(receiver: Webhook, headers: dict[str, str], body: bytes) -> bool:
    try:
        receiver.verify(body, headers)
    except (WebhookVerificationError, ValueError):
        return False
    return True


# ----------------------------------------------------------------------------- what fails
@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_what_is_not_2xx_is_tried_again(status: int, admin: Actor, healthy: Receiver) -> None:
    location = f"Location: {healthy.url()}\r\n".encode()
    with receiving(answering(b"HTTP/1.1 %d No\r\n%bContent-Length: 0\r\n\r\n" % (status, location))) as receiver:
        made = subscribe(admin, receiver.url())
        tell(admin)
        work()
    assert (statuses(made.endpoint), Attempt.objects.get().status) == ([Delivery.PENDING], status)
    assert healthy.requests == [], "a redirect was followed"


def test_after_ten_attempts_it_is_given_up(admin: Actor) -> None:
    with receiving(answering(BUSY + b"\r\n")) as receiver:
        made = subscribe(admin, receiver.url())
        tell(admin)
        for _ in range(12):
            work()
            waits_are_over()
    assert (statuses(made.endpoint), len(receiver.requests)) == ([Delivery.EXHAUSTED], schedule.ATTEMPTS)
    assert len({parts_of(each)[0]["webhook-id"] for each in receiver.requests}) == 1


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("7200", 7_199, 7_200),
        ("99999999999999999999", 86_399, 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_399, 86_400),
        ("-7200", 3, 6.01),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 3, 6.01),
        ("Fri, 31 Dec 9999 23:59:59 -1200", 3, 6.01),
        ("Fri, 99999999999999999999 Dec 2026 23:59:59 GMT", 3, 6.01),
    ],
    ids=["seconds", "absurd", "far date", "negative", "past date", "date past all dates", "no day"],
)
def test_retry_after_lengthens_the_wait_to_a_day_at_most(said: str, least: float, most: float, admin: Actor) -> None:
    with receiving(answering(BUSY + f"Retry-After: {said}\r\n\r\n".encode())) as receiver:
        subscribe(admin, receiver.url())
        tell(admin)
        began = timezone.now()
        work()
        ended = timezone.now()
    due = Delivery.objects.get().due_at
    assert due is not None
    assert due > began + dt.timedelta(seconds=least)
    assert due <= ended + dt.timedelta(seconds=most)


def test_410_switches_the_endpoint_off_and_says_so(admin: Actor, healthy: Receiver) -> None:
    with receiving(answering(GONE)) as receiver:
        gone = subscribe(admin, receiver.url()).endpoint
        subscribe(admin, healthy.url(), "endpoint.disabled")
        tell(admin)
        work()
        tell(admin)
        work()
    gone.refresh_from_db()
    assert (gone.is_active, gone.disabled_reason) == (False, "The receiver answered 410: it is gone.")
    assert (statuses(gone), len(receiver.requests)) == ([Delivery.EXHAUSTED], 1)
    [(_, body)] = map(parts_of, healthy.requests)
    told = json.loads(body)
    assert (told["type"], told["data"]["endpointId"]) == ("endpoint.disabled", str(gone.pk))
    assert AuditEntry.objects.filter(tenant_id=admin.tenant.pk, verb="webhook.disabled").count() == 1


@pytest.mark.parametrize(("days", "stays"), [(4.99, True), (5.01, False)])
def test_five_days_of_nothing_but_failures_switch_it_off(days: float, stays: bool, admin: Actor) -> None:
    with receiving(answering(BUSY + b"\r\n")) as receiver:
        made = subscribe(admin, receiver.url())
        tell(admin)
        work()
        WebhookEndpoint.objects.update(failing_since=timezone.now() - dt.timedelta(days=days))
        waits_are_over()
        work()
    made.endpoint.refresh_from_db()
    assert made.endpoint.is_active is stays
    assert statuses(made.endpoint) == [Delivery.PENDING if stays else Delivery.CANCELLED]
    assert OutboxEvent.objects.filter(tenant_id=admin.tenant.pk, type="endpoint.disabled").count() == (not stays)


def test_one_success_and_the_days_are_counted_anew(admin: Actor, healthy: Receiver) -> None:
    made = subscribe(admin, healthy.url())
    WebhookEndpoint.objects.update(failing_since=timezone.now() - dt.timedelta(days=6))
    tell(admin)
    work()
    made.endpoint.refresh_from_db()
    assert (made.endpoint.is_active, made.endpoint.failing_since) == (True, None)


def test_a_tenant_whose_log_is_broken_stops_nobody_else(admin: Actor, eve: Actor, healthy: Receiver) -> None:
    with receiving(answering(GONE)) as receiver:
        gone, made = subscribe(admin, receiver.url()).endpoint, subscribe(eve, healthy.url())
        AuditHead.objects.filter(tenant_id=admin.tenant.pk).update(mac=bytes(32))
        tell(admin)
        tell(eve, 40)
        work()
    gone.refresh_from_db()
    assert (gone.is_active, statuses(gone)) == (True, [Delivery.EXHAUSTED])
    assert statuses(made.endpoint) == [Delivery.DELIVERED] * 40


# ----------------------------------------------------------------------------- what is given up, and what waits
def test_what_three_workers_did_not_come_back_from_is_quarantined(admin: Actor, healthy: Receiver) -> None:
    made = subscribe(admin, healthy.url())
    tell(admin)
    sending.fan_out()
    for _ in range(queue.MOST_CLAIMS):
        assert len(queue.claim(made.endpoint.pk, 1)) == 1
        waits_are_over()
    tell(admin)
    work()
    assert (statuses(made.endpoint), len(healthy.requests)) == ([Delivery.QUARANTINED, Delivery.DELIVERED], 1)


def test_one_that_cannot_be_sent_is_quarantined_and_harms_no_other(admin: Actor, healthy: Receiver) -> None:
    """Its secret does not open."""
    broken, made = subscribe(admin, healthy.url("127.0.0.2")), subscribe(admin, healthy.url())
    WebhookEndpoint.objects.filter(pk=broken.endpoint.pk).update(sealed_secret="12345678:AAAA")
    tell(admin, 5)
    for _ in range(queue.MOST_CLAIMS + 1):
        work()
        waits_are_over()
    assert statuses(broken.endpoint) == [Delivery.QUARANTINED] * 5
    assert statuses(made.endpoint) == [Delivery.DELIVERED] * 5
    assert set(Delivery.objects.filter(endpoint=made.endpoint).values_list("token", flat=True)) == {1}


def test_what_is_on_its_way_to_an_endpoint_that_is_off_is_cancelled(admin: Actor, healthy: Receiver) -> None:
    made = subscribe(admin, healthy.url())
    tell(admin)
    sending.fan_out()
    WebhookEndpoint.objects.update(is_active=False)
    work()
    assert (statuses(made.endpoint), healthy.requests) == ([Delivery.CANCELLED], [])
    assert Attempt.objects.count() == 0


def test_the_deliveries_of_a_suspended_tenant_wait_for_its_return(admin: Actor, healthy: Receiver) -> None:
    made = subscribe(admin, healthy.url())
    tell(admin)
    admin.tenant.is_suspended = True
    admin.tenant.save()
    work()
    assert (statuses(made.endpoint), healthy.requests) == ([Delivery.PENDING], [])
    admin.tenant.is_suspended = False
    admin.tenant.save()
    work()
    assert (statuses(made.endpoint), len(healthy.requests)) == ([Delivery.DELIVERED], 1)


def test_a_worker_that_stops_ends_what_it_has_begun_and_begins_no_more(admin: Actor, healthy: Receiver) -> None:
    made = subscribe(admin, healthy.url())
    tell(admin, 20)
    sending.fan_out()
    answers = iter([True, False])
    count = worker.deliver_due("a worker", lambda: next(answers, False))
    assert count == len(healthy.requests) == statuses(made.endpoint).count(Delivery.DELIVERED)
    assert 0 < count < 20
    assert queue.waiting() == 20 - count


def test_who_hangs_holds_nobody_else(admin: Actor, healthy: Receiver) -> None:
    """The healthy one's are all there while the other still has not answered the first of its own."""
    answer = threading.Event()

    def hang(connection: Any) -> None:
        answer.wait(10)
        connection.sendall(OK)

    hanging: Behaviour = hang
    with receiving(hanging) as tarpit:
        slow, made = subscribe(admin, tarpit.url()), subscribe(admin, healthy.url())
        tell(admin, 50)
        sending.fan_out()
        watcher = threading.Thread(target=_set_when, args=(answer, healthy, 50))
        watcher.start()
        worker.deliver_due("a worker", lambda: not answer.is_set())
        watcher.join()
    assert answer.is_set(), "the healthy one waited for the other"
    assert statuses(made.endpoint) == [Delivery.DELIVERED] * 50
    assert 0 < len(tarpit.requests) <= 2
    assert statuses(slow.endpoint).count(Delivery.PENDING) == 50 - len(tarpit.requests)


def _set_when(event: threading.Event, receiver: Receiver, count: int) -> None:
    for _ in range(900):
        if len(receiver.requests) >= count:
            event.set()
            return
        threading.Event().wait(0.01)
