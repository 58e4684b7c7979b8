"""How much a change of a prompt matters, by rules that name their reasons. Advice to a reviewer, not a gate. Pure.

Both texts are read as sentences of words that mean something (`tokens`, `lexicon`). Sentences that stand on both
sides do not count, wherever they stand; the others are paired by likeness (`sentences`). What is asked of the model is
compared over all of them (`demands`), and other rules look at one at a time (`rules`) or at the whole (`whole`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prompts.content import Content
from prompts.diff import Diff, transcript_lines
from prompts.impact import demands, rules, whole
from prompts.impact.reasons import Reason
from prompts.impact.sentences import changed_sentences
from prompts.impact.tokens import tokens
from prompts.sequences import Effort

__all__ = ["Impact", "Level", "Reason", "assess"]

Level = Literal["none", "minor", "major"]

MAJOR_FROM: Final = 0.5
MOST_REASONS: Final = 50
#: What is read of either text: more tokens in changed lines than these are called a large change, and left at that.
MOST_TOKENS: Final = 4_000
STEPS: Final = 200_000
#: How far around a changed line its sentence is looked for.
LINES_AROUND: Final = 3


@dataclass(frozen=True, slots=True)
class Impact:
    """The score is 0 to 1: nothing is 0, major is 0.5 and more. Reasons come weightiest first."""

    score: float
    level: Level
    reasons: tuple[Reason, ...]


def assess(old: Content, new: Content, diff: Diff) -> Impact:
    """What a reviewer should know of a change; `diff` is what `prompts.diff.compare` says of the two."""
    before, after = transcript_lines(old), transcript_lines(new)
    texts = "\n".join(before[0]), "\n".join(after[0])
    reasons = [*whole.variables(*texts, diff.variables), *whole.config(diff.config)]
    if _is_reworded(*texts):
        reasons += [*whole.language(*texts), *whole.size(*texts), *_of_sentences(before, after, diff)]
        reasons = reasons or [Reason("wording", "Only signs, capitals or the order changed.", None, 0.05)]
    return _weighed(reasons)


def _weighed(reasons: Sequence[Reason]) -> Impact:
    """One score out of all, as if each were a chance of harm that has nothing to do with the others."""
    heavy = sorted(set(reasons), key=lambda reason: (-reason.weight, reason.line or 0, reason.rule, reason.message))
    if not heavy:
        return Impact(0.0, "none", ())
    harmless = 1.0
    for reason in heavy:
        harmless *= 1 - reason.weight
    shown = tuple(heavy[:MOST_REASONS])
    if heavy[0].weight < MAJOR_FROM:
        return Impact(min(round(1 - harmless, 2), MAJOR_FROM - 0.01), "minor", shown)
    return Impact(round(1 - harmless, 2), "major", shown)


def _is_reworded(old: str, new: str) -> bool:
    """Whether anything but white space differs."""
    return "".join(old.split()) != "".join(new.split())


def _of_sentences(
    old: tuple[list[str], frozenset[int]], new: tuple[list[str], frozenset[int]], diff: Diff
) -> Iterator[Reason]:
    shown = _shown_lines(diff)
    before, after = (
        tokens(lines, roles, near, MOST_TOKENS) for (lines, roles), near in zip((old, new), shown, strict=True)
    )
    if max(len(before), len(after)) == MOST_TOKENS:
        yield Reason("size", "More changed than can be told sentence by sentence.", None, 0.6)
    texts = "\n".join(old[0]), "\n".join(new[0])
    changed = changed_sentences(before, after, Effort(STEPS))
    for sentence, asked in zip(changed, demands.polarity(changed), strict=True):
        others = [reason for rule in rules.OF_SENTENCES for reason in rule(sentence)]
        yield from [*asked, *others, *rules.names(sentence, *texts)] or [rules.reworded(sentence)]


def _shown_lines(diff: Diff) -> tuple[set[int], set[int]]:
    """The indexes of changed lines on both sides, and of the unchanged ones around that end or begin their sentence."""
    before: set[int] = set()
    after: set[int] = set()
    for section in diff.sections:
        start, end, new_start = section.line_start, section.line_end, section.new_line_start
        if section.type != "unchanged":
            before |= set(range((start or 1) - 1, end or 0))
            after |= set(range((new_start or 1) - 1, section.new_line_end or 0))
        elif start and end and new_start:
            around = {
                *range(start - 1, min(end, start - 1 + LINES_AROUND)),
                *range(max(start - 1, end - LINES_AROUND), end),
            }
            before |= around
            after |= {line - start + new_start for line in around}
    return before, after
