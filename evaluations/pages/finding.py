"""How pages and buttons find what they are about: from the reader's tenant, or not at all."""

from uuid import UUID

from evaluations.models import Evaluation, Harness, TestCase
from pvc.errors import NotFound
from tenants.models import Actor


def evaluation_of(actor: Actor, evaluation_id: UUID) -> Evaluation:
    """One run. Raises NotFound."""
    runs = Evaluation.objects.visible_to(actor).select_related("version", "prompt__namespace", "triggered_by")
    found = runs.filter(pk=evaluation_id).first()
    if found is None:
        raise NotFound("There is no such evaluation.")
    return found


def case_of(actor: Actor, case_id: UUID) -> TestCase:
    """A test case, with its prompt. Raises NotFound."""
    found = TestCase.objects.visible_to(actor).select_related("prompt__namespace").filter(pk=case_id).first()
    if found is None:
        raise NotFound("There is no such test case.")
    return found


def harness_of(actor: Actor, harness_id: UUID) -> Harness:
    """A registered harness. Raises NotFound."""
    found = Harness.objects.visible_to(actor).filter(pk=harness_id).first()
    if found is None:
        raise NotFound("There is no such harness.")
    return found
