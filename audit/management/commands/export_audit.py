"""`manage.py export_audit --tenant acme log.jsonl`: a log to be verified elsewhere, by tools/pvc_verify.py."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from audit import export
from pvc.commands import ActionCommand, tenant_named

#: How often progress is told, in lines.
EVERY = 10_000


class Command(ActionCommand):
    help = (
        "Write a tenant's audit log to a file, with its checkpoints, one JSON object a line. tools/pvc_verify.py "
        "verifies it without this server."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("file", type=Path, help="what it is written to; it must not exist yet")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        tenant, path = tenant_named(options["tenant"]), options["file"]
        size = export.size_of(tenant.pk)
        written = 0
        try:
            with path.open("xb") as file:
                for line in export.lines(tenant.pk):
                    file.write(line)
                    written += 1
                    if written % EVERY == 0 and sys.stderr.isatty():
                        self.stderr.write(f"{written:,} of {size:,}", ending="\r")
        except FileExistsError as error:
            raise CommandError(f"{path} exists already.") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        return {"tenant": tenant.slug, "file": str(path), "lines": written, "entries": size}

    def tell(self, result: dict[str, Any]) -> str:
        return f"{result['entries']:,} entries of {result['tenant']} are in {result['file']}."
