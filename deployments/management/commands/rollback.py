"""`manage.py rollback agents:support --tenant acme --as bob`"""

from argparse import ArgumentParser
from typing import Any

from deployments.actions import promotion
from deployments.management.prompts import PromptCommand, version_numbered
from prompts.models import Prompt
from tenants.models import Actor


class Command(PromptCommand):
    help = "Make live again what was live before, or an earlier production by its number."
    scope = "prompts:promote"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--to", type=int, metavar="NUMBER", help="an earlier production; default: the one before")
        parser.add_argument("--reason", default="", help="why; kept in the tag's history")

    def change(self, prompt: Prompt, options: dict[str, Any], *, by: Actor) -> dict[str, Any]:
        version = version_numbered(prompt, options["to"]) if options["to"] else None
        moved = promotion.rollback(prompt, version=version, reason=options["reason"], by=by)
        assert moved.old is not None  # there was one to go back from
        return {"fromNumber": moved.old.number, "number": moved.new.number}

    def tell(self, result: dict[str, Any]) -> str:
        return f"{result['prompt']} is back on version {result['number']}; it was version {result['fromNumber']}."
