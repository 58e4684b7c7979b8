"""Signatures, held against the public library of Standard Webhooks; and every way to forge one."""

import base64
import hashlib
import hmac
import random
import secrets
import time
from datetime import UTC, datetime

import pytest
import standardwebhooks

from pvc.errors import Invalid, Unauthorized
from pvc.standard_webhooks import (
    Secret,
    Unverified,
    VerifiedMessage,
    given_secret,
    headers,
    new_secret,
    verify,
)
from tests.test_settings import GOOD, refusal, value

NOW = 1_790_000_000
BODY = b'{"status":"passed"}'
ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
KNOWN = Secret("topsecret")
#: What the contract says that `topsecret` makes of that body.
HEX = "e2f02acbddb919680d7e074a0f672e3b22527d9fbc0314aa4eaadba3bfb9b806"
OURS = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OTHER = Secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")


def signed(*signers: Secret, body: bytes = BODY, at: int = NOW, message_id: str = ID) -> dict[str, str]:
    return headers(signers, message_id=message_id, timestamp=at, body=body)


def standard(secret: Secret = OURS, **changes: str) -> dict[str, str]:
    """The three headers of Standard Webhooks alone, with changes (underscores for dashes)."""
    three = {name: value for name, value in signed(secret).items() if name.startswith("webhook-")}
    return three | {name.replace("_", "-"): value for name, value in changes.items()}


# ----------------------------------------------------------------------------- secrets
def test_a_secret_of_ours_is_base64_of_32_bytes_and_another_each_time() -> None:
    made = new_secret()
    assert made.text.startswith("whsec_")
    assert len(base64.b64decode(made.text.removeprefix("whsec_"))) == 32
    assert made.standard_key == base64.b64decode(made.text.removeprefix("whsec_"))
    assert made.plain_key == made.text.encode()
    assert new_secret() != made


def test_a_secret_without_the_prefix_is_its_own_key() -> None:
    given = given_secret("a secret of schön length")
    assert given.standard_key == given.plain_key == "a secret of schön length".encode()


def test_a_secret_does_not_show_in_a_traceback() -> None:
    assert "topsecret" not in repr(KNOWN)


def whsec(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


@pytest.mark.parametrize("text", ["a" * 16, "a" * 500, "ä" * 16, whsec(24), whsec(64)])
def test_a_secret_may_be_given(text: str) -> None:
    assert given_secret(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 15,
        "a" * 501,
        "whsec_",
        whsec(23),
        whsec(65),
        "whsec_not base64 at all!!",
        "whsec_" + "ä" * 32,
        whsec(32).rstrip("="),
        whsec(32) + "=",
        whsec(32).replace("A", "-"),
        "a secret with an end\n",
        " a secret with a space",
        "a secret\0with a null",
        "a secret with \ud800 half",
    ],
    ids=ascii,
)
def test_what_is_no_secret_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(Invalid) as raised:
        given_secret(text)
    assert set(raised.value.details["fields"]) == {"secret"}
    assert not text or text not in raised.value.message


# ----------------------------------------------------------------------------- the installation's own
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("short", "EVAL_WEBHOOK_SECRET has 5 characters"),
        ("whsec_" + "changeme" * 4, "EVAL_WEBHOOK_SECRET is easy to guess"),
        (whsec(32) + "!", "EVAL_WEBHOOK_SECRET begins with whsec_, so base64"),
        (whsec(65), "EVAL_WEBHOOK_SECRET begins with whsec_, so base64"),
    ],
)
def test_a_weak_or_broken_eval_secret_stops_the_start(text: str, sentence: str) -> None:
    said = refusal({**GOOD, "EVAL_WEBHOOK_SECRET": text})
    assert said.startswith(sentence)
    assert text not in said


def test_in_development_an_eval_secret_may_be_weak_and_not_broken() -> None:
    environment = {**GOOD, "DEBUG": "on", "EVAL_WEBHOOK_SECRET": "whsec_short"}
    assert refusal(environment).startswith("EVAL_WEBHOOK_SECRET begins with whsec_")
    assert value("EVAL_WEBHOOK_SECRET", {**environment, "EVAL_WEBHOOK_SECRET": "topsecret"}) == "'topsecret'"


def test_an_eval_secret_is_not_asked_for_and_never_logged() -> None:
    assert value("EVAL_WEBHOOK_SECRET", GOOD) == "''"
    assert value("EVAL_WEBHOOK_TENANT", GOOD) == "'default'"
    text = "e9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cHj"
    shown = f"logs.redact('the secret is {text}')"
    assert value(shown, {**GOOD, "EVAL_WEBHOOK_SECRET": text}) == "'the secret is [redacted]'"


# ----------------------------------------------------------------------------- out
def test_the_older_header_is_the_plain_hmac_of_the_body() -> None:
    assert signed(KNOWN)["X-Webhook-Signature"] == f"sha256={HEX}"


def test_the_standards_own_example_comes_out() -> None:
    """The vector that the libraries of Standard Webhooks share."""
    made = headers(
        [Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_public_library_makes_the_same_signature() -> None:
    seeded = random.Random(8)
    for number in range(200):
        secret, body = new_secret(), seeded.randbytes(seeded.randrange(400)).hex()
        made = signed(secret, body=body.encode(), message_id=f"m{number}")
        theirs = standardwebhooks.Webhook(secret.text).sign(f"m{number}", datetime.fromtimestamp(NOW, UTC), body)
        assert made["webhook-signature"] == theirs


def test_the_public_library_verifies_a_message_during_rotation() -> None:
    old, new = new_secret(), new_secret()
    made = signed(new, old, at=int(time.time()))
    for secret in (old, new):
        assert standardwebhooks.Webhook(secret.text).verify(BODY, made) == {"status": "passed"}
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(new_secret().text).verify(BODY, made)
    assert made["X-Webhook-Signature"] == signed(new)["X-Webhook-Signature"]


@pytest.mark.parametrize(
    ("signers", "message_id"),
    [([], ID), ([Secret("")], ID), ([OURS, Secret("")], ID), ([OURS], "a.b"), ([OURS], ""), ([OURS], "a b")],
)
def test_nothing_is_sent_unsigned(signers: list[Secret], message_id: str) -> None:
    with pytest.raises(ValueError, match="signed"):
        headers(signers, message_id=message_id, timestamp=NOW, body=BODY)


# ----------------------------------------------------------------------------- in: what holds
def test_what_we_send_we_take() -> None:
    assert verify(OURS, signed(OURS), BODY, now=NOW) == VerifiedMessage(ID, NOW)


def test_what_the_public_library_signs_we_take() -> None:
    seeded = random.Random(9)
    for number in range(200):
        secret, body = new_secret(), seeded.randbytes(seeded.randrange(400)).hex()
        made = {
            "webhook-id": f"m{number}",
            "webhook-timestamp": str(NOW),
            "webhook-signature": standardwebhooks.Webhook(secret.text).sign(
                f"m{number}", datetime.fromtimestamp(NOW, UTC), body
            ),
        }
        assert verify(secret, made, body.encode(), now=NOW) == VerifiedMessage(f"m{number}", NOW)


@pytest.mark.parametrize("name", ["X-Webhook-Signature", "x-hub-signature-256", "X-HUB-SIGNATURE-256"])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_a_plain_signature_holds_with_its_prefix_or_without(name: str, prefix: str) -> None:
    assert verify(KNOWN, {name: prefix + HEX}, BODY, now=NOW) == VerifiedMessage(None, None)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 0.9, 300, 300.9])
def test_a_time_five_minutes_off_is_near_enough(seconds: float) -> None:
    assert verify(OURS, standard(), BODY, now=NOW + seconds).timestamp == NOW


@pytest.mark.parametrize("message_id", ["!", "~" * 255, "a-b_c:d/e"])
def test_an_id_is_any_visible_text_without_a_dot(message_id: str) -> None:
    assert verify(OURS, signed(OURS, message_id=message_id), BODY, now=NOW).id == message_id


def test_one_of_several_signatures_is_enough() -> None:
    ours, other = (standard(secret)["webhook-signature"] for secret in (OURS, OTHER))
    for several in (f"{other} {ours}", f"{ours} {other}", f"v1a,{'A' * 86} v2,x {ours}"):
        assert verify(OURS, standard(webhook_signature=several), BODY, now=NOW).id == ID


# ----------------------------------------------------------------------------- in: what does not
RIGHT = standard()["webhook-signature"]
PLAIN = signed(OURS)["X-Webhook-Signature"]
FORGED: dict[str, dict[str, str]] = {
    "no header": {},
    "other headers": {"content-type": "application/json", "x-signature": HEX},
    "no id": {name: value for name, value in standard().items() if name != "webhook-id"},
    "no time": {name: value for name, value in standard().items() if name != "webhook-timestamp"},
    "no signature": {name: value for name, value in standard().items() if name != "webhook-signature"},
    "no signature but a plain one": standard() | {"webhook-signature": ""} | {"X-Webhook-Signature": PLAIN},
    "id alone with a plain one": {"webhook-id": ID, "X-Webhook-Signature": PLAIN},
    "another secret's": standard(OTHER),
    "another id": standard(webhook_id=f"{ID}x"),
    "another time": standard(webhook_timestamp=str(NOW + 1)),
    "dotted id": signed(OURS) | {"webhook-id": "a.b"},
    "empty id": standard(webhook_id=""),
    "long id": standard(webhook_id="a" * 256),
    "id not ASCII": standard(webhook_id="é"),
    "id with a line end": standard(webhook_id=f"{ID}\n"),
    "time with a line end": standard(webhook_timestamp=f"{NOW}\n"),
    "time in words": standard(webhook_timestamp="now"),
    "empty time": standard(webhook_timestamp=""),
    "negative time": standard(webhook_timestamp=f"-{NOW}"),
    "time with a sign": standard(webhook_timestamp=f"+{NOW}"),
    "time with a space": standard(webhook_timestamp=f" {NOW}"),
    "time with a fraction": standard(webhook_timestamp=f"{NOW}.0"),
    "time with an underscore": standard(webhook_timestamp="1_790_000_000"),
    "time in other digits": standard(webhook_timestamp="\u0661\u0667\u0669\u0660\u0660\u0660\u0660\u0660\u0660\u0660"),
    "endless time": standard(webhook_timestamp="9" * 5000),
    "not a number": standard(webhook_timestamp="nan"),
    "infinite time": standard(webhook_timestamp="inf"),
    "empty signature": standard(webhook_signature=""),
    "signature without version": standard(webhook_signature=RIGHT.removeprefix("v1,")),
    "another version": standard(webhook_signature=RIGHT.replace("v1,", "v2,")),
    "upper-case version": standard(webhook_signature=RIGHT.replace("v1,", "V1,")),
    "cut off": standard(webhook_signature=RIGHT[:-1]),
    "with more": standard(webhook_signature=f"{RIGHT}="),
    "first character": standard(webhook_signature=f"v1,{'B' if RIGHT[3] == 'A' else 'A'}{RIGHT[4:]}"),
    "in lower case": standard(webhook_signature=RIGHT.lower()),
    "comma between": standard(webhook_signature=f"{RIGHT},{RIGHT}"),
    "line end behind": standard(webhook_signature=f"{RIGHT}\n"),
    "not ASCII": standard(webhook_signature="v1,é"),
    "half a character": standard(webhook_signature="v1,\ud800"),
    "plain in place of it": standard(webhook_signature=PLAIN),
    "plain wrong": {"X-Webhook-Signature": f"sha256={'0' * 64}"},
    "plain empty": {"X-Webhook-Signature": ""},
    "plain prefix alone": {"X-Webhook-Signature": "sha256="},
    "plain upper case": {"X-Webhook-Signature": f"sha256={PLAIN[7:].upper()}"},
    "plain prefix upper case": {"X-Webhook-Signature": PLAIN.replace("sha256", "SHA256")},
    "plain other prefix": {"X-Webhook-Signature": PLAIN.replace("sha256", "sha1")},
    "plain two prefixes": {"X-Webhook-Signature": f"sha256={PLAIN}"},
    "plain cut off": {"X-Webhook-Signature": PLAIN[:-1]},
    "plain with more": {"X-Webhook-Signature": f"{PLAIN}0"},
    "plain with a line end": {"X-Webhook-Signature": f"{PLAIN}\n"},
    "plain with a space": {"X-Webhook-Signature": f" {PLAIN}"},
    "plain twice": {"X-Webhook-Signature": f"{PLAIN},{PLAIN}"},
    "plain not ASCII": {"X-Webhook-Signature": "é" * 64},
    "plain other digits": {"X-Webhook-Signature": "\u0661" * 64},
    "plain base64": {"X-Webhook-Signature": RIGHT},
    "plain by the decoded key": {"X-Webhook-Signature": hmac.new(OURS.standard_key, BODY, hashlib.sha256).hexdigest()},
    "hub wrong": {"X-Hub-Signature-256": f"sha256={'0' * 64}"},
    "hub right, plain wrong": {"X-Hub-Signature-256": PLAIN, "X-Webhook-Signature": "0" * 64},
    "plain right, hub wrong": {"X-Webhook-Signature": PLAIN, "X-Hub-Signature-256": "0" * 64},
    "standard right, plain wrong": standard() | {"X-Webhook-Signature": "0" * 64},
    "standard right, hub empty": standard() | {"X-Hub-Signature-256": ""},
    "plain right, standard wrong": standard(OTHER) | {"X-Webhook-Signature": PLAIN},
    "plain right, standard old": standard(webhook_timestamp=str(NOW - 301)) | {"X-Webhook-Signature": PLAIN},
}


@pytest.mark.parametrize("given", FORGED.values(), ids=FORGED)
def test_a_forged_message_gets_the_one_refusal(given: dict[str, str]) -> None:
    with pytest.raises(Unverified) as raised:
        verify(OURS, given, BODY, now=NOW)
    assert isinstance(raised.value, Unauthorized)
    assert (raised.value.message, raised.value.details) == ("The signature is missing or does not hold.", {})


@pytest.mark.parametrize("seconds", [-302, -301, 301, 86_400])
def test_a_time_further_off_is_refused_though_it_is_signed(seconds: int) -> None:
    with pytest.raises(Unverified):
        verify(OURS, standard(), BODY, now=NOW + seconds)


@pytest.mark.parametrize("message_id", ["a.b", "é", "a b", "a" * 256])
def test_an_id_that_is_none_is_refused_though_it_is_signed(message_id: str) -> None:
    content = f"{message_id}.{NOW}.".encode() + BODY
    signature = base64.b64encode(hmac.digest(OURS.standard_key, content, "sha256")).decode()
    with pytest.raises(Unverified):
        verify(OURS, standard(webhook_id=message_id, webhook_signature=f"v1,{signature}"), BODY, now=NOW)


def test_no_bit_of_the_body_may_change() -> None:
    for position in range(len(BODY) * 8):
        changed = bytearray(BODY)
        changed[position // 8] ^= 1 << position % 8
        for given in (standard(), {"X-Webhook-Signature": PLAIN}):
            with pytest.raises(Unverified):
                verify(OURS, given, bytes(changed), now=NOW)


def test_an_empty_secret_verifies_nothing() -> None:
    content = f"{ID}.{NOW}.".encode() + BODY
    signature = base64.b64encode(hmac.digest(b"", content, "sha256")).decode()
    for given in (
        standard(webhook_signature=f"v1,{signature}"),
        {"X-Webhook-Signature": hmac.new(b"", BODY, hashlib.sha256).hexdigest()},
        {},
    ):
        with pytest.raises(Unverified):
            verify(Secret(""), given, BODY, now=NOW)


def test_random_headers_raise_nothing_but_the_refusal() -> None:
    seeded = random.Random(10)
    names = ("webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-signature", "x-hub-signature-256")
    for _ in range(2000):
        given = {
            name: "".join(chr(seeded.choice((seeded.randrange(128), seeded.randrange(0x110000)))) for _ in range(8))
            for name in seeded.sample(names, seeded.randrange(6))
        }
        with pytest.raises(Unverified):
            verify(OURS, given, secrets.token_bytes(8), now=NOW)
