"""Things to test with, made by the same verbs as everywhere."""

import json
import uuid
from collections.abc import Iterable
from typing import Any, cast

from django.http import HttpResponse
from django.test import Client as DjangoClient
from django.utils import timezone

from prompts.actions import namespaces, prompts, versions
from prompts.content import content_of
from prompts.models import Namespace, NamespacePolicy, PolicyChange, Prompt, PromptVersion
from tenants import actions
from tenants.models import Actor, Tenant, User
from tenants.scopes import GATEWAY, SCOPES, scopes_of

TEXT = "You are a helpful support agent. Help with: {{ issue }}"


def make_tenant(slug: str = "") -> Tenant:
    tenant = Tenant(slug=slug or f"t-{uuid.uuid4().hex[:12]}", name=slug or "A tenant")
    return namespaces.open_tenant(tenant, by=Actor.command(tenant))


def make_user(tenant: Tenant, username: str = "", *groups: str) -> User:
    return actions.create_user(
        username or f"u-{uuid.uuid4().hex[:12]}", groups=groups or ("Administrator",), by=Actor.command(tenant)
    )


def make_actor(tenant: Tenant, username: str = "", *groups: str) -> Actor:
    """A member acting with a key that allows all that the member may do."""
    user = make_user(tenant, username, *groups)
    issued = make_key(user)
    actor = Actor(tenant, user, f"key:{issued.row.key_id}", scopes_of(groups or ("Administrator",)), issued.row)
    _texts[issued.row.pk] = issued.text
    return actor


_texts: dict[uuid.UUID, str] = {}


def make_key(owner: User, scopes: Iterable[str] = frozenset(SCOPES) - {GATEWAY}) -> actions.IssuedKey:
    assert owner.tenant is not None
    issued = actions.create_api_key("test", owner=owner, scopes=scopes, by=Actor.command(owner.tenant))
    _texts[issued.row.pk] = issued.text
    return issued


def change_policy(namespace: Namespace, **changes: Any) -> NamespacePolicy:
    """The next row of a namespace's policy, asked for by one person and granted by another."""
    one, other = make_user(namespace.tenant), make_user(namespace.tenant)
    asked = {"tenant": namespace.tenant, "namespace": namespace}
    PolicyChange.objects.create(
        **asked, changes=changes, requested_by=one, decided_by=other, approved=True, decided_at=timezone.now()
    )
    present = namespace.policy
    kept = {name: getattr(present, name) for name in ("required_approvals", "custom_tags", "evaluation_policy")}
    return NamespacePolicy.objects.create(
        **asked, number=present.number + 1, changed_by=one, approved_by=other, **{**kept, **changes}
    )


def make_prompt(namespace: Namespace, *, by: Actor, slug: str = "", body: Any = TEXT, **fields: Any) -> Prompt:
    type_ = "chat" if isinstance(body, list) else "text"
    content = content_of(type_, body, fields.pop("variables", None), fields.pop("config", None))
    return prompts.create_prompt(namespace, slug or f"p-{uuid.uuid4().hex[:12]}", content=content, by=by, **fields)


def make_version(prompt: Prompt, body: Any = "", *, by: Actor, **parts: Any) -> PromptVersion:
    content = content_of(prompt.type, body or f"Text {uuid.uuid4()}", parts.get("variables"), parts.get("config"))
    return versions.create_version(prompt, content, by=by).version


#: One for all: it keeps no state but the middleware, which takes a while to load.
_http = DjangoClient(raise_request_exception=False)


class Client:
    """The API as its callers see it: JSON in, JSON out, a key in the header."""

    def __init__(self, key: str | None, **headers: str) -> None:
        self.key = key
        self.headers = headers

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """`body` is sent as JSON; bytes as they are. Headers are written with underscores."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items()}
        named.setdefault("Content-Type", "application/json")
        if self.key:
            named.setdefault("Authorization", f"Bearer {self.key}")
        content_type = named.pop("Content-Type")
        return cast(
            "HttpResponse", _http.generic(method, f"/api/v1{path}", data, content_type=content_type, headers=named)
        )

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self("DELETE", path, **headers)


def client_of(actor: Actor, **headers: str) -> Client:
    assert actor.api_key is not None
    return Client(_texts[actor.api_key.pk], **headers)


def error_of(response: HttpResponse) -> dict[str, Any]:
    """The error inside an answer, whose shape is checked on the way."""
    body = json.loads(response.content)
    assert response["Content-Type"] == "application/json"
    assert body.keys() == {"error", "requestId", "timestamp"}
    assert body["error"].keys() - {"details"} == {"code", "message"}
    error: dict[str, Any] = body["error"]
    return error


def json_of(response: HttpResponse) -> Any:
    return json.loads(response.content)
