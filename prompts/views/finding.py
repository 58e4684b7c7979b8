"""How doors find prompts and versions: from the actor's tenant, or not at all."""

from uuid import UUID

from prompts.models import Prompt, PromptVersion
from prompts.models.prompts import PromptRef
from pvc.api import ApiViewSet
from pvc.errors import NotFound
from tenants.models import Actor


class PromptDoor(ApiViewSet):
    """A door on the prompt that its path names."""

    def refused_target(self) -> tuple[str, UUID | None]:
        ref = self.kwargs.get("ref")
        known = Prompt.objects.visible_to(self.owner).named(ref).first() if ref and self.owner else None
        return (str(known.pk), known.pk) if known else super().refused_target()


def prompt_of(actor: Actor, ref: PromptRef) -> Prompt:
    """The prompt a path names. Raises NotFound, for another tenant's just the same."""
    prompt = Prompt.objects.visible_to(actor).named(ref).for_display().first()
    if prompt is None:
        raise NotFound("There is no such prompt.")
    return prompt


def version_of(prompt: Prompt, version: int | UUID) -> PromptVersion:
    """A sealed version of a prompt by number or id. Raises NotFound."""
    named = {"number": version} if isinstance(version, int) else {"pk": version}
    found = prompt.versions.sealed().with_status().filter(**named).first()
    if found is None:
        raise NotFound("There is no such version of this prompt.")
    return found
