"""The one table of what can happen holds exactly what the code records, and sends what is promised."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.events import DENIED_FIELDS, EVENTS
from audit.models import AuditEntry, OutboxEvent

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = [path.parent for path in REPOSITORY.glob("*/apps.py")]

#: The events that subscribers are promised (contract 7).
PUBLIC = {
    "prompt.created",
    "version.created",
    "tag.moved",
    "promotion.requested",
    "promotion.approved",
    "promotion.rejected",
    "promotion.overridden",
    "promotion.rolled_back",
    "eval.completed",
    "deployment.changed",
    "policy.changed",
    "webhook.test",
    "endpoint.disabled",
    "audit.checkpoint",
}


@functools.cache
def trees() -> tuple[tuple[Path, ast.Module], ...]:
    folders = (*APPS, REPOSITORY / "pvc")
    return tuple((path, ast.parse(path.read_text())) for folder in folders for path in sorted(folder.rglob("*.py")))


def texts_in(node: ast.expr) -> list[str]:
    """The strings that an expression can be: a literal, or both sides of a choice."""
    if isinstance(node, ast.IfExp):
        return texts_in(node.body) + texts_in(node.orelse)
    assert isinstance(node, ast.Constant), f"a verb is written out where it is recorded: {ast.unparse(node)}"
    assert isinstance(node.value, str)
    return [node.value]


def called(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                function = node.func
                its_name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                if its_name == name:
                    yield path, node


@functools.cache
def recorded() -> dict[str, set[frozenset[str]]]:
    """Every verb in a `record(...)`, with the fields it is given at each place."""
    found: dict[str, set[frozenset[str]]] = {}
    for _, call in called("record"):
        fields = frozenset(each.arg or "**" for each in call.keywords) - {"by", "prompt_id", "prompt_name", "sequence"}
        for verb in texts_in(call.args[0]):
            found.setdefault(verb, set()).add(fields)
    return found


#: What no verb records: the log writes the one itself, and the other stands where content was taken out.
OF_THE_LOG = {"audit.key_changed", "entry.redacted"}


def test_the_table_holds_exactly_what_is_recorded() -> None:
    assert set(recorded()) == set(EVENTS) - OF_THE_LOG


@pytest.mark.parametrize("verb", sorted(set(EVENTS) - OF_THE_LOG))
def test_an_entry_is_recorded_with_the_fields_of_the_table(verb: str) -> None:
    assert recorded()[verb] == {EVENTS[verb].fields}


def test_what_can_be_denied_is_in_the_table() -> None:
    refused = {
        text
        for _, call in called("verb")
        for keyword in call.keywords
        if keyword.arg == "refused"
        for text in texts_in(keyword.value)
    }
    assert refused
    assert refused <= set(EVENTS)
    at_the_door = {
        text
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and [getattr(target, "id", "") for target in node.targets] == ["audited"]
        and isinstance(node.value, ast.Dict)
        for value in node.value.values
        for text in texts_in(value)
    }
    assert at_the_door == refused


def test_public_events_are_those_that_are_promised() -> None:
    assert {event.public for event in EVENTS.values() if event.public} <= PUBLIC


#: Public, and of no prompt.
OF_NO_PROMPT = {"policy.changed", "webhook.disabled"}


def test_a_public_event_of_a_prompt_is_numbered() -> None:
    """A receiver drops what comes late by the sequence: each place that records such a verb gives one."""
    for path, call in called("record"):
        public = [verb for verb in texts_in(call.args[0]) if EVENTS[verb].public and verb not in OF_NO_PROMPT]
        given = {each.arg for each in call.keywords}
        assert not public or {"sequence", "prompt_id", "prompt_name"} <= given, f"{path.name}: {public}"
        assert public or "sequence" not in given, f"{path.name}: a number without an event leaves a gap"


def test_a_verb_is_a_noun_and_what_happened_to_it() -> None:
    for verb, event in EVENTS.items():
        noun, happened = verb.split(".")
        assert verb == event.verb == verb.lower()
        assert noun.replace("_", "").isalpha()
        assert happened.endswith(("ed", "overridden", "rolled_back"))
        assert event.meaning.endswith(".")
        assert not event.fields & {"by", "prompt_id", "prompt_name", "sequence", "claimed"}


def test_verbs_and_types_fit_their_columns() -> None:
    longest = AuditEntry._meta.get_field("verb").max_length or 0
    assert max(len(f"{verb}.denied") for verb in EVENTS) <= longest
    assert max(len(each) for each in PUBLIC) <= (OutboxEvent._meta.get_field("type").max_length or 0)
    assert {"code", "message", "claimed"} == DENIED_FIELDS
