"""`manage.py create_namespace agents --tenant acme --required-approvals 1`"""

from argparse import ArgumentParser
from typing import Any

from prompts.actions import namespaces
from pvc.commands import ActionCommand, actor_for, tenant_named


class Command(ActionCommand):
    help = "Make a namespace, with the policy under which its prompts reach production."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("slug")
        parser.add_argument("--tenant", default="default", metavar="SLUG")
        parser.add_argument("--name", help="for people to read; the slug where it is left out")
        parser.add_argument("--description", default="")
        parser.add_argument("--required-approvals", type=int, default=1, choices=range(6), metavar="0-5")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="who does this; else the installation")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        namespace = namespaces.create_namespace(
            options["slug"],
            name=options["name"] or options["slug"],
            description=options["description"],
            required_approvals=options["required_approvals"],
            by=actor_for(tenant_named(options["tenant"]), options["username"]),
        )
        return {"id": namespace.pk, "slug": namespace.slug, "required_approvals": options["required_approvals"]}

    def tell(self, result: dict[str, Any]) -> str:
        return f"The namespace {result['slug']} is made; production takes {result['required_approvals']} approvals."
