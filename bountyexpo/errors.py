"""Every error this service tells a client, and what each means on either transport.

    BountyExpoError
    ├── InvalidRequest            400  VALIDATION_ERROR
    │   ├── InsufficientBalance   400  insufficient_balance
    │   └── CardRefused           400  the card network's own code
    ├── NotAuthenticated          401  AUTHENTICATION_REQUIRED
    │   └── TokenExpired          401  TOKEN_EXPIRED
    ├── NotAllowed                403  AUTHORIZATION_FAILED
    ├── NotFound                  404  RESOURCE_NOT_FOUND
    ├── Conflict                  409  CONFLICT
    │   ├── IllegalTransition     409  INVALID_TRANSITION
    │   ├── StaleVersion          409  STALE_VERSION
    │   └── IdempotencyConflict   409  idempotency_conflict
    ├── TooLarge                  413  PAYLOAD_TOO_LARGE
    ├── RateLimited               429  RATE_LIMIT_EXCEEDED
    ├── InternalError             500  INTERNAL_ERROR
    │   └── Crashed               500  INTERNAL_ERROR, worth another try
    ├── ProviderFailed            502  EXTERNAL_SERVICE_ERROR
    ├── Unavailable               503  SERVICE_UNAVAILABLE
    │   ├── MailboxFull           503  OVERLOADED
    │   └── DatabaseUnavailable   503  DATABASE_UNAVAILABLE
    └── AskTimeout                504  TIMED_OUT

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


class NotAuthenticated(BountyExpoError):
    """Please sign in to continue."""

    code = "AUTHENTICATION_REQUIRED"
    status = 401
    close_code = CloseCode.NOT_AUTHENTICATED


class TokenExpired(NotAuthenticated):
    """Your session has ended. Please sign in again."""

    code = "TOKEN_EXPIRED"
    close_code = CloseCode.TOKEN_EXPIRED


class NotAllowed(BountyExpoError):
    """You are not allowed to do this."""

    code = "AUTHORIZATION_FAILED"
    status = 403
    close_code = CloseCode.SUSPENDED


class NotFound(BountyExpoError):
    """This does not exist, or you cannot see it."""

    code = "RESOURCE_NOT_FOUND"
    status = 404


class Conflict(BountyExpoError):
    """This cannot be done in the present state."""

    code = "CONFLICT"
    status = 409


class IllegalTransition(Conflict):
    """This step is not possible in the present state."""

    code = "INVALID_TRANSITION"


class StaleVersion(Conflict):
    """Somebody else changed this at the same moment. Please try again."""

    code = "STALE_VERSION"
    retryable = True


class IdempotencyConflict(Conflict):
    """This idempotency key was already used for a different request."""

    code = "idempotency_conflict"


class TooLarge(BountyExpoError):
    """The request is larger than the limit."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413
    close_code = CloseCode.TOO_LARGE


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
