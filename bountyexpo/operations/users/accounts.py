"""Verified tokens and the account behind them.

A token of the auth server proves who is calling; the account row that the rest of the service
refers to is made at the first call of an identity that has none, so that people who signed up
directly with the auth server can come in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.users.user import Register
from bountyexpo.domain.ids import is_id
from bountyexpo.errors import NotAllowed, NotAuthenticated
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from bountyexpo.actors.system import Actors
    from bountyexpo.domain.identity import Identity
    from bountyexpo.operations.services import Verifier
    from bountyexpo.runtime.clock import Clock

# Accounts known to be in use; beyond this many they are looked up again.
KNOWN_MAX = 200_000

# How long an account that was suspended may still be let in by this node.
LOOK_AGAIN_S = 30.0

ACTIVE = "active"

_hits = metrics.CACHE_HITS.labels("accounts")
_misses = metrics.CACHE_MISSES.labels("accounts")


class AccountVerifier:
    """A verifier that also makes sure that the caller has an account."""

    def __init__(self, verifier: Verifier, actors: Actors, clock: Clock) -> None:
        self._verifier = verifier
        self._actors = actors
        self._clock = clock
        # Until when each account need not be looked at again.
        self._known: dict[str, float] = {}

    async def verify(self, token: str) -> Identity:
        """Return the caller, who has an account from now on.

        Raises:
            NotAuthenticated: the token is not good, or not about a user.
            NotAllowed: the account is suspended, banned or deleted.
            Unavailable: it cannot be checked at present.
        """
        identity = await self._verifier.verify(token)
        if not identity.is_service:
            now = self._clock.monotonic()
            if self._known.get(identity.user_id, 0.0) > now:
                _hits.inc()
            else:
                _misses.inc()
                await self.make_account(identity)
                self._remember(identity.user_id, now)
        return identity

    async def make_account(self, identity: Identity) -> None:
        """Make the account of an identity that has none; harmless when it has one.

        Raises:
            NotAuthenticated: it is not about a user.
            NotAllowed: the account may not be used.
        """
        if not is_id(identity.user_id):
            raise NotAuthenticated
        user = await self._actors.user(identity.user_id).ask(
            Register(
                email=identity.email,
                # The auth server gives tokens to confirmed addresses only.
                email_verified_at=self._clock.now() if identity.email else None,
            )
        )
        if user.account_status != ACTIVE:
            raise NotAllowed(f"This account is {user.account_status}.", code="ACCOUNT_SUSPENDED")

    def _remember(self, user_id: str, now: float) -> None:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[user_id] = now + LOOK_AGAIN_S
