"""`manage.py revoke_api_key 8charsid`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from pvc.commands import ActionCommand, actor_for
from tenants import actions
from tenants.models import ApiKey


class Command(ActionCommand):
    help = "End an API key, by the eight characters after pvc_. No process takes it any more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("key_id", help="the eight characters after pvc_")
        parser.add_argument(
            "--as", dest="username", metavar="USERNAME", help="who does this; default: the installation"
        )

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        key = ApiKey.objects.select_related("tenant").filter(key_id=options["key_id"].removeprefix("pvc_")[:8]).first()
        if key is None:
            raise CommandError(f"There is no key {options['key_id']}. See list_api_keys.")
        revoked = actions.revoke_api_key(key, by=actor_for(key.tenant, options["username"]))
        return {"id": revoked.pk, "keyId": revoked.key_id, "name": revoked.name, "revokedAt": revoked.revoked_at}

    def tell(self, result: dict[str, Any]) -> str:
        return f"The key {result['name']} (pvc_{result['keyId']}_…) is revoked."
