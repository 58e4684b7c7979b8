"""What a verification found, and what an entry carries, in words for a person. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple

import orjson

from audit.events import EVENTS
from audit.verify import MOST_LISTED, Report

#: More runs of missing numbers than these are not written out.
MOST_RUNS: Final = 50

Tone = Literal["good", "fair", "bad"]


class Sentence(NamedTuple):
    """Something that was found, and whether it is good news."""

    tone: Tone
    text: str


class Fact(NamedTuple):
    """One thing that an entry carries. What has more than one line, or is no text, is shown as code."""

    name: str
    text: str
    is_code: bool


# ----------------------------------------------------------------------------- of a verification
def of_report(report: Report) -> list[Sentence]:
    """What was found, the verdict first."""
    return [_verdict(report), *_faults(report), *_limits(report)]


def _verdict(report: Report) -> Sentence:
    if not report.ok:
        return Sentence("bad", "The log is not what was written.")
    total, before = report.total_entries, report.checked_from
    if not total:
        return Sentence("good", "The log is whole: it has no entries yet.")
    if not before:
        return Sentence("good", f"The log is whole: each of its {total:,} entries is what was written.")
    new = f"the {total - before:,} added since were read now" if total > before else "nothing was added since"
    return Sentence("good", f"The log is whole. Its first {before:,} entries were found so before; {new}.")


def _faults(report: Report) -> Iterator[Sentence]:
    if tampered := len({each.seq for each in report.faults}):
        places = "One place is" if tampered == 1 else f"{tampered:,} places are"
        yield Sentence("bad", f"{places} not as it was signed; the table below says where and why.")
    if report.missing:
        more = ", and perhaps more" if len(report.missing) == MOST_LISTED else ""
        yield Sentence("bad", f"Missing: {runs(report.missing)}{more}.")
    if report.truncated:
        yield Sentence(
            "bad",
            f"The end was cut off: somebody was told of {report.expected_size:,} entries, "
            f"and the last one that is there is {report.last_entry:,}.",
        )


def _limits(report: Report) -> Iterator[Sentence]:
    """How far what was found reaches."""
    sealed = report.checkpoint.size if report.checkpoint else 0
    tail = max(0, report.last_entry - sealed)
    if sealed:
        waiting = f" {tail:,} newer {'one waits' if tail == 1 else 'ones wait'} for the next." if tail else ""
        yield Sentence("good", f"A signed checkpoint holds the first {sealed:,} entries to what they say.{waiting}")
    elif report.total_entries:
        yield Sentence("fair", "No checkpoint signs these entries yet: a worker makes one every few seconds.")
    if report.macs_unchecked:
        yield Sentence(
            "fair",
            f"The signatures of {report.macs_unchecked:,} entries could not be checked: their key is kept no more. "
            "The chain and the checkpoints hold them.",
        )


def runs(numbers: Iterable[int]) -> str:
    """Numbers in order, as a person writes them: 3, 7 to 9."""
    found = [[each for _, each in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    said = [f"{run[0]:,}" if len(run) == 1 else f"{run[0]:,} to {run[-1]:,}" for run in found[:MOST_RUNS]]
    return ", ".join(said) + (" and others" if len(found) > MOST_RUNS else "")


# ----------------------------------------------------------------------------- of an entry
def meaning_of(verb: str) -> str:
    """What a verb means; of a refused attempt, what was attempted."""
    known = EVENTS.get(verb.removesuffix(".denied"))
    return known.meaning if known else ""


def subject_of(data: Any) -> str:
    """The name of what an entry speaks of, if it carries one."""
    names = (data.get(name) for name in ("name", "username", "tag")) if isinstance(data, Mapping) else ()
    return next((name for name in names if name and isinstance(name, str)), "")


def facts_of(data: Any) -> list[Fact]:
    """What an entry carries, name by name; of a log that was tampered with, whatever is there."""
    if not isinstance(data, Mapping):
        return [Fact("content", *_written(data))]
    return [Fact(_words(name), *_written(value)) for name, value in data.items()]


def _words(name: str) -> str:
    """`fromVersionId` as from version id."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").lower()


def _written(value: Any) -> tuple[str, bool]:
    if value in (None, "", [], {}):
        return "none", False
    match value:
        case bool():
            return ("yes" if value else "no"), False
        case str():
            return value, "\n" in value
        case int():
            return f"{value}", False
        case list() if all(isinstance(each, str | int) for each in value):
            return _listed(value), False
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode(), True


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))
