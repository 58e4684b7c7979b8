"""An export read back: each prompt as its files say, or a sentence about the file that is not right."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from prompts.content import CHAT, TEXT, Content, content_of, is_variable_name
from prompts.files import layout
from prompts.files.disk import decoded, entries, read_bytes, read_text
from prompts.files.faults import FileFault, shown
from prompts.files.fields import Fields, is_number
from prompts.files.filed import FiledCase, FiledPrompt, FiledVersion
from prompts.files.layout import Place
from prompts.files.plain_yaml import loaded
from prompts.files.slugs import checked_namespace, checked_slug
from prompts.names import TAG_NAME
from pvc.errors import Invalid

LONGEST_NAME: Final = 200
LONGEST_DESCRIPTION: Final = 500
LONGEST_TIER: Final = 100
_OPENING: Final = re.compile(rb"(?:\xef\xbb\xbf)?---[ \t]*\r?\n")
_CLOSING: Final = re.compile(rb"^---[ \t]*\r?(?:\n|\Z)", re.MULTILINE)


# ----------------------------------------------------------------------------- the whole
def opened(directory: Path) -> Path:
    """The directory of an export in a format that is known here, resolved. Raises FileFault."""
    try:
        root = directory.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise FileFault(str(directory), "There is no such directory.") from error
    if not root.is_dir():
        raise FileFault(str(directory), "This is no directory.")
    marker = root / layout.MARKER
    if not marker.is_file():
        raise FileFault(str(directory), f"There is no {layout.MARKER} in it, so it is no export.")
    require_known(root)
    return root


def require_known(root: Path) -> None:
    """Raises FileFault for what is no export of ours, or one of a newer release."""
    marker = root / layout.MARKER
    said = Fields(loaded(read_text(root, marker, most=layout.LARGEST_MARKER), file=str(marker)), marker)
    if said.get("format") != layout.FORMAT:
        raise said.fault("format", f"This is no export of prompts: format is “{layout.FORMAT}”.")
    version = said.get("format_version")
    if not is_number(version):
        raise said.fault("format_version", "format_version is a whole number from 1.")
    if version > layout.FORMAT_VERSION:
        sentence = f"This has the format version {version}; {layout.FORMAT_VERSION} is the last one that is read here."
        raise said.fault("format_version", f"{sentence} Read it with a newer release.")
    said.require_known(layout.MARKER_NAMES)


def places(root: Path) -> Iterator[Place | FileFault]:
    """Where the prompts are, by name; a folder that cannot be one is a fault."""
    for namespace, is_folder in entries(root, root):
        if not is_folder:
            continue
        try:
            checked_namespace(namespace, file=str(root / namespace))
            inner = list(entries(root, root / namespace))
        except FileFault as fault:
            yield fault
            continue
        for slug, is_prompt in inner:
            yield _place(root, namespace, slug, is_folder=is_prompt)


def _place(root: Path, namespace: str, slug: str, *, is_folder: bool) -> Place | FileFault:
    path = str(root / namespace / slug)
    if not is_folder:
        return FileFault(path, "A namespace holds folders of prompts, and no file.")
    try:
        return Place(root, namespace, checked_slug(slug, file=path))
    except FileFault as fault:
        return fault


def read_prompt(place: Place) -> FiledPrompt | FileFault:
    """One prompt with all of its versions, or what is wrong with the first file that is not right."""
    try:
        return _prompt(place)
    except FileFault as fault:
        return fault


# ----------------------------------------------------------------------------- a prompt
def _prompt(place: Place) -> FiledPrompt:
    text = read_text(place.root, place.prompt, most=layout.LARGEST_PROMPT)
    said = Fields(loaded(text, file=str(place.prompt)), place.prompt)
    said.require_known(layout.PROMPT_NAMES)
    type_ = said.get("type", TEXT)
    if type_ not in list(layout.ENDINGS):
        raise said.fault("type", f"type is {TEXT} or {CHAT}.")
    versions = tuple(_versions(place, type_))
    numbers = {version.number for version in versions}
    return FiledPrompt(
        file=str(place.prompt),
        namespace=place.namespace,
        slug=place.slug,
        type=type_,
        versions=versions,
        described=_described(said),
        tier=said.text("tier", LONGEST_TIER) or None,
        tags=_tags(said, numbers),
        head=_head(said, numbers),
        archived=said.flag("archived"),
        cases=tuple(_cases(place)) if place.cases.exists() else (),
    )


def _described(said: Fields) -> dict[str, Any]:
    """What the file says the prompt says of itself; what it leaves out is not said."""
    lengths = {"name": LONGEST_NAME, "description": LONGEST_DESCRIPTION}
    described: dict[str, Any] = {name: said.text(name, most) for name, most in lengths.items() if name in said}
    if "metadata" in said:
        described["metadata"] = said.object("metadata")
    if "variables_expected" in said:
        described["variables_expected"] = _names(said)
    return described


def _names(said: Fields) -> list[str]:
    names = said.get("variables_expected")
    if not isinstance(names, list) or not all(map(is_variable_name, names)):
        raise said.fault("variables_expected", "variables_expected is a list of variables' names.")
    return list(dict.fromkeys(names))


def _tags(said: Fields, numbers: set[int]) -> dict[str, int]:
    tags = said.object("tags")
    for tag, number in tags.items():
        if not re.fullmatch(TAG_NAME, tag):
            raise said.fault("tags", f"“{shown(tag)}” is no tag's name.")
        if not is_number(number) or number not in numbers:
            raise said.fault("tags", f"{tag} points at version {shown(str(number))}, of which there is no file.")
    return tags


def _head(said: Fields, numbers: set[int]) -> int | None:
    """The version that the prompt itself shows; the newest, where the file does not say."""
    head = said.get("head", max(numbers, default=None))
    if head is None:
        return None
    if not is_number(head) or head not in numbers:
        raise said.fault("head", f"head is version {shown(str(head))}, of which there is no file.")
    return head


# ----------------------------------------------------------------------------- test cases
def _cases(place: Place) -> Iterator[FiledCase]:
    """Each name once. What an assertion says is looked at when the case is taken."""
    text = read_text(place.root, place.cases, most=layout.LARGEST_CASES)
    said = Fields(loaded(text, file=str(place.cases)), place.cases)
    said.require_known(layout.CASES_NAMES)
    cases = said.get("cases")
    if not isinstance(cases, list) or not all(isinstance(each, dict) for each in cases):
        raise said.fault("cases", "cases is a list of test cases: name, variables, assertions.")
    names: set[str] = set()
    for number, each in enumerate(cases, 1):
        name = each.get("name")
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or name in names:
            raise said.fault("cases", f"Test case {number} has a name of its own, of 1 to {LONGEST_NAME} characters.")
        names.add(name)
        yield _case(each, said)


def _case(told: Mapping[str, Any], said: Fields) -> FiledCase:
    name, variables, assertions = told["name"], told.get("variables") or {}, told.get("assertions")
    if unknown := [each for each in told if each not in layout.CASE_NAMES]:
        known = ", ".join(layout.CASE_NAMES)
        raise said.fault("cases", f"“{shown(name)}” has an unknown “{shown(unknown[0])}”; there are {known}.")
    if not isinstance(variables, dict):
        raise said.fault("cases", f"The variables of “{shown(name)}” are an object: names with their values.")
    if not isinstance(assertions, list) or not all(isinstance(each, dict) for each in assertions):
        raise said.fault("cases", f"The assertions of “{shown(name)}” are a list, each with a type.")
    kept = [{key: value for key, value in each.items() if value is not None} for each in assertions]
    return FiledCase(name, variables, kept)


# ----------------------------------------------------------------------------- versions
def _versions(place: Place, type_: str) -> list[FiledVersion]:
    """By rising number, each number once."""
    found: dict[int, FiledVersion] = {}
    for name, is_folder in entries(place.root, place.folder):
        if name in (layout.PROMPT, layout.CASES):
            continue
        path = place.folder / name
        matched = layout.VERSION.fullmatch(name)
        if matched is None or is_folder:
            raise FileFault(str(path), f"A prompt's folder holds {layout.PROMPT}, {layout.CASES}, v0001.md and so on.")
        number = int(matched[1])
        if matched[2] != layout.ENDINGS[type_]:
            raise FileFault(str(path), f"The prompt is of type {type_}; its versions end in {layout.ENDINGS[type_]}.")
        if number < 1 or number in found:
            raise FileFault(str(path), f"There is no version 0, and one file of version {number} at most.")
        found[number] = read_version(place.root, path, number, type_)
    for version in found.values():
        if version.base is not None and version.base not in found:
            raise FileFault(version.file, f"base is version {version.base}, of which there is no file.")
    return [found[number] for number in sorted(found)]


def read_version(root: Path, path: Path, number: int, type_: str) -> FiledVersion:
    """One version out of its file. Raises FileFault, also where its digest says that it was another content."""
    data = read_bytes(root, path, most=layout.LARGEST_VERSION)
    said, body = _of_text(data, path) if type_ == TEXT else _of_chat(data, path)
    if said.get("number", number) != number:
        raise said.fault("number", f"The file is named as version {number}; its number is another.")
    content = _content(type_, body, said)
    base = said.get("base")
    if base is not None and not (is_number(base) and base < number):
        raise said.fault("base", "base is the number of an earlier version.")
    provenance = {name: said.text(name, LONGEST_NAME) for name in ("author", "created_at") if name in said}
    version = FiledVersion(
        file=str(path),
        number=number,
        content=content,
        base=base,
        change_note=said.text("change_note"),
        metadata=_metadata(said),
        provenance=provenance,
    )
    _require_digest(version, said)
    return version


def _of_text(data: bytes, path: Path) -> tuple[Fields, str]:
    """The front matter of a text, and the text: every byte behind the second line of three dashes."""
    opening = _OPENING.match(data)
    if opening is None:
        raise FileFault(str(path), "It begins with a line of three dashes, then names and values.", 1)
    closing = _CLOSING.search(data, opening.end())
    if closing is None:
        raise FileFault(str(path), "The second line of three dashes is missing, behind which the text begins.")
    front = decoded(data[opening.end() : closing.start()], path, first_line=2)
    body = decoded(data[closing.end() :], path, first_line=data.count(b"\n", 0, closing.end()) + 1)
    said = Fields(loaded(front, file=str(path), first_line=2), path)
    said.require_known(layout.VERSION_NAMES)
    return said, body


def _of_chat(data: bytes, path: Path) -> tuple[Fields, Any]:
    said = Fields(loaded(decoded(data, path), file=str(path)), path)
    said.require_known((*layout.VERSION_NAMES, "messages"))
    return said, said.get("messages")


def _content(type_: str, body: Any, said: Fields) -> Content:
    try:
        field = "text" if type_ == TEXT else "messages"
        return content_of(type_, body, said.get("variables"), said.get("config"), field=field)
    except Invalid as refused:
        raise FileFault(str(said.path), shown(refused.message)) from refused


def _require_digest(version: FiledVersion, said: Fields) -> None:
    """A file with a digest is a version that was sealed once; edited, it would be another under an old number."""
    if "digest" in said and said.get("digest") != version.digest:
        how = _how(version.content, str(said.get("digest")))
        raise said.fault("digest", f"The digest is not that of this content. {how}")


def _how(content: Content, digest: str) -> str:
    """What happened to a content since it had this digest, as far as it can be told; and what to do."""
    text = content.body
    if _digest(content, text.replace("\r\n", "\n")) == digest:
        return "Its line ends were changed to CRLF on the way; get the file again without that."
    if text.endswith("\n") and _digest(content, text.removesuffix("\n")) == digest:
        return "An end of line was added at the end of the file; take it away."
    return (
        "A sealed version never changes: to make a new version of it, save it under the next free number"
        " and without its digest."
    )


def _digest(content: Content, text: str) -> str:
    if content.type == CHAT:
        return ""
    return Content(content.type, text, content.variables, content.config).digest


def _metadata(said: Fields) -> dict[str, Any]:
    metadata = said.object("metadata")
    for name in ("author", "reason", "sourceCommit"):
        if not isinstance(metadata.get(name, ""), str):
            raise said.fault("metadata", f"metadata.{name} is a string.")
    return metadata
