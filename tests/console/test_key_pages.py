"""API keys in the console: listed, issued with the text shown once, narrowed, revoked."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEntry
from tenants import actions
from tenants.console import FRESH_SECONDS
from tenants.models import Actor, ApiKey, Tenant, User
from tenants.scopes import SCOPES
from tests import factories
from tests.console.routes import logged_in
from tests.factories import Client

KEYS = reverse("console:keys")
NEW = reverse("console:new-key")
ISSUE = reverse("console:issue-key")
TEXT = re.compile(r"pvc_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}")


@pytest.fixture
def robot(acme: Tenant, admin: Actor) -> User:
    return actions.create_user("robot", groups=["Author"], service_owner=admin.author, by=Actor.command(acme))


@pytest.fixture
def key(robot: User) -> ApiKey:
    return factories.make_key(robot, ["prompts:read", "prompts:write"]).row


def press(browser: Browser, address: str, page: str, **fields: Any) -> str:
    """Press a button that stands on a page; gives what the next page says."""
    answer = browser.post(address, fields, headers={"referer": f"http://testserver{page}"})
    assert answer.status_code == 302, answer.content
    return " ".join(re.sub(r"<[^>]+>", " ", browser.get(answer["Location"]).content.decode()).split())


def on(key: ApiKey, name: str = "key") -> str:
    return reverse(f"console:{name}", args=[key.pk])


def later(**ago: float) -> str:
    """A moment as a browser's field sends it."""
    return f"{timezone.now() + timedelta(**ago):%Y-%m-%dT%H:%M}"


# ----------------------------------------------------------------------------- seeing
@pytest.mark.parametrize("address", [KEYS, NEW])
def test_keys_are_for_administrators(alice: Actor, bob: Actor, admin: Actor, address: str) -> None:
    assert [logged_in(each).get(address).status_code for each in (alice, bob, admin)] == [403, 403, 200]


def test_each_key_is_listed_with_its_state(admin: Actor, robot: User, eve: Actor) -> None:
    def make(name: str, owner: User = admin.author, **columns: Any) -> None:
        row = actions.create_api_key(name, owner=owner, scopes=["prompts:read"], by=Actor.command(admin.tenant)).row
        ApiKey.objects.filter(pk=row.pk).update(**columns)

    ago = timezone.now() - timedelta(days=2)
    make("used")
    make("ended", created_at=ago, expires_at=ago + timedelta(days=1))
    make("revoked", revoked_at=ago)
    make("sleeping", owner=robot)
    User.objects.filter(pk=robot.pk).update(is_active=False)
    rows = logged_in(admin).get(KEYS).context["part"].rows
    states = {key.name: key.state for key in rows}
    assert states == {
        "used": "in use",
        "ended": "expired",
        "revoked": "revoked",
        "sleeping": "asleep",
        "test": "in use",
    }
    assert eve.api_key not in rows


def test_a_key_is_found_by_its_name_its_id_and_its_owner(admin: Actor, key: ApiKey) -> None:
    browser = logged_in(admin)
    for search in ("TES", key.key_id, f"key:{key.key_id}", f"pvc_{key.key_id}_", "Robot"):
        assert key in browser.get(KEYS, {"search": search}).context["part"].rows, search
    assert browser.get(KEYS, {"search": "nobody's"}).context["part"].rows == []
    assert b"No key fits" in browser.get(KEYS, {"search": "nobody's"}).content


def test_the_list_takes_as_many_queries_for_many_keys(
    admin: Actor, robot: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        factories.make_key(robot)
    browser = logged_in(admin)
    with django_assert_max_num_queries(10):
        assert len(browser.get(KEYS).context["part"].rows) == 31


def test_a_scope_that_the_owner_does_not_have_is_not_in_force(admin: Actor, robot: User) -> None:
    key = factories.make_key(robot, ["prompts:read", "audit:read"]).row
    page = logged_in(admin).get(on(key)).content.decode()
    assert page.count("Not in force: its owner may not.") == 1


# ----------------------------------------------------------------------------- issuing
def issued(browser: Browser, **fields: Any) -> tuple[str, Any]:
    """The text of a new key, and the answer that shows it."""
    answer = browser.post(ISSUE, fields)
    assert answer.status_code == 200, answer
    (text,) = set(TEXT.findall(answer.content.decode()))
    return text, answer


def test_a_key_is_issued_and_opens_what_it_says(admin: Actor) -> None:
    text, _ = issued(logged_in(admin), name="ci", owner="admin", scopes=["prompts:read"], expiresAt=later(days=3))
    row = ApiKey.objects.get(name="ci")
    assert (row.owner, row.issued_by, row.scopes) == (admin.author, admin.author, ["prompts:read"])
    assert row.expires_at is not None
    assert timedelta(days=2, hours=23) < row.expires_at - timezone.now() < timedelta(days=3)
    assert Client(text).get("/prompts").status_code == 200
    assert Client(text).post("/prompts", {"name": "x", "template": "y"}).status_code == 403


def test_a_key_for_a_service_account_is_the_accounts(admin: Actor, robot: User) -> None:
    issued(logged_in(admin), name="ci", owner="robot", scopes=["prompts:read"])
    row = ApiKey.objects.get(name="ci")
    assert (row.owner, row.issued_by, row.expires_at) == (robot, admin.author, None)


def test_the_text_of_a_key_is_on_one_page_and_nowhere_else(admin: Actor) -> None:
    browser = logged_in(admin)
    text, answer = issued(browser, name="ci", owner="admin", scopes=["prompts:read"])
    assert "no-store" in answer["Cache-Control"]
    assert "Location" not in answer
    secret = text.split("_")[2]
    row = ApiKey.objects.get(name="ci")
    for page in (KEYS, NEW, on(row), reverse("console:log"), reverse("console:home")):
        assert secret not in browser.get(page).content.decode()
    assert all(secret not in str(session.get_decoded()) for session in Session.objects.all())
    assert secret not in str(AuditEntry.objects.filter(target=str(row.pk)).values())
    assert browser.get(ISSUE).status_code == 405


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"owner": "bob"}, "A key belongs to whoever makes it, or to a service account of theirs."),
        ({"owner": "eve"}, "There is no such member of this tenant."),
        ({"owner": ""}, "There is no such member of this tenant."),
        ({"scopes": []}, "Ensure this field has at least 1 elements."),
        ({"scopes": ["gateway"]}, "you do not hold gateway"),
        ({"scopes": ["root"]}, "Unknown scope root."),
        ({"name": ""}, "This field may not be blank."),
        ({"expiresAt": "2020-01-01T00:00"}, "The expiry must lie in the future."),
        ({"expiresAt": "soon"}, "Datetime has wrong format."),
    ],
)
def test_what_is_no_key_is_refused_in_words(
    admin: Actor, bob: Actor, eve: Actor, robot: User, fields: dict[str, Any], said: str
) -> None:
    before = ApiKey.objects.count()
    sent = {"name": "ci", "owner": "admin", "scopes": ["prompts:read"], **fields}
    assert said in press(logged_in(admin), ISSUE, NEW, **sent)
    assert ApiKey.objects.count() == before


def test_platform_staff_issue_no_keys(acme: Tenant, robot: User, admin: Actor) -> None:
    staff = User.objects.create(username="operator", is_staff=True, is_superuser=True)
    browser = Browser()
    browser.force_login(staff, backend="tenants.console.ConsoleBackend")
    browser.post(reverse("console:choose-tenant", args=[acme.pk]))
    shown = browser.get(NEW).context
    assert list(shown["owners"]) == []
    for owner in ("robot", "admin"):
        assert "belongs to whoever makes it" in press(browser, ISSUE, NEW, name="ci", owner=owner, scopes=["admin"])
    assert not ApiKey.objects.filter(name="ci").exists()


def test_a_key_is_offered_every_scope_that_its_maker_has(admin: Actor) -> None:
    page = logged_in(admin).get(NEW)
    assert [scope for scope, _ in page.context["scopes"]] == [scope for scope in SCOPES if scope != "gateway"]
    assert all(f'value="{scope}"' in page.content.decode() for scope in admin.scopes)


# ----------------------------------------------------------------------------- narrowing and revoking
def test_a_key_is_narrowed(admin: Actor, key: ApiKey) -> None:
    said = press(logged_in(admin), on(key, "narrow-key"), on(key), scopes=["prompts:read"], expiresAt=later(days=1))
    assert "is narrower now" in said
    key.refresh_from_db()
    assert key.scopes == ["prompts:read"]
    assert key.expires_at is not None
    assert key.expires_at < timezone.now() + timedelta(days=1)
    entry = AuditEntry.objects.get(target=str(key.pk), verb="api_key.narrowed")
    assert (entry.actor, entry.via, entry.data["scopes"]) == ("admin", "console", ["prompts:read"])


def test_a_key_that_is_left_as_it_is_is_not_written(admin: Actor, key: ApiKey) -> None:
    said = press(logged_in(admin), on(key, "narrow-key"), on(key), scopes=key.scopes, expiresAt="")
    assert "That is what it may do already." in said
    assert not AuditEntry.objects.filter(verb="api_key.narrowed").exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scopes": ["prompts:read", "admin"]}, "it does not have admin"),
        ({"scopes": []}, "Ensure this field has at least 1 elements."),
        ({"scopes": ["prompts:read"], "expiresAt": "2020-01-01T00:00"}, "The expiry must lie in the future."),
    ],
)
def test_a_key_gets_no_wider(admin: Actor, key: ApiKey, fields: dict[str, Any], said: str) -> None:
    assert said in press(logged_in(admin), on(key, "narrow-key"), on(key), **fields)
    assert ApiKey.objects.get(pk=key.pk).scopes == key.scopes


def test_a_key_is_revoked_once(admin: Actor, key: ApiKey) -> None:
    browser = logged_in(admin)
    assert "no process takes it any more" in press(browser, on(key, "revoke-key"), on(key))
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert "is revoked already" in press(browser, on(key, "revoke-key"), on(key))
    assert "is revoked already" in press(browser, on(key, "narrow-key"), on(key), scopes=["prompts:read"])
    assert b"Narrow it" not in browser.get(on(key)).content


@pytest.mark.parametrize("name", ["narrow-key", "revoke-key", "issue-key"])
def test_power_is_handed_out_by_whoever_gave_the_password_lately(
    admin: Actor, key: ApiKey, name: str, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    admin.author.set_password("blue-otters-eat-plums")
    admin.author.save()
    browser = logged_in(admin)
    session = browser.session
    session["password_at"] -= FRESH_SECONDS + 1
    session.save()
    before = list(ApiKey.objects.order_by("pk").values())
    address = ISSUE if name == "issue-key" else on(key, name)
    page = NEW if name == "issue-key" else on(key)
    assert b'type="password"' in browser.get(page).content
    said = press(browser, address, page, name="ci", owner="admin", scopes=["prompts:read"])
    assert "give your password" in said
    assert list(ApiKey.objects.order_by("pk").values()) == before


def test_another_tenants_key_is_not_there(admin: Actor, eve: Actor) -> None:
    assert eve.api_key
    browser = logged_in(admin)
    assert browser.get(on(eve.api_key)).status_code == 404
    for name in ("narrow-key", "revoke-key"):
        assert "There is no such API key." in press(browser, on(eve.api_key, name), KEYS, scopes=["prompts:read"])
    assert ApiKey.objects.get(pk=eve.api_key.pk).revoked_at is None
