"""Partitions of raw metrics: made ahead, emptied of what waited, dropped in time; and by the one function alone."""

import datetime as dt
import json
import uuid
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from deployments import gauges, tasks
from deployments.actions import sketching
from deployments.models import Metric, MetricDay, MetricRollup

DAY = dt.timedelta(days=1)
NO_RIGHT = "42501"


def today() -> dt.date:
    return timezone.now().date()


def name_of(day: dt.date) -> str:
    return f"deployments_metric_{day:%Y%m%d}"


def partitions() -> list[str]:
    """All that are attached, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
            " WHERE inhparent = 'deployments_metric'::regclass ORDER BY relname"
        )
        return [name for (name,) in cursor.fetchall()]


def measured(day: dt.date, many: int = 1) -> None:
    """Rows at noon of a day, past every verb."""
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    some = {name: uuid.uuid4() for name in ("tenant_id", "prompt_id", "version_id")}
    Metric.objects.bulk_create(
        Metric(id=uuid.uuid4(), at=noon, type="latency", name="total", value=1.0, unit="ms", **some)
        for _ in range(many)
    )


def without_partition() -> str:
    """The gauge's own line."""
    lines = gauges.text().decode().splitlines()
    (line,) = [each for each in lines if each.startswith("pvc_metric_rows_without_partition ")]
    return line.partition(" ")[2]


def maintain() -> tuple[int, dict[str, Any]]:
    """The command's exit code, and what it tells."""
    told = StringIO()
    try:
        call_command("maintain_partitions", "--json", stdout=told)
    except SystemExit as ended:
        return int(str(ended.code)), json.loads(told.getvalue())
    return 0, json.loads(told.getvalue())


@pytest.fixture(autouse=True)
def _as_maintained(db: None) -> None:
    """As a beat leaves them: the template may be of yesterday."""
    sketching.maintain_partitions()


# ----------------------------------------------------------------------------- made, and dropped
def test_there_is_one_for_each_day_that_is_kept_and_for_a_week_to_come() -> None:
    days = [today() + DAY * off for off in range(-35, 8)]
    assert partitions() == [*map(name_of, days), "deployments_metric_default"]
    assert sketching.maintain_partitions() == []


def test_those_of_days_to_come_are_made_and_told_of(settings: Any) -> None:
    settings.METRICS_DAYS_AHEAD = 9
    wanted = [name_of(today() + DAY * off) for off in (8, 9)]
    assert maintain() == (
        0,
        {"created": wanted, "dropped": [], "moved": 0, "purged": 0, "withoutPartition": 0},
    )
    assert partitions()[-3:] == [*wanted, "deployments_metric_default"]


def test_those_whose_days_are_over_are_dropped_with_their_rows(settings: Any) -> None:
    for off in (35, 32, 31, 30):
        measured(today() - DAY * off)
    settings.METRICS_RAW_DAYS = 31
    assert maintain()[1]["dropped"] == [name_of(today() - DAY * off) for off in (35, 34, 33, 32)]
    assert sorted((today() - each).days for each in Metric.objects.values_list("at__date", flat=True)) == [30, 31]
    assert maintain()[1]["dropped"] == []


def test_a_day_is_one_in_utc() -> None:
    begin = dt.datetime.combine(today(), dt.time(), dt.UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = %s::regclass", [name_of(today())]
        )
        (bound,) = cursor.fetchone()
        cursor.execute("SELECT %s::timestamptz::text, %s::timestamptz::text", [begin, begin + DAY])
        first, last = cursor.fetchone()
    assert bound == f"FOR VALUES FROM ('{first}') TO ('{last}')"


# ----------------------------------------------------------------------------- without a partition
def test_rows_without_a_partition_are_kept_seen_and_moved_when_it_is_made(settings: Any) -> None:
    day = today() + DAY * 20
    assert (without_partition(), maintain()[0]) == ("0.0", 0)
    measured(day, many=3)
    assert without_partition() == "3.0"
    assert maintain() == (1, {"created": [], "dropped": [], "moved": 0, "purged": 0, "withoutPartition": 3})
    settings.METRICS_DAYS_AHEAD = 20
    code, told = maintain()
    assert (code, told["moved"], told["withoutPartition"], without_partition()) == (0, 3, 0, "0.0")
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM deployments_metric")
        assert cursor.fetchall() == [(name_of(day),)] * 3


def test_the_beat_does_the_same(settings: Any) -> None:
    measured(today() + DAY * 9)
    settings.METRICS_DAYS_AHEAD = 9
    tasks.maintain()
    assert sketching.rows_without_partition() == 0
    assert name_of(today() + DAY * 9) in partitions()


@pytest.mark.parametrize(
    ("name", "value"), [("METRICS_RAW_DAYS", 30), ("METRICS_RAW_DAYS", 0), ("METRICS_DAYS_AHEAD", 0)]
)
def test_less_than_may_come_in_is_not_kept(settings: Any, name: str, value: int) -> None:
    before = partitions()
    setattr(settings, name, value)
    with pytest.raises(DatabaseError, match="keep 31 days or more"), transaction.atomic():
        sketching.maintain_partitions()
    assert partitions() == before


# ----------------------------------------------------------------------------- hours and days
def test_hours_and_days_are_forgotten_when_they_are_old(settings: Any) -> None:
    settings.METRICS_DAYS = 40
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    tenant, subject = uuid.uuid4(), uuid.uuid4()
    same = {"tenant_id": tenant, "subject_id": subject, "type": "latency", "name": "total"}
    figures = {"count": 1, "total": 1, "squares": 1, "least": 1, "greatest": 1, "unit": "ms", "is_stale": False}
    for off in (39 * DAY, 40 * DAY, 40 * DAY + dt.timedelta(hours=1), 41 * DAY):
        MetricRollup.objects.create(**same, prompt_id=subject, hour=now - off, **figures)
    for days in (39, 40, 41, 42):
        MetricDay.objects.create(**same, day=(now - days * DAY).date(), count=1, sketch=b"")
    assert maintain()[1]["purged"] == 4
    assert [*MetricRollup.objects.order_by("-hour").values_list("hour", flat=True)] == [now - 39 * DAY, now - 40 * DAY]
    assert [*MetricDay.objects.order_by("-day").values_list("day", flat=True)] == [
        (now - days * DAY).date() for days in (39, 40)
    ]
    assert sketching.purge_hours() == 0


# ----------------------------------------------------------------------------- by the function alone
def refusal(statement: str) -> psycopg.Error:
    """What the serving role is told."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    cause = refused.value.__cause__
    assert isinstance(cause, psycopg.Error)
    return cause


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine PARTITION OF deployments_metric FOR VALUES FROM ('2099-01-01') TO ('2099-01-02')",
        "CREATE TABLE mine (LIKE deployments_metric)",
        "DROP TABLE {today}",
        "DROP TABLE deployments_metric_default",
        "DROP TABLE deployments_metric",
        "ALTER TABLE deployments_metric DETACH PARTITION {today}",
        "ALTER TABLE {today} ADD COLUMN more int",
        "TRUNCATE {today}",
        "DELETE FROM {today}",
        "UPDATE {today} SET value = 0",
        "CREATE OR REPLACE FUNCTION deployments_bucket(value double precision) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER FUNCTION deployments_maintain_metrics(int, int) RESET ALL",
    ],
)
def test_the_serving_role_itself_may_not(statement: str) -> None:
    assert refusal(statement.format(today=name_of(today()))).sqlstate == NO_RIGHT


def test_nobody_else_may_call_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_function_privilege('public', 'deployments_maintain_metrics(int, int)', 'EXECUTE'),"
            " has_function_privilege(current_user, 'deployments_maintain_metrics(int, int)', 'EXECUTE')"
        )
        assert cursor.fetchone() == (False, True)


#: Tables of a caller's own, by the names of those that the function works on, and a check that says who runs it.
TABLES_OF_ONES_OWN = """
    CREATE FUNCTION pg_temp.mine() RETURNS boolean LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
    CREATE TEMP TABLE deployments_metric_default AS SELECT * FROM deployments_metric WHERE false;
    INSERT INTO deployments_metric_default
        SELECT now() + interval '8 days', u, u, u, u, NULL, 'cost', 'n', 1, 'u', NULL FROM gen_random_uuid() u;
    CREATE TEMP TABLE deployments_metric (LIKE public.deployments_metric, CHECK (pg_temp.mine()));
    GRANT ALL ON pg_temp.deployments_metric, pg_temp.deployments_metric_default TO PUBLIC;
"""


def test_tables_of_the_callers_own_are_none_to_it(settings: Any) -> None:
    """It runs as the owner, on the owner's tables, whatever temporary ones there are by the same names."""
    settings.METRICS_DAYS_AHEAD = 9
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_database_privilege(current_database(), 'TEMPORARY')")
        if cursor.fetchone() == (True,):
            cursor.execute(TABLES_OF_ONES_OWN)
    done = sketching.maintain_partitions()
    assert [(each.name, each.moved) for each in done] == [(name_of(today() + DAY * off), 0) for off in (8, 9)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'public.deployments_metric'::regclass")
        assert cursor.fetchone() == (46,)
