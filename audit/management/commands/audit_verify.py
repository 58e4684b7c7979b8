"""`manage.py audit_verify --tenant acme --anchor-dir /srv/anchors`: exit 0 whole, 1 tampered with, 2 not to be told."""

import multiprocessing
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db import DatabaseError, connections

from audit import anchors
from audit.entries import Part, check_entries
from audit.verify import Receipt, verify
from pvc.commands import ActionCommand, tenant_named
from tenants.models import Tenant

#: Fewer entries than this are not worth another process.
WORTH_A_PROCESS = 20_000


class Command(ActionCommand):
    help = (
        "Verify audit logs: every entry, the chain, the tree, the signed checkpoints in the database and those kept "
        "outside. Exit code 0: whole; 1: tampered with; 2: it cannot be told."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", metavar="SLUG", help="one tenant's log; without it, that of each tenant")
        parser.add_argument("--full", action="store_true", help="read everything again, not only what was added")
        parser.add_argument(
            "--anchor-dir", type=Path, metavar="PATH", help="the checkpoints kept outside of the database"
        )
        parser.add_argument(
            "--checkpoint", type=Path, action="append", default=[], metavar="FILE", help="a signed note that you kept"
        )
        parser.add_argument(
            "--receipt", type=_receipt, action="append", default=[], metavar="SEQ:HASH", help="what an answer carried"
        )
        parser.add_argument("--processes", type=int, default=2, metavar="N", help="for a long log; 2 if not said")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        tenants = [tenant_named(options["tenant"])] if options["tenant"] else list(Tenant.objects.order_by("slug"))
        if (options["checkpoint"] or options["receipt"]) and not options["tenant"]:
            raise CommandError("A checkpoint or a receipt is of one tenant's log: say --tenant.", returncode=2)
        try:
            return {tenant.slug: self._verified(tenant, options) for tenant in tenants}
        except (OSError, DatabaseError, BrokenExecutor) as error:
            raise CommandError(f"It cannot be told: {str(error).strip()}", returncode=2) from error

    def handle(self, *args: Any, **options: Any) -> None:
        found: list[dict[str, Any]] = []
        self._found = found
        try:
            super().handle(*args, **options)
        except CommandError as error:
            error.returncode = 2
            raise
        if not all(each["ok"] for each in found):
            raise SystemExit(1)

    def _verified(self, tenant: Tenant, options: dict[str, Any]) -> dict[str, Any]:
        report = verify(
            tenant.pk,
            full=options["full"],
            checkpoints=[note for path in options["checkpoint"] for note in _notes_in(path)],
            anchored=anchors.read(options["anchor_dir"], tenant.pk) if options["anchor_dir"] else [],
            receipts=options["receipt"],
            read=partial(_in_processes, max(1, options["processes"])),
        ).as_dict()
        self._found.append(report)
        return report

    def tell(self, result: dict[str, dict[str, Any]]) -> str:
        return "\n".join(line for slug, report in result.items() for line in _told(slug, report))


def _told(slug: str, report: dict[str, Any]) -> Iterator[str]:
    sealed = f", {report['checkpoint']['size']:,} of them sealed" if report["checkpoint"] else ""
    verdict = "whole" if report["ok"] else "TAMPERED WITH"
    yield f"{slug}: {verdict}. {report['total_entries']:,} entries{sealed}; {report['duration_ms'] / 1000:.2f} s."
    for each in report["tampered_entries"]:
        yield f"  {each['seq']:>8} {each['reason']:<10} {each['message']}"
    if report["missing"]:
        yield f"  missing: {', '.join(map(str, report['missing'][:20]))}{' …' if len(report['missing']) > 20 else ''}"
    if report["truncated"]:
        yield f"  cut off: {report['expected_size']:,} entries were told of."


# ----------------------------------------------------------------------------- reading
def _in_processes(processes: int, tenant_id: UUID, first: int, last: int, before: bytes | None) -> Part:
    """Check the entries in several processes, each a stretch of them."""
    several = min(processes, (last - first + 1) // WORTH_A_PROCESS)
    if several < 2:
        return check_entries(tenant_id, first, last, before)
    bounds = [first + (last - first + 1) * each // several for each in range(several + 1)]
    connections.close_all()  # a connection is not shared with a child
    with ProcessPoolExecutor(several, mp_context=multiprocessing.get_context("fork")) as pool:
        wanted = [(tenant_id, start, end - 1, before if start == first else None) for start, end in pairwise(bounds)]
        parts = pool.map(_stretch, wanted)
        return Part.joined(list(parts))


def _stretch(wanted: tuple[UUID, int, int, bytes | None]) -> Part:
    try:
        return check_entries(*wanted)
    finally:
        connections.close_all()


def _notes_in(path: Path) -> list[str]:
    """A note, the answer that handed it out, or a JSON object a line, as anchors and exported logs have them.

    Raises CommandError for a file without any.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is no text in UTF-8.") from error
    if not text.lstrip().startswith("{"):
        return [text]
    found = list(anchors.notes_of([text.encode()])) or list(anchors.notes_of(text.encode().splitlines()))
    if not found:
        raise CommandError(f"No checkpoint stands in {path}.")
    return found


def _receipt(text: str) -> Receipt:
    found = re.fullmatch(r"([1-9][0-9]{0,15}):([0-9a-f]{64})", text)
    if found is None:
        raise ArgumentTypeError("a receipt is SEQ:HASH, as X-Audit-Seq and X-Audit-Hash had them")
    return Receipt(int(found[1]), bytes.fromhex(found[2]))
