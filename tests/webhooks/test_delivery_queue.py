"""The deliveries that are due: taken for a while by one worker, and what comes late is refused."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from audit.models import OutboxEvent
from tenants.models import Actor
from webhooks import queue
from webhooks.actions import endpoints, sending
from webhooks.models import Attempt, Delivery, Tally, WebhookEndpoint
from webhooks.queue import Outcome, Taken


@pytest.fixture
def endpoint(admin: Actor, settings: Any) -> WebhookEndpoint:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    return endpoints.create_endpoint("http://127.0.0.1:9/", events=["prompt.created"], by=admin).endpoint


def tell(admin: Actor, count: int = 1) -> None:
    OutboxEvent.objects.bulk_create(OutboxEvent(tenant_id=admin.tenant.pk, type="prompt.created") for _ in range(count))
    sending.fan_out()


def lease_ends() -> None:
    """As if its time were over."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_delivery SET due_at = clock_timestamp() WHERE due_at IS NOT NULL")


def outcome(taken: Taken, status: str = Delivery.DELIVERED, **changes: Any) -> Outcome:
    usual = {"wait": None, "answered": 200, "error": "", "excerpt": "", "seconds": 0.1}
    return Outcome(taken, status, **{**usual, **changes})


def taken_one(endpoint: WebhookEndpoint) -> Taken:
    [taken] = queue.claim(endpoint.pk, 1)
    return taken


def test_what_one_worker_has_taken_another_does_not_get(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin, 3)
    assert len(queue.claim(endpoint.pk, 2)) == 2
    assert len(queue.claim(endpoint.pk, 2)) == 1
    assert queue.claim(endpoint.pk, 2) == []
    assert (queue.waiting(), queue.endpoints_with_work([])) == (0, [])


@pytest.mark.parametrize(
    "off", ["hashjoin, mergejoin, hashagg, sort, material", "nestloop, hashjoin", "mergejoin, nestloop"]
)
def test_no_more_than_there_is_room_for_whatever_the_planner_makes_of_it(
    admin: Actor, endpoint: WebhookEndpoint, off: str
) -> None:
    """A LIMIT in a subquery holds for each time that it is run, and a nested loop may run it for every row."""
    tell(admin, 9)
    with connection.cursor() as cursor:
        for method in off.split(", "):
            cursor.execute(f"SET LOCAL enable_{method} = off")
        assert [len(queue.claim(endpoint.pk, 2)) for _ in range(3)] == [2, 2, 2]


def test_a_lease_lasts_thirty_seconds_by_the_clock_of_the_database(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin)
    taken_one(endpoint)
    left = Delivery.objects.annotate(now=Now()).get()
    assert dt.timedelta(seconds=29) < left.due_at - left.now < dt.timedelta(seconds=40)  # type: ignore[attr-defined]


def test_the_longest_due_are_taken_first(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin, 5)
    last = Delivery.objects.order_by("-id").first()
    assert last is not None
    assert last.due_at is not None
    Delivery.objects.filter(pk=last.pk).update(due_at=last.due_at - dt.timedelta(hours=1))
    assert taken_one(endpoint).id == last.pk


def test_a_worker_that_comes_back_late_changes_nothing(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin)
    late = taken_one(endpoint)
    lease_ends()
    ours = taken_one(endpoint)
    assert queue.write_down([outcome(ours)]) == 1
    assert queue.write_down([outcome(late, Delivery.PENDING, wait=5.0, answered=500)]) == 0
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.tried, Attempt.objects.get().status) == (Delivery.DELIVERED, 1, 200)


def test_a_late_worker_is_refused_while_the_other_is_at_it(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin)
    late = taken_one(endpoint)
    lease_ends()
    taken_one(endpoint)
    assert queue.write_down([outcome(late)]) == 0
    assert Delivery.objects.get().status == Delivery.PENDING


def test_what_was_cancelled_meanwhile_stays_cancelled(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin)
    taken = taken_one(endpoint)
    endpoints.update_endpoint(endpoint, {"is_active": False}, by=admin)
    assert queue.write_down([outcome(taken)]) == 0
    assert Delivery.objects.get().status == Delivery.CANCELLED


def test_what_is_asked_for_again_meanwhile_is_sent_again(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin)
    taken = taken_one(endpoint)
    sending.redeliver(Delivery.objects.get(), by=admin)
    assert queue.write_down([outcome(taken)]) == 0
    assert queue.waiting() == 1


def test_each_attempt_is_written_down_and_counted(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin)
    failed = outcome(taken_one(endpoint), Delivery.PENDING, wait=5.0, answered=None, error="timeout")
    assert queue.write_down([failed]) == 1
    lease_ends()
    assert queue.write_down([outcome(taken_one(endpoint), excerpt="thank you")]) == 1
    tries = Attempt.objects.order_by("number").values_list("number", "status", "error", "excerpt")
    assert list(tries) == [(1, None, "timeout", ""), (2, 200, "", "thank you")]
    assert dict(Tally.objects.values_list("outcome", "attempts")) == {"timeout": 1, "2xx": 1}
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.tried, delivery.attempts, delivery.claims) == (Delivery.DELIVERED, 2, 2, 0)
    assert (delivery.due_at, delivery.ended_at is None) == (None, False)


def test_what_is_to_be_tried_again_is_due_when_its_wait_is_over(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin)
    queue.write_down([outcome(taken_one(endpoint), Delivery.PENDING, wait=300.0, answered=503)])
    delivery = Delivery.objects.annotate(now=Now()).get()
    wait = delivery.due_at - delivery.now  # type: ignore[attr-defined]
    assert dt.timedelta(seconds=299) < wait < dt.timedelta(seconds=310)
    assert (delivery.ended_at, queue.waiting()) == (None, 0)


def test_endpoints_with_work_are_found_but_for_those_that_are_full(admin: Actor, endpoint: WebhookEndpoint) -> None:
    other = endpoints.create_endpoint("http://127.0.0.1:9/other", events=["*"], by=admin).endpoint
    tell(admin)
    tenant = admin.tenant.pk
    assert set(queue.endpoints_with_work([])) == {(endpoint.pk, tenant), (other.pk, tenant)}
    assert queue.endpoints_with_work([endpoint.pk]) == [(other.pk, tenant)]


def test_who_has_waited_longest_comes_first(admin: Actor, endpoint: WebhookEndpoint) -> None:
    tell(admin)
    other = endpoints.create_endpoint("http://127.0.0.1:9/other", events=["*"], by=admin).endpoint
    tell(admin)
    Delivery.objects.filter(endpoint=other).update(due_at=Now() - dt.timedelta(hours=1))
    assert [each.endpoint_id for each in queue.endpoints_with_work([])] == [other.pk, endpoint.pk]
