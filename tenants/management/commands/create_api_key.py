"""`manage.py create_api_key ci --owner alice --scope prompts:read`"""

import datetime as dt
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError

from pvc.commands import ActionCommand, actor_for, user_named
from tenants import actions
from tenants.scopes import GATEWAY, SCOPES


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("use ISO 8601, for example 2027-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


class Command(ActionCommand):
    help = "Issue an API key and show it, once. It never allows more than its owner's groups do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="what the key is for")
        parser.add_argument("--owner", required=True, metavar="USERNAME")
        parser.add_argument("--scope", action="append", default=[], choices=list(SCOPES), dest="scopes")
        parser.add_argument("--all-scopes", action="store_true", help=f"every scope but {GATEWAY}")
        parser.add_argument("--gateway", action="store_true", help="the key may name the acting user in X-User-Id")
        parser.add_argument("--expires-at", type=_moment, metavar="TIME", help="ISO 8601; UTC where it says nothing")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        owner = user_named(options["owner"])
        if owner.tenant is None:
            raise CommandError(f"{owner.username} belongs to no tenant; a key always does.")
        scopes = {*options["scopes"]} - {GATEWAY}
        scopes |= set(SCOPES) - {GATEWAY} if options["all_scopes"] else set()
        scopes |= {GATEWAY} if options["gateway"] else set()
        issued = actions.create_api_key(
            options["name"], owner=owner, scopes=scopes, expires_at=options["expires_at"], by=actor_for(owner.tenant)
        )
        row = issued.row
        return {"id": row.pk, "keyId": row.key_id, "owner": owner.username, "scopes": row.scopes, "key": issued.text}

    def tell(self, result: dict[str, Any]) -> str:
        return f"{result['key']}\nThis is the only time it is shown. It belongs to {result['owner']}."
