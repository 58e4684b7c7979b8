"""What the verbs of promotion stand on: rows under their locks, and what is asked of them there."""

from deployments.actions.promotion.refusals import PreProdTaken, VersionRejected
from prompts.models import Namespace, Prompt, PromptVersion, Tag
from prompts.names import PRODUCTION
from pvc.errors import NotFound
from tenants.models import Actor


def held(prompt: Prompt) -> tuple[Namespace, Prompt]:
    """The namespace held against changes of its policy, and the prompt under its lock. Raises PromptArchived."""
    namespace = prompt.namespace.locked_for_decision()
    prompt = prompt.locked()
    prompt.require_live()
    return namespace, prompt


def version_under_lock(prompt: Prompt, version: PromptVersion) -> PromptVersion:
    """The version as it stands now. Raises NotFound for another prompt's, NotSealed for a draft."""
    found = prompt.versions.select_related("author").filter(pk=version.pk).first()
    if found is None:
        raise NotFound("There is no such version of this prompt.")
    found.require_sealed()
    return found


def require_never_rejected(version: PromptVersion) -> None:
    if version.is_rejected:
        raise VersionRejected(f"Version {version.number} was rejected, which is final. Write a new one.")


def require_free_staging(present: Tag | None, *, namespace: Namespace, by: Actor) -> None:
    """Where approvals are required, nobody takes another author's version out of pre-production."""
    if present and namespace.policy.required_approvals and present.version.author_id != by.author.pk:
        raise PreProdTaken(present.version)


def present_tag(prompt: Prompt, name: str, if_match: str | None) -> Tag | None:
    """The tag as it stands under the lock. Raises PreconditionFailed when the caller saw another."""
    tag = prompt.tags.select_related("version", "version__author").filter(name=name).first()
    if tag is not None:
        tag.require_revision(if_match)
    return tag


def in_production(prompt: Prompt) -> PromptVersion | None:
    return prompt.versions.filter(tags__prompt=prompt, tags__name=PRODUCTION).first()


def shown(version: PromptVersion) -> PromptVersion:
    """The version with what its status is read from, as it is now."""
    return PromptVersion.objects.with_status().get(pk=version.pk)


def pointed(tag: Tag | None) -> Tag:
    assert tag is not None  # a move to a version leaves a tag
    return tag
