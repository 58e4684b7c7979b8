"""The only writer of tags, their history, decisions and targets. Called by deployments.actions.promotion alone."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Max
from django.utils import timezone

from audit.unit import record, touch_served, verb
from prompts.models import Approval, PreProdTarget, Prompt, PromptVersion, Tag, TagMove
from prompts.names import STAGING
from tenants.models import Actor

OVERRIDE = "override"


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
    spends: Iterable[Approval] = (),
) -> Tag | None:
    """Point the tag `name` of a *locked* prompt at `version`, or take it away (None).

    Writes the tag and its move, records it, and says that what is served changed. `kind` is the verb that
    asked (set, remove, activate, …); `decision` is what the gate said inside this transaction, and `spends` are the
    approvals that allow the move. An override by a person is kept as a decision of its own.
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
    if kind == OVERRIDE and version is not None and by.decides:
        decide(version, approved=True, kind=Approval.OVERRIDE, comment=reason, spent_by=moved, by=by)
    target = _point(tag, moved, version)
    # Where approvals are asked for, the database has spent them with the move; elsewhere they are spent here.
    Approval.objects.open().filter(pk__in=[each.pk for each in spends]).update(spent_by=moved)
    if name == STAGING and old is not None and old != version:
        old.targets.all().delete()
    record(
        "tag.moved" if version else "tag.removed",
        prompt,
        by=by,
        prompt_id=prompt.pk,
        prompt_name=prompt.full_name,
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


@verb
def decide(
    version: PromptVersion,
    *,
    approved: bool,
    by: Actor,
    comment: str = "",
    kind: str = Approval.REVIEW,
    spent_by: TagMove | None = None,
) -> Approval:
    """Write down what a person decided on the content of a *locked* version; a no takes back every open yes."""
    if not approved:
        version.approvals.open().update(voided_at=timezone.now())
    return Approval.objects.create(
        tenant_id=version.tenant_id,
        prompt_id=version.prompt_id,
        version=version,
        digest=version.digest,
        author_id=version.author_id,
        decided_by=by.author,
        kind=kind,
        approved=approved,
        comment=comment,
        spent_by=spent_by,
    )


@verb
def aim(version: PromptVersion, users: Iterable[str], *, by: Actor) -> None:
    """Say to whom a *locked* pre-production version is served: these users, and nobody else."""
    version.targets.all().delete()
    PreProdTarget.objects.bulk_create(
        PreProdTarget(tenant_id=version.tenant_id, version=version, user_id=user) for user in sorted(set(users))
    )
    touch_served(by.tenant.pk)
