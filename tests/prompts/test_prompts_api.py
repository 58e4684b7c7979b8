"""/prompts over HTTP: names and references, what a PUT changes, the archive, search, filters, pages."""

from typing import Any
from urllib.parse import quote

import pytest

from audit.models import AuditEntry, OutboxEvent
from prompts.actions import namespaces
from prompts.models import Namespace, Prompt, PromptVersion
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, error_of, json_of

RESERVED = ("namespaces", "templates", "versions", "resolve", "render", "pending-approvals", "audit")
HYPHENATED = "0190f5fe-7c00-7a00-8000-0123456789ab"


def make(client: Client, name: str = "support", **fields: Any) -> dict[str, Any]:
    """A prompt made over HTTP, as the answer shows it."""
    response = client.post("/prompts", {"name": name, "template": "Help with: {{ issue }}", **fields})
    assert response.status_code == 201, response.content
    prompt: dict[str, Any] = json_of(response)
    return prompt


def names_in(client: Client, query: str) -> list[str]:
    """The names on a list's first page, in its order."""
    response = client.get(f"/prompts?{query}")
    assert response.status_code == 200, response.content
    return [prompt["name"] for prompt in json_of(response)["data"]]


def verbs_of(tenant: Tenant) -> list[str]:
    return list(AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq").values_list("verb", flat=True))


# ----------------------------------------------------------------------------- names
@pytest.mark.parametrize("name", ["a", "0", "12345", "-", "-a-", "customer-support", "default", "x" * 100])
def test_a_plain_name_is_taken_and_found_again(as_admin: Client, name: str) -> None:
    prompt = make(as_admin, name)
    found = as_admin.get(f"/prompts/{name}")
    assert (found.status_code, json_of(found)) == (200, prompt)


@pytest.mark.parametrize(
    "name",
    [
        *("", "A", "Support", "a_b", "_a", "a.b", "a:b", "a/b", "a b", " a", "a ", "a\n", "ä", "٣", "x" * 101),
        *RESERVED,
        HYPHENATED,
        HYPHENATED.replace("-", ""),
        *(None, 5, True, ["a"], {"a": 1}),
    ],
    ids=repr,
)
def test_a_name_that_is_none_is_refused(as_admin: Client, name: Any) -> None:
    response = as_admin.post("/prompts", {"name": name, "template": "x"})
    error = error_of(response)
    assert (response.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert set(error["details"]["fields"]) == {"name"}
    assert names_in(as_admin, "archived=all") == []


def test_a_name_is_taken_once_in_a_namespace_and_stays_taken_when_archived(as_admin: Client, acme: Tenant) -> None:
    make(as_admin)
    before = verbs_of(acme)
    present = as_admin.post("/prompts", {"name": "support", "template": "other"})
    as_admin.delete("/prompts/support")
    archived = as_admin.post("/prompts", {"name": "support", "template": "other"})
    for response in (present, archived):
        error = error_of(response)
        assert (response.status_code, error["code"]) == (409, "CONFLICT")
        assert "already exists" in error["message"]
    assert verbs_of(acme) == [*before, "prompt.archived"]
    assert PromptVersion.objects.filter(tenant=acme).count() == 1


def test_the_same_name_in_another_namespace_or_tenant_is_free(as_admin: Client, as_eve: Client, admin: Actor) -> None:
    namespaces.create_namespace("agents", name="Agents", by=admin)
    made = [make(as_admin), make(as_admin, namespace="agents"), make(as_eve)]
    assert [prompt["namespace"] for prompt in made] == ["default", "agents", "default"]
    assert len({prompt["id"] for prompt in made}) == 3
    assert len({prompt["projectId"] for prompt in made}) == 2


def test_a_prompt_is_made_in_a_namespace_that_exists_for_its_tenant(as_eve: Client, admin: Actor) -> None:
    namespaces.create_namespace("agents", name="Agents", by=admin)
    response = as_eve.post("/prompts", {"name": "support", "template": "x", "namespace": "agents"})
    assert response.status_code == 400
    assert set(error_of(response)["details"]["fields"]) == {"namespace"}


# ----------------------------------------------------------------------------- what is made
def test_a_new_prompt_shows_every_field_and_its_first_version(as_admin: Client, acme: Tenant) -> None:
    prompt = make(as_admin)
    version = prompt.pop("latestVersion")
    assert version.keys() == {"id", "number", "status", "createdAt"}
    assert (version["number"], version["status"]) == (1, "retired")
    created, updated, id_ = prompt.pop("createdAt"), prompt.pop("updatedAt"), prompt.pop("id")
    assert created <= updated
    assert not id_.isdigit()
    assert prompt == {
        "projectId": str(acme.pk),
        "namespace": "default",
        "name": "support",
        "type": "text",
        "description": None,
        "template": "Help with: {{ issue }}",
        "variables": {},
        "config": {},
        "metadata": {},
        "archived": False,
    }


def test_what_is_sent_is_what_is_shown(as_admin: Client) -> None:
    fields: dict[str, Any] = {
        "template": "  Zeile 1\r\n\tUmlaut ä, e\u0301, 😀, a\u200bb\n\n",
        "description": " D ",
        "variables": {"issue": {"type": "string", "required": True, "enum": ["a", "b"], "description": "What."}},
        "config": {"model": "m", "temperature": 0.7, "stop": [None, True, 1, {"a": []}]},
        "metadata": {"team": "Café", "n": 9007199254740991, "small": 5e-324, "large": 1e300},
    }
    prompt = make(as_admin, **fields)
    assert {name: prompt[name] for name in fields} == fields
    assert json_of(as_admin.get("/prompts/support")) == prompt


def test_null_stands_for_an_optional_field_left_out(as_admin: Client) -> None:
    prompt = make(as_admin, description=None, variables=None, config=None, metadata=None)
    assert (prompt["description"], prompt["variables"], prompt["config"], prompt["metadata"]) == (None, {}, {}, {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("template", None),
        ("template", ""),
        ("template", "x" * 100_001),
        ("template", 5),
        ("template", ["x"]),
        ("description", "x" * 501),
        ("description", 5),
        ("variables", []),
        ("variables", {"1a": 1}),
        ("config", "x"),
        ("metadata", [1]),
        ("type", "image"),
        ("type", 1),
        ("namespace", "nowhere"),
        ("content", "x"),
        ("id", HYPHENATED),
    ],
)
def test_a_field_that_cannot_be_taken_is_named(as_admin: Client, field: str, value: Any) -> None:
    response = as_admin.post("/prompts", {"name": "support", "template": "x", field: value})
    assert response.status_code == 400
    assert any(path.startswith(field) for path in error_of(response)["details"]["fields"])
    assert as_admin.get("/prompts/support").status_code == 404


def test_the_longest_text_and_description_are_taken(as_admin: Client) -> None:
    prompt = make(as_admin, template="ä" * 100_000, description="ä" * 500)
    assert (len(prompt["template"]), len(prompt["description"])) == (100_000, 500)


def test_a_text_outside_of_the_template_subset_makes_nothing(as_admin: Client, acme: Tenant) -> None:
    before = verbs_of(acme)
    response = as_admin.post("/prompts", {"name": "support", "template": "{% include 'x' %}"})
    assert (response.status_code, error_of(response)["code"]) == (422, "INVALID_TEMPLATE")
    assert not Prompt.objects.filter(tenant=acme).exists()
    assert verbs_of(acme) == before


def test_making_a_prompt_is_written_down_and_announced_in_order(as_admin: Client, acme: Tenant) -> None:
    response = as_admin.post("/prompts", {"name": "support", "template": "x"})
    assert verbs_of(acme)[-2:] == ["prompt.created", "version.created"]
    last = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (response["X-Audit-Seq"], response["X-Audit-Hash"]) == (str(last.seq), bytes(last.entry_hash).hex())
    events = OutboxEvent.objects.filter(prompt_id=json_of(response)["id"]).order_by("sequence")
    assert list(events.values_list("sequence", "type")) == [(1, "prompt.created"), (2, "version.created")]


# ----------------------------------------------------------------------------- references
def test_a_prompt_answers_to_its_id_and_to_its_name(as_admin: Client) -> None:
    prompt = make(as_admin)
    for ref in (prompt["id"], prompt["id"].upper(), "support", "default:support", "default%3Asupport"):
        assert json_of(as_admin.get(f"/prompts/{ref}")) == prompt


def test_a_bare_name_means_the_namespace_default(as_admin: Client, admin: Actor) -> None:
    namespaces.create_namespace("agents", name="Agents", by=admin)
    inside = make(as_admin, namespace="agents")
    assert as_admin.get("/prompts/support").status_code == 404
    assert json_of(as_admin.get("/prompts/agents:support")) == inside
    assert json_of(as_admin.get("/prompts/agents%3asupport")) == inside
    assert make(as_admin)["id"] == json_of(as_admin.get("/prompts/support"))["id"] != inside["id"]


@pytest.mark.parametrize(
    "ref", ["nothing", "nowhere:support", "default:default:support", ":support", "support:", "Support", "%00"]
)
def test_a_reference_to_nothing_is_not_found(as_admin: Client, ref: str) -> None:
    make(as_admin)
    response = as_admin.get(f"/prompts/{ref}")
    assert (response.status_code, error_of(response)["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {"description": "mine"}),
        ("DELETE", "", None),
        ("POST", "/unarchive", None),
        ("GET", "/versions", None),
        ("POST", "/versions", {"content": "mine"}),
        ("GET", "/versions/1", None),
        ("GET", "/versions/1/usage", None),
        ("GET", "/production", None),
        ("GET", "/tags", None),
        ("GET", "/tags/production", None),
        ("GET", "/tags/production/history", None),
        ("POST", "/tags/production", {"versionId": HYPHENATED}),
        ("DELETE", "/tags/production", None),
        ("POST", "/render", {}),
        ("POST", "/versions/1/render", {}),
    ],
)
def test_another_tenants_prompt_answers_exactly_like_none(
    as_admin: Client, as_eve: Client, method: str, path: str, body: Any
) -> None:
    prompt = make(as_admin)
    foreign = as_eve(method, f"/prompts/{prompt['id']}{path}", body)
    none = as_eve(method, f"/prompts/{HYPHENATED}{path}", body)
    assert (foreign.status_code, error_of(foreign)) == (404, error_of(none))
    assert json_of(as_admin.get("/prompts/support")) == prompt


# ----------------------------------------------------------------------------- PUT
@pytest.mark.parametrize("field", ["template", "variables", "config"])
def test_a_changed_text_schema_or_config_makes_the_next_version(as_admin: Client, field: str) -> None:
    value = {"template": "New {{ issue }}", "variables": {"issue": {"default": "x"}}, "config": {"model": "m"}}[field]
    before = make(as_admin)
    response = as_admin.put("/prompts/support", {field: value})
    after = json_of(response)
    assert (response.status_code, after["latestVersion"]["number"]) == (200, 2)
    assert {**before, field: value} == {
        **after,
        "updatedAt": before["updatedAt"],
        "latestVersion": before["latestVersion"],
    }
    first, second = (json_of(as_admin.get(f"/prompts/support/versions/{number}")) for number in (1, 2))
    assert (first[field], second[field]) == (before[field], value)
    assert after["updatedAt"] > before["updatedAt"]


def test_a_content_sealed_before_makes_no_version_and_is_shown_again(as_admin: Client, acme: Tenant) -> None:
    first = make(as_admin, config={"a": 1, "b": [1.0]}, variables={"issue": "none"})
    as_admin.put("/prompts/support", {"template": "Second"})
    back = as_admin.put("/prompts/support", {"template": first["template"], "config": {"b": [1], "a": 1.0}})
    assert (back.status_code, json_of(back)["template"]) == (200, first["template"])
    assert json_of(back)["variables"] == {"issue": {"default": "none"}}
    assert json_of(back)["latestVersion"]["number"] == 2
    assert json_of(as_admin.get("/prompts/support"))["template"] == first["template"]
    assert PromptVersion.objects.filter(tenant=acme).count() == 2
    assert verbs_of(acme)[-1] == "prompt.updated"


def test_a_version_added_beside_the_prompt_is_not_what_the_prompt_shows(as_admin: Client) -> None:
    prompt = make(as_admin)
    as_admin.post("/prompts/support/versions", {"content": "Beside"})
    shown = json_of(as_admin.get("/prompts/support"))
    assert (shown["template"], shown["latestVersion"]["number"]) == (prompt["template"], 2)
    taken_up = json_of(as_admin.put("/prompts/support", {"template": "Beside"}))
    assert (taken_up["template"], taken_up["latestVersion"]["number"]) == ("Beside", 2)


def test_a_put_without_a_change_changes_and_records_nothing(as_admin: Client, acme: Tenant) -> None:
    prompt = make(as_admin, description="D", metadata={"a": 1}, variables={"issue": 1})
    before = verbs_of(acme)
    for body in ({}, None, prompt, {"template": prompt["template"], "variables": {"issue": 1}}):
        response = as_admin.put("/prompts/support", body)
        assert (response.status_code, json_of(response)) == (200, prompt)
        assert "X-Audit-Seq" not in response
    assert verbs_of(acme) == before


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"description": "D2"}, ["description"]),
        ({"metadata": {"a": 2}}, ["metadata"]),
        ({"metadata": {"a": True}}, ["metadata"]),
        ({"metadata": {"a": 1, "b": None}}, ["metadata"]),
        ({"description": None}, ["description"]),
        ({"description": "D2", "metadata": None}, ["description", "metadata"]),
    ],
    ids=str,
)
def test_description_and_metadata_change_without_a_version(
    as_admin: Client, acme: Tenant, changes: dict[str, Any], changed: list[str]
) -> None:
    before = make(as_admin, description="D", metadata={"a": 1})
    response = as_admin.put("/prompts/support", changes)
    after = json_of(as_admin.get("/prompts/support"))
    shown = {name: {} if value is None and name == "metadata" else value for name, value in changes.items()}
    assert repr(after) == repr({**before, **shown, "updatedAt": after["updatedAt"]})
    assert after["updatedAt"] > before["updatedAt"]
    entry = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (entry.verb, entry.data) == ("prompt.updated", {"changed": changed})
    assert response["X-Audit-Seq"] == str(entry.seq)


def test_null_clears_the_schema_and_the_config(as_admin: Client) -> None:
    make(as_admin, variables={"issue": 1}, config={"a": 1})
    cleared = json_of(as_admin.put("/prompts/support", {"variables": None, "config": None}))
    assert (cleared["variables"], cleared["config"], cleared["latestVersion"]["number"]) == ({}, {}, 2)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("id", HYPHENATED),
        ("projectId", HYPHENATED),
        ("name", "billing"),
        ("namespace", "agents"),
        ("type", "chat"),
        ("archived", True),
        ("createdAt", "2020-01-01T00:00:00.000Z"),
        ("updatedAt", None),
        ("latestVersion", None),
    ],
)
def test_what_is_fixed_is_taken_as_it_is_and_refused_otherwise(as_admin: Client, field: str, other: Any) -> None:
    prompt = make(as_admin)
    assert as_admin.put("/prompts/support", {field: prompt[field]}).status_code == 200
    response = as_admin.put("/prompts/support", {field: other, "description": "changed"})
    assert (response.status_code, error_of(response)["code"]) == (400, "IMMUTABLE_FIELD")
    assert field in error_of(response)["message"]
    assert json_of(as_admin.get("/prompts/support")) == prompt


@pytest.mark.parametrize(
    "body",
    [
        *({"colour": "red"}, {"content": "x"}, {"template": None}, {"template": ""}, {"template": [{"role": "user"}]}),
        *({"description": "x" * 501}, {"metadata": "x"}, {"variables": {"a": {"kind": 1}}}, [], "x", 5),
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_put_that_cannot_be_taken_changes_nothing(as_admin: Client, body: Any) -> None:
    prompt = make(as_admin)
    response = as_admin.put("/prompts/support", body)
    assert (response.status_code, error_of(response)["code"]) == (400, "VALIDATION_ERROR")
    assert json_of(as_admin.get("/prompts/support")) == prompt


def test_a_put_is_all_or_nothing(as_admin: Client) -> None:
    prompt = make(as_admin)
    response = as_admin.put("/prompts/support", {"template": "{% if %}", "description": "changed"})
    assert (response.status_code, error_of(response)["code"]) == (422, "INVALID_TEMPLATE")
    assert json_of(as_admin.get("/prompts/support")) == prompt


def test_a_stale_revision_is_refused_wherever_it_is_sent(as_admin: Client) -> None:
    make(as_admin)
    stale = as_admin.get("/prompts/support")["ETag"]
    fresh = as_admin.put("/prompts/support", {"description": "D"}, If_Match=f"W/{stale}")
    assert (fresh.status_code, fresh["ETag"] != stale) == (200, True)
    for method, path, body in (
        ("PUT", "/prompts/support", {"description": "E"}),
        ("DELETE", "/prompts/support", None),
        ("POST", "/prompts/support/versions", {"content": "E"}),
    ):
        response = as_admin(method, path, body, If_Match=stale)
        assert (response.status_code, error_of(response)["code"]) == (412, "PRECONDITION_FAILED")
    assert json_of(as_admin.get("/prompts/support")) == json_of(fresh)
    assert as_admin.delete("/prompts/support", If_Match=f'"0", {fresh["ETag"]}').status_code == 200
    assert as_admin.post("/prompts/support/unarchive", If_Match=fresh["ETag"]).status_code == 412
    assert as_admin.post("/prompts/support/unarchive", If_Match="*").status_code == 200


# ----------------------------------------------------------------------------- the archive
def test_an_archived_prompt_is_readable_and_takes_nothing(as_admin: Client) -> None:
    prompt = make(as_admin)
    version = prompt["latestVersion"]["id"]
    as_admin.post("/prompts/support/tags/production", {"versionId": version})
    archived = as_admin.delete("/prompts/support")
    assert (archived.status_code, json_of(archived)["archived"]) == (200, True)
    for path in ("", "/versions", "/versions/1", "/tags", "/tags/production", "/tags/production/history"):
        assert as_admin.get(f"/prompts/support{path}").status_code == 200
    for method, path, body in (
        ("PUT", "", {"description": "D"}),
        ("PUT", "", {"template": "T"}),
        ("PUT", "", {}),
        ("POST", "/versions", {"content": "C"}),
        ("POST", "/versions", {"content": prompt["template"]}),
        ("POST", "/tags/staging", {"versionId": version}),
        ("POST", "/tags/production", {"versionId": version}),
        ("DELETE", "/tags/production", None),
        ("POST", "/render", {}),
        ("POST", "/versions/1/render", {}),
    ):
        response = as_admin(method, f"/prompts/support{path}", body)
        assert (method, path, response.status_code, error_of(response)["code"]) == (method, path, 410, "ARCHIVED")


def test_to_archive_takes_the_right_that_what_is_served_asks_for(as_admin: Client, acme: Tenant) -> None:
    admin = acme.users.get(username="admin")
    keys = [factories.make_key(admin, [scope]).text for scope in ("prompts:write", "prompts:promote")]
    writing, promoting = map(Client, keys)
    version = json_of(as_admin.post("/prompts", {"name": "served", "template": "x"}))["latestVersion"]["id"]
    as_admin.post("/prompts/served/tags/production", {"versionId": version})
    as_admin.post("/prompts", {"name": "idle", "template": "x"})
    refused = [writing.delete("/prompts/served"), promoting.delete("/prompts/idle")]
    assert [(answer.status_code, error_of(answer)["details"]["scope"]) for answer in refused] == [
        (403, "prompts:promote"),
        (403, "prompts:write"),
    ]
    assert writing.delete("/prompts/idle").status_code == 200


def test_a_prompt_is_archived_once_and_comes_back_with_its_tags(as_admin: Client, acme: Tenant) -> None:
    prompt = make(as_admin)
    as_admin.post("/prompts/support/tags/production", {"versionId": prompt["latestVersion"]["id"]})
    as_admin.delete("/prompts/support")
    again = as_admin.delete("/prompts/support")
    assert (again.status_code, error_of(again)["code"]) == (409, "ALREADY_ARCHIVED")
    back = as_admin.post("/prompts/support/unarchive")
    assert (back.status_code, json_of(back)["archived"]) == (200, False)
    assert as_admin.post("/prompts/support/render").status_code == 200
    not_archived = as_admin.post("/prompts/support/unarchive")
    assert (not_archived.status_code, error_of(not_archived)["code"]) == (409, "NOT_ARCHIVED")
    archive_verbs = [verb for verb in verbs_of(acme) if "archived" in verb]
    assert archive_verbs == ["prompt.archived", "prompt.archived.denied", "prompt.unarchived"]


def test_archiving_and_bringing_back_change_what_is_served(as_admin: Client, acme: Tenant) -> None:
    make(as_admin)
    for method, path in (("DELETE", "/prompts/support"), ("POST", "/prompts/support/unarchive")):
        before = acme.generation
        as_admin(method, path)
        acme.refresh_from_db()
        assert acme.generation > before


def test_archiving_what_is_served_takes_the_right_to_promote(
    as_alice: Client, as_bob: Client, alice: Actor, acme: Tenant
) -> None:
    prompt = make(as_alice)
    as_bob.post("/prompts/support/tags/production", {"versionId": prompt["latestVersion"]["id"]})
    refused = as_alice.delete("/prompts/support")
    assert (refused.status_code, error_of(refused)["code"]) == (403, "FORBIDDEN")
    assert "prompts:promote" in error_of(refused)["message"]
    entry = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (entry.verb, entry.actor) == ("prompt.archived.denied", "alice")
    assert refused["X-Audit-Seq"] == str(entry.seq)
    as_bob.delete("/prompts/support/tags/production")
    assert as_alice.delete("/prompts/support").status_code == 200
    reader = Client(factories.make_key(alice.author, ["prompts:read"]).text)
    assert reader.delete("/prompts/support").status_code == 403
    assert reader.post("/prompts/support/unarchive").status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/prompts", "prompts:read"),
        ("GET", "/prompts/support", "prompts:read"),
        ("GET", "/prompts/support/versions/1/usage", "prompts:read"),
        ("POST", "/prompts/support/render", "prompts:read"),
        ("POST", "/prompts", "prompts:write"),
        ("PUT", "/prompts/support", "prompts:write"),
        ("POST", "/prompts/support/unarchive", "prompts:write"),
        ("POST", "/prompts/support/versions", "prompts:write"),
        ("POST", "/prompts/support/tags/staging", "prompts:write"),
        ("DELETE", "/prompts/support/tags/staging", "prompts:write"),
        ("POST", "/prompts/support/tags/production", "prompts:promote"),
        ("DELETE", "/prompts/support/tags/production", "prompts:promote"),
    ],
)
def test_each_route_asks_for_its_scope(as_admin: Client, admin: Actor, method: str, path: str, scope: str) -> None:
    make(as_admin)
    every = ["prompts:read", "prompts:write", "prompts:promote", "prompts:approve", "audit:read", "webhooks:write"]
    without = Client(factories.make_key(admin.author, [each for each in every if each != scope]).text)
    refused = without(method, path, {})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "FORBIDDEN")
    assert scope in error_of(refused)["message"]
    assert Client(factories.make_key(admin.author, [scope]).text)(method, path, {}).status_code != 403


# ----------------------------------------------------------------------------- search and filters
@pytest.fixture
def shelf(as_admin: Client) -> Client:
    """A list in which each thing to look for stands in one or two prompts."""
    make(as_admin, "billing-help", description="Answers about invoices")
    make(as_admin, "refunds", description="For BILLING questions; 100% polite")
    make(as_admin, "snake", description="uses snake_case")
    make(as_admin, "path", description="C:\\prompts")
    make(as_admin, "coffee", description="Un café à Straßburg")
    make(as_admin, "plain")
    return as_admin


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("billing", {"billing-help", "refunds"}),
        ("BiLLing", {"billing-help", "refunds"}),
        ("g-h", {"billing-help"}),
        ("INVOICES", {"billing-help"}),
        ("%", {"refunds"}),
        ("100%", {"refunds"}),
        ("0%p", set()),
        ("_", {"snake"}),
        ("snake_case", {"snake"}),
        ("pl_in", set()),
        ("\\", {"path"}),
        ("C:\\P", {"path"}),
        ("\\\\", set()),
        ("café", {"coffee"}),
        ("CAFÉ", {"coffee"}),
        ("Straß", {"coffee"}),
        ("issue", set()),
        ("'; DROP TABLE prompts_prompt; --", set()),
    ],
)
def test_search_finds_part_of_a_name_or_description_in_any_case(shelf: Client, search: str, found: set[str]) -> None:
    assert set(names_in(shelf, f"search={quote(search)}")) == found


def test_an_empty_search_filters_nothing(shelf: Client) -> None:
    assert len(names_in(shelf, "search=")) == 6


def test_the_archive_is_listed_when_asked_for(shelf: Client) -> None:
    shelf.delete("/prompts/plain")
    assert "plain" not in names_in(shelf, "")
    assert "plain" not in names_in(shelf, "archived=false")
    assert names_in(shelf, "archived=true") == ["plain"]
    assert len(names_in(shelf, "archived=all")) == 6
    refused = shelf.get("/prompts?archived=maybe")
    assert (refused.status_code, set(error_of(refused)["details"]["fields"])) == (400, {"archived"})


def test_filters_by_namespace_and_tag_hold_together(shelf: Client, admin: Actor) -> None:
    namespaces.create_namespace("agents", name="Agents", required_approvals=0, by=admin)
    for namespace, name in (("agents", "billing-agent"), ("agents", "router"), ("default", "billing-two")):
        prompt = make(shelf, name, namespace=namespace)
        if name != "router":
            target = {"versionId": prompt["latestVersion"]["id"]}
            assert shelf.post(f"/prompts/{prompt['id']}/tags/production", target).status_code == 200
    assert names_in(shelf, "namespace=agents") == ["router", "billing-agent"]
    assert names_in(shelf, "namespace=nowhere") == []
    assert names_in(shelf, "tag=production") == ["billing-two", "billing-agent"]
    assert names_in(shelf, "tag=staging") == []
    assert names_in(shelf, "tag=production&namespace=agents&search=BILLING") == ["billing-agent"]


def test_nothing_of_another_tenant_is_ever_listed(shelf: Client, as_eve: Client) -> None:
    mine = make(as_eve, "hers")
    for query in ("", "archived=all", "search=e", "namespace=default", "limit=100"):
        assert names_in(as_eve, query) == [mine["name"]]


# ----------------------------------------------------------------------------- pages
def test_pages_are_complete_and_without_overlap_while_others_insert(as_admin: Client, admin: Actor) -> None:
    default = Namespace.objects.get(tenant=admin.tenant, slug="default")
    there = [factories.make_prompt(default, slug=f"p{number}", by=admin).slug for number in range(17)]
    seen: list[str] = []
    query, pages = "limit=5", 0
    while True:
        body = json_of(as_admin.get(f"/prompts?{query}"))
        assert body.keys() == {"data", "meta"}
        assert body["meta"]["limit"] == 5
        seen += [prompt["name"] for prompt in body["data"]]
        pages += 1
        factories.make_prompt(default, slug=f"late{pages}", by=admin)
        if "nextCursor" not in body["meta"]:
            break
        query = f"limit=5&cursor={quote(body['meta']['nextCursor'])}"
    assert seen == list(reversed(there))
    assert pages == 4


def test_a_page_that_is_just_full_is_the_last(as_admin: Client) -> None:
    for name in ("a", "b"):
        make(as_admin, name)
    assert json_of(as_admin.get("/prompts?limit=2"))["meta"] == {"limit": 2}
    assert json_of(as_admin.get("/prompts"))["meta"] == {"limit": 20}
    assert "nextCursor" in json_of(as_admin.get("/prompts?limit=1"))["meta"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "x", "", "1e1", "٣", "+5"])
def test_a_limit_outside_of_1_to_100_is_refused(as_admin: Client, limit: str) -> None:
    refused = as_admin.get(f"/prompts?limit={quote(limit)}")
    assert (refused.status_code, set(error_of(refused)["details"]["fields"])) == (400, {"limit"})


def test_a_cursor_fits_one_list_of_one_tenant_only(as_admin: Client, as_eve: Client) -> None:
    for name in ("a", "b", "c"):
        make(as_admin, name)
        make(as_eve, name)
    cursor = quote(json_of(as_admin.get("/prompts?limit=1"))["meta"]["nextCursor"])
    assert names_in(as_admin, f"limit=2&cursor={cursor}") == ["b", "a"]
    swapped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for client, path in (
        (as_eve, f"/prompts?cursor={cursor}"),
        (as_admin, f"/prompts?cursor={cursor}&search=a"),
        (as_admin, f"/prompts?cursor={cursor}&archived=all"),
        (as_admin, f"/prompts/a/versions?cursor={cursor}"),
        (as_admin, f"/prompts?cursor={swapped}"),
        (as_admin, "/prompts?cursor=x"),
        (as_admin, f"/prompts?cursor={HYPHENATED}"),
    ):
        response = client.get(path)
        assert (path, response.status_code, error_of(response)["code"]) == (path, 400, "INVALID_CURSOR")
