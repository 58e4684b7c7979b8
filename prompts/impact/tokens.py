"""A prompt as the words that carry its meaning: contractions resolved, markers named, list numbers left out. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from prompts.impact import lexicon

_COMMENT: Final = re.compile(r"\{#[^{}]*#\}")
_LIST_MARK: Final = re.compile(r"\s*(?:(?:[-*\u2022+\u2013\u2014>]|\(?\d{1,3}[.):]|\(?[a-zA-Z][.)]|#{1,6})\s+)+")
_KEY: Final = re.compile(r"\s*(?:[\"'`*]*[\w][\w .-]{0,30}[\"'`*]*\s*[:=]|[A-Za-z]{1,12}:|\{\s*$|\})")
_TAG: Final = r"</?[A-Za-z][\w-]{0,40}>"
_TOKEN: Final = re.compile(
    r"\{\{[^{}\n]{0,200}\}\}|\{%[^{}%\n]{0,200}%\}"  # an expression, a tag
    rf"|{_TAG}"
    r"|v?\d+(?:[.,:/-]\d+)*"  # a number, a date, a version
    r"|\w+(?:['\u2019-]\w+)*"  # a word
    r"|[^\w\s]"
)
_CODE: Final = re.compile(r"\w+|[^\w\s]")
_IDENTIFIER: Final = re.compile(r"[A-Za-z]\w*_\w+|[a-z]+(?:[A-Z][a-z0-9]+)+")
_SENTENCE_END: Final = frozenset(".!?")
_FORBIDDING: Final = frozenset({lexicon.NOT, "donts", "don'ts"})
_EXAMPLES: Final = frozenset(
    {"example", "examples", "sample", "samples", "beispiel", "beispiele", "exemple", "ejemplo"}
)
_MOST_WORDS: Final = max(len(phrase.split()) for phrase in lexicon.MARKERS)
_SHORT_LINE: Final = 3


class Heading(NamedTuple):
    """What a list or a section stands under."""

    words: frozenset[str] = frozenset()

    @property
    def forbids(self) -> bool:
        """ "Do not:" """
        return bool(self.words & _FORBIDDING)

    @property
    def is_example(self) -> bool:
        return bool(self.words & _EXAMPLES)


NO_HEADING: Final = Heading()


class Token(NamedTuple):
    """One word, number, sign or marker: what it means, how it was written, where it stands."""

    means: str
    written: str
    line: int
    #: Whether a sentence, a list item or a message's role begins here.
    begins: bool = False
    #: A name that programs read: an identifier, or a word between quotes.
    is_name: bool = False
    heading: Heading = NO_HEADING
    #: Whether it stands in a list under its heading.
    is_listed: bool = False

    @property
    def is_forbidden(self) -> bool:
        """Whether it is listed under a heading that forbids."""
        return self.is_listed and self.heading.forbids


def tokens(
    lines: Sequence[str], roles: Collection[int], shown: Collection[int] | None = None, most: int = 1_000_000
) -> list[Token]:
    """The tokens of a transcript, `most` of them.

    `roles` are the indexes of lines that name a message's role; where `shown` is given, other lines count for their
    headings alone.
    """
    return list(_with_markers(list(islice(_plain(lines, roles, shown), most))))


def _plain(lines: Sequence[str], roles: Collection[int], shown: Collection[int] | None) -> Iterator[Token]:
    begins, heading = True, NO_HEADING
    lines = _without_comments(lines)
    for index, line in enumerate(lines):
        if index in roles:
            heading, begins = NO_HEADING, True
            if shown is None or index in shown:
                yield Token(f"@{line.strip()}", line, index + 1, begins=True)
            continue
        is_heading = _is_heading(line, lines[index + 1] if index + 1 < len(lines) else "")
        if is_heading:
            heading = _heading_of(line)
        if shown is not None and index not in shown:
            begins = True
            continue
        mark = _LIST_MARK.match(line)
        begins = begins or bool(mark) or _begins_anew(line)
        for token in _of_line(line[mark.end() :] if mark else line, index + 1):
            is_sign = not token.means[0].isalnum() and token.means[0] not in "{@"
            yield token._replace(
                begins=begins and not is_sign, heading=heading, is_listed=bool(mark) and not is_heading
            )
            begins = (begins and is_sign) or token.written in _SENTENCE_END or token.means[0] == "@"
        begins = begins or is_heading or _is_short(line)


def _begins_anew(line: str) -> bool:
    """An empty line, a key with its value, or a short line of a list without marks."""
    return not line.strip() or bool(_KEY.match(line)) or _is_short(line)


def _is_short(line: str) -> bool:
    return len(line) < 40 and len(line.split()) <= _SHORT_LINE and not line.rstrip().endswith(",")


def _is_heading(line: str, below: str) -> bool:
    """A line that names what stands under it: marked as such, ending in a colon, or short and above a list."""
    text = line.strip().rstrip("*_")
    if text.startswith("#") or re.fullmatch(_TAG, text) or text.casefold().rstrip(":") in _EXAMPLES:
        return True
    if not text or len(text) > 120:
        return False
    is_list = bool(not _LIST_MARK.match(line) and _LIST_MARK.match(below))
    count = len(text.split())
    if text.endswith(":"):
        return count <= 8 or (count <= 20 and (is_list or _is_short(below)))
    return count <= 8 and is_list


def _heading_of(line: str) -> Heading:
    if tag := re.fullmatch(_TAG, line.strip()):
        name = tag[0].strip("</>").casefold()
        return NO_HEADING if tag[0].startswith("</") else Heading(frozenset(re.split(r"[-_]", name)))
    return Heading(frozenset(token.means for token in _with_markers(list(_of_line(line, 0)))))


def _without_comments(lines: Sequence[str]) -> list[str]:
    text = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), "\n".join(lines))
    return text.split("\n")


def _of_line(line: str, number: int) -> Iterator[Token]:
    for match in _TOKEN.finditer(line):
        written = match[0]
        if written[0] == "<" and len(written) > 1:
            yield Token(f"@{written}", written, number)
            continue
        quote = line[match.start() - 1 : match.start()]
        is_quoted = quote in {"`", '"', "'"} and line[match.end() : match.end() + 1] == quote
        is_name = (is_quoted and written[0].isalpha()) or bool(_IDENTIFIER.fullmatch(written))
        for part, word in enumerate(_expanded(written)):
            yield Token(written if is_name else word, "" if part else written, number, is_name=is_name)


def _expanded(written: str) -> list[str]:
    """The words that one stands for: "don't" is two."""
    if written.startswith(("{{", "{%")):
        return [f"{written[:2]} {' '.join(_CODE.findall(written[2:-2].strip('-+')))} {written[-2:]}"]
    word = written.casefold()
    if word[0].isdigit():
        return [word.replace(",", "")]
    word = word.replace("\u2019", "'")
    if word in lexicon.CONTRACTIONS:
        return lexicon.CONTRACTIONS[word].split()
    if "'" in word:
        for ending, full in lexicon.ENDINGS.items():
            if word.endswith(ending) and len(word) > len(ending):
                return [word[: -len(ending)], full]
        for beginning in ("n'", "d'", "l'", "qu'"):
            if word.startswith(beginning) and len(word) > len(beginning):
                return [word[len(beginning) :]]
    return [word.removesuffix("'s")]


def _with_markers(plain: list[Token]) -> Iterator[Token]:
    """Phrases that say must, may, not, at most … as one token each."""
    place = 0
    while place < len(plain):
        first = plain[place]
        length = _phrase_at(plain, place) if first.means in _FIRST_WORDS else 0
        if length:
            words = plain[place : place + length]
            marker = lexicon.MARKERS[" ".join(token.means for token in words)]
            yield first._replace(means=marker, written=" ".join(token.written for token in words if token.written))
        else:
            yield first
        place += max(length, 1)


_FIRST_WORDS: Final = frozenset(phrase.split()[0] for phrase in lexicon.MARKERS)


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
