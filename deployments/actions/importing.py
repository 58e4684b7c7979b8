"""The verb that imports a prompt: what its files say becomes so, through the verbs that everybody else goes through."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from audit.unit import verb
from deployments.actions import promotion
from deployments.present import naming, plan_for
from evaluations.actions import test_cases
from prompts.actions import prompts, versions
from prompts.files.filed import FiledPrompt
from prompts.files.plan import Plan
from prompts.models import Namespace, Prompt, PromptVersion
from pvc.errors import Conflict
from tenants.models import Actor

REASON = "Imported."


@verb
def import_prompt(namespace: Namespace, filed: FiledPrompt, *, by: Actor) -> Plan:
    """Make one prompt what its files say it is: whole, or not at all. Nothing that is there is taken away.

    Returns what was done. Raises Conflict for what the plan refuses, and whatever the verbs refuse.
    """
    namespace = namespace.locked_for_decision()
    found = Prompt.objects.filter(namespace=namespace, slug=filed.slug).first()
    prompt = found.locked() if found else None
    plan = plan_for(filed, namespace, prompt, by=by)
    if plan.refusal:
        raise Conflict(plan.refusal)
    if plan.does_something:
        _carry_out(plan, namespace, prompt or _made(plan, namespace, by=by), by=by)
    return plan


def _made(plan: Plan, namespace: Namespace, *, by: Actor) -> Prompt:
    """A prompt without versions, which nobody else can see or change before the unit ends."""
    described = plan.described
    return prompts.create_template(
        namespace,
        plan.filed.slug,
        name=described.get("name", plan.filed.slug),
        type=plan.filed.type,
        description=described.get("description", ""),
        variables_expected=described.get("variables_expected", ()),
        by=by,
    )


def _carry_out(plan: Plan, namespace: Namespace, prompt: Prompt, *, by: Actor) -> None:
    """Everything that the plan says of a *locked* prompt, each step after those that it builds on."""
    known = _sealed(plan, prompt, by=by)
    if changes := _changes(plan, namespace, known):
        prompts.update_prompt(prompt, changes=changes, by=by)
    if plan.cases:
        test_cases.keep_test_cases(prompt, plan.cases, by=by)
    for each in plan.tags:
        promotion.set_tag(prompt, each.tag, version=known[each.digest], reason=REASON, by=by)
    if plan.archives:
        prompts.archive_prompt(prompt, by=by)


def _sealed(plan: Plan, prompt: Prompt, *, by: Actor) -> dict[str, PromptVersion]:
    """The versions that the plan speaks of by their digests, those made that were not there."""
    filed = {version.number: version.digest for version in plan.filed.versions}
    known, live = _known(prompt, filed.values()) if not plan.is_new else ({}, None)
    made: list[PromptVersion] = []
    for each in plan.seals:
        base_id = known[filed[each.base]].pk if each.base else live
        with naming(each.file):
            version = versions.next_version(
                prompt,
                each.content,
                metadata=each.kept_metadata,
                base_id=base_id,
                change_note=each.change_note,
                by=by,
            )
        known[each.digest] = version
        made.append(version)
    if made:
        versions.seal_versions(prompt, made, by=by)
    return known


def _known(prompt: Prompt, digests: Iterable[str]) -> tuple[dict[str, PromptVersion], UUID | None]:
    """Those of these contents that are sealed already, and what is live."""
    there = prompt.versions.sealed().filter(digest__in=digests).order_by("-number")
    live = prompt.versions.in_production_of(prompt).values_list("pk", flat=True).first()
    return {version.digest: version for version in there}, live


def _changes(plan: Plan, namespace: Namespace, known: dict[str, PromptVersion]) -> dict[str, Any]:
    """What is to be changed about the prompt itself, as `update_prompt` takes it."""
    changes = dict(plan.described)
    if plan.tier:
        changes["tier"] = namespace.tiers.get(name=plan.tier)
    if plan.head:
        shown = known[plan.head].served
        changes |= {"template": shown.parsed, "variables": shown.variables, "config": shown.config}
    return changes
