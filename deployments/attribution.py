"""Whose a measurement is: the prompt of its version, and the variant by which a deployment served it.

What is true of a sealed version, and of a variant, stays true: a version keeps its prompt, and a variant its version
and its id. So what this process has once found it knows, and asks the database for what is new to it alone.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from deployments.items import MOST_FAULTS, Item
from deployments.models import Variant
from prompts.models import PromptVersion
from pvc.errors import Invalid

#: About 30 MB of memory; past that it begins anew.
MOST_KNOWN: Final = 100_000


class Place(NamedTuple):
    """What an item counts for."""

    prompt_id: UUID
    version_id: UUID
    variant_id: UUID | None = None


#: A tenant, and the ids as they were sent: of a version, and of the deployment that served it, if one did.
Address = tuple[UUID, str, str | None]
_places: dict[Address, Place] = {}


def forget() -> None:
    """Drop what this process knows."""
    _places.clear()


def places_of(items: Sequence[Item], tenant_id: UUID) -> list[Place]:
    """The place of each item. Raises Invalid, naming each by its index that is nobody's here."""
    addresses = [(tenant_id, item.version_id, item.deployment_id) for item in items]
    places = [_places.get(each) for each in addresses]
    if None in places:
        found = _found({each for each, place in zip(addresses, places, strict=True) if place is None}, tenant_id)
        if len(_places) + len(found) > MOST_KNOWN:
            forget()
        _places.update(found)
        places = [place or found.get(each) for each, place in zip(addresses, places, strict=True)]
        if faults := dict(itertools.islice(_faults(addresses, places, found), MOST_FAULTS)):
            raise Invalid.fields(faults)
    return [place for place in places if place is not None]


def _faults(
    addresses: Sequence[Address], places: Sequence[Place | None], found: Mapping[Address, Place]
) -> Iterator[tuple[str, list[str]]]:
    for index, ((tenant_id, version, _), place) in enumerate(zip(addresses, places, strict=True)):
        if place is not None:
            continue
        if (tenant_id, version, None) in found:
            message = "There is no such deployment, or it has never served this version."
            yield f"metrics[{index}].deploymentId", [message]
        else:
            yield f"metrics[{index}].versionId", ["There is no such version."]


def _found(addresses: Iterable[Address], tenant_id: UUID) -> dict[Address, Place]:
    """The places of these addresses, and those of their versions by themselves."""
    ids = {(version, deployment): (_uuid(version), _uuid(deployment)) for _, version, deployment in addresses}
    versions = PromptVersion.objects.sealed().filter(
        tenant_id=tenant_id, pk__in={one for one, _ in ids.values() if one}
    )
    prompts = dict(versions.values_list("pk", "prompt_id"))
    deployments = {other for _, other in ids.values() if other}
    variants = Variant.objects.filter(tenant_id=tenant_id, deployment__in=deployments)
    served: dict[tuple[UUID, UUID | None], UUID] = {
        (one, other): pk for one, other, pk in variants.values_list("version_id", "deployment_id", "pk")
    }
    found: dict[Address, Place] = {}
    for (version, deployment), (version_id, deployment_id) in ids.items():
        if version_id in prompts:
            found[tenant_id, version, None] = Place(prompts[version_id], version_id)
            if variant_id := served.get((version_id, deployment_id)):
                found[tenant_id, version, deployment] = Place(prompts[version_id], version_id, variant_id)
    return found


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text and len(text) == 36 else None
    except ValueError:
        return None
