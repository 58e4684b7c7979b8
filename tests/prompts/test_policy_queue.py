"""Who changes a policy stands in line with those who decide under it."""

import threading
import time

from django.db import OperationalError, connection, connections, transaction

from prompts.models import Namespace
from tests import factories


def waiting() -> int:
    """How many connections stand in line for a lock that is no row's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return int(cursor.fetchone()[0])


def wait_until_waiting() -> None:
    end = time.monotonic() + 30
    while not waiting():
        assert time.monotonic() < end, "nobody waits"
        time.sleep(0.01)


def test_a_decider_who_comes_later_does_not_overtake_a_change(committed: None) -> None:
    namespace = Namespace.objects.get(tenant=factories.make_tenant())
    ends: list[str] = []

    def change() -> None:
        try:
            with transaction.atomic():
                namespace.locked_for_change()
                ends.append("changed")
        finally:
            connections.close_all()

    def decide_later() -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '300ms'")
                namespace.locked_for_decision()
                ends.append("overtaken")
        except OperationalError:
            ends.append("waited")
        finally:
            connections.close_all()

    changer, later = threading.Thread(target=change), threading.Thread(target=decide_later)
    with transaction.atomic():
        namespace.locked_for_decision()
        changer.start()
        wait_until_waiting()
        later.start()
        later.join(30)
        assert ends == ["waited"]
    changer.join(30)
    assert ends == ["waited", "changed"]
