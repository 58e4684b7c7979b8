"""The WSGI application: Django, behind a wrapper that mends what the server hands over.

Granian 2.8.7 lays the process environment under every request's environ, so a secret would stand in
`request.META`, `HTTP_X_USER_ID=...` in the environment would pass for a header, and `CONTENT_LENGTH` for a
request's. It also leaves a chunked body without a length, which Django takes for no body.
"""

import os
import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pvc.settings")
django_application = get_wsgi_application()

from prompts import tokens  # noqa: E402 — these need the settings
from pvc.middleware import body_limit  # noqa: E402

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

#: What an environ may hold, beside `HTTP_*` and `wsgi.*`.
CGI_NAMES = frozenset(
    {
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "PATH_INFO",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
    }
)

#: How much of a refused body is taken from a client, in bytes.
MOST_DRAINED = 16 * 1024 * 1024

# A thread that computes gives way after half a millisecond, so that short answers do not wait behind it.
sys.setswitchinterval(0.0005)

# The server copies the environment after importing this module. A name that a request may carry must not be
# there then: no later look could tell it from the request's own.
for _name in [name for name in os.environ if name in CGI_NAMES or name.startswith(("HTTP_", "wsgi."))]:
    del os.environ[_name]


# The vocabulary is loaded before the first request, not by it.
tokens.estimate("")


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """One request: a clean environ, a body with a length, Django."""
    clean = {name: value for name, value in environ.items() if name in CGI_NAMES or name.startswith(("HTTP_", "wsgi."))}
    clean.setdefault("QUERY_STRING", "")
    stream = clean["wsgi.input"]
    if "CONTENT_LENGTH" not in clean and _may_have_a_body(clean):
        _measure_body(clean)
    response: Iterable[bytes] = django_application(clean, start_response)
    if "CONTENT_LENGTH" in clean:
        _drain(stream)
    if not isinstance(response, HttpResponse):
        return response
    # The server sends a list in one go, and anything else piece by piece.
    body = [response.content]
    response.close()
    return body


def _may_have_a_body(environ: Environ) -> bool:
    return "HTTP_TRANSFER_ENCODING" in environ or environ["REQUEST_METHOD"] in ("POST", "PUT", "PATCH", "DELETE")


def _measure_body(environ: Environ) -> None:
    """Read a body of unknown length, one byte more than its route takes at most, and say how long it is."""
    most = body_limit(environ["REQUEST_METHOD"], environ["PATH_INFO"]) + 1
    body = bytearray()
    while len(body) < most and (part := environ["wsgi.input"].read(most - len(body))):
        body += part
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _drain(stream: Any) -> None:
    """Take what nobody read, within reason: a client still sending would see a broken pipe and not its answer."""
    left = MOST_DRAINED
    while left > 0 and (part := stream.read(min(left, 65536))):
        left -= len(part)
