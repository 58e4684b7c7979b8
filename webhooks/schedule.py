"""When a delivery is tried again. Pure.

Ten attempts; the wait before each is counted from the one before (Standard Webhooks 1.0, "Retry schedule"): 75 h 35 min
in all, each wait a fifth longer or shorter, so that what failed together does not come back together.
"""

import datetime as dt
import random
from email.utils import parsedate_to_datetime
from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 3600.0
#: Seconds before each attempt.
WAITS: Final = (0.0, 5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
ATTEMPTS: Final = len(WAITS)
JITTER: Final = 0.2
#: Longer than this no receiver makes us wait.
LONGEST: Final = 24 * HOUR


def wait_after(attempts: int, *, retry_after: float | None = None) -> float | None:
    """Seconds until the next attempt after so many; None where there was the last one.

    `retry_after` (seconds that the receiver asks for) may lengthen a wait, to a day at most, and never shortens one.
    """
    if attempts >= ATTEMPTS:
        return None
    wait = WAITS[attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 — spreads load, keeps no secret
    return max(wait, min(retry_after or 0.0, LONGEST))


def asked_to_wait(header: str | None, *, now: dt.datetime) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3), by number or date; None for anything else."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header.strip()[:9])
    try:
        at = parsedate_to_datetime(header).astimezone(dt.UTC)
    except (ValueError, OverflowError):  # the latter for numbers that no date has: a receiver may write what it likes
        return None
    return max(0.0, (at - now).total_seconds())
