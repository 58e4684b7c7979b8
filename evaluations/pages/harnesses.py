"""Harnesses in the console: registered, changed, removed. Their secrets go in and are never shown."""

from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from rest_framework.exceptions import ValidationError

from evaluations.actions import harnesses
from evaluations.models import LONGEST_TIMEOUT, Harness
from evaluations.pages.finding import harness_of
from evaluations.serializers import HarnessChanges, NewHarness
from prompts.models import Prompt
from pvc.api import Text, flat_messages
from pvc.errors import Invalid
from pvc.keeping import KeepingButton, KeepingPage
from pvc.pages import Page, Refused, stretch
from pvc.standard_webhooks import SECRET_LENGTHS

_LIMITS = {
    "longest_timeout": LONGEST_TIMEOUT,
    "shortest_secret": SECRET_LENGTHS.start,
    "longest_secret": SECRET_LENGTHS[-1],
}


class Changes(HarnessChanges):
    """As the API's, but a field for the secret that is left empty leaves the one there is."""

    secret = Text(min_length=SECRET_LENGTHS.start, max_length=SECRET_LENGTHS[-1], required=False, allow_blank=True)


class HarnessesPage(Page):
    """The registered harnesses, the newest first."""

    model = Prompt
    title = "Harnesses"
    template_name = "admin/console/harnesses.html"
    permission_required = "admin"

    def shown(self, **_: Any) -> dict[str, Any]:
        return {"part": stretch(self.request, Harness.objects.visible_to(self.actor))}


class HarnessForm(KeepingPage):
    """The fields of a harness: what is kept, or what was sent and refused, but never a secret."""

    model = Prompt
    template_name = "admin/console/harness.html"
    permission_required = "admin"

    def fields(self, harness: Harness | None) -> dict[str, Any]:
        filled = _as_sent(self.request.POST, self.refused) if self.refused else _as_kept(harness)
        return {"harness": harness, **_LIMITS, **filled}


class NewHarnessPage(HarnessForm):
    """A harness that is about to be registered."""

    title = "Register a harness"

    def shown(self, **_: Any) -> dict[str, Any]:
        return self.fields(None)


class HarnessPage(HarnessForm):
    """One harness."""

    def shown(self, **kwargs: Any) -> dict[str, Any]:
        harness = harness_of(self.actor, kwargs["harness_id"])
        self.title = f"Harness {harness.name}"
        return self.fields(harness)


def _as_kept(harness: Harness | None) -> dict[str, Any]:
    fresh = harness or Harness()
    return {"sent": {"name": fresh.name, "url": fresh.url, "timeoutSeconds": fresh.timeout_seconds}, "faults": {}}


def _as_sent(sent: QueryDict, refused: Refused) -> dict[str, Any]:
    faults: dict[str, list[str]] = {}
    if isinstance(refused, ValidationError):
        faults = flat_messages(refused.detail)
    elif isinstance(refused, Invalid):
        faults = refused.details.get("fields", {})
    kept = {name: sent.get(name, "") for name in ("name", "url", "timeoutSeconds")}
    return {"sent": kept, "faults": faults}


# ----------------------------------------------------------------------------- buttons
class HarnessButton(KeepingButton):
    """A button on a harness. Whoever has its secret can say that something passed, so the password is asked for."""

    permission_required = "admin"
    decides = True

    def page_for(self, refused: Refused) -> type[KeepingPage] | None:  # noqa: ARG002
        return HarnessPage

    def harness(self) -> Harness:
        harness_id: UUID = self.kwargs["harness_id"]
        return harness_of(self.actor, harness_id)


class RegisterHarness(HarnessButton):
    def page_for(self, refused: Refused) -> type[KeepingPage]:  # noqa: ARG002
        return NewHarnessPage

    def press(self, **_: Any) -> str:
        harness = harnesses.register_harness(**self.read(NewHarness), by=self.actor)
        self.say(f"The harness {harness.name} is registered: a version's page offers it.")
        return reverse("console:harnesses")


class ChangeHarness(HarnessButton):
    def press(self, **_: Any) -> str:
        fields = {name: value for name, value in self.read(Changes).items() if value != ""}
        harness = harnesses.change_harness(self.harness(), fields, by=self.actor)
        self.say(f"The harness {harness.name} is as you asked.")
        return reverse("console:harness", args=[harness.pk])


class RemoveHarness(HarnessButton):
    def page_for(self, refused: Refused) -> None:
        """Nothing was typed: it is told as everywhere."""

    def press(self, **_: Any) -> str:
        harness = self.harness()
        harnesses.remove_harness(harness, by=self.actor)
        self.say(f"The harness {harness.name} is removed. What it has said stays, and counts.")
        return reverse("console:harnesses")
