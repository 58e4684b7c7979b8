"""Test cases in the console: those of a prompt, and the form in which one is written."""

from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from rest_framework.exceptions import ValidationError

from evaluations.actions import test_cases
from evaluations.models import TestCase
from evaluations.pages import case_fields
from evaluations.pages.finding import case_of
from evaluations.serializers import NewTestCase
from prompts.models import Prompt
from prompts.models.prompts import PromptRef
from prompts.template import analyse_body
from prompts.views.finding import prompt_of
from pvc.api import flat_messages
from pvc.errors import Invalid
from pvc.keeping import KeepingButton, KeepingPage
from pvc.pages import Page, Refused, stretch


def right_to_change(prompt: Prompt) -> str:
    """The scope that changing a prompt's test cases takes, as the verb asks for it."""
    return "prompts:promote" if prompt.namespace.policy.required_approvals else "prompts:write"


class CasesPage(Page):
    """The test cases of a prompt, the newest first."""

    model = Prompt
    template_name = "admin/console/cases.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        self.title = f"{prompt.slug}: test cases"
        right = right_to_change(prompt)
        cases = TestCase.objects.visible_to(self.actor).filter(prompt=prompt)
        part = stretch(self.request, cases.defer("variables"))
        for case in part.rows:
            vars(case)["said"] = case_fields.said_of(case.assertions)
        return {
            "prompt": prompt,
            "part": part,
            "right": right,
            "can_change": self.actor.may(right) and not prompt.is_archived,
        }


# ----------------------------------------------------------------------------- the form
class CaseForm(KeepingPage):
    """The fields of a test case: what is kept, or what was sent and refused."""

    model = Prompt
    template_name = "admin/console/case.html"

    def fields(self, prompt: Prompt, case: TestCase | None) -> dict[str, Any]:
        right = right_to_change(prompt)
        filled = _as_sent(self.request.POST, self.refused) if self.refused else _as_kept(prompt, case)
        return {
            "prompt": prompt,
            "case": case,
            "types": case_fields.TYPES.items(),
            "right": right,
            "can_change": self.actor.may(right) and not prompt.is_archived,
            **filled,
            "rows": case_fields.with_room(filled["rows"]),
        }


class NewCasePage(CaseForm):
    """A test case that is about to be written."""

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        self.title = f"{prompt.slug}: a new test case"
        return self.fields(prompt, None)


class CasePage(CaseForm):
    """One test case."""

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        case = case_of(self.actor, kwargs["case_id"])
        self.title = f"{case.prompt.slug}: {case.name}"
        return self.fields(case.prompt, case)


def _as_kept(prompt: Prompt, case: TestCase | None) -> dict[str, Any]:
    variables = case.variables if case else _empty_values(prompt)
    return {
        "name": case.name if case else "",
        "variables": case_fields.json_of(variables),
        "rows": case_fields.rows_of(case.assertions) if case else [],
    }


def _empty_values(prompt: Prompt) -> dict[str, Any]:
    """A value to be written for each variable of the newest text; the declared default where there is one."""
    newest = prompt.versions.sealed().order_by("-number").first()
    if newest is None:
        return {}
    return {name: newest.variables.get(name, {}).get("default", "") for name in analyse_body(newest.content).variables}


def _as_sent(sent: QueryDict, refused: Refused) -> dict[str, Any]:
    faults = _faults(refused)
    return {
        "name": sent.get("name", ""),
        "variables": sent.get("variables", ""),
        "rows": case_fields.with_faults(_rows(sent), faults),
        "name_faults": faults.get("name", []),
        "variables_faults": [said for path, each in faults.items() if path.startswith("variables") for said in each],
        "assertions_faults": faults.get("assertions", []),
    }


def _faults(refused: Refused) -> dict[str, list[str]]:
    """What is wrong, by field; nothing, where it is no field that was refused."""
    if isinstance(refused, ValidationError):
        return flat_messages(refused.detail)
    fields: dict[str, list[str]] = refused.details.get("fields", {}) if isinstance(refused, Invalid) else {}
    return fields


def _rows(sent: QueryDict) -> list[case_fields.Row]:
    return case_fields.sent_rows(sent.getlist("assertion-type"), sent.getlist("assertion-value"))


# ----------------------------------------------------------------------------- buttons
class CaseButton(KeepingButton):
    """A button on a test case. Either right opens the door; by the policy, the verb knows which is needed."""

    permission_required = "prompts:write"

    def has_permission(self) -> bool:
        return super().has_permission() or self.actor.may("prompts:promote")

    def refused_target(self) -> tuple[str, UUID | None]:
        case = TestCase.objects.visible_to(self.actor).filter(pk=self.kwargs["case_id"]).first()
        return str(self.kwargs["case_id"]), case.prompt_id if case else None

    def page_for(self, refused: Refused) -> type[KeepingPage] | None:  # noqa: ARG002
        return CasePage

    def written(self, case: TestCase | None) -> dict[str, Any]:
        """Name, variables and assertions as verbs take them. Raises Invalid, and ValidationError."""
        sent = self.request.POST
        assertions = case_fields.assertions_in(_rows(sent), case.assertions if case else ())
        return self.read(
            NewTestCase, variables=case_fields.variables_in(sent.get("variables", "")), assertions=assertions
        )


class CreateCase(CaseButton):
    audited = "test_case.created"

    def refused_target(self) -> tuple[str, UUID | None]:
        prompt_id: UUID = self.kwargs["prompt_id"]
        known = Prompt.objects.visible_to(self.actor).filter(pk=prompt_id).exists()
        return str(prompt_id), prompt_id if known else None

    def page_for(self, refused: Refused) -> type[KeepingPage]:  # noqa: ARG002
        return NewCasePage

    def press(self, **kwargs: Any) -> str:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        fields = self.written(None)
        case = test_cases.create_test_case(prompt, **fields, by=self.actor)
        self.say(f"The test case {case.name} is there. What was evaluated before knows nothing of it.")
        return _cases_of(prompt.pk)


class ChangeCase(CaseButton):
    audited = "test_case.changed"

    def press(self, **kwargs: Any) -> str:
        case = case_of(self.actor, kwargs["case_id"])
        changed = test_cases.change_test_case(case, self.written(case), by=self.actor)
        is_other = changed.digest != case.digest
        self.say(f"The test case {changed.name} is {'changed' if is_other else 'as it was'}.")
        return _cases_of(case.prompt_id)


class DeleteCase(CaseButton):
    audited = "test_case.deleted"

    def page_for(self, refused: Refused) -> None:
        """Nothing was typed: it is told as everywhere."""

    def press(self, **kwargs: Any) -> str:
        case = case_of(self.actor, kwargs["case_id"])
        test_cases.delete_test_case(case, by=self.actor)
        self.say(f"The test case {case.name} is deleted. The runs that it was part of keep what they said.")
        return _cases_of(case.prompt_id)


def _cases_of(prompt_id: UUID) -> str:
    return reverse("console:cases", args=[prompt_id])
