"""What summaries cost over many raw rows, and how far their quantiles are from PostgreSQL's own.

./dev bench measures [--rows 10000000] [--calls 30]
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

import django
from django.core.management import call_command

django.setup()

from django.db import connection

from deployments import measures, sketch
from deployments.actions import sketching
from deployments.measures import Subject
from prompts.models import Namespace, Prompt
from tests import factories

VERSIONS = 100
DAYS = 30
ASKED = {"24 hours": 24, "30 days": 24 * DAYS}
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def laid(rows: int) -> Prompt:
    """A prompt with versions, and so many rows over 30 days: latencies and costs log-normal, qualities even."""
    tenant = factories.make_tenant()
    by = factories.make_actor(tenant)
    prompt = factories.make_prompt(Namespace.objects.get(tenant=tenant, slug="default"), by=by)
    for _ in range(VERSIONS - 1):
        factories.make_version(prompt, by=by)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for part in range(0, rows, rows // 10):
            cursor.execute(
                """
                INSERT INTO deployments_metric
                    (at, id, tenant_id, prompt_id, version_id, type, name, value, unit)
                SELECT now() - %(days)s * interval '1 day' * (n / %(rows)s::float8), gen_random_uuid(), %(tenant)s,
                    %(prompt)s, versions[1 + n / 3 %% array_length(versions, 1)],
                    (ARRAY['latency', 'cost', 'quality'])[1 + n %% 3], 'answer',
                    CASE n %% 3 WHEN 2 THEN random()
                        ELSE exp(5 + 0.5 * sqrt(-2 * ln(1 - random())) * cos(6.2832 * random())) END,
                    (ARRAY['ms', 'USD', 'share'])[1 + n %% 3]
                FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n,
                    (SELECT array_agg(id) AS versions FROM prompts_promptversion WHERE prompt_id = %(prompt)s) AS known
                """,
                {
                    "days": DAYS - 0.01,
                    "rows": rows,
                    "tenant": tenant.pk,
                    "prompt": prompt.pk,
                    "first": part,
                    "last": min(part + rows // 10, rows) - 1,
                },
            )
            print(f"{min(part + rows // 10, rows):,} rows", flush=True)
        cursor.execute(
            """
            INSERT INTO deployments_metricrollup (tenant_id, prompt_id, subject_id, hour, type, name, is_stale,
                unit, count, total, squares, least, greatest)
            SELECT tenant_id, prompt_id, subject_id, date_trunc('hour', at), type, name, true,
                max(unit), count(*), sum(value), sum(value * value), min(value), max(value)
            FROM deployments_metric, LATERAL (VALUES (prompt_id), (version_id)) AS subject (subject_id)
            WHERE tenant_id = %s GROUP BY 1, 2, 3, 4, 5, 6
            """,
            [tenant.pk],
        )
        cursor.execute("ANALYZE deployments_metric, deployments_metricrollup")
    return prompt


def median_ms(ask: Callable[[], object], calls: int) -> str:
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1e3)
    return f"median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms"


def exact(subject: Subject, hours: int) -> dict[str, list[float]]:
    """PostgreSQL's own quantiles over the rows, by type."""
    column = "version_id" if subject.is_version else "prompt_id"
    query = (
        "SELECT type, percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY value) FROM deployments_metric"
        f" WHERE tenant_id = %s AND {column} = %s AND at >= %s GROUP BY type"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [subject.tenant_id, subject.id, measures.since(hours)])
        return dict(cursor.fetchall())


def worst_error(subject: Subject, hours: int) -> float:
    """The greatest relative error of all quantiles of a summary."""
    summary, wanted = measures.measures_of(subject, measures.since(hours)).summary, exact(subject, hours)
    errors: list[float] = [
        abs(summary[type_]["answer"][name] - value) / value
        for type_, values in wanted.items()
        for name, value in zip(SHARES, values, strict=True)
    ]
    return max(errors)


def subjects(prompt: Prompt) -> dict[str, Subject]:
    version: UUID = prompt.versions.order_by("number").values_list("pk", flat=True)[VERSIONS // 2]
    return {
        "a version": Subject(prompt.tenant_id, version, is_version=True),
        "the prompt": Subject(prompt.tenant_id, prompt.pk, is_version=False),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench measures", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="raw rows of one prompt, over 30 days")
    parser.add_argument("--calls", type=int, default=30, help="of each summary")
    wanted = parser.parse_args()
    call_command("migrate", verbosity=0)
    prompt = laid(wanted.rows)
    began = time.perf_counter()
    hours = sketching.sketch_due()
    spent = time.perf_counter() - began
    print(f"{hours:,} hours sketched in {spent:.0f} s: {spent / hours * 1e3:.0f} ms each", flush=True)
    print(f"the machine's load: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    for name, subject in subjects(prompt).items():
        for told, asked in ASKED.items():
            start = measures.since(asked)
            cost = median_ms(partial(measures.measures_of, subject, start), wanted.calls)
            began = time.perf_counter()
            error = worst_error(subject, asked)
            spent = time.perf_counter() - began
            print(
                f"{told} of {name}: {cost}; quantiles within {error:.2%} (of {sketch.RELATIVE_ERROR:.2%})", flush=True
            )
            print(f"    percentile_cont over the same rows, and once more: {spent * 1e3:,.0f} ms", flush=True)


if __name__ == "__main__":
    main()
