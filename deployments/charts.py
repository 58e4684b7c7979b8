"""Where the lines of a chart lie, what its axes say, and figures as a person reads them. Pure: a template draws it.

A chart is 400 units wide and 190 high, as in an SVG's viewBox. A year has more hours than a screen has places, so
neighbouring hours are put together until there are at most MOST_POINTS of them.
"""

import datetime as dt
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

MOST_POINTS: Final = 200
WIDTH: Final = 400
HEIGHT: Final = 190
#: The plot within it; what is left over is for the axes' labels.
LEFT: Final = 48.0
RIGHT: Final = 382.0
TOP: Final = 12.0
BOTTOM: Final = 166.0
MOST_TICKS: Final = 8

_HOUR: Final = dt.timedelta(hours=1)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_STEPS: Final = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 1464, 2928)  # hours
#: From here on a figure is written with an exponent.
_HUGE: Final = 1e15


class Measured(Protocol):
    """An hour of one metric; of its quantiles there may be none."""

    @property
    def start(self) -> dt.datetime: ...
    @property
    def count(self) -> int: ...
    @property
    def total(self) -> float: ...
    @property
    def p50(self) -> float | None: ...
    @property
    def p95(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Point:
    """One hour, or some neighbouring ones together, from `start` on."""

    start: dt.datetime
    count: int
    mean: float
    p50: float | None
    p95: float | None


class Tick(NamedTuple):
    """A mark on an axis: where it is, and what stands there."""

    at: float
    text: str


class Segment(NamedTuple):
    """A part of a bar that is 100 units long."""

    at: int
    length: int


class Chart(NamedTuple):
    """What is drawn: each line as the commands of an SVG path, and the ticks of both axes."""

    mean: str
    p50: str
    p95: str
    across: list[Tick]
    upwards: list[Tick]


def hours_together(hours: int) -> int:
    """How many neighbouring hours make a point, so that there are MOST_POINTS at most; the present hour is one more."""
    return math.ceil((hours + 1) / MOST_POINTS)


def points_of(hours: Sequence[Measured], start: dt.datetime, together: int) -> list[Point]:
    """The hours, put together by so many from `start` on. Where nothing was measured there is no point.

    The mean is that of all; the median is that of the hours' medians, by their counts; p95 is the greatest of theirs.
    """
    width = together * _HOUR
    places: dict[int, list[Measured]] = defaultdict(list)
    for each in hours:
        places[(each.start - start) // width].append(each)
    return [_together(start + place * width, those) for place, those in sorted(places.items())]


def _together(start: dt.datetime, hours: Sequence[Measured]) -> Point:
    count = sum(each.count for each in hours)
    medians = [(each.p50, each.count) for each in hours if each.p50 is not None]
    weight = sum(times for _, times in medians)
    return Point(
        start,
        count,
        sum(each.total for each in hours) / count,
        sum(median * (times / weight) for median, times in medians) if medians else None,
        max((each.p95 for each in hours if each.p95 is not None), default=None),
    )


def drawn(points: Sequence[Point], start: dt.datetime, hours: int, together: int) -> Chart:
    """The lines through the middles of these points, over so many hours from `start` on, and the axes to read them by.

    The axis of values begins at 0, which no metric is below.
    """
    width, end = together * _HOUR, start + (hours + 1) * _HOUR
    values = [value for each in points for value in (each.mean, each.p50, each.p95) if value is not None]
    step = _round_step(max(values, default=0.0))
    top = step * max(1, math.ceil(max(values, default=0.0) / step))

    def path(figure: Callable[[Point], float | None]) -> str:
        known = {each.start: value for each in points if (value := figure(each)) is not None}
        places = {at: (_across(at + width / 2, start, end), _upwards(value, top)) for at, value in known.items()}
        # Where the time before has no point a line begins anew: it is a dot until it goes on.
        return " ".join(f"L{x} {y}" if at - width in known else f"M{x} {y}h0" for at, (x, y) in places.items())

    return Chart(
        path(lambda each: each.mean),
        path(lambda each: each.p50),
        path(lambda each: each.p95),
        _times(start, end),
        [Tick(_upwards(step * place, top), said(step * place)) for place in range(round(top / step) + 1)],
    )


def _across(at: dt.datetime, start: dt.datetime, end: dt.datetime) -> float:
    return round(LEFT + (RIGHT - LEFT) * ((at - start) / (end - start)), 1)


def _upwards(value: float, top: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * (value / top), 1)


def _round_step(greatest: float) -> float:
    """1, 2, 2.5 or 5 by a power of ten, so that some five of them reach the greatest."""
    least = greatest / 5
    if least < sys.float_info.min:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next((power * each for each in (1, 2, 2.5, 5) if power * each >= least), power * 10)


def _times(start: dt.datetime, end: dt.datetime) -> list[Tick]:
    """Round times (UTC) for the axis, at most MOST_TICKS; days where they are a day apart or more."""
    span = (end - start) / _HOUR
    step = next((each for each in _STEPS if span / each <= MOST_TICKS), _STEPS[-1])
    first = math.ceil((start - _EPOCH) / _HOUR / step)
    last = math.ceil((end - _EPOCH) / _HOUR / step)
    moments = [_EPOCH + place * step * _HOUR for place in range(first, last)]
    form = "%H:%M" if step < 24 else "%-d %b"
    return [Tick(_across(each, start, end), f"{each:{form}}") for each in moments]


def bar(weights: Sequence[int]) -> list[Segment]:
    """The parts of a bar, one after the other; the weights sum to 100."""
    ends = [sum(weights[: place + 1]) for place in range(len(weights))]
    return [Segment(end - weight, weight) for end, weight in zip(ends, weights, strict=True)]


def said(value: float | None) -> str:
    """A figure in four digits, and without an exponent where it reads well without."""
    if value is None:
        return "none"
    if 1000 <= abs(value) < _HUGE:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def between(interval: Sequence[float] | None) -> str:
    """Both ends of an interval."""
    return f"{said(interval[0])} to {said(interval[1])}" if interval else "none"
