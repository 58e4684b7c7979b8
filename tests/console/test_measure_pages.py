"""Metrics in the console: figures, charts and their tables, versions beside each other, and what to send."""

import datetime as dt
import html
import re
from typing import Any

import orjson
import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from deployments.actions import metrics, promotion
from deployments.views.sent import items_in
from prompts.actions import drafts
from prompts.models import Namespace, Prompt, PromptVersion
from tenants.models import Actor
from tests import factories
from tests.console.routes import logged_in

NOW = timezone.now()


@pytest.fixture
def browser(alice: Actor) -> Browser:
    return logged_in(alice)


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    """Two versions, of which the first is live."""
    prompt = factories.make_prompt(namespace, by=alice, slug="support", body="Text 1")
    factories.make_version(prompt, "Text 2", by=alice)
    promotion.set_tag(prompt, "production", version=version(prompt, 1), by=Actor.command(alice.tenant))
    return prompt


def version(prompt: Prompt, number: int) -> PromptVersion:
    return prompt.versions.get(number=number)


def measure(of: PromptVersion, *values: float, by: Actor, hours: int = 1, name: str = "answer", **more: str) -> None:
    """Some values in the hour that was so many hours ago."""
    told = {"versionId": str(of.pk), "name": name, "type": "latency", "unit": "ms", **more}
    told["timestamp"] = (NOW - dt.timedelta(hours=hours)).isoformat()
    metrics.ingest(items_in(orjson.dumps({"metrics": [{**told, "value": value} for value in values]})), by=by)


def at(name: str, thing: Any) -> str:
    return reverse(f"console:{name}", args=[thing.pk])


def shown(answer: Any) -> str:
    """A page without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def line(answer: Any, name: str = "mean") -> str:
    """The commands of the first chart's line."""
    [found] = re.findall(rf'<path class="{name}" d="([^"]*h0[^"]*)"', answer.content.decode())
    return str(found)


# ----------------------------------------------------------------------------- figures and charts
def test_a_version_is_told_by_its_own_figures_and_a_prompt_by_all(
    browser: Browser, prompt: Prompt, alice: Actor
) -> None:
    measure(version(prompt, 1), 100.0, 300.0, by=alice)
    measure(version(prompt, 2), 2000.0, 2000.0, by=alice)
    of_version = shown(browser.get(at("version-metrics", version(prompt, 1))))
    assert re.search(r"latency answer ms 2 200 [\d.]+ [\d.]+ [\d.]+ 100 300 ", of_version)
    of_prompt = shown(browser.get(at("prompt-metrics", prompt)))
    assert re.search(r"latency answer ms 4 1,100 [\d.,]+ [\d.,]+ [\d.,]+ 100 2,000 ", of_prompt)


def test_each_hour_stands_in_the_chart_and_in_its_table(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    for hours, value in ((1, 100.0), (2, 200.0), (5, 400.0)):
        measure(version(prompt, 1), value, by=alice, hours=hours)
    answer = browser.get(at("version-metrics", version(prompt, 1)), {"hours": "24"})
    assert re.sub(r"[\d.]+", "", line(answer)) == "M h M h L "
    hour = (NOW - dt.timedelta(hours=5)).replace(minute=0)
    assert f"{hour:%Y-%m-%d %H:%M} 1 400 " in shown(answer)
    assert "The mean lies between 100 and 400" in shown(answer)
    assert "something was measured in 3 of 25 hours." in shown(answer)


def test_every_chart_has_a_name_and_says_what_it_shows(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    measure(version(prompt, 1), 0.01, by=alice, type="cost", unit="EUR", name="call")
    content = browser.get(at("prompt-metrics", prompt)).content.decode()
    [svg] = re.findall(r'<svg class="pv-lines"[^>]*>', content)
    for id_ in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', svg):
        assert content.count(f'id="{id_}"') == 1
    assert '<title id="chart-1-title">cost call in EUR, by time</title>' in content


def test_a_year_is_put_together_and_says_so(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    for hours in range(1, 300, 30):
        measure(version(prompt, 1), 100.0, by=alice, hours=hours)
    answer = browser.get(at("prompt-metrics", prompt), {"hours": "8760"})
    assert "Each point stands for 44 hours" in shown(answer)
    [chart] = answer.context["drawn"]
    assert 7 <= len(chart.hours) <= 8
    assert [each.times for each in answer.context["rows"]] == [10]
    assert "Each point stands" not in shown(browser.get(at("prompt-metrics", prompt)))


# ----------------------------------------------------------------------------- choosing
def test_what_is_shown_is_narrowed_by_hours_type_and_metric(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    one = version(prompt, 1)
    measure(one, 100.0, by=alice)
    measure(one, 5.0, by=alice, hours=100, name="first")
    measure(one, 0.5, by=alice, type="quality", unit="share", name="grounded")

    def keys(name: str = "rows", **query: str) -> list[str]:
        found = browser.get(at("version-metrics", one), query).context[name]
        return [each.key if name == "rows" else each.of.key for each in found]

    assert keys() == ["latency:answer", "latency:first", "quality:grounded"]
    assert keys(hours="24") == ["latency:answer", "quality:grounded"]
    assert keys(type="quality") == ["quality:grounded"]
    assert keys("drawn", metric="latency:first") == ["latency:first"]
    assert keys("drawn", metric="latency:unknown") == keys("drawn") == keys()
    assert keys(hours="25", type="exposure") == keys()


def test_a_page_draws_eight_metrics_and_any_other_by_its_name(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    for number in range(10):
        measure(version(prompt, 1), 100.0, by=alice, name=f"step {number}")
    answer = browser.get(at("prompt-metrics", prompt))
    assert (len(answer.context["rows"]), answer.content.decode().count("<figure")) == (10, 8)
    [address] = re.findall(r'<a href="([^"]+)">step 9</a>', answer.content.decode())
    alone = browser.get(at("prompt-metrics", prompt) + html.unescape(address))
    assert [each.of.key for each in alone.context["drawn"]] == ["latency:step 9"]


def test_names_and_units_are_text(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    words = "<script>alert(1)</script>\"'&"
    measure(version(prompt, 1), 100.0, by=alice, name=words, unit="<b>ms</b>")
    answer = browser.get(at("prompt-metrics", prompt))
    assert "<script>alert" not in answer.content.decode()
    assert "<b>ms" not in answer.content.decode()
    [address] = re.findall(r'<td>latency <a href="([^"]+)"', answer.content.decode())
    chosen = browser.get(at("prompt-metrics", prompt) + html.unescape(address)).context["chosen"]
    assert chosen == f"latency:{words}"


# ----------------------------------------------------------------------------- versions beside each other
def test_the_newest_versions_that_were_measured_stand_beside_each_other(
    browser: Browser, prompt: Prompt, alice: Actor
) -> None:
    for number in range(3, 14):
        measure(factories.make_version(prompt, f"Text {number}", by=alice), 10.0 * number, 10.0 * number + 2, by=alice)
    measure(version(prompt, 1), 7.0, by=alice)
    answer = browser.get(at("prompt-metrics", prompt))
    assert [each.version.number for each in answer.context["compared"]] == [*range(13, 3, -1)]
    assert "version 13 retired 2 131 118.3 to 143.7 130 132" in shown(answer)


def test_versions_are_compared_in_the_metric_that_is_chosen_or_measured_most(
    browser: Browser, prompt: Prompt, alice: Actor
) -> None:
    measure(version(prompt, 1), 5.0, by=alice, name="a first word")
    measure(version(prompt, 2), 800.0, 900.0, by=alice)
    address = at("prompt-metrics", prompt)
    for query, numbers in ({}, [2]), ({"metric": "latency:a first word"}, [1]):
        compared = browser.get(address, query).context["compared"]
        assert [each.version.number for each in compared] == numbers


def test_a_versions_page_compares_nothing(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    measure(version(prompt, 1), 5.0, by=alice)
    answer = browser.get(at("version-metrics", version(prompt, 1)))
    assert "95 % interval" not in shown(answer)
    assert at("prompt-metrics", prompt) in answer.content.decode()


# ----------------------------------------------------------------------------- where nothing is
def test_without_measurements_the_page_says_what_to_send(
    browser: Browser, prompt: Prompt, namespace: Namespace, alice: Actor
) -> None:
    live = f'"$PVC_URL/api/v1/metrics/ingest" -d \'{{"metrics": [ {{"versionId": "{version(prompt, 1).pk}", "type"'
    assert live in shown(browser.get(at("prompt-metrics", prompt)))
    second = version(prompt, 2)
    assert f'"versionId": "{second.pk}"' in shown(browser.get(at("version-metrics", second)))
    measure(second, 5.0, by=alice)
    assert "No cost was measured in this time." in shown(browser.get(at("prompt-metrics", prompt), {"type": "cost"}))


def test_what_the_page_says_to_send_is_taken(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    page = shown(browser.get(at("version-metrics", version(prompt, 2))))
    [body] = re.findall(r"-d '(\{.*?\]\})'", page)
    assert metrics.ingest(items_in(body.encode()), by=alice) == 1
    assert [each.key for each in browser.get(at("prompt-metrics", prompt)).context["rows"]] == ["latency:answer"]


def test_a_draft_has_no_metrics(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    draft = drafts.create_draft(prompt, version(prompt, 1).served, by=alice)
    assert browser.get(at("version-metrics", draft)).status_code == 404
    assert at("version-metrics", draft) not in browser.get(at("review", draft)).content.decode()
    assert at("version-metrics", version(prompt, 1)) in browser.get(at("review", version(prompt, 1))).content.decode()


def test_much_takes_as_few_queries_as_little(
    browser: Browser, prompt: Prompt, alice: Actor, django_assert_max_num_queries: Any
) -> None:
    for number in range(3, 14):
        made = factories.make_version(prompt, f"Text {number}", by=alice)
        measure(made, 5.0, by=alice, hours=number, name=f"step {number}")
        measure(made, 5.0, by=alice)
    with django_assert_max_num_queries(20):
        assert browser.get(at("prompt-metrics", prompt)).status_code == 200
