"""A harness reports while somebody promotes: nothing goes live after its content failed, nor while it is evaluated.

Who came first is read from the tenant's log, whose entries stand in the order of the commits.
"""

import hashlib
import hmac
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections
from django.http import HttpResponse

from audit.models import AuditEntry
from audit.unit import unit_of_work
from deployments.actions import promotion
from evaluations.actions import harnesses, runs
from evaluations.models import Evaluation
from prompts.actions import namespaces
from prompts.models import Namespace, Prompt, PromptVersion, TagMove
from prompts.names import PRODUCTION
from tenants.models import Actor, Tenant
from tests import factories
from tests.chaos.crowd import Crowd, no_deadlock
from tests.factories import Client, json_of

SECRET = "a-secret-for-callbacks-of-the-races-0123"
#: How much earlier or later than the other one may begin, in seconds.
APART = 0.005
CLEARLY = 0.5  # seconds
#: What may stand in the way of a promotion here.
BLOCKED = {"EVALUATION_FAILED", "EVALUATION_PENDING"}


# ----------------------------------------------------------------------------- the ground
@dataclass
class Ground:
    """A tenant with a harness, a namespace where nothing needs approval and one where one does, and its people."""

    tenant: Tenant
    free: Namespace
    guarded: Namespace
    author: Actor
    reporter: Client
    reviewer: Client


@pytest.fixture
def ground(committed: None, settings: Any) -> Ground:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    tenant = factories.make_tenant()
    author, reviewer = factories.make_actor(tenant), factories.make_actor(tenant, "", "Reviewer")
    harnesses.register_harness("suite", url="https://192.0.2.1/hook", secret=SECRET, by=author)
    free, guarded = (
        namespaces.create_namespace(f"n{required}", name="Any", required_approvals=required, by=author)
        for required in (0, 1)
    )
    made = Ground(tenant, free, guarded, author, factories.client_of(author), factories.client_of(reviewer))
    assert made.reviewer.get("/prompts").status_code == 200  # the middleware is loaded, by one thread
    return made


@dataclass
class Scene:
    """A version in staging that has passed once, so that the gate is open until somebody asks again."""

    ground: Ground
    version: PromptVersion
    #: How the promotion is asked for.
    road: str
    #: What was asked for already and is to be reported; the empty text where that is part of the round.
    waiting: str = ""

    @property
    def prompt(self) -> Prompt:
        return self.version.prompt

    def ask(self) -> str:
        answer = self.ground.reporter.post(
            "/evaluations/trigger", {"versionId": str(self.version.pk), "harnessId": "suite"}
        )
        assert answer.status_code == 201, answer.content
        return str(json_of(answer)["id"])

    def report(self, evaluation_id: str, status: str, score: float) -> HttpResponse:
        said = {"evaluationId": evaluation_id, "status": status, "score": score, "digest": self.version.digest}
        body = json.dumps(said).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        path = f"/evaluations/webhook?evaluationId={evaluation_id}"
        return Client(None).post(path, body, X_Webhook_Signature=f"sha256={signature}")

    def promote(self) -> HttpResponse:
        client, version = self.ground.reviewer, self.version
        match self.road:
            case "promote":
                return client.post(f"/prompts/{self.prompt.pk}/promote")
            case "promote-active" | "approve":
                return client.post(f"/prompts/versions/{version.pk}/{self.road}")
        return client.post(f"/prompts/{self.prompt.pk}/tags/production", {"versionId": str(version.pk)})


ROADS = ("promote", "promote-active", "tag", "approve")


def make_scene(ground: Ground, number: int, *, waits: bool) -> Scene:
    """One round's prompt; by the last road production follows an approval."""
    road = ROADS[number % len(ROADS)]
    prompt = factories.make_prompt(ground.guarded if road == "approve" else ground.free, by=ground.author)
    version = prompt.versions.get()
    promotion.set_tag(Prompt.objects.get(pk=prompt.pk), "staging", version=version, by=ground.author)
    scene = Scene(ground, version, road)
    assert scene.report(scene.ask(), "passed", 1.0).status_code == 200
    if waits:
        scene.waiting = scene.ask()
    return scene


# ----------------------------------------------------------------------------- what must hold
def went_live(answer: HttpResponse) -> bool:
    """Whether a promotion's answer says that the version is live; it is one of the documented ones."""
    body = json_of(answer)
    if answer.status_code == 409:
        assert body["error"]["code"] == "PROMOTION_BLOCKED"
        assert {each["code"] for each in body["error"]["details"]["unmet"]} <= BLOCKED
        return False
    assert answer.status_code == 200, answer.content
    if "activated" in body:
        assert {each["code"] for each in body["unmet"]} <= BLOCKED
        assert body["activated"] is not bool(body["unmet"])
        return bool(body["activated"])
    return True


def assert_the_log_allows_every_release(prompt: Prompt) -> None:
    """Read in order: when a version goes live, the run that its harness was last asked for has ended, and passed.

    In particular nothing that failed goes live after it did. Nobody overrides or rolls back here.
    """
    last: dict[str, tuple[str, str]] = {}
    digests = {str(version.pk): version.digest for version in prompt.versions.all()}
    for entry in AuditEntry.objects.filter(prompt_id=prompt.pk).order_by("seq"):
        data = entry.data
        if entry.verb == "evaluation.triggered":
            last[data["digest"]] = (data["evaluationId"], "unfinished")
        elif entry.verb == "evaluation.completed" and last[data["digest"]][0] == data["evaluationId"]:
            last[data["digest"]] = (data["evaluationId"], data["status"])
        elif entry.verb == "tag.moved" and data["tag"] == PRODUCTION:
            assert last[digests[data["toVersionId"]]][1] == "passed", f"seq {entry.seq}: {last}"


def assert_kept_with_the_move(scene: Scene, *, is_live: bool) -> None:
    moves = list(TagMove.objects.filter(prompt=scene.prompt, tag=PRODUCTION))
    assert [move.new_id for move in moves] == [scene.version.pk] * is_live
    for move in moves:
        assert [run["status"] for run in move.decision["gate"]["runs"]] == ["passed"]


@dataclass
class Tally:
    """How many rounds ended how, by the road: live or not."""

    ends: Counter[tuple[str, bool]] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, scene: Scene, answer: HttpResponse) -> None:
        is_live = went_live(answer)
        self.ends[scene.road, is_live] += 1
        body = json_of(answer)
        unmet = body["error"]["details"]["unmet"] if "error" in body else body.get("unmet", [])
        self.codes.update(each["code"] for each in unmet)
        assert_kept_with_the_move(scene, is_live=is_live)

    def of(self, *, live: bool) -> int:
        return sum(many for (_, is_live), many in self.ends.items() if is_live is live)


# ----------------------------------------------------------------------------- the races
def apart_in(number: int) -> float:
    """How much earlier than the other one of both begins. In the first two rounds it is not close: whatever the machine
    is busy with, both ways of ending are met.
    """
    return {0: -CLEARLY, 1: CLEARLY}.get(number, random.Random(f"gate {number}").uniform(-APART, APART))


def at_about_once(crowd: Crowd, apart: float, one: Callable[[], None], other: Callable[[], None]) -> None:

    def late(call: Callable[[], None], seconds: float) -> None:
        time.sleep(max(0.0, seconds))
        call()

    crowd.play([partial(late, one, -apart), partial(late, other, apart)])


def race(ground: Ground, *, rounds: int, reports: tuple[str, float], waits: bool) -> Tally:
    """In each round one thread reports so, having asked for the run unless it waits already; another promotes."""
    tally = Tally()
    with no_deadlock(), Crowd(2) as crowd:
        for number in range(rounds):
            scene = make_scene(ground, number, waits=waits)
            answers: dict[str, HttpResponse] = {}

            def report(scene: Scene = scene, answers: dict[str, HttpResponse] = answers) -> None:
                answers["report"] = scene.report(scene.waiting or scene.ask(), *reports)

            def promote(scene: Scene = scene, answers: dict[str, HttpResponse] = answers) -> None:
                answers["promotion"] = scene.promote()

            at_about_once(crowd, apart_in(number), report, promote)
            assert answers["report"].status_code == 200, answers["report"].content
            tally.add(scene, answers["promotion"])
            assert_the_log_allows_every_release(scene.prompt)
    return tally


def assert_a_failure_closes_the_gate(ground: Ground, *, rounds: int) -> None:
    """A third of the rounds each: it fails while it goes live; it was awaited already, and fails; it passes."""
    asked = race(ground, rounds=rounds // 3, reports=("failed", 0.1), waits=False)
    awaited = race(ground, rounds=rounds // 3, reports=("failed", 0.1), waits=True)
    passing = race(ground, rounds=rounds // 3, reports=("passed", 0.9), waits=True)
    told = f"{asked} {awaited} {passing}"
    assert asked.of(live=True) >= 1, told
    assert asked.of(live=False) >= 1, told
    assert (awaited.of(live=True), awaited.of(live=False)) == (0, rounds // 3), told
    assert awaited.codes["EVALUATION_FAILED"] >= 1, told
    assert awaited.codes["EVALUATION_PENDING"] >= 1, told
    assert passing.of(live=True) >= 1, told
    assert passing.of(live=False) >= 1, told


@pytest.mark.full
def test_nothing_goes_live_after_its_content_failed(ground: Ground) -> None:
    assert_a_failure_closes_the_gate(ground, rounds=60)


@pytest.mark.long
def test_nothing_goes_live_after_its_content_failed_in_many_rounds(ground: Ground) -> None:
    assert_a_failure_closes_the_gate(ground, rounds=300)


# ----------------------------------------------------------------------------- not left to chance
def is_waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def promoted_during(scene: Scene, act: Callable[[], object]) -> HttpResponse:
    """The answer to a promotion that begins when `act` has done its work, and has not committed it."""
    answers: list[HttpResponse] = []

    def promote() -> None:
        try:
            answers.append(scene.promote())
        finally:
            connections.close_all()

    promoting = threading.Thread(target=promote)
    with unit_of_work():
        act()
        promoting.start()
        until = time.monotonic() + 30
        while not is_waiting_for_a_lock():
            assert time.monotonic() < until, "the promotion did not wait"
            time.sleep(0.005)
    promoting.join(30)
    return answers[0]


@pytest.mark.parametrize("number", range(len(ROADS)), ids=ROADS)
def test_a_promotion_waits_for_a_question_or_report_under_way_and_hears_of_it(ground: Ground, number: int) -> None:
    """Without the locks it would find the pass before, or a run that has not ended."""
    asking, ending = (make_scene(ground, number, waits=waits) for waits in (False, True))
    asked = promoted_during(asking, lambda: runs.trigger(asking.version, harness="suite", by=ground.author))
    waiting = Evaluation.objects.get(pk=ending.waiting)
    failure = runs.Outcome(Evaluation.FAILED, 0.1)
    failed = promoted_during(ending, lambda: runs.finish(waiting, failure, by=ground.author))
    tally = Tally()
    for scene, answer in ((asking, asked), (ending, failed)):
        tally.add(scene, answer)
        assert_the_log_allows_every_release(scene.prompt)
    assert tally.of(live=False) == 2
    assert tally.codes == {"EVALUATION_PENDING": 1, "EVALUATION_FAILED": 1}
