"""API keys as text: `pvc_` + 8 characters of id + `_` + 32 random bytes in base62. Pure."""

import hashlib
import hmac
import re
import secrets
import string
from typing import NamedTuple

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_BYTES = 32
_SECRET_LENGTH = 43  # 32 bytes need 42.99 base62 digits
_KEY = re.compile(rf"pvc_(?P<id>[0-9A-Za-z]{{8}})_[0-9A-Za-z]{{{_SECRET_LENGTH}}}", re.ASCII)


class NewKey(NamedTuple):
    """A key at the one moment when its text is known."""

    key_id: str
    text: str


def generate() -> NewKey:
    """A new key: 256 random bits; the id is only a name to look it up by."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    number = int.from_bytes(secrets.token_bytes(_SECRET_BYTES))
    digits: list[str] = []
    for _ in range(_SECRET_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return NewKey(key_id, f"pvc_{key_id}_{''.join(digits)}")


def key_id_of(text: str) -> str | None:
    """The id inside a key's text, or None where the text is no key."""
    match = _KEY.fullmatch(text)
    return match["id"] if match else None


def digest(text: str, *, pepper: str) -> bytes:
    """What is stored of a key: HMAC-SHA256 of the whole text under the installation's pepper.

    256 random bits cannot be guessed, so no slow password hash is needed.
    """
    return hmac.digest(pepper.encode(), text.encode(), hashlib.sha256)


def matches(stored: bytes, text: str, *, pepper: str) -> bool:
    """Whether `text` is the key behind `stored`, in constant time."""
    return hmac.compare_digest(stored, digest(text, pepper=pepper))
