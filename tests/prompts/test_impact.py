"""How much a change matters: the graded pairs, the reasons with their lines, and texts made to be slow."""

import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from prompts.content import Content, content_of
from prompts.diff import compare
from prompts.impact import Impact, assess
from tests.prompts import hard_texts


def pairs(name: str) -> list[dict[str, Any]]:
    """A table of pairs: before, after, and the level that a reviewer gave the change."""
    return list(yaml.safe_load((Path(__file__).parent / f"impact_{name}.yaml").read_text()))


TABLE, UNSEEN, TURNED = pairs("pairs"), pairs("unseen"), pairs("flips")


def content(side: dict[str, Any]) -> Content:
    return content_of(side["type"], side["content"], side.get("variables"), side.get("config"))


def impact(old: Content, new: Content) -> Impact:
    return assess(old, new, compare(old, new))


def between(old: str, new: str) -> Impact:
    return impact(content_of("text", old), content_of("text", new))


@pytest.mark.parametrize("pair", TABLE, ids=[pair["id"] for pair in TABLE])
def test_a_graded_pair_gets_its_level(pair: dict[str, Any]) -> None:
    found = impact(content(pair["before"]), content(pair["after"]))
    assert found.level == pair["level"], found.reasons


def test_the_table_has_eighty_pairs_of_all_levels() -> None:
    levels = [pair["level"] for pair in TABLE]
    assert len(levels) == len({pair["id"] for pair in TABLE}) == 80
    assert min(levels.count("none"), levels.count("minor"), levels.count("major")) >= 10


def test_of_pairs_that_the_rules_were_not_written_for_95_percent_get_their_level() -> None:
    wrong = [
        pair["id"] for pair in UNSEEN if impact(content(pair["before"]), content(pair["after"])).level != pair["level"]
    ]
    assert len(wrong) <= 0.05 * len(UNSEEN), wrong


@pytest.mark.parametrize("pair", TURNED, ids=[pair["id"] for pair in TURNED])
def test_a_demand_that_was_turned_round_is_major(pair: dict[str, Any]) -> None:
    assert impact(content(pair["before"]), content(pair["after"])).level == "major"


FLIPS = [
    ("Always answer politely.", "Never answer politely."),
    ("You must cite a source.", "You must not cite a source."),
    ("- Do NOT share prices", "- Do share prices"),
    ("Don't guess when you are unsure.", "Guess when you are unsure."),
    ("Answer without naming the author.", "Answer naming the author."),
    ("Refunds are allowed.", "Refunds are forbidden."),
    ("Include prices.", "Exclude prices."),
    ("Use tools only if asked.", "Use tools unless asked."),
    ("Greet the reader, and under no circumstances mention rivals.", "Greet the reader, and mention rivals."),
    ("Avoid jargon. Keep it short.", "Use jargon. Keep it short."),
    ("Always show the newest order.", "Never show the oldest order."),
    ("Du darfst nie duzen.", "Du darfst immer duzen."),
    ("Ne mentionne jamais le prix.", "Mentionne toujours le prix."),
    ("Do not:\n- use emoji\n\nDo:\n- say hello", "Do:\n- use emoji\n\nDo not:\n- say hello"),
]


@pytest.mark.parametrize(("old", "new"), [*FLIPS, *((new, old) for old, new in FLIPS)])
def test_a_flip_is_major_both_ways_and_polarity_is_among_its_reasons(old: str, new: str) -> None:
    found = between(old, new)
    assert found.level == "major"
    assert "polarity" in {reason.rule for reason in found.reasons}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Please anwser politely.", "Please answer politely."),
        ("You must never share it.", "You must not disclose it."),
        ("Do not guess if unsure.", "If unsure, don't guess."),
        ("Never fail to greet.", "Always greet."),
        ("Do not be rude.", "Be polite."),
        ("1. Be kind.\n2. Never shout.", "1. Never shout.\n2. Be kind."),
        ("Use at most 10 words.", "Use no more than ten words."),
        ("Say whether or not it fits.", "Say whether it fits."),
    ],
)
def test_other_words_for_the_same_demand_are_minor(old: str, new: str) -> None:
    assert between(old, new).level == "minor"


REASONS = {
    "polarity": ("a\nBe kind.\nAlways greet.", "a\nBe kind.\nNever greet.", 3),
    "number": ("Hello.\nUse 3 sentences.", "Hello.\nUse 10 sentences.", 2),
    "variable": ("Hi {{ name }}.", "Hi.\nYou are {{ first_name }}.", 2),
    "role": ("You are a support agent.", "You are a sales agent.", 1),
    "format": ("x\ny\nAnswer in JSON.", "x\ny\nAnswer in Markdown.", 3),
    "tool": ("Call the tool search_orders.", "Call the tool lookup_orders.", 1),
    "language": ("Answer in English.", "Answer in German.", 1),
    "scope": ("Write it for children.", "Write it for lawyers.", 1),
    "tone": ("Sound cheerful.", "Sound solemn.", 1),
    "logic": ("{% if a %}x{% endif %} a", "{% if not a %}x{% endif %} a", 1),
}


@pytest.mark.parametrize("rule", REASONS)
def test_a_reason_names_its_rule_and_the_line_of_the_new_text(rule: str) -> None:
    old, new, line = REASONS[rule]
    found = between(old, new)
    assert found.level == "major"
    assert (rule, line) in {(reason.rule, reason.line) for reason in found.reasons}


def test_what_only_the_old_text_had_has_no_line() -> None:
    (reason,) = between("Be kind.\nNever shout.", "Be kind.").reasons
    assert reason.line is None
    assert "Never shout" in reason.message


def test_a_prompt_that_lost_half_of_itself_is_another_one() -> None:
    found = between(" ".join(f"point{index}" for index in range(60)), "point1 point2")
    assert "size" in {reason.rule for reason in found.reasons}


def test_a_chat_message_with_another_role_is_major() -> None:
    messages = [{"role": "system", "content": "Be kind."}], [{"role": "user", "content": "Be kind."}]
    found = impact(*(content_of("chat", each) for each in messages))
    assert (found.level, found.reasons[0].rule) == ("major", "role")


def test_config_that_the_model_hears_is_major_and_the_rest_is_minor() -> None:
    def with_config(**config: Any) -> Content:
        return content_of("text", "x", None, config)

    assert impact(with_config(temperature=0.2), with_config(temperature=0.9)).level == "major"
    assert impact(with_config(owner="a"), with_config(owner="b")).level == "minor"


def test_the_score_is_0_for_nothing_and_grows_with_the_reasons() -> None:
    none, minor, major, worse = (
        between("Always greet. Use 3 words.", new).score
        for new in (
            "Always greet.  Use 3 words.",
            "Always greet! Use 3 words.",
            "Always greet. Use 4 words.",
            "Never greet. Use 4 words.",
        )
    )
    assert none == 0 < minor < 0.5 <= major < worse <= 1


def test_the_same_change_is_always_told_in_the_same_way() -> None:
    old, new = "Always greet. Use 3 words. Call get_user.", "Never greet. Use 4 words. Call get_order."
    assert between(old, new) == between(old, new)


def assert_no_more_steps_than_are_granted(hard: list[tuple[str, str]]) -> None:
    """Seconds are the machine's; this counts the processor's own, with much room, to catch what grows with the square.
    On a quiet core the slowest takes under one second."""
    seconds = []
    for old, new in hard:
        begun = time.process_time()
        between(old, new)
        seconds.append(time.process_time() - begun)
    assert median(seconds) < 1
    assert max(seconds) < 4


@pytest.mark.full
def test_every_fourth_of_the_hard_pairs_of_100_kb_takes_no_more_steps_than_are_granted() -> None:
    hard = list(hard_texts.pairs().values())[::4]
    assert len(hard) >= 12
    assert_no_more_steps_than_are_granted(hard)


@pytest.mark.long
def test_fifty_hard_pairs_of_100_kb_take_no_more_steps_than_are_granted() -> None:
    hard = list(hard_texts.pairs().values())
    assert len(hard) >= 50
    assert_no_more_steps_than_are_granted(hard)
