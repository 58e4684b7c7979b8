"""What a worker does about deliveries that are due.

One thread asks the database and writes to it; others do nothing but wait for receivers. Each endpoint has as much room
as it has earned: a slow one holds a few senders and starves nobody, nor does a tenant with many of them.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

import structlog
from django.utils import timezone

from audit.models import OutboxEvent
from pvc import outbound, standard_webhooks
from webhooks import queue, schedule
from webhooks.actions import sending
from webhooks.message import body_of
from webhooks.models import Delivery, WebhookEndpoint
from webhooks.queue import Outcome, Taken
from webhooks.room import Room

logger = structlog.get_logger(__name__)

SENDERS: Final = 32
#: How long to wait for an answer before looking for other work, in seconds.
GLANCE: Final = 0.1
GONE: Final = 410


def deliver_due(worker: str = "", goes_on: Callable[[], bool] = lambda: True) -> int:
    """Send what is due until nothing is, and nothing is on its way. Returns how many attempts there were."""
    with structlog.contextvars.bound_contextvars(worker=worker), ThreadPoolExecutor(SENDERS, "sender") as pool:
        return _Round(pool).run(goes_on)


class _Round:
    """What is on its way: which attempt each sender is at, and how much room each endpoint has."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.room = Room(SENDERS)
        self.flying: dict[Future[Outcome], Taken] = {}
        self.count = 0

    def run(self, goes_on: Callable[[], bool]) -> int:
        while (goes_on() and self._begin()) or self.flying:
            done, _ = wait(self.flying, GLANCE, FIRST_COMPLETED)
            self._end(done)
        return self.count

    def _begin(self) -> bool:
        """Take what there is room for, and send it; whether there was something."""
        taken: list[Taken] = []
        if self.room.left:
            for waiting in queue.endpoints_with_work(self.room.full):
                if most := self.room.for_(*waiting):
                    found = queue.claim(waiting.endpoint_id, most)
                    self.room.took(*waiting, len(found))
                    taken += found
        if taken:
            self._send(taken)
        return bool(taken)

    def _send(self, taken: list[Taken]) -> None:
        endpoints = WebhookEndpoint.objects.in_bulk({each.endpoint_id for each in taken})
        events = OutboxEvent.objects.in_bulk({each.event_id for each in taken})
        for each in taken:
            endpoint, event = endpoints.get(each.endpoint_id), events.get(each.event_id)
            self.flying[self.pool.submit(_tried, each, endpoint, event)] = each
        self.count += len(taken)

    def _end(self, done: Iterable[Future[Outcome]]) -> None:
        outcomes = [outcome for each in done if (outcome := self._landed(each))]
        if not outcomes:
            return
        queue.write_down(outcomes)
        for outcome in outcomes:
            went_well = outcome.status == Delivery.DELIVERED
            self.room.came_back(outcome.taken.endpoint_id, quickly=went_well and outcome.seconds < 1)
        sending.note_health(outcomes)

    def _landed(self, flight: Future[Outcome]) -> Outcome | None:
        """What came of it. One that broke in a way nobody foresaw harms no other: its row comes due when its lease
        ends, and is given up after some.
        """
        taken = self.flying.pop(flight)
        if fault := flight.exception():
            logger.error("attempt broke", delivery=str(taken.id), exc_info=fault)
            self.room.came_back(taken.endpoint_id, quickly=False)
            return None
        return flight.result()


def _tried(taken: Taken, endpoint: WebhookEndpoint | None, event: OutboxEvent | None) -> Outcome:
    """An attempt, where there is one to make. Asks nothing of the database."""
    if endpoint is None or event is None or not endpoint.is_active:
        return _without_attempt(taken, Delivery.CANCELLED)
    if taken.claims > queue.MOST_CLAIMS:
        return _without_attempt(taken, Delivery.QUARANTINED)
    body = body_of(event, endpoint.kind)
    return _attempted(taken, endpoint.url, body, signed(endpoint, event, body))


def signed(endpoint: WebhookEndpoint, event: OutboxEvent, body: bytes) -> dict[str, str]:
    """The headers of one attempt: signed anew each time, under the same id."""
    return {
        "Content-Type": "application/json",
        "X-Event-Id": str(event.pk),
        "X-Event-Type": event.type,
        **standard_webhooks.headers(endpoint.signers, message_id=str(event.pk), timestamp=int(time.time()), body=body),
    }


def _attempted(taken: Taken, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
    began = time.monotonic()
    try:
        answer = outbound.post(url, body, headers)
    except outbound.Unreachable as failed:
        return _after(taken, None, failed.kind, "", time.monotonic() - began, None)
    asked = schedule.asked_to_wait(answer.retry_after, now=timezone.now())
    return _after(taken, answer.status, "", outbound.text_of(answer.excerpt), answer.seconds, asked)


def _after(
    taken: Taken, status: int | None, error: str, excerpt: str, seconds: float, retry_after: float | None
) -> Outcome:
    """Where the delivery stands after this attempt."""
    if status is not None and 200 <= status < 300:
        return Outcome(taken, Delivery.DELIVERED, None, status, error, excerpt, seconds)
    wait_ = None if status == GONE else schedule.wait_after(taken.attempts + 1, retry_after=retry_after)
    stands = Delivery.EXHAUSTED if wait_ is None else Delivery.PENDING
    return Outcome(taken, stands, wait_, status, error, excerpt, seconds)


def _without_attempt(taken: Taken, status: str) -> Outcome:
    return Outcome(taken, status, None, None, "", "", 0.0)
