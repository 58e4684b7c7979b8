"""A walk through a running server with the demo loaded: `python3 demo/tour.py http://127.0.0.1:8000 var/dev.json`.

The second argument is a JSON file whose `keys` holds API keys of alice, bob, dave and of another tenant
(`other_tenant`), as `./dev up --demo` writes it; `./dev demo` does all of this on servers of its own. It reads, writes
two versions of one prompt and moves its tags, and can be repeated. The exit code is 0 if every answer was as it
should be, else 1, with the step that failed.
"""

import io
import json
import os
import secrets
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

WIDTH = 100
SECONDS = 30
PEOPLE = ("alice", "bob", "dave", "other_tenant")

#: The prompts that are looked at, and the version of the first that the writing begins from.
REWRITE, REWRITE_FROM = "support:tone-rewrite", 4
REFUND, REFUND_BEFORE, REFUND_AFTER = "support:refund-decision", 3, 4
REPLY = "support:reply-draft"


class Unexpected(Exception):
    """Something was not as it should be; the message says what."""


def expect(holds: object, otherwise: str) -> None:
    if not holds:
        raise Unexpected(otherwise)


# ----------------------------------------------------------------------------- asking
@dataclass(frozen=True)
class Answer:
    """What the server said. `body` is the JSON, and None where there was none; a header may be spelled in any case."""

    status: int
    headers: Message
    body: Any

    @property
    def error(self) -> dict[str, str]:
        """The code and the message of a refusal; empty for anything else."""
        said = self.body.get("error") if isinstance(self.body, dict) else None
        return {name: str(said.get(name)) for name in ("code", "message")} if isinstance(said, dict) else {}


def send(url: str, key: str, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
    """One call, without any proxy of the surroundings."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/api/v1{path}", data, method=method)
    for name, value in {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers}.items():
        request.add_header(name, value)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=SECONDS) as found:
            return answer_of(found.status, found.headers, found.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return answer_of(refused.code, refused.headers, refused.read())
    except OSError as away:
        raise Unexpected(f"{url} does not answer: {getattr(away, 'reason', away)}") from away


def answer_of(status: int, headers: Message, raw: bytes) -> Answer:
    try:
        body = json.loads(raw) if raw else None
    except ValueError as error:
        raise Unexpected(f"The server answered {status} with something that is not JSON.") from error
    return Answer(status, headers, body)


# ----------------------------------------------------------------------------- showing
class Paper:
    """The terminal: 100 columns, coloured for people."""

    colours = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}

    def __init__(self) -> None:
        self.coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def ink(self, text: str, colour: str) -> str:
        return f"\x1b[{self.colours[colour]}m{text}\x1b[0m" if self.coloured and colour else text

    def line(self, text: str = "", colour: str = "", *, indent: int = 0) -> None:
        """One line, cut where it is too long."""
        room = WIDTH - indent
        shown = text if len(text) <= room else f"{text[: room - 1]}…"
        sys.stdout.write(f"{' ' * indent}{self.ink(shown, colour)}\n" if shown else "\n")

    def words(self, text: str, colour: str = "", *, indent: int = 4, first: str = "") -> None:
        """Running text, wrapped; each of its lines begins a new one. `first` stands before the first line."""
        before = first
        for each in text.splitlines() or [""]:
            for wrapped in textwrap.wrap(each, WIDTH - indent - len(first)) or [""]:
                self.line(f"{before}{wrapped}".rstrip(), colour, indent=indent)
                before = " " * len(first)

    def table(self, rows: Iterable[tuple[str, ...]], *, indent: int = 6) -> None:
        """Columns as wide as they need to be; the last one is wrapped into what is left."""
        rows = list(rows)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] if rows else []
        for row in rows:
            first = "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
            self.words(row[-1], indent=indent, first=first)


class Tour:
    """The walk: whom it asks as, what it has found so far, and where it prints."""

    def __init__(self, url: str, keys: Mapping[str, str]) -> None:
        self.url, self.keys, self.paper = url, keys, Paper()
        self.calls = 0
        self.notes: dict[str, Any] = {}

    def ask(
        self,
        who: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int = 200,
        quiet: bool = False,
        **headers: str,
    ) -> Answer:
        """Ask as somebody, and show the request line. Raises Unexpected for any other status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = send(self.url, self.keys[who], method, path, body, named)
        self.calls += 1
        if answer.status != status:
            said = f", {answer.error['code']}: {answer.error['message']}" if answer.error else "."
            raise Unexpected(f"{method} /api/v1{path} was to answer {status} and answered {answer.status}{said}")
        if not quiet:
            self.show_request(who, method, path, body, answer, named)
        return answer

    def show_request(
        self, who: str, method: str, path: str, body: Any, answer: Answer, headers: Mapping[str, str]
    ) -> None:
        paper, asker = self.paper, "a stranger" if who == "other_tenant" else who
        paper.line()
        paper.line(f"{method} /api/v1{path}", "blue", indent=4)
        for name, value in headers.items():
            paper.line(f"{name}: {value}", "dim", indent=4)
        if body is not None:
            paper.line(json.dumps(body, ensure_ascii=False), "dim", indent=4)
        paper.line(f"as {asker}: {answer.status}", "green" if answer.status < 300 else "yellow", indent=4)

    def refused(self, answer: Answer, code: str) -> None:
        """Show a refusal, which has to be this one."""
        expect(answer.error["code"] == code, f"The refusal was to be {code} and is {answer.error['code']}.")
        self.paper.words(f"{answer.error['code']}: {answer.error['message']}", "yellow", indent=6)

    def prompt(self, name: str) -> dict[str, Any]:
        """A prompt by its namespace and name."""
        found: dict[str, Any] = self.ask("alice", "GET", f"/prompts/{name}", quiet=True).body
        return found

    def example(self, name: str) -> dict[str, Any]:
        """The values that the demo keeps with each prompt, to render it with."""
        values = self.prompt(name)["metadata"].get("example")
        expect(isinstance(values, dict), f"{name} has no example values: is this the prompt that the demo has made?")
        return dict(values)

    def move(self, who: str, tag: str, version: Mapping[str, Any], reason: str) -> Answer:
        body = {"versionId": version["id"], "reason": reason}
        return self.ask(who, "POST", f"/prompts/{REWRITE}/tags/{tag}", body)


# ----------------------------------------------------------------------------- the steps
def what_is_there(tour: Tour) -> None:
    """A service asks for a prompt's production, never for a number: what is live is decided here, not in its code."""
    prompts = tour.ask("alice", "GET", "/prompts?limit=100").body["data"]
    shown = sorted((each for each in prompts if each["namespace"] != "default"), key=lambda each: each["name"])
    names = {f"{each['namespace']}:{each['name']}" for each in shown}
    for name in (REWRITE, REFUND, REPLY):
        expect(name in names, f"{name} is not there: load the demo first (manage.py load_demo).")
    rows = []
    for each in sorted(shown, key=lambda each: str(each["namespace"])):
        name = f"{each['namespace']}:{each['name']}"
        tags = tour.ask("alice", "GET", f"/prompts/{name}/tags", quiet=True).body["data"]
        placed = ", ".join(f"{tag['name']} → {tag['version']['number']}" for tag in tags)
        rows.append((name, each["type"], f"{each['latestVersion']['number']} versions", placed or "no tags"))
    tour.paper.table(rows)


def its_versions(tour: Tour) -> None:
    """A version never changes, and says who wrote it and why: the history of a prompt can be read like a log."""
    versions = tour.ask("alice", "GET", f"/prompts/{REFUND}/versions").body["data"]
    expect(len(versions) > REFUND_AFTER, f"{REFUND} has fewer versions than the demo has made.")
    first = tour.prompt(REFUND)["metadata"]  # version 1 was made with the prompt, which holds its reason
    tour.paper.table(
        (
            f"v{each['number']}",
            each["digest"][:8],
            said.get("author", ""),
            with_tags(said.get("reason", ""), each["tags"]),
        )
        for each in versions
        for said in [each["metadata"] or first]
    )


def with_tags(reason: str, tags: list[str]) -> str:
    return f"{reason} [{', '.join(tags)}]" if tags else reason


def the_difference(tour: Tour) -> None:
    """A diff says what a change means: the author meant to shorten a text, and turned a rule around."""
    path = f"/prompts/{REFUND}/diff?fromVersion={REFUND_BEFORE}&toVersion={REFUND_AFTER}"
    diff = tour.ask("bob", "GET", path).body
    for section in diff["sections"]:
        if section["type"] in ("removed", "modified"):
            tour.paper.words(section["oldValue"] or section["value"], "red", indent=6, first="- ")
        if section["type"] in ("added", "modified"):
            tour.paper.words(section["value"], "green", indent=6, first="+ ")
    tour.paper.line()
    impact = diff["impact"]
    tour.paper.line(f"semantic impact: {diff['semanticImpact']} (score {impact['score']:.2f})", "bold", indent=6)
    for reason in impact["reasons"]:
        where = f", line {reason['line']}" if reason.get("line") else ""
        tour.paper.words(f"{reason['message']} ({reason['rule']}{where})", indent=6, first="· ")
    expect(diff["semanticImpact"] == "major", "A rule was turned around, and the diff does not call that major.")


def a_new_version(tour: Tour) -> None:
    """Writing adds a version and changes none; the same text again is recognised, so a retry leaves no twins."""
    base = tour.ask("alice", "GET", f"/prompts/{REWRITE}/versions/{REWRITE_FROM}", quiet=True).body
    text = f"{base['content']}\nWrite dates and times like this: {moment()}.\n"
    body = {
        "content": text,
        "variables": base["variables"],
        "config": base["config"],
        "metadata": {"author": "alice", "reason": "Dates were written in three ways."},
    }
    made = tour.ask("alice", "POST", f"/prompts/{REWRITE}/versions", body, status=201).body
    tour.paper.table([("number", str(made["number"])), ("checksum", made["checksum"]), ("digest", made["digest"])])
    again = tour.ask("alice", "POST", f"/prompts/{REWRITE}/versions", body).body
    expect(again.get("deduplicated") and again["id"] == made["id"], "The same text made another version.")
    tour.paper.line(f"deduplicated: it is version {again['number']}", indent=6)
    tour.notes.update(base=base, good=made)


def moment() -> str:
    """Now, so that each walk writes texts of its own."""
    return time.strftime("%d %B %Y, %H:%M:%S UTC", time.gmtime())


def staging_then_production(tour: Tour) -> None:
    """Whoever writes a text does not have to be the one who puts it live, and every move gives its reason."""
    good = tour.notes["good"]
    tour.move("alice", "staging", good, "To be tried on twenty drafts.")
    body = {"versionId": good["id"], "reason": "Why wait?"}
    tour.refused(tour.ask("alice", "POST", f"/prompts/{REWRITE}/tags/production", body, status=403), "FORBIDDEN")
    tour.move("bob", "production", good, "Twenty drafts, all dates alike.")
    live = tour.ask("bob", "GET", f"/prompts/{REWRITE}/production").body
    expect(live["number"] == good["number"], f"Production is version {live['number']}, not {good['number']}.")
    tour.paper.table([("production", f"version {live['number']}, tags: {', '.join(live['tags'])}")])


def rendering(tour: Tour) -> None:
    """What a service does on every call: it sends values and gets the text that is live now."""
    rendered = tour.ask("alice", "POST", f"/prompts/{REWRITE}/render", {"variables": tour.example(REWRITE)}).body
    expect(rendered["version"] == tour.notes["good"]["number"], "Something else than production was rendered.")
    show_rendered(tour, rendered["rendered"])
    tour.paper.line(f"version {rendered['version']}, about {rendered['tokenCount']} tokens", "bold", indent=6)


def show_rendered(tour: Tour, text: str) -> None:
    for line in text.strip().splitlines():
        for wrapped in textwrap.wrap(line, WIDTH - 8) or [""]:
            tour.paper.line(f"│ {wrapped}", indent=6)


def a_missing_value(tour: Tour) -> None:
    """A forgotten value is said by its name, before a model gets a text with a hole in it."""
    values = {"tone": "formal"}
    strict = tour.ask("alice", "POST", f"/prompts/{REWRITE}/render", {"variables": values, "strict": True}, status=422)
    tour.refused(strict, "MISSING_VARIABLES")
    lenient = tour.ask("alice", "POST", f"/prompts/{REWRITE}/render", {"variables": values}).body
    expect(lenient["missingVariables"] == ["draft"], f"Missing was {lenient['missingVariables']}, not draft.")
    tour.paper.line(f"missingVariables: {', '.join(lenient['missingVariables'])}", indent=6)


def a_chat(tour: Tour) -> None:
    """A chat's messages stay apart, the earlier ones too: what a customer writes is a value, never a template."""
    example = tour.example(REPLY)
    rendered = tour.ask("alice", "POST", f"/prompts/{REPLY}/render", {"variables": example}).body
    messages = rendered["messages"]
    said = [message["role"] for message in messages]
    wanted = ["system", *(message["role"] for message in example["history"]), "user"]
    expect(said == wanted, f"The messages were to be {wanted} and are {said}.")
    tour.paper.table((message["role"], beginning(message["content"])) for message in messages)


def beginning(text: str, lines: int = 5) -> str:
    """The first lines of a text, and how many more there are."""
    all_lines = text.strip().splitlines()
    more = [f"… and {len(all_lines) - lines} lines more"] if len(all_lines) > lines else []
    return "\n".join([*all_lines[:lines], *more])


def an_unsafe_text(tour: Tour) -> None:
    """A template can do little on purpose: what would reach into the server is refused when it is written."""
    text = "Rewrite the text below.\n\n{{ draft.__class__.__mro__ }}\n"
    body = {"content": text, "metadata": {"reason": "Just trying."}}
    refused = tour.ask("alice", "POST", f"/prompts/{REWRITE}/versions", body, status=422)
    tour.refused(refused, "INVALID_TEMPLATE")
    expect("Line 3" in refused.error["message"], "The refusal does not name the line.")


def a_retry(tour: Tour) -> None:
    """The answer was lost on the way, so the call is made again: with its key it happens once and is answered twice."""
    base, key = tour.notes["base"], f"tour-{secrets.token_hex(6)}"
    text = base["content"].replace("Do not add promises.", "Add promises where they help.")
    expect(text != base["content"], f"Version {REWRITE_FROM} of {REWRITE} is not the demo's.")
    body = {
        "content": f"{text}\nSay that the request came on {moment()}.\n",
        "variables": base["variables"],
        "config": base["config"],
        "metadata": {"author": "alice", "reason": "Sounds more helpful."},
    }
    path = f"/prompts/{REWRITE}/versions"
    made = tour.ask("alice", "POST", path, body, status=201, Idempotency_Key=key)
    again = tour.ask("alice", "POST", path, body, status=201, quiet=True, Idempotency_Key=key)
    tour.paper.line(f"once more, with the same key: {again.status}", "green", indent=4)
    expect(again.headers.get("Idempotency-Replayed") == "true", "The repeated call was not recognised.")
    expect(again.body == made.body, "The repeated call was answered differently.")
    tour.paper.line(f"Idempotency-Replayed: true, the same version {again.body['number']}", indent=6)
    other = tour.ask(
        "alice", "POST", path, {**body, "content": "Another text"}, status=422, quiet=True, Idempotency_Key=key
    )
    tour.paper.line("the same key with another text: 422", "yellow", indent=4)
    tour.refused(other, "IDEMPOTENCY_KEY_REUSED")
    tour.notes["bad"] = made.body


def a_bad_release(tour: Tour) -> None:
    """Going back is one call and takes effect at once: the old version is still there, word for word."""
    good, bad = tour.notes["good"], tour.notes["bad"]
    tour.move("bob", "production", bad, "Sounds more helpful.")
    tour.notes["back"] = tour.move("dave", "production", good, "Back: it promised refunds that nobody had granted.")
    example = tour.example(REWRITE)
    rendered = tour.ask("alice", "POST", f"/prompts/{REWRITE}/render", {"variables": example}).body
    expect(rendered["version"] == good["number"], f"Version {rendered['version']} is served, not {good['number']}.")
    tour.paper.line(f"served again: version {rendered['version']}", indent=6)


def the_tags_history(tour: Tour) -> None:
    """Every move of a tag is kept, the mistakes too: what was live on any day can be said."""
    moves = tour.ask("dave", "GET", f"/prompts/{REWRITE}/tags/production/history").body["data"]
    good, bad = tour.notes["good"]["number"], tour.notes["bad"]["number"]
    newest = [(move["fromNumber"], move["toNumber"]) for move in moves[:2]]
    expect(newest == [(bad, good), (good, bad)], f"The newest moves were to be there and back, and are {newest}.")
    rows = []
    for move in moves:
        way = f"{move['fromNumber'] or 'none'} → {move['toNumber'] or 'none'}"
        rows.append((move["at"][:19].replace("T", " "), way, move["by"] or "", move["reason"]))
    tour.paper.table(rows)


def a_stranger(tour: Tour) -> None:
    """Another tenant's administrator gets the answer that a prompt gives that does not exist: it learns nothing."""
    prompt_id = tour.prompt(REWRITE)["id"]
    theirs = tour.ask("other_tenant", "GET", f"/prompts/{prompt_id}", status=404)
    tour.refused(theirs, "NOT_FOUND")
    nobodys = tour.ask("other_tenant", "GET", "/prompts/00000000-0000-7000-8000-000000000000", status=404)
    tour.refused(nobodys, "NOT_FOUND")
    expect(theirs.error == nobodys.error, "A stranger can tell a foreign prompt from none.")


def the_log(tour: Tour) -> None:
    """Each entry's hash holds the hash before it, and each write answers with its own: a changed past shows."""
    prompt_id = tour.prompt(REWRITE)["id"]
    entries = tour.ask("dave", "GET", f"/prompts/audit?template_id={prompt_id}&limit=8").body["data"]
    rows = [(str(each["seq"]), each["actor"], each["verb"], each["hash"][:16], told(each)) for each in entries]
    tour.paper.table([("seq", "actor", "verb", "hash", "what"), *rows])
    receipt = tour.notes["back"].headers
    found = {str(each["seq"]): each["hash"] for each in entries}
    expect(
        found.get(receipt.get("X-Audit-Seq", "")) == receipt.get("X-Audit-Hash"),
        "The log does not hold the entry whose receipt was given.",
    )
    tour.paper.line()
    tour.paper.line(f"dave's receipt: {receipt['X-Audit-Seq']} {receipt['X-Audit-Hash']}", indent=6)


def told(entry: Mapping[str, Any]) -> str:
    data = entry["data"]
    if "tag" in data:
        return f"{data['tag']}: {data['fromNumber'] or 'none'} → {data['toNumber'] or 'none'}"
    return f"version {data['number']}" if "number" in data else str(data.get("code", ""))


STEPS: list[tuple[str, Callable[[Tour], None]]] = [
    ("What is there", what_is_there),
    ("A prompt's versions", its_versions),
    ("What changed, and what it means", the_difference),
    ("A new version", a_new_version),
    ("Staging, then production", staging_then_production),
    ("Rendering what is live", rendering),
    ("A missing value", a_missing_value),
    ("A chat", a_chat),
    ("An unsafe template", an_unsafe_text),
    ("A retry", a_retry),
    ("A bad release, and back", a_bad_release),
    ("The history of a tag", the_tags_history),
    ("A stranger", a_stranger),
    ("The audit log", the_log),
]


def walk(tour: Tour) -> None:
    """Every step in turn. Raises Unexpected that names the step."""
    for number, (title, step) in enumerate(STEPS, 1):
        tour.paper.line()
        tour.paper.line(f"{number:>2}  {title}", "bold")
        tour.paper.words(step.__doc__ or "")
        try:
            step(tour)
        except Unexpected as unexpected:
            raise Unexpected(f"Step {number} ({title}) failed. {unexpected}") from unexpected
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise Unexpected(f"Step {number} ({title}) failed. The answer has another form: {error!r}") from error


def keys_in(path: str) -> dict[str, str]:
    """The keys of the people of the tour. Raises Unexpected."""
    try:
        held = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise Unexpected(f"{path} cannot be read as JSON: {error}") from error
    keys = held.get("keys") if isinstance(held, dict) else None
    if missing := [name for name in PEOPLE if not isinstance(keys, dict) or name not in keys]:
        raise Unexpected(f"{path} holds no key of {missing[0]}; ./dev up --demo makes them.")
    return {name: str(keys[name]) for name in PEOPLE} if keys else {}


def main(arguments: list[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without these letters shows question marks
    if len(arguments) != 2 or not arguments[0].startswith(("http://", "https://")):
        sys.stderr.write(f"{__doc__}\nUsage: python3 demo/tour.py URL KEYS.json\n")
        return 0 if set(arguments) & {"-h", "--help"} else 1
    begun = time.monotonic()
    try:
        tour = Tour(arguments[0].rstrip("/"), keys_in(arguments[1]))
        walk(tour)
    except Unexpected as unexpected:
        sys.stdout.flush()
        sys.stderr.write(f"\n{unexpected}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    tour.paper.line()
    done = f"All {len(STEPS)} steps went as they should: {tour.calls} calls in {time.monotonic() - begun:.1f} s."
    tour.paper.line(done, "bold")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
