"""A prompt as the words that carry its meaning: contractions resolved, markers named, list numbers left out. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from prompts.impact import lexicon

_COMMENT: Final = re.compile(r"\{#[^{}]*#\}")
_LIST_MARK: Final = re.compile(r"\s*(?:(?:[-*•+–—>]|\(?\d{1,3}[.):]|\(?[a-zA-Z][.)]|#{1,6})\s+)+")
_TOKEN: Final = re.compile(
    r"\{\{[^{}\n]{0,200}\}\}|\{%[^{}%\n]{0,200}%\}"  # an expression, a tag
    r"|v?\d+(?:[.,:/-]\d+)*"  # a number, a date, a version
    r"|\w+(?:['’-]\w+)*"  # a word  # noqa: RUF001 - the apostrophe that keyboards make
    r"|[^\w\s]"
)
_CODE: Final = re.compile(r"\w+|[^\w\s]")
_SENTENCE_END: Final = frozenset(".!?")
_MOST_WORDS: Final = max(len(phrase.split()) for phrase in lexicon.MARKERS)


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number, sign or marker: what it means, how it was written, where it stands."""

    means: str
    written: str
    line: int
    #: Whether a sentence, a list item or a message's role begins here.
    begins: bool = False
    #: Between the quotes of a name, in back-ticks, or before a colon in an object.
    is_name: bool = False


def tokens(lines: Sequence[str], headings: frozenset[int]) -> list[Token]:
    """The tokens of a transcript. `headings` are the indexes of lines that name a message's role."""
    return list(_with_markers(list(_plain(lines, headings))))


def _plain(lines: Sequence[str], headings: frozenset[int]) -> Iterator[Token]:
    begins = True
    for index, line in enumerate(_without_comments(lines)):
        if index in headings:
            yield Token(f"‹{line.strip()}›", line, index + 1, begins=True)
            begins = True
            continue
        mark = _LIST_MARK.match(line)
        body = line[mark.end() :] if mark else line
        begins = begins or bool(mark) or not body.strip()
        for token in _of_line(body, index + 1):
            is_sign = not token.means[0].isalnum() and token.means[0] not in "{‹"
            yield replace(token, begins=begins and not is_sign)
            begins = begins and is_sign or token.written in _SENTENCE_END


def _without_comments(lines: Sequence[str]) -> list[str]:
    text = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), "\n".join(lines))
    return text.split("\n")


def _of_line(line: str, number: int) -> Iterator[Token]:
    for match in _TOKEN.finditer(line):
        written = match[0]
        before = line[match.start() - 1 : match.start()]
        after = line[match.end() : match.end() + 1]
        is_name = bool(before and before == after and before in "`\"'" and _is_word(written)) or _is_identifier(written)
        for part, word in enumerate(_expanded(written)):
            yield Token(written if is_name else word, "" if part else written, number, is_name=is_name)


def _is_word(written: str) -> bool:
    return written[0].isalpha()


_IDENTIFIER: Final = re.compile(r"[A-Za-z]\w*_\w+|[a-z]+(?:[A-Z][a-z0-9]+)+|(?:[A-Z][a-z0-9]+){2,}")


def _is_identifier(written: str) -> bool:
    """snake_case, camelCase or PascalCase."""
    return bool(_IDENTIFIER.fullmatch(written))


def _expanded(written: str) -> list[str]:
    """The words that one stands for: "don't" is two."""
    if written.startswith(("{{", "{%")):
        return [f"{written[:2]} {' '.join(_CODE.findall(written[2:-2].strip('-+')))} {written[-2:]}"]
    word = written.casefold().replace("’", "'")  # noqa: RUF001
    if word in lexicon.CONTRACTIONS:
        return lexicon.CONTRACTIONS[word].split()
    for ending, full in lexicon.ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return [word[: -len(ending)], full]
    if word.endswith("'s"):
        word = word[:-2]
    if word[0].isdigit():
        return [word.replace(",", "")]
    return [word]


def _with_markers(plain: list[Token]) -> Iterator[Token]:
    """Phrases that say must, may, not, at most … as one token each."""
    place = 0
    while place < len(plain):
        length = _phrase_at(plain, place)
        words = plain[place : place + max(length, 1)]
        if length:
            marker = lexicon.MARKERS[" ".join(token.means for token in words)]
            yield Token(marker, " ".join(token.written for token in words), words[0].line, words[0].begins)
        else:
            yield words[0]
        place += len(words)


def _phrase_at(plain: list[Token], place: int) -> int:
    """How many tokens from here are the longest phrase that is a marker; a sentence's end ends it."""
    longest = 0
    phrase = ""
    for length, token in enumerate(plain[place : place + _MOST_WORDS], start=1):
        if token.is_name or (length > 1 and token.begins):
            break
        phrase = f"{phrase} {token.means}".lstrip()
        if phrase in lexicon.MARKERS:
            longest = length
    return longest
