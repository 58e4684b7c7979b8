"""Which variant a session is served: one answer in three implementations, shares as the weights, few moves."""

import json
import math
import os
import random
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deployments.assignment import POINTS, Arm, Split, greatest, point
from tests.contract.test_examples import NODE
from tests.deployments.reference import FOLDER, loaded
from tests.live import ROOT

COMMANDS = {
    "python": [sys.executable, "-I", str(FOLDER / "assign.py")],
    "javascript": [NODE, str(FOLDER / "assign.mjs")],
}
in_each_language = pytest.mark.parametrize("language", COMMANDS)
VECTORS: list[dict[str, Any]] = json.loads((FOLDER / "vectors.json").read_text())["vectors"]

DEPLOYMENT = "01a0cbf0-1506-751c-bce2-cbff80a4df5a"
#: In the order of their ids.
IDS = [f"01a0e512-200e-7a5a-bcfd-2492dc28ff9{number}" for number in range(5)]
#: How many sessions the shares are counted over, and how far they may be off, in points, with a million.
SESSIONS = pytest.mark.parametrize(
    "sessions", [pytest.param(100_000, id="100,000"), pytest.param(1_000_000, id="a million", marks=pytest.mark.long)]
)


def split(*weights: int, deployment: str = DEPLOYMENT) -> Split:
    return Split(deployment, map(Arm, IDS, weights))


def services(of: Split, sessions: int) -> list[str]:
    """Which id each session is served."""
    return [of.of(f"session-{number}").id for number in range(sessions)]


def points_off(million: float, sessions: int) -> float:
    """The same certainty with fewer sessions: chance falls with the root of their number."""
    return million * math.sqrt(1_000_000 / sessions)


def share_that_moves(before: Sequence[int], after: Sequence[int]) -> float:
    """In percent: all but those whose variant wins both times, where scores are weights over exponential variables."""

    def stays(arm: int) -> float:
        rivals = zip(before, after, strict=True)
        return 1 / sum(max(old / before[arm], new / after[arm]) for old, new in rivals)

    return 100 * (1 - sum(stays(arm) for arm in range(len(before)) if before[arm] and after[arm]))


# ----------------------------------------------------------------------------- one answer
def check(language: str, path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMANDS[language], str(path)], capture_output=True, text=True, check=False, timeout=120)


def vector(deployment: str, arms: Sequence[Arm], session: str) -> dict[str, Any]:
    """What the server says, in the shape of the published vectors."""
    variants = [
        {"id": arm.id, "weight": arm.weight, "h": point(f"{deployment}:{arm.id}:".encode(), session.encode())}
        for arm in arms
    ]
    served = Split(deployment, arms).of(session).id
    return {"deploymentId": deployment, "variants": variants, "sessionId": session, "served": served}


def any_vector(chance: random.Random) -> dict[str, Any]:
    ids = [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(chance.randint(2, 6))]
    weights = [chance.choice([0, 1, 50, 100, chance.randint(0, 100)]) for _ in ids]
    weights[chance.randrange(len(ids))] = chance.randint(1, 100)
    alphabet = chance.choice(
        ["abc-0189", "äöüßéЖ中日本語", "😀🇨🇭👩\u200d👧", "e\u0301\u0308 :\n\t\x7f", "\ufeff\uffff\U0010ffff"]
    )
    session = "".join(chance.choices(alphabet, k=chance.randint(1, 60)))
    return vector(str(uuid.UUID(int=chance.getrandbits(128))), list(map(Arm, ids, weights)), session)


def test_the_server_answers_every_published_vector() -> None:
    assert len(VECTORS) >= 200
    for published in VECTORS:
        arms = [Arm(each["id"], each["weight"]) for each in published["variants"]]
        assert vector(published["deploymentId"], arms, published["sessionId"]) == published


def test_the_published_answers_hold_with_logarithms_of_fifty_digits() -> None:
    def score(variant: dict[str, Any]) -> Decimal:
        weight: int = variant["weight"]
        return -weight / (Decimal(2 * variant["h"] + 1) / (2 * POINTS)).ln()

    with localcontext() as context:
        context.prec = 50
        for published in VECTORS:
            first, second = sorted(published["variants"], key=score, reverse=True)[:2]
            assert first["id"] == published["served"]
            assert score(first) > score(second) * (1 + Decimal("1e-12"))


@in_each_language
def test_each_reference_answers_every_published_vector(language: str) -> None:
    done = check(language, FOLDER / "vectors.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{len(VECTORS)} vectors agree\n", "")
    assert done.stdout in (FOLDER / "README.md").read_text()


@in_each_language
@pytest.mark.parametrize(
    "cases", [pytest.param(5_000, id="5,000"), pytest.param(20_000, id="20,000", marks=pytest.mark.long)]
)
def test_each_reference_answers_as_the_server_does(language: str, cases: int, tmp_path: Path) -> None:
    chance = random.Random(cases)
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps({"vectors": [any_vector(chance) for _ in range(cases)]}))
    done = check(language, path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{cases} vectors agree\n", "")


@in_each_language
@pytest.mark.parametrize("wrong", ["a point", "an answer"])
def test_each_reference_says_which_vector_differs(language: str, wrong: str, tmp_path: Path) -> None:
    vectors = json.loads(json.dumps(VECTORS[:5]))
    variants = vectors[3]["variants"]
    if wrong == "a point":
        variants[0]["h"] ^= 1
    else:
        vectors[3]["served"] = next(each["id"] for each in variants if each["id"] != vectors[3]["served"])
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps({"vectors": vectors}))
    done = check(language, path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("vector 3 differs: ")


# ----------------------------------------------------------------------------- the rule
#: Points of two variants with their weights, and which is served.
DUELS = {
    "the greater point": ((50, 8), (50, 9), 1),
    "the same point": ((50, 7), (50, 7), 0),
    "the same point, more weight": ((49, 7), (51, 7), 1),
    "the least and the greatest point": ((99, 0), (1, POINTS - 1), 1),
    "the two greatest points": ((50, POINTS - 1), (50, POINTS - 2), 0),
    "the two least points": ((50, 0), (50, 1), 1),
    "a half is added to a point, not nothing": ((52, 0), (48, 1), 0),
    "a half is added to a point, not one": ((41, 0), (40, 1), 1),
    "weight 0": ((0, POINTS - 1), (100, 0), 1),
}
each_duel = pytest.mark.parametrize(("one", "two", "served"), DUELS.values(), ids=DUELS)


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return loaded()


@each_duel
def test_the_greatest_score_is_served_and_of_equal_ones_the_smaller_id(
    one: tuple[int, int], two: tuple[int, int], served: int
) -> None:
    pointed = [(Arm(name, weight), h) for name, (weight, h) in zip(IDS, (one, two), strict=False) if weight]
    assert greatest(pointed).id == IDS[served]


@each_duel
def test_the_python_reference_has_the_same_rule(
    one: tuple[int, int], two: tuple[int, int], served: int, reference: ModuleType
) -> None:
    later, sooner = IDS[1], IDS[0]
    weights, points = {later: two[0], sooner: one[0]}, {later: two[1], sooner: one[1]}
    assert reference.served(weights, points) == IDS[served]


def test_the_javascript_reference_has_the_same_rule() -> None:
    program = f"""
        import {{ served }} from {json.dumps((FOLDER / "assign.mjs").as_uri())};
        const duels = {json.dumps([[one, two] for one, two, _ in DUELS.values()])};
        const found = duels.map(([[w0, h0], [w1, h1]]) => served({{ b: w1, a: w0 }}, (id) => (id === "a" ? h0 : h1)));
        console.log(found.join(" "));
    """
    told = subprocess.run([NODE, "--input-type=module", "-e", program], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["ab"[served] for *_, served in DUELS.values()]


def test_equal_scores_are_served_in_the_order_of_the_ids_however_the_arms_come() -> None:
    arms = list(map(Arm, IDS, [20] * 5))
    assert [arm for arm, _ in Split(DEPLOYMENT, reversed(arms))._arms] == arms


def test_where_no_variant_has_a_weight_there_is_no_split() -> None:
    with pytest.raises(ValueError, match="No variant has a weight above 0"):
        split(0, 0)


def test_a_session_is_hashed_as_it_is() -> None:
    alike = ["é", "e\u0301", "É", " é", "é ", "%C3%A9"]
    assert len({point(b"", session.encode()) for session in alike}) == len(alike)
    assert len({tuple(split(50, 50).of(f"{session}{number}").id for number in range(40)) for session in alike}) == 6


# ----------------------------------------------------------------------------- what follows from it
sessions_of_any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
arms_of_any_weight = st.lists(st.integers(0, 100), min_size=2, max_size=5).filter(any)


@given(arms_of_any_weight, sessions_of_any_text, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=200)
def test_the_order_of_the_variants_does_not_matter(weights: list[int], session: str, chance: random.Random) -> None:
    arms = list(map(Arm, IDS, weights))
    shuffled = chance.sample(arms, len(arms))
    assert Split(DEPLOYMENT, arms).of(session) == Split(DEPLOYMENT, shuffled).of(session)


@given(arms_of_any_weight, sessions_of_any_text)
@settings(deadline=None, max_examples=200)
def test_a_variant_without_weight_is_never_served(weights: list[int], session: str) -> None:
    of = split(*weights)
    assert of.of(session).weight > 0
    assert of.at_random().weight > 0


@given(arms_of_any_weight, st.integers(0, 4), st.integers(1, 100), sessions_of_any_text)
@settings(deadline=None, max_examples=400)
def test_more_weight_for_one_variant_moves_sessions_only_to_it(
    weights: list[int], which: int, more: int, session: str
) -> None:
    which %= len(weights)
    heavier = [weight + more * (arm == which) for arm, weight in enumerate(weights)]
    before, after = split(*weights).of(session).id, split(*heavier).of(session).id
    assert after in (before, IDS[which])


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=2, max_size=5), sessions_of_any_text)
@settings(deadline=None, max_examples=400)
def test_a_session_moves_only_to_a_variant_that_grew_by_a_greater_factor(
    changes: list[tuple[int, int]], session: str
) -> None:
    before, after = zip(*changes, strict=True)
    assume(any(before) and any(after))
    left, taken = (IDS.index(split(*weights).of(session).id) for weights in (before, after))
    assert taken == left or after[taken] * before[left] > after[left] * before[taken]


def test_another_process_answers_the_same() -> None:
    program = (
        "from deployments.assignment import Arm, Split\n"
        f"split = Split({DEPLOYMENT!r}, map(Arm, {IDS!r}, [20, 20, 20, 20, 20]))\n"
        "print(*[split.of(f'session-{number}').id for number in range(500)])"
    )
    expected = services(split(20, 20, 20, 20, 20), 500)
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        told = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert told.stdout.split() == expected


# ----------------------------------------------------------------------------- over many sessions
@SESSIONS
@pytest.mark.parametrize(
    "weights",
    [(50, 50), (90, 10), (99, 1), (100, 0), (33, 33, 34), (0, 30, 70), (5, 10, 15, 20, 50)],
    ids=lambda weights: "/".join(map(str, weights)),
)
def test_each_variants_share_is_its_weight(weights: tuple[int, ...], sessions: int) -> None:
    found = Counter(services(split(*weights), sessions))
    for name, weight in zip(IDS, weights, strict=False):
        assert 100 * found[name] / sessions == pytest.approx(weight, abs=points_off(0.2, sessions) if weight else 0)


def test_without_a_session_the_shares_are_the_weights_too() -> None:
    random.seed(20261122)
    of = split(10, 0, 30, 60)
    found = Counter(of.at_random().id for _ in range(100_000))
    assert [100 * found[name] / 100_000 for name in IDS] == pytest.approx(
        [10, 0, 30, 60, 0], abs=points_off(0.2, 100_000)
    )


@SESSIONS
@pytest.mark.parametrize(
    ("before", "after", "percent", "roads"),
    [
        pytest.param((90, 10), (50, 50), 40, {"01"}, id="90/10 to 50/50"),
        pytest.param((100, 0), (95, 5), 5, {"01"}, id="100/0 to 95/5"),
        pytest.param((34, 33, 33), (20, 40, 40), 14, {"01", "02"}, id="34/33/33 to 20/40/40: the least"),
        pytest.param((33, 33, 34), (20, 40, 40), 13.34, {"01", "02", "21"}, id="33/33/34 to 20/40/40: near the least"),
        pytest.param((50, 30, 20), (50, 20, 30), 14.55, {"12", "10", "02"}, id="50/30/20 to 50/20/30: above the least"),
    ],
)
def test_as_many_sessions_move_as_foretold_and_only_on_those_roads(
    before: tuple[int, ...], after: tuple[int, ...], percent: float, roads: set[str], sessions: int
) -> None:
    pairs = zip(services(split(*before), sessions), services(split(*after), sessions), strict=True)
    moved = Counter(f"{IDS.index(left)}{IDS.index(taken)}" for left, taken in pairs if left != taken)
    assert set(moved) == roads
    assert share_that_moves(before, after) == pytest.approx(percent, abs=0.005)
    assert 100 * moved.total() / sessions == pytest.approx(percent, abs=points_off(0.3, sessions))


@pytest.mark.parametrize("weights", [(50, 50), (90, 10)], ids=["50/50", "90/10"])
def test_two_deployments_of_the_same_variants_have_nothing_to_do_with_each_other(weights: tuple[int, ...]) -> None:
    """Chi-square on the table of two answers: with 10 tables it exceeds 29.59 once in a thousand times."""
    sessions = 5_000
    deployments = [services(split(*weights, deployment=f"deployment-{each}"), sessions) for each in range(5)]
    pairs = [(one, two) for number, one in enumerate(deployments) for two in deployments[:number]]
    assert len(pairs) == 10
    assert sum(chi_square(one, two) for one, two in pairs) < 29.59


def chi_square(one: Sequence[str], two: Sequence[str]) -> float:
    """Of the 2x2 table of what both serve to the same sessions; one degree of freedom."""
    seen, ones, twos = Counter(zip(one, two, strict=True)), Counter(one), Counter(two)
    expected = {(a, b): ones[a] * twos[b] / len(one) for a in ones for b in twos}
    return sum((seen[cell] - count) ** 2 / count for cell, count in expected.items())
