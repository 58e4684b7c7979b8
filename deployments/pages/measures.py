"""What was measured of a prompt or a version, in the console: figures, charts by the hour, versions side by side."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from django.db.models import Exists, Max, Min, OuterRef, Sum

from deployments import charts, measures
from deployments.charts import Chart, Point
from deployments.measures import Measures, Subject
from deployments.models import MetricRollup
from deployments.models.metrics import TYPES
from deployments.statistics import Sample
from prompts.models import Prompt, PromptVersion
from prompts.models.prompts import PromptRef
from prompts.views.finding import prompt_of
from pvc.errors import NotFound
from pvc.pages import Page

#: How far back can be asked for, in hours; the second is what is shown first.
HOURS: Final = (24, 168, 720, 8_760)
#: How many metrics are drawn at once; one that is chosen is drawn alone.
MOST_CHARTS: Final = 8
MOST_COMPARED: Final = 10
_FIGURES: Final = ("mean", "p50", "p95", "p99", "min", "max")

#: A metric: its type and its name.
Key = tuple[str, str]


class Summed(NamedTuple):
    """A line of the table: a metric and its figures."""

    type: str
    name: str
    unit: str
    times: int
    figures: list[str]

    @property
    def key(self) -> str:
        return f"{self.type}:{self.name}"

    @property
    def said_times(self) -> str:
        return f"{self.times:,}"


class Drawn(NamedTuple):
    """A metric's chart, what it shows in a sentence, and the same as a table."""

    of: Summed
    chart: Chart
    sentence: str
    hours: list[tuple[dt.datetime, str, list[str]]]


class Compared(NamedTuple):
    """A version and its figures in one metric."""

    version: PromptVersion
    times: str
    mean: str
    interval: str
    least: str
    greatest: str


class MeasuresPage(Page):
    """Figures and charts of what was measured of something."""

    template_name = "admin/console/measures.html"

    def measured(self, subject: Subject) -> dict[str, Any]:
        """What the template shows of a subject, over the hours and of the type and the metric that are asked for."""
        asked, type_, chosen = self.asked("hours"), self.asked("type"), self.asked("metric")
        hours = int(asked) if asked in map(str, HOURS) else HOURS[1]
        type_ = type_ if type_ in TYPES else ""
        start = measures.since(hours)
        found = measures.measures_of(subject, start, type_ or None)
        rows = summed(found)
        kept = [each for each in rows if each.key == chosen] or rows[:MOST_CHARTS]
        together = charts.hours_together(hours)
        return {
            "hours": hours,
            "all_hours": HOURS,
            "type": type_,
            "types": TYPES,
            "chosen": chosen if any(each.key == chosen for each in rows) else "",
            "rows": rows,
            "drawn": [drawn(each, found, start, hours) for each in kept],
            "together": together,
            "start": start,
            "plot": {name: getattr(charts, name) for name in ("WIDTH", "HEIGHT", "LEFT", "RIGHT", "TOP", "BOTTOM")},
        }


class PromptMeasuresPage(MeasuresPage):
    """What was measured of all versions of a prompt together, and of the newest ones beside each other."""

    model = Prompt

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        self.title = f"{prompt.slug}: metrics"
        shown = self.measured(Subject(self.actor.tenant.pk, prompt.pk, is_version=False))
        most = max(shown["rows"], key=lambda each: each.times, default=None)
        by = next((each for each in shown["rows"] if each.key == shown["chosen"]), most)
        example = prompt.versions.in_production_of(prompt).first() or prompt.versions.sealed().order_by("number").last()
        return {
            **shown,
            "prompt": prompt,
            "version": None,
            "example": example,
            "compared_by": by,
            "compared": compared(prompt, (by.type, by.name), shown["start"]) if by else [],
        }


class VersionMeasuresPage(MeasuresPage):
    """What was measured of one version."""

    model = PromptVersion

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        sealed = PromptVersion.objects.visible_to(self.actor).sealed().with_status()
        version = sealed.select_related("prompt__namespace").filter(pk=kwargs["version_id"]).first()
        if version is None:
            raise NotFound("There is no such version.")
        self.title = f"{version.prompt.slug}, version {version.number}: metrics"
        shown = self.measured(Subject(self.actor.tenant.pk, version.pk, is_version=True))
        return {**shown, "prompt": version.prompt, "version": version, "example": version}


# ----------------------------------------------------------------------------- figures
def summed(found: Measures) -> list[Summed]:
    """The table of figures, in the order of types and names."""
    return [
        _line(type_, name, figures) for type_, by_name in found.summary.items() for name, figures in by_name.items()
    ]


def _line(type_: str, name: str, figures: Mapping[str, Any]) -> Summed:
    said = [charts.said(figures[each]) for each in _FIGURES]
    return Summed(type_, name, figures["unit"], figures["count"], said)


def drawn(of: Summed, found: Measures, start: dt.datetime, hours: int) -> Drawn:
    """The chart of a metric."""
    together = charts.hours_together(hours)
    series = [each for each in found.series if each.metric == (of.type, of.name)]
    points = charts.points_of(series, start, together)
    return Drawn(
        of, charts.drawn(points, start, hours, together), _sentence(points, len(series), hours), _table(points)
    )


def _sentence(points: Sequence[Point], measured: int, hours: int) -> str:
    """What a chart shows, for whoever does not see it."""
    means, greatest = [each.mean for each in points], [each.p95 for each in points if each.p95 is not None]
    ends = f"The mean lies between {charts.said(min(means))} and {charts.said(max(means))}"
    reach = f", and p95 reaches {charts.said(max(greatest))}" if greatest else ""
    return f"{ends}{reach}; something was measured in {measured} of {hours + 1} hours."


def _table(points: Sequence[Point]) -> list[tuple[dt.datetime, str, list[str]]]:
    """The newest first."""
    return [
        (each.start, f"{each.count:,}", [charts.said(each.mean), charts.said(each.p50), charts.said(each.p95)])
        for each in reversed(points)
    ]


# ----------------------------------------------------------------------------- versions beside each other
def compared(prompt: Prompt, metric: Key, since: dt.datetime) -> list[Compared]:
    """The newest versions that were measured by this metric, from `since` on."""
    hours = MetricRollup.objects.filter(tenant_id=prompt.tenant_id, hour__gte=since, type=metric[0], name=metric[1])
    versions = prompt.versions.sealed().filter(Exists(hours.filter(subject_id=OuterRef("pk"))))
    newest = list(versions.with_status().defer("body", "variables", "config").order_by("-number")[:MOST_COMPARED])
    sums = hours.filter(subject_id__in=[each.pk for each in newest]).values("subject_id")
    found = sums.annotate(
        times=Sum("count"), sum=Sum("total"), of_squares=Sum("squares"), low=Min("least"), high=Max("greatest")
    )
    by_version = {row["subject_id"]: row for row in found.order_by()}
    return [_compared(each, by_version[each.pk]) for each in newest if each.pk in by_version]


def _compared(version: PromptVersion, row: Mapping[str, Any]) -> Compared:
    sample = Sample(row["times"], row["sum"], row["of_squares"])
    return Compared(
        version,
        f"{sample.count:,}",
        charts.said(sample.mean),
        charts.between(sample.interval),
        charts.said(row["low"]),
        charts.said(row["high"]),
    )
