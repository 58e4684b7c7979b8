"""Forty stored payloads in every field that takes text: the console shows them, and none of them runs."""

from collections.abc import Iterator

import orjson
import pytest

from deployments.actions import experiments, metrics, promotion
from deployments.actions.experiments import Share
from deployments.views.sent import items_in
from evaluations.actions import runs, test_cases
from evaluations.actions.runs import Outcome
from evaluations.models import Harness
from prompts.actions import drafts, namespaces, prompts, tiers
from prompts.content import content_of
from prompts.models import Namespace, Prompt
from tenants import actions
from tenants.models import Actor
from tests import factories
from tests.browser.conftest import Console, Person
from tests.console.routes import PAGES

pytestmark = pytest.mark.full

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "<svg onload=alert(4)>",
    "<svg><script>alert(5)</script></svg>",
    '"><script>alert(6)</script>',
    "'><img src=x onerror=alert(7)>",
    '" autofocus onfocus=alert(8) x="',
    "' autofocus onfocus=alert(9) x='",
    "<iframe src=javascript:alert(10)>",
    "<iframe srcdoc='<script>alert(11)</script>'>",
    "<a href=javascript:alert(12)>x</a>",
    "<body onload=alert(13)>",
    "<details open ontoggle=alert(14)>",
    "<input autofocus onfocus=alert(15)>",
    "<video><source onerror=alert(16)></video>",
    "<math><mi xlink:href=javascript:alert(17)>",
    "<object data=javascript:alert(18)>",
    "<embed src=javascript:alert(19)>",
    "<form><button formaction=javascript:alert(20)>",
    "</textarea><script>alert(21)</script>",
    "</title><script>alert(22)</script>",
    "</style><script>alert(23)</script>",
    "</td></tr></table><script>alert(24)</script>",
    "--><script>alert(25)</script>",
    "]]><script>alert(26)</script>",
    "<template><script>alert(27)</script></template>",
    "<div x-data x-init=alert(28)>",
    '<div x-data="{a:alert(29)}">',
    "<p hx-get=/admin/ hx-trigger=load hx-on:load=alert(30)>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content=0;url=//evil.example/>",
    "<style>@import'//evil.example/x';</style>",
    "\\u003cscript\\u003ealert(35)\\u003c/script\\u003e",
    "&lt;script&gt;alert(36)&lt;/script&gt;",
    "<ScRiPt >alert(37)</sCrIpT>",
    "<script/src=//evil.example/x.js></script>",
    "<img src=//evil.example/x.png>",
    '<a href="data:text/html,<script>alert(40)</script>">x</a>',
]
#: How many stand together in one field.
TOGETHER = 4


def test_there_are_forty() -> None:
    assert len(set(PAYLOADS)) >= 40


def filled(words: str, *, alice: Actor, bob: Actor, ada: Actor) -> tuple[Namespace, Prompt]:
    """A namespace and a prompt with these words in each field that takes text."""
    number = len(Namespace.objects.filter(tenant=ada.tenant))
    namespace = namespaces.create_namespace(f"n{number}", name=words, description=words, by=ada, required_approvals=0)
    tiers.create_tier(namespace, name=words[:100], max_tokens=100_000, enforcement="warn", by=ada)
    declared = {"x": {"type": "string", "default": words, "description": words, "enum": [words]}}
    prompt = prompts.create_prompt(
        namespace,
        "filled",
        description=words,
        content=content_of("text", f"{words}\n{{{{ x }}}}\n{words}", declared, {words[:50]: words}),
        by=alice,
    )
    prompts.update_prompt(prompt, changes={"name": words[:200]}, by=alice)
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), reason=words, by=bob)
    measured(words, prompt, by=bob)
    factories.change_policy(namespace, required_approvals=2)
    draft = drafts.create_draft(
        prompt, content_of("text", f"{words} and more\n{{{{ x }}}}", declared, {}), change_note=words, by=alice
    )
    sealed = promotion.promote_pre_prod(draft, targets=[words[:150]], by=alice)
    promotion.approve(sealed, comment=words, by=bob)
    drafts.create_draft(prompt, content_of("text", f"{words} yet unsealed"), by=alice)
    evaluated(words, prompt, by=bob)
    return namespace, prompt


def measured(words: str, prompt: Prompt, *, by: Actor) -> None:
    """A deployment and a metric of these words."""
    version = prompt.versions.sealed().latest("number")
    made = experiments.create_deployment(prompt, variants=[Share(version.pk, 100)], name=words[:100], by=by)
    told = {"versionId": str(version.pk), "deploymentId": str(made.pk), "type": "cost", "value": 1}
    item = {**told, "name": words[:100], "unit": words[:40], "dimensions": {words[:100]: words[:200]}}
    metrics.ingest(items_in(orjson.dumps({"metrics": [item]})), by=by)


def evaluated(words: str, prompt: Prompt, *, by: Actor) -> None:
    """A harness, a test case and a failed run that say these words."""
    harness = Harness(tenant=prompt.tenant, name=f"of-{prompt.pk}", url=f"https://harness.example/{words}"[:2000])
    harness.keep(words)
    harness.save(force_insert=True)
    asserted = [{"type": "contains", "value": words}]
    case = test_cases.create_test_case(prompt, words[:200], variables={"x": words}, assertions=asserted, by=by)
    run = runs.trigger(prompt.versions.sealed().latest("number"), harness=harness.name, by=by)
    fault = {"type": "contains", "index": 0, "message": words}
    result = {"name": case.name, "passed": False, "faults": [fault], "tokens": 1, "milliseconds": 1.0}
    said = {"error": words, "message": words, words[:50]: words, "deep": [words]}
    runs.finish(run, Outcome("error", 0.5, said, cases=[result]), by=by)


def addresses(namespace: Namespace, prompt: Prompt, key_id: object) -> Iterator[str]:
    """Every page that shows a thing with these words."""
    version = prompt.versions.sealed().latest("number")
    things = {
        "prompt_id": prompt.pk,
        "version_id": version.pk,
        "number": 1,
        "namespace_id": namespace.pk,
        "tier_id": namespace.tiers.get().pk,
        "key_id": key_id,
        "case_id": prompt.test_cases.get().pk,
        "evaluation_id": prompt.evaluations.get().pk,
        "deployment_id": prompt.deployments.get().pk,
        "harness_id": Harness.objects.filter(tenant=prompt.tenant).latest("pk").pk,
    }
    for route in PAGES:
        if route.parameters and things.keys() >= set(route.parameters):
            yield route.address(things)


@pytest.mark.parametrize(
    "payloads",
    [pytest.param(PAYLOADS[::4], id="a quarter"), pytest.param(PAYLOADS, id="all", marks=pytest.mark.long)],
)
def test_none_runs(console: Console, person: Person, payloads: list[str]) -> None:
    alice, bob, ada = person("alice", "Reviewer"), person("bob", "Reviewer"), person("ada", "Administrator")
    pages: list[str] = []
    for start in range(0, len(payloads), TOGETHER):
        words = " ".join(payloads[start : start + TOGETHER])
        namespace, prompt = filled(words, alice=alice, bob=bob, ada=ada)
        key = actions.create_api_key(words[:100], owner=ada.author, scopes=["prompts:read"], by=ada)
        pages += addresses(namespace, prompt, key.row.pk)
    pages += [route.address({}) for route in PAGES if not route.parameters and not route.is_for_staff]
    pages += [f"/admin/{name}/" for name in ("prompts/tagmove", "prompts/policychange", "audit/auditentry")]
    window = console.as_person("ada")
    for page in pages:
        answer = window.goto(console.address + page)
        assert answer is not None
        assert answer.status == 200, page
        assert window.title() != "", page
    assert len(pages) > len(payloads)
    assert console.watched.faults == []
