"""Evaluations in a real browser: a failing one keeps a version from production, its case is mended, it goes live."""

import pytest
from playwright.sync_api import Page, expect

from deployments.actions import promotion
from evaluations import worker
from evaluations.actions import harnesses, test_cases
from prompts.models import Namespace, Prompt
from tests import factories
from tests.browser.conftest import Console, Person, serious

pytestmark = pytest.mark.full

OLD = "Answer {{ question }} in one sentence."
NEW = "Answer {{ question }} in two friendly sentences."


@pytest.fixture
def prompt(person: Person, default: Namespace) -> Prompt:
    """Version 1 is live; version 2 is approved, and lacks nothing but a pass. Its test case asks for the old text."""
    alice, bob = person("alice", "Author"), person("bob", "Reviewer")
    prompt = factories.make_prompt(default, by=alice, slug="support", body=OLD)
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=bob)
    asserted = [{"type": "contains", "value": "one sentence"}, {"type": "no_missing_variables"}]
    values = {"question": "where the parcel is"}
    test_cases.create_test_case(prompt, "a short answer", variables=values, assertions=asserted, by=alice)
    policy = {**default.policy.evaluation_policy, "mode": "require_pass", "harnesses": ["builtin"]}
    factories.change_policy(default, required_approvals=1, evaluation_policy=policy)
    second = promotion.promote_pre_prod(factories.make_version(prompt, NEW, by=alice), by=alice)
    promotion.approve(second, by=bob)
    return prompt


def live(prompt: Prompt) -> int:
    return prompt.versions.in_production_of(prompt).get().number


def look_at(page: Page, found: dict[str, list[str]], name: str) -> None:
    """Note what is wrong with a page for those who see it otherwise, or on a narrow screen."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found[f"{name} at {width}"] = [*serious(page), *([f"{wide} pixels too wide"] if wide > 0 else [])]
    page.set_viewport_size({"width": 1280, "height": 900})


def test_what_failed_is_mended_and_goes_live(console: Console, prompt: Prompt) -> None:
    bob, found = console.as_person("bob"), dict[str, list[str]]()
    card = bob.locator("section", has=bob.locator("h2", has_text="Evaluations"))
    bob.goto(f"{console.address}/admin/version/{prompt.versions.get(number=2).pk}/")
    expect(card).to_contain_text("No evaluation by builtin was run on this content.")
    card.locator("button").click()
    expect(card).to_contain_text("An evaluation by builtin is not finished.")
    worker.run_due()
    expect(card).to_contain_text("The newest evaluation by builtin failed.")  # without a reload
    expect(card).not_to_contain_text("is not finished")
    look_at(bob, found, "review")

    bob.click("button:text('Promote')")
    bob.click("#promote button.main")
    expect(bob.locator("body")).to_contain_text("The newest evaluation by builtin failed.")
    assert live(prompt) == 1
    bob.goto(f"{console.address}/admin/")
    look_at(bob, found, "today")
    bob.click("text=default:support, version 2")

    card.locator("td >> text=builtin").click()
    expect(bob.locator("body")).to_contain_text("Expected “one sentence” in the text")
    look_at(bob, found, "run")
    bob.click("text=a short answer")
    bob.fill("[name=assertion-value] >> nth=0", "two friendly sentences")
    look_at(bob, found, "case")
    bob.click("button:text('Change the test case')")
    expect(bob.locator("body")).to_contain_text("The test case a short answer is changed.")
    look_at(bob, found, "cases")

    bob.goto(f"{console.address}/admin/version/{prompt.versions.get(number=2).pk}/")
    expect(card).to_contain_text("stale")
    card.locator("button").click()
    expect(card).to_contain_text("is not finished")
    worker.run_due()
    expect(card).to_contain_text("Evaluations do not stand in the way.")
    bob.click("button:text('Promote')")
    bob.click("#promote button.main")
    expect(bob.locator("body")).to_contain_text("Version 2 is live.")
    assert live(prompt) == 2
    card.locator("text=All runs").click()
    expect(bob.locator("tbody tr")).to_have_count(2)
    look_at(bob, found, "runs")
    assert found == {name: [] for name in found}


@pytest.mark.long
def test_an_administrator_registers_a_harness(console: Console, person: Person) -> None:
    ada, found = person("ada", "Administrator"), dict[str, list[str]]()
    page = console.as_person("ada")
    page.click("nav >> text=Harnesses")
    page.click("text=Register a harness")
    page.fill("#harness-name", "nightly")
    page.fill("#harness-url", "http://127.0.0.1/run")
    page.fill("#harness-secret", "a-secret-nobody-shows")
    console.watched.expected.append("Failed to load resource: the server responded with a status of 400 (Bad Request)")
    page.click("button:text('Register the harness')")
    expect(page.locator("#harness-url-faults")).to_be_visible()
    assert page.input_value("#harness-secret") == ""
    look_at(page, found, "harness")
    harnesses.register_harness("nightly", url="https://9.9.9.9/run", secret="a-secret-nobody-shows", by=ada)
    page.click("text=Cancel")
    expect(page.locator("tbody")).to_contain_text("nightly")
    look_at(page, found, "harnesses")
    assert found == {name: [] for name in found}
