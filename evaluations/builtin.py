"""The built-in harness: a version rendered with the values of each test case, and what its assertions say. Pure."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, NamedTuple

from evaluations.assertions import Fault, cut, faults
from prompts import template, tokens
from prompts.content import Messages
from pvc.errors import DomainError

#: The type of the fault of a case that could not be rendered.
RENDER: Final = "render"
LONGEST_REFUSAL: Final = 500
#: How many faults of one case are stored: the first of them say what there is to mend.
MOST_FAULTS: Final = 5


class Subject(NamedTuple):
    """What is evaluated: a version's content, its declared defaults, and the key of its compiled program."""

    content: str | Messages
    defaults: Mapping[str, Any]
    cache_key: Hashable | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A test case: values for the variables, and what must hold of the text that they give."""

    name: str
    variables: Mapping[str, Any]
    assertions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case. `tokens` is an estimate, 0 where nothing could be rendered."""

    name: str
    faults: tuple[Fault, ...]
    tokens: int
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """As it is stored; times in milliseconds."""
        return {
            "name": self.name,
            "passed": self.passed,
            "faults": [fault.as_dict() for fault in self.faults[:MOST_FAULTS]],
            "tokens": self.tokens,
            "milliseconds": _milliseconds(self.seconds),
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of all cases. `score` is the share that passed, 0 to 1."""

    cases: int
    passed_cases: int
    tokens: int
    most_tokens: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether all did; of no cases at all nothing is known, and they do not pass."""
        return 0 < self.cases == self.passed_cases

    @property
    def score(self) -> float:
        return self.passed_cases / self.cases if self.cases else 0.0

    def as_dict(self) -> dict[str, Any]:
        """As it is stored; times in milliseconds."""
        return {
            "cases": self.cases,
            "passed": self.passed_cases,
            "failed": self.cases - self.passed_cases,
            "tokens": self.tokens,
            "mostTokens": self.most_tokens,
            "milliseconds": _milliseconds(self.seconds),
        }


def run_case(subject: Subject, case: Case) -> CaseResult:
    """Render the version with the case's values, as rendering does, and hold the assertions against the text.

    What cannot be rendered is a failed case with the refusal's sentence.
    """
    started = perf_counter()
    try:
        rendering = template.render(
            subject.content, case.variables, defaults=subject.defaults, cache_key=subject.cache_key
        )
    except DomainError as error:
        refusal = Fault(RENDER, None, cut(error.message, LONGEST_REFUSAL))
        return CaseResult(case.name, (refusal,), 0, perf_counter() - started)
    count = tokens.estimate(rendering.text)
    found = tuple(faults(case.assertions, rendering, count))
    return CaseResult(case.name, found, count, perf_counter() - started)


def summarise(results: Sequence[CaseResult]) -> Summary:
    """The results of all cases together."""
    return Summary(
        cases=len(results),
        passed_cases=sum(result.passed for result in results),
        tokens=sum(result.tokens for result in results),
        most_tokens=max((result.tokens for result in results), default=0),
        seconds=sum(result.seconds for result in results),
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1_000, 3)
