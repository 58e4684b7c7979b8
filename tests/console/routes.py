"""The console's pages and buttons, as its table of contents has them, and people who are logged in."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.test import Client as Browser
from django.urls import reverse

from deployments.actions import experiments, promotion
from deployments.actions.experiments import Share
from evaluations.actions import runs, test_cases
from evaluations.models import Harness
from prompts.actions import namespaces, tiers
from prompts.models import PolicyChange
from pvc.console import urlpatterns
from pvc.pages import Button, ForStaff
from tenants.models import Actor, User
from tests import factories
from webhooks.actions import endpoints, sending
from webhooks.models import Delivery


class Route(NamedTuple):
    """A page or a button: its name, the names in its address, and its view."""

    name: str
    parameters: tuple[str, ...]
    view: Any

    @property
    def is_button(self) -> bool:
        return issubclass(self.view, Button) or "get" not in self.view.http_method_names

    @property
    def is_for_staff(self) -> bool:
        return issubclass(self.view, ForStaff)

    def address(self, things: Mapping[str, Any]) -> str:
        """With what its parameters mean among these things."""
        return reverse(f"console:{self.name}", kwargs={name: things[name] for name in self.parameters})


ROUTES = [
    Route(str(each.name), tuple(re.findall(r"<\w+:(\w+)>", str(each.pattern))), vars(each.callback)["view_class"])
    for each in urlpatterns
]
PAGES = [each for each in ROUTES if not each.is_button]
BUTTONS = [each for each in ROUTES if each.is_button]


def logged_in(actor: Actor, **options: Any) -> Browser:
    """This person's browser; what goes wrong in a view is an answer, as in production."""
    user = User.objects.get(pk=actor.author.pk)
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    browser = Browser(raise_request_exception=False, **options)
    browser.force_login(user, backend="tenants.console.ConsoleBackend")
    return browser


def things_of(by: Actor) -> dict[str, Any]:
    """Something of each kind in a tenant, by the names that addresses have for them.

    A prompt with two versions, one of them live, one in pre-production; a draft; a tier; a change that waits; a key;
    a harness, a test case, an evaluation that is not finished; a subscription with a delivery; a deployment.
    """
    namespace = namespaces.create_namespace("things", name="Things", required_approvals=0, by=by)
    prompt = factories.make_prompt(namespace, by=by, body="Dear {{ name }},\nthe answer is yes.")
    first = prompt.versions.get()
    promotion.set_tag(prompt, "production", version=first, by=by)
    deployed = experiments.create_deployment(prompt, variants=[Share(first.pk, 100)], name="a trial", by=by)
    factories.change_policy(namespace, required_approvals=1, custom_tags=["pilot"])
    second = factories.make_version(prompt, "Dear {{ name }},\nthe answer is no.", by=by)
    promotion.promote_pre_prod(second, by=by)
    tier = tiers.create_tier(namespace, name="small", max_tokens=500, enforcement="warn", by=by)
    change = PolicyChange.objects.create(
        tenant=by.tenant, namespace=namespace, changes={"required_approvals": 0}, requested_by=by.author
    )
    harness = Harness(tenant=by.tenant, name="nightly", url="https://harness.example/run")
    harness.keep("a-secret-of-the-harness")
    harness.save(force_insert=True)
    asserted = [{"type": "contains", "value": "Alice"}]
    case = test_cases.create_test_case(prompt, "greets", variables={"name": "Alice"}, assertions=asserted, by=by)
    endpoint = endpoints.create_endpoint("https://9.9.9.9/hook", events=["*"], by=by).endpoint
    sending.fan_out()
    return {
        "deployment_id": deployed.pk,
        "webhook_id": endpoint.pk,
        "delivery_id": Delivery.objects.filter(endpoint=endpoint).latest("id").pk,
        "evaluation_id": runs.trigger(second, harness="builtin", by=by).pk,
        "case_id": case.pk,
        "harness_id": harness.pk,
        "prompt_id": prompt.pk,
        "version_id": second.pk,
        "number": first.number,
        "namespace_id": namespace.pk,
        "tier_id": tier.pk,
        "change_id": change.pk,
        "key_id": factories.make_key(by.author).row.pk,
        "tenant_id": by.tenant.pk,
    }
