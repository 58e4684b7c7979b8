"""What was measured: raw rows by the day, and what is kept of them by the hour and by the day.

No foreign keys: these rows come by the thousand. `ingest` (actions/metrics.py) is the only one to write raw rows, with
their hours in the same transaction; sketches are filled in behind it (actions/sketching.py).
"""

from typing import Final, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from pvc.crypto import ExactDecoder
from pvc.errors import Invalid, name_constraint
from tenants.models import Actor

COST, LATENCY, QUALITY = "cost", "latency", "quality"
TYPES: Final = (COST, LATENCY, QUALITY)
#: What is counted under a variant as well: sessions that met it, and those that had met none of its others before.
EXPOSURE: Final = "exposure"
MET, FIRST = "met", "first"
LONGEST_METRIC_NAME: Final = 100
LONGEST_UNIT: Final = 40
#: Beyond this the sum of squares of an hour would not be finite.
GREATEST_VALUE: Final = 1e150


class MetricQuerySet(models.QuerySet["Metric"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant_id=actor.tenant.pk)


class Metric(models.Model):
    """One thing measured of one call. Kept METRICS_RAW_DAYS; made by RunSQL, with a partition for each day."""

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    tenant_id = models.UUIDField()
    prompt_id = models.UUIDField()
    version_id = models.UUIDField()
    variant_id = models.UUIDField(null=True)
    type = models.CharField(max_length=7)
    name = models.CharField(max_length=LONGEST_METRIC_NAME)
    value = models.FloatField()
    unit = models.CharField(max_length=LONGEST_UNIT)
    dimensions = models.JSONField(null=True, decoder=ExactDecoder)

    objects = MetricQuerySet.as_manager()

    class Meta:
        managed = False

    def __str__(self) -> str:
        return f"{self.type} {self.name}: {self.value}"


class MetricRollup(models.Model):
    """An hour of one metric of a subject: of a prompt, of one of its versions, or of a variant."""

    pk = models.CompositePrimaryKey("tenant_id", "subject_id", "hour", "type", "name")
    tenant_id = models.UUIDField()
    prompt_id = models.UUIDField()
    subject_id = models.UUIDField()
    hour = models.DateTimeField()
    type = models.CharField(max_length=8)
    name = models.CharField(max_length=LONGEST_METRIC_NAME)
    #: As it was sent last.
    unit = models.CharField(max_length=LONGEST_UNIT)
    count = models.BigIntegerField()
    total = models.FloatField()
    squares = models.FloatField()
    least = models.FloatField()
    greatest = models.FloatField()
    #: Whether the sketch does not hold all of the hour yet. A variant has none, and is never stale.
    is_stale = models.BooleanField()
    sketch = models.BinaryField(null=True)
    p50 = models.FloatField(null=True)
    p95 = models.FloatField(null=True)
    p99 = models.FloatField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["hour", "tenant_id", "prompt_id"], name="hours_to_sketch", condition=Q(is_stale=True)),
            BrinIndex(fields=["hour"], name="metric_hours_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.name} {self.hour}"


class MetricDay(models.Model):
    """The sketch of a day: its hours' together. It holds while its count is theirs, so nothing has to take it back."""

    pk = models.CompositePrimaryKey("tenant_id", "subject_id", "day", "type", "name")
    tenant_id = models.UUIDField()
    subject_id = models.UUIDField()
    day = models.DateField()
    type = models.CharField(max_length=8)
    name = models.CharField(max_length=LONGEST_METRIC_NAME)
    count = models.BigIntegerField()
    sketch = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["day"], name="metric_days_by_age")]

    def __str__(self) -> str:
        return f"{self.type} {self.name} {self.day}"


name_constraint("metrics_are_in_range", Invalid("A metric is finite, 0 or more, and a quality 1 at most."))
name_constraint("metric_type_is_known", Invalid("A metric is a cost, a latency or a quality."))
