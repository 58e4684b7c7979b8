"""What subscribers are sent: the public events of audit/events.py as the document's `webhooks`."""

from typing import Any, Final

from audit.events import EVENTS
from pvc.schema.story import ID

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
    "approvedBy": {"type": ["string", "null"], "description": "The second person, where one was needed."},
}

_NOT_YET: Final = "Planned: this release records the event with the change it tells of, and delivers nothing yet."
_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
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


def _public() -> dict[str, list[Any]]:
    """The verbs behind each public event, by the event's type."""
    found: dict[str, list[Any]] = {}
    for event in EVENTS.values():
        if event.public:
            found.setdefault(event.public, []).append(event)
    return found


def schemas() -> dict[str, Any]:
    """Each event's body."""
    return {_name(type_): _body(type_, events[0].fields) for type_, events in _public().items()}


def _name(type_: str) -> str:
    return "Event" + "".join(part.capitalize() for part in type_.replace(".", "_").split("_"))


def _body(type_: str, fields: frozenset[str]) -> dict[str, Any]:
    data = {
        "type": "object",
        "properties": {name: FIELDS[name] for name in sorted(fields)},
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
    return {
        type_: {"post": _operation(type_, [event.meaning for event in events])} for type_, events in _public().items()
    }


def _operation(type_: str, meanings: list[str]) -> dict[str, Any]:
    at = "2026-03-02T09:19:29.120Z"
    data = _EXAMPLES[type_]
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
        "description": f"{' '.join(dict.fromkeys(meanings))}\n\n{_NOT_YET}",
        "tags": ["Events"],
        "x-status": "planned",
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
