"""Which variant of a deployment a session is served: weighted rendezvous hashing (contract 6). Pure.

Each variant with a weight has a score of its own for each session, and the greatest is served. A change of weights
changes the scores of those variants alone, so sessions move only out of what lost weight or into what gained it.
`examples/assignment` says the same in twenty lines of Python and of JavaScript, with vectors.
"""

import random
from collections.abc import Iterable
from hashlib import sha256
from itertools import accumulate
from math import log
from typing import Final, NamedTuple

#: How many points there are; a point and a half is still an exact double.
POINTS: Final = 2**52


class Arm(NamedTuple):
    """A variant as the split sees it: its id as canonical text, and its weight of 0 or more."""

    id: str
    weight: int


class Split:
    """The arms of one deployment, made ready once; then asked for each session. Never changed, shared by threads."""

    __slots__ = ("_arms", "_until")

    def __init__(self, deployment_id: str, arms: Iterable[Arm]) -> None:
        """Arms of weight 0 are never served. ValueError where nothing is left."""
        served = sorted(arm for arm in arms if arm.weight > 0)
        if not served:
            raise ValueError("No variant has a weight above 0.")
        self._arms = [(arm, f"{deployment_id}:{arm.id}:".encode()) for arm in served]
        self._until = list(accumulate(arm.weight for arm in served))

    def of(self, session_id: str) -> Arm:
        """The arm that this session is served, today and tomorrow, in every process.

        The text is hashed as it is, in UTF-8: no case is folded, nothing is normalised or trimmed. UnicodeEncodeError
        where it holds half of a surrogate pair.
        """
        session = session_id.encode()
        return greatest([(arm, point(prefix, session)) for arm, prefix in self._arms])

    def at_random(self) -> Arm:
        """An arm for whoever has no session, by weight."""
        arms = [arm for arm, _ in self._arms]
        return random.choices(arms, cum_weights=self._until)[0]  # noqa: S311  # chance, not a secret


def point(prefix: bytes, session: bytes) -> int:
    """`h` of the contract: where a session lies for the arm of this prefix, from 0 to 2^52 - 1."""
    return int.from_bytes(sha256(prefix + session).digest()[:8], "big") >> 12


def greatest(points: Iterable[tuple[Arm, int]]) -> Arm:
    """The arm with the greatest score; of equal ones the first, which is the smaller id where they come in order."""
    return max(points, key=_score)[0]


def _score(pointed: tuple[Arm, int]) -> float:
    """`-weight / ln(u)` with `u = (h + 0.5) / 2^52`, an exact double above 0 and below 1."""
    (_, weight), h = pointed
    return -weight / log((h + 0.5) / POINTS)
