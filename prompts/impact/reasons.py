"""What a rule gives."""

from typing import NamedTuple


class Reason(NamedTuple):
    """Why a change matters. `line` is one of the new text; none where only the old text has it."""

    rule: str
    message: str
    line: int | None
    #: 0 to 1: how much this alone weighs; 0.5 and more is major.
    weight: float
