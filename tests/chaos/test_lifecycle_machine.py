"""The life of a prompt's versions, in any order: after every step the rows stand where a plain model of them stands."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from deployments.actions import promotion
from prompts.actions import namespaces, prompts, versions
from prompts.content import content_of
from prompts.models import Approval, Namespace, Prompt, PromptVersion, TagMove
from prompts.names import PRODUCTION, STAGING
from pvc.errors import DomainError
from tenants import actions
from tenants.models import Actor
from tests import factories

#: Erin was brought in by alice, and bob answers for the robot.
PEOPLE = ("alice", "bob", "carol", "dave", "erin", "robot")
HANDS = {"alice": {"alice"}, "bob": {"bob"}, "robot": {"robot", "bob"}}
BROUGHT_IN = {"erin": "alice"}
REASON = "the live text insults customers"


# ----------------------------------------------------------------------------- what should happen
class Refused(Exception):
    """What the model says no to. `kept`: whether the attempt is written down."""

    def __init__(self, code: str, *, kept: bool = True) -> None:
        super().__init__(code)
        self.code = code
        self.kept = kept


@dataclass
class Decision:
    """Somebody's yes or no to a version."""

    version: int
    by: str
    yes: bool
    kind: str = Approval.REVIEW
    spent_by: int | None = None
    void: bool = False

    @property
    def is_open(self) -> bool:
        return self.spent_by is None and not self.void


class Move(NamedTuple):
    """One move of a tag, by the numbers of the versions."""

    old: int | None
    new: int | None
    kind: str


@dataclass
class Model:
    """The rules of promotion, told without a database."""

    required: int
    policies: int = 1
    is_archived: bool = False
    bodies: list[str] = field(default_factory=list)
    writers: list[str] = field(default_factory=list)
    moves: dict[str, list[Move]] = field(default_factory=lambda: {PRODUCTION: [], STAGING: []})
    decisions: list[Decision] = field(default_factory=list)
    targets: dict[int, set[str]] = field(default_factory=dict)
    #: By the number of the move: how many approvals were asked for then.
    required_at: dict[int, int] = field(default_factory=dict)
    told: int = 1
    untold: int = 0
    denied: int = 0

    def at(self, tag: str) -> int | None:
        return self.moves[tag][-1].new if self.moves[tag] else None

    def status(self, version: int) -> str:
        if self.at(PRODUCTION) == version:
            return "active"
        if self.is_rejected(version):
            return "rejected"
        return "pre_prod" if self.at(STAGING) == version else "retired"

    def is_rejected(self, version: int) -> bool:
        reviews = [each.yes for each in self.decisions if each.version == version and each.kind == Approval.REVIEW]
        return bool(reviews) and not reviews[-1]

    def hands(self, version: int) -> set[str]:
        return HANDS[self.writers[version - 1]]

    def open_yeses(self, version: int) -> list[Decision]:
        return [each for each in self.decisions if each.version == version and each.yes and each.is_open]

    # what writes
    def write(self, body: str, by: str) -> int:
        self._require_live(kept=False)
        if body not in self.bodies:
            self.bodies.append(body)
            self.writers.append(by)
            self.told += 1
        return self.bodies.index(body) + 1

    def archive(self) -> None:
        if self.is_archived:
            raise Refused("ALREADY_ARCHIVED")
        self.is_archived = True
        self.untold += 1

    def unarchive(self) -> None:
        if not self.is_archived:
            raise Refused("NOT_ARCHIVED", kept=False)
        self.is_archived = False
        self.untold += 1

    def ask_for(self, approvals: int) -> None:
        self.required = approvals
        self.policies += 1

    # pre-production
    def promote_pre_prod(self, version: int, targets: set[str]) -> None:
        self._require_live()
        self._require_never_rejected(version)
        if self.at(STAGING) not in (None, version):
            raise Refused("PRE_PROD_TAKEN")
        self._request(version, targets)

    def override_pre_prod(self, version: int, expected: int, targets: set[str]) -> None:
        self._require_live()
        if self.at(STAGING) != expected:
            raise Refused("STALE")
        self._require_never_rejected(version)
        self._request(version, targets)

    def _request(self, version: int, targets: set[str]) -> None:
        if self.at(STAGING) != version:
            self._move(STAGING, version, "promote_pre_prod")
        self.targets[version] = targets
        self.told += 1

    # decisions
    def approve(self, version: int, by: str) -> None:
        self._require_decider(version, by)
        self.decisions.append(Decision(version, by, yes=True))
        self.told += 1
        if len(self.open_yeses(version)) >= self.required:
            self._activate(version, "approve")

    def reject(self, version: int, by: str) -> None:
        self._require_decider(version, by)
        for each in self.decisions:
            each.void = each.void or (each.version == version and each.is_open)
        self.decisions.append(Decision(version, by, yes=False))
        self.told += 1
        self._move(STAGING, None, "reject")

    def _require_decider(self, version: int, by: str) -> None:
        self._require_live()
        if by == "robot":
            raise Refused("NOT_A_DECIDER")
        if {by, BROUGHT_IN.get(by)} & self.hands(version):
            raise Refused("OWN_VERSION")
        if self.at(STAGING) != version or self.at(PRODUCTION) == version:
            raise Refused("NOT_PRE_PROD")
        if any(each.version == version and each.by == by and each.is_open for each in self.decisions):
            raise Refused("ALREADY_DECIDED")

    # tags
    def tag(self, name: str, version: int, by: str) -> None:
        self._require_live()
        present = self.at(name)
        if present == version:
            return
        if name == PRODUCTION:
            self._activate(version, "set")
            return
        self._require_never_rejected(version)
        if present and self.required and self.writers[present - 1] != by:
            raise Refused("PRE_PROD_TAKEN")
        self._move(STAGING, version, "set")

    def untag(self, name: str) -> None:
        self._require_live()
        if self.at(name) is None:
            raise Refused("NOT_FOUND", kept=False)
        self._move(name, None, "remove")

    # production
    def promote(self) -> None:
        self._require_live()
        staged = self.at(STAGING)
        if staged is None:
            raise Refused("NO_STAGING", kept=False)
        self._activate(staged, "promote")

    def promote_active(self, version: int) -> None:
        self._require_live()
        if self.at(PRODUCTION) != version:
            self._activate(version, "promote")

    def override(self, version: int, by: str, reason: str) -> None:
        self._require_live()
        if self.required and len(reason) < 10:
            raise Refused("VALIDATION_ERROR", kept=False)
        if self.required and by == "robot":
            raise Refused("NOT_A_DECIDER")
        self._move(PRODUCTION, version, "override")
        if by != "robot":
            spent_by = len(self.moves[PRODUCTION])
            self.decisions.append(Decision(version, by, yes=True, kind=Approval.OVERRIDE, spent_by=spent_by))
        self._leave_staging(version)
        self.told += 1

    def roll_back(self, wanted: int | None) -> None:
        self._require_live()
        old = self.at(PRODUCTION)
        if old is None:
            raise Refused("NO_PRODUCTION", kept=False)
        new = wanted or self.previous(old)
        if new is None:
            raise Refused("NO_PREVIOUS", kept=False)
        was_live = any(move.new == new for move in self.moves[PRODUCTION])
        yeses = {
            each.by
            for each in self.decisions
            if each.version == new and each.yes and not each.void and each.kind == Approval.REVIEW
        }
        if new == old or not was_live or len(yeses) < self.required:
            raise Refused("NOT_A_PREVIOUS_PRODUCTION")
        self._move(PRODUCTION, new, "rollback")
        self._leave_staging(new)
        self.told += 1

    def previous(self, current: int) -> int | None:
        """What was live when the current version last came in, other than by a rollback; it is never itself."""
        moves = self.moves[PRODUCTION]
        arrivals = [
            number
            for number, move in enumerate(moves)
            if move.new == current and move.old != current and move.kind != "rollback"
        ]
        for move in reversed(moves[: arrivals[-1] + 1] if arrivals else moves):
            if move.old not in (None, current):
                return move.old
        return None

    def _activate(self, version: int, kind: str) -> None:
        self._require_never_rejected(version)
        yeses = self.open_yeses(version)
        if len(yeses) < self.required:
            raise Refused("PROMOTION_BLOCKED")
        if self.at(PRODUCTION) != version:
            self._move(PRODUCTION, version, kind)
            for each in yeses:
                each.spent_by = len(self.moves[PRODUCTION])
        self._leave_staging(version)

    def _leave_staging(self, version: int) -> None:
        if self.at(STAGING) == version:
            self._move(STAGING, None, "activate")

    def _move(self, tag: str, new: int | None, kind: str) -> None:
        old = self.at(tag)
        self.moves[tag].append(Move(old, new, kind))
        self.told += 1
        if tag == PRODUCTION:
            self.required_at[len(self.moves[tag])] = self.required
        if tag == STAGING and old and old != new:
            self.targets.pop(old, None)

    def _require_live(self, *, kept: bool = True) -> None:
        if self.is_archived:
            raise Refused("ARCHIVED", kept=kept)

    def _require_never_rejected(self, version: int) -> None:
        if self.is_rejected(version):
            raise Refused("REJECTED")


# ----------------------------------------------------------------------------- what stands in the database
_COUNTS = """
    SELECT (SELECT count(*) FROM audit_outboxevent WHERE prompt_id = %(prompt)s),
        (SELECT last_sequence FROM prompts_prompt WHERE id = %(prompt)s),
        (SELECT count(*) FROM audit_auditentry WHERE prompt_id = %(prompt)s AND verb NOT LIKE '%%.denied'),
        (SELECT count(*) FROM audit_auditentry WHERE prompt_id = %(prompt)s AND verb LIKE '%%.denied'),
        (SELECT count(*) FROM prompts_namespacepolicy WHERE namespace_id = %(namespace)s),
        (SELECT archived_at IS NOT NULL FROM prompts_prompt WHERE id = %(prompt)s)
"""
_TARGETS = """
    SELECT v.number, t.user_id FROM prompts_preprodtarget t JOIN prompts_promptversion v ON v.id = t.version_id
    WHERE v.prompt_id = %s
"""


@dataclass
class Seen:
    """One prompt's rows, read once after a step."""

    versions: list[PromptVersion]
    moves: list[TagMove]
    counts: tuple[Any, ...]
    targets: dict[int, set[str]]

    @classmethod
    def of(cls, prompt: Prompt) -> "Seen":
        targets: dict[int, set[str]] = {}
        with connection.cursor() as cursor:
            cursor.execute(_COUNTS, {"prompt": prompt.pk, "namespace": prompt.namespace_id})
            counts = cursor.fetchone()
            cursor.execute(_TARGETS, [prompt.pk])
            for number, user in cursor.fetchall():
                targets.setdefault(number, set()).add(user)
        versions = list(prompt.versions.with_status().order_by("number"))
        return cls(versions, list(prompt.tag_moves.order_by("tag", "number")), counts, targets)

    @property
    def approvals(self) -> list[Approval]:
        return sorted((each for version in self.versions for each in version.approvals.all()), key=lambda row: row.pk)

    def moves_of(self, tag: str) -> list[TagMove]:
        return [move for move in self.moves if move.tag == tag]


def _fixed(approval: Approval) -> tuple[Any, ...]:
    """What nobody may change about a decision."""
    return tuple(
        getattr(approval, column.attname)
        for column in Approval._meta.concrete_fields
        if column.attname not in ("spent_by_id", "voided_at")
    )


def _ends(approval: Approval) -> tuple[Any, ...]:
    return (approval.spent_by_id, approval.voided_at)


# ----------------------------------------------------------------------------- any order
WRITERS = ("alice", "bob", "robot")
DECIDERS = ("carol", "carol", "dave", "dave", "bob", "alice", "erin", "robot")
WHICH = ("staged", "staged", "staged", "live", "newest", "newest", "1", "2", "3")
USERS = (set[str](), {"tester"}, {"tester", "friend"})

#: Each rule with how often it is taken against the others, and with what; drawn evenly, since rules that are refused
#: most of the time need many tries.
RULES: dict[str, tuple[int, dict[str, Sequence[Any]]]] = {
    "write": (3, {"by": WRITERS}),
    "write_again": (2, {"which": WHICH, "by": WRITERS}),
    "promote_pre_prod": (5, {"which": WHICH[3:], "users": USERS, "by": WRITERS}),
    "override_pre_prod": (3, {"which": WHICH, "expected": WHICH, "users": USERS, "by": WRITERS}),
    "approve": (10, {"which": WHICH, "by": DECIDERS}),
    "reject": (2, {"which": WHICH, "by": DECIDERS}),
    "promote": (3, {"by": PEOPLE}),
    "promote_active": (3, {"which": WHICH, "by": PEOPLE}),
    "tag_production": (3, {"which": WHICH, "by": PEOPLE}),
    "tag_staging": (3, {"which": WHICH, "by": PEOPLE}),
    "untag_production": (2, {"by": PEOPLE}),
    "untag_staging": (2, {"by": PEOPLE}),
    "override": (3, {"which": WHICH, "by": PEOPLE, "reason": (REASON, REASON, "because")}),
    "roll_back": (4, {"by": PEOPLE}),
    "roll_back_to": (5, {"which": WHICH[3:], "by": PEOPLE}),
    "ask_for_more_approvals": (2, {}),
    "ask_for_fewer_approvals": (2, {}),
    "archive": (2, {"by": PEOPLE}),
    "unarchive": (2, {"by": PEOPLE}),
}


class Lifecycle(RuleBasedStateMachine):
    """One prompt, its versions and six people; every rule is tried on the product and on the model."""

    people: ClassVar[dict[str, Actor]]
    tried: ClassVar[Counter[str]] = Counter()
    done: ClassVar[Counter[str]] = Counter()

    prompt: Prompt
    namespace: Namespace
    seen: Seen

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(required=0)
        self.archived_for = 0
        self.kept: dict[UUID, tuple[tuple[Any, ...], tuple[Any, ...]]] = {}
        self.history: dict[UUID, tuple[int | None, ...]] = {}

    @initialize(required=st.sampled_from((1, 1, 2, 0)))
    def begin(self, required: int) -> None:
        alice = self.people["alice"]
        slug = f"n-{Namespace.objects.count()}"
        self.namespace = namespaces.create_namespace(slug, name="Any", required_approvals=required, by=alice)
        self.prompt = factories.make_prompt(self.namespace, slug="p", body="Text 0", by=alice)
        self.model.required = required
        self.model.write("Text 0", "alice")
        self.seen = Seen.of(self.prompt)
        for number in (1, 2):
            self._write(f"Text {number}", "alice")

    def _step(self, name: str, model: Callable[[], object], product: Callable[[], object]) -> None:
        """Try it on both: they agree on whether it goes, and on the word for why not."""
        expected = None
        try:
            model()
        except Refused as refused:
            expected = refused.code
            self.model.denied += refused.kept
        got = None
        try:
            product()
        except DomainError as refused:
            got = refused.code
        assert got == expected, f"{name}: {got}, but the model says {expected}"
        type(self).tried[name] += 1
        type(self).done[name] += expected is None
        self.archived_for = self.archived_for + 1 if self.model.is_archived else 0
        self.seen = Seen.of(self.prompt)

    def _number(self, which: str) -> int:
        present = {"staged": self.model.at(STAGING), "live": self.model.at(PRODUCTION), "newest": None}
        if which in present:
            return present[which] or len(self.model.bodies)
        return min(int(which), len(self.model.bodies))

    def _version(self, number: int) -> PromptVersion:
        return self.seen.versions[number - 1]

    def _write(self, body: str, by: str) -> None:
        content, actor = content_of("text", body, None, None), self.people[by]
        self._step(
            "write",
            lambda: self.model.write(body, by),
            lambda: versions.create_version(self.prompt, content, by=actor),
        )

    # ------------------------------------------------------------------------- rules
    @rule(seed=st.integers(0, 2**32 - 1))
    def anything(self, seed: int) -> None:
        """One of the rules, with arguments from its lists."""
        chance = random.Random(f"{seed}-{self.model.told}-{self.model.denied}")
        names = [name for name in RULES if self._may_be_tried(name)]
        name = chance.choices(names, [RULES[name][0] for name in names])[0]
        arguments = {key: chance.choice(values) for key, values in RULES[name][1].items()}
        note(f"{name}({arguments})")
        getattr(self, name)(**arguments)

    def _may_be_tried(self, name: str) -> bool:
        """An archived prompt refuses three steps at most before it comes back."""
        if name == "unarchive" or self.archived_for >= 3:
            return name == "unarchive" and self.model.is_archived
        if name == "ask_for_more_approvals":
            return self.model.required < 2
        return name != "ask_for_fewer_approvals" or self.model.required > 0

    def write(self, by: str) -> None:
        self._write(f"Text {len(self.model.bodies)}", by)

    def write_again(self, which: str, by: str) -> None:
        body = self.model.bodies[self._number(which) - 1]
        content, actor = content_of("text", body, None, None), self.people[by]
        numbers: list[int] = []

        def product() -> None:
            sealing = versions.create_version(self.prompt, content, by=actor)
            numbers.append(sealing.version.number)
            assert not sealing.is_new

        self._step("write_again", lambda: self.model.write(body, by), product)
        assert numbers in ([], [self._number(which)])

    def promote_pre_prod(self, which: str, users: set[str], by: str) -> None:
        number = self._number(which)
        self._step(
            "promote_pre_prod",
            lambda: self.model.promote_pre_prod(number, users),
            lambda: promotion.promote_pre_prod(self._version(number), targets=users, by=self.people[by]),
        )

    def override_pre_prod(self, which: str, expected: str, users: set[str], by: str) -> None:
        number, replaced = self._number(which), self._number(expected)
        self._step(
            "override_pre_prod",
            lambda: self.model.override_pre_prod(number, replaced, users),
            lambda: promotion.override_pre_prod(
                self._version(number),
                expected=self._version(replaced).pk,
                reason="newer",
                targets=users,
                by=self.people[by],
            ),
        )

    def approve(self, which: str, by: str) -> None:
        number = self._number(which)
        self._step(
            "approve",
            lambda: self.model.approve(number, by),
            lambda: promotion.approve(self._version(number), by=self.people[by]),
        )

    def reject(self, which: str, by: str) -> None:
        number = self._number(which)
        self._step(
            "reject",
            lambda: self.model.reject(number, by),
            lambda: promotion.reject(self._version(number), reason="no", by=self.people[by]),
        )

    def promote(self, by: str) -> None:
        self._step("promote", self.model.promote, lambda: promotion.promote(self.prompt, by=self.people[by]))

    def promote_active(self, which: str, by: str) -> None:
        number = self._number(which)
        self._step(
            "promote_active",
            lambda: self.model.promote_active(number),
            lambda: promotion.promote_active(self._version(number), by=self.people[by]),
        )

    def tag_production(self, which: str, by: str) -> None:
        self._tag(PRODUCTION, self._number(which), by)

    def tag_staging(self, which: str, by: str) -> None:
        self._tag(STAGING, self._number(which), by)

    def _tag(self, name: str, number: int, by: str) -> None:
        self._step(
            f"tag_{name}",
            lambda: self.model.tag(name, number, by),
            lambda: promotion.set_tag(self.prompt, name, version=self._version(number), by=self.people[by]),
        )

    def untag_production(self, by: str) -> None:
        self._untag(PRODUCTION, by)

    def untag_staging(self, by: str) -> None:
        self._untag(STAGING, by)

    def _untag(self, name: str, by: str) -> None:
        self._step(
            f"untag_{name}",
            lambda: self.model.untag(name),
            lambda: promotion.remove_tag(self.prompt, name, by=self.people[by]),
        )

    def override(self, which: str, by: str, reason: str) -> None:
        number = self._number(which)
        self._step(
            "override",
            lambda: self.model.override(number, by, reason),
            lambda: promotion.override(self.prompt, version=self._version(number), reason=reason, by=self.people[by]),
        )

    def roll_back(self, by: str) -> None:
        self._step(
            "roll_back",
            lambda: self.model.roll_back(None),
            lambda: promotion.rollback(self.prompt, by=self.people[by]),
        )

    def roll_back_to(self, which: str, by: str) -> None:
        number = self._number(which)
        self._step(
            "roll_back_to",
            lambda: self.model.roll_back(number),
            lambda: promotion.rollback(self.prompt, version=self._version(number), by=self.people[by]),
        )

    def ask_for_more_approvals(self) -> None:
        more = self.model.required + 1
        changes = {"required_approvals": more}
        self._step(
            "ask_for_more_approvals",
            lambda: self.model.ask_for(more),
            lambda: namespaces.update_namespace(self.namespace, changes, by=self.people["carol"]),
        )

    def ask_for_fewer_approvals(self) -> None:
        """One person asks, and cannot agree to it alone; nothing changes until another agrees."""
        fewer = self.model.required - 1
        change = namespaces.update_namespace(self.namespace, {"required_approvals": fewer}, by=self.people["carol"])
        assert change is not None
        with pytest.raises(namespaces.OwnChange):
            namespaces.approve_change(change, by=self.people["carol"])
        assert self.namespace.policy.required_approvals == self.model.required
        self._step(
            "ask_for_fewer_approvals",
            lambda: self.model.ask_for(fewer),
            lambda: namespaces.approve_change(change, by=self.people["dave"]),
        )

    def archive(self, by: str) -> None:
        self._step("archive", self.model.archive, lambda: prompts.archive_prompt(self.prompt, by=self.people[by]))

    def unarchive(self, by: str) -> None:
        self._step("unarchive", self.model.unarchive, lambda: prompts.unarchive_prompt(self.prompt, by=self.people[by]))

    # ------------------------------------------------------------------------- what always holds
    @invariant()
    def everything_stands_as_it_should(self) -> None:
        self.the_versions_are_those_written()
        self.every_status_is_as_derived()
        self.tags_stand_where_their_history_ends()
        self.a_move_is_never_edited()
        self.production_was_approved_by_others_when_it_came()
        self.a_decision_changes_only_by_its_end()
        self.decisions_are_open_spent_or_void_as_they_should_be()
        self.only_what_is_in_pre_production_is_aimed()
        self.every_effect_is_written_down_once_and_every_refusal()

    def the_versions_are_those_written(self) -> None:
        numbers = list(range(1, len(self.model.bodies) + 1))
        assert [each.number for each in self.seen.versions] == numbers
        assert [each.body for each in self.seen.versions] == self.model.bodies

    def every_status_is_as_derived(self) -> None:
        assert [each.status for each in self.seen.versions] == [
            self.model.status(number) for number in range(1, len(self.model.bodies) + 1)
        ]

    def tags_stand_where_their_history_ends(self) -> None:
        numbers = {each.pk: each.number for each in self.seen.versions}
        standing = {(tag.name, each.number) for each in self.seen.versions for tag in each.tags.all()}
        assert len([name for name, _ in standing if name == PRODUCTION]) <= 1
        for name in (PRODUCTION, STAGING):
            moves = self.seen.moves_of(name)
            assert [move.number for move in moves] == list(range(1, len(moves) + 1))
            at = None
            for move in moves:
                assert move.old_id == at
                at = move.new_id
            assert {number for tag, number in standing if tag == name} == ({numbers[at]} if at else set())
            told = [Move(numbers.get(move.old_id), numbers.get(move.new_id), move.kind) for move in moves]  # type: ignore[arg-type]  # None is no version
            assert told == self.model.moves[name]

    def a_move_is_never_edited(self) -> None:
        present = {move.pk: (move.number, move.old_id, move.new_id, move.kind) for move in self.seen.moves}
        assert self.history.items() <= present.items()
        self.history = present  # type: ignore[assignment]  # ids

    def production_was_approved_by_others_when_it_came(self) -> None:
        """By as many as were asked for then, for this content, by people with no hand in it."""
        by_move: dict[UUID, list[Approval]] = {}
        for each in self.seen.approvals:
            if each.spent_by_id:
                by_move.setdefault(each.spent_by_id, []).append(each)
        versions = {each.pk: each for each in self.seen.versions}
        for move in self.seen.moves_of(PRODUCTION):
            spent = by_move.pop(move.pk, [])
            if move.new_id is None or move.kind in ("override", "rollback"):
                assert {each.kind for each in spent} <= {Approval.OVERRIDE}
                continue
            version = versions[move.new_id]
            hands = {self.people[name].author.pk for name in self.model.hands(version.number)}
            assert {(each.version_id, each.digest) for each in spent} <= {(version.pk, version.digest)}
            assert {(each.kind, each.approved) for each in spent} <= {(Approval.REVIEW, True)}
            people = {each.decided_by_id for each in spent}
            assert not people & hands
            assert len(people) == len(spent) >= self.model.required_at[move.number]
            names = {actor.author.pk: actor.name for actor in self.people.values()}
            assert sorted(move.decision["approvals"]) == sorted(names[person] for person in people)
        assert by_move == {}

    def a_decision_changes_only_by_its_end(self) -> None:
        present = {each.pk: (_fixed(each), _ends(each)) for each in self.seen.approvals}
        for pk, (fixed, ends) in self.kept.items():
            assert present[pk][0] == fixed
            assert present[pk][1] == ends or ends == (None, None)
        self.kept = present

    def decisions_are_open_spent_or_void_as_they_should_be(self) -> None:
        names = {self.people[name].author.pk: name for name in PEOPLE}
        numbers = {each.pk: each.number for each in self.seen.versions}
        moves = {move.pk: move.number for move in self.seen.moves}
        assert [
            Decision(
                version=numbers[each.version_id],
                by=names[each.decided_by_id],
                yes=each.approved,
                kind=each.kind,
                spent_by=moves[each.spent_by_id] if each.spent_by_id else None,
                void=each.voided_at is not None,
            )
            for each in self.seen.approvals
        ] == self.model.decisions

    def only_what_is_in_pre_production_is_aimed(self) -> None:
        assert self.seen.targets == {number: users for number, users in self.model.targets.items() if users}

    def every_effect_is_written_down_once_and_every_refusal(self) -> None:
        """A refused step writes its refusal and nothing else."""
        model = self.model
        assert self.seen.counts == (
            model.told,
            model.told,
            model.told + model.untold,
            model.denied,
            model.policies,
            model.is_archived,
        )


# ----------------------------------------------------------------------------- the runs
@pytest.fixture
def machine(committed: None) -> type[Lifecycle]:
    """The machine, with people of a tenant of its own."""
    tenant = factories.make_tenant()
    people = {name: factories.make_actor(tenant) for name in ("alice", "bob", "carol", "dave")}
    everything, operator = ("Administrator",), Actor.command(tenant)
    owner = people["bob"].author
    made = {
        "erin": actions.create_user(f"erin-{tenant.slug}", groups=everything, by=people["alice"]),
        "robot": actions.create_user(f"robot-{tenant.slug}", groups=everything, service_owner=owner, by=operator),
    }
    for name, user in made.items():
        key = factories.make_key(user).row
        people[name] = Actor(tenant, user, f"key:{key.key_id}", people["alice"].scopes, key)

    class Fresh(Lifecycle):
        """With counters of its own."""

        tried = Counter()
        done = Counter()

    Fresh.people = people
    return Fresh


def run(machine: type[Lifecycle], *, examples: int, at_least: int) -> None:
    """So many lives of 40 steps; a rule that hardly ever came up, or never went through, would prove nothing."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
        ),
    )
    assert len(machine.tried) == 19
    assert min(machine.tried.values()) >= at_least, machine.tried
    assert min(machine.done[name] for name in machine.tried) >= at_least // 10, machine.done


@pytest.mark.full
def test_whatever_is_done_in_whatever_order_the_product_does_as_the_model(machine: type[Lifecycle]) -> None:
    run(machine, examples=30, at_least=8)


@pytest.mark.long
def test_whatever_is_done_in_whatever_order_the_product_does_as_the_model_at_length(machine: type[Lifecycle]) -> None:
    run(machine, examples=200, at_least=50)
