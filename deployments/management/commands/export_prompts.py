"""`manage.py export_prompts backup --tenant acme --as alice`"""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError
from django.db.models import F, Prefetch, Q

from deployments.management.progress import Progress
from deployments.management.prompts import prompt_named
from prompts.files.faults import FileFault, shown
from prompts.files.filed import FiledCase, FiledVersion, first_written, own_metadata
from prompts.files.layout import Place
from prompts.files.writing import begun, strange_folders, write_prompt
from prompts.models import Namespace, Prompt, Tag
from prompts.models.prompts import PromptQuerySet
from pvc.answers import moment
from pvc.commands import ActionCommand, actor_for, tenant_named
from tenants.models import Actor

#: How many rows are in memory at a time; a version can have megabytes.
PROMPTS: Final = 200
VERSIONS: Final = 20


class Command(ActionCommand):
    help = (
        "Write prompts with all of their sealed versions, tags and test cases into a directory of readable files, which"
        " import_prompts reads. The same prompts give the same bytes. A directory that is an export already is brought"
        " up to date; nothing in it is deleted, and no version that somebody has edited is overwritten."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("directory", type=Path, help="empty, or not there yet, or an export")
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--as", dest="username", required=True, metavar="USERNAME", help="who does this")
        parser.add_argument("--namespace", action="append", metavar="SLUG", help="only this one; may be repeated")
        parser.add_argument("--prompt", action="append", metavar="NAME", help="only this one, as namespace:name")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        by = actor_for(tenant_named(options["tenant"]), options["username"])
        if not by.may("prompts:read"):
            raise CommandError(f"{by.name} does not hold prompts:read.")
        prompts = _asked_for(options, by)
        root = begun(options["directory"])
        return self._export(prompts, root, is_whole=not (options["namespace"] or options["prompt"]))

    def handle(self, *args: Any, **options: Any) -> None:
        self.refused: list[dict[str, str]] = []
        super().handle(*args, **options)
        if self.refused:
            raise CommandError(f"{len(self.refused)} of the prompts could not be written.")

    def _export(self, prompts: PromptQuerySet, root: Path, *, is_whole: bool) -> dict[str, Any]:
        done = {"prompts": 0, "versions": 0, "files_written": 0}
        strange: list[str] = []
        known: set[str] = set()
        with Progress(self.stderr, prompts.count(), "prompts") as progress:
            for prompt in _by_pages(prompts):
                place = Place(root, prompt.namespace.slug, prompt.slug)
                known.add(f"{place.namespace}/{place.slug}")
                try:
                    written = write_prompt(place, _said(prompt), _versions(prompt), _cases(prompt))
                except FileFault as fault:
                    self.refused.append({"prompt": f"{place.namespace}:{place.slug}", "refusal": fault.message})
                else:
                    done["prompts"] += 1
                    done["versions"] += written.versions
                    done["files_written"] += written.changed
                    strange += written.strange
                progress.step()
        if is_whole:
            strange += strange_folders(root, known)
        return {"directory": shown(str(root)), **done, "strange": list(map(shown, strange)), "refused": self.refused}

    def tell(self, result: dict[str, Any]) -> str:
        lines = [f"{each['prompt']}: {each['refusal']}" for each in result["refused"]]
        lines += [f"{each} is not of this export, and stays." for each in result["strange"]]
        lines.append(
            f"{result['prompts']} prompts with {result['versions']} versions are in {result['directory']};"
            f" {result['files_written']} files are new or have changed."
        )
        return "\n".join(lines)


# ----------------------------------------------------------------------------- finding
def _asked_for(options: dict[str, Any], by: Actor) -> PromptQuerySet:
    """The prompts that are meant. Raises CommandError for a name that nothing has."""
    prompts = Prompt.objects.visible_to(by)
    if options["namespace"] or options["prompt"]:
        namespaces = [_namespace_named(slug, by).pk for slug in options["namespace"] or ()]
        named = [prompt_named(name, by).pk for name in options["prompt"] or ()]
        prompts = prompts.filter(Q(namespace__in=namespaces) | Q(pk__in=named))
    return prompts


def _namespace_named(slug: str, by: Actor) -> Namespace:
    found = Namespace.objects.visible_to(by).filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no namespace {slug}.")
    return found


def _by_pages(prompts: PromptQuerySet) -> Iterator[Any]:
    """Each prompt with its tags and its head's number, the oldest first; a page of them at a time."""
    tags = Prefetch("tags", Tag.objects.annotate(number=F("version__number")).order_by("name"))
    rows = prompts.annotate(head_number=F("head__number")).select_related("namespace", "tier").prefetch_related(tags)
    page = list(rows.order_by("pk")[:PROMPTS])
    while page:
        yield from page
        page = list(rows.filter(pk__gt=page[-1].pk).order_by("pk")[:PROMPTS])


def _versions(prompt: Prompt) -> Iterator[FiledVersion]:
    """The sealed versions by rising number, a few at a time. Tags were read before: what they point at is here."""
    rows = prompt.versions.sealed().select_related("author").annotate(base_number=F("base__number"))
    page = list(rows.order_by("number")[:VERSIONS])
    while page:
        yield from map(_filed, page)
        page = list(rows.filter(number__gt=page[-1].number).order_by("number")[:VERSIONS])


def _cases(prompt: Prompt) -> list[FiledCase]:
    cases = prompt.test_cases.values_list("name", "variables", "assertions")
    return [FiledCase(*each) for each in cases]


# ----------------------------------------------------------------------------- saying
def _said(prompt: Any) -> dict[str, Any]:
    """What `prompt.yaml` holds."""
    return {
        "type": prompt.type,
        "name": prompt.name,
        "description": prompt.description,
        "variables_expected": prompt.variables_expected,
        "metadata": prompt.metadata,
        **({"tier": prompt.tier.name} if prompt.tier else {}),
        "archived": prompt.is_archived,
        "head": prompt.head_number,
        "tags": {tag.name: tag.number for tag in prompt.tags.all()},
    }


def _filed(version: Any) -> FiledVersion:
    author, written_at = version.author.username, moment(version.created_at)
    return FiledVersion(
        file="",
        number=version.number,
        content=version.served,
        base=version.base_number,
        change_note=version.change_note,
        metadata=own_metadata(version.metadata),
        provenance=first_written(version.metadata, author=author, created_at=written_at),
    )
