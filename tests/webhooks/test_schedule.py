"""When a delivery is tried again: ten attempts over three days, and how long a receiver may make us wait."""

import datetime as dt
import itertools

import pytest

from webhooks import schedule
from webhooks.schedule import asked_to_wait, wait_after

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
#: Standard Webhooks 1.0, in seconds before each attempt.
STANDARD = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
DRAWS = 200


def test_the_waits_are_those_of_standard_webhooks() -> None:
    assert list(schedule.WAITS) == STANDARD
    assert dt.timedelta(seconds=sum(schedule.WAITS)) == dt.timedelta(hours=75, minutes=35, seconds=5)


@pytest.mark.parametrize("attempts", range(1, 10))
def test_a_wait_is_at_most_a_fifth_longer_or_shorter(attempts: int) -> None:
    drawn = [wait_after(attempts) or 0 for _ in range(DRAWS)]
    assert STANDARD[attempts] * 0.8 <= min(drawn) < STANDARD[attempts] * 0.9
    assert STANDARD[attempts] * 1.1 < max(drawn) <= STANDARD[attempts] * 1.2


def test_after_ten_attempts_there_is_no_other() -> None:
    attempts = itertools.takewhile(lambda made: made == 0 or wait_after(made) is not None, itertools.count())
    assert len(list(attempts)) == 10
    assert wait_after(10, retry_after=60) is None


def test_a_receiver_may_lengthen_a_wait_and_never_shorten_it() -> None:
    assert wait_after(1, retry_after=3600) == 3600
    assert (wait_after(9, retry_after=1) or 0) >= 86_400 * 0.8


def test_a_receiver_makes_nobody_wait_longer_than_a_day() -> None:
    assert wait_after(1, retry_after=999_999_999) == 24 * 3600


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("99999999999999999999", 999_999_999),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2026 14:01:00 +0200", 60),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("²", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Fri, 99999999999999999999 Dec 2026 23:59:59 GMT", None),
        ("Sun, 01 Mar 2026 12:01:00 +99999999999999", None),
    ],
    ids=ascii,
)
def test_retry_after_is_a_number_or_a_date_and_anything_else_asks_nothing(
    header: str | None, seconds: float | None
) -> None:
    assert asked_to_wait(header, now=NOW) == seconds
