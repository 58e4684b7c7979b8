"""The names and values of one document, asked for by kind. Pure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from prompts.files.faults import FileFault, shown
from prompts.files.plain_yaml import Document


class Fields:
    """What a document says, each name asked for with the kind of value that it has to have."""

    def __init__(self, document: Document, path: Path) -> None:
        self.path = path
        self.lines = document.lines
        value = {} if document.value is None else document.value
        if not isinstance(value, dict):
            raise FileFault(str(path), "An object is expected: names with their values.")
        self.values: Mapping[str, Any] = value

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def fault(self, name: str, sentence: str) -> FileFault:
        return FileFault(str(self.path), sentence, self.lines.get(name))

    def require_known(self, known: Sequence[str]) -> None:
        for name in self.values:
            if name not in known:
                raise self.fault(name, f"“{shown(name)}” is unknown; there are {', '.join(known)}.")

    def text(self, name: str, most: int | None = None) -> str:
        value = self.get(name, "")
        if not isinstance(value, str):
            raise self.fault(name, f"{name} is a text; put it in quotes.")
        if most is not None and len(value) > most:
            raise self.fault(name, f"{name} has {len(value):,} characters; up to {most} are taken.")
        return value

    def object(self, name: str) -> dict[str, Any]:
        value = self.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.fault(name, f"{name} is an object: names with their values.")
        return value

    def flag(self, name: str) -> bool:
        value = self.get(name, False)
        if not isinstance(value, bool):
            raise self.fault(name, f"{name} is true or false.")
        return value


def is_number(value: Any) -> TypeGuard[int]:
    """A whole number from 1, as versions have."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
