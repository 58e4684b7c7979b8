"""What stands between a version and production: asked under the lock by the verbs, and by whoever shows it."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import prefetch_related_objects
from django.utils import timezone

from evaluations import gate, history
from evaluations.gate import Run
from prompts.models import Approval, NamespacePolicy, PromptVersion


def unmet_of(version: PromptVersion, policy: NamespacePolicy) -> list[dict[str, Any]]:
    """What is still missing, each with its code (contract 4) and a sentence; empty when the version may go live."""
    return unmet_by(version, policy, history.runs_of([version])[version.pk])


def unmet_in_split(versions: Collection[PromptVersion], policy: NamespacePolicy) -> dict[UUID, list[dict[str, Any]]]:
    """What is missing for variants of a deployment, by version, in as many queries for all as for one.

    Approvals that a promotion has spent count here; none is spent.
    """
    prefetch_related_objects([*versions], "approvals", "contributors")
    runs = history.runs_of(versions)
    return {
        each.pk: [_rejected(each)] if each.is_rejected else unmet_by(each, policy, runs[each.pk], spent_too=True)
        for each in versions
    }


def unmet_by(
    version: PromptVersion, policy: NamespacePolicy, runs: Iterable[Run], *, spent_too: bool = False
) -> list[dict[str, Any]]:
    """What is missing, of a version whose runs were read."""
    unmet: list[dict[str, Any]] = []
    if missing := approvals_missing(version, policy, spent_too=spent_too):
        of = f"{missing} of {policy.required_approvals} approvals"
        unmet.append({"code": "APPROVALS_MISSING", "message": f"{of} {'is' if missing == 1 else 'are'} missing."})
    closed = gate.unmet(policy.asked_of_evaluations, runs, now=timezone.now())
    return unmet + [each.as_dict() for each in closed]


def approvals_missing(version: PromptVersion, policy: NamespacePolicy, *, spent_too: bool = False) -> int:
    """How many other people have yet to approve this content."""
    return max(0, policy.required_approvals - len(approvers(version, spent_too=spent_too)))


def approvers(version: PromptVersion, *, spent_too: bool = False) -> set[UUID]:
    """Who else has approved this content, not for an activation that is over unless `spent_too`; no contributor."""
    standing = {
        each.decided_by_id
        for each in version.approvals.all()
        if each.kind == Approval.REVIEW and each.approved and not each.voided_at and (spent_too or not each.spent_by_id)
    }
    return standing - {each.user_id for each in version.contributors.all()}


def standing_of(version: PromptVersion, policy: NamespacePolicy) -> list[dict[str, Any]]:
    """What a promotion would be refused with as things stand, also where no policy is asked any more."""
    if version.prompt.is_archived:
        return [{"code": "ARCHIVED", "message": f"{version.prompt.slug} is archived. Unarchive it first."}]
    if version.is_rejected:
        return [_rejected(version)]
    return unmet_of(version, policy)


def _rejected(version: PromptVersion) -> dict[str, Any]:
    message = f"Version {version.number} was rejected, which is final. Write a new one."
    return {"code": "REJECTED", "message": message}


def decision_on(version: PromptVersion, policy: NamespacePolicy) -> dict[str, Any]:
    """What is kept with a move to production: what was missing then, and what the gate looked at."""
    runs = history.runs_of([version])[version.pk]
    return {
        "unmet": unmet_by(version, policy, runs),
        "gate": {
            "digest": version.digest,
            "policy": policy.asked_of_evaluations,
            "runs": [run.as_dict() for run in gate.newest(runs).values()],
        },
    }
