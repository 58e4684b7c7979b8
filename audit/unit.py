"""One unit of work: `@verb` opens the transaction, `record()` says what happened, the exit writes it down.

The outermost verb owns the transaction, nested ones join it. At its end, in this order: the deferred
constraints, the events for others, the generation of the tenants whose served answers changed, the audit
head and its rows, the idempotent answer, the generation's mark in Redis; commit; then once: the new
generation and one lease of waiting, and the doorbell. The audit head is locked last and for one commit only.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar, overload
from uuid import UUID

import orjson
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit import chain, keys
from audit.events import DENIED_FIELDS, EVENTS
from audit.keys import KeyRing
from audit.models import AuditHead, OutboxEvent
from pvc import doorbell
from pvc.errors import DomainError, Unavailable, name_constraint, raise_domain_error
from pvc.ids import new_id
from tenants import generation
from tenants.models import Actor, Tenant

P = ParamSpec("P")
R = TypeVar("R")


class BrokenAuditHead(Unavailable):
    code = "AUDIT_HEAD_BROKEN"


_BROKEN = "The audit log's head does not verify; writing stops until an operator has looked."
# The head is locked while entries are numbered: a number that is taken means a head that was put back.
name_constraint("one_audit_entry_per_seq", BrokenAuditHead(_BROKEN))


class Target(Protocol):
    """Whatever has a primary key can be acted upon."""

    @property
    def pk(self) -> Any: ...


class Receipt(NamedTuple):
    """The last audit entry of a call, for the caller to keep: `X-Audit-Seq` and `X-Audit-Hash`."""

    seq: int
    hash: str


class Head(NamedTuple):
    """The end of a tenant's log, as it is stored."""

    size: int
    hash: bytes
    key_id: str
    mac: bytes


@dataclass(slots=True)
class Happening:
    """One thing that happened, not yet written."""

    verb: str
    target: str
    by: Actor
    prompt_id: UUID | None
    sequence: int | None
    data: dict[str, Any]
    #: How others know the prompt: `namespace:name`. The log knows it by its id.
    prompt_name: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """Its data as subscribers are sent it: with the prompt that it is about."""
        if self.prompt_id is None:
            return self.data
        return {"promptId": str(self.prompt_id), "prompt": self.prompt_name, **self.data}


@dataclass(slots=True)
class Unit:
    """What the present unit of work will write at its end."""

    happenings: list[Happening] = field(default_factory=list)
    tenants_to_bump: set[UUID] = field(default_factory=set)
    wakes_workers: bool = False
    #: Called with everything written, still inside the transaction (audit/idempotency.py).
    before_commit: list[Callable[[], None]] = field(default_factory=list)


_unit: ContextVar[Unit | None] = ContextVar("unit", default=None)
_receipt: ContextVar[Receipt | None] = ContextVar("receipt", default=None)


def last_receipt() -> Receipt | None:
    """The receipt of the last entry written since `forget_receipt()` in this context."""
    return _receipt.get()


def forget_receipt() -> None:
    _receipt.set(None)


def record(
    verb: str,
    target: Target,
    *,
    by: Actor,
    prompt_id: UUID | None = None,
    prompt_name: str | None = None,
    sequence: int | None = None,
    **data: Any,
) -> None:
    """Say what happened; it is written when the unit ends. `sequence` numbers a prompt's public events, and
    `prompt_name` (namespace:name) stands in them.
    """
    unit = _unit.get()
    if unit is None:
        raise RuntimeError(f"record({verb!r}) outside of a unit of work: wrap the action in @verb.")
    if data.keys() != EVENTS[verb].fields:
        raise RuntimeError(f"{verb} carries {sorted(EVENTS[verb].fields)}, not {sorted(data)}.")
    unit.happenings.append(Happening(verb, str(target.pk), by, prompt_id, sequence, data, prompt_name))


def touch_served(tenant_id: UUID) -> None:
    """Say that what a hot path answers for this tenant changes with the present unit."""
    unit = _unit.get()
    if unit is None:
        raise RuntimeError("touch_served() outside of a unit of work.")
    unit.tenants_to_bump.add(tenant_id)


def wake_workers() -> None:
    """Say that the present unit leaves something for a worker to do."""
    unit = _unit.get()
    if unit is None:
        raise RuntimeError("wake_workers() outside of a unit of work.")
    unit.wakes_workers = True


def before_commit(callback: Callable[[], None]) -> None:
    """Run `callback` as the unit's last act, when its audit entries are known."""
    unit = _unit.get()
    if unit is None:
        raise RuntimeError("before_commit() outside of a unit of work.")
    unit.before_commit.append(callback)


def denied(
    verb: str,
    target: str,
    *,
    by: Actor,
    error: DomainError,
    claimed: str | None = None,
    prompt_id: UUID | None = None,
) -> None:
    """Write down a refused attempt, in a transaction of its own."""
    said = claimed.replace("\0", "\ufffd")[:100] if claimed else None
    data = {"code": error.code, "message": error.message, "claimed": said}
    assert data.keys() == DENIED_FIELDS
    assert verb in EVENTS
    with transaction.atomic(durable=True):
        _append([Happening(f"{verb}.denied", target[:200], by, prompt_id, None, data)])


@contextmanager
def unit_of_work() -> Iterator[None]:
    """The outermost wrap: all or nothing, and written down. Inside another it simply joins."""
    if _unit.get() is not None:
        yield
        return
    unit = Unit()
    token = _unit.set(unit)
    generations: dict[UUID, int] = {}
    try:
        with transaction.atomic(durable=True):
            yield
            generations = _write_down(unit)
    except DatabaseError as error:
        forget_receipt()
        raise_domain_error(error)
    except DomainError as error:
        _write_refusal(error)
        raise
    finally:
        _unit.reset(token)
    generation.publish(generations)
    if unit.wakes_workers or any(EVENTS[each.verb].public for each in unit.happenings):
        doorbell.ring()


def _write_down(unit: Unit) -> dict[UUID, int]:
    """The exit's fixed order. Returns the generations to publish after the commit."""
    with connection.cursor() as cursor:
        # Asked now, and not from now on: whoever goes on in this transaction may again write one row after the other.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    OutboxEvent.objects.bulk_create(
        OutboxEvent(
            tenant_id=each.by.tenant.pk, type=public, prompt_id=each.prompt_id, sequence=each.sequence, data=each.told
        )
        for each in unit.happenings
        if (public := EVENTS[each.verb].public)
    )
    generations = {tenant_id: generation.bump(tenant_id) for tenant_id in sorted(unit.tenants_to_bump)}
    _append(unit.happenings)
    for callback in unit.before_commit:
        callback()
    generation.mark_in_flux(generations)
    return generations


def _append(happenings: list[Happening]) -> None:
    """Add entries to the chains of their tenants, each head locked in the order of the tenants' ids."""
    by_tenant: dict[UUID, list[Happening]] = {}
    for happening in happenings:
        by_tenant.setdefault(happening.by.tenant.pk, []).append(happening)
    for tenant_id in sorted(by_tenant):
        _append_to_chain(tenant_id, by_tenant[tenant_id])


def _append_to_chain(tenant_id: UUID, happenings: list[Happening]) -> None:
    ring = keys.ring()
    key = _mac_key(ring, ring.key_id, tenant_id)
    head = _locked_head(tenant_id, ring)
    if head.key_id != ring.key_id:
        happenings = [_key_change(head.key_id, ring.key_id, happenings[0].by.tenant), *happenings]
    now = timezone.now()
    rows: list[dict[str, Any]] = []
    seq, previous = head.size, head.hash
    for each in happenings:
        seq += 1
        columns: dict[str, Any] = {
            "seq": seq,
            "at": now,
            "actor": each.by.name,
            "via": each.by.via,
            "verb": each.verb,
            "target": each.target,
            "prompt_id": each.prompt_id,
            "data": each.data,
        }
        canonical = chain.canonical_entry(tenant=tenant_id, **columns)
        entry_hash = chain.entry_hash(previous, canonical)
        signed = {
            "canonical": canonical,
            "prev_hash": previous,
            "entry_hash": entry_hash,
            "key_id": ring.key_id,
            "mac": chain.entry_mac(key, tenant=tenant_id, seq=seq, entry_hash=entry_hash),
            "second_key_id": "",
            "second_mac": None,
        }
        rows.append({"id": new_id(), "tenant_id": tenant_id, **columns, **signed})
        previous = entry_hash
    if head.key_id != ring.key_id:
        rows[0] |= _signed_with_the_key_before(rows[0], head.key_id, ring)
    _write(rows, chain.head_mac(key, tenant=tenant_id, size=seq, head_hash=previous))
    _receipt.set(Receipt(seq, previous.hex()))


def _write(rows: list[dict[str, Any]], head_mac: bytes) -> None:
    """Write entries, and the head that they lead to, in one statement: everybody waits for whoever holds the head."""
    last = rows[-1]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH grown AS (
                UPDATE audit_audithead SET size = %s, head_hash = %s, key_id = %s, mac = %s WHERE tenant_id = %s
            )
            INSERT INTO audit_auditentry (id, tenant_id, seq, at, actor, via, verb, target, prompt_id, data, canonical,
                prev_hash, entry_hash, key_id, mac, second_key_id, second_mac)
            SELECT id, tenant_id, seq, at, actor, via, verb, target, prompt_id, data, decode(canonical, 'hex'),
                decode(prev_hash, 'hex'), decode(entry_hash, 'hex'), key_id, decode(mac, 'hex'),
                second_key_id, decode(second_mac, 'hex')
            FROM json_to_recordset(%s) AS entry (id uuid, tenant_id uuid, seq bigint, at timestamptz, actor text,
                via text, verb text, target text, prompt_id uuid, data jsonb, canonical text, prev_hash text,
                entry_hash text, key_id text, mac text, second_key_id text, second_mac text)
            """,
            [
                *(last["seq"], last["entry_hash"], last["key_id"], head_mac, last["tenant_id"]),
                orjson.dumps(rows, default=bytes.hex).decode(),
            ],
        )


def _key_change(before: str, after: str, tenant: Tenant) -> Happening:
    """The entry with which another key takes over."""
    return Happening(
        "audit.key_changed", str(tenant.pk), Actor(tenant, None, "system"), None, None, {"from": before, "to": after}
    )


def _signed_with_the_key_before(row: dict[str, Any], key_id: str, ring: KeyRing) -> dict[str, Any]:
    """Both keys vouch for the change: the old one for its successor."""
    tenant_id: UUID = row["tenant_id"]
    key = _mac_key(ring, key_id, tenant_id)
    mac = chain.entry_mac(key, tenant=tenant_id, seq=row["seq"], entry_hash=row["entry_hash"])
    return {"second_key_id": key_id, "second_mac": mac}


def _mac_key(ring: KeyRing, key_id: str, tenant_id: UUID) -> bytes:
    key = ring.mac_key(key_id, tenant_id)
    if key is None:
        raise BrokenAuditHead(_BROKEN)
    return key


def _locked_head(tenant_id: UUID, ring: KeyRing) -> Head:
    """The tenant's head, locked until the commit, and only if its mac says that nobody else wrote it."""
    head = _head_for_update(tenant_id)
    if head is None:
        mac = chain.head_mac(_mac_key(ring, ring.key_id, tenant_id), tenant=tenant_id, size=0, head_hash=chain.GENESIS)
        first = AuditHead(tenant_id=tenant_id, head_hash=chain.GENESIS, key_id=ring.key_id, mac=mac)
        AuditHead.objects.bulk_create([first], ignore_conflicts=True)
        head = _head_for_update(tenant_id)
        assert head is not None
    key = _mac_key(ring, head.key_id, tenant_id)
    if head.mac != chain.head_mac(key, tenant=tenant_id, size=head.size, head_hash=head.hash):
        raise BrokenAuditHead(_BROKEN)
    return head


def _head_for_update(tenant_id: UUID) -> Head | None:
    """In SQL, as `_write`: what every write of a tenant waits for is to be short."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT size, head_hash, key_id, mac FROM audit_audithead WHERE tenant_id = %s FOR UPDATE", [tenant_id]
        )
        found = cursor.fetchone()
        return Head._make(found) if found else None


def _write_refusal(error: DomainError) -> None:
    refusal = error.refusal
    if refusal is not None:
        verb, target, prompt_id, by = refusal
        denied(verb, target, by=by, error=error, prompt_id=prompt_id)


@overload
def verb(action: Callable[P, R]) -> Callable[P, R]: ...
@overload
def verb(*, refused: str) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def verb(action: Callable[P, R] | None = None, *, refused: str | None = None) -> Any:
    """Wrap an action in one unit of work.

    `refused` is the audit verb under which a refusal of this action is written down (`<verb>.denied`).
    """
    if action is None:
        return functools.partial(_wrap, refused=refused)
    return _wrap(action, refused=refused)


def _in_words(action: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What the database refuses, raised as the error it means: a trigger's refusal is written down too."""
    try:
        return action(*args, **kwargs)
    except DatabaseError as error:
        raise_domain_error(error)


def _wrap(action: Callable[P, R], *, refused: str | None) -> Callable[P, R]:
    @functools.wraps(action)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with unit_of_work():
            try:
                return _in_words(action, *args, **kwargs)
            except DomainError as error:
                if refused and error.audited and error.refusal is None:
                    subject: Any = args[0]
                    by: Any = kwargs["by"]
                    error.refusal = (refused, str(subject.pk), getattr(subject, "prompt_id", None), by)
                raise

    return run
