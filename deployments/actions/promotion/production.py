"""Verbs on what is live: promoted, overridden, rolled back."""

from typing import NamedTuple

from audit.unit import record, verb
from deployments import policy
from deployments.actions.promotion.activation import activate, leave_staging
from deployments.actions.promotion.ground import (
    held,
    in_production,
    present_tag,
    shown,
    version_under_lock,
)
from deployments.actions.promotion.refusals import NoPrevious, NoProduction, NoStaging, NotAPreviousProduction
from prompts import pointers
from prompts.models import Prompt, PromptVersion
from prompts.names import PRODUCTION, STAGING
from pvc.errors import Invalid
from tenants.models import Actor, NotADecider

REASON_CHARACTERS = 10


class Moved(NamedTuple):
    """Production before and after."""

    old: PromptVersion | None
    new: PromptVersion


@verb(refused="tag.moved")
def promote(prompt: Prompt, *, by: Actor, reason: str = "") -> Moved:
    """Make what is in staging live."""
    namespace, prompt = held(prompt)
    staging = present_tag(prompt, STAGING, None)
    if staging is None:
        raise NoStaging("Nothing of this prompt is in staging. Tag a version there first.")
    old = in_production(prompt)
    activate(staging.version, prompt=prompt, namespace=namespace, kind="promote", reason=reason, by=by)
    return Moved(old, staging.version)


@verb(refused="tag.moved")
def promote_active(version: PromptVersion, *, by: Actor) -> PromptVersion:
    """Make this version live, if its approvals and its gate allow it."""
    namespace, prompt = held(version.prompt)
    version = version_under_lock(prompt, version)
    if in_production(prompt) != version:
        activate(version, prompt=prompt, namespace=namespace, kind="promote", reason="", by=by)
    return shown(version)


@verb(refused="promotion.overridden")
def override(prompt: Prompt, *, version: PromptVersion, by: Actor, reason: str = "") -> Moved:
    """Make a version live without the approvals that are asked for: with a reason, and never in silence."""
    namespace, prompt = held(prompt)
    version = version_under_lock(prompt, version)
    if namespace.policy.required_approvals:
        if len(reason.strip()) < REASON_CHARACTERS:
            raise Invalid.field("reason", f"Say why, in {REASON_CHARACTERS} characters or more.")
        if not by.decides:
            raise NotADecider("Only a person of the tenant overrides; no service account and no platform staff.")
    old = in_production(prompt)
    decision = policy.decision_on(version, namespace.policy)
    pointers.move(prompt, PRODUCTION, version, kind=pointers.OVERRIDE, reason=reason, decision=decision, by=by)
    leave_staging(prompt, version, by=by)
    record(
        "promotion.overridden",
        version,
        by=by,
        prompt_id=prompt.pk,
        prompt_name=prompt.full_name,
        sequence=prompt.next_sequence(),
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
    namespace, prompt = held(prompt)
    old = in_production(prompt)
    if old is None:
        raise NoProduction("Nothing of this prompt is in production.")
    new = version_under_lock(prompt, version) if version else _previous(prompt, old)
    was_live = prompt.tag_moves.filter(tag=PRODUCTION, new=new).exists()
    approvers = policy.approvers(new, spent_too=True)
    if new == old or not was_live or len(approvers) < namespace.policy.required_approvals:
        why = "was approved and live before" if namespace.policy.required_approvals else "was live before"
        raise NotAPreviousProduction(f"Version {new.number} cannot be gone back to: only what {why} can.")
    decision = policy.decision_on(new, namespace.policy)
    pointers.move(prompt, PRODUCTION, new, kind="rollback", reason=reason, decision=decision, by=by)
    leave_staging(prompt, new, by=by)
    record(
        "promotion.rolled_back",
        new,
        by=by,
        prompt_id=prompt.pk,
        prompt_name=prompt.full_name,
        sequence=prompt.next_sequence(),
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
