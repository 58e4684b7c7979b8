"""What is refused, in words, and what to write instead."""

from jinja2 import nodes

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
