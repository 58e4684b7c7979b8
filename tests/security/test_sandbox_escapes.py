"""Nothing that a template says reaches Python, and nothing that a value says is more than text."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

from prompts.template import analyse, render
from pvc.errors import Unprocessable

CORPUS = Path(__file__).parent / "corpora" / "escapes.txt"
SECRET = "canary-7f3a9c"
#: What Python prints of its own objects.
PYTHON = re.compile(
    r"<(function|class|bound method|built-in|method|slot|generator|module|map|namespace|Namespace|LoopContext)"
    r"|object at 0x|0x[0-9a-f]{6}|dict_(items|keys|values)"
)
FORBIDDEN_EVENTS = re.compile(r"open|exec|compile|import|socket\.|subprocess\.|os\.|marshal\.|pickle\.|ctypes\.")
VARIABLES = {
    "x": {"y": [1, "a"], "items": [1], "a": {"b": {"c": 1}}},
    "y": "__class__",
    "z": "__init__",
    "k": "__globals__",
}

watching = False
seen: list[str] = []


def watch(event: str, _arguments: object) -> None:
    if watching and FORBIDDEN_EVENTS.match(event):
        seen.append(event)


sys.addaudithook(watch)


@pytest.fixture(autouse=True)
def canary(tmp_path: Any, monkeypatch: Any) -> Any:
    path = tmp_path / "canary.txt"
    path.write_text(SECRET)
    monkeypatch.setenv("CANARY", SECRET)
    return path


def payloads() -> list[str]:
    return [line.replace("\\n", "\n") for line in CORPUS.read_text().splitlines()]


def outcome(text: str, variables: Mapping[str, object]) -> str:
    """What comes back: the text, or the sentence and the details of a refusal."""
    try:
        return render(text, variables).text
    except Unprocessable as refused:
        return f"{refused.message} {refused.details}"


def watched(text: str, variables: Mapping[str, object]) -> str:
    """Render once to compile, then again with every call to the system noted."""
    global watching  # noqa: PLW0603 - an audit hook cannot be taken off, so it is switched
    outcome(text, variables)
    if not analyse(text).valid:
        return outcome(text, variables)
    seen.clear()
    watching = True
    try:
        return outcome(text, variables)
    finally:
        watching = False


def test_the_corpus_is_whole() -> None:
    assert len(payloads()) > 150


@pytest.mark.parametrize("payload", payloads())
def test_a_payload_as_a_template_reaches_nothing(payload: Any, canary: Any) -> None:
    text = payload.replace("CANARY_FILE", str(canary))
    answer = watched(text, VARIABLES)
    assert SECRET not in answer
    assert not PYTHON.search(answer)
    assert seen == []


def test_a_payload_as_a_value_is_printed_as_it_is(canary: Any) -> None:
    for payload in payloads():
        text = payload.replace("CANARY_FILE", str(canary)).replace("\\ud800", "").replace("\\udfff", "")
        assert render("{{ value }}", {"value": text}).text == text
        assert render("{{ values[0] ~ values.a }}", {"values": [text]}).text == text
        assert render([{"placeholder": "history"}], {"history": [{"role": "user", "content": text}]}).messages == [
            {"role": "user", "content": text}
        ]


def test_a_payload_as_a_name_or_a_key_is_only_data() -> None:
    for payload in payloads():
        answer = outcome(
            "{{ x }}{{ x|list }}{{ x|tojson }}{% for k, v in x.items() %}{{ k }}{{ v }}{% endfor %}",
            {"x": {payload: 1}},
        )
        assert not PYTHON.search(answer.replace(payload, ""))


def test_the_canary_and_the_watch_would_notice_a_template_without_the_fence(canary: Any) -> None:
    global watching  # noqa: PLW0603 - as above
    seen.clear()
    watching = True
    unfenced = Environment(autoescape=True)
    reached = unfenced.from_string("{{ cycler.__init__.__globals__.os.environ.CANARY }}").render()
    canary.read_text()
    watching = False
    assert reached == SECRET
    assert {"compile", "exec", "open"} <= set(seen)


@pytest.mark.parametrize(
    "value", [object(), lambda: 1, type, b"x", {1: 2}, {"a": {None: 1}}, 2**60, "\ud800", {"\udfff": 1}, [print]]
)
def test_values_that_are_not_plain_are_refused(value: Any) -> None:
    with pytest.raises(Unprocessable, match="cannot be used"):
        render("{{ value }}", {"value": value})


def test_subclasses_of_plain_types_lose_their_methods() -> None:
    class Loud(str):
        def __str__(self) -> str:
            raise AssertionError("a method of the value was called")

    class Mapped(dict):  # type: ignore[type-arg]
        def __getitem__(self, key: object) -> object:
            raise AssertionError("a method of the value was called")

    rendering = render("{{ a }}{{ b.c }}{{ b }}", {"a": Loud("plain"), "b": Mapped(c=Loud("text"))})
    assert rendering.text == "plaintext{'c': 'text'}"
