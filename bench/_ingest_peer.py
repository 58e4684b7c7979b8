"""What ingest is measured beside: the same door, rows and hours, with a list serializer and bulk_create.

Set as ROOT_URLCONF of a server that serves both.
"""

from typing import Any

from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.unit import verb
from deployments import attribution
from deployments.actions import metrics
from deployments.items import TYPE_OF, Cost, Item, Latency, Quality
from deployments.models import Metric
from pvc.api import ApiViewSet
from pvc.ids import new_id
from pvc.urls import urlpatterns as ours
from tenants.models import Actor

_CLASSES: dict[str, type[Item]] = {"cost": Cost, "latency": Latency, "quality": Quality}


class MetricIn(serializers.Serializer[Any]):
    versionId = serializers.UUIDField()  # noqa: N815
    type = serializers.ChoiceField(["cost", "latency", "quality"])
    name = serializers.CharField(max_length=100)
    value = serializers.FloatField(min_value=0)
    unit = serializers.CharField(max_length=40)
    timestamp = serializers.DateTimeField(required=False)
    dimensions = serializers.DictField(required=False)
    deploymentId = serializers.UUIDField(required=False)  # noqa: N815
    sessionId = serializers.CharField(max_length=200, required=False)  # noqa: N815


class Batch(serializers.Serializer[Any]):
    metrics = MetricIn(many=True)


@verb
def take_in(sent: list[dict[str, Any]], *, by: Actor) -> int:
    """The same hours by the same statement; the rows by bulk_create."""
    now = timezone.now()
    moments = [each.get("timestamp") or now for each in sent]
    items = [
        _CLASSES[each["type"]](
            version_id=str(each["versionId"]), name=each["name"], unit=each["unit"], value=each["value"]
        )
        for each in sent
    ]
    places = attribution.places_of(items, by.tenant.pk)
    Metric.objects.bulk_create(
        Metric(
            id=new_id(),
            at=at,
            tenant_id=by.tenant.pk,
            prompt_id=place.prompt_id,
            version_id=place.version_id,
            type=TYPE_OF[type(item)],
            name=item.name,
            value=item.value,
            unit=item.unit,
            dimensions=each.get("dimensions"),
        )
        for each, item, place, at in zip(sent, items, places, moments, strict=True)
    )
    metrics._upsert(by.tenant.pk, metrics._hours(items, places, moments))
    return len(items)


class PeerViewSet(ApiViewSet):
    """Ingest as it is usually written."""

    scopes = {"ingest": "metrics:write"}
    rate = "hot"

    def ingest(self, request: Request) -> Response:
        form = Batch(data=request.data)
        form.is_valid(raise_exception=True)
        return Response({"ingested": take_in(form.validated_data["metrics"], by=self.actor)}, status=201)


urlpatterns = [path("api/v1/peer/ingest", PeerViewSet.as_view({"post": "ingest"}), name="peer"), *ours]
