"""The review page of a version: what it changes, what was found in it, what stands in its way; and its buttons."""

from typing import Any, Final
from uuid import UUID

from django.urls import reverse

from deployments import serving
from deployments.actions import promotion
from deployments.pages import lines
from deployments.pages.fields import fields_of
from deployments.pages.finding import version_shown
from deployments.pages.gate import gate_of
from prompts import diff, impact
from prompts.content import Content
from prompts.lifecycle import ApprovalForm, Rejection, found_in
from prompts.models import NamespacePolicy, Prompt, PromptVersion
from prompts.names import PRODUCTION, STAGING
from pvc.api import Form, Text
from pvc.errors import Invalid
from pvc.pages import Button, Page

_CHANGES: Final[tuple[diff.Kind, ...]] = ("added", "removed", "modified")


class Reason(Form):
    """Why something is done."""

    reason = Text(max_length=1000, required=False, allow_blank=True)


class ReviewPage(Page):
    """A version against what is live, or against any other."""

    model = PromptVersion
    template_name = "admin/console/review.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        version = version_shown(self.actor, kwargs["version_id"])
        prompt = version.prompt
        self.title = f"{prompt.slug}, version {version.number}"
        live = prompt.versions.in_production_of(prompt).first()
        against = self._against(prompt, version, live)
        tags, terms = version.tag_names, prompt.namespace.policy
        return {
            "version": version,
            "prompt": prompt,
            "live": live,
            "others": prompt.versions.sealed().order_by("-number").values_list("number", flat=True)[:200],
            "found": found_in(version),
            "fields": fields_of(version),
            "contributors": sorted(each.user.username for each in version.contributors.all()),
            "decisions": sorted(version.approvals.all(), key=lambda each: each.pk),
            "targets": sorted(each.user_id for each in version.targets.all()),
            **gate_of(version, terms, self.actor),
            "can": self._can(version, tags, terms),
            "custom_tags": terms.custom_tags,
            "reason_characters": promotion.REASON_CHARACTERS,
            **self._compared(version, against),
        }

    def _against(self, prompt: Prompt, version: PromptVersion, live: PromptVersion | None) -> PromptVersion | None:
        """What the address asks to compare with; else what is live; for what is live itself, the one before it."""
        asked = self.asked("against")
        sealed = prompt.versions.sealed().exclude(pk=version.pk)
        if asked.isdecimal() and len(asked) < 10:
            return sealed.filter(number=int(asked)).first()
        if live is not None and live != version:
            return live
        return sealed.filter(number__lt=version.number).order_by("-number").first()

    def _compared(self, version: PromptVersion, against: PromptVersion | None) -> dict[str, Any]:
        view: lines.View = "unified" if self.asked("view") == "unified" else "split"
        old = against.served if against else Content(version.type, "[]" if version.type == "chat" else "", {}, {})
        found = diff.compare(old, version.served)
        return {
            "against": against,
            "view": view,
            "table": lines.table(found.sections, view),
            "counts": {kind: found.count(kind) for kind in _CHANGES},
            "diff": found,
            "impact": impact.assess(old, version.served, found) if against else None,
        }

    def _can(self, version: PromptVersion, tags: list[str], terms: NamespacePolicy) -> dict[str, bool]:
        """Which buttons are worth showing; whether they do anything, the verb decides."""
        actor, waits = self.actor, STAGING in tags and PRODUCTION not in tags
        is_free = version.is_sealed and not version.prompt.is_archived
        is_former = PRODUCTION not in tags and serving.is_released(version)
        return {
            "decide": waits and actor.may("prompts:approve"),
            "promote": is_free and PRODUCTION not in tags and actor.may("prompts:promote"),
            "override": is_free and PRODUCTION not in tags and actor.may("prompts:override"),
            "request": is_free and not waits and PRODUCTION not in tags and actor.may("prompts:write"),
            "go_back": is_free and is_former and actor.may("prompts:promote"),
            "begin": is_free and actor.may("prompts:write"),
            "tag": is_free and bool(terms.custom_tags) and actor.may("prompts:write"),
        }


# ----------------------------------------------------------------------------- buttons
class VersionButton(Button):
    """A button on a version. Its form names the content that was looked at."""

    def version(self) -> PromptVersion:
        found = version_shown(self.actor, self.kwargs["version_id"])
        if self.request.POST.get("digest", found.digest) != found.digest:
            raise promotion.DigestMismatch(f"Version {found.number} has another content than the one you looked at.")
        return found

    def refused_target(self) -> tuple[str, UUID | None]:
        version_id = self.kwargs["version_id"]
        known = PromptVersion.objects.visible_to(self.actor).filter(pk=version_id).first()
        return str(version_id), known.prompt_id if known else None

    def page_of(self, version: PromptVersion) -> str:
        return reverse("console:review", args=[version.pk])


class Approve(VersionButton):
    permission_required = "prompts:approve"
    audited = "version.approved"
    decides = True

    def press(self, **_: Any) -> str:
        version, fields = self.version(), self.read(ApprovalForm)
        decided = promotion.approve(
            version, comment=fields.get("comment") or "", digest=fields.get("digest"), by=self.actor
        )
        missing = " ".join(each["message"] for each in decided.unmet)
        self.say(f"Version {version.number} is approved{' and live.' if decided.activated else f'. {missing}'}")
        return self.page_of(version)


class Reject(VersionButton):
    permission_required = "prompts:approve"
    audited = "version.rejected"
    decides = True

    def press(self, **_: Any) -> str:
        version = self.version()
        promotion.reject(version, reason=self.read(Rejection)["reason"], by=self.actor)
        self.say(f"Version {version.number} is rejected. Pre-production is free for the next one.")
        return self.page_of(version)


class Promote(VersionButton):
    permission_required = "prompts:promote"
    audited = "tag.moved"
    decides = True

    def press(self, **_: Any) -> str:
        version = self.version()
        promotion.promote_active(version, by=self.actor)
        self.say(f"Version {version.number} is live.")
        return self.page_of(version)


class Override(VersionButton):
    permission_required = "prompts:override"
    audited = "promotion.overridden"
    decides = True

    def press(self, **_: Any) -> str:
        version = self.version()
        promotion.override(version.prompt, version=version, reason=self.read(Reason).get("reason", ""), by=self.actor)
        self.say(f"Version {version.number} is live by an override. Everybody is told.")
        return self.page_of(version)


class SetTag(VersionButton):
    """Points a tag below production at a version. Production takes another right, and the password: its own button."""

    permission_required = "prompts:write"
    audited = "tag.moved"

    def press(self, **_: Any) -> str:
        version, name = self.version(), self.request.POST.get("tag", "")
        if name == PRODUCTION:
            raise Invalid.field("tag", "Production is moved by promoting a version.")
        reason = self.read(Reason).get("reason", "")
        promotion.set_tag(version.prompt, name, version=version, reason=reason, by=self.actor)
        self.say(f"{name} points at version {version.number}.")
        return self.page_of(version)
