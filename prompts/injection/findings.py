"""What a scan says. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

Severity = Literal["warn", "block"]
Status = Literal["pass", "warn", "block", "error"]

#: From good to bad. What blocks has been seen, whatever failed after it.
RANKS: Final[tuple[Status, ...]] = ("pass", "warn", "error", "block")
#: So many findings of a text are shown, and so much of a text that is quoted.
MOST_FINDINGS: Final = 50
_SHOWN: Final = 200


class Finding(NamedTuple):
    """One thing that a rule found: where, and what to do about it."""

    rule: str
    status: Status
    line: int
    message: str
    #: What the text says once it is decoded, where the rule found it only there.
    decoded: str | None = None

    def as_dict(self) -> dict[str, Any]:
        told = {"rule": self.rule, "line": self.line, "message": self.message}
        return told if self.decoded is None else {**told, "decoded": self.decoded}


class Scan(NamedTuple):
    """The verdict over a text, and what it rests on."""

    status: Status
    findings: tuple[Finding, ...]


def verdict(findings: Iterable[Finding]) -> Scan:
    """As bad as the worst of them, which come first."""
    found = sorted(findings, key=lambda each: (-RANKS.index(each.status), each.line))
    return Scan(found[0].status if found else "pass", tuple(found[:MOST_FINDINGS]))


def worst(findings: Sequence[Finding]) -> list[Finding]:
    """Without those that say less of a line than another finding of the same rule."""
    ranks: dict[tuple[str, int], int] = {}
    for each in findings:
        ranks[each.rule, each.line] = max(RANKS.index(each.status), ranks.get((each.rule, each.line), 0))
    return [each for each in findings if RANKS.index(each.status) == ranks[each.rule, each.line]]


def shown(text: str, most: int = _SHOWN) -> str:
    """A text cut and cleaned so that it can be stored and printed: no control characters, no halves of pairs."""
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 2 * most]).split())
    return clean if len(clean) <= most else f"{clean[:most]}…"
