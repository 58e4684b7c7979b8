"""`manage.py create_user alice --tenant acme --group Author`"""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from pvc.commands import ActionCommand, actor_for, tenant_named, user_named
from tenants import actions
from tenants.models import User
from tenants.names import canonical_username
from tenants.scopes import GROUPS


class Command(ActionCommand):
    help = "Make a member of a tenant: a person, or a service account that a person owns."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("username")
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--group", action="append", default=[], choices=list(GROUPS), dest="groups")
        parser.add_argument("--email", default="")
        parser.add_argument("--console", action="store_true", help="may log in to the console at /admin/")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        parser.add_argument("--service", action="store_true", help="a service account; needs --owner")
        parser.add_argument("--owner", metavar="USERNAME", help="who answers for the service account")
        parser.add_argument("--exists-ok", action="store_true", help="leave a user of this name as it is")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        tenant = tenant_named(options["tenant"])
        if options["service"] != bool(options["owner"]):
            raise CommandError("--service and --owner go together.")
        known = User.objects.filter(username=canonical_username(options["username"])).first()
        if known is not None and options["exists_ok"]:
            return _shown(known, created=False)
        user = actions.create_user(
            options["username"],
            groups=options["groups"],
            email=options["email"],
            console=options["console"],
            password=sys.stdin.readline().rstrip("\n") if options["password_stdin"] else None,
            service_owner=user_named(options["owner"]) if options["service"] else None,
            by=actor_for(tenant),
        )
        return _shown(user, created=True)

    def tell(self, result: dict[str, Any]) -> str:
        return f"{result['username']} {'is made' if result['created'] else 'was there already'} ({result['id']})."


def _shown(user: User, *, created: bool) -> dict[str, Any]:
    groups = [group.name for group in user.groups.order_by("name")]
    return {"id": user.pk, "username": user.username, "groups": groups, "created": created}
