"""What is true of every page and every button of the console, whichever are added."""

import copy
import itertools
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client as Browser

from tenants.models import Actor, Tenant
from tests import factories
from tests.conftest import Furnish
from tests.console.routes import BUTTONS, PAGES, ROUTES, Route, logged_in, things_of

#: Rows that a reader's visit may change.
NOTED = {"django_session", "axes_accesslog", "axes_accessattempt", "tenants_user"}


class Laid(NamedTuple):
    """Two tenants' administrators, and the things of each."""

    admin: Actor
    things: dict[str, Any]
    eve: Actor
    theirs: dict[str, Any]


@pytest.fixture(scope="module")
def made(furnish: Furnish[Laid]) -> Laid:
    def make() -> Laid:
        admin, eve = (
            factories.make_actor(factories.make_tenant(tenant), name, "Administrator")
            for tenant, name in (("acme", "admin"), ("other", "eve"))
        )
        return Laid(admin, things_of(admin), eve, things_of(eve))

    return furnish(make)


@pytest.fixture
def laid(db: None, made: Laid) -> Laid:
    return copy.deepcopy(made)


@pytest.fixture
def admin(laid: Laid) -> Actor:
    return laid.admin


@pytest.fixture
def acme(laid: Laid) -> Tenant:
    return laid.admin.tenant


@pytest.fixture
def things(laid: Laid) -> dict[str, Any]:
    return laid.things


def rows() -> dict[str, Any]:
    """A fingerprint of every table of ours."""
    names = {model._meta.db_table for model in apps.get_models() if model._meta.managed} - NOTED
    fingerprint = "SELECT '{0}', md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM \"{0}\" t"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(map(fingerprint.format, sorted(names))))
        return dict(cursor.fetchall())


def of_tenants(routes: list[Route]) -> list[Route]:
    return [each for each in routes if not each.is_for_staff]


@pytest.mark.parametrize("route", of_tenants(PAGES), ids=lambda each: each.name)
def test_a_page_is_shown_in_few_queries_and_changes_nothing(
    admin: Actor, things: dict[str, Any], route: Route, django_assert_max_num_queries: Any
) -> None:
    browser, before = logged_in(admin), rows()
    with django_assert_max_num_queries(30):
        answer = browser.get(route.address(things))
    assert answer.status_code == 200
    assert rows() == before


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.name)
def test_nobody_gets_in_without_a_log_in(db: None, things: dict[str, Any], route: Route) -> None:
    before = rows()
    answer = Browser().generic("POST" if route.is_button else "GET", route.address(things))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
    assert rows() == before


@pytest.mark.parametrize("route", BUTTONS, ids=lambda each: each.name)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_button_is_pressed_by_post_alone(admin: Actor, things: dict[str, Any], route: Route, method: str) -> None:
    before = rows()
    assert logged_in(admin).generic(method, route.address(things)).status_code in (404, 405)
    assert rows() == before


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.name)
def test_nothing_is_taken_without_a_csrf_token(admin: Actor, things: dict[str, Any], route: Route) -> None:
    before = rows()
    browser = logged_in(admin, enforce_csrf_checks=True)
    assert browser.post(route.address(things), {"reason": "a reason that is long enough"}).status_code == 403
    assert rows() == before


@pytest.mark.parametrize("route", [each for each in ROUTES if each.parameters], ids=lambda each: each.name)
def test_another_tenants_things_are_not_there(laid: Laid, route: Route) -> None:
    """Each id in turn is that of another tenant; the answer is a refusal that says nothing, and nothing changes."""
    browser = logged_in(laid.eve)
    before = rows()
    for name in route.parameters:
        if name.endswith("_id"):
            address = route.address(laid.theirs | {name: laid.things[name]})
            answer = browser.generic("POST" if route.is_button else "GET", address)
            assert answer.status_code in (302, 404)
            assert answer.status_code == 404 or answer["Location"] == "/admin/"
    assert rows() == before


@pytest.mark.parametrize("route", of_tenants(ROUTES), ids=lambda each: each.name)
def test_whoever_holds_no_right_is_refused(acme: Tenant, things: dict[str, Any], route: Route) -> None:
    nobody = factories.make_actor(acme, "nobody", "Author")
    nobody.author.groups.clear()
    before = {name: each for name, each in rows().items() if name not in ("audit_auditentry", "audit_audithead")}
    answer = logged_in(nobody).generic("POST" if route.is_button else "GET", route.address(things))
    assert answer.status_code == 403
    after = rows()
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    "route", [each for each in BUTTONS if getattr(each.view, "decides", False)], ids=lambda each: each.name
)
def test_what_decides_asks_for_the_password_of_an_old_session(
    admin: Actor, things: dict[str, Any], route: Route
) -> None:
    browser = logged_in(admin)
    session = browser.session
    session["password_at"] = 0
    session.save()
    before = rows()
    answer = browser.post(route.address(things), {"reason": "a reason that is long enough"}, follow=True)
    assert "give your password to decide" in answer.content.decode() or "log in again" in answer.content.decode()
    assert rows() == before


#: Buttons that neither decide, nor move production, nor hand out power.
WITHOUT_PASSWORD = {
    *("choose-tenant", "unarchive", "set-tag", "try-out", "verify-log", "checkpoint"),
    *("make-prompt", "begin-draft", "check-draft", "save-draft", "discard-draft"),
    *("ask", "replace-pre-prod", "merge-pre-prod"),
    *("evaluate", "create-case", "change-case", "delete-case"),
    *("test-webhook", "replay-webhook", "redeliver"),
    *("rename-deployment", "pause-deployment"),
}


def test_every_other_button_asks_for_it() -> None:
    assert {each.name for each in BUTTONS if not getattr(each.view, "decides", False)} == WITHOUT_PASSWORD


def test_every_name_is_used_once() -> None:
    names = [each.name for each in ROUTES]
    assert [name for name, run in itertools.groupby(sorted(names)) if len(list(run)) > 1] == []
    assert len(BUTTONS) > 5 < len(PAGES)
