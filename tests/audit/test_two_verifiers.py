"""The server and the verifier for other places, over the same touched database: both see it, and name the same entry.

Where an export has no place for what was touched, its bytes are those of the untouched log: that is the proof that
nobody could see it there. Each such kind stands here by name, with its reason.
"""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.conf import settings

from audit import export
from audit.sealing import verifier_keys
from audit.verify import verify
from tests.audit.logs import as_owner, tampered
from tests.audit.test_offline_verifier import named, run
from tests.audit.test_verify import POSITIONS, SIZE, Mutation, kept, log, mutations, other_log, told

#: What the server alone can find, by column or by what was done, and why.
_SHOWN = "a column for lists and the console: the export carries the signed text alone"
_BEYOND = "no number of the log, which goes from 1 to its end: the export carries nothing else"
NOT_EXPORTED = {
    **dict.fromkeys(["at", "actor", "via", "verb", "target", "prompt_id", "data"], _SHOWN),
    "second_key_id": "the id of a second key is exported with a second signature alone, and there is none",
    "copied behind the end": _BEYOND,
    "copied before the beginning": _BEYOND,
}
#: What is exported and lets nothing be said: the entry is whole and signed over, and its MAC of a key that nobody has.
NOT_CHECKED = {"key_id": "The MACs of 1 entries were not checked: they are of a key not given."}


class Elsewhere(NamedTuple):
    """What the other verifier is given besides the log: the same that the server is, and where the log is put."""

    log: Path
    arguments: list[str]

    def export(self) -> bytes:
        """The log as it is now, written where it is looked for."""
        data = b"".join(export.lines(log().pk))
        self.log.write_bytes(data)
        return data

    def verify(self) -> tuple[int, dict[str, Any]]:
        return run(self.log, *self.arguments)


@pytest.fixture
def elsewhere(committed: None, tmp_path: Path) -> Elsewhere:
    log(), other_log(), kept()
    (tmp_path / "audit-key").write_text(settings.AUDIT_KEY)
    arguments = [f"--key={verifier_keys()[0]}", f"--audit-key-file={tmp_path / 'audit-key'}"]
    for number, note in enumerate(kept().checkpoints):
        (tmp_path / f"note-{number}").write_text(note)
        arguments.append(f"--checkpoint={tmp_path / f'note-{number}'}")
    arguments += [f"--receipt={each.seq}:{each.hash.hex()}" for each in kept().receipts]
    return Elsewhere(tmp_path / "log.jsonl", arguments)


def kind_of(mutation: Mutation) -> str:
    """What was done, wherever it was; of a column, whatever became of it."""
    name = mutation.name.removesuffix(f" of {mutation.seq}").removesuffix(f": {mutation.seq}")
    column = name.partition(",")[0]
    return column if column in NOT_EXPORTED else name


def disagreement(mutation: Mutation, elsewhere: Elsewhere, untouched: bytes) -> str:
    """Where the two do not say what they should; nothing, where they do."""
    values = {"tenant": log().pk, "other": other_log().pk, "seq": mutation.seq, "size": SIZE}
    values |= {"neighbour": mutation.seq - 1 or mutation.seq + 1, **mutation.values}
    with tampered(*mutation.statements, **values):
        report = verify(log().pk, full=True, checkpoints=kept().checkpoints, receipts=kept().receipts)
        is_exported = elsewhere.export() != untouched
    code, offline = elsewhere.verify()
    here, there = told(report), told_elsewhere(offline)
    match kind_of(mutation):
        case kind if kind in NOT_EXPORTED:
            is_right = not is_exported and code == 0
        case kind if kind in NOT_CHECKED:
            is_right = is_exported and code == 0 and NOT_CHECKED[kind] in offline["not_checked"]
        case _:
            is_right = is_exported and code == 1 and bool(here & there & mutation.named)
    if is_right and not report.ok and here & mutation.named:
        return ""
    return f"{mutation.name}: here {sorted(here)}; elsewhere {code} {sorted(there)} {offline['problems']}"


def told_elsewhere(report: dict[str, Any]) -> set[int]:
    return named(report) | ({report["expected_size"]} if report["truncated"] else set())


def disagreements(positions: tuple[int, ...], elsewhere: Elsewhere) -> list[str]:
    untouched = elsewhere.export()
    assert elsewhere.verify()[0] == 0
    tried = mutations(positions)
    kinds = {kind_of(each) for each in tried}
    alone = NOT_EXPORTED.keys() | NOT_CHECKED.keys()
    assert alone <= kinds
    assert len(kinds - alone) > len(alone)
    with as_owner():
        return [said for each in tried if (said := disagreement(each, elsewhere, untouched))]


def test_of_an_untouched_log_both_say_the_same(elsewhere: Elsewhere) -> None:
    elsewhere.export()
    code, offline = elsewhere.verify()
    server = verify(log().pk, full=True, checkpoints=kept().checkpoints, receipts=kept().receipts).as_dict()
    same = ["total_entries", "verified", "tampered", "tampered_entries", "missing", "truncated", "expected_size", "ok"]
    assert code == 0
    assert {name: offline[name] for name in same} == {name: server[name] for name in same}
    assert (offline["verified"], offline["not_checked"]) == (SIZE, [])


def test_what_the_server_finds_is_found_elsewhere_at_the_same_entry(elsewhere: Elsewhere) -> None:
    assert disagreements((POSITIONS[2],), elsewhere) == []


@pytest.mark.full
def test_they_agree_at_both_ends_and_at_the_last_checkpoint(elsewhere: Elsewhere) -> None:
    assert disagreements(tuple(each for each in POSITIONS if each != POSITIONS[2]), elsewhere) == []
