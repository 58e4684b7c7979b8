"""The lifecycle document: its own examples over HTTP from a real server.

The examples stand here as the document prints them, each on its one line; only address, key and ids are filled in.
"""

import http.client
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.urls import resolve

from deployments.actions import promotion
from prompts.actions import namespaces
from prompts.actions.drafts import create_draft
from prompts.actions.prompts import create_template
from prompts.content import content_of
from prompts.models import PreProdTarget
from tenants.models import Actor
from tests import databases, factories
from tests.contract import curl
from tests.live import serving

RESOLVE = r"""
curl -H "Authorization: Bearer $TOKEN" \ "http://localhost:8000/api/v1/prompts/resolve/agents:rule_37_system_prompt?user_id=dev-user"
"""
RENDER = r"""
curl -X POST http://localhost:8000/api/v1/prompts/render/agents:rule_37_system_prompt \ -H "Authorization: Bearer $TOKEN" \ -H "Content-Type: application/json" \ -d '{ "variables": {"well_name": "Smith Ranch #1"}, "user_id": "dev-user" }'
"""  # noqa: E501 — as it is printed
#: The keys of the answers that the document prints; ours may have more.
RESOLVED = {"version_id", "version_number", "body", "variables_expected", "status", "token_estimate"}
RENDERED = {"rendered", "token_count", "version_id", "version_number", "source"}

BODY = "You are the AEGIS Rule 37 Spacing Exception Agent. The well is {{ well_name }}."
NEXT = "You are the AEGIS Rule 37 Spacing Exception Agent, and brief. The well is {{ well_name }}."


class Answer(NamedTuple):
    status: int
    json: Any


class Server(NamedTuple):
    """A running server, the key of an administrator of a tenant of its own, and the administrator."""

    port: int
    key: str
    admin: Actor

    def ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read() or b"null"))
        finally:
            connection.close()

    def run(self, example: str, **ids: str) -> Answer:
        """Send what a curl example of the document says, with address, key and ids filled in."""
        for name, value in {"TOKEN": self.key, **ids}.items():
            assert f"${name}" in example
            example = example.replace(f"${name}", value)
        # The document has lost the line ends behind its backslashes.
        return self.ask(*curl.request_of(re.sub(r"\\\s", " ", example), netloc="localhost:8000"))


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    """Granian as it is run for real, and an administrator's key."""
    limits = {f"RATE_LIMIT_{kind.upper()}": "0" for kind in settings.RATE_LIMITS}
    with ExitStack() as until_the_end:
        with django_db_blocker.unblock(), databases.committing():
            admin = factories.make_actor(factories.make_tenant())
            key = factories.client_of(admin).key
            url = until_the_end.enter_context(serving(environment=limits))
        assert key is not None
        yield Server(urlsplit(url).port or 0, key, admin)


# ----------------------------------------------------------------------------- the document's examples
def test_resolve_and_render_work_as_they_are_written(server: Server, committed: None) -> None:
    by = server.admin
    agents = namespaces.create_namespace("agents", name="Agents", required_approvals=0, by=by)
    prompt = factories.make_prompt(agents, slug="rule_37_system_prompt", body=BODY, by=by)
    first = prompt.versions.get()
    assert server.run(RESOLVE).status == 404
    promotion.set_tag(prompt, "production", version=first, by=by)

    resolved = server.run(RESOLVE)
    assert resolved.status == 200
    assert resolved.json.keys() >= RESOLVED
    assert (resolved.json["version_id"], resolved.json["version_number"]) == (str(first.pk), 1)
    assert (resolved.json["body"], resolved.json["status"]) == (BODY, "active")
    assert resolved.json["variables_expected"] == []
    assert type(resolved.json["token_estimate"]) is int

    rendered = server.run(RENDER)
    assert rendered.status == 200
    assert rendered.json.keys() >= RENDERED
    assert rendered.json["rendered"] == BODY.replace("{{ well_name }}", "Smith Ranch #1")
    assert (rendered.json["version_id"], rendered.json["version_number"]) == (str(first.pk), 1)
    assert (rendered.json["source"], type(rendered.json["token_count"])) == ("active", int)

    second = factories.make_version(prompt, NEXT, by=by)
    PreProdTarget.objects.create(tenant=prompt.tenant, version=second, user_id="dev-user")
    promotion.set_tag(prompt, "staging", version=second, by=by)
    resolved, rendered = server.run(RESOLVE), server.run(RENDER)
    assert (resolved.json["version_number"], resolved.json["status"]) == (2, "pre_prod")
    assert (rendered.json["version_number"], rendered.json["source"]) == (2, "pre_prod")
    somebody = server.run(RESOLVE.replace("dev-user", "somebody-else"))
    assert (somebody.json["version_number"], somebody.json["status"]) == (1, "active")
    nobody = server.run(RESOLVE.replace("?user_id=dev-user", ""))
    assert (nobody.json["version_number"], nobody.json["status"]) == (1, "active")


APPROVE = r"""
curl -X POST http://localhost:8000/api/v1/prompts/versions/$VERSION_ID/approve \ -H "Authorization: Bearer $TOKEN"
"""


def test_approve_and_pending_approvals_work_as_they_are_written(server: Server, committed: None) -> None:
    author = factories.make_actor(server.admin.tenant)
    guarded = namespaces.create_namespace("guarded", name="Guarded", by=server.admin)
    prompt = factories.make_prompt(guarded, slug="rule_38", body=BODY, by=author)
    own = factories.make_version(prompt, NEXT, by=server.admin)
    promotion.promote_pre_prod(own, by=server.admin)
    assert server.run(APPROVE, VERSION_ID=str(own.pk)).status == 409
    first = prompt.versions.get(number=1)
    promotion.override_pre_prod(first, expected=own.pk, reason="hers first", by=author)
    waiting = server.ask("GET", "/api/v1/prompts/pending-approvals", headers={"Authorization": f"Bearer {server.key}"})
    assert [each["version"]["id"] for each in waiting.json["data"]] == [str(first.pk)]
    approved = server.run(APPROVE, VERSION_ID=str(first.pk))
    assert (approved.status, approved.json["status"]) == (200, "active")


DRAFT = r"""
curl -X POST http://localhost:8000/api/v1/prompts/templates/$TEMPLATE_ID/versions \ -H "Authorization: Bearer $TOKEN" \ -H "Content-Type: application/json" \ -d '{ "body": "You are a {{ agent_role }} agent...", "change_note": "Add agent_role variable" }'
"""  # noqa: E501 — as it is printed
PROMOTE = r"""
curl -X POST http://localhost:8000/api/v1/prompts/versions/$VERSION_ID/promote-pre-prod \ -H "Authorization: Bearer $TOKEN" \ -H "Content-Type: application/json" \ -d '{"target_users": ["tester@example.com"]}'
"""  # noqa: E501 — as it is printed
#: The answers that the document prints for them, but for ids, numbers and counts.
VALIDATION = {
    "valid": True,
    "syntax_ok": True,
    "subset_ok": True,
    "injection_scan": {"status": "pass", "findings": []},
    "variables_extracted": ["agent_role"],
    "unknown_variables": ["agent_role"],
    "errors": [],
    "warnings": ["Unknown variables: agent_role"],
}
EXISTING = {"version_id", "version_number", "author_id", "body", "created_at"}


def test_a_draft_is_opened_and_promoted_as_it_is_written(server: Server, committed: None) -> None:
    other = factories.make_actor(server.admin.tenant)
    agents = namespaces.create_namespace("drafting", name="Drafting", by=server.admin)
    template = create_template(agents, "rule_39", name="Rule 39", by=server.admin)

    draft = server.run(DRAFT, TEMPLATE_ID=str(template.pk))
    assert (draft.status, draft.json["status"]) == (201, "draft")
    assert draft.json["body"] == "You are a {{ agent_role }} agent..."
    result = draft.json["validation_result"]
    assert result.pop("token_estimate") == draft.json["rendered_token_estimate"] > 0
    assert result == VALIDATION
    assert server.run(DRAFT, TEMPLATE_ID=str(template.pk)).status == 409

    promoted = server.run(PROMOTE, VERSION_ID=draft.json["id"])
    assert (promoted.status, promoted.json["id"], promoted.json["status"]) == (200, draft.json["id"], "pre_prod")
    assert promoted.json["target_users"] == ["tester@example.com"]

    second = create_draft(template, content_of("text", "Another one"), by=other)
    server = server._replace(key=factories.client_of(other).key or "")
    refused = server.run(PROMOTE, VERSION_ID=str(second.pk))
    assert (refused.status, refused.json["conflict"]) == (409, True)
    assert refused.json["existing_pre_prod"].keys() == EXISTING
    assert refused.json["existing_pre_prod"]["version_id"] == draft.json["id"]
    assert refused.json["options"] == ["override", "merge"]


#: The document's table of endpoints.
ENDPOINTS = """
GET /prompts/namespaces
POST /prompts/namespaces
GET,PUT /prompts/namespaces/{id}
GET,POST /prompts/namespaces/{id}/tiers
PUT,DELETE /prompts/namespaces/{id}/tiers/{tid}
GET,POST /prompts/templates
GET,PUT,DELETE /prompts/templates/{id}
POST /prompts/templates/{id}/versions
GET /prompts/templates/{id}/my-draft
PUT /prompts/versions/{id}/save-draft
DELETE /prompts/versions/{id}/discard
POST /prompts/versions/{id}/promote-pre-prod
POST /prompts/versions/{id}/promote-active
POST /prompts/versions/{id}/approve
POST /prompts/versions/{id}/reject
GET /prompts/resolve/{ns}:{slug}
POST /prompts/render/{ns}:{slug}
GET /prompts/pending-approvals
"""


@pytest.mark.parametrize("line", ENDPOINTS.split("\n")[1:-1])
def test_every_endpoint_of_the_document_is_served_with_its_methods(line: str) -> None:
    methods, _, path = line.partition(" ")
    example = {"{id}": str(uuid.uuid4()), "{tid}": str(uuid.uuid4()), "{ns}": "agents", "{slug}": "rule"}
    for name, value in example.items():
        path = path.replace(name, value)
    actions = resolve(f"/api/v1{path}").func.actions  # type: ignore[attr-defined]  # a viewset's view has them
    assert set(methods.lower().split(",")) <= actions.keys()
