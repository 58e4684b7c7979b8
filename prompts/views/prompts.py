"""/prompts: made, read, changed, archived."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prompts.actions import prompts as actions
from prompts.content import TEXT, content_of
from prompts.models import Namespace, Prompt
from prompts.models.prompts import PromptRef, with_latest
from prompts.names import DEFAULT_NAMESPACE, check_prompt_name
from prompts.serializers import NewPrompt, PromptChanges, PromptOut
from prompts.views.finding import PromptDoor, prompt_of
from pvc.api import Form, without_read_only
from pvc.errors import Invalid
from pvc.schema import page_of

_FILTERS = [
    OpenApiParameter("search", str, description="Part of the name or description, in any case."),
    OpenApiParameter("namespace", str, description="One namespace's; default is all."),
    OpenApiParameter("archived", str, enum=["false", "true", "all"], description="Default is false."),
    OpenApiParameter("tag", str, description="Those that have this tag."),
]


class PromptViewSet(PromptDoor):
    scopes = {
        "list": "prompts:read",
        "retrieve": "prompts:read",
        "create": "prompts:write",
        "update": "prompts:write",
        "archive": "prompts:read",  # the verb asks for more, by what is served
        "unarchive": "prompts:write",
    }
    audited = {"archive": "prompt.archived"}

    @extend_schema(parameters=_FILTERS, responses=page_of(PromptOut))
    def list(self, request: Request) -> Response:
        filters = {name: value for name in ("search", "namespace", "archived", "tag") if (value := self.query(name))}
        prompts = Prompt.objects.visible_to(self.actor).for_display()
        if archived := {"false": [True], "true": [False], "all": []}.get(filters.get("archived", "false")):
            prompts = prompts.filter(archived_at__isnull=archived[0])
        elif archived is None:
            raise Invalid.field("archived", "Use false, true or all.")
        if "namespace" in filters:
            prompts = prompts.filter(namespace__slug=filters["namespace"])
        if "search" in filters:
            prompts = prompts.matching(filters["search"])
        if "tag" in filters:
            prompts = prompts.carrying(filters["tag"])
        return self.page(prompts, PromptOut, complete=with_latest, filters=filters)

    @extend_schema(request=NewPrompt, responses={201: PromptOut})
    def create(self, request: Request) -> Response:
        fields = self.read(NewPrompt)
        check_prompt_name(fields["name"])
        slug = fields.get("namespace") or DEFAULT_NAMESPACE
        namespace = Namespace.objects.visible_to(self.actor).filter(slug=slug).first()
        if namespace is None:
            raise Invalid.field("namespace", "There is no such namespace.")
        prompt = actions.create_prompt(
            namespace,
            fields["name"],
            content=content_of(
                fields.get("type") or TEXT,
                fields["template"],
                fields.get("variables"),
                fields.get("config"),
                field="template",
            ),
            description=fields.get("description") or "",
            metadata=fields.get("metadata"),
            by=self.actor,
        )
        return self._shown(prompt, status=201)

    @extend_schema(responses=PromptOut)
    def retrieve(self, request: Request, ref: PromptRef) -> Response:
        return self._shown(prompt_of(self.actor, ref))

    @extend_schema(request=PromptChanges, responses=PromptOut)
    def update(self, request: Request, ref: PromptRef) -> Response:
        prompt = prompt_of(self.actor, ref)
        changes = self.read(PromptChanges, without_read_only(request.data, _out(prompt), PromptChanges))
        if "description" in changes:
            changes["description"] = changes["description"] or ""
        return self._shown(actions.update_prompt(prompt, changes=changes, if_match=self.if_match, by=self.actor))

    @extend_schema(responses=PromptOut)
    def archive(self, request: Request, ref: PromptRef) -> Response:
        prompt = prompt_of(self.actor, ref)
        self.read(Form)
        return self._shown(actions.archive_prompt(prompt, if_match=self.if_match, by=self.actor))

    @extend_schema(request=None, responses=PromptOut)
    def unarchive(self, request: Request, ref: PromptRef) -> Response:
        prompt = prompt_of(self.actor, ref)
        self.read(Form)
        return self._shown(actions.unarchive_prompt(prompt, if_match=self.if_match, by=self.actor))

    def _shown(self, prompt: Prompt, *, status: int = 200) -> Response:
        fresh = prompt_of(self.actor, PromptRef(id=prompt.pk))
        return self.answer(_out(fresh), status=status, revision=fresh.revision)


def _out(prompt: Prompt) -> dict[str, Any]:
    return PromptOut(with_latest([prompt])[0]).data
