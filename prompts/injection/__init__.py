"""Phrases that turn a model against the people who run it, in the text of a template. Advice and a gate. Pure.

Templates are written by the team itself: what forbids such a phrase, reports or quotes it is no finding (`stance`).
A text is read in several ways (`readings`): as it stands, with the template's constants worked out, decoded. Of each
reading the words are looked at as a reader sees them (`letters`, `spelling`, `words`), whatever letters they are made
of; rules, which `rules` lists, then look for words that go together (`orders`, `revealing`, `limits`, `channels`).

It takes linear time and only so much of it: of what is longer the scan says that it has not looked at all of it. No
scan is complete: whoever knows these rules can write around them.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from prompts.content import GREATEST_LENGTH
from prompts.injection.findings import Finding, Scan, verdict, worst
from prompts.injection.rules import RULES, RULES_VERSION, Rule
from prompts.injection.search import Search
from prompts.sequences import Effort

__all__ = ["RULES", "RULES_VERSION", "Finding", "Scan", "Scanner", "scan", "scan_all"]

#: What is read of a text, and of each way to read it: as much as a prompt may have.
MOST_CHARACTERS: Final = GREATEST_LENGTH
#: Steps for all texts of a scan and all ways to read them.
STEPS: Final = 400_000


class Scanner(NamedTuple):
    """The rules that are applied, and how much of a text is read."""

    rules: Sequence[Rule] = RULES
    most: int = MOST_CHARACTERS

    def scan_all(self, texts: Sequence[str], effort: Effort) -> list[Scan]:
        """The texts of one prompt, each for itself; they share the steps, and what they are about."""
        search = Search(self.rules, self.most, effort)
        return [_scanned(search, text) for text in texts]


def _scanned(search: Search, text: str) -> Scan:
    found: list[Finding] = []
    try:
        found.extend(search.findings(text))
    except Exception as error:  # noqa: BLE001 - whatever fails, the text counts as not scanned
        message = f"The scan stopped ({type(error).__name__}), so the text counts as not scanned: report this error."
        found.append(Finding("scanner-error", "error", 1, message))
    return verdict(worst(found))


def scan(text: str) -> Scan:
    """What is wrong with one text: the source of a template, as it was written."""
    return scan_all([text])[0]


def scan_all(texts: Sequence[str]) -> list[Scan]:
    """The same for the messages of a chat, or whatever else belongs to one prompt; a verdict for each."""
    return Scanner().scan_all(texts, Effort(STEPS))
