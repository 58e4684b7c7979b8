"""An export written: the same files, to the byte, for the same prompts. Nothing is ever deleted."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from prompts.content import TEXT
from prompts.files import layout
from prompts.files.disk import entries, make_folder, read_bytes, replace
from prompts.files.faults import FileFault
from prompts.files.filed import FiledCase, FiledVersion
from prompts.files.layout import Place
from prompts.files.plain_yaml import dumped
from prompts.files.reading import read_version, require_known

#: What stands in a message, in the order in which it is read best.
_MESSAGE: Final = ("role", "content", "placeholder")


class Written(NamedTuple):
    """What became of the files of one prompt: how many versions there are, how many files are new or other than
    before, and which are there that this export did not write."""

    versions: int
    changed: int
    strange: list[str]


def begun(directory: Path) -> Path:
    """The directory, made or known to be an export of ours, with the file that says so. Raises FileFault."""
    if not directory.is_dir():
        make_folder(directory)
    root = directory.resolve()
    if (root / layout.MARKER).exists():
        require_known(root)
        return root
    if next(entries(root, root), None) is not None:
        raise FileFault(str(directory), "It is not empty, and no export: name an empty directory, or one to be made.")
    marker = {"format": layout.FORMAT, "format_version": layout.FORMAT_VERSION}
    replace(root / layout.MARKER, dumped(marker).encode())
    name, attributes = layout.ATTRIBUTES
    if not (root / name).exists():
        replace(root / name, attributes)
    return root


def write_prompt(
    place: Place, said: Mapping[str, Any], versions: Iterable[FiledVersion], cases: Sequence[FiledCase] = ()
) -> Written:
    """One prompt with its versions and test cases. `said` is what `prompt.yaml` holds. Raises FileFault."""
    make_folder(place.folder.parent)
    make_folder(place.folder)
    written = {place.prompt.name}
    count = changed = 0
    for version in versions:
        path = place.version(version.number, version.content.type)
        changed += _put(place, path, version_bytes(version), version)
        written.add(path.name)
        count += 1
    if cases:
        changed += _put(place, place.cases, cases_bytes(cases), None)
        written.add(place.cases.name)
    changed += _put(place, place.prompt, dumped(said).encode(), None)
    strange = [str(place.folder / name) for name, _ in entries(place.root, place.folder) if name not in written]
    return Written(count, changed, strange)


def strange_folders(root: Path, known: Iterable[str]) -> list[str]:
    """Folders of prompts in the directory, as namespace/prompt, that are not among these."""
    wanted = set(known)
    return [
        str(root / namespace / slug)
        for namespace, is_folder in entries(root, root)
        if is_folder
        for slug, _ in entries(root, root / namespace)
        if f"{namespace}/{slug}" not in wanted
    ]


def version_bytes(version: FiledVersion) -> bytes:
    """A version's file: a text's front matter and text, or a chat's names and messages."""
    content = version.content
    front: dict[str, Any] = {"number": version.number, "digest": version.digest, **version.provenance}
    optional = {
        "base": version.base,
        "change_note": version.change_note,
        "metadata": version.metadata,
        "variables": content.variables,
        "config": content.config,
    }
    front |= {name: value for name, value in optional.items() if value}
    if content.type == TEXT:
        return f"---\n{dumped(front)}---\n".encode() + content.body.encode()
    messages = [{name: each[name] for name in _MESSAGE if name in each} for each in json.loads(content.body)]
    return dumped({**front, "messages": messages}).encode()


def cases_bytes(cases: Iterable[FiledCase]) -> bytes:
    """The file of a prompt's test cases, by their names."""
    told = [
        {"name": each.name, "variables": dict(each.variables), "assertions": [dict(one) for one in each.assertions]}
        for each in sorted(cases, key=lambda each: each.name)
    ]
    return dumped({"cases": told}).encode()


def _put(place: Place, path: Path, data: bytes, version: FiledVersion | None) -> bool:
    """Whether the file had to be written. A version's file in which somebody has worked is not lost."""
    if path.is_symlink():
        raise FileFault(str(path), "This is a link, and an export writes through none.")
    if path.exists():
        if read_bytes(place.root, path, most=layout.LARGEST_VERSION) == data:
            return False
        if version is not None:
            _require_untouched(place, path, version)
    replace(path, data)
    return True


def _require_untouched(place: Place, path: Path, version: FiledVersion) -> None:
    """Raises FileFault unless the file is as an export wrote it: readable, and with the digest of what it holds."""
    try:
        present = version_bytes(read_version(place.root, path, version.number, version.content.type))
    except FileFault:
        present = b""
    if present != read_bytes(place.root, path, most=layout.LARGEST_VERSION):
        raise FileFault(str(path), "It was edited since it was written, and stays as it is: import it, or delete it.")
