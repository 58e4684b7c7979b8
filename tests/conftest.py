"""Real PostgreSQL and Redis, people by name.

`DATABASE_URL`, `MIGRATE_DATABASE_URL` and `REDIS_URL` say where the servers are (`./dev test` sets them); a
test that needs one fails without it. Rows written inside a test are rolled back. Tests that need real
commits (threads, several processes) take the fixture `committed`, make a tenant of their own and look at
nothing else, since append-only tables cannot be emptied: they have a database to themselves.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import override_settings
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]  # has no types

from deployments import serving, splits
from prompts.models import Namespace
from pvc import ratelimit, store
from pvc.breaker import redis_breaker
from tenants import generation
from tenants.models import Actor, Tenant, User
from tests import databases, factories
from tests.factories import Client

Made = TypeVar("Made")
#: What makes something, and gives it.
Furnish = Callable[[Callable[[], Made]], Made]


# ----------------------------------------------------------------------------- servers
@pytest.fixture(scope="session", autouse=True)
def _redis_of_this_process(worker_id: str) -> None:
    """A Redis database of this process: what the others ring and count is not heard here."""
    number = 1 + int(worker_id.removeprefix("gw")) % 15 if worker_id.startswith("gw") else 0
    settings.REDIS_URL = urlsplit(settings.REDIS_URL)._replace(path=f"/{number}").geturl()
    store.forget()


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_for_once() -> Iterator[None]:
    """Each test's browser has middleware of its own, and each would search the same folders for the same files."""
    look, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, Any]()

    def look_once(middleware: Any) -> None:
        if not found:
            look(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _what_is_loaded_is_no_garbage() -> None:
    """What is there before the first test stays: the collector does not look through all of it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any, worker_id: str) -> Iterator[None]:
    """The two databases of this process, copied from the migrated template."""
    with django_db_blocker.unblock(), databases.of_process(worker_id):
        yield


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Real commits, in the database for them."""
    with django_db_blocker.unblock(), databases.committing():
        yield


@pytest.fixture(scope="module")
def furnish(django_db_setup: None, django_db_blocker: Any) -> Iterator[Furnish[Any]]:
    """Makes what all tests of a module find as it was made: `copy.deepcopy` what it returns in a fixture of each test.

    Not in a module that takes `committed`, which changes the database.
    """

    def make(what: Callable[[], Made]) -> Made:
        with django_db_blocker.unblock(), override_settings(GENERATION_LEASE=0):
            made = what()
            databases.check()
            return made

    with ExitStack() as until_the_end:
        with django_db_blocker.unblock():
            until_the_end.enter_context(databases.furnished())
        yield make
        with django_db_blocker.unblock():
            until_the_end.close()


@pytest.fixture(autouse=True)
def _plain_ground(settings: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """No waiting for leases, no limits in the way, a closed circuit; nothing remembered of rows rolled back."""
    settings.GENERATION_LEASE = 0
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    redis_breaker.reset()
    ratelimit.forget()
    if "furnish" in request.fixturenames:
        generation.forget()
        serving.KEPT.clear()
        splits.KEPT.clear()
        store.client().flushdb()
    yield
    store.client().close()


# ----------------------------------------------------------------------------- people
@pytest.fixture
def acme(db: None) -> Tenant:
    """A tenant."""
    return factories.make_tenant("acme")


@pytest.fixture
def other(db: None) -> Tenant:
    """Another tenant."""
    return factories.make_tenant("other")


@pytest.fixture
def admin(acme: Tenant) -> Actor:
    """Acme's administrator."""
    return factories.make_actor(acme, "admin", "Administrator")


@pytest.fixture
def alice(acme: Tenant) -> Actor:
    """Writes."""
    return factories.make_actor(acme, "alice", "Author")


@pytest.fixture
def bob(acme: Tenant) -> Actor:
    """Reviews."""
    return factories.make_actor(acme, "bob", "Reviewer")


@pytest.fixture
def eve(other: Tenant) -> Actor:
    """The administrator of another tenant."""
    return factories.make_actor(other, "eve", "Administrator")


@pytest.fixture
def namespace(acme: Tenant) -> Namespace:
    """Acme's `default`: nothing needs approval."""
    return Namespace.objects.get(tenant=acme, slug="default")


@pytest.fixture
def as_admin(admin: Actor) -> Client:
    """The API, with a key of the administrator's."""
    return factories.client_of(admin)


@pytest.fixture
def as_alice(alice: Actor) -> Client:
    return factories.client_of(alice)


@pytest.fixture
def as_bob(bob: Actor) -> Client:
    return factories.client_of(bob)


@pytest.fixture
def as_eve(eve: Actor) -> Client:
    return factories.client_of(eve)


@pytest.fixture
def user_alice(alice: Actor) -> User:
    return alice.author
