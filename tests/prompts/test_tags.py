"""/prompts/{ref}/tags: set, moved, removed; every move kept; who may, and what stands in the way."""

from typing import Any
from urllib.parse import quote

import pytest

from audit.models import AuditEntry, OutboxEvent
from deployments.actions import promotion
from prompts.actions import namespaces
from prompts.content import content_of
from prompts.models import Namespace, Prompt, PromptVersion, Tag, TagMove
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, error_of, json_of

KEYS = {"id", "projectId", "promptId", "versionId", "name", "createdAt", "updatedAt"}
MOVE_KEYS = {
    *("id", "number", "tag", "kind", "fromVersionId", "fromNumber", "toVersionId", "toNumber", "reason", "by", "at"),
}
NOBODYS = "0190f5fe-7c00-7a00-8000-0123456789ab"


@pytest.fixture
def ids(as_alice: Client) -> list[str]:
    """The ids of the three versions of `support`, first to third."""
    made = json_of(as_alice.post("/prompts", {"name": "support", "template": "Text 1"}))
    others = [as_alice.post("/prompts/support/versions", {"content": f"Text {number}"}) for number in (2, 3)]
    return [made["latestVersion"]["id"], *(json_of(each)["id"] for each in others)]


@pytest.fixture
def guarded(admin: Actor, alice: Actor) -> PromptVersion:
    """The version of `guarded:support`, in a namespace that requires two approvals."""
    namespace = namespaces.create_namespace("guarded", name="Guarded", required_approvals=2, by=admin)
    prompt = factories.make_prompt(namespace, slug="support", by=alice)
    assert prompt.head is not None
    return prompt.head


def put(client: Client, name: str, version: Any, path: str = "/prompts/support", **more: Any) -> dict[str, Any]:
    """The tag after it was set."""
    response = client.post(f"{path}/tags/{name}", {"versionId": str(version), **more})
    assert response.status_code == 200, response.content
    tag: dict[str, Any] = json_of(response)
    return tag


def history(client: Client, name: str) -> list[dict[str, Any]]:
    moves: list[dict[str, Any]] = json_of(client.get(f"/prompts/support/tags/{name}/history"))["data"]
    return moves


# ----------------------------------------------------------------------------- set, read, removed
def test_a_tag_is_set_read_moved_and_removed(as_alice: Client, ids: list[str], acme: Tenant) -> None:
    first = put(as_alice, "staging", ids[0])
    assert first.keys() == KEYS
    assert (first["name"], first["versionId"], first["projectId"]) == ("staging", ids[0], str(acme.pk))
    moved = put(as_alice, "staging", ids[1])
    assert {**moved, "versionId": ids[0], "updatedAt": first["updatedAt"]} == first
    assert moved["updatedAt"] > first["updatedAt"]
    read = json_of(as_alice.get("/prompts/support/tags/staging"))
    assert read == {**moved, "version": json_of(as_alice.get("/prompts/support/versions/2"))}
    assert read["version"]["status"] == "pre_prod"
    removed = as_alice.delete("/prompts/support/tags/staging")
    assert (removed.status_code, removed.content) == (204, b"")
    for response in (as_alice.get("/prompts/support/tags/staging"), as_alice.delete("/prompts/support/tags/staging")):
        assert (response.status_code, error_of(response)["code"]) == (404, "NOT_FOUND")


def test_only_one_version_holds_a_tag_and_one_version_holds_many(as_bob: Client, ids: list[str]) -> None:
    for name in ("staging", "draft", "production"):
        for version in ids[1:]:
            put(as_bob, name, version)
    assert json_of(as_bob.get("/prompts/support/versions/2"))["tags"] == []
    assert json_of(as_bob.get("/prompts/support/versions/3"))["tags"] == ["draft", "production"]


def test_the_list_of_tags_is_complete_and_by_name(as_bob: Client, ids: list[str], namespace: Namespace) -> None:
    names = [f"t{number:02}" for number in range(25)]
    factories.change_policy(namespace, custom_tags=names)
    for name in reversed(names):
        put(as_bob, name, ids[0])
    put(as_bob, "production", ids[1])
    body = json_of(as_bob.get("/prompts/support/tags"))
    assert body.keys() == {"data"}
    assert [tag["name"] for tag in body["data"]] == ["production", *names]
    assert {tag["version"]["id"] for tag in body["data"]} == {ids[0], ids[1]}
    assert all(tag.keys() == KEYS | {"version"} for tag in body["data"])
    assert next(iter(body["data"]))["version"]["status"] == "active"


def test_a_tag_set_again_is_not_the_one_that_was_removed(as_alice: Client, ids: list[str]) -> None:
    put(as_alice, "staging", ids[0])
    before = as_alice.get("/prompts/support/tags/staging")["ETag"]
    as_alice.delete("/prompts/support/tags/staging")
    put(as_alice, "staging", ids[0])
    assert as_alice.get("/prompts/support/tags/staging")["ETag"] != before


# ----------------------------------------------------------------------------- history
def test_every_move_is_kept_with_who_when_from_to_kind_and_reason(
    as_alice: Client, as_bob: Client, ids: list[str]
) -> None:
    put(as_alice, "staging", ids[0], reason="try it")
    put(as_bob, "staging", ids[2])
    as_alice.delete("/prompts/support/tags/staging")
    put(as_bob, "staging", ids[1], reason=None)
    moves = history(as_alice, "staging")
    shown = [{name: move[name] for name in MOVE_KEYS - {"id", "at"}} for move in moves]
    expected = [
        (4, "set", None, 2, "", "bob"),
        (3, "remove", 3, None, "", "alice"),
        (2, "set", 1, 3, "", "bob"),
        (1, "set", None, 1, "try it", "alice"),
    ]
    assert shown == [
        {
            "number": number,
            "tag": "staging",
            "kind": kind,
            "fromNumber": old,
            "fromVersionId": ids[old - 1] if old else None,
            "toNumber": new,
            "toVersionId": ids[new - 1] if new else None,
            "reason": reason,
            "by": by,
        }
        for number, kind, old, new, reason, by in expected
    ]
    assert all(move.keys() == MOVE_KEYS for move in moves)
    times = [move["at"] for move in moves]
    assert times == sorted(times, reverse=True)
    assert history(as_alice, "production") == []


def test_history_is_paginated_and_complete_while_the_tag_moves(as_alice: Client, ids: list[str]) -> None:
    for number in range(9):
        put(as_alice, "staging", ids[number % 3])
    seen: list[int] = []
    query = "limit=4"
    while query:
        body = json_of(as_alice.get(f"/prompts/support/tags/staging/history?{query}"))
        seen += [move["number"] for move in body["data"]]
        put(as_alice, "staging", ids[len(seen) % 2])
        cursor = body["meta"].get("nextCursor")
        query = f"limit=4&cursor={quote(cursor)}" if cursor else ""
    assert seen == list(range(9, 0, -1))


def test_the_cursor_of_one_tags_history_does_not_fit_anothers(as_alice: Client, ids: list[str]) -> None:
    for version in ids:
        put(as_alice, "staging", version)
        put(as_alice, "draft", version)
    cursor = quote(json_of(as_alice.get("/prompts/support/tags/staging/history?limit=1"))["meta"]["nextCursor"])
    assert as_alice.get(f"/prompts/support/tags/draft/history?cursor={cursor}").status_code == 400


# ----------------------------------------------------------------------------- written down, announced
def test_each_move_leaves_an_entry_an_event_and_a_new_generation(
    as_alice: Client, ids: list[str], acme: Tenant
) -> None:
    prompt = Prompt.objects.get(tenant=acme, slug="support")
    entries = AuditEntry.objects.filter(tenant_id=acme.pk).count()
    generations = []
    responses = []
    for method, version in (("POST", 0), ("POST", 1), ("DELETE", None)):
        body = None if version is None else {"versionId": ids[version], "reason": "why"}
        responses.append(as_alice(method, "/prompts/support/tags/draft", body))
        acme.refresh_from_db()
        generations.append(acme.generation)
    assert generations == sorted(set(generations))
    written = list(AuditEntry.objects.filter(tenant_id=acme.pk, seq__gt=entries).order_by("seq"))
    assert [entry.verb for entry in written] == ["tag.moved", "tag.moved", "tag.removed"]
    for response, entry in zip(responses, written, strict=True):
        assert (response["X-Audit-Seq"], response["X-Audit-Hash"]) == (str(entry.seq), bytes(entry.entry_hash).hex())
        assert (entry.actor, entry.target, entry.prompt_id) == ("alice", str(prompt.pk), prompt.pk)
    assert written[1].data == {
        "tag": "draft",
        "fromVersionId": ids[0],
        "fromNumber": 1,
        "toVersionId": ids[1],
        "toNumber": 2,
        "kind": "set",
        "reason": "why",
    }
    events = list(OutboxEvent.objects.filter(prompt_id=prompt.pk).order_by("sequence"))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    about = {"promptId": str(prompt.pk), "prompt": "default:support"}
    assert [(each.type, each.data) for each in events[-3:]] == [("tag.moved", about | each.data) for each in written]


@pytest.mark.parametrize("name", ["draft", "staging", "production"])
def test_setting_a_tag_where_it_is_does_nothing(as_bob: Client, ids: list[str], acme: Tenant, name: str) -> None:
    tag = put(as_bob, name, ids[0])
    before = (AuditEntry.objects.filter(tenant_id=acme.pk).count(), OutboxEvent.objects.count(), acme.generation)
    acme.refresh_from_db()
    generation = acme.generation
    again = as_bob.post(f"/prompts/support/tags/{name}", {"versionId": ids[0], "reason": "again"})
    assert (again.status_code, json_of(again)) == (200, tag)
    assert "X-Audit-Seq" not in again
    acme.refresh_from_db()
    assert acme.generation == generation
    assert (AuditEntry.objects.filter(tenant_id=acme.pk).count(), OutboxEvent.objects.count()) == before[:2]
    assert len(history(as_bob, name)) == 1


def test_activation_takes_staging_off_the_activated_version(as_bob: Client, ids: list[str]) -> None:
    put(as_bob, "staging", ids[1])
    put(as_bob, "draft", ids[1])
    put(as_bob, "production", ids[1], reason="good")
    assert as_bob.get("/prompts/support/tags/staging").status_code == 404
    assert json_of(as_bob.get("/prompts/support/versions/2"))["tags"] == ["draft", "production"]
    freed = history(as_bob, "staging")[0]
    assert (freed["kind"], freed["fromNumber"], freed["toNumber"], freed["by"]) == ("activate", 2, None, "bob")


def test_activation_leaves_staging_on_another_version(as_bob: Client, ids: list[str]) -> None:
    put(as_bob, "staging", ids[2])
    put(as_bob, "production", ids[1])
    assert json_of(as_bob.get("/prompts/support/tags/staging"))["versionId"] == ids[2]
    assert len(history(as_bob, "staging")) == 1


# ----------------------------------------------------------------------------- names
@pytest.mark.parametrize(
    "name", ["prod", "Production", "production ", "stagin", "live", "*", "1", "versions", "ü", "a" * 36, "a" * 100]
)
def test_a_mistyped_name_is_refused_and_leaves_nothing(as_bob: Client, ids: list[str], acme: Tenant, name: str) -> None:
    response = as_bob.post(f"/prompts/support/tags/{quote(name)}", {"versionId": ids[0]})
    assert response.status_code == 400
    assert error_of(response)["code"] == "UNKNOWN_TAG"
    assert not Tag.objects.filter(tenant=acme).exists()
    assert as_bob.get(f"/prompts/support/tags/{quote(name)}").status_code == 404


def test_custom_tags_are_those_the_namespaces_newest_policy_lists(
    as_alice: Client, ids: list[str], namespace: Namespace
) -> None:
    factories.change_policy(namespace, custom_tags=["canary", "eu.west-1_b"])
    assert put(as_alice, "canary", ids[0])["name"] == "canary"
    assert put(as_alice, "eu.west-1_b", ids[1])["versionId"] == ids[1]
    factories.change_policy(namespace, custom_tags=["canary"])
    refused = as_alice.post("/prompts/support/tags/eu.west-1_b", {"versionId": ids[0]})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "UNKNOWN_TAG")
    assert as_alice.delete("/prompts/support/tags/eu.west-1_b").status_code == 204
    namespaces.create_namespace(
        "agents", name="Agents", required_approvals=0, by=factories.make_actor(namespace.tenant)
    )
    made = json_of(as_alice.post("/prompts", {"name": "other", "template": "x", "namespace": "agents"}))
    target = {"versionId": made["latestVersion"]["id"]}
    assert as_alice.post("/prompts/agents:other/tags/canary", target).status_code == 400


# ----------------------------------------------------------------------------- which version
@pytest.mark.parametrize("body", [{}, {"versionId": None}, {"versionId": "x"}, {"versionId": 1}, {"version": 1}, None])
def test_a_tag_needs_the_id_of_a_version(as_alice: Client, ids: list[str], body: Any) -> None:
    response = as_alice.post("/prompts/support/tags/staging", body)
    assert (response.status_code, error_of(response)["code"]) == (400, "VALIDATION_ERROR")


def test_a_tag_points_at_a_version_of_its_own_prompt(as_alice: Client, as_eve: Client, ids: list[str]) -> None:
    other = json_of(as_alice.post("/prompts", {"name": "other", "template": "x"}))["latestVersion"]["id"]
    hers = json_of(as_eve.post("/prompts", {"name": "hers", "template": "x"}))["latestVersion"]["id"]
    for version in (other, hers, NOBODYS):
        response = as_alice.post("/prompts/support/tags/staging", {"versionId": version})
        assert (response.status_code, error_of(response)["code"]) == (404, "NOT_FOUND")
    assert json_of(as_alice.get("/prompts/support/tags")) == {"data": []}


@pytest.mark.parametrize("name", ["draft", "staging", "production"])
def test_a_tag_never_points_at_a_draft(as_bob: Client, alice: Actor, ids: list[str], name: str) -> None:
    first = PromptVersion.objects.get(pk=ids[0])
    content = content_of("text", "Not sealed")
    draft = PromptVersion.objects.create(
        tenant=first.tenant,
        prompt=first.prompt,
        number=4,
        type="text",
        body=content.body,
        checksum=content.checksum,
        digest=content.digest,
        author=alice.author,
    )
    response = as_bob.post(f"/prompts/support/tags/{name}", {"versionId": str(draft.pk)})
    assert (response.status_code, error_of(response)["code"]) == (409, "NOT_SEALED")
    assert history(as_bob, name) == []


# ----------------------------------------------------------------------------- who may
def test_production_takes_the_right_to_promote_and_that_alone(
    as_alice: Client, bob: Actor, ids: list[str], acme: Tenant
) -> None:
    refused = as_alice.post("/prompts/support/tags/production", {"versionId": ids[0]})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "FORBIDDEN")
    assert "prompts:promote" in error_of(refused)["message"]
    entry = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (entry.verb, entry.actor, entry.data["code"]) == ("tag.moved.denied", "alice", "FORBIDDEN")
    promoter = Client(factories.make_key(bob.author, ["prompts:promote"]).text)
    assert promoter.post("/prompts/support/tags/production", {"versionId": ids[0]}).status_code == 200
    assert promoter.post("/prompts/support/tags/staging", {"versionId": ids[1]}).status_code == 403
    assert as_alice.delete("/prompts/support/tags/production").status_code == 403
    entry = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (entry.verb, entry.actor) == ("tag.removed.denied", "alice")
    assert promoter.delete("/prompts/support/tags/production").status_code == 204


def test_production_is_blocked_where_approvals_are_required(
    as_bob: Client, guarded: PromptVersion, acme: Tenant
) -> None:
    path = "/prompts/guarded:support"
    put(as_bob, "staging", guarded.pk, path)
    before = OutboxEvent.objects.filter(tenant_id=acme.pk).count()
    refused = as_bob.post(f"{path}/tags/production", {"versionId": str(guarded.pk)})
    error = error_of(refused)
    assert (refused.status_code, error["code"]) == (409, "PROMOTION_BLOCKED")
    assert [unmet.keys() for unmet in error["details"]["unmet"]] == [{"code", "message"}]
    assert error["details"]["unmet"][0]["code"] == "APPROVALS_MISSING"
    assert "2 of 2" in error["details"]["unmet"][0]["message"]
    assert as_bob.get(f"{path}/production").status_code == 404
    assert json_of(as_bob.get(f"{path}/versions/1"))["tags"] == ["staging"]
    assert not TagMove.objects.filter(tenant=acme, tag="production").exists()
    assert OutboxEvent.objects.filter(tenant_id=acme.pk).count() == before
    entry = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (entry.verb, entry.actor, entry.target) == ("tag.moved.denied", "bob", str(guarded.prompt_id))
    assert entry.data == {"code": "PROMOTION_BLOCKED", "message": error["message"], "claimed": None}
    assert (refused["X-Audit-Seq"], refused["X-Audit-Hash"]) == (str(entry.seq), bytes(entry.entry_hash).hex())


def test_a_refused_move_with_an_idempotency_key_is_recorded_and_not_kept(
    as_bob: Client, guarded: PromptVersion, acme: Tenant
) -> None:
    path, body = "/prompts/guarded:support/tags/production", {"versionId": str(guarded.pk)}
    for _ in range(2):
        assert as_bob.post(path, body, Idempotency_Key="once").status_code == 409
    verbs = AuditEntry.objects.filter(tenant_id=acme.pk).order_by("-seq").values_list("verb", flat=True)[:2]
    assert list(verbs) == ["tag.moved.denied"] * 2
    factories.change_policy(guarded.prompt.namespace, required_approvals=0)
    allowed = as_bob.post(path, body, Idempotency_Key="once")
    assert (allowed.status_code, "Idempotency-Replayed" in allowed) == (200, False)


# ----------------------------------------------------------------------------- If-Match
def test_a_stale_revision_of_a_tag_is_refused(as_bob: Client, ids: list[str]) -> None:
    path = "/prompts/support/tags/production"
    first = as_bob.post(path, {"versionId": ids[0]})
    assert first["ETag"] == as_bob.get(path)["ETag"]
    second = as_bob.post(path, {"versionId": ids[1]}, If_Match=f"W/{first['ETag']}")
    assert (second.status_code, second["ETag"] != first["ETag"]) == (200, True)
    for response in (
        as_bob.post(path, {"versionId": ids[2]}, If_Match=first["ETag"]),
        as_bob.post(path, {"versionId": ids[1]}, If_Match=first["ETag"]),
        as_bob.delete(path, If_Match=first["ETag"]),
        as_bob.post("/prompts/support/tags/staging", {"versionId": ids[2]}, If_Match=first["ETag"]),
        as_bob.post("/prompts/support/tags/staging", {"versionId": ids[2]}, If_Match="*"),
    ):
        assert (response.status_code, error_of(response)["code"]) == (412, "PRECONDITION_FAILED")
    assert json_of(as_bob.get("/prompts/support/production"))["number"] == 2
    assert as_bob.delete(path, If_Match=second["ETag"]).status_code == 204


def test_staging_is_not_taken_from_another_author_where_approvals_are_required(
    acme: Tenant, admin: Actor, alice: Actor, bob: Actor
) -> None:
    agents = namespaces.create_namespace("agents", name="Agents", required_approvals=1, by=admin)
    prompt = factories.make_prompt(agents, by=alice)
    hers, his = factories.make_version(prompt, by=alice), factories.make_version(prompt, by=bob)
    promotion.set_tag(prompt, "staging", version=hers, by=alice)
    with pytest.raises(promotion.PreProdTaken):
        promotion.set_tag(prompt, "staging", version=his, by=bob)
    assert prompt.tags.get(name="staging").version == hers
