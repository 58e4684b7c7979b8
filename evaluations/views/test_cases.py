"""/prompts/{ref}/test-cases: what the built-in harness renders and asserts."""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from evaluations.actions import test_cases as actions
from evaluations.models import TestCase, TestCaseQuerySet
from evaluations.serializers import NewTestCase, TestCaseChanges, TestCaseOut
from prompts.models import Prompt
from prompts.models.prompts import PromptArchived, PromptRef
from prompts.views.finding import PromptDoor, prompt_of
from pvc.api import Form, ImmutableField, without_read_only
from pvc.errors import Conflict, NotFound
from pvc.schema import page_of, refuses

_TWO_RIGHTS = {"x-required-scope": ["prompts:read", "prompts:write", "prompts:promote"]}


@extend_schema(tags=["Test cases"])
class TestCaseViewSet(PromptDoor):
    """The test cases of one prompt."""

    scopes = {
        "list": "prompts:read",
        "retrieve": "prompts:read",
        "create": "prompts:write",  # or prompts:promote: see scope_asked
        "update": "prompts:write",
        "remove": "prompts:write",
    }
    audited = {"create": "test_case.created", "update": "test_case.changed", "remove": "test_case.deleted"}

    def scope_asked(self) -> str:
        """To change them takes either right; the verb knows which, by the namespace's policy."""
        if self.action in self.audited and self.actor.may("prompts:promote"):
            return "prompts:promote"
        return super().scope_asked()

    @extend_schema(responses=page_of(TestCaseOut))
    def list(self, request: Request, ref: PromptRef) -> Response:
        """List a prompt's test cases.

        Newest first.
        """
        return self.page(self._cases(prompt_of(self.actor, ref)), TestCaseOut)

    @extend_schema(request=NewTestCase, responses={201: TestCaseOut}, extensions=_TWO_RIGHTS)
    @refuses(Conflict, actions.TooManyCases, PromptArchived)
    def create(self, request: Request, ref: PromptRef) -> Response:
        """Write a test case.

        The built-in harness renders a version with its `variables` and holds the `assertions` against the text. What
        was evaluated with other test cases is stale from now on, where the namespace requires a pass.

        Needs the scope `prompts:read`, and `prompts:write`; where approvals are required, `prompts:promote` instead.
        """
        prompt = prompt_of(self.actor, ref)
        fields = self.read(NewTestCase)
        case = actions.create_test_case(
            prompt,
            fields["name"],
            variables=fields.get("variables", {}),
            assertions=fields["assertions"],
            by=self.actor,
        )
        return self.answer(TestCaseOut(case).data, status=201)

    @extend_schema(responses=TestCaseOut)
    def retrieve(self, request: Request, ref: PromptRef, case_id: UUID) -> Response:
        """Read a test case."""
        return self.answer(TestCaseOut(self._case(ref, case_id)).data)

    @extend_schema(request=TestCaseChanges, responses=TestCaseOut, extensions=_TWO_RIGHTS)
    @refuses(ImmutableField, Conflict, PromptArchived)
    def update(self, request: Request, ref: PromptRef, case_id: UUID) -> Response:
        """Change a test case.

        What is left out stays as it is.

        Needs the scope `prompts:read`, and `prompts:write`; where approvals are required, `prompts:promote` instead.
        """
        case = self._case(ref, case_id)
        fields = self.read(TestCaseChanges, without_read_only(request.data, TestCaseOut(case).data, TestCaseChanges))
        return self.answer(TestCaseOut(actions.change_test_case(case, fields, by=self.actor)).data)

    @extend_schema(responses={204: OpenApiResponse(description="It is gone.")}, extensions=_TWO_RIGHTS)
    @refuses(PromptArchived)
    def remove(self, request: Request, ref: PromptRef, case_id: UUID) -> Response:
        """Delete a test case.

        The runs that it was part of keep what they said.

        Needs the scope `prompts:read`, and `prompts:write`; where approvals are required, `prompts:promote` instead.
        """
        case = self._case(ref, case_id)
        self.read(Form)
        actions.delete_test_case(case, by=self.actor)
        return self.answer(None, status=204)

    def _cases(self, prompt: Prompt) -> TestCaseQuerySet:
        return TestCase.objects.visible_to(self.actor).filter(prompt=prompt)

    def _case(self, ref: PromptRef, case_id: UUID) -> TestCase:
        found = self._cases(prompt_of(self.actor, ref)).select_related("prompt__namespace").filter(pk=case_id).first()
        if found is None:
            raise NotFound("There is no such test case of this prompt.")
        return found
