"""`manage.py replay_webhooks 019c… --tenant acme --as dave --since 2026-03-02T08:00:00Z`"""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from tenants.models import Actor
from webhooks.actions import sending
from webhooks.management.finding import EndpointCommand
from webhooks.models import WebhookEndpoint


class Command(EndpointCommand):
    help = "Send the events of a stretch of time to a subscription again, each under the id that it had."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--since", type=datetime.fromisoformat, metavar="TIME", help="ISO 8601; else all there is")
        parser.add_argument("--until", type=datetime.fromisoformat, metavar="TIME", help="ISO 8601; else up to now")

    def change(self, endpoint: WebhookEndpoint, options: dict[str, Any], *, by: Actor) -> dict[str, Any]:
        return {"replayed": sending.replay(endpoint, since=options["since"], until=options["until"], by=by)}

    def tell(self, result: dict[str, Any]) -> str:
        return f"{result['replayed']} events are sent again."
