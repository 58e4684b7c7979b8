"""The commands: an exit code, a sentence, JSON for scripts; and passwords on standard input alone."""

import io
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditEntry
from prompts.models import Namespace, NamespacePolicy
from tenants.models import Actor, ApiKey, Tenant, User
from tests import factories, live
from tests.factories import Client

REPOSITORY = Path(__file__).resolve().parents[2]
COMMANDS = ("create_tenant", "create_user", "create_api_key", "revoke_api_key", "list_api_keys", "create_namespace")
PASSWORD = "blue-otters-eat-plums"


def told(*arguments: str) -> str:
    """What a command prints."""
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def shown(*arguments: str) -> Any:
    """What a command says in JSON."""
    return json.loads(told(*arguments, "--json"))


# ----------------------------------------------------------------------------- tenants and namespaces
def test_a_tenant_is_made_with_a_namespace_that_needs_no_approval(db: None) -> None:
    made = shown("create_tenant", "globex", "--name", "Globex")
    assert made == {"id": made["id"], "slug": "globex", "name": "Globex", "created": True}
    tenant = Tenant.objects.get(pk=made["id"])
    namespace = Namespace.objects.get(tenant=tenant)
    assert (namespace.slug, namespace.policy.number, namespace.policy.required_approvals) == ("default", 1, 0)
    assert NamespacePolicy.objects.filter(tenant=tenant).count() == 1
    verbs = AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq").values_list("verb", "actor", "via")
    assert list(verbs) == [("tenant.created", "system", "command"), ("namespace.created", "system", "command")]


def test_a_tenant_that_exists_is_an_error_unless_that_is_said_to_be_fine(acme: Tenant) -> None:
    with pytest.raises(CommandError, match="already exists"):
        told("create_tenant", "acme")
    assert shown("create_tenant", "acme", "--exists-ok") == {
        "id": str(acme.pk),
        "slug": "acme",
        "name": "acme",
        "created": False,
    }
    assert "was there already" in told("create_tenant", "acme", "--exists-ok")


def test_a_namespace_is_made_with_its_policy(acme: Tenant, admin: Actor) -> None:
    made = shown("create_namespace", "agents", "--tenant", "acme", "--required-approvals", "2", "--as", "Admin")
    namespace = Namespace.objects.get(pk=made["id"])
    assert made == {"id": str(namespace.pk), "slug": "agents", "required_approvals": 2}
    assert (namespace.tenant, namespace.name, namespace.policy.required_approvals) == (acme, "agents", 2)
    assert namespace.policy.changed_by == admin.user
    assert "2 approvals" in told("create_namespace", "other", "--tenant", "acme", "--required-approvals", "2")


def test_a_namespace_made_without_a_word_needs_one_approval(acme: Tenant) -> None:
    told("create_namespace", "agents", "--tenant", "acme")
    assert Namespace.objects.get(tenant=acme, slug="agents").policy.required_approvals == 1


# ----------------------------------------------------------------------------- people
def test_a_person_is_made_in_the_canonical_spelling(acme: Tenant) -> None:
    made = shown("create_user", " \uff23arol", "--tenant", "acme", "--group", "Author", "--group", "Operator")
    user = User.objects.get(pk=made["id"])
    assert made == {"id": str(user.pk), "username": "carol", "groups": ["Author", "Operator"], "created": True}
    assert (user.tenant, user.is_staff, user.is_service) == (acme, False, False)
    assert not user.has_usable_password()


def test_a_password_comes_from_standard_input(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    out = told("create_user", "carol", "--tenant", "acme", "--console", "--password-stdin", "--email", "c@acme.test")
    user = User.objects.get(username="carol")
    assert user.check_password(PASSWORD)
    assert (user.is_staff, user.is_superuser, user.email) == (True, False, "c@acme.test")
    assert PASSWORD not in out
    assert not [entry for entry in AuditEntry.objects.all() if PASSWORD.encode() in bytes(entry.canonical)]


def test_no_command_takes_a_password_as_an_argument(acme: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            call_command(command, "--help")
        options = [word for word in capsys.readouterr().out.replace("[", " ").split() if "password" in word]
        assert all(word.startswith("--password-stdin") or "-" not in word for word in options), command
    with pytest.raises((CommandError, TypeError)):
        told("create_user", "carol", "--tenant", "acme", "--password", PASSWORD)
    assert not User.objects.filter(username="carol").exists()


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short-but-1", "too short"),
        ("", "too short"),
        ("password1234", "too common"),
        ("caroline-carol", "too similar"),
    ],
)
def test_a_weak_password_is_refused(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, password: str, sentence: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(password))
    with pytest.raises(CommandError, match=sentence):
        told("create_user", "caroline-carol", "--tenant", "acme", "--password-stdin")
    assert not User.objects.filter(username__startswith="carol").exists()


def test_a_person_who_exists_is_left_as_they_are_if_that_is_said(acme: Tenant, alice: Actor) -> None:
    with pytest.raises(CommandError, match="already exists"):
        told("create_user", "ALICE", "--tenant", "acme")
    again = shown("create_user", "Alice", "--tenant", "acme", "--group", "Operator", "--exists-ok")
    assert again == {"id": str(alice.author.pk), "username": "alice", "groups": ["Author"], "created": False}


def test_a_service_account_belongs_to_a_person(acme: Tenant, alice: Actor) -> None:
    told("create_user", "robot", "--tenant", "acme", "--service", "--owner", "Alice")
    robot = User.objects.get(username="robot")
    assert (robot.is_service, robot.owner, robot.has_usable_password()) == (True, alice.user, False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create_user", "robot", "--tenant", "acme", "--service"], "--service and --owner"),
        (["create_user", "robot", "--tenant", "acme", "--owner", "alice"], "--service and --owner"),
        (["create_user", "robot", "--tenant", "acme", "--service", "--owner", "nobody"], "no user nobody"),
        (["create_user", "robot", "--tenant", "acme", "--service", "--owner", "eve"], "same tenant"),
        (["create_user", "robot", "--tenant", "acme", "--service", "--owner", "alice", "--console"], "console"),
        (["create_user", "a,b", "--tenant", "acme"], "INVALID_USERNAME"),
        (["create_user", "a", "--tenant", "nowhere"], "no tenant nowhere"),
        (["create_user", "a", "--tenant", "acme", "--email", "e" * 300], "VALIDATION_ERROR"),
        (["create_tenant", "UPPER"], "lower-case"),
        (["create_tenant", ""], "lower-case"),
        (["create_tenant", "a" * 100], "VALIDATION_ERROR"),
        (["create_tenant", "fine", "--name", "n" * 300], "VALIDATION_ERROR"),
        (["create_namespace", "default", "--tenant", "acme"], "already exists"),
        (["create_namespace", "audit", "--tenant", "acme"], "is a route"),
        (["create_namespace", "_x", "--tenant", "acme"], "lower-case"),
        (["create_namespace", "x", "--tenant", "nowhere"], "no tenant nowhere"),
        (["create_namespace", "x", "--tenant", "acme", "--as", "eve"], "no active member"),
        (["create_namespace", "x", "--tenant", "acme", "--as", "nobody"], "no user nobody"),
        (["create_namespace", "x", "--tenant", "acme", "--name", "n" * 300], "VALIDATION_ERROR"),
        (["create_api_key", "ci", "--owner", "nobody", "--all-scopes"], "no user nobody"),
        (["create_api_key", "ci", "--owner", "a,b", "--all-scopes"], "INVALID_USERNAME"),
        (["create_api_key", "ci", "--owner", "staff", "--all-scopes"], "belongs to no tenant"),
        (["create_api_key", "ci", "--owner", "alice"], "at least one scope"),
        (["create_api_key", "ci", "--owner", "alice", "--all-scopes", "--expires-at", "2020-01-01"], "future"),
        (["create_api_key", "n" * 300, "--owner", "alice", "--all-scopes"], "VALIDATION_ERROR"),
        (["revoke_api_key", "00000000"], "no key 00000000"),
        (["revoke_api_key", ""], "no key"),
        (["list_api_keys", "--tenant", "nowhere"], "no tenant nowhere"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    acme: Tenant, alice: Actor, eve: Actor, arguments: list[str], sentence: str
) -> None:
    User.objects.create(username="staff", is_staff=True)
    with pytest.raises(CommandError, match=sentence):
        told(*arguments)


# ----------------------------------------------------------------------------- keys
def test_a_key_is_made_listed_and_revoked(acme: Tenant, alice: Actor) -> None:
    made = shown("create_api_key", "ci", "--owner", "Alice", "--scope", "prompts:read", "--scope", "prompts:write")
    assert made.keys() == {"id", "keyId", "owner", "scopes", "key"}
    assert (made["owner"], made["scopes"]) == ("alice", ["prompts:read", "prompts:write"])
    assert Client(made["key"]).get("/prompts").status_code == 200

    listed = shown("list_api_keys", "--tenant", "acme")
    assert [row["name"] for row in listed] == ["ci", "test"]
    assert listed[0].keys() == {
        "id",
        "keyId",
        "name",
        "owner",
        "scopes",
        "usable",
        "expiresAt",
        "revokedAt",
        "lastUsedAt",
    }
    assert listed[0]["lastUsedAt"]
    assert made["key"].split("_")[2] not in told("list_api_keys", "--tenant", "acme", "--all")

    revoked = shown("revoke_api_key", f"pvc_{made['keyId']}", "--as", "alice")
    assert (revoked["keyId"], revoked["name"]) == (made["keyId"], "ci")
    assert Client(made["key"]).get("/prompts").status_code == 401
    with pytest.raises(CommandError, match="revoked already"):
        told("revoke_api_key", made["keyId"])
    assert [row["name"] for row in shown("list_api_keys", "--tenant", "acme")] == ["test"]
    assert [row["usable"] for row in shown("list_api_keys", "--tenant", "acme", "--all")] == [False, True]


def test_the_installation_lists_no_keys_of_another_tenant(acme: Tenant, alice: Actor, eve: Actor) -> None:
    assert [row["owner"] for row in shown("list_api_keys", "--tenant", "other")] == ["eve"]
    assert told("list_api_keys", "--tenant", factories.make_tenant().slug) == "No keys.\n"


def test_only_the_command_gives_gateway_and_only_when_asked(acme: Tenant, alice: Actor) -> None:
    everything = shown("create_api_key", "all", "--owner", "alice", "--all-scopes")
    assert len(everything["scopes"]) == 11
    assert "gateway" not in everything["scopes"]
    by_scope = ["create_api_key", "ci", "--owner", "alice", "--scope", "gateway", "--scope", "prompts:read"]
    assert shown(*by_scope)["scopes"] == ["prompts:read"]
    assert shown(*by_scope, "--gateway")["scopes"] == ["gateway", "prompts:read"]


def test_an_expiry_without_a_zone_is_utc(acme: Tenant, alice: Actor) -> None:
    made = shown("create_api_key", "ci", "--owner", "alice", "--all-scopes", "--expires-at", "2099-01-31T12:00:00")
    expires_at = ApiKey.objects.get(pk=made["id"]).expires_at
    assert expires_at
    assert expires_at.isoformat() == "2099-01-31T12:00:00+00:00"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        call_command(command, "--help")
    assert exit_.value.code == 0
    assert "--json" in capsys.readouterr().out


# ----------------------------------------------------------------------------- as a process
def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py`, as somebody at a terminal runs it, on this test's database."""
    given: Mapping[str, str] = {**os.environ, "DATABASE_URL": live.database_url(), "DEBUG": "on", **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env=given,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_tenant_is_made_at_the_terminal(committed: None) -> None:
    slug = f"t-{uuid.uuid4().hex[:12]}"
    made = run("create_tenant", slug, "--json")
    assert (made.returncode, made.stderr) == (0, "")
    assert json.loads(made.stdout)["id"] == str(Tenant.objects.get(slug=slug).pk)


def test_a_person_is_made_at_the_terminal(committed: None) -> None:
    tenant, name = factories.make_tenant(), f"u-{uuid.uuid4().hex[:12]}"
    person = run("create_user", name, "--tenant", tenant.slug, "--password-stdin", "--json", stdin=f"{PASSWORD}\n")
    assert person.returncode == 0
    assert json.loads(person.stdout)["username"] == name
    assert User.objects.get(username=name).check_password(PASSWORD)
    assert PASSWORD not in person.stdout + person.stderr


def test_a_refusal_at_the_terminal_is_one_line(committed: None) -> None:
    tenant = factories.make_tenant()
    again = run("create_tenant", tenant.slug)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "CommandError: A tenant with this slug already exists. (CONFLICT)\n"


@pytest.mark.parametrize("command", ["create_tenant", "create_user"])
def test_help_at_the_terminal_exits_with_0(committed: None, command: str) -> None:
    helped = run(command, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "usage: manage.py" in helped.stdout


def test_a_database_that_is_away_is_said_in_a_sentence(committed: None) -> None:
    away = run("list_api_keys", "--tenant", "acme", DATABASE_URL="postgresql://pvc_app:app@127.0.0.1:1/pvc")
    assert away.returncode == 1
    assert "Traceback" not in away.stderr
    assert "database" in away.stderr.lower()
