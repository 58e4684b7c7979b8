"""What Prometheus is told: bounded labels, and no more of them than methods, routes and statuses."""

from prometheus_client import REGISTRY

from pvc import metrics


def test_a_request_is_counted_and_timed() -> None:
    metrics.count_request("GET", "a-route", 200, 0.02)
    metrics.count_request("GET", "a-route", 200, 0.02)
    labels = {"method": "GET", "route": "a-route"}
    assert REGISTRY.get_sample_value("pvc_requests_total", labels | {"status": "200"}) == 2
    assert REGISTRY.get_sample_value("pvc_request_seconds_count", labels) == 2


def test_a_made_up_method_makes_no_label() -> None:
    metrics.count_request("BREW", "a-route", 405, 0.01)
    labels = {"route": "a-route", "status": "405"}
    assert REGISTRY.get_sample_value("pvc_requests_total", labels | {"method": "OTHER"}) == 1
    assert REGISTRY.get_sample_value("pvc_requests_total", labels | {"method": "BREW"}) is None
