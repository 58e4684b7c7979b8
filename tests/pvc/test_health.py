"""What machines ask: alive, ready, metrics."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError
from django.test import RequestFactory
from django.utils import timezone

from audit import actions
from audit.models import Heartbeat
from pvc import health, store
from pvc.breaker import redis_breaker


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    start_anew()
    yield
    start_anew()


def start_anew() -> None:
    store.forget()
    redis_breaker.reset()


def ready() -> tuple[int, dict[str, Any]]:
    response = health.ready(RequestFactory().get("/ready"))
    return response.status_code, json.loads(response.content)


def test_health_asks_nothing() -> None:
    response = health.health(RequestFactory().get("/health"))
    body = json.loads(response.content)
    assert (response.status_code, body["status"]) == (200, "ok")
    assert body["timestamp"].endswith("Z")


@pytest.mark.django_db
def test_ready_with_all_it_needs() -> None:
    actions.heartbeat("worker@here")
    assert ready() == (
        200,
        {"status": "ready", "checks": {"database": "ok", "migrations": "ok", "worker": "ok", "redis": "ok"}},
    )


@pytest.mark.django_db
def test_degraded_without_a_worker() -> None:
    Heartbeat.objects.all().delete()
    status, body = ready()
    assert (status, body["status"]) == (200, "degraded")
    assert "sign of life" in body["checks"]["worker"]


@pytest.mark.django_db
def test_degraded_when_the_last_heartbeat_is_old() -> None:
    Heartbeat.objects.update_or_create(worker="gone", defaults={"at": timezone.now() - timedelta(seconds=61)})
    assert ready()[1]["status"] == "degraded"


@pytest.mark.django_db
def test_degraded_without_redis(settings: Any) -> None:
    actions.heartbeat("worker@here")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    start_anew()
    status, body = ready()
    assert (status, body["status"]) == (200, "degraded")
    assert body["checks"]["redis"] == "Redis cannot be reached."


@pytest.mark.django_db
def test_unavailable_while_a_migration_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_is_migrated", lambda: False)
    status, body = ready()
    assert (status, body["status"]) == (503, "unavailable")
    assert body["checks"]["migrations"] != "ok"


def test_unavailable_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> bool:
        raise InterfaceError("connection to 10.0.0.7 as pvc_app failed")

    monkeypatch.setattr(health, "_is_migrated", away)
    status, body = ready()
    assert (status, body["status"]) == (503, "unavailable")
    assert "10.0.0.7" not in str(body)


def test_metrics_are_prometheus_text() -> None:
    response = health.metrics(RequestFactory().get("/metrics"))
    assert response["Content-Type"].startswith("text/plain")
    assert b"# HELP" in response.content
