"""`manage.py healthy worker`, `manage.py healthy beat`: what a container or a monitor asks of those without a port.

It reads the sign of life in the database and asks nothing of Redis, which a worker does without.
"""

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from celery.utils.nodenames import gethostname, nodename
from django.core.management.base import CommandError
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from audit.models import Heartbeat
from pvc.commands import ActionCommand

SECONDS = 60.0
#: What the parts sign as, before this machine's name: Celery's default for a worker, pvc/beat.py for the clock.
SIGNATURES = {"worker": "celery", "beat": "beat"}


class Command(ActionCommand):
    help = "Say whether this machine's worker or beat has given a sign of life; exit code 1 if not."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("part", choices=SIGNATURES)
        parser.add_argument("--name", help="its node name; the one it takes on this machine where it is left out")
        parser.add_argument("--within", type=float, default=SECONDS, metavar="SECONDS")

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        name = options["name"] or nodename(SIGNATURES[options["part"]], gethostname())
        silence = ExpressionWrapper(Now() - F("at"), output_field=DurationField())
        silent_for: dt.timedelta | None = (
            Heartbeat.objects.annotate(silence=silence).filter(worker=name).values_list("silence", flat=True).first()
        )
        if silent_for is None:
            raise CommandError(f"{name} has never given a sign of life.")
        seconds = max(0.0, round(silent_for.total_seconds(), 1))
        if seconds > options["within"]:
            raise CommandError(f"{name} has given no sign of life for {seconds} seconds.")
        return {"name": name, "secondsAgo": seconds}

    def tell(self, result: dict[str, Any]) -> str:
        return f"{result['name']} gave a sign of life {result['secondsAgo']} seconds ago."
