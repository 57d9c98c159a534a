"""What the running service gives to the edge and to every operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from ipaddress import IPv4Network, IPv6Network

    import msgspec

    from bountyexpo.actors.system import Actors
    from bountyexpo.domain.identity import Identity
    from bountyexpo.domain.policy import Policy
    from bountyexpo.operations.auth_provider import AuthProvider
    from bountyexpo.operations.batcher import BatchedReads
    from bountyexpo.operations.rate_limits import RateLimiter
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.runtime.clock import Clock


class Verifier(Protocol):
    """Tells whose access token it is."""

    async def verify(self, token: str) -> Identity:
        """Return the caller.

        Raises:
            NotAuthenticated: the token is not good; TokenExpired when only its time is over.
            Unavailable: it cannot be checked at present.
        """
        ...


class Authority(Verifier, Protocol):
    """Tells of tokens, and of callers who are known, whether they may act."""

    async def admit(self, identity: Identity) -> Identity:
        """Return the caller with the rights they have at present.

        Raises:
            SessionRevoked, AccountClosed: they may not act any more.
            Unavailable: it cannot be checked at present.
        """
        ...


class Tickets(Protocol):
    """One-time passes for an upgrade."""

    def issue(self, identity: Identity) -> str:
        """Return a new ticket of the caller."""
        ...


class Sockets(Protocol):
    """What operations may ask of the live sessions of this process."""

    async def presence_of(self, user_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Tell how these users are seen."""

    def separate(self, one: str, other: str) -> None:
        """Let two people no longer see each other come and go."""


class Replies(Protocol):
    """What was answered to calls with an idempotency key."""

    async def once(
        self, operation: Any, call: Any, request: msgspec.Struct | None, key: str
    ) -> Any:
        """Carry out a call, or return what was answered to it before."""
        ...


class SignIns(Protocol):
    """How often passwords of one account may be tried."""

    async def admit(self, account: str, address: str, *, is_known: bool) -> Any:
        """Wait for the turn of an attempt; what is returned is its lane.

        Raises:
            RateLimited: it is not worth waiting for.
        """

    def failed(self, lane: Any) -> None:
        """Count a wrong password.

        Raises:
            RateLimited: it was one too many.
        """

    def succeeded(self, account: str, address: str) -> bool:
        """Forget the failures from this place; tells whether it is news that they are there."""
        ...


class EdgeSettings(Protocol):
    """The settings that requests are answered by."""

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The web pages that may call us; ``*`` for all."""

    @property
    def trusted_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Whose word about the client's address counts."""

    @property
    def media_hosts(self) -> tuple[str, ...]:
        """Where pictures in messages may lie; none for anywhere."""

    @property
    def metrics_token(self) -> str | None:
        """What opens the metrics to who is not on this machine."""

    @property
    def stripe_secret_key(self) -> str | None:
        """The key of the card processor, if a real one is set."""

    @property
    def supabase_url(self) -> str | None:
        """The auth server, if a real one is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The running service."""

    actors: Actors
    db: Pool
    # What is told to a thousand people is looked at by a thousand at once.
    batched: BatchedReads
    auth: AuthProvider
    policy: Policy
    clock: Clock
    settings: EdgeSettings
    verifier: Verifier
    tickets: Tickets
    rate_limiter: RateLimiter
    replies: Replies
    sign_ins: SignIns
    sockets: Sockets
    # Why the service cannot serve at present, or None; waits for nothing.
    readiness: Callable[[], str | None]
    # The supervisor tree as an encodable value.
    tree: Callable[[], object]
    # Takes a raw webhook body with its signature header, and returns the reply.
    receive_webhook: Callable[[bytes, str], Awaitable[dict[str, Any]]]
