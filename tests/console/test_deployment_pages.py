"""Deployments in the console: the lists, the form of a split, what stands in its way, results, stopping."""

import datetime as dt
import html
import re
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEntry
from deployments.actions import experiments, metrics, promotion
from deployments.actions.experiments import CONTROL, Share
from deployments.models import Deployment, Variant
from deployments.views.sent import items_in
from prompts.models import Namespace, Prompt, PromptVersion
from tenants.models import Actor, Tenant, User
from tests import factories
from tests.console.routes import logged_in

PASSWORD = "blue-otters-eat-plums"


@pytest.fixture
def browser(alice: Actor) -> Browser:
    return logged_in(alice)


@pytest.fixture
def long_ago(alice: Actor, settings: Any) -> Browser:
    """Alice's browser too, but she logged in so long ago that she is asked for her password."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = User.objects.get(pk=alice.author.pk)
    user.set_password(PASSWORD)
    user.save()
    browser = logged_in(alice)
    session = browser.session
    session["password_at"] = 0
    session.save()
    return browser


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    """Version 1 is live, version 2 in pre-production, version 3 is neither."""
    prompt = factories.make_prompt(namespace, by=alice, slug="support", body="Text 1")
    second = factories.make_version(prompt, "Text 2", by=alice)
    factories.make_version(prompt, "Text 3", by=alice)
    promotion.set_tag(prompt, "production", version=prompt.versions.get(number=1), by=Actor.command(alice.tenant))
    promotion.set_tag(prompt, "staging", version=second, by=alice)
    return prompt


@pytest.fixture
def deployment(prompt: Prompt, alice: Actor) -> Deployment:
    """Nine of ten get version 1, the others version 2."""
    return split(prompt, {1: 90, 2: 10}, by=alice, name="a trial")


def split(prompt: Prompt, weights: dict[int, int], *, by: Actor, **more: Any) -> Deployment:
    shares = [Share(version(prompt, number).pk, weight) for number, weight in weights.items()]
    return experiments.create_deployment(prompt, variants=shares, by=by, **more)


def version(prompt: Prompt, number: int) -> PromptVersion:
    return prompt.versions.get(number=number)


def form(prompt: Prompt, *rows: tuple[int | str, str], **more: Any) -> dict[str, Any]:
    """What the form sends: for each row a version, by its number or as text, and a weight."""
    ids = [str(version(prompt, each).pk) if isinstance(each, int) else each for each, _ in rows]
    return {"versionId": ids, "weight": [weight for _, weight in rows], "control": "0", **more}


def weights(deployment: Deployment) -> dict[int, int]:
    standing = Variant.objects.standing().filter(deployment=deployment)
    return dict(standing.values_list("version__number", "weight"))


def control(deployment: Deployment) -> int:
    return deployment.variants.get(is_control=True).version.number


def at(name: str, thing: Any) -> str:
    return reverse(f"console:{name}", args=[thing.pk])


def shown(answer: Any) -> str:
    """A page without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def press(browser: Browser, address: str, **fields: Any) -> str:
    """Press a button; gives what the next page says."""
    answer = browser.post(address, fields)
    assert answer.status_code == 302, shown(answer)
    return shown(browser.get(answer["Location"]))


def measure(deployment: Deployment, *, by: Actor, name: str = "answer", **values: tuple[float, float]) -> None:
    """Of each variant a hundred sessions, an hour ago; by its version's number (`v1`) the two values that they have."""
    told = {"type": "latency", "name": name, "unit": "ms", "deploymentId": str(deployment.pk)}
    told["timestamp"] = (timezone.now() - dt.timedelta(hours=1)).isoformat()
    for number, pair in values.items():
        of = {**told, "versionId": str(version(deployment.prompt, int(number[1:])).pk)}
        items = [{**of, "value": pair[each % 2], "sessionId": f"{number} {each}"} for each in range(100)]
        metrics.ingest(items_in(orjson.dumps({"metrics": items})), by=by)


# ----------------------------------------------------------------------------- lists
def test_the_list_says_what_each_gives_to_whom(browser: Browser, deployment: Deployment) -> None:
    listed = shown(browser.get(reverse("console:deployments")))
    assert "a trial default:support version 1 90 % (control) version 2 10 % active" in listed
    content = browser.get(reverse("console:deployments")).content.decode()
    assert re.findall(r'<rect x="(\d+)" y="0" width="(\d+)"', content) == [("0", "90"), ("90", "10")]


def test_the_list_is_narrowed_to_a_status(browser: Browser, deployment: Deployment, alice: Actor) -> None:
    split(deployment.prompt, {1: 100}, by=alice, name="another", status="paused")
    statuses = ("", "active", "paused", "archived", "x")
    found = [shown(browser.get(reverse("console:deployments"), {"status": each})) for each in statuses]
    assert [("a trial" in page) for page in found] == [True, True, False, False, True]
    assert [("another" in page) for page in found] == [True, False, True, False, True]
    assert "None is archived." in found[3]


def test_a_prompts_list_has_its_own_alone(
    browser: Browser, deployment: Deployment, namespace: Namespace, alice: Actor
) -> None:
    other = factories.make_prompt(namespace, by=alice, slug="other")
    split(other, {1: 100}, by=alice, name="of the other")
    page = shown(browser.get(at("prompt-deployments", deployment.prompt)))
    assert ("a trial" in page, "of the other" in page) == (True, False)
    assert at("prompt-deployments", other) in browser.get(at("prompt", other)).content.decode()


def test_an_empty_list_says_what_to_do(browser: Browser, prompt: Prompt) -> None:
    assert "Choose the prompt that is to be split" in shown(browser.get(reverse("console:deployments")))
    content = browser.get(at("prompt-deployments", prompt)).content.decode()
    assert f'href="{at("new-deployment", prompt)}">Make the first one' in content


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    browser: Browser, deployment: Deployment, alice: Actor
) -> None:
    address = reverse("console:deployments")
    browser.get(address)
    with CaptureQueriesContext(connection) as before:
        browser.get(address)
    for _ in range(5):
        split(deployment.prompt, {1: 50, 3: 50}, by=alice)
    with CaptureQueriesContext(connection) as after:
        assert len(browser.get(address).context["part"].rows) == 6
    assert len(after) == len(before) <= 12


def test_another_tenants_deployments_are_in_no_list(deployment: Deployment, eve: Actor) -> None:
    browser = logged_in(eve)
    assert "a trial" not in shown(browser.get(reverse("console:deployments")))
    assert browser.get(at("prompt-deployments", deployment.prompt)).status_code == 404


# ----------------------------------------------------------------------------- a new one
def test_a_new_one_begins_with_what_is_live(browser: Browser, prompt: Prompt) -> None:
    rows = browser.get(at("new-deployment", prompt)).context["rows"]
    numbers = {str(each.pk): each.number for each in prompt.versions.all()}
    assert [(numbers.get(row.version_id), row.weight, row.is_control) for row in rows] == [
        (1, "100", True),
        (2, "0", False),
        (None, "", False),
        (None, "", False),
    ]


def test_traffic_is_split(browser: Browser, prompt: Prompt) -> None:
    fields = form(prompt, (1, "90"), (3, "10"), ("", ""), name="a trial")
    assert "The traffic is split." in press(browser, at("create-deployment", prompt), **fields)
    made = Deployment.objects.get()
    assert (made.name, made.status, weights(made), control(made)) == ("a trial", "active", {1: 90, 3: 10}, 1)
    entry = AuditEntry.objects.get(verb="deployment.created")
    assert (entry.via, entry.target, entry.prompt_id) == ("console", str(made.pk), prompt.pk)


def test_it_can_be_paused_at_first_and_any_variant_the_control(browser: Browser, prompt: Prompt) -> None:
    fields = form(prompt, (1, "50"), (2, "50"), control="1", status="paused")
    assert "and paused" in press(browser, at("create-deployment", prompt), **fields)
    made = Deployment.objects.get()
    assert (made.status, control(made)) == ("paused", 2)


@pytest.mark.parametrize(
    ("rows", "told", "at_row"),
    [
        ([(1, "90"), (2, "20")], "Variant weights must sum to 100, got 110", None),
        ([(1, "90"), (2, "ten")], "Send a whole number.", 1),
        ([(1, "90"), ("", "10")], "Must be a valid UUID.", 1),
        ([(1, "90"), ("", ""), ("0190163d-0000-7000-8000-000000000000", "10")], "There is no such version", 2),
        ([(1, "50"), (1, "50")], "Name each version once.", None),
        ([("", "")], "", None),
    ],
    ids=["a sum", "a word", "no version", "another's version", "twice", "nothing"],
)
def test_what_is_refused_is_told_at_its_row_and_nothing_typed_is_lost(
    browser: Browser, prompt: Prompt, rows: list[tuple[int | str, str]], told: str, at_row: int | None
) -> None:
    answer = browser.post(at("create-deployment", prompt), form(prompt, *rows, name="a trial"))
    assert answer.status_code == 400
    assert told in shown(answer)
    kept = [row for row in answer.context["rows"] if row.version_id or row.weight]
    assert [row.weight for row in kept] == [weight for _, weight in rows if weight]
    faulty = [row.weight for row in kept if row.faults]
    assert faulty == ([rows[at_row][1]] if at_row is not None else [])
    assert answer.context["name"] == "a trial"
    assert not Deployment.objects.exists()


def test_what_the_policy_lacks_is_said_before_and_refused_after(
    browser: Browser, prompt: Prompt, bob: Actor, namespace: Namespace
) -> None:
    factories.change_policy(namespace, required_approvals=1)
    promotion.approve(version(prompt, 2), by=bob)
    page = shown(browser.get(at("new-deployment", prompt)))
    assert "version 3 : 1 of 1 approvals is missing." in page
    assert "version 2 : 1 of 1" not in page
    answer = browser.post(at("create-deployment", prompt), form(prompt, (2, "90"), (3, "10")))
    assert answer.status_code == 409
    assert "Version 3: 1 of 1 approvals is missing. Nothing was changed." in shown(answer)
    assert not Deployment.objects.exists()
    press(browser, at("create-deployment", prompt), **form(prompt, (2, "100")))
    assert weights(Deployment.objects.get()) == {2: 100}


def test_a_rejected_version_is_not_offered(browser: Browser, prompt: Prompt, bob: Actor) -> None:
    promotion.reject(version(prompt, 2), reason="It is rude to people.", by=bob)
    offered = browser.get(at("new-deployment", prompt)).context["offered"]
    assert [each.version.number for each in offered] == [3, 1]


# ----------------------------------------------------------------------------- its weights
def test_weights_are_changed_a_version_comes_and_one_goes(browser: Browser, deployment: Deployment) -> None:
    first = deployment.variants.get(version__number=1)
    fields = form(deployment.prompt, (1, "40"), (2, "10"), (3, "60"), **{"left-out": "1", "control": "2"})
    assert "The weights are as you asked." in press(browser, at("change-weights", deployment), **fields)
    assert (weights(deployment), control(deployment)) == ({1: 40, 3: 60}, 3)
    assert deployment.variants.get(version__number=1).pk == first.pk


def test_where_the_control_goes_the_first_that_stays_is_it(browser: Browser, deployment: Deployment) -> None:
    press(
        browser, at("change-weights", deployment), **form(deployment.prompt, (1, "0"), (2, "100"), **{"left-out": "0"})
    )
    assert (weights(deployment), control(deployment)) == ({2: 100}, 2)


def test_weights_that_are_refused_stand_in_the_form(browser: Browser, deployment: Deployment, alice: Actor) -> None:
    measure(deployment, by=alice, v1=(800.0, 900.0))
    answer = browser.post(at("change-weights", deployment), form(deployment.prompt, (1, "50"), (2, "5"), (3, "7")))
    assert answer.status_code == 400
    assert "Variant weights must sum to 100, got 62" in shown(answer)
    assert [(row.number, row.weight) for row in answer.context["rows"]][:3] == [(1, "50"), (2, "5"), (None, "7")]
    assert f'<form method="get" action="{at("deployment", deployment)}"' in answer.content.decode()
    assert weights(deployment) == {1: 90, 2: 10}


def test_an_old_log_in_asks_for_the_password_and_keeps_what_was_typed(
    long_ago: Browser, deployment: Deployment
) -> None:
    assert 'id="weights-password"' in long_ago.get(at("deployment", deployment)).content.decode()
    answer = long_ago.post(at("change-weights", deployment), form(deployment.prompt, (1, "50"), (2, "50")))
    assert answer.status_code == 403
    assert "give your password to decide. Nothing was changed." in shown(answer)
    assert [row.weight for row in answer.context["rows"]][:2] == ["50", "50"]
    assert weights(deployment) == {1: 90, 2: 10}


def test_a_policy_that_became_stricter_is_told_on_the_page(
    browser: Browser, deployment: Deployment, namespace: Namespace
) -> None:
    factories.change_policy(namespace, required_approvals=1)
    page = shown(browser.get(at("deployment", deployment)))
    assert "Version 2 : 1 of 1 approvals is missing. Until then this deployment cannot be changed" in page
    assert browser.post(at("change-weights", deployment), form(deployment.prompt, (1, "100"))).status_code == 409
    assert "paused" in press(browser, at("pause-deployment", deployment))
    refused = press(browser, at("resume-deployment", deployment))
    assert "1 of 1 approvals is missing. Nothing was changed." in refused
    assert Deployment.objects.get().status == "paused"


# ----------------------------------------------------------------------------- its status and its name
def test_it_is_paused_without_a_password_and_resumed_with_one(long_ago: Browser, deployment: Deployment) -> None:
    assert "It is paused and serves nothing" in press(long_ago, at("pause-deployment", deployment))
    assert "give your password" in press(long_ago, at("resume-deployment", deployment))
    assert Deployment.objects.get().status == "paused"
    assert "active again" in press(long_ago, at("resume-deployment", deployment), password=PASSWORD)
    assert Deployment.objects.get().status == "active"


def test_an_archived_one_is_shown_and_not_changed(browser: Browser, deployment: Deployment) -> None:
    page = press(browser, at("archive-deployment", deployment))
    assert "It is archived, which is final" in page
    content = browser.get(at("deployment", deployment)).content.decode()
    assert not [name for name in ("change-weights", "resume", "pause", "rename") if f'/{name}"' in content]
    answer = browser.post(at("change-weights", deployment), form(deployment.prompt, (1, "100")))
    assert answer.status_code == 409
    assert "An archived deployment does not change any more." in shown(answer)
    assert "does not change any more" in press(browser, at("resume-deployment", deployment))
    assert Deployment.objects.get().status == "archived"


def test_renaming_changes_the_name_alone(browser: Browser, deployment: Deployment) -> None:
    press(browser, at("pause-deployment", deployment))
    sent = {"name": "kinder", "status": "active", **form(deployment.prompt, (1, "100"))}
    assert "The name is changed." in press(browser, at("rename-deployment", deployment), **sent)
    deployment.refresh_from_db()
    assert (deployment.name, deployment.status, weights(deployment)) == ("kinder", "paused", {1: 90, 2: 10})
    press(browser, at("rename-deployment", deployment), name="")
    assert "support: a deployment" in shown(browser.get(at("deployment", deployment)))


def test_whoever_may_only_look_sees_no_button_and_presses_none(acme: Tenant, deployment: Deployment) -> None:
    staff = User.objects.create(username="staff", tenant=None, is_staff=True, is_superuser=True)
    browser = Browser()
    browser.force_login(staff, backend="tenants.console.ConsoleBackend")
    browser.post(reverse("console:choose-tenant", args=[acme.pk]))
    answer = browser.get(at("deployment", deployment))
    assert "version 1 90 %" in shown(answer)
    assert "Changing them takes the right deployments:write." in shown(answer)
    assert 'name="weight"' not in answer.content.decode()
    assert browser.get(at("new-deployment", deployment.prompt)).status_code == 403
    assert browser.post(at("pause-deployment", deployment)).status_code == 403
    assert Deployment.objects.get().status == "active"
    refused = AuditEntry.objects.get(verb="deployment.changed.denied")
    assert (refused.target, refused.prompt_id) == (str(deployment.pk), deployment.prompt_id)


# ----------------------------------------------------------------------------- what it shows
def test_plan_and_guardrails_are_told_by_versions(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    plan = [{"weights": {CONTROL: 75, str(version(prompt, 2).pk): 25}, "holdMinutes": 60, "minSessions": 1}]
    rail = {"type": "latency", "name": "answer", "direction": "up", "margin": 0.1}
    made = split(prompt, {1: 90, 2: 10}, by=alice, plan=plan, guardrails=[rail])
    page = shown(browser.get(at("deployment", made)))
    assert "the control 75 %, version 2 25 %: for 60 minutes, and until 1 session have met it" in page
    assert "latency answer: not above the control" in page
    assert "by more than 0.1 of it" in page


def test_results_are_compared_in_the_metric_that_is_chosen(browser: Browser, prompt: Prompt, alice: Actor) -> None:
    made = split(prompt, {1: 50, 2: 50}, by=alice)
    measure(made, by=alice, v1=(800.0, 900.0), v2=(700.0, 800.0))
    measure(made, by=alice, name="<b>first</b>", v1=(5.0, 6.0))
    page = shown(browser.get(at("deployment", made)))
    assert "is better than version 1." in page
    assert "version 1 (control) 50 % 100 100 850 840 to 860" in page
    assert "version 2 50 % 100 100 750 740 to 760 -100 " in page
    assert "sessions came as the weights say (p = 1)" in page
    answer = browser.get(at("deployment", made), {"metric": "latency:<b>first</b>", "hours": "24"})
    assert "version 2 has 100 and 0" in shown(answer)
    assert "<b>first" not in answer.content.decode()


def test_sessions_that_came_otherwise_than_by_the_weights_are_told_in_red(
    browser: Browser, deployment: Deployment, alice: Actor
) -> None:
    measure(deployment, by=alice, v1=(800.0, 900.0), v2=(700.0, 800.0))
    answer = browser.get(at("deployment", deployment))
    assert '<p class="pv-note bad">The sessions are not split as the weights say' in answer.content.decode()


@pytest.mark.parametrize("query", [{"metric": "latency:unknown"}, {"metric": "x" * 300}, {"hours": "-1"}], ids=str)
def test_a_choice_that_is_none_shows_the_first(
    browser: Browser, deployment: Deployment, alice: Actor, query: dict[str, str]
) -> None:
    measure(deployment, by=alice, v1=(800.0, 900.0))
    answer = browser.get(at("deployment", deployment), query)
    assert (answer.context["chosen"].key, answer.context["hours"]) == ("latency:answer", 168)


def test_without_measurements_the_page_says_what_to_send(browser: Browser, deployment: Deployment) -> None:
    page = shown(browser.get(at("deployment", deployment)))
    said = f'"{version(deployment.prompt, 1).pk}", "deploymentId": "{deployment.pk}"'
    assert f'{{"versionId": {said}, "sessionId": "a-session"' in page


def test_twenty_variants_and_many_versions_take_few_queries(
    browser: Browser, prompt: Prompt, alice: Actor, namespace: Namespace, django_assert_max_num_queries: Any
) -> None:
    for number in range(4, 21):
        factories.make_version(prompt, f"Text {number}", by=alice)
    made = split(prompt, dict.fromkeys(range(1, 21), 5), by=alice)
    measure(made, by=alice, v1=(800.0, 900.0))
    factories.change_policy(namespace, required_approvals=1)
    with django_assert_max_num_queries(25):
        answer = browser.get(at("deployment", made))
    assert shown(answer).count("1 of 1 approvals is missing.") == 20
    assert len([row for row in answer.context["rows"] if row.number]) == len(answer.context["rows"]) == 20
