"""Verbs of pre-production: a version is tried on a few, and waits for decisions."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from uuid import UUID

from audit.unit import record, verb
from deployments.actions.promotion.ground import held, present_tag, require_never_rejected, shown
from deployments.actions.promotion.refusals import PreProdTaken, Stale
from evaluations.actions import runs as evaluations
from prompts import pointers
from prompts.actions.drafts import create_draft, seal_draft, write_draft
from prompts.actions.versions import seal_content, sealed_with
from prompts.content import Content
from prompts.content_merge import MergedContent, merge_contents
from prompts.models import Prompt, PromptVersion
from prompts.names import STAGING
from pvc.errors import Invalid, NotFound
from tenants.models import Actor

#: To how many users a pre-production version can be served.
MOST_TARGETS = 100


class Unmerged(NamedTuple):
    """A merge that people must finish: the draft with both texts, and where they contradict each other.

    Without a draft where the marked-up text is too long to be one: then nothing was written.
    """

    draft: PromptVersion | None
    merged: MergedContent


@verb(refused="promotion.requested")
def promote_pre_prod(version: PromptVersion, *, by: Actor, targets: Iterable[str] = ()) -> PromptVersion:
    """Try a version on these users, and ask for decisions on it; the actor's draft is sealed by this.

    Raises PreProdTaken while another is there; then the draft stays a draft.
    """
    _, prompt = held(version.prompt)
    version = _sealed(prompt, version, by=by)
    present = present_tag(prompt, STAGING, None)
    if present is not None and present.version_id != version.pk:
        raise PreProdTaken(present.version)
    return _request(version, prompt=prompt, replaced=None, targets=targets, reason="", by=by)


@verb(refused="promotion.requested")
def override_pre_prod(
    version: PromptVersion, *, expected: UUID, reason: str, by: Actor, targets: Iterable[str] = ()
) -> PromptVersion:
    """Put a version in the place of the one in pre-production, which the caller names: nobody's goes unseen."""
    _, prompt = held(version.prompt)
    replaced = _expected(prompt, expected)
    version = _sealed(prompt, version, by=by)
    return _request(version, prompt=prompt, replaced=replaced, targets=targets, reason=reason, by=by)


@verb(refused="promotion.requested")
def merge_pre_prod(
    version: PromptVersion, *, expected: UUID, by: Actor, targets: Iterable[str] = ()
) -> PromptVersion | Unmerged:
    """Bring a version together with the one in pre-production, by what both began with, and put the result there.

    The result is by both: nobody who had a hand in either decides on it. Where the same was changed on both sides,
    nothing moves: the marked-up text is saved in the actor's draft, which from then on starts from the other version.
    """
    _, prompt = held(version.prompt)
    theirs = _expected(prompt, expected)
    mine = _own(prompt, version, by=by)
    if mine == theirs:
        return _request(theirs, prompt=prompt, replaced=None, targets=targets, reason="", by=by)
    base = common_base(prompt, theirs, mine)
    merged = merge_contents(base.served if base else None, theirs.served, mine.served)
    if merged.content is None:
        return Unmerged(None, merged)
    if not merged.is_clean:
        return Unmerged(_marked_up(prompt, mine, theirs, merged.content, by=by), merged)
    version = _joined(prompt, mine, theirs, merged.content, by=by)
    require_never_rejected(version)
    replaced = theirs if theirs != version else None
    return _request(version, prompt=prompt, replaced=replaced, targets=targets, reason="", by=by)


# ----------------------------------------------------------------------------- of the version
def _own(prompt: Prompt, version: PromptVersion, *, by: Actor) -> PromptVersion:
    """The version as it stands now: a sealed one that was never rejected, or the actor's own draft."""
    found = prompt.versions.shown_to(by).select_related("author").filter(pk=version.pk).first()
    if found is None:
        raise NotFound("There is no such version.")
    require_never_rejected(found)
    return found


def _sealed(prompt: Prompt, version: PromptVersion, *, by: Actor) -> PromptVersion:
    """The same, and sealed by this if it is a draft."""
    found = _own(prompt, version, by=by)
    return found if found.is_sealed else seal_draft(prompt, found, by=by)


def _expected(prompt: Prompt, version_id: UUID) -> PromptVersion:
    """What is in pre-production, if it is what the caller saw. Raises Stale."""
    present = present_tag(prompt, STAGING, None)
    if present is None or present.version_id != version_id:
        raise Stale("Another version, or none, is in pre-production now. Look again, and decide again.")
    return present.version


def common_base(prompt: Prompt, one: PromptVersion, other: PromptVersion) -> PromptVersion | None:
    """The nearest version that both started from, directly or not; None where they have none in common."""
    bases = dict(prompt.versions.filter(base__isnull=False).values_list("pk", "base_id"))
    ancestors = set(_line(one.pk, bases))
    found = next((pk for pk in _line(other.pk, bases) if pk in ancestors), None)
    return prompt.versions.get(pk=found) if found else None


def _line(version_id: UUID, bases: dict[UUID, UUID]) -> Iterator[UUID]:
    present: UUID | None = version_id
    while present is not None:
        yield present
        present = bases.get(present)


# ----------------------------------------------------------------------------- of the merge
def _joined(
    prompt: Prompt, mine: PromptVersion, theirs: PromptVersion, content: Content, *, by: Actor
) -> PromptVersion:
    """The sealed version that holds the merged content: one there is, the actor's draft, or a new one."""
    twin = sealed_with(prompt, content.digest)
    if twin is not None:
        return twin
    if not mine.is_sealed:
        mine.base = theirs
        draft = write_draft(prompt, mine, content, by=by)
        draft.add_contributors_of(theirs)
        return seal_draft(prompt, draft, by=by)
    note = f"Version {mine.number} merged with version {theirs.number}"
    version = seal_content(prompt, content, metadata={}, base_id=theirs.pk, change_note=note, by=by).version
    version.add_contributors_of(theirs, mine)
    return version


def _marked_up(
    prompt: Prompt, mine: PromptVersion, theirs: PromptVersion, content: Content, *, by: Actor
) -> PromptVersion:
    """The actor's draft with the marked-up content. Raises DraftExists where another draft would be lost."""
    if mine.is_sealed:
        draft = create_draft(prompt, content, base=theirs, by=by)
    else:
        mine.base = theirs
        draft = write_draft(prompt, mine, content, by=by)
    draft.add_contributors_of(theirs, mine)
    return draft


# ----------------------------------------------------------------------------- of the request
def _request(
    version: PromptVersion,
    *,
    prompt: Prompt,
    replaced: PromptVersion | None,
    targets: Iterable[str],
    reason: str,
    by: Actor,
) -> PromptVersion:
    """Point staging at the version, aim it at its users, and say that decisions are asked for."""
    users = _checked_targets(targets)
    if not prompt.tags.filter(name=STAGING, version=version).exists():
        pointers.move(prompt, STAGING, version, kind="promote_pre_prod", reason=reason, by=by)
        evaluations.trigger_all(prompt, version, prompt.namespace.policy, by=by)
    pointers.aim(version, users, by=by)
    record(
        "promotion.requested",
        version,
        by=by,
        prompt_id=prompt.pk,
        prompt_name=prompt.full_name,
        sequence=prompt.next_sequence(),
        versionId=str(version.pk),
        number=version.number,
        digest=version.digest,
        targets=len(users),
        replaced=str(replaced.pk) if replaced else None,
        reason=reason,
    )
    return shown(version)


def _checked_targets(targets: Iterable[str]) -> list[str]:
    users = sorted(set(targets))
    if len(users) > MOST_TARGETS:
        raise Invalid.field("target_users", f"Name {MOST_TARGETS} users at most.")
    for user in users:
        if user in ("", "*") or len(user) > 200 or "\0" in user:
            raise Invalid.field("target_users", "Name each user by their exact id, 1 to 200 characters; * is none.")
    return users
