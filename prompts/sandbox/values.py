"""Variables as given, made plain: what a template sees is only text, numbers, lists and mappings."""

from collections.abc import Mapping
from typing import Any

from prompts.sandbox.budget import RenderLimit
from pvc.errors import Unprocessable

VALUE_DEPTH = 32
VALUES_BYTES = 262_144
LARGEST_INTEGER = 2**53


class InvalidVariable(Unprocessable):
    """A variable's value is nothing that a template can print."""

    code = "INVALID_VARIABLE"


class InvalidPlaceholder(InvalidVariable):
    """A chat placeholder's value is not a list of messages."""


class Conversion:
    """Copies values into plain types and counts about what they would weigh as JSON."""

    def __init__(self) -> None:
        self.bytes_left = VALUES_BYTES

    def variable(self, name: object, value: Any) -> Any:
        return self.plain(value, self.key(name, "the variables"), 1)

    def plain(self, value: Any, name: str, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return self.text(value, name)
        self.take(2)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            if -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
                return value
            raise refused(name, "a whole number beyond 2^53 cannot be sent exactly; give it as text")
        if isinstance(value, str):
            return self.text(str.__str__(value), name)
        if depth > VALUE_DEPTH:
            raise refused(name, f"it is nested more than {VALUE_DEPTH} deep; give it flatter")
        if isinstance(value, list | tuple):
            return [self.plain(item, name, depth + 1) for item in value]
        if isinstance(value, Mapping):
            return {self.key(key, name): self.plain(item, name, depth + 1) for key, item in value.items()}
        raise refused(name, "give text, a number, true, false, null, a list or an object")

    def key(self, key: object, name: str) -> str:
        if isinstance(key, str):
            return self.text(str.__str__(key), name)
        raise refused(name, "every name in an object must be text")

    def text(self, value: str, name: str) -> str:
        try:
            self.take(3 + (len(value) if value.isascii() else len(value.encode())))
        except UnicodeEncodeError:
            raise refused(name, "it has half of a surrogate pair, which cannot be sent as UTF-8") from None
        if "\0" in value:
            raise refused(name, "it has a NUL character")
        return value

    def take(self, size: int) -> None:
        self.bytes_left -= size
        if self.bytes_left < 0:
            message = f"The variables are larger than {VALUES_BYTES // 1024} KiB together: give less text."
            raise RenderLimit(message, limit="variables", maximum=VALUES_BYTES)


def refused(name: str, why: str) -> InvalidVariable:
    shown = name[:100].encode(errors="replace").decode()
    return InvalidVariable(f"The variable `{shown}` cannot be used: {why}.", variable=shown)
