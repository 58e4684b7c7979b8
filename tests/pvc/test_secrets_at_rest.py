"""Secrets at rest: readable under the key and for the row they were sealed for, and in no other way."""

import base64
from typing import Any

import pytest

from pvc.crypto import CannotOpen, opened, sealed
from tests.test_settings import GOOD, refusal, value

ROW = "webhook:0198c5a0"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "s9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cHj"
#: SECRET as it was sealed for ROW under OLD.
KEPT = "dd4fd3ff:+Cqc5t/CAZk5wZzvxXZWGqDK9szrbEULeVVyejIc4pBar1ztYNnCfTJgW0jZpP/j80mM7vEwgvccxv0cM7zX8lKl"
NEW = "t9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cHj"


@pytest.fixture(autouse=True)
def _one_key(settings: Any) -> None:
    settings.SECRET_KEY, settings.PREVIOUS_SECRET_KEYS = OLD, []


@pytest.mark.parametrize("text", [SECRET, "", "ä€𝄞", "a" * 10_000], ids=["secret", "empty", "unicode", "long"])
def test_what_was_sealed_opens_for_its_row(text: str) -> None:
    kept = sealed(text, bound_to=ROW)
    assert kept.isascii()
    assert opened(kept, bound_to=ROW) == text


def test_what_is_kept_shows_nothing_and_is_never_twice_the_same() -> None:
    kept = sealed(SECRET, bound_to=ROW)
    assert SECRET not in kept
    assert SECRET.encode() not in base64.b64decode(kept.partition(":")[2])
    assert sealed(SECRET, bound_to=ROW) != kept


def test_moved_to_another_row_it_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        opened(sealed(SECRET, bound_to=ROW), bound_to="webhook:0198c5a1")


def test_a_changed_bit_is_noticed_wherever_it_is() -> None:
    key_id, _, encoded = sealed(SECRET, bound_to=ROW).partition(":")
    data = base64.b64decode(encoded)
    for position in range(len(data)):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(CannotOpen):
            opened(f"{key_id}:{base64.b64encode(changed).decode()}", bound_to=ROW)


@pytest.mark.parametrize("rest", ["", "AAAA", "not base64!", "é", "A" * 23, "=" * 40])
def test_what_was_never_sealed_does_not_open(rest: str) -> None:
    key_id = sealed(SECRET, bound_to=ROW).partition(":")[0]
    for text in (f"{key_id}:{rest}", rest, f"00000000:{rest}"):
        with pytest.raises(CannotOpen):
            opened(text, bound_to=ROW)


def test_under_a_new_key_it_opens_as_long_as_the_old_one_is_named(settings: Any) -> None:
    before = sealed(SECRET, bound_to=ROW)
    settings.SECRET_KEY, settings.PREVIOUS_SECRET_KEYS = NEW, [OLD]
    after = sealed(SECRET, bound_to=ROW)
    assert opened(before, bound_to=ROW) == opened(after, bound_to=ROW) == SECRET
    assert after.partition(":")[0] != before.partition(":")[0]
    settings.PREVIOUS_SECRET_KEYS = []
    assert opened(after, bound_to=ROW) == SECRET
    with pytest.raises(CannotOpen, match=before.partition(":")[0]):
        opened(before, bound_to=ROW)


def test_a_previous_key_seals_nothing(settings: Any) -> None:
    settings.PREVIOUS_SECRET_KEYS = [NEW]
    kept = sealed(SECRET, bound_to=ROW)
    settings.PREVIOUS_SECRET_KEYS = []
    assert opened(kept, bound_to=ROW) == SECRET


def test_a_text_sealed_by_this_release_stays_readable() -> None:
    """Fixed bytes: another derivation, order or encoding would leave every stored secret unreadable."""
    assert opened(KEPT, bound_to=ROW) == SECRET


# ----------------------------------------------------------------------------- settings
def test_previous_keys_are_a_list_that_djangos_signatures_heed_too() -> None:
    environment = {**GOOD, "PREVIOUS_SECRET_KEYS": f"{OLD}, {NEW},"}
    for name in ("PREVIOUS_SECRET_KEYS", "SECRET_KEY_FALLBACKS"):
        assert value(name, environment) == repr([OLD, NEW])
        assert value(name, GOOD) == "[]"


def test_a_weak_previous_key_stops_the_start() -> None:
    said = refusal({**GOOD, "PREVIOUS_SECRET_KEYS": f"{OLD},short"})
    assert said.startswith("A key in PREVIOUS_SECRET_KEYS has 5 characters")


def test_a_previous_key_is_never_logged() -> None:
    assert value(f"logs.redact('{NEW}')", {**GOOD, "PREVIOUS_SECRET_KEYS": NEW}) == "'[redacted]'"
