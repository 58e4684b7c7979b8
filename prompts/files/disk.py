"""Files of a directory somebody else may have filled: read from inside it alone, and replaced whole."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prompts.files.faults import FileFault

MIB: Final = 1024 * 1024


def read_text(root: Path, path: Path, *, most: int) -> str:
    """A file's text. Raises FileFault, with the line of what is not UTF-8."""
    return decoded(read_bytes(root, path, most=most), path)


def decoded(data: bytes, path: Path | str, *, first_line: int = 1) -> str:
    """UTF-8 as text. Raises FileFault naming the line, counted from `first_line`."""
    if (nul := data.find(b"\0")) >= 0:
        raise FileFault(str(path), "A text contains a NUL character.", data.count(b"\n", 0, nul) + first_line)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + first_line
        raise FileFault(str(path), "This is not UTF-8.", line) from error


def read_bytes(root: Path, path: Path, *, most: int) -> bytes:
    """The bytes of a regular file below `root`, at most so many. Raises FileFault.

    `root` is a resolved path; a link is followed only to what lies below it too.
    """
    try:
        # A pipe would keep us waiting for its writer.
        descriptor = os.open(inside(root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data = _read(descriptor, most + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileFault(str(path), f"It cannot be read: {error.strerror}.") from error
    if data is None:
        raise FileFault(str(path), "This is no file.")
    if len(data) > most:
        raise FileFault(str(path), f"It is larger than {most // MIB} MiB, the most that is read.")
    return data


def _read(descriptor: int, most: int) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(most)


def inside(root: Path, path: Path) -> Path:
    """Where a path leads, links followed. Raises FileFault where that is not below `root`, and OSError."""
    try:
        real = path.resolve(strict=True)
    except (RuntimeError, ValueError) as error:
        raise FileFault(str(path), "This leads nowhere.") from error
    if not real.is_relative_to(root):
        raise FileFault(str(path), "This leads out of the directory.")
    return real


def entries(root: Path, folder: Path) -> Iterator[tuple[str, bool]]:
    """The names in a folder below `root`, in order, and whether each is a folder. Hidden ones are left out."""
    try:
        with os.scandir(inside(root, folder)) as found:
            names = sorted((each.name, _is_folder(each)) for each in found if not each.name.startswith("."))
    except OSError as error:
        raise FileFault(str(folder), f"It cannot be read: {error.strerror}.") from error
    yield from names


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


# ----------------------------------------------------------------------------- writing
def make_folder(path: Path) -> None:
    """A folder of our own making: one that is a link may lead anywhere. Raises FileFault."""
    try:
        if path.is_symlink():
            raise FileFault(str(path), "This is a link, and an export writes through none.")
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileFault(str(path), f"It cannot be made: {error.strerror}.") from error


def replace(path: Path, data: bytes) -> None:
    """Put the whole new file in the place of the old one, or leave the old one. Raises FileFault."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with fresh.open("xb") as file:
            file.write(data)
        fresh.replace(path)
    except OSError as error:
        raise FileFault(str(path), f"It cannot be written: {error.strerror}.") from error
