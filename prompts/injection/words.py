"""A text as words that mean something, and what stands between them. Pure."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property, reduce
from itertools import accumulate, chain, pairwise
from operator import or_
from typing import Final

from prompts.injection.letters import plain
from prompts.injection.lexicon import ATTACK, LINK, ROWS, WORDS
from prompts.injection.spelling import BEGINNINGS, TELLING, Reading, joined, pieces, read, unspaced, without_signs

#: What stands before a word.
END, SOFT_END, COMMA, COLON, QUOTE, NEWLINE, ADDRESS, DOT, CODE_SIGN, UNDERSCORE = (1 << place for place in range(10))
_END: Final = re.compile(r"[.!?\u2026]['\"\u201d\u2019\u00bb)\]*_}]*\s|[\u3002\uff01\uff1f;]")
_EMPTY_LINE: Final = re.compile(r"\n[ \t]*\n")
_SIGNS: Final = (
    (_END, END),
    (re.compile("[,\u3001\uff0c\u060c(\u2013\u2014]| - "), COMMA),
    (re.compile(":"), COLON),
    (re.compile("[\"\u201c\u201d\u201e\u00ab\u00bb`\u300c\u300d]|(?<![A-Za-z])'|'(?![A-Za-z])"), QUOTE),
    (re.compile("\n"), NEWLINE),
    (re.compile("://|^@$"), ADDRESS),
    (re.compile("^[.-]$"), DOT),
    (re.compile(r"[{}\[\];]| =|=[^ ]|=$|^_?\(|[\"'] ?:"), CODE_SIGN),
    (re.compile("^_$"), UNDERSCORE),
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
        readings = [meanings[raw] for raw in self.raw]
        self.words, self.means = [word for word, _ in readings], [means for _, means in readings]
        self._clear_hosts()
        self._join_pieces()
        self._join_rows()
        self._end_sentences()
        self.places: dict[int, list[int]] = {}
        for place, means in enumerate(self.means):
            if means:
                self.places.setdefault(means, []).append(place)

    def at(self, meaning: int) -> list[int]:
        """Where words stand that mean this."""
        return sorted(chain.from_iterable(places for means, places in self.places.items() if means & meaning))

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

    def is_code(self, first: int, last: int) -> bool:
        """Whether the words from one to the other are names and signs of a program, rather than a sentence."""
        gaps = self.gaps[first + 1 : last + 1]
        names = sum(bool(gap & UNDERSCORE) for gap in gaps)
        return any(gap & CODE_SIGN for gap in gaps) or 0 < names < max(len(gaps), 2)

    def line(self, place: int) -> int:
        """How many line breaks stand before a word."""
        return bisect_left(self._breaks, self.start(place))

    @cached_property
    def _breaks(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self.text)]

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
            parts = apart.get(raw) or [raw]
            raws += parts
            gaps += (gap, *[0] * (len(parts) - 1))
            owners += [owner] * len(parts)
        self.raw, self.gaps, self._owners = raws, gaps, owners

    def _join_pieces(self) -> None:
        """ig nore is ignore."""
        low = [raw.lower() for raw in self.raw]
        inside: set[int] = set()
        for place, (first, second) in enumerate(pairwise(low)):
            if first not in BEGINNINGS or place in inside or self.gaps[place + 1] & END:
                continue
            if first + second not in BEGINNINGS and first + second not in TELLING:
                continue
            length, word = joined(low[place : place + _MOST_PIECES], by_space=self.signs(place + 1).isspace())
            if word:
                self.words[place], self.means[place] = word, WORDS[word]
                inside.update(range(place + 1, place + length))
        if inside:
            self._keep([place for place in range(len(self.words)) if place not in inside])

    def _keep(self, places: Sequence[int]) -> None:
        """Leave out the words at other places."""
        owners = self._owners or range(len(self.words))
        self._owners = [owners[place] for place in places]
        self.raw, self.words = [self.raw[place] for place in places], [self.words[place] for place in places]
        self.means, self.gaps = [self.means[place] for place in places], [self.gaps[place] for place in places]

    def _join_rows(self) -> None:
        """Words that mean something only in a row: the last of them for all, in the longest row."""
        words, end = self.words, 0
        for place in [place for place, word in enumerate(words[:-1]) if word in ROWS]:
            if place < end:
                continue
            following = words[place + 1]
            for rest, means in ROWS[words[place]]:
                if rest[0] != following and rest[0][-1] != "*":
                    continue
                behind = words[place + 1 : place + 1 + len(rest)]
                if len(behind) == len(rest) and all(map(_matches, behind, rest)):
                    end = place + 1 + len(rest)
                    self._put(place, len(rest) + 1, behind[-1], self.means[end - 1] | means)
                    break

    def _clear_hosts(self) -> None:
        """The words of a host in an address mean nothing."""
        for place in [place for place, gap in enumerate(self.gaps) if gap & ADDRESS]:
            self.means[place] = 0
            for each in range(place + 1, min(place + _HOST, len(self.words))):
                if not self.gaps[each] & DOT:
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
        lone = {place for place, end in pairwise(ends) if end == place + 1}
        for before, place in pairwise(ends[:-1]):
            if before in lone and place in lone:
                gaps[place] = gaps[place] & ~END | SOFT_END


def _matches(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern[-1:] == "*" else word == pattern
