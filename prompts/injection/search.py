"""One search through all readings of a text, as far as its steps reach. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from prompts.injection.findings import Finding, Status, shown
from prompts.injection.hidden import HiddenSigns
from prompts.injection.orders import Match
from prompts.injection.readings import Reading, readings
from prompts.injection.rules import Rule
from prompts.injection.stance import stance
from prompts.injection.words import Gaps, Meanings, Words
from prompts.sequences import Effort

#: What is paid for a word and for a phrase, in characters that are read.
_WORD, _PHRASE = 4, 60
#: So much of a phrase is quoted.
_QUOTED: Final = 80

HIDDEN_CHARACTERS: Final = "hidden-characters"
HIDDEN_TEXT: Final = "hidden-text"
NOT_SCANNED: Final = "not-scanned"


class Search:
    """What is looked for, what it may cost, and what was found out about the words of one text."""

    def __init__(self, rules: Sequence[Rule], most: int, effort: Effort) -> None:
        self.rules = rules
        self.most = most
        self.effort = effort
        self.meanings, self.gaps = Meanings(), Gaps()
        self.told: set[tuple[str, Status, str]] = set()

    def findings(self, text: str) -> Iterator[Finding]:
        source = text.replace("\r\n", "\n").replace("\r", "\n")[: self.most]
        is_cut = len(text) > self.most
        if self.effort.spend(len(source)):
            yield from hidden(source)
            for reading in readings(source, self.most):
                is_cut = is_cut or reading.is_cut
                yield from self.in_reading(reading)
                if self.effort.steps < 0:
                    break
        if is_cut or self.effort.steps < 0:
            message = "Not everything was looked at: make the text shorter, or write out what is encoded in it."
            yield Finding(NOT_SCANNED, "warn", 1, message)

    def in_reading(self, reading: Reading) -> Iterator[Finding]:
        """What the rules find there, but for phrases that were found in an earlier reading, each once a line."""
        if not self.effort.spend(len(reading.text)):
            return
        words = Words(reading.text, self.meanings, self.gaps)
        if not words.words or not self.effort.spend(_WORD * len(words.words)):
            return
        told, lines = set(self.told), set()
        for rule in self.rules:
            for match in rule.find(words):
                if not self.effort.spend(_PHRASE):
                    return
                status = judged(rule, match, words)
                if status is None:
                    continue
                line = reading.lines[min(words.text.count("\n", 0, words.start(match.first)), len(reading.lines) - 1)]
                key = (rule.id, status, " ".join(words.words[match.first : match.last + 1]))
                if key in told or (rule.id, status, line) in lines:
                    continue
                self.told.add(key)
                lines.add((rule.id, status, line))
                yield finding(rule, status, line, match, words, reading)


def judged(rule: Rule, match: Match, words: Words) -> Status | None:
    """How bad a phrase is as it is meant; nothing, if it is not meant or doubtful twice over."""
    meant = stance(words, match.first, match.last, says_not=match.says_not)
    if meant == "aside" or (meant == "doubtful" and not match.is_sure):
        return None
    return rule.severity if match.is_sure and meant == "meant" else "warn"


def finding(rule: Rule, status: Status, line: int, match: Match, words: Words, reading: Reading) -> Finding:
    start = words.start(match.first)
    end = words.start(match.last) + len(words.raw[match.last])
    said = shown(words.text[start:end], _QUOTED) or "It"
    begin = max(words.text.rfind("\n", 0, start) + 1, start - _QUOTED)
    is_seen = not reading.is_decoded and words.text[start:end] in reading.text
    decoded = None if is_seen else shown(words.text[begin : end + _QUOTED].partition("\n\n")[0])
    return Finding(rule.id, status, line, f"“{said}” {rule.message}.", decoded)


def hidden(text: str) -> Iterator[Finding]:
    """Signs that nobody sees, once a line."""
    line, end, told = 1, 0, set()
    for run in HiddenSigns(text).runs():
        line, end = line + text.count("\n", end, run.start), run.start
        if (line, run.is_message) in told:
            continue
        told.add((line, run.is_message))
        if run.is_message:
            message = "Signs that nobody sees spell out something here: delete them."
            yield Finding(HIDDEN_TEXT, "block", line, message, shown(run.says) if run.says else None)
        else:
            message = f"There is a sign here that nobody sees (U+{ord(text[run.start]):04X}): delete it."
            yield Finding(HIDDEN_CHARACTERS, "warn", line, message)
