"""Identifiers: UUIDv7 (RFC 9562), so that the newest row is the one with the greatest id."""

from uuid import UUID

from uuid_utils import compat


def new_id() -> UUID:
    """A fresh UUIDv7 from this process's clock; never used as a secret or as an authority on time."""
    return compat.uuid7()
