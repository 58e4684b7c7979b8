"""The routes that are plain Django views: what machines ask, and the documentation itself."""

from typing import Any, Final

from pvc.schema.refusals import Refusal, header_refs
from pvc.schema.story import examples_of

_CHECKS: Final = {
    "type": "object",
    "description": "Each part with `ok`, or a sentence that says what is wrong. A part that could not be asked is "
    "absent.",
    "properties": {name: {"type": "string", "minLength": 1} for name in ("database", "migrations", "worker", "redis")},
    "required": ["database", "redis"],
    "additionalProperties": False,
}


def _readiness(*statuses: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"status": {"type": "string", "enum": list(statuses)}, "checks": _CHECKS},
        "required": ["status", "checks"],
        "additionalProperties": False,
    }


SCHEMAS: Final[dict[str, Any]] = {
    "Health": {
        "type": "object",
        "properties": {
            "status": {"type": "string", "enum": ["ok"]},
            "timestamp": {"$ref": "#/components/schemas/Moment"},
        },
        "required": ["status", "timestamp"],
        "additionalProperties": False,
    },
    "Readiness": _readiness("ready", "degraded"),
    "Unreadiness": _readiness("unavailable"),
    "PrometheusText": {"type": "string", "description": "Prometheus' text format."},
    "DocumentationPage": {"type": "string", "description": "HTML."},
    "OpenApiDocument": {
        "type": "object",
        "description": "An OpenAPI document, as YAML.",
        "properties": {"openapi": {"type": "string"}, "paths": {"type": "object", "additionalProperties": {}}},
        "required": ["openapi", "info", "paths", "components"],
        "additionalProperties": {},
    },
}

_LIMITS: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def _answer(schema: str, media_type: str, description: str, *headers: str) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "examples": examples_of(schema)}
    return {
        "description": description,
        "headers": header_refs(["X-Request-Id", *headers]),
        "content": {media_type: content},
    }


def _operation(tag: str, summary: str, description: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "summary": summary,
        "parameters": [{"$ref": "#/components/parameters/RequestId"}],
        "tags": [tag],
        "security": [],
        "responses": responses,
    }


#: Each route's GET by the route's name.
OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    "health": _operation(
        "Infrastructure",
        "Is the process alive?",
        "Asks nothing but the process itself, and needs no key. No rate limit counts it.",
        {"200": _answer("Health", "application/json", "It answers.")},
    ),
    "ready": _operation(
        "Infrastructure",
        "Can requests be served?",
        "`ready` with all parts; `degraded` without Redis or without a sign of life from a worker for 60 seconds: "
        "requests are served all the same. Needs no key. No rate limit counts it.",
        {
            "200": _answer("Readiness", "application/json", "Requests are served."),
            "503": _answer("Unreadiness", "application/json", "No database, or migrations that were not applied."),
        },
    ),
    "metrics": _operation(
        "Infrastructure",
        "Counts and times for Prometheus",
        "Requests by method, route and status; no tenant is named. Needs no key: keep it from the outside at the "
        "proxy. No rate limit counts it.",
        {"200": _answer("PrometheusText", "text/plain", "Prometheus' text format.")},
    ),
    "docs": _operation(
        "Documentation",
        "This document for people",
        "Swagger UI, served whole by this server. Needs no key.",
        {"200": _answer("DocumentationPage", "text/html", "A page.", *_LIMITS)},
    ),
    "openapi": _operation(
        "Documentation",
        "This document",
        "The OpenAPI document, as it was made from this server's code. Needs no key.",
        {"200": _answer("OpenApiDocument", "application/yaml", "OpenAPI 3.1 as YAML.", *_LIMITS)},
    ),
}

#: What the gate in front of every route refuses, and the limit by address where it counts.
_GATE: Final = (Refusal(400, ("BAD_REQUEST",)), Refusal(413, ("PAYLOAD_TOO_LARGE",)))
REFUSALS: Final[dict[str, tuple[Refusal, ...]]] = {
    name: (*_GATE, Refusal(429, ("RATE_LIMITED",))) if name in ("docs", "openapi") else _GATE for name in OPERATIONS
}
