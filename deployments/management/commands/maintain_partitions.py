"""`manage.py maintain_partitions`: exit 0, or 1 where metrics lie in no partition of a day."""

from typing import Any

from deployments.actions import sketching
from pvc.commands import ActionCommand


class Command(ActionCommand):
    help = (
        "Make the partitions of raw metrics for the days to come, drop those older than METRICS_RAW_DAYS, and forget "
        "hours older than METRICS_DAYS. Beat does the same by the hour. Exit code 1: some metrics lie in no partition."
    )

    def act(self, options: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 -- it has none
        done = sketching.maintain_partitions()
        self._left = sketching.rows_without_partition()
        return {
            "created": [each.name for each in done if each.done == "created"],
            "dropped": [each.name for each in done if each.done == "dropped"],
            "moved": sum(each.moved or 0 for each in done),
            "purged": sketching.purge_hours(),
            "withoutPartition": self._left,
        }

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if self._left:
            raise SystemExit(1)

    def tell(self, result: dict[str, Any]) -> str:
        lines = [f"created {name}" for name in result["created"]] + [f"dropped {name}" for name in result["dropped"]]
        if result["moved"]:
            lines.append(f"{result['moved']} rows had waited for their partition")
        if result["withoutPartition"]:
            lines.append(f"{result['withoutPartition']} rows or more lie in no partition of a day")
        return "\n".join([*lines, f"{result['purged']} hours, days and exposures are forgotten"])
