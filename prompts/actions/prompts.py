"""Verbs on prompts: made, described, archived; never deleted."""

from collections.abc import Iterable
from typing import Any, Final

from django.utils import timezone

from audit.unit import record, touch_served, verb
from prompts.actions.versions import seal_content
from prompts.content import TEXT, Content, content_of, is_variable_name
from prompts.models import BudgetTier, Namespace, Prompt
from prompts.names import PRODUCTION, check_free, check_slug
from pvc.crypto import canonical_json
from pvc.errors import Conflict, Forbidden, Invalid
from tenants.models import Actor

#: What a prompt says of itself; the latter two are told to whoever resolves or renders it.
DESCRIBING: Final = ("name", "description", "metadata", "variables_expected", "tier")
SERVED: Final = frozenset({"variables_expected", "tier"})
MOST_EXPECTED: Final = 1_000


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
    prompt = _made(namespace, slug, type=content.type, description=description, metadata=metadata or {}, by=by)
    prompt.head = seal_content(prompt, content, metadata={}, by=by).version
    prompt.save(update_fields=["head"])
    return prompt


@verb
def create_template(
    namespace: Namespace,
    slug: str,
    *,
    name: str,
    by: Actor,
    type: str = TEXT,  # noqa: A002 -- the word of the contract
    description: str = "",
    variables_expected: Iterable[str] = (),
    tier: BudgetTier | None = None,
) -> Prompt:
    """Make a prompt without a text: drafts bring its versions. Raises Invalid for a tier of another namespace."""
    check_slug(slug, field="slug")
    return _made(
        namespace,
        slug,
        name=name,
        type=type,
        description=description,
        variables_expected=_checked_names(variables_expected),
        tier=tier,
        by=by,
    )


def _made(namespace: Namespace, slug: str, *, by: Actor, **columns: Any) -> Prompt:
    prompt = Prompt.objects.create(tenant=by.tenant, namespace=namespace, slug=slug, **{"name": slug, **columns})
    record(
        "prompt.created",
        prompt,
        by=by,
        prompt_id=prompt.pk,
        prompt_name=prompt.full_name,
        sequence=prompt.take_sequence(),
        namespace=namespace.slug,
        name=slug,
        type=prompt.type,
    )
    prompt.save(update_fields=["last_sequence"])
    return prompt


@verb
def update_prompt(prompt: Prompt, *, changes: dict[str, Any], by: Actor, if_match: str | None = None) -> Prompt:
    """Change what a prompt says of itself; a changed text, schema or config makes the next version.

    `changes` holds any of `template`, `variables`, `config`, and of what it says of itself: `name`, `description`,
    `metadata`, `variables_expected`, `tier`.
    """
    prompt = prompt.locked()
    prompt.require_revision(if_match)
    prompt.require_live()
    _write_through(prompt, changes, by=by)
    if "variables_expected" in changes:
        changes = {**changes, "variables_expected": _checked_names(changes["variables_expected"])}
    described = [name for name in DESCRIBING if name in changes and not _is_same(changes[name], getattr(prompt, name))]
    if not described:
        return prompt
    for name in described:
        setattr(prompt, name, changes[name])
    if SERVED.intersection(described):
        touch_served(prompt.tenant_id)
    prompt.revision += 1
    prompt.updated_at = timezone.now()
    prompt.save(update_fields=[*described, "revision", "updated_at"])
    record("prompt.updated", prompt, by=by, prompt_id=prompt.pk, changed=described)
    return prompt


def _is_same(wanted: Any, present: Any) -> bool:
    """Whether a value is what is stored: JSON to the letter, where 1 is not 1.0 nor true; a tier by its id."""
    if isinstance(wanted, BudgetTier) or isinstance(present, BudgetTier):
        return bool(wanted == present)
    return canonical_json(wanted) == canonical_json(present)


def _checked_names(names: Iterable[str]) -> list[str]:
    """The names of variables in order, each once. Raises Invalid for what no template could refer to."""
    kept = list(dict.fromkeys(names))
    for index, name in enumerate(kept):
        if not is_variable_name(name):
            raise Invalid.field(f"variables_expected[{index}]", "Use letters, digits and _, no digit or _ first.")
    if len(kept) > MOST_EXPECTED:
        raise Invalid.field("variables_expected", f"Name {MOST_EXPECTED} variables at most.")
    return kept


def _write_through(prompt: Prompt, changes: dict[str, Any], *, by: Actor) -> None:
    """Seal what the changes make of the head's content, and let the prompt show it."""
    if not changes.keys() & {"template", "variables", "config"}:
        return
    head = prompt.head
    if head is None and "template" not in changes:
        raise Invalid.field("template", "This prompt has no text yet: send one.")
    content = content_of(
        prompt.type,
        changes["template"] if "template" in changes or head is None else head.content,
        changes.get("variables", head.variables if head else None),
        changes.get("config", head.config if head else None),
        field="template",
    )
    if head is not None and head.holds(content):
        return
    sealing = seal_content(prompt, content, metadata={}, base_id=head.pk if head else None, by=by)
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
