"""Which sentences changed, and into what. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from typing import Final

from prompts.impact import lexicon
from prompts.impact.tokens import Token
from prompts.impact.words import is_same_word
from prompts.sequences import Effort, alike_in_order, blocks

Tokens = Sequence[Token]

#: Two sentences are one sentence changed if at least this share of their words is the same.
ALIKE: Final = 0.45
#: More pairs of sentences than this are not looked at in every order.
MOST_PAIRS: Final = 4_000
#: Pieces longer than this are not compared word with word.
MOST_WORDS: Final = 24
LIST_SIGNS: Final = frozenset({",", "/", "|", "or", "and", "und", "oder", "et", "ou", "y", "o"})


@dataclass(frozen=True)
class Hunk:
    """Words that were replaced inside a sentence, either side may be empty; and where they stand in it."""

    old: Tokens
    new: Tokens
    old_place: int
    new_place: int

    @property
    def is_short(self) -> bool:
        """Whether its words may be compared one by one."""
        return len(self.old) <= MOST_WORDS and len(self.new) <= MOST_WORDS

    @cached_property
    def is_substitution(self) -> bool:
        """Whether words of substance stand for others that do not mean the same."""
        old, new = ([token for token in side if is_substance(token)] for side in (self.old, self.new))
        return bool(self.is_short and old and new and len(unmatched(old, new)) > abs(len(old) - len(new)))

    @property
    def changes_list(self) -> bool:
        """Whether an item with the sign beside it is all that came or went."""
        only = self.old or self.new
        edges = {only[0].means, only[-1].means}
        return not (self.old and self.new) and bool(edges & LIST_SIGNS) and any(map(is_substance, only))


@dataclass(frozen=True)
class Sentence:
    """A sentence before and after; only one of them if it was added or removed."""

    old: Tokens
    new: Tokens
    hunks: tuple[Hunk, ...]

    @property
    def is_changed(self) -> bool:
        """Whether it is there before and after."""
        return bool(self.old and self.new)

    @property
    def line(self) -> int | None:
        """Where the change shows in the new text."""
        at = [hunk.new[0].line for hunk in self.hunks if hunk.new] or [token.line for token in self.new[:1]]
        return at[0] if at else None

    @property
    def gone(self) -> list[Token]:
        return [token for hunk in self.hunks for token in hunk.old]

    @property
    def come(self) -> list[Token]:
        return [token for hunk in self.hunks for token in hunk.new]

    @property
    def is_example(self) -> bool:
        """Whether it belongs to the examples."""
        return (self.new or self.old)[0].heading.is_example

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(token.means for token in (*self.old, *self.new))

    @cached_property
    def heading_words(self) -> frozenset[str]:
        """The words it stands under."""
        return (self.new or self.old)[0].heading.words


def said(tokens: Tokens, most: int = 60) -> str:
    """Tokens as they were written, shortened, in quotation marks."""
    text = re.sub(r"\s+([,.;:!?)\]}])|([(\[])\s+", r"\1\2", " ".join(each.written.strip() for each in tokens[:40]))
    return f"“{text if len(text) <= most else text[: most - 1].rstrip() + '…'}”"


def is_substance(token: Token) -> bool:
    """A word that says something by itself; no marker, no sign, no small word."""
    return token.means[0].isalnum() and token.means not in lexicon.SMALL


def unmatched(gone: Tokens, come: Tokens) -> list[Token]:
    """Words without a counterpart that means the same."""
    left = list(come)
    alone = []
    for token in gone:
        twin = next((other for other in left if is_same_word(token.means, other.means)), None)
        if twin is None:
            alone.append(token)
        else:
            left.remove(twin)
    return alone + left


# ----------------------------------------------------------------------------- cutting and pairing
def changed_sentences(before: Tokens, after: Tokens, effort: Effort) -> list[Sentence]:
    """The sentences that do not stand on both sides, wherever they stand, with what they became."""
    old, new = _cut(before, after, effort)
    common = Counter(map(_key, old)) & Counter(map(_key, new))
    return list(_paired(_left(old, Counter(common)), _left(new, Counter(common)), effort))


def _cut(old: Tokens, new: Tokens, effort: Effort) -> tuple[list[Tokens], list[Tokens]]:
    """Both texts cut into sentences. Where one begins on one side it does on the other, if it is preceded by the
    same: a text that was only set in other lines is cut alike."""
    begins = {index for index, token in enumerate(old) if token.begins}
    new_begins = {index for index, token in enumerate(new) if token.begins}
    for block in blocks([token.means for token in old], [token.means for token in new], effort):
        shift = block.new_start - block.old_start
        for index in range(block.old_start + 1, block.old_end if block.same else 0):
            if index in begins or index + shift in new_begins:
                begins.add(index)
                new_begins.add(index + shift)
    return _slices(old, begins), _slices(new, new_begins)


def _slices(items: Tokens, begins: set[int]) -> list[Tokens]:
    edges = sorted(begins | {0, len(items)})
    return [items[start:end] for start, end in pairwise(edges)]


def _key(sentence: Tokens) -> tuple[str, ...]:
    """What a sentence says, and whether it is listed as forbidden; signs left out."""
    says = tuple(token.means for token in sentence if token.means[0].isalnum() or token.means[0] in "@{")
    return ("@forbidden", *says) if says and sentence[0].is_forbidden else says


def _left(sentences: list[Tokens], common: Counter[tuple[str, ...]]) -> list[Tokens]:
    left = []
    for sentence in sentences:
        key = _key(sentence)
        if common[key]:
            common[key] -= 1
        elif key:
            left.append(sentence)
    return left


def _paired(old: list[Tokens], new: list[Tokens], effort: Effort) -> Iterator[Sentence]:
    """Sentences with what they became: in order first, then in any order, then alone."""
    bags = [Counter(_key(sentence)) for sentence in old], [Counter(_key(sentence)) for sentence in new]
    pairs = dict([(0, 0)] if len(old) == len(new) == 1 else alike_in_order(*bags, _likeness, effort))
    pairs |= _in_any_order(bags, pairs)
    for x, y in pairs.items():
        yield Sentence(old[x], new[y], tuple(_hunks(old[x], new[y], effort)))
    for x, sentence in enumerate(old):
        if x not in pairs:
            yield Sentence(sentence, (), (Hunk(sentence, (), 0, 0),))
    met = set(pairs.values())
    for y, sentence in enumerate(new):
        if y not in met:
            yield Sentence((), sentence, (Hunk((), sentence, 0, 0),))


def _in_any_order(bags: tuple[list[Counter[str]], list[Counter[str]]], taken: dict[int, int]) -> dict[int, int]:
    """The likest of those that are left, each with the one most like it."""
    met = set(taken.values())
    old = [x for x in range(len(bags[0])) if x not in taken]
    new = [y for y in range(len(bags[1])) if y not in met]
    if len(old) * len(new) > MOST_PAIRS:
        return {}
    alike = ((_likeness(bags[0][x], bags[1][y]), x, y) for x in old for y in new)
    found: dict[int, int] = {}
    for likeness, x, y in sorted(alike, key=lambda each: (-each[0], each[1:])):
        if likeness and x not in found and y not in met:
            found[x] = y
            met.add(y)
    return found


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    fewer, more = sorted((one, other), key=len)
    share = 2 * sum(min(count, more[word]) for word, count in fewer.items()) / total if total else 1.0
    return share if share >= ALIKE else 0.0


def _hunks(old: Tokens, new: Tokens, effort: Effort) -> Iterator[Hunk]:
    for block in blocks([token.means for token in old], [token.means for token in new], effort):
        if not block.same:
            yield Hunk(
                old[block.old_start : block.old_end],
                new[block.new_start : block.new_end],
                block.old_start,
                block.new_start,
            )


def words_after(sentence: Tokens, place: int, count: int) -> tuple[str, ...]:
    """The next words of substance behind a place, looked for among the twelve tokens that follow."""
    following = islice(sentence, place + 1, place + 13)
    return tuple(islice((token.means for token in following if is_substance(token)), count))
