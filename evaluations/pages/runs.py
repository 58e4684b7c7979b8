"""Runs in the console: those of a version, one with what became of each test case, and the button that asks for one."""

from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from evaluations import history
from evaluations.actions import runs
from evaluations.models import BUILTIN, CaseReport, Evaluation, Harness, TestCase
from evaluations.pages.finding import evaluation_of
from evaluations.serializers import EvaluationRequest
from prompts.models import PromptVersion
from prompts.policy import Terms
from prompts.views.finding import version_shown
from pvc.pages import Button, Page, stretch
from tenants.models import Actor

#: How many test cases of a run are shown at a time.
RESULTS: Final = 100
MOST_METRICS: Final = 100
MOST_HARNESSES: Final = 200
#: What the built-in harness counts, in words; whatever else a harness has to say keeps its own.
_WORDS: Final = {
    "cases": "Test cases",
    "passed": "Passed",
    "failed": "Failed",
    "tokens": "Tokens, about",
    "mostTokens": "Most in one, about",
    "milliseconds": "Milliseconds in all",
}


class Choices(NamedTuple):
    """The harnesses that somebody may ask, and which of them is offered first."""

    names: list[str]
    first: str


def choices_for(actor: Actor, terms: Terms) -> Choices:
    """The built-in harness, what the policy names, and what is registered. What the policy asks for comes first."""
    required = sorted(terms.evaluation_policy["harnesses"])
    named = [name for name in (*required, terms.default_harness) if name]
    preferred = terms.default_harness if terms.default_harness in required or not required else required[0]
    return Choices(list(dict.fromkeys([BUILTIN, *named, *harness_names(actor)])), preferred or BUILTIN)


def harness_names(actor: Actor) -> list[str]:
    """The harnesses that are always there or registered, by name."""
    found = Harness.objects.visible_to(actor).order_by("name").values_list("name", flat=True)
    return [BUILTIN, *found[:MOST_HARNESSES]]


class EvaluationsPage(Page):
    """Every run on one version, the newest first."""

    model = PromptVersion
    template_name = "admin/console/evaluations.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        version = version_shown(self.actor, kwargs["version_id"])
        self.title = f"{version.prompt.slug}, version {version.number}: evaluations"
        rows = Evaluation.objects.visible_to(self.actor).filter(version=version).select_related("triggered_by")
        return {"version": version, "prompt": version.prompt, "part": stretch(self.request, rows.defer("metrics"))}


class EvaluationPage(Page):
    """One run: how it ended, what it counted, and its test cases, the failed ones first."""

    model = PromptVersion
    template_name = "admin/console/evaluation.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        run = evaluation_of(self.actor, kwargs["evaluation_id"])
        version, prompt = run.version, run.prompt
        self.title = f"{prompt.slug}, version {version.number}: evaluation by {run.harness}"
        newest = {each.harness: each for each in history.runs_of([version])[version.pk]}[run.harness]
        said = {name: run.metrics[name] for name in (*_WORDS, *run.metrics) if name in run.metrics}
        return {
            "run": run,
            "version": version,
            "prompt": prompt,
            "newest": newest,
            "counts": newest.id == run.pk,
            "is_outdated": newest.is_outdated,
            "error": _error(said) if run.status == Evaluation.ERROR else "",
            "metrics": [(_WORDS.get(name, name), value) for name, value in islice(said.items(), MOST_METRICS)],
            **self._results(run),
        }

    def _results(self, run: Evaluation) -> dict[str, Any]:
        report = CaseReport.objects.filter(evaluation=run).first()
        if report is None:
            return {"results": None}
        cases = sorted(report.cases, key=lambda each: each["passed"])
        asked = self.asked("from", 6)
        start = min(int(asked), len(cases)) if asked.isascii() and asked.isdecimal() else 0
        rows = cases[start : start + RESULTS]
        there = TestCase.objects.filter(prompt=run.prompt_id, name__in=[each["name"] for each in rows])
        known = dict(there.values_list("name", "pk"))
        return {
            "results": [{**each, "case_id": known.get(each["name"])} for each in rows],
            "total": len(cases),
            "first": start + 1,
            "last": start + len(rows),
            "part": {"newer": _from(max(start - RESULTS, 0)) if start else "", "older": _next(start, len(cases))},
        }


def _error(said: dict[str, Any]) -> str:
    """Why nothing could be told, as the worker said it; taken out of what else is said."""
    code, message = said.pop("error", ""), said.pop("message", "")
    return " ".join(str(each) for each in (message, f"({code})" if code else "") if each)


def _next(start: int, total: int) -> str:
    return _from(start + RESULTS) if start + RESULTS < total else ""


def _from(place: int) -> str:
    return "?" + urlencode({"from": place})


class Evaluate(Button):
    """Asks for a run. It decides nothing by itself: the gate reads what comes of it."""

    permission_required = "evaluations:write"

    def press(self, **kwargs: Any) -> str:
        version_id: UUID = kwargs["version_id"]
        version = version_shown(self.actor, version_id)
        asked = self.read(EvaluationRequest, versionId=str(version_id)).get("harnessId") or ""
        run = runs.trigger(version, harness=asked, by=self.actor)
        self.say(f"An evaluation of version {version.number} by {run.harness} is asked for.")
        return reverse("console:review", args=[version.pk])
