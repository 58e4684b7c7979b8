"""What the audit log costs: appends by eight writers with and without the chain, and how long verification takes.

./dev bench audit [--seconds 5] [--rounds 4] [--entries 1000000]
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.sharedctypes import Synchronized
from uuid import uuid4

import django
from django.core.management import call_command

django.setup()
os.environ["GENERATION_LEASE"] = "0"

from django.db import connections, transaction
from django.utils import timezone

from audit.models import AuditEntry
from audit.unit import record, verb
from prompts.models import Namespace
from tenants.models import Actor, Tenant
from tests import factories
from tests.audit.filling import fill

WRITERS = 8
CHANGES = {"name": "Support", "description": "What the support team's assistant says."}


@verb
def chained(namespace: Namespace, *, by: Actor) -> None:
    """One unit with one entry, as every write of the product has it."""
    record("namespace.updated", namespace, by=by, changes=CHANGES)


def unchained(namespace: Namespace, *, by: Actor) -> None:
    """The same row in a transaction of its own: no head, no hash, no mac, and a number nobody else has."""
    with transaction.atomic(durable=True):
        AuditEntry.objects.create(
            tenant_id=by.tenant.pk,
            seq=-(uuid4().int >> 66),
            at=timezone.now(),
            actor=by.name,
            via=by.via,
            verb="namespace.updated",
            target=str(namespace.pk),
            data={"changes": CHANGES},
            canonical=bytes(300),
            prev_hash=bytes(32),
            entry_hash=bytes(32),
            mac=bytes(32),
        )


def appends_a_second(tenant: Tenant, append: Callable[..., None], seconds: float) -> float:
    """How many appends eight processes get done together in a second, all to one tenant's log."""
    namespace = Namespace.objects.get(tenant=tenant, slug="default")
    connections.close_all()
    context = multiprocessing.get_context("fork")
    total = context.Value("q", 0)
    ready = context.Barrier(WRITERS)

    def write(total: "Synchronized[int]") -> None:
        by, done = Actor.command(tenant), 0
        append(namespace, by=by)
        ready.wait()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            append(namespace, by=by)
            done += 1
        with total.get_lock():
            total.value += done
        connections.close_all()

    writers = [context.Process(target=write, args=(total,)) for _ in range(WRITERS)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    if any(each.exitcode for each in writers):
        sys.exit("A writer failed.")
    return float(total.value / seconds)


def compare_appends(seconds: float, rounds: int) -> None:
    """Both ways in turn, so that what else the machine does falls on both."""
    tenants = [factories.make_tenant(), factories.make_tenant()]
    rates: tuple[list[float], list[float]] = [], []
    for _ in range(rounds):
        for tenant, append, into in zip(tenants, (chained, unchained), rates, strict=True):
            into.append(appends_a_second(tenant, append, seconds))
    chain, plain = map(statistics.median, rates)
    print(
        f"appends, {WRITERS} writers, one tenant: {chain:,.0f}/s; a bare row in a transaction: {plain:,.0f}/s", end=""
    )
    print(f"; ratio {chain / plain:.2f}", flush=True)


def time_verification(entries: int) -> None:
    """A whole log by the command, in two processes; then what was added to it."""
    tenant = factories.make_tenant()
    for _ in range(10):
        fill(tenant, entries // 10)
        print(".", end="", file=sys.stderr, flush=True)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE audit_auditentry")
    connections.close_all()
    print(f"\n{entries:,} entries, verified whole: {_verified(tenant, '--full')}", flush=True)
    fill(tenant, 1_000)
    print(f"1,000 more, verified: {_verified(tenant)}", flush=True)


def _verified(tenant: Tenant, *arguments: str) -> str:
    command = [sys.executable, "manage.py", "audit_verify", "--tenant", tenant.slug, *arguments]
    began = time.monotonic()
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return f"{said} ({time.monotonic() - began:.2f} s with the start of Python)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench audit", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5, help="of each round of appends")
    parser.add_argument("--rounds", type=int, default=4, help="of appends, each both ways; 0 leaves them out")
    parser.add_argument("--entries", type=int, default=1_000_000, help="that are verified; 0 leaves this out")
    wanted = parser.parse_args()
    call_command("migrate", verbosity=0)
    if wanted.rounds:
        compare_appends(wanted.seconds, wanted.rounds)
    if wanted.entries:
        time_verification(wanted.entries)


if __name__ == "__main__":
    main()
