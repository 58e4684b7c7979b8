"""The only writer of tags and their history. Called by deployments.actions.promotion alone."""

from typing import Any

from django.db.models import Max
from django.utils import timezone

from audit.unit import record, touch_served, verb
from prompts.models import Prompt, PromptVersion, Tag, TagMove
from tenants.models import Actor


@verb
def move(
    prompt: Prompt,
    name: str,
    version: PromptVersion | None,
    *,
    kind: str,
    by: Actor,
    reason: str = "",
    decision: dict[str, Any] | None = None,
) -> Tag | None:
    """Point the tag `name` of a *locked* prompt at `version`, or take it away (None).

    Writes the tag and its move, records it, and says that what is served changed. `kind` is the verb that
    asked (set, remove, activate, …); `decision` is what the gate said inside this transaction.
    """
    tag = prompt.tags.select_related("version").filter(name=name).first()
    old = tag.version if tag else None
    last = prompt.tag_moves.filter(tag=name).aggregate(number=Max("number"))["number"]
    now = timezone.now()
    moved = TagMove.objects.create(
        tenant=prompt.tenant,
        prompt=prompt,
        tag=name,
        number=(last or 0) + 1,
        old=old,
        new=version,
        kind=kind,
        reason=reason,
        decision=decision or {},
        moved_by=by.user,
        at=now,
    )
    sequence = prompt.take_sequence()
    prompt.save(update_fields=["last_sequence"])
    target = _point(tag, moved, version)
    record(
        "tag.moved" if version else "tag.removed",
        prompt,
        by=by,
        prompt_id=prompt.pk,
        sequence=sequence,
        tag=name,
        fromVersionId=str(old.pk) if old else None,
        fromNumber=old.number if old else None,
        toVersionId=str(version.pk) if version else None,
        toNumber=version.number if version else None,
        kind=kind,
        reason=reason,
    )
    touch_served(prompt.tenant_id)
    return target


def _point(tag: Tag | None, moved: TagMove, version: PromptVersion | None) -> Tag | None:
    if version is None:
        if tag is not None:
            tag.delete()
        return None
    if tag is None:
        return Tag.objects.create(
            tenant=moved.tenant,
            prompt=moved.prompt,
            name=moved.tag,
            version=version,
            digest=version.digest,
            revision=moved.number,
            created_at=moved.at,
            updated_at=moved.at,
        )
    tag.version, tag.digest, tag.revision, tag.updated_at = version, version.digest, moved.number, moved.at
    tag.save(update_fields=["version", "digest", "revision", "updated_at"])
    return tag
