"""Prompts as rows of a table: CSV with a line of names above it, as spreadsheets write it.

A row is one version. Rows of one name are versions of one prompt, by their number or in their order.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prompts.content import CHAT, TEXT, content_of
from prompts.files.disk import MIB, decoded, read_bytes
from prompts.files.faults import FileFault, shown
from prompts.files.filed import FiledPrompt, FiledVersion
from prompts.files.reading import LONGEST_DESCRIPTION
from prompts.files.slugs import checked_namespace, slug_for
from prompts.names import TAG_NAME
from pvc.errors import Invalid
from pvc.strict_json import InvalidJSON, strict_json

LARGEST: Final = 64 * MIB
DELIMITERS: Final = (",", ";", "\t", "|")
#: The names a column may have, in any case; the first is how it is spoken of here.
COLUMNS: Final = {
    "name": ("name",),
    "content": ("content", "template", "prompt"),
    "namespace": ("namespace",),
    "type": ("type",),
    "description": ("description",),
    "version": ("version", "number"),
    "tags": ("tags", "tag", "labels", "label"),
    "variables": ("variables",),
    "config": ("config",),
    "change_note": ("change_note", "reason", "commitmessage", "commit_message"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its number in the file, and its cells by column."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def read(path: Path, *, namespace: str) -> list[FiledPrompt | FileFault]:
    """Every prompt of a table, in order. `namespace` is that of rows without one. Raises FileFault for the whole."""
    file = str(path)
    groups: dict[tuple[str, str], list[Row]] = {}
    rows, left_out = _rows(path)
    for row in rows:
        groups.setdefault((row["namespace"] or namespace, row["name"]), []).append(row)
    return [_prompt(name, rows, file, where, left_out) for (where, name), rows in groups.items()]


# ----------------------------------------------------------------------------- the table
def _rows(path: Path) -> tuple[list[Row], tuple[str, ...]]:
    """The rows, and the names of columns that mean nothing here."""
    text = decoded(read_bytes(path.parent.resolve(), path, most=LARGEST), path).removeprefix("\ufeff")
    names, delimiter = _heading(text, str(path))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found = []
    line = 1
    try:
        for cells in reader:
            if line > 1 and any(cells):
                found.append(_row(cells, names, str(path), line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileFault(str(path), f"This is not CSV: {error}.", line) from error
    if not found:
        raise FileFault(str(path), "There are no rows below the names of the columns.")
    return found, tuple(name for name in names if name not in COLUMNS)


def _row(cells: list[str], names: list[str], file: str, line: int) -> Row:
    if len(cells) != len(names):
        raise FileFault(file, f"This row has {len(cells)} cells, and there are {len(names)} columns.", line)
    return Row(line, dict(zip(names, cells, strict=True)))


def _heading(text: str, file: str) -> tuple[list[str], str]:
    """The columns' names, and what stands between cells: that under which the first line names what is needed."""
    first = text.partition("\n")[0].rstrip("\r")
    for delimiter in DELIMITERS:
        try:
            names = [_column(cell) for cell in next(csv.reader([first], delimiter=delimiter, strict=True), [])]
        except csv.Error:
            continue
        if {"name", "content"} <= set(names):
            if twin := next((name for name in names if names.count(name) > 1), None):
                raise FileFault(file, f"Two columns say the {shown(twin)}: {', '.join(COLUMNS.get(twin, ()))}.", 1)
            return names, delimiter
    raise FileFault(file, "The first line names the columns: name and content (or template, or prompt) are needed.", 1)


def _column(cell: str) -> str:
    plain = cell.strip().lower()
    return next((column for column, names in COLUMNS.items() if plain in names), plain)


# ----------------------------------------------------------------------------- a prompt
def _prompt(
    name: str, rows: list[Row], file: str, namespace: str, left_out: tuple[str, ...]
) -> FiledPrompt | FileFault:
    try:
        return _made(name, rows, file, checked_namespace(namespace, file=file, line=rows[0].line), left_out)
    except FileFault as fault:
        return fault


def _made(name: str, rows: list[Row], file: str, namespace: str, left_out: tuple[str, ...]) -> FiledPrompt:
    first = rows[0]
    slug = slug_for(name, file=file, line=first.line)
    type_ = first["type"].strip().lower() or TEXT
    if type_ not in (TEXT, CHAT):
        raise FileFault(file, f"type is {TEXT} or {CHAT}.", first.line)
    versions = [_version(row, number, type_, file) for number, row in _in_order(rows, file)]
    description = next((row["description"] for row in rows if row["description"]), "")
    if len(description) > LONGEST_DESCRIPTION:
        raise FileFault(file, f"A description has up to {LONGEST_DESCRIPTION} characters.", first.line)
    return FiledPrompt(
        file=f"{file}:{first.line}",
        namespace=namespace,
        slug=slug,
        type=type_,
        versions=tuple(versions),
        described={"name": name[:200], "description": description},
        tags=_tags(rows, versions, file),
        head=versions[-1].number,
        formerly=name if name != slug else "",
        notes=tuple(f"The column “{shown(column)}” is left out." for column in left_out),
        is_foreign=True,
    )


def _in_order(rows: list[Row], file: str) -> list[tuple[int, Row]]:
    """Each row with its version's number: the one it says, or its place among the rows of this name."""
    if not any(row["version"].strip() for row in rows):
        return list(enumerate(rows, 1))
    found: dict[int, Row] = {}
    for row in rows:
        text = row["version"].strip()
        if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
            raise FileFault(file, "The version is a whole number from 1, in every row of a name or in none.", row.line)
        if int(text) in found:
            raise FileFault(file, f"Version {text} of “{shown(row['name'])}” stands here twice.", row.line)
        found[int(text)] = row
    return sorted(found.items())


def _version(row: Row, number: int, type_: str, file: str) -> FiledVersion:
    if (row["type"].strip().lower() or TEXT) != type_:
        raise FileFault(file, f"The prompt is of type {type_}, for good.", row.line)
    body = _json(row, "content", file) if type_ == CHAT else row["content"]
    try:
        content = content_of(type_, body, _json(row, "variables", file), _json(row, "config", file))
    except Invalid as refused:
        raise FileFault(file, shown(refused.message), row.line) from refused
    return FiledVersion(f"{file}:{row.line}", number, content, change_note=row["change_note"])


def _json(row: Row, column: str, file: str) -> Any:
    """The cell's JSON; None where it is empty."""
    text = row[column].strip()
    if not text:
        return None
    try:
        return strict_json(text.encode())
    except InvalidJSON as refused:
        sentence = refused.message.replace("The body", f"What the column {column} holds")
        raise FileFault(file, sentence, row.line) from refused


def _tags(rows: list[Row], versions: list[FiledVersion], file: str) -> dict[str, int]:
    by_file = {version.file: version.number for version in versions}
    tags: dict[str, int] = {}
    for row in rows:
        for tag in re.split(r"[\s,;|]+", row["tags"].strip()):
            if tag and not re.fullmatch(TAG_NAME, tag):
                raise FileFault(file, f"“{shown(tag)}” is no tag's name.", row.line)
            if tag in tags:
                raise FileFault(file, f"{tag} points at two versions of “{shown(row['name'])}”.", row.line)
            if tag:
                tags[tag] = by_file[f"{file}:{row.line}"]
    return tags
