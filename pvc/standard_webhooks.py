"""Signatures of messages, out and in: Standard Webhooks 1.0 and the older header that is a plain HMAC of the body.

Out, a message carries both. In, either will do, but every signature that is there must fit: nobody gets past a wrong
one by adding a right one of the weaker kind. Source: https://www.standardwebhooks.com (specification 1.0.0).
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pvc.errors import Invalid, Unauthorized

PREFIX = "whsec_"
#: How far a message's time may be from ours, in seconds, in both directions.
TOLERANCE = 300
#: Bytes in a key of the form whsec_…, and characters in a secret that somebody gives.
KEY_LENGTHS = range(24, 65)
SECRET_LENGTHS = range(16, 501)

_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,255}\Z")  # visible ASCII but the dot, which ends it where it is signed
_TIMESTAMP = re.compile(r"[0-9]{1,12}\Z")
_PLAIN_SIGNATURE = re.compile(r"(?:sha256=)?([0-9a-f]{64})\Z")
_STANDARD_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_PLAIN_HEADERS = ("x-webhook-signature", "x-hub-signature-256")


class Unverified(Unauthorized):
    """The one answer to a message whose signature does not hold, whatever is wrong with it."""

    def __init__(self) -> None:
        super().__init__("The signature is missing or does not hold.")


@dataclass(frozen=True)
class Secret:
    """A secret, by the text its owner sees; raises Invalid for a whsec_ text that holds no key."""

    text: str = field(repr=False)
    #: The key of Standard Webhooks: the bytes behind whsec_, or those of the text where it has no such prefix.
    standard_key: bytes = field(init=False, repr=False)
    #: The key of the older header: the bytes of the text as it is shown.
    plain_key: bytes = field(init=False, repr=False)

    @property
    def standard_text(self) -> str:
        """The same as Standard Webhooks write a secret: whsec_ and the base64 of the key."""
        return PREFIX + base64.b64encode(self.standard_key).decode()

    def __post_init__(self) -> None:
        object.__setattr__(self, "plain_key", self.text.encode())
        object.__setattr__(self, "standard_key", _key(self.text))


@dataclass(frozen=True)
class VerifiedMessage:
    """What the signature vouches for besides the body: id and time (Unix seconds); none in the older form."""

    id: str | None
    timestamp: int | None


def _key(text: str) -> bytes:
    if not text.startswith(PREFIX):
        return text.encode()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid.field("secret", f"What follows {PREFIX} is not base64.") from error
    if len(key) not in KEY_LENGTHS:
        raise Invalid.field("secret", f"What follows {PREFIX} is the base64 of 24 to 64 bytes.")
    return key


def new_secret() -> Secret:
    """One of ours: whsec_ and the base64 of 32 random bytes."""
    return Secret(PREFIX + base64.b64encode(secrets.token_bytes(32)).decode())


def given_secret(text: str) -> Secret:
    """One that somebody chose; raises Invalid where it is too short, too long or not a secret."""
    if len(text) not in SECRET_LENGTHS:
        raise Invalid.field("secret", "It has between 16 and 500 characters.")
    if not text.isprintable() or text != text.strip():
        raise Invalid.field("secret", "It has no line ends, no unseen characters and no spaces around it.")
    return Secret(text)


# ----------------------------------------------------------------------------- out
def headers(signers: Sequence[Secret], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a message, signed by each secret; the older header has room for one, the first.

    `timestamp` in Unix seconds. Raises ValueError where there is no secret, an empty one, or an id that has a dot.
    """
    if not (signers and all(secret.text for secret in signers) and _MESSAGE_ID.match(message_id)):
        raise ValueError("a message is signed by a secret, under an id without a dot")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            _standard_signature(secret, message_id, str(timestamp), body) for secret in signers
        ),
        "X-Webhook-Signature": f"sha256={_plain_signature(signers[0], body)}",
    }


def _standard_signature(secret: Secret, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b"%s.%s.%s" % (message_id.encode(), timestamp.encode(), body)
    return "v1," + base64.b64encode(hmac.digest(secret.standard_key, signed, "sha256")).decode()


def _plain_signature(secret: Secret, body: bytes) -> str:
    return hmac.new(secret.plain_key, body, hashlib.sha256).hexdigest()


# ----------------------------------------------------------------------------- in
def verify(secret: Secret, given: Mapping[str, str], body: bytes, *, now: float) -> VerifiedMessage:
    """What the headers `given` vouch for, at the time `now` in Unix seconds; raises Unverified for any fault.

    A message in the older form has no time and no id: whoever saw it may send it again, unchanged.
    """
    sent = {name.lower(): value for name, value in given.items()}
    standard = any(name in sent for name in _STANDARD_HEADERS)
    plain = [sent[name] for name in _PLAIN_HEADERS if name in sent]
    if not secret.text or not (standard or plain):
        raise Unverified
    if not all(_is_plain_signature(value, secret, body) for value in plain):
        raise Unverified
    return _standard_message(secret, sent, body, now) if standard else VerifiedMessage(None, None)


def _is_plain_signature(value: str, secret: Secret, body: bytes) -> bool:
    found = _PLAIN_SIGNATURE.match(value)
    return found is not None and hmac.compare_digest(found[1].encode(), _plain_signature(secret, body).encode())


def _standard_message(secret: Secret, sent: Mapping[str, str], body: bytes, now: float) -> VerifiedMessage:
    message_id, timestamp, signatures = (sent.get(name, "") for name in _STANDARD_HEADERS)
    if not (_MESSAGE_ID.match(message_id) and _TIMESTAMP.match(timestamp)):
        raise Unverified
    if abs(int(now) - int(timestamp)) > TOLERANCE:
        raise Unverified
    expected = _standard_signature(secret, message_id, timestamp, body).encode()
    # Compared as bytes: of text that is not ASCII the comparison would raise. Every one is compared, the first too.
    fits = [hmac.compare_digest(expected, each.encode("utf-8", "replace")) for each in signatures.split(" ")]
    if not any(fits):
        raise Unverified
    return VerifiedMessage(message_id, int(timestamp))
