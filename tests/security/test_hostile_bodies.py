"""No body breaks the server, however it is made: it is refused in the error shape, or kept as it was sent."""

import copy
import functools
import json
import math
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prompts.actions import drafts
from prompts.content import Content
from prompts.models import Namespace, Prompt, PromptVersion
from tenants.models import Actor, Tenant
from tests import factories
from tests.conftest import Furnish
from tests.factories import Client, error_of, json_of
from tests.security import bodies
from tests.security.bodies import READ_ROUTES, UNREADABLE, WRITE_ROUTES, Ground, Hostile, Route

KIB = 1024
#: No single body may hold a thread for longer, in seconds.
SLOWEST = 5.0


@pytest.fixture(scope="module")
def laid(furnish: Furnish[tuple[Actor, Ground, Ground]]) -> tuple[Actor, Ground, Ground]:
    """An administrator, things of theirs, and things that somebody else wrote, made once."""

    def lay() -> tuple[Actor, Ground, Ground]:
        admin = factories.make_actor(factories.make_tenant("acme"), "admin", "Administrator")
        author = factories.make_actor(admin.tenant)
        return admin, bodies.lay_ground(admin), bodies.lay_ground(admin, author=author)

    return furnish(lay)


@pytest.fixture
def admin(db: None, laid: tuple[Actor, Ground, Ground]) -> Actor:
    return copy.deepcopy(laid[0])


@pytest.fixture
def acme(admin: Actor) -> Tenant:
    return admin.tenant


@pytest.fixture
def plain(db: None, laid: tuple[Actor, Ground, Ground]) -> Ground:
    """The administrator's things, as they were laid."""
    return copy.deepcopy(laid[1])


@pytest.fixture
def ground(laid: tuple[Actor, Ground, Ground], admin: Actor, route: Route) -> Ground:
    """Things on which the route's own call succeeds."""
    _, own, anothers = copy.deepcopy(laid)
    return bodies.made_ready(anothers if bodies.is_of_another(route) else own, route, admin)


def hostile_for(route: Route, ground: Ground) -> list[Hostile]:
    return list(bodies.corpus(lambda: bodies.valid_body(route, ground)))


# ----------------------------------------------------------------------------- every body on every route
def test_the_corpus_is_large() -> None:
    assert len(list(bodies.corpus(dict))) >= 120
    assert len(WRITE_ROUTES) >= 11


@pytest.mark.parametrize("route", WRITE_ROUTES, ids=str)
def test_every_write_route_takes_its_valid_body(as_admin: Client, ground: Ground, route: Route) -> None:
    """Else the corpus would be refused for another reason than its own."""
    answer = as_admin(route.method, route.filled(ground.values), bodies.valid_body(route, ground))
    assert answer.status_code in (200, 201, 202, 204), answer.content


#: After a success, the next call needs a ground of its own.
ONCE = {("POST", "unarchive-prompt"), ("POST", "template-versions"), ("POST", "merge-pre-prod")}


def faults_of(
    route: Route,
    ground: Ground,
    by: Actor,
    client: Client,
    some: Callable[[list[Hostile], Ground], list[Hostile]] = lambda every, _: every,
    afterwards: int = 10,
) -> Iterator[str]:
    """Send each body, or some; say which of the answers are wrong, and which of the reads afterwards.

    What is on the last few grounds is read.
    """
    grounds = [ground]
    for each in some(hostile_for(route, grounds[0]), grounds[0]):
        body = renamed(each.body, grounds[0], grounds[-1])
        started = time.perf_counter()
        answer = bodies.send(client.key, route.method, route.filled(grounds[-1].values), body, each.headers)
        seconds = time.perf_counter() - started
        if fault := bodies.fault_of(answer):
            yield f"{each.name}: {fault}"
        if each.is_unreadable and answer.status_code not in (400, 422) and not is_taken(route, each):
            yield f"{each.name}: taken with {answer.status_code}"
        if seconds > SLOWEST:
            yield f"{each.name}: took {seconds:.1f} s"
        if answer.status_code < 300 and (route.method == "DELETE" or (route.method, route.name) in ONCE):
            grounds.append(next_ground(route, grounds[-1], by))
    yield from read_faults(client, grounds[-afterwards:])


def next_ground(route: Route, ground: Ground, by: Actor) -> Ground:
    """Where the same call succeeds again."""
    if route.name != "template-versions":
        return bodies.ground_for(route, by)
    drafts.discard_draft(ground.prompt.versions.drafts_of(by.author).get(), by=by)
    return ground


def renamed(body: bytes, was: Ground, now: Ground) -> bytes:
    """A body about one ground, as it is said of another."""
    for old, new in zip(was.ids, now.ids, strict=True):
        body = body.replace(old.encode(), new.encode())
    return body


def is_taken(route: Route, hostile: Hostile) -> bool:
    """Rendering and ingest take the last of two values with one name (contract 1)."""
    return route.name in ("render", "render-version", "render-by-name", "ingest") and hostile.name.startswith(
        "same-key-"
    )


#: What a read has to be asked with.
QUERIES = {
    "diff": "?fromVersion=1&toVersion=2",
    "inclusion-proof": "?seq=1",
    "consistency-proof": "?from=1",
    "deployment-results": "?metric=total",
}


def read_faults(client: Client, grounds: list[Ground]) -> Iterator[str]:
    """Every GET route answers, with 404 or 410 only where something may be gone or archived; no gate is at a draft."""
    paths = [(route.filled(ground.values), QUERIES.get(route.name, "")) for route in READ_ROUTES for ground in grounds]
    for plain, query in dict.fromkeys(paths):  # a list is the same for every ground
        path = plain + query
        while path:
            answer = client.get(path)
            if answer.status_code not in (200, 404, 410) and b'"NOT_SEALED"' not in answer.content:
                yield f"afterwards, {path}: {answer.status_code} {answer.content[:200]!r}"
            if fault := bodies.fault_of(answer):
                yield f"afterwards, {path}: {fault}"
            path = next_page(plain, answer.status_code, answer.content)


def next_page(path: str, status: int, content: bytes) -> str:
    meta = json.loads(content).get("meta", {}) if status == 200 else {}
    cursor = meta.get("nextCursor") or meta.get("next_cursor")
    return f"{path}?limit=100&cursor={cursor}" if cursor else ""


#: In the ordinary tier a route meets one body in so many, each route other ones.
SHARE = 20
#: What can stand in several fields of a gate stands there in one of so many, each kind of it in other ones.
FIELDS = 3
#: One gate of each kind, for texts, small objects and rendering. What stands in one of their fields is met there by
#: one of the routes that have the field, whatever the share: in the whole corpus, every kind of it in every field.
GATES = [
    [("POST", "prompts"), ("PUT", "prompt"), ("POST", "versions")],
    [("POST", "api-keys")],
    [("POST", "render"), ("POST", "render-version"), ("POST", "render-by-name")],
]


def gate_of(route: Route) -> list[Route]:
    """The routes of its gate; none where it belongs to no gate."""
    [gate] = [gate for gate in GATES if (route.method, route.name) in gate] or [[]]
    return [each for each in WRITE_ROUTES if (each.method, each.name) in gate]


def kind_of(hostile: Hostile) -> str:
    """Its name without the field that it is about."""
    return hostile.name.removesuffix(hostile.field)


#: The fields of a gate in which each kind stands, by the gate's first route.
_fields: dict[Route, dict[str, list[str]]] = {}


def fields_met(route: Route, ground: Ground, kind: str) -> list[str]:
    """In which fields of the route's gate the ordinary tier has what is of this kind: in one at least."""
    gate = gate_of(route)
    if gate[0] not in _fields:
        found: dict[str, list[str]] = {}
        for each in [each for one in gate for each in hostile_for(one, ground)]:
            fields = found.setdefault(kind_of(each), [])
            fields += [each.field] if each.field not in fields else []
        _fields[gate[0]] = found
    fields = _fields[gate[0]][kind]
    return fields[zlib.crc32(kind.encode()) % min(FIELDS, len(fields)) :: FIELDS]


def some_of(route: Route, hostile: list[Hostile], ground: Ground) -> list[Hostile]:
    """What a route meets in the ordinary tier: always the same."""
    gate = [(each, bodies.valid_body(each, ground)) for each in gate_of(route)]
    met = []
    for each in hostile:
        if gate and each.field and each.field not in fields_met(route, ground, kind_of(each)):
            continue
        alike = [one for one, taken in gate if each.field in taken]
        place, share = (alike.index(route), len(alike)) if alike else (WRITE_ROUTES.index(route), SHARE)
        if zlib.crc32(each.name.encode()) % share == place % share:
            met.append(each)
    return met


def test_every_body_and_every_field_of_a_gate_is_met_in_the_ordinary_tier(plain: Ground) -> None:
    gates = [route for route in WRITE_ROUTES if gate_of(route)]
    assert len(gates) == sum(map(len, GATES))
    for gate in GATES:
        routes = [route for route in gates if (route.method, route.name) in gate]
        every = [each for route in routes for each in hostile_for(route, plain) if each.field]
        met = [each for route in routes for each in some_of(route, hostile_for(route, plain), plain) if each.field]
        assert {kind_of(each) for each in met} == {kind_of(each) for each in every}
        assert {each.field for each in met} == {each.field for each in every}
    without_fields = list(bodies.corpus(dict))
    met = [each for route in WRITE_ROUTES for each in some_of(route, without_fields, plain)]
    assert {each.name for each in met} == {each.name for each in without_fields}


@pytest.mark.full
@pytest.mark.parametrize("route", WRITE_ROUTES, ids=str)
def test_no_hostile_body_breaks_a_route_or_what_is_read_afterwards(
    as_admin: Client, admin: Actor, ground: Ground, route: Route
) -> None:
    some = functools.partial(some_of, route)
    assert list(faults_of(route, ground, admin, as_admin, some=some, afterwards=2)) == []


@pytest.mark.long
@pytest.mark.parametrize("route", WRITE_ROUTES, ids=str)
def test_no_hostile_body_at_all_breaks_a_route(as_admin: Client, admin: Actor, ground: Ground, route: Route) -> None:
    assert list(faults_of(route, ground, admin, as_admin)) == []


# ----------------------------------------------------------------------------- what each is told
TEXT = b'{"name":"a","template":"b","config":{"x":%s}}'


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(TEXT % b"1", {}, 201, None, id="a good one"),
        pytest.param(b"", {}, 400, "VALIDATION_ERROR", id="nothing is an empty object"),
        pytest.param(b"{}", {}, 400, "VALIDATION_ERROR", id="an empty object"),
        pytest.param(b"[]", {}, 400, "VALIDATION_ERROR", id="a list"),
        pytest.param(b"null", {}, 400, "VALIDATION_ERROR", id="null"),
        pytest.param(b'{"name":"a"', {}, 400, "INVALID_JSON", id="cut off"),
        pytest.param(TEXT % b'"\\u0000"', {}, 400, "INVALID_JSON", id="NUL"),
        pytest.param(TEXT % b'{"\\u0000":1}', {}, 400, "INVALID_JSON", id="NUL in a key"),
        pytest.param(TEXT % b'"\\ud800"', {}, 400, "INVALID_JSON", id="half a surrogate pair"),
        pytest.param(TEXT % b'"\xed\xa0\x80"', {}, 400, "INVALID_JSON", id="half a surrogate pair, raw"),
        pytest.param(TEXT % b'{"a":1,"a":1}', {}, 400, "INVALID_JSON", id="the same key twice"),
        pytest.param(TEXT % b"NaN", {}, 400, "INVALID_JSON", id="NaN"),
        pytest.param(TEXT % b"Infinity", {}, 400, "INVALID_JSON", id="Infinity"),
        pytest.param(TEXT % b"1e400", {}, 400, "INVALID_JSON", id="1e400"),
        pytest.param(TEXT % b"9007199254740991", {}, 201, None, id="the greatest integer"),
        pytest.param(TEXT % b"9007199254740993", {}, 400, "INVALID_JSON", id="an integer beyond 2^53"),
        pytest.param(TEXT % (b"9" * 5000), {}, 400, "INVALID_JSON", id="an integer of 5,000 digits"),
        pytest.param(TEXT % (b"[" * 30 + b"]" * 30), {}, 201, None, id="32 levels"),
        pytest.param(TEXT % (b"[" * 31 + b"]" * 31), {}, 400, "INVALID_JSON", id="33 levels"),
        pytest.param(b"[" * 100_000, {}, 400, "INVALID_JSON", id="100,000 levels"),
        pytest.param(b"\xff\xfe{}", {}, 400, "INVALID_JSON", id="not UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", {}, 400, "INVALID_JSON", id="a byte order mark"),
        pytest.param(TEXT % (b'"' + b"a" * 2048 * KIB + b'"'), {}, 413, "PAYLOAD_TOO_LARGE", id="over 2 MiB"),
        pytest.param(TEXT % b"1", {"Content-Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE", id="text/plain"),
        pytest.param(
            b"name=a&template=b",
            {"Content-Type": "application/x-www-form-urlencoded"},
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            id="a form",
        ),
        pytest.param(
            TEXT % b"1",
            {"Content-Type": "application/json; charset=utf-16"},
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            id="in UTF-16",
        ),
        pytest.param(
            TEXT % b"1",
            {"Content-Type": "application/json; charset=bz2_codec"},
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            id="in bz2",
        ),
        pytest.param(TEXT % b"1", {"Content-Type": ""}, 415, "UNSUPPORTED_MEDIA_TYPE", id="of no type"),
        pytest.param(TEXT % b"1", {"Content-Type": "application/json; charset=UTF-8"}, 201, None, id="in UTF-8"),
        pytest.param(TEXT % b"1", {"Idempotency-Key": "a b"}, 400, "VALIDATION_ERROR", id="a bad Idempotency-Key"),
        pytest.param(TEXT % b"1", {"X-HTTP-Method-Override": "DELETE"}, 201, None, id="another method in a header"),
    ],
)
def test_a_new_prompt_is_answered(
    as_admin: Client, body: bytes, headers: dict[str, str], status: int, code: str | None
) -> None:
    before = Prompt.objects.count()
    answer = bodies.send(as_admin.key, "POST", "/prompts", body, headers)
    assert answer.status_code == status
    assert Prompt.objects.count() == before + (code is None)
    if code:
        assert error_of(answer)["code"] == code


@pytest.mark.parametrize(
    "value",
    ["nul", "lone-high-surrogate", "nan", "1e400", "2^53+1", "5000-digits", "33-lists", "bad-utf-8", "7,000-lists"],
)
def test_rendering_refuses_values_that_no_template_can_print(as_admin: Client, plain: Ground, value: str) -> None:
    body = b'{"variables":{"name":' + UNREADABLE[value] + b"}}"
    answer = bodies.send(as_admin.key, "POST", f"/prompts/{plain.prompt.pk}/render", body)
    assert answer.status_code in (400, 422)
    assert bodies.fault_of(answer) is None


#: The largest body of each route, in KiB (contract 1); 256 where nothing is said.
LIMITS = dict.fromkeys(
    [
        *(("POST", name) for name in ("prompts", "versions", "template-versions", "merge-pre-prod")),
        *(("PUT", name) for name in ("prompt", "save-draft")),
    ],
    2048,
) | dict.fromkeys([("POST", name) for name in ("render", "render-version", "render-by-name", "ingest")], 1024)


@pytest.mark.parametrize("route", WRITE_ROUTES, ids=str)
def test_a_body_at_the_limit_is_read_and_one_byte_more_is_not(as_admin: Client, ground: Ground, route: Route) -> None:
    limit = LIMITS.get((route.method, route.name), 256) * KIB
    body = json.dumps(bodies.valid_body(route, ground)).encode()
    path = route.filled(ground.values)
    over = bodies.send(as_admin.key, route.method, path, body + b" " * (limit + 1 - len(body)))
    assert (over.status_code, error_of(over)["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert bodies.send(as_admin.key, route.method, path, body + b" " * (limit - len(body))).status_code < 300


def test_finding_a_repeated_key_among_very_many_is_quick(as_admin: Client) -> None:
    """190,000 names fit into 2 MiB; comparing each with each would take a quarter of an hour."""
    pairs = ",".join(f'"{number:x}":0' for number in range(40_000))
    started = time.perf_counter()
    answer = as_admin.post("/prompts", ("{" + pairs + ',"9c3f":0}').encode())
    assert error_of(answer)["code"] == "INVALID_JSON"
    assert "9c3f" in error_of(answer)["message"]
    assert time.perf_counter() - started < SLOWEST


def test_a_refusal_is_not_much_larger_than_what_was_sent(as_admin: Client) -> None:
    body = json.dumps({f"{number:x}": 0 for number in range(100_000)}).encode()
    answer = as_admin.post("/prompts", body)
    assert answer.status_code == 400
    assert len(answer.content) < len(body) + 64 * KIB


# ----------------------------------------------------------------------------- fields that are not the caller's
@pytest.mark.parametrize("route", WRITE_ROUTES, ids=str)
def test_fields_that_are_not_the_callers_are_refused_by_name(
    as_admin: Client, admin: Actor, ground: Ground, route: Route
) -> None:
    path = route.filled(ground.values)
    valid = bodies.valid_body(route, ground)
    foreign = {name: value for name, value in bodies.FOREIGN_FIELDS.items() if name not in valid}  # else the caller's
    answer = as_admin(route.method, path, {**valid, **foreign})
    assert answer.status_code == 400
    together = error_of(answer).get("details", {}).get("fields", {})
    taken = []
    for name in foreign.keys() - together.keys():  # some are told one at a time
        answer = as_admin(route.method, path, {**valid, name: foreign[name]})
        if answer.status_code != 400 or name not in error_of(answer).get("details", {}).get("fields", {}):
            taken.append((name, answer.status_code, answer.content[:200]))
            ground = bodies.ground_for(route, admin)
            path = route.filled(ground.values)
    assert taken == []


def test_read_only_fields_are_taken_in_a_put_when_they_say_what_is_so(as_admin: Client, plain: Ground) -> None:
    path = f"/prompts/{plain.prompt.pk}"
    present = json_of(as_admin.get(path))
    assert json_of(as_admin.put(path, {**present, "description": "new"}))["description"] == "new"
    for name in ("id", "projectId", "namespace", "name", "type", "archived", "createdAt", "latestVersion"):
        refused = as_admin.put(path, {"description": "newer", name: bodies.FOREIGN_FIELDS.get(name, "other")})
        assert (refused.status_code, error_of(refused)["code"]) == (400, "IMMUTABLE_FIELD"), name
    assert json_of(as_admin.get(path))["description"] == "new"


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]
)
def test_an_empty_put_changes_nothing_whatever_its_type(as_admin: Client, plain: Ground, content_type: str) -> None:
    path = f"/prompts/{plain.prompt.pk}"
    before = json_of(as_admin.get(path))
    bodies.send(as_admin.key, "PUT", path, b"", {"Content-Type": content_type})
    assert json_of(as_admin.get(path)) == before
    assert before["config"] == {"model": "m"}


# ----------------------------------------------------------------------------- what is taken is kept
NUMBERS = {
    "1e300": 1e300,
    "1.5": 1.5,
    "0.1": 0.1,
    "1E2": 100.0,
    "5e-324": 5e-324,
    "1.7976931348623157e308": 1.7976931348623157e308,
    "2.2250738585072014e-308": 2.2250738585072014e-308,
    "0.30000000000000004": 0.1 + 0.2,
    "9007199254740991": 2**53 - 1,
    "-9007199254740991": -(2**53) + 1,
    "9007199254740991.0": float(2**53 - 1),
    "1e15": 1e15,
    "1e16": 1e16,
    "1e17": 1e17,
    "1e21": 1e21,
    "123456789012345680000": 1.2345678901234568e20,
    "1e-7": 1e-7,
    "0": 0,
    "-0.0": 0.0,
    "1e-400": 0.0,
    "1.0": 1.0,
    "-1": -1,
}


def kept(version: PromptVersion) -> tuple[str, str, dict[str, Any]]:
    """A version's digest as stored, as computed again from the row, and its config."""
    row = PromptVersion.objects.get(pk=version.pk)
    return row.digest, Content(row.type, row.body, row.variables, row.config).digest, row.config


@pytest.mark.parametrize(
    "number", [number for number in NUMBERS if "." in number or "e" in number.lower() or len(number) < 18]
)
def test_a_number_comes_back_as_it_was_sent_and_hashes_the_same(
    as_admin: Client, namespace: Namespace, number: str
) -> None:
    served = f'"config":{{"x":{number},"in":[{{"y":{number}}}]}},"variables":{{"v":{{"default":{number}}}}}'
    made = as_admin.post("/prompts", f'{{"name":"n","template":"t",{served},"metadata":{{"z":{number}}}}}'.encode())
    assert made.status_code == 201
    version = Prompt.objects.get(namespace=namespace, slug="n").versions.get()
    for shown in (json_of(made), json_of(as_admin.get("/prompts/n")), json_of(as_admin.get("/prompts/n/versions/1"))):
        given = [shown["config"]["x"], shown["config"]["in"][0]["y"], shown["variables"]["v"]["default"]]
        assert given == [NUMBERS[number]] * 3
        assert all(math.isfinite(each) for each in given)
    assert json_of(as_admin.get("/prompts/n"))["metadata"] == {"z": NUMBERS[number]}
    stored, computed, config = kept(version)
    assert stored == computed
    assert config["x"] == NUMBERS[number]
    again = as_admin.post("/prompts/n/versions", f'{{"content":"t",{served}}}'.encode())
    assert json_of(again)["deduplicated"] is True


ODD_TEXTS = {
    "emoji": "👨‍👩‍👧‍👦",
    "right-to-left": "\u202eevil\u202c",
    "noncharacters": "\uffff\ufdd0",
    "byte-order-mark": "\ufeffa",
    "control": "\x01\x1f\x7f\x85",
    "decomposed": "e\u0301 and \u00e9",
    "line-separators": "a\r\nb\rc\u2028d",
    "astral": "\U0010ffff\U0001f600",
    "backslashes": "\\u0041 \\n \\",
    "blank": "  \t ",
    "html": "<svg onload=alert(1)>&amp;",
}


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=list(ODD_TEXTS))
def test_a_text_comes_back_as_it_was_sent_and_hashes_the_same(
    as_admin: Client, namespace: Namespace, text: str
) -> None:
    config = {text: text, "list": [text]}
    made = as_admin.post(
        "/prompts", {"name": "n", "template": text, "config": config, "metadata": config, "description": text}
    )
    assert made.status_code == 201
    shown = json_of(as_admin.get("/prompts/n"))
    assert (shown["template"], shown["config"], shown["metadata"], shown["description"]) == (text, config, config, text)
    stored, computed, _ = kept(Prompt.objects.get(namespace=namespace, slug="n").versions.get())
    assert stored == computed
