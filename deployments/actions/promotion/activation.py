"""The one road to production, for all that asks the policy's questions."""

from deployments import policy
from deployments.actions.promotion.ground import pointed, present_tag, require_never_rejected
from deployments.actions.promotion.refusals import PromotionBlocked
from prompts import pointers
from prompts.models import Namespace, Prompt, PromptVersion, Tag
from prompts.names import PRODUCTION, STAGING
from tenants.models import Actor


def activate(version: PromptVersion, *, prompt: Prompt, namespace: Namespace, kind: str, reason: str, by: Actor) -> Tag:
    """The one road to production: the policy's questions, then the move; staging has done its work."""
    require_never_rejected(version)
    decision = policy.decision_on(version, namespace.policy)
    if unmet := decision["unmet"]:
        raise PromotionBlocked(f"{unmet[0]['message']} Nothing was changed.", unmet=unmet)
    present = present_tag(prompt, PRODUCTION, None)
    if present is not None and present.version_id == version.pk:
        leave_staging(prompt, version, by=by)
        return present
    spent = list(version.approvals.open().approving())
    decision["approvals"] = [each.decided_by.username for each in spent]
    tag = pointed(
        pointers.move(prompt, PRODUCTION, version, kind=kind, reason=reason, decision=decision, spends=spent, by=by)
    )
    leave_staging(prompt, version, by=by)
    return tag


def leave_staging(prompt: Prompt, version: PromptVersion, *, by: Actor) -> None:
    """What is live is tried no longer."""
    if prompt.tags.filter(name=STAGING, version=version).exists():
        pointers.move(prompt, STAGING, None, kind="activate", by=by)
