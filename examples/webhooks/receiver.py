"""A receiver of webhooks in one file: standard library only, Python 3.11 or newer.

    WEBHOOK_SECRETS=whsec_… python3 receiver.py 8001

It verifies what arrives, takes each message once, answers at once and works afterwards. While a secret is being
rotated WEBHOOK_SECRETS holds both, with a space between. What it keeps it keeps in memory: see README.md.
"""

import base64
import hmac
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: How far a message's time may be from ours, in seconds: what somebody recorded cannot be sent again later.
TOLERANCE = 300
#: Bytes of a body that are read, and ids of messages that are remembered.
LARGEST = 1024 * 1024
REMEMBERED = 100_000


class Refused(Exception):
    """The message is not from the server, or not from now."""


def key_of(secret: str) -> bytes:
    """The bytes that sign: those behind whsec_, or those of a secret without that prefix."""
    return base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()


def verify(keys: list[bytes], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """The id of a message that one of the keys has signed (Standard Webhooks 1.0). Raises Refused."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (message_id and timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Refused("it lacks an id or a time")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise Refused("it is too old, or from the future")
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    given = headers.get("webhook-signature", "").encode("utf-8", "replace").split(b" ")
    # Compared in constant time, as bytes: text that is not ASCII would raise.
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        raise Refused("its signature does not hold")
    return message_id


class Inbox:
    """What has arrived, each message once."""

    def __init__(self) -> None:
        self.work: queue.Queue[dict[str, Any]] = queue.Queue()
        self._seen: dict[str, None] = {}
        self._lock = threading.Lock()

    def take(self, message_id: str, event: dict[str, Any]) -> bool:
        """Whether the message is new. One that was sent again has the id that it had."""
        with self._lock:
            if message_id in self._seen:
                return False
            self._seen[message_id] = None
            if len(self._seen) > REMEMBERED:
                del self._seen[next(iter(self._seen))]
        self.work.put(event)
        return True


class Receiver(BaseHTTPRequestHandler):
    """POST at any path: 204 for what was taken, or was taken before; 401 for what is not from the server."""

    timeout = 10  # seconds for whoever says nothing
    keys: list[bytes]
    inbox: Inbox

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST:
            return self.answer(413)
        body = self.rfile.read(int(length))
        try:
            sent = {name.lower(): value for name, value in self.headers.items()}
            message_id = verify(self.keys, sent, body, time.time())
        except Refused as refused:
            say(f"refused: {refused}")
            return self.answer(401)
        if not self.inbox.take(message_id, json.loads(body)):
            say(f"duplicate: {message_id}")
        return self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Says nothing of its own."""


def work_on(inbox: Inbox) -> None:
    """What the messages are for, one after the other: here they are printed.

    A message that was delayed can arrive after a later one of the same prompt. Whoever keeps what a prompt is now, as
    here, leaves it out; whoever counts what happened takes it all the same.
    """
    newest: dict[str, int] = {}
    while True:
        event = inbox.work.get()
        prompt, sequence = event["data"].get("promptId"), event["sequence"]
        if prompt and sequence is not None:
            if sequence <= newest.get(prompt, 0):
                say(f"stale: {event['type']}, sequence {sequence}")
                continue
            newest[prompt] = sequence
        say(f"took: {event['type']}, {event['data'].get('prompt', 'no prompt')}, sequence {sequence}")


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    secrets = os.environ.get("WEBHOOK_SECRETS", "").split()
    if not secrets:
        sys.exit("Set WEBHOOK_SECRETS to the secret of the subscription.")
    Receiver.keys, Receiver.inbox = [key_of(each) for each in secrets], Inbox()
    threading.Thread(target=work_on, args=[Receiver.inbox], daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 8001), Receiver)
    say(f"listening on http://127.0.0.1:{server.server_port}/")
    server.serve_forever()


if __name__ == "__main__":
    main()
