"""The four groups, and exactly what each allows."""

import pytest
from django.contrib.auth.models import Group

from pvc.errors import Invalid
from tenants.models import Actor, Tenant
from tenants.scopes import GROUPS, SCOPES, scopes_of
from tests import factories

ALL = {
    "prompts:read",
    "prompts:write",
    "prompts:promote",
    "prompts:approve",
    "prompts:override",
    "evaluations:write",
    "metrics:write",
    "deployments:write",
    "webhooks:write",
    "audit:read",
    "admin",
    "gateway",
}
AUTHOR = {"prompts:read", "prompts:write", "evaluations:write", "deployments:write", "metrics:write"}
ALLOWED = {
    "Author": AUTHOR,
    "Reviewer": AUTHOR | {"prompts:promote", "prompts:approve"},
    "Operator": {
        "prompts:read",
        "prompts:promote",
        "prompts:override",
        "webhooks:write",
        "deployments:write",
        "audit:read",
    },
    "Administrator": ALL - {"gateway"},
}


def test_the_scopes_are_those_of_the_contract() -> None:
    assert set(SCOPES) == ALL


def test_the_migration_makes_exactly_these_groups(db: None) -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(ALLOWED) == set(GROUPS)
    assert not Group.objects.filter(permissions__isnull=False).exists()


@pytest.mark.parametrize("group", ALLOWED)
def test_a_group_allows_exactly_this(acme: Tenant, group: str) -> None:
    assert factories.make_user(acme, "carol", group).scopes == ALLOWED[group]


def test_the_rights_of_several_groups_add_up(acme: Tenant) -> None:
    user = factories.make_user(acme, "carol", "Author", "Operator")
    assert user.scopes == ALLOWED["Author"] | ALLOWED["Operator"]


def test_a_group_of_another_name_allows_nothing(alice: Actor) -> None:
    alice.author.groups.set([Group.objects.create(name="author"), Group.objects.create(name="gateway")])
    assert alice.author.scopes == frozenset()
    assert scopes_of(["author", "Root"]) == frozenset()


def test_who_is_not_active_may_nothing(alice: Actor) -> None:
    alice.author.is_active = False
    assert alice.author.scopes == frozenset()


@pytest.mark.parametrize("group", ["author", "Root", ""])
def test_an_unknown_group_is_refused(acme: Tenant, group: str) -> None:
    with pytest.raises(Invalid, match="Unknown group"):
        factories.make_user(acme, "carol", group)
