"""Entries checked one by one: their columns, their hashes, their macs, and that each follows the one before."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256 as _sha256
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

import orjson
import psycopg
from django.db import connection

from audit import chain, keys
from pvc.crypto import ExactDecoder, canonical_json

#: How many rows are read at once.
AT_ONCE: Final = 10_000
#: What a redacted entry's columns say: actor, via, verb and target. Its time is the beginning of 1970.
REDACTED: Final = ("", "system", "entry.redacted", "")
_FIELDS: Final = ("seq", "at", "actor", "via", "verb", "target", "prompt_id", "data")
#: The entries in which the log speaks of itself.
_SPECIAL: Final = frozenset({"audit.redacted", "audit.key_changed"})
#: No second signature, and no leaf in the place of what was said.
_ORDINARY: Final = ["", None, None]
_NAMES: Final = frozenset({"v", "tenant", *_FIELDS})


class Fault(NamedTuple):
    """What is wrong, at which entry."""

    seq: int
    reason: str
    message: str


@dataclass
class Part:
    """What was found in a stretch of the log, and what it hands on to the next."""

    faults: list[Fault] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    #: The leaves of 32 bytes each, one after the other.
    hashes: bytearray = field(default_factory=bytearray)
    first: int = 0
    last: int = 0
    last_hash: bytes | None = None
    macs_unchecked: int = 0
    #: The numbers of entries whose content was taken out, and those of which an entry tells so.
    redacted: set[int] = field(default_factory=set)
    redactions: set[int] = field(default_factory=set)

    def leaves(self, start: int, end: int) -> list[bytes]:
        """The leaves from one to before another, counted from the first of this part."""
        data = bytes(self.hashes[start * 32 : end * 32])
        return [data[each : each + 32] for each in range(0, len(data), 32)]

    def take(self, row: "Row", leaf: bytes) -> None:
        """One more entry was looked at."""
        self.hashes += leaf
        self.last, self.last_hash = row.seq, row.entry_hash

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Parts that follow each other, as one."""
        whole = cls(first=parts[0].first)
        for part in parts:
            end = whole.last + 1 if whole.last else whole.first
            whole.missing += range(end, min(part.first, end + 1_000))
            whole.faults += part.faults
            whole.missing += part.missing
            whole.hashes += part.hashes
            whole.macs_unchecked += part.macs_unchecked
            whole.redacted |= part.redacted
            whole.redactions |= part.redactions
            if part.last:
                whole.last, whole.last_hash = part.last, part.last_hash
        return whole


class Row(NamedTuple):
    """An entry as it is stored; `at` in microseconds since 1970 (None: endless), `data` as JSON text."""

    seq: int
    at: int | None
    actor: str
    via: str
    verb: str
    target: str
    prompt_id: str | None
    data: str
    canonical: bytes
    prev_hash: bytes
    entry_hash: bytes
    key_id: str
    mac: bytes
    second_key_id: str
    second_mac: bytes | None
    leaf: bytes | None


def check_entries(tenant_id: UUID, first: int, last: int, before: bytes | None) -> Part:
    """Check the entries from one number to another. `before` is the hash that the first follows.

    Where it is not known, it is that of the entry before, or 32 zero bytes at the beginning.
    """
    checker = _Checker(tenant_id, Part(), None)
    for row in _rows(tenant_id, first - 1, first - 1) if first > 1 else ():
        checker.check(row)  # for what it hands on: whoever reads it for itself tells what is wrong with it
    if first == 1 or before is not None:
        checker.follow(before or chain.GENESIS)
    part, expected = checker.begin(first), first
    for row in _rows(tenant_id, first, last):
        if row.seq > expected:
            part.missing += range(expected, min(row.seq, expected + 1_000))
            checker.follow(None)
        checker.check(row)
        expected = row.seq + 1
    return part


class _Checker:
    """What is known of the entry before, while one after the other is read."""

    def __init__(self, tenant_id: UUID, part: Part, key_id: str | None) -> None:
        self._tenant_id = tenant_id
        self._tenant = str(tenant_id)
        self._part = part
        self._ring = keys.ring()
        self._keys: dict[str, bytes | None] = {}
        self._key_id = key_id
        #: Signs as the present key does; None where nobody has it.
        self._sign = self._signer(key_id)
        #: What every message begins with.
        self._signed = b"pvc-audit-1" + tenant_id.bytes
        #: The hash that the next entry has to follow: as computed, and as stored.
        self._computed: bytes | None = None
        self._stored: bytes | None = None
        self._seq = 0

    def begin(self, first: int) -> Part:
        """What is found from here on goes into this part."""
        self._part = Part(first=first)
        return self._part

    def follow(self, before: bytes | None) -> None:
        """The next entry follows this hash; None: nobody knows."""
        self._computed = self._stored = before

    def check(self, row: Row) -> None:
        leaf = row.leaf if row.leaf is not None else _sha256(b"\x00" + row.canonical).digest()
        computed = _sha256(b"\x02" + row.prev_hash + leaf).digest()
        if not self._is_right(row, computed):
            self._examine(row, computed)
        self._computed, self._stored, self._seq = computed, row.entry_hash, row.seq
        self._part.take(row, leaf)

    def _is_right(self, row: Row, computed: bytes) -> bool:
        """Whether all of an ordinary entry is as it should be. Nearly every one is, and so most cost no more."""
        seq, at, actor, via, verb, target, prompt_id, data, canonical, before, entry_hash, key_id, mac, *rest = row
        if self._sign is None or verb in _SPECIAL or rest != _ORDINARY:
            return False
        said = {
            "v": chain.VERSION,
            "tenant": self._tenant,
            "seq": seq,
            "at": at,
            "actor": actor,
            "via": via,
            "verb": verb,
            "target": target,
            "prompt_id": prompt_id,
        }
        try:
            said["data"] = orjson.loads(data)
            # Where RFC 8785 takes more than sorting, this is something else: then the entry is looked at closely.
            rebuilt = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            return False
        return (rebuilt, before, key_id, entry_hash) == (
            canonical,
            self._stored,
            self._key_id,
            computed,
        ) and self._sign(self._signed + seq.to_bytes(8) + entry_hash) == mac

    def _examine(self, row: Row, computed: bytes) -> None:
        """What is wrong with an entry, if anything is."""
        is_hashed, is_signed = computed == row.entry_hash, self._check_mac(row)
        if not is_hashed:
            self._fault(row, "content", "It does not say what it said when it was written.")
        if row.leaf is not None:
            self._check_redacted(row)
        else:
            self._check_content(row)
        if self._computed is not None and row.prev_hash not in (self._computed, self._stored):
            # An entry that is signed and whole has the hash before it right: then it is the one before that is not.
            is_whole = is_hashed and is_signed
            seq = self._seq if is_whole and self._seq else row.seq
            self._part.faults.append(Fault(seq, "chain", "The entries before and after it do not belong together."))

    def _check_mac(self, row: Row) -> bool:
        if row.key_id != self._key_id and self._key_id is not None:
            self._check_change(row, self._key_id)
        elif row.second_key_id or row.second_mac is not None:
            self._fault(row, "signature", "It carries a second signature, and no key changed.")
        if row.key_id != self._key_id:
            self._key_id, self._sign = row.key_id, self._signer(row.key_id)
        if self._sign is None:
            self._part.macs_unchecked += 1
            return True
        if self._sign(self._signed + row.seq.to_bytes(8, signed=row.seq < 0) + row.entry_hash) != row.mac:
            self._fault(row, "signature", "Its signature is not ours.")
            return False
        return True

    def _signer(self, key_id: str | None) -> Callable[[bytes], bytes] | None:
        key = self._key(key_id) if key_id is not None else None
        return chain.signer(key) if key is not None else None

    def _check_change(self, row: Row, before: str) -> None:
        """Another key signs from here on: this entry says so, and the key before vouches for it."""
        key, is_told = self._key(before), row.verb == "audit.key_changed" and row.second_key_id == before
        if key is None and not is_told and self._seq:
            message = "It is said to be signed with a key that nobody knows."
            self._part.faults.append(Fault(self._seq, "key", message))
            return
        is_vouched = key is None or row.second_mac == chain.entry_mac(
            key, tenant=self._tenant_id, seq=row.seq, entry_hash=row.entry_hash
        )
        ranks = self._ring.rank(row.key_id), self._ring.rank(before)
        is_newer = ranks[0] < ranks[1] or (key is None and self._key(row.key_id) is None)
        if not (is_told and is_vouched and is_newer):
            self._fault(row, "key", "It is signed with another key than the entry before, which nobody vouches for.")

    def _key(self, key_id: str) -> bytes | None:
        if key_id not in self._keys:
            self._keys[key_id] = self._ring.mac_key(key_id, self._tenant_id)
        return self._keys[key_id]

    def _check_redacted(self, row: Row) -> None:
        self._part.redacted.add(row.seq)
        said = (row.canonical, row.at, row.actor, row.via, row.verb, row.target, row.prompt_id, row.data)
        if said != (b"", 0, *REDACTED, None, "{}"):
            self._fault(row, "redaction", "It was redacted, and says something all the same.")

    def _check_content(self, row: Row) -> None:
        try:
            said = orjson.loads(row.canonical)
        except orjson.JSONDecodeError:
            said = None
        if not isinstance(said, dict) or said.keys() != _NAMES or said["v"] != chain.VERSION:
            self._fault(row, "content", "What was signed is no entry.")
            return
        if said["tenant"] != self._tenant:
            self._fault(row, "tenant", "It is an entry of another tenant's log.")
        if said["seq"] != row.seq:
            self._fault(row, "order", f"It was written as number {said['seq']}.")
        for name in _differing(row, said):
            self._fault(row, "column", f"Its column {name} does not say what was signed.")
        if row.verb == "audit.redacted":
            self._part.redactions |= _numbers(said["data"])

    def _fault(self, row: Row, reason: str, message: str) -> None:
        self._part.faults.append(Fault(row.seq, reason, message))


def _differing(row: Row, said: dict[str, Any]) -> Iterator[str]:
    """The names of the columns that do not say what was signed."""
    if said["at"] != row.at:
        yield "at"
    if said["actor"] != row.actor:
        yield "actor"
    if said["via"] != row.via:
        yield "via"
    if said["verb"] != row.verb:
        yield "verb"
    if said["target"] != row.target:
        yield "target"
    if said["prompt_id"] != row.prompt_id:
        yield "prompt_id"
    if not _is_same_data(row.data, said["data"]):
        yield "data"


def _is_same_data(stored: str, said: Any) -> bool:
    """Whether a jsonb column holds what was signed: to the letter, where true is not 1."""
    try:
        if orjson.dumps(orjson.loads(stored), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
            said, option=orjson.OPT_SORT_KEYS
        ):
            return True
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    # 1.0 is signed as 1, and jsonb writes 1e300 out in digits: then the canonical forms decide.
    return canonical_json(json.loads(stored, cls=ExactDecoder)) == canonical_json(said)


def _numbers(data: Any) -> set[int]:
    seqs = data.get("seqs") if isinstance(data, dict) else None
    return {each for each in seqs if isinstance(each, int)} if isinstance(seqs, list) else set()


def _rows(tenant_id: UUID, first: int, last: int) -> Iterator[Row]:
    """The entries from one number to another, in their order, a few thousand at a time."""
    position = first - 1
    while position < last:
        connection.ensure_connection()
        # Straight from the driver: bytes that come as bytes are read in three quarters of the time.
        with psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(
                """
                SELECT seq, CASE WHEN isfinite(at) THEN extract(epoch from date_trunc('second', at))::bigint * 1000000
                                                        + extract(microseconds from at)::bigint %% 1000000 END,
                       actor, via, verb, target, prompt_id::text, data::text, canonical, prev_hash, entry_hash,
                       key_id, mac, second_key_id, second_mac, leaf
                FROM audit_auditentry WHERE tenant_id = %s AND seq > %s AND seq <= %s ORDER BY seq LIMIT %s
                """,
                [tenant_id, position, last, AT_ONCE],
                binary=True,
            )
            rows = cursor.fetchall()
        if not rows:
            return
        yield from map(Row._make, rows)
        position = rows[-1][0]
