"""What can go wrong, in words: one class per kind of refusal, and the names of the database's own.

A verb raises a subclass declared beside it (`class OwnVersion(Conflict): code = "OWN_VERSION"`).
`pvc.api` maps the kind to a status, once; the console and the commands show the same sentence.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from django.db import DatabaseError, DataError, IntegrityError


class DomainError(Exception):
    """A refusal that a person can act on. `message` is a sentence; `details` goes into the body."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    #: Whether a verb that keeps its refusals writes this one down, as `<verb>.denied`.
    audited: ClassVar[bool] = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        #: Fields that stand beside `error` in the answer; a few conflicts have some (contract 4).
        self.beside: dict[str, Any] = {}
        #: Audit verb, target, prompt's id and actor of the refused attempt, set by `@verb(refused=...)`.
        self.refusal: tuple[str, str, Any, Any] | None = None


class Invalid(DomainError):
    """The input cannot be taken as it is (400)."""

    code = "VALIDATION_ERROR"

    @classmethod
    def field(cls, path: str, message: str) -> "Invalid":
        return cls.fields({path: [message]})

    @classmethod
    def fields(cls, fields: Mapping[str, list[str]]) -> "Invalid":
        first = next(iter(fields.items()), ("", ["The input is not valid."]))
        where = f"{first[0]}: " if first[0] else ""
        return cls(f"{where}{first[1][0]}", fields=dict(fields))


class Unauthorized(DomainError):
    """Nobody we know is asking (401)."""

    code = "UNAUTHORIZED"


class Forbidden(DomainError):
    """Known, but not allowed to ask (403)."""

    code = "FORBIDDEN"
    audited = True


class NotFound(DomainError):
    """Not there, or another tenant's: the answer is the same (404)."""

    code = "NOT_FOUND"


class Conflict(DomainError):
    """The state of things does not allow it (409)."""

    code = "CONFLICT"
    audited = True


class Gone(DomainError):
    """It was archived (410)."""

    code = "ARCHIVED"
    audited = True


class PreconditionFailed(DomainError):
    """If-Match names a revision that is no longer the present one (412)."""

    code = "PRECONDITION_FAILED"


class TooLarge(DomainError):
    """The body is larger than the route takes (413)."""

    code = "PAYLOAD_TOO_LARGE"


class Unprocessable(DomainError):
    """Well-formed, but its content is refused (422)."""

    code = "INVALID_TEMPLATE"
    audited = True


class RateLimited(DomainError):
    """Too many calls in the window (429). `limit` calls a window; `retry_after` in whole seconds."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, limit: int, retry_after: int) -> None:
        super().__init__(message)
        self.limit = limit
        self.retry_after = retry_after


class Unavailable(DomainError):
    """Not now: the database is gone, or a lock was not had in time (503)."""

    code = "UNAVAILABLE"


_by_constraint: dict[str, DomainError] = {}


def name_constraint(constraint: str, error: DomainError) -> None:
    """Register the sentence shown when the database refuses a row by `constraint`."""
    _by_constraint[constraint] = error


def named_constraints() -> frozenset[str]:
    """Every constraint, unique index and trigger that has a sentence of its own."""
    return frozenset(_by_constraint)


def constraint_of(error: BaseException) -> str | None:
    """The name of the constraint or trigger behind a database error, where PostgreSQL gives one."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None)


#: What PostgreSQL says of a lock not had in time, a statement cut off, a lost race or a shutdown.
_PASSING_STATES = ("40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300", "25P03")


def raise_domain_error(error: DatabaseError) -> NoReturn:
    """Raise the DomainError that says what a database error means; the error itself if none does."""
    constraint = constraint_of(error)
    named = _by_constraint.get(constraint or "")
    if named is not None:
        raise type(named)(named.message, **named.details) from error
    state = getattr(error.__cause__, "sqlstate", None) or ""
    if state in _PASSING_STATES or state.startswith("08"):
        raise Unavailable("The server is busy with this row; please try again.") from error
    if state == "23503":
        raise Conflict("What this refers to is not there, or is still referred to.") from error
    if isinstance(error, DataError):
        raise Invalid("A value is too long, or not of its kind.") from error
    if isinstance(error, IntegrityError):
        raise Conflict("The change contradicts what is stored.") from error
    raise error
