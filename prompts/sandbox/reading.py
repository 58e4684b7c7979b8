"""From text to tree: the parser, stopped early, and what is wrong with a text that it cannot read."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import Token, TokenStream

from prompts.sandbox.environment import GuardedEnvironment, environment_for

CHARACTERS = 100_000
TAGS = 5_000
TOKENS = 8_000
BRACKETS = 30


@dataclass(frozen=True, order=True)
class Problem:
    """One thing in a template that is not taken: where, what, and what to write instead."""

    line: int
    construct: str
    message: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class UnreadableError(Exception):
    """A text that cannot be taken apart, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class LimitedEnvironment(GuardedEnvironment):
    """Never used to compile: stops reading at a number of words and of open brackets."""

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        return TokenStream(limited(super()._tokenize(source, name, filename, state)), name, filename)


def limited(tokens: Iterator[Token]) -> Iterator[Token]:
    depth = 0
    for count, token in enumerate(tokens):
        if count >= TOKENS:
            raise UnreadableError(too_many(token.lineno, f"more than {TOKENS:,} words and signs between braces"))
        if token.type in ("lparen", "lbracket", "lbrace"):
            depth += 1
        elif token.type in ("rparen", "rbracket", "rbrace", "variable_end", "block_end"):
            depth = max(depth - 1, 0)
        if depth > BRACKETS:
            raise UnreadableError(too_many(token.lineno, f"brackets more than {BRACKETS} deep"))
        yield token


PARSERS = {newline: LimitedEnvironment(newline) for newline in ("\n", "\r\n", "\r")}


def parsed(text: str) -> nodes.Template:
    """The tree of a text, or UnreadableError with the reason; nothing else is raised."""
    if len(text) > CHARACTERS:
        raise UnreadableError(too_many(1, f"a text of more than {CHARACTERS:,} characters"))
    if sum(map(text.count, ("{{", "{%", "{#"))) > TAGS:
        raise UnreadableError(too_many(1, f"more than {TAGS:,} tags"))
    if not is_sendable(text):
        raise UnreadableError(
            Problem(1, "half of a surrogate pair", "The text cannot be sent as UTF-8: type the character again.")
        )
    try:
        return PARSERS[environment_for(text).newline_sequence].parse(text)
    except UnreadableError:
        raise
    except TemplateSyntaxError as error:
        raise UnreadableError(syntax_problem(error)) from None
    except RecursionError:
        raise UnreadableError(too_many(1, "an expression nested too deeply")) from None
    except Exception as error:  # noqa: BLE001 - whatever the parser stumbles over is the text's problem, not ours
        hint = "look for a very long number or an unusual character between braces"
        message = f"It cannot be read ({type(error).__name__}): {hint}."
        raise UnreadableError(Problem(1, "the syntax", message)) from None


def is_sendable(text: str) -> bool:
    """Whether a text has a form in UTF-8, which half of a surrogate pair has not."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def too_many(line: int, construct: str) -> Problem:
    return Problem(
        line, construct, f"There is {construct}: make the template smaller, or split it into several prompts."
    )


def syntax_problem(error: TemplateSyntaxError) -> Problem:
    found = (error.message or "It cannot be read")[:300].rstrip(".")
    if found.startswith("Encountered unknown tag"):
        tag = found.split("'")[1][:50] if "'" in found else ""
        available = "available are `if`, `for`, `set` and `raw`"
        return Problem(
            error.lineno, f"`{{% {tag} %}}`", f"There is no tag `{tag}` here, or it closes nothing: {available}."
        )
    hint = "check the tag and its end; to print braces as they are, put them between `{% raw %}` and `{% endraw %}`"
    return Problem(error.lineno, "the syntax", f"{found}: {hint}.")
