"""/prompts/namespaces: folders of prompts, their policies, and changes that wait for a second person (lifecycle)."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prompts.actions import namespaces as actions
from prompts.models import Namespace, PolicyChange
from prompts.models.namespaces import default_evaluation_policy, with_policies
from prompts.names import BUILT_IN_TAGS, NAMESPACE_SLUG, RESERVED, TAG_NAME
from prompts.policy import GREATEST_AGE, LONGEST_NAME, MODES, MOST_APPROVALS, MOST_NAMES
from prompts.views.finding import LifecycleDoor, namespace_of
from pvc.api import Form, ImmutableField, Moment, RowSerializer, Text, without_read_only
from pvc.errors import Conflict, NotFound
from pvc.schema import lifecycle_page_of, refuses
from tenants.models import NotADecider, UserRequired

# ----------------------------------------------------------------------------- shapes of the document
Shape = dict[str, Any]

_TAGS: Shape = {
    "type": "array",
    "items": {"type": "string", "pattern": f"^{TAG_NAME}$", "not": {"enum": list(BUILT_IN_TAGS)}},
    "maxItems": MOST_NAMES,
    "description": "Tags that prompts of this namespace may have beside `draft`, `staging` and `production`.",
}
_EVALUATION: Shape = {
    "mode": {
        "type": "string",
        "enum": list(MODES),
        "description": "Whether failed evaluations block (`block_failures`), passed ones are required, or neither.",
    },
    "threshold": {"type": "number", "minimum": 0, "maximum": 1, "description": "The least mean score."},
    "harnesses": {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
        "maxItems": MOST_NAMES,
        "description": "Those that must have passed; none listed: each that ran.",
    },
    "max_age_hours": {
        "type": ["number", "null"],
        "exclusiveMinimum": 0,
        "maximum": GREATEST_AGE,
        "description": "How old an evaluation may be; null for any age.",
    },
    "auto_trigger": {"type": "boolean", "description": "Whether new versions are evaluated without being asked."},
}
_KEPT_ONLY = "What evaluations must say before a version goes to production. Kept, and not asked for in this release."
_CHANGES: Shape = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "description": {"type": "string"},
        "required_approvals": {"type": "integer", "minimum": 0, "maximum": MOST_APPROVALS},
        "custom_tags": _TAGS,
        "default_harness": {"type": ["string", "null"], "maxLength": LONGEST_NAME},
        "tiers": {
            "type": "object",
            "additionalProperties": {"type": ["object", "null"], "additionalProperties": {}},
            "description": "Budget tiers by their ids, each with its new values; null: it is to be deleted.",
        },
        "evaluation_policy": {"type": "object", "properties": _EVALUATION, "additionalProperties": False},
    },
    "additionalProperties": False,
    "description": "The fields that are to be other, with their new values.",
}


@extend_schema_field(
    {
        "type": "string",
        "pattern": f"^{NAMESPACE_SLUG}$",
        "not": {"anyOf": [{"enum": sorted(RESERVED)}, {"format": "uuid"}]},
    }
)
class NewSlug(Text):
    """The slug of a namespace to be made."""


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MOST_APPROVALS})
class Approvals(serializers.Field[Any, Any, Any, Any]):
    """How many approvals production takes; prompts/policy.py says which numbers there are."""

    def to_internal_value(self, data: Any) -> Any:
        return int(data) if isinstance(data, float) and data.is_integer() else data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(_TAGS)
class CustomTags(serializers.ListField):
    """Names of tags; null for none."""

    child = Text(max_length=100)


@extend_schema_field(
    {"type": "object", "properties": _EVALUATION, "additionalProperties": False, "description": _KEPT_ONLY},
    component_name="LifecycleEvaluationPolicyChanges",
)
class EvaluationChanges(serializers.DictField):
    """The fields of an evaluation policy that are to be other; prompts/policy.py checks them."""


@extend_schema_field(
    {
        "type": "object",
        "properties": _EVALUATION,
        "required": list(_EVALUATION),
        "additionalProperties": False,
        "description": _KEPT_ONLY,
    },
    component_name="LifecycleEvaluationPolicy",
)
class EvaluationPolicy(serializers.JSONField):
    """An evaluation policy on its way out."""


@extend_schema_field(_CHANGES, component_name="LifecycleChanges")
class ChangedFields(serializers.JSONField):
    """The fields of a change on their way out."""


# ----------------------------------------------------------------------------- in
class PolicyForm(Form):
    """What both forms have: the description and the policy."""

    description = Text(max_length=500, required=False, allow_null=True, allow_blank=True)
    required_approvals = Approvals(
        required=False, help_text="How many people besides its authors must approve a version before production."
    )
    custom_tags = CustomTags(required=False, allow_null=True)
    default_harness = Text(
        max_length=LONGEST_NAME,
        required=False,
        allow_null=True,
        help_text="What evaluates where no harness is named. Kept, and not asked in this release.",
    )
    evaluation_policy = EvaluationChanges(required=False, allow_null=True)


class NewNamespace(PolicyForm):
    """A namespace to be made, with the first of its policies."""

    slug = NewSlug(max_length=63, help_text="Unique in the tenant, and fixed.")
    name = Text(max_length=200)


#: What a PUT may send back of the namespace as it was read.
_FIXED = ("id", "slug", "pending_changes", "created_at")


class NamespaceChanges(PolicyForm):
    """What is to change; the rest stays."""

    name = Text(max_length=200, required=False)

    schema_more: ClassVar = {
        "properties": {name: {"description": "Fixed; left out, or with the value it has."} for name in _FIXED}
    }


# ----------------------------------------------------------------------------- out
class PendingChange(RowSerializer[PolicyChange]):
    """A change of policy that waits for a second person."""

    changes = ChangedFields(read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True, help_text="The user name.")

    class Meta:
        model = PolicyChange
        fields = ["id", "changes", "requested_by", "requested_at"]


class PolicyChangeOut(PendingChange):
    """A change of policy that took a second person, and what that person decided."""

    decision = serializers.ChoiceField(["pending", "approved", "rejected"], read_only=True)
    decided_by = serializers.CharField(
        source="decided_by.username", default=None, read_only=True, allow_null=True, help_text="The user name."
    )
    decided_at = Moment(read_only=True, allow_null=True)

    class Meta(PendingChange.Meta):
        fields = [*PendingChange.Meta.fields, "decision", "decided_by", "decided_at"]


class RequestedChange(RowSerializer[PolicyChange]):
    """A change of policy, as whoever asked for it is told."""

    changes = ChangedFields(read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True, help_text="The user name.")

    class Meta:
        model = PolicyChange
        fields = ["id", "changes", "requested_by"]


class WaitingOut(serializers.Serializer[Any]):
    """Nothing changed yet: this waits for a second person."""

    pending_change = RequestedChange()


class NamespaceOut(RowSerializer[Namespace]):
    """A folder of prompts, and the policy under which they reach production."""

    description = serializers.SerializerMethodField()
    required_approvals = serializers.IntegerField(source="in_force.required_approvals", read_only=True)
    custom_tags = serializers.ListField(
        source="in_force.custom_tags", child=serializers.CharField(), read_only=True, help_text="By name."
    )
    default_harness = serializers.CharField(source="in_force.default_harness", read_only=True, allow_null=True)
    evaluation_policy = EvaluationPolicy(source="in_force.terms.evaluation_policy", read_only=True)
    pending_changes = PendingChange(source="pending", many=True, read_only=True)

    schema_more: ClassVar = {
        "properties": {
            "slug": {"pattern": f"^{NAMESPACE_SLUG}$"},
            "description": {"maxLength": 500},
            "required_approvals": {"minimum": 0, "maximum": MOST_APPROVALS},
            "pending_changes": {"description": "What waits for a second person, the newest first."},
        }
    }

    class Meta:
        model = Namespace
        fields = [
            "id",
            "slug",
            "name",
            "description",
            "required_approvals",
            "custom_tags",
            "default_harness",
            "evaluation_policy",
            "pending_changes",
            "created_at",
        ]

    def get_description(self, namespace: Namespace) -> str | None:
        return namespace.description or None


def _out(namespace: Namespace) -> dict[str, Any]:
    return NamespaceOut(with_policies([namespace])[0]).data


#: What null makes of a field.
_CLEARED: dict[str, Any] = {"description": "", "custom_tags": []}


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    """The checked fields with null read as what it clears to."""
    cleared = {**_CLEARED, "evaluation_policy": default_evaluation_policy()}
    return {name: cleared.get(name) if value is None else value for name, value in fields.items()}


# ----------------------------------------------------------------------------- the doors
class NamespaceDoor(LifecycleDoor):
    """A door on the namespace that its path names."""

    def namespace(self) -> Namespace:
        """The namespace of the path. Raises NotFound."""
        return namespace_of(self.actor, self.kwargs["namespace_id"])


@extend_schema(tags=["Namespaces"])
class NamespaceViewSet(NamespaceDoor):
    """Namespaces and their policies."""

    scopes = {"list": "prompts:read", "retrieve": "prompts:read", "create": "admin", "update": "admin"}
    audited = {"update": "policy.change_requested"}

    @extend_schema(responses=lifecycle_page_of(NamespaceOut))
    def list(self, request: Request) -> Response:
        """List namespaces.

        Newest first.
        """
        return self.page(Namespace.objects.visible_to(self.actor), NamespaceOut, complete=with_policies)

    @extend_schema(request=NewNamespace, responses={201: NamespaceOut})
    @refuses(Conflict, UserRequired)
    def create(self, request: Request) -> Response:
        """Make a namespace.

        One approval is required before production where you do not say otherwise. The slug is fixed from then on.
        """
        fields = _filled(self.read(NewNamespace))
        namespace = actions.create_namespace(
            fields.pop("slug"),
            name=fields.pop("name"),
            description=fields.pop("description", ""),
            required_approvals=fields.pop("required_approvals", 1),
            terms=fields,
            by=self.actor,
        )
        return self.answer(_out(namespace), status=201)

    @extend_schema(responses=NamespaceOut)
    def retrieve(self, request: Request, namespace_id: str) -> Response:
        """Read a namespace.

        With the policy in force, and the changes that wait for a second person.
        """
        return self.answer(_out(self.namespace()))

    @extend_schema(
        request=NamespaceChanges,
        responses={
            200: NamespaceOut,
            202: OpenApiResponse(WaitingOut, description="Nothing changed: the change waits for a second person."),
        },
    )
    @refuses(ImmutableField, UserRequired)
    def update(self, request: Request, namespace_id: str) -> Response:
        """Change a namespace or its policy.

        What is left out stays as it is, within `evaluation_policy` too. Read-only fields may be sent back with the
        value they have. Where approvals are required, a weaker policy takes a second person: fewer approvals, a laxer
        `mode`, a lower `threshold`, fewer `harnesses`, a longer or no `max_age_hours`, more custom tags. Then nothing
        of the call is done, its name and description included; the answer is 202 with the change that waits. Asked
        for again, it is the same one.
        """
        found = self.namespace()
        fields = self.read(NamespaceChanges, without_read_only(request.data, _out(found), NamespaceChanges))
        waiting = actions.update_namespace(found, _filled(fields), by=self.actor)
        if waiting:
            return self.answer(WaitingOut({"pending_change": waiting}).data, status=202)
        return self.answer(_out(self.namespace()))


_BOTH_SCOPES = {"x-required-scope": ["admin", "prompts:approve"]}


@extend_schema(tags=["Namespaces"])
class PolicyChangeViewSet(NamespaceDoor):
    """Changes of a policy that take a second person."""

    scopes = {"list": "prompts:read", "approve": "admin", "reject": "admin"}
    audited = {"approve": "policy.change_approved", "reject": "policy.change_rejected"}

    def scope_asked(self) -> str:
        """To decide takes two rights: it is the missing one that is asked for."""
        decides = self.action in ("approve", "reject")
        return "prompts:approve" if decides and self.actor.may("admin") else super().scope_asked()

    def refused_target(self) -> tuple[str, UUID | None]:
        return str(self.kwargs["change_id"]), None

    @extend_schema(responses=lifecycle_page_of(PolicyChangeOut))
    def list(self, request: Request, namespace_id: str) -> Response:
        """List a policy's changes that took two.

        Every change that would weaken the policy: those that wait, and those that were decided. Newest first.
        """
        changes = self.namespace().changes.select_related("requested_by", "decided_by")
        return self.page(changes, PolicyChangeOut)

    @extend_schema(request=None, responses=PolicyChangeOut, extensions=_BOTH_SCOPES)
    @refuses(actions.OwnChange, actions.ChangeDecided, NotADecider, UserRequired)
    def approve(self, request: Request, namespace_id: str, change_id: UUID) -> Response:
        """Approve a weaker policy.

        The change is made at once, on top of what else was changed since it was asked for. It takes another person
        than the one who asked: not a service account, not its owner's second name, nobody whom the asker brought in.

        Needs the scopes `admin` and `prompts:approve`.
        """
        change = self._change(change_id)
        self.read(Form)
        return self.answer(PolicyChangeOut(actions.approve_change(change, by=self.actor)).data)

    @extend_schema(request=None, responses=PolicyChangeOut, extensions=_BOTH_SCOPES)
    @refuses(actions.OwnChange, actions.ChangeDecided, NotADecider, UserRequired)
    def reject(self, request: Request, namespace_id: str, change_id: UUID) -> Response:
        """Reject a weaker policy.

        The policy stays as it is, and this change is closed; another like it may be asked for. It takes another
        person than the one who asked.

        Needs the scopes `admin` and `prompts:approve`.
        """
        change = self._change(change_id)
        self.read(Form)
        return self.answer(PolicyChangeOut(actions.reject_change(change, by=self.actor)).data)

    def _change(self, change_id: UUID) -> PolicyChange:
        found = self.namespace().changes.filter(pk=change_id).first()
        if found is None:
            raise NotFound("There is no such change of this namespace's policy.")
        return found
