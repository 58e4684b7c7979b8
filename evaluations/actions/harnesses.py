"""Verbs on harnesses: registered, changed, removed. Their secrets come in and never go out."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from audit.unit import record, verb
from evaluations.models import HARNESS_NAME, PLAIN_NAME, Harness
from prompts.names import is_uuid
from pvc import outbound
from pvc.errors import Invalid
from pvc.standard_webhooks import given_secret
from tenants.models import Actor


@verb
def register_harness(name: str, *, url: str, secret: str, timeout_seconds: int = 300, by: Actor) -> Harness:
    """Make a server known that evaluates when it is asked to. Raises Invalid for an address that is never called."""
    _check({"name": name, "url": url, "secret": secret})
    harness = Harness(tenant=by.tenant, name=name, url=url, timeout_seconds=timeout_seconds)
    harness.keep(secret)
    harness.save(force_insert=True)
    record("harness.registered", harness, by=by, name=name, url=url, timeout_seconds=timeout_seconds)
    return harness


@verb
def change_harness(harness: Harness, changes: Mapping[str, Any], *, by: Actor) -> Harness:
    """Change its address, secret or time limit. Its name is fixed: runs and policies know it by that."""
    _check(changes)  # a name may have to be looked up: not under a lock
    harness = Harness.objects.select_for_update(no_key=True).get(pk=harness.pk)
    changed = {name: value for name, value in changes.items() if name == "secret" or getattr(harness, name) != value}
    if not changed:
        return harness
    if "secret" in changed:
        harness.keep(changed.pop("secret"))
        changed["sealed_secret"] = harness.sealed_secret
    for name, value in changed.items():
        setattr(harness, name, value)
    harness.updated_at = timezone.now()
    harness.save(update_fields=[*changed, "updated_at"])
    told = {name: "changed" if name == "sealed_secret" else value for name, value in changed.items()}
    told = {"secret" if name == "sealed_secret" else name: value for name, value in told.items()}
    record("harness.changed", harness, by=by, name=harness.name, changes=told)
    return harness


@verb
def remove_harness(harness: Harness, *, by: Actor) -> None:
    """Forget a harness. What it has said stays; what it has not yet said nobody can sign any more."""
    harness = Harness.objects.select_for_update().get(pk=harness.pk)
    record("harness.removed", harness, by=by, name=harness.name, url=harness.url)
    harness.delete()


def _check(fields: Mapping[str, Any]) -> None:
    name = fields.get("name")
    if name is not None and (is_uuid(name) or not re.fullmatch(HARNESS_NAME, name)):
        raise Invalid.field("name", PLAIN_NAME)
    if "url" in fields:
        outbound.check_url(fields["url"])
    if "secret" in fields:
        given_secret(fields["secret"])
