"""What is wrong with a file, in a sentence that begins with its name and line. Pure."""

import re
from typing import Final

from pvc.errors import Invalid

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
LONGEST_SHOWN: Final = 300


class FileFault(Invalid):
    """A file cannot be taken as it is. `file` is its name as messages show it."""

    def __init__(self, file: str, sentence: str, line: int | None = None) -> None:
        self.file = shown(file)
        super().__init__(f"{self.file}:{line}: {sentence}" if line else f"{self.file}: {sentence}")


def shown(text: str) -> str:
    """A name or value of somebody else's making, fit to be printed: one line, of bounded length."""
    plain = _UNPRINTABLE.sub("\ufffd", text)
    return plain if len(plain) <= LONGEST_SHOWN else f"{plain[:LONGEST_SHOWN]}…"
