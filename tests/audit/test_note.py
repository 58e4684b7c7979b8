"""Signed notes: against published keys and notes, to the letter of the format, and against every flipped bit."""

import base64
import datetime as dt
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from audit import note
from audit.note import BadSignature, Checkpoint, MalformedNote, SigningKey, UnknownSigners, VerifierKey

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "notes.json").read_text())
FIRST, SECOND, TREE_HEADS = (VerifierKey.parse(text) for text in VECTORS["keys"].values())

TENANT = UUID("018f2a6b-7c3d-7e4f-8a9b-0c1d2e3f4a5b")
KEY = note.signing_key("an audit key for a fixed vector, 40 long")
OTHER = note.signing_key("another audit key, which signs from now on")
CHECKPOINT = Checkpoint(
    origin=f"prompts.example.com/{TENANT}",
    size=258,
    root=hashlib.sha256(b"root").digest(),
    head=hashlib.sha256(b"head").digest(),
    at=dt.datetime(2026, 3, 1, 12, 30, 15, 123000, tzinfo=dt.UTC),
)
TEXT = """\
prompts.example.com/018f2a6b-7c3d-7e4f-8a9b-0c1d2e3f4a5b
258
SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=
head 9f2e6d33a3717ee826353a404ba4618d1aeeb6879ad7936bce8ed5f46814924d
time 2026-03-01T12:30:15.123Z
"""


# ----------------------------------------------------------------------------- what is published
def test_the_published_key_signs_the_published_note() -> None:
    key = SigningKey(FIRST.name, bytes.fromhex(VECTORS["seed"]))
    assert str(key.verifier) == VECTORS["keys"]["first"]
    assert note.sign(VECTORS["text"], [key]) == VECTORS["signed by first"]


def test_the_published_notes_verify() -> None:
    both = note.parse(VECTORS["signed by both"])
    assert both.text == VECTORS["text"]
    assert note.verify(both, [FIRST, SECOND]) == [FIRST, SECOND]
    assert note.verify(both, [SECOND]) == [SECOND]
    assert note.verify(note.parse(VECTORS["signed by first"]), [SECOND, FIRST]) == [FIRST]


@pytest.mark.parametrize("published", VECTORS["tree heads"], ids=["15081221", "19777102", "63096908"])
def test_published_tree_heads_verify(published: str) -> None:
    head = note.parse(published)
    assert note.verify(head, [TREE_HEADS]) == [TREE_HEADS]
    checkpoint = Checkpoint.parse(head.text)
    assert checkpoint.text == head.text
    assert checkpoint.origin == "go.sum database tree"
    assert str(checkpoint.size) == published.split("\n")[1]


def test_a_verifier_key_is_read_whole_or_not_at_all() -> None:
    published = VECTORS["keys"]["first"]
    assert str(VerifierKey.parse(published)) == published
    pieces = {published[start:end] for start in range(len(published)) for end in range(start, len(published) + 1)}
    changed = {published[:at] + chr(ord(published[at]) + 1) + published[at + 1 :] for at in range(len(published))}
    for text in (pieces | changed) - {published}:
        with pytest.raises(MalformedNote):
            VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
    ],
    ids=["long", "unknown-kind", "upper-case", "space", "line-end"],
)
def test_other_verifier_keys_are_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        VerifierKey.parse(text)


# ----------------------------------------------------------------------------- the installation's own
def test_the_key_of_an_audit_key_is_this() -> None:
    """Fixed, so that a key handed out today verifies for ever; by RFC 5869, with no salt."""
    secret = hmac.new(bytes(32), b"an audit key for a fixed vector, 40 long", hashlib.sha256).digest()
    assert KEY.seed == hmac.new(secret, b"pvc-audit-ed25519-1\x01", hashlib.sha256).digest()
    assert str(KEY.verifier) == "pvc+3029121f+AavSjO9nuIFYAuFdpnTHKOL/qXCwTQC0TgnvRzs0naDa"


def test_a_signing_key_shows_no_secret() -> None:
    assert KEY.seed.hex() not in repr(KEY)
    assert repr(KEY.seed) not in repr(KEY)
    assert str(KEY.verifier) in repr(KEY)


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://prompts.example.com", f"prompts.example.com/{TENANT}"),
        ("http://127.0.0.1:8000/", f"127.0.0.1:8000/{TENANT}"),
        ("https://example.com/prompts", f"example.com/prompts/{TENANT}"),
        ("", f"pvc/{TENANT}"),
        ("https://", f"pvc/{TENANT}"),
        ("https://exa mple.com", f"pvc/{TENANT}"),
        ("https://example.com/a+b", f"pvc/{TENANT}"),
        ("https://example.com\n5", f"pvc/{TENANT}"),
    ],
    ids=["host", "port", "path", "none", "no-host", "space", "plus", "line-end"],
)
def test_a_log_is_named_by_address_and_tenant(public_url: str, origin: str) -> None:
    assert note.origin(TENANT, public_url) == origin
    assert note.tenant_of(origin) == str(TENANT)


def test_a_checkpoint_is_these_lines() -> None:
    assert CHECKPOINT.text == TEXT
    assert Checkpoint.parse(TEXT) == CHECKPOINT


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("pvc/1", 0, bytes(32)),
        Checkpoint("a log's name with spaces", 2**63 - 1, bytes(range(32)), head=bytes(32)),
        Checkpoint("é", 10, bytes(32), at=dt.datetime(2026, 3, 1, tzinfo=dt.timezone(dt.timedelta(hours=9)))),
    ],
    ids=["empty", "greatest", "elsewhere"],
)
def test_what_a_checkpoint_says_is_read_back(checkpoint: Checkpoint) -> None:
    signed = note.sign(checkpoint.text, [KEY])
    assert Checkpoint.parse(note.parse(signed).text) == checkpoint
    assert Checkpoint.parse(note.parse(signed.encode()).text) == checkpoint


def test_lines_of_others_below_the_root_are_passed_over() -> None:
    assert Checkpoint.parse(TEXT + "weather fine\n") == CHECKPOINT


def test_both_keys_sign_while_one_replaces_the_other() -> None:
    signed = note.parse(note.sign(TEXT, [KEY, OTHER]))
    assert note.verify(signed, [KEY.verifier]) == [KEY.verifier]
    assert note.verify(signed, [OTHER.verifier]) == [OTHER.verifier]
    assert note.verify(signed, [OTHER.verifier, KEY.verifier]) == [OTHER.verifier, KEY.verifier]


# ----------------------------------------------------------------------------- who is believed
def test_a_signer_that_is_not_known_is_passed_over_and_alone_is_not_believed() -> None:
    with pytest.raises(UnknownSigners):
        note.verify(note.parse(note.sign(TEXT, [OTHER])), [KEY.verifier])
    with pytest.raises(UnknownSigners):
        note.verify(note.parse(note.sign(TEXT, [KEY])), [])


def test_a_name_alone_makes_no_known_signer() -> None:
    """Another key of the same name, and the same key under another name, are other signers."""
    renamed = SigningKey("pvc-2", KEY.seed)
    for stranger in (OTHER, renamed):
        with pytest.raises(UnknownSigners):
            note.verify(note.parse(note.sign(TEXT, [stranger])), [KEY.verifier])


@pytest.mark.parametrize("good_first", [True, False])
def test_one_false_signature_of_a_known_key_is_enough(good_first: bool) -> None:
    good, other = (note.sign(text, [KEY]).splitlines(keepends=True)[-1] for text in (TEXT, TEXT.replace("258", "259")))
    lines = [good, other] if good_first else [other, good]
    with pytest.raises(BadSignature):
        note.verify(note.parse(f"{TEXT}\n{''.join(lines)}"), [KEY.verifier])


@pytest.mark.parametrize("length", [1, 63, 65, 128])
def test_a_known_keys_signature_of_another_length_is_false(length: int) -> None:
    line = f"\u2014 pvc {base64.b64encode(KEY.verifier.hash + bytes(length)).decode()}\n"
    with pytest.raises(BadSignature):
        note.verify(note.parse(f"{TEXT}\n{line}"), [KEY.verifier])


def test_every_flipped_bit_is_refused() -> None:
    whole = note.sign(TEXT, [KEY]).encode()
    assert note.verify(note.parse(whole), [KEY.verifier]) == [KEY.verifier]
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(note.NoteError):
            note.verify(note.parse(bytes(flipped)), [KEY.verifier])


def test_with_two_signatures_a_flipped_bit_costs_at_least_one() -> None:
    whole = note.sign(TEXT, [KEY, OTHER]).encode()
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            signers = note.verify(note.parse(bytes(flipped)), [KEY.verifier, OTHER.verifier])
        except note.NoteError:
            continue
        assert len(signers) == 1
        assert bit // 8 > len(TEXT)


# ----------------------------------------------------------------------------- to the letter
SIGNED = note.sign(TEXT, [KEY])
LINE = SIGNED.removeprefix(f"{TEXT}\n")
SIGNATURE = LINE.removeprefix("\u2014 pvc ").removesuffix("\n")
MALFORMED: dict[str, str | bytes] = {
    "nothing": "",
    "a line end": "\n",
    "text alone": TEXT,
    "text and a blank line": f"{TEXT}\n",
    "no blank line": f"{TEXT}{LINE}",
    "no text": f"\n\n{LINE}",
    "an empty line for text": f"\n{LINE}",
    "no line end": SIGNED.removesuffix("\n"),
    "a blank line behind": f"{SIGNED}\n",
    "a line behind": f"{SIGNED}more\n",
    "two blank lines behind": f"{SIGNED}\n\n",
    "CR LF": SIGNED.replace("\n", "\r\n"),
    "CR LF in one line": SIGNED.replace("258\n", "258\r\n"),
    "a tab": SIGNED.replace("258", "258\t"),
    "NUL": SIGNED.replace("258", "258\0"),
    "escape": SIGNED.replace("258", "\x1b[1m258"),
    "no UTF-8": SIGNED.encode().replace(b"258", b"\xff258"),
    "an overlong dash": SIGNED.encode().replace("\u2014".encode(), b"\xf0\x82\x80\x94"),
    "UTF-16": SIGNED.encode("utf-16"),
    "a lone surrogate": SIGNED.replace("258", "\ud800"),
    "a hyphen": SIGNED.replace("\u2014", "-"),
    "two hyphens": SIGNED.replace("\u2014", "--"),
    "an en dash": SIGNED.replace("\u2014", "\u2013"),
    "no dash": SIGNED.replace("\u2014 ", ""),
    "no space after the dash": SIGNED.replace("\u2014 ", "\u2014"),
    "two spaces after the dash": SIGNED.replace("\u2014 ", "\u2014  "),
    "a no-break space": SIGNED.replace("\u2014 ", "\u2014\u00a0"),
    "two spaces after the name": SIGNED.replace(" pvc ", " pvc  "),
    "no name": SIGNED.replace(" pvc ", " "),
    "a name with a space": SIGNED.replace(" pvc ", " p vc "),
    "a name with a no-break space": SIGNED.replace(" pvc ", " p\u00a0vc "),
    "a name with a plus": SIGNED.replace(" pvc ", " p+vc "),
    "no signature": SIGNED.replace(f" {SIGNATURE}", ""),
    "an empty signature": SIGNED.replace(SIGNATURE, ""),
    "a key hash alone": SIGNED.replace(SIGNATURE, base64.b64encode(KEY.verifier.hash).decode()),
    "three bytes": SIGNED.replace(SIGNATURE, "AAAA"),
    "no base64": SIGNED.replace(SIGNATURE, f"!{SIGNATURE[1:]}"),
    "base64 without its end": SIGNED.replace(SIGNATURE, SIGNATURE.rstrip("=")),
    "base64 with more end": SIGNED.replace(SIGNATURE, f"{SIGNATURE}="),
    "base64 for addresses": SIGNED.replace(SIGNATURE, base64.urlsafe_b64encode(b"\xff" * 68).decode()),
    "base64 with bits left over": SIGNED.replace(SIGNATURE, f"{SIGNATURE[:-2]}{chr(ord(SIGNATURE[-2]) + 1)}="),
    "base64 with a space": SIGNED.replace(SIGNATURE, f"{SIGNATURE[:8]} {SIGNATURE[8:]}"),
    "a space behind": SIGNED.replace("\n\u2014", "\n\u2014").removesuffix("\n") + " \n",
    "a blank line between signatures": f"{SIGNED}\n{LINE}{LINE}x\n",
    "a hundred and one signatures": SIGNED + LINE * 100,
    "a note too long": f"{'x' * note.GREATEST_NOTE}\n\n{LINE}",
}


def test_what_is_spoiled_below_was_good() -> None:
    assert note.parse(SIGNED).text == TEXT
    assert len(note.parse(SIGNED + LINE * 99).signatures) == 100
    assert note.parse(f"a\n\nb\n\n{LINE}").text == "a\n\nb\n"


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_note_is_read_by_the_letter(malformed: str | bytes) -> None:
    assert malformed != SIGNED
    with pytest.raises(MalformedNote):
        note.parse(malformed)


ROOT = "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I="
NO_CHECKPOINTS = {
    "nothing": "",
    "two lines": "a\n1\n",
    "no line end": f"a\n1\n{ROOT}",
    "no origin": f"\n1\n{ROOT}\n",
    "no size": f"a\n\n{ROOT}\n",
    "an empty line": f"a\n1\n{ROOT}\n\n",
    "an empty line between": f"a\n1\n{ROOT}\n\nhead {'0' * 64}\n",
    "a zero before": f"a\n01\n{ROOT}\n",
    "two zeros": f"a\n00\n{ROOT}\n",
    "a sign": f"a\n+1\n{ROOT}\n",
    "below nothing": f"a\n-1\n{ROOT}\n",
    "a fraction": f"a\n1.0\n{ROOT}\n",
    "hex": f"a\n0x1\n{ROOT}\n",
    "an underscore": f"a\n1_0\n{ROOT}\n",
    "a space before": f"a\n 1\n{ROOT}\n",
    "a space behind": f"a\n1 \n{ROOT}\n",
    "digits of another script": f"a\n\u0661\n{ROOT}\n",
    "beyond 2**63": f"a\n{2**63}\n{ROOT}\n",
    "twenty digits": f"a\n{10**19}\n{ROOT}\n",
    "a root in hex": f"a\n1\n{'0' * 64}\n",
    "a short root": f"a\n1\n{base64.b64encode(bytes(31)).decode()}\n",
    "a long root": f"a\n1\n{base64.b64encode(bytes(33)).decode()}\n",
    "a root with bits left over": f"a\n1\n{ROOT[:-2]}J=\n",
    "a root with a space": f"a\n1\n{ROOT} \n",
    "a short head": f"a\n1\n{ROOT}\nhead {'0' * 63}\n",
    "an upper-case head": f"a\n1\n{ROOT}\nhead {'A' * 64}\n",
    "no head": f"a\n1\n{ROOT}\nhead\n",
    "two heads": f"a\n1\n{ROOT}\nhead {'0' * 64}\nhead {'0' * 64}\n",
    "a time without milliseconds": f"a\n1\n{ROOT}\ntime 2026-03-01T12:30:15Z\n",
    "a time elsewhere": f"a\n1\n{ROOT}\ntime 2026-03-01T12:30:15.123+00:00\n",
    "a time on no calendar": f"a\n1\n{ROOT}\ntime 2026-02-30T12:30:15.123Z\n",
    "two times": f"a\n1\n{ROOT}\n" + "time 2026-03-01T12:30:15.123Z\n" * 2,
}


@pytest.mark.parametrize("text", NO_CHECKPOINTS.values(), ids=NO_CHECKPOINTS.keys())
def test_a_checkpoint_is_read_by_the_letter(text: str) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint.parse(text)


@pytest.mark.parametrize("text", ["", "abc", "a\n\nb", "a\tb\n", "a\r\n", "\ud800\n"], ids=repr)
def test_what_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(MalformedNote):
        note.sign(text, [KEY])


def test_a_key_whose_name_no_note_can_hold_does_not_sign() -> None:
    for name in ("", "a b", "a+b", "a\nb"):
        with pytest.raises(MalformedNote):
            note.sign(TEXT, [SigningKey(name, KEY.seed)])


def test_a_note_that_nobody_signs_is_none() -> None:
    with pytest.raises(MalformedNote):
        note.sign(TEXT, [])
