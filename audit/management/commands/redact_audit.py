"""`manage.py redact_audit --tenant acme --as ada --reason "erasure request 17" 41 42`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import connections

from audit import redaction
from pvc.commands import ActionCommand, actor_for, tenant_named

REASON_CHARACTERS = 10


class Command(ActionCommand):
    help = (
        "Take out what entries of the audit log say. Their hashes stay, so the log still verifies, and an entry tells "
        "who did it and why. It cannot be undone, and needs the database's owner (MIGRATE_DATABASE_URL)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--as", dest="username", required=True, metavar="USERNAME", help="who does this")
        parser.add_argument("--reason", required=True, help=f"{REASON_CHARACTERS} characters or more")
        parser.add_argument("seq", type=int, nargs="+", help="the numbers of the entries")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        by = actor_for(tenant_named(options["tenant"]), options["username"])
        if not by.may("admin"):
            raise CommandError(f"{by.name} does not hold admin.")
        if len(options["reason"].strip()) < REASON_CHARACTERS:
            raise CommandError(f"Say why, in {REASON_CHARACTERS} characters or more.")
        if "owner" not in connections:
            raise CommandError("This takes the owner of the tables: set MIGRATE_DATABASE_URL.")
        redaction.tell(options["seq"], reason=options["reason"], by=by)
        return {"tenant": by.tenant.slug, "redacted": redaction.take_out(by.tenant, options["seq"])}

    def tell(self, result: dict[str, Any]) -> str:
        return f"{result['redacted']} entries of {result['tenant']} say nothing any more."
