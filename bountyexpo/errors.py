"""Every error this service tells a client, and what each means on either transport.

The columns are the HTTP status, the close code where it ends a socket, and the code of the body.

    BountyExpoError
    ├── InvalidRequest             400  4400  VALIDATION_ERROR
    │   ├── InsufficientBalance    400  4400  insufficient_balance
    │   ├── CardRefused            400  4400  the card network's own code
    │   ├── MalformedRequest       400  4400  MALFORMED_REQUEST
    │   ├── NotStorable            400  4400  VALIDATION_ERROR
    │   ├── TooManyWatched         400  4400  TOO_MANY_SUBSCRIPTIONS
    │   └── VersionUnsupported     400  4426  VERSION_UNSUPPORTED
    ├── NotAuthenticated           401  4401  AUTHENTICATION_REQUIRED
    │   ├── TokenExpired           401  4411  TOKEN_EXPIRED
    │   └── SessionRevoked         401  4410  SESSION_REVOKED
    ├── NotAllowed                 403  4403  AUTHORIZATION_FAILED
    │   └── AccountClosed          403  4403  ACCOUNT_SUSPENDED
    ├── NotFound                   404  1011  RESOURCE_NOT_FOUND
    ├── MethodNotAllowed           405  1011  METHOD_NOT_ALLOWED
    ├── RequestTooSlow             408  1011  REQUEST_TOO_SLOW
    ├── Conflict                   409  1011  CONFLICT
    │   ├── IllegalTransition      409  1011  INVALID_TRANSITION
    │   ├── AlreadyMoved           409  1011  CONFLICT
    │   ├── StaleVersion           409  1011  STALE_VERSION
    │   │   └── Duplicate          409  1011  STALE_VERSION, of a row that is there already
    │   ├── IdempotencyConflict    409  1011  idempotency_conflict
    │   ├── RequestInProgress      409  1011  request_in_progress
    │   └── AccountOverdrawn       409  1011  BALANCE_CONFLICT
    ├── NoLongerOffered            410  1011  GONE
    ├── TooLarge                   413  1009  PAYLOAD_TOO_LARGE
    │   └── HeadTooLarge           431  1009  REQUEST_HEADER_FIELDS_TOO_LARGE
    ├── UnsupportedMediaType       415  1011  UNSUPPORTED_MEDIA_TYPE
    ├── NotUploaded                422  1011  NOT_UPLOADED
    ├── UpgradeRequired            426  1011  UPGRADE_REQUIRED
    ├── RateLimited                429  4429  RATE_LIMIT_EXCEEDED
    ├── InternalError              500  1011  INTERNAL_ERROR
    │   ├── Crashed                500  1011  INTERNAL_ERROR, worth another try
    │   └── PutAside               500  1011  PUT_ASIDE
    ├── ProviderFailed             502  1011  EXTERNAL_SERVICE_ERROR
    ├── Unavailable                503  1013  SERVICE_UNAVAILABLE
    │   ├── MailboxFull            503  1013  OVERLOADED
    │   └── DatabaseUnavailable    503  1013  DATABASE_UNAVAILABLE
    └── AskTimeout                 504  1011  TIMED_OUT

``code`` is for programs and ``message`` for people. The shipped client masks texts that contain
"network", "timeout", "payment", "JWT" and the like (contract rest-core §4.2), so messages avoid
them. Extra keyword arguments become fields of the reply body and of the socket's error frame.
"""

from __future__ import annotations

from typing import Any, ClassVar

from bountyexpo.close_codes import CloseCode


class BountyExpoError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    close_code: ClassVar[CloseCode] = CloseCode.SERVER_ERROR
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        retry_after_s: int | None = None,
        **fields: Any,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").partition("\n")[0]
        self.error_code = code or type(self).code
        self.retry_after_s = retry_after_s
        self.fields = fields
        super().__init__(self.message)


class InvalidRequest(BountyExpoError):
    """The request is not valid."""

    code = "VALIDATION_ERROR"
    status = 400
    close_code = CloseCode.PROTOCOL_VIOLATION


class InsufficientBalance(InvalidRequest):
    """Insufficient balance in your wallet."""

    code = "insufficient_balance"


class CardRefused(InvalidRequest):
    """The card was declined."""

    code = "card_declined"


class MalformedRequest(InvalidRequest):
    """The request is not valid HTTP."""

    code = "MALFORMED_REQUEST"


class NotStorable(InvalidRequest):
    """The request holds something that cannot be stored."""

    def __init__(self, constraint: str | None = None) -> None:
        super().__init__()
        self.constraint = constraint


class TooManyWatched(InvalidRequest):
    """More people than one listener may follow."""

    code = "TOO_MANY_SUBSCRIPTIONS"


class VersionUnsupported(InvalidRequest):
    """Please update the app."""

    code = "VERSION_UNSUPPORTED"
    close_code = CloseCode.VERSION_UNSUPPORTED


class NotAuthenticated(BountyExpoError):
    """Please sign in to continue."""

    code = "AUTHENTICATION_REQUIRED"
    status = 401
    close_code = CloseCode.NOT_AUTHENTICATED


class TokenExpired(NotAuthenticated):
    """Your session has ended. Please sign in again."""

    code = "TOKEN_EXPIRED"
    close_code = CloseCode.TOKEN_EXPIRED


class SessionRevoked(NotAuthenticated):
    """You have been signed out. Please sign in again."""

    code = "SESSION_REVOKED"
    close_code = CloseCode.REVOKED


class NotAllowed(BountyExpoError):
    """You are not allowed to do this."""

    code = "AUTHORIZATION_FAILED"
    status = 403
    close_code = CloseCode.SUSPENDED


class AccountClosed(NotAllowed):
    """This account is suspended."""

    code = "ACCOUNT_SUSPENDED"


class NotFound(BountyExpoError):
    """This does not exist, or you cannot see it."""

    code = "RESOURCE_NOT_FOUND"
    status = 404


class MethodNotAllowed(BountyExpoError):
    """This address does not support that method."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class RequestTooSlow(BountyExpoError):
    """The request took too long to arrive."""

    code = "REQUEST_TOO_SLOW"
    status = 408
    retryable = True


class Conflict(BountyExpoError):
    """This cannot be done in the present state."""

    code = "CONFLICT"
    status = 409


class IllegalTransition(Conflict):
    """This step is not possible in the present state."""

    code = "INVALID_TRANSITION"


class AlreadyMoved(Conflict):
    """This has been done or ended already."""


class StaleVersion(Conflict):
    """Somebody else changed this at the same moment. Please try again."""

    code = "STALE_VERSION"
    retryable = True


class Duplicate(StaleVersion):
    """Somebody else did this at the same moment. Please try again."""

    def __init__(self, constraint: str | None = None) -> None:
        super().__init__()
        self.constraint = constraint


class IdempotencyConflict(Conflict):
    """This idempotency key was already used for a different request."""

    code = "idempotency_conflict"


class RequestInProgress(Conflict):
    """This request is still being worked on. Please ask again in a moment."""

    code = "request_in_progress"
    retryable = True

    def __init__(self, message: str | None = None, **fields: Any) -> None:
        fields.setdefault("retry_after_s", 1)
        super().__init__(message, **fields)


class AccountOverdrawn(Conflict):
    """The money of this step is not where it should be; it may have been moved already."""

    code = "BALANCE_CONFLICT"


class NoLongerOffered(BountyExpoError):
    """This is done in another way now."""

    code = "GONE"
    status = 410


class TooLarge(BountyExpoError):
    """The request is larger than the limit."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413
    close_code = CloseCode.TOO_LARGE


class HeadTooLarge(TooLarge):
    """The head of the request is larger than the limit."""

    code = "REQUEST_HEADER_FIELDS_TOO_LARGE"
    status = 431


class UnsupportedMediaType(BountyExpoError):
    """The body must be JSON."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class NotUploaded(BountyExpoError):
    """Some of this has not been uploaded, or not in time."""

    code = "NOT_UPLOADED"
    status = 422


class UpgradeRequired(BountyExpoError):
    """This address is for WebSockets: ask for an upgrade, over HTTP/1.1."""

    code = "UPGRADE_REQUIRED"
    status = 426


class RateLimited(BountyExpoError):
    """Too many requests. Please wait a moment."""

    code = "RATE_LIMIT_EXCEEDED"
    status = 429
    close_code = CloseCode.RATE_LIMITED
    retryable = True


class InternalError(BountyExpoError):
    """Something went wrong on our side."""


class Crashed(InternalError):
    """Something went wrong on our side. It may be done; repeat it with the same idempotency key."""

    retryable = True

    def __init__(self) -> None:
        super().__init__(retry_after_s=1)


class PutAside(InternalError):
    """This has failed on our side several times, and is not tried again for now."""

    code = "PUT_ASIDE"


class ProviderFailed(BountyExpoError):
    """A service we depend on did not answer properly."""

    code = "EXTERNAL_SERVICE_ERROR"
    status = 502
    retryable = True


class Unavailable(BountyExpoError):
    """The service is not available at the moment. Please try again shortly."""

    code = "SERVICE_UNAVAILABLE"
    status = 503
    close_code = CloseCode.OVERLOAD
    retryable = True

    def __init__(self, message: str | None = None, **fields: Any) -> None:
        fields.setdefault("retry_after_s", 1)
        super().__init__(message, **fields)


class MailboxFull(Unavailable):
    """Too many requests are waiting here. Please try again shortly."""

    code = "OVERLOADED"


class DatabaseUnavailable(Unavailable):
    """Our storage is not available at the moment. Please try again shortly."""

    code = "DATABASE_UNAVAILABLE"


class AskTimeout(BountyExpoError):
    """This took too long. It may still finish; repeat it with the same idempotency key."""

    code = "TIMED_OUT"
    status = 504
    retryable = True
