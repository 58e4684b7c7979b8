"""What is served, found for those who ask: the hot path's questions.

`serving_of()` answers by name out of what this process or Redis keeps under the tenant's generation; what neither
has is one query. The generation is taken before anything is looked up, so that nothing older than it is kept
under it (tenants/generation.py says why no answer is stale).
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
import orjson
from django.db import connection

from deployments import cache
from prompts import template, tokens
from prompts.actions.versions import OverBudget
from prompts.content import Messages, defaults_of, parsed
from prompts.models import BudgetTier, Prompt, PromptVersion
from prompts.models.prompts import PromptArchived, PromptRef
from prompts.names import PRODUCTION
from prompts.template import Rendering
from pvc.crypto import ExactDecoder
from pvc.errors import NotFound
from pvc.middleware import CompressionMiddleware
from tenants import generation

_NOT_IN_PRODUCTION = "Nothing of this prompt is in production; tag a version, or render one by its number."


# ----------------------------------------------------------------------------- by name, out of what is kept
class Budget(NamedTuple):
    """How many tokens a rendering of the prompt may have, by the name of its tier."""

    tier: str
    max_tokens: int
    blocks: bool

    def told(self, tokens: int) -> str | None:
        """What to say of so many tokens, if they are too many. Raises OverBudget where the tier blocks."""
        if tokens <= self.max_tokens:
            return None
        message = f"About {tokens:,} tokens are more than the {self.max_tokens:,} of the budget tier “{self.tier}”."
        if self.blocks:
            raise OverBudget(message, tier=self.tier, max_tokens=self.max_tokens, tokens=tokens)
        return message


class Served(msgspec.Struct, frozen=True):
    """A version as it is served: what resolve answers, ready to be sent, and what a rendering needs."""

    id: UUID
    number: int
    source: Literal["active", "pre_prod"]
    type: str
    body: str
    defaults: dict[str, Any]
    #: Resolve's answer as JSON; the same compressed, where that is worth it; and the hash of it.
    answer: bytes
    compressed: bytes | None
    hash: str

    @property
    def content(self) -> str | Messages:
        return parsed(self.type, self.body)


class Serving(msgspec.Struct, frozen=True):
    """What one prompt serves, and to whom: this answers every end user, so no user id is ever part of a name."""

    is_archived: bool
    active: Served | None = None
    pre_prod: Served | None = None
    targets: frozenset[str] = frozenset()
    budget: Budget | None = None

    def to(self, user_id: str | None) -> Served:
        """Pre-production for exactly the users it is aimed at, else production. Raises NotFound where that is none."""
        found = self.pre_prod if self.pre_prod and user_id in self.targets else self.active
        if found is None:
            raise NotFound(_NOT_IN_PRODUCTION)
        return found


KEPT: cache.GenerationCache[Serving] = cache.GenerationCache()
_to_bytes = msgspec.msgpack.Encoder().encode
_from_bytes = msgspec.msgpack.Decoder(Serving).decode
#: What an entry takes beside its texts, in bytes: objects, names, defaults.
_OVERHEAD = 2_000


def serving_of(tenant_id: UUID, ref: PromptRef) -> Serving:
    """What the prompt of this name serves now. Raises NotFound and PromptArchived."""
    serving = _serving(tenant_id, ref.namespace, ref.slug)
    if serving.is_archived:
        raise PromptArchived(f"{ref.slug} is archived. Unarchive it first.")
    return serving


def _serving(tenant_id: UUID, namespace: str, slug: str) -> Serving:
    present = generation.current(tenant_id)  # before anything is looked up
    name = (tenant_id, namespace, slug)
    serving = KEPT.get(name, present)
    if serving is None:
        serving = _from_redis_or_loaded(tenant_id, namespace, slug, present)
        KEPT.put(name, present, serving, size=_size(serving))
    return serving


def _from_redis_or_loaded(tenant_id: UUID, namespace: str, slug: str, present: int) -> Serving:
    name = cache.name_in_redis("serving:2", str(tenant_id), namespace, slug)
    kept = cache.from_redis(name, present)
    if kept is not None:
        return _from_bytes(kept)
    serving = _loaded(tenant_id, namespace, slug)
    cache.to_redis(name, present, _to_bytes(serving))
    return serving


def _size(serving: Serving) -> int:
    """About how many bytes of memory it takes. Python may hold a text in four bytes a character."""
    size = _OVERHEAD + sum(100 + 4 * len(user_id) for user_id in serving.targets)
    for each in (serving.active, serving.pre_prod):
        if each is not None:
            size += _OVERHEAD + 4 * len(each.body) + len(each.answer) + len(each.compressed or b"")
            size += 10 * len(orjson.dumps(each.defaults))
    return size


class _Row(NamedTuple):
    """A prompt with one of its tags; of a prompt without such tags a single row, null after the sixth column."""

    slug: str
    is_archived: bool
    variables_expected: list[str]
    tier: str | None
    max_tokens: int | None
    enforcement: str | None
    tag: str
    id: UUID
    number: int
    type: str
    body: str
    variables: str
    config: str
    digest: str
    targets: list[str]


def _loaded(tenant_id: UUID, namespace: str, slug: str) -> Serving:
    """The same out of the database, at one moment. What is not there is not kept: its names have no end."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT prompt.slug, prompt.archived_at IS NOT NULL, prompt.variables_expected, tier.name,
                   tier.max_tokens, tier.enforcement, tag.name, version.id,
                   version.number, version.type, version.body, version.variables::text, version.config::text,
                   version.digest,
                   ARRAY(SELECT target.user_id FROM prompts_preprodtarget target
                         WHERE tag.name = 'staging' AND target.version_id = version.id)
            FROM prompts_namespace namespace
            JOIN prompts_prompt prompt ON prompt.namespace_id = namespace.id
            LEFT JOIN prompts_budgettier tier ON tier.id = prompt.tier_id
            LEFT JOIN prompts_tag tag ON tag.prompt_id = prompt.id AND tag.name IN ('production', 'staging')
            LEFT JOIN prompts_promptversion version ON version.id = tag.version_id
            WHERE namespace.tenant_id = %s AND namespace.slug = %s AND prompt.slug = %s
            """,
            [tenant_id, namespace, slug],
        )
        rows = [_Row(*row) for row in cursor.fetchall()]
    if not rows:
        raise NotFound("There is no such prompt.")
    first = rows[0]
    if first.is_archived:
        return Serving(is_archived=True)
    by_tag = {row.tag: row for row in rows}
    active, staging = by_tag.get("production"), by_tag.get("staging")
    # Both at once is active: that is what its status says.
    aimed = staging if staging and staging.targets and (active is None or staging.id != active.id) else None
    return Serving(
        is_archived=False,
        active=_ready(active, "active") if active else None,
        pre_prod=_ready(aimed, "pre_prod") if aimed else None,
        targets=frozenset(aimed.targets) if aimed else frozenset(),
        budget=Budget(first.tier, first.max_tokens, first.enforcement == BudgetTier.BLOCK)
        if first.tier and first.max_tokens
        else None,
    )


def _ready(row: _Row, source: Literal["active", "pre_prod"]) -> Served:
    """Everything about a version that takes time, done once."""
    content = parsed(row.type, row.body)
    answer = orjson.dumps(
        {
            "version_id": row.id,
            "version_number": row.number,
            "body": content,
            "type": row.type,
            "config": json.loads(row.config, cls=ExactDecoder),
            "variables_expected": row.variables_expected,
            "status": source,
            "token_estimate": tokens.estimate_of(content),
            "digest": row.digest,
        }
    )
    return Served(
        id=row.id,
        number=row.number,
        source=source,
        type=row.type,
        body=row.body,
        defaults=defaults_of(json.loads(row.variables, cls=ExactDecoder)),
        answer=answer,
        compressed=gzip.compress(answer, mtime=0) if len(answer) >= CompressionMiddleware.smallest else None,
        hash=hashlib.sha256(answer).hexdigest(),
    )


# ----------------------------------------------------------------------------- what is rendered


def in_production(prompt: Prompt) -> PromptVersion:
    """The version that `production` points at. Raises PromptArchived and NotFound."""
    prompt.require_live()
    version = PromptVersion.objects.in_production_of(prompt).first()
    if version is None:
        raise NotFound(_NOT_IN_PRODUCTION)
    return version


def is_released(version: PromptVersion) -> bool:
    """Whether a version is or ever was in production."""
    return version.prompt.tag_moves.filter(tag=PRODUCTION, new=version).exists()


def rendered(version: PromptVersion, variables: Mapping[str, Any], *, strict: bool) -> Rendering:
    """The version's text with these values, its declared defaults standing in for absent ones."""
    return template.render(
        version.content, variables, defaults=defaults_of(version.variables), strict=strict, cache_key=version.pk
    )


def rendered_by_name(found: Served, variables: Mapping[str, Any], *, strict: bool) -> Rendering:
    """The same of a version found by name."""
    return template.render(found.content, variables, defaults=found.defaults, strict=strict, cache_key=found.id)


def budget_of(prompt: Prompt) -> Budget | None:
    """The budget of a prompt read from the database."""
    tier = prompt.tier
    return Budget(tier.name, tier.max_tokens, tier.enforcement == BudgetTier.BLOCK) if tier else None


def tokens_in(rendering: Rendering) -> int:
    """How many tokens a rendering has: an estimate (prompts/tokens.py)."""
    return tokens.estimate(rendering.text)
