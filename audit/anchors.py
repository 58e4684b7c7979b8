"""Checkpoints outside of the database: a file for each tenant, to which lines are only ever added.

A line is a JSON object, `{"checkpoint": <the signed note>}`: the same as in an exported log.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

import orjson
from django.conf import settings


def append(tenant_id: UUID, note: str) -> None:
    """Write a note down and wait until the disk has it. Does nothing where AUDIT_ANCHOR_DIR is not set.

    Raises OSError where it cannot be written.
    """
    if not settings.AUDIT_ANCHOR_DIR:
        return
    path = path_of(Path(settings.AUDIT_ANCHOR_DIR), tenant_id)
    is_new = not path.exists()
    # One write: two sealers at once do not mix their lines. Its first byte ends what a crash may have cut off.
    line = b"\n" + orjson.dumps({"checkpoint": note}) + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError("the disk took a part of it")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        _sync(path.parent)


def read(folder: Path, tenant_id: UUID) -> Iterator[str]:
    """The notes kept of a tenant, oldest first; none where there is no file. A line that is cut off is passed over.

    Raises OSError where the folder cannot be read.
    """
    path = path_of(folder, tenant_id)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no directory.")
    if not path.exists():
        return
    with path.open("rb") as file:
        yield from notes_of(file)


def notes_of(lines: Iterable[bytes]) -> Iterator[str]:
    """The notes in lines like these; others are passed over."""
    for line in lines:
        try:
            kept = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        found = kept.get("checkpoint", kept.get("note")) if isinstance(kept, dict) else None
        if isinstance(found, str):
            yield found


def path_of(folder: Path, tenant_id: UUID) -> Path:
    return folder / f"{tenant_id}.jsonl"


def _sync(folder: Path) -> None:
    """A file that was just made is found again after a crash only when its folder was written too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
