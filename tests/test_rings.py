"""Rings: what holds over the whole code base, read from its syntax trees, its routes and its database."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.urls import URLPattern, URLResolver, get_resolver

from audit.events import EVENTS
from audit.models import AuditEntry
from deployments.actions import experiments, promotion
from evaluations.actions import harnesses, runs, test_cases
from prompts.actions import namespaces, tiers
from prompts.models import Namespace, PolicyChange, Prompt
from pvc import errors
from pvc.api import ApiViewSet
from pvc.errors import named_constraints
from tenants.models import Actor, Tenant
from tenants.scopes import SCOPES
from tests import factories
from tests.factories import Client, error_of, json_of
from webhooks.actions import endpoints, sending
from webhooks.models import Delivery

REPOSITORY = Path(__file__).resolve().parents[1]
APPS = sorted(path.parent.name for path in REPOSITORY.glob("*/apps.py"))
WRITING = {
    "save",
    "create",
    "update",
    "delete",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
    "acreate",
    "asave",
    "adelete",
    "aupdate",
}


# ----------------------------------------------------------------------------- reading the code
@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the product but its migrations, by its path."""
    paths = [path for folder in (*APPS, "pvc") for path in sorted((REPOSITORY / folder).rglob("*.py"))]
    return {
        str(path.relative_to(REPOSITORY)): ast.parse(path.read_text())
        for path in paths
        if "migrations" not in path.parts
    }


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def method_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def receiver_of(call: ast.Call) -> str:
    """What a method is called on, as text: `Tag.objects.filter(pk=1)`."""
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def where(path: str, node: ast.AST) -> str:
    return f"{path}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)[:80]}"


def imports(tree: ast.AST) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """Each import with the full name of what is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{each.name}") for each in node.names)


def app_of(path: str) -> str:
    return path.partition("/")[0]


def test_the_code_is_found() -> None:
    assert APPS == ["audit", "deployments", "evaluations", "prompts", "tenants", "webhooks"]
    assert {"audit/unit.py", "prompts/actions/prompts.py", "pvc/api.py", "tenants/views.py"} <= modules().keys()


# ----------------------------------------------------------------------------- verbs
#: Upkeep: nobody does anything to a prompt.
WITHOUT_ACTOR = {
    "audit/actions.py": {
        *("heartbeat", "forget_dead_workers", "purge_idempotency_records"),
        *("claim_events", "events_between", "mark_dispatched", "purge_events"),
    },
    "webhooks/actions/sending.py": {"fan_out", "note_health", "purge_deliveries"},
    "evaluations/actions/runs.py": {"purge_receipts"},
    "deployments/actions/sketching.py": {
        *("hours_waiting", "sketch_due", "sketch_hour"),
        *("maintain_partitions", "purge_hours", "rows_without_partition"),
    },
}


#: What verbs of several files share: it runs within a verb's unit, and no door calls it.
SHARED = {
    "deployments/actions/promotion/activation.py": {"activate", "leave_staging"},
    "deployments/actions/promotion/ground.py": {
        *("held", "in_production", "pointed", "present_tag", "require_free_staging"),
        *("require_never_rejected", "shown", "version_under_lock"),
    },
    "deployments/actions/promotion/pre_production.py": {"common_base"},
    "evaluations/actions/runs.py": {"kind_of", "trigger_all"},
    "webhooks/actions/endpoints.py": {"cancel", "known"},
    "prompts/actions/changes.py": {"requested"},
    "prompts/actions/tiers.py": {"apply_to_tiers"},
    "prompts/actions/versions.py": {
        *("add_contributors", "announce_sealed", "columns_of", "next_version", "require_sealable", "sealed_with"),
    },
}


def is_verb(path: str, function: str) -> bool:
    return function not in WITHOUT_ACTOR.get(path, set()) | SHARED.get(path, set())


def actions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path, tree in modules().items():
        if re.fullmatch(r"\w+/actions(\.py|(/\w+)+\.py)", path):
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield path, node


def test_every_public_action_takes_a_keyword_only_actor() -> None:
    for path, function in actions():
        if not is_verb(path, function.name):
            continue
        by = [each for each in function.args.kwonlyargs if each.arg == "by"]
        assert by, where(path, function)
        assert by[0].annotation is not None
        assert ast.unparse(by[0].annotation) == "Actor", where(path, function)
        default = dict(zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True))[by[0]]
        assert default is None, f"an actor is never left out: {where(path, function)}"


def test_every_public_action_is_one_unit_of_work() -> None:
    for path, function in actions():
        if not is_verb(path, function.name):
            continue
        decorators = [ast.unparse(each).split("(")[0] for each in function.decorator_list]
        assert decorators == ["verb"], where(path, function)


def test_the_exceptions_are_there() -> None:
    found = {(path, function.name) for path, function in actions()}
    listed = [*WITHOUT_ACTOR.items(), *SHARED.items()]
    assert {(path, name) for path, names in listed for name in names} <= found


def test_no_verb_takes_a_flag_that_switches_a_rule_off() -> None:
    flags = re.compile(r"force|skip|ignore|bypass|override|unsafe|dry_run|check|validate|no_")
    for path, function in actions():
        names = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
        assert not [name for name in names if flags.match(name)], where(path, function)


def test_what_verbs_share_is_called_by_no_door() -> None:
    shared = {
        f"{path.removesuffix('.py').replace('/', '.')}.{name}" for path, names in SHARED.items() for name in names
    }
    for path, tree in doors().items():
        assert not shared & named_in(tree), path


def named_in(tree: ast.AST) -> set[str]:
    """The full names of what a module takes from others, be it by the name of an imported module."""
    names = {
        each.asname or each.name: f"{node.module}.{each.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    by_module = {
        f"{names[node.value.id]}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
    }
    return {*names.values(), *by_module}


# ----------------------------------------------------------------------------- doors
DOOR = re.compile(
    r"\w+/(views\.py|views/\w+\.py|pages\.py|pages/\w+\.py|admin\.py|tasks\.py|serializers\.py|management/.*)|pvc/(api|pages|commands)\.py"
)
TRANSACTIONS = {"atomic", "unit_of_work", "set_autocommit", "commit", "rollback", "savepoint", "on_commit", "record"}


def doors() -> dict[str, ast.Module]:
    return {path: tree for path, tree in modules().items() if DOOR.fullmatch(path)}


def test_the_doors_are_found() -> None:
    assert {"prompts/views/prompts.py", "audit/views/log.py", "audit/tasks.py", "tenants/admin.py"} <= doors().keys()
    assert "prompts/management/commands/create_tenant.py" in doors()


def test_doors_never_write() -> None:
    written = [
        where(path, call)
        for path, tree in doors().items()
        for call in calls(tree)
        if method_of(call) in WRITING and not re.search(r"\bactions\b|^namespaces$|^promotion$", receiver_of(call))
    ]
    assert written == []


def test_doors_open_no_transactions() -> None:
    opened = [
        where(path, call)
        for path, tree in doors().items()
        for call in calls(tree)
        if (method_of(call) or ast.unparse(call.func)) in TRANSACTIONS and receiver_of(call) != "promotion"
    ]
    assert opened == []


def test_what_goes_over_the_wire_writes_nothing() -> None:
    """Neither forms nor rows have create() or update(); models' save() holds no logic."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef):
                continue
            methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
            if path.endswith("serializers.py"):
                assert not methods & {"create", "update", "save"}, f"{path}: {node.name}"
            if "/models" in path:
                assert not methods & {"save", "delete"}, f"{path}: {node.name}"


def test_no_rule_hangs_on_a_signal_of_the_models() -> None:
    for path, tree in modules().items():
        assert not [name for _, name in imports(tree) if name.startswith("django.db.models.signals")], path


# ----------------------------------------------------------------------------- tags
def test_only_pointers_writes_tags_and_their_moves() -> None:
    tag = re.compile(r"\b(Tag|TagMove)\.objects|\b(tags|tag_moves)\b|^(tag|tag_move|moved|move)$")
    for path, tree in modules().items():
        if path == "prompts/pointers.py":
            continue
        for call in calls(tree):
            writes = method_of(call) in WRITING and tag.search(receiver_of(call))
            makes = isinstance(call.func, ast.Name) and call.func.id in ("Tag", "TagMove")
            assert not writes, where(path, call)
            assert not makes, where(path, call)
    assert any(method_of(call) == "create" for call in calls(modules()["prompts/pointers.py"]))


def test_only_promotion_imports_pointers() -> None:
    importers = {
        path for path, tree in modules().items() for _, name in imports(tree) if name.startswith("prompts.pointers")
    }
    assert importers == {
        f"deployments/actions/promotion/{name}.py"
        for name in ("activation", "decisions", "pre_production", "production", "tags")
    }


# ----------------------------------------------------------------------------- habits
def test_nothing_is_imported_inside_a_function() -> None:
    for path, tree in modules().items():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                assert not [where(path, node) for node, _ in imports(function)]


def test_no_file_is_named_after_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "services", "selectors", "managers", "manager", "base"}
    nothing |= {"processor", "misc", "mixins", "repositories", "dto"}
    for path in modules():
        assert not nothing & {part.removesuffix(".py") for part in path.split("/")}, path


def test_no_request_is_poured_into_a_call() -> None:
    for path, tree in modules().items():
        for call in calls(tree):
            poured = [ast.unparse(each.value) for each in call.keywords if each.arg is None]
            assert not [text for text in poured if re.match(r"(self\.)?request\b", text)], where(path, call)


def test_no_query_is_written_as_text_with_values_in_it() -> None:
    for path, tree in modules().items():
        for call in calls(tree):
            assert method_of(call) != "extra", where(path, call)
            if method_of(call) in ("raw", "execute", "executemany") or ast.unparse(call.func).endswith("RawSQL"):
                statement = call.args[0] if call.args else None
                assert statement is None or isinstance(statement, ast.Constant), where(path, call)


def models_of_apps() -> dict[str, str]:
    """The name of each model class, and whose it is."""
    return {
        node.name: app_of(path)
        for path, tree in modules().items()
        if "/models" in path
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and {ast.unparse(base) for base in node.bases} & {"models.Model", "AbstractUser"}
    }


def test_no_app_writes_another_apps_tables() -> None:
    owners = models_of_apps()
    assert owners["Tag"] == owners["Prompt"] == "prompts"
    assert owners["User"] == "tenants"
    assert owners["AuditEntry"] == "audit"
    for path, tree in modules().items():
        for call in calls(tree):
            model = re.match(r"(\w+)\.objects\b", receiver_of(call))
            if method_of(call) in WRITING and model and model[1] in owners:
                assert owners[model[1]] == app_of(path), where(path, call)


# ----------------------------------------------------------------------------- routes
Route = tuple[str, str, Any]

#: What anybody may ask without a key, and why.
OPEN = {
    "docs": "the API's description",
    "openapi": "the API's description",
    "health": "asked by machines",
    "ready": "asked by machines",
    "metrics": "asked by machines",
    "report-evaluation": "signed by a harness",
    "no-such-route": "a refusal",
    "no-such-page": "a refusal",
}
SAMPLES = {
    "ref": "support",
    "qualified_name": "default:support",
    "version": "1",
    "name": "staging",
    "key_id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "namespace_id": "agents",
    "change_id": "01890a5d-ac96-774b-bcce-b302099a8059",
    "version_id": "01890a5d-ac96-774b-bcce-b302099a8058",
    "template_id": "01890a5d-ac96-774b-bcce-b302099a805a",
    "tier_id": "01890a5d-ac96-774b-bcce-b302099a805b",
    "harness_id": "01890a5d-ac96-774b-bcce-b302099a805c",
    "case_id": "01890a5d-ac96-774b-bcce-b302099a805d",
    "evaluation_id": "01890a5d-ac96-774b-bcce-b302099a805e",
    "webhook_id": "01890a5d-ac96-774b-bcce-b302099a805f",
    "delivery_id": "01890a5d-ac96-774b-bcce-b302099a8060",
    "deployment_id": "01890a5d-ac96-774b-bcce-b302099a8061",
}


def routes(patterns: list[Any] | None = None, prefix: str = "") -> Iterator[Route]:
    """Every route of ours: its name, its path with samples, its view."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        text = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            if each.app_name not in ("admin", "console"):  # tests/console walks along those
                yield from routes(each.url_patterns, text)
        else:
            assert isinstance(each, URLPattern)
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: SAMPLES[found[1]], text)
            yield each.name or "", path, each.callback


def api_routes() -> list[tuple[str, str, type[ApiViewSet], dict[str, str]]]:
    """The routes with a key: name, path below /api/v1, the door, and its action for each method."""
    return [
        (
            name,
            f"/{path.removeprefix('api/v1/')}",
            view.cls,
            {method.upper(): action for method, action in view.actions.items() if method != "head"},
        )
        for name, path, view in routes()
        if hasattr(view, "actions") and name not in OPEN
    ]


def test_every_route_has_a_name_of_its_own() -> None:
    names = [name for name, _, _ in routes()]
    assert all(names)
    assert sorted(names) == sorted(set(names))
    assert len(names) > 15


def test_every_route_is_a_door_of_the_api_or_on_the_list() -> None:
    others = {name for name, _, view in routes() if not hasattr(view, "actions") or view.cls.is_public}
    assert others == set(OPEN)
    assert all(issubclass(view, ApiViewSet) for _, _, view, _ in api_routes())


def test_every_api_route_asks_for_a_key(db: None) -> None:
    for _, path, _, methods in api_routes():
        for method in methods:
            refused = Client(None)(method, path, {} if method in ("POST", "PUT") else None)
            assert refused.status_code == 401, f"{method} {path}"
            assert error_of(refused)["code"] == "UNAUTHORIZED"
            assert refused["WWW-Authenticate"] == "Bearer"


def test_every_action_of_a_door_has_a_scope() -> None:
    asked: dict[type[ApiViewSet], set[str]] = {}
    for name, _, view, methods in api_routes():
        for action in methods.values():
            assert view.scopes.get(action) in SCOPES, f"{name}: {action}"
            assert view.scopes[action] != "gateway"
            asked.setdefault(view, set()).add(action)
    for view, actions_ in asked.items():
        assert set(view.scopes) == actions_, f"{view.__name__}: a scope for what no route asks"
        assert set(view.audited) <= actions_, f"{view.__name__}: an audit verb for what no route asks"


def test_every_door_is_on_a_route() -> None:
    doors_ = {view.cls.__name__ for _, _, view in routes() if hasattr(view, "actions")}
    written = {
        node.name
        for path, tree in modules().items()
        if "/views" in path
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("ViewSet")
    }
    assert doors_ == written


def test_a_method_that_a_route_does_not_have_is_405(as_admin: Client) -> None:
    answered = {
        f"{method} {path}": as_admin(method, path).status_code
        for _, path, _, methods in api_routes()
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
        if method not in methods
    }
    assert {call: status for call, status in answered.items() if status != 405} == {}
    assert error_of(as_admin("PATCH", "/prompts"))["code"] == "METHOD_NOT_ALLOWED"


def policy_change(namespace: Namespace, *, by: Actor, **changes: Any) -> PolicyChange:
    """A change that waits for a second person."""
    asked = {"tenant": namespace.tenant, "namespace": namespace, "requested_by": by.author}
    return PolicyChange.objects.create(**asked, changes=changes or {"required_approvals": 0})


def test_another_tenants_rows_are_not_found_on_any_route(
    as_admin: Client, as_eve: Client, acme: Tenant, admin: Actor, namespace: Namespace
) -> None:
    prompt = factories.make_prompt(namespace, by=admin, slug="support")
    key = factories.make_key(admin.author).row
    change = policy_change(namespace, by=admin)
    tier = tiers.create_tier(namespace, name="short", max_tokens=100, enforcement="warn", by=admin)
    case = test_cases.create_test_case(prompt, "one", variables={}, assertions=[{"type": "valid_json"}], by=admin)
    harness = harnesses.register_harness("answers", url=PUBLIC_URL, secret="0123456789abcdef", by=admin)
    whole = [experiments.Share(prompt.versions.get().pk, 100)]
    deployment = experiments.create_deployment(prompt, variants=whole, by=admin)
    evaluation = runs.trigger(prompt.versions.get(), harness="builtin", by=admin)
    webhook = endpoints.create_endpoint(PUBLIC_URL, events=["*"], by=admin).endpoint
    sending.replay(webhook, by=admin)
    sending.fan_out()
    before = list(AuditEntry.objects.filter(tenant_id=acme.pk).values_list("seq", flat=True))
    names = {"support": str(prompt.pk), SAMPLES["key_id"]: str(key.pk)}
    names |= {"agents": str(namespace.pk), SAMPLES["change_id"]: str(change.pk), SAMPLES["tier_id"]: str(tier.pk)}
    names |= {SAMPLES["case_id"]: str(case.pk), SAMPLES["harness_id"]: str(harness.pk)}
    names |= {SAMPLES["evaluation_id"]: str(evaluation.pk), SAMPLES["webhook_id"]: str(webhook.pk)}
    names |= {SAMPLES["deployment_id"]: str(deployment.pk)}
    names |= {SAMPLES["delivery_id"]: str(Delivery.objects.filter(endpoint=webhook)[0].pk)}
    names |= {SAMPLES["template_id"]: str(prompt.pk), SAMPLES["version_id"]: str(prompt.versions.get().pk)}
    probed = 0
    for _, path, _, methods in api_routes():
        if not any(sample in path for sample in names):
            continue
        for sample, name in names.items():
            path = path.replace(sample, name)  # noqa: PLW2901
        for method in methods:
            answer = as_eve(method, path, {} if method in ("POST", "PUT") else None)
            assert (answer.status_code, error_of(answer)["code"]) == (404, "NOT_FOUND"), f"{method} {path}"
            assert "support" not in error_of(answer)["message"]
            probed += 1
    assert probed > 40
    assert list(AuditEntry.objects.filter(tenant_id=acme.pk).values_list("seq", flat=True)) == before
    assert as_admin.get(f"/prompts/{prompt.pk}").status_code == 200


# ----------------------------------------------------------------------------- every write leaves its verb
#: POSTs that write nothing.
READING = {"render", "render-version", "render-by-name", "verify-audit-log", "test-webhook"}
#: POSTs that write what is measured, and leave no entry.
MEASURING = {"ingest"}

Write = tuple[str, str, str, Callable[[dict[str, str]], Any], str]

#: A literal address, so that no name is looked up; nobody calls it here.
PUBLIC_URL = "https://9.9.9.9/evaluate"
_ASSERTIONS = [{"type": "no_missing_variables"}]
_HARNESS = {"name": "answers", "url": PUBLIC_URL, "secret": "0123456789abcdef"}

#: Each write route once, in an order in which each succeeds: route, method, path, body, audit verb.
WRITES: list[Write] = [
    ("prompts", "POST", "/prompts", lambda _: {"name": "support", "template": "one"}, "version.created"),
    ("prompt", "PUT", "/prompts/support", lambda _: {"description": "new"}, "prompt.updated"),
    ("versions", "POST", "/prompts/support/versions", lambda _: {"content": "two"}, "version.created"),
    ("tag", "POST", "/prompts/support/tags/staging", lambda made: {"versionId": made["versions"]}, "tag.moved"),
    ("tag", "DELETE", "/prompts/support/tags/staging", lambda _: None, "tag.removed"),
    ("tag", "POST", "/prompts/support/tags/production", lambda made: {"versionId": made["versions"]}, "tag.moved"),
    ("promote-pre-prod", "POST", "/prompts/versions/{theirs-1}/promote-pre-prod", lambda _: {}, "promotion.requested"),
    (
        "override-pre-prod",
        "POST",
        "/prompts/versions/{theirs-2}/promote-pre-prod/override",
        lambda made: {"expected_version_id": made["theirs-1"], "reason": "better"},
        "promotion.requested",
    ),
    ("reject", "POST", "/prompts/versions/{theirs-2}/reject", lambda _: {"reason": "no"}, "tag.removed"),
    ("promote-pre-prod", "POST", "/prompts/versions/{theirs-1}/promote-pre-prod", lambda _: {}, "promotion.requested"),
    ("approve", "POST", "/prompts/versions/{theirs-1}/approve", lambda _: {}, "tag.removed"),
    ("promote-active", "POST", "/prompts/versions/{theirs-3}/promote-active", lambda _: {}, "tag.moved"),
    ("rollback", "POST", "/prompts/theirs/rollback", lambda _: {}, "promotion.rolled_back"),
    (
        "override-promotion",
        "POST",
        "/prompts/theirs/promote/override",
        lambda made: {"versionId": made["theirs-3"]},
        "promotion.overridden",
    ),
    ("tag", "POST", "/prompts/theirs/tags/staging", lambda made: {"versionId": made["theirs-1"]}, "tag.moved"),
    ("promote", "POST", "/prompts/theirs/promote", lambda _: {}, "tag.removed"),
    (
        "trigger-evaluation",
        "POST",
        "/evaluations/trigger",
        lambda made: {"versionId": made["versions"], "harnessId": "builtin"},
        "evaluation.triggered",
    ),
    ("harnesses", "POST", "/evaluations/harnesses", lambda _: _HARNESS, "harness.registered"),
    ("harness", "PUT", "/evaluations/harnesses/{harnesses}", lambda _: {"timeoutSeconds": 60}, "harness.changed"),
    ("harness", "DELETE", "/evaluations/harnesses/{harnesses}", lambda _: None, "harness.removed"),
    (
        "test-cases",
        "POST",
        "/prompts/support/test-cases",
        lambda _: {"name": "one", "assertions": _ASSERTIONS},
        "test_case.created",
    ),
    ("test-case", "PUT", "/prompts/support/test-cases/{test-cases}", lambda _: {"name": "two"}, "test_case.changed"),
    ("test-case", "DELETE", "/prompts/support/test-cases/{test-cases}", lambda _: None, "test_case.deleted"),
    ("prompt", "DELETE", "/prompts/support", lambda _: None, "prompt.archived"),
    ("unarchive-prompt", "POST", "/prompts/support/unarchive", lambda _: None, "prompt.unarchived"),
    ("namespaces", "POST", "/prompts/namespaces", lambda _: {"slug": "own", "name": "Own"}, "namespace.created"),
    ("namespace", "PUT", "/prompts/namespaces/own", lambda _: {"name": "Ours"}, "namespace.updated"),
    ("namespace", "PUT", "/prompts/namespaces/own", lambda _: {"required_approvals": 2}, "policy.changed"),
    ("namespace", "PUT", "/prompts/namespaces/own", lambda _: {"custom_tags": ["a"]}, "policy.change_requested"),
    (
        "tier",
        "PUT",
        "/prompts/namespaces/agents/tiers/{short}",
        lambda _: {"max_tokens": 2},
        "policy.change_requested",
    ),
    ("tier", "DELETE", "/prompts/namespaces/agents/tiers/{short}", lambda _: None, "policy.change_requested"),
    (
        "approve-policy-change",
        "POST",
        "/prompts/namespaces/agents/changes/{change-1}/approve",
        lambda _: None,
        "policy.changed",
    ),
    (
        "reject-policy-change",
        "POST",
        "/prompts/namespaces/agents/changes/{change-2}/reject",
        lambda _: None,
        "policy.change_rejected",
    ),
    (
        "tiers",
        "POST",
        "/prompts/namespaces/default/tiers",
        lambda _: {"name": "short", "max_tokens": 500, "enforcement": "block"},
        "tier.created",
    ),
    ("tier", "PUT", "/prompts/namespaces/default/tiers/{tiers}", lambda _: {"max_tokens": 800}, "tier.changed"),
    (
        "templates",
        "POST",
        "/prompts/templates",
        lambda _: {"namespace": "default", "slug": "answer", "name": "Answer", "tier": "short"},
        "prompt.created",
    ),
    ("template", "PUT", "/prompts/templates/{templates}", lambda _: {"variables_expected": ["a"]}, "prompt.updated"),
    ("tier", "DELETE", "/prompts/namespaces/default/tiers/{tiers}", lambda _: None, "tier.deleted"),
    ("template-versions", "POST", "/prompts/templates/{templates}/versions", lambda _: {"body": "{{"}, "draft.created"),
    ("save-draft", "PUT", "/prompts/versions/{template-versions}/save-draft", lambda _: {"body": "a"}, "draft.saved"),
    ("discard-draft", "DELETE", "/prompts/versions/{template-versions}/discard", lambda _: None, "draft.discarded"),
    ("template-versions", "POST", "/prompts/templates/{templates}/versions", lambda _: {"body": "b"}, "draft.created"),
    (
        "promote-pre-prod",
        "POST",
        "/prompts/versions/{template-versions}/promote-pre-prod",
        lambda _: {},
        "promotion.requested",
    ),
    ("template", "DELETE", "/prompts/templates/{templates}", lambda _: None, "prompt.archived"),
    ("promote-pre-prod", "POST", "/prompts/versions/{lines-2}/promote-pre-prod", lambda _: {}, "promotion.requested"),
    (
        "merge-pre-prod",
        "POST",
        "/prompts/versions/{lines-3}/promote-pre-prod/merge",
        lambda made: {"expected_version_id": made["lines-2"]},
        "promotion.requested",
    ),
    (
        "webhooks",
        "POST",
        "/webhooks",
        lambda _: {"url": PUBLIC_URL, "events": ["*"]},
        "webhook.created",
    ),
    ("webhook", "PUT", "/webhooks/{webhooks}", lambda _: {"events": ["tag.moved"]}, "webhook.changed"),
    ("rotate-webhook-secret", "POST", "/webhooks/{webhooks}/rotate-secret", lambda _: {}, "webhook.secret_rotated"),
    ("replay-webhook", "POST", "/webhooks/{webhooks}/replay", lambda _: {}, "webhook.replayed"),
    (
        "redeliver",
        "POST",
        "/webhooks/{their-webhook}/deliveries/{delivery}/redeliver",
        lambda _: None,
        "webhook.redelivered",
    ),
    ("webhook", "DELETE", "/webhooks/{webhooks}", lambda _: None, "webhook.deleted"),
    (
        "deployments",
        "POST",
        "/deployments",
        lambda made: {"promptId": made["lines"], "variants": [{"versionId": made["lines-1"], "weight": 100}]},
        "deployment.created",
    ),
    ("deployment", "PUT", "/deployments/{deployments}", lambda _: {"status": "paused"}, "deployment.changed"),
    ("api-keys", "POST", "/api-keys", lambda _: {"name": "ci", "scopes": ["admin"]}, "api_key.created"),
    ("api-key", "DELETE", "/api-keys/{api-keys}", lambda _: None, "api_key.revoked"),
]


def test_every_write_route_leaves_its_audit_verb(as_admin: Client, acme: Tenant, alice: Actor) -> None:
    default = Namespace.objects.get(tenant=acme)
    theirs = factories.make_prompt(default, slug="theirs", body="Text 1", by=alice)
    lines = factories.make_prompt(default, slug="lines", body="one\n\ntwo", by=alice)
    promotion.set_tag(lines, "production", version=lines.versions.get(), by=alice)  # what both others start from
    for prompt, texts in ((theirs, ("Text 2", "Text 3")), (lines, ("ONE\n\ntwo", "one\n\nTWO"))):
        for text in texts:
            factories.make_version(prompt, text, by=alice)
    versions = [*theirs.versions.all(), *lines.versions.all()]
    made = {f"{version.prompt.slug}-{version.number}": str(version.pk) for version in versions}
    made["lines"] = str(lines.pk)
    agents = namespaces.create_namespace("agents", name="Agents", by=alice)
    made["short"] = str(tiers.create_tier(agents, name="short", max_tokens=1, enforcement="block", by=alice).pk)
    made |= {f"change-{number}": str(policy_change(agents, by=alice).pk) for number in (1, 2)}
    webhook = endpoints.create_endpoint(PUBLIC_URL, events=["*"], by=alice).endpoint
    sending.fan_out()
    made |= {"their-webhook": str(webhook.pk), "delivery": str(Delivery.objects.filter(endpoint=webhook)[0].pk)}
    for name, method, path, body, verb in WRITES:
        before = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq").seq
        answer = as_admin(method, path.format_map(made), body(made))
        assert answer.status_code in (200, 201, 202, 204), (name, method, answer.content)
        newest = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
        assert newest.seq > before
        assert (newest.verb, newest.actor) == (verb, "admin"), name
        if method == "POST" and "id" in json_of(answer):
            made[name] = json_of(answer)["id"]
    assert Prompt.objects.filter(tenant=acme).count() == 4


def test_every_write_route_is_in_the_table() -> None:
    """A new route that writes says here which verb it leaves."""
    write_routes = {
        (name, method)
        for name, _, _, methods in api_routes()
        for method in methods
        if method != "GET" and name not in READING | MEASURING
    }
    assert write_routes == {(name, method) for name, method, _, _, _ in WRITES}
    assert {verb for *_, verb in WRITES} <= EVENTS.keys()


# ----------------------------------------------------------------------------- the database's own refusals
TABLES = r"^(tenants|audit|prompts|evaluations|deployments|webhooks)_"


def unnamed() -> re.Pattern[str]:
    """What Django names by itself: single foreign keys, its own join tables, numbers that are not negative."""
    positive = (models.PositiveIntegerField, models.PositiveSmallIntegerField, models.PositiveBigIntegerField)
    checks = [
        f"{model._meta.db_table}_{field.column}_check"
        for app in APPS
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.fields
        if isinstance(field, positive)
    ]
    return re.compile("|".join([r"tenants_user_(groups|user_permis)\w*", r"\w+_fk_\w+", *checks]))


def column(statement: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [TABLES])
        return {name for (name,) in cursor.fetchall()}


def test_every_constraint_has_a_named_error(db: None) -> None:
    constraints = column(
        "SELECT conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
        " WHERE contype IN ('c', 'u', 'x', 'f') AND relname ~ %s"
    )
    assert len(constraints) > 25
    assert {name for name in constraints if not unnamed().fullmatch(name)} - named_constraints() == set()


def test_every_trigger_has_a_named_error(db: None) -> None:
    """The name that a trigger refuses with, as its function says it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, encode(tgargs, 'escape'), prosrc FROM pg_trigger"
            " JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid"
            " WHERE NOT tgisinternal AND relname ~ %s",
            [TABLES],
        )
        triggers = cursor.fetchall()
    assert len(triggers) > 7
    for name, arguments, source in triggers:
        refusals = set(re.findall(r"CONSTRAINT = '(\w+)'", source)) or set(arguments.replace("\\000", " ").split())
        assert refusals, name
        assert refusals <= named_constraints(), name


def test_every_unique_index_has_a_named_error(db: None) -> None:
    indexes = column(
        "SELECT indexname FROM pg_indexes JOIN pg_class ON relname = indexname"
        " JOIN pg_index ON indexrelid = pg_class.oid WHERE indisunique AND NOT indisprimary AND tablename ~ %s"
    )
    assert "one_open_draft_per_author" in indexes
    assert {name for name in indexes if not unnamed().fullmatch(name)} - named_constraints() == set()


def test_every_named_error_has_its_constraint(db: None) -> None:
    """A name that is registered and not in the database is misspelt on one side."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname::text FROM pg_constraint UNION SELECT tgname::text FROM pg_trigger"
            " UNION SELECT indexname::text FROM pg_indexes"
        )
        there = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT prosrc FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'public'"
        )
        refused = {name for (source,) in cursor.fetchall() for name in re.findall(r"CONSTRAINT = '(\w+)'", source)}
    assert named_constraints() <= there | refused


def test_the_sentence_of_a_refusal_is_for_a_person() -> None:
    for constraint, error in errors._by_constraint.items():
        assert re.fullmatch(r"(\w+: )?[A-Z0-9].*\.", error.message), constraint
        assert constraint not in error.message


# ----------------------------------------------------------------------------- configuration
def environment_variables() -> set[str]:
    """What settings.py reads from the environment: through `env`, or through a function of its own."""
    tree = modules()["pvc/settings.py"]
    readers = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    texts = [
        str(each.value)
        for call in calls(tree)
        if receiver_of(call) == "env" or ast.unparse(call.func) in readers
        for each in call.args
        if isinstance(each, ast.Constant)
    ]
    return {text for text in texts if re.fullmatch(r"[A-Z][A-Z_]+", text)}


def test_every_environment_variable_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z][A-Z_]+)`", (REPOSITORY / "docs" / "configuration.md").read_text()))
    assert {"DATABASE_URL", "SECRET_KEY", "JWT_SECRET", "RATE_LIMIT_HOT"} <= environment_variables()
    assert environment_variables() - documented == set()


@pytest.mark.parametrize("folder", ["tenants", "audit", "prompts", "evaluations", "deployments", "webhooks", "pvc"])
def test_every_module_says_what_it_is(folder: str) -> None:
    silent = {"apps.py", "__init__.py", "migrate.py"}
    for path, tree in modules().items():
        if app_of(path) == folder and Path(path).name not in silent:
            assert ast.get_docstring(tree), path
