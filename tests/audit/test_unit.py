"""One unit of work: all or nothing, one entry a verb, in order, with a receipt."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction

from audit import unit
from audit.events import EVENTS
from audit.models import AuditEntry, OutboxEvent
from audit.unit import record, touch_served, verb
from deployments.actions import promotion
from prompts import pointers
from prompts.actions import namespaces, prompts, versions
from prompts.content import content_of
from prompts.models import Contributor, Namespace, Prompt, Tag, TagMove
from pvc.errors import Conflict, DomainError
from tenants import actions
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, error_of, json_of

Row = tuple[str, str, uuid.UUID | None, dict[str, Any]]


def size(tenant: Tenant) -> int:
    return AuditEntry.objects.filter(tenant_id=tenant.pk).count()


def since(tenant: Tenant, start: int) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(tenant_id=tenant.pk, seq__gt=start).order_by("seq"))


def rows(entries: list[AuditEntry]) -> list[Row]:
    return [(each.verb, each.target, each.prompt_id, each.data) for each in entries]


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support")


# ----------------------------------------------------------------------------- one entry a verb
def test_a_new_tenant_is_two_entries(db: None) -> None:
    tenant = factories.make_tenant("globex")
    namespace = Namespace.objects.get(tenant=tenant)
    assert rows(since(tenant, 0)) == [
        ("tenant.created", str(tenant.pk), None, {"slug": "globex", "name": "globex"}),
        (
            "namespace.created",
            str(namespace.pk),
            None,
            {"slug": "default", "name": "Default", "required_approvals": 0},
        ),
    ]


def test_people_and_keys_are_an_entry_each(acme: Tenant, alice: Actor) -> None:
    start = size(acme)
    by = Actor.command(acme)
    robot = actions.create_user("robot", groups=["Operator", "Author"], service_owner=alice.author, by=by)
    issued = actions.create_api_key("ci", owner=robot, scopes=["prompts:write", "prompts:read"], by=by)
    actions.narrow_api_key(issued.row, scopes=["prompts:read"], by=by)
    actions.revoke_api_key(issued.row, by=by)
    key = {"key_id": issued.row.key_id, "name": "ci", "owner": "robot"}
    assert rows(since(acme, start)) == [
        (
            "user.created",
            str(robot.pk),
            None,
            {"username": "robot", "groups": ["Author", "Operator"], "is_service": True, "owner": "alice"},
        ),
        (
            "api_key.created",
            str(issued.row.pk),
            None,
            {**key, "scopes": ["prompts:read", "prompts:write"], "expires_at": None},
        ),
        ("api_key.narrowed", str(issued.row.pk), None, {**key, "scopes": ["prompts:read"], "expires_at": None}),
        ("api_key.revoked", str(issued.row.pk), None, key),
    ]
    assert {(each.actor, each.via) for each in since(acme, start)} == {("system", "command")}


def test_a_namespace_is_an_entry(acme: Tenant, admin: Actor) -> None:
    start = size(acme)
    made = namespaces.create_namespace("agents", name="Agents", required_approvals=2, by=admin)
    (entry,) = since(acme, start)
    assert rows([entry]) == [
        ("namespace.created", str(made.pk), None, {"slug": "agents", "name": "Agents", "required_approvals": 2})
    ]
    assert admin.api_key
    assert (entry.actor, entry.via) == ("admin", f"key:{admin.api_key.key_id}")


def test_a_prompts_life_is_an_entry_a_step(acme: Tenant, namespace: Namespace, alice: Actor) -> None:
    start = size(acme)
    prompt = factories.make_prompt(namespace, by=alice, slug="support", body="one")
    first = prompt.head
    assert first
    second = factories.make_version(prompt, "two", by=alice)
    prompts.update_prompt(prompt, changes={"description": "new", "metadata": {"a": 1}}, by=alice)
    prompts.update_prompt(prompt, changes={"template": "two"}, by=alice)
    promotion.set_tag(prompt, "staging", version=first, by=alice)
    promotion.set_tag(prompt, "staging", version=second, reason="better", by=alice)
    promotion.set_tag(prompt, "production", version=second, by=alice)
    promotion.remove_tag(prompt, "production", reason="worse", by=alice)
    prompts.archive_prompt(prompt, by=alice)
    prompts.unarchive_prompt(prompt, by=alice)

    def sealed(version: Any) -> dict[str, Any]:
        return {
            "versionId": str(version.pk),
            "number": version.number,
            "checksum": version.checksum,
            "digest": version.digest,
        }

    def moved(tag: str, old: Any, new: Any, kind: str, reason: str = "") -> dict[str, Any]:
        return {
            "tag": tag,
            "fromVersionId": str(old.pk) if old else None,
            "fromNumber": old.number if old else None,
            "toVersionId": str(new.pk) if new else None,
            "toNumber": new.number if new else None,
            "kind": kind,
            "reason": reason,
        }

    target = str(prompt.pk)
    named = {"namespace": "default", "name": "support"}
    assert rows(since(acme, start)) == [
        ("prompt.created", target, prompt.pk, {**named, "type": "text"}),
        ("version.created", str(first.pk), prompt.pk, sealed(first)),
        ("version.created", str(second.pk), prompt.pk, sealed(second)),
        ("prompt.updated", target, prompt.pk, {"changed": ["description", "metadata"]}),
        ("prompt.updated", target, prompt.pk, {"changed": ["head"]}),
        ("tag.moved", target, prompt.pk, moved("staging", None, first, "set")),
        ("tag.moved", target, prompt.pk, moved("staging", first, second, "set", "better")),
        ("tag.moved", target, prompt.pk, moved("production", None, second, "set")),
        ("tag.removed", target, prompt.pk, moved("staging", second, None, "activate")),
        ("tag.removed", target, prompt.pk, moved("production", second, None, "remove", "worse")),
        ("prompt.archived", target, prompt.pk, named),
        ("prompt.unarchived", target, prompt.pk, named),
    ]
    assert {each.actor for each in since(acme, start)} == {"alice"}


# ----------------------------------------------------------------------------- receipts
def receipt(response: Any) -> tuple[int, str] | None:
    if "X-Audit-Seq" not in response:
        assert "X-Audit-Hash" not in response
        return None
    return int(response["X-Audit-Seq"]), response["X-Audit-Hash"]


def last(tenant: Tenant) -> tuple[int, str]:
    entry = AuditEntry.objects.filter(tenant_id=tenant.pk).latest("seq")
    return entry.seq, bytes(entry.entry_hash).hex()


def test_every_write_carries_the_receipt_of_its_last_entry(as_admin: Client, acme: Tenant) -> None:
    made = as_admin.post("/prompts", {"name": "support", "template": "one"})
    assert receipt(made) == last(acme)
    version = as_admin.post("/prompts/support/versions", {"content": "two"})
    assert receipt(version) == last(acme)
    target = {"versionId": json_of(version)["id"]}
    writes: list[Callable[[], Any]] = [
        lambda: as_admin.post("/prompts/support/tags/staging", target),
        lambda: as_admin.post("/prompts/support/tags/production", target),
        lambda: as_admin.put("/prompts/support", {"description": "new"}),
        lambda: as_admin.delete("/prompts/support/tags/production"),
        lambda: as_admin.delete("/prompts/support"),
        lambda: as_admin.post("/prompts/support/unarchive"),
        lambda: as_admin.post("/api-keys", {"name": "ci", "scopes": ["admin"]}),
    ]
    for write in writes:
        before = last(acme)
        response = write()
        assert response.status_code < 300
        assert receipt(response) == last(acme) != before


def test_reads_and_what_changes_nothing_have_no_receipt_and_no_entry(as_admin: Client, acme: Tenant) -> None:
    as_admin.post("/prompts", {"name": "support", "template": "one", "description": "d", "metadata": {"a": 1}})
    version = json_of(as_admin.get("/prompts/support/versions/1"))
    as_admin.post("/prompts/support/tags/staging", {"versionId": version["id"]})
    start = size(acme)
    for answer in (
        as_admin.get("/prompts"),
        as_admin.get("/prompts/support"),
        as_admin.get("/prompts/support/versions"),
        as_admin.get("/prompts/support/tags/staging/history"),
        as_admin.get("/prompts/audit"),
        as_admin.post("/prompts/support/versions/1/render"),
        as_admin.post("/prompts/support/versions", {"content": "one"}),
        as_admin.post("/prompts/support/tags/staging", {"versionId": version["id"], "reason": "again"}),
        as_admin.put("/prompts/support", {}),
        as_admin.put("/prompts/support", {"template": "one", "description": "d", "metadata": {"a": 1}}),
        as_admin.put("/prompts/support", json_of(as_admin.get("/prompts/support"))),
    ):
        assert answer.status_code == 200, answer.content
        assert receipt(answer) is None
    assert size(acme) == start


def test_a_refusal_that_is_not_written_down_has_no_receipt(as_admin: Client, acme: Tenant) -> None:
    as_admin.post("/prompts", {"name": "support", "template": "one"})
    start = size(acme)
    for answer in (
        as_admin.post("/prompts", {"name": "support", "template": "one"}),
        as_admin.post("/prompts", {"name": "broken", "template": "{% for %}"}),
        as_admin.delete("/prompts/nothing"),
        as_admin.delete("/prompts/support", If_Match='"99"'),
        as_admin.post("/prompts/support/tags/live", {"versionId": str(uuid.uuid4())}),
    ):
        assert 400 <= answer.status_code < 500
        assert receipt(answer) is None
    assert size(acme) == start


def test_a_refusal_that_is_written_down_carries_its_receipt(as_admin: Client, acme: Tenant) -> None:
    as_admin.post("/prompts", {"name": "support", "template": "one"})
    as_admin.delete("/prompts/support")
    refused = as_admin.delete("/prompts/support")
    assert refused.status_code == 409
    assert receipt(refused) == last(acme)


# ----------------------------------------------------------------------------- all or nothing
class Refused(Conflict):
    code = "REFUSED"


def test_what_goes_wrong_leaves_nothing(acme: Tenant, namespace: Namespace, alice: Actor) -> None:
    start, events = size(acme), OutboxEvent.objects.count()

    @verb
    def make_two(*, by: Actor) -> None:
        factories.make_prompt(namespace, by=by, slug="one")
        factories.make_prompt(namespace, by=by, slug="two")
        raise Refused("No.")

    with pytest.raises(Refused):
        make_two(by=alice)
    assert not Prompt.objects.filter(tenant=acme).exists()
    assert (size(acme), OutboxEvent.objects.count()) == (start, events)


@pytest.mark.parametrize("fault", [ZeroDivisionError, KeyboardInterrupt])
def test_a_crash_leaves_nothing_and_the_next_unit_starts_afresh(
    acme: Tenant, namespace: Namespace, alice: Actor, fault: type[BaseException]
) -> None:
    start = size(acme)

    @verb
    def crash(*, by: Actor) -> None:
        factories.make_prompt(namespace, by=by, slug="one")
        raise fault

    with pytest.raises(fault):
        crash(by=alice)
    factories.make_prompt(namespace, by=alice, slug="two")
    assert [each.data.get("name") for each in since(acme, start)] == ["two", None]
    assert Prompt.objects.get(tenant=acme).slug == "two"


def test_events_commit_with_their_change(acme: Tenant, prompt: Prompt, alice: Actor) -> None:
    version = factories.make_version(prompt, "two", by=alice)
    promotion.set_tag(prompt, "production", version=version, by=alice)
    promotion.remove_tag(prompt, "production", by=alice)
    events = OutboxEvent.objects.filter(tenant_id=acme.pk, prompt_id=prompt.pk).order_by("sequence")
    assert [(each.type, each.sequence) for each in events] == [
        ("prompt.created", 1),
        ("version.created", 2),
        ("version.created", 3),
        ("tag.moved", 4),
        ("tag.moved", 5),
    ]
    entries = AuditEntry.objects.filter(tenant_id=acme.pk, prompt_id=prompt.pk).order_by("seq")
    about = {"promptId": str(prompt.pk), "prompt": "default:support"}
    assert [each.data for each in events] == [{**about, **each.data} for each in entries]
    assert {each.dispatched_at for each in events} == {None}
    prompt.refresh_from_db()
    assert prompt.last_sequence == 5


def test_what_has_no_public_event_leaves_no_event(acme: Tenant, prompt: Prompt, alice: Actor) -> None:
    before = OutboxEvent.objects.count()
    prompts.update_prompt(prompt, changes={"description": "new"}, by=alice)
    prompts.archive_prompt(prompt, by=alice)
    assert OutboxEvent.objects.count() == before


# ----------------------------------------------------------------------------- inside and outside
def test_nothing_is_said_outside_of_a_unit(prompt: Prompt, alice: Actor) -> None:
    with pytest.raises(RuntimeError, match="outside of a unit"):
        record("prompt.archived", prompt, by=alice, namespace="default", name="support")
    with pytest.raises(RuntimeError, match="outside of a unit"):
        touch_served(prompt.tenant_id)
    with pytest.raises(RuntimeError, match="outside of a unit"):
        unit.before_commit(lambda: None)


@pytest.mark.parametrize(
    "data",
    [{}, {"namespace": "default"}, {"namespace": "default", "name": "a", "extra": 1}, {"nmespace": "a", "name": "b"}],
    ids=str,
)
def test_an_entry_has_exactly_its_fields(acme: Tenant, prompt: Prompt, alice: Actor, data: dict[str, Any]) -> None:
    start = size(acme)
    with pytest.raises(RuntimeError, match="carries"), unit.unit_of_work():
        record("prompt.archived", prompt, by=alice, **data)
    assert size(acme) == start


def test_an_unknown_verb_is_not_written(prompt: Prompt, alice: Actor) -> None:
    with pytest.raises(KeyError), unit.unit_of_work():
        record("prompt.exploded", prompt, by=alice)


def test_nested_verbs_join_one_unit(acme: Tenant, prompt: Prompt, alice: Actor) -> None:
    start = size(acme)
    seen: list[int] = []

    @verb
    def inner(*, by: Actor) -> None:
        prompts.update_prompt(prompt, changes={"description": str(len(seen))}, by=by)
        seen.append(size(acme))

    @verb
    def outer(*, by: Actor) -> None:
        inner(by=by)
        with unit.unit_of_work():
            inner(by=by)
        seen.append(size(acme))

    outer(by=alice)
    assert seen == [start] * 3
    assert [each.verb for each in since(acme, start)] == ["prompt.updated"] * 2
    assert len({each.at for each in since(acme, start)}) == 1


def test_a_unit_never_opens_inside_somebody_elses_transaction(committed: None) -> None:
    tenant = factories.make_tenant()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        factories.make_user(tenant)


def test_a_thread_has_a_unit_of_its_own(committed: None) -> None:
    tenant = factories.make_tenant()
    failures: list[BaseException] = []

    def elsewhere() -> None:
        try:
            record("tenant.created", tenant, by=Actor.command(tenant), slug="a", name="b")
        except RuntimeError as error:
            failures.append(error)
        connections.close_all()

    with unit.unit_of_work():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(failures) == 1


# ----------------------------------------------------------------------------- the exit's order
def test_what_the_database_defers_fails_inside_the_unit(acme: Tenant, prompt: Prompt, alice: Actor) -> None:
    start, committed = size(acme), []

    @verb
    def credit_nobody(prompt: Prompt, *, by: Actor) -> None:
        transaction.on_commit(lambda: committed.append(True))
        Contributor.objects.create(tenant=prompt.tenant, version=prompt.versions.get(), user_id=uuid.uuid4())
        record("prompt.archived", prompt, by=by, namespace="default", name="support")

    with pytest.raises(Conflict, match="What this refers to is not there"):
        credit_nobody(prompt, by=alice)
    assert not committed
    assert size(acme) == start


def test_the_callback_before_the_commit_sees_the_entries(acme: Tenant, prompt: Prompt, alice: Actor) -> None:
    start, seen = size(acme), []

    def look() -> None:
        seen.append((size(acme), unit.last_receipt(), OutboxEvent.objects.filter(prompt_id=prompt.pk).count()))

    events = OutboxEvent.objects.filter(prompt_id=prompt.pk).count()
    with unit.unit_of_work():
        unit.before_commit(look)
        factories.make_version(prompt, "two", by=alice)
    ((entries, its_receipt, count),) = seen
    assert (entries, count) == (start + 1, events + 1)
    assert its_receipt == last(acme)


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda prompt, by: factories.make_prompt(prompt.namespace, by=by, slug=prompt.slug), "name already exists"),
        (lambda prompt, by: factories.make_prompt(prompt.namespace, by=by, slug="Upper"), "lower-case"),
        (lambda _, by: factories.make_user(by.tenant, by.name), "user with this name"),
        (lambda _, by: namespaces.create_namespace("default", name="a", by=by), "slug already exists"),
        (lambda _, by: namespaces.create_namespace("a", name="a", required_approvals=6, by=by), "0 to 5"),
        (lambda _, __: factories.make_tenant("acme"), "tenant with this slug"),
    ],
)
def test_a_constraints_refusal_becomes_its_named_error(prompt: Prompt, alice: Actor, act: Any, sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence) as refused:
        act(prompt, alice)
    assert refused.value.code in ("CONFLICT", "VALIDATION_ERROR")


def test_a_named_error_goes_over_the_wire(as_admin: Client) -> None:
    as_admin.post("/prompts", {"name": "support", "template": "one"})
    refused = as_admin.post("/prompts", {"name": "support", "template": "two"})
    assert refused.status_code == 409
    assert error_of(refused) == {"code": "CONFLICT", "message": "A prompt with this name already exists."}


def test_a_move_outside_of_the_verbs_is_a_unit_too(acme: Tenant, prompt: Prompt, alice: Actor) -> None:
    start = size(acme)
    pointers.move(prompt, "staging", prompt.head, kind="set", by=alice)
    assert [each.verb for each in since(acme, start)] == ["tag.moved"]
    assert Tag.objects.get(prompt=prompt).revision == TagMove.objects.get(prompt=prompt).number == 1


def test_numbers_come_back_from_the_database_as_they_were_hashed(namespace: Namespace, alice: Actor) -> None:
    config = {"big": 1e300, "small": 1e-7, "whole": 2**53 - 1, "minus": -0.5, "one": 1.0}
    prompt = factories.make_prompt(namespace, by=alice, slug="numbers", config=config)
    version = prompt.versions.get()
    again = content_of("text", version.body, version.variables, version.config)
    assert again.digest == version.digest
    assert versions.create_version(prompt, again, by=alice).is_new is False


#: Seen in tests/prompts/test_policy_changes.py and tests/deployments/test_promotion_api.py.
ELSEWHERE = {
    "namespace.updated",
    *("policy.changed", "policy.change_requested", "policy.change_approved", "policy.change_rejected"),
    *("draft.created", "draft.saved", "draft.discarded", "tier.created", "tier.changed", "tier.deleted"),
    *("audit.key_changed", "audit.redacted", "entry.redacted"),
    *("harness.registered", "harness.changed", "harness.removed", "evaluation.triggered", "evaluation.completed"),
    *("test_case.created", "test_case.changed", "test_case.deleted"),
    *("webhook.created", "webhook.changed", "webhook.deleted", "webhook.secret_rotated", "webhook.redelivered"),
    *("webhook.replayed", "webhook.disabled", "deployment.created", "deployment.changed"),
    *("promotion.requested", "promotion.overridden", "promotion.rolled_back", "version.approved", "version.rejected"),
}


def test_every_verb_of_the_table_was_seen_here() -> None:
    """The tests above name each verb, or another file does; a new one must join them."""
    assert set(EVENTS) - ELSEWHERE == {
        "tenant.created",
        "user.created",
        "api_key.created",
        "api_key.narrowed",
        "api_key.revoked",
        "namespace.created",
        "prompt.created",
        "prompt.updated",
        "prompt.archived",
        "prompt.unarchived",
        "version.created",
        "tag.moved",
        "tag.removed",
    }


# ----------------------------------------------------------------------------- append-only
@pytest.mark.parametrize("alias", ["default", "owner"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET actor = 'mallory' WHERE tenant_id = '{tenant}'",
        "UPDATE audit_auditentry SET seq = seq WHERE false",
        "DELETE FROM audit_auditentry WHERE tenant_id = '{tenant}'",
        "TRUNCATE audit_auditentry",
        """INSERT INTO audit_auditentry SELECT * FROM audit_auditentry WHERE tenant_id = '{tenant}' LIMIT 1
           ON CONFLICT (id) DO UPDATE SET actor = 'mallory'""",
    ],
    ids=["update", "update of nothing", "delete", "truncate", "upsert"],
)
def test_entries_are_never_changed(committed: None, alias: str, statement: str) -> None:
    """The serving role has no right to; the owner of the table is stopped by a trigger."""
    tenant = factories.make_tenant()
    before = list(AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq").values())
    refusal = "permission denied" if alias == "default" else "audit_entries_are_append_only"
    with pytest.raises(DatabaseError, match=refusal), connections[alias].cursor() as cursor:
        cursor.execute(statement.format(tenant=tenant.pk))
    connections[alias].close()
    assert list(AuditEntry.objects.filter(tenant_id=tenant.pk).order_by("seq").values()) == before


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_auditentry DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_entries_are_append_only ON audit_auditentry",
        "SET session_replication_role = replica",
        "GRANT UPDATE ON audit_auditentry TO CURRENT_USER",
        "DROP TABLE audit_auditentry",
    ],
)
def test_the_serving_role_cannot_lift_the_protection(db: None, statement: str) -> None:
    with pytest.raises(DatabaseError, match=r"must be owner|permission denied|no privileges"), transaction.atomic():
        run(statement, "UPDATE audit_auditentry SET actor = 'mallory' WHERE false")


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_the_trigger_fires_for_replicas_too(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgenabled FROM pg_trigger WHERE tgname = 'audit_entries_are_append_only'")
        assert cursor.fetchall() == [("A",)]
