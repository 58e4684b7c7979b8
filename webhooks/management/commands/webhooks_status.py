"""`manage.py webhooks_status --tenant acme`"""

from argparse import ArgumentParser
from typing import Any

from django.db.models import Count, Min, Q

from pvc.answers import moment
from pvc.commands import ActionCommand, tenant_named
from webhooks.models import Delivery, WebhookEndpoint


class Command(ActionCommand):
    help = "Say how the subscriptions of a tenant do: what waits for each, since when one fails, and why one is off."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", required=True, metavar="SLUG")

    def act(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        tenant = tenant_named(options["tenant"])
        pending = Q(deliveries__status=Delivery.PENDING)
        given_up = Q(deliveries__status__in=[Delivery.EXHAUSTED, Delivery.QUARANTINED])
        rows: Any = WebhookEndpoint.objects.filter(tenant=tenant).annotate(
            pending=Count("deliveries", filter=pending),
            given_up=Count("deliveries", filter=given_up),
            oldest=Min("deliveries__created_at", filter=pending),
        )
        return [
            {
                "id": str(row.pk),
                "host": row.host,
                "active": row.is_active,
                "reason": row.disabled_reason or None,
                "pending": row.pending,
                "givenUp": row.given_up,
                "oldestPending": moment(row.oldest) if row.oldest else None,
                "failingSince": moment(row.failing_since) if row.failing_since else None,
            }
            for row in rows.order_by("id")
        ]

    def tell(self, result: list[dict[str, Any]]) -> str:
        if not result:
            return "There are no subscriptions."
        return "\n".join(f"{each['id']}  {each['host']:<40} {_state(each)}" for each in result)


def _state(told: dict[str, Any]) -> str:
    state = "on" if told["active"] else f"off: {told['reason'] or 'by hand'}"
    failing = f", failing since {told['failingSince']}" if told["failingSince"] else ""
    return f"{state}, {told['pending']} pending, {told['givenUp']} given up{failing}"
