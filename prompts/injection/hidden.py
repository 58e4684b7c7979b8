"""What no reader sees: signs without a shape, and text spelled in them. Pure.

Emoji are joined, Persian and Indian words are shaped, and text that runs from the right is set with such signs: where
they belong, they are not mentioned.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple

from prompts.injection.letters import HIDDEN

_RUN: Final = re.compile(f"[{HIDDEN}]+")
_FROM_THE_RIGHT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_DIRECTIONS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069]+")
_SHAPED: Final = re.compile("[\u0600-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc]")
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u9fff\uac00-\ud7a3]")
_SHAPES: Final = re.compile("[\ufe0e\ufe0f]?\u200d|[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
#: England, Scotland and Wales are spelled in tags.
_FLAGS: Final = re.compile(
    "\U0001f3f4(?:\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f)"
)
#: Signs that stand for letters, and runs that say something, whatever it is.
_SPELLING: Final = re.compile("[\ufe00-\ufe0f\U000e0020-\U000e007e\U000e0100-\U000e01ef]+")
_MESSAGE: Final = re.compile(
    f"[\U000e0020-\U000e007e]+\U000e007f?|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{{4,}}|[{HIDDEN}]{{8,}}"
)
_MOST_RUNS: Final = 500


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
        """Those that say something, and then the others; so many of either."""
        for pattern in (_MESSAGE, _RUN):
            matches = (match for match in pattern.finditer(self.text) if not self._belongs(match))
            for match in islice(matches, _MOST_RUNS):
                yield Hidden(match.start(), pattern is _MESSAGE, spelled(match[0]))

    def spelled_out(self) -> str:
        """Everything that hidden signs spell, in one piece: it may be spread over the whole text."""
        if not _MESSAGE.search(self.text):
            return ""
        signs = "".join(_SPELLING.findall(_FLAGS.sub("", self.text)))
        return spelled(signs) or ""

    @cached_property
    def _runs_from_the_right(self) -> bool:
        return bool(_FROM_THE_RIGHT.search(self.text))

    def _belongs(self, match: re.Match[str]) -> bool:
        run, start, end = match[0], match.start(), match.end()
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
        return bool(_FLAGS.fullmatch(f"{before}{run}"))


def spelled(run: str) -> str | None:
    """What tag characters or variation selectors spell."""
    if max(run, default="") < "\ufe00":
        return None
    if tags := run.translate(_TAGS).encode("latin-1", "ignore"):
        return tags.decode("latin-1")
    selected = run.translate(_SELECTED).encode("latin-1", "ignore")
    return selected.decode(errors="replace") if len(selected) > 3 else None


_TAGS: Final = {0xE0000 + code: code for code in range(0x20, 0x7F)}
#: The byte that each variation selector stands for.
_SELECTED: Final = {(0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16): byte for byte in range(1, 256)}
