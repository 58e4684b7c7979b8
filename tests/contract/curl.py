"""The curl commands that the two documents print, as the requests that they are."""

import shlex
from typing import NamedTuple
from urllib.parse import urlsplit


class Call(NamedTuple):
    """One request: its target is the path with its query."""

    method: str
    target: str
    body: str | None
    headers: dict[str, str]


def request_of(line: str, *, netloc: str) -> Call:
    """What a curl command on one line asks of the server that the document calls `netloc`."""
    command, *words = shlex.split(line)
    assert command == "curl"
    method, url, body, headers = "GET", "", None, {}
    while words:
        match words.pop(0):
            case "-X":
                method = words.pop(0)
            case "-d":
                body = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case word:
                url = word
    parts = urlsplit(url)
    assert parts.netloc == netloc
    return Call(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
