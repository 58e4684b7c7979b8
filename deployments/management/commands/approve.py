"""`manage.py approve agents:support 3 --tenant acme --as bob`"""

from argparse import ArgumentParser
from typing import Any

from deployments.actions import promotion
from deployments.management.prompts import PromptCommand, version_numbered
from prompts.models import Prompt
from tenants.models import Actor


class Command(PromptCommand):
    help = "Approve a version in pre-production; it goes live when enough people have. Nobody approves their own."
    scope = "prompts:approve"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("number", type=int, help="the version's number")
        parser.add_argument("--digest", help="approve this content and no other")
        parser.add_argument("--comment", default="")

    def change(self, prompt: Prompt, options: dict[str, Any], *, by: Actor) -> dict[str, Any]:
        version = version_numbered(prompt, options["number"])
        decided = promotion.approve(version, comment=options["comment"], digest=options["digest"], by=by)
        return {"number": version.number, "activated": decided.activated, "unmet": decided.unmet}

    def tell(self, result: dict[str, Any]) -> str:
        if result["activated"]:
            return f"Version {result['number']} of {result['prompt']} is approved and live."
        missing = " ".join(each["message"] for each in result["unmet"])
        return f"Version {result['number']} of {result['prompt']} is approved. {missing}"
