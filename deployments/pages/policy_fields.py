"""A namespace's policy in a form, and changes of it in words. Pure."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from prompts.policy import Terms

#: What evaluations have to say, in words.
MODES: Final = {
    "off": "nothing is asked of evaluations",
    "block_failures": "what failed does not pass",
    "require_pass": "only what passed goes on",
}
_LABELS: Final = {
    "name": "Name",
    "description": "Description",
    "required_approvals": "Approvals before production",
    "custom_tags": "Tags of its own",
    "default_harness": "Default harness",
    "mode": "Evaluations",
    "threshold": "Least mean score",
    "harnesses": "Harnesses that must have passed",
    "max_age_hours": "Oldest evaluation, in hours",
    "auto_trigger": "What is put up for approval is evaluated",
    "max_tokens": "Most tokens",
    "enforcement": "Who has more",
}


class Step(NamedTuple):
    """One thing that a change makes other. `before` is None where that is not known."""

    label: str
    before: str | None
    after: str


# ----------------------------------------------------------------------------- from a form
def read(fields: Mapping[str, str]) -> dict[str, Any]:
    """The policy that a form holds. What is no number stays text, and is refused by whoever knows why."""
    age = fields.get("max_age_hours", "").strip()
    return {
        "required_approvals": number(fields.get("required_approvals", "")),
        "custom_tags": _names(fields.get("custom_tags", "")),
        "default_harness": fields.get("default_harness", "").strip() or None,
        "evaluation_policy": {
            "mode": fields.get("mode", ""),
            "threshold": number(fields.get("threshold", "")),
            "harnesses": _names(fields.get("harnesses", "")),
            "max_age_hours": number(age) if age else None,
            "auto_trigger": fields.get("auto_trigger") == "yes",
        },
    }


def number(text: str) -> int | float | str:
    """A field's number; its text where it is none."""
    try:
        return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else _finite(text)
    except ValueError:
        return text


def _finite(text: str) -> float:
    found = float(text.encode("ascii"))
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def _names(text: str) -> list[str]:
    """Names with commas or line ends between them."""
    return [name for each in re.split(r"[,\r\n]+", text) if (name := each.strip())]


# ----------------------------------------------------------------------------- in words
def steps(changes: Mapping[str, Any], present: Mapping[str, Any], tiers: Mapping[str, Any]) -> list[Step]:
    """What a change makes other, against what is there now. `tiers` are the present ones, by their ids."""
    plain = {name: value for name, value in changes.items() if name not in ("evaluation_policy", "tiers")}
    evaluation = changes.get("evaluation_policy", {})
    return [
        *_steps(plain, present),
        *_steps(evaluation, present.get("evaluation_policy", {})),
        *_tier_steps(changes.get("tiers", {}), tiers),
    ]


def of_terms(terms: Terms) -> dict[str, Any]:
    """A policy as changes of it are compared with."""
    return terms._asdict()


def _steps(changes: Mapping[str, Any], present: Mapping[str, Any], prefix: str = "") -> Iterator[Step]:
    for name, value in changes.items():
        before = _said(name, present[name]) if name in present else None
        yield Step(prefix + _LABELS.get(name, name), before, _said(name, value))


def _tier_steps(changes: Mapping[str, Any], tiers: Mapping[str, Any]) -> Iterator[Step]:
    for tier_id, wanted in changes.items():
        tier = tiers.get(tier_id)
        name = f"Budget tier {tier.name}" if tier else "A budget tier that is gone"
        if wanted is None:
            yield Step(name, None, "deleted")
        else:
            yield from _steps(wanted, vars(tier) if tier else {}, f"{name}: ")


def _said(name: str, value: Any) -> str:
    if name == "mode":
        return MODES.get(value, str(value))
    if name == "enforcement":
        return {"warn": "is warned", "block": "is stopped"}.get(value, str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    if value in (None, ""):
        return "any age" if name == "max_age_hours" else "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
