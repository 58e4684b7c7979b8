"""Logging in to the console through a provider: who gets in, and whatever a token may lie about."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tenants.models import Actor, User
from tests import factories
from tests.live import serving
from tests.tenants.oidc_provider import Provider, providing

pytestmark = pytest.mark.full


class Place(NamedTuple):
    """A console that asks a provider."""

    address: str
    provider: Provider
    alice: Actor


@pytest.fixture(scope="module")
def started() -> Iterator[Provider]:
    with providing() as provider:
        yield provider


@pytest.fixture
def place(committed: None, started: Provider) -> Iterator[Place]:
    """Alice may use the console, and has no password; eve of another tenant may not."""
    alice = factories.make_actor(factories.make_tenant(), "", "Reviewer")
    User.objects.filter(pk=alice.author.pk).update(is_staff=True, password="!")
    started.username = alice.name
    started.claims, started.said, started.other_key = {}, {}, None
    with serving(environment=started.environment()) as address:
        yield Place(address, started, alice)


def log_in(place: Place) -> httpx2.Response:
    """What a browser ends at."""
    with httpx2.Client(follow_redirects=True, timeout=20) as browser:
        return browser.get(f"{place.address}/admin/oidc/authenticate/", params={"next": "/admin/library/"})


def test_whom_the_provider_names_is_let_in_and_led_on(place: Place) -> None:
    with httpx2.Client(timeout=20) as browser:
        assert "Log in with Example ID" in browser.get(f"{place.address}/admin/login/").text
    place.provider.username = place.alice.name.upper()
    page = log_in(place)
    assert (page.status_code, page.url.path) == (200, "/admin/library/")
    assert place.alice.name in page.text


LIES: dict[str, dict[str, Any]] = {
    "somebody unknown": {"username": "nobody-here"},
    "no name at all": {"said": {"preferred_username": None}},
    "a name that is none": {"username": "a\u0000b"},
    "another issuer": {"claims": {"iss": "https://elsewhere.example"}},
    "for another service": {"claims": {"aud": "another"}},
    "an old token": {"claims": {"exp": int(time.time()) - 600}},
    "another nonce": {"claims": {"nonce": "guessed"}},
    "information on another person": {"said": {"sub": "subject-2"}},
    "another key": {"other_key": rsa.generate_private_key(65537, 2048)},
}


def test_nobody_else_is_let_in(place: Place) -> None:
    found = {}
    for name, lie in LIES.items():
        place.provider.username, place.provider.other_key = place.alice.name, None
        place.provider.claims, place.provider.said = {}, {}
        for attribute, value in lie.items():
            setattr(place.provider, attribute, value)
        page = log_in(place)
        found[name] = page.status_code in (200, 400) and place.alice.name not in page.text
    assert found == dict.fromkeys(LIES, True)


@pytest.mark.parametrize(
    "change",
    [{"is_staff": False}, {"is_active": False}, {"tenant__is_suspended": True}],
    ids=lambda each: next(iter(each)),
)
def test_whoever_may_not_use_the_console_is_told_so(place: Place, change: dict[str, Any]) -> None:
    if "tenant__is_suspended" in change:
        place.alice.tenant.is_suspended = True
        place.alice.tenant.save()
    else:
        User.objects.filter(pk=place.alice.author.pk).update(**change)
    page = log_in(place)
    assert page.url.path == "/admin/login/"
    assert "nobody of that name may use this console" in page.text


def test_a_provider_that_is_gone_is_said(committed: None) -> None:
    with providing() as provider:
        environment = provider.environment()
    environment["OIDC_AUTHORIZATION_ENDPOINT"] = "http://127.0.0.1:9/authorize"
    with serving(environment=environment) as address, httpx2.Client(timeout=20) as browser:
        sent = browser.get(f"{address}/admin/oidc/authenticate/")
        state = dict(part.split("=") for part in sent.headers["Location"].partition("?")[2].split("&"))["state"]
        page = browser.get(f"{address}/admin/oidc/callback/", params={"code": "x", "state": state})
    assert page.status_code == 503
    assert "The log-in provider cannot be reached." in page.text
