"""What is there of a prompt, as far as an import could touch it: read from the database, for `prompts.files.plan`."""

from collections.abc import Iterator
from contextlib import contextmanager

from evaluations.assertions import checked
from prompts.actions.versions import require_sealable
from prompts.files.filed import FiledPrompt
from prompts.files.plan import Ground, Plan, Present, planned
from prompts.models import Approval, Namespace, Prompt, PromptVersion
from prompts.names import BUILT_IN_TAGS, STAGING
from pvc.errors import DomainError
from tenants.models import Actor


def plan_of(filed: FiledPrompt, namespace: Namespace | None, *, by: Actor) -> Plan:
    """What an import by this actor would do as things stand, its new texts looked at as when they are sealed.

    Without a namespace it is one that is still to be made. Raises what would be raised of a text.
    """
    if namespace is None:
        plan = planned(filed, Ground(allowed_tags=frozenset(BUILT_IN_TAGS)), None, scopes=by.scopes)
        prompt = None
    else:
        prompt = Prompt.objects.filter(namespace=namespace, slug=filed.slug).select_related("head", "tier").first()
        plan = plan_for(filed, namespace, prompt, by=by)
    for version in plan.seals:
        with naming(version.file):
            require_sealable(prompt or Prompt(slug=filed.slug, type=filed.type), version.content)
    for case in plan.cases:
        with naming(f"{filed.file}, “{case.name}”"):
            checked(case.assertions)
    return plan


def plan_for(filed: FiledPrompt, namespace: Namespace, prompt: Prompt | None, *, by: Actor) -> Plan:
    """The same for a prompt that was found, or was not."""
    policy = namespace.policy
    ground = Ground(
        required_approvals=policy.required_approvals,
        allowed_tags=frozenset((*BUILT_IN_TAGS, *policy.custom_tags)),
        tiers=frozenset(namespace.tiers.values_list("name", flat=True)) if filed.tier else frozenset(),
    )
    return planned(filed, ground, present_of(prompt, by=by) if prompt else None, scopes=by.scopes)


def present_of(prompt: Prompt, *, by: Actor) -> Present:
    """A prompt with its sealed versions and its tags."""
    tags = {tag.name: tag for tag in prompt.tags.select_related("version")}
    staging = tags.get(STAGING)
    return Present(
        type=prompt.type,
        is_archived=prompt.is_archived,
        described={name: getattr(prompt, name) for name in ("name", "description", "metadata", "variables_expected")},
        tier=prompt.tier.name if prompt.tier else None,
        last_number=prompt.last_number,
        numbers=dict(prompt.versions.sealed().order_by("-number").values_list("digest", "number")),
        head=prompt.head.digest if prompt.head else None,
        tags={name: tag.digest for name, tag in tags.items()},
        rejected=_rejected(prompt),
        cases=dict(prompt.test_cases.values_list("name", "digest")),
        others_in_staging=staging.version.number if staging and staging.version.author_id != by.author.pk else None,
    )


def _rejected(prompt: Prompt) -> frozenset[str]:
    """What was last said no to."""
    reviewed = prompt.approvals.filter(kind=Approval.REVIEW, approved=False).values("version")
    versions = PromptVersion.objects.filter(pk__in=reviewed).prefetch_related("approvals")
    return frozenset(version.digest for version in versions if version.is_rejected)


@contextmanager
def naming(file: str) -> Iterator[None]:
    """A refusal of what stands in a file begins with its name."""
    try:
        yield
    except DomainError as refused:
        refused.message = f"{file}: {refused.message}"
        raise
