"""Quantiles out of counts: a histogram whose buckets widen by 4 %, small enough to be kept for every hour.

Bucket i holds the values v with 1.04**(i - 1) < v <= 1.04**i and answers 2 * 1.04**i / 2.04, which no value in it is
further from than 2 % (1.96 %, of the value); nought has a bucket of its own. PostgreSQL's `deployments_bucket` says
which bucket a value is in. Two sketches are merged by adding counts, and nothing is lost by it.

The idea: Masson, Rim, Lee: DDSketch (PVLDB 12, 2019), section 2.
"""

import bisect
import itertools
import math
from array import array
from collections.abc import Iterable, Mapping
from typing import Final

GAMMA: Final = 1.04
#: What a quantile may be off by, relative to the exact one.
RELATIVE_ERROR: Final = (GAMMA - 1) / (GAMMA + 1)
#: The bucket of nought: below the one of the smallest number there is.
NOUGHT: Final = -32_768
#: How many values each bucket holds.
Counts = Mapping[int, int]

_BUCKET, _COUNT = "h", "I"
_PAIR = array(_BUCKET).itemsize + array(_COUNT).itemsize


def packed(counts: Counts) -> bytes:
    """Six bytes a bucket: all buckets as int16, then all counts as uint32, in the order of the buckets."""
    buckets = sorted(counts)
    return array(_BUCKET, buckets).tobytes() + array(_COUNT, [counts[each] for each in buckets]).tobytes()


def merged(sketches: Iterable[bytes], into: dict[int, int] | None = None) -> dict[int, int]:
    """The counts of packed sketches together, and of what is there already."""
    counts = {} if into is None else into
    known = counts.get
    for sketch in sketches:
        length = len(sketch) // _PAIR
        middle = length * array(_BUCKET).itemsize
        buckets, numbers = array(_BUCKET, sketch[:middle]), array(_COUNT, sketch[middle:])
        for bucket, number in zip(buckets, numbers, strict=True):
            counts[bucket] = known(bucket, 0) + number
    return counts


def quantiles(counts: Counts, shares: Iterable[float], *, least: float, greatest: float) -> list[float | None]:
    """The values below which these shares of all lie, each share from 0 to 1; None of nothing.

    Between two values it goes on in a line, as PostgreSQL's percentile_cont does, and is as near to that as
    RELATIVE_ERROR says: both neighbours are, and they are not negative.
    """
    total = sum(counts.values())
    if not total:
        return [None for _ in shares]
    ladder = _Ladder(counts, least, greatest)
    found: list[float | None] = []
    for share in shares:
        rank = share * (total - 1)
        below = math.floor(rank)
        low, high = ladder.value(below), ladder.value(min(below + 1, total - 1))
        found.append(low + (high - low) * (rank - below))
    return found


class _Ladder:
    """The values in order, as far as the buckets know them."""

    def __init__(self, counts: Counts, least: float, greatest: float) -> None:
        buckets = sorted(counts)
        self._reached = list(itertools.accumulate(counts[each] for each in buckets))
        self._values = [min(max(_middle(each), least), greatest) for each in buckets]

    def value(self, rank: int) -> float:
        """The value with so many before it."""
        return self._values[bisect.bisect_right(self._reached, rank)]


def _middle(bucket: int) -> float:
    return 0.0 if bucket == NOUGHT else 2 * math.exp(bucket * math.log(GAMMA)) / (1 + GAMMA)
