"""The list of prompts, and the page of one: its versions, where its tags went, going back, trying it out."""

from typing import Any, NamedTuple
from uuid import UUID

from django.urls import reverse

from deployments import policy
from deployments.actions import promotion
from deployments.pages import lines
from deployments.pages.fields import fields_of
from deployments.pages.review import Reason
from evaluations import gate, history
from evaluations.gate import Run
from prompts import diff, impact
from prompts.actions import prompts
from prompts.models import Namespace, Prompt, PromptVersion
from prompts.models.prompts import PromptRef, with_latest
from prompts.names import PRODUCTION, STAGING
from prompts.views.finding import prompt_of
from pvc.errors import NotFound
from pvc.pages import Button, Page, stretch

MOST_MOVES = 50
MOST_VERSIONS = 50
MOST_FORMER = 10
MOST_NAMESPACES = 500


class Listed(NamedTuple):
    """A prompt in the list, with what is live and what is in pre-production."""

    prompt: Prompt
    live: PromptVersion | None
    trial: PromptVersion | None


class LibraryPage(Page):
    """Every prompt of the tenant's, the newest first."""

    model = Prompt
    title = "Prompts"
    template_name = "admin/console/library.html"

    def shown(self, **_: Any) -> dict[str, Any]:
        search, namespace, archived = self.asked("search"), self.asked("namespace"), self.asked("archived") == "true"
        rows = Prompt.objects.visible_to(self.actor).archived_or_not("true" if archived else "false")
        if search:
            rows = rows.matching(search)
        if namespace:
            rows = rows.filter(namespace__in=Namespace.objects.visible_to(self.actor).filter(slug=namespace))
        part = stretch(self.request, rows.for_display().prefetch_related("tags__version"))
        tags = [{tag.name: tag.version for tag in prompt.tags.all()} for prompt in with_latest(part.rows)]
        return {
            "part": part,
            "listed": [
                Listed(prompt, there.get(PRODUCTION), there.get(STAGING))
                for prompt, there in zip(part.rows, tags, strict=True)
            ],
            "search": search,
            "namespace": namespace,
            "namespaces": Namespace.objects.visible_to(self.actor).order_by("slug")[:MOST_NAMESPACES],
            "archived": archived,
            "can_write": self.actor.may("prompts:write"),
        }


class PromptPage(Page):
    """One prompt."""

    model = Prompt
    template_name = "admin/console/prompt.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        self.title = prompt.slug
        versions = prompt.versions.sealed().select_related("author").prefetch_related("tags", "approvals")
        live = prompt.versions.in_production_of(prompt).first()
        trial = prompt.versions.filter(tags__prompt=prompt, tags__name=STAGING).first()
        may_promote = self.actor.may("prompts:promote")
        return {
            "prompt": prompt,
            "part": stretch(self.request, versions, by="number", length=MOST_VERSIONS),
            "moves": prompt.tag_moves.select_related("old", "new", "moved_by").order_by("-id")[:MOST_MOVES],
            "live": live,
            "trial": trial,
            "evaluated": newest_runs(live, trial),
            "cases": prompt.test_cases.count(),  # 10,000 at most, by an index
            "draft": prompt.versions.drafts_of(self.actor.author).first(),
            "former": former_productions(prompt, live) if live and may_promote else [],
            "fields": fields_of(live) if live else [],
            "can_promote": may_promote,
            "can_write": self.actor.may("prompts:write"),
        }


def newest_runs(*versions: PromptVersion | None) -> list[tuple[PromptVersion, list[tuple[Run, bool]]]]:
    """The newest run of each harness on each of these versions, and whether it is of other test cases by now.

    As many queries for all versions as for one.
    """
    asked = list(dict.fromkeys(version for version in versions if version))
    found = history.runs_of(asked) if asked else {}
    newest = ((version, gate.newest(found[version.pk]).values()) for version in asked)
    return [(version, [(run, run.is_outdated) for run in runs]) for version, runs in newest]


def former_productions(prompt: Prompt, live: PromptVersion) -> list[PromptVersion]:
    """What was live before, the last first, as far as it may be gone back to."""
    moves = prompt.tag_moves.filter(tag=PRODUCTION, new__isnull=False).exclude(new=live).order_by("-number")[:100]
    last = list(dict.fromkeys(move.new_id for move in moves))[: 2 * MOST_FORMER]
    found = PromptVersion.objects.select_related("author").prefetch_related("approvals", "contributors").in_bulk(last)
    needed = prompt.namespace.policy.required_approvals
    allowed = [found[pk] for pk in last if len(policy.approvers(found[pk], spent_too=True)) >= needed]
    return allowed[:MOST_FORMER]


class RollbackPage(Page):
    """What going back to an earlier production means, before it is done."""

    model = Prompt
    template_name = "admin/console/rollback.html"
    permission_required = "prompts:promote"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        live = prompt.versions.in_production_of(prompt).first()
        version = prompt.versions.sealed().filter(number=kwargs["number"]).first()
        if live is None or version is None:
            raise NotFound("There is nothing to go back from, or no such version.")
        self.title = f"{prompt.slug}: back to version {version.number}"
        found = diff.compare(live.served, version.served)
        return {
            "prompt": prompt,
            "live": live,
            "version": version,
            "diff": found,
            "table": lines.table(found.sections, "split"),
            "view": "split",
            "impact": impact.assess(live.served, version.served, found),
        }


# ----------------------------------------------------------------------------- buttons
class PromptButton(Button):
    """A button on a prompt."""

    def prompt(self) -> Prompt:
        prompt_id: UUID = self.kwargs["prompt_id"]
        return prompt_of(self.actor, PromptRef(prompt_id))

    def refused_target(self) -> tuple[str, UUID | None]:
        prompt_id = self.kwargs["prompt_id"]
        known = Prompt.objects.visible_to(self.actor).filter(pk=prompt_id).exists()
        return str(prompt_id), prompt_id if known else None

    def page_of(self, prompt: Prompt) -> str:
        return reverse("console:prompt", args=[prompt.pk])


class Rollback(PromptButton):
    permission_required = "prompts:promote"
    audited = "promotion.rolled_back"
    decides = True

    def press(self, **_: Any) -> str:
        prompt = self.prompt()
        version = prompt.versions.sealed().filter(digest=self.request.POST.get("digest", "")).first()
        if version is None:
            raise NotFound("There is no version of this content.")
        reason = self.read(Reason).get("reason", "")
        moved = promotion.rollback(prompt, version=version, reason=reason, by=self.actor)
        self.say(f"Version {moved.new.number} is live again.")
        return self.page_of(prompt)


class Archive(PromptButton):
    """Either right opens the door; by what is served, the verb knows which is needed."""

    permission_required = "prompts:write"
    audited = "prompt.archived"
    decides = True

    def has_permission(self) -> bool:
        return super().has_permission() or self.actor.may("prompts:promote")

    def press(self, **_: Any) -> str:
        prompt = prompts.archive_prompt(self.prompt(), by=self.actor)
        self.say(f"{prompt.slug} is archived: it is served no more, and can be brought back.")
        return self.page_of(prompt)


class Unarchive(PromptButton):
    permission_required = "prompts:write"

    def press(self, **_: Any) -> str:
        prompt = prompts.unarchive_prompt(self.prompt(), by=self.actor)
        self.say(f"{prompt.slug} is back.")
        return self.page_of(prompt)
