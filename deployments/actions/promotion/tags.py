"""Verbs on tags: set and removed by name."""

from audit.unit import verb
from deployments.actions.promotion.activation import activate
from deployments.actions.promotion.ground import (
    held,
    pointed,
    present_tag,
    require_free_staging,
    require_never_rejected,
    version_under_lock,
)
from deployments.actions.promotion.refusals import UnknownTag
from evaluations.actions import runs as evaluations
from prompts import pointers
from prompts.models import Prompt, PromptVersion, Tag
from prompts.names import PRODUCTION, STAGING
from pvc.errors import NotFound, PreconditionFailed
from tenants.models import Actor


@verb(refused="tag.moved")
def set_tag(
    prompt: Prompt, name: str, *, version: PromptVersion, by: Actor, reason: str = "", if_match: str | None = None
) -> Tag:
    """Point a tag at a sealed version. Production asks the same questions as every other road to it."""
    namespace, prompt = held(prompt)
    if not namespace.allows_tag(name):
        raise UnknownTag(f"“{name}” is no tag of the namespace {namespace.slug}. A custom tag is listed there first.")
    version = version_under_lock(prompt, version)
    present = present_tag(prompt, name, if_match)
    if present is None and if_match is not None:
        raise PreconditionFailed(f"The tag “{name}” is not set any more. Read it again.")
    if present is not None and present.version_id == version.pk:
        return present
    if name == STAGING:
        require_never_rejected(version)
        require_free_staging(present, namespace=namespace, by=by)
    if name == PRODUCTION:
        return activate(version, prompt=prompt, namespace=namespace, kind="set", reason=reason, by=by)
    tag = pointed(pointers.move(prompt, name, version, kind="set", reason=reason, by=by))
    if name == STAGING:
        evaluations.trigger_all(prompt, version, namespace.policy, by=by)
    return tag


@verb(refused="tag.removed")
def remove_tag(prompt: Prompt, name: str, *, by: Actor, reason: str = "", if_match: str | None = None) -> None:
    """Take a tag away. Without production nothing is served."""
    prompt = prompt.locked()
    prompt.require_live()
    if present_tag(prompt, name, if_match) is None:
        raise NotFound(f"This prompt has no tag “{name}”.")
    pointers.move(prompt, name, None, kind="remove", reason=reason, by=by)
