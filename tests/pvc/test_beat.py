"""The clock says that it goes on, and `healthy` tells whether it does; likewise for a worker."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from celery.utils.nodenames import gethostname
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler

from audit import actions
from audit.models import Heartbeat
from pvc import beat
from pvc.celery import app
from tests.live import ROOT, database_url

BEAT, WORKER = f"beat@{gethostname()}", f"celery@{gethostname()}"
COMMANDS = {"beat": ["beat", "--pidfile=", "--max-interval=1"], "worker": ["worker", "--concurrency", "1"]}
#: The longest pause of a worker in good health is one second, and of a clock that is told so; else it is five.
WITHIN = {"beat": 4, "worker": 4}


def healthy(part: str, *options: str) -> str:
    """What the command says. Raises CommandError where it would end with 1."""
    said = io.StringIO()
    call_command("healthy", part, *options, stdout=said)
    return said.getvalue()


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Celery's on this test's database."""
    command = [sys.executable, "-m", "celery", "-A", "pvc", *words]
    environment = {**os.environ, "DATABASE_URL": database_url(), "REDIS_URL": settings.REDIS_URL}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it and its children, without a warning."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until_healthy(part: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            healthy(part, "--within", "3")
        except CommandError:
            assert time.monotonic() < until, f"{part} gave no sign of life"
            time.sleep(0.2)
        else:
            return


def seconds_until_unhealthy(part: str) -> float:
    begun = time.monotonic()
    while time.monotonic() < begun + 30:
        try:
            healthy(part, "--within", str(WITHIN[part]))
        except CommandError:
            return time.monotonic() - begun
        time.sleep(0.2)
    pytest.fail(f"{part} was killed and counts as healthy")


# ----------------------------------------------------------------------------- really
@pytest.mark.full
@pytest.mark.parametrize("part", COMMANDS)
def test_a_process_is_healthy_until_it_is_killed(committed: None, part: str) -> None:
    Heartbeat.objects.all().delete()
    with pytest.raises(CommandError, match="has never given a sign of life"):
        healthy(part)
    with running(*COMMANDS[part]) as process:
        wait_until_healthy(part)
        end(process)
        assert 1 < seconds_until_unhealthy(part) <= WITHIN[part] + 1


@pytest.mark.full
def test_the_clock_goes_on_after_its_connection_was_cut(committed: None) -> None:
    Heartbeat.objects.all().delete()
    with running(*COMMANDS["beat"]) as process:
        wait_until_healthy("beat")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] > 0
        cut = timezone.now()
        until = time.monotonic() + 20
        while not Heartbeat.objects.filter(worker=BEAT, at__gt=cut).exists():
            assert time.monotonic() < until
            time.sleep(0.2)
        assert process.poll() is None


# ----------------------------------------------------------------------------- the clock
def test_beat_uses_the_clock_that_signs() -> None:
    assert app.conf.beat_scheduler == f"{beat.Clock.__module__}:{beat.Clock.__name__}"


def test_a_tick_signs_and_keeps_its_pause(committed: None) -> None:
    Heartbeat.objects.all().delete()
    clock = beat.Clock(app=app, lazy=True)
    clock.setup_schedule()
    pause = clock.tick()
    assert 0 <= pause <= 5
    assert healthy("beat").startswith(f"{BEAT} gave a sign of life 0.")


def test_a_tick_that_fails_does_not_sign(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(clock: DatabaseScheduler) -> float:
        raise TimeoutError

    Heartbeat.objects.all().delete()
    clock = beat.Clock(app=app, lazy=True)
    monkeypatch.setattr(DatabaseScheduler, "tick", hang)
    with pytest.raises(TimeoutError):
        clock.tick()
    with pytest.raises(CommandError, match="has never given"):
        healthy("beat")


def test_a_tick_that_cannot_sign_is_a_tick(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(worker: str) -> None:
        raise OperationalError(worker)

    clock = beat.Clock(app=app, lazy=True)
    clock.setup_schedule()
    monkeypatch.setattr(actions, "heartbeat", away)
    assert 0 <= clock.tick() <= 5


# ----------------------------------------------------------------------------- the command
def note(name: str, *, seconds_ago: float) -> None:
    Heartbeat.objects.create(worker=name, at=timezone.now() - timedelta(seconds=seconds_ago))


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "options"), [(59, []), (5, ["--within", "6"])], ids=["default", "option"])
def test_a_sign_within_the_limit_is_enough(seconds: float, options: list[str]) -> None:
    note(WORKER, seconds_ago=seconds)
    assert healthy("worker", *options).startswith(f"{WORKER} gave a sign of life {seconds}.")


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "options"), [(61, []), (7, ["--within", "6"])], ids=["default", "option"])
def test_an_older_sign_is_not(seconds: float, options: list[str]) -> None:
    note(WORKER, seconds_ago=seconds)
    with pytest.raises(CommandError, match=rf"given no sign of life for {seconds}\.\d seconds"):
        healthy("worker", *options)


@pytest.mark.django_db
def test_one_parts_sign_is_not_the_others_nor_another_machines() -> None:
    note(BEAT, seconds_ago=0)
    note("celery@elsewhere", seconds_ago=0)
    with pytest.raises(CommandError, match="has never given"):
        healthy("worker")
    assert "celery@elsewhere" in healthy("worker", "--name", "celery@elsewhere")


@pytest.mark.django_db
def test_scripts_get_json() -> None:
    note(BEAT, seconds_ago=2)
    said: dict[str, Any] = json.loads(healthy("beat", "--json"))
    assert said["name"] == BEAT
    assert 2 <= said["secondsAgo"] < 4


@pytest.mark.parametrize("part", ["beat", "worker"])
def test_without_a_database_it_is_not_healthy(part: str) -> None:
    nowhere = {"DATABASE_URL": "postgresql://pvc_app:app@127.0.0.1:1/pvc"}
    asked = subprocess.run(
        [sys.executable, "manage.py", "healthy", part],
        cwd=ROOT,
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 1
    assert asked.stderr.startswith("CommandError: The database cannot be reached")
