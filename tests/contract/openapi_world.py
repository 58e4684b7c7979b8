"""A tenant whose objects the generated requests are pointed at, so that they reach what they are for."""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from hypothesis import assume
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.core.parameters import ParameterLocation

from deployments.actions import promotion
from prompts.actions.namespaces import create_namespace
from prompts.actions.prompts import archive_prompt, unarchive_prompt
from prompts.content import is_variable_name
from prompts.models import Namespace, PolicyChange, Prompt
from pvc.strict_json import InvalidJSON, strict_json
from tenants import actions
from tenants.models import Actor
from tenants.scopes import GATEWAY, GROUPS, SCOPES
from tests import factories

#: The alphabet of variables' names, which no pattern in the document can say.
_NAMES = st.builds(str.__add__, st.sampled_from("aZéßЖ変"), st.text("az09_é", max_size=20))
openapi.format("variable-name", _NAMES.filter(is_variable_name))

CHAT = [
    {"role": "system", "content": "Be kind."},
    {"placeholder": "history"},
    {"role": "user", "content": "{{ issue }}"},
]
#: Read-only fields of a prompt, which a PUT takes with their present value alone.
FIXED = {"id", "projectId", "namespace", "name", "type", "archived", "createdAt", "updatedAt", "latestVersion"}


#: And those of a namespace.
NAMESPACE_FIXED = {"id", "slug", "pending_changes", "created_at"}


@dataclass
class Role:
    """Who knocks: the scopes that count, and the headers of every call."""

    scopes: frozenset[str]
    identity: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """The client that carries the requests in this process does not unpack what is compressed."""
        return {**self.identity, "Accept-Encoding": "identity"}


class World:
    """A tenant with a text, a chat, versions, tags and keys; new ones wherever a call uses one up."""

    def __init__(self) -> None:
        self.tenant = factories.make_tenant()
        self.admin = factories.make_actor(self.tenant)
        self.namespace = Namespace.objects.get(tenant=self.tenant, slug="default")
        self.agents = create_namespace("agents", name="Agents", by=self.admin)
        self.somebody = factories.make_user(self.tenant)
        self.names: set[str] = set()
        self.text, self.chat, self.spare = self.prompt(), self.prompt(CHAT), self.prompt()
        self.version_ids = itertools.cycle(self.text.versions.order_by("number").values_list("pk", flat=True)[:2])

    def _spare(self, *, archived: bool) -> Prompt:
        """A prompt to be archived and brought back, as it must be for the next call."""
        prompt = Prompt.objects.get(pk=self.spare.pk)
        if prompt.is_archived != archived:
            (archive_prompt if archived else unarchive_prompt)(prompt, by=self.admin)
        return prompt

    def _change(self) -> PolicyChange:
        """A change of the policy of `agents` that waits for a second person."""
        asked = {"tenant": self.tenant, "namespace": self.agents, "requested_by": self.somebody}
        return PolicyChange.objects.create(**asked, changes={"name": f"Agents {uuid4()}"})

    def _free(self, name: str) -> str:
        """The name, where no request has taken it yet."""
        free = f"p-{uuid4()}" if name in self.names else name
        self.names.add(free)
        return free

    def prompt(self, body: Any = factories.TEXT) -> Prompt:
        """A prompt with two versions, the second one live, and one in staging."""
        prompt = factories.make_prompt(self.namespace, by=self.admin, body=body)
        other = CHAT[:1] if isinstance(body, list) else "Text 2"
        version = factories.make_version(prompt, other, by=self.admin)
        promotion.set_tag(prompt, "production", version=version, by=self.admin)
        promotion.set_tag(prompt, "staging", version=prompt.versions.get(number=1), by=self.admin)
        return prompt

    def role(self, name: str) -> Role:
        """One of the groups, or `gateway`, `no scope`, `nobody`."""
        if name == "nobody":
            return Role(frozenset())
        if name == "gateway":
            key = actions.create_api_key("test", owner=self.admin.author, scopes=SCOPES, by=Actor.command(self.tenant))
            author = factories.make_user(self.tenant, "", "Author")
            return Role(GROUPS["Author"], {"Authorization": f"Bearer {key.text}", "X-User-Id": author.username})
        if name == "no scope":
            key = factories.make_key(factories.make_user(self.tenant, "", "Author"), ["webhooks:write"])
            return Role(frozenset(), {"Authorization": f"Bearer {key.text}"})
        key = factories.make_key(factories.make_user(self.tenant, "", name))
        return Role(GROUPS[name] - {GATEWAY}, {"Authorization": f"Bearer {key.text}"})

    def promotable(self) -> Prompt:
        """A prompt by somebody else: version 2 is live, 1 was before, and 3 waits in pre-production."""
        author = factories.make_actor(self.tenant)
        prompt = factories.make_prompt(self.namespace, by=author, body="Text 1")
        versions = [prompt.versions.get(), *(factories.make_version(prompt, f"Text {n}", by=author) for n in (2, 3))]
        for tag, version in (("production", versions[0]), ("production", versions[1]), ("staging", versions[2])):
            promotion.set_tag(prompt, tag, version=version, by=author)
        return prompt

    # ------------------------------------------------------------------------- one request
    def aim(self, case: Case[Any]) -> None:
        """Point what was drawn as valid at what is there; what was drawn as invalid stays as it is."""
        moves = re.search(r"{version_id}|/(promote|override|rollback)$", case.operation.path)
        prompt = self.promotable() if moves else self._prompt_for(case)
        if _is_valid(case, ParameterLocation.PATH):
            self._aim_path(case, prompt)
        if _is_valid(case, ParameterLocation.QUERY):
            self._aim_query(case)
        if _is_valid(case, ParameterLocation.HEADER):
            self._aim_headers(case)
        if _is_valid(case, ParameterLocation.BODY) and isinstance(case.body, dict):
            _storable(case.body)
            self._aim_body(case.body, case)
            _aim_promotion(case.body, prompt)

    def absent(self, operation: Any) -> Iterator[dict[str, Any]]:
        """Path parameters of which one names what is not there."""
        names = re.findall(r"{(\w+)}", operation.path)
        here = {
            "ref": str(self.text.pk),
            "qualified_name": f"default:{self.text.slug}",
            "version": "1",
            "name": "staging",
            "key_id": "",
            "namespace_id": "agents",
            "change_id": "",
            "version_id": "",
        }
        nowhere = {
            "ref": "no-such-prompt",
            "qualified_name": "default:no-such-prompt",
            "version": "999",
            "name": "draft",
            "key_id": str(uuid4()),
            "namespace_id": "nobodys",
            "change_id": str(uuid4()),
            "version_id": str(uuid4()),
        }
        for name in names:
            yield {each: (nowhere if each == name else here)[each] for each in names}

    def _prompt_for(self, case: Case[Any]) -> Prompt:
        body = case.body if isinstance(case.body, dict) else {}
        return self.chat if isinstance(body.get("content", body.get("template")), list) else self.text

    def _aim_path(self, case: Case[Any], prompt: Prompt) -> None:
        match case.method, case.operation.path.rpartition("/")[2]:
            case "DELETE", "{name}":
                promotion.set_tag(prompt, "staging", version=prompt.versions.get(number=1), by=self.admin)
            case "DELETE", "{ref}":
                prompt = self._spare(archived=False)
            case "POST", "unarchive":
                prompt = self._spare(archived=True)
        by_number = case.operation.label.endswith("/render")
        here = {
            "ref": str(prompt.pk),
            "qualified_name": f"default:{prompt.slug}",
            "version": 2 if by_number else "2",
            "name": "staging",
            "namespace_id": "agents",
            "version_id": str(prompt.versions.order_by("-number")[0].pk),
        }
        for name in case.path_parameters:
            if name == "key_id":
                case.path_parameters[name] = str(factories.make_key(self.admin.author).row.pk)
            elif name == "change_id":
                case.path_parameters[name] = str(self._change().pk)
            elif name in here:
                case.path_parameters[name] = here[name]

    def _aim_query(self, case: Case[Any]) -> None:
        if "cursor" in case.query:  # only the server can make one
            case.query["cursor"] = ""
        for name in ("fromVersion", "toVersion"):
            if name in case.query:
                case.query[name] = "1" if name == "fromVersion" else "2"

    def _aim_headers(self, case: Case[Any]) -> None:
        """The tenant and the user as they are, and the present revision. Every key is a new one."""
        for name in list(case.headers):
            if name.lower() in ("x-user-id", "x-gateway-signature", "authorization"):
                del case.headers[name]
            elif name.lower() == "x-tenant-id":
                case.headers[name] = self.tenant.slug
            elif name.lower() == "if-match":
                case.headers[name] = "*"
            elif name.lower() == "idempotency-key":
                case.headers[name] = uuid4().hex

    def _aim_body(self, body: dict[str, Any], case: Case[Any]) -> None:
        if case.method == "PUT":
            for name in (NAMESPACE_FIXED if "namespace_id" in case.path_parameters else FIXED) & body.keys():
                del body[name]
        elif "slug" in body and "name" in body:
            body["slug"] = self._free(body["slug"])
        elif "name" in body and "template" in body:
            body["name"] = self._free(body["name"])
            body["type"] = "chat" if isinstance(body["template"], list) else "text"
            if body.get("namespace"):
                body["namespace"] = "default"
        if {"content", "template"} <= body.keys():
            body["template"] = body["content"]
        if "versionId" in body:
            body["versionId"] = str(next(self.version_ids))
        if body.get("expiresAt"):
            body["expiresAt"] = "2999-01-01T00:00:00Z"


def _aim_promotion(body: dict[str, Any], prompt: Prompt) -> None:
    """Name the versions that the prompt really has."""
    newest, *_, oldest = prompt.versions.order_by("-number")
    if "expected_version_id" in body:
        body["expected_version_id"] = str(newest.pk)
    if body.get("digest"):
        body["digest"] = newest.digest
    if body.get("versionId") and prompt.versions.count() == 3:
        body["versionId"] = str(oldest.pk)
    if "reason" in body and len(body["reason"] or "") < 10:
        body["reason"] = "a reason of ten characters"
    if body.get("target_users"):
        body["target_users"] = ["customer-4711"]


def may_reach(role: Role, case: Case[Any]) -> bool:
    """Whether the role holds a scope that the operation names, or it names none."""
    needed = set(case.operation.definition.raw.get("x-required-scope", []))
    return not needed or bool(role.scopes & needed)


def is_aimed_nowhere(case: Case[Any]) -> bool:
    """Whether the path was drawn against the document."""
    return not _is_valid(case, ParameterLocation.PATH)


def _is_valid(case: Case[Any], where: ParameterLocation) -> bool:
    """Whether this part of a request was drawn from the document and not against it."""
    assert case.meta is not None
    part = case.meta.components.get(where)
    return part is None or part.mode == GenerationMode.POSITIVE


def _storable(body: dict[str, Any]) -> None:
    """Leave out the JSON that the document's words refuse and its schemas cannot: integers of 2^53 and more, depth."""
    with contextlib.suppress(TypeError, ValueError):
        try:
            strict_json(json.dumps(body).encode())
        except InvalidJSON:
            assume(False)
