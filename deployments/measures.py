"""How a prompt or a version does: a summary and a series, out of what is kept by the hour.

What it costs goes by the hours asked for, and not by how much was measured in them: counts and sums are the hours' own,
and quantiles come from the sketches of closed days and closed hours. Only of hours whose sketch is not there yet, which
is mostly the present one, the rows themselves are counted.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.utils import timezone

from deployments import sketch
from deployments.models import MetricDay, MetricRollup
from deployments.models.metrics import TYPES

MOST_HOURS: Final = 8_760
_HOUR: Final = dt.timedelta(hours=1)
_DAY: Final = dt.timedelta(days=1)
_EPOCH: Final = dt.date(1970, 1, 1)

#: One metric: its type and its name.
Metric = tuple[str, str]


@dataclass(slots=True)
class Hour:
    """An hour of one metric; its quantiles are None while its sketch is not there."""

    #: Since 1970: a number, since there are thousands, and most are only added up.
    hour: int
    type: str
    name: str
    unit: str
    count: int
    total: float
    least: float
    greatest: float
    is_stale: bool
    p50: float | None
    p95: float | None

    @property
    def metric(self) -> Metric:
        return self.type, self.name

    @property
    def start(self) -> dt.datetime:
        return _start_of(self.hour)

    @property
    def day(self) -> int:
        """Since 1970."""
        return self.hour // 24

    def as_dict(self) -> dict[str, Any]:
        """As the series shows it."""
        return {
            "start": self.start,
            "type": self.type,
            "name": self.name,
            "count": self.count,
            "mean": self.total / self.count,
            "p50": self.p50,
            "p95": self.p95,
        }


class Subject(NamedTuple):
    """Whose measurements they are: a prompt's, or one version's."""

    tenant_id: UUID
    id: UUID
    is_version: bool


class Measures(NamedTuple):
    """What is told of a subject: {type: {name: figures}}, and its hours."""

    summary: dict[str, dict[str, dict[str, Any]]]
    series: list[Hour]


def since(hours: int) -> dt.datetime:
    """Where so many hours begin: at the start of the hour that was so long ago."""
    return (timezone.now() - hours * _HOUR).replace(minute=0, second=0, microsecond=0)


def measures_of(subject: Subject, start: dt.datetime, type_: str | None = None) -> Measures:
    """All that was measured from `start` on, the start of an hour, or of one type alone."""
    hours = _hours(subject, start, type_)
    fresh = _counted_anew(subject, {each.hour for each in hours if each.is_stale}, type_)
    series = [_completed(each, fresh[each.hour, each.metric]) if each.is_stale else each for each in hours]
    by_metric: dict[Metric, list[Hour]] = defaultdict(list)
    for each in series:
        by_metric[each.metric].append(each)
    counts = _counts(subject, hours, start, fresh)
    summary: dict[str, dict[str, dict[str, Any]]] = {}
    for metric in sorted(by_metric):
        summary.setdefault(metric[0], {})[metric[1]] = _figures(by_metric[metric], counts[metric])
    return Measures(summary, series)


def _hours(subject: Subject, start: dt.datetime, type_: str | None) -> list[Hour]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT extract(epoch FROM hour)::bigint / 3600, type, name, unit, count, total, least, greatest, is_stale,
                p50, p95
            FROM deployments_metricrollup
            WHERE tenant_id = %s AND subject_id = %s AND hour >= %s AND type = ANY (%s) ORDER BY hour, type, name
            """,
            [subject.tenant_id, subject.id, start, _types(type_)],
        )
        return [Hour(*row) for row in cursor.fetchall()]


def _start_of(hour: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(hour * 3600, dt.UTC)


def _number_of(start: dt.datetime) -> int:
    return int(start.timestamp()) // 3600


def _completed(hour: Hour, counts: sketch.Counts) -> Hour:
    p50, p95 = sketch.quantiles(counts, (0.5, 0.95), least=hour.least, greatest=hour.greatest)
    return replace(hour, p50=p50, p95=p95)


def _figures(hours: Sequence[Hour], counts: sketch.Counts) -> dict[str, Any]:
    count, total = sum(each.count for each in hours), sum(each.total for each in hours)
    least, greatest = min(each.least for each in hours), max(each.greatest for each in hours)
    p50, p95, p99 = sketch.quantiles(counts, (0.5, 0.95, 0.99), least=least, greatest=greatest)
    return {
        "count": count,
        "mean": total / count,
        "min": least,
        "max": greatest,
        "sum": total,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "unit": hours[-1].unit,
    }


# ----------------------------------------------------------------------------- counts by bucket
_ByHour = dict[tuple[int, Metric], dict[int, int]]


def _counted_anew(subject: Subject, hours: Iterable[int], type_: str | None) -> _ByHour:
    """The buckets of these hours, from their rows."""
    counts: _ByHour = defaultdict(dict)
    with connection.cursor() as cursor:
        for first, end in _stretches(hours):
            given: list[Any] = [subject.tenant_id, subject.id, _start_of(first), _start_of(end), _types(type_)]
            if subject.is_version:
                cursor.execute(
                    """
                    SELECT floor(extract(epoch FROM at) / 3600)::bigint, type, name, deployments_bucket(value), count(*)
                    FROM deployments_metric
                    WHERE tenant_id = %s AND version_id = %s AND at >= %s AND at < %s AND type = ANY (%s)
                    GROUP BY 1, 2, 3, 4
                    """,
                    given,
                )
            else:
                cursor.execute(
                    """
                    SELECT floor(extract(epoch FROM at) / 3600)::bigint, type, name, deployments_bucket(value), count(*)
                    FROM deployments_metric
                    WHERE tenant_id = %s AND prompt_id = %s AND at >= %s AND at < %s AND type = ANY (%s)
                    GROUP BY 1, 2, 3, 4
                    """,
                    given,
                )
            for hour, kind, name, bucket, count in cursor.fetchall():
                counts[hour, (kind, name)][bucket] = count
    return counts


def _stretches(hours: Iterable[int]) -> list[tuple[int, int]]:
    """Hours that follow each other, as from and to: the database then knows which partitions it needs."""
    found: list[tuple[int, int]] = []
    for hour in sorted(hours):
        if found and found[-1][1] == hour:
            found[-1] = (found[-1][0], hour + 1)
        else:
            found.append((hour, hour + 1))
    return found


def _counts(
    subject: Subject, hours: Sequence[Hour], start: dt.datetime, fresh: _ByHour
) -> dict[Metric, dict[int, int]]:
    """The buckets of all these hours together: of whole days where they hold, else of hours."""
    counts: dict[Metric, dict[int, int]] = defaultdict(dict)
    covered = _days_into(counts, subject, hours, start)
    left = [each for each in hours if (each.metric, each.day) not in covered]
    wanted = {(each.hour, each.metric) for each in left if not each.is_stale}
    kept = MetricRollup.objects.filter(tenant_id=subject.tenant_id, subject_id=subject.id, is_stale=False)
    kept = kept.filter(hour__in=[_start_of(each) for each in sorted({hour for hour, _ in wanted})])
    for hour, type_, name, packed in kept.values_list("hour", "type", "name", "sketch"):
        if (_number_of(hour), (type_, name)) in wanted:
            sketch.merged([bytes(packed or b"")], into=counts[type_, name])
    for each in left:
        if each.is_stale:
            _add(counts[each.metric], fresh[each.hour, each.metric])
    return counts


def _days_into(
    counts: dict[Metric, dict[int, int]], subject: Subject, hours: Sequence[Hour], start: dt.datetime
) -> set[tuple[Metric, int]]:
    """Add the sketches of days that hold all that their hours do; says which days of which metric those are."""
    measured: dict[tuple[Metric, int], int] = defaultdict(int)
    for each in hours:
        measured[each.metric, each.day] += each.count
    first = start.date() if start.hour == 0 else start.date() + _DAY
    kept = MetricDay.objects.filter(tenant_id=subject.tenant_id, subject_id=subject.id, day__gte=first)
    covered: set[tuple[Metric, int]] = set()
    for day, type_, name, count, packed in kept.values_list("day", "type", "name", "count", "sketch"):
        key = ((type_, name), (day - _EPOCH).days)
        if measured.get(key) == count:
            sketch.merged([bytes(packed)], into=counts[type_, name])
            covered.add(key)
    return covered


def _add(counts: dict[int, int], more: sketch.Counts) -> None:
    for bucket, count in more.items():
        counts[bucket] = counts.get(bucket, 0) + count


def _types(type_: str | None) -> list[str]:
    return [type_] if type_ else [*TYPES]
