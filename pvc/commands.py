"""What every command shares: it names an actor, calls one verb, and says what came of it."""

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from pvc.errors import DomainError
from tenants.models import Actor, Tenant, User
from tenants.names import canonical_username


class ActionCommand(BaseCommand):
    """A door on the command line: exit code 0, or 1 with a sentence; `--json` for scripts."""

    # `./dev lint` and the server's start check the code; a command of a person does not wait for it.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            result = self.act(options)
        except DomainError as refused:
            raise CommandError(f"{refused.message} ({refused.code})") from refused
        except OperationalError as away:
            raise CommandError(f"The database cannot be reached: {str(away).strip()}") from away
        if options["json"]:
            self.stdout.write(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
        else:
            self.stdout.write(self.tell(result))

    def act(self, options: dict[str, Any]) -> Any:
        """Do it; what is returned can be shown as JSON. Raises DomainError."""
        raise NotImplementedError

    def tell(self, result: Any) -> str:
        """The result in words."""
        raise NotImplementedError


def tenant_named(slug: str) -> Tenant:
    """Raises CommandError where there is none."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no tenant {slug}. Make it with create_tenant.")
    return tenant


def user_named(username: str) -> User:
    """A member of a tenant. Raises CommandError where there is none."""
    user = User.objects.prefetch_related("groups").filter(username=canonical_username(username)).first()
    if user is None:
        raise CommandError(f"There is no user {username}. Make one with create_user.")
    return user


def actor_for(tenant: Tenant, username: str | None = None) -> Actor:
    """The named person of this tenant, or the installation itself. Raises CommandError."""
    if username is None:
        return Actor.command(tenant)
    user = user_named(username)
    if user.tenant_id != tenant.pk or not user.is_active:
        raise CommandError(f"{username} is no active member of the tenant {tenant.slug}.")
    return Actor.command(tenant, user)
