"""Two texts and the one that both began with, line beside line. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, Literal

from deployments.pages.lines import CONTEXT, MOST_ROWS
from prompts.content import Content
from prompts.diff import LINE_STEPS, transcript_lines
from prompts.sequences import Effort, blocks

Kind = Literal["unchanged", "theirs", "mine", "both", "conflict"]
#: A line and its number; a side that has no line here has neither.
Cell = tuple[int | None, str]
Cells = tuple[Cell, ...]

_NOTHING: Final[Cell] = (None, "")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines that stand together; each row has those of theirs, of the base and of mine."""

    kind: Kind
    rows: list[Cells]
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Panes:
    """What is drawn, and how many rows are left out at the end."""

    stretches: list[Stretch]
    left_out: int


def panes(base: Content | None, theirs: Content, mine: Content) -> Panes:
    """Who has changed what since the base; without one, everything that differs is in conflict."""
    sides = [transcript_lines(content)[0] if content else [] for content in (theirs, base, mine)]
    found = list(_stretches(*sides))
    drawn = list(_as_many_as_are_drawn(found))
    return Panes(
        [part for place, each in enumerate(drawn) for part in _folded(each, place == 0, place == len(drawn) - 1)],
        sum(len(each.rows) for each in found) - sum(len(each.rows) for each in drawn),
    )


def _stretches(theirs: Sequence[str], base: Sequence[str], mine: Sequence[str]) -> Iterator[Stretch]:
    """From end to end: lines that all three have, and what lies between those."""
    other, own = _equal(base, theirs), _equal(base, mine)
    shared: list[tuple[int, int, int]] = []
    x = y = z = 0
    for index in [*sorted(other.keys() & own.keys()), len(base)]:
        to, too = other.get(index, len(theirs)), own.get(index, len(mine))
        if index > x or to > y or too > z:
            yield from _shared(theirs, shared)
            shared = []
            yield _changed((theirs, y, to), (base, x, index), (mine, z, too))
        shared.append((to, index, too))
        x, y, z = index + 1, to + 1, too + 1
    yield from _shared(theirs, shared[:-1])


def _equal(base: Sequence[str], side: Sequence[str]) -> dict[int, int]:
    """Which line of the base is which of a side."""
    return {
        block.old_start + step: block.new_start + step
        for block in blocks(base, side, Effort(LINE_STEPS))
        if block.same
        for step in range(block.old_end - block.old_start)
    }


def _shared(theirs: Sequence[str], places: Sequence[tuple[int, int, int]]) -> Iterator[Stretch]:
    if places:
        yield Stretch("unchanged", [tuple((at + 1, theirs[row[0]]) for at in row) for row in places])


def _changed(*sides: tuple[Sequence[str], int, int]) -> Stretch:
    cells = [[(at + 1, lines[at]) for at in range(start, end)] for lines, start, end in sides]
    theirs, base, mine = ([text for _, text in side] for side in cells)
    return Stretch(_kind(theirs, base, mine), list(zip_longest(*cells, fillvalue=_NOTHING)))


def _kind(theirs: list[str], base: list[str], mine: list[str]) -> Kind:
    if theirs == mine:
        return "both"
    if mine == base:
        return "theirs"
    return "mine" if theirs == base else "conflict"


def _as_many_as_are_drawn(stretches: Sequence[Stretch]) -> Iterator[Stretch]:
    left = MOST_ROWS
    for each in stretches:
        if left > 0:
            yield Stretch(each.kind, each.rows[:left])
        left -= len(each.rows)


def _folded(stretch: Stretch, is_first: bool, is_last: bool) -> Iterator[Stretch]:
    """Lines that nobody changed are folded where they are far from any change."""
    before, after = 0 if is_first else CONTEXT, len(stretch.rows) - (0 if is_last else CONTEXT)
    if stretch.kind != "unchanged" or after - before < 2 or (is_first and is_last):
        yield stretch
        return
    for rows, is_folded in (
        (stretch.rows[:before], False),
        (stretch.rows[before:after], True),
        (stretch.rows[after:], False),
    ):
        if rows:
            yield Stretch("unchanged", rows, is_folded)
