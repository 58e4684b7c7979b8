"""Two databases a test process, copied from a template that is migrated once for all processes.

One for the tests whose rows are rolled back, always as the migrations leave it; one for those that commit.
"""

import fcntl
import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections, transaction
from psycopg import sql

REPOSITORY = Path(__file__).resolve().parent.parent
_names: dict[str, str] = {}


@contextmanager
def of_process(worker: str) -> Iterator[None]:
    """Make both, use the first, drop both."""
    maintenance: str = settings.DATABASES["owner"]["NAME"]
    template = _template_name()
    _make_template(maintenance, template)
    unique = uuid.uuid4().hex[:8]
    _names.update(rolled_back=f"pvc_test_{worker}_{unique}", committed=f"pvc_committed_{worker}_{unique}")
    with _connected(maintenance) as owner:
        for name in _names.values():
            _execute(owner, "CREATE DATABASE {} TEMPLATE {}", name, template)
    _use(_names["rolled_back"])
    yield
    _use(maintenance)
    for alias in connections:
        with _connected(maintenance, alias) as role:
            role.execute(_END_SESSIONS, [list(_names.values())])
    with _connected(maintenance) as owner:
        for name in _names.values():
            _execute(owner, "DROP DATABASE {}", name)


@contextmanager
def committing() -> Iterator[None]:
    """Use the database for what is committed."""
    _use(_names["committed"])
    try:
        yield
    finally:
        _use(_names["rolled_back"])


@contextmanager
def furnished() -> Iterator[None]:
    """What is written before the first test stays until the end: each test is rolled back to it, then it goes too.

    It is in a transaction that is not committed, so nothing may close the connection meanwhile.
    """
    rows: Any = transaction.atomic()
    rows._from_testcase = True  # as TestCase marks its own: a unit of work may begin in it
    with rows:
        with connection.cursor() as cursor:  # it stands idle while tests do something else
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield
        transaction.set_rollback(True)


def check() -> None:
    """Ask the deferred constraints now, once for all that was written."""
    connection.check_constraints()


def _use(name: str) -> None:
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


#: Each role ends its own. DROP … WITH (FORCE) would try the cleaner's too, and may not.
_END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = ANY(%s) AND usename = current_user AND pid <> pg_backend_pid()
"""


def _connected(database: str, alias: str = "owner") -> psycopg.Connection[Any]:
    config = settings.DATABASES[alias]
    return psycopg.connect(
        host=config["HOST"],
        port=config["PORT"] or 5432,
        user=config["USER"],
        password=config["PASSWORD"],
        dbname=database,
        autocommit=True,
    )


def _execute(owner: psycopg.Connection[Any], statement: str, *names: str) -> None:
    owner.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _template_name() -> str:
    """The migrations' own name: a changed migration makes a new template."""
    digest = hashlib.sha256()
    for migration in sorted(REPOSITORY.glob("*/migrations/*.py")):
        digest.update(migration.read_bytes())
    return f"pvc_template_{digest.hexdigest()[:12]}"


def _make_template(maintenance: str, template: str) -> None:
    """Migrate once for all processes of a run; the others wait at the lock."""
    with (
        Path(tempfile.gettempdir(), f"{template}-{os.getuid()}.lock").open("w") as lock,
        _connected(maintenance) as owner,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchone():
            return
        unfinished = f"{template}_unfinished"
        _execute(owner, "DROP DATABASE IF EXISTS {}", unfinished)
        _execute(owner, "CREATE DATABASE {} TEMPLATE template0", unfinished)
        _use(unfinished)
        call_command("migrate", verbosity=0, interactive=False)
        _use(maintenance)
        _execute(owner, "ALTER DATABASE {} RENAME TO {}", unfinished, template)
