"""`manage.py run_evaluation agents:support@staging --tenant acme --as alice`"""

import time
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import CommandError

from deployments.management.progress import Progress
from deployments.management.prompts import version_named
from evaluations import queue, worker
from evaluations.actions import runs
from evaluations.models import Evaluation, EvaluationQuerySet
from evaluations.serializers import in_full
from pvc.commands import ActionCommand, actor_for, tenant_named

#: Seconds between two looks at an evaluation that somebody else runs.
BETWEEN: Final = 0.5
FAILED_CASES: Final = 20


class Command(ActionCommand):
    help = (
        "Evaluate a version and wait for the result. The built-in harness runs here, without a worker; another one is"
        " called, or waited for. Ends with exit code 1 unless it passed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "version", help="namespace:name@tag or namespace:name@number; without @, what is in staging"
        )
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--as", dest="username", required=True, metavar="USERNAME", help="who does this")
        parser.add_argument("--harness", default="", help="builtin, or a name; default: what the namespace says")
        parser.add_argument("--wait", type=float, default=600.0, metavar="SECONDS", help="default: 600")

    def handle(self, *args: Any, **options: Any) -> None:
        self.status = ""
        super().handle(*args, **options)
        if self.status != Evaluation.PASSED:
            raise CommandError("The evaluation did not pass.")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        by = actor_for(tenant_named(options["tenant"]), options["username"])
        if not by.may("evaluations:write"):
            raise CommandError(f"{by.name} does not hold evaluations:write.")
        version = version_named(options["version"], by)
        evaluation = runs.trigger(version, harness=options["harness"], by=by)
        if evaluation.kind != Evaluation.REPORTED and (taken := queue.claim(_this(evaluation))):
            worker.run(taken, "command")
        ended = self._ended(evaluation, seconds=options["wait"])
        self.status = ended.status
        prompt = version.prompt
        return {"prompt": f"{prompt.namespace.slug}:{prompt.slug}", "number": version.number, **in_full(ended)}

    def _ended(self, evaluation: Evaluation, *, seconds: float) -> Evaluation:
        """The evaluation once it has ended, or as it is when the time is over."""
        until = time.monotonic() + seconds
        with Progress(self.stderr, max(1, int(seconds / BETWEEN)), f"looks at {evaluation.harness}") as progress:
            found = _this(evaluation).select_related("report").get()
            while not found.is_finished and time.monotonic() < until:
                time.sleep(BETWEEN)
                progress.step()
                found = _this(evaluation).select_related("report").get()
        return found

    def tell(self, result: dict[str, Any]) -> str:
        score = "-" if result["score"] is None else f"{result['score']:.3g}"
        lines = [
            f"{result['prompt']}, version {result['number']}: {result['harnessId']} {result['status']}, score {score}"
        ]
        metrics = result["metrics"]
        if "message" in metrics:
            lines.append(f"  {metrics.get('error', '')}: {metrics['message']}")
        for each in (result["results"] or [])[:FAILED_CASES]:
            state = "passed" if each["passed"] else "failed"
            lines.append(f"  {state:<8} {each['milliseconds']:>9.3f} ms {each['tokens']:>7} tokens  {each['name']}")
            lines += [f"             {fault['message']}" for fault in each["faults"]]
        left = len(result["results"] or []) - FAILED_CASES
        return "\n".join(lines + ([f"  and {left:,} more; --json shows a thousand"] if left > 0 else []))


def _this(evaluation: Evaluation) -> EvaluationQuerySet:
    return Evaluation.objects.filter(pk=evaluation.pk)
