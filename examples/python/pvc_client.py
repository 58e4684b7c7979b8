"""A client of the prompt server in one file, with nothing but Python's standard library (3.11 or newer).

Copy it into your project. It does what every caller needs: a time limit on each call, retries that wait as long
as the server asks, one Idempotency-Key for a write and all its retries, cursors as a generator, and every refusal
as one exception.
"""

import datetime as dt
import email.utils
import http.client
import json
import random
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

#: Answers that say "not now": of the server itself (429, 503), or of a proxy in front of it (502, 504).
PASSING = frozenset({429, 502, 503, 504})
WRITES = frozenset({"POST", "PUT", "DELETE"})


class PvcError(Exception):
    """The server said no, or could not be reached.

    `status` is 0 and `code` is NO_ANSWER when no answer came; then nobody knows whether a write took place.
    `code` is stable and for programs; `message` is a sentence for people; `details` say where, if there is a where.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "NO_ANSWER",
        request_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.details = dict(details or {})

    @property
    def is_passing(self) -> bool:
        """Whether the same call may work a little later."""
        return self.status == 0 or self.status in PASSING or self.code == "IDEMPOTENCY_IN_PROGRESS"

    def __str__(self) -> str:
        where = f"{self.status} {self.code}" if self.status else self.code
        return f"{self.message} ({where}, request {self.request_id or 'without an id'})"


@dataclass(frozen=True)
class Answer:
    """What the server answered: the decoded body, and what stands in the headers."""

    data: Any
    status: int
    headers: http.client.HTTPMessage

    @property
    def etag(self) -> str | None:
        """The revision of what was read; send it back as `if_match` with the change that is based on it."""
        return self.headers["ETag"]

    @property
    def replayed(self) -> bool:
        """Whether this is the kept answer of an earlier call with the same Idempotency-Key."""
        return self.headers["Idempotency-Replayed"] == "true"

    @property
    def receipt(self) -> tuple[int, str] | None:
        """Number and hash of the audit entry that this call made, if it made one."""
        seq = self.headers["X-Audit-Seq"]
        return (int(seq), self.headers["X-Audit-Hash"]) if seq else None


class PvcClient:
    """Calls of one API key. It keeps no state between calls, so threads may share one.

    `timeout` is in seconds, for each wait on the socket; `retries` is how often a call is sent again; a wait that
    the server asks for and that is longer than `longest_wait` seconds is not waited: the error is raised.
    """

    def __init__(
        self, url: str, key: str, *, timeout: float = 10.0, retries: int = 4, longest_wait: float = 90.0
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("The server's address begins with http:// or https://.")
        self.base = url.rstrip("/") + "/api/v1"
        self.key = key
        self.timeout = timeout
        self.retries = retries
        self.longest_wait = longest_wait
        self._opener = urllib.request.build_opener(_NoRedirects)

    # ------------------------------------------------------------------------- any call
    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        if_match: str | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        retries: int | None = None,
    ) -> Answer:
        """Send a call until it is answered. Raises PvcError.

        A write gets an Idempotency-Key, the same for its retries: the server keeps what it answered to a POST for a
        day, and gives that again. A retry of a PUT with `if_match` whose answer was lost is told 412, and one of a
        DELETE 404 or 409.
        """
        url = f"{self.base}{path}{'?' + urlencode(query) if query else ''}"
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        if if_match is not None:
            headers["If-Match"] = if_match
        if method in WRITES:
            headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        tries = 1 + (self.retries if retries is None else retries)
        for attempt in range(tries):
            try:
                request = urllib.request.Request(url, data, headers, method=method)
                return self._send(request, self.timeout if timeout is None else timeout)
            except _Refused as refused:
                wait = _seconds_to_wait(attempt, refused.retry_after)
                if not refused.error.is_passing or attempt + 1 == tries or wait > self.longest_wait:
                    raise refused.error from refused.__cause__
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _send(self, request: urllib.request.Request, timeout: float) -> Answer:
        try:
            with self._opened(request, timeout) as response:
                status, headers, body = response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException) as away:  # URLError is an OSError, and so is a timeout
            reason = getattr(away, "reason", away)
            raise _Refused(PvcError(f"The server did not answer: {reason}.")) from away
        if 200 <= status < 300:
            try:
                return Answer(json.loads(body) if body else None, status, headers)
            except ValueError:
                pass  # an answer, but not the server's: below
        raise _Refused(_error_of(status, body, headers["X-Request-Id"]), headers["Retry-After"])

    def _opened(self, request: urllib.request.Request, timeout: float) -> Any:
        try:
            return self._opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as answer:
            return answer

    def pages(self, path: str, *, limit: int = 100, **filters: Any) -> Iterator[list[dict[str, Any]]]:
        """The pages of a list, one after the other, until there is no next cursor."""
        query = {"limit": limit, **filters}
        while True:
            page = self.call("GET", path, query=query).data
            yield page["data"]
            # One list (the audit log) belongs to the surface that writes its names with underscores.
            cursor = page["meta"].get("nextCursor") or page["meta"].get("next_cursor")
            if cursor is None:
                return
            query["cursor"] = cursor

    def every(self, path: str, *, limit: int = 100, **filters: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page as they are needed."""
        for page in self.pages(path, limit=limit, **filters):
            yield from page

    # ------------------------------------------------------------------------- the calls by name
    def create_prompt(self, name: str, template: Any, **fields: Any) -> Answer:
        """`fields`: description, variables, config, metadata, namespace, type."""
        return self.call("POST", "/prompts", {"name": name, "template": template, **fields})

    def prompt(self, ref: str) -> Answer:
        return self.call("GET", _path(ref))

    def update_prompt(self, ref: str, changes: Mapping[str, Any], *, if_match: str | None = None) -> Answer:
        return self.call("PUT", _path(ref), changes, if_match=if_match)

    def archive_prompt(self, ref: str) -> Answer:
        return self.call("DELETE", _path(ref))

    def add_version(
        self, ref: str, content: Any, *, reason: str = "", idempotency_key: str | None = None, **fields: Any
    ) -> Answer:
        """`fields`: variables, config. The reason is kept in the version's metadata."""
        body = {"content": content, "metadata": {"reason": reason} if reason else {}, **fields}
        return self.call("POST", _path(ref, "versions"), body, idempotency_key=idempotency_key)

    def version(self, ref: str, version: int | str) -> Answer:
        return self.call("GET", _path(ref, "versions", version))

    def diff(self, ref: str, from_version: int | str, to_version: int | str) -> Answer:
        return self.call("GET", _path(ref, "diff"), query={"fromVersion": from_version, "toVersion": to_version})

    def put_tag(self, ref: str, tag: str, version_id: str, *, reason: str = "") -> Answer:
        return self.call("POST", _path(ref, "tags", tag), {"versionId": version_id, "reason": reason})

    def tag(self, ref: str, tag: str) -> Answer:
        return self.call("GET", _path(ref, "tags", tag))

    def render(
        self,
        ref: str,
        variables: Mapping[str, Any],
        *,
        version: int | None = None,
        strict: bool = False,
        timeout: float | None = None,
        retries: int | None = None,
    ) -> Answer:
        """What is in production says this with these values; with `version`, that one does."""
        path = _path(ref, "render") if version is None else _path(ref, "versions", version, "render")
        return self.call("POST", path, {"variables": variables, "strict": strict}, timeout=timeout, retries=retries)


# ----------------------------------------------------------------------------- what it is made of
class _Refused(Exception):
    """An error, and the Retry-After that came with it."""

    def __init__(self, error: PvcError, retry_after: str | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.retry_after = retry_after


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The API never redirects; following one would show the key to whoever sent it."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _path(ref: str, *parts: str | int) -> str:
    """`ref` is a prompt's id, its name, or namespace:name."""
    return "/".join(["/prompts", *(quote(str(part), safe=":") for part in (ref, *parts))])


def _error_of(status: int, body: bytes, request_id: str | None) -> PvcError:
    """The server's own words; a plain sentence for an answer that is not the server's."""
    try:
        said = json.loads(body)
        error = said["error"]
        return PvcError(
            error["message"],
            status=status,
            code=error["code"],
            request_id=said["requestId"],
            details=error.get("details"),
        )
    except (ValueError, KeyError, TypeError):
        message = f"The answer {status} is not one of the prompt server's."
        return PvcError(message, status=status, code="FOREIGN_ANSWER", request_id=request_id)


def _seconds_to_wait(attempt: int, retry_after: str | None) -> float:
    """As long as the server asks, or 0.2 s, 0.4 s, 0.8 s … up to 5 s; and a random share, so that callers spread."""
    backoff = min(5.0, 0.2 * 2**attempt)
    asked = _seconds(retry_after)
    if asked is None:
        return random.uniform(backoff / 2, backoff)
    return asked + random.uniform(0, backoff)


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; a proxy may send a date instead of a number."""
    if not retry_after:
        return None
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        until = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (until - dt.datetime.now(dt.UTC)).total_seconds())
