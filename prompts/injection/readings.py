"""The ways in which a text can be read: as it stands, as a template, decoded, backwards. Pure.

They come one after the other, so that whoever looks at them can stop when it has done enough.
"""

import codecs
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from prompts.injection.encodings import in_place, runs
from prompts.injection.folding import foldings
from prompts.injection.spelling import TELLING

#: How often what was decoded is decoded again.
_DEPTH: Final = 2
#: Lines around those that read otherwise, which tell how these are meant.
_LINES_ABOVE, _LINES_BELOW = 30, 12
#: What is spelled by hidden signs blocks anyway; no more of it is read.
_HIDDEN: Final = 20_000
_LINE_BREAK: Final = re.compile("\n")
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
#: A text is read backwards or turned if so many of its words make sense that way.
_SENSIBLE: Final = 2


class Reading(NamedTuple):
    """One way to read a text, and for each of its lines the line of the source that it comes from."""

    text: str
    lines: Sequence[int]
    #: Whether a reader of the source does not see what it says.
    is_decoded: bool = True
    #: Whether it stands in the source with other text around it.
    is_in_place: bool = True
    #: Whether the source says more in this way.
    is_cut: bool = False


def readings(text: str, hidden: str, most: int) -> Iterator[Reading]:
    """Each way to read a text once, and what hidden signs spell in it; none is longer than `most` characters."""
    source = Reading(text, range(1, text.count("\n") + 2), is_decoded=False)
    seen: set[str] = set()
    for reading in _all(source, hidden, most):
        if reading.is_cut or reading.text not in seen:
            seen.add(reading.text)
            yield reading if len(reading.text) <= most else reading._replace(text=reading.text[:most], is_cut=True)


def _all(source: Reading, hidden: str, most: int) -> Iterator[Reading]:
    yield source
    yield from _hidden_in(source)
    for folded in foldings(source.text, most):
        base = _changed(Reading(folded.text, folded.lines, is_cut=folded.is_cut), source)
        yield base
        yield from _hidden_in(base)
    if hidden:
        yield Reading(hidden[:_HIDDEN], [1], is_in_place=False, is_cut=len(hidden) > _HIDDEN)


def _hidden_in(base: Reading) -> Iterator[Reading]:
    yield from _decoded(base, _DEPTH)
    yield from _turned(base)


def _decoded(base: Reading, depth: int) -> Iterator[Reading]:
    """What is encoded in a text, and what is encoded in that."""
    if not depth:
        return
    plain = in_place(base.text)
    if plain != base.text:
        reading = _changed(base._replace(text=plain, is_decoded=True), base)
        yield reading
        yield from _decoded(reading, depth - 1)
    if runs_ := _in_runs(base):
        yield runs_
        yield from _decoded(runs_, depth - 1)


def _changed(reading: Reading, base: Reading) -> Reading:
    """Only the lines that differ from those of another reading, or follow other lines, and some lines around them."""
    known = set(pairwise(["", *base.text.split("\n")]))
    lines = reading.text.split("\n")
    spans: list[tuple[int, int]] = []
    for place, pair in enumerate(pairwise(["", *lines])):
        if pair not in known:
            start, stop = max(place - _LINES_ABOVE, 0), min(place + 1 + _LINES_BELOW, len(lines))
            start = spans.pop()[0] if spans and start <= spans[-1][1] else start
            spans.append((start, stop))
    text = "\n.\n".join("\n".join(lines[start:stop]) for start, stop in spans)
    numbers = [number for start, stop in spans for number in (*reading.lines[start:stop], reading.lines[stop - 1])]
    return reading._replace(text=text, lines=numbers or [1])


def _in_runs(base: Reading) -> Reading | None:
    """Everything that runs of letters and digits decode to, as one text."""
    breaks = [match.start() for match in _LINE_BREAK.finditer(base.text)]
    texts, lines = [], []
    for run in runs(base.text):
        text = f"{run.text}.\n\n"
        texts.append(text)
        lines += [base.lines[min(bisect_left(breaks, run.start), len(base.lines) - 1)]] * text.count("\n")
    return Reading("".join(texts), [*lines, lines[-1]], is_in_place=False) if texts else None


# ----------------------------------------------------------------------------- turned round
_KEYS_TURNED: Final = frozenset(codecs.encode(key, "rot13") for key in TELLING)
_KEYS_BACKWARDS: Final = frozenset(key[::-1] for key in TELLING) - TELLING


def _turned(base: Reading) -> Iterator[Reading]:
    """A text whose letters are exchanged (rot13), or that runs backwards, if words come out of it."""
    words = set(map(str.lower, _WORD.findall(base.text)))
    if len(words & _KEYS_TURNED) >= _SENSIBLE:
        yield base._replace(text=codecs.encode(base.text, "rot13"), is_decoded=True)
    if len(words & _KEYS_BACKWARDS) >= _SENSIBLE:
        lines = "\n".join(line[::-1] for line in base.text.split("\n"))
        yield base._replace(text=lines, is_decoded=True)
        yield base._replace(text=re.sub(r"[^\W_]+", lambda word: word[0][::-1], base.text), is_decoded=True)
