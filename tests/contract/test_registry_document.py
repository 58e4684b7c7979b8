"""The registry document: its own examples, and every row of its tables, over HTTP from a real server.

The examples stand here as the document prints them; only address, key and ids are filled in.
"""

import http.client
import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
import yaml
from django.conf import settings

from tenants.models import Tenant
from tests import databases, factories
from tests.contract import curl
from tests.live import serving

ROOT = Path(__file__).resolve().parents[2]

CREATE_A_PROMPT = r"""
curl -X POST http://localhost:3000/api/v1/prompts \
  -H "Authorization: Bearer pvc_your-api-key" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "customer-support",
    "template": "You are a helpful support agent. Help with: {{issue}}"
  }'
"""
CREATE_A_VERSION = r"""
curl -X POST http://localhost:3000/api/v1/prompts/<promptId>/versions \
  -H "Authorization: Bearer pvc_your-api-key" \
  -H "Content-Type: application/json" \
  -d '{
    "content": "You are a senior support agent. Help with: {{issue}}"
  }'
"""
TAG_AS_PRODUCTION = r"""
curl -X POST http://localhost:3000/api/v1/prompts/<promptId>/tags/production \
  -H "Authorization: Bearer pvc_your-api-key" \
  -H "Content-Type: application/json" \
  -d '{ "versionId": "<versionId>" }'
"""
RENDER_WITH_VARIABLES = r"""
curl -X POST http://localhost:3000/api/v1/prompts/<promptId>/render \
  -H "Authorization: Bearer pvc_your-api-key" \
  -H "Content-Type: application/json" \
  -d '{
    "variables": { "issue": "I cannot log in to my account" }
  }'
"""

PROMPT = {
    *("id", "projectId", "namespace", "name", "type", "description", "template", "variables", "config", "metadata"),
    *("archived", "createdAt", "updatedAt", "latestVersion"),
}
LATEST_VERSION = {"id", "number", "status", "createdAt"}
VERSION = {
    *("id", "promptId", "number", "type", "content", "template", "variables", "config", "checksum", "digest"),
    *("metadata", "createdAt", "status", "tags"),
}
TAG = {"id", "projectId", "promptId", "versionId", "name", "createdAt", "updatedAt"}
RENDERING = {
    *("version", "versionId", "content", "rendered", "variablesUsed", "missingVariables", "unusedVariables"),
    *("tokenCount", "metadata"),
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID_7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOBODYS = "0190f5fe-7c00-7a00-8000-0123456789ab"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


class Server(NamedTuple):
    """A running server and the key of an administrator of a tenant of its own."""

    port: int
    key: str

    def ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Answer:
        """One request, with these headers and no others of ours."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """One request to the API, with the key."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        return self.ask(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)

    def run(self, example: str, **ids: str) -> Answer:
        """Send what a curl example of the document says, with address, key and ids filled in."""
        for name, value in ids.items():
            assert f"<{name}>" in example
            example = example.replace(f"<{name}>", value)
        one_line = example.replace("\\\n", " ").replace("pvc_your-api-key", self.key)
        return self.ask(*curl.request_of(one_line, netloc="localhost:3000"))


# ----------------------------------------------------------------------------- the server
@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    """Granian as it is run for real, and an administrator's key."""
    limits = {f"RATE_LIMIT_{kind.upper()}": "0" for kind in settings.RATE_LIMITS}
    with ExitStack() as until_the_end:
        with django_db_blocker.unblock(), databases.committing():
            key = factories.client_of(factories.make_actor(factories.make_tenant())).key
            url = until_the_end.enter_context(serving(environment=limits))
        assert key is not None
        yield Server(urlsplit(url).port or 0, key)


@pytest.fixture
def prompt(server: Server) -> dict[str, Any]:
    """A prompt of one version in production."""
    name = f"p-{time.time_ns()}"
    made: dict[str, Any] = server.call("POST", "/prompts", {"name": name, "template": "Hello {{ name }}"}).json
    path = f"/prompts/{made['id']}/tags/production"
    assert server.call("POST", path, {"versionId": made["latestVersion"]["id"]}).status == 200
    return made


# ----------------------------------------------------------------------------- shapes
def assert_is_id(value: Any) -> None:
    assert isinstance(value, str)
    assert UUID_7.fullmatch(value)
    assert not value.isdigit()


def assert_is_prompt(value: dict[str, Any]) -> None:
    assert value.keys() == PROMPT
    assert value["latestVersion"].keys() == LATEST_VERSION
    for each in (value["id"], value["projectId"], value["latestVersion"]["id"]):
        assert_is_id(each)
    for each in (value["createdAt"], value["updatedAt"], value["latestVersion"]["createdAt"]):
        assert TIME.fullmatch(each)
    assert isinstance(value["archived"], bool)
    assert isinstance(value["description"], str | None)


def assert_is_version(value: dict[str, Any]) -> None:
    assert value.keys() == VERSION
    assert_is_id(value["id"])
    assert_is_id(value["promptId"])
    assert TIME.fullmatch(value["createdAt"])
    assert type(value["number"]) is int
    assert value["content"] == value["template"]


def assert_is_tag(value: dict[str, Any]) -> None:
    assert value.keys() == TAG
    for name in ("id", "projectId", "promptId", "versionId"):
        assert_is_id(value[name])
    assert TIME.fullmatch(value["createdAt"])
    assert TIME.fullmatch(value["updatedAt"])


def assert_is_error(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status
    assert answer.json.keys() == {"error", "requestId", "timestamp"}
    assert answer.json["error"]["code"] == code
    assert isinstance(answer.json["error"]["message"], str)
    assert answer.json["error"]["message"]
    assert answer.json["requestId"] == answer.headers["x-request-id"]
    assert TIME.fullmatch(answer.json["timestamp"])


# ----------------------------------------------------------------------------- the document's examples
def test_the_documents_examples_work_as_they_are_written(server: Server) -> None:
    made = server.run(CREATE_A_PROMPT)
    assert made.status == 201
    assert_is_prompt(made.json)
    assert made.json["name"] == "customer-support"
    assert made.json["template"] == "You are a helpful support agent. Help with: {{issue}}"
    assert made.json["latestVersion"]["number"] == 1

    version = server.run(CREATE_A_VERSION, promptId=made.json["id"])
    assert version.status == 201
    assert_is_version(version.json)
    assert (version.json["number"], version.json["promptId"]) == (2, made.json["id"])

    tag = server.run(TAG_AS_PRODUCTION, promptId=made.json["id"], versionId=version.json["id"])
    assert tag.status == 200
    assert_is_tag(tag.json)
    assert (tag.json["name"], tag.json["versionId"]) == ("production", version.json["id"])

    rendered = server.run(RENDER_WITH_VARIABLES, promptId=made.json["id"])
    assert rendered.status == 200
    assert rendered.json.keys() == RENDERING
    assert rendered.json["rendered"] == "You are a senior support agent. Help with: I cannot log in to my account"
    assert (rendered.json["version"], rendered.json["versionId"]) == (2, version.json["id"])
    assert (rendered.json["variablesUsed"], rendered.json["missingVariables"]) == (["issue"], [])

    again = server.run(CREATE_A_PROMPT)
    assert_is_error(again, 409, "CONFLICT")
    assert "already exists" in again.json["error"]["message"]


# ----------------------------------------------------------------------------- infrastructure
def test_health_says_ok_to_everybody(server: Server) -> None:
    answer = server.ask("GET", "/health")
    assert (answer.status, answer.json.keys(), answer.json["status"]) == (200, {"status", "timestamp"}, "ok")
    assert TIME.fullmatch(answer.json["timestamp"])


def test_ready_says_what_was_checked(server: Server) -> None:
    answer = server.ask("GET", "/ready")
    assert (answer.status, answer.json.keys()) == (200, {"status", "checks"})
    checks = answer.json["checks"]
    assert (checks["database"], checks["migrations"], checks["redis"]) == ("ok", "ok", "ok")
    assert answer.json["status"] == ("ready" if checks["worker"] == "ok" else "degraded")


def test_metrics_are_prometheus_text_without_tenants(server: Server, prompt: dict[str, Any]) -> None:
    answer = server.ask("GET", "/metrics")
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    text = answer.body.decode()
    assert "# TYPE " in text
    assert 'status="201"' in text
    assert prompt["projectId"] not in text
    assert prompt["name"] not in text


def test_docs_are_swagger_ui_with_assets_of_its_own(server: Server) -> None:
    page = server.ask("GET", "/api/v1/docs")
    assert (page.status, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    text = page.body.decode()
    assert "swagger-ui" in text
    assets = re.findall(r"(?:src|href)=[\"']?([^\"' >]+)", text)
    assert all(asset.startswith(("/static/", "/api/v1/docs", "data:")) for asset in assets), assets
    answers = [server.ask("GET", asset) for asset in assets if asset.startswith("/")]
    assert len(answers) >= 3
    assert {answer.status for answer in answers} == {200}
    assert any(b"/api/v1/docs/openapi.yaml" in answer.body for answer in answers)


def test_the_openapi_document_names_every_route_served(server: Server) -> None:
    answer = server.ask("GET", "/api/v1/docs/openapi.yaml")
    assert answer.status == 200
    document = yaml.safe_load(answer.body)
    assert document["openapi"].startswith("3.")
    served = {
        (re.sub(r"\{[^}]*\}", "{}", path.removeprefix("/api/v1")), method)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert {(path, method) for path, methods in ROUTES.items() for method in methods} <= served


ROUTES: dict[str, list[str]] = {
    "/prompts": ["get", "post"],
    "/prompts/{}": ["get", "put", "delete"],
    "/prompts/{}/unarchive": ["post"],
    "/prompts/{}/versions": ["get", "post"],
    "/prompts/{}/versions/{}": ["get"],
    "/prompts/{}/versions/{}/usage": ["get"],
    "/prompts/{}/production": ["get"],
    "/prompts/{}/tags": ["get"],
    "/prompts/{}/tags/{}": ["get", "post", "delete"],
    "/prompts/{}/tags/{}/history": ["get"],
    "/prompts/{}/render": ["post"],
    "/prompts/{}/versions/{}/render": ["post"],
    "/api-keys": ["get", "post"],
    "/api-keys/{}": ["delete"],
    "/prompts/audit": ["get"],
}


# ----------------------------------------------------------------------------- prompts
def test_prompts_are_listed_in_pages(server: Server, prompt: dict[str, Any]) -> None:
    server.call("POST", "/prompts", {"name": f"{prompt['name']}-2", "template": "x"})
    answer = server.call("GET", "/prompts?limit=1")
    assert (answer.status, answer.json.keys(), answer.json["meta"]["limit"]) == (200, {"data", "meta"}, 1)
    cursor = quote(answer.json["meta"]["nextCursor"])
    second = server.call("GET", f"/prompts?limit=1&cursor={cursor}")
    names = [page.json["data"][0]["name"] for page in (answer, second)]
    assert names == [f"{prompt['name']}-2", prompt["name"]]
    for page in (answer, second):
        assert_is_prompt(page.json["data"][0])


def test_a_prompt_is_read_updated_and_archived(server: Server, prompt: dict[str, Any]) -> None:
    path = f"/prompts/{prompt['id']}"
    read = server.call("GET", path)
    assert (read.status, read.json["id"], read.json["description"]) == (200, prompt["id"], None)
    assert_is_prompt(read.json)
    updated = server.call("PUT", path, {"description": "D", "template": "Bye {{ name }}"})
    assert (updated.status, updated.json["description"], updated.json["latestVersion"]["number"]) == (200, "D", 2)
    assert_is_prompt(updated.json)
    archived = server.call("DELETE", path)
    assert (archived.status, archived.json["archived"]) == (200, True)
    assert_is_prompt(archived.json)
    assert_is_error(server.call("DELETE", path), 409, "ALREADY_ARCHIVED")
    assert_is_error(server.call("POST", f"{path}/render", {}), 410, "ARCHIVED")
    back = server.call("POST", f"{path}/unarchive")
    assert (back.status, back.json["archived"]) == (200, False)


def test_versions_are_listed_and_read(server: Server, prompt: dict[str, Any]) -> None:
    path = f"/prompts/{prompt['id']}/versions"
    made = server.call("POST", path, {"content": "Second"})
    assert made.status == 201
    listed = server.call("GET", path)
    assert (listed.status, listed.json.keys()) == (200, {"data", "meta"})
    assert [version["number"] for version in listed.json["data"]] == [2, 1]
    for version in listed.json["data"]:
        assert_is_version(version)
    for name in (made.json["id"], "2"):
        read = server.call("GET", f"{path}/{name}")
        assert (read.status, read.json) == (200, made.json)
    same = server.call("POST", path, {"content": "Second"})
    assert (same.status, same.json) == (200, {**made.json, "deduplicated": True})


def test_production_is_a_version(server: Server, prompt: dict[str, Any]) -> None:
    answer = server.call("GET", f"/prompts/{prompt['id']}/production")
    assert answer.status == 200
    assert_is_version(answer.json)
    assert (answer.json["tags"], answer.json["status"]) == (["production"], "active")
    server.call("DELETE", f"/prompts/{prompt['id']}/tags/production")
    assert_is_error(server.call("GET", f"/prompts/{prompt['id']}/production"), 404, "NOT_FOUND")


# ----------------------------------------------------------------------------- tags
@pytest.mark.parametrize("name", ["draft", "staging", "production"])
def test_a_tag_is_set_listed_read_and_removed(server: Server, prompt: dict[str, Any], name: str) -> None:
    path = f"/prompts/{prompt['id']}/tags"
    version = server.call("POST", f"/prompts/{prompt['id']}/versions", {"content": "Second"}).json["id"]
    made = server.call("POST", f"{path}/{name}", {"versionId": version})
    assert made.status == 200
    assert_is_tag(made.json)
    listed = server.call("GET", path)
    assert (listed.status, listed.json.keys()) == (200, {"data"})
    assert [tag["name"] for tag in listed.json["data"]] == sorted({name, "production"})
    read = server.call("GET", f"{path}/{name}")
    assert (read.status, read.json.keys()) == (200, TAG | {"version"})
    assert {**made.json, "version": read.json["version"]} == read.json
    assert read.json["version"]["id"] == version
    assert_is_version(read.json["version"])
    removed = server.call("DELETE", f"{path}/{name}")
    assert (removed.status, removed.body) == (204, b"")
    assert_is_error(server.call("DELETE", f"{path}/{name}"), 404, "NOT_FOUND")
    history = server.call("GET", f"{path}/{name}/history")
    assert (history.status, history.json["data"][0]["kind"]) == (200, "remove")


# ----------------------------------------------------------------------------- render
def test_both_render_routes_answer_alike(server: Server, prompt: dict[str, Any]) -> None:
    paths = (f"/prompts/{prompt['id']}/render", f"/prompts/{prompt['id']}/versions/1/render")
    answers = [server.call("POST", path, {"variables": {"name": "Ann", "extra": [1]}}) for path in paths]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json
    answer = answers[0].json
    assert answer.keys() == RENDERING
    assert (answer["rendered"], answer["version"], answer["unusedVariables"]) == ("Hello Ann", 1, ["extra"])
    assert answer["versionId"] == prompt["latestVersion"]["id"]
    assert type(answer["tokenCount"]) is int
    assert answer["metadata"] == {}


# ----------------------------------------------------------------------------- what clients rely on
def test_a_chunked_body_is_read_like_others(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    pieces = [b'{"name": "chunk', b'ed", "template": "x"}']
    connection.request("POST", "/api/v1/prompts", iter(pieces), headers, encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["name"]) == (201, "chunked")
    connection.close()


@pytest.mark.parametrize("authorization", [None, "Bearer pvc_your-api-key", "Basic cHZjOg==", "Bearer", "pvc_x"])
@pytest.mark.parametrize(
    ("method", "path"),
    [(method.upper(), path.replace("{}", NOBODYS)) for path, methods in ROUTES.items() for method in methods],
)
def test_every_route_takes_a_key(server: Server, method: str, path: str, authorization: str | None) -> None:
    headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
    number = path.replace(f"versions/{NOBODYS}/render", "versions/1/render")
    answer = server.ask(method, f"/api/v1{number}", "{}" if method in ("POST", "PUT") else None, headers)
    assert_is_error(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/prompts/", 404, "NOT_FOUND"),
        ("POST", "/prompts/", 404, "NOT_FOUND"),
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("PATCH", "/prompts", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/prompts", 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS", "/prompts", 405, "METHOD_NOT_ALLOWED"),
        ("POST", f"/prompts/{NOBODYS}", 405, "METHOD_NOT_ALLOWED"),
        ("GET", f"/prompts/{NOBODYS}/render", 405, "METHOD_NOT_ALLOWED"),
        ("GET", f"/prompts/{NOBODYS}", 404, "NOT_FOUND"),
        ("GET", "/prompts/12345", 404, "NOT_FOUND"),
        ("GET", "/prompts?limit=0", 400, "VALIDATION_ERROR"),
        ("GET", "/prompts?cursor=x", 400, "INVALID_CURSOR"),
    ],
)
def test_a_refusal_has_one_shape_and_no_redirect(
    server: Server, method: str, path: str, status: int, code: str
) -> None:
    answer = server.call(method, path)
    assert_is_error(answer, status, code)
    assert "location" not in answer.headers


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', '{"name": "a", "name": "b", "template": "x"}', '{"name": 1}'])
def test_a_body_that_cannot_be_taken_says_why(server: Server, body: str) -> None:
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    answer = server.ask("POST", "/api/v1/prompts", body, headers)
    assert answer.json["error"]["code"] in ("VALIDATION_ERROR", "INVALID_JSON")
    assert_is_error(answer, 400, answer.json["error"]["code"])


def test_a_form_is_no_body(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-www-form-urlencoded"}
    assert_is_error(server.ask("POST", "/api/v1/prompts", "name=x", headers), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_the_key_says_which_tenant_and_nothing_else_does(
    server: Server, prompt: dict[str, Any], django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock(), databases.committing():
        slug = Tenant.objects.get(pk=prompt["projectId"]).slug
        stranger = factories.client_of(factories.make_actor(factories.make_tenant())).key
    path = f"/api/v1/prompts/{prompt['id']}"
    for tenant, status in ((slug, 200), (prompt["projectId"], 200), ("another", 403)):
        headers = {"Authorization": f"Bearer {server.key}", "X-Tenant-Id": tenant}
        assert server.ask("GET", path, headers=headers).status == status
    assert_is_error(server.ask("GET", path, headers={"Authorization": f"Bearer {stranger}"}), 404, "NOT_FOUND")
