"""`manage.py pending_approvals --tenant acme`"""

from argparse import ArgumentParser
from typing import Any

from deployments import waiting
from prompts.models import Tag
from pvc.commands import ActionCommand, tenant_named
from tenants.models import Actor


class Command(ActionCommand):
    help = "List the versions in pre-production that wait for approvals, the longest waiting first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", required=True, metavar="SLUG")

    def act(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        actor = Actor.command(tenant_named(options["tenant"]))
        tags = waiting.with_versions(Tag.objects.visible_to(actor).awaiting_approval()).order_by("updated_at")
        return [self._row(tag) for tag in waiting.with_what_is_missing(list(tags))]

    def _row(self, tag: Any) -> dict[str, Any]:
        return {
            "prompt": f"{tag.prompt.namespace.slug}:{tag.prompt.slug}",
            "number": tag.version.number,
            "author": tag.version.author.username,
            "digest": tag.version.digest,
            "approvalsNeeded": tag.approvals_needed,
            "waitingSeconds": tag.waiting_seconds,
            "impact": tag.diff_summary["impact"],
        }

    def tell(self, result: list[dict[str, Any]]) -> str:
        if not result:
            return "Nothing waits."
        return "\n".join(
            f"{each['prompt']:<40} version {each['number']:<4} by {each['author']:<20} "
            f"{each['approvalsNeeded']} missing, impact {each['impact']}, {each['waitingSeconds'] // 60} min"
            for each in result
        )
