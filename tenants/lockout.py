"""Whom a lock-out counts: one name, however it is spelt."""

from typing import Any

from django.http import HttpRequest

from tenants.names import InvalidUsername, canonical_username


def counted_username(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The canonical form of the name that a log-in was tried with; as typed where there is none."""
    typed = str((credentials or {}).get("username") or request.POST.get("username", ""))
    try:
        return canonical_username(typed)
    except InvalidUsername:
        return typed[:150]
