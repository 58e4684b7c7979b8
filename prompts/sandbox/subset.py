"""The part of Jinja that a prompt may use, decided on the parsed tree before anything is compiled."""

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import nodes

from prompts.sandbox.advice import FORMATTED, INSTEAD_OF_FILTER, INSTEAD_OF_METHOD, INSTEAD_OF_TEST, PRIVATE, REFUSED
from prompts.sandbox.bounds import BOUNDS
from prompts.sandbox.budget import RANGE_ITEMS
from prompts.sandbox.filters import FILTERS, SIGNATURES
from prompts.sandbox.operations import LOOP_ATTRIBUTES, METHOD_NAMES
from prompts.sandbox.reading import Problem, is_sendable, too_many
from prompts.sandbox.scopes import BUILT_IN
from prompts.sandbox.value_tests import TESTS

NODES = 2_000
EXPRESSIONS = 500
LOOPS = 3
BLOCKS = 24
DEPTH = 50
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


def name_problem(name: Any) -> Problem | None:
    """What is wrong with a placeholder's name, if anything is."""
    if not isinstance(name, str) or not name.isidentifier():
        return Problem(1, "the placeholder", "A placeholder's name is a word of letters, digits and `_`.")
    check = Check()
    check_name(check, nodes.Name(name, "load", lineno=1), 0)
    return check.problems[0] if check.problems else None


class Check:
    """Walks a tree without recursion and collects everything in it that is not taken."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.nodes = 0
        self.expressions = 0
        self.spelled: dict[str, str] = {}
        self.whole = True

    def walk(self, tree: nodes.Template) -> None:
        """Visit every part, with the loops, blocks and expressions around it counted."""
        waiting: list[tuple[nodes.Node, int, int, int]] = [(tree, 0, 0, 0)]
        while waiting and self.whole:
            node, loops, blocks, depth = waiting.pop()
            self.count(node, loops, blocks, depth)
            if type(node) not in ALLOWED:
                self.refuse_type(node)
            elif type(node) in RULES:
                RULES[type(node)](self, node, loops)
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
                self.problems.append(too_many(node.lineno or 1, f"more than {maximum:,} {what}"))
                self.whole = False
                return
        if loops >= LOOPS and isinstance(node, nodes.For):
            self.refuse(node, "a loop in a loop in a loop in a loop", f"use at most {LOOPS} loops inside each other")

    def refuse(self, node: nodes.Node, construct: str, instead: str) -> None:
        if len(self.problems) < PROBLEMS_SHOWN:
            construct = construct.encode(errors="replace").decode()
            self.problems.append(Problem(node.lineno or 1, construct, f"{construct} cannot be used here: {instead}."))

    def refuse_type(self, node: nodes.Node) -> None:
        fallback = (f"`{type(node).__name__}`", "leave it out")
        self.refuse(node, *REFUSED.get(type(node), fallback))

    def name(self, node: nodes.Node, name: str) -> None:
        if name[:1] == "_":
            self.refuse(node, f"the name `{name[:100]}`", PRIVATE)
        else:
            self.refuse_look_alike(node, name)

    def refuse_look_alike(self, node: nodes.Node, name: str) -> None:
        """Python takes names that look alike for the same one; Jinja does not."""
        plain = unicodedata.normalize("NFKC", name)
        first = self.spelled.setdefault(plain, name)
        if first != name or (isinstance(node, nodes.Keyword) and plain != name):
            self.refuse(node, f"the name `{name[:100]}`", "it looks like another name: use plain letters")


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
    if node.attr[:1] == "_":
        check.refuse(node, f"the name `{node.attr[:100]}`", PRIVATE)
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
        if not is_sendable(value):
            check.refuse(node, "half of a surrogate pair", "type the character itself")
    elif isinstance(value, int | float) and not abs(value) <= LARGEST_LITERAL:
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


def check_set_block(check: Check, node: nodes.AssignBlock, _loops: int) -> None:
    if not isinstance(node.target, nodes.Name):
        check.refuse(node, "this `{% set %}` block", "write `{% set text %}…{% endset %}` with one plain name")
    if node.filter is not None and node.filter.find(nodes.Name) is not None:
        instead = "write `{% set text %}…{% endset %}{% set text = text|replace(a, b) %}`"
        check.refuse(node, "a variable in the filter of a `{% set %}` block", instead)


def check_for(check: Check, node: nodes.For, _loops: int) -> None:
    if node.recursive:
        check.refuse(node, "a recursive loop", f"write up to {LOOPS} loops inside each other")


def check_call(check: Check, node: nodes.Call, loops: int) -> None:
    check_written_arguments(check, node)
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


def check_written_arguments(check: Check, node: nodes.Call | nodes.Filter | nodes.Test) -> bool:
    """Whether the arguments are written one by one, and none twice."""
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        check.refuse(node, "`*` or `**` among arguments", "write the arguments one by one")
        return False
    if len({keyword.key for keyword in node.kwargs}) < len(node.kwargs):
        check.refuse(node, "an argument given twice", "give each argument once")
        return False
    return True


def check_arguments(check: Check, node: nodes.Filter | nodes.Test, kind: str) -> dict[str, Any]:
    """The arguments by name, as the filter will see them."""
    if not check_written_arguments(check, node):
        return {}
    signature = SIGNATURES[kind][node.name]
    try:
        named: dict[str, Any] = {str(keyword.key): keyword.value for keyword in node.kwargs}
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
    nodes.AssignBlock: check_set_block,
    nodes.Call: check_call,
    nodes.Filter: check_filter,
    nodes.Test: check_test,
    nodes.Keyword: check_keyword,
}
