"""What your service does on every call: ask for the prompt, and go on without the server when it is away.

    printf 'my parcel is late\nmy parcel is late\n' | PVC_URL=… PVC_KEY=… python3 hot_path.py support-reply

Each line of the input stands for a call of your service; the answer is the text it would send to its model.
PVC_TIMEOUT is how many seconds the server has for an answer (0.5).
"""

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from pvc_client import PvcClient, PvcError

BUILT_IN = "You answer customers of a web shop. Help with: {issue}"


@dataclass(frozen=True)
class Text:
    """A rendered prompt, and where it came from: `server`, `memory`, or `built in`."""

    text: str
    source: str


class Prompts:
    """Renders with a short time limit, and remembers each prompt's last good text for the same values.

    `timeout` and `pause` are in seconds: for `pause` after a failure the server is not asked, so that your callers
    do not wait for it one by one. At most `remembered` texts are kept, the oldest goes first.
    """

    def __init__(self, pvc: PvcClient, *, timeout: float = 0.5, pause: float = 1.0, remembered: int = 1000) -> None:
        self.pvc, self.timeout, self.pause, self.remembered = pvc, timeout, pause, remembered
        self._last: dict[str, str] = {}
        self._lock = threading.Lock()
        self._ask_again_at = 0.0

    def render(self, ref: str, variables: dict[str, Any], *, otherwise: str) -> Text:
        """Raises PvcError for what waiting does not mend: a wrong key, an unknown or archived prompt."""
        known_as = repr((ref, sorted(variables.items())))
        if time.monotonic() >= self._ask_again_at:
            try:
                text = self.pvc.render(ref, variables, timeout=self.timeout, retries=0).data["rendered"]
            except PvcError as error:
                if not error.is_passing and error.status < 500:
                    raise
                self._ask_again_at = time.monotonic() + self.pause
            else:
                self._remember(known_as, text)
                return Text(text, "server")
        remembered = self._last.get(known_as)
        return Text(otherwise, "built in") if remembered is None else Text(remembered, "memory")

    def _remember(self, known_as: str, text: str) -> None:
        with self._lock:
            self._last.pop(known_as, None)  # so that it goes to the end of the line
            self._last[known_as] = text
            if len(self._last) > self.remembered:
                del self._last[next(iter(self._last))]


def main() -> int:
    if len(sys.argv) != 2 or not {"PVC_URL", "PVC_KEY"} <= os.environ.keys():
        print("Set PVC_URL and PVC_KEY, and name a prompt: hot_path.py support-reply", file=sys.stderr)
        return 1
    pvc = PvcClient(os.environ["PVC_URL"], os.environ["PVC_KEY"])
    prompts = Prompts(pvc, timeout=float(os.environ.get("PVC_TIMEOUT", "0.5")))
    try:
        for line in sys.stdin:
            issue = line.strip()
            found = prompts.render(sys.argv[1], {"issue": issue}, otherwise=BUILT_IN.format(issue=issue))
            print(f"{found.source}: {' / '.join(found.text.splitlines())}", flush=True)
    except PvcError as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
