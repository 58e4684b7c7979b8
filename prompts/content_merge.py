"""Two contents brought together by the one that both began with: text, variables and config. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from prompts.content import GREATEST_LENGTH, Content, content_of, length_of
from prompts.merge import MappingConflict, merge, merge_mappings, merge_messages


@dataclass(frozen=True, slots=True)
class MergedContent:
    """What a merge came to. With conflicts, the text is marked up, and of variables and config mine stand.

    A marked-up text that is too long to be stored is None.
    """

    content: Content | None
    #: The conflicts of the text: start_line, base, theirs, mine; of a chat, the message's index too.
    hunks: tuple[dict[str, Any], ...]
    #: Those of variables and config: field (a JSON Pointer), base, theirs, mine as JSON.
    fields: tuple[dict[str, Any], ...]

    @property
    def is_clean(self) -> bool:
        return not self.hunks and not self.fields


def merge_contents(base: Content | None, theirs: Content, mine: Content) -> MergedContent:
    """`theirs` is in pre-production, `mine` the caller's. Without a common base all lines that differ are in conflict.

    Raises Invalid where a clean result is empty, or too long to be stored.
    """
    body, hunks = _merged_body(base, theirs, mine)
    variables, of_variables = _merged("variables", base, theirs, mine)
    config, of_config = _merged("config", base, theirs, mine)
    merged = MergedContent(None, tuple(hunks), (*of_variables, *of_config))
    if not merged.is_clean and length_of(mine.type, body) > GREATEST_LENGTH:
        return merged
    return replace(merged, content=content_of(mine.type, body, variables, config, field="body"))


def _merged_body(base: Content | None, theirs: Content, mine: Content) -> tuple[Any, list[dict[str, Any]]]:
    before, other, own = (base.parsed if base else None), theirs.parsed, mine.parsed
    if isinstance(other, str) and isinstance(own, str):
        merged = merge(before if isinstance(before, str) else "", other, own)
        return merged.text, [asdict(hunk) for hunk in merged.hunks]
    assert not isinstance(other, str)  # the type is the prompt's, and fixed
    assert not isinstance(own, str)
    messages, conflicts = merge_messages(before if isinstance(before, list) else [], other, own)
    return messages, [{"message": each.message, **asdict(each.hunk)} for each in conflicts]


def _merged(
    name: str, base: Content | None, theirs: Content, mine: Content
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    before: Mapping[str, Any] = getattr(base, name) if base else {}
    merged, conflicts = merge_mappings(before, getattr(theirs, name), getattr(mine, name))
    return merged, [_field(name, conflict) for conflict in conflicts]


def _field(name: str, conflict: MappingConflict) -> dict[str, Any]:
    values = asdict(conflict)
    return {"field": f"/{name}{values.pop('pointer')}", **values}
