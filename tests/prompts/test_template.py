"""What a template may say, what it needs, and what it renders to."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import ChainableUndefined, Environment, UndefinedError, meta, nodes

from prompts.sandbox.reading import parsed
from prompts.template import (
    InvalidPlaceholder,
    InvalidTemplate,
    MissingVariables,
    RenderFailed,
    RenderLimit,
    analyse,
    analyse_body,
    render,
    require_valid,
)
from pvc.errors import Unprocessable

CORPUS = Path(__file__).resolve().parents[1] / "security" / "corpora"
STOCK = Environment(keep_trailing_newline=True, undefined=ChainableUndefined)  # noqa: S701 - prompts are not HTML


def real_templates() -> list[str]:
    lines = (CORPUS / "real_templates.jsonl").read_text().splitlines()
    return [json.loads(line)["template"] for line in lines]


def text_of(template: str, **variables: object) -> str:
    return render(template, variables).text


# Variables


@pytest.mark.parametrize(
    ("template", "variables"),
    [
        ("plain", ()),
        ("{{ a }} {{ b }} {{ a }}", ("a", "b")),
        ("{{ a.b.c }}{{ d['e'][f] }}", ("a", "d", "f")),
        ("{{ a|join(b) }}{{ c is divisibleby(d) }}", ("a", "b", "c", "d")),
        ("{% if a %}{{ b }}{% elif c %}{{ d }}{% else %}{{ e }}{% endif %}", ("a", "b", "c", "d", "e")),
        ("{{ a if b else c }}", ("b", "a", "c")),
        ("{% for x in xs %}{{ x }}{{ loop.index }}{% endfor %}", ("xs",)),
        ("{% for x in xs %}{% endfor %}{{ x }}", ("xs", "x")),
        ("{% for x in xs if x.y == z %}{{ x }}{% else %}{{ x }}{% endfor %}", ("xs", "z", "x")),
        ("{% for k, (v, w) in xs.items() %}{{ k }}{{ v }}{{ w }}{{ u }}{% endfor %}", ("xs", "u")),
        ("{{ loop }}{% for x in loop %}{{ x }}{% endfor %}", ("loop",)),
        ("{% set a = b %}{{ a }}", ("b",)),
        ("{{ a }}{% set a = 1 %}{{ a }}", ("a",)),
        ("{% set a = a %}", ("a",)),
        ("{% set a, b = c %}{{ a }}{{ b }}", ("c",)),
        ("{% set a %}{{ b }}{% set c = 1 %}{% endset %}{{ a }}{{ c }}", ("b", "c")),
        ("{% set a | replace('x', 'y') %}{{ b }}{% endset %}", ("b",)),
        ("{% if a %}{% set b = 1 %}{% else %}{% set b = 2 %}{% endif %}{{ b }}", ("a",)),
        ("{% if a %}{% set b = 1 %}{% endif %}{{ b }}", ("a", "b")),
        ("{% if a %}{% set b = 1 %}{% elif c %}{% else %}{% set b = 1 %}{% endif %}{{ b }}", ("a", "c", "b")),
        ("{% for x in xs %}{% set b = 1 %}{% endfor %}{{ b }}", ("xs", "b")),
        ("{% set ns = namespace(a=b) %}{% set ns.a = c %}{{ ns.a }}", ("b", "c")),
        ("{% for i in range(n) %}{{ i }}{% endfor %}", ("n",)),
        ("{{ range }}{{ namespace.x }}", ("range", "namespace")),
        ("{# {{ a }} #}{% raw %}{{ b }}{% endraw %}", ()),
        ("{{ größe }}{{ คำถาม }}", ("größe", "คำถาม")),
        ("{{ [a, (b, {c: d})] }}{{ e[f:g:h] }}{{ 'x' ~ i }}", ("a", "b", "c", "d", "e", "f", "g", "h", "i")),
    ],
)
def test_free_names_are_found_in_the_order_of_their_use(template: Any, variables: Any) -> None:
    assert set(analyse(template).variables) == set(variables)
    assert analyse(template).variables == variables


def test_free_names_of_real_templates_are_those_that_jinja_finds() -> None:
    for template in real_templates():
        analysis = analyse(template)
        if analysis.valid:
            assert set(analysis.variables) == meta.find_undeclared_variables(STOCK.parse(template)) - {
                "range",
                "namespace",
            }


def test_names_with_a_default_in_the_template_are_optional() -> None:
    analysis = analyse(
        "{{ a|default('x') }}{{ b.c|d }}{% if c is defined %}{% endif %}{{ e|default(f) }}{{ g }}{{ g|d }}"
    )
    assert analysis.variables == ("a", "b", "c", "e", "f", "g")
    assert analysis.optional == {"a", "b", "c", "e"}


# Rendering


def test_variables_are_sorted_into_used_missing_and_unused() -> None:
    rendering = render(
        "{{ b }}{{ a }}{{ c }}{{ d }}", {"a": 1, "z": 1, "y": None, "d": None}, defaults={"b": 2, "x": 3}
    )
    assert rendering.text == "21None"
    assert (rendering.used, rendering.missing, rendering.unused) == (("b", "a", "d"), ("c",), ("y", "z"))


def test_strict_rendering_names_every_missing_variable_at_once() -> None:
    with pytest.raises(MissingVariables) as refused:
        render("{{ b }}{{ a }}{{ c|default(1) }}{{ 1 / 0 }}", {}, strict=True)
    assert refused.value.details == {"missing": ["b", "a"]}
    assert refused.value.message == "Values are missing for `b`, `a`."


@pytest.mark.parametrize(
    "template",
    [
        "{{ a }}",
        "{{ a.b.c[0]['d'] }}",
        "{{ a.upper().split(1)[0].strip() }}",
        "{{ given.absent.too }}",
        "{{ given[0] }}",
        "{% for x in a %}{{ x }}{% endfor %}",
        "{% for x in a.b|sort %}{{ x }}{% endfor %}",
        "{{ a|join(', ') }}",
        "{{ a|upper }}",
        "{{ a[1:] }}",
        "{{ a|default('') }}",
        "{{ '' if a == 1 }}",
        "{{ 'x' if a }}",
        "{{ a ~ '' }}",
    ],
)
def test_missing_values_print_nothing(template: Any) -> None:
    assert text_of(template, given={"here": 1}) == ""


@pytest.mark.parametrize(
    ("template", "line", "reason"),
    [
        ("\n{{ a + 1 }}", 2, "`a` has no value. No value was given for `a`."),
        ("{{ 1 / zero }}", 1, "divides by zero"),
        ("a\nb\n{{ 'x' + 1 }}", 3, "`+` cannot be used between text and a number; use `~` to join text"),
        ("{{ a < 1 }}", 1, "`a` has no value"),
        ("{% for x in zero %}{% endfor %}", 1, "`for` needs a list, not a number"),
        ("{{ [1, 'a']|sort }}", 1, "'<' not supported between instances of text and a number"),
        ("{{ zero.items() }}", 1, "a number has no `items()`"),
        ("{{ 'abc'.index('z') }}", 1, "substring not found"),
        ("{{ a|int }}", 1, "`a` has no value"),
        ("{% set a, b = [1] %}", 1, "not enough values to unpack"),
        ("{{ words['_' ~ 'x'] }}", 1, "begins with `_`"),
        ("{{ 999999 * 999999 * 999999 * 999999 }}", 1, "larger than 2^63"),
    ],
)
def test_what_fails_says_where_and_why(template: Any, line: Any, reason: Any) -> None:
    with pytest.raises(RenderFailed) as refused:
        render(template, {"zero": 0, "words": {"x": 1}})
    assert refused.value.message.startswith(f"Line {line} ")
    assert refused.value.details["line"] == line
    assert reason in refused.value.message


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ a }}\n", "1\n"),
        ("  {% if a %}\n x\n{% endif %}\n", "  \n x\n\n"),
        ("{%- if a -%} \n x {%- endif +%}\n", "x\n"),
        ("{{ a }}\r\nb\r\n", "1\r\nb\r\n"),
        ("{{ a }}\rb\r", "1\rb\r"),
        ("{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
        ("a{# c #}b", "ab"),
        ("<b>{{ html }}</b>{{ html|e }}{{ html|safe }}", "<b><i>'</b>&lt;i&gt;&#39;<i>'"),
        ("{{ words|tojson }}", '{"é": ["<", null, true, 1.5]}'),
        ("{% set ns = namespace(n=0) %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "3"),
        ("{% set x %}a{{ a }}{% endset %}{{ x }}{{ x|length }}", "a12"),
        ("{% set x | upper %}a{{ html }}{% endset %}{{ x }}", "A<I>'"),
        ("{% for i in range(4) if i is odd %}{{ loop.index }}{{ i }}{{ ',' if not loop.last }}{% endfor %}", "11,23"),
        ("{% for x in [] %}{% else %}none{% endfor %}", "none"),
        ("{% for g, xs in rows|groupby('k') %}{{ g }}{{ xs|map(attribute='v')|join('+') }};{% endfor %}", "a1+3;b2;"),
        ("{% for g in rows|groupby('k') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}", "a2b1"),
        ("{{ 1 < a + 1 < 3 }}{{ 'a' in 'abc' }}{{ 3 not in [1, 2] }}", "TrueTrueTrue"),
        ("{{ rows|selectattr('k', 'eq', 'a')|map(attribute='v')|sum }}{{ rows|sum('v') }}", "46"),
        ("{{ [3, 1, 2]|sort }}{{ [3, 1, 2]|sort(reverse=true)|first }}{{ ['b', 'A']|sort|join }}", "[1, 2, 3]3Ab"),
        ("{{ 'a b'|title }}{{ 'abc'|truncate(2, true, '') }}{{ ' x '|trim }}{{ 'a-b'.split('-')|last }}", "A Babxb"),
        ("{{ 'a\nb'|indent(2) }}|{{ 'x'|center(3) }}|{{ 'aa bb'|wordwrap(2) }}", "a\n  b| x |aa\nbb"),
        ("{{ [1, 2, 3]|batch(2, 0)|list }}{{ [1, 2, 3]|slice(2)|list }}", "[[1, 2], [3, 0]][[1, 2], [3]]"),
        ("{{ 2.567|round(1) }}{{ 7|round }}{{ '3'|int + 1 }}{{ '1.5'|float }}{{ -2|abs }}", "2.6741.52"),
        ("{{ {'b': 1, 'a': 2}|dictsort }}{{ ['a', 'A']|unique|list }}", "[('a', 2), ('b', 1)]['a']"),
        ("{{ words.get('x', 'y') }}{{ words.get('é')[0] }}{% for k, v in words.items() %}{{ k }}{% endfor %}", "y<é"),
        ("{{ '-' * 3 }}{{ [0] * 2 }}{{ 7 // 2 }}{{ 7 % 4 }}{{ 1 - 3 }}", "---[0, 0]33-2"),
        ("{{ 'abc'[1:] }}{{ 'abc'[::-1] }}{{ [1, 2][-1] }}", "bccba2"),
    ],
)
def test_templates_render_as_in_jinja(template: Any, text: Any) -> None:
    rows = [{"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3}]
    assert text_of(template, a=1, html="<i>'", words={"é": ["<", None, True, 1.5]}, rows=rows) == text


def test_defaults_stand_in_only_for_what_is_absent() -> None:
    assert render("{{ a }}{{ b }}", {"a": None}, defaults={"a": 1, "b": 2}).text == "None2"


def test_values_of_the_caller_stay_as_they_were() -> None:
    given_values = {"xs": [3, 1], "m": {"a": [1]}}
    render("{{ xs|sort }}{{ xs + [1] }}{% set xs = 1 %}{{ m.a * 3 }}", given_values)
    assert given_values == {"xs": [3, 1], "m": {"a": [1]}}


def test_variables_of_more_than_256_kib_are_refused() -> None:
    with pytest.raises(RenderLimit) as refused:
        render("{{ a }}", {"a": ["é" * 1_000] * 140})
    assert refused.value.details["limit"] == "variables"


def test_a_key_used_again_for_another_text_is_compiled_again() -> None:
    assert render("a", {}, cache_key="version").text == "a"
    assert render("b", {}, cache_key="version").text == "b"
    chat = [{"role": "user", "content": "a"}]
    assert render(chat, {}, cache_key="version").text == "user: a"
    chat[0]["content"] = "b"
    assert render(chat, {}, cache_key="version").text == "user: b"


# Chats

CHAT = [
    {"role": "system", "content": "You are {{ role }}."},
    {"placeholder": "history"},
    {"role": "user", "content": "{{ question }}\n"},
]


def test_a_chat_is_rendered_message_by_message() -> None:
    history = [{"role": "assistant", "content": "{{ not a template }}"}]
    rendering = render(CHAT, {"role": "kind", "history": history, "question": "Why?"})
    assert rendering.messages == [
        {"role": "system", "content": "You are kind."},
        {"role": "assistant", "content": "{{ not a template }}"},
        {"role": "user", "content": "Why?\n"},
    ]
    assert rendering.text == "system: You are kind.\n\nassistant: {{ not a template }}\n\nuser: Why?\n"
    assert rendering.used == ("role", "history", "question")


def test_an_absent_placeholder_is_missing_and_gives_no_messages() -> None:
    rendering = render(CHAT, {"role": "kind", "question": "Why?"})
    assert rendering.missing == ("history",)
    assert len(rendering.messages or []) == 2


@pytest.mark.parametrize(
    "value", ["text", {"role": "user"}, [1], [{"role": "root", "content": "x"}], [{"role": "user", "content": 1}], None]
)
def test_a_placeholder_takes_only_messages(value: Any) -> None:
    with pytest.raises(InvalidPlaceholder, match="`history` must be a list of messages"):
        render(CHAT, {"history": value})


@pytest.mark.parametrize(
    "message",
    [
        1,
        {},
        {"role": "root", "content": "x"},
        {"role": "user"},
        {"role": "user", "content": 1},
        {"placeholder": "_x"},
        {"placeholder": "a b"},
        {"placeholder": 1},
        {"role": "user", "content": "{% include 'x' %}"},
        {"role": [], "content": ""},
    ],
)
def test_problems_of_a_chat_say_which_message(message: Any) -> None:
    analysis = analyse_body([{"role": "user", "content": "x"}, message])
    assert [problem.construct[:9] for problem in analysis.problems] == ["message 2"]
    assert analysis.problems[0].message.startswith("Message 2: ")


def test_a_failure_in_a_chat_says_which_message() -> None:
    with pytest.raises(RenderFailed, match=r"^Message 2: Line 1 .*`b` has no value"):
        render([{"role": "user", "content": "x"}, {"role": "user", "content": "{{ b + 1 }}"}], {})


# The subset


@pytest.mark.parametrize(
    ("template", "construct"),
    [
        ("{% include 'x' %}", "`{% include %}`"),
        ("{% macro m() %}{% endmacro %}", "`{% macro %}`"),
        ("{% do x %}", "`{% do %}`"),
        ("{% trans %}{% endtrans %}", "`{% trans %}`"),
        ("{% for a in b %}{% break %}{% endfor %}", "`{% break %}`"),
        ("{{ a|attr('b') }}", "the filter `attr`"),
        ("{{ a|nonsense }}", "the filter `nonsense`"),
        ("{{ a is callable }}", "the test `callable`"),
        ("{{ a.append(1) }}", "the method `append`"),
        ("{{ a._b }}", "the name `_b`"),
        ("{{ _a }}", "the name `_a`"),
        ("{{ a['_b'] }}", "the key `_b`"),
        ("{{ a ** 2 }}", "the operator `**`"),
        ("{{ 1000001 }}", "a number above 1,000,000"),
        ("{{ f(1) }}", "calling `f`"),
        ("{{ range(1001) }}", "a `range` of more than 1,000 numbers"),
        ("{{ range(0, 1, 0) }}", "a `range` of more than 1,000 numbers"),
        ("{{ a|indent(101) }}", "`indent(width)` above 100"),
        ("{{ a|join(1, 2, 3) }}", "`join` with these arguments"),
        ("{{ '%s' % a }}", "formatting with `%`"),
        ("{{ 'ab' * 501 }}", "repeating with `*`"),
        ("{{ self }}", "the name `self`"),
        ("{% set range = 1 %}", "setting `range`"),
        ("{% for a in b %}{{ loop }}{% endfor %}", "`loop` by itself"),
        ("{% for a in b %}{{ loop.depth }}{% endfor %}", "`loop.depth`"),
        ("{% for a in b recursive %}{% endfor %}", "a recursive loop"),
        ("{% for a in b %}" * 4 + "{% endfor %}" * 4, "a loop in a loop in a loop in a loop"),
        ("{{ field }}{{ ﬁeld }}", "the name `ﬁeld`"),
        ("{{ a|join(d=1, d=2) }}", "an argument given twice"),
        ("{{ a.split(b=1, b=2) }}", "an argument given twice"),
        ("{% set ns.a %}{% endset %}", "this `{% set %}` block"),
        ("{% set a|default(b) %}{% endset %}", "a variable in the filter of a `{% set %}` block"),
        ("{% with a = 1 %}{% endwith %}", "`{% with %}`"),
        ("{{ a|map(b)|list }}", "`map` with a computed filter"),
        ("{{ a|map('attr', 'b') }}", "the filter `attr`"),
        ("{% if a %}", "the syntax"),
        ("{{ a", "the syntax"),
    ],
)
def test_a_refusal_names_the_line_the_construct_and_what_to_write(template: Any, construct: Any) -> None:
    (problem,) = analyse("one\ntwo\n" + template).problems
    assert (problem.line, problem.construct) == (3, construct)
    assert ": " in problem.message
    assert len(problem.message) > len(construct) + 20


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InvalidTemplate) as refused:
        require_valid("{{ a|attr('x') }}\n{% include 'y' %}\n{{ b.__class__ }}")
    assert [problem["line"] for problem in refused.value.details["problems"]] == [1, 2, 3]
    assert refused.value.message.endswith("There are 2 more problems.")


# Real templates and random ones


class Shape:
    """What the use of a variable says about its value."""

    def __init__(self) -> None:
        self.parts: dict[str, Shape] = {}
        self.item: Shape | None = None
        self.number = self.text = False

    def part(self, name: str) -> "Shape":
        return self.parts.setdefault(name, Shape())

    def element(self) -> "Shape":
        self.item = self.item or Shape()
        return self.item

    def value(self) -> object:
        if self.number:
            return 1
        if self.parts and not self.text:
            return {name: shape.value() for name, shape in self.parts.items()}
        if self.item is not None and not self.text:
            return [self.item.value()] * 4
        return "some <text/>, with ___ words"


LIST_FILTERS = {
    "join",
    "first",
    "last",
    "length",
    "list",
    "map",
    "reject",
    "selectattr",
    "sort",
    "unique",
    "min",
    "max",
}
NUMBER_FILTERS = {"int", "float", "round", "abs"}


class Guess:
    """Shapes of all names in a template, from the way it uses them."""

    def __init__(self, template: str) -> None:
        self.names: dict[str, Shape] = {}
        for _ in range(2):
            self.walk(parsed(template))

    def walk(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.For):
            self.bind(node.target, self.shape(node.iter).element())
        elif isinstance(node, nodes.Assign):
            self.bind(node.target, self.shape(node.node))
        for child in node.iter_child_nodes():
            if isinstance(child, nodes.Expr):
                self.shape(child)
            else:
                self.walk(child)

    def bind(self, target: nodes.Node, shape: Shape) -> None:
        if isinstance(target, nodes.Name):
            self.names[target.name] = shape
        elif isinstance(target, nodes.Tuple):
            for part in target.items:
                self.bind(part, shape.element())

    def shape(self, node: nodes.Node | None) -> Shape:
        method = getattr(self, f"of_{type(node).__name__.lower()}", self.of_other)
        return method(node)

    def of_other(self, node: nodes.Node | None) -> Shape:
        for child in node.iter_child_nodes() if node else ():
            self.shape(child)
        return Shape()

    def of_name(self, node: nodes.Name) -> Shape:
        return self.names.setdefault(node.name, Shape())

    def of_getattr(self, node: nodes.Getattr) -> Shape:
        return self.shape(node.node).part(node.attr)

    def of_getitem(self, node: nodes.Getitem) -> Shape:
        shape = self.shape(node.node)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return shape.part(node.arg.value)
        indexes = node.arg.iter_child_nodes() if isinstance(node.arg, nodes.Slice) else (node.arg,)
        for index in indexes:
            position = self.shape(index)
            position.number = position.number or not isinstance(node.node, nodes.Dict)
        element = shape.element()
        return shape if isinstance(node.arg, nodes.Slice) else element

    def of_call(self, node: nodes.Call) -> Shape:
        arguments = [self.shape(argument) for argument in node.args]
        result = Shape()
        if isinstance(node.node, nodes.Name):
            for argument in arguments if node.node.name == "range" else ():
                argument.number = True
            result.element().number = node.node.name == "range"
        elif isinstance(node.node, nodes.Getattr):
            shape, name = self.shape(node.node.node), node.node.attr
            shape.text = name not in ("items", "keys", "values", "index") or (name == "index" and len(node.args) == 1)
            shape.text = shape.text and not isinstance(node.node.node, nodes.List)
            result.number = name == "index"
            if name == "split":
                result.element()
            if name in ("items", "keys", "values"):
                shape.part("a")
        return result

    def of_filter(self, node: nodes.Filter) -> Shape:
        shape, result = self.shape(node.node), Shape()
        for argument in node.args:
            self.shape(argument)
        if node.name in LIST_FILTERS:
            element = shape.element()
            for keyword in node.kwargs:
                if isinstance(keyword.value, nodes.Const) and keyword.key == "attribute":
                    element.part(keyword.value.value)
            result = element if node.name in ("first", "last", "min", "max") else result
            result.number = result.number or node.name == "length"
        elif node.name in NUMBER_FILTERS:
            shape.number = result.number = True
        elif node.name in ("default", "d"):
            return shape
        else:
            shape.text = True
        return result

    def of_compare(self, node: nodes.Compare) -> Shape:
        sides = [self.shape(node.expr), *(self.shape(operand.expr) for operand in node.ops)]
        constants = [operand.expr for operand in node.ops if isinstance(operand.expr, nodes.Const)]
        numeric = any(isinstance(constant.value, int | float) for constant in constants)
        for side in sides:
            side.number = (
                side.number or numeric or any("t" in operand.op[1:] for operand in node.ops if operand.op[0] in "lg")
            )
        return Shape()

    def of_add(self, node: nodes.Add) -> Shape:
        left, right, result = self.shape(node.left), self.shape(node.right), Shape()
        texts = [isinstance(side, nodes.Const) and isinstance(side.value, str) for side in (node.left, node.right)]
        for side in (left, right, result):
            side.text = side.text or any(texts)
            side.number = side.number or (not any(texts) and (left.number or right.number))
        return result

    def of_const(self, node: nodes.Const) -> Shape:
        shape = Shape()
        shape.number, shape.text = isinstance(node.value, int | float), isinstance(node.value, str)
        return shape

    def of_arithmetic(self, node: nodes.BinExpr) -> Shape:
        left, right, result = self.shape(node.left), self.shape(node.right), Shape()
        left.number = right.number = result.number = True
        return result

    of_sub = of_mul = of_div = of_floordiv = of_mod = of_arithmetic


def test_four_of_five_real_templates_are_accepted() -> None:
    templates = real_templates()
    accepted = sum(analyse(template).valid for template in templates)
    assert accepted / len(templates) >= 0.79


def test_refusals_of_real_templates_name_what_is_refused_and_what_to_write() -> None:
    for template in real_templates():
        for problem in analyse(template).problems:
            assert 1 <= problem.line <= template.count("\n") + 1
            assert len(problem.message.split(": ", 1)[1]) > 10


def test_accepted_real_templates_render_as_in_jinja() -> None:
    for template in real_templates():
        analysis = analyse(template)
        if not analysis.valid:
            continue
        names = Guess(template).names
        variables = {name: names[name].value() for name in analysis.variables}
        rendering = render(template, variables)
        assert not rendering.missing
        with contextlib.suppress(TypeError, UndefinedError):  # where Jinja gives up on a part that is missing
            assert rendering.text == STOCK.from_string(template).render(variables)


def test_accepted_real_templates_without_variables_render_or_name_what_is_missing() -> None:
    for template in real_templates():
        analysis = analyse(template)
        if not analysis.valid:
            continue
        try:
            named = render(template, {}).missing
        except RenderFailed as refused:
            named = tuple(name for name in analysis.variables if f"`{name}`" in refused.message)
        assert tuple(named) == tuple(name for name in analysis.variables if name not in analysis.optional)


FRAGMENTS = (
    *("{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "if", "elif", "else", "endif", "for", "in", "endfor", "set"),
    *("endset", "raw", "endraw", "a", "b.c", "loop.index", "x", "(", ")", "[", "]", "{", "}", ",", ":", "=", "~", "+"),
    *("-", "*", "/", "//", "%", "<", "==", "|", "not", "and", "or", "is", "is in", "defined", "1", "2.5", "'text'"),
    *("true", "none", "range(3)", "namespace(n=1)", "join", "upper", "default('x')", "sort", "map('upper')", "list"),
    *("macro m()", "endmacro", "call m()", "endcall", "filter upper", "endfilter", "autoescape true", "endautoescape"),
    *("block b", "endblock", "with a = 1", "endwith", "do", "include 'x'", "import 'x' as y", "extends 'x'", "break"),
    *("tojson", "length", "batch(2)", ".items()", ".split()", "[0]", "[1:]", "['k']", "\n"),
)
OPERATORS = ("+", "-", "*", "/", "//", "%", "~", "<", "==", "!=", "in", "and", "or")
ENDINGS = (
    *(
        "|join",
        "|upper",
        "|sort",
        "|list",
        "|tojson",
        "|length",
        "|first",
        "|last",
        "|string",
        "|int",
        "|float",
        "|round",
    ),
    *(
        "|reverse",
        "|unique",
        "|sum",
        "|max",
        "|map('upper')",
        "|map(attribute='k')",
        "|select",
        "|batch(2)",
        "|slice(2)",
    ),
    *(
        "|indent",
        "|title",
        "|trim",
        "|dictsort",
        "|items",
        "|e",
        "|groupby('k')",
        "|wordwrap(3)",
        "|truncate(3)",
        "|abs",
    ),
    *("|center(9)", "|default('d')", ".k", "[0]", "[1:]", "[::-1]", ".items()", ".split()", ".upper()", ".get('k')"),
    *(".index('t')", ".count('t')", ".replace('t', 'u')", ".join(['t'])"),
)
EXPRESSIONS = st.recursive(
    st.sampled_from(
        ["a", "b", "a.k", "1", "-2.5", "'t'", "''", "none", "true", "[]", "{}", "range(3)", "namespace(n=a)"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, st.sampled_from(ENDINGS)).map("".join),
        st.tuples(inner, inner).map(lambda parts: f"[{parts[0]}, {parts[1]}]"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]}, {parts[1]})"),
        inner.map(lambda part: f"{{'k': {part}}}"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        inner.map(lambda part: f"(not {part})"),
        inner.map(lambda part: f"({part} is string)"),
    ),
    max_leaves=12,
)
STATEMENTS = st.recursive(
    EXPRESSIONS.map(lambda expression: f"{{{{ {expression} }}}}"),
    lambda inner: st.one_of(
        st.tuples(EXPRESSIONS, inner).map(
            lambda parts: f"{{% for v in {parts[0]} %}}{parts[1]}{{{{ v }}}}{{% endfor %}}"
        ),
        st.tuples(EXPRESSIONS, inner).map(lambda parts: f"{{% if {parts[0]} %}}{parts[1]}{{% endif %}}"),
        st.tuples(EXPRESSIONS, inner).map(lambda parts: f"{{% set b = {parts[0]} %}}{parts[1]}"),
        inner.map(lambda part: f"{{% set a %}}{part}{{% endset %}}{{{{ a }}}}"),
        st.tuples(inner, inner).map("".join),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.floats(allow_nan=False)
    | st.text(max_size=8).filter(str.isprintable),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["k", "t", "_x", ""]), inner, max_size=3)
    ),
    max_leaves=10,
)
PROFILE = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
LEAKS = ("<function", "<class", "<bound method", "<built-in", "object at 0x", "<namespace", "<generator")


def renders_or_refuses(template: str, variables: dict[str, object]) -> None:
    try:
        text = render(template, variables).text
    except Unprocessable as refused:
        text = f"{refused.message}{refused.details}"
    text.encode()
    assert not any(leak in text for leak in LEAKS)


@PROFILE
@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=30), st.sampled_from(["", " "]))
def test_no_text_makes_the_analysis_fail(fragments: Any, between: Any) -> None:
    template = between.join(fragments)
    analysis = analyse(template)
    if analysis.valid:
        renders_or_refuses(template, {"a": [{"k": "x"}], "b": {"c": 1}})


@PROFILE
@given(STATEMENTS, VALUES, VALUES)
def test_what_is_valid_renders_or_is_refused_in_words(template: Any, first: Any, second: Any) -> None:
    analysis = analyse(template)
    renders_or_refuses(template, {"a": first, "b": second})
    renders_or_refuses(template, {})
    assert analysis == analyse(template)


def test_the_largest_templates_that_are_accepted_can_be_compiled() -> None:
    nested = "{% if a %}" * 23 + "{{ a }}" + "{% endif %}" * 23
    deep = "{{ " + "(a + " * 28 + "a" + ")" * 28 + " }}"
    filters = "{{ a" + "|string" * 29 + " }}"
    loops = "{% for x in b %}{% for y in x %}{% for z in y %}{{ loop.index }}{% endfor %}{% endfor %}{% endfor %}"
    for template in (
        nested,
        deep,
        filters,
        loops,
        "{{ a }}" * 500,
        "{{ [" + "1," * 1_990 + "] }}",
        "{{ '" + "a" * 99_000 + "' }}",
    ):
        assert analyse(template).problems == ()
        assert render(template, {"a": 1, "b": []}) is not None
