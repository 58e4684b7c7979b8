"""One search through all readings of a text, as far as its steps reach. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from prompts.injection.findings import MOST_FINDINGS, Finding, Status, shown
from prompts.injection.hidden import HiddenSigns
from prompts.injection.phrases import Match
from prompts.injection.readings import Reading, readings
from prompts.injection.rules import Rule
from prompts.injection.stance import stance
from prompts.injection.words import Gaps, Meanings, Words
from prompts.sequences import Effort

#: What is paid for another sign, for a word and for a phrase, in characters that are read.
_SIGN, _WORD, _PHRASE = 8, 4, 60
#: So much of a phrase is quoted.
_QUOTED: Final = 80
#: After so many lines what is only doubtful is not looked at.
_ENOUGH: Final = 50

HIDDEN_CHARACTERS: Final = "hidden-characters"
HIDDEN_TEXT: Final = "hidden-text"
NOT_SCANNED: Final = "not-scanned"


class Search:
    """What is looked for in the texts of one prompt, what it may cost, and what is known of them so far."""

    def __init__(self, rules: Sequence[Rule], most: int, effort: Effort) -> None:
        self.rules = rules
        self.most = most
        self.effort = effort
        self.meanings, self.gaps = Meanings(), Gaps()
        self.is_about_attacks = False
        self.told: set[tuple[str, Status | None, str]] = set()

    def findings(self, text: str) -> Iterator[Finding]:
        """All of them, or as many that block as anybody reads."""
        self.told = set()
        blocking = 0
        for each in self.in_text(text):
            yield each
            blocking += each.status == "block"
            if blocking >= MOST_FINDINGS:
                return

    def in_text(self, text: str) -> Iterator[Finding]:
        source = text.replace("\r\n", "\n").replace("\r", "\n")[: self.most]
        is_cut = len(text) > self.most
        if self.effort.spend(len(source)):
            signs = HiddenSigns(source)
            yield from hidden(signs)
            for reading in readings(source, signs.spelled_out(), self.most):
                is_cut = is_cut or reading.is_cut
                yield from self.in_reading(reading)
                if self.effort.steps < 0:
                    break
        if is_cut or self.effort.steps < 0:
            message = "Not everything was looked at: make the text shorter, or write out what is encoded in it."
            yield Finding(NOT_SCANNED, "warn", 1, message)

    def in_reading(self, reading: Reading) -> Iterator[Finding]:
        """What the rules find there, of each rule once a line, but for phrases that an earlier reading had."""
        if not self.effort.spend(len(reading.text) + _SIGN * len(set(reading.text))):
            return
        words = Words(reading.text, self.meanings, self.gaps)
        if not words.words or not self.effort.spend(_WORD * len(words.words)):
            return
        if reading.is_in_place:
            self.is_about_attacks = words.is_about_attacks = self.is_about_attacks or words.is_about_attacks
        earlier = set(self.told)
        for rule in self.rules:
            lines: dict[int, Status] = {}
            for match in rule.find(words):
                line = reading.lines[min(words.line(match.first), len(reading.lines) - 1)]
                is_sure = match.is_sure and not words.is_code(match.first, match.last)
                if lines.get(line) == rule.severity or (not is_sure and (line in lines or len(lines) > _ENOUGH)):
                    continue
                if not self.effort.spend(_PHRASE):
                    return
                status = judged(rule, match, words, is_sure=is_sure)
                phrase = (rule.id, status, " ".join(words.words[match.first : match.last + 1]))
                if status is None or status == lines.get(line) or phrase in earlier:
                    continue
                lines[line] = status
                self.told.add(phrase)
                yield finding(rule, status, line, match, words, reading)


def judged(rule: Rule, match: Match, words: Words, *, is_sure: bool) -> Status | None:
    """How bad a phrase is as it is meant; nothing, if it is not meant or doubtful twice over."""
    meant = stance(words, match.first, match.last, says_not=match.says_not)
    if meant == "aside" or (meant == "doubtful" and not is_sure):
        return None
    return rule.severity if is_sure and meant == "meant" else "warn"


def finding(rule: Rule, status: Status, line: int, match: Match, words: Words, reading: Reading) -> Finding:
    start = words.start(match.first)
    end = words.start(match.last) + len(words.raw[match.last])
    said = shown(words.text[start:end], _QUOTED) or "It"
    return Finding(rule.id, status, line, f"“{said}” {rule.message}.", decoded(start, end, match, words, reading))


def decoded(start: int, end: int, match: Match, words: Words, reading: Reading) -> str | None:
    """What a phrase says in plain letters with some words around it, unless the source says just that."""
    if reading.is_decoded:
        begin = max(words.text.rfind("\n", 0, start) + 1, start - _QUOTED)
        return shown(words.text[begin : end + _QUOTED].partition("\n\n")[0])
    meant = words.words[match.first : match.last + 1]
    is_plain = meant == [raw.lower() for raw in words.raw[match.first : match.last + 1]]
    return None if is_plain and words.text[start:end] in reading.text else shown(" ".join(meant))


def hidden(signs: HiddenSigns) -> Iterator[Finding]:
    """Signs that nobody sees, once a line."""
    told: set[int] = set()
    for run in signs.runs():
        line = signs.text.count("\n", 0, run.start) + 1
        if line in told:
            continue
        told.add(line)
        if run.is_message:
            message = "Signs that nobody sees spell out something here: delete them."
            yield Finding(HIDDEN_TEXT, "block", line, message, shown(run.says) if run.says else None)
        else:
            message = f"There is a sign here that nobody sees (U+{ord(signs.text[run.start]):04X}): delete it."
            yield Finding(HIDDEN_CHARACTERS, "warn", line, message)
