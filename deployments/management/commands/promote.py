"""`manage.py promote agents:support --tenant acme --as bob`"""

from argparse import ArgumentParser
from typing import Any

from deployments.actions import promotion
from deployments.management.prompts import PromptCommand, version_numbered
from prompts.models import Prompt
from tenants.models import Actor


class Command(PromptCommand):
    help = "Make live what is in staging, or the version named. The policy of the namespace is asked, as everywhere."
    scope = "prompts:promote"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--version-number", type=int, metavar="NUMBER", help="default: what is in staging")
        parser.add_argument("--reason", default="", help="why; kept in the tag's history")

    def change(self, prompt: Prompt, options: dict[str, Any], *, by: Actor) -> dict[str, Any]:
        if options["version_number"]:
            version = version_numbered(prompt, options["version_number"])
            promotion.set_tag(prompt, "production", version=version, reason=options["reason"], by=by)
            return {"number": version.number}
        moved = promotion.promote(prompt, reason=options["reason"], by=by)
        return {"fromNumber": moved.old.number if moved.old else None, "number": moved.new.number}

    def tell(self, result: dict[str, Any]) -> str:
        return f"Version {result['number']} of {result['prompt']} is live."
