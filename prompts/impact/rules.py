"""What a changed sentence means beside its demands: one rule a function, from a sentence to reasons. Pure."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

from prompts.impact import lexicon
from prompts.impact.lexicon import AT_LEAST, AT_MOST, EXACTLY, words
from prompts.impact.reasons import Reason
from prompts.impact.sentences import Hunk, Sentence, Tokens, is_substance, said, unmatched
from prompts.impact.tokens import Token
from prompts.impact.words import is_same_word, stem

# ----------------------------------------------------------------------------- numbers and limits
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_DATE: Final = re.compile(r"(?:19|20)\d\d(?:[-/.]\d+)*|\d+[-/.]\d+[-/.]\d+|v\d.*")
_REMARK: Final = words("example examples sample instance e.g eg changelog updated revision reviewed")
_BOUNDS: Final = frozenset({AT_MOST, AT_LEAST, EXACTLY})


def numbers(sentence: Sentence) -> Iterator[Reason]:
    """A limit or a count is another one."""
    if sentence.is_example or _REMARK & {token.means for token in (*sentence.old[:6], *sentence.new[:6])}:
        return
    gone, come = _numbers(sentence.gone), _numbers(sentence.come)
    gone, come = gone - come, come - gone
    before, after = _bounds(sentence.old), _bounds(sentence.new)
    if before and after and before != after:
        yield Reason("number", f"{said(sentence.old)} became {said(sentence.new)}.", sentence.line, 0.7)
    elif gone and come:
        change = f"{', '.join(gone)} became {', '.join(come)}"
        yield Reason("number", f"{change} in {said(sentence.new)}.", sentence.line, 0.6)
    elif scales := next(filter(None, map(_other_step, sentence.hunks)), None):
        yield Reason("number", f"{said(scales[:1])} became {said(scales[1:])}.", sentence.line, 0.6)
    elif (gone or come) and (_is_limit(sentence.gone) or _is_limit(sentence.come)) and {*gone, *come} != {"1"}:
        side, what = (sentence.old, "went") if gone else (sentence.new, "is new")
        yield Reason("number", f"A number {what}: {said(side)}.", sentence.line, 0.6)


def _numbers(tokens: Tokens) -> Counter[str]:
    found: Counter[str] = Counter()
    for token in tokens:
        if token.means in lexicon.NUMBERS:
            found[lexicon.NUMBERS[token.means]] += 1
        elif token.means[0].isdigit() and not _DATE.fullmatch(token.means):
            found.update(number.removesuffix(".0") for number in _NUMBER.findall(token.means))
    return found


def _bounds(tokens: Tokens) -> frozenset[str]:
    """Which kinds of limit stand right before or after a number."""
    return frozenset(
        token.means
        for index, token in enumerate(tokens)
        if token.means in _BOUNDS and _numbers(tokens[max(0, index - 3) : index + 3])
    )


def _is_limit(tokens: Tokens) -> bool:
    """Whether a number counts something here: a unit behind it, or a kind of limit near it."""
    for index, token in enumerate(tokens):
        if _numbers([token]):
            near = {each.means for each in tokens[max(0, index - 3) : index + 3]}
            if near & (_BOUNDS | lexicon.UNITS):
                return True
    return False


def _other_step(hunk: Hunk) -> tuple[Token, Token] | None:
    """minutes became hours, error became warning, first became third."""
    if not hunk.is_short:
        return None
    for steps in (lexicon.UNITS, lexicon.SCALE, lexicon.ORDINALS):
        old = [token for token in hunk.old if token.means in steps]
        new = [token for token in hunk.new if token.means in steps]
        if len(old) == len(new) == 1 and not is_same_word(old[0].means, new[0].means):
            return old[0], new[0]
    return None


# ----------------------------------------------------------------------------- who speaks, how, and to whom
def role(sentence: Sentence) -> Iterator[Reason]:
    """Who speaks: a chat message's role, or the line that says what the model is."""
    gone, come = ([token for token in side if token.means.startswith("@[")] for side in (sentence.gone, sentence.come))
    if (gone and come) or any("system" in token.means for token in (*gone, *come)):
        yield Reason("role", f"A message's role changed: {said((come or gone)[:1])}.", sentence.line, 0.8)
    if not (_opens_role(sentence.old) or _opens_role(sentence.new)):
        return
    if not sentence.is_changed:
        yield Reason("role", f"Who the model is: {said(sentence.new or sentence.old)}.", sentence.line, 0.7)
        return
    changed = _persona(sentence.old, sentence.gone), _persona(sentence.new, sentence.come)
    others = [each for each in sentence.hunks if each.is_substitution and not _is_attribute(each, sentence.new)]
    if others or unmatched(*changed):
        yield Reason("role", f"{said(sentence.old)} became {said(sentence.new)}.", sentence.line, 0.7)


def _opens_role(tokens: Tokens) -> bool:
    opening = " ".join(token.means for token in tokens[:8] if token.means[0] != "@")
    clauses = [opening, *opening.split(", ")[1:]]
    return any(clause.startswith(lexicon.ROLE_OPENINGS) for clause in clauses)


_CLAUSE_END: Final = frozenset({".", ";", "who", "that", "which", "and", ",", "with"})


def _persona(tokens: Tokens, changed: Tokens) -> list[Token]:
    """The changed words of substance in the clause that names the part played."""
    found: list[Token] = []
    others = {id(token) for token in changed}
    for index, token in enumerate(tokens):
        if index > 3 and token.means in _CLAUSE_END:
            break
        if id(token) in others and is_substance(token) and token.means not in lexicon.PRAISE:
            found.append(token)
    return found


def _is_attribute(hunk: Hunk, sentence: Tokens) -> bool:
    """Whether it only describes the word behind it: a leading bank."""
    place = hunk.new_place + len(hunk.new)
    return place < len(sentence) and is_substance(sentence[place])


_TOWARDS: Final = frozenset(
    {"for", "audience", "readers", "reader", "towards", "represent", "represents", "to", "from"}
)


def audience(sentence: Sentence) -> Iterator[Reason]:
    """For whom, or on whose side."""
    for hunk in sentence.hunks if sentence.is_changed else ():
        if hunk.is_substitution and not _is_attribute(hunk, sentence.new):
            near = sentence.new[max(0, hunk.new_place - 3) : hunk.new_place]
            if {token.means for token in near} & _TOWARDS:
                yield Reason("scope", f"{said(hunk.old)} became {said(hunk.new)}.", sentence.line, 0.6)


def tone(sentence: Sentence) -> Iterator[Reason]:
    """How it sounds."""
    gone, come = ([each for each in side if each.means in lexicon.TONES] for side in (sentence.gone, sentence.come))
    if sentence.is_changed and gone and come and len(unmatched(gone, come)) > 1:
        yield Reason("tone", f"{said(gone)} became {said(come)}.", sentence.line, 0.5)


# ----------------------------------------------------------------------------- format, tools, language
_TOOL_WORDS: Final = words("tool tools function functions call calls api apis invoke endpoint plugin action")
_KEYS: Final = words("key keys field fields json return output column columns label property schema")


def names(sentence: Sentence, old_text: str, new_text: str) -> Iterator[Reason]:
    """Names that programs read: keys of an object, tools, labels in quotes.

    One that only came or went counts if the other text, as a whole, does not have it.
    """
    gone, come = ({token.means for token in side if token.is_name} for side in (sentence.gone, sentence.come))
    gone, come = gone - come, come - gone
    if not (gone and come):
        gone = {name for name in gone if not _stands_in(name, new_text)}
        come = {name for name in come if not _stands_in(name, old_text)}
    if not (gone or come):
        return
    is_tool = sentence.words & _TOOL_WORDS and not sentence.words & _KEYS
    change = [f"{', '.join(sorted(each))} {what}" for each, what in ((gone, "went"), (come, "came")) if each]
    yield Reason("tool" if is_tool else "format", f"{' and '.join(change)}.", sentence.line, 0.7)


def _stands_in(name: str, text: str) -> bool:
    return name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def sentinels(sentence: Sentence) -> Iterator[Reason]:
    """Words in capitals, in the place of others in capitals: what is answered word by word."""
    if not sentence.is_changed or all(map(_is_loud, filter(is_substance, sentence.new))):
        return  # a heading
    for hunk in sentence.hunks:
        old, new = ({each.written for each in side if _is_loud(each)} for side in (hunk.old, hunk.new))
        if old - new and new - old:
            yield Reason("format", f"{', '.join(sorted(old))} became {', '.join(sorted(new))}.", sentence.line, 0.6)


def _is_loud(token: Token) -> bool:
    return token.written.isupper() and len(token.written) > 2 and is_substance(token)


def answer_format(sentence: Sentence) -> Iterator[Reason]:
    """JSON, Markdown, table, bullets: the shape of the answer, or the type of a field, is another."""
    for hunk in sentence.hunks:
        types = [{token.means for token in side} & lexicon.TYPES for side in (hunk.old, hunk.new)]
        if all(types) and types[0] != types[1]:
            yield Reason("format", f"The type: {_from_to(*types)}.", sentence.line, 0.6)
    gone, come = ({token.means for token in side} & lexicon.FORMATS for side in (sentence.gone, sentence.come))
    if set(map(stem, gone)) != set(map(stem, come)) and not (sentence.is_example and not sentence.is_changed):
        yield Reason("format", f"The format: {_from_to(gone, come)}.", sentence.line, 0.7)


def language(sentence: Sentence) -> Iterator[Reason]:
    """Another language is named."""
    gone, come = ({token.means for token in side} & lexicon.LANGUAGES for side in (sentence.gone, sentence.come))
    if gone != come:
        yield Reason("language", f"The language: {_from_to(gone, come)}.", sentence.line, 0.8)


def _from_to(gone: Collection[str], come: Collection[str]) -> str:
    before, after = ", ".join(sorted(set(gone) - set(come))), ", ".join(sorted(set(come) - set(gone)))
    if before and after:
        return f"{before} became {after}"
    return f"{before} went" if before else f"{after} came"


_CHOICE: Final = words(
    """classify category categories label labels option options value values choose one either field fields key keys
    column columns intent intents tag tags severity priority type types class classes sentiment sections format
    output structure schema template layout enum states topics"""
)
_SIGNS: Final = frozenset({",", "/", "|"})
_AROUND: Final = _SIGNS | {":", ".", "or", "and", '"', "`", "'"}


def choices(sentence: Sentence) -> Iterator[Reason]:
    """An item came into, went from, or changed in a list to choose from or to fill in."""
    if not sentence.is_changed:
        if sentence.heading_words & _CHOICE and not sentence.is_example and _is_item(sentence.old or sentence.new):
            what = "went" if sentence.old else "came"
            yield Reason("format", f"{said(sentence.old or sentence.new)} {what}.", sentence.line, 0.6)
        return
    is_list = bool(sentence.words & _SIGNS) and bool((sentence.words | sentence.heading_words) & _CHOICE)
    if not is_list or sentence.is_example:
        return
    for hunk in sentence.hunks:
        gone, come = ([token for token in side if is_substance(token)] for side in (hunk.old, hunk.new))
        if hunk.changes_list:
            yield Reason("format", f"A choice {'went' if gone else 'came'}: {said(gone or come)}.", sentence.line, 0.6)
        elif hunk.is_substitution and not sentence.words & {"if", "when"} and _stands_in_list(hunk, sentence.new):
            yield Reason("format", f"The choice {said(gone)} became {said(come)}.", sentence.line, 0.6)


def _is_item(tokens: Tokens) -> bool:
    """A line of a list, or a word or two alone."""
    return len(tokens) <= 3 or tokens[0].is_listed or tokens[1].means in ("=", ":")


def _stands_in_list(hunk: Hunk, sentence: Tokens) -> bool:
    """Between the signs of a list."""
    end = hunk.new_place + len(hunk.new)
    around = [*sentence[max(0, hunk.new_place - 1) : hunk.new_place], *sentence[end : end + 1]]
    return all(token.means in _AROUND for token in around)


# ----------------------------------------------------------------------------- the template
_NAME: Final = re.compile(r"[A-Za-z]\w*")


def swapped_variables(sentence: Sentence) -> Iterator[Reason]:
    """One variable stands in the place of another."""
    expressions, others = zip(*(_parted(side) for side in (sentence.old, sentence.new)), strict=True)
    if others[0] == others[1] and expressions[0] != expressions[1] and sorted(expressions[0]) == sorted(expressions[1]):
        yield Reason("variable", f"Variables changed places in {said(sentence.new)}.", sentence.line, 0.7)
    for hunk in sentence.hunks:
        old, new = (_parted(side)[0] for side in (hunk.old, hunk.new))
        if len(old) == len(new) == 1 and _NAME.findall(old[0])[:1] != _NAME.findall(new[0])[:1]:
            yield Reason("variable", f"{old[0]} became {new[0]}.", sentence.line, 0.7)


def _parted(tokens: Tokens) -> tuple[list[str], list[str]]:
    """The expressions, and the words between them."""
    expressions = [token.means for token in tokens if token.means.startswith("{{")]
    return expressions, [token.means for token in tokens if not token.means.startswith("{{")]


def logic(sentence: Sentence) -> Iterator[Reason]:
    """The template's own conditions and loops."""
    gone, come = (
        Counter(token.means for token in side if token.means.startswith("{%"))
        for side in (sentence.gone, sentence.come)
    )
    if gone != come:
        shown = next(iter((come - gone) or (gone - come)))
        yield Reason("logic", f"The template decides otherwise: {shown}.", sentence.line, 0.6)


# ----------------------------------------------------------------------------- what is left
def reworded(sentence: Sentence) -> Reason:
    """Other words, and none of the rules minds."""
    if sentence.is_changed:
        return Reason("wording", f"Other words: {said(sentence.new)}.", sentence.line, 0.1)
    what = "went" if sentence.old else "is new"
    return Reason("wording", f"A sentence {what}: {said(sentence.old or sentence.new)}.", sentence.line, 0.15)


OF_SENTENCES: Final = (
    numbers,
    role,
    audience,
    tone,
    sentinels,
    answer_format,
    language,
    choices,
    swapped_variables,
    logic,
)
