"""What ingest costs over HTTP, beside a list serializer with bulk_create that leaves the same rows and hours.

./dev bench ingest [--rounds 5] [--seconds 3] [--clients 4]
"""

import argparse
import http.client
import os
import random
import statistics
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import django
import orjson
from django.core.management import call_command
from django.utils import timezone

django.setup()

from deployments.models import Metric
from prompts.models import Namespace
from tests import factories
from tests.live import serving

VERSIONS = 10
SIZES = (1_000, 100)
KINDS = (("latency", "answer", "ms"), ("cost", "answer", "USD"), ("quality", "thumbs up", "share"))
BODIES = 8
ROUTES = {"ours": "/api/v1/metrics/ingest", "peer": "/api/v1/peer/ingest"}


def laid() -> tuple[str, list[str]]:
    """A key of a tenant, and versions of a prompt of it."""
    tenant = factories.make_tenant()
    by = factories.make_actor(tenant)
    key = factories.make_key(by.author).text
    prompt = factories.make_prompt(Namespace.objects.get(tenant=tenant, slug="default"), by=by)
    versions = [factories.make_version(prompt, by=by) for _ in range(VERSIONS)]
    return key, [str(each.pk) for each in versions]


def batch(versions: list[str], size: int, chance: random.Random) -> bytes:
    """A body as services send it: each item of some version and kind, half of them with dimensions."""
    now = timezone.now()
    items = []
    for number in range(size):
        type_, name, unit = KINDS[number % len(KINDS)]
        value = chance.random() if type_ == "quality" else chance.lognormvariate(5, 0.5)
        item = {"versionId": chance.choice(versions), "type": type_, "name": name, "value": value, "unit": unit}
        items.append(item | {"timestamp": now} | ({"dimensions": {"model": "large"}} if number % 2 else {}))
    return orjson.dumps({"metrics": items})


class Clients:
    """Threads that send, each on a connection of its own that is kept open."""

    def __init__(self, address: str, key: str, count: int) -> None:
        self.netloc = urlsplit(address).netloc
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.count = count

    def rate(self, route: str, bodies: list[bytes], seconds: float) -> float:
        """Calls a second, all answered with 201."""
        done: list[int] = []
        until = time.perf_counter() + seconds
        threads = [threading.Thread(target=self._send, args=(route, bodies, until, done)) for _ in range(self.count)]
        began = time.perf_counter()
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return sum(done) / (time.perf_counter() - began)

    def _send(self, route: str, bodies: list[bytes], until: float, done: list[int]) -> None:
        connection = http.client.HTTPConnection(self.netloc, timeout=60)
        count = 0
        while time.perf_counter() < until:
            connection.request("POST", route, bodies[count % len(bodies)], self.headers)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 201, text[:500]
            count += 1
        connection.close()
        done.append(count)


def compare(send: Callable[[str, list[bytes], float], float], bodies: list[bytes], rounds: int, seconds: float) -> str:
    """Both in turn, so that what else the machine does falls on both."""
    rates: dict[str, list[float]] = {name: [] for name in ROUTES}
    for _ in range(rounds):
        for name, route in ROUTES.items():
            rates[name].append(send(route, bodies, seconds))
    ours, peer = statistics.median(rates["ours"]), statistics.median(rates["peer"])
    each = [one / other for one, other in zip(rates["ours"], rates["peer"], strict=True)]
    return f"{ours:,.1f} calls/s; the peer {peer:,.1f}; ratio {ours / peer:.2f} ({min(each):.2f} to {max(each):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench ingest", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="each both ways")
    parser.add_argument("--seconds", type=float, default=3, help="of each round")
    parser.add_argument("--clients", type=int, default=4, help="at the same time")
    wanted = parser.parse_args()
    call_command("migrate", verbosity=0)
    key, versions = laid()
    chance = random.Random(10)  # noqa: S311
    environment = {"DJANGO_SETTINGS_MODULE": "bench._peer_settings", "RATE_LIMIT_HOT": "0", "LOG_LEVEL": "error"}
    with serving(environment=environment) as address:
        clients = Clients(address, key, wanted.clients)
        for size in SIZES:
            bodies = [batch(versions, size, chance) for _ in range(BODIES)]
            for route in ROUTES.values():
                clients.rate(route, bodies, 1)
            print(f"the machine's load: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
            print(f"{size:,} items a call: {compare(clients.rate, bodies, wanted.rounds, wanted.seconds)}", flush=True)
    print(f"rows taken in: {Metric.objects.count():,}")


if __name__ == "__main__":
    main()
