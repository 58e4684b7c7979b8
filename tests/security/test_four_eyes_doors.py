"""What is served is what was approved, whatever door a change came through.

One person alone tries them, with every right there is: an administrator and the author of every version. The namespace
asks for two approvals, and half of them are there for the version in staging. The doors are every write route of the
URL table, every command, every page of the console, and what several calls can do together.
"""

import copy
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin as console
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import reverse

from audit.models import AuditEntry
from deployments.actions import experiments, promotion
from deployments.models import Deployment, Variant
from evaluations.actions import harnesses, test_cases
from evaluations.models import Harness
from prompts import pointers
from prompts.actions import namespaces, tiers
from prompts.models import Approval, BudgetTier, Prompt, PromptVersion
from tenants import actions
from tenants.models import Actor, ApiKey, Tenant, User
from tenants.scopes import GATEWAY, SCOPES
from tests import factories
from tests.conftest import Furnish
from tests.console.routes import BUTTONS, logged_in
from tests.console.routes import Route as ConsoleRoute
from tests.factories import Client, client_of, json_of
from tests.security.bodies import WRITE_ROUTES, Route
from webhooks.actions import endpoints, sending
from webhooks.models import Delivery, WebhookEndpoint

ALL = sorted(set(SCOPES) - {GATEWAY})
REASON = "the live text insults customers"
PATH = "/prompts/guarded:support"


# ----------------------------------------------------------------------------- the ground
@dataclass
class Ground:
    """A prompt of which version 2 was approved by two and is live; version 3 has one approval of two.

    Its namespace has a budget tier. Version 2 has all of a deployment's traffic too.
    """

    admin: Actor
    bob: Actor
    prompt: Prompt
    versions: list[PromptVersion]
    tier: BudgetTier
    reader: Client
    person: Client
    deployment: Deployment
    door: str = ""
    calls: list[str] = field(default_factory=list)
    #: Whether the reading routes are asked after every single call, and buttons get every form.
    is_thorough: bool = False

    def id(self, number: int) -> str:
        return str(self.versions[number - 1].pk)

    def text(self, number: int) -> str:
        return self.versions[number - 1].body

    def served(self) -> list[Any]:
        """What the reading routes and the tables say is live."""
        production = self.reader.get(f"{PATH}/production")
        resolved = self.reader.get("/prompts/resolve/guarded:support?user_id=customer-1")
        return [
            *self.pointed(),
            *_shown(production, "number", "digest", "content"),
            *_shown(resolved, "version_number", "digest", "body", "status"),
        ]

    def pointed(self) -> list[Any]:
        """What the table of tags says is live."""
        return list(self.prompt.tags.filter(name="production").values_list("version__number", "digest"))

    def split(self) -> set[tuple[int, str]]:
        """What the table of variants says is served, or is to be."""
        variants = Variant.objects.standing().filter(prompt=self.prompt)
        return set(variants.values_list("version__number", "digest"))

    def resolved(self) -> list[list[Any]]:
        """What sessions get of each deployment of the prompt that answers: anybody who may can stop one."""
        paths = [
            f"/deployments/{each.pk}/resolve?sessionId=s" for each in Deployment.objects.filter(prompt=self.prompt)
        ]
        answers = [_shown(self.reader.get(path), "versionNumber", "content") for path in paths]
        return [rest for status, *rest in answers if status == 200]

    def require_same(self, call: str, *, is_refused: bool = False) -> None:
        """The tables are asked after every call; the reading routes after each that was not refused."""
        is_refused = is_refused and not self.is_thorough
        self.calls.append(call)
        live = self.versions[1]
        same = [2, live.digest, live.body]
        expected = [(2, live.digest)] if is_refused else [(2, live.digest), 200, *same, 200, *same, "active"]
        found = self.pointed() if is_refused else self.served()
        assert found == expected, f"{call} came through “{self.door}”, one of {len(DOORS)} doors"
        assert self.split() <= {(2, live.digest)}, f"{call} came through “{self.door}”"
        if not is_refused:
            assert all(each == [2, live.body] for each in self.resolved()), f"{call} came through “{self.door}”"

    def call(self, method: str, path: str, body: Any = None, *, by: Client | None = None, **headers: str) -> Any:
        """One call, after which the same is served as before."""
        answer = (by or self.person)(method, path, body, **headers)
        assert answer.status_code < 500, f"{method} {path} {body}"
        told = f"{method} {path} {body} {headers} ({answer.status_code})"
        self.require_same(told, is_refused=answer.status_code >= 400)
        return answer

    def command(self, *words: str) -> None:
        """One command, after which the same is served as before."""
        try:
            call_command(*words)
        except CommandError as refused:
            self.require_same(f"{' '.join(words)} ({refused})", is_refused=True)
        else:
            self.require_same(" ".join(words))

    @property
    def template(self) -> str:
        """Where drafts are opened."""
        return f"/prompts/templates/{self.prompt.pk}"

    def draft(self, body: str, *, by: Client | None = None, base: int = 2, **more: Any) -> int:
        """Open a draft; its number."""
        fields = {"body": body, "base_version_id": self.id(base), **more}
        made = json_of(self.call("POST", f"{self.template}/versions", fields, by=by))
        self.versions.append(PromptVersion.objects.get(pk=made["id"]))
        assert made["version_number"] == len(self.versions)
        return len(self.versions)

    def every_road(self, number: int, by: Client | None = None) -> None:
        """All calls that make a version live, one after the other."""
        version = self.id(number)
        self.call("POST", f"/prompts/versions/{version}/approve", {}, by=by)
        self.call("POST", f"/prompts/versions/{version}/promote-active", {}, by=by)
        self.call("POST", f"{PATH}/tags/production", {"versionId": version}, by=by)
        self.call("POST", f"{PATH}/promote", {}, by=by)
        self.call("POST", f"{PATH}/rollback", {"versionId": version}, by=by)


def _shown(answer: HttpResponse, *names: str) -> list[Any]:
    body = json_of(answer)
    return [answer.status_code, *(body.get(name) for name in names)]


def lay_ground() -> Ground:
    acme = factories.make_tenant("acme")
    admin, bob = factories.make_actor(acme, "admin", "Administrator"), factories.make_actor(acme, "bob", "Reviewer")
    carol = factories.make_actor(acme, "carol", "Reviewer")
    dave = factories.make_actor(acme, "dave", "Operator")
    namespace = namespaces.create_namespace("guarded", name="Guarded", required_approvals=2, by=Actor.command(acme))
    prompt = factories.make_prompt(namespace, slug="support", body="Text 1", by=admin)
    made = [factories.make_version(prompt, f"Text {number}", by=admin) for number in range(2, 6)]
    versions = [prompt.versions.get(number=1), *made]
    promotion.override(prompt, version=versions[0], reason=REASON, by=dave)
    promotion.promote_pre_prod(versions[1], by=admin)
    for person in (bob, carol):
        promotion.approve(versions[1], by=person)
    promotion.promote_pre_prod(versions[2], by=admin)
    promotion.approve(versions[2], by=bob)
    tier = tiers.create_tier(namespace, name="short", max_tokens=1, enforcement="block", by=admin)
    reader = client_of(factories.make_actor(acme, "reader", "Author"))
    whole = [experiments.Share(versions[1].pk, 100)]
    deployment = experiments.create_deployment(prompt, variants=whole, by=admin)
    return Ground(admin, bob, prompt, versions, tier, reader, client_of(admin), deployment)


@pytest.fixture(scope="module")
def laid(furnish: Furnish[Ground]) -> Ground:
    return furnish(lay_ground)


@pytest.fixture
def ground(db: None, laid: Ground) -> Ground:
    return copy.deepcopy(laid)


@pytest.fixture
def acme(ground: Ground) -> Tenant:
    return ground.admin.tenant


# ----------------------------------------------------------------------------- routes
Bodies = Callable[[Ground], list[Any]]


def _empty(_ground: Ground) -> list[Any]:
    return [{}]


def _versions(ground: Ground, **more: str) -> list[Any]:
    return [{"versionId": ground.id(number), **more} for number in (3, 4, 1, 2)]


def _contents(ground: Ground) -> list[Any]:
    """The live text again, the half approved one, a new one; with what a row has and nobody may set."""
    texts = [{"content": ground.text(2)}, {"content": ground.text(3)}, {"content": "New"}]
    forged = {"number": 2, "digest": ground.versions[1].digest, "tags": ["production"], "status": "active"}
    return [
        *texts,
        {"content": "New 2", "metadata": {"status": "active"}},
        *({**texts[2], n: v} for n, v in forged.items()),
    ]


def _prompts(ground: Ground) -> list[Any]:
    return [
        {"name": name, "template": "New", "namespace": namespace}
        for name in ("support", "guarded-support", "support-2")
        for namespace in ("guarded", "default")
    ]


def _templates(ground: Ground) -> list[Any]:
    return [
        {"namespace": namespace, "slug": slug, "name": "support", "tier": tier}
        for slug in ("support", "guarded-support", "_support", "resolve")
        for namespace, tier in (("guarded", "short"), ("guarded", None), ("default", None))
    ]


def _template_changes(ground: Ground) -> list[Any]:
    """What a template says of itself, and what of it is nobody's to set."""
    fixed = {"slug": "other", "namespace": "default", "active_version": {"id": ground.id(4), "version_number": 4}}
    return [
        {"tier": "short"},
        {"tier": None},
        {"name": "guarded:other", "description": "other", "variables_expected": ["name"]},
        *({name: value} for name, value in fixed.items()),
    ]


def _drafts(ground: Ground) -> list[Any]:
    """New and known contents, on several versions; with what a row has and nobody may set."""
    texts = {ground.text(2): 4, ground.text(3): 2, "New": 3, "{{": 3}
    forged = {"sealed_at": "2020-01-01T00:00:00.000Z", "digest": ground.versions[1].digest, "contributors": ["bob"]}
    return [
        *({"body": text, "base_version_id": ground.id(base)} for text, base in texts.items()),
        *({"body": "New", name: value} for name, value in {**forged, "author_id": "bob", "status": "active"}.items()),
    ]


def _tiers(ground: Ground) -> list[Any]:
    return [
        {"name": "short", "max_tokens": 10_000, "enforcement": "warn"},
        {"name": "long", "max_tokens": 10_000, "enforcement": "warn"},
        {"name": "none", "max_tokens": 1, "enforcement": "block"},
    ]


def _tier_changes(ground: Ground) -> list[Any]:
    return [{"max_tokens": 10_000}, {"enforcement": "warn"}, {"name": "other"}, {"enforcement": "off"}]


def _prompt_changes(ground: Ground) -> list[Any]:
    return [
        {"template": "New"},
        {"template": ground.text(4)},
        {"template": ground.text(2), "config": {"model": "other"}},
        {"variables": {"name": {"default": "x"}}},
        {"metadata": {"production": ground.id(4)}},
        {"description": "other"},
        {"namespace": "default"},
        {"name": "other"},
    ]


def _policies(ground: Ground) -> list[Any]:
    return [
        {"required_approvals": 1},
        {"required_approvals": 0},
        {"required_approvals": 0, "name": "Guarded"},
        {"required_approvals": None},
        {"required_approvals": 3, "custom_tags": ["canary"]},
        {"custom_tags": ["production"]},
        {"custom_tags": ["live"]},
        {"evaluation_policy": {"mode": "off", "threshold": 0}},
        {"name": "default"},
        {"slug": "default"},
    ]


def _new_namespaces(ground: Ground) -> list[Any]:
    return [{"slug": slug, "name": "Guarded", "required_approvals": 0} for slug in ("guarded", "support", "guarded-2")]


def _keys(ground: Ground) -> list[Any]:
    return [
        {"name": "second", "scopes": ALL},
        {"name": "gateway", "scopes": [*ALL, GATEWAY]},
        {"name": "bobs", "scopes": ALL, "owner": "bob"},
    ]


def _splits(ground: Ground) -> list[Any]:
    """Ways to have something else served to some sessions: all, one, in a step to come, by its digest."""
    approved = {"versionId": ground.id(2), "weight": 99, "isControl": True}
    return [
        *({"variants": [{"versionId": ground.id(number), "weight": 100}]} for number in (3, 4, 1)),
        *({"variants": [approved, {"versionId": ground.id(number), "weight": 1}]} for number in (3, 1)),
        {"variants": [{**approved, "weight": 100}, {"versionId": ground.id(3), "weight": 0}]},
        {"variants": [{"versionId": ground.id(3), "weight": 100}], "status": "paused"},
        {"variants": [{"versionId": ground.id(2), "weight": 100, "digest": ground.versions[2].digest}]},
        {"plan": [{"weights": {ground.id(3): 100}, "holdMinutes": 0, "minSessions": 0}]},
        {"status": "paused"},
        {"status": "active"},
    ]


def _new_splits(ground: Ground) -> list[Any]:
    whole = [{"versionId": ground.id(2), "weight": 100}]
    return [{"promptId": str(ground.prompt.pk), "variants": whole, **each} for each in _splits(ground)]


def _measured(ground: Ground) -> list[Any]:
    item = {"type": "quality", "name": "judge", "value": 1, "unit": "share", "sessionId": "s"}
    item["deploymentId"] = str(ground.deployment.pk)
    return [{"metrics": [{**item, "versionId": ground.id(number)}]} for number in (2, 3)]


#: What is sent to each write route. A route that is new says here what it could change.
BODIES: dict[tuple[str, str], Bodies] = {
    ("POST", "render"): lambda _: [{"variables": {}}],
    ("POST", "render-version"): lambda _: [{"variables": {}}],
    ("POST", "render-by-name"): lambda _: [{"variables": {}, "user_id": "customer-1"}],
    ("POST", "verify-audit-log"): lambda _: [{}, {"receipts": [{"seq": 1, "hash": "0" * 64}]}],
    ("POST", "prompts"): _prompts,
    ("PUT", "prompt"): _prompt_changes,
    ("POST", "unarchive-prompt"): _empty,
    ("POST", "versions"): _contents,
    ("POST", "tag"): lambda ground: [
        *_versions(ground, reason=REASON),
        {"versionId": ground.id(4), "digest": "0" * 64},
    ],
    ("DELETE", "tag"): _empty,
    ("POST", "promote"): lambda _: [{}, {"reason": REASON}],
    ("POST", "override-promotion"): lambda ground: [
        *_versions(ground),
        *_versions(ground, reason="too short"),
        *_versions(ground, reason=" \t\n" * 10),
    ],
    ("POST", "rollback"): lambda ground: [{}, *_versions(ground)],
    ("POST", "promote-pre-prod"): lambda _: [
        {},
        {"target_users": ["*"]},
        {"target_users": [""]},
        {"target_users": ["tester"]},
    ],
    ("POST", "override-pre-prod"): lambda ground: [
        {"expected_version_id": ground.id(number), "reason": REASON, "target_users": users}
        for number in (3, 4)
        for users in (["*"], ["tester"])
    ],
    ("POST", "merge-pre-prod"): lambda ground: [
        {"expected_version_id": ground.id(number), "target_users": users}
        for number in (3, 4, 2)
        for users in (["*"], ["tester"])
    ],
    ("POST", "templates"): _templates,
    ("PUT", "template"): _template_changes,
    ("POST", "template-versions"): _drafts,
    ("PUT", "save-draft"): _drafts,
    ("DELETE", "discard-draft"): _empty,
    ("POST", "tiers"): _tiers,
    ("PUT", "tier"): _tier_changes,
    ("DELETE", "tier"): _empty,
    ("POST", "promote-active"): _empty,
    ("POST", "approve"): lambda ground: [
        {},
        {"digest": ground.versions[2].digest},
        {"digest": ground.versions[1].digest},
    ],
    ("POST", "reject"): lambda _: [{"reason": "no"}],
    ("POST", "namespaces"): _new_namespaces,
    ("PUT", "namespace"): _policies,
    ("POST", "approve-policy-change"): _empty,
    ("POST", "reject-policy-change"): _empty,
    ("POST", "trigger-evaluation"): lambda ground: [
        {"versionId": ground.id(number), "harnessId": harness}
        for number in (3, 4)
        for harness in ("builtin", "default")
    ],
    ("POST", "harnesses"): lambda _: [{"name": "mine", "url": "https://9.9.9.9/", "secret": "0123456789abcdef"}],
    ("PUT", "harness"): lambda _: [{"secret": "fedcba9876543210"}],
    ("DELETE", "harness"): _empty,
    ("POST", "test-cases"): lambda _: [{"name": "easy", "assertions": [{"type": "max_tokens", "value": 1000}]}],
    ("PUT", "test-case"): lambda _: [{"assertions": [{"type": "max_tokens", "value": 1000}]}],
    ("DELETE", "test-case"): _empty,
    ("POST", "webhooks"): lambda _: [
        {"url": "https://9.9.9.9/", "events": ["*"]},
        {"url": "https://9.9.9.9/", "events": ["tag.moved"], "kind": "slack", "secret": "0123456789abcdef"},
    ],
    ("PUT", "webhook"): lambda _: [{"events": ["promotion.approved"]}, {"active": False}, {"active": True}],
    ("DELETE", "webhook"): _empty,
    ("POST", "test-webhook"): _empty,
    ("POST", "rotate-webhook-secret"): _empty,
    ("POST", "replay-webhook"): lambda _: [{}, {"since": "2020-01-01T00:00:00Z"}],
    ("POST", "redeliver"): _empty,
    ("POST", "deployments"): _new_splits,
    ("PUT", "deployment"): _splits,
    ("POST", "ingest"): _measured,
    ("POST", "api-keys"): _keys,
    ("DELETE", "api-key"): _empty,
}

#: The routes that one person may take alone to end what is served.
EXCLUDED: dict[tuple[str, str], str] = dict.fromkeys(
    [("DELETE", "prompt"), ("DELETE", "template")],
    "archiving ends what is served, under its own right and audit verb; “archived and back” is a door",
)

#: What else one person may do, by name: it is announced, or it ends what is served, or it was approved once.
ALONE: dict[str, tuple[str, str, Callable[[Ground], Any], str]] = {
    "override": (
        "POST",
        f"{PATH}/promote/override",
        lambda g: {"versionId": g.id(4), "reason": REASON},
        "promotion.overridden",
    ),
    "deletion of production": ("DELETE", f"{PATH}/tags/production", lambda _: None, "tag.removed"),
    "archiving": ("DELETE", PATH, lambda _: None, "prompt.archived"),
    "archiving a template": ("DELETE", "/prompts/templates/{template}", lambda _: None, "prompt.archived"),
}


def _values(ground: Ground, name: str) -> list[str]:
    """What a parameter of a path can name."""
    asked = ground.prompt.namespace.changes.first()
    keys = ApiKey.objects.filter(owner__in=[ground.admin.author, ground.bob.author]).order_by("-id")
    drafts = ground.prompt.versions.drafts_of(ground.admin.author).values_list("pk", flat=True)
    return {
        "ref": [""],  # each time spelt otherwise, below
        "qualified_name": ["guarded:support"],
        "version": ["3"],
        "version_id": [*map(str, drafts), *(ground.id(number) for number in (3, 4, 1, 2))],
        "template_id": [str(ground.prompt.pk)],
        "tier_id": [str(ground.tier.pk)],
        "name": ["production", "staging", "draft", "live", "Production"],
        "namespace_id": ["guarded", str(ground.prompt.namespace_id)],
        "change_id": [str(asked.pk) if asked else ""],
        "key_id": [str(key.pk) for key in keys],
        "harness_id": [str(each.pk) for each in Harness.objects.all()],
        "case_id": [str(case.pk) for case in ground.prompt.test_cases.all()],
        "webhook_id": [str(each.pk) for each in WebhookEndpoint.objects.all()],
        "delivery_id": [str(each.pk) for each in Delivery.objects.order_by("-id")[:2]],
        "deployment_id": [str(ground.deployment.pk)],
    }[name]


def _subscribed(ground: Ground) -> WebhookEndpoint:
    """An address that is told of everything, and what it is to be sent. It is one that no call ever leaves for."""
    endpoint = endpoints.create_endpoint("https://9.9.9.9/", events=["*"], by=ground.admin).endpoint
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(url="http://127.0.0.1/")
    sending.fan_out()
    return endpoint


def _paths(route: Route, ground: Ground) -> Iterator[str]:
    spellings = itertools.cycle([str(ground.prompt.pk), "guarded:support"])
    for chosen in itertools.product(*(_values(ground, name) for name in route.parameters)):
        filled = dict(zip(route.parameters, chosen, strict=True))
        if "ref" in filled:
            filled["ref"] = next(spellings)
        if (route.method, filled.get("name")) != ("DELETE", "production"):
            yield route.filled(filled)


def _prepare(ground: Ground, route: Route) -> None:
    """Make what the route's path can name and is not there yet."""
    if "change_id" in route.parameters:
        ground.call("PUT", "/prompts/namespaces/guarded", {"required_approvals": 0})
    if "version_id" in route.parameters:
        ground.draft("A draft")
    if "harness_id" in route.parameters:
        ground.call("POST", "/evaluations/harnesses", BODIES["POST", "harnesses"](ground)[0])
    if "case_id" in route.parameters:
        ground.call("POST", f"{PATH}/test-cases", BODIES["POST", "test-cases"](ground)[0])
    if "webhook_id" in route.parameters:
        _subscribed(ground)


def by_route(route: Route) -> Callable[[Ground], None]:
    def through(ground: Ground) -> None:
        _prepare(ground, route)
        for first, path in enumerate(list(_paths(route, ground))):
            for number, body in enumerate(BODIES[route.method, route.name](ground)):
                ground.call(route.method, path, body)
                if number == first == 0:
                    ground.call(route.method, path, body, X_User_Id="bob")
                    for _ in range(2):
                        ground.call(route.method, path, body, Idempotency_Key="again")
        ground.every_road(4)

    return through


# ----------------------------------------------------------------------------- commands
Words = list[list[str]]
_MINE = ["--tenant", "acme", "--as", "admin"]

#: What is asked of each command that writes; {folder} holds a history of the demo's kind.
COMMANDS: dict[str, Words] = {
    "promote": [
        ["guarded:support", *_MINE],
        *(["guarded:support", "--version-number", number, "--reason", REASON, *_MINE] for number in "1345"),
    ],
    "approve": [["guarded:support", number, *_MINE] for number in "12345"],
    "run_evaluation": [["guarded:support@3", "--harness", "builtin", *_MINE]],
    "rollback": [["guarded:support", *_MINE], *(["guarded:support", "--to", number, *_MINE] for number in "12345")],
    "create_namespace": [
        ["guarded", "--tenant", "acme", "--required-approvals", "0", "--as", "admin"],
        ["guarded", "--tenant", "acme", "--required-approvals", "0"],
        ["other", "--tenant", "acme", "--required-approvals", "0"],
    ],
    "create_tenant": [["acme"], ["acme", "--exists-ok"], ["acme-2"]],
    "create_user": [
        ["admin", "--tenant", "acme", "--group", "Reviewer", "--exists-ok"],
        ["ADMIN", "--tenant", "acme", "--group", "Reviewer"],
        ["bot", "--tenant", "acme", "--group", "Administrator", "--service", "--owner", "admin"],
    ],
    "create_api_key": [
        ["mine", "--owner", "admin", "--all-scopes"],
        ["mine", "--owner", "admin", "--all-scopes", "--gateway"],
    ],
    "revoke_api_key": [["{bobs_key}", "--as", "admin"]],
    "replay_webhooks": [["{webhook}", *_MINE], ["{webhook}", *_MINE, "--since", "2020-01-01T00:00:00Z"]],
    "rotate_webhook_secret": [["{webhook}", *_MINE]],
    "load_demo": [["--tenant", "acme", "--folder", "{folder}"]],
    "import_prompts": [
        ["{folder}/prompts.csv", "--from", "csv", *_MINE],
        ["{folder}/prompts.csv", "--from", "csv", "--into", "guarded", *_MINE],
        ["{folder}/export", *_MINE],
        ["{folder}/export", "--into", "other", "--create-namespaces", *_MINE],
        ["{folder}/export", "--into", "guarded", *_MINE],
    ],
}
READING = {
    *("healthy", "list_api_keys", "pending_approvals", "export_prompts", "export_audit", "audit_verify", "gate"),
    "webhooks_status",
}
EXCLUDED_COMMANDS = {
    "maintain_partitions": "makes and drops the tables of what was measured; it is given no text and no version",
    "migrate": "brings the tables to this release; it is given no text and no version",
    "redact_audit": "takes out what entries of the log say, as the owner of the tables; it is given no text either",
}

#: The same histories as in demo/: alice (Author), bob (Reviewer) and dave (Operator) act in them.
_STORY = """
description: Answers
example: {}
history:
  - {write: 1, by: alice, reason: first, content: Text from a file}
  - {move: staging, to: 1, by: alice, reason: try}
  - {move: production, to: 1, by: bob, reason: live}
"""


#: The prompt with a text of two that is live, one of its own, and a new one; all of them to be in production.
_TABLE = """name,namespace,version,content,tags
support,guarded,1,Text 4,production
support,guarded,2,From a table,"production,staging"
another,guarded,1,From a table,production
"""


def _export(folder: Path) -> None:
    """An export of the namespace in which somebody has moved `production`."""
    call_command("export_prompts", str(folder), *_MINE, "--namespace", "guarded")
    told = folder / "guarded" / "support" / "prompt.yaml"
    moved = re.sub(r"(?m)^(\s+production:).*$", r"\1 4", told.read_text())
    assert moved != told.read_text()
    told.write_text(moved)


def by_command(name: str) -> Callable[[Ground], None]:
    def through(ground: Ground, tmp_path: Path) -> None:
        folder = tmp_path / "guarded"
        folder.mkdir()
        for prompt in ("support", "another"):
            (folder / f"{prompt}.yaml").write_text(_STORY)
        if name == "import_prompts":
            (tmp_path / "prompts.csv").write_text(_TABLE)
            _export(tmp_path / "export")
        key = ApiKey.objects.filter(owner=ground.bob.author).latest("id")
        named = {"folder": str(tmp_path), "bobs_key": key.key_id, "webhook": str(_subscribed(ground).pk)}
        for words in COMMANDS[name]:
            ground.command(name, *(word.format(**named) for word in words))
        live = Prompt.objects.filter(namespace=ground.prompt.namespace, tags__name="production")
        assert list(live) == [ground.prompt]
        ground.every_road(4)

    return through  # type: ignore[return-value]  # the one kind of door that needs a folder


def commands() -> set[str]:
    """Every command of our own apps, from their folders."""
    root = Path(apps.get_app_config("prompts").path).parent
    return {path.stem for path in root.glob("[a-z]*/management/commands/*.py") if path.stem != "__init__"}


# ----------------------------------------------------------------------------- the console
MODELS = [
    model for model in console.site._registry if model._meta.app_label in ("prompts", "tenants", "audit", "deployments")
]


def by_console(model: Any) -> Callable[[Ground], None]:
    def through(ground: Ground) -> None:
        person = ground.admin.author
        person.is_staff = True
        person.save(update_fields=["is_staff"])
        staff = User.objects.create(username="staff", tenant=None, is_staff=True, is_superuser=True)
        fields = {
            "version": ground.id(4),
            "digest": ground.versions[3].digest,
            "required_approvals": "0",
            "approved": "on",
        }
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        rows = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)[:2]]
        pages = [
            reverse(f"{name}_add"),
            *(reverse(f"{name}_{what}", args=[pk]) for pk in rows for what in ("change", "delete")),
        ]
        removal = {"action": "delete_selected", "_selected_action": rows, "post": "yes"}
        for user in (person, staff):
            browser = Browser()
            browser.force_login(user)
            for page in pages:
                answer = browser.post(page, {**fields, "post": "yes", "_save": "Save"})
                assert answer.status_code < 500
                ground.require_same(f"POST {page} as {user} ({answer.status_code})")
            browser.post(reverse(f"{name}_changelist"), removal)
            ground.require_same(f"{model} deleted as {user}")
        ground.every_road(4)

    return through


#: Buttons that are no door, each with why.
EXCLUDED_BUTTONS = {
    "override": "is what one person may do alone, and is announced: see ALONE",
    "archive": "ends what is served, under its own right and audit verb: see ALONE",
    "choose-tenant": "is for platform staff, and only looks",
}
#: What the forms of the console can say, all at once: a button takes the fields that it knows.
FORM = {
    "reason": REASON,
    "comment": REASON,
    "change_note": REASON,
    "tag": "production",
    "required_approvals": "0",
    "custom_tags": "live",
    "max_tokens": "999999",
    "enforcement": "warn",
    "name": "another",
    "slug": "another",
    "namespace": "guarded",
    "type": "text",
    "body": "A text from the console",
    "variables": "{}",
    "config": "{}",
    "owner": "bob",
    "scopes": "prompts:approve",
    "harnessId": "builtin",
    "assertion-type": "contains",
    "assertion-value": "Text",
    "url": "https://9.9.9.9/evaluate",
    "events": "*",
    "secret": "0123456789abcdef",
    "target_users": "a-pilot",  # whoever is named is served it: that is what pre-production is
}


def by_button(route: ConsoleRoute) -> Callable[[Ground], None]:
    """The button pressed for everything that its address can name, with forms that say all that could do harm.

    The tables are asked after every press; the reading routes after the presses on one address.
    """

    def through(ground: Ground) -> None:
        ground.call("PUT", "/prompts/namespaces/guarded", {"required_approvals": 0})
        ground.draft("A draft")
        browser = logged_in(ground.admin)
        for chosen in itertools.product(*(_named(ground, name) for name in route.parameters)):
            address = route.address(dict(zip(route.parameters, chosen, strict=True)))
            for number in (4, 3, 1):
                version = ground.versions[number - 1]
                form = {"digest": version.digest, "expected_version_id": ground.id(3), "version": number, **FORM}
                answer = browser.post(address, form)
                assert answer.status_code < 500
                ground.require_same(f"{route.name} {address} of {number} ({answer.status_code})", is_refused=True)
                if number != 4 and not ground.is_thorough:
                    continue
                answer = browser.post(
                    address, {**form, "tag": "staging", "enforcement": "block", "required_approvals": 9}
                )
                assert answer.status_code < 500
                told = f"{route.name} {address} of {number} otherwise ({answer.status_code})"
                ground.require_same(told, is_refused=True)
            ground.require_same(f"{route.name} {address}")
        ground.every_road(4)

    return through


def _named(ground: Ground, name: str) -> list[Any]:
    """What a parameter of a console's address can name."""
    if name == "prompt_id":
        return [ground.prompt.pk]
    if name == "number":
        return [1, 3, 4]
    if name == "namespace_id":
        return [ground.prompt.namespace_id]
    if name == "case_id":
        asserted = [{"type": "contains", "value": "Text"}]
        case = test_cases.create_test_case(ground.prompt, "one", variables={}, assertions=asserted, by=ground.admin)
        return [case.pk]
    if name == "harness_id":
        url, secret = FORM["url"], FORM["secret"]
        return [harnesses.register_harness("nightly", url=url, secret=secret, by=ground.admin).pk]
    if name == "webhook_id":
        return [_subscribed(ground).pk]
    if name == "delivery_id":
        return [Delivery.objects.filter(endpoint=_subscribed(ground)).latest("id").pk]
    return _values(ground, name)


# ----------------------------------------------------------------------------- several calls together
def weaken_first(ground: Ground) -> None:
    """The policy is asked to be weaker, and the same person agrees, through another key too."""
    second = Client(factories.make_key(ground.admin.author, ALL).text)
    for approvals in (1, 0):
        asked = ground.call("PUT", "/prompts/namespaces/guarded", {"required_approvals": approvals})
        change = json_of(asked)["pending_change"]["id"]
        for by in (ground.person, second):
            ground.call("POST", f"/prompts/namespaces/guarded/changes/{change}/approve", {}, by=by)
            ground.every_road(3, by=by)


def stricter_and_back(ground: Ground) -> None:
    for approvals in (5, 2, 1, 0):
        ground.call("PUT", "/prompts/namespaces/guarded", {"required_approvals": approvals})
        ground.every_road(3)


def a_tag_of_ones_own(ground: Ground) -> None:
    asked = ground.call("PUT", "/prompts/namespaces/guarded", {"custom_tags": ["live"]})
    ground.call("POST", f"/prompts/namespaces/guarded/changes/{json_of(asked)['pending_change']['id']}/approve", {})
    for name in ("live", "draft", "staging"):
        ground.call("POST", f"{PATH}/tags/{name}", {"versionId": ground.id(4)})
    ground.every_road(4)


def another_key(ground: Ground) -> None:
    text = json_of(ground.call("POST", "/api-keys", {"name": "second", "scopes": ALL}))["key"]
    ground.every_road(3, by=Client(text))
    ground.every_road(4, by=Client(text))


def _service(ground: Ground, owner: User) -> Client:
    account = actions.create_user(
        f"bot-{owner.username}", groups=["Administrator"], service_owner=owner, by=Actor.command(ground.admin.tenant)
    )
    by = Actor.command(ground.admin.tenant, ground.admin.author)
    issued = actions.create_api_key("bot", owner=account, scopes=ALL, by=by)
    return Client(issued.text)


def a_service_account_decides(ground: Ground) -> None:
    for owner in (ground.admin.author, ground.bob.author):
        ground.every_road(3, by=_service(ground, owner))


def a_service_account_writes(ground: Ground) -> None:
    """The person who owns the account, or issued its key, decides on what it wrote."""
    for owner in (ground.admin.author, ground.bob.author):
        account = _service(ground, owner)
        written = json_of(ground.call("POST", f"{PATH}/versions", {"content": f"By a bot of {owner}"}, by=account))
        version = PromptVersion.objects.get(pk=written["id"])
        ground.versions.append(version)
        number = len(ground.versions)
        ground.call("DELETE", f"{PATH}/tags/staging")
        ground.call("POST", f"/prompts/versions/{version.pk}/promote-pre-prod", {}, by=account)
        pointers.decide(
            version, approved=True, by=Actor.command(ground.admin.tenant, User.objects.get(username="carol"))
        )
        ground.every_road(number)
        ground.every_road(number, by=account)


def staging_first(ground: Ground) -> None:
    for number in (4, 1, 2, 3):
        ground.call("POST", f"{PATH}/tags/staging", {"versionId": ground.id(number)})
        ground.every_road(number if number != 2 else 4)


def approve_one_and_move_the_tag(ground: Ground) -> None:
    """The approval is of version 3; what is in staging when it is promoted is version 4."""
    body = {"expected_version_id": ground.id(3), "reason": REASON}
    ground.call("POST", f"/prompts/versions/{ground.id(4)}/promote-pre-prod/override", body)
    ground.call("POST", f"/prompts/versions/{ground.id(4)}/approve", {"digest": ground.versions[2].digest})
    ground.every_road(4)


def the_same_content_again(ground: Ground) -> None:
    for number in (3, 2, 4):
        ground.call("POST", f"{PATH}/versions", {"content": ground.text(number)})
        ground.call("PUT", PATH, {"template": ground.text(number)})
        ground.every_road(number if number != 2 else 4)


def almost_the_same_content(ground: Ground) -> None:
    """The text of the live version with another model, other variables, an invisible character."""
    for more in ({"config": {"model": "other"}}, {"variables": {"name": "x"}}, {"content": f"{ground.text(2)}\u200b"}):
        answer = ground.call("POST", f"{PATH}/versions", {"content": ground.text(2), **more})
        made = json_of(answer)["id"]
        ground.call("POST", f"{PATH}/tags/production", {"versionId": made})
        ground.call("POST", f"/prompts/versions/{made}/promote-active", {})


def archived_and_back(ground: Ground) -> None:
    assert ground.person.delete(PATH).status_code == 200
    for method, path, body in (
        ("POST", f"{PATH}/tags/production", {"versionId": ground.id(4)}),
        ("POST", f"{PATH}/promote", {}),
        ("PUT", PATH, {"template": "New"}),
        ("POST", f"{PATH}/promote/override", {"versionId": ground.id(4), "reason": REASON}),
    ):
        assert ground.person(method, path, body).status_code == 410
    ground.call("POST", f"{PATH}/unarchive", {})
    ground.every_road(4)


def taken_away_and_set_again(ground: Ground) -> None:
    """Without production nothing is served, and nothing comes back without approvals either."""
    assert ground.person.delete(f"{PATH}/tags/production").status_code == 204
    assert ground.served()[0] == 404
    for number in (4, 3, 1, 2):
        version = ground.id(number)
        for path, body in (
            (f"{PATH}/tags/production", {"versionId": version}),
            (f"/prompts/versions/{version}/promote-active", {}),
            (f"{PATH}/rollback", {"versionId": version}),
            (f"{PATH}/promote", {}),
        ):
            ground.person.post(path, body)
            assert ground.pointed() == [], f"{path} {body}"
    promotion.override(ground.prompt, version=ground.versions[1], reason=REASON, by=ground.admin)
    ground.require_same("an override brings the approved version back")


def rejected_and_asked_for_again(ground: Ground) -> None:
    ground.call("POST", f"/prompts/versions/{ground.id(3)}/reject", {"reason": "mine"})
    ground.call("DELETE", f"{PATH}/tags/staging")
    ground.call("POST", f"/prompts/versions/{ground.id(3)}/promote-pre-prod", {"target_users": ["tester"]})
    ground.every_road(3)


def everybody_in_pre_production(ground: Ground) -> None:
    for users in (["*"], ["customer-*"], ["%"], [".*"], ["customer_1"], ["CUSTOMER-1"], [" customer-1"], ["customer-"]):
        ground.call("POST", f"/prompts/versions/{ground.id(3)}/promote-pre-prod", {"target_users": users})


def replayed(ground: Ground) -> None:
    """One idempotency key for everything, and an earlier answer of somebody else's."""
    bobs = client_of(ground.bob)
    ground.call("POST", f"{PATH}/promote", {}, by=bobs, Idempotency_Key="k")
    for path, body in (
        (f"{PATH}/promote", {}),
        (f"{PATH}/tags/staging", {"versionId": ground.id(4)}),
        (f"{PATH}/tags/production", {"versionId": ground.id(4)}),
        (f"/prompts/versions/{ground.id(4)}/promote-active", {}),
        (f"{PATH}/rollback", {}),
    ):
        for _ in range(2):
            ground.call("POST", path, body, Idempotency_Key="k")
            ground.call("POST", path, body, Idempotency_Key="k", X_User_Id="bob")


def with_preconditions(ground: Ground) -> None:
    for match in ('"1"', '"2"', '"3"', "*", 'W/"2"', '"2", "3"'):
        ground.call("POST", f"{PATH}/tags/production", {"versionId": ground.id(4)}, If_Match=match)


def a_prompt_that_shadows(ground: Ground) -> None:
    """Prompts and namespaces whose names look like this one's."""
    ground.call("POST", "/prompts/namespaces", {"slug": "guarded-support", "name": "x", "required_approvals": 0})
    for namespace in ("default", "guarded-support", "guarded"):
        ground.call("POST", "/prompts", {"name": "support", "template": "New", "namespace": namespace})
        ground.call("POST", "/prompts/support/tags/production", {"versionId": ground.id(4)})


def a_gateways_key(ground: Ground) -> None:
    """A key that could name bob is not to be had from the API."""
    for scopes in ([GATEWAY], [*ALL, GATEWAY]):
        assert ground.call("POST", "/api-keys", {"name": "g", "scopes": scopes}).status_code == 403
    for name in ("bob", "Bob", "bob "):
        ground.call("POST", f"/prompts/versions/{ground.id(3)}/approve", {}, X_User_Id=name)


def bobs_key_is_revoked(ground: Ground) -> None:
    assert ground.bob.api_key is not None
    ground.call("DELETE", f"/api-keys/{ground.bob.api_key.pk}")
    ground.every_road(3)


def a_split_that_is_switched_on_again(ground: Ground) -> None:
    """Stopped, changed while nobody looks, and switched on; taken out, and brought back."""
    path, half = f"/deployments/{ground.deployment.pk}", [{"versionId": ground.id(3), "weight": 100}]
    for body in (
        {"status": "paused"},
        {"variants": half},
        {"status": "active", "variants": half},
        {"status": "active"},
    ):
        ground.call("PUT", path, body)
    for body in ({"status": "paused"}, {"variants": half}, {"status": "archived"}, {"status": "active"}):
        ground.call("PUT", path, body)
    ground.call("PUT", "/prompts/namespaces/guarded", {"required_approvals": 0})
    ground.call("POST", "/deployments", {"promptId": str(ground.prompt.pk), "variants": half})


def a_split_of_what_was_overridden_or_rolled_back(ground: Ground) -> None:
    """What was live by an override has no approvals, and none comes of having been live."""
    whole = [{"versionId": ground.id(1), "weight": 100}]
    refused = ground.call("POST", "/deployments", {"promptId": str(ground.prompt.pk), "variants": whole})
    assert json_of(refused)["error"]["code"] == "PROMOTION_BLOCKED"
    ground.call("PUT", f"/deployments/{ground.deployment.pk}", {"variants": whole})


def a_restored_variant(ground: Ground, tmp_path: Path) -> None:
    """`loaddata` writes a variant past every verb."""
    known = Variant.objects.get(deployment=ground.deployment)
    version = ground.versions[2]
    same = {name: str(getattr(known, f"{name}_id")) for name in ("tenant", "prompt", "deployment")}
    rows = [
        {"pk": pk, "fields": {**same, "version": str(version.pk), "digest": digest, "weight": weight}}
        for pk in (str(known.pk), None)
        for digest in (version.digest, known.digest)
        for weight in (0, 100)
    ]
    for row in rows:
        dump = tmp_path / "dump.json"
        dump.write_text(json.dumps([{"model": "deployments.variant", **row}]))
        with pytest.raises(DatabaseError), transaction.atomic():
            call_command("loaddata", str(dump), verbosity=0)
        ground.require_same(f"loaddata {row}")


def a_restored_dump(ground: Ground, tmp_path: Path) -> None:
    """`loaddata` writes rows as they stand, past every verb; the database is asked all the same."""
    tag = ground.prompt.tags.get(name="production")
    version = ground.versions[3]
    approvals = [
        {
            "tenant": str(tag.tenant_id),
            "prompt": str(tag.prompt_id),
            "version": str(version.pk),
            "digest": version.digest,
        }
        | {"author": str(author), "decided_by": str(ground.admin.author.pk), "approved": True}
        for author in (ground.admin.author.pk, ground.bob.author.pk)
    ]
    pointer = {
        "tenant": str(tag.tenant_id),
        "prompt": str(tag.prompt_id),
        "name": "production",
        "digest": version.digest,
    }
    rows = [
        *({"model": "prompts.approval", "fields": fields} for fields in approvals),
        *(
            {
                "model": "prompts.tag",
                "pk": str(tag.pk),
                "fields": {**pointer, "version": str(version.pk), "revision": number},
            }
            for number in (tag.revision, tag.revision + 1)
        ),
    ]
    for row in rows:
        dump = tmp_path / "dump.json"
        dump.write_text(json.dumps([row]))
        with pytest.raises(DatabaseError), transaction.atomic():
            call_command("loaddata", str(dump), verbosity=0)
        ground.require_same(f"loaddata {row}")


def a_draft_saved_after_the_approval(ground: Ground) -> None:
    """What was approved is sealed: neither it nor its digest changes under the one approval it has."""
    sealed = ground.draft("A draft")
    body = {"expected_version_id": ground.id(3), "reason": REASON}
    ground.call("POST", f"/prompts/versions/{ground.id(sealed)}/promote-pre-prod/override", body)
    _approved_by(ground, "carol", sealed)
    for method, path, fields in (
        ("PUT", "save-draft", {"body": "Another text"}),
        ("PUT", "save-draft", {"config": {"model": "other"}}),
        ("DELETE", "discard", None),
    ):
        answer = ground.call(method, f"/prompts/versions/{ground.id(sealed)}/{path}", fields)
        assert json_of(answer)["error"]["code"] == "SEALED"
    assert PromptVersion.objects.get(pk=ground.id(sealed)).body == "A draft"
    ground.every_road(sealed)


def a_draft_that_says_what_was_approved(ground: Ground) -> None:
    """The half approved content again, as a draft: it cannot be sealed a second time."""
    draft = ground.draft("Text 3")
    for path, fields in (
        ("promote-pre-prod", {}),
        ("promote-pre-prod/override", {"expected_version_id": ground.id(3), "reason": REASON}),
        ("promote-pre-prod/merge", {"expected_version_id": ground.id(3)}),
    ):
        ground.call("POST", f"/prompts/versions/{ground.id(draft)}/{path}", fields)
    ground.every_road(draft)
    ground.every_road(3)


def a_draft_goes_live_unsealed(ground: Ground) -> None:
    draft = ground.draft("A draft")
    ground.every_road(draft)
    body = {"versionId": ground.id(draft), "reason": REASON}
    assert ground.call("POST", f"{PATH}/promote/override", body).status_code == 409
    assert ground.call("POST", f"{PATH}/tags/staging", body).status_code == 409


def somebody_elses_draft(ground: Ground) -> None:
    """Nobody seals, writes, merges or throws away what another person has not shown yet."""
    draft = ground.draft("A draft", by=client_of(ground.bob))
    path = f"/prompts/versions/{ground.id(draft)}"
    for method, route, fields in (
        ("PUT", "save-draft", {"body": "Another text"}),
        ("POST", "promote-pre-prod", {}),
        ("POST", "promote-pre-prod/override", {"expected_version_id": ground.id(3), "reason": REASON}),
        ("POST", "promote-pre-prod/merge", {"expected_version_id": ground.id(3)}),
        ("DELETE", "discard", None),
    ):
        assert ground.call(method, f"{path}/{route}", fields).status_code == 404
    assert PromptVersion.objects.get(pk=ground.id(draft)).body == "A draft"
    ground.every_road(draft)


def a_merge_with_a_co_author(ground: Ground) -> None:
    """What alice wrote and bob approved is merged with a draft: one approval of neither counts for both, and neither
    of the two authors has a say."""
    alice = client_of(factories.make_actor(ground.admin.tenant, "alice", "Administrator"))
    hers = ground.draft("Text 2", by=alice, config={"model": "other"})
    asked = {"expected_version_id": ground.id(3), "reason": REASON}
    ground.call("POST", f"/prompts/versions/{ground.id(hers)}/promote-pre-prod/override", asked, by=alice)
    assert (
        ground.call("POST", f"/prompts/versions/{ground.id(hers)}/approve", by=client_of(ground.bob)).status_code == 200
    )
    mine = ground.draft("Text 2", variables={"name": "you"})
    merging = {"expected_version_id": ground.id(hers)}
    merged = ground.call("POST", f"/prompts/versions/{ground.id(mine)}/promote-pre-prod/merge", merging)
    told = json_of(merged)
    assert (told["status"], told["contributors"], told["approvals"]) == ("pre_prod", ["admin", "alice"], [])
    assert (told["config"], told["variables"]) == ({"model": "other"}, {"name": {"default": "you"}})
    _approved_by(ground, "carol", mine)
    for by in (ground.person, alice):
        ground.every_road(mine, by=by)
        ground.every_road(hers, by=by)


def a_merge_that_is_resolved_by_hand(ground: Ground) -> None:
    """The marked-up text is in a draft of both; resolved, it is still of both."""
    alice = client_of(factories.make_actor(ground.admin.tenant, "alice", "Administrator"))
    hers = ground.draft("Text of alice", by=alice)
    asked = {"expected_version_id": ground.id(3), "reason": REASON}
    ground.call("POST", f"/prompts/versions/{ground.id(hers)}/promote-pre-prod/override", asked, by=alice)
    mine = ground.draft("Text of admin")
    merging = {"expected_version_id": ground.id(hers)}
    conflict = ground.call("POST", f"/prompts/versions/{ground.id(mine)}/promote-pre-prod/merge", merging)
    assert json_of(conflict)["error"]["code"] == "MERGE_CONFLICT"
    ground.call("PUT", f"/prompts/versions/{ground.id(mine)}/save-draft", {"body": "Text of alice and admin"})
    ground.call("POST", f"/prompts/versions/{ground.id(mine)}/promote-pre-prod/override", {**merging, "reason": REASON})
    _approved_by(ground, "carol", mine)
    for by in (ground.person, alice):
        ground.every_road(mine, by=by)


def a_budget_raised_alone(ground: Ground) -> None:
    """A laxer tier is a weaker policy: the one who asked for it does not agree to it."""
    ground.call("PUT", ground.template, {"tier": "short"})
    path = f"/prompts/namespaces/guarded/tiers/{ground.tier.pk}"
    for method, fields in (("PUT", {"max_tokens": 10_000}), ("PUT", {"enforcement": "warn"}), ("DELETE", None)):
        asked = ground.call(method, path, fields)
        assert asked.status_code == 202
        change = f"/prompts/namespaces/guarded/changes/{json_of(asked)['pending_change']['id']}"
        for by in (ground.person, Client(factories.make_key(ground.admin.author, ALL).text)):
            assert ground.call("POST", f"{change}/approve", {}, by=by).status_code == 409
    tier = BudgetTier.objects.get(pk=ground.tier.pk)
    assert (tier.max_tokens, tier.enforcement) == (1, "block")
    answer = ground.call("POST", f"{PATH}/versions", {"content": "Many more words than the budget allows"})
    assert json_of(answer)["error"]["code"] == "OVER_BUDGET"
    ground.every_road(4)


def _approved_by(ground: Ground, name: str, number: int) -> None:
    """One approval of two, by somebody who had no hand in it."""
    by = Actor.command(ground.admin.tenant, User.objects.get(username=name))
    pointers.decide(PromptVersion.objects.get(pk=ground.id(number)), approved=True, by=by)


SCENARIOS: list[Callable[..., None]] = [
    weaken_first,
    stricter_and_back,
    a_tag_of_ones_own,
    another_key,
    a_service_account_decides,
    a_service_account_writes,
    staging_first,
    approve_one_and_move_the_tag,
    the_same_content_again,
    almost_the_same_content,
    archived_and_back,
    taken_away_and_set_again,
    rejected_and_asked_for_again,
    everybody_in_pre_production,
    replayed,
    with_preconditions,
    a_prompt_that_shadows,
    a_gateways_key,
    bobs_key_is_revoked,
    a_split_that_is_switched_on_again,
    a_split_of_what_was_overridden_or_rolled_back,
    a_restored_variant,
    a_restored_dump,
    a_draft_saved_after_the_approval,
    a_draft_that_says_what_was_approved,
    a_draft_goes_live_unsealed,
    somebody_elses_draft,
    a_merge_with_a_co_author,
    a_merge_that_is_resolved_by_hand,
    a_budget_raised_alone,
]

DOORS: dict[str, Callable[..., None]] = {
    **{str(route): by_route(route) for route in WRITE_ROUTES if (route.method, route.name) not in EXCLUDED},
    **{f"manage.py {name}": by_command(name) for name in COMMANDS},
    **{f"console: {model._meta.verbose_name_plural}": by_console(model) for model in MODELS},
    **{f"button: {route.name}": by_button(route) for route in BUTTONS if route.name not in EXCLUDED_BUTTONS},
    **{scenario.__name__.replace("_", " "): scenario for scenario in SCENARIOS},
}


# ----------------------------------------------------------------------------- tests
@pytest.mark.parametrize("door", list(DOORS))
def test_what_is_served_stays_what_was_approved(ground: Ground, tmp_path: Path, door: str) -> None:
    go_through(door, ground, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("door", list(DOORS))
def test_what_is_served_stays_so_after_every_single_call(ground: Ground, tmp_path: Path, door: str) -> None:
    ground.is_thorough = True
    go_through(door, ground, tmp_path)


def go_through(door: str, ground: Ground, tmp_path: Path) -> None:
    ground.door = door
    through = DOORS[door]
    ground.require_same("nothing yet")
    through(*([ground, tmp_path] if "tmp_path" in through.__code__.co_varnames else [ground]))
    assert len(ground.calls) > 1
    reviews = Approval.objects.filter(kind=Approval.REVIEW, approved=True, decided_by=ground.admin.author)
    assert not reviews.exists(), f"the author approved through “{door}”, one of {len(DOORS)} doors"


def test_there_are_at_least_sixty_doors() -> None:
    assert len(DOORS) >= 60, f"{len(DOORS)} doors"


def test_every_write_route_is_a_door_or_excluded_by_name() -> None:
    """A new route that writes says in BODIES what it could change, or in EXCLUDED why it may."""
    routes = {(route.method, route.name) for route in WRITE_ROUTES}
    assert routes == BODIES.keys() | EXCLUDED.keys()
    assert not BODIES.keys() & EXCLUDED.keys()


def test_every_command_is_a_door_or_excluded_by_name() -> None:
    assert commands() == COMMANDS.keys() | READING | EXCLUDED_COMMANDS.keys()


def test_the_console_is_a_door_for_every_model_it_shows() -> None:
    assert {"Tag", "TagMove", "Namespace", "PromptVersion", "User"} <= {model.__name__ for model in MODELS}


def test_every_button_is_a_door_or_excluded_by_name() -> None:
    assert EXCLUDED_BUTTONS.keys() <= {route.name for route in BUTTONS}


@pytest.mark.parametrize(("method", "path", "body", "verb"), ALONE.values(), ids=list(ALONE))
def test_what_one_person_may_do_alone_is_written_down(
    ground: Ground, acme: Tenant, method: str, path: str, body: Callable[[Ground], Any], verb: str
) -> None:
    before = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq").seq
    assert ground.person(method, path.format(template=ground.prompt.pk), body(ground)).status_code in (200, 204)
    entries = AuditEntry.objects.filter(tenant_id=acme.pk, seq__gt=before).values_list("verb", "actor")
    assert (verb, "admin") in entries


def test_one_person_goes_back_alone_to_what_was_approved(ground: Ground, acme: Tenant) -> None:
    """The other exception: two others approved that content, and it was live."""
    promotion.approve(ground.versions[2], by=Actor.command(acme, User.objects.get(username="carol")))
    assert ground.pointed()[0][0] == 3
    assert json_of(ground.person.post(f"{PATH}/rollback"))["toVersion"] == 2
    ground.require_same("a rollback to what was approved")
    assert AuditEntry.objects.filter(tenant_id=acme.pk, verb="promotion.rolled_back", actor="admin").exists()


def test_with_the_second_approval_the_same_calls_come_through(ground: Ground, acme: Tenant) -> None:
    """The doors are not simply nailed up: it is the missing person that keeps them shut."""
    carol = User.objects.get(username="carol")
    pointers.decide(ground.versions[2], approved=True, by=Actor.command(acme, carol))
    answer = ground.person.post(f"/prompts/versions/{ground.id(3)}/promote-active")
    assert answer.status_code == 200
    assert ground.served()[2:5] == [3, ground.versions[2].digest, "Text 3"]
