"""The rows that a worker takes: in order, for a while, and by one worker alone."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from evaluations import queue
from evaluations.actions import runs
from evaluations.actions.runs import LostLease, Outcome
from evaluations.models import Evaluation
from prompts.models import Namespace, Prompt
from tenants.models import Actor
from tests import factories

Put = Callable[[Evaluation], bool]

#: What a worker may say about a row while it has it.
SAYINGS: dict[str, Put] = {
    "renewed": queue.renew,
    "put off": lambda taken: queue.put_off(taken, 5),
    "waits for a report": lambda taken: queue.wait_for_report(taken, 5),
}
whatever_it_says = pytest.mark.parametrize("say", SAYINGS.values(), ids=SAYINGS)


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice)


def asked_for(prompt: Prompt, by: Actor, *, due_in: float = 0) -> Evaluation:
    """An evaluation that is due in so many seconds, by the database's clock."""
    evaluation = runs.trigger(prompt.versions.get(), harness="builtin", by=by)
    come_due(evaluation, due_in)
    return evaluation


def come_due(evaluation: Evaluation, seconds: float = 0) -> None:
    row_of(evaluation).update(due_at=Now() + timedelta(seconds=seconds))


def row_of(evaluation: Evaluation) -> QuerySet[Evaluation]:
    return Evaluation.objects.filter(pk=evaluation.pk)


def columns_of(evaluation: Evaluation) -> dict[str, Any]:
    return dict(row_of(evaluation).values().get())


def due_in(evaluation: Evaluation) -> float:
    """Seconds until a row comes due, by the database's clock."""
    left: timedelta = row_of(evaluation).annotate(left=F("due_at") - Now()).values_list("left", flat=True).get()
    return left.total_seconds()


# ----------------------------------------------------------------------------- taken
def test_the_row_that_is_due_the_longest_is_taken_first(prompt: Prompt, alice: Actor) -> None:
    late, later, latest = (asked_for(prompt, alice, due_in=seconds) for seconds in (-10, -30, -20))
    assert [queue.claim() for _ in range(4)] == [later, latest, late, None]


def test_a_row_that_is_not_due_is_left(prompt: Prompt, alice: Actor) -> None:
    asked_for(prompt, alice, due_in=3600)
    assert (queue.waiting(), queue.claim()) == (0, None)


def test_a_finished_row_is_never_taken(prompt: Prompt, alice: Actor) -> None:
    runs.finish(asked_for(prompt, alice), Outcome("passed"), by=alice)
    assert (queue.waiting(), queue.claim()) == (0, None)


def test_only_the_rows_that_are_given_are_taken(prompt: Prompt, alice: Actor) -> None:
    first, second = asked_for(prompt, alice, due_in=-20), asked_for(prompt, alice, due_in=-10)
    assert queue.claim(Evaluation.objects.exclude(pk=first.pk)) == second
    assert columns_of(first)["token"] == 0


def test_a_row_that_is_taken_runs_and_is_nobody_elses_for_one_lease(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(prompt, alice)
    taken = queue.claim()
    assert taken == asked
    assert taken is not None
    assert (taken.status, taken.token, taken.claims) == ("running", 1, 1)
    assert taken.started_at is not None
    assert queue.LEASE - 5 < due_in(asked) <= queue.LEASE
    assert queue.claim() is None


def test_a_row_comes_due_again_when_its_lease_ends(prompt: Prompt, alice: Actor) -> None:
    asked_for(prompt, alice)
    first = queue.claim()
    assert first is not None
    come_due(first)
    second = queue.claim()
    assert second is not None
    assert (second.pk, second.token, second.claims) == (first.pk, 2, 2)
    assert second.started_at == first.started_at


def test_a_worker_whose_clock_is_wrong_takes_nothing_too_early(
    prompt: Prompt, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_for(prompt, alice, due_in=3600)
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(days=1))
    assert (queue.waiting(), queue.claim()) == (0, None)
    come_due(asked)
    assert queue.claim() == asked
    assert due_in(asked) <= queue.LEASE


def test_what_waits_is_counted_up_to_a_hundred(prompt: Prompt, alice: Actor) -> None:
    first = asked_for(prompt, alice)
    assert queue.waiting() == 1
    columns = {name: value for name, value in columns_of(first).items() if name not in ("id", "sequence")}
    Evaluation.objects.bulk_create([Evaluation(**columns, sequence=number) for number in range(2, 121)])
    assert queue.waiting() == 100


# ----------------------------------------------------------------------------- kept, and lost
def test_a_lease_is_renewed(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(prompt, alice)
    taken = queue.claim()
    assert taken is not None
    come_due(asked, 1)
    assert queue.renew(taken)
    assert queue.LEASE - 5 < due_in(asked) <= queue.LEASE
    assert (columns_of(asked)["token"], columns_of(asked)["claims"]) == (1, 1)


def test_a_row_that_is_put_off_comes_due_then_and_counts_as_taken(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(prompt, alice)
    taken = queue.claim()
    assert taken is not None
    assert queue.put_off(taken, 100)
    assert 95 < due_in(asked) <= 100
    assert columns_of(asked)["claims"] == 1


def test_who_waits_for_a_report_has_not_failed(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(prompt, alice)
    taken = queue.claim()
    assert taken is not None
    assert queue.wait_for_report(taken, 300)
    assert 295 < due_in(asked) <= 300
    row = columns_of(asked)
    assert (row["claims"], row["status"]) == (0, "running")
    assert isinstance(row["called_at"], datetime)


@whatever_it_says
def test_a_worker_that_comes_back_late_changes_nothing(say: Put, prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(prompt, alice)
    late = queue.claim()
    come_due(asked)
    present = queue.claim()
    assert late is not None
    assert present is not None
    before = columns_of(asked)
    assert not say(late)
    assert columns_of(asked) == before
    assert say(present)


def test_what_a_late_worker_brings_is_refused(prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(prompt, alice)
    late = queue.claim()
    come_due(asked)
    present = queue.claim()
    assert late is not None
    assert present is not None
    before = columns_of(asked)
    with pytest.raises(LostLease):
        runs.finish(late, Outcome("failed"), token=late.token, by=alice)
    assert columns_of(asked) == before
    assert runs.finish(present, Outcome("passed"), token=present.token, by=alice).status == "passed"


@whatever_it_says
def test_nothing_is_said_about_a_row_that_is_finished(say: Put, prompt: Prompt, alice: Actor) -> None:
    asked = asked_for(prompt, alice)
    taken = queue.claim()
    assert taken is not None
    runs.finish(asked, Outcome("passed"), by=alice)
    assert not say(taken)
    assert columns_of(asked)["due_at"] is None


# ----------------------------------------------------------------------------- several at once
def test_a_row_that_somebody_holds_is_passed_over_and_not_waited_for(committed: None) -> None:
    actor = factories.make_actor(factories.make_tenant())
    prompt = factories.make_prompt(Namespace.objects.get(tenant=actor.tenant), by=actor)
    held, free = asked_for(prompt, actor, due_in=-20), asked_for(prompt, actor, due_in=-10)
    holding, claimed = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            held.locked()
            holding.set()
            claimed.wait(5)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(5)
    taken = queue.claim(Evaluation.objects.visible_to(actor))
    claimed.set()
    holder.join()
    assert taken == free


def test_workers_that_claim_at_once_never_take_the_same_row(committed: None) -> None:
    actor = factories.make_actor(factories.make_tenant())
    prompt = factories.make_prompt(Namespace.objects.get(tenant=actor.tenant), by=actor)
    asked = [asked_for(prompt, actor).pk for _ in range(24)]
    ours = Evaluation.objects.visible_to(actor)

    def take_all() -> list[UUID]:
        taken = []
        while (found := queue.claim(ours)) is not None:
            taken.append(found.pk)
        connection.close()
        return taken

    with ThreadPoolExecutor(4) as pool:
        found = [pk for future in [pool.submit(take_all) for _ in range(4)] for pk in future.result()]
    assert sorted(found) == sorted(asked)
    assert set(ours.values_list("token", flat=True)) == {1}
