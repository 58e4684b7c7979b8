"""Verbs on prompts: made, described, archived; never deleted."""

from typing import Any

from django.utils import timezone

from audit.unit import record, touch_served, verb
from prompts.actions.versions import seal_content
from prompts.content import Content, content_of
from prompts.models import Namespace, Prompt
from prompts.names import PRODUCTION, check_free
from pvc.crypto import canonical_json
from pvc.errors import Conflict, Forbidden
from tenants.models import Actor


class AlreadyArchived(Conflict):
    code = "ALREADY_ARCHIVED"


class NotArchived(Conflict):
    code = "NOT_ARCHIVED"


@verb
def create_prompt(
    namespace: Namespace,
    slug: str,
    *,
    content: Content,
    by: Actor,
    description: str = "",
    metadata: dict[str, Any] | None = None,
) -> Prompt:
    """Make a prompt and seal its first version. The registry's stricter alphabet is its door's to ask for."""
    check_free(slug, field="name")
    prompt = Prompt.objects.create(
        tenant=by.tenant,
        namespace=namespace,
        slug=slug,
        name=slug,
        type=content.type,
        description=description,
        metadata=metadata or {},
    )
    record(
        "prompt.created",
        prompt,
        by=by,
        prompt_id=prompt.pk,
        sequence=prompt.take_sequence(),
        namespace=namespace.slug,
        name=slug,
        type=prompt.type,
    )
    prompt.head = seal_content(prompt, content, metadata={}, by=by).version
    prompt.save(update_fields=["head"])
    return prompt


@verb
def update_prompt(prompt: Prompt, *, changes: dict[str, Any], by: Actor, if_match: str | None = None) -> Prompt:
    """Change what a prompt says of itself; a changed text, schema or config makes the next version.

    `changes` holds any of `template`, `variables`, `config`, `description`, `metadata`, as sent.
    """
    prompt = prompt.locked()
    prompt.require_revision(if_match)
    prompt.require_live()
    _write_through(prompt, changes, by=by)
    described = [
        name
        for name in ("description", "metadata")
        if name in changes and canonical_json(changes[name]) != canonical_json(getattr(prompt, name))
    ]
    if not described:
        return prompt
    for name in described:
        setattr(prompt, name, changes[name])
    prompt.revision += 1
    prompt.updated_at = timezone.now()
    prompt.save(update_fields=[*described, "revision", "updated_at"])
    record("prompt.updated", prompt, by=by, prompt_id=prompt.pk, changed=described)
    return prompt


def _write_through(prompt: Prompt, changes: dict[str, Any], *, by: Actor) -> None:
    """Seal what the changes make of the head's content, and let the prompt show it."""
    head = prompt.head
    if head is None or not changes.keys() & {"template", "variables", "config"}:
        return
    content = content_of(
        prompt.type,
        changes.get("template", head.content),
        changes.get("variables", head.variables),
        changes.get("config", head.config),
        field="template",
    )
    if head.holds(content):
        return
    sealing = seal_content(prompt, content, metadata={}, by=by)
    prompt.head = sealing.version
    if not sealing.is_new:
        prompt.revision += 1
        prompt.updated_at = timezone.now()
        record("prompt.updated", prompt, by=by, prompt_id=prompt.pk, changed=["head"])
    prompt.save(update_fields=["head", "revision", "updated_at"])


@verb(refused="prompt.archived")
def archive_prompt(prompt: Prompt, *, by: Actor, if_match: str | None = None) -> Prompt:
    """Take a prompt out of use: it keeps its name and history, takes nothing new and serves nothing."""
    prompt = prompt.locked()
    # Which right this takes depends on what is served, so it is asked here, under the lock.
    right = "prompts:promote" if prompt.tags.filter(name=PRODUCTION).exists() else "prompts:write"
    if not by.may(right):
        raise Forbidden(f"Archiving this prompt needs the scope {right}.", scope=right)
    prompt.require_revision(if_match)
    if prompt.is_archived:
        raise AlreadyArchived(f"{prompt.slug} is archived already.")
    prompt.archived_at = timezone.now()
    _save_archived(prompt)
    record("prompt.archived", prompt, by=by, prompt_id=prompt.pk, namespace=prompt.namespace.slug, name=prompt.slug)
    return prompt


@verb
def unarchive_prompt(prompt: Prompt, *, by: Actor, if_match: str | None = None) -> Prompt:
    """Bring a prompt back into use, with the tags it had."""
    prompt = prompt.locked()
    prompt.require_revision(if_match)
    if not prompt.is_archived:
        raise NotArchived(f"{prompt.slug} is not archived.")
    prompt.archived_at = None
    _save_archived(prompt)
    record("prompt.unarchived", prompt, by=by, prompt_id=prompt.pk, namespace=prompt.namespace.slug, name=prompt.slug)
    return prompt


def _save_archived(prompt: Prompt) -> None:
    prompt.revision += 1
    prompt.updated_at = timezone.now()
    prompt.save(update_fields=["archived_at", "revision", "updated_at"])
    touch_served(prompt.tenant_id)
