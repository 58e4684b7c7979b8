"""`manage.py create_tenant acme` — here and not in tenants, since a tenant has a namespace from the start."""

from argparse import ArgumentParser
from typing import Any

from prompts.actions import namespaces
from pvc.commands import ActionCommand
from tenants.models import Actor, Tenant


class Command(ActionCommand):
    help = "Make a tenant with its namespace `default`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("slug")
        parser.add_argument("--name", help="for people to read; the slug where it is left out")
        parser.add_argument("--exists-ok", action="store_true", help="leave a tenant of this slug as it is")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        tenant = Tenant.objects.filter(slug=options["slug"]).first()
        created = tenant is None or not options["exists_ok"]
        if created:
            tenant = Tenant(slug=options["slug"], name=options["name"] or options["slug"])
            namespaces.open_tenant(tenant, by=Actor.command(tenant))
        assert tenant is not None
        return {"id": tenant.pk, "slug": tenant.slug, "name": tenant.name, "created": created}

    def tell(self, result: dict[str, Any]) -> str:
        what = "is made" if result["created"] else "was there already"
        return f"The tenant {result['slug']} {what} ({result['id']})."
