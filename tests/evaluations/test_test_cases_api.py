"""Test cases over HTTP: written, read and changed, by whom, and what is refused."""

from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse

from audit.models import AuditEntry, OutboxEvent
from evaluations.models import TestCase
from prompts.actions import namespaces
from prompts.models import Namespace, Prompt
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, error_of, json_of

PATH = "/prompts/support/test-cases"
ASSERTIONS = [{"type": "contains", "value": "refund"}]
CASE: dict[str, Any] = {"name": "refund", "variables": {"issue": "a refund"}, "assertions": ASSERTIONS}


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support")


def made(client: Client, path: str = PATH, **fields: Any) -> dict[str, Any]:
    answer = client.post(path, {**CASE, **fields})
    assert answer.status_code == 201, answer.content
    case: dict[str, Any] = json_of(answer)
    return case


def code_of(answer: HttpResponse, status: int) -> str:
    assert answer.status_code == status, answer.content
    return str(error_of(answer)["code"])


def entries(tenant: Tenant) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(tenant_id=tenant.pk, verb__startswith="test_case.").order_by("seq"))


# ----------------------------------------------------------------------------- written and read
def test_a_test_case_is_written_listed_read_changed_and_deleted(as_alice: Client, prompt: Prompt) -> None:
    case = made(as_alice)
    assert list(case) == ["id", "promptId", "name", "variables", "assertions", "createdAt", "updatedAt"]
    assert {name: case[name] for name in CASE} == CASE
    assert case["promptId"] == str(prompt.pk)
    path = f"{PATH}/{case['id']}"
    assert json_of(as_alice.get(path)) == case
    changed = json_of(as_alice.put(path, {"variables": {"issue": "an invoice"}}))
    assert {**changed, "updatedAt": case["updatedAt"]} == {**case, "variables": {"issue": "an invoice"}}
    assert changed["updatedAt"] >= case["updatedAt"]
    assert json_of(as_alice.get(PATH))["data"] == [changed]
    assert (as_alice.delete(path).status_code, as_alice.get(path).status_code) == (204, 404)
    assert (as_alice.delete(path).status_code, as_alice.put(path, CASE).status_code) == (404, 404)
    assert json_of(as_alice.get(PATH)) == {"data": [], "meta": {"limit": 20}}


def test_each_change_is_recorded_once_and_is_no_event(as_alice: Client, acme: Tenant, prompt: Prompt) -> None:
    told = OutboxEvent.objects.filter(tenant_id=acme.pk).count()
    case = made(as_alice)
    as_alice.put(f"{PATH}/{case['id']}", {"name": "renamed"})
    as_alice.delete(f"{PATH}/{case['id']}")
    written = entries(acme)
    assert [each.verb for each in written] == ["test_case.created", "test_case.changed", "test_case.deleted"]
    assert {(each.actor, each.target, each.prompt_id) for each in written} == {("alice", case["id"], prompt.pk)}
    assert [each.data["name"] for each in written] == ["refund", "renamed", "renamed"]
    assert len({each.data["digest"] for each in written}) == 2
    assert OutboxEvent.objects.filter(tenant_id=acme.pk).count() == told


def test_a_list_is_of_one_prompt_the_newest_first_page_by_page(
    as_alice: Client, prompt: Prompt, namespace: Namespace, alice: Actor
) -> None:
    factories.make_prompt(namespace, by=alice, slug="other")
    names = [made(as_alice, name=f"case {number}")["name"] for number in range(5)]
    made(as_alice, "/prompts/other/test-cases", name="case 1")
    found, cursor = [], ""
    for _ in range(3):
        page = json_of(as_alice.get(f"{PATH}?limit=2{cursor}"))
        found += [each["name"] for each in page["data"]]
        cursor = f"&cursor={page['meta'].get('nextCursor')}"
    assert found == names[::-1]
    assert cursor == "&cursor=None"


def test_a_prompt_is_named_by_id_name_or_namespace(as_alice: Client, prompt: Prompt) -> None:
    case = made(as_alice)
    for ref in ("support", str(prompt.pk), "default:support", "default%3Asupport"):
        assert json_of(as_alice.get(f"/prompts/{ref}/test-cases/{case['id']}")) == case
    assert as_alice.get("/prompts/another/test-cases").status_code == 404


def test_a_case_is_found_under_its_own_prompt_alone(
    as_alice: Client, prompt: Prompt, namespace: Namespace, alice: Actor
) -> None:
    factories.make_prompt(namespace, by=alice, slug="other")
    case = made(as_alice)
    path = f"/prompts/other/test-cases/{case['id']}"
    answers = [as_alice.get(path), as_alice.put(path, CASE), as_alice.delete(path)]
    assert [each.status_code for each in answers] == [404] * 3
    assert json_of(as_alice.get(f"{PATH}/{case['id']}")) == case


VALUES: dict[str, Any] = {
    "numbers as they are": {"whole": 1, "with a point": 1.5, "greatest": 2**53 - 1, "small": 1e-7},
    "texts as they are": {"spaces": "  a\n\tb ", "all of Unicode": "né 日本 \U0001f600 e\u0301", "empty": ""},
    "what is nested": {"a": {"b": [1, [None, True, {"c": "d"}]]}},
    "nothing": {},
}


@pytest.mark.parametrize("variables", VALUES.values(), ids=list(VALUES))
def test_variables_come_back_as_they_were_sent(as_alice: Client, prompt: Prompt, variables: dict[str, Any]) -> None:
    case = made(as_alice, variables=variables)
    assert json_of(as_alice.get(f"{PATH}/{case['id']}"))["variables"] == variables


def test_without_variables_there_are_none(as_alice: Client, prompt: Prompt) -> None:
    answer = as_alice.post(PATH, {"name": "bare", "assertions": ASSERTIONS})
    assert (answer.status_code, json_of(answer)["variables"]) == (201, {})


def test_a_post_that_is_sent_twice_under_one_idempotency_key_writes_one_case(as_alice: Client, prompt: Prompt) -> None:
    answers = [as_alice.post(PATH, CASE, Idempotency_Key="once") for _ in range(2)]
    assert json_of(answers[0]) == json_of(answers[1])
    assert (answers[1]["Idempotency-Replayed"], TestCase.objects.count()) == ("true", 1)


# ----------------------------------------------------------------------------- refused for what it is
LONGEST = "n" * 200
INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": None}, "name"),
    "an empty name": ({"name": ""}, "name"),
    "a name that is a number": ({"name": 1}, "name"),
    "a name that is too long": ({"name": f"{LONGEST}n"}, "name"),
    "variables that are a list": ({"variables": []}, "variables"),
    "variables that are a text": ({"variables": "issue"}, "variables"),
    "too many variables": ({"variables": {f"v{number}": 1 for number in range(1_001)}}, "variables"),
    "assertions that are an object": ({"assertions": {"type": "valid_json"}}, "assertions"),
    "no assertion among them": ({"assertions": []}, "assertions"),
    "too many assertions": ({"assertions": ASSERTIONS * 101}, "assertions"),
    "an assertion that is a text": ({"assertions": ["valid_json"]}, "assertions[0]"),
    "an assertion that nobody knows": ({"assertions": [*ASSERTIONS, {"type": "rhymes"}]}, "assertions[1].type"),
    "an assertion without its value": ({"assertions": [{"type": "equals"}]}, "assertions[0].value"),
    "a field that nobody knows": ({"colour": "red"}, "colour"),
    "a read-only field": ({"id": "x"}, "id"),
}


@pytest.mark.parametrize(("fields", "field"), INVALID.values(), ids=list(INVALID))
def test_what_cannot_be_a_test_case_is_refused_by_field(
    as_alice: Client, prompt: Prompt, fields: dict[str, Any], field: str
) -> None:
    refused = as_alice.post(PATH, {**CASE, **fields})
    assert code_of(refused, 400) == "VALIDATION_ERROR"
    assert list(error_of(refused)["details"]["fields"]) == [field]
    assert TestCase.objects.count() == 0


@pytest.mark.parametrize("missing", ["name", "assertions"])
def test_a_name_and_assertions_are_needed(as_alice: Client, prompt: Prompt, missing: str) -> None:
    refused = as_alice.post(PATH, {name: value for name, value in CASE.items() if name != missing})
    assert list(error_of(refused)["details"]["fields"]) == [missing]


def test_the_longest_name_and_a_hundred_assertions_are_taken(as_alice: Client, prompt: Prompt) -> None:
    case = made(as_alice, name=LONGEST, assertions=ASSERTIONS * 100)
    assert (case["name"], len(case["assertions"])) == (LONGEST, 100)


def test_a_name_is_taken_once_in_a_prompt(as_alice: Client, prompt: Prompt, namespace: Namespace, alice: Actor) -> None:
    factories.make_prompt(namespace, by=alice, slug="other")
    made(as_alice)
    assert code_of(as_alice.post(PATH, CASE), 409) == "CONFLICT"
    second = made(as_alice, name="second")
    assert code_of(as_alice.put(f"{PATH}/{second['id']}", {"name": "refund"}), 409) == "CONFLICT"
    assert json_of(as_alice.get(f"{PATH}/{second['id']}")) == second
    assert made(as_alice, "/prompts/other/test-cases")["name"] == "refund"


def test_ten_thousand_are_the_most(as_alice: Client, acme: Tenant, prompt: Prompt) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO evaluations_testcase
                (id, tenant_id, prompt_id, name, variables, assertions, digest, created_at, updated_at)
            SELECT gen_random_uuid(), %s, %s, 'n' || number, '{}', '[]', repeat('0', 64), now(), now()
            FROM generate_series(1, 9999) AS number
            """,
            [acme.pk, prompt.pk],
        )
    last = made(as_alice)
    assert code_of(as_alice.post(PATH, {**CASE, "name": "one more"}), 409) == "TOO_MANY_TEST_CASES"
    assert as_alice.put(f"{PATH}/{last['id']}", {"name": "changed"}).status_code == 200
    assert as_alice.delete(f"{PATH}/{last['id']}").status_code == 204
    assert made(as_alice, name="one more")["name"] == "one more"


# ----------------------------------------------------------------------------- changed
def test_what_a_put_leaves_out_stays(as_alice: Client, prompt: Prompt) -> None:
    case = made(as_alice)
    path = f"{PATH}/{case['id']}"
    changes: list[dict[str, Any]] = [{"name": "other"}, {"variables": {}}, {"assertions": [{"type": "valid_json"}]}]
    for change in changes:
        before = json_of(as_alice.get(path))
        after = json_of(as_alice.put(path, change))
        assert {**after, "updatedAt": ""} == {**before, **change, "updatedAt": ""}


def test_null_clears_the_variables_and_nothing_else(as_alice: Client, prompt: Prompt) -> None:
    path = f"{PATH}/{made(as_alice)['id']}"
    assert json_of(as_alice.put(path, {"variables": None}))["variables"] == {}
    assert [code_of(as_alice.put(path, {name: None}), 400) for name in ("name", "assertions")] == [
        "VALIDATION_ERROR"
    ] * 2


def test_a_put_of_the_whole_object_as_it_was_read_changes_nothing(
    as_alice: Client, acme: Tenant, prompt: Prompt
) -> None:
    case = made(as_alice)
    answer = as_alice.put(f"{PATH}/{case['id']}", case)
    assert (answer.status_code, json_of(answer)) == (200, case)
    assert "X-Audit-Seq" not in answer
    assert [each.verb for each in entries(acme)] == ["test_case.created"]


@pytest.mark.parametrize("name", ["id", "promptId", "createdAt", "updatedAt"])
def test_a_read_only_field_with_another_value_is_refused(as_alice: Client, prompt: Prompt, name: str) -> None:
    case = made(as_alice)
    refused = as_alice.put(f"{PATH}/{case['id']}", {**case, "name": "other", name: "another"})
    assert code_of(refused, 400) == "IMMUTABLE_FIELD"
    assert list(error_of(refused)["details"]["fields"]) == [name]
    assert json_of(as_alice.get(f"{PATH}/{case['id']}")) == case


def test_an_invalid_change_leaves_the_case_as_it_is(as_alice: Client, prompt: Prompt) -> None:
    case = made(as_alice)
    changes = ({"assertions": [{"type": "regex", "value": "("}]}, {"name": ""}, {"colour": "red"}, {"variables": 1})
    for change in changes:
        answer = as_alice.put(f"{PATH}/{case['id']}", {"name": "other", **change})
        assert code_of(answer, 400) == "VALIDATION_ERROR"
    assert json_of(as_alice.get(f"{PATH}/{case['id']}")) == case


def test_a_delete_takes_no_fields(as_alice: Client, prompt: Prompt) -> None:
    path = f"{PATH}/{made(as_alice)['id']}"
    assert as_alice("DELETE", path, {"force": True}).status_code == 400
    assert as_alice.get(path).status_code == 200


# ----------------------------------------------------------------------------- whose
def test_another_tenant_finds_nothing(as_alice: Client, as_eve: Client, acme: Tenant, prompt: Prompt) -> None:
    case = made(as_alice)
    before = len(entries(acme))
    for base in (f"/prompts/{prompt.pk}/test-cases", PATH):
        answers = [
            as_eve.get(base),
            as_eve.post(base, {**CASE, "name": "hers"}),
            as_eve.get(f"{base}/{case['id']}"),
            as_eve.put(f"{base}/{case['id']}", {"name": "hers"}),
            as_eve.delete(f"{base}/{case['id']}"),
        ]
        assert [code_of(each, 404) for each in answers] == ["NOT_FOUND"] * 5
    assert json_of(as_alice.get(PATH))["data"] == [case]
    assert len(entries(acme)) == before


#: Who may change test cases: where nothing needs approval, and where something does.
RIGHTS = {
    "an author": ("Author", True, False),
    "a reviewer": ("Reviewer", True, True),
    "an operator": ("Operator", False, True),
    "an administrator": ("Administrator", True, True),
}


@pytest.mark.parametrize("required", [0, 1], ids=["free", "guarded"])
@pytest.mark.parametrize(("group", "free", "guarded"), RIGHTS.values(), ids=list(RIGHTS))
def test_where_approvals_are_required_whoever_promotes_changes_test_cases(
    acme: Tenant, admin: Actor, group: str, free: bool, guarded: bool, required: int
) -> None:
    """Elsewhere whoever writes; a refusal is recorded, and everybody reads."""
    namespace = namespaces.create_namespace("agents", name="Agents", required_approvals=required, by=admin)
    prompt = factories.make_prompt(namespace, by=admin, slug="support")
    path = "/prompts/agents:support/test-cases"
    case = made(factories.client_of(admin), path)
    client = factories.client_of(factories.make_actor(acme, "somebody", group))
    answers = [
        client.post(path, {**CASE, "name": "another"}),
        client.put(f"{path}/{case['id']}", {"name": "changed"}),
        client.delete(f"{path}/{case['id']}"),
    ]
    written = [each for each in entries(acme) if each.actor == "somebody"]
    verbs = ["test_case.created", "test_case.changed", "test_case.deleted"]
    assert {each.prompt_id for each in written} == {prompt.pk}
    if guarded if required else free:
        assert [each.status_code for each in answers] == [201, 200, 204]
        assert [each.verb for each in written] == verbs
        return
    assert [code_of(each, 403) for each in answers] == ["FORBIDDEN"] * 3
    needed = "prompts:promote" if required else "prompts:write"
    assert [error_of(each)["details"]["scope"] for each in answers] == [needed] * 3
    assert [each.verb for each in written] == [f"{verb}.denied" for verb in verbs]
    assert {each.data["code"] for each in written} == {"FORBIDDEN"}
    assert json_of(client.get(path))["data"] == [case]


def test_a_key_that_only_reads_is_refused_at_the_door_and_that_is_recorded(
    as_alice: Client, acme: Tenant, alice: Actor, prompt: Prompt
) -> None:
    case = made(as_alice)
    reader = Client(factories.make_key(alice.author, ["prompts:read"]).text)
    path = f"{PATH}/{case['id']}"
    assert [reader.get(PATH).status_code, reader.get(path).status_code] == [200, 200]
    answers = [reader.post(PATH, {**CASE, "name": "another"}), reader.put(path, {"name": "x"}), reader.delete(path)]
    assert [error_of(each)["details"]["scope"] for each in answers] == ["prompts:write"] * 3
    denied = [each.verb for each in entries(acme) if each.verb.endswith(".denied")]
    assert denied == ["test_case.created.denied", "test_case.changed.denied", "test_case.deleted.denied"]
    assert {each.prompt_id for each in entries(acme)} == {prompt.pk}


def test_whoever_may_not_read_finds_no_list(acme: Tenant, alice: Actor, prompt: Prompt) -> None:
    writer = Client(factories.make_key(alice.author, ["prompts:write"]).text)
    assert error_of(writer.get(PATH))["details"]["scope"] == "prompts:read"
    assert Client(None).get(PATH).status_code == 401


def test_approvals_asked_for_since_hold_at_once(as_alice: Client, namespace: Namespace, prompt: Prompt) -> None:
    """What counts is the policy when the case is changed, not when the prompt was made."""
    made(as_alice)
    factories.change_policy(namespace, required_approvals=1)
    assert code_of(as_alice.post(PATH, {**CASE, "name": "another"}), 403) == "FORBIDDEN"


def test_an_archived_prompts_test_cases_are_read_and_not_changed(
    as_admin: Client, acme: Tenant, prompt: Prompt
) -> None:
    case = made(as_admin)
    assert as_admin.delete("/prompts/support").status_code == 200
    path = f"{PATH}/{case['id']}"
    answers = [as_admin.post(PATH, {**CASE, "name": "x"}), as_admin.put(path, {"name": "x"}), as_admin.delete(path)]
    assert [code_of(each, 410) for each in answers] == ["ARCHIVED"] * 3
    assert json_of(as_admin.get(PATH))["data"] == [json_of(as_admin.get(path))] == [case]
    denied = [each.verb for each in entries(acme) if each.verb.endswith(".denied")]
    assert denied == ["test_case.created.denied", "test_case.changed.denied", "test_case.deleted.denied"]
