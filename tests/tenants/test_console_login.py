"""The door of the console: who gets in, under which spelling of their name, and who does not."""

import io
import sys
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.test import Client as Browser

from pvc.errors import Invalid, raise_domain_error
from tenants import actions
from tenants.models import Actor, Tenant, User

PASSWORD = "blue-otters-eat-plums"


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def administrator(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> User:
    """Made as the README says."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    arguments = ["--tenant", "acme", "--group", "Administrator", "--console", "--password-stdin"]
    call_command("create_user", "josé", *arguments, stdout=io.StringIO())
    return User.objects.get(username="josé")


def log_in(username: str, password: str = PASSWORD, browser: Browser | None = None) -> Any:
    fields = {"username": username, "password": password}
    return (browser or Browser()).post("/admin/login/?next=/admin/", fields)


def test_the_console_asks_who_is_there(db: None) -> None:
    asked = Browser().get("/admin/")
    assert asked.status_code == 302
    assert asked["Location"].startswith("/admin/login/")
    assert Browser().get("/admin/login/").status_code == 200


@pytest.mark.parametrize(
    "spelling", ["josé", "José", "JOSÉ", "jose\u0301", " josé ", "\uff4aosé", "\uff2aosé", "\u24d9osé"]
)
def test_the_administrator_logs_in_under_any_spelling(administrator: User, spelling: str) -> None:
    browser = Browser()
    answer = log_in(spelling, browser=browser)
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/admin/")
    assert browser.get("/admin/").status_code == 200
    assert browser.session["_auth_user_id"] == str(administrator.pk)


@pytest.mark.parametrize(
    ("username", "password"),
    [("josé", "wrong-otters-eat-plums"), ("jose", PASSWORD), ("nobody", PASSWORD), ("josé", PASSWORD.upper())],
)
def test_a_wrong_name_or_password_gets_the_form_again(administrator: User, username: str, password: str) -> None:
    answer = log_in(username, password)
    assert answer.status_code == 200
    assert b"Please enter the correct username and password" in answer.content


@pytest.mark.parametrize("username", ["a,b", "josé\u200b", "\u2066josé", "x" * 151, "ﷺ" * 9])
def test_a_name_that_nobody_can_have_gets_the_form_again(administrator: User, username: str) -> None:
    answer = log_in(username)
    assert answer.status_code == 200
    assert b'name="password"' in answer.content


def test_who_has_no_console_or_is_not_active_stays_outside(administrator: User) -> None:
    for change in ({"is_staff": False}, {"is_staff": True, "is_active": False}):
        User.objects.filter(pk=administrator.pk).update(**change)
        assert log_in("josé").status_code == 200
    User.objects.filter(pk=administrator.pk).update(is_staff=True, is_active=True)
    assert log_in("josé").status_code == 302


def test_a_service_account_does_not_log_in(acme: Tenant, administrator: User) -> None:
    robot = actions.create_user(
        "robot", groups=["Administrator"], service_owner=administrator, password=PASSWORD, by=Actor.command(acme)
    )
    assert log_in("robot").status_code == 200
    for flag in ("is_staff", "is_superuser"):
        with pytest.raises(Invalid, match="cannot log in to the console"), transaction.atomic():
            give(robot, flag)
    assert log_in("robot").status_code == 200


def give(user: User, flag: str) -> None:
    try:
        User.objects.filter(pk=user.pk).update(**{flag: True})
    except DatabaseError as error:
        raise_domain_error(error)


def test_ten_wrong_passwords_lock_the_name_out_in_every_spelling(administrator: User) -> None:
    spellings = ["josé", "José", "JOSÉ", "\uff4aosé", " josé"]
    for number in range(10):
        log_in(spellings[number % 5], f"guess-number-{number:04}")
    locked = log_in("josé")
    assert locked.status_code in (403, 429)
    assert log_in("\u24d9osé").status_code in (403, 429)
