"""Evaluations over the API: asked for, run by the worker's own function, reported, and what they do to a promotion."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from evaluations import worker
from evaluations.models import Evaluation
from prompts.models import Namespace, Prompt
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, error_of, json_of

SECRET = "a-secret-for-callbacks-of-the-tests-0123"
CASE = {"name": "refund", "variables": {"issue": "a refund"}, "assertions": [{"type": "contains", "value": "refund"}]}


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support")


@pytest.fixture
def _secret(settings: Any, acme: Tenant) -> None:
    settings.EVAL_WEBHOOK_SECRET, settings.EVAL_WEBHOOK_TENANT = SECRET, acme.slug


def asked_for(client: Client, prompt: Prompt, harness: str = "builtin") -> Any:
    answer = client.post("/evaluations/trigger", {"versionId": str(prompt.head_id), "harnessId": harness})
    assert answer.status_code == 201, answer.content
    return json_of(answer)


def reported(evaluation_id: str, secret: str = SECRET, **said: Any) -> Any:
    body = json.dumps({"evaluationId": evaluation_id, **said}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Client(None).post(
        f"/evaluations/webhook?evaluationId={evaluation_id}", body, X_Webhook_Signature=f"sha256={signature}"
    )


def test_the_built_in_harness_runs_the_test_cases(as_alice: Client, prompt: Prompt) -> None:
    assert as_alice.post("/prompts/support/test-cases", CASE).status_code == 201
    asked = asked_for(as_alice, prompt)
    assert asked["status"] == "pending"
    assert worker.run_due() == 1
    found = json_of(as_alice.get(f"/evaluations/{asked['id']}"))
    assert (found["status"], found["score"]) == ("passed", 1.0)
    assert [(each["name"], each["passed"]) for each in found["results"]] == [("refund", True)]


def test_without_test_cases_the_built_in_harness_ends_in_an_error(as_alice: Client, prompt: Prompt) -> None:
    asked_for(as_alice, prompt)
    worker.run_due()
    [found] = json_of(as_alice.get(f"/evaluations/versions/{prompt.head_id}"))["data"]
    assert (found["status"], found["metrics"]["error"]) == ("error", "NO_TEST_CASES")


@pytest.mark.usefixtures("_secret")
def test_a_failing_evaluation_closes_the_gate_and_a_later_pass_opens_it(as_bob: Client, prompt: Prompt) -> None:
    as_bob.post("/prompts/support/tags/staging", {"versionId": str(prompt.head_id)})
    failing = asked_for(as_bob, prompt, "default")
    assert failing["status"] == "running"
    assert reported(failing["id"], status="failed", score=0.2).status_code == 200
    gate = json_of(as_bob.get(f"/evaluations/versions/{prompt.head_id}/gate"))
    refusal = error_of(as_bob.post("/prompts/support/promote"))
    assert (gate["canPromote"], refusal["code"]) == (False, "PROMOTION_BLOCKED")
    assert refusal["details"]["unmet"] == gate["unmet"]
    assert [each["code"] for each in gate["unmet"]] == ["EVALUATION_FAILED"]
    assert reported(asked_for(as_bob, prompt, "default")["id"], status="passed", score=0.9).status_code == 200
    assert as_bob.post("/prompts/support/promote").status_code == 200
    move = prompt.tag_moves.get(tag="production")
    assert [each["status"] for each in move.decision["gate"]["runs"]] == ["passed"]


@pytest.mark.usefixtures("_secret")
def test_what_has_ended_is_final(as_alice: Client, prompt: Prompt) -> None:
    asked = asked_for(as_alice, prompt, "default")
    assert reported(asked["id"], status="passed").status_code == 200
    again = reported(asked["id"], status="failed")
    assert (again.status_code, error_of(again)["code"]) == (409, "EVALUATION_FINISHED")
    assert Evaluation.objects.get(pk=asked["id"]).status == "passed"


@pytest.mark.usefixtures("_secret")
def test_a_wrong_signature_is_401(as_alice: Client, prompt: Prompt) -> None:
    asked = asked_for(as_alice, prompt, "default")
    assert reported(asked["id"], secret="another", status="passed").status_code == 401
    assert Evaluation.objects.get(pk=asked["id"]).status == "running"
