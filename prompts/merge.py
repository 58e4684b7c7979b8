"""Two people's changes of one text, chat or object, brought together by what both began with. Pure.

A text is merged line by line (diff3): what one side changed is taken, what both changed alike is taken once, and what
they changed differently, in the same lines or in lines next to each other, is a conflict that shows all three texts.
Every line of either side is in the result or in a conflict, unless the other side took it away and nobody changed it.

A line is all of it up to and with its line feed, so CRLF and LF are different lines, and both stay as they were
written. Whether the last line has a line end is no line's business: it is merged by itself, and of a conflict as of a
clean text the side that changed it has its way.
"""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal, TypeVar

from prompts.content import Messages
from prompts.diff import LINE_STEPS, likeness, words
from prompts.sequences import Effort, alike_in_order, blocks
from pvc.crypto import canonical_json

Item = TypeVar("Item")
Message = Mapping[str, str]
Side = Literal["base", "theirs", "mine"]
Sides = tuple[Sequence[Item], Sequence[Item], Sequence[Item]]
Efforts = tuple[Effort, Effort]

#: The length of git's conflict markers; it grows where a text has lines that could be taken for them.
MARKER: Final = 7
#: Steps, on each side, to find the messages that are one message edited.
PAIR_STEPS: Final = 40_000
#: How alike two messages of one role are that share no words: a message written anew is better than two.
SAME_ROLE: Final = 0.01

#: What a line that could be taken for a marker begins with.
MARKER_LIKE: Final = re.compile(r"^(?:<{7,}|\|{7,}|={7,}|>{7,})(?=\s|\Z)", re.MULTILINE)
OPENING: Final = re.compile(r"(<{7,}) theirs")


@dataclass(frozen=True, slots=True)
class Clean:
    """Lines that both sides agree on, with their line ends; at the end of the text the last one may have none."""

    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """A conflict: its lines in all three texts, each with a line end, and where it starts in the marked-up text."""

    start_line: int
    base: str
    theirs: str
    mine: str


@dataclass(frozen=True, slots=True)
class Merge:
    """What a merge came to, from top to bottom, and as one text; conflicts are marked up in it as git does."""

    pieces: tuple[Clean | Hunk, ...]
    text: str
    marker_length: int

    @property
    def hunks(self) -> list[Hunk]:
        return [piece for piece in self.pieces if isinstance(piece, Hunk)]

    @property
    def is_clean(self) -> bool:
        return not self.hunks

    def resolved(self, side: Side) -> str:
        """The text with one side's lines in the place of every conflict."""
        text = "".join(piece.text if isinstance(piece, Clean) else getattr(piece, side) for piece in self.pieces)
        return text if self.text.endswith("\n") else _without_end(text)


@dataclass(frozen=True, slots=True)
class MappingConflict:
    """A name that both changed: its JSON Pointer and the three values as JSON, None where the name is missing."""

    pointer: str
    base: str | None
    theirs: str | None
    mine: str | None


@dataclass(frozen=True, slots=True)
class MessageConflict:
    """A conflict, and the index of the message that it stands in or begins at.

    Of lines inside a message, `start_line` counts in its content. Of whole messages it is 1, and the three texts have
    one message a line, as RFC 8785 JSON.
    """

    message: int
    hunk: Hunk


def merge(base: str, theirs: str, mine: str) -> Merge:
    """What became of `base`: `theirs` is the text in pre-production, `mine` the caller's draft."""
    return _merged_text((base, theirs, mine), _efforts(), marker_length([base, theirs, mine]))


def unresolved(text: str) -> list[int]:
    """The lines of a text where conflicts begin that a merge has marked up and nobody has resolved."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    last = {line: number for number, line in enumerate(lines, start=1)}
    return [
        number
        for number, line in enumerate(lines, start=1)
        if (found := OPENING.fullmatch(line)) and last.get(_markers(len(found[1]))[3], 0) > number
    ]


def marker_length(texts: Sequence[str]) -> int:
    """The shortest length that no line has which could be taken for a marker."""
    taken = {len(found[0]) for text in texts for found in MARKER_LIKE.finditer(text)}
    return next(length for length in range(MARKER, MARKER + len(taken) + 1) if length not in taken)


# ----------------------------------------------------------------------------- three sides
def _winner(base: Any, theirs: Any, mine: Any) -> Side | None:
    """The side whose change stands, because the other has none or the same; None if both have changes."""
    if mine in (base, theirs):
        return "theirs"
    return "mine" if theirs == base else None


def _stretches(
    sides: Sides[Item], match: Callable[[Sequence[Item], Sequence[Item], Effort], dict[int, int]], efforts: Efforts
) -> Iterator[tuple[bool, Sides[Item]]]:
    """Three sequences from end to end: each item that all of them have, as True, and what lies between, as False.

    Changes next to each other have no such item between them, and so are in one stretch.
    """
    base, theirs, mine = sides
    other, own = (match(base, side, effort) for side, effort in zip((theirs, mine), efforts, strict=True))
    x = y = z = 0
    for index in sorted(other.keys() & own.keys()):
        if index > x or other[index] > y or own[index] > z:
            yield False, (base[x:index], theirs[y : other[index]], mine[z : own[index]])
        x, y, z = index + 1, other[index] + 1, own[index] + 1
        yield True, (base[index:x], theirs[y - 1 : y], mine[z - 1 : z])
    rest = base[x:], theirs[y:], mine[z:]
    if any(rest):
        yield False, rest


def _efforts() -> Efforts:
    """One for either side, so that it makes no difference which of them is called theirs."""
    return Effort(LINE_STEPS), Effort(LINE_STEPS)


# ----------------------------------------------------------------------------- lines
def _merged_text(sides: tuple[str, str, str], efforts: Efforts, length: int) -> Merge:
    pieces: list[Clean | Hunk] = []
    clean: list[str] = []
    height = 0
    base, theirs, mine = map(_lines, sides)
    for _, parts in _stretches((base, theirs, mine), _equal, efforts):
        winner = _winner(*parts)
        if winner:
            clean += parts[1] if winner == "theirs" else parts[2]
            continue
        pieces += [Clean("".join(clean))] if clean else []
        pieces.append(Hunk(height + len(clean) + 1, *map("".join, parts)))
        height += len(clean) + sum(map(len, parts)) + 4
        clean = []
    rest = "".join(clean) if _has_end(*sides) else _without_end("".join(clean))
    pieces += [Clean(rest)] if rest else []
    text = "".join(piece.text if isinstance(piece, Clean) else _marked_up(piece, length) for piece in pieces)
    return Merge(tuple(pieces), text if _has_end(*sides) else _without_end(text), length)


def _marked_up(hunk: Hunk, length: int) -> str:
    opening, middle, parting, closing = (f"{mark}\n" for mark in _markers(length))
    return f"{opening}{hunk.theirs}{middle}{hunk.base}{parting}{hunk.mine}{closing}"


def _markers(length: int) -> tuple[str, str, str, str]:
    return f"{'<' * length} theirs", f"{'|' * length} base", "=" * length, f"{'>' * length} mine"


def _equal(old: Sequence[Hashable], new: Sequence[Hashable], effort: Effort) -> dict[int, int]:
    """Which item of the old sequence is which of the new one."""
    pairs = (
        zip(range(block.old_start, block.old_end), range(block.new_start, block.new_end), strict=True)
        for block in blocks(old, new, effort)
        if block.same
    )
    return dict(chain.from_iterable(pairs))


def _lines(text: str) -> list[str]:
    """The lines with their line ends. A last line without one gets the end that the line before it has."""
    if text and not text.endswith("\n"):
        feed = text.rfind("\n")
        # After a "\r" of its own, a line feed alone would make it a line that ends in CRLF.
        text += "\r\n" if text.endswith("\r") or text[: max(feed, 0)].endswith("\r") else "\n"
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def _without_end(text: str) -> str:
    """The same lines, the last one without its line end; if that line is empty the end is all there is of it."""
    last = text[text.rfind("\n", 0, -1) + 1 :]
    end = "\r\n" if last.endswith("\r\n") else "\n"
    return text if last == end else text.removesuffix(end)


def _has_end(base: str, theirs: str, mine: str) -> bool:
    """Whether the merged text ends its last line. A text without lines says nothing about that."""
    before = base.endswith("\n")
    after = [side.endswith("\n") if side else before for side in (theirs, mine)]
    return not before if (not before) in after else before


# ----------------------------------------------------------------------------- objects
def merge_mappings(
    base: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any]
) -> tuple[dict[str, Any], list[MappingConflict]]:
    """Two objects, name by name, equal where their canonical JSON is. In a conflict mine stands, and is listed."""
    merged: dict[str, Any] = {}
    conflicts: list[MappingConflict] = []
    for name in sorted({*base, *theirs, *mine}):
        values = [canonical_json(side[name]).decode() if name in side else None for side in (base, theirs, mine)]
        winner = _winner(*values)
        if winner is None:
            conflicts.append(MappingConflict(f"/{name.replace('~', '~0').replace('/', '~1')}", *values))
        source = theirs if winner == "theirs" else mine
        if name in source:
            merged[name] = source[name]
    return merged, conflicts


# ----------------------------------------------------------------------------- chats
def merge_messages(
    base: Sequence[Message], theirs: Sequence[Message], mine: Sequence[Message]
) -> tuple[Messages, list[MessageConflict]]:
    """Two chats, message by message, and line by line inside a message that both edited.

    Whole messages in conflict stand one after the other, between messages that hold nothing but a marker: the result
    is a chat whatever happened.
    """
    merged: Messages = []
    conflicts: list[MessageConflict] = []
    efforts = _efforts()
    length = marker_length([message["content"] for message in (*base, *theirs, *mine) if "content" in message])
    for is_shared, parts in _stretches((base, theirs, mine), _edited, efforts):
        winner = _winner(*map(_keys, parts))
        if winner:
            merged += map(dict, parts[1] if winner == "theirs" else parts[2])
            continue
        if is_shared:
            before, other, own = (part[0]["content"] for part in parts)
            content = _merged_text((before, other, own), efforts, length)
            conflicts += [MessageConflict(len(merged), hunk) for hunk in content.hunks]
            merged.append({"role": parts[0][0]["role"], "content": content.text})
            continue
        conflicts.append(MessageConflict(len(merged), Hunk(1, *map(_listed, parts))))
        opening, middle, parting, closing = ({"role": "system", "content": mark} for mark in _markers(length))
        merged += map(dict, [opening, *parts[1], middle, *parts[0], parting, *parts[2], closing])
    return merged, conflicts


def _edited(old: Sequence[Message], new: Sequence[Message], effort: Effort) -> dict[int, int]:
    """Which message of the old chat is which of the new one: equal, or of the same role with other words."""
    found: dict[int, int] = {}
    pairing = Effort(PAIR_STEPS)
    for block in blocks(_keys(old), _keys(new), effort):
        before, after = old[block.old_start : block.old_end], new[block.new_start : block.new_end]
        if block.same:
            pairs = [(index, index) for index in range(len(before))]
        else:
            pairs = alike_in_order([*map(_gist, before)], [*map(_gist, after)], _alikeness, pairing)
        found |= {block.old_start + x: block.new_start + y for x, y in pairs}
    return found


def _keys(messages: Sequence[Message]) -> list[bytes]:
    return [canonical_json(message) for message in messages]


def _listed(messages: Sequence[Message]) -> str:
    return "".join(f"{key.decode()}\n" for key in _keys(messages))


def _gist(message: Message) -> tuple[str | None, Counter[str]]:
    return message.get("role"), Counter(words(message.get("content", "")))


def _alikeness(one: tuple[str | None, Counter[str]], other: tuple[str | None, Counter[str]]) -> float:
    if one[0] is None or one[0] != other[0]:
        return 0.0
    return max(likeness(one[1], other[1]), SAME_ROLE)
