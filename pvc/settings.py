"""Settings: one file, from the environment. A bad value stops the start with a sentence.

Every variable is described in docs/configuration.md. A secret may come from a file:
`NAME_FILE=/run/secrets/name` instead of `NAME=...`.
"""

import importlib.util
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from pvc import logs
from pvc.errors import Invalid
from pvc.standard_webhooks import Secret

BASE_DIR = Path(__file__).resolve().parent.parent


class _Files(FileAwareMapping):  # type: ignore[misc]  # environ has no types
    """NAME, or the text of the file that NAME_FILE names, without the line's end that editors leave."""

    def __getitem__(self, key: str) -> str:
        try:
            return str(super().__getitem__(key)).strip()
        except OSError as unreadable:
            raise ImproperlyConfigured(f"{key}_FILE names a file that cannot be read.") from unreadable


env = environ.Env()
env.ENVIRON = _Files()


def _number(name: str, default: int) -> int:
    """A whole number, 0 or more."""
    text = env.str(name, default=str(default))
    if not (text.isascii() and text.isdigit()):
        raise ImproperlyConfigured(f"{name} is a whole number, 0 or more.")
    return int(text)


def _networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Addresses and networks, comma-separated."""
    try:
        return [ip_network(part.strip()) for part in env.str(name, default="").split(",") if part.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} is a comma-separated list of networks, such as 10.1.2.0/24,fd00::/8."
        ) from error


DEBUG = env.bool("DEBUG", default=False)

SECRET_LENGTH = 32
_WEAK_WORDS = ("changeme", "change-me", "change_me", "secret-key", "insecure", "password", "example")


def _weakness(value: str) -> str | None:
    """What is wrong with a secret, or None."""
    if not value:
        return "is missing"
    if len(value) < SECRET_LENGTH:
        return f"has {len(value)} characters; it needs at least {SECRET_LENGTH}"
    if len(set(value)) < 10 or any(word in value.lower() for word in _WEAK_WORDS):
        return "is easy to guess"
    return None


def _secret(name: str, *older_names: str) -> str:
    """A secret from the environment; a weak one stops the start unless DEBUG is on."""
    names = (name, *older_names)
    value = next((found for each in names if (found := env.str(each, default="").strip())), "")
    weakness = _weakness(value)
    if weakness and not DEBUG:
        raise ImproperlyConfigured(
            f"{name} {weakness}. Set it to {SECRET_LENGTH} or more random characters, for example the "
            f"output of `openssl rand -base64 48`, in {name} or in a file named by {name}_FILE."
        )
    secret = value or f"for-development-only-{name.lower()}"
    logs.never_show(secret)
    return secret


def _optional_secret(name: str) -> str:
    """A secret that may be missing; a weak one stops the start unless DEBUG is on."""
    value: str = env.str(name, default="")
    logs.never_show(value)
    if value and not DEBUG and _weakness(value):
        raise ImproperlyConfigured(f"{name} {_weakness(value)}.")
    return value


def _previous_keys(name: str) -> list[str]:
    """Secrets that were in use before, newest first."""
    keys = [part.strip() for part in env.str(name, default="").split(",") if part.strip()]
    for key in keys:
        logs.never_show(key)
        if not DEBUG and _weakness(key):
            raise ImproperlyConfigured(f"A key in {name} {_weakness(key)}.")
    return keys


SECRET_KEY = _secret("SECRET_KEY")
#: Earlier values of SECRET_KEY: what was signed or sealed under them still counts, nothing new is.
PREVIOUS_SECRET_KEYS = SECRET_KEY_FALLBACKS = _previous_keys("PREVIOUS_SECRET_KEYS")
API_KEY_PEPPER = _secret("API_KEY_PEPPER", "JWT_SECRET")
AUDIT_KEY = _secret("AUDIT_KEY")
#: Keys that signed the log before: they verify, and sign nothing but the change to the next.
AUDIT_PREVIOUS_KEYS = _previous_keys("AUDIT_PREVIOUS_KEYS")
#: Where checkpoints of the log are written outside of the database; nowhere, if empty.
AUDIT_ANCHOR_DIR = env.str("AUDIT_ANCHOR_DIR", default="")
GATEWAY_SECRET = _optional_secret("GATEWAY_SECRET")
#: What a harness that is not registered signs its callbacks with, and the one tenant it does so for.
EVAL_WEBHOOK_SECRET = _optional_secret("EVAL_WEBHOOK_SECRET")
try:
    Secret(EVAL_WEBHOOK_SECRET)
except Invalid as _invalid:
    raise ImproperlyConfigured(
        "EVAL_WEBHOOK_SECRET begins with whsec_, so base64 of 24 to 64 bytes must follow."
    ) from _invalid
EVAL_WEBHOOK_TENANT = env.str("EVAL_WEBHOOK_TENANT", default="default")

# ----------------------------------------------------------------------------- the server's parts
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "axes",
    "django_celery_beat",
    "django_prometheus",
    "tenants",
    "audit",
    "prompts",
    "evaluations",
    "deployments",
    "webhooks",
]

# The API crosses the first six; sessions, CSRF and log-in belong to the console alone.
MIDDLEWARE = [
    "pvc.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "pvc.middleware.CompressionMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "pvc.middleware.GateMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "pvc.middleware.ConsoleSessionMiddleware",
    "pvc.middleware.ConsoleCsrfMiddleware",
    "pvc.middleware.ConsoleAuthenticationMiddleware",
    "pvc.middleware.ConsoleMessageMiddleware",
    "pvc.middleware.ConsoleLimitMiddleware",
    "pvc.middleware.ConsoleAxesMiddleware",
]

ROOT_URLCONF = "pvc.urls"
WSGI_APPLICATION = "pvc.wsgi.application"
APPEND_SLASH = False
# No address is ever built from the Host header (PUBLIC_API_URL is), so any may be sent.
ALLOWED_HOSTS = ["*"]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["pvc.template_tags"],
        },
    }
]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Static files are served as the packages ship them: nothing is collected, nothing can be stale.
WHITENOISE_USE_FINDERS = True

# ----------------------------------------------------------------------------- PostgreSQL
_DATABASE_OPTIONS = {
    "connect_timeout": 3,
    "application_name": "pvc",
    "options": "-c statement_timeout=5000 -c lock_timeout=2000 "
    "-c idle_in_transaction_session_timeout=10000 -c timezone=UTC",
}
_NO_TIMEOUTS = {"options": "-c statement_timeout=0 -c lock_timeout=30000 -c timezone=UTC"}


_DATABASE_URL = re.compile(
    r"(postgresql|postgres)://([^/?#]*@)?(\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]*)(:[0-9]{1,5})?/[^/?#]+(\?.*)?"
)


def _database(name: str, options: dict[str, Any]) -> dict[str, Any]:
    url = env.str(name, default="")
    if not _DATABASE_URL.fullmatch(url):
        raise ImproperlyConfigured(
            f"{name} is missing or not a URL. It looks like postgresql://pvc_app:...@host:5432/pvc."
        )
    config: dict[str, Any] = env.db(name)
    logs.never_show(config["PASSWORD"])
    config["ENGINE"] = "django_prometheus.db.backends.postgresql"
    config["CONN_MAX_AGE"] = None
    config["CONN_HEALTH_CHECKS"] = True
    config["OPTIONS"] = {**config.get("OPTIONS", {}), **options}
    return config


# `default` is the role that owns nothing; `owner` makes and changes tables, and serves no request.
DATABASES = {"default": _database("DATABASE_URL", _DATABASE_OPTIONS)}
if env.str("MIGRATE_DATABASE_URL", default=""):
    DATABASES["owner"] = _database("MIGRATE_DATABASE_URL", _DATABASE_OPTIONS | _NO_TIMEOUTS)
    DATABASES["owner"]["CONN_MAX_AGE"] = 0

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PROMETHEUS_EXPORT_MIGRATIONS = False

# ----------------------------------------------------------------------------- Redis
REDIS_URL = env.str("REDIS_URL", default="")
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL is missing or not a URL. It looks like redis://host:6379/0.")
REDIS_TIMEOUTS = {"socket_connect_timeout": 0.2, "socket_timeout": 0.3}
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "pvc",
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "CONNECTION_POOL_KWARGS": REDIS_TIMEOUTS,
            "IGNORE_EXCEPTIONS": True,  # without Redis a session is read from its row
        },
    }
}
#: How long, in seconds, a process may use the generation it last read (tenants/generation.py).
GENERATION_LEASE = 0.025
#: How much of what it serves a process keeps at hand, in bytes (deployments/cache.py).
SERVED_CACHE_BYTES = 64 * 1024 * 1024

# ----------------------------------------------------------------------------- people and the console
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "tenants.console.ConsoleBackend"]
# A log-in provider (the extra `oidc`); what the package asks for is named as it wants it.
LOGIN_REDIRECT_URL = "/admin/"
OIDC_ISSUER = env.str("OIDC_ISSUER", default="").rstrip("/")
OIDC_PROVIDER_NAME = env.str("OIDC_PROVIDER_NAME", default="single sign-on")
if OIDC_ISSUER:
    if importlib.util.find_spec("mozilla_django_oidc") is None:
        raise ImproperlyConfigured(
            "OIDC_ISSUER is set, and the extra is not installed: pip install mozilla-django-oidc"
        )
    AUTHENTICATION_BACKENDS.append("tenants.oidc.OIDCBackend")
    OIDC_RP_CLIENT_ID = env.str("OIDC_CLIENT_ID")
    OIDC_RP_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET")
    OIDC_OP_AUTHORIZATION_ENDPOINT = env.str("OIDC_AUTHORIZATION_ENDPOINT")
    OIDC_OP_TOKEN_ENDPOINT = env.str("OIDC_TOKEN_ENDPOINT")
    OIDC_OP_USER_ENDPOINT = env.str("OIDC_USERINFO_ENDPOINT")
    OIDC_OP_JWKS_ENDPOINT = env.str("OIDC_JWKS_ENDPOINT")
    OIDC_USERNAME_CLAIM = env.str("OIDC_USERNAME_CLAIM", default="preferred_username")
    OIDC_RP_SCOPES = env.str("OIDC_SCOPES", default="openid profile email")
    OIDC_RP_SIGN_ALGO = env.str("OIDC_SIGN_ALGORITHM", default="RS256")
    OIDC_CREATE_USER = False
    OIDC_USE_PKCE = True
    OIDC_TIMEOUT = 10
    LOGIN_REDIRECT_URL_FAILURE = "/admin/login/?refused=1"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_VERBOSE = False
AXES_USERNAME_CALLABLE = "tenants.lockout.counted_username"
# Its middleware is there, under our name and for the console alone.
SILENCED_SYSTEM_CHECKS = ["axes.W002"]
AXES_CLIENT_IP_CALLABLE = "pvc.middleware.client_address"

SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
CSRF_COOKIE_HTTPONLY = True
PUBLIC_API_URL = env.str("PUBLIC_API_URL", default="").rstrip("/")
#: Where this machine itself finds the server, for who has no other address.
PORT = _number("PORT", 8000)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_API_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_API_URL] if PUBLIC_API_URL else []
SECURE_HSTS_SECONDS = 31_536_000 if SESSION_COOKIE_SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"

UNFOLD = {
    "SITE_TITLE": "Prompt version control",
    "SITE_HEADER": "Prompt version control",
    "SITE_SYMBOL": "difference",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/pvc/icon.svg"}],
    "STYLES": ["/static/pvc/console.css"],
    "SCRIPTS": ["/static/pvc/console.js"],
    "SIDEBAR": {"navigation": "pvc.console.navigation"},
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
}

# ----------------------------------------------------------------------------- the API's edge
#: Networks whose X-Forwarded-For is believed, read from the right (contract: rate limit).
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
RATE_LIMITS = {
    "anonymous": _number("RATE_LIMIT_ANONYMOUS", 100),
    "write": _number("RATE_LIMIT_WRITE", 600),
    "read": _number("RATE_LIMIT_READ", 3000),
    "hot": _number("RATE_LIMIT_HOT", 120_000),
    "console": _number("RATE_LIMIT_CONSOLE", 1200),
}
#: How many web processes share the limits while Redis is away.
WEB_PROCESSES = _number("GRANIAN_WORKERS", 1)

_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=["*"])
CORS_ALLOW_ALL_ORIGINS = "*" in _ORIGINS
CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else _ORIGINS
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_METHODS = ["DELETE", "GET", "OPTIONS", "POST", "PUT"]
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-gateway-signature",
    "x-request-id",
    "x-tenant-id",
    "x-user-id",
]
CORS_EXPOSE_HEADERS = [
    "ETag",
    "Idempotency-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Audit-Hash",
    "X-Audit-Seq",
    "X-Request-Id",
]

# The gate in pvc/middleware.py measures a body against its route's limit before Django reads it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.auth.KeyAuthentication"],
    "DEFAULT_SCHEMA_CLASS": "pvc.schema.ApiSchema",
    "DEFAULT_PERMISSION_CLASSES": [],
    "EXCEPTION_HANDLER": "pvc.api.answer_error",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Prompt version control",
    "OAS_VERSION": "3.1.0",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SORT_OPERATION_PARAMETERS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["pvc.schema.document.complete"],
}

# ----------------------------------------------------------------------------- calls to outside
#: Addresses that are not public and may be called all the same (pvc/outbound.py): all of them, or these.
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)
WEBHOOK_ALLOWED_CIDRS = _networks("WEBHOOK_ALLOWED_CIDRS")


# ----------------------------------------------------------------------------- metrics
def _days(name: str, default: int, *, least: int) -> int:
    days = _number(name, default)
    if days < least:
        raise ImproperlyConfigured(f"{name} is {days}; it has to be {least} or more days.")
    return days


#: How long raw rows are kept, in days (they are taken up to 30 days old), and how long what is known of each hour.
METRICS_RAW_DAYS = _days("METRICS_RAW_DAYS", 35, least=31)
METRICS_DAYS = _days("METRICS_DAYS", 400, least=METRICS_RAW_DAYS)
#: For how many days to come there is a partition already.
METRICS_DAYS_AHEAD = 7

# ----------------------------------------------------------------------------- Celery
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 100  # both stay below the visibility timeout
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives any outage: its sweeper needs no Redis
CELERY_TASK_SERIALIZER = "json"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "pvc.beat:Clock"
CELERY_BEAT_SCHEDULE = {
    "purge": {"task": "audit.purge", "schedule": 3600.0},
    "purge deliveries": {"task": "webhooks.purge", "schedule": 3600.0},
    "purge receipts": {"task": "evaluations.purge", "schedule": 3600.0},
    "maintain partitions": {"task": "deployments.maintain", "schedule": 3600.0},
}

# ----------------------------------------------------------------------------- language, time, logs
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

LOG_LEVEL = env.str("LOG_LEVEL", default="info").upper()
if LOG_LEVEL not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
    raise ImproperlyConfigured("LOG_LEVEL is one of debug, info, warning, error, critical.")
LOGGING_CONFIG = None
logs.configure(level=LOG_LEVEL, readable=DEBUG)
