"""Templates that ask for more time or memory than a server has. Run as a program, it reports what each one took."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from prompts.template import analyse_body, render
from pvc.errors import DomainError

BIG = "x" * 200_000
WORDS = "word " * 40_000
NUMBERS = list(range(20_000))
ROWS = [{"name": f"name {number}", "n": number} for number in range(4_000)]


def doubled(step: str, *, start: str = "'x'", times: int = 1_000, shown: str = "{{ ns.s|length }}") -> str:
    loop = f"{{% for i in range({times}) %}}{{% set ns.s = {step} %}}{{% endfor %}}"
    return f"{{% set ns = namespace(s={start}) %}}{loop}{shown}"


def nested_loops(depth: int, over: str = "range(1000)", body: str = "x") -> str:
    names = [f"v{level}" for level in range(depth)]
    opening = "".join(f"{{% for {name} in {over} %}}" for name in names)
    return opening + body + "{% endfor %}" * depth


#: Name: the body, and the variables it is rendered with.
BOMBS: dict[str, tuple[Any, dict[str, Any]]] = {
    # Compiling alone would be too much.
    "a constant repeated behind a false condition": ("{% if false %}{{ 'A'*(10**9) }}{% endif %}", {}),
    "a constant repeated": ("{{ 'a' * 1000000 }}", {}),
    "a constant repeated from the left": ("{{ 1000000 * 'a' }}", {}),
    "a list repeated": ("{{ [0] * 1000000 }}", {}),
    "repeating a repetition": ("{{ 'a' * 1000 * 1000 * 1000 }}", {}),
    "repeating a negated repetition": ("{{ 'a' * -(-1000000) }}", {}),
    "repeating a joined constant": ("{{ ('a' ~ 'b') * 1000000 }}", {}),
    "a tower of powers": ("{{ 9**(9**8) % 2 }}", {}),
    "a power": ("{{ 2**1000000 }}", {}),
    "a number of 4,300 digits": ("{{ " + "9" * 4_300 + " }}", {}),
    "a number of 90,000 digits": ("{{ " + "9" * 90_000 + " }}", {}),
    "a hexadecimal number of 90,000 digits": ("{{ 0x" + "f" * 90_000 + " }}", {}),
    "an infinite number": ("{{ 1e999 }}", {}),
    "200,000 openings": ("{{" * 100_000, {}),
    "50,000 openings": ("{{" * 50_000, {}),
    "33,000 tag openings": ("{% " * 33_000, {}),
    "2,000 brackets": ("{{ " + "(" * 2_000 + "1" + ")" * 2_000 + " }}", {}),
    "40,000 brackets": ("{{ " + "[" * 40_000, {}),
    "30 brackets": ("{{ " + "[" * 30 + "]" * 30 + " }}", {}),
    "1,000 additions": ("{{ a" + " + a" * 1_000 + " }}", {}),
    "25,000 additions": ("{{ a" + "+ a" * 25_000 + " }}", {}),
    "25,000 joins": ("{{ a" + "~ a" * 25_000 + " }}", {}),
    "1,000 filters": ("{{ a" + "|upper" * 1_000 + " }}", {}),
    "14,000 filters": ("{{ a" + "|upper" * 14_000 + " }}", {}),
    "20,000 dots": ("{{ a" + ".b" * 45_000 + " }}", {}),
    "1,000 negations": ("{{ " + "not " * 1_000 + "a }}", {}),
    "40,000 signs": ("{{ " + "-" * 40_000 + "1 }}", {}),
    "1,000 conditions in an expression": ("{{ " + "a if a else " * 1_000 + "a }}", {}),
    "brackets and conditions": ("{{ " + "(a if " * 900 + "a" + ")" * 900 + " }}", {}),
    "20,000 expressions": ("{{a}}" * 20_000, {}),
    "5,000 loops in a row": ("{%for a in b%}{%endfor%}" * 4_000, {}),
    "25,000 comments": ("{##}" * 25_000, {}),
    "unclosed comments": ("{#" * 50_000, {}),
    "unclosed raw": ("{% raw %}" + "{% " * 30_000, {}),
    "unclosed strings": ("{{ '" * 25_000, {}),
    "spaces in tags": ("{%" + " " * 99_990 + "%}", {}),
    "minus signs and spaces": ("{{-" + " " * 30 + "-}} \n " * 3_000, {}),
    "a name of 99,000 letters": ("{{ " + "a" * 99_000 + " }}", {}),
    "21 nested loops": (nested_loops(21), {}),
    "4 nested loops": (nested_loops(4), {}),
    "100 nested conditions": ("{% if a %}" * 100 + "x" + "{% endif %}" * 100, {"a": 1}),
    "3,000 nested conditions": ("{% if a %}" * 3_000, {"a": 1}),
    "1,500 branches": ("{% if a %}1" + "{% elif b %}2" * 1_500 + "{% endif %}", {}),
    "490 branches": ("{% if a %}1" + "{% elif b %}2" * 490 + "{% endif %}", {}),
    "a wide list": ("{{ [" + "1," * 30_000 + "] }}", {}),
    "a wide mapping": ("{{ {" + "1:1," * 20_000 + "} }}", {}),
    "a chat of 20,000 messages": ([{"role": "user", "content": "{{a}}"}] * 20_000, {}),
    "a chat of 5,000 empty messages": ([{"role": "user", "content": ""}] * 5_000, {}),
    # Numbers as arguments.
    "a wide indent": ("{{ 'a\nb'|indent(100000000) }}", {}),
    "a million wide indent": ("{{ 'a\nb'|indent(1000000) }}", {}),
    "a wide indent from a variable": ("{{ text|indent(n) }}", {"text": "\n" * 100_000, "n": 1_000_000_000}),
    "an indent by a long text": ("{{ text|indent(text) }}", {"text": "\n" * 100_000}),
    "an indent of many lines": ("{{ text|indent(100)|indent(100)|indent(100) }}", {"text": "a\n" * 50_000}),
    "a wide tojson": ("{{ [1]|tojson(100000000) }}", {}),
    "a wide tojson from a variable": ("{{ x|tojson(n) }}", {"x": [1], "n": 10**9}),
    "a deep indented tojson": ("{{ x|tojson(8) }}", {"x": [[[[[[[[[[[1] * 20_000]]]]]]]]]]}),
    "a wide center": ("{{ 'x'|center(10**10) }}", {}),
    "a wide center from a variable": ("{{ 'x'|center(n) }}", {"n": 10**10}),
    "a center method": ("{{ 'x'.center(1000000) }}", {}),
    "a ljust method": ("{{ 'x'.ljust(n) }}", {"n": 10**9}),
    "a zfill method": ("{{ 'x'.zfill(1000000) }}", {}),
    "tabs to spaces": ("{{ t.expandtabs(1000000) }}", {"t": "\t" * 1_000}),
    "a percent format": ("{{ '%1000000000d' % 1 }}", {}),
    "a percent format in a variable": ("{{ f % 1 }}", {"f": "%1000000000d"}),
    "a format method": ("{{ '{:>1000000000}'.format(1) }}", {}),
    "a format filter": ("{{ '%1000000000d'|format(1) }}", {}),
    "a rounding to a million digits": ("{{ 1.5|round(1000000) }}", {}),
    "a rounding from a variable": ("{{ 1.5|round(n, 'floor') }}", {"n": 10**9}),
    "a batch": ("{{ [1]|batch(1000000, 'x') }}", {}),
    "a batch from a variable": ("{{ [1]|batch(n, 'x')|list }}", {"n": 10**9}),
    "a slice": ("{{ [1]|slice(1000000)|list }}", {}),
    "a slice from a variable": ("{{ [1]|slice(n)|list }}", {"n": 10**9}),
    "a batch of large fillings": ("{{ [1]|batch(1000, text)|join }}", {"text": BIG}),
    "a wrap to nothing": ("{{ text|wordwrap(1) }}", {"text": BIG}),
    "a wrap of every word": ("{{ text|wordwrap(1) }}", {"text": WORDS}),
    "a wrap of spaces": ("{{ text|wordwrap(1) }}", {"text": " " * 200_000}),
    "a wrap of lines": ("{{ text|wordwrap(1) }}", {"text": "\n" * 200_000}),
    "a set block into a mapping": ("{% set x.y|default(x) %}{% endset %}{{ x }}", {"x": {}}),
    "a wrap below nothing": ("{{ text|wordwrap(-1) }}", {"text": BIG}),
    "a truncation to a million": ("{{ 'x'|truncate(-1000000) }}", {}),
    "lorem ipsum": ("{{ lipsum(n=10000000) }}", {}),
    # Ranges and loops.
    "a large range": ("{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}", {}),
    "a range from a variable": ("{{ range(n)|list }}", {"n": 10**15}),
    "a backward range": ("{{ range(n, 0, -1)|sum }}", {"n": 10**15}),
    "three nested loops": (nested_loops(3), {}),
    "three nested loops that print nothing": (nested_loops(3, body=""), {}),
    "nested loops in a set block": (
        "{% set x %}" + nested_loops(3, body="y" * 30_000) + "{% endset %}{{ x|length }}",
        {},
    ),
    "nested loops over a variable": (nested_loops(3, over="xs", body="{{ v0 }}"), {"xs": NUMBERS}),
    "nested loops with a long body": (nested_loops(3, body="{{ a }}{{ b }}{{ c }}" * 100), {"a": 1, "b": 2, "c": 3}),
    "nested loops with long text": (nested_loops(2, body="y" * 90_000), {}),
    "nested loops with a filter": (nested_loops(3, over="range(1000) if v9|default(1) is odd"), {}),
    "nested loops with a condition": (
        "{% for a in xs if a in xs %}{% for b in xs if b in xs %}{% endfor %}{% endfor %}",
        {"xs": NUMBERS},
    ),
    "looping over letters": (nested_loops(3, over="text", body="{{ loop.length }}"), {"text": BIG}),
    "looking ahead in loops": (nested_loops(3, over="xs", body="{{ loop.nextitem }}{{ loop.last }}"), {"xs": NUMBERS}),
    "a recursive loop": ("{% for a in b recursive %}{{ loop(b) }}{% endfor %}", {"b": [1]}),
    "a macro that calls itself": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", {}),
    # Doubling.
    "doubling by +": (doubled("ns.s + ns.s"), {}),
    "doubling by ~": (doubled("ns.s ~ ns.s"), {}),
    "doubling by *": (doubled("ns.s * 2"), {}),
    "doubling by * from the left": (doubled("9 * ns.s"), {}),
    "doubling by join": (doubled("[ns.s, ns.s]|join"), {}),
    "doubling by the join method": (doubled("ns.s.join([ns.s, ns.s, ns.s])"), {}),
    "doubling by a separator": (doubled("'abcdefgh'|join(ns.s)"), {}),
    "doubling by replace": (doubled("ns.s|replace('x', 'xx')"), {}),
    "doubling by the replace method": (doubled("ns.s.replace('x', ns.s)", start="'xx'"), {}),
    "doubling by replacing nothing": (doubled("ns.s.replace('', 'xx')"), {}),
    "doubling by escape": (doubled("ns.s|escape", start="'&'"), {}),
    "doubling by tojson": (doubled("ns.s|tojson", start="'\"'"), {}),
    "doubling by string": (doubled("[ns.s]|string", start="'\\\\'"), {}),
    "doubling by upper": (doubled("ns.s|upper ~ ns.s", start="'\N{LATIN SMALL LIGATURE FFI}'"), {}),
    "doubling by indent": (doubled("ns.s|indent(100, true, true)", start="'a\\nb'"), {}),
    "doubling by center": (doubled("ns.s|center(1000) ~ ns.s"), {}),
    "doubling by a conditional": (doubled("ns.s ~ (ns.s if true else '')"), {}),
    "doubling by a set block": (
        (
            "{% set ns = namespace(s='x') %}{% for i in range(999) %}{% set t %}{{ ns.s }}{{ ns.s }}{% endset %}"
            "{% set ns.s = t %}{% endfor %}"
        ),
        {},
    ),
    "doubling by a filtered set block": (
        (
            "{% set ns = namespace(s='x') %}{% for i in range(999) %}"
            "{% set t | replace('x', 'xx') %}{{ ns.s }}{% endset %}{% set ns.s = t %}{% endfor %}"
        ),
        {},
    ),
    "a set block of large values": ("{% set t %}" + "{{ a }}" * 490 + "{% endset %}{{ t|length }}", {"a": BIG}),
    "a set block of lists": ("{% set t %}" + "{{ a }}" * 490 + "{% endset %}{{ t|length }}", {"a": NUMBERS}),
    "doubling lists by +": (doubled("ns.s + ns.s", start="[1]"), {}),
    "doubling lists by *": (doubled("ns.s * 2", start="[1]"), {}),
    "doubling lists by nesting": (doubled("[ns.s, ns.s]", start="[1]", shown="{{ ns.s }}"), {}),
    "doubling tuples by nesting": (doubled("(ns.s, ns.s)", start="(1,)", shown="{{ ns.s == ns.s }}"), {}),
    "doubling mappings by nesting": (doubled("{'a': ns.s, 'b': ns.s}", start="{}", shown="{{ ns.s|tojson }}"), {}),
    "doubling by items": (doubled("{'a': ns.s, 'b': ns.s}.items()", start="[1]", shown="{{ ns.s }}"), {}),
    "doubling by batch": (doubled("[ns.s, ns.s]|batch(1)", start="[1]", shown="{{ ns.s }}"), {}),
    "doubling by groupby": (doubled("[{'a': ns.s}]|groupby('a')", start="[1]", shown="{{ ns.s }}"), {}),
    "doubling by map": (doubled("[1, 2]|map(attribute='x', default=ns.s)|list", start="[1]", shown="{{ ns.s }}"), {}),
    "doubling by a mapped default": (doubled("[zz, zz]|map('default', ns.s)", start="[1]", shown="{{ ns.s }}"), {}),
    "doubling by sum": (doubled("[ns.s, ns.s]|sum(start=[])", start="[1]"), {}),
    "doubling by mapped list": (doubled("[ns.s, ns.s]|map('list')", start="[1]", shown="{{ ns.s }}"), {}),
    "two doubled lists compared": (
        (
            "{% set a = namespace(s=[1]) %}{% set b = namespace(s=[1]) %}{% for i in range(25) %}"
            "{% set a.s = [a.s, a.s] %}{% set b.s = [b.s, b.s] %}{% endfor %}{{ a.s == b.s }}"
        ),
        {},
    ),
    "a list nested a thousand deep": (doubled("[ns.s]", start="[]", shown="{{ ns.s }}"), {}),
    "doubling through namespaces": (doubled("namespace(a=ns.s, b=ns.s)", shown="{{ ns.s }}"), {}),
    "a chain of namespaces": (
        (
            "{% set ns = namespace() %}{% for i in range(120) %}{% for j in range(140) %}"
            "{% set ns.a = namespace(b=ns.a) %}{% endfor %}{% endfor %}{{ ns }}"
        ),
        {},
    ),
    "a namespace in itself": (
        "{% set ns = namespace() %}{% set ns.a = [ns] %}{% set ns.b = [ns.a] %}{{ ns.b }}{{ [ns.b] == ns.b }}",
        {},
    ),
    "a large tuple as a key": (
        doubled("(ns.s, ns.s)", start="(1,)", times=16, shown="")
        + nested_loops(2, body="{% set x = {ns.s: 1} %}{% set y = {ns.s: 1} %}"),
        {},
    ),
    "a large tuple as a prefix": (
        "{% set t = ('y' * 900,) * 900 %}" + nested_loops(2, body="{% set x = 'a'.startswith(t) %}"),
        {},
    ),
    "deep sums in a macro": ("{% macro m() %}{{ a" + "+ a" * 3_000 + " }}{% endmacro %}", {}),
    "deep sums in a call": ("{% call f() %}{{ a" + "|upper" * 1_500 + " }}{% endcall %}", {}),
    "growing numbers": (doubled("ns.s * ns.s", start="999999", shown="{{ ns.s }}"), {}),
    "growing numbers by +": (doubled("ns.s + ns.s", start="1", shown="{{ ns.s }}"), {}),
    "growing fractions": (doubled("ns.s * ns.s", start="1.5", shown="{{ ns.s|int }}"), {}),
    # Work on what is given.
    "printing large values": ("{{ a }}" * 490, {"a": BIG}),
    "printing large values in a loop": (nested_loops(2, body="{{ a }}"), {"a": BIG}),
    "printing large lists in a loop": (nested_loops(2, body="{{ a }}"), {"a": NUMBERS}),
    "measuring large lists in a loop": (nested_loops(2, body="{{ a|string|length }}"), {"a": NUMBERS}),
    "sorting in a loop": (nested_loops(2, body="{{ a|sort|length }}"), {"a": NUMBERS}),
    "sorting rows in a loop": (nested_loops(2, body="{{ a|sort(attribute='name')|length }}"), {"a": ROWS}),
    "sorting by ten names": (
        nested_loops(1, body="{{ a|sort(attribute='name,n,name,n,name,n,name,n')|length }}"),
        {"a": ROWS},
    ),
    "sorting by thousands of names": ("{{ a|sort(attribute=b)|length }}", {"a": ROWS[:500], "b": "n," * 50_000}),
    "a path of thousands of names": (
        nested_loops(2, body="{{ a|map(attribute=b)|list|length }}"),
        {"a": [1], "b": "n." * 50_000},
    ),
    "grouping in a loop": (nested_loops(2, body="{{ a|groupby('name')|length }}"), {"a": ROWS}),
    "unique in a loop": (nested_loops(2, body="{{ a|unique|length }}"), {"a": ROWS}),
    "the largest in a loop": (nested_loops(2, body="{{ a|max }}"), {"a": NUMBERS}),
    "summing in a loop": (nested_loops(2, body="{{ a|sum }}"), {"a": NUMBERS}),
    "searching in a loop": (nested_loops(2, body="{{ 'yx' in a }}"), {"a": BIG}),
    "searching the hard way": (
        nested_loops(2, body="{{ a.find(b) }}"),
        {"a": "a" * 130_000, "b": "a" * 60_000 + "b" + "a" * 60_000},
    ),
    "searching short needles": (
        nested_loops(2, body="{{ a.count(b) }}"),
        {"a": "ab" * 60_000, "b": "b" * 49 + "a" * 50},
    ),
    "searching lists": (nested_loops(2, body="{{ 'q' in a }}"), {"a": NUMBERS}),
    "searching lists of long texts": (
        nested_loops(2, body="{{ b in a }}"),
        {"a": ["x" * 2_000 + "y"] * 60, "b": "x" * 2_000 + "z"},
    ),
    "comparing long texts": (nested_loops(2, body="{{ a == b }}" * 20), {"a": "x" * 120_000, "b": "x" * 120_000}),
    "ordering long texts": (nested_loops(2, body="{{ a <= b }}" * 20), {"a": "x" * 120_000, "b": "x" * 120_000}),
    "comparing large lists": (nested_loops(2, body="{{ a == b }}"), {"a": NUMBERS, "b": NUMBERS}),
    "chains of comparisons": (nested_loops(2, body="{{ a == b == a == b }}"), {"a": NUMBERS, "b": NUMBERS}),
    "testing for equality": (nested_loops(2, body="{{ a is eq b }}"), {"a": NUMBERS, "b": NUMBERS}),
    "selecting equal ones": ("{{ a|select('in', a)|list|length }}", {"a": NUMBERS}),
    "selecting by attribute": (
        nested_loops(1, body="{{ a|selectattr('n', 'in', b)|list|length }}"),
        {"a": ROWS, "b": NUMBERS},
    ),
    "slicing in a loop": (nested_loops(2, body="{% set x = a[1:] %}"), {"a": BIG}),
    "slicing lists in a loop": (nested_loops(2, body="{% set x = a[::-1] %}"), {"a": NUMBERS}),
    "splitting in a loop": (nested_loops(2, body="{% set x = a.split() %}"), {"a": WORDS}),
    "splitting by every letter": (nested_loops(2, body="{% set x = a.split('x') %}"), {"a": BIG}),
    "splitting the split": ("{{ a.split()|map('list')|map('map', 'list')|list|length }}", {"a": WORDS}),
    "stripping many letters": (
        nested_loops(2, body="{{ a.strip(b)|length }}"),
        {"a": "a" * 100_000, "b": "b" * 100_000 + "a"},
    ),
    "upper case in a loop": (
        nested_loops(2, body="{% set x = a|upper %}"),
        {"a": "\N{LATIN SMALL LIGATURE FFI}" * 60_000},
    ),
    "title case in a loop": (nested_loops(2, body="{% set x = a|title %}"), {"a": WORDS}),
    "wrapping in a loop": (nested_loops(2, body="{% set x = a|wordwrap(1000) %}"), {"a": WORDS}),
    "counting words in a loop": (nested_loops(2, body="{{ a|wordcount }}"), {"a": WORDS}),
    "tojson in a loop": (nested_loops(2, body="{% set x = a|tojson %}"), {"a": ROWS}),
    "numbers from long texts": (nested_loops(2, body="{{ a|int }}{{ a|float }}"), {"a": "9" * 200_000}),
    "numbers from long hexadecimals": (nested_loops(2, body="{{ a|int(0, 16) }}"), {"a": "f" * 1_000}),
    "lists of large texts": (doubled("ns.s + [a]", start="[]", shown="{{ ns.s|join|length }}"), {"a": BIG}),
    "a list of large texts, printed": ("{{ [a] * 100000 }}", {"a": BIG}),
    "a list of a large list": ("{{ [a] * 10000 }}", {"a": NUMBERS}),
    "mapping a filter on itself": ("{{ a|map('map', 'map', 'map', 'list')|list }}", {"a": [[[NUMBERS]]]}),
    "reversing in a loop": (nested_loops(2, body="{% set x = a|reverse %}"), {"a": BIG}),
    "first of a mapping in a loop": (
        nested_loops(2, body="{{ a|first }}{{ a|last }}"),
        {"a": {f"k{n}": n for n in NUMBERS[:9_000]}},
    ),
    "items in a loop": (
        nested_loops(2, body="{{ a.items()|length }}{{ a|items|length }}"),
        {"a": {f"k{n}": n for n in NUMBERS[:9_000]}},
    ),
    "literals in a loop": (nested_loops(2, body="{% set x = [" + "'" + "y" * 60_000 + "'," * 1 + "1] %}"), {}),
    "tuples as keys": (doubled("{(ns.s, ns.s): 1}", start="(1,)", shown="{{ ns.s }}"), {}),
    "large variables": ("{{ a }}", {"a": "x" * 10_000_000}),
    "many variables": ("{{ a }}", {f"v{number}": number for number in range(300_000)}),
    "deep variables": ("{{ a }}", {"a": json.loads("[" * 500 + "]" * 500)}),
    "a placeholder of large messages": (
        [{"placeholder": "p"}] * 200,
        {"p": [{"role": "user", "content": "x" * 100_000}]},
    ),
    "many placeholders of empty messages": (
        [{"placeholder": "p"}] * 1_000,
        {"p": [{"role": "user", "content": ""}] * 7_000},
    ),
    "a chat of 100,000 placeholders": ([{"placeholder": "p"}] * 100_000, {}),
    "a chat of printed messages": ([{"role": "user", "content": "{{ a }}"}] * 400, {"a": BIG}),
    "a chat of loops": ([{"role": "user", "content": nested_loops(2, over="range(100)")}] * 100, {}),
}


def outcome(body: Any, variables: dict[str, Any]) -> str:
    try:
        render(body, variables)
    except DomainError as error:
        return error.code
    return "rendered"


def megabytes(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    outcome("{{ a }}", {"a": "warm"})
    for name, (body, variables) in BOMBS.items():
        forget_peak()
        before, started = megabytes("VmRSS"), time.perf_counter()
        analyse_body(body)
        analysed = time.perf_counter() - started
        ended = outcome(body, variables)
        took = time.perf_counter() - started
        report = {
            "name": name,
            "outcome": ended,
            "analysed": analysed,
            "seconds": took,
            "megabytes": megabytes("VmHWM") - before,
        }
        sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
