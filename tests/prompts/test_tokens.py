"""The estimate is offline, repeatable, and soon done."""

import random
import threading
import time
from typing import Any

import pytest

from prompts.tokens import COUNTED_CHARACTERS, estimate

#: As counted by splintr's o200k_base.
RECORDED = [
    ("", 0),
    ("a", 1),
    ("hello world", 2),
    ("Hello, world!", 4),
    ("The quick brown fox jumps over the lazy dog.", 10),
    ("You are a helpful assistant.", 6),
    ("Grüße aus München", 5),
    ("Привет, мир", 4),
    ("你好,世界", 3),
    ("こんにちは世界", 2),
    ("1234567890", 4),
    ("def f(x):\n    return x + 1\n", 11),
    ('{"a": [1, 2, 3]}', 12),
    ("    ", 1),
    ("\n\n\n", 1),
    ("😀😀", 2),
    ("<|endoftext|>", 7),
    ("{{ name }} and {% if x %}y{% endif %}", 14),
    ("antidisestablishmentarianism", 6),
    ("don't you're it's", 3),
]


@pytest.mark.parametrize(("text", "tokens"), RECORDED)
def test_texts_have_the_recorded_number_of_tokens(text: Any, tokens: Any) -> None:
    assert estimate(text) == tokens


@pytest.mark.parametrize("letter", ["a", " ", "\n", "的", "😀", "!", "ab", "\u0301", "1"])
def test_a_mebibyte_is_estimated_at_once(letter: Any) -> None:
    text = (letter * 1_048_576)[:1_048_576]
    started = time.process_time()
    assert estimate(text) > 0
    assert time.process_time() - started < 1


def test_one_word_of_random_letters_is_estimated_at_once() -> None:
    word = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz", k=1_048_576))
    started = time.process_time()
    estimate(word)
    assert time.process_time() - started < 1


def test_long_texts_are_taken_to_be_like_their_beginning() -> None:
    text = "hello world " * 40_000
    assert len(text) > COUNTED_CHARACTERS
    assert abs(estimate(text) - 80_000) < 100


def test_half_of_a_surrogate_pair_is_counted_like_a_question_mark() -> None:
    assert estimate("\ud800") == estimate("?")


def test_threads_count_alike() -> None:
    found = []
    threads = [threading.Thread(target=lambda: found.append(estimate("hello world"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2] * 16
