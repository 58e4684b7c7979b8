#!/usr/bin/env python3
"""Check an exported audit log, without the server that wrote it and without its code.

    python3 pvc_verify.py LOG.jsonl --key KEY [--anchors FILE_OR_FOLDER] [--checkpoint FILE] [--receipt SEQ:HASH]

It takes Python 3.11 and the package `cryptography`. The exit code is 0 if nothing was changed, 1 if something was,
and 2 if that cannot be told.

The log is a file of lines, each a JSON object in UTF-8 that ends in a line feed:
    {"format": "pvc-audit-1", "tenant", "size", "head_hash", "origin", "verifier_keys"}             the first line
    {"seq", "canonical", "prev_hash", "entry_hash", "key_id", "mac"}                                an entry, by seq
    {"checkpoint"}                                                                                  a signed note
`canonical` is the entry's text, RFC 8785 of {v, tenant, seq, at, actor, via, verb, target, prompt_id, data}. A
redacted entry has `leaf` in its place. An entry that tells of a change of keys also has `second_key_id` and
`second_mac`. Hashes are lower-case hex:
    leaf       = SHA-256(0x00 || canonical)
    entry_hash = SHA-256(0x02 || entry_hash of the entry before, or 32 zero bytes || leaf)
    mac        = HMAC-SHA256(K, "pvc-audit-1" || tenant || seq || entry_hash), K by HKDF of the AUDIT_KEY
    root       = RFC 6962, section 2.1, over the leaves; inner nodes SHA-256(0x01 || left || right)
A note's text is origin, size, root in base64, `head` with an entry_hash, `time`; its format is C2SP's signed-note.
"""

import argparse
import base64
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FORMAT: Final = "pvc-audit-1"
GENESIS: Final = "00" * 32
GREATEST_INTEGER: Final = 2**53 - 1
#: So many faults are told one by one in JSON, and so many in words; the others are counted.
TOLD, FEW = 1000, 20

HASH: Final = re.compile(r"[0-9a-f]{64}")
KEY_ID: Final = re.compile(r"[0-9a-f]{8}")
SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
#: Lone surrogates, and what UTF-16 sorts otherwise than Python does.
BEYOND: Final = re.compile("[\ud800-\U0010ffff]")
#: An entry as the server writes it. Any other JSON of the same fields is read too, more slowly.
LINE: Final = re.compile(
    r'\{"seq":([1-9][0-9]{0,14}),"canonical":(".*"),"prev_hash":"([0-9a-f]{64})","entry_hash":"([0-9a-f]{64})",'
    r'"key_id":"([0-9a-f]{8})","mac":"([0-9a-f]{64})"\}\n'
)
SAID: Final = {"v", "tenant", "seq", "at", "actor", "via", "verb", "target", "prompt_id", "data"}
HEADER: Final = {"format", "tenant", "size", "head_hash", "origin", "verifier_keys"}
ENTRY: Final = {"seq", "prev_hash", "entry_hash", "key_id", "mac"}
SECOND: Final = {"second_key_id", "second_mac"}


class CannotTell(Exception):
    """What was handed over does not let anything be said."""


class Fault(Exception):
    """Something is not as it was written, in words."""


class FalseSignature(Fault):
    """A key that is trusted is said to have signed, and has not."""


class UnknownSigner(Fault):
    """No key that is trusted has signed."""


class OtherLog(Fault):
    """It is about another tenant's log."""


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# ----------------------------------------------------------------------------- JSON in one form (RFC 8785)
def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object each of whose names stands in it once."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _not_plain(text: str) -> Any:
    raise ValueError(f"{text} is no plain number")


def _plain_integer(text: str) -> int:
    number = int(text)
    return number if -GREATEST_INTEGER <= number <= GREATEST_INTEGER else _not_plain(text)


read_object = json.JSONDecoder(object_pairs_hook=once, parse_constant=_not_plain).decode
_read_plain = json.JSONDecoder(
    parse_float=_not_plain, parse_constant=_not_plain, parse_int=_plain_integer, object_pairs_hook=None
).decode
_write_plain = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_write_text = json.JSONEncoder(ensure_ascii=False).encode


def read_canonical(text: str) -> dict[str, Any]:
    """What an entry's text says; raises Fault unless it is the RFC 8785 form of that, to the letter."""
    try:
        said = _read_plain(text)
        if _write_plain(said) == text and (text.isascii() or not BEYOND.search(text)):
            return checked_object(said)
    except (ValueError, RecursionError):
        pass  # there may be a fraction or a great number in it, which takes the long way
    try:
        text.encode()
        said = read_object(text)
        if canonical(said) == text:
            return checked_object(said)
    except (ValueError, RecursionError, OverflowError):
        pass
    raise Fault("its text is not canonical JSON")


def checked_object(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise Fault("its text is no JSON object")
    return said


def canonical(value: Any) -> str:
    """RFC 8785."""
    match value:
        case dict():
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return "{" + ",".join(f"{_write_text(name)}:{canonical(value[name])}" for name in names) + "}"
        case list():
            return "[" + ",".join(canonical(each) for each in value) + "]"
        case float():
            return number_text(value)
        case int() if abs(value) > GREATEST_INTEGER:
            return number_text(float(value))
        case _:
            return _write_text(value)


def number_text(number: float) -> str:
    """A number as ECMAScript writes it (ECMA-262, Number::toString)."""
    if number == 0:
        return "0"
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) + int(exponent or 0)
    digits = digits.rstrip("0")
    sign = "-" if number < 0 else ""
    if len(digits) <= point <= 21:
        return f"{sign}{digits.ljust(point, '0')}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{point - 1:+d}"


# ----------------------------------------------------------------------------- signed notes
@dataclass(frozen=True)
class Key:
    """Who may be believed."""

    name: str
    public: bytes

    @property
    def hash(self) -> bytes:
        return sha256(self.name.encode() + b"\n\x01" + self.public)[:4]

    @classmethod
    def parse(cls, text: str) -> "Key":
        name, _, rest = text.partition("+")
        key_hash, _, encoded = rest.partition("+")
        try:
            data = from_base64(encoded)
        except Fault:
            data = b""
        key = cls(name, data[1:])
        if not is_name(name) or data[:1] != b"\x01" or len(data) != 33 or key.hash.hex() != key_hash:
            raise CannotTell(f"{text!r} is no verifier key: <name>+<hash>+<base64>.")
        return key


@dataclass(frozen=True)
class Claim:
    """What somebody keeps of the log at a size: a signed root, or the hash of the last entry, or both."""

    source: str
    size: int
    root: bytes | None
    head: str | None
    is_outside: bool


def from_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Fault("it holds something that is no base64") from error
    if base64.b64encode(data).decode() != text:
        raise Fault("its base64 is not written as usual")
    return data


def is_name(text: str) -> bool:
    return bool(text) and "+" not in text and not any(character.isspace() for character in text)


def open_note(note: str, keys: list[Key]) -> str:
    """The text of a note that one of the keys has signed. Raises Fault, FalseSignature, UnknownSigner."""
    text, _, below = note.rpartition("\n\n")
    lines = below.split("\n")
    if CONTROL.search(note) or not text or lines.pop() or not 1 <= len(lines) <= 100:
        raise Fault("it is no signed note")
    signed = f"{text}\n"
    is_known = False
    for line in lines:
        name, _, encoded = line.removeprefix("\u2014 ").partition(" ")
        data = from_base64(encoded)
        if not line.startswith("\u2014 ") or not is_name(name) or len(data) < 5:
            raise Fault("it is no signed note")
        for key in keys:
            if (key.name, key.hash) == (name, data[:4]):
                check_signature(key, data[4:], signed)
                is_known = True
    if not is_known:
        raise UnknownSigner("it is signed by no given key")
    return signed


def check_signature(key: Key, signature: bytes, signed: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, signed.encode())
    except (InvalidSignature, ValueError) as error:
        raise FalseSignature(f"the signature of {key.name}+{key.hash.hex()} is false") from error


def read_checkpoint(text: str) -> tuple[str, int, bytes, str | None]:
    """Origin, size, root and head."""
    lines = text.split("\n")[:-1]
    if len(lines) < 3 or not all(lines) or not SIZE.fullmatch(lines[1]):
        raise Fault("it is no checkpoint")
    root = from_base64(lines[2])
    heads = [line.removeprefix("head ") for line in lines[3:] if line.startswith("head ")]
    if len(root) != 32 or len(heads) > 1 or not all(HASH.fullmatch(head) for head in heads):
        raise Fault("it is no checkpoint")
    return lines[0], int(lines[1]), root, heads[0] if heads else None


# ----------------------------------------------------------------------------- the tree
class Tree:
    """The perfect subtrees of what was added so far, greatest first (RFC 6962, section 2.1)."""

    def __init__(self) -> None:
        self.size = 0
        self.roots: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        position = self.size
        while position & 1:
            leaf = sha256(b"\x01" + self.roots.pop() + leaf)
            position >>= 1
        self.roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.roots:
            return sha256(b"")
        right = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            right = sha256(b"\x01" + left + right)
        return right


# ----------------------------------------------------------------------------- the file
@dataclass(slots=True)
class Header:
    """The first line: whose log it is, and where it ended when it was exported."""

    tenant: UUID
    size: int
    head_hash: str
    verifier_keys: list[Key]


@dataclass(slots=True)
class Record:
    """The fields of an entry's line. A redacted entry has a leaf and no text."""

    seq: int
    text: str | None
    leaf: str | None
    prev_hash: str
    entry_hash: str
    #: Key ids and MACs: one, and of an entry that tells of a change of keys two.
    macs: list[tuple[str, str]]


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb", buffering=1 << 20) as file:
            yield from enumerate(file, start=1)
    except OSError as error:
        raise CannotTell(f"{path} cannot be read: {error.strerror}.") from error


def is_checkpoint(line: bytes) -> bool:
    return line.startswith(b'{"checkpoint"')


def is_hash(value: Any) -> bool:
    return isinstance(value, str) and bool(HASH.fullmatch(value))


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= GREATEST_INTEGER


def read_line(line: bytes) -> Any:
    try:
        return read_object(line.decode())
    except (ValueError, RecursionError) as error:
        raise Fault("it is no JSON of the format") from error


def read_header(path: Path) -> Header:
    try:
        return header_of(read_line(next(lines_of(path), (1, b""))[1]))
    except (Fault, ValueError, TypeError, AttributeError) as error:
        raise CannotTell(f"The first line of {path} is no header of an exported log: {error}.") from error


def header_of(fields: Any) -> Header:
    if not isinstance(fields, dict) or fields.keys() != HEADER or fields["format"] != FORMAT:
        raise Fault("it has other fields")
    tenant = UUID(fields["tenant"])
    if str(tenant) != fields["tenant"] or not is_count(fields["size"]) or not is_hash(fields["head_hash"]):
        raise Fault("its tenant, size or head_hash is none")
    return Header(tenant, fields["size"], fields["head_hash"], [Key.parse(key) for key in fields["verifier_keys"]])


def read_record(line: bytes) -> Record:
    """An entry's line. Raises Fault if it is none."""
    try:
        if as_written := LINE.fullmatch(line.decode()):
            seq, quoted, prev_hash, entry_hash, key_id, mac = as_written.groups()
            return Record(int(seq), read_object(quoted), None, prev_hash, entry_hash, [(key_id, mac)])
    except ValueError:
        pass  # one field more than it seemed
    return record_of(read_line(line))


def record_of(fields: Any) -> Record:
    if not isinstance(fields, dict) or fields.keys() - SECOND not in (ENTRY | {"canonical"}, ENTRY | {"leaf"}):
        raise Fault("it has not the fields of an entry")
    hashes = [fields["prev_hash"], fields["entry_hash"], fields["mac"]]
    hashes += [fields[name] for name in ("leaf", "second_mac") if name in fields]
    key_ids = [fields[name] for name in ("key_id", "second_key_id") if name in fields]
    if not (
        is_count(fields["seq"])
        and all(is_hash(each) for each in hashes)
        and all(isinstance(each, str) and KEY_ID.fullmatch(each) for each in key_ids)
        and isinstance(fields.get("canonical", ""), str)
        and fields.keys() & SECOND in (set(), SECOND)
    ):
        raise Fault("a field of it is no number, text or hash")
    macs = [(fields["key_id"], fields["mac"])]
    if fields.keys() >= SECOND:
        macs.append((fields["second_key_id"], fields["second_mac"]))
    text, leaf = fields.get("canonical"), fields.get("leaf")
    return Record(fields["seq"], text, leaf, fields["prev_hash"], fields["entry_hash"], macs)


# ----------------------------------------------------------------------------- one entry by itself
@dataclass(slots=True)
class Entry:
    """An entry's line, and what it comes to."""

    line: int
    seq: int
    #: The number that the text itself tells, if there is a text that does.
    said_seq: int | None
    leaf: bytes
    prev_hash: str
    entry_hash: str
    #: The hash of this text after the hash that the line says was before it.
    own_hash: str
    #: What is wrong with it, whatever stands around it.
    reasons: list[str]


class Examiner:
    """Looks at entries one by one; at their MACs too, if the installation's keys are at hand."""

    def __init__(self, tenant: UUID, audit_keys: list[str]) -> None:
        self.tenant = tenant
        self.mac_keys = {key_id(key): tenant_key(key, tenant) for key in audit_keys}
        #: How many entries carry the MAC of a key that is not at hand.
        self.without_mac = 0
        #: Redacted entries by number, with their lines; and those of which the log says that they were redacted.
        self.redacted: dict[int, int] = {}
        self.redactions: set[int] = set()
        self._tenant_text = str(tenant)
        self._before = (GENESIS, bytes(32))

    def examine(self, line: int, record: Record) -> Entry:
        reasons: list[str] = []
        said_seq = None
        if record.text is None:
            leaf = bytes.fromhex(record.leaf or "")
            self.redacted[record.seq] = line
        else:
            leaf = sha256(b"\x00" + record.text.encode(errors="surrogatepass"))
            said_seq = self._read_text(record.text, reasons)
        if said_seq is not None and said_seq != record.seq:
            reasons.append(f"its text says that it is entry {said_seq}, its line that it is {record.seq}")
        previous = self._before[1] if record.prev_hash == self._before[0] else bytes.fromhex(record.prev_hash)
        own = sha256(b"\x02" + previous + leaf)
        own_hash = own.hex()
        self._before = (own_hash, own)
        self._check_macs(record, record.seq if said_seq is None else said_seq, reasons)
        return Entry(line, record.seq, said_seq, leaf, record.prev_hash, record.entry_hash, own_hash, reasons)

    def _read_text(self, text: str, reasons: list[str]) -> int | None:
        """Which entry of which log the text says it is."""
        try:
            said = read_canonical(text)
        except Fault as fault:
            reasons.append(str(fault))
            return None
        if said.keys() != SAID or type(said["v"]) is not int or said["v"] != 1 or not is_count(said["seq"]):
            reasons.append("its text has not the fields of version 1")
            return None
        if said["tenant"] != self._tenant_text:
            reasons.append("its text is of another tenant")
        if said["verb"] == "audit.redacted" and isinstance(said["data"], dict):
            seqs = said["data"].get("seqs")
            self.redactions.update(filter(is_count, seqs if isinstance(seqs, list) else []))
        return int(said["seq"])

    def _check_macs(self, record: Record, seq: int, reasons: list[str]) -> None:
        if not self.mac_keys:
            self.without_mac += 1
            return
        message = b"pvc-audit-1" + self.tenant.bytes + seq.to_bytes(8) + bytes.fromhex(record.entry_hash)
        for name, mac in record.macs:
            key = self.mac_keys.get(name)
            if key is not None and hmac.digest(key, message, "sha256").hex() != mac:
                reasons.append(f"its MAC is not of the key {name}")
        self.without_mac += record.macs[0][0] not in self.mac_keys


def key_id(audit_key: str) -> str:
    return hashlib.sha256(b"pvc-audit-key-id" + audit_key.encode()).hexdigest()[:8]


def tenant_key(audit_key: str, tenant: UUID) -> bytes:
    """HKDF-SHA256 (RFC 5869) with the tenant as salt."""
    secret = hmac.digest(tenant.bytes, audit_key.encode(), "sha256")
    return hmac.digest(secret, b"pvc-audit-mac-1\x01", "sha256")


def public_key(audit_key: str) -> bytes:
    """The Ed25519 key of the checkpoints; its seed is HKDF-SHA256 without a salt."""
    secret = hmac.digest(bytes(32), audit_key.encode(), "sha256")
    seed = hmac.digest(secret, b"pvc-audit-ed25519-1\x01", "sha256")
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


# ----------------------------------------------------------------------------- all of them in their order
@dataclass(slots=True)
class Suspect:
    """An entry that is not as it was written."""

    seq: int
    line: int
    reasons: list[str]


class Walk:
    """Goes through the lines and finds where they are not the log.

    A line that jumps ahead is held back until the next one tells whether it alone is out of place or whether those
    before it are missing. Where one entry does not continue the other, and each is whole, one of the two was put
    there: the second if the third does not continue it either, else the first.
    """

    def __init__(self, claims: list[Claim]) -> None:
        self.total = 0
        #: The number that is next in the log.
        self.expected = 1
        self.suspects: dict[int, Suspect] = {}
        #: From and to, both included.
        self.missing: list[tuple[int, int]] = []
        self.problems: list[str] = []
        #: The last claim that fits before the first that does not; and those that do not.
        self.fitting: Claim | None = None
        self.failing: list[Claim] = []
        self._claims: dict[int, list[Claim]] = {}
        for claim in claims:
            self._claims.setdefault(claim.size, []).append(claim)
        #: None from the first gap on: no root is known beyond it.
        self._tree: Tree | None = Tree()
        self._before: Entry | None = None
        self._held: Entry | None = None
        self._displaced: dict[int, Entry] = {}
        self._doubted: Entry | None = None
        self._unreadable: list[tuple[int, str]] = []
        self._compare_claims(0, GENESIS)

    @property
    def last(self) -> int:
        return self.expected - 1

    @property
    def covered(self) -> int:
        """How many entries are known to be as they were."""
        return self.fitting.size if self.fitting else 0

    def accuse(self, seq: int, line: int, *reasons: str) -> None:
        self.suspects.setdefault(seq, Suspect(seq, line, [])).reasons += reasons

    def pass_over(self, line: int, reason: str) -> None:
        """A line that is no entry. If one is missing where it stands, it was that one."""
        self._unreadable.append((line, reason))

    def meet(self, entry: Entry) -> None:
        """The next line of the file."""
        self.total += 1
        if entry.said_seq == self.expected:
            entry.seq = self.expected
        if entry.reasons:
            self.accuse(entry.seq, entry.line, *entry.reasons)
        if self._held is not None:
            held, self._held = self._held, None
            self._displace(held) if entry.seq == self.expected else self._jump(held)
        if self._displaced:
            self._take_displaced()
        if entry.seq == self.expected:
            self._take(entry)
        elif entry.seq > self.expected:
            self._held = entry
        else:
            self._late(entry)

    def end(self, header: Header) -> None:
        """There are no more lines."""
        if self._held is not None:
            self._jump(self._held)
        self._take_displaced()
        if self._doubted is not None and self._before is not None:
            self._settle(self._doubted if self._before.entry_hash == header.head_hash else self._before)
        self._find_unreadable(header.size + 1)
        self.problems += [f"Line {line} of the log is no entry: {reason}." for line, reason in self._unreadable]
        last = self._before
        if self.last == header.size and last is not None and last.entry_hash != header.head_hash:
            self.accuse(last.seq, last.line, "its hash is not the one that the header tells")
        if self.last > header.size:
            self.problems.append(f"The header tells of {header.size} entries, and the file goes on to {self.last}.")

    # ------------------------------------------------------------------------- places
    def _displace(self, entry: Entry) -> None:
        self.accuse(entry.seq, entry.line, "it stands out of its place")
        if len(self._displaced) < TOLD:
            self._displaced[entry.seq] = entry

    def _take_displaced(self) -> None:
        while (entry := self._displaced.pop(self.expected, None)) is not None:
            self._take(entry)

    def _jump(self, entry: Entry) -> None:
        """Entries are missing before this one."""
        self._find_unreadable(entry.seq)
        if self.expected < entry.seq:
            self.missing.append((self.expected, entry.seq - 1))
            self._lose_thread()
        self._take(entry)

    def _find_unreadable(self, end: int) -> None:
        while self._unreadable and self.expected < end:
            line, reason = self._unreadable.pop(0)
            self.accuse(self.expected, line, f"its line cannot be read: {reason}")
            self.expected += 1
            self._lose_thread()

    def _lose_thread(self) -> None:
        if self._doubted is not None:
            self._settle(self._doubted)
        self._tree = self._before = None

    def _late(self, entry: Entry) -> None:
        for at, (first, last) in enumerate(self.missing):
            if first <= entry.seq <= last:
                around = [(first, entry.seq - 1), (entry.seq + 1, last)]
                self.missing[at : at + 1] = [each for each in around if each[0] <= each[1]]
                self.accuse(entry.seq, entry.line, "it stands out of its place")
                return
        self.accuse(entry.seq, entry.line, "an entry of this number stands before it")

    # ------------------------------------------------------------------------- the chain
    def _take(self, entry: Entry) -> None:
        """The entry that is next in the log."""
        before, self._before = self._before, entry
        self.expected = entry.seq + 1
        is_whole = entry.own_hash == entry.entry_hash
        if not is_whole or self._doubted or entry.prev_hash != (before.entry_hash if before else GENESIS):
            self._compare(before, entry, is_whole=is_whole)
        if self._tree is not None:
            self._tree.add(entry.leaf)
        if entry.seq in self._claims:
            self._compare_claims(entry.seq, entry.entry_hash)

    def _compare(self, before: Entry | None, entry: Entry, *, is_whole: bool) -> None:
        if before is not None:
            continues = entry.prev_hash in (before.entry_hash, before.own_hash)
        else:
            continues = entry.seq > 1 or entry.prev_hash == GENESIS
        if self._doubted is not None and before is not None:
            self._settle(self._doubted if continues else before)
        if not is_whole:
            what = "its hash is not that of its text" if continues else "the hash before it, or its own, is another"
            self.accuse(entry.seq, entry.line, what)
        elif not continues and before is None:
            self.accuse(entry.seq, entry.line, "it is not the first entry of this log")
        elif not continues and not {entry.seq, entry.seq - 1} & self.suspects.keys():
            self._doubted = before

    def _settle(self, entry: Entry) -> None:
        """This one of two was put there."""
        self.accuse(entry.seq, entry.line, "the chain of hashes does not go through it")
        self._doubted = None

    def _compare_claims(self, size: int, head: str) -> None:
        for claim in self._claims.get(size, []):
            is_same = claim.head in (head, None)
            if claim.root and self._tree:
                is_same = is_same and claim.root == self._tree.root()
            elif claim.head is None:
                continue  # nothing of it can be compared
            if not is_same:
                self.failing.append(claim)
            elif not self.failing:
                self.fitting = claim


# ----------------------------------------------------------------------------- what is kept of the log
class Keepsakes:
    """The checkpoints and receipts that the log is held against."""

    def __init__(self, header: Header, keys: list[Key]) -> None:
        self.claims: list[Claim] = []
        self.problems: list[str] = []
        #: What was brought to hold the log against and is no use for that.
        self.unusable: list[str] = []
        self.unknown_signers = 0
        self.unreadable = 0
        self._tenant = str(header.tenant)
        self._keys = keys

    def add_log(self, path: Path) -> None:
        """The checkpoints in the log itself: each is of this log, or something is wrong."""
        for number, line in lines_of(path):
            if not is_checkpoint(line):
                continue
            source = f"the checkpoint in line {number} of the log"
            try:
                self._add(source, log_note(line), is_outside=False)
            except UnknownSigner:
                self.unknown_signers += 1
            except Fault as fault:
                self.problems.append(f"{capital(source)} may not be believed: {fault}.")

    def add_anchors(self, path: Path) -> None:
        """What the server wrote outside of its database, for all tenants; a line may have been cut off there."""
        for source, note in [each for file in files_below(path) for each in notes_in(file)]:
            try:
                self._add(source, note, is_outside=True)
            except FalseSignature as fault:
                self.problems.append(f"{capital(source)} may not be believed: {fault}.")
            except UnknownSigner:
                self.unknown_signers += 1
            except OtherLog:
                continue
            except Fault:
                self.unreadable += 1

    def add_checkpoint(self, path: Path) -> None:
        """What somebody kept of this log."""
        for source, note in notes_in(path):
            try:
                self._add(source, note, is_outside=True)
            except FalseSignature as fault:
                self.problems.append(f"{capital(source)} may not be believed: {fault}.")
            except Fault as fault:
                self.unusable.append(f"{capital(source)} is no use: {fault}.")

    def add_receipt(self, seq: int, head: str) -> None:
        self.claims.append(Claim(f"the receipt of entry {seq}", seq, None, head, is_outside=True))

    def _add(self, source: str, note: str, *, is_outside: bool) -> None:
        origin, size, root, head = read_checkpoint(open_note(note, self._keys))
        if origin.rpartition("/")[2] != self._tenant:
            raise OtherLog(f"it is of another log, {origin}")
        self.claims.append(Claim(source, size, root, head, is_outside))

    def contradictions(self) -> Iterator[str]:
        """Two that cannot both be true of one log, whatever the file holds."""
        known: dict[tuple[str, int], tuple[Claim, Any]] = {}
        for claim in self.claims:
            for kind, value in (("root", claim.root), ("head", claim.head)):
                if value is None:
                    continue
                other, before = known.setdefault((kind, claim.size), (claim, value))
                if before != value:
                    both = f"{capital(other.source)} and {claim.source}"
                    yield f"{both} tell two histories of the first {claim.size} entries."
                    break


def capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def log_note(line: bytes) -> str:
    fields = read_line(line)
    if not isinstance(fields, dict) or fields.keys() != {"checkpoint"} or line[-2:] != b"}\n":
        raise Fault("its line is not as the format has it")
    return note_of(fields)


def note_of(fields: Any) -> str:
    for name in ("checkpoint", "note"):
        if isinstance(fields, dict) and isinstance(fields.get(name), str):
            return str(fields[name])
    raise Fault("no note stands in it")


def notes_in(path: Path) -> Iterator[tuple[str, str]]:
    """Source and note: from one note, from a JSON object that holds one, or from lines of such objects."""
    text = read_bytes(path).decode(errors="replace")
    if not text.lstrip().startswith("{"):
        yield f"the checkpoint in {path}", text
    elif (note := json_note(text)) is not None:
        yield f"the checkpoint in {path}", note
    else:
        for number, line in enumerate(text.split("\n"), start=1):
            if line:
                yield f"the checkpoint in line {number} of {path}", json_note(line) or ""


def json_note(text: str) -> str | None:
    try:
        return note_of(json.loads(text))
    except (Fault, ValueError, RecursionError):
        return None


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotTell(f"{path} cannot be read: {error.strerror}.") from error


def files_below(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))
    return [path]


# ----------------------------------------------------------------------------- the answer
@dataclass
class Report:
    """What came of it."""

    tenant: str = ""
    total_entries: int = 0
    verified: int = 0
    tampered: int = 0
    tampered_entries: list[dict[str, Any]] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    truncated: bool = False
    expected_size: int = 0
    #: The greatest that fits.
    checkpoint: dict[str, Any] | None = None
    problems: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    ok: bool = False
    verdict: str = "unknown"


def verify(options: argparse.Namespace) -> Report:
    """Raises CannotTell."""
    header = read_header(options.log)
    audit_keys = [read_bytes(path).decode(errors="replace").strip() for path in options.audit_key_file]
    own = {public_key(each) for each in audit_keys}
    keys = [Key.parse(text) for text in options.key]
    keys += [key for key in header.verifier_keys if key.public in own and key not in keys]
    kept = Keepsakes(header, keys)
    kept.add_log(options.log)
    for path in options.anchors:
        kept.add_anchors(path)
    for path in options.checkpoint:
        kept.add_checkpoint(path)
    for seq, head in options.receipt:
        kept.add_receipt(seq, head)
    examiner, walk = Examiner(header.tenant, audit_keys), Walk(kept.claims)
    go_through(options.log, examiner, walk)
    walk.end(header)
    for seq in sorted(examiner.redacted.keys() - examiner.redactions):
        walk.accuse(seq, examiner.redacted[seq], "its text was taken out, and no entry audit.redacted tells of it")
    return conclude(header, examiner, walk, kept, has_keys=bool(keys))


def go_through(path: Path, examiner: Examiner, walk: Walk) -> None:
    for number, line in lines_of(path):
        if number == 1 or is_checkpoint(line):
            continue
        try:
            entry = examiner.examine(number, read_record(line))
        except Fault as fault:
            walk.pass_over(number, str(fault))
            continue
        if not line.endswith(b"}\n"):
            entry.reasons.append("its line does not end as the format has it")
        walk.meet(entry)


def conclude(header: Header, examiner: Examiner, walk: Walk, kept: Keepsakes, *, has_keys: bool) -> Report:
    gaps = [*walk.missing, *([(walk.last + 1, header.size)] if walk.last < header.size else [])]
    report = Report(
        tenant=str(header.tenant),
        total_entries=walk.total,
        missing=[seq for first, last in gaps for seq in range(first, min(last, first + TOLD) + 1)][:TOLD],
        expected_size=max([header.size, *(claim.size for claim in kept.claims)]),
        problems=[*kept.problems, *kept.contradictions(), *walk.problems],
    )
    gone = [f"Entry {first} is" if first == last else f"Entries {first} to {last} are" for first, last in gaps]
    report.problems += [f"{each} missing." for each in gone[:TOLD]]
    tell_truncated(report, header, walk, kept)
    tell_failing(report, walk)
    suspects = sorted(walk.suspects.values(), key=lambda each: each.seq)
    report.tampered = len(suspects)
    report.tampered_entries = [
        {"seq": each.seq, "line": each.line, "message": "; ".join(each.reasons)} for each in suspects[:TOLD]
    ]
    report.verified = max(0, walk.total - len(suspects))
    if walk.fitting is not None:
        claim = walk.fitting
        report.checkpoint = {
            "size": claim.size,
            "root": claim.root.hex() if claim.root else None,
            "source": claim.source,
        }
    has_macs = bool(examiner.mac_keys) and not examiner.without_mac
    tell_unchecked(report, examiner, walk, kept, has_keys=has_keys, has_macs=has_macs)
    if report.tampered or report.missing or report.truncated or report.problems:
        report.verdict = "tampered"
    elif (has_keys or has_macs) and (walk.covered or has_macs or not walk.total) and not kept.unusable:
        report.verdict, report.ok = "ok", True
    return report


def tell_truncated(report: Report, header: Header, walk: Walk, kept: Keepsakes) -> None:
    report.truncated = walk.last < report.expected_size
    if report.truncated:
        sources = ["the header"] if header.size > walk.last else []
        sources += [claim.source for claim in kept.claims if claim.size > walk.last]
        more = f" and {len(sources) - 1} more" if sources[1:] else ""
        said = f"The log ends at entry {walk.last}. It had {report.expected_size}, as {sources[0]}{more} shows."
        report.problems.append(said)


def tell_failing(report: Report, walk: Walk) -> None:
    """Between the last claim that fits and the first that does not, something was changed."""
    if not walk.failing:
        return
    first, start = walk.failing[0], walk.covered + 1
    stretch = f"entry {start}" if start == first.size else f"entries {start} to {first.size}"
    more = f" {len(walk.failing) - 1} later ones do not fit either." if walk.failing[1:] else ""
    report.problems.append(f"{capital(first.source)} does not fit: something was changed in {stretch}.{more}")
    if start == first.size and not walk.suspects:
        walk.accuse(start, 0, f"{first.source} is of another")


def tell_unchecked(
    report: Report, examiner: Examiner, walk: Walk, kept: Keepsakes, *, has_keys: bool, has_macs: bool
) -> None:
    """What the answer does not rest on."""
    told = report.not_checked
    told += kept.unusable
    if not has_keys:
        told.append("No signature was checked, since no key was given (--key). The keys in the file prove nothing.")
    if kept.unknown_signers and has_keys:
        told.append(f"{kept.unknown_signers} checkpoints that no given key has signed were passed over.")
    if kept.unreadable:
        told.append(f"{kept.unreadable} lines or files among the anchors hold no checkpoint and were passed over.")
    if not examiner.mac_keys:
        told.append("The MACs of the entries were not checked: that takes the AUDIT_KEY (--audit-key-file).")
    elif examiner.without_mac:
        told.append(f"The MACs of {examiner.without_mac} entries were not checked: they are of a key not given.")
    if walk.last > walk.covered and not walk.failing and not has_macs:
        told.append(
            f"Entries {walk.covered + 1} to {walk.last} are under no checkpoint or receipt: their chain holds, "
            "but whoever can write this file could have made it."
        )
    if not any(claim.is_outside for claim in kept.claims):
        told.append(
            "If the end was cut off, and the header and the checkpoints with it, this file alone cannot show it: "
            "that takes a checkpoint or a receipt that was kept elsewhere (--anchors, --checkpoint, --receipt)."
        )
    if examiner.redacted:
        told.append(f"The texts of {len(examiner.redacted)} redacted entries are gone; places and hashes are there.")


def in_words(report: Report) -> str:
    lines = [f"Tenant {report.tenant}: {report.total_entries} entries, {report.verified} of them without a fault."]
    if report.checkpoint:
        lines.append(f"The first {report.checkpoint['size']} are those of {report.checkpoint['source']}.")
    told = report.tampered_entries[:FEW]
    lines += [f"Entry {each['seq']} (line {each['line']}): {each['message']}." for each in told]
    lines += [f"And {report.tampered - FEW} more entries."] if report.tampered > FEW else []
    lines += report.problems[:FEW]
    lines += [f"And {len(report.problems) - FEW} more problems."] if len(report.problems) > FEW else []
    lines += [f"Not checked: {each}" for each in report.not_checked]
    return "\n".join([*lines, VERDICTS[report.verdict][1]])


# ----------------------------------------------------------------------------- the command
VERDICTS: Final = {
    "ok": (0, "Nothing was changed."),
    "tampered": (1, "The log is not as it was written."),
    "unknown": (2, "Whether it was changed cannot be told."),
}


def receipt(text: str) -> tuple[int, str]:
    seq, _, head = text.partition(":")
    if not SIZE.fullmatch(seq) or seq == "0" or not HASH.fullmatch(head):
        raise argparse.ArgumentTypeError("a receipt is SEQ:HASH, the X-Audit-Seq and X-Audit-Hash of an answer")
    return int(seq), head


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check an exported audit log without the server that wrote it.")
    several: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("log", type=Path, help="the exported log")
    parser.add_argument("--key", **several, help="a verifier key that you trust: <name>+<hash>+<base64>")
    parser.add_argument("--anchors", type=Path, metavar="PATH", **several, help="a file or folder of checkpoints")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", **several, help="a checkpoint of this log")
    parser.add_argument("--receipt", type=receipt, metavar="SEQ:HASH", **several, help="a receipt of an answer")
    parser.add_argument(
        "--audit-key-file", type=Path, metavar="FILE", **several, help="a file with an AUDIT_KEY, for the MACs"
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    return parser


def main(argv: list[str] | None = None) -> int:
    options = arguments().parse_args(argv)
    try:
        report = verify(options)
    except CannotTell as error:
        report = Report(problems=[str(error)])
    answer = json.dumps(asdict(report), indent=2, ensure_ascii=False) if options.json else in_words(report)
    sys.stdout.write(f"{answer}\n")
    return VERDICTS[report.verdict][0]


if __name__ == "__main__":
    sys.exit(main())
