"""Names of other tools as names of prompts: the same every time, and never two in one place. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from prompts.files.faults import FileFault, shown
from prompts.files.filed import FiledPrompt
from prompts.names import PROMPT_SLUG, check_free, check_namespace_slug
from pvc.errors import Invalid

LONGEST: Final = 100


def slug_of(name: str) -> str:
    """A prompt's slug for a name: lower-case letters without their marks, digits, `-` and `_`; "" if none are left."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    joined = re.sub(r"[^a-z0-9_]+", "-", "".join(each for each in plain if not unicodedata.combining(each)))
    return joined.strip("-").lstrip("_-")[:LONGEST].rstrip("-")


def slug_for(name: str, *, file: str, line: int | None = None) -> str:
    """The same; a name that is a slug stays as it is. Raises FileFault where nothing is left, or a route's word."""
    slug = name if re.fullmatch(PROMPT_SLUG, name) else slug_of(name)
    if not slug:
        raise FileFault(file, f"“{shown(name)}” has no letter or digit of a to z; give it another name.", line)
    return checked_slug(slug, file=file, line=line)


def checked_slug(slug: str, *, file: str, line: int | None = None) -> str:
    """A prompt's name as it stands. Raises FileFault."""
    if not re.fullmatch(PROMPT_SLUG, slug):
        sentence = f"“{shown(slug)}” is no prompt's name: lower-case letters, digits, - and _, up to {LONGEST}."
        raise FileFault(file, sentence, line)
    try:
        check_free(slug, field="name")
    except Invalid as refused:
        raise FileFault(file, refused.message, line) from refused
    return slug


def checked_namespace(slug: str, *, file: str, line: int | None = None) -> str:
    """A namespace's name as it stands. Raises FileFault."""
    try:
        check_namespace_slug(slug, field=f"“{shown(slug)}”")
    except Invalid as refused:
        raise FileFault(file, refused.message, line) from refused
    return slug


def without_twins(prompts: Iterable[FiledPrompt | FileFault]) -> Iterator[FiledPrompt | FileFault]:
    """Each as it is; whoever would get the name of one before it, as the sentence that says so."""
    taken: dict[str, str] = {}
    for each in prompts:
        if isinstance(each, FiledPrompt):
            named = f"“{shown(each.formerly or each.slug)}”"
            if each.name in taken:
                sentence = f"{named} would become {each.name}, as {taken[each.name]} does already. Rename one of them."
                yield FileFault(each.file, sentence)
                continue
            taken[each.name] = f"{named} of {shown(each.file)}"
        yield each
