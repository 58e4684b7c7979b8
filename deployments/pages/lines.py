"""A diff as the rows of a table, side by side or one text after the other. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Final, Literal

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from prompts.diff import Section, Words

View = Literal["split", "unified"]

#: Unchanged lines shown around a change; a longer stretch of them is folded.
CONTEXT: Final = 3
#: More rows than these are not drawn.
MOST_ROWS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the line of the old text, that of the new, or both."""

    kind: str
    old_number: int | None
    old: SafeString
    new_number: int | None
    new: SafeString


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are shown or folded together."""

    rows: list[Row]
    is_folded: bool

    @property
    def is_change(self) -> bool:
        return self.rows[0].kind != "unchanged"


@dataclass(frozen=True, slots=True)
class Table:
    """The rows to draw, and how many lines are left out at the end."""

    groups: list[Group]
    left_out: int


def table(sections: Iterable[Section], view: View) -> Table:
    """The rows of a diff, unchanged ones folded where they are far from any change."""
    rows = list(_rows(sections, view))
    drawn = rows[:MOST_ROWS]
    return Table(list(_groups(drawn)), len(rows) - len(drawn))


def _groups(rows: Sequence[Row]) -> Iterator[Group]:
    runs = [list(run) for _, run in groupby(rows, key=lambda row: row.kind == "unchanged")]
    for place, run in enumerate(runs):
        if run[0].kind != "unchanged":
            yield Group(run, is_folded=False)
            continue
        before = 0 if place == 0 else CONTEXT
        after = len(run) - (0 if place == len(runs) - 1 else CONTEXT)
        if len(runs) == 1 or after - before < 2:
            yield Group(run, is_folded=False)
            continue
        for part, is_folded in ((run[:before], False), (run[before:after], True), (run[after:], False)):
            if part:
                yield Group(part, is_folded)


def _rows(sections: Iterable[Section], view: View) -> Iterator[Row]:
    for section in sections:
        old, new = _sides(section)
        if section.type == "modified" and view == "unified":
            yield from (Row("removed", number, text, None, SafeString()) for number, text in old)
            yield from (Row("added", None, SafeString(), number, text) for number, text in new)
            continue
        for left, right in zip_longest(old, new, fillvalue=(None, SafeString())):
            yield Row(section.type, *left, *right)


Numbered = list[tuple[int | None, SafeString]]


def _sides(section: Section) -> tuple[Numbered, Numbered]:
    """The lines of either side with their numbers, changed words marked."""
    if section.words is not None:
        old = _lines(section.words, "removed")
        new = _lines(section.words, "added")
    else:
        texts = [conditional_escape(line) for line in section.value.split("\n")]
        old = [] if section.line_start is None else texts
        new = [] if section.new_line_start is None else texts
    return _numbered(old, section.line_start), _numbered(new, section.new_line_start)


def _numbered(lines: Iterable[SafeString], start: int | None) -> Numbered:
    return list(enumerate(lines, start or 1))


def _lines(words: Iterable[Words], own: Literal["removed", "added"]) -> list[SafeString]:
    """The lines of one side, what the other side does not have marked."""
    mark = "<del>{}</del>" if own == "removed" else "<ins>{}</ins>"
    lines: list[list[SafeString]] = [[]]
    for piece in words:
        if piece.type not in ("equal", own):
            continue
        first, *others = piece.value.split("\n")
        for place, text in enumerate([first, *others]):
            if place:
                lines.append([])
            if text:
                lines[-1].append(conditional_escape(text) if piece.type == "equal" else format_html(mark, text))
    return [format_html_join("", "{}", ((piece,) for piece in line)) for line in lines]
