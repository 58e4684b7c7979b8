"""Deployments in the console: how a prompt's traffic is split, how the variants do, and the buttons that change it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Max, Sum
from django.urls import reverse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from deployments import charts, measures, results
from deployments.actions import experiments
from deployments.actions.experiments import CONTROL
from deployments.charts import Segment
from deployments.models import Deployment, MetricRollup, Variant
from deployments.models.experiments import LONGEST_NAME, MOST_VARIANTS, WHOLE
from deployments.models.metrics import EXPOSURE
from deployments.pages import shares
from deployments.serializers import NewDeployment, NewVariant, shares_of
from prompts.models import Prompt
from prompts.models.prompts import PromptRef
from prompts.views.finding import prompt_of
from pvc.api import Form, Text, flat_messages
from pvc.errors import Invalid, NotFound
from pvc.keeping import KeepingButton, KeepingPage
from pvc.pages import Page, Refused, stretch

#: How far back results can be asked for, in hours; the second is what is shown first.
HOURS: Final = (24, 168, 720)
MOST_METRICS: Final = 200
#: Of how many versions a new deployment's page says what they lack.
MOST_TOLD: Final = 10
_TONES: Final = {"better": "good", "worse": "bad", "mismatch": "bad"}


class Part(NamedTuple):
    """A variant and its place in the bar."""

    variant: Variant
    segment: Segment


class Measured(NamedTuple):
    """A metric that the variants were measured by."""

    metric: results.Metric
    unit: str

    @property
    def key(self) -> str:
        return f"{self.metric.type}:{self.metric.name}"


def parts_of(deployment: Deployment) -> list[Part]:
    """The variants in the order in which they came."""
    segments = charts.bar([each.weight for each in deployment.standing])
    return [Part(*each) for each in zip(deployment.standing, segments, strict=True)]


# ----------------------------------------------------------------------------- lists
class DeploymentsPage(Page):
    """The deployments of the tenant, or of one prompt, the newest first."""

    model = Prompt
    title = "Deployments"
    template_name = "admin/console/deployments.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        rows, status = Deployment.objects.visible_to(self.actor), self.asked("status")
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"])) if "prompt_id" in kwargs else None
        if prompt:
            self.title = f"{prompt.slug}: deployments"
            rows = rows.filter(prompt=prompt)
        if status in Deployment.STATUSES:
            rows = rows.filter(status=status)
        part = stretch(self.request, rows.for_display().select_related("prompt__namespace"))
        return {
            "prompt": prompt,
            "part": part,
            "listed": [(each, parts_of(each)) for each in part.rows],
            "status": status,
            "statuses": Deployment.STATUSES,
            "can_change": self.actor.may("deployments:write"),
        }


# ----------------------------------------------------------------------------- one deployment
class SplitForm(KeepingPage):
    """A page with the rows of a split: those that are kept, or those that were sent and refused."""

    model = Prompt

    def split(self, offered: list[shares.Candidate], variants: Sequence[Variant]) -> dict[str, Any]:
        kept = shares.rows_of(variants) or shares.first_rows(offered)
        rows: Sequence[shares.Row] = shares.sent_rows(self.request.POST, variants) if self.refused else kept
        if self.refused:
            rows = shares.with_faults(rows, faults_of(self.refused))
        taken = shares.version_ids(rows)
        return {
            "rows": shares.with_room(rows),
            "sum": shares.sum_of(rows),
            "offered": [each for each in offered if each.version.pk not in taken and not each.version.is_rejected],
            "most_variants": MOST_VARIANTS,
            "longest_name": LONGEST_NAME,
            "can_change": self.actor.may("deployments:write"),
        }


class DeploymentPage(SplitForm):
    """One deployment: its weights, what they may be changed to, and how the variants do."""

    template_name = "admin/console/deployment.html"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        deployment = deployment_of(self.actor, kwargs["deployment_id"])
        prompt = prompt_of(self.actor, PromptRef(deployment.prompt_id))
        offered = shares.candidates(prompt, deployment.standing)
        serving = {each.version_id for each in deployment.standing}
        self.title = f"{prompt.slug}: {deployment.name or 'a deployment'}"
        return {
            "deployment": deployment,
            "prompt": prompt,
            "parts": parts_of(deployment),
            "blocked": [each for each in offered if each.version.pk in serving and each.unmet],
            "plan": [_step(each, deployment) for each in deployment.plan],
            "guardrails": deployment.guardrails,
            **self.split(offered, deployment.standing),
            **self._results(deployment),
        }

    def _results(self, deployment: Deployment) -> dict[str, Any]:
        """How the variants compare in the metric that the address asks for; else in the one measured most."""
        known, asked = measured_of(deployment), self.asked("metric")
        chosen = next((each for each in known if each.key == asked), known[0] if known else None)
        hours = int(self.asked("hours")) if self.asked("hours") in map(str, HOURS) else HOURS[1]
        found = results.results_of(deployment, chosen.metric, measures.since(hours)) if chosen else None
        return {
            "metrics": known,
            "chosen": chosen,
            "hours": hours,
            "all_hours": HOURS,
            "results": found,
            "tone": _TONES.get(found["verdict"], "") if found else "",
            "compared": list(zip(deployment.standing, map(_figures, found["variants"]), strict=True)) if found else [],
            "chance": charts.said(found["sampleRatio"]["pValue"]) if found else "",
        }


class NewDeploymentPage(SplitForm):
    """A split that is about to be made."""

    template_name = "admin/console/deployment_new.html"
    permission_required = "deployments:write"

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        self.title = f"{prompt.slug}: a new deployment"
        sent = self.request.POST if self.refused else {}
        offered = shares.candidates(prompt)
        return {
            "prompt": prompt,
            "blocked": [each for each in offered if each.unmet and not each.version.is_rejected][:MOST_TOLD],
            "name": sent.get("name", ""),
            "begins_paused": sent.get("status") == Deployment.PAUSED,
            **self.split(offered, ()),
        }


def deployment_of(actor: Any, deployment_id: UUID) -> Deployment:
    """A deployment of the tenant's, with its variants. Raises NotFound."""
    found = Deployment.objects.visible_to(actor).for_display().filter(pk=deployment_id).first()
    if found is None:
        raise NotFound("There is no such deployment.")
    return found


def measured_of(deployment: Deployment) -> list[Measured]:
    """What its variants were measured by as far back as results go, the most often measured first."""
    rows = MetricRollup.objects.filter(
        tenant_id=deployment.tenant_id,
        subject_id__in=[each.pk for each in deployment.standing],
        hour__gte=measures.since(HOURS[-1]),
    ).exclude(type=EXPOSURE)
    found = rows.values_list("type", "name").annotate(times=Sum("count"), last_unit=Max("unit"))
    return [
        Measured(results.Metric(*row[:2]), row[3]) for row in found.order_by("-times", "type", "name")[:MOST_METRICS]
    ]


def _figures(shown: Mapping[str, Any]) -> dict[str, str]:
    """What results say of a variant, as a person reads it."""
    return {
        "exposures": f"{shown['exposures']:,}",
        "count": f"{shown['count']:,}",
        "mean": charts.said(shown["mean"]),
        "interval": charts.between(shown["interval"]),
        "difference": charts.said(shown.get("difference")),
        "difference_interval": charts.between(shown.get("differenceInterval")),
    }


def _step(step: Mapping[str, Any], deployment: Deployment) -> dict[str, Any]:
    """A step of a plan, with its weights by what a person calls the variants."""
    names = {CONTROL: "the control", **{str(each.pk): f"version {each.version.number}" for each in deployment.standing}}
    weights = [f"{names.get(key, key)} {weight} %" for key, weight in step["weights"].items()]
    return {**step, "said": ", ".join(weights)}


def faults_of(refused: Refused) -> dict[str, list[str]]:
    """What is wrong, by field; nothing, where it is no field that was refused."""
    if isinstance(refused, ValidationError):
        return flat_messages(refused.detail)
    fields: dict[str, list[str]] = refused.details.get("fields", {}) if isinstance(refused, Invalid) else {}
    return fields


# ----------------------------------------------------------------------------- buttons
class Split(Form):
    """The variants alone."""

    variants = serializers.ListField(child=NewVariant(), min_length=1, max_length=MOST_VARIANTS)


class Named(Form):
    """The name alone; an empty one takes it away."""

    name = Text(max_length=LONGEST_NAME, allow_blank=True)


class CreateDeployment(KeepingButton):
    permission_required = "deployments:write"
    audited = "deployment.created"
    decides = True

    def page_for(self, refused: Refused) -> type[KeepingPage]:  # noqa: ARG002
        return NewDeploymentPage

    def press(self, **kwargs: Any) -> str:
        prompt = prompt_of(self.actor, PromptRef(kwargs["prompt_id"]))
        rows = shares.variants_in(shares.sent_rows(self.request.POST))
        status = Deployment.PAUSED if self.request.POST.get("status") == Deployment.PAUSED else Deployment.ACTIVE
        fields = self.read(NewDeployment, promptId=str(prompt.pk), variants=rows, status=status)
        made = experiments.create_deployment(
            prompt, variants=shares_of(fields["variants"]), name=fields.get("name") or "", status=status, by=self.actor
        )
        self.say("The traffic is split." if status == Deployment.ACTIVE else "The deployment is there, and paused.")
        return reverse("console:deployment", args=[made.pk])


class DeploymentButton(KeepingButton):
    """A button on a deployment: it changes one thing about it."""

    permission_required = "deployments:write"
    audited = "deployment.changed"
    decides = True
    said: str

    def page_for(self, refused: Refused) -> type[KeepingPage] | None:  # noqa: ARG002
        """Nothing was typed: it is told as everywhere."""
        return None

    def refused_target(self) -> tuple[str, UUID | None]:
        found = Deployment.objects.visible_to(self.actor).filter(pk=self.kwargs["deployment_id"]).first()
        return str(self.kwargs["deployment_id"]), found.prompt_id if found else None

    def changes(self) -> dict[str, Any]:
        """What is to be changed, as the verb takes it. Raises ValidationError."""
        raise NotImplementedError

    def press(self, **kwargs: Any) -> str:
        deployment = deployment_of(self.actor, kwargs["deployment_id"])
        experiments.update_deployment(deployment, self.changes(), by=self.actor)
        self.say(self.said)
        return reverse("console:deployment", args=[deployment.pk])


class ChangeWeights(DeploymentButton):
    said = f"The weights are as you asked. They sum to {WHOLE}, and only as many sessions move as must."

    def page_for(self, refused: Refused) -> type[KeepingPage]:  # noqa: ARG002
        return DeploymentPage

    def changes(self) -> dict[str, Any]:
        rows = shares.variants_in(shares.sent_rows(self.request.POST))
        return {"variants": shares_of(self.read(Split, variants=rows)["variants"])}


class RenameDeployment(DeploymentButton):
    decides = False
    said = "The name is changed."

    def changes(self) -> dict[str, Any]:
        return {"name": self.read(Named)["name"]}


class PauseDeployment(DeploymentButton):
    """Asks for no password: to stop is allowed always, and has to be quick."""

    decides = False
    said = "The deployment is paused: whoever resolves it is refused until it is resumed."

    def changes(self) -> dict[str, Any]:
        return {"status": Deployment.PAUSED}


class ResumeDeployment(DeploymentButton):
    said = "The deployment is active again, and each session has the variant it had."

    def changes(self) -> dict[str, Any]:
        return {"status": Deployment.ACTIVE}


class ArchiveDeployment(DeploymentButton):
    said = "The deployment is archived. What was measured of it stays."

    def changes(self) -> dict[str, Any]:
        return {"status": Deployment.ARCHIVED}
