"""Workers that are killed again and again: every delivery arrives, with Redis and without it; web processes too: what
was done, what the log says and what is sent are the same.

The whole group dies at once, as with the machine.
"""

import http.client
import json
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now

from audit.events import EVENTS
from audit.models import AuditEntry, OutboxEvent
from prompts.models import Prompt, PromptVersion
from tenants.models import Actor
from tests import factories
from tests.chaos.conftest import Broker
from tests.live import ROOT
from tests.processes import QUIET, Process, environment, free_port, have_ended, is_there, kill, wait_until, workers
from tests.webhooks.receivers import Outside, outside
from webhooks.actions import endpoints
from webhooks.models import Delivery
from webhooks.worker import SENDERS

WORKERS = 2
ENDPOINTS = 2
WRITERS = 20
PUBLIC = {event.verb: event.public for event in EVENTS.values() if event.public}


# ----------------------------------------------------------------------------- the ground
@dataclass
class Ground:
    """A tenant with endpoints at a receiver that fails now and then, and the workers that send to it."""

    broker: Broker
    folder: Path
    receiver: Outside
    actor: Actor = field(init=False)
    #: The secret of each path.
    secrets: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.actor = factories.make_actor(factories.make_tenant())
        self.secrets = {f"/flaky/{number}": self._subscribed(f"/flaky/{number}") for number in range(ENDPOINTS)}

    def _subscribed(self, path: str) -> str:
        made = endpoints.create_endpoint(self.receiver.url(path), events=["prompt.created"], by=self.actor)
        return made.secret.text

    def tell(self, count: int) -> None:
        """So many events, as verbs leave them."""
        tenant = self.actor.tenant.pk
        OutboxEvent.objects.bulk_create(
            OutboxEvent(tenant_id=tenant, type="prompt.created", data={"name": f"prompt {number}"})
            for number in range(count)
        )

    def told(self) -> set[str]:
        found = OutboxEvent.objects.filter(tenant_id=self.actor.tenant.pk, type="prompt.created")
        return {str(each) for each in found.values_list("id", flat=True)}

    @property
    def deliveries(self) -> Any:
        return Delivery.objects.visible_to(self.actor)

    def delivered(self) -> int:
        return int(self.deliveries.filter(due_at=None).count())

    def let_leases_end(self) -> None:
        """As if their time were over: nobody is there who holds one."""
        self.deliveries.filter(due_at__isnull=False, claims__gt=0).update(due_at=Now())

    def kill_the_workers(self, chance: random.Random) -> None:
        """Let them begin, and kill them at some moment while they send."""
        before = self.delivered()
        with workers(WORKERS, self.folder) as started:
            wait_until(
                lambda: self.delivered() > before or have_ended(started), "workers that were started delivered nothing"
            )
            time.sleep(chance.random() * 0.5)


@pytest.fixture
def ground(committed: None, broker: Broker, settings: Any, tmp_path: Path) -> Iterator[Ground]:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path)
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with outside(tmp_path / "received.jsonl") as receiver:
        yield Ground(broker, tmp_path, receiver)
    connections["default"].close()


# ----------------------------------------------------------------------------- workers
def kill_again_and_again(
    ground: Ground, *, kills: int, events: int, without_redis: bool = False, in_haste: bool = False
) -> None:
    """In three thirds, the second one without Redis where it is asked for."""
    chance = random.Random(kills)
    for third in range(3):
        if without_redis and third == 1:
            ground.broker.stop()
        if without_redis and third == 2:
            ground.broker.start()
        ground.tell(events * (third + 1) // 3 - events * third // 3)
        for _ in range(kills * (third + 1) // 3 - kills * third // 3):
            ground.kill_the_workers(chance)
    if in_haste:
        ground.let_leases_end()
    with workers(WORKERS, ground.folder) as started:
        wait_until(
            lambda: ground.delivered() == events * ENDPOINTS or have_ended(started), "not all deliveries have ended"
        )
    assert_nothing_is_lost(ground, events, kills)


def assert_nothing_is_lost(ground: Ground, events: int, kills: int) -> None:
    told = ground.told()
    assert len(told) == events
    assert Counter(ground.deliveries.values_list("status", flat=True)) == {"delivered": events * ENDPOINTS}
    got = ground.receiver.got()
    taken = Counter((each.path, each.id) for each in got if each.status == 200)
    assert taken.keys() == {(path, id_) for path in ground.secrets for id_ in told}
    assert {each.id for each in got} == told, "something was sent under an id that is no event's"
    assert taken.total() - len(taken) <= kills * WORKERS * SENDERS
    assert any(each.status == 500 for each in got)
    for each in got:
        each.verify(ground.secrets[each.path])


@pytest.mark.full
def test_workers_killed_five_times_lose_none_of_two_thousand_deliveries(ground: Ground) -> None:
    kill_again_and_again(ground, kills=5, events=1_000, in_haste=True)


@pytest.mark.long
@pytest.mark.parametrize("without_redis", [False, True], ids=["redis is there", "redis stops for a third"])
def test_workers_killed_twenty_times_lose_none_of_ten_thousand_deliveries(ground: Ground, without_redis: bool) -> None:
    kill_again_and_again(ground, kills=20, events=5_000, without_redis=without_redis)


# ----------------------------------------------------------------------------- web processes
@contextmanager
def web(port: int) -> Iterator[Process]:
    """A web server with two processes; at the end of the block all of it is killed."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "2", "--blocking-threads", "8", "--no-ws", "pvc.wsgi:application"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment(RATE_LIMIT_WRITE="0"), **QUIET)
    try:
        wait_until(lambda: is_there(port), "the web server did not start")
        yield server
        assert server.poll() is None, "the web server has ended by itself"
    finally:
        kill(server)


class Writers:
    """Threads that make prompts over HTTP, one after the other, whoever is killed meanwhile."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        #: The ids of the prompts that were said to be made.
        self.made: list[str] = []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def write_some(self) -> None:
        """Wait until they have written once each, more or less."""
        before = len(self.made)
        wait_until(lambda: len(self.made) > before + WRITERS, "nothing was written")

    def _write(self) -> None:
        while not self._stopping.is_set():
            try:
                self.made.append(self._made())
            except (OSError, http.client.HTTPException):  # it was killed: whether it was done we do not know
                time.sleep(0.02)

    def _made(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = json.dumps({"name": f"p-{uuid.uuid4().hex[:16]}", "template": "one"})
            connection.request("POST", "/api/v1/prompts", body, self.headers)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 201, said
            return str(json.loads(said)["id"])
        finally:
            connection.close()


def kill_web_again_and_again(kills: int) -> None:
    by, port, chance = factories.make_actor(factories.make_tenant()), free_port(), random.Random(kills)
    with Writers(port, factories.client_of(by).key or "") as writers:
        for _ in range(kills):
            with web(port):
                writers.write_some()
                time.sleep(chance.random() * 0.5)
    assert_done_and_said_and_sent_are_the_same(by, writers.made)
    connections["default"].close()


def assert_done_and_said_and_sent_are_the_same(by: Actor, made: list[str]) -> None:
    tenant = by.tenant.pk
    entries = AuditEntry.objects.filter(tenant_id=tenant, verb__in=PUBLIC, prompt_id__isnull=False)
    events = OutboxEvent.objects.filter(tenant_id=tenant, prompt_id__isnull=False)
    said = Counter((PUBLIC[verb], prompt_id) for verb, prompt_id in entries.values_list("verb", "prompt_id"))
    assert said == Counter(events.values_list("type", "prompt_id"))
    prompts = set(Prompt.objects.filter(tenant=by.tenant).values_list("pk", flat=True))
    assert {str(pk) for pk in prompts} >= set(made), "what was answered for is not there"
    assert prompts == {prompt_id for type_, prompt_id in said if type_ == "prompt.created"}
    versions = {str(pk) for pk in PromptVersion.objects.filter(tenant=by.tenant).values_list("pk", flat=True)}
    told = events.filter(type="version.created").values_list("data__versionId", flat=True)
    assert Counter(told) == dict.fromkeys(versions, 1)


@pytest.mark.long
def test_web_servers_killed_three_times_do_and_say_and_send_the_same(committed: None) -> None:
    kill_web_again_and_again(3)


@pytest.mark.long
def test_web_servers_killed_ten_times_do_and_say_and_send_the_same(committed: None) -> None:
    kill_web_again_and_again(10)
