"""Whether a tenant's log is what was written: every entry by itself, the chain, the tree, the checkpoints, its end.

An entry is right when its columns say what its signed bytes say, these hash to its hash together with the hash before
it, and its mac is that of a key of ours. Then the log is right as a whole when no number is missing, the last hash is
the head's, and the tree over all leaves has, at each size that anybody was told of, the root that was signed there:
by a checkpoint in the database, by one kept outside, or by one that the caller brings. What was told of and is not
there was cut off. What cannot be seen: docs/audit.md says it.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from audit import merkle, note, tree
from audit.entries import Fault, Part, check_entries
from audit.models import AuditEntry, AuditHead, Checkpoint, TreeNode, VerifiedLog
from audit.sealing import head_fault, verifier_keys

#: How many numbers of missing entries are listed.
MOST_LISTED: Final = 1_000
#: How many anchors of what was verified before are compared again; a full verification compares all.
MOST_OLD_ANCHORS: Final = 100


class Receipt(NamedTuple):
    """What an answer carried: the number of an entry and its hash."""

    seq: int
    hash: bytes


class Statement(NamedTuple):
    """A checkpoint whose signature holds: how long the log was, and its root. `source` says where it was kept."""

    size: int
    root: bytes
    head: bytes | None
    source: str


@dataclass
class Report:
    """What a verification found; `as_dict()` is the answer of contract 4."""

    total_entries: int = 0
    checked_from: int = 0
    faults: list[Fault] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    expected_size: int = 0
    last_entry: int = 0
    checkpoint: Statement | None = None
    macs_unchecked: int = 0
    seconds: float = 0.0

    @property
    def truncated(self) -> bool:
        """Whether somebody was told of more entries than there are."""
        return self.expected_size > self.last_entry

    @property
    def ok(self) -> bool:
        return not (self.faults or self.missing or self.truncated)

    def tampered_entries(self) -> list[dict[str, Any]]:
        """The faults, those of an entry together, in order."""
        return [each._asdict() for each in sorted(set(self.faults))]

    def as_dict(self, *, of: set[int] | None = None) -> dict[str, Any]:
        """The report; of the entries with these numbers alone, if any are given. `ok` is that of the whole log."""
        told = [each for each in self.tampered_entries() if of is None or each["seq"] in of]
        missing = self.missing if of is None else []
        tampered = len({each["seq"] for each in told})
        total = self.total_entries if of is None else len(of)
        checkpoint = self.checkpoint
        return {
            "total_entries": total,
            "verified": max(0, total - tampered - len(missing)),
            "tampered": tampered,
            "tampered_entries": told,
            "missing": missing,
            "truncated": self.truncated,
            "expected_size": self.expected_size,
            "checkpoint": {"size": checkpoint.size, "root": checkpoint.root.hex(), "source": checkpoint.source}
            if checkpoint
            else None,
            "unsealed_tail": max(0, self.last_entry - (checkpoint.size if checkpoint else 0)),
            "checked_from": self.checked_from,
            "macs_unchecked": self.macs_unchecked,
            "duration_ms": round(self.seconds * 1000),
            "ok": self.ok,
        }


def verify(
    tenant_id: UUID,
    *,
    full: bool = False,
    checkpoints: Iterable[str] = (),
    anchored: Iterable[str] = (),
    receipts: Sequence[Receipt] = (),
    read: Any = check_entries,
) -> Report:
    """Verify a tenant's log: what was added since it was last found whole, or all of it.

    `checkpoints` are signed notes that the caller kept, `anchored` those of the anchor directory, `receipts` what
    answers carried. `read(tenant_id, first, last, before)` checks entries one by one; a command may give one that
    spreads them over processes.
    """
    started = time.monotonic()
    report = Report()
    # The head is read last: it is never behind what was read before, however many are writing.
    beyond = _beyond(tenant_id)
    start = None if full else _last_verified(tenant_id)
    report.checked_from = start.size if start else 0
    statements = _statements(tenant_id, report, checkpoints, anchored)
    head = AuditHead.objects.filter(pk=tenant_id).first()
    size = report.total_entries = head.size if head else 0
    report.faults += [Fault(seq, "beyond", "It stands behind the end of the log.") for seq in beyond if seq > size]
    report.faults += [Fault(seq, "beyond", "An entry's number is 1 or more.") for seq in _before(tenant_id)]
    if head and (why := head_fault(head)):
        report.faults.append(Fault(size, "head", f"The end of the log does not verify: {why}."))
    part = read(tenant_id, report.checked_from + 1, size, bytes(start.head_hash) if start else None)
    _take(tenant_id, report, part, size)
    _compare_end(report, part, head)
    _compare_roots(tenant_id, report, part, start, statements, full=full)
    _compare_receipts(tenant_id, report, receipts)
    report.expected_size = max([size, *(each.size for each in statements), *(each.seq for each in receipts)])
    report.seconds = time.monotonic() - started
    if report.ok:
        _remember(tenant_id, report)
    return report


# ----------------------------------------------------------------------------- what was told
def _statements(
    tenant_id: UUID, report: Report, checkpoints: Iterable[str], anchored: Iterable[str]
) -> list[Statement]:
    """Every checkpoint whose signature holds; one of ours that does not is a fault.

    Of those in the database, the ones that the verification meets on its way.
    """
    known = verifier_keys()
    found: list[Statement] = []
    stored = Checkpoint.objects.of(tenant_id).filter(size__gte=report.checked_from)
    for size, text, root, head in stored.values_list("size", "note", "root_hash", "head_hash").iterator(1_000):
        said = _said(text, tenant_id, known)
        if not isinstance(said, Statement):
            report.faults.append(Fault(size, "checkpoint", f"The checkpoint of {size:,} entries is not ours: {said}"))
        elif (said.size, said.root, said.head) != (size, bytes(root), bytes(head)):
            report.faults.append(
                Fault(size, "checkpoint", f"The checkpoint of {size:,} entries is not as it was signed.")
            )
        else:
            found.append(said)
    for source, texts in (("anchor", anchored), ("caller", checkpoints)):
        for text in texts:
            said = _said(text, tenant_id, known)
            if isinstance(said, Statement):
                found.append(said._replace(source=source))
            else:
                report.faults.append(Fault(0, "checkpoint", f"A checkpoint ({source}) is not ours: {said}"))
    return sorted(found)


def _said(text: str, tenant_id: UUID, known: Sequence[note.VerifierKey]) -> Statement | str:
    """What a note says, or why it says nothing."""
    try:
        parsed = note.parse(text)
        note.verify(parsed, known)
        said = note.Checkpoint.parse(parsed.text)
    except note.NoteError as error:
        return str(error)
    if note.tenant_of(said.origin) != str(tenant_id):
        return "It is of another tenant's log."
    return Statement(said.size, said.root, said.head, "database")


def _last_verified(tenant_id: UUID) -> Checkpoint | None:
    """The checkpoint to go on from: up to where the log was found whole, if it still says what was signed there."""
    done = VerifiedLog.objects.filter(pk=tenant_id).values_list("size", flat=True).first()
    checkpoint = Checkpoint.objects.of(tenant_id).filter(size__lte=done).first() if done else None
    grown = _tree_of(checkpoint) if checkpoint else None
    if checkpoint is None or grown is None:
        return None
    size, root, head = checkpoint.size, bytes(checkpoint.root_hash), bytes(checkpoint.head_hash)
    said = _said(checkpoint.note, tenant_id, verifier_keys())
    is_as_signed = said == Statement(size, root, head, "database") and (grown.size, grown.root()) == (size, root)
    return checkpoint if is_as_signed else None


def _tree_of(checkpoint: Checkpoint) -> merkle.Tree | None:
    try:
        return merkle.Tree.from_bytes(bytes(checkpoint.tree))
    except ValueError:
        return None


def _remember(tenant_id: UUID, report: Report) -> None:
    if report.checkpoint is not None and report.checkpoint.source == "database":
        VerifiedLog.objects.update_or_create(
            tenant_id=tenant_id, defaults={"size": report.checkpoint.size, "at": timezone.now()}
        )


# ----------------------------------------------------------------------------- what is there
def _beyond(tenant_id: UUID) -> list[int]:
    """The last numbers there are, asked before the head is: it is never behind them."""
    entries = AuditEntry.objects.filter(tenant_id=tenant_id)
    last = entries.aggregate(last=Max("seq"))["last"]
    head = AuditHead.objects.filter(pk=tenant_id).values_list("size", flat=True).first() or 0
    if last is None or last <= head:
        return []
    return list(entries.filter(seq__gt=head, seq__lte=last).order_by("seq").values_list("seq", flat=True)[:MOST_LISTED])


def _before(tenant_id: UUID) -> list[int]:
    early = AuditEntry.objects.filter(tenant_id=tenant_id, seq__lt=1)
    return list(early.order_by("seq").values_list("seq", flat=True)[:MOST_LISTED])


def _take(tenant_id: UUID, report: Report, part: Part, size: int) -> None:
    report.faults += part.faults
    report.missing = part.missing[:MOST_LISTED]
    report.last_entry = part.last or report.checked_from
    report.macs_unchecked = part.macs_unchecked
    untold = part.redacted - part.redactions
    if untold:
        untold -= _told_since(tenant_id, size)
    report.faults += [
        Fault(seq, "redaction", "What it said was taken out, and no entry tells of that.") for seq in sorted(untold)
    ]
    cut_off = range(report.last_entry + 1, size + 1)
    report.missing += cut_off[: MOST_LISTED - len(report.missing)]


def _told_since(tenant_id: UUID, size: int) -> set[int]:
    """Entries of which others, whole and behind the end that was read to, tell that they are redacted."""
    head = AuditHead.objects.filter(pk=tenant_id).first()
    if head is None or head.size <= size or head_fault(head):
        return set()
    since = check_entries(tenant_id, size + 1, head.size, None)
    return set() if since.faults else since.redactions


def _compare_end(report: Report, part: Part, head: AuditHead | None) -> None:
    """The last entry's hash is the head's; where entries are missing that is said already."""
    if head is None or report.missing or report.last_entry != head.size:
        return
    if part.last_hash is not None and part.last_hash != bytes(head.head_hash) and not report.faults:
        report.faults.append(Fault(head.size, "head", "The last entry is not the one that the log ended with."))


def _compare_roots(
    tenant_id: UUID,
    report: Report,
    part: Part,
    start: Checkpoint | None,
    statements: Sequence[Statement],
    *,
    full: bool,
) -> None:
    """The tree over the leaves has the signed root at every size that somebody was told of."""
    grown = (_tree_of(start) if start else None) or merkle.Tree()
    begun = grown.size
    nodes: list[merkle.Node] = []
    older = tree.nodes(tenant_id, begun)
    whole = not part.missing
    for each in _worth_comparing(statements, begun):
        if each.size < begun:
            _compare_older(report, each, start, older)
        elif each.size <= report.last_entry and whole:
            nodes += grown.extend(part.leaves(grown.size - begun, each.size - begun))
            if grown.root() != each.root:
                report.faults.append(
                    Fault(each.size, "root", f"The first {each.size:,} entries are not those that a checkpoint signed.")
                )
            else:
                report.checkpoint = each
    if full and whole:
        # A sealer that is at it, or was stopped at it, has signed outside what is not yet kept in here.
        kept = max((each.size for each in statements if each.source == "database"), default=0)
        _compare_nodes(tenant_id, report, [each for each in nodes if (each.index + 1) << each.level <= kept])


def _worth_comparing(statements: Sequence[Statement], begun: int) -> list[Statement]:
    """All but most anchors of what was verified before: a checkpoint every five seconds makes thousands a day."""
    old = [each for each in statements if each.size < begun and each.source == "anchor"]
    passed_over = set(old[:-MOST_OLD_ANCHORS])
    return [each for each in statements if each not in passed_over]


def _compare_older(report: Report, said: Statement, start: Checkpoint | None, nodes: merkle.Nodes) -> None:
    """What was said before the place that is gone on from: the log of then begins the log of that checkpoint."""
    assert start is not None
    root = bytes(start.root_hash)
    try:
        proof = merkle.consistency_proof(said.size, start.size, nodes)
    except LookupError:
        proof = []
    if said.source != "database" and not merkle.verify_consistency(said.size, start.size, said.root, root, proof):
        report.faults.append(
            Fault(said.size, "root", f"The first {said.size:,} entries are not those that a checkpoint signed.")
        )


def _compare_nodes(tenant_id: UUID, report: Report, computed: Sequence[merkle.Node]) -> None:
    """What is kept of the tree is what proofs are made of."""
    kept = TreeNode.objects.filter(tenant_id=tenant_id).values_list("level", "index", "hash")
    stored = {(level, index): bytes(each) for level, index, each in kept.iterator(chunk_size=10_000)}
    for each in computed:
        if stored.get((each.level, each.index)) != each.hash:
            last = (each.index + 1) << each.level
            report.faults.append(Fault(last, "tree", "A node of the tree that ends here is not what it should be."))


def _compare_receipts(tenant_id: UUID, report: Report, receipts: Sequence[Receipt]) -> None:
    entries = AuditEntry.objects.filter(tenant_id=tenant_id, seq__in=[each.seq for each in receipts])
    hashes = {seq: bytes(each) for seq, each in entries.values_list("seq", "entry_hash")}
    report.faults += [
        Fault(each.seq, "receipt", "It is not the entry that the receipt was given for.")
        for each in receipts
        if each.seq in hashes and hashes[each.seq] != each.hash
    ]


def numbers_of(tenant_id: UUID, prompt_id: UUID) -> set[int]:
    """The numbers of the entries that concern a prompt."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq FROM audit_auditentry WHERE tenant_id = %s AND prompt_id = %s", [tenant_id, prompt_id]
        )
        return {row[0] for row in cursor.fetchall()}
