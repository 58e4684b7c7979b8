"""What waits for a decision: how long, what is missing, and what it would change."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from deployments import policy
from evaluations import history
from prompts import diff, impact
from prompts.models import NamespacePolicy, PromptVersion, Tag
from prompts.models.serving import TagQuerySet
from prompts.names import PRODUCTION


def with_versions(tags: TagQuerySet) -> TagQuerySet:
    """The same tags, with what an answer shows of their versions."""
    return tags.select_related("prompt__namespace", "version__author").prefetch_related(
        "version__tags", "version__approvals__decided_by", "version__contributors__user", "version__targets"
    )


def with_what_is_missing(tags: Sequence[Tag]) -> list[Tag]:
    """A page of tags, each with what stands between its version and production; as many queries for all as for one."""
    newest = NamespacePolicy.objects.filter(namespace__in={tag.prompt.namespace_id for tag in tags})
    policies = {each.namespace_id: each for each in newest.order_by("namespace", "-number").distinct("namespace")}
    served = Tag.objects.filter(name=PRODUCTION, prompt__in=[tag.prompt_id for tag in tags]).select_related("version")
    live = {each.prompt_id: each.version for each in served}
    runs = history.runs_of(tag.version for tag in tags)
    for tag in tags:
        terms = policies[tag.prompt.namespace_id]
        vars(tag).update(
            unmet=policy.unmet_by(tag.version, terms, runs[tag.version_id]),
            approvals_needed=policy.approvals_missing(tag.version, terms),
            waiting_seconds=max(0, int((timezone.now() - tag.updated_at).total_seconds())),
            diff_summary=_summary(live.get(tag.prompt_id), tag.version),
        )
    return list(tags)


def _summary(live: PromptVersion | None, version: PromptVersion) -> dict[str, Any]:
    """The lines that the version changes against what is live; of a first version all are new."""
    if live is None:
        return {"added": version.body.count("\n") + 1, "removed": 0, "modified": 0, "impact": "major"}
    found = diff.compare(live.served, version.served)
    level = impact.assess(live.served, version.served, found).level
    return {**{kind: found.count(kind) for kind in ("added", "removed", "modified")}, "impact": level}
