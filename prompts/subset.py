"""The part of Jinja that a prompt may use, decided on the parsed tree before anything is compiled."""

import math
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import Token, TokenStream

from .budget import RANGE_ITEMS
from .filters import BOUNDS, FILTERS, SIGNATURES, TESTS
from .operations import LOOP_ATTRIBUTES, METHOD_NAMES
from .sandbox import GuardedEnvironment, environment_for
from .scopes import BUILT_IN

CHARACTERS = 100_000
TOKENS = 12_000
NODES = 2_000
EXPRESSIONS = 500
LOOPS = 3
BLOCKS = 24
DEPTH = 30
LARGEST_LITERAL = 1_000_000
REPEATED_CHARACTERS = 1_000
PROBLEMS_SHOWN = 50

STATEMENTS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.AssignBlock)
EXPRESSIONS_ALLOWED = (
    nodes.Const,
    nodes.Name,
    nodes.NSRef,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Call,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
)
ALLOWED = frozenset(STATEMENTS + EXPRESSIONS_ALLOWED)
RESERVED = BUILT_IN | {"self", "loop"}

ONE_FILE = "a prompt is one text: paste here what the other file says, or give it as a variable"
NO_FUNCTIONS = "write the text where it is needed, or put it into a variable with `{% set name %}…{% endset %}`"
#: What stands for a refused part of the tree, and what to write instead.
REFUSED: dict[type[nodes.Node], tuple[str, str]] = {
    nodes.Include: ("`{% include %}`", ONE_FILE),
    nodes.Import: ("`{% import %}`", ONE_FILE),
    nodes.FromImport: ("`{% from … import %}`", ONE_FILE),
    nodes.Extends: ("`{% extends %}`", ONE_FILE),
    nodes.Block: ("`{% block %}`", "leave the tag out and keep what is between"),
    nodes.Macro: ("`{% macro %}`", NO_FUNCTIONS),
    nodes.CallBlock: ("`{% call %}`", NO_FUNCTIONS),
    nodes.FilterBlock: (
        "`{% filter %}`",
        "write `{% set text %}…{% endset %}{{ text|upper }}`, with the filter that you need",
    ),
    nodes.With: ("`{% with %}`", "write `{% set name = value %}`"),
    nodes.ExprStmt: ("`{% do %}`", "write `{% set name = value %}`"),
    nodes.Break: ("`{% break %}`", "write the condition into the loop: `{% for item in items if condition %}`"),
    nodes.Continue: ("`{% continue %}`", "put the rest of the loop into an `{% if %}`"),
    nodes.ScopedEvalContextModifier: (
        "`{% autoescape %}`",
        "leave it out: prompts are not escaped; use `|escape` on one value",
    ),
    nodes.Pow: ("the operator `**`", "multiply with `*`, or give the result as a variable"),
}
RANDOM = "a prompt must render the same each time: choose before rendering and give the choice as a variable"
ATTRIBUTES_BY_NAME = "write the name after a dot: `{{ item.name }}`"
FORMATTED = "join text with `~`: `{{ 'Hello ' ~ name }}`"
INSTEAD_OF_FILTER = {
    "attr": ATTRIBUTES_BY_NAME,
    "choice": RANDOM,
    "forceescape": "use `|escape`",
    "format": FORMATTED,
    "filesizeformat": "give the size as text in a variable",
    "most_frequent": "count before rendering and give the result as a variable",
    "pprint": "use `|tojson`",
    "random": RANDOM,
    "shuffle": RANDOM,
    "striptags": "give the text without tags as a variable",
    "urlencode": "give the encoded text as a variable",
    "urlize": "leave it out: prompts are not HTML",
    "xmlattr": "leave it out: prompts are not HTML",
    "zip": "loop over positions: `{% for i in range(first|length) %}{{ first[i] }} {{ second[i] }}{% endfor %}`",
}
ADDED = "make a new list: `{% set list = list + [item] %}`, in a loop `{% set ns.list = ns.list + [item] %}`"
TAKEN = "use `list[0]`, `list[-1]` or a slice such as `list[1:]`"
INSTEAD_OF_METHOD = {
    "append": ADDED,
    "extend": ADDED,
    "insert": ADDED,
    "add": ADDED,
    "update": "write the mapping in full, or give it as a variable",
    "setdefault": "use `|default`",
    "pop": TAKEN,
    "popitem": TAKEN,
    "remove": "use `|reject('eq', item)`",
    "clear": "set the name again: `{% set list = [] %}`",
    "sort": "use `|sort`",
    "reverse": "use `|reverse`",
    "format": FORMATTED,
    "format_map": FORMATTED,
    "center": "use `|center(width)`, up to 1,000",
    "iteritems": "use `.items()`",
    "iterkeys": "use `.keys()`",
    "itervalues": "use `.values()`",
    "has_key": "use `key in mapping`",
    "zfill": "give the padded text as a variable",
    "cycle": "use `{{ list[loop.index0 % 2] }}`",
    "changed": "compare with `loop.previtem`",
}
INSTEAD_OF_TEST = {"callable": "nothing can be called in a prompt; leave it out", "escaped": "leave it out"}
PRIVATE = "names that begin with `_` are not available: choose a name that begins with a letter"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing in a template that is not taken: where, what, and what to write instead."""

    line: int
    construct: str
    message: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Unreadable(Exception):
    """A text that cannot be taken apart, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


# Parsing


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
            raise Unreadable(too_many(token.lineno, f"more than {TOKENS:,} words and signs between braces"))
        if token.type in ("lparen", "lbracket", "lbrace"):
            depth += 1
        elif token.type in ("rparen", "rbracket", "rbrace", "variable_end", "block_end"):
            depth = max(depth - 1, 0)
        if depth > DEPTH:
            raise Unreadable(too_many(token.lineno, f"brackets more than {DEPTH} deep"))
        yield token


PARSERS = {newline: LimitedEnvironment(newline) for newline in ("\n", "\r\n", "\r")}


def parsed(text: str) -> nodes.Template:
    """The tree of a text, or Unreadable with the reason; nothing else is raised."""
    if len(text) > CHARACTERS:
        raise Unreadable(too_many(1, f"a text of more than {CHARACTERS:,} characters"))
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Unreadable(
            Problem(1, "half of a surrogate pair", "The text cannot be sent as UTF-8: type the character again.")
        )
    try:
        return PARSERS[environment_for(text).newline_sequence].parse(text)
    except Unreadable:
        raise
    except TemplateSyntaxError as error:
        raise Unreadable(syntax_problem(error)) from None
    except RecursionError:
        raise Unreadable(too_many(1, "an expression nested too deeply")) from None
    except Exception as error:  # noqa: BLE001 - whatever the parser stumbles over is the text's problem, not ours
        message = f"It cannot be read ({type(error).__name__}): look for a very long number or an unusual character between braces."
        raise Unreadable(Problem(1, "the syntax", message)) from None


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


def name_problem(name: Any) -> Problem | None:
    """What is wrong with a placeholder's name, if anything is."""
    if not isinstance(name, str) or not name.isidentifier():
        return Problem(1, "the placeholder", "A placeholder's name is a word of letters, digits and `_`.")
    check = Check()
    check_name(check, nodes.Name(name, "load", lineno=1), 0)
    return check.problems[0] if check.problems else None


# Checking


class Check:
    """Walks a tree without recursion and collects everything in it that is not taken."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.nodes = 0
        self.expressions = 0
        self.whole = True

    def walk(self, tree: nodes.Template) -> None:
        """Visit every part, with the loops, blocks and expressions around it counted."""
        waiting: list[tuple[nodes.Node, int, int, int]] = [(tree, 0, 0, 0)]
        while waiting and self.whole:
            node, loops, blocks, depth = waiting.pop()
            self.count(node, loops, blocks, depth)
            if type(node) not in ALLOWED:
                self.refuse_type(node)
                continue
            rule = RULES.get(type(node))
            if rule is not None:
                rule(self, node, loops)
            waiting.extend(reversed(list(inside(node, loops, blocks, depth))))

    def count(self, node: nodes.Node, loops: int, blocks: int, depth: int) -> None:
        self.nodes += 1
        if isinstance(node, nodes.Output):
            self.expressions += sum(not isinstance(child, nodes.TemplateData) for child in node.nodes)
        for number, maximum, what in (
            (self.nodes, NODES, "parts"),
            (self.expressions, EXPRESSIONS, "printed expressions"),
            (depth, DEPTH, "expressions inside each other"),
            (blocks, BLOCKS, "blocks inside each other"),
        ):
            if number > maximum:
                self.problems.append(too_many(node.lineno, f"more than {maximum:,} {what}"))
                self.whole = False
                return
        if loops > LOOPS and isinstance(node, nodes.For):
            self.refuse(node, "a loop in a loop in a loop in a loop", f"use at most {LOOPS} loops inside each other")

    def refuse(self, node: nodes.Node, construct: str, instead: str) -> None:
        if len(self.problems) < PROBLEMS_SHOWN:
            construct = construct.encode(errors="replace").decode()
            self.problems.append(Problem(node.lineno, construct, f"{construct} cannot be used here: {instead}."))

    def refuse_type(self, node: nodes.Node) -> None:
        fallback = (f"`{type(node).__name__}`", "leave it out")
        self.refuse(node, *REFUSED.get(type(node), fallback))

    def name(self, node: nodes.Node, name: str) -> None:
        if name[:1] == "_":
            self.refuse(node, f"the name `{name[:100]}`", PRIVATE)
        elif not name.isascii() and unicodedata.normalize("NFKC", name) != name:
            self.refuse(node, f"the name `{name[:100]}`", "it has look-alike letters: type it in plain letters")


def inside(node: nodes.Node, loops: int, blocks: int, depth: int) -> Iterator[tuple[nodes.Node, int, int, int]]:
    """The parts below a node, each with what is around it."""
    if isinstance(node, nodes.For):
        yield node.target, loops, blocks, 0
        yield node.iter, loops, blocks, 0
        if node.test is not None:
            yield node.test, loops, blocks, 0
        yield from ((child, loops + 1, blocks + 1, 0) for child in node.body)
        yield from ((child, loops, blocks + 1, 0) for child in node.else_)
    elif isinstance(node, nodes.Call):
        if isinstance(node.node, nodes.Getattr):
            yield node.node.node, loops, blocks, depth + 1
        for child in node.iter_child_nodes(exclude=("node",)):
            yield child, loops, blocks, depth + 1
    elif isinstance(node, nodes.Getattr) and is_loop(node.node, loops):
        return
    else:
        statement = isinstance(node, nodes.Stmt) and not isinstance(node, nodes.Output | nodes.Assign)
        deeper = depth + isinstance(node, nodes.Expr)
        for child in node.iter_child_nodes():
            yield child, loops, blocks + (statement and isinstance(child, nodes.Stmt)), deeper


def is_loop(node: nodes.Node, loops: int) -> bool:
    return loops > 0 and isinstance(node, nodes.Name) and node.name == "loop"


def check_name(check: Check, node: nodes.Name, loops: int) -> None:
    check.name(node, node.name)
    if node.name == "self":
        check.refuse(node, "the name `self`", "choose another name for the variable")
    elif node.ctx == "store" and node.name in RESERVED:
        check.refuse(node, f"setting `{node.name}`", "the name is taken: choose another one")
    elif is_loop(node, loops):
        check.refuse(node, "`loop` by itself", "use one of its parts, such as `{% set row = loop.index %}`")


def check_getattr(check: Check, node: nodes.Getattr, loops: int) -> None:
    check.name(node, node.attr)
    if is_loop(node.node, loops) and node.attr not in LOOP_ATTRIBUTES:
        instead = INSTEAD_OF_METHOD.get(node.attr, f"a loop has {listed(LOOP_ATTRIBUTES)}")
        check.refuse(node, f"`loop.{node.attr}`", instead)


def check_namespace_target(check: Check, node: nodes.NSRef, _loops: int) -> None:
    check.name(node, node.name)
    check.name(node, node.attr)
    if node.name in RESERVED:
        check.refuse(node, f"setting `{node.name}.{node.attr}`", "make a namespace of another name")


def check_getitem(check: Check, node: nodes.Getitem, _loops: int) -> None:
    if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        check_key(check, node, node.arg.value)


def check_key(check: Check, node: nodes.Node, key: str) -> None:
    if key[:1] == "_":
        check.refuse(
            node, f"the key `{key[:100]}`", "keys that begin with `_` cannot be read: give the value under another key"
        )


def check_const(check: Check, node: nodes.Const, _loops: int) -> None:
    value = node.value
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            check.refuse(node, "half of a surrogate pair", "type the character itself")
    elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= LARGEST_LITERAL):
        check.refuse(node, f"a number above {LARGEST_LITERAL:,}", "use a smaller number, or give it as a variable")


def check_mul(check: Check, node: nodes.Mul, _loops: int) -> None:
    for value, times in ((node.left, node.right), (node.right, node.left)):
        if not isinstance(times, nodes.Const) or not isinstance(times.value, int):
            continue
        size = len(value.value) if isinstance(value, nodes.Const) and isinstance(value.value, str) else 0
        size = len(value.items) if isinstance(value, nodes.List | nodes.Tuple) else size
        if size * times.value > REPEATED_CHARACTERS:
            check.refuse(
                node, "repeating with `*`", f"write the text out, or repeat up to {REPEATED_CHARACTERS:,} characters"
            )


def check_mod(check: Check, node: nodes.Mod, _loops: int) -> None:
    if isinstance(node.left, nodes.Const) and isinstance(node.left.value, str):
        check.refuse(node, "formatting with `%`", FORMATTED)


def check_for(check: Check, node: nodes.For, _loops: int) -> None:
    if node.recursive:
        check.refuse(node, "a recursive loop", f"write up to {LOOPS} loops inside each other")


def check_call(check: Check, node: nodes.Call, loops: int) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        check.refuse(node, "`*` or `**` among arguments", "write the arguments one by one")
    if isinstance(node.node, nodes.Name):
        check_function(check, node, node.node.name)
    elif not isinstance(node.node, nodes.Getattr):
        check.refuse(node, "calling a value", "values cannot be called: leave the brackets out")
    elif is_loop(node.node.node, loops):
        instead = INSTEAD_OF_METHOD.get(node.node.attr, f"a loop has {listed(LOOP_ATTRIBUTES)}")
        check.refuse(node, f"`loop.{node.node.attr}()`", instead)
    elif node.node.attr not in METHOD_NAMES:
        name = node.node.attr
        instead = INSTEAD_OF_METHOD.get(name, "give the result as a variable, or use a filter")
        check.refuse(node, f"the method `{name[:100]}`", PRIVATE if name[:1] == "_" else instead)


def check_function(check: Check, node: nodes.Call, name: str) -> None:
    if name not in BUILT_IN:
        functions = "there are no functions but `range` and `namespace`; write a variable without brackets"
        check.refuse(node, f"calling `{name[:100]}`", functions)
    elif name == "range":
        check_range(check, node)
    elif len(node.args) > 1:
        check.refuse(node, "this `namespace`", "write `namespace(name=value)`")


def check_range(check: Check, node: nodes.Call) -> None:
    if node.kwargs or not 1 <= len(node.args) <= 3:
        check.refuse(node, "this `range`", "write `range(stop)`, `range(start, stop)` or `range(start, stop, step)`")
        return
    bounds = [argument.value for argument in node.args if isinstance(argument, nodes.Const)]
    if len(bounds) < len(node.args) or not all(isinstance(bound, int) for bound in bounds):
        return
    if bounds[2:] == [0] or len(range(*bounds)) > RANGE_ITEMS:
        check.refuse(node, f"a `range` of more than {RANGE_ITEMS:,} numbers", "use a smaller one, or loop over a list")


def check_filter(check: Check, node: nodes.Filter, _loops: int) -> None:
    if node.name not in FILTERS:
        known = f"choose one of {listed(FILTERS)}, or give the result as a variable"
        check.refuse(node, f"the filter `{node.name[:100]}`", INSTEAD_OF_FILTER.get(node.name, known))
        return
    arguments = check_arguments(check, node, "filter")
    for name, argument in arguments.items():
        check_argument(check, node, name, argument)
    if node.name == "map" and node.args:
        check_inner(check, node, node.args[0], "filter")
    elif node.name in ("select", "reject") and node.args:
        check_inner(check, node, node.args[0], "test")
    elif node.name in ("selectattr", "rejectattr") and len(node.args) > 1:
        check_inner(check, node, node.args[1], "test")


def check_argument(check: Check, node: nodes.Filter, name: str, argument: Any) -> None:
    if not isinstance(argument, nodes.Const):
        return
    value, maximum = argument.value, BOUNDS.get((node.name, name))
    if (
        maximum is not None
        and isinstance(value, int | str)
        and (len(value) if isinstance(value, str) else value) > maximum
    ):
        check.refuse(node, f"`{node.name}({name})` above {maximum:,}", "use a smaller number")
    if isinstance(value, str) and name == "attribute":
        for part in value.replace(",", ".").split("."):
            check_key(check, node, part)


def check_inner(check: Check, node: nodes.Filter, named: nodes.Expr, kind: str) -> None:
    """The filter or test that `map` or `select` is to apply."""
    known, instead = (FILTERS, INSTEAD_OF_FILTER) if kind == "filter" else (TESTS, INSTEAD_OF_TEST)
    name = named.value if isinstance(named, nodes.Const) else None
    if not isinstance(name, str):
        check.refuse(node, f"`{node.name}` with a computed {kind}", f"write the {kind}'s name in quotes")
    elif name not in known:
        check.refuse(node, f"the {kind} `{name[:100]}`", instead.get(name, f"choose one of {listed(known)}"))


def check_test(check: Check, node: nodes.Test, _loops: int) -> None:
    if node.name not in TESTS:
        known = f"choose one of {listed(name for name in TESTS if name.isalpha())}"
        check.refuse(node, f"the test `{node.name[:100]}`", INSTEAD_OF_TEST.get(node.name, known))
        return
    check_arguments(check, node, "test")


def check_arguments(check: Check, node: nodes.Filter | nodes.Test, kind: str) -> dict[str, Any]:
    """The arguments by name, as the filter will see them."""
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        check.refuse(node, "`*` or `**` among arguments", "write the arguments one by one")
        return {}
    signature = SIGNATURES[kind][node.name]
    try:
        named = {keyword.key: keyword.value for keyword in node.kwargs}
        bound = signature.bind(None, None, *node.args, **named)
    except TypeError as error:
        takes = ", ".join(list(signature.parameters)[2:]) or "none"
        check.refuse(node, f"`{node.name}` with these arguments", f"{error}; its arguments are: {takes}")
        return {}
    arguments = {**bound.arguments, **bound.arguments.get("named", {})}
    if kind == "filter" and node.name in ("selectattr", "rejectattr"):
        if not node.args:
            check.refuse(node, f"`{node.name}` without a name", f"write `{node.name}('name')`")
        arguments["attribute"] = node.args[0] if node.args else None
    return arguments


def check_keyword(check: Check, node: nodes.Keyword, _loops: int) -> None:
    check.name(node, node.key)


def listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


RULES: dict[type[nodes.Node], Callable[[Check, Any, int], None]] = {
    nodes.Name: check_name,
    nodes.NSRef: check_namespace_target,
    nodes.Getattr: check_getattr,
    nodes.Getitem: check_getitem,
    nodes.Const: check_const,
    nodes.Mul: check_mul,
    nodes.Mod: check_mod,
    nodes.For: check_for,
    nodes.Call: check_call,
    nodes.Filter: check_filter,
    nodes.Test: check_test,
    nodes.Keyword: check_keyword,
}
