"""Deployments over HTTP: how they are made, shown, changed, listed and ended, and what each leaves behind."""

import copy
import uuid
from typing import Any

import pytest

from audit.models import AuditEntry, OutboxEvent
from deployments import splits
from deployments.actions import promotion
from deployments.models import Deployment, Variant
from prompts.actions import prompts
from prompts.models import PreProdTarget, Prompt, PromptVersion
from tests import factories
from tests.conftest import Furnish
from tests.deployments import split_ground
from tests.deployments.split_ground import Split
from tests.factories import Client, error_of, json_of

Laid = tuple[Split, Split, Split, dict[str, Any]]
NOBODY = "01890a5d-ac96-774b-bcce-b302099a8061"
STEP = {"holdMinutes": 60, "minSessions": 100}
GUARDRAIL = {"type": "latency", "name": "total", "direction": "up", "margin": 0.1}
SUM = "Variant weights must sum to 100, got"


@pytest.fixture(scope="module")
def laid(furnish: Furnish[Laid]) -> Laid:
    """A prompt with three versions, one of another tenant, and one that is split."""

    def lay() -> Laid:
        standing = split_ground.lay("standing")
        return split_ground.lay("acme"), split_ground.lay("other"), standing, standing.made(50, 50)

    return furnish(lay)


@pytest.fixture
def split(db: None, laid: Laid) -> Split:
    splits.KEPT.clear()
    return copy.deepcopy(laid[0])


@pytest.fixture
def theirs(db: None, laid: Laid) -> Split:
    return copy.deepcopy(laid[1])


@pytest.fixture
def standing(db: None, laid: Laid) -> tuple[Split, dict[str, Any]]:
    """A prompt that is split, and its deployment as it is shown."""
    return copy.deepcopy((laid[2], laid[3]))


def entries(split: Split, verb: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(tenant_id=split.admin.tenant.pk, verb=verb).order_by("seq"))


def events(split: Split) -> list[OutboxEvent]:
    found = OutboxEvent.objects.filter(tenant_id=split.admin.tenant.pk, type="deployment.changed")
    return list(found.order_by("sequence"))


def ids_of(deployment: dict[str, Any]) -> dict[str, str]:
    """Variant ids by version id."""
    return {each["versionId"]: each["id"] for each in deployment["variants"]}


# ----------------------------------------------------------------------------- made and shown
def test_a_deployment_is_answered_with_all_it_has(split: Split) -> None:
    shown = split.made(90, 10)
    first, second = shown["variants"]
    assert shown == {
        "id": shown["id"],
        "projectId": str(split.admin.tenant.pk),
        "promptId": str(split.prompt.pk),
        "name": None,
        "status": "active",
        "config": {"stickySessions": True},
        "plan": [],
        "guardrails": [],
        "createdAt": shown["createdAt"],
        "updatedAt": shown["createdAt"],
        "variants": [
            {**common(shown, first), "versionId": split.id(1), "weight": 90, "isControl": True},
            {**common(shown, second), "versionId": split.id(2), "weight": 10, "isControl": False},
        ],
    }
    assert shown["createdAt"].endswith("Z")
    assert {uuid.UUID(each).version for each in (shown["id"], first["id"], second["id"])} == {7}
    assert json_of(split.client.get(f"/deployments/{shown['id']}")) == shown
    assert json_of(split.client.get("/deployments"))["data"] == [shown]


def common(deployment: dict[str, Any], variant: dict[str, Any]) -> dict[str, Any]:
    return {"id": variant["id"], "deploymentId": deployment["id"]}


def test_whatever_may_be_sent_is_kept(split: Split) -> None:
    plan = [{"weights": {"control": 50, split.id(2): 50}, **STEP}]
    shown = split.made(100, 0, name="Trial 😀", status="paused", plan=plan, guardrails=[GUARDRAIL])
    assert (shown["name"], shown["status"], shown["guardrails"]) == ("Trial 😀", "paused", [GUARDRAIL])
    weights = {"control": 50, shown["variants"][1]["id"]: 50}
    assert shown["plan"] == [{**STEP, "weights": weights}]


def test_the_control_is_the_one_that_is_named(split: Split) -> None:
    body = split.body(50, 50)
    body["variants"][1]["isControl"] = True
    shown = json_of(split.client.post("/deployments", body))
    assert {each["versionId"]: each["isControl"] for each in shown["variants"]} == {
        split.id(1): False,
        split.id(2): True,
    }


def test_several_may_be_active_for_one_prompt(split: Split) -> None:
    assert {split.made(100)["status"], split.made(100)["status"]} == {"active"}


def test_the_largest_split_there_may_be_is_taken(split: Split) -> None:
    versions = [factories.make_version(split.prompt, by=split.admin) for _ in range(21)]
    shares = [{"versionId": str(each.pk), "weight": 5} for each in versions]
    body = split.body() | {"variants": shares[:20]}
    assert split.client.post("/deployments", body).status_code == 201
    refused = split.client.post(
        "/deployments", body | {"variants": [*shares[:19], *({**each, "weight": 0} for each in shares[19:])]}
    )
    assert error_of(refused)["details"]["fields"].keys() == {"variants"}


# ----------------------------------------------------------------------------- refused
def variant(**changes: Any) -> Any:
    """A body with its second variant changed."""
    return lambda split: {"variants": [split.shares(50, 50)[0], {**split.shares(50, 50)[1], **changes}]}


def field(**changes: Any) -> Any:
    return lambda _: changes


def draft_of(split: Split) -> str:
    path = f"/prompts/templates/{split.prompt.pk}/versions"
    return str(json_of(split.client.post(path, {"body": "A draft"}))["id"])


def other_prompts_version(split: Split) -> str:
    prompt = factories.make_prompt(split.prompt.namespace, by=split.admin)
    return str(prompt.versions.get().pk)


def twice(split: Split) -> dict[str, Any]:
    return {"variants": [split.shares(50)[0], split.shares(50)[0]]}


def two_controls(split: Split) -> dict[str, Any]:
    return {"variants": [{**each, "isControl": True} for each in split.shares(50, 50)]}


def step(**changes: Any) -> Any:
    return lambda split: {"plan": [{"weights": {"control": 50, split.id(2): 50}, **STEP, **changes}]}


def guardrail(**changes: Any) -> Any:
    return lambda _: {"guardrails": [{**GUARDRAIL, **changes}]}


#: What is sent in the place of a good body's fields, and which field is told of.
BAD: dict[str, tuple[Any, str]] = {
    "a weight of -1": (variant(weight=-1), "variants[1].weight"),
    "a weight of 101": (variant(weight=101), "variants[1].weight"),
    "half a percent": (variant(weight=0.5), "variants[1].weight"),
    "a weight as a text": (variant(weight="50"), "variants[1].weight"),
    "a weight that is true": (variant(weight=True), "variants[1].weight"),
    "no weight": (variant(weight=None), "variants[1].weight"),
    "a version twice": (twice, "variants"),
    "two controls": (two_controls, "variants"),
    "control as a text": (variant(isControl="perhaps"), "variants[1].isControl"),
    "an unknown version": (variant(versionId=NOBODY), "variants[1].versionId"),
    "a version by its number": (variant(versionId=2), "variants[1].versionId"),
    "a draft": (lambda split: variant(versionId=draft_of(split))(split), "variants[1].versionId"),
    "another prompt's version": (
        lambda split: variant(versionId=other_prompts_version(split))(split),
        "variants[1].versionId",
    ),
    "an unknown field of a variant": (variant(colour="red"), "variants[1].colour"),
    "no variants": (field(variants=[]), "variants"),
    "variants that are no list": (field(variants={}), "variants"),
    "an unknown status": (field(status="running"), "status"),
    "a name too long": (field(name="x" * 101), "name"),
    "a name that is a number": (field(name=7), "name"),
    "an unknown field": (field(colour="red"), "colour"),
    "a plan that is an object": (field(plan={}), "plan"),
    "a step for nobody": (step(weights={NOBODY: 100}), "plan[0].weights"),
    "a step without weights": (step(weights={}), "plan[0].weights"),
    "a step with a fraction": (step(weights={"control": 99.5}), "plan[0].weights.control"),
    "a step that holds -1 minutes": (step(holdMinutes=-1), "plan[0].holdMinutes"),
    "a step without its sessions": (step(minSessions=None), "plan[0].minSessions"),
    "an unknown field of a step": (step(colour="red"), "plan[0].colour"),
    "21 steps": (lambda split: {"plan": step()(split)["plan"] * 21}, "plan"),
    "a guardrail of an unknown type": (guardrail(type="speed"), "guardrails[0].type"),
    "a guardrail without a direction": (guardrail(direction=None), "guardrails[0].direction"),
    "a guardrail below nought": (guardrail(margin=-0.1), "guardrails[0].margin"),
    "an unknown field of a guardrail": (guardrail(colour="red"), "guardrails[0].colour"),
}


@pytest.mark.parametrize(("changes", "path"), BAD.values(), ids=list(BAD))
def test_a_bad_field_is_named_and_nothing_is_made_or_changed(
    standing: tuple[Split, dict[str, Any]], changes: Any, path: str
) -> None:
    split, present = standing
    bad = changes(split)
    for refused in (
        split.client.post("/deployments", {**split.body(50, 50), **bad}),
        split.client.put(f"/deployments/{present['id']}", bad),
    ):
        error = error_of(refused)
        assert (refused.status_code, error["code"]) == (400, "VALIDATION_ERROR"), error
        assert path in error["details"]["fields"]
    assert json_of(split.client.get("/deployments"))["data"] == [present]
    assert Variant.objects.filter(tenant=split.admin.tenant).count() == 2
    assert len(events(split)) == 1


@pytest.mark.parametrize(
    ("weights", "told"),
    [((60, 39), 99), ((60, 41), 101), ((0,), 0), ((100, 100, 100), 300), ((99,), 99)],
)
def test_weights_that_do_not_sum_to_100_are_refused_in_these_words(
    standing: tuple[Split, dict[str, Any]], weights: tuple[int, ...], told: int
) -> None:
    split, present = standing
    made = split.client.post("/deployments", split.body(*weights))
    changed = split.client.put(f"/deployments/{present['id']}", {"variants": split.shares(*weights)})
    for refused in (made, changed):
        error = error_of(refused)
        assert (refused.status_code, error["code"], error["message"]) == (400, "INVALID_WEIGHTS", f"{SUM} {told}")
    assert json_of(split.client.get("/deployments"))["data"] == [present]


def test_the_weights_of_a_step_sum_to_100_too(split: Split) -> None:
    refused = split.client.post("/deployments", split.body(50, 50, **step(weights={"control": 99})(split)))
    assert (refused.status_code, error_of(refused)["code"]) == (400, "INVALID_WEIGHTS")
    assert error_of(refused)["message"].startswith(f"{SUM} 99")
    assert json_of(split.client.get("/deployments"))["data"] == []


def test_nothing_is_made_that_has_ended(split: Split) -> None:
    refused = split.client.post("/deployments", split.body(100, status="archived"))
    assert (refused.status_code, list(error_of(refused)["details"]["fields"])) == (400, ["status"])


@pytest.mark.parametrize("name", ["promptId", "variants"])
def test_what_a_deployment_must_have_is_asked_for(split: Split, name: str) -> None:
    body = split.body(100)
    del body[name]
    assert error_of(split.client.post("/deployments", body))["details"]["fields"].keys() == {name}


@pytest.mark.parametrize("sent", [7, "support", "default:support", None, ["x"]])
def test_a_prompt_is_named_by_its_id(split: Split, sent: Any) -> None:
    refused = split.client.post("/deployments", split.body(100, promptId=sent))
    assert (refused.status_code, list(error_of(refused)["details"]["fields"])) == (400, ["promptId"])


def test_another_tenants_prompt_version_and_deployment_are_none(split: Split, theirs: Split) -> None:
    hers, mine = theirs.made(100), split.made(100)
    unknown = split.client.post("/deployments", split.body(100, promptId=NOBODY))
    foreign = split.client.post("/deployments", split.body(100, promptId=str(theirs.prompt.pk)))
    assert (foreign.status_code, error_of(foreign)) == (404, error_of(unknown))
    for path in (f"/deployments/{hers['id']}", f"/deployments/{hers['id']}/resolve"):
        none = split.client.get(path.replace(hers["id"], NOBODY))
        assert (split.client.get(path).status_code, error_of(split.client.get(path))) == (404, error_of(none))
    assert split.client.put(f"/deployments/{hers['id']}", {"status": "paused"}).status_code == 404
    shares = [{"versionId": theirs.id(1), "weight": 100}]
    assert (
        "variants[0].versionId"
        in error_of(split.client.post("/deployments", split.body() | {"variants": shares}))["details"]["fields"]
    )
    assert json_of(split.client.get(f"/deployments?promptId={theirs.prompt.pk}"))["data"] == []
    assert json_of(split.client.get("/deployments"))["data"] == [mine]


def test_writing_needs_the_scope_and_reading_only_reads(split: Split) -> None:
    present = split.made(100)
    reader = Client(factories.make_key(split.admin.author, ["prompts:read"]).text)
    writer = Client(factories.make_key(split.admin.author, ["deployments:write"]).text)
    path = f"/deployments/{present['id']}"
    for refused in (reader.post("/deployments", split.body(100)), reader.put(path, {"status": "paused"})):
        assert (refused.status_code, error_of(refused)["details"]) == (403, {"scope": "deployments:write"})
    for refused in (writer.get(path), writer.get("/deployments"), writer.get(f"{path}/resolve")):
        assert (refused.status_code, error_of(refused)["details"]) == (403, {"scope": "prompts:read"})
    assert writer.put(path, {"status": "paused"}).status_code == 200
    assert json_of(reader.get(path))["status"] == "paused"


def test_a_deployment_is_made_once_under_a_key(split: Split) -> None:
    once = [split.client.post("/deployments", split.body(100), Idempotency_Key="once") for _ in range(2)]
    assert json_of(once[0]) == json_of(once[1])
    assert once[1]["Idempotency-Replayed"] == "true"
    assert Deployment.objects.visible_to(split.admin).count() == 1
    other = split.client.post("/deployments", split.body(50, 50), Idempotency_Key="once")
    assert (other.status_code, error_of(other)["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_deployment_is_not_deleted(split: Split) -> None:
    present = split.made(100)
    assert split.client.delete(f"/deployments/{present['id']}").status_code == 405
    assert split.client.get(f"/deployments/{present['id']}").status_code == 200


# ----------------------------------------------------------------------------- changed
def test_what_was_read_may_be_sent_back_and_changes_nothing(split: Split) -> None:
    plan = [{"weights": {"control": 90, split.id(2): 10}, **STEP}]
    present = split.made(90, 10, name="Trial", plan=plan, guardrails=[GUARDRAIL])
    answer = split.client.put(f"/deployments/{present['id']}", present)
    assert (answer.status_code, json_of(answer)) == (200, present)
    assert "X-Audit-Seq" not in answer.headers
    assert not entries(split, "deployment.changed")
    assert len(events(split)) == 1


def test_an_empty_body_changes_nothing(split: Split) -> None:
    present = split.made(90, 10)
    assert split.changed(present) == present


@pytest.mark.parametrize("name", ["id", "projectId", "promptId", "config", "createdAt", "updatedAt"])
def test_what_is_fixed_is_not_changed(standing: tuple[Split, dict[str, Any]], name: str) -> None:
    split, present = standing
    other = {"stickySessions": False} if name == "config" else NOBODY
    refused = split.client.put(f"/deployments/{present['id']}", {**present, name: other, "status": "paused"})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "IMMUTABLE_FIELD")
    assert name in error_of(refused)["details"]["fields"]
    assert json_of(split.client.get(f"/deployments/{present['id']}")) == present


@pytest.mark.parametrize("name", ["id", "deploymentId"])
def test_a_variants_ids_are_not_changed(standing: tuple[Split, dict[str, Any]], name: str) -> None:
    split, present = standing
    variants = copy.deepcopy(present["variants"])
    variants[1][name] = NOBODY
    refused = split.client.put(f"/deployments/{present['id']}", {"variants": variants})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "IMMUTABLE_FIELD")
    assert list(error_of(refused)["details"]["fields"]) == [f"variants[1].{name}"]
    assert json_of(split.client.get(f"/deployments/{present['id']}")) == present


def test_a_variant_keeps_its_id_whatever_its_weight(split: Split) -> None:
    present = split.made(90, 10, 0)
    changed = split.changed(present, variants=split.shares(0, 30, 70))
    assert ids_of(changed) == ids_of(present)
    assert [each["weight"] for each in changed["variants"]] == [0, 30, 70]
    assert changed["updatedAt"] > present["updatedAt"]
    assert changed.keys() - {"variants", "updatedAt"} == {name for name in changed if changed[name] == present[name]}


def test_a_variant_that_comes_back_has_the_id_it_had(split: Split) -> None:
    present = split.made(50, 30, 20)
    without = split.changed(present, variants=split.shares(100))
    assert ids_of(without) == {split.id(1): ids_of(present)[split.id(1)]}
    again = split.changed(present, variants=split.shares(40, 30, 30))
    assert ids_of(again) == ids_of(present)


def test_the_control_stays_who_it_was_and_goes_on_to_the_first_when_it_leaves(split: Split) -> None:
    variants = [split.shares(50, 50)[0], {**split.shares(50, 50)[1], "isControl": True}]
    present = json_of(split.client.post("/deployments", split.body() | {"variants": variants}))
    kept = split.changed(present, variants=split.shares(10, 10, 80))
    assert control(kept) == split.id(2)
    left = split.changed(present, variants=[split.shares(0, 0, 80)[2], {"versionId": split.id(1), "weight": 20}])
    assert control(left) == split.id(3)
    named = split.changed(
        present, variants=[{**each, "isControl": each["versionId"] == split.id(1)} for each in left_shares(left)]
    )
    assert control(named) == split.id(1)


def left_shares(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"versionId": each["versionId"], "weight": each["weight"]} for each in deployment["variants"]]


def control(deployment: dict[str, Any]) -> str:
    (found,) = [each["versionId"] for each in deployment["variants"] if each["isControl"]]
    return str(found)


def test_a_variant_that_a_plan_names_is_not_taken_out_under_it(split: Split) -> None:
    present = split.made(90, 10, plan=[{"weights": {"control": 50, split.id(2): 50}, **STEP}])
    refused = split.client.put(f"/deployments/{present['id']}", {"variants": split.shares(100)})
    assert (refused.status_code, list(error_of(refused)["details"]["fields"])) == (400, ["plan[0].weights"])
    assert split.changed(present, variants=split.shares(100), plan=[])["plan"] == []


@pytest.mark.parametrize(
    ("name", "value", "shown"), [("name", None, None), ("name", "", None), ("plan", None, []), ("guardrails", None, [])]
)
def test_null_clears_what_may_be_left_out(split: Split, name: str, value: Any, shown: Any) -> None:
    plan = [{"weights": {"control": 100}, **STEP}]
    present = split.made(90, 10, name="Trial", plan=plan, guardrails=[GUARDRAIL])
    cleared = split.changed(present, **{name: value})
    assert cleared == {**present, name: shown, "updatedAt": cleared["updatedAt"]}


def test_it_is_stopped_switched_on_again_and_ended(split: Split) -> None:
    present = split.made(90, 10)
    assert split.changed(present, status="paused")["status"] == "paused"
    assert split.changed(present, status="active")["status"] == "active"
    assert split.changed(present, status="archived")["status"] == "archived"


@pytest.mark.parametrize(
    "changes",
    [{"status": "active"}, {"status": "paused"}, {"name": "Again"}, {"guardrails": [GUARDRAIL]}, {"plan": []}],
    ids=lambda changes: next(iter(changes)) + str(next(iter(changes.values())))[:8],
)
def test_archived_is_final(split: Split, changes: dict[str, Any]) -> None:
    present = split.changed(split.made(90, 10, plan=[{"weights": {"control": 100}, **STEP}]), status="archived")
    refused = split.client.put(f"/deployments/{present['id']}", changes)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "DEPLOYMENT_ARCHIVED")
    shares = split.client.put(f"/deployments/{present['id']}", {"variants": split.shares(50, 50)})
    assert error_of(shares)["code"] == "DEPLOYMENT_ARCHIVED"
    assert json_of(split.client.get(f"/deployments/{present['id']}")) == present


def test_what_is_archived_may_be_sent_back_as_it_is(split: Split) -> None:
    present = split.changed(split.made(90, 10), status="archived")
    answer = split.client.put(f"/deployments/{present['id']}", present)
    assert (answer.status_code, json_of(answer)) == (200, present)


def test_an_archived_prompts_deployments_answer_410(split: Split) -> None:
    present = split.made(100)
    prompts.archive_prompt(Prompt.objects.get(pk=split.prompt.pk), by=split.admin)
    for answer in (
        split.client.post("/deployments", split.body(100)),
        split.client.put(f"/deployments/{present['id']}", {"variants": split.shares(50, 50)}),
        split.client.get(f"/deployments/{present['id']}/resolve?sessionId=a"),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (410, "ARCHIVED")
    prompts.unarchive_prompt(Prompt.objects.get(pk=split.prompt.pk), by=split.admin)
    assert split.client.get(f"/deployments/{present['id']}/resolve?sessionId=a").status_code == 200


# ----------------------------------------------------------------------------- listed
def test_a_list_is_newest_first_and_goes_on_at_its_cursor(split: Split) -> None:
    made = [split.made(100)["id"] for _ in range(5)]
    first = json_of(split.client.get("/deployments?limit=2"))
    second = json_of(split.client.get(f"/deployments?limit=2&cursor={first['meta']['nextCursor']}"))
    third = json_of(split.client.get(f"/deployments?limit=2&cursor={second['meta']['nextCursor']}"))
    assert [each["id"] for page in (first, second, third) for each in page["data"]] == made[::-1]
    assert third["meta"] == {"limit": 2}


def test_a_list_is_of_one_prompt_or_of_one_status(split: Split) -> None:
    other = factories.make_prompt(split.prompt.namespace, by=split.admin)
    body = {"promptId": str(other.pk), "variants": [{"versionId": str(other.versions.get().pk), "weight": 100}]}
    theirs = json_of(split.client.post("/deployments", body))["id"]
    active, paused = split.made(100)["id"], split.made(100, status="paused")["id"]

    def listed(query: str) -> list[str]:
        return [each["id"] for each in json_of(split.client.get(f"/deployments?{query}"))["data"]]

    assert listed(f"promptId={split.prompt.pk}") == [paused, active]
    assert listed(f"promptId={other.pk}") == [theirs]
    assert listed("status=paused") == [paused]
    assert listed(f"promptId={split.prompt.pk}&status=active") == [active]
    assert listed("status=archived") == []
    assert listed("promptId=&status=") == [paused, active, theirs]


@pytest.mark.parametrize(
    ("query", "field"),
    [("status=running", "status"), ("promptId=support", "promptId"), ("limit=0", "limit"), ("limit=101", "limit")],
)
def test_a_bad_filter_is_refused(split: Split, query: str, field: str) -> None:
    refused = split.client.get(f"/deployments?{query}")
    assert (refused.status_code, list(error_of(refused)["details"]["fields"])) == (400, [field])


def test_a_cursor_fits_its_filters_and_no_other(split: Split) -> None:
    for _ in range(2):
        split.made(100)
    cursor = json_of(split.client.get("/deployments?limit=1&status=active"))["meta"]["nextCursor"]
    assert split.client.get(f"/deployments?limit=1&status=active&cursor={cursor}").status_code == 200
    for query in ("", "status=paused&", f"status=active&promptId={split.prompt.pk}&"):
        assert split.client.get(f"/deployments?{query}cursor={cursor}").status_code == 400


# ----------------------------------------------------------------------------- usage
def usage(split: Split, number: int) -> Any:
    return json_of(split.client.get(f"/prompts/{split.prompt.pk}/versions/{number}/usage"))


def test_the_usage_of_a_version_is_tags_active_deployments_and_targets(split: Split) -> None:
    assert usage(split, 2) == {"tags": [], "deployments": [], "targets": []}
    version = PromptVersion.objects.get(pk=split.id(2))
    promotion.set_tag(Prompt.objects.get(pk=split.prompt.pk), "staging", version=version, by=split.admin)
    PreProdTarget.objects.bulk_create(
        PreProdTarget(tenant_id=version.tenant_id, version=version, user_id=name) for name in ("b", "a")
    )
    active = [split.made(50, 50)["id"] for _ in range(2)]
    split.made(50, 50, status="paused")
    split.made(100, 0)
    gone = split.made(50, 50)
    split.changed(gone, variants=split.shares(100))
    assert usage(split, 2) == {"tags": ["staging"], "deployments": sorted(active), "targets": ["a", "b"]}
    assert usage(split, 3)["deployments"] == []


def test_the_usage_of_no_version_is_none(split: Split, theirs: Split) -> None:
    for path in (
        f"{split.prompt.pk}/versions/77",
        f"{split.prompt.pk}/versions/{theirs.id(1)}",
        f"{NOBODY}/versions/1",
    ):
        assert split.client.get(f"/prompts/{path}/usage").status_code == 404


# ----------------------------------------------------------------------------- what is written down
def told(split: Split, shown: dict[str, Any]) -> dict[str, Any]:
    """What log and subscribers are told of a deployment that is shown so."""
    variants = [
        {
            "variantId": each["id"],
            "versionId": each["versionId"],
            "number": 1 + [str(version.pk) for version in split.versions].index(each["versionId"]),
            "weight": each["weight"],
            "isControl": each["isControl"],
        }
        for each in shown["variants"]
    ]
    same = {name: shown[name] for name in ("status", "plan", "guardrails")}
    return {"deploymentId": shown["id"], "name": shown["name"] or "", "variants": variants, **same}


def test_every_change_is_an_entry_and_an_event_in_the_prompts_order(split: Split) -> None:
    before = Prompt.objects.get(pk=split.prompt.pk).last_sequence
    made = split.made(90, 10, name="Trial")
    moved = split.changed(made, variants=split.shares(50, 50))
    stopped = split.changed(made, status="paused")
    names = {"promptId": str(split.prompt.pk), "prompt": split.prompt.full_name}
    states = [told(split, each) for each in (made, moved, stopped)]
    assert [(each.sequence, each.data) for each in events(split)] == [
        (before + number, {**names, **state}) for number, state in enumerate(states, 1)
    ]
    assert {each.prompt_id for each in events(split)} == {split.prompt.pk}
    written = [*entries(split, "deployment.created"), *entries(split, "deployment.changed")]
    assert [(each.target, each.data, each.prompt_id) for each in written] == [
        (made["id"], state, split.prompt.pk) for state in states
    ]
    assert {each.actor for each in written} == {split.admin.name}


def test_an_answer_carries_its_receipt(split: Split) -> None:
    answer = split.client.post("/deployments", split.body(100))
    (entry,) = entries(split, "deployment.created")
    assert answer["X-Audit-Seq"] == str(entry.seq)
    assert answer["X-Audit-Hash"] == bytes(entry.entry_hash).hex()


def test_what_the_scope_refuses_is_written_down(split: Split) -> None:
    present = split.made(100)
    reader = Client(factories.make_key(split.admin.author, ["prompts:read"]).text)
    reader.post("/deployments", split.body(100))
    reader.put(f"/deployments/{present['id']}", {"status": "paused"})
    (made,), (changed,) = entries(split, "deployment.created.denied"), entries(split, "deployment.changed.denied")
    assert (made.data["code"], changed.data["code"]) == ("FORBIDDEN", "FORBIDDEN")
    assert changed.target == present["id"]


def test_a_change_to_an_ended_one_is_written_down_as_refused(split: Split) -> None:
    present = split.changed(split.made(100), status="archived")
    split.client.put(f"/deployments/{present['id']}", {"status": "active"})
    (refused,) = entries(split, "deployment.changed.denied")
    assert (refused.target, refused.data["code"]) == (present["id"], "DEPLOYMENT_ARCHIVED")
    assert refused.prompt_id == split.prompt.pk
