"""No secret leaves the process: not in an answer, not in a line of the log, not in what a view is handed."""

import io
import json
import logging
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as current
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client as DjangoClient
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from pvc import logs, middleware
from pvc.api import ApiViewSet
from tenants.models import Actor
from tests import factories
from tests.factories import Client, error_of, json_of
from tests.live import serving

CANARY = "canary-d41d8cd98f00b204"
SETTINGS = ("SECRET_KEY", "API_KEY_PEPPER", "AUDIT_KEY")


def secrets_at_hand(request: HttpRequest) -> dict[str, str]:
    """What a careless view could let slip."""
    return {
        "environment": os.environ.get("CANARY_SECRET", CANARY),
        "key": request.headers.get("Authorization", "").removeprefix("Bearer "),
        "header": request.headers.get("Authorization", ""),
        "url": f"postgresql://pvc:{CANARY}@db:5432/pvc",
        **{name: str(getattr(current, name)) for name in SETTINGS},
    }


def crash_with_locals(request: HttpRequest) -> HttpResponse:
    held = secrets_at_hand(request)
    password = held["environment"]
    return HttpResponse(password[len(held) * 1000])


def crash_with_message(request: HttpRequest, what: str) -> HttpResponse:
    raise RuntimeError(f"could not use {secrets_at_hand(request)[what]} for this")


def crash_with_cause(request: HttpRequest, what: str) -> HttpResponse:
    try:
        return crash_with_message(request, what)
    except RuntimeError as error:
        raise KeyError(secrets_at_hand(request)[what]) from error


def meta(request: HttpRequest) -> HttpResponse:
    return JsonResponse({name: str(value) for name, value in request.META.items()})


class Crashing(ApiViewSet):
    """A door that fails, with a secret in its hands."""

    scopes = {"list": "prompts:read", "create": "prompts:read"}

    def list(self, request: Request) -> Response:
        return Response(str(secrets_at_hand(request._request)["no-such-secret"]))

    def create(self, request: Request) -> Response:
        raise RuntimeError(json.dumps(secrets_at_hand(request._request)))


urlpatterns = [
    path("api/v1/locals", crash_with_locals, name="locals"),
    path("api/v1/message/<what>", crash_with_message, name="message"),
    path("api/v1/cause/<what>", crash_with_cause, name="cause"),
    path("api/v1/door", Crashing.as_view({"get": "list", "post": "create"}), name="door"),
    path("api/v1/meta", meta, name="meta"),
    path("admin/locals", crash_with_locals, name="console-locals"),
    path("admin/message/<what>", crash_with_message, name="console-message"),
    path("other/locals", crash_with_locals, name="other-locals"),
]
handler400 = middleware.bad_request
handler403 = middleware.permission_denied
handler404 = middleware.not_found
handler500 = middleware.server_error

WHAT = ("environment", "key", "header", "url", *SETTINGS)
API_CRASHES = ["locals", "door", *(f"{how}/{what}" for how in ("message", "cause") for what in WHAT)]
#: An error's own words are logged: of those, what is known to be secret or looks like it is taken out.
LOGGED_CRASHES = [where for where in API_CRASHES if not where.endswith("/environment")]
CONSOLE_CRASHES = ["locals", *(f"message/{what}" for what in WHAT)]


@pytest.fixture
def crashing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary in the environment, and the URL table above."""
    monkeypatch.setenv("CANARY_SECRET", CANARY)
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Every line that leaves the process, as it leaves, debugging ones too."""
    root = logging.getLogger()
    ours = next(handler for handler in root.handlers if isinstance(handler.formatter, logs._RedactingFormatter))
    assert isinstance(ours, logging.StreamHandler)
    level, lines = root.level, io.StringIO()
    root.setLevel(logging.DEBUG)
    stream = ours.setStream(lines)
    yield lines
    ours.setStream(stream or lines)
    root.setLevel(level)


def leaks(text: str, *more: str) -> list[str]:
    """The secrets that stand in `text`."""
    known = [CANARY, *(str(getattr(current, name)) for name in SETTINGS), *more]
    return [secret for secret in known if secret and secret in text]


def text_of(response: HttpResponse) -> str:
    return response.content.decode() + str(dict(response.headers))


# ----------------------------------------------------------------------------- answers
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize("where", API_CRASHES)
def test_a_crash_in_the_api_shows_nothing(
    crashing: None, settings: Any, as_admin: Client, where: str, debug: bool
) -> None:
    settings.DEBUG = debug
    answer = as_admin.get(f"/{where}", X_Request_Id="mine")
    assert (answer.status_code, error_of(answer)["code"]) == (500, "INTERNAL_ERROR")
    assert json_of(answer)["requestId"] == answer["X-Request-Id"] == "mine"
    assert error_of(answer).keys() == {"code", "message"}
    assert leaks(text_of(answer), as_admin.key or "", (as_admin.key or "").split("_")[2]) == []
    for internal in ("Traceback", "RuntimeError", "KeyError", "IndexError", "could not use", "test_canary", ".py"):
        assert internal not in text_of(answer)


@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize("where", CONSOLE_CRASHES)
def test_a_crash_in_the_console_is_a_plain_page(
    crashing: None, settings: Any, db: None, where: str, debug: bool
) -> None:
    settings.DEBUG = debug
    answer = DjangoClient(raise_request_exception=False).get(
        f"/admin/{where}", headers={"Authorization": "Bearer something-secret-here", "X-Request-Id": "mine"}
    )
    page = answer.content.decode()
    assert answer.status_code == 500
    assert answer["Content-Type"].startswith("text/html")
    assert "mine" in page
    assert len(page) < 1000
    assert leaks(page + str(dict(answer.headers)), "something-secret-here") == []
    assert "Traceback" not in page


@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
def test_a_crash_elsewhere_has_the_error_shape(crashing: None, settings: Any, db: None, debug: bool) -> None:
    settings.DEBUG = debug
    answer = DjangoClient(raise_request_exception=False).get("/other/locals")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert leaks(answer.content.decode()) == []


def test_a_crash_with_a_body_does_not_give_it_back(crashing: None, as_admin: Client) -> None:
    answer = as_admin.post("/door", {"password": "hunter2hunter2"})
    assert answer.status_code == 500
    assert leaks(text_of(answer), "hunter2", as_admin.key or "") == []


# ----------------------------------------------------------------------------- logs
@pytest.mark.parametrize("where", LOGGED_CRASHES)
def test_a_crash_leaves_its_traceback_and_no_secret_in_the_log(
    crashing: None, as_admin: Client, log: io.StringIO, where: str
) -> None:
    as_admin.get(f"/{where}")
    lines = log.getvalue()
    assert "Traceback" in lines
    assert "request failed" in lines
    key = as_admin.key or ""
    assert leaks(lines, key, key.split("_")[2]) == []


def test_a_days_work_leaves_no_key_in_the_log(as_admin: Client, admin: Actor, log: io.StringIO) -> None:
    issued = as_admin.post("/api-keys", {"name": "k", "scopes": ["prompts:read"]}, Idempotency_Key="once")
    key = json_of(issued)["key"]
    as_admin.post("/api-keys", {"name": "k", "scopes": ["prompts:read"]}, Idempotency_Key="once")
    Client(key).get("/prompts?search=" + key)
    Client(key).post("/prompts", {"name": key, "template": key})
    Client(key).get(f"/prompts/{key}")
    Client(key).get(f"/nowhere/{key}", X_User_Id=key, X_Request_Id=key, X_Tenant_Id=key)
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    Client(wrong).get("/prompts")
    Client(None).get("/prompts", Authorization=f"bearer {key}")
    Client(None).get("/prompts", Authorization=f"Basic {key}")
    Client(None).get("/prompts", Cookie=f"sessionid={key}")
    as_admin.delete(f"/api-keys/{json_of(issued)['id']}")
    Client(key).get("/prompts")
    DjangoClient(raise_request_exception=False).post("/admin/login/", {"username": "admin", "password": key})
    lines = log.getvalue()
    assert "/api/v1/api-keys" in lines
    parts = [part for text in (key, wrong, as_admin.key or "") for part in (text, text.split("_")[2])]
    assert leaks(lines, *parts) == []


@pytest.mark.parametrize(
    "text",
    [
        "pvc_Ab3dE6gH_" + "x" * 43,
        "token=pvc_Ab3dE6gH_" + "x" * 43 + "&next",
        '{"key": "pvc_Ab3dE6gH_' + "x" * 43 + '"}',
        "Authorization: Bearer " + "x" * 43,
        "'bearer " + "x" * 43 + "'",
        "BEARER " + "x" * 43,
        "whsec_" + "x" * 43,
        "redis://:" + "x" * 43 + "@cache:6379/0",
        "postgresql://owner:" + "x" * 43 + "@db/pvc",
    ],
)
@pytest.mark.parametrize("logger", ["pvc.middleware", "django.request", "celery.worker", "anything"])
def test_whatever_looks_like_a_secret_is_taken_out_of_every_line(log: io.StringIO, text: str, logger: str) -> None:
    logging.getLogger(logger).warning("failed with %s", text)
    logging.getLogger(logger).warning("failed", extra={"detail": text})
    logging.getLogger(logger).error("failed badly", exc_info=ValueError(text))
    assert "failed badly" in log.getvalue()
    assert "x" * 20 not in log.getvalue()


# ----------------------------------------------------------------------------- behind the real server
SERVER = """
import logging, os
from pvc.settings import *
ROOT_URLCONF = "tests.security.test_canary"
logging.getLogger().handlers[0].setStream(open(os.environ["CANARY_LOG"], "w", buffering=1))
"""


def asked(url: str, key: str, method: str = "GET", body: bytes | None = None) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}", "X-User-Id": "admin", "X-Gateway-Signature": "t=1,v1=" + CANARY[7:]}
    request = urllib.request.Request(url, method=method, data=body, headers=headers)  # noqa: S310 — loopback
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, answer.read().decode() + str(answer.headers)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode() + str(refused.headers)


@pytest.mark.full
@pytest.mark.parametrize("debug", ["off", "on"])
def test_the_real_server_keeps_its_environment_to_itself(committed: None, tmp_path: Path, debug: str) -> None:
    owner = factories.make_user(factories.make_tenant(), "")
    key = factories.make_key(owner).text
    (tmp_path / "canary_settings.py").write_text(SERVER)
    # The test's own pepper and audit key stay: the key and the log were made with them.
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).resolve().parents[2])]),
        "DJANGO_SETTINGS_MODULE": "canary_settings",
        "CANARY_LOG": str(tmp_path / "log"),
        "CANARY_SECRET": CANARY,
        "HTTP_CANARY": CANARY,
        "HTTP_X_TENANT_ID": CANARY,
        "REMOTE_USER": CANARY,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "GATEWAY_SECRET": secrets.token_urlsafe(48),
        "API_KEY_PEPPER": current.API_KEY_PEPPER,
        "AUDIT_KEY": current.AUDIT_KEY,
        "LOG_LEVEL": "debug",
        "DEBUG": debug,
    }
    if debug == "off":
        environment |= {"API_KEY_PEPPER": secrets.token_urlsafe(48), "AUDIT_KEY": secrets.token_urlsafe(48)}
    hidden = [CANARY, key, *(environment[name] for name in (*SETTINGS, "GATEWAY_SECRET"))]
    with serving(environment=environment) as url:
        seen = [asked(f"{url}/{where}", key) for where in ("api/v1/meta", "api/v1/locals", "admin/locals", "api/v1/x")]
        # At once: a server that cannot be loaded writes a long page for each of the calls below.
        assert [status for status, _ in seen] == [200, 500, 500, 404]
        seen += [asked(f"{url}/api/v1/{where}", key) for where in LOGGED_CRASHES]
        seen.append(asked(f"{url}/api/v1/door", key, "POST", b'{"a":1}'))
    own = seen[0][1].replace(key, "").replace(CANARY[7:], "")
    assert [secret for secret in hidden if secret in own] == []
    assert [secret for secret in hidden for _, text in seen[1:] if secret in text] == []
    lines = (tmp_path / "log").read_text()
    assert "request failed" in lines
    assert "Traceback" in lines
    assert [secret for secret in hidden if secret in lines] == []
