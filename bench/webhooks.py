"""What a delivery costs: one and two workers against a receiver on loopback, beside a bare client that sends the same.

./dev bench webhooks [--deliveries 4000] [--rounds 3] [--threads 32]
"""

import argparse
import cProfile
import multiprocessing
import os
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO

import django
import httpx2
from django.core.management import call_command

os.environ["WEBHOOK_ALLOW_PRIVATE"] = "1"
django.setup()

from django.db import connection, connections

from audit.models import OutboxEvent
from tenants.models import Actor
from tests import factories
from webhooks import worker
from webhooks.actions import endpoints, sending
from webhooks.message import body_of
from webhooks.models import Delivery, WebhookEndpoint
from webhooks.worker import signed

#: Of one tenant; no endpoint may hold all the senders of a worker.
ENDPOINTS = 4
DATA = {"namespace": "default", "name": "support", "type": "text", "said": "What a customer is told. " * 10}
ROWS = 15
HEADINGS = {1: "one worker", 2: "two workers"}


@contextmanager
def receiver() -> Iterator[str]:
    """A receiver in a process of its own, which answers 200 to everything."""
    command = [sys.executable, "-m", "tests.webhooks.receivers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/ok"
        process.kill()


def laid(url: str) -> Actor:
    """A tenant with endpoints there."""
    by = factories.make_actor(factories.make_tenant())
    for number in range(ENDPOINTS):
        endpoints.create_endpoint(f"{url}/{number}", events=["prompt.created"], by=by)
    return by


def told(by: Actor, deliveries: int) -> None:
    """Events that make so many deliveries, fanned out."""
    OutboxEvent.objects.bulk_create(
        OutboxEvent(tenant_id=by.tenant.pk, type="prompt.created", data=DATA) for _ in range(deliveries // ENDPOINTS)
    )
    sending.fan_out()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhooks_delivery")


# ----------------------------------------------------------------------------- both ways
def delivered(by: Actor, deliveries: int, workers: int) -> float:
    """Deliveries a second of so many processes, each doing what a worker does until nothing is due."""
    told(by, deliveries)
    spent = together([worker.deliver_due] * workers)
    assert not Delivery.objects.filter(tenant=by.tenant).exclude(status=Delivery.DELIVERED).exists()
    return deliveries / spent


def posted(by: Actor, deliveries: int, threads: int, processes: int) -> float:
    """The same messages a second from a bare client: no database, and a connection for each, as the worker has it."""
    event = OutboxEvent(tenant_id=by.tenant.pk, type="prompt.created", data=DATA)
    messages = []
    for endpoint in WebhookEndpoint.objects.filter(tenant=by.tenant):
        body = body_of(event, endpoint.kind)
        messages.append((endpoint.url, body, signed(endpoint, event, body)))

    def send(number: int) -> None:
        url, body, headers = messages[number % len(messages)]
        client.post(url, content=body, headers={**headers, "Connection": "close"})

    def send_all() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(send, range(deliveries // processes)))

    with httpx2.Client(trust_env=False) as client:
        return deliveries / together([send_all] * processes)


def together(jobs: list[Callable[[], object]]) -> float:
    """Seconds that it takes until all have ended, each in a process of its own that is there already."""
    connections.close_all()
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(len(jobs) + 1)

    def run(job: Callable[[], object]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        ready.wait()
        job()
        connections.close_all()

    processes = [context.Process(target=run, args=(job,)) for job in jobs]
    for each in processes:
        each.start()
    ready.wait()
    began = time.perf_counter()
    for each in processes:
        each.join()
    if any(each.exitcode for each in processes):
        sys.exit("A process failed.")
    return time.perf_counter() - began


# ----------------------------------------------------------------------------- what is said
def compare(by: Actor, deliveries: int, rounds: int, threads: int) -> None:
    """Both ways in turn, so that what else the machine does falls on both."""
    ours: dict[int, list[float]] = {1: [], 2: []}
    bare: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for processes in HEADINGS:
            ours[processes].append(delivered(by, deliveries, processes))
            bare[processes].append(posted(by, deliveries, threads, processes))
    for processes, heading in HEADINGS.items():
        one, other = statistics.median(ours[processes]), statistics.median(bare[processes])
        print(f"{heading}: {one:,.0f} deliveries/s; a bare client: {other:,.0f} POSTs/s; ratio {one / other:.2f}")


def profiled(by: Actor, deliveries: int) -> str:
    """Where the thread that asks the database spends its time."""
    told(by, deliveries)
    profile = cProfile.Profile()
    profile.runcall(worker.deliver_due)
    table = StringIO()
    pstats.Stats(profile, stream=table).sort_stats("tottime").print_stats(ROWS)
    return "\n".join(line for line in table.getvalue().splitlines() if line.strip())


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench webhooks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--deliveries", type=int, default=4_000, help="of each round")
    parser.add_argument("--rounds", type=int, default=3, help="each both ways")
    parser.add_argument("--threads", type=int, default=worker.SENDERS, help="of each process of the bare client")
    wanted = parser.parse_args()
    call_command("migrate", verbosity=0)
    with receiver() as url:
        by = laid(url)
        delivered(by, 400, 1)
        print(f"the machine's load: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
        compare(by, wanted.deliveries, wanted.rounds, wanted.threads)
        print(profiled(by, wanted.deliveries))


if __name__ == "__main__":
    main()
