"""Prompts and their versions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Upper
from django.utils import timezone

from prompts.content import CHAT, TEXT, Content, Messages, parsed
from prompts.models.namespaces import BudgetTier, Namespace
from prompts.names import PRODUCTION, PROMPT_SLUG, STAGING
from pvc.crypto import ExactDecoder
from pvc.errors import Conflict, Gone, Invalid, PreconditionFailed, name_constraint
from pvc.ids import new_id
from tenants.models import Actor, Tenant, User

TYPES = [(TEXT, "text"), (CHAT, "chat")]


class PromptArchived(Gone):
    code = "ARCHIVED"


class NotSealed(Conflict):
    code = "NOT_SEALED"


class PromptQuerySet(models.QuerySet["Prompt"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)

    def named(self, ref: "PromptRef") -> Self:
        """The prompt that a reference means: by id, or by namespace and slug."""
        if ref.id is not None:
            return self.filter(pk=ref.id)
        return self.filter(namespace__slug=ref.namespace, slug=ref.slug)

    def matching(self, text: str) -> Self:
        """Those whose slug, name or description contains `text`, in any case (trigram indexes)."""
        return self.filter(Q(slug__icontains=text) | Q(name__icontains=text) | Q(description__icontains=text))

    def archived_or_not(self, asked: str) -> Self:
        """As a list is asked: `false` leaves archived ones out, `true` shows them alone, `all` both. Raises Invalid."""
        match asked:
            case "all":
                return self
            case "true" | "false":
                return self.filter(archived_at__isnull=asked == "false")
        raise Invalid.field("archived", "Use false, true or all.")

    def carrying(self, tag: str) -> Self:
        return self.filter(tags__name=tag)

    def for_display(self) -> Self:
        """With what an answer shows: namespace, head, and the id of the newest sealed version."""
        newest = PromptVersion.objects.sealed().filter(prompt=OuterRef("pk")).order_by("-number").values("pk")[:1]
        return self.select_related("namespace", "head", "tier").annotate(latest_id=Subquery(newest))


class Prompt(models.Model):
    """A prompt (the lifecycle surface's *template*): a name, and the versions under it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="prompts")
    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="prompts", db_constraint=False)
    slug = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=500, blank=True, default="")
    type = models.CharField(max_length=4, choices=TYPES, default=TEXT)
    tier = models.ForeignKey(
        BudgetTier, on_delete=models.PROTECT, null=True, blank=True, related_name="prompts", db_constraint=False
    )
    variables_expected = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True, decoder=ExactDecoder)
    #: The version last written through the prompt itself (POST, PUT).
    head = models.ForeignKey(
        "PromptVersion", on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False
    )
    last_number = models.IntegerField(default=0)
    last_sequence = models.BigIntegerField(default=0)
    revision = models.IntegerField(default=1)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    #: Set by `PromptQuerySet.for_display()` and `with_latest()`.
    latest_id: UUID | None
    latest: "PromptVersion | None"
    objects = PromptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "slug"], name="one_prompt_per_slug"),
            # The targets of the foreign keys that hold to a prompt what is about it.
            models.UniqueConstraint(fields=["tenant", "id", "type"], name="prompt_within_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="prompt_id_within_tenant"),
            models.CheckConstraint(condition=Q(slug__regex=f"^{PROMPT_SLUG}$"), name="prompt_slug_is_plain"),
            models.CheckConstraint(condition=Q(type__in=[TEXT, CHAT]), name="prompt_type_is_known"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="prompts_newest_first"),
            GinIndex(OpClass(Upper("slug"), "gin_trgm_ops"), name="prompts_by_part_of_slug"),
            GinIndex(OpClass(Upper("name"), "gin_trgm_ops"), name="prompts_by_part_of_name"),
            GinIndex(OpClass(Upper("description"), "gin_trgm_ops"), name="prompts_by_description"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def prompt_id(self) -> UUID:
        """In whose log a refused verb on this row shows."""
        return self.pk

    @property
    def full_name(self) -> str:
        """As others name it: `namespace:name`."""
        return f"{self.namespace.slug}:{self.slug}"

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None

    def locked(self) -> "Prompt":
        """This row, read again under a lock that lasts until the unit ends."""
        return (
            Prompt.objects.select_for_update(of=("self",), no_key=True)
            .select_related("namespace", "head", "tier")
            .get(pk=self.pk)
        )

    def require_revision(self, revision: str | None) -> None:
        """Raises PreconditionFailed when the caller saw another revision (`If-Match`)."""
        require_revision(self.revision, revision, what="prompt")

    def require_live(self) -> None:
        """Raises PromptArchived: an archived prompt takes no versions, tags or promotions."""
        if self.is_archived:
            raise PromptArchived(f"{self.slug} is archived. Unarchive it first.")

    def take_sequence(self) -> int:
        """The number of the prompt's next public event; the caller saves `last_sequence`."""
        self.last_sequence += 1
        return self.last_sequence

    def next_sequence(self) -> int:
        """The same of a *locked* prompt, and saved."""
        self.take_sequence()
        self.save(update_fields=["last_sequence"])
        return self.last_sequence


@dataclass(frozen=True, slots=True)
class PromptRef:
    """How a route names a prompt: an id, a name in `default`, or `namespace:name`."""

    id: UUID | None = None
    namespace: str = ""
    slug: str = ""

    def __str__(self) -> str:
        return str(self.id) if self.id else f"{self.namespace}:{self.slug}"


class PromptVersionQuerySet(models.QuerySet["PromptVersion"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)

    def sealed(self) -> Self:
        return self.filter(sealed_at__isnull=False)

    def drafts_of(self, author: User) -> Self:
        return self.filter(sealed_at__isnull=True, author=author)

    def shown_to(self, actor: Actor) -> Self:
        """Sealed versions, and the actor's own drafts: somebody else's is nobody's business yet."""
        return self.visible_to(actor).filter(Q(sealed_at__isnull=False) | Q(author=actor.user))

    def in_production_of(self, prompt: Prompt) -> Self:
        """The one that the prompt's tag `production` points at, if there is one."""
        return self.filter(tags__prompt=prompt, tags__name=PRODUCTION)

    def with_status(self) -> Self:
        """With the tags and decisions that say what a version's status is; for a page already chosen."""
        return self.prefetch_related("tags", "approvals")


class PromptVersion(models.Model):
    """A text at a number. A draft until it is sealed; then nothing about it ever changes."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="versions", db_constraint=False)
    number = models.IntegerField()
    type = models.CharField(max_length=4, choices=TYPES)
    body = models.TextField()
    variables = models.JSONField(default=dict, decoder=ExactDecoder)
    config = models.JSONField(default=dict, decoder=ExactDecoder)
    checksum = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    base = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False)
    change_note = models.TextField(blank=True, default="")
    #: What was found in it when it was last written (prompts/validation.py); null for what is older than that.
    validation = models.JSONField(null=True)
    metadata = models.JSONField(default=dict, decoder=ExactDecoder)
    revision = models.IntegerField(default=1)
    sealed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = PromptVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt", "number"], name="one_version_per_number"),
            models.UniqueConstraint(
                fields=["prompt", "author"], condition=Q(sealed_at__isnull=True), name="one_open_draft_per_author"
            ),
            # The targets of the foreign keys that hold a tag to its prompt and to its content.
            models.UniqueConstraint(fields=["tenant", "prompt", "id"], name="version_within_prompt"),
            models.UniqueConstraint(fields=["tenant", "prompt", "id", "digest"], name="version_with_its_digest"),
            models.UniqueConstraint(
                fields=["tenant", "prompt", "id", "digest", "author"], name="version_with_its_author"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="version_within_tenant"),
            models.CheckConstraint(condition=Q(number__gte=1), name="version_numbers_start_at_1"),
        ]
        indexes = [
            models.Index(
                fields=["prompt", "digest"], name="sealed_versions_by_digest", condition=Q(sealed_at__isnull=False)
            ),
            models.Index(fields=["author", "-id"], name="open_drafts_by_author", condition=Q(sealed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"

    @property
    def is_sealed(self) -> bool:
        return self.sealed_at is not None

    @property
    def content(self) -> str | Messages:
        """The text, or a chat's messages, as it goes over the wire."""
        return parsed(self.type, self.body)

    @property
    def served(self) -> Content:
        """Everything of it that is served."""
        return Content(self.type, self.body, self.variables, self.config)

    @property
    def tag_names(self) -> list[str]:
        return sorted(tag.name for tag in self.tags.all())

    @property
    def status(self) -> str:
        """draft, active, rejected, pre_prod or retired; derived, in this order (contract 4)."""
        if not self.is_sealed:
            return "draft"
        names = self.tag_names
        if PRODUCTION in names:
            return "active"
        if self.is_rejected:
            return "rejected"
        return "pre_prod" if STAGING in names else "retired"

    @property
    def is_rejected(self) -> bool:
        """Whether the last decision on it was no."""
        reviews = [each for each in self.approvals.all() if each.kind == "review"]
        return bool(reviews) and not max(reviews, key=lambda each: each.pk).approved

    def require_sealed(self) -> None:
        """Raises NotSealed: a draft still changes, so nothing points at it and nothing evaluates it."""
        if not self.is_sealed:
            raise NotSealed(f"Version {self.number} is a draft; seal it first.")

    def require_revision(self, revision: str | None) -> None:
        """Raises PreconditionFailed when the caller saw another revision of a draft (`If-Match`)."""
        require_revision(self.revision, revision, what="draft")

    def add_contributors_of(self, *others: "PromptVersion") -> None:
        """Whoever had a hand in these had one in this too."""
        people = Contributor.objects.filter(version__in=others).values_list("user_id", flat=True).distinct()
        Contributor.objects.bulk_create(
            (Contributor(tenant_id=self.tenant_id, version=self, user_id=user_id) for user_id in sorted(people)),
            ignore_conflicts=True,
        )

    def holds(self, content: Content) -> bool:
        return self.digest == content.digest


class Contributor(models.Model):
    """Somebody whose hand is in a version, and who therefore cannot approve it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(
        PromptVersion, on_delete=models.CASCADE, related_name="contributors", db_constraint=False
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "user"], name="one_contribution_per_user")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.version_id}"


def with_latest(prompts: Iterable[Prompt]) -> list[Prompt]:
    """A page of prompts `for_display()`, each with its newest sealed version, in one query for all."""
    page = list(prompts)
    newest = PromptVersion.objects.with_status().in_bulk([prompt.latest_id for prompt in page if prompt.latest_id])
    for prompt in page:
        prompt.latest = newest.get(prompt.latest_id) if prompt.latest_id else None
    return page


def require_revision(present: int, seen: str | None, *, what: str) -> None:
    """Raises PreconditionFailed unless `seen` (an If-Match header, None for none) covers `present`."""
    if seen is None or seen.strip() == "*":
        return
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in seen.split(",")]
    if str(present) not in tags:
        raise PreconditionFailed(f"The {what} changed meanwhile: its revision is {present}. Read it again.")


_PLAIN_SLUG = "Use lower-case letters, digits, - and _; up to 100."
name_constraint("one_prompt_per_slug", Conflict("A prompt with this name already exists."))
name_constraint("prompt_within_tenant", Conflict("This prompt exists already."))
name_constraint("prompt_id_within_tenant", Conflict("This prompt exists already."))
name_constraint("prompt_slug_is_plain", Invalid.field("name", _PLAIN_SLUG))
name_constraint("prompt_type_is_known", Invalid.field("type", "A prompt is of type text or chat."))
name_constraint("prompt_identity_is_fixed", Invalid("A prompt's name, namespace and type are fixed at its creation."))
name_constraint("prompt_in_namespace", Invalid.field("namespace", "The prompt and its namespace belong to one tenant."))
name_constraint("prompt_head_is_its_version", Conflict("A prompt's head is one of its own versions."))
name_constraint(
    "prompt_tier_of_its_namespace", Invalid.field("tier", "A prompt's budget tier is one of its namespace.")
)
name_constraint("one_version_per_number", Conflict("Another version took this number; please try again."))
name_constraint("one_open_draft_per_author", Conflict("You have an open draft of this prompt already."))
name_constraint("version_within_prompt", Conflict("This version exists already."))
name_constraint("version_with_its_digest", Conflict("This version exists already."))
name_constraint("version_within_tenant", Conflict("This version exists already."))
name_constraint("version_numbers_start_at_1", Invalid("Version numbers start at 1."))
name_constraint("version_of_its_prompt", Invalid("A version belongs to a prompt of its tenant and has its type."))
name_constraint("version_base_of_its_prompt", Invalid("A version's base is a version of the same prompt."))
name_constraint("version_text_has_its_length", Invalid.field("content", "1 to 100,000 characters are taken."))
name_constraint("checksum_is_of_the_text", Conflict("The checksum is not that of the text."))
name_constraint("sealed_versions_never_change", Conflict("A sealed version never changes; make a new one."))
name_constraint("one_contribution_per_user", Conflict("This contributor is known already."))
name_constraint("contributor_in_tenant", Invalid("A contributor belongs to a version of the tenant."))
name_constraint("contributors_stay", Conflict("The contributors of a sealed version never change."))
name_constraint("sealed_versions_are_not_truncated", Conflict("A sealed version never changes; make a new one."))
name_constraint("contributors_are_not_truncated", Conflict("The contributors of a sealed version never change."))
