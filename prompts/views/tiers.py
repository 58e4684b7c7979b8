"""/prompts/namespaces/{id}/tiers: budgets of tokens (lifecycle)."""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prompts.actions import tiers as actions
from prompts.lifecycle import NewTier, TierChanges, TierOut
from prompts.models import BudgetTier
from prompts.views.namespaces import NamespaceDoor, WaitingOut
from pvc.api import Form, ImmutableField, without_read_only
from pvc.errors import Conflict, NotFound
from pvc.schema import lifecycle_page_of, refuses
from tenants.models import UserRequired

_WAITS = OpenApiResponse(WaitingOut, description="Nothing changed: the change waits for a second person.")


@extend_schema(tags=["Budget tiers"])
class TierViewSet(NamespaceDoor):
    """The budget tiers of one namespace."""

    scopes = {
        "list": "prompts:read",
        "create": "admin",
        "update": "admin",
        "remove": "admin",
    }
    audited = {"update": "policy.change_requested", "remove": "policy.change_requested"}

    @extend_schema(responses=lifecycle_page_of(TierOut))
    def list(self, request: Request, namespace_id: str) -> Response:
        """List a namespace's budget tiers.

        Newest first.
        """
        return self.page(self.namespace().tiers.all(), TierOut)

    @extend_schema(request=NewTier, responses={201: TierOut})
    @refuses(Conflict, UserRequired)
    def create(self, request: Request, namespace_id: str) -> Response:
        """Make a budget tier.

        A template has it from when it names it. What has more than `max_tokens` is told so when it is saved; where the
        tier blocks, it is neither sealed nor rendered.
        """
        namespace = self.namespace()
        return self.answer(
            TierOut(actions.create_tier(namespace, **self.read(NewTier), by=self.actor)).data, status=201
        )

    @extend_schema(request=TierChanges, responses={200: TierOut, 202: _WAITS})
    @refuses(ImmutableField, Conflict, UserRequired)
    def update(self, request: Request, namespace_id: str, tier_id: UUID) -> Response:
        """Change a budget tier.

        What is left out stays as it is. Where approvals are required, a laxer tier (more tokens, or `warn` instead of
        `block`) takes a second person: the answer is 202 with the change that waits, and nothing is changed yet.
        """
        tier = self._tier(tier_id)
        fields = self.read(TierChanges, without_read_only(request.data, TierOut(tier).data, TierChanges))
        waiting = actions.update_tier(tier, fields, by=self.actor)
        if waiting:
            return self.answer(WaitingOut({"pending_change": waiting}).data, status=202)
        return self.answer(TierOut(self._tier(tier_id)).data)

    @extend_schema(responses={204: None, 202: _WAITS})
    @refuses(UserRequired)
    def remove(self, request: Request, namespace_id: str, tier_id: UUID) -> Response:
        """Delete a budget tier.

        Templates that had it have none then. Where approvals are required, it takes a second person: 202 with the
        change that waits.
        """
        tier = self._tier(tier_id)
        self.read(Form)
        waiting = actions.delete_tier(tier, by=self.actor)
        if waiting:
            return self.answer(WaitingOut({"pending_change": waiting}).data, status=202)
        return Response(status=204)

    def _tier(self, tier_id: UUID) -> BudgetTier:
        found = self.namespace().tiers.select_related("namespace").filter(pk=tier_id).first()
        if found is None:
            raise NotFound("There is no such budget tier in this namespace.")
        return found
