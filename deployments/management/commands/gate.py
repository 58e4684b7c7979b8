"""`manage.py gate agents:support@staging --tenant acme`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from deployments import policy
from deployments.management.prompts import version_named
from evaluations import history
from pvc.commands import ActionCommand, actor_for, tenant_named

UNNAMED = "-"


class Command(ActionCommand):
    help = (
        "Say whether a version may be promoted, as a promotion would be told: what is missing, and the newest run of"
        " each harness on its content. Ends with exit code 1 where something is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "version", help="namespace:name@tag or namespace:name@number; without @, what is in staging"
        )
        parser.add_argument("--tenant", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        self.closed = 0
        super().handle(*args, **options)
        if self.closed:
            raise CommandError("The version may not be promoted.")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        version = version_named(options["version"], actor_for(tenant_named(options["tenant"])))
        prompt = version.prompt
        unmet = policy.standing_of(version, prompt.namespace.policy)
        self.closed = len(unmet)
        return {
            "prompt": f"{prompt.namespace.slug}:{prompt.slug}",
            "number": version.number,
            "digest": version.digest,
            "canPromote": not unmet,
            "unmet": unmet,
            "runs": [run.as_dict() for run in history.runs_of([version])[version.pk]],
        }

    def tell(self, result: dict[str, Any]) -> str:
        state = "may be promoted." if result["canPromote"] else "may not be promoted:"
        lines = [f"{result['prompt']}, version {result['number']}, {state}"]
        lines += [f"  {each['code']:<20} {each['message']}" for each in result["unmet"]]
        lines += [f"  {run['harness']:<20} {run['status']:<8} {_score(run['score'])}" for run in result["runs"]]
        return "\n".join(lines)


def _score(score: float | None) -> str:
    return UNNAMED if score is None else f"{score:.3g}"
