"""The one table of what can happen: each audit verb, what it carries, and the event others hear of it.

`record()` checks against it; the audit log, webhooks and their documentation all read it.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Event:
    """An audit verb. `public` is the event sent to subscribers, if any; `fields` are the names in its data."""

    verb: str
    meaning: str
    fields: frozenset[str]
    public: str | None = None
    #: Whether it is about a prompt, which subscribers are then told as well.
    of_prompt: bool = True

    @property
    def told(self) -> frozenset[str]:
        """The names in what subscribers are sent."""
        return self.fields | {"promptId", "prompt"} if self.of_prompt else self.fields


def _event(verb: str, meaning: str, fields: str = "", public: str | None = None, *, of_prompt: bool = True) -> Event:
    return Event(verb, meaning, frozenset(fields.split()), public, of_prompt)


#: A deployment as it is from now on.
_SPLIT: Final = "deploymentId name status variants plan guardrails"

EVENTS: Final = MappingProxyType(
    {
        event.verb: event
        for event in (
            _event("audit.key_changed", "Another key signs the log from here on.", "from to"),
            _event("entry.redacted", "What stands in the place of an entry whose content was taken out."),
            _event("audit.redacted", "What an entry said was taken out; its place in the log stays.", "seqs reason"),
            _event("tenant.created", "A tenant was made.", "slug name"),
            _event("user.created", "A person or a service account was made.", "username groups is_service owner"),
            _event("api_key.created", "An API key was issued.", "key_id name owner scopes expires_at"),
            _event(
                "api_key.narrowed",
                "An API key was left fewer scopes, or an earlier end.",
                "key_id name owner scopes expires_at",
            ),
            _event("api_key.revoked", "An API key was revoked.", "key_id name owner"),
            _event("namespace.created", "A namespace was made.", "slug name required_approvals"),
            _event("namespace.updated", "A namespace's name or description changed.", "changes"),
            _event(
                "policy.changed",
                "A namespace's policy changed.",
                "namespace number changes changedBy approvedBy",
                "policy.changed",
                of_prompt=False,
            ),
            _event("policy.change_requested", "A weaker policy waits for a second person.", "namespace changes"),
            _event("policy.change_approved", "A second person agreed to a weaker policy.", "namespace changes"),
            _event("policy.change_rejected", "A second person refused a weaker policy.", "namespace changes"),
            _event("prompt.created", "A prompt was made.", "namespace name type", "prompt.created"),
            _event("prompt.updated", "What a prompt says of itself changed.", "changed"),
            _event("prompt.archived", "A prompt was archived.", "namespace name"),
            _event("prompt.unarchived", "A prompt came back from the archive.", "namespace name"),
            _event("draft.created", "A draft was opened.", "versionId number digest"),
            _event("draft.saved", "A draft was written anew.", "versionId number digest"),
            _event("draft.discarded", "A draft was thrown away.", "versionId number digest"),
            _event("harness.registered", "A server that evaluates was registered.", "name url timeout_seconds"),
            _event("harness.changed", "What is known of a harness changed.", "name changes"),
            _event("harness.removed", "A harness was removed.", "name url"),
            _event("test_case.created", "A test case was written.", "caseId name digest"),
            _event("test_case.changed", "A test case was written anew.", "caseId name digest"),
            _event("test_case.deleted", "A test case was deleted.", "caseId name digest"),
            _event(
                "evaluation.triggered", "An evaluation was asked for.", "evaluationId versionId number digest harnessId"
            ),
            _event(
                "evaluation.completed",
                "An evaluation ended, which is final.",
                "evaluationId versionId number digest harnessId status score",
                "eval.completed",
            ),
            _event("webhook.created", "An address was subscribed to events.", "host kind events"),
            _event("webhook.changed", "A subscription changed.", "host changes"),
            _event("webhook.deleted", "A subscription was deleted.", "host"),
            _event("webhook.secret_rotated", "A subscription has another secret.", "host"),
            _event("webhook.redelivered", "A delivery was asked for again.", "host eventId"),
            _event("webhook.replayed", "A stretch of events was asked for again.", "host count since until"),
            _event(
                "webhook.disabled",
                "The server switched a subscription off.",
                "endpointId host reason",
                "endpoint.disabled",
                of_prompt=False,
            ),
            _event("tier.created", "A budget tier was made.", "namespace name max_tokens enforcement"),
            _event("tier.changed", "A budget tier changed.", "namespace name changes changedBy approvedBy"),
            _event("tier.deleted", "A budget tier was deleted.", "namespace name changedBy approvedBy"),
            _event(
                "version.created",
                "A version was sealed; it never changes again.",
                "versionId number checksum digest",
                "version.created",
            ),
            _event(
                "tag.moved",
                "A tag points at another version, or was set for the first time.",
                "tag fromVersionId fromNumber toVersionId toNumber kind reason",
                "tag.moved",
            ),
            _event(
                "tag.removed",
                "A tag was taken away.",
                "tag fromVersionId fromNumber toVersionId toNumber kind reason",
                "tag.moved",
            ),
            _event(
                "promotion.requested",
                "A version became pre-production and waits for decisions.",
                "versionId number digest targets replaced reason",
                "promotion.requested",
            ),
            _event(
                "version.approved",
                "A second person said yes to a version's content.",
                "versionId number digest comment activated",
                "promotion.approved",
            ),
            _event(
                "version.rejected",
                "A second person said no; that is final for the version.",
                "versionId number digest reason",
                "promotion.rejected",
            ),
            _event(
                "promotion.overridden",
                "Production was moved without the approvals it asks for.",
                "fromNumber versionId number digest reason",
                "promotion.overridden",
            ),
            _event(
                "promotion.rolled_back",
                "Production went back to what it was before.",
                "fromNumber versionId number digest",
                "promotion.rolled_back",
            ),
            _event("deployment.created", "Traffic is split between versions.", _SPLIT, "deployment.changed"),
            _event("deployment.changed", "A split of traffic changed.", _SPLIT, "deployment.changed"),
        )
    }
)

#: What subscribers are sent and no verb records: a checkpoint is made by the sealer, a test goes to one endpoint alone.
UNRECORDED: Final = (
    _event(
        "audit.checkpoint",
        "A signed checkpoint of the audit log was made.",
        "size rootHash headHash note",
        "audit.checkpoint",
        of_prompt=False,
    ),
    _event("webhook.test", "Somebody tries a subscription.", "by", "webhook.test", of_prompt=False),
)
#: The events that others can subscribe to (contract 7).
PUBLIC: Final = frozenset(event.public for event in (*EVENTS.values(), *UNRECORDED) if event.public)

#: What a refused attempt carries, under `<verb>.denied`.
DENIED_FIELDS: Final = frozenset({"code", "message", "claimed"})
