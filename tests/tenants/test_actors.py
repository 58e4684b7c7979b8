"""Who acts through a key: its owner, or the member whom a gateway's key names."""

import dataclasses
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pvc.errors import Invalid
from tenants import actions
from tenants.models import Actor, ApiKey, Tenant, User, UserRequired
from tenants.scopes import SCOPES
from tests import factories
from tests.factories import Client, error_of, json_of

SECRET = "7c1d2f9be0a84c6fb35d7e90a1f2c3d4"


def author_of_newest_prompt(client: Client, name: str, **headers: str) -> str:
    made = client.post("/prompts", {"name": name, "template": "a"}, **headers)
    assert made.status_code == 201, made.content
    return str(json_of(client.get("/prompts/audit", **headers))["data"][0]["actor"])


# ----------------------------------------------------------------------------- the actor
def test_an_actor_never_changes(alice: Actor) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        alice.via = "console"  # type: ignore[misc]


def test_a_keys_actor_is_its_owner_within_both_their_rights(alice: Actor) -> None:
    row = factories.make_key(alice.author, ["prompts:read", "prompts:promote", "gateway"]).row
    actor = Actor.of_key(ApiKey.objects.get(pk=row.pk))
    assert (actor.tenant, actor.user, actor.api_key, actor.via) == (alice.tenant, alice.user, row, f"key:{row.key_id}")
    assert actor.scopes == {"prompts:read"}


def test_the_command_line_acts_as_the_installation_or_as_a_person(alice: Actor) -> None:
    installation = Actor.command(alice.tenant)
    assert (installation.name, installation.via, installation.scopes) == ("system", "command", frozenset(SCOPES))
    with pytest.raises(UserRequired):
        _ = installation.author
    person = Actor.command(alice.tenant, alice.author)
    assert (person.name, person.author) == ("alice", alice.author)
    assert person.scopes == alice.author.scopes


def test_for_a_service_account_answer_its_owner_and_who_issued_the_key(acme: Tenant, alice: Actor, bob: Actor) -> None:
    robot = User.objects.create(username="robot", tenant=acme, is_service=True, owner=alice.author)
    row = ApiKey.objects.create(
        tenant=acme, owner=robot, issued_by=bob.author, name="ci", key_id="a" * 8, hash=b"h" * 32, scopes=["admin"]
    )
    assert Actor.of_key(row).responsible_users() == {robot.pk, alice.author.pk, bob.author.pk}
    assert Actor(acme, robot, "console").responsible_users() == {robot.pk, alice.author.pk}
    assert alice.responsible_users() == {alice.author.pk}
    with pytest.raises(UserRequired):
        Actor.command(acme).responsible_users()


def test_a_service_account_belongs_to_an_owner_of_its_tenant(acme: Tenant, eve: Actor) -> None:
    with pytest.raises(Invalid, match="same tenant"):
        actions.create_user("robot", groups=[], service_owner=eve.author, by=Actor.command(acme))


# ----------------------------------------------------------------------------- the tenant
@pytest.mark.parametrize("spelling", ["acme", "ACME", " acme "])
def test_the_tenant_header_may_confirm_the_keys_tenant(as_admin: Client, acme: Tenant, spelling: str) -> None:
    assert as_admin.get("/prompts", X_Tenant_Id=spelling).status_code == 200
    assert as_admin.get("/prompts", X_Tenant_Id=str(acme.pk)).status_code == 200
    assert as_admin.get("/prompts", X_Tenant_Id=str(acme.pk).upper()).status_code == 200


@pytest.mark.parametrize("claimed", ["other", "", "acme,other", "acme other", "default", "0", "*"])
def test_another_tenant_in_the_header_is_refused(as_admin: Client, other: Tenant, claimed: str) -> None:
    for value in {claimed, str(other.pk)}:
        refused = as_admin.get("/prompts", X_Tenant_Id=value)
        assert refused.status_code == 403
        assert error_of(refused)["code"] == "TENANT_MISMATCH"


# ----------------------------------------------------------------------------- a person's key
@pytest.mark.parametrize("spelling", ["admin", "ADMIN", " \uff21dmin", "\u24d0dmin"])
def test_the_user_header_may_confirm_the_owner(as_admin: Client, spelling: str) -> None:
    assert author_of_newest_prompt(as_admin, "one", X_User_Id=spelling) == "admin"


@pytest.mark.parametrize("name", ["bob", "eve", "nobody", "admin2", "adminx", "\u0430dmin"])
def test_the_user_header_names_nobody_else(as_admin: Client, bob: Actor, eve: Actor, name: str) -> None:
    users = User.objects.count()
    refused = as_admin.post("/prompts", {"name": "one", "template": "a"}, X_User_Id=name)
    assert refused.status_code == 403
    assert error_of(refused)["code"] == "USER_MISMATCH"
    assert User.objects.count() == users
    assert json_of(as_admin.get("/prompts"))["data"] == []


@pytest.mark.parametrize("name", ["", "admin,bob", "admin\u200b", "ad\x01min", "a" * 151, "admin\uff0c"])
def test_a_user_header_that_is_no_name_is_refused(as_admin: Client, name: str) -> None:
    assert as_admin.get("/prompts", X_User_Id=name).status_code == 400


# ----------------------------------------------------------------------------- a gateway's key
@pytest.fixture
def gateway(admin: Actor, bob: Actor, alice: Actor) -> Client:
    """A key with every scope, the administrator's, that may name the acting user."""
    return Client(factories.make_key(admin.author, SCOPES).text)


def test_a_gateway_names_who_acts(gateway: Client) -> None:
    made = gateway.post("/prompts", {"name": "one", "template": "a"}, X_User_Id=" \uff22OB ")
    assert made.status_code == 201
    entry = json_of(gateway.get("/prompts/audit"))["data"][0]
    assert entry["actor"] == "bob"
    assert entry["via"].startswith("key:")


@pytest.mark.parametrize(
    ("named", "scope", "status"),
    [
        ("alice", "prompts:write", 201),
        ("alice", "prompts:promote", 403),
        ("bob", "prompts:promote", 404),
        ("bob", "admin", 403),
        ("admin", "prompts:promote", 404),
        ("admin", "admin", 403),
        (None, "prompts:write", 201),
        (None, "admin", 403),
    ],
)
def test_the_rights_are_the_keys_and_the_users_without_admin(
    gateway: Client, named: str | None, scope: str, status: int
) -> None:
    headers = {"X_User_Id": named} if named else {}
    answers = {
        "prompts:write": lambda: gateway.post("/prompts", {"name": "one", "template": "a"}, **headers),
        "prompts:promote": lambda: gateway.delete("/prompts/none/tags/production", **headers),
        "admin": lambda: gateway.get("/api-keys", **headers),
    }
    assert answers[scope]().status_code == status


def test_override_is_never_had_through_a_gateway(admin: Actor) -> None:
    key = ApiKey.objects.get(pk=factories.make_key(admin.author, SCOPES).row.pk)
    named = Actor.of_key(key).named_through_gateway(admin.author)
    assert named.scopes == SCOPES.keys() - {"prompts:override", "admin", "gateway"}


def test_a_narrow_gateway_key_narrows_everybody(admin: Actor, bob: Actor) -> None:
    narrow = Client(factories.make_key(admin.author, ["gateway", "prompts:read"]).text)
    assert narrow.get("/prompts", X_User_Id="bob").status_code == 200
    assert narrow.post("/prompts", {"name": "one", "template": "a"}, X_User_Id="bob").status_code == 403


def test_the_owners_rights_bind_a_gateways_key_but_not_the_scope_gateway(acme: Tenant, bob: Actor) -> None:
    robot = factories.make_user(acme, "robot", "Operator")
    client = Client(factories.make_key(robot, ["gateway", "prompts:read", "prompts:write"]).text)
    assert client.get("/prompts", X_User_Id="bob").status_code == 200
    assert client.post("/prompts", {"name": "one", "template": "a"}, X_User_Id="bob").status_code == 403


def leave(user: User) -> None:
    user.is_active = False
    user.save(update_fields=["is_active"])


def test_a_gateway_names_active_members_only(gateway: Client, eve: Actor, bob: Actor) -> None:
    leave(bob.author)
    users = User.objects.count()
    for name in ("eve", "bob", "nobody", "boB"):
        refused = gateway.post("/prompts", {"name": "one", "template": "a"}, X_User_Id=name)
        assert refused.status_code == 403, name
        assert error_of(refused)["code"] == "UNKNOWN_USER"
    assert User.objects.count() == users


@pytest.mark.parametrize("name", ["", "bob,alice", "bob\u200b", "bo\x01b", "a" * 151])
def test_a_gateway_user_that_is_no_name_is_refused(gateway: Client, name: str) -> None:
    assert gateway.get("/prompts", X_User_Id=name).status_code == 400


# ----------------------------------------------------------------------------- the gateway's signature
def signature(method: str, target: str, body: bytes = b"", tenant: str = "", user: str = "", at: float = 0.0) -> str:
    """What a gateway computes, by the contract's words alone."""
    t = int(time.time() + at)
    text = f"{t}.{method}.{target}.{hashlib.sha256(body).hexdigest()}.{tenant}.{user}"
    return f"t={t},v1={hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()}"


@pytest.fixture
def signing(settings: Any) -> None:
    settings.GATEWAY_SECRET = SECRET


BODY = json.dumps({"name": "one", "template": "a"}).encode()
TARGET = "/api/v1/prompts?x=%20a&y"


def send(gateway: Client, **headers: str) -> Any:
    return gateway.post("/prompts?x=%20a&y", BODY, X_Tenant_Id="acme", X_User_Id="Bob", **headers)


def test_a_signed_request_is_taken_and_taken_again(gateway: Client, signing: None) -> None:
    signed = signature("POST", TARGET, BODY, "acme", "Bob")
    assert send(gateway, X_Gateway_Signature=signed).status_code == 201
    assert send(gateway, X_Gateway_Signature=signed).status_code == 409  # the name is taken; the signature is good


@pytest.mark.parametrize("at", [-58, 58])
def test_a_signature_lives_a_minute_to_both_sides(gateway: Client, signing: None, at: float) -> None:
    assert send(gateway, X_Gateway_Signature=signature("POST", TARGET, BODY, "acme", "Bob", at)).status_code == 201


@pytest.mark.parametrize(
    "signed",
    [
        lambda: signature("POST", TARGET, BODY, "acme", "Bob", -62),
        lambda: signature("POST", TARGET, BODY, "acme", "Bob", 63),
        lambda: signature("PUT", TARGET, BODY, "acme", "Bob"),
        lambda: signature("POST", "/api/v1/prompts", BODY, "acme", "Bob"),
        lambda: signature("POST", TARGET, BODY + b" ", "acme", "Bob"),
        lambda: signature("POST", TARGET, BODY, "", "Bob"),
        lambda: signature("POST", TARGET, BODY, "acme", "bob"),
        lambda: signature("POST", TARGET, BODY, "acme", "alice"),
        lambda: signature("POST", TARGET, BODY, "acme", "Bob").upper(),
        lambda: signature("POST", TARGET, BODY, "acme", "Bob")[:-1],
        lambda: signature("POST", TARGET, BODY, "acme", "Bob").split(",")[1],
        lambda: "t=٣,v1=" + "a" * 64,
        lambda: f"t={10**15},v1=" + "a" * 64,
        lambda: "",
    ],
    ids=[
        "too old",
        "from the future",
        "another method",
        "without the query",
        "another body",
        "without the tenant",
        "the name in another spelling",
        "another user",
        "upper case",
        "cut off",
        "without its time",
        "Arabic digits",
        "a time of 15 digits",
        "empty",
    ],
)
def test_another_signature_is_refused(gateway: Client, signing: None, signed: Any) -> None:
    refused = send(gateway, X_Gateway_Signature=signed())
    assert refused.status_code == 403
    assert error_of(refused)["code"] == "BAD_GATEWAY_SIGNATURE"
    assert json_of(factories.Client(gateway.key).get("/health-of-nothing"))["error"]["code"] == "NOT_FOUND"


def test_without_a_signature_a_gateway_is_refused_and_a_person_is_not(
    gateway: Client, as_admin: Client, signing: None
) -> None:
    assert send(gateway).status_code == 403
    assert as_admin.get("/prompts").status_code == 200
    assert as_admin.get("/prompts", X_Gateway_Signature="t=1,v1=" + "0" * 64).status_code == 200


def test_a_signed_path_is_the_one_that_was_sent(gateway: Client, signing: None) -> None:
    """`%3A` equals `:` to the routes; the gateway signs what it sends."""
    made = gateway.post(
        "/prompts", BODY, X_User_Id="bob", X_Gateway_Signature=signature("POST", "/api/v1/prompts", BODY, "", "bob")
    )
    assert made.status_code == 201
    for target in ("/prompts/default:one", "/prompts/default%3Aone"):
        signed = signature("GET", f"/api/v1{target}", b"", "", "bob")
        assert gateway.get(target, X_User_Id="bob", X_Gateway_Signature=signed).status_code == 200, target


def test_an_expired_key_names_nobody(gateway: Client) -> None:
    now = timezone.now()
    ApiKey.objects.filter(scopes__contains=["gateway"]).update(created_at=now - timedelta(days=1), expires_at=now)
    assert gateway.get("/prompts", X_User_Id="bob").status_code == 401
