"""Settings: a bad value stops the start with a sentence that names it; and logs hold no secrets."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pvc import logs
from tests import copies

REPOSITORY = Path(__file__).resolve().parents[1]

#: An environment in which the server starts.
GOOD = {
    "DATABASE_URL": "postgresql://pvc_app:app@127.0.0.1:5432/pvc",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SECRET_KEY": "s9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cHj",
    "API_KEY_PEPPER": "p9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cHj",
    "AUDIT_KEY": "a9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cHj",
}
SECRETS = ("SECRET_KEY", "API_KEY_PEPPER", "AUDIT_KEY")


def python(code: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a line of Python with this environment and no other."""
    given = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "pvc.settings", **environment}
    return copies.asked().python(code, given)


def refusal(environment: Mapping[str, str], code: str = "import pvc.settings") -> str:
    """The last line of a start that failed."""
    started = python(code, environment)
    assert started.returncode != 0, "the server started"
    last = started.stderr.strip().splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: "), last
    return last.partition(": ")[2]


def value(name: str, environment: Mapping[str, str]) -> str:
    """A setting, as a start with this environment has it."""
    started = python(f"from pvc import settings; print(repr(settings.{name}))", environment)
    assert started.returncode == 0, started.stderr
    return started.stdout.strip()


def without(*names: str) -> dict[str, str]:
    return {name: text for name, text in GOOD.items() if name not in names}


# ----------------------------------------------------------------------------- secrets
def manage_check(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", "manage.py", "check"],
        cwd=REPOSITORY,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_whole_environment_starts() -> None:
    started = manage_check(GOOD)
    assert started.returncode == 0, started.stderr
    assert "no issues" in started.stdout


@pytest.mark.parametrize("name", SECRETS)
def test_the_server_does_not_start_without_a_secret(name: str) -> None:
    stopped = manage_check(without(name))
    assert stopped.returncode != 0
    assert f"{name} is missing. Set it to 32 or more random characters" in stopped.stderr
    assert f"{name}_FILE" in stopped.stderr


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is missing"),
        ("  \n", "is missing"),
        ("s9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cH", "has 31 characters; it needs at least 32"),
        ("a" * 64, "is easy to guess"),
        ("abcabcabcabcabcabcabcabcabcabcabcabc", "is easy to guess"),
        ("please-CHANGEME-1234567890-qwertyuiop", "is easy to guess"),
        ("django-insecure-k3j4h5k3j4h5k34jh5k34jh5", "is easy to guess"),
        ("my-password-is-long-enough-0123456789", "is easy to guess"),
    ],
)
def test_a_short_or_guessable_secret_stops_the_start(name: str, text: str, sentence: str) -> None:
    said = refusal({**GOOD, name: text})
    assert said.startswith(f"{name} {sentence}")
    assert not text.strip() or text not in said


def test_a_weak_gateway_secret_stops_the_start_and_none_is_fine() -> None:
    assert refusal({**GOOD, "GATEWAY_SECRET": "short"}).startswith("GATEWAY_SECRET has 5 characters")
    assert value("GATEWAY_SECRET", GOOD) == "''"


@pytest.mark.parametrize("name", [*SECRETS, "GATEWAY_SECRET"])
def test_a_secret_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("f9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cHj\n")
    assert value(name, {**without(name), f"{name}_FILE": str(file)}) == "'f9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cHj'"


def test_an_address_may_come_from_a_file(tmp_path: Path) -> None:
    for name, text in (("DATABASE_URL", GOOD["DATABASE_URL"]), ("REDIS_URL", GOOD["REDIS_URL"])):
        (tmp_path / name).write_text(f"{text}\n")
    files = {f"{name}_FILE": str(tmp_path / name) for name in ("DATABASE_URL", "REDIS_URL")}
    environment = {**without("DATABASE_URL", "REDIS_URL"), **files}
    assert value("DATABASES['default']['NAME']", environment) == "'pvc'"
    assert value("REDIS_URL", environment) == "'redis://127.0.0.1:6379/0'"


@pytest.mark.parametrize("name", [*SECRETS, "DATABASE_URL"])
def test_a_secrets_file_that_is_not_there_stops_the_start(tmp_path: Path, name: str) -> None:
    assert f"{name}_FILE" in refusal({**without(name), f"{name}_FILE": str(tmp_path / "nothing")})


def test_a_file_with_a_weak_secret_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    said = refusal({**without("AUDIT_KEY"), "AUDIT_KEY_FILE": str(tmp_path / "secret")})
    assert said.startswith("AUDIT_KEY is missing")


def test_jwt_secret_is_the_older_name_of_the_pepper() -> None:
    old = "j9fK2mQ8xW4vB7nR1tY6uZ3pL5aD0cHj"
    assert value("API_KEY_PEPPER", {**without("API_KEY_PEPPER"), "JWT_SECRET": old}) == repr(old)
    assert value("API_KEY_PEPPER", {**GOOD, "JWT_SECRET": old}) == repr(GOOD["API_KEY_PEPPER"])
    weak = refusal({**without("API_KEY_PEPPER"), "JWT_SECRET": "short"})
    assert weak.startswith("API_KEY_PEPPER has 5 characters")


@pytest.mark.parametrize("on", ["on", "1", "true", "True", "yes"])
def test_debug_starts_without_secrets(on: str) -> None:
    environment = {**without(*SECRETS), "DEBUG": on}
    assert value("DEBUG", environment) == "True"
    assert "development" in value("SECRET_KEY", environment)


@pytest.mark.parametrize("off", ["off", "0", "false", "no", ""])
def test_without_debug_secrets_are_needed(off: str) -> None:
    assert refusal({**without("SECRET_KEY"), "DEBUG": off}).startswith("SECRET_KEY is missing")


# ----------------------------------------------------------------------------- other values
@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "nonsense",
        "127.0.0.1:5432/pvc",
        "mysql://pvc_app:app@127.0.0.1/pvc",
        "sqlite:///pvc.db",
        "postgresql://pvc_app:app@127.0.0.1:port/pvc",
        "postgresql://pvc_app:app@127.0.0.1:5432/",
    ],
    ids=str,
)
def test_a_bad_database_url_says_so(url: str | None) -> None:
    environment = {**without("DATABASE_URL"), **({} if url is None else {"DATABASE_URL": url})}
    assert refusal(environment).startswith("DATABASE_URL is missing or not a URL")


@pytest.mark.parametrize("url", ["nonsense", "mysql://pvc_owner:owner@127.0.0.1/pvc"])
def test_a_bad_database_url_of_the_owner_says_so(url: str) -> None:
    assert "MIGRATE_DATABASE_URL" in refusal({**GOOD, "MIGRATE_DATABASE_URL": url})


@pytest.mark.parametrize("url", [None, "", "nonsense", "http://127.0.0.1", "127.0.0.1:6379"], ids=str)
def test_a_bad_redis_url_says_so(url: str | None) -> None:
    environment = {**without("REDIS_URL"), **({} if url is None else {"REDIS_URL": url})}
    assert refusal(environment).startswith("REDIS_URL is missing or not a URL")


@pytest.mark.parametrize("url", ["redis://:pw@host:6379/1", "rediss://host:6380", "unix:///run/redis.sock"])
def test_a_redis_url_may_have_these_schemes(url: str) -> None:
    assert value("REDIS_URL", {**GOOD, "REDIS_URL": url}) == repr(url)


@pytest.mark.parametrize("level", ["loud", "", "10", "info,debug"])
def test_a_bad_log_level_says_so(level: str) -> None:
    assert refusal({**GOOD, "LOG_LEVEL": level}).startswith("LOG_LEVEL is one of debug, info, warning")


@pytest.mark.parametrize("level", ["debug", "INFO", "Warning", "error", "critical"])
def test_a_log_level_is_read_in_any_case(level: str) -> None:
    assert value("LOG_LEVEL", {**GOOD, "LOG_LEVEL": level}) == repr(level.upper())


@pytest.mark.parametrize("proxies", ["nonsense", "10.0.0.1/8", "1,2"])
def test_bad_trusted_proxies_stop_the_web_server(proxies: str) -> None:
    said = refusal({**GOOD, "TRUSTED_PROXIES": proxies}, code="import pvc.wsgi")
    assert said.startswith("TRUSTED_PROXIES is a comma-separated list of networks")


def test_trusted_proxies_may_be_networks() -> None:
    started = python("import pvc.wsgi", {**GOOD, "TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8"})
    assert started.returncode == 0, started.stderr


@pytest.mark.parametrize(
    "name",
    [
        "RATE_LIMIT_ANONYMOUS",
        "RATE_LIMIT_WRITE",
        "RATE_LIMIT_READ",
        "RATE_LIMIT_HOT",
        "RATE_LIMIT_CONSOLE",
        "GRANIAN_WORKERS",
        "METRICS_RAW_DAYS",
        "METRICS_DAYS",
    ],
)
def test_a_number_that_is_none_says_so(name: str) -> None:
    assert name in refusal({**GOOD, name: "many"})


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ({"METRICS_RAW_DAYS": "30"}, "METRICS_RAW_DAYS is 30; it has to be 31 or more days."),
        ({"METRICS_DAYS": "34"}, "METRICS_DAYS is 34; it has to be 35 or more days."),
        ({"METRICS_RAW_DAYS": "90", "METRICS_DAYS": "89"}, "METRICS_DAYS is 89; it has to be 90 or more days."),
    ],
    ids=["fewer than may come in", "fewer than raw rows", "fewer than many raw rows"],
)
def test_metrics_are_kept_as_long_as_they_may_come_in(days: dict[str, str], sentence: str) -> None:
    assert refusal({**GOOD, **days}) == sentence
    least = {"METRICS_RAW_DAYS": "31", "METRICS_DAYS": "31"}
    assert value("METRICS_DAYS", {**GOOD, **least}) == "31"


def test_what_is_not_said_has_its_default() -> None:
    assert (value("METRICS_RAW_DAYS", GOOD), value("METRICS_DAYS", GOOD)) == ("35", "400")
    limits = {"anonymous": 100, "write": 600, "read": 3000, "hot": 120_000, "console": 1200}
    assert value("RATE_LIMITS", GOOD) == repr(limits)
    assert value("LOG_LEVEL", GOOD) == "'INFO'"
    assert value("CORS_ALLOW_ALL_ORIGINS", GOOD) == "True"
    assert value("SESSION_COOKIE_SECURE", GOOD) == "False"


# ----------------------------------------------------------------------------- logs
LOG = """
import logging, structlog
from pvc import settings
structlog.contextvars.bind_contextvars(request_id="r-1")
structlog.get_logger("ours").info("made", prompt="support", number=2, password="hunter2hunter2", token=None)
logging.getLogger("theirs").warning("spoke %s", "postgresql://u:hunter2hunter2@host/db")
try:
    raise ValueError("Bearer hunter2hunter2hunter2")
except ValueError:
    structlog.get_logger("ours").exception("failed", prompt="b")
structlog.get_logger("ours").debug("unheard")
"""


def test_logs_are_json_lines_in_production() -> None:
    written = python(LOG, GOOD)
    assert (written.returncode, written.stdout) == (0, "")
    made, spoke, failed = map(json.loads, written.stderr.splitlines())
    assert (made["event"], made["prompt"], made["number"], made["level"]) == ("made", "support", 2, "info")
    assert (made["request_id"], made["logger"], made["token"]) == ("r-1", "ours", None)
    assert made["timestamp"].endswith("Z")
    assert spoke["event"] == "spoke postgresql://u:[redacted]@host/db"
    assert spoke["request_id"] == "r-1"
    assert "ValueError: Bearer [redacted]" in failed["exception"]
    assert "hunter2" not in written.stderr


def test_logs_are_readable_in_development() -> None:
    written = python(LOG, {**GOOD, "DEBUG": "on"})
    assert written.returncode == 0
    first = written.stderr.splitlines()[0]
    assert not first.startswith("{")
    assert "made" in first
    assert "prompt=support" in first
    assert "ValueError" in written.stderr
    assert "hunter2" not in written.stderr


def test_a_log_level_is_heeded() -> None:
    assert len(python(LOG, {**GOOD, "LOG_LEVEL": "warning"}).stderr.splitlines()) == 2
    assert len(python(LOG, {**GOOD, "LOG_LEVEL": "debug"}).stderr.splitlines()) == 4


KEY = "pvc_0a1B2c3D_" + "x9Y8z7" * 7 + "w"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (KEY, "pvc_0a1B2c3D[redacted]"),
        (f"the key {KEY}, please", "the key pvc_0a1B2c3D[redacted], please"),
        (f"{KEY} and {KEY}", "pvc_0a1B2c3D[redacted] and pvc_0a1B2c3D[redacted]"),
        (f"Authorization: Bearer {KEY}", "Authorization: Bearer [redacted]"),
        ("Authorization: Bearer abcdefgh.ijklmnop.qrstuv-_~+/=", "Authorization: Bearer [redacted]"),
        ("authorization: bearer abcdefghijklmnop", "authorization: bearer [redacted]"),
        ("AUTHORIZATION: BEARER abcdefghijklmnop", "AUTHORIZATION: BEARER [redacted]"),
        ("Bearer  abcdefghijklmnop", "Bearer  [redacted]"),
        ('{"Authorization": "Bearer abcdefghijklmnop"}', '{"Authorization": "Bearer [redacted]"}'),
        ("{'authorization': 'Bearer abcdefghijklmnop'}", "{'authorization': 'Bearer [redacted]'}"),
        ("postgresql://pvc_app:s3cret@db:5432/pvc", "postgresql://pvc_app:[redacted]@db:5432/pvc"),
        ("redis://:s3cret@cache:6379/0", "redis://:[redacted]@cache:6379/0"),
        ("POSTGRESQL://u:s3cret@db/pvc", "POSTGRESQL://u:[redacted]@db/pvc"),
        ("https://u:s3%40cret/with/slashes@host/path", "https://u:[redacted]@host/path"),
        ("amqp+ssl://u:s3cret@mq//", "amqp+ssl://u:[redacted]@mq//"),
        ("postgresql://u:s3@cret@db/pvc", "postgresql://u:[redacted]@db/pvc"),
        (
            "connect to redis://u:a@h/0 then redis://u:b@h/1",
            "connect to redis://u:[redacted]@h/0 then redis://u:[redacted]@h/1",
        ),
        ("whsec_" + "A1b2C3d4" * 5 + "+/=", "whsec_[redacted]"),
    ],
)
def test_secrets_are_taken_out_of_text(text: str, shown: str) -> None:
    assert logs.redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pvc_0a1B2c3D",
        "a bearer of news came at noon",
        "http://127.0.0.1:8000/api/v1/prompts",
        "https://example.org/a:b",
        "mail bob@example.org",
        "postgresql://db:5432/pvc",
        "support:production",
        "redis://cache:6379/0 and mail bob@example.org",
        "see https://example.org:8443/x, or ask bob@example.org",
        "namespace:name@2",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert logs.redact(text) == text
