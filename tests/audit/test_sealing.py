"""Checkpoints: when they are made, what they say, where they are kept; keys that change; what proves what."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from audit import anchors, chain, keys, merkle, note, sealing
from audit.models import AuditEntry, AuditHead, Checkpoint, OutboxEvent, TreeNode
from audit.verify import verify
from pvc.errors import DomainError
from tenants.models import Tenant
from tests import factories
from tests.audit.logs import as_owner, grow, sealed_log, size_of, tampered
from tests.factories import Client, error_of, json_of


def newest(tenant: Tenant) -> Checkpoint:
    return Checkpoint.objects.of(tenant.pk)[0]


# ----------------------------------------------------------------------------- what they say
def test_a_checkpoint_signs_the_root_over_all_entries(committed: None) -> None:
    tenant = sealed_log(300, 7, points=2)
    assert list(Checkpoint.objects.of(tenant.pk).values_list("size", flat=True)) == [300, 150]
    for checkpoint in Checkpoint.objects.of(tenant.pk):
        said = note.Checkpoint.parse(note.parse(checkpoint.note).text)
        entries = AuditEntry.objects.filter(tenant_id=tenant.pk, seq__lte=checkpoint.size).order_by("seq")
        leaves = [chain.leaf_hash(bytes(each.canonical)) for each in entries]
        assert said.root == merkle.root(leaves) == bytes(checkpoint.root_hash)
        assert said.head == bytes(entries[checkpoint.size - 1].entry_hash)
        assert (said.size, note.tenant_of(said.origin)) == (checkpoint.size, str(tenant.pk))
        assert note.verify(note.parse(checkpoint.note), sealing.verifier_keys())


def test_subscribers_are_sent_it(committed: None) -> None:
    tenant = sealed_log(10)
    [event] = OutboxEvent.objects.filter(tenant_id=tenant.pk, type="audit.checkpoint")
    checkpoint = newest(tenant)
    assert event.data == {
        "size": 10,
        "rootHash": bytes(checkpoint.root_hash).hex(),
        "headHash": bytes(checkpoint.head_hash).hex(),
        "note": checkpoint.note,
    }
    assert not AuditEntry.objects.filter(tenant_id=tenant.pk, verb="audit.checkpoint").exists()


def test_one_hash_is_kept_for_256_entries(committed: None) -> None:
    tenant = sealed_log(600, points=5)
    assert list(TreeNode.objects.filter(tenant_id=tenant.pk).values_list("level", "index").order_by("index")) == [
        (8, 0),
        (8, 1),
    ]


# ----------------------------------------------------------------------------- when they are made
def due(tenant: Tenant) -> bool:
    before = Checkpoint.objects.of(tenant.pk).count()
    sealing.seal_due("worker")
    return Checkpoint.objects.of(tenant.pk).count() > before


def test_a_log_is_sealed_once_it_has_grown_and_five_seconds_later(committed: None, monkeypatch: Any) -> None:
    tenant = factories.make_tenant()
    assert due(tenant)
    assert not due(tenant)
    grow(tenant, 3)
    assert not due(tenant), "five seconds have not passed"
    monkeypatch.setattr(sealing, "SECONDS", 0)
    assert due(tenant)
    assert newest(tenant).size == size_of(tenant)


def test_256_entries_do_not_wait(committed: None) -> None:
    tenant = factories.make_tenant()
    sealing.seal(tenant.pk)
    grow(tenant, 255)
    assert not due(tenant)
    grow(tenant, 1)
    assert due(tenant)


def test_two_sealers_make_one_checkpoint(committed: None) -> None:
    tenant = sealed_log(5, 5)
    made: list[Checkpoint | None] = []

    def seal() -> None:
        try:
            made.append(sealing.seal(tenant.pk))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=seal) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert len([each for each in made if each]) == 1
    assert Checkpoint.objects.of(tenant.pk).count() == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET canonical = canonical || ' ' WHERE tenant_id = %(tenant)s AND seq = 12",
        "DELETE FROM audit_auditentry WHERE tenant_id = %(tenant)s AND seq = 12",
        "UPDATE audit_audithead SET head_hash = sha256('x') WHERE tenant_id = %(tenant)s",
        "UPDATE audit_audithead SET size = 14 WHERE tenant_id = %(tenant)s",
    ],
    ids=["changed", "deleted", "another head", "a shorter head"],
)
def test_a_log_that_does_not_verify_is_not_sealed(committed: None, statement: str) -> None:
    tenant = sealed_log(10, 5)
    with as_owner(), tampered(statement, tenant=tenant.pk):
        head, last = AuditHead.objects.get(pk=tenant.pk), newest(tenant)
        with pytest.raises(sealing.BrokenLog):
            sealing.covered(tenant.pk, head, last)


# ----------------------------------------------------------------------------- outside of the database
def test_each_checkpoint_is_written_outside_before_it_counts(committed: None, settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path)
    tenant = sealed_log(30, points=3)
    stored = list(Checkpoint.objects.filter(tenant_id=tenant.pk).order_by("size").values_list("note", flat=True))
    assert list(anchors.read(tmp_path, tenant.pk)) == stored
    assert list(anchors.read(tmp_path, factories.make_tenant().pk)) == []
    lines = (tmp_path / f"{tenant.pk}.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines if line] == [{"checkpoint": each} for each in stored]


def test_what_is_anchored_shows_a_log_whose_end_and_checkpoints_are_gone(
    committed: None, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path)
    tenant = sealed_log(40, points=2)
    anchored = list(anchors.read(tmp_path, tenant.pk))
    ring = keys.ring()
    row = AuditEntry.objects.get(tenant_id=tenant.pk, seq=20)
    key = ring.mac_key(ring.key_id, tenant.pk)
    assert key is not None
    mac = chain.head_mac(key, tenant=tenant.pk, size=20, head_hash=bytes(row.entry_hash))
    statements = (
        "DELETE FROM audit_auditentry WHERE tenant_id = %(tenant)s AND seq > 20",
        "DELETE FROM audit_checkpoint WHERE tenant_id = %(tenant)s AND size > 20",
        "UPDATE audit_audithead SET size = 20, head_hash = %(head)s, mac = %(mac)s WHERE tenant_id = %(tenant)s",
    )
    with as_owner(), tampered(*statements, tenant=tenant.pk, head=bytes(row.entry_hash), mac=mac):
        assert verify(tenant.pk, full=True).ok, "nothing in the database shows it"
        report = verify(tenant.pk, full=True, anchored=anchored)
        assert (report.ok, report.truncated, report.expected_size) == (False, True, 40)


def test_a_disk_that_is_gone_stops_no_sealing(committed: None, settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "not there")
    assert newest(sealed_log(5)).size == 5


# ----------------------------------------------------------------------------- another key
def test_another_key_takes_over_and_both_vouch_for_it(committed: None, settings: Any) -> None:
    tenant = sealed_log(10)
    old = settings.AUDIT_KEY
    settings.AUDIT_KEY, settings.AUDIT_PREVIOUS_KEYS = "the next key of the log, with enough characters", [old]
    grow(tenant, 3)
    entries = AuditEntry.objects.filter(tenant_id=tenant.pk, seq__gt=10).order_by("seq")
    assert [each.verb for each in entries] == ["audit.key_changed", *["namespace.updated"] * 3]
    assert entries[0].data == {"from": chain.key_id(old), "to": keys.ring().key_id}
    assert (entries[0].second_key_id, entries[1].second_key_id) == (chain.key_id(old), "")
    sealing.seal(tenant.pk)
    assert len(note.parse(newest(tenant).note).signatures) == 2
    assert verify(tenant.pk, full=True).ok
    settings.AUDIT_PREVIOUS_KEYS = []
    report = verify(tenant.pk, full=True)
    assert report.macs_unchecked == 10
    assert {each.reason for each in report.faults} == {"checkpoint"}, "the old checkpoint's only key is unknown now"


def test_an_unknown_key_stops_the_writing(committed: None, settings: Any) -> None:
    tenant = sealed_log(10)
    settings.AUDIT_KEY = "a key of which nobody has said that it follows the other"
    with pytest.raises(DomainError) as refused:
        grow(tenant, 1)
    assert refused.value.code == "AUDIT_HEAD_BROKEN"


def test_the_key_before_signs_nothing_any_more(committed: None, settings: Any) -> None:
    """Whoever stole the old key signs entries with it that hash rightly; the change says from when on not."""
    tenant = sealed_log(10)
    old, new = settings.AUDIT_KEY, "the next key of the log, with enough characters"
    settings.AUDIT_KEY, settings.AUDIT_PREVIOUS_KEYS = new, [old]
    grow(tenant, 2)
    settings.AUDIT_KEY, settings.AUDIT_PREVIOUS_KEYS = old, [new]
    grow(tenant, 1)
    settings.AUDIT_KEY, settings.AUDIT_PREVIOUS_KEYS = new, [old]
    report = verify(tenant.pk, full=True)
    assert "key" in {each.reason for each in report.faults}


# ----------------------------------------------------------------------------- over HTTP
@pytest.fixture
def tenant(committed: None) -> Tenant:
    return sealed_log(300, 6, points=3)


@pytest.fixture
def api(tenant: Tenant) -> Client:
    return factories.client_of(factories.make_actor(tenant))


def test_the_newest_checkpoint_is_handed_out(api: Client, tenant: Tenant) -> None:
    shown = json_of(api.get("/prompts/audit/checkpoint"))
    assert (shown["size"], shown["note"]) == (300, newest(tenant).note)
    assert shown["verifier_keys"] == [str(each) for each in sealing.verifier_keys()]
    fresh = factories.client_of(factories.make_actor(factories.make_tenant()))
    assert fresh.get("/prompts/audit/checkpoint").status_code == 404


@pytest.mark.parametrize("seq", [1, 2, 99, 100, 101, 256, 257, 299, 300])
def test_an_entry_is_proved_to_be_in_the_log(api: Client, tenant: Tenant, seq: int) -> None:
    shown = json_of(api.get(f"/prompts/audit/proofs/inclusion?seq={seq}&size=300"))
    proof = [bytes.fromhex(each) for each in shown["proof"]]
    root = bytes.fromhex(shown["root_hash"])
    assert merkle.verify_inclusion(bytes.fromhex(shown["leaf"]), seq - 1, 300, proof, root)
    assert root == note.Checkpoint.parse(note.parse(shown["note"]).text).root
    assert shown["hash"] == bytes(AuditEntry.objects.get(tenant_id=tenant.pk, seq=seq).entry_hash).hex()


@pytest.mark.parametrize(("old", "new"), [(100, 200), (100, 300), (200, 300), (300, 300)])
def test_the_log_is_proved_to_have_grown(api: Client, old: int, new: int) -> None:
    shown = json_of(api.get(f"/prompts/audit/proofs/consistency?from={old}&to={new}"))
    proof = [bytes.fromhex(each) for each in shown["proof"]]
    roots = bytes.fromhex(shown["old_root"]), bytes.fromhex(shown["new_root"])
    assert merkle.verify_consistency(old, new, *roots, proof)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("inclusion", 400),
        ("inclusion?seq=0", 400),
        ("inclusion?seq=x", 400),
        ("inclusion?seq=301", 400),
        ("inclusion?seq=1&size=17", 404),
        ("consistency", 400),
        ("consistency?from=300&to=100", 400),
        ("consistency?from=17", 404),
    ],
)
def test_what_cannot_be_proved_is_refused(api: Client, path: str, status: int) -> None:
    assert api.get(f"/prompts/audit/proofs/{path}").status_code == status


def test_verification_answers_as_the_document_says(api: Client, tenant: Tenant) -> None:
    report = json_of(api.post("/prompts/audit/verify"))
    assert report["ok"] is True
    assert report["total_entries"] == report["verified"] == size_of(tenant)
    assert (report["tampered"], report["tampered_entries"]) == (0, [])
    again = json_of(api.post("/prompts/audit/verify"))
    assert again["checked_from"] == 300
    assert json_of(api.post("/prompts/audit/verify?full=1"))["checked_from"] == 0


def test_a_report_on_one_prompt_counts_its_entries(api: Client, tenant: Tenant) -> None:
    made = json_of(api.post("/prompts", {"name": "support", "template": "a"}))
    report = json_of(api.post(f"/prompts/audit/verify?template_id={made['id']}"))
    assert (report["total_entries"], report["verified"], report["ok"]) == (2, 2, True)
    assert api.post("/prompts/audit/verify?template_id=support").status_code == 400


def test_what_the_caller_kept_is_compared(api: Client, tenant: Tenant) -> None:
    made = api.post("/prompts", {"name": "support", "template": "a"})
    receipt: dict[str, Any] = {"seq": int(made["X-Audit-Seq"]), "hash": made["X-Audit-Hash"]}
    kept = {"checkpoints": [newest(tenant).note], "receipts": [receipt]}
    assert json_of(api.post("/prompts/audit/verify", kept))["ok"] is True
    later = {"receipts": [{**receipt, "seq": receipt["seq"] + 1}]}
    cut_off = json_of(api.post("/prompts/audit/verify", later))
    assert (cut_off["ok"], cut_off["truncated"], cut_off["expected_size"]) == (False, True, receipt["seq"] + 1)
    other = {"receipts": [{**receipt, "hash": "0" * 64}]}
    assert json_of(api.post("/prompts/audit/verify", other))["tampered_entries"][0]["seq"] == receipt["seq"]


@pytest.mark.parametrize(
    "body",
    [
        {"receipts": [{"seq": 1}]},
        {"receipts": [{"seq": 0, "hash": "0" * 64}]},
        {"receipts": [{"seq": 1, "hash": "x"}]},
        {"checkpoints": [5]},
        {"checkpoints": "note"},
        {"notes": []},
    ],
    ids=json.dumps,
)
def test_what_is_no_evidence_is_refused(api: Client, body: dict[str, Any]) -> None:
    refused = api.post("/prompts/audit/verify", body)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "VALIDATION_ERROR")


def test_it_takes_the_right_to_read_the_log(tenant: Tenant) -> None:
    author = factories.client_of(factories.make_actor(tenant, "", "Author"))
    for answer in (author.post("/prompts/audit/verify"), author.get("/prompts/audit/checkpoint")):
        assert (answer.status_code, error_of(answer)["details"]) == (403, {"scope": "audit:read"})


# ----------------------------------------------------------------------------- under load
@pytest.mark.full
def test_eight_writers_and_a_sealer_raise_no_false_alarm(committed: None) -> None:
    """A hundred verifications while eight write and one seals; each verification sees some end of the log."""
    tenant = factories.make_tenant()
    stop, faults = threading.Event(), []

    def work(job: Any) -> None:
        try:
            while not stop.is_set():
                job()
        except BaseException as fault:  # noqa: BLE001  # looked at below
            faults.append(fault)
        finally:
            connections.close_all()

    def write() -> None:
        grow(tenant, 3)
        time.sleep(0.05)

    def seal() -> None:
        sealing.seal(tenant.pk)
        time.sleep(0.05)

    threads = [threading.Thread(target=work, args=(write,)) for _ in range(8)]
    threads.append(threading.Thread(target=work, args=(seal,)))
    for each in threads:
        each.start()
    try:
        for number in range(100):
            report = verify(tenant.pk, full=number % 20 == 0)
            assert report.ok, report.as_dict()
    finally:
        stop.set()
        for each in threads:
            each.join(60)
    assert faults == []
    assert Checkpoint.objects.of(tenant.pk).count() > 5
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
