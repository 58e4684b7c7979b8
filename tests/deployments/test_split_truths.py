"""What the database itself refuses about splits, past every verb: to the serving role, and to the owner of the tables.

The rows are committed once for a process and never change, since every statement here is refused.
"""
# ruff: noqa: S608 — statements are put together from the names written here

import functools
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connections, transaction

from deployments.actions import experiments, sketching
from deployments.actions.experiments import Share
from deployments.models import Deployment
from prompts import pointers
from prompts.actions import namespaces
from prompts.content import content_of
from prompts.models import Namespace, Prompt, PromptVersion
from pvc import errors
from tenants.models import Actor
from tests import factories
from tests.prompts.test_database_truths import NO_RIGHT, Row, insert, refusal_of_app, refusal_of_owner

Ids = dict[str, Any]
AT_THE_END = "SET CONSTRAINTS ALL IMMEDIATE"
ROLES = ("default", "owner")


# ----------------------------------------------------------------------------- the rows
@functools.cache
def _ids() -> Ids:
    """A prompt that needs an approval, with a split of the two versions that have it; one whose split was made before
    anything was asked for; another prompt, and another tenant's."""
    acme, other = factories.make_tenant(), factories.make_tenant()
    by, bob, eve = factories.make_actor(acme), factories.make_actor(acme, "", "Reviewer"), factories.make_actor(other)
    guarded = namespaces.create_namespace("guarded", name="Guarded", required_approvals=1, by=by)
    default, hers = (Namespace.objects.get(tenant=tenant, slug="default") for tenant in (acme, other))
    one, two = (factories.make_prompt(guarded, by=by, body=f"{slug} 1") for slug in ("one", "two"))
    late, foreign = factories.make_prompt(default, by=by, body="late 1"), factories.make_prompt(hers, by=eve)
    first, second, third = [one.versions.get(), *(factories.make_version(one, by=by) for _ in range(2))]
    early = [late.versions.get(), *(factories.make_version(late, by=by) for _ in range(3))]
    for version in (first, second, two.versions.get()):
        pointers.decide(version, approved=True, by=bob)
    split = make_split(one, {first: 60, second: 40}, by=by)
    ended = make_split(one, {first: 100}, by=by)
    experiments.update_deployment(ended, {"status": "archived"}, by=by)
    running = make_split(late, {early[0]: 50, early[1]: 40, early[2]: 10}, by=by)
    shares = [Share(early[0].pk, 50), Share(early[1].pk, 50)]
    experiments.update_deployment(running, {"variants": shares}, by=by)
    stopped = make_split(late, {early[0]: 50, early[1]: 50}, by=by, status="paused")
    factories.change_policy(default, required_approvals=1)
    made = {"one": one, "two": two, "late": late, "foreign": foreign, "split": split, "ended": ended}
    made |= {"running": running, "stopped": stopped, "first": first, "second": second, "third": third}
    made |= {"two_head": two.versions.get(), "foreign_head": foreign.versions.get(), "draft": draft_of(one, by=by)}
    made |= {"late_first": early[0], "late_fourth": early[3]}
    return {
        **{name: row.pk for name, row in made.items()},
        **{f"{name}_digest": row.digest for name, row in made.items() if isinstance(row, PromptVersion)},
        **{f"{name}_variant": variant_of(split, version) for name, version in (("first", first), ("second", second))},
        "out_variant": variant_of(running, early[2]),
        "running_variant": variant_of(running, early[0]),
        "tenant": acme.pk,
        "other_tenant": other.pk,
    }


def make_split(prompt: Prompt, weights: dict[PromptVersion, int], *, by: Actor, status: str = "active") -> Deployment:
    shares = [Share(version.pk, weight) for version, weight in weights.items()]
    return experiments.create_deployment(prompt, variants=shares, status=status, by=by)


def variant_of(deployment: Deployment, version: PromptVersion) -> Any:
    return deployment.variants.get(version=version).pk


def draft_of(prompt: Prompt, *, by: Actor) -> PromptVersion:
    content = content_of("text", "A draft")
    same = {name: getattr(content, name) for name in ("body", "checksum", "digest")}
    whose = {"tenant": by.tenant, "prompt": prompt, "author": by.author}
    return PromptVersion.objects.create(number=90, type="text", **same, **whose)


@pytest.fixture
def ids(committed: None) -> Ids:
    return _ids()


# ----------------------------------------------------------------------------- statements
def new_deployment(**values: str) -> str:
    present = {
        "id": "'01890a5d-ac96-774b-bcce-b302099a8061'",
        "tenant_id": "%(tenant)s",
        "prompt_id": "%(one)s",
        "name": "''",
        "status": "'active'",
        "plan": "'[]'",
        "guardrails": "'[]'",
        "weighted_at": "now()",
        "created_at": "now()",
        "updated_at": "now()",
    }
    return insert("deployments_deployment", **{**present, **values})


def new_variant(version: str = "third", **values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "prompt_id": "%(one)s",
        "deployment_id": "%(split)s",
        "version_id": f"%({version})s",
        "digest": f"%({version}_digest)s",
        "weight": "0",
        "is_control": "false",
        "created_at": "now()",
    }
    return insert("deployments_variant", **{**present, **values})


def changed(variant: str, **values: str) -> str:
    changes = ", ".join(f"{column} = {value}" for column, value in values.items())
    return f"UPDATE deployments_variant SET {changes} WHERE id = %({variant}_variant)s"


def deployment_changed(deployment: str, **values: str) -> str:
    changes = ", ".join(f"{column} = {value}" for column, value in values.items())
    return f"UPDATE deployments_deployment SET {changes} WHERE id = %({deployment})s"


OF_NEW = {"deployment_id": "'01890a5d-ac96-774b-bcce-b302099a8061'"}
APPROVED, SEALED, CONTENT = "variants_are_approved", "variants_are_of_sealed_versions", "variant_of_its_content"
IDENTITY, FINAL, ON = "variant_identity_is_fixed", "archived_deployments_are_final", "switched_on_as_approved"

#: Refused to both roles at once, by the constraint or trigger of this name.
FORBIDDEN: dict[str, Row] = {
    "what was not approved comes in": (new_variant(weight="1"), APPROVED),
    "what was not approved comes in without weight": (new_variant(), APPROVED),
    "what was not approved comes in as one that has left": (new_variant(retired_at="now()"), APPROVED),
    "what was not approved gets more": (changed("running", weight="51"), APPROVED),
    "what was not approved comes back": (changed("out", retired_at="NULL"), APPROVED),
    "what was not approved comes back with weight": (changed("out", retired_at="NULL", weight="10"), APPROVED),
    "what was not approved is switched on": (deployment_changed("stopped", status="'active'"), ON),
    "a draft comes in": (new_variant("draft"), SEALED),
    "a version is given another's digest": (new_variant(digest="%(first_digest)s"), APPROVED),
    "an approved version comes in with another content": (
        new_variant("two_head", prompt_id="%(two)s", digest="%(first_digest)s"),
        APPROVED,
    ),
    "a version is of another prompt": (new_variant("two_head"), CONTENT),
    "a version is of another prompt than its deployment": (
        new_variant("two_head", prompt_id="%(two)s"),
        "variant_of_its_deployment",
    ),
    "a version is nobody's": (new_variant(version_id="gen_random_uuid()"), SEALED),
    "a variant is of another tenant": (
        new_variant("foreign_head", prompt_id="%(foreign)s", tenant_id="%(other_tenant)s"),
        "variant_of_its_deployment",
    ),
    "a variant is of no deployment": (
        new_variant("two_head", prompt_id="%(two)s", deployment_id="gen_random_uuid()"),
        "variant_of_its_deployment",
    ),
    "a deployment is of another tenant's prompt": (
        new_deployment(prompt_id="%(foreign)s"),
        "deployment_of_its_prompt",
    ),
    "a deployment is of no prompt": (new_deployment(prompt_id="gen_random_uuid()"), "deployment_of_its_prompt"),
    "a deployment of another tenant has our prompt": (
        new_deployment(tenant_id="%(other_tenant)s"),
        "deployment_of_its_prompt",
    ),
    "a version takes part twice": (new_variant("second"), "one_variant_per_version"),
    "a weight is below nought": (changed("second", weight="-1"), "weights_between_0_and_100"),
    "a weight is above a hundred": (changed("second", weight="101"), "weights_between_0_and_100"),
    "one that has left has weight": (
        changed("second", retired_at="now()", weight="40"),
        "retired_variants_have_no_part",
    ),
    "one that has left is the control": (
        changed("first", retired_at="now()", weight="0"),
        "retired_variants_have_no_part",
    ),
    "a status is unknown": (deployment_changed("split", status="'running'"), "deployment_status_is_known"),
    "what has ended goes on": (deployment_changed("ended", status="'active'"), FINAL),
    "what has ended is renamed": (deployment_changed("ended", name="'Again'"), FINAL),
    **{
        f"a deployment's {column} changes": (deployment_changed("split", **{column: value}), FINAL)
        for column, value in (
            ("id", "gen_random_uuid()"),
            ("tenant_id", "%(other_tenant)s"),
            ("prompt_id", "%(two)s"),
            ("created_at", "now()"),
        )
    },
    **{
        f"a variant's {column} changes": (changed("second", **{column: value}), IDENTITY)
        for column, value in (
            ("id", "gen_random_uuid()"),
            ("tenant_id", "%(other_tenant)s"),
            ("prompt_id", "%(two)s"),
            ("deployment_id", "%(ended)s"),
            ("version_id", "%(third)s"),
            ("digest", "%(third_digest)s"),
            ("created_at", "now()"),
        )
    },
    "a variant is swapped for what was not approved": (
        changed("second", version_id="%(third)s", digest="%(third_digest)s", weight="30"),
        IDENTITY,
    ),
}

WHOLE, ONE_CONTROL = "weights_sum_to_100", "deployments_have_one_control"
#: Taken one by one, and refused when the unit of work ends.
REFUSED_AT_THE_END: dict[str, tuple[list[str], str]] = {
    "99 in all": ([changed("second", weight="39")], WHOLE),
    "101 in all": ([changed("second", weight="41")], WHOLE),
    "one leaves and nobody has its part": ([changed("second", weight="0", retired_at="now()")], WHOLE),
    "a deployment without variants": ([new_deployment()], WHOLE),
    "a deployment that has ended, without variants": ([new_deployment(status="'archived'")], WHOLE),
    "a new deployment that is half": (
        [new_deployment(), new_variant("first", **OF_NEW, weight="50", is_control="true")],
        WHOLE,
    ),
    "two controls": ([changed("second", is_control="true")], ONE_CONTROL),
    "no control": ([changed("first", is_control="false")], ONE_CONTROL),
    "a new deployment without a control": (
        [new_deployment(), new_variant("first", **OF_NEW, weight="100")],
        ONE_CONTROL,
    ),
}
ALLOWED: dict[str, list[str]] = {
    "weights that sum to 100": [changed("second", weight="50"), changed("first", weight="50")],
    "another control": [changed("first", is_control="false"), changed("second", is_control="true")],
    "one leaves": [changed("second", weight="0", retired_at="now()"), changed("first", weight="100")],
    "what was not approved gets less": [
        changed("running", weight="50"),
        changed("out", retired_at="now()"),
    ],
    "a new deployment": [new_deployment(), new_variant("first", **OF_NEW, weight="100", is_control="true")],
    "what was not approved is stopped": [deployment_changed("running", status="'paused'")],
    "what was not approved is ended": [deployment_changed("stopped", status="'archived'")],
    "what was approved is stopped and goes on": [
        deployment_changed("split", status="'paused'"),
        deployment_changed("split", status="'active'"),
    ],
}
NOT_DELETED = "variants_are_not_deleted"
#: Refused to the serving role by a right it has not, and to the owner by the trigger of this name, or by any.
KEPT: dict[str, Row] = {
    "a deployment is deleted": (
        "DELETE FROM deployments_deployment WHERE id = %(ended)s",
        "deployments_are_not_deleted",
    ),
    "no deployment is deleted": ("DELETE FROM deployments_deployment WHERE false", "deployments_are_not_deleted"),
    "a variant is deleted": ("DELETE FROM deployments_variant WHERE id = %(out_variant)s", NOT_DELETED),
    "variants are deleted": ("DELETE FROM deployments_variant", NOT_DELETED),
    "variants are truncated": ("TRUNCATE deployments_variant", NOT_DELETED),
    "deployments are truncated": ("TRUNCATE deployments_deployment CASCADE", ""),
    "prompts are truncated with their deployments": ("TRUNCATE prompts_prompt CASCADE", ""),
}
#: What the serving role has no right to; nothing is served by it, and the owner may.
WITHOUT_RIGHT = (
    "UPDATE deployments_exposure SET first_at = now()",
    "TRUNCATE deployments_exposure",
    "UPDATE deployments_metric SET value = 0",
    "DELETE FROM deployments_metric",
    "TRUNCATE deployments_metric",
    "DELETE FROM deployments_metric_default",
    "ALTER TABLE deployments_variant DISABLE TRIGGER ALL",
    "DROP TRIGGER switched_on_as_approved ON deployments_deployment",
    "DROP FUNCTION deployments_is_approved(uuid, uuid, text) CASCADE",
)


# ----------------------------------------------------------------------------- tests
@pytest.mark.parametrize(("statement", "constraint"), FORBIDDEN.values(), ids=list(FORBIDDEN))
def test_neither_role_may(ids: Ids, statement: str, constraint: str) -> None:
    for refusal_of in (refusal_of_app, refusal_of_owner):
        refusal = refusal_of(statement, ids)
        assert refusal.diag.constraint_name == constraint, refusal
    assert constraint in errors.named_constraints()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("statements", "constraint"), REFUSED_AT_THE_END.values(), ids=list(REFUSED_AT_THE_END))
def test_what_is_not_whole_is_refused_when_the_unit_ends(
    ids: Ids, statements: list[str], constraint: str, role: str
) -> None:
    with transaction.atomic(using=role), connections[role].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, ids)
        with pytest.raises(DatabaseError) as refused:
            cursor.execute(AT_THE_END)
        transaction.set_rollback(True, using=role)
    cause = refused.value.__cause__
    assert isinstance(cause, psycopg.Error)
    assert cause.diag.constraint_name == constraint, cause
    assert constraint in errors.named_constraints()


def test_a_commit_is_the_end_of_a_unit(ids: Ids) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(REFUSED_AT_THE_END["99 in all"][0][0], ids)
    assert Deployment.objects.get(pk=ids["split"]).variants.get(pk=ids["second_variant"]).weight == 40


@pytest.mark.parametrize("statements", ALLOWED.values(), ids=list(ALLOWED))
def test_what_is_refused_is_refused_for_its_one_fault(ids: Ids, statements: list[str]) -> None:
    with transaction.atomic(), connections["default"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, ids)
            assert cursor.rowcount == 1
        cursor.execute(AT_THE_END)
        transaction.set_rollback(True)


@pytest.mark.parametrize(("statement", "constraint"), KEPT.values(), ids=list(KEPT))
def test_the_serving_role_has_no_right_and_the_owner_no_way_to(ids: Ids, statement: str, constraint: str) -> None:
    assert refusal_of_app(statement, ids).sqlstate == NO_RIGHT
    name = refusal_of_owner(statement, ids).diag.constraint_name
    assert name in ({constraint} if constraint else errors.named_constraints())


@pytest.mark.parametrize("statement", WITHOUT_RIGHT)
def test_the_serving_role_has_no_right(ids: Ids, statement: str) -> None:
    assert refusal_of_app(statement, ids).sqlstate == NO_RIGHT


def test_the_serving_role_writes_no_partition_but_by_adding_rows(committed: None) -> None:
    """Neither the default one, nor those of days, whoever has made them."""
    sketching.maintain_partitions()
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT relname, verb FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid,"
            " unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS verb"
            " WHERE inhparent = 'deployments_metric'::regclass AND has_table_privilege(c.oid, verb)"
        )
        assert cursor.fetchall() == []
