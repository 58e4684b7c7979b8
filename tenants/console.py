"""Who may log in to the console."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from tenants.models import User


class ConsoleBackend(ModelBackend):
    """Django's own, but a suspended tenant's people stay outside; asked at each request of theirs."""

    def user_can_authenticate(self, user: Any) -> bool:
        suspended = isinstance(user, User) and user.tenant is not None and user.tenant.is_suspended
        return bool(super().user_can_authenticate(user)) and not suspended
