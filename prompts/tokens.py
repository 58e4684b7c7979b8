"""How many tokens a text is about, counted offline."""

from threading import Lock

from splintr import AnyTokenizer, Tokenizer

from prompts.content import Messages

VOCABULARY = "o200k_base"
#: Longer texts are counted up to here and the rest in proportion: one word of this length takes 50 ms.
COUNTED_CHARACTERS = 262_144
#: The tokenizer remembers every word it meets; after so much text it is made to forget them.
REMEMBERED_CHARACTERS = 4_194_304


class Counter:
    """The tokenizer, loaded when it is first needed and shared by all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tokenizer: AnyTokenizer | None = None
        self._met = 0

    def count(self, text: str) -> int:
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = Tokenizer.from_pretrained(VOCABULARY)
            self._met += len(text)
            if self._met > REMEMBERED_CHARACTERS:
                self._tokenizer.clear_cache()
                self._met = len(text)
            return len(self._tokenizer.encode_ordinary(text))


COUNTER = Counter()


def estimate(text: str) -> int:
    """An estimate of the tokens in a text, by the vocabulary o200k; other models count differently.

    Texts over 262,144 characters are counted up to there, and the rest is taken to be like the beginning.
    """
    counted = text[:COUNTED_CHARACTERS].encode(errors="replace").decode()
    tokens = COUNTER.count(counted)
    return tokens if len(text) <= COUNTED_CHARACTERS else tokens * len(text) // COUNTED_CHARACTERS


def estimate_of(content: str | Messages) -> int:
    """How many tokens a version's own text has; a chat's as it is rendered, without what its placeholders hold."""
    if isinstance(content, str):
        return estimate(content)
    return estimate("\n\n".join(f"{each['role']}: {each['content']}" for each in content if "role" in each))
