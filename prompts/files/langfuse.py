"""Prompts as Langfuse gives them: the JSON of its export, or of its API.

A list of versions, each with `name` and `prompt` (a text, or a chat's messages), and as a rule `version`, `type`,
`config`, `labels`, `tags` and `commitMessage`. Its variables are written as here; what else it takes as plain text
may be a sign of a template here, and then a note says so.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from prompts.content import CHAT, TEXT, content_of, is_variable_name
from prompts.files.disk import MIB, read_bytes
from prompts.files.faults import FileFault, shown
from prompts.files.fields import is_number
from prompts.files.filed import FiledPrompt, FiledVersion
from prompts.files.slugs import slug_for
from prompts.names import PRODUCTION, TAG_NAME
from pvc.errors import Invalid
from pvc.strict_json import InvalidJSON, strict_json

LARGEST: Final = 64 * MIB
#: What Langfuse sets by itself on the version with the highest number.
LATEST: Final = "latest"
LONGEST_PROVENANCE: Final = 200
_REFERENCE: Final = "@@@langfusePrompt:"
_EXPRESSION: Final = re.compile(r"\{\{(.{0,200}?)\}\}", re.DOTALL)

Entry = Mapping[str, Any]


def read(path: Path, *, namespace: str) -> list[FiledPrompt | FileFault]:
    """Every prompt of a file, by the order of their names' first mention. Raises FileFault for the file as a whole."""
    file = str(path)
    by_name: dict[str, list[Entry]] = {}
    for index, entry in enumerate(_entries(json_of(path), file), 1):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
            raise FileFault(file, f"Entry {index} is no prompt: an object with a name is expected.")
        by_name.setdefault(entry["name"], []).append(entry)
    return [_prompt(name, entries, file=file, namespace=namespace) for name, entries in by_name.items()]


def json_of(path: Path) -> Any:
    """A file's JSON, with no number or key that could not be kept. Raises FileFault."""
    data = read_bytes(path.parent.resolve(), path, most=LARGEST)
    try:
        return strict_json(data.removeprefix(b"\xef\xbb\xbf"))
    except InvalidJSON as refused:
        raise FileFault(str(path), refused.message.replace("The body", "The file")) from refused


def _entries(value: Any, file: str) -> list[Any]:
    """The list itself, or the one that an answer of the API holds, or a single prompt."""
    if isinstance(value, dict):
        value = next((value[name] for name in ("data", "prompts") if isinstance(value.get(name), list)), [value])
    if not isinstance(value, list) or not value:
        raise FileFault(file, "A list of prompts is expected, each with name and prompt.")
    return value


def _prompt(name: str, entries: list[Entry], *, file: str, namespace: str) -> FiledPrompt | FileFault:
    file = f"{file} ({shown(name)})"
    try:
        return _made(name, _in_order(entries, file), file=file, namespace=namespace)
    except FileFault as fault:
        return fault


def _made(name: str, entries: list[tuple[int, Entry]], *, file: str, namespace: str) -> FiledPrompt:
    slug = slug_for(name, file=file)
    type_ = _type(entries[0][1])
    versions = tuple(_version(number, entry, type_, file) for number, entry in entries)
    tags, notes = _labels(entries)
    filters = sorted({tag for _, entry in entries for tag in _texts(entry.get("tags"))})
    return FiledPrompt(
        file=file,
        namespace=namespace,
        slug=slug,
        type=type_,
        versions=versions,
        described={"name": name[:200], **({"metadata": {"tags": filters}} if filters else {})},
        tags=tags,
        head=versions[-1].number,
        formerly=name if name != slug else "",
        notes=(*notes, *_signs(versions)),
        is_foreign=True,
    )


def _in_order(entries: list[Entry], file: str) -> list[tuple[int, Entry]]:
    """Each entry with its number: its version's, or its place, the oldest first."""
    numbered = [(number, entry) for entry in entries if is_number(number := entry.get("version"))]
    if len(numbered) == len(entries):
        if len({number for number, _ in numbered}) < len(numbered):
            raise FileFault(file, "One version stands here twice.")
        return sorted(numbered, key=lambda pair: pair[0])
    if any(entry.get("version") is not None for entry in entries):
        raise FileFault(file, "Either all of its entries have a version, a whole number from 1, or none.")
    newest_first = LATEST in _texts(entries[0].get("labels")) and len(entries) > 1
    return list(enumerate(reversed(entries) if newest_first else entries, 1))


def _type(entry: Entry) -> str:
    given = entry.get("type")
    return given if given in (TEXT, CHAT) else CHAT if isinstance(entry.get("prompt"), list) else TEXT


def _version(number: int, entry: Entry, type_: str, file: str) -> FiledVersion:
    where = f"{file}, version {number}"
    if "prompt" not in entry:
        raise FileFault(where, "It has no prompt: this is a list of names. Export the prompts themselves.")
    if _type(entry) != type_:
        raise FileFault(where, f"The version before is of type {type_}, and a prompt has one type for good.")
    body = _messages(entry["prompt"]) if type_ == CHAT else entry["prompt"]
    try:
        content = content_of(type_, body, {}, entry.get("config"), field="prompt")
    except Invalid as refused:
        raise FileFault(where, shown(refused.message)) from refused
    if _REFERENCE in content.body:
        raise FileFault(
            where, "It refers to another prompt (@@@langfusePrompt…). Get it resolved, as the API gives it."
        )
    return FiledVersion(
        file=where,
        number=number,
        content=content,
        change_note=str(entry.get("commitMessage") or entry.get("commit_message") or ""),
        provenance=_provenance(entry),
    )


def _provenance(entry: Entry) -> dict[str, str]:
    found = {"author": entry.get("createdBy"), "created_at": entry.get("createdAt")}
    return {name: each[:LONGEST_PROVENANCE] for name, each in found.items() if isinstance(each, str) and each}


def _messages(body: Any) -> Any:
    """A chat in the words used here: a placeholder by its name, a message without its kind."""
    if not isinstance(body, list):
        return body
    return [_message(each) for each in body]


def _message(message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    if message.get("type") == "placeholder":
        return {"placeholder": message.get("name")}
    return {name: each for name, each in message.items() if name != "type"}


def _labels(entries: Iterable[tuple[int, Entry]]) -> tuple[dict[str, int], list[str]]:
    """Labels as tags, and sentences on those that cannot be one."""
    tags: dict[str, int] = {}
    notes = []
    for number, entry in entries:
        for label in _texts(entry.get("labels")):
            if re.fullmatch(TAG_NAME, label) and label != LATEST:
                tags[label] = number
            elif label != LATEST:
                notes.append(f"The label “{shown(label)}” is left out: no tag can have this name.")
    if any(entry.get("isActive") is True for _, entry in entries) and PRODUCTION not in tags:
        tags[PRODUCTION] = next(number for number, entry in entries if entry.get("isActive") is True)
    return tags, notes


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _signs(versions: Iterable[FiledVersion]) -> list[str]:
    """Sentences on what Langfuse takes as plain text, and this server does not."""
    notes = []
    for version in versions:
        body = version.content.body
        if "{%" in body or "{#" in body:
            notes.append(f"Version {version.number} has {{% or {{#, which begin a tag or a comment here.")
        odd = [each.strip() for each in _EXPRESSION.findall(body) if not is_variable_name(each.strip())]
        if odd:
            notes.append(
                f"Version {version.number} has {{{{{shown(odd[0])}}}}}, which is no name: here it is an expression."
            )
    return notes
