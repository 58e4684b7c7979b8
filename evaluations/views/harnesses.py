"""/evaluations/harnesses: the servers that evaluate."""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from evaluations.actions import harnesses as actions
from evaluations.models import Harness
from evaluations.serializers import HarnessChanges, HarnessOut, NewHarness
from pvc.api import ApiViewSet, Form, ImmutableField, without_read_only
from pvc.errors import Conflict, NotFound
from pvc.outbound import RefusedAddress
from pvc.schema import page_of, refuses


@extend_schema(tags=["Harnesses"])
class HarnessViewSet(ApiViewSet):
    """The tenant's harnesses."""

    scopes = {
        "list": "prompts:read",
        "retrieve": "prompts:read",
        "create": "admin",
        "update": "admin",
        "remove": "admin",
    }

    @extend_schema(responses=page_of(HarnessOut))
    def list(self, request: Request) -> Response:
        """List harnesses.

        Newest first. `builtin` is always there, and not in this list.
        """
        return self.page(Harness.objects.visible_to(self.actor), HarnessOut)

    @extend_schema(request=NewHarness, responses={201: HarnessOut})
    @refuses(Conflict, RefusedAddress)
    def create(self, request: Request) -> Response:
        """Register a harness.

        It is called with POST when an evaluation by it is asked for, and reports to `callbackUrl` in that call, signed
        with the same secret. The secret is kept encrypted and never shown.
        """
        fields = self.read(NewHarness)
        return self.answer(HarnessOut(actions.register_harness(by=self.actor, **fields)).data, status=201)

    @extend_schema(responses=HarnessOut)
    def retrieve(self, request: Request, harness_id: UUID) -> Response:
        """Read a harness."""
        return self.answer(HarnessOut(self._harness(harness_id)).data)

    @extend_schema(request=HarnessChanges, responses=HarnessOut)
    @refuses(ImmutableField, RefusedAddress)
    def update(self, request: Request, harness_id: UUID) -> Response:
        """Change a harness.

        What is left out stays as it is. With another secret, what was signed with the one before is refused.
        """
        harness = self._harness(harness_id)
        fields = self.read(HarnessChanges, without_read_only(request.data, HarnessOut(harness).data, HarnessChanges))
        return self.answer(HarnessOut(actions.change_harness(harness, fields, by=self.actor)).data)

    @extend_schema(responses={204: OpenApiResponse(description="It is not asked any more, and cannot report.")})
    def remove(self, request: Request, harness_id: UUID) -> Response:
        """Remove a harness.

        What it has said stays, and still counts.
        """
        harness = self._harness(harness_id)
        self.read(Form)
        actions.remove_harness(harness, by=self.actor)
        return self.answer(None, status=204)

    def _harness(self, harness_id: UUID) -> Harness:
        found = Harness.objects.visible_to(self.actor).filter(pk=harness_id).first()
        if found is None:
            raise NotFound("There is no such harness.")
        return found
