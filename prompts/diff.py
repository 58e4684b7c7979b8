"""What has changed between two versions: lines, words inside changed lines, declared variables, config. Pure.

A chat is compared as its transcript: before each message's lines stands a line that names its role.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Literal

from prompts.content import CHAT, Content, Messages
from prompts.sequences import Block, Effort, alike_in_order, blocks

Kind = Literal["added", "removed", "modified", "unchanged"]
WordKind = Literal["equal", "removed", "added"]

#: Two lines are one line changed if at least this share of their words is the same.
ALIKE: Final = 0.5
#: Steps for the lines of two texts and, apart from them, for the words inside.
LINE_STEPS: Final = 250_000
WORD_STEPS: Final = 250_000

#: A word or sign, and the white space after it. An expression or tag of the template is one word; its length is
#: bounded, so that finding it takes linear time.
WORD: Final = re.compile(r"(\{\{[^{}\n]{0,200}\}\}|\{%[^{}%\n]{0,200}%\}|\w+(?:['\u2019]\w+)*|[^\w\s]|^(?=\s))(\s*)")


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of a modified section: equal on both sides, only in the old text, or only in the new."""

    type: WordKind
    value: str


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that stand together. Numbers start at 1 and include the end; a side that has no lines has none."""

    type: Kind
    value: str
    old_value: str | None
    line_start: int | None
    line_end: int | None
    new_line_start: int | None
    new_line_end: int | None
    words: tuple[Words, ...] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One declared variable or one value of the config, by its name or path."""

    name: str
    type: Literal["added", "removed", "modified"]
    value: Any
    old_value: Any


@dataclass(frozen=True, slots=True)
class Diff:
    """Everything that differs in what two versions serve, and the lines that do not."""

    sections: tuple[Section, ...]
    variables: tuple[Entry, ...]
    config: tuple[Entry, ...]

    def count(self, kind: Kind) -> int:
        """How many lines of this kind there are; of modified ones, those of the new text."""
        return sum(_height(section) for section in self.sections if section.type == kind)


def compare(old: Content, new: Content) -> Diff:
    """The difference from one version to another of the same prompt."""
    return Diff(
        tuple(sections(transcript_lines(old)[0], transcript_lines(new)[0])),
        tuple(_entries(old.variables, new.variables)),
        tuple(_entries(dict(leaves(old.config)), dict(leaves(new.config)))),
    )


def transcript(content: Content) -> str:
    """The text; or a chat's messages as one text, in order, each under a line with its role."""
    return "\n".join(transcript_lines(content)[0])


def transcript_lines(content: Content) -> tuple[list[str], frozenset[int]]:
    """The lines of a transcript, and the indexes of those that name a role."""
    if content.type != CHAT:
        return content.body.split("\n"), frozenset()
    messages: Messages = content.parsed  # type: ignore[assignment]  # a chat's are messages
    lines: list[str] = []
    headings = []
    for message in messages:
        headings.append(len(lines))
        lines.append(heading(message))
        if "content" in message:
            lines += message["content"].split("\n")
    return lines, frozenset(headings)


def heading(message: Mapping[str, str]) -> str:
    """The line of a transcript that a message begins with."""
    return f"[placeholder: {message['placeholder']}]" if "placeholder" in message else f"[{message['role']}]"


# ----------------------------------------------------------------------------- lines
def sections(old: Sequence[str], new: Sequence[str]) -> Iterator[Section]:
    """The lines of two texts from top to bottom, unchanged ones too."""
    efforts = Effort(LINE_STEPS), Effort(WORD_STEPS)
    for block in blocks(old, new, efforts[0]):
        if block.same:
            yield _section("unchanged", old, new, block)
        else:
            yield from _changed(old, new, block, efforts)


def _changed(old: Sequence[str], new: Sequence[str], block: Block, efforts: tuple[Effort, Effort]) -> Iterator[Section]:
    """A block that differs: pairs of one line changed, lines only here or there — or one paragraph set anew."""
    lines = _pieces(block, _pairs(old, new, block, efforts[0]))
    parts = [_section(kind, old, new, piece, efforts[1]) for kind, piece in lines]
    if {part.type for part in parts} == {"modified"}:
        yield from parts
        return
    paragraph = _section("modified", old, new, block, efforts[1]) if _both(block) else None
    if paragraph and _changed_words(paragraph) < sum(map(_changed_words, parts)) and _kept_share(paragraph) >= ALIKE:
        yield paragraph
    else:
        yield from parts


def _both(block: Block) -> bool:
    return block.old_end > block.old_start and block.new_end > block.new_start


def _pairs(old: Sequence[str], new: Sequence[str], block: Block, effort: Effort) -> list[tuple[int, int]]:
    before = [Counter(words(line)) for line in old[block.old_start : block.old_end]]
    after = [Counter(words(line)) for line in new[block.new_start : block.new_end]]
    pairs = alike_in_order(before, after, likeness, effort)
    return [(block.old_start + x, block.new_start + y) for x, y in pairs]


def _pieces(block: Block, pairs: list[tuple[int, int]]) -> Iterator[tuple[Kind, Block]]:
    """A block cut at its pairs: what went, what came, and each line that changed."""
    x, y = block.old_start, block.new_start
    for first, second in [*pairs, (block.old_end, block.new_end)]:
        if first > x:
            yield "removed", Block(False, x, first, y, y)
        if second > y:
            yield "added", Block(False, first, first, y, second)
        if (first, second) != (block.old_end, block.new_end):
            yield "modified", Block(False, first, first + 1, second, second + 1)
        x, y = first + 1, second + 1


def _section(kind: Kind, old: Sequence[str], new: Sequence[str], block: Block, effort: Effort | None = None) -> Section:
    before, after = (
        "\n".join(side) for side in (old[block.old_start : block.old_end], new[block.new_start : block.new_end])
    )
    in_old, in_new = block.old_end > block.old_start, block.new_end > block.new_start
    return Section(
        kind,
        before if kind == "removed" else after,
        before if kind == "modified" else None,
        block.old_start + 1 if in_old else None,
        block.old_end if in_old else None,
        block.new_start + 1 if in_new else None,
        block.new_end if in_new else None,
        tuple(changed_words(before, after, effort)) if kind == "modified" and effort else None,
    )


def _height(section: Section) -> int:
    start, end = section.new_line_start, section.new_line_end
    if start is None or end is None:
        start, end = section.line_start, section.line_end
    return end - start + 1 if start is not None and end is not None else 0


# ----------------------------------------------------------------------------- words
def words(text: str) -> list[str]:
    """Words and signs, without white space."""
    return [word for word, _ in WORD.findall(text) if word]


def likeness(one: Counter[str], other: Counter[str]) -> float:
    """The share of words that two lines have in common, or 0 if it is too small to call them one line changed."""
    total = one.total() + other.total()
    if not total:
        return 1.0
    fewer, more = sorted((one, other), key=len)
    share = 2 * sum(min(count, more[word]) for word, count in fewer.items()) / total
    return share if share >= ALIKE else 0.0


def changed_words(old: str, new: str, effort: Effort) -> Iterator[Words]:
    """Two texts word by word; what is equal or removed makes the old one, what is equal or added the new one."""
    for is_equal, run in groupby(_word_pieces(old, new, effort), key=lambda piece: piece.type == "equal"):
        pieces = list(run)
        kinds: tuple[WordKind, ...] = ("equal",) if is_equal else ("removed", "added")
        for kind in kinds:
            if value := "".join(piece.value for piece in pieces if piece.type == kind):
                yield Words(kind, value)


def _word_pieces(old: str, new: str, effort: Effort) -> Iterator[Words]:
    before, after = WORD.findall(old), WORD.findall(new)
    for block in blocks([word for word, _ in before], [word for word, _ in after], effort):
        gone, come = before[block.old_start : block.old_end], after[block.new_start : block.new_end]
        if not block.same:
            yield Words("removed", "".join(map("".join, gone)))
            yield Words("added", "".join(map("".join, come)))
            continue
        for (word, space), (_, new_space) in zip(gone, come, strict=True):
            yield Words("equal", word + (space if space == new_space else ""))
            if space != new_space:
                yield Words("removed", space)
                yield Words("added", new_space)


def _changed_words(section: Section) -> int:
    if section.type != "modified":
        return len(words(section.value))
    return sum(len(words(piece.value)) for piece in section.words or () if piece.type != "equal")


def _kept_share(section: Section) -> float:
    kept = sum(len(words(piece.value)) for piece in section.words or () if piece.type == "equal")
    total = len(words(section.value)) + len(words(section.old_value or ""))
    return 2 * kept / total if total else 1.0


# ----------------------------------------------------------------------------- variables and config
def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested objects, each by its JSON Pointer (RFC 6901); a list or an empty object is one value."""
    if isinstance(value, dict) and (value or not path):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}/{name.replace('~', '~0').replace('/', '~1')}")
    else:
        yield path, value


def _entries(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Entry]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield Entry(name, "added", new[name], None)
        elif name not in new:
            yield Entry(name, "removed", None, old[name])
        elif not _is_same(old[name], new[name]):
            yield Entry(name, "modified", new[name], old[name])


def _is_same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, but 1.0 is."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
