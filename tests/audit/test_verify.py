"""Verification finds whatever was done to a log, names the entry, and raises no false alarm."""
# ruff: noqa: S608 — statements are put together from the names written here

import functools
import json
from typing import Any, NamedTuple

import pytest

from audit import chain, keys, sealing
from audit.models import AuditEntry, Checkpoint, VerifiedLog
from audit.verify import Receipt, Report, verify
from tenants.models import Tenant
from tests.audit.logs import as_owner, grow, sealed_log, size_of, tampered

SEALED, TAIL = 300, 12
SIZE = SEALED + TAIL
#: The first, the second, one in the middle, the last under a checkpoint, one after it.
POSITIONS = (1, 2, 150, SEALED, SEALED + 6)


@functools.cache
def log() -> Tenant:
    return sealed_log(SEALED, TAIL, points=3)


@functools.cache
def other_log() -> Tenant:
    return sealed_log(SEALED, TAIL)


class Kept(NamedTuple):
    """What somebody outside has: every checkpoint, and a receipt of the last entry."""

    checkpoints: list[str]
    receipts: list[Receipt]


@functools.cache
def kept() -> Kept:
    last = AuditEntry.objects.filter(tenant_id=log().pk).order_by("-seq")[0]
    notes = list(Checkpoint.objects.filter(tenant_id=log().pk).order_by("size").values_list("note", flat=True))
    return Kept(notes, [Receipt(last.seq, bytes(last.entry_hash))])


# ----------------------------------------------------------------------------- what can be done
#: A column, and what becomes of it. Each value differs from what was written.
COLUMNS = {
    "at": "at + interval '1 microsecond'",
    "at, never": "'infinity'",
    "actor": "'mallory'",
    "via": "'console'",
    "verb": "'user.created'",
    "target": "target || 'x'",
    "prompt_id": "gen_random_uuid()",
    "data": """jsonb_set(data, '{changes,n}', '"1"')""",
    "data, true is not 1": "jsonb_set(data, '{changes,x,0}', '1')",
    "data, a field more": """data || '{"more": null}'""",
    "canonical": """replace(convert_from(canonical, 'UTF8'), '"via"', '"vIa"')::bytea""",
    "canonical, a bit": "set_bit(canonical, 77, 1 - get_bit(canonical, 77))",
    "prev_hash": "set_bit(prev_hash, 3, 1 - get_bit(prev_hash, 3))",
    "entry_hash": "set_bit(entry_hash, 250, 1 - get_bit(entry_hash, 250))",
    "mac": "set_bit(mac, 100, 1 - get_bit(mac, 100))",
    "key_id": "'0123abcd'",
    "second_key_id": "'0123abcd'",
    "second_mac": "sha256('x')",
    "leaf": "sha256('x')",
    "leaf, the right one": "sha256('\\x00'::bytea || canonical)",
}
_ONE = "tenant_id = %(tenant)s AND seq = %(seq)s"
#: A copy of a row, numbered anew or of another tenant.
_COPY = """
    INSERT INTO audit_auditentry (
        id, tenant_id, seq, at, actor, via, verb, target, prompt_id, data,
        canonical, prev_hash, entry_hash, key_id, mac, second_key_id, second_mac, leaf
    )
    SELECT gen_random_uuid(), {values}, e.at, e.actor, e.via, e.verb, e.target, e.prompt_id,
        e.data, e.canonical, e.prev_hash, e.entry_hash, e.key_id, e.mac, e.second_key_id, e.second_mac, e.leaf
    FROM audit_auditentry e WHERE e.tenant_id = {source} AND e.seq = %(seq)s
"""
_DELETE = f"DELETE FROM audit_auditentry WHERE {_ONE}"
_OLD_HEAD = """
    UPDATE audit_audithead SET size = %(seq)s,
        head_hash = (SELECT entry_hash FROM audit_auditentry WHERE tenant_id = %(tenant)s AND seq = %(seq)s),
        mac = %(old_mac)s
    WHERE tenant_id = %(tenant)s
"""


def edit(column: str, value: str) -> list[str]:
    return [f"UPDATE audit_auditentry SET {column.partition(',')[0]} = {value} WHERE {_ONE}"]


def rewritten(seq: int) -> tuple[str, dict[str, Any]]:
    """An entry that says something else, with its hash computed anew by somebody who has no key."""
    row = AuditEntry.objects.get(tenant_id=log().pk, seq=seq)
    said = bytes(row.canonical).replace(b'"via":"command"', b'"via":"console"')
    assert said != bytes(row.canonical)
    values = {"canonical": said, "hash": chain.entry_hash(bytes(row.prev_hash), said)}
    return (
        f"UPDATE audit_auditentry SET canonical = %(canonical)s, via = 'console', entry_hash = %(hash)s WHERE {_ONE}",
        values,
    )


def old_mac(seq: int) -> bytes:
    """The signature that the head had when the log was so long."""
    row = AuditEntry.objects.get(tenant_id=log().pk, seq=seq)
    key = keys.ring().mac_key(row.key_id, log().pk)
    assert key is not None
    return chain.head_mac(key, tenant=log().pk, size=seq, head_hash=bytes(row.entry_hash))


def copy(values: str, *, source: str = "%(tenant)s", seq: str = "%(seq)s") -> str:
    return _COPY.format(values=values, source=source).replace("e.seq = %(seq)s", f"e.seq = {seq}")


def cut_off(table: str = "audit_auditentry", column: str = "seq") -> str:
    return f"DELETE FROM {table} WHERE tenant_id = %(tenant)s AND {column} > %(seq)s"


def moved(change: str, condition: str) -> str:
    return f"UPDATE audit_auditentry SET seq = {change} WHERE tenant_id = %(tenant)s AND {condition}"


#: What is done at an entry, and how far from it are the numbers of which the report names one at least.
ROWS: dict[str, tuple[list[str], tuple[int, ...]]] = {
    "deleted": ([_DELETE], (0,)),
    "two deleted": ([_DELETE, _DELETE.replace("%(seq)s", "%(seq)s + 1")], (0, 1)),
    "deleted, and the others moved up": (
        [_DELETE, moved("-seq", "seq > %(seq)s"), moved("-seq - 1", "seq < 0")],
        (0,),
    ),
    "swapped with the next": (
        [
            moved("-1", "seq = %(seq)s"),
            moved("%(seq)s", "seq = %(seq)s + 1"),
            moved("%(seq)s + 1", "seq = -1"),
        ],
        (0, 1),
    ),
    "replaced by another tenant's": ([_DELETE, copy("%(tenant)s, e.seq", source="%(other)s")], (0,)),
    "replaced by its neighbour": ([_DELETE, copy("%(tenant)s, %(seq)s", seq="%(neighbour)s")], (0,)),
    "the rest cut off": ([cut_off()], (1,)),
}
#: The same, where it is not the entry's own number that counts.
AT_THE_ENDS: dict[str, tuple[list[str], int]] = {
    "copied behind the end": ([copy("%(tenant)s, %(size)s + 1")], SIZE + 1),
    "copied before the beginning": ([copy("%(tenant)s, 0")], 0),
    "the rest cut off, and the head put back": ([cut_off(), _OLD_HEAD], SIZE),
    "the rest and its checkpoints cut off, and the head put back": (
        [
            cut_off(),
            cut_off("audit_checkpoint", "size"),
            "DELETE FROM audit_treenode WHERE tenant_id = %(tenant)s",
            _OLD_HEAD,
        ],
        SIZE,
    ),
}


class Mutation(NamedTuple):
    name: str
    seq: int
    statements: list[str]
    named: set[int]
    values: dict[str, Any]


def mutations(positions: tuple[int, ...]) -> list[Mutation]:
    found = []
    for seq in positions:
        for column, value in COLUMNS.items():
            if "{changes," in value and seq < 5:
                continue  # the first entries of a tenant carry something else
            found.append(Mutation(f"{column} of {seq}", seq, edit(column, value), {seq}, {}))
        statement, values = rewritten(seq)
        found.append(Mutation(f"rewritten {seq}", seq, [statement], {seq}, values))
        for name, (statements, away) in ROWS.items():
            found.append(Mutation(f"{name}: {seq}", seq, statements, {seq + each for each in away}, {}))
        for name, (statements, number) in AT_THE_ENDS.items():
            found.append(Mutation(f"{name}: {seq}", seq, statements, {number}, {"old_mac": old_mac(seq)}))
    return found


def told(report: Report) -> set[int]:
    """Every number that the report names."""
    said = report.as_dict()
    cut_off = {said["expected_size"]} if said["truncated"] else set()
    return {each["seq"] for each in said["tampered_entries"]} | set(said["missing"]) | cut_off


def found_by(mutation: Mutation) -> Report:
    neighbour = mutation.seq - 1 or mutation.seq + 1
    values = {"tenant": log().pk, "other": other_log().pk, "seq": mutation.seq, "size": SIZE, "neighbour": neighbour}
    with tampered(*mutation.statements, **values, **mutation.values):
        return verify(log().pk, full=True, checkpoints=kept().checkpoints, receipts=kept().receipts)


def assert_found(positions: tuple[int, ...], *, at_least: int) -> None:
    log(), other_log(), kept()
    tried = mutations(positions)
    assert len(tried) >= at_least
    missed, misnamed = [], []
    with as_owner():
        for mutation in tried:
            report = found_by(mutation)
            if report.ok:
                missed.append(mutation.name)
            elif not mutation.named & told(report):
                misnamed.append((mutation.name, sorted(told(report))))
    assert missed == []
    assert misnamed == [] or len(misnamed) <= len(tried) // 100, misnamed


@pytest.mark.full
def test_five_hundred_mutations_are_found_and_named(committed: None) -> None:
    assert_found((*POSITIONS, 3, 99, 100, 101, 199, 200, 201, 250, 255, 256, 257, 299, 301, 302, 310), at_least=500)


# ----------------------------------------------------------------------------- no false alarm
def test_a_clean_log_is_whole(committed: None) -> None:
    report = verify(log().pk, full=True, checkpoints=kept().checkpoints, receipts=kept().receipts).as_dict()
    assert report.pop("duration_ms") >= 0
    root = bytes(Checkpoint.objects.of(log().pk)[0].root_hash).hex()
    assert report == {
        "total_entries": SIZE,
        "verified": SIZE,
        "tampered": 0,
        "tampered_entries": [],
        "missing": [],
        "truncated": False,
        "expected_size": SIZE,
        "checkpoint": {"size": SEALED, "root": root, "source": "database"},
        "unsealed_tail": TAIL,
        "checked_from": 0,
        "macs_unchecked": 0,
        "ok": True,
    }


def test_the_next_verification_reads_what_was_added(committed: None) -> None:
    tenant = sealed_log(50)
    verify(tenant.pk)
    assert VerifiedLog.objects.get(pk=tenant.pk).size == 50
    grow(tenant, 5)
    report = verify(tenant.pk)
    assert (report.ok, report.checked_from, report.last_entry) == (True, 50, 55)
    sealing.seal(tenant.pk)
    verify(tenant.pk)
    assert verify(tenant.pk).checked_from == 55
    assert verify(tenant.pk, full=True).checked_from == 0


def test_a_log_without_entries_or_checkpoints_is_whole(committed: None) -> None:
    tenant = sealed_log(10)
    assert verify(tenant.pk).ok
    unsealed = other_log()
    assert verify(unsealed.pk).as_dict()["unsealed_tail"] == TAIL


# ----------------------------------------------------------------------------- in the incremental mode
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE audit_auditentry SET actor = 'mallory' WHERE tenant_id = %(tenant)s AND seq = 55", "column"),
        ("DELETE FROM audit_auditentry WHERE tenant_id = %(tenant)s AND seq = 55", None),
        ("UPDATE audit_checkpoint SET root_hash = sha256('x') WHERE tenant_id = %(tenant)s", "checkpoint"),
        ("UPDATE audit_checkpoint SET note = note || ' ' WHERE tenant_id = %(tenant)s", "checkpoint"),
        ("UPDATE audit_audithead SET mac = sha256('x') WHERE tenant_id = %(tenant)s", "head"),
    ],
)
def test_what_was_added_is_looked_at(committed: None, statement: str, reason: str | None) -> None:
    tenant = sealed_log(50, 10)
    assert verify(tenant.pk).ok
    with as_owner(), tampered(statement, tenant=tenant.pk):
        report = verify(tenant.pk)
        assert not report.ok
        assert (reason in {each.reason for each in report.faults}) is (reason is not None)


def test_a_checkpoint_kept_outside_shows_a_log_that_was_rewritten_before_it(committed: None) -> None:
    """Older than where the verification goes on from: the tree's own proof connects the two."""
    tenant = sealed_log(40, points=2)
    notes = list(Checkpoint.objects.filter(tenant_id=tenant.pk).order_by("size").values_list("note", flat=True))
    assert verify(tenant.pk).ok
    assert verify(tenant.pk, checkpoints=notes).ok
    foreign = Checkpoint.objects.of(other_log().pk)[0].note
    assert not verify(tenant.pk, checkpoints=[foreign]).ok
    assert not verify(tenant.pk, checkpoints=[notes[0].replace("20\n", "21\n", 1)]).ok


def test_a_node_that_proofs_are_made_of_is_compared(committed: None) -> None:
    with (
        as_owner(),
        tampered("UPDATE audit_treenode SET hash = sha256('x') WHERE tenant_id = %(tenant)s", tenant=log().pk),
    ):
        report = verify(log().pk, full=True)
        assert {each.reason for each in report.faults} == {"tree"}


@pytest.mark.parametrize(
    ("receipt", "ok"),
    [((5, None), True), ((5, b"x" * 32), False), ((SIZE + 1, b"x" * 32), False)],
    ids=["ours", "another hash", "beyond the end"],
)
def test_receipts_are_compared(committed: None, receipt: tuple[int, bytes | None], ok: bool) -> None:
    seq, given = receipt
    row = AuditEntry.objects.filter(tenant_id=log().pk, seq=seq).first()
    report = verify(log().pk, full=True, receipts=[Receipt(seq, given or bytes(row.entry_hash if row else b""))])
    assert report.ok is ok
    assert report.truncated is (seq > SIZE)


def test_the_report_is_json(committed: None) -> None:
    assert json.loads(json.dumps(verify(log().pk).as_dict()))["total_entries"] == size_of(log())
