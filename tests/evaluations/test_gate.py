"""The gate: what it says of a policy and a history; who is shown it, refused by it or let through hears the same."""

import datetime as dt
import hashlib
import random
import uuid
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from django.utils import timezone

from deployments.actions import promotion
from evaluations import gate, worker
from evaluations.gate import Run
from evaluations.models import Evaluation, TestCase
from prompts import pointers
from prompts.actions import namespaces
from prompts.models import Namespace, Prompt, PromptVersion
from tenants.models import Actor
from tests import factories
from tests.factories import Client, error_of, json_of

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
POLICY = {"mode": "require_pass", "threshold": 0.8, "harnesses": [], "max_age_hours": None, "auto_trigger": False}
UNFINISHED = ("pending", "running")


def run(
    harness: str,
    status: str = "passed",
    score: float | None = 0.9,
    *,
    at: int = 1,
    hours: float = 1,
    outdated: bool = False,
) -> Run:
    """A run that ended so many hours ago; `at` is its place in the order of the prompt's runs."""
    ended = None if status in UNFINISHED else NOW - dt.timedelta(hours=hours)
    return Run(uuid.uuid4(), harness, at, status, score, ended, outdated)


def codes(policy: dict[str, Any], runs: list[Run]) -> list[str]:
    return [each.code for each in gate.unmet({**POLICY, **policy}, runs, now=NOW)]


# ----------------------------------------------------------------------------- by the table
FAILED, ERROR, PENDING = run("a", "failed", 0.1), run("a", "error", None), run("a", "pending", None)
Case = tuple[dict[str, Any], list[Run], list[str]]
OFF: dict[str, Case] = {
    name: ({"mode": "off", "harnesses": ["a"], "max_age_hours": 1}, runs, [])
    for name, runs in {"nothing": [], "a failure": [FAILED], "an error": [ERROR], "one at work": [PENDING]}.items()
}
BLOCKING: dict[str, Case] = {
    "no run at all": ({}, [], []),
    "a pass": ({}, [run("a")], []),
    "a pass without a score": ({}, [run("a", score=None)], []),
    "a pass with a low score": ({}, [run("a", score=0.0)], []),
    "an old pass": ({"max_age_hours": 1}, [run("a", hours=500)], []),
    "a pass with other test cases": ({}, [run("a", outdated=True)], []),
    "a harness that did not run": ({"harnesses": ["z"]}, [run("a")], []),
    "a failure": ({}, [FAILED], ["EVALUATION_FAILED"]),
    "an error": ({}, [ERROR], ["EVALUATION_ERROR"]),
    "one that waits": ({}, [PENDING], ["EVALUATION_PENDING"]),
    "one at work": ({}, [run("a", "running", None)], ["EVALUATION_PENDING"]),
    "a failure by a harness that is not listed": ({"harnesses": ["b"]}, [FAILED, run("b")], ["EVALUATION_FAILED"]),
    "a failure beside a pass": ({}, [run("b"), FAILED], ["EVALUATION_FAILED"]),
    "a failure before a pass": ({}, [FAILED, run("a", at=2)], []),
    "a pass before a failure": ({}, [run("a"), run("a", "failed", at=2)], ["EVALUATION_FAILED"]),
    "a pass, and it is asked again": ({}, [run("a"), run("a", "pending", None, at=2)], ["EVALUATION_PENDING"]),
    "each of three": (
        {},
        [run("c", "pending", None), run("b", "error", None, at=2), run("a", "failed", at=3)],
        ["EVALUATION_FAILED", "EVALUATION_ERROR", "EVALUATION_PENDING"],
    ),
}
REQUIRING: dict[str, Case] = {
    "no run at all": ({}, [], ["EVALUATION_MISSING"]),
    "no run, two required": ({"harnesses": ["a", "b"]}, [], ["EVALUATION_MISSING", "EVALUATION_MISSING"]),
    "a pass": ({}, [run("a")], []),
    "the required pass": ({"harnesses": ["a"]}, [run("a")], []),
    "another one's pass": ({"harnesses": ["b"]}, [run("a")], ["EVALUATION_MISSING"]),
    "a name in other letters": ({"harnesses": ["A"]}, [run("a")], ["EVALUATION_MISSING"]),
    "one of two": ({"harnesses": ["a", "b"]}, [run("a")], ["EVALUATION_MISSING"]),
    "both": ({"harnesses": ["a", "b"]}, [run("a"), run("b", at=2)], []),
    "a failure by one that is not required": ({"harnesses": ["b"]}, [FAILED, run("b", at=2)], []),
    "none is required, and one of those that ran failed": ({}, [FAILED, run("b", at=2)], ["EVALUATION_FAILED"]),
    "a failure": ({"harnesses": ["a"]}, [FAILED], ["EVALUATION_FAILED"]),
    "an error": ({}, [ERROR], ["EVALUATION_ERROR"]),
    "one that waits": ({}, [PENDING], ["EVALUATION_PENDING"]),
    "one at work, with a score already": ({}, [run("a", "running", 1.0)], ["EVALUATION_PENDING"]),
    "a pass without a score": ({}, [run("a", score=None)], ["SCORE_TOO_LOW"]),
    "a pass without a score, none asked for": ({"threshold": 0}, [run("a", score=None)], ["SCORE_TOO_LOW"]),
    "a score below": ({}, [run("a", score=0.79)], ["SCORE_TOO_LOW"]),
    "a score just below": ({}, [run("a", score=0.7999999999999999)], ["SCORE_TOO_LOW"]),
    "the score itself": ({}, [run("a", score=0.8)], []),
    "nothing asked for": ({"threshold": 0}, [run("a", score=0.0)], []),
    "all asked for": ({"threshold": 1}, [run("a", score=1.0)], []),
    "all asked for, and a little less": ({"threshold": 1}, [run("a", score=0.9999999999999999)], ["SCORE_TOO_LOW"]),
    "three whose mean is the threshold": ({}, [run("a", score=0.7), run("b", score=0.8), run("c", score=0.9)], []),
    "three whose mean is it, as 0.1 and 0.2 and 0.3 are": (
        {"threshold": 0.2},
        [run("a", score=0.1), run("b", score=0.2), run("c", score=0.3)],
        [],
    ),
    "a mean that is below by less than 28 digits tell": (
        {"threshold": 0.5},
        [run("a", score=1.0), run("b", score=0.4999999999999999), run("c", score=9.99999999999999e-17)],
        ["SCORE_TOO_LOW"],
    ),
    "a low one among high ones": ({}, [run("a", score=0.5), run("b", score=1.0), run("c", score=0.9)], []),
    "the mean of the required ones alone": (
        {"harnesses": ["a"]},
        [run("a", score=0.7), run("b", score=1.0)],
        ["SCORE_TOO_LOW"],
    ),
    "an hour old, an hour asked for": ({"max_age_hours": 1}, [run("a", hours=1)], []),
    "a moment older": ({"max_age_hours": 1}, [run("a", hours=1.0000001)], ["EVALUATION_STALE"]),
    "half an hour asked for": ({"max_age_hours": 0.5}, [run("a", hours=0.6)], ["EVALUATION_STALE"]),
    "of ten years": ({"max_age_hours": 87_600}, [run("a", hours=87_599)], []),
    "any age": ({}, [run("a", hours=100_000)], []),
    "an old one that is not required": ({"harnesses": ["b"], "max_age_hours": 1}, [run("a", hours=9), run("b")], []),
    "other test cases": ({}, [run("a", outdated=True)], ["EVALUATION_STALE"]),
    "other test cases, and old": (
        {"max_age_hours": 1},
        [run("a", hours=2, outdated=True)],
        ["EVALUATION_STALE", "EVALUATION_STALE"],
    ),
    "old, and failed": ({"max_age_hours": 1}, [run("a", "failed", hours=2)], ["EVALUATION_FAILED", "EVALUATION_STALE"]),
    "one that waits has no age": ({"max_age_hours": 1}, [PENDING], ["EVALUATION_PENDING"]),
    "a failure before a pass": ({}, [FAILED, run("a", at=2)], []),
    "a pass before a failure": ({}, [run("a"), run("a", "failed", at=2)], ["EVALUATION_FAILED"]),
    "an old pass before a new one": ({"max_age_hours": 1}, [run("a", hours=9), run("a", at=2)], []),
    "asked for before, ended later": (
        {},
        [run("a", hours=0.1), run("a", "failed", at=2, hours=5)],
        ["EVALUATION_FAILED"],
    ),
    "a high score before a low one": ({}, [run("a", score=1.0), run("a", score=0.1, at=2)], ["SCORE_TOO_LOW"]),
    "the places are numbers": ({}, [run("a", at=9), run("a", "failed", at=10)], ["EVALUATION_FAILED"]),
    "all at once": (
        {"harnesses": ["a", "b", "c", "d"], "max_age_hours": 1},
        [FAILED, run("b", score=0.1, hours=2), run("c", score=None)],
        ["EVALUATION_FAILED", "EVALUATION_STALE", "EVALUATION_MISSING", "SCORE_TOO_LOW", "SCORE_TOO_LOW"],
    ),
}
TABLE = {
    f"{mode}: {name}": ({"mode": mode, **policy}, runs, expected)
    for mode, table in {"off": OFF, "block_failures": BLOCKING, "require_pass": REQUIRING}.items()
    for name, (policy, runs, expected) in table.items()
}


@pytest.mark.parametrize(("policy", "runs", "expected"), TABLE.values(), ids=list(TABLE))
def test_the_gate_says_what_stands_in_the_way(policy: dict[str, Any], runs: list[Run], expected: list[str]) -> None:
    assert codes(policy, runs) == expected
    assert codes(policy, runs[::-1]) == expected


def test_a_sentence_names_the_harness_and_what_is_asked_for() -> None:
    said = [
        each.message for each in gate.unmet({**POLICY, "max_age_hours": 0.5}, [run("suite", score=0.79999)], now=NOW)
    ]
    assert said == ["The evaluation by suite is older than 0.5 hours.", "The mean score is 0.799; 0.8 is asked for."]
    [missing] = gate.unmet({**POLICY, "harnesses": ["nightly"]}, [run("suite")], now=NOW)
    assert missing.as_dict() == {
        "code": "EVALUATION_MISSING",
        "message": "No evaluation by nightly was run on this content.",
    }


# ----------------------------------------------------------------------------- by an independent reading
@dataclass(frozen=True)
class History:
    """A policy, and the runs of one content in the order in which they were asked for."""

    policy: dict[str, Any]
    runs: list[Run]


def expected(history: History, now: dt.datetime) -> Counter[str]:
    """Contract 5, read sentence by sentence: how often each code is due."""
    policy = history.policy
    by_age = sorted(history.runs, key=lambda each: each.sequence)
    last = {each.harness: each for each in by_age}  # of two by one harness the later one stays
    due: Counter[str] = Counter()
    if policy["mode"] == "off":
        return due
    asked = set(last) if policy["mode"] == "block_failures" else set(policy["harnesses"]) or set(last)
    looked_at = [each for name, each in last.items() if name in asked]
    due["EVALUATION_FAILED"] = sum(each.status == "failed" for each in looked_at)
    due["EVALUATION_ERROR"] = sum(each.status == "error" for each in looked_at)
    due["EVALUATION_PENDING"] = sum(each.status in ("pending", "running") for each in looked_at)
    if policy["mode"] == "require_pass":
        due["EVALUATION_MISSING"] = len(asked - set(last)) + (not asked)
        due["EVALUATION_STALE"] = sum(each.is_outdated for each in looked_at)
        if (limit := policy["max_age_hours"]) is not None:
            ages = [(now - each.completed_at).total_seconds() for each in looked_at if each.completed_at]
            due["EVALUATION_STALE"] += sum(age > limit * 3600 for age in ages)
        scores = [each.score for each in looked_at if each.status == "passed"]
        due["SCORE_TOO_LOW"] = scores.count(None)
        given = [Fraction(str(score)) for score in scores if score is not None]
        due["SCORE_TOO_LOW"] += bool(given) and sum(given) / len(given) < Fraction(str(policy["threshold"]))
    return +due


def random_policy(chance: random.Random, harnesses: list[str]) -> dict[str, Any]:
    return {
        "mode": chance.choice(["off", "block_failures", "require_pass", "require_pass"]),
        "threshold": chance.choice([0, 0.5, 0.7, 0.8, 0.85, 1]),
        "harnesses": sorted(chance.sample(harnesses, chance.choice([0, 0, 1, 1, 2]))),
        "max_age_hours": chance.choice([None, None, 1, 0.5, 24]),
        "auto_trigger": False,
    }


def random_runs(chance: random.Random, now: dt.datetime, harnesses: list[str]) -> list[Run]:
    """Ages are a minute or more from every limit, so that a while may pass."""
    places = sorted(chance.sample(range(1, 30), chance.choice([0, 1, 1, 2, 3, 6])))
    runs = [random_run(chance, now, chance.choice(harnesses), place) for place in places]
    chance.shuffle(runs)
    return runs


def random_run(chance: random.Random, now: dt.datetime, harness: str, place: int) -> Run:
    status = chance.choice(["passed"] * 8 + ["failed", "error", "pending", "running"])
    score = chance.choice([0.7, 0.8, 0.8, 0.9, 0.9, 1.0, 1.0, 1.0, round(chance.random(), 3), None])
    ended = None if status in UNFINISHED else now - dt.timedelta(hours=chance.choice([0.1, 0.1, 0.4, 0.7, 5, 23, 30]))
    ran = harness == "builtin" and status in ("passed", "failed")  # an error may have come before any test case
    is_outdated = ran and chance.random() < 0.2
    return Run(uuid.uuid4(), harness, place, status, score, ended, is_outdated)


ALL_CODES = {
    "EVALUATION_MISSING",
    "EVALUATION_PENDING",
    "EVALUATION_FAILED",
    "EVALUATION_ERROR",
    "EVALUATION_STALE",
    "SCORE_TOO_LOW",
}


def test_two_thousand_policies_and_histories_are_judged_as_the_contract_reads() -> None:
    seen, opened = Counter[str](), 0
    for seed in range(2_000):
        chance = random.Random(seed)
        names = ["a", "b", "builtin"]
        history = History(random_policy(chance, names), random_runs(chance, NOW, names))
        found = gate.unmet(history.policy, history.runs, now=NOW)
        due = expected(history, NOW)
        assert Counter(each.code for each in found) == due, f"seed {seed}: {history}"
        assert gate.unmet(history.policy, chance.sample(history.runs, len(history.runs)), now=NOW) == found, seed
        seen, opened = seen + due, opened + (not due)
    assert seen.keys() == ALL_CODES
    assert min(seen.values()) > 50
    assert 500 < opened < 1_500


# ----------------------------------------------------------------------------- explained and decided
@dataclass
class Scene:
    """A version in staging, in a namespace with a policy, and what was run on it."""

    version: PromptVersion
    history: History
    approvals_missing: int

    def due(self) -> Counter[str]:
        return expected(self.history, timezone.now()) + Counter(APPROVALS_MISSING=int(self.approvals_missing > 0))


HARNESSES = ["suite", "nightly", "builtin"]


def make_namespace(chance: random.Random, *, by: Actor) -> Namespace:
    terms = {"evaluation_policy": random_policy(chance, HARNESSES)}
    slug, required = f"n-{uuid.uuid4().hex[:12]}", chance.choice([0, 0, 1])
    return namespaces.create_namespace(slug, name="Any", required_approvals=required, terms=terms, by=by)


def make_scene(chance: random.Random, namespace: Namespace, *, alice: Actor, bob: Actor) -> Scene:
    """Rows as they would have become: by ORM, since what has ended long ago cannot be had by the verbs."""
    policy = namespace.policy
    runs, given = random_runs(chance, timezone.now(), HARNESSES), chance.choice([0, 1, 1])
    prompt = factories.make_prompt(namespace, by=alice)
    version = prompt.versions.get()
    promotion.set_tag(prompt, "staging", version=version, by=alice)
    if given:
        pointers.decide(version, approved=True, by=bob)
    cases = make_cases(prompt, chance.choice([0, 1, 2]))
    Evaluation.objects.bulk_create(make_row(version, each, cases) for each in runs)
    if chance.random() < 0.3:
        make_later_runs_elsewhere(chance, prompt, by=alice)
    missing = max(0, policy.required_approvals - given)
    return Scene(version, History(dict(policy.terms.evaluation_policy), runs), missing)


def make_later_runs_elsewhere(chance: random.Random, prompt: Prompt, *, by: Actor) -> None:
    """On another content of the prompt, and on the same content of another prompt: neither counts."""
    another, twin = factories.make_version(prompt, by=by), factories.make_prompt(prompt.namespace, by=by).versions.get()
    runs = [random_run(chance, timezone.now(), chance.choice(HARNESSES), place) for place in (40, 41)]
    Evaluation.objects.bulk_create([make_row(another, runs[0], ""), make_row(twin, runs[1], "")])
    assert twin.digest == prompt.versions.get(number=1).digest


def make_cases(prompt: Prompt, many: int) -> str:
    """So many test cases; returns the digest of the set, as evaluations/history.py defines it."""
    digests = [hashlib.sha256(uuid.uuid4().bytes).hexdigest() for _ in range(many)]
    TestCase.objects.bulk_create(
        TestCase(
            tenant_id=prompt.tenant_id, prompt=prompt, name=f"case {number}", assertions=[{"type": "x"}], digest=digest
        )
        for number, digest in enumerate(digests)
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def make_row(version: PromptVersion, each: Run, cases_digest: str) -> Evaluation:
    return Evaluation(
        id=each.id,
        tenant_id=version.tenant_id,
        prompt_id=version.prompt_id,
        version=version,
        digest=version.digest,
        harness=each.harness,
        kind=Evaluation.BUILT_IN if each.harness == "builtin" else Evaluation.CALLED,
        sequence=each.sequence,
        status=each.status,
        score=each.score,
        cases_digest="0" * 64 if each.is_outdated else cases_digest,
        completed_at=each.completed_at,
        due_at=None if each.completed_at else timezone.now() + dt.timedelta(days=1),
    )


def promoted(client: Client, version: PromptVersion, road: str) -> Any:
    ref = f"/prompts/{version.prompt_id}"
    match road:
        case "promote":
            return client.post(f"{ref}/promote")
        case "promote-active":
            return client.post(f"/prompts/versions/{version.pk}/promote-active")
    return client.post(f"{ref}/tags/production", {"versionId": str(version.pk)})


def assert_decided_as_explained(scene: Scene, client: Client, road: str) -> bool:
    """What is shown, what a promotion says and what the contract reads as are one; returns whether it was open."""
    due = scene.due()
    shown = json_of(client.get(f"/evaluations/versions/{scene.version.pk}/gate"))
    answer = promoted(client, scene.version, road)
    assert Counter(each["code"] for each in shown["unmet"]) == due
    assert shown["canPromote"] is (not due)
    assert shown["reason"] == (shown["unmet"][0]["message"] if due else None)
    newest = {each.harness: str(each.id) for each in sorted(scene.history.runs, key=lambda run: run.sequence)}
    assert {each["harnessId"]: each["id"] for each in shown["evaluations"]} == newest
    if due:
        assert answer.status_code == 409
        assert error_of(answer)["code"] == "PROMOTION_BLOCKED"
        assert error_of(answer)["details"]["unmet"] == shown["unmet"]
        assert not scene.version.prompt.tag_moves.filter(tag="production").exists()
        return False
    assert answer.status_code == 200
    move = scene.version.prompt.tag_moves.get(tag="production")
    assert (move.new_id, move.decision["unmet"]) == (scene.version.pk, [])
    assert move.decision["gate"]["digest"] == scene.version.digest
    assert {each["harness"]: each["id"] for each in move.decision["gate"]["runs"]} == newest
    return True


def explain_and_decide(client: Client, seeds: range, *, alice: Actor, bob: Actor, admin: Actor) -> None:
    seen, opened = Counter[str](), 0
    for seed in seeds:
        chance = random.Random(f"gate {seed}")
        if (seed - seeds.start) % 3 == 0:
            namespace = make_namespace(chance, by=admin)
        scene = make_scene(chance, namespace, alice=alice, bob=bob)
        seen += scene.due()
        road = chance.choice(["promote", "promote-active", "tags/production"])
        opened += assert_decided_as_explained(scene, client, road)
    assert seen.keys() == ALL_CODES | {"APPROVALS_MISSING"}
    assert len(seeds) / 5 < opened < len(seeds) * 4 / 5


@pytest.fixture
def as_reviewer(bob: Actor) -> Client:
    return factories.client_of(bob)


def test_what_the_gate_explains_is_what_a_promotion_decides(
    as_reviewer: Client, alice: Actor, bob: Actor, admin: Actor
) -> None:
    explain_and_decide(as_reviewer, range(60), alice=alice, bob=bob, admin=admin)


@pytest.mark.long
@pytest.mark.parametrize("start", range(1_000, 3_000, 250))
def test_what_the_gate_explains_is_what_a_promotion_decides_two_thousand_times(
    as_reviewer: Client, alice: Actor, bob: Actor, admin: Actor, start: int
) -> None:
    explain_and_decide(as_reviewer, range(start, start + 250), alice=alice, bob=bob, admin=admin)


# ----------------------------------------------------------------------------- through the API
CASE = {"name": "refund", "variables": {"issue": "a refund"}, "assertions": [{"type": "contains", "value": "refund"}]}


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support")


def shown_codes(client: Client, prompt: Prompt) -> list[str]:
    shown = json_of(client.get(f"/evaluations/versions/{prompt.head_id}/gate"))
    return [each["code"] for each in shown["unmet"]]


def ask_for(client: Client, **policy: Any) -> None:
    answer = client.put("/prompts/namespaces/default", {"evaluation_policy": policy})
    assert answer.status_code == 200, answer.content


def evaluated(client: Client, prompt: Prompt) -> None:
    answer = client.post("/evaluations/trigger", {"versionId": str(prompt.head_id), "harnessId": "builtin"})
    assert answer.status_code == 201, answer.content
    assert worker.run_due() == 1


def test_other_test_cases_make_a_pass_stale_and_the_same_again_make_it_count(as_admin: Client, prompt: Prompt) -> None:
    ask_for(as_admin, mode="require_pass", harnesses=["builtin"])
    as_admin.post("/prompts/support/tags/staging", {"versionId": str(prompt.head_id)})
    assert as_admin.post("/prompts/support/test-cases", CASE).status_code == 201
    assert shown_codes(as_admin, prompt) == ["EVALUATION_MISSING"]
    evaluated(as_admin, prompt)
    assert shown_codes(as_admin, prompt) == []
    added = json_of(as_admin.post("/prompts/support/test-cases", {**CASE, "name": "another"}))
    assert shown_codes(as_admin, prompt) == ["EVALUATION_STALE"]
    refused = error_of(as_admin.post("/prompts/support/promote"))
    assert [each["code"] for each in refused["details"]["unmet"]] == ["EVALUATION_STALE"]
    assert as_admin.delete(f"/prompts/support/test-cases/{added['id']}").status_code == 204
    assert shown_codes(as_admin, prompt) == []
    assert as_admin.post("/prompts/support/promote").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "renamed"},
        {"variables": {"issue": "a refund, please"}},
        {"assertions": [{"type": "not_contains", "value": "invoice"}]},
    ],
    ids=["its name", "its variables", "its assertions"],
)
def test_any_change_of_a_test_case_makes_a_pass_stale(
    as_admin: Client, prompt: Prompt, changes: dict[str, Any]
) -> None:
    ask_for(as_admin, mode="require_pass")
    made = json_of(as_admin.post("/prompts/support/test-cases", CASE))
    evaluated(as_admin, prompt)
    path = f"/prompts/support/test-cases/{made['id']}"
    assert as_admin.put(path, CASE).status_code == 200
    assert shown_codes(as_admin, prompt) == []
    assert as_admin.put(path, changes).status_code == 200
    assert shown_codes(as_admin, prompt) == ["EVALUATION_STALE"]


def test_other_prompts_test_cases_are_none_of_ours(as_admin: Client, prompt: Prompt, admin: Actor) -> None:
    ask_for(as_admin, mode="require_pass")
    as_admin.post("/prompts/support/test-cases", CASE)
    evaluated(as_admin, prompt)
    another = factories.make_prompt(prompt.namespace, by=admin, slug="another")
    assert as_admin.post(f"/prompts/{another.pk}/test-cases", CASE).status_code == 201
    assert shown_codes(as_admin, prompt) == []


def test_a_pass_is_too_old_when_the_policy_says_so(as_admin: Client, prompt: Prompt) -> None:
    version = prompt.versions.get()
    two_hours_ago = timezone.now() - dt.timedelta(hours=2)
    make_row(version, Run(uuid.uuid4(), "suite", 1, "passed", 1.0, two_hours_ago), "").save(force_insert=True)
    as_admin.post("/prompts/support/tags/staging", {"versionId": str(version.pk)})
    ask_for(as_admin, mode="require_pass", max_age_hours=3)
    assert shown_codes(as_admin, prompt) == []
    ask_for(as_admin, max_age_hours=1.5)
    assert shown_codes(as_admin, prompt) == ["EVALUATION_STALE"]
    assert as_admin.post("/prompts/support/promote").status_code == 409
    ask_for(as_admin, max_age_hours=None)
    assert as_admin.post("/prompts/support/promote").status_code == 200


def test_another_content_of_the_prompt_starts_anew(as_admin: Client, prompt: Prompt, admin: Actor) -> None:
    ask_for(as_admin, mode="require_pass")
    as_admin.post("/prompts/support/test-cases", CASE)
    evaluated(as_admin, prompt)
    second = factories.make_version(prompt, "Another text on a refund", by=admin)
    shown = json_of(as_admin.get(f"/evaluations/versions/{second.pk}/gate"))
    assert [each["code"] for each in shown["unmet"]] == ["EVALUATION_MISSING"]
    assert shown["evaluations"] == []


def test_an_archived_prompt_and_a_rejected_version_are_explained_as_they_are_refused(
    as_reviewer: Client, prompt: Prompt
) -> None:
    version = prompt.versions.get()
    as_reviewer.post("/prompts/support/tags/staging", {"versionId": str(version.pk)})
    assert as_reviewer.delete("/prompts/support").status_code == 200
    assert shown_codes(as_reviewer, prompt) == ["ARCHIVED"]
    assert as_reviewer.post("/prompts/support/promote").status_code == 410
    assert as_reviewer.post("/prompts/support/unarchive").status_code == 200
    rejected = as_reviewer.post(f"/prompts/versions/{version.pk}/reject", {"reason": "not this one"})
    assert rejected.status_code == 200, rejected.content
    assert shown_codes(as_reviewer, prompt) == ["REJECTED"]
    answer = as_reviewer.post(f"/prompts/versions/{version.pk}/promote-active")
    assert (answer.status_code, prompt.tag_moves.filter(tag="production").exists()) == (409, False)


def test_a_draft_has_no_gate(as_admin: Client, prompt: Prompt) -> None:
    draft = json_of(as_admin.post(f"/prompts/templates/{prompt.pk}/versions", {"body": "Not yet"}))
    answer = as_admin.get(f"/evaluations/versions/{draft['id']}/gate")
    assert (answer.status_code, error_of(answer)["code"]) == (409, "NOT_SEALED")


def test_the_gate_shows_what_the_namespace_asks_for(as_admin: Client, prompt: Prompt) -> None:
    ask_for(as_admin, mode="require_pass", threshold=0.75, harnesses=["suite", "builtin"], max_age_hours=12)
    shown = json_of(as_admin.get(f"/evaluations/versions/{prompt.head_id}/gate"))
    assert shown["policy"] == {
        "requiredApprovals": 0,
        "mode": "require_pass",
        "threshold": 0.75,
        "harnesses": ["builtin", "suite"],
        "maxAgeHours": 12,
        "autoTrigger": False,
    }


def test_another_tenant_finds_no_gate(as_eve: Client, prompt: Prompt) -> None:
    assert as_eve.get(f"/evaluations/versions/{prompt.head_id}/gate").status_code == 404
