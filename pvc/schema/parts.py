"""Parameters, headers and small schemas that many routes share, each described once."""

from typing import Any, Final

from pvc.schema.story import CURSOR
from pvc.schema.story_ids import ID

_UUID: Final = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_SLUG: Final = "[a-z0-9-][a-z0-9_-]{0,99}"
_NAMESPACE: Final = "[a-z0-9][a-z0-9_-]{0,62}"

SCHEMAS: Final[dict[str, Any]] = {
    "Moment": {
        "type": "string",
        "format": "date-time",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        "description": "A time: ISO 8601, UTC, milliseconds, `Z`.",
    },
}


def _parameter(where: str, name: str, schema: dict[str, Any], description: str, **more: Any) -> dict[str, Any]:
    required = {"required": True} if where == "path" else {}
    return {"name": name, "in": where, **required, "description": description, "schema": schema, **more}


def _text(**limits: Any) -> dict[str, Any]:
    return {"type": "string", **limits}


PARAMETERS: Final[dict[str, Any]] = {
    "Ref": _parameter(
        "path",
        "ref",
        _text(pattern=f"^(({_NAMESPACE}:)?{_SLUG}|{_UUID})$"),
        "A prompt: its id, its name in the namespace `default`, or `namespace:name` (`%3A` equals `:`).",
        example="support-reply",
    ),
    "QualifiedName": _parameter(
        "path",
        "qualified_name",
        _text(pattern=f"^{_NAMESPACE}:{_SLUG}$"),
        "A prompt: `namespace:name` (`%3A` equals `:`).",
        example="default:support-reply",
    ),
    "Version": _parameter(
        "path",
        "version",
        _text(pattern=f"^([1-9][0-9]{{0,8}}|{_UUID})$"),
        "A version of the prompt: its number, or its id.",
        example="2",
    ),
    "Number": _parameter(
        "path", "version", {"type": "integer", "minimum": 1, "maximum": 999_999_999}, "A version's number.", example=2
    ),
    "TagName": _parameter(
        "path",
        "name",
        _text(pattern="^[a-z][a-z0-9._-]{0,35}$"),
        "A tag: `draft`, `staging`, `production`, or one that the namespace lists among its custom tags.",
        example="production",
    ),
    "VersionId": _parameter("path", "version_id", _text(format="uuid"), "The id of a version.", example=ID.version_2),
    "KeyId": _parameter(
        "path", "key_id", _text(format="uuid"), "The `id` of an API key (not the `keyId` in its text).", example=ID.key
    ),
    "NamespaceId": _parameter(
        "path",
        "namespace_id",
        _text(pattern=f"^({_NAMESPACE}|{_UUID})$"),
        "A namespace: its id or its slug.",
        example="agents",
    ),
    "ChangeId": _parameter(
        "path", "change_id", _text(format="uuid"), "A change of the namespace's policy: its `id`.", example=ID.change
    ),
    "TemplateId": _parameter(
        "path", "template_id", _text(format="uuid"), "The id of a template, which is a prompt's.", example=ID.prompt
    ),
    "TierId": _parameter(
        "path", "tier_id", _text(format="uuid"), "A budget tier of the namespace: its `id`.", example=ID.tier
    ),
    "HarnessId": _parameter("path", "harness_id", _text(format="uuid"), "A harness: its `id`.", example=ID.harness),
    "EvaluationId": _parameter(
        "path", "evaluation_id", _text(format="uuid"), "An evaluation: its `id`.", example=ID.evaluation
    ),
    "CaseId": _parameter("path", "case_id", _text(format="uuid"), "A test case: its `id`.", example=ID.case),
    "SubscriptionId": _parameter(
        "path", "webhook_id", _text(format="uuid"), "A subscription: its `id`.", example=ID.webhook
    ),
    "DeploymentId": _parameter(
        "path", "deployment_id", _text(format="uuid"), "A deployment: its `id`.", example=ID.deployment
    ),
    "DeliveryId": _parameter(
        "path", "delivery_id", _text(format="uuid"), "A delivery of the subscription: its `id`.", example=ID.delivery
    ),
    "WebhookId": _parameter(
        "header",
        "webhook-id",
        _text(),
        "Standard Webhooks: the message's id, without a dot. The same message again changes nothing.",
        example="msg_2Lh9KRb0pzN4LePd3XiA4v12Axj",
    ),
    "WebhookTimestamp": _parameter(
        "header",
        "webhook-timestamp",
        _text(),
        "Standard Webhooks: when it was sent, in Unix seconds.",
        example="1772442570",
    ),
    "WebhookSignature": _parameter(
        "header",
        "webhook-signature",
        _text(),
        "Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.",
        example="v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
    "PlainSignature": _parameter(
        "header",
        "X-Webhook-Signature",
        _text(),
        "The hex HMAC-SHA256 of the body, with or without `sha256=`; `X-Hub-Signature-256` is another name of it.",
        example="sha256=e2f02acbddb919680d7e074a0f672e3b22527d9fbc0314aa4eaadba3bfb9b806",
    ),
    "Limit": _parameter(
        "query",
        "limit",
        {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
        "How many rows a page holds at most.",
        example=20,
    ),
    "Cursor": _parameter(
        "query",
        "cursor",
        _text(),
        "Where the page begins: the next cursor out of the `meta` of the page before. It fits the same list with the "
        "same filters.",
        example=CURSOR,
        allowEmptyValue=True,
    ),
    "RequestId": _parameter(
        "header",
        "X-Request-Id",
        _text(),
        "A name for this request, 1 to 128 letters, digits, `-` and `_`. It comes back in the answer and stands in "
        "the server's logs. Without a usable one the server makes one.",
        example="checkout-7f3a",
    ),
    "TenantId": _parameter(
        "header",
        "X-Tenant-Id",
        _text(),
        "Confirms the key's tenant, by id or slug. It never chooses one: another tenant is refused with 403.",
        example="acme",
    ),
    "UserId": _parameter(
        "header",
        "X-User-Id",
        _text(),
        "On a gateway's key: the user name of the member who acts. On any other key it may only name the key's owner.",
        example="alice",
    ),
    "EndUserId": _parameter(
        "header",
        "X-User-Id",
        _text(),
        "The end user whom the prompt is served to: any text of up to 200 characters, and no identity.",
        example="customer-4711",
    ),
    "GatewaySignature": _parameter(
        "header",
        "X-Gateway-Signature",
        _text(),
        "`t=<unix seconds>,v1=<64 hex digits>`: HMAC-SHA256 under the installation's gateway secret over "
        "`t.method.path.sha256hex(body).tenant.user`. Required on a gateway's key where the server has such a secret; "
        "else not looked at.",
        example="t=1772442930,v1=" + "0123456789abcdef" * 4,
    ),
    "IdempotencyKey": _parameter(
        "header",
        "Idempotency-Key",
        _text(minLength=1, maxLength=255, pattern="^[!-~]{1,255}$"),
        "Makes a repeat harmless: within 24 hours the same request with the same key, API key and user has one effect "
        "and one answer. Visible ASCII characters.",
        example="better-text-1",
    ),
    "IfMatch": _parameter(
        "header",
        "If-Match",
        _text(),
        "The ETag last seen, or `*`. If the object has changed since, nothing happens and the answer is 412.",
        example='"2"',
    ),
    "IfNoneMatch": _parameter(
        "header",
        "If-None-Match",
        _text(),
        "ETags of answers you have, or `*`. If one of them is what you would get, the answer is 304.",
        example='"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
    ),
}

#: Which component describes a path's part, by its converter and its name.
PATH_PARTS: Final = {
    ("ref", "ref"): "Ref",
    ("qualified", "qualified_name"): "QualifiedName",
    ("version", "version"): "Version",
    ("number", "version"): "Number",
    ("tag", "name"): "TagName",
    ("uuid", "key_id"): "KeyId",
    ("slug", "namespace_id"): "NamespaceId",
    ("uuid", "change_id"): "ChangeId",
    ("uuid", "version_id"): "VersionId",
    ("uuid", "template_id"): "TemplateId",
    ("uuid", "tier_id"): "TierId",
    ("uuid", "harness_id"): "HarnessId",
    ("uuid", "evaluation_id"): "EvaluationId",
    ("uuid", "case_id"): "CaseId",
    ("uuid", "webhook_id"): "SubscriptionId",
    ("uuid", "delivery_id"): "DeliveryId",
    ("uuid", "deployment_id"): "DeploymentId",
}
#: What a message without a key is signed with: the three of Standard Webhooks, or the older one.
SIGNATURES: Final = ("WebhookId", "WebhookTimestamp", "WebhookSignature", "PlainSignature")


def _header(schema: dict[str, Any], description: str, *, always: bool = False) -> dict[str, Any]:
    return {"description": description, **({"required": True} if always else {}), "schema": schema}


_COUNT: Final = {"type": "integer", "minimum": 0}
HEADERS: Final[dict[str, Any]] = {
    "ETag": _header(
        _text(pattern='^(W/)?"[0-9]+"$'),
        "The object's revision, for If-Match; weak where the answer is compressed.",
        always=True,
    ),
    "ETag-Of-Content": _header(
        _text(pattern='^"[0-9a-f]{64}(-gzip)?"$'),
        "The hash of the answer's body, and how it is encoded, for If-None-Match.",
        always=True,
    ),
    "Idempotency-Replayed": _header(
        _text(enum=["true"]), "This is the stored answer to the first request with this Idempotency-Key."
    ),
    "RateLimit-Limit": _header(_COUNT, "Calls a minute; absent where there is no limit."),
    "RateLimit-Remaining": _header(_COUNT, "Calls left in this window."),
    "RateLimit-Reset": _header(_COUNT, "Seconds until the window ends."),
    "Retry-After": _header({"type": "integer", "minimum": 1}, "Seconds after which to try again.", always=True),
    "Retry-After-In-Progress": _header(
        {"type": "integer", "minimum": 1}, "With `IDEMPOTENCY_IN_PROGRESS`: seconds after which to try again."
    ),
    "WWW-Authenticate": _header(_text(enum=["Bearer"]), "How to authenticate.", always=True),
    "X-Audit-Hash": _header(_text(pattern="^[0-9a-f]{64}$"), "The hash of that audit entry."),
    "X-Audit-Seq": _header(
        {"type": "integer", "minimum": 1},
        "The number of the last audit entry that this call wrote: a receipt to keep. Absent where nothing was written.",
    ),
    "X-Request-Id": _header(
        _text(pattern="^[A-Za-z0-9_-]{1,128}$"), "The request's name: yours, or a new one.", always=True
    ),
}

#: The schemas of single objects that are sent with their revision.
WITH_ETAG: Final = frozenset(
    {
        *("Prompt", "Version", "DeduplicatedVersion", "Tag", "TagWithVersion"),
        *("LifecycleTemplate", "LifecycleVersion", "LifecycleDecidedVersion"),
    }
)
