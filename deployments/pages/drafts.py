"""Drafts in the browser: a prompt begun, a text written with what validation says of it, and sent to be decided on."""

from typing import Any, Final, NamedTuple
from uuid import UUID

from django.http import JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from rest_framework.exceptions import ValidationError

from deployments.actions import promotion
from deployments.pages import typed
from deployments.pages.checking import Checked, change, checked
from deployments.pages.conflict import ConflictPage, users_in
from deployments.pages.finding import version_shown
from deployments.pages.review import VersionButton
from prompts.actions import drafts, prompts
from prompts.content import TEXT, Content, content_of
from prompts.lifecycle import NewTemplate, Targets
from prompts.models import Namespace, Prompt, PromptVersion
from prompts.models.prompts import PromptRef
from prompts.names import DEFAULT_NAMESPACE, STAGING, is_uuid
from prompts.views.finding import prompt_of
from prompts.views.templates import base_of
from pvc.api import Form, Id, Text
from pvc.errors import DomainError, Invalid, NotFound
from pvc.keeping import KeepingButton, KeepingPage
from pvc.pages import Button, Refused, sentence_of
from tenants.models import Actor

MOST_NAMESPACES: Final = 500


class DraftText(Form):
    """The editor's fields, as a browser sends them."""

    body = Text(required=False, allow_blank=True)
    variables = Text(required=False, allow_blank=True)
    config = Text(required=False, allow_blank=True)
    change_note = Text(required=False, allow_blank=True, max_length=1000)


class Start(Form):
    """The version that a new draft starts from; empty for none."""

    base_version_id = Id(required=False, allow_null=True)


def draft_of(prompt: Prompt, actor: Actor) -> PromptVersion | None:
    """The reader's own draft of a prompt."""
    return prompt.versions.drafts_of(actor.author).select_related("base").first()


# ----------------------------------------------------------------------------- a new prompt
class NewPromptPage(KeepingPage):
    """Where a prompt is begun."""

    model = Prompt
    title = "New prompt"
    template_name = "admin/console/new_prompt.html"
    permission_required = "prompts:write"

    def shown(self, **_: Any) -> dict[str, Any]:
        names = Namespace.objects.visible_to(self.actor).order_by("slug").values_list("slug", flat=True)
        asked = {"namespace": self.asked("namespace") or DEFAULT_NAMESPACE, "type": TEXT}
        return {"namespaces": names[:MOST_NAMESPACES], "sent": self.request.POST if self.refused else asked}


class MakePrompt(KeepingButton):
    """Makes a prompt without a text, and leads to its editor."""

    permission_required = "prompts:write"

    def page_for(self, refused: Refused) -> type[KeepingPage]:  # noqa: ARG002
        return NewPromptPage

    def press(self, **_: Any) -> str:
        fields = self.read(NewTemplate)
        namespace = Namespace.objects.visible_to(self.actor).named(fields["namespace"]).first()
        if namespace is None:
            raise Invalid.field("namespace", "There is no such namespace.")
        made = prompts.create_template(
            namespace,
            fields["slug"],
            name=fields["name"],
            type=fields.get("type") or TEXT,
            description=fields.get("description") or "",
            by=self.actor,
        )
        self.say(f"{made.slug} is made. Write its first text.")
        return reverse("console:draft", args=[made.pk])


# ----------------------------------------------------------------------------- the editor
class EditorPage(KeepingPage):
    """The reader's draft of a prompt, or one that is about to be begun: nothing is written until it is saved."""

    model = PromptVersion
    template_name = "admin/console/draft.html"
    permission_required = "prompts:write"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        draft = draft_of(prompt, self.actor)
        live = prompt.versions.in_production_of(prompt).first()
        start = draft or self._start(prompt, live)
        base = draft.base if draft else start
        self.title = f"{prompt.slug}: draft"
        saved = typed.written(prompt.type, start.served if start else None, draft.change_note if draft else "")
        fields = saved | self._sent() if self.refused else saved
        opened = self._opened(draft)
        return {
            "prompt": prompt,
            "draft": draft,
            "live": live,
            "base": base,
            "fields": fields,
            "is_unsaved": bool(self.refused),
            "opened": opened,
            "meanwhile": self._meanwhile(prompt, draft, fields) if opened != _Opened.of(draft) else None,
            "trial": prompt.tags.filter(name=STAGING).select_related("version__author").first(),
            "against": "base" if base and base != live and self._wants_base() else "live",
            **_said_of(prompt, fields, start=start, old=base if self._wants_base() else live or base),
        }

    def _start(self, prompt: Prompt, live: PromptVersion | None) -> PromptVersion | None:
        """What a new draft starts from: what the address asks for, else what is live, else the newest."""
        asked, sealed = self.asked("from"), prompt.versions.sealed()
        if asked.isdecimal() and len(asked) < 10:
            found = sealed.filter(number=int(asked)).first()
            if found is None:
                raise NotFound("There is no such version.")
            return found
        return live or sealed.order_by("-number").first()

    def _sent(self) -> typed.Fields:
        sent = self.request.POST
        return {name: sent[name] for name in ("body", "variables", "config", "change_note") if name in sent}

    def _wants_base(self) -> bool:
        return self.request.POST.get("against", self.asked("against")) == "base"

    def _opened(self, draft: PromptVersion | None) -> "_Opened":
        """What the fields were opened with. A refusal changes nothing of that: sent again, it is refused again."""
        if not self.refused:
            return _Opened.of(draft)
        return _Opened(self.kwargs.get("version_id"), self.request.POST.get("revision", ""))

    def _meanwhile(self, prompt: Prompt, draft: PromptVersion | None, fields: typed.Fields) -> dict[str, Any]:
        """From what another window left of the draft to what was typed here, as far as it can be read."""
        try:
            mine = _content(prompt, fields, before=draft.served if draft else None)
        except (DomainError, ValidationError):
            mine = None
        return {"change": change(draft.served, mine) if draft and mine else None}


class _Opened(NamedTuple):
    """The draft that an editor was opened with, and its revision; of a new draft, neither."""

    draft_id: UUID | None
    revision: str

    @classmethod
    def of(cls, draft: PromptVersion | None) -> "_Opened":
        return cls(draft.pk, str(draft.revision)) if draft else cls(None, "")


def _content(prompt: Prompt, fields: typed.Fields, *, before: Content | None) -> Content:
    """What stands in the fields. Raises Invalid."""
    form = DraftText(data=fields)
    form.is_valid(raise_exception=True)
    parts = typed.read(prompt.type, form.validated_data, before=before.body if before else "")
    return content_of(prompt.type, parts["body"], parts["variables"], parts["config"], field="body")


def _said_of(
    prompt: Prompt, fields: typed.Fields, *, start: PromptVersion | None, old: PromptVersion | None
) -> dict[str, Any]:
    """What is found in what stands in the fields, and what it changes; or why it cannot be taken as it is."""
    try:
        content = _content(prompt, fields, before=start.served if start else None)
    except (DomainError, ValidationError) as refused:
        return {"said": None, "change": None, "old": old, "refused": sentence_of(refused)}
    said = checked(content, expected=prompt.variables_expected, tier=prompt.tier)
    return {"said": said, "change": change(old.served if old else None, content), "old": old, "refused": ""}


class EditorButton(KeepingButton):
    """A button of the editor."""

    permission_required = "prompts:write"

    def page_for(self, refused: Refused) -> type[KeepingPage] | None:  # noqa: ARG002
        return EditorPage

    def prompt(self) -> Prompt:
        prompt_id: UUID = self.kwargs["prompt_id"]
        return prompt_of(self.actor, PromptRef(prompt_id))

    def say_saved(self, draft: PromptVersion) -> str:
        """What to know of a draft that was saved, and where it is."""
        errors = (draft.validation or {}).get("errors", [])
        self.say(f"Draft {draft.number} is saved." + (f" It cannot be sealed yet: {errors[0]}" if errors else ""))
        return reverse("console:draft", args=[draft.prompt_id])


class BeginDraft(EditorButton):
    """The first save of a draft."""

    def press(self, **_: Any) -> str:
        prompt = self.prompt()
        sent = self.request.POST.get("base_version_id", "")
        base = base_of(prompt, self.read(Start, base_version_id=sent or None)["base_version_id"])
        parts = typed.read(prompt.type, self.read(DraftText), before=base.body if base else "")
        content = content_of(prompt.type, parts["body"], parts["variables"], parts["config"], field="body")
        note = parts["change_note"]
        return self.say_saved(drafts.create_draft(prompt, content, change_note=note, base=base, by=self.actor))


class SaveDraft(EditorButton):
    """Saves over the revision that the form was opened with, or that it names as seen."""

    def press(self, **kwargs: Any) -> str:
        draft = version_shown(self.actor, kwargs["version_id"])
        if draft.prompt_id != self.prompt().pk:
            raise NotFound("There is no such version.")
        changes = typed.read(draft.type, self.read(DraftText), before=draft.body)
        seen = self.request.POST.get("over") or self.request.POST.get("revision", "")
        return self.say_saved(drafts.save_draft(draft, changes, if_match=f'"{seen}"', by=self.actor))


class DiscardDraft(Button):
    """Throws the draft away, as it was seen."""

    permission_required = "prompts:write"

    def press(self, **kwargs: Any) -> str:
        draft = version_shown(self.actor, kwargs["version_id"])
        seen = self.request.POST.get("revision", "")
        drafts.discard_draft(draft, if_match=f'"{seen}"', by=self.actor)
        self.say(f"Draft {draft.number} is thrown away. Its number is not used again.")
        return reverse("console:prompt", args=[draft.prompt_id])


class CheckDraft(Button):
    """Says what validation finds in what stands in the fields. It answers in JSON, and nothing is kept."""

    permission_required = "prompts:write"

    def press(self, **kwargs: Any) -> HttpResponseBase:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        sent = self.request.POST
        draft = draft_of(prompt, self.actor)
        live = prompt.versions.in_production_of(prompt).first()
        base = draft.base if draft else _sealed(prompt, sent.get("base_version_id", ""))
        fields = {name: sent.get(name, "") for name in ("body", "variables", "config", "change_note")}
        old = base if sent.get("against") == "base" else live or base
        shown = _said_of(prompt, fields, start=draft or base, old=old) | {"live": live, "base": base, "fields": fields}
        said: Checked | None = shown["said"]
        return JsonResponse(
            {
                "refused": shown["refused"],
                "found": said.found if said else None,
                "to_mend": said.to_mend if said else 1,
                "marks": said.marks if said else [],
                "panel": render_to_string("admin/console/draft_found.html", shown),
                "change": render_to_string("admin/console/draft_change.html", shown) if "drawn" in sent else None,
            }
        )


def _sealed(prompt: Prompt, version_id: str) -> PromptVersion | None:
    return prompt.versions.sealed().filter(pk=version_id).first() if is_uuid(version_id) else None


# ----------------------------------------------------------------------------- decisions are asked for
class AskForApproval(KeepingButton, VersionButton):
    """Seals a draft, and puts it into pre-production. Where another is there, the page of the conflict follows."""

    permission_required = "prompts:write"
    audited = "promotion.requested"

    def page_for(self, refused: Refused) -> type[KeepingPage] | None:
        return ConflictPage if isinstance(refused, promotion.PreProdTaken) else None

    def press(self, **_: Any) -> str:
        version = self.version()
        targets = self.read(Targets, target_users=users_in(self.request.POST)).get("target_users") or []
        promotion.promote_pre_prod(version, targets=targets, by=self.actor)
        self.say(f"Version {version.number} is in pre-production and waits for decisions.")
        return self.page_of(version)
