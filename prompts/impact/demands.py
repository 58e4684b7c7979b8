"""What the model must, may and must not do: polarity, strength, conditions, safeguards. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from prompts.impact import lexicon
from prompts.impact.lexicon import EXCEPT, MAY, MUST, NOT, ONLY, SHOULD, words
from prompts.impact.reasons import Reason, Rule
from prompts.impact.sentences import Hunk, Sentence, Tokens, is_substance, said, words_after
from prompts.impact.tokens import Token
from prompts.impact.words import is_opposite, is_same_word, stem

STRENGTHS: Final = frozenset({MUST, SHOULD, MAY})
TURNING: Final = frozenset({NOT, ONLY, EXCEPT})
#: More pairs of demands than this are not looked at for one that only moved.
MOST_PAIRS: Final = 10_000
_OUTPUT: Final = words("return output print respond reply answer")
_CONDITION: Final = words("if when whenever while until before after once wenn falls si se als")


class Demand(NamedTuple):
    """A marker that has no counterpart on the other side, and the words it is about."""

    marker: Token
    about: tuple[str, ...]
    sentence: int
    is_gone: bool

    def is_same(self, other: "Demand") -> bool:
        """Whether the same is demanded, elsewhere."""
        if self.marker.means != other.marker.means:
            return False
        if not (self.about and other.about):
            return self.about == other.about
        same = sum(is_same_word(one, another) for one, another in zip(self.about, other.about, strict=False))
        return is_same_word(self.about[0], other.about[0]) and 2 * same >= min(len(self.about), len(other.about))


def polarity(sentences: Sequence[Sentence]) -> list[list[Reason]]:
    """What was asked for is forbidden, what was forbidden is asked for, or a condition came or went; by sentence.

    All changed sentences are looked at together: a demand that stands elsewhere now has not changed.
    """
    gone = [demand for place, each in enumerate(sentences) for demand in _demands(each, place, is_gone=True)]
    come = [demand for place, each in enumerate(sentences) for demand in _demands(each, place, is_gone=False)]
    if len(gone) * len(come) <= MOST_PAIRS:
        for demand in list(gone):
            if twin := next(filter(demand.is_same, come), None):
                gone.remove(demand)
                come.remove(twin)
    left: dict[int, list[Demand]] = defaultdict(list)
    for demand in (*gone, *come):
        left[demand.sentence].append(demand)
    return [list(_of_sentence(sentence, left[place])) for place, sentence in enumerate(sentences)]


def _of_sentence(sentence: Sentence, demands: list[Demand]) -> Iterator[Reason]:
    if sentence.is_changed:
        yield from _turned(sentence, demands)
    elif not sentence.is_example:
        yield from _whole(sentence, demands)


def _demands(sentence: Sentence, place: int, *, is_gone: bool) -> Iterator[Demand]:
    """The markers of one side without a counterpart in their hunk."""
    tokens = sentence.old if is_gone else sentence.new
    for hunk in sentence.hunks:
        own, others = (hunk.old, hunk.new) if is_gone else (hunk.new, hunk.old)
        left = Counter(token.means for token in others)
        for index, token in enumerate(own, start=hunk.old_place if is_gone else hunk.new_place):
            if token.means not in STRENGTHS | TURNING:
                continue
            if left[token.means]:
                left[token.means] -= 1
            else:
                yield Demand(token, words_after(tokens, index, 3), place, is_gone)


def _whole(sentence: Sentence, demands: list[Demand]) -> Iterator[Reason]:
    """A sentence that demands something came or went."""
    what = "went" if sentence.old else "is new"
    shown = said(sentence.old or sentence.new)
    if any(demand.marker.means in TURNING | {MUST} for demand in demands):
        yield Reason(_rule(sentence), f"A demand {what}: {shown}.", sentence.line, 0.7)
    elif _safeguards(sentence.old or sentence.new):
        yield Reason("polarity", f"A safeguard {what}: {shown}.", sentence.line, 0.6)


def _turned(sentence: Sentence, demands: list[Demand]) -> Iterator[Reason]:
    """The reasons that a changed sentence gives."""
    if sentence.old[0].is_forbidden != sentence.new[0].is_forbidden:
        yield Reason("polarity", f"{said(sentence.new)} stands under another heading.", sentence.line, 0.8)
    turned = [demand for demand in demands if demand.marker.means in TURNING]
    opposites = [pair for hunk in sentence.hunks if hunk.is_short for pair in _opposites(hunk)]
    if turned and not any(map(_swaps_always, sentence.hunks)) and _cancel_out(turned, opposites):
        return  # "do not be rude" is "be polite"
    if turned:
        marker, verb = turned[0].marker, "is gone from" if turned[0].is_gone else "is new in"
        rule: Rule = _rule(sentence) if marker.means == ONLY else "polarity"
        yield Reason(rule, f"{said([marker])} {verb} {said(sentence.new)}.", sentence.line, 0.9)
    for one, other in opposites:
        yield Reason("polarity", f"{said([one])} became {said([other])}.", other.line, 0.8)
    yield from _strength(sentence, demands)
    if not turned:
        yield from _forbidden_items(sentence)
        yield from _condition(sentence)
        before, after = _safeguards(sentence.gone), _safeguards(sentence.come)
        if bool(before) != bool(after):
            what = "went" if before else "came"
            yield Reason("polarity", f"{said(before or after)} {what} in {said(sentence.new)}.", sentence.line, 0.6)


def _swaps_always(hunk: Hunk) -> bool:
    """Whether "never" stands for "always", or the other way round: too much to be made good by another word."""
    sides = [{token.means for token in side} & {NOT, MUST} for side in (hunk.old, hunk.new)]
    return {NOT} in sides and {MUST} in sides


def _cancel_out(turned: list[Demand], opposites: list[tuple[Token, Token]]) -> bool:
    """Whether for each "not" that came or went a word became its opposite, "not" itself left aside."""
    others = [pair for pair in opposites if NOT not in (pair[0].means, pair[1].means)]
    return len(others) == len(turned) and all(demand.marker.means == NOT for demand in turned)


def _rule(sentence: Sentence) -> Rule:
    """A demand on what to hand back is one on the format."""
    is_output = any(token.means in _OUTPUT for token in (*sentence.old[:2], *sentence.new[:2]))
    return "format" if is_output else "polarity"


def _opposites(hunk: Hunk) -> Iterator[tuple[Token, Token]]:
    for one in hunk.old:
        for other in hunk.new:
            if is_opposite(one.written.casefold(), other.written.casefold()) and one.means != other.means:
                yield one, other


def _strength(sentence: Sentence, demands: list[Demand]) -> Iterator[Reason]:
    """must became may, or a demand became a permission; where something is forbidden, both say the same."""
    before, after = ({d.marker.means: d.marker for d in demands if d.is_gone == is_gone} for is_gone in (True, False))
    if NOT in before or NOT in after:
        return
    one, other = (next((each[means] for means in each if means in STRENGTHS), None) for each in (before, after))
    if one and other and one.means != other.means and not _has_not_near(sentence, one, other):
        yield Reason("polarity", f"{said([one])} became {said([other])}.", other.line, 0.7)
    elif (other or one) and not (one and other) and (sentence.new if other else sentence.old)[0].means == MAY:
        yield Reason(
            "polarity", f"A demand and a permission are not the same: {said(sentence.new)}.", sentence.line, 0.6
        )


def _has_not_near(sentence: Sentence, *markers: Token) -> bool:
    """Whether something is forbidden in the words around."""
    for tokens in (sentence.old, sentence.new):
        for place, token in enumerate(tokens):
            if any(token is marker for marker in markers):
                near = tokens[max(0, place - 6) : place + 6]
                if any(each.means == NOT for each in near):
                    return True
    return False


def _forbidden_items(sentence: Sentence) -> Iterator[Reason]:
    """An item came into, or went from, a list of what is forbidden or alone allowed."""
    for hunk in sentence.hunks:
        before = sentence.new[max(0, hunk.new_place - 16) : hunk.new_place]
        if hunk.changes_list and {NOT, ONLY} & {token.means for token in before}:
            what = "went from" if hunk.old else "came into"
            yield Reason("polarity", f"{said(hunk.old or hunk.new)} {what} {said(sentence.new)}.", sentence.line, 0.6)


def _condition(sentence: Sentence) -> Iterator[Reason]:
    """Another condition: other words behind if, when, while; or "and" in place of "or"."""
    for hunk in sentence.hunks:
        pair = ([token.means for token in hunk.old], [token.means for token in hunk.new])
        is_list = "," in {token.means for token in sentence.new}
        if pair in ((["and"], ["or"]), (["or"], ["and"])) and sentence.words & (_CONDITION | {MUST}) and not is_list:
            yield Reason(
                "polarity", f"“{pair[0][0]}” became “{pair[1][0]}” in {said(sentence.new)}.", sentence.line, 0.6
            )
        elif bool(_CONDITION & {*pair[0]}) != bool(_CONDITION & {*pair[1]}) and _has_clause(hunk):
            yield Reason("scope", f"A condition changed in {said(sentence.new)}.", sentence.line, 0.6)


def _has_clause(hunk: Hunk) -> bool:
    """Whether only one side has words behind its condition, two of substance at least."""
    old, new = (sum(map(is_substance, side)) for side in (hunk.old, hunk.new))
    return abs(old - new) >= 2 and not (old and new)


def _safeguards(tokens: Tokens) -> list[Token]:
    return [token for token in tokens if stem(token.means) in _SAFEGUARDS]


_SAFEGUARDS: Final = frozenset(map(stem, lexicon.SAFEGUARDS))
