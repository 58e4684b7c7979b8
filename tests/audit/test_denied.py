"""Refused attempts are written down, in a transaction of their own; what was refused leaves nothing."""

import uuid
from typing import Any

import pytest

from audit import unit
from audit.models import AuditEntry, OutboxEvent
from audit.unit import record, verb
from deployments.actions import promotion
from prompts.actions import namespaces, prompts
from prompts.models import Namespace, Prompt, Tag, TagMove
from pvc.errors import Conflict, Invalid
from tenants.models import Actor, Tenant
from tenants.scopes import SCOPES
from tests import factories
from tests.factories import Client, error_of, json_of


def newest(tenant: Tenant) -> AuditEntry:
    return AuditEntry.objects.filter(tenant_id=tenant.pk).latest("seq")


def size(tenant: Tenant) -> int:
    return AuditEntry.objects.filter(tenant_id=tenant.pk).count()


@pytest.fixture
def guarded(acme: Tenant, admin: Actor) -> Prompt:
    """A prompt in a namespace where production takes an approval."""
    namespace = namespaces.create_namespace("agents", name="Agents", by=admin)
    return factories.make_prompt(namespace, by=admin, slug="support")


def served(prompt: Prompt) -> Any:
    return (
        list(Tag.objects.filter(prompt=prompt).values()),
        TagMove.objects.filter(prompt=prompt).count(),
        OutboxEvent.objects.filter(prompt_id=prompt.pk).count(),
        Prompt.objects.values("revision", "last_sequence", "updated_at").get(pk=prompt.pk),
    )


# ----------------------------------------------------------------------------- by a verb
def test_a_blocked_promotion_is_written_down_and_leaves_nothing(
    as_admin: Client, acme: Tenant, guarded: Prompt
) -> None:
    before, entries = served(guarded), size(acme)
    version = guarded.versions.get()
    refused = as_admin.post("/prompts/agents:support/tags/production", {"versionId": str(version.pk)})
    assert (refused.status_code, error_of(refused)["code"]) == (409, "PROMOTION_BLOCKED")
    assert error_of(refused)["details"]["unmet"][0]["code"] == "APPROVALS_MISSING"
    entry = newest(acme)
    assert size(acme) == entries + 1
    assert (entry.verb, entry.target, entry.actor) == ("tag.moved.denied", str(guarded.pk), "admin")
    assert entry.data == {"code": "PROMOTION_BLOCKED", "message": error_of(refused)["message"], "claimed": None}
    assert served(guarded) == before
    assert (refused["X-Audit-Seq"], refused["X-Audit-Hash"]) == (str(entry.seq), bytes(entry.entry_hash).hex())


def test_a_refusal_stays_written_when_its_transaction_is_gone(committed: None) -> None:
    tenant = factories.make_tenant()
    actor = factories.make_actor(tenant)
    namespace = Namespace.objects.get(tenant=tenant)
    prompt = factories.make_prompt(namespace, by=actor)
    prompts.archive_prompt(prompt, by=actor)
    before, entries = served(prompt), size(tenant)
    with pytest.raises(prompts.AlreadyArchived):
        prompts.archive_prompt(prompt, by=actor)
    assert (newest(tenant).verb, size(tenant)) == ("prompt.archived.denied", entries + 1)
    assert served(prompt) == before


@pytest.mark.parametrize(
    ("method", "path", "verb_", "code"),
    [
        ("DELETE", "/prompts/gone", "prompt.archived.denied", "ALREADY_ARCHIVED"),
        ("POST", "/prompts/gone/tags/production", "tag.moved.denied", "ARCHIVED"),
        ("DELETE", "/prompts/gone/tags/production", "tag.removed.denied", "ARCHIVED"),
    ],
)
def test_what_an_archived_prompt_refuses_is_written_down(
    as_admin: Client, acme: Tenant, namespace: Namespace, admin: Actor, method: str, path: str, verb_: str, code: str
) -> None:
    prompt = factories.make_prompt(namespace, by=admin, slug="gone")
    prompts.archive_prompt(prompt, by=admin)
    body = {"versionId": str(prompt.versions.get().pk)} if method == "POST" else None
    refused = as_admin(method, path, body)
    assert error_of(refused)["code"] == code
    entry = newest(acme)
    assert (entry.verb, entry.target, entry.data["code"]) == (verb_, str(prompt.pk), code)


def test_a_mistake_in_the_request_is_not_an_attempt(as_admin: Client, acme: Tenant, guarded: Prompt) -> None:
    version = {"versionId": str(guarded.versions.get().pk)}
    before = size(acme)
    for refused in (
        as_admin.post("/prompts/agents:support/tags/live", version),
        as_admin.post("/prompts/agents:support/tags/production", {}),
        as_admin.post("/prompts/agents:support/tags/production", {"versionId": str(uuid.uuid4())}),
        as_admin.post("/prompts/agents:support/tags/staging", version, If_Match='"7"'),
        as_admin.delete("/prompts/agents:support/tags/staging"),
        as_admin.delete("/prompts/agents:nothing"),
    ):
        assert refused.status_code in (400, 404, 412)
    assert size(acme) == before


def test_a_refusal_inside_another_verb_is_written_once(acme: Tenant, guarded: Prompt, admin: Actor) -> None:
    before = size(acme)

    @verb(refused="prompt.archived")
    def set_and_archive(prompt: Prompt, *, by: Actor) -> None:
        promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=by)
        prompts.archive_prompt(prompt, by=by)

    with pytest.raises(promotion.PromotionBlocked):
        set_and_archive(guarded, by=admin)
    assert size(acme) == before + 1
    assert newest(acme).verb == "tag.moved.denied"


def test_what_was_said_before_the_refusal_is_not_written(acme: Tenant, guarded: Prompt, admin: Actor) -> None:
    before = size(acme)

    @verb(refused="prompt.archived")
    def archive_twice(prompt: Prompt, *, by: Actor) -> None:
        record("prompt.archived", prompt, by=by, namespace="agents", name="support")
        raise Conflict("Twice.")

    with pytest.raises(Conflict):
        archive_twice(guarded, by=admin)
    assert [each.verb for each in AuditEntry.objects.filter(tenant_id=acme.pk, seq__gt=before)] == [
        "prompt.archived.denied"
    ]


def test_a_verb_that_does_not_keep_its_refusals_writes_none(acme: Tenant, guarded: Prompt, admin: Actor) -> None:
    before = size(acme)
    with pytest.raises(prompts.NotArchived):
        prompts.unarchive_prompt(guarded, by=admin)
    assert size(acme) == before


def test_an_error_of_another_kind_is_not_an_attempt(acme: Tenant, guarded: Prompt, admin: Actor) -> None:
    before = size(acme)

    @verb(refused="prompt.archived")
    def misread(prompt: Prompt, *, by: Actor) -> None:
        raise Invalid("Not like this.")

    with pytest.raises(Invalid):
        misread(guarded, by=admin)
    assert size(acme) == before


def test_only_known_verbs_can_be_denied(acme: Tenant, admin: Actor) -> None:
    with pytest.raises(AssertionError):
        unit.denied("prompt.exploded", "x", by=admin, error=Conflict("No."))


def test_a_refused_post_with_an_idempotency_key_is_written_each_time(
    as_admin: Client, acme: Tenant, guarded: Prompt
) -> None:
    before = size(acme)
    body = {"versionId": str(guarded.versions.get().pk)}
    for _ in range(2):
        refused = as_admin.post("/prompts/agents:support/tags/production", body, Idempotency_Key="once")
        assert refused.status_code == 409
        assert "Idempotency-Replayed" not in refused
    assert size(acme) == before + 2


# ----------------------------------------------------------------------------- by the door
def test_a_missing_scope_on_an_audited_route_is_written_down(
    as_alice: Client, acme: Tenant, guarded: Prompt, alice: Actor
) -> None:
    before = served(guarded)
    body = {"versionId": str(guarded.versions.get().pk)}
    refused = as_alice.post(f"/prompts/{guarded.pk}/tags/production", body)
    assert refused.status_code == 403
    entry = newest(acme)
    assert alice.api_key
    assert (entry.verb, entry.actor, entry.via) == ("tag.moved.denied", "alice", f"key:{alice.api_key.key_id}")
    assert entry.target == str(guarded.pk)
    assert entry.data == {"code": "FORBIDDEN", "message": "This needs the scope prompts:promote.", "claimed": None}
    assert refused["X-Audit-Seq"] == str(entry.seq)
    assert served(guarded) == before


@pytest.mark.parametrize(
    ("method", "path", "verb_"),
    [
        ("POST", "/prompts/agents:support/tags/staging", "tag.moved.denied"),
        ("DELETE", "/prompts/agents:support/tags/staging", "tag.removed.denied"),
        ("DELETE", "/prompts/agents:support", "prompt.archived.denied"),
    ],
)
def test_each_audited_route_writes_its_refusals(
    acme: Tenant, guarded: Prompt, bob: Actor, method: str, path: str, verb_: str
) -> None:
    reader = Client(factories.make_key(bob.author, ["prompts:read"]).text)
    assert reader(method, path, {} if method == "POST" else None).status_code == 403
    entry = newest(acme)
    assert (entry.verb, entry.actor, entry.data["code"]) == (verb_, "bob", "FORBIDDEN")


def test_archiving_what_is_served_without_the_right_is_written_down(
    as_alice: Client, acme: Tenant, namespace: Namespace, admin: Actor
) -> None:
    prompt = factories.make_prompt(namespace, by=admin, slug="live")
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=admin)
    refused = as_alice.delete("/prompts/live")
    assert (refused.status_code, error_of(refused)["details"]) == (403, {"scope": "prompts:promote"})
    assert (newest(acme).verb, newest(acme).actor) == ("prompt.archived.denied", "alice")
    assert not Prompt.objects.get(pk=prompt.pk).is_archived


def test_a_claimed_name_is_written_down(as_alice: Client, acme: Tenant, guarded: Prompt, bob: Actor) -> None:
    for claimed in ("bob", "nobody", "n" * 150):
        refused = as_alice.delete(f"/prompts/{guarded.pk}", X_User_Id=claimed)
        assert error_of(refused)["code"] == "USER_MISMATCH"
        entry = newest(acme)
        assert (entry.verb, entry.actor, entry.target) == ("prompt.archived.denied", "alice", str(guarded.pk))
        assert (entry.data["code"], entry.data["claimed"]) == ("USER_MISMATCH", claimed[:100])


@pytest.mark.parametrize(
    ("claimed", "code"), [("nobody", "UNKNOWN_USER"), ("eve", "UNKNOWN_USER"), ("a,b", "INVALID_USERNAME")]
)
def test_a_gateways_unknown_name_is_written_down(
    acme: Tenant, guarded: Prompt, bob: Actor, eve: Actor, claimed: str, code: str
) -> None:
    issued = factories.make_key(bob.author, SCOPES)
    refused = Client(issued.text).delete(f"/prompts/{guarded.pk}", X_User_Id=claimed)
    assert error_of(refused)["code"] == code
    entry = newest(acme)
    assert (entry.verb, entry.actor, entry.via) == ("prompt.archived.denied", "bob", f"key:{issued.row.key_id}")
    assert (entry.data["code"], entry.data["claimed"]) == (code, claimed)


def test_another_tenant_in_the_header_is_written_in_the_keys_own(
    as_alice: Client, acme: Tenant, other: Tenant, guarded: Prompt
) -> None:
    there = size(other)
    refused = as_alice.delete(f"/prompts/{guarded.pk}", X_Tenant_Id="other")
    assert error_of(refused)["code"] == "TENANT_MISMATCH"
    assert (newest(acme).verb, newest(acme).data["code"]) == ("prompt.archived.denied", "TENANT_MISMATCH")
    assert size(other) == there


def test_nobody_known_leaves_no_entry(as_alice: Client, acme: Tenant, guarded: Prompt) -> None:
    before = size(acme)
    mutated = (as_alice.key or "")[:-1] + "?"
    for client in (Client(None), Client(mutated), Client("pvc_" + "0" * 8 + "_" + "0" * 43)):
        refused = client.delete(f"/prompts/{guarded.pk}", X_User_Id="alice", X_Tenant_Id="acme")
        assert refused.status_code == 401
        assert "X-Audit-Seq" not in refused
    assert size(acme) == before


def test_a_refusal_on_another_route_is_not_written(acme: Tenant, bob: Actor, guarded: Prompt) -> None:
    reader = Client(factories.make_key(bob.author, ["prompts:read"]).text)
    before = size(acme)
    for refused in (
        reader.post("/prompts", {"name": "a", "template": "b"}),
        reader.post("/prompts/agents:support/unarchive"),
        reader.get("/prompts/audit"),
        reader.get("/prompts", X_User_Id="alice"),
        reader.get("/api-keys"),
    ):
        assert refused.status_code == 403
        assert "X-Audit-Seq" not in refused
    assert size(acme) == before


def test_refusals_show_in_the_log(as_admin: Client, guarded: Prompt) -> None:
    as_admin.post("/prompts/agents:support/tags/production", {"versionId": str(guarded.versions.get().pk)})
    shown = json_of(as_admin.get("/prompts/audit?limit=1"))["data"][0]
    assert (shown["verb"], shown["target"]) == ("tag.moved.denied", str(guarded.pk))
    assert shown["data"]["code"] == "PROMOTION_BLOCKED"


def test_a_prompts_log_shows_the_refusals_too(as_admin: Client, guarded: Prompt) -> None:
    as_admin.post("/prompts/agents:support/tags/production", {"versionId": str(guarded.versions.get().pk)})
    shown = json_of(as_admin.get(f"/prompts/audit?template_id={guarded.pk}"))["data"][0]
    assert (shown["verb"], shown["template_id"]) == ("tag.moved.denied", str(guarded.pk))


def test_a_refusal_at_the_door_shows_in_its_prompts_log(acme: Tenant, alice: Actor, namespace: Namespace) -> None:
    prompt = factories.make_prompt(namespace, slug="support", by=alice)
    version = prompt.versions.get()
    refused = factories.client_of(alice).post("/prompts/support/tags/production", {"versionId": str(version.pk)})
    assert refused.status_code == 403
    last = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (last.verb, last.target, last.prompt_id) == ("tag.moved.denied", str(prompt.pk), prompt.pk)


def test_what_the_database_refuses_is_written_down_too(acme: Tenant, alice: Actor, namespace: Namespace) -> None:
    @verb(refused="tag.moved")
    def claim_a_taken_slug(prompt: Prompt, *, by: Actor) -> None:
        Namespace.objects.create(tenant=by.tenant, slug="default", name="Again")

    prompt = factories.make_prompt(namespace, by=alice)
    with pytest.raises(Conflict):
        claim_a_taken_slug(prompt, by=alice)
    last = AuditEntry.objects.filter(tenant_id=acme.pk).latest("seq")
    assert (last.verb, last.target, last.prompt_id) == ("tag.moved.denied", str(prompt.pk), prompt.pk)
