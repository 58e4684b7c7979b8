"""What Prometheus is told about requests: how many and how long, by method, route and status; no tenant."""

from prometheus_client import Counter, Histogram

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_requests = Counter("pvc_requests", "Requests answered.", ["method", "route", "status"])
_seconds = Histogram(
    "pvc_request_seconds",
    "Seconds from a request's arrival to its answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# Finding a child by its labels costs more than counting does. Methods, routes and statuses are few.
_counters: dict[tuple[str, str, int], Counter] = {}
_timers: dict[tuple[str, str], Histogram] = {}


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """One answered request. `route` is a name from the URL table, never a path."""
    if method not in _METHODS:
        method = "OTHER"
    counter = _counters.get((method, route, status))
    if counter is None:
        counter = _counters[method, route, status] = _requests.labels(method, route, str(status))
    timer = _timers.get((method, route))
    if timer is None:
        timer = _timers[method, route] = _seconds.labels(method, route)
    counter.inc()
    timer.observe(seconds)
