"""What a rule gives."""

from typing import Literal, NamedTuple

Rule = Literal[
    "polarity",
    "number",
    "variable",
    "role",
    "scope",
    "tone",
    "format",
    "tool",
    "language",
    "logic",
    "size",
    "config",
    "wording",
]


class Reason(NamedTuple):
    """Why a change matters. `line` is one of the new text; none where only the old text has it."""

    rule: Rule
    message: str
    line: int | None
    #: 0 to 1: how much this alone weighs; 0.5 and more is major.
    weight: float
