"""How the server says no: one JSON shape for every refusal, and the one map from kind to status."""

import datetime as dt
from typing import Any

import orjson
from django.http import HttpResponse

from pvc import errors, logs

STATUS: dict[type[errors.DomainError], int] = {
    errors.Invalid: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.Unprocessable: 422,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
}


def status_of(error: errors.DomainError) -> int:
    """The HTTP status of an error's kind; 500 for one without a kind."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def moment(at: dt.datetime) -> str:
    """A time on the wire: ISO 8601, UTC, milliseconds, `Z`."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error_body(code: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """The one error shape (contract 1)."""
    error: dict[str, Any] = {"code": code, "message": message}
    if details:
        error["details"] = details
    return {"error": error, "requestId": logs.request_id(), "timestamp": moment(dt.datetime.now(dt.UTC))}


def body_of(error: errors.DomainError) -> dict[str, Any]:
    """What a refusal says, with the fields that stand beside it."""
    return {**error.beside, **error_body(error.code, error.message, error.details)}


def error_headers(error: errors.DomainError) -> dict[str, str]:
    """The headers that belong to an error's kind."""
    if isinstance(error, errors.Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.RateLimited):
        return {
            "Retry-After": str(error.retry_after),
            "RateLimit-Limit": str(error.limit),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(error.retry_after),
        }
    if isinstance(error, errors.Unavailable):
        return {"Retry-After": "1"}
    return {}


def plain_error(
    status: int,
    code: str,
    message: str,
    details: dict[str, Any] | None = None,
    beside: dict[str, Any] | None = None,
) -> HttpResponse:
    """An error answer by status, where no DomainError stands behind it."""
    body = orjson.dumps({**(beside or {}), **error_body(code, message, details)}, default=str)
    return HttpResponse(body, status=status, content_type="application/json")


def error_response(error: errors.DomainError) -> HttpResponse:
    """The answer to a refused request, outside of Django REST framework's views too."""
    response = plain_error(status_of(error), error.code, error.message, error.details, error.beside)
    for name, value in error_headers(error).items():
        response[name] = value
    return response
