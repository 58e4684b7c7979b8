"""What waits for a decision: how long, what is missing, and what it would change."""

from typing import Any

from django.utils import timezone

from deployments import policy
from prompts import diff, impact
from prompts.models import PromptVersion, Tag
from prompts.models.serving import TagQuerySet


def with_versions(tags: TagQuerySet) -> TagQuerySet:
    """The same tags, with what an answer shows of their versions."""
    return tags.select_related("prompt__namespace", "version__author").prefetch_related(
        "version__tags", "version__approvals__decided_by", "version__contributors__user", "version__targets"
    )


def with_what_is_missing(tags: list[Tag]) -> list[Tag]:
    """A page of tags, each with what stands between its version and production."""
    for tag in tags:
        required = tag.prompt.namespace.policy.required_approvals
        vars(tag).update(
            unmet=policy.unmet_of(tag.version, tag.prompt.namespace),
            approvals_needed=max(0, required - policy.approvals_of(tag.version)),
            waiting_seconds=max(0, int((timezone.now() - tag.updated_at).total_seconds())),
            diff_summary=_summary(tag),
        )
    return tags


def _summary(tag: Tag) -> dict[str, Any]:
    """The lines that the version changes against what is live; of a first version all are new."""
    live = PromptVersion.objects.in_production_of(tag.prompt).first()
    if live is None:
        return {"added": tag.version.body.count("\n") + 1, "removed": 0, "modified": 0, "impact": "major"}
    found = diff.compare(live.served, tag.version.served)
    level = impact.assess(live.served, tag.version.served, found).level
    return {**{kind: found.count(kind) for kind in ("added", "removed", "modified")}, "impact": level}
