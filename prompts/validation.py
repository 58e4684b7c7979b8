"""Whether a content may be sealed, and what whoever writes it should know: syntax, subset, injection, size. Pure.

One reading serves every door: a draft is saved with what it says, and nothing is sealed that it refuses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from prompts import injection, merge, template, tokens
from prompts.content import Content, Messages, defaults_of
from prompts.injection.findings import verdict
from prompts.template import Analysis, InvalidTemplate, Problem

#: How many faults of one content are told.
MOST_TOLD: Final = 50


@dataclass(frozen=True, slots=True)
class Validation:
    """What was found in a content. `expected` are the variables that the prompt says it is given."""

    analysis: Analysis
    scan: injection.Scan
    conflicts: tuple[int, ...]
    tokens: int
    unknown: tuple[str, ...]

    @property
    def problems(self) -> list[Problem]:
        """Everything that keeps the content from being sealed, in the template's own order first."""
        found = [*self.analysis.problems]
        found += [Problem(line, "a conflict", "A merge conflict is not resolved here.") for line in self.conflicts]
        return found + [Problem(each.line, each.rule, each.message) for each in self.scan.findings if _blocks(each)]

    @property
    def is_valid(self) -> bool:
        return not self.problems

    @property
    def is_readable(self) -> bool:
        """Whether it could be parsed at all; only then is anything said of the subset."""
        return not any(each.construct.endswith("the syntax") for each in self.analysis.problems)

    def as_dict(self, *, over_budget: str | None = None) -> dict[str, Any]:
        """The `validation_result` of contract 4. `over_budget` is what the prompt's tier has to say."""
        findings = [each.as_dict() for each in self.scan.findings[:MOST_TOLD]]
        return {
            "valid": self.is_valid,
            "syntax_ok": self.is_readable,
            "subset_ok": self.analysis.valid,
            "injection_scan": {"status": self.scan.status, "findings": findings},
            "token_estimate": self.tokens,
            "variables_extracted": list(self.analysis.variables),
            "unknown_variables": list(self.unknown),
            "errors": [f"Line {each.line}: {each.message}" for each in self.problems[:MOST_TOLD]],
            "warnings": [*self._warnings(), *([over_budget] if over_budget else [])],
        }

    def _warnings(self) -> list[str]:
        told = [f"Unknown variables: {', '.join(self.unknown[:MOST_TOLD])}"] if self.unknown else []
        mild = [each for each in self.scan.findings if not _blocks(each)]
        return told + [f"Line {each.line}: {each.message}" for each in mild[:MOST_TOLD]]


def validate(content: Content, *, expected: Iterable[str] = ()) -> Validation:
    """Read a content once. Known are the variables that it declares and those that the prompt expects."""
    body = content.parsed
    analysis = template.analyse_body(body)
    known = {*content.variables, *expected}
    return Validation(
        analysis=analysis,
        scan=_scanned(content),
        conflicts=tuple(merge.unresolved("\n".join(_texts(body)))),
        tokens=tokens.estimate_of(body),
        unknown=tuple(name for name in analysis.variables if name not in known),
    )


def require_valid(found: Validation) -> None:
    """Raises InvalidTemplate, which lists what is wrong."""
    if not found.is_valid:
        raise InvalidTemplate(found.problems)


def _blocks(finding: injection.Finding) -> bool:
    return finding.status in ("block", "error")


def _texts(body: str | Messages) -> list[str]:
    return [body] if isinstance(body, str) else [each["content"] for each in body if "content" in each]


def _scanned(content: Content) -> injection.Scan:
    """Each message of a chat by itself, as what one says is not split over two; and the defaults that stand in."""
    body = content.parsed
    named = [("", body)] if isinstance(body, str) else []
    if not isinstance(body, str):
        named += [(f"Message {number}: ", each["content"]) for number, each in enumerate(body, 1) if "content" in each]
    defaults = defaults_of(content.variables)
    named += [(f"The default of {name}: ", text) for name, text in defaults.items() if isinstance(text, str) and text]
    scans = injection.scan_all([text for _, text in named])
    return verdict(
        finding._replace(message=f"{where}{finding.message}")
        for (where, _), scan in zip(named, scans, strict=True)
        for finding in scan.findings
    )
