"""What has changed between two versions."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.content import Content, content_of
from prompts.diff import Diff, Section, compare, leaves, transcript


def text(body: str, **beside: Any) -> Content:
    return content_of("text", body, beside.get("variables"), beside.get("config"))


def chat(*messages: dict[str, str]) -> Content:
    return content_of("chat", list(messages))


def between(old: str, new: str) -> tuple[Section, ...]:
    return compare(text(old), text(new)).sections


def place(section: Section) -> tuple[str, int | None, int | None, int | None, int | None]:
    return (section.type, section.line_start, section.line_end, section.new_line_start, section.new_line_end)


def test_sections_have_their_lines_on_both_sides() -> None:
    found = between("one\ntwo\nthree", "one\ntwo and a half\nthree\nfour")
    assert [place(section) for section in found] == [
        ("unchanged", 1, 1, 1, 1),
        ("removed", 2, 2, None, None),
        ("added", None, None, 2, 2),
        ("unchanged", 3, 3, 3, 3),
        ("added", None, None, 4, 4),
    ]


def test_a_line_that_is_mostly_the_same_is_modified_and_says_which_words() -> None:
    (section,) = between("Always answer in two short sentences.", "Never answer in two short sentences.")
    assert place(section) == ("modified", 1, 1, 1, 1)
    assert section.old_value == "Always answer in two short sentences."
    assert [(each.type, each.value) for each in section.words or ()] == [
        ("removed", "Always "),
        ("added", "Never "),
        ("equal", "answer in two short sentences."),
    ]


def test_a_variable_is_one_word() -> None:
    (section,) = between("Dear {{ first name }}, thank you for writing.", "Dear {{ name }}, thank you for writing.")
    assert [each.value for each in section.words or () if each.type != "equal"] == ["{{ first name }}", "{{ name }}"]


def test_a_paragraph_set_in_other_lines_is_one_section_without_a_changed_word() -> None:
    (section,) = between(
        "Read the ticket and say\nwhat is wrong with it.", "Read the ticket\nand say what\nis wrong with it."
    )
    assert place(section) == ("modified", 1, 2, 1, 3)
    assert [each.value for each in section.words or () if each.type != "equal" and each.value.strip()] == []


def test_equal_texts_are_one_unchanged_section() -> None:
    assert [place(section) for section in between("a\nb\n", "a\nb\n")] == [("unchanged", 1, 3, 1, 3)]


def test_a_line_end_that_changed_shows() -> None:
    (section, _) = between("Be brief.\r\nBe kind.", "Be brief.\nBe kind.")
    assert [(each.type, each.value) for each in section.words or ()] == [("equal", "Be brief."), ("removed", "\r")]


def joined(found: Diff, *, is_old: bool) -> str:
    """One side of a diff, put together again out of its sections."""
    sides = [
        section.old_value if is_old and section.type == "modified" else section.value
        for section in found.sections
        if section.type != ("added" if is_old else "removed")
    ]
    return "\n".join(str(side) for side in sides)


Body = st.text(alphabet="ab \n{}%é.1", min_size=1, max_size=120)


@settings(deadline=None, max_examples=400)
@given(Body, Body)
def test_nothing_is_lost_sections_and_words_make_both_texts_again(old: str, new: str) -> None:
    found = compare(text(old), text(new))
    assert joined(found, is_old=True) == old
    assert joined(found, is_old=False) == new
    for section in found.sections:
        if section.words is not None:
            assert "".join(each.value for each in section.words if each.type != "added") == section.old_value
            assert "".join(each.value for each in section.words if each.type != "removed") == section.value


def lines(start: int | None, end: int | None) -> range:
    return range(start, end + 1) if start and end else range(0)


@settings(deadline=None, max_examples=200)
@given(Body, Body)
def test_line_numbers_count_every_line_once_and_in_order(old: str, new: str) -> None:
    found = compare(text(old), text(new)).sections
    before = [n for each in found if each.line_start for n in range(each.line_start, (each.line_end or 0) + 1)]
    after = [
        n for each in found if each.new_line_start for n in range(each.new_line_start, (each.new_line_end or 0) + 1)
    ]
    assert before == list(range(1, old.count("\n") + 2))
    assert after == list(range(1, new.count("\n") + 2))


def test_a_chat_is_compared_as_its_transcript() -> None:
    old = chat({"role": "system", "content": "Be brief.\nBe kind."}, {"placeholder": "history"})
    new = chat({"role": "system", "content": "Be brief.\nBe kind and fair."}, {"placeholder": "history"})
    assert transcript(old) == "[system]\nBe brief.\nBe kind.\n[placeholder: history]"
    kinds = [(section.type, section.value) for section in compare(old, new).sections]
    assert kinds == [
        ("unchanged", "[system]\nBe brief."),
        ("modified", "Be kind and fair."),
        ("unchanged", "[placeholder: history]"),
    ]


def test_a_message_with_another_role_shows_in_its_line() -> None:
    found = compare(chat({"role": "system", "content": "Hi"}), chat({"role": "user", "content": "Hi"})).sections
    assert [(section.type, section.value) for section in found][-1] == ("unchanged", "Hi")
    assert {section.value for section in found[:-1]} >= {"[user]"}


def test_declared_variables_are_compared_by_name() -> None:
    old = text("x", variables={"tone": "warm", "name": {"type": "string"}, "gone": 1})
    new = text("x", variables={"tone": "cold", "name": {"type": "string"}, "come": 2})
    found = [(each.name, each.type, each.old_value, each.value) for each in compare(old, new).variables]
    assert found == [
        ("come", "added", None, {"default": 2}),
        ("gone", "removed", {"default": 1}, None),
        ("tone", "modified", {"default": "warm"}, {"default": "cold"}),
    ]


def test_config_is_compared_value_by_value_each_under_its_pointer() -> None:
    old = text("x", config={"temperature": 0.2, "response": {"type": "json", "a/b": 1}, "stop": ["a"], "n": 1})
    new = text("x", config={"temperature": 0.7, "response": {"type": "json", "a/b": 2}, "stop": ["a", "b"], "n": True})
    found = {each.name: (each.type, each.old_value, each.value) for each in compare(old, new).config}
    assert found == {
        "/temperature": ("modified", 0.2, 0.7),
        "/response/a~1b": ("modified", 1, 2),
        "/stop": ("modified", ["a"], ["a", "b"]),
        "/n": ("modified", 1, True),
    }


def test_the_order_of_keys_is_no_difference() -> None:
    found = compare(
        text("x", config={"a": 1, "b": {"c": 2, "d": 3}}), text("x", config={"b": {"d": 3, "c": 2}, "a": 1})
    )
    assert found.config == ()


@pytest.mark.parametrize(("value", "expected"), [({}, []), ({"a": {}}, [("/a", {})]), ({"": 1}, [("/", 1)])])
def test_an_empty_object_inside_is_a_value(value: dict[str, Any], expected: list[tuple[str, Any]]) -> None:
    assert [leaf for leaf in leaves(value) if leaf != ("", {})] == expected
