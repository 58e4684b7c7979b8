"""The demo's files are what they should be, and `load_demo` stores what they say: once, and whole or not at all."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from prompts import template
from prompts.models import Prompt, PromptVersion
from tenants.models import Actor, Tenant, User
from tests import factories
from tests.live import ROOT

FILES = sorted((ROOT / "demo").glob("*/*.yaml"))
PEOPLE = {"alice": ["Author"], "bob": ["Reviewer"], "dave": ["Operator"]}
BY_PATH = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}:{path.stem}")


def written(path: Path) -> dict[str, Any]:
    story: dict[str, Any] = yaml.safe_load(path.read_text())
    return story


def patched(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **changes}.items() if value is not None}


def versions_in(story: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """What each version serves, by its number: a step says what it changes of the step before."""
    versions: dict[int, dict[str, Any]] = {}
    last: dict[str, Any] = {"content": None, "variables": {}, "config": {}}
    for step in story["history"]:
        if "write" in step:
            last = {
                "content": step.get("content", last["content"]),
                "variables": patched(last["variables"], step.get("variables", {})),
                "config": patched(last["config"], step.get("config", {})),
            }
            assert versions.setdefault(step["write"], last) == last
    return versions


def moves_in(story: dict[str, Any]) -> list[tuple[str, int | None, str | None, str]]:
    """Every move of a tag: name, version, who, reason. Production takes the staging tag off the version it takes."""
    moves: list[tuple[str, int | None, str | None, str]] = []
    staging = None
    for step in story["history"]:
        if "move" not in step:
            continue
        moves.append((step["move"], step["to"], step["by"], step["reason"]))
        if step["move"] == "staging":
            staging = step["to"]
        elif step["to"] == staging:
            moves.append(("staging", None, step["by"], ""))
            staging = None
    return moves


def load(*arguments: str) -> Any:
    out = io.StringIO()
    call_command("load_demo", "--tenant", "acme", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


# ----------------------------------------------------------------------------- the files
def test_there_are_twelve_prompts_in_two_namespaces_and_some_are_chats() -> None:
    chats = [story for path in FILES if (story := written(path)).get("type") == "chat"]
    assert len(FILES) == 12
    assert {path.parent.name for path in FILES} == {"support", "workbench"}
    with_history = [story for story in chats if {"placeholder": "history"} in versions_in(story)[3]["content"]]
    assert len(with_history) >= 3
    went_back = [path for path in FILES if steps_back(written(path))]
    assert len(went_back) >= 3


def steps_back(story: dict[str, Any]) -> list[int]:
    """Where production was moved to a version that had been there before."""
    live = [step["to"] for step in story["history"] if step.get("move") == "production"]
    return [number for index, number in enumerate(live) if number in live[:index]]


@BY_PATH
def test_a_history_has_three_to_eight_versions_and_a_reason_for_every_step(path: Path) -> None:
    story = written(path)
    assert re.fullmatch(r"[a-z][a-z-]+", path.stem)
    assert 3 <= len(versions_in(story)) <= 8
    assert "production" in [step.get("move") for step in story["history"]]
    reasons = [step["reason"] for step in story["history"]]
    assert len(set(reasons)) == len(reasons)
    assert all(len(reason) > 10 for reason in reasons)
    assert 20 < len(story["description"]) <= 500


@BY_PATH
def test_every_variable_that_a_version_uses_is_declared_and_no_other(path: Path) -> None:
    for number, version in versions_in(written(path)).items():
        used = template.analyse_body(version["content"]).variables
        assert set(used) == version["variables"].keys(), f"version {number}"
        assert all("type" in declared for declared in version["variables"].values())


# ----------------------------------------------------------------------------- a folder of one's own
STORY: dict[str, Any] = {
    "description": "Greets.",
    "example": {"name": "Mina"},
    "history": [
        {
            "write": 1,
            "by": "alice",
            "reason": "A first text.",
            "content": "Hello {{ name }}",
            "variables": {"name": {}},
        },
        {"write": 2, "by": "alice", "reason": "Shorter.", "content": "Hi {{ name }}", "config": {"temperature": 0}},
        {"move": "production", "to": 2, "by": "bob", "reason": "It is fine."},
    ],
}


def folder_with(tmp_path: Path, **stories: Any) -> str:
    """A demo of its own, each story in the namespace `one`."""
    (tmp_path / "one").mkdir()
    for name, story in stories.items():
        text = story if isinstance(story, str) else yaml.safe_dump(story)
        (tmp_path / "one" / f"{name}.yaml").write_text(text)
    return str(tmp_path)


def with_steps(*steps: dict[str, Any]) -> dict[str, Any]:
    return {**STORY, "history": [*STORY["history"], *steps]}


def test_progress_is_a_line_for_each_prompt(acme: Tenant, tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("load_demo", "--tenant", "acme", "--folder", folder_with(tmp_path, hello=STORY), stdout=out)
    assert re.fullmatch(r"one:hello +2 versions, 1 moves of tags\n1 of 1 prompts are made; .*\n", out.getvalue()), (
        out.getvalue()
    )


def test_what_a_step_leaves_out_stays_and_null_takes_it_away(acme: Tenant, tmp_path: Path) -> None:
    more = {"write": 3, "by": "alice", "reason": "Warmer.", "config": {"temperature": None, "max_tokens": 9}}
    load("--folder", folder_with(tmp_path, hello=with_steps(more)))
    version = PromptVersion.objects.get(tenant=acme, number=3)
    assert (version.body, version.config) == ("Hi {{ name }}", {"max_tokens": 9})


def test_the_same_text_again_is_the_version_that_it_was(acme: Tenant, tmp_path: Path) -> None:
    again = {
        "write": 1,
        "by": "bob",
        "reason": "As it was.",
        "content": "Hello {{ name }}",
        "config": {"temperature": None},
    }
    assert load("--folder", folder_with(tmp_path, hello=with_steps(again)))[0]["versions"] == 2


def test_a_prompt_that_is_there_stays_as_it_is(acme: Tenant, admin: Actor, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, hello=STORY, other=STORY)
    load("--folder", folder)
    hello = Prompt.objects.get(tenant=acme, slug="hello")
    factories.make_version(hello, "Mine {{ name }}", by=admin)
    (tmp_path / "one" / "third.yaml").write_text(yaml.safe_dump(STORY))
    told = load("--folder", folder)
    assert [(each["name"], each["created"], each["versions"]) for each in told] == [
        ("hello", False, 3),
        ("other", False, 2),
        ("third", True, 2),
    ]


BROKEN: dict[str, tuple[Any, str]] = {
    "no YAML": ("history: [", "broken.yaml: This is not YAML"),
    "a date, which JSON does not have": ("description: 2026-01-01", "not YAML of plain values"),
    "a list": ([STORY], "An object with description, example, history"),
    "no example": ({"description": "x", "history": []}, "example is missing"),
    "a mistyped field": ({**STORY, "descriptoin": "x"}, "descriptoin is unknown"),
    "another type": ({**STORY, "type": "image"}, "type is text or chat"),
    "an unsafe text": (
        with_steps({"write": 3, "by": "alice", "reason": "Try.", "content": "a\n{{ x.__class__ }}"}),
        "broken.yaml, step 4: Line 2: .*INVALID_TEMPLATE",
    ),
    "a wrong number": (
        with_steps({"write": 4, "by": "alice", "reason": "Try.", "content": "new"}),
        "step 4: This is version 3 of the prompt, not 4",
    ),
    "a stranger": (with_steps({"move": "staging", "to": 1, "by": "dora", "reason": "Try."}), "step 4: dora is nobody"),
    "no such version": (
        with_steps({"move": "staging", "to": 3, "by": "bob", "reason": "Try."}),
        "step 4: There is no version 3 yet",
    ),
    "no such tag": (with_steps({"move": "live", "to": 1, "by": "bob", "reason": "Try."}), "step 4: live is no tag"),
    "no reason": (with_steps({"move": "staging", "to": 1, "by": "bob", "reason": ""}), "step 4: A reason"),
    "nobody may": (
        with_steps({"move": "production", "to": 1, "by": "alice", "reason": "Try."}),
        "step 4: alice does not hold prompts:promote",
    ),
    "a bad config": (
        with_steps({"write": 3, "by": "alice", "reason": "Try.", "config": [1]}),
        "step 4: variables and config are objects",
    ),
    "a move first": ({**STORY, "history": STORY["history"][2:]}, "step 1: There is no version 2 yet"),
    "nothing": ({**STORY, "history": []}, "begins with a text"),
}


@pytest.mark.parametrize(("story", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_and_nothing_of_any_prompt_is_stored(
    acme: Tenant, tmp_path: Path, story: Any, sentence: str
) -> None:
    folder = folder_with(tmp_path, broken=story, fine=STORY)
    with pytest.raises(CommandError, match=sentence) as refused:
        load("--folder", folder)
    assert "broken.yaml" in str(refused.value)
    assert not Prompt.objects.filter(tenant=acme).exists()
    assert not PromptVersion.objects.filter(tenant=acme).exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("one: -1", "A namespace and a number of approvals are expected."),
        ("one: true", "A namespace and a number of approvals are expected."),
        ("- one", "A namespace and a number of approvals are expected."),
        ("nowhere: 1", "There is no namespace nowhere here."),
    ],
)
def test_approvals_that_are_not_said_rightly_are_named(acme: Tenant, tmp_path: Path, text: str, sentence: str) -> None:
    folder = Path(folder_with(tmp_path, fine=STORY))
    (folder / "approvals.yaml").write_text(text)
    with pytest.raises(CommandError, match=re.escape(sentence)):
        load("--folder", str(folder))
    assert not Prompt.objects.filter(tenant=acme).exists()


def test_a_history_that_is_refused_half_way_leaves_nothing_of_its_prompt(
    acme: Tenant, admin: Actor, tmp_path: Path
) -> None:
    call_command("create_namespace", "one", "--tenant", "acme", "--required-approvals", "1", stdout=io.StringIO())
    unmoved = {**STORY, "history": STORY["history"][:2]}
    folder = folder_with(tmp_path, first=unmoved, second=STORY)
    with pytest.raises(CommandError, match=r"second\.yaml: 1 of 1 approvals is missing.*PROMOTION_BLOCKED"):
        load("--folder", folder)
    assert list(Prompt.objects.filter(tenant=acme).values_list("slug", flat=True)) == ["first"]
    assert PromptVersion.objects.filter(tenant=acme).count() == 2


# ----------------------------------------------------------------------------- who and where
@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        (
            lambda _acme, other: factories.make_user(other, "alice", "Author"),
            "alice is no active member of the tenant acme",
        ),
        (lambda acme, _other: factories.make_user(acme, "alice", "Operator"), "alice does not hold prompts:write"),
    ],
    ids=["a name of another tenant's", "a person of another group"],
)
def test_nobody_does_in_the_demo_what_they_could_not_do(
    acme: Tenant, other: Tenant, tmp_path: Path, before: Callable[[Tenant, Tenant], User], sentence: str
) -> None:
    before(acme, other)
    with pytest.raises(CommandError, match=sentence):
        load("--folder", folder_with(tmp_path, hello=STORY))
    assert not Prompt.objects.exists()


def test_an_empty_folder_and_an_unknown_tenant_are_said(acme: Tenant, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no demo in"):
        load("--folder", str(tmp_path))
    with pytest.raises(CommandError, match="no tenant nowhere"):
        call_command("load_demo", "--tenant", "nowhere")


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        call_command("load_demo", "--help")
    assert exit_.value.code == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "running this twice changes nothing" in out
    assert "--folder PATH" in out
