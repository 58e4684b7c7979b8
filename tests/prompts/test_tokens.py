"""The estimate is offline, repeatable, soon done, and what another program counts with the same vocabulary."""

import random
import threading
import time
from typing import Any

import pytest

from prompts.tokens import COUNTED_CHARACTERS, estimate

#: As counted by tiktoken 0.14.0, with a vocabulary that has the SHA-256 which tiktoken demands of o200k_base.
RECORDED = {
    "nothing": ("", 0),
    "a letter": ("a", 1),
    "two words": ("hello world", 2),
    "a long word": ("antidisestablishmentarianism", 6),
    "short forms": ("don't you're it's", 3),
    "digits": ("1234567890", 4),
    "a date and an amount": ("2024-02-29, 1,234.50 €", 14),
    "spaces": ("    ", 1),
    "line feeds": ("\n\n\n", 1),
    "CRLF and tabs": ("one\r\n\ttwo\r\n\t\tthree\r\n", 9),
    "no-break and zero-width spaces": ("a\xa0b\u200bc\ufeff", 6),
    "spaces at the ends of lines": ("one  \ntwo   \n\n   three", 6),
    "English": ("You are a helpful assistant. Answer in at most two sentences, and never guess.", 17),
    "German": ("Grüße den Kunden höflich; die Rechnungsadressänderung dauert drei Werktage.", 20),
    "French": ("N'oubliez pas l'adresse e-mail : où l'avez-vous déjà reçue ?", 17),
    "Russian": ("Привет, мир! Ответьте, пожалуйста, одним предложением.", 14),
    "Chinese": ("你好,世界。请用中文简短地回答用户的问题。", 14),
    "Japanese": ("こんにちは世界。質問に日本語で丁寧に答えてください。", 16),
    "Korean": ("안녕하세요. 두 문장으로 대답해 주세요.", 12),
    "Arabic": ("مرحبا بالعالم، أجب باختصار من فضلك.", 14),
    "Hindi": ("नमस्ते दुनिया, कृपया संक्षेप में उत्तर दें।", 16),
    "Thai": ("สวัสดีชาวโลก กรุณาตอบสั้นๆ", 14),
    "emoji": ("😀😀", 2),
    "joined emoji and flags": ("👩\u200d👩\u200d👧\u200d👦 🇩🇪🇯🇵 👍🏽", 22),
    "combining accents": ("e\u0301 a\u0308 n\u0303", 6),
    "Python": ('def f(x: int) -> int:\n    """One more."""\n    return x + 1\n', 21),
    "SQL": ("SELECT id, name FROM prompts WHERE tenant_id = %s ORDER BY id DESC LIMIT 10;", 20),
    "HTML": ('<ul class="list"><li>one</li><li>two</li></ul>', 19),
    "JSON": ('{"a": [1, 2, 3], "b": {"c": null, "d": "x\\n"}}', 27),
    "indented JSON": ('{\n  "name": "support-reply",\n  "temperature": 0.2,\n  "stop": ["\\n\\n"]\n}\n', 29),
    "a template": (
        "{% for item in items %}\n- {{ item.name|upper }}\n{% else %}\nNothing for {{ name }}.\n{% endfor %}",
        27,
    ),
    "Markdown": ("# Rules\n\n1. **Never** guess.\n2. Use `code`, not ~~words~~.\n\n---\n", 22),
    "a special token, taken as text": ("<|endoftext|>", 7),
    "an address": ("https://example.com/a/b?c=d&e=%20#f", 14),
}


@pytest.mark.parametrize("name", RECORDED)
def test_texts_have_the_recorded_number_of_tokens(name: str) -> None:
    text, tokens = RECORDED[name]
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
