"""Signs that pretend to be a turn of the chat, and ways out for what the model knows. Pure."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from prompts.injection.lexicon import ADD, ALL, FULL, HIDDEN, NEW, OTHERS, PLACE, PROMPT, SECRET, SEND, TALK, words_of
from prompts.injection.phrases import Match, thing_after
from prompts.injection.words import ADDRESS, DOT, END, Words

# ----------------------------------------------------------------------------- turns
_BAR: Final = r"[|\uff5c]"
_SYSTEM_TURN: Final = re.compile(
    rf"<{_BAR}\s?(?:im_start|start_header_id|begin_of_turn)\s?{_BAR}>\s{{0,3}}(?:system|developer)"
    rf"|<{_BAR}\s?(?:system|developer|im_system)\s?{_BAR}>"
    r"|<</?SYS>>|<start_of_turn>\s{0,3}(?:system|developer)|\[system\]\(#|\[/?SYSTEM_PROMPT\]"
    r"|</system>\s{0,8}<system>",
    re.IGNORECASE,
)
_OTHER_TURN: Final = re.compile(
    rf"<{_BAR}\s?\w{{2,30}}\s?{_BAR}>|\[/?INST\]|<(?:start|end)_of_turn>"
    r"|(?:^|\n)[ \t]{0,8}#{1,6} ?(?:system|developer)(?: (?:prompt|message|override))?:"
    r"|(?:^|\n)\W{0,8}(?:system|admin|developer) (?:override|message|notice|update|command|alert)\s{0,3}:",
    re.IGNORECASE,
)


def fakes_turns(words: Words) -> Iterator[Match]:
    """<|im_start|>system, [INST], ### System: in the middle of a text."""
    for pattern, is_sure in ((_SYSTEM_TURN, True), (_OTHER_TURN, False)):
        for match in pattern.finditer(words.text):
            place = _place(words, match.start())
            yield Match(place, place, is_sure)


def _place(words: Words, start: int) -> int:
    places = range(len(words.words))
    return min(bisect_left(places, start, key=words.start), max(len(places) - 1, 0))


# ----------------------------------------------------------------------------- ways out
_IMAGE: Final = re.compile(
    r"!\[[^\[\]\n]{0,200}\]\(\s{0,4}(https?://[^)\n]{0,500})|<img\b[^<>\n]{0,200}?src\s?=\s?[\"']?(https?://[^\"'>\n]{0,500})",
    re.IGNORECASE,
)
_FILLED_IN: Final = re.compile(r"[?&][\w.-]{1,40}=\s?(?:[{\[<$]|%7b|[A-Z][A-Z_]{3,})|/\{\{")
_TELLING: Final = re.compile(
    r"conversation|history|chat|secret|password|prompt|summary|message|context|token|personal|private|data\b|e-?mail",
    re.IGNORECASE,
)
_TOP_LEVEL: Final = words_of("com net org io dev xyz ru cn biz example")
_QUIET: Final = words_of("quietly silently secretly covertly discreetly unnoticed stealthily")
_SAID: Final = words_of("conversation conversations history transcript chat chats chatverlauf historique")
_CONTENTS: Final = words_of("contents content copy rest text")
_FAR: Final = 18


def smuggles_out(words: Words) -> Iterator[Match]:
    """Send the conversation to this address; an image whose address carries what was said."""
    for match in _IMAGE.finditer(words.text):
        address = match[1] or match[2]
        query = address.partition("?")[2]
        if _FILLED_IN.search(address) and "?" in address:
            place = _place(words, match.start())
            yield Match(place, place, bool(_TELLING.search(query)))
    for place in _addresses(words):
        verb = _verb_before(words, place)
        if verb is not None:
            yield from _sent(words, verb, place)
    for place in words.at(PLACE):
        verb = _verb_before(words, place)
        thing = thing_after(words, verb, TALK | PROMPT | SECRET) if verb is not None else None
        if thing and verb is not None and thing.last < place and not thing.has(NEW):
            is_sure = bool(thing.means & (PROMPT | SECRET) and words.means[verb] & SEND)
            yield Match(verb, place, is_sure)


def _addresses(words: Words) -> list[int]:
    """Where the address of a page or a mailbox begins, or a host ends."""
    gaps = words.gaps
    return [
        place
        for place, word in enumerate(words.words)
        if gaps[place] & ADDRESS or (word in _TOP_LEVEL and gaps[place] & DOT)
    ]


def _verb_before(words: Words, place: int) -> int | None:
    for each in range(place - 1, max(place - 1 - _FAR, -1), -1):
        if words.gaps[each + 1] & END:
            return None
        if words.means[each] & (SEND | ADD):
            return each
    return None


def _sent(words: Words, verb: int, address: int) -> Iterator[Match]:
    """What is sent there, if it is something that was said or is to be kept."""
    for place in range(verb + 1, min(address + _FAR, len(words.words))):
        means = words.means[place]
        if place > address and words.gaps[place] & END:
            return
        if not means & (TALK | PROMPT | SECRET):
            continue
        is_all = _is_all_of_it(words, place)
        if means & (PROMPT | SECRET) or words.words[place] in _SAID or is_all:
            is_mail = words.signs(address) == "@" and not means & (PROMPT | SECRET)
            is_quiet = any(word in _QUIET for word in words.words[max(verb - 6, 0) : address])
            is_order = bool(words.means[verb] & SEND) or is_all
            yield Match(min(verb, place), max(place, address), is_order and (is_quiet or not is_mail))
            return


def _is_all_of_it(words: Words, place: int) -> bool:
    return any(
        words.means[each] & (ALL | FULL | OTHERS | HIDDEN) or words.words[each] in _CONTENTS
        for each in range(max(place - 3, 0), place)
    )
