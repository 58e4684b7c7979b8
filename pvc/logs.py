"""Structured logs: JSON lines in production, readable ones in development, never a secret.

Every line carries what `structlog.contextvars` was given for the request or task, above all `request_id`.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

#: What a secret looks like when it stands inside other text.
_SECRETS = re.compile(
    r"(?P<key>pvc_[0-9A-Za-z]{8})_[0-9A-Za-z]{20,}"
    r"|(?P<hook>whsec_)[0-9A-Za-z+/=]{16,}"
    r"|(?P<bearer>bearer +)[^\s\"',]{16,}"
    r"|(?P<url>[a-z]+://[^\s:/@\"]*:)[^\s\"]+(?=@)",
    re.IGNORECASE,
)
#: A shorter word would be taken out of harmless lines as well.
SHORTEST_SECRET = 8
_SECRET_NAMES = re.compile(r"password|secret|token|authorization|cookie|pepper|api_key$|signature", re.IGNORECASE)


_never_shown: set[str] = set()


def never_show(secret: str) -> None:
    """Keep one of the installation's own secrets out of every line, wherever it turns up."""
    if len(secret) >= SHORTEST_SECRET:
        _never_shown.add(secret)


def redact(text: str) -> str:
    """`text` with API keys, webhook secrets, bearer tokens, passwords in URLs and our own secrets taken out."""
    for secret in _never_shown:
        text = text.replace(secret, "[redacted]")
    return _SECRETS.sub(lambda found: "".join(part for part in found.groups() if part) + "[redacted]", text)


def _hide_named_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in event:
        if _SECRET_NAMES.search(name) and event[name] is not None:
            event[name] = "[redacted]"
    return event


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """The last word on every line, our own and the libraries': it leaves without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure(*, level: str, readable: bool) -> None:
    """Send structlog's and the standard library's records through one pipe to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _hide_named_secrets,
    ]
    last: list[Processor] = (
        # Plain tracebacks: the pretty ones show local variables, and so secrets.
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _RedactingFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("urllib3", "httpx2", "httpcore2", "axes"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Each answer has its line already (pvc.middleware); Django's own is of use where it holds a traceback.
    logging.getLogger("django.request").addFilter(_has_traceback)


def _has_traceback(record: logging.LogRecord) -> bool:
    return record.exc_info is not None


def request_id() -> str | None:
    """The id of the request or task this code runs for, if there is one."""
    bound: dict[str, Any] = structlog.contextvars.get_contextvars()
    return bound.get("request_id")
