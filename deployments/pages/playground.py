"""A version tried out with values of one's own."""

from typing import Any

from django.http import JsonResponse
from django.http.response import HttpResponseBase

from deployments import serving
from deployments.pages.fields import fields_of, values_from
from deployments.pages.finding import version_shown
from pvc.errors import DomainError
from pvc.pages import Button, sentence_of


class TryOut(Button):
    """Renders a version with the form's values. It answers in JSON, and nothing is counted or kept."""

    def press(self, **kwargs: Any) -> HttpResponseBase:
        version = version_shown(self.actor, kwargs["version_id"])
        try:
            values = values_from(self.request.POST.dict(), fields_of(version))
            rendering = serving.rendered(version, values, strict=False)
        except DomainError as refused:
            return JsonResponse({"refused": sentence_of(refused)})
        return JsonResponse(
            {
                "text": rendering.text,
                "messages": rendering.messages,
                "missing": rendering.missing,
                "unused": rendering.unused,
                "tokens": serving.tokens_in(rendering),
            }
        )
