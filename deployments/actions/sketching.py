"""Upkeep of what is known of metrics: closed hours get their sketches, closed days theirs; partitions come and go.

Nothing waits for it: an hour whose sketch is not there yet is read from its rows (deployments/measures.py).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from deployments import sketch
from deployments.models import Exposure, MetricDay, MetricRollup
from deployments.models.metrics import EXPOSURE

HOUR: Final = dt.timedelta(hours=1)
DAY: Final = dt.timedelta(days=1)
#: How long after its end an hour is taken to be whole.
LATE: Final = dt.timedelta(minutes=5)
#: How many hours are sketched before the days are looked at.
BATCH: Final = 50
_SHARES: Final = (0.5, 0.95, 0.99)


class Due(NamedTuple):
    """An hour of a prompt in which something was measured that is in no sketch yet."""

    tenant_id: UUID
    prompt_id: UUID
    hour: dt.datetime


def hours_waiting() -> int:
    """How many closed hours of prompts wait for their sketches, up to a hundred."""
    return len(_due(100))


def sketch_due(worker: str = "", goes_on: Callable[[], bool] = lambda: True) -> int:  # noqa: ARG001 -- as all work
    """Give closed hours their sketches, each once, and the days that are whole by it theirs.

    Returns how many hours of prompts it was. What comes in late makes an hour due again, for the next call.
    """
    done: set[Due] = set()
    while goes_on():
        found = [each for each in _due(BATCH + len(done)) if each not in done]
        touched: dict[tuple[UUID, dt.date], set[UUID]] = defaultdict(set)
        for due in found:
            subjects = sketch_hour(due)
            for day in (due.hour.date(), due.hour.date() - DAY):  # the one before ended without an hour of its own
                touched[due.tenant_id, day].update(subjects)
        for (tenant_id, day), touched_subjects in sorted(touched.items()):
            if day < timezone.now().date():
                _sketch_day(tenant_id, sorted(touched_subjects), day)
        done.update(found)
        if not found:
            break
    return len(done)


def _due(most: int) -> list[Due]:
    rows = MetricRollup.objects.filter(is_stale=True, hour__lt=_hour_of(timezone.now() - LATE))
    found = rows.order_by("hour", "tenant_id", "prompt_id").values_list("tenant_id", "prompt_id", "hour")
    return [Due(*each) for each in found.distinct()[:most]]


def _hour_of(at: dt.datetime) -> dt.datetime:
    return at.replace(minute=0, second=0, microsecond=0)


# ----------------------------------------------------------------------------- an hour
_Series = tuple[UUID, str, str]
_Row = tuple[Any, ...]
#: A series, how many values it has, the least of them and the greatest.
_Stale = tuple[_Series, int, float, float]


def sketch_hour(due: Due) -> set[UUID]:
    """Sketch the stale metrics of one hour of a prompt; returns whose they are: the prompt's, and its versions'.

    What comes in meanwhile changes the count, so that the sketch is not taken for one of all of it.
    """
    counts, stale = _counted(due)
    stale.sort()  # in the order in which they are ingested, so that nobody waits in a circle
    rows = [_sketched(due, series, counts[series], count, *ends) for series, count, *ends in stale]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            """
            UPDATE deployments_metricrollup SET sketch = %s, p50 = %s, p95 = %s, p99 = %s, is_stale = false
            WHERE tenant_id = %s AND subject_id = %s AND hour = %s AND type = %s AND name = %s AND count = %s
            """,
            rows,
        )
    return {subject for (subject, _, _), _, _, _ in stale}


def _counted(due: Due) -> tuple[dict[_Series, dict[int, int]], list[_Stale]]:
    """The buckets of every series of the hour, and which series are stale.

    Rows and hours in one statement, and so as they were at one moment.
    """
    counts: dict[_Series, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    stale: list[_Stale] = []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH buckets AS (
                SELECT version_id, type, name, deployments_bucket(value) AS bucket, count(*) AS count
                FROM deployments_metric
                WHERE tenant_id = %(tenant)s AND prompt_id = %(prompt)s AND at >= %(hour)s AND at < %(end)s
                GROUP BY 1, 2, 3, 4
            )
            SELECT version_id, type, name, bucket, count, NULL::float8, NULL::float8 FROM buckets
            UNION ALL
            SELECT subject_id, type, name, NULL, count, least, greatest FROM deployments_metricrollup
            WHERE tenant_id = %(tenant)s AND prompt_id = %(prompt)s AND hour = %(hour)s AND is_stale
            """,
            {"tenant": due.tenant_id, "prompt": due.prompt_id, "hour": due.hour, "end": due.hour + HOUR},
        )
        for subject, type_, name, bucket, count, least, greatest in cursor.fetchall():
            if bucket is None:
                stale.append(((subject, type_, name), count, least, greatest))
                continue
            counts[subject, type_, name][bucket] += count
            counts[due.prompt_id, type_, name][bucket] += count
    return counts, stale


def _sketched(due: Due, series: _Series, counts: sketch.Counts, count: int, *ends: float) -> _Row:
    subject, type_, name = series
    found = sketch.quantiles(counts, _SHARES, least=ends[0], greatest=ends[1])
    return (sketch.packed(counts), *found, due.tenant_id, subject, due.hour, type_, name, count)


# ----------------------------------------------------------------------------- a day
def _sketch_day(tenant_id: UUID, subjects: list[UUID], day: dt.date) -> None:
    """The sketches of a closed day, out of its hours', where all have theirs and the day's are not of all of them."""
    begin = dt.datetime.combine(day, dt.time(), dt.UTC)
    wanted = _days_wanted(tenant_id, subjects, day, begin)
    hours = MetricRollup.objects.filter(tenant_id=tenant_id, subject_id__in=sorted({each[0] for each in wanted}))
    hours = hours.filter(hour__gte=begin, hour__lt=begin + DAY, is_stale=False)
    sketches: dict[_Series, list[bytes]] = defaultdict(list)
    counts: dict[_Series, int] = defaultdict(int)
    for subject, type_, name, count, packed in hours.values_list("subject_id", "type", "name", "count", "sketch"):
        if (series := (subject, type_, name)) in wanted:
            sketches[series].append(bytes(packed or b""))
            counts[series] += count
    MetricDay.objects.bulk_create(
        (
            MetricDay(
                tenant_id=tenant_id,
                subject_id=series[0],
                day=day,
                type=series[1],
                name=series[2],
                count=counts[series],
                sketch=sketch.packed(sketch.merged(sketches[series])),
            )
            for series in sorted(sketches)
        ),
        update_conflicts=True,
        update_fields=["count", "sketch"],
        unique_fields=["tenant_id", "subject_id", "day", "type", "name"],
    )


def _days_wanted(tenant_id: UUID, subjects: list[UUID], day: dt.date, begin: dt.datetime) -> set[_Series]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT hours.subject_id, hours.type, hours.name FROM (
                SELECT subject_id, type, name, sum(count) AS count FROM deployments_metricrollup
                WHERE tenant_id = %s AND subject_id = ANY (%s) AND hour >= %s AND hour < %s AND type <> %s
                GROUP BY subject_id, type, name HAVING NOT bool_or(is_stale)
            ) hours
            LEFT JOIN deployments_metricday day ON (day.tenant_id, day.day) = (%s, %s)
                AND (day.subject_id, day.type, day.name) = (hours.subject_id, hours.type, hours.name)
            WHERE day.count IS DISTINCT FROM hours.count
            """,
            [tenant_id, subjects, begin, begin + DAY, EXPOSURE, tenant_id, day],
        )
        return {(subject, type_, name) for subject, type_, name in cursor.fetchall()}


# ----------------------------------------------------------------------------- partitions and age
class Partition(NamedTuple):
    """What was done about the partition of a day: `created` or `dropped`."""

    done: str
    name: str
    #: Rows that had waited for it in the default partition; None of one that was dropped.
    moved: int | None


def maintain_partitions() -> list[Partition]:
    """Make partitions ahead of time, and drop those whose days are over (METRICS_RAW_DAYS). Raises Unavailable."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM deployments_maintain_metrics(%s, %s)",
            [settings.METRICS_RAW_DAYS, settings.METRICS_DAYS_AHEAD],
        )
        return [Partition(*each) for each in cursor.fetchall()]


def purge_hours() -> int:
    """Forget hours, days and exposures that are over METRICS_DAYS old; returns how many of all."""
    before = _hour_of(timezone.now()) - settings.METRICS_DAYS * DAY
    hours, _ = MetricRollup.objects.filter(hour__lt=before).delete()
    days, _ = MetricDay.objects.filter(day__lt=before.date()).delete()
    exposures, _ = Exposure.objects.filter(first_at__lt=before).delete()
    return hours + days + exposures


def rows_without_partition() -> int:
    """How many raw rows lie in the default partition, up to a thousand: there should be none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM (SELECT 1 FROM deployments_metric_default LIMIT 1000) found")
        (count,) = cursor.fetchone()
        return int(count)
