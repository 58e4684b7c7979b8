"""API keys: their text, what is stored of them, and who gets in with one."""

import hashlib
import hmac
import json
import random
import string
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, connections
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tenants import actions, keys
from tenants.models import Actor, ApiKey, Tenant, User
from tests import factories
from tests.factories import Client, error_of, json_of

BASE62 = set(string.digits + string.ascii_letters)


# ----------------------------------------------------------------------------- as text
def test_a_key_is_pvc_an_id_and_43_base62_characters() -> None:
    for _ in range(200):
        new = keys.generate()
        word, key_id, secret = new.text.split("_")
        assert (word, len(key_id), len(secret)) == ("pvc", 8, 43)
        assert set(key_id + secret) <= BASE62
        assert new.key_id == key_id == keys.key_id_of(new.text)


def test_keys_use_the_whole_alphabet_and_never_repeat() -> None:
    texts = [keys.generate().text for _ in range(500)]
    assert len(set(texts)) == 500
    assert len({keys.key_id_of(text) for text in texts}) == 500
    assert set("".join(text.split("_")[2] for text in texts)) == BASE62


def test_a_secret_holds_32_bytes_and_is_as_long_for_every_number() -> None:
    alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
    numbers = []
    for _ in range(300):
        digits = keys.generate().text.split("_")[2]
        numbers.append(sum(alphabet.index(digit) * 62**place for place, digit in enumerate(digits)))
    assert max(numbers).bit_length() in range(250, 257)
    assert all(number < 2**256 for number in numbers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pvc_",
        "pvc_12345678",
        "pvc_12345678_" + "a" * 42,
        "pvc_12345678_" + "a" * 44,
        "pvc_1234567_" + "a" * 43,
        "PVC_12345678_" + "a" * 43,
        "pvc_12345678_" + "a" * 42 + "é",
        "pvc_12345678_" + "a" * 42 + "\uff11",
        "pvc_12345678_" + "a" * 43 + "\n",
        " pvc_12345678_" + "a" * 43,
        "pvc-12345678-" + "a" * 43,
    ],
)
def test_another_text_is_no_key(text: str) -> None:
    assert keys.key_id_of(text) is None


def test_what_is_stored_is_the_hmac_of_the_whole_text_under_the_pepper() -> None:
    text = "pvc_01234567_" + "0" * 43
    stored = keys.digest(text, pepper="pepper")
    assert stored == hmac.new(b"pepper", text.encode(), hashlib.sha256).digest()
    assert keys.matches(stored, text, pepper="pepper")
    assert not keys.matches(stored, text, pepper="other")
    assert not keys.matches(stored, text[:-1] + "1", pepper="pepper")


@given(st.text(max_size=80))
def test_no_text_breaks_the_comparison(text: str) -> None:
    stored = keys.digest("pvc_01234567_" + "0" * 43, pepper="pepper")
    encodable = text.encode("utf-8", "replace").decode()
    assert not keys.matches(stored, encodable, pepper="pepper")
    assert keys.key_id_of(text) is None


# ----------------------------------------------------------------------------- as stored
def every_row() -> str:
    """All rows of all tables, as PostgreSQL writes them; bytes are hex there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace ORDER BY 1"
        )
        tables = [table for (table,) in cursor.fetchall()]
        rows: list[str] = []
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {table} t")  # noqa: S608 — names out of the catalogue
            rows += [row for (row,) in cursor.fetchall()]
    return "\n".join(rows)


def test_the_text_of_a_key_is_nowhere_in_the_database(as_admin: Client, settings: Any) -> None:
    made = as_admin.post("/api-keys", {"name": "ci", "scopes": ["prompts:read"]}, Idempotency_Key="once")
    text = json_of(made)["key"]
    assert Client(text).get("/prompts").status_code == 200
    secret = text.split("_")[2]
    dump = every_row()
    assert json_of(made)["keyId"] in dump
    assert keys.digest(text, pepper=settings.API_KEY_PEPPER).hex() in dump
    for trace in (secret, secret.encode().hex(), settings.API_KEY_PEPPER, hashlib.sha256(text.encode()).hexdigest()):
        assert trace not in dump


# ----------------------------------------------------------------------------- at the door
def mutations(text: str, count: int, seed: int) -> list[str]:
    """`count` Authorization values close to that of a key, none of them valid."""
    source = random.Random(seed)
    alphabet = string.digits + string.ascii_letters
    swap = {letter: letter.swapcase() for letter in string.ascii_letters}

    def replaced(place: int, new: str) -> str:
        return text[:place] + new + text[place + 1 :]

    kinds: list[Callable[[int], str]] = [
        lambda place: replaced(place, source.choice(alphabet)),
        lambda place: replaced(place, swap.get(text[place], "0")),
        lambda place: replaced(place, ""),
        lambda place: replaced(place, text[place] * 2),
        lambda place: replaced(place, source.choice(" \t'\"%;-_,\\é١ａ\u200b")),
        lambda place: text[:place],
        lambda place: text[place:],
        lambda _: text[:4] + "".join(source.choices(alphabet, k=8)) + text[12:],
        lambda _: text[:13] + "".join(source.choices(alphabet, k=43)),
        lambda _: text + source.choice(alphabet),
        lambda _: f"{text} {text}",
        lambda _: f"{text},{text}",
    ]
    found: dict[str, None] = {}
    while len(found) < count - 8:
        mutated = source.choice(kinds)(source.randrange(len(text)))
        if mutated.strip() != text:
            found[f"Bearer {mutated}"] = None
    others = ["Bearer", "Bearer ", "", text, f"Basic {text}", f"Token {text}", f"Bearer{text}", f"Bearer: {text}"]
    return [*found, *others]


def what_is_said(response: HttpResponse) -> tuple[int, dict[str, Any], dict[str, str]]:
    """An answer without what differs from request to request."""
    body = json.loads(response.content)
    assert body.pop("requestId")
    assert body.pop("timestamp")
    headers = dict(response.items())
    assert headers.pop("X-Request-Id")
    return response.status_code, body, headers


@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_keys_that_are_almost_right_get_the_same_answer(as_admin: Client, seed: int) -> None:
    assert as_admin.key
    assert as_admin.get("/prompts").status_code == 200
    expected = what_is_said(Client(None).get("/prompts"))
    assert expected[0] == 401
    assert expected[1] == {
        "error": {"code": "UNAUTHORIZED", "message": "Send a valid API key: Authorization: Bearer pvc_..."}
    }
    assert expected[2]["WWW-Authenticate"] == "Bearer"
    attempts = mutations(as_admin.key, 200, seed)
    assert len(attempts) == 200
    for attempt in attempts:
        assert what_is_said(Client(None).get("/prompts", Authorization=attempt)) == expected, attempt


def expire(key: ApiKey) -> None:
    now = timezone.now()
    ApiKey.objects.filter(pk=key.pk).update(created_at=now - timedelta(days=2), expires_at=now)


def revoke(key: ApiKey) -> None:
    actions.revoke_api_key(key, by=Actor.command(key.tenant))


def deactivate_owner(key: ApiKey) -> None:
    User.objects.filter(pk=key.owner_id).update(is_active=False)


def suspend_tenant(key: ApiKey) -> None:
    Tenant.objects.filter(pk=key.tenant_id).update(is_suspended=True)


@pytest.mark.parametrize("end", [expire, revoke, deactivate_owner, suspend_tenant])
def test_an_ended_key_is_answered_like_an_unknown_one(as_admin: Client, admin: Actor, end: Any) -> None:
    assert as_admin.get("/prompts").status_code == 200
    end(admin.api_key)
    unknown = Client(keys.generate().text)
    assert what_is_said(as_admin.get("/prompts")) == what_is_said(unknown.get("/prompts"))
    assert error_of(as_admin.post("/prompts", {"name": "a", "template": "b"}))["code"] == "UNAUTHORIZED"


def test_a_key_lives_until_its_expiry(as_admin: Client, admin: Actor) -> None:
    assert admin.api_key
    ApiKey.objects.filter(pk=admin.api_key.pk).update(expires_at=timezone.now() + timedelta(seconds=20))
    assert as_admin.get("/prompts").status_code == 200


def test_a_key_stays_with_its_own_tenant(as_admin: Client, as_eve: Client) -> None:
    as_admin.post("/prompts", {"name": "support", "template": "Help"})
    assert len(json_of(as_admin.get("/prompts"))["data"]) == 1
    assert json_of(as_eve.get("/prompts"))["data"] == []


def test_the_scheme_is_read_in_any_case(as_admin: Client) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert Client(None).get("/prompts", Authorization=f"{scheme} {as_admin.key}").status_code == 200


def test_a_revocation_holds_at_once_in_every_connection(committed: None) -> None:
    tenant = factories.make_tenant()
    actor = factories.make_actor(tenant)
    client = factories.client_of(actor)
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(client.get("/prompts").status_code)
        connections.close_all()

    def ask_elsewhere() -> None:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()

    ask_elsewhere()
    assert client.delete(f"/api-keys/{actor.api_key.pk if actor.api_key else ''}").status_code == 204
    ask_elsewhere()
    ask()
    assert statuses == [200, 401, 401]


# ----------------------------------------------------------------------------- never more than the owner
def test_a_key_loses_at_once_what_its_owner_may_no_longer_do(as_admin: Client, admin: Actor) -> None:
    assert as_admin.post("/prompts", {"name": "one", "template": "a"}).status_code == 201
    admin.author.groups.set([Group.objects.get(name="Operator")])
    refused = as_admin.post("/prompts", {"name": "two", "template": "a"})
    assert refused.status_code == 403
    assert error_of(refused) == {
        "code": "FORBIDDEN",
        "message": "This needs the scope prompts:write.",
        "details": {"scope": "prompts:write"},
    }
    assert as_admin.get("/prompts").status_code == 200
    admin.author.groups.clear()
    assert as_admin.get("/prompts").status_code == 403


def test_a_key_gains_nothing_with_its_owner(acme: Tenant) -> None:
    user = factories.make_user(acme, "carol", "Author")
    client = Client(factories.make_key(user, ["prompts:read"]).text)
    user.groups.set([Group.objects.get(name="Administrator")])
    assert client.get("/prompts").status_code == 200
    assert client.post("/prompts", {"name": "two", "template": "a"}).status_code == 403
    assert client.get("/api-keys").status_code == 403


# ----------------------------------------------------------------------------- last used
def last_used(actor: Actor) -> Any:
    assert actor.api_key
    return ApiKey.objects.get(pk=actor.api_key.pk).last_used_at


def use_ago(actor: Actor, **ago: float) -> Any:
    assert actor.api_key
    then = timezone.now() - timedelta(**ago)
    ApiKey.objects.filter(pk=actor.api_key.pk).update(last_used_at=then)
    return then


def test_the_first_use_of_a_key_is_noted(as_admin: Client, admin: Actor) -> None:
    assert last_used(admin) is None
    before = timezone.now()
    as_admin.get("/prompts")
    assert before <= last_used(admin) <= timezone.now()


def test_a_use_within_the_minute_writes_nothing(as_admin: Client, admin: Actor) -> None:
    then = use_ago(admin, seconds=55)
    with CaptureQueriesContext(connection) as queries:
        as_admin.get("/prompts")
    assert not [query for query in queries if query["sql"].startswith("UPDATE")]
    assert last_used(admin) == then


def test_a_use_after_a_minute_is_noted(as_admin: Client, admin: Actor) -> None:
    then = use_ago(admin, seconds=61)
    as_admin.get("/prompts")
    assert last_used(admin) > then + timedelta(seconds=60)


def test_an_ended_key_is_not_noted_as_used(as_admin: Client, admin: Actor) -> None:
    assert admin.api_key
    revoke(admin.api_key)
    as_admin.get("/prompts")
    assert last_used(admin) is None
