"""What every answer carries, whoever asks for whatever; and the small print of HTTP: methods, pages, preconditions."""

import copy
import gzip
import json
import random
import re
import string
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urljoin

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client as DjangoClient
from django.urls import path
from django.utils.crypto import get_random_string

from prompts.models import Namespace, Prompt
from pvc import urls
from tenants.models import Actor, Tenant
from tests import factories
from tests.conftest import Furnish
from tests.factories import Client, error_of, json_of
from tests.security import bodies
from tests.security.bodies import ROUTES, Ground, Route

KIB = 1024


def crash(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("internals")


urlpatterns = [path("api/v1/crash", crash, name="crash"), *urls.urlpatterns]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


@pytest.fixture(scope="module")
def laid(furnish: Furnish[tuple[Actor, Ground]]) -> tuple[Actor, Ground]:
    """An administrator and things of theirs, made once; of each kind a few, so that there are pages."""

    def lay() -> tuple[Actor, Ground]:
        admin = factories.make_actor(factories.make_tenant("acme"), "admin", "Administrator")
        grounds = [bodies.lay_ground(admin) for _ in range(3)]
        return admin, grounds[0]

    return furnish(lay)


@pytest.fixture
def admin(db: None, laid: tuple[Actor, Ground]) -> Actor:
    return copy.deepcopy(laid[0])


@pytest.fixture
def acme(admin: Actor) -> Tenant:
    return admin.tenant


@pytest.fixture
def ground(db: None, laid: tuple[Actor, Ground]) -> Ground:
    return copy.deepcopy(laid[1])


@pytest.fixture
def browser() -> DjangoClient:
    """Whoever comes without a key."""
    return DjangoClient(raise_request_exception=False)


# ----------------------------------------------------------------------------- every answer
Ask = Callable[..., HttpResponse]


@pytest.fixture
def ask(settings: Any, as_admin: Client, admin: Actor, ground: Ground, browser: DjangoClient) -> Ask:
    """One request for each status there is."""
    settings.ROOT_URLCONF = __name__
    prompt = f"/api/v1/prompts/{ground.prompt.pk}"
    new = {"name": "new", "template": "t"}
    limited = Client(factories.make_key(admin.author).text)

    def keyed(method: str, where: str, body: Any = b"", key: str | None = as_admin.key, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Content-Type": "application/json", "Authorization": f"Bearer {key}", **headers}
        return browser.generic(method, where, data, headers=named)

    def exhausted(**headers: str) -> Any:
        settings.RATE_LIMITS = {**settings.RATE_LIMITS, "read": 1}
        keyed("GET", prompt, key=limited.key)
        return keyed("GET", prompt, key=limited.key, **headers)

    asks: dict[str, Callable[..., Any]] = {
        "200": lambda **headers: keyed("GET", prompt, **headers),
        "201": lambda **headers: keyed("POST", "/api/v1/prompts", new, **headers),
        "204": lambda **headers: keyed("DELETE", f"{prompt}/tags/staging", **headers),
        "400": lambda **headers: keyed("POST", "/api/v1/prompts", b"[", **headers),
        "401": lambda **headers: browser.get(prompt, headers=headers),
        "403": lambda **headers: keyed("GET", prompt, **{"X-Tenant-Id": "x", **headers}),
        "404": lambda **headers: keyed("GET", f"{prompt}/tags/none", **headers),
        "404 no route": lambda **headers: keyed("GET", "/api/v1/nowhere", **headers),
        "404 control": lambda **headers: keyed("GET", "/api/v1/a%01", **headers),
        "405": lambda **headers: keyed("PATCH", prompt, **headers),
        "409": lambda **headers: keyed("POST", f"{prompt}/unarchive", **headers),
        "412": lambda **headers: keyed("PUT", prompt, {}, **{"If-Match": '"99"', **headers}),
        "413": lambda **headers: keyed("POST", "/api/v1/api-keys", b" " * 300 * KIB, **headers),
        "415": lambda **headers: keyed("POST", "/api/v1/prompts", b"{}", **{"Content-Type": "text/plain", **headers}),
        "422": lambda **headers: keyed("POST", f"{prompt}/versions", {"content": "{% include 'a' %}"}, **headers),
        "429": exhausted,
        "500": lambda **headers: keyed("GET", "/api/v1/crash", **headers),
        "docs": lambda **headers: browser.get("/api/v1/docs", headers=headers),
        "document": lambda **headers: browser.get("/api/v1/docs/openapi.yaml", headers=headers),
        "health": lambda **headers: browser.get("/health", headers=headers),
        "ready": lambda **headers: browser.get("/ready", headers=headers),
        "metrics": lambda **headers: browser.get("/metrics", headers=headers),
        "health 405": lambda **headers: browser.post("/health", headers=headers),
        "404 elsewhere": lambda **headers: browser.get("/nowhere", headers=headers),
        "console": lambda **headers: browser.get("/admin/login/", headers=headers),
        "console 302": lambda **headers: browser.get("/admin/", headers=headers),
        "static": lambda **headers: browser.get(
            "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css", headers=headers
        ),
    }
    return lambda which, **headers: asks[which](**headers)


API_ANSWERS = ["200", "201", "204", "400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429", "500"]
ANSWERS = [
    *API_ANSWERS,
    *("404 no route", "404 control", "docs", "document", "health", "ready", "metrics", "health 405", "404 elsewhere"),
    *("console", "console 302", "static"),
]


@pytest.mark.parametrize("which", ANSWERS)
def test_every_answer_has_its_headers(ask: Ask, which: str) -> None:
    answer = ask(which, **{"X-Request-Id": "my-id_1"})
    if status := re.search(r"\d{3}", which):
        assert answer.status_code == int(status[0])
    else:
        assert answer.status_code == 200
    assert answer["X-Request-Id"] == "my-id_1"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "default-src" in answer["Content-Security-Policy"]
    assert "unsafe-inline" not in re.sub(r"style-src [^;]*", "", answer["Content-Security-Policy"])
    assert "Server" not in answer.headers
    b"".join(answer)  # a file is closed when it was read


@pytest.mark.parametrize("which", [*API_ANSWERS, "404 no route", "404 control", "health 405", "404 elsewhere"])
def test_every_refusal_has_the_error_shape_and_the_request_id(ask: Ask, which: str) -> None:
    answer = ask(which, **{"X-Request-Id": "my-id_2"})
    if answer.status_code >= 400:
        assert bodies.fault_of(answer) is None or answer.status_code == 500
        assert json_of(answer)["requestId"] == "my-id_2"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", json_of(answer)["timestamp"])
        assert error_of(answer)["message"]


@pytest.mark.parametrize("which", ["200", "401", "413", "500", "health", "console"])
@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "a;b", "a\r\nSet-Cookie: b=c", "\u00e9", "\u0663"])
def test_a_bad_request_id_is_replaced_by_a_new_one(ask: Ask, which: str, sent: str) -> None:
    given = ask(which, **{"X-Request-Id": sent})["X-Request-Id"]
    assert str(uuid.UUID(given)) == given


@pytest.mark.parametrize("which", API_ANSWERS)
def test_no_answer_of_the_api_is_kept_by_a_shared_cache(ask: Ask, which: str) -> None:
    assert ask(which)["Cache-Control"] == "private, no-store"


def test_who_is_not_known_is_told_how_to_ask(ask: Ask) -> None:
    assert ask("401")["WWW-Authenticate"] == "Bearer"


# ----------------------------------------------------------------------------- CORS
EXPOSED = {
    "x-request-id",
    "etag",
    "retry-after",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-audit-seq",
    "x-audit-hash",
    "idempotency-replayed",
}


def listed(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


@pytest.mark.parametrize("which", [*API_ANSWERS, "404 no route", "404 control", "docs", "document"])
def test_any_origin_may_read_every_answer_of_the_api(ask: Ask, which: str) -> None:
    answer = ask(which, Origin="https://app.example")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert listed(answer["Access-Control-Expose-Headers"]) >= EXPOSED


@pytest.mark.parametrize("which", ["200", "401", "413"])
def test_with_a_list_only_its_origins_may(settings: Any, ask: Ask, which: str) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = False
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    allowed = ask(which, Origin="https://app.example")
    assert allowed["Access-Control-Allow-Origin"] == "https://app.example"
    assert "origin" in listed(allowed["Vary"])
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    for origin in ("https://evil.example", "https://app.example.evil", "http://app.example", "null", "*"):
        answer = ask(which, Origin=origin)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "origin" in listed(answer["Vary"])


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_preflight_needs_no_key(browser: DjangoClient, ground: Ground, route: Route) -> None:
    where = f"/api/v1{route.filled(ground.values)}"
    asked = "authorization,content-type,idempotency-key,if-match,if-none-match,x-request-id,x-tenant-id,x-user-id"
    answer = browser.options(
        where,
        headers={
            "Origin": "https://app.example",
            "Access-Control-Request-Method": route.method,
            "Access-Control-Request-Headers": asked,
        },
    )
    assert answer.status_code in (200, 204)
    assert answer.content == b""
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert route.method.lower() in listed(answer["Access-Control-Allow-Methods"])
    assert listed(answer["Access-Control-Allow-Headers"]) >= set(asked.split(","))
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("which", ["health", "ready", "metrics", "console", "404 elsewhere"])
def test_nothing_outside_of_the_api_is_shared_with_other_origins(ask: Ask, which: str) -> None:
    assert "Access-Control-Allow-Origin" not in ask(which, Origin="https://app.example").headers


# ----------------------------------------------------------------------------- compression
def test_answers_are_compressed_from_a_kibibyte_on(as_admin: Client, namespace: Namespace, admin: Actor) -> None:
    prompt = factories.make_prompt(namespace, by=admin, slug="sized", body="t")
    sizes = set()
    empty = len(as_admin.get("/prompts/sized").content)
    for size in range(KIB - 2, KIB + 3):
        Prompt.objects.filter(pk=prompt.pk).update(description="", metadata={"p": "d" * (size - empty - len('"p":""'))})
        plain = as_admin.get("/prompts/sized")
        packed = as_admin.get("/prompts/sized", Accept_Encoding="gzip")
        sizes.add(len(plain.content))
        assert "Content-Encoding" not in plain.headers
        assert plain["Content-Length"] == str(len(plain.content))
        if len(plain.content) < KIB:
            assert "Content-Encoding" not in packed.headers
            assert packed.content == plain.content
        else:
            assert packed["Content-Encoding"] == "gzip"
            assert gzip.decompress(packed.content) == plain.content
            assert packed["Content-Length"] == str(len(packed.content))
            assert "accept-encoding" in listed(packed["Vary"])
    assert sizes == set(range(KIB - 2, KIB + 3))


def test_a_compressed_answers_etag_is_good_for_a_write(as_admin: Client, namespace: Namespace, admin: Actor) -> None:
    text = get_random_string(2 * KIB)
    factories.make_prompt(namespace, by=admin, slug="large", body=text)
    etag = as_admin.get("/prompts/large", Accept_Encoding="gzip")["ETag"]
    assert as_admin.put("/prompts/large", {"description": "d"}, If_Match=etag).status_code == 200
    assert as_admin.put("/prompts/large", {"description": "e"}, If_Match=etag).status_code == 412


def test_a_large_refusal_is_compressed_too(as_admin: Client) -> None:
    answer = as_admin.post("/prompts", {f"field{n}": 1 for n in range(100)}, Accept_Encoding="gzip")
    assert answer.status_code == 400
    assert answer["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.content))["error"]["code"] == "VALIDATION_ERROR"


# ----------------------------------------------------------------------------- rate limits
def limits_of(answer: HttpResponse) -> tuple[int, int]:
    assert 1 <= int(answer["RateLimit-Reset"]) <= 60
    return int(answer["RateLimit-Limit"]), int(answer["RateLimit-Remaining"])


def test_a_key_is_told_what_it_may_still_do_and_then_to_wait(as_admin: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "read": 3, "write": 2}
    assert [limits_of(as_admin.get(where)) for where in ("/prompts", "/prompts/none", "/prompts?limit=0")] == [
        (3, 2),
        (3, 1),
        (3, 0),
    ]
    refused = as_admin.get("/prompts")
    assert (refused.status_code, error_of(refused)["code"]) == (429, "RATE_LIMITED")
    assert limits_of(refused) == (3, 0)
    assert refused["Retry-After"] == refused["RateLimit-Reset"]
    assert as_admin.post("/prompts", {"name": "a", "template": "b"}).status_code == 201
    assert limits_of(as_admin.post("/prompts", b"[")) == (2, 0)
    assert as_admin.post("/prompts", {"name": "b", "template": "b"}).status_code == 429
    assert Prompt.objects.filter(tenant__slug="acme", slug__in=["a", "b"]).count() == 1


def test_rendering_has_a_limit_of_its_own(as_admin: Client, ground: Ground, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "read": 1, "write": 1, "hot": 3}
    statuses = [as_admin.post(f"/prompts/{ground.prompt.pk}/render").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


def test_each_key_has_its_own_limit(as_admin: Client, as_alice: Client, as_eve: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "read": 1}
    assert [client.get("/prompts").status_code for client in (as_admin, as_alice, as_eve)] == [200, 200, 200]
    assert [client.get("/prompts").status_code for client in (as_admin, as_alice, as_eve)] == [429, 429, 429]


def address() -> str:
    """One that no other test comes from."""
    return f"2001:db8:{random.randrange(65536):x}:{random.randrange(65536):x}::1"


@pytest.mark.parametrize(
    "asked", ["/api/v1/prompts", "/api/v1/nowhere", "/api/v1/docs", "/api/v1/docs/openapi.yaml", "/api/v1/api-keys"]
)
def test_strangers_are_counted_by_their_address(db: None, browser: DjangoClient, settings: Any, asked: str) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "anonymous": 2}
    peer = address()
    statuses = [browser.get(asked, REMOTE_ADDR=peer).status_code for _ in range(3)]
    assert statuses[0] == statuses[1] in (200, 401, 404)
    assert statuses[2] == 429
    assert browser.get(asked, REMOTE_ADDR=address()).status_code == statuses[0]
    forwarded = browser.get(
        asked, REMOTE_ADDR=peer, headers={"X-Forwarded-For": "198.51.100.1", "X-Real-Ip": "1.2.3.4"}
    )
    assert forwarded.status_code == 429


def test_a_wrong_key_counts_as_a_stranger_and_a_right_one_does_not(
    as_admin: Client, browser: DjangoClient, settings: Any
) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "anonymous": 2}
    peer = address()
    wrong, right = {"Authorization": "Bearer pvc_x"}, {"Authorization": f"Bearer {as_admin.key}"}
    for _ in range(5):
        assert browser.get("/api/v1/prompts", REMOTE_ADDR=peer, headers=right).status_code == 200
        assert browser.get("/api/v1/nowhere", REMOTE_ADDR=peer, headers=right).status_code == 404
    statuses = [browser.get("/api/v1/prompts", REMOTE_ADDR=peer, headers=wrong).status_code for _ in range(3)]
    assert statuses == [401, 401, 429]


@pytest.mark.parametrize("asked", ["/health", "/ready", "/metrics"])
def test_probes_are_never_limited(db: None, browser: DjangoClient, settings: Any, asked: str) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 1)
    peer = address()
    assert [browser.get(asked, REMOTE_ADDR=peer).status_code for _ in range(3)] == [200] * 3


# ----------------------------------------------------------------------------- routes and methods
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


@pytest.mark.parametrize("where", sorted({route.path for route in ROUTES}))
def test_a_wrong_method_is_405_and_told_the_right_ones(as_admin: Client, ground: Ground, where: str) -> None:
    allowed = {route.method for route in ROUTES if route.path == where}
    allowed |= {"HEAD"} if "GET" in allowed else set()
    faults: list[tuple[str, Any]] = []
    for method in sorted(set(METHODS) - allowed - {"OPTIONS"}):
        answer = as_admin(method, Route("", method, where).filled(ground.values), {})
        code = "METHOD_NOT_ALLOWED" if method == "HEAD" else error_of(answer)["code"]  # HEAD's answer has no body
        if (answer.status_code, code) != (405, "METHOD_NOT_ALLOWED"):
            faults.append((method, answer.status_code))
        elif listed(answer.headers.get("Allow", "")) - {"options"} != {each.lower() for each in allowed}:
            faults.append((method, answer.headers.get("Allow")))
    assert faults == []


@pytest.mark.parametrize("where", sorted({route.path for route in ROUTES}))
def test_asking_for_options_breaks_nothing(as_admin: Client, ground: Ground, where: str) -> None:
    answer = as_admin("OPTIONS", Route("", "OPTIONS", where).filled(ground.values))
    assert answer.status_code in (200, 204, 405)


@pytest.mark.parametrize("where", ["/health", "/ready", "/metrics", "/api/v1/docs", "/api/v1/docs/openapi.yaml"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_what_only_answers_questions_takes_no_writes(db: None, browser: DjangoClient, where: str, method: str) -> None:
    answer = browser.generic(method, where)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert listed(answer["Allow"]) == {"get", "head"}


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_trailing_slash_leads_nowhere_and_redirects_nobody(as_admin: Client, ground: Ground, route: Route) -> None:
    where = route.filled(ground.values)
    for spelling in (f"{where}/", f"{where}//", f"/{where}", where.upper(), f"{where}.json"):
        answer = as_admin(route.method, spelling, {})
        assert answer.status_code in (404, 405) or spelling == f"{where}.json"
        assert "Location" not in answer.headers
        assert bodies.fault_of(answer) is None


@pytest.mark.parametrize(
    "where",
    [
        "/",
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/prompts",
        "/api/v1/nowhere",
        "/api/v1/prompts/a/b/c/d/e",
        "/health/",
        "/favicon.ico",
        "/.env",
        "/static/",
        "/static/../manage.py",
        "/static/%2e%2e/manage.py",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_an_unknown_route_is_404_in_the_error_shape(db: None, browser: DjangoClient, where: str, method: str) -> None:
    answer = browser.generic(method, where)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert "Location" not in answer.headers


# ----------------------------------------------------------------------------- docs
def test_the_docs_need_nothing_from_elsewhere(db: None, browser: DjangoClient) -> None:
    page = browser.get("/api/v1/docs").content.decode()
    links = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", page)
    assert len(links) >= 4
    assert "swagger-ui" in page
    assert re.findall(r"(?:https?:)?//[a-z]", page) == []
    for link in links:
        part = browser.get(urljoin("/api/v1/docs", link))
        content = b"".join(part) if part.streaming else part.content
        assert part.status_code == 200
        assert len(content) > 100, link
    start = browser.get("/api/v1/docs?script=").content.decode()
    assert "/api/v1/docs/openapi.yaml" in start
    assert re.findall(r"(?:https?:)?//[a-z][\w-]*\.", start) == []
    assert re.search(r"""["']?validatorUrl["']?\s*:\s*(?:null|["']none["'])""", start), "asks validator.swagger.io"


def test_the_document_names_every_route(db: None, browser: DjangoClient) -> None:
    document = browser.get("/api/v1/docs/openapi.yaml")
    assert document["Content-Type"].startswith("application/yaml")
    text = document.content.decode()
    for route in ROUTES:
        shown = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.path)
        assert f"  /api/v1/{shown}:\n" in text


# ----------------------------------------------------------------------------- preconditions
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("{etag}", 200),
        ("W/{etag}", 200),
        ("*", 200),
        (' "98" , W/{etag}, "99"', 200),
        ('"98",{etag}', 200),
        ('"98"', 412),
        ('W/"98"', 412),
        ('"98", "99"', 412),
        ('""', 412),
        ("", 412),
        ("nonsense", 412),
        ('"*"', 412),
        ('"-1"', 412),
    ],
)
def test_a_write_is_held_to_the_revision_it_names(as_admin: Client, ground: Ground, sent: str, status: int) -> None:
    where = f"/prompts/{ground.prompt.pk}"
    before = as_admin.get(where)
    answer = as_admin.put(where, {"description": "new"}, If_Match=sent.format(etag=before["ETag"]))
    assert answer.status_code == status
    after = as_admin.get(where)
    if status == 412:
        assert error_of(answer)["code"] == "PRECONDITION_FAILED"
        assert (after.content, after["ETag"]) == (before.content, before["ETag"])
    else:
        assert after["ETag"] == answer["ETag"] != before["ETag"]
        assert json_of(after)["description"] == "new"


def test_every_write_on_a_row_is_refused_when_it_is_stale(as_admin: Client, ground: Ground) -> None:
    where = f"/prompts/{ground.prompt.pk}"
    other = {"versionId": str(ground.first.pk)}
    before = [as_admin.get(path).content for path in (where, f"{where}/tags", f"{where}/versions")]
    for method, path_, body in (
        ("PUT", where, {"template": "new"}),
        ("DELETE", where, None),
        ("POST", f"{where}/versions", {"content": "new"}),
        ("POST", f"{where}/tags/staging", other),
        ("DELETE", f"{where}/tags/staging", None),
    ):
        answer = as_admin(method, path_, body, If_Match='"99"')
        assert (answer.status_code, error_of(answer)["code"]) == (412, "PRECONDITION_FAILED"), (method, path_)
    assert [as_admin.get(path).content for path in (where, f"{where}/tags", f"{where}/versions")] == before
    assert as_admin.delete(where).status_code == 200
    assert as_admin.post(f"{where}/unarchive", If_Match='"99"').status_code == 412


def test_a_tag_is_held_to_its_own_revision(as_admin: Client, ground: Ground) -> None:
    where = f"/prompts/{ground.prompt.pk}/tags/staging"
    seen = as_admin.get(where)["ETag"]
    moved = as_admin.post(where, {"versionId": str(ground.first.pk)}, If_Match=seen)
    assert moved.status_code == 200
    assert moved["ETag"] == as_admin.get(where)["ETag"] != seen
    assert as_admin.post(where, {"versionId": str(ground.second.pk)}, If_Match=seen).status_code == 412
    assert as_admin.delete(where, If_Match=f"W/{seen}").status_code == 412
    assert as_admin.delete(where, If_Match=f'"0", W/{moved["ETag"]}').status_code == 204
    for present in ("*", moved["ETag"]):
        assert as_admin.post(where, {"versionId": str(ground.second.pk)}, If_Match=present).status_code == 412
    assert as_admin.get(where).status_code == 404
    assert as_admin.post(where, {"versionId": str(ground.second.pk)})["ETag"] not in (seen, moved["ETag"])


def test_the_etag_of_a_write_is_that_of_the_next_read(as_admin: Client) -> None:
    made = as_admin.post("/prompts", {"name": "a", "template": "b"})
    assert made["ETag"] == as_admin.get("/prompts/a")["ETag"]
    version = as_admin.post("/prompts/a/versions", {"content": "c"})
    assert version["ETag"] == as_admin.get("/prompts/a/versions/2")["ETag"]
    assert as_admin.get("/prompts/a")["ETag"] != made["ETag"]
    archived = as_admin.delete("/prompts/a")
    assert archived["ETag"] == as_admin.get("/prompts/a")["ETag"]


# ----------------------------------------------------------------------------- pages
@pytest.fixture
def pages(ground: Ground, as_admin: Client) -> list[str]:
    """Every paginated list, each with a few rows."""
    ref = ground.prompt.pk
    as_admin.post(f"/prompts/{ref}/tags/staging", {"versionId": str(ground.first.pk)})
    return [
        "/prompts",
        "/api-keys",
        "/prompts/audit",
        f"/prompts/{ref}/versions",
        f"/prompts/{ref}/tags/staging/history",
    ]


BAD_LIMITS = [
    "0",
    "-1",
    "101",
    "1000000000000000000000",
    "1.0",
    "1e1",
    "",
    " ",
    "5 ",
    "\u0665",
    "0x10",
    "+5",
    "all",
    "5,5",
]


@pytest.mark.parametrize("limit", BAD_LIMITS)
def test_a_limit_is_1_to_100(as_admin: Client, pages: list[str], limit: str) -> None:
    for where in pages:
        answer = as_admin.get(f"{where}?limit={quote(limit)}")
        assert (answer.status_code, error_of(answer)["code"]) == (400, "VALIDATION_ERROR")
        assert list(error_of(answer)["details"]["fields"]) == ["limit"]


def test_pages_of_any_size_show_each_row_once_and_in_order(as_admin: Client, pages: list[str]) -> None:
    for where in pages:
        whole = json_of(as_admin.get(f"{where}?limit=100"))
        assert whole["meta"] == {"limit": 100}
        assert len(whole["data"]) >= 2
        for limit in (1, 2, len(whole["data"])):
            rows: list[Any] = []
            cursor: str | None = ""
            while cursor is not None:
                answer = json_of(as_admin.get(f"{where}?limit={limit}{cursor and '&cursor=' + cursor}"))
                rows += answer["data"]
                assert 1 <= len(answer["data"]) <= limit
                cursor = answer["meta"].get("nextCursor") or answer["meta"].get("next_cursor")
            assert rows == whole["data"]


def test_the_default_limit_is_20(as_admin: Client, pages: list[str]) -> None:
    assert [json_of(as_admin.get(where))["meta"]["limit"] for where in pages] == [20] * 5


def mutated(cursor: str, chance: random.Random) -> str:
    """The cursor with one to three small changes; never the cursor itself."""
    text = cursor
    while text in (cursor, ""):
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(text) or 1)
            letter = chance.choice(string.ascii_letters + string.digits + "-_:.=%+/ \u00e9'\"")
            text = chance.choice(
                [
                    text[:at] + letter + text[at + 1 :],
                    text[:at] + text[at + 1 :],
                    text[:at] + letter + text[at:],
                    text[at:] + text[:at],
                    text[:at].swapcase() + text[at:],
                    text[: at + 1],
                    text + letter,
                    ":".join(reversed(text.split(":"))),
                ]
            )
    return text


def test_no_changed_cursor_is_taken(as_admin: Client, pages: list[str]) -> None:
    chance = random.Random(20_24)
    taken = []
    for where in pages:
        meta = json_of(as_admin.get(f"{where}?limit=1"))["meta"]
        cursor = meta.get("nextCursor") or meta["next_cursor"]
        assert as_admin.get(f"{where}?limit=1&cursor={cursor}").status_code == 200
        for _ in range(40):
            changed = mutated(cursor, chance)
            answer = as_admin.get(f"{where}?limit=1&cursor={quote(changed)}")
            if (answer.status_code, error_of(answer)["code"]) != (400, "INVALID_CURSOR"):
                taken.append((where, changed, answer.status_code))
    assert taken == []


@pytest.mark.parametrize(
    "cursor",
    ["x", "1", "null", "::", "a:b", "%00", "%FF%FE", "x" * 5000, "' OR 1=1", "../..", "e30", "e30:", "[]", "-1"],
)
def test_what_was_never_a_cursor_is_refused(as_admin: Client, pages: list[str], cursor: str) -> None:
    for where in pages:
        answer = as_admin.get(f"{where}?cursor={cursor if '%' in cursor else quote(cursor)}")
        assert (answer.status_code, bodies.fault_of(answer)) == (400, None)
