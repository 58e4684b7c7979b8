"""Pre-production, decisions, promotion, override and rollback over HTTP."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry, OutboxEvent
from prompts.actions import namespaces
from prompts.models import Approval, Prompt, PromptVersion
from tenants import actions
from tenants.models import Actor, Tenant
from tenants.scopes import SCOPES
from tests import factories
from tests.factories import Client, client_of, error_of, json_of


@dataclass
class Guarded:
    """A prompt in a namespace that asks for approvals, and its versions by alice."""

    prompt: Prompt
    versions: list[PromptVersion]

    @property
    def path(self) -> str:
        return f"/prompts/guarded:{self.prompt.slug}"

    def serving(self, client: Client) -> int | None:
        answer = client.get(f"{self.path}/production")
        return json_of(answer)["number"] if answer.status_code == 200 else None


def guarded(acme: Tenant, *, by: Actor, approvals: int = 1, versions: int = 3) -> Guarded:
    namespace = namespaces.create_namespace(
        "guarded", name="Guarded", required_approvals=approvals, by=Actor.command(acme)
    )
    prompt = factories.make_prompt(namespace, slug="support", body="Text 1", by=by)
    made = [factories.make_version(prompt, f"Text {number}", by=by) for number in range(2, versions + 1)]
    return Guarded(prompt, [prompt.versions.get(number=1), *made])


@pytest.fixture
def one(acme: Tenant, alice: Actor) -> Guarded:
    return guarded(acme, by=alice)


@pytest.fixture
def two(acme: Tenant, alice: Actor) -> Guarded:
    return guarded(acme, by=alice, approvals=2)


def reviewer(acme: Tenant) -> Client:
    return client_of(factories.make_actor(acme, "Reviewer"))


def to_pre_prod(client: Client, version: PromptVersion, *users: str) -> dict[str, Any]:
    answer = client.post(f"/prompts/versions/{version.pk}/promote-pre-prod", {"target_users": list(users)})
    return dict(json_of(answer))


def decide(client: Client, version: PromptVersion, what: str = "approve", **body: str) -> Any:
    return client.post(f"/prompts/versions/{version.pk}/{what}", body)


def verbs_of(tenant: Tenant) -> list[str]:
    return list(AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq").values_list("verb", flat=True))


# ----------------------------------------------------------------------------- the usual way
def test_a_version_is_tried_approved_by_another_and_live(
    as_alice: Client, as_bob: Client, one: Guarded, acme: Tenant
) -> None:
    version = one.versions[1]
    tried = to_pre_prod(as_alice, version, "tester@example.com")
    assert (tried["status"], tried["target_users"], tried["approvals"]) == ("pre_prod", ["tester@example.com"], [])
    approved = json_of(decide(as_bob, version, comment="Reads well.", digest=version.digest))
    assert (approved["status"], approved["activated"], approved["unmet"]) == ("active", True, [])
    assert [(each["user_id"], each["decision"]) for each in approved["approvals"]] == [("bob", "approved")]
    assert approved["target_users"] == []
    assert one.serving(as_alice) == 2
    assert as_alice.get(f"{one.path}/tags/staging").status_code == 404
    assert verbs_of(acme)[-5:] == ["tag.moved", "promotion.requested", "version.approved", "tag.moved", "tag.removed"]
    sent = OutboxEvent.objects.filter(tenant_id=acme.pk).values_list("type", flat=True)
    assert {"promotion.requested", "promotion.approved"} <= set(sent)


def test_two_approvals_are_two_people(as_alice: Client, as_bob: Client, two: Guarded, acme: Tenant) -> None:
    version = two.versions[1]
    to_pre_prod(as_alice, version)
    first = json_of(decide(as_bob, version))
    assert (first["activated"], first["unmet"]) == (
        False,
        [{"code": "APPROVALS_MISSING", "message": "1 of 2 approvals is missing."}],
    )
    again = decide(as_bob, version)
    assert (again.status_code, error_of(again)["code"]) == (409, "ALREADY_DECIDED")
    assert two.serving(as_alice) is None
    assert json_of(decide(reviewer(acme), version))["activated"] is True
    assert two.serving(as_alice) == 2


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "{path}/promote", {}),
        ("POST", "/prompts/versions/{id}/promote-active", {}),
        ("POST", "{path}/tags/production", {"versionId": "{id}"}),
    ],
)
def test_every_road_is_blocked_without_approvals_and_open_with_them(
    method: str, path: str, body: dict[str, str], as_alice: Client, as_bob: Client, two: Guarded, acme: Tenant
) -> None:
    version = two.versions[2]
    to_pre_prod(as_alice, version)
    decide(as_bob, version)
    route = path.format(path=two.path, id=version.pk)
    sent = {name: value.format(id=version.pk) for name, value in body.items()}
    blocked = as_bob(method, route, sent)
    assert (blocked.status_code, error_of(blocked)["code"]) == (409, "PROMOTION_BLOCKED")
    assert error_of(blocked)["details"]["unmet"][0]["code"] == "APPROVALS_MISSING"
    assert two.serving(as_alice) is None
    change = factories.change_policy(two.prompt.namespace, required_approvals=1)
    assert change.required_approvals == 1
    assert as_bob(method, route, sent).status_code == 200
    assert two.serving(as_alice) == 3


def test_an_approval_is_spent_so_a_return_needs_new_ones(as_alice: Client, as_bob: Client, one: Guarded) -> None:
    first, second = one.versions[1], one.versions[2]
    for version in (first, second):
        to_pre_prod(as_alice, version)
        decide(as_bob, version)
    assert one.serving(as_alice) == 3
    again = as_bob.post(f"{one.path}/tags/production", {"versionId": str(first.pk)})
    assert error_of(again)["code"] == "PROMOTION_BLOCKED"
    to_pre_prod(as_alice, first)
    assert json_of(decide(as_bob, first))["activated"] is True
    assert one.serving(as_alice) == 2


# ----------------------------------------------------------------------------- who decides
def test_a_contributor_cannot_decide_and_the_try_is_written_down(
    acme: Tenant, as_alice: Client, one: Guarded, alice: Actor
) -> None:
    writer = factories.make_actor(acme, "Administrator")
    version = factories.make_version(one.prompt, "By somebody who may approve", by=writer)
    to_pre_prod(as_alice, version)
    for what, body in (("approve", {}), ("reject", {"reason": "no"})):
        refused = client_of(writer).post(f"/prompts/versions/{version.pk}/{what}", body)
        assert (refused.status_code, error_of(refused)["code"]) == (409, "OWN_VERSION")
    assert verbs_of(acme)[-2:] == ["version.approved.denied", "version.rejected.denied"]
    assert Approval.objects.filter(version=version).count() == 0


def test_a_wrong_digest_is_refused(as_alice: Client, as_bob: Client, one: Guarded) -> None:
    version = one.versions[1]
    to_pre_prod(as_alice, version)
    refused = decide(as_bob, version, digest=one.versions[2].digest)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "DIGEST_MISMATCH")


def test_only_what_is_in_pre_production_can_be_decided_on(as_bob: Client, one: Guarded) -> None:
    refused = decide(as_bob, one.versions[1])
    assert (refused.status_code, error_of(refused)["code"]) == (409, "NOT_PRE_PROD")


def test_what_is_live_is_not_decided_on_though_it_was_staged_again(
    as_alice: Client, as_bob: Client, one: Guarded
) -> None:
    version = one.versions[1]
    to_pre_prod(as_alice, version)
    decide(as_bob, version)
    to_pre_prod(as_alice, version)
    refused = decide(as_bob, version)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "NOT_PRE_PROD")
    assert not version.approvals.open().exists()


def test_a_rejection_is_final_voids_approvals_and_frees_staging(
    as_alice: Client, as_bob: Client, two: Guarded, acme: Tenant
) -> None:
    version = two.versions[1]
    to_pre_prod(as_alice, version)
    decide(as_bob, version)
    rejected = json_of(decide(reviewer(acme), version, "reject", reason="It promises a refund."))
    assert (rejected["status"], rejected["approvals"][0]["decision"]) == ("rejected", "rejected")
    assert as_alice.get(f"{two.path}/tags/staging").status_code == 404
    for path, body in (
        (f"/prompts/versions/{version.pk}/promote-pre-prod", {}),
        (f"{two.path}/tags/staging", {"versionId": str(version.pk)}),
    ):
        refused = as_alice.post(path, body)
        assert (refused.status_code, error_of(refused)["code"]) == (409, "REJECTED")
    assert Approval.objects.filter(version=version, approved=True, voided_at__isnull=True).count() == 0


# ----------------------------------------------------------------------------- pre-production of two
def test_pre_production_is_not_taken_unseen(as_alice: Client, as_bob: Client, one: Guarded, bob: Actor) -> None:
    hers, his = one.versions[1], factories.make_version(one.prompt, "Bob's", by=bob)
    to_pre_prod(as_alice, hers)
    conflict = as_bob.post(f"/prompts/versions/{his.pk}/promote-pre-prod", {})
    assert conflict.status_code == 409
    body = json.loads(conflict.content)
    assert (body["conflict"], body["options"], body["error"]["code"]) == (True, ["override", "merge"], "PRE_PROD_TAKEN")
    present = body["existing_pre_prod"]
    assert (present["version_id"], present["author_id"], present["body"]) == (str(hers.pk), "alice", "Text 2")
    override = f"/prompts/versions/{his.pk}/promote-pre-prod/override"
    stale = as_bob.post(override, {"expected_version_id": str(one.versions[0].pk), "reason": "mine is better"})
    assert (stale.status_code, error_of(stale)["code"]) == (409, "STALE")
    taken = as_bob.post(override, {"expected_version_id": str(hers.pk), "reason": "mine is better"})
    assert json_of(taken)["status"] == "pre_prod"


@pytest.mark.parametrize("users", [["*"], [""], ["a"] * 101, [1], "a"])
def test_targets_are_exact_and_few(users: Any, as_alice: Client, one: Guarded) -> None:
    refused = as_alice.post(f"/prompts/versions/{one.versions[0].pk}/promote-pre-prod", {"target_users": users})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "VALIDATION_ERROR")


# ----------------------------------------------------------------------------- override and rollback
def test_an_override_needs_its_right_and_a_reason_and_is_announced(
    acme: Tenant, as_alice: Client, as_bob: Client, one: Guarded
) -> None:
    version = one.versions[1]
    body = {"versionId": str(version.pk), "reason": "the live text insults customers"}
    assert as_bob.post(f"{one.path}/promote/override", body).status_code == 403
    operator = client_of(factories.make_actor(acme, "Operator"))
    short = operator.post(f"{one.path}/promote/override", {**body, "reason": "because"})
    assert (short.status_code, list(error_of(short)["details"]["fields"])) == (400, ["reason"])
    done = json_of(operator.post(f"{one.path}/promote/override", body))
    assert done == {"promoted": True, "versionId": str(version.pk), "reason": body["reason"], "overridden": True}
    assert one.serving(as_alice) == 2
    assert OutboxEvent.objects.filter(tenant_id=acme.pk, type="promotion.overridden").count() == 1
    assert Approval.objects.get(version=version).kind == Approval.OVERRIDE


def test_rollback_goes_to_the_production_before_and_not_back_and_forth(as_alice: Client, as_bob: Client) -> None:
    as_alice.post("/prompts", {"name": "free", "template": "1"})
    for number in (2, 3):
        as_alice.post("/prompts/free/versions", {"content": str(number)})
    ids = [json_of(as_alice.get(f"/prompts/free/versions/{number}"))["id"] for number in (1, 2, 3)]
    nothing = as_bob.post("/prompts/free/rollback")
    assert (nothing.status_code, error_of(nothing)["code"]) == (400, "NO_PRODUCTION")
    for version_id in ids:
        as_bob.post("/prompts/free/tags/production", {"versionId": version_id})
    assert json_of(as_bob.post("/prompts/free/rollback")) == {"rolledBack": True, "fromVersion": 3, "toVersion": 2}
    assert json_of(as_bob.post("/prompts/free/rollback"))["toVersion"] == 1
    end = as_bob.post("/prompts/free/rollback")
    assert (end.status_code, error_of(end)["code"]) == (400, "NO_PREVIOUS")
    chosen = json_of(as_bob.post("/prompts/free/rollback", {"versionId": ids[2]}))
    assert (chosen["fromVersion"], chosen["toVersion"]) == (1, 3)


def test_rollback_goes_only_to_what_was_live_and_approved(
    acme: Tenant, as_alice: Client, as_bob: Client, one: Guarded
) -> None:
    overridden, approved, never = one.versions[0], one.versions[1], one.versions[2]
    operator = client_of(factories.make_actor(acme, "Operator"))
    body = {"versionId": str(overridden.pk), "reason": "the live text insults customers"}
    operator.post(f"{one.path}/promote/override", body)
    to_pre_prod(as_alice, approved)
    decide(as_bob, approved)
    for version in (overridden, never, approved):
        refused = as_bob.post(f"{one.path}/rollback", {"versionId": str(version.pk)})
        assert (refused.status_code, error_of(refused)["code"]) == (409, "NOT_A_PREVIOUS_PRODUCTION")
    operator.post(f"{one.path}/promote/override", body)
    assert json_of(as_bob.post(f"{one.path}/rollback")) == {"rolledBack": True, "fromVersion": 1, "toVersion": 2}


def test_promote_takes_what_is_in_staging(as_alice: Client, as_bob: Client) -> None:
    version = json_of(as_alice.post("/prompts", {"name": "free", "template": "1"}))["latestVersion"]["id"]
    none = as_bob.post("/prompts/free/promote")
    assert (none.status_code, error_of(none)["code"]) == (400, "NO_STAGING")
    as_alice.post("/prompts/free/tags/staging", {"versionId": version})
    done = json_of(as_bob.post("/prompts/free/promote", {"reason": "tried"}))
    assert done == {"promoted": True, "fromVersion": None, "versionId": version, "reason": "tried"}


# ----------------------------------------------------------------------------- what waits
def test_what_waits_says_what_is_missing_and_what_it_changes(
    as_alice: Client, as_bob: Client, two: Guarded, acme: Tenant
) -> None:
    to_pre_prod(as_alice, two.versions[1])
    decide(as_bob, two.versions[1])
    page = json_of(as_bob.get("/prompts/pending-approvals"))
    (waiting,) = page["data"]
    assert waiting["template"] == {"id": str(two.prompt.pk), "namespace": "guarded", "slug": "support"}
    assert (waiting["version"]["version_number"], waiting["approvals_needed"]) == (2, 1)
    assert waiting["unmet"][0]["code"] == "APPROVALS_MISSING"
    assert waiting["diff_summary"] == {"added": 1, "removed": 0, "modified": 0, "impact": "major"}
    assert waiting["waiting_seconds"] >= 0
    decide(reviewer(acme), two.versions[1])
    assert json_of(as_bob.get("/prompts/pending-approvals"))["data"] == []


def test_a_page_of_what_waits_takes_as_many_queries_as_one_row(
    as_alice: Client, as_bob: Client, one: Guarded, alice: Actor
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_bob.get("/prompts/pending-approvals").status_code == 200
        return len(captured)

    to_pre_prod(as_alice, one.versions[0])
    queries()  # what is asked once a process
    before = queries()
    for number in range(5):
        another = factories.make_prompt(one.prompt.namespace, slug=f"more-{number}", by=alice)
        to_pre_prod(as_alice, another.versions.get())
    assert len(json_of(as_bob.get("/prompts/pending-approvals"))["data"]) == 6
    assert queries() == before


def test_an_override_of_what_is_live_does_not_hide_what_was_before(as_admin: Client) -> None:
    ids = [json_of(as_admin.post("/prompts", {"name": "free", "template": "1"}))["latestVersion"]["id"]]
    ids.append(json_of(as_admin.post("/prompts/free/versions", {"content": "2"}))["id"])
    for version_id in ids:
        as_admin.post("/prompts/free/tags/production", {"versionId": version_id})
    as_admin.post("/prompts/free/promote/override", {"versionId": ids[1], "reason": "to be sure of it"})
    assert json_of(as_admin.post("/prompts/free/rollback"))["toVersion"] == 1


def test_on_a_gateways_key_nobody_decides_without_being_named(
    acme: Tenant, as_alice: Client, one: Guarded, bob: Actor
) -> None:
    version = one.versions[1]
    to_pre_prod(as_alice, version)
    key = actions.create_api_key("gate", owner=bob.author, scopes=set(SCOPES), by=Actor.command(acme))
    gateway = Client(key.text)
    refused = decide(gateway, version)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "USER_REQUIRED")
    assert verbs_of(acme)[-1] == "version.approved.denied"
    assert one.serving(as_alice) is None
    named = gateway.post(f"/prompts/versions/{version.pk}/approve", {}, X_User_Id="bob")
    assert json_of(named)["activated"] is True
