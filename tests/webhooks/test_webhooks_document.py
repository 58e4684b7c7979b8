"""What docs/webhooks.md says of events, waits and metrics is what the code has."""

import re

import pytest

from audit.events import EVENTS, PUBLIC, UNRECORDED
from tests.live import ROOT
from webhooks import gauges, schedule
from webhooks.models import Delivery

TEXT = (ROOT / "docs" / "webhooks.md").read_text()
SECONDS = {"s": 1, "min": 60, "h": 3600}


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [re.split(r" *\| *", line.strip("| ")) for line in section.splitlines() if line.startswith("|")]


def test_the_table_of_events_has_each_with_all_that_it_carries() -> None:
    told: dict[str, frozenset[str]] = {name: frozenset() for name in PUBLIC}
    for event in (*EVENTS.values(), *UNRECORDED):
        if event.public:
            told[event.public] |= event.told
    documented = {}
    for name, _, of_prompt, *fields in rows("Events")[2:]:
        more = {"promptId", "prompt"} if of_prompt == "yes" else set()
        documented[name.strip("`")] = frozenset(re.findall(r"`(\w+)`", " ".join(fields))) | more
    assert documented == told


def test_the_table_of_waits_is_the_schedule() -> None:
    waits = next(row[1:] for row in rows("Retries, and what is given up") if row[0] == "wait")
    seconds = [0.0 if wait == "none" else float(wait.split()[0]) * SECONDS[wait.split()[1]] for wait in waits]
    assert tuple(seconds) == schedule.WAITS


def test_the_table_of_states_has_every_state() -> None:
    states = [row[0].strip("`") for row in rows("Retries, and what is given up") if row[0].startswith("`")]
    known = {Delivery.PENDING, Delivery.DELIVERED, Delivery.EXHAUSTED, Delivery.QUARANTINED, Delivery.CANCELLED}
    assert set(states) == known
    assert len(states) == len(known)


@pytest.mark.django_db
def test_the_table_of_metrics_has_every_metric() -> None:
    served = set(re.findall(r"^# TYPE (\w+)", gauges.text().decode(), re.MULTILINE))
    assert {row[0].strip("`") for row in rows("Operations")[2:]} == served
