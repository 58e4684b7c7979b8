"""The ways in which a text can be read: as it stands, as a template, decoded, backwards. Pure.

They come one after the other, so that whoever looks at them can stop when it has done enough.
"""

import codecs
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from prompts.injection.encodings import in_place, runs
from prompts.injection.folding import foldings
from prompts.injection.hidden import HiddenSigns
from prompts.injection.spelling import TELLING

#: How often what was decoded is decoded again.
_DEPTH: Final = 2
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
    #: Whether the source says more in this way.
    is_cut: bool = False


def readings(text: str, most: int) -> Iterator[Reading]:
    """Each way to read a text once; none is longer than `most` characters."""
    source = Reading(text, range(1, text.count("\n") + 2), is_decoded=False)
    seen = {text}
    for base in (source, *(Reading(*each[:2], is_cut=each.is_cut) for each in foldings(text, most))):
        yield base
        for reading in (*_decoded(base, _DEPTH), *_turned(base)):
            if reading.text not in seen:
                seen.add(reading.text)
                yield reading._replace(text=reading.text[:most], is_cut=len(reading.text) > most)
    if said := HiddenSigns(text).spelled_out():
        yield Reading(said, [1])


def _decoded(base: Reading, depth: int) -> Iterator[Reading]:
    """What is encoded in a text, and what is encoded in that."""
    if not depth:
        return
    plain = in_place(base.text)
    if plain != base.text:
        yield Reading(plain, base.lines)
        yield from _decoded(Reading(plain, base.lines), depth - 1)
    if hidden := _in_runs(base):
        yield hidden
        yield from _decoded(hidden, depth - 1)


def _in_runs(base: Reading) -> Reading | None:
    """Everything that runs of letters and digits decode to, as one text."""
    breaks = [match.start() for match in _LINE_BREAK.finditer(base.text)]
    texts, lines = [], []
    for run in runs(base.text):
        text = f"{run.text}.\n\n"
        texts.append(text)
        lines += [base.lines[min(bisect_left(breaks, run.start), len(base.lines) - 1)]] * text.count("\n")
    return Reading("".join(texts), [*lines, lines[-1]]) if texts else None


# ----------------------------------------------------------------------------- turned round
_KEYS_TURNED: Final = frozenset(codecs.encode(key, "rot13") for key in TELLING)
_KEYS_BACKWARDS: Final = frozenset(key[::-1] for key in TELLING) - TELLING


def _turned(base: Reading) -> Iterator[Reading]:
    """A text whose letters are exchanged (rot13), or that runs backwards, if words come out of it."""
    words = set(map(str.lower, _WORD.findall(base.text)))
    if len(words & _KEYS_TURNED) >= _SENSIBLE:
        yield Reading(codecs.encode(base.text, "rot13"), base.lines)
    if len(words & _KEYS_BACKWARDS) >= _SENSIBLE:
        yield Reading("\n".join(line[::-1] for line in base.text.split("\n")), base.lines)
        yield Reading(re.sub(r"[^\W_]+", lambda word: word[0][::-1], base.text), base.lines)
