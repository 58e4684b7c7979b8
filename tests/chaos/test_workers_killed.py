"""Workers that are killed again and again: every evaluation ends, and none ends twice, with Redis and without it.

The whole group dies at once, as with the machine: the parent, whose thread works, and the processes of its pool.
"""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.db import connections

from audit.models import AuditEntry, OutboxEvent
from evaluations import queue
from evaluations.actions import runs, test_cases
from evaluations.models import CaseReport, Evaluation
from prompts.models import Namespace, PromptVersion
from tenants.models import Actor
from tests import factories
from tests.chaos.conftest import Broker
from tests.processes import Process, wait_until, workers

PROMPTS = 10
CASES = 3
#: What one case renders, so that an evaluation takes long enough to be killed in.
TEXT = "{% for each in words %}{{ each }} and {{ issue }}. {% endfor %}"
WORDS = [f"word {number}" for number in range(300)]


class Outage(NamedTuple):
    """What is done to the broker for a while, and what ends it."""

    begin: Callable[[Broker], None]
    end: Callable[[Broker], None]


NONE = Outage(lambda _broker: None, lambda _broker: None)
KILLED = Outage(Broker.stop, Broker.start)
HANGS = Outage(Broker.hang, Broker.go_on)


# ----------------------------------------------------------------------------- the ground
@dataclass
class Ground:
    """A tenant whose prompts have test cases, and the workers that evaluate them."""

    broker: Broker
    folder: Path
    actor: Actor = field(init=False)
    versions: list[PromptVersion] = field(init=False)

    def __post_init__(self) -> None:
        self.actor = factories.make_actor(factories.make_tenant())
        namespace = Namespace.objects.get(tenant=self.actor.tenant)
        prompts = [factories.make_prompt(namespace, body=TEXT, by=self.actor) for _ in range(PROMPTS)]
        self.versions = [prompt.versions.get() for prompt in prompts]
        asserted = [{"type": "contains", "value": "word 7 and a refund"}, {"type": "no_missing_variables"}]
        for prompt, number in itertools.product(prompts, range(CASES)):
            values = {"issue": f"a refund {number}", "words": WORDS}
            test_cases.create_test_case(prompt, f"case {number}", variables=values, assertions=asserted, by=self.actor)

    @property
    def evaluations(self) -> Any:
        return Evaluation.objects.visible_to(self.actor)

    def ask_for(self, count: int) -> None:
        for version in itertools.islice(itertools.cycle(self.versions), count):
            runs.trigger(version, harness="builtin", by=self.actor)

    def ended(self) -> int:
        return int(self.evaluations.filter(due_at=None).count())

    def worker(self) -> AbstractContextManager[list[Process]]:
        """A worker with two processes in its pool; at the end of the block all of it is killed."""
        return workers(1, self.folder, processes=2)

    def kill_a_worker(self, chance: random.Random) -> None:
        """Let one begin, and kill it at some moment while a good part is left to do."""
        before, left = self.ended(), self.evaluations.exclude(due_at=None).count()
        more = chance.randint(1, left // 3)
        with self.worker():
            wait_until(lambda: self.ended() >= before + more, "a worker that was started ended too few evaluations")
            time.sleep(chance.random() * 0.05)
        assert self.evaluations.exclude(due_at=None).exists(), "nothing was left to do when the worker was killed"


@pytest.fixture
def ground(committed: None, broker: Broker, settings: Any, tmp_path: Path) -> Iterator[Ground]:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path)
    yield Ground(broker, tmp_path)
    connections["default"].close()


# ----------------------------------------------------------------------------- what must hold
def kill_again_and_again(ground: Ground, *, kills: int, evaluations: int, outage: Outage) -> None:
    """In three thirds, the second one without Redis where there is an outage."""
    chance = random.Random(kills)
    for third in range(3):
        if third == 1:
            outage.begin(ground.broker)
        if third == 2:
            outage.end(ground.broker)
        ground.ask_for(evaluations * (third + 1) // 3 - evaluations * third // 3)
        for _ in range(kills * (third + 1) // 3 - kills * third // 3):
            ground.kill_a_worker(chance)
    with ground.worker():
        wait_until(lambda: ground.ended() == evaluations, "not all evaluations have ended")
    assert_each_ended_once(ground, evaluations)


def assert_each_ended_once(ground: Ground, evaluations: int) -> None:
    found = {str(each.pk): each for each in ground.evaluations}
    assert len(found) == evaluations
    assert {each.status for each in found.values()} == {"passed"}, [
        (each.status, each.claims, each.metrics) for each in found.values() if each.status != "passed"
    ]
    tokens = Counter(each.token for each in found.values())
    assert len(tokens) > 1, "no worker was killed while it had an evaluation"
    assert max(tokens) <= queue.MOST_CLAIMS
    tenant = ground.actor.tenant.pk
    entries = AuditEntry.objects.filter(tenant_id=tenant, verb="evaluation.completed")
    events = OutboxEvent.objects.filter(tenant_id=tenant, type="eval.completed")
    once = dict.fromkeys(found, 1)
    assert Counter(str(each) for each in entries.values_list("data__evaluationId", flat=True)) == once
    assert Counter(str(each) for each in events.values_list("data__evaluationId", flat=True)) == once
    assert CaseReport.objects.filter(tenant_id=tenant).count() == evaluations


@pytest.mark.long
def test_workers_killed_twice_end_a_hundred_evaluations_once(ground: Ground) -> None:
    kill_again_and_again(ground, kills=2, evaluations=100, outage=KILLED)


@pytest.mark.long
@pytest.mark.parametrize("outage", [NONE, KILLED, HANGS], ids=["redis is there", "redis is killed", "redis hangs"])
def test_workers_killed_ten_times_end_a_thousand_evaluations_once(ground: Ground, outage: Outage) -> None:
    kill_again_and_again(ground, kills=10, evaluations=1_000, outage=outage)
