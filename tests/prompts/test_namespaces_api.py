"""/prompts/namespaces: made, listed, read and changed, and who may."""

import uuid
from typing import Any

import pytest

from audit.models import AuditEntry, OutboxEvent
from prompts.models import Namespace, NamespacePolicy, PolicyChange
from tenants.models import Actor, Tenant
from tenants.scopes import GATEWAY, SCOPES
from tests import factories
from tests.factories import Client, error_of, json_of

FIELDS = {
    *("id", "slug", "name", "description", "required_approvals", "custom_tags", "default_harness"),
    *("evaluation_policy", "pending_changes", "created_at"),
}
EVALUATION = {
    "mode": "block_failures",
    "threshold": 0.8,
    "harnesses": [],
    "max_age_hours": None,
    "auto_trigger": False,
}


def made(client: Client, slug: str = "agents", **fields: Any) -> dict[str, Any]:
    """A namespace as the API shows it when it is made."""
    answer = client.post("/prompts/namespaces", {"slug": slug, "name": "Agents", **fields})
    assert answer.status_code == 201, answer.content
    namespace: dict[str, Any] = json_of(answer)
    return namespace


def shown(client: Client, name: str = "agents") -> dict[str, Any]:
    answer = client.get(f"/prompts/namespaces/{name}")
    assert answer.status_code == 200, answer.content
    namespace: dict[str, Any] = json_of(answer)
    return namespace


def verbs_of(tenant: Tenant) -> list[str]:
    return list(AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq").values_list("verb", flat=True))


# ----------------------------------------------------------------------------- made
def test_a_new_namespace_requires_one_approval(as_admin: Client, acme: Tenant) -> None:
    namespace = made(as_admin)
    assert namespace.keys() == FIELDS
    expected: dict[str, Any] = {
        "slug": "agents",
        "name": "Agents",
        "description": None,
        "required_approvals": 1,
        "custom_tags": [],
        "default_harness": None,
        "evaluation_policy": EVALUATION,
        "pending_changes": [],
    }
    assert {name: namespace[name] for name in expected} == expected
    assert namespace == shown(as_admin) == shown(as_admin, namespace["id"])
    assert verbs_of(acme)[-1] == "namespace.created"


def test_a_namespace_is_made_with_all_that_is_said(as_admin: Client, acme: Tenant) -> None:
    namespace = made(
        as_admin,
        description="For agents",
        required_approvals=3,
        custom_tags=["canary", "beta.1", "canary"],
        default_harness=None,
        evaluation_policy={"mode": "require_pass", "harnesses": ["safety", "builtin"], "max_age_hours": 24},
    )
    assert namespace["description"] == "For agents"
    assert namespace["required_approvals"] == 3
    assert namespace["custom_tags"] == ["beta.1", "canary"]
    assert namespace["evaluation_policy"] == {
        **EVALUATION,
        "mode": "require_pass",
        "harnesses": ["builtin", "safety"],
        "max_age_hours": 24,
    }
    assert NamespacePolicy.objects.filter(namespace=namespace["id"]).count() == 1
    assert verbs_of(acme)[-2:] == ["namespace.created", "policy.changed"]


def test_null_is_the_default(as_admin: Client) -> None:
    namespace = made(as_admin, description=None, custom_tags=None, evaluation_policy=None)
    assert (namespace["description"], namespace["custom_tags"]) == (None, [])
    assert namespace["evaluation_policy"] == EVALUATION


def test_a_slug_is_taken_once_in_a_tenant(as_admin: Client, as_eve: Client) -> None:
    made(as_admin)
    refused = as_admin.post("/prompts/namespaces", {"slug": "agents", "name": "Again"})
    assert (refused.status_code, error_of(refused)["code"]) == (409, "CONFLICT")
    made(as_eve)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": None}, "slug"),
        ({"slug": ""}, "slug"),
        ({"slug": "Agents"}, "slug"),
        ({"slug": "-agents"}, "slug"),
        ({"slug": "a" * 64}, "slug"),
        ({"slug": "agents\n"}, "slug"),
        ({"slug": "namespaces"}, "slug"),
        ({"slug": "audit"}, "slug"),
        ({"slug": "01890a5d-ac96-774b-bcce-b302099a8057"}, "slug"),
        ({"slug": "01890a5dac96774bbcceb302099a8057"}, "slug"),
        ({"slug": 5}, "slug"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "n" * 201}, "name"),
        ({"description": "d" * 501}, "description"),
        ({"required_approvals": -1}, "required_approvals"),
        ({"required_approvals": 6}, "required_approvals"),
        ({"required_approvals": 1.5}, "required_approvals"),
        ({"required_approvals": "1"}, "required_approvals"),
        ({"required_approvals": True}, "required_approvals"),
        ({"required_approvals": None}, "required_approvals"),
        ({"required_approvals": [1]}, "required_approvals"),
        ({"custom_tags": ["canary", "Canary"]}, "custom_tags[1]"),
        ({"custom_tags": ["production"]}, "custom_tags[0]"),
        ({"custom_tags": ["staging"]}, "custom_tags[0]"),
        ({"custom_tags": ["draft"]}, "custom_tags[0]"),
        ({"custom_tags": ["1a"]}, "custom_tags[0]"),
        ({"custom_tags": ["a" * 37]}, "custom_tags[0]"),
        ({"custom_tags": ["a\n"]}, "custom_tags[0]"),
        ({"custom_tags": [5]}, "custom_tags[0]"),
        ({"custom_tags": "canary"}, "custom_tags"),
        ({"custom_tags": [f"t{number}" for number in range(101)]}, "custom_tags"),
        ({"default_harness": "h" * 101}, "default_harness"),
        ({"evaluation_policy": []}, "evaluation_policy"),
        ({"evaluation_policy": {"mode": "strict"}}, "evaluation_policy.mode"),
        ({"evaluation_policy": {"mode": None}}, "evaluation_policy.mode"),
        ({"evaluation_policy": {"mode": ["off"]}}, "evaluation_policy.mode"),
        ({"evaluation_policy": {"threshold": 1.01}}, "evaluation_policy.threshold"),
        ({"evaluation_policy": {"threshold": -0.1}}, "evaluation_policy.threshold"),
        ({"evaluation_policy": {"threshold": True}}, "evaluation_policy.threshold"),
        ({"evaluation_policy": {"threshold": "0.5"}}, "evaluation_policy.threshold"),
        ({"evaluation_policy": {"harnesses": "builtin"}}, "evaluation_policy.harnesses"),
        ({"evaluation_policy": {"harnesses": [""]}}, "evaluation_policy.harnesses"),
        ({"evaluation_policy": {"harnesses": [{}]}}, "evaluation_policy.harnesses"),
        ({"evaluation_policy": {"max_age_hours": 0}}, "evaluation_policy.max_age_hours"),
        ({"evaluation_policy": {"max_age_hours": 87_601}}, "evaluation_policy.max_age_hours"),
        ({"evaluation_policy": {"auto_trigger": 1}}, "evaluation_policy.auto_trigger"),
        ({"evaluation_policy": {"modes": "off"}}, "evaluation_policy.modes"),
        ({"tier": "small"}, "tier"),
        ({"id": str(uuid.UUID(int=7))}, "id"),
    ],
    ids=str,
)
def test_a_namespace_that_cannot_be_is_refused(as_admin: Client, change: dict[str, Any], field: str) -> None:
    before = Namespace.objects.count()
    refused = as_admin.post("/prompts/namespaces", {"slug": "agents", "name": "Agents", **change})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "VALIDATION_ERROR"), refused.content
    assert error_of(refused)["details"]["fields"].keys() == {field}
    assert Namespace.objects.count() == before


def test_every_fault_of_a_policy_is_named_at_once(as_admin: Client) -> None:
    policy = {"threshold": 2, "mode": "x"}
    body = {"slug": "a", "name": "a", "required_approvals": 9, "custom_tags": ["A"], "evaluation_policy": policy}
    refused = as_admin.post("/prompts/namespaces", body)
    assert error_of(refused)["details"]["fields"].keys() == {
        "required_approvals",
        "custom_tags[0]",
        "evaluation_policy.threshold",
        "evaluation_policy.mode",
    }


def test_prompts_are_made_in_a_namespace_made_here(as_admin: Client) -> None:
    made(as_admin, custom_tags=["canary"])
    prompt = json_of(as_admin.post("/prompts", {"name": "one", "template": "t", "namespace": "agents"}))
    target = {"versionId": prompt["latestVersion"]["id"]}
    assert as_admin.post("/prompts/agents:one/tags/canary", target).status_code == 200
    assert as_admin.post("/prompts/agents:one/tags/beta", target).status_code == 400
    refused = as_admin.post("/prompts/agents:one/tags/production", target)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "PROMOTION_BLOCKED")


# ----------------------------------------------------------------------------- listed and read
def test_namespaces_come_newest_first_in_pages(as_admin: Client, as_eve: Client) -> None:
    for slug in ("one", "two", "three"):
        made(as_admin, slug)
    first = json_of(as_admin.get("/prompts/namespaces?limit=3"))
    assert [row["slug"] for row in first["data"]] == ["three", "two", "one"]
    assert first["meta"].keys() == {"limit", "next_cursor"}
    rest = json_of(as_admin.get(f"/prompts/namespaces?limit=3&cursor={first['meta']['next_cursor']}"))
    assert [row["slug"] for row in rest["data"]] == ["default"]
    assert rest["meta"] == {"limit": 3}
    assert rest["data"][0] == shown(as_admin, "default")
    assert [row["slug"] for row in json_of(as_eve.get("/prompts/namespaces"))["data"]] == ["default"]


def test_a_list_shows_each_namespaces_own_policy(as_admin: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(3):
        made(as_admin, f"n{number}", required_approvals=number + 1, custom_tags=[f"t{number}"])
        as_admin.put(f"/prompts/namespaces/n{number}", {"required_approvals": number})
        as_admin.put(f"/prompts/namespaces/n{number}", {"custom_tags": []})
    with django_assert_max_num_queries(8):
        rows = json_of(as_admin.get("/prompts/namespaces"))["data"][:3]
    assert [row["required_approvals"] for row in rows] == [3, 2, 1]
    assert [row["custom_tags"] for row in rows] == [[], [], []]
    assert [[each["changes"] for each in row["pending_changes"]] for row in rows] == [
        [{"required_approvals": 2}],
        [{"required_approvals": 1}],
        [{"required_approvals": 0}],
    ]


def test_default_requires_nothing(as_alice: Client) -> None:
    assert shown(as_alice, "default")["required_approvals"] == 0


@pytest.mark.parametrize("name", ["nobodys", "01890a5d-ac96-774b-bcce-b302099a8057", "Default", "_"])
def test_an_unknown_namespace_is_not_found(as_admin: Client, name: str) -> None:
    for answer in (
        as_admin.get(f"/prompts/namespaces/{name}"),
        as_admin.put(f"/prompts/namespaces/{name}", {"name": "x"}),
        as_admin.get(f"/prompts/namespaces/{name}/changes"),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (404, "NOT_FOUND")


# ----------------------------------------------------------------------------- changed
def test_where_nothing_is_required_a_change_holds_at_once(as_admin: Client, acme: Tenant) -> None:
    made(as_admin, required_approvals=0, custom_tags=["canary"])
    changes = {
        "name": "Our agents",
        "description": "For agents",
        "custom_tags": ["beta", "canary"],
        "evaluation_policy": {"mode": "off", "threshold": 0.1},
    }
    answer = as_admin.put("/prompts/namespaces/agents", changes)
    assert answer.status_code == 200
    namespace = json_of(answer)
    assert namespace == shown(as_admin)
    assert (namespace["name"], namespace["description"]) == ("Our agents", "For agents")
    assert namespace["custom_tags"] == ["beta", "canary"]
    assert namespace["evaluation_policy"] == {**EVALUATION, "mode": "off", "threshold": 0.1}
    assert verbs_of(acme)[-2:] == ["namespace.updated", "policy.changed"]
    assert PolicyChange.objects.count() == 0


def test_what_is_left_out_stays(as_admin: Client) -> None:
    before = made(as_admin, custom_tags=["canary"], description="d", evaluation_policy={"harnesses": ["a"]})
    after = json_of(as_admin.put("/prompts/namespaces/agents", {"evaluation_policy": {"threshold": 0.9}}))
    assert after == {**before, "evaluation_policy": {**EVALUATION, "harnesses": ["a"], "threshold": 0.9}}


def test_a_default_harness_is_kept_and_is_no_matter_of_strictness(as_admin: Client) -> None:
    made(as_admin, default_harness="builtin")
    changed = as_admin.put("/prompts/namespaces/agents", {"default_harness": "nightly"})
    cleared = as_admin.put("/prompts/namespaces/agents", {"default_harness": None})
    assert (changed.status_code, cleared.status_code) == (200, 200)
    assert (json_of(changed)["default_harness"], json_of(cleared)["default_harness"]) == ("nightly", None)


def test_null_clears(as_admin: Client) -> None:
    made(as_admin, required_approvals=0, description="d", custom_tags=["a"], evaluation_policy={"mode": "off"})
    cleared = {"description": None, "custom_tags": None, "evaluation_policy": None, "default_harness": None}
    namespace = json_of(as_admin.put("/prompts/namespaces/agents", cleared))
    assert (namespace["description"], namespace["custom_tags"]) == (None, [])
    assert namespace["evaluation_policy"] == EVALUATION


def test_a_policy_row_says_who_changed_it_and_the_old_one_stays(as_admin: Client, admin: Actor) -> None:
    namespace = made(as_admin)
    as_admin.put("/prompts/namespaces/agents", {"required_approvals": 2})
    rows = NamespacePolicy.objects.filter(namespace=namespace["id"]).order_by("number")
    assert [(row.number, row.required_approvals) for row in rows] == [(1, 1), (2, 2)]
    assert (rows[1].changed_by, rows[1].approved_by) == (admin.author, None)


@pytest.mark.parametrize("body", [{}, {"required_approvals": 1}, {"name": "Agents", "custom_tags": []}], ids=str)
def test_what_changes_nothing_writes_nothing(as_admin: Client, acme: Tenant, body: dict[str, Any]) -> None:
    before = made(as_admin)
    verbs = verbs_of(acme)
    answer = as_admin.put("/prompts/namespaces/agents", body)
    assert (answer.status_code, json_of(answer)) == (200, before)
    assert "X-Audit-Seq" not in answer.headers
    assert verbs_of(acme) == verbs
    assert NamespacePolicy.objects.filter(namespace=before["id"]).count() == 1


def test_a_namespace_may_be_sent_back_as_it_was_read(as_admin: Client) -> None:
    before = made(as_admin, custom_tags=["canary"])
    as_admin.put("/prompts/namespaces/agents", {"required_approvals": 0})  # it has a pending change, too
    read = shown(as_admin)
    assert read["pending_changes"]
    answer = as_admin.put("/prompts/namespaces/agents", {**read, "name": "Renamed"})
    assert (answer.status_code, json_of(answer)) == (200, {**read, "name": "Renamed"})
    assert before["id"] == read["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"slug": "other"},
        {"id": str(uuid.UUID(int=7))},
        {"created_at": "2020-01-01T00:00:00.000Z"},
        {"pending_changes": [{}]},
    ],
    ids=str,
)
def test_what_is_fixed_stays(as_admin: Client, change: dict[str, Any]) -> None:
    before = made(as_admin)
    refused = as_admin.put("/prompts/namespaces/agents", {"name": "Renamed", **change})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "IMMUTABLE_FIELD")
    assert error_of(refused)["details"]["fields"].keys() == change.keys()
    assert shown(as_admin) == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"required_approvals": None}, "required_approvals"),
        ({"required_approvals": 6}, "required_approvals"),
        ({"required_approvals": -1}, "required_approvals"),
        ({"custom_tags": ["production"]}, "custom_tags[0]"),
        ({"evaluation_policy": {"threshold": 7}}, "evaluation_policy.threshold"),
        ({"evaluation_policy": {"until": 7}}, "evaluation_policy.until"),
        ({"unknown": 1}, "unknown"),
    ],
    ids=str,
)
def test_a_change_that_cannot_be_is_refused(as_admin: Client, change: dict[str, Any], field: str) -> None:
    before = made(as_admin)
    refused = as_admin.put("/prompts/namespaces/agents", change)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "VALIDATION_ERROR")
    assert error_of(refused)["details"]["fields"].keys() == {field}
    assert shown(as_admin) == before
    assert PolicyChange.objects.count() == 0


def test_subscribers_hear_of_a_changed_policy(as_admin: Client, acme: Tenant) -> None:
    made(as_admin)
    as_admin.put("/prompts/namespaces/agents", {"required_approvals": 2})
    as_admin.put("/prompts/namespaces/agents", {"name": "Renamed"})
    events = OutboxEvent.objects.filter(tenant_id=acme.pk, type="policy.changed")
    assert [event.data for event in events] == [
        {
            "namespace": "agents",
            "number": 2,
            "changes": {"required_approvals": 2},
            "changedBy": "admin",
            "approvedBy": None,
        }
    ]


def test_a_changed_policy_changes_nothing_that_is_served(as_admin: Client, acme: Tenant) -> None:
    made(as_admin, required_approvals=0)
    before = Tenant.objects.get(pk=acme.pk).generation
    as_admin.put("/prompts/namespaces/agents", {"required_approvals": 2, "custom_tags": ["a"]})
    assert Tenant.objects.get(pk=acme.pk).generation == before


# ----------------------------------------------------------------------------- who may
def test_reading_takes_prompts_read_and_writing_takes_admin(as_admin: Client, admin: Actor) -> None:
    made(as_admin)
    reads = Client(factories.make_key(admin.author, ["prompts:read"]).text)
    administers = Client(factories.make_key(admin.author, ["admin"]).text)
    all_but_admin = Client(factories.make_key(admin.author, SCOPES.keys() - {"admin", GATEWAY}).text)
    for path in ("/prompts/namespaces", "/prompts/namespaces/agents", "/prompts/namespaces/agents/changes"):
        assert reads.get(path).status_code == 200
        assert error_of(administers.get(path))["details"] == {"scope": "prompts:read"}
    for client in (reads, all_but_admin):
        for answer in (
            client.post("/prompts/namespaces", {"slug": "mine", "name": "Mine"}),
            client.put("/prompts/namespaces/agents", {"required_approvals": 0}),
        ):
            assert (answer.status_code, error_of(answer)["details"]) == (403, {"scope": "admin"})
    assert administers.put("/prompts/namespaces/agents", {"required_approvals": 2}).status_code == 200


@pytest.mark.parametrize("who", ["Author", "Reviewer", "Operator"])
def test_nobody_but_administrators_changes_a_policy(as_admin: Client, acme: Tenant, who: str) -> None:
    before = made(as_admin)
    client = factories.client_of(factories.make_actor(acme, "", who))
    assert shown(client) == before
    assert client.put("/prompts/namespaces/agents", {"required_approvals": 5}).status_code == 403
    assert shown(client) == before


def test_a_refused_change_of_a_policy_is_written_down(as_admin: Client, as_alice: Client, acme: Tenant) -> None:
    made(as_admin)
    as_alice.put("/prompts/namespaces/agents", {"required_approvals": 0})
    entry = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (entry.verb, entry.actor, entry.target) == ("policy.change_requested.denied", "alice", "agents")
    assert entry.data["code"] == "FORBIDDEN"


def test_a_namespace_is_made_once_for_an_idempotency_key(as_admin: Client) -> None:
    body = {"slug": "agents", "name": "Agents"}
    first = as_admin.post("/prompts/namespaces", body, Idempotency_Key="once")
    again = as_admin.post("/prompts/namespaces", body, Idempotency_Key="once")
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")
    assert json_of(first) == json_of(again)


@pytest.mark.parametrize("slug", ["tags", "diff", "promote", "rollback"])
def test_a_slug_may_be_a_word_of_another_route(slug: str, as_admin: Client) -> None:
    assert as_admin.post("/prompts/namespaces", {"slug": slug, "name": slug}).status_code == 201
    assert json_of(as_admin.get(f"/prompts/namespaces/{slug}"))["slug"] == slug
