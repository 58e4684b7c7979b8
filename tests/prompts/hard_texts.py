"""Pairs of texts of 100 kB, or fewer, that are made to be slow to compare."""

import functools
import random
from collections.abc import Callable

LENGTH = 100_000
_NOISE = random.Random(11)
_WORDS = [
    *("always", "never", "must", "not", "the", "a", "polite", "answer", "customer", "only", "unless", "may", "use"),
    *("json", "tool_name", "search_orders", "french", "you", "are", "10", "three", ".", ",", ";", ":", "-", "#"),
    *('"', "'", "(", ")", "{", "}", "{{ name }}", "{{ other }}", "{% if x %}", "{% endif %}"),
]


def _pair(name: str, piece: Callable[[], str], size: int) -> tuple[str, str]:
    """The same two texts whatever was made before."""
    _NOISE.seed(f"{name} {size}")
    return _of(piece, size), _of(piece, size)


def _of(piece: Callable[[], str], size: int) -> str:
    pieces: list[str] = []
    length = 0
    while length < size:
        pieces.append(piece())
        length += len(pieces[-1])
    return "".join(pieces)[:size]


def _pick(*choices: str) -> Callable[[], str]:
    return lambda: _NOISE.choice(choices)


def _phrase() -> str:
    return " ".join(_NOISE.choice(_WORDS) for _ in range(10)) + _NOISE.choice([" ", "\n", "\n\n", ". "])


#: What a text is made of, over and over; each makes one text before and another one after.
_PIECES: dict[str, Callable[[], str]] = {
    "one letter": _pick("a"),
    "two letters": _pick("a", "b"),
    "two kinds of lines": _pick("a\n", "b\n"),
    "ten kinds of lines": lambda: f"{_NOISE.randrange(10)}\n",
    "empty lines": _pick("\n"),
    "spaces": _pick(" "),
    "white space": _pick(" ", "\t", "\n", "\r"),
    "braces that open": _pick("{{"),
    "tags that open": _pick("{%"),
    "braces with long names": lambda: "{{" + "a" * _NOISE.randint(190, 210),
    "braces in disorder": _pick("{{", "}}", "{", "}", "{%", "%}", "{#", "#}", " a "),
    "comments that open": _pick("{# "),
    "angle brackets": _pick("<", "<a", "</a", ">"),
    "phrases": _phrase,
    "markers": _pick("never ", "always ", "not ", "must ", "do ", "do not ", "under no ", "no longer ", "at no "),
    "not after not": _pick("not "),
    "sentences of two words": _pick("Never do. ", "Always do. ", "Do it. "),
    "unique words": lambda: f"w{_NOISE.randrange(10**9)} ",
    "unique lines": lambda: f"w{_NOISE.randrange(10**9)}\n",
    "quotes": _pick('"', "`", "'", "a"),
    "apostrophes": _pick("a'"),
    "hyphens": _pick("a-"),
    "underscores": _pick("a_"),
    "camels": _pick("aB"),
    "numbers": lambda: f"{_NOISE.randrange(99)} ",
    "versions": _pick("1."),
    "list marks": _pick("- "),
    "list marks on lines": _pick("- x\n", "- y\n"),
    "list numbers": _pick("1. "),
    "hash signs": _pick("# "),
    "colons": _pick("a: "),
    "ideographs": lambda: chr(_NOISE.randrange(0x4E00, 0x4E80)),
    "emoji": lambda: chr(_NOISE.randrange(0x1F600, 0x1F640)),
    "accents": _pick("e\u0301"),
    "variables": lambda: f"{{{{ v{_NOISE.randrange(5000)} }}}} ",
    "roles": _pick("You are a cat.\n", "You are a dog.\n", "You are a fox.\n"),
    "labels": lambda: f"label, x{_NOISE.randrange(9)}",
    "dots": _pick("."),
    "few long lines": lambda: " ".join(_NOISE.choice(_WORDS) for _ in range(2000)) + "\n",
}


@functools.cache
def pairs(size: int = LENGTH) -> dict[str, tuple[str, str]]:
    """At least 50 pairs, by name."""
    found = {name: _pair(name, piece, size) for name, piece in _PIECES.items()}
    base = _of(_phrase, size)
    lines, words = base.split("\n"), base.split(" ")
    every_third = " ".join(word if index % 3 else f"{word}x" for index, word in enumerate(words))
    found |= {
        "lines in reverse": (base, "\n".join(reversed(lines))),
        "words shuffled": (base, " ".join(_NOISE.sample(words, len(words)))),
        "one line": (base, base.replace("\n", " ")),
        "capitals": (base, base.upper()),
        "every third word": (base, every_third[:size]),
        "a line between lines": (base, "".join(f"{line}\nx\n" for line in lines)[:size]),
        "spaces become lines": ("a " * (size // 2), "a\n" * (size // 2)),
        "nothing shared": ("a " * (size // 2), "b " * (size // 2)),
        "little to much": ("a", base),
        "much to little": (base, "a"),
        "turned again and again": ("never a. always b. " * (size // 20), "always a. never b. " * (size // 20)),
        "the same": (base, base),
        "one letter more": (base, f"{base[: size // 2]}q{base[size // 2 : size - 1]}"),
    }
    return {name: (old, new) for name, (old, new) in found.items()}
