"""Buttons under a text: where the verb refuses, the page is shown again, with all that was typed."""

from typing import cast

from django.contrib.admin import site
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ValidationError

from pvc import answers
from pvc.pages import Button, Page, Refused


class KeepingPage(Page):
    """A page with fields. After a refusal it shows what was sent."""

    refused: Refused | None = None


class KeepingButton(Button):
    """A button whose refusal is told on its page, and loses nothing."""

    def told(self, refused: Refused) -> HttpResponseBase:
        page = self.page_for(refused)
        return self._shown_again(page, refused) if page else super().told(refused)

    def page_for(self, refused: Refused) -> type[KeepingPage] | None:
        """Which page tells of this refusal; none, where it is told as everywhere."""
        raise NotImplementedError

    def _shown_again(self, page: type[KeepingPage], refused: Refused) -> HttpResponseBase:
        """The page itself, with the refusal's status. Raises NotFound where there is none to show."""
        status = refused.status_code if isinstance(refused, ValidationError) else answers.status_of(refused)
        view = page(model_admin=site.get_model_admin(page.model), refused=refused)
        view.setup(self.request, **self.kwargs)
        view.actor = self.actor
        return cast("HttpResponseBase", view.render_to_response(view.get_context_data(**self.kwargs), status=status))
