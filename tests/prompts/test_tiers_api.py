"""Budget tiers over HTTP: made, changed with two people where approvals are required, and asked when it matters."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from deployments.actions import promotion
from prompts.models import BudgetTier, Prompt
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, client_of, json_of

LONG = "word " * 60
SHORT = "word " * 5


def namespace(client: Client, slug: str = "free", approvals: int = 0) -> str:
    made = client.post("/prompts/namespaces", {"slug": slug, "name": slug, "required_approvals": approvals})
    assert made.status_code == 201
    return slug


def tier(client: Client, of: str, **fields: Any) -> dict[str, Any]:
    body = {"name": "small", "max_tokens": 50, "enforcement": "block", **fields}
    made = client.post(f"/prompts/namespaces/{of}/tiers", body)
    assert made.status_code == 201, made.content
    return dict(json_of(made))


def code_of(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.content
    return str(json_of(answer)["error"]["code"])


def tier_of(client: Client, of: str) -> list[dict[str, Any]]:
    return list(json_of(client.get(f"/prompts/namespaces/{of}/tiers"))["data"])


# ----------------------------------------------------------------------------- made and changed
def test_a_tier_is_made_listed_changed_and_deleted(as_admin: Client) -> None:
    of = namespace(as_admin)
    made = tier(as_admin, of)
    assert made == {"id": made["id"], "name": "small", "max_tokens": 50, "enforcement": "block"}
    assert tier_of(as_admin, of) == [made]
    path = f"/prompts/namespaces/{of}/tiers/{made['id']}"
    changed = as_admin.put(path, {**made, "max_tokens": 500, "enforcement": "warn"})
    assert json_of(changed) == {**made, "max_tokens": 500, "enforcement": "warn"}
    assert as_admin.delete(path).status_code == 204
    assert (tier_of(as_admin, of), as_admin.delete(path).status_code) == ([], 404)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 10_000_001}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"enforcement": "scold"}, "enforcement"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_what_cannot_be_a_tier_is_refused_by_field(as_admin: Client, fields: dict[str, Any], field: str) -> None:
    of = namespace(as_admin)
    body = {"name": "small", "max_tokens": 50, "enforcement": "block", **fields}
    refused = as_admin.post(f"/prompts/namespaces/{of}/tiers", body)
    assert code_of(refused, 400) == "VALIDATION_ERROR"
    assert list(json_of(refused)["error"]["details"]["fields"]) == [field]


def test_a_name_is_taken_once_in_a_namespace(as_admin: Client) -> None:
    of, other = namespace(as_admin), namespace(as_admin, "other")
    tier(as_admin, of)
    tier(as_admin, other)
    again = as_admin.post(f"/prompts/namespaces/{of}/tiers", {"name": "small", "max_tokens": 1, "enforcement": "warn"})
    assert code_of(again, 409) == "CONFLICT"


def test_tiers_are_the_administrators_business(as_admin: Client, as_alice: Client) -> None:
    of = namespace(as_admin)
    refused = as_alice.post(f"/prompts/namespaces/{of}/tiers", {"name": "a", "max_tokens": 1, "enforcement": "warn"})
    assert code_of(refused, 403) == "FORBIDDEN"
    assert tier_of(as_alice, of) == []


# ----------------------------------------------------------------------------- two people
@pytest.fixture
def guarded(as_admin: Client) -> dict[str, Any]:
    return tier(as_admin, namespace(as_admin, "guarded", approvals=1))


@pytest.mark.parametrize(
    "changes", [{"max_tokens": 51}, {"enforcement": "warn"}, {"max_tokens": 51, "enforcement": "warn"}], ids=str
)
def test_a_laxer_tier_waits_for_a_second_person(
    acme: Tenant, as_admin: Client, guarded: dict[str, Any], changes: dict[str, Any]
) -> None:
    path = f"/prompts/namespaces/guarded/tiers/{guarded['id']}"
    waiting = as_admin.put(path, changes)
    assert waiting.status_code == 202
    change = json_of(waiting)["pending_change"]
    assert (change["changes"], change["requested_by"]) == ({"tiers": {guarded["id"]: changes}}, "admin")
    assert json_of(as_admin.put(path, changes))["pending_change"]["id"] == change["id"]
    assert tier_of(as_admin, "guarded") == [guarded]
    decide = f"/prompts/namespaces/guarded/changes/{change['id']}/approve"
    assert code_of(as_admin.post(decide), 409) == "OWN_CHANGE"
    assert client_of(factories.make_actor(acme, "ada")).post(decide).status_code == 200
    assert tier_of(as_admin, "guarded") == [{**guarded, **changes}]


def test_a_tier_is_deleted_by_two(acme: Tenant, as_admin: Client, guarded: dict[str, Any]) -> None:
    as_ada = client_of(factories.make_actor(acme, "ada"))
    with_it = as_admin.post(
        "/prompts/templates", {"namespace": "guarded", "slug": "a", "name": "A", "tier": guarded["name"]}
    )
    path = f"/prompts/namespaces/guarded/tiers/{guarded['id']}"
    change = json_of(as_admin.delete(path))["pending_change"]
    assert change["changes"] == {"tiers": {guarded["id"]: None}}
    assert as_ada.post(f"/prompts/namespaces/guarded/changes/{change['id']}/reject").status_code == 200
    assert tier_of(as_admin, "guarded") == [guarded]
    again = json_of(as_admin.delete(path))["pending_change"]
    assert as_ada.post(f"/prompts/namespaces/guarded/changes/{again['id']}/approve").status_code == 200
    assert tier_of(as_admin, "guarded") == []
    assert json_of(as_admin.get(f"/prompts/templates/{json_of(with_it)['id']}"))["tier"] is None


@pytest.mark.parametrize("changes", [{"max_tokens": 49}, {"name": "tiny"}, {"name": "tiny", "max_tokens": 1}], ids=str)
def test_a_stricter_tier_takes_one(as_admin: Client, guarded: dict[str, Any], changes: dict[str, Any]) -> None:
    changed = as_admin.put(f"/prompts/namespaces/guarded/tiers/{guarded['id']}", changes)
    assert (changed.status_code, json_of(changed)) == (200, {**guarded, **changes})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE prompts_budgettier SET max_tokens = 51 WHERE id = %s",
        "UPDATE prompts_budgettier SET enforcement = 'warn' WHERE id = %s",
        "DELETE FROM prompts_budgettier WHERE id = %s",
    ],
)
def test_the_database_asks_for_the_second_person_too(guarded: dict[str, Any], statement: str) -> None:
    with pytest.raises(IntegrityError, match="weaker_tiers_have_four_eyes"), transaction.atomic():
        connection.cursor().execute(statement, [guarded["id"]])
    assert BudgetTier.objects.filter(pk=guarded["id"], max_tokens=50, enforcement="block").exists()


def test_one_agreement_is_good_for_one_change(acme: Tenant, as_admin: Client, guarded: dict[str, Any]) -> None:
    path = f"/prompts/namespaces/guarded/tiers/{guarded['id']}"
    change = json_of(as_admin.put(path, {"max_tokens": 100}))["pending_change"]
    client_of(factories.make_actor(acme, "ada")).post(f"/prompts/namespaces/guarded/changes/{change['id']}/approve")
    assert as_admin.put(path, {"max_tokens": 10}).status_code == 200
    assert as_admin.put(path, {"max_tokens": 100}).status_code == 202
    with pytest.raises(IntegrityError, match="weaker_tiers_have_four_eyes"), transaction.atomic():
        connection.cursor().execute(
            "UPDATE prompts_budgettier SET max_tokens = 100, updated_at = now() WHERE id = %s", [guarded["id"]]
        )


# ----------------------------------------------------------------------------- asked
def template(client: Client, of: str, tier_name: str | None) -> str:
    made = client.post("/prompts/templates", {"namespace": of, "slug": "t", "name": "T", "tier": tier_name})
    return str(json_of(made)["id"])


def test_a_draft_over_budget_is_saved_with_a_warning_and_sealed_only_where_the_tier_warns(
    as_admin: Client, as_alice: Client
) -> None:
    of = namespace(as_admin)
    small = tier(as_admin, of)
    made = template(as_alice, of, "small")
    draft = json_of(as_alice.post(f"/prompts/templates/{made}/versions", {"body": LONG}))
    told = draft["validation_result"]["warnings"]
    assert "tokens are more than the 50 of the budget tier “small”" in told[0]
    assert draft["validation_result"]["valid"] is True
    promote = f"/prompts/versions/{draft['id']}/promote-pre-prod"
    refused = as_alice.post(promote, {})
    assert code_of(refused, 422) == "OVER_BUDGET"
    assert json_of(refused)["error"]["details"] == {
        "tier": "small",
        "max_tokens": 50,
        "tokens": draft["validation_result"]["token_estimate"],
    }
    as_admin.put(f"/prompts/namespaces/{of}/tiers/{small['id']}", {"enforcement": "warn"})
    sealed = as_alice.post(promote, {})
    assert sealed.status_code == 200
    assert json_of(sealed)["validation_result"]["warnings"] == told


def test_the_registrys_doors_ask_the_same(as_admin: Client, as_alice: Client) -> None:
    of = namespace(as_admin)
    tier(as_admin, of)
    template(as_alice, of, "small")
    assert code_of(as_alice.post(f"/prompts/{of}:t/versions", {"content": LONG}), 422) == "OVER_BUDGET"
    assert code_of(as_alice.put(f"/prompts/{of}:t", {"template": LONG}), 422) == "OVER_BUDGET"
    assert as_alice.post(f"/prompts/{of}:t/versions", {"content": SHORT}).status_code == 201


@pytest.mark.parametrize("enforcement", ["warn", "block"])
def test_what_is_rendered_is_counted_with_its_values(as_admin: Client, admin: Actor, enforcement: str) -> None:
    of = namespace(as_admin)
    tier(as_admin, of, enforcement=enforcement)
    template(as_admin, of, "small")
    as_admin.post(f"/prompts/{of}:t/versions", {"content": "Say: {{ what }}"})
    prompt = Prompt.objects.get(slug="t")
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=admin)
    routes = (f"/prompts/render/{of}:t", f"/prompts/{of}:t/render", f"/prompts/{of}:t/versions/1/render")
    for route in routes:
        assert not json_of(as_admin.post(route, {"variables": {"what": SHORT}})).get("warnings")
        long = as_admin.post(route, {"variables": {"what": LONG}})
        if enforcement == "block":
            assert code_of(long, 422) == "OVER_BUDGET"
        else:
            assert "budget tier “small”" in json_of(long)["warnings"][0]


def test_a_changed_tier_is_asked_at_once_by_the_hot_path(as_admin: Client, admin: Actor) -> None:
    of = namespace(as_admin)
    small = tier(as_admin, of, max_tokens=100)
    made = template(as_admin, of, None)
    as_admin.post(f"/prompts/{of}:t/versions", {"content": LONG})
    prompt = Prompt.objects.get(slug="t")
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=admin)

    def rendered() -> int:
        return as_admin.post(f"/prompts/render/{of}:t", {}).status_code

    assert rendered() == 200
    as_admin.put(f"/prompts/templates/{made}", {"tier": small["id"]})
    assert rendered() == 200
    as_admin.put(f"/prompts/namespaces/{of}/tiers/{small['id']}", {"max_tokens": 10})
    assert rendered() == 422
    as_admin.delete(f"/prompts/namespaces/{of}/tiers/{small['id']}")
    assert rendered() == 200


def test_a_tier_is_of_the_prompts_own_namespace(as_admin: Client, as_alice: Client) -> None:
    of, other = namespace(as_admin), namespace(as_admin, "other")
    foreign = tier(as_admin, other)
    refused = as_alice.post("/prompts/templates", {"namespace": of, "slug": "t", "name": "T", "tier": foreign["id"]})
    assert code_of(refused, 400) == "VALIDATION_ERROR"
    made = template(as_alice, of, None)
    with pytest.raises(IntegrityError, match="prompt_tier_of_its_namespace"), transaction.atomic():
        connection.cursor().execute("UPDATE prompts_prompt SET tier_id = %s WHERE id = %s", [foreign["id"], made])
