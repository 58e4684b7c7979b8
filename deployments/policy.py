"""What stands between a version and production: asked under the lock by the verbs, and by whoever shows it."""

from typing import Any
from uuid import UUID

from prompts.models import Approval, NamespacePolicy, PromptVersion


def unmet_of(version: PromptVersion, policy: NamespacePolicy) -> list[dict[str, Any]]:
    """What is still missing, each with its code (contract 4) and a sentence; empty when the version may go live."""
    unmet = []
    if missing := approvals_missing(version, policy):
        of = f"{missing} of {policy.required_approvals} approvals"
        unmet.append({"code": "APPROVALS_MISSING", "message": f"{of} {'is' if missing == 1 else 'are'} missing."})
    return unmet + _gate(version, policy.evaluation_policy)


def approvals_missing(version: PromptVersion, policy: NamespacePolicy) -> int:
    """How many other people have yet to approve this content."""
    return max(0, policy.required_approvals - len(approvers(version)))


def approvers(version: PromptVersion, *, spent_too: bool = False) -> set[UUID]:
    """Who else has approved this content, not for an activation that is over unless `spent_too`; no contributor."""
    standing = {
        each.decided_by_id
        for each in version.approvals.all()
        if each.kind == Approval.REVIEW and each.approved and not each.voided_at and (spent_too or not each.spent_by_id)
    }
    return standing - {each.user_id for each in version.contributors.all()}


def _gate(_version: PromptVersion, _policy: dict[str, Any]) -> list[dict[str, Any]]:
    """What the evaluations say. There are none yet, so the gate is open."""
    return []
