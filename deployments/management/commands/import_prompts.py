"""`manage.py import_prompts backup --tenant acme --as alice --dry-run`"""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError

from deployments.actions.importing import import_prompt
from deployments.management.progress import Progress
from deployments.present import plan_of
from prompts.actions import namespaces
from prompts.files import csv_table, langfuse, promptfoo
from prompts.files.faults import FileFault
from prompts.files.filed import FiledPrompt
from prompts.files.layout import Place
from prompts.files.plan import CHANGE, CREATE, REFUSED, UNCHANGED, Plan
from prompts.files.reading import opened, places, read_prompt
from prompts.files.slugs import checked_namespace, without_twins
from prompts.models import Namespace
from prompts.names import DEFAULT_NAMESPACE
from pvc.commands import ActionCommand, actor_for, tenant_named
from pvc.errors import DomainError, NotFound
from tenants.models import Actor

FOREIGN: Final[dict[str, Callable[..., list[FiledPrompt | FileFault]]]] = {
    "langfuse": langfuse.read,
    "promptfoo": promptfoo.read,
    "csv": csv_table.read,
}


class Command(ActionCommand):
    help = (
        "Import what export_prompts wrote, or prompts of another tool, through the same verbs as everywhere: each"
        " prompt whole or not at all, and never two versions of one content. Nothing is deleted. Where a namespace"
        " takes approvals, what would be in production is put into staging. --dry-run says what would be done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", type=Path, help="the directory of an export, or another tool's file")
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--as", dest="username", required=True, metavar="USERNAME", help="who does this")
        parser.add_argument("--from", dest="tool", choices=sorted(FOREIGN), help="whose files these are; else our own")
        parser.add_argument("--into", metavar="NAMESPACE", help="put every prompt into this namespace")
        parser.add_argument(
            "--create-namespaces",
            action="store_true",
            help="make namespaces that are missing, which then take one approval; needs the right admin",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        by = actor_for(tenant_named(options["tenant"]), options["username"])
        for scope in ["prompts:write", *(["admin"] if options["create_namespaces"] else [])]:
            if not by.may(scope):
                raise CommandError(f"{by.name} does not hold {scope}.")
        importing = Importing(by, creates=options["create_namespaces"], is_dry=options["dry_run"])
        total, filed = _filed(options["path"], options["tool"], options["into"])
        with Progress(self.stderr, total, "prompts") as progress:
            for each in filed:
                importing.take(each)
                progress.step()
        told = importing.told
        counts = {word: sum(each["action"] == word for each in told) for word in (CREATE, CHANGE, UNCHANGED, REFUSED)}
        self.refused = counts[REFUSED]
        return {"dry_run": options["dry_run"], **counts, "namespaces_made": importing.made, "prompts": told}

    def handle(self, *args: Any, **options: Any) -> None:
        self.refused = 0
        super().handle(*args, **options)
        if self.refused:
            raise CommandError(f"{self.refused} of the prompts were refused; nothing of them is written.")

    def tell(self, result: dict[str, Any]) -> str:
        makes = "would be made" if result["dry_run"] else "is made"
        lines = [f"The namespace {slug} {makes}." for slug in result["namespaces_made"]]
        lines += [line for each in result["prompts"] for line in _lines(each)]
        ends = "Nothing is written yet: " if result["dry_run"] else ""
        counts = f"{result[CREATE]} made, {result[CHANGE]} changed, {result[UNCHANGED]} unchanged"
        return "\n".join([*lines, f"{ends}{counts}, {result[REFUSED]} refused."])


class Importing:
    """One run of the command: what it has done so far, or would have."""

    def __init__(self, by: Actor, *, creates: bool, is_dry: bool) -> None:
        self.by = by
        self.creates = creates
        self.is_dry = is_dry
        self.made: list[str] = []
        self.known: dict[str, Namespace] = {}
        self.told: list[dict[str, Any]] = []

    def take(self, filed: FiledPrompt | FileFault) -> None:
        """Import one prompt, or plan to, and note down what came of it. One that is refused stops no other."""
        if isinstance(filed, FileFault):
            self.told.append({**_NOTHING, "file": filed.file, "refusal": filed.message})
            return
        try:
            plan = self._planned(filed) if self.is_dry else import_prompt(self._namespace(filed), filed, by=self.by)
        except DomainError as refused:
            plan = Plan(filed, is_new=False, notes=filed.notes, refusal=refused.message)
        self.told.append(plan.as_dict())

    def _planned(self, filed: FiledPrompt) -> Plan:
        namespace = self._found(filed)
        if namespace is None and filed.namespace not in self.made:
            self.made.append(filed.namespace)
        return plan_of(filed, namespace, by=self.by)

    def _namespace(self, filed: FiledPrompt) -> Namespace:
        found = self._found(filed)
        if found is None:
            found = namespaces.create_namespace(filed.namespace, name=filed.namespace, by=self.by)
            self.made.append(filed.namespace)
        return found

    def _found(self, filed: FiledPrompt) -> Namespace | None:
        """The namespace that a prompt goes into; None where it is still to be made. Raises NotFound."""
        slug = filed.namespace
        if slug not in self.known:
            found = Namespace.objects.visible_to(self.by).filter(slug=slug).first()
            if found is None and not self.creates:
                told = "Make it with create_namespace or --create-namespaces."
                raise NotFound(f"There is no namespace {slug}. {told}")
            if found is None:
                return None
            self.known[slug] = found
        return self.known[slug]


# ----------------------------------------------------------------------------- finding
def _filed(path: Path, tool: str | None, into: str | None) -> tuple[int, Iterator[FiledPrompt | FileFault]]:
    """How many prompts there are, and each as its files say, one at a time. Raises FileFault for the whole."""
    namespace = checked_namespace(into, file="--into") if into else None
    if tool:
        found: Sequence[FiledPrompt | FileFault | Place] = FOREIGN[tool](path, namespace=into or DEFAULT_NAMESPACE)
    else:
        found = list(places(opened(path)))
    read = (read_prompt(each) if isinstance(each, Place) else each for each in found)
    if namespace:
        read = (each if isinstance(each, FileFault) else replace(each, namespace=namespace) for each in read)
    return len(found), without_twins(read)


# ----------------------------------------------------------------------------- saying
_NOTHING: Final[dict[str, Any]] = {
    "prompt": None,
    "file": None,
    "action": REFUSED,
    "formerly": None,
    "versions": [],
    "known": 0,
    "tags": [],
    "changes": [],
    "notes": [],
    "refusal": None,
}


def _lines(told: dict[str, Any]) -> Iterator[str]:
    """A prompt in words: what is done with it, and what else there is to say."""
    name = told["prompt"] or told["file"]
    if told["formerly"]:
        name = f"{name} (“{told['formerly']}”)"
    if told["refusal"]:
        yield f"refused    {name}: {told['refusal']}"
    elif told["action"] != UNCHANGED or told["notes"]:
        yield f"{told['action']:<10} {name}: {', '.join(_parts(told)) or 'nothing to do'}"
    for note in told["notes"]:
        yield f"           {note}"


def _parts(told: dict[str, Any]) -> Iterator[str]:
    if told["versions"]:
        numbers = [each["number"] for each in told["versions"]]
        yield f"version {numbers[0]}" if len(numbers) == 1 else f"versions {numbers[0]} to {numbers[-1]}"
    for each in told["tags"]:
        yield f"{each['tag']} {each['from']} → {each['to']}" if each["from"] else f"{each['tag']} → {each['to']}"
    if told["changes"] and told["action"] != CREATE:
        yield f"its {', '.join(told['changes'])}"
