"""/api-keys: issued once, listed without their text, ended for good."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from tenants.models import Actor, ApiKey, Tenant
from tenants.scopes import GATEWAY, SCOPES
from tests import factories
from tests.factories import Client, error_of, json_of

FIELDS = {
    "id",
    "projectId",
    "keyId",
    "name",
    "owner",
    "scopes",
    "expiresAt",
    "revokedAt",
    "lastUsedAt",
    "createdAt",
}


def test_a_new_key_is_shown_once_and_works(as_admin: Client, acme: Tenant) -> None:
    made = as_admin.post("/api-keys", {"name": "ci", "scopes": ["prompts:write", "prompts:read", "prompts:read"]})
    assert made.status_code == 201
    body = json_of(made)
    assert body.keys() == FIELDS | {"key"}
    assert (body["name"], body["owner"], body["projectId"]) == ("ci", "admin", str(acme.pk))
    assert body["scopes"] == ["prompts:read", "prompts:write"]
    assert (body["expiresAt"], body["revokedAt"], body["lastUsedAt"]) == (None, None, None)
    assert body["key"].startswith(f"pvc_{body['keyId']}_")
    assert Client(body["key"]).post("/prompts", {"name": "a", "template": "b"}).status_code == 201
    assert Client(body["key"]).get("/api-keys").status_code == 403


def test_a_list_of_keys_shows_no_text_and_is_newest_first(as_admin: Client, as_eve: Client) -> None:
    texts = [json_of(as_admin.post("/api-keys", {"name": n, "scopes": ["admin"]}))["key"] for n in ("one", "two")]
    listed = as_admin.get("/api-keys")
    rows = json_of(listed)["data"]
    assert [row["name"] for row in rows] == ["two", "one", "test"]
    assert all(row.keys() == FIELDS for row in rows)
    for text in (*texts, as_admin.key or ""):
        assert text.split("_")[2] not in listed.content.decode()
    assert [row["owner"] for row in json_of(as_eve.get("/api-keys"))["data"]] == ["eve"]


def test_keys_come_in_pages(as_admin: Client) -> None:
    for number in range(4):
        as_admin.post("/api-keys", {"name": f"key {number}", "scopes": ["admin"]})
    first = json_of(as_admin.get("/api-keys?limit=3"))
    assert [row["name"] for row in first["data"]] == ["key 3", "key 2", "key 1"]
    rest = json_of(as_admin.get(f"/api-keys?limit=3&cursor={first['meta']['nextCursor']}"))
    assert [row["name"] for row in rest["data"]] == ["key 0", "test"]
    assert rest["meta"] == {"limit": 3}


def test_a_replayed_answer_has_no_key_in_it(acme: Tenant, as_admin: Client) -> None:
    body = {"name": "ci", "scopes": ["prompts:read"]}
    first = as_admin.post("/api-keys", body, Idempotency_Key="a-key-please")
    again = as_admin.post("/api-keys", body, Idempotency_Key="a-key-please")
    assert again["Idempotency-Replayed"] == "true"
    assert again.status_code == 201
    assert json_of(first)["key"]
    assert json_of(again) == {**json_of(first), "key": None}
    assert ApiKey.objects.filter(tenant=acme, name="ci").count() == 1


def test_an_expiry_is_kept(as_admin: Client) -> None:
    at = timezone.now() + timedelta(days=7)
    made = json_of(as_admin.post("/api-keys", {"name": "ci", "scopes": ["admin"], "expiresAt": at.isoformat()}))
    assert made["expiresAt"] == at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert abs(datetime.fromisoformat(json_of(as_admin.get("/api-keys"))["data"][0]["expiresAt"]) - at) < timedelta(
        seconds=1
    )


def test_a_key_is_never_wider_than_the_one_it_is_made_with(admin: Actor) -> None:
    narrow = Client(factories.make_key(admin.author, ["admin", "prompts:read"]).text)
    assert narrow.post("/api-keys", {"name": "ci", "scopes": ["prompts:read"]}).status_code == 201
    before = ApiKey.objects.count()
    refused = narrow.post("/api-keys", {"name": "ci", "scopes": ["prompts:read", "prompts:write"]})
    assert refused.status_code == 403
    assert error_of(refused)["code"] == "SCOPE_NOT_HELD"
    assert "prompts:write" in error_of(refused)["message"]
    assert ApiKey.objects.count() == before


@pytest.mark.parametrize("scopes", [[GATEWAY], ["prompts:read", GATEWAY]])
def test_no_key_with_gateway_is_made_through_the_api(acme: Tenant, as_admin: Client, scopes: list[str]) -> None:
    refused = as_admin.post("/api-keys", {"name": "ci", "scopes": scopes})
    assert refused.status_code == 403
    assert not ApiKey.objects.filter(tenant=acme, scopes__contains=[GATEWAY]).exists()


def test_a_gateway_key_makes_no_gateway_keys(admin: Actor) -> None:
    gateway = Client(factories.make_key(admin.author, SCOPES).text)
    for headers in ({}, {"X_User_Id": "admin"}):
        refused = gateway.post("/api-keys", {"name": "ci", "scopes": [GATEWAY]}, **headers)
        assert refused.status_code == 403
        assert error_of(refused)["details"] == {"scope": "admin"}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"scopes": ["prompts:fly"]}, "UNKNOWN_SCOPE", None),
        ({"scopes": ["prompts:read", ""]}, "VALIDATION_ERROR", "scopes[1]"),
        ({"scopes": []}, "VALIDATION_ERROR", "scopes"),
        ({"scopes": "admin"}, "VALIDATION_ERROR", "scopes"),
        ({"scopes": None}, "VALIDATION_ERROR", "scopes"),
        ({"scopes": [1]}, "VALIDATION_ERROR", "scopes[0]"),
        ({"scopes": [["admin"]]}, "VALIDATION_ERROR", "scopes[0]"),
        ({"name": ""}, "VALIDATION_ERROR", "name"),
        ({"name": 5}, "VALIDATION_ERROR", "name"),
        ({"name": None}, "VALIDATION_ERROR", "name"),
        ({"name": "n" * 101}, "VALIDATION_ERROR", "name"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "VALIDATION_ERROR", "expiresAt"),
        ({"expiresAt": "tomorrow"}, "VALIDATION_ERROR", "expiresAt"),
        ({"expiresAt": 5}, "VALIDATION_ERROR", "expiresAt"),
        ({"expiresAt": "9999-12-31T23:59:59-14:00"}, "VALIDATION_ERROR", "expiresAt"),
        ({"expiresAt": "0001-01-01T00:00:00+14:00"}, "VALIDATION_ERROR", "expiresAt"),
        ({"owner": "eve"}, "VALIDATION_ERROR", "owner"),
        ({"key": "pvc_mine"}, "VALIDATION_ERROR", "key"),
    ],
    ids=str,
)
def test_a_key_that_cannot_be_is_refused(
    as_admin: Client, change: dict[str, Any], code: str, field: str | None
) -> None:
    before = ApiKey.objects.count()
    refused = as_admin.post("/api-keys", {"name": "ci", "scopes": ["admin"], **change})
    assert refused.status_code == 400
    error = error_of(refused)
    assert error["code"] == code
    assert field is None or field in error["details"]["fields"]
    assert ApiKey.objects.count() == before


@pytest.mark.parametrize("body", [{}, {"name": "ci"}, {"scopes": ["admin"]}], ids=str)
def test_name_and_scopes_are_needed(as_admin: Client, body: dict[str, Any]) -> None:
    refused = as_admin.post("/api-keys", body)
    assert refused.status_code == 400
    assert error_of(refused)["details"]["fields"].keys() == {"name", "scopes"} - body.keys()


def test_a_revoked_key_is_listed_as_such_and_revoked_once(as_admin: Client) -> None:
    made = json_of(as_admin.post("/api-keys", {"name": "ci", "scopes": ["admin"]}))
    gone = as_admin.delete(f"/api-keys/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert Client(made["key"]).get("/prompts").status_code == 401
    again = as_admin.delete(f"/api-keys/{made['id']}")
    assert again.status_code == 409
    assert error_of(again)["code"] == "ALREADY_REVOKED"
    row = next(row for row in json_of(as_admin.get("/api-keys"))["data"] if row["id"] == made["id"])
    assert row["revokedAt"] is not None


@pytest.mark.parametrize("key_id", ["01890a5d-ac96-774b-bcce-b302099a8057", "not-a-uuid", "12345678"])
def test_an_unknown_key_is_not_found(as_admin: Client, key_id: str) -> None:
    refused = as_admin.delete(f"/api-keys/{key_id}")
    assert refused.status_code == 404
    assert error_of(refused)["code"] == "NOT_FOUND"


def test_another_tenants_key_is_not_found_and_goes_on(as_admin: Client, as_eve: Client, eve: Actor) -> None:
    assert eve.api_key
    foreign = as_admin.delete(f"/api-keys/{eve.api_key.pk}")
    assert foreign.status_code == 404
    assert error_of(foreign) == error_of(as_admin.delete(f"/api-keys/{uuid.uuid4()}"))
    assert as_eve.get("/prompts").status_code == 200


def test_key_routes_ask_for_admin(admin: Actor) -> None:
    all_but_admin = Client(factories.make_key(admin.author, SCOPES.keys() - {"admin", GATEWAY}).text)
    made = factories.make_key(admin.author, ["prompts:read"]).row
    answers = [
        all_but_admin.get("/api-keys"),
        all_but_admin.post("/api-keys", {"name": "ci", "scopes": ["prompts:read"]}),
        all_but_admin.delete(f"/api-keys/{made.pk}"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert all(error_of(answer)["details"] == {"scope": "admin"} for answer in answers)
    assert ApiKey.objects.get(pk=made.pk).revoked_at is None


def test_making_and_ending_a_key_are_in_the_log_without_its_text(as_admin: Client, acme: Tenant) -> None:
    made = json_of(as_admin.post("/api-keys", {"name": "ci", "scopes": ["admin"]}))
    as_admin.delete(f"/api-keys/{made['id']}")
    ended, begun = AuditEntry.objects.filter(tenant_id=acme.pk).order_by("-seq")[:2]
    assert (begun.verb, begun.target, begun.actor) == ("api_key.created", made["id"], "admin")
    assert begun.data == {
        "key_id": made["keyId"],
        "name": "ci",
        "owner": "admin",
        "scopes": ["admin"],
        "expires_at": None,
    }
    assert (ended.verb, ended.target) == ("api_key.revoked", made["id"])
    assert ended.data == {"key_id": made["keyId"], "name": "ci", "owner": "admin"}
