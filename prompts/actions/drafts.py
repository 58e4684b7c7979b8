"""Verbs on drafts: a version not yet sealed, one for each author and prompt, seen and written by its author alone."""

from typing import Any

from django.utils import timezone

from audit.unit import record, verb
from prompts import validation
from prompts.actions.versions import add_contributors, announce_sealed, columns_of, require_sealable, sealed_with
from prompts.content import Content, content_of
from prompts.models import Prompt, PromptVersion
from pvc.errors import Conflict, Invalid, NotFound
from tenants.models import Actor


class DraftExists(Conflict):
    """The author has an open draft of this prompt; the answer says which (contract 4)."""

    code = "DRAFT_EXISTS"

    def __init__(self, draft: PromptVersion) -> None:
        super().__init__(f"You have an open draft of this prompt: version {draft.number}. Save, promote or discard it.")
        self.beside = {"existing_draft": {"id": str(draft.pk), "version_number": draft.number}}


class Sealed(Conflict):
    code = "SEALED"


class DuplicateContent(Conflict):
    """The prompt has sealed this very content before; `details` say as which version."""

    code = "DUPLICATE_CONTENT"


@verb
def create_draft(
    prompt: Prompt, content: Content, *, by: Actor, change_note: str = "", base: PromptVersion | None = None
) -> PromptVersion:
    """Open the actor's draft of a prompt, at the next number. It may be invalid, and says so.

    `base` is the sealed version that it starts from: what a merge goes back to; what is live, if not said.
    """
    prompt = prompt.locked()
    prompt.require_live()
    present = _draft_of(prompt, by)
    if present is not None:
        raise DraftExists(present)
    draft = PromptVersion.objects.create(
        tenant=prompt.tenant,
        prompt=prompt,
        number=prompt.last_number + 1,
        type=content.type,
        author=by.author,
        base=_base(prompt, base),
        change_note=change_note,
        validation=_found(prompt, content),
        **columns_of(content),
    )
    add_contributors([draft], by)
    prompt.last_number = draft.number
    prompt.save(update_fields=["last_number"])
    record(
        "draft.created",
        draft,
        by=by,
        prompt_id=prompt.pk,
        versionId=str(draft.pk),
        number=draft.number,
        digest=draft.digest,
    )
    return draft


@verb
def save_draft(
    draft: PromptVersion, changes: dict[str, Any], *, by: Actor, if_match: str | None = None
) -> PromptVersion:
    """Write the actor's draft anew. `changes` holds any of body, variables, config, change_note and base, as sent.

    An invalid text is saved like any other: `validation` says what is wrong with it.
    """
    prompt = draft.prompt.locked()
    prompt.require_live()
    draft = _own_draft(prompt, draft, by=by)
    draft.require_revision(if_match)
    content = content_of(
        prompt.type,
        changes.get("body", draft.content),
        changes.get("variables", draft.variables),
        changes.get("config", draft.config),
        field="body",
    )
    if "base" in changes:
        draft.base = _base(prompt, changes["base"])
    draft.change_note = changes.get("change_note", draft.change_note)
    return write_draft(prompt, draft, content, by=by)


@verb
def discard_draft(draft: PromptVersion, *, by: Actor, if_match: str | None = None) -> None:
    """Throw the actor's draft away. Its number is not used again."""
    prompt = draft.prompt.locked()
    draft = _own_draft(prompt, draft, by=by)
    draft.require_revision(if_match)
    record(
        "draft.discarded",
        draft,
        by=by,
        prompt_id=prompt.pk,
        versionId=str(draft.pk),
        number=draft.number,
        digest=draft.digest,
    )
    draft.delete()


@verb
def seal_draft(prompt: Prompt, draft: PromptVersion, *, by: Actor) -> PromptVersion:
    """Seal the actor's draft of a *locked* prompt. Raises InvalidTemplate, OverBudget and DuplicateContent."""
    draft = _own_draft(prompt, draft, by=by)
    twin = sealed_with(prompt, draft.digest)
    if twin is not None:
        message = f"Version {twin.number} holds this very content. Promote that one, or change your draft."
        raise DuplicateContent(message, version_id=str(twin.pk), version_number=twin.number)
    draft.validation = require_sealable(prompt, draft.served)
    draft.sealed_at = timezone.now()
    draft.revision += 1
    add_contributors([draft], by)
    draft.save(update_fields=["validation", "sealed_at", "revision"])
    announce_sealed([draft], prompt=prompt, by=by)
    return draft


@verb
def write_draft(prompt: Prompt, draft: PromptVersion, content: Content, *, by: Actor) -> PromptVersion:
    """Put a content into a draft of a *locked* prompt, with what is found in it."""
    columns = columns_of(content)
    for name, value in columns.items():
        setattr(draft, name, value)
    draft.validation = _found(prompt, content)
    draft.revision += 1
    draft.save(update_fields=[*columns, "validation", "revision", "base", "change_note"])
    add_contributors([draft], by)
    record(
        "draft.saved",
        draft,
        by=by,
        prompt_id=prompt.pk,
        versionId=str(draft.pk),
        number=draft.number,
        digest=draft.digest,
    )
    return draft


def _draft_of(prompt: Prompt, by: Actor) -> PromptVersion | None:
    """The actor's open draft of a prompt, if there is one."""
    return prompt.versions.drafts_of(by.author).first()


def _own_draft(prompt: Prompt, draft: PromptVersion, *, by: Actor) -> PromptVersion:
    """The actor's draft of a *locked* prompt as it stands now. Raises NotFound for anybody else's, and Sealed."""
    found = prompt.versions.shown_to(by).filter(pk=draft.pk).first()
    if found is None:
        raise NotFound("There is no such version.")
    if found.is_sealed:
        raise Sealed(f"Version {found.number} is sealed; it never changes. Open a draft that starts from it.")
    return found


def _base(prompt: Prompt, base: PromptVersion | None) -> PromptVersion | None:
    """The version a draft starts from: the one named, a sealed one of this prompt, or what is live."""
    if base is None:
        return prompt.versions.in_production_of(prompt).first()
    if base.prompt_id != prompt.pk or not base.is_sealed:
        raise Invalid.field("base_version_id", "Name a sealed version of this template.")
    return base


def _found(prompt: Prompt, content: Content) -> dict[str, Any]:
    """What validation says of a draft; the budget is only a warning until it is sealed."""
    found = validation.validate(content, expected=prompt.variables_expected)
    return found.as_dict(over_budget=prompt.tier.exceeded_by(found.tokens) if prompt.tier else None)
