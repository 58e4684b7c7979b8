"""A weaker policy takes a second person: over HTTP, in races, and in the database whoever writes the row."""

import json
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.http import HttpResponse

from audit.models import AuditEntry
from prompts import policy
from prompts.actions import namespaces
from prompts.models import Namespace, NamespacePolicy, PolicyChange
from prompts.models.namespaces import default_evaluation_policy
from prompts.policy import MODES, Terms
from tenants import actions
from tenants.models import Actor, NotADecider, Tenant, UserRequired
from tenants.scopes import GATEWAY, SCOPES
from tests import factories
from tests.factories import Client, error_of, json_of
from tests.prompts.test_races import assert_chain_is_whole, at_once

AGENTS = "/prompts/namespaces/agents"
STRICT = {"mode": "require_pass", "threshold": 0.8, "harnesses": ["a", "b"], "max_age_hours": 24}


@pytest.fixture
def agents(admin: Actor) -> Namespace:
    """A strict namespace: two approvals, two harnesses."""
    return namespaces.create_namespace(
        "agents",
        name="Agents",
        required_approvals=2,
        terms={"custom_tags": ["canary"], "evaluation_policy": STRICT},
        by=admin,
    )


@pytest.fixture
def second(acme: Tenant) -> Actor:
    """Another administrator."""
    return factories.make_actor(acme, "second", "Administrator")


@pytest.fixture
def as_second(second: Actor) -> Client:
    return factories.client_of(second)


def asked(client: Client, body: dict[str, Any], path: str = AGENTS) -> dict[str, Any]:
    """The change that waits after a PUT that weakens."""
    answer = client.put(path, body)
    assert answer.status_code == 202, answer.content
    assert json_of(answer).keys() == {"pending_change"}
    change: dict[str, Any] = json_of(answer)["pending_change"]
    assert change.keys() == {"id", "changes", "requested_by"}
    return change


def decide(client: Client, change: dict[str, Any], word: str = "approve", path: str = AGENTS) -> HttpResponse:
    return client.post(f"{path}/changes/{change['id']}/{word}")


def shown(client: Client, path: str = AGENTS) -> dict[str, Any]:
    namespace: dict[str, Any] = json_of(client.get(path))
    return namespace


def last_entry(tenant: Tenant) -> AuditEntry:
    return AuditEntry.objects.filter(tenant_id=tenant.pk).latest("seq")


# ----------------------------------------------------------------------------- what weakens
WEAKER: dict[str, dict[str, Any]] = {
    "fewer approvals": {"required_approvals": 1},
    "no approvals": {"required_approvals": 0},
    "a laxer mode": {"evaluation_policy": {"mode": "block_failures"}},
    "evaluations off": {"evaluation_policy": {"mode": "off"}},
    "a lower threshold": {"evaluation_policy": {"threshold": 0.79}},
    "fewer harnesses": {"evaluation_policy": {"harnesses": ["a"]}},
    "another harness instead": {"evaluation_policy": {"harnesses": ["a", "c"]}},
    "a longer age": {"evaluation_policy": {"max_age_hours": 24.5}},
    "any age": {"evaluation_policy": {"max_age_hours": None}},
    "more custom tags": {"custom_tags": ["canary", "beta"]},
    "another custom tag instead": {"custom_tags": ["beta"]},
    "a weaker part beside a stricter one": {"required_approvals": 5, "custom_tags": ["beta", "canary"]},
    "a weaker part beside a name": {"name": "Renamed", "description": "Renamed", "required_approvals": 1},
}
AS_STRICT: dict[str, dict[str, Any]] = {
    "more approvals": {"required_approvals": 3},
    "a higher threshold": {"evaluation_policy": {"threshold": 1}},
    "more harnesses": {"evaluation_policy": {"harnesses": ["a", "b", "c"]}},
    "a shorter age": {"evaluation_policy": {"max_age_hours": 1}},
    "fewer custom tags": {"custom_tags": []},
    "automatic evaluations": {"evaluation_policy": {"auto_trigger": True}},
    "another name": {"name": "Renamed"},
}


@pytest.mark.parametrize("body", WEAKER.values(), ids=list(WEAKER))
def test_what_weakens_waits_and_holds_when_a_second_person_agrees(
    agents: Namespace, as_admin: Client, as_second: Client, body: dict[str, Any]
) -> None:
    before = shown(as_admin)
    change = asked(as_admin, body)
    assert change["requested_by"] == "admin"
    waiting = shown(as_admin)
    (pending,) = waiting["pending_changes"]
    assert {name: pending[name] for name in change} == change
    assert {**waiting, "pending_changes": []} == before

    approved = decide(as_second, change)

    assert approved.status_code == 200
    after = shown(as_admin)
    expected = {**before, **change["changes"]}
    expected["evaluation_policy"] = {**before["evaluation_policy"], **change["changes"].get("evaluation_policy", {})}
    assert after == expected
    assert after != before
    told = json_of(approved)
    assert (told["decision"], told["decided_by"], told["changes"]) == ("approved", "second", change["changes"])


@pytest.mark.parametrize("body", AS_STRICT.values(), ids=list(AS_STRICT))
def test_what_does_not_weaken_holds_at_once(agents: Namespace, as_admin: Client, body: dict[str, Any]) -> None:
    answer = as_admin.put(AGENTS, body)
    assert answer.status_code == 200
    assert json_of(answer)["pending_changes"] == []
    for name, value in body.items():
        kept = json_of(answer)[name]
        assert kept == ({**kept, **value} if isinstance(value, dict) else value)


def test_the_changes_told_are_those_that_differ(agents: Namespace, as_admin: Client) -> None:
    body = {
        "name": "Agents",
        "required_approvals": 1,
        "custom_tags": ["canary"],
        "evaluation_policy": {"mode": "require_pass", "threshold": 0.5},
    }
    assert asked(as_admin, body)["changes"] == {"required_approvals": 1, "evaluation_policy": {"threshold": 0.5}}


def test_the_same_change_asked_for_again_is_the_same_one(
    agents: Namespace, as_admin: Client, as_second: Client, acme: Tenant
) -> None:
    change = asked(as_admin, {"required_approvals": 1})
    seq = last_entry(acme).seq
    assert asked(as_admin, {"required_approvals": 1, "name": "Agents"}) == change
    assert asked(as_second, {"required_approvals": 1}) == change
    assert last_entry(acme).seq == seq
    assert PolicyChange.objects.count() == 1
    assert asked(as_admin, {"required_approvals": 0})["id"] != change["id"]


def test_a_rejected_change_may_be_asked_for_again(agents: Namespace, as_admin: Client, as_second: Client) -> None:
    before = shown(as_admin)
    change = asked(as_admin, {"required_approvals": 1})
    rejected = decide(as_second, change, "reject")
    assert (rejected.status_code, json_of(rejected)["decision"]) == (200, "rejected")
    assert shown(as_admin) == before
    assert asked(as_admin, {"required_approvals": 1})["id"] != change["id"]


def test_changes_are_listed_newest_first_with_their_decisions(
    agents: Namespace, as_admin: Client, as_second: Client
) -> None:
    changes = [asked(as_admin, {"required_approvals": number}) for number in (1, 0)]
    decide(as_second, changes[0], "reject")
    first = json_of(as_admin.get(f"{AGENTS}/changes?limit=1"))
    rest = json_of(as_admin.get(f"{AGENTS}/changes?limit=1&cursor={first['meta']['next_cursor']}"))
    newest, oldest = first["data"][0], rest["data"][0]
    assert [newest["id"], oldest["id"]] == [changes[1]["id"], changes[0]["id"]]
    assert (newest["decision"], newest["decided_by"], newest["decided_at"]) == ("pending", None, None)
    assert (oldest["decision"], oldest["decided_by"]) == ("rejected", "second")
    assert oldest["decided_at"] >= oldest["requested_at"]
    assert "next_cursor" not in rest["meta"]


def test_an_approved_change_is_made_on_what_the_policy_has_become(
    agents: Namespace, as_admin: Client, as_second: Client
) -> None:
    change = asked(as_admin, {"evaluation_policy": {"threshold": 0.5}})
    as_admin.put(AGENTS, {"required_approvals": 3, "evaluation_policy": {"max_age_hours": 5}, "custom_tags": []})
    decide(as_second, change)
    after = shown(as_admin)
    assert (after["required_approvals"], after["custom_tags"]) == (3, [])
    assert after["evaluation_policy"] == {**default_evaluation_policy(), **STRICT, "threshold": 0.5, "max_age_hours": 5}


def test_a_change_that_was_made_meanwhile_is_approved_without_a_new_policy(
    agents: Namespace, as_admin: Client, as_second: Client, acme: Tenant
) -> None:
    one, two = asked(as_admin, {"required_approvals": 1}), asked(as_admin, {"required_approvals": 1, "name": "Renamed"})
    assert decide(as_second, one).status_code == 200
    number = agents.policy.number
    assert decide(as_second, two).status_code == 200
    assert agents.policy.number == number
    assert shown(as_admin)["name"] == "Renamed"
    assert [each.verb for each in AuditEntry.objects.filter(tenant_id=acme.pk).order_by("-seq")[:2]] == [
        "namespace.updated",
        "policy.change_approved",
    ]


def test_the_policy_and_the_log_name_both_people(
    agents: Namespace, as_admin: Client, as_second: Client, admin: Actor, second: Actor, acme: Tenant
) -> None:
    change = asked(as_admin, {"required_approvals": 1})
    request = last_entry(acme)
    decide(as_second, change)
    row = agents.policy
    assert (row.changed_by, row.approved_by) == (admin.author, second.author)
    changed, approved = AuditEntry.objects.filter(tenant_id=acme.pk).order_by("-seq")[:2]
    assert (request.verb, request.actor, request.target) == ("policy.change_requested", "admin", change["id"])
    assert (approved.verb, approved.actor, approved.target) == ("policy.change_approved", "second", change["id"])
    assert (changed.verb, changed.target) == ("policy.changed", str(agents.pk))
    assert (changed.data["changedBy"], changed.data["approvedBy"]) == ("admin", "second")


# ----------------------------------------------------------------------------- who decides
def refused(client: Client, change: dict[str, Any], code: str, status: int = 409) -> None:
    """Neither way to decide is open, and nothing changed."""
    before = shown(client)
    for word in ("approve", "reject"):
        answer = decide(client, change, word)
        assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert shown(client) == before


def test_who_asked_cannot_decide_under_any_key(agents: Namespace, as_admin: Client, admin: Actor, acme: Tenant) -> None:
    change = asked(as_admin, {"required_approvals": 0})
    refused(as_admin, change, "OWN_CHANGE")
    refused(Client(factories.make_key(admin.author).text), change, "OWN_CHANGE")
    entry = last_entry(acme)
    assert (entry.verb, entry.actor, entry.target) == ("policy.change_rejected.denied", "admin", change["id"])
    assert entry.data["code"] == "OWN_CHANGE"


def service_account(owner: Actor) -> Client:
    account = actions.create_user(
        "robot", groups=("Administrator",), service_owner=owner.author, by=Actor.command(owner.tenant)
    )
    return Client(factories.make_key(account).text)


def test_a_service_account_does_not_decide(
    agents: Namespace, as_admin: Client, second: Actor, as_second: Client
) -> None:
    change = asked(as_admin, {"required_approvals": 0})
    refused(service_account(second), change, "NOT_A_DECIDER")
    assert decide(as_second, change).status_code == 200


def test_what_a_service_account_asked_for_its_owner_does_not_decide(
    agents: Namespace, as_admin: Client, admin: Actor, as_second: Client
) -> None:
    change = asked(service_account(admin), {"required_approvals": 0})
    assert change["requested_by"] == "robot"
    refused(as_admin, change, "OWN_CHANGE")
    assert decide(as_second, change).status_code == 200


def test_who_issued_a_service_accounts_key_does_not_decide_what_it_asked(
    agents: Namespace, as_admin: Client, admin: Actor, second: Actor, as_second: Client
) -> None:
    account = actions.create_user(
        "robot", groups=("Administrator",), service_owner=admin.author, by=Actor.command(admin.tenant)
    )
    issued = actions.create_api_key(
        "robot's", owner=account, scopes=["admin", "prompts:read"], by=Actor.command(admin.tenant, second.author)
    )
    change = asked(Client(issued.text), {"required_approvals": 0})
    refused(as_second, change, "OWN_CHANGE")


def test_nobody_decides_what_the_person_asked_who_brought_them_in(
    agents: Namespace, as_admin: Client, admin: Actor, acme: Tenant, as_second: Client
) -> None:
    puppet = actions.create_user("puppet", groups=("Administrator",), by=Actor.command(acme, admin.author))
    assert puppet.created_by_id == admin.author.pk
    change = asked(as_admin, {"required_approvals": 0})
    refused(Client(factories.make_key(puppet).text), change, "OWN_CHANGE")
    assert decide(as_second, change).status_code == 200


@pytest.mark.parametrize("missing", ["admin", "prompts:approve"])
def test_deciding_takes_both_rights(
    agents: Namespace, as_admin: Client, second: Actor, acme: Tenant, missing: str
) -> None:
    change = asked(as_admin, {"required_approvals": 0})
    client = Client(factories.make_key(second.author, SCOPES.keys() - {missing, GATEWAY}).text)
    refused(client, change, "FORBIDDEN", 403)
    assert error_of(decide(client, change))["details"] == {"scope": missing}
    entry = last_entry(acme)
    assert (entry.verb, entry.actor, entry.target) == ("policy.change_approved.denied", "second", change["id"])


def test_a_right_that_was_lost_replays_no_answer(agents: Namespace, as_admin: Client, second: Actor) -> None:
    change = asked(as_admin, {"required_approvals": 1})
    client = factories.client_of(second)
    path = f"{AGENTS}/changes/{change['id']}/approve"
    assert client.post(path, Idempotency_Key="once").status_code == 200
    assert client.post(path, Idempotency_Key="once")["Idempotency-Replayed"] == "true"
    second.author.groups.clear()
    assert client.post(path, Idempotency_Key="once").status_code == 403


def test_a_platform_administrator_does_not_decide(agents: Namespace, as_admin: Client, acme: Tenant) -> None:
    change = PolicyChange.objects.get(pk=asked(as_admin, {"required_approvals": 0})["id"])
    staff = factories.make_user(acme)
    staff.tenant = None
    with pytest.raises(NotADecider):
        namespaces.approve_change(change, by=Actor(acme, staff, "console"))
    inactive = factories.make_user(acme)
    inactive.is_active = False
    with pytest.raises(NotADecider):
        namespaces.reject_change(change, by=Actor(acme, inactive, "console"))


def test_the_installation_itself_neither_asks_nor_decides(agents: Namespace, as_admin: Client, acme: Tenant) -> None:
    change = PolicyChange.objects.get(pk=asked(as_admin, {"required_approvals": 0})["id"])
    with pytest.raises(UserRequired):
        namespaces.approve_change(change, by=Actor.command(acme))
    with pytest.raises(UserRequired):
        namespaces.update_namespace(agents, {"required_approvals": 1}, by=Actor.command(acme))
    assert namespaces.update_namespace(agents, {"required_approvals": 3}, by=Actor.command(acme)) is None


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_decided_change_is_final(agents: Namespace, as_admin: Client, as_second: Client, word: str) -> None:
    change = asked(as_admin, {"required_approvals": 1})
    decide(as_second, change, word)
    refused(as_second, change, "CHANGE_DECIDED")


def test_a_change_is_found_in_its_own_namespace_alone(agents: Namespace, as_admin: Client, as_second: Client) -> None:
    as_admin.post("/prompts/namespaces", {"slug": "others", "name": "Others"})
    change = asked(as_admin, {"required_approvals": 1})
    elsewhere = decide(as_second, change, path="/prompts/namespaces/others")
    assert (elsewhere.status_code, error_of(elsewhere)["code"]) == (404, "NOT_FOUND")
    assert as_second.post(f"{AGENTS}/changes/{change['id']}/approve", {"reason": "x"}).status_code == 400
    assert decide(as_second, change, path=f"/prompts/namespaces/{agents.pk}").status_code == 200


# ----------------------------------------------------------------------------- at once
@pytest.fixture
def ground(committed: None) -> tuple[Tenant, list[Client]]:
    """A tenant of this test's own with three administrators and a strict namespace, committed."""
    tenant = factories.make_tenant()
    people = [factories.make_actor(tenant) for _ in range(3)]
    namespaces.create_namespace("agents", name="Agents", required_approvals=2, by=people[0])
    clients = [factories.client_of(each) for each in people]
    assert [client.get(AGENTS).status_code for client in clients] == [200] * 3
    return tenant, clients


@pytest.mark.parametrize("words", [("approve", "approve"), ("approve", "reject"), ("reject", "reject")], ids=" ".join)
def test_of_two_who_decide_at_once_one_does(ground: tuple[Tenant, list[Client]], words: tuple[str, str]) -> None:
    tenant, (asker, *others) = ground
    for number in range(4):
        body = {"required_approvals": 1, "name": f"Renamed {number}"}
        change = asked(asker, body)
        answers = at_once([partial(decide, client, change, word) for client, word in zip(others, words, strict=True)])
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 1}
        loser = next(answer for answer in answers if answer.status_code == 409)
        assert error_of(loser)["code"] == "CHANGE_DECIDED"
        won = json_of(next(answer for answer in answers if answer.status_code == 200))["decision"]
        assert shown(asker)["required_approvals"] == (1 if won == "approved" else 2)
        asker.put(AGENTS, {"required_approvals": 2})
    assert_chain_is_whole(tenant)


def test_a_change_asked_for_at_once_is_one(ground: tuple[Tenant, list[Client]]) -> None:
    tenant, clients = ground
    answers = at_once([partial(client.put, AGENTS, {"required_approvals": 1}) for client in clients * 3])
    assert {answer.status_code for answer in answers} == {202}
    assert len({json_of(answer)["pending_change"]["id"] for answer in answers}) == 1
    assert PolicyChange.objects.filter(tenant=tenant).count() == 1


def test_changes_made_at_once_all_count(ground: tuple[Tenant, list[Client]]) -> None:
    tenant, (first, *_) = ground
    bodies = [
        {"required_approvals": 3},
        {"name": "Renamed"},
        {"evaluation_policy": {"threshold": 0.9}},
        {"evaluation_policy": {"max_age_hours": 3}},
        {"evaluation_policy": {"harnesses": ["a"]}},
    ]
    answers = at_once([partial(first.put, AGENTS, body) for body in bodies])
    assert [answer.status_code for answer in answers] == [200] * len(bodies)
    after = shown(first)
    assert (after["name"], after["required_approvals"]) == ("Renamed", 3)
    evaluation = {"threshold": 0.9, "max_age_hours": 3, "harnesses": ["a"]}
    assert after["evaluation_policy"] == {**default_evaluation_policy(), **evaluation}
    assert Namespace.objects.get(tenant=tenant, slug="agents").policy.number == 5


def test_policy_changes_and_moves_to_production_do_not_deadlock(ground: tuple[Tenant, list[Client]]) -> None:
    """Movers hold the namespace FOR SHARE, changers against them: both take it before all else."""
    tenant, (asker, second, third) = ground
    prompt = json_of(asker.post("/prompts", {"name": "p", "template": "0", "namespace": "agents"}))
    path = f"/prompts/{prompt['id']}"
    versions = [prompt["latestVersion"]["id"]] + [
        json_of(asker.post(f"{path}/versions", {"content": str(number)}))["id"] for number in (1, 2)
    ]
    decide(second, asked(asker, {"required_approvals": 0}))
    for round_ in range(3):
        asker.put(AGENTS, {"required_approvals": 1})
        change = asked(asker, {"required_approvals": 0, "name": f"Round {round_}"})
        moves: list[Callable[[], HttpResponse]] = [
            partial(third.post, f"{path}/tags/{tag}", {"versionId": version})
            for version in versions
            for tag in ("production", "staging")
        ]
        *moved, decided = at_once([*moves, partial(decide, second, change)])
        assert decided.status_code == 200, decided.content
        assert {answer.status_code for answer in moved} <= {200, 409}, [answer.content for answer in moved]
        codes = {json_of(answer)["error"]["code"] for answer in moved if answer.status_code == 409}
        assert not codes & {"CONFLICT", "UNAVAILABLE"}
    assert_chain_is_whole(tenant)


# ----------------------------------------------------------------------------- in the database
WEAKEN = (
    "INSERT INTO prompts_namespacepolicy (id, tenant_id, namespace_id, number, required_approvals, custom_tags,"
    " evaluation_policy, changed_by_id, approved_by_id, created_at)"
    " SELECT gen_random_uuid(), tenant_id, namespace_id, number + 1, required_approvals - 1, custom_tags,"
    " evaluation_policy, {people}, now() FROM prompts_namespacepolicy WHERE namespace_id = %(namespace)s"
    " ORDER BY number DESC LIMIT 1"
)
PEOPLE = {
    "nobody": "NULL, NULL",
    "one person alone": "%(one)s, NULL",
    "one person twice": "%(one)s, %(one)s",
    "two people who were never asked": "%(one)s, %(two)s",
    "two people, one of whom still waits": "%(asker)s, %(two)s",
    "two people, one of whom refused": "%(asker)s, %(refuser)s",
}


@pytest.fixture
def parties(ground: tuple[Tenant, list[Client]]) -> dict[str, Any]:
    """A strict namespace with a change that waits and one that was rejected."""
    tenant, (first, second, _) = ground
    waits, rejected = asked(first, {"required_approvals": 0}), asked(first, {"required_approvals": 1})
    decide(second, rejected, "reject")
    row = PolicyChange.objects.get(pk=rejected["id"])
    two = factories.make_user(tenant)
    return {
        "namespace": row.namespace_id,
        "waiting": waits["id"],
        "rejected": row.pk,
        "asker": row.requested_by_id,
        "refuser": row.decided_by_id,
        "one": factories.make_user(tenant).pk,
        "two": two.pk,
    }


def refusal_of_both(statement: str, values: dict[str, Any]) -> set[str | None]:
    """What the serving role and the owner of the tables are told: the names they are refused with."""
    with transaction.atomic(), connection.cursor() as cursor, pytest.raises(DatabaseError) as told:
        cursor.execute(statement, values)
    cause = told.value.__cause__
    assert isinstance(cause, psycopg.Error)
    config = settings.DATABASES["owner"]
    with (
        psycopg.connect(
            host=config["HOST"],
            port=config["PORT"] or 5432,
            user=config["USER"],
            password=config["PASSWORD"],
            dbname=connections["default"].settings_dict["NAME"],
        ) as owner,
        pytest.raises(psycopg.Error) as told_owner,
    ):
        owner.execute(statement.encode(), values)
    return {cause.diag.constraint_name or cause.sqlstate, told_owner.value.diag.constraint_name}


@pytest.mark.parametrize("people", PEOPLE.values(), ids=list(PEOPLE))
def test_no_role_writes_a_weaker_policy_without_a_second_person(parties: dict[str, Any], people: str) -> None:
    assert refusal_of_both(WEAKEN.format(people=people), parties) == {"weaker_policies_have_four_eyes"}


@pytest.mark.parametrize(
    ("change", "assignments", "constraint"),
    [
        ("rejected", "approved = true", "decided_changes_are_final"),
        ("rejected", "(decided_by_id, approved, decided_at) = (NULL, NULL, NULL)", "decided_changes_are_final"),
        ("waiting", "changes = '{}'", "decided_changes_are_final"),
        ("waiting", "requested_by_id = %(one)s", "decided_changes_are_final"),
        (
            "waiting",
            "(decided_by_id, approved, decided_at) = (requested_by_id, true, now())",
            "policy_changes_have_four_eyes",
        ),
        ("waiting", "(approved, decided_at) = (true, now())", "policy_changes_have_four_eyes"),
    ],
    ids=["turned", "reopened", "rewritten", "of somebody else", "by oneself", "by nobody"],
)
def test_no_role_rewrites_a_change(parties: dict[str, Any], change: str, assignments: str, constraint: str) -> None:
    statement = " ".join(["UPDATE prompts_policychange SET", assignments, "WHERE id =", f"%({change})s"])
    assert refusal_of_both(statement, parties) == {constraint}


def test_the_serving_role_deletes_no_change(parties: dict[str, Any]) -> None:
    assert refusal_of_both("DELETE FROM prompts_policychange WHERE id = %(waiting)s", parties) == {
        "42501",
        "decided_changes_are_final",
    }


# ----------------------------------------------------------------------------- one rule, written twice
def random_terms(dice: random.Random) -> Terms:
    evaluation = {
        "mode": dice.choice(MODES),
        "threshold": dice.choice([0, 0.5, 0.1 + 0.2, 0.3, 0.8, 1, 1.0, 5e-324]),
        "harnesses": sorted(dice.sample(["a", "b", "c"], dice.randrange(4))),
        "max_age_hours": dice.choice([None, None, 0.5, 1, 24, 24.0, 24.000001, 87_600]),
        "auto_trigger": dice.random() < 0.5,
    }
    return Terms(dice.randrange(3), sorted(dice.sample(["x", "y", "z.1"], dice.randrange(4))), evaluation)


def near(terms: Terms, dice: random.Random) -> Terms:
    """The same but for one or two things: what differs in all is nearly always weaker."""
    other = random_terms(dice)
    names = dice.sample([*Terms._fields[:2], *terms.evaluation_policy], dice.choice([0, 1, 1, 2]))
    own = {name: getattr(other, name) for name in names if name in Terms._fields}
    evaluation = {name: other.evaluation_policy[name] for name in names if name in other.evaluation_policy}
    return terms._replace(**own, evaluation_policy={**terms.evaluation_policy, **evaluation})


#: Each pair in a namespace of its own: is the second policy taken from one person alone?
TRY_PAIRS = """
DO $$
DECLARE
    pair jsonb;
    told text := '';
    refused_by text;
    namespace uuid;
    tenant uuid := current_setting('pvc.tenant')::uuid;
    terms prompts_namespacepolicy;
BEGIN
    FOR pair IN SELECT * FROM jsonb_array_elements(current_setting('pvc.pairs')::jsonb) LOOP
        namespace := gen_random_uuid();
        INSERT INTO prompts_namespace (id, tenant_id, slug, name, description, created_at)
            VALUES (namespace, tenant, left(namespace::text, 30), 'n', '', now());
        FOR number IN 1..2 LOOP
            terms := jsonb_populate_record(NULL::prompts_namespacepolicy, pair -> (number - 1));
            BEGIN
                INSERT INTO prompts_namespacepolicy (id, tenant_id, namespace_id, number, required_approvals,
                    custom_tags, evaluation_policy, created_at)
                    VALUES (gen_random_uuid(), tenant, namespace, number, terms.required_approvals,
                        terms.custom_tags, terms.evaluation_policy, now());
                told := told || CASE number WHEN 2 THEN 'taken ' ELSE '' END;
            EXCEPTION WHEN integrity_constraint_violation THEN
                GET STACKED DIAGNOSTICS refused_by = CONSTRAINT_NAME;
                told := told || refused_by || ' ';
            END;
        END LOOP;
    END LOOP;
    PERFORM set_config('pvc.told', told, true);
END $$
"""


def told_by_database(tenant: Tenant, pairs: list[tuple[Terms, Terms]]) -> list[str]:
    rows = json.dumps([[terms._asdict() for terms in pair] for pair in pairs])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('pvc.pairs', %s, true), set_config('pvc.tenant', %s, true)", [rows, str(tenant.pk)]
        )
        cursor.execute(TRY_PAIRS)
        cursor.execute("SELECT current_setting('pvc.told')")
        (told,) = cursor.fetchone()
    words: list[str] = told.split()
    return words


def test_the_rule_and_the_trigger_say_the_same_of_thousands_of_pairs(acme: Tenant) -> None:
    dice = random.Random(4)
    firsts = [random_terms(dice) for _ in range(3000)]
    pairs = [
        (first, random_terms(dice) if number % 6 == 0 else near(first, dice)) for number, first in enumerate(firsts)
    ]
    told = [word for start in range(0, len(pairs), 500) for word in told_by_database(acme, pairs[start : start + 500])]
    expected = ["weaker_policies_have_four_eyes" if policy.needs_second_person(*pair) else "taken" for pair in pairs]
    assert [pair for pair, one, other in zip(pairs, told, expected, strict=True) if one != other] == []
    assert min(Counter(expected).values()) > 500


def test_a_policy_changed_and_compared_leads_to_itself() -> None:
    dice = random.Random(5)
    for _ in range(1000):
        one, other = random_terms(dice), random_terms(dice)
        assert policy.changed(one, policy.difference(one, other)) == other
        assert policy.difference(one, one) == {}
        assert not policy.needs_second_person(one, one)


def test_a_policy_row_that_says_little_has_the_usual_terms(namespace: Namespace) -> None:
    row = NamespacePolicy.objects.create(
        tenant=namespace.tenant, namespace=namespace, number=2, required_approvals=0, evaluation_policy={"mode": "off"}
    )
    assert row.terms.evaluation_policy == {**default_evaluation_policy(), "mode": "off"}
