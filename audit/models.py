"""What happened: the audit log and its head, events for others, answers kept for replay, heartbeats.

No foreign keys here: the log outlives what it speaks of.
"""

from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from pvc.crypto import ExactDecoder
from pvc.errors import Conflict, name_constraint
from pvc.ids import new_id
from tenants.models import Actor


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant_id=actor.tenant.pk)


class AuditEntry(models.Model):
    """One thing somebody did. Append-only by grant and trigger; the columns are copies of `canonical`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField()
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    via = models.CharField(max_length=40)
    verb = models.CharField(max_length=60)
    target = models.CharField(max_length=200)
    prompt_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict, decoder=ExactDecoder)
    canonical = models.BinaryField()
    prev_hash = models.BinaryField(max_length=32)
    entry_hash = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=16)
    mac = models.BinaryField(max_length=32)
    #: The key before and its signature, of the entry that tells of a change of keys.
    second_key_id = models.CharField(max_length=16, blank=True, default="")
    second_mac = models.BinaryField(max_length=32, null=True)
    #: What is left of `canonical` once the entry was redacted: its hash, which holds chain and root.
    leaf = models.BinaryField(max_length=32, null=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "seq"], name="one_audit_entry_per_seq")]
        indexes = [models.Index(fields=["tenant_id", "prompt_id", "-seq"], name="audit_entries_of_prompt")]

    def __str__(self) -> str:
        return f"{self.seq}: {self.actor} {self.verb} {self.target}"


class AuditHead(models.Model):
    """The end of a tenant's chain: how long it is and what its last entry's hash was."""

    tenant_id = models.UUIDField(primary_key=True)
    size = models.BigIntegerField(default=0)
    head_hash = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=16)
    mac = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.size}"


class CheckpointQuerySet(models.QuerySet["Checkpoint"]):
    def of(self, tenant_id: UUID) -> Self:
        """A tenant's, the newest first."""
        return self.filter(tenant_id=tenant_id).order_by("-size")


class Checkpoint(models.Model):
    """A signed statement of how long a tenant's log is and what it holds. Append-only by grant and trigger."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField()
    size = models.BigIntegerField()
    root_hash = models.BinaryField(max_length=32)
    head_hash = models.BinaryField(max_length=32)
    #: The signed note itself (audit/note.py): what is handed out and kept outside.
    note = models.TextField()
    #: The compact range of the tree at this size (audit/merkle.py): what the next checkpoint goes on from.
    tree = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    objects = CheckpointQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "size"], name="one_checkpoint_per_size")]

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.size}"


class TreeNode(models.Model):
    """A node of a tenant's Merkle tree, kept for 256 below it, so that a proof reads little. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField()
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "level", "index"], name="one_hash_per_tree_node")]

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.level}/{self.index}"


class VerifiedLog(models.Model):
    """How far a tenant's log was last found whole: where the next verification may go on from."""

    tenant_id = models.UUIDField(primary_key=True)
    size = models.BigIntegerField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.size}"


class OutboxEvent(models.Model):
    """Something that others may want to hear of; commits with the change it tells of."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField()
    type = models.CharField(max_length=60)
    prompt_id = models.UUIDField(null=True)
    #: Rises by one with each event of a prompt, so that a receiver can drop what comes late.
    sequence = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict, decoder=ExactDecoder)
    created_at = models.DateTimeField(default=timezone.now)
    dispatched_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "prompt_id", "sequence"], name="one_event_per_prompt_sequence")
        ]
        indexes = [
            models.Index(fields=["id"], name="events_not_dispatched", condition=Q(dispatched_at__isnull=True)),
            models.Index(fields=["tenant_id", "id"], name="events_of_tenant"),
            models.Index(fields=["dispatched_at"], name="events_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class Heartbeat(models.Model):
    """A worker's sign of life, written every second by its sweeper."""

    worker = models.CharField(max_length=200, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.worker


class IdempotencyRecord(models.Model):
    """The answer to a POST that carried an Idempotency-Key; kept 24 hours."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField()
    api_key_id = models.UUIDField()
    user_id = models.UUIDField()
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.SmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["api_key_id", "user_id", "key"], name="one_answer_per_idempotency_key")
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_records_by_age")]

    def __str__(self) -> str:
        return self.key


name_constraint("one_event_per_prompt_sequence", Conflict("The prompt changed meanwhile; please try again."))
name_constraint("one_answer_per_idempotency_key", Conflict("This Idempotency-Key was just used; please try again."))
name_constraint("one_checkpoint_per_size", Conflict("This checkpoint exists already."))
name_constraint("one_hash_per_tree_node", Conflict("This node exists already."))
name_constraint("tree_nodes_are_append_only", Conflict("A node of the tree never changes."))
name_constraint("checkpoints_are_append_only", Conflict("A checkpoint never changes."))
name_constraint("audit_entries_are_append_only", Conflict("The audit log is append-only: its entries never change."))
