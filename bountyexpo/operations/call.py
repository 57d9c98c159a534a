"""The call: what an operation knows of its caller, the same on both transports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.errors import NotAuthenticated, RateLimited
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bountyexpo.domain.identity import Identity
    from bountyexpo.operations.catalogue import RateClass, Route
    from bountyexpo.operations.rate_limits import RateLimiter

Transport = Literal["rest", "socket"]


def new_request_id() -> str:
    """Return a fresh request id."""
    return f"req_{new_id()}"


class RawReply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that is not JSON: text, a picture, a redirect. The socket refuses such operations."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class Verifier(Protocol):
    """Tells whose access token it is."""

    async def verify(self, token: str) -> Identity:
        """Return the caller.

        Raises:
            NotAuthenticated: the token is not good; TokenExpired when only its time is over.
            Unavailable: it cannot be checked at present.
        """


class ClockLike(Protocol):
    """The two questions about time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""

    def monotonic(self) -> float:
        """Return seconds that only grow."""


class Services(Protocol):
    """What the edge needs of the running service; handlers reach further parts through ``Any``."""

    verifier: Verifier
    clock: ClockLike
    rate_limiter: RateLimiter
    settings: Any

    def readiness(self) -> str | None:
        """Return why the service cannot serve at require, or None; waits for nothing."""

    def tree(self) -> Any:
        """Return the supervisor tree as an encodable value."""

    async def receive_webhook(self, raw: bytes, signature: str) -> dict[str, Any]:
        """Take a raw webhook body with its signature header, and return the reply."""


class Call:
    """One call of an operation; mutable only where a handler shapes the HTTP reply."""

    __slots__ = (
        "headers_in",
        "idempotency_key",
        "identity",
        "peer",
        "reply_headers",
        "reply_status",
        "request_id",
        "route",
        "services",
        "transport",
    )

    def __init__(
        self,
        services: Any,
        *,
        request_id: str,
        transport: Transport = "rest",
        identity: Identity | None = None,
        peer: str = "",
        headers_in: Mapping[str, str] | None = None,
    ) -> None:
        self.services = services
        self.request_id = request_id
        self.transport: Transport = transport
        self.identity = identity
        self.peer = peer
        self.headers_in: Mapping[str, str] = headers_in or {}
        # The route that was asked for; an old one may have an envelope of its own.
        self.route: Route | None = None
        self.idempotency_key: str | None = None
        self.reply_status: int | None = None
        self.reply_headers: dict[str, str] = {}

    @property
    def user_id(self) -> str:
        """The caller's id.

        Raises:
            NotAuthenticated: nobody is signed in.
        """
        if self.identity is None:
            raise NotAuthenticated
        return self.identity.user_id

    @property
    def is_admin(self) -> bool:
        """Tell whether an administrator calls."""
        return self.identity is not None and self.identity.is_admin

    def take(self, rate: RateClass, operation: str, *, of: str | None = None) -> None:
        """Count this call against one more limit than its operation has; ``of`` names what of.

        Raises:
            RateLimited: it is one too many.
        """
        try:
            self.services.rate_limiter.take(
                rate, user_id=self.user_id, address=self.peer, identifier=of
            )
        except RateLimited:
            metrics.RATE_LIMITED.labels(operation).inc()
            raise

    def __repr__(self) -> str:
        caller = self.identity.user_id if self.identity else "anonymous"
        return f"<Call {self.request_id} by {caller} over {self.transport}>"
