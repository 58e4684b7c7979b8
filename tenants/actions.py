"""Verbs on tenants, users and keys."""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.unit import record, touch_served, verb
from pvc.errors import Conflict, Forbidden, Invalid
from tenants import keys
from tenants.models import Actor, ApiKey, Tenant, User
from tenants.names import canonical_username
from tenants.scopes import GATEWAY, GROUPS, SCOPES


class UnknownScope(Invalid):
    code = "UNKNOWN_SCOPE"


class ScopeNotHeld(Forbidden):
    code = "SCOPE_NOT_HELD"


class OutlivesItsMaker(Forbidden):
    code = "OUTLIVES_ITS_MAKER"


class AlreadyRevoked(Conflict):
    code = "ALREADY_REVOKED"


class IssuedKey(NamedTuple):
    """A new key's row, and its text for the only time."""

    row: ApiKey
    text: str


@verb
def create_tenant(tenant: Tenant, *, by: Actor) -> Tenant:
    """Store a new tenant. Its log begins with its own making."""
    tenant.save(force_insert=True)
    record("tenant.created", tenant, by=by, slug=tenant.slug, name=tenant.name)
    return tenant


@verb
def create_user(
    username: str,
    *,
    groups: Iterable[str],
    by: Actor,
    password: str | None = None,
    email: str = "",
    console: bool = False,
    service_owner: User | None = None,
) -> User:
    """Make a member of the actor's tenant: a person, or a service account that `service_owner` answers for."""
    names = sorted(set(groups))
    if unknown := [name for name in names if name not in GROUPS]:
        raise Invalid.field("groups", f"Unknown group {unknown[0]}. Groups are {', '.join(GROUPS)}.")
    user = User(
        username=canonical_username(username),
        email=email,
        tenant=by.tenant,
        is_staff=console,
        is_service=service_owner is not None,
        owner=service_owner,
        created_by=by.user,
    )
    if password is None:
        user.set_unusable_password()
    else:
        _check_password(password, user)
        user.set_password(password)
    user.save(force_insert=True)
    user.groups.set(Group.objects.filter(name__in=names))
    record(
        "user.created",
        user,
        by=by,
        username=user.username,
        groups=names,
        is_service=user.is_service,
        owner=service_owner.username if service_owner else None,
    )
    return user


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as refused:
        raise Invalid.fields({"password": refused.messages}) from refused


@verb
def create_api_key(
    name: str, *, owner: User, scopes: Iterable[str], by: Actor, expires_at: dt.datetime | None = None
) -> IssuedKey:
    """Issue a key to `owner`. Through the API never wider than the caller's own, and never `gateway`.

    On the command line it may be anybody's; elsewhere it is the maker's own, or a service account's of theirs.
    """
    wanted = sorted(set(scopes))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise UnknownScope(f"Unknown scope {unknown[0]}. Scopes are {', '.join(SCOPES)}.")
    if not wanted:
        raise Invalid.field("scopes", "Name at least one scope.")
    if missing := [scope for scope in wanted if not by.may(scope)]:
        raise ScopeNotHeld(f"A key is never wider than its maker's own: you do not hold {missing[0]}.")
    if by.via != "command" and by.author.pk not in (owner.pk, owner.owner_id):
        raise Invalid.field("owner", "A key belongs to whoever makes it, or to a service account of theirs.")
    _require_future(expires_at)
    makers_end = by.api_key.expires_at if by.api_key else None
    if makers_end is not None and (expires_at is None or expires_at > makers_end):
        raise OutlivesItsMaker(f"A key does not outlive the one that makes it: {makers_end.isoformat()} at the latest.")
    new = keys.generate()
    row = ApiKey(
        tenant=by.tenant,
        owner=owner,
        issued_by=by.user,
        name=name,
        key_id=new.key_id,
        hash=keys.digest(new.text, pepper=settings.API_KEY_PEPPER),
        scopes=wanted,
        expires_at=expires_at,
    )
    row.save(force_insert=True)
    expiry = expires_at.isoformat() if expires_at else None
    record(
        "api_key.created",
        row,
        by=by,
        key_id=row.key_id,
        name=name,
        owner=owner.username,
        scopes=wanted,
        expires_at=expiry,
    )
    return IssuedKey(row, new.text)


@verb
def narrow_api_key(
    key: ApiKey, *, by: Actor, scopes: Iterable[str] | None = None, expires_at: dt.datetime | None = None
) -> ApiKey:
    """Leave a key fewer scopes, or an earlier end, or both. When this has answered, no process allows it more."""
    key = _held(key)
    left = sorted(set(key.scopes if scopes is None else scopes))
    if not left:
        raise Invalid.field("scopes", "Leave it at least one scope, or revoke it.")
    if more := [scope for scope in left if scope not in key.scopes]:
        raise Invalid.field("scopes", f"A key only ever gets narrower: it does not have {more[0][:40]}.")
    # Through a gateway nobody is an administrator or overrides. A key that lost the scope would act as its owner.
    if GATEWAY in key.scopes and GATEWAY not in left:
        raise Invalid.field("scopes", "Without the scope gateway it would act as its owner. Revoke it instead.")
    _require_future(expires_at)
    if expires_at and key.expires_at and expires_at > key.expires_at:
        raise Invalid.field("expiresAt", f"A key only ever gets narrower: it ends on {key.expires_at.isoformat()}.")
    end = expires_at or key.expires_at
    if (left, end) == (sorted(key.scopes), key.expires_at):
        return key
    key.scopes, key.expires_at = left, end
    key.save(update_fields=["scopes", "expires_at"])
    touch_served(key.tenant_id)
    record(
        "api_key.narrowed",
        key,
        by=by,
        key_id=key.key_id,
        name=key.name,
        owner=key.owner.username,
        scopes=left,
        expires_at=end.isoformat() if end else None,
    )
    return key


@verb
def revoke_api_key(key: ApiKey, *, by: Actor) -> ApiKey:
    """End a key. When this has answered, no process takes it any more."""
    key = _held(key)
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    touch_served(key.tenant_id)
    record("api_key.revoked", key, by=by, key_id=key.key_id, name=key.name, owner=key.owner.username)
    return key


def _held(key: ApiKey) -> ApiKey:
    """The key as it is now, locked until the unit ends. Raises AlreadyRevoked."""
    key = ApiKey.objects.select_for_update(of=("self",)).select_related("owner").get(pk=key.pk)
    if key.revoked_at is not None:
        raise AlreadyRevoked(f"The key {key.name} is revoked already.")
    return key


def _require_future(end: dt.datetime | None) -> None:
    if end is not None and end <= timezone.now():
        raise Invalid.field("expiresAt", "The expiry must lie in the future.")
