"""The bytes of the audit chain: what is signed, how one entry holds the one before. Pure.

leaf       = SHA-256(0x00 || canonical)                              (RFC 6962, section 2.1)
entry_hash = SHA-256(0x02 || previous entry_hash || leaf)
mac        = HMAC-SHA256(K, "pvc-audit-1" || tenant || seq || entry_hash)
head mac   = HMAC-SHA256(K, "pvc-audit-head-1" || tenant || size || head_hash)

`tenant` is the 16 bytes of the UUID, `seq` and `size` are 8 bytes, big-endian. K is HKDF-SHA256 (RFC 5869)
of the installation's AUDIT_KEY, with the tenant's bytes as salt. The first entry follows 32 zero bytes.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from pvc.crypto import canonical_json

VERSION: Final = 1
GENESIS: Final = bytes(32)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def canonical_entry(
    *,
    tenant: UUID,
    seq: int,
    at: dt.datetime,
    actor: str,
    via: str,
    verb: str,
    target: str,
    prompt_id: UUID | None,
    data: dict[str, Any],
) -> bytes:
    """The RFC 8785 bytes that an entry's hash and mac stand for; `at` as whole microseconds."""
    return canonical_json(
        {
            "v": VERSION,
            "tenant": str(tenant),
            "seq": seq,
            "at": (at - _EPOCH) // dt.timedelta(microseconds=1),
            "actor": actor,
            "via": via,
            "verb": verb,
            "target": target,
            "prompt_id": str(prompt_id) if prompt_id else None,
            "data": data,
        }
    )


def leaf_hash(canonical: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + canonical).digest()


def entry_hash(previous: bytes, canonical: bytes) -> bytes:
    """The hash of an entry, which holds every entry before it."""
    return next_hash(previous, leaf_hash(canonical))


def next_hash(previous: bytes, leaf: bytes) -> bytes:
    """The same from the entry's leaf alone."""
    return hashlib.sha256(b"\x02" + previous + leaf).digest()


def key_id(audit_key: str) -> str:
    """Eight hex digits that name a key without telling it."""
    return hashlib.sha256(b"pvc-audit-key-id" + audit_key.encode()).hexdigest()[:8]


def tenant_key(audit_key: str, tenant: UUID) -> bytes:
    """The tenant's own MAC key: HKDF-SHA256, one block (RFC 5869, sections 2.2 and 2.3)."""
    pseudo_random_key = hmac.digest(tenant.bytes, audit_key.encode(), hashlib.sha256)
    return hmac.digest(pseudo_random_key, b"pvc-audit-mac-1\x01", hashlib.sha256)


def signer(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA256 under a key of 32 bytes, for many messages: the key is hashed in once (RFC 2104, section 4)."""
    block = key.ljust(64, b"\x00")
    inner, outer = (hashlib.sha256(bytes(each ^ pad for each in block)) for pad in (0x36, 0x5C))

    def sign(message: bytes) -> bytes:
        inside, outside = inner.copy(), outer.copy()
        inside.update(message)
        outside.update(inside.digest())
        return outside.digest()

    return sign


def entry_mac(key: bytes, *, tenant: UUID, seq: int, entry_hash: bytes) -> bytes:
    return hmac.digest(key, b"pvc-audit-1" + tenant.bytes + seq.to_bytes(8) + entry_hash, hashlib.sha256)


def head_mac(key: bytes, *, tenant: UUID, size: int, head_hash: bytes) -> bytes:
    return hmac.digest(key, b"pvc-audit-head-1" + tenant.bytes + size.to_bytes(8) + head_hash, hashlib.sha256)
