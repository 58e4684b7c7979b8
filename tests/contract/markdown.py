"""Markdown as its readers use it: the examples in it, where its links lead, the routes it names."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live import ROOT

#: What is run, and with which program; a shell block runs in the document's one bash.
PROGRAMS = {"python": ("python3", ".py"), "javascript": ("node", ".mjs")}
_FENCE = re.compile(r"^( *)(`{3,})([^`\n]*)\n(.*?)^\1\2`*[ \t]*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_INLINE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*<?([^\s>]+)", re.MULTILINE)
_ROUTE = re.compile(
    r"(?:\b(GET|POST|PUT|DELETE) )?(?:(/api/v1)((?:/[^\s?#`'\"|)\\,;…]*)*)|(?<=[A-Z] )(/[^\s?#`'\"|)]+))"
)
#: Between the outputs of two blocks: no program writes it.
_MARK = "\x1e"


@dataclass(frozen=True)
class Block:
    """A fenced example: its language, the rest of its info string, its text without the list's indentation."""

    line: int
    language: str
    info: str
    text: str


@dataclass(frozen=True)
class Ran:
    """A block and what it printed; `answer` is the answer that the document shows right after it, if it does."""

    block: Block
    output: str
    answer: Block | None = None


class Failed(AssertionError):
    """An example does not do what its reader expects."""


# ----------------------------------------------------------------------------- reading
def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a document, in order."""
    found = []
    for match in _FENCE.finditer(text):
        indent, _, info, body = match.groups()
        language, _, rest = info.strip().partition(" ")
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(line, language, rest, re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)))
    return found


def prose_of(text: str) -> str:
    """A document without its fenced blocks."""
    return _FENCE.sub("", text)


def links_of(text: str) -> list[str]:
    """Where the links of a document lead."""
    return [one or other for one, other in _LINK.findall(_INLINE.sub("", prose_of(text)))]


def anchors_of(text: str) -> set[str]:
    """The names of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose_of(text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while anchor in found:
            number += 1
            anchor = f"{name}-{number}"
        found.add(anchor)
    return found


def broken_links(path: Path) -> list[str]:
    """The relative links of a document that lead nowhere."""
    text = path.read_text()
    return [link for link in links_of(text) if not re.match(r"[a-z][a-z0-9+.-]*:", link) and not _leads(link, path)]


def _leads(link: str, path: Path) -> bool:
    place, _, anchor = link.partition("#")
    target = path.parent / place if place else path
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in anchors_of(target.read_text())


def routes_of(text: str) -> list[tuple[str | None, str]]:
    """Each route that code in a document names: its method, where one stands before it, and its whole path.

    `GET /prompts` means `GET /api/v1/prompts`, as the documents say.
    """
    code = [block.text for block in blocks_of(text)] + [inline for _, inline in _INLINE.findall(prose_of(text))]
    found = []
    for method, prefix, rest, short in (match for piece in code for match in _ROUTE.findall(piece)):
        path = f"{prefix}{rest}" if prefix else short
        path = path.rstrip(".:/")
        if not prefix and not path.startswith(("/health", "/ready", "/metrics", "/admin")):
            path = f"/api/v1{path}"
        found.append((method or None, path))
    return found


def unknown_routes(text: str, document: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    """The routes that a text names and the OpenAPI document does not have."""
    known = [
        (re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))), {method.upper() for method in item})
        for path, item in document["paths"].items()
    ]
    outside = re.compile(r"/api/v1(/docs(/openapi\.yaml)?)?|/(health|ready|metrics|admin)(/.*)?")
    return [
        (method, path)
        for method, path in routes_of(text)
        if not outside.fullmatch(path)
        and not any(route.fullmatch(path) and (method is None or method in methods) for route, methods in known)
    ]


# ----------------------------------------------------------------------------- running
def run(text: str, *, folder: Path, environment: Mapping[str, str], not_run: Sequence[re.Pattern[str]]) -> list[Ran]:
    """Run a document's examples, in order, in one bash. Raises Failed with what the reader would see.

    Lines that match `not_run` are left out. A block ```json answer right after an example holds what it answers:
    see `check_answer`; every other example must not answer with an error.
    """
    blocks = blocks_of(text)
    script = ["set -euo pipefail"]
    for block in blocks:
        if block.language == "sh":
            script += [f"printf '{_MARK}{block.line}\\n'", *_lines_to_run(block, not_run)]
        elif block.language in PROGRAMS:
            program, suffix = PROGRAMS[block.language]
            file = folder / f"example-{block.line}{suffix}"
            file.write_text(block.text)
            script += [f"printf '{_MARK}{block.line}\\n'", f"{program} {file.name}"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    outputs = {int(line): output for line, _, output in (part.partition("\n") for part in done.stdout.split(_MARK)[1:])}
    if done.returncode:
        raise Failed(f"line {max(outputs, default=0)}: exit {done.returncode}\n{done.stderr}\n{done.stdout[-2000:]}")
    after = dict(zip(blocks, [*blocks[1:], None], strict=True))
    ran = []
    for block in (block for block in blocks if block.line in outputs):
        following = after[block]
        shown = following if following and following.info == "answer" else None
        ran.append(Ran(block, outputs[block.line], shown))
    for each in ran:
        check_answer(each)
    return ran


def _lines_to_run(block: Block, not_run: Sequence[re.Pattern[str]]) -> list[str]:
    lines = re.findall(r"(?:[^\n]*\\\n)*[^\n]*\n?", block.text)
    return [line.rstrip("\n") for line in lines if not any(pattern.match(line) for pattern in not_run)]


def check_answer(ran: Ran) -> None:
    """An example answers what the document shows, and no error where it shows none. Raises Failed.

    What is shown may leave fields of an object out. "…" stands for any text; as the last item of a list, for more.
    """
    answers = list(objects_in(ran.output))
    if ran.answer is None:
        if any("error" in each for each in answers):
            raise Failed(f"line {ran.block.line}: an error that the document does not show\n{ran.output}")
        return
    shown = json.loads(ran.answer.text)
    if not answers or not _shows(shown, answers[-1]):
        raise Failed(f"line {ran.answer.line}: another answer\n{ran.output}")


def _shows(shown: Any, came: Any) -> bool:
    if isinstance(shown, dict):
        return isinstance(came, dict) and all(name in came and _shows(part, came[name]) for name, part in shown.items())
    if isinstance(shown, list):
        if not isinstance(came, list):
            return False
        if shown[-1:] == ["…"]:
            shown, came = shown[:-1], came[: len(shown) - 1]
        return len(shown) == len(came) and all(map(_shows, shown, came))
    if isinstance(shown, str) and "…" in shown:
        return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), str(came), re.DOTALL) is not None
    return type(shown) is type(came) and bool(shown == came)


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in what a program printed, whatever stands between them."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            yield found
        at = text.find("{", end)


def documents(*patterns: str) -> list[Path]:
    """The files of the repository that match, sorted."""
    return sorted({path for pattern in patterns for path in ROOT.glob(pattern)})


def every_document() -> list[Path]:
    """Every Markdown file of the repository."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [each for each in folders if each not in ("var", "node_modules") and not each.startswith(".")]
        found += [Path(folder, file) for file in files if file.endswith(".md")]
    return sorted(found)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))
