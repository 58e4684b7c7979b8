"""Merging with the version in pre-production: clean, conflicting, and nothing lost."""

from typing import Any

import pytest

from audit.models import AuditEntry
from prompts.models import PromptVersion
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, client_of, json_of

BASE = "You answer customers.\nBe brief.\nBe kind.\nNever guess.\nSay goodbye.\n"
ALICES = BASE.replace("Be brief.", "Be very brief.")
BOBS = BASE.replace("Say goodbye.", "Say goodbye by name.")
BOTH = BASE.replace("Be brief.", "Be very brief.").replace("Say goodbye.", "Say goodbye by name.")
CLASHING = BASE.replace("Be brief.", "Take your time.")


class Ground:
    """A template in a namespace that asks for one approval; version 1 is live, alice's next is in pre-production."""

    def __init__(self, acme: Tenant, alice: Client, bob: Client, theirs: Any, base: Any, **fields: Any) -> None:
        self.alice, self.bob = alice, bob
        admin = client_of(factories.make_actor(acme))
        admin.post("/prompts/namespaces", {"slug": "guarded", "name": "Guarded"})
        type_ = "chat" if isinstance(base, list) else "text"
        made = admin.post("/prompts", {"name": "support", "namespace": "guarded", "template": base, "type": type_})
        self.template = json_of(made)["id"]
        first = json_of(made)["latestVersion"]["id"]
        live = admin.post(
            "/prompts/guarded:support/promote/override", {"versionId": first, "reason": "the first of all"}
        )
        assert live.status_code == 200, live.content
        self.theirs = self.draft(alice, theirs, **fields)["id"]
        assert alice.post(f"/prompts/versions/{self.theirs}/promote-pre-prod", {}).status_code == 200

    def draft(self, client: Client, body: Any, **fields: Any) -> dict[str, Any]:
        opened = client.post(f"/prompts/templates/{self.template}/versions", {"body": body, **fields})
        assert opened.status_code == 201, opened.content
        return dict(json_of(opened))

    def merge(self, client: Client, version: str, expected: str | None = None, **fields: Any) -> Any:
        body = {"expected_version_id": expected or self.theirs, **fields}
        return client.post(f"/prompts/versions/{version}/promote-pre-prod/merge", body)

    def pre_prod(self) -> str | None:
        shown = json_of(self.alice.get(f"/prompts/templates/{self.template}"))["pre_prod_version"]
        return shown["id"] if shown else None


@pytest.fixture
def ground(acme: Tenant, as_alice: Client, as_bob: Client) -> Ground:
    return Ground(acme, as_alice, as_bob, ALICES, BASE)


def code_of(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.content
    return str(json_of(answer)["error"]["code"])


# ----------------------------------------------------------------------------- clean
def test_two_changes_become_one_version_by_both(ground: Ground) -> None:
    mine = ground.draft(ground.bob, BOBS, change_note="by name")
    merged = ground.merge(ground.bob, mine["id"], target_users=["tester"])
    assert merged.status_code == 200, merged.content
    shown = json_of(merged)
    assert (shown["body"], shown["status"], shown["id"]) == (BOTH, "pre_prod", mine["id"])
    assert (shown["author_id"], shown["contributors"]) == ("bob", ["alice", "bob"])
    assert (shown["base_version_id"], shown["change_note"], shown["target_users"]) == (
        ground.theirs,
        "by name",
        ["tester"],
    )
    assert ground.pre_prod() == mine["id"]


def test_neither_of_both_decides_on_it(ground: Ground, acme: Tenant) -> None:
    mine = ground.draft(ground.bob, BOBS)
    ground.merge(ground.bob, mine["id"])
    approve = f"/prompts/versions/{mine['id']}/approve"
    as_alice = client_of(factories.make_actor(acme, "reviewing-alice", "Reviewer"))
    assert code_of(ground.bob.post(approve, {}), 409) == "OWN_VERSION"
    assert AuditEntry.objects.filter(verb="version.approved.denied").count() == 1
    assert json_of(as_alice.post(approve, {}))["activated"] is True


def test_the_first_author_reviews_the_merge_no_more(acme: Tenant, as_bob: Client) -> None:
    carol = factories.make_actor(acme, "carol", "Reviewer")
    ground = Ground(acme, client_of(carol), as_bob, ALICES, BASE)
    mine = ground.draft(as_bob, BOBS)
    ground.merge(as_bob, mine["id"])
    assert code_of(client_of(carol).post(f"/prompts/versions/{mine['id']}/approve", {}), 409) == "OWN_VERSION"


def test_a_sealed_version_is_merged_into_a_new_one(ground: Ground) -> None:
    sealed = json_of(ground.bob.post("/prompts/guarded:support/versions", {"content": BOBS}))
    merged = json_of(ground.merge(ground.bob, sealed["id"]))
    assert (merged["body"], merged["version_number"]) == (BOTH, sealed["number"] + 1)
    assert merged["contributors"] == ["alice", "bob"]
    assert merged["change_note"] == f"Version {sealed['number']} merged with version 2"
    assert json_of(ground.bob.get(f"/prompts/versions/{sealed['id']}"))["body"] == BOBS


def test_what_equals_a_sealed_version_is_that_version_and_the_draft_stays(ground: Ground) -> None:
    sealed = json_of(ground.alice.post("/prompts/guarded:support/versions", {"content": BOTH}))
    mine = ground.draft(ground.bob, BOBS)
    merged = json_of(ground.merge(ground.bob, mine["id"]))
    assert (merged["id"], merged["status"]) == (sealed["id"], "pre_prod")
    assert json_of(ground.bob.get(f"/prompts/versions/{mine['id']}"))["status"] == "draft"


def test_variables_and_config_are_merged_too(acme: Tenant, as_alice: Client, as_bob: Client) -> None:
    ground = Ground(acme, as_alice, as_bob, ALICES, BASE, config={"model": "large"}, variables={"a": "x"})
    mine = ground.draft(as_bob, BOBS, config={"temperature": 0.5}, variables={"b": "y"})
    merged = json_of(ground.merge(as_bob, mine["id"]))
    assert merged["config"] == {"model": "large", "temperature": 0.5}
    assert merged["variables"] == {"a": {"default": "x"}, "b": {"default": "y"}}


def test_a_chat_is_merged_message_by_message(acme: Tenant, as_alice: Client, as_bob: Client) -> None:
    system, user = {"role": "system", "content": "Be kind."}, {"role": "user", "content": "{{ issue }}"}
    base = [system, user]
    theirs = [{"role": "system", "content": "Be very kind."}, user]
    ground = Ground(acme, as_alice, as_bob, theirs, base)
    mine = ground.draft(as_bob, [system, {"placeholder": "history"}, user])
    merged = json_of(ground.merge(as_bob, mine["id"]))
    assert merged["body"] == [theirs[0], {"placeholder": "history"}, user]


# ----------------------------------------------------------------------------- conflicting
def test_a_conflict_is_shown_and_saved_in_the_draft(ground: Ground) -> None:
    mine = ground.draft(ground.bob, CLASHING)
    refused = ground.merge(ground.bob, mine["id"])
    assert code_of(refused, 409) == "MERGE_CONFLICT"
    shown = json_of(refused)
    assert shown["conflict"] is True
    assert shown["hunks"] == [
        {"start_line": 2, "base": "Be brief.\n", "theirs": "Be very brief.\n", "mine": "Take your time.\n"}
    ]
    assert (shown["draft"]["id"], shown["fields"]) == (mine["id"], [])
    draft = json_of(ground.bob.get(f"/prompts/versions/{mine['id']}"))
    assert draft["body"] == shown["draft"]["body"]
    assert draft["status"] == "draft"
    assert draft["validation_result"]["errors"] == ["Line 2: A merge conflict is not resolved here."]
    for line in ("Be brief.", "Be very brief.", "Take your time."):
        assert line in draft["body"]
    assert ground.pre_prod() == ground.theirs
    assert "X-Audit-Seq" in refused.headers


def test_a_marked_up_text_is_not_sealed(ground: Ground) -> None:
    mine = ground.draft(ground.bob, CLASHING)
    ground.merge(ground.bob, mine["id"])
    forced = ground.bob.post(
        f"/prompts/versions/{mine['id']}/promote-pre-prod/override",
        {"expected_version_id": ground.theirs, "reason": "in a hurry"},
    )
    assert code_of(forced, 422) == "INVALID_TEMPLATE"


def test_once_resolved_the_next_merge_is_clean(ground: Ground) -> None:
    mine = ground.draft(ground.bob, CLASHING)
    ground.merge(ground.bob, mine["id"])
    resolved = BASE.replace("Be brief.", "Be brief, and take your time.")
    ground.bob.put(f"/prompts/versions/{mine['id']}/save-draft", {"body": resolved})
    merged = json_of(ground.merge(ground.bob, mine["id"]))
    assert (merged["body"], merged["status"]) == (resolved, "pre_prod")
    assert merged["contributors"] == ["alice", "bob"]


def test_of_a_sealed_version_the_conflict_goes_into_a_draft_of_its_own(ground: Ground) -> None:
    sealed = json_of(ground.bob.post("/prompts/guarded:support/versions", {"content": CLASHING}))
    refused = ground.merge(ground.bob, sealed["id"])
    assert code_of(refused, 409) == "MERGE_CONFLICT"
    draft = json_of(ground.bob.get(f"/prompts/templates/{ground.template}/my-draft"))
    assert draft["id"] == json_of(refused)["draft"]["id"] != sealed["id"]
    assert (draft["base_version_id"], draft["contributors"]) == (ground.theirs, ["alice", "bob"])


def test_another_draft_of_the_callers_is_never_written_over(ground: Ground) -> None:
    sealed = json_of(ground.bob.post("/prompts/guarded:support/versions", {"content": CLASHING}))
    other = ground.draft(ground.bob, "Something else")
    assert code_of(ground.merge(ground.bob, sealed["id"]), 409) == "DRAFT_EXISTS"
    assert json_of(ground.bob.get(f"/prompts/versions/{other['id']}"))["body"] == "Something else"


def test_a_config_changed_on_both_sides_is_a_conflict_and_mine_stands_in_the_draft(
    acme: Tenant, as_alice: Client, as_bob: Client
) -> None:
    ground = Ground(acme, as_alice, as_bob, ALICES, BASE, config={"model": "large"})
    mine = ground.draft(as_bob, BOBS, config={"model": "small"})
    refused = ground.merge(as_bob, mine["id"])
    assert code_of(refused, 409) == "MERGE_CONFLICT"
    shown = json_of(refused)
    assert shown["hunks"] == []
    assert shown["fields"] == [{"field": "/config/model", "base": None, "theirs": '"large"', "mine": '"small"'}]
    draft = json_of(as_bob.get(f"/prompts/versions/{mine['id']}"))
    assert (draft["body"], draft["config"]) == (BOTH, {"model": "small"})


def test_without_a_common_base_all_that_differs_is_in_conflict(acme: Tenant, as_alice: Client, as_bob: Client) -> None:
    template = json_of(as_alice.post("/prompts/templates", {"namespace": "default", "slug": "new", "name": "New"}))
    path = f"/prompts/templates/{template['id']}/versions"
    theirs = json_of(as_alice.post(path, {"body": "One.\n"}))
    mine = json_of(as_bob.post(path, {"body": "Two.\n"}))
    as_alice.post(f"/prompts/versions/{theirs['id']}/promote-pre-prod", {})
    refused = as_bob.post(
        f"/prompts/versions/{mine['id']}/promote-pre-prod/merge", {"expected_version_id": theirs["id"]}
    )
    assert code_of(refused, 409) == "MERGE_CONFLICT"
    assert json_of(refused)["hunks"] == [{"start_line": 1, "base": "", "theirs": "One.\n", "mine": "Two.\n"}]


def test_what_is_too_long_when_marked_up_is_shown_and_written_nowhere(
    acme: Tenant, as_alice: Client, as_bob: Client
) -> None:
    base, theirs, own = ("".join(f"{word} {number:05}\n" for number in range(5_000)) for word in ("ab", "cd", "ef"))
    ground = Ground(acme, as_alice, as_bob, theirs, base)
    mine = ground.draft(as_bob, own)
    refused = ground.merge(as_bob, mine["id"])
    assert code_of(refused, 409) == "MERGE_CONFLICT"
    shown = json_of(refused)
    assert (shown["draft"], shown["hunks"][0]["mine"]) == (None, own)
    assert json_of(as_bob.get(f"/prompts/versions/{mine['id']}"))["body"] == own


# ----------------------------------------------------------------------------- refused
def test_who_expects_another_version_is_told_so(ground: Ground) -> None:
    mine = ground.draft(ground.bob, BOBS)
    stale = ground.merge(ground.bob, mine["id"], expected=mine["id"])
    assert code_of(stale, 409) == "STALE"
    ground.alice.delete("/prompts/guarded:support/tags/staging")
    assert code_of(ground.merge(ground.bob, mine["id"]), 409) == "STALE"
    assert json_of(ground.bob.get(f"/prompts/versions/{mine['id']}"))["body"] == BOBS


def test_a_rejected_version_is_not_merged_back_in(ground: Ground) -> None:
    rejected = json_of(ground.bob.post("/prompts/guarded:support/versions", {"content": BOBS}))
    ground.bob.post(
        f"/prompts/versions/{rejected['id']}/promote-pre-prod/override",
        {"expected_version_id": ground.theirs, "reason": "try"},
    )
    assert ground.alice.post(f"/prompts/versions/{rejected['id']}/reject", {"reason": "no"}).status_code == 403, (
        "an author does not decide"
    )
    version = PromptVersion.objects.get(pk=rejected["id"])
    reviewer = factories.make_actor(version.tenant, "carol", "Reviewer")
    client_of(reviewer).post(f"/prompts/versions/{rejected['id']}/reject", {"reason": "no"})
    ground.alice.post(f"/prompts/versions/{ground.theirs}/promote-pre-prod", {})
    assert code_of(ground.merge(ground.bob, rejected["id"]), 409) == "REJECTED"


def test_the_version_in_pre_production_merged_with_itself_is_itself(ground: Ground) -> None:
    again = ground.merge(ground.alice, ground.theirs, target_users=["tester"])
    assert (json_of(again)["id"], json_of(again)["target_users"]) == (ground.theirs, ["tester"])


def test_a_key_sent_twice_merges_once(ground: Ground) -> None:
    mine = ground.draft(ground.bob, BOBS)
    body = {"expected_version_id": ground.theirs}
    path = f"/prompts/versions/{mine['id']}/promote-pre-prod/merge"
    first = ground.bob.post(path, body, Idempotency_Key="k")
    again = ground.bob.post(path, body, Idempotency_Key="k")
    assert (first.status_code, again.status_code, first.content == again.content) == (200, 200, True)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_conflict_behind_a_key_keeps_the_draft(ground: Ground) -> None:
    mine = ground.draft(ground.bob, CLASHING)
    body = {"expected_version_id": ground.theirs}
    refused = ground.bob.post(f"/prompts/versions/{mine['id']}/promote-pre-prod/merge", body, Idempotency_Key="k")
    assert code_of(refused, 409) == "MERGE_CONFLICT"
    assert "<<<<<<<" in json_of(ground.bob.get(f"/prompts/versions/{mine['id']}"))["body"]


def test_nobodys_draft_but_ones_own_is_merged(ground: Ground, acme: Tenant) -> None:
    mine = ground.draft(ground.bob, BOBS)
    other: Actor = factories.make_actor(acme, "carol", "Author")
    assert ground.merge(client_of(other), mine["id"]).status_code == 404
