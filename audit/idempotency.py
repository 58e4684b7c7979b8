"""`Idempotency-Key`: a POST that is sent twice has one effect, and the second gets the first one's answer.

The answer commits with the effect, in the same transaction: there is no moment at which one exists without
the other. A twin that arrives while the first still runs is told so at once, by an advisory lock; waiting
for it would hold a thread.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from audit.models import IdempotencyRecord
from audit.unit import before_commit, unit_of_work
from pvc.errors import Conflict, Invalid, Unprocessable
from tenants.models import Actor

KEPT_FOR: Final = timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


class IdempotencyKeyReused(Unprocessable):
    code = "IDEMPOTENCY_KEY_REUSED"


class IdempotencyInProgress(Conflict):
    code = "IDEMPOTENCY_IN_PROGRESS"
    retry_after = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of an answer, and what a replay gives again."""

    status: int
    headers: dict[str, str]
    body: bytes
    replayed: bool = False


def check_key(key: str) -> str:
    """The key itself. Raises Invalid where it is not 1 to 255 visible ASCII characters."""
    if not _KEY.fullmatch(key):
        raise Invalid.field("Idempotency-Key", "Use 1 to 255 visible ASCII characters, without spaces.")
    return key


def fingerprint(*parts: bytes) -> bytes:
    """SHA-256 over the length-prefixed parts of a request: method, path, query, body, If-Match."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


def once(key: str, fingerprint: bytes, *, by: Actor, run: Callable[[], Callable[[], Answer]]) -> Answer:
    """Run a handler at most once for this key and person, or replay what it answered.

    `run` performs the request inside the unit and returns a function that renders the answer; that one is
    called when the audit entries are written, so that its headers may name them. Only 2xx are kept.
    Raises IdempotencyKeyReused and IdempotencyInProgress, and whatever `run` raises.
    """
    assert by.api_key is not None
    owner = {"api_key_id": by.api_key.pk, "user_id": by.author.pk, "key": key}
    answers: list[Answer] = []
    with unit_of_work():
        _lock_or_refuse(f"{owner['api_key_id']}:{owner['user_id']}:{key}")
        kept = IdempotencyRecord.objects.filter(**owner, created_at__gt=timezone.now() - KEPT_FOR).first()
        if kept is not None:
            return _replay(kept, fingerprint)
        render = run()

        def keep() -> None:
            answer = render()
            answers.append(answer)
            if 200 <= answer.status < 300:
                IdempotencyRecord.objects.filter(**owner).delete()
                IdempotencyRecord.objects.create(
                    tenant_id=by.tenant.pk,
                    **owner,
                    fingerprint=fingerprint,
                    status=answer.status,
                    headers=answer.headers,
                    body=answer.body,
                )

        before_commit(keep)
    return answers[0]


def _lock_or_refuse(name: str) -> None:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        (locked,) = cursor.fetchone()
    if not locked:
        raise IdempotencyInProgress("The first request with this Idempotency-Key is still running; try again.")


def _replay(kept: IdempotencyRecord, fingerprint: bytes) -> Answer:
    if bytes(kept.fingerprint) != fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key was used for another request. Use a new key.")
    return Answer(kept.status, kept.headers, bytes(kept.body), replayed=True)
