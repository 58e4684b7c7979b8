"""The chain's bytes, recomputed with nothing but hashlib, from what the documents say of them."""

import datetime as dt
import hashlib
import hmac
import json
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from audit import chain
from pvc import crypto
from tenants.models import Tenant
from tests import factories
from tests.factories import Client, json_of

TENANT = uuid.UUID("018f2a6b-7c3d-7e4f-8a9b-0c1d2e3f4a5b")
PROMPT = uuid.UUID("018f2a6b-7c3d-7e4f-8a9b-000000000001")
KEY = "an audit key for a fixed vector, 40 long"
AT = dt.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)
CANONICAL = (
    '{"actor":"josé","at":1772368215123456,"data":{"\\u0001":null,"a":[1,1e+21,true],"é":"\\"\\\\/"},'
    '"prompt_id":"018f2a6b-7c3d-7e4f-8a9b-000000000001","seq":7,"target":"t",'
    '"tenant":"018f2a6b-7c3d-7e4f-8a9b-0c1d2e3f4a5b","v":1,"verb":"prompt.created","via":"key:01234567"}'
).encode()


def entry(**changes: Any) -> bytes:
    parts: dict[str, Any] = {
        "tenant": TENANT,
        "seq": 7,
        "at": AT,
        "actor": "josé",
        "via": "key:01234567",
        "verb": "prompt.created",
        "target": "t",
        "prompt_id": PROMPT,
        "data": {"é": '"\\/', "a": [1, 1e21, True], "\x01": None},
    }
    return chain.canonical_entry(**{**parts, **changes})


def test_an_entrys_bytes_are_these() -> None:
    assert entry() == CANONICAL
    assert b'"prompt_id":null' in entry(prompt_id=None)
    assert b'"at":1772368215123456' in entry(at=AT.astimezone(dt.timezone(dt.timedelta(hours=9))))


def test_the_hashes_of_an_entry_are_these() -> None:
    """Fixed, so that a log written today verifies for ever."""
    assert chain.leaf_hash(CANONICAL).hex() == "99cc3a1843da785a08c77a1accf1a8760ff61986d24c1d45d594fd773cd7f99e"
    assert (
        chain.entry_hash(chain.GENESIS, CANONICAL).hex()
        == "5b305759082adee18a842eee86b1752c6c1ede6c1d750d586fa2e5ae59b06a6e"
    )
    key = chain.tenant_key(KEY, TENANT)
    assert key.hex() == "d3f637169d347c159c4b28d112cf576edc98c630e67f6183b77fb5402ab9ef76"
    assert chain.key_id(KEY) == "d232063a"
    hashed = chain.entry_hash(chain.GENESIS, CANONICAL)
    assert (
        chain.entry_mac(key, tenant=TENANT, seq=7, entry_hash=hashed).hex()
        == "a42cc2920a8eaaf5c7b3a7c507f8af34518a982b5cddb94e501a968235f2926d"
    )
    assert (
        chain.head_mac(key, tenant=TENANT, size=7, head_hash=hashed).hex()
        == "3960153aaa7d14ce02ea8df1636f8dd83e358e59998f87c06a5b114f3d28a2a8"
    )


# ----------------------------------------------------------------------------- the same, by the documents
def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869."""
    pseudo_random, block, out = mac(salt, secret), b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = mac(pseudo_random, block + info + bytes([number]))
        out += block
    return out[:length]


def test_the_key_derivation_is_hkdf() -> None:
    """RFC 5869, A.1, holds for the function above; the chain's key is what it gives."""
    vector = hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert vector.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    assert chain.tenant_key(KEY, TENANT) == hkdf(KEY.encode(), TENANT.bytes, b"pvc-audit-mac-1", 32)


@pytest.mark.parametrize("other", [uuid.UUID(int=1), uuid.UUID(int=TENANT.int ^ 1)])
def test_tenants_have_keys_of_their_own(other: uuid.UUID) -> None:
    assert chain.tenant_key(KEY, TENANT) != chain.tenant_key(KEY, other)


def test_leaf_entry_and_macs_are_as_the_documents_say() -> None:
    previous, key = sha256(b"before"), sha256(b"key")
    assert chain.leaf_hash(CANONICAL) == sha256(b"\x00" + CANONICAL)
    assert chain.entry_hash(previous, CANONICAL) == sha256(b"\x02" + previous + sha256(b"\x00" + CANONICAL))
    eight = (258).to_bytes(8, "big")
    assert chain.entry_mac(key, tenant=TENANT, seq=258, entry_hash=previous) == mac(
        key, b"pvc-audit-1" + TENANT.bytes + eight + previous
    )
    assert chain.head_mac(key, tenant=TENANT, size=258, head_hash=previous) == mac(
        key, b"pvc-audit-head-1" + TENANT.bytes + eight + previous
    )


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": PROMPT},
        {"seq": 8},
        {"at": AT + dt.timedelta(microseconds=1)},
        {"actor": "jose"},
        {"via": "console"},
        {"verb": "prompt.updated"},
        {"target": "u"},
        {"prompt_id": None},
        {"data": {}},
    ],
    ids=str,
)
def test_every_part_of_an_entry_is_in_its_bytes(change: dict[str, Any]) -> None:
    assert entry(**change) != CANONICAL


# ----------------------------------------------------------------------------- as stored
COLUMNS = "seq, at, actor, via, verb, target, prompt_id, data, canonical, prev_hash, entry_hash, key_id, mac"


def check_chain(tenant: Tenant) -> int:
    """Recompute a tenant's whole log from its rows; how many entries it has."""
    audit_key = settings.AUDIT_KEY.encode()
    key = hkdf(audit_key, tenant.pk.bytes, b"pvc-audit-mac-1", 32)
    key_id = hashlib.sha256(b"pvc-audit-key-id" + audit_key).hexdigest()[:8]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM audit_auditentry WHERE tenant_id = %s ORDER BY seq",  # noqa: S608 — a constant
            [tenant.pk],
        )
        rows = cursor.fetchall()
        cursor.execute("SELECT size, head_hash, key_id, mac FROM audit_audithead WHERE tenant_id = %s", [tenant.pk])
        (head,) = cursor.fetchall()
    previous = bytes(32)
    for number, row in enumerate(rows, 1):
        seq, at, actor, via, verb, target, prompt_id, data, canonical, prev_hash, entry_hash, row_key, row_mac = row
        assert seq == number
        said = json.loads(bytes(canonical))
        assert said == {
            "v": 1,
            "tenant": str(tenant.pk),
            "seq": seq,
            "at": round(at.timestamp() * 1_000_000),
            "actor": actor,
            "via": via,
            "verb": verb,
            "target": target,
            "prompt_id": str(prompt_id) if prompt_id else None,
            "data": json.loads(data) if isinstance(data, str) else data,
        }
        sorted_text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert bytes(canonical) == sorted_text.encode()
        assert bytes(prev_hash) == previous
        previous = sha256(b"\x02" + previous + sha256(b"\x00" + bytes(canonical)))
        assert bytes(entry_hash) == previous
        assert row_key == key_id
        assert bytes(row_mac) == mac(key, b"pvc-audit-1" + tenant.pk.bytes + seq.to_bytes(8, "big") + previous)
    size, head_hash, head_key, its_mac = head
    assert isinstance(size, int)
    assert (size, bytes(head_hash), head_key) == (len(rows), previous, key_id)
    assert bytes(its_mac) == mac(key, b"pvc-audit-head-1" + tenant.pk.bytes + size.to_bytes(8, "big") + previous)
    return size


def test_a_tenants_log_can_be_recomputed_from_its_rows(as_admin: Client, as_eve: Client, acme: Tenant) -> None:
    before = check_chain(acme)
    made = json_of(as_admin.post("/prompts", {"name": "support", "template": "Grüße, {{ name }}"}))
    version = json_of(as_admin.post("/prompts/support/versions", {"content": "Sei kurz 🙂"}))
    as_eve.post("/prompts", {"name": "elsewhere", "template": "a"})
    as_admin.post(
        "/prompts/support/tags/production",
        {"versionId": version["id"], "reason": 'kürzer \u2028 "quoted" \\ \x7f'},
    )
    as_admin.put("/prompts/support", {"description": "neu"})
    as_admin.delete(f"/prompts/{made['id']}")
    as_admin.delete("/prompts/support")  # refused, and written down
    assert check_chain(acme) == before + 7


def test_a_new_tenants_log_begins_with_zeros(db: None) -> None:
    tenant = factories.make_tenant()
    assert check_chain(tenant) == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT prev_hash FROM audit_auditentry WHERE tenant_id = %s AND seq = 1", [tenant.pk])
        (first,) = cursor.fetchone() or (b"",)
    assert bytes(first) == bytes(32)


def test_canonical_json_is_rfc_8785() -> None:
    """The vector of RFC 8785, section 3.2.2, whose bytes stand in section 3.2.4."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert crypto.canonical_json(value) == expected.encode()
