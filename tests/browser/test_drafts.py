"""Writing in the browser: validation while one types, asking for approval, two ways out of a conflict, nothing lost."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from deployments.actions import promotion
from prompts.actions import drafts, namespaces
from prompts.content import content_of
from prompts.models import Namespace, Prompt
from tenants.models import Actor
from tests import factories
from tests.browser.conftest import Console, Person, serious

pytestmark = pytest.mark.full

BASE = "You answer customers.\nBe brief.\nBe kind.\nNever guess.\nSay goodbye to {{ name }}."
THEIRS = BASE.replace("Be brief.", "Be very brief.").replace("guess.", "guess, and say so.")
MINE = BASE.replace("Be brief.", "Take your time.")


@pytest.fixture
def alice(person: Person) -> Actor:
    return person("alice", "Author")


@pytest.fixture
def bob(person: Person) -> Actor:
    return person("bob", "Author")


@pytest.fixture
def guarded(person: Person) -> Namespace:
    admin = person("ada", "Administrator")
    return namespaces.create_namespace("guarded", name="Guarded", required_approvals=0, by=admin)


@pytest.fixture
def prompt(guarded: Namespace, bob: Actor, person: Person) -> Prompt:
    """Version 1 is live; version 2 by bob is in pre-production."""
    prompt = factories.make_prompt(guarded, by=bob, slug="support", body=BASE)
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=person("olga", "Operator"))
    factories.change_policy(guarded, required_approvals=1)
    promotion.promote_pre_prod(factories.make_version(prompt, THEIRS, by=bob), by=bob)
    return prompt


def text_of(page: Page) -> Any:
    return page.get_by_label("Text", exact=True)


def saves(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Control+s")


def opens(console: Console, page: Page, prompt: Prompt) -> None:
    page.goto(f"{console.address}/admin/draft/{prompt.pk}/")


def said(page: Page, sentence: str) -> None:
    expect(page.locator("#draft-said")).to_have_text(sentence)


def refused(console: Console, *statuses: int) -> None:
    """The browser notes each refusal; these were to be expected."""
    noted = [f"console: Failed to load resource: the server responded with a status of {each}" for each in statuses]
    assert [each.partition(" (")[0] for each in console.watched.faults] == noted
    console.watched.faults.clear()


def staged(prompt: Prompt) -> int:
    return prompt.versions.get(tags__prompt=prompt, tags__name="staging").number


def test_a_prompt_is_begun_and_written_with_what_validation_says_and_asked_for(
    console: Console, alice: Actor, guarded: Namespace
) -> None:
    page = console.as_person("alice")
    page.get_by_role("link", name="Prompts").click()
    page.get_by_role("link", name="New prompt").click()
    page.get_by_label("Namespace").select_option("guarded")
    page.get_by_label("Slug").fill("letters")
    page.get_by_label("Name", exact=True).fill("Letters to customers")
    page.get_by_role("button", name="Make it and write").click()

    text_of(page).fill("Dear {{ name }},\n{{ name | shout }}\nYours")
    said(page, "1 to mend.")
    found = page.locator("#draft-found")
    expect(found).to_contain_text("To mend: Line 2:")
    expect(found).to_contain_text("Not declared: name.")
    expect(page.locator(".pv-mirror .bad")).to_have_text("{{ name | shout }}")
    found.get_by_role("button", name="Line 2").click()
    page.keyboard.type("thank you for everything")
    said(page, "Nothing to mend.")
    expect(page.locator(".pv-mirror .bad")).to_have_count(0)

    page.get_by_text("Declared variables").first.click()
    page.get_by_label("Variables by name, as JSON").fill('{"name": {"type": "string"}')
    said(page, re.compile(r"variables: This is not JSON: .* at line 1, column \d+\."))  # type: ignore[arg-type]
    expect(page.get_by_label("Variables by name, as JSON")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Variables by name, as JSON").fill('{"name": {"type": "string"}}')
    said(page, "Nothing to mend.")
    expect(found).not_to_contain_text("Not declared")
    expect(page.locator("#draft-change")).to_contain_text("thank you for everything")

    saves(page)
    expect(page.get_by_text("Draft 1 is saved.")).to_be_visible()
    page.get_by_role("button", name="Ask for approval").click()
    page.get_by_label("Users it is tried on, one on each line").fill("tester-1\ntester-2")
    page.get_by_role("button", name="Seal it and ask").click()
    expect(page.get_by_text("Version 1 is in pre-production and waits for decisions.")).to_be_visible()
    sealed = Prompt.objects.get(namespace=guarded, slug="letters").versions.get()
    assert sealed.body == "Dear {{ name }},\nthank you for everything\nYours"
    assert sorted(each.user_id for each in sealed.targets.all()) == ["tester-1", "tester-2"]


def test_anothers_version_in_pre_production_is_seen_and_replaced(
    console: Console, alice: Actor, prompt: Prompt
) -> None:
    page = console.as_person("alice")
    opens(console, page, prompt)
    expect(page.get_by_text(re.compile("Version 2 by bob-.* is in pre-production since"))).to_be_visible()
    text_of(page).fill(MINE)
    saves(page)
    page.get_by_role("button", name="Ask for approval").click()
    page.get_by_role("button", name="Seal it and ask").click()

    expect(page.get_by_role("heading", name="Since version 1, which both began with")).to_be_visible()
    expect(page.get_by_role("rowheader", name="conflict: both changed it, differently")).to_have_count(1)
    expect(page.get_by_role("rowheader", name="they changed this")).to_have_count(1)
    assert staged(prompt) == 2
    page.get_by_label("Why").fill("the other one is outdated")
    page.get_by_role("button", name="Replace version 2").click()
    expect(page.get_by_text("Version 3 has taken the other's place and waits for decisions.")).to_be_visible()
    assert staged(prompt) == 3
    refused(console, 409)


def test_a_conflicting_merge_is_resolved_in_the_editor_and_sealed(
    console: Console, alice: Actor, prompt: Prompt
) -> None:
    page = console.as_person("alice")
    opens(console, page, prompt)
    text_of(page).fill(MINE)
    saves(page)
    page.get_by_role("button", name="Ask for approval").click()
    page.get_by_role("button", name="Seal it and ask").click()
    page.get_by_role("button", name="Merge, and resolve in the editor").click()

    expect(page.get_by_role("heading", name="Conflicts to resolve")).to_be_visible()
    expect(page.locator("#draft-found")).to_contain_text("A merge conflict is not resolved here.")
    assert "<<<<<<< theirs" in text_of(page).input_value()
    page.get_by_role("button", name="Take both, conflict 1").click()
    expect(page.get_by_role("heading", name="Conflicts to resolve")).to_be_hidden()
    both = THEIRS.replace("Be very brief.", "Be very brief.\nTake your time.")
    assert text_of(page).input_value() == both
    page.keyboard.press("Control+z")
    expect(page.get_by_role("heading", name="Conflicts to resolve")).to_be_visible()
    page.get_by_role("button", name="Take mine, conflict 1").click()
    said(page, "Nothing to mend.")
    expect(page.get_by_role("button", name="Ask for approval")).to_be_disabled()

    saves(page)
    page.get_by_role("button", name="Ask for approval").click()
    page.get_by_role("button", name="Seal it and ask").click()
    expect(page.get_by_text("Yours began with theirs and holds it already")).to_be_visible()
    page.get_by_role("button", name="Merge, and ask for approval").click()
    expect(page.get_by_text("Version 3 holds both")).to_be_visible()
    merged = prompt.versions.get(tags__prompt=prompt, tags__name="staging")
    assert merged.body == THEIRS.replace("Be very brief.", "Take your time.")
    assert merged.contributors.count() == 2
    refused(console, 409, 409)


def test_conflicts_of_a_chat_are_resolved_in_its_messages(
    console: Console, alice: Actor, bob: Actor, guarded: Namespace, person: Person
) -> None:
    chat = [{"role": "system", "content": "Be brief.\nBe kind."}, {"role": "user", "content": "{{ question }}"}]
    first = {"role": "system", "content": "Be very brief.\nBe kind."}
    prompt = factories.make_prompt(guarded, by=bob, slug="chat", body=chat)
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=person("olga", "Operator"))
    theirs = [first, {"role": "assistant", "content": "How can I help?"}, chat[1]]
    promotion.promote_pre_prod(factories.make_version(prompt, theirs, by=bob), by=bob)
    mine = [
        {"role": "system", "content": "Take your time.\nBe kind."},
        {"role": "user", "content": "Good day."},
        chat[1],
    ]
    draft = drafts.create_draft(prompt, content_of("chat", mine), by=alice)
    page = console.as_person("alice")
    page.goto(f"{console.address}/admin/version/{draft.pk}/conflict/")
    page.get_by_role("button", name="Merge, and resolve in the editor").click()
    page.get_by_role("button", name="Take both, conflict 1 between messages").click()
    page.get_by_role("button", name="Take theirs, conflict 1 in message 1").click()
    said(page, "Nothing to mend.")
    saves(page)
    expect(page.get_by_text(f"Draft {draft.number} is saved.")).to_be_visible()
    assert prompt.versions.get(pk=draft.pk).content == [first, theirs[1], mine[1], chat[1]]


def test_nothing_is_lost_when_two_windows_save(console: Console, alice: Actor, prompt: Prompt) -> None:
    one = console.as_person("alice")
    opens(console, one, prompt)
    text_of(one).fill("the first")
    saves(one)
    other = one.context.new_page()
    console.watched.watch(other, console.address)
    opens(console, other, prompt)
    text_of(one).fill("from one window")
    saves(one)
    text_of(other).fill("from the other window")
    with other.expect_navigation() as saved:
        other.keyboard.press("Control+s")

    assert saved.value.status == 412
    expect(other.get_by_text("The draft changed meanwhile: its revision is 2.")).to_be_visible()
    with other.expect_navigation() as again:
        other.keyboard.press("Control+s")
    assert again.value.status == 412
    assert text_of(other).input_value() == "from the other window"
    assert prompt.versions.get(number=3).body == "from one window"
    other.get_by_role("button", name="Save mine over it").click()
    expect(other.get_by_text("Draft 3 is saved.")).to_be_visible()
    assert prompt.versions.get(number=3).body == "from the other window"
    refused(console, 412, 412)


def test_what_was_typed_outlives_leaving_the_page(console: Console, alice: Actor, prompt: Prompt) -> None:
    page = console.as_person("alice")
    opens(console, page, prompt)
    text_of(page).fill("typed, and never saved")
    page.get_by_role("link", name="Prompts").click()
    page.wait_for_timeout(300)
    assert console.watched.faults == ["dialog: "]
    console.watched.faults.clear()
    assert page.url.endswith(f"/draft/{prompt.pk}/")

    page.context.clear_cookies(name="sessionid")
    with page.expect_navigation():
        page.keyboard.press("Control+s")
    assert "/admin/login/" in page.url
    console.log_in("alice", page)
    opens(console, page, prompt)
    page.get_by_role("button", name="Bring it back").click()
    assert text_of(page).input_value() == "typed, and never saved"
    saves(page)
    assert prompt.versions.get(number=3).body == "typed, and never saved"
    expect(page.get_by_role("button", name="Bring it back")).to_be_hidden()


def test_a_chat_is_written_by_keyboard_alone(console: Console, alice: Actor, guarded: Namespace) -> None:
    chat = [{"role": "system", "content": "You help."}, {"role": "user", "content": "{{ question }}"}]
    prompt = factories.make_prompt(guarded, by=alice, slug="chat", body=chat)
    page = console.as_person("alice")
    opens(console, page, prompt)
    add = page.get_by_role("button", name="Add a message")
    add.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("history")
    page.get_by_label("Role of message 3").focus()
    page.keyboard.type("placeholder")
    page.get_by_role("button", name="Move up message 3").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move up message 2")).to_be_focused()
    page.get_by_role("button", name="Remove message 1").focus()
    page.keyboard.press("Enter")
    said(page, "Nothing to mend.")
    saves(page)
    expect(page.get_by_text("Draft 2 is saved.")).to_be_visible()
    assert prompt.versions.get(number=2).content == [{"placeholder": "history"}, chat[1]]


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.long), 390])
def test_the_pages_of_writing_are_for_everybody(console: Console, alice: Actor, prompt: Prompt, width: int) -> None:
    draft = drafts.create_draft(prompt, content_of("text", f"{MINE}\n{{{{ name | shout }}}}"), by=alice)
    page = console.as_person("alice", width=width)
    for address in ("new-prompt/", f"draft/{prompt.pk}/", f"version/{draft.pk}/conflict/"):
        page.goto(f"{console.address}/admin/{address}")
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    opens(console, page, prompt)
    text_of(page).press_sequentially("more ")
    said(page, "1 to mend.")
    assert serious(page) == []
