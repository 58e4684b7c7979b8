"""`manage.py list_api_keys --tenant acme`"""

from argparse import ArgumentParser
from typing import Any

from pvc.commands import ActionCommand, tenant_named
from tenants.models import ApiKey


class Command(ActionCommand):
    help = "List a tenant's API keys, newest first: who owns them, what they allow, whether they are in use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", default="default", metavar="SLUG")
        parser.add_argument("--all", action="store_true", help="revoked and expired ones too")

    def act(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        keys = ApiKey.objects.filter(tenant=tenant_named(options["tenant"])).select_related("owner", "tenant")
        return [_shown(key) for key in keys.order_by("-id") if options["all"] or key.is_usable()]

    def tell(self, result: list[dict[str, Any]]) -> str:
        if not result:
            return "No keys."
        return "\n".join(
            f"pvc_{key['keyId']}_…  {key['name']:<24} {key['owner']:<20} {'in use' if key['usable'] else 'ended':<7}"
            f" last used {key['lastUsedAt'] or 'never'}  {' '.join(key['scopes'])}"
            for key in result
        )


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.pk,
        "keyId": key.key_id,
        "name": key.name,
        "owner": key.owner.username,
        "scopes": key.scopes,
        "usable": key.is_usable(),
        "expiresAt": key.expires_at,
        "revokedAt": key.revoked_at,
        "lastUsedAt": key.last_used_at,
    }
