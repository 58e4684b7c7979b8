"""Which words go together: the thing that a verb is about, and what is said of it. Pure."""

from typing import Final, NamedTuple

from prompts.injection.lexicon import (
    ALL,
    ASKS,
    AT,
    BE,
    DATA,
    EXAMPLE,
    FULL,
    HIDDEN,
    HOW,
    IF,
    IGNORE,
    LINK,
    ME,
    NEW,
    NOT,
    OR,
    OTHERS,
    PREVIOUS,
    PROMPT,
    RECITE,
    REVEAL,
    RULES,
    SAFETY,
    SYSTEM,
    TURN,
    YOU,
    YOUR,
    words_of,
)
from prompts.injection.words import COLON, COMMA, END, NEWLINE, QUOTE, Words

#: What may stand between a verb and its thing without being another thing.
QUALIFIERS: Final = PREVIOUS | YOUR | ALL | SYSTEM | HIDDEN | FULL | NEW | OTHERS | SAFETY | LINK | YOU | ME | NOT
#: Words that a rule knows nothing of, between a verb and its thing.
SLACK: Final = 2
_REACH: Final = 12
_BEHIND: Final = 7
_IN_FRONT: Final = 6
#: Where these come, it is they that the thing belongs to.
_OTHER_VERBS: Final = IGNORE | REVEAL | RECITE | EXAMPLE
#: "The contents of" something is that thing.
PARTS: Final = words_of(
    "content contents value values copy text words lines sentences half rest part parts version summary"
)
_CJK_FROM: Final = "\u3000"


class Match(NamedTuple):
    """Words that a rule found, from the first to the last."""

    first: int
    last: int
    #: Whether it can hardly mean anything else.
    is_sure: bool = True
    #: Whether a "not" is part of it.
    says_not: bool = False


class Thing(NamedTuple):
    """What a verb is about: where it stands, what it is and how it is qualified."""

    first: int
    last: int
    means: int
    #: What the words around it say of it, and those behind it of where it is.
    qualities: int
    behind: int

    def has(self, quality: int) -> bool:
        return bool(self.qualities & quality)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is in a text that the model only reads."""
        return bool(self.behind & AT and self.behind & DATA and not self.behind & (PROMPT | SYSTEM))


def thing_after(words: Words, verb: int, wanted: int, *, slack: int = SLACK) -> Thing | None:
    """The first thing of a kind behind a verb, if nothing else comes between."""
    qualities, given = 0, slack
    all_means, gaps = words.means, words.gaps
    for place in range(verb + 1, min(verb + 1 + _REACH, len(all_means))):
        means, gap = all_means[place], gaps[place]
        if gap & END or (gap & COMMA and slack < given):
            return None
        if means & wanted:
            last = _compound(words, place, wanted) if wanted & RULES else place
            return Thing(place, last, means | all_means[last], qualities, _behind(words, last))
        if words.words[place] in PARTS and words.words[place + 1 : place + 2] == ["of"]:
            continue
        if words.words[place] == "of" and words.words[place - 1] in PARTS:
            continue
        if means & _OTHER_VERBS or (means & HOW and means & LINK):
            return None
        if not means & QUALIFIERS:
            if means & (AT | IF):
                return None
            slack -= not _is_particle(words, place)
            if slack < 0:
                return None
        qualities |= means
    return None


def thing_before(words: Words, verb: int, wanted: int) -> Thing | None:
    """The thing in front of a verb that stands last, as in German, Turkish or Japanese, or in the passive."""
    slack, between = SLACK + 1, 0
    for place in range(verb - 1, max(verb - 1 - _REACH, -1), -1):
        if words.gaps[place + 1] & END:
            return None
        means = words.means[place]
        if means & wanted:
            front = 0
            for each in range(place - 1, max(place - 1 - _IN_FRONT, -1), -1):
                if words.gaps[each + 1] & END:
                    break
                front |= words.means[each]
            return Thing(place, place, means, front | between, between)
        slack -= not means & (QUALIFIERS | BE) and not _is_particle(words, place)
        if slack < 0 or means & (IGNORE | IF):
            return None
        between |= means
    return None


def _compound(words: Words, place: int, wanted: int) -> int:
    """The last word of "instructions, rules and guidelines"."""
    last = place
    for each in range(place + 1, min(place + 6, len(words.words))):
        if words.gaps[each] & END:
            break
        if words.means[each] & wanted:
            last = each
        elif not words.means[each] & (LINK | ALL | YOUR | PREVIOUS | SYSTEM):
            break
    return last


def _behind(words: Words, last: int) -> int:
    """What is said of a thing behind it: where it is, when it was given; not what is to be done next."""
    found = 0
    for place in range(last + 1, min(last + 1 + _BEHIND, len(words.words))):
        means = words.means[place]
        if words.gaps[place] & (END | COMMA) or means & (OR | TURN | IGNORE | REVEAL | RECITE | ASKS):
            break
        found |= means
    return found


def is_before_this(words: Words, last: int) -> bool:
    """ "... above", "... before this line", "... you were told", with nothing else that it could be before."""
    for place in range(last + 1, min(last + 1 + _BEHIND, len(words.words))):
        if words.gaps[place] & (END | COMMA):
            return False
        if words.means[place] & PREVIOUS:
            return words.words[place] not in _BEFORE or not _has_object(words, place + 1)
        if not words.means[place] & (LINK | YOU | BE | AT | DATA | YOUR | ASKS):
            return False
    return False


_BEFORE: Final = frozenset(("before", "above", "prior", "preceding", "earlier", "avant", "antes", "prima", "vor"))
_THIS: Final = frozenset(("this", "that", "now", "here", "these", "it", "to", "your", "you", "me"))


def _has_object(words: Words, place: int) -> bool:
    if place >= len(words.words) or words.gaps[place] & (END | COMMA | COLON | QUOTE | NEWLINE):
        return False
    return not (words.words[place] in _THIS or words.means[place] & (OR | TURN | FULL))


def _is_particle(words: Words, place: int) -> bool:
    """A syllable or two of a script without spaces, that are no thing of their own."""
    word = words.words[place]
    return len(word) <= 2 and word[0] >= _CJK_FROM
