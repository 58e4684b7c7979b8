"""Several ingests at one time: no item is lost, no session is counted twice, and none stands in another's way."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

from deployments import sketch
from deployments.actions import sketching
from deployments.models import Exposure, Metric, MetricRollup
from tests.deployments import split_ground
from tests.deployments.measuring import ingest, item

ROUNDS = 3


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What each of them gives, called from threads that set off together."""
    barrier, answers = threading.Barrier(len(calls)), [None for _ in calls]

    def run(place: int) -> None:
        try:
            barrier.wait()
            answers[place] = calls[place]()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_calls_at_once_lose_no_item_and_count_no_session_twice(committed: None) -> None:
    """Each sends the same sessions, half of them in the other order."""
    split = split_ground.lay()
    deployment, key = split.made(50, 50), split.client
    mine = {"deploymentId": deployment["id"]}
    sent = [item(split.id(1 + number % 2), number, sessionId=f"s-{number}", **mine) for number in range(40)]

    def call(turn: int) -> list[int]:
        return [ingest(key, *(sent if turn % 2 else sent[::-1])).status_code for _ in range(ROUNDS)]

    assert at_once([lambda turn=turn: call(turn) for turn in range(4)]) == [[201] * ROUNDS] * 4  # type: ignore[misc]
    assert Metric.objects.filter(tenant_id=split.admin.tenant.pk).count() == 4 * ROUNDS * 40
    for each in deployment["variants"]:
        rows = MetricRollup.objects.filter(subject_id=each["id"])
        met = {name: sum(row.count for row in rows.filter(type="exposure", name=name)) for name in ("met", "first")}
        assert met == {"met": 20, "first": 20}
        assert sum(row.count for row in rows.filter(type="latency")) == 4 * ROUNDS * 20
        assert Exposure.objects.filter(variant_id=each["id"]).count() == 20
    whole = MetricRollup.objects.filter(subject_id=split.prompt.pk)
    assert sum(row.count for row in whole) == 4 * ROUNDS * 40
    assert sum(row.total for row in whole) == 4 * ROUNDS * sum(range(40))


def test_what_comes_in_while_an_hour_is_sketched_is_in_no_sketch_unseen(committed: None) -> None:
    """The hour stays due, or has all of it: a sketch never stands for a count that it does not hold."""
    split = split_ground.lay()
    key = split.client
    for _ in range(ROUNDS):
        ingest(key, *(item(split.id(1), value) for value in range(50)))
        hours = {row.hour for row in MetricRollup.objects.filter(subject_id=split.prompt.pk)}
        dues = [sketching.Due(split.admin.tenant.pk, split.prompt.pk, hour) for hour in sorted(hours)]
        calls: list[Callable[[], Any]] = [lambda: ingest(key, *(item(split.id(1), value) for value in range(50)))] * 2
        calls += [lambda: [sketching.sketch_hour(due) for due in dues]] * 2  # noqa: B023 — called in this round
        at_once(calls)
        for row in MetricRollup.objects.filter(tenant_id=split.admin.tenant.pk, is_stale=False):
            assert sum(sketch.merged([bytes(row.sketch or b"")]).values()) == row.count
