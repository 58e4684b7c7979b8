"""What the evaluations of a content say to its promotion. Pure over rows.

Of each harness the newest run counts, and of the present digest alone. Whoever is shown the gate, whoever is refused by
it and whoever passes it asks here.
"""

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

UNFINISHED: Final = frozenset({"pending", "running"})


@dataclass(frozen=True, slots=True)
class Run:
    """An evaluation, as far as the gate looks at it. `sequence` rises with every run of a prompt."""

    id: UUID
    harness: str
    sequence: int
    status: str
    score: float | None
    completed_at: dt.datetime | None
    #: Whether the test cases are no longer those that it was run with.
    is_outdated: bool = False

    def as_dict(self) -> dict[str, Any]:
        """What is kept of it with the move that it allowed."""
        return {
            "id": str(self.id),
            "harness": self.harness,
            "sequence": self.sequence,
            "status": self.status,
            "score": self.score,
        }


@dataclass(frozen=True, slots=True)
class Unmet:
    """Something in the way: a code (contract 4), and a sentence for a person."""

    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}


def newest(runs: Iterable[Run]) -> dict[str, Run]:
    """The newest run of each harness, by its name."""
    found: dict[str, Run] = {}
    for run in runs:
        if run.harness not in found or found[run.harness].sequence < run.sequence:
            found[run.harness] = run
    return {name: found[name] for name in sorted(found)}


def unmet(policy: Mapping[str, Any], runs: Iterable[Run], *, now: dt.datetime) -> list[Unmet]:
    """What stands in the way of a promotion under this evaluation policy; nothing, where the gate is open.

    `policy` has all of its fields (contract 4): mode, threshold, harnesses, max_age_hours.
    """
    last = newest(runs)
    match policy["mode"]:
        case "block_failures":
            return [each for run in last.values() for each in _not_passed(run)]
        case "require_pass":
            return list(_required(policy, last, now))
    return []


def _not_passed(run: Run) -> Iterator[Unmet]:
    if run.status == "failed":
        yield Unmet("EVALUATION_FAILED", f"The newest evaluation by {run.harness} failed.")
    elif run.status == "error":
        yield Unmet("EVALUATION_ERROR", f"The newest evaluation by {run.harness} ended in an error.")
    elif run.status in UNFINISHED:
        yield Unmet("EVALUATION_PENDING", f"An evaluation by {run.harness} is not finished.")


def _required(policy: Mapping[str, Any], last: Mapping[str, Run], now: dt.datetime) -> Iterator[Unmet]:
    names = sorted(policy["harnesses"]) or sorted(last)
    if not names:
        yield Unmet("EVALUATION_MISSING", "No evaluation of this content was run.")
    for name in names:
        if name not in last:
            yield Unmet("EVALUATION_MISSING", f"No evaluation by {name} was run on this content.")
            continue
        yield from _not_passed(last[name])
        yield from _stale(last[name], policy["max_age_hours"], now)
    yield from _too_low([last[name] for name in names if name in last], policy["threshold"])


def _stale(run: Run, max_age_hours: float | None, now: dt.datetime) -> Iterator[Unmet]:
    if run.is_outdated:
        yield Unmet("EVALUATION_STALE", f"The test cases have changed since {run.harness} ran.")
    if max_age_hours is not None and run.completed_at and now - run.completed_at > dt.timedelta(hours=max_age_hours):
        yield Unmet("EVALUATION_STALE", f"The evaluation by {run.harness} is older than {max_age_hours:g} hours.")


def _too_low(runs: Sequence[Run], threshold: float) -> Iterator[Unmet]:
    """The mean of what passed against the threshold, exactly as both are written: 0.7, 0.8 and 0.9 have the mean 0.8.

    A pass without a score says nothing that could be compared.
    """
    passed = [run for run in runs if run.status == "passed"]
    for run in passed:
        if run.score is None:
            yield Unmet("SCORE_TOO_LOW", f"The evaluation by {run.harness} passed without a score.")
    scores = [Fraction(repr(run.score)) for run in passed if run.score is not None]
    if scores and sum(scores) < Fraction(repr(threshold)) * len(scores):
        mean = math.floor(1000 * sum(scores) / len(scores)) / 1000  # rounded down: never shown as what is asked for
        yield Unmet("SCORE_TOO_LOW", f"The mean score is {mean:g}; {threshold} is asked for.")
