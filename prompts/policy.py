"""What a namespace's policy asks for: its values checked, changed and compared. Pure.

Which policy asks for less is also the database's question: `prompts_check_policy` in migration 0004 answers the same.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from prompts.names import BUILT_IN_TAGS, TAG_NAME
from pvc.errors import Invalid

#: The field names of a change, with their new values; of `evaluation_policy`, those of its fields that change.
Changes = dict[str, Any]

#: The laxest first.
MODES: Final = ("off", "block_failures", "require_pass")
MOST_APPROVALS: Final = 5
MOST_NAMES: Final = 100
LONGEST_NAME: Final = 100
#: Ten years, in hours.
GREATEST_AGE: Final = 87_600
#: The highest budget: more than any model reads.
MOST_TOKENS: Final = 10_000_000


class Terms(NamedTuple):
    """What a policy asks for, apart from who changed it and when."""

    required_approvals: int
    custom_tags: Sequence[str]
    evaluation_policy: Mapping[str, Any]
    #: What evaluates where nothing else is named.
    default_harness: str | None = None


# ----------------------------------------------------------------------------- checking
def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_names(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MOST_NAMES
        and all(isinstance(each, str) and 1 <= len(each) <= LONGEST_NAME for each in value)
    )


def _is_age(value: Any) -> bool:
    return value is None or (_is_number(value) and 0 < value <= GREATEST_AGE)


_EVALUATION: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "mode": (lambda value: value in MODES, f"Use one of {', '.join(MODES)}."),
    "threshold": (lambda value: _is_number(value) and 0 <= value <= 1, "Use a number from 0 to 1."),
    "harnesses": (_is_names, f"Use a list of up to {MOST_NAMES} names of 1 to {LONGEST_NAME} characters."),
    "max_age_hours": (_is_age, f"Use a number above 0, up to {GREATEST_AGE}; null for any age."),
    "auto_trigger": (lambda value: isinstance(value, bool), "Use true or false."),
}


def checked(changes: Mapping[str, Any]) -> Changes:
    """The changes as they are kept: lists in order, without repeats. Raises Invalid naming every field."""
    kept = dict(changes)
    faults: dict[str, list[str]] = {}
    approvals = kept.get("required_approvals", 0)
    if not (_is_number(approvals) and approvals in range(MOST_APPROVALS + 1)):
        faults["required_approvals"] = [f"Use a whole number from 0 to {MOST_APPROVALS}."]
    if "custom_tags" in kept:
        faults |= _tag_faults(kept["custom_tags"])
        kept["custom_tags"] = sorted(set(kept["custom_tags"]))
    harness = kept.get("default_harness")
    if harness is not None and not _is_names([harness]):
        faults["default_harness"] = [f"Use a name of 1 to {LONGEST_NAME} characters, or null."]
    evaluation = dict(kept.get("evaluation_policy", {}))
    faults |= _evaluation_faults(evaluation)
    if faults:
        raise Invalid.fields(faults)
    if "evaluation_policy" in kept:
        kept["evaluation_policy"] = _in_order(evaluation)
    return kept


def _tag_faults(tags: Sequence[str]) -> dict[str, list[str]]:
    faults: dict[str, list[str]] = {}
    if len(tags) > MOST_NAMES:
        faults["custom_tags"] = [f"Use up to {MOST_NAMES} tags."]
    for index, tag in enumerate(tags[:MOST_NAMES]):
        if tag in BUILT_IN_TAGS:
            faults[f"custom_tags[{index}]"] = [f"“{tag}” is there in every namespace."]
        elif not re.fullmatch(TAG_NAME, tag):
            faults[f"custom_tags[{index}]"] = ["Use lower-case letters, digits, ., _ and -, a letter first; up to 36."]
    return faults


def _evaluation_faults(evaluation: Mapping[str, Any]) -> dict[str, list[str]]:
    faults: dict[str, list[str]] = {}
    for name, value in evaluation.items():
        known = _EVALUATION.get(name)
        if known is None:
            faults[f"evaluation_policy.{name[:100]}"] = [f"Unknown field. Known are: {', '.join(_EVALUATION)}."]
        elif not known[0](value):
            faults[f"evaluation_policy.{name}"] = [known[1]]
    return faults


def _in_order(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    if "harnesses" not in evaluation:
        return dict(evaluation)
    return {**evaluation, "harnesses": sorted(set(evaluation["harnesses"]))}


# ----------------------------------------------------------------------------- changing
def changed(present: Terms, changes: Mapping[str, Any]) -> Terms:
    """The policy with these changes; what they do not name stays."""
    whole = ("required_approvals", "custom_tags", "default_harness")
    named = {name: changes[name] for name in whole if name in changes}
    evaluation = {**present.evaluation_policy, **changes.get("evaluation_policy", {})}
    return present._replace(**named, evaluation_policy=evaluation)


def difference(present: Terms, wanted: Terms) -> Changes:
    """The changes that lead from one policy to another: none where both ask for the same."""
    changes: Changes = {}
    if wanted.required_approvals != present.required_approvals:
        changes["required_approvals"] = wanted.required_approvals
    if list(wanted.custom_tags) != list(present.custom_tags):
        changes["custom_tags"] = list(wanted.custom_tags)
    if wanted.default_harness != present.default_harness:
        changes["default_harness"] = wanted.default_harness
    was = present.evaluation_policy
    evaluation = {name: value for name, value in wanted.evaluation_policy.items() if was.get(name) != value}
    return {**changes, "evaluation_policy": evaluation} if evaluation else changes


# ----------------------------------------------------------------------------- comparing
def needs_second_person(present: Terms, wanted: Terms) -> bool:
    """Whether approvals are required now, and what is wanted asks for less."""
    return present.required_approvals > 0 and not _is_as_strict(wanted, present)


def _is_as_strict(wanted: Terms, present: Terms) -> bool:
    was, becomes = present.evaluation_policy, wanted.evaluation_policy
    return (
        wanted.required_approvals >= present.required_approvals
        and set(wanted.custom_tags) <= set(present.custom_tags)
        and MODES.index(becomes["mode"]) >= MODES.index(was["mode"])
        and becomes["threshold"] >= was["threshold"]
        and set(becomes["harnesses"]) >= set(was["harnesses"])
        and _is_as_fresh(becomes["max_age_hours"], was["max_age_hours"])
    )


def _is_as_fresh(becomes: float | None, was: float | None) -> bool:
    return was is None or (becomes is not None and becomes <= was)
