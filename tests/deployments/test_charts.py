"""Charts: hours put together, lines that break where nothing was measured, axes with round figures."""

import datetime as dt
import re
from dataclasses import dataclass

import pytest

from deployments import charts
from deployments.charts import BOTTOM, LEFT, RIGHT, TOP, Point, Segment

START = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@dataclass
class Hour:
    """An hour of a metric, as it is kept."""

    start: dt.datetime
    count: int
    total: float
    p50: float | None = None
    p95: float | None = None


def hour(place: int, count: int = 1, total: float = 10.0, p50: float | None = None, p95: float | None = None) -> Hour:
    return Hour(START + place * HOUR, count, total, p50, p95)


def places(path: str) -> list[tuple[str, float, float]]:
    """The commands of a line: whether it goes on or begins, and where."""
    return [(kind, float(x), float(y)) for kind, x, y in re.findall(r"([ML])([\d.]+) ([\d.]+)", path)]


# ----------------------------------------------------------------------------- points
@pytest.mark.parametrize(("hours", "together"), [(1, 1), (24, 1), (168, 1), (199, 1), (200, 2), (720, 4), (8760, 44)])
def test_there_are_never_more_than_200_points(hours: int, together: int) -> None:
    assert charts.hours_together(hours) == together
    points = charts.points_of([hour(place) for place in range(hours + 1)], START, together)
    assert len(points) <= charts.MOST_POINTS
    assert sum(each.count for each in points) == hours + 1


def test_hours_that_make_a_point_are_weighed_by_their_counts() -> None:
    kept = [hour(4, 1, 100.0, 100.0, 120.0), hour(6, 3, 30.0, 8.0, 15.0), hour(8, 1, 7.0, 7.0, 7.0)]
    points = charts.points_of(kept, START, 4)
    assert points == [Point(START + 4 * HOUR, 4, 32.5, 31.0, 120.0), Point(START + 8 * HOUR, 1, 7.0, 7.0, 7.0)]


def test_an_hour_without_quantiles_counts_for_the_mean_alone() -> None:
    points = charts.points_of([hour(0, 1, 100.0), hour(1, 1, 50.0, 50.0, 60.0)], START, 2)
    assert points == [Point(START, 2, 75.0, 50.0, 60.0)]
    assert charts.points_of([hour(0, 2, 9.0)], START, 1) == [Point(START, 2, 4.5, None, None)]


# ----------------------------------------------------------------------------- lines
def test_a_line_breaks_where_nothing_was_measured() -> None:
    points = charts.points_of([hour(each) for each in (0, 1, 3, 5, 6)], START, 1)
    assert [kind for kind, _, _ in places(charts.drawn(points, START, 6, 1).mean)] == ["M", "L", "M", "M", "L"]


def test_points_of_several_hours_that_follow_each_other_are_joined() -> None:
    points = charts.points_of([hour(each) for each in (0, 7, 8, 20)], START, 4)
    assert [kind for kind, _, _ in places(charts.drawn(points, START, 24, 4).mean)] == ["M", "L", "L", "M"]


def test_a_lone_point_is_a_dot() -> None:
    points = charts.points_of([hour(3)], START, 1)
    assert re.fullmatch(r"M[\d.]+ [\d.]+h0", charts.drawn(points, START, 24, 1).mean)


def test_a_line_lies_between_the_axes_and_rises_with_its_figures() -> None:
    kept = [hour(place, 1, float(place), place / 2, 2.0 * place) for place in range(25)]
    chart = charts.drawn(charts.points_of(kept, START, 1), START, 24, 1)
    for path in (chart.mean, chart.p50, chart.p95):
        across, upwards = [x for _, x, _ in places(path)], [y for _, _, y in places(path)]
        assert across == sorted(across)
        assert upwards == sorted(upwards, reverse=True)
        assert min(across) >= LEFT
        assert max(across) <= RIGHT
        assert min(upwards) >= TOP
        assert max(upwards) == BOTTOM
    last = [places(path)[-1][2] for path in (chart.p95, chart.mean, chart.p50)]
    assert last == sorted(last)


def test_what_has_no_quantiles_has_no_line_of_them() -> None:
    chart = charts.drawn(charts.points_of([hour(0), hour(1)], START, 1), START, 24, 1)
    assert (chart.p50, chart.p95) == ("", "")


@pytest.mark.parametrize("greatest", [0.0, 5e-324, 1e-300, 0.5, 1.0, 1e150], ids=str)
def test_any_figure_can_be_drawn(greatest: float) -> None:
    chart = charts.drawn(charts.points_of([hour(0, 1, greatest)], START, 1), START, 24, 1)
    [(_, _, upwards)] = places(chart.mean)
    assert TOP <= upwards <= BOTTOM
    assert 2 <= len(chart.upwards) <= 7


# ----------------------------------------------------------------------------- axes
@pytest.mark.parametrize(
    ("greatest", "texts"),
    [
        (1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (812.0, ["0", "200", "400", "600", "800", "1,000"]),
        (1015.0, ["0", "250", "500", "750", "1,000", "1,250"]),
        (0.00042, ["0", "0.0001", "0.0002", "0.0003", "0.0004", "0.0005"]),
    ],
    ids=str,
)
def test_the_axis_of_values_has_round_figures_from_0_to_above_the_greatest(greatest: float, texts: list[str]) -> None:
    chart = charts.drawn(charts.points_of([hour(0, 1, 0.0, 0.0, greatest)], START, 1), START, 24, 1)
    assert [each.text for each in chart.upwards] == texts
    assert (chart.upwards[0].at, chart.upwards[-1].at) == (BOTTOM, TOP)


@pytest.mark.parametrize(
    ("hours", "texts"),
    [
        (24, ["06:00", "12:00", "18:00", "00:00", "06:00"]),
        (168, ["2 Mar", "3 Mar", "4 Mar", "5 Mar", "6 Mar", "7 Mar", "8 Mar"]),
    ],
    ids=str,
)
def test_the_axis_of_time_has_round_moments(hours: int, texts: list[str]) -> None:
    chart = charts.drawn([], START, hours, 1)
    assert [each.text for each in chart.across] == texts
    assert all(LEFT <= each.at <= RIGHT for each in chart.across)


@pytest.mark.parametrize("hours", [1, 24, 168, 720, 8760], ids=str)
def test_the_axis_of_time_is_never_crowded(hours: int) -> None:
    assert 2 <= len(charts.drawn([], START, hours, charts.hours_together(hours)).across) <= charts.MOST_TICKS + 1


def test_a_point_lies_over_the_middle_of_its_hours() -> None:
    points = charts.points_of([hour(12)], START, 1)
    [(_, across, _)] = places(charts.drawn(points, START, 24, 1).mean)
    assert across == (LEFT + RIGHT) / 2


# ----------------------------------------------------------------------------- bars and words
def test_the_parts_of_a_bar_follow_each_other() -> None:
    assert charts.bar([90, 0, 10]) == [Segment(0, 90), Segment(90, 0), Segment(90, 10)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (0.0, "0"),
        (0.7, "0.7"),
        (0.123456, "0.1235"),
        (12.345, "12.35"),
        (-100.04, "-100"),
        (1234.5678, "1,235"),
        (-86271.2, "-86,271"),
        (1e-7, "1e-07"),
        (1e150, "1e+150"),
    ],
    ids=str,
)
def test_figures_read_well(value: float | None, text: str) -> None:
    assert charts.said(value) == text


def test_an_interval_is_told_by_its_ends() -> None:
    assert charts.between((-1.5, 1234.0)) == "-1.5 to 1,234"
    assert charts.between(None) == "none"
