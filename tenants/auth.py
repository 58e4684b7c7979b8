"""From headers to an Actor: the API key says which tenant; a gateway's key may name the acting user."""

import hashlib
import hmac
import re
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication

from pvc.errors import Forbidden, Unauthorized
from tenants import keys
from tenants.models import Actor, ApiKey, Tenant, User
from tenants.names import canonical_username
from tenants.scopes import GATEWAY, NEVER_THROUGH_A_GATEWAY

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

_SIGNATURE = re.compile(r"t=(?P<t>\d{1,12}),v1=(?P<v1>[0-9a-f]{64})", re.ASCII)
_SIGNATURE_SECONDS = 60
_LAST_USED = timedelta(minutes=1)


class TenantMismatch(Forbidden):
    code = "TENANT_MISMATCH"


class UserMismatch(Forbidden):
    code = "USER_MISMATCH"


class UnknownUser(Forbidden):
    code = "UNKNOWN_USER"


class BadGatewaySignature(Forbidden):
    code = "BAD_GATEWAY_SIGNATURE"


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <api key>`. The result is the key's owner; `acting` names who acts."""

    def authenticate(self, request: "Request") -> tuple[User, Actor] | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        actor = Actor.of_key(verified_key(header))
        assert actor.user is not None
        return actor.user, actor

    def authenticate_header(self, request: "Request") -> str:  # noqa: ARG002 — the signature is the framework's
        return "Bearer"


def verified_key(header: str) -> ApiKey:
    """The usable key behind an Authorization header. Raises Unauthorized, always with the same words."""
    scheme, _, text = header.partition(" ")
    key_id = keys.key_id_of(text.strip()) if scheme.lower() == "bearer" else None
    key = _found(key_id) if key_id else None
    if (
        key is None
        or not keys.matches(bytes(key.hash), text.strip(), pepper=settings.API_KEY_PEPPER)
        or not key.is_usable()
    ):
        raise Unauthorized("Send a valid API key: Authorization: Bearer pvc_...")
    _note_use(key)
    return key


def _found(key_id: str) -> ApiKey | None:
    """The key with its tenant, its owner and the owner's groups, in SQL: this is asked with every call."""
    key = next(iter(ApiKey.objects.raw("SELECT * FROM tenants_apikey WHERE key_id = %s", [key_id])), None)
    if key is not None:
        key.tenant = Tenant.objects.raw("SELECT * FROM tenants_tenant WHERE id = %s", [key.tenant_id])[0]
        key.owner = User.objects.raw(
            """
            SELECT *, ARRAY(
                SELECT "group".name::text FROM tenants_user_groups membership
                JOIN auth_group "group" ON "group".id = membership.group_id
                WHERE membership.user_id = tenants_user.id
            ) AS known_groups FROM tenants_user WHERE id = %s
            """,
            [key.owner_id],
        )[0]
    return key


def _note_use(key: ApiKey) -> None:
    """Keep `last_used_at`, at most once a minute."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED:
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - _LAST_USED)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def acting(owner: Actor, request: "HttpRequest") -> Actor:
    """Who acts through a verified key: its owner, or the member that a gateway's key names.

    Raises TenantMismatch, UserMismatch, UnknownUser, BadGatewaySignature and InvalidUsername.
    """
    named = request.headers.get("X-User-Id")
    if owner.api_key is None or GATEWAY not in owner.api_key.scopes:
        _confirm_tenant(owner, request.headers.get("X-Tenant-Id"))
        _confirm_owner(owner, named)
        return owner
    gateway = through(owner, request)
    if named is None:
        return gateway
    user = (
        User.objects.prefetch_related("groups")
        .filter(tenant=owner.tenant, username=canonical_username(named), is_active=True)
        .first()
    )
    if user is None:
        raise UnknownUser("X-User-Id names nobody who is an active member of this tenant.")
    return owner.named_through_gateway(user)


def through(owner: Actor, request: "HttpRequest") -> Actor:
    """The key itself, where X-User-Id names an end user and nobody who acts.

    Raises TenantMismatch and BadGatewaySignature.
    """
    _confirm_tenant(owner, request.headers.get("X-Tenant-Id"))
    if owner.api_key is None or GATEWAY not in owner.api_key.scopes:
        return owner
    _confirm_signature(request)
    return replace(owner, scopes=owner.scopes - NEVER_THROUGH_A_GATEWAY)


def _confirm_tenant(owner: Actor, claimed: str | None) -> None:
    if claimed is not None and claimed.strip().lower() not in (str(owner.tenant.pk), owner.tenant.slug):
        raise TenantMismatch("X-Tenant-Id is not the tenant of this API key. Leave the header out, or correct it.")


def _confirm_owner(owner: Actor, named: str | None) -> None:
    if named is None:
        return
    if canonical_username(named) != owner.name:
        raise UserMismatch("X-User-Id names somebody else than the owner of this API key.")


def _confirm_signature(request: "HttpRequest") -> None:
    """`X-Gateway-Signature: t=<unix>,v1=<hex HMAC-SHA256>`, where GATEWAY_SECRET is set."""
    if not settings.GATEWAY_SECRET:
        return
    match = _SIGNATURE.fullmatch(request.headers.get("X-Gateway-Signature", ""))
    if match is None or abs(time.time() - int(match["t"])) > _SIGNATURE_SECONDS:
        raise BadGatewaySignature("X-Gateway-Signature is missing, malformed or older than a minute.")
    if not any(hmac.compare_digest(expected, match["v1"]) for expected in _expected_signatures(match["t"], request)):
        raise BadGatewaySignature("X-Gateway-Signature does not fit this request.")


def _expected_signatures(timestamp: str, request: "HttpRequest") -> list[str]:
    """What the gateway may have signed: t.method.path.sha256hex(body).tenant.user (contract 2).

    `path` is the request target as sent, but the server hands over its path decoded. Of the characters that our
    paths hold, a client may have written one in two ways: the colon of `namespace:name`.
    """
    path = request.get_full_path().partition("?")[0]
    query = request.META.get("QUERY_STRING", "")
    question = "?" if query else ""
    body = hashlib.sha256(request.body).hexdigest()
    tenant, user = request.headers.get("X-Tenant-Id", ""), request.headers.get("X-User-Id", "")
    targets = [path.replace(":", colon) + question + query for colon in (":", "%3A", "%3a")]
    key = settings.GATEWAY_SECRET.encode()
    return [
        hmac.new(
            key, f"{timestamp}.{request.method}.{target}.{body}.{tenant}.{user}".encode(), hashlib.sha256
        ).hexdigest()
        for target in targets
    ]
