"""/prompts/{ref}/versions/{v}/usage: what serves a version."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.models import Deployment, Variant
from deployments.serializers import UsageOut
from prompts.models.prompts import PromptRef
from prompts.views.finding import prompt_of, version_of
from pvc.api import ApiViewSet


@extend_schema(tags=["Versions"])
class UsageViewSet(ApiViewSet):
    """What serves a version."""

    scopes = {"usage": "prompts:read"}

    @extend_schema(responses=UsageOut)
    def usage(self, request: Request, ref: PromptRef, version: int | UUID) -> Response:
        """See what serves a version.

        The tags that point at it, the active deployments in which it has a weight, and the users whom it is tried on.
        """
        found = version_of(prompt_of(self.actor, ref), version)
        served = Variant.objects.standing().filter(version=found, weight__gt=0, deployment__status=Deployment.ACTIVE)
        targets = sorted(found.targets.values_list("user_id", flat=True))
        deployments = sorted(str(each) for each in served.values_list("deployment_id", flat=True))
        return self.answer({"tags": found.tag_names, "deployments": deployments, "targets": targets})
