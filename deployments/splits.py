"""What a deployment serves, found for those who ask: the hot path of experiments.

Kept as what a prompt serves is (deployments/serving.py): under the tenant's generation, in this process and in Redis.
A hit costs a hash for each variant, and no SQL.
"""

import zlib
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import msgspec
import orjson
from django.db import connection

from deployments import cache
from deployments.assignment import Arm, Split
from deployments.models import Deployment
from prompts.content import parsed
from prompts.models.prompts import PromptArchived
from pvc.errors import Conflict, NotFound
from pvc.middleware import CompressionMiddleware
from tenants import generation

#: A gzip member's beginning (RFC 1952, section 2.3): deflate, no name, no time, whatever system.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
#: What an entry takes beside its texts, in bytes.
_OVERHEAD = 2_000


class DeploymentInactive(Conflict):
    code = "DEPLOYMENT_INACTIVE"


class Answer(NamedTuple):
    """What resolve answers, ready to be sent; the same compressed, where that is worth it; and the hash of it."""

    answer: bytes
    compressed: bytes | None
    hash: str


class Served(msgspec.Struct, frozen=True):
    """A variant as it is served: resolve's answer up to the session, which comes last."""

    variant_id: str
    weight: int
    head: bytes
    #: The head as the first part of a deflate stream that ends on a byte's edge.
    compressed_head: bytes

    def to(self, session_id: str | None) -> Answer:
        """The whole answer for one session: what is the same for all of them was made once."""
        tail = orjson.dumps(session_id) + b"}"
        found = sha256(self.head)
        found.update(tail)
        is_long = len(self.head) + len(tail) >= CompressionMiddleware.smallest
        return Answer(self.head + tail, self._compressed(tail) if is_long else None, found.hexdigest())

    def _compressed(self, tail: bytes) -> bytes:
        """The head's stream and the tail as its last block, stored as it is (RFC 1951, section 3.2.4)."""
        length = len(tail)
        block = b"\x01" + length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little") + tail
        check = zlib.crc32(tail, zlib.crc32(self.head)).to_bytes(4, "little")
        size = (len(self.head) + length).to_bytes(4, "little")
        return _GZIP_HEADER + self.compressed_head + block + check + size


class Serving(msgspec.Struct, frozen=True):
    """What one deployment serves."""

    deployment_id: str
    status: str
    is_archived: bool
    variants: list[Served] = []


class _Ready(NamedTuple):
    """The same with its split made ready; None where nothing is served."""

    serving: Serving
    split: Split | None
    by_id: dict[str, Served]


KEPT: cache.GenerationCache[_Ready] = cache.GenerationCache()
_to_bytes = msgspec.msgpack.Encoder().encode
_from_bytes = msgspec.msgpack.Decoder(Serving).decode


def answer_of(tenant_id: UUID, deployment_id: UUID, session_id: str | None) -> Answer:
    """What this session is served: always the same while weights stand; without one, some variant by its weight.

    Raises NotFound, PromptArchived, and DeploymentInactive unless it is active.
    """
    ready = _ready_of(tenant_id, deployment_id)
    if ready.serving.is_archived:
        raise PromptArchived("The prompt of this deployment is archived. Unarchive it first.")
    if ready.split is None:
        raise DeploymentInactive(f"The deployment is {ready.serving.status}: it serves nothing.")
    arm = ready.split.of(session_id) if session_id else ready.split.at_random()
    return ready.by_id[arm.id].to(session_id)


def _ready_of(tenant_id: UUID, deployment_id: UUID) -> _Ready:
    present = generation.current(tenant_id)  # before anything is looked up
    name = (tenant_id, deployment_id)
    ready = KEPT.get(name, present)
    if ready is None:
        ready = _made_ready(_from_redis_or_loaded(tenant_id, deployment_id, present))
        size = sum(_OVERHEAD + len(each.head) + len(each.compressed_head) for each in ready.serving.variants)
        KEPT.put(name, present, ready, size=_OVERHEAD + size)
    return ready


def _made_ready(serving: Serving) -> _Ready:
    if serving.status != Deployment.ACTIVE or serving.is_archived:
        return _Ready(serving, None, {})
    arms = [Arm(each.variant_id, each.weight) for each in serving.variants]
    return _Ready(serving, Split(serving.deployment_id, arms), {each.variant_id: each for each in serving.variants})


def _from_redis_or_loaded(tenant_id: UUID, deployment_id: UUID, present: int) -> Serving:
    name = cache.name_in_redis("split:1", str(tenant_id), str(deployment_id))
    kept = cache.from_redis(name, present)
    if kept is not None:
        return _from_bytes(kept)
    serving = _loaded(tenant_id, deployment_id)
    cache.to_redis(name, present, _to_bytes(serving))
    return serving


class _Row(NamedTuple):
    """A deployment with one of its variants that have a weight."""

    status: str
    is_archived: bool
    variant_id: UUID
    weight: int
    is_control: bool
    version_id: UUID
    number: int
    type: str
    body: str


def _loaded(tenant_id: UUID, deployment_id: UUID) -> Serving:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT deployment.status, prompt.archived_at IS NOT NULL, variant.id, variant.weight, variant.is_control,
                   version.id, version.number, version.type, version.body
            FROM deployments_deployment deployment
            JOIN prompts_prompt prompt ON prompt.id = deployment.prompt_id
            JOIN deployments_variant variant
                ON variant.deployment_id = deployment.id AND variant.retired_at IS NULL AND variant.weight > 0
            JOIN prompts_promptversion version ON version.id = variant.version_id
            WHERE deployment.tenant_id = %s AND deployment.id = %s
            """,
            [tenant_id, deployment_id],
        )
        rows = [_Row(*row) for row in cursor.fetchall()]
    if not rows:
        raise NotFound("There is no such deployment.")
    serves = rows[0].status == Deployment.ACTIVE and not rows[0].is_archived
    variants = [_served(str(deployment_id), row) for row in rows] if serves else []
    return Serving(str(deployment_id), rows[0].status, rows[0].is_archived, variants)


def _served(deployment_id: str, row: _Row) -> Served:
    """Everything about a variant that takes time, done once."""
    known = orjson.dumps(
        {
            "versionId": row.version_id,
            "deploymentId": deployment_id,
            "variantId": row.variant_id,
            "isControl": row.is_control,
            "versionNumber": row.number,
            "content": parsed(row.type, row.body),
        }
    )
    head = known[:-1] + b',"sessionId":'
    return Served(str(row.variant_id), row.weight, head, _deflated(head))


def _deflated(head: bytes) -> bytes:
    stream = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    return stream.compress(head) + stream.flush(zlib.Z_SYNC_FLUSH)
