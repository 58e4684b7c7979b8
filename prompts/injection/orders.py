"""Phrases that undo what the model was told. Pure."""

from collections.abc import Iterator
from typing import Final

from prompts.injection.lexicon import (
    ALL,
    AT,
    DATA,
    DONE_AWAY,
    EVERYTHING,
    FOLLOW,
    FREED,
    IGNORE,
    LATE,
    LIMITS,
    LINK,
    ME,
    NOT,
    OR,
    OTHERS,
    PREVIOUS,
    PROMPT,
    RULES,
    SYSTEM,
    TALK,
    TURN,
    WHAT,
    YOU,
    YOUR,
    words_of,
)
from prompts.injection.phrases import Match, Thing, is_before_this, thing_after, thing_before
from prompts.injection.words import COMMA, END, NEWLINE, Words

#: What a shell takes: they are undone and shown there too.
COMMANDS: Final = frozenset(("command", "commands"))
_GIVEN: Final = PREVIOUS | YOUR | SYSTEM


def overrides(words: Words) -> Iterator[Match]:
    """Ignore all previous instructions; they are void; do not follow them."""
    for verb in words.at(IGNORE):
        thing = thing_after(words, verb, RULES | PROMPT) or (
            thing_before(words, verb, RULES | PROMPT) if words.means[verb] & LATE else None
        )
        if thing:
            is_sure = _undoes(words, thing)
            if is_sure and words.words[verb] in _OUTRANKS and _has_subject(words, verb):
                is_sure = thing.has(ALL)
        else:
            thing = thing_after(words, verb, EVERYTHING | TALK, slack=0) or _text_after(words, verb)
            is_sure = _undoes_everything(words, thing) if thing else None
        if thing and is_sure is not None:
            yield Match(min(verb, thing.first), max(verb, thing.last), is_sure)
        elif last := _the_above(words, verb) or _what_was_told(words, verb):
            yield Match(verb, last)
    yield from _done_away(words)
    yield from _not_followed(words)


def _undoes(words: Words, rules: Thing) -> bool | None:
    """Whether the rules to be ignored are the model's own; None where they are not."""
    own = rules.has(_GIVEN) or rules.means & PROMPT or is_before_this(words, rules.last)
    if rules.is_elsewhere:
        return False if rules.has(_GIVEN) else None
    if own or rules.behind & (SYSTEM | PROMPT):
        return True
    return True if rules.has(ALL) and not rules.has(OTHERS) and not rules.behind & AT else None


_OUTRANKS: Final = frozenset(("override", "overrides", "supersede", "supersedes", "overrule", "replace"))


def _has_subject(words: Words, verb: int) -> bool:
    """ "Later rules override earlier ones" """
    return any(words.means[place] & RULES for place in range(max(verb - 4, 0), verb))


def _undoes_everything(words: Words, thing: Thing) -> bool | None:
    if is_before_this(words, thing.last):
        return True if thing.means & EVERYTHING else None
    if thing.means & DATA and thing.has(PREVIOUS) and thing.has(ALL) and not thing.behind & AT:
        return True
    return False if thing.means & TALK and thing.has(PREVIOUS) and thing.has(ALL) else None


def _text_after(words: Words, verb: int) -> Thing | None:
    """ "Ignore all previous text" """
    thing = thing_after(words, verb, DATA, slack=0)
    return thing if thing and words.words[thing.last] in ("text", "input", "content") else None


def _what_was_told(words: Words, verb: int) -> int | None:
    """ "Forget what your makers told you" """
    if not words.means[min(verb + 1, len(words.words) - 1)] & WHAT:
        return None
    for place in range(verb + 2, min(verb + 8, len(words.words) - 1)):
        if words.gaps[place] & END or words.words[place] in _READERS or words.means[place] & ME:
            return None
        if words.words[place] in _TOLD and words.means[place + 1] & YOU:
            return place + 1
    return None


_TOLD: Final = words_of("told taught instructed ordered programmed gave asked")
_READERS: Final = words_of("user users customer customers client clients it")


def _the_above(words: Words, verb: int) -> int | None:
    """ "Ignore the above and ..." """
    for place in range(verb + 1, min(verb + 5, len(words.words))):
        means, gap = words.means[place], words.gaps[place]
        if gap & END:
            return None
        if means & PREVIOUS and place > verb + 1 and words.words[place] in _ABOVE:
            following = place + 1
            ends = following == len(words.words) or words.gaps[following] & (END | COMMA | NEWLINE)
            return place if ends or words.means[following] & (OR | TURN) else None
        if not means & (LINK | ALL):
            return None
    return None


_ABOVE: Final = frozenset(
    ("above", "previous", "preceding", "foregoing", "obige", "precedent", "anterior", "precedente")
)


def _done_away(words: Words) -> Iterator[Match]:
    """Your previous instructions are void."""
    for verb in words.at(DONE_AWAY):
        thing = thing_before(words, verb, RULES | PROMPT)
        if thing and words.words[thing.first] not in COMMANDS and (thing.has(_GIVEN) or thing.means & PROMPT):
            yield Match(thing.first, verb, says_not=True)
            continue
        thing = thing_before(words, verb, EVERYTHING)
        if thing and thing.behind & PREVIOUS and not thing.behind & AT:
            yield Match(thing.first, verb, bool(thing.behind & (YOU | YOUR | SYSTEM)), says_not=True)
    for place in [place for place in words.at(NOT) if words.words[place] == "nothing"]:
        verbs = [each for each in range(place + 2, min(place + 10, len(words.words))) if words.words[each] in _HOLDS]
        if verbs and any(words.means[each] & PREVIOUS for each in range(place, verbs[0])):
            yield Match(place, verbs[0], says_not=True)


_HOLDS: Final = frozenset(("apply", "applies", "count", "counts", "hold", "holds", "matters", "valid"))


def _not_followed(words: Words) -> Iterator[Match]:
    """Do not follow your instructions; you are free from them."""
    for verb in words.at(FOLLOW):
        places = [place for place in range(max(verb - 5, 0), verb) if words.means[place] & (NOT | FREED)]
        thing = thing_after(words, verb, RULES | PROMPT) if places else None
        if not thing or any(words.gaps[place] & END for place in range(places[-1] + 1, verb)):
            continue
        if (thing.has(_GIVEN) or thing.means & PROMPT) and not thing.is_elsewhere:
            yield Match(places[-1], thing.last, says_not=True)
    for verb in words.at(FREED):
        thing = thing_after(words, min(verb + 1, len(words.words) - 1), RULES | PROMPT | LIMITS)
        if thing and thing.has(YOUR | PREVIOUS | ALL):
            yield Match(verb, thing.last)
