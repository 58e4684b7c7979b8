"""A reviewer's day in a real browser: found at home, read, approved; refused in words; gone back from."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from deployments.actions import promotion
from prompts.actions import drafts
from prompts.content import content_of
from prompts.models import Namespace, Prompt
from tenants.models import Actor
from tests import factories
from tests.browser.conftest import Console, Person, serious

pytestmark = pytest.mark.full

OLD = """You are the support assistant of a shop for garden tools.

Answer in {{ language }}.
Be friendly and short.
Never promise a refund.

If you do not know the answer, say so and offer to hand over to a colleague.
Do not speak about other shops.
Do not ask for passwords.
Do not give advice on electricity or gas.
Close with the number of the ticket.

The customer writes:
{{ question }}"""
NEW = OLD.replace("friendly and short", "friendly, precise and short").replace(
    "Never promise a refund.", "You may promise a refund of up to 50 EUR."
)
VARIABLES = {"language": {"type": "string", "default": "English"}, "question": {"type": "string", "required": True}}


@pytest.fixture
def prompt(person: Person, default: Namespace) -> Prompt:
    """Version 1 is live; version 2 by alice waits for one approval."""
    alice, bob = person("alice", "Reviewer"), person("bob", "Reviewer")
    person("ada", "Administrator")
    prompt = factories.make_prompt(
        default, by=alice, slug="support", body=OLD, variables=VARIABLES, description="Answers customers of the shop."
    )
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=bob)
    factories.change_policy(default, required_approvals=1)
    second = factories.make_version(prompt, NEW, by=alice, variables=VARIABLES, config={"temperature": 0.2})
    promotion.promote_pre_prod(second, by=alice)
    others(default, alice=alice, bob=bob)
    return prompt


def others(default: Namespace, *, alice: Actor, bob: Actor) -> None:
    """What else goes on: another request of alice's, one of bob's, and a draft of his."""
    for slug, by in (("summary", alice), ("greeting", bob)):
        prompt = factories.make_prompt(default, by=by, slug=slug, body="Summarise in three sentences:\n{{ text }}")
        second = factories.make_version(prompt, "Summarise in two short sentences:\n{{ text }}", by=by)
        promotion.promote_pre_prod(second, by=by)
        drafts.create_draft(prompt, content_of("text", "Summarise {{ text }} in one line."), by=bob)


def live(prompt: Prompt) -> int:
    return prompt.versions.in_production_of(prompt).get().number


def test_a_reviewers_day(console: Console, prompt: Prompt, pictures: Path) -> None:
    bob = console.log_in("bob")
    expect(bob.locator("section", has_text="Waits for you")).to_contain_text("default:support, version 2")
    bob.screenshot(path=pictures / "today.png")
    bob.click("text=default:support, version 2")
    expect(bob.locator(".pv-diff ins").first).to_contain_text("precise")
    expect(bob.locator("#tried")).to_contain_text("Answer in English.")
    bob.screenshot(path=pictures / "review.png")
    bob.keyboard.press("j")
    expect(bob.locator(".pv-diff .at-hand")).to_have_count(1)
    bob.click("text=One column")
    expect(bob.locator(".pv-diff.unified")).to_be_visible()
    bob.keyboard.press("a")
    expect(bob.locator("#approve")).to_contain_text("Approve version 2 of support")
    bob.fill("#approve-comment", "Agreed with the shop's owner.")
    bob.screenshot(path=pictures / "approve.png")
    bob.click("#approve button.good")
    expect(bob.locator("body")).to_contain_text("Version 2 is approved and live.")
    assert live(prompt) == 2

    bob.click("a:has-text('default:support')")
    bob.screenshot(path=pictures / "prompt.png")
    expect(bob.locator("section", has_text="Go back to")).to_have_count(0)  # version 1 was never approved
    bob.goto(f"{console.address}/admin/prompt/{prompt.pk}/back-to/1/")
    expect(bob.locator("body")).to_contain_text("changes what is served like this")
    bob.fill("#reason", "Customers asked for refunds of everything.")
    bob.click("button:has-text('Make version 1 live again')")
    expect(bob.locator("body")).to_contain_text("cannot be gone back to")
    assert live(prompt) == 2


def test_the_author_is_refused_in_words(console: Console, prompt: Prompt) -> None:
    alice = console.as_person("alice")
    expect(alice.locator("section", has_text="Waits for others")).to_contain_text("default:support, version 2")
    alice.click("text=default:support, version 2")
    alice.click("button:has-text('Approve')")
    alice.click("#approve button.good")
    expect(alice.locator("body")).to_contain_text("Whoever had a hand in a version cannot decide on it.")
    assert live(prompt) == 1


def test_a_no_with_its_reason(console: Console, prompt: Prompt) -> None:
    bob = console.as_person("bob")
    bob.goto(f"{console.address}/admin/version/{prompt.versions.get(number=2).pk}/")
    bob.keyboard.press("r")
    bob.fill("#reject-reason", "Nobody agreed to refunds.")
    bob.click("#reject button.bad")
    expect(bob.locator("body")).to_contain_text("Version 2 is rejected.")
    expect(bob.locator("body")).to_contain_text("Nobody agreed to refunds.")


def test_going_back_to_what_was_approved(console: Console, person: Person, prompt: Prompt, pictures: Path) -> None:
    carol, alice = person("carol", "Reviewer"), _alice(prompt)
    promotion.approve(prompt.versions.get(number=2), by=carol)
    third = factories.make_version(prompt, NEW + "\nThank the customer.", by=alice)
    promotion.promote_pre_prod(third, by=alice)
    promotion.approve(third, by=carol)
    bob = console.as_person("bob")
    bob.goto(f"{console.address}/admin/prompt/{prompt.pk}/")
    bob.click("section:has-text('Go back to') >> text=version 2")
    bob.screenshot(path=pictures / "rollback.png")
    bob.click("button:has-text('Make version 2 live again')")
    expect(bob.locator("body")).to_contain_text("Version 2 is live again.")
    assert live(prompt) == 2


def _alice(prompt: Prompt) -> Actor:
    author = prompt.versions.get(number=1).author
    return Actor(prompt.tenant, author, "console", author.scopes)


def pages(prompt: Prompt) -> dict[str, str]:
    """The main pages, by name."""
    second = prompt.versions.get(number=2)
    return {
        "home": "",
        "library": "library/",
        "prompt": f"prompt/{prompt.pk}/",
        "review": f"version/{second.pk}/",
        "review in one column": f"version/{second.pk}/?view=unified",
        "going back": f"prompt/{prompt.pk}/back-to/2/",
    }


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.long), 390])
def test_the_main_pages_are_accessible_and_fit(console: Console, prompt: Prompt, width: int) -> None:
    bob = console.as_person("bob", width=width)
    found = {}
    for name, path in pages(prompt).items():
        bob.goto(f"{console.address}/admin/{path}")
        found[name] = [*serious(bob), *_too_wide(bob)]
    assert found == {name: [] for name in found}


@pytest.mark.long
def test_in_the_dark_too(console: Console, prompt: Prompt) -> None:
    bob = console.as_person("bob", color_scheme="dark")
    for path in pages(prompt).values():
        bob.goto(f"{console.address}/admin/{path}")
        expect(bob.locator("html.dark")).to_have_count(1)
        assert serious(bob) == []


def _too_wide(page: Page) -> list[str]:
    """Whether the page itself has to be moved sideways."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{wide} pixels too wide"] if wide > 0 else []
