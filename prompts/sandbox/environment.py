"""Jinja, fenced in: the environment, the changes to a checked tree, and one guarded run."""

import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import Template, nodes
from jinja2.compiler import CodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context
from jinja2.visitor import NodeTransformer

from prompts.sandbox import operations
from prompts.sandbox.budget import OUTPUT_BYTES, RenderContext, too_much_output
from prompts.sandbox.filters import FILTERS
from prompts.sandbox.value_tests import TESTS
from pvc.errors import DomainError, Unprocessable

#: Comparisons with a literal up to this long are left to Python.
SHORT_LITERAL = 256
#: A loop pays a step more a round for this many parts of its body.
NODES_IN_A_STEP = 32
#: What only the changed tree can name; no such name can be written in a template.
GUARDS: Mapping[str, Callable[..., Any]] = {
    "a slice": operations.slice_of,
    "a concatenation": operations.concatenated,
    "a comparison": operations.compared,
    "a loop": operations.looped,
    "a capture": operations.captured,
    "a range": operations.numbers,
    "a namespace": operations.namespace,
    "a container": RenderContext.built,
    "a key": operations.key,
    "nothing": lambda _context, _none: operations.Missing(name="else"),
    **{f".{name}": operations.method(name) for name in operations.METHOD_NAMES},
}


class RenderFailed(Unprocessable):
    """The template cannot be rendered with these values."""

    code = "RENDER_FAILED"


class LiteralGenerator(CodeGenerator):
    """Writes the code of a template and evaluates nothing of it while doing so."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Any, finalize: Any) -> str:
        if isinstance(node, nodes.TemplateData | nodes.Const):
            return super()._output_child_to_const(node, frame, finalize)
        raise nodes.Impossible


class GuardedEnvironment(ImmutableSandboxedEnvironment):
    """Reads only data, calls nothing, and pays for every operator."""

    code_generator_class = LiteralGenerator
    context_class = RenderContext
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, newline: Any) -> None:
        super().__init__(
            autoescape=False,
            keep_trailing_newline=True,
            newline_sequence=newline,
            undefined=operations.Missing,
            optimized=False,
            cache_size=0,
            extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
        )
        self.globals = {}
        self.filters = {name: pass_context(function) for name, function in {**FILTERS, **GUARDS}.items()}
        self.tests = {name: pass_context(function) for name, function in TESTS.items()}

    def getattr(self, obj: Any, attribute: str) -> Any:
        return operations.read(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return operations.read(obj, argument)

    def call(self, *_arguments: Any, **_named: Any) -> Any:
        raise TypeError("nothing can be called here")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        assert isinstance(context, RenderContext)
        return operations.calculated(context, operator, left, right)


class Guard(NodeTransformer):
    """Puts a paying operation wherever Jinja would let Python work for free."""

    capturing = 0

    def visit_For(self, node: nodes.For) -> nodes.Node:
        size = sum(1 for part in (*node.body, node.test) if part for _ in part.find_all(nodes.Node))
        self.generic_visit(node)
        cost = nodes.Const(1 + size // NODES_IN_A_STEP, lineno=node.lineno)
        node.iter = guarded("a loop", node.iter, [cost])
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return guarded("a concatenation", node.nodes[0], node.nodes[1:])

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        if len(node.ops) == 1 and is_cheap(node):
            return self.generic_visit(node)
        self.generic_visit(node)
        rest = [part for operand in node.ops for part in (nodes.Const(operand.op, lineno=node.lineno), operand.expr)]
        return guarded("a comparison", node.expr, rest)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        nothing = nodes.Const(None, lineno=node.lineno)
        return guarded("a slice", node.node, [nothing if bound is None else bound for bound in bounds])

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.node, nodes.Getattr):
            return guarded(f".{node.node.attr}", node.node.node, node.args, node.kwargs)
        assert isinstance(node.node, nodes.Name)
        if node.node.name == "range":
            return guarded("a range", node.args[0], node.args[1:])
        return guarded("a namespace", nodes.Const(None, lineno=node.lineno), node.args, node.kwargs)

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        self.generic_visit(node)
        if node.expr2 is None:
            node.expr2 = guarded("nothing", nodes.Const(None, lineno=node.lineno))
        return node

    def container(self, node: Any) -> nodes.Node:
        if isinstance(node, nodes.List | nodes.Tuple) and all(isinstance(item, nodes.Const) for item in node.items):
            return node
        self.generic_visit(node)
        return guarded("a container", node)

    visit_List = container
    visit_Dict = container

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.key, nodes.Const):
            node.key = guarded("a key", node.key)
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        return self.container(node) if node.ctx == "load" else node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:
        self.capturing += 1
        self.generic_visit(node)
        self.capturing -= 1
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        self.generic_visit(node)
        if self.capturing:
            node.nodes = [guarded("a capture", literal(child)) for child in node.nodes]
        return node


def guarded(name: str, node: Any, arguments: Any = (), named: Any = ()) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), list(named), None, None, lineno=node.lineno)


def literal(node: nodes.Expr) -> nodes.Expr:
    return nodes.Const(node.data, lineno=node.lineno) if isinstance(node, nodes.TemplateData) else node


def is_short(node: nodes.Expr) -> bool:
    if isinstance(node, nodes.List | nodes.Tuple):
        return len(node.items) <= SHORT_LITERAL and all(
            isinstance(each, nodes.Const) and is_short(each) for each in node.items
        )
    return isinstance(node, nodes.Const) and (not isinstance(node.value, str) or len(node.value) <= SHORT_LITERAL)


def is_cheap(node: nodes.Compare) -> bool:
    """Whether a comparison takes no longer than reading its short literal."""
    operand = node.ops[0]
    if operand.op in ("in", "notin"):
        return isinstance(operand.expr, nodes.List | nodes.Tuple) and is_short(operand.expr)
    return any(isinstance(side, nodes.Const) and is_short(side) for side in (node.expr, operand.expr))


ENVIRONMENTS = {newline: GuardedEnvironment(newline) for newline in ("\n", "\r\n", "\r")}


def environment_for(text: str) -> GuardedEnvironment:
    """The one that writes line ends as the text does, where it uses only one kind."""
    pairs, returns = text.count("\r\n"), text.count("\r")
    if not returns or returns > pairs > 0 or text.count("\n") > pairs:
        return ENVIRONMENTS["\n"]
    return ENVIRONMENTS["\r\n" if pairs else "\r"]


def compile_checked(tree: nodes.Template, environment: GuardedEnvironment) -> Template:
    """Compile a tree that the subset's check has passed. No other tree may come here."""
    guarded_tree = Guard().visit(tree)
    guarded_tree.set_environment(environment)
    return Template.from_code(environment, environment.compile(guarded_tree), {})


def limited(chunks: Iterable[str], left: int) -> Iterator[str]:
    """The chunks of a rendering, as long as there is room for them."""
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise too_much_output()
        yield chunk


class Run:
    """One rendering: its variables, and the steps and the output it has left."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.steps_left = RenderContext.steps_left
        self.output_left = OUTPUT_BYTES

    def render(self, template: Template) -> str:
        context = RenderContext(template.environment, self.values, None, {})
        context.steps_left = self.steps_left
        try:
            text = "".join(limited(template.root_render_func(context), self.output_left))
        except DomainError:
            raise
        except Exception as error:  # a checked template only stumbles over the values it was given
            raise failure(error, template) from error
        self.steps_left = context.steps_left
        self.take_output(text)
        return text

    def take_output(self, text: str) -> None:
        self.output_left -= len(text) if text.isascii() else len(text.encode())
        if self.output_left < 0:
            raise too_much_output()


PYTHON_TYPES = {
    "'str'": "text",
    "'int'": "a number",
    "'float'": "a number",
    "'bool'": "true or false",
    "'list'": "a list",
    "'tuple'": "a list",
    "'dict'": "a mapping",
    "'NoneType'": "null",
    "'Box'": "a namespace",
    "'range'": "a range",
    "'Group'": "a group",
    "'Missing'": "a missing value",
}


def failure(error: BaseException, template: Template) -> RenderFailed:
    line = line_of(error, template)
    told = re.sub(r"^[\w.<>]+\(\) (?=missing|takes|got)", "a filter, test or method ", str(error)[:1_000])
    reason = re.sub(r"'\w+'", lambda name: PYTHON_TYPES.get(name[0], name[0]), told)[:300]
    if isinstance(error, RecursionError | MemoryError):
        reason = "it is nested too deeply or too large"
    if isinstance(error, ZeroDivisionError):
        reason = "it divides by zero"
    return RenderFailed(f"Line {line} cannot be rendered: {reason}.", line=line)


def line_of(error: BaseException, template: Template) -> int:
    """The template's line that was running, by the last frame of its compiled code."""
    lines = [
        number
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_globals is template_globals(template)
    ]
    return template.get_corresponding_lineno(lines[-1]) if lines else 1


def template_globals(template: Template) -> dict[str, Any]:
    namespace: dict[str, Any] = template.root_render_func.__globals__
    return namespace
