"""A prompt, its versions, and traffic that is split between them, asked for over HTTP."""

from dataclasses import dataclass
from typing import Any

from prompts.models import Namespace, Prompt, PromptVersion
from tenants.models import Actor
from tests import factories
from tests.factories import Client, json_of

TEXTS = ("Text 1", "Text 2", "Text 3")


@dataclass
class Split:
    """An administrator's prompt with three versions, and nothing deployed of it."""

    admin: Actor
    prompt: Prompt
    versions: list[PromptVersion]

    @property
    def client(self) -> Client:
        return factories.client_of(self.admin)

    def id(self, number: int) -> str:
        """The id of the version with this number."""
        return str(self.versions[number - 1].pk)

    def body(self, *weights: int, **fields: Any) -> dict[str, Any]:
        """A body that makes a deployment of the first versions with these weights."""
        return {"promptId": str(self.prompt.pk), "variants": self.shares(*weights), **fields}

    def shares(self, *weights: int) -> list[dict[str, Any]]:
        return [{"versionId": self.id(number), "weight": weight} for number, weight in enumerate(weights, 1)]

    def made(self, *weights: int, **fields: Any) -> dict[str, Any]:
        """A deployment, as the answer shows it."""
        response = self.client.post("/deployments", self.body(*weights, **fields))
        assert response.status_code == 201, response.content
        shown: dict[str, Any] = json_of(response)
        return shown

    def changed(self, deployment: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The same after a PUT."""
        response = self.client.put(f"/deployments/{deployment['id']}", fields)
        assert response.status_code == 200, response.content
        shown: dict[str, Any] = json_of(response)
        return shown


def lay(tenant_slug: str = "", namespace: Namespace | None = None) -> Split:
    """One in a tenant of its own, or in a namespace that is there."""
    tenant = namespace.tenant if namespace else factories.make_tenant(tenant_slug)
    admin = factories.make_actor(tenant)
    place = namespace or Namespace.objects.get(tenant=tenant, slug="default")
    prompt = factories.make_prompt(place, body=TEXTS[0], by=admin)
    later = [factories.make_version(prompt, text, by=admin) for text in TEXTS[1:]]
    return Split(admin, prompt, [prompt.versions.get(number=1), *later])
