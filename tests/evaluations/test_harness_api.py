"""Harnesses over HTTP: registered, changed, removed, and asked; their secrets come in and never go out."""

import base64
import datetime as dt
import io
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone

from audit.models import AuditEntry
from deployments.actions import promotion
from evaluations import worker
from evaluations.models import Evaluation, Harness
from prompts.actions import namespaces
from prompts.models import Namespace, Prompt, PromptVersion
from pvc import logs
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, error_of, json_of

PATH = "/evaluations/harnesses"
SECRET = "the-secret-of-a-harness-0123"
#: An address that is public and literal, so that it is looked up nowhere; these tests call nobody.
URL = "https://8.8.8.8/hook"
TEXT = "First.\n\nYou are an agent.\n\nHelp with: {{ issue }}\n\nLast."
HARNESS: dict[str, Any] = {"name": "suite", "url": URL, "secret": SECRET, "timeoutSeconds": 60}


@pytest.fixture(autouse=True)
def _strict(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE, settings.WEBHOOK_ALLOWED_CIDRS = False, []


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support", body=TEXT)


def made(client: Client, **fields: Any) -> dict[str, Any]:
    answer = client.post(PATH, {**HARNESS, **fields})
    assert answer.status_code == 201, answer.content
    harness: dict[str, Any] = json_of(answer)
    return harness


def code_of(answer: HttpResponse, status: int) -> str:
    assert answer.status_code == status, answer.content
    return str(error_of(answer)["code"])


def field_of(answer: HttpResponse) -> list[str]:
    assert answer.status_code == 400, answer.content
    return list(error_of(answer)["details"]["fields"])


def entries(tenant: Tenant) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(tenant_id=tenant.pk, verb__startswith="harness.").order_by("seq"))


# ----------------------------------------------------------------------------- registered, changed, removed
def test_a_harness_is_registered_listed_read_changed_and_removed(as_admin: Client, acme: Tenant) -> None:
    harness = made(as_admin)
    assert list(harness) == ["id", "projectId", "name", "url", "timeoutSeconds", "createdAt", "updatedAt"]
    assert (harness["projectId"], harness["name"], harness["url"]) == (str(acme.pk), "suite", URL)
    assert harness["timeoutSeconds"] == 60
    path = f"{PATH}/{harness['id']}"
    assert json_of(as_admin.get(path)) == harness
    changed = json_of(as_admin.put(path, {"timeoutSeconds": 90}))
    assert {**changed, "updatedAt": ""} == {**harness, "timeoutSeconds": 90, "updatedAt": ""}
    assert json_of(as_admin.get(PATH)) == {"data": [changed], "meta": {"limit": 20}}
    assert (as_admin.delete(path).status_code, as_admin.get(path).status_code) == (204, 404)
    assert (as_admin.delete(path).status_code, as_admin.put(path, {}).status_code) == (404, 404)
    assert json_of(as_admin.get(PATH))["data"] == []


def test_five_minutes_are_given_where_no_time_limit_is_named(as_admin: Client) -> None:
    bare = {name: value for name, value in HARNESS.items() if name != "timeoutSeconds"}
    assert json_of(as_admin.post(PATH, bare))["timeoutSeconds"] == 300


def test_a_list_is_the_newest_first_page_by_page(as_admin: Client) -> None:
    names = [made(as_admin, name=f"suite {number}")["name"] for number in range(3)]
    first = json_of(as_admin.get(f"{PATH}?limit=2"))
    second = json_of(as_admin.get(f"{PATH}?limit=2&cursor={first['meta']['nextCursor']}"))
    assert [each["name"] for each in first["data"] + second["data"]] == names[::-1]
    assert "nextCursor" not in second["meta"]


def test_each_change_is_recorded_and_a_put_without_one_is_not(as_admin: Client, acme: Tenant) -> None:
    harness = made(as_admin)
    path = f"{PATH}/{harness['id']}"
    unchanged = as_admin.put(path, harness)
    assert (json_of(unchanged), "X-Audit-Seq" in unchanged) == (harness, False)
    as_admin.put(path, {"url": "https://8.8.4.4/", "timeoutSeconds": 60, "secret": "another-secret-of-it"})
    as_admin.delete(path)
    registered, changed, removed = entries(acme)
    assert [each.verb for each in (registered, changed, removed)] == [
        "harness.registered",
        "harness.changed",
        "harness.removed",
    ]
    assert registered.data == {"name": "suite", "url": URL, "timeout_seconds": 60}
    assert changed.data == {"name": "suite", "changes": {"url": "https://8.8.4.4/", "secret": "changed"}}
    assert {(each.actor, each.target) for each in entries(acme)} == {("admin", harness["id"])}


# ----------------------------------------------------------------------------- refused for what it is
INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "an empty name": ({"name": ""}, "name"),
    "no name": ({"name": None}, "name"),
    "a name that is too long": ({"name": "n" * 101}, "name"),
    "a name over two lines": ({"name": "a\nb"}, "name"),
    "a name that turns around": ({"name": "a\u202eb"}, "name"),
    "a name that is an id": ({"name": str(uuid.uuid4())}, "name"),
    "a name that is an id otherwise written": ({"name": uuid.uuid4().hex.upper()}, "name"),
    "a name with a space before": ({"name": " a"}, "name"),
    "a name in another script": ({"name": "日本"}, "name"),
    "a name that is a template": ({"name": "{{ name }}"}, "name"),
    "the built-in harness's name": ({"name": "builtin"}, "name"),
    "the name of what is asked for where nothing is named": ({"name": "default"}, "name"),
    "no address": ({"url": None}, "url"),
    "an address that is too long": ({"url": f"{URL}/{'a' * 2_000}"}, "url"),
    "a secret of 15 characters": ({"secret": "s" * 15}, "secret"),
    "a secret of 501 characters": ({"secret": "s" * 501}, "secret"),
    "a secret over two lines": ({"secret": "the-secret\nof-a-harness"}, "secret"),
    "a secret with a space behind it": ({"secret": "the-secret-of-a-harness "}, "secret"),
    "a secret that is no base64": ({"secret": "whsec_the-secret-of-a-harness"}, "secret"),
    "a secret of too few bytes": ({"secret": f"whsec_{base64.b64encode(bytes(16)).decode()}"}, "secret"),
    "no time": ({"timeoutSeconds": 0}, "timeoutSeconds"),
    "more than a day": ({"timeoutSeconds": 86_401}, "timeoutSeconds"),
    "half a second more": ({"timeoutSeconds": 1.5}, "timeoutSeconds"),
    "a time in words": ({"timeoutSeconds": "soon"}, "timeoutSeconds"),
    "a field that nobody knows": ({"colour": "red"}, "colour"),
}


@pytest.mark.parametrize(("fields", "field"), INVALID.values(), ids=list(INVALID))
def test_what_cannot_be_a_harness_is_refused_by_field(
    as_admin: Client, acme: Tenant, fields: dict[str, Any], field: str
) -> None:
    refused = as_admin.post(PATH, {**HARNESS, **fields})
    assert (code_of(refused, 400), field_of(refused)) == ("VALIDATION_ERROR", [field])
    assert SECRET not in refused.content.decode()
    assert (Harness.objects.filter(tenant=acme).count(), entries(acme)) == (0, [])


@pytest.mark.parametrize("missing", ["name", "url", "secret"])
def test_name_address_and_secret_are_needed(as_admin: Client, missing: str) -> None:
    assert field_of(as_admin.post(PATH, {name: each for name, each in HARNESS.items() if name != missing})) == [missing]


@pytest.mark.parametrize("name", ["Builtin", "default 2", "n" * 100, "1", "a/b:c_d.e-f"])
def test_other_names_are_taken_as_they_are(as_admin: Client, name: str) -> None:
    assert made(as_admin, name=name)["name"] == name


REFUSED = {
    "loopback": "http://127.0.0.1/hook",
    "loopback by name": "http://localhost:8000/hook",
    "loopback by a name below it": "http://harness.localhost/hook",
    "loopback in one number": "http://2130706433/hook",
    "loopback in base 16": "http://0x7f.1/hook",
    "loopback in IPv6": "http://[::1]/hook",
    "loopback in IPv4 in IPv6": "http://[::ffff:127.0.0.1]/hook",
    "any address": "http://0.0.0.0/hook",
    "a private network": "https://10.1.2.3/hook",
    "another": "https://192.168.0.1/hook",
    "a private network in IPv6": "https://[fd00::1]/hook",
    "the metadata of a cloud": "http://169.254.169.254/latest/meta-data",
    "a carrier's network": "https://100.64.0.1/hook",
    "many at once": "https://224.0.0.1/hook",
    "for documentation": "https://192.0.2.1/hook",
    "a way through to IPv4": "https://[64:ff9b::7f00:1]/hook",
    "with a user": "https://user@8.8.8.8/hook",
    "with a password": "https://user:password@8.8.8.8/hook",
    "another scheme": "ftp://8.8.8.8/hook",
    "a file": "file:///etc/passwd",
    "without a scheme": "8.8.8.8/hook",
    "without a host": "https:///hook",
    "with a space": "https://8.8.8.8/ho ok",
    "a port that is none": "https://8.8.8.8:99999/hook",
}


@pytest.mark.parametrize("url", REFUSED.values(), ids=list(REFUSED))
def test_an_address_that_is_never_called_is_refused_when_it_is_saved(as_admin: Client, acme: Tenant, url: str) -> None:
    harness = made(as_admin)
    answers = [
        as_admin.post(PATH, {**HARNESS, "name": "x", "url": url}),
        as_admin.put(f"{PATH}/{harness['id']}", {"url": url}),
    ]
    assert [(code_of(each, 400), field_of(each)) for each in answers] == [("REFUSED_ADDRESS", ["url"])] * 2
    assert json_of(as_admin.get(PATH))["data"] == [harness]
    assert len(entries(acme)) == 1


def test_a_name_is_taken_once_in_a_tenant(as_admin: Client, as_eve: Client) -> None:
    harness = made(as_admin)
    assert code_of(as_admin.post(PATH, {**HARNESS, "secret": "another-secret-of-it"}), 409) == "CONFLICT"
    assert json_of(as_admin.get(PATH))["data"] == [harness]
    assert made(as_eve)["name"] == "suite"
    assert as_admin.delete(f"{PATH}/{harness['id']}").status_code == 204
    assert made(as_admin)["name"] == "suite"


@pytest.mark.parametrize("name", ["id", "projectId", "name", "createdAt", "updatedAt"])
def test_a_read_only_field_with_another_value_is_refused(as_admin: Client, name: str) -> None:
    harness = made(as_admin)
    refused = as_admin.put(f"{PATH}/{harness['id']}", {**harness, "timeoutSeconds": 90, name: "another"})
    assert (code_of(refused, 400), field_of(refused)) == ("IMMUTABLE_FIELD", [name])
    assert json_of(as_admin.get(f"{PATH}/{harness['id']}")) == harness


@pytest.mark.parametrize("change", [{"url": None}, {"secret": None}, {"secret": "short"}, {"timeoutSeconds": None}])
def test_an_invalid_change_leaves_the_harness_as_it_is(as_admin: Client, change: dict[str, Any]) -> None:
    harness = made(as_admin)
    assert field_of(as_admin.put(f"{PATH}/{harness['id']}", {"timeoutSeconds": 90, **change})) == list(change)
    assert json_of(as_admin.get(f"{PATH}/{harness['id']}")) == harness
    assert Harness.objects.get(pk=harness["id"]).secret.text == SECRET


# ----------------------------------------------------------------------------- whose
@pytest.mark.parametrize("group", ["Author", "Reviewer", "Operator"])
def test_harnesses_are_the_administrators_and_everybody_sees_them(as_admin: Client, acme: Tenant, group: str) -> None:
    harness = made(as_admin)
    client = factories.client_of(factories.make_actor(acme, "somebody", group))
    path = f"{PATH}/{harness['id']}"
    answers = [
        client.post(PATH, {**HARNESS, "name": "x"}),
        client.put(path, {"timeoutSeconds": 1}),
        client.delete(path),
    ]
    assert [error_of(each)["details"]["scope"] for each in answers] == ["admin"] * 3
    assert json_of(client.get(PATH))["data"] == [json_of(client.get(path))] == [harness]
    assert Client(None).get(PATH).status_code == Client(None).post(PATH, HARNESS).status_code == 401


def test_another_tenant_finds_nothing(as_admin: Client, as_eve: Client, acme: Tenant) -> None:
    harness = made(as_admin)
    answers = [
        call(f"{PATH}/{which}")
        for which in (harness["id"], uuid.uuid4())
        for call in (as_eve.get, lambda path: as_eve.put(path, {"timeoutSeconds": 1}), as_eve.delete)
    ]
    assert {error_of(each)["message"] for each in answers} == {"There is no such harness."}
    assert {each.status_code for each in answers} == {404}
    assert json_of(as_eve.get(PATH))["data"] == []
    assert (json_of(as_admin.get(PATH))["data"], len(entries(acme))) == ([harness], 1)


# ----------------------------------------------------------------------------- the secret
@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Every line that leaves the process, as it leaves, debugging ones too."""
    root = logging.getLogger()
    ours = next(each for each in root.handlers if isinstance(each.formatter, logs._RedactingFormatter))
    assert isinstance(ours, logging.StreamHandler)
    level, lines = root.level, io.StringIO()
    root.setLevel(logging.DEBUG)
    stream = ours.setStream(lines)
    yield lines
    ours.setStream(stream or lines)
    root.setLevel(level)


def everything_stored() -> str:
    """Every row of every table of this database, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass::text FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"
        )
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {table} AS t")  # noqa: S608 — quoted
            found.append(cursor.fetchone()[0])
    assert "evaluations_harness" in tables
    return "\n".join(found)


def spellings(secret: str) -> list[str]:
    """A secret as text, in hex as bytes are shown, in base64, and the key behind whsec_ likewise."""
    raw = secret.encode()
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else raw
    return [secret.removeprefix("whsec_"), raw.hex(), base64.b64encode(raw).decode()[:-4], key.hex()]


def test_a_secret_is_in_no_answer_no_line_of_the_log_no_entry_and_no_table(
    as_admin: Client, as_alice: Client, log: io.StringIO, prompt: Prompt
) -> None:
    first, second = SECRET, f"whsec_{base64.b64encode(bytes(range(7, 39))).decode()}"
    third = "the-third-secret-which-is-refused\t"
    answers = [as_admin.post(PATH, HARNESS, Idempotency_Key="once") for _ in range(2)]
    path = f"{PATH}/{json_of(answers[0])['id']}"
    answers += [
        as_admin.put(path, {"secret": second}),
        as_admin.put(path, {"secret": third}),
        as_admin.post(PATH, {**HARNESS, "name": "suite"}),
        as_admin.post(PATH, {**HARNESS, "name": "x", "url": "http://127.0.0.1/"}),
        as_alice.post(PATH, {**HARNESS, "name": "x"}),
        as_admin.get(path),
        as_admin.get(PATH),
        as_admin.post("/evaluations/trigger", {"versionId": str(prompt.head_id), "harnessId": "suite"}),
        as_admin.get("/prompts/audit"),
    ]
    assert Harness.objects.get().secret.text == second
    answers.append(as_admin.delete(path))
    assert [each.status_code for each in answers] == [201, 201, 200, 400, 409, 400, 403, 200, 200, 201, 200, 204]
    stored, lines = everything_stored(), log.getvalue()
    told = "".join(f"{each.content.decode()} {dict(each.items())}" for each in answers)
    assert "harness.changed" in stored
    assert "evaluation" in lines
    found = [
        (secret, where)
        for secret in (first, second, third.strip())
        for where, text in {"stored": stored, "log": lines, "answers": told}.items()
        if any(spelling in text for spelling in spellings(secret))
    ]
    assert found == []


def test_what_is_stored_of_a_secret_is_sealed(as_admin: Client) -> None:
    """The search above would find it in the clear, and in hex."""
    made(as_admin)
    harness = Harness.objects.get()
    assert harness.sealed_secret in everything_stored()
    Harness.objects.update(sealed_secret=SECRET)
    assert any(spelling in everything_stored() for spelling in spellings(SECRET))


# ----------------------------------------------------------------------------- asked
def ask(client: Client, version: PromptVersion | str, harness: str | None) -> HttpResponse:
    version_id = version if isinstance(version, str) else str(version.pk)
    return client.post("/evaluations/trigger", {"versionId": version_id, "harnessId": harness})


def harness_of(answer: HttpResponse) -> tuple[str, str]:
    assert answer.status_code == 201, answer.content
    return json_of(answer)["harnessId"], json_of(answer)["status"]


@pytest.mark.parametrize("asked", [{}, {"harnessId": None}, {"harnessId": ""}, {"harnessId": "default"}], ids=str)
def test_asked_for_nothing_it_is_what_the_namespace_says(
    as_admin: Client, prompt: Prompt, asked: dict[str, Any]
) -> None:
    """With nothing said there either it is somebody who reports without being called."""
    made(as_admin)
    found = []
    for name in (None, "builtin", "suite", None):
        assert as_admin.put("/prompts/namespaces/default", {"default_harness": name}).status_code == 200
        answer = as_admin.post("/evaluations/trigger", {"versionId": str(prompt.head_id), **asked})
        found.append(harness_of(answer))
    unnamed = ("default", "running")
    assert found == [unnamed, ("builtin", "pending"), ("suite", "pending"), unnamed]


def test_a_harness_is_asked_by_name_and_by_id_and_its_name_is_kept(
    as_alice: Client, as_admin: Client, prompt: Prompt
) -> None:
    harness = made(as_admin)
    version = prompt.versions.get()
    for asked in ("suite", harness["id"], harness["id"].upper()):
        assert harness_of(ask(as_alice, version, asked)) == ("suite", "pending")
    rows = Evaluation.objects.order_by("sequence")
    assert [(each.sequence, each.kind, each.harness, each.digest) for each in rows] == [
        (number, "called", "suite", version.digest) for number in (1, 2, 3)
    ]


def test_who_is_asked_stands_in_the_log(as_alice: Client, acme: Tenant, prompt: Prompt) -> None:
    asked = json_of(ask(as_alice, prompt.versions.get(), "builtin"))
    entry = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (entry.verb, entry.actor, entry.target, entry.prompt_id) == (
        "evaluation.triggered",
        "alice",
        asked["id"],
        prompt.pk,
    )
    assert (entry.data["harnessId"], entry.data["versionId"], entry.data["digest"]) == (
        "builtin",
        asked["versionId"],
        asked["digest"],
    )


def test_whoever_never_reports_has_a_day(as_admin: Client, prompt: Prompt) -> None:
    asked = json_of(ask(as_admin, prompt.versions.get(), None))
    row = Evaluation.objects.filter(pk=asked["id"])
    [due_at] = row.values_list("due_at", flat=True)
    assert due_at is not None
    assert dt.timedelta(hours=23.9) < due_at - timezone.now() <= dt.timedelta(hours=24)
    assert worker.run_due() == 0
    row.update(due_at=timezone.now() - dt.timedelta(seconds=1))
    assert worker.run_due() == 1
    ended = json_of(as_admin.get(f"/evaluations/{asked['id']}"))
    assert (ended["status"], ended["metrics"]["error"]) == ("error", "TIMED_OUT")


def test_a_removed_harness_is_not_asked_and_what_it_said_stays(as_admin: Client, prompt: Prompt) -> None:
    harness = made(as_admin)
    asked = json_of(ask(as_admin, prompt.versions.get(), "suite"))
    as_admin.delete(f"{PATH}/{harness['id']}")
    assert worker.run_due() == 1
    ended = json_of(as_admin.get(f"/evaluations/{asked['id']}"))
    assert (ended["harnessId"], ended["status"], ended["metrics"]["error"]) == ("suite", "error", "HARNESS_GONE")
    assert [each["id"] for each in json_of(as_admin.get(f"/evaluations/versions/{prompt.head_id}"))["data"]] == [
        asked["id"]
    ]


UNKNOWN = ["suite", "Builtin", "DEFAULT", str(uuid.uuid4()), " builtin", "n" * 101]


@pytest.mark.parametrize("harness", UNKNOWN, ids=["a name", "capitals", "more", "an id", "a space", "a long name"])
def test_a_harness_that_nobody_knows_is_refused_by_field(as_alice: Client, prompt: Prompt, harness: str) -> None:
    assert field_of(ask(as_alice, prompt.versions.get(), harness)) == ["harnessId"]
    assert Evaluation.objects.count() == 0


def test_another_tenants_harness_is_known_to_nobody_here(as_alice: Client, as_eve: Client, prompt: Prompt) -> None:
    hers = made(as_eve)
    answers = [ask(as_alice, prompt.versions.get(), each) for each in ("suite", hers["id"])]
    assert [field_of(each) for each in answers] == [["harnessId"]] * 2


def test_any_name_may_report_where_the_tenant_has_the_installations_secret(
    as_alice: Client, as_eve: Client, prompt: Prompt, eve: Actor, settings: Any
) -> None:
    settings.EVAL_WEBHOOK_SECRET, settings.EVAL_WEBHOOK_TENANT = "a-secret-for-callbacks", "acme"
    assert harness_of(ask(as_alice, prompt.versions.get(), "nightly")) == ("nightly", "running")
    theirs = factories.make_prompt(Namespace.objects.get(tenant=eve.tenant), by=eve).versions.get()
    assert field_of(ask(as_eve, theirs, "nightly")) == ["harnessId"]


def test_a_name_that_the_policy_lists_is_waited_for(as_admin: Client, prompt: Prompt) -> None:
    answer = as_admin.put("/prompts/namespaces/default", {"evaluation_policy": {"harnesses": ["nightly"]}})
    assert answer.status_code == 200
    assert harness_of(ask(as_admin, prompt.versions.get(), "nightly")) == ("nightly", "running")


def test_a_draft_is_not_evaluated(as_alice: Client, as_bob: Client, prompt: Prompt) -> None:
    """Its author hears why; nobody else hears of it."""
    draft = json_of(as_alice.post(f"/prompts/templates/{prompt.pk}/versions", {"body": "Not yet"}))
    assert code_of(ask(as_alice, draft["id"], "builtin"), 409) == "NOT_SEALED"
    assert code_of(ask(as_bob, draft["id"], "builtin"), 404) == "NOT_FOUND"
    assert Evaluation.objects.count() == 0


def test_an_archived_prompt_is_not_evaluated(as_admin: Client, prompt: Prompt) -> None:
    as_admin.delete("/prompts/support")
    assert code_of(ask(as_admin, prompt.versions.get(), "builtin"), 410) == "ARCHIVED"
    assert Evaluation.objects.count() == 0


def test_another_tenants_versions_and_evaluations_are_not_found(
    as_alice: Client, as_eve: Client, prompt: Prompt
) -> None:
    asked = json_of(ask(as_alice, prompt.versions.get(), "builtin"))
    answers = [
        ask(as_eve, prompt.versions.get(), "builtin"),
        ask(as_eve, str(uuid.uuid4()), "builtin"),
        as_eve.get(f"/evaluations/{asked['id']}"),
        as_eve.get(f"/evaluations/versions/{prompt.head_id}"),
    ]
    assert [code_of(each, 404) for each in answers] == ["NOT_FOUND"] * 4
    assert Evaluation.objects.count() == 1


def test_asking_takes_a_right_of_its_own(alice: Actor, prompt: Prompt) -> None:
    everything_else = sorted({"prompts:read", "prompts:write"})
    client = Client(factories.make_key(alice.author, everything_else).text)
    refused = ask(client, prompt.versions.get(), "builtin")
    assert (code_of(refused, 403), error_of(refused)["details"]["scope"]) == ("FORBIDDEN", "evaluations:write")


INVALID_QUESTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no version": ({}, "versionId"),
    "a version that is no id": ({"versionId": "1"}, "versionId"),
    "a harness that is a number": ({"versionId": str(uuid.uuid4()), "harnessId": 1}, "harnessId"),
    "a field that nobody knows": ({"versionId": str(uuid.uuid4()), "force": True}, "force"),
}


@pytest.mark.parametrize(("body", "field"), INVALID_QUESTIONS.values(), ids=list(INVALID_QUESTIONS))
def test_a_question_that_cannot_be_read_is_refused_by_field(as_alice: Client, body: dict[str, Any], field: str) -> None:
    assert field_of(as_alice.post("/evaluations/trigger", body)) == [field]


# ----------------------------------------------------------------------------- asked by itself
def automatic(client: Client, **policy: Any) -> None:
    body = {"default_harness": "builtin", "evaluation_policy": {"auto_trigger": True, **policy}}
    assert client.put("/prompts/namespaces/default", body).status_code == 200


def asked_harnesses() -> list[str]:
    return list(Evaluation.objects.order_by("sequence").values_list("harness", flat=True))


def tagged(client: Client, prompt: Prompt, version: PromptVersion) -> HttpResponse:
    return client.post(f"/prompts/{prompt.pk}/tags/staging", {"versionId": str(version.pk)})


def requested(client: Client, prompt: Prompt, version: PromptVersion) -> HttpResponse:
    return client.post(f"/prompts/versions/{version.pk}/promote-pre-prod")


def requested_as_a_draft(client: Client, prompt: Prompt, version: PromptVersion) -> HttpResponse:
    return client.post(f"/prompts/versions/{drafted(client, prompt, 'From a draft')}/promote-pre-prod")


def put_in_its_place(client: Client, prompt: Prompt, version: PromptVersion) -> HttpResponse:
    before = taken_by_another(client, prompt)
    body = {"expected_version_id": before, "reason": "newer"}
    return client.post(f"/prompts/versions/{version.pk}/promote-pre-prod/override", body)


def merged_with_it(client: Client, prompt: Prompt, version: PromptVersion) -> HttpResponse:
    before = taken_by_another(client, prompt)
    draft = drafted(client, prompt, TEXT.replace("First.", "The beginning."))
    return client.post(f"/prompts/versions/{draft}/promote-pre-prod/merge", {"expected_version_id": before})


def drafted(client: Client, prompt: Prompt, text: str) -> str:
    """A draft that starts from the first version."""
    body = {"body": text, "base_version_id": str(prompt.versions.get(number=1).pk)}
    return str(json_of(client.post(f"/prompts/templates/{prompt.pk}/versions", body))["id"])


def taken_by_another(client: Client, prompt: Prompt) -> str:
    """Another version is in staging, from a time when nobody was asked by itself."""
    automatic(client, auto_trigger=False)
    before = drafted(client, prompt, TEXT.replace("Last.", "The end."))
    assert client.post(f"/prompts/versions/{before}/promote-pre-prod").status_code == 200
    automatic(client)
    return before


WAYS = [tagged, requested, requested_as_a_draft, put_in_its_place, merged_with_it]
Way = Callable[[Client, Prompt, PromptVersion], HttpResponse]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_version_that_reaches_staging_is_evaluated_whichever_way(
    as_admin: Client, prompt: Prompt, admin: Actor, way: Way
) -> None:
    version = factories.make_version(prompt, "Another text", by=admin)
    automatic(as_admin)
    answer = way(as_admin, prompt, version)
    assert answer.status_code in (200, 201), answer.content
    [asked] = Evaluation.objects.all()
    assert (asked.version_id, asked.harness) == (prompt.tags.get(name="staging").version_id, "builtin")


def test_every_harness_that_the_policy_lists_is_asked(as_admin: Client, prompt: Prompt) -> None:
    made(as_admin)
    automatic(as_admin, harnesses=["suite", "builtin", "nightly"])
    assert tagged(as_admin, prompt, prompt.versions.get()).status_code == 200
    assert sorted(asked_harnesses()) == ["builtin", "nightly", "suite"]


def test_nothing_is_asked_where_the_policy_does_not_say_so_or_another_tag_moves(
    as_admin: Client, prompt: Prompt
) -> None:
    version = prompt.versions.get()
    tagged(as_admin, prompt, version)
    assert as_admin.post("/prompts/support/promote").status_code == 200
    automatic(as_admin)
    for tag in ("draft", "production"):
        as_admin.post(f"/prompts/support/tags/{tag}", {"versionId": str(version.pk)})
    assert asked_harnesses() == []


def test_what_is_refused_asks_nothing(as_admin: Client, prompt: Prompt, admin: Actor, bob: Actor) -> None:
    automatic(as_admin)
    tagged(as_admin, prompt, prompt.versions.get())
    another = factories.make_version(prompt, by=bob)
    assert requested(as_admin, prompt, another).status_code == 409
    assert asked_harnesses() == ["builtin"]


CASE = {"name": "any", "assertions": [{"type": "contains", "value": "agent"}]}


def staged_again(client: Client, prompt: Prompt) -> int:
    """How often the built-in harness was asked, once the version has left staging and come back."""
    assert client.delete("/prompts/support/tags/staging").status_code in (200, 204)
    assert tagged(client, prompt, prompt.versions.get()).status_code == 200
    return len(asked_harnesses())


def test_a_harness_that_is_at_it_or_has_passed_is_not_asked_again_and_one_that_failed_is(
    as_admin: Client, prompt: Prompt
) -> None:
    automatic(as_admin)
    tagged(as_admin, prompt, prompt.versions.get())
    tagged(as_admin, prompt, prompt.versions.get())
    assert staged_again(as_admin, prompt) == 1, "at it"
    worker.run_due()
    assert staged_again(as_admin, prompt) == 2, "it ended in an error, for want of test cases"
    as_admin.post("/prompts/support/test-cases", CASE)
    worker.run_due()
    assert staged_again(as_admin, prompt) == 2, "it passed"
    as_admin.post("/prompts/support/test-cases", {**CASE, "name": "another"})
    assert staged_again(as_admin, prompt) == 3, "it passed, with other test cases"


def test_where_approvals_are_required_it_is_asked_too(as_admin: Client, admin: Actor) -> None:
    guarded = namespaces.create_namespace(
        "agents",
        name="Agents",
        required_approvals=1,
        terms={"evaluation_policy": {"auto_trigger": True, "harnesses": ["builtin"]}},
        by=admin,
    )
    prompt = factories.make_prompt(guarded, by=admin)
    promotion.promote_pre_prod(prompt.versions.get(), by=admin)
    assert asked_harnesses() == ["builtin"]
