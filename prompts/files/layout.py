"""How an export lies on disk: where each file is, what it is called, which names stand in it.

pvc-export.yaml                          which format this is
<namespace>/<prompt>/prompt.yaml         what the prompt says of itself, and its tags
<namespace>/<prompt>/tests.yaml          its test cases, where it has any
<namespace>/<prompt>/v0001.md            a version of a text: front matter, then the text byte for byte
<namespace>/<prompt>/v0001.yaml          a version of a chat: the same, and its messages
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prompts.content import CHAT, TEXT
from prompts.files.disk import MIB

MARKER: Final = "pvc-export.yaml"
FORMAT: Final = "prompts"
FORMAT_VERSION: Final = 1
PROMPT: Final = "prompt.yaml"
CASES: Final = "tests.yaml"
#: The ending says the type.
ENDINGS: Final = {TEXT: ".md", CHAT: ".yaml"}
VERSION: Final = re.compile(r"v([0-9]{4,9})(\.md|\.yaml)")
#: Git would change the ends of lines, and with them the texts, where it is set to.
ATTRIBUTES: Final = (".gitattributes", b"* -text\n")

#: What the API takes in one body, and as many times more as escapes and indentation can make of it.
LARGEST_VERSION: Final = 16 * MIB
LARGEST_PROMPT: Final = 16 * MIB
LARGEST_CASES: Final = 64 * MIB
LARGEST_MARKER: Final = MIB

MARKER_NAMES: Final = ("format", "format_version")
PROMPT_NAMES: Final = (
    "type",
    "name",
    "description",
    "variables_expected",
    "metadata",
    "tier",
    "archived",
    "head",
    "tags",
)
CASES_NAMES: Final = ("cases",)
CASE_NAMES: Final = ("name", "variables", "assertions")
VERSION_NAMES: Final = (
    "number",
    "digest",
    "author",
    "created_at",
    "base",
    "change_note",
    "metadata",
    "variables",
    "config",
)


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one prompt."""

    root: Path
    namespace: str
    slug: str

    @property
    def folder(self) -> Path:
        return self.root / self.namespace / self.slug

    @property
    def prompt(self) -> Path:
        return self.folder / PROMPT

    @property
    def cases(self) -> Path:
        return self.folder / CASES

    def version(self, number: int, type_: str) -> Path:
        return self.folder / f"v{number:04}{ENDINGS[type_]}"
