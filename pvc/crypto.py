"""Bytes that others can recompute: canonical JSON (RFC 8785) and SHA-256 over it. And bytes that nobody else can read:
secrets at rest."""

import base64
import binascii
import hashlib
import json
import os
from functools import lru_cache
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

#: The largest whole number every JSON reader holds exactly (RFC 8785 refuses greater ones).
GREATEST_INTEGER = 2**53 - 1


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value: sorted keys, no spaces, shortest numbers, UTF-8."""
    return rfc8785.dumps(value)


def sha256_hex(data: bytes) -> str:
    """Hex SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def _whole(text: str) -> int | float:
    """PostgreSQL's jsonb writes 1e300 out in digits: what is beyond an exact integer was a float."""
    number = float(text) if len(text) > 17 else int(text)
    return number if isinstance(number, float) or abs(number) <= GREATEST_INTEGER else float(number)


class ExactDecoder(json.JSONDecoder):
    """Reads a jsonb column so that a stored number gives the same canonical bytes as before."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "parse_int": _whole})


# ----------------------------------------------------------------------------- secrets at rest
_NONCE = 12  # bytes (NIST SP 800-38D, section 8.2.2)


class CannotOpen(Exception):
    """A sealed text whose key is gone, or that is not what was sealed for this row."""


@lru_cache(maxsize=8)
def _key(secret: str) -> tuple[str, AESGCM]:
    """The key made from one of the installation's secrets, by HKDF-SHA256 (RFC 5869), and its id of 8 hex digits."""
    made = HKDF(algorithm=SHA256(), length=36, salt=None, info=b"pvc secrets at rest 1").derive(secret.encode())
    return made[32:].hex(), AESGCM(made[:32])


def sealed(text: str, *, bound_to: str) -> str:
    """`text` under AES-256-GCM, as ASCII: `keyid:base64(nonce, ciphertext)`.

    `bound_to` names the row it belongs to, such as `webhook:<id>`: moved to another one it does not open.
    """
    key_id, cipher = _key(settings.SECRET_KEY)
    nonce = os.urandom(_NONCE)
    return f"{key_id}:{base64.b64encode(nonce + cipher.encrypt(nonce, text.encode(), bound_to.encode())).decode()}"


def opened(sealed_text: str, *, bound_to: str) -> str:
    """What was sealed for `bound_to`, under the present SECRET_KEY or a previous one; else raises CannotOpen."""
    key_id, _, encoded = sealed_text.partition(":")
    keys = dict(map(_key, (*settings.PREVIOUS_SECRET_KEYS, settings.SECRET_KEY)))
    if key_id not in keys:
        raise CannotOpen(f"sealed under the key {key_id[:8]}, which is none of SECRET_KEY and PREVIOUS_SECRET_KEYS")
    try:
        data = base64.b64decode(encoded, validate=True)
        return keys[key_id].decrypt(data[:_NONCE], data[_NONCE:], bound_to.encode()).decode()
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise CannotOpen("changed since it was sealed, or sealed for another row") from error
