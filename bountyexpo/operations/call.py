"""The call: what an operation knows of its caller, the same on both transports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from bountyexpo.errors import NotAuthenticated, RateLimited
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.operations.catalogue import RateClass
    from bountyexpo.operations.routes import Route
    from bountyexpo.operations.services import Services

Transport = Literal["rest", "socket"]


class RawReply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that is not JSON: text, a picture, a redirect. The socket refuses such operations."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class Call:
    """One call of an operation; mutable only where a handler shapes the HTTP reply."""

    __slots__ = (
        "headers_in",
        "hop",
        "idempotency_key",
        "identity",
        "is_counted",
        "is_repeat",
        "is_replayed",
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
        services: Services,
        *,
        request_id: str,
        transport: Transport = "rest",
        identity: Identity | None = None,
        peer: str = "",
        headers_in: Mapping[str, str] | None = None,
        hop: str = "",
    ) -> None:
        self.services = services
        self.request_id = request_id
        self.transport: Transport = transport
        self.identity = identity
        self.peer = peer
        self.hop = hop  # the other end of the connection, which may be a proxy's
        self.headers_in: Mapping[str, str] = headers_in or {}
        # The route that was asked for; an old one may have an envelope of its own.
        self.route: Route | None = None
        self.idempotency_key: str | None = None
        # It was counted against some limit.
        self.is_counted = False
        # An earlier call with this key may have done the work already.
        self.is_repeat = False
        # The reply is that of an earlier request.
        self.is_replayed = False
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
