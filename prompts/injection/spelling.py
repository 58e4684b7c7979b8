"""Words that were spelled so as not to be found: with digits or typing errors, spaced out, run together. Pure.

What is read back is always one of the words that rules look for; any other spelling is left as it is.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from itertools import chain, product, zip_longest
from typing import Final

from prompts.injection.letters import is_mixed, skeleton
from prompts.injection.lexicon import CORE, STEMS, WORDS, words_of

#: A word as it is meant, and what it means.
Reading = tuple[str, int]

_LATIN: Final = frozenset(word for word in WORDS if word.isascii() and word.isalpha())
#: Words worth finding however they are written.
KEYS: Final = frozenset(word for word in _LATIN if WORDS[word] & CORE and len(word) > 4)
#: Words that are told from others even with a space inside, or with a letter wrong.
_LONG: Final = frozenset(word for word in _LATIN if len(word) > 5) | KEYS
#: Words that say something when they come out of a text read backwards, or put together from pieces.
TELLING: Final = frozenset(word for word in _LATIN if len(word) > 3)
#: Words that no other English word is like.
_UNMISTAKABLE: Final = words_of(
    """ignore ignoring disregard forget override bypass previous preceding original initial instruction instructions
    guidelines directives system prompt reveal disclose repeat print verbatim everything password passwords credentials
    secret restrictions limitations unrestricted uncensored unfiltered disable filters safety ethical pretend question
    conversation history illegal harmful developer jailbreak exactly hidden confidential"""
)

# ----------------------------------------------------------------------------- one word
_LONGEST_STEM: Final = max(map(len, STEMS))
_DIGITS: Final = str.maketrans("023456789", "ozeasgtbg")
#: A word with more ones than this is a number.
_MOST_ONES: Final = 4
_SIGNED: Final = re.compile(r"(?<![^\W_])(?<![@$!|\u20ac\u00a3+])[^\W_]*+(?:[@$!|\u20ac\u00a3+]++[^\W_]++)++")
_SIGNS: Final = str.maketrans("@$!|\u20ac\u00a3+", "asiielt")
_REPEATED: Final = re.compile(r"(.)\1+")
_DRAWN_OUT: Final = re.compile(r"(.)\1\1")
#: Letters of other scripts that look like Latin ones, and not only somewhat.
_TWINS: Final = frozenset("\u0430\u0435\u0456\u043e\u0440\u0441\u0443\u0445\u0455\u0458\u03bf\u03b9\u03b7")


def read(raw: str) -> Reading:
    """A word without its disguise, and what it means; 0 if no rule asks for it."""
    word = raw.lower()
    if word in WORDS:
        return word, WORDS[word]
    for candidate in _undisguised(raw, word):
        if candidate in WORDS:
            return candidate, WORDS[candidate]
    return word, _by_stem(word)


def _undisguised(raw: str, word: str) -> Iterator[str]:
    if not word.isascii():
        latin = skeleton(raw).lower()
        if len(latin) > 2 or is_mixed(raw) or set(word) <= _TWINS:
            yield latin
        if not is_mixed(raw):
            return
        word = latin
    if not word.isalpha():
        if not word.isdigit():
            yield from _digits_read(word)
        return
    if len(word) > 3 and not _by_stem(word):
        if _DRAWN_OUT.search(word):
            yield _SQUEEZED.get(_REPEATED.sub(r"\1", word), "")
        yield word.replace("rn", "m").replace("vv", "w")
        yield _mistyped(word)


def _digits_read(word: str) -> Iterator[str]:
    """A word with letters for its digits; 1 is i or l."""
    parts = word.translate(_DIGITS).split("1")
    if len(parts) - 1 <= _MOST_ONES:
        for ones in product("il", repeat=len(parts) - 1):
            yield "".join(chain.from_iterable(zip_longest(parts, ones, fillvalue="")))


def _by_stem(word: str) -> int:
    for length in range(min(len(word), _LONGEST_STEM), 1, -1):
        if word[:length] in STEMS:
            return STEMS[word[:length]]
    return 0


def without_signs(text: str) -> str:
    """pa$$word and !gnore with letters for signs."""
    return _SIGNED.sub(_without_signs, text) if any(sign in text for sign in "@$!|\u20ac\u00a3+") else text


def _without_signs(match: re.Match[str]) -> str:
    word = match[0].lower().translate(_SIGNS)
    return next((each for each in (word, *_digits_read(word)) if each in _LATIN and len(each) > 1), match[0])


# ----------------------------------------------------------------------------- one word mistyped
_SHORTEST: Final = 6
_LONGEST: Final = max(map(len, _LATIN)) + 1
_SQUEEZED: Final = {_REPEATED.sub(r"\1", word): word for word in sorted(_LATIN)}
_ONE_LESS: Final = {
    key[:place] + key[place + 1 :]: key
    for key in sorted(_UNMISTAKABLE)
    if len(key) >= _SHORTEST
    for place in range(len(key))
}


def _mistyped(word: str) -> str:
    """The word that somebody meant: one letter missing, too many or wrong, or two of them exchanged."""
    if not (word.isascii() and _SHORTEST - 1 <= len(word) <= _LONGEST):
        return ""
    if word in _ONE_LESS:
        return _ONE_LESS[word]
    for place in range(len(word)):
        less = word[:place] + word[place + 1 :]
        key = less if less in _UNMISTAKABLE and len(less) >= _SHORTEST else _ONE_LESS.get(less, "")
        if key and (key == less or _is_slip(word, key)):
            return key
    return ""


def _is_slip(word: str, key: str) -> bool:
    """Whether one letter is wrong, or two neighbours are exchanged."""
    if len(word) != len(key):
        return False
    wrong = [place for place, (one, other) in enumerate(zip(word, key, strict=True)) if one != other]
    if len(wrong) == 2:
        first, second = wrong
        return second == first + 1 and word[first] == key[second] and word[second] == key[first]
    return len(wrong) == 1


# ----------------------------------------------------------------------------- words in pieces
#: How words that rules look for begin.
BEGINNINGS: Final = frozenset(word[:length] for word in TELLING for length in range(1, len(word)))
_SPACED: Final = re.compile(r"(?<![^\W_])(?:[^\W_][\W_]{1,3}){3,}[^\W_](?![^\W_])")
_SEPARATOR: Final = re.compile(r"[\W_]+")


def joined(parts: Iterable[str], *, by_space: bool) -> tuple[int, str]:
    """How many pieces in a row are one word, and which; with spaces between them it must be a long one."""
    known, word = _LONG if by_space else TELLING, ""
    for count, part in enumerate(parts, start=1):
        word += part
        if count > 1 and word in known:
            return count, word
        if word not in BEGINNINGS:
            break
    return 0, ""


def unspaced(text: str) -> str:
    """i g n o r e as one word; lines are as many as before."""
    return _SPACED.sub(_unspaced, text)


def _unspaced(match: re.Match[str]) -> str:
    separators = _SEPARATOR.findall(match[0])
    width = min(map(len, separators))
    letters = _SEPARATOR.split(match[0])
    text = letters[0]
    for separator, letter in zip(separators, letters[1:], strict=True):
        text += letter if len(separator) == width else f" {letter}"
    words = [word for part in text.lower().split() for word in (pieces(part) or [part])]
    if not any(read(word)[0] in TELLING for word in words):
        return match[0]
    return " ".join(words) + "\n" * match[0].count("\n")


# ----------------------------------------------------------------------------- words run together
_UNSPACED_SCRIPT: Final = re.compile("[\u0e00-\u0eff\u3040-\u9fff\uac00-\ud7a3]")
#: A shorter word is one word.
_RUN: Final = 10
#: So much of a word must be words that are known.
_SHARE: Final = 0.7
_SHORT: Final = (
    "all",
    "any",
    "and",
    "the",
    "you",
    "now",
    "are",
    "of",
    "my",
    "to",
    "me",
    "no",
    "is",
    "api",
    "in",
    "an",
    "it",
)


def _trie(words: Iterable[str]) -> str:
    """A pattern for the longest of these words, that looks at each letter once."""
    rests: dict[str, list[str]] = {}
    for word in words:
        rests.setdefault(word[:1], []).append(word[1:])
    ends = rests.pop("", None) is not None
    inner = "|".join(re.escape(first) + _trie(rest) for first, rest in sorted(rests.items()))
    return f"(?:{inner}){'?' if ends else ''}" if inner else ""


_PARTS: Final = {*TELLING, *_SHORT}


# These patterns take a tenth of a second to make: they are made when they are needed, and not by every command.
@functools.cache
def _forwards() -> re.Pattern[str]:
    return re.compile(_trie(_PARTS))


@functools.cache
def _backwards() -> re.Pattern[str]:
    return re.compile(_trie({part[::-1] for part in _PARTS}))


@functools.cache
def _without_spaces() -> re.Pattern[str]:
    return re.compile(_trie(word for word in (*WORDS, *STEMS) if _UNSPACED_SCRIPT.match(word)))


def pieces(word: str) -> list[str] | None:
    """The words that were written as one, or None if it is one."""
    if _UNSPACED_SCRIPT.search(word):
        return list(_with_rests(word))
    word = word.lower()
    if len(word) < _RUN or word in WORDS or not word.isascii():
        return None
    backwards = [part[::-1] for part in _backwards().findall(word[::-1])][::-1]
    found = max(backwards, _forwards().findall(word), key=_letters)
    is_said = len(found) > 1 and any(each in KEYS for each in found)
    return found if is_said and _letters(found) >= _SHARE * len(word) else None


def _letters(parts: list[str]) -> int:
    return sum(map(len, parts))


def _with_rests(word: str) -> Iterator[str]:
    """Known words of a script that has no spaces, and what is between them."""
    end = 0
    for match in _without_spaces().finditer(word):
        if match.start() > end:
            yield word[end : match.start()]
        yield match[0]
        end = match.end()
    if end < len(word):
        yield word[end:]
