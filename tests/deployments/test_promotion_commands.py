"""manage.py promote, rollback, approve, pending_approvals."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from deployments.actions import promotion
from prompts.actions import namespaces
from prompts.models import Prompt, PromptVersion
from tenants.models import Actor, Tenant
from tests import factories


@pytest.fixture
def versions(acme: Tenant, alice: Actor, bob: Actor) -> list[PromptVersion]:
    """Two versions by alice in a namespace that asks for one approval."""
    namespace = namespaces.create_namespace("guarded", name="Guarded", by=Actor.command(acme))
    prompt = factories.make_prompt(namespace, slug="support", body="Text 1", by=alice)
    return [prompt.versions.get(), factories.make_version(prompt, "Text 2", by=alice)]


def run(name: str, *arguments: str) -> Any:
    out = StringIO()
    call_command(name, *arguments, "--tenant", "acme", "--json", stdout=out)
    return json.loads(out.getvalue())


def live(prompt: Prompt) -> int | None:
    found = PromptVersion.objects.in_production_of(prompt).first()
    return found.number if found else None


def test_a_version_is_found_waiting_approved_and_gone_back_from(versions: list[PromptVersion], alice: Actor) -> None:
    for version in versions:
        promotion.promote_pre_prod(version, by=alice)
        (waiting,) = run("pending_approvals")
        assert (waiting["prompt"], waiting["number"], waiting["approvalsNeeded"]) == (
            "guarded:support",
            version.number,
            1,
        )
        done = run("approve", "guarded:support", str(version.number), "--digest", version.digest, "--as", "bob")
        assert done == {"prompt": "guarded:support", "number": version.number, "activated": True, "unmet": []}
    assert run("pending_approvals") == []
    back = run("rollback", "guarded:support", "--as", "bob", "--reason", "complaints")
    assert back == {"prompt": "guarded:support", "fromNumber": 2, "number": 1}
    assert live(versions[0].prompt) == 1


def test_promote_asks_the_policy_as_every_door_does(versions: list[PromptVersion], alice: Actor) -> None:
    promotion.promote_pre_prod(versions[1], by=alice)
    for arguments in ([], ["--version-number", "1"]):
        with pytest.raises(CommandError, match=r"1 of 1 approvals is missing.*PROMOTION_BLOCKED"):
            run("promote", "guarded:support", "--as", "bob", *arguments)
    factories.change_policy(versions[0].prompt.namespace, required_approvals=0)
    assert run("promote", "guarded:support", "--as", "bob")["number"] == 2
    assert run("promote", "guarded:support", "--as", "bob", "--version-number", "1")["number"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["approve", "guarded:support", "2", "--as", "alice"], "alice does not hold prompts:approve"),
        (["approve", "guarded:support", "9", "--as", "bob"], "There is no version 9 of support"),
        (["approve", "guarded:nothing", "1", "--as", "bob"], "There is no prompt guarded:nothing"),
        (["rollback", "guarded:support", "--as", "bob"], "NO_PRODUCTION"),
        (["promote", "guarded:support", "--as", "bob"], "NO_STAGING"),
        (["promote", "guarded:support", "--as", "nobody"], "There is no user nobody"),
    ],
)
def test_what_cannot_be_done_is_said(versions: list[PromptVersion], arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)
    assert live(versions[0].prompt) is None


def test_nobody_approves_their_own_on_the_command_line(versions: list[PromptVersion], bob: Actor) -> None:
    own = factories.make_version(versions[0].prompt, "Bob's", by=bob)
    promotion.promote_pre_prod(own, by=bob)
    with pytest.raises(CommandError, match="OWN_VERSION"):
        run("approve", "guarded:support", str(own.number), "--as", "bob")
