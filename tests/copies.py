"""A Python that has read the libraries, and answers each question in a copy of itself that has read nothing of ours.

Started as a program it reads questions from its standard input: lines of JSON, each with code and an environment.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
#: What a start takes longest to read. None of it reads the environment.
LIBRARIES = ("django.core.exceptions", "environ.fileaware_mapping", "structlog")


class Copies:
    """The asking side: `python` runs code as a start of its own would, warnings being errors."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "error", str(Path(__file__).resolve())]
        environment = {"PATH": os.environ["PATH"]}
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def end(self) -> None:
        self._process.communicate()

    def python(self, code: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """Run code with this environment and no other."""
        pipes = self._process
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        pipes.stdin.write(json.dumps([code, dict(environment)]) + "\n")
        pipes.stdin.flush()
        status, said, complained = json.loads(pipes.stdout.readline())
        return subprocess.CompletedProcess([code], status, said, complained)


@functools.cache
def asked() -> Copies:
    """The one of this process, begun when it is first asked."""
    copies = Copies()
    atexit.register(copies.end)
    return copies


def _answer(code: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """The exit code of a copy, and what it wrote."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        copy = os.fork()
        if copy == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(complained.fileno(), 2)
            _run(code, environment)
        _, status = os.waitpid(copy, 0)
        texts = []
        for file in (said, complained):
            file.seek(0)
            texts.append(file.read().decode())
    return os.waitstatus_to_exitcode(status), texts[0], texts[1]


def _run(code: str, environment: dict[str, str]) -> None:
    """In the copy: what `python -c` does; the copy ends with it."""
    os.environ.clear()
    os.environ.update(environment)
    status = 0
    try:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102  # the test's own code
    except BaseException:  # noqa: BLE001  # told, as Python tells it
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    sys.path[0] = str(REPOSITORY)
    for library in LIBRARIES:
        __import__(library)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(*json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
