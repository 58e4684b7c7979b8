"""No side door: what the policy asks of a version in production it asks of every variant of a split."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from audit.models import AuditEntry
from deployments.models import Deployment, Variant
from evaluations import worker
from prompts import pointers
from prompts.actions import namespaces
from prompts.models import Approval, Contributor, Namespace, PromptVersion
from pvc.errors import DomainError
from tenants.models import Actor
from tests import factories
from tests.conftest import Furnish
from tests.deployments import split_ground
from tests.deployments.split_ground import Split
from tests.factories import client_of, error_of, json_of

People = tuple[Actor, Actor]
Laid = tuple[Split, People]
CASE = {"name": "text", "variables": {}, "assertions": [{"type": "contains", "value": "Text 1"}]}


@pytest.fixture(scope="module")
def laid(furnish: Furnish[Laid]) -> Laid:
    """Where two approvals are asked for: version 1 has both, the others none; and the two people who give them."""

    def lay() -> Laid:
        tenant = factories.make_tenant()
        command = Actor.command(tenant)
        guarded = namespaces.create_namespace("guarded", name="Guarded", required_approvals=2, by=command)
        split = split_ground.lay(namespace=guarded)
        people = factories.make_actor(tenant, "bob", "Reviewer"), factories.make_actor(tenant, "carol", "Reviewer")
        approve(split, 1, *people)
        return split, people

    return furnish(lay)


@pytest.fixture
def split(db: None, laid: Laid) -> Split:
    return copy.deepcopy(laid[0])


@pytest.fixture
def people(db: None, laid: Laid) -> People:
    return copy.deepcopy(laid[1])


def approve(split: Split, number: int, *people: Actor) -> None:
    for person in people:
        pointers.decide(PromptVersion.objects.get(pk=split.id(number)), approved=True, by=person)


def blocked(response: Any) -> list[dict[str, str]]:
    """What was missing, of a call that was refused for it."""
    error = error_of(response)
    assert (response.status_code, error["code"]) == (409, "PROMOTION_BLOCKED"), error
    unmet: list[dict[str, str]] = error["details"]["unmet"]
    return unmet


def codes(response: Any) -> list[str]:
    return [each["code"] for each in blocked(response)]


def state() -> Any:
    deployments = Deployment.objects.order_by("pk").values_list("pk", "status", "name", "updated_at")
    return list(deployments), list(Variant.objects.order_by("pk").values_list("pk", "weight", "retired_at"))


# ----------------------------------------------------------------------------- by every way in
def created(split: Split) -> Any:
    return split.client.post("/deployments", split.body(50, 50))


def created_paused(split: Split) -> Any:
    return split.client.post("/deployments", split.body(50, 50, status="paused"))


def created_without_traffic(split: Split) -> Any:
    return split.client.post("/deployments", split.body(100, 0))


def created_for_a_plan(split: Split) -> Any:
    plan = [{"weights": {"control": 50, split.id(2): 50}, "holdMinutes": 1, "minSessions": 0}]
    return split.client.post("/deployments", split.body(100, 0, plan=plan))


def added(split: Split) -> Any:
    return split.client.put(f"/deployments/{split.made(100)['id']}", {"variants": split.shares(99, 1)})


def added_without_traffic(split: Split) -> Any:
    return split.client.put(f"/deployments/{split.made(100)['id']}", {"variants": split.shares(100, 0)})


def added_while_paused(split: Split) -> Any:
    present = split.made(100, status="paused")
    return split.client.put(f"/deployments/{present['id']}", {"variants": split.shares(99, 1)})


def added_while_switching_on(split: Split) -> Any:
    present = split.made(100, status="paused")
    return split.client.put(f"/deployments/{present['id']}", {"variants": split.shares(99, 1), "status": "active"})


def added_while_stopping(split: Split) -> Any:
    present = split.made(100)
    return split.client.put(f"/deployments/{present['id']}", {"variants": split.shares(99, 1), "status": "paused"})


WAYS: dict[str, Callable[[Split], Any]] = {
    way.__name__.replace("_", " "): way
    for way in (
        *(created, created_paused, created_without_traffic, created_for_a_plan),
        *(added, added_without_traffic, added_while_paused, added_while_switching_on, added_while_stopping),
    )
}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_what_is_half_approved_comes_in_by_no_way(split: Split, people: People, way: Callable[[Split], Any]) -> None:
    approve(split, 2, people[0])
    (missing,) = blocked(way(split))
    assert missing == {"code": "APPROVALS_MISSING", "message": "1 of 2 approvals is missing."}
    assert not Variant.objects.filter(version=split.versions[1]).exists()


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_with_the_second_approval_every_way_is_open(split: Split, people: People, way: Callable[[Split], Any]) -> None:
    approve(split, 2, *people)
    assert way(split).status_code in (200, 201)
    assert Variant.objects.get(version=split.versions[1]).digest == split.versions[1].digest
    assert not Approval.objects.filter(spent_by__isnull=False).exists(), "a deployment spends none"


def test_a_refusal_names_the_version_and_is_written_down(split: Split, people: People) -> None:
    present = split.made(100)
    before = state()
    for refused in (
        created(split),
        split.client.put(f"/deployments/{present['id']}", {"variants": split.shares(50, 50)}),
    ):
        error = error_of(refused)
        assert error["details"]["versionId"] == split.id(2)
        assert error["message"].startswith("Version 2: 2 of 2 approvals are missing.")
    assert state() == before
    entries = AuditEntry.objects.filter(tenant_id=split.admin.tenant.pk, verb__endswith=".denied").order_by("seq")
    assert [(each.verb, each.target, each.data["code"]) for each in entries] == [
        ("deployment.created.denied", str(split.prompt.pk), "PROMOTION_BLOCKED"),
        ("deployment.changed.denied", present["id"], "PROMOTION_BLOCKED"),
    ]


# ----------------------------------------------------------------------------- which approvals count
def test_spent_ones_count(split: Split, people: People) -> None:
    approve(split, 2, *people)
    for number in (1, 2):
        assert split.client.post(f"/prompts/versions/{split.id(number)}/promote-active").status_code == 200
    assert Approval.objects.filter(spent_by__isnull=True).count() == 0
    assert created(split).status_code == 201


def test_void_ones_do_not(split: Split, people: People) -> None:
    approve(split, 2, *people)
    Approval.objects.filter(version=split.versions[1]).update(voided_at=split.versions[1].created_at)
    (missing,) = blocked(created(split))
    assert missing["message"] == "2 of 2 approvals are missing."


def test_two_of_one_person_are_one(split: Split, people: People) -> None:
    """A spent one and an open one of the same person."""
    namespace = Namespace.objects.get(pk=split.prompt.namespace_id)
    approve(split, 2, people[0])
    factories.change_policy(namespace, required_approvals=1)
    assert split.client.post(f"/prompts/versions/{split.id(2)}/promote-active").status_code == 200
    factories.change_policy(namespace, required_approvals=2)
    approve(split, 2, people[0])
    assert Approval.objects.filter(version=split.versions[1]).approving().count() == 2
    (missing,) = blocked(created(split))
    assert missing["message"] == "1 of 2 approvals is missing."


def test_an_override_does_not_count(split: Split, people: People) -> None:
    approve(split, 2, people[0])
    body = {"versionId": split.id(2), "reason": "the live text insults customers"}
    assert split.client.post(f"/prompts/{split.prompt.pk}/promote/override", body).status_code == 200
    assert json_of(split.client.get(f"/prompts/{split.prompt.pk}/production"))["number"] == 2
    assert codes(created(split)) == ["APPROVALS_MISSING"]


def test_those_of_contributors_do_not(split: Split, people: People) -> None:
    """Whoever wrote has no say, and what somebody said who turns out to have had a hand in it is worth nothing."""
    approve(split, 2, *people)
    with pytest.raises(DomainError):
        approve(split, 2, split.admin)
    Contributor.objects.create(tenant=split.admin.tenant, version=split.versions[1], user=people[1].author)
    (missing,) = blocked(created(split))
    assert missing["message"] == "1 of 2 approvals is missing."


def test_those_of_another_version_do_not(split: Split, people: People) -> None:
    approve(split, 3, *people)
    assert codes(created(split)) == ["APPROVALS_MISSING"]


def test_what_was_rejected_is_out_whatever_it_had(split: Split, people: People) -> None:
    """Two approvals that a promotion spent, and then a no."""
    approve(split, 2, *people)
    for number in (2, 1):
        assert split.client.post(f"/prompts/versions/{split.id(number)}/promote-active").status_code == 200
    present = split.made(50, 50)
    assert split.client.post(f"/prompts/versions/{split.id(2)}/promote-pre-prod").status_code == 200
    no = client_of(people[0]).post(f"/prompts/versions/{split.id(2)}/reject", {"reason": "It promises a refund."})
    assert no.status_code == 200
    assert codes(created(split)) == ["REJECTED"]
    path = f"/deployments/{present['id']}"
    assert codes(split.client.put(path, {"variants": split.shares(40, 60)})) == ["REJECTED"]
    assert split.client.put(path, {"status": "paused"}).status_code == 200
    assert codes(split.client.put(path, {"status": "active"})) == ["REJECTED"]
    assert split.client.put(path, {"variants": split.shares(100), "status": "active"}).status_code == 200


# ----------------------------------------------------------------------------- the gate
@pytest.fixture
def judged(db: None) -> Split:
    """Where no approvals are asked for: version 1 passes its test case, and version 2 has not been run."""
    split = split_ground.lay()
    assert split.client.post(f"/prompts/{split.prompt.pk}/test-cases", CASE).status_code == 201
    evaluated(split, 1)
    return split


def evaluated(split: Split, number: int) -> None:
    body = {"versionId": split.id(number), "harnessId": "builtin"}
    assert split.client.post("/evaluations/trigger", body).status_code == 201
    assert worker.run_due() == 1


def ask_for(split: Split, **policy: Any) -> None:
    answer = split.client.put("/prompts/namespaces/default", {"evaluation_policy": policy})
    assert answer.status_code == 200, answer.content


def test_an_open_gate_is_asked_for_too(judged: Split) -> None:
    ask_for(judged, mode="require_pass", harnesses=["builtin"])
    assert codes(created(judged)) == ["EVALUATION_MISSING"]
    assert codes(added(judged)) == ["EVALUATION_MISSING"]
    evaluated(judged, 2)
    assert "EVALUATION_FAILED" in codes(created(judged))
    assert judged.client.post("/deployments", judged.body(100)).status_code == 201


def test_a_gate_that_closes_later_stops_nothing_and_lets_nothing_more_in(judged: Split) -> None:
    present = judged.made(50, 50)
    evaluated(judged, 2)
    assert judged.client.get(f"/deployments/{present['id']}/resolve").status_code == 200
    path = f"/deployments/{present['id']}"
    assert "EVALUATION_FAILED" in codes(judged.client.put(path, {"variants": judged.shares(60, 40)}))
    assert judged.client.put(path, {"status": "paused"}).status_code == 200
    assert "EVALUATION_FAILED" in codes(judged.client.put(path, {"status": "active"}))


# ----------------------------------------------------------------------------- a policy made stricter
@pytest.fixture
def outgrown(split: Split, people: People) -> dict[str, Any]:
    """A deployment as two approvals allowed it, where three are asked for now."""
    approve(split, 2, *people)
    present = split.made(50, 50)
    stricter(split.prompt.namespace)
    return present


def stricter(namespace: Namespace) -> None:
    factories.change_policy(Namespace.objects.get(pk=namespace.pk), required_approvals=3)


@pytest.mark.parametrize(
    "changes",
    [{"name": "Other"}, {"guardrails": []}, {"plan": []}, {"status": "active"}],
    ids=["renamed", "guardrails", "plan", "status as it is"],
)
def test_what_goes_on_serving_is_asked_at_each_update(
    split: Split, outgrown: dict[str, Any], changes: dict[str, Any]
) -> None:
    refused = split.client.put(f"/deployments/{outgrown['id']}", changes)
    assert codes(refused) == ["APPROVALS_MISSING"]
    assert json_of(split.client.get(f"/deployments/{outgrown['id']}")) == outgrown


@pytest.mark.parametrize("weights", [(49, 51), (51, 49), (100,), (100, 0)])
def test_another_split_needs_what_is_asked_now(
    split: Split, outgrown: dict[str, Any], weights: tuple[int, ...]
) -> None:
    refused = split.client.put(f"/deployments/{outgrown['id']}", {"variants": split.shares(*weights)})
    assert codes(refused) == ["APPROVALS_MISSING"]
    assert json_of(split.client.get(f"/deployments/{outgrown['id']}")) == outgrown


@pytest.mark.parametrize("status", ["paused", "archived"])
def test_it_can_always_be_stopped(split: Split, outgrown: dict[str, Any], status: str) -> None:
    assert split.changed(outgrown, status=status, name="Stopped")["status"] == status


def test_once_stopped_it_is_switched_on_as_the_policy_asks_now(
    split: Split, people: People, outgrown: dict[str, Any]
) -> None:
    split.changed(outgrown, status="paused")
    assert split.changed(outgrown, name="Waiting")["status"] == "paused"
    path = f"/deployments/{outgrown['id']}"
    assert codes(split.client.put(path, {"status": "active"})) == ["APPROVALS_MISSING"]
    third = factories.make_actor(split.admin.tenant, "dora", "Reviewer")
    approve(split, 1, third)
    assert error_of(split.client.put(path, {"status": "active"}))["details"]["versionId"] == split.id(2)
    approve(split, 2, third)
    assert split.client.put(path, {"status": "active"}).status_code == 200
