"""What hostile clients send, and every route they can send it to.

A value is written as JSON text, since much of what is hostile cannot be written by a JSON library.
"""

import bz2
import gzip
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from deployments.actions import experiments, promotion
from deployments.models import Deployment
from evaluations.actions import harnesses, runs, test_cases
from evaluations.models import Evaluation, Harness, TestCase
from prompts.actions import drafts, namespaces, prompts, tiers
from prompts.content import content_of
from prompts.models import BudgetTier, Namespace, PolicyChange, Prompt, PromptVersion
from pvc.schema import story
from tenants.models import Actor, ApiKey
from tests import factories
from tests.factories import error_of
from webhooks.actions import endpoints
from webhooks.models import Delivery, WebhookEndpoint

API = "/api/v1/"
WRITES = ("post", "put", "patch", "delete")
Fields = dict[str, Any]


# ----------------------------------------------------------------------------- routes
@dataclass(frozen=True)
class Route:
    """One method on one path of the URL table."""

    name: str
    method: str
    path: str

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"<(?:\w+:)?(\w+)>", self.path)

    def filled(self, values: dict[str, str]) -> str:
        """The path below /api/v1, its parameters filled in."""
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], self.path)

    def __str__(self) -> str:
        return f"{self.method} /{self.path}"


def api_routes() -> list[Route]:
    """Every method of every route under /api/v1 that a key is needed for, out of the URL table."""
    return [
        Route(pattern.name or "", method.upper(), path.removeprefix(API.lstrip("/")))
        for path, pattern in _patterns(get_resolver("pvc.urls").url_patterns, "")
        if path.startswith(API.lstrip("/"))
        for method in getattr(pattern.callback, "actions", {})
        if method != "head" and not vars(pattern.callback)["cls"].is_public
    ]


def _patterns(table: list[URLPattern | URLResolver], before: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in table:
        path = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns, path)
        else:
            yield path, entry


ROUTES = api_routes()
WRITE_ROUTES = [route for route in ROUTES if route.method.lower() in WRITES]
READ_ROUTES = [route for route in ROUTES if route.method == "GET"]
OBJECT_ROUTES = [route for route in ROUTES if route.parameters]


# ----------------------------------------------------------------------------- things to aim at
@dataclass(frozen=True)
class Ground:
    """A prompt with two versions and its tags, a key, a change of policy, a tier: what a path's parameters can name."""

    prompt: Prompt
    first: PromptVersion
    second: PromptVersion
    key: ApiKey
    change: PolicyChange
    tier: BudgetTier
    case: TestCase
    harness: Harness
    evaluation: Evaluation
    webhook: WebhookEndpoint
    delivery: Delivery
    deployment: Deployment
    #: The actor's draft, where the route is about one.
    draft: PromptVersion | None = None

    @property
    def values(self) -> dict[str, str]:
        """Each path parameter's value."""
        return {
            "ref": str(self.prompt.pk),
            "qualified_name": f"default:{self.prompt.slug}",
            "version": str(self.second.number),
            "name": "staging",
            "key_id": str(self.key.pk),
            "namespace_id": str(self.change.namespace.pk),
            "change_id": str(self.change.pk),
            "version_id": str((self.draft or self.second).pk),
            "template_id": str(self.prompt.pk),
            "tier_id": str(self.tier.pk),
            "case_id": str(self.case.pk),
            "harness_id": str(self.harness.pk),
            "evaluation_id": str(self.evaluation.pk),
            "webhook_id": str(self.webhook.pk),
            "delivery_id": str(self.delivery.pk),
            "deployment_id": str(self.deployment.pk),
        }

    @property
    def ids(self) -> list[str]:
        """What no other tenant may ever see."""
        prompt = self.prompt
        rows = (prompt, prompt.tenant, self.first, self.second, self.key, self.change, self.tier, self.case)
        more = (self.harness, self.evaluation, self.webhook, self.delivery, self.deployment)
        return [str(row.pk) for row in (*rows, *more)] + [prompt.slug]


def lay_ground(by: Actor, author: Actor | None = None) -> Ground:
    """Fresh rows of the actor's tenant: `production` points at the first version, `staging` at the second.

    `author` wrote both, where it is not the actor.
    """
    author = author or by
    namespace = Namespace.objects.get(tenant=by.tenant, slug="default")
    prompt = factories.make_prompt(namespace, by=author, body="Hello {{ name }}", config={"model": "m"})
    first = prompt.versions.get()
    promotion.set_tag(prompt, "production", version=first, by=by)
    second = factories.make_version(prompt, by=author)
    promotion.set_tag(prompt, "staging", version=second, by=by)
    agents = namespaces.create_namespace(f"n-{uuid.uuid4().hex}", name="Agents", by=by)
    change = PolicyChange.objects.create(
        tenant=by.tenant,
        namespace=agents,
        changes={"required_approvals": 0},
        requested_by=factories.make_user(by.tenant),
    )
    tier = tiers.create_tier(agents, name="long", max_tokens=1000, enforcement="warn", by=by)
    case = test_cases.create_test_case(prompt, "one", variables={}, assertions=_ASSERTIONS, by=by)
    harness = harnesses.register_harness(f"h-{uuid.uuid4().hex}", url=PUBLIC_URL, secret="0123456789abcdef", by=by)
    evaluation = runs.trigger(first, harness="builtin", by=by)
    key = factories.make_key(by.author).row
    webhook = endpoints.create_endpoint(PUBLIC_URL, events=["*"], by=by).endpoint
    delivery = Delivery.objects.create(
        tenant=by.tenant, endpoint=webhook, event_id=uuid.uuid4(), type="tag.moved", due_at=timezone.now()
    )
    deployment = experiments.create_deployment(prompt, variants=[experiments.Share(second.pk, 100)], by=by)
    return Ground(prompt, first, second, key, change, tier, case, harness, evaluation, webhook, delivery, deployment)


def is_of_another(route: Route) -> bool:
    """Whether the route's own call succeeds only on what somebody else wrote."""
    return route.name in ("approve", "reject")


def ground_for(route: Route, by: Actor) -> Ground:
    """Fresh rows on which the route's own call succeeds."""
    return made_ready(lay_ground(by, author=factories.make_actor(by.tenant) if is_of_another(route) else by), route, by)


def made_ready(ground: Ground, route: Route, by: Actor) -> Ground:
    """Rows that were laid, on which the route's own call succeeds from now on."""
    if route.name == "unarchive-prompt":
        prompts.archive_prompt(ground.prompt, by=by)
    if route.name == "rollback":
        promotion.promote(ground.prompt, by=by)
    if route.name in ("save-draft", "discard-draft", "merge-pre-prod"):
        # Other variables than what is live: they go together with the other text of what is in pre-production.
        content = content_of("text", "Hello {{ name }}", {"name": "you"}, {"model": "m"})
        return replace(ground, draft=drafts.create_draft(ground.prompt, content, by=by))
    return ground


#: A literal address, so that no name is looked up; nobody calls it here.
PUBLIC_URL = "https://9.9.9.9/evaluate"
_ASSERTIONS: list[Fields] = [{"type": "contains", "value": "Hello"}, {"type": "no_missing_variables"}]
_CONTENT: Fields = {
    "variables": {"name": {"type": "string", "default": "you"}},
    "config": {"model": "m", "temperature": 0.5},
    "metadata": {"author": "alice", "reason": "tests"},
}
_DRAFT: Fields = {"variables": _CONTENT["variables"], "config": _CONTENT["config"], "change_note": "tests"}

_POLICY: Fields = {
    "name": "Agents",
    "description": "d",
    "required_approvals": 2,
    "custom_tags": [],
    "default_harness": None,
    "evaluation_policy": {"mode": "require_pass", "threshold": 0.9, "harnesses": ["a"], "max_age_hours": 24},
}


def _split(ground: Ground) -> Fields:
    """The version whose gate is open, and all else that a deployment has."""
    version = str(ground.second.pk)
    return {
        "name": uuid.uuid4().hex,
        "variants": [{"versionId": version, "weight": 100, "isControl": True}],
        "plan": [{"weights": {version: 100}, "holdMinutes": 60, "minSessions": 100}],
        "guardrails": [{"type": "latency", "name": "total", "direction": "up", "margin": 0.1}],
    }


def _measured(ground: Ground) -> Fields:
    return {
        "versionId": str(ground.second.pk),
        "type": "latency",
        "name": "total",
        "value": 812.5,
        "unit": "ms",
        "timestamp": timezone.now().isoformat(),
        "dimensions": {"model": "m", "cached": True},
        "deploymentId": str(ground.deployment.pk),
        "sessionId": "customer-4711",
    }


def valid_body(route: Route, ground: Ground) -> Fields:
    """A body that the route takes, with all of its fields. KeyError: the route is new; add it here."""
    unique = uuid.uuid4().hex
    bodies: dict[tuple[str, str], Fields] = {
        ("POST", "prompts"): {
            "name": f"h-{unique}",
            "template": f"{unique} {{{{ name }}}}",
            "description": "d",
            "namespace": "default",
            "type": "text",
            **_CONTENT,
        },
        ("PUT", "prompt"): {"template": f"{unique} {{{{ name }}}}", "description": unique, **_CONTENT},
        ("DELETE", "prompt"): {},
        ("POST", "unarchive-prompt"): {},
        ("POST", "versions"): {"content": f"{unique} {{{{ name }}}}", **_CONTENT},
        ("POST", "render"): {"variables": {"name": "you"}, "strict": False},
        ("POST", "render-version"): {"variables": {"name": "you"}, "strict": False},
        ("POST", "render-by-name"): {"variables": {"name": "you"}, "strict": False, "user_id": "customer-4711"},
        ("POST", "verify-audit-log"): {"checkpoints": [], "receipts": [{"seq": 1, "hash": "0" * 64}]},
        ("POST", "tag"): {"versionId": str(ground.first.pk), "reason": "tests"},
        ("DELETE", "tag"): {},
        ("POST", "promote-pre-prod"): {"target_users": ["customer-4711"]},
        ("POST", "override-pre-prod"): {
            "expected_version_id": str(ground.second.pk),
            "reason": "tests",
            "target_users": ["customer-4711"],
        },
        ("POST", "merge-pre-prod"): {
            "expected_version_id": str(ground.second.pk),
            "target_users": ["customer-4711"],
        },
        ("POST", "promote-active"): {},
        ("POST", "approve"): {"comment": "tests", "digest": ground.second.digest},
        ("POST", "reject"): {"reason": "tests"},
        ("POST", "promote"): {"reason": "tests"},
        ("POST", "override-promotion"): {"versionId": str(ground.second.pk), "reason": "tests need it"},
        ("POST", "rollback"): {"versionId": str(ground.first.pk)},
        ("POST", "namespaces"): {"slug": f"h-{unique}", **_POLICY},
        ("PUT", "namespace"): _POLICY,
        ("POST", "approve-policy-change"): {},
        ("POST", "reject-policy-change"): {},
        ("POST", "tiers"): {"name": unique, "max_tokens": 500, "enforcement": "block"},
        ("PUT", "tier"): {"name": unique, "max_tokens": 500, "enforcement": "block"},
        ("DELETE", "tier"): {},
        ("POST", "templates"): {
            "namespace": ground.tier.namespace.slug,
            "slug": f"h-{unique}",
            "name": "Template",
            "type": "text",
            "description": "d",
            "variables_expected": ["name"],
            "tier": ground.tier.name,
        },
        ("PUT", "template"): {"name": unique, "description": "d", "variables_expected": ["name"], "tier": None},
        ("DELETE", "template"): {},
        ("POST", "template-versions"): {
            "body": f"{unique} {{{{ name }}}}",
            "base_version_id": str(ground.second.pk),
            **_DRAFT,
        },
        ("PUT", "save-draft"): {
            "body": f"{unique} {{{{ name }}}}",
            "base_version_id": str(ground.second.pk),
            **_DRAFT,
        },
        ("DELETE", "discard-draft"): {},
        ("POST", "webhooks"): {
            "url": PUBLIC_URL,
            "events": ["tag.moved", "eval.completed"],
            "secret": "0123456789abcdef",
            "kind": "standard",
            "description": "d",
            "active": True,
        },
        ("PUT", "webhook"): {
            "url": PUBLIC_URL,
            "events": ["*"],
            "kind": "slack",
            "description": unique,
            "active": True,
        },
        ("DELETE", "webhook"): {},
        ("POST", "test-webhook"): {},
        ("POST", "rotate-webhook-secret"): {"secret": "fedcba9876543210"},
        ("POST", "replay-webhook"): {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
        ("POST", "redeliver"): {},
        ("POST", "trigger-evaluation"): {"versionId": str(ground.first.pk), "harnessId": "builtin"},
        ("POST", "harnesses"): {
            "name": f"h-{unique}",
            "url": PUBLIC_URL,
            "secret": "0123456789abcdef",
            "timeoutSeconds": 60,
        },
        ("PUT", "harness"): {"url": PUBLIC_URL, "secret": "fedcba9876543210", "timeoutSeconds": 61},
        ("DELETE", "harness"): {},
        ("POST", "test-cases"): {"name": unique, "variables": {"name": "you"}, "assertions": _ASSERTIONS},
        ("PUT", "test-case"): {"name": unique, "variables": {"name": "me"}, "assertions": _ASSERTIONS},
        ("DELETE", "test-case"): {},
        ("POST", "deployments"): {"promptId": str(ground.prompt.pk), "status": "paused", **_split(ground)},
        ("PUT", "deployment"): {"status": "active", **_split(ground)},
        ("POST", "ingest"): {"metrics": [_measured(ground)]},
        ("POST", "api-keys"): {"name": "k", "scopes": ["prompts:read"], "expiresAt": "2100-01-01T00:00:00Z"},
        ("DELETE", "api-key"): {},
    }
    return bodies[route.method, route.name]


# ----------------------------------------------------------------------------- the corpus
@dataclass(frozen=True)
class Hostile:
    """A body, and the headers that make it worse."""

    name: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    #: Whether no route may take it.
    is_unreadable: bool = False
    #: The field that it is about, of those that a route takes.
    field: str = ""


#: Longer values, in bytes, are tried where they could be kept, and not in every place.
MODEST = 2000


def nested(opening: str, closing: str, depth: int, inside: str = "") -> bytes:
    return (opening * depth + inside + closing * depth).encode()


#: One value each, as JSON text, that no route takes anywhere: not JSON, or JSON that cannot be kept as it is.
UNREADABLE: dict[str, bytes] = {
    "1e400": b"1e400",
    "minus-1e400": b"-1e400",
    "huge-exponent": b"1e999999999999999999",
    "nan": b"NaN",
    "infinity": b"Infinity",
    "minus-infinity": b"-Infinity",
    "2^53+1": b"9007199254740993",
    "minus-2^53-1": b"-9007199254740993",
    "2^63": b"9223372036854775808",
    "2^64": b"18446744073709551616",
    "4299-digits": b"9" * 4299,
    "5000-digits": b"9" * 5000,
    "leading-zero": b"007",
    "plus": b"+1",
    "no-fraction": b"1.",
    "no-integer": b".5",
    "hex": b"0x10",
    "nul": b'"a\\u0000b"',
    "raw-nul": b'"a\x00b"',
    "raw-newline": b'"a\nb"',
    "lone-high-surrogate": b'"\\ud800"',
    "lone-low-surrogate": b'"\\udc00"',
    "reversed-surrogates": b'"\\udc00\\ud800"',
    "surrogate-then-text": b'"\\ud83dx"',
    "raw-surrogate": b'"\xed\xa0\x80"',
    "cesu-8": b'"\xed\xa0\xbd\xed\xb8\x80"',
    "overlong": b'"\xc0\x80"',
    "bad-utf-8": b'"\xff\xfe"',
    "cut-utf-8": b'"\xc3"',
    "beyond-unicode": b'"\xf5\x80\x80\x80"',
    "latin-1": b'"J\xfcrgen"',
    "bad-escape": b'"\\x41"',
    "short-escape": b'"\\u12"',
    "nul-key": b'{"a\\u0000":1}',
    "surrogate-key": b'{"\\ud800":1}',
    "same-key-twice": b'{"a":1,"a":2}',
    "same-key-escaped": b'{"a":1,"\\u0061":2}',
    "schema-odd-type": b'{"x":{"type":["string"],"enum":{},"required":"yes","default":NaN}}',
    "uuid-number": b"340282366920938463463374607431768211455",
    "33-lists": nested("[", "]", 33),
    "33-objects": nested('{"a":', "}", 33, "1"),
    "33-mixed": nested('[{"a":', "}]", 17, "1"),
    "900-lists": nested("[", "]", 900),
    "7,000-lists": nested("[", "]", 7000),
    "7,000-objects": nested('{"a":', "}", 7000, "1"),
}

#: One value each that can be read: what becomes of it depends on where it stands.
READABLE: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "minus-one": b"-1",
    "minus-zero": b"-0",
    "minus-zero-float": b"-0.0",
    "underflow": b"1e-400",
    "smallest": b"5e-324",
    "greatest": b"1.7976931348623157e308",
    "2^53-1": b"9007199254740991",
    "2^53": b"9007199254740992",
    "2^53-float": b"9007199254740993.0",
    "1e22": b"1e22",
    "long-fraction": b"0." + b"1" * 100_000,
    "empty-text": b'""',
    "blank-text": b'" \\t "',
    "raw-delete": b'"a\x7fb"',
    "control-characters": json.dumps("".join(map(chr, range(1, 32)))).encode(),
    "noncharacters": b'"\\uffff\\ufffe\\ufdd0"',
    "byte-order-mark": b'"\\ufeffa"',
    "right-to-left": b'"\\u202eevil\\u202c"',
    "zalgo": b'"a' + b"\\u0301" * 500 + b'"',
    "emoji": '"👨‍👩‍👧‍👦"'.encode(),
    "sql": b'"\'; DROP TABLE prompts_prompt; --"',
    "html": b'"<script>alert(1)</script>"',
    "format": b'"%s%n{0.__class__}$(id)"',
    "100,001-characters": b'"' + b"a" * 100_001 + b'"',
    "200,000-wide-characters": b'"' + "é".encode() * 100_000 + b'"',
    "empty-list": b"[]",
    "list-of-nulls": b"[null,null]",
    "100,000-elements": b"[" + b",".join([b"0"] * 100_000) + b"]",
    "40,000-lists": b"[" + b",".join([b"[]"] * 40_000) + b"]",
    "empty-object": b"{}",
    "empty-key": b'{"":1}',
    "10,000-keys": json.dumps({f"k{number}": number for number in range(10_000)}).encode(),
    "long-key": b'{"' + b"k" * 50_000 + b'":1}',
    "proto": b'{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"a":1}}}',
    "operators": b'{"$ne":null,"$where":"1","_connector":"OR"}',
    "lookup": b'{"tenant__id":"1","pk__in":[1]}',
    "chat": b'[{"role":"system","content":"a"},{"placeholder":"history"}]',
    "chat-odd-role": b'[{"role":["system"],"content":"a"}]',
    "chat-role-object": b'[{"role":{},"content":"a"}]',
    "chat-content-number": b'[{"role":"user","content":1}]',
    "chat-extra": b'[{"role":"user","content":"a","name":"b"}]',
    "chat-placeholder-list": b'[{"placeholder":["a"]}]',
    "chat-null": b"[null]",
    "10,000-messages": b"[" + b",".join([b'{"role":"user","content":"a"}'] * 10_000) + b"]",
    "schema-type-object": b'{"x":{"type":{}}}',
    "schema-odd-name": b'{"__class__":{"default":1}}',
    "uuid": b'"00000000-0000-0000-0000-000000000000"',
    "first-moment": b'"0001-01-01T00:00:00+23:59"',
    "last-moment": b'"9999-12-31T23:59:59-23:59"',
    "no-moment": b'"2026-02-30T25:61:00Z"',
}

TEMPLATES: dict[str, str] = {
    "class": "{{ ''.__class__.__mro__ }}",
    "attribute-filter": "{{ name|attr('__class__') }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}",
    "endless": "{% for i in range(1000000000) %}a{% endfor %}",
    "multiplied": "{{ 'a' * 1000000000 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "open-tags": "{{" * 30_000,
    "nested-brackets": "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    "sum": "{{ 1" + "+a" * 1000 + " }}",
    "filters": "{{ a" + "|upper" * 1000 + " }}",
    "nested-loops": "{% for i in a %}" * 21 + "{% endfor %}" * 21,
    "nested-conditions": "{% if a %}" * 1000 + "{% endif %}" * 1000,
    "unclosed": "{% if a %}",
    "comment": "{#" + "#" * 50_000,
    "long-name": "{{ " + "a" * 90_000 + " }}",
    "digits": "{{ " + "9" * 5000 + " }}",
    "raw": "{% raw %}{{ a }}",
    "line-statement": "# for i in a\n## b",
    "private-use": "\ue000\uffff{{ \u0130 }}",
    "escape": "{{ '\\ud800' }}",
    "escaped-nul": "{{ '\\x00' }}",
}

#: Bodies that are no object, or none that could be read.
WHOLE: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" \r\n\t",
    "200,000-blanks": b" " * 200_000 + b"{}",
    "text": b'"text"',
    "list-of-objects": b"[{}]",
    "open-object": b"{",
    "open-key": b'{"a"',
    "open-text": b'{"a":"b',
    "no-value": b'{"a":}',
    "trailing-comma": b'{"a":1,}',
    "single-quotes": b"{'a':1}",
    "comment": b"/* a */ {}",
    "crossed": b'{"a":[}]',
    "two-documents": b'{"a":1}{"a":2}',
    "trailing-text": b"{} x",
    "trailing-nul": b"{}\x00",
    "nul-bytes": b"\x00" * 1000,
    "not-utf-8": b"\xff\xfe\xfd",
    "cut-in-a-character": b'{"name":"\xc3',
    "leading-byte-order-mark": b"\xef\xbb\xbf{}",
    "utf-16": '{"name":"a"}'.encode("utf-16"),
    "utf-16-le": '{"name":"a"}'.encode("utf-16-le"),
    "utf-16-be": '{"name":"a"}'.encode("utf-16-be"),
    "utf-32": '{"name":"a"}'.encode("utf-32"),
    "utf-7": b"+AHs-+ACI-a+ACI-:1+AH0-",
    "gzip": gzip.compress(b"{}"),
    "bz2": bz2.compress(b"{}"),
    "form": b"name=a&template=b",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\na\r\n--x--\r\n',
    "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "pickle": b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00}\x94.",
    "open-lists": b"[" * 100_000,
    "100,000-lists": nested("[", "]", 100_000),
    "100,000-lists-in-objects": nested('{"a":[', "]}", 25_000),
    "30,000-objects": nested('{"a":', "}", 30_000, "1"),
    "twins": b'{"name":"a","name":"b"}',
    "twins-of-many": b"{" + b",".join(b'"k%d":0' % number for number in range(5000)) + b',"k4999":0}',
    "500-unknown-fields": json.dumps({f"unknown{number}": 1 for number in range(500)}).encode(),
}

CONTENT_TYPES: dict[str, str] = {
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=x",
    "multipart-without-boundary": "multipart/form-data",
    "multipart-bad-boundary": "multipart/form-data; boundary=" + "x" * 300,
    "plain": "text/plain",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "json-patch": "application/json-patch+json",
    "text-json": "text/json",
    "jsonp": "application/json-seq",
    "latin-1": "application/json; charset=latin-1",
    "utf-16": "application/json; charset=utf-16",
    "utf-7": "application/json; charset=utf-7",
    "bz2": "application/json; charset=bz2_codec",
    "zlib": "application/json; charset=zlib_codec",
    "idna": "application/json; charset=idna",
    "unknown-charset": "application/json; charset=nonsense",
    "two": "application/json, text/plain",
    "slash": "/",
    "semicolon": ";",
    "star": "*/*",
    "long": "a" * 5000,
    "empty": "",
}

HEADERS: dict[str, dict[str, str]] = {
    "utf-8": {"Content-Type": "application/json; charset=utf-8"},
    "upper-case-type": {"Content-Type": "Application/JSON; Charset=UTF-8"},
    "content-encoding": {"Content-Encoding": "gzip"},
    "content-encodings": {"Content-Encoding": "br, deflate, bz2"},
    "override-delete": {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE", "X-Method-Override": "PUT"},
    "override-nonsense": {"X-HTTP-Method-Override": "\u00e9"},
    "empty-idempotency-key": {"Idempotency-Key": ""},
    "long-idempotency-key": {"Idempotency-Key": "k" * 256},
    "blank-in-idempotency-key": {"Idempotency-Key": "a b"},
    "odd-idempotency-key": {"Idempotency-Key": "\u00e9\u2028"},
    "odd-if-match": {"If-Match": '"\u00e9", W/, "", ,,,'},
    "long-if-match": {"If-Match": '"1",' * 5000},
    "odd-if-none-match": {"If-None-Match": "\u00e9"},
    "odd-if-modified": {"If-Modified-Since": "yesterday", "If-Unmodified-Since": "99999999999999999999"},
    "odd-range": {"Range": "bytes=0-0,-1,9999999999999999999999-"},
    "odd-accept": {"Accept": "text/html;q=x,,;", "Accept-Language": "\u00e9" * 1000, "Accept-Charset": "utf-7"},
    "odd-accept-encoding": {"Accept-Encoding": "gzip;q=\u00e9, *;q=-1"},
    "odd-request-id": {"X-Request-Id": "a\nSet-Cookie: b=c"},
    "odd-host": {"Host": "a b<c>"},
    "odd-origin": {"Origin": "http://[::1", "Referer": "http://[x"},
    "odd-forwarded": {"X-Forwarded-For": "<script>, ::, 999.1.1.1", "X-Forwarded-Host": "evil", "Forwarded": "for=_"},
    "odd-cookie": {"Cookie": "sessionid=\u00e9; csrftoken=" + "x" * 5000},
    "odd-length": {"Content-Length": "-1"},
    "odd-signature": {"X-Gateway-Signature": "t=" + "9" * 5000 + ",v1=x"},
    "expect": {"Expect": "200-maybe"},
}

#: Names that a row has and no caller may set, and names that mean something to what lies below.
FOREIGN_FIELDS: dict[str, Any] = {
    "id": str(uuid.UUID(int=1)),
    "pk": 1,
    "tenant": "other",
    "tenant_id": str(uuid.UUID(int=2)),
    "tenantId": str(uuid.UUID(int=2)),
    "projectId": str(uuid.UUID(int=2)),
    "promptId": str(uuid.UUID(int=3)),
    "prompt_id": str(uuid.UUID(int=3)),
    "author": "mallory",
    "author_id": str(uuid.UUID(int=4)),
    "owner": "mallory",
    "issued_by": "mallory",
    "contributors": ["mallory"],
    "approvals": [{"user_id": "mallory", "decision": "approve"}],
    "approved_by": "mallory",
    "status": "active",
    "number": 99,
    "version_number": 99,
    "last_number": 99,
    "revision": 99,
    "digest": "0" * 64,
    "checksum": "0" * 64,
    "content_sha256": "0" * 64,
    "hash": "00",
    "key_id": "AAAAAAAA",
    "keyId": "AAAAAAAA",
    "key": "pvc_AAAAAAAA_" + "A" * 43,
    "tags": ["production"],
    "head": None,
    "archived": True,
    "archived_at": "2020-01-01T00:00:00Z",
    "createdAt": "2020-01-01T00:00:00.000Z",
    "created_at": "2020-01-01T00:00:00Z",
    "updatedAt": "2020-01-01T00:00:00.000Z",
    "sealed_at": "2020-01-01T00:00:00.000Z",
    "revokedAt": None,
    "lastUsedAt": None,
    "latestVersion": {"id": str(uuid.UUID(int=5)), "number": 99},
    "is_staff": True,
    "is_superuser": True,
    "required_approvals": 0,
    "generation": 1,
    "_connector": "OR",
    "_negated": True,
    "tenant__slug": "other",
    "tenant__users__password__startswith": "a",
    "__proto__": {"admin": True},
    "__class__": "x",
    "constructor": {},
    "_method": "DELETE",
    "csrfmiddlewaretoken": "x",
    "using": "owner",
    "force_insert": True,
    "update_fields": [],
    "by": "mallory",
    "": 1,
    " name": "x",
    "name ": "x",
    "NAME": "x",
    "n\u0430me": "cyrillic",
}


def corpus(make_valid: Callable[[], Fields]) -> Iterator[Hostile]:
    """Everything above, as whole bodies and in each place of a body that the route would take."""
    for name, body in WHOLE.items():
        yield Hostile(name, body)
    for name, body in READABLE.items():
        yield Hostile(f"{name} alone", body)
    for name, value in UNREADABLE.items():
        yield Hostile(f"{name} within", with_value(make_valid(), "config", b'{"x":' + value + b"}"), is_unreadable=True)
    for name, content_type in CONTENT_TYPES.items():
        headers = {"Content-Type": content_type}
        yield Hostile(f"of type {name}", _json(make_valid()), headers)
        yield Hostile(f"nothing of type {name}", b"", headers)
    for name, headers in HEADERS.items():
        yield Hostile(f"header {name}", _json(make_valid()), headers)
    for name, foreign in FOREIGN_FIELDS.items():
        yield Hostile(f"field {name!r}", _json({**make_valid(), name: foreign}))
    for place in make_valid():
        yield Hostile(f"without {place}", _json({k: v for k, v in make_valid().items() if k != place}), field=place)
        yield from _in_place(make_valid, place)


def _in_place(make_valid: Callable[[], Fields], place: str) -> Iterator[Hostile]:
    """What the place takes is for its field to say; what lies within an object is mostly kept."""
    for name, value in READABLE.items():
        if len(value) < MODEST or place in ("config", "variables", "scopes"):
            yield Hostile(f"{name} as {place}", with_value(make_valid(), place, value), field=place)
    present = make_valid()[place]
    if isinstance(present, dict | list):
        before, after = (b'{"name":', b"}") if isinstance(present, dict) else (b"[", b"]")
        for name, value in UNREADABLE.items():
            body = with_value(make_valid(), place, before + value + after)
            yield Hostile(f"{name} in {place}", body, is_unreadable=True, field=place)
        for name, value in READABLE.items():
            yield Hostile(f"{name} in {place}", with_value(make_valid(), place, before + value + after), field=place)
    if place in ("template", "content", "body"):
        for name, text in TEMPLATES.items():
            yield Hostile(f"template {name}", _json({**make_valid(), place: text}), field=place)


def with_value(fields: Fields, name: str, value: bytes) -> bytes:
    """The JSON of `fields` with `name` set to a JSON text, whatever it may be."""
    rest = b"".join(_json(key) + b":" + _json(each) + b"," for key, each in fields.items() if key != name)
    return b"{" + rest + _json(name) + b":" + value + b"}"


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


# ----------------------------------------------------------------------------- sending, judging
def send(
    key: str | None, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> HttpResponse:
    """One request with exactly these bytes and headers; JSON, where no type is named."""
    named = {"Content-Type": "application/json", **(headers or {})}
    if key:
        named.setdefault("Authorization", f"Bearer {key}")
    answer = factories._http.generic(method, f"/api/v1{path}", body, headers=named)
    return cast("HttpResponse", answer)


_CODE = re.compile(r"[A-Z][A-Z0-9_]+")


def fault_of(response: HttpResponse) -> str | None:
    """What is wrong with an answer that no hostile request should get; None where nothing is."""
    status, content = response.status_code, response.content
    shown = f"{status} {content[:200]!r}"
    if status >= 500 or 300 <= status < 400:
        return shown
    if status == 204:
        return None if content == b"" else f"a body: {shown}"
    if response.headers.get("Content-Type") != "application/json":
        return f"not JSON: {response.headers.get('Content-Type')} {shown}"
    try:
        json.loads(content.decode("utf-8"), parse_constant=_no_number)
    except ValueError as error:
        return f"{error}: {shown}"
    return _fault_of_error(response) if status >= 400 else None


def _fault_of_error(response: HttpResponse) -> str | None:
    told = json.loads(response.content)
    for name in story.BESIDE.get(told.get("error", {}).get("code"), ()):  # a few conflicts say more
        told.pop(name, None)
    try:
        error = error_of(HttpResponse(json.dumps(told), content_type=response["Content-Type"]))
    except AssertionError as wrong:
        return f"{wrong}: {response.content[:200]!r}"
    fields = error.get("details", {}).get("fields")
    if not _CODE.fullmatch(error["code"]) or len(error["message"]) < 10:
        return f"no code or sentence: {error}"
    if error["code"] == "VALIDATION_ERROR" and not (fields and all(fields.values())):
        return f"a VALIDATION_ERROR without details.fields: {error}"
    return None


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")
