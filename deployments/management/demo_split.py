"""A demo's split of traffic: two versions at the same time, and what was measured of them in the last days."""

import datetime as dt
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils import timezone

from deployments.actions import experiments, metrics
from deployments.assignment import Arm, Split
from deployments.items import MOST_ITEMS, Cost, Item, Latency, Quality
from deployments.models import Deployment, Variant
from prompts.models import Prompt
from pvc.errors import Invalid
from tenants.models import Actor

_CLASSES: Final[dict[str, type[Cost | Latency | Quality]]] = {"cost": Cost, "latency": Latency, "quality": Quality}
#: How far values lie apart, relative to their mean.
_SPREAD: Final = 0.3


@dataclass(frozen=True)
class DemoSplit:
    """What share each version gets, by number, and what each of so many sessions brings: a mean for each version."""

    name: str
    weights: Mapping[int, int]
    sessions: int
    hours: int
    measured: tuple[Mapping[str, Any], ...]

    def play(self, prompt: Prompt, *, by: Actor) -> None:
        """Make the deployment, and send what its sessions brought."""
        numbers = dict(prompt.versions.sealed().values_list("number", "pk"))
        if unknown := self.weights.keys() - numbers.keys():
            raise Invalid(f"There is no version {min(unknown)} to split the traffic with.")
        shares = [experiments.Share(numbers[number], weight) for number, weight in self.weights.items()]
        deployment = experiments.create_deployment(prompt, variants=shares, name=self.name, by=by)
        items = list(self._items(deployment, random.Random(self.name)))  # noqa: S311 -- the same demo every time
        for first in range(0, len(items), MOST_ITEMS):
            metrics.ingest(items[first : first + MOST_ITEMS], by=by)

    def _items(self, deployment: Deployment, chance: random.Random) -> Iterator[Item]:
        variants = {
            str(each.pk): each for each in Variant.objects.filter(deployment=deployment).select_related("version")
        }
        split = Split(str(deployment.pk), [Arm(id_, each.weight) for id_, each in variants.items()])
        now = timezone.now()
        for number in range(self.sessions):
            session = f"session-{number}"
            version = variants[split.of(session).id].version
            at = now - dt.timedelta(hours=self.hours * chance.random())
            for told in self.measured:
                mean = told["means"][version.number]
                is_quality = told["type"] == "quality"
                value = float(chance.random() < mean) if is_quality else mean * chance.lognormvariate(0, _SPREAD)
                yield _CLASSES[told["type"]](
                    version_id=str(version.pk),
                    name=told["name"],
                    unit=told["unit"],
                    value=value,
                    timestamp=at,
                    deployment_id=str(deployment.pk),
                    session_id=session,
                )
