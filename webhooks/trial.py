"""A test message: sent at once, to one endpoint, outside of any unit of work."""

from typing import Any

from django.utils import timezone

from audit.models import OutboxEvent
from pvc import outbound
from pvc.ids import new_id
from tenants.models import Actor
from webhooks.message import body_of
from webhooks.models import WebhookEndpoint
from webhooks.worker import signed


def sent_to(endpoint: WebhookEndpoint, *, by: Actor) -> dict[str, Any]:
    """What came of a `webhook.test`: success, and the status or where it ended (contract 3). Nothing is stored."""
    event = OutboxEvent(
        id=new_id(), tenant_id=endpoint.tenant_id, type="webhook.test", data={"by": by.name}, created_at=timezone.now()
    )
    body = body_of(event, endpoint.kind)
    try:
        status = outbound.post(endpoint.url, body, signed(endpoint, event, body)).status
    except outbound.Unreachable as failed:
        return {"success": False, "error": failed.kind}
    if 200 <= status < 300:
        return {"success": True, "status": status}
    return {"success": False, "status": status, "error": "status"}
