"""What the pages of webhooks are about, found among the reader's tenant's; and how an attempt went, in words."""

from uuid import UUID

from pvc.errors import NotFound
from pvc.outbound import Kind, Unreachable
from tenants.models import Actor
from webhooks.models import Delivery, WebhookEndpoint


def endpoint_of(actor: Actor, webhook_id: UUID) -> WebhookEndpoint:
    """Raises NotFound."""
    found = WebhookEndpoint.objects.visible_to(actor).filter(pk=webhook_id).first()
    if found is None:
        raise NotFound("There is no such subscription.")
    return found


def delivery_of(actor: Actor, delivery_id: UUID) -> Delivery:
    """With its endpoint. Raises NotFound."""
    found = Delivery.objects.visible_to(actor).select_related("endpoint").filter(pk=delivery_id).first()
    if found is None:
        raise NotFound("There is no such delivery.")
    return found


def outcome_of(status: int | None, error: Kind | str) -> str:
    """What came of an attempt: the status that was answered, or where the call ended (pvc/outbound.py)."""
    if status is not None:
        return f"answered {status}"
    return str(Unreachable(error))  # type: ignore[arg-type]  # a column has no narrower type than text
