"""What stands between a version and production: asked under the lock by the verbs, and by whoever shows it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from prompts.models import Approval, Namespace, PromptVersion


def unmet_of(version: PromptVersion, namespace: Namespace) -> list[dict[str, Any]]:
    """What is still missing, each with its code (contract 4) and a sentence; empty when the version may go live."""
    policy = namespace.policy
    missing = policy.required_approvals - approvals_of(version)
    unmet = []
    if missing > 0:
        of = f"{missing} of {policy.required_approvals} approvals"
        unmet.append({"code": "APPROVALS_MISSING", "message": f"{of} {'is' if missing == 1 else 'are'} missing."})
    return unmet + _gate(version, policy.evaluation_policy)


def approvals_of(version: PromptVersion) -> int:
    """How many other people have approved this content, and not for an activation that is over."""
    return len(deciders(version.approvals.open().approving(), version))


def deciders(approvals: Iterable[Approval], version: PromptVersion) -> set[UUID]:
    """The distinct people behind these approvals, contributors left aside."""
    return {each.decided_by_id for each in approvals} - set(version.contributors.values_list("user_id", flat=True))


def _gate(_version: PromptVersion, _policy: dict[str, Any]) -> list[dict[str, Any]]:
    """What the evaluations say. There are none yet, so the gate is open."""
    return []
