"""Four eyes, held by the database alone: what neither the serving role nor the owner of the tables can write.

The ground is a namespace that requires two approvals. Each attempt is one or more statements in one transaction that
is rolled back; all but the last are legal and only set the scene, and the last is refused by the constraint named.
"""
# ruff: noqa: S608 — statements are put together from the names written here

import functools
import uuid
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from deployments.actions import promotion
from prompts import pointers
from prompts.actions import namespaces
from prompts.content import content_of
from prompts.models import Contributor, Namespace, PolicyChange, Prompt, PromptVersion
from pvc import errors
from tenants import actions
from tenants.models import Actor, Tenant, User
from tests import factories
from tests.prompts.test_database_truths import NO_RIGHT, insert, new_contributor, new_version

Ids = dict[str, Any]
Attempt = tuple[list[str], str]
ROLES = {"the serving role": "default", "the owner": "owner"}


# ----------------------------------------------------------------------------- the ground
def _person(tenant: Tenant, by: Actor | None = None) -> Actor:
    user = actions.create_user(f"u-{uuid.uuid4().hex[:12]}", groups=["Reviewer"], by=by or Actor.command(tenant))
    return Actor.command(tenant, user)


def _approved(version: PromptVersion, *people: Actor) -> PromptVersion:
    """A version to which these people said yes, and which did not follow them to production."""
    for person in people:
        pointers.decide(version, approved=True, by=person)
    return version


def _live(version: PromptVersion, *people: Actor) -> PromptVersion:
    _approved(version, *people)
    promotion.set_tag(Prompt.objects.get(pk=version.prompt_id), "production", version=version, by=people[0])
    return version


def _draft(prompt: Prompt, author: User) -> PromptVersion:
    content = content_of("text", "A draft")
    return PromptVersion.objects.create(
        tenant_id=prompt.tenant_id,
        prompt=prompt,
        number=99,
        type="text",
        body=content.body,
        checksum=content.checksum,
        digest=content.digest,
        author=author,
    )


@functools.cache
def _ids() -> Ids:
    """The prompt `main`: versions of every history, the newest approved one live. And `empty`: nothing is live."""
    tenant, other = factories.make_tenant(), factories.make_tenant()
    alice, bob, carol, dave = (_person(tenant) for _ in range(4))
    eve, protege, gone, co_author = _person(other), _person(tenant, by=alice), _person(tenant), _person(tenant)
    service = actions.create_user(
        f"s-{uuid.uuid4().hex[:12]}", groups=["Reviewer"], service_owner=bob.author, by=Actor.command(tenant)
    )
    staff = User.objects.create(username=f"staff-{uuid.uuid4().hex[:12]}", tenant=None, is_superuser=True)
    gone.author.is_active = False
    gone.author.save(update_fields=["is_active"])
    namespace = namespaces.create_namespace("guarded", name="Guarded", required_approvals=2, by=Actor.command(tenant))
    main = factories.make_prompt(namespace, slug="main", body="Overridden", by=alice)
    empty = factories.make_prompt(namespace, slug="empty", body="Empty", by=alice)
    overridden = main.versions.get()
    promotion.override(main, version=overridden, reason="the night of the outage", by=dave)
    before, live, half, full, void, rejected, none, merged = (factories.make_version(main, by=alice) for _ in range(8))
    _live(before, bob, carol)
    _live(live, bob, carol)
    _approved(half, bob)
    _approved(full, bob, carol)
    _approved(void, bob, carol)
    pointers.decide(void, approved=False, comment="no", by=dave)
    pointers.decide(rejected, approved=False, comment="no", by=bob)
    Contributor.objects.create(tenant=tenant, version=merged, user=co_author.author)
    promotion.set_tag(Prompt.objects.get(pk=main.pk), "staging", version=none, by=alice)
    empty_full = _approved(factories.make_version(empty, by=alice), bob, carol)
    empty_half = _approved(factories.make_version(empty, by=alice), bob)
    asked = PolicyChange.objects.create(
        tenant=tenant, namespace=namespace, changes={"required_approvals": 1}, requested_by=alice.author
    )
    refused = PolicyChange.objects.create(
        tenant=tenant, namespace=namespace, changes={"required_approvals": 0}, requested_by=carol.author
    )
    namespaces.reject_change(refused, by=dave)
    versions = {
        "overridden": overridden,
        "before": before,
        "live": live,
        "half": half,
        "full": full,
        "void": void,
        "rejected": rejected,
        "none": none,
        "merged": merged,
        "empty_none": empty.versions.get(number=1),
        "empty_full": empty_full,
        "empty_half": empty_half,
        "draft": _draft(main, alice.author),
    }
    people = {
        "alice": alice.author,
        "bob": bob.author,
        "carol": carol.author,
        "dave": dave.author,
        "eve": eve.author,
        "protege": protege.author,
        "gone": gone.author,
        "co_author": co_author.author,
        "service": service,
        "staff": staff,
    }
    return {
        "tenant": tenant.pk,
        "other_tenant": other.pk,
        "other_namespace": Namespace.objects.get(tenant=other).pk,
        "namespace": namespace.pk,
        "prompt": main.pk,
        "empty": empty.pk,
        "asked": asked.pk,
        "refused": refused.pk,
        "move": uuid.uuid4(),
        "first_move": main.tag_moves.get(tag="production", number=1).pk,
        **{name: row.pk for name, row in {**versions, **people}.items()},
        **{f"{name}_digest": row.digest for name, row in versions.items()},
    }


@pytest.fixture
def ids(committed: None) -> Ids:
    return _ids()


def refusal(role: str, statements: list[str], ids: Ids) -> psycopg.Error | None:
    """What the last of these statements was answered, all of them in one transaction that is rolled back."""
    config = settings.DATABASES[role]
    with psycopg.connect(
        host=config["HOST"],
        port=config["PORT"] or 5432,
        user=config["USER"],
        password=config["PASSWORD"],
        dbname=connections["default"].settings_dict["NAME"],
    ) as connection:
        for statement in statements[:-1]:
            connection.execute(statement.encode(), ids)
        try:
            connection.execute(statements[-1].encode(), ids)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as refused:
            return refused
        finally:
            connection.rollback()
    return None


def named(error: psycopg.Error | None) -> str | None:
    """What refused: a constraint, or the column that may not be empty. None: it was taken."""
    return (error.diag.constraint_name or error.diag.column_name or error.sqlstate) if error else None


# ----------------------------------------------------------------------------- statements
def approval(version: str, person: str, **values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "prompt_id": f"(SELECT prompt_id FROM prompts_promptversion WHERE id = %({version})s)",
        "version_id": f"%({version})s",
        "digest": f"%({version}_digest)s",
        "author_id": "%(alice)s",
        "decided_by_id": f"%({person})s",
        "kind": "'review'",
        "approved": "true",
        "comment": "''",
        "at": "now()",
    }
    return insert("prompts_approval", **{**present, **values})


def override_decision(version: str, comment: str = "the night of the outage", **values: str) -> str:
    present = {"kind": "'override'", "spent_by_id": "%(move)s", "comment": f"'{comment}'"}
    return approval(version, "dave", **{**present, **values})


def moved(version: str | None, kind: str = "set", *, prompt: str = "prompt", **values: str) -> str:
    """The next entry in the history of a prompt's production."""
    here = f"prompts_tagmove WHERE prompt_id = %({prompt})s AND tag = 'production'"
    present = {
        "id": "%(move)s",
        "tenant_id": "%(tenant)s",
        "prompt_id": f"%({prompt})s",
        "tag": "'production'",
        "number": f"(SELECT coalesce(max(number), 0) + 1 FROM {here})",
        "old_id": f"(SELECT version_id FROM prompts_tag WHERE prompt_id = %({prompt})s AND name = 'production')",
        "new_id": f"%({version})s" if version else "NULL",
        "kind": f"'{kind}'",
        "reason": "''",
        "decision": "'{}'",
        "at": "now()",
    }
    return insert("prompts_tagmove", **{**present, **values})


_LAST = "(SELECT max(number) FROM prompts_tagmove WHERE prompt_id = %({0})s AND tag = 'production')"
_PRODUCTION = "prompt_id = %(prompt)s AND name = 'production'"


def pointed(version: str) -> str:
    """The production of `main` moves."""
    return (
        f"UPDATE prompts_tag SET version_id = %({version})s, digest = %({version}_digest)s,"
        f" revision = {_LAST.format('prompt')} WHERE {_PRODUCTION}"
    )


def placed(version: str, **values: str) -> str:
    """The production of `empty` appears."""
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "prompt_id": "%(empty)s",
        "name": "'production'",
        "version_id": f"%({version})s",
        "digest": f"%({version}_digest)s",
        "revision": _LAST.format("empty"),
        "created_at": "now()",
        "updated_at": "now()",
    }
    return insert("prompts_tag", **{**present, **values})


def policy(**values: str) -> str:
    """The next policy of the namespace: as strict as the present one, but for `values`."""
    last = "prompts_namespacepolicy WHERE namespace_id = %(namespace)s ORDER BY number DESC LIMIT 1"
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "namespace_id": "%(namespace)s",
        "number": f"(SELECT number + 1 FROM {last})",
        "required_approvals": "2",
        "custom_tags": "'{}'",
        "evaluation_policy": f"(SELECT evaluation_policy FROM {last})",
        "changed_by_id": "%(alice)s",
        "approved_by_id": "NULL",
        "created_at": "now()",
    }
    return insert("prompts_namespacepolicy", **{**present, **values})


def change(**values: str) -> str:
    """A change of policy that alice asked for and bob decided."""
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "namespace_id": "%(namespace)s",
        "changes": """'{"required_approvals": 1}'""",
        "requested_by_id": "%(alice)s",
        "requested_at": "now()",
        "decided_by_id": "%(bob)s",
        "approved": "true",
        "decided_at": "now()",
    }
    return insert("prompts_policychange", **{**present, **values})


def target(user: str, **values: str) -> str:
    present = {"id": "gen_random_uuid()", "tenant_id": "%(tenant)s", "version_id": "%(none)s", "user_id": f"'{user}'"}
    return insert("prompts_preprodtarget", **{**present, **values})


def edited(assignment: str, version: str = "half") -> str:
    return f"UPDATE prompts_approval SET {assignment} WHERE version_id = %({version})s"


_OTHER = "approvals_are_by_other_people"
_KEPT = "approvals_are_kept"
_APPROVED = "production_is_approved"
_HISTORY = "tags_move_by_their_history"
_CONTENT = "approval_of_a_version_and_its_content"
_TWO = "weaker_policies_have_four_eyes"
_TWO_PEOPLE = {"required_approvals": "1", "approved_by_id": "%(bob)s"}

DECISIONS: dict[str, Attempt] = {
    "the author approves": ([approval("none", "alice")], _OTHER),
    "the author rejects": ([approval("none", "alice", approved="false")], _OTHER),
    "the author of a version that lists no contributor approves": (
        [
            new_version(id="%(move)s", number="90", author_id="%(bob)s", digest="%(half_digest)s"),
            approval("half", "bob", version_id="%(move)s", author_id="%(bob)s"),
        ],
        "approvals_have_four_eyes",
    ),
    "the approved version has no author": ([approval("none", "bob", author_id="NULL")], "author_id"),
    "nobody approves": ([approval("none", "bob", decided_by_id="NULL")], _OTHER),
    "the author lies about who the author is": ([approval("none", "bob", author_id="%(carol)s")], _CONTENT),
    "another content is approved": ([approval("none", "bob", digest="%(full_digest)s")], _CONTENT),
    "a content that never was is approved": ([approval("none", "bob", digest="repeat('0', 64)")], _CONTENT),
    "an approval hangs on another prompt": ([approval("none", "bob", prompt_id="%(empty)s")], _CONTENT),
    "a draft is approved": ([approval("draft", "bob")], "approvals_are_of_sealed_versions"),
    "nothing is approved": (
        [approval("none", "bob", version_id="gen_random_uuid()", prompt_id="%(prompt)s")],
        "approvals_are_of_sealed_versions",
    ),
    "a merger approves": ([approval("merged", "co_author")], _OTHER),
    "somebody becomes a contributor and approves": (
        [new_contributor(version_id="%(none)s", user_id="%(bob)s"), approval("none", "bob")],
        _OTHER,
    ),
    "a service account approves": ([approval("none", "service")], _OTHER),
    "somebody of another tenant approves": ([approval("none", "eve")], _OTHER),
    "somebody of another tenant approves in theirs": (
        [approval("none", "eve", tenant_id="%(other_tenant)s")],
        _CONTENT,
    ),
    "somebody who left approves": ([approval("none", "gone")], _OTHER),
    "platform staff approve": ([approval("none", "staff")], _OTHER),
    "somebody whom the author brought in approves": ([approval("none", "protege")], _OTHER),
    "who brought somebody in is forgotten": (
        ["UPDATE tenants_user SET created_by_id = NULL WHERE id = %(protege)s"],
        "user_origin_is_fixed",
    ),
    "who brought somebody in is said to be another": (
        ["UPDATE tenants_user SET created_by_id = %(bob)s WHERE id = %(protege)s"],
        "user_origin_is_fixed",
    ),
    "a service account becomes a person": (
        ["UPDATE tenants_user SET is_service = false, owner_id = NULL WHERE id = %(service)s"],
        "user_origin_is_fixed",
    ),
    "somebody whom the author brought in rejects": ([approval("none", "protege", approved="false")], _OTHER),
    "an approval begins as spent": ([approval("none", "bob", spent_by_id="%(first_move)s")], _KEPT),
    "an approval begins as void": ([approval("none", "bob", voided_at="now()")], _KEPT),
    "one person approves twice": ([approval("half", "bob")], "one_open_decision_per_person"),
    "whoever rejected approves": ([approval("rejected", "bob")], "one_open_decision_per_person"),
    "an approval is of a kind that passes the rules by": (
        [approval("none", "bob", kind="'blessing'")],
        "overrides_are_spent_at_once",
    ),
    "an override waits to be used": ([approval("none", "dave", kind="'override'")], "overrides_are_spent_at_once"),
    "an override says no": (
        [moved("none", "override"), override_decision("none", approved="false")],
        "overrides_are_spent_at_once",
    ),
    "a service account overrides": (
        [moved("none", "override"), override_decision("none", decided_by_id="%(service)s")],
        _OTHER,
    ),
    "somebody of another tenant overrides": (
        [moved("none", "override"), override_decision("none", decided_by_id="%(eve)s")],
        _OTHER,
    ),
    "somebody who left overrides": (
        [moved("none", "override"), override_decision("none", decided_by_id="%(gone)s")],
        _OTHER,
    ),
    "a no becomes a yes": ([edited("approved = true", "rejected")], _KEPT),
    "a no becomes a yes as it is spent": (
        [edited("approved = true, spent_by_id = %(first_move)s", "rejected")],
        _KEPT,
    ),
    "a yes becomes a no": ([edited("approved = false")], _KEPT),
    "another person has decided": ([edited("decided_by_id = %(carol)s")], _KEPT),
    "another person has decided, as it is spent": (
        [edited("decided_by_id = %(carol)s, spent_by_id = %(first_move)s")],
        _KEPT,
    ),
    "the approved content is another": ([edited("digest = %(none_digest)s")], _KEPT),
    "the approved version is another": ([edited("version_id = %(none)s, digest = %(none_digest)s")], _KEPT),
    "the moment of an approval is another": ([edited("at = now()")], _KEPT),
    "the comment of an approval is another": ([edited("comment = 'other'")], _KEPT),
    "a review becomes an override": ([edited("kind = 'override', spent_by_id = %(first_move)s")], _KEPT),
    "an approval is given back its use": ([edited("spent_by_id = NULL", "before")], _KEPT),
    "an approval is used a second time": ([moved("before"), edited("spent_by_id = %(move)s", "before")], _KEPT),
    "a void approval counts again": ([edited("voided_at = NULL", "void")], _KEPT),
    "a void approval is used": ([edited("spent_by_id = %(first_move)s", "void")], _KEPT),
    "a used approval becomes void": ([edited("voided_at = now()", "before")], _KEPT),
    "an approval is used and void": ([edited("spent_by_id = %(first_move)s, voided_at = now()")], _KEPT),
    "an approval is used by a move of another prompt": (
        [moved("empty_full", prompt="empty"), edited("spent_by_id = %(move)s")],
        "approval_spent_by_its_prompt",
    ),
}

PRODUCTION: dict[str, Attempt] = {
    "production appears with no approval": ([moved("empty_none", prompt="empty"), placed("empty_none")], _APPROVED),
    "production appears with one of two": ([moved("empty_half", prompt="empty"), placed("empty_half")], _APPROVED),
    "production appears with no entry in its history": ([placed("empty_full", revision="1")], _HISTORY),
    "production moves with no approval": ([moved("none"), pointed("none")], _APPROVED),
    "production moves with one of two": ([moved("half"), pointed("half")], _APPROVED),
    "production moves with one of two and the author's override unspoken": (
        [moved("half", "promote"), pointed("half")],
        _APPROVED,
    ),
    "production moves by the approvals of another content": (
        [moved("none"), pointed("none").replace("%(none)s", "%(full)s")],
        "tag_on_a_version_of_its_prompt",
    ),
    "production moves by approvals that are used": ([moved("before"), pointed("before")], _APPROVED),
    "production moves by approvals that are void": ([moved("void"), pointed("void")], _APPROVED),
    "production moves by approvals used a moment before": (
        [moved("full"), edited("spent_by_id = %(move)s", "full"), pointed("full")],
        _APPROVED,
    ),
    "production moves by approvals made void a moment before": (
        [edited("voided_at = now()", "full"), moved("full"), pointed("full")],
        _APPROVED,
    ),
    "production moves by a yes and a no": (
        [approval("half", "carol", approved="false"), moved("half"), pointed("half")],
        _APPROVED,
    ),
    "production moves by a yes of somebody who then had a hand in it": (
        [new_contributor(version_id="%(full)s", user_id="%(bob)s"), moved("full"), pointed("full")],
        _APPROVED,
    ),
    "production moves by two approvals where three are asked for by now": (
        [policy(required_approvals="3"), moved("full"), pointed("full")],
        _APPROVED,
    ),
    "production moves by the entry of another version": ([moved("full"), pointed("none")], _HISTORY),
    "production moves by no entry": ([pointed("full")], _HISTORY),
    "production moves by an entry of staging": (
        [moved("full", tag="'staging'", number="90"), pointed("full")],
        _HISTORY,
    ),
    "production moves by the entry before the last": (
        [
            moved("full"),
            moved("live", id="gen_random_uuid()"),
            pointed("full"),
        ],
        _HISTORY,
    ),
    "production changes its digest alone": (
        [moved("full"), f"UPDATE prompts_tag SET digest = %(full_digest)s WHERE {_PRODUCTION}"],
        "tag_on_a_version_of_its_prompt",
    ),
    "staging is renamed to production": (
        [
            moved(None, "remove"),
            f"DELETE FROM prompts_tag WHERE {_PRODUCTION}",
            "UPDATE prompts_tag SET name = 'production' WHERE prompt_id = %(prompt)s AND name = 'staging'",
        ],
        "tag_identity_is_fixed",
    ),
    "production is handed to another prompt": (
        [
            (
                "UPDATE prompts_tag SET prompt_id = %(empty)s, version_id = %(empty_full)s,"
                f" digest = %(empty_full_digest)s WHERE {_PRODUCTION}"
            )
        ],
        "tag_identity_is_fixed",
    ),
    "production is renamed away": (
        [f"UPDATE prompts_tag SET name = 'draft' WHERE {_PRODUCTION}"],
        "tag_identity_is_fixed",
    ),
    "production is deleted with no entry": ([f"DELETE FROM prompts_tag WHERE {_PRODUCTION}"], _HISTORY),
    "production is deleted by an entry that sets it": (
        [moved("full"), f"DELETE FROM prompts_tag WHERE {_PRODUCTION}"],
        _HISTORY,
    ),
    "a rollback goes to what never was live": ([moved("none", "rollback"), pointed("none")], _APPROVED),
    "a rollback goes to what was approved and never live": ([moved("full", "rollback"), pointed("full")], _APPROVED),
    "a rollback goes to what was live and never approved": (
        [moved("overridden", "rollback"), pointed("overridden")],
        _APPROVED,
    ),
    "an override is nobody's decision": ([moved("none", "override"), pointed("none")], _APPROVED),
    "an override has a short reason": (
        [moved("none", "override"), override_decision("none", "123456789"), pointed("none")],
        _APPROVED,
    ),
    "an override has blanks for a reason": (
        [moved("none", "override"), override_decision("none", " " * 9 + "123" + " " * 9), pointed("none")],
        _APPROVED,
    ),
    "an override uses the decision of an earlier one": (
        [moved("overridden", "override"), pointed("overridden")],
        _APPROVED,
    ),
    "an override uses a decision on another version": (
        [moved("none", "override"), override_decision("half"), pointed("none")],
        _APPROVED,
    ),
    "an override uses approvals": (
        [moved("half", "override"), edited("spent_by_id = %(move)s", "half"), pointed("half")],
        _APPROVED,
    ),
}

POLICIES: dict[str, Attempt] = {
    "one person asks for less": ([policy(required_approvals="1")], _TWO),
    "one person asks for nothing": ([policy(required_approvals="0")], _TWO),
    "nobody asks for less": ([policy(required_approvals="1", changed_by_id="NULL")], _TWO),
    "one person asks for more and less": ([policy(required_approvals="3", custom_tags="'{canary}'")], _TWO),
    "one person allows a tag": ([policy(custom_tags="'{canary}'")], _TWO),
    "one person forgets the evaluations": ([policy(evaluation_policy="'{}'")], _TWO),
    "one person stands for two": (
        [change(), policy(required_approvals="1", approved_by_id="%(alice)s")],
        _TWO,
    ),
    "two people with no change that was asked for": ([policy(**_TWO_PEOPLE)], _TWO),
    "two people with a change that waits": ([policy(**_TWO_PEOPLE, changed_by_id="%(alice)s")], _TWO),
    "two people with a change that was rejected": (
        [policy(required_approvals="0", changed_by_id="%(carol)s", approved_by_id="%(dave)s")],
        _TWO,
    ),
    "two people with the change of two others": (
        [change(), policy(required_approvals="1", approved_by_id="%(carol)s")],
        _TWO,
    ),
    "two people the wrong way round": (
        [change(), policy(required_approvals="1", changed_by_id="%(bob)s", approved_by_id="%(alice)s")],
        _TWO,
    ),
    "a policy leaves a number out": ([policy(number="7")], "policies_follow_each_other"),
    "a policy slips in below": ([policy(number="0")], "policies_follow_each_other"),
    "a policy asks for fewer than none": ([policy(required_approvals="-1")], _TWO),
    "who asked decides": ([change(decided_by_id="%(alice)s")], "policy_changes_have_four_eyes"),
    "a change is approved by nobody": ([change(decided_by_id="NULL")], "policy_changes_have_four_eyes"),
    "a change is decided at no time": ([change(decided_at="NULL")], "policy_changes_have_four_eyes"),
    "a change is of another tenant's namespace": (
        [change(namespace_id="%(other_namespace)s")],
        "policy_change_in_tenant",
    ),
    "who asked decides what waits": (
        [
            (
                "UPDATE prompts_policychange SET decided_by_id = requested_by_id, approved = true, decided_at = now()"
                " WHERE id = %(asked)s"
            )
        ],
        "policy_changes_have_four_eyes",
    ),
    "a rejected change is approved after all": (
        ["UPDATE prompts_policychange SET approved = true WHERE id = %(refused)s"],
        "decided_changes_are_final",
    ),
    "a decided change is opened again": (
        [
            (
                "UPDATE prompts_policychange SET decided_by_id = NULL, approved = NULL, decided_at = NULL"
                " WHERE id = %(refused)s"
            )
        ],
        "decided_changes_are_final",
    ),
    "a waiting change is made another": (
        ["""UPDATE prompts_policychange SET changes = '{"required_approvals": 0}' WHERE id = %(asked)s"""],
        "decided_changes_are_final",
    ),
    "a waiting change is made another's": (
        ["UPDATE prompts_policychange SET requested_by_id = %(bob)s WHERE id = %(asked)s"],
        "decided_changes_are_final",
    ),
    "everybody is in pre-production": ([target("*")], "targets_are_exact"),
    "nobody is in pre-production": ([target("")], "targets_are_exact"),
    "a target becomes everybody": (
        [target("a"), "UPDATE prompts_preprodtarget SET user_id = '*' WHERE version_id = %(none)s"],
        "targets_are_exact",
    ),
    "a target stands in another tenant": ([target("a", tenant_id="%(other_tenant)s")], "target_in_tenant"),
}

FORBIDDEN = {**DECISIONS, **PRODUCTION, **POLICIES}

#: Refused to the serving role by a right it has not, and to the owner by a trigger.
NO_RIGHT_TO: dict[str, Attempt] = {
    "an approval is deleted": (["DELETE FROM prompts_approval WHERE version_id = %(half)s"], _KEPT),
    "a rejection is deleted": (["DELETE FROM prompts_approval WHERE NOT approved"], _KEPT),
    "approvals are truncated": (["TRUNCATE prompts_approval"], "approvals_are_not_truncated"),
    "tags are truncated": (["TRUNCATE prompts_tag"], "tags_are_not_truncated"),
    "a decided change is deleted": (
        ["DELETE FROM prompts_policychange WHERE id = %(refused)s"],
        "decided_changes_are_final",
    ),
    "a policy asks for less from the start": (
        ["UPDATE prompts_namespacepolicy SET required_approvals = 0 WHERE namespace_id = %(namespace)s"],
        "policies_are_append_only",
    ),
    "the newest policy is taken back": (
        ["DELETE FROM prompts_namespacepolicy WHERE namespace_id = %(namespace)s"],
        "policies_are_append_only",
    ),
    "a move gets another kind": (
        ["UPDATE prompts_tagmove SET kind = 'rollback' WHERE id = %(first_move)s"],
        "tag_moves_are_append_only",
    ),
}

#: What the rules are for, in the words of the database.
ALLOWED: dict[str, list[str]] = {
    "two people approve, and production moves": [
        approval("none", "bob"),
        approval("none", "carol"),
        moved("none", "approve"),
        pointed("none"),
    ],
    "the second person approves, and production moves": [
        approval("half", "carol"),
        moved("half", "approve"),
        pointed("half"),
    ],
    "production appears with its approvals": [moved("empty_full", prompt="empty"), placed("empty_full")],
    "an override with its decision": [moved("none", "override"), override_decision("none"), pointed("none")],
    "an override by the author": [
        moved("none", "override"),
        override_decision("none", decided_by_id="%(alice)s"),
        pointed("none"),
    ],
    "a rollback to what was approved and live": [moved("before", "rollback"), pointed("before")],
    "production is taken away": [moved(None, "remove"), f"DELETE FROM prompts_tag WHERE {_PRODUCTION}"],
    "a rejection makes approvals void": [
        edited("voided_at = now()"),
        approval("half", "carol", approved="false"),
    ],
    "one person asks for more": [policy(required_approvals="3")],
    "two people ask for less": [change(), policy(**_TWO_PEOPLE)],
    "a second person decides": [
        (
            "UPDATE prompts_policychange SET decided_by_id = %(bob)s, approved = true, decided_at = now()"
            " WHERE id = %(asked)s"
        )
    ],
    "a target by name": [target("tester@example.com")],
}


# ----------------------------------------------------------------------------- tests
by_role = pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))


@by_role
@pytest.mark.parametrize(("statements", "constraint"), FORBIDDEN.values(), ids=list(FORBIDDEN))
def test_neither_role_passes_the_second_pair_of_eyes(
    ids: Ids, role: str, statements: list[str], constraint: str
) -> None:
    assert named(refusal(role, statements, ids)) == constraint
    assert constraint in errors.named_constraints() | {"author_id"}


@pytest.mark.parametrize(("statements", "constraint"), NO_RIGHT_TO.values(), ids=list(NO_RIGHT_TO))
def test_a_decision_is_not_undone(ids: Ids, statements: list[str], constraint: str) -> None:
    of_app, of_owner = (refusal(role, statements, ids) for role in ROLES.values())
    assert of_app is not None
    assert of_app.sqlstate == NO_RIGHT
    assert named(of_owner) == constraint


@by_role
@pytest.mark.parametrize("statements", ALLOWED.values(), ids=list(ALLOWED))
def test_what_the_rules_are_for_is_taken(ids: Ids, role: str, statements: list[str]) -> None:
    assert named(refusal(role, statements, ids)) is None


@by_role
def test_every_scene_is_set_by_statements_that_are_taken(ids: Ids, role: str) -> None:
    """An attempt that already fails before its last statement would prove nothing about the last."""
    for name, (statements, _) in FORBIDDEN.items():
        for end in range(1, len(statements)):
            assert named(refusal(role, statements[:end], ids)) is None, f"{name}: {statements[end - 1]}"


def test_at_least_thirty_statements_are_refused() -> None:
    tried = len(FORBIDDEN) + len(NO_RIGHT_TO)
    assert tried >= 30, f"{tried} statements"
    assert len(DECISIONS) + len(PRODUCTION) + len(POLICIES) == len(FORBIDDEN), "two attempts have one name"
