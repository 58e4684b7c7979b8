"""tools/pvc_verify.py, run as its reader runs it: on logs that are whole, and on logs that somebody has touched."""

import base64
import contextlib
import dataclasses
import datetime as dt
import hashlib
import importlib.util
import io
import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from django.conf import settings

from audit import chain, export, merkle, note
from audit.note import Checkpoint, SigningKey
from pvc.crypto import canonical_json
from tests.audit.logs import sealed_log

TOOL = Path(__file__).parents[2] / "tools" / "pvc_verify.py"
TENANT = UUID("018f2a6b-7c3d-7e4f-8a9b-0c1d2e3f4a5b")
OTHER_TENANT = UUID("018f2a6b-7c3d-7e4f-8a9b-0c1d2e3f4a5c")
AUDIT_KEY = "an audit key for a fixed vector, 40 long"
OLD_AUDIT_KEY = "the audit key before that one, as long!!"
KEY = note.signing_key(AUDIT_KEY)
AT = dt.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)
SIZE, SEALED = 20, (8, 16)


# ----------------------------------------------------------------------------- logs
@dataclasses.dataclass
class Log:
    """An exported log before it becomes a file."""

    header: dict[str, Any]
    entries: list[dict[str, Any]]
    notes: list[str]
    #: Lines to be written as they stand, in place of entries, by number.
    raw: dict[int, str] = dataclasses.field(default_factory=dict)

    def entry(self, seq: int) -> dict[str, Any]:
        return next(each for each in self.entries if each["seq"] == seq)

    def write(self, folder: Path) -> Path:
        lines = [written(self.header)]
        lines += [self.raw.get(each["seq"], written(each)) for each in self.entries]
        lines += [written({"checkpoint": each}) for each in self.notes]
        path = folder / "log.jsonl"
        path.write_bytes("".join(lines).encode("utf-8", "surrogatepass"))
        return path


def written(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False) + "\n"


def text_of(tenant: UUID, seq: int, **changes: Any) -> str:
    parts: dict[str, Any] = {
        "tenant": tenant,
        "seq": seq,
        "at": AT + dt.timedelta(seconds=seq),
        "actor": "josé" if seq % 3 else "alice",
        "via": "key:01234567",
        "verb": "prompt.updated",
        "target": "support",
        "prompt_id": None,
        "data": {"rate": 1e-7, "number": seq} if seq % 2 else {"reason": "shorter"},
    }
    return chain.canonical_entry(**{**parts, **changes}).decode()


def chained(tenant: UUID, seq: int, text: str, previous: str, audit_key: str = AUDIT_KEY) -> dict[str, Any]:
    entry_hash = chain.entry_hash(bytes.fromhex(previous), text.encode())
    key = chain.tenant_key(audit_key, tenant)
    return {
        "seq": seq,
        "canonical": text,
        "prev_hash": previous,
        "entry_hash": entry_hash.hex(),
        "key_id": chain.key_id(audit_key),
        "mac": chain.entry_mac(key, tenant=tenant, seq=seq, entry_hash=entry_hash).hex(),
    }


def log_of(
    size: int = SIZE,
    sealed: Iterable[int] = SEALED,
    *,
    tenant: UUID = TENANT,
    texts: dict[int, str] | None = None,
    audit_key: Callable[[int], str] = lambda _: AUDIT_KEY,
    signers: Iterable[SigningKey] = (KEY,),
    previous: str = chain.GENESIS.hex(),
) -> Log:
    tree, entries, notes = merkle.Tree(), [], []
    for seq in range(1, size + 1):
        text = (texts or {}).get(seq) or text_of(tenant, seq)
        entries.append(chained(tenant, seq, text, previous, audit_key(seq)))
        previous = entries[-1]["entry_hash"]
        tree.extend([chain.leaf_hash(text.encode())])
        if seq in sealed:
            notes.append(signed(seq, tree.root(), previous, tenant=tenant, signers=signers))
    header = {
        "format": "pvc-audit-1",
        "tenant": str(tenant),
        "size": size,
        "head_hash": previous,
        "origin": note.origin(tenant, "https://prompts.example.com"),
        "verifier_keys": [str(key.verifier) for key in signers],
    }
    return Log(header, entries, notes)


def signed(size: int, root: bytes, head: str, *, tenant: UUID = TENANT, signers: Iterable[SigningKey] = (KEY,)) -> str:
    origin = note.origin(tenant, "https://prompts.example.com")
    return note.sign(Checkpoint(origin, size, root, bytes.fromhex(head), AT).text, signers)


# ----------------------------------------------------------------------------- the tool
def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pvc_verify", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tool = load()


def run(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Its exit code and its report."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = tool.main(["--json", *map(str, arguments)])
    return code, json.loads(said.getvalue())


def apart(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A process of its own, as its reader starts it: away from the product and from what a user installed."""
    return subprocess.run(
        [sys.executable, "-I", TOOL, *arguments], capture_output=True, text=True, check=False, cwd="/"
    )


def check(log: Log, folder: Path, *more: str | Path) -> tuple[int, dict[str, Any]]:
    return run(log.write(folder), "--key", str(KEY.verifier), *more)


def named(report: dict[str, Any]) -> set[int]:
    """The entries that it finds fault with, or misses."""
    return {each["seq"] for each in report["tampered_entries"]} | set(report["missing"])


def kept(folder: Path, *texts: str, name: str = "kept") -> Path:
    path = folder / name
    path.write_text("".join(texts), encoding="utf-8")
    return path


# ----------------------------------------------------------------------------- whole logs
@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 1000])
def test_a_log_that_nobody_touched_is_whole(size: int, tmp_path: Path) -> None:
    sealed = {size, *range(256, size, 256)}
    code, report = check(log_of(size, sealed), tmp_path)
    assert (code, report["ok"], report["verdict"]) == (0, True, "ok")
    assert (report["total_entries"], report["verified"], report["tampered"]) == (size, size, 0)
    assert (report["missing"], report["truncated"], report["expected_size"]) == ([], False, size)
    assert (report["tampered_entries"], report["problems"]) == ([], [])
    assert (report["checkpoint"] or {"size": 0})["size"] == size


def test_what_the_server_exports_is_whole(committed: None, tmp_path: Path) -> None:
    tenant = sealed_log(300, 12, points=3)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(export.lines(tenant.pk)))
    code, report = run(path, "--key", str(note.signing_key(settings.AUDIT_KEY).verifier))
    assert (code, report["verified"], report["checkpoint"]["size"], report["problems"]) == (0, 312, 300, [])
    code, report = run(path, "--audit-key-file", kept(tmp_path, settings.AUDIT_KEY))
    assert (code, report["verified"], report["tenant"]) == (0, 312, str(tenant.pk))
    assert not any("MAC" in each or "no checkpoint" in each for each in report["not_checked"])


@pytest.mark.parametrize(
    ("change", "code", "verdict"), [(None, 0, "ok"), ("text changed", 1, "tampered"), ("no key", 2, "unknown")], ids=str
)
def test_it_needs_no_server_and_none_of_its_code(change: str | None, code: int, verdict: str, tmp_path: Path) -> None:
    log = log_of()
    if change in MUTATIONS:
        MUTATIONS[change](log, 10)
    keys = [] if change == "no key" else ["--key", str(KEY.verifier)]
    done = apart("--json", log.write(tmp_path), *keys)
    assert (done.returncode, done.stderr) == (code, "")
    assert json.loads(done.stdout)["verdict"] == verdict


def test_the_report_has_the_fields_of_the_servers() -> None:
    _, report = run("/nowhere/log.jsonl")
    contract = "total_entries verified tampered tampered_entries missing truncated expected_size checkpoint ok"
    assert set(contract.split()) <= report.keys()


def test_what_was_kept_elsewhere_fits(tmp_path: Path) -> None:
    log = log_of()
    receipt = f"18:{log.entry(18)['entry_hash']}"
    anchors = kept(tmp_path, *(written({"checkpoint": each}) for each in log.notes))
    code, report = check(log, tmp_path, "--anchors", anchors, "--checkpoint", anchors, "--receipt", receipt)
    assert (code, report["checkpoint"]["size"]) == (0, 18)
    assert not any("kept elsewhere" in each for each in report["not_checked"])
    (unsealed,) = (each for each in report["not_checked"] if "no checkpoint" in each)
    assert "Entries 19 to 20" in unsealed


def test_the_macs_are_checked_with_the_audit_key(tmp_path: Path) -> None:
    key = kept(tmp_path, AUDIT_KEY, "\n")
    code, report = run(log_of(sealed=()).write(tmp_path), "--audit-key-file", key)
    assert (code, report["ok"]) == (0, True)
    assert not any("MAC" in each for each in report["not_checked"])
    code, report = check(log_of(), tmp_path)
    assert code == 0
    assert any("MACs of the entries were not checked" in each for each in report["not_checked"])


def test_a_change_of_keys_is_followed(tmp_path: Path) -> None:
    old = note.signing_key(OLD_AUDIT_KEY)
    log = log_of(audit_key=lambda seq: OLD_AUDIT_KEY if seq <= 10 else AUDIT_KEY, signers=(old, KEY))
    change = log.entry(11)
    entry_hash = bytes.fromhex(change["entry_hash"])
    mac = chain.entry_mac(chain.tenant_key(OLD_AUDIT_KEY, TENANT), tenant=TENANT, seq=11, entry_hash=entry_hash)
    change |= {"second_key_id": chain.key_id(OLD_AUDIT_KEY), "second_mac": mac.hex()}
    files = [kept(tmp_path, AUDIT_KEY, name="new"), kept(tmp_path, OLD_AUDIT_KEY, name="old")]
    code, report = check(log, tmp_path, "--audit-key-file", files[0], "--audit-key-file", files[1])
    assert (code, report["verified"]) == (0, SIZE)
    assert not any("MACs" in each for each in report["not_checked"])
    code, report = check(log, tmp_path, "--audit-key-file", files[0])
    assert code == 0
    assert any("The MACs of 10 entries were not checked" in each for each in report["not_checked"])
    change["second_mac"] = change["mac"]
    code, report = check(log, tmp_path, "--audit-key-file", files[0], "--audit-key-file", files[1])
    assert (code, named(report)) == (1, {11})
    for signer in (old, KEY):
        assert run(tmp_path / "log.jsonl", "--key", str(signer.verifier))[0] == 0


def test_a_redacted_entry_that_the_log_tells_of_is_fine(tmp_path: Path) -> None:
    told = text_of(TENANT, 15, verb="audit.redacted", data={"seqs": [5], "reason": "a name in it"})
    log = log_of(texts={15: told})
    redact(log, 5)
    code, report = check(log, tmp_path)
    assert (code, report["verified"]) == (0, SIZE)
    assert any("1 redacted" in each for each in report["not_checked"])
    log.entry(5)["leaf"] = hashlib.sha256().hexdigest()
    assert named(check(log, tmp_path)[1]) == {5}


def test_json_written_by_another_hand_is_read(tmp_path: Path) -> None:
    log = log_of()
    log.raw = {each["seq"]: json.dumps(dict(reversed(each.items()))) + "\n" for each in log.entries}
    code, report = check(log, tmp_path)
    assert (code, report["verified"]) == (0, SIZE)


def test_it_speaks_plainly(tmp_path: Path) -> None:
    log = log_of()
    text_changed(log, 10)
    del log.entries[4]
    done = apart(log.write(tmp_path), "--key", str(KEY.verifier))
    assert done.returncode == 1
    said = done.stdout.splitlines()
    assert said[0] == f"Tenant {TENANT}: 19 entries, 18 of them without a fault."
    assert "Entry 5 is missing." in said
    assert any(line.startswith("Not checked: ") for line in said)
    assert said[-1] == "The log is not as it was written."


# ----------------------------------------------------------------------------- touched entries
Mutation = Callable[[Log, int], set[int]]
MUTATIONS: dict[str, Mutation] = {}


def mutation(change: Mutation) -> Mutation:
    """A way to touch one entry; says which must be named."""
    MUTATIONS[change.__name__.replace("_", " ")] = change
    return change


def touched(text: str) -> str:
    said = json.loads(text)
    said["target"] = "elsewhere"
    return canonical_json(said).decode()


def redact(log: Log, seq: int) -> None:
    entry = log.entry(seq)
    entry["leaf"] = chain.leaf_hash(entry.pop("canonical").encode()).hex()


@mutation
def text_changed(log: Log, seq: int) -> set[int]:
    log.entry(seq)["canonical"] = touched(log.entry(seq)["canonical"])
    return {seq}


@mutation
def hash_changed(log: Log, seq: int) -> set[int]:
    log.entry(seq)["entry_hash"] = hashlib.sha256().hexdigest()
    return {seq}


@mutation
def hash_before_changed(log: Log, seq: int) -> set[int]:
    log.entry(seq)["prev_hash"] = hashlib.sha256().hexdigest()
    return {seq}


@mutation
def text_and_hash_changed(log: Log, seq: int) -> set[int]:
    text_changed(log, seq)
    return hash_changed(log, seq)


@mutation
def replaced_by_a_whole_one(log: Log, seq: int) -> set[int]:
    entry = log.entry(seq)
    log.entries[seq - 1] = chained(TENANT, seq, touched(entry["canonical"]), entry["prev_hash"])
    return {seq}


@mutation
def replaced_by_a_whole_one_from_nowhere(log: Log, seq: int) -> set[int]:
    log.entries[seq - 1] = chained(TENANT, seq, touched(log.entry(seq)["canonical"]), hashlib.sha256().hexdigest())
    return {seq}


@mutation
def replaced_by_another_tenants(log: Log, seq: int) -> set[int]:
    log.entries[seq - 1] = log_of(tenant=OTHER_TENANT).entry(seq)
    return {seq}


@mutation
def deleted(log: Log, seq: int) -> set[int]:
    del log.entries[seq - 1]
    return {seq}


@mutation
def two_deleted(log: Log, seq: int) -> set[int]:
    del log.entries[seq - 1 : seq + 1]
    return {seq, seq + 1}


@mutation
def doubled(log: Log, seq: int) -> set[int]:
    log.entries.insert(seq, log.entry(seq))
    return {seq}


@mutation
def inserted(log: Log, seq: int) -> set[int]:
    entry = log.entry(seq)
    log.entries.insert(seq, chained(TENANT, seq, touched(entry["canonical"]), entry["entry_hash"]))
    return {seq}


@mutation
def inserted_from_far_away(log: Log, seq: int) -> set[int]:
    log.entries.insert(seq, chained(TENANT, 900, text_of(TENANT, 900), log.entry(seq)["entry_hash"]))
    return {900}


@mutation
def swapped(log: Log, seq: int) -> set[int]:
    log.entries[seq - 1 : seq + 1] = log.entries[seq - 1 : seq + 1][::-1]
    return {seq + 1}


@mutation
def texts_swapped(log: Log, seq: int) -> set[int]:
    one, other = log.entry(seq), log.entry(seq + 1)
    one["canonical"], other["canonical"] = other["canonical"], one["canonical"]
    return {seq, seq + 1}


@mutation
def moved_to_the_end(log: Log, seq: int) -> set[int]:
    log.entries.append(log.entries.pop(seq - 1))
    return {seq}


@mutation
def number_changed_on_the_line(log: Log, seq: int) -> set[int]:
    log.entry(seq)["seq"] = seq + 2
    return {seq}


@mutation
def number_changed_in_the_text(log: Log, seq: int) -> set[int]:
    entry = log.entry(seq)
    log.entries[seq - 1] = chained(TENANT, seq, text_of(TENANT, seq + 2), entry["prev_hash"])
    return {seq}


@mutation
def names_in_another_order(log: Log, seq: int) -> set[int]:
    said = json.loads(log.entry(seq)["canonical"])
    log.entry(seq)["canonical"] = json.dumps(dict(reversed(said.items())), separators=(",", ":"), ensure_ascii=False)
    return {seq}


@mutation
def text_with_spaces_and_rehashed(log: Log, seq: int) -> set[int]:
    entry = log.entry(seq)
    text = json.dumps(json.loads(entry["canonical"]), ensure_ascii=False, sort_keys=True)
    log.entries[seq - 1] = chained(TENANT, seq, text, entry["prev_hash"])
    return {seq}


@mutation
def field_added_and_rehashed(log: Log, seq: int) -> set[int]:
    entry = log.entry(seq)
    text = canonical_json({**json.loads(entry["canonical"]), "more": 1}).decode()
    log.entries[seq - 1] = chained(TENANT, seq, text, entry["prev_hash"])
    return {seq}


@mutation
def text_taken_out(log: Log, seq: int) -> set[int]:
    redact(log, seq)
    return {seq}


@mutation
def two_texts_on_one_line(log: Log, seq: int) -> set[int]:
    line = written(log.entry(seq))
    log.raw[seq] = line.replace('{"seq"', f'{{"canonical":{json.dumps(touched(log.entry(seq)["canonical"]))},"seq"')
    return {seq}


@mutation
def line_spoiled(log: Log, seq: int) -> set[int]:
    log.raw[seq] = written(log.entry(seq))[:-40] + "\n"
    return {seq}


@mutation
def line_emptied(log: Log, seq: int) -> set[int]:
    log.raw[seq] = "\n"
    return {seq}


@mutation
def line_in_latin_1(log: Log, seq: int) -> set[int]:
    log.raw[seq] = written(log.entry(seq)).replace("support", "supp\udcffrt")
    return {seq}


@mutation
def lone_surrogate(log: Log, seq: int) -> set[int]:
    log.raw[seq] = written(log.entry(seq)).replace("support", "supp\\ud800rt")
    return {seq}


@mutation
def line_ends_in_cr_lf(log: Log, seq: int) -> set[int]:
    log.raw[seq] = written(log.entry(seq)).replace("\n", "\r\n")
    return {seq}


@mutation
def key_id_that_is_none(log: Log, seq: int) -> set[int]:
    log.entry(seq)["key_id"] = "D232063A"
    return {seq}


@mutation
def upper_case_hash(log: Log, seq: int) -> set[int]:
    log.entry(seq)["entry_hash"] = log.entry(seq)["entry_hash"].upper()
    return {seq}


def check_mutation(change: Mutation, seq: int, folder: Path) -> None:
    log = log_of()
    expected = change(log, seq)
    code, report = check(log, folder)
    assert (code, report["ok"], report["verdict"]) == (1, False, "tampered")
    assert named(report) == expected


@pytest.mark.parametrize("seq", [1, 2, 10, 16, 18], ids=["first", "second", "middle", "last-sealed", "unsealed"])
@pytest.mark.parametrize("change", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_touched_entry_is_named_wherever_it_stands(change: Mutation, seq: int, tmp_path: Path) -> None:
    check_mutation(change, seq, tmp_path)


def test_the_last_entry_is_held_by_the_header(tmp_path: Path) -> None:
    for change in (text_changed, hash_changed, hash_before_changed, replaced_by_a_whole_one, line_spoiled):
        check_mutation(change, SIZE, tmp_path)


@pytest.mark.parametrize("field", ["mac", "key_id"])
def test_a_changed_mac_is_seen_with_the_audit_key_alone(field: str, tmp_path: Path) -> None:
    log = log_of()
    log.entry(10)[field] = log.entry(11)[field] if field == "mac" else chain.key_id("another")
    assert check(log, tmp_path)[0] == 0
    code, report = check(log, tmp_path, "--audit-key-file", kept(tmp_path, AUDIT_KEY))
    if field == "mac":
        assert (code, named(report)) == (1, {10})
    else:
        assert any("MACs of 1 entries were not checked" in each for each in report["not_checked"])


@pytest.mark.parametrize("order", [1, -1], ids=["in-order", "backwards"])
def test_entries_that_moved_together_are_not_missing(order: int, tmp_path: Path) -> None:
    log = log_of()
    moved = log.entries[4:9]
    log.entries[4:9] = []
    log.entries += moved[::order]
    code, report = check(log, tmp_path)
    assert (code, named(report), report["missing"]) == (1, {5, 6, 7, 8, 9}, [])


def test_a_log_begins_at_its_beginning(tmp_path: Path) -> None:
    """Each entry is whole, and each follows the one before it; the first follows one that is not there."""
    code, report = check(log_of(previous=hashlib.sha256().hexdigest()), tmp_path)
    assert (code, named(report)) == (1, {1})


def rewritten(log: Log, seq: int) -> None:
    """The history from an entry on, as somebody without the keys can write it: every hash is right."""
    for at in range(seq, SIZE + 1):
        entry = log.entry(at)
        text = touched(entry["canonical"]) if at == seq else entry["canonical"]
        previous = log.entry(at - 1)["entry_hash"] if at > 1 else chain.GENESIS.hex()
        log.entries[at - 1] = chained(TENANT, at, text, previous) | {"mac": entry["mac"]}
    log.header["head_hash"] = log.entry(SIZE)["entry_hash"]


@pytest.mark.parametrize(("seq", "stretch"), [(3, "entries 1 to 8"), (8, "entries 1 to 8"), (12, "entries 9 to 16")])
def test_a_history_written_anew_does_not_fit_what_was_signed(seq: int, stretch: str, tmp_path: Path) -> None:
    log = log_of()
    rewritten(log, seq)
    code, report = check(log, tmp_path)
    assert code == 1
    assert any(f"of the log does not fit: something was changed in {stretch}." in each for each in report["problems"])
    code, report = check(log, tmp_path, "--audit-key-file", kept(tmp_path, AUDIT_KEY))
    assert named(report) == set(range(seq, SIZE + 1))


def test_an_unsealed_end_written_anew_is_said_to_be_unchecked_and_seen_by_a_receipt(tmp_path: Path) -> None:
    log = log_of()
    receipt = f"19:{log.entry(19)['entry_hash']}"
    rewritten(log, 18)
    code, report = check(log, tmp_path)
    assert code == 0
    assert any("Entries 17 to 20 are under no checkpoint" in each for each in report["not_checked"])
    code, report = check(log, tmp_path, "--receipt", receipt)
    assert code == 1
    assert any(
        "entry 19 does not fit: something was changed in entries 17 to 19" in each for each in report["problems"]
    )


# ----------------------------------------------------------------------------- cut ends
def cut(log: Log, size: int) -> Log:
    """A log cut to a size, with its header and its checkpoints, as whoever holds the file can do."""
    header = log.header | {
        "size": size,
        "head_hash": log.entries[size - 1]["entry_hash"] if size else chain.GENESIS.hex(),
    }
    notes = [each for each in log.notes if Checkpoint.parse(note.parse(each).text).size <= size]
    return Log(header, log.entries[:size], notes)


def test_a_cut_end_is_seen_by_the_header(tmp_path: Path) -> None:
    log = log_of()
    del log.entries[18:]
    code, report = check(log, tmp_path)
    assert (code, report["truncated"], report["expected_size"], report["missing"]) == (1, True, 20, [19, 20])
    assert any("ends at entry 18. It had 20, as the header shows" in each for each in report["problems"])


def test_a_cut_end_is_seen_by_the_logs_own_checkpoints(tmp_path: Path) -> None:
    log = log_of()
    cut_log = cut(log, 8)
    cut_log.notes = log.notes
    code, report = check(cut_log, tmp_path)
    assert (code, report["truncated"], report["expected_size"]) == (1, True, 16)
    shown = "The log ends at entry 8. It had 16, as the checkpoint in line 11 of the log shows."
    assert report["problems"] == [shown]


@pytest.mark.parametrize("size", [15, 0])
def test_an_end_cut_with_all_that_tells_of_it_is_seen_by_what_was_kept_elsewhere(size: int, tmp_path: Path) -> None:
    log = log_of()
    for more in (
        ["--anchors", kept(tmp_path, *(written({"checkpoint": each}) for each in log.notes), name="anchors")],
        ["--checkpoint", kept(tmp_path, log.notes[-1], name="checkpoint")],
        ["--receipt", f"16:{log.entry(16)['entry_hash']}"],
    ):
        code, report = check(cut(log, size), tmp_path, *more)
        assert (code, report["truncated"], report["expected_size"]) == (1, True, 16)


@pytest.mark.parametrize("size", [16, 0])
def test_an_end_cut_with_all_that_tells_of_it_cannot_be_seen_and_that_is_said(size: int, tmp_path: Path) -> None:
    code, report = check(cut(log_of(), size), tmp_path)
    assert (code, report["truncated"]) == (0, False)
    assert any("If the end was cut off" in each and "kept elsewhere" in each for each in report["not_checked"])


@pytest.mark.parametrize("ending", [-1, -30])
def test_a_last_line_cut_short_is_seen(ending: int, tmp_path: Path) -> None:
    path = log_of(sealed=()).write(tmp_path)
    path.write_bytes(path.read_bytes()[:ending])
    code, report = run(path, "--key", str(KEY.verifier))
    assert (code, named(report)) == (1, {SIZE})
    assert (report["truncated"], report["missing"]) == (False, [])


def test_entries_behind_the_end_are_seen(tmp_path: Path) -> None:
    log = log_of()
    log.entries.append(chained(TENANT, 21, text_of(TENANT, 21), log.entry(20)["entry_hash"]))
    code, report = check(log, tmp_path)
    assert code == 1
    assert any("The header tells of 20 entries, and the file goes on to 21" in each for each in report["problems"])


def test_a_line_that_is_no_entry_is_seen(tmp_path: Path) -> None:
    log = log_of()
    log.raw[10] = '{"seq":10}\n' + written(log.entry(10))
    code, report = check(log, tmp_path)
    assert (code, named(report)) == (1, set())
    assert any("Line 11 of the log is no entry" in each for each in report["problems"])


# ----------------------------------------------------------------------------- checkpoints
def test_a_false_signature_is_seen(tmp_path: Path) -> None:
    log = log_of()
    above, _, signature = log.notes[1].rstrip("\n").rpartition(" ")
    spoiled = bytearray(base64.b64decode(signature))
    spoiled[20] ^= 1
    log.notes[1] = f"{above} {base64.b64encode(spoiled).decode()}\n"
    code, report = check(log, tmp_path)
    assert code == 1
    assert any("line 23 of the log may not be believed" in each for each in report["problems"])
    assert report["checkpoint"]["size"] == 8


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"pvc/{TENANT}\n",
        f"pvc/{TENANT}\n8\n",
        f"pvc/{TENANT}\n08\n{ROOT}\n",
        f"pvc/{TENANT}\n8\n{ROOT[:-4]}\n",
        f"pvc/{TENANT}\n8\n{'0' * 64}\n",
        f"pvc/{TENANT}\n8\n{ROOT}\n\nmore\n",
        f"pvc/{TENANT}\n8\n{ROOT}\nhead {'A' * 64}\n",
        f"pvc/{TENANT}\n8\n{ROOT}\nhead {'0' * 64}\nhead {'0' * 64}\n",
    ],
    ids=["origin", "no-root", "zero-before", "short-root", "hex", "empty-line", "upper-case", "two-heads"],
)
def test_what_is_signed_and_no_checkpoint_is_seen(text: str, tmp_path: Path) -> None:
    log = log_of()
    log.notes.append(note.sign(text, [KEY]))
    code, report = check(log, tmp_path)
    assert code == 1
    (problem,) = report["problems"]
    assert problem.startswith("The checkpoint in line 24 of the log may not be believed")


def test_a_changed_checkpoint_is_seen(tmp_path: Path) -> None:
    log = log_of()
    log.notes[1] = log.notes[1].replace("\n16\n", "\n17\n")
    assert check(log, tmp_path)[0] == 1


def test_a_checkpoint_of_another_tenant_is_seen(tmp_path: Path) -> None:
    log = log_of()
    foreign = log_of(tenant=OTHER_TENANT).notes[0]
    code, report = check(log, tmp_path, "--checkpoint", kept(tmp_path, foreign))
    assert (code, report["verdict"], report["problems"]) == (2, "unknown", [])
    log.notes[0] = foreign
    code, report = check(log, tmp_path)
    assert code == 1
    assert any("line 22 of the log may not be believed: it is of another log" in each for each in report["problems"])


@pytest.mark.parametrize("size", [8, 30], ids=["inside", "beyond"])
def test_two_histories_are_seen(size: int, tmp_path: Path) -> None:
    log = log_of()
    roots = [hashlib.sha256(each).digest() for each in (b"one", b"two")]
    notes = [signed(size, root, log.entry(8)["entry_hash"]) for root in roots]
    code, report = check(log, tmp_path, "--anchors", kept(tmp_path, *(written({"checkpoint": each}) for each in notes)))
    assert code == 1
    assert any(f"two histories of the first {size} entries" in each for each in report["problems"])


def test_a_receipt_that_does_not_fit_is_seen(tmp_path: Path) -> None:
    code, report = check(log_of(), tmp_path, "--receipt", f"9:{hashlib.sha256().hexdigest()}")
    assert (code, named(report)) == (1, {9})
    code, report = check(log_of(), tmp_path, "--receipt", f"10:{hashlib.sha256().hexdigest()}")
    assert code == 1
    assert any(
        "The receipt of entry 10 does not fit: something was changed in entries 9 to 10" in each
        for each in report["problems"]
    )


def test_a_checkpoint_line_in_another_form_is_seen(tmp_path: Path) -> None:
    log = log_of()
    path = log.write(tmp_path)
    for spoiled in (b'{ "checkpoint"', b'{"checkpoint" ', b'{"checkpoint":"","checkpoint"'):
        path.write_bytes(log.write(tmp_path).read_bytes().replace(b'{"checkpoint"', spoiled, 1))
        code, _ = run(path, "--key", str(KEY.verifier))
        assert (code, spoiled) == (0 if spoiled == b'{"checkpoint" ' else 1, spoiled)


def test_anchors_of_all_tenants_are_read(tmp_path: Path) -> None:
    """A folder as the server keeps it: other tenants' files, and a line whose writer was stopped."""
    log, foreign = log_of(), log_of(tenant=OTHER_TENANT)
    anchors = tmp_path / "anchors"
    (anchors / "deeper").mkdir(parents=True)
    torn = written({"checkpoint": foreign.notes[1]})[:50]
    kept(anchors, written({"checkpoint": foreign.notes[0]}), torn, name="other.jsonl")
    kept(anchors / "deeper", *(written({"checkpoint": each, "size": 1}) for each in log.notes), name="own.jsonl")
    kept(anchors, log.notes[0], name="single")
    kept(anchors, json.dumps({"note": log.notes[0]}, indent=2), name="answer.json")
    kept(anchors, torn, written({"checkpoint": log.notes[0]}) * 2, name="again.jsonl")
    code, report = check(cut(log, 15), tmp_path, "--anchors", anchors)
    assert (code, len(report["problems"]), report["expected_size"]) == (1, 1, 16)
    code, report = check(log, tmp_path, "--anchors", anchors)
    assert (code, report["problems"]) == (0, [])
    assert any(
        each.startswith("2 lines or files among the anchors hold no checkpoint") for each in report["not_checked"]
    )
    assert not any("kept elsewhere" in each for each in report["not_checked"])


def test_a_false_signature_among_the_anchors_is_seen(tmp_path: Path) -> None:
    log = log_of()
    anchor = kept(tmp_path, written({"checkpoint": log.notes[1].replace("\n16\n", "\n15\n")}))
    for option in ("--anchors", "--checkpoint"):
        code, report = check(log, tmp_path, option, anchor)
        assert code == 1
        assert any("the signature of pvc+" in each for each in report["problems"])


@pytest.mark.parametrize("text", ["", "hello\n", "{}", '{"note":1}\n{}', "[]"], ids=ascii)
def test_a_kept_file_that_holds_no_checkpoint_is_no_use(text: str, tmp_path: Path) -> None:
    code, report = check(log_of(), tmp_path, "--checkpoint", kept(tmp_path, text))
    assert (code, report["verdict"], report["problems"]) == (2, "unknown", [])
    assert any("is no use" in each for each in report["not_checked"])


# ----------------------------------------------------------------------------- what cannot be told
def test_without_a_key_nothing_is_believed(tmp_path: Path) -> None:
    path = log_of().write(tmp_path)
    stranger = note.signing_key(OLD_AUDIT_KEY).verifier
    for arguments in ([], ["--key", str(stranger)], ["--receipt", f"20:{log_of().entry(20)['entry_hash']}"]):
        code, report = run(path, *arguments)
        assert (code, report["ok"], report["verdict"]) == (2, False, "unknown")
        assert any("no given key" in each or "no key was given" in each for each in report["not_checked"])


def test_a_log_with_nothing_signed_is_not_believed(tmp_path: Path) -> None:
    code, report = check(log_of(sealed=()), tmp_path)
    assert (code, report["tampered"], report["verdict"]) == (2, 0, "unknown")


def test_without_a_key_what_is_broken_is_still_seen(tmp_path: Path) -> None:
    log = log_of()
    text_changed(log, 10)
    code, report = run(log.write(tmp_path))
    assert (code, named(report)) == (1, {10})


HEADERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another format": lambda header: header | {"format": "pvc-audit-2"},
    "no size": lambda header: {name: header[name] for name in header if name != "size"},
    "a size below nothing": lambda header: header | {"size": -1},
    "a size in words": lambda header: header | {"size": "20"},
    "no tenant": lambda header: header | {"tenant": "acme"},
    "a tenant in capitals": lambda header: header | {"tenant": str(TENANT).upper()},
    "no hash": lambda header: header | {"head_hash": ""},
    "a key that is none": lambda header: header | {"verifier_keys": ["pvc"]},
    "a list": lambda header: [header],
    "an entry": lambda _: log_of().entries[0],
}


@pytest.mark.parametrize("spoil", HEADERS.values(), ids=HEADERS.keys())
def test_a_file_without_a_header_is_no_log(spoil: Callable[[dict[str, Any]], Any], tmp_path: Path) -> None:
    log = log_of()
    log.header = spoil(log.header)
    code, report = check(log, tmp_path)
    assert (code, report["verdict"]) == (2, "unknown")
    assert len(report["problems"]) == 1


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe", b"[" * 100_000, b"hello\n"], ids=repr)
def test_a_file_that_is_no_log_at_all_is_none(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(data)
    assert run(tmp_path / "log.jsonl", "--key", str(KEY.verifier))[0] == 2


def test_what_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    path, missing = log_of().write(tmp_path), tmp_path / "missing"
    for arguments in (
        [missing],
        [tmp_path],
        [path, "--anchors", missing],
        [path, "--checkpoint", missing],
        [path, "--audit-key-file", missing],
        [path, "--key", "pvc+00000000+AAAA"],
    ):
        code, report = run(*arguments)
        assert (code, report["verdict"]) == (2, "unknown")


@pytest.mark.parametrize("receipt", ["9", "9:ab", f"0:{'0' * 64}", f"x:{'0' * 64}", f"9:{'A' * 64}", f"-1:{'0' * 64}"])
def test_a_receipt_is_number_and_hash(receipt: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        run(log_of().write(tmp_path), f"--receipt={receipt}")
    assert refused.value.code == 2


# ----------------------------------------------------------------------------- canonical text
def some_value(chance: random.Random, depth: int = 0) -> Any:
    match chance.randrange(9 if depth < 3 else 7):
        case 0:
            return chance.choice([None, True, False, "", [], {}, 0, -0.0, 2**53 - 1, 1 - 2**53])
        case 1:
            return chance.randrange(-(2**53) + 1, 2**53)
        case 2:
            return chance.uniform(-1, 1) * 10.0 ** chance.randrange(-320, 308)
        case 3:
            return float(chance.randrange(-(10**6), 10**6)) * 10.0 ** chance.randrange(-10, 25)
        case 4:
            return chance.randrange(10**6) / 1000
        case 5 | 6:
            return "".join(chance.choice('a"\\/\b\f\n\r\t\x00\x1f\x7fé\u2028\ue000\uffff\U0001f600') for _ in range(4))
        case 7:
            return [some_value(chance, depth + 1) for _ in range(3)]
        case _:
            names = ("".join(chance.choice("abc1\ue000\uffff\U0001f600") for _ in range(2)) for _ in range(4))
            return {name: some_value(chance, depth + 1) for name in names}


def test_its_canonical_json_is_that_of_the_server() -> None:
    chance = random.Random(8785)
    for _ in range(2_000):
        value = {"a": some_value(chance)}
        text = rfc8785.dumps(value).decode()
        assert tool.canonical(json.loads(text)) == text
        assert tool.read_canonical(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1.0}',
        '{"a":1e3}',
        '{"a":1E-7}',
        '{"a":1e-07}',
        '{"a":1e21}',
        '{"a":-0}',
        '{"a":01}',
        '{"a":9007199254740993}',
        '{"a":100000000000000000001}',
        '{"a":1e400}',
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":"\\u0041"}',
        '{"a":"\\/"}',
        '{"a":"\\u001F"}',
        '{"a":"\\u000a"}',
        '{"a":"\x7f\\u007f"}',
        '{"a":"\\ud83d\\ude00"}',
        '{"a":"\\ud800"}',
        '{"a":"\ud800"}',
        '{"a":"\n"}',
        '{"b":1,"a":1}',
        '{"a":1,"a":1}',
        '{"\uffff":1,"\U0001f600":1}',
        '{"a": 1}',
        ' {"a":1}',
        '{"a":1}\n',
        '{"a":1}{}',
        '{"a":1,}',
        "{'a':1}",
        '\ufeff{"a":1}',
        '"a"',
        "[1]",
        "1",
        "",
        '{"a":' * 50_000,
        f'{{"a":{"9" * 5000}}}',
        f'{{"a":{"9" * 400}}}',
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_other_text_is_not_canonical(text: str) -> None:
    with pytest.raises(tool.Fault):
        tool.read_canonical(text)


# ----------------------------------------------------------------------------- a long log
def write_long_log(path: Path, size: int) -> None:
    """A log as `log_of` makes it, a note for 256 entries, without holding it in memory."""
    previous, tree, notes = chain.GENESIS, merkle.Tree(), []
    key, key_id = chain.tenant_key(AUDIT_KEY, TENANT), chain.key_id(AUDIT_KEY)
    body = path.with_suffix(".body")
    pattern = text_of(TENANT, 10**9, prompt_id=TENANT, data={"digest": "5" * 64, "reason": "shorter answers"})
    with body.open("w", encoding="utf-8") as file:
        for seq in range(1, size + 1):
            text = pattern.replace("1000000000", str(seq))
            tree.add(chain.leaf_hash(text.encode()))
            entry_hash = chain.entry_hash(previous, text.encode())
            mac = chain.entry_mac(key, tenant=TENANT, seq=seq, entry_hash=entry_hash)
            file.write(
                f'{{"seq":{seq},"canonical":{json.dumps(text, ensure_ascii=False)},"prev_hash":"{previous.hex()}",'
                f'"entry_hash":"{entry_hash.hex()}","key_id":"{key_id}","mac":"{mac.hex()}"}}\n'
            )
            previous = entry_hash
            if seq % 256 == 0 or seq == size:
                notes.append(signed(seq, tree.root(), previous.hex()))
    with path.open("w", encoding="utf-8") as file, body.open(encoding="utf-8") as entries:
        file.write(written(log_of(0).header | {"size": size, "head_hash": previous.hex()}))
        file.writelines(entries)
        file.writelines(written({"checkpoint": each}) for each in notes)


@pytest.mark.long
def test_a_million_entries_take_less_than_half_a_minute_of_one_processor(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    write_long_log(path, 1_000_000)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = apart("--json", path, "--key", str(KEY.verifier))
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    report = json.loads(done.stdout)
    assert (done.returncode, report["verified"], report["checkpoint"]["size"]) == (0, 1_000_000, 1_000_000)
    assert seconds < 30
