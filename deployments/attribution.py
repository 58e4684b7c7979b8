"""Whose a measurement is: the prompt of its version, and the variant by which a deployment served it.

What is true of a sealed version, and of a variant, stays true: a version keeps its prompt, and a variant its version
and its id. So what this process has once found it knows, and asks the database for what is new to it alone.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from deployments.items import Item
from deployments.models import Variant
from prompts.models import PromptVersion
from pvc.errors import Invalid

#: About 30 MB of memory; past that it begins anew.
MOST_KNOWN: Final = 100_000
MOST_FAULTS: Final = 50


class Place(NamedTuple):
    """What an item counts for."""

    prompt_id: UUID
    version_id: UUID
    variant_id: UUID | None = None


#: By tenant, and by the ids as they were sent: of a version; of a deployment and a version.
_versions: dict[tuple[UUID, str], Place] = {}
_variants: dict[tuple[UUID, str, str], Place] = {}


def forget() -> None:
    """Drop what this process knows."""
    _versions.clear()
    _variants.clear()


def places_of(items: Sequence[Item], tenant_id: UUID) -> list[Place]:
    """The place of each item. Raises Invalid, naming each by its index that is nobody's here."""
    _learn(items, tenant_id)
    places: list[Place] = []
    faults: dict[str, list[str]] = {}
    for index, item in enumerate(items):
        version, deployment = item.versionId, item.deploymentId
        found = _variants.get((tenant_id, deployment, version)) if deployment else _versions.get((tenant_id, version))
        if found is not None:
            places.append(found)
        elif len(faults) < MOST_FAULTS:
            faults |= {f"metrics[{index}].{name}": [told] for name, told in _fault(item, tenant_id).items()}
    if faults:
        raise Invalid.fields(faults)
    return places


def _fault(item: Item, tenant_id: UUID) -> dict[str, str]:
    if (tenant_id, item.versionId) not in _versions:
        return {"versionId": "There is no such version."}
    return {"deploymentId": "There is no such deployment, or it has never served this version."}


def _learn(items: Iterable[Item], tenant_id: UUID) -> None:
    versions = {item.versionId for item in items if (tenant_id, item.versionId) not in _versions}
    served = {
        (item.deploymentId, item.versionId)
        for item in items
        if item.deploymentId and (tenant_id, item.deploymentId, item.versionId) not in _variants
    }
    if len(_versions) + len(_variants) > MOST_KNOWN:
        forget()
        _learn(items, tenant_id)
        return
    if versions:
        _learn_versions(versions, tenant_id)
    if served:
        _learn_variants(served, tenant_id)


def _learn_versions(sent: set[str], tenant_id: UUID) -> None:
    ids = {text: id_ for text in sent if (id_ := _uuid(text))}
    rows = PromptVersion.objects.sealed().filter(tenant_id=tenant_id, pk__in=ids.values())
    prompts = dict(rows.values_list("pk", "prompt_id"))
    for text, id_ in ids.items():
        if id_ in prompts:
            _versions[tenant_id, text] = Place(prompts[id_], id_)


def _learn_variants(sent: set[tuple[str, str]], tenant_id: UUID) -> None:
    ids = {pair: (_uuid(pair[0]), _uuid(pair[1])) for pair in sent}
    deployments = {deployment for deployment, _ in ids.values() if deployment}
    rows = Variant.objects.filter(tenant_id=tenant_id, deployment__in=deployments)
    places = {
        (deployment_id, version_id): Place(prompt_id, version_id, variant_id)
        for deployment_id, version_id, prompt_id, variant_id in rows.values_list(
            "deployment_id", "version_id", "prompt_id", "pk"
        )
    }
    for (deployment, version), pair in ids.items():
        if place := places.get(pair):  # type: ignore[arg-type]  # None is in no pair
            _variants[tenant_id, deployment, version] = place


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
