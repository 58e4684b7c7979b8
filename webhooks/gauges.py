"""What Prometheus is told of deliveries, out of the database: the same from every process, and no tenant in it."""

from collections.abc import Iterator

from django.db import connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from webhooks.models import Tally


class _Deliveries:
    """How many wait, how long the oldest has, and what came of the attempts there ever were."""

    def collect(self) -> Iterator[Metric]:
        waiting, oldest = _waiting()
        yield GaugeMetricFamily("pvc_webhook_pending", "Deliveries that are to be tried, now or later.", waiting)
        yield GaugeMetricFamily(
            "pvc_webhook_oldest_due_seconds", "How long the delivery has been due that has waited longest.", oldest
        )
        attempts = CounterMetricFamily("pvc_webhook_attempts", "Attempts to deliver.", labels=["outcome"])
        for tally in Tally.objects.order_by("outcome"):
            attempts.add_metric([tally.outcome], tally.attempts)
        yield attempts


def _waiting() -> tuple[int, float]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), coalesce(extract(epoch FROM greatest(interval '0', clock_timestamp() - min(due_at))), 0)
            FROM webhooks_delivery WHERE due_at IS NOT NULL
            """
        )
        count, oldest = cursor.fetchone()
        return int(count), float(oldest)


_registry = CollectorRegistry()
_registry.register(_Deliveries())


def text() -> bytes:
    """In Prometheus' text format. Raises DatabaseError."""
    return generate_latest(_registry)
