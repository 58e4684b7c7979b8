"""What a text says once it is decoded: escapes where they stand, and runs of base64, hex and the like. Pure.

Every pattern takes linear time: what repeats is possessive, or no two of its parts begin alike.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

_HEX: Final = "[0-9A-Fa-f]"


class Run(NamedTuple):
    """A piece that was decoded, and where it began."""

    start: int
    text: str


# ----------------------------------------------------------------------------- where they stand
def _bytes_of(escapes: str) -> str:
    return bytes.fromhex(re.sub(r"[%=]", "", escapes)).decode(errors="replace")


def _codes_of(escapes: str) -> str:
    codes = [int(code, 16) for code in re.findall(r"[uUx+]\{?([0-9A-Fa-f]+)", escapes)]
    return "".join(chr(code) for code in codes if code <= 0x10FFFF and not 0xD800 <= code < 0xE000)


def _octals_of(escapes: str) -> str:
    return "".join(chr(int(code, 8)) for code in escapes.split("\\") if code)


#: What has to be in a text for the pattern to be worth a look, the pattern, and what it stands for.
_IN_PLACE: Final[tuple[tuple[str, re.Pattern[str], Callable[[str], str]], ...]] = (
    ("&", re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?"), html.unescape),
    ("%", re.compile(f"(?:%{_HEX}{{2}})++"), _bytes_of),
    ("=", re.compile(f"(?:={_HEX}{{2}}){{3,}}+"), _bytes_of),
    ("\\", re.compile(rf"(?:\\u{_HEX}{{4}}|\\u\{{{_HEX}{{1,6}}\}}|\\U{_HEX}{{8}}|\\x{_HEX}{{2}})++"), _codes_of),
    ("\\", re.compile(r"(?:\\[0-3]?[0-7]{2}){3,}+"), _octals_of),
    ("+", re.compile(rf"(?:[Uu]\+{_HEX}{{4,6}}[ ,]?){{3,}}+"), _codes_of),
)


def in_place(text: str) -> str:
    """The text with its entities, percent signs and backslash escapes decoded, line by line as it was."""
    for sign, pattern, decode in _IN_PLACE:
        if sign in text:
            text = pattern.sub(lambda match, decode=decode: decode(match[0]).replace("\n", " "), text)  # type: ignore[misc]
    return text


# ----------------------------------------------------------------------------- in runs
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}+={0,2}")
_BASE64_LINES: Final = re.compile(r"(?<=[A-Za-z0-9+/_-]{16})\s{1,3}(?=[A-Za-z0-9+/_-]{16})")
_BASE32: Final = re.compile(r"[A-Z2-7]{16,}+={0,6}")
_HEX_RUN: Final = re.compile(rf"(?:(?:0x|\\x)?{_HEX}{{2}}[ ,:-]{{0,2}}){{8,}}+")
_BINARY: Final = re.compile(r"(?:[01]{8}[ ,]{0,2}){4,}+")
_DECIMAL: Final = re.compile(r"\d{2,3}(?:[ ,;]{1,2}\d{2,3}){6,}+")
#: Text between bytes that are none.
_PRINTABLE: Final = re.compile(rb"[\t\n\r\x20-\x7e]{12,}+")


def _of_base64(run: str) -> Iterator[bytes]:
    """Four times, since nobody says at which of four signs the coded text begins."""
    letters = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    for start in range(4):
        part = letters[start:]
        yield base64.b64decode(part[: len(part) - (len(part) % 4 == 1)] + "===")


def _of_base32(run: str) -> Iterator[bytes]:
    letters = run.rstrip("=")
    letters = letters[: len(letters) - (len(letters) % 8 in (1, 3, 6))]
    yield base64.b32decode(letters + "=" * (-len(letters) % 8))


def _of_hex(run: str) -> Iterator[bytes]:
    yield bytes.fromhex("".join(re.findall(f"{_HEX}{{2}}", run.replace("0x", "").replace("\\x", ""))))


def _of_binary(run: str) -> Iterator[bytes]:
    yield bytes(int(code, 2) for code in re.findall("[01]{8}", run))


def _of_decimal(run: str) -> Iterator[bytes]:
    yield bytes(code for code in map(int, re.findall(r"\d+", run)) if code < 128)


_RUNS: Final[tuple[tuple[re.Pattern[str], Callable[[str], Iterator[bytes]]], ...]] = (
    (_BASE64, _of_base64),
    (_BASE32, _of_base32),
    (_HEX_RUN, _of_hex),
    (_BINARY, _of_binary),
    (_DECIMAL, _of_decimal),
)


def runs(text: str) -> Iterator[Run]:
    """Every run that decodes to something with words in it."""
    joined, place = _BASE64_LINES.sub("", text), 0
    for pattern, decode in _RUNS:
        for match in pattern.finditer(joined if pattern is _BASE64 else text):
            place = text.find(match[0][:16], place) if pattern is _BASE64 else match.start()
            for decoded in _readable(decode, match[0]):
                yield Run(place, decoded)


def _readable(decode: Callable[[str], Iterator[bytes]], run: str) -> Iterator[str]:
    try:
        pieces = list(decode(run))
    except (binascii.Error, ValueError):
        return
    for piece in pieces:
        if text := _text_of(piece):
            yield text


def _text_of(piece: bytes) -> str:
    """The words in decoded bytes, or nothing where they are a picture or a number."""
    piece = piece.replace(b"\0", b"")
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return " ".join(run.decode() for run in _PRINTABLE.findall(piece))
    return text if sum(map(str.isprintable, text[:200])) >= 0.8 * len(text[:200]) else ""
