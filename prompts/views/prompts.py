"""/prompts: made, read, changed, archived."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prompts.actions import prompts as actions
from prompts.actions.versions import OverBudget
from prompts.content import TEXT, content_of
from prompts.models import Namespace, Prompt
from prompts.models.prompts import PromptArchived, PromptRef, with_latest
from prompts.names import DEFAULT_NAMESPACE, check_prompt_name
from prompts.serializers import NewPrompt, PromptChanges, PromptOut
from prompts.template import InvalidTemplate
from prompts.views.finding import PromptDoor, prompt_of
from pvc.api import Form, ImmutableField, without_read_only
from pvc.errors import Conflict, Invalid, PreconditionFailed
from pvc.schema import page_of, refuses

_FILTER = {"type": "string", "maxLength": 500}
_ARCHIVED = {"type": "string", "enum": ["false", "true", "all"], "default": "false"}
_FILTERS = [
    OpenApiParameter(
        "search",
        _FILTER,
        description="Only those with this text in their name or description, in any case.",
        examples=[OpenApiExample("Part of a name", "support")],
    ),
    OpenApiParameter(
        "namespace",
        _FILTER,
        description="Only those of this namespace; without it, of all.",
        examples=[OpenApiExample("The first one", "default")],
    ),
    OpenApiParameter(
        "archived",
        _ARCHIVED,
        description="`false` leaves archived prompts out, `true` shows them alone, `all` shows both.",
        examples=[OpenApiExample("Both", "all")],
    ),
    OpenApiParameter(
        "tag", _FILTER, description="Only those that have this tag.", examples=[OpenApiExample("Live", "production")]
    ),
]


@extend_schema(tags=["Prompts"])
class PromptViewSet(PromptDoor):
    """Prompts as the registry surface shows them."""

    scopes = {
        "list": "prompts:read",
        "retrieve": "prompts:read",
        "create": "prompts:write",
        "update": "prompts:write",
        "archive": "prompts:write",  # or prompts:promote: see scope_asked
        "unarchive": "prompts:write",
    }
    audited = {"archive": "prompt.archived"}

    def scope_asked(self) -> str:
        """To archive takes either right; the verb knows which, by what is served."""
        if self.action == "archive" and self.actor.may("prompts:promote"):
            return "prompts:promote"
        return super().scope_asked()

    @extend_schema(parameters=_FILTERS, responses=page_of(PromptOut))
    def list(self, request: Request) -> Response:
        """List prompts.

        Newest first. Archived prompts are left out unless you ask for them.
        """
        filters = {name: value for name in ("search", "namespace", "archived", "tag") if (value := self.query(name))}
        prompts = Prompt.objects.visible_to(self.actor).archived_or_not(filters.get("archived", "false")).for_display()
        if "namespace" in filters:
            prompts = prompts.filter(namespace__slug=filters["namespace"])
        if "search" in filters:
            prompts = prompts.matching(filters["search"])
        if "tag" in filters:
            prompts = prompts.carrying(filters["tag"])
        return self.page(prompts, PromptOut, complete=with_latest, filters=filters)

    @extend_schema(request=NewPrompt, responses={201: PromptOut})
    @refuses(Conflict, InvalidTemplate)
    def create(self, request: Request) -> Response:
        """Make a prompt.

        Its first version is sealed at once, with the number 1. Name, namespace and type are fixed from then on; a name
        stays taken when its prompt is archived. A template is a safe subset of Jinja: variables, `if`, `for`, `set`
        and the usual filters; the text of a chat is a list of messages.
        """
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
        """Read a prompt.

        An archived one too. `template`, `variables` and `config` are those last written through the prompt itself;
        `latestVersion` is the newest version, which may hold another text.
        """
        return self._shown(prompt_of(self.actor, ref))

    @extend_schema(request=PromptChanges, responses=PromptOut)
    @refuses(ImmutableField, PromptArchived, PreconditionFailed, InvalidTemplate, OverBudget)
    def update(self, request: Request, ref: PromptRef) -> Response:
        """Change a prompt.

        What is left out stays as it is. A changed text, variables or config are sealed as the next version, so nothing
        is lost; a content that was sealed before makes no new version: the prompt then shows that one. Read-only
        fields may be sent back with the value they have.
        """
        prompt = prompt_of(self.actor, ref)
        changes = self.read(PromptChanges, without_read_only(request.data, _out(prompt), PromptChanges))
        if "description" in changes:
            changes["description"] = changes["description"] or ""
        return self._shown(actions.update_prompt(prompt, changes=changes, if_match=self.if_match, by=self.actor))

    @extend_schema(
        responses={200: PromptOut},
        extensions={"x-required-scope": ["prompts:read", "prompts:write", "prompts:promote"]},
    )
    @refuses(actions.AlreadyArchived, PreconditionFailed)
    def archive(self, request: Request, ref: PromptRef) -> Response:
        """Archive a prompt.

        An archived prompt keeps its name, versions and tags, takes nothing new and serves nothing. Unarchiving brings
        it back as it was. Nothing is ever deleted.

        Needs the scope `prompts:read`, and `prompts:write`; where the prompt has the tag `production`,
        `prompts:promote` instead of `prompts:write`.
        """
        prompt = prompt_of(self.actor, ref)
        self.read(Form)
        return self._shown(actions.archive_prompt(prompt, if_match=self.if_match, by=self.actor))

    @extend_schema(request=None, responses=PromptOut)
    @refuses(actions.NotArchived, PreconditionFailed)
    def unarchive(self, request: Request, ref: PromptRef) -> Response:
        """Bring a prompt back from the archive.

        With the versions and tags it had; what was in production is served again at once.
        """
        prompt = prompt_of(self.actor, ref)
        self.read(Form)
        return self._shown(actions.unarchive_prompt(prompt, if_match=self.if_match, by=self.actor))

    def _shown(self, prompt: Prompt, *, status: int = 200) -> Response:
        fresh = prompt_of(self.actor, PromptRef(id=prompt.pk))
        return self.answer(_out(fresh), status=status, revision=fresh.revision)


def _out(prompt: Prompt) -> dict[str, Any]:
    return PromptOut(with_latest([prompt])[0]).data
