"""An administrator's day in a real browser: a key issued, narrowed and revoked; the log searched and verified."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from audit import sealing
from prompts.actions import namespaces, tiers
from prompts.models import Namespace
from tenants import actions
from tenants.models import Actor, ApiKey
from tests import factories
from tests.audit.logs import grow
from tests.browser.conftest import Console, Person, serious
from tests.factories import Client
from webhooks.actions import endpoints, sending
from webhooks.models import Attempt, Delivery

pytestmark = pytest.mark.full

NARROW = 390


def told(page: Page, sentence: str) -> None:
    expect(page.locator("body")).to_contain_text(sentence)


def test_a_key_is_issued_copied_narrowed_and_revoked(console: Console, person: Person) -> None:
    admin = person("ada", "Administrator")
    actions.create_user(console.called("robot"), groups=["Author"], service_owner=admin.author, by=admin)
    ada = console.as_person("ada")
    ada.click("nav >> text=API keys")
    ada.click("text=Issue a key")
    assert serious(ada) == []
    ada.fill("#key-name", "nightly evaluation")
    ada.select_option("#key-owner", label=f"{console.called('robot')}, a service account of {admin.name}")
    ada.check("[value='prompts:read']")
    ada.check("[value='prompts:write']")
    ada.click("button:text('Issue the key')")
    text = ada.input_value("#key-text")
    assert serious(ada) == []
    assert Client(text).post("/prompts", {"name": "one", "template": "x"}).status_code == 201
    ada.click("button:text('Copy')")
    expect(ada.locator("button:text('Copied')")).to_be_visible()

    ada.click("text=I have it")
    expect(ada.locator("body")).not_to_contain_text(text)
    assert serious(ada) == []
    ada.click("text=nightly evaluation")
    assert serious(ada) == []
    ada.uncheck("[value='prompts:write']")
    ada.click("button:text('Narrow the key')")
    told(ada, "The key nightly evaluation is narrower now.")
    assert Client(text).post("/prompts", {"name": "two", "template": "x"}).status_code == 403
    ada.click("button:text('Revoke')")
    ada.click("dialog >> button:text('Revoke the key')")
    told(ada, "no process takes it any more")
    assert Client(text).get("/prompts").status_code == 401
    assert ApiKey.objects.get(name="nightly evaluation", tenant=console.tenant).revoked_at is not None


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.long), NARROW])
def test_the_log_is_searched_and_verified(console: Console, person: Person, pictures: Path, width: int) -> None:
    person("ada", "Administrator")
    grow(console.tenant, 60)
    sealing.seal(console.tenant.pk)
    grow(console.tenant, 3)
    ada = console.as_person("ada", width=width)
    ada.goto(f"{console.address}/admin/log/")
    ada.locator("td details").nth(1).locator("summary").click()
    assert serious(ada) == []
    ada.screenshot(path=pictures / f"log-{width}.png")
    if width == NARROW:
        assert ada.evaluate("document.documentElement.scrollWidth") <= width
    ada.select_option("#log-verb", "user.created")
    ada.click("button:text('Search')")
    expect(ada.locator("table")).to_contain_text(console.called("ada"))
    expect(ada.locator("table")).not_to_contain_text("namespace.updated")

    with ada.expect_download() as download:
        ada.click("button:text('Download the signed note')")
    note = Path(download.value.path()).read_text()
    assert download.value.suggested_filename.startswith(f"checkpoint-{console.tenant.slug}-")
    ada.click("text=Compare with a checkpoint that you kept")
    ada.fill("#log-note", note)
    ada.click("button:text('Verify everything')")
    told(ada, "The log is whole")
    told(ada, "3 newer ones wait for the next")
    assert serious(ada) == []


def test_a_policy_is_weakened_by_two_and_a_tier_made(console: Console, person: Person, pictures: Path) -> None:
    person("ada", "Administrator")
    person("grace", "Administrator")
    ada = console.as_person("ada")
    ada.click("nav >> text=Namespaces")
    assert serious(ada) == []
    ada.click("text=New namespace")
    ada.fill("#new-slug", "support")
    ada.fill("#new-name", "Support")
    ada.select_option("#new-approvals", "2")
    assert serious(ada) == []
    ada.click("button:text('Make the namespace')")
    told(ada, "The namespace support is there.")
    ada.click("button:text('New tier')")
    ada.fill("#new-tier-name", "small")
    ada.fill("#new-tier-tokens", "500")
    ada.click("button:text('Make the tier')")
    told(ada, "The budget tier small is there.")
    ada.click("[aria-labelledby=policy] >> button:text('Change')")
    ada.select_option("#change-approvals", "0")
    ada.fill("#change-tags", "pilot, canary")
    ada.click("button:text('Change the namespace')")
    told(ada, "it waits until another person approves it")
    assert serious(ada) == []
    ada.screenshot(path=pictures / "namespace.png", full_page=True)
    ada.click("button:text('Approve') >> nth=0")
    ada.click("dialog >> button:text('Approve the change')")
    told(ada, "is decided by another person than the one who asked for it")

    grace = console.as_person("grace", width=NARROW)
    grace.goto(f"{console.address}/admin/namespaces/")
    grace.click("text=support")
    assert serious(grace) == []
    assert grace.evaluate("document.documentElement.scrollWidth") <= NARROW
    grace.click("button:text('Approve') >> nth=0")
    assert serious(grace) == []
    grace.click("dialog >> button:text('Approve the change')")
    told(grace, "The change is approved, and made.")
    told(grace, "nothing needs a second person")


def webhook_pages(admin: Actor, namespace: Namespace) -> list[str]:
    """The pages of a webhook that has failed, whose receiver says more than fits a line."""
    endpoint = endpoints.create_endpoint("https://9.9.9.9/hook", events=["prompt.created"], by=admin).endpoint
    factories.make_prompt(namespace, by=admin)
    sending.fan_out()
    delivery = Delivery.objects.get(endpoint=endpoint)
    Attempt.objects.create(
        tenant=admin.tenant, delivery=delivery, number=1, status=500, excerpt="out-of-order" * 300, seconds=0.2
    )
    of_it = f"webhook/{endpoint.pk}/"
    return ["webhooks/", "webhooks/new", of_it, f"{of_it}deliveries/", f"delivery/{delivery.pk}/"]


@pytest.mark.long
def test_the_pages_are_readable_in_the_dark_and_fit_a_narrow_window(
    console: Console, person: Person, default: Namespace
) -> None:
    admin = person("ada", "Administrator")
    made = namespaces.create_namespace("support", name="Support", required_approvals=2, by=admin)
    tiers.create_tier(made, name="small", max_tokens=500, enforcement="block", by=admin)
    namespaces.update_namespace(made, {"required_approvals": 0}, by=admin)
    key = ApiKey.objects.filter(tenant=console.tenant)[0]
    ada = console.as_person("ada", width=NARROW, color_scheme="dark")
    for path in (
        "log/",
        "keys/",
        "keys/new",
        f"key/{key.pk}/",
        "namespaces/",
        "namespaces/new",
        f"namespace/{made.pk}/",
        *webhook_pages(admin, default),
    ):
        ada.goto(f"{console.address}/admin/{path}")
        expect(ada.locator("html.dark")).to_have_count(1)
        assert serious(ada) == [], path
        assert ada.evaluate("document.documentElement.scrollWidth") <= NARROW, path
