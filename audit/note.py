"""Signed notes, in which a log's checkpoints are handed out (C2SP signed-note and tlog-checkpoint). Pure.

    <origin: the installation and the tenant>
    <size: how many entries>
    <root over their leaves, in base64>
    head <hash of the last of them, in hex>
    time <when it was signed: ISO 8601, UTC, milliseconds>

    — <name of the key> <base64 of 4 bytes of key hash and 64 of Ed25519 signature over the lines above the blank one>

`head` and `time` are extension lines: the format leaves them to the log, and who does not know them passes over them.
A note may carry several signatures: of two keys while one replaces the other, and of witnesses.
"""

import base64
import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: The name of every installation's key. What tells keys apart is the hash that stands beside it; a name that never
#: changes lets a verifier key that was handed out once hold when the server moves to another address.
KEY_NAME: Final = "pvc"
#: A note longer than this, or with more signatures, is not read.
GREATEST_NOTE: Final = 2**18
MOST_SIGNATURES: Final = 100
GREATEST_SIZE: Final = 2**63 - 1

_ED25519: Final = b"\x01"
_DASH: Final = "\u2014 "
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_HEAD: Final = re.compile(r"[0-9a-f]{64}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_KEY_HASH: Final = re.compile(r"[0-9a-f]{8}")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteError(ValueError):
    """Nothing that a note says may be believed."""


class MalformedNote(NoteError):
    """Not in the format, to the byte."""


class BadSignature(NoteError):
    """A known key is said to have signed, and has not."""


class UnknownSigners(NoteError):
    """No key that is known has signed."""


# ----------------------------------------------------------------------------- keys
@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Who may be believed: a name and an Ed25519 public key of 32 bytes."""

    name: str
    public: bytes

    @property
    def hash(self) -> bytes:
        """Four bytes by which a signature names the key it was made with."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """As it is handed out: `<name>+<hash>+<base64>`."""
        return f"{self.name}+{self.hash.hex()}+{_base64(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises MalformedNote."""
        name, _, rest = text.partition("+")
        key_hash, _, encoded = rest.partition("+")
        data = _from_base64(encoded)
        if not _is_name(name) or len(data) != 33 or data[:1] != _ED25519:
            raise MalformedNote("This is no verifier key for Ed25519.")
        key = cls(name, data[1:])
        if not _KEY_HASH.fullmatch(key_hash) or key.hash.hex() != key_hash:
            raise MalformedNote("The verifier key's hash is not that of its name and key.")
        return key

    def has_signed(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A name and the 32 secret bytes that an Ed25519 key is made of."""

    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"SigningKey({str(self.verifier)!r})"

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self._private.public_key().public_bytes_raw())

    @property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def sign(self, text: str) -> bytes:
        return self._private.sign(text.encode())


def signing_key(audit_key: str) -> SigningKey:
    """The installation's key, one for all its tenants: HKDF-SHA256 of AUDIT_KEY, one block (RFC 5869)."""
    pseudo_random_key = hmac.digest(bytes(32), audit_key.encode(), hashlib.sha256)
    return SigningKey(KEY_NAME, hmac.digest(pseudo_random_key, b"pvc-audit-ed25519-1\x01", hashlib.sha256))


# ----------------------------------------------------------------------------- notes
@dataclass(frozen=True, slots=True)
class Signature:
    """A line below the text: who is said to have signed, and with what."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """What was signed, to the byte, and the signatures, checked or not."""

    text: str
    signatures: tuple[Signature, ...]


def sign(text: str, keys: Iterable[SigningKey]) -> str:
    """The note: the text, signed by each key. Raises MalformedNote for a text that no note can hold."""
    text = _note_text(text)
    lines = [f"{_DASH}{key.name} {_base64(key.verifier.hash + key.sign(text))}\n" for key in keys]
    note = "".join([text, "\n", *lines])
    parse(note)
    return note


def parse(data: str | bytes) -> Note:
    """Take a note apart, by the letter of the format. Its signatures are not checked. Raises MalformedNote."""
    text, _, below = _note_text(data).rpartition("\n\n")
    lines = below.split("\n")
    if not text or lines.pop() or not 1 <= len(lines) <= MOST_SIGNATURES:
        raise MalformedNote("A note is text, a blank line, and signatures, each line with its end.")
    return Note(f"{text}\n", tuple(_signature(line) for line in lines))


def verify(note: Note, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Which of the keys have signed, of which there is at least one; other signers' lines are passed over.

    Raises BadSignature when a line in the name of one of the keys is false, and UnknownSigners.
    """
    signers = []
    for key in keys:
        lines = [each for each in note.signatures if (each.name, each.key_hash) == (key.name, key.hash)]
        if not all(key.has_signed(note.text, each.signature) for each in lines):
            raise BadSignature(f"The signature of {key.name}+{key.hash.hex()} is not of this text.")
        if lines:
            signers.append(key)
    if not signers:
        raise UnknownSigners("No known key has signed this note.")
    return signers


def _note_text(data: str | bytes) -> str:
    try:
        raw = data.encode() if isinstance(data, str) else data
        text = raw.decode()
    except UnicodeError as error:
        raise MalformedNote("A note is UTF-8.") from error
    if len(raw) > GREATEST_NOTE:
        raise MalformedNote(f"A note has at most {GREATEST_NOTE} bytes.")
    if _CONTROL.search(text):
        raise MalformedNote("A note has no control characters but the ends of its lines.")
    return text


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = _from_base64(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or len(data) < 5:
        raise MalformedNote("A signature's line is a dash, the key's name, and the signature in base64.")
    return Signature(name, data[:4], data[4:])


# ----------------------------------------------------------------------------- checkpoints
@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: how many entries it has, and the root over them."""

    origin: str
    size: int
    root: bytes
    #: The hash of the last entry, which holds those before it.
    head: bytes | None = None
    at: dt.datetime | None = None

    @property
    def text(self) -> str:
        """The lines that are signed."""
        lines = [self.origin, str(self.size), _base64(self.root)]
        if self.head is not None:
            lines.append(f"head {self.head.hex()}")
        if self.at is not None:
            lines.append(f"time {_moment(self.at)}")
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What a note's text says, by the letter of the format. Raises MalformedNote."""
        lines = text.split("\n")
        if lines.pop() or len(lines) < 3 or not all(lines):
            raise MalformedNote("A checkpoint is three lines or more, none of them empty.")
        origin, size, root, *extensions = lines
        if not _SIZE.fullmatch(size) or int(size) > GREATEST_SIZE:
            raise MalformedNote("A checkpoint's second line is the size.")
        if len(_from_base64(root)) != 32:
            raise MalformedNote("A checkpoint's third line is the root in base64.")
        return cls(origin, int(size), _from_base64(root), _head(extensions), _time(extensions))


def origin(tenant: UUID, public_url: str) -> str:
    """A log's name: the server's public address without its scheme, and the tenant, which tells logs apart.

    Without a public address, or with one that no line can hold, the name of the key stands in its place.
    """
    address = public_url.rpartition("://")[2].rstrip("/")
    return f"{address if _is_name(address) else KEY_NAME}/{tenant}"


def tenant_of(origin: str) -> str:
    """The last part of a log's name. The address before it may change; this does not."""
    return origin.rpartition("/")[2]


def _head(extensions: list[str]) -> bytes | None:
    value = _extension("head", extensions)
    if value is None:
        return None
    if not _HEAD.fullmatch(value):
        raise MalformedNote("A checkpoint's head is a hash of 64 hex digits.")
    return bytes.fromhex(value)


def _time(extensions: list[str]) -> dt.datetime | None:
    value = _extension("time", extensions)
    if value is None:
        return None
    if not _TIME.fullmatch(value):
        raise MalformedNote("A checkpoint's time is ISO 8601, in UTC, with milliseconds.")
    try:
        return dt.datetime.fromisoformat(value)
    except ValueError as error:
        raise MalformedNote("A checkpoint's time is on no calendar.") from error


def _extension(name: str, extensions: list[str]) -> str | None:
    values = [value for each in extensions for key, _, value in [each.partition(" ")] if key == name]
    if len(values) > 1:
        raise MalformedNote(f"A checkpoint says its {name} once.")
    return values[0] if values else None


def _moment(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_name(text: str) -> bool:
    """Whether a key may be called so: neither white space nor a plus."""
    return bool(text) and "+" not in text and not any(character.isspace() for character in text)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: str) -> bytes:
    """The bytes that have this text and no other in base64. Raises MalformedNote."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise MalformedNote("This is no base64.") from error
    if _base64(data) != text:
        raise MalformedNote("This is not how these bytes are written in base64.")
    return data
