"""Who may open a socket, and how often: by address before the upgrade, by user at the hello.

Many people share the address of a mobile carrier, so the limits of an address are wide; a wave of
reconnects must pass. Addresses on the allow-list of the settings meet none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.addresses import counted_as
from bountyexpo.errors import RateLimited
from bountyexpo.observability import metrics
from bountyexpo.operations.catalogue import Limit, RateClass

if TYPE_CHECKING:
    from bountyexpo.operations.rate_limits import RateLimiter

# Contract realtime §4.8.
CONNECTS: Final = RateClass("ws.connect", per_address=Limit(3000, 60))
FAILED_HELLOS: Final = RateClass("ws.failed_auth", per_address=Limit(60, 60))
HELLOS: Final = RateClass("ws.hello", per_user=Limit(10, 60))
SUBSCRIPTIONS: Final = RateClass("ws.subscribe", per_user=Limit(5, 1, burst=20))

# A frame that names so many streams, topics or people more costs one call more.
NAMES_PER_CALL: Final = 50

# An address may hold so many sockets, and never more than this part of the descriptors there are.
SOCKETS_PER_ADDRESS: Final = 5_000
ADDRESS_SHARE: Final = 1 / 2

# Listeners of the old event path prove nothing about themselves (contract realtime §2.5).
ANONYMOUS_PER_ADDRESS: Final = 200

# An address that is full is told to come back after this.
FULL_RETRY_S: Final = 10


class Admission:
    """Counts sockets by address and applies the limits.

    Bounded: an address is known as long as it has a socket; rates are the limiter's.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        *,
        sockets_per_address: int = SOCKETS_PER_ADDRESS,
        anonymous_per_address: int = ANONYMOUS_PER_ADDRESS,
    ) -> None:
        self._limiter = limiter
        self._sockets_per_address = sockets_per_address
        self._anonymous_per_address = anonymous_per_address
        self._sockets: dict[str, int] = {}
        self._anonymous: dict[str, int] = {}

    def is_exempt(self, address: str) -> bool:
        """Tell whether this address is on the allow-list."""
        return self._limiter.is_exempt(address)

    def is_limited(self, address: str) -> bool:
        """Tell whether an address meets limits at all."""
        return self._limiter.applies_to(address)

    def check_address(self, address: str) -> None:
        """Refuse an address that is over its rates, before its handshake costs anything.

        Raises:
            RateLimited: it is; nothing was counted.
        """
        try:
            self._limiter.check(FAILED_HELLOS, user_id=None, address=address)
            self._limiter.check(CONNECTS, user_id=None, address=address)
        except RateLimited:
            metrics.WS_RATE_LIMITED.labels("connect").inc()
            raise

    def check_upgrade(self, address: str, *, is_anonymous: bool = False) -> None:
        """Let a client upgrade, or refuse.

        Raises:
            RateLimited: too many sockets or connects of the address, or too many that failed.
        """
        if not self.is_limited(address):
            return
        counted = counted_as(address)
        held = self._sockets.get(counted, 0) >= self._sockets_per_address
        anonymous = self._anonymous.get(counted, 0) >= self._anonymous_per_address
        if held or (is_anonymous and anonymous):
            metrics.WS_RATE_LIMITED.labels("sockets").inc()
            raise RateLimited("Too many connections from this address.", retry_after_s=FULL_RETRY_S)
        try:
            self._limiter.check(FAILED_HELLOS, user_id=None, address=address)
            self._limiter.take(CONNECTS, user_id=None, address=address)
        except RateLimited:
            metrics.WS_RATE_LIMITED.labels("connect").inc()
            raise

    def opened(self, address: str, *, is_anonymous: bool = False) -> None:
        """Count a socket."""
        counted = counted_as(address)
        self._sockets[counted] = self._sockets.get(counted, 0) + 1
        if is_anonymous:
            self._anonymous[counted] = self._anonymous.get(counted, 0) + 1

    def closed(self, address: str, *, is_anonymous: bool = False) -> None:
        """Count it no more."""
        counted = counted_as(address)
        _decrement(self._sockets, counted)
        if is_anonymous:
            _decrement(self._anonymous, counted)

    def check_hello(self, address: str) -> None:
        """Refuse to look at the credentials of an address that has failed too often.

        Raises:
            RateLimited: it has.
        """
        self._limiter.check(FAILED_HELLOS, user_id=None, address=address)

    def note_failure(self, address: str) -> None:
        """Count credentials that were not good."""
        try:
            self._limiter.take(FAILED_HELLOS, user_id=None, address=address)
        except RateLimited:
            # The refusal that follows says it all; the next upgrade meets the limit.
            metrics.WS_RATE_LIMITED.labels("failed_auth").inc()

    def take_hello(self, user_id: str, address: str, *, names: int = 0) -> None:
        """Count a sign-on of a user, and what it names beyond the usual.

        Raises:
            RateLimited: too many.
        """
        self._limiter.take(HELLOS, user_id=user_id, address=address)
        if names >= NAMES_PER_CALL:
            self.take_subscription(user_id, address, names=names - NAMES_PER_CALL)

    def take_subscription(self, user_id: str, address: str, *, names: int = 0) -> None:
        """Count a frame that reads the database on its own, by how much it names.

        Raises:
            RateLimited: too many.
        """
        cost = 1 + names // NAMES_PER_CALL
        self._limiter.take(SUBSCRIPTIONS, user_id=user_id, address=address, cost=cost)


def _decrement(counts: dict[str, int], address: str) -> None:
    left = counts.get(address, 0) - 1
    if left > 0:
        counts[address] = left
    else:
        counts.pop(address, None)
