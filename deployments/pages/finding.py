"""How pages and buttons find prompts and versions: from the reader's tenant, or not at all."""

from uuid import UUID

from prompts.models import PromptVersion
from prompts.views.finding import in_full
from pvc.errors import NotFound
from tenants.models import Actor


def version_shown(actor: Actor, version_id: UUID) -> PromptVersion:
    """A sealed version of the tenant's, or the actor's own draft. Raises NotFound."""
    shown = PromptVersion.objects.shown_to(actor).select_related("prompt__namespace", "prompt__tier")
    found = in_full(shown).filter(pk=version_id).first()
    if found is None:
        raise NotFound("There is no such version.")
    return found
