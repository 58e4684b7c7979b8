"""Who is told: endpoints, what is to be sent to each, and every attempt at it."""

import datetime as dt
from typing import Final, Self
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from pvc.crypto import opened, sealed
from pvc.errors import Conflict, Invalid, name_constraint
from pvc.ids import new_id
from pvc.standard_webhooks import Secret
from tenants.models import Actor, Tenant

#: Subscribes to every event there is, and to those that are still to come.
EVERYTHING: Final = "*"
STANDARD: Final = "standard"
SLACK: Final = "slack"
#: How long the secret before still signs, beside the new one.
ROTATION: Final = dt.timedelta(hours=24)


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)


class WebhookEndpoint(models.Model):
    """An address that is told of events, and the secret by which it knows that it was us."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    url = models.CharField(max_length=2_000)
    kind = models.CharField(max_length=8, choices=[(STANDARD, STANDARD), (SLACK, SLACK)], default=STANDARD)
    events = ArrayField(models.CharField(max_length=60))
    description = models.CharField(max_length=500, blank=True, default="")
    is_active = models.BooleanField(default=True)
    #: As `pvc.crypto.sealed` left them: no answer, log or dump has them in the clear.
    sealed_secret = models.TextField()
    sealed_previous = models.TextField(blank=True, default="")
    previous_until = models.DateTimeField(null=True)
    #: Since when nothing but failures has come back; null while things go well.
    failing_since = models.DateTimeField(null=True)
    #: Why the server switched it off, where it was not a person.
    disabled_reason = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="endpoint_within_tenant"),
            models.CheckConstraint(condition=Q(kind__in=[STANDARD, SLACK]), name="endpoint_kind_is_known"),
            models.CheckConstraint(condition=Q(events__len__gte=1), name="endpoints_listen_to_something"),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="endpoints_newest_first")]

    def __str__(self) -> str:
        return self.url

    @property
    def host(self) -> str:
        """Where it is, without what stands behind the host: in some addresses that is a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def listens_to(self, type_: str) -> bool:
        """Whether it has subscribed to events of this type."""
        return type_ in self.events or EVERYTHING in self.events

    @property
    def signers(self) -> list[Secret]:
        """What a message is signed with: the secret, and for a day after a rotation the one before as well."""
        texts = [self.sealed_secret]
        if self.sealed_previous and self.previous_until and timezone.now() < self.previous_until:
            texts.append(self.sealed_previous)
        return [Secret(opened(text, bound_to=self._place)) for text in texts]

    def keep(self, secret: Secret) -> None:
        """Take a secret; the caller saves `sealed_secret`."""
        self.sealed_secret = sealed(secret.text, bound_to=self._place)

    def rotate(self, secret: Secret) -> None:
        """Take another one, and go on signing with the present one for a while; the caller saves all three."""
        self.sealed_previous, self.previous_until = self.sealed_secret, timezone.now() + ROTATION
        self.keep(secret)

    @property
    def _place(self) -> str:
        return f"webhook {self.pk}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)


class Delivery(models.Model):
    """One event for one endpoint. The row is the queue: a worker takes it when it is due."""

    PENDING, DELIVERED, EXHAUSTED, QUARANTINED, CANCELLED = (
        *("pending", "delivered", "exhausted", "quarantined", "cancelled"),
    )

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.DO_NOTHING, related_name="deliveries", db_constraint=False, db_index=False
    )
    #: The outbox event's id: the `webhook-id` of every attempt.
    event_id = models.UUIDField()
    type = models.CharField(max_length=60)
    status = models.CharField(max_length=11, default=PENDING)
    #: How many attempts there were in all, and since it was last asked for: where in the schedule it stands.
    tried = models.IntegerField(default=0)
    attempts = models.SmallIntegerField(default=0)
    #: When a worker may take it, by the database's clock: the next attempt, or the end of another's lease.
    due_at = models.DateTimeField(null=True)
    #: Rises each time that a worker takes it: what an earlier one brings is refused.
    token = models.IntegerField(default=0)
    #: How many workers have taken it and not come back.
    claims = models.SmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="one_delivery_per_event"),
            models.UniqueConstraint(fields=["tenant", "id"], name="delivery_within_tenant"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "delivered", "exhausted", "quarantined", "cancelled"]),
                name="delivery_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(status="pending", due_at__isnull=False) | (~Q(status="pending") & Q(due_at__isnull=True)),
                name="pending_deliveries_are_due",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "endpoint", "-id"], name="deliveries_newest_first"),
            models.Index(
                fields=["endpoint", "due_at"], name="deliveries_that_are_due", condition=Q(due_at__isnull=False)
            ),
            models.Index(
                fields=["tenant", "endpoint", "-id"],
                name="deliveries_given_up",
                condition=Q(status__in=["exhausted", "quarantined"]),
            ),
            models.Index(fields=["created_at"], name="deliveries_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} to {self.endpoint_id}"


class Attempt(models.Model):
    """What came of sending a delivery once; it goes when its delivery does."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, related_name="tries", db_constraint=False, db_index=False
    )
    number = models.IntegerField()
    at = models.DateTimeField(default=timezone.now)
    status = models.SmallIntegerField(null=True)
    #: Where there is no status: refused_address, connect, timeout or tls.
    error = models.CharField(max_length=20, blank=True, default="")
    #: The beginning of the answer, 4 KiB at most, as text.
    excerpt = models.TextField(blank=True, default="")
    seconds = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="one_attempt_per_number")]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery_id}"

    @property
    def went_well(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Tally(models.Model):
    """How many attempts there were with one outcome, of all tenants: for Prometheus."""

    #: 2xx to 5xx, refused_address, connect, timeout or tls.
    outcome = models.CharField(max_length=20, primary_key=True)
    attempts = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.outcome


name_constraint("endpoint_within_tenant", Conflict("This subscription exists already."))
name_constraint("endpoint_kind_is_known", Invalid.field("kind", "Use standard or slack."))
name_constraint("endpoints_listen_to_something", Invalid.field("events", "Name at least one event, or *."))
name_constraint("one_delivery_per_event", Conflict("This event is on its way there already."))
name_constraint("delivery_within_tenant", Conflict("This delivery exists already."))
name_constraint("delivery_status_is_known", Conflict("A delivery is in one of five states."))
name_constraint("pending_deliveries_are_due", Conflict("A delivery that is pending is due at some time."))
name_constraint("delivery_of_its_endpoint", Conflict("A delivery is of an endpoint of its tenant."))
name_constraint("one_attempt_per_number", Conflict("This attempt was written down already."))
name_constraint("attempt_of_its_delivery", Conflict("An attempt is of a delivery of its tenant."))
