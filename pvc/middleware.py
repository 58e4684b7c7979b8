"""What every request crosses: its id, the gate against hostile input, one answer for whatever escapes.

The console's own middleware (sessions, CSRF, log-in) stands here too and leaves every other path alone.
"""

import html
import ipaddress
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import structlog
from axes.middleware import AxesMiddleware
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import (
    BadRequest,
    ImproperlyConfigured,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import DatabaseError, DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.gzip import GZipMiddleware
from django.utils.deprecation import MiddlewareMixin

from pvc import answers, errors, logs, metrics, ratelimit
from pvc.ids import new_id

logger = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]

CONSOLE = "/admin/"
API = "/api/"
DOCS = "/api/v1/docs"
#: Asked every few seconds by machines: counted, but logged for debugging only.
PROBES = frozenset({"/health", "/ready", "/metrics"})

# ----------------------------------------------------------------------------- the gate
KIB = 1024
_BODY_LIMITS: tuple[tuple[str, re.Pattern[str], int], ...] = (
    ("POST", re.compile(r".*/render|.*/prompts/render/.*|.*/metrics/ingest"), 1024 * KIB),
    ("POST", re.compile(r"/api/v1/prompts|.*/versions|.*/merge"), 2048 * KIB),
    ("PUT", re.compile(r"/api/v1/prompts/[^/]+|.*/save-draft"), 2048 * KIB),
)
_OTHER_API_LIMIT = 256 * KIB
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_REQUEST_ID = re.compile(r"[\w-]{1,128}", re.ASCII)
_LENGTH = re.compile(r"[0-9]{1,18}")


class Malformed(errors.Invalid):
    """Not a request that can be read."""

    code = "BAD_REQUEST"


def body_limit(method: str, path: str) -> int:
    """The largest body a route takes, in bytes (contract 1)."""
    for writing, route, limit in _BODY_LIMITS:
        if method == writing and route.fullmatch(path):
            return limit
    return _OTHER_API_LIMIT if path.startswith(API) else settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0


def _refuse_hostile(request: HttpRequest) -> None:
    """Refuse, before anything is read, what no route takes. Raises a DomainError."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not _LENGTH.fullmatch(length):
        raise Malformed("The Content-Length header is not a number.")
    limit = body_limit(request.method or "", request.path_info)
    if int(length) > limit:
        raise errors.TooLarge(f"The body is larger than the {limit // KIB} KiB this route takes.")
    if _CONTROL.search(request.path_info):
        raise errors.NotFound("No path contains control characters.")
    if "%00" in request.META.get("QUERY_STRING", ""):
        raise Malformed("The query contains a NUL character.")


# ----------------------------------------------------------------------------- the outermost
class RequestMiddleware:
    """Gives a request its id, answers what escapes, counts and logs."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        _trusted_proxies(tuple(settings.TRUSTED_PROXIES))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        sent_id = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = sent_id if _REQUEST_ID.fullmatch(sent_id) else str(new_id())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
        except Exception as error:  # noqa: BLE001 — the last one who can answer
            response = answer_to(request, error)
        _put_in_our_shape(request, response)
        _set_headers(request, response, request_id)
        _account_for(request, response, time.perf_counter() - started)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse:
        """Django asks here first, so its own error pages never show."""
        return answer_to(request, error)


class GateMiddleware:
    """Stands behind CORS, so that a page in a browser can read why it was refused."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            _refuse_hostile(request)
        except errors.DomainError as refused:
            return answer_to(request, refused)
        return self.get_response(request)


def answer_to(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer to what a view or a middleware raised. Logs what nobody can act on but us."""
    refusal = _refusal(error)
    if refusal is None:
        logger.error("request failed", path=request.path, exc_info=error)
        return _plain(request, 500)
    if isinstance(error, DatabaseError | InterfaceError):
        logger.warning("database refused", path=request.path, exc_info=error)
    if is_console(request):
        return _console_page(answers.status_of(refusal), refusal.message)
    return answers.error_response(refusal)


def _refusal(error: Exception) -> errors.DomainError | None:
    """What an exception means to whoever asked; None for a fault of ours."""
    match error:
        case errors.DomainError():
            return error
        case DatabaseError() | InterfaceError():
            return _database_refusal(error)
        case Http404():
            return errors.NotFound(_SENTENCES[404])
        case PermissionDenied():
            return errors.Forbidden(_SENTENCES[403])
        case RequestDataTooBig():
            return errors.TooLarge(_SENTENCES[413])
        case (
            SuspiciousOperation()
            | BadRequest()
            | MultiPartParserError()
            | UnreadablePostError()
            | UnicodeDecodeError()
            | RecursionError()
        ):
            return Malformed(_SENTENCES[400])
    return None


def _database_refusal(error: DatabaseError | InterfaceError) -> errors.DomainError | None:
    if isinstance(error, DatabaseError):
        try:
            errors.raise_domain_error(error)
        except errors.DomainError as named:
            return named
        except DatabaseError:
            pass
    if isinstance(error, OperationalError | InterfaceError):
        return errors.Unavailable("The database cannot be reached; please try again.")
    if isinstance(error, DataError):
        return errors.Invalid("A value cannot be stored as it is.")
    return None


def _account_for(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    match = request.resolver_match
    route = match.view_name if match and match.view_name else "unmatched"
    method, status = request.method or "", response.status_code
    metrics.count_request(method, route, status, seconds)
    log = logger.debug if request.path_info in PROBES else logger.info
    log("request", method=method, route=route, path=request.path, status=status, ms=round(seconds * 1000, 1))


# ----------------------------------------------------------------------------- headers
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The console's Alpine evaluates expressions.
_CONSOLE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def _set_headers(request: HttpRequest, response: HttpResponseBase, request_id: str) -> None:
    headers, path = response.headers, request.path_info
    headers["X-Request-Id"] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Content-Security-Policy"] = _policy(path)
    if path.startswith(API) and not path.startswith(DOCS):
        headers.setdefault("Cache-Control", "private, no-store")
    if isinstance(response, HttpResponse) and response.status_code not in (204, 304):
        headers.setdefault("Content-Length", str(len(response.content)))


def _policy(path: str) -> str:
    if path.startswith(CONSOLE):
        return _CONSOLE_POLICY
    return _DOCS_POLICY if path.startswith(DOCS) else _API_POLICY


# ----------------------------------------------------------------------------- pages of refusal
_CODES = {400: "BAD_REQUEST", 403: "FORBIDDEN", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}
_SENTENCES = {
    400: "The request cannot be read.",
    403: "You may not do this.",
    404: "There is nothing here.",
    405: "This method is not allowed here.",
    413: "The body is larger than this route takes.",
    500: "Something went wrong on our side. The request id leads us to what it was.",
}


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """handler400"""
    return _plain(request, 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """handler403"""
    return _plain(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """handler404, and the last route: whatever no other route took."""
    return _plain(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500"""
    return _plain(request, 500)


def _plain(request: HttpRequest, status: int) -> HttpResponse:
    sentence = _SENTENCES.get(status, _SENTENCES[400 if status < 500 else 500])
    if is_console(request):
        return _console_page(status, sentence)
    return answers.plain_error(
        status, _CODES.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"), sentence
    )


def _console_page(status: int, sentence: str) -> HttpResponse:
    """Put together here rather than from a template, so that it can be shown whatever is broken."""
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{status} | Prompt version control</title>
<link rel="icon" type="image/svg+xml" href="/static/pvc/icon.svg"><link rel="stylesheet" href="/static/pvc/console.css">
</head><body class="pv-alone"><main class="pv pv-card"><h1>{html.escape(sentence)}</h1>
<p><a href="{CONSOLE}">Back to the console</a></p>
<p class="pv-quiet">Request {html.escape(logs.request_id() or "")}</p></main></body></html>"""
    return HttpResponse(page, status=status)


def _put_in_our_shape(request: HttpRequest, response: HttpResponseBase) -> None:
    """Outside of the console no refusal is a page: what Django or a library wrote becomes the error shape."""
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    if response.status_code < 400 or not is_page or is_console(request) or not isinstance(response, HttpResponse):
        return
    ours = _plain(request, response.status_code)
    for name in [name for name in response.headers if name.lower().startswith("content-")]:
        del response.headers[name]
    response.headers["Content-Type"] = ours.headers["Content-Type"]
    response.content = ours.content


# ----------------------------------------------------------------------------- compression
class CompressionMiddleware(GZipMiddleware):
    """gzip for text from 1 KiB on."""

    smallest = KIB
    types = (
        "text/",
        "application/json",
        "application/javascript",
        "application/yaml",
        "application/vnd.oai",
        "image/svg",
    )

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.status_code in (204, 206, 304) or response.has_header("Content-Encoding"):
            return response
        if isinstance(response, HttpResponse) and len(response.content) < self.smallest:
            return response
        if not response.headers.get("Content-Type", "").startswith(self.types):
            return response
        return super().process_response(request, response)


# ----------------------------------------------------------------------------- the console's own
def is_console(request: HttpRequest) -> bool:
    """Whether a request is for the console, which alone has sessions and a log-in."""
    return request.path_info.startswith(CONSOLE)


class _ConsoleOnly(MiddlewareMixin):
    """Does what its other parent does, for the console alone."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if is_console(request) else self.get_response(request)


class ConsoleSessionMiddleware(_ConsoleOnly, SessionMiddleware):
    """Sessions for the console."""


class ConsoleCsrfMiddleware(_ConsoleOnly, CsrfViewMiddleware):
    """CSRF tokens for the console."""

    def process_view(self, request: HttpRequest, *view: Any) -> Any:
        return super().process_view(request, *view) if is_console(request) else None


class ConsoleAuthenticationMiddleware(_ConsoleOnly, AuthenticationMiddleware):
    """`request.user` for the console."""


class ConsoleMessageMiddleware(_ConsoleOnly, MessageMiddleware):
    """One-time messages for the console."""


class ConsoleLimitMiddleware(_ConsoleOnly):
    """Calls per minute: of a signed-in user, or of the address a log-in is tried from."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        try:
            if request.user.is_authenticated:
                ratelimit.take("console", str(request.user.pk))
            elif request.method == "POST":
                ratelimit.take("anonymous", f"console {ratelimit.network_of(client_address(request))}")
        except errors.RateLimited as refused:
            response = _console_page(429, refused.message)
            for name, value in answers.error_headers(refused).items():
                response[name] = value
            return response
        return None


class ConsoleAxesMiddleware(AxesMiddleware):  # type: ignore[misc]  # axes has no types
    """The page of a locked-out log-in."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = super().__call__(request) if is_console(request) else self.get_response(request)
        return response


# ----------------------------------------------------------------------------- whose address
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


@lru_cache
def _trusted_proxies(entries: tuple[str, ...]) -> int | Networks:
    """TRUSTED_PROXIES: a number of hops, or networks."""
    try:
        if len(entries) == 1 and entries[0].isdecimal():
            return int(entries[0])
        return tuple(ipaddress.ip_network(entry.strip()) for entry in entries)
    except ValueError as unreadable:
        raise ImproperlyConfigured(
            "TRUSTED_PROXIES is a comma-separated list of networks, such as 10.0.0.0/8, or one number of proxies."
        ) from unreadable


def client_address(request: HttpRequest) -> str:
    """Who is asking: the socket's peer, or whom the trusted proxies in front of us saw.

    X-Forwarded-For is read from the right, since only what our own proxies appended can be believed.
    """
    peer = request.META.get("REMOTE_ADDR") or "127.0.0.1"  # a local socket has no address
    trusted = _trusted_proxies(tuple(settings.TRUSTED_PROXIES))
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if isinstance(trusted, int):
        seen = hops[-trusted] if 0 < trusted <= len(hops) else peer
    else:
        seen = next((hop for hop in [peer, *reversed(hops)] if not _is_within(hop, trusted)), peer)
    try:
        return str(ipaddress.ip_address(seen))
    except ValueError:
        return peer


def _is_within(address: str, networks: Networks) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in network for network in networks)
