"""Receivers that mean no good beside one that is well: it waits for none of them, and no worker grows."""

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from audit.models import OutboxEvent
from tenants.models import Actor
from tests import factories
from tests.processes import Process, wait_until, workers
from tests.webhooks.receivers import Outside, outside
from webhooks import worker
from webhooks.actions import endpoints, sending
from webhooks.models import Attempt, Delivery, WebhookEndpoint
from webhooks.room import FIRST

HEALTHY = "/ok"
HANGING = ("/tarpit", "/drip/0.2")
#: Who answers 200, and then sends more than anybody wants to read.
GREEDY = ("/bomb", "/endless")
EVENTS = 20


@pytest.fixture
def receiver(settings: Any, tmp_path: Path) -> Iterator[Outside]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with outside(tmp_path / "received.jsonl") as process:
        yield process


def subscribed(by: Actor, receiver: Outside, *paths: str) -> dict[str, WebhookEndpoint]:
    return {
        path: endpoints.create_endpoint(receiver.url(path), events=["prompt.created"], by=by).endpoint for path in paths
    }


def tell(by: Actor, count: int) -> None:
    """So many events, as verbs leave them."""
    OutboxEvent.objects.bulk_create(OutboxEvent(tenant_id=by.tenant.pk, type="prompt.created") for _ in range(count))


def test_the_healthy_one_has_everything_while_the_others_still_hang(admin: Actor, receiver: Outside) -> None:
    found = subscribed(admin, receiver, *HANGING, *GREEDY, HEALTHY)
    delivered = Delivery.objects.filter(endpoint=found[HEALTHY], status=Delivery.DELIVERED)
    hang = Attempt.objects.filter(delivery__endpoint__in=[found[path] for path in HANGING])

    def goes_on() -> bool:
        if delivered.count() < EVENTS and not hang.exists():
            return True
        receiver.break_off()
        return False

    tell(admin, EVENTS)
    sending.fan_out()
    worker.deliver_due("a worker", goes_on)
    assert delivered.count() == EVENTS, "the healthy one waited until the others were left"
    assert set(hang.values_list("error", flat=True)) == {"connect"}
    paths = [each.path for each in receiver.got()]
    assert [paths.count(path) for path in HANGING] == [FIRST] * len(HANGING)


def test_a_tenant_whose_receivers_all_hang_starves_no_other(admin: Actor, eve: Actor, receiver: Outside) -> None:
    """There are more of them than senders, and they have waited longer."""
    found = subscribed(eve, receiver, *(f"/tarpit/{number}" for number in range(worker.SENDERS + 1)))
    healthy = subscribed(admin, receiver, HEALTHY)[HEALTHY]
    delivered = Delivery.objects.filter(endpoint=healthy, status=Delivery.DELIVERED)
    hang = Attempt.objects.filter(delivery__endpoint__in=found.values())

    def goes_on() -> bool:
        if delivered.count() < EVENTS and not hang.exists():
            return True
        receiver.break_off()
        return False

    for by in (eve, admin):
        tell(by, EVENTS)
        sending.fan_out()
    worker.deliver_due("a worker", goes_on)
    assert delivered.count() == EVENTS, "the healthy one waited until the others were left"


@pytest.mark.parametrize("path", GREEDY)
def test_of_a_greedy_one_only_the_beginning_is_read(path: str, admin: Actor, receiver: Outside) -> None:
    found = subscribed(admin, receiver, path)
    tell(admin, 3)
    sending.fan_out()
    assert worker.deliver_due() == 3
    assert set(Delivery.objects.filter(endpoint=found[path]).values_list("status", flat=True)) == {Delivery.DELIVERED}
    for attempt in Attempt.objects.all():
        assert (attempt.status, len(attempt.excerpt) <= 4096) == (200, True)


# ----------------------------------------------------------------------------- the full figures
#: Events a second, and for how many seconds.
RATE, SECONDS = 50, 40


@pytest.mark.long
def test_the_healthy_one_waits_two_seconds_at_most_and_no_worker_grows(
    committed: None, receiver: Outside, tmp_path: Path
) -> None:
    by = factories.make_actor(factories.make_tenant())
    found = subscribed(by, receiver, "/tarpit", "/drip/9", *GREEDY, HEALTHY)
    with workers(2, tmp_path) as processes:
        tell(by, 1)
        wait_until(lambda: any(each.path == HEALTHY for each in receiver.got()), "the workers did not start")
        time.sleep(5)
        before = [memory_of(process) for process in processes]
        for _ in range(SECONDS * 5):
            tell(by, RATE // 5)
            time.sleep(0.2)
        waiting = Delivery.objects.filter(endpoint=found[HEALTHY], due_at__isnull=False)
        wait_until(lambda: not waiting.exists(), "the healthy one was not sent everything")
        time.sleep(16)
        grown = [memory_of(process) - old for process, old in zip(processes, before, strict=True)]
    latency = statistics.quantiles(latencies(by, receiver), n=100)
    hung = Attempt.objects.filter(tenant=by.tenant, error="timeout").values_list("seconds", flat=True)
    assert latency[94] <= 2, latency
    assert max(grown) <= 50 * 2**20, grown
    assert 15 <= max(hung) <= 16
    connections["default"].close()


def latencies(by: Actor, receiver: Outside) -> list[float]:
    """Seconds from each event's commit to its arrival at the healthy one, the first event left out."""
    told = dict(
        OutboxEvent.objects.filter(tenant_id=by.tenant.pk, type="prompt.created").values_list("id", "created_at")
    )
    began = {str(id_): at.timestamp() for id_, at in told.items()}
    return [each.at - began[each.id] for each in receiver.got() if each.path == HEALTHY][1:]


def memory_of(process: Process) -> int:
    """What a process has in memory, in bytes."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
