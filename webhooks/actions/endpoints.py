"""Verbs on endpoints: subscribed, changed, removed, and given another secret."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils import timezone

from audit.events import PUBLIC
from audit.unit import record, verb
from pvc import outbound
from pvc.errors import Invalid
from pvc.standard_webhooks import Secret, given_secret, new_secret
from tenants.models import Actor
from webhooks.models import EVERYTHING, STANDARD, Delivery, WebhookEndpoint


class Subscribed(NamedTuple):
    """An endpoint, and its secret, which is shown this once."""

    endpoint: WebhookEndpoint
    secret: Secret


@verb
def create_endpoint(
    url: str,
    *,
    events: Sequence[str],
    by: Actor,
    secret: str | None = None,
    kind: str = STANDARD,
    description: str = "",
    is_active: bool = True,
) -> Subscribed:
    """Subscribe an address to events. Raises RefusedAddress, and Invalid for an event that there is not."""
    outbound.check_url(url)
    endpoint = WebhookEndpoint(
        tenant=by.tenant, url=url, kind=kind, events=known(events), description=description, is_active=is_active
    )
    key = given_secret(secret) if secret else new_secret()
    endpoint.keep(key)
    endpoint.save(force_insert=True)
    record("webhook.created", endpoint, by=by, host=endpoint.host, kind=kind, events=endpoint.events)
    return Subscribed(endpoint, key)


@verb
def update_endpoint(endpoint: WebhookEndpoint, changes: Mapping[str, Any], *, by: Actor) -> WebhookEndpoint:
    """Change an endpoint. Switched on again it begins with a clean record; switched off, what is on its way ends."""
    if "url" in changes:
        outbound.check_url(changes["url"])
    endpoint = _held(endpoint)
    wanted = {**changes, **({"events": known(changes["events"])} if "events" in changes else {})}
    changed = {name: value for name, value in wanted.items() if getattr(endpoint, name) != value}
    if not changed:
        return endpoint
    for name, value in changed.items():
        setattr(endpoint, name, value)
    endpoint.updated_at = timezone.now()
    if changed.get("is_active"):
        endpoint.failing_since, endpoint.disabled_reason = None, ""
    if changed.get("is_active") is False:
        cancel(endpoint)
    endpoint.save(update_fields=[*changed, "updated_at", "failing_since", "disabled_reason"])
    told = {name: endpoint.host if name == "url" else value for name, value in changed.items()}
    record("webhook.changed", endpoint, by=by, host=endpoint.host, changes=told)
    return endpoint


@verb
def delete_endpoint(endpoint: WebhookEndpoint, *, by: Actor) -> None:
    """Forget an endpoint, its deliveries and their attempts."""
    endpoint = _held(endpoint)
    record("webhook.deleted", endpoint, by=by, host=endpoint.host)
    endpoint.delete()


@verb
def rotate_secret(endpoint: WebhookEndpoint, *, by: Actor, secret: str | None = None) -> Subscribed:
    """Give an endpoint another secret. For a day both sign, so that a receiver can change when it likes."""
    endpoint = _held(endpoint)
    key = given_secret(secret) if secret else new_secret()
    endpoint.rotate(key)
    endpoint.updated_at = timezone.now()
    endpoint.save(update_fields=["sealed_secret", "sealed_previous", "previous_until", "updated_at"])
    record("webhook.secret_rotated", endpoint, by=by, host=endpoint.host)
    return Subscribed(endpoint, key)


def known(events: Sequence[str]) -> list[str]:
    """The names in order, without repeats. Raises Invalid for one that is no event."""
    if unknown := sorted(set(events) - PUBLIC - {EVERYTHING}):
        names = ", ".join(sorted(PUBLIC))
        raise Invalid.field("events", f"There is no event “{unknown[0][:60]}”. Use {EVERYTHING}, or some of {names}.")
    return sorted(set(events))


def cancel(endpoint: WebhookEndpoint) -> int:
    """What is still on its way to an endpoint ends. Returns how many deliveries."""
    pending = Delivery.objects.filter(endpoint=endpoint, due_at__isnull=False)
    return pending.update(status=Delivery.CANCELLED, due_at=None, ended_at=timezone.now())


def _held(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
