"""Reviewing in the console: what the page says, and what its buttons do and refuse."""

import time
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from audit.models import AuditEntry
from deployments.actions import promotion
from prompts.actions import drafts, namespaces
from prompts.models import Namespace, Prompt, PromptVersion
from tenants.console import FRESH_SECONDS
from tenants.models import Actor, Tenant, User
from tests import factories
from tests.console.routes import logged_in

OLD = "You help customers.\nBe polite.\nNever promise refunds.\nAnswer {{ question }}"
NEW = "You help customers.\nBe polite and short.\nPromise refunds.\nAnswer {{ question }}"
PASSWORD = "blue-otters-eat-plums"


@pytest.fixture
def guarded(acme: Tenant, admin: Actor) -> Namespace:
    return namespaces.create_namespace("guarded", name="Guarded", required_approvals=0, by=admin)


@pytest.fixture
def prompt(guarded: Namespace, alice: Actor, bob: Actor) -> Prompt:
    """Version 1 is live, version 2 by alice waits for one approval."""
    prompt = factories.make_prompt(guarded, by=alice, slug="support", body=OLD)
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=bob)
    factories.change_policy(guarded, required_approvals=1, custom_tags=["pilot"])
    promotion.promote_pre_prod(factories.make_version(prompt, NEW, by=alice), by=alice)
    return prompt


def version(prompt: Prompt, number: int) -> PromptVersion:
    return prompt.versions.get(number=number)


def address(prompt: Prompt, number: int, name: str = "review") -> str:
    return reverse(f"console:{name}", args=[version(prompt, number).pk])


def live(prompt: Prompt) -> int:
    return prompt.versions.in_production_of(prompt).get().number


def press(browser: Browser, prompt: Prompt, number: int, name: str, **fields: str) -> str:
    """Press a button on a version's page; gives what the next page says."""
    page = address(prompt, number)
    sent = {"digest": version(prompt, number).digest, **fields}
    answer = browser.post(address(prompt, number, name), sent, headers={"referer": f"http://testserver{page}"})
    assert answer.status_code == 302, answer.content
    return told(browser, answer["Location"])


def told(browser: Browser, page: str) -> str:
    """The messages on a page."""
    return " ".join(str(each) for each in browser.get(page).context["messages"])


# ----------------------------------------------------------------------------- what is shown
def test_the_page_shows_what_a_reviewer_has_to_know(prompt: Prompt, bob: Actor) -> None:
    page = logged_in(bob).get(address(prompt, 2)).content.decode()
    for expected in (
        "and short</ins>",
        "<del>Never",
        "Changes since version 1, which is live",
        "1 of 1 approvals is missing.",
        "alice",
        version(prompt, 2).digest,
        "Approve version 2",
    ):
        assert expected in page, expected


@pytest.mark.parametrize("view", ["split", "unified"])
def test_against_any_other_version_in_either_view(prompt: Prompt, bob: Actor, alice: Actor, view: str) -> None:
    factories.make_version(prompt, "Something else altogether.", by=alice)
    page = logged_in(bob).get(address(prompt, 2) + f"?against=3&view={view}").content.decode()
    assert "Changes since version 3" in page
    assert f'class="pv-diff {view}"' in page
    assert "Something else altogether." in page


@pytest.mark.parametrize("against", ["", "0", "99", "x", "2", "-1", "9" * 30, "٣"])
def test_an_address_that_names_no_other_version_is_answered(prompt: Prompt, bob: Actor, against: str) -> None:
    assert logged_in(bob).get(address(prompt, 2), {"against": against, "view": "?"}).status_code == 200


def test_long_unchanged_stretches_are_folded(guarded: Namespace, alice: Actor) -> None:
    lines = [f"Line {number}" for number in range(60)]
    prompt = factories.make_prompt(guarded, by=alice, body="\n".join(lines))
    lines[30] = "Another line"
    factories.make_version(prompt, "\n".join(lines), by=alice)
    table = logged_in(alice).get(address(prompt, 2)).context["table"]
    assert [(len(each.rows), each.is_folded) for each in table.groups if each.is_folded] == [(27, True), (26, True)]


def test_whoever_may_not_decide_sees_no_such_button(prompt: Prompt, alice: Actor) -> None:
    page = logged_in(alice).get(address(prompt, 2)).content.decode()
    assert "Approve version 2" not in page


def test_somebody_elses_draft_is_not_there(prompt: Prompt, alice: Actor, bob: Actor) -> None:
    draft = drafts.create_draft(prompt, version(prompt, 1).served, base=None, by=alice)
    mine, theirs = logged_in(alice), logged_in(bob)
    assert mine.get(reverse("console:review", args=[draft.pk])).status_code == 200
    assert theirs.get(reverse("console:review", args=[draft.pk])).status_code == 404


# ----------------------------------------------------------------------------- buttons
def test_a_second_person_approves_and_it_goes_live(prompt: Prompt, bob: Actor) -> None:
    assert press(logged_in(bob), prompt, 2, "approve", comment="fine") == "Version 2 is approved and live."
    assert live(prompt) == 2
    entry = AuditEntry.objects.filter(verb="version.approved").latest("seq")
    assert (entry.actor, entry.via, entry.data["comment"]) == ("bob", "console", "fine")


def test_the_author_is_refused_in_words_and_the_log_keeps_it(prompt: Prompt, alice: Actor) -> None:
    alice.author.groups.set([])
    alice.author.groups.add(*bobs_groups())
    said = press(logged_in(alice), prompt, 2, "approve")
    assert said == "Whoever had a hand in a version cannot decide on it."
    assert live(prompt) == 1
    assert AuditEntry.objects.filter(verb="version.approved.denied", actor="alice", via="console").exists()


@pytest.mark.parametrize(
    ("name", "verb"),
    [("approve", "version.approved"), ("promote", "tag.moved"), ("override", "promotion.overridden")],
)
def test_whom_the_door_refuses_stands_in_the_prompts_log(prompt: Prompt, alice: Actor, name: str, verb: str) -> None:
    assert logged_in(alice).post(address(prompt, 2, name)).status_code == 403
    entry = AuditEntry.objects.get(verb=f"{verb}.denied")
    assert (entry.actor, entry.via, entry.target) == ("alice", "console", str(version(prompt, 2).pk))
    assert entry.prompt_id == prompt.pk


def bobs_groups() -> Any:
    return User.objects.get(username="bob").groups.all()


def test_a_no_needs_a_reason_and_is_final(prompt: Prompt, bob: Actor) -> None:
    browser = logged_in(bob)
    assert press(browser, prompt, 2, "reject", reason="").startswith("reason: ")
    assert version(prompt, 2).status == "pre_prod"
    assert "is rejected" in press(browser, prompt, 2, "reject", reason="it promises refunds")
    assert version(prompt, 2).status == "rejected"


def test_without_approval_nothing_is_promoted(prompt: Prompt, bob: Actor) -> None:
    said = press(logged_in(bob), prompt, 2, "promote")
    assert said == "1 of 1 approvals is missing. Nothing was changed."
    assert live(prompt) == 1


def test_an_override_says_why(prompt: Prompt, admin: Actor) -> None:
    browser = logged_in(admin)
    assert "10 characters or more" in press(browser, prompt, 2, "override", reason="because")
    assert live(prompt) == 1
    assert "by an override" in press(browser, prompt, 2, "override", reason="customers are being insulted")
    assert live(prompt) == 2


def test_another_content_than_the_one_looked_at_is_not_decided_on(prompt: Prompt, bob: Actor) -> None:
    said = press(logged_in(bob), prompt, 2, "approve", digest="0" * 64)
    assert said == "Version 2 has another content than the one you looked at."
    assert live(prompt) == 1


@pytest.mark.parametrize(
    ("tag", "said"),
    [("pilot", "pilot points at version 1."), ("production", "tag: Production is moved by promoting a version.")],
)
def test_an_author_sets_tags_but_not_production(guarded: Namespace, alice: Actor, tag: str, said: str) -> None:
    """Where no approval is asked for, the right to promote is what keeps an author from it."""
    factories.change_policy(guarded, required_approvals=0, custom_tags=["pilot"])
    prompt = factories.make_prompt(guarded, by=alice)
    assert press(logged_in(alice), prompt, 1, "set-tag", tag=tag) == said
    assert prompt.tags.filter(name=tag).exists() == (tag == "pilot")


def test_going_back_is_shown_before_it_is_done(prompt: Prompt, bob: Actor, alice: Actor) -> None:
    browser = logged_in(bob)
    promotion.approve(version(prompt, 2), by=bob)
    page = reverse("console:back-to", args=[prompt.pk, 1])
    factories.change_policy(prompt.namespace, required_approvals=0)
    shown = browser.get(page).content.decode()
    assert "Never promise refunds." in shown.replace("<ins>", "").replace("</ins>", "")
    sent = {"digest": version(prompt, 1).digest, "reason": "it promised refunds"}
    answer = browser.post(reverse("console:rollback", args=[prompt.pk]), sent)
    assert told(browser, answer["Location"]) == "Version 1 is live again."
    assert live(prompt) == 1


def test_what_was_live_before_leads_back_to_itself(prompt: Prompt, bob: Actor) -> None:
    promotion.approve(version(prompt, 2), by=bob)
    back = reverse("console:back-to", args=[prompt.pk, 1])
    assert back in logged_in(bob).get(address(prompt, 1)).content.decode()
    assert back not in logged_in(bob).get(address(prompt, 2)).content.decode()


# ----------------------------------------------------------------------------- the password, asked again
@pytest.fixture
def old_login(bob: Actor, settings: Any) -> Browser:
    """Bob's browser, an hour and a second after he logged in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = bob.author
    user.set_password(PASSWORD)
    user.save()
    browser = logged_in(bob)
    session = browser.session
    session["password_at"] = int(time.time()) - FRESH_SECONDS - 1
    session.save()
    return browser


def test_after_an_hour_the_form_asks_for_the_password(prompt: Prompt, old_login: Browser) -> None:
    assert 'name="password"' in old_login.get(address(prompt, 2)).content.decode()


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper()])
def test_without_the_password_nothing_is_decided(prompt: Prompt, old_login: Browser, password: str) -> None:
    said = press(old_login, prompt, 2, "approve", password=password)
    assert "Nothing was changed." in said
    assert live(prompt) == 1


def test_the_password_is_asked_once_an_hour(prompt: Prompt, old_login: Browser) -> None:
    assert press(old_login, prompt, 2, "approve", password=PASSWORD) == "Version 2 is approved and live."
    assert 'name="password"' not in old_login.get(address(prompt, 2)).content.decode()


# ----------------------------------------------------------------------------- platform staff
def test_platform_staff_choose_a_tenant_look_and_decide_nothing(prompt: Prompt, acme: Tenant) -> None:
    user = User.objects.create(username="staff", tenant=None, is_staff=True, is_superuser=True)
    browser = Browser()
    browser.force_login(user, backend="tenants.console.ConsoleBackend")
    assert browser.get(address(prompt, 2))["Location"] == reverse("console:tenants")
    assert b"acme" in browser.get(reverse("console:tenants")).content
    browser.post(reverse("console:choose-tenant", args=[acme.pk]))
    assert browser.get(address(prompt, 2)).status_code == 200
    assert browser.post(address(prompt, 2, "approve")).status_code == 403
    assert live(prompt) == 1
