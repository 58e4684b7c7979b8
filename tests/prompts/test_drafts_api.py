"""Templates and drafts over HTTP: opened, saved, seen, promoted and thrown away."""

from typing import Any

import pytest

from audit.models import AuditEntry
from prompts.models import Namespace, Prompt, PromptVersion
from tenants import actions
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, client_of, error_of, json_of

BODY = "You are a {{ agent_role }} agent..."


def template(client: Client, slug: str = "support", **fields: Any) -> dict[str, Any]:
    body = {"namespace": "default", "slug": slug, "name": "Support", **fields}
    made = client.post("/prompts/templates", body)
    assert made.status_code == 201, made.content
    return dict(json_of(made))


def open_draft(client: Client, template_id: str, body: Any = BODY, **fields: Any) -> dict[str, Any]:
    made = client.post(f"/prompts/templates/{template_id}/versions", {"body": body, **fields})
    assert made.status_code == 201, made.content
    return dict(json_of(made))


def code_of(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.content
    return str(json_of(answer)["error"]["code"])


# ----------------------------------------------------------------------------- templates
def test_a_template_is_made_without_a_text(as_alice: Client) -> None:
    made = template(as_alice, description="Answers", variables_expected=["issue"])
    assert made["id"]
    assert {name: value for name, value in made.items() if name not in ("id", "created_at", "updated_at")} == {
        "namespace": "default",
        "slug": "support",
        "name": "Support",
        "type": "text",
        "description": "Answers",
        "variables_expected": ["issue"],
        "tier": None,
        "active_version": None,
        "pre_prod_version": None,
        "archived": False,
    }


def test_a_template_is_the_prompt_of_the_registry(as_alice: Client) -> None:
    made = template(as_alice)
    shown = json_of(as_alice.get("/prompts/support"))
    assert (shown["id"], shown["name"], shown["latestVersion"]) == (made["id"], "support", None)
    assert (shown["template"], shown["variables"], shown["config"]) == (None, None, None)
    assert as_alice.get("/prompts/support/versions/1").status_code == 404
    written = json_of(as_alice.put("/prompts/support", {"template": "Now it has one."}))
    assert (written["template"], written["latestVersion"]["number"]) == ("Now it has one.", 1)


def test_without_a_text_there_is_nothing_that_variables_could_go_with(as_alice: Client) -> None:
    template(as_alice)
    refused = as_alice.put("/prompts/support", {"variables": {"a": 1}})
    assert code_of(refused, 400) == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"slug": "Support"}, "slug"),
        ({"slug": "_a"}, "slug"),
        ({"slug": "versions"}, "slug"),
        ({"slug": "01a201b2-17a3-7525-809c-887b5f26ad41"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"name": ""}, "name"),
        ({"namespace": "nowhere"}, "namespace"),
        ({"type": "image"}, "type"),
        ({"tier": "gold"}, "tier"),
        ({"variables_expected": ["ok", "1a"]}, "variables_expected[1]"),
        ({"variables_expected": "issue"}, "variables_expected"),
        ({"body": "no text here"}, "body"),
    ],
    ids=str,
)
def test_what_cannot_be_a_template_is_refused_by_field(as_alice: Client, fields: dict[str, Any], field: str) -> None:
    body = {"namespace": "default", "slug": "support", "name": "Support", **fields}
    refused = as_alice.post("/prompts/templates", body)
    assert code_of(refused, 400) == "VALIDATION_ERROR"
    assert list(error_of(refused)["details"]["fields"]) == [field]
    assert not Prompt.objects.exists()


def test_the_slug_may_begin_and_go_on_as_the_lifecycle_surface_takes_it(as_alice: Client) -> None:
    assert template(as_alice, "rule_37_system_prompt")["slug"] == "rule_37_system_prompt"
    assert code_of(as_alice.post("/prompts", {"name": "rule_37", "template": "a"}), 400) == "VALIDATION_ERROR"


def test_what_a_template_says_of_itself_changes(as_alice: Client) -> None:
    made = template(as_alice, description="d")
    path = f"/prompts/templates/{made['id']}"
    changed = json_of(as_alice.put(path, {"name": "Help", "variables_expected": ["b", "a", "b"]}))
    assert (changed["name"], changed["variables_expected"], changed["description"]) == ("Help", ["b", "a"], "d")
    cleared = json_of(as_alice.put(path, {"description": None, "variables_expected": None}))
    assert (cleared["description"], cleared["variables_expected"]) == ("", [])
    assert as_alice.put(path, cleared).status_code == 200
    assert code_of(as_alice.put(path, {"slug": "other"}), 400) == "IMMUTABLE_FIELD"
    assert code_of(as_alice.put(path, {"name": "x"}, If_Match='"1"'), 412) == "PRECONDITION_FAILED"


def test_templates_are_listed_newest_first_and_by_namespace(as_alice: Client, as_admin: Client) -> None:
    as_admin.post("/prompts/namespaces", {"slug": "agents", "name": "Agents"})
    template(as_alice, "one")
    template(as_alice, "two", namespace="agents")
    archived = template(as_alice, "three")
    assert as_alice.delete(f"/prompts/templates/{archived['id']}").status_code == 200
    slugs = {
        query: [each["slug"] for each in json_of(as_alice.get(f"/prompts/templates{query}"))["data"]]
        for query in ("", "?namespace=agents", "?archived=all", "?archived=true", "?search=TW", "?limit=1")
    }
    assert slugs == {
        "": ["two", "one"],
        "?namespace=agents": ["two"],
        "?archived=all": ["three", "two", "one"],
        "?archived=true": ["three"],
        "?search=TW": ["two"],
        "?limit=1": ["two"],
    }
    assert json_of(as_alice.get("/prompts/templates?limit=1"))["meta"]["next_cursor"]


# ----------------------------------------------------------------------------- opened
def test_a_draft_is_opened_as_the_document_says(as_alice: Client) -> None:
    made = template(as_alice)
    draft = open_draft(as_alice, made["id"], change_note="Add agent_role variable")
    assert (draft["version_number"], draft["status"], draft["body"]) == (1, "draft", BODY)
    assert (draft["author_id"], draft["contributors"], draft["sealed_at"]) == ("alice", ["alice"], None)
    assert draft["change_note"] == "Add agent_role variable"
    result = draft["validation_result"]
    assert result["token_estimate"] == draft["rendered_token_estimate"] > 0
    assert {name: value for name, value in result.items() if name != "token_estimate"} == {
        "valid": True,
        "syntax_ok": True,
        "subset_ok": True,
        "injection_scan": {"status": "pass", "findings": []},
        "variables_extracted": ["agent_role"],
        "unknown_variables": ["agent_role"],
        "errors": [],
        "warnings": ["Unknown variables: agent_role"],
    }


def test_what_the_template_or_the_draft_declares_is_known(as_alice: Client) -> None:
    made = template(as_alice, variables_expected=["a"])
    draft = open_draft(as_alice, made["id"], "{{ a }} {{ b }} {{ c }}", variables={"b": "x"})
    assert draft["validation_result"]["unknown_variables"] == ["c"]


def test_a_second_draft_is_refused_with_the_first(as_alice: Client) -> None:
    made = template(as_alice)
    first = open_draft(as_alice, made["id"])
    refused = as_alice.post(f"/prompts/templates/{made['id']}/versions", {"body": "other"})
    assert code_of(refused, 409) == "DRAFT_EXISTS"
    assert json_of(refused)["existing_draft"] == {"id": first["id"], "version_number": 1}
    assert PromptVersion.objects.count() == 1


def test_each_person_has_a_draft_of_their_own(as_alice: Client, as_bob: Client) -> None:
    made = template(as_alice)
    one, other = open_draft(as_alice, made["id"]), open_draft(as_bob, made["id"], "Bob's")
    assert (one["version_number"], other["version_number"]) == (1, 2)
    assert json_of(as_alice.get(f"/prompts/templates/{made['id']}/my-draft"))["id"] == one["id"]
    assert json_of(as_bob.get(f"/prompts/templates/{made['id']}/my-draft"))["id"] == other["id"]


@pytest.mark.parametrize(
    ("body", "part", "subset_ok", "syntax_ok"),
    [
        ("{{ a", "Line 1", False, False),
        ("{% include 'x' %}", "include", False, True),
        ("ok\n{{ random_tip() }}", "Line 2", False, True),
    ],
)
def test_an_invalid_text_is_saved_and_says_so(
    as_alice: Client, body: str, part: str, subset_ok: bool, syntax_ok: bool
) -> None:
    made = template(as_alice)
    draft = open_draft(as_alice, made["id"], body)
    result = draft["validation_result"]
    assert (result["valid"], result["subset_ok"], result["syntax_ok"]) == (False, subset_ok, syntax_ok)
    assert part in result["errors"][0]
    refused = as_alice.post(f"/prompts/versions/{draft['id']}/promote-pre-prod", {})
    assert code_of(refused, 422) == "INVALID_TEMPLATE"
    assert json_of(as_alice.get(f"/prompts/versions/{draft['id']}"))["status"] == "draft"


@pytest.mark.parametrize("body", ["", "x" * 100_001, 5, None, [], ["text"], {"a": 1}], ids=repr)
def test_what_is_no_text_at_all_is_not_saved(as_alice: Client, body: Any) -> None:
    made = template(as_alice)
    refused = as_alice.post(f"/prompts/templates/{made['id']}/versions", {"body": body})
    assert code_of(refused, 400) == "VALIDATION_ERROR"


def test_a_draft_starts_from_what_is_live_or_from_what_is_named(as_alice: Client, as_admin: Client) -> None:
    first = json_of(as_admin.post("/prompts", {"name": "support", "template": "One"}))
    second = json_of(as_admin.post("/prompts/support/versions", {"content": "Two"}))
    one = first["latestVersion"]["id"]
    as_admin.post("/prompts/support/tags/production", {"versionId": one})
    draft = open_draft(as_alice, first["id"], "Three")
    assert draft["base_version_id"] == one
    saved = as_alice.put(f"/prompts/versions/{draft['id']}/save-draft", {"base_version_id": second["id"]})
    assert json_of(saved)["base_version_id"] == second["id"]
    own = as_alice.put(f"/prompts/versions/{draft['id']}/save-draft", {"base_version_id": draft["id"]})
    assert list(error_of(own)["details"]["fields"]) == ["base_version_id"]


# ----------------------------------------------------------------------------- seen
def test_a_draft_is_nobody_elses(as_alice: Client, as_bob: Client, as_admin: Client) -> None:
    made = template(as_alice)
    draft = open_draft(as_alice, made["id"])
    path = f"/prompts/versions/{draft['id']}"
    for other in (as_bob, as_admin):
        assert other.get(path).status_code == 404
        assert other.put(f"{path}/save-draft", {"body": "mine"}).status_code == 404
        assert other.delete(f"{path}/discard").status_code == 404
        assert other.post(f"{path}/promote-pre-prod", {}).status_code == 404
        assert json_of(other.get(f"/prompts/templates/{made['id']}/versions"))["data"] == []
        assert other.get(f"/prompts/templates/{made['id']}/my-draft").status_code == 404
    assert [each["id"] for each in json_of(as_alice.get(f"/prompts/templates/{made['id']}/versions"))["data"]] == [
        draft["id"]
    ]
    assert json_of(as_alice.get(path))["body"] == BODY


def test_the_registry_sees_no_draft(as_alice: Client) -> None:
    made = template(as_alice)
    draft = open_draft(as_alice, made["id"])
    assert json_of(as_alice.get("/prompts/support/versions"))["data"] == []
    assert as_alice.get("/prompts/support/versions/1").status_code == 404
    assert json_of(as_alice.get("/prompts/support"))["latestVersion"] is None
    again = as_alice.post("/prompts/support/versions", {"content": BODY})
    assert (again.status_code, json_of(again)["number"]) == (201, 2)
    refused = as_alice.post("/prompts/support/tags/staging", {"versionId": draft["id"]})
    assert refused.status_code == 409


# ----------------------------------------------------------------------------- saved
def test_saving_writes_what_is_named_and_keeps_the_rest(as_alice: Client) -> None:
    draft = open_draft(as_alice, template(as_alice)["id"], change_note="n", config={"model": "m"}, variables={"x": 1})
    path = f"/prompts/versions/{draft['id']}/save-draft"
    saved = json_of(as_alice.put(path, {"body": "New {{ x }}"}))
    assert (saved["body"], saved["change_note"], saved["config"]) == ("New {{ x }}", "n", {"model": "m"})
    assert saved["validation_result"]["variables_extracted"] == ["x"]
    assert saved["digest"] != draft["digest"]
    cleared = json_of(as_alice.put(path, {"change_note": None, "config": None}))
    assert (cleared["change_note"], cleared["config"], cleared["body"]) == ("", {}, "New {{ x }}")


def test_a_stale_window_overwrites_nothing(as_alice: Client) -> None:
    made = template(as_alice)
    opened = as_alice.post(f"/prompts/templates/{made['id']}/versions", {"body": "1"})
    path = f"/prompts/versions/{json_of(opened)['id']}/save-draft"
    first = as_alice.put(path, {"body": "2"}, If_Match=opened.headers["ETag"])
    stale = as_alice.put(path, {"body": "3"}, If_Match=opened.headers["ETag"])
    assert (first.status_code, code_of(stale, 412)) == (200, "PRECONDITION_FAILED")
    assert json_of(as_alice.put(path, {"body": "4"}, If_Match=first.headers["ETag"]))["body"] == "4"


def test_a_service_accounts_draft_has_its_owners_hand_in_it(acme: Tenant, alice: Actor, as_alice: Client) -> None:
    robot = actions.create_user("robot", groups=["Author"], service_owner=alice.author, by=Actor.command(acme))
    as_robot = Client(factories.make_key(robot).text)
    draft = open_draft(as_robot, template(as_alice)["id"])
    assert (draft["author_id"], draft["contributors"]) == ("robot", ["alice", "robot"])
    assert as_alice.get(f"/prompts/versions/{draft['id']}").status_code == 404


def test_an_archived_template_takes_no_drafts(as_alice: Client) -> None:
    made = template(as_alice)
    draft = open_draft(as_alice, made["id"])
    as_alice.delete(f"/prompts/templates/{made['id']}")
    assert code_of(as_alice.put(f"/prompts/versions/{draft['id']}/save-draft", {"body": "b"}), 410) == "ARCHIVED"
    assert code_of(as_alice.post(f"/prompts/versions/{draft['id']}/promote-pre-prod", {}), 410) == "ARCHIVED"
    assert as_alice.delete(f"/prompts/versions/{draft['id']}/discard").status_code == 204


# ----------------------------------------------------------------------------- thrown away
def test_a_discarded_number_is_not_used_again(as_alice: Client) -> None:
    made = template(as_alice)
    draft = open_draft(as_alice, made["id"])
    assert as_alice.delete(f"/prompts/versions/{draft['id']}/discard").status_code == 204
    assert as_alice.get(f"/prompts/versions/{draft['id']}").status_code == 404
    assert open_draft(as_alice, made["id"])["version_number"] == 2
    verbs = AuditEntry.objects.filter(verb__startswith="draft.").order_by("seq").values_list("verb", flat=True)
    assert list(verbs) == ["draft.created", "draft.discarded", "draft.created"]


# ----------------------------------------------------------------------------- promoted
def test_promotion_seals_the_draft_for_good(as_alice: Client) -> None:
    made = template(as_alice)
    draft = open_draft(as_alice, made["id"])
    path = f"/prompts/versions/{draft['id']}"
    promoted = json_of(as_alice.post(f"{path}/promote-pre-prod", {"target_users": ["tester@example.com"]}))
    assert (promoted["status"], promoted["target_users"]) == ("pre_prod", ["tester@example.com"])
    assert promoted["sealed_at"]
    assert json_of(as_alice.get(f"/prompts/templates/{made['id']}"))["pre_prod_version"] == {
        "id": draft["id"],
        "version_number": 1,
    }
    assert code_of(as_alice.put(f"{path}/save-draft", {"body": "later"}), 409) == "SEALED"
    assert code_of(as_alice.delete(f"{path}/discard"), 409) == "SEALED"
    assert json_of(as_alice.get("/prompts/support/versions/1"))["content"] == BODY
    assert open_draft(as_alice, made["id"], "Next")["version_number"] == 2


def test_a_draft_that_equals_a_sealed_version_is_told_which(as_alice: Client) -> None:
    made = template(as_alice)
    sealed = json_of(as_alice.post("/prompts/support/versions", {"content": BODY}))
    draft = open_draft(as_alice, made["id"], BODY)
    refused = as_alice.post(f"/prompts/versions/{draft['id']}/promote-pre-prod", {})
    assert code_of(refused, 409) == "DUPLICATE_CONTENT"
    assert error_of(refused)["details"] == {"version_id": sealed["id"], "version_number": 1}


def test_the_second_in_pre_production_is_shown_the_first_and_stays_a_draft(as_alice: Client, as_bob: Client) -> None:
    made = template(as_alice)
    one, other = open_draft(as_alice, made["id"], "Alice's"), open_draft(as_bob, made["id"], "Bob's")
    as_alice.post(f"/prompts/versions/{one['id']}/promote-pre-prod", {})
    refused = as_bob.post(f"/prompts/versions/{other['id']}/promote-pre-prod", {})
    assert code_of(refused, 409) == "PRE_PROD_TAKEN"
    shown = json_of(refused)
    assert (shown["conflict"], shown["options"]) == (True, ["override", "merge"])
    assert {
        name: shown["existing_pre_prod"][name] for name in ("version_id", "version_number", "author_id", "body")
    } == {
        "version_id": one["id"],
        "version_number": 1,
        "author_id": "alice",
        "body": "Alice's",
    }
    assert json_of(as_bob.get(f"/prompts/versions/{other['id']}"))["status"] == "draft"
    replaced = as_bob.post(
        f"/prompts/versions/{other['id']}/promote-pre-prod/override",
        {"expected_version_id": one["id"], "reason": "newer"},
    )
    assert json_of(replaced)["status"] == "pre_prod"
    assert json_of(as_alice.get(f"/prompts/versions/{one['id']}"))["status"] == "retired"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/prompts/templates"),
        ("post", "/prompts/templates/{template}/versions"),
        ("put", "/prompts/versions/{draft}/save-draft"),
        ("delete", "/prompts/versions/{draft}/discard"),
    ],
)
def test_a_gateway_names_who_writes(
    acme: Tenant, namespace: Namespace, alice: Actor, as_alice: Client, method: str, path: str
) -> None:
    made = template(as_alice, "mine")
    draft = open_draft(as_alice, made["id"])
    gateway = actions.create_api_key(
        "gateway",
        owner=alice.author,
        scopes=["prompts:read", "prompts:write", "gateway"],
        by=Actor.command(acme),
    )
    client = Client(gateway.text)
    filled = path.format(template=made["id"], draft=draft["id"])
    body = None if method == "delete" else {"body": "x"}
    refused = getattr(client, method)(filled, *([body] if body else []))
    assert code_of(refused, 400) == "USER_REQUIRED"


def test_through_a_gateway_the_draft_is_the_named_persons(
    acme: Tenant, admin: Actor, as_alice: Client, as_bob: Client
) -> None:
    made = template(as_alice)
    gateway = actions.create_api_key(
        "gateway", owner=admin.author, scopes=["prompts:read", "prompts:write", "gateway"], by=Actor.command(acme)
    )
    client = Client(gateway.text)
    opened = client.post(f"/prompts/templates/{made['id']}/versions", {"body": "through"}, X_User_Id="Bob")
    assert json_of(opened)["author_id"] == "bob"
    assert json_of(as_bob.get(f"/prompts/templates/{made['id']}/my-draft"))["body"] == "through"
    assert client_of(admin).get(f"/prompts/versions/{json_of(opened)['id']}").status_code == 404
