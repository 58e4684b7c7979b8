"""What Prometheus is told of metrics, out of the database: the same from every process, and no tenant in it."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from deployments.actions import sketching


class _Measurements:
    """What upkeep should have done: both are 0 where all is well."""

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "pvc_metric_rows_without_partition",
            "Raw metrics that lie in no partition of a day, up to 1000.",
            sketching.rows_without_partition(),
        )
        yield GaugeMetricFamily(
            "pvc_metric_hours_to_sketch",
            "Closed hours of prompts that wait for their sketches, up to 100.",
            sketching.hours_waiting(),
        )


_registry = CollectorRegistry()
_registry.register(_Measurements())


def text() -> bytes:
    """In Prometheus' text format. Raises DatabaseError."""
    return generate_latest(_registry)
