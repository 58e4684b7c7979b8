"""What a template says by itself: its constants worked out and its comments gone, before any variable is known. Pure.

Where the template chooses, one folding takes the first branch and another the last; branches that neither takes stand
at the end. A variable leaves its name, so that the sentence around it stays one.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from jinja2 import nodes

from prompts.sandbox import operations
from prompts.sandbox.budget import RenderContext, RenderLimit, too_deep, too_much_output
from prompts.sandbox.environment import ENVIRONMENTS
from prompts.sandbox.filters import FILTERS
from prompts.sandbox.operations import Missing
from prompts.sandbox.reading import UnreadableError, parsed

#: How deep a template may be nested; no valid one is deeper.
_DEPTH: Final = 60


class Folded(NamedTuple):
    """A reading of a template, and for each of its lines the line of the template that it came from."""

    text: str
    lines: Sequence[int]
    #: Whether it says more than was worked out.
    is_cut: bool


class _Piece(NamedTuple):
    text: str
    line: int
    is_data: bool = False
    is_name: bool = False


def foldings(text: str, most: int) -> Iterator[Folded]:
    """Each reading, of so many characters; none of a text that is no template or cannot be read as one."""
    if not any(sign in text for sign in ("{{", "{%", "{#")):
        return
    try:
        tree = parsed(text)
    except UnreadableError:
        return
    first = Folding(most, takes_last=False).folded(tree)
    yield first
    last = Folding(most, takes_last=True).folded(tree)
    if last.text != first.text:
        yield last


class Folding:
    """One way through a template, its values as far as they are known, and what it has said so far."""

    def __init__(self, most: int, *, takes_last: bool) -> None:
        self.most = most
        self.takes_last = takes_last
        self.values: dict[str, Any] = {}
        self.pieces: list[_Piece] = []
        self.aside: deque[tuple[list[nodes.Node], dict[str, Any]]] = deque()
        self.context = RenderContext(ENVIRONMENTS["\n"], {}, None, {})
        self.depth = 0

    def folded(self, tree: nodes.Template) -> Folded:
        is_cut = False
        try:
            self.block(tree.body)
            while self.aside:
                body, self.values = self.aside.popleft()
                self.say(_Piece("\n\n", body[0].lineno))
                self.block(body)
        except RenderLimit:
            is_cut = True
        return Folded(*_written(self.pieces), is_cut)

    def say(self, piece: _Piece) -> None:
        self.most -= len(piece.text)
        if self.most < 0:
            raise too_much_output()
        self.context.spend(1)
        self.pieces.append(piece)

    # ------------------------------------------------------------------------- statements
    def block(self, statements: Iterable[nodes.Node]) -> None:
        self.depth += 1
        if self.depth > _DEPTH:
            raise too_deep()
        for statement in statements:
            self.context.spend(1)
            self.statement(statement)
        self.depth -= 1

    def statement(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                self.output(child)
        elif isinstance(node, nodes.If):
            self.choice([node.body, *(each.body for each in node.elif_), node.else_])
        elif isinstance(node, nodes.For):
            self.loop(node)
        elif isinstance(node, nodes.Assign):
            self.assign(node.target, self.value(node.node))
        elif isinstance(node, nodes.AssignBlock):
            self.assign(node.target, self.captured(node))
        else:  # no prompt may have it, but it is read all the same
            self.block(child for child in node.iter_child_nodes() if isinstance(child, nodes.Stmt))

    def output(self, node: nodes.Expr) -> None:
        if isinstance(node, nodes.TemplateData):
            self.say(_Piece(node.data, node.lineno, is_data=True))
            return
        text = operations.text_of(self.context, self.value(node))
        if text:
            self.say(_Piece(text, node.lineno))
        else:
            names = (each for each in (node, *node.find_all(nodes.Name)) if isinstance(each, nodes.Name))
            self.say(_Piece(next((each.name for each in names), ""), node.lineno, is_name=True))

    def choice(self, branches: list[list[nodes.Node]]) -> None:
        taken = branches[-1 if self.takes_last else 0]
        self.aside.extend((branch, dict(self.values)) for branch in branches if branch and branch is not taken)
        self.block(taken)

    def loop(self, node: nodes.For) -> None:
        items, outside = self.value(node.iter), dict(self.values)
        known = list(items) if isinstance(items, list | tuple | str | dict | range) else [items]
        for item in known or [Missing()]:
            self.values = dict(outside)
            self.assign(node.target, item)
            self.block(node.body)
        self.values = outside
        if node.else_:
            self.aside.append((node.else_, dict(outside)))

    def assign(self, target: nodes.Node, value: Any) -> None:
        if isinstance(target, nodes.Name):
            self.values[target.name] = value
        elif isinstance(target, nodes.NSRef):
            box = self.values.get(target.name)
            if type(box) is operations.Box:
                box[target.attr] = value
        elif isinstance(target, nodes.Tuple):
            items = value if isinstance(value, list | tuple) and len(value) == len(target.items) else None
            for place, each in enumerate(target.items):
                self.assign(each, items[place] if items else Missing())

    def captured(self, node: nodes.AssignBlock) -> Any:
        said, self.pieces = self.pieces, []
        self.block(node.body)
        text, self.pieces = _written(self.pieces)[0], said
        return text if node.filter is None else self.filtered(node.filter, text)

    # ------------------------------------------------------------------------- expressions
    def value(self, node: nodes.Node | None) -> Any:
        """What an expression is; missing, if only a rendering can tell."""
        self.context.spend(1)
        self.depth += 1
        if self.depth > _DEPTH:
            raise too_deep()
        try:
            value = self.expression(node)
        except RenderLimit:
            raise
        except Exception:  # noqa: BLE001 - what fails here fails in every rendering
            value = Missing()
        self.depth -= 1
        return value

    def expression(self, node: Any) -> Any:
        evaluate = _EXPRESSIONS.get(type(node))
        if evaluate:
            return evaluate(self, node)
        if isinstance(node, nodes.BinExpr) and node.operator in operations.ARITHMETIC:
            return operations.calculated(self.context, node.operator, self.value(node.left), self.value(node.right))
        return Missing()

    def filtered(self, node: nodes.Filter, value: Any) -> Any:
        if node.node is not None:
            value = self.value(node.node)
        return FILTERS[node.name](self.context, value, *map(self.value, node.args), **self.named(node.kwargs))

    def named(self, keywords: Iterable[nodes.Keyword | nodes.Pair]) -> dict[str, Any]:
        return {str(keyword.key): self.value(keyword.value) for keyword in keywords}

    def item(self, node: nodes.Getitem) -> Any:
        if not isinstance(node.arg, nodes.Slice):
            return operations.read(self.value(node.node), self.value(node.arg))
        bounds = [None if each is None else self.value(each) for each in (node.arg.start, node.arg.stop, node.arg.step)]
        return operations.slice_of(self.context, self.value(node.node), *bounds)

    def call(self, node: nodes.Call) -> Any:
        arguments, named = list(map(self.value, node.args)), self.named(node.kwargs)
        if isinstance(node.node, nodes.Getattr):
            method = operations.method(node.node.attr)
            return method(self.context, self.value(node.node.node), *arguments, **named)
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        if name == "range":
            return operations.numbers(self.context, *arguments)
        return operations.namespace(self.context, None, *arguments, **named) if name == "namespace" else Missing()

    def chosen(self, node: nodes.CondExpr) -> Any:
        return self.value(node.expr2 if self.takes_last and node.expr2 is not None else node.expr1)

    def either(self, node: nodes.Or) -> Any:
        return self.value(node.left) or self.value(node.right)


_EXPRESSIONS: Final[Mapping[type, Any]] = {
    nodes.Const: lambda _folding, node: node.value,
    nodes.TemplateData: lambda _folding, node: node.data,
    nodes.Name: lambda folding, node: folding.values.get(node.name, Missing(name=node.name)),
    nodes.List: lambda folding, node: list(map(folding.value, node.items)),
    nodes.Tuple: lambda folding, node: tuple(map(folding.value, node.items)),
    nodes.Dict: lambda folding, node: {folding.value(pair.key): folding.value(pair.value) for pair in node.items},
    nodes.Concat: lambda folding, node: operations.concatenated(folding.context, *map(folding.value, node.nodes)),
    nodes.Filter: lambda folding, node: folding.filtered(node, None),
    nodes.Getattr: lambda folding, node: operations.read(folding.value(node.node), node.attr),
    nodes.Neg: lambda folding, node: -folding.value(node.node),
    nodes.Getitem: Folding.item,
    nodes.Call: Folding.call,
    nodes.CondExpr: Folding.chosen,
    nodes.Or: Folding.either,
    nodes.And: lambda folding, node: folding.value(node.right),
}


def _written(pieces: Sequence[_Piece]) -> tuple[str, list[int]]:
    """The pieces as one text, and the lines they come from; a name between letters is left out, for it may be empty."""
    text: list[str] = []
    lines = [pieces[0].line if pieces else 1]
    is_new_line = True
    for place, piece in enumerate(pieces):
        said = piece.text
        if piece.is_name and text and _ends_in_letter(text[-1]) and _begins_with_letter(pieces[place + 1 :][:1]):
            continue
        if not said:
            continue
        if is_new_line:
            lines[-1] = piece.line
        text.append(said)
        lines += [piece.line + (count if piece.is_data else 0) for count in range(1, said.count("\n") + 1)]
        is_new_line = said.endswith("\n")
    return "".join(text), lines


def _ends_in_letter(text: str) -> bool:
    return text[-1:].isalnum()


def _begins_with_letter(pieces: Sequence[_Piece]) -> bool:
    return any(piece.text[:1].isalnum() for piece in pieces)
