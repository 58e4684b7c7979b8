"""What subscribers are sent: the public events of audit/events.py as the document's `webhooks`."""

from typing import Any, Final

from audit.events import EVENTS, UNRECORDED, Event
from pvc.schema.story_ids import ID

_ID: Final = {"type": "string", "format": "uuid"}
_NULLABLE_ID: Final = {"type": ["string", "null"], "format": "uuid"}
_NUMBER: Final = {"type": "integer", "minimum": 1}
_NULLABLE_NUMBER: Final = {"type": ["integer", "null"], "minimum": 1}
_HASH: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXT: Final = {"type": "string"}

#: What each field of an event's data is. A public event with another field must be described here first.
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "namespace": _TEXT,
    "name": _TEXT,
    "type": {"type": "string", "enum": ["text", "chat"]},
    "versionId": _ID,
    "number": _NUMBER,
    "checksum": _HASH,
    "digest": _HASH,
    "tag": _TEXT,
    "fromVersionId": _NULLABLE_ID,
    "fromNumber": _NULLABLE_NUMBER,
    "toVersionId": _NULLABLE_ID,
    "toNumber": _NULLABLE_NUMBER,
    "kind": {
        "type": "string",
        "enum": [
            *("set", "remove", "promote_pre_prod", "approve", "reject", "promote", "activate", "override"),
            "rollback",
        ],
    },
    "reason": _TEXT,
    "promptId": _ID,
    "prompt": {"type": ["string", "null"], "description": "The prompt, as `namespace:name`."},
    "endpointId": {**_ID, "description": "The subscription."},
    "host": {**_TEXT, "description": "Scheme and host of its address."},
    "by": {**_TEXT, "description": "Who asked for the test."},
    "size": {"type": "integer", "minimum": 1, "description": "How many entries the log has."},
    "rootHash": {**_HASH, "description": "The root of its Merkle tree."},
    "headHash": {**_HASH, "description": "The hash of its last entry."},
    "note": {**_TEXT, "description": "The signed checkpoint: keep it, and you are a witness."},
    "evaluationId": _ID,
    "harnessId": {**_TEXT, "description": "The harness's name."},
    "status": {"type": "string", "enum": ["passed", "failed", "error"]},
    "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "comment": _TEXT,
    "targets": {"type": "integer", "minimum": 0, "description": "To how many users it is served."},
    "replaced": {**_NULLABLE_ID, "description": "The version that had to leave pre-production."},
    "activated": {"type": "boolean", "description": "Whether this decision made it live."},
    "changes": {"type": "object", "additionalProperties": {}, "description": "What is other, with the new values."},
    "changedBy": {"type": ["string", "null"], "description": "Who asked for it; null for the installation itself."},
    "deploymentId": _ID,
    "variants": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "variantId": _ID,
                "versionId": _ID,
                "number": _NUMBER,
                "weight": {"type": "integer", "minimum": 0, "maximum": 100},
                "isControl": {"type": "boolean"},
            },
            "required": ["variantId", "versionId", "number", "weight", "isControl"],
            "additionalProperties": False,
        },
        "description": "Those that take part.",
    },
    "plan": {"type": "array", "items": {"$ref": "#/components/schemas/Step"}},
    "guardrails": {"type": "array", "items": {"$ref": "#/components/schemas/Guardrail"}},
    "approvedBy": {"type": ["string", "null"], "description": "The second person, where one was needed."},
}

#: Fields that mean something else in one event.
_OF_EVENT: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "deployment.changed": {"status": {"type": "string", "enum": ["active", "paused", "archived"]}}
}

_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "deployment.changed": {
        "deploymentId": ID.deployment,
        "name": "shorter answers",
        "status": "active",
        "variants": [
            {"variantId": ID.control, "versionId": ID.version_1, "number": 1, "weight": 50, "isControl": True},
            {"variantId": ID.variant, "versionId": ID.version_2, "number": 2, "weight": 50, "isControl": False},
        ],
        "plan": [],
        "guardrails": [],
    },
    "prompt.created": {"namespace": "default", "name": "support-reply", "type": "text"},
    "version.created": {
        "versionId": ID.version_2,
        "number": 2,
        "checksum": "e09ac2e22921e6871dbf609ea9b3d3ba3c789c1bf59efcc3d783337af720d915",
        "digest": "e076b6d45f5bf21a7eb8df1be05718cbba6bf1d6080f9582f5ac81ba13ea6c0e",
    },
    "tag.moved": {
        "tag": "production",
        "fromVersionId": None,
        "fromNumber": None,
        "toVersionId": ID.version_2,
        "toNumber": 2,
        "kind": "set",
        "reason": "shorter answers",
    },
    "promotion.requested": {
        "versionId": ID.version_2,
        "number": 2,
        "digest": "e076b6d45f5bf21a7eb8df1be05718cbba6bf1d6080f9582f5ac81ba13ea6c0e",
        "targets": 1,
        "replaced": None,
        "reason": "",
    },
    "promotion.approved": {
        "versionId": ID.version_2,
        "number": 2,
        "digest": "e076b6d45f5bf21a7eb8df1be05718cbba6bf1d6080f9582f5ac81ba13ea6c0e",
        "comment": "Reads well.",
        "activated": True,
    },
    "promotion.rejected": {
        "versionId": ID.version_2,
        "number": 2,
        "digest": "e076b6d45f5bf21a7eb8df1be05718cbba6bf1d6080f9582f5ac81ba13ea6c0e",
        "reason": "It promises a refund.",
    },
    "promotion.overridden": {
        "fromNumber": 1,
        "versionId": ID.version_2,
        "number": 2,
        "digest": "e076b6d45f5bf21a7eb8df1be05718cbba6bf1d6080f9582f5ac81ba13ea6c0e",
        "reason": "the live text insults customers",
    },
    "promotion.rolled_back": {
        "fromNumber": 2,
        "versionId": ID.version_1,
        "number": 1,
        "digest": "dad6e052bfef3b05988e0295b593072fd4a08bba574aac586d81f64d8aa894a5",
    },
    "eval.completed": {
        "evaluationId": ID.evaluation,
        "versionId": ID.version_2,
        "number": 2,
        "digest": "e076b6d45f5bf21a7eb8df1be05718cbba6bf1d6080f9582f5ac81ba13ea6c0e",
        "harnessId": "builtin",
        "status": "passed",
        "score": 1.0,
    },
    "endpoint.disabled": {
        "endpointId": ID.webhook,
        "host": "https://hooks.example.com",
        "reason": "Five days of nothing but failures.",
    },
    "audit.checkpoint": {
        "size": 42,
        "rootHash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "headHash": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "note": "prompts.example.org/log/019ca000\n42\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n\n— …\n",
    },
    "webhook.test": {"by": "alice"},
    "policy.changed": {
        "namespace": "agents",
        "number": 2,
        "changes": {"required_approvals": 1},
        "changedBy": "alice",
        "approvedBy": "bob",
    },
}
_HEADERS: Final = {
    "webhook-id": "The event's id, the same on every retry.",
    "webhook-timestamp": "Unix seconds of this attempt.",
    "webhook-signature": "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; several during a rotation, "
    "separated by spaces.",
    "X-Webhook-Signature": "`sha256=` and the hex HMAC-SHA256 of the body, for existing receivers.",
    "X-Event-Id": "As `webhook-id`.",
    "X-Event-Type": "As the body's `type`.",
}


def _public() -> dict[str, list[Event]]:
    """The verbs behind each public event, by the event's type."""
    found: dict[str, list[Event]] = {}
    for event in (*EVENTS.values(), *UNRECORDED):
        if event.public:
            found.setdefault(event.public, []).append(event)
    return found


def schemas() -> dict[str, Any]:
    """Each event's body."""
    return {_name(type_): _body(type_, events[0].told) for type_, events in _public().items()}


def _name(type_: str) -> str:
    return "Event" + "".join(part.capitalize() for part in type_.replace(".", "_").split("_"))


def _body(type_: str, fields: frozenset[str]) -> dict[str, Any]:
    data = {
        "type": "object",
        "properties": {name: _OF_EVENT.get(type_, FIELDS).get(name, FIELDS[name]) for name in sorted(fields)},
        "required": sorted(fields),
        "additionalProperties": False,
    }
    properties = {
        "id": {**_ID, "description": "The event's; the same on every retry."},
        "type": {"type": "string", "const": type_},
        "projectId": {**_ID, "description": "The tenant."},
        "timestamp": {"$ref": "#/components/schemas/Moment"},
        "createdAt": {"$ref": "#/components/schemas/Moment", "description": "The same as `timestamp`."},
        "sequence": {
            **_NULLABLE_NUMBER,
            "description": "Rises with each event of a prompt; drop what comes with a smaller one.",
        },
        "data": data,
        "payload": {**data, "description": "The same as `data`."},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def webhooks() -> dict[str, Any]:
    """The document's section."""
    return {type_: {"post": _operation(type_, events)} for type_, events in _public().items()}


def _operation(type_: str, events: list[Event]) -> dict[str, Any]:
    at = "2026-03-02T09:19:29.120Z"
    meanings = [event.meaning for event in events]
    prompt = {"promptId": ID.prompt, "prompt": "default:support-reply"} if events[0].of_prompt else {}
    data = {**prompt, **_EXAMPLES[type_]}
    example = {
        "id": ID.event,
        "type": type_,
        "projectId": ID.tenant,
        "timestamp": at,
        "createdAt": at,
        "sequence": 3,
        "data": data,
        "payload": data,
    }
    return {
        "operationId": f"event-{type_.replace('.', '-')}",
        "summary": meanings[0].rstrip("."),
        "description": f"{' '.join(dict.fromkeys(meanings))}",
        "tags": ["Events"],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": told, "schema": {"type": "string"}}
            for name, told in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{_name(type_)}"},
                    "examples": {_name(type_): {"summary": meanings[0], "value": example}},
                }
            },
        },
        "responses": {"2XX": {"description": "Received."}},
    }
