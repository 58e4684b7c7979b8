"""What evaluations say to a version's promotion: shown on its review page, asked for again while some still run."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from django.utils import timezone

from deployments import policy
from deployments.pages.finding import version_shown
from evaluations import gate, history
from evaluations.gate import UNFINISHED, Run
from evaluations.pages.runs import choices_for
from prompts.models import NamespacePolicy, PromptVersion
from pvc.pages import Page
from tenants.models import Actor

#: What stands before the codes of what evaluations have against a promotion (contract 4).
_CODES: Final = ("EVALUATION_", "SCORE_")


class Shown(NamedTuple):
    """The newest run of a harness, and whether what it says still holds."""

    run: Run
    is_stale: bool


def of_evaluations(unmet: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What evaluations have against a promotion, out of all that stands in its way."""
    return [each for each in unmet if each["code"].startswith(_CODES)]


def gate_of(version: PromptVersion, terms: NamespacePolicy, actor: Actor) -> dict[str, Any]:
    """What stands in a version's way, what evaluations have to do with it, and their newest runs."""
    runs = history.runs_of([version])[version.pk]
    asked = version.status in ("pre_prod", "retired")
    unmet = policy.unmet_by(version, terms, runs) if asked else []
    evaluation = terms.terms.evaluation_policy
    may_ask = version.is_sealed and not version.prompt.is_archived and actor.may("evaluations:write")
    return {
        "unmet": unmet,
        "gate": {
            "asked": asked,
            "mode": evaluation["mode"],
            "closed": of_evaluations(unmet),
            "runs": [Shown(run, is_stale(run, evaluation)) for run in gate.newest(runs).values()],
            "is_unfinished": any(run.status in UNFINISHED for run in runs),
        },
        "choices": choices_for(actor, terms.terms) if may_ask else None,
    }


def is_stale(run: Run, evaluation: Mapping[str, Any]) -> bool:
    """Whether the test cases are other ones by now, or the run is older than the policy takes."""
    hours = evaluation["max_age_hours"]
    too_old = hours is not None and run.completed_at and timezone.now() - run.completed_at > dt.timedelta(hours=hours)
    return bool(too_old) or run.is_outdated


class GatePage(Page):
    """The parts of the review page that change when an evaluation ends, alone: console.js puts them into it."""

    model = PromptVersion
    title = "Evaluations"
    template_name = "admin/console/gate.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        version = version_shown(self.actor, kwargs["version_id"])
        return {"version": version, **gate_of(version, version.prompt.namespace.policy, self.actor)}
