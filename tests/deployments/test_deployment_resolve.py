"""Resolving a deployment: what a session is served, in which form, out of what is kept, and never what was before."""

import copy
import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from deployments import splits
from pvc import store
from tenants.scopes import GATEWAY
from tests import factories
from tests.conftest import Furnish
from tests.deployments import split_ground
from tests.deployments.reference import loaded
from tests.deployments.split_ground import Split
from tests.factories import Client, error_of, json_of

REFERENCE = loaded()

Laid = tuple[Split, dict[str, Any], Split]
ANSWER = ["versionId", "deploymentId", "variantId", "isControl", "versionNumber", "content", "sessionId"]
#: Every character takes four bytes in UTF-8.
EMOJI = "\U0001f600"
LONG = "A long text of a prompt, which says the same again and again. " * 40
#: What no compressor makes smaller.
NOISE = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(60))


@pytest.fixture(scope="module")
def laid(furnish: Furnish[Laid]) -> Laid:
    """A prompt, split in three, and another tenant's."""

    def lay() -> Laid:
        split = split_ground.lay("acme")
        return split, split.made(60, 30, 10), split_ground.lay("other")

    return furnish(lay)


@pytest.fixture
def split(db: None, laid: Laid) -> Split:
    splits.KEPT.clear()
    return copy.deepcopy(laid[0])


@pytest.fixture
def deployment(db: None, laid: Laid) -> dict[str, Any]:
    return copy.deepcopy(laid[1])


@pytest.fixture
def theirs(db: None, laid: Laid) -> Split:
    return copy.deepcopy(laid[2])


def resolved(client: Client, deployment: dict[str, Any], session: str | None = None, **headers: str) -> HttpResponse:
    query = "" if session is None else f"?{urlencode({'sessionId': session})}"
    return client.get(f"/deployments/{deployment['id']}/resolve{query}", **headers)


def served(split: Split, deployment: dict[str, Any], session: str | None = None) -> dict[str, Any]:
    answer = resolved(split.client, deployment, session)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = json_of(answer)
    return found


def expected(deployment: dict[str, Any], session: str) -> str:
    """The variant by the example that clients copy."""
    weights = {each["id"]: each["weight"] for each in deployment["variants"]}
    return str(REFERENCE.assigned(deployment["id"], weights, session))


def prompt_of(split: Split, body: Any) -> dict[str, Any]:
    """A deployment of a prompt with one version that says so."""
    prompt = factories.make_prompt(split.prompt.namespace, by=split.admin, body=body)
    shares = [{"versionId": str(prompt.versions.get().pk), "weight": 100}]
    answer = split.client.post("/deployments", {"promptId": str(prompt.pk), "variants": shares})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = json_of(answer)
    return made


# ----------------------------------------------------------------------------- what it says
def test_a_session_is_told_all_about_its_variant(split: Split, deployment: dict[str, Any]) -> None:
    told = served(split, deployment, "session-1")
    (variant,) = [each for each in deployment["variants"] if each["id"] == expected(deployment, "session-1")]
    number = 1 + [split.id(each) for each in (1, 2, 3)].index(variant["versionId"])
    assert told == {
        "versionId": variant["versionId"],
        "sessionId": "session-1",
        "deploymentId": deployment["id"],
        "variantId": variant["id"],
        "isControl": number == 1,
        "versionNumber": number,
        "content": f"Text {number}",
    }


SESSIONS = [
    *("a", " ", "\t", "a b", " a", "a ", "a+b", "a%20b", "a/b?c=d&e#f", "'\"\\", '{"a":1}', "\x7f", "\n", "null", "0"),
    *("é", "e\u0301", "日本語", EMOJI, "\u202e", "\ufeff", "\uffff", "\U0010ffff", "x" * 200, EMOJI * 200, "é" * 200),
]


@pytest.mark.parametrize("session", SESSIONS, ids=ascii)
def test_whatever_a_session_is_called_it_is_assigned_as_the_example_says(
    split: Split, deployment: dict[str, Any], session: str
) -> None:
    told = served(split, deployment, session)
    assert (told["variantId"], told["sessionId"]) == (expected(deployment, session), session)


def test_sessions_are_shared_out_by_weight_as_the_example_shares_them(split: Split, deployment: dict[str, Any]) -> None:
    client, names = split.client, [f"user-{number}" for number in range(60)]
    found = {name: json_of(resolved(client, deployment, name))["variantId"] for name in names}
    assert found == {name: expected(deployment, name) for name in names}
    assert found == {name: json_of(resolved(client, deployment, name))["variantId"] for name in names[::-1]}
    shares = Counter(found.values())
    assert [each["id"] for each in deployment["variants"]] == [each for each, _ in shares.most_common()]


def test_only_those_sessions_move_whose_share_does(split: Split, deployment: dict[str, Any]) -> None:
    """The first variant gets more: nobody leaves it, and nobody goes from one of the others to another."""
    first = deployment["variants"][0]["id"]
    names = [f"user-{number}" for number in range(40)]
    before = {name: served(split, deployment, name)["variantId"] for name in names}
    split.changed(deployment, variants=split.shares(85, 11, 4))
    after = {name: served(split, deployment, name)["variantId"] for name in names}
    moved = {name for name in names if before[name] != after[name]}
    assert moved
    assert {after[name] for name in moved} == {first}
    split.changed(deployment, variants=split.shares(60, 30, 10))
    assert {name: served(split, deployment, name)["variantId"] for name in names} == before


def test_a_variant_without_weight_is_served_to_nobody(split: Split, deployment: dict[str, Any]) -> None:
    split.changed(deployment, variants=split.shares(0, 100, 0))
    found = {served(split, deployment, session)["versionNumber"] for session in [*map(str, range(30)), *SESSIONS[:5]]}
    assert found | {served(split, deployment)["versionNumber"] for _ in range(10)} == {2}


@pytest.mark.parametrize("query", ["", "?sessionId=", "?sessionid=a", "?other=1"])
def test_without_a_session_it_is_by_chance_and_says_so(split: Split, deployment: dict[str, Any], query: str) -> None:
    answers = [json_of(split.client.get(f"/deployments/{deployment['id']}/resolve{query}")) for _ in range(40)]
    assert {each["sessionId"] for each in answers} == {None}
    assert len({each["variantId"] for each in answers}) > 1
    assert {each["content"] for each in answers} <= {"Text 1", "Text 2", "Text 3"}


@pytest.mark.parametrize("session", ["x" * 201, EMOJI * 201, "x" * 600], ids=["201", "201 emoji", "600"])
def test_a_session_that_is_too_long_is_refused(split: Split, deployment: dict[str, Any], session: str) -> None:
    refused = resolved(split.client, deployment, session)
    assert (refused.status_code, list(error_of(refused)["details"]["fields"])) == (400, ["sessionId"])


@pytest.mark.parametrize(
    "sent", ["%ff", "%ed%a0%80", "%c3%28", "a%00b"], ids=["no UTF-8", "a surrogate", "half a character", "NUL"]
)
def test_a_session_in_broken_bytes_is_no_error_of_the_server(
    split: Split, deployment: dict[str, Any], sent: str
) -> None:
    answer = split.client.get(f"/deployments/{deployment['id']}/resolve?sessionId={sent}")
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        told = json_of(answer)
        assert told["variantId"] == expected(deployment, told["sessionId"])


def test_a_chat_is_served_as_its_messages(split: Split) -> None:
    chat = [
        {"role": "system", "content": "Be kind."},
        {"placeholder": "history"},
        {"role": "user", "content": "{{ q }}"},
    ]
    told = served(split, prompt_of(split, chat), "a")
    assert told["content"] == chat
    assert list(told) == ANSWER


# ----------------------------------------------------------------------------- to whom
@pytest.mark.parametrize("status", ["paused", "archived"])
def test_what_is_not_active_serves_nothing(split: Split, deployment: dict[str, Any], status: str) -> None:
    split.changed(deployment, status=status)
    for session in ("a", None):
        refused = resolved(split.client, deployment, session)
        assert (refused.status_code, error_of(refused)["code"]) == (409, "DEPLOYMENT_INACTIVE")


def test_another_tenants_deployment_is_none(split: Split, deployment: dict[str, Any], theirs: Split) -> None:
    assert resolved(split.client, deployment, "a").status_code == 200, "it is kept now"
    refused = resolved(theirs.client, deployment, "a")
    unknown = resolved(theirs.client, {"id": "01890a5d-ac96-774b-bcce-b302099a8061"}, "a")
    assert (refused.status_code, error_of(refused)) == (404, error_of(unknown))
    assert resolved(theirs.client, deployment, "a").status_code == 404


def test_a_reader_may_and_nobody_may_without_a_key(split: Split, deployment: dict[str, Any]) -> None:
    reader = Client(factories.make_key(split.admin.author, ["prompts:read"]).text)
    assert resolved(reader, deployment, "a").status_code == 200
    writer = Client(factories.make_key(split.admin.author, ["deployments:write"]).text)
    assert error_of(resolved(writer, deployment, "a"))["details"] == {"scope": "prompts:read"}
    assert resolved(Client(None), deployment, "a").status_code == 401


@pytest.mark.parametrize("named", ["nobody", "user@example.com", "日本".encode().decode("latin-1"), "x" * 300])
def test_a_user_who_is_named_is_no_identity_here(split: Split, deployment: dict[str, Any], named: str) -> None:
    """Elsewhere a key that is no gateway's may name its owner alone."""
    assert (
        resolved(split.client, deployment, "a", X_User_Id=named).content
        == resolved(split.client, deployment, "a").content
    )
    gateway = Client(factories.make_key(split.admin.author, ["prompts:read", GATEWAY]).text)
    assert resolved(gateway, deployment, "a", X_User_Id=named).status_code == 200


# ----------------------------------------------------------------------------- its forms
def test_an_answer_has_a_tag_under_which_it_is_not_sent_again(split: Split, deployment: dict[str, Any]) -> None:
    answer = resolved(split.client, deployment, "a")
    tag = answer["ETag"]
    assert tag == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert answer["Cache-Control"] == "private, no-cache"
    for match in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = resolved(split.client, deployment, "a", If_None_Match=match)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    other = next(name for name in map(str, range(9)) if expected(deployment, name) != expected(deployment, "a"))
    for session in (other, "b"):
        assert resolved(split.client, deployment, session, If_None_Match=tag).status_code == 200
    split.changed(
        deployment,
        variants=split.shares(*(100 if each == other_number(split, deployment) else 0 for each in (1, 2, 3))),
    )
    assert resolved(split.client, deployment, "a", If_None_Match=tag).status_code == 200


def other_number(split: Split, deployment: dict[str, Any]) -> int:
    """A version that the session `a` is not served."""
    present = served(split, deployment, "a")["versionNumber"]
    return int(present) % 3 + 1


BODIES = {
    "short": "Hello",
    "just below the limit": "x" * 760,
    "just above the limit": "x" * 900,
    "long": LONG,
    "noise": NOISE,
    "as long as may be": "é" * 99_000 + EMOJI * 1_000,
    "chat": [{"role": "user", "content": LONG}],
}
TAILS = [None, "a", EMOJI, "x" * 200, EMOJI * 200, '"\\\n' * 60]


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_the_compressed_form_says_the_same_byte_for_byte(split: Split, body: Any) -> None:
    """By two readers: one that goes by the members of a file, and one that takes exactly one."""
    deployment, client = prompt_of(split, body), split.client
    for session in TAILS:
        plain = resolved(client, deployment, session, Accept_Encoding="identity")
        packed = resolved(client, deployment, session, Accept_Encoding="gzip")
        assert "Content-Encoding" not in plain.headers
        if len(plain.content) < 1024:
            assert packed.content == plain.content
            continue
        if packed.get("Content-Encoding") != "gzip":
            assert len(json_of(plain)["content"]) < 1024, "what is long is sent compressed"
            continue
        assert gzip.decompress(packed.content) == plain.content
        one = zlib.decompressobj(31)
        assert one.decompress(packed.content) + one.flush() == plain.content
        assert (one.eof, one.unused_data) == (True, b"")
        assert packed["ETag"] != plain["ETag"]
        assert packed["Content-Length"] == str(len(packed.content))
        assert packed.content == resolved(client, deployment, session, Accept_Encoding="gzip").content
        assert "Accept-Encoding" in packed["Vary"]


def test_a_long_answer_is_much_smaller_compressed_and_has_a_tag_of_its_own(split: Split) -> None:
    deployment, client = prompt_of(split, LONG), split.client
    packed = resolved(client, deployment, "a", Accept_Encoding="gzip")
    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) < len(LONG) / 5
    again = resolved(client, deployment, "a", Accept_Encoding="gzip", If_None_Match=packed["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert "Content-Encoding" not in again.headers
    assert (
        resolved(client, deployment, "a", Accept_Encoding="identity", If_None_Match=packed["ETag"]).status_code == 200
    )


# ----------------------------------------------------------------------------- what it costs
@pytest.fixture
def asked_of_redis(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that Redis is sent from now on."""
    client, commands = store.client(), list[str]()
    ask: Callable[..., Any] = client.execute_command

    def noted(*args: Any, **options: Any) -> Any:
        commands.append(str(args[0]))
        return ask(*args, **options)

    monkeypatch.setattr(client, "execute_command", noted)
    return commands


def sql(queries: CaptureQueriesContext, *words: str) -> list[str]:
    """The statements in which one of these words is."""
    return [each["sql"] for each in queries if any(word in each["sql"] for word in words)]


def test_a_hit_asks_no_table_of_deployments_and_redis_once_at_most(
    split: Split, deployment: dict[str, Any], settings: Any, asked_of_redis: list[str]
) -> None:
    settings.GENERATION_LEASE = 60.0
    client = split.client
    resolved(client, deployment, "a")
    asked_of_redis.clear()
    with CaptureQueriesContext(connection) as queries:
        for session in ("a", "b", None):
            assert resolved(client, deployment, session).status_code == 200
    assert sql(queries, "deployments_", "prompts_") == []
    assert len(asked_of_redis) <= 3, asked_of_redis


def test_what_another_process_has_loaded_is_taken_from_redis(split: Split, deployment: dict[str, Any]) -> None:
    before = resolved(split.client, deployment, "a", Accept_Encoding="gzip")
    splits.KEPT.clear()
    with CaptureQueriesContext(connection) as queries:
        assert resolved(split.client, deployment, "a", Accept_Encoding="gzip").content == before.content
    assert sql(queries, "deployments_", "prompts_") == []


def test_resolving_writes_nothing(split: Split, deployment: dict[str, Any]) -> None:
    splits.KEPT.clear()
    store.client().flushdb()
    with CaptureQueriesContext(connection) as queries:
        served(split, deployment, "a")
    assert len(sql(queries, "deployments_variant")) == 1
    assert sql(queries, "INSERT", "UPDATE", "DELETE") == []


# ----------------------------------------------------------------------------- never what was before
def test_what_a_put_has_answered_is_what_the_next_call_gets(split: Split, deployment: dict[str, Any]) -> None:
    client = split.client
    for weights, number in (((100,), 1), ((0, 100), 2), ((0, 0, 100), 3), ((100, 0, 0), 1)):
        assert resolved(client, deployment, "a").status_code == 200
        split.changed(deployment, variants=split.shares(*weights))
        assert served(split, deployment, "a")["versionNumber"] == number
        splits.KEPT.clear()
        assert served(split, deployment, "a")["versionNumber"] == number
    for status, answered in (("paused", 409), ("active", 200), ("paused", 409), ("active", 200)):
        split.changed(deployment, status=status)
        assert resolved(client, deployment, "a").status_code == answered
        splits.KEPT.clear()
        assert resolved(client, deployment, "a").status_code == answered


def test_the_control_is_told_as_it_is_now(split: Split, deployment: dict[str, Any]) -> None:
    split.changed(deployment, variants=split.shares(100, 0))
    assert served(split, deployment, "a")["isControl"] is True
    split.changed(
        deployment, variants=[split.shares(100)[0], {"versionId": split.id(2), "weight": 0, "isControl": True}]
    )
    assert served(split, deployment, "a")["isControl"] is False


def test_an_archived_prompts_deployment_serves_nothing_until_it_is_back(
    split: Split, deployment: dict[str, Any]
) -> None:
    path = f"/prompts/{split.prompt.pk}"
    assert resolved(split.client, deployment, "a").status_code == 200
    assert split.client.delete(path).status_code == 200
    refused = resolved(split.client, deployment, "a")
    assert (refused.status_code, error_of(refused)["code"]) == (410, "ARCHIVED")
    assert split.client.post(f"{path}/unarchive").status_code == 200
    assert resolved(split.client, deployment, "a").status_code == 200
