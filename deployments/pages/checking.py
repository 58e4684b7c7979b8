"""What the editor says of a text while it is written: what was found, where, and what it changes. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, Literal, NamedTuple

from deployments.pages import lines
from prompts import diff, validation
from prompts.content import CHAT, Content
from prompts.models import BudgetTier
from prompts.validation import MOST_TOLD, Validation

Level = Literal["bad", "fair"]

_IN_MESSAGE: Final = re.compile(r"Message (\d+): ")
_OF_A_DEFAULT: Final = "The default of "


class Remark(NamedTuple):
    """One thing to mend or to know. It stands at a line of the text, or of a chat's message, or at none."""

    level: Level
    text: str
    line: int | None = None
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A content as it would be saved, and what is said of it."""

    found: dict[str, Any]
    remarks: list[Remark]
    tier: BudgetTier | None

    @property
    def marks(self) -> list[dict[str, Any]]:
        """Where the text is marked; the worst first."""
        return [each._asdict() for each in self.remarks if each.line]

    @property
    def to_mend(self) -> int:
        """How many things keep it from being sealed."""
        return sum(each.level == "bad" for each in self.remarks)


def checked(content: Content, *, expected: list[str], tier: BudgetTier | None) -> Checked:
    """What validation says of a content; as when a draft is saved."""
    found = validation.validate(content, expected=expected)
    over = tier.exceeded_by(found.tokens) if tier else None
    return Checked(found.as_dict(over_budget=over), list(_remarks(found, content, tier, over)), tier)


def _remarks(found: Validation, content: Content, tier: BudgetTier | None, over: str | None) -> Iterator[Remark]:
    in_chat = content.type == CHAT
    places = _lines_of_messages(content) if in_chat else []
    for each in found.problems[:MOST_TOLD]:
        if in_chat and each.construct == "a conflict":
            yield _in_the_message(each.line, each.message, places)
        else:
            yield _remark("bad", each.line, each.message, in_chat)
    if over and tier:
        yield Remark("bad" if tier.enforcement == tier.BLOCK else "fair", over)
    if found.unknown:
        yield Remark("fair", f"Not declared: {', '.join(found.unknown[:MOST_TOLD])}.")
    mild = [each for each in found.scan.findings if each.status not in ("block", "error")]
    for finding in mild[:MOST_TOLD]:
        decoded = f" Decoded: {finding.decoded}" if finding.decoded else ""
        yield _remark("fair", finding.line, f"{finding.message}{decoded}", in_chat)


def _remark(level: Level, line: int, text: str, in_chat: bool) -> Remark:
    if text.startswith(_OF_A_DEFAULT):
        return Remark(level, text)
    found = _IN_MESSAGE.match(text) if in_chat else None
    return Remark(level, text[found.end() :], line, int(found[1])) if found else Remark(level, text, line)


def _lines_of_messages(content: Content) -> list[tuple[int, int]]:
    """The number of each message that has a text, and the line at which it begins where all stand one after another."""
    texts = [(number, each["content"]) for number, each in enumerate(content.parsed, 1) if "content" in each]  # type: ignore[index]  # a chat's are messages
    starts = accumulate((text.count("\n") + 1 for _, text in texts), initial=1)
    return [(number, start) for (number, _), start in zip(texts, starts, strict=False)]


def _in_the_message(line: int, text: str, places: list[tuple[int, int]]) -> Remark:
    number, start = next((each for each in reversed(places) if each[1] <= line), (1, 1))
    return Remark("bad", text, line - start + 1, number)


# ----------------------------------------------------------------------------- what it changes
@dataclass(frozen=True, slots=True)
class Change:
    """What a text changes against another."""

    diff: diff.Diff
    table: lines.Table

    @property
    def counts(self) -> str:
        kinds: tuple[diff.Kind, ...] = ("added", "removed", "modified")
        return ", ".join(f"{self.diff.count(kind)} {kind}" for kind in kinds)


def change(old: Content | None, new: Content) -> Change:
    """The difference to draw; against nothing, all of it is new."""
    found = diff.compare(old or Content(new.type, "[]" if new.type == CHAT else "", {}, {}), new)
    return Change(found, lines.table(found.sections, "unified"))
