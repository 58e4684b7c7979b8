"""A tenant whose objects the generated requests are pointed at, so that they reach what they are for."""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone
from hypothesis import assume
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoveragePhaseData

from audit import sealing
from deployments.actions import experiments, promotion
from deployments.models import Deployment
from evaluations.actions import harnesses, runs, test_cases
from evaluations.models import Evaluation, Harness, TestCase
from prompts.actions.drafts import create_draft, discard_draft
from prompts.actions.namespaces import create_namespace
from prompts.actions.prompts import archive_prompt, unarchive_prompt
from prompts.actions.tiers import create_tier
from prompts.content import content_of, is_variable_name
from prompts.models import BudgetTier, Namespace, PolicyChange, Prompt, PromptVersion
from pvc.strict_json import InvalidJSON, strict_json
from tenants import actions
from tenants.models import Actor, User
from tenants.scopes import GATEWAY, GROUPS, SCOPES
from tests import factories
from webhooks.actions import endpoints
from webhooks.models import Delivery, WebhookEndpoint

#: The alphabet of variables' names, which no pattern in the document can say.
_NAMES = st.builds(str.__add__, st.sampled_from("aZéßЖ変"), st.text("az09_é", max_size=20))
openapi.format("variable-name", _NAMES.filter(is_variable_name))

CHAT = [
    {"role": "system", "content": "Be kind."},
    {"placeholder": "history"},
    {"role": "user", "content": "{{ issue }}"},
]
#: What a PUT takes with its present value alone says so.
FIXED = "Fixed; left out, or with the value it has."


#: The field that nothing else of the kind may have, where something is made.
UNIQUE = {
    "create-prompts": "name",
    "create-templates": "slug",
    "create-namespaces": "slug",
    "create-tiers": "name",
    "create-harnesses": "name",
    "create-test-cases": "name",
    "update-test-case": "name",
}
#: What splits traffic, or measures what came of it.
SPLITTING = {"create-deployments", "update-deployment", "ingest"}
#: A literal address, so that no name is looked up; nobody calls it here.
PUBLIC_URL = "https://9.9.9.9/evaluate"


@dataclass
class Role:
    """Who knocks: the scopes that count, the headers of every call, and the person."""

    scopes: frozenset[str]
    identity: dict[str, str] = field(default_factory=dict)
    user: User | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The client that carries the requests in this process does not unpack what is compressed."""
        return {**self.identity, "Accept-Encoding": "identity"}


class World:
    """A tenant with a text, a chat, versions, tags and keys; new ones wherever a call uses one up."""

    def __init__(self) -> None:
        self.tenant = factories.make_tenant()
        checkpoint = sealing.seal(self.tenant.pk)
        assert checkpoint is not None
        self.sealed = checkpoint.size
        self.admin = factories.make_actor(self.tenant)
        self.namespace = Namespace.objects.get(tenant=self.tenant, slug="default")
        self.agents = create_namespace("agents", name="Agents", by=self.admin)
        self.somebody = factories.make_user(self.tenant)
        self.names: set[str] = set()
        self.tier = create_tier(self.namespace, name="long", max_tokens=1000, enforcement="warn", by=self.admin)
        self.author = factories.make_actor(self.tenant)
        self.moved = self._moved()
        self.turns: Counter[str] = Counter()
        self.text, self.chat, self.spare = self.prompt(), self.prompt(CHAT), self.prompt()

    def _spare(self, *, archived: bool) -> Prompt:
        """A prompt to be archived and brought back, as it must be for the next call."""
        prompt = Prompt.objects.get(pk=self.spare.pk)
        if prompt.is_archived != archived:
            (archive_prompt if archived else unarchive_prompt)(prompt, by=self.admin)
        return prompt

    def _change(self) -> PolicyChange:
        """A change of the policy of `agents` that waits for a second person."""
        asked = {"tenant": self.tenant, "namespace": self.agents, "requested_by": self.somebody}
        return PolicyChange.objects.create(**asked, changes={"name": f"Agents {uuid4()}"})

    def _tier(self, namespace: Namespace) -> BudgetTier:
        return create_tier(namespace, name=f"t-{uuid4()}", max_tokens=500, enforcement="block", by=self.admin)

    def _harness(self) -> Harness:
        return harnesses.register_harness(f"h-{uuid4()}", url=PUBLIC_URL, secret="0123456789abcdef", by=self.admin)

    def _case(self, prompt: Prompt) -> TestCase:
        """A new one; what there were before it goes, so that they do not become too many."""
        prompt.test_cases.all().delete()
        assertions = [{"type": "no_missing_variables"}]
        return test_cases.create_test_case(prompt, f"c-{uuid4()}", variables={}, assertions=assertions, by=self.admin)

    def _evaluation(self, prompt: Prompt) -> Evaluation:
        """A finished one, which closes no gate."""
        asked = runs.trigger(prompt.versions.get(number=2), harness="builtin", by=self.admin)
        passed = runs.Outcome("passed", 1.0, cases=[])
        return runs.finish(asked, passed, by=self.admin)

    def _deployment(self) -> Deployment:
        """One of the text that is active, the same each time unless a call has ended it."""
        found = Deployment.objects.filter(prompt=self.text, status=Deployment.ACTIVE).order_by("pk").first()
        if found is not None:
            return found
        whole = [experiments.Share(self.text.versions.get(number=2).pk, 100)]
        return experiments.create_deployment(self.text, variants=whole, by=self.admin)

    def _webhook(self) -> WebhookEndpoint:
        """One with a delivery, the same each time."""
        found = WebhookEndpoint.objects.filter(tenant=self.tenant, is_active=True, deliveries__isnull=False).first()
        if found is None:
            found = endpoints.create_endpoint(PUBLIC_URL, events=["*"], by=self.admin).endpoint
            event = uuid4()
            Delivery.objects.create(
                tenant=self.tenant, endpoint=found, event_id=event, type="tag.moved", due_at=timezone.now()
            )
        return found

    def _free(self, name: str) -> str:
        """The name, where no request has taken it yet."""
        free = f"p-{uuid4()}" if name in self.names else name
        self.names.add(free)
        return free

    def prompt(self, body: Any = factories.TEXT) -> Prompt:
        """A prompt with two versions, the second one live, and one in staging."""
        prompt = factories.make_prompt(self.namespace, by=self.admin, body=body)
        other = CHAT[:1] if isinstance(body, list) else "Text 2"
        version = factories.make_version(prompt, other, by=self.admin)
        promotion.set_tag(prompt, "production", version=version, by=self.admin)
        promotion.set_tag(prompt, "staging", version=prompt.versions.get(number=1), by=self.admin)
        return prompt

    def _moved(self) -> Prompt:
        """A prompt of which version 1 was live before version 2."""
        prompt = factories.make_prompt(self.namespace, by=self.author, body="Text 1")
        promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=self.author)
        second = factories.make_version(prompt, "Text 2", by=self.author)
        promotion.set_tag(prompt, "production", version=second, by=self.author)
        return prompt

    def role(self, name: str) -> Role:
        """One of the groups, or `gateway`, `no scope`, `nobody`."""
        if name == "nobody":
            return Role(frozenset())
        if name == "gateway":
            key = actions.create_api_key("test", owner=self.admin.author, scopes=SCOPES, by=Actor.command(self.tenant))
            author = factories.make_user(self.tenant, "", "Author")
            return Role(GROUPS["Author"], {"Authorization": f"Bearer {key.text}", "X-User-Id": author.username}, author)
        user = factories.make_user(self.tenant, "", "Author" if name == "no scope" else name)
        if name == "no scope":
            key = factories.make_key(user, ["webhooks:write"])
            return Role(frozenset(), {"Authorization": f"Bearer {key.text}"}, user)
        key = factories.make_key(user)
        return Role(GROUPS[name] - {GATEWAY}, {"Authorization": f"Bearer {key.text}"}, user)

    def promotable(self) -> Prompt:
        """A prompt by somebody else: version 2 is live, 1 was before, and another waits in pre-production.

        It is put back to that where a call has moved it.
        """
        for tag, version in (("production", self.moved.versions.get(number=2)), ("staging", self._waiting())):
            if not version.tags.filter(name=tag).exists():
                promotion.set_tag(self.moved, tag, version=version, by=self.author)
        return self.moved

    def _waiting(self) -> PromptVersion:
        """The newest version that nobody rejected, made where there is none."""
        written = self.moved.versions.sealed().filter(author=self.author.author, number__gt=2)
        found = written.exclude(approvals__approved=False).order_by("-number").first()
        return found or factories.make_version(self.moved, by=self.author)

    # ------------------------------------------------------------------------- drafts
    def _draft(self, prompt: Prompt, role: Role, body: Any = None, config: Any = None) -> UUID:
        """The person's draft of a prompt, as they last left it, or a new one; nobody's without a person."""
        if role.user is None:
            return uuid4()
        draft = prompt.versions.drafts_of(role.user).first()
        if draft is None:
            content = content_of(prompt.type, body or prompt.versions.get(number=2).content, None, config)
            draft = create_draft(prompt, content, by=Actor.command(self.tenant, role.user))
        return draft.pk

    def _without_draft(self, prompt: Prompt, role: Role) -> Prompt:
        """The prompt, in which the person has no draft from now on."""
        draft = prompt.versions.drafts_of(role.user).first() if role.user else None
        if draft is not None:
            discard_draft(draft, by=Actor.command(self.tenant, role.user))
        return prompt

    def _turn(self, name: str, *turns: str) -> str:
        """What this call is about, where an operation has several outcomes: each in its turn."""
        self.turns[name] += 1
        return turns[self.turns[name] % len(turns)]

    def _version_for(self, case: Case[Any], prompt: Prompt, role: Role) -> UUID:
        """The version that an operation is about: the one in staging, or the person's draft.

        Where a request is wrong anyway, the first that it can be about.
        """
        name = case.operation.definition.raw["operationId"]
        turns = {
            "save-draft": ["draft"],
            "discard-draft": ["draft"],
            "version-by-id": ["staged", "draft"],
            "promote-pre-prod": ["staged", "free", "in the way"],
            "merge-pre-prod": ["staged", "clean", "in the way"],
        }
        present = turns.get(name, ["staged"])
        match self._turn(name, *present) if is_right(case) else present[0]:
            case "draft":
                return self._draft(prompt, role)
            case "clean":  # another config than what is live, and what is in staging has another text
                return self._draft(self._without_draft(prompt, role), role, config={"model": str(uuid4())})
            case "in the way":
                return self._draft(self._without_draft(prompt, role), role, body=f"Draft {uuid4()}")
            case "free":
                promotion.remove_tag(prompt, "staging", by=self.author)
                return self._draft(self._without_draft(prompt, role), role, body=f"Draft {uuid4()}")
        return _staged(prompt).pk

    # ------------------------------------------------------------------------- one request
    def aim(self, case: Case[Any], role: Role) -> None:
        """Point what was drawn as valid at what is there; what was drawn as invalid stays as it is, and alone."""
        moves = re.search(r"{version_id}/(promote|approve|reject)|/(promote|override|rollback)$", case.operation.path)
        prompt = self.promotable() if moves else self._prompt_for(case)
        if _is_valid(case, ParameterLocation.PATH):
            self._aim_path(case, prompt, role)
        if _is_valid(case, ParameterLocation.QUERY):
            self._aim_query(case)
        if _is_valid(case, ParameterLocation.HEADER):
            self._aim_headers(case)
        if isinstance(case.body, dict):
            self._aim_fields(case.body, case, prompt)

    def _aim_fields(self, body: dict[str, Any], case: Case[Any], prompt: Prompt) -> None:
        """A body; of one that was drawn against the document, everything but the field that is wrong."""
        wrong = _wrong_field(case)
        if _is_valid(case, ParameterLocation.BODY):
            _storable(body)
        elif wrong is None:
            return
        right = {name: value for name, value in body.items() if name != wrong}
        self._aim_body(right, case)
        _aim_promotion(right, prompt)
        body |= {name: value for name, value in right.items() if name != wrong}

    def absent(self, operation: Any) -> Iterator[dict[str, Any]]:
        """Path parameters of which one names what is not there."""
        names = re.findall(r"{(\w+)}", operation.path)
        here = {
            "ref": str(self.text.pk),
            "qualified_name": f"default:{self.text.slug}",
            "version": "1",
            "name": "staging",
            "key_id": "",
            "namespace_id": "agents",
            "change_id": "",
            "version_id": "",
            "template_id": "",
            **{name: str(uuid4()) for name in ("tier_id", "harness_id", "case_id", "evaluation_id", "delivery_id")},
            "webhook_id": str(self._webhook().pk),
            "deployment_id": str(self._deployment().pk),
        }
        nowhere = {
            "ref": "no-such-prompt",
            "qualified_name": "default:no-such-prompt",
            "version": "999",
            "name": "draft",
            "key_id": str(uuid4()),
            "namespace_id": "nobodys",
            "change_id": str(uuid4()),
            **{
                name: str(uuid4())
                for name in ("version_id", "template_id", "tier_id", "harness_id", "case_id", "evaluation_id")
            },
            **{name: str(uuid4()) for name in ("webhook_id", "delivery_id", "deployment_id")},
        }
        for name in names:
            yield {each: (nowhere if each == name else here)[each] for each in names}

    def _prompt_for(self, case: Case[Any]) -> Prompt:
        body = case.body if isinstance(case.body, dict) else {}
        text = body.get("content", body.get("template", body.get("body")))
        return self.chat if isinstance(text, list) else self.text

    def _aim_path(self, case: Case[Any], prompt: Prompt, role: Role) -> None:
        operation_id = case.operation.definition.raw["operationId"]
        prompt = self._made_ready(operation_id, prompt, role)
        at_once = self._turn("tier", "waits", "at once") == "at once"
        namespace = self.namespace if at_once and "tier" in operation_id else self.agents
        here: dict[str, Callable[[], Any]] = {
            "ref": lambda: str(prompt.pk),
            "qualified_name": lambda: f"default:{prompt.slug}",
            "version": lambda: 2 if case.operation.label.endswith("/render") else "2",
            "name": lambda: "staging",
            "key_id": lambda: str(factories.make_key(self.admin.author).row.pk),
            "namespace_id": lambda: namespace.slug,
            "change_id": lambda: str(self._change().pk),
            "version_id": lambda: str(self._version_for(case, prompt, role)),
            "template_id": lambda: str(prompt.pk),
            "tier_id": lambda: str(self._tier(namespace).pk),
            "harness_id": lambda: str(self._harness().pk),
            "case_id": lambda: str(self._case(prompt).pk),
            "webhook_id": lambda: str(self._webhook().pk),
            "delivery_id": lambda: str(Delivery.objects.filter(endpoint=self._webhook())[0].pk),
            "evaluation_id": lambda: str(self._evaluation(prompt).pk),
            "deployment_id": lambda: str(self._deployment().pk),
        }
        for name in case.path_parameters:
            case.path_parameters[name] = here[name]()

    def _made_ready(self, operation_id: str, prompt: Prompt, role: Role) -> Prompt:
        """The prompt that an operation can be done on, or another one."""
        match operation_id:
            case "remove-tag":
                promotion.set_tag(prompt, "staging", version=prompt.versions.get(number=1), by=self.admin)
            case "archive-prompt" | "archive-template":
                return self._spare(archived=False)
            case "unarchive-prompt":
                return self._spare(archived=True)
            case "create-template-versions":
                return self._without_draft(prompt, role)
            case "my-draft":
                self._draft(prompt, role)
        return prompt

    def _aim_query(self, case: Case[Any]) -> None:
        if "cursor" in case.query:  # only the server can make one
            case.query["cursor"] = ""
        for name in ("seq", "from", "to", "size"):
            if name in case.query and isinstance(case.query[name], int) and case.query[name] >= 1:
                case.query[name] = 1 if name == "seq" else self.sealed
        for name in ("fromVersion", "toVersion"):
            if name in case.query:
                case.query[name] = "1" if name == "fromVersion" else "2"

    def _aim_headers(self, case: Case[Any]) -> None:
        """The tenant and the user as they are, and the present revision. Every key is a new one."""
        for name in list(case.headers):
            if name.lower() in ("x-user-id", "x-gateway-signature", "authorization"):
                del case.headers[name]
            elif name.lower() == "x-tenant-id":
                case.headers[name] = self.tenant.slug
            elif name.lower() == "if-match":
                case.headers[name] = "*"
            elif name.lower() == "idempotency-key":
                case.headers[name] = uuid4().hex

    def _aim_body(self, body: dict[str, Any], case: Case[Any]) -> None:
        unique = UNIQUE.get(case.operation.definition.raw["operationId"])
        if unique in body:
            body[unique] = self._free(body[unique])
        if unique and body.get("namespace"):
            body["namespace"] = "default"
        if unique and "template" in body:
            body["type"] = "chat" if isinstance(body["template"], list) else "text"
        if body.get("tier"):
            body["tier"] = self.tier.name
        if body.get("base_version_id"):
            body["base_version_id"] = str(self._prompt_for(case).versions.get(number=1).pk)
        if {"content", "template"} <= body.keys():
            body["template"] = body["content"]
        self._aim_evaluation(body, case)
        if case.operation.definition.raw["operationId"] in SPLITTING:
            self._aim_split(body)
        if body.get("expiresAt"):
            body["expiresAt"] = "2999-01-01T00:00:00Z"

    def _aim_split(self, body: dict[str, Any]) -> None:
        """One version with all of the traffic, in the plan too; what is measured is of a version there is, just now."""
        version = str(self.text.versions.get(number=2).pk)
        if "promptId" in body:
            body["promptId"] = str(self.text.pk)
        if body.get("variants"):
            body["variants"] = [{"versionId": version, "weight": 100}]
        for step in body.get("plan") or []:
            step["weights"] = {"control": 100}
        for item in body.get("metrics") or []:
            fitting = {"versionId": version, "value": min(item["value"], 1), "timestamp": timezone.now().isoformat()}
            fitting["deploymentId"] = str(self._deployment().pk)
            item.update({name: value for name, value in fitting.items() if item.get(name) is not None})

    def _aim_evaluation(self, body: dict[str, Any], case: Case[Any]) -> None:
        """A harness that may be called, a secret that is one, a pattern that RE2 reads."""
        fitting: dict[str, Any] = {
            "url": PUBLIC_URL,
            "secret": "0123456789abcdef",
            "assertions": [{"type": "no_missing_variables"}],
        }
        if case.operation.definition.raw["operationId"] == "trigger-evaluation":
            fitting |= {"versionId": str(self.text.versions.get(number=1).pk), "harnessId": "builtin"}
        body |= {name: value for name, value in fitting.items() if name in body}


def _staged(prompt: Prompt) -> PromptVersion:
    """The version in pre-production; else the newest."""
    sealed = prompt.versions.sealed().order_by("-number")
    return sealed.filter(tags__name="staging").first() or sealed[0]


def _aim_promotion(body: dict[str, Any], prompt: Prompt) -> None:
    """Name the versions that the prompt really has."""
    staged = _staged(prompt)
    if "expected_version_id" in body:
        body["expected_version_id"] = str(staged.pk)
    if body.get("digest"):
        body["digest"] = staged.digest
    if body.get("versionId"):
        others = prompt.versions.filter(number__in=[1, 2]).exclude(pk=staged.pk)
        body["versionId"] = str(others.order_by("number")[0].pk)
    if "reason" in body and len(body["reason"] or "") < 10:
        body["reason"] = "a reason of ten characters"
    if body.get("target_users"):
        body["target_users"] = ["customer-4711"]


def may_reach(role: Role, case: Case[Any]) -> bool:
    """Whether the role holds a scope that the operation names, or it names none."""
    needed = set(case.operation.definition.raw.get("x-required-scope", []))
    return not needed or bool(role.scopes & needed)


def _wrong_field(case: Case[Any]) -> str | None:
    """The field of a body at which a boundary of the document was crossed; empty where it is none alone.

    None for every other request: what of it is wrong is not known.
    """
    assert case.meta is not None
    data = case.meta.phase.data
    if not isinstance(data, CoveragePhaseData) or data.parameter_location != ParameterLocation.BODY:
        return None
    steps = (data.location or "").split("/")
    return steps[2] if steps[1:2] == ["properties"] else ""


def is_right(case: Case[Any]) -> bool:
    """Whether all of it was drawn from the document."""
    return all(_is_valid(case, where) for where in ParameterLocation)


def is_aimed_nowhere(case: Case[Any]) -> bool:
    """Whether the path was drawn against the document."""
    return not _is_valid(case, ParameterLocation.PATH)


def _is_valid(case: Case[Any], where: ParameterLocation) -> bool:
    """Whether this part of a request was drawn from the document and not against it."""
    assert case.meta is not None
    part = case.meta.components.get(where)
    return part is None or part.mode == GenerationMode.POSITIVE


def _storable(body: dict[str, Any]) -> None:
    """Leave out the JSON that the document's words refuse and its schemas cannot: integers of 2^53 and more, depth."""
    with contextlib.suppress(TypeError, ValueError):
        try:
            strict_json(json.dumps(body).encode())
        except InvalidJSON:
            assume(False)
