"""What `load_demo` has stored of the demo is what its files say; it is loaded once for all of these tests."""

import copy
import hashlib
import io
import re
from typing import Any, NamedTuple

import pytest
import rfc8785
from django.core.management import call_command

from audit.models import AuditEntry
from deployments import measures, results
from deployments.measures import Subject
from deployments.models import Deployment
from evaluations.models import Evaluation
from prompts.models import Namespace, Prompt, PromptVersion, Tag, TagMove
from tenants.models import Tenant, User
from tests import factories
from tests.conftest import Furnish
from tests.deployments.test_load_demo import FILES, PEOPLE, load, moves_in, versions_in, written
from tests.factories import Client, json_of


class Loaded(NamedTuple):
    """A tenant with the demo, and what the command said of each prompt."""

    acme: Tenant
    told: list[dict[str, Any]]


@pytest.fixture(scope="module")
def once(furnish: Furnish[Loaded]) -> Loaded:
    return furnish(lambda: Loaded(factories.make_tenant("acme"), load()))


@pytest.fixture
def loaded(db: None, once: Loaded) -> Loaded:
    return copy.deepcopy(once)


@pytest.fixture
def acme(loaded: Loaded) -> Tenant:
    return loaded.acme


def stored(tenant: Tenant) -> tuple[int, ...]:
    """How many rows a tenant has that the demo could add to."""
    models = (Namespace, Prompt, PromptVersion, Tag, TagMove, User)
    return tuple(model._default_manager.filter(tenant=tenant).count() for model in models)


def test_what_is_stored_is_what_the_files_say(acme: Tenant, loaded: Loaded, as_admin: Client) -> None:
    assert {(each["namespace"], each["name"], each["created"]) for each in loaded.told} == {
        (path.parent.name, path.stem, True) for path in FILES
    }
    for path, said in zip(FILES, loaded.told, strict=True):
        story = written(path)
        prompt = Prompt.objects.get(tenant=acme, namespace__slug=path.parent.name, slug=path.stem)
        assert (prompt.type, prompt.description) == (story.get("type", "text"), story["description"])
        assert prompt.metadata["example"] == story["example"]

        digests = {number: digest_of(prompt.type, version) for number, version in versions_in(story).items()}
        assert dict(prompt.versions.values_list("number", "digest")) == digests
        by_number = {step["write"]: step for step in reversed(story["history"]) if "write" in step}
        for version in prompt.versions.select_related("author"):
            step = by_number[version.number]
            assert version.author.username == step["by"]
            said_why = version.metadata or prompt.metadata
            assert (said_why["author"], said_why["reason"]) == (step["by"], step["reason"])

        moves = prompt.tag_moves.order_by("at", "id").values_list("tag", "new__number", "moved_by__username", "reason")
        assert list(moves) == moves_in(story)
        assert (said["versions"], said["moves"]) == (len(digests), len(moves_in(story)))
        ends = {tag: number for tag, number, _, _ in moves_in(story)}
        tags = json_of(as_admin.get(f"/prompts/{path.parent.name}:{path.stem}/tags"))["data"]
        assert {tag["name"]: tag["version"]["number"] for tag in tags} == {
            tag: number for tag, number in ends.items() if number
        }


def digest_of(type_: str, version: dict[str, Any]) -> str:
    """As the contract defines it, without the product's own code."""
    return hashlib.sha256(rfc8785.dumps({**version, "type": type_})).hexdigest()


def test_every_version_renders_with_the_example_of_its_prompt(acme: Tenant, as_admin: Client) -> None:
    rendered = 0
    for path in FILES:
        story = written(path)
        for number in versions_in(story):
            answer = as_admin.post(
                f"/prompts/{path.parent.name}:{path.stem}/versions/{number}/render",
                {"variables": story["example"], "strict": True},
            )
            assert answer.status_code == 200, (path.name, number, answer.content)
            assert not re.search(r"\{\{|\{%|\bNone\b", json_of(answer)["rendered"]), (path.name, number)
            rendered += 1
    assert rendered == PromptVersion.objects.filter(tenant=acme).count()


def test_people_are_made_and_what_is_in_staging_of_one_namespace_waits(acme: Tenant) -> None:
    found = User.objects.filter(tenant=acme)
    assert {user.username: [group.name for group in user.groups.all()] for user in found} == PEOPLE
    asked = {space.slug: space.policy.required_approvals for space in Namespace.objects.filter(tenant=acme)}
    assert asked == {"default": 0, "support": 0, "workbench": 1}
    assert Tag.objects.filter(tenant=acme).awaiting_approval().count() == 5


def test_what_has_test_cases_is_evaluated_as_it_is_in_staging(acme: Tenant) -> None:
    for path in FILES:
        tests = written(path).get("tests", [])
        prompt = Prompt.objects.get(tenant=acme, namespace__slug=path.parent.name, slug=path.stem)
        assert set(prompt.test_cases.values_list("name", flat=True)) == {each["name"] for each in tests}
        assert prompt.evaluations.count() == bool(tests)
    ended = Evaluation.objects.filter(tenant=acme).values_list("prompt__slug", "version__tags__name", "status", "score")
    assert set(ended) == {("ticket-triage", "staging", "passed", 1.0), ("release-notes", "staging", "failed", 2 / 3)}


def test_loading_twice_changes_nothing_and_says_so(acme: Tenant) -> None:
    before, entries = stored(acme), AuditEntry.objects.filter(tenant_id=acme.pk).count()
    out = io.StringIO()
    call_command("load_demo", "--tenant", "acme", stdout=out)
    assert (stored(acme), AuditEntry.objects.filter(tenant_id=acme.pk).count()) == (before, entries)
    assert out.getvalue().count("was there already") == 12
    assert out.getvalue().endswith("Nothing has changed: all 12 prompts were there already.\n")


def test_traffic_is_split_and_what_came_of_it_is_measured(acme: Tenant) -> None:
    deployment = Deployment.objects.for_display().get(tenant=acme)
    assert (deployment.name, deployment.prompt.slug) == ("calm subjects", "email-subjects")
    found = results.results_of(deployment, results.Metric("latency", "answer"), measures.since(72))
    assert found["verdict"] == "better"
    assert sum(each["exposures"] for each in found["variants"]) == 600
    summary = measures.measures_of(Subject(acme.pk, deployment.prompt_id, is_version=False), measures.since(72)).summary
    assert summary["quality"]["opened"]["count"] == 600
