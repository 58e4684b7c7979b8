"""How doors find prompts and versions: from the actor's tenant, or not at all."""

from uuid import UUID

from django.db.models import QuerySet
from rest_framework.response import Response

from prompts.lifecycle import VersionOut
from prompts.models import Namespace, Prompt, PromptVersion
from prompts.models.prompts import PromptRef
from pvc.api import ApiViewSet
from pvc.errors import NotFound
from tenants.models import Actor, UserRequired


class PromptDoor(ApiViewSet):
    """A door on the prompt that its path names."""

    def refused_target(self) -> tuple[str, UUID | None]:
        ref = self.kwargs.get("ref")
        known = Prompt.objects.visible_to(self.owner).named(ref).first() if ref and self.owner else None
        return (str(known.pk), known.pk) if known else super().refused_target()


class LifecycleDoor(ApiViewSet):
    """A door of the lifecycle surface."""

    cursor_field = "next_cursor"

    def require(self, scope: str) -> None:
        """What is written through a gateway's key is the acting person's, so somebody has to be named."""
        writes = self.request.method not in ("GET", "HEAD")
        if writes and self.actor.speaks_for_a_gateway and "X-User-Id" not in self.request.headers:
            raise UserRequired("Name the acting user in X-User-Id.")
        super().require(scope)


class VersionDoor(LifecycleDoor):
    """A door on the version that its path names."""

    def refused_target(self) -> tuple[str, UUID | None]:
        version_id = self.kwargs["version_id"]
        known = PromptVersion.objects.visible_to(self.owner).filter(pk=version_id).first() if self.owner else None
        return (str(version_id), known.prompt_id if known else None)

    def version(self) -> PromptVersion:
        """The version of the path: a sealed one, or the actor's own draft. Raises NotFound."""
        return version_shown(self.actor, self.kwargs["version_id"])

    def shown(self, version: PromptVersion, *, status: int = 200) -> Response:
        """The version as it is now."""
        found = in_full(PromptVersion.objects.filter(pk=version.pk)).get()
        return self.answer(VersionOut(found).data, status=status, revision=found.revision)


def in_full(versions: QuerySet[PromptVersion]) -> QuerySet[PromptVersion]:
    """With everything that the lifecycle surface shows of a version."""
    related = ("tags", "approvals__decided_by", "contributors__user", "targets")
    return versions.select_related("author").prefetch_related(*related)


def namespace_of(actor: Actor, name: str) -> Namespace:
    """The namespace of this id or slug. Raises NotFound, for another tenant's just the same."""
    found = Namespace.objects.visible_to(actor).named(name).first()
    if found is None:
        raise NotFound("There is no such namespace.")
    return found


def prompt_of(actor: Actor, ref: PromptRef) -> Prompt:
    """The prompt a path names. Raises NotFound, for another tenant's just the same."""
    prompt = Prompt.objects.visible_to(actor).named(ref).for_display().first()
    if prompt is None:
        raise NotFound("There is no such prompt.")
    return prompt


def version_shown(actor: Actor, version_id: UUID) -> PromptVersion:
    """A sealed version of the tenant's, or the actor's own draft. Raises NotFound."""
    shown = PromptVersion.objects.shown_to(actor).select_related("prompt__namespace")
    found = shown.filter(pk=version_id).first()
    if found is None:
        raise NotFound("There is no such version.")
    return found


def version_of(prompt: Prompt, version: int | UUID) -> PromptVersion:
    """A sealed version of a prompt by number or id. Raises NotFound."""
    named = {"number": version} if isinstance(version, int) else {"pk": version}
    found = prompt.versions.sealed().with_status().filter(**named).first()
    if found is None:
        raise NotFound("There is no such version of this prompt.")
    return found
