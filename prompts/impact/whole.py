"""What no sentence alone shows: variables, config, the language a prompt is written in, its size. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from prompts.diff import Entry
from prompts.impact.lexicon import words
from prompts.impact.reasons import Reason, Rule

_NAME: Final = re.compile(r"[A-Za-z]\w*")
_CODE: Final = re.compile(r"\{\{[^{}\n]{0,200}\}\}|\{%[^{}%\n]{0,200}%\}|^\[placeholder: .*\]$", re.MULTILINE)
_NOT_NAMES: Final = re.compile(r"\|\s*\w+|\.\s*\w+|'[^']*'|\"[^\"]*\"|\[placeholder:")
_TEMPLATE_WORDS: Final = words(
    "if elif else endif for in endfor set not and or is defined true false none loop default"
)


def variables(old: str, new: str, declared: Sequence[Entry]) -> Iterator[Reason]:
    """What callers pass in: used in the text, or declared beside it."""
    before, after = _used(old), _used(new)
    gone, come = [name for name in before if name not in after], [name for name in after if name not in before]
    if gone and len(gone) == len(come):
        for one, other in zip(gone, come, strict=True):
            yield Reason("variable", f"The variable {one} is called {other} now.", after[other], 0.7)
    else:
        for name in gone:
            yield Reason("variable", f"The variable {name} is no longer used.", None, 0.7)
        for name in come:
            yield Reason("variable", f"The variable {name} is new.", after[name], 0.7)
    for entry in declared:
        if entry.name not in gone and entry.name not in come:
            yield _declared(entry)


def _used(text: str) -> dict[str, int]:
    """The names in expressions, tags and placeholders, with the line where each stands first."""
    found: dict[str, int] = {}
    line, place = 1, 0
    for code in _CODE.finditer(text):
        line += text.count("\n", place, code.start())
        place = code.start()
        for name in _NAME.findall(_NOT_NAMES.sub(" ", code[0])):
            if name not in _TEMPLATE_WORDS:
                found.setdefault(name, line)
    return found


def _declared(entry: Entry) -> Reason:
    """A declaration that changed. Its description binds nobody."""
    if entry.type != "modified":
        what = "is declared now" if entry.type == "added" else "is no longer declared"
        return Reason("variable", f"The variable {entry.name} {what}.", None, 0.6)
    fields = [
        field
        for field in ("type", "required", "default", "enum", "description")
        if entry.value.get(field) != entry.old_value.get(field)
    ]
    weight = 0.2 if fields == ["description"] else 0.6
    return Reason("variable", f"The variable {entry.name} has another {' and '.join(fields)}.", None, weight)


#: What a model's answer depends on; the rest of a config is for people and for the caller.
_CONFIG: Final = words(
    """model provider engine temperature top_p top_k max_tokens max_output_tokens max_completion_tokens stop
    stop_sequences response_format format tools tool_choice functions function_call presence_penalty
    frequency_penalty repetition_penalty reasoning reasoning_effort thinking system n logit_bias json_mode
    schema language locale"""
)


def config(entries: Sequence[Entry]) -> Iterator[Reason]:
    """What goes to the model beside the text."""
    for entry in entries:
        path = entry.name.strip("/").split("/")
        is_heard = any(part.lower().replace("-", "_") in _CONFIG for part in (path[0], path[-1]))
        yield Reason(_rule(path[0], entry), f"{'.'.join(path)}: {_change(entry)}.", None, 0.6 if is_heard else 0.2)


def _rule(name: str, entry: Entry) -> Rule:
    if all(isinstance(value, int | float) for value in (entry.value, entry.old_value)):
        return "number"
    return "tool" if "tool" in name or "function" in name else "format" if "format" in name else "config"


def _change(entry: Entry) -> str:
    before, after = map(_short, (entry.old_value, entry.value))
    return {"added": f"{after} is new", "removed": f"{before} went"}.get(entry.type, f"{before} became {after}")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


# ----------------------------------------------------------------------------- language and size
_TELLTALE: Final = {
    "English": "the and you your is are not with for this that of to answer",
    "German": "der die das und nicht sie ist ein eine mit auf für antworte wenn",
    "French": "le la les et vous pas est une des avec pour dans répondez si",
    "Spanish": "el los las y no es una con para usted responde que del si",
    "Italian": "il gli e non è una con per che della rispondi sei se",
    "Portuguese": "o os e não é uma com para que da você responda se",
    "Dutch": "de het een en niet is met voor van je u antwoord als",
}
_TELLTALE_WORDS: Final = {name: frozenset(words.split()) for name, words in _TELLTALE.items()}
_SCRIPTS: Final = (
    ("Greek", 0x370, 0x3FF),
    ("a Cyrillic script", 0x400, 0x52F),
    ("an Arabic script", 0x600, 0x6FF),
    ("Chinese or Japanese", 0x3040, 0x9FFF),
    ("Korean", 0xAC00, 0xD7AF),
)
_LATIN: Final = "a Latin script"
#: How many words are looked at, how many of them must tell, and at least which share.
_WORDS, _TELLING, _SHARE = 3_000, 3, 0.08
#: A prompt that is this much longer or shorter, and by so many words, is another one.
_GROWTH, _GROWN = 1.6, 20


def language(old: str, new: str) -> Iterator[Reason]:
    """The language that a prompt is written in."""
    before, after = _written_in(old), _written_in(new)
    if before and after and before != after:
        yield Reason("language", f"The prompt is written in {after}; it was in {before}.", None, 0.8)


def _written_in(text: str) -> str | None:
    words = [word for word in text[: 8 * _WORDS].casefold().split() if word[0].isalpha()]
    scripts = Counter(map(_script, words)).most_common(1)
    if scripts and scripts[0][0] != _LATIN:
        return scripts[0][0] if scripts[0][1] >= _TELLING else None
    counts = {name: sum(word in known for word in words) for name, known in _TELLTALE_WORDS.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= max(_TELLING, _SHARE * len(words)) else None


def _script(word: str) -> str:
    return next((name for name, start, end in _SCRIPTS if start <= ord(word[0]) <= end), _LATIN)


def size(old: str, new: str) -> Iterator[Reason]:
    """How much of it there is."""
    before, after = len(old.split()), len(new.split())
    if abs(after - before) >= _GROWN and max(before, after) >= _GROWTH * min(before, after):
        yield Reason("size", f"The prompt had {before} words and has {after} now.", None, 0.6)
