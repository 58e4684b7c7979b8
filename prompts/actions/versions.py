"""Verbs on versions: what is sealed never changes."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone

from audit.unit import record, verb
from prompts import validation
from prompts.content import Content
from prompts.models import BudgetTier, Contributor, Prompt, PromptVersion
from pvc.errors import Unprocessable
from tenants.models import Actor


class OverBudget(Unprocessable):
    """More tokens than the prompt's budget tier allows, where it blocks."""

    code = "OVER_BUDGET"

    @classmethod
    def of(cls, tier: BudgetTier, tokens: int, told: str) -> "OverBudget":
        return cls(told, tier=tier.name, max_tokens=tier.max_tokens, tokens=tokens)


class Sealing(NamedTuple):
    """A sealed version, and whether it was made now or had been sealed before with this content."""

    version: PromptVersion
    is_new: bool


@verb
def create_version(
    prompt: Prompt, content: Content, *, by: Actor, metadata: dict[str, Any] | None = None, if_match: str | None = None
) -> Sealing:
    """Seal a content as the prompt's next version; the same content is never sealed twice.

    It starts from what is live, as far as a merge asks.
    """
    prompt = prompt.locked()
    prompt.require_revision(if_match)
    prompt.require_live()
    base_id = prompt.versions.in_production_of(prompt).values_list("pk", flat=True).first()
    return seal_content(prompt, content, metadata=metadata or {}, base_id=base_id, by=by)


@verb
def seal_content(
    prompt: Prompt,
    content: Content,
    *,
    metadata: dict[str, Any],
    by: Actor,
    base_id: UUID | None = None,
    change_note: str = "",
) -> Sealing:
    """The sealed version of a *locked* prompt that holds `content`: the one there is, or the next number.

    Raises InvalidTemplate for what validation refuses, and OverBudget.
    """
    sealed = sealed_with(prompt, content.digest)
    if sealed is not None:
        return Sealing(sealed, is_new=False)
    version = next_version(prompt, content, metadata=metadata, base_id=base_id, change_note=change_note, by=by)
    seal_versions(prompt, [version], by=by)
    return Sealing(version, is_new=True)


@verb
def seal_versions(prompt: Prompt, made: Sequence[PromptVersion], *, by: Actor) -> None:
    """Write what `next_version` made of a *locked* prompt: however many, in as many statements as one takes."""
    PromptVersion.objects.bulk_create(made)
    add_contributors(made, by)
    announce_sealed(made, prompt=prompt, by=by)


def next_version(
    prompt: Prompt,
    content: Content,
    *,
    metadata: dict[str, Any],
    by: Actor,
    base_id: UUID | None = None,
    change_note: str = "",
) -> PromptVersion:
    """The next version of a *locked* prompt, not written yet. Raises InvalidTemplate and OverBudget."""
    found = require_sealable(prompt, content)
    now = timezone.now()
    prompt.last_number += 1
    return PromptVersion(
        tenant=prompt.tenant,
        prompt=prompt,
        number=prompt.last_number,
        type=content.type,
        author=by.author,
        base_id=base_id,
        change_note=change_note,
        metadata=metadata,
        validation=found,
        sealed_at=now,
        created_at=now,
        **columns_of(content),
    )


def sealed_with(prompt: Prompt, digest: str) -> PromptVersion | None:
    """The version of a prompt that was sealed with this content, if any."""
    return prompt.versions.sealed().filter(digest=digest).order_by("number").first()


def require_sealable(prompt: Prompt, content: Content) -> dict[str, Any]:
    """What was found in a content that may be sealed in this prompt. Raises InvalidTemplate and OverBudget."""
    found = validation.validate(content, expected=prompt.variables_expected)
    validation.require_valid(found)
    over = prompt.tier.exceeded_by(found.tokens) if prompt.tier else None
    if prompt.tier and over and prompt.tier.enforcement == BudgetTier.BLOCK:
        raise OverBudget.of(prompt.tier, found.tokens, over)
    return found.as_dict(over_budget=over)


def columns_of(content: Content) -> dict[str, Any]:
    """A content as the columns of a version's row."""
    return {
        "body": content.body,
        "variables": content.variables,
        "config": content.config,
        "checksum": content.checksum,
        "digest": content.digest,
    }


def add_contributors(versions: Iterable[PromptVersion], by: Actor) -> None:
    """Note down whose hand is in versions: the actor's, and of those who answer for a service account."""
    people = sorted(by.responsible_users())
    Contributor.objects.bulk_create(
        (
            Contributor(tenant_id=version.tenant_id, version=version, user_id=user_id)
            for version in versions
            for user_id in people
        ),
        ignore_conflicts=True,
    )


def announce_sealed(versions: Iterable[PromptVersion], *, prompt: Prompt, by: Actor) -> None:
    """Versions of the *locked* prompt are sealed: the prompt has changed, and others hear of each."""
    for version in versions:
        prompt.revision += 1
        record(
            "version.created",
            version,
            by=by,
            prompt_id=prompt.pk,
            prompt_name=prompt.full_name,
            sequence=prompt.take_sequence(),
            versionId=str(version.pk),
            number=version.number,
            checksum=version.checksum,
            digest=version.digest,
        )
    prompt.updated_at = timezone.now()
    prompt.save(update_fields=["last_number", "last_sequence", "revision", "updated_at"])
