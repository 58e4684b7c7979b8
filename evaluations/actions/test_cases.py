"""Verbs on test cases. Where approvals are required they are part of what a promotion rests on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils import timezone

from audit.unit import record, verb
from evaluations.assertions import checked
from evaluations.models import TestCase
from prompts.models import Prompt
from pvc.crypto import canonical_json, sha256_hex
from pvc.errors import Conflict, Forbidden, Invalid
from tenants.models import Actor

MOST_CASES: Final = 10_000
MOST_VARIABLES: Final = 1_000


class TooManyCases(Conflict):
    code = "TOO_MANY_TEST_CASES"


@verb(refused="test_case.created")
def create_test_case(
    prompt: Prompt, name: str, *, variables: Mapping[str, Any], assertions: Sequence[Mapping[str, Any]], by: Actor
) -> TestCase:
    """Write a test case of a prompt. What was evaluated before it is stale from now on, by `require_pass`."""
    prompt = _held(prompt, by=by)
    if prompt.test_cases.count() >= MOST_CASES:
        raise TooManyCases(f"A prompt has {MOST_CASES:,} test cases at most.")
    case = TestCase(tenant=prompt.tenant, prompt=prompt, name=name)
    _write(case, variables, checked(assertions))
    case.save(force_insert=True)
    record(
        "test_case.created", case, by=by, prompt_id=prompt.pk, caseId=str(case.pk), name=case.name, digest=case.digest
    )
    return case


@verb(refused="test_case.changed")
def change_test_case(case: TestCase, changes: Mapping[str, Any], *, by: Actor) -> TestCase:
    """Write a test case anew: name, variables, assertions; what is left out stays."""
    prompt = _held(case.prompt, by=by)
    case = TestCase.objects.select_for_update(no_key=True).get(pk=case.pk)
    before = case.digest
    case.name = changes.get("name", case.name)
    assertions = checked(changes["assertions"]) if "assertions" in changes else case.assertions
    _write(case, changes.get("variables", case.variables), assertions)
    if case.digest == before:
        return case
    case.updated_at = timezone.now()
    case.save(update_fields=["name", "variables", "assertions", "digest", "updated_at"])
    record(
        "test_case.changed", case, by=by, prompt_id=prompt.pk, caseId=str(case.pk), name=case.name, digest=case.digest
    )
    return case


@verb(refused="test_case.deleted")
def delete_test_case(case: TestCase, *, by: Actor) -> None:
    """Take a test case away. The runs that it was part of keep what they said."""
    prompt = _held(case.prompt, by=by)
    case = TestCase.objects.select_for_update().get(pk=case.pk)
    record(
        "test_case.deleted", case, by=by, prompt_id=prompt.pk, caseId=str(case.pk), name=case.name, digest=case.digest
    )
    case.delete()


def _held(prompt: Prompt, *, by: Actor) -> Prompt:
    """The prompt under its lock, if this actor may change its test cases as its namespace's policy stands.

    What a promotion rests on is not changed by whoever only writes, where a second person has to agree to one.
    """
    namespace = prompt.namespace.locked_for_decision()
    prompt = prompt.locked()
    right = "prompts:promote" if namespace.policy.required_approvals else "prompts:write"
    if not by.may(right):
        raise Forbidden(f"Changing the test cases of this prompt needs the scope {right}.", scope=right)
    prompt.require_live()
    return prompt


def _write(case: TestCase, variables: Mapping[str, Any], assertions: list[dict[str, Any]]) -> None:
    if len(variables) > MOST_VARIABLES:
        raise Invalid.field("variables", f"Give values for {MOST_VARIABLES:,} variables at most.")
    case.variables, case.assertions = dict(variables), assertions
    held = {"name": case.name, "variables": case.variables, "assertions": assertions}
    case.digest = sha256_hex(canonical_json(held))
