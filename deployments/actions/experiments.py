"""Verbs on deployments: traffic is split between versions, and the split is changed, stopped and ended.

A variant asks what the policy of its namespace asks of a version in production, so that a split is no side door: as
many approvals of its content, spent by a promotion or not, and an open gate. A deployment spends none.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.utils import timezone

from audit.unit import record, touch_served, verb
from deployments import policy
from deployments.actions.promotion import PromotionBlocked
from deployments.actions.promotion.ground import held
from deployments.models import Deployment, Variant
from deployments.models.experiments import WHOLE
from prompts.models import NamespacePolicy, Prompt, PromptVersion
from pvc.errors import Conflict, Invalid
from tenants.models import Actor

#: How a step of a plan names the control, whichever variant that is.
CONTROL: Final = "control"


class InvalidWeights(Invalid):
    code = "INVALID_WEIGHTS"


class DeploymentArchived(Conflict):
    code = "DEPLOYMENT_ARCHIVED"


class Share(NamedTuple):
    """What a version is to get of the traffic, in percent. Without a control that is named, the first one is it."""

    version_id: UUID
    weight: int
    is_control: bool = False


@verb(refused="deployment.created")
def create_deployment(
    prompt: Prompt,
    *,
    variants: Sequence[Share],
    name: str = "",
    status: str = Deployment.ACTIVE,
    plan: Sequence[Mapping[str, Any]] = (),
    guardrails: Sequence[Mapping[str, Any]] = (),
    by: Actor,
) -> Deployment:
    """Split a prompt's traffic between versions of it.

    Raises InvalidWeights, Invalid for versions that are not the prompt's, PromptArchived, and PromotionBlocked where
    the policy asks for more than a version has.
    """
    namespace, prompt = held(prompt)
    shares = _with_one_control(variants, ())
    versions = _versions_of(prompt, shares)
    _require_allowed(versions.values(), namespace.policy)
    now = timezone.now()
    deployment = Deployment.objects.create(
        tenant=by.tenant,
        prompt=prompt,
        name=name,
        status=status,
        guardrails=[*guardrails],
        weighted_at=now,
        created_at=now,
        updated_at=now,
    )
    _share_out(deployment, shares, versions)
    deployment.plan = _checked_plan(plan, _standing(deployment))
    deployment.save(update_fields=["plan"])
    return _changed(deployment, prompt, is_new=True, by=by)


@verb(refused="deployment.changed")
def update_deployment(deployment: Deployment, changes: Mapping[str, Any], *, by: Actor) -> Deployment:
    """Change a deployment's name, status, `variants` (of Share), plan or guardrails.

    What goes on serving, or is to serve something else, is asked again what the policy asks; to stop it is always
    allowed. Raises DeploymentArchived, which is final, and what create_deployment does.
    """
    namespace, prompt = held(deployment.prompt)
    deployment = deployment.locked()
    present = _standing(deployment)
    shares = _with_one_control(changes["variants"], present) if "variants" in changes else None
    changed = {name: changes[name] for name in ("name", "status", "guardrails") if name in changes}
    changed = {name: value for name, value in changed.items() if getattr(deployment, name) != value}
    is_split_anew = shares is not None and _shares_of(present) != {each.version_id: each for each in shares}
    is_planned_anew = changes.get("plan", deployment.plan) != deployment.plan
    if deployment.status == Deployment.ARCHIVED and (changed or is_split_anew or is_planned_anew):
        raise DeploymentArchived("An archived deployment does not change any more. Make a new one.")
    for name, value in changed.items():
        setattr(deployment, name, value)
    if is_split_anew and shares is not None:
        versions = _versions_of(prompt, shares)
        _require_allowed(versions.values(), namespace.policy)
        _share_out(deployment, shares, versions)
        deployment.weighted_at = timezone.now()
    elif deployment.status == Deployment.ACTIVE:
        _require_allowed([each.version for each in present], namespace.policy)
    plan = _checked_plan(changes.get("plan", deployment.plan), _standing(deployment))
    if not (changed or is_split_anew or plan != deployment.plan):
        return deployment
    deployment.plan, deployment.updated_at = plan, timezone.now()
    deployment.save(update_fields=[*changed, "plan", "weighted_at", "updated_at"])
    return _changed(deployment, prompt, is_new=False, by=by)


def _changed(deployment: Deployment, prompt: Prompt, *, is_new: bool, by: Actor) -> Deployment:
    """Say what the deployment is from now on, to readers, to the log and to subscribers."""
    touch_served(by.tenant.pk)
    record(
        "deployment.created" if is_new else "deployment.changed",
        deployment,
        by=by,
        prompt_id=prompt.pk,
        prompt_name=prompt.full_name,
        sequence=prompt.next_sequence(),
        deploymentId=str(deployment.pk),
        name=deployment.name,
        status=deployment.status,
        variants=[
            {
                "variantId": str(each.pk),
                "versionId": str(each.version_id),
                "number": each.version.number,
                "weight": each.weight,
                "isControl": each.is_control,
            }
            for each in _standing(deployment)
        ],
        plan=deployment.plan,
        guardrails=deployment.guardrails,
    )
    return deployment


# ----------------------------------------------------------------------------- variants
def _with_one_control(shares: Sequence[Share], present: Sequence[Variant]) -> list[Share]:
    """The shares with their control: the one that is named, else the present one, else the first.

    Raises InvalidWeights, and Invalid for several controls or a version named twice.
    """
    total = sum(each.weight for each in shares)
    if total != WHOLE:
        raise InvalidWeights(f"Variant weights must sum to {WHOLE}, got {total}")
    ids = [each.version_id for each in shares]
    if len(set(ids)) < len(ids):
        raise Invalid.field("variants", "Name each version once.")
    controls = [each.version_id for each in shares if each.is_control]
    if len(controls) > 1:
        raise Invalid.field("variants", "Only one variant can be the control.")
    kept = [each.version_id for each in present if each.is_control and each.version_id in ids]
    control = (controls or kept or ids)[0]
    return [each._replace(is_control=each.version_id == control) for each in shares]


def _versions_of(prompt: Prompt, shares: Sequence[Share]) -> dict[UUID, PromptVersion]:
    found = prompt.versions.sealed().with_status().in_bulk([each.version_id for each in shares])
    unknown = {
        f"variants[{index}].versionId": ["There is no such version of this prompt."]
        for index, each in enumerate(shares)
        if each.version_id not in found
    }
    if unknown:
        raise Invalid.fields(unknown)
    return found


def _require_allowed(versions: Collection[PromptVersion], terms: NamespacePolicy) -> None:
    missing = policy.unmet_in_split(versions, terms)
    for version in versions:
        if unmet := missing[version.pk]:
            about = f"Version {version.number}: {unmet[0]['message']} Nothing was changed."
            raise PromotionBlocked(about, unmet=unmet, versionId=str(version.pk))


def _standing(deployment: Deployment) -> list[Variant]:
    return list(Variant.objects.standing().filter(deployment=deployment).select_related("version"))


def _shares_of(variants: Sequence[Variant]) -> dict[UUID, Share]:
    return {each.version_id: Share(each.version_id, each.weight, each.is_control) for each in variants}


def _share_out(deployment: Deployment, shares: Sequence[Share], versions: Mapping[UUID, PromptVersion]) -> None:
    """Give each version its share. A variant keeps its id whatever it gets; one that gets nothing more is retired."""
    known = {each.version_id: each for each in deployment.variants.all()}
    for version_id in known.keys() - versions.keys():
        gone = known[version_id]
        if gone.retired_at is None:
            gone.weight, gone.is_control, gone.retired_at = 0, False, timezone.now()
            gone.save(update_fields=["weight", "is_control", "retired_at"])
    for share in shares:
        variant = known.get(share.version_id) or Variant(
            tenant_id=deployment.tenant_id,
            prompt_id=deployment.prompt_id,
            deployment=deployment,
            version=versions[share.version_id],
            digest=versions[share.version_id].digest,
        )
        variant.weight, variant.is_control, variant.retired_at = share.weight, share.is_control, None
        variant.save()


# ----------------------------------------------------------------------------- plans
def _checked_plan(plan: Sequence[Mapping[str, Any]], variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """The plan with its weights by variant: a step may name a variant by its version too. Raises Invalid."""
    names = {str(each.pk): str(each.pk) for each in variants} | {
        str(each.version_id): str(each.pk) for each in variants
    }
    names |= {str(each.pk): CONTROL for each in variants if each.is_control}
    names |= {str(each.version_id): CONTROL for each in variants if each.is_control}
    names[CONTROL] = CONTROL
    steps = []
    for index, step in enumerate(plan):
        unknown = sorted(set(step["weights"]) - names.keys())
        if unknown:
            message = f"“{unknown[0][:60]}” is no variant here. Name a variant or its version by id, or {CONTROL}."
            raise Invalid.field(f"plan[{index}].weights", message)
        weights: dict[str, int] = {}
        for name, weight in step["weights"].items():
            weights[names[name]] = weights.get(names[name], 0) + weight
        if sum(weights.values()) != WHOLE:
            raise InvalidWeights(f"Variant weights must sum to {WHOLE}, got {sum(weights.values())} in plan[{index}]")
        steps.append({**step, "weights": weights})
    return steps
