"""Whether a phrase is meant: it may be forbidden, reported, quoted, or stand as an example of what to refuse. Pure."""

import re
from typing import Final, Literal

from prompts.injection.lexicon import (
    ASK,
    ASKS,
    ATTACK,
    COMPLY,
    EXAMPLE,
    HOLLOW,
    HOW,
    IF,
    IGNORE,
    LATE,
    MAY,
    ME,
    NOT,
    PERSON,
    REFUSE,
    RULES,
    TURN,
    YOU,
    YOUR,
    words_of,
)
from prompts.injection.words import COLON, COMMA, END, QUOTE, SOFT_END, Words

Stance = Literal["meant", "doubtful", "aside"]

#: Words in front of a phrase among which a negation, a report, or what a quotation is for is looked for; and behind it.
_NEGATION, _REPORT, _CONTEXT, _ANSWER = 10, 24, 30, 30
#: Lines above a list in which its heading is looked for, characters of a line, and characters of a quotation.
_LIST_LINES, _LINE, _QUOTATION = 30, 300, 400
_BREAK: Final = END | SOFT_END
_OR: Final = words_of("or nor oder noch ou ni o oppure of lub ani или ни veya 或 或者")
#: What denies a thing, and an order only if it stands right behind.
_OF_NOUNS: Final = words_of(
    """no none nothing nobody without aucun aucune kein keine keinen keinem keiner ningun ninguna ninguno nenhum nenhuma
    nessun nessuna geen zaden zadnych ohne sans sin senza sem zonder bez \u0431\u0435\u0437"""
)
_FOLLOWING: Final = words_of("following these those things below any folgendes suivant siguiente")


def stance(words: Words, first: int, last: int, *, says_not: bool = False) -> Stance:
    """How the words from `first` to `last` are meant; where they say not themselves, that is no negation of them."""
    if _is_explained(words, first) or _has_negation_before(words, first, last):
        return "aside"
    if not says_not and _has_negation_inside(words, first, last):
        return "aside"
    if reported := _reported(words, first, last):
        return reported
    heading = _heading(words, first)
    if heading & (NOT | REFUSE | ATTACK):
        return "aside"
    if _is_quoted(words, first):
        near = _around(words, first, last)
        if near & (ATTACK | REFUSE | NOT):
            return "aside" if near & (ASK | ASKS | EXAMPLE | ATTACK | PERSON | IF) else "doubtful"
        if near & (EXAMPLE | ASKS):
            return "doubtful"
    if heading & EXAMPLE or words.is_about_attacks:
        return "aside" if _is_labelled(words, last) else "doubtful"
    return "meant"


# ----------------------------------------------------------------------------- forbidden
def _has_negation_inside(words: Words, first: int, last: int) -> bool:
    """ "... not", in languages that put it between or behind."""
    if any(words.means[place] & NOT and not _is_hollow(words, place, last) for place in range(first + 1, last + 1)):
        return True
    if not (words.means[first] | words.means[last]) & LATE:
        return False
    for place in range(last + 1, min(last + 4, len(words.words))):
        if words.gaps[place] & (_BREAK | COMMA):
            return False
        if words.means[place] & NOT:
            return True
    return False


def _has_negation_before(words: Words, first: int, last: int) -> bool:
    """ "Never ..." """
    is_cut = False
    for place in range(first - 1, max(first - 1 - _NEGATION, -1), -1):
        gap, means = words.gaps[place + 1], words.means[place]
        if gap & _BREAK:
            return False
        if gap & COLON and not (means & NOT or words.words[place] in _FOLLOWING):
            return False
        if means & NOT and not (words.words[place] in _OF_NOUNS and place < first - 2):
            is_cut = is_cut and not gap & COMMA and not _is_in_list(words, place, last)
            return not (is_cut or _is_hollow(words, place, first) or _is_turned(words, place))
        if means & TURN:
            return False
        is_cut = is_cut or bool(gap & COMMA)
    return False


def _is_hollow(words: Words, place: int, end: int) -> bool:
    """ "Do not hesitate to", "no matter": a negation that negates nothing, or another negation."""
    return any(words.means[each] & HOLLOW for each in range(place + 1, min(place + 4, end)))


def _is_turned(words: Words, place: int) -> bool:
    """ "Never refuse to": the negation is itself negated."""
    return bool(words.means[place] & HOLLOW) and any(
        words.means[each] & NOT for each in range(max(place - 2, 0), place)
    )


def _is_in_list(words: Words, place: int, last: int) -> bool:
    """Whether commas only part what "or" joins: never show, quote or repeat."""
    return any(words.words[each] in _OR for each in range(place + 1, min(last + 12, len(words.words))))


def _is_explained(words: Words, first: int) -> bool:
    """ "How to ..." """
    return any(
        words.means[place] & HOW and not words.gaps[place + 1] & _BREAK for place in range(max(first - 3, 0), first)
    )


# ----------------------------------------------------------------------------- reported
def _reported(words: Words, first: int, last: int) -> Stance | None:
    """ "If the user asks you to ..., refuse": what somebody else may say, and what is to be done about it."""
    place = _report_before(words, first, last)
    if place is None:
        return None
    begin = place
    while begin and place - begin < _REPORT and not words.gaps[begin] & _BREAK:
        begin -= 1
    answer = _answer(words, last)
    if answer is None:
        before = any(words.means[each] & (REFUSE | NOT | IGNORE | ATTACK) for each in range(begin, place))
        return "aside" if before else "doubtful"
    return answer


def _report_before(words: Words, first: int, last: int) -> int | None:
    """Where the word is that reports the phrase."""
    is_cut = False
    for place in range(first - 1, max(first - 1 - _REPORT, -1), -1):
        gap, means = words.gaps[place + 1], words.means[place]
        if gap & _BREAK:
            return None
        if means & (ASK | ASKS) and _is_said_by_others(words, place) and (not is_cut or gap & (COLON | QUOTE)):
            return place
        if means & RULES and words.words[place + 1] == "to" and not words.means[place - 1] & YOUR:
            return place  # "instructions to ..."
        if gap & COMMA and not gap & QUOTE and not _is_in_list(words, place, last):
            is_cut = True
    return None


def _is_said_by_others(words: Words, place: int) -> bool:
    near = 0
    for each in range(place - 1, max(place - 5, -1), -1):
        if words.gaps[each + 1] & _BREAK:
            break
        near |= words.means[each]
        if each == place - 1 and near & ME:
            return False
    if near & ME and not near & PERSON:
        return False
    if words.means[place] & ASKS:
        return not near & YOU or bool(near & (IF | PERSON))
    return bool(near & (PERSON | IF)) or bool(near & MAY and not near & YOU)


def _answer(words: Words, last: int) -> Stance | None:
    """What the words behind a report say: to refuse, or to comply."""
    ends = 0
    for place in range(last + 1, min(last + 1 + _ANSWER, len(words.words))):
        ends += bool(words.gaps[place] & END)
        if ends > 2:
            break
        means = words.means[place]
        if means & (REFUSE | NOT):
            return "aside"
        if means & COMPLY:
            return "meant"
    return None


# ----------------------------------------------------------------------------- quoted, listed, labelled
_QUOTES: Final = (("\u201c", "\u201d"), ("\u00ab", "\u00bb"), ("\u201e", "\u201c"), ("\u300c", "\u300d"))
_SINGLE: Final = re.compile(r"(?<!\w)['\u2018](?=\w)|(?<=[\w.!?])['\u2019](?!\w)")
_ITEM: Final = re.compile(r"[ \t]*(?:[-*+>\u2022\u2013|]|\(?\w{1,2}[.)])[ \t]+|[ \t]*[\"\u201c\u201e\u00ab'`]")


def _is_quoted(words: Words, first: int) -> bool:
    start = words.start(first)
    before = words.text[max(start - _QUOTATION, 0) : start].rpartition("\n\n")[2]
    if before.count('"') % 2 or before.count("`") % 2:
        return True
    if any(before.rfind(opening) > before.rfind(closing) for opening, closing in _QUOTES):
        return True
    return ("'" in before or "\u2018" in before) and len(_SINGLE.findall(before)) % 2 == 1


def _around(words: Words, first: int, last: int) -> int:
    near = 0
    for place in (*range(max(first - _CONTEXT, 0), first), *range(last + 1, min(last + _CONTEXT, len(words.words)))):
        near |= words.means[place]
    return near


def _heading(words: Words, first: int) -> int:
    """What the words of the line mean that a list stands under, if the phrase is in a list."""
    end = words.text.rfind("\n", 0, words.start(first)) + 1
    if not _ITEM.match(words.text[end : end + _LINE]):
        return 0
    for _ in range(_LIST_LINES):
        if end <= 0:
            return 0
        begin = words.text.rfind("\n", 0, end - 1) + 1
        line = words.text[begin : end - 1]
        if line.strip() and not _ITEM.match(line[:_LINE]):
            return words.meaning_between(begin, min(end, begin + _LINE))
        end = begin
    return 0


def _is_labelled(words: Words, last: int) -> bool:
    """Whether the verdict on an example stands right behind it."""
    ends = 0
    for place in range(last + 1, min(last + 16, len(words.words))):
        ends += bool(words.gaps[place] & (END | COLON))
        if words.means[place] & ATTACK:
            return True
        if ends > 3:
            break
    return False
