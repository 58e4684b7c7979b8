"""The deliveries that are due: taken for a while, a few of each endpoint at a time, by the database's clock.

As for evaluations, `due_at` is the whole schedule, a worker that dies leaves its rows to come due again, and `token`
tells what comes late. What came of many attempts is written in one statement.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django.db import connection

from pvc.ids import new_id

#: Longer than an attempt may take (pvc/outbound.py), and as long again to write down what came of it.
LEASE: Final = 30.0  # seconds
#: A row that so many workers took and did not come back from is given up.
MOST_CLAIMS: Final = 3


class Taken(NamedTuple):
    """A delivery that is ours for one lease."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    attempts: int
    token: int
    claims: int


class Waiting(NamedTuple):
    """An endpoint that something is due for."""

    endpoint_id: UUID
    tenant_id: UUID


class Outcome(NamedTuple):
    """What came of an attempt: how the delivery stands now, and when it is tried again."""

    taken: Taken
    status: str
    #: Seconds until the next attempt; None where there is none.
    wait: float | None
    answered: int | None
    error: str
    excerpt: str
    seconds: float


def waiting() -> int:
    """How many deliveries are due, up to a hundred."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM webhooks_delivery WHERE due_at <= clock_timestamp() LIMIT 100) due"
        )
        return int(cursor.fetchone()[0])


def endpoints_with_work(but: Collection[UUID]) -> list[Waiting]:
    """The endpoints that something is due for, but these; whoever has waited longest first. None of a tenant that is
    suspended.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT endpoint.id, endpoint.tenant_id FROM webhooks_webhookendpoint endpoint
            JOIN tenants_tenant tenant ON tenant.id = endpoint.tenant_id AND NOT tenant.is_suspended
            CROSS JOIN LATERAL (
                SELECT due_at FROM webhooks_delivery
                WHERE endpoint_id = endpoint.id AND due_at <= clock_timestamp() ORDER BY due_at LIMIT 1
            ) first
            WHERE NOT endpoint.id = ANY(%s) ORDER BY first.due_at
            """,
            [list(but)],
        )
        return [Waiting._make(row) for row in cursor.fetchall()]


def claim(endpoint_id: UUID, most: int) -> list[Taken]:
    """Up to so many of an endpoint's due deliveries, the longest due first, for one lease.

    MATERIALIZED: they are chosen once. In a subquery of the UPDATE, the planner may choose anew for every row, each
    time up to so many.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM webhooks_delivery WHERE endpoint_id = %s AND due_at <= clock_timestamp()
                ORDER BY due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE webhooks_delivery delivery SET due_at = clock_timestamp() + %s * interval '1 second',
                token = token + 1, claims = claims + 1
            FROM due WHERE delivery.id = due.id
            RETURNING delivery.id, endpoint_id, event_id, attempts, token, claims
            """,
            [endpoint_id, most, LEASE],
        )
        return [Taken._make(row) for row in cursor.fetchall()]


def write_down(outcomes: Sequence[Outcome]) -> int:
    """Write what came of these attempts, each with its row; what is not ours any more is left. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH outcome AS (
                SELECT * FROM json_to_recordset(%s) AS o (id uuid, token int, status text, wait float8,
                    counts boolean, attempt_id uuid, answered int, error text, tally text, excerpt text, seconds float8)
            ), ended AS (
                UPDATE webhooks_delivery d SET
                    status = o.status,
                    due_at = clock_timestamp() + o.wait * interval '1 second',
                    ended_at = CASE WHEN o.wait IS NULL THEN clock_timestamp() END,
                    attempts = d.attempts + o.counts::int, tried = d.tried + o.counts::int, claims = 0
                FROM outcome o WHERE d.id = o.id AND d.token = o.token AND d.due_at IS NOT NULL
                RETURNING d.id, d.tenant_id, d.tried
            ), tried AS (
                INSERT INTO webhooks_attempt (id, tenant_id, delivery_id, number, at, status, error, excerpt, seconds)
                SELECT o.attempt_id, e.tenant_id, e.id, e.tried, clock_timestamp(), o.answered, o.error, o.excerpt,
                    o.seconds
                FROM ended e JOIN outcome o ON o.id = e.id WHERE o.counts
            ), tallied AS (
                INSERT INTO webhooks_tally AS tally (outcome, attempts)
                SELECT o.tally, count(*) FROM ended e JOIN outcome o ON o.id = e.id WHERE o.counts
                GROUP BY o.tally ORDER BY o.tally
                ON CONFLICT (outcome) DO UPDATE SET attempts = tally.attempts + excluded.attempts
            )
            SELECT count(*) FROM ended
            """,
            [orjson.dumps([_row(each) for each in outcomes]).decode()],
        )
        return int(cursor.fetchone()[0])


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.taken.id,
        "token": outcome.taken.token,
        "status": outcome.status,
        "wait": outcome.wait,
        "counts": bool(outcome.answered or outcome.error),
        "attempt_id": new_id(),
        "answered": outcome.answered,
        "error": outcome.error,
        "tally": outcome.error or f"{(outcome.answered or 0) // 100}xx",
        "excerpt": outcome.excerpt,
        "seconds": outcome.seconds,
    }
