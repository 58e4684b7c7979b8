"""GET /prompts/audit: what happened, newest first, to those who may read it."""

import re
import uuid
from typing import Any

import pytest

from audit.models import AuditEntry
from prompts.models import Namespace, Prompt
from tenants.models import Actor, Tenant
from tenants.scopes import GATEWAY, SCOPES
from tests import factories
from tests.factories import Client, error_of, json_of

FIELDS = {"seq", "at", "actor", "via", "verb", "target", "template_id", "data", "hash"}


@pytest.fixture
def support(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support")


def log(client: Client, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/prompts/audit{query}")
    assert answer.status_code == 200, answer.content
    data: list[dict[str, Any]] = json_of(answer)["data"]
    return data


def test_the_log_is_newest_first_and_in_snake_case(as_admin: Client, acme: Tenant, support: Prompt) -> None:
    entries = log(as_admin)
    assert [each["seq"] for each in entries] == list(range(len(entries), 0, -1))
    assert all(each.keys() == FIELDS for each in entries)
    newest = entries[0]
    row = AuditEntry.objects.get(tenant_id=acme.pk, seq=newest["seq"])
    assert newest == {
        "seq": row.seq,
        "at": row.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "actor": "alice",
        "via": row.via,
        "verb": "version.created",
        "target": row.target,
        "template_id": str(support.pk),
        "data": row.data,
        "hash": bytes(row.entry_hash).hex(),
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", newest["at"])
    assert re.fullmatch(r"[0-9a-f]{64}", newest["hash"])
    assert entries[-1]["template_id"] is None


def test_the_log_of_one_prompt(as_admin: Client, namespace: Namespace, support: Prompt, alice: Actor) -> None:
    factories.make_prompt(namespace, by=alice, slug="other")
    factories.make_version(support, by=alice)
    entries = log(as_admin, f"?template_id={support.pk}")
    assert [each["verb"] for each in entries] == ["version.created", "version.created", "prompt.created"]
    assert {each["template_id"] for each in entries} == {str(support.pk)}
    assert log(as_admin, f"?template_id={str(support.pk).upper()}") == entries
    assert log(as_admin, f"?template_id={uuid.uuid4()}") == []


@pytest.mark.parametrize("template_id", ["support", "1", "x" * 600, "%00"])
def test_a_filter_that_is_no_id_is_refused(as_admin: Client, template_id: str) -> None:
    refused = as_admin.get(f"/prompts/audit?template_id={template_id}")
    assert refused.status_code == 400


def test_the_log_comes_in_pages(as_admin: Client, namespace: Namespace, alice: Actor) -> None:
    for number in range(5):
        factories.make_prompt(namespace, by=alice, slug=f"p-{number}")
    everything = log(as_admin, "?limit=100")
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = json_of(as_admin.get(f"/prompts/audit?limit=4{cursor}"))
        assert page["meta"].keys() <= {"limit", "next_cursor"}
        assert page["meta"]["limit"] == 4
        seen += page["data"]
        if "next_cursor" not in page["meta"]:
            break
        assert len(page["data"]) == 4
        cursor = f"&cursor={page['meta']['next_cursor']}"
        factories.make_prompt(namespace, by=alice)  # what comes in between does not shift the pages
    assert seen == everything


def test_a_page_has_twenty_entries_when_nothing_is_said(as_admin: Client, namespace: Namespace, alice: Actor) -> None:
    for _ in range(12):
        factories.make_prompt(namespace, by=alice)
    page = json_of(as_admin.get("/prompts/audit"))
    assert (len(page["data"]), page["meta"]["limit"]) == (20, 20)


def test_a_cursor_fits_its_own_list_alone(
    as_admin: Client, as_eve: Client, acme: Tenant, support: Prompt, alice: Actor
) -> None:
    for _ in range(3):
        factories.make_version(support, by=alice)
    cursor = json_of(as_admin.get("/prompts/audit?limit=1"))["meta"]["next_cursor"]
    prompt_cursor = json_of(as_admin.get(f"/prompts/audit?limit=1&template_id={support.pk}"))["meta"]["next_cursor"]
    assert log(as_admin, f"?limit=1&cursor={cursor}")
    for refused in (
        as_eve.get(f"/prompts/audit?cursor={cursor}"),
        as_admin.get(f"/prompts/audit?cursor={prompt_cursor}"),
        as_admin.get(f"/prompts/audit?template_id={support.pk}&cursor={cursor}"),
        as_admin.get(f"/prompts?cursor={cursor}"),
        as_admin.get(f"/prompts/audit?cursor={cursor[:-1]}"),
        as_admin.get("/prompts/audit?cursor=7"),
    ):
        assert (refused.status_code, error_of(refused)["code"]) == (400, "INVALID_CURSOR")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "ten", "\u0661", "1e1"])
def test_a_limit_is_1_to_100(as_admin: Client, limit: str) -> None:
    assert as_admin.get(f"/prompts/audit?limit={limit}").status_code == 400


def test_another_tenant_sees_nothing_of_it(as_admin: Client, as_eve: Client, other: Tenant, support: Prompt) -> None:
    assert log(as_eve, f"?template_id={support.pk}") == []
    theirs = log(as_eve, "?limit=100")
    assert len(theirs) == AuditEntry.objects.filter(tenant_id=other.pk).count()
    assert str(support.pk) not in str(theirs)
    assert not {each["hash"] for each in theirs} & {each["hash"] for each in log(as_admin, "?limit=100")}


def test_reading_the_log_takes_its_scope(admin: Actor) -> None:
    without = Client(factories.make_key(admin.author, SCOPES.keys() - {"audit:read", GATEWAY}).text)
    refused = without.get("/prompts/audit")
    assert (refused.status_code, error_of(refused)["details"]) == (403, {"scope": "audit:read"})
    only = Client(factories.make_key(admin.author, ["audit:read"]).text)
    assert only.get("/prompts/audit").status_code == 200
    assert only.get("/prompts").status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nobody_writes_the_log_over_the_wire(as_admin: Client, method: str) -> None:
    assert as_admin(method, "/prompts/audit").status_code == 405
