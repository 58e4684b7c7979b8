"""What files say of a prompt, whatever their format. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeGuard

from prompts.content import Content
from pvc.crypto import canonical_json, sha256_hex

#: Under this name a version that came out of files keeps who wrote it first, and when: information, no identity.
IMPORTED: Final = "imported"
PROVENANCE: Final = ("author", "created_at")


@dataclass(frozen=True)
class FiledVersion:
    """One sealed version: its number among these files, and what it holds."""

    file: str
    number: int
    content: Content
    #: The number of the version that it started from, which a merge goes back to.
    base: int | None = None
    change_note: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    #: Who wrote it, and when, as the file says.
    provenance: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """That of its content, computed once."""
        return self.content.digest

    @property
    def kept_metadata(self) -> dict[str, Any]:
        """The metadata that a version made of it has."""
        if self.provenance and IMPORTED not in self.metadata:
            return {**self.metadata, IMPORTED: dict(self.provenance)}
        return dict(self.metadata)


@dataclass(frozen=True)
class FiledCase:
    """One test case: values for the variables, and what is asserted of the text that they give."""

    name: str
    variables: Mapping[str, Any]
    assertions: Sequence[Mapping[str, Any]]

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the RFC 8785 bytes of {assertions, name, variables}."""
        held = {"name": self.name, "variables": self.variables, "assertions": list(self.assertions)}
        return sha256_hex(canonical_json(held))


@dataclass(frozen=True, slots=True)
class FiledPrompt:
    """One prompt with its versions, by rising number."""

    file: str
    namespace: str
    slug: str
    type: str
    versions: tuple[FiledVersion, ...]
    #: What the prompt says of itself: name, description, metadata, variables_expected. What is left out stays as it is.
    described: Mapping[str, Any] = field(default_factory=dict)
    #: The name of its budget tier in its namespace.
    tier: str | None = None
    #: Where each tag points, by the version's number in the files.
    tags: Mapping[str, int] = field(default_factory=dict)
    #: The number of the version that the prompt itself shows.
    head: int | None = None
    archived: bool = False
    #: Its test cases; those that are there and not among these stay.
    cases: tuple[FiledCase, ...] = ()
    #: Its name in another tool's file, where that is no name here.
    formerly: str = ""
    #: Sentences about what another tool's file says and this server has no place for.
    notes: tuple[str, ...] = ()
    #: Out of another tool's file: what that says of a prompt counts when the prompt is made, and its labels where the
    #: namespace has such a tag.
    is_foreign: bool = False

    @property
    def name(self) -> str:
        return f"{self.namespace}:{self.slug}"

    def digest_of(self, number: int) -> str:
        """What the version of this number, of which there is one, holds."""
        return next(version.digest for version in self.versions if version.number == number)


def first_written(metadata: Mapping[str, Any], *, author: str, created_at: str) -> dict[str, str]:
    """Who wrote a version, and when: whoever imported it later was not its author."""
    kept = metadata.get(IMPORTED)
    return dict(kept) if _is_provenance(kept) else {"author": author, "created_at": created_at}


def own_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A version's metadata as it was before it came out of files."""
    return {name: each for name, each in metadata.items() if name != IMPORTED or not _is_provenance(each)}


def _is_provenance(value: Any) -> TypeGuard[dict[str, str]]:
    return (
        isinstance(value, dict)
        and 0 < len(value) <= len(PROVENANCE)
        and value.keys() <= set(PROVENANCE)
        and all(isinstance(each, str) for each in value.values())
    )
