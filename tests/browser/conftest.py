"""The console in a real Chromium, against the product behind its real web server."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.cookies import Morsel
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, sync_playwright
from pytest_django import DjangoDbBlocker

from prompts.models import Namespace
from tenants.models import Actor, Tenant, User
from tests import databases, factories
from tests.live import serving

PASSWORD = "blue-otters-eat-plums"
#: The folder of the pictures that the documents show. They are made anew by
#: SCREENSHOTS=$PWD/docs/images ./dev test -n0 tests/browser -k a_reviewers_day
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
#: For how long something may not be there yet, in milliseconds.
WAIT = 15_000
#: Where Debian's and other packages put it.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MISSING = "No Chromium is found. On Debian: apt-get install chromium"


def chromium() -> str:
    """The browser of this machine. Without one these tests fail."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert found is not None, MISSING
    return found


@dataclass
class Watched:
    """What went wrong in the browser while a test ran."""

    faults: list[str] = field(default_factory=list)
    #: What the browser says by itself where a test asks for a refusal.
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page, address: str) -> None:
        """From here on: script errors, what the policy forbids, requests to anywhere else."""
        host = urlsplit(address).netloc
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("console", self._heard)
        page.on("request", lambda sent: self._of(sent.url, host))
        page.on("dialog", self._asked)
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', "
            "(event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )

    def _heard(self, said: ConsoleMessage) -> None:
        if said.type == "error" and said.text not in self.expected:
            self.faults.append(f"console: {said.text}")

    def _asked(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _of(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != host:
            self.faults.append(f"foreign request: {url}")


@dataclass
class Console:
    """Somebody's browser, and where the console is."""

    address: str
    browser: Browser
    watched: Watched
    tenant: Tenant
    contexts: list[BrowserContext] = field(default_factory=list)

    def called(self, name: str) -> str:
        """The name of somebody in this tenant: nobody else in the installation has it. In pictures it is short."""
        return name if SCREENSHOTS else f"{name}-{self.tenant.slug}"

    def as_person(self, name: str, *, width: int = 1280, **options: Any) -> Page:
        """A new window of this person, who has logged in before."""
        page = self._window(width, **options)
        session = self._session_of(name)
        page.context.add_cookies([{"name": session.key, "value": session.value, "url": self.address}])
        page.goto(f"{self.address}/admin/")
        return page

    def log_in(self, name: str, page: Page | None = None) -> Page:
        """A window in which this person logs in, as people do; a new one where none is given."""
        user = User.objects.get(username=self.called(name))
        user.set_password(PASSWORD)
        user.save()
        page = page or self._window(1280)
        page.goto(f"{self.address}/admin/")
        page.fill("input[name=username]", user.username)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(f"{self.address}/admin/")
        return page

    def _window(self, width: int, **options: Any) -> Page:
        context = self.browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.contexts.append(context)
        context.set_default_timeout(WAIT)
        page = context.new_page()
        self.watched.watch(page, self.address)
        return page

    def _session_of(self, name: str) -> "Morsel[str]":
        """The cookie of somebody who is logged in."""
        client = Client()
        client.force_login(User.objects.get(username=self.called(name)), backend="tenants.console.ConsoleBackend")
        return client.cookies[settings.SESSION_COOKIE_NAME]


@pytest.fixture(scope="session")
def started() -> Iterator[Browser]:
    """One Chromium for all tests of this process, with a fresh profile."""
    # Playwright runs a loop in this thread; Django, seeing it, would refuse to touch the database from the test itself.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """One web server for all tests of this process, on the database for what is committed: its address."""
    with ExitStack() as until_the_end:
        with django_db_blocker.unblock(), databases.committing():
            off = {"RATE_LIMIT_CONSOLE": "0", "RATE_LIMIT_ANONYMOUS": "0"}
            address = until_the_end.enter_context(serving(environment=off))
        yield address


@pytest.fixture
def console(served: str, committed: None, settings: Any, started: Browser) -> Iterator[Console]:
    """A tenant with alice, who writes, bob, who reviews, and ada, who administers; and nothing else."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    console = Console(served, started, Watched(), factories.make_tenant())
    yield console
    for context in console.contexts:
        context.close()
    assert console.watched.faults == []


Person = Callable[..., Actor]


@pytest.fixture
def person(console: Console) -> Person:
    """Makes a person who may log in to the console."""

    def make(name: str, *groups: str) -> Actor:
        actor = factories.make_actor(console.tenant, console.called(name), *groups)
        user = User.objects.get(pk=actor.author.pk)
        user.is_staff = True
        user.save()
        return actor

    return make


@pytest.fixture
def default(console: Console) -> Namespace:
    return Namespace.objects.get(tenant=console.tenant, slug="default")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where a test puts its pictures."""
    return Path(SCREENSHOTS or tmp_path)


def serious(page: Page) -> list[str]:
    """What axe-core calls serious or critical on a page, each with where it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
