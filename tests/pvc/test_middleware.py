"""What every request crosses: the gate, one answer for whatever escapes, headers, the console apart."""

import gzip
import json
import logging
import random
from typing import Any

import pytest
import structlog
from django.contrib.admin.checks import check_dependencies
from django.core.exceptions import BadRequest, ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.test import Client, RequestFactory
from django.urls import path

from pvc import errors, middleware
from pvc.middleware import RequestMiddleware, body_limit, client_address

KIB = 1024
ESCAPES: dict[str, tuple[Exception, int, str]] = {
    "domain": (errors.Gone("It was archived."), 410, "ARCHIVED"),
    "missing": (Http404("internals"), 404, "NOT_FOUND"),
    "denied": (PermissionDenied("internals"), 403, "FORBIDDEN"),
    "suspicious": (SuspiciousOperation("internals"), 400, "BAD_REQUEST"),
    "bad": (BadRequest("internals"), 400, "BAD_REQUEST"),
    "undecodable": (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "internals"), 400, "BAD_REQUEST"),
    "deep": (RecursionError("internals"), 400, "BAD_REQUEST"),
    "no-database": (OperationalError("internals"), 503, "UNAVAILABLE"),
    "lost-database": (InterfaceError("internals"), 503, "UNAVAILABLE"),
    "odd-value": (DataError("internals"), 400, "VALIDATION_ERROR"),
    "fault": (RuntimeError("internals"), 500, "INTERNAL_ERROR"),
}


def escape(request: HttpRequest, what: str) -> HttpResponse:
    raise ESCAPES[what][0]


def echo(request: HttpRequest) -> HttpResponse:
    console = [name for name in ("session", "user", "_messages") if hasattr(request, name)]
    return JsonResponse({"read": len(request.body), "console": console})


def text(request: HttpRequest, size: int, kind: str = "json") -> HttpResponse:
    return HttpResponse(b"a" * size, content_type=f"application/{kind}", headers={"ETag": '"1"'})


urlpatterns = [
    path("api/v1/escape/<what>", escape, name="escape"),
    path("admin/escape/<what>", escape, name="console-escape"),
    path("api/v1/text/<int:size>", text, name="text"),
    path("api/v1/text/<int:size>/<kind>", text, name="text-kind"),
    path("health", echo, name="health"),
    path("api/v1/echo", echo, name="echo"),
    path("admin/echo", echo, name="console-echo"),
]
handler400 = middleware.bad_request
handler403 = middleware.permission_denied
handler404 = middleware.not_found
handler500 = middleware.server_error

pytestmark = pytest.mark.urls(__name__)


class FailingMiddleware:
    """One that fails before any view."""

    error: Exception = SuspiciousOperation("internals")

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, _request: HttpRequest) -> HttpResponse:
        raise self.error


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


# ----------------------------------------------------------------------------- the request id
@pytest.mark.parametrize("sent", ["a", "A-b_9", "x" * 128])
def test_a_good_request_id_is_echoed(client: Client, sent: str) -> None:
    assert client.get("/api/v1/echo", headers={"X-Request-Id": sent})["X-Request-Id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", "ä", "a\n", "٣", "a;b"])
def test_another_is_replaced(client: Client, sent: str) -> None:
    given = client.get("/api/v1/echo", headers={"X-Request-Id": sent})["X-Request-Id"]
    assert given != sent
    assert len(given) == 36


def test_an_error_names_the_request(client: Client) -> None:
    answer = client.get("/api/v1/escape/fault", headers={"X-Request-Id": "mine"})
    assert answer["X-Request-Id"] == "mine"
    assert answer.json()["requestId"] == "mine"


# ----------------------------------------------------------------------------- the gate
@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/api/v1/prompts", 2048),
        ("PUT", "/api/v1/prompts/default:hello", 2048),
        ("POST", "/api/v1/prompts/hello/versions", 2048),
        ("POST", "/api/v1/prompts/templates", 256),
        ("PUT", "/api/v1/prompts/templates/1", 256),
        ("POST", "/api/v1/prompts/templates/1/versions", 2048),
        ("PUT", "/api/v1/prompts/versions/1/save-draft", 2048),
        ("POST", "/api/v1/prompts/versions/1/promote-pre-prod/merge", 2048),
        ("POST", "/api/v1/prompts/hello/render", 1024),
        ("POST", "/api/v1/prompts/hello/versions/3/render", 1024),
        ("POST", "/api/v1/prompts/render/default:hello", 1024),
        ("POST", "/api/v1/metrics/ingest", 1024),
        ("POST", "/api/v1/prompts/hello/promote", 256),
        ("POST", "/api/v1/prompts/namespaces", 256),
        ("DELETE", "/api/v1/prompts/hello", 256),
        ("POST", "/api/v1/webhooks", 256),
        ("POST", "/api/v1/evaluations/webhook", 256),
        ("GET", "/api/v1/prompts", 256),
        ("POST", "/admin/prompts/prompt/add/", 2048),
    ],
)
def test_each_route_has_its_largest_body(method: str, path: str, limit: int) -> None:
    assert body_limit(method, path) == limit * KIB


def test_a_body_at_the_limit_passes_and_one_byte_more_does_not(client: Client) -> None:
    assert client.post("/api/v1/echo", b"x" * 256 * KIB, "text/plain").json()["read"] == 256 * KIB
    answer = client.post("/api/v1/echo", b"x" * (256 * KIB + 1), "text/plain")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("length", ["x", "-1", "1e3", "+5", "٣", "9" * 30, "1, 1"])
def test_a_length_that_is_no_number_is_refused(client: Client, length: str) -> None:
    assert client.get("/api/v1/echo", CONTENT_LENGTH=length).status_code == 400


@pytest.mark.parametrize("path", ["/api/v1/echo%00", "/api/v1/echo%0A", "/api/v1/echo%7F", "/api/v1/echo%C2%80"])
def test_control_characters_in_a_path_lead_nowhere(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_nul_in_a_query_is_refused(client: Client) -> None:
    assert client.get("/api/v1/echo?search=a%00b").status_code == 400
    assert client.get("/api/v1/echo?search=a%2500b").status_code == 200


def test_a_path_that_is_not_utf8_is_just_unknown(client: Client) -> None:
    assert client.get("/api/v1/none%FF").status_code == 404


# ----------------------------------------------------------------------------- what escapes
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("what", ESCAPES)
def test_whatever_escapes_has_the_error_shape_and_shows_nothing(
    client: Client, settings: Any, what: str, debug: bool
) -> None:
    settings.DEBUG = debug
    _, status, code = ESCAPES[what]
    answer = client.get(f"/api/v1/escape/{what}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()) == {"error", "requestId", "timestamp"}
    assert b"internals" not in answer.content


@pytest.mark.parametrize("debug", [False, True])
def test_an_unknown_path_has_the_error_shape(client: Client, settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    for unknown in ("/", "/nowhere", "/api/v1/nowhere/", "/static/nowhere.js"):
        answer = client.get(unknown)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(("error", "status"), [(SuspiciousOperation("internals"), 400), (OSError("internals"), 500)])
def test_a_middleware_that_fails_has_the_error_shape(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, debug: bool, error: Exception, status: int
) -> None:
    settings.DEBUG = debug
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.FailingMiddleware"]
    monkeypatch.setattr(FailingMiddleware, "error", error)
    answer = client.get("/api/v1/echo", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert b"internals" not in answer.content


def test_unavailable_says_when_to_come_back(client: Client) -> None:
    assert client.get("/api/v1/escape/no-database")["Retry-After"] == "1"


def test_the_console_gets_a_page(client: Client) -> None:
    answer = client.get("/admin/escape/fault", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 500
    assert answer["Content-Type"].startswith("text/html")
    assert b"mine" in answer.content
    assert b"internals" not in answer.content


def test_what_a_library_refused_in_html_gets_the_shape_and_keeps_its_headers() -> None:
    refused = HttpResponse("<h1>No</h1>", status=405, headers={"Allow": "GET"})
    RequestMiddleware(lambda _: refused)(RequestFactory().get("/api/v1/x"))
    assert json.loads(refused.content)["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert refused["Allow"] == "GET"


# ----------------------------------------------------------------------------- headers, compression
def test_every_answer_has_the_security_headers(client: Client) -> None:
    for asked in ("/api/v1/echo", "/api/v1/escape/fault", "/api/v1/echo%00", "/nowhere", "/admin/escape/fault"):
        answer = client.get(asked)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["Content-Length"] == str(len(answer.content))


def test_the_policy_fits_the_part(client: Client) -> None:
    assert client.get("/api/v1/echo")["Content-Security-Policy"].startswith("default-src 'none'; frame-ancestors")
    assert "script-src 'self';" in client.get("/api/v1/docs")["Content-Security-Policy"]
    assert "'unsafe-eval'" in client.get("/admin/escape/fault")["Content-Security-Policy"]


def test_an_api_answer_is_not_stored_unless_it_says_so(client: Client) -> None:
    assert client.get("/api/v1/echo")["Cache-Control"] == "private, no-store"
    assert "Cache-Control" not in client.get("/health")
    assert "Cache-Control" not in client.get("/api/v1/docs")
    own = HttpResponse(headers={"Cache-Control": "private, no-cache"})
    assert RequestMiddleware(lambda _: own)(RequestFactory().get("/api/v1/x"))["Cache-Control"] == "private, no-cache"


def test_an_answer_of_a_kibibyte_is_compressed(client: Client) -> None:
    answer = client.get("/api/v1/text/1024", headers={"Accept-Encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == b"a" * 1024
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["ETag"] == 'W/"1"'


@pytest.mark.parametrize("asked", ["/api/v1/text/1023", "/api/v1/text/5000/octet-stream"])
def test_a_small_or_opaque_answer_is_not(client: Client, asked: str) -> None:
    assert "Content-Encoding" not in client.get(asked, headers={"Accept-Encoding": "gzip"})


def test_an_answer_already_encoded_is_left_alone() -> None:
    ready = HttpResponse(b"x" * 5000, content_type="application/json", headers={"Content-Encoding": "br"})
    middleware.CompressionMiddleware(lambda _: ready)(RequestFactory().get("/", headers={"Accept-Encoding": "gzip"}))
    assert ready.content == b"x" * 5000


# ----------------------------------------------------------------------------- the console apart
def test_the_api_has_no_session_no_user_and_no_csrf() -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/v1/echo", b"{}", "application/json")
    assert answer.json() == {"read": 2, "console": []}
    assert "Cookie" not in answer.get("Vary", "")


def test_the_console_has_all_three() -> None:
    assert Client().get("/admin/echo").json()["console"] == ["session", "user", "_messages"]
    assert Client(enforce_csrf_checks=True).post("/admin/echo", {}).status_code == 403


def test_the_admin_finds_the_middleware_it_needs() -> None:
    assert [found.id for found in check_dependencies()] == []


def test_log_ins_are_limited_by_address(client: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "anonymous": 3}
    address = f"2001:db8:{random.randrange(65536):x}:{random.randrange(65536):x}::1"
    statuses = [client.post("/admin/echo", REMOTE_ADDR=address).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert client.get("/admin/echo", REMOTE_ADDR=address).status_code == 200


# ----------------------------------------------------------------------------- logs
def test_a_request_leaves_one_line_without_its_query(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        client.get("/api/v1/echo?token=hidden", headers={"Authorization": "Bearer hidden"})
    (line,) = lines
    assert (line["event"], line["route"], line["path"], line["status"]) == ("request", "echo", "/api/v1/echo", 200)
    assert "hidden" not in str(line)


def test_a_fault_leaves_its_traceback(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        client.get("/api/v1/escape/fault")
    assert [line["event"] for line in lines] == ["request failed", "request"]
    assert isinstance(lines[0]["exc_info"], RuntimeError)


def test_probes_are_for_debugging(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        client.get("/health")
    assert lines[0]["log_level"] == "debug"


def test_django_adds_no_second_line(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="django.request"):
        client.get("/nowhere")
    assert not [record for record in caplog.records if record.name == "django.request"]


# ----------------------------------------------------------------------------- whose address
@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "seen"),
    [
        ([], "192.0.2.1", None, "192.0.2.1"),
        ([], "192.0.2.1", "198.51.100.9", "192.0.2.1"),
        (["10.0.0.0/8"], "192.0.2.1", "198.51.100.9", "192.0.2.1"),
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.9", "198.51.100.9"),
        (["10.0.0.0/8"], "10.0.0.1", "203.0.113.5, 198.51.100.9", "198.51.100.9"),
        (["10.0.0.0/8"], "10.0.0.1", "203.0.113.5, 198.51.100.9, 10.0.0.2", "198.51.100.9"),
        (["10.0.0.0/8"], "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", None, "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.9, nonsense", "10.0.0.1"),
        (["10.0.0.0/8", "fd00::/8"], "fd00::1", "2001:DB8::1", "2001:db8::1"),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", "198.51.100.9", "198.51.100.9"),
        (["1"], "10.0.0.1", "203.0.113.5, 198.51.100.9", "198.51.100.9"),
        (["2"], "10.0.0.1", "203.0.113.5, 198.51.100.9", "203.0.113.5"),
        (["3"], "10.0.0.1", "203.0.113.5, 198.51.100.9", "10.0.0.1"),
        (["1"], "10.0.0.1", None, "10.0.0.1"),
        (["1"], "10.0.0.1", "198.51.100.9, <script>", "10.0.0.1"),
        (["0"], "10.0.0.1", "198.51.100.9", "10.0.0.1"),
        ([], "", "198.51.100.9", "127.0.0.1"),
    ],
)
def test_the_address_is_the_peer_or_what_a_trusted_proxy_saw(
    settings: Any, trusted: list[str], peer: str, forwarded: str | None, seen: str
) -> None:
    settings.TRUSTED_PROXIES = trusted
    request = RequestFactory(REMOTE_ADDR=peer).get("/", headers={"X-Forwarded-For": forwarded} if forwarded else {})
    assert client_address(request) == seen


def test_a_proxy_list_that_cannot_be_read_stops_the_start(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "proxy.example"]
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        RequestMiddleware(lambda _: HttpResponse())
