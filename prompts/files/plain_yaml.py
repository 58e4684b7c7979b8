"""YAML of plain values, written and read so that nothing changes on the way. Pure.

YAML has many ways to say a string that come back as something else: `no`, `2026-01-01`, `012`, `1e3`. Here every
string is written in quotes, or as lines below its name, and read with JSON's idea of a value. Numbers are JSON's: no
infinities, and no whole number that not every reader holds. What makes YAML dangerous is not read at all: tags, and,
where nobody needs them, anchors and aliases.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from prompts.files.faults import FileFault, shown
from pvc.crypto import GREATEST_INTEGER
from pvc.strict_json import GREATEST_DEPTH

# ----------------------------------------------------------------------------- writing
#: A list or object that fits is written on one line, and so is all that is nested deeper than anybody reads.
WIDTH: Final = 110
DEEPEST_BLOCK: Final = 6
#: YAML looks no further than 1,024 characters for the colon behind a name.
LONGEST_KEY: Final = 500

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NOT_PLAIN: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
#: Characters that YAML does not take as they are, or takes for the end of a line.
_ESCAPED: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
#: What keeps a text from being written as lines: white space at its beginning, or such a character.
_NOT_LINES: Final = re.compile("\\A[ \t\n]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def dumped(value: Mapping[str, Any]) -> str:
    """An object of plain values as a YAML document: the same text for the same value, names in their order."""
    return "".join(f"{line}\n" for line in _of_object(value, 0))


def _of_object(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, each in value.items():
        key = _key(name)
        if len(key) > LONGEST_KEY:
            yield f"{_pad(depth)}? {key}"
            key = ""
        yield from _entry(f"{_pad(depth)}{key}:", each, depth)


def _of_list(value: Sequence[Any], depth: int) -> Iterator[str]:
    for each in value:
        if isinstance(each, dict | list) and each and depth < DEEPEST_BLOCK:
            inner = _of_object(each, depth + 1) if isinstance(each, dict) else _of_list(each, depth + 1)
            first = next(inner)
            yield f"{_pad(depth)}- {first.removeprefix(_pad(depth + 1))}"
            yield from inner
        else:
            yield from _entry(f"{_pad(depth)}-", each, depth)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    """A value behind its name or dash, or below it."""
    if isinstance(value, str) and "\n" in value and not _NOT_LINES.search(value):
        yield from _of_text(head, value, depth)
    elif not isinstance(value, dict | list) or not value or depth >= DEEPEST_BLOCK:
        yield f"{head} {_inline(value)}"
    elif _is_short(value, depth) and len(short := f"{head} {_inline(value)}") <= WIDTH:
        yield short
    else:
        yield head
        yield from _of_object(value, depth + 1) if isinstance(value, dict) else _of_list(value, depth + 1)


def _of_text(head: str, text: str, depth: int) -> Iterator[str]:
    """Lines as they are; the sign behind the name says how many ends of line stand at the end."""
    lines = text.split("\n")
    keeps = "-" if lines[-1] else "" if lines[-2] else "+"
    yield f"{head} |{keeps}"
    for line in lines if lines[-1] else lines[:-1]:
        yield f"{_pad(depth + 1)}{line}" if line else ""


def _is_short(value: dict[str, Any] | list[Any], depth: int) -> bool:
    """Whether one line might do: for what has nothing inside, and is no object at the top of the file."""
    if depth == 0 and isinstance(value, dict):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not any(isinstance(each, dict | list) or (isinstance(each, str) and "\n" in each) for each in inner)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_inline_key(name)}: {_inline(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _quoted(value) if isinstance(value, str) else _scalar(value)


def _inline_key(name: str) -> str:
    key = _key(name)
    return f"? {key} " if len(key) > LONGEST_KEY else key


def _key(name: str) -> str:
    is_plain = _PLAIN_KEY.fullmatch(name) and name.lower() not in _NOT_PLAIN
    return name if is_plain else _quoted(name)


def _quoted(text: str) -> str:
    """A JSON string, which is a YAML string too once its odd characters are escaped."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _scalar(value: Any) -> str:
    """A number or word of JSON's. An exponent takes a point before it: without one, old readers see a string."""
    text = json.dumps(value, allow_nan=False)
    mantissa, exponent, power = text.partition("e") if isinstance(value, float) else (text, "", "")
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text


def _pad(depth: int) -> str:
    return "  " * depth


# ----------------------------------------------------------------------------- reading
#: A document with aliases may not grow, when they are written out, beyond so many values.
MOST_VALUES: Final = 1_000_000

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML document says, and the line of each of its outermost names."""

    value: Any
    lines: Mapping[str, int]


@dataclass(slots=True)
class _Frame:
    """An object or list that is not closed yet, and the name whose value comes next."""

    holder: dict[str, Any] | list[Any]
    anchor: str | None = None
    name: str | None = None
    #: How many values it has been given, and how deep they are nested; those of aliases written out.
    size: int = 1
    height: int = 1


def loaded(text: str, *, file: str, first_line: int = 1, aliases: bool = False) -> Document:
    """A document's plain values. Raises FileFault naming the line, counted from `first_line`."""
    reading = _Reading(file, first_line, aliases)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reading.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise reading.fault(f"This is not YAML: {error.problem or error.context}.", mark) from error
    except yaml.YAMLError as error:
        raise reading.fault("This is not YAML: it has a character that YAML does not take.") from error
    return Document(reading.value, reading.lines)


@dataclass(slots=True)
class _Reading:
    file: str
    first_line: int
    aliases: bool
    value: Any = None
    lines: dict[str, int] = field(default_factory=dict)
    open: list[_Frame] = field(default_factory=list)
    #: Each anchor's value, its size and its height.
    anchored: dict[str, tuple[Any, int, int]] = field(default_factory=dict)
    documents: int = 0

    def fault(self, sentence: str, mark: Any = None) -> FileFault:
        return FileFault(self.file, sentence, mark.line + self.first_line if mark else None)

    def take(self, event: yaml.Event) -> None:
        """One step of the document."""
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise self.fault("One document is expected, and here begins another.", event.start_mark)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.ScalarEvent():
                self._check_marks(event)
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._check_marks(event)
                self._begin({} if isinstance(event, yaml.MappingStartEvent) else [], event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end(event)

    def _check_marks(self, event: Any) -> None:
        if event.tag is not None:
            raise self.fault(f"Tags are not taken: {shown(event.tag)}.", event.start_mark)
        if event.anchor is not None and not self.aliases:
            raise self.fault("Anchors and aliases (& and *) are not taken: write the value out.", event.start_mark)

    def _scalar(self, event: Any) -> None:
        self._check_text(event.value, event.start_mark)
        if self._wants_name():
            self._name(event.value, event.start_mark)
            return
        is_plain = event.implicit[0]
        value = self._plain(event.value, event.start_mark) if is_plain else event.value
        if event.anchor:
            self.anchored[event.anchor] = (value, 1, 0)
        self._add(value, 1, 0, event.start_mark)

    def _wants_name(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].holder, dict) and self.open[-1].name is None

    def _name(self, name: str, mark: Any) -> None:
        frame = self.open[-1]
        if name in frame.holder:
            raise self.fault(f"“{shown(name)}” stands here twice.", mark)
        frame.name = name
        if len(self.open) == 1:
            self.lines[name] = mark.line + self.first_line

    def _begin(self, holder: dict[str, Any] | list[Any], event: Any) -> None:
        if self._wants_name():
            raise self.fault("A name is a text, not a list or an object.", event.start_mark)
        self._check_depth(1, event.start_mark)
        self.open.append(_Frame(holder, event.anchor))

    def _end(self, event: Any) -> None:
        closed = self.open.pop()
        if closed.anchor:
            self.anchored[closed.anchor] = (closed.holder, closed.size, closed.height)
        self._add(closed.holder, closed.size, closed.height, event.start_mark)

    def _alias(self, event: Any) -> None:
        if not self.aliases:
            raise self.fault("Anchors and aliases (& and *) are not taken: write the value out.", event.start_mark)
        if self._wants_name():
            raise self.fault("An alias cannot be a name.", event.start_mark)
        if event.anchor not in self.anchored:
            raise self.fault(f"There is no anchor {shown(event.anchor)} before this.", event.start_mark)
        value, size, height = self.anchored[event.anchor]
        self._check_depth(height, event.start_mark)
        self._add(value, size, height, event.start_mark)

    def _check_depth(self, height: int, mark: Any) -> None:
        if len(self.open) + height > GREATEST_DEPTH:
            raise self.fault(f"This is nested deeper than {GREATEST_DEPTH} levels.", mark)

    def _add(self, value: Any, size: int, height: int, mark: Any) -> None:
        if not self.open:
            self.value = value
            return
        frame = self.open[-1]
        frame.size += size
        frame.height = max(frame.height, height + 1)
        if frame.size > MOST_VALUES and self.aliases:
            raise self.fault(f"With its aliases written out this has more than {MOST_VALUES:,} values.", mark)
        if isinstance(frame.holder, list):
            frame.holder.append(value)
            return
        assert frame.name is not None  # YAML gives a value after its name
        frame.holder[frame.name] = value
        frame.name = None

    def _plain(self, text: str, mark: Any) -> Any:
        """What an unquoted word means: as in JSON, and a string where JSON has no such word."""
        if text in _WORDS:
            return _WORDS[text]
        if _WHOLE.fullmatch(text):
            if len(text) > 18 or abs(int(text)) > GREATEST_INTEGER:
                raise self.fault("A whole number has 2^53 or more, which not every reader holds; quote it.", mark)
            return int(text)
        if _NO_NUMBER.fullmatch(text):
            raise self.fault(f"{text} is not a JSON number.", mark)
        if _DECIMAL.fullmatch(text) and any(map(str.isdigit, text)) and text[0] not in "eE":
            return self._finite(float(text), mark)
        return text

    def _finite(self, number: float, mark: Any) -> float:
        if math.isinf(number):
            raise self.fault("A number is too large.", mark)
        return number

    def _check_text(self, text: str, mark: Any) -> None:
        if "\0" in text:
            raise self.fault("A text contains a NUL character.", mark)
        if _HALF_PAIR.search(text):
            raise self.fault("A text contains half of a surrogate pair.", mark)
