"""A sealer that is killed again and again while eight write: no false alarm, and one history in every hand.

Where a kill does harm is between the checkpoint outside and the commit of the one inside; there it is also killed on
purpose: the table is locked, so that the sealer waits there.
"""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections, transaction

from audit import anchors, merkle, note, sealing, tree
from audit.models import AuditHead, Checkpoint
from audit.verify import Report, verify
from tenants.models import Tenant
from tests import factories
from tests.audit.logs import grow, size_of
from tests.live import ROOT
from tests.processes import PATIENCE, QUIET, Process, environment, kill, wait_until

WRITERS = 8
#: Of these verifications one reads everything.
EVERY = 4
#: What the sealer's process does: it seals one log, as fast as it can, until it is killed.
SEALER = """
import sys, uuid, django
django.setup()
from audit import sealing
while True:
    sealing.seal(uuid.UUID(sys.argv[1]))
"""


# ----------------------------------------------------------------------------- the sealer
@dataclass
class Ground:
    """A tenant, and the folder where its checkpoints are kept outside of the database."""

    tenant: Tenant
    folder: Path

    def start(self) -> Process:
        command = [sys.executable, "-c", SEALER, str(self.tenant.pk)]
        return subprocess.Popen(command, cwd=ROOT, env=environment(AUDIT_ANCHOR_DIR=str(self.folder)), **QUIET)

    @contextmanager
    def sealer(self) -> Iterator[Process]:
        """A process that seals; at the end of the block it is killed, wherever it is then."""
        process = self.start()
        try:
            yield process
            assert process.poll() is None, "the sealer has ended by itself"
        finally:
            kill(process)

    def anchored(self) -> list[str]:
        return list(anchors.read(self.folder, self.tenant.pk))

    def stored(self) -> list[Checkpoint]:
        return list(Checkpoint.objects.filter(tenant_id=self.tenant.pk).order_by("size"))

    def verified(self, *, full: bool = True) -> Report:
        return verify(self.tenant.pk, full=full, anchored=anchors.read(self.folder, self.tenant.pk))

    def seal_the_rest(self) -> None:
        """Once nobody writes: the killed sealer's session may hold its lock for a moment yet."""
        wait_until(lambda: sealing.seal(self.tenant.pk) is not None or self.sealed() == size_of(self.tenant))

    def sealed(self) -> int:
        newest = Checkpoint.objects.of(self.tenant.pk).first()
        return newest.size if newest else 0


@pytest.fixture
def ground(committed: None, settings: Any, tmp_path: Path) -> Ground:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path)
    return Ground(factories.make_tenant(), tmp_path)


# ----------------------------------------------------------------------------- what must hold
def said_in(text: str) -> note.Checkpoint:
    parsed = note.parse(text)
    note.verify(parsed, sealing.verifier_keys())
    return note.Checkpoint.parse(parsed.text)


def assert_one_history(ground: Ground) -> None:
    """What was ever signed, inside or outside, is of one log: the one that is there."""
    stored, anchored = ground.stored(), ground.anchored()
    assert {each.note for each in stored} <= set(anchored), "one is inside and not outside"
    leaves = tree.leaves(ground.tenant.pk, 0, size_of(ground.tenant))
    grown, roots = merkle.Tree(), {0: merkle.EMPTY_ROOT}
    for size, leaf in enumerate(leaves, start=1):
        grown.add(leaf)
        roots[size] = grown.root()
    for said in map(said_in, anchored):
        assert said.root == roots[said.size], f"two roots for {said.size} entries"
    for each in stored:
        said = said_in(each.note)
        assert (said.size, said.root, said.head) == (each.size, bytes(each.root_hash), bytes(each.head_hash))


def assert_sealed_to_the_end(ground: Ground) -> None:
    ground.seal_the_rest()
    size = AuditHead.objects.get(pk=ground.tenant.pk).size
    report = ground.verified().as_dict()
    assert report["ok"], report["tampered_entries"][:5]
    assert (report["verified"], report["unsealed_tail"], report["checkpoint"]["size"]) == (size, 0, size)
    assert_one_history(ground)


# ----------------------------------------------------------------------------- at random moments
@dataclass
class Crew:
    """Threads that do the same thing until it is over; what went wrong in them."""

    over: threading.Event = field(default_factory=threading.Event)
    faults: list[BaseException] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def add(self, job: Callable[[], object]) -> None:
        self.threads.append(threading.Thread(target=self._run, args=[job]))
        self.threads[-1].start()

    def _run(self, job: Callable[[], object]) -> None:
        try:
            while not self.over.is_set():
                job()
        except BaseException as fault:  # noqa: BLE001  # looked at by whoever ends it
            self.faults.append(fault)
        finally:
            connections.close_all()

    def end(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE)


def kill_it_again_and_again(ground: Ground, *, kills: int, verifications: int) -> None:
    chance, crew, alarms, done = random.Random(kills), Crew(), [], 0

    def write() -> None:
        grow(ground.tenant, 3)
        time.sleep(0.1)

    def verify_once() -> None:
        nonlocal done
        report = ground.verified(full=done % EVERY == 0)
        done += 1
        if not report.ok:
            alarms.append(report.as_dict()["tampered_entries"][:5])

    for _ in range(WRITERS):
        crew.add(write)
    crew.add(verify_once)
    try:
        for _ in range(kills):
            before = ground.sealed()
            with ground.sealer():
                wait_until(lambda before=before: ground.sealed() > before)  # type: ignore[misc]
                time.sleep(chance.random() * 0.3)
        wait_until(lambda: done >= verifications or crew.faults)
    finally:
        crew.end()
    assert crew.faults == []
    assert alarms == []
    assert len(ground.stored()) >= kills
    assert size_of(ground.tenant) > 256, "too few for a node of the tree to be kept"
    assert_sealed_to_the_end(ground)


@pytest.mark.full
def test_a_sealer_killed_three_times_while_eight_write_raises_no_alarm(ground: Ground) -> None:
    kill_it_again_and_again(ground, kills=3, verifications=12)


@pytest.mark.long
def test_a_sealer_killed_twenty_times_while_eight_write_raises_no_alarm(ground: Ground) -> None:
    kill_it_again_and_again(ground, kills=20, verifications=100)


# ----------------------------------------------------------------------------- where it matters
@contextmanager
def nobody_commits_checkpoints() -> Iterator[None]:
    """In here whoever adds a checkpoint to the database waits; reading goes on."""
    with transaction.atomic("owner"):
        connections["owner"].cursor().execute("LOCK TABLE audit_checkpoint IN SHARE MODE")
        yield
    connections["owner"].close()


@pytest.mark.parametrize("entries", [100, 600], ids=["no node of the tree is complete", "two are"])
def test_killed_between_outside_and_inside_it_raises_no_alarm(ground: Ground, entries: int) -> None:
    """What is outside alone was signed nevertheless, and fits the log: while it waits, after the kill, and for good."""
    grow(ground.tenant, entries - size_of(ground.tenant))
    with nobody_commits_checkpoints():
        with ground.sealer():
            wait_until(ground.anchored)
            assert ground.stored() == []
            waiting = ground.verified().as_dict()
        killed = ground.verified().as_dict()
    assert [said_in(each).size for each in ground.anchored()] == [entries]
    assert (waiting["ok"], waiting["tampered_entries"]) == (True, [])
    assert (killed["ok"], killed["tampered_entries"]) == (True, [])
    grow(ground.tenant, 40)
    assert ground.verified().ok
    assert_sealed_to_the_end(ground)
    assert len(ground.anchored()) == 2


def test_killed_between_outside_and_inside_it_signs_the_same_size_again(ground: Ground) -> None:
    grow(ground.tenant, 300)
    with nobody_commits_checkpoints(), ground.sealer():
        wait_until(ground.anchored)
    assert_sealed_to_the_end(ground)
    outside = [said_in(each) for each in ground.anchored()]
    assert [each.size for each in outside] == [outside[0].size] * 2
    assert outside[0].root == outside[1].root


def test_a_kill_leaves_a_line_cut_off_and_the_next_is_read(ground: Ground) -> None:
    grow(ground.tenant, 20)
    ground.seal_the_rest()
    with anchors.path_of(ground.folder, ground.tenant.pk).open("ab") as file:
        file.write(b'\n{"checkpoint":"pvc/')
    grow(ground.tenant, 5)
    assert_sealed_to_the_end(ground)
    assert len(ground.anchored()) == 2


def test_two_histories_would_be_seen(ground: Ground) -> None:
    grow(ground.tenant, 20)
    ground.seal_the_rest()
    [checkpoint] = ground.stored()
    said = note.Checkpoint(said_in(checkpoint.note).origin, checkpoint.size, bytes(32))
    key = note.signing_key(django_settings.AUDIT_KEY)
    anchors.append(ground.tenant.pk, note.sign(said.text, [key]))
    assert not ground.verified().ok
    with pytest.raises(AssertionError, match="two roots"):
        assert_one_history(ground)
