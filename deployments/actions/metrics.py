"""The one verb on metrics: what was measured comes in, as rows and as hours, all of it or nothing.

It leaves no audit entry. Hours are written in the order of their keys, so that no two calls stand in each other's way.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import orjson
from django.db import connection
from django.utils import timezone
from psycopg.types.json import Jsonb

from audit.unit import verb
from deployments import attribution
from deployments.attribution import Place
from deployments.items import MOST_FAULTS, TYPE_OF, Item
from deployments.models.metrics import EXPOSURE, FIRST, MET
from pvc.errors import Invalid
from pvc.ids import new_id
from tenants.models import Actor

#: How old an item may be, and how far ahead its clock.
OLDEST: Final = dt.timedelta(days=30)
FURTHEST_AHEAD: Final = dt.timedelta(minutes=5)
_HOUR: Final = 3600


class Key(NamedTuple):
    """What an hour is counted under; in this order they are written."""

    subject_id: UUID
    hour: int  # since 1970
    type: str
    name: str
    prompt_id: UUID
    #: A variant's hours have no sketch.
    is_sketched: bool


@dataclass(slots=True)
class Sums:
    """What is known of one hour."""

    unit: str = ""
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    least: float = math.inf
    greatest: float = -math.inf

    def add(self, value: float, unit: str) -> None:
        self.unit = unit
        self.count += 1
        self.total += value
        self.squares += value * value
        if value < self.least:
            self.least = value
        if value > self.greatest:
            self.greatest = value

    def join(self, other: "Sums") -> None:
        self.unit = other.unit
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        self.least = min(self.least, other.least)
        self.greatest = max(self.greatest, other.greatest)


Hours = dict[Key, Sums]


@verb
def ingest(items: Sequence[Item], *, by: Actor) -> int:
    """Take in what was measured, all of it or nothing; returns how much it was.

    Raises Invalid, which names by index what is too old, ahead of its time, or of a version that is not there.
    """
    now = timezone.now()
    _require_in_time(items, now)
    places = attribution.places_of(items, by.tenant.pk)
    moments = [item.timestamp or now for item in items]
    _copy(by.tenant.pk, items, places, moments)
    hours = _hours(items, places, moments)
    _meet(by.tenant.pk, items, places, moments, hours)
    _upsert(by.tenant.pk, hours)
    return len(items)


def _require_in_time(items: Sequence[Item], now: dt.datetime) -> None:
    oldest, latest = now - OLDEST, now + FURTHEST_AHEAD
    wrong = [n for n, item in enumerate(items) if item.timestamp and not oldest <= item.timestamp <= latest]
    if wrong:
        told = ["Use a time from 30 days ago to 5 minutes ahead."]
        raise Invalid.fields({f"metrics[{index}].timestamp": told for index in wrong[:MOST_FAULTS]})


# ----------------------------------------------------------------------------- rows
_COPY = (
    "COPY deployments_metric"
    " (at, id, tenant_id, prompt_id, version_id, variant_id, type, name, value, unit, dimensions)"
    " FROM STDIN (FORMAT BINARY)"
)
_KINDS = ["timestamptz", *["uuid"] * 5, "varchar", "varchar", "float8", "varchar", "jsonb"]


def _copy(tenant_id: UUID, items: Sequence[Item], places: Sequence[Place], moments: Sequence[dt.datetime]) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_KINDS)
        for item, (prompt_id, version_id, variant_id), at in zip(items, places, moments, strict=True):
            dimensions = Jsonb(item.dimensions, orjson.dumps) if item.dimensions else None
            type_ = TYPE_OF[type(item)]
            copy.write_row(
                (
                    *(at, new_id(), tenant_id, prompt_id, version_id, variant_id),
                    *(type_, item.name, item.value, item.unit, dimensions),
                )
            )


# ----------------------------------------------------------------------------- hours
def _hours(items: Sequence[Item], places: Sequence[Place], moments: Sequence[dt.datetime]) -> Hours:
    """Every item counts under its version, under the version's prompt, and under the variant that served it."""
    # By the place itself, of which there is one for all its items: hashing its ids would cost more than all the rest.
    measured: dict[tuple[int, int, str, str], tuple[Place, Sums]] = {}
    for item, place, at in zip(items, places, moments, strict=True):
        key = (id(place), int(at.timestamp()) // _HOUR, TYPE_OF[type(item)], item.name)
        if key not in measured:
            measured[key] = (place, Sums())
        measured[key][1].add(item.value, item.unit)
    hours: Hours = {}
    for (_, hour, type_, name), (place, sums) in measured.items():
        for subject_id in place:
            if subject_id is not None:
                key_ = Key(subject_id, hour, type_, name, place.prompt_id, subject_id != place.variant_id)
                hours.setdefault(key_, Sums()).join(sums)
    return hours


def _upsert(tenant_id: UUID, hours: Hours) -> None:
    rows = [
        {
            **key._asdict(),
            "unit": sums.unit,
            "count": sums.count,
            "total": sums.total,
            "squares": sums.squares,
            "least": sums.least,
            "greatest": sums.greatest,
        }
        for key, sums in hours.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deployments_metricrollup AS kept
                (tenant_id, prompt_id, subject_id, hour, type, name, is_stale,
                    unit, count, total, squares, least, greatest)
            SELECT %s, prompt_id, subject_id, to_timestamp(hour * 3600.0), type, name, is_sketched,
                unit, count, total, squares, least, greatest
            FROM json_to_recordset(%s) AS sent (subject_id uuid, hour bigint, type text, name text, prompt_id uuid,
                is_sketched boolean, unit text, count bigint, total float8, squares float8, least float8,
                greatest float8)
            ORDER BY subject_id, hour, type COLLATE "C", name COLLATE "C"
            ON CONFLICT (tenant_id, subject_id, hour, type, name) DO UPDATE SET
                unit = excluded.unit, count = kept.count + excluded.count, total = kept.total + excluded.total,
                squares = kept.squares + excluded.squares, least = least(kept.least, excluded.least),
                greatest = greatest(kept.greatest, excluded.greatest), is_stale = excluded.is_stale
            """,
            [tenant_id, orjson.dumps(rows).decode()],
        )


# ----------------------------------------------------------------------------- exposures
def _meet(
    tenant_id: UUID,
    items: Sequence[Item],
    places: Sequence[Place],
    moments: Sequence[dt.datetime],
    hours: Hours,
) -> None:
    """Sessions that meet their variant now, counted in the hour of their first item."""
    first: dict[tuple[UUID, str], dt.datetime] = {}
    prompts: dict[UUID, UUID] = {}
    for item, place, at in zip(items, places, moments, strict=True):
        if place.variant_id and item.session_id:
            met = (place.variant_id, item.session_id)
            first[met] = min(at, first.get(met, at))
            prompts[place.variant_id] = place.prompt_id
    if not first:
        return
    variants, sessions = zip(*first, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH sent AS (
                SELECT * FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[])
                    AS sent (variant_id, session_id, first_at)
            ), met AS (
                INSERT INTO deployments_exposure (tenant_id, variant_id, session_id, first_at)
                SELECT %s, variant_id, session_id, first_at FROM sent ORDER BY variant_id, session_id
                ON CONFLICT DO NOTHING RETURNING variant_id, session_id, first_at
            )
            SELECT met.variant_id, met.first_at, NOT EXISTS (
                SELECT 1 FROM deployments_variant variant
                JOIN deployments_variant other ON other.deployment_id = variant.deployment_id AND other.id <> variant.id
                JOIN deployments_exposure before ON before.tenant_id = other.tenant_id
                    AND before.variant_id = other.id AND before.session_id = met.session_id
                WHERE variant.id = met.variant_id
            ) FROM met
    """,
            [[*variants], [*sessions], [*first.values()], tenant_id],
        )
        for variant_id, at, is_first in cursor.fetchall():
            for name in (MET, FIRST) if is_first else (MET,):
                key = Key(variant_id, int(at.timestamp()) // _HOUR, EXPOSURE, name, prompts[variant_id], False)
                hours.setdefault(key, Sums()).add(1.0, "sessions")
