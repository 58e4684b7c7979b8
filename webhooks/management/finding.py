"""What commands on one subscription share: they name it, and the person who acts."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from pvc.commands import ActionCommand, actor_for, tenant_named
from tenants.models import Actor
from webhooks.models import WebhookEndpoint


class EndpointCommand(ActionCommand):
    """A command of one person on one subscription; who lacks the right is refused here as at every other door."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("webhook", type=UUID, help="its id; webhooks_status lists them")
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--as", dest="username", required=True, metavar="USERNAME", help="who does this")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        by = actor_for(tenant_named(options["tenant"]), options["username"])
        if not by.may("webhooks:write"):
            raise CommandError(f"{by.name} does not hold webhooks:write.")
        endpoint = WebhookEndpoint.objects.visible_to(by).filter(pk=options["webhook"]).first()
        if endpoint is None:
            raise CommandError(f"There is no subscription {options['webhook']}.")
        return self.change(endpoint, options, by=by)

    def change(self, endpoint: WebhookEndpoint, options: dict[str, Any], *, by: Actor) -> dict[str, Any]:
        """Call the verb; what is returned can be shown as JSON. Raises DomainError."""
        raise NotImplementedError
