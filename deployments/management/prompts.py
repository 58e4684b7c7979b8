"""What commands on one prompt share: they name it, and the person who acts."""

from argparse import ArgumentParser
from typing import Any, ClassVar

from django.core.management.base import CommandError

from prompts.converters import RefConverter
from prompts.models import Prompt, PromptVersion
from prompts.names import STAGING
from pvc.commands import ActionCommand, actor_for, tenant_named
from tenants.models import Actor


class PromptCommand(ActionCommand):
    """A command of one person on one prompt; who lacks the right is refused here as at every other door."""

    scope: ClassVar[str]

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("prompt", help="its name in `default`, or namespace:name, or its id")
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--as", dest="username", required=True, metavar="USERNAME", help="who does this")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        by = actor_for(tenant_named(options["tenant"]), options["username"])
        if not by.may(self.scope):
            raise CommandError(f"{by.name} does not hold {self.scope}.")
        prompt = prompt_named(options["prompt"], by)
        return {"prompt": f"{prompt.namespace.slug}:{prompt.slug}", **self.change(prompt, options, by=by)}

    def change(self, prompt: Prompt, options: dict[str, Any], *, by: Actor) -> dict[str, Any]:
        """Call the verb; what is returned goes beside the prompt's name. Raises DomainError."""
        raise NotImplementedError


def prompt_named(text: str, by: Actor) -> Prompt:
    """Raises CommandError where there is none."""
    found = Prompt.objects.visible_to(by).named(RefConverter().to_python(text)).select_related("namespace").first()
    if found is None:
        raise CommandError(f"There is no prompt {text}.")
    return found


def version_named(text: str, by: Actor) -> PromptVersion:
    """The version that `namespace:name@tag` or `…@number` means; without an @, what is in staging.

    Raises CommandError where there is none.
    """
    name, _, which = text.partition("@")
    prompt = prompt_named(name, by)
    if which.isdecimal():
        return version_numbered(prompt, int(which))
    tag = prompt.tags.select_related("version").filter(name=which or STAGING).first()
    if tag is None:
        raise CommandError(f"{name} has no tag {which or STAGING}.")
    return tag.version


def version_numbered(prompt: Prompt, number: int) -> PromptVersion:
    """Raises CommandError where there is none."""
    found = prompt.versions.sealed().filter(number=number).first()
    if found is None:
        raise CommandError(f"There is no version {number} of {prompt.slug}.")
    return found
