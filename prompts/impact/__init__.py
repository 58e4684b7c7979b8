"""How much a change of a prompt matters, by rules that name their reasons. Advice to a reviewer, not a gate. Pure.

Both texts are read as sentences of words that mean something (`tokens`). Sentences that stand on both sides do not
count, wherever they stand. The others are paired by likeness, and each rule (`rules`) looks at what is left.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prompts.content import Content
from prompts.diff import WORD, Diff, transcript, transcript_lines
from prompts.impact import rules
from prompts.impact.rules import Hunk, Reason, Sentence, Tokens
from prompts.impact.tokens import Token, tokens
from prompts.sequences import Effort, alike_in_order, blocks

Level = Literal["none", "minor", "major"]

MAJOR_FROM: Final = 0.5
MOST_REASONS: Final = 50
#: Two sentences are one sentence changed if at least this share of their words is the same.
ALIKE: Final = 0.45
STEPS: Final = 300_000
#: More pairs of sentences than this are not looked at in every order.
MOST_PAIRS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Impact:
    """The score is 0 to 1: nothing is 0, major is 0.5 and more. Reasons come weightiest first."""

    score: float
    level: Level
    reasons: tuple[Reason, ...]


def assess(old: Content, new: Content, diff: Diff) -> Impact:
    """What a reviewer should know of a change; `diff` is what `prompts.diff.compare` says of the two."""
    effort = Effort(STEPS)
    before, after = _tokens(old), _tokens(new)
    reasons = [
        *rules.variables(before, after, diff.variables),
        *rules.config(diff.config),
        *rules.whole_text(before, after),
        *_of_sentences(before, after, effort),
    ]
    if not reasons and _words(old) != _words(new):
        reasons = [rules.wording()]
    return _impact(reasons)


def _impact(reasons: list[Reason]) -> Impact:
    heavy = sorted(set(reasons), key=lambda reason: (-reason.weight, reason.line or 0, reason.rule))[:MOST_REASONS]
    calm = 1.0
    for reason in heavy:
        calm *= 1 - reason.weight
    score = round(1 - calm, 2)
    if not heavy:
        return Impact(0.0, "none", ())
    if heavy[0].weight < MAJOR_FROM:
        return Impact(min(score, MAJOR_FROM - 0.01), "minor", tuple(heavy))
    return Impact(score, "major", tuple(heavy))


def _tokens(content: Content) -> tuple[Token, ...]:
    lines, headings = transcript_lines(content)
    return tuple(tokens(lines, headings))


def _words(content: Content) -> list[str]:
    """The words and signs as they are written, for white space does not count."""
    return ["".join(word.split()) for word, _ in WORD.findall(transcript(content))]


# ----------------------------------------------------------------------------- sentences and their counterparts
def _of_sentences(before: Sequence[Token], after: Sequence[Token], effort: Effort) -> Iterator[Reason]:
    old, new = _cut(before, after, effort)
    old, new = _not_common(old, new)
    is_reworded = False
    for sentence in _paired(old, new, effort):
        found = [reason for rule in rules.OF_SENTENCES for reason in rule(sentence)]
        yield from found or [rules.reworded(sentence)]


def _cut(old: Sequence[Token], new: Sequence[Token], effort: Effort) -> tuple[list[Tokens], list[Tokens]]:
    """Both texts cut into sentences. Where one begins on one side, it does on the other, so that a text that was
    only set in other lines is cut alike."""
    begins = {index for index, token in enumerate(old) if token.begins}
    new_begins = {index for index, token in enumerate(new) if token.begins}
    shared = [block for block in blocks([t.means for t in old], [t.means for t in new], effort) if block.same]
    for block in shared:
        shift = block.new_start - block.old_start
        for index in range(block.old_start + 1, block.old_end):
            if index in begins or index + shift in new_begins:
                begins.add(index)
                new_begins.add(index + shift)
    return _slices(old, begins), _slices(new, new_begins)


def _slices(items: Sequence[Token], begins: set[int]) -> list[Tokens]:
    edges = sorted(begins | {0, len(items)})
    return [items[start:end] for start, end in zip(edges, edges[1:], strict=False)]


def _key(sentence: Tokens) -> tuple[str, ...]:
    return tuple(token.means for token in sentence if token.means[0].isalnum() or token.means[0] in "‹{")


def _not_common(old: list[Tokens], new: list[Tokens]) -> tuple[list[Tokens], list[Tokens]]:
    """The sentences that do not stand on both sides, in any order."""
    common = Counter(map(_key, old)) & Counter(map(_key, new))
    return _left(old, Counter(common)), _left(new, Counter(common))


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
    pairs = alike_in_order(*bags, _likeness, effort)
    if len(old) == len(new) == 1:
        pairs = [(0, 0)]
    pairs += _in_any_order(bags, pairs)
    taken = {x for x, _ in pairs}, {y for _, y in pairs}
    for x, y in pairs:
        yield Sentence(old[x], new[y], tuple(_hunks(old[x], new[y], effort)))
    for x, sentence in enumerate(old):
        if x not in taken[0]:
            yield Sentence(sentence, (), (Hunk(sentence, ()),))
    for y, sentence in enumerate(new):
        if y not in taken[1]:
            yield Sentence((), sentence, (Hunk((), sentence),))


def _in_any_order(
    bags: tuple[list[Counter[str]], list[Counter[str]]], taken: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The likest of those that are left, each with the one most like it."""
    old = [x for x in range(len(bags[0])) if x not in {first for first, _ in taken}]
    new = [y for y in range(len(bags[1])) if y not in {second for _, second in taken}]
    if len(old) * len(new) > MOST_PAIRS:
        return []
    likest = sorted(
        ((_likeness(bags[0][x], bags[1][y]), x, y) for x in old for y in new), key=lambda each: (-each[0], each[1:])
    )
    found: list[tuple[int, int]] = []
    for likeness, x, y in likest:
        if likeness and all(x != first and y != second for first, second in found):
            found.append((x, y))
    return found


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    share = 2 * (one & other).total() / total if total else 1.0
    return share if share >= ALIKE else 0.0


def _hunks(old: Tokens, new: Tokens, effort: Effort) -> Iterator[Hunk]:
    for block in blocks([token.means for token in old], [token.means for token in new], effort):
        if not block.same:
            yield Hunk(old[block.old_start : block.old_end], new[block.new_start : block.new_end])
