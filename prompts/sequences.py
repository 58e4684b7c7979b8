"""Which items of two sequences belong together, in the time a request has, whatever the sequences are. Pure.

Where little has changed the answer is the shortest edit script (Myers, "An O(ND) Difference Algorithm and Its
Variations", 1986). Where much has, items that stand once on each side hold the rest in place (patience diff).
What is left is walked greedily, in chunks, until the effort that was granted is used up; then it counts as replaced.
The same input always gets the same answer: effort is counted in steps and never in seconds.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

#: The most edits that one walk looks for before it gives up being exact.
EDITS = 200
#: How often unique items may split what others have split.
SPLITS = 8
#: Where a path has left the table; nothing goes on from there.
OUTSIDE = -1_000_000_000


@dataclass
class Effort:
    """How many steps may still be made; about four million fit into a second."""

    steps: int

    def spend(self, steps: int) -> bool:
        """Take them, and say whether there were as many."""
        self.steps -= steps
        return self.steps >= 0


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of both sequences, [start, end) on each side; `same` if the items are equal one by one."""

    same: bool
    old_start: int
    old_end: int
    new_start: int
    new_end: int


def blocks(old: Sequence[Hashable], new: Sequence[Hashable], effort: Effort) -> list[Block]:
    """Both sequences from end to end, as blocks that are the same and blocks that differ, in turn."""
    found: list[Block] = []
    x = y = 0
    for first, second, length in [*_runs(_matches(old, new, effort)), (len(old), len(new), 0)]:
        if first > x or second > y:
            found.append(Block(False, x, first, y, second))
        if length:
            found.append(Block(True, first, first + length, second, second + length))
        x, y = first + length, second + length
    return found


def _runs(matches: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Single matches joined to (start, start, length)."""
    runs: list[tuple[int, int, int]] = []
    for x, y in matches:
        if runs and runs[-1][0] + runs[-1][2] == x and runs[-1][1] + runs[-1][2] == y:
            runs[-1] = (runs[-1][0], runs[-1][1], runs[-1][2] + 1)
        else:
            runs.append((x, y, 1))
    return runs


# ----------------------------------------------------------------------------- what is equal
def _matches(old: Sequence[Hashable], new: Sequence[Hashable], effort: Effort) -> list[tuple[int, int]]:
    """Indexes of equal items, increasing on both sides."""
    numbers: dict[Hashable, int] = {}
    a = [numbers.setdefault(item, len(numbers)) for item in old]
    b = [numbers.setdefault(item, len(numbers)) for item in new]
    found: list[tuple[int, int]] = []
    waiting = [(0, len(a), 0, len(b), 0)]
    while waiting:
        x, x_end, y, y_end, depth = waiting.pop()
        while x < x_end and y < y_end and a[x] == b[y]:
            found.append((x, y))
            x, y = x + 1, y + 1
        while x < x_end and y < y_end and a[x_end - 1] == b[y_end - 1]:
            x_end, y_end = x_end - 1, y_end - 1
            found.append((x_end, y_end))
        if x == x_end or y == y_end or effort.steps <= 0:
            continue
        walked, reached = _walk(a[x:x_end], b[y:y_end], effort)
        is_exact = reached == (x_end - x, y_end - y)
        if not is_exact and depth < SPLITS and (held := _held_in_place(a, x, x_end, b, y, y_end)):
            corners = [*held, (x_end, y_end)]
            found += held
            for left, right in zip([(x - 1, y - 1), *held], corners, strict=True):
                waiting.append((left[0] + 1, right[0], left[1] + 1, right[1], depth + 1))
            continue
        found += [(x + first, y + second) for first, second in walked]
        if not is_exact:
            waiting.append((x + reached[0], x_end, y + reached[1], y_end, SPLITS))
    return sorted(found)


def _walk(a: list[int], b: list[int], effort: Effort) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """The matches on the furthest path with at most EDITS edits, and where it ends."""
    width, height = len(a), len(b)
    furthest = {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(EDITS + 1):
        if not effort.spend(edits + 1):
            break
        trail.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            x = furthest[diagonal + 1] if _goes_down(furthest, diagonal, edits) else furthest[diagonal - 1] + 1
            y = x - diagonal
            if not (0 <= x <= width and 0 <= y <= height):
                furthest[diagonal] = OUTSIDE
                continue
            while x < width and y < height and a[x] == b[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x == width and y == height:
                return _steps_back(trail, diagonal, x), (x, y)
    best = max(furthest, key=lambda diagonal: 2 * furthest[diagonal] - diagonal)
    x = max(furthest[best], 0)
    return _steps_back(trail, best, x), (x, x - best)


def _goes_down(furthest: dict[int, int], diagonal: int, edits: int) -> bool:
    """Whether a diagonal is reached from the one above it, by an added item, and not by a removed one."""
    if diagonal == -edits:
        return True
    return diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1]


def _steps_back(trail: list[dict[int, int]], diagonal: int, x: int) -> list[tuple[int, int]]:
    """The matches of a path, read from its end."""
    matches: list[tuple[int, int]] = []
    for edits in range(len(trail) - 1, -1, -1):
        before = trail[edits]
        down = _goes_down(before, diagonal, edits)
        previous = diagonal + 1 if down else diagonal - 1
        start = before[previous] if down else before[previous] + 1
        while x > start:
            x -= 1
            matches.append((x, x - diagonal))
        diagonal, x = previous, before[previous]
    return matches


def _held_in_place(a: list[int], x: int, x_end: int, b: list[int], y: int, y_end: int) -> list[tuple[int, int]]:
    """Items that stand once on either side, as many as keep their order."""
    once = {item: x + index for index, item in enumerate(a[x:x_end])}
    counts, others = Counter(a[x:x_end]), Counter(b[y:y_end])
    pairs = [
        (once[item], y + index) for index, item in enumerate(b[y:y_end]) if counts[item] == 1 and others[item] == 1
    ]
    return _longest_increasing(pairs)


def _longest_increasing(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs, in the order given, whose first parts increase."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for index, (first, _) in enumerate(pairs):
        place = bisect_left(ends, first)
        before.append(last[place - 1] if place else -1)
        ends[place : place + 1] = [first]
        last[place : place + 1] = [index]
    run: list[tuple[int, int]] = []
    index = last[-1] if last else -1
    while index >= 0:
        run.append(pairs[index])
        index = before[index]
    return run[::-1]


# ----------------------------------------------------------------------------- what is alike
def alike_in_order(
    old: Sequence[Item], new: Sequence[Item], likeness: Callable[[Item, Item], float], effort: Effort
) -> list[tuple[int, int]]:
    """Indexes of items to be read as one item changed: in order, with the greatest likeness in all.

    `likeness` is 0 for two items that have nothing to do with each other. Beyond the effort nothing is paired.
    """
    if not effort.spend(8 * len(old) * len(new)):
        return []
    width = len(new) + 1
    best = [0.0] * width
    taken: list[list[int]] = []
    for one in old:
        above, best, choice = best, [0.0] * width, [0] * width
        for column, other in enumerate(new, start=1):
            alike = likeness(one, other)
            options = (above[column], best[column - 1], above[column - 1] + alike if alike else -1.0)
            choice[column] = max(range(3), key=options.__getitem__)
            best[column] = options[choice[column]]
        taken.append(choice)
    pairs = []
    row, column = len(old), len(new)
    while row and column:
        match taken[row - 1][column]:
            case 2:
                row, column = row - 1, column - 1
                pairs.append((row, column))
            case 1:
                column -= 1
            case _:
                row -= 1
    return pairs[::-1]
