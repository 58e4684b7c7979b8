"""A text as words that mean something, and what stands between them. Pure."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property, reduce
from itertools import accumulate
from operator import or_
from typing import Final

from prompts.injection.lexicon import ATTACK, LINK, ROWS, WORDS
from prompts.injection.letters import plain
from prompts.injection.spelling import BEGINNINGS, Reading, joined, pieces, read, unspaced, without_signs

#: What stands before a word.
END, SOFT_END, COMMA, COLON, QUOTE, NEWLINE = (1 << place for place in range(6))
_END: Final = re.compile(r"[.!?\u2026]['\"\u201d\u2019\u00bb)\]*_}]*(?:\s|$)|[\u3002\uff01\uff1f;]")
_EMPTY_LINE: Final = re.compile(r"\n[ \t]*\n")
_SIGNS: Final = (
    (_END, END),
    (re.compile("[,\u3001\uff0c\u060c(\u2013\u2014]| - "), COMMA),
    (re.compile(":"), COLON),
    (re.compile("[\"\u201c\u201d\u201e\u00ab\u00bb`\u300c\u300d]|(?<![A-Za-z])'|'(?![A-Za-z])"), QUOTE),
    (re.compile("\n"), NEWLINE),
)
#: Of what is longer, the beginning and the end are looked at.
_LONGEST: Final = 60
_WORD: Final = re.compile(r"([^\W_]+)")
_MOST_PIECES: Final = 4
_HOST: Final = 8
#: A text that speaks of attacks so often is about them.
_TOPIC: Final = 2


class Meanings(dict[str, Reading]):
    """What was found out about words, so that each is looked at once a scan."""

    def __missing__(self, raw: str) -> Reading:
        reading = self[raw] = read(raw)
        return reading


class Gaps(dict[str, int]):
    """The same for what stands between words."""

    def __missing__(self, signs: str) -> int:
        seen = signs if len(signs) <= 2 * _LONGEST else f"{signs[:_LONGEST]}\n\n{signs[-_LONGEST:]}"
        kinds = sum(kind for pattern, kind in _SIGNS if pattern.search(seen))
        if _EMPTY_LINE.search(seen):
            kinds |= SOFT_END
        self[signs] = kinds
        return kinds


class Words:
    """The words of a text in order: each as it was meant, what it means, and what stands before it."""

    def __init__(self, text: str, meanings: Meanings, gaps: Gaps) -> None:
        self.text = unspaced(without_signs(plain(text)))
        parts = _WORD.split(self.text)
        self._parts: Sequence[str] = parts
        self.raw, self.gaps = parts[1::2], [gaps[signs] for signs in parts[:-1:2]]
        self._owners: list[int] | None = None
        self._take_apart()
        self.words: list[str] = []
        self.means: list[int] = []
        for raw in self.raw:
            word, means = meanings[raw]
            self.words.append(word)
            self.means.append(means)
        if "://" in self.text:
            self._clear_hosts()
        self._join_pieces()
        self._join_rows()
        self._end_sentences()
        self.spots = [place for place, means in enumerate(self.means) if means]

    def at(self, meaning: int) -> list[int]:
        """Where words stand that mean this."""
        return [place for place in self.spots if self.means[place] & meaning]

    def meaning_between(self, begin: int, end: int) -> int:
        """What the words mean, taken together, that begin in this part of the text."""
        places = range(len(self.words))
        first = bisect_left(places, begin, key=self.start)
        return reduce(or_, self.means[first : bisect_left(places, end, key=self.start)], 0)

    @cached_property
    def is_about_attacks(self) -> bool:
        """Whether the text speaks of attacks, rather than being one."""
        return len(self.at(ATTACK)) >= _TOPIC

    def start(self, place: int) -> int:
        """Where in the text a word begins."""
        return self._starts[self._owners[place] if self._owners else place]

    def signs(self, place: int) -> str:
        """What is written before a word."""
        if self._owners is None:
            return self._parts[2 * place]
        is_inside = place > 0 and self._owners[place] == self._owners[place - 1]
        return "" if is_inside else self._parts[2 * self._owners[place]]

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate(map(len, self._parts)))[::2]

    def _take_apart(self) -> None:
        """Words that were run together, or that are written without spaces, each for itself."""
        apart = {raw: parts for raw in set(self.raw) if (parts := pieces(raw))}
        if not apart:
            return
        raws: list[str] = []
        gaps: list[int] = []
        owners: list[int] = []
        for owner, (raw, gap) in enumerate(zip(self.raw, self.gaps, strict=True)):
            parts = apart.get(raw, (raw,))
            raws += parts
            gaps += (gap, *[0] * (len(parts) - 1))
            owners += [owner] * len(parts)
        self.raw, self.gaps, self._owners = raws, gaps, owners

    def _join_pieces(self) -> None:
        """ig nore is ignore: the last piece means what the word means, the others nothing."""
        for place in [place for place, word in enumerate(self.words[:-1]) if word in BEGINNINGS]:
            parts = self.words[place : place + _MOST_PIECES]
            if self.gaps[place + 1] & END or "".join(parts[:2]) not in BEGINNINGS and "".join(parts[:2]) not in WORDS:
                continue
            word = joined(parts, by_space=self.signs(place + 1).isspace())
            if word:
                length = next(length for length in range(2, 5) if "".join(parts[:length]) == word)
                self._put(place, length, word, WORDS[word])

    def _join_rows(self) -> None:
        """Words that mean something only in a row: the last of them for all, in the longest row."""
        end = 0
        for place in [place for place, word in enumerate(self.words) if word in ROWS]:
            if place < end:
                continue
            for rest, means in ROWS[self.words[place]]:
                behind = self.words[place + 1 : place + 1 + len(rest)]
                if len(behind) == len(rest) and all(map(_matches, behind, rest)):
                    end = place + 1 + len(rest)
                    self._put(place, len(rest) + 1, behind[-1], self.means[end - 1] | means)
                    break

    def _clear_hosts(self) -> None:
        """The words of a host in an address mean nothing."""
        for place in [place for place in range(len(self.words)) if "://" in self.signs(place)]:
            self.means[place] = 0
            for each in range(place + 1, min(place + _HOST, len(self.words))):
                if self.signs(each) not in (".", "-"):
                    break
                self.means[each] = 0

    def _put(self, place: int, length: int, word: str, means: int) -> None:
        self.means[place : place + length] = [*[LINK] * (length - 1), means]
        self.words[place + length - 1] = word

    def _end_sentences(self) -> None:
        """An empty line ends a sentence unless the next goes on in small letters; a dot behind each word ends none."""
        gaps = self.gaps
        for place in [place for place, gap in enumerate(gaps) if gap & SOFT_END]:
            if not self.raw[place][0].islower():
                gaps[place] |= END
        ends = [0, *(place for place, gap in enumerate(gaps) if gap & END and place), len(gaps)]
        lone = {place for place, end in zip(ends, ends[1:], strict=False) if end == place + 1}
        for before, place in zip(ends, ends[1:-1], strict=False):
            if before in lone and place in lone:
                gaps[place] = gaps[place] & ~END | SOFT_END


def _matches(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern[-1:] == "*" else word == pattern
