"""What an import does with a prompt, decided from what its files say and what is there. Pure.

A plan shown and a plan carried out are the same plan: `deployments.actions.importing` does what stands in it and
nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from prompts.files.faults import shown
from prompts.files.filed import FiledCase, FiledPrompt, FiledVersion
from prompts.names import PRODUCTION, STAGING
from pvc.crypto import canonical_json

CREATE: Final = "create"
CHANGE: Final = "change"
UNCHANGED: Final = "unchanged"
REFUSED: Final = "refused"


# ----------------------------------------------------------------------------- what is there
@dataclass(frozen=True, slots=True)
class Ground:
    """A namespace: what it asks for, and what it has names for. One that is still to be made asks as new ones do."""

    required_approvals: int = 1
    allowed_tags: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Present:
    """A prompt that is there, as far as an import could touch it. Versions are known by their digests."""

    type: str
    is_archived: bool
    described: Mapping[str, Any]
    tier: str | None
    last_number: int
    numbers: Mapping[str, int]
    head: str | None
    tags: Mapping[str, str]
    #: The digests of its test cases, by name.
    cases: Mapping[str, str] = field(default_factory=dict)
    #: Those that a second person said no to, for good.
    rejected: frozenset[str] = frozenset()
    #: The number of the version in staging, if somebody else wrote it.
    others_in_staging: int | None = None


# ----------------------------------------------------------------------------- what is to be
@dataclass(frozen=True, slots=True)
class TagPlan:
    """Where a tag is to point: at the version that holds `digest`, whose number will be `to`."""

    tag: str
    digest: str
    to: int
    #: The number that it points at now.
    now_at: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with one prompt; nothing at all where it is refused."""

    filed: FiledPrompt
    is_new: bool
    #: Those that are not there yet, by rising number.
    seals: tuple[FiledVersion, ...] = ()
    #: The number here of each number in the files.
    numbers: Mapping[int, int] = field(default_factory=dict)
    described: Mapping[str, Any] = field(default_factory=dict)
    tier: str | None = None
    head: str | None = None
    tags: tuple[TagPlan, ...] = ()
    archives: bool = False
    #: The test cases that are new, or other than now.
    cases: tuple[FiledCase, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str | None = None

    @property
    def action(self) -> str:
        """In a word: create, change, unchanged or refused."""
        if self.refusal:
            return REFUSED
        return CREATE if self.is_new else CHANGE if self.does_something else UNCHANGED

    @property
    def does_something(self) -> bool:
        about_it = self.described or self.tier or self.head or self.tags or self.archives or self.cases
        return bool(self.is_new or self.seals or about_it)

    @property
    def changes(self) -> list[str]:
        """What the prompt will say of itself otherwise than now, in words."""
        named = [*self.described, *(["tier"] if self.tier else []), *(["head"] if self.head else [])]
        named += ["test cases"] if self.cases else []
        return sorted(named) + (["archived"] if self.archives else [])

    def as_dict(self) -> dict[str, Any]:
        """The plan as it is shown to scripts."""
        return {
            "prompt": self.filed.name,
            "file": shown(self.filed.file),
            "action": self.action,
            "formerly": shown(self.filed.formerly) or None,
            "versions": [self._numbered(version) for version in self.seals],
            "known": 0 if self.refusal else len(self.filed.versions) - len(self.seals),
            "tags": [{"tag": each.tag, "from": each.now_at, "to": each.to} for each in self.tags],
            "changes": self.changes,
            "notes": list(self.notes),
            "refusal": self.refusal,
        }

    def _numbered(self, version: FiledVersion) -> dict[str, int]:
        return {"file": version.number, "number": self.numbers[version.number]}


def planned(filed: FiledPrompt, ground: Ground, present: Present | None, *, scopes: frozenset[str]) -> Plan:
    """What an import by somebody with these scopes would do. Never raises: a refusal is part of the plan."""
    planning = _Planning(filed, ground, present)
    plan = planning.plan()
    refusal = planning.refusal_of(plan, scopes)
    return Plan(filed, present is None, notes=plan.notes, refusal=refusal) if refusal else plan


class _Planning:
    """One prompt's files against what is there."""

    def __init__(self, filed: FiledPrompt, ground: Ground, present: Present | None) -> None:
        self.filed = filed
        self.ground = ground
        self.present = present
        self.notes: list[str] = [*filed.notes]
        #: What another tool's file says of a prompt counts when the prompt is made.
        self.describes = present is None or not filed.is_foreign

    def plan(self) -> Plan:
        seals, by_digest = self._sealing()
        numbers = {version.number: by_digest[version.digest] for version in self.filed.versions}
        self._tell_numbers(numbers)
        if self.present and self.present.is_archived and not self.filed.archived:
            self.notes.append("It is archived here, and stays so.")
        tags = self._tag_plans(by_digest)
        return Plan(
            filed=self.filed,
            is_new=self.present is None,
            seals=seals,
            numbers=numbers,
            described=self._described(),
            tier=self._tier(),
            head=self._head(),
            tags=tags,
            archives=self.filed.archived and not (self.present and self.present.is_archived),
            cases=self._cases(),
            notes=tuple(self.notes),
        )

    # ------------------------------------------------------------------------- versions
    def _sealing(self) -> tuple[tuple[FiledVersion, ...], dict[str, int]]:
        """The versions to be made, and the number of every content, there or to be."""
        by_digest = dict(self.present.numbers) if self.present else {}
        number = self.present.last_number if self.present else 0
        seals = []
        for version in self.filed.versions:
            if version.digest not in by_digest:
                number += 1
                by_digest[version.digest] = number
                seals.append(version)
        return tuple(seals), by_digest

    def _tell_numbers(self, numbers: Mapping[int, int]) -> None:
        """Sentences on what gets another number: gaps close, and a content is sealed once."""
        first: dict[int, int] = {}
        for filed, here in numbers.items():
            if here in first:
                self.notes.append(f"Version {filed} of the files holds the same as version {first[here]}: one is kept.")
                continue
            first[here] = filed
            if filed != here:
                self.notes.append(f"Version {filed} of the files is version {here} here.")

    # ------------------------------------------------------------------------- the prompt
    def _described(self) -> dict[str, Any]:
        """What the files say otherwise than the prompt does."""
        if not self.describes:
            return {}
        now = self.present.described if self.present else {"name": self.filed.slug, **_UNSAID}
        return {
            name: value
            for name, value in self.filed.described.items()
            if canonical_json(value) != canonical_json(now[name])
        }

    def _tier(self) -> str | None:
        tier = self.filed.tier
        if tier is None or not self.describes or (self.present and self.present.tier == tier):
            return None
        if tier not in self.ground.tiers:
            self.notes.append(f"There is no budget tier “{shown(tier)}” in {self.filed.namespace}; it is left out.")
            return None
        return tier

    def _head(self) -> str | None:
        """What the prompt itself is to show, where that is something else than now."""
        if self.filed.head is None or not self.describes:
            return None
        digest = self.filed.digest_of(self.filed.head)
        return None if self.present and self.present.head == digest else digest

    def _cases(self) -> tuple[FiledCase, ...]:
        there = self.present.cases if self.present else {}
        return tuple(case for case in self.filed.cases if there.get(case.name) != case.digest)

    # ------------------------------------------------------------------------- tags
    def _tag_plans(self, by_digest: Mapping[str, int]) -> tuple[TagPlan, ...]:
        """The tags that move, production first: what goes live leaves staging, and may come back there."""
        now = self.present.tags if self.present else {}
        wanted = {tag: self.filed.digest_of(number) for tag, number in self._possible_tags().items()}
        wanted = self._through_staging(wanted, now, by_digest)
        order = sorted(wanted, key=lambda tag: (tag != PRODUCTION, tag))
        return tuple(
            TagPlan(tag, wanted[tag], by_digest[wanted[tag]], by_digest[now[tag]] if tag in now else None)
            for tag in order
            if now.get(tag) != wanted[tag]
        )

    def _possible_tags(self) -> dict[str, int]:
        """Another tool's labels without those that the namespace has no tag for."""
        if not self.filed.is_foreign:
            return dict(self.filed.tags)
        for tag in self._unknown_tags():
            self.notes.append(f"The label “{tag}” is left out: {self.filed.namespace} has no such tag.")
        return {tag: number for tag, number in self.filed.tags.items() if tag in self.ground.allowed_tags}

    def _unknown_tags(self) -> list[str]:
        return sorted(self.filed.tags.keys() - self.ground.allowed_tags)

    def _through_staging(
        self, wanted: dict[str, str], now: Mapping[str, str], by_digest: Mapping[str, int]
    ) -> dict[str, str]:
        """Where approvals are required, what would be live is tried first."""
        live = wanted.get(PRODUCTION)
        if live is None or live == now.get(PRODUCTION) or not self.ground.required_approvals:
            return wanted
        number = by_digest[live]
        told = f"production takes approvals in {self.filed.namespace}: version {number} waits for them in staging."
        if wanted.get(STAGING) not in (None, live):
            told += f" Version {by_digest[wanted[STAGING]]}, which the files have there, is not put there."
        self.notes.append(told)
        return {**{tag: digest for tag, digest in wanted.items() if tag != PRODUCTION}, STAGING: live}

    # ------------------------------------------------------------------------- refusals
    def refusal_of(self, plan: Plan, scopes: frozenset[str]) -> str | None:
        """Why nothing of this can be done, if so."""
        if self.present and self.present.type != self.filed.type:
            return f"{self.filed.name} is of type {self.present.type} here, and of type {self.filed.type} in the files."
        if self.present and self.present.is_archived and plan.does_something:
            return f"{self.filed.name} is archived here and takes nothing new; unarchive it first."
        if not self.filed.is_foreign and (unknown := self._unknown_tags()):
            return f"{self.filed.namespace} has no tag “{unknown[0]}”; list it in the namespace's custom tags first."
        return self._refusal_of_tags(plan) or self._refusal_of_rights(plan, scopes)

    def _refusal_of_tags(self, plan: Plan) -> str | None:
        rejected = self.present.rejected if self.present else frozenset()
        moves = {each.tag: each for each in plan.tags}
        for tag in (PRODUCTION, STAGING):
            if tag in moves and moves[tag].digest in rejected:
                return f"Version {moves[tag].to} was rejected, which is final; {tag} cannot be moved there."
        others = self.present.others_in_staging if self.present else None
        if STAGING in moves and others is not None and self.ground.required_approvals:
            return f"Version {others}, by somebody else, is in pre-production: wait, or have it replaced."
        return None

    def _refusal_of_rights(self, plan: Plan, scopes: frozenset[str]) -> str | None:
        """What moves or takes away production takes a right of its own, at this door as at the others."""
        if plan.cases and self.ground.required_approvals and "prompts:promote" not in scopes:
            return f"Changing test cases takes prompts:promote in {self.filed.namespace}."
        serves = self.present is not None and PRODUCTION in self.present.tags
        moves_it = any(each.tag == PRODUCTION for each in plan.tags)
        if (moves_it or (plan.archives and serves)) and "prompts:promote" not in scopes:
            what = "Moving production" if moves_it else "Archiving what is in production"
            return f"{what} takes prompts:promote."
        return None


#: What a prompt says of itself that was made without a word.
_UNSAID: Final[Mapping[str, Any]] = {"description": "", "metadata": {}, "variables_expected": []}
