"""What machines ask: is it alive, is it ready, how is it doing."""

from contextlib import suppress
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from audit.models import Heartbeat
from deployments import gauges as measurements
from pvc import answers, store
from pvc.breaker import redis_breaker
from webhooks import gauges as deliveries

OK = "ok"
HEARTBEAT_SECONDS = 60
#: How the clock signs (pvc/beat.py): beside the workers, but it is none.
CLOCK = "beat@"

_migrated = False


@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": OK, "timestamp": answers.moment(timezone.now())})


@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """Whether requests can be served: not without the database; less well without Redis or a worker."""
    checks = _database_checks() | {"redis": _redis()}
    if checks.get("migrations") != OK:
        return JsonResponse({"status": "unavailable", "checks": checks}, status=503)
    return JsonResponse({"status": "ready" if set(checks.values()) == {OK} else "degraded", "checks": checks})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text; of all processes together where PROMETHEUS_MULTIPROC_DIR is set."""
    page: HttpResponse = ExportToDjangoView(request)
    with suppress(DatabaseError, InterfaceError):  # without the database the rest is told all the same
        page.content += deliveries.text() + measurements.text()
    return page


def _database_checks() -> dict[str, str]:
    """What can be said of the database; after the first fault, nothing of what builds on it."""
    try:
        if not _is_migrated():
            return {"database": OK, "migrations": "There are migrations that were not applied."}
        return {"database": OK, "migrations": OK, "worker": _worker()}
    except (DatabaseError, InterfaceError):
        return {"database": "The database cannot be reached."}


def _is_migrated() -> bool:
    """Asked until the answer is yes, once a process: tables do not go away again."""
    global _migrated  # noqa: PLW0603
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


def _redis() -> str:
    return OK if redis_breaker.call(lambda: store.client().ping(), False) else "Redis cannot be reached."


def _worker() -> str:
    recently = Now() - timedelta(seconds=HEARTBEAT_SECONDS)
    if Heartbeat.objects.filter(at__gte=recently).exclude(worker__startswith=CLOCK).exists():
        return OK
    return f"No worker has given a sign of life for {HEARTBEAT_SECONDS} seconds."
