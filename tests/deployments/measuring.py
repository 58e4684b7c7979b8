"""What is sent to be measured in tests, and what the database then holds."""

import datetime as dt
from typing import Any

from django.db import connection
from django.http import HttpResponse

from tests.factories import Client

#: Whatever an ingest writes.
TABLES = ("deployments_metric", "deployments_metricrollup", "deployments_exposure", "deployments_metricday")


def item(version: str, value: Any = 1.0, **fields: Any) -> dict[str, Any]:
    """A latency of a version in milliseconds; a field given as None is left out."""
    present = {"versionId": version, "type": "latency", "name": "total", "value": value, "unit": "ms", **fields}
    return {name: sent for name, sent in present.items() if sent is not None}


def ingest(client: Client, *items: Any, **headers: str) -> HttpResponse:
    return client.post("/metrics/ingest", {"metrics": [*items]}, **headers)


def ingested(client: Client, *items: Any) -> None:
    """The same by the thousand, and all of it taken."""
    for first in range(0, len(items), 1000):
        answer = ingest(client, *items[first : first + 1000])
        assert answer.status_code == 201, answer.content


def at(moment: dt.datetime) -> str:
    return moment.isoformat()


def counts() -> list[int]:
    """How many rows there are in each table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES))  # noqa: S608
        return [*cursor.fetchone()]
