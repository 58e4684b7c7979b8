"""The rows of the form in which a prompt's traffic is split: as they are kept, or as they were sent and refused."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Q
from django.http import QueryDict

from deployments import policy
from deployments.models import Variant
from deployments.models.experiments import MOST_VARIANTS, WHOLE
from prompts.models import Prompt, PromptVersion
from prompts.names import PRODUCTION, STAGING

#: How many of the newest versions a row can be filled with; the API takes any.
MOST_OFFERED: Final = 50
#: Empty rows under those that are filled.
ROOM: Final = 2


@dataclass
class Row:
    """A version and its weight, as text: it may be none."""

    version_id: str = ""
    weight: str = ""
    is_control: bool = False
    is_left_out: bool = False
    #: The version's number where the row stands for a variant that there is; else the version is chosen.
    number: int | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def is_meant(self) -> bool:
        """Whether it says anything."""
        return not self.is_left_out and bool(self.version_id or self.weight)

    @property
    def share(self) -> int | str:
        """The weight as the form of the verb takes it; what is no number is refused there."""
        return int(self.weight) if re.fullmatch(r"[0-9]{1,4}", self.weight) else self.weight


class Candidate(NamedTuple):
    """A version that could take part, and what the policy still asks of it."""

    version: PromptVersion
    unmet: list[dict[str, Any]]

    @property
    def missing(self) -> str:
        return " ".join(str(each["message"]) for each in self.unmet)


def candidates(prompt: Prompt, variants: Collection[Variant] = ()) -> list[Candidate]:
    """The newest versions of a prompt, what is live or in pre-production, and those of these variants; newest first."""
    newest = prompt.versions.sealed().order_by("-number").values_list("pk", flat=True)[:MOST_OFFERED]
    chosen = {*newest, *(each.version_id for each in variants)}
    versions = prompt.versions.sealed().filter(
        Q(pk__in=chosen) | Q(pk__in=prompt.tags.filter(name__in=(PRODUCTION, STAGING)).values("version"))
    )
    found = list(versions.with_status().defer("body", "variables", "config").order_by("-number"))
    missing = policy.unmet_in_split(found, prompt.namespace.policy)
    return [Candidate(version, missing[version.pk]) for version in found]


# ----------------------------------------------------------------------------- rows
def rows_of(variants: Iterable[Variant]) -> list[Row]:
    """The variants that there are."""
    return [
        Row(str(each.version_id), str(each.weight), each.is_control, number=each.version.number) for each in variants
    ]


def first_rows(offered: Iterable[Candidate]) -> list[Row]:
    """What a new deployment may begin with: all for what is live, and nothing yet for what may follow it."""
    by_tag = {tag: each.version for each in offered for tag in each.version.tag_names}
    live, trial = by_tag.get(PRODUCTION), by_tag.get(STAGING)
    rows = [Row(str(live.pk), str(WHOLE), is_control=True)] if live else [Row(is_control=True)]
    return [*rows, Row(str(trial.pk), "0")] if trial and trial != live else rows


def sent_rows(sent: QueryDict, variants: Iterable[Variant] = ()) -> list[Row]:
    """What a form says of its rows."""
    numbers = {str(each.version_id): each.version.number for each in variants}
    control, left_out = sent.get("control", ""), sent.getlist("left-out")
    pairs = zip(sent.getlist("versionId"), sent.getlist("weight"), strict=False)
    return [
        Row(version.strip(), weight.strip(), str(place) == control, str(place) in left_out, numbers.get(version))
        for place, (version, weight) in enumerate(pairs)
    ][: MOST_VARIANTS + ROOM]


def variants_in(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """What the rows say, as the API's forms take it."""
    return [
        {"versionId": each.version_id, "weight": each.share, "isControl": each.is_control}
        for each in rows
        if each.is_meant
    ]


def with_faults(rows: Sequence[Row], faults: Mapping[str, Sequence[str]]) -> Sequence[Row]:
    """The rows, each with what is wrong with it."""
    meant = [each for each in rows if each.is_meant]
    for path, told in faults.items():
        place = re.match(r"variants\[(\d+)\]", path)
        if place and int(place[1]) < len(meant):
            meant[int(place[1])].faults += told
    return rows


def with_room(rows: Sequence[Row]) -> list[Row]:
    """The rows and some empty ones under them."""
    filled = [each for each in rows if each.number is not None or each.version_id or each.weight]
    filled = filled or list(rows[:1])
    return [*filled, *(Row() for _ in range(min(ROOM, MOST_VARIANTS - len(filled))))]


def sum_of(rows: Iterable[Row]) -> int:
    """What the weights sum to so far."""
    return sum(each.share for each in rows if each.is_meant and isinstance(each.share, int))


def version_ids(rows: Iterable[Row]) -> set[UUID]:
    """The versions of rows that cannot be chosen again."""
    return {UUID(each.version_id) for each in rows if each.number is not None}
