"""Many at once on one prompt: one production, a history that replays, every effect written down, no ring of locks."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import pytest
from django.db import OperationalError, transaction
from django.http import HttpResponse

from audit.models import AuditEntry, OutboxEvent
from deployments.actions import promotion
from prompts.actions import namespaces
from prompts.models import Approval, Contributor, Namespace, Prompt, PromptVersion, Tag, TagMove
from prompts.names import PRODUCTION, STAGING
from pvc.answers import status_of
from pvc.errors import DomainError
from tenants.models import Actor, Tenant
from tests import factories
from tests.chaos.crowd import Crowd, deadlocks, no_deadlock
from tests.factories import Client, json_of

CLIENTS = 8
#: What each client does in a round, and how late it may begin.
CALLS, LATEST_START = 2, 0.004
REASON = "the live text insults customers"
DONE = ""


# ----------------------------------------------------------------------------- what they do
@dataclass
class Scene:
    """One prompt that everybody wants something of."""

    prompt: Prompt
    versions: list[PromptVersion]
    people: list[Actor]
    clients: list[Client]

    @property
    def path(self) -> str:
        return f"/prompts/{self.prompt.pk}"

    def revision(self, name: str) -> str | None:
        tag = Tag.objects.filter(prompt=self.prompt, name=name).first()
        return f'"{tag.revision}"' if tag else None


@dataclass
class Try:
    """One call: who, on which version, in place of which, and whether the tag's revision is named."""

    scene: Scene
    person: int
    version: PromptVersion
    other: PromptVersion
    is_careful: bool

    @property
    def by(self) -> Actor:
        return self.scene.people[self.person]

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> HttpResponse:
        return self.scene.clients[self.person].post(path, body or {}, **headers)

    def on_version(self, what: str, body: dict[str, Any] | None = None) -> HttpResponse:
        return self.post(f"/prompts/versions/{self.version.pk}/{what}", body)

    def tag(self, name: str) -> object:
        seen = self.scene.revision(name) if self.is_careful else None
        return promotion.set_tag(self.scene.prompt, name, version=self.version, if_match=seen, by=self.by)

    def post_tag(self, name: str) -> HttpResponse:
        seen = self.scene.revision(name) if self.is_careful else None
        headers = {"If_Match": seen} if seen else {}
        return self.post(f"{self.scene.path}/tags/{name}", {"versionId": str(self.version.pk)}, **headers)


class Way(NamedTuple):
    """A verb, its route, and the codes with which it may refuse here."""

    verb: Callable[[Try], object]
    route: Callable[[Try], HttpResponse]
    refusals: str


WAYS: dict[str, Way] = {
    "promote": Way(
        lambda a: promotion.promote(a.scene.prompt, by=a.by),
        lambda a: a.post(f"{a.scene.path}/promote"),
        "NO_STAGING PROMOTION_BLOCKED REJECTED",
    ),
    "promote-active": Way(
        lambda a: promotion.promote_active(a.version, by=a.by),
        lambda a: a.on_version("promote-active"),
        "PROMOTION_BLOCKED REJECTED",
    ),
    "approve": Way(
        lambda a: promotion.approve(a.version, by=a.by),
        lambda a: a.on_version("approve"),
        "NOT_PRE_PROD OWN_VERSION ALREADY_DECIDED",
    ),
    "reject": Way(
        lambda a: promotion.reject(a.version, reason="no", by=a.by),
        lambda a: a.on_version("reject", {"reason": "no"}),
        "NOT_PRE_PROD OWN_VERSION ALREADY_DECIDED",
    ),
    "rollback": Way(
        lambda a: promotion.rollback(a.scene.prompt, by=a.by),
        lambda a: a.post(f"{a.scene.path}/rollback"),
        "NO_PRODUCTION NO_PREVIOUS NOT_A_PREVIOUS_PRODUCTION",
    ),
    "rollback-to": Way(
        lambda a: promotion.rollback(a.scene.prompt, version=a.version, by=a.by),
        lambda a: a.post(f"{a.scene.path}/rollback", {"versionId": str(a.version.pk)}),
        "NO_PRODUCTION NOT_A_PREVIOUS_PRODUCTION",
    ),
    "tag-production": Way(
        lambda a: a.tag(PRODUCTION),
        lambda a: a.post_tag(PRODUCTION),
        "PROMOTION_BLOCKED REJECTED PRECONDITION_FAILED",
    ),
    "tag-staging": Way(
        lambda a: a.tag(STAGING),
        lambda a: a.post_tag(STAGING),
        "PRE_PROD_TAKEN REJECTED PRECONDITION_FAILED",
    ),
    "promote-pre-prod": Way(
        lambda a: promotion.promote_pre_prod(a.version, targets=["tester"], by=a.by),
        lambda a: a.on_version("promote-pre-prod", {"target_users": ["tester"]}),
        "PRE_PROD_TAKEN REJECTED",
    ),
    "override-pre-prod": Way(
        lambda a: promotion.override_pre_prod(a.version, expected=a.other.pk, reason="newer", by=a.by),
        lambda a: a.on_version(
            "promote-pre-prod/override", {"expected_version_id": str(a.other.pk), "reason": "newer"}
        ),
        "STALE REJECTED",
    ),
    "override": Way(
        lambda a: promotion.override(a.scene.prompt, version=a.version, reason=REASON, by=a.by),
        lambda a: a.post(f"{a.scene.path}/promote/override", {"versionId": str(a.version.pk), "reason": REASON}),
        "",
    ),
}
#: Drawn more often: what the others take away.
FREQUENT = ["approve", "approve", "approve", "promote-pre-prod", "tag-staging", "promote"]
STATUSES = {400, 409, 410, 412}


@dataclass
class Tally:
    """How every call ended, by its name; "" is a call that went through."""

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    denied: Counter[Any] = field(default_factory=Counter)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, code: str, status: int, prompt: Prompt) -> None:
        with self._guard:
            self.ends[name, code] += 1
            self.denied[prompt.pk] += status in (409, 410)

    def of(self, name: str, *, done: bool) -> int:
        return sum(many for (way, code), many in self.ends.items() if way == name and (code == DONE) is done)


def attempt(scene: Scene, tally: Tally, chance: random.Random) -> None:
    """One call, over its verb or, one in five, over its route: it goes through or is refused by its own name."""
    name = chance.choice([*WAYS, *FREQUENT])
    verb, route, refusals = WAYS[name]
    version, other = chance.choice(scene.versions[1:]), chance.choice(scene.versions)
    wanted = Try(scene, chance.randrange(len(scene.people)), version, other, is_careful=chance.random() < 0.3)
    code, status = DONE, 200
    if chance.random() < 0.2:
        answer = route(wanted)
        status = answer.status_code
        code = DONE if status in (200, 201) else json_of(answer)["error"]["code"]
    else:
        try:
            verb(wanted)
        except DomainError as refused:
            code, status = refused.code, status_of(refused)
    assert code in [DONE, *refusals.split()], f"{name} was refused with {status} {code}"
    assert status in STATUSES or code == DONE
    tally.add(name, code, status, scene.prompt)


def client_of_a_round(scene: Scene, tally: Tally, seed: str) -> None:
    chance = random.Random(seed)
    time.sleep(chance.random() * LATEST_START)
    for _ in range(CALLS):
        attempt(scene, tally, chance)


# ----------------------------------------------------------------------------- the ground
@dataclass
class Ground:
    """A tenant, its namespaces by how many approvals they require, and its people."""

    tenant: Tenant
    namespaces: list[Namespace]
    people: list[Actor]
    clients: list[Client]

    def scene(self, seed: int) -> Scene:
        """A prompt in a namespace in turn: one version live by override, the next in pre-production."""
        people = self.people
        prompt = factories.make_prompt(self.namespaces[seed % len(self.namespaces)], body="Text 1", by=people[0])
        written = [factories.make_version(prompt, f"Text {number}", by=people[number % 3]) for number in (2, 3, 4)]
        versions = [PromptVersion.objects.get(prompt=prompt, number=1), *written]
        promotion.override(prompt, version=versions[0], reason=REASON, by=people[0])
        promotion.promote_pre_prod(versions[1], targets=["tester"], by=people[0])
        return Scene(prompt, versions, people, self.clients)


@pytest.fixture
def ground(committed: None) -> Ground:
    """Its own tenant, since what is committed stays; the client once used, so that its middleware is loaded."""
    tenant = factories.make_tenant()
    people = [factories.make_actor(tenant) for _ in range(6)]
    made = [
        namespaces.create_namespace(f"n{required}", name="Any", required_approvals=required, by=people[0])
        for required in (1, 2, 0)
    ]
    clients = [factories.client_of(person) for person in people]
    assert clients[0].get("/prompts").status_code == 200
    return Ground(tenant, made, people, clients)


# ----------------------------------------------------------------------------- what must hold
def replayed(prompt: Prompt, name: str) -> list[TagMove]:
    """The tag's moves: numbered without gaps, each from where the one before led, up to where the tag is."""
    moves = list(TagMove.objects.filter(prompt=prompt, tag=name).order_by("number"))
    assert [move.number for move in moves] == list(range(1, len(moves) + 1))
    at = None
    for move in moves:
        assert move.old_id == at
        at = move.new_id
    tags = list(Tag.objects.filter(prompt=prompt, name=name))
    assert [(tag.version_id, tag.revision) for tag in tags] == ([(at, len(moves))] if at else [])
    return moves


def assert_production_was_approved(prompt: Prompt, moves: list[TagMove]) -> None:
    """Each activation spent as many approvals of that content by others as were required; each was spent once."""
    policies = list(prompt.namespace.policies.order_by("number"))
    usernames = {each.pk: each.username for each in type(prompt.versions.get(number=1).author).objects.all()}
    told = 0
    for move in moves:
        required = [policy for policy in policies if policy.created_at <= move.at][-1].required_approvals
        spent = list(Approval.objects.filter(spent_by=move))
        told += len(move.decision.get("approvals", []))
        if move.kind == "rollback":
            yeses = Approval.objects.filter(version=move.new, kind=Approval.REVIEW, approved=True, at__lte=move.at)
            valid = [each for each in yeses if each.voided_at is None or each.voided_at >= move.at]
            assert spent == []
            assert len({each.decided_by_id for each in valid}) >= required
            continue
        if move.kind == "override":
            assert [(each.kind, each.version_id) for each in spent] == [(Approval.OVERRIDE, move.new_id)]
            continue
        assert {(each.version_id, each.kind, each.approved) for each in spent} <= {(move.new_id, "review", True)}
        hands = set(Contributor.objects.filter(version=move.new).values_list("user_id", flat=True))
        people = {each.decided_by_id for each in spent}
        assert not people & hands
        assert len(people) == len(spent) >= required
        assert sorted(move.decision["approvals"]) == sorted(usernames[person] for person in people)
    assert told == Approval.objects.filter(prompt=prompt, kind=Approval.REVIEW, spent_by__isnull=False).count()


def assert_every_effect_is_written_down(prompt: Prompt, moves: list[TagMove], *, denied: int) -> None:
    """One entry a move, in its order; one a decision; one a refusal; and the events numbered without gaps."""
    entries = list(AuditEntry.objects.filter(prompt_id=prompt.pk).order_by("seq"))
    verbs = Counter(entry.verb for entry in entries)
    for name in (PRODUCTION, STAGING):
        written = [
            (entry.verb, entry.data["fromVersionId"], entry.data["toVersionId"], entry.data["kind"])
            for entry in entries
            if entry.verb in ("tag.moved", "tag.removed") and entry.data["tag"] == name
        ]
        assert written == [
            (
                "tag.moved" if move.new_id else "tag.removed",
                str(move.old_id) if move.old_id else None,
                str(move.new_id) if move.new_id else None,
                move.kind,
            )
            for move in moves
            if move.tag == name
        ]
    reviews = Approval.objects.filter(prompt=prompt, kind=Approval.REVIEW)
    kinds = Counter(move.kind for move in moves)
    assert verbs["version.approved"] == reviews.filter(approved=True).count()
    assert verbs["version.rejected"] == reviews.filter(approved=False).count() == kinds["reject"]
    assert verbs["promotion.overridden"] == kinds["override"]
    assert verbs["promotion.rolled_back"] == kinds["rollback"]
    assert sum(many for verb, many in verbs.items() if verb.endswith(".denied")) == denied
    sequences = OutboxEvent.objects.filter(prompt_id=prompt.pk).values_list("sequence", flat=True)
    assert sorted(each or 0 for each in sequences) == list(range(1, Prompt.objects.get(pk=prompt.pk).last_sequence + 1))


def assert_stands(prompt: Prompt, *, denied: int) -> None:
    moves = [move for name in (PRODUCTION, STAGING) for move in replayed(prompt, name)]
    assert_production_was_approved(prompt, [move for move in moves if move.tag == PRODUCTION])
    assert_every_effect_is_written_down(prompt, moves, denied=denied)


def assert_log_has_no_gaps(tenant: Tenant) -> None:
    entries = AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq")
    pairs = list(entries.values_list("seq", "prev_hash", "entry_hash"))
    assert [seq for seq, _, _ in pairs] == list(range(1, len(pairs) + 1))
    assert [bytes(each) for _, each, _ in pairs[1:]] == [bytes(each) for _, _, each in pairs[:-1]]


def seldom_taken(tally: Tally, *, at_least: int) -> list[str]:
    """A race in which a verb never went through, or was never refused, says nothing about it."""
    return [
        name
        for name, (_, _, refusals) in WAYS.items()
        if tally.of(name, done=True) < at_least or tally.of(name, done=False) < at_least * bool(refusals)
    ]


# ----------------------------------------------------------------------------- the races
def race(ground: Ground, *, rounds: int) -> None:
    """So many rounds, and up to as many again while chance has left a way out."""
    tally, at_least, played = Tally(), rounds // 30, 0
    with no_deadlock(), Crowd(CLIENTS) as crowd:
        for number in range(2 * rounds):
            if number >= rounds and not seldom_taken(tally, at_least=at_least):
                break
            played += 1
            scene = ground.scene(number)
            crowd.play([partial(client_of_a_round, scene, tally, f"{number}-{client}") for client in range(CLIENTS)])
            assert_stands(scene.prompt, denied=tally.denied[scene.prompt.pk])
    assert tally.ends.total() == played * CLIENTS * CALLS
    assert_log_has_no_gaps(ground.tenant)
    assert seldom_taken(tally, at_least=at_least) == [], tally.ends


@pytest.mark.full
def test_of_eight_at_once_each_goes_through_or_is_refused_by_name_and_one_history_remains(ground: Ground) -> None:
    race(ground, rounds=30)


@pytest.mark.long
def test_of_eight_at_once_the_same_holds_for_many_rounds(ground: Ground) -> None:
    race(ground, rounds=300)


@pytest.mark.full
@pytest.mark.parametrize("required", [0, 1], ids=["free", "guarded"])
def test_of_rollbacks_at_once_each_goes_from_where_the_one_before_led(ground: Ground, required: int) -> None:
    """Eight go back at once from the fourth production: three steps are there to go, and no step is skipped."""
    namespace = next(each for each in ground.namespaces if each.policy.required_approvals == required)
    tally = Tally()
    with Crowd(CLIENTS) as crowd:
        for number in range(6):
            prompt = factories.make_prompt(namespace, body="Text 1", by=ground.people[0])
            for text in range(2, 5):
                factories.make_version(prompt, f"Text {text}", by=ground.people[0])
            for version in prompt.versions.order_by("number"):
                promotion.promote_pre_prod(version, by=ground.people[0])
                promotion.approve(version, by=ground.people[1])
            scene = Scene(prompt, [], ground.people, ground.clients)

            def go_back(index: int, scene: Scene = scene) -> None:
                code, status = DONE, 200
                try:
                    promotion.rollback(scene.prompt, by=scene.people[index % 6])
                except DomainError as refused:
                    code, status = refused.code, status_of(refused)
                tally.add("rollback", code, status, scene.prompt)

            crowd.play([partial(go_back, index) for index in range(CLIENTS)])
            assert_stands(prompt, denied=0)
            steps = TagMove.objects.filter(prompt=prompt, kind="rollback").order_by("number")
            assert list(steps.values_list("old__number", "new__number")) == [(4, 3), (3, 2), (2, 1)]
            assert tally.ends == {("rollback", DONE): 3 * (number + 1), ("rollback", "NO_PREVIOUS"): 5 * (number + 1)}


# ----------------------------------------------------------------------------- mixed load
def load(ground: Ground, *, seconds: float, threads: int = 16) -> None:
    """Promotions, versions and changes of policy on a few prompts, as fast as they go."""
    scenes, tally = [ground.scene(number) for number in range(4)], Tally()
    end = time.monotonic() + seconds

    def change_policy(chance: random.Random) -> None:
        namespace = chance.choice(ground.namespaces)
        asking, agreeing = chance.sample(ground.people, 2)
        wanted = {"required_approvals": chance.choice([0, 1, 2])}
        try:
            change = namespaces.update_namespace(namespace, wanted, by=asking)
            if change is not None:
                namespaces.approve_change(change, by=agreeing)
        except (namespaces.OwnChange, namespaces.ChangeDecided):
            pass  # two asked for the same change, and it is one

    def work(index: int) -> None:
        chance = random.Random(f"load-{index}")
        while time.monotonic() < end:
            scene = chance.choice(scenes)
            kind = chance.random()
            if kind < 0.05:
                change_policy(chance)
            elif kind < 0.15:
                text = f"{index}-{chance.random()}"
                scene.versions.append(factories.make_version(scene.prompt, text, by=chance.choice(scene.people)))
            else:
                attempt(scene, tally, chance)

    with no_deadlock(), Crowd(threads) as crowd:
        crowd.play([partial(work, index) for index in range(threads)], timeout=seconds + 60)
    for scene in scenes:
        assert_stands(scene.prompt, denied=tally.denied[scene.prompt.pk])
    assert_log_has_no_gaps(ground.tenant)
    assert tally.ends.total() > seconds * 20, tally.ends.total()


@pytest.mark.full
def test_sixteen_at_work_on_a_few_prompts_never_wait_for_each_other_in_a_ring(ground: Ground) -> None:
    load(ground, seconds=5)


@pytest.mark.long
def test_sixteen_at_work_for_a_minute_never_wait_for_each_other_in_a_ring(ground: Ground) -> None:
    load(ground, seconds=60)


def test_a_ring_of_two_locks_is_counted(ground: Ground) -> None:
    """The counter that the races watch sees what they must not do."""
    prompts = [factories.make_prompt(ground.namespaces[2], by=ground.people[0]) for _ in range(2)]
    both_hold_one, broken = threading.Barrier(2), []

    def lock(first: Prompt, second: Prompt) -> None:
        try:
            with transaction.atomic():
                first.locked()
                both_hold_one.wait(30)
                second.locked()
        except OperationalError as error:
            broken.append(error)

    before = deadlocks()
    with Crowd(2) as crowd:
        crowd.play([partial(lock, *prompts), partial(lock, *reversed(prompts))])
    assert (len(broken), deadlocks()) == (1, before + 1)
