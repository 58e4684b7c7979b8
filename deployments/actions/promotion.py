"""The policy of serving: every verb that moves or removes a tag. All roads to production cross `_activate`."""

from typing import Any

from audit.unit import verb
from prompts import pointers
from prompts.models import Namespace, Prompt, PromptVersion, Tag
from prompts.names import PRODUCTION, STAGING
from pvc.errors import Conflict, Invalid, NotFound, PreconditionFailed
from tenants.models import Actor


class UnknownTag(Invalid):
    code = "UNKNOWN_TAG"


class NotSealed(Conflict):
    code = "NOT_SEALED"


class StagingTaken(Conflict):
    code = "STAGING_TAKEN"


class PromotionBlocked(Conflict):
    code = "PROMOTION_BLOCKED"


@verb(refused="tag.moved")
def set_tag(
    prompt: Prompt, name: str, *, version: PromptVersion, by: Actor, reason: str = "", if_match: str | None = None
) -> Tag:
    """Point a tag at a sealed version. Production asks the same questions as every other road to it."""
    namespace = prompt.namespace.locked_for_decision()
    prompt = prompt.locked()
    prompt.require_live()
    if not namespace.allows_tag(name):
        raise UnknownTag(f"“{name}” is no tag of the namespace {namespace.slug}. A custom tag is listed there first.")
    version = _version_under_lock(prompt, version)
    present = _present_tag(prompt, name, if_match)
    if present is None and if_match is not None:
        raise PreconditionFailed(f"The tag “{name}” is not set any more. Read it again.")
    if present is not None and present.version_id == version.pk:
        return present
    if name == STAGING and present is not None:
        _require_free_staging(present, namespace=namespace, by=by)
    if name == PRODUCTION:
        return _activate(prompt, version, namespace=namespace, kind="set", reason=reason, by=by)
    return _pointed(pointers.move(prompt, name, version, kind="set", reason=reason, by=by))


@verb(refused="tag.removed")
def remove_tag(prompt: Prompt, name: str, *, by: Actor, reason: str = "", if_match: str | None = None) -> None:
    """Take a tag away. Without production nothing is served."""
    prompt = prompt.locked()
    prompt.require_live()
    if _present_tag(prompt, name, if_match) is None:
        raise NotFound(f"This prompt has no tag “{name}”.")
    pointers.move(prompt, name, None, kind="remove", reason=reason, by=by)


def _version_under_lock(prompt: Prompt, version: PromptVersion) -> PromptVersion:
    """The version as it stands now. Raises NotFound for another prompt's, NotSealed for a draft."""
    found = prompt.versions.filter(pk=version.pk).first()
    if found is None:
        raise NotFound("There is no such version of this prompt.")
    if not found.is_sealed:
        raise NotSealed(f"Version {found.number} is a draft; a tag points at sealed versions only.")
    return found


def _require_free_staging(present: Tag, *, namespace: Namespace, by: Actor) -> None:
    """Where approvals are required, nobody takes another author's version out of pre-production."""
    if namespace.policy.required_approvals and present.version.author_id != by.author.pk:
        raise StagingTaken(f"Version {present.version.number} of another author is in pre-production.")


def _present_tag(prompt: Prompt, name: str, if_match: str | None) -> Tag | None:
    """The tag as it stands under the lock. Raises PreconditionFailed when the caller saw another."""
    tag = prompt.tags.select_related("version").filter(name=name).first()
    if tag is not None:
        tag.require_revision(if_match)
    return tag


def _activate(
    prompt: Prompt, version: PromptVersion, *, namespace: Namespace, kind: str, reason: str, by: Actor
) -> Tag:
    """The one road to production: the policy's questions, then the move; staging has done its work."""
    if unmet := _unmet(namespace):
        raise PromotionBlocked(f"{unmet[0]['message']} Nothing was changed.", unmet=unmet)
    tag = _pointed(pointers.move(prompt, PRODUCTION, version, kind=kind, reason=reason, decision={"unmet": []}, by=by))
    if prompt.tags.filter(name=STAGING, version=version).exists():
        pointers.move(prompt, STAGING, None, kind="activate", by=by)
    return tag


def _unmet(namespace: Namespace) -> list[dict[str, Any]]:
    """What still stands between a version and production, each with its code and a sentence."""
    required = namespace.policy.required_approvals
    if required == 0:
        return []
    return [{"code": "APPROVALS_MISSING", "message": f"{required} of {required} approvals are missing."}]


def _pointed(tag: Tag | None) -> Tag:
    assert tag is not None  # a move to a version leaves a tag
    return tag
