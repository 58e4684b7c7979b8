"""Verbs on versions: what is sealed never changes."""

from typing import Any, NamedTuple

from django.utils import timezone

from audit.unit import record, verb
from prompts import template
from prompts.content import Content
from prompts.models import Contributor, Prompt, PromptVersion
from tenants.models import Actor


class Sealing(NamedTuple):
    """A sealed version, and whether it was made now or had been sealed before with this content."""

    version: PromptVersion
    is_new: bool


@verb
def create_version(
    prompt: Prompt, content: Content, *, by: Actor, metadata: dict[str, Any] | None = None, if_match: str | None = None
) -> Sealing:
    """Seal a content as the prompt's next version; the same content is never sealed twice."""
    prompt = prompt.locked()
    prompt.require_revision(if_match)
    prompt.require_live()
    return seal_content(prompt, content, metadata=metadata or {}, by=by)


@verb
def seal_content(prompt: Prompt, content: Content, *, metadata: dict[str, Any], by: Actor) -> Sealing:
    """The sealed version of a *locked* prompt that holds `content`: the one there is, or the next number.

    Raises InvalidTemplate for a text outside of the template subset.
    """
    sealed = prompt.versions.sealed().filter(digest=content.digest).order_by("number").first()
    if sealed is not None:
        return Sealing(sealed, is_new=False)
    template.require_valid(content.parsed)
    now = timezone.now()
    version = PromptVersion.objects.create(
        tenant=prompt.tenant,
        prompt=prompt,
        number=prompt.last_number + 1,
        type=content.type,
        body=content.body,
        variables=content.variables,
        config=content.config,
        checksum=content.checksum,
        digest=content.digest,
        author=by.author,
        metadata=metadata,
        sealed_at=now,
        created_at=now,
    )
    Contributor.objects.bulk_create(
        Contributor(tenant=prompt.tenant, version=version, user_id=user_id)
        for user_id in sorted(by.responsible_users())
    )
    prompt.last_number = version.number
    prompt.revision += 1
    prompt.updated_at = now
    sequence = prompt.take_sequence()
    prompt.save(update_fields=["last_number", "last_sequence", "revision", "updated_at"])
    record(
        "version.created",
        version,
        by=by,
        prompt_id=prompt.pk,
        sequence=sequence,
        versionId=str(version.pk),
        number=version.number,
        checksum=version.checksum,
        digest=version.digest,
    )
    return Sealing(version, is_new=True)
