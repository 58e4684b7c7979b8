"""What can be said of the variants of a deployment from counts, sums and sums of squares. Pure.

Nothing here raises and nothing is NaN: where there is no answer it is None. Figures are of one look: who looks again
until a difference shows will see one by chance more often than 1 in 20.

The numbered sections are those of the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

#: An interval misses the true value this often.
ALPHA: Final = 0.05
#: An expected count below this is too small for a chi-square (Cochran 1954).
LEAST_EXPECTED: Final = 5
#: From so many degrees of freedom on a quantile of Student's t is taken from its expansion.
MANY: Final = 1000

#: Below this the sessions are not split as the weights say, and no figure is to be trusted.
MISMATCH: Final = 0.001
#: What an arm needs before anything is said of it: exposures, items, and items where none differs from another.
ENOUGH_EXPOSURES: Final = 100
ENOUGH_ITEMS: Final = 2
ENOUGH_EQUAL_ITEMS: Final = 100
#: Types of metric of which less is better; of others more is.
LOWER_IS_BETTER: Final = frozenset({"cost", "latency"})

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """Items by their count, their sum and the sum of their squares."""

    count: int
    total: float
    squares: float

    @property
    def mean(self) -> float | None:
        """None of no items."""
        return _finite(self.total / self.count) if self.count > 0 else None

    @property
    def variance(self) -> float | None:
        """Of the population, estimated (divided by count - 1); None below two items.

        Squares less mean times total cancels where the spread is small beside the mean. What is left then may be the
        rounding of the sums, up to an epsilon for each item: that counts as no spread at all.
        """
        if self.mean is None or self.count < 2:
            return None
        around = self.squares - self.mean * self.total
        if around <= self.count * math.ulp(1.0) * abs(self.squares):
            return 0.0 if math.isfinite(around) else None
        return _finite(around / (self.count - 1))

    @property
    def interval(self) -> Interval | None:
        """Of the mean, at 95 %, by Student's t; None below two items. Of items without spread it is the mean alone."""
        if self.mean is None or self.variance is None:
            return None
        error = math.sqrt(self.variance / self.count)
        return _around(self.mean, error, self.count - 1, ALPHA)


class Difference(NamedTuple):
    """A mean less that of the control, and its interval; None where an arm has none."""

    value: float | None
    interval: Interval | None


def difference(control: Sample, variant: Sample, *, alpha: float = ALPHA) -> Difference:
    """Of two means whose variances need not be equal: Welch, Biometrika 34 (1947), with Satterthwaite's degrees."""
    if control.mean is None or variant.mean is None:
        return Difference(None, None)
    value = _finite(variant.mean - control.mean)
    if value is None or control.variance is None or variant.variance is None:
        return Difference(value, None)
    one, two = control.variance / control.count, variant.variance / variant.count
    share = one / (one + two) if one + two else 0.5
    degrees = 1 / (share**2 / (control.count - 1) + (1 - share) ** 2 / (variant.count - 1))
    return Difference(value, _around(value, math.sqrt(one + two), degrees, alpha))


def differences(control: Sample, variants: Sequence[Sample]) -> list[Difference]:
    """Of each variant, together at 95 %: with several each interval is wider, by Bonferroni's alpha / variants."""
    return [difference(control, each, alpha=ALPHA / len(variants)) for each in variants]


def sample_ratio(counts: Sequence[int], weights: Sequence[int]) -> float | None:
    """How likely counts this far from their weights are by chance: Pearson's chi-square, goodness of fit.

    Arms of weight 0 are left out, but a count there makes it 0. None where nothing can be compared: fewer than two
    arms, or an expected count below 5. The weights must have stood still while these were counted.
    """
    if any(count for count, weight in zip(counts, weights, strict=True) if weight <= 0):
        return 0.0
    arms = [(count, weight) for count, weight in zip(counts, weights, strict=True) if weight > 0]
    all_counts, all_weights = sum(count for count, _ in arms), sum(weight for _, weight in arms)
    expected = [all_counts * weight / all_weights for _, weight in arms]
    if len(arms) < 2 or min(expected) < LEAST_EXPECTED:
        return None
    distance = sum((count - mean) ** 2 / mean for (count, _), mean in zip(arms, expected, strict=True))
    return chi_square_tail(distance, len(arms) - 1)


# ----------------------------------------------------------------------------- the verdict
class Verdict(StrEnum):
    """What a person may take from the figures."""

    MISMATCH = "mismatch"
    WAITING = "waiting"
    NO_DIFFERENCE = "no_difference"
    BETTER = "better"
    WORSE = "worse"
    MIXED = "mixed"


class Reading(NamedTuple):
    """What was seen of one arm: the name a person knows it by, its exposures, the items of the metric."""

    name: str
    exposures: int
    sample: Sample


class Finding(NamedTuple):
    """A verdict, and a sentence that gives its reasons."""

    verdict: Verdict
    message: str


def verdict(control: Reading, variants: Sequence[Reading], *, metric_type: str, ratio: float | None) -> Finding:
    """Of the arms that are served, given the p-value of their sample ratio.

    A variant differs where its interval, by Bonferroni wider with several variants, leaves out 0.
    """
    if ratio is not None and ratio < MISMATCH:
        return Finding(Verdict.MISMATCH, _mismatch(ratio))
    if waiting := _waiting(control, variants):
        return Finding(Verdict.WAITING, waiting)
    found = list(zip(variants, differences(control.sample, [each.sample for each in variants]), strict=True))
    lower = [each for each in found if _side(each[1]) < 0]
    higher = [each for each in found if _side(each[1]) > 0]
    better, worse = (lower, higher) if metric_type in LOWER_IS_BETTER else (higher, lower)
    if not better and not worse:
        message = f"No difference from {control.name} that chance would not make: {_listed(found)}."
        return Finding(Verdict.NO_DIFFERENCE, message)
    clauses = [_clause(those, word, control) for those, word in ((better, "better"), (worse, "worse")) if those]
    kind = Verdict.MIXED if better and worse else Verdict.BETTER if better else Verdict.WORSE
    return Finding(kind, f"{'; '.join(clauses)}.")


def _mismatch(ratio: float) -> str:
    seldom = f"once in {float(f'{1 / ratio:.2g}'):,.0f} times" if ratio > 1e-9 else "less than once in a billion times"
    odds = f"chance would do that {seldom}" if ratio else "chance does not do that"
    return f"The sessions are not split as the weights say ({odds}): do not trust these figures."


def _waiting(control: Reading, variants: Sequence[Reading]) -> str | None:
    """What is still to come before anything can be said."""
    if not variants:
        return f"Nothing to compare: {control.name} is served alone."
    short = [each for each in (control, *variants) if _is_short(each)]
    if short:
        seen = ", ".join(f"{each.name} has {each.exposures} and {each.sample.count}" for each in short)
        return f"Each needs {ENOUGH_EXPOSURES} exposures and {ENOUGH_ITEMS} items: {seen}."
    still = [each for each in variants if _is_still(control) and _is_still(each)]
    if any(min(control.sample.count, each.sample.count) < ENOUGH_EQUAL_ITEMS for each in still):
        names = " and ".join(each.name for each in (control, *still))
        return (
            f"The items of {names} do not vary: each needs {ENOUGH_EQUAL_ITEMS} to say how far that can be relied on."
        )
    return None


def _is_short(reading: Reading) -> bool:
    return reading.exposures < ENOUGH_EXPOSURES or reading.sample.count < ENOUGH_ITEMS


def _is_still(reading: Reading) -> bool:
    return reading.sample.variance == 0


def _side(found: Difference) -> int:
    """Of the control, where the whole interval lies: -1 below, 1 above, 0 on both sides or unknown."""
    if found.interval is None:
        return 0
    low, high = found.interval
    return (low > 0) - (high < 0)


def _clause(those: Sequence[tuple[Reading, Difference]], word: str, control: Reading) -> str:
    return f"{_listed(those)} {'is' if len(those) == 1 else 'are'} {word} than {control.name}"


def _listed(those: Sequence[tuple[Reading, Difference]]) -> str:
    """Each with its difference: version 4 (-87.6, at 95 % -105 to -70.2)."""
    return ", ".join(f"{reading.name} ({_figures(found)})" for reading, found in those)


def _figures(found: Difference) -> str:
    if found.value is None or found.interval is None:
        return "too large to tell"
    low, high = found.interval
    return f"{found.value:+.4g}, at 95 % {low:+.4g} to {high:+.4g}"


# ----------------------------------------------------------------------------- distributions
def chi_square_tail(distance: float, degrees: int) -> float:
    """P(chi-square >= distance): the regularised upper incomplete gamma function Q(degrees / 2, distance / 2).

    At halves and whole numbers it is a sum of positive terms: 8.4.6 and 8.4.5 to begin with, then 8.8.6 for each step.
    """
    x, odd = distance / 2, degrees % 2
    if x <= 0:
        return 1.0
    begin = math.erfc(math.sqrt(x)) if odd else math.exp(-x)
    steps = [step + odd / 2 for step in range(1 - odd, degrees // 2)]
    return min(1.0, begin + math.fsum(math.exp(a * math.log(x) - x - math.lgamma(a + 1)) for a in steps))


def student_quantile(alpha: float, degrees: float) -> float:
    """The t that |T| exceeds with probability alpha, for 1 or more degrees of freedom."""
    z = normal_quantile(alpha)
    if degrees >= MANY:
        return _expanded(z, degrees)
    height = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2

    def density(t: float) -> float:
        return math.exp(height - (degrees + 1) / 2 * math.log1p(t * t / degrees))

    return _where(lambda t: student_tail(t, degrees), density, alpha, start=z)


def normal_quantile(alpha: float) -> float:
    """The z that a standard normal exceeds on either side with probability alpha (7.17)."""
    root = math.sqrt(2 * math.pi)
    return _where(lambda z: math.erfc(z / math.sqrt(2)), lambda z: math.exp(-z * z / 2) / root, alpha, start=0.0)


def student_tail(t: float, degrees: float) -> float:
    """P(|T| >= t), t >= 0: the regularised incomplete beta function I_x(n / 2, 1/2), n degrees, x = n / (n + t^2)."""
    square = t * t
    a, x, y = degrees / 2, degrees / (degrees + square), square / (degrees + square)
    return _beta(a, 0.5, x, y) if x < (a + 1) / (a + 2.5) else 1 - _beta(0.5, a, y, x)


def _beta(a: float, b: float, x: float, y: float) -> float:
    """I_x(a, b), y = 1 - x: the continued fraction 8.17.22, which is quick for x < (a + 1) / (a + b + 2)."""
    if x <= 0:
        return 0.0
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return math.exp(a * math.log(x) + b * math.log(y) - log_beta) / a * _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    """1 / (1 + d1 / (1 + d2 / (1 + ...))) of 8.17.22, from the front (Lentz, Applied Optics 15, 1976)."""
    value, above, below = 1.0, 1.0, 0.0
    for step in range(1, 1000):
        m = step // 2
        if step % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1 / (1 + d * below)
        above = 1 + d / above
        value *= above * below
        if abs(above * below - 1) < 1e-16:
            break
    return 1 / value


def _expanded(z: float, degrees: float) -> float:
    """Student's quantile by the normal one and powers of 1 / degrees (Abramowitz and Stegun 26.7.5)."""
    s = z * z
    terms = (
        z * (s + 1) / 4,
        z * ((5 * s + 16) * s + 3) / 96,
        z * (((3 * s + 19) * s + 17) * s - 15) / 384,
        z * ((((79 * s + 776) * s + 1482) * s - 1920) * s - 945) / 92160,
    )
    return z + sum(term / degrees**power for power, term in enumerate(terms, 1))


def _where(tail: Callable[[float], float], density: Callable[[float], float], alpha: float, *, start: float) -> float:
    """Where a two-sided tail comes down to alpha: Newton's steps, which never overshoot since a tail is convex."""
    at = start
    for _ in range(200):
        step = (tail(at) - alpha) / (2 * density(at))
        at += step
        if step <= 1e-15 * at:
            break
    return at


def _around(middle: float, error: float, degrees: float, alpha: float) -> Interval:
    reach = error * student_quantile(alpha, degrees)
    return middle - reach, middle + reach


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
