"""/prompts/templates: prompts as the lifecycle surface shows them, and the drafts opened in them."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prompts.actions import drafts
from prompts.actions import prompts as actions
from prompts.content import TEXT, content_of
from prompts.lifecycle import NewDraft, NewTemplate, TemplateChanges, TemplateOut, VersionOut
from prompts.models import BudgetTier, Namespace, Prompt, PromptVersion, Tag
from prompts.models.prompts import PromptArchived, PromptQuerySet
from prompts.names import PRODUCTION, STAGING, is_uuid
from prompts.views.finding import LifecycleDoor, in_full
from pvc.api import Form, ImmutableField, without_read_only
from pvc.errors import Conflict, Invalid, NotFound, PreconditionFailed
from pvc.schema import lifecycle_page_of, refuses
from tenants.models import UserRequired

_FILTERS = [
    OpenApiParameter(
        "namespace",
        {"type": "string", "maxLength": 500},
        description="Only those of this namespace, by slug; without it, of all.",
        examples=[OpenApiExample("The first one", "default")],
    ),
    OpenApiParameter(
        "search",
        {"type": "string", "maxLength": 500},
        description="Only those with this text in their slug, name or description, in any case.",
        examples=[OpenApiExample("Part of a name", "support")],
    ),
    OpenApiParameter(
        "archived",
        {"type": "string", "enum": ["false", "true", "all"], "default": "false"},
        description="`false` leaves archived templates out, `true` shows them alone, `all` shows both.",
        examples=[OpenApiExample("Both", "all")],
    ),
]


class TemplateDoor(LifecycleDoor):
    """A door on the template that its path names."""

    def template(self) -> Prompt:
        """The template of the path. Raises NotFound, for another tenant's just the same."""
        found = _for_display(Prompt.objects.visible_to(self.actor)).filter(pk=self.kwargs["template_id"]).first()
        if found is None:
            raise NotFound("There is no such template.")
        return found

    def refused_target(self) -> tuple[str, UUID | None]:
        template_id = self.kwargs.get("template_id")
        if self.owner is None or template_id is None:
            return ("", None)
        known = Prompt.objects.visible_to(self.owner).filter(pk=template_id).first()
        return (str(template_id), known.pk if known else None)


@extend_schema(tags=["Templates"])
class TemplateViewSet(TemplateDoor):
    """Templates: a prompt is called so where drafts are written."""

    scopes = {
        "list": "prompts:read",
        "retrieve": "prompts:read",
        "create": "prompts:write",
        "update": "prompts:write",
        "archive": "prompts:write",  # or prompts:promote: see scope_asked
    }
    audited = {"archive": "prompt.archived"}

    def scope_asked(self) -> str:
        """To archive takes either right; the verb knows which, by what is served."""
        if self.action == "archive" and self.actor.may("prompts:promote"):
            return "prompts:promote"
        return super().scope_asked()

    @extend_schema(parameters=_FILTERS, responses=lifecycle_page_of(TemplateOut))
    def list(self, request: Request) -> Response:
        """List templates.

        Newest first. Archived ones are left out unless you ask for them.
        """
        filters = {name: value for name in ("namespace", "search", "archived") if (value := self.query(name))}
        visible = Prompt.objects.visible_to(self.actor).archived_or_not(filters.get("archived", "false"))
        templates = _for_display(visible)
        if "namespace" in filters:
            templates = templates.filter(namespace__slug=filters["namespace"])
        if "search" in filters:
            templates = templates.matching(filters["search"])
        return self.page(templates, TemplateOut, filters=filters)

    @extend_schema(request=NewTemplate, responses={201: TemplateOut})
    @refuses(Conflict, UserRequired)
    def create(self, request: Request) -> Response:
        """Make a template.

        It has no text yet: open a draft in it. Slug, namespace and type are fixed from then on.
        """
        fields = self.read(NewTemplate)
        namespace = Namespace.objects.visible_to(self.actor).named(fields["namespace"]).first()
        if namespace is None:
            raise Invalid.field("namespace", "There is no such namespace.")
        made = actions.create_template(
            namespace,
            fields["slug"],
            name=fields["name"],
            type=fields.get("type") or TEXT,
            description=fields.get("description") or "",
            variables_expected=fields.get("variables_expected") or [],
            tier=_tier(namespace, fields.get("tier")),
            by=self.actor,
        )
        return self._shown(made, status=201)

    @extend_schema(responses=TemplateOut)
    def retrieve(self, request: Request, template_id: UUID) -> Response:
        """Read a template.

        An archived one too.
        """
        return self._shown(self.template())

    @extend_schema(request=TemplateChanges, responses=TemplateOut)
    @refuses(ImmutableField, PromptArchived, PreconditionFailed, UserRequired)
    def update(self, request: Request, template_id: UUID) -> Response:
        """Change a template.

        What is left out stays as it is. Its texts are changed by drafts. Read-only fields may be sent back with the
        value they have.
        """
        template = self.template()
        sent = without_read_only(request.data, TemplateOut(template).data, TemplateChanges)
        fields = self.read(TemplateChanges, sent)
        cleared: dict[str, Any] = {"description": "", "variables_expected": []}
        changes = {name: cleared.get(name) if value is None else value for name, value in fields.items()}
        if "tier" in changes:
            changes["tier"] = _tier(template.namespace, changes["tier"])
        actions.update_prompt(template, changes=changes, if_match=self.if_match, by=self.actor)
        return self._shown(template)

    @extend_schema(
        responses={200: TemplateOut},
        extensions={"x-required-scope": ["prompts:read", "prompts:write", "prompts:promote"]},
    )
    @refuses(actions.AlreadyArchived, PreconditionFailed, UserRequired)
    def archive(self, request: Request, template_id: UUID) -> Response:
        """Archive a template.

        It keeps its name, versions and tags, takes nothing new and serves nothing. Nothing is ever deleted.

        Needs the scope `prompts:read`, and `prompts:write`; where the template is in production, `prompts:promote`
        instead of `prompts:write`.
        """
        template = self.template()
        self.read(Form)
        actions.archive_prompt(template, if_match=self.if_match, by=self.actor)
        return self._shown(template)

    def _shown(self, template: Prompt, *, status: int = 200) -> Response:
        fresh = _for_display(Prompt.objects.visible_to(self.actor)).get(pk=template.pk)
        return self.answer(TemplateOut(fresh).data, status=status, revision=fresh.revision)


@extend_schema(tags=["Drafts"])
class TemplateVersionViewSet(TemplateDoor):
    """The versions of one template, and the actor's draft among them."""

    scopes = {"list": "prompts:read", "create": "prompts:write", "my_draft": "prompts:read"}

    @extend_schema(responses=lifecycle_page_of(VersionOut))
    def list(self, request: Request, template_id: UUID) -> Response:
        """List a template's versions.

        Newest first: the sealed ones, and your own draft. Other people's drafts are not shown.
        """
        versions = PromptVersion.objects.shown_to(self.actor).filter(prompt=self.template())
        return self.page(in_full(versions), VersionOut)

    @extend_schema(request=NewDraft, responses={201: VersionOut})
    @refuses(drafts.DraftExists, PromptArchived, UserRequired)
    def create(self, request: Request, template_id: UUID) -> Response:
        """Open a draft.

        It takes the next number and is seen by nobody but you until you promote it. `validation_result` says what is
        right and wrong with it; an invalid text is saved too. One open draft a person: a second one is 409, with the
        draft there is.
        """
        template = self.template()
        fields = self.read(NewDraft)
        draft = drafts.create_draft(
            template,
            content_of(template.type, fields["body"], fields.get("variables"), fields.get("config"), field="body"),
            change_note=fields.get("change_note") or "",
            base=base_of(template, fields.get("base_version_id")),
            by=self.actor,
        )
        return self._shown_version(draft, status=201)

    @extend_schema(responses=VersionOut)
    def my_draft(self, request: Request, template_id: UUID) -> Response:
        """Read your draft.

        404 while you have none in this template.
        """
        draft = self.template().versions.drafts_of(self.actor.author).first()
        if draft is None:
            raise NotFound("You have no draft of this template.")
        return self._shown_version(draft)

    def _shown_version(self, version: PromptVersion, *, status: int = 200) -> Response:
        found = in_full(PromptVersion.objects.filter(pk=version.pk)).get()
        return self.answer(VersionOut(found).data, status=status, revision=found.revision)


def base_of(template: Prompt, version_id: UUID | None) -> PromptVersion | None:
    """The sealed version that a draft is to start from. Raises Invalid where there is none of this id."""
    if version_id is None:
        return None
    found = template.versions.sealed().filter(pk=version_id).first()
    if found is None:
        raise Invalid.field("base_version_id", "Name a sealed version of this template.")
    return found


def _for_display(templates: PromptQuerySet) -> PromptQuerySet:
    """With what an answer shows: namespace, tier, and the versions in production and in staging."""
    served = Tag.objects.filter(name__in=[PRODUCTION, STAGING]).select_related("version")
    return templates.select_related("namespace", "tier").prefetch_related(Prefetch("tags", served))


def _tier(namespace: Namespace, name: str | None) -> BudgetTier | None:
    """The tier of this id or name; none for none. Raises Invalid."""
    if name is None:
        return None
    found = namespace.tiers.filter(**({"pk": UUID(name)} if is_uuid(name) else {"name": name})).first()
    if found is None:
        raise Invalid.field("tier", "The namespace has no such budget tier.")
    return found
