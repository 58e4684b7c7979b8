"""Which names a template takes from outside, by Jinja's scoping."""

from collections.abc import Iterable

from jinja2 import nodes

BUILT_IN = frozenset({"range", "namespace"})


class FreeNames:
    """Free names in the order of their first use, and those that cannot do without a value."""

    def __init__(self) -> None:
        self.used: dict[str, None] = {}
        self.needed: set[str] = set()

    def block(self, statements: Iterable[nodes.Node], bound: set[str]) -> None:
        """Walk statements that share one scope; `bound` grows by what they set."""
        for statement in statements:
            self.statement(statement, bound)

    def statement(self, node: nodes.Node, bound: set[str]) -> None:
        if isinstance(node, nodes.If):
            self.branches(node, bound)
        elif isinstance(node, nodes.For):
            self.loop(node, bound)
        elif isinstance(node, nodes.Assign):
            self.expression(node.node, bound)
            self.assign(node.target, bound)
        elif isinstance(node, nodes.AssignBlock):
            self.block(node.body, inner := set(bound))
            if node.filter is not None:
                self.expression(node.filter, inner)
            self.assign(node.target, bound)
        else:
            self.expression(node, bound)

    def branches(self, node: nodes.If, bound: set[str]) -> None:
        """A name is set after an `if` when every way through it sets the name."""
        outcomes = []
        for branch in (node, *node.elif_):
            self.expression(branch.test, bound)
            self.block(branch.body, outcome := set(bound))
            outcomes.append(outcome)
        self.block(node.else_, otherwise := set(bound))
        bound.update(otherwise.intersection(*outcomes))

    def loop(self, node: nodes.For, bound: set[str]) -> None:
        self.expression(node.iter, bound)
        inner = set(bound)
        self.assign(node.target, inner)
        if node.test is not None:
            self.expression(node.test, inner)
        self.block(node.body, inner | {"loop"})
        self.block(node.else_, set(bound))

    def assign(self, target: nodes.Node, bound: set[str]) -> None:
        if isinstance(target, nodes.NSRef):
            self.use(target.name, bound)
        elif isinstance(target, nodes.Name):
            bound.add(target.name)
        else:
            for part in target.iter_child_nodes():
                self.assign(part, bound)

    def expression(self, node: nodes.Node, bound: set[str]) -> None:
        if isinstance(node, nodes.Name):
            self.use(node.name, bound)
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in BUILT_IN:
            self.children(node, bound, but=node.node)
        elif (name := optional_name(node)) is not None:
            self.use(name.name, bound, needed=False)
            self.children(node, bound, but=name)
        else:
            self.children(node, bound)

    def children(self, node: nodes.Node, bound: set[str], but: nodes.Node | None = None) -> None:
        for child in node.iter_child_nodes():
            if child is not but:
                self.path(child, bound, but)

    def path(self, node: nodes.Node, bound: set[str], but: nodes.Node | None) -> None:
        """Down `a.b[c]` to its name, which may be one that was counted already."""
        if but is not None and isinstance(node, nodes.Getattr | nodes.Getitem):
            self.children(node, bound, but)
        else:
            self.expression(node, bound)

    def use(self, name: str, bound: set[str], *, needed: bool = True) -> None:
        if name in bound:
            return
        self.used.setdefault(name)
        if needed:
            self.needed.add(name)


def optional_name(node: nodes.Node) -> nodes.Name | None:
    """The `x` of `x|default(…)` or `x.y is defined`: the template says itself what happens without a value."""
    if isinstance(node, nodes.Filter) and node.name in ("default", "d"):
        return root_of(node.node)
    if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
        return root_of(node.node)
    return None


def root_of(node: nodes.Node | None) -> nodes.Name | None:
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return node if isinstance(node, nodes.Name) else None
