"""Bytes that others can recompute: canonical JSON (RFC 8785) and SHA-256 over it."""

import hashlib
import json
from typing import Any

import rfc8785

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
