"""/prompts/{ref}/versions: sealed, numbered without gaps, never twice the same, found by number and id."""

from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from audit.models import AuditEntry, OutboxEvent
from prompts.content import content_of
from prompts.models import Contributor, Prompt, PromptVersion
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, error_of, json_of

KEYS = {
    *("id", "promptId", "number", "type", "content", "template", "variables", "config", "checksum", "digest"),
    *("metadata", "createdAt", "status", "tags"),
}


@pytest.fixture
def prompt(as_admin: Client) -> dict[str, Any]:
    """A prompt of one version, made over HTTP."""
    made: dict[str, Any] = json_of(as_admin.post("/prompts", {"name": "support", "template": "First"}))
    return made


def draft_of(prompt_id: str, author: Actor, body: str = "A draft") -> PromptVersion:
    """An open draft: a row that takes the next number and is not sealed."""
    row = Prompt.objects.get(pk=prompt_id)
    content = content_of("text", body)
    row.last_number += 1
    row.save(update_fields=["last_number"])
    return PromptVersion.objects.create(
        tenant=row.tenant,
        prompt=row,
        number=row.last_number,
        type="text",
        body=content.body,
        checksum=content.checksum,
        digest=content.digest,
        author=author.author,
    )


# ----------------------------------------------------------------------------- making
def test_a_version_is_made_and_shows_every_field(as_admin: Client, prompt: dict[str, Any]) -> None:
    body = {"content": "Second", "variables": {"a": 1}, "config": {"b": 2}, "metadata": {"c": [3]}}
    response = as_admin.post("/prompts/support/versions", body)
    version = json_of(response)
    assert (response.status_code, version.keys()) == (201, KEYS)
    assert {name: version[name] for name in ("promptId", "number", "type", "status", "tags")} == {
        "promptId": prompt["id"],
        "number": 2,
        "type": "text",
        "status": "retired",
        "tags": [],
    }
    assert (version["content"], version["template"]) == ("Second", "Second")
    assert (version["variables"], version["config"], version["metadata"]) == (
        {"a": {"default": 1}},
        {"b": 2},
        {"c": [3]},
    )
    assert json_of(as_admin.get("/prompts/support/versions/2")) == version
    assert json_of(as_admin.get(f"/prompts/support/versions/{version['id']}")) == version


def test_a_version_is_written_down_and_announced(as_admin: Client, prompt: dict[str, Any], acme: Tenant) -> None:
    response = as_admin.post("/prompts/support/versions", {"content": "Second"})
    version = json_of(response)
    entry = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    data = {"versionId": version["id"], "number": 2, "checksum": version["checksum"], "digest": version["digest"]}
    assert (entry.verb, entry.actor, entry.target, entry.data) == ("version.created", "admin", version["id"], data)
    assert str(entry.prompt_id) == prompt["id"]
    assert (response["X-Audit-Seq"], response["X-Audit-Hash"]) == (str(entry.seq), bytes(entry.entry_hash).hex())
    event = OutboxEvent.objects.filter(prompt_id=prompt["id"]).latest("sequence")
    about = {"promptId": prompt["id"], "prompt": "default:support"}
    assert (event.type, event.sequence, event.data) == ("version.created", 3, about | data)


def test_the_author_is_a_contributor(as_alice: Client, as_bob: Client, alice: Actor, bob: Actor) -> None:
    as_alice.post("/prompts", {"name": "support", "template": "First"})
    version = json_of(as_bob.post("/prompts/support/versions", {"content": "Second"}))
    assert list(Contributor.objects.filter(version=version["id"]).values_list("user", flat=True)) == [bob.author.pk]
    assert PromptVersion.objects.get(prompt__slug="support", number=1).author == alice.author


@pytest.mark.parametrize("body", [{"content": "Same"}, {"template": "Same"}, {"content": "Same", "template": "Same"}])
def test_content_and_template_are_two_names_of_the_text(
    as_admin: Client, prompt: dict[str, Any], body: dict[str, Any]
) -> None:
    response = as_admin.post("/prompts/support/versions", body)
    assert (response.status_code, json_of(response)["content"]) == (201, "Same")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        (None, "content"),
        ({"variables": {}}, "content"),
        ({"content": "One", "template": "Other"}, "template"),
        ({"content": None}, "content"),
        ({"content": ""}, "content"),
        ({"content": "x" * 100_001}, "content"),
        ({"content": "x", "number": 7}, "number"),
        ({"content": "x", "name": "y"}, "name"),
        ({"content": "x", "variables": [1]}, "variables"),
        ({"content": "x", "variables": {"a": {"kind": 1}}}, "variables.a.kind"),
        ({"content": "x", "config": 5}, "config"),
        ({"content": "x", "metadata": []}, "metadata"),
        ({"content": "x", "metadata": {"author": 5}}, "metadata"),
        ({"content": "x", "metadata": {"reason": ["y"]}}, "metadata"),
        ({"content": "x", "metadata": {"sourceCommit": {"sha": "y"}}}, "metadata"),
    ],
    ids=lambda part: str(part)[:50],
)
def test_a_version_that_cannot_be_taken_names_its_field(
    as_admin: Client, prompt: dict[str, Any], body: Any, field: str
) -> None:
    response = as_admin.post("/prompts/support/versions", body)
    assert (response.status_code, error_of(response)["code"]) == (400, "VALIDATION_ERROR")
    assert set(error_of(response)["details"]["fields"]) == {field}
    assert json_of(as_admin.get("/prompts/support")) == prompt


@pytest.mark.parametrize(
    "metadata",
    [
        {"author": "Ann", "reason": "", "sourceCommit": "4fe1c0"},
        {"anything": {"nested": [1, None, {"author": 5}]}, "Author": 5},
        {},
        None,
    ],
    ids=str,
)
def test_metadata_is_any_object_in_which_three_names_are_strings(
    as_admin: Client, prompt: dict[str, Any], metadata: Any
) -> None:
    response = as_admin.post("/prompts/support/versions", {"content": "x", "metadata": metadata})
    assert (response.status_code, json_of(response)["metadata"]) == (201, metadata or {})


def test_a_text_outside_of_the_template_subset_is_not_sealed(as_admin: Client, prompt: dict[str, Any]) -> None:
    response = as_admin.post("/prompts/support/versions", {"content": "fine\n{{ x.__class__ }}"})
    error = error_of(response)
    assert (response.status_code, error["code"]) == (422, "INVALID_TEMPLATE")
    assert error["details"]["problems"][0]["line"] == 2
    assert json_of(as_admin.get("/prompts/support/versions"))["data"][0]["number"] == 1


# ----------------------------------------------------------------------------- never twice
@pytest.mark.parametrize(
    "twin",
    [
        {"content": "Text {{ a }}", "variables": {"a": 1, "b": {"type": "string"}}, "config": {"c": 1, "d": [1.5]}},
        {
            "template": "Text {{ a }}",
            "variables": {"b": {"type": "string"}, "a": {"default": 1}},
            "config": {"d": [1.5], "c": 1},
        },
        {
            "content": "Text {{ a }}",
            "variables": {"a": 1.0, "b": {"type": "string"}},
            "config": {"c": 1.0, "d": [1.5]},
            "metadata": {"other": 1},
        },
    ],
    ids=["equal", "reordered and normalised", "numbers written otherwise, other metadata"],
)
def test_the_same_content_is_answered_with_the_version_there_is(
    as_admin: Client, prompt: dict[str, Any], acme: Tenant, twin: dict[str, Any]
) -> None:
    first = {"content": "Text {{ a }}", "variables": {"a": 1, "b": {"type": "string"}}, "config": {"c": 1, "d": [1.5]}}
    made = json_of(as_admin.post("/prompts/support/versions", first))
    entries = AuditEntry.objects.filter(tenant_id=acme.pk).count()
    response = as_admin.post("/prompts/support/versions", twin)
    assert (response.status_code, json_of(response)) == (200, {**made, "deduplicated": True})
    assert "X-Audit-Seq" not in response
    assert AuditEntry.objects.filter(tenant_id=acme.pk).count() == entries
    assert json_of(as_admin.get("/prompts/support"))["latestVersion"]["number"] == 2


@pytest.mark.parametrize(
    "other",
    [
        {"content": "First "},
        {"content": "First", "variables": {"a": None}},
        {"content": "First", "config": {"a": False}},
    ],
    ids=str,
)
def test_another_text_schema_or_config_is_another_version(
    as_admin: Client, prompt: dict[str, Any], other: dict[str, Any]
) -> None:
    as_admin.post("/prompts/support/versions", {"content": "First", "config": {"a": 0}})
    response = as_admin.post("/prompts/support/versions", other)
    assert (response.status_code, json_of(response)["number"]) == (201, 3)


def test_another_prompt_may_hold_the_same_content(as_admin: Client, prompt: dict[str, Any]) -> None:
    other = json_of(as_admin.post("/prompts", {"name": "other", "template": "Else"}))
    response = as_admin.post("/prompts/other/versions", {"content": "First"})
    assert (response.status_code, json_of(response)["promptId"]) == (201, other["id"])


# ----------------------------------------------------------------------------- drafts stay unseen
def test_a_draft_shows_nowhere_and_keeps_its_number(as_admin: Client, prompt: dict[str, Any], alice: Actor) -> None:
    draft = draft_of(prompt["id"], alice)
    assert json_of(as_admin.get("/prompts/support"))["latestVersion"]["number"] == 1
    assert [each["number"] for each in json_of(as_admin.get("/prompts/support/versions"))["data"]] == [1]
    for path in ("2", f"{draft.pk}", "2/usage"):
        assert as_admin.get(f"/prompts/support/versions/{path}").status_code == 404
    assert as_admin.post("/prompts/support/versions/2/render").status_code == 404
    same = as_admin.post("/prompts/support/versions", {"content": draft.body})
    assert (same.status_code, json_of(same)["number"]) == (201, 3)


def test_a_sealed_draft_shows_at_its_number(as_admin: Client, prompt: dict[str, Any], alice: Actor) -> None:
    draft = draft_of(prompt["id"], alice)
    as_admin.post("/prompts/support/versions", {"content": "Third"})
    PromptVersion.objects.filter(pk=draft.pk).update(sealed_at=timezone.now())
    numbers = [each["number"] for each in json_of(as_admin.get("/prompts/support/versions"))["data"]]
    assert numbers == [3, 2, 1]
    assert json_of(as_admin.get("/prompts/support"))["latestVersion"]["number"] == 3


# ----------------------------------------------------------------------------- reading
@pytest.mark.parametrize(
    "version",
    [
        *("0", "2", "-1", "00", "01", "1.0", "1e0", "x", "latest", "٣", "999999999", "2147483648"),
        "99999999999999999999",
        *("9" * 5000, "0190f5fe-7c00-7a00-8000-0123456789ab", "-" * 36, "0190f5fe7c007a0080000123456789ab"),
    ],
    ids=lambda version: version[:40],
)
def test_a_version_that_is_not_there_is_not_found(as_admin: Client, prompt: dict[str, Any], version: str) -> None:
    for method, path in (("GET", ""), ("GET", "/usage"), ("POST", "/render")):
        response = as_admin(
            method, f"/prompts/support/versions/{quote(version)}{path}", {} if method == "POST" else None
        )
        assert (path, response.status_code, error_of(response)["code"]) == (path, 404, "NOT_FOUND")


def test_another_prompts_version_is_not_found_here(as_admin: Client, prompt: dict[str, Any]) -> None:
    other = json_of(as_admin.post("/prompts", {"name": "other", "template": "Else"}))
    assert as_admin.get(f"/prompts/support/versions/{other['latestVersion']['id']}").status_code == 404


def test_versions_are_listed_by_number_from_the_newest_in_pages(as_admin: Client, admin: Actor) -> None:
    made = json_of(as_admin.post("/prompts", {"name": "many", "template": "Text 1"}))
    row = Prompt.objects.get(pk=made["id"])
    for number in range(2, 12):
        factories.make_version(row, f"Text {number}", by=admin)
    seen: list[int] = []
    query = "limit=4"
    while query:
        body = json_of(as_admin.get(f"/prompts/many/versions?{query}"))
        seen += [version["number"] for version in body["data"]]
        assert all(version.keys() == KEYS for version in body["data"])
        factories.make_version(row, by=admin)
        cursor = body["meta"].get("nextCursor")
        query = f"limit=4&cursor={quote(cursor)}" if cursor else ""
    assert seen == list(range(11, 0, -1))


def test_the_latest_version_is_the_one_of_the_greatest_number(as_admin: Client, prompt: dict[str, Any]) -> None:
    second = json_of(as_admin.post("/prompts/support/versions", {"content": "Second"}))
    as_admin.post("/prompts/support/versions", {"content": "First"})
    latest = {name: second[name] for name in ("id", "number", "status", "createdAt")}
    assert json_of(as_admin.get("/prompts/support"))["latestVersion"] == latest
    assert json_of(as_admin.get("/prompts"))["data"][0]["latestVersion"] == latest


# ----------------------------------------------------------------------------- what serves it
def test_production_is_the_version_that_carries_the_tag(as_admin: Client, prompt: dict[str, Any]) -> None:
    nothing = as_admin.get("/prompts/support/production")
    assert (nothing.status_code, error_of(nothing)["code"]) == (404, "NOT_FOUND")
    second = json_of(as_admin.post("/prompts/support/versions", {"content": "Second"}))
    as_admin.post("/prompts/support/versions", {"content": "Third"})
    as_admin.post("/prompts/support/tags/production", {"versionId": second["id"]})
    response = as_admin.get("/prompts/support/production")
    assert (response.status_code, json_of(response)) == (200, {**second, "status": "active", "tags": ["production"]})
    as_admin.delete("/prompts/support/tags/production")
    assert as_admin.get("/prompts/support/production").status_code == 404


def test_usage_and_status_follow_the_tags(as_admin: Client, prompt: dict[str, Any]) -> None:
    def usage() -> Any:
        return json_of(as_admin.get("/prompts/support/versions/1/usage"))

    def status() -> str:
        shown = json_of(as_admin.get("/prompts/support/versions/1"))["status"]
        assert json_of(as_admin.get("/prompts/support"))["latestVersion"]["status"] == shown
        return str(shown)

    target = {"versionId": prompt["latestVersion"]["id"]}
    assert (usage(), status()) == ({"tags": [], "deployments": [], "targets": []}, "retired")
    as_admin.post("/prompts/support/tags/draft", target)
    assert (usage()["tags"], status()) == (["draft"], "retired")
    as_admin.post("/prompts/support/tags/staging", target)
    assert (usage()["tags"], status()) == (["draft", "staging"], "pre_prod")
    as_admin.post("/prompts/support/tags/production", target)
    assert (usage()["tags"], status()) == (["draft", "production"], "active")
    as_admin.delete("/prompts/support/tags/production")
    assert (usage()["tags"], status()) == (["draft"], "retired")


def test_usage_is_found_by_id_too(as_admin: Client, prompt: dict[str, Any]) -> None:
    by_id = as_admin.get(f"/prompts/{prompt['id']}/versions/{prompt['latestVersion']['id']}/usage")
    assert (by_id.status_code, json_of(by_id)) == (200, {"tags": [], "deployments": [], "targets": []})


def test_usage_names_the_users_whom_it_is_tried_on(as_admin: Client, prompt: dict[str, Any]) -> None:
    version = json_of(as_admin.get("/prompts/support/versions/1"))["id"]
    as_admin.post(f"/prompts/versions/{version}/promote-pre-prod", {"target_users": ["tester", "friend"]})
    assert json_of(as_admin.get("/prompts/support/versions/1/usage")) == {
        "tags": ["staging"],
        "deployments": [],
        "targets": ["friend", "tester"],
    }
