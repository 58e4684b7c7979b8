"""How the variants of a deployment compare in one metric: their hours added up, and what statistics say of them."""

import datetime as dt
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from deployments import statistics
from deployments.models import Deployment, Variant
from deployments.models.metrics import EXPOSURE, FIRST, MET, TYPES
from deployments.statistics import Reading, Sample

_NOTHING = Sample(0, 0.0, 0.0)


class Metric(NamedTuple):
    """A metric by its type and its name."""

    type: str
    name: str


def metric_named(text: str, deployment: Deployment) -> Metric:
    """`type:name`, or a name alone: then of the type under which the deployment has measured it, if any."""
    type_, _, name = text.partition(":")
    if type_ in TYPES and name:
        return Metric(type_, name)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT type FROM deployments_metricrollup WHERE tenant_id = %s AND subject_id = ANY (%s) AND name = %s"
            " AND type = ANY (%s) GROUP BY type ORDER BY sum(count) DESC LIMIT 1",
            [deployment.tenant_id, [each.pk for each in deployment.standing], text, [*TYPES]],
        )
        found = cursor.fetchone()
    return Metric(found[0] if found else TYPES[-1], text)


def results_of(deployment: Deployment, metric: Metric, since: dt.datetime) -> dict[str, Any]:
    """What the variants did from `since` on, the start of an hour; compared with the control, where there is one."""
    sums = _sums_of(deployment, metric, since)
    readings = {each.pk: _reading(each, sums) for each in deployment.standing}
    control = next(each for each in deployment.standing if each.is_control)
    others = [each for each in deployment.standing if not each.is_control]
    found = statistics.differences(readings[control.pk].sample, [readings[each.pk].sample for each in others])
    differences = {each.pk: difference for each, difference in zip(others, found, strict=True)}
    ratio = _sample_ratio(deployment)
    verdict = statistics.verdict(
        readings[control.pk],
        [readings[each.pk] for each in others if each.weight],
        metric_type=metric.type,
        ratio=ratio,
    )
    return {
        "metric": metric.name,
        "variants": [_shown(each, readings[each.pk], differences.get(each.pk)) for each in deployment.standing],
        "sampleRatio": {"ok": ratio is None or ratio >= statistics.MISMATCH, "pValue": ratio},
        "verdict": verdict.verdict,
        "message": verdict.message,
    }


def _shown(variant: Variant, reading: Reading, difference: statistics.Difference | None) -> dict[str, Any]:
    shown = {
        "variantId": variant.pk,
        "versionId": variant.version_id,
        "exposures": reading.exposures,
        "count": reading.sample.count,
        "mean": reading.sample.mean,
        "interval": reading.sample.interval,
    }
    if difference is not None:
        shown |= {"difference": difference.value, "differenceInterval": difference.interval}
    return shown


def _reading(variant: Variant, sums: dict[tuple[UUID, str], Sample]) -> Reading:
    met = sums.get((variant.pk, EXPOSURE), _NOTHING)
    return Reading(f"version {variant.version.number}", met.count, sums.get((variant.pk, ""), _NOTHING))


def _sums_of(deployment: Deployment, metric: Metric, since: dt.datetime) -> dict[tuple[UUID, str], Sample]:
    """By variant: what was measured, and under EXPOSURE how many sessions met it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT subject_id, CASE type WHEN %s THEN type ELSE '' END, sum(count)::bigint, sum(total), sum(squares)
            FROM deployments_metricrollup
            WHERE tenant_id = %s AND subject_id = ANY (%s) AND hour >= %s
                AND ((type, name) = (%s, %s) OR (type, name) = (%s, %s))
            GROUP BY 1, 2
            """,
            [
                *(EXPOSURE, deployment.tenant_id, [each.pk for each in deployment.standing], since),
                *(metric.type, metric.name, EXPOSURE, MET),
            ],
        )
        return {(subject, kind): Sample(count, total, squares) for subject, kind, count, total, squares in cursor}


def _sample_ratio(deployment: Deployment) -> float | None:
    """Of sessions that met the deployment for the first time, in whole hours since the weights are what they are.

    Who had met another variant before comes by a change of weights, and not by the weights themselves.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT subject_id, sum(count)::bigint FROM deployments_metricrollup
            WHERE tenant_id = %s AND subject_id = ANY (%s) AND type = %s AND name = %s
                AND hour >= CASE WHEN %s = %s THEN '-infinity' ELSE %s END
            GROUP BY 1
            """,
            [
                *(deployment.tenant_id, [each.pk for each in deployment.standing], EXPOSURE, FIRST),
                *(deployment.weighted_at, deployment.created_at, deployment.weighted_at),
            ],
        )
        counts = dict(cursor.fetchall())
    return statistics.sample_ratio(
        [counts.get(each.pk, 0) for each in deployment.standing], [each.weight for each in deployment.standing]
    )
