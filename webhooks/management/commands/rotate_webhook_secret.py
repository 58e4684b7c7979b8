"""`manage.py rotate_webhook_secret 019c… --tenant acme --as dave`"""

from typing import Any

from pvc.answers import moment
from tenants.models import Actor
from webhooks.actions import endpoints
from webhooks.management.finding import EndpointCommand
from webhooks.models import WebhookEndpoint


class Command(EndpointCommand):
    help = "Give a subscription another secret, and print it this once. For 24 hours the one before signs as well."

    def change(self, endpoint: WebhookEndpoint, options: dict[str, Any], *, by: Actor) -> dict[str, Any]:  # noqa: ARG002
        made = endpoints.rotate_secret(endpoint, by=by)
        until = made.endpoint.previous_until
        assert until is not None
        return {"secret": made.secret.text, "previousValidUntil": moment(until)}

    def tell(self, result: dict[str, Any]) -> str:
        return f"{result['secret']}\nThe secret before signs as well until {result['previousValidUntil']}."
