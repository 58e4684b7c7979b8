"""audit_verify, export_audit, redact_audit: the exit code, what is said, and what is left of a redacted entry."""
# ruff: noqa: S608 — statements are put together from the names written here

import json
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, ManagementUtility, call_command
from django.db import connection, connections, transaction

from audit import anchors, chain, export, keys, merkle, sealing
from audit.entries import Part, check_entries
from audit.management.commands import audit_verify
from audit.models import AuditEntry, Checkpoint
from audit.verify import verify
from tenants.models import Actor, Tenant
from tests import factories
from tests.audit.logs import as_owner, grow, sealed_log, size_of, tampered
from tests.audit.test_offline_verifier import apart
from tests.factories import json_of

ONE = "tenant_id = %(tenant)s AND seq = %(seq)s"
EDITED = f"UPDATE audit_auditentry SET actor = 'mallory' WHERE {ONE}"
DELETED = f"DELETE FROM audit_auditentry WHERE {ONE}"


# ----------------------------------------------------------------------------- tools
def run(name: str, *arguments: str | Path) -> tuple[int, Any, str]:
    """The exit code, what is said in JSON, and the sentence of an error."""
    out = StringIO()
    code, sentence = 0, ""
    try:
        call_command(name, *map(str, arguments), "--json", stdout=out)
    except CommandError as error:
        code, sentence = error.returncode, str(error)
    except SystemExit as end:
        code = int(end.code or 0)
    return code, json.loads(out.getvalue() or "null"), sentence


def verified(tenant: Tenant, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """The exit code and the report on one tenant's log."""
    code, told, sentence = run("audit_verify", "--tenant", tenant.slug, *arguments)
    assert sentence == ""
    assert told.keys() == {tenant.slug}
    return code, told[tenant.slug]


def exit_of(*arguments: str | Path) -> int:
    """How a process that runs this command ends."""
    with pytest.raises(SystemExit) as end:
        ManagementUtility(["manage.py", *map(str, arguments)]).execute()
    return int(end.value.code or 0)


def cut_off(tenant: Tenant, size: int) -> tuple[list[str], dict[str, Any]]:
    """Everything after an entry is gone, in every table, and an older end with its signature is put back."""
    row = AuditEntry.objects.get(tenant_id=tenant.pk, seq=size)
    head_hash, key = bytes(row.entry_hash), keys.ring().mac_key(row.key_id, tenant.pk)
    assert key is not None
    statements = [
        "DELETE FROM audit_auditentry WHERE tenant_id = %(tenant)s AND seq > %(seq)s",
        "DELETE FROM audit_checkpoint WHERE tenant_id = %(tenant)s AND size > %(seq)s",
        "UPDATE audit_audithead SET size = %(seq)s, head_hash = %(head)s, mac = %(mac)s WHERE tenant_id = %(tenant)s",
    ]
    mac = chain.head_mac(key, tenant=tenant.pk, size=size, head_hash=head_hash)
    return statements, {"tenant": tenant.pk, "seq": size, "head": head_hash, "mac": mac}


def entry_of(tenant: Tenant, seq: int) -> AuditEntry:
    return AuditEntry.objects.get(tenant_id=tenant.pk, seq=seq)


# ----------------------------------------------------------------------------- audit_verify: whole
def test_a_whole_log_ends_with_exit_code_0(committed: None) -> None:
    tenant = sealed_log(40, 3, points=2)
    code, report = verified(tenant)
    assert (code, report["ok"], report["checked_from"]) == (0, True, 0)
    assert (report["total_entries"], report["checkpoint"]["size"], report["unsealed_tail"]) == (43, 40, 3)
    assert verified(tenant)[1]["checked_from"] == 40
    assert verified(tenant, "--full")[1]["checked_from"] == 0


def test_without_a_name_every_tenants_log_is_verified(acme: Tenant, other: Tenant) -> None:
    grow(acme, 5)
    code, told, _ = run("audit_verify")
    assert code == 0
    assert {slug: report["total_entries"] for slug, report in told.items()} == {
        "acme": size_of(acme),
        "other": size_of(other),
    }


def test_it_says_in_words_what_it_found(committed: None) -> None:
    tenant, out = sealed_log(20, 2), StringIO()
    call_command("audit_verify", "--tenant", tenant.slug, stdout=out)
    assert out.getvalue().startswith(f"{tenant.slug}: whole. 22 entries, 20 of them sealed; ")
    out = StringIO()
    with (
        as_owner(),
        tampered(EDITED, DELETED.replace("%(seq)s", "8"), tenant=tenant.pk, seq=7),
        pytest.raises(SystemExit),
    ):
        call_command("audit_verify", "--tenant", tenant.slug, "--full", stdout=out)
    said = out.getvalue()
    assert f"{tenant.slug}: TAMPERED WITH." in said
    assert "7 column     Its column actor does not say what was signed." in said
    assert "missing: 8" in said


# ----------------------------------------------------------------------------- audit_verify: tampered with
def test_an_edited_column_ends_with_exit_code_1(committed: None) -> None:
    tenant = sealed_log(30, 3)
    with as_owner(), tampered(EDITED, tenant=tenant.pk, seq=32):
        code, report = verified(tenant)
    assert code == 1
    assert [(each["seq"], each["reason"]) for each in report["tampered_entries"]] == [(32, "column")]


def test_of_all_logs_the_one_that_is_not_whole_is_told_of(committed: None) -> None:
    one, two = sealed_log(10), sealed_log(10)
    with as_owner(), tampered(EDITED, tenant=one.pk, seq=5):
        code, told, _ = run("audit_verify")
    assert code == 1
    assert (told[one.slug]["ok"], told[two.slug]["ok"]) == (False, True)


def as_anchors(tenant: Tenant, folder: Path) -> list[str | Path]:
    return ["--anchor-dir", folder]


def as_a_note(tenant: Tenant, folder: Path) -> list[str | Path]:
    (folder / "kept").write_text(Checkpoint.objects.of(tenant.pk)[0].note)
    return ["--checkpoint", folder / "kept"]


def as_lines(tenant: Tenant, folder: Path) -> list[str | Path]:
    return ["--checkpoint", anchors.path_of(folder, tenant.pk)]


def as_the_routes_answer(tenant: Tenant, folder: Path) -> list[str | Path]:
    """`curl …/prompts/audit/checkpoint > checkpoint.json`."""
    answer = factories.client_of(factories.make_actor(tenant)).get("/prompts/audit/checkpoint")
    (folder / "checkpoint.json").write_bytes(answer.content)
    return ["--checkpoint", folder / "checkpoint.json"]


def as_a_receipt(tenant: Tenant, folder: Path) -> list[str | Path]:
    return ["--receipt", f"40:{bytes(entry_of(tenant, 40).entry_hash).hex()}"]


@pytest.mark.parametrize("kept", [as_anchors, as_a_note, as_lines, as_the_routes_answer, as_a_receipt])
def test_what_was_kept_outside_shows_that_the_end_is_gone(
    committed: None, settings: Any, tmp_path: Path, kept: Callable[[Tenant, Path], list[str | Path]]
) -> None:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path)
    tenant = sealed_log(40, points=2)
    evidence = kept(tenant, tmp_path)
    assert verified(tenant, "--full", *evidence)[0] == 0
    statements, values = cut_off(tenant, 20)
    with as_owner(), tampered(*statements, **values):
        assert verified(tenant, "--full")[0] == 0, "nothing in the database shows it"
        code, report = verified(tenant, "--full", *evidence)
    assert (code, report["truncated"], report["expected_size"]) == (1, True, 40)


def test_a_receipt_of_another_entry_ends_with_exit_code_1(committed: None) -> None:
    code, report = verified(sealed_log(10), "--receipt", f"7:{'0' * 64}")
    assert code == 1
    assert [(each["seq"], each["reason"]) for each in report["tampered_entries"]] == [(7, "receipt")]


def test_a_checkpoint_of_another_log_ends_with_exit_code_1(committed: None, tmp_path: Path) -> None:
    tenant, foreign = sealed_log(10), sealed_log(10)
    code, report = verified(tenant, *as_a_note(foreign, tmp_path))
    assert (code, report["tampered_entries"][0]["reason"]) == (1, "checkpoint")


# ----------------------------------------------------------------------------- audit_verify: not to be told
@pytest.fixture
def plain(committed: None) -> Tenant:
    return sealed_log(10)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tenant", "nobody-has-this-name"], "There is no tenant nobody-has-this-name."),
        (["--tenant", "{slug}", "--anchor-dir", "{folder}/missing"], "{folder}/missing is no directory."),
        (["--tenant", "{slug}", "--anchor-dir", "{folder}/note"], "{folder}/note is no directory."),
        (["--tenant", "{slug}", "--anchor-dir", "{folder}/anchors"], "Is a directory"),
        (["--tenant", "{slug}", "--checkpoint", "{folder}/missing"], "No such file"),
        (["--tenant", "{slug}", "--checkpoint", "{folder}"], "Is a directory"),
        (["--tenant", "{slug}", "--checkpoint", "{folder}/latin-1"], "{folder}/latin-1"),
        (["--tenant", "{slug}", "--checkpoint", "{folder}/other.json"], "{folder}/other.json"),
        (["--checkpoint", "{folder}/note"], "say --tenant"),
        (["--receipt", f"1:{'0' * 64}"], "say --tenant"),
        (["--tenant", "{slug}", "--receipt", "1:abc"], "a receipt is SEQ:HASH"),
        (["--tenant", "{slug}", "--receipt", f"0:{'0' * 64}"], "a receipt is SEQ:HASH"),
    ],
    ids=[
        "unknown tenant",
        "no anchors",
        "a file for anchors",
        "anchors that cannot be read",
        "no checkpoint",
        "a folder for a checkpoint",
        "a checkpoint that is no text",
        "JSON in which no checkpoint stands",
        "whose checkpoint",
        "whose receipt",
        "a receipt that is none",
        "a receipt of no entry",
    ],
)
def test_what_cannot_be_told_ends_with_exit_code_2(
    plain: Tenant, capsys: Any, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "note").write_text(Checkpoint.objects.of(plain.pk)[0].note)
    (tmp_path / "latin-1").write_bytes("à la carte".encode("latin-1"))
    (tmp_path / "other.json").write_text('{"size": 10}')
    anchors.path_of(tmp_path / "anchors", plain.pk).mkdir(parents=True)
    places = {"slug": plain.slug, "folder": tmp_path}
    assert exit_of("audit_verify", *[each.format(**places) for each in arguments]) == 2
    said = capsys.readouterr()
    assert sentence.format(**places) in said.err
    assert said.out == ""


def test_a_database_that_is_away_ends_with_exit_code_2(plain: Tenant, capsys: Any) -> None:
    config = connection.settings_dict
    port = config["PORT"]
    connection.close()
    config["PORT"] = "1"
    try:
        assert exit_of("audit_verify", "--tenant", plain.slug) == 2
    finally:
        config["PORT"] = port
        connection.close()
    assert "The database cannot be reached" in capsys.readouterr().err


def test_in_a_process_of_its_own_it_ends_as_it_says(plain: Tenant, capsys: Any) -> None:
    assert exit_of("audit_verify", "--tenant", plain.slug, "--receipt", f"7:{'0' * 64}") == 1
    assert "TAMPERED WITH" in capsys.readouterr().out


# ----------------------------------------------------------------------------- audit_verify: in several processes
SEALED, TAIL = 201, 20
SIZE = SEALED + TAIL


def commit(*statements: str, **values: Any) -> None:
    """As the owner of the tables, so that other processes see it; the triggers are as they were then."""
    triggers = {
        "audit_auditentry": "audit_entries_are_append_only",
        "audit_checkpoint": "checkpoints_are_append_only",
    }
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        for table, trigger in triggers.items():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        for statement in statements:
            cursor.execute(statement, values)
        for table, trigger in triggers.items():
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
    connections["owner"].close()


def in_processes(tenant: Tenant, number: int, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report, without how long it took; that there were other processes is seen by their memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    code, report = verified(tenant, *arguments, "--processes", str(number))
    assert (resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt > before) is (number > 1)
    del report["duration_ms"]
    return code, report


@pytest.fixture
def long_log(committed: None, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """Long enough for three processes."""
    monkeypatch.setattr(audit_verify, "WORTH_A_PROCESS", 50)
    return sealed_log(SEALED, TAIL, points=3)


def test_several_processes_find_the_same_log_whole(long_log: Tenant) -> None:
    alone = in_processes(long_log, 1, "--full")
    assert (alone[0], alone[1]["verified"], alone[1]["checked_from"]) == (0, SIZE, 0)
    assert in_processes(long_log, 2, "--full") == in_processes(long_log, 3, "--full") == alone
    grow(long_log, 130)
    alone = in_processes(long_log, 1)
    assert (alone[0], alone[1]["checked_from"]) == (0, SEALED)
    assert in_processes(long_log, 2) == alone


def test_a_short_log_is_not_worth_a_process(long_log: Tenant) -> None:
    assert verified(long_log, "--full")[0] == 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    assert verified(long_log, "--processes", "4")[1]["checked_from"] == SEALED
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt == before


FAULTS = {
    "a column": EDITED,
    "an entry deleted": DELETED,
    "two deleted": "DELETE FROM audit_auditentry WHERE tenant_id = %(tenant)s AND seq IN (%(seq)s, %(seq)s + 1)",
    "a hash": f"UPDATE audit_auditentry SET entry_hash = sha256('x') WHERE {ONE}",
    "the hash before": f"UPDATE audit_auditentry SET prev_hash = sha256('x') WHERE {ONE}",
    "a signature": f"UPDATE audit_auditentry SET mac = sha256('x') WHERE {ONE}",
    "a key": f"UPDATE audit_auditentry SET key_id = '0123abcd' WHERE {ONE}",
    "the text": f"UPDATE audit_auditentry SET canonical = canonical || ' ' WHERE {ONE}",
    "taken out": f"UPDATE audit_auditentry SET leaf = sha256('\\x00'::bytea || canonical) WHERE {ONE}",
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_several_processes_find_the_same_faults(long_log: Tenant, fault: str) -> None:
    """In the midst of what one process reads, and at the two entries where two processes meet."""
    meeting = 1 + SIZE // 2
    for number, seq in enumerate([meeting + 30, meeting - 1, meeting], start=1):
        tenant = long_log if number == 1 else sealed_log(SEALED, TAIL, points=3)
        commit(fault, tenant=tenant.pk, seq=seq)
        alone = in_processes(tenant, 1, "--full")
        assert (alone[0], in_processes(tenant, 2, "--full")) == (1, alone), seq


@pytest.mark.parametrize("away", [-1, 0], ids=["the last of one", "the first of the next"])
def test_an_entry_that_is_missing_where_two_processes_meet_is_missed(
    committed: None, monkeypatch: pytest.MonkeyPatch, away: int
) -> None:
    """Beyond the last checkpoint no root tells of it."""
    monkeypatch.setattr(audit_verify, "WORTH_A_PROCESS", 50)
    tenant = sealed_log(10, 110)
    commit(DELETED, tenant=tenant.pk, seq=61 + away)
    code, report = in_processes(tenant, 2, "--full")
    assert (code, report["missing"]) == (1, [61 + away])


# ----------------------------------------------------------------------------- export_audit
def checked(path: Path, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """What the verifier for other places says of a file, with the key that the server hands out."""
    done = apart("--json", path, "--key", str(sealing.verifier_keys()[0]), *map(str, arguments))
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_an_exported_log_is_found_whole_elsewhere(committed: None, settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")
    Path(settings.AUDIT_ANCHOR_DIR).mkdir()
    tenant = sealed_log(300, 12, points=3)
    path = tmp_path / "log.jsonl"
    code, told, _ = run("export_audit", path, "--tenant", tenant.slug)
    assert (code, told) == (0, {"tenant": tenant.slug, "file": str(path), "lines": 1 + 312 + 3, "entries": 312})
    (tmp_path / "key").write_text(settings.AUDIT_KEY)
    receipt = f"312:{bytes(entry_of(tenant, 312).entry_hash).hex()}"
    more: list[str | Path] = ["--anchors", settings.AUDIT_ANCHOR_DIR, "--receipt", receipt]
    code, report = checked(path, *more, "--audit-key-file", tmp_path / "key")
    assert (code, report["verdict"], report["verified"], report["tenant"]) == (0, "ok", 312, str(tenant.pk))
    assert (report["problems"], report["not_checked"]) == ([], [])
    assert checked(path)[0] == 0


def test_what_the_server_kept_outside_shows_elsewhere_that_the_end_is_gone(
    committed: None, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")
    Path(settings.AUDIT_ANCHOR_DIR).mkdir()
    tenant, path = sealed_log(40, points=2), tmp_path / "log.jsonl"
    statements, values = cut_off(tenant, 20)
    with as_owner(), tampered(*statements, **values):
        assert run("export_audit", path, "--tenant", tenant.slug)[0] == 0
    assert checked(path)[0] == 0, "nothing in the file shows it"
    code, report = checked(path, "--anchors", settings.AUDIT_ANCHOR_DIR)
    assert (code, report["truncated"], report["expected_size"]) == (1, True, 40)


def test_what_was_changed_before_is_found_elsewhere(committed: None, tmp_path: Path) -> None:
    tenant, path = sealed_log(30), tmp_path / "log.jsonl"
    text = "replace(convert_from(canonical, 'UTF8'), 'Näme', 'Name')::bytea"
    statement = f"UPDATE audit_auditentry SET canonical = {text} WHERE {ONE}"
    with as_owner(), tampered(statement, tenant=tenant.pk, seq=9):
        assert run("export_audit", path, "--tenant", tenant.slug)[0] == 0
    code, report = checked(path)
    assert (code, [each["seq"] for each in report["tampered_entries"]]) == (1, [9])


def test_the_command_says_where_the_log_is(plain: Tenant, tmp_path: Path) -> None:
    out, path = StringIO(), tmp_path / "log.jsonl"
    call_command("export_audit", str(path), "--tenant", plain.slug, stdout=out)
    assert out.getvalue() == f"10 entries of {plain.slug} are in {path}.\n"


@pytest.mark.parametrize(
    ("name", "slug", "sentence"),
    [
        ("there", None, "{path} exists already."),
        ("folder", None, "{path} exists already."),
        ("missing/log.jsonl", None, "{path} cannot be written: No such file or directory."),
        ("there/log.jsonl", None, "{path} cannot be written: Not a directory."),
        ("log.jsonl", "nobody-has-this-name", "There is no tenant nobody-has-this-name."),
    ],
)
def test_a_log_is_written_to_a_new_file_or_not_at_all(
    plain: Tenant, tmp_path: Path, name: str, slug: str | None, sentence: str
) -> None:
    (tmp_path / "there").write_text("something else")
    (tmp_path / "folder").mkdir()
    code, told, said = run("export_audit", tmp_path / name, "--tenant", slug or plain.slug)
    assert (code, told) == (1, None)
    assert said.startswith(sentence.format(path=tmp_path / name))
    assert (tmp_path / "there").read_text() == "something else"
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["folder", "there"]


# ----------------------------------------------------------------------------- redact_audit
REASON = "erasure request 17"


@pytest.fixture
def admin(plain: Tenant) -> Actor:
    """An administrator; the log has thirty entries under checkpoints, and a few after the last."""
    by = factories.make_actor(plain)
    grow(plain, 30 - size_of(plain))
    sealing.seal(plain.pk)
    grow(plain, 4)
    return by


def redact(by: Actor, *seqs: int, reason: str = REASON) -> tuple[int, Any, str]:
    arguments = ["--tenant", by.tenant.slug, "--as", by.name, "--reason", reason]
    return run("redact_audit", *arguments, *map(str, seqs))


def everything(tenant: Tenant) -> list[dict[str, Any]]:
    """Every row of the log and its end, to the byte."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(e) FROM audit_auditentry e WHERE tenant_id = %s ORDER BY seq", [tenant.pk])
        rows = cursor.fetchall()
        cursor.execute("SELECT to_jsonb(h) FROM audit_audithead h WHERE tenant_id = %s", [tenant.pk])
        return [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in [*rows, *cursor.fetchall()]]


def test_a_redacted_entry_says_nothing_any_more(admin: Actor) -> None:
    tenant = admin.tenant
    before = {seq: bytes(entry_of(tenant, seq).entry_hash) for seq in (20, 33)}
    assert "Näme" in json.dumps(everything(tenant)[19], ensure_ascii=False)
    code, told, _ = redact(admin, 20, 33)
    assert (code, told) == (0, {"tenant": tenant.slug, "redacted": 2})
    for seq, entry_hash in before.items():
        entry = entry_of(tenant, seq)
        assert (entry.actor, entry.via, entry.verb, entry.target) == ("", "system", "entry.redacted", "")
        assert (entry.prompt_id, entry.data, entry.at.year, bytes(entry.canonical)) == (None, {}, 1970, b"")
        assert bytes(entry.entry_hash) == entry_hash
    rows = everything(tenant)
    assert sum("Näme" in json.dumps(row, ensure_ascii=False) for row in rows) == sum(
        row.get("verb") == "namespace.updated" for row in rows
    )
    shown = json_of(factories.client_of(admin).get("/prompts/audit?limit=100"))["data"]
    assert [each["data"] for each in shown if each["seq"] in before] == [{}, {}]


def test_it_is_itself_written_down_with_its_reason(admin: Actor) -> None:
    last = size_of(admin.tenant)
    assert redact(admin, 33, 20, 33)[0] == 0
    assert size_of(admin.tenant) == last + 1
    entry = entry_of(admin.tenant, last + 1)
    assert (entry.verb, entry.actor, entry.via) == ("audit.redacted", admin.name, "command")
    assert (entry.target, entry.data) == (str(admin.tenant.pk), {"seqs": [20, 33], "reason": REASON})


def test_a_log_in_which_something_was_redacted_is_whole(admin: Actor, tmp_path: Path) -> None:
    tenant = admin.tenant
    kept = Checkpoint.objects.of(tenant.pk)[0]
    leaf = chain.leaf_hash(bytes(entry_of(tenant, 20).canonical))
    assert redact(admin, 20, 33)[0] == 0
    report = verify(tenant.pk, full=True, checkpoints=[kept.note])
    assert (report.ok, report.last_entry) == (True, 35)
    shown = json_of(factories.client_of(admin).get("/prompts/audit/proofs/inclusion?seq=20&size=30"))
    proof = [bytes.fromhex(each) for each in shown["proof"]]
    assert (shown["leaf"], shown["root_hash"]) == (leaf.hex(), bytes(kept.root_hash).hex())
    assert merkle.verify_inclusion(leaf, 19, 30, proof, bytes(kept.root_hash))
    assert sealing.seal(tenant.pk) is not None
    assert verified(tenant, "--full")[1]["checkpoint"]["size"] == 35
    assert run("export_audit", tmp_path / "log.jsonl", "--tenant", tenant.slug)[0] == 0
    code, offline = checked(tmp_path / "log.jsonl")
    assert (code, offline["verified"], offline["checkpoint"]["size"]) == (0, 35, 35)
    assert "The texts of 2 redacted entries are gone; places and hashes are there." in offline["not_checked"]


def test_a_redaction_while_the_log_is_read_raises_no_alarm(admin: Actor) -> None:
    """The entry that tells of it stands behind the end that the verification knows of."""

    def read(*stretch: Any) -> Part:
        assert redact(admin, 20)[0] == 0
        return check_entries(*stretch)

    report = verify(admin.tenant.pk, full=True, read=read).as_dict()
    assert (report["ok"], report["tampered_entries"], report["total_entries"]) == (True, [], 34)


def test_a_redaction_while_the_log_is_exported_raises_no_alarm(admin: Actor, tmp_path: Path) -> None:
    def by_another() -> None:
        assert redact(admin, 20)[0] == 0
        connections.close_all()

    lines, path = export.lines(admin.tenant.pk), tmp_path / "log.jsonl"
    header = next(lines)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(by_another).result(30)
    path.write_bytes(header + b"".join(lines))
    assert "Näme" not in json.dumps(everything(admin.tenant)[19], ensure_ascii=False)
    code, report = checked(path)
    assert (code, report["tampered_entries"]) == (0, [])


def test_the_serving_role_cannot_take_anything_out(admin: Actor) -> None:
    before = everything(admin.tenant)
    with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute("UPDATE audit_auditentry SET leaf = sha256('x') WHERE tenant_id = %s", [admin.tenant.pk])
    assert redact(admin, 20)[0] == 0
    with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute("UPDATE audit_auditentry SET leaf = NULL WHERE tenant_id = %s", [admin.tenant.pk])
    with transaction.atomic("owner"), pytest.raises(Exception, match="audit_entries_are_append_only"):
        connections["owner"].cursor().execute("UPDATE audit_auditentry SET data = '{}'")
    assert everything(admin.tenant)[:19] == before[:19], "the triggers are there again"


def test_what_was_redacted_and_is_not_told_of_is_found(admin: Actor, tmp_path: Path) -> None:
    assert redact(admin, 20)[0] == 0
    told_of = json.loads(bytes(entry_of(admin.tenant, 35).canonical))
    assert told_of["data"]["seqs"] == [20]
    with (
        as_owner(),
        tampered(
            "UPDATE audit_auditentry e SET leaf = o.leaf, canonical = '', at = o.at, actor = o.actor, via = o.via,"
            " verb = o.verb, target = o.target, prompt_id = NULL, data = '{}' FROM audit_auditentry o"
            " WHERE e.tenant_id = %(tenant)s AND e.seq = 21 AND o.tenant_id = e.tenant_id AND o.seq = 20",
            tenant=admin.tenant.pk,
        ),
    ):
        code, report = verified(admin.tenant, "--full")
        assert run("export_audit", tmp_path / "log.jsonl", "--tenant", admin.tenant.slug)[0] == 0
    assert code == 1
    assert (21, "redaction") in {(each["seq"], each["reason"]) for each in report["tampered_entries"]}
    code, offline = checked(tmp_path / "log.jsonl")
    assert (code, [each["seq"] for each in offline["tampered_entries"]]) == (1, [21])


def test_the_entries_in_which_the_log_speaks_of_itself_stay(admin: Actor, settings: Any) -> None:
    assert redact(admin, 20)[0] == 0
    assert entry_of(admin.tenant, 35).verb == "audit.redacted"
    settings.AUDIT_PREVIOUS_KEYS = [settings.AUDIT_KEY]
    settings.AUDIT_KEY = "the next key of the log, with enough characters"
    grow(admin.tenant, 1)
    assert entry_of(admin.tenant, 36).verb == "audit.key_changed"
    before = everything(admin.tenant)
    for seq in (35, 36):
        code, told, sentence = redact(admin, 21, seq)
        assert (code, told) == (1, None)
        assert sentence == f"Entry {seq} is one in which the log speaks of itself; it stays. (NOT_REDACTABLE)"
    assert everything(admin.tenant) == before


@pytest.mark.parametrize(
    ("changes", "seqs", "sentence"),
    [
        ({"reason": "too short"}, [20], "Say why, in 10 characters or more."),
        ({"reason": f"  short  {' ' * 20}"}, [20], "Say why, in 10 characters or more."),
        ({"as": "author"}, [20], "{author} does not hold admin."),
        ({"as": "foreigner"}, [20], "{foreigner} is no active member of the tenant {slug}."),
        ({"as": "nobody-has-this-name"}, [20], "There is no user nobody-has-this-name."),
        ({"tenant": "nobody-has-this-name"}, [20], "There is no tenant nobody-has-this-name."),
        ({}, [20, 9999], "There is no entry 9999. (NOT_FOUND)"),
        ({}, [0], "There is no entry 0. (NOT_FOUND)"),
    ],
    ids=["short", "spaces", "no right", "another tenant's", "nobody", "no tenant", "no entry", "no number"],
)
def test_a_redaction_that_is_refused_changes_nothing(
    admin: Actor, changes: dict[str, str], seqs: list[int], sentence: str
) -> None:
    people = {
        "author": factories.make_actor(admin.tenant, "", "Author").name,
        "foreigner": factories.make_actor(factories.make_tenant()).name,
    }
    before = everything(admin.tenant)
    said = {"tenant": admin.tenant.slug, "as": admin.name, "reason": REASON} | changes
    said["as"] = people.get(said["as"], said["as"])
    arguments = [f"--{name}={value}" for name, value in said.items()]
    code, told, refusal = run("redact_audit", *arguments, *map(str, seqs))
    assert (code, told) == (1, None)
    assert refusal.startswith(sentence.format(slug=admin.tenant.slug, **people))
    assert everything(admin.tenant) == before
