"""What is told of what was measured: the figures are PostgreSQL's own over the raw rows, whatever has been sketched."""

import copy
import datetime as dt
import math
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from deployments import attribution, sketch
from deployments.actions import sketching
from deployments.models import MetricDay, MetricRollup
from tests import factories
from tests.conftest import Furnish
from tests.deployments import split_ground
from tests.deployments.measuring import at, ingested, item
from tests.deployments.split_ground import Split
from tests.factories import error_of, json_of

HOUR = dt.timedelta(hours=1)
MONTH = 720
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
EXACT = ("count", "mean", "min", "max", "sum")


@pytest.fixture(scope="module")
def laid(furnish: Furnish[Split]) -> Split:
    return furnish(lambda: split_ground.lay("acme"))


@pytest.fixture
def split(db: None, laid: Split) -> Split:
    attribution.forget()
    left = HOUR - (timezone.now() - hour_ago(0))
    if left < dt.timedelta(seconds=15):  # the hour is not to change in the middle of a test
        time.sleep(left.total_seconds())
    return copy.deepcopy(laid)


def hour_ago(hours: int) -> dt.datetime:
    """The start of the hour that was so long ago."""
    return (timezone.now() - hours * HOUR).replace(minute=0, second=0, microsecond=0)


def version_path(split: Split, number: int = 1) -> str:
    return f"/metrics/versions/{split.id(number)}"


def prompt_path(split: Split) -> str:
    return f"/metrics/prompts/{split.prompt.pk}"


def told(split: Split, path: str, hours: int = MONTH, **query: str) -> Any:
    asked = "".join(f"&{name}={value}" for name, value in query.items())
    answer = split.client.get(f"{path}?hours={hours}{asked}")
    assert answer.status_code == 200, answer.content
    return json_of(answer)


def figures(split: Split, path: str, type_: str = "latency", name: str = "total", hours: int = MONTH) -> Any:
    return told(split, path, hours)["summary"][type_][name]


# ----------------------------------------------------------------------------- by PostgreSQL's own figures
def exact(subject: str, *, hours: int = MONTH, type_: str = "latency", name: str = "total") -> dict[str, float]:
    """The figures of raw rows, of a version or of a prompt."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), avg(value), min(value), max(value), sum(value),"
            " percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY value) FROM deployments_metric"
            " WHERE %s IN (version_id, prompt_id) AND type = %s AND name = %s AND at >= %s",
            [subject, type_, name, hour_ago(hours)],
        )
        *found, quantiles = cursor.fetchone()
    return dict(zip([*EXACT, *SHARES], [*found, *quantiles], strict=True))


def require_agree(shown: dict[str, Any], wanted: dict[str, float]) -> None:
    """Sums as floats have them, whatever their order; quantiles within two in a hundred."""
    assert shown["count"] == wanted["count"]
    assert (shown["min"], shown["max"]) == (wanted["min"], wanted["max"])
    for name in ("mean", "sum"):
        assert shown[name] == pytest.approx(wanted[name], rel=1e-9, abs=0), name
    for name in SHARES:
        assert shown[name] == pytest.approx(wanted[name], rel=0.02, abs=0), name


def seeded(draw: Callable[[random.Random], float], many: int = 400) -> list[float]:
    chance = random.Random(20)
    return [draw(chance) for _ in range(many)]


VALUES: dict[str, list[float]] = {
    "lognormal": seeded(lambda chance: chance.lognormvariate(6, 1)),
    "uniform": seeded(lambda chance: chance.uniform(0.5, 1000)),
    "constant": [412.5] * 50,
    "bimodal": seeded(lambda chance: chance.gauss(20, 2) if chance.random() < 0.9 else chance.gauss(9000, 100)),
    "zeros": [0.0] * 30,
    "mostly zeros": [0.0] * 40 + seeded(lambda chance: chance.uniform(1, 2), 20),
    "one value": [3.25],
    "two values": [1.0, 1000.0],
    "wide": seeded(lambda chance: 10.0 ** chance.uniform(-12, 12)),
    "powers of the base": [1.04**number for number in range(-50, 50)],
    "huge": [1e150, 1e149, 3e148],
}


@pytest.mark.parametrize("values", VALUES.values(), ids=list(VALUES))
def test_the_figures_are_those_of_the_rows_before_and_after_they_are_sketched(
    split: Split, values: list[float]
) -> None:
    times = [hour_ago(1 + number % 30) + dt.timedelta(minutes=7) for number in range(len(values))]
    ingested(
        split.client, *(item(split.id(1), value, timestamp=at(then)) for value, then in zip(values, times, strict=True))
    )
    wanted = exact(split.id(1))
    before = told(split, version_path(split))
    require_agree(before["summary"]["latency"]["total"], wanted)
    sketching.sketch_due()
    assert not MetricRollup.objects.filter(subject_id=split.id(1), is_stale=True, hour__lt=hour_ago(1)).exists()
    after = told(split, version_path(split))
    assert after == before
    require_agree(figures(split, prompt_path(split)), wanted)


def test_the_smallest_numbers_are_told_apart_from_nought(split: Split) -> None:
    ingested(split.client, *(item(split.id(1), 5e-324, timestamp=at(hour_ago(3))) for _ in range(3)))
    for _ in range(2):
        shown = figures(split, version_path(split))
        assert {shown[name] for name in ("mean", "min", "max", "p50", "p95", "p99")} == {5e-324}
        sketching.sketch_due()


def test_every_type_and_name_has_figures_of_its_own_with_the_unit_sent_last(split: Split) -> None:
    ingested(split.client, item(split.id(1), 2, type="cost", name="usd", unit="USD"))
    ingested(split.client, item(split.id(1), 0.5, type="quality", name="judge", unit="share"))
    ingested(split.client, item(split.id(1), 3, name="judge", unit="ms"), item(split.id(1), 4, name="judge", unit="s"))
    shown = told(split, version_path(split), 1)["summary"]
    assert {
        type_: {name: (each["count"], each["unit"]) for name, each in names.items()} for type_, names in shown.items()
    } == {
        "cost": {"usd": (1, "USD")},
        "latency": {"judge": (2, "s")},
        "quality": {"judge": (1, "share")},
    }
    assert shown["cost"]["usd"].keys() == {*EXACT, *SHARES, "unit"}


def test_a_prompts_figures_are_those_of_all_its_versions(split: Split) -> None:
    values = {1: [1.0, 2.0], 2: [30.0], 3: [400.0, 500.0, 600.0]}
    sent = [item(split.id(number), value, timestamp=at(hour_ago(2))) for number in values for value in values[number]]
    ingested(split.client, *sent)
    for _ in range(2):
        require_agree(figures(split, prompt_path(split)), exact(str(split.prompt.pk)))
        assert figures(split, prompt_path(split))["count"] == 6
        assert [figures(split, version_path(split, number))["count"] for number in (1, 2, 3)] == [2, 1, 3]
        sketching.sketch_due()


def test_nothing_measured_has_no_figures(split: Split) -> None:
    assert told(split, version_path(split)) == {"data": [], "meta": {"limit": 20}, "summary": {}, "series": []}


# ----------------------------------------------------------------------------- by the hour
def test_the_series_has_each_hour_of_each_metric_the_oldest_first(split: Split) -> None:
    hours = [hour_ago(each) for each in (50, 20, 3)]
    sent = [
        item(split.id(1), 10.0 * place + part, timestamp=at(hour + dt.timedelta(minutes=part)))
        for place, hour in enumerate(hours, 1)
        for part in range(3)
    ]
    ingested(split.client, *sent, item(split.id(1), 1, type="cost", name="usd", timestamp=at(hours[0])))
    for _ in range(2):
        series = told(split, version_path(split))["series"]
        assert [(each["start"], each["type"], each["name"], each["count"], each["mean"]) for each in series] == [
            (shown_as(hours[0]), "cost", "usd", 1, 1.0),
            (shown_as(hours[0]), "latency", "total", 3, 11.0),
            (shown_as(hours[1]), "latency", "total", 3, 21.0),
            (shown_as(hours[2]), "latency", "total", 3, 31.0),
        ]
        assert [each["p50"] for each in series[1:]] == [pytest.approx(each, rel=0.02) for each in (11, 21, 31)]
        assert [each["p95"] for each in series[1:]] == [pytest.approx(each, rel=0.02) for each in (11.9, 21.9, 31.9)]
        sketching.sketch_due()


def shown_as(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_the_hours_asked_for_are_whole_ones(split: Split) -> None:
    """From the start of the hour that was so long ago, and nothing that is older."""
    edge = hour_ago(5)
    ingested(
        split.client,
        item(split.id(1), 1, timestamp=at(edge)),
        item(split.id(1), 2, timestamp=at(edge - dt.timedelta(milliseconds=1))),
    )
    shown = told(split, version_path(split), 5)
    assert ([each["value"] for each in shown["data"]], figures(split, version_path(split), hours=5)["sum"]) == ([1], 1)
    assert [each["start"] for each in shown["series"]] == [shown_as(edge)]
    assert figures(split, version_path(split), hours=6)["sum"] == 3


def test_a_day_is_what_is_asked_for_unless_something_else_is(split: Split) -> None:
    ingested(split.client, *(item(split.id(1), hours, timestamp=at(hour_ago(hours))) for hours in (23, 24, 26)))
    assert json_of(split.client.get(version_path(split)))["summary"]["latency"]["total"]["sum"] == 47


@pytest.mark.parametrize("hours", ["0", "-1", "8761", "1.5", "x", "24h", "\uff11", "99999999999"])
def test_hours_are_a_whole_number_up_to_a_year(split: Split, hours: str) -> None:
    for path in (version_path(split), prompt_path(split)):
        refused = split.client.get(f"{path}?hours={hours}")
        assert (refused.status_code, list(error_of(refused)["details"]["fields"])) == (400, ["hours"])
    assert split.client.get(f"{version_path(split)}?hours=8760").status_code == 200


def test_one_type_alone_is_shown(split: Split) -> None:
    ingested(
        split.client,
        item(split.id(1), 1, type="cost", name="usd", timestamp=at(hour_ago(2))),
        item(split.id(1), 2, timestamp=at(hour_ago(2))),
    )
    for _ in range(2):
        shown = told(split, version_path(split), type="cost")
        assert {each["type"] for each in (*shown["data"], *shown["series"])} == {"cost"}
        assert shown["summary"].keys() == {"cost"}
        sketching.sketch_due()
    refused = split.client.get(f"{version_path(split)}?type=exposure")
    assert (refused.status_code, list(error_of(refused)["details"]["fields"])) == (400, ["type"])


def test_sessions_are_not_shown_as_a_metric(split: Split) -> None:
    deployment = split.made(100)
    ingested(split.client, item(split.id(1), deploymentId=deployment["id"], sessionId="a"))
    for path in (version_path(split), prompt_path(split)):
        assert told(split, path)["summary"].keys() == {"latency"}


# ----------------------------------------------------------------------------- raw rows
def test_raw_rows_are_the_newest_first_and_none_is_lost_at_a_cursor(split: Split) -> None:
    """Many have one time."""
    same, sent = at(hour_ago(1)), [item(split.id(1), number, timestamp=at(hour_ago(1 + number))) for number in range(3)]
    ingested(split.client, *sent, *(item(split.id(1), number, timestamp=same) for number in range(10, 17)))
    pages, cursor = [], ""
    while True:
        answer = json_of(split.client.get(f"{version_path(split)}?limit=3&hours=48{cursor}"))
        pages.append(answer["data"])
        if "nextCursor" not in answer["meta"]:
            break
        cursor = f"&cursor={answer['meta']['nextCursor']}"
    rows = [row for page in pages for row in page]
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert sorted(row["value"] for row in rows) == [0, 1, 2, *range(10, 17)]
    assert [(row["timestamp"], row["id"]) for row in rows] == sorted(
        ((row["timestamp"], row["id"]) for row in rows), reverse=True
    )
    assert split.client.get(f"{version_path(split, 2)}?limit=3&hours=48{cursor}").status_code == 400
    assert split.client.get(f"{version_path(split)}?limit=3&hours=47{cursor}").status_code == 400


def test_another_tenants_figures_a_drafts_and_nobodys_are_none(split: Split) -> None:
    eve = factories.client_of(factories.make_actor(factories.make_tenant()))
    draft = json_of(split.client.post(f"/prompts/templates/{split.prompt.pk}/versions", {"body": "A draft"}))["id"]
    nobody = "01890a5d-ac96-774b-bcce-b302099a8061"
    ingested(split.client, item(split.id(1)))
    for path in (version_path(split), prompt_path(split)):
        assert eve.get(path).status_code == 404
    for path in (f"/metrics/versions/{draft}", f"/metrics/versions/{nobody}", f"/metrics/prompts/{nobody}"):
        assert split.client.get(path).status_code == 404


def test_a_prompt_is_asked_for_by_its_name_too(split: Split) -> None:
    ingested(split.client, item(split.id(1), 5))
    for ref in (split.prompt.slug, f"default:{split.prompt.slug}"):
        assert figures(split, f"/metrics/prompts/{ref}")["sum"] == 5


# ----------------------------------------------------------------------------- what is sketched, and what comes late
def month_of(split: Split, chance: random.Random) -> list[dict[str, Any]]:
    """Items of three versions over some days, in two metrics."""
    return [
        item(
            split.id(1 + chance.randrange(3)),
            chance.lognormvariate(4, 1),
            name=chance.choice(["total", "first"]),
            timestamp=at(hour_ago(1 + chance.randrange(96)) + dt.timedelta(seconds=chance.randrange(3000))),
        )
        for _ in range(400)
    ]


def everything(split: Split) -> list[Any]:
    paths = [prompt_path(split), *(version_path(split, number) for number in (1, 2, 3))]
    return [told(split, path, hours) for path in paths for hours in (MONTH, 30, 5)]


def test_answers_are_the_same_before_and_after_sketching_and_with_what_comes_late(split: Split) -> None:
    chance = random.Random(4)
    ingested(split.client, *month_of(split, chance))
    for _ in range(2):
        before = everything(split)
        assert sketching.sketch_due() > 0
        assert everything(split) == before
        require_agree(figures(split, prompt_path(split)), exact(str(split.prompt.pk)))
        ingested(split.client, *month_of(split, chance)[:40])
    assert (
        everything(split)[0]["summary"]["latency"]["total"]["count"] > before[0]["summary"]["latency"]["total"]["count"]
    )


def test_one_late_item_in_a_sketched_day_is_in_every_figure_at_once(split: Split) -> None:
    then = at(hour_ago(60))
    ingested(split.client, *(item(split.id(1), 10, timestamp=then) for _ in range(3)))
    sketching.sketch_due()
    ingested(split.client, *(item(split.id(1), 1000, timestamp=then) for _ in range(97)))
    for _ in range(2):
        for path in (version_path(split), prompt_path(split)):
            shown = told(split, path)
            assert shown["summary"]["latency"]["total"]["count"] == 100
            assert shown["summary"]["latency"]["total"]["p50"] == pytest.approx(1000, rel=0.02)
            assert shown["series"][0]["p50"] == pytest.approx(1000, rel=0.02)
        sketching.sketch_due()


def reads_of(split: Split, path: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        told(split, path)
    return [each["sql"] for each in queries]


def test_once_sketched_no_row_is_counted_and_days_stand_for_their_hours(split: Split) -> None:
    sent = [(1.0 if hours % 2 else 994.0, at(hour_ago(hours))) for hours in range(3, 99)]
    ingested(split.client, *(item(split.id(1), value, timestamp=then) for value, then in sent))
    assert [sql for sql in reads_of(split, version_path(split)) if "deployments_bucket" in sql]
    sketching.sketch_due()
    assert not [sql for sql in reads_of(split, version_path(split)) if "deployments_bucket" in sql]
    days = MetricDay.objects.filter(subject_id=split.id(1))
    whole = days.order_by("day")[1]
    assert (days.count() >= 3, whole.count) == (True, 24)
    whole_again = days.filter(day=whole.day)
    whole_again.update(sketch=sketch.packed({176: 24}))
    assert figures(split, version_path(split))["p50"] == pytest.approx(994, rel=0.02), (
        "the day's sketch is what is read"
    )
    whole_again.update(count=23)
    assert figures(split, version_path(split))["p50"] == pytest.approx(497.5, rel=0.02), "unless it does not hold all"


def test_a_day_of_which_only_a_part_is_asked_for_is_read_by_its_hours(split: Split) -> None:
    for hours in range(2, 60):
        ingested(split.client, item(split.id(1), hours, timestamp=at(hour_ago(hours)))) if hours in (
            30,
            31,
            40,
        ) else None
    sketching.sketch_due()
    assert figures(split, version_path(split), hours=30)["count"] == 1
    assert figures(split, version_path(split), hours=31)["p99"] < 31.5


def test_an_hour_is_sketched_once_and_the_present_one_is_not(split: Split) -> None:
    ingested(split.client, item(split.id(1), 1), item(split.id(1), 1, timestamp=at(hour_ago(3))))
    assert sketching.hours_waiting() == 1
    assert (sketching.sketch_due(), sketching.sketch_due(), sketching.hours_waiting()) == (1, 0, 0)
    assert MetricRollup.objects.filter(subject_id=split.id(1), is_stale=True).count() == 1


def test_sketching_stops_when_it_is_told_to(split: Split) -> None:
    ingested(split.client, *(item(split.id(1), 1, timestamp=at(hour_ago(hours))) for hours in (3, 4, 5)))
    assert sketching.sketch_due(goes_on=lambda: False) == 0
    assert sketching.hours_waiting() == 3


# ----------------------------------------------------------------------------- sketches
def edges() -> Iterator[float]:
    """Values at the edges of buckets, just below them and just above, and the ends of what there is."""
    for number in (-18_900, -5000, -100, -2, -1, 0, 1, 2, 17, 100, 176, 5000, 8806):
        edge = math.exp(number * math.log(sketch.GAMMA))
        yield from (math.nextafter(edge, 0), edge, math.nextafter(edge, math.inf))
    yield from (5e-324, 1e-323, 2.2250738585072014e-308, 1e-9, 1.0, 1e150)


def test_postgresql_puts_a_value_where_a_sketch_looks_for_it(db: None) -> None:
    """A bucket's answer is within 2 % of whatever is in it; at an edge either neighbour is right."""
    values = [*edges()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT deployments_bucket(value) FROM unnest(%s::float8[]) AS value", [values])
        buckets = [bucket for (bucket,) in cursor.fetchall()]
    for value, bucket in zip(values, buckets, strict=True):
        place = math.log(value) / math.log(sketch.GAMMA)
        assert place - 1e-9 * abs(place) <= bucket <= place + 1 + 1e-9 * abs(place), value
        if value > 1e-300:
            (answer,) = sketch.quantiles({bucket: 1}, [0.5], least=0.0, greatest=math.inf)
            assert answer == pytest.approx(value, rel=0.02)


def test_nought_has_a_bucket_of_its_own_below_all_others(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT deployments_bucket(0), deployments_bucket('-0'), deployments_bucket(5e-324), deployments_bucket(1)"
        )
        assert cursor.fetchone() == (sketch.NOUGHT, sketch.NOUGHT, pytest.approx(-18_981, abs=2), 0)


Buckets = st.dictionaries(st.integers(sketch.NOUGHT, 32_767), st.integers(1, 2**31), max_size=40)


@given(st.lists(Buckets, max_size=5))
def test_sketches_are_merged_by_adding_counts_and_nothing_is_lost(sketches: list[dict[int, int]]) -> None:
    packed = [sketch.packed(each) for each in sketches]
    together = sketch.merged(packed)
    assert together == {bucket: sum(each.get(bucket, 0) for each in sketches) for each in sketches for bucket in each}
    assert sketch.merged(packed[::-1]) == together
    assert sketch.merged(packed[1:], into=sketch.merged(packed[:1])) == together


@given(Buckets)
def test_a_packed_sketch_says_what_it_was_packed_from(counts: dict[int, int]) -> None:
    assert sketch.merged([sketch.packed(counts)]) == counts
    assert len(sketch.packed(counts)) == 6 * len(counts)


@given(st.lists(st.floats(1e-100, 1e100), min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_within_two_in_a_hundred_of_the_exact_one(values: list[float], share: float) -> None:
    counts: dict[int, int] = {}
    for value in values:
        bucket = math.ceil(math.log(value) / math.log(sketch.GAMMA))
        counts[bucket] = counts.get(bucket, 0) + 1
    (found,) = sketch.quantiles(counts, [share], least=min(values), greatest=max(values))
    ordered, rank = sorted(values), share * (len(values) - 1)
    low, high = ordered[math.floor(rank)], ordered[min(math.floor(rank) + 1, len(values) - 1)]
    wanted = low + (high - low) * (rank - math.floor(rank))
    assert found == pytest.approx(wanted, rel=0.02)
    assert min(values) <= (found or 0) <= max(values)


def test_of_nothing_there_is_no_quantile() -> None:
    assert sketch.quantiles({}, [0.5, 0.99], least=0, greatest=0) == [None, None]
