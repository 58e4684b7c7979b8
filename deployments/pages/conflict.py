"""Another version is in pre-production: whose it is, what either side changed, and the two ways on."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.urls import reverse

from deployments.actions import promotion
from deployments.pages.checking import change
from deployments.pages.finding import version_shown
from deployments.pages.panes import panes
from deployments.pages.review import VersionButton
from prompts.content_merge import MergedContent, merge_contents
from prompts.lifecycle import MergePreProd, OverridePreProd
from prompts.models import PromptVersion
from prompts.names import STAGING
from pvc.errors import Invalid
from pvc.keeping import KeepingButton, KeepingPage
from pvc.pages import Refused, sentence_of

#: How many conflicts of variables and config are told after a merge.
MOST_FIELDS_TOLD: Final = 20


def users_in(sent: Mapping[str, str]) -> list[str]:
    """The users that a field names, one on each line."""
    return [line.strip() for line in sent.get("target_users", "").splitlines() if line.strip()]


class ConflictPage(KeepingPage):
    """A version of the reader's beside the one in pre-production, and what both began with."""

    model = PromptVersion
    template_name = "admin/console/merge.html"
    permission_required = "prompts:write"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        mine = version_shown(self.actor, kwargs["version_id"])
        prompt = mine.prompt
        self.title = f"{prompt.slug}: pre-production is taken"
        tag = prompt.tags.filter(name=STAGING).select_related("version__author").first()
        sent = self.request.POST if self.refused else {}
        shown = {"prompt": prompt, "mine": mine, "sent": sent, "tag": tag}
        if tag is None or tag.version_id == mine.pk:
            return {**shown, "theirs": None}
        return {**shown, "theirs": tag.version, **_merge_of(mine, tag.version)}


def _merge_of(mine: PromptVersion, theirs: PromptVersion) -> dict[str, Any]:
    """What a merge would come to, as the verb will do it."""
    base = promotion.common_base(mine.prompt, theirs, mine)
    before = base.served if base else None
    merged: MergedContent | None = None
    why = ""
    try:
        merged = merge_contents(before, theirs.served, mine.served)
    except Invalid as refused:
        why = sentence_of(refused)
    clean = merged.content if merged and merged.is_clean else None
    return {
        "base": base,
        "panes": panes(before, theirs.served, mine.served),
        "merged": merged,
        "change": change(theirs.served, clean) if clean else None,
        "unmergeable": why,
    }


# ----------------------------------------------------------------------------- buttons
class ConflictButton(KeepingButton, VersionButton):
    """A way out of the conflict. Its form names the version in pre-production that was looked at."""

    permission_required = "prompts:write"
    audited = "promotion.requested"

    def page_for(self, refused: Refused) -> type[KeepingPage] | None:  # noqa: ARG002
        return ConflictPage


class ReplacePreProd(ConflictButton):
    """Puts the reader's version in the place of the other."""

    def press(self, **kwargs: Any) -> str:
        version = version_shown(self.actor, kwargs["version_id"])
        fields = self.read(OverridePreProd, target_users=users_in(self.request.POST))
        replaced = promotion.override_pre_prod(
            version,
            expected=fields["expected_version_id"],
            reason=fields["reason"],
            targets=fields.get("target_users") or [],
            by=self.actor,
        )
        self.say(f"Version {replaced.number} has taken the other's place and waits for decisions.")
        return reverse("console:review", args=[replaced.pk])


class MergePreProdWithMine(ConflictButton):
    """Merges both. What both changed differently is marked in the reader's draft, where the editor follows."""

    def press(self, **kwargs: Any) -> str:
        version = version_shown(self.actor, kwargs["version_id"])
        fields = self.read(MergePreProd, target_users=users_in(self.request.POST))
        merged = promotion.merge_pre_prod(
            version,
            expected=fields["expected_version_id"],
            targets=fields.get("target_users") or [],
            by=self.actor,
        )
        if isinstance(merged, promotion.Unmerged):
            return self._to_the_editor(merged)
        self.say(f"Version {merged.number} holds both, has two authors' work in it, and waits for decisions.")
        return reverse("console:review", args=[merged.pk])

    def _to_the_editor(self, unmerged: promotion.Unmerged) -> str:
        draft, found = unmerged
        conflict = promotion.MergeConflict(draft, found.hunks, found.fields)
        if draft is None:
            raise conflict
        messages.warning(self.request, conflict.message)
        for each in found.fields[:MOST_FIELDS_TOLD]:
            theirs, mine = (each[side] if each[side] is not None else "nothing" for side in ("theirs", "mine"))
            messages.warning(self.request, f"{each['field']}: they have {theirs}, you have {mine}. Yours stands.")
        return f"{reverse('console:draft', args=[draft.prompt_id])}?against=base"
