"""Real PostgreSQL and Redis, one database a process from a migrated template, people by name.

`DATABASE_URL`, `MIGRATE_DATABASE_URL` and `REDIS_URL` say where the servers are (`./dev test` sets them); a
test that needs one fails without it. Rows written inside a test are rolled back; tests that need real
commits (threads, several processes) take the fixture `committed`, make a tenant of their own and look at
nothing else, since append-only tables cannot be emptied.
"""

import fcntl
import hashlib
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from prompts.models import Namespace
from pvc import ratelimit, store
from pvc.breaker import redis_breaker
from tenants.models import Actor, Tenant, User
from tests import factories
from tests.factories import Client

REPOSITORY = Path(__file__).resolve().parent.parent


# ----------------------------------------------------------------------------- databases
def _owner(database: str) -> psycopg.Connection[Any]:
    config = settings.DATABASES["owner"]
    return psycopg.connect(
        host=config["HOST"],
        port=config["PORT"] or 5432,
        user=config["USER"],
        password=config["PASSWORD"],
        dbname=database,
        autocommit=True,
    )


def _template_name() -> str:
    """The migrations' own name: a changed migration makes a new template."""
    digest = hashlib.sha256()
    for migration in sorted(REPOSITORY.glob("*/migrations/*.py")):
        digest.update(migration.read_bytes())
    return f"pvc_template_{digest.hexdigest()[:12]}"


def _use(name: str) -> None:
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def _make_template(maintenance: str, template: str) -> None:
    """Migrate once for all processes of a run; the others wait at the lock."""
    with Path(tempfile.gettempdir(), f"{template}.lock").open("w") as lock, _owner(maintenance) as owner:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchone():
            return
        unfinished = f"{template}_unfinished"
        owner.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(unfinished)))
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(unfinished)))
        _use(unfinished)
        call_command("migrate", verbosity=0, interactive=False)
        for alias in connections:
            connections[alias].close()
        owner.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(unfinished), sql.Identifier(template))
        )


@pytest.fixture(scope="session", autouse=True)
def _redis_of_this_process(worker_id: str) -> None:
    """A Redis database of this process: what the others ring and count is not heard here."""
    number = 1 + int(worker_id.removeprefix("gw")) % 15 if worker_id.startswith("gw") else 0
    settings.REDIS_URL = urlsplit(settings.REDIS_URL)._replace(path=f"/{number}").geturl()
    store.forget()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any, worker_id: str) -> Iterator[None]:
    """A database of this process, copied from the migrated template."""
    maintenance: str = settings.DATABASES["owner"]["NAME"]
    template = _template_name()
    name = f"pvc_test_{worker_id}_{uuid.uuid4().hex[:8]}"
    with django_db_blocker.unblock():
        _make_template(maintenance, template)
        with _owner(maintenance) as owner:
            owner.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        _use(name)
    yield
    with django_db_blocker.unblock():
        _use(maintenance)
        with _owner(maintenance) as owner:
            owner.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Real commits, and no flush afterwards: the test looks at its own tenant alone."""
    with django_db_blocker.unblock():
        yield
        for alias in connections:
            connections[alias].close()


@pytest.fixture(autouse=True)
def _plain_ground(settings: Any) -> Iterator[None]:
    """No waiting for leases, no limits in the way, a closed circuit."""
    settings.GENERATION_LEASE = 0
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    redis_breaker.reset()
    ratelimit.forget()
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
