"""/prompts/audit/verify, checkpoint, proofs: the log proves itself to whoever asks (lifecycle surface)."""

import re
from typing import Any, ClassVar
from uuid import UUID

from django.core.validators import RegexValidator
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import proofs, verify
from audit.models import Checkpoint
from audit.sealing import verifier_keys
from pvc.api import ApiViewSet, Form, Moment, RowSerializer, Text
from pvc.errors import Invalid, NotFound
from pvc.schema import refuses

_HASH = RegexValidator(r"^[0-9a-f]{64}\Z", "Send 64 hexadecimal digits.")
_HEX = {"pattern": "^[0-9a-f]{64}$"}
#: What a caller may bring to one verification.
MOST_KEPT = 1_000
LONGEST_NOTE = 10_000


# ----------------------------------------------------------------------------- in
class ReceiptForm(Form):
    """What an answer carried in `X-Audit-Seq` and `X-Audit-Hash`."""

    seq = serializers.IntegerField(min_value=1, max_value=2**53 - 1)
    hash = Text(validators=[_HASH])


class KeptEvidence(Form):
    """What the caller kept, outside of this server."""

    checkpoints = serializers.ListField(
        child=Text(max_length=LONGEST_NOTE),
        required=False,
        allow_null=True,
        max_length=MOST_KEPT,
        help_text="Signed notes, as `GET /prompts/audit/checkpoint` and the event `audit.checkpoint` hand them out.",
    )
    receipts = ReceiptForm(many=True, required=False, allow_null=True)

    def validate_receipts(self, receipts: Any) -> Any:
        if receipts and len(receipts) > MOST_KEPT:
            raise serializers.ValidationError(f"Send {MOST_KEPT:,} receipts at most.")
        if receipts and None in receipts:
            raise serializers.ValidationError("A receipt is an object with seq and hash.")
        return receipts


# ----------------------------------------------------------------------------- out
class FaultOut(serializers.Serializer[Any]):
    """What is wrong, and with which entry."""

    seq = serializers.IntegerField(help_text="Of a checkpoint, how many entries it covers.")
    reason = serializers.ChoiceField(
        [
            *("content", "column", "signature", "chain", "order", "tenant", "key", "redaction"),
            *("beyond", "head", "checkpoint", "root", "tree", "receipt"),
        ]
    )
    message = serializers.CharField(help_text="A sentence for a person.")


class SignedSizeOut(serializers.Serializer[Any]):
    """The newest checkpoint that the log was compared with."""

    size = serializers.IntegerField(min_value=0)
    root = serializers.CharField()  # type: ignore[assignment]  # a field's own `root` is not meant
    source = serializers.ChoiceField(["database", "anchor", "caller"])  # type: ignore[assignment]  # nor its `source`


class VerificationOut(serializers.Serializer[Any]):
    """What a verification found."""

    total_entries = serializers.IntegerField(min_value=0)
    verified = serializers.IntegerField(min_value=0)
    tampered = serializers.IntegerField(min_value=0, help_text="How many entries are not what was written.")
    tampered_entries = FaultOut(many=True)
    missing = serializers.ListField(child=serializers.IntegerField(), help_text="Numbers that are not there.")
    truncated = serializers.BooleanField(help_text="Whether somebody was told of more entries than there are.")
    expected_size = serializers.IntegerField(min_value=0)
    checkpoint = SignedSizeOut(allow_null=True)
    unsealed_tail = serializers.IntegerField(min_value=0, help_text="Entries that no checkpoint covers yet.")
    checked_from = serializers.IntegerField(min_value=0, help_text="How many were found whole before this.")
    macs_unchecked = serializers.IntegerField(min_value=0, help_text="Entries signed with a key that is kept no more.")
    duration_ms = serializers.IntegerField(min_value=0)
    ok = serializers.BooleanField(help_text="Whether the whole log is what was written.")


class CheckpointOut(RowSerializer[Checkpoint]):
    """A signed statement of how long the log is and what it holds: keep it outside."""

    root_hash = serializers.SerializerMethodField()
    head_hash = serializers.SerializerMethodField()
    verifier_keys = serializers.SerializerMethodField()
    created_at = Moment()

    schema_more: ClassVar = {
        "properties": {
            "size": {"minimum": 1, "description": "How many entries it covers."},
            "root_hash": {**_HEX, "description": "The root of the Merkle tree over them (RFC 6962)."},
            "head_hash": {**_HEX, "description": "The hash of the last of them."},
            "note": {"description": "The signed note (C2SP signed-note, tlog-checkpoint)."},
        }
    }

    class Meta:
        model = Checkpoint
        fields = ["size", "root_hash", "head_hash", "note", "verifier_keys", "created_at"]

    def get_root_hash(self, checkpoint: Checkpoint) -> str:
        return bytes(checkpoint.root_hash).hex()

    def get_head_hash(self, checkpoint: Checkpoint) -> str:
        return bytes(checkpoint.head_hash).hex()

    def get_verifier_keys(self, _checkpoint: Checkpoint) -> list[str]:
        return [str(each) for each in verifier_keys()]


class InclusionOut(serializers.Serializer[Any]):
    """That an entry stands in the log of a checkpoint (RFC 9162, section 2.1.3)."""

    seq = serializers.IntegerField(min_value=1)
    size = serializers.IntegerField(min_value=1)
    leaf = serializers.CharField(help_text="SHA-256 of a zero byte and the entry's bytes.")
    hash = serializers.CharField(help_text="The entry's hash, as receipts have it.")
    proof = serializers.ListField(child=serializers.CharField(), help_text="Hashes from the leaf's sibling up.")
    root_hash = serializers.CharField()
    note = serializers.CharField(help_text="The checkpoint that signs the root.")


class ConsistencyOut(serializers.Serializer[Any]):
    """That the log of one checkpoint begins with that of another (RFC 9162, section 2.1.4)."""

    proof = serializers.ListField(child=serializers.CharField())
    old_root = serializers.CharField()
    new_root = serializers.CharField()
    old_note = serializers.CharField()
    new_note = serializers.CharField()


_SIZE = {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}


def _parameter(name: str, description: str, *, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(
        name, _SIZE, required=required, description=description, examples=[OpenApiExample("The first", 1)]
    )


@extend_schema(tags=["Audit"])
class VerificationViewSet(ApiViewSet):
    """The log, verified and proved."""

    cursor_field = "next_cursor"
    reading = frozenset({"verify"})
    scopes = {
        "verify": "audit:read",
        "checkpoint": "audit:read",
        "inclusion": "audit:read",
        "consistency": "audit:read",
    }

    @extend_schema(
        request=KeptEvidence,
        responses=VerificationOut,
        parameters=[
            OpenApiParameter(
                "template_id",
                UUID,
                description="Report on the entries that concern this prompt alone; the whole log is verified.",
                examples=[OpenApiExample("support-reply", "019cade0-1c40-7d2a-9c11-3b5f0a6e7d10")],
            ),
            OpenApiParameter(
                "full",
                {"type": "string", "enum": ["0", "1"]},
                description="1: read everything again; else what was added since the log was last found whole.",
                examples=[OpenApiExample("Everything", "1")],
            ),
        ],
    )
    def verify(self, request: Request) -> Response:
        """Verify the audit log.

        Every entry by itself, the chain of their hashes, the tree over them, and its signed roots. Send the
        checkpoints and receipts that you kept: against them even whoever holds the server's keys cannot cut off the
        end of the log, or put an older one in its place.
        """
        fields = self.read(KeptEvidence)
        template_id = self._template_id()
        report = verify.verify(
            self.actor.tenant.pk,
            full=self._flag("full"),
            checkpoints=fields.get("checkpoints") or [],
            receipts=[
                verify.Receipt(each["seq"], bytes.fromhex(each["hash"])) for each in fields.get("receipts") or []
            ],
        )
        only = verify.numbers_of(self.actor.tenant.pk, template_id) if template_id else None
        return self.answer(report.as_dict(of=only))

    @extend_schema(responses=CheckpointOut)
    @refuses(NotFound)
    def checkpoint(self, request: Request) -> Response:
        """Read the newest checkpoint.

        One is made five seconds after the last, or 256 entries, whichever comes first; 404 while there is none. Keep
        its note where nobody who holds this server can change it.
        """
        return self.answer(CheckpointOut(proofs.newest(self.actor.tenant.pk)).data)

    @extend_schema(
        responses=InclusionOut,
        parameters=[
            _parameter("seq", "The entry's number.", required=True),
            _parameter("size", "The size of a checkpoint; the newest, if absent."),
        ],
    )
    @refuses(proofs.Unprovable, NotFound)
    def inclusion(self, request: Request) -> Response:
        """Prove that an entry is in the log.

        The hashes that lead from the entry's leaf to the root that a checkpoint signs.
        """
        found = proofs.inclusion(self.actor.tenant.pk, self._needed("seq"), self._number("size"))
        return self.answer(
            {
                "seq": found.seq,
                "size": found.size,
                "leaf": found.leaf.hex(),
                "hash": found.entry_hash.hex(),
                "proof": [each.hex() for each in found.proof],
                "root_hash": bytes(found.checkpoint.root_hash).hex(),
                "note": found.checkpoint.note,
            }
        )

    @extend_schema(
        responses=ConsistencyOut,
        parameters=[
            _parameter("from", "The size of the older checkpoint.", required=True),
            _parameter("to", "The size of the newer one; the newest, if absent."),
        ],
    )
    @refuses(proofs.Unprovable, NotFound)
    def consistency(self, request: Request) -> Response:
        """Prove that the log has only grown.

        The hashes that show the log of the newer checkpoint to begin with that of the older one.
        """
        found = proofs.consistency(self.actor.tenant.pk, self._needed("from"), self._number("to"))
        return self.answer(
            {
                "proof": [each.hex() for each in found.proof],
                "old_root": bytes(found.old.root_hash).hex(),
                "new_root": bytes(found.new.root_hash).hex(),
                "old_note": found.old.note,
                "new_note": found.new.note,
            }
        )

    def _template_id(self) -> UUID | None:
        text = self.query("template_id")
        try:
            return UUID(text) if text else None
        except ValueError as error:
            raise Invalid.field("template_id", "Send a prompt's id (UUID).") from error

    def _flag(self, name: str) -> bool:
        text = self.query(name)
        if text not in ("", "0", "1"):
            raise Invalid.field(name, "Use 0 or 1.")
        return text == "1"

    def _number(self, name: str) -> int | None:
        text = self.query(name)
        if text and not re.fullmatch(r"[1-9][0-9]{0,15}", text):
            raise Invalid.field(name, "Use a whole number from 1.")
        return int(text) if text else None

    def _needed(self, name: str) -> int:
        number = self._number(name)
        if number is None:
            raise Invalid.field(name, "This parameter is required.")
        return number
