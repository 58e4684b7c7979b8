"""How subscriptions do: what waits for each, what was given up, and which of them somebody should look at."""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q

from tenants.models import Actor
from webhooks.models import WebhookEndpoint, WebhookEndpointQuerySet

#: Counting ends here: a page says “1000 or more”.
MOST_COUNTED: Final = 1_000


class Standing(NamedTuple):
    """Deliveries of one endpoint, each number up to MOST_COUNTED."""

    pending: int
    #: Exhausted or quarantined, as long as deliveries are kept.
    given_up: int


def standings_of(endpoints: Iterable[WebhookEndpoint]) -> dict[UUID, Standing]:
    """How these do, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT asked.id,
                (SELECT count(*) FROM (SELECT 1 FROM webhooks_delivery
                    WHERE endpoint_id = asked.id AND due_at IS NOT NULL LIMIT %(most)s) pending),
                (SELECT count(*) FROM (SELECT 1 FROM webhooks_delivery
                    WHERE endpoint_id = asked.id AND status IN ('exhausted', 'quarantined') LIMIT %(most)s) given_up)
            FROM unnest(%(ids)s::uuid[]) AS asked (id)
            """,
            {"most": MOST_COUNTED, "ids": [each.pk for each in endpoints]},
        )
        return {row[0]: Standing(row[1], row[2]) for row in cursor.fetchall()}


def in_trouble(actor: Actor) -> WebhookEndpointQuerySet:
    """A tenant's endpoints that only fail, or that the server switched off; the newest first."""
    failing = Q(is_active=True, failing_since__isnull=False)
    stopped = Q(is_active=False) & ~Q(disabled_reason="")
    return WebhookEndpoint.objects.visible_to(actor).filter(failing | stopped).order_by("-id")
