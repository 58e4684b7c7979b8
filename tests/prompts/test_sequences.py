"""Which items of two sequences belong together: exactly where little changed, within its effort always."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.sequences import Effort, alike_in_order, blocks

Items = st.lists(st.integers(0, 5), max_size=40)


def longest_common(old: list[int], new: list[int]) -> int:
    """The length of the longest common subsequence, by the table that textbooks fill."""
    above = [0] * (len(new) + 1)
    for one in old:
        row = [0]
        for column, other in enumerate(new):
            row.append(above[column] + 1 if one == other else max(above[column + 1], row[-1]))
        above = row
    return above[-1]


@settings(deadline=None, max_examples=300)
@given(Items, Items)
def test_blocks_run_from_end_to_end_and_keep_as_much_as_can_be_kept(old: list[int], new: list[int]) -> None:
    found = blocks(old, new, Effort(1_000_000))
    x = y = kept = 0
    for block in found:
        assert (block.old_start, block.new_start) == (x, y)
        x, y = block.old_end, block.new_end
        if block.same:
            assert old[block.old_start : x] == new[block.new_start : y]
            kept += x - block.old_start
    assert (x, y) == (len(old), len(new))
    assert kept == longest_common(old, new)


def test_blocks_that_are_the_same_and_blocks_that_differ_take_turns() -> None:
    found = [block.same for block in blocks("abcdef", "abXdeY", Effort(1_000))]
    assert found == [True, False, True, False]


LARGE = 30_000
NOISE = random.Random(5)
HARD = {
    "two kinds of items": ([NOISE.randint(0, 1) for _ in range(LARGE)], [NOISE.randint(0, 1) for _ in range(LARGE)]),
    "reversed": (list(range(LARGE)), list(range(LARGE, 0, -1))),
    "nothing in common": (list(range(LARGE)), list(range(LARGE, 2 * LARGE))),
    "every item twice": ([x // 2 for x in range(LARGE)], [x // 2 for x in range(LARGE, 0, -1)]),
    "one kind each": ([0] * LARGE, [1] * LARGE),
}


@pytest.mark.parametrize("name", HARD)
def test_the_effort_that_is_granted_is_not_exceeded_by_more_than_one_round(name: str) -> None:
    old, new = HARD[name]
    effort = Effort(100_000)
    found = blocks(old, new, effort)
    assert effort.steps > -1_000
    assert sum(block.old_end - block.old_start for block in found) == len(old)


def test_of_a_large_text_with_little_changed_everything_else_is_kept() -> None:
    old = list(range(LARGE))
    new = [-item if item % 1_000 == 1 else item for item in old]
    kept = sum(each.old_end - each.old_start for each in blocks(old, new, Effort(100_000)) if each.same)
    assert kept == LARGE - LARGE // 1_000


def test_items_that_are_alike_are_paired_in_order() -> None:
    def likeness(one: str, other: str) -> float:
        return len(set(one) & set(other)) / len(set(one) | set(other))

    assert alike_in_order(["abc", "xyz"], ["new", "abd", "xyw"], likeness, Effort(1_000)) == [(0, 1), (1, 2)]


def test_without_effort_nothing_is_paired() -> None:
    assert alike_in_order(["a"], ["a"], lambda _one, _other: 1.0, Effort(0)) == []
