"""What no reader sees: signs without a shape, and text spelled in them. Pure.

Emoji are joined, Persian and Indian words are shaped, and text that runs from the right is set with such signs: where
they belong, they are not mentioned.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple

from prompts.injection.letters import HIDDEN

_RUN: Final = re.compile(f"[{HIDDEN}]+")
_FROM_THE_RIGHT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_DIRECTIONS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069]+")
_SHAPED: Final = re.compile("[\u0600-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc]")
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u9fff\uac00-\ud7a3]")
_SHAPES: Final = re.compile("[\ufe0e\ufe0f]?\u200d|[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_FLAG: Final = "\U0001f3f4"
_FLAGS: Final = frozenset({"gbeng", "gbsct", "gbwls"})
#: So many hidden signs in a row say something, whatever it is.
_LONG_RUN: Final = 8
_TAGS: Final = range(0xE0020, 0xE007F)


class Hidden(NamedTuple):
    """A run of hidden signs: where it is, and what it spells, if it is there to say something."""

    start: int
    is_message: bool
    says: str | None


class HiddenSigns:
    """The hidden signs of one text that do not belong where they are."""

    def __init__(self, text: str) -> None:
        self.text = text

    def runs(self) -> Iterator[Hidden]:
        for match in _RUN.finditer(self.text):
            if self._belongs(match[0], match.start(), match.end()):
                continue
            says = spelled(match[0])
            yield Hidden(match.start(), bool(says) or len(match[0]) >= _LONG_RUN, says)

    def spelled_out(self) -> str:
        """Everything that hidden signs spell, in one piece: it may be spread over the whole text."""
        return "".join(each.says or "" for each in self.runs())

    @cached_property
    def _runs_from_the_right(self) -> bool:
        return bool(_FROM_THE_RIGHT.search(self.text))

    def _belongs(self, run: str, start: int, end: int) -> bool:
        before, after = self.text[start - 1 : start] if start else "", self.text[end : end + 1]
        if run == "\u00ad" or (run == "\ufeff" and start == 0):
            return True
        if run in ("\u200c", "\u200d") and _SHAPED.match(before):
            return True
        if run == "\u200b":
            return bool(_UNSPACED.match(before) or _UNSPACED.match(after))
        if _DIRECTIONS.fullmatch(run):
            return self._runs_from_the_right
        if run == "\ufe0f" and after == "\u20e3":
            return True
        if _SHAPES.fullmatch(run):
            return bool(before) and not before.isascii() and not (run[-1] == "\u200d" and after.isascii())
        return before == _FLAG and (spelled(run) or "") in _FLAGS


def spelled(run: str) -> str | None:
    """What tag characters or variation selectors spell."""
    if tags := "".join(chr(ord(sign) - 0xE0000) for sign in run if ord(sign) in _TAGS):
        return tags
    selected = bytes(filter(None, map(_selected, map(ord, run))))
    return selected.decode(errors="replace") if len(selected) > 3 else None


def _selected(code: int) -> int:
    """The byte that a variation selector stands for."""
    if 0xFE00 <= code <= 0xFE0F:
        return code - 0xFE00
    return code - 0xE0100 + 16 if 0xE0100 <= code <= 0xE01EF else 0
