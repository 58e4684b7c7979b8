"""Two people's changes of one text, chat or object: what is merged, what conflicts, and that nothing gets lost."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.content import Messages, content_of
from prompts.merge import Clean, Hunk, MappingConflict, Merge, merge, merge_mappings, merge_messages, unresolved
from tests.prompts import hard_texts

Made = TypeVar("Made")

#: How far a search has come in the merged text, base, theirs and mine; and who was the last to change something.
State = tuple[int, int, int, int, str]

#: What may have become of a line: whose doing it is, whether the result has it, and whether each of the texts has.
WAYS = [
    ("all", 1, (1, 1, 1)),
    ("theirs", 1, (0, 1, 0)),
    ("mine", 1, (0, 0, 1)),
    ("both", 1, (0, 1, 1)),
    ("theirs", 0, (1, 0, 1)),
    ("mine", 0, (1, 1, 0)),
    ("both", 0, (1, 0, 0)),
]

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "merge_cases.yaml").read_text())


# ----------------------------------------------------------------------------- by hand
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_merge_by_hand_is_met_to_the_letter(case: dict[str, Any]) -> None:
    merged = merge(case["base"], case["theirs"], case["mine"])
    assert merged.text == case["text"]
    assert merged.hunks == [Hunk(**hunk) for hunk in case["hunks"]]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_merge_by_hand_is_the_same_from_the_other_side(case: dict[str, Any]) -> None:
    merged = merge(case["base"], case["mine"], case["theirs"])
    assert [(hunk.start_line, hunk.base, hunk.mine, hunk.theirs) for hunk in merged.hunks] == [
        (hunk["start_line"], hunk["base"], hunk["theirs"], hunk["mine"]) for hunk in case["hunks"]
    ]
    assert merged.text == case["text"] or case["hunks"]


def test_there_are_forty_merges_by_hand_clean_and_in_conflict() -> None:
    in_conflict = [case["id"] for case in CASES if case["hunks"]]
    assert len({case["id"] for case in CASES}) == len(CASES) >= 40
    assert 15 <= len(in_conflict) <= len(CASES) - 15


# ----------------------------------------------------------------------------- what always holds
def lines(text: str) -> list[str]:
    """The lines with their line ends, as they stand."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def read(merged: Merge) -> Iterator[Clean | Hunk]:
    """The pieces of a merge, read from its text and the length of its markers alone."""
    length = merged.marker_length
    opening, middle, parting, closing = (
        f"{'<' * length} theirs",
        f"{'|' * length} base",
        "=" * length,
        f"{'>' * length} mine",
    )
    after = {opening: "", middle: opening, parting: middle, closing: parting}
    parts: dict[str, list[str]] = {"": []}
    place, start = "", 0
    for number, line in enumerate(lines(merged.text), start=1):
        mark = line.removesuffix("\n")
        if mark not in after:
            parts[place].append(line)
            continue
        assert place == after[mark], "a marker out of its order"
        if mark == opening:
            start = number
            yield from clean(parts[""])
        if mark == closing:
            yield Hunk(start, *("".join(parts[each]) for each in (middle, opening, parting)))
        place = "" if mark == closing else mark
        parts[place] = []
    assert place == "", "a conflict without its end"
    yield from clean(parts[""])


def clean(found: list[str]) -> Iterator[Clean]:
    if found:
        yield Clean("".join(found))


def onwards(step: str | Hunk | None, texts: tuple[list[str], ...], at: State) -> Iterator[State]:
    """How far a search can come with the next step of the merged text: a line, a conflict, or nothing more."""
    place, *indexes, last = at
    if isinstance(step, Hunk) and last == "all":
        parts = lines(step.base), lines(step.theirs), lines(step.mine)
        ends = [index + len(part) for index, part in zip(indexes, parts, strict=True)]
        if parts == tuple(text[start:end] for text, start, end in zip(texts, indexes, ends, strict=True)):
            yield place + 1, ends[0], ends[1], ends[2], "conflict"
    for who, writes, takes in WAYS:
        if who != "all" and last not in ("all", who):
            continue
        taken = [text[index : index + 1] for text, index, one in zip(texts, indexes, takes, strict=True) if one]
        if taken[0] and all(each == ([step] if writes else taken[0]) for each in taken):
            x, y, z = (index + one for index, one in zip(indexes, takes, strict=True))
            yield place + writes, x, y, z, who


def accounts_for(merged: Merge, texts: tuple[list[str], ...]) -> bool:
    """Whether each line of all three texts is, in order, where it has a right to be; found by trying every way.

    A line was kept by all; or one side, or both alike, added it or took it away; or it is in a conflict. After a
    change or a conflict stands a line that all kept, before anybody else's change and before the next conflict.
    """
    script: list[str | Hunk | None] = []
    for piece in read(merged):
        script += [piece] if isinstance(piece, Hunk) else lines(piece.text)
    reached: set[State] = {(0, 0, 0, 0, "all")}
    waiting = reached
    while waiting:
        waiting = {to for at in waiting for to in onwards([*script, None][at[0]], texts, at)} - reached
        reached |= waiting
    return any(at[:4] == (len(script), *map(len, texts)) for at in reached)


def a_change_on_one_side_is_taken_as_it_is(base: str, theirs: str, mine: str) -> None:
    for side in (theirs, mine):
        for merged in (merge(base, side, base), merge(base, base, side), merge(base, side, side)):
            assert (merged.text, merged.is_clean) == (side, True)


def both_sides_are_treated_alike(base: str, theirs: str, mine: str) -> None:
    merged, turned = merge(base, theirs, mine), merge(base, mine, theirs)
    assert turned.text == merged.text or not merged.is_clean
    assert [Hunk(each.start_line, each.base, each.mine, each.theirs) for each in turned.hunks] == merged.hunks
    assert (turned.resolved("mine"), turned.resolved("theirs")) == (merged.resolved("theirs"), merged.resolved("mine"))


def no_line_is_missing_and_none_is_interleaved(base: str, theirs: str, mine: str) -> None:
    ended = [re.sub(r"(?<=[^\n])\Z", "\n", text.replace("\r", "")) for text in (base, theirs, mine)]
    assert accounts_for(merge(*ended), tuple(map(lines, ended)))


def the_markup_says_what_is_clean_and_what_is_whose(base: str, theirs: str, mine: str) -> None:
    merged = merge(base, theirs, mine)
    assert tuple(read(merged)) == merged.pieces
    openings = {hunk.start_line for hunk in merged.hunks}
    assert openings <= set(unresolved(merged.text))
    assert merged.is_clean == (merged.text == merged.resolved("mine") == merged.resolved("theirs"))


def every_line_end_is_one_that_somebody_wrote(base: str, theirs: str, mine: str) -> None:
    merged = merge(base, theirs, mine)
    known = {line for text in (base, theirs, mine) for line in lines(text)}
    known |= {f"{line}{end}" for line in known if not line.endswith("\n") for end in ("\n", "\r\n")}
    for resolved in (merged.resolved("theirs"), merged.resolved("mine")):
        *ended, last = lines(resolved) or [""]
        assert set(ended) <= known
        assert {last, f"{last}\n", f"{last}\r\n"} & known or not last


def the_last_line_ends_as_the_side_wants_that_changed_it(base: str, theirs: str, mine: str) -> None:
    merged = merge(base, theirs, mine)
    was = base.endswith("\n")
    is_changed = any(side and side.endswith("\n") != was for side in (theirs, mine))
    for text in (merged.text, merged.resolved("theirs"), merged.resolved("mine"), merged.resolved("base")):
        last = lines(text)[-1:]
        assert last in ([], ["\n"], ["\r\n"]) or last[0].endswith("\n") == (was != is_changed)


PROPERTIES = [
    a_change_on_one_side_is_taken_as_it_is,
    both_sides_are_treated_alike,
    no_line_is_missing_and_none_is_interleaved,
    the_markup_says_what_is_clean_and_what_is_whose,
    every_line_end_is_one_that_somebody_wrote,
    the_last_line_ends_as_the_side_wants_that_changed_it,
]
ALPHABETS = [
    ["a", "b"],
    ["a", "b", "c", ""],
    [*"abcdefghijklmno"],
    ["a", "", "\r", "a\r", "=======", "<<<<<<< theirs", "||||||| base", ">>>>>>> mine", "======== ", "<<<<<<<< theirs"],
]


@st.composite
def triples(draw: st.DrawFn) -> tuple[str, str, str]:
    """A text and what two people made of it, in few lines that are often the same."""
    line = st.sampled_from(draw(st.sampled_from(ALPHABETS)))
    base = draw(st.lists(line, max_size=8))
    end = st.sampled_from(["\n", "\n", "\n", "\r\n"])

    def text(found: list[str]) -> str:
        feed, is_ended = draw(end), draw(st.booleans())
        return feed.join(found) + (feed if found and is_ended else "")

    def edited() -> list[str]:
        found = list(base)
        for _ in range(draw(st.integers(0, 3))):
            start = draw(st.integers(0, len(found)))
            found[start : start + draw(st.integers(0, 2))] = draw(st.lists(line, max_size=2))
        return found

    return text(base), text(edited()), text(edited())


@pytest.mark.parametrize("holds", PROPERTIES, ids=[holds.__name__ for holds in PROPERTIES])
@settings(deadline=None, max_examples=150)
@given(triples())
def test_of_any_three_texts(holds: Callable[[str, str, str], None], texts: tuple[str, str, str]) -> None:
    holds(*texts)


@pytest.mark.long
@settings(deadline=None, max_examples=1_000)
@given(triples())
def test_of_a_thousand_times_three_texts(texts: tuple[str, str, str]) -> None:
    for holds in PROPERTIES:
        holds(*texts)


# ----------------------------------------------------------------------------- what must come of it
#: How many lines are kept, then taken away, then written by each side; and who does so, both alike or each its own.
EDIT = st.tuples(
    st.integers(1, 2),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["theirs", "mine", "both", "each"]),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(EDIT, max_size=6))
def test_edits_with_an_unchanged_line_between_them_are_all_taken_and_two_of_one_place_conflict(
    plan: list[tuple[int, int, int, int, str]],
) -> None:
    numbers = count()
    base, theirs, mine, expected = "", "", "", ""
    hunks: list[Hunk] = []
    for *heights, who in [*plan, (1, 0, 0, 0, "both")]:
        kept, gone, first, second = (
            "".join(f"line {next(numbers)}\n" for _ in range(int(height))) for height in heights
        )
        other = gone if who == "mine" else first
        own = {"theirs": gone, "both": first}.get(str(who), second)
        base, theirs, mine, expected = base + kept + gone, theirs + kept + other, mine + kept + own, expected + kept
        if gone in (other, own) or other == own:
            expected += own if other == gone else other
            continue
        hunks.append(Hunk(expected.count("\n") + 1, gone, other, own))
        expected += f"<<<<<<< theirs\n{other}||||||| base\n{gone}=======\n{own}>>>>>>> mine\n"
    merged = merge(base, theirs, mine)
    assert (merged.text, merged.hunks) == (expected, hunks)
    if not hunks:
        assert {merge(base, expected, side).text for side in (base, theirs, mine, expected)} == {expected}


# ----------------------------------------------------------------------------- texts made to be slow
HARD = hard_texts.pairs()


def triple(name: str, size: int = hard_texts.LENGTH) -> tuple[str, str, str]:
    """Both texts of a pair as sides, and as their base the second half of one and the first half of the other."""
    theirs, mine = hard_texts.pairs(size)[name]
    return mine[len(mine) // 2 :] + theirs[: len(theirs) // 2], theirs, mine


def done_within(limit: float, work: Callable[[], Made]) -> Made:
    """What comes of it; the processor takes fewer seconds than the limit, in the better of two tries."""
    for _ in range(2):
        started = time.process_time()
        made = work()
        taken = time.process_time() - started
        if taken < limit:
            break
    assert taken < limit
    return made


def nothing_new_is_missing(texts: tuple[str, str, str], merged: Merge) -> None:
    """Each line that a side has and the base has not is there as often, if that side is taken in conflicts."""
    for text, resolved in ((texts[1], merged.resolved("theirs")), (texts[2], merged.resolved("mine"))):
        new, found = Counter(text.split("\n")), Counter(resolved.split("\n"))
        for line in set(texts[0].split("\n")):
            new.pop(line, None)
        assert new <= found


@pytest.mark.parametrize("name", ["two kinds of lines", "empty lines", "lines in reverse"])
def test_texts_made_to_be_slow_are_merged_at_once_and_no_worse_than_others(name: str) -> None:
    texts = triple(name)
    nothing_new_is_missing(texts, done_within(1, lambda: merge(*texts)))
    both_sides_are_treated_alike(*texts)


def is_merged_at_once_whichever_is_the_base(name: str, *, size: int, within: float) -> None:
    base, theirs, mine = triple(name, size)
    for texts in ((base, theirs, mine), (theirs, mine, base), (mine, theirs, theirs[::-1])):
        merged = done_within(within, lambda: merge(*texts))  # noqa: B023 - called at once
        nothing_new_is_missing(texts, merged)


@pytest.mark.full
@pytest.mark.parametrize("name", HARD)
def test_whatever_text_is_made_to_be_slow_is_merged_at_once(name: str) -> None:
    """A quarter of the text: what is spent on a search is bounded by a number, and so as good as the same for less."""
    is_merged_at_once_whichever_is_the_base(name, size=hard_texts.LENGTH // 4, within=1)


@pytest.mark.long
@pytest.mark.parametrize("name", HARD)
def test_whatever_text_of_100_kb_is_made_to_be_slow_is_merged_at_once(name: str) -> None:
    is_merged_at_once_whichever_is_the_base(name, size=hard_texts.LENGTH, within=1)


def test_a_line_for_every_length_of_marker_leaves_one_for_the_merge() -> None:
    base, theirs, mine = ("".join(f"{sign * length}\n" for length in range(7, 200)) for sign in "<=>")
    merged = merge(base, theirs, mine)
    assert merged.marker_length == 200
    assert tuple(read(merged)) == merged.pieces


# ----------------------------------------------------------------------------- what is left to resolve
def test_a_conflict_is_unresolved_until_its_markers_are_gone() -> None:
    merged = merge("One\nTwo\nThree\n", "one\nTwo\nthree\n", "ONE\nTwo\nTHREE\n")
    assert unresolved(merged.text) == [hunk.start_line for hunk in merged.hunks] == [1, 9]
    assert unresolved(merged.text.replace("\n", "\r\n")) == [1, 9]
    assert unresolved(merged.resolved("mine")) == []


@pytest.mark.parametrize(
    "text",
    [
        "Summary\n=======\n",
        "<<<<<<< theirs\n",
        "<<<<<<< ours\na\n=======\nb\n>>>>>>> mine\n",
        ">>>>>>> mine\n<<<<<<< theirs",
    ],
    ids=["a heading", "an opening alone", "of another program", "in the wrong order"],
)
def test_what_no_merge_has_marked_up_is_not_unresolved(text: str) -> None:
    assert unresolved(text) == []


# ----------------------------------------------------------------------------- objects
@pytest.mark.parametrize(
    ("base", "theirs", "mine", "merged"),
    [
        ({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1}, {"a": 3}, {"a": 3}),
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 1}, {"b": 1}),
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}),
        ({"a": 1}, {}, {}, {}),
        ({}, {"a": 1}, {"b": 1}, {"a": 1, "b": 1}),
        ({}, {"a": [1, {"x": None}]}, {"a": [1.0, {"x": None}]}, {"a": [1, {"x": None}]}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, {"a": {"x": 3, "y": 2}}, {"a": {"x": 3, "y": 2}}),
        ({"a": None}, {}, {"a": None}, {}),
    ],
    ids=[
        *("theirs", "mine", "the same change", "deleted by one", "apart", "deleted by both", "added apart"),
        *("added alike", "order of names is no change", "null is a value"),
    ],
)
def test_names_changed_by_one_side_or_by_both_alike_are_merged(
    base: dict[str, Any], theirs: dict[str, Any], mine: dict[str, Any], merged: dict[str, Any]
) -> None:
    assert merge_mappings(base, theirs, mine) == (merged, [])
    assert merge_mappings(base, mine, theirs) == (merged, [])


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "conflict"),
    [
        ({"a": 1}, {"a": 2}, {"a": 3}, MappingConflict("/a", "1", "2", "3")),
        ({"a": 1}, {}, {"a": 3}, MappingConflict("/a", "1", None, "3")),
        ({"a": 1}, {"a": 2}, {}, MappingConflict("/a", "1", "2", None)),
        ({}, {"a": 1}, {"a": True}, MappingConflict("/a", None, "1", "true")),
        ({}, {"a": "1"}, {"a": 1}, MappingConflict("/a", None, '"1"', "1")),
        ({}, {"a": 0}, {"a": False}, MappingConflict("/a", None, "0", "false")),
        ({"a": 1}, {"a": None}, {}, MappingConflict("/a", "1", "null", None)),
        ({}, {"~/x": {"b": 1, "a": []}}, {"~/x": {}}, MappingConflict("/~0~1x", None, '{"a":[],"b":1}', "{}")),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 2, "y": 1}}, {"a": {"x": 1, "y": 2}},
         MappingConflict("/a", '{"x":1,"y":1}', '{"x":2,"y":1}', '{"x":1,"y":2}')),
    ],
    ids=[
        *("edited", "they delete what I edit", "I delete what they edit", "a number and true", "text and number"),
        *("zero and false", "null is not deleted", "a name that a pointer escapes", "only whole values are merged"),
    ],
)  # fmt: skip
def test_a_name_changed_by_both_sides_differently_is_a_conflict_and_mine_stands(
    base: dict[str, Any], theirs: dict[str, Any], mine: dict[str, Any], conflict: MappingConflict
) -> None:
    assert merge_mappings(base, theirs, mine) == (mine, [conflict])


def test_other_names_are_merged_beside_a_conflict() -> None:
    merged, conflicts = merge_mappings({"a": 1, "b": 1}, {"a": 2, "b": 2, "c": 1}, {"a": 3, "b": 1})
    assert merged == {"a": 3, "b": 2, "c": 1}
    assert [conflict.pointer for conflict in conflicts] == ["/a"]


# ----------------------------------------------------------------------------- chats
def said(role: str, *content: str) -> dict[str, str]:
    return {"role": role, "content": "\n".join(content)}


SYSTEM = said("system", "You are a tutor.", "Be patient.", "Use simple words.")
QUESTION, ANSWER = said("user", "What is a prime?"), said("assistant", "A number with two divisors.")
HISTORY = {"placeholder": "history"}
BASE = [SYSTEM, QUESTION, ANSWER, HISTORY]


def test_messages_next_to_each_other_are_edited_apart() -> None:
    stricter, shorter = said("system", "You are a strict tutor."), said("user", "What is a prime number?")
    merged = merge_messages(BASE, [stricter, QUESTION, ANSWER, HISTORY], [SYSTEM, shorter, ANSWER, HISTORY])
    assert merged == ([stricter, shorter, ANSWER, HISTORY], [])


def test_a_message_added_behind_an_edited_one_is_taken() -> None:
    question, example = said("user", "What is a prime number?"), said("user", "Is 7 one?")
    merged = merge_messages(BASE, [SYSTEM, question, ANSWER, HISTORY], [SYSTEM, QUESTION, example, ANSWER, HISTORY])
    assert merged == ([SYSTEM, question, example, ANSWER, HISTORY], [])


def test_one_message_edited_by_both_is_merged_line_by_line() -> None:
    theirs = said("system", "You are a strict tutor.", "Be patient.", "Use simple words.")
    mine = said("system", "You are a tutor.", "Be patient.", "Use simple words and short sentences.")
    both = said("system", "You are a strict tutor.", "Be patient.", "Use simple words and short sentences.")
    assert merge_messages(BASE, [theirs, *BASE[1:]], [mine, *BASE[1:]]) == ([both, *BASE[1:]], [])


def test_a_line_of_a_message_that_both_edited_is_marked_up_in_its_content() -> None:
    theirs = [SYSTEM, said("user", "What is a prime number?"), ANSWER]
    mine = [HISTORY, SYSTEM, said("user", "What is a twin prime?"), ANSWER]
    merged, (conflict,) = merge_messages([SYSTEM, QUESTION, ANSWER], theirs, mine)
    content = merge(QUESTION["content"], theirs[1]["content"], mine[2]["content"])
    assert merged == [HISTORY, SYSTEM, said("user", content.text), ANSWER]
    assert (conflict.message, [conflict.hunk]) == (2, content.hunks)


@pytest.mark.parametrize("is_first", [True, False], ids=["before it", "behind it"])
def test_an_edited_message_is_known_by_its_words_beside_a_new_one_of_the_same_role(is_first: bool) -> None:
    edited, new = said("user", "What is a prime number?"), said("user", "Tell me about sums.")
    theirs = [new, edited] if is_first else [edited, new]
    merged, conflicts = merge_messages([QUESTION], theirs, [said("user", "What is a prime?", "Be brief.")])
    assert new in merged
    assert [(conflict.message, conflict.hunk.theirs) for conflict in conflicts] == [
        (merged.index(new) + 1 if is_first else 0, "What is a prime number?\n")
    ]


def test_whole_messages_in_conflict_stand_between_messages_that_are_markers() -> None:
    theirs, mine = said("user", "Is 7 a prime?"), said("assistant", "Ask me anything.")
    merged, (conflict,) = merge_messages(BASE, [*BASE, theirs], [*BASE, mine])
    markers = [said("system", mark) for mark in ("<<<<<<< theirs", "||||||| base", "=======", ">>>>>>> mine")]
    assert merged == [*BASE, markers[0], theirs, markers[1], markers[2], mine, markers[3]]
    assert conflict.message == 4
    assert conflict.hunk == Hunk(
        1, "", '{"content":"Is 7 a prime?","role":"user"}\n', '{"content":"Ask me anything.","role":"assistant"}\n'
    )


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ([SYSTEM], [SYSTEM, said("user", "What is a prime number?")]),
        ([SYSTEM, said("assistant", "What is a prime?")], [SYSTEM, said("user", "What is a prime number?")]),
        ([SYSTEM, HISTORY], [SYSTEM, QUESTION, HISTORY, ANSWER]),
        ([SYSTEM, HISTORY], [SYSTEM, {"placeholder": "earlier"}]),
    ],
    ids=["deleted and edited", "another role and other words", "replaced and added", "two placeholders"],
)
def test_messages_that_are_not_one_message_edited_conflict_as_a_whole(theirs: Messages, mine: Messages) -> None:
    merged, conflicts = merge_messages([SYSTEM, QUESTION], theirs, mine)
    assert [conflict.message for conflict in conflicts] == [1]
    assert [message for message in [QUESTION, *theirs, *mine] if message not in merged] == []
    assert unresolved("\n".join(message.get("content", "") for message in merged)) == [4]


def test_the_markers_of_a_chat_are_longer_than_what_any_message_holds() -> None:
    base = [said("user", "<<<<<<< theirs"), said("user", "a")]
    merged, _ = merge_messages(base, [base[0], said("user", "b")], [base[0], said("user", "c")])
    assert merged[1]["content"].startswith("<<<<<<<< theirs\nb\n")


CONTENTS = ["", "a", "b", "c\nd", "a\nx\nb", "a\ny\nb", "a\ny\nb\nc\nd", "=======", "c\n"]
chats = st.lists(
    st.one_of(
        st.builds(said, st.sampled_from(["system", "user", "assistant"]), st.sampled_from(CONTENTS)),
        st.builds(lambda name: {"placeholder": name}, st.sampled_from(["history", "more", "most"])),
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=300)
@given(chats, chats, chats)
def test_of_any_three_chats_comes_a_chat_that_has_every_line_of_both(
    base: Messages, theirs: Messages, mine: Messages
) -> None:
    merged, conflicts = merge_messages(base, theirs, mine)
    turned, others = merge_messages(base, mine, theirs)
    content_of("chat", merged)
    assert [conflict.message for conflict in others] == [conflict.message for conflict in conflicts]
    assert turned == merged or conflicts
    left = spoken(merged)
    assert (spoken(theirs) - spoken(base)) - left == (spoken(mine) - spoken(base)) - left == set()


@settings(deadline=None, max_examples=150)
@given(chats, chats)
def test_a_chat_that_one_side_changed_is_taken_as_it_is(base: Messages, changed: Messages) -> None:
    assert merge_messages(base, changed, base) == merge_messages(base, base, changed) == (changed, [])
    assert merge_messages(base, changed, changed) == (changed, [])


def spoken(chat: Messages) -> set[str]:
    """The lines of all messages, and the names of the placeholders."""
    return {line for message in chat for text in message.values() for line in text.split("\n") if line}


@pytest.mark.parametrize("height", [10, 70, 1_000])
@pytest.mark.parametrize("name", ["two kinds of lines", "phrases", "unique words"])
def test_chats_made_to_be_slow_are_merged_at_once(name: str, height: int) -> None:
    size = hard_texts.LENGTH // height
    texts = *HARD[name], HARD[name][0][::-1]
    base, theirs, mine = ([said("user", text[at : at + size]) for at in range(0, len(text), size)] for text in texts)
    done_within(1, lambda: merge_messages(base, theirs, mine))
