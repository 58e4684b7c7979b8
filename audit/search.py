"""Entries of a log found by who, what, about what and when, without reading all of it.

Numbers and prompts have an index, and days are found by halving, since times rise with the numbers. For the rest SPAN
numbers are looked through at a time, the newest first; whoever wants to look further back goes on with those before.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Max, Q, QuerySet

from audit.entries import REDACTED
from audit.models import AuditEntry
from tenants.models import Actor
from tenants.names import InvalidUsername, canonical_username

#: How many numbers are looked through for what has no index.
SPAN: Final = 100_000
#: Stands for every verb that was refused.
REFUSED: Final = "refused"
#: What is not read of an entry that is only shown.
_PROOFS: Final = ("canonical", "prev_hash", "key_id", "mac", "second_key_id", "second_mac")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; what is empty is not asked for. Days are those of UTC, both included.

    `actor` is a user name, or the key through which something was done (`key:…`).
    """

    actor: str = ""
    verb: str = ""
    about: str = ""
    since: dt.date | None = None
    until: dt.date | None = None


class Found(NamedTuple):
    """The entries that fit, among those of the numbers from `first` to `last`."""

    rows: QuerySet[AuditEntry]
    first: int
    last: int
    #: Whether there are older ones that were not looked at.
    goes_on: bool


def look(actor: Actor, wanted: Wanted, *, upto: int | None = None) -> Found:
    """What fits among the actor's tenant's entries, or those up to this number."""
    entries = AuditEntry.objects.visible_to(actor)
    newest = entries.aggregate(newest=Max("seq"))["newest"] or 0
    first, last = _days(actor.tenant.pk, wanted, newest)
    last = last if upto is None else min(last, upto)
    rows, has_index = _fitting(entries, wanted)
    lowest = first if has_index else max(first, last - SPAN + 1)
    shown = rows.filter(seq__gte=lowest, seq__lte=last).defer(*_PROOFS)
    return Found(shown, lowest, last, lowest > first)


def _fitting(entries: QuerySet[AuditEntry], wanted: Wanted) -> tuple[QuerySet[AuditEntry], bool]:
    """The entries that fit, and whether an index leads to them."""
    has_index = True
    if wanted.about:
        entries, has_index = _about(entries, wanted.about)
    if wanted.actor:
        entries, has_index = entries.filter(Q(actor=_name(wanted.actor)) | Q(via=wanted.actor)), False
    if wanted.verb:
        fits = Q(verb__endswith=".denied") if wanted.verb == REFUSED else Q(verb__in=_said_of(wanted.verb))
        entries, has_index = entries.filter(fits), False
    return entries, has_index


def _about(entries: QuerySet[AuditEntry], about: str) -> tuple[QuerySet[AuditEntry], bool]:
    """What concerns a prompt, by its id; else what was done to the thing of this id or name."""
    try:
        of_prompt = entries.filter(prompt_id=UUID(about))
    except ValueError:
        return entries.filter(target=about), False
    return (of_prompt, True) if of_prompt.exists() else (entries.filter(target=str(UUID(about))), False)


def _said_of(verb: str) -> tuple[str, str]:
    """A verb as it was done, and as it was refused."""
    return verb, f"{verb}.denied"


def _name(name: str) -> str:
    try:
        return canonical_username(name)
    except InvalidUsername:
        return name


# ----------------------------------------------------------------------------- days
def _days(tenant_id: UUID, wanted: Wanted, newest: int) -> tuple[int, int]:
    """The first and the last number of the days that are asked for."""
    first = _first_at(tenant_id, wanted.since, newest) if wanted.since else 1
    if wanted.until is None or wanted.until == dt.date.max:
        return first, newest
    return first, _first_at(tenant_id, wanted.until + dt.timedelta(days=1), newest) - 1


def _first_at(tenant_id: UUID, day: dt.date, newest: int) -> int:
    """The number of the first entry of this day or a later one, by halving. Redacted ones have lost their time."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE halves AS (
                SELECT 1::bigint AS low, %(newest)s::bigint + 1 AS high
                UNION ALL
                SELECT CASE WHEN is_before THEN middle + 1 ELSE low END, CASE WHEN is_before THEN high ELSE middle END
                FROM halves
                CROSS JOIN LATERAL (SELECT (low + high) / 2 AS middle) AS half
                CROSS JOIN LATERAL (
                    SELECT coalesce((
                        SELECT at < %(moment)s FROM audit_auditentry
                        WHERE tenant_id = %(tenant)s AND seq >= middle AND verb <> %(redacted)s ORDER BY seq LIMIT 1
                    ), false) AS is_before
                ) AS looked
                WHERE low < high
            )
            SELECT max(low) FROM halves
            """,
            {
                "newest": newest,
                "moment": dt.datetime.combine(day, dt.time(), dt.UTC),
                "tenant": tenant_id,
                "redacted": REDACTED[2],
            },
        )
        return int(cursor.fetchone()[0])
