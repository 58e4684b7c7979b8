"""A prompt's text as a template: what it needs, whether it may be stored, and what it says with values."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from prompts.content import ROLES
from prompts.sandbox.budget import RenderLimit
from prompts.sandbox.environment import RenderFailed, Run, compile_checked, environment_for
from prompts.sandbox.programs import Part, Program, Programs
from prompts.sandbox.reading import CHARACTERS, Problem, UnreadableError, parsed, too_many
from prompts.sandbox.scopes import FreeNames
from prompts.sandbox.subset import Check, name_problem
from prompts.sandbox.values import Conversion, InvalidPlaceholder, InvalidVariable
from pvc.errors import Unprocessable

__all__ = [
    "Analysis",
    "InvalidPlaceholder",
    "InvalidTemplate",
    "InvalidVariable",
    "MissingVariables",
    "Problem",
    "RenderFailed",
    "RenderLimit",
    "Rendering",
    "analyse",
    "analyse_body",
    "render",
    "require_valid",
]

Message = Mapping[str, Any]
Body = str | Sequence[Message]
MESSAGES = 1_000
NOTHING: Mapping[str, Any] = MappingProxyType({})


class InvalidTemplate(Unprocessable):
    """The template uses something that a prompt may not."""

    code = "INVALID_TEMPLATE"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        more = f" There are {len(problems) - 1} more problems." if len(problems) > 1 else ""
        message = f"Line {first.line}: {first.message}{more}"
        super().__init__(message, problems=[problem.as_dict() for problem in problems])


class MissingVariables(Unprocessable):
    """Strict rendering was asked for, and values are missing."""

    code = "MISSING_VARIABLES"

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"Values are missing for {named(missing)}.", missing=list(missing))


@dataclass(frozen=True)
class Analysis:
    """What a template uses: its problems, and its free names in the order of their first use."""

    problems: tuple[Problem, ...]
    variables: tuple[str, ...]
    #: Those that the template itself provides for: only ever used as `x|default(…)` or `x is defined`.
    optional: frozenset[str] = frozenset()

    @property
    def valid(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Rendering:
    """A rendered prompt, and its variables.

    `used` have a value, given or by default; `missing` have none; `unused` were given, but nothing refers to them.
    """

    text: str
    messages: list[dict[str, str]] | None
    used: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]


def analyse(text: str) -> Analysis:
    """What a template uses and what is wrong with it. Never raises, and evaluates nothing."""
    return analyse_body(text)


def analyse_body(body: Body) -> Analysis:
    """The same for a text or a chat, whose problems say which message they are in."""
    return _Reading(body).analysis()


def require_valid(body: Body) -> Analysis:
    analysis = analyse_body(body)
    if not analysis.valid:
        raise InvalidTemplate(analysis.problems)
    return analysis


def render(
    body: Body,
    variables: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any] = NOTHING,
    strict: bool = False,
    cache_key: Hashable | None = None,
) -> Rendering:
    """What the prompt says with these values. What has none prints nothing, unless `strict` refuses it."""
    program = PROGRAMS.get(body, cache_key)
    analysis: Analysis = program.analysis
    conversion = Conversion()
    values = {name: conversion.variable(name, value) for name, value in variables.items()}
    unused = tuple(sorted(values.keys() - program.names))
    for name in analysis.variables:
        if name not in values and name in defaults:
            values[name] = conversion.variable(name, defaults[name])
    used = tuple(name for name in analysis.variables if name in values)
    missing = tuple(name for name in analysis.variables if name not in values and name not in analysis.optional)
    if strict and missing:
        raise MissingVariables(missing)
    try:
        text, messages = _run(program, values)
    except RenderFailed as error:
        raise _naming(error, missing) from error
    return Rendering(text, messages, used, missing, unused)


class _Reading:
    """One pass over a body: every message parsed, checked, and searched for names."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.check = Check()
        self.names = FreeNames()
        self.problems: list[Problem] = []
        self.trees: list[Any] = []

    def analysis(self) -> Analysis:
        if isinstance(self.body, str):
            self.text(self.body)
        else:
            self.chat(self.body)
        variables = tuple(self.names.used)
        return Analysis(tuple(self.problems), variables, frozenset(self.names.used.keys() - self.names.needed))

    def text(self, text: str) -> None:
        before = len(self.check.problems)
        try:
            tree = parsed(text)
        except UnreadableError as error:
            self.problems.append(error.problem)
            return
        self.check.walk(tree)
        self.problems.extend(sorted(self.check.problems[before:]))
        if self.check.whole:
            self.names.block(tree.body, set())
            self.trees.append(tree)

    def chat(self, messages: Sequence[Message]) -> None:
        if not isinstance(messages, list | tuple):
            self.problems.append(Problem(1, "the body", "A prompt is a text, or a list of messages."))
            return
        if len(messages) > MESSAGES:
            self.problems.append(too_many(1, f"a chat of more than {MESSAGES:,} messages"))
            return
        if sum(len(content) for message in messages if isinstance(content := _content(message), str)) > CHARACTERS:
            self.problems.append(too_many(1, f"a chat of more than {CHARACTERS:,} characters"))
            return
        for number, message in enumerate(messages, 1):
            before = len(self.problems)
            self.message(message)
            self.problems[before:] = [_in_message(number, problem) for problem in self.problems[before:]]
            if not self.check.whole:
                return

    def message(self, message: Any) -> None:
        if isinstance(message, Mapping) and message.keys() == {"placeholder"}:
            self.placeholder(message["placeholder"])
        elif not isinstance(message, Mapping) or message.keys() != {"role", "content"}:
            shape = '`{"role": …, "content": …}` or `{"placeholder": …}`'
            self.problems.append(Problem(1, "the message", f"A message is written as {shape}."))
        elif not isinstance(message["role"], str) or message["role"] not in ROLES:
            self.problems.append(Problem(1, "the role", "A role is system, user, assistant or tool."))
        elif not isinstance(message["content"], str):
            self.problems.append(Problem(1, "the content", "A message's content is text."))
        else:
            self.text(message["content"])

    def placeholder(self, name: Any) -> None:
        problem = name_problem(name)
        if problem is not None:
            self.problems.append(problem)
            return
        self.names.use(name, set())
        self.trees.append(None)


def _content(message: Any) -> Any:
    return message.get("content") if isinstance(message, Mapping) else None


def _in_message(number: int, problem: Problem) -> Problem:
    return replace(
        problem, construct=f"message {number}: {problem.construct}", message=f"Message {number}: {problem.message}"
    )


def _compiled(body: Body) -> Program:
    """Check the body once more, then compile it: nothing unchecked is ever compiled."""
    reading = _Reading(body)
    analysis = reading.analysis()
    if not analysis.valid:
        raise InvalidTemplate(analysis.problems)
    messages: list[Any] = [{"role": None, "content": body}] if isinstance(body, str) else list(body)
    try:
        parts = tuple(_part(message, tree) for message, tree in zip(messages, reading.trees, strict=True))
    except (SyntaxError, ValueError, AssertionError, RecursionError, MemoryError) as error:
        problem = Problem(1, "the template", "It cannot be compiled: make it smaller, or its expressions simpler.")
        raise InvalidTemplate([problem]) from error
    return Program(body, analysis, frozenset(analysis.variables), parts, reading.check.nodes)


def _part(message: Message, tree: Any) -> Part:
    if tree is None:
        return Part(None, None, message["placeholder"])
    return Part(message["role"], compile_checked(tree, environment_for(message["content"])), None)


PROGRAMS = Programs(_compiled)


def _run(program: Program, values: dict[str, Any]) -> tuple[str, list[dict[str, str]] | None]:
    run = Run(values)
    if isinstance(program.body, str):
        return run.render(program.parts[0].template), None
    messages: list[dict[str, str]] = []
    for number, part in enumerate(program.parts, 1):
        if part.placeholder is not None:
            messages.extend(_placed(run, part.placeholder, values.get(part.placeholder, [])))
            continue
        try:
            messages.append({"role": part.role, "content": run.render(part.template)})
        except RenderFailed as error:
            raise RenderFailed(f"Message {number}: {error.message}", **error.details, in_message=number) from error
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages), messages


def _placed(run: Run, name: str, given: Any) -> list[dict[str, str]]:
    """The messages that a placeholder stands for, taken as they are: they are values, not templates."""
    if not isinstance(given, list) or not all(_is_message(message) for message in given):
        shape = '`{"role": "system, user, assistant or tool", "content": "…"}`'
        raise InvalidPlaceholder(f"The variable `{name}` must be a list of messages, each {shape}.", variable=name)
    for message in given:
        run.take_output(f"{message['role']}: {message['content']}\n\n")
    return [{"role": message["role"], "content": message["content"]} for message in given]


def _is_message(message: Any) -> bool:
    if not isinstance(message, dict) or message.keys() != {"role", "content"}:
        return False
    return isinstance(message["content"], str) and isinstance(message["role"], str) and message["role"] in ROLES


def _naming(error: RenderFailed, missing: Sequence[str]) -> RenderFailed:
    hint = f" No value was given for {named(missing)}." if missing else ""
    return RenderFailed(f"{error.message}{hint}", **error.details, missing=list(missing))


def named(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
