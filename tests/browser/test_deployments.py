"""Deployments and metrics in a real browser: traffic is split, changed, looked at and stopped; what was measured."""

import datetime as dt
import re

import orjson
import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from deployments.actions import metrics, promotion
from deployments.models import Deployment
from deployments.views.sent import items_in
from prompts.models import Namespace, Prompt
from tenants.models import Actor
from tests import factories
from tests.browser.conftest import Console, Person, serious

pytestmark = pytest.mark.full


@pytest.fixture
def prompt(person: Person, default: Namespace) -> Prompt:
    """Version 1 is live, version 2 in pre-production, and nothing needs approval."""
    bob = person("bob", "Reviewer")
    prompt = factories.make_prompt(default, by=bob, slug="support", body="Answer {{ question }}.")
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=bob)
    second = factories.make_version(prompt, "Answer {{ question }} kindly.", by=bob)
    promotion.set_tag(prompt, "staging", version=second, by=bob)
    return prompt


def measure(deployment: Deployment, by: Actor) -> None:
    """In each of the last 60 hours but some, five sessions under each variant; the second one is quicker."""
    now = timezone.now()
    for variant in deployment.variants.all():
        told = {"versionId": str(variant.version_id), "deploymentId": str(deployment.pk)}
        slow = 800.0 if variant.is_control else 700.0
        for hours in (*range(1, 25), *range(40, 60)):
            at = now - dt.timedelta(hours=hours)
            of = [{**told, "timestamp": at, "sessionId": f"{variant.pk} {hours} {each}"} for each in range(5)]
            late = {"type": "latency", "name": "answer", "unit": "ms"}
            good = {"type": "quality", "name": "grounded", "unit": "share", "value": 0.5 + hours % 5 / 10}
            sent = [{**late, **one, "value": slow + 37 * (hours % 7) + each} for each, one in enumerate(of)]
            sent += [{**good, **one} for one in of]
            metrics.ingest(items_in(orjson.dumps({"metrics": sent})), by=by)


def look_at(page: Page, found: dict[str, list[str]], name: str) -> None:
    """Note what is wrong with a page for those who see it otherwise, on a narrow screen, or in the dark."""
    for width, dark in ((1280, False), (390, False), (390, True)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("(dark) => document.documentElement.classList.toggle('dark', dark)", dark)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        faults = [*serious(page), *([f"{wide} pixels too wide"] if wide > 0 else [])]
        found[f"{name} at {width}{' in the dark' if dark else ''}"] = faults
    page.evaluate("document.documentElement.classList.remove('dark')")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_traffic_is_split_changed_looked_at_and_stopped(console: Console, prompt: Prompt) -> None:
    page, found = console.as_person("bob"), dict[str, list[str]]()
    page.click("nav >> text=Deployments")
    page.click("text=Choose the prompt")
    page.click("text=default:support")
    page.click(".pv >> text=Deployments")
    page.click("text=Make the first one")
    page.fill("#deployment-name", "a kinder answer")
    page.fill("[name=weight] >> nth=1", "10")
    expect(page.locator("[data-sum]")).to_have_text("Sum: 110 of 100.")
    page.fill("[name=weight] >> nth=0", "90")
    expect(page.locator("[data-sum]")).to_have_text("Sum: 100 of 100.")
    look_at(page, found, "new")
    page.click("button:text('Make the deployment')")
    expect(page.locator("body")).to_contain_text("The traffic is split.")
    expect(page.locator("body")).to_contain_text("Nothing was measured in the last 30 days.")

    page.fill("[name=weight] >> nth=0", "40")
    console.watched.expected.append("Failed to load resource: the server responded with a status of 400 (Bad Request)")
    page.click("button:text('Change the weights')")
    expect(page.locator("body")).to_contain_text("Variant weights must sum to 100, got 50")
    page.fill("[name=weight] >> nth=1", "60")
    page.click("button:text('Change the weights')")
    expect(page.locator("#weights ~ .pv-weights")).to_contain_text("version 2 60 %")

    deployment = Deployment.objects.get(tenant=console.tenant)
    measure(deployment, Actor.command(console.tenant))
    page.reload()
    results = page.locator("section", has=page.locator("#results"))
    expect(results).to_contain_text("is better than version 1")
    expect(results.locator("tbody tr").nth(1)).to_contain_text("220")
    page.select_option("#metric", "quality:grounded")
    results.locator("button").click()
    expect(results).to_contain_text("No difference from version 1")
    look_at(page, found, "deployment")

    page.click("button:text('Pause')")
    page.click("#pause button.main")
    expect(page.locator("body")).to_contain_text("It is paused and serves nothing")
    assert Deployment.objects.get(pk=deployment.pk).status == "paused"
    page.click("nav >> text=Deployments")
    expect(page.locator("tbody tr")).to_contain_text(re.compile(r"version 1 40 %.*version 2 60 %.*paused", re.DOTALL))
    look_at(page, found, "deployments")

    page.click("tbody >> text=default:support")
    page.click(".pv >> text=Metrics")
    expect(page.locator("figure")).to_have_count(2)
    page.click("summary >> nth=0")
    expect(page.locator("figure tbody >> nth=0").locator("tr")).to_have_count(44)
    look_at(page, found, "metrics")
    page.select_option("#hours", "8760")
    page.click(".pv form button:text('Show')")
    expect(page.locator("body")).to_contain_text("Each point stands for 44 hours")
    page.click("section >> text=version 2")
    expect(page.locator("figure")).to_have_count(2)
    assert found == {name: [] for name in found}
