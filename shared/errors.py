"""Errors as classes with a code. Raised deep, rendered once (RFC 9457) by `shared.http`."""

from typing import Any, ClassVar


class AppError(Exception):
    """A refusal the caller can understand: `code` is stable, `status` is the HTTP status.

    `context` carries what and where (field, id, limit); it is shown to the caller, so no secrets.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.context = context


class InvalidError(AppError):
    """The input is understood but wrong; `context["errors"]` may list field and reason."""

    code = "invalid"
    status = 422


class UnauthenticatedError(AppError):
    """No token, or a forged, expired or foreign one."""

    code = "unauthenticated"
    status = 401


class ForbiddenError(AppError):
    """Known caller, act not allowed."""

    code = "forbidden"
    status = 403


class NotFoundError(AppError):
    """Nothing there, or nothing this caller may know of."""

    code = "not_found"
    status = 404


class ConflictError(AppError):
    """The state of the thing does not allow the act."""

    code = "conflict"
    status = 409


class GoneError(AppError):
    """A cursor or epoch that no longer exists."""

    code = "gone"
    status = 410


class StaleVersionError(AppError):
    """`If-Match` names a version that is no longer the current one."""

    code = "stale_version"
    status = 412


class TooLargeError(AppError):
    """More bytes or rows than the stated limit."""

    code = "too_large"
    status = 413


class UnsupportedTypeError(AppError):
    """Content of a kind that is not accepted here."""

    code = "unsupported_type"
    status = 415


class VersionRequiredError(AppError):
    """A decision needs `If-Match`."""

    code = "version_required"
    status = 428


class TooManyRequestsError(AppError):
    """A limit of calls; `context["retry_after"]` says the seconds to wait."""

    code = "too_many_requests"
    status = 429


class UnavailableError(AppError):
    """A part this answer needs is not there for now."""

    code = "unavailable"
    status = 503
