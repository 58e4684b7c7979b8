"""The OpenAPI document: whole, exact, and true of the server."""

import copy
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import Client as DjangoClient
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]  # it has no types

from audit import sealing
from audit.events import EVENTS, UNRECORDED
from deployments.actions import experiments, promotion
from evaluations.actions import harnesses, runs, test_cases
from evaluations.models import Evaluation
from prompts.actions import drafts, namespaces, tiers
from prompts.content import content_of
from prompts.models import Namespace, PolicyChange, Prompt
from pvc import errors
from pvc.schema import document as schema_document
from pvc.schema import events, parts, refusals, story
from tenants.models import Actor
from tenants.scopes import SCOPES
from tests import factories
from tests.conftest import Furnish
from tests.factories import Client, error_of, json_of
from webhooks.actions import endpoints, sending

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT: dict[str, Any] = yaml.load((ROOT / "docs" / "openapi.yaml").read_text(), yaml.CSafeLoader)
PUBLIC = {"health", "ready", "metrics", "docs", "openapi"}


# ----------------------------------------------------------------------------- reading it
def resolved(part: Any) -> Any:
    """A part of the document, or what its reference leads to."""
    while isinstance(part, dict) and "$ref" in part:
        found: Any = DOCUMENT
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Each operation by its name: path, method, and what the document says."""
    return {
        operation["operationId"]: (path, method.upper(), operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


OPERATIONS = operations()
#: Who knocks here is known by a signature (tests/evaluations/test_callback.py).
SIGNED = {"report-evaluation"}
KEYED = [name for name in OPERATIONS if name not in PUBLIC | SIGNED]


def parameters_of(name: str) -> list[dict[str, Any]]:
    return [resolved(each) for each in OPERATIONS[name][2].get("parameters", [])]


def takes(name: str, parameter: str) -> bool:
    return parameter in {each["name"] for each in parameters_of(name)}


def answers_of(name: str) -> dict[str, dict[str, Any]]:
    return {status: resolved(answer) for status, answer in OPERATIONS[name][2]["responses"].items()}


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body and answer that has a schema: where it stands, and its media type object."""
    for name, (_, _, operation) in OPERATIONS.items():
        body = resolved(operation.get("requestBody", {}))
        yield from ((f"{name} body", each) for each in body.get("content", {}).values())
        for status, answer in answers_of(name).items():
            yield from ((f"{name} {status}", each) for each in answer.get("content", {}).values())
    for type_, methods in DOCUMENT["webhooks"].items():
        yield from ((type_, each) for each in methods["post"]["requestBody"]["content"].values())


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator that finds the document's components."""
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]}, format_checker=FORMATS)


FORMATS = FormatChecker(["uuid"])
FORMATS.checks("date-time", raises=ValueError)(lambda text: not isinstance(text, str) or bool(moment(text)))


def moment(text: str) -> dt.datetime:
    at = dt.datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without an offset")
    return at


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


# ----------------------------------------------------------------------------- routes
def routes() -> Iterator[tuple[str, str]]:
    """Every path and method of the URL tables, but the console and the refusals."""

    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, str]]:
        for each in patterns:
            path = prefix + str(each.pattern)
            if isinstance(each, URLResolver):
                if each.app_name not in ("admin", "console"):
                    yield from walk(each.url_patterns, path)
            elif isinstance(each, URLPattern) and each.name not in ("no-such-route", "no-such-page"):
                methods = getattr(each.callback, "actions", None) or {"get": ""}
                for method in methods.keys() - {"head"}:
                    yield "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path), method

    return walk(get_resolver().url_patterns, "")


def test_the_document_names_exactly_the_routes_and_methods_of_the_url_tables() -> None:
    documented = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert documented == set(routes())
    assert len(documented) > 25


def test_every_operation_says_what_it_is_for() -> None:
    assert len(OPERATIONS) == sum(len(methods) for methods in DOCUMENT["paths"].values())
    for name, (_, _, operation) in OPERATIONS.items():
        assert 2 <= len(words(operation["summary"])) <= 10, name
        assert len(words(operation["description"])) >= 5, name
        assert not re.search(r"\bdoor|verb\b", operation["summary"] + operation["description"]), name
        assert operation["tags"], name
        assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}, name


def test_every_tag_is_described_and_used() -> None:
    used = {tag for _, _, operation in OPERATIONS.values() for tag in operation["tags"]} | {"Events"}
    assert [tag["name"] for tag in DOCUMENT["tags"]] == [name for name in schema_document.TAGS if name in used]
    assert used <= schema_document.TAGS.keys()


def test_who_needs_a_key_and_which_scope_is_said() -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        assert operation["security"] == ([] if name in PUBLIC | SIGNED else [{"apiKey": []}]), name
        if name not in PUBLIC | SIGNED:
            needed = operation["x-required-scope"]
            assert set(needed) <= SCOPES.keys(), name
            assert all(f"`{scope}`" in operation["description"] for scope in needed), name


def test_a_key_without_the_documented_scopes_is_refused(ground: dict[str, Any], admin: Actor) -> None:
    refused: dict[str, int] = {}
    for name in KEYED:
        others = SCOPES.keys() - set(OPERATIONS[name][2]["x-required-scope"]) - {"gateway"}
        key = factories.make_key(admin.author, others).text
        refused[name] = call(Client(key), name, ground).status_code
    assert refused == dict.fromkeys(KEYED, 403)


# ----------------------------------------------------------------------------- schemas and examples
def test_every_schema_is_a_json_schema() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("type") != "object" or "additionalProperties" in schema, name


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    text = (ROOT / "docs" / "openapi.yaml").read_text()
    used = set(re.findall(r"#/components/(\w+/[\w-]+)", text))
    there = {
        f"{kind}/{name}" for kind, each in DOCUMENT["components"].items() for name in each if kind != "securitySchemes"
    }
    assert used == there


def test_every_body_and_answer_has_examples_and_each_is_valid() -> None:
    seen = 0
    for where, content in contents():
        assert content.get("examples"), where
        for title, example in content["examples"].items():
            found = [fault.message for fault in validator(content["schema"]).iter_errors(resolved(example)["value"])]
            assert found == [], f"{where}, {title}"
            seen += 1
    assert seen > 100


def test_the_story_is_of_one_prompt() -> None:
    """The same names and ids throughout, and hashes that are those of the texts."""
    version = story.EXAMPLES["Version"][0][1]
    assert version["promptId"] == story.EXAMPLES["Prompt"][0][1]["id"] == story.EXAMPLES["Tag"][0][1]["promptId"]
    assert version["id"] == story.EXAMPLES["TagTarget"][0][1]["versionId"]
    assert story.EXAMPLES["Rendering"][0][1]["versionId"] == version["id"]


def test_the_storys_requests_get_the_storys_answers(db: None) -> None:
    api = factories.client_of(factories.make_actor(factories.make_tenant()))
    assert api.post("/prompts", story.EXAMPLES["NewPrompt"][0][1]).status_code == 201
    assert api.post("/prompts", story.EXAMPLES["NewPrompt"][1][1]).status_code == 201
    version = json_of(api.post("/prompts/support-reply/versions", story.EXAMPLES["NewVersion"][0][1]))
    target = {**story.EXAMPLES["TagTarget"][0][1], "versionId": version["id"]}
    assert api.post("/prompts/support-reply/tags/production", target).status_code == 200
    live = json_of(api.get("/prompts/support-reply/versions/2"))
    rendering = json_of(api.post("/prompts/support-reply/render", story.EXAMPLES["RenderRequest"][0][1]))
    fixed = {"number", "type", "content", "template", "variables", "config", "checksum", "digest", "metadata", "tags"}
    told = story.EXAMPLES["Version"][0][1]
    assert {name: live[name] for name in fixed} == {name: told[name] for name in fixed}
    assert {**rendering, "versionId": ""} == {**story.EXAMPLES["Rendering"][0][1], "versionId": ""}


def test_what_a_put_may_send_back_is_all_that_its_object_has() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    whole = {"Prompt": "Prompt", "LifecycleDraft": "LifecycleVersion"}
    whole |= {name: name for name in ("LifecycleNamespace", "LifecycleTemplate", "LifecycleTier")}
    for changed, shown in whole.items():
        assert schemas[f"{changed}Changes"]["properties"].keys() == schemas[shown]["properties"].keys()


def test_lists_are_objects_with_data() -> None:
    for name in KEYED:
        answer = answers_of(name).get("200", {}).get("content", {}).get("application/json")
        schema = resolved(answer["schema"]) if answer else {}
        assert schema.get("type", "object") == "object", name
        is_page = "meta" in schema.get("properties", {}) and "data" in schema["properties"]
        assert is_page == takes(name, "cursor") == takes(name, "limit"), name


def test_the_lifecycle_surface_has_names_of_its_own() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert "next_cursor" in schemas["LifecyclePageMeta"]["properties"]
    assert "nextCursor" in schemas["PageMeta"]["properties"]
    snakes = {
        name
        for name, schema in schemas.items()
        if any("_" in field for field in schema.get("properties", {})) and not name.startswith("Lifecycle")
    }
    assert snakes == {"Error"}  # it serves both surfaces, and a conflict of the lifecycle surface stands in it


# ----------------------------------------------------------------------------- parameters
def test_every_parameter_is_described_with_an_example() -> None:
    for name in OPERATIONS:
        for each in parameters_of(name):
            assert len(words(each["description"])) >= 3, (name, each["name"])
            values = [each["example"]] if "example" in each else [more["value"] for more in each["examples"].values()]
            assert values, (name, each["name"])
            for value in values:
                assert validator(each["schema"]).is_valid(value), (name, each["name"], value)


# ----------------------------------------------------------------------------- errors
def codes_of(kind: type[errors.DomainError]) -> set[str]:
    """The codes that the product declares; tests declare some of their own."""
    own = [each for each in kind.__subclasses__() if not each.__module__.startswith("test")]
    return {kind.code}.union(*map(codes_of, own))


def test_every_code_that_can_be_raised_is_named() -> None:
    raised = codes_of(errors.DomainError)
    plain = {"METHOD_NOT_ALLOWED", "UNSUPPORTED_MEDIA_TYPE", "INTERNAL_ERROR"}
    assert refusals.CODES.keys() == raised | plain
    text = str(DOCUMENT)
    assert [code for code in refusals.CODES if f"`{code}`" not in text] == []


def test_every_code_has_a_place_among_the_answers() -> None:
    listed = {code for name in OPERATIONS for answer in answers_of(name).values() for code in listed_codes(answer)}
    assert refusals.CODES.keys() - listed == {"METHOD_NOT_ALLOWED", "INTERNAL_ERROR"}


def listed_codes(answer: dict[str, Any]) -> list[str]:
    """The codes that a refusal allows."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    if "allOf" not in schema:
        return []
    codes: list[str] = schema["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"]
    return codes


def test_refusals_are_described_once_and_exactly() -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        for status, answer in operation["responses"].items():
            is_refusal = int(status) >= 400 and (name, status) != ("ready", "503")
            assert ("$ref" in answer) == is_refusal, (name, status)
            if is_refusal:
                assert listed_codes(resolved(answer)), (name, status)


# ----------------------------------------------------------------------------- webhooks
def test_the_webhooks_are_the_events_that_are_sent() -> None:
    public = {event.public: event.told for event in (*EVENTS.values(), *UNRECORDED) if event.public}
    assert DOCUMENT["webhooks"].keys() == public.keys()
    for type_, methods in DOCUMENT["webhooks"].items():
        body = resolved(methods["post"]["requestBody"]["content"]["application/json"]["schema"])
        assert set(body["properties"]["data"]["properties"]) == public[type_] <= events.FIELDS.keys()


# ----------------------------------------------------------------------------- true of the server
def lay_ground(admin: Actor) -> dict[str, Any]:
    """What the calls below are about."""
    acme = admin.tenant
    namespace = Namespace.objects.get(tenant=acme, slug="default")
    prompt = factories.make_prompt(namespace, by=admin, slug="support-reply")
    version = factories.make_version(prompt, "Two: {{ issue }}", by=admin)
    archived = factories.make_prompt(namespace, by=admin, slug="archived")
    Prompt.objects.filter(pk=archived.pk).update(archived_at=archived.created_at)
    for tag in ("production", "staging"):
        promotion.set_tag(prompt, tag, version=version, by=admin)
    author = factories.make_actor(acme)
    pending = factories.make_prompt(namespace, by=author, slug="pending", body="Text 1")
    texts = [pending.versions.get(), *(factories.make_version(pending, f"Text {n}", by=author) for n in (2, 3))]
    for tag, each in (("production", texts[0]), ("production", texts[1]), ("staging", texts[2])):
        promotion.set_tag(pending, tag, version=each, by=author)
    drafted = factories.make_prompt(namespace, by=admin, slug="drafted")
    draft = drafts.create_draft(drafted, content_of("text", "New"), by=admin)
    tier = tiers.create_tier(namespace, name="short", max_tokens=100, enforcement="warn", by=admin)
    change = policy_change(admin)
    case = test_cases.create_test_case(prompt, "one", variables={}, assertions=ASSERTIONS, by=admin)
    harness = harnesses.register_harness("answers", url=HARNESS["url"], secret=HARNESS["secret"], by=admin)
    evaluation = runs.trigger(version, harness="builtin", by=admin)
    Evaluation.objects.filter(pk=evaluation.pk).update(status="passed", completed_at=evaluation.created_at, due_at=None)
    webhook = endpoints.create_endpoint(PUBLIC_URL, events=["tag.moved"], by=admin).endpoint
    sending.fan_out()
    whole = [experiments.Share(prompt.versions.get(number=1).pk, 100)]
    deployment = experiments.create_deployment(prompt, variants=whole, by=admin)
    checkpoint = sealing.seal(acme.pk)
    assert checkpoint is not None
    return {
        "sealed": checkpoint.size,
        "template_id": str(prompt.pk),
        "drafted_id": str(drafted.pk),
        "draft_id": str(draft.pk),
        "tier_id": str(tier.pk),
        "pending_id": str(texts[2].pk),
        "first_id": str(prompt.versions.get(number=1).pk),
        "key_id": str(factories.make_key(admin.author).row.pk),
        "change_id": str(change.pk),
        "webhook_id": str(webhook.pk),
        "delivery_id": str(webhook.deliveries.first().pk),  # type: ignore[union-attr]  # tags were moved above
        "case_id": str(case.pk),
        "harness_id": str(harness.pk),
        "evaluation_id": str(evaluation.pk),
        "deployment_id": str(deployment.pk),
    }


def policy_change(admin: Actor) -> PolicyChange:
    """A change of the policy of `agents` that somebody else asked for."""
    agents = namespaces.create_namespace("agents", name="Agents", by=admin)
    somebody = factories.make_user(admin.tenant)
    asked = {"tenant": admin.tenant, "namespace": agents, "requested_by": somebody}
    return PolicyChange.objects.create(**asked, changes={"required_approvals": 0})


Laid = tuple[Actor, dict[str, Any]]


@pytest.fixture(scope="module")
def laid(furnish: Furnish[Laid]) -> Laid:
    """An administrator and what the calls are about, made once."""

    def lay() -> Laid:
        admin = factories.make_actor(factories.make_tenant("acme"), "admin", "Administrator")
        return admin, lay_ground(admin)

    return furnish(lay)


@pytest.fixture
def admin(db: None, laid: Laid) -> Actor:
    return copy.deepcopy(laid[0])


@pytest.fixture
def ground(db: None, laid: Laid) -> dict[str, Any]:
    return copy.deepcopy(laid[1])


ASSERTIONS = [{"type": "no_missing_variables"}]
#: A literal address, so that no name is looked up; nobody calls it here.
HARNESS = {"name": "other", "url": "https://9.9.9.9/evaluate", "secret": "0123456789abcdef"}
PUBLIC_URL = "https://9.9.9.9/hook"
SUBSCRIPTION = {"url": PUBLIC_URL, "events": ["*"]}
MEASURED = {"type": "latency", "name": "total", "value": 812.5, "unit": "ms"}
BODIES: dict[str, Any] = {
    "create-deployments": lambda ground: {
        "promptId": ground["template_id"],
        "variants": [{"versionId": ground["first_id"], "weight": 100}],
    },
    "update-deployment": lambda _: {"name": "Trial"},
    "ingest": lambda ground: {"metrics": [{**MEASURED, "versionId": ground["first_id"]}]},
    "create-webhooks": lambda _: SUBSCRIPTION,
    "update-webhook": lambda _: {"active": False},
    "trigger-evaluation": lambda ground: {"versionId": ground["first_id"], "harnessId": "builtin"},
    "create-harnesses": lambda _: HARNESS,
    "update-harness": lambda _: {"timeoutSeconds": 60},
    "create-test-cases": lambda _: {"name": "two", "assertions": ASSERTIONS},
    "update-test-case": lambda _: {"name": "three"},
    "create-prompts": lambda _: {"name": "new", "template": "new"},
    "update-prompt": lambda _: {"description": "new"},
    "create-versions": lambda _: {"content": "new"},
    "put-on-tag": lambda ground: {"versionId": ground["first_id"]},
    "create-api-keys": lambda _: {"name": "ci", "scopes": ["prompts:read"]},
    "create-namespaces": lambda _: {"slug": "new", "name": "New"},
    "update-namespace": lambda _: {"required_approvals": 2},
    "override-pre-prod": lambda ground: {"expected_version_id": ground["pending_id"], "reason": "better"},
    "merge-pre-prod": lambda ground: {"expected_version_id": ground["pending_id"]},
    "create-templates": lambda _: {"namespace": "default", "slug": "new-template", "name": "New"},
    "update-template": lambda _: {"description": "new"},
    "create-template-versions": lambda _: {"body": "new"},
    "save-draft": lambda _: {"body": "newer"},
    "create-tiers": lambda _: {"name": "long", "max_tokens": 1000, "enforcement": "block"},
    "update-tier": lambda _: {"max_tokens": 200},
    "reject": lambda _: {"reason": "It promises a refund."},
    "override-promotion": lambda ground: {"versionId": ground["pending_id"]},
    "render": lambda _: {"variables": {"issue": "late"}},
    "render-version": lambda _: {"variables": {"issue": "late"}},
    "render-by-name": lambda _: {"variables": {"issue": "late"}},
}


def path_parts(ground: dict[str, Any]) -> dict[str, str]:
    """What the parameters of paths stand for."""
    return {
        "ref": "support-reply",
        "qualified_name": "default:support-reply",
        "version": "2",
        "version_id": ground["pending_id"],
        "name": "staging",
        "namespace_id": "agents",
        **{name: ground[name] for name in ("key_id", "change_id", "template_id", "tier_id")},
        **{name: ground[name] for name in ("case_id", "harness_id", "evaluation_id")},
        **{name: ground[name] for name in ("webhook_id", "delivery_id", "deployment_id")},
    }


def call(api: Client, name: str, ground: dict[str, Any], **headers: str) -> HttpResponse:
    """The operation, done right, with these headers."""
    path, method, _ = OPERATIONS[name]
    refs = {"unarchive-prompt": "archived", **dict.fromkeys(("promote", "override-promotion", "rollback"), "pending")}
    parts_ = path_parts(ground) | {"ref": refs.get(name, "support-reply")}
    if name in ("save-draft", "discard-draft"):
        parts_["version_id"] = ground["draft_id"]
    if name == "my-draft":
        parts_["template_id"] = ground["drafted_id"]
    if "tier" in name:
        parts_["namespace_id"] = "default"
    path = path.format_map(parts_)
    path += "?fromVersion=1&toVersion=2" if takes(name, "fromVersion") else ""
    queries = {"inclusion-proof": "?seq=1", "consistency-proof": f"?from={ground['sealed']}"}
    path += {**queries, "deployment-results": "?metric=total"}.get(name, "")
    body = BODIES[name](ground) if name in BODIES else None
    return api(method, path.removeprefix("/api/v1"), body, **headers)


#: What others add to every answer, or HTTP itself; the rest is ours to describe.
ELSEWHERE = {
    *("content-type", "content-length", "content-security-policy", "x-content-type-options", "x-frame-options"),
    *("referrer-policy", "cross-origin-opener-policy", "cache-control", "vary", "allow", "server-timing", "expires"),
}


def test_the_headers_of_an_answer_are_those_described(ground: dict[str, Any], as_admin: Client, settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 1_000_000)
    for name in KEYED:
        for answer in (
            call(as_admin, name, ground),
            call(Client(None), name, ground),
            call(as_admin, name, ground, X_Tenant_Id="nobodys"),
        ):
            check_headers(name, answer)
            assert answer.headers.keys() >= {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}, name
    for name in PUBLIC:
        page = DjangoClient().get(OPERATIONS[name][0])
        check_headers(name, page)
        assert ("RateLimit-Limit" in page.headers) == (name in ("docs", "openapi")), name


def check_headers(name: str, answer: Any) -> None:
    described = answers_of(name)[str(answer.status_code)].get("headers", {})
    required = {header.lower() for header, each in described.items() if resolved(each).get("required")}
    sent = {header.lower() for header in answer.headers}
    where = f"{name} {answer.status_code}"
    assert required <= sent, where
    assert sent - ELSEWHERE <= {header.lower() for header in described}, where
    for header, each in described.items():
        if header in answer.headers:
            schema = resolved(each)["schema"]
            text = answer[header]
            assert validator(schema).is_valid(int(text) if schema["type"] == "integer" else text), (where, header)


@pytest.mark.parametrize("name", KEYED)
def test_receipts_and_revisions_are_sent_where_described(name: str, ground: dict[str, Any], as_admin: Client) -> None:
    answer = call(as_admin, name, ground)
    assert 200 <= answer.status_code < 300, answer.content
    described = answers_of(name)[str(answer.status_code)]["headers"]
    assert ("X-Audit-Seq" in answer.headers) == ("X-Audit-Seq" in described)
    assert ("X-Audit-Hash" in answer.headers) == ("X-Audit-Hash" in described)
    assert ("ETag" in answer.headers) == ("ETag" in described)


def test_a_request_id_comes_back_where_it_is_described(ground: dict[str, Any], as_admin: Client) -> None:
    for name in OPERATIONS:
        assert takes(name, "X-Request-Id"), name
    for name in KEYED:
        assert call(as_admin, name, ground, X_Request_Id="mine-1")["X-Request-Id"] == "mine-1", name


def test_if_match_is_described_where_it_is_honoured(ground: dict[str, Any], as_admin: Client) -> None:
    honoured = {name for name in KEYED if call(as_admin, name, ground, If_Match='"9999"').status_code == 412}
    assert honoured == {name for name in KEYED if takes(name, "If-Match")}
    assert honoured == {name for name in KEYED if "412" in answers_of(name)}
    assert len(honoured) == 10


def test_an_idempotency_key_is_described_where_it_is_honoured(ground: dict[str, Any], as_admin: Client) -> None:
    honoured = set()
    for name in KEYED:
        answer = call(as_admin, name, ground, Idempotency_Key="not one key")
        if answer.status_code == 400 and "Idempotency-Key" in error_of(answer)["details"]["fields"]:
            honoured.add(name)
    assert honoured == {name for name in KEYED if takes(name, "Idempotency-Key")}
    assert "create-prompts" in honoured
    first = call(as_admin, "create-prompts", ground, Idempotency_Key="once")
    again = call(as_admin, "create-prompts", ground, Idempotency_Key="once")
    assert (first.status_code, again["Idempotency-Replayed"]) == (201, "true")
    check_headers("create-prompts", again)


def test_the_tenant_and_the_user_are_confirmed_where_it_is_described(ground: dict[str, Any], as_admin: Client) -> None:
    for name in KEYED:
        assert takes(name, "X-Tenant-Id"), name
        refused = call(as_admin, name, ground, X_Tenant_Id="nobodys")
        assert error_of(refused)["code"] == "TENANT_MISMATCH", name
    acts = {name for name in KEYED if call(as_admin, name, ground, X_User_Id="somebody").status_code == 403}
    assert acts == {name for name in KEYED if "USER_MISMATCH" in listed_codes(answers_of(name)["403"])}
    assert set(KEYED) - acts == {"render", "render-version", "resolve", "render-by-name", "resolve-deployment"}


def test_methods_not_described_answer_405(ground: dict[str, Any], as_admin: Client) -> None:
    for path, methods in DOCUMENT["paths"].items():
        if path.startswith("/api/v1/") and not path.startswith("/api/v1/docs"):
            where = path.format_map(path_parts(ground))
            for method in {"get", "post", "put", "delete", "patch"} - methods.keys():
                answer = as_admin(method.upper(), where.removeprefix("/api/v1"))
                assert answer.status_code == 405, (method, path)
                assert {each.strip().lower() for each in answer["Allow"].split(",")} - {"head"} == set(methods), path


# ----------------------------------------------------------------------------- the document itself
def test_it_introduces_itself() -> None:
    info = DOCUMENT["info"]
    assert DOCUMENT["openapi"].startswith("3.1")
    assert info["license"] == {"name": "MIT", "identifier": "MIT"}
    assert f'version = "{info["version"]}"' in (django_settings.BASE_DIR / "pyproject.toml").read_text()
    assert DOCUMENT["servers"][0]["url"] == "/"
    chapters = ["Authentication", "Tenants", "Errors", "Lists", "Doing it once", "Preconditions", "Rate limits"]
    assert [each for each in [*chapters, "Audit receipts"] if f"**{each}.**" not in info["description"]] == []


def test_its_shared_parts_are_references() -> None:
    """A header or parameter that many routes share is described in one place."""
    for name, (_, _, operation) in OPERATIONS.items():
        shared = {(each["in"], each["name"]) for each in parts.PARAMETERS.values()}
        inline = {(each["in"], each["name"]) for each in operation.get("parameters", []) if "$ref" not in each}
        assert not inline & shared, name
        for answer in answers_of(name).values():
            assert all("$ref" in each for each in answer["headers"].values()), name
