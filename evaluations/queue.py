"""The rows that a worker is to take: claimed for a while, by one worker at a time, by the database's clock.

`due_at` is the whole schedule: a row is due when it is past, and whoever takes it puts it off by a lease. A worker that
dies leaves the row to come due again. `token` rises with every claim, so that what a worker brings that was thought
dead is known to be late. No claim holds a lock while something is done about it.
"""

from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from evaluations.models import Evaluation
from evaluations.models import EvaluationQuerySet as Rows

#: Longer than a call of a harness may take (pvc/outbound.py).
LEASE: Final = 20.0  # seconds
#: A row that so many workers took and did not come back from is given up.
MOST_CLAIMS: Final = 3


def claim(rows: Rows | None = None) -> Evaluation | None:
    """The row that is due the longest, of all or of these, taken for one lease; None where nothing is due."""
    due = (Evaluation.objects.all() if rows is None else rows).filter(due_at__lte=Now()).order_by("due_at")
    with transaction.atomic():
        found = due.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True).first()
        if found is None:
            return None
        Evaluation.objects.filter(pk=found).update(
            due_at=_in(LEASE),
            token=F("token") + 1,
            claims=F("claims") + 1,
            status=Evaluation.RUNNING,
            started_at=Coalesce("started_at", Now()),
        )
    return Evaluation.objects.select_related("tenant", "prompt__namespace", "version").get(pk=found)


def calls() -> Rows:
    """Those for which somebody outside is to be called, who may take his time."""
    return Evaluation.objects.filter(kind=Evaluation.CALLED, called_at__isnull=True)


def done_here() -> Rows:
    """All others: no slow receiver is in their way."""
    return Evaluation.objects.exclude(kind=Evaluation.CALLED, called_at__isnull=True)


def calls_waiting() -> int:
    """How many calls are due, up to a hundred."""
    return calls().filter(due_at__lte=Now())[:100].count()


def waiting() -> int:
    """How many of the others are due, up to a hundred."""
    return done_here().filter(due_at__lte=Now())[:100].count()


def renew(taken: Evaluation) -> bool:
    """Another lease for whoever is still at it; False where somebody else is now, or it is finished."""
    return _still_ours(taken, due_at=_in(LEASE))


def put_off(taken: Evaluation, seconds: float) -> bool:
    """Come due again later, to be tried once more."""
    return _still_ours(taken, due_at=_in(seconds))


def wait_for_report(taken: Evaluation, seconds: float) -> bool:
    """The harness took the call: its time begins. What comes due now is the end of that time, and nobody has failed."""
    return _still_ours(taken, due_at=_in(seconds), called_at=Now(), claims=0)


def _still_ours(taken: Evaluation, **columns: Any) -> bool:
    return bool(Evaluation.objects.filter(pk=taken.pk, token=taken.token, due_at__isnull=False).update(**columns))


def _in(seconds: float) -> Any:
    return Now() + timedelta(seconds=seconds)
