"""Every refusal the API gives: its code, when it is given, and what it looks like."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

from pvc import answers, errors
from pvc.schema import story
from pvc.schema.story_ids import ID

Handler = TypeVar("Handler", bound=Callable[..., Any])

AT: Final = "2026-03-02T09:15:30.123Z"
REQUEST_ID: Final = "019cade5-8b10-7c11-8a45-6f0c1d2e3f40"


class Code(NamedTuple):
    """When a code is given, and an example of its sentence and details."""

    meaning: str
    message: str
    details: dict[str, Any] | None = None


_NO_INCLUDE: Final = (
    "`{% include %}` cannot be used here: a prompt is one text: paste here what the other file says, or give it as a "
    "variable."
)

CODES: Final[dict[str, Code]] = {
    "BAD_REQUEST": Code(
        "The request cannot be read: a NUL in the query, a Content-Length that is no number.",
        "The query contains a NUL character.",
    ),
    "INVALID_JSON": Code(
        "The body is not JSON, or JSON that is not taken: duplicate keys, NaN, integers beyond 2^53, depth over 32, "
        "NUL, half of a surrogate pair.",
        "The key 'name' stands twice in one object.",
    ),
    "VALIDATION_ERROR": Code(
        "A value is not taken. `details.fields` maps each path to its messages.",
        "template: This field is required.",
        {"fields": {"template": ["This field is required."]}},
    ),
    "INVALID_USERNAME": Code(
        "X-User-Id cannot be a user's name.", "A user name has no commas, control or invisible characters."
    ),
    "USER_REQUIRED": Code(
        "The key is a gateway's, and X-User-Id does not name who acts.", "Name the acting user in X-User-Id."
    ),
    "INVALID_CURSOR": Code(
        "The cursor belongs to another list, or to no list.",
        "This cursor is not one of this list. Start again without it.",
    ),
    "IMMUTABLE_FIELD": Code(
        "A read-only field was sent with another value than it has. `details.fields` names it.",
        "name cannot be changed.",
        {"fields": {"name": ["Fixed; leave it out or as it is."]}},
    ),
    "UNKNOWN_TAG": Code(
        "The namespace knows no such tag.",
        "“prodution” is no tag of the namespace default. A custom tag is listed there first.",
    ),
    "UNKNOWN_SCOPE": Code(
        "There is no such scope.", "Unknown scope prompts:delete. Scopes are prompts:read, prompts:write."
    ),
    "UNAUTHORIZED": Code(
        "There is no API key, or it is unknown, expired or revoked.",
        "Send a valid API key: Authorization: Bearer pvc_...",
    ),
    "FORBIDDEN": Code(
        "The key, or the person it acts for, lacks the scope that `details.scope` names.",
        "This needs the scope prompts:write.",
        {"scope": "prompts:write"},
    ),
    "TENANT_MISMATCH": Code(
        "X-Tenant-Id is not the key's tenant.",
        "X-Tenant-Id is not the tenant of this API key. Leave the header out, or correct it.",
    ),
    "USER_MISMATCH": Code(
        "X-User-Id names somebody else than the key's owner, and the key is no gateway's.",
        "X-User-Id names somebody else than the owner of this API key.",
    ),
    "UNKNOWN_USER": Code(
        "A gateway's X-User-Id names no active member of the tenant.",
        "X-User-Id names nobody who is an active member of this tenant.",
    ),
    "BAD_GATEWAY_SIGNATURE": Code(
        "X-Gateway-Signature is required here and is missing, too old or wrong.",
        "X-Gateway-Signature does not fit this request.",
    ),
    "SCOPE_NOT_HELD": Code(
        "The new key would have a scope that its maker does not hold.",
        "A key is never wider than its maker's own: you do not hold audit:read.",
    ),
    "OUTLIVES_ITS_MAKER": Code(
        "The new key would expire later than the key that makes it.",
        "A key does not outlive the one that makes it: 2026-06-30T00:00:00+00:00 at the latest.",
    ),
    "NOT_FOUND": Code(
        "There is no such object in the key's tenant. Another tenant's answers just the same.",
        "There is no such prompt.",
    ),
    "CONFLICT": Code("The name is taken, by an archived prompt too.", "A prompt with this name already exists."),
    "ALREADY_ARCHIVED": Code("The prompt is archived already.", "support-reply is archived already."),
    "NOT_ARCHIVED": Code("The prompt is not archived.", "support-reply is not archived."),
    "ALREADY_REVOKED": Code("The key is revoked already.", "The key ci is revoked already."),
    "NOT_SEALED": Code(
        "The version is somebody's draft: no tag points at it, and nothing evaluates it.",
        "Version 3 is a draft; seal it first.",
    ),
    "SEALED": Code(
        "The version is sealed, and never changes.",
        "Version 2 is sealed; it never changes. Open a draft that starts from it.",
    ),
    "DRAFT_EXISTS": Code(
        "The actor has an open draft of this template; `existing_draft`, beside `error`, says which.",
        "You have an open draft of this prompt: version 3. Save, promote or discard it.",
    ),
    "DUPLICATE_CONTENT": Code(
        "The prompt has sealed this very content before; `details` say as which version.",
        "Version 2 holds this very content. Promote that one, or change your draft.",
        {"version_id": ID.version_2, "version_number": 2},
    ),
    "NO_STAGING": Code("Nothing is in staging.", "Nothing of this prompt is in staging. Tag a version there first."),
    "NO_PRODUCTION": Code("Nothing is live.", "Nothing of this prompt is in production."),
    "NO_PREVIOUS": Code("Nothing was live before.", "Nothing was in production before."),
    "NOT_PRE_PROD": Code(
        "The version is not in pre-production.",
        "Version 2 is not in pre-production; only what is can be decided on.",
    ),
    "REJECTED": Code(
        "The version was rejected, which is final.", "Version 2 was rejected, which is final. Write a new one."
    ),
    "OWN_VERSION": Code(
        "The actor had a hand in the version, or was brought in by somebody who had.",
        "Whoever had a hand in a version cannot decide on it.",
    ),
    "NOT_A_DECIDER": Code(
        "The actor is no active person of the tenant.",
        "Only active people of the tenant decide: no service account and no platform staff.",
    ),
    "ALREADY_DECIDED": Code(
        "The actor has an open decision on this content.", "You have decided on this version already."
    ),
    "DIGEST_MISMATCH": Code(
        "The version's content is not the one that was looked at.",
        "Version 2 has another content than the one you looked at.",
    ),
    "STALE": Code(
        "Another version, or none, is in pre-production now.",
        "Another version, or none, is in pre-production now. Look again, and decide again.",
    ),
    "NOT_A_PREVIOUS_PRODUCTION": Code(
        "The version was never live; or, where approvals are required, its content was not approved.",
        "Version 2 cannot be gone back to: only what was live before can.",
    ),
    "PRE_PROD_TAKEN": Code(
        "Another version is in pre-production; where approvals are required, another author's is not replaced through "
        "its tag either. `existing_pre_prod`, beside `error`, shows it, and `options` what can be done.",
        "Version 2 is in pre-production already. Replace it by its id, or wait.",
    ),
    "MERGE_CONFLICT": Code(
        "Both versions changed the same. Nothing moved; the text with both sides marked up is saved in the actor's "
        "draft. Beside `error` stand `draft`, `hunks` (each conflict of the text) and `fields` (those of variables and "
        "config).",
        "Both versions changed the same. Resolve what is marked in your draft, and promote it again.",
    ),
    "PROMOTION_BLOCKED": Code(
        "The namespace asks for more before a version goes to production. `details.unmet` lists what is missing, each "
        "with its `code` and `message`.",
        "1 of 1 approvals is missing. Nothing was changed.",
        {"unmet": [{"code": "APPROVALS_MISSING", "message": "1 of 1 approvals is missing."}]},
    ),
    "EVALUATION_FINISHED": Code(
        "The evaluation has ended, which is final.", "This evaluation has passed already, which is final."
    ),
    "INVALID_WEIGHTS": Code(
        "The weights of a deployment do not sum to 100.", "Variant weights must sum to 100, got 90"
    ),
    "DEPLOYMENT_INACTIVE": Code(
        "The deployment is paused or archived.", "The deployment is paused: it serves nothing."
    ),
    "DEPLOYMENT_ARCHIVED": Code(
        "An archived deployment is final.", "An archived deployment does not change any more. Make a new one."
    ),
    "WEBHOOK_INACTIVE": Code(
        "The subscription is off.", "This subscription is off: nothing is sent to it. Switch it on first."
    ),
    "TOO_MANY_TEST_CASES": Code(
        "The prompt has as many test cases as it can have.", "A prompt has 10,000 test cases at most."
    ),
    "REFUSED_ADDRESS": Code(
        "The address is never called: not http or https, or not public.",
        "url: This address is not called: only public ones are.",
        {"fields": {"url": ["This address is not called: only public ones are."]}},
    ),
    "OWN_CHANGE": Code(
        "A change of policy is decided by another person than the one who asked for it.",
        "A change of policy is decided by another person than the one who asked for it.",
    ),
    "CHANGE_DECIDED": Code("The change was approved or rejected before.", "This change was approved already."),
    "IDEMPOTENCY_IN_PROGRESS": Code(
        "The first request with this Idempotency-Key still runs. Retry-After says when to try again.",
        "The first request with this Idempotency-Key is still running; try again.",
    ),
    "ARCHIVED": Code(
        "The prompt is archived: it takes nothing new and serves nothing.",
        "support-reply is archived. Unarchive it first.",
    ),
    "PRECONDITION_FAILED": Code(
        "If-Match does not name the present revision. Nothing was changed.",
        "The prompt changed meanwhile: its revision is 3. Read it again.",
    ),
    "PAYLOAD_TOO_LARGE": Code(
        "The body is larger than the route takes: 2 MiB for prompts, versions, drafts and merges, 1 MiB for rendering, "
        "else 256 KiB.",
        "The body is larger than the 2048 KiB this route takes.",
    ),
    "UNSUPPORTED_MEDIA_TYPE": Code(
        "The body is not application/json in UTF-8.", "Send the body as application/json in UTF-8."
    ),
    "INVALID_TEMPLATE": Code(
        "The text uses what a prompt may not. `details.problems` lists each with its line and what to write instead.",
        f"Line 1: {_NO_INCLUDE}",
        {"problems": [{"line": 1, "construct": "`{% include %}`", "message": _NO_INCLUDE}]},
    ),
    "OVER_BUDGET": Code(
        "More tokens, by an estimate, than the prompt's budget tier allows, and the tier blocks. `details` say how "
        "many there are, and how many may be.",
        "About 812 tokens are more than the 500 of the budget tier “short”.",
        {"tier": "short", "max_tokens": 500, "tokens": 812},
    ),
    "MISSING_VARIABLES": Code(
        "`strict` was asked for, and variables have no value. `details.missing` lists them.",
        "Values are missing for `issue`.",
        {"missing": ["issue"]},
    ),
    "RENDER_LIMIT": Code(
        "Rendering would take more work or print more than one rendering may.",
        "The rendered text is larger than 1,048,576 bytes: print less, or loop over fewer items.",
        {"limit": "output", "maximum": 1_048_576},
    ),
    "RENDER_FAILED": Code(
        "The template fails with these values. `details.line` says where.",
        "Line 1 cannot be rendered: `+` cannot be used between text and a number; use `~` to join text.",
        {"line": 1, "missing": []},
    ),
    "INVALID_VARIABLE": Code(
        "A variable's value is nothing that a template can print, or a placeholder's is no list of messages.",
        'The variable `history` must be a list of messages, each `{"role": "system, user, assistant or tool", '
        '"content": "…"}`.',
        {"variable": "history"},
    ),
    "IDEMPOTENCY_KEY_REUSED": Code(
        "This Idempotency-Key was used for another request within 24 hours.",
        "This Idempotency-Key was used for another request. Use a new key.",
    ),
    "RATE_LIMITED": Code(
        "Too many calls within a minute. Retry-After says when to try again.",
        "More than 600 calls within a minute. Please try again in 17 s.",
    ),
    "UNAVAILABLE": Code(
        "The database cannot be reached, or a row was locked for too long. Please try again.",
        "The database cannot be reached; please try again.",
    ),
    "LOG_DOES_NOT_VERIFY": Code(
        "The stored audit log does not lead to the root that was signed, so nothing can be proved of it.",
        "The stored log does not lead to the signed root. Verify the log.",
    ),
    "AUDIT_HEAD_BROKEN": Code(
        "The audit log does not verify; nothing is written until an operator has looked.",
        "The audit log's head does not verify; writing stops until an operator has looked.",
    ),
    "METHOD_NOT_ALLOWED": Code(
        "The path has no such method (405); `Allow` lists those it has.", "This method is not allowed here."
    ),
    "INTERNAL_ERROR": Code(
        "A fault of the server (500). The request id leads its operators to the cause.",
        "Something went wrong on our side. The request id leads us to what it was.",
    ),
}

WORDS: Final = {400: "BadRequest", 403: "Forbidden", 409: "Conflict", 422: "Unprocessable"}


def refuses(*kinds: type[errors.DomainError]) -> Callable[[Handler], Handler]:
    """Say which refusals of its verb a handler answers with."""

    def note(handler: Handler) -> Handler:
        setattr(handler, "refusals", kinds)  # noqa: B010 — a function has no such attribute for mypy
        return handler

    return note


def by_status(kinds: Iterable[type[errors.DomainError]]) -> dict[int, list[str]]:
    """The codes of these refusals under the statuses that they are answered with."""
    found: dict[int, list[str]] = {}
    for kind in kinds:
        status = next(answers.STATUS[each] for each in kind.__mro__ if each in answers.STATUS)
        found.setdefault(status, []).append(kind.code)
    return found


class Refusal(NamedTuple):
    """An answer of one status: any of these codes, perhaps written in the audit log."""

    status: int
    codes: tuple[str, ...]
    is_recorded: bool = False


_INVALID: Final = ("BAD_REQUEST", "INVALID_JSON", "INVALID_USERNAME", "VALIDATION_ERROR")
#: What many routes share, by the name it has in the document.
SHARED: Final[dict[Refusal, str]] = {
    Refusal(400, ("BAD_REQUEST",)): "Unreadable",
    Refusal(400, ("BAD_REQUEST", "INVALID_JSON", "INVALID_USERNAME")): "BadRequest",
    Refusal(400, _INVALID): "Invalid",
    Refusal(400, _INVALID, True): "InvalidRecorded",
    Refusal(400, (*_INVALID, "INVALID_CURSOR")): "InvalidPage",
    Refusal(400, ("BAD_REQUEST", "INVALID_JSON", "VALIDATION_ERROR")): "InvalidRender",
    Refusal(400, (*_INVALID, "USER_REQUIRED")): "InvalidLifecycle",
    Refusal(400, (*_INVALID, "USER_REQUIRED"), True): "InvalidLifecycleRecorded",
    Refusal(400, (*_INVALID, "IMMUTABLE_FIELD", "USER_REQUIRED")): "InvalidLifecycleChanges",
    Refusal(400, (*_INVALID, "IMMUTABLE_FIELD", "USER_REQUIRED"), True): "InvalidLifecycleChangesRecorded",
    Refusal(
        403, ("FORBIDDEN", "TENANT_MISMATCH", "USER_MISMATCH", "UNKNOWN_USER", "BAD_GATEWAY_SIGNATURE")
    ): "Forbidden",
    Refusal(
        403, ("FORBIDDEN", "TENANT_MISMATCH", "USER_MISMATCH", "UNKNOWN_USER", "BAD_GATEWAY_SIGNATURE"), True
    ): "ForbiddenRecorded",
    Refusal(403, ("FORBIDDEN", "TENANT_MISMATCH", "BAD_GATEWAY_SIGNATURE")): "ForbiddenRender",
    Refusal(503, ("UNAVAILABLE",)): "Unavailable",
    Refusal(503, ("UNAVAILABLE", "AUDIT_HEAD_BROKEN")): "WritingUnavailable",
}


def name_of(refusal: Refusal, operation_id: str) -> str:
    """What an answer is called in the document: by its share, its only code, or its route."""
    if refusal in SHARED:
        return SHARED[refusal]
    if len(refusal.codes) == 1:
        return _camel(refusal.codes[0].lower().split("_")) + ("Recorded" if refusal.is_recorded else "")
    return f"{WORDS[refusal.status]}On{_camel(operation_id.split('-'))}"


def _camel(words: Iterable[str]) -> str:
    return "".join(word.capitalize() for word in words)


def headers_of(refusal: Refusal) -> dict[str, Any]:
    names = ["X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]
    match refusal.status:
        case 401:
            names.append("WWW-Authenticate")
        case 429 | 503:
            names.append("Retry-After")
        case 409 if "IDEMPOTENCY_IN_PROGRESS" in refusal.codes:
            names.append("Retry-After-In-Progress")
    if refusal.is_recorded:
        names += ["X-Audit-Seq", "X-Audit-Hash"]
    return header_refs(names)


def header_refs(names: Iterable[str]) -> dict[str, Any]:
    """Headers by name, each described once under components."""
    return {
        name.removesuffix("-In-Progress").removesuffix("-Of-Content"): {"$ref": f"#/components/headers/{name}"}
        for name in sorted(names, key=str.lower)
    }


def response_of(refusal: Refusal) -> dict[str, Any]:
    """The answer as the document describes it."""
    lines = [f"- `{code}`: {CODES[code].meaning}" for code in refusal.codes]
    recorded = "\n\nThe refusal is written in the audit log; where it was, the receipt is sent."
    code_schema = {"properties": {"error": {"properties": {"code": {"enum": list(refusal.codes)}}}}}
    return {
        "description": "\n".join(lines) + (recorded if refusal.is_recorded else ""),
        "headers": headers_of(refusal),
        "content": {
            "application/json": {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Error"}, code_schema]},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in refusal.codes},
            }
        },
    }


def example_of(code: str) -> dict[str, Any]:
    """A refusal with this code, as a caller sees it."""
    told = CODES[code]
    error: dict[str, Any] = {"code": code, "message": told.message}
    if told.details:
        error["details"] = told.details
    beside = story.BESIDE.get(code, {})
    return {"summary": told.meaning, "value": {**beside, "error": error, "requestId": REQUEST_ID, "timestamp": AT}}


_ID: Final = {"type": "string", "format": "uuid"}
_NUMBER: Final = {"type": "integer", "minimum": 1}
_TEXT: Final = {"type": "string"}
_TEXT_OR_NONE: Final = {"type": ["string", "null"]}
_CONTENT: Final = {"$ref": "#/components/schemas/Content"}


def _exact(description: str, properties: dict[str, Any], *, optional: str = "") -> dict[str, Any]:
    """An object with these fields and no others; all of them are there but `optional`."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [name for name in properties if name != optional],
        "additionalProperties": False,
    }


_TAKEN: Final = _exact(
    "Of `PRE_PROD_TAKEN`: the version that is there.",
    {
        "version_id": _ID,
        "version_number": _NUMBER,
        "author_id": _TEXT,
        "body": _CONTENT,
        "created_at": {"$ref": "#/components/schemas/Moment"},
    },
)
_HUNK: Final = _exact(
    "A conflict of the text, and where it starts in what is marked up; in a chat, in the message of that index.",
    {
        "message": {"type": "integer", "minimum": 0},
        "start_line": _NUMBER,
        **dict.fromkeys(("base", "theirs", "mine"), _TEXT),
    },
    optional="message",
)
_FIELD: Final = _exact(
    "What both changed of variables or config, as a JSON Pointer, and its values as JSON; null where there is none.",
    {"field": _TEXT, **dict.fromkeys(("base", "theirs", "mine"), _TEXT_OR_NONE)},
)

ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Every refusal. `code` is stable and for programs, `message` is a sentence for a person.",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"},
                "message": {"type": "string", "minLength": 1},
                "details": {
                    "type": "object",
                    "additionalProperties": {},
                    "description": "What the code says it holds.",
                },
            },
            "required": ["code", "message"],
            "additionalProperties": False,
        },
        "requestId": {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,128}$", "description": "As in X-Request-Id."},
        "timestamp": {"$ref": "#/components/schemas/Moment"},
        "conflict": {"type": "boolean", "description": "Of `PRE_PROD_TAKEN` and `MERGE_CONFLICT`."},
        "existing_pre_prod": _TAKEN,
        "options": {
            "type": "array",
            "items": {"type": "string", "enum": ["override", "merge"]},
            "description": "Of `PRE_PROD_TAKEN`: what can be done about it.",
        },
        "existing_draft": _exact("Of `DRAFT_EXISTS`.", {"id": _ID, "version_number": _NUMBER}),
        "hunks": {"type": "array", "items": _HUNK, "description": "Of `MERGE_CONFLICT`."},
        "fields": {"type": "array", "items": _FIELD, "description": "Of `MERGE_CONFLICT`."},
        "draft": _exact(
            "Of `MERGE_CONFLICT`: the draft that holds both texts, marked up.",
            {"id": _ID, "version_number": _NUMBER, "body": _CONTENT},
        ),
    },
    "required": ["error", "requestId", "timestamp"],
    "additionalProperties": False,
}
