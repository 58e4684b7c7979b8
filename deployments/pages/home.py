"""The start page: what waits for whom, what changed in production, and how busy it was."""

import datetime as dt
from collections import Counter
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from deployments import waiting
from deployments.pages.gate import of_evaluations
from prompts.models import PolicyChange, Prompt, PromptVersion, Tag, TagMove
from prompts.names import PRODUCTION
from pvc.pages import Page
from tenants.models import Actor
from webhooks.models import WebhookEndpoint
from webhooks.standing import in_trouble

MOST_SHOWN = 10
DAYS = 14
#: For how many seconds the counts of the chart are kept: they are read from many rows.
CHART_KEPT = 300
_FAILURES = frozenset({"EVALUATION_FAILED", "EVALUATION_ERROR"})


class HomePage(Page):
    """What a person has to do today."""

    model = Prompt
    title = "Today"
    template_name = "admin/console/home.html"

    def shown(self, **_: Any) -> dict[str, Any]:
        actor = self.actor
        waits = self._waiting()
        since = timezone.now() - dt.timedelta(hours=24)
        moves = TagMove.objects.visible_to(actor).filter(tag=PRODUCTION).select_related("prompt", "old", "new")
        changes = PolicyChange.objects.filter(tenant=actor.tenant).pending()
        return {
            "for_me": [tag for tag in waits if tag.is_mine_to_decide],
            "for_others": [tag for tag in waits if not tag.is_mine_to_decide],
            "closed": sum(bool(tag.closed) for tag in waits),
            "failed": sum(any(each["code"] in _FAILURES for each in tag.closed) for tag in waits),
            "drafts": PromptVersion.objects.visible_to(actor)
            .drafts_of(actor.author)
            .select_related("prompt__namespace")
            .order_by("-id")[:MOST_SHOWN],
            "moves": [
                move
                for move in moves.select_related("moved_by", "prompt__namespace").order_by("-id")[:MOST_SHOWN]
                if move.at >= since
            ],
            "changes": changes.select_related("namespace", "requested_by").order_by("id")[:MOST_SHOWN],
            "endpoints": self._endpoints_in_trouble(),
            "has_prompts": Prompt.objects.visible_to(actor).exists(),
            "chart": activity(actor.tenant.pk),
        }

    def _endpoints_in_trouble(self) -> list[WebhookEndpoint]:
        """For whoever looks after them: those that only fail, or that the server switched off."""
        return list(in_trouble(self.actor)[:MOST_SHOWN]) if self.actor.may("webhooks:write") else []

    def _waiting(self) -> list[Any]:
        """The oldest requests, each with whether the reader may decide on it."""
        oldest = Tag.objects.visible_to(self.actor).awaiting_approval().order_by("updated_at")[: 2 * MOST_SHOWN]
        tags = waiting.with_what_is_missing(list(waiting.with_versions(oldest)))
        for tag in tags:
            vars(tag)["closed"] = of_evaluations(vars(tag)["unmet"])
            vars(tag)["is_mine_to_decide"] = self.actor.may("prompts:approve") and not _has_had_a_say(tag, self.actor)
        return tags


def _has_had_a_say(tag: Tag, actor: Actor) -> bool:
    """Whether a person had a hand in a version, or has decided on it."""
    version, user = tag.version, actor.author
    contributors = {each.user_id for each in version.contributors.all()}
    decided = {each.decided_by_id for each in version.approvals.all() if not each.spent_by_id and not each.voided_at}
    return user.pk in contributors | decided or user.created_by_id in contributors


def activity(tenant_id: UUID) -> dict[str, list[Any]]:
    """How many versions were made and how often production moved, on each of the last days."""
    key = f"activity:{tenant_id}"
    kept: dict[str, list[Any]] | None = cache.get(key)
    if kept is None:
        kept = _activity(tenant_id)
        cache.set(key, kept, CHART_KEPT)
    return kept


def _activity(tenant_id: UUID) -> dict[str, list[Any]]:
    today = timezone.now().date()
    days = [today - dt.timedelta(days=back) for back in reversed(range(DAYS))]
    since = dt.datetime.combine(days[0], dt.time(), dt.UTC)
    versions = PromptVersion.objects.filter(tenant=tenant_id, created_at__gte=since, sealed_at__isnull=False)
    moves = TagMove.objects.filter(tenant=tenant_id, tag=PRODUCTION, at__gte=since)
    return {
        "labels": [f"{day:%-d %b}" for day in days],
        "sets": [
            {"label": "versions written", "values": _by_day(versions, "created_at", days)},
            {"label": "moves of production", "values": _by_day(moves, "at", days)},
        ],
    }


def _by_day(rows: Any, moment: str, days: list[dt.date]) -> list[int]:
    found = rows.annotate(day=TruncDate(moment)).values_list("day").annotate(count=Count("pk")).order_by("day")
    counts = Counter(dict(found))
    return [counts[day] for day in days]
