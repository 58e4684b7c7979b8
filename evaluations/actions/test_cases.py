"""Verbs on test cases. Where approvals are required they are part of what a promotion rests on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils import timezone

from audit.unit import record, verb
from evaluations.assertions import checked
from evaluations.models import TestCase
from prompts.files.filed import FiledCase
from prompts.models import Prompt
from pvc.errors import Conflict, Forbidden, Invalid
from tenants.models import Actor

MOST_CASES: Final = 10_000
MOST_VARIABLES: Final = 1_000
_AT_ONCE: Final = 1_000  # rows of a statement


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
    _say_created(case, by=by)
    return case


@verb(refused="test_case.changed")
def keep_test_cases(prompt: Prompt, cases: Sequence[FiledCase], *, by: Actor) -> None:
    """Write many test cases by their names, those that are there anew: what files say becomes so.

    Raises Invalid, which names the case.
    """
    prompt = _held(prompt, by=by)
    there = {case.name: case for case in prompt.test_cases.filter(name__in=[case.name for case in cases])}
    if prompt.test_cases.count() + len(cases) - len(there) > MOST_CASES:
        raise TooManyCases(f"A prompt has {MOST_CASES:,} test cases at most.")
    made: list[TestCase] = []
    changed: list[TestCase] = []
    for filed in cases:
        case = there.get(filed.name) or TestCase(tenant=prompt.tenant, prompt=prompt, name=filed.name)
        (changed if filed.name in there else made).append(case)
        _write(case, filed.variables, _checked(filed))
        case.updated_at = timezone.now()
    TestCase.objects.bulk_create(made, batch_size=_AT_ONCE)
    TestCase.objects.bulk_update(changed, ["variables", "assertions", "digest", "updated_at"], batch_size=_AT_ONCE)
    for case in made:
        _say_created(case, by=by)
    for case in changed:
        _say_changed(case, by=by)


@verb(refused="test_case.changed")
def change_test_case(case: TestCase, changes: Mapping[str, Any], *, by: Actor) -> TestCase:
    """Write a test case anew: name, variables, assertions; what is left out stays."""
    _held(case.prompt, by=by)
    case = TestCase.objects.select_for_update(no_key=True).get(pk=case.pk)
    before = case.digest
    case.name = changes.get("name", case.name)
    assertions = checked(changes["assertions"]) if "assertions" in changes else case.assertions
    _write(case, changes.get("variables", case.variables), assertions)
    if case.digest == before:
        return case
    case.updated_at = timezone.now()
    case.save(update_fields=["name", "variables", "assertions", "digest", "updated_at"])
    _say_changed(case, by=by)
    return case


@verb(refused="test_case.deleted")
def delete_test_case(case: TestCase, *, by: Actor) -> None:
    """Take a test case away. The runs that it was part of keep what they said."""
    _held(case.prompt, by=by)
    case = TestCase.objects.select_for_update().get(pk=case.pk)
    _say_deleted(case, by=by)
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


def _checked(filed: FiledCase) -> list[dict[str, Any]]:
    try:
        return checked(filed.assertions)
    except Invalid as refused:
        refused.message = f"The test case “{filed.name}”: {refused.message}"
        raise


def _write(case: TestCase, variables: Mapping[str, Any], assertions: list[dict[str, Any]]) -> None:
    if len(variables) > MOST_VARIABLES:
        raise Invalid.field("variables", f"Give values for {MOST_VARIABLES:,} variables at most.")
    case.variables, case.assertions = dict(variables), assertions
    case.digest = FiledCase(case.name, case.variables, assertions).digest


def _say_created(case: TestCase, *, by: Actor) -> None:
    record(
        "test_case.created",
        case,
        by=by,
        prompt_id=case.prompt_id,
        caseId=str(case.pk),
        name=case.name,
        digest=case.digest,
    )


def _say_changed(case: TestCase, *, by: Actor) -> None:
    record(
        "test_case.changed",
        case,
        by=by,
        prompt_id=case.prompt_id,
        caseId=str(case.pk),
        name=case.name,
        digest=case.digest,
    )


def _say_deleted(case: TestCase, *, by: Actor) -> None:
    record(
        "test_case.deleted",
        case,
        by=by,
        prompt_id=case.prompt_id,
        caseId=str(case.pk),
        name=case.name,
        digest=case.digest,
    )
