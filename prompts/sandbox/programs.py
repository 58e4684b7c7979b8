"""Compiled prompts, kept in memory while they are used: bounded in number and in size, shared by all threads."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

ENTRIES = 2_000
#: Of all kept programs together, about.
BYTES = 64 * 1_048_576
NODE_BYTES = 200


class Part(NamedTuple):
    """A message of a chat, or a whole text: a template with its role, or a placeholder's name."""

    role: Any
    template: Any
    placeholder: str | None


@dataclass(frozen=True, slots=True)
class Program:
    """A body that was checked and compiled."""

    body: Any
    analysis: Any
    names: frozenset[str]
    parts: tuple[Part, ...]
    nodes: int

    @property
    def weight(self) -> int:
        """About the bytes it takes: its text, once as it is and once in the code, and the code."""
        texts = [self.body] if isinstance(self.body, str) else [message.get("content", "") for message in self.body]
        return NODE_BYTES * self.nodes + 2 * sum(map(len, texts))


class Programs:
    """The last used programs, by the caller's key or by the body itself."""

    def __init__(self, make: Callable[[Any], Program]) -> None:
        self._make = make
        self._kept: OrderedDict[Hashable, Program] = OrderedDict()
        self._weight = 0
        self._lock = Lock()

    def get(self, body: Any, key: Hashable | None) -> Program:
        if key is None:
            key = body if isinstance(body, str) else repr(body)
        with self._lock:
            program = self._kept.get(key)
            if program is not None and program.body == body:
                self._kept.move_to_end(key)
                return program
        program = self._make(body if isinstance(body, str) else [dict(message) for message in body])
        self._keep(key, program)
        return program

    def _keep(self, key: Hashable, program: Program) -> None:
        with self._lock:
            replaced = self._kept.pop(key, None)
            self._kept[key] = program
            self._weight += program.weight - (replaced.weight if replaced else 0)
            while len(self._kept) > ENTRIES or self._weight > BYTES:
                self._weight -= self._kept.popitem(last=False)[1].weight
