"""When two words are one word written in another way, and when they are opposites. Pure."""

from functools import lru_cache
from typing import Final

from prompts.impact import lexicon

#: What is longer is no word that somebody mistyped.
_LONGEST: Final = 40
_SPELLINGS: Final = (("ise", "ize"), ("isa", "iza"), ("ising", "izing"), ("our", "or"), ("yse", "yze"), ("lled", "led"))


def is_opposite(one: str, other: str) -> bool:
    """polite and rude, formal and informal."""
    return frozenset((stem(one), stem(other))) in _STEMMED_OPPOSITES or any(
        one == f"{prefix}{other}" or other == f"{prefix}{one}" for prefix in lexicon.NEGATING
    )


@lru_cache(maxsize=4096)
def is_same_word(one: str, other: str) -> bool:
    """A typing error, another spelling, another form of the word, or a synonym."""
    if one == other:
        return True
    if is_opposite(one, other):
        return False
    first, second = stem(one), stem(other)
    if first == second or any(first in group and second in group for group in _GROUPS):
        return True
    return _is_typing_error(one.replace("-", ""), other.replace("-", ""))


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """A word without the usual English endings; no more than is needed to hold its forms together."""
    for british, american in _SPELLINGS:
        word = word.replace(british, american)
    for ending, rest in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + rest
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


_ENDINGS: Final = (
    ("ations", "at"), ("ation", "at"), ("ically", "ic"), ("iness", "y"), ("ings", ""), ("ies", "y"), ("ied", "y"),
    ("ily", "y"), ("ely", "e"), ("ing", ""), ("ers", "er"), ("est", ""), ("ed", ""), ("es", "e"), ("ly", ""),
    ("s", ""),
)  # fmt: skip
_GROUPS: Final = [frozenset(map(stem, group)) for group in lexicon.SYNONYMS]
_STEMMED_OPPOSITES: Final = frozenset(frozenset(map(stem, pair)) for pair in lexicon.OPPOSITES)


def _is_typing_error(one: str, other: str) -> bool:
    """One letter wrong, missing, too many or two exchanged; in long words, two such."""
    longer = max(len(one), len(other))
    if not 4 <= longer <= _LONGEST or not (one.isalpha() and other.isalpha()):
        return one == other
    return _distance(one, other) <= (1 if longer < 8 else 2)


def _distance(one: str, other: str) -> int:
    """Damerau and Levenshtein's distance, adjacent letters exchanged counting once; above 2 it is only large."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for x, letter in enumerate(one, start=1):
        earlier, before, row = before, row, [x]
        for y, counterpart in enumerate(other, start=1):
            cost = min(before[y] + 1, row[y - 1] + 1, before[y - 1] + (letter != counterpart))
            if x > 1 and y > 1 and letter == other[y - 2] and one[x - 2] == counterpart:
                cost = min(cost, earlier[y - 2] + 1)
            row.append(cost)
    return row[-1]
