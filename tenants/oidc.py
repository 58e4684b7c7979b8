"""Log-in to the console through an OpenID Connect provider (the extra `oidc`): who it says somebody is, and no more.

People are made here, by `manage.py create_user` or by an administrator; a provider makes none and gives no rights. The
claim that names a person is compared with the canonical user name.
"""

from typing import Any

import jwt
import requests
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from pvc.errors import Unavailable
from tenants.console import ConsoleBackend
from tenants.models import User
from tenants.names import InvalidUsername, canonical_username


class OIDCBackend(OIDCAuthenticationBackend, ConsoleBackend):  # type: ignore[misc]  # the extra has no types
    """Mozilla's, which checks signature, state and nonce; here the token must also be of our issuer and for us."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:  # type: ignore[override]
        try:
            found: User | None = super().authenticate(request, **credentials)
        except requests.RequestException as error:
            raise Unavailable("The log-in provider cannot be reached. Try again, or give your password.") from error
        return found

    def verify_token(self, token: str, **expected: Any) -> dict[str, Any]:
        """The claims of an id token. Raises SuspiciousOperation unless it is of our issuer, for us, and fresh."""
        try:
            claims: dict[str, Any] = super().verify_token(token, **expected)
        except jwt.PyJWTError as error:
            raise SuspiciousOperation("The id token does not verify.") from error
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != settings.OIDC_ISSUER or settings.OIDC_RP_CLIENT_ID not in audiences:
            raise SuspiciousOperation("The id token is of another issuer, or for another service.")
        return claims

    def get_userinfo(self, access_token: str, id_token: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What the provider says of the person. Raises SuspiciousOperation if it speaks of another than the token."""
        said: dict[str, Any] = super().get_userinfo(access_token, id_token, payload)
        if not said.get("sub") or said["sub"] != payload.get("sub"):
            raise SuspiciousOperation("The provider speaks of two people.")
        return said

    def verify_claims(self, claims: dict[str, Any]) -> bool:
        return isinstance(claims.get(settings.OIDC_USERNAME_CLAIM), str)

    def filter_users_by_claims(self, claims: dict[str, Any]) -> list[User]:
        """The one person of that name who may use the console, or nobody."""
        try:
            name = canonical_username(claims[settings.OIDC_USERNAME_CLAIM])
        except InvalidUsername:
            return []
        people = User.objects.select_related("tenant").filter(username=name, is_staff=True, is_service=False)
        return [user for user in people if self.user_can_authenticate(user)]

    def get_user(self, user_id: Any) -> User | None:
        found = ConsoleBackend.get_user(self, user_id)
        return found if isinstance(found, User) else None
