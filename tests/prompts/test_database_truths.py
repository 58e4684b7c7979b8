"""What the database itself refuses, whoever asks: the serving role, and the owner of the tables.

Each statement is run as it stands by both roles. The rows it meets are committed once for a process and
never change, since every statement here is refused.
"""

import functools
import re
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from deployments.actions import promotion
from prompts.actions import namespaces, tiers
from prompts.content import content_of
from prompts.models import BudgetTier, Namespace, PolicyChange, Prompt, PromptVersion
from pvc import errors
from tenants.models import Actor
from tests import factories

Row = tuple[str, str]
NO_RIGHT = "42501"


# ----------------------------------------------------------------------------- the rows
@functools.cache
def _ids() -> dict[str, Any]:
    """Two tenants; in the first two prompts, their versions, a draft, a tag and its move, and budget tiers."""
    acme, other = factories.make_tenant(), factories.make_tenant()
    by, eve = factories.make_actor(acme), factories.make_actor(other)
    bob = factories.make_user(acme)
    default, hers = (Namespace.objects.get(tenant=tenant, slug="default") for tenant in (acme, other))
    agents = namespaces.create_namespace("agents", name="Agents", by=by)
    one = factories.make_prompt(default, slug="one", body="First", by=by)
    two = factories.make_prompt(default, slug="two", body="Else", by=by)
    foreign = factories.make_prompt(hers, slug="foreign", body="First", by=eve)
    second = factories.make_version(one, "Second", by=by)
    content = content_of("text", "A draft")
    draft = PromptVersion.objects.create(
        tenant=acme,
        prompt=one,
        number=9,
        type="text",
        body=content.body,
        checksum=content.checksum,
        digest=content.digest,
        author=by.author,
    )
    first = one.versions.get(number=1)
    promotion.set_tag(Prompt.objects.get(pk=one.pk), "staging", version=first, by=by)
    assert two.head is not None
    assert foreign.head is not None
    assert by.api_key is not None
    return {
        "tenant": acme.pk,
        "other_tenant": other.pk,
        "tenant_slug": acme.slug,
        "alice": by.author.pk,
        "alice_name": by.author.username,
        "bob": bob.pk,
        "eve": eve.author.pk,
        "key": by.api_key.pk,
        "key_id": by.api_key.key_id,
        "namespace": default.pk,
        "agents": agents.pk,
        "other_namespace": hers.pk,
        "prompt": one.pk,
        "two": two.pk,
        "foreign": foreign.pk,
        "first": first.pk,
        "first_digest": first.digest,
        "second": second.pk,
        "second_digest": second.digest,
        "draft": draft.pk,
        "draft_digest": draft.digest,
        "two_head": two.head.pk,
        "two_digest": two.head.digest,
        "foreign_head": foreign.head.pk,
        "foreign_digest": foreign.head.digest,
        **_tiers(default, agents, two, by=by),
    }


def _tiers(default: Namespace, agents: Namespace, two: Prompt, *, by: Actor) -> dict[str, Any]:
    """Budget tiers: of a prompt where nothing is asked for; and where a second person is, one untouched, one that may
    be raised to 100 tokens, one that was, one that may be deleted."""
    used = tiers.create_tier(default, name="used", max_tokens=50, enforcement="block", by=by)
    Prompt.objects.filter(pk=two.pk).update(tier=used)
    made = {
        name: tiers.create_tier(agents, name=name, max_tokens=50, enforcement="block", by=by)
        for name in ("guarded", "agreed", "spent", "doomed")
    }
    one, other = factories.make_user(by.tenant), factories.make_user(by.tenant)
    for name, changes in (("agreed", {"max_tokens": 100}), ("spent", {"max_tokens": 100}), ("doomed", None)):
        asked = PolicyChange(tenant=by.tenant, namespace=agents, changes={"tiers": {str(made[name].pk): changes}})
        asked.requested_by, asked.decided_by, asked.approved = one, other, True
        asked.decided_at = timezone.now()
        asked.save(force_insert=True)
    BudgetTier.objects.filter(pk=made["spent"].pk).update(max_tokens=100, updated_at=timezone.now())
    BudgetTier.objects.filter(pk=made["spent"].pk).update(max_tokens=50)
    return {"used_tier": used.pk, **{f"{name}_tier": tier.pk for name, tier in made.items()}}


@pytest.fixture
def ids(committed: None) -> dict[str, Any]:
    return _ids()


def refusal_of_app(statement: str, ids: dict[str, Any]) -> psycopg.Error:
    """What the serving role is told."""
    with transaction.atomic(), connection.cursor() as cursor, pytest.raises(DatabaseError) as refused:
        cursor.execute(statement, ids)
    cause = refused.value.__cause__
    assert isinstance(cause, psycopg.Error)
    return cause


def refusal_of_owner(statement: str, ids: dict[str, Any]) -> psycopg.Error:
    """What the owner of the tables is told."""
    config = settings.DATABASES["owner"]
    name = connections["default"].settings_dict["NAME"]
    with (
        psycopg.connect(
            host=config["HOST"],
            port=config["PORT"] or 5432,
            user=config["USER"],
            password=config["PASSWORD"],
            dbname=name,
        ) as owner,
        pytest.raises(psycopg.Error) as refused,
    ):
        owner.execute(statement.encode(), ids)
    return refused.value


# ----------------------------------------------------------------------------- statements
#: Every column of a version, and something else to put there.
OTHERWISE = {
    "id": "gen_random_uuid()",
    "tenant_id": "%(other_tenant)s",
    "prompt_id": "%(two)s",
    "number": "77",
    "type": "'chat'",
    "body": "'Another text'",
    "variables": """'{"a": {}}'""",
    "config": """'{"a": 1}'""",
    "checksum": "repeat('0', 64)",
    "digest": "repeat('0', 64)",
    "author_id": "%(bob)s",
    "base_id": "%(second)s",
    "change_note": "'Another note'",
    "validation": """'{"valid": true}'""",
    "metadata": """'{"author": "Mallory"}'""",
    "revision": "revision + 1",
    "sealed_at": "NULL",
    "created_at": "now()",
}


def insert(table: str, **values: str) -> str:
    return " ".join(["INSERT INTO", table, "(", ", ".join(values), ") VALUES (", ", ".join(values.values()), ")"])


def new_version(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "prompt_id": "%(prompt)s",
        "number": "50",
        "type": "'text'",
        "body": "'New'",
        "variables": "'{}'",
        "config": "'{}'",
        "checksum": "encode(sha256('New'), 'hex')",
        "digest": "repeat('1', 64)",
        "author_id": "%(bob)s",
        "change_note": "''",
        "metadata": "'{}'",
        "revision": "1",
        "sealed_at": "now()",
        "created_at": "now()",
    }
    return insert("prompts_promptversion", **{**present, **values})


def new_prompt(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "namespace_id": "%(namespace)s",
        "slug": "'new'",
        "name": "'new'",
        "description": "''",
        "type": "'text'",
        "variables_expected": "'{}'",
        "metadata": "'{}'",
        "last_number": "0",
        "last_sequence": "0",
        "revision": "1",
        "created_at": "now()",
        "updated_at": "now()",
    }
    return insert("prompts_prompt", **{**present, **values})


def new_namespace(**values: str) -> str:
    present = {"id": "gen_random_uuid()", "tenant_id": "%(tenant)s", "slug": "'new'", "name": "'new'"}
    return insert("prompts_namespace", **{**present, "description": "''", "created_at": "now()", **values})


def new_policy(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "namespace_id": "%(namespace)s",
        "number": "2",
        "required_approvals": "0",
        "custom_tags": "'{}'",
        "evaluation_policy": "'{}'",
        "created_at": "now()",
    }
    return insert("prompts_namespacepolicy", **{**present, **values})


def new_tier(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "namespace_id": "%(namespace)s",
        "name": "'new'",
        "max_tokens": "500",
        "enforcement": "'warn'",
        "created_at": "now()",
        "updated_at": "now()",
    }
    return insert("prompts_budgettier", **{**present, **values})


def weaker(tier: str, **columns: str) -> str:
    """A tier of `agents` changed as a decision of two people changes it: its time is later than theirs."""
    changes = ", ".join(f"{column} = {value}" for column, value in {"updated_at": "now()", **columns}.items())
    return f"UPDATE prompts_budgettier SET {changes} WHERE id = %({tier}_tier)s"  # noqa: S608 — from the tables below


def new_tag(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "prompt_id": "%(prompt)s",
        "name": "'draft'",
        "version_id": "%(first)s",
        "digest": "%(first_digest)s",
        "revision": "1",
        "created_at": "now()",
        "updated_at": "now()",
    }
    return insert("prompts_tag", **{**present, **values})


def new_move(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "prompt_id": "%(prompt)s",
        "tag": "'staging'",
        "number": "2",
        "kind": "'set'",
        "reason": "''",
        "decision": "'{}'",
        "at": "now()",
    }
    return insert("prompts_tagmove", **{**present, **values})


def new_contributor(**values: str) -> str:
    present = {"id": "gen_random_uuid()", "tenant_id": "%(tenant)s", "version_id": "%(first)s", "user_id": "%(bob)s"}
    return insert("prompts_contributor", **{**present, **values})


def new_user(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "username": "gen_random_uuid()",
        "password": "''",
        "first_name": "''",
        "last_name": "''",
        "email": "''",
        "is_superuser": "false",
        "is_staff": "false",
        "is_active": "true",
        "is_service": "false",
        "date_joined": "now()",
    }
    return insert("tenants_user", **{**present, **values})


def new_key(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "owner_id": "%(alice)s",
        "name": "'new'",
        "key_id": "'newnewne'",
        "hash": "'new'",
        "scopes": "'{}'",
        "created_at": "now()",
    }
    return insert("tenants_apikey", **{**present, **values})


def new_event(**values: str) -> str:
    present = {
        "id": "gen_random_uuid()",
        "tenant_id": "%(tenant)s",
        "type": "'x'",
        "data": "'{}'",
        "created_at": "now()",
    }
    return insert("audit_outboxevent", **{**present, **values})


def new_entry(**values: str) -> str:
    texts = dict.fromkeys(("actor", "via", "verb", "target", "key_id"), "'x'")
    binaries = dict.fromkeys(("canonical", "prev_hash", "entry_hash", "mac"), "'x'")
    present = {"id": "gen_random_uuid()", "tenant_id": "%(tenant)s", "seq": "1", "at": "now()", "data": "'{}'"}
    return insert("audit_auditentry", **{**present, **texts, **binaries, "second_key_id": "''", **values})


LONG = "repeat('x', 100001)"

#: Refused to both roles, by the constraint or trigger of this name.
FORBIDDEN: dict[str, Row] = {
    **{
        f"a sealed version's {column} changes": (
            f"UPDATE prompts_promptversion SET {column} = {value} WHERE id = %(first)s",  # noqa: S608 — from the table above
            "sealed_versions_never_change",
        )
        for column, value in OTHERWISE.items()
    },
    "a sealed version is deleted": (
        "DELETE FROM prompts_promptversion WHERE id = %(second)s",
        "sealed_versions_never_change",
    ),
    "sealed versions are deleted with others": (
        "DELETE FROM prompts_promptversion WHERE prompt_id = %(prompt)s",
        "sealed_versions_never_change",
    ),
    **{
        f"a draft's {column} changes": (
            f"UPDATE prompts_promptversion SET {column} = {OTHERWISE[column]} WHERE id = %(draft)s",  # noqa: S608
            "sealed_versions_never_change",
        )
        for column in ("id", "tenant_id", "prompt_id", "number", "author_id", "created_at")
    },
    "a draft's text changes without its checksum": (
        "UPDATE prompts_promptversion SET body = 'Other' WHERE id = %(draft)s",
        "checksum_is_of_the_text",
    ),
    "a draft becomes a chat": (
        "UPDATE prompts_promptversion SET type = 'chat' WHERE id = %(draft)s",
        "version_of_its_prompt",
    ),
    "a checksum is another text's": (new_version(checksum="encode(sha256('Old'), 'hex')"), "checksum_is_of_the_text"),
    "a checksum is written in capitals": (
        new_version(checksum="upper(encode(sha256('New'), 'hex'))"),
        "checksum_is_of_the_text",
    ),
    "a text is empty": (
        new_version(body="''", checksum="encode(sha256(''), 'hex')"),
        "version_text_has_its_length",
    ),
    "a text is too long": (
        new_version(body=LONG, checksum=f"encode(sha256(convert_to({LONG}, 'UTF8')), 'hex')"),
        "version_text_has_its_length",
    ),
    "a number is taken twice": (new_version(number="2"), "one_version_per_number"),
    "a version has the number 0": (new_version(number="0"), "version_numbers_start_at_1"),
    "a version is of another type than its prompt": (new_version(type="'chat'"), "version_of_its_prompt"),
    "a version is of another tenant than its prompt": (
        new_version(tenant_id="%(other_tenant)s"),
        "version_of_its_prompt",
    ),
    "a version is of no prompt": (new_version(prompt_id="gen_random_uuid()"), "version_of_its_prompt"),
    "a version's base is another prompt's": (new_version(base_id="%(two_head)s"), "version_base_of_its_prompt"),
    "an author has two drafts of a prompt": (
        new_version(author_id="%(alice)s", sealed_at="NULL"),
        "one_open_draft_per_author",
    ),
    "a prompt's slug changes": (
        "UPDATE prompts_prompt SET slug = 'other' WHERE id = %(prompt)s",
        "prompt_identity_is_fixed",
    ),
    "a prompt's namespace changes": (
        "UPDATE prompts_prompt SET namespace_id = %(agents)s WHERE id = %(prompt)s",
        "prompt_identity_is_fixed",
    ),
    "a prompt's type changes": (
        "UPDATE prompts_prompt SET type = 'chat' WHERE id = %(prompt)s",
        "prompt_identity_is_fixed",
    ),
    "a prompt changes its tenant": (
        "UPDATE prompts_prompt SET tenant_id = %(other_tenant)s WHERE id = %(prompt)s",
        "prompt_identity_is_fixed",
    ),
    "a prompt's id changes": (
        "UPDATE prompts_prompt SET id = gen_random_uuid() WHERE id = %(prompt)s",
        "prompt_identity_is_fixed",
    ),
    "a prompt with versions is deleted": ("DELETE FROM prompts_prompt WHERE id = %(two)s", "version_of_its_prompt"),
    "a prompt shows another prompt's version": (
        "UPDATE prompts_prompt SET head_id = %(two_head)s WHERE id = %(prompt)s",
        "prompt_head_is_its_version",
    ),
    "a prompt shows another tenant's version": (
        "UPDATE prompts_prompt SET head_id = %(foreign_head)s WHERE id = %(prompt)s",
        "prompt_head_is_its_version",
    ),
    "a prompt has a tier of another namespace": (
        "UPDATE prompts_prompt SET tier_id = %(agreed_tier)s WHERE id = %(prompt)s",
        "prompt_tier_of_its_namespace",
    ),
    "a new prompt has a tier of another namespace": (
        new_prompt(tier_id="%(agreed_tier)s"),
        "prompt_tier_of_its_namespace",
    ),
    "a prompt of another tenant has the tier": (
        "UPDATE prompts_prompt SET tier_id = %(used_tier)s WHERE id = %(foreign)s",
        "prompt_tier_of_its_namespace",
    ),
    "a prompt has a tier that is none": (
        "UPDATE prompts_prompt SET tier_id = gen_random_uuid() WHERE id = %(prompt)s",
        "prompt_tier_of_its_namespace",
    ),
    "a tier that a prompt has is deleted": (
        "DELETE FROM prompts_budgettier WHERE id = %(used_tier)s",
        "prompt_tier_of_its_namespace",
    ),
    "a tier's name is taken twice": (new_tier(name="'used'"), "one_tier_per_name"),
    "a tier takes another's name": (weaker("agreed", name="'guarded'"), "one_tier_per_name"),
    "a tier allows no tokens": (new_tier(max_tokens="0"), "tiers_allow_some_tokens"),
    "a tier allows more tokens than there are": (new_tier(max_tokens="10000001"), "tiers_allow_some_tokens"),
    "a tier comes to allow no tokens": (weaker("guarded", max_tokens="-1"), "tiers_allow_some_tokens"),
    "a tier neither warns nor blocks": (new_tier(enforcement="'off'"), "tiers_warn_or_block"),
    "a tier stands in another tenant": (new_tier(tenant_id="%(other_tenant)s"), "tier_in_tenant"),
    "a tier stands in another tenant's namespace": (new_tier(namespace_id="%(other_namespace)s"), "tier_in_tenant"),
    **{
        f"a tier's {column} changes": (weaker("used", **{column: value}), "tier_identity_is_fixed")
        for column, value in {
            "id": "gen_random_uuid()",
            "tenant_id": "%(other_tenant)s",
            "namespace_id": "%(agents)s",
            "created_at": "now()",
        }.items()
    },
    "a guarded tier goes to where nothing is asked for": (
        weaker("guarded", namespace_id="%(namespace)s"),
        "tier_identity_is_fixed",
    ),
    **{
        f"one person alone: {what}": (statement, "weaker_tiers_have_four_eyes")
        for what, statement in {
            "a tier allows more": weaker("guarded", max_tokens="51"),
            "a tier allows more under another name": weaker("guarded", max_tokens="51", name="'other'"),
            "a tier warns, and allows less": weaker("guarded", enforcement="'warn'", max_tokens="1"),
            "a tier is older than it was": weaker("guarded", updated_at="now() - interval '1 day'"),
            "a tier is deleted": "DELETE FROM prompts_budgettier WHERE id = %(guarded_tier)s",
            "all tiers are deleted": "DELETE FROM prompts_budgettier WHERE namespace_id = %(agents)s",
            "more than was agreed on": weaker("agreed", max_tokens="101"),
            "something else than was agreed on": weaker("agreed", enforcement="'warn'"),
            "something else beside what was agreed on": weaker("agreed", enforcement="'warn'", max_tokens="100"),
            "another tier than was agreed on": weaker("guarded", max_tokens="100"),
            "deleted, where more tokens were agreed on": "DELETE FROM prompts_budgettier WHERE id = %(agreed_tier)s",
            "what was agreed on, without its time": weaker("agreed", max_tokens="100", updated_at="updated_at"),
            "what was agreed on, a second time": weaker("spent", max_tokens="100"),
            "changed, where its deletion was agreed on": weaker("doomed", max_tokens="51"),
        }.items()
    },
    "a slug is taken twice in a namespace": (new_prompt(slug="'one'"), "one_prompt_per_slug"),
    "a slug has capitals": (new_prompt(slug="'One'"), "prompt_slug_is_plain"),
    "a slug has a second line": (new_prompt(slug="E'one\\n'"), "prompt_slug_is_plain"),
    "a prompt is of no known type": (new_prompt(type="'html'"), "prompt_type_is_known"),
    "a prompt is in another tenant's namespace": (
        new_prompt(namespace_id="%(other_namespace)s"),
        "prompt_in_namespace",
    ),
    "a namespace's slug changes": (
        "UPDATE prompts_namespace SET slug = 'other' WHERE id = %(namespace)s",
        "namespace_slug_is_fixed",
    ),
    "a namespace changes its tenant": (
        "UPDATE prompts_namespace SET tenant_id = %(other_tenant)s WHERE id = %(agents)s",
        "namespace_slug_is_fixed",
    ),
    "a namespace's slug is taken twice": (new_namespace(slug="'agents'"), "one_namespace_per_slug"),
    "a namespace's slug begins with a hyphen": (new_namespace(slug="'-a'"), "namespace_slug_is_plain"),
    "a namespace with a policy is deleted": ("DELETE FROM prompts_namespace WHERE id = %(agents)s", "policy_in_tenant"),
    "a policy's number is taken twice": (new_policy(number="1"), "policies_follow_each_other"),
    "six approvals are required": (new_policy(required_approvals="6"), "approvals_between_0_and_5"),
    "a policy is of another tenant": (new_policy(tenant_id="%(other_tenant)s"), "policy_in_tenant"),
    "a tag points at another prompt's version": (
        new_tag(version_id="%(two_head)s", digest="%(two_digest)s"),
        "tag_on_a_version_of_its_prompt",
    ),
    "a tag points at another tenant's version": (
        new_tag(version_id="%(foreign_head)s", digest="%(foreign_digest)s"),
        "tag_on_a_version_of_its_prompt",
    ),
    "a tag stands in another tenant": (new_tag(tenant_id="%(other_tenant)s"), "tag_on_a_version_of_its_prompt"),
    "a tag holds another digest": (new_tag(digest="%(second_digest)s"), "tag_on_a_version_of_its_prompt"),
    "a tag points at a draft": (
        new_tag(version_id="%(draft)s", digest="%(draft_digest)s"),
        "tags_point_at_sealed_versions",
    ),
    "a tag moves to a draft": (
        "UPDATE prompts_tag SET version_id = %(draft)s, digest = %(draft_digest)s WHERE prompt_id = %(prompt)s",
        "tags_point_at_sealed_versions",
    ),
    "a tag moves to another prompt's version": (
        "UPDATE prompts_tag SET version_id = %(two_head)s, digest = %(two_digest)s WHERE prompt_id = %(prompt)s",
        "tag_on_a_version_of_its_prompt",
    ),
    "a tag moves without its digest": (
        "UPDATE prompts_tag SET version_id = %(second)s WHERE prompt_id = %(prompt)s",
        "tag_on_a_version_of_its_prompt",
    ),
    "a name points at two versions": (
        new_tag(name="'staging'", version_id="%(second)s", digest="%(second_digest)s"),
        "one_version_per_tag",
    ),
    "a move's number is taken twice": (new_move(number="1", new_id="%(second)s"), "one_tag_move_per_number"),
    "a move is from another prompt's version": (new_move(old_id="%(two_head)s"), "tag_move_of_its_prompt"),
    "a move is to another prompt's version": (new_move(new_id="%(two_head)s"), "tag_move_to_its_prompt"),
    "a move is to another tenant's version": (new_move(new_id="%(foreign_head)s"), "tag_move_to_its_prompt"),
    "a contributor is somebody else": (
        "UPDATE prompts_contributor SET user_id = %(bob)s WHERE version_id = %(first)s",
        "contributors_stay",
    ),
    "a contributor is of another version": (
        "UPDATE prompts_contributor SET version_id = %(draft)s WHERE version_id = %(first)s",
        "contributors_stay",
    ),
    "a contributor is forgotten": ("DELETE FROM prompts_contributor WHERE version_id = %(first)s", "contributors_stay"),
    "a contributor stands twice": (new_contributor(user_id="%(alice)s"), "one_contribution_per_user"),
    "a contributor stands in another tenant": (
        new_contributor(tenant_id="%(other_tenant)s"),
        "contributor_in_tenant",
    ),
    "an entry's number is taken twice": (new_entry(), "one_audit_entry_per_seq"),
    "a prompt's event has the number of another": (
        new_event(prompt_id="%(prompt)s", sequence="1"),
        "one_event_per_prompt_sequence",
    ),
    "a tenant's slug is taken twice": (
        insert(
            "tenants_tenant",
            id="gen_random_uuid()",
            slug="%(tenant_slug)s",
            name="'x'",
            is_suspended="false",
            generation="1",
            created_at="now()",
        ),
        "one_tenant_per_slug",
    ),
    "a tenant's slug has a space": (
        "UPDATE tenants_tenant SET slug = 'a b' WHERE id = %(tenant)s",
        "tenant_slug_is_plain",
    ),
    "a username is taken twice": (new_user(username="%(alice_name)s"), "tenants_user_username_key"),
    "a service account has no owner": (new_user(is_service="true"), "service_accounts_have_an_owner"),
    "a person has an owner": (new_user(owner_id="%(alice)s"), "service_accounts_have_an_owner"),
    "a service account is in the console": (
        new_user(is_service="true", owner_id="%(alice)s", is_staff="true"),
        "service_accounts_have_no_console",
    ),
    "a tenant's member is a superuser": (new_user(is_superuser="true"), "superusers_belong_to_no_tenant"),
    "a service account's owner is of another tenant": (
        new_user(is_service="true", owner_id="%(eve)s"),
        "user_owner_in_tenant",
    ),
    "a member with keys changes the tenant": (
        "UPDATE tenants_user SET tenant_id = %(other_tenant)s WHERE id = %(alice)s",
        "key_owner_in_tenant",
    ),
    "a key's owner is of another tenant": (new_key(owner_id="%(eve)s"), "key_owner_in_tenant"),
    "a key's id is taken twice": (new_key(key_id="%(key_id)s"), "one_key_per_key_id"),
    "two keys have one hash": (
        (
            "INSERT INTO tenants_apikey (id, tenant_id, owner_id, name, key_id, hash, scopes, created_at) "
            "SELECT gen_random_uuid(), tenant_id, owner_id, name, 'newnewne', hash, scopes, created_at "
            "FROM tenants_apikey WHERE id = %(key)s"
        ),
        "one_key_per_hash",
    ),
    "a key expires before it is made": (
        new_key(expires_at="now() - interval '1 second'"),
        "key_expires_after_its_making",
    ),
}

#: Refused to the serving role by a right it has not, and to the owner by the trigger of this name, or by any
#: that has a sentence where several would do.
KEPT: dict[str, Row] = {
    "a move changes": ("UPDATE prompts_tagmove SET reason = 'other'", "tag_moves_are_append_only"),
    "a move is deleted": ("DELETE FROM prompts_tagmove", "tag_moves_are_append_only"),
    "moves are truncated": ("TRUNCATE prompts_tagmove CASCADE", ""),
    "a policy changes": ("UPDATE prompts_namespacepolicy SET required_approvals = 0", "policies_are_append_only"),
    "a policy is deleted": ("DELETE FROM prompts_namespacepolicy", "policies_are_append_only"),
    "policies are truncated": ("TRUNCATE prompts_namespacepolicy", "policies_are_append_only"),
    "an entry changes": ("UPDATE audit_auditentry SET verb = 'x'", "audit_entries_are_append_only"),
    "no entry changes": ("UPDATE audit_auditentry SET verb = 'x' WHERE false", "audit_entries_are_append_only"),
    "an entry is deleted": ("DELETE FROM audit_auditentry", "audit_entries_are_append_only"),
    "entries are truncated": ("TRUNCATE audit_auditentry", "audit_entries_are_append_only"),
    "versions are truncated": ("TRUNCATE prompts_promptversion CASCADE", ""),
    "prompts are truncated with all that hangs on them": ("TRUNCATE prompts_prompt CASCADE", ""),
    "contributors are truncated": ("TRUNCATE prompts_contributor", ""),
    "tiers are truncated": ("TRUNCATE prompts_budgettier CASCADE", ""),
}


@pytest.mark.parametrize(("statement", "constraint"), FORBIDDEN.values(), ids=list(FORBIDDEN))
def test_neither_role_may(ids: dict[str, Any], statement: str, constraint: str) -> None:
    for refusal_of in (refusal_of_app, refusal_of_owner):
        refusal = refusal_of(statement, ids)
        assert refusal.diag.constraint_name == constraint, refusal
    assert constraint in errors.named_constraints()


@pytest.mark.parametrize(("statement", "constraint"), KEPT.values(), ids=list(KEPT))
def test_the_serving_role_has_no_right_and_the_owner_no_way_to(
    ids: dict[str, Any], statement: str, constraint: str
) -> None:
    assert refusal_of_app(statement, ids).sqlstate == NO_RIGHT
    name = refusal_of_owner(statement, ids).diag.constraint_name
    assert name in ({constraint} if constraint else errors.named_constraints())


@pytest.mark.parametrize(
    "statement",
    [
        weaker("agreed", max_tokens="100"),
        weaker("guarded", max_tokens="49"),
        "DELETE FROM prompts_budgettier WHERE id = %(doomed_tier)s",
        weaker("used", max_tokens="51", enforcement="'warn'"),
    ],
    ids=["as agreed on", "stricter", "deleted as agreed on", "where nothing is asked for"],
)
def test_a_tier_may_be_changed(ids: dict[str, Any], statement: str) -> None:
    """What is refused above is refused for what it is."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, ids)
        assert cursor.rowcount == 1
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE prompts_promptversion DISABLE TRIGGER ALL",
        "ALTER TABLE prompts_budgettier DISABLE TRIGGER weaker_tiers_have_four_eyes",
        "ALTER TABLE audit_auditentry DISABLE TRIGGER audit_entries_are_append_only",
        "DROP TRIGGER sealed_versions_never_change ON prompts_promptversion",
        "ALTER TABLE prompts_tag DROP CONSTRAINT tag_on_a_version_of_its_prompt",
        "CREATE OR REPLACE FUNCTION pvc_refuse() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
        "DROP TABLE prompts_tagmove",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE audit_auditentry OWNER TO CURRENT_USER",
        "SET session_replication_role = replica",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'y', now())",
    ],
)
def test_the_serving_role_cannot_change_the_rules(ids: dict[str, Any], statement: str) -> None:
    assert refusal_of_app(statement, ids).sqlstate == NO_RIGHT


def test_the_owner_cannot_switch_triggers_off_for_a_session(ids: dict[str, Any]) -> None:
    assert refusal_of_owner("SET session_replication_role = replica", ids).sqlstate == NO_RIGHT


def test_a_move_without_versions_still_belongs_to_a_prompt_of_its_tenant(ids: dict[str, Any]) -> None:
    for prompt in ("%(foreign)s", "gen_random_uuid()"):
        refusal = refusal_of_app(new_move(prompt_id=prompt), ids)
        assert refusal.diag.constraint_name in errors.named_constraints()


def test_every_column_of_a_sealed_version_was_tried() -> None:
    assert {field.column for field in PromptVersion._meta.concrete_fields} == set(OTHERWISE)


def test_the_serving_role_owns_nothing_and_is_no_superuser(committed: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_class WHERE relowner = r.oid) "
            "+ (SELECT count(*) FROM pg_proc WHERE proowner = r.oid), "
            "r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls OR r.rolreplication, "
            "(SELECT count(*) FROM pg_auth_members WHERE member = r.oid) "
            "FROM pg_roles r WHERE r.rolname = current_user"
        )
        assert cursor.fetchone() == (0, False, 0)


# ----------------------------------------------------------------------------- every truth has a sentence
OURS = "^(tenants|audit|prompts|evaluations|deployments|webhooks)_"


def present_names(*, but_automatic: bool) -> set[str]:
    """The names of all constraints, unique indexes and triggers on our tables, as `table: name`.

    `but_automatic` leaves out what Django names by a hash: foreign keys of one column, and the pairs of its
    own tables of groups and permissions.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT conrelid::regclass::text, conname FROM pg_constraint
             WHERE contype IN ('c', 'u', 'x', 'f') AND conrelid::regclass::text ~ %(ours)s
               AND NOT (%(but_automatic)s AND conname ~ '_[0-9a-f]{8}_(fk_|uniq$)')
            UNION ALL
            SELECT indrelid::regclass::text, indexrelid::regclass::text FROM pg_index
             WHERE indisunique AND indrelid::regclass::text ~ %(ours)s
               AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
            UNION ALL
            SELECT tgrelid::regclass::text, tgname FROM pg_trigger
             WHERE NOT tgisinternal AND tgrelid::regclass::text ~ %(ours)s
            """,
            {"ours": OURS, "but_automatic": but_automatic},
        )
        return {f"{table}: {name}" for table, name in cursor.fetchall()}


def test_every_constraint_trigger_and_unique_index_has_a_sentence(committed: None) -> None:
    named = errors.named_constraints()
    unnamed = sorted(each for each in present_names(but_automatic=True) if each.partition(": ")[2] not in named)
    assert not unnamed, unnamed


def refused_inside_functions() -> set[str]:
    """What our trigger functions refuse under a name of its own."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE prosrc LIKE '%%integrity_constraint_violation%%'")
        return {name for (source,) in cursor.fetchall() for name in re.findall(r"CONSTRAINT = '(\w+)'", source)}


def test_whatever_a_trigger_refuses_has_a_sentence(committed: None) -> None:
    assert refused_inside_functions() - errors.named_constraints() == set()


def test_every_sentence_is_of_something_that_exists(committed: None) -> None:
    existing = {each.partition(": ")[2] for each in present_names(but_automatic=False)}
    assert errors.named_constraints() - existing - refused_inside_functions() == set()
