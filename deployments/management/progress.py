"""How far a long command has come, for whoever watches it in a terminal."""

import time
from typing import Final, Self

from django.core.management.base import OutputWrapper

WIDTH: Final = 30
#: Seconds between two drawings.
EVERY: Final = 0.1


class Progress:
    """A bar on a terminal; nothing at all where nobody watches."""

    def __init__(self, stream: OutputWrapper, total: int, what: str) -> None:
        self.stream = stream if stream.isatty() else None
        self.total = total
        self.what = what
        self.done = 0
        self.drawn_at = 0.0

    def step(self) -> None:
        """One more is done."""
        self.done += 1
        if self.stream and time.monotonic() - self.drawn_at >= EVERY:
            self.drawn_at = time.monotonic()
            filled = WIDTH * self.done // max(self.total, self.done)
            bar = "█" * filled + "░" * (WIDTH - filled)
            self._draw(f"\r{bar} {self.done:,} of {self.total:,} {self.what}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._draw("\r\x1b[2K")

    def _draw(self, text: str) -> None:
        if self.stream:
            self.stream.write(text, ending="")
            self.stream.flush()
