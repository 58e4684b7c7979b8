"""What an endpoint is sent: the same bytes at every attempt. Pure but for the names of the console's pages."""

from typing import Any

import orjson
from django.conf import settings
from django.urls import reverse

from audit.models import OutboxEvent
from pvc.answers import moment
from webhooks.models import SLACK

#: Where an event does not say.
NOTHING = "?"
#: What a reader of a chat is told of an event; `{prompt}` and the like come out of its data.
_SENTENCES = {
    "prompt.created": "{prompt} was made.",
    "version.created": "{prompt} has a version {number}.",
    "tag.moved": "{prompt}: {tag} went from {fromNumber} to {toNumber}.",
    "promotion.requested": "{prompt}: version {number} waits for approval.",
    "promotion.approved": "{prompt}: version {number} was approved.",
    "promotion.rejected": "{prompt}: version {number} was rejected: {reason}",
    "promotion.overridden": "{prompt}: version {number} is live by an override: {reason}",
    "promotion.rolled_back": "{prompt} went back to version {number}.",
    "eval.completed": "{prompt}: the evaluation of version {number} by {harnessId} {status}.",
    "deployment.changed": "{prompt}: traffic is split {split} ({status}).",
    "policy.changed": "The policy of {namespace} changed.",
    "endpoint.disabled": "Webhooks to {host} were switched off: {reason}",
    "webhook.test": "This is a test. It works.",
}


def body_of(event: OutboxEvent, kind: str) -> bytes:
    """The body for an endpoint of this kind: the event itself, or a sentence for a chat."""
    return orjson.dumps(_for_chat(event) if kind == SLACK else _whole(event))


def _whole(event: OutboxEvent) -> dict[str, Any]:
    """Contract 7. `payload` and `createdAt` are older names of `data` and `timestamp`."""
    at = moment(event.created_at)
    return {
        "id": str(event.pk),
        "type": event.type,
        "projectId": str(event.tenant_id),
        "timestamp": at,
        "createdAt": at,
        "sequence": event.sequence,
        "data": event.data,
        "payload": event.data,
    }


def _for_chat(event: OutboxEvent) -> dict[str, str]:
    """Slack's simplest message; its three special characters are escaped as Slack asks."""
    said = {**event.data, "type": event.type, "split": _split_in_words(event.data.get("variants", []))}
    sentence = _SENTENCES.get(event.type, "{type}").format_map(_Said(said))
    link = _link_of(event)
    return {"text": f"{sentence} <{link}|Look at it>" if link else sentence}


def _split_in_words(variants: list[dict[str, Any]]) -> str:
    return ", ".join(f"{each['weight']} % version {each['number']}" for each in variants)


class _Said(dict[str, Any]):
    """An event's data as words: what is absent is a question mark."""

    def __missing__(self, name: str) -> str:
        return NOTHING

    def __getitem__(self, name: str) -> str:
        value = super().get(name)
        text = NOTHING if value is None else str(value)
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _link_of(event: OutboxEvent) -> str | None:
    """The page of the version or the deployment that it is about, where people have an address to go to."""
    version, deployment = event.data.get("versionId") or event.data.get("toVersionId"), event.data.get("deploymentId")
    if not settings.PUBLIC_API_URL or not (version or deployment):
        return None
    page = reverse("console:deployment", args=[deployment]) if deployment else reverse("console:review", args=[version])
    return f"{settings.PUBLIC_API_URL}{page}"
