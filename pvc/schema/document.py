"""The whole document: what was found on the API's doors, with the plain routes, the shared parts and the words."""

import tomllib
from typing import Any, Final

from django.conf import settings

from pvc.schema import events, parts, plain, refusals, story
from pvc.schema.operations import routes

TAGS: Final = {
    "Prompts": "A prompt is a name in a namespace, with the versions under it.",
    "Versions": "A version is a text, or a chat's messages, at a number, with its variables and config. Sealed, it "
    "never changes.",
    "Tags": "A tag is a name that points at one version: `production` is what is served, `staging` what is tried.",
    "Templates": "A prompt, in the words of the lifecycle surface, where its texts are written as drafts.",
    "Drafts": "A draft is a version that is not sealed yet. Each person has one a template at most; nobody else sees "
    "it.",
    "Promotion": "What is live: promoted, overridden, rolled back.",
    "Approvals": "Pre-production, and the decisions of other people on it.",
    "Evaluations": "What harnesses say of a version's content, and what the gate makes of it.",
    "Harnesses": "Servers that evaluate when they are asked to, and report back signed.",
    "Test cases": "Values for a prompt's variables, and what has to hold of the text that they give: what the built-in "
    "harness runs.",
    "Serving": "What a name stands for now, as it is or with values put in: what your services ask for on every call.",
    "Rendering": "A version's text with values put in: what your services ask for on every call.",
    "Deployments": "Traffic split between versions of a prompt. A session keeps its variant, and how the variants "
    "compare is worked out of what is measured.",
    "Metrics": "What calls cost, how long they took and how good they were: sent by the thousand, read by version and "
    "prompt.",
    "Diff": "What changed between two versions, and how much it matters.",
    "Namespaces": "A namespace is a folder of prompts with one policy: what production takes there, and which tags "
    "there are. A weaker policy takes a second person.",
    "Budget tiers": "How many tokens the prompts of a namespace may have, and what happens to those that have more.",
    "API keys": "Credentials of the tenant's people and services.",
    "Webhooks": "Addresses that are told of events, what was sent to each, and sending it again.",
    "Audit": "Who did what: every change of prompts, tags, people and keys.",
    "Documentation": "This document.",
    "Infrastructure": "What machines ask.",
    "Events": "What subscribers are sent.",
}

DESCRIPTION: Final = """
Versions of prompts that never change, tags that say which one is live, and a log that shows who moved them.

**Authentication.** Send an API key with every call: `Authorization: Bearer pvc_...`. Only the documentation, `/health`,
`/ready` and `/metrics` need none. A key has scopes and acts as its owner, never beyond what the owner may do at that
moment; each operation says which scope it needs (`x-required-scope`).

**Tenants.** The key says which tenant is meant, and nothing else is to be seen through it: an object of another tenant
answers exactly like none, with 404. `X-Tenant-Id` can only confirm the tenant. `projectId` in an object is its tenant.

**Bodies.** JSON in UTF-8. A field that is not described is refused by name. Not taken, anywhere in a body: a key twice
in one object, NaN and infinities, integers of 2^53 and more, more than 32 levels, NUL, half of a surrogate pair. `null`
clears an optional field. What is sent to you always has every field that is described as required, with null where
there is no value. Times are ISO 8601 in UTC with milliseconds and `Z`; ids are UUIDs.

**Errors.** Every refusal is `{"error": {"code", "message", "details"?}, "requestId", "timestamp"}`. `code` is stable,
`message` is a sentence for a person. Beside what each operation lists, a path or method that does not exist answers 404
`NOT_FOUND` or 405 `METHOD_NOT_ALLOWED`, and a fault of the server 500 `INTERNAL_ERROR`. `X-Request-Id` in an answer
names the request; send your own to find it again in the server's logs.

**Lists.** A paginated list is `{"data": [...], "meta": {"limit", "nextCursor"?}}`, newest first. Send `nextCursor` as
`cursor`, with the same filters, for the next page; without one you have seen all. A list without `meta` is complete.
On the lifecycle surface, which speaks snake_case, it is `next_cursor`.

**Doing it once.** A POST that writes takes an `Idempotency-Key`. The same request again within 24 hours has no second
effect and gets the first answer, with `Idempotency-Replayed: true` and null for a secret that is shown only once.
Another request under the same key is refused with 422; while the first one still runs, with 409. Only successful
answers are kept.

**Preconditions.** A prompt, a template, a version and a tag come with an `ETag`. Sent back as `If-Match` with a write,
it makes the write fail with 412 `PRECONDITION_FAILED` if somebody was faster.

**Rate limits.** Calls are counted per minute: per key for reads, for writes and for rendering, and per address for
calls without a valid key. `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` say where you stand; a 429
says in `Retry-After` when to come back.

**Audit receipts.** A call that wrote to the audit log says so: `X-Audit-Seq` and `X-Audit-Hash` are the number and the
hash of its last entry. Keep them, and nobody can change that entry unnoticed.
"""


def complete(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """drf-spectacular's last hook: the document as it is committed."""
    used: dict[str, refusals.Refusal] = vars(generator.registry).setdefault("refusals", {})
    paths = {**result["paths"], **_plain_paths(used)}
    codes = sorted({code for each in used.values() for code in each.codes})
    components = result["components"]
    components["schemas"] |= {**parts.SCHEMAS, **plain.SCHEMAS, **events.schemas(), "Error": refusals.ERROR}
    components |= {
        "parameters": parts.PARAMETERS,
        "headers": parts.HEADERS,
        "responses": {name: refusals.response_of(each) for name, each in used.items()},
        "examples": {**story.all_examples(), **{code: refusals.example_of(code) for code in codes}},
    }
    document = {
        "openapi": result["openapi"],
        "info": {
            "title": result["info"]["title"],
            "version": _version(),
            "summary": "A self-hosted server that gives prompts what git and code review give to code.",
            "description": DESCRIPTION.strip(),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "This server."}],
        "tags": [{"name": name, "description": told} for name, told in TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "webhooks": events.webhooks(),
        "components": {kind: dict(sorted(each.items())) for kind, each in sorted(components.items())},
    }
    return _without_unused(_tidy(document))


def _plain_paths(used: dict[str, refusals.Refusal]) -> dict[str, Any]:
    """The routes that are plain Django views, with what the gate in front of them refuses."""
    found: dict[str, Any] = {}
    for path, (name, _, _) in routes().items():
        if name not in plain.OPERATIONS:
            continue
        operation = {"operationId": name, **plain.OPERATIONS[name]}
        answers = dict(operation["responses"])
        for refusal in plain.REFUSALS[name]:
            shared = refusals.name_of(refusal, name)
            used[shared] = refusal
            answers[str(refusal.status)] = {"$ref": f"#/components/responses/{shared}"}
        found[path] = {"get": {**operation, "responses": dict(sorted(answers.items()))}}
    return found


def _version() -> str:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())
    version: str = project["project"]["version"]
    return version


def _tidy(part: Any) -> Any:
    """Without drf-spectacular's marks, and without a wrapper around a reference that OpenAPI 3.1 no longer needs."""
    if isinstance(part, list):
        return [_tidy(each) for each in part]
    if not isinstance(part, dict):
        return part
    tidy = {name: _tidy(each) for name, each in part.items() if name != "x-spec-enum-id"}
    match tidy.get("allOf"):
        case [{"$ref": reference}]:
            del tidy["allOf"]
            return {"$ref": reference, **tidy}
    return tidy


def _without_unused(document: dict[str, Any]) -> dict[str, Any]:
    """The story may tell of more than this server has."""
    text = str(document)
    for kind in ("examples", "parameters", "headers"):
        components = document["components"][kind]
        document["components"][kind] = {
            name: each for name, each in components.items() if f"'#/components/{kind}/{name}'" in text
        }
    document["tags"] = [tag for tag in document["tags"] if f"'tags': ['{tag['name']}']" in text]
    return document
