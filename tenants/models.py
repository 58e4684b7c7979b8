"""Who is asking: tenants, people and service accounts, their API keys; and the Actor, which is no table."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self
from uuid import UUID

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from pvc.errors import Conflict, Invalid, name_constraint
from pvc.ids import new_id
from tenants.names import InvalidUsername, canonical_username
from tenants.scopes import GATEWAY, NEVER_THROUGH_A_GATEWAY, SCOPES, scopes_of


class Tenant(models.Model):
    """A customer of the installation: nothing crosses from one to another."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=63)
    name = models.CharField(max_length=200)
    is_suspended = models.BooleanField(default=False)
    #: Rises with every change of what a hot path answers (tenants/generation.py).
    generation = models.BigIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["slug"], name="one_tenant_per_slug"),
            models.CheckConstraint(condition=Q(slug__regex=r"^[a-z0-9][a-z0-9_-]{0,62}$"), name="tenant_slug_is_plain"),
        ]

    def __str__(self) -> str:
        return self.slug


class CanonicalUserManager(UserManager["User"]):
    """Finds people by any spelling of their name."""

    def get_by_natural_key(self, username: str | None) -> "User":
        try:
            return self.get(username=canonical_username(username or ""))
        except InvalidUsername as nobodys:
            raise self.model.DoesNotExist from nobodys


class User(AbstractUser):
    """A person, or a service account that a person owns. Belongs to one tenant; platform staff to none."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="users")
    is_service = models.BooleanField(default=False)
    owner = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="service_accounts", db_constraint=False
    )
    created_by = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    #: The names of the groups, where they were read with the row (tenants/auth.py).
    known_groups: list[str] | None = None
    objects: ClassVar[CanonicalUserManager] = CanonicalUserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(is_service=True, owner__isnull=False, tenant__isnull=False)
                | Q(is_service=False, owner__isnull=True),
                name="service_accounts_have_an_owner",
            ),
            models.CheckConstraint(
                condition=Q(is_service=False) | Q(is_staff=False, is_superuser=False),
                name="service_accounts_have_no_console",
            ),
            models.CheckConstraint(
                condition=Q(tenant__isnull=True) | Q(is_superuser=False), name="superusers_belong_to_no_tenant"
            ),
            # The target of the foreign keys that keep people and their keys in one tenant.
            models.UniqueConstraint(fields=["tenant", "id"], name="user_within_tenant"),
        ]

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """Whatever makes a user, Django's own createsuperuser too, makes one canonical name."""
        return canonical_username(username)

    @property
    def scopes(self) -> frozenset[str]:
        """What this user's groups allow, at this moment."""
        if not self.is_active:
            return frozenset()
        known = self.known_groups
        return scopes_of([group.name for group in self.groups.all()] if known is None else known)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, actor: "Actor") -> Self:
        return self.filter(tenant=actor.tenant)


class ApiKey(models.Model):
    """A credential. Only its id and a keyed hash are stored; the text is shown once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="api_keys")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_keys", db_constraint=False)
    issued_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=100)
    key_id = models.CharField(max_length=8)
    hash = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=40))
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key_id"], name="one_key_per_key_id"),
            models.UniqueConstraint(fields=["hash"], name="one_key_per_hash"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="key_expires_after_its_making",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="api_keys_newest_first")]

    def __str__(self) -> str:
        return f"{self.name} (pvc_{self.key_id}_…)"

    def is_usable(self) -> bool:
        """Neither revoked nor expired, its owner and who answers for them active, its tenant not suspended."""
        expired = self.expires_at is not None and self.expires_at <= timezone.now()
        answers_for = self.owner.owner or self.owner
        is_active = self.owner.is_active and answers_for.is_active
        return is_active and not (self.revoked_at or expired or self.tenant.is_suspended)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, for whom, and through what: built at the door, handed to every verb as `by`."""

    tenant: Tenant
    user: User | None
    #: `key:<key id>`, `console`, `command`, `harness` or `system`: as the audit log says it.
    via: str
    scopes: frozenset[str] = frozenset()
    api_key: ApiKey | None = None

    @classmethod
    def of_key(cls, key: ApiKey) -> "Actor":
        """A key acts as its owner, and never beyond what the owner may do now."""
        return cls(key.tenant, key.owner, f"key:{key.key_id}", key.owner.scopes & frozenset(key.scopes), key)

    @classmethod
    def command(cls, tenant: Tenant, user: User | None = None) -> "Actor":
        """The command line: as a named person, or as the installation itself."""
        return cls(tenant, user, "command", user.scopes if user else frozenset(SCOPES))

    def named_through_gateway(self, user: User) -> "Actor":
        """The same key, acting as `user`: what both it and the user may, less what no gateway may."""
        return replace(self, user=user, scopes=(self.scopes & user.scopes) - NEVER_THROUGH_A_GATEWAY)

    @property
    def name(self) -> str:
        """How the log names the actor."""
        return self.user.username if self.user else "system"

    @property
    def author(self) -> User:
        """The user whose name stands on what is written. Raises UserRequired where nobody does."""
        if self.user is None:
            raise UserRequired("Name the person who does this (--as USERNAME).")
        return self.user

    def responsible_users(self) -> frozenset[UUID]:
        """The acting user and, for a service account, the people who own it and who issued its key."""
        user = self.author
        people = {user.pk}
        if user.is_service:
            people |= {user.owner_id, self.api_key.issued_by_id if self.api_key else None} - {None}  # type: ignore[arg-type]
        return frozenset(people)

    @property
    def decides(self) -> bool:
        """Whether it is an active person of the tenant: no service account, no platform staff, no installation."""
        user = self.user
        return user is not None and user.is_active and not user.is_service and user.tenant_id == self.tenant.pk

    @property
    def speaks_for_a_gateway(self) -> bool:
        """Whether the key is a gateway's, whose calls name the acting user."""
        return self.api_key is not None and GATEWAY in self.api_key.scopes

    def may(self, scope: str) -> bool:
        return scope in self.scopes


class UserRequired(Invalid):
    code = "USER_REQUIRED"


class NotADecider(Conflict):
    """What takes a person was asked for by somebody who is none (`Actor.decides`)."""

    code = "NOT_A_DECIDER"


name_constraint("one_tenant_per_slug", Conflict("A tenant with this slug already exists."))
name_constraint("tenant_slug_is_plain", Invalid.field("slug", "Use lower-case letters, digits, - and _; up to 63."))
name_constraint("tenants_user_username_key", Conflict("A user with this name already exists."))
name_constraint(
    "service_accounts_have_an_owner", Invalid.field("owner", "A service account needs an owner, a person none.")
)
name_constraint("service_accounts_have_no_console", Invalid("A service account cannot log in to the console."))
name_constraint("superusers_belong_to_no_tenant", Invalid("Platform staff belong to no tenant."))
name_constraint("user_origin_is_fixed", Conflict("Who made a user, and whether it is a service account, is fixed."))
name_constraint("user_within_tenant", Conflict("This user exists already."))
name_constraint("user_owner_in_tenant", Invalid.field("owner", "The owner must be a member of the same tenant."))
name_constraint("one_key_per_key_id", Conflict("Please try again: the random key id was taken."))
name_constraint("one_key_per_hash", Conflict("Please try again: the random key was taken."))
name_constraint("key_expires_after_its_making", Invalid.field("expiresAt", "The expiry must lie in the future."))
name_constraint("key_owner_in_tenant", Invalid.field("owner", "The owner must be a member of the key's tenant."))
