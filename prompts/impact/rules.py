"""What each kind of change means: one rule a function, from what changed to reasons. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prompts.diff import Entry
from prompts.impact import lexicon
from prompts.impact.lexicon import AT_LEAST, AT_MOST, EXACTLY, EXCEPT, MAY, MUST, NOT, ONLY, SHOULD
from prompts.impact.tokens import Token
from prompts.impact.words import is_opposite, is_same_word, stem

Tokens = Sequence[Token]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a change matters. `line` is one of the new text; none where only the old text has it."""

    rule: str
    message: str
    line: int | None
    #: 0 to 1: how much this alone weighs.
    weight: float


@dataclass(frozen=True, slots=True)
class Hunk:
    """Words that were replaced inside a sentence; either side may be empty."""

    old: Tokens
    new: Tokens


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence before and after; only one of them if it was added or removed."""

    old: Tokens
    new: Tokens
    hunks: tuple[Hunk, ...]
    #: Whether it stands under a heading that forbids, and did not before, or the other way round.
    under_changed: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether it is there before and after."""
        return bool(self.old and self.new)

    @property
    def line(self) -> int | None:
        """Where the change shows in the new text."""
        at = [hunk.new[0].line for hunk in self.hunks if hunk.new] or [token.line for token in self.new[:1]]
        return at[0] if at else None

    @property
    def gone(self) -> list[Token]:
        return [token for hunk in self.hunks for token in hunk.old]

    @property
    def come(self) -> list[Token]:
        return [token for hunk in self.hunks for token in hunk.new]


def said(tokens: Tokens, most: int = 60) -> str:
    """Tokens as they were written, shortened, in quotation marks."""
    text = re.sub(r"\s+([,.;:!?])", r"\1", " ".join(token.written.strip() for token in tokens))
    return f"“{text if len(text) <= most else text[: most - 1].rstrip() + '…'}”"


# ----------------------------------------------------------------------------- must, may, not, only, unless
_STRENGTHS: Final = (MUST, SHOULD, MAY)
_TURNING: Final = (NOT, ONLY, EXCEPT)


def polarity(sentence: Sentence) -> Iterator[Reason]:
    """What was asked for is forbidden, what was forbidden is asked for, or a condition came or went."""
    if not sentence.is_changed:
        yield from _whole_demand(sentence)
        return
    gone, come = _unmatched_markers(sentence)
    turned = [marker for marker in (*gone, *come) if marker.means in _TURNING]
    if sentence.under_changed:
        yield Reason("polarity", f"{said(sentence.new)} stands under another heading.", sentence.line, 0.8)
    opposites = [pair for hunk in sentence.hunks for pair in _opposites(hunk)]
    nots = sum(marker.means == NOT for marker in turned)
    if opposites and len(opposites) == nots == len(turned):
        return  # "do not be rude" is "be polite"
    if turned:
        marker = turned[0]
        verb = "is gone from" if marker in gone else "is new in"
        rule = "format" if marker.means == ONLY and _is_about_output(sentence) else "polarity"
        yield Reason(rule, f"{said([marker])} {verb} {said(sentence.new)}.", sentence.line, 0.9)
    for one, other in opposites:
        yield Reason("polarity", f"{said([one])} became {said([other])}.", other.line, 0.8)
    yield from _strength(sentence, gone, come)


def _whole_demand(sentence: Sentence) -> Iterator[Reason]:
    for tokens, what in ((sentence.old, "went"), (sentence.new, "is new")):
        if {NOT, MUST, ONLY, EXCEPT} & {token.means for token in tokens}:
            rule = "format" if _is_about_output(sentence) else "polarity"
            yield Reason(rule, f"A demand {what}: {said(tokens)}.", sentence.line, 0.7)


_OUTPUT: Final = frozenset("return output print respond reply answer".split())


def _is_about_output(sentence: Sentence) -> bool:
    """Whether it begins with what to hand back."""
    return any(token.means in _OUTPUT for token in (*sentence.old[:2], *sentence.new[:2]))


def conditions(sentence: Sentence) -> Iterator[Reason]:
    """Where all of several conditions had to hold one is enough now, or the other way round."""
    words = {token.means for token in (*sentence.old, *sentence.new)}
    for hunk in sentence.hunks:
        pair = ([token.means for token in hunk.old], [token.means for token in hunk.new])
        if pair in ((["and"], ["or"]), (["or"], ["and"])) and words & {"if", "when", EXCEPT, ONLY, MUST}:
            yield Reason(
                "polarity", f"“{pair[0][0]}” became “{pair[1][0]}” in {said(sentence.new)}.", sentence.line, 0.6
            )


def _strength(sentence: Sentence, gone: Tokens, come: Tokens) -> Iterator[Reason]:
    """must became may; where the sentence forbids, may and must say the same."""
    if any(token.means == NOT for token in (*sentence.old, *sentence.new)):
        return
    before = {marker.means: marker for marker in gone if marker.means in _STRENGTHS}
    after = {marker.means: marker for marker in come if marker.means in _STRENGTHS}
    if before and after and before.keys() != after.keys():
        one, other = next(iter(before.values())), next(iter(after.values()))
        yield Reason("polarity", f"{said([one])} became {said([other])}.", other.line, 0.7)


def _unmatched_markers(sentence: Sentence) -> tuple[list[Token], list[Token]]:
    """Markers of either side that have no counterpart: not in their hunk, and not on the same word elsewhere."""
    gone: list[tuple[Token, str]] = []
    come: list[tuple[Token, str]] = []
    for hunk in sentence.hunks:
        old = [token for token in hunk.old if token.means in (*_STRENGTHS, *_TURNING)]
        new = [token for token in hunk.new if token.means in (*_STRENGTHS, *_TURNING)]
        both = Counter(token.means for token in old) & Counter(token.means for token in new)
        gone += [(token, _governed(token, sentence.old)) for token in _without(old, both)]
        come += [(token, _governed(token, sentence.new)) for token in _without(new, both)]
    for marker, word in list(gone):
        twin = next(
            (pair for pair in come if pair[0].means == marker.means and is_same_word(pair[1], word)),
            None,
        )
        if twin:
            gone.remove((marker, word))
            come.remove(twin)
    return [marker for marker, _ in gone], [marker for marker, _ in come]


def _without(tokens: list[Token], counted: Counter[str]) -> list[Token]:
    left = Counter(counted)
    kept = []
    for token in tokens:
        if left[token.means]:
            left[token.means] -= 1
        else:
            kept.append(token)
    return kept


def _governed(marker: Token, tokens: Tokens) -> str:
    """The next word of substance: what a marker is about."""
    place = next(index for index, token in enumerate(tokens) if token is marker)
    return next((token.means for token in tokens[place + 1 :] if is_substance(token)), "")


def _opposites(hunk: Hunk) -> Iterator[tuple[Token, Token]]:
    for one in hunk.old:
        for other in hunk.new:
            if is_opposite(one.means, other.means):
                yield one, other


def is_substance(token: Token) -> bool:
    """A word that says something by itself; no marker, no sign, no small word."""
    return token.means[0].isalnum() and token.means not in lexicon.SMALL


# ----------------------------------------------------------------------------- numbers and limits
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_DATE: Final = re.compile(r"(?:19|20)\d\d(?:[-/.]\d+)*|\d+[-/.]\d+[-/.]\d+|v\d.*")
_EXAMPLE: Final = frozenset(
    {"example", "examples", "sample", "instance", "e.g", "eg", "changelog", "updated", "ticket", "revision", "reviewed"}
)


def numbers(sentence: Sentence) -> Iterator[Reason]:
    """A limit or count is another one."""
    gone, come = _numbers(sentence.gone), _numbers(sentence.come)
    gone, come = gone - come, come - gone
    bounds = _bounds(sentence.old), _bounds(sentence.new)
    if sentence.is_changed and all(bounds) and bounds[0] != bounds[1]:
        yield Reason(
            "number", f"{said(sentence.old)} became {said(sentence.new)}: another kind of limit.", sentence.line, 0.7
        )
    elif gone and come:
        if not _is_example(sentence):
            before, after = ", ".join(gone), ", ".join(come)
            yield Reason("number", f"{before} became {after} in {said(sentence.new)}.", sentence.line, 0.6)
    elif units := next(filter(None, map(_other_unit, sentence.hunks)), None):
        yield Reason(
            "number", f"{said(units[:1])} became {said(units[1:])} in {said(sentence.new)}.", sentence.line, 0.6
        )
    elif (gone or come) and (_is_limit(sentence.old) or _is_limit(sentence.new)) and not _is_example(sentence):
        side, what = (sentence.old, "went") if gone else (sentence.new, "is new")
        yield Reason("number", f"A number {what}: {said(side)}.", sentence.line, 0.6)


def _numbers(tokens: Tokens) -> Counter[str]:
    found: Counter[str] = Counter()
    for token in tokens:
        if token.means in lexicon.NUMBERS:
            found[lexicon.NUMBERS[token.means]] += 1
        elif token.means[0].isdigit() and not _DATE.fullmatch(token.means):
            found.update(f"{float(number):g}" for number in _NUMBER.findall(token.means))
    return found


def _bounds(tokens: Tokens) -> frozenset[str]:
    """Which kinds of limit stand right before or after a number."""
    found = set()
    for index, token in enumerate(tokens):
        if token.means in (AT_MOST, AT_LEAST, EXACTLY) and _numbers(tokens[max(0, index - 3) : index + 3]):
            found.add(token.means)
    return frozenset(found)


def _is_limit(tokens: Tokens) -> bool:
    """Whether a number counts something here: a unit behind it, or a kind of limit near it."""
    for index, token in enumerate(tokens):
        if _numbers([token]):
            near = {each.means for each in tokens[max(0, index - 3) : index + 3]}
            if near & {AT_MOST, AT_LEAST, EXACTLY} or near & lexicon.UNITS:
                return True
    return False


def _other_unit(hunk: Hunk) -> tuple[Token, Token] | None:
    """minutes became hours."""
    old = [token for token in hunk.old if token.means in lexicon.UNITS]
    new = [token for token in hunk.new if token.means in lexicon.UNITS]
    if len(old) == len(new) == 1 and not is_same_word(old[0].means, new[0].means):
        return old[0], new[0]
    return None


def _is_example(sentence: Sentence) -> bool:
    words = {token.means for token in (*sentence.old[:6], *sentence.new[:6])}
    return bool(words & _EXAMPLE)


# ----------------------------------------------------------------------------- role
def role(sentence: Sentence) -> Iterator[Reason]:
    """Who speaks: a chat message's role, or the line that says what the model is."""
    for tokens in (sentence.gone, sentence.come):
        if heading := next((token for token in tokens if token.means.startswith("‹[")), None):
            yield Reason("role", f"A message's role changed: {said([heading])}.", sentence.line, 0.8)
            return
    if not any(map(_opens_role, (sentence.old, sentence.new))):
        return
    if not sentence.is_changed:
        yield Reason("role", f"Who the model is: {said(sentence.new or sentence.old)}.", sentence.line, 0.7)
        return
    gone, come = _persona(sentence.old, sentence.gone), _persona(sentence.new, sentence.come)
    if _replaced(gone, come) or any(map(_is_substitution, sentence.hunks)):
        yield Reason("role", f"{said(sentence.old)} became {said(sentence.new)}.", sentence.line, 0.7)


def _opens_role(tokens: Tokens) -> bool:
    opening = " ".join(token.means for token in tokens[:8])
    return any(opening.startswith(each) or f", {each}" in opening for each in lexicon.ROLE_OPENINGS)


_CLAUSE_END: Final = frozenset({".", ";", "who", "that", "which", "and", ",", "with"})


def _persona(tokens: Tokens, changed: Tokens) -> list[Token]:
    """The changed words of substance in the clause that names the part played."""
    clause: list[Token] = []
    for index, token in enumerate(tokens):
        if index > 3 and token.means in _CLAUSE_END:
            break
        clause.append(token)
    return [
        token
        for token in clause
        if any(token is each for each in changed) and is_substance(token) and token.means not in lexicon.PRAISE
    ]


def _is_substitution(hunk: Hunk) -> bool:
    """Whether words of substance stand for others that do not mean the same."""
    old, new = ([token for token in side if is_substance(token)] for side in (hunk.old, hunk.new))
    return bool(old and new and len(_replaced(old, new)) > abs(len(old) - len(new)))


_AUDIENCE: Final = frozenset({"for", "audience", "readers", "reader", "towards", "represent", "represents"})


def audience(sentence: Sentence) -> Iterator[Reason]:
    """For whom it is written."""
    if not sentence.is_changed:
        return
    for hunk in sentence.hunks:
        if _is_substitution(hunk) and _before(hunk.new, sentence.new) & _AUDIENCE:
            yield Reason("scope", f"{said(hunk.old)} became {said(hunk.new)}.", hunk.new[0].line, 0.6)


def _before(tokens: Tokens, sentence: Tokens) -> set[str]:
    """The three words before."""
    place = next(index for index, token in enumerate(sentence) if token is tokens[0])
    return {token.means for token in (*sentence[max(0, place - 3) : place], *tokens[:2])}


def _replaced(gone: Tokens, come: Tokens) -> list[Token]:
    """Words without a counterpart that means the same."""
    left = list(come)
    alone = []
    for token in gone:
        twin = next((other for other in left if is_same_word(token.means, other.means)), None)
        if twin is None:
            alone.append(token)
        else:
            left.remove(twin)
    return alone + left


# ----------------------------------------------------------------------------- format, tools, language
_TOOL_WORDS: Final = frozenset(
    "tool tools function functions call calls api apis invoke endpoint plugin action".split()
)


def names(sentence: Sentence) -> Iterator[Reason]:
    """Names that programs read: keys of an object, tools, labels in quotes."""
    gone = {token.means for token in sentence.gone if token.is_name}
    come = {token.means for token in sentence.come if token.is_name}
    gone, come = gone - come, come - gone
    if not (gone or come):
        return
    words = {token.means for token in (*sentence.old, *sentence.new)}
    rule = "tool" if words & _TOOL_WORDS or "(" in words else "format"
    change = " and ".join(
        [f"{', '.join(sorted(names))} {what}" for names, what in ((gone, "went"), (come, "came")) if names]
    )
    yield Reason(rule, f"{change}.", sentence.line, 0.7)


def answer_format(sentence: Sentence) -> Iterator[Reason]:
    """JSON, Markdown, table, bullets: the shape of the answer is named otherwise."""
    for hunk in sentence.hunks:
        types = [{token.means for token in side} & lexicon.TYPES for side in (hunk.old, hunk.new)]
        if all(types) and types[0] != types[1]:
            yield Reason("format", f"The type: {_from_to(*types)}.", sentence.line, 0.6)
    gone = {token.means for token in sentence.gone} & lexicon.FORMATS
    come = {token.means for token in sentence.come} & lexicon.FORMATS
    if {stem(word) for word in gone} != {stem(word) for word in come}:
        yield Reason("format", f"The format: {_from_to(gone, come)}.", sentence.line, 0.7)


def language(sentence: Sentence) -> Iterator[Reason]:
    """Another language is named."""
    gone = {token.means for token in sentence.gone} & lexicon.LANGUAGES
    come = {token.means for token in sentence.come} & lexicon.LANGUAGES
    if gone != come:
        yield Reason("language", f"The language: {_from_to(gone, come)}.", sentence.line, 0.8)


def _from_to(gone: set[str], come: set[str]) -> str:
    if gone and come:
        return (
            f"{', '.join(sorted(gone - come) or sorted(gone))} became {', '.join(sorted(come - gone) or sorted(come))}"
        )
    return f"{', '.join(sorted(gone or come))} {'went' if gone else 'came'}"


def logic(sentence: Sentence) -> Iterator[Reason]:
    """The template's own conditions and loops."""
    gone = Counter(token.means for token in sentence.gone if token.means.startswith("{%"))
    come = Counter(token.means for token in sentence.come if token.means.startswith("{%"))
    if gone != come:
        shown = next(iter((come - gone) or (gone - come)))
        yield Reason("logic", f"The template decides otherwise: {shown}.", sentence.line, 0.6)


_CHOICE: Final = frozenset(
    """classify category categories label labels options values choose one either fields keys columns intents tags
    severity priority types classes sentiment""".split()
)


def choices(sentence: Sentence) -> Iterator[Reason]:
    """An item came into, or went from, a list to choose from."""
    if not sentence.is_changed:
        return
    for tokens in (sentence.old, sentence.new):
        commas = sum(token.means in (",", "/", "|") for token in tokens)
        if commas < 1 or not _CHOICE & {token.means for token in tokens}:
            return
    for hunk in sentence.hunks:
        gone = [token for token in hunk.old if is_substance(token)]
        come = [token for token in hunk.new if is_substance(token)]
        signs = {token.means for token in (*hunk.old, *hunk.new)} & {",", "/", "|"}
        if signs and bool(gone) != bool(come):
            yield Reason("format", f"A choice {'went' if gone else 'came'}: {said(gone or come)}.", sentence.line, 0.6)
        elif _is_substitution(hunk) and _stands_in_list(hunk.new, sentence.new):
            yield Reason("format", f"The choice {said(gone)} became {said(come)}.", sentence.line, 0.6)


def _stands_in_list(tokens: Tokens, sentence: Tokens) -> bool:
    """Between the signs of a list."""
    place = next(index for index, token in enumerate(sentence) if token is tokens[0])
    around = [*sentence[max(0, place - 1) : place], *sentence[place + len(tokens) : place + len(tokens) + 1]]
    signs = {",", "/", "|", ":", ".", "or", "and"}
    return len(around) == 0 or all(token.means in signs for token in around)


def swapped_variables(sentence: Sentence) -> Iterator[Reason]:
    """One variable stands in the place of another."""
    for hunk in sentence.hunks:
        old, new = ([token for token in side if token.means.startswith("{{")] for side in (hunk.old, hunk.new))
        if len(old) == len(new) == 1 and _NAME.findall(old[0].means)[:1] != _NAME.findall(new[0].means)[:1]:
            yield Reason("variable", f"{old[0].written} became {new[0].written}.", new[0].line, 0.7)


OF_SENTENCES: Final = (
    polarity, conditions, numbers, role, audience, names, answer_format, language, swapped_variables, logic, choices,
)  # fmt: skip


# ----------------------------------------------------------------------------- what a sentence alone does not show
_NAME: Final = re.compile(r"[A-Za-z]\w*")
_TEMPLATE_WORDS: Final = frozenset(
    "if elif else endif for in endfor set not and or is defined true false none loop default".split()
)


def variables(old: Tokens, new: Tokens, declared: Sequence[Entry]) -> Iterator[Reason]:
    """What callers pass in: used in the text, or declared beside it."""
    before, after = _used(old), _used(new)
    renamed = before.keys() ^ after.keys()
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
        if entry.name not in renamed:
            yield _declared(entry)


def _used(tokens: Tokens) -> dict[str, int]:
    """The names in expressions, tags and placeholders, with the line where each stands first."""
    found: dict[str, int] = {}
    for token in tokens:
        if token.means.startswith(("{{", "{%", "‹[placeholder")):
            text = re.sub(r"\|\s*\w+|\.\s*\w+|'[^']*'|\"[^\"]*\"|placeholder:", " ", token.means)
            for name in _NAME.findall(text):
                if name not in _TEMPLATE_WORDS:
                    found.setdefault(name, token.line)
    return found


def _declared(entry: Entry) -> Reason:
    """A declaration that changed. Its description binds nobody."""
    if entry.type != "modified":
        what = "is declared now" if entry.type == "added" else "is no longer declared"
        return Reason("variable", f"The variable {entry.name} {what}.", None, 0.6)
    fields = [
        name
        for name in ("type", "required", "default", "enum", "description")
        if entry.value.get(name) != entry.old_value.get(name)
    ]
    weight = 0.2 if fields == ["description"] else 0.6
    return Reason("variable", f"The variable {entry.name} has another {' and '.join(fields)}.", None, weight)


#: What a model's answer depends on; the rest of a config is for people and for the caller.
_CONFIG: Final = frozenset(
    """model provider engine temperature top_p top_k max_tokens max_output_tokens max_completion_tokens stop
    stop_sequences response_format format tools tool_choice functions function_call presence_penalty frequency_penalty
    repetition_penalty reasoning reasoning_effort thinking system n logit_bias json_mode schema language locale""".split()
)


def config(entries: Sequence[Entry]) -> Iterator[Reason]:
    """What goes to the model beside the text."""
    for entry in entries:
        path = entry.name.strip("/").split("/")
        is_heard = any(part.lower().replace("-", "_") in _CONFIG for part in (path[0], path[-1]))
        rule = "tool" if "tool" in path[0] else "format" if "format" in path[0] else "config"
        if all(isinstance(value, int | float) for value in (entry.value, entry.old_value)):
            rule = "number"
        weight = 0.6 if is_heard else 0.2
        yield Reason(rule, f"{'.'.join(path)} in the config: {_change(entry)}.", None, weight)


def _change(entry: Entry) -> str:
    shown = [str(value) for value in (entry.old_value, entry.value)]
    before, after = (text if len(text) <= 40 else text[:39] + "…" for text in shown)
    return {"added": f"{after} is new", "removed": f"{before} went"}.get(entry.type, f"{before} became {after}")


_TELLTALE: Final = {
    "en": "the and you your is are not with for this that of to answer",
    "de": "der die das und nicht sie ist ein eine mit auf für antworte wenn",
    "fr": "le la les et vous pas est une des avec pour dans répondez si",
    "es": "el los las y no es una con para usted responde que del si",
    "it": "il gli e non è una con per che della rispondi sei se",
    "pt": "o os e não é uma com para que da você responda se",
    "nl": "de het een en niet is met voor van je u antwoord als",
}
_TELLTALE_WORDS: Final = {code: frozenset(words.split()) for code, words in _TELLTALE.items()}
_LANGUAGE_NAMES: Final = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese",
    "nl": "Dutch", "cyrillic": "a Cyrillic script", "greek": "Greek", "arabic": "an Arabic script",
    "cjk": "Chinese or Japanese", "hangul": "Korean",
}  # fmt: skip


def whole_text(old: Tokens, new: Tokens) -> Iterator[Reason]:
    """The language that a prompt is written in, and how much of it is new."""
    languages = _written_in(old), _written_in(new)
    if all(languages) and languages[0] != languages[1]:
        one, other = (_LANGUAGE_NAMES[each or ""] for each in languages)
        yield Reason("language", f"The prompt is written in {other}; it was in {one}.", None, 0.8)
    before, after = (sum(token.means[0].isalnum() for token in side) for side in (old, new))
    if abs(after - before) >= 20 and max(before, after) >= 1.6 * min(before, after):
        yield Reason("size", f"The prompt had {before} words and has {after} now.", None, 0.6)


def _written_in(tokens: Tokens) -> str | None:
    words = [token.written.casefold() for token in tokens if token.written[:1].isalpha()]
    scripts = Counter(_script(word) for word in words)
    if words and (most := scripts.most_common(1)[0])[0] != "latin":
        return most[0] if most[1] >= 3 else None
    counts = {code: sum(word in known for word in words) for code, known in _TELLTALE_WORDS.items()}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] >= 3 and counts[best] >= 0.08 * len(words) else None


def _script(word: str) -> str:
    letter = ord(word[0])
    for name, start, end in (
        ("greek", 0x370, 0x3FF), ("cyrillic", 0x400, 0x52F), ("arabic", 0x600, 0x6FF), ("hangul", 0xAC00, 0xD7AF),
        ("cjk", 0x3040, 0x9FFF),
    ):  # fmt: skip
        if start <= letter <= end:
            return name
    return "latin"


# ----------------------------------------------------------------------------- what is left
def reworded(sentence: Sentence) -> Reason:
    """Other words, and none of the rules minds."""
    if sentence.is_changed:
        return Reason("wording", f"Other words: {said(sentence.new)}.", sentence.line, 0.1)
    what = "went" if sentence.old else "is new"
    return Reason("wording", f"A sentence {what}: {said(sentence.old or sentence.new)}.", sentence.line, 0.15)


def wording() -> Reason:
    """Signs, capitals or the order of sentences."""
    return Reason("wording", "Only signs, capitals or the order of sentences changed.", None, 0.05)
