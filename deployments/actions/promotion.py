"""The policy of serving: every verb that moves or removes a tag, or records a decision.

Whatever asks the policy's questions on its way to production crosses `_activate`. Override and rollback are verbs of
their own, with a right, a reason and an audit verb of their own. Deciders hold the namespace's row, so that no policy
changes between the question and the move; the database asks the same once more (migration prompts 0004).
"""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from audit.unit import record, verb
from deployments import policy
from prompts import pointers
from prompts.models import Namespace, Prompt, PromptVersion, Tag
from prompts.names import PRODUCTION, STAGING
from pvc import answers
from pvc.errors import Conflict, Invalid, NotFound, PreconditionFailed
from tenants.models import Actor, NotADecider

#: To how many users a pre-production version can be served.
MOST_TARGETS = 100
REASON_CHARACTERS = 10


class UnknownTag(Invalid):
    code = "UNKNOWN_TAG"


class NoStaging(Invalid):
    code = "NO_STAGING"


class NoProduction(Invalid):
    code = "NO_PRODUCTION"


class NoPrevious(Invalid):
    code = "NO_PREVIOUS"


class NotSealed(Conflict):
    code = "NOT_SEALED"


class NotPreProd(Conflict):
    code = "NOT_PRE_PROD"


class VersionRejected(Conflict):
    code = "REJECTED"


class OwnVersion(Conflict):
    code = "OWN_VERSION"


class AlreadyDecided(Conflict):
    code = "ALREADY_DECIDED"


class DigestMismatch(Conflict):
    code = "DIGEST_MISMATCH"


class Stale(Conflict):
    code = "STALE"


class NotAPreviousProduction(Conflict):
    code = "NOT_A_PREVIOUS_PRODUCTION"


class PromotionBlocked(Conflict):
    code = "PROMOTION_BLOCKED"


class PreProdTaken(Conflict):
    """Another version is in pre-production; the answer shows which (contract 4)."""

    code = "PRE_PROD_TAKEN"

    def __init__(self, present: PromptVersion) -> None:
        super().__init__(f"Version {present.number} is in pre-production already. Replace it by its id, or wait.")
        self.beside = {
            "conflict": True,
            "existing_pre_prod": {
                "version_id": str(present.pk),
                "version_number": present.number,
                "author_id": present.author.username,
                "body": present.content,
                "created_at": answers.moment(present.created_at),
            },
            "options": ["override", "merge"],
        }


class Decided(NamedTuple):
    """A version after a decision: whether production follows it now, and what still stands in the way."""

    version: PromptVersion
    activated: bool
    unmet: list[dict[str, Any]]


class Moved(NamedTuple):
    """Production before and after."""

    old: PromptVersion | None
    new: PromptVersion


# ----------------------------------------------------------------------------- tags
@verb(refused="tag.moved")
def set_tag(
    prompt: Prompt, name: str, *, version: PromptVersion, by: Actor, reason: str = "", if_match: str | None = None
) -> Tag:
    """Point a tag at a sealed version. Production asks the same questions as every other road to it."""
    namespace, prompt = _held(prompt)
    if not namespace.allows_tag(name):
        raise UnknownTag(f"“{name}” is no tag of the namespace {namespace.slug}. A custom tag is listed there first.")
    version = _version_under_lock(prompt, version)
    present = _present_tag(prompt, name, if_match)
    if present is None and if_match is not None:
        raise PreconditionFailed(f"The tag “{name}” is not set any more. Read it again.")
    if present is not None and present.version_id == version.pk:
        return present
    if name == STAGING:
        _require_never_rejected(version)
        _require_free_staging(present, namespace=namespace, by=by)
    if name == PRODUCTION:
        return _activate(version, prompt=prompt, namespace=namespace, kind="set", reason=reason, by=by)
    return _pointed(pointers.move(prompt, name, version, kind="set", reason=reason, by=by))


@verb(refused="tag.removed")
def remove_tag(prompt: Prompt, name: str, *, by: Actor, reason: str = "", if_match: str | None = None) -> None:
    """Take a tag away. Without production nothing is served."""
    prompt = prompt.locked()
    prompt.require_live()
    if _present_tag(prompt, name, if_match) is None:
        raise NotFound(f"This prompt has no tag “{name}”.")
    pointers.move(prompt, name, None, kind="remove", reason=reason, by=by)


# ----------------------------------------------------------------------------- pre-production
@verb(refused="promotion.requested")
def promote_pre_prod(version: PromptVersion, *, by: Actor, targets: Iterable[str] = ()) -> PromptVersion:
    """Try a sealed version on these users, and ask for decisions on it. Raises PreProdTaken while another is there."""
    _, prompt = _held(version.prompt)
    version = _version_under_lock(prompt, version)
    _require_never_rejected(version)
    present = _present_tag(prompt, STAGING, None)
    if present is not None and present.version_id != version.pk:
        raise PreProdTaken(present.version)
    return _request(version, prompt=prompt, replaced=None, targets=targets, reason="", by=by)


@verb(refused="promotion.requested")
def override_pre_prod(
    version: PromptVersion, *, expected: UUID, reason: str, by: Actor, targets: Iterable[str] = ()
) -> PromptVersion:
    """Put a version in the place of the one in pre-production, which the caller names: nobody's goes unseen."""
    _, prompt = _held(version.prompt)
    version = _version_under_lock(prompt, version)
    _require_never_rejected(version)
    present = _present_tag(prompt, STAGING, None)
    if present is None or present.version_id != expected:
        raise Stale("Another version, or none, is in pre-production now. Look again, and decide again.")
    return _request(version, prompt=prompt, replaced=present.version, targets=targets, reason=reason, by=by)


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
    pointers.aim(version, users, by=by)
    record(
        "promotion.requested",
        version,
        by=by,
        prompt_id=prompt.pk,
        sequence=_next_sequence(prompt),
        versionId=str(version.pk),
        number=version.number,
        digest=version.digest,
        targets=len(users),
        replaced=str(replaced.pk) if replaced else None,
        reason=reason,
    )
    return _shown(version)


def _checked_targets(targets: Iterable[str]) -> list[str]:
    users = sorted(set(targets))
    if len(users) > MOST_TARGETS:
        raise Invalid.field("target_users", f"Name {MOST_TARGETS} users at most.")
    for user in users:
        if user in ("", "*") or len(user) > 200 or "\0" in user:
            raise Invalid.field("target_users", "Name each user by their exact id, 1 to 200 characters; * is none.")
    return users


# ----------------------------------------------------------------------------- decisions
@verb(refused="version.approved")
def approve(version: PromptVersion, *, by: Actor, comment: str = "", digest: str | None = None) -> Decided:
    """A second pair of eyes says yes to this content; production follows when enough have and the gate is open."""
    namespace, prompt = _held(version.prompt)
    version = _decidable(version, prompt=prompt, by=by)
    if digest is not None and digest != version.digest:
        raise DigestMismatch(f"Version {version.number} has another content than the one you looked at.")
    pointers.decide(version, approved=True, comment=comment, by=by)
    unmet = policy.unmet_of(version, namespace.policy)
    record(
        "version.approved",
        version,
        by=by,
        prompt_id=prompt.pk,
        sequence=_next_sequence(prompt),
        versionId=str(version.pk),
        number=version.number,
        digest=version.digest,
        comment=comment,
        activated=not unmet,
    )
    if not unmet:
        _activate(version, prompt=prompt, namespace=namespace, kind="approve", reason=comment, by=by)
    return Decided(_shown(version), not unmet, unmet)


@verb(refused="version.rejected")
def reject(version: PromptVersion, *, by: Actor, reason: str) -> PromptVersion:
    """A second pair of eyes says no: final for this version. Its approvals are void, and pre-production is free."""
    _, prompt = _held(version.prompt)
    version = _decidable(version, prompt=prompt, by=by)
    pointers.decide(version, approved=False, comment=reason, by=by)
    record(
        "version.rejected",
        version,
        by=by,
        prompt_id=prompt.pk,
        sequence=_next_sequence(prompt),
        versionId=str(version.pk),
        number=version.number,
        digest=version.digest,
        reason=reason,
    )
    pointers.move(prompt, STAGING, None, kind="reject", reason=reason, by=by)
    return _shown(version)


def _decidable(version: PromptVersion, *, prompt: Prompt, by: Actor) -> PromptVersion:
    """The version under its lock, if this actor may decide on it now."""
    version = _version_under_lock(prompt, version)
    user = by.author
    if not by.decides:
        raise NotADecider("Only active people of the tenant decide: no service account and no platform staff.")
    contributors = set(version.contributors.values_list("user_id", flat=True))
    if user.pk in contributors:
        raise OwnVersion("Whoever had a hand in a version cannot decide on it.")
    if user.created_by_id in contributors:
        raise OwnVersion("Somebody whom a contributor of this version brought in cannot decide on it.")
    tags = set(prompt.tags.filter(version=version).values_list("name", flat=True))
    if STAGING not in tags or PRODUCTION in tags:
        raise NotPreProd(f"Version {version.number} is not in pre-production; only what is can be decided on.")
    if version.approvals.open().filter(decided_by=user).exists():
        raise AlreadyDecided("You have decided on this version already.")
    return version


def _next_sequence(prompt: Prompt) -> int:
    """The number of the *locked* prompt's next public event."""
    sequence = prompt.take_sequence()
    prompt.save(update_fields=["last_sequence"])
    return sequence


# ----------------------------------------------------------------------------- production
@verb(refused="tag.moved")
def promote(prompt: Prompt, *, by: Actor, reason: str = "") -> Moved:
    """Make what is in staging live."""
    namespace, prompt = _held(prompt)
    staging = _present_tag(prompt, STAGING, None)
    if staging is None:
        raise NoStaging("Nothing of this prompt is in staging. Tag a version there first.")
    old = _in_production(prompt)
    _activate(staging.version, prompt=prompt, namespace=namespace, kind="promote", reason=reason, by=by)
    return Moved(old, staging.version)


@verb(refused="tag.moved")
def promote_active(version: PromptVersion, *, by: Actor) -> PromptVersion:
    """Make this version live, if its approvals and its gate allow it."""
    namespace, prompt = _held(version.prompt)
    version = _version_under_lock(prompt, version)
    if _in_production(prompt) != version:
        _activate(version, prompt=prompt, namespace=namespace, kind="promote", reason="", by=by)
    return _shown(version)


@verb(refused="promotion.overridden")
def override(prompt: Prompt, *, version: PromptVersion, by: Actor, reason: str = "") -> Moved:
    """Make a version live without the approvals that are asked for: with a reason, and never in silence."""
    namespace, prompt = _held(prompt)
    version = _version_under_lock(prompt, version)
    if namespace.policy.required_approvals:
        if len(reason.strip()) < REASON_CHARACTERS:
            raise Invalid.field("reason", f"Say why, in {REASON_CHARACTERS} characters or more.")
        if not by.decides:
            raise NotADecider("Only a person of the tenant overrides; no service account and no platform staff.")
    old = _in_production(prompt)
    pointers.move(prompt, PRODUCTION, version, kind=pointers.OVERRIDE, reason=reason, by=by)
    _leave_staging(prompt, version, by=by)
    record(
        "promotion.overridden",
        version,
        by=by,
        prompt_id=prompt.pk,
        sequence=_next_sequence(prompt),
        fromNumber=old.number if old else None,
        versionId=str(version.pk),
        number=version.number,
        digest=version.digest,
        reason=reason,
    )
    return Moved(old, version)


@verb(refused="promotion.rolled_back")
def rollback(prompt: Prompt, *, by: Actor, version: PromptVersion | None = None, reason: str = "") -> Moved:
    """Make live again what was live before, or an earlier production that is named."""
    namespace, prompt = _held(prompt)
    old = _in_production(prompt)
    if old is None:
        raise NoProduction("Nothing of this prompt is in production.")
    new = _version_under_lock(prompt, version) if version else _previous(prompt, old)
    was_live = prompt.tag_moves.filter(tag=PRODUCTION, new=new).exists()
    approvers = policy.approvers(new, spent_too=True)
    if new == old or not was_live or len(approvers) < namespace.policy.required_approvals:
        why = "was approved and live before" if namespace.policy.required_approvals else "was live before"
        raise NotAPreviousProduction(f"Version {new.number} cannot be gone back to: only what {why} can.")
    pointers.move(prompt, PRODUCTION, new, kind="rollback", reason=reason, by=by)
    _leave_staging(prompt, new, by=by)
    record(
        "promotion.rolled_back",
        new,
        by=by,
        prompt_id=prompt.pk,
        sequence=_next_sequence(prompt),
        fromNumber=old.number,
        versionId=str(new.pk),
        number=new.number,
        digest=new.digest,
    )
    return Moved(old, new)


def _previous(prompt: Prompt, current: PromptVersion) -> PromptVersion:
    """What production was before the current version came in by other ways than a rollback."""
    arrivals = prompt.tag_moves.filter(tag=PRODUCTION, new=current).exclude(kind="rollback").exclude(old=current)
    arrived = arrivals.order_by("-number").first()
    before = prompt.tag_moves.filter(tag=PRODUCTION, old__isnull=False)
    if arrived is not None and arrived.old is not None:
        return arrived.old
    if arrived is not None:
        before = before.filter(number__lt=arrived.number)
    last = before.exclude(old=current).order_by("-number").first()
    if last is None or last.old is None:
        raise NoPrevious("Nothing was in production before.")
    return last.old


def _activate(
    version: PromptVersion, *, prompt: Prompt, namespace: Namespace, kind: str, reason: str, by: Actor
) -> Tag:
    """The one road to production: the policy's questions, then the move; staging has done its work."""
    _require_never_rejected(version)
    if unmet := policy.unmet_of(version, namespace.policy):
        raise PromotionBlocked(f"{unmet[0]['message']} Nothing was changed.", unmet=unmet)
    present = _present_tag(prompt, PRODUCTION, None)
    if present is not None and present.version_id == version.pk:
        _leave_staging(prompt, version, by=by)
        return present
    spent = list(version.approvals.open().approving())
    decision = {"unmet": [], "approvals": [each.decided_by.username for each in spent]}
    tag = _pointed(
        pointers.move(prompt, PRODUCTION, version, kind=kind, reason=reason, decision=decision, spends=spent, by=by)
    )
    _leave_staging(prompt, version, by=by)
    return tag


def _leave_staging(prompt: Prompt, version: PromptVersion, *, by: Actor) -> None:
    """What is live is tried no longer."""
    if prompt.tags.filter(name=STAGING, version=version).exists():
        pointers.move(prompt, STAGING, None, kind="activate", by=by)


# ----------------------------------------------------------------------------- under the lock
def _held(prompt: Prompt) -> tuple[Namespace, Prompt]:
    """The namespace held against changes of its policy, and the prompt under its lock. Raises PromptArchived."""
    namespace = prompt.namespace.locked_for_decision()
    prompt = prompt.locked()
    prompt.require_live()
    return namespace, prompt


def _version_under_lock(prompt: Prompt, version: PromptVersion) -> PromptVersion:
    """The version as it stands now. Raises NotFound for another prompt's, NotSealed for a draft."""
    found = prompt.versions.select_related("author").filter(pk=version.pk).first()
    if found is None:
        raise NotFound("There is no such version of this prompt.")
    if not found.is_sealed:
        raise NotSealed(f"Version {found.number} is a draft; a tag points at sealed versions only.")
    return found


def _require_never_rejected(version: PromptVersion) -> None:
    if version.is_rejected:
        raise VersionRejected(f"Version {version.number} was rejected, which is final. Write a new one.")


def _require_free_staging(present: Tag | None, *, namespace: Namespace, by: Actor) -> None:
    """Where approvals are required, nobody takes another author's version out of pre-production."""
    if present and namespace.policy.required_approvals and present.version.author_id != by.author.pk:
        raise PreProdTaken(present.version)


def _present_tag(prompt: Prompt, name: str, if_match: str | None) -> Tag | None:
    """The tag as it stands under the lock. Raises PreconditionFailed when the caller saw another."""
    tag = prompt.tags.select_related("version", "version__author").filter(name=name).first()
    if tag is not None:
        tag.require_revision(if_match)
    return tag


def _in_production(prompt: Prompt) -> PromptVersion | None:
    return prompt.versions.filter(tags__prompt=prompt, tags__name=PRODUCTION).first()


def _shown(version: PromptVersion) -> PromptVersion:
    """The version with what its status is read from, as it is now."""
    return PromptVersion.objects.with_status().get(pk=version.pk)


def _pointed(tag: Tag | None) -> Tag:
    assert tag is not None  # a move to a version leaves a tag
    return tag
