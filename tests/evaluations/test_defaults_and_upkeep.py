"""What `default` means in a policy, and what goes when its time is over."""

import datetime as dt

import pytest
from django.utils import timezone

from deployments import policy
from deployments.actions import promotion
from evaluations import worker
from evaluations.actions import runs, test_cases
from evaluations.models import CallbackReceipt
from prompts.models import Namespace, Prompt
from tenants.models import Actor
from tests import factories

HOLDS = [{"type": "no_missing_variables"}]


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, body="Hello")


def test_a_default_that_is_listed_is_the_harness_that_the_namespace_names(
    namespace: Namespace, prompt: Prompt, alice: Actor
) -> None:
    asked = {"mode": "require_pass", "threshold": 1, "harnesses": ["default", "builtin"]}
    factories.change_policy(namespace, default_harness="builtin", evaluation_policy=asked)
    test_cases.create_test_case(prompt, "one", variables={}, assertions=HOLDS, by=alice)
    version, terms = prompt.versions.get(), namespace.policy
    assert [each["code"] for each in policy.unmet_of(version, terms)] == ["EVALUATION_MISSING"]
    runs.trigger(version, harness="default", by=alice)
    worker.run_due()
    assert policy.unmet_of(version, terms) == []


def test_a_harness_that_is_listed_by_two_names_is_asked_once(
    namespace: Namespace, prompt: Prompt, alice: Actor
) -> None:
    asked = {"harnesses": ["builtin", "default"], "auto_trigger": True}
    factories.change_policy(namespace, default_harness="builtin", evaluation_policy=asked)
    promotion.set_tag(prompt, "staging", version=prompt.versions.get(), by=alice)
    assert [each.harness for each in prompt.evaluations.all()] == ["builtin"]


def test_receipts_go_after_a_day(prompt: Prompt, alice: Actor) -> None:
    asked = runs.trigger(prompt.versions.get(), by=alice)
    for webhook_id in ("old", "new"):
        runs_at = timezone.now() - dt.timedelta(hours=25 if webhook_id == "old" else 23)
        CallbackReceipt.objects.create(
            tenant=asked.tenant,
            evaluation=asked,
            harness=asked.harness,
            webhook_id=webhook_id,
            body_sha256=bytes(32),
            created_at=runs_at,
        )
    assert runs.purge_receipts() == 1
    assert list(CallbackReceipt.objects.values_list("webhook_id", flat=True)) == ["new"]
