"""`manage.py load_demo --tenant default`: the prompts of demo/ with their histories, told through the usual verbs.

Each file is one prompt and one unit of work: all of its history is stored, or nothing of it.
"""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from django.conf import settings
from django.core.management.base import CommandError

from audit.unit import verb
from deployments.actions import promotion
from deployments.management.demo_split import DemoSplit
from deployments.models.metrics import TYPES
from evaluations import queue, worker
from evaluations.actions import runs, test_cases
from evaluations.assertions import checked
from evaluations.models import BUILTIN, Evaluation
from prompts import template
from prompts.actions import namespaces, prompts, versions
from prompts.content import CHAT, TEXT, Content, content_of
from prompts.files.filed import FiledCase
from prompts.models import Namespace, Prompt
from prompts.names import BUILT_IN_TAGS, PRODUCTION, STAGING
from pvc.commands import ActionCommand, actor_for, tenant_named
from pvc.errors import DomainError, Invalid
from tenants import actions
from tenants.models import Actor, Tenant, User

#: Who acts in the histories, and the group of each.
PEOPLE: Final = {"alice": "Author", "bob": "Reviewer", "dave": "Operator"}


@dataclass(frozen=True)
class Write:
    """Somebody writes a text; it is, or becomes, the version of this number."""

    number: int
    by: str
    reason: str
    content: Content
    scope: str = "prompts:write"


@dataclass(frozen=True)
class Move:
    """Somebody points a tag at a version that was written before."""

    tag: str
    to: int
    by: str
    reason: str

    @property
    def scope(self) -> str:
        return "prompts:promote" if self.tag == PRODUCTION else "prompts:write"


@dataclass(frozen=True)
class Story:
    """One prompt as its file tells it. `example` holds values to render every one of its versions with; with test cases
    what is in staging at the end, or else live, is evaluated."""

    path: Path
    namespace: str
    slug: str
    description: str
    example: dict[str, Any]
    steps: tuple[Write | Move, ...]
    tests: tuple[FiledCase, ...] = ()
    split: DemoSplit | None = None

    @property
    def name(self) -> str:
        return f"{self.namespace}:{self.slug}"


class Command(ActionCommand):
    help = (
        "Load the demo: prompts with versions, reasons and tag moves, as alice (Author), bob (Reviewer) and dave"
        " (Operator) would have made them. A prompt, namespace or person that is there already stays as it is, so"
        " running this twice changes nothing. Nothing is stored before every file has been read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", default="default", metavar="SLUG", help="whose it will be; it must exist")
        parser.add_argument(
            "--folder",
            type=Path,
            default=settings.BASE_DIR / "demo",
            metavar="PATH",
            help="where the histories are, as <namespace>/<prompt>.yaml; default: demo/ beside manage.py",
        )

    def act(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        tenant = tenant_named(options["tenant"])
        stories, approvals = read_stories(options["folder"]), read_approvals(options["folder"])
        there = set(Namespace.objects.filter(tenant=tenant).values_list("slug", flat=True))
        people = {name: _person(tenant, name) for name in PEOPLE}
        for story in stories:
            _require_scopes(story, people)
        told = []
        for story in stories:
            told.append(_told(story, tenant, people))
            if story.tests and told[-1]["created"]:
                _evaluate(story, tenant, people)
            if story.split and told[-1]["created"]:
                _split_traffic(story, story.split, tenant, people)
            if not options["json"]:
                self.stdout.write(_line(told[-1]))
        for slug in sorted(approvals.keys() - there):
            namespace = Namespace.objects.get(tenant=tenant, slug=slug)
            namespaces.update_namespace(namespace, {"required_approvals": approvals[slug]}, by=Actor.command(tenant))
        return told

    def tell(self, result: list[dict[str, Any]]) -> str:
        made = sum(each["created"] for each in result)
        if not made:
            return f"Nothing has changed: all {len(result)} prompts were there already."
        return f"{made} of {len(result)} prompts are made; the others were there already."


def _line(told: dict[str, Any]) -> str:
    name = f"{told['namespace']}:{told['name']}"
    what = f"{told['versions']} versions, {told['moves']} moves of tags" if told["created"] else "was there already"
    return f"{name:<32} {what}"


# ----------------------------------------------------------------------------- reading
def read_stories(folder: Path) -> list[Story]:
    """Every file of the demo, in the order of their paths. Raises CommandError where one is not right."""
    paths = sorted(folder.glob("*/*.yaml"))
    if not paths:
        raise CommandError(f"There is no demo in {folder}: <namespace>/<prompt>.yaml is looked for.")
    return [read_story(path) for path in paths]


def read_approvals(folder: Path) -> dict[str, int]:
    """How many approvals each namespace asks for from then on. Raises CommandError where that is not said rightly."""
    path = folder / "approvals.yaml"
    if not path.exists():
        return {}
    known = {each.name for each in folder.iterdir() if each.is_dir()}
    with _naming(path):
        written = _loaded(path)
        if not isinstance(written, dict) or not all(type(each) is int and each >= 0 for each in written.values()):
            raise Invalid("A namespace and a number of approvals are expected.")
        if unknown := sorted(written.keys() - known):
            raise Invalid(f"There is no namespace {unknown[0]} here.")
    return written


def read_story(path: Path) -> Story:
    """One file, its texts checked as templates. Raises CommandError that says where and what."""
    with _naming(path):
        written = _fields(_loaded(path), "description", "example", "history", type=TEXT, tests=[], split=None)
        if written["type"] not in (TEXT, CHAT):
            raise Invalid(f"type is {TEXT} or {CHAT}.")
        if not isinstance(written["history"], list) or not isinstance(written["example"], dict):
            raise Invalid("history is a list of steps, and example an object of values.")
        if not written["history"]:
            raise Invalid("A history begins with a text.")
    steps: list[Write | Move] = []
    for number, step in enumerate(written["history"], 1):
        with _naming(f"{path}, step {number}"):
            steps.append(_step(step, steps, written["type"]))
    with _naming(f"{path}, tests"):
        tests = tuple(map(_test, written["tests"]))
    with _naming(f"{path}, split"):
        split = _split(written["split"]) if written["split"] else None
    given = (written["description"], written["example"], tuple(steps), tests, split)
    return Story(path, path.parent.name, path.stem, *given)


def _loaded(path: Path) -> Any:
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        json.dumps(written, allow_nan=False)
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise Invalid(f"This is not YAML of plain values: {' '.join(str(error).split())}.") from error
    return written


def _fields(written: Any, *required: str, **optional: Any) -> dict[str, Any]:
    """An object with these fields and no others; what is optional comes with its default."""
    if not isinstance(written, dict):
        raise Invalid(f"An object with {', '.join(required)} is expected.")
    if missing := [name for name in required if name not in written]:
        raise Invalid(f"{missing[0]} is missing.")
    if unknown := [name for name in written if name not in (*required, *optional)]:
        raise Invalid(f"{unknown[0]} is unknown; there are {', '.join((*required, *optional))}.")
    return {**optional, **written}


def _test(written: Any) -> FiledCase:
    given = _fields(written, "name", "assertions", variables={})
    return FiledCase(given["name"], given["variables"], checked(given["assertions"]))


def _split(written: Any) -> DemoSplit:
    given = _fields(written, "name", "weights", "measured", sessions=500, hours=48)
    measured = tuple(_fields(each, "type", "name", "unit", "means") for each in given["measured"])
    if unknown := {each["type"] for each in measured} - set(TYPES):
        raise Invalid(f"{min(unknown)} is no type of metric; there are {', '.join(TYPES)}.")
    return DemoSplit(given["name"], given["weights"], given["sessions"], given["hours"], measured)


def _step(step: Any, before: list[Write | Move], type_: str) -> Write | Move:
    """One step of a history, knowing those before it."""
    texts = [each for each in before if isinstance(each, Write)]
    if isinstance(step, dict) and "move" in step:
        given = _fields(step, "move", "to", "by", "reason")
        if given["to"] not in {each.number for each in texts}:
            raise Invalid(f"There is no version {given['to']} yet.")
        if given["move"] not in BUILT_IN_TAGS:
            raise Invalid(f"{given['move']} is no tag; there are {', '.join(BUILT_IN_TAGS)}.")
        made: Write | Move = Move(given["move"], given["to"], given["by"], given["reason"])
    else:
        made = _text(_fields(step, "write", "by", "reason", content=None, variables={}, config={}), texts, type_)
    if made.by not in PEOPLE:
        raise Invalid(f"{made.by} is nobody here; there are {', '.join(PEOPLE)}.")
    if not isinstance(made.reason, str) or not made.reason:
        raise Invalid("A reason is a sentence.")
    return made


def _text(given: dict[str, Any], texts: list[Write], type_: str) -> Write:
    """A text with its declarations. What a step leaves out stays as the step before had it; null takes a name away."""
    last = texts[-1].content if texts else None
    content = content_of(
        type_,
        given["content"] if given["content"] is not None or last is None else last.parsed,
        _patched(last.variables if last else {}, given["variables"]),
        _patched(last.config if last else {}, given["config"]),
    )
    template.require_valid(content.parsed)
    known = {each.content.digest: each.number for each in texts}
    number = known.get(content.digest, max(known.values(), default=0) + 1)
    if given["write"] != number:
        raise Invalid(f"This is version {number} of the prompt, not {given['write']}.")
    return Write(number, given["by"], given["reason"], content)


def _patched(before: dict[str, Any], changes: Any) -> dict[str, Any]:
    if not isinstance(changes, dict):
        raise Invalid("variables and config are objects.")
    return {name: value for name, value in {**before, **changes}.items() if value is not None}


@contextmanager
def _naming(what: object) -> Iterator[None]:
    """A refusal inside says what it is about."""
    try:
        yield
    except DomainError as refused:
        raise CommandError(f"{what}: {refused.message} ({refused.code})") from refused


# ----------------------------------------------------------------------------- telling
def _person(tenant: Tenant, name: str) -> Actor:
    """Somebody of PEOPLE, made if need be. Raises CommandError for a name that another tenant has taken."""
    if not User.objects.filter(username=name).exists():
        actions.create_user(name, groups=[PEOPLE[name]], by=Actor.command(tenant))
    return actor_for(tenant, name)


def _require_scopes(story: Story, people: Mapping[str, Actor]) -> None:
    """Nobody does here what they could not do through another door."""
    for number, step in enumerate(story.steps, 1):
        if not people[step.by].may(step.scope):
            raise CommandError(f"{story.path}, step {number}: {step.by} does not hold {step.scope}.")


def _told(story: Story, tenant: Tenant, people: Mapping[str, Actor]) -> dict[str, Any]:
    """The prompt of a story, made now or there already."""
    installation = Actor.command(tenant)
    with _naming(story.path):
        namespace = Namespace.objects.visible_to(installation).filter(slug=story.namespace).first()
        if namespace is None:
            namespace = namespaces.create_namespace(
                story.namespace, name=story.namespace.capitalize(), required_approvals=0, by=installation
            )
        known = Prompt.objects.visible_to(installation).filter(namespace=namespace, slug=story.slug).first()
        prompt = known or _play(story, namespace, people)
    return {
        "namespace": story.namespace,
        "name": story.slug,
        "created": known is None,
        "versions": prompt.versions.sealed().count(),
        "moves": prompt.tag_moves.count(),
    }


@verb
def _play(story: Story, namespace: Namespace, people: Mapping[str, Actor]) -> Prompt:
    """A whole history in one unit of work."""
    first = story.steps[0]
    assert isinstance(first, Write)  # a move has to name a text before it
    prompt = prompts.create_prompt(
        namespace,
        story.slug,
        content=first.content,
        description=story.description,
        # Version 1 comes with the prompt and has no metadata of its own: its author and reason are the prompt's.
        metadata={"author": first.by, "reason": first.reason, "example": story.example},
        by=people[first.by],
    )
    for step in story.steps[1:]:
        by = people[step.by]
        if isinstance(step, Write):
            reason = {"author": step.by, "reason": step.reason}
            versions.create_version(prompt, step.content, metadata=reason, by=by)
        else:
            version = prompt.versions.get(number=step.to)
            promotion.set_tag(prompt, step.tag, version=version, reason=step.reason, by=by)
    if story.tests:
        test_cases.keep_test_cases(prompt, story.tests, by=people[first.by])
    return prompt


def _split_traffic(story: Story, split: DemoSplit, tenant: Tenant, people: Mapping[str, Actor]) -> None:
    with _naming(story.path):
        prompt = Prompt.objects.get(tenant=tenant, namespace__slug=story.namespace, slug=story.slug)
        split.play(prompt, by=people["alice"])


def _evaluate(story: Story, tenant: Tenant, people: Mapping[str, Actor]) -> None:
    """Run the test cases on what is being tried, or else on what is live, at once: no worker is waited for."""
    prompt = Prompt.objects.get(tenant=tenant, namespace__slug=story.namespace, slug=story.slug)
    tags = {tag.name: tag.version for tag in prompt.tags.select_related("version")}
    version = tags.get(STAGING) or tags.get(PRODUCTION)
    if version is None:
        return
    asked = runs.trigger(version, harness=BUILTIN, by=people[story.steps[0].by])
    taken = queue.claim(Evaluation.objects.filter(pk=asked.pk))
    if taken is not None:
        worker.run(taken, "command")
