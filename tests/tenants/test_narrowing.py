"""A key gets narrower and never wider: fewer scopes, an earlier end, at once for every process."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from pvc.errors import Invalid
from tenants import actions
from tenants.models import Actor, ApiKey, Tenant
from tenants.scopes import GATEWAY, SCOPES
from tests import factories
from tests.factories import Client


def days(count: float) -> dt.datetime:
    return timezone.now() + dt.timedelta(days=count)


@pytest.fixture
def issued(alice: Actor) -> actions.IssuedKey:
    return actions.create_api_key(
        "ci",
        owner=alice.author,
        scopes=["prompts:read", "prompts:write"],
        expires_at=days(10),
        by=Actor.command(alice.tenant),
    )


def stored(key: ApiKey) -> ApiKey:
    return ApiKey.objects.get(pk=key.pk)


def entries(key: ApiKey) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(target=str(key.pk), verb="api_key.narrowed").order_by("seq"))


def test_a_key_loses_a_scope_at_once(issued: actions.IssuedKey, admin: Actor) -> None:
    client = Client(issued.text)
    assert client.post("/prompts", {"name": "one", "template": "x"}).status_code == 201
    actions.narrow_api_key(issued.row, scopes=["prompts:read"], by=admin)
    assert client.post("/prompts", {"name": "two", "template": "x"}).status_code == 403
    assert client.get("/prompts").status_code == 200


def test_narrowing_is_an_entry_that_says_what_is_left(issued: actions.IssuedKey, admin: Actor) -> None:
    end = days(2)
    actions.narrow_api_key(issued.row, scopes=["prompts:read"], expires_at=end, by=admin)
    (entry,) = entries(issued.row)
    assert entry.actor == "admin"
    assert entry.data == {
        "key_id": issued.row.key_id,
        "name": "ci",
        "owner": "alice",
        "scopes": ["prompts:read"],
        "expires_at": end.isoformat(),
    }


def test_what_is_not_named_stays(issued: actions.IssuedKey, admin: Actor) -> None:
    end, before = days(2), stored(issued.row)
    actions.narrow_api_key(issued.row, expires_at=end, by=admin)
    assert (stored(issued.row).scopes, stored(issued.row).expires_at) == (before.scopes, end)
    actions.narrow_api_key(issued.row, scopes=["prompts:write"], by=admin)
    assert (stored(issued.row).scopes, stored(issued.row).expires_at) == (["prompts:write"], end)


def test_a_key_without_an_end_gets_one(alice: Actor, admin: Actor) -> None:
    key = factories.make_key(alice.author).row
    end = days(400)
    assert actions.narrow_api_key(key, expires_at=end, by=admin).expires_at == end


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scopes": ["prompts:read", "admin"]}, "it does not have admin"),
        ({"scopes": ["prompts:read", GATEWAY]}, "it does not have gateway"),
        ({"scopes": ["no:such"]}, "it does not have no:such"),
        ({"scopes": []}, "at least one scope"),
        ({"expires_at": dt.timedelta(days=11)}, "only ever gets narrower: it ends on"),
        ({"expires_at": dt.timedelta(seconds=-1)}, "must lie in the future"),
        ({"scopes": ["prompts:read"], "expires_at": dt.timedelta(days=11)}, "only ever gets narrower"),
    ],
    ids=["a scope more", "gateway", "an unknown scope", "no scope", "a later end", "the past", "half and half"],
)
def test_a_key_never_gets_wider(issued: actions.IssuedKey, admin: Actor, changes: dict[str, Any], said: str) -> None:
    before = stored(issued.row)
    end = changes.get("expires_at")
    with pytest.raises(Invalid, match=said):
        actions.narrow_api_key(
            issued.row, scopes=changes.get("scopes"), expires_at=timezone.now() + end if end else None, by=admin
        )
    after = stored(issued.row)
    assert (after.scopes, after.expires_at) == (before.scopes, before.expires_at)
    assert entries(issued.row) == []


def test_what_was_taken_by_another_meanwhile_does_not_come_back(issued: actions.IssuedKey, admin: Actor) -> None:
    """The verb asks the row as it is under its lock, and not the one that the page was made from."""
    seen = stored(issued.row)
    actions.narrow_api_key(issued.row, scopes=["prompts:read"], by=admin)
    with pytest.raises(Invalid, match="it does not have prompts:write"):
        actions.narrow_api_key(seen, scopes=["prompts:write"], by=admin)
    assert stored(issued.row).scopes == ["prompts:read"]


def test_a_gateways_key_stays_one(acme: Tenant, admin: Actor) -> None:
    """Without the scope it would act as its owner, with the rights that no gateway has."""
    key = actions.create_api_key("gateway", owner=admin.author, scopes=set(SCOPES), by=Actor.command(acme)).row
    with pytest.raises(Invalid, match="would act as its owner"):
        actions.narrow_api_key(key, scopes=["admin"], by=admin)
    assert actions.narrow_api_key(key, scopes=["prompts:read", GATEWAY], by=admin).scopes == [GATEWAY, "prompts:read"]


def test_a_revoked_key_is_not_narrowed(issued: actions.IssuedKey, admin: Actor) -> None:
    actions.revoke_api_key(issued.row, by=admin)
    with pytest.raises(actions.AlreadyRevoked):
        actions.narrow_api_key(issued.row, scopes=["prompts:read"], by=admin)


def test_what_changes_nothing_is_not_written_down(issued: actions.IssuedKey, admin: Actor) -> None:
    actions.narrow_api_key(issued.row, scopes=["prompts:write", "prompts:read"], by=admin)
    assert entries(issued.row) == []


@pytest.mark.parametrize("via", ["console", "key"])
def test_nobody_gets_a_key_that_acts_as_another_person(admin: Actor, bob: Actor, via: str) -> None:
    by = Actor(admin.tenant, admin.author, "console", admin.scopes) if via == "console" else admin
    with pytest.raises(Invalid, match="belongs to whoever makes it"):
        actions.create_api_key("bob's", owner=bob.author, scopes=["prompts:approve"], by=by)
