"""Verbs of the second pair of eyes: yes and no to a version in pre-production."""

from typing import Any, NamedTuple

from audit.unit import record, verb
from deployments import policy
from deployments.actions.promotion.activation import activate
from deployments.actions.promotion.ground import held, shown, version_under_lock
from deployments.actions.promotion.refusals import AlreadyDecided, DigestMismatch, NotPreProd, OwnVersion
from prompts import pointers
from prompts.models import Prompt, PromptVersion
from prompts.names import PRODUCTION, STAGING
from tenants.models import Actor, NotADecider


class Decided(NamedTuple):
    """A version after a decision: whether production follows it now, and what still stands in the way."""

    version: PromptVersion
    activated: bool
    unmet: list[dict[str, Any]]


@verb(refused="version.approved")
def approve(version: PromptVersion, *, by: Actor, comment: str = "", digest: str | None = None) -> Decided:
    """A second pair of eyes says yes to this content; production follows when enough have and the gate is open."""
    namespace, prompt = held(version.prompt)
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
        prompt_name=prompt.full_name,
        sequence=prompt.next_sequence(),
        versionId=str(version.pk),
        number=version.number,
        digest=version.digest,
        comment=comment,
        activated=not unmet,
    )
    if not unmet:
        activate(version, prompt=prompt, namespace=namespace, kind="approve", reason=comment, by=by)
    return Decided(shown(version), not unmet, unmet)


@verb(refused="version.rejected")
def reject(version: PromptVersion, *, by: Actor, reason: str) -> PromptVersion:
    """A second pair of eyes says no: final for this version. Its approvals are void, and pre-production is free."""
    _, prompt = held(version.prompt)
    version = _decidable(version, prompt=prompt, by=by)
    pointers.decide(version, approved=False, comment=reason, by=by)
    record(
        "version.rejected",
        version,
        by=by,
        prompt_id=prompt.pk,
        prompt_name=prompt.full_name,
        sequence=prompt.next_sequence(),
        versionId=str(version.pk),
        number=version.number,
        digest=version.digest,
        reason=reason,
    )
    pointers.move(prompt, STAGING, None, kind="reject", reason=reason, by=by)
    return shown(version)


def _decidable(version: PromptVersion, *, prompt: Prompt, by: Actor) -> PromptVersion:
    """The version under its lock, if this actor may decide on it now."""
    version = version_under_lock(prompt, version)
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
