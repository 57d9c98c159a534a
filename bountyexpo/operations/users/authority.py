"""The one check of every call: who is it, and may they still act.

REST, each frame of an open socket, tickets, hello and ``auth.refresh`` all come here. A token of
the auth server proves who is calling; the standing of their account says whether that counts: an
account that is closed, a sign-in that is over and a role that was withdrawn are seen by the next
call, whatever the token says. The account itself is made at the first call of an identity that has
none, so that people who signed up directly with the auth server can come in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from bountyexpo.actors.users.user import Register
from bountyexpo.domain.ids import is_id
from bountyexpo.domain.users import standing as rules
from bountyexpo.domain.users.standing import Verdict
from bountyexpo.errors import (
    AccountClosed,
    NotAllowed,
    NotAuthenticated,
    SessionRevoked,
    Unavailable,
)

if TYPE_CHECKING:
    from bountyexpo.actors.system import Actors
    from bountyexpo.domain.identity import Identity
    from bountyexpo.domain.users.standing import Standing
    from bountyexpo.operations.services import Verifier
    from bountyexpo.operations.users.standings import Standings
    from bountyexpo.runtime.clock import Clock

# Steps until a caller is judged: account made, address taken over, sign-in noted, and two races.
STEPS_MAX: Final = 5


class AuthServer(Protocol):
    """What the auth server is asked about a sign-in."""

    async def get_user(self, access_token: str) -> object:
        """Return whose the session is; a session that is over is ``NotAuthenticated``."""


class Authority:
    """Tells of tokens and of known callers whether they may act."""

    def __init__(
        self,
        tokens: Verifier,
        standings: Standings,
        actors: Actors,
        auth: AuthServer,
        clock: Clock,
    ) -> None:
        self._tokens = tokens
        self._standings = standings
        self._actors = actors
        self._auth = auth
        self._clock = clock

    async def verify(self, token: str) -> Identity:
        """Return the caller, who has an account from now on.

        Raises:
            NotAuthenticated: the token is not good, or not about a user.
            SessionRevoked: its sign-in is over.
            AccountClosed: the account is suspended, banned or deleted.
            Unavailable: it cannot be checked at present.
        """
        identity = await self._tokens.verify(token)
        return await self.admit(identity, token)

    async def admit(self, identity: Identity, token: str | None = None) -> Identity:
        """Return a known caller with the rights they have at present.

        Raises:
            SessionRevoked, AccountClosed, Unavailable: as ``verify`` does.
        """
        if identity.is_service:
            return identity
        standing = self._standings.kept((identity.user_id, identity.session_id or ""))
        if standing is None or not standing.is_known or rules.tells_news(standing, identity):
            standing = await self._look_up(identity, token)
        else:
            check(standing, identity)
        return rules.with_rights(standing, identity)

    async def _look_up(self, identity: Identity, token: str | None) -> Standing:
        if not is_id(identity.user_id) or identity.session_id is None:
            raise NotAuthenticated
        sign_in = (identity.user_id, identity.session_id)
        for _ in range(STEPS_MAX):
            standing = await self._standings.read(sign_in)
            if standing is None:
                await self._register(identity)
                continue
            if check(standing, identity) is Verdict.UNSURE:
                await self._ask_auth_server(token)
            if rules.tells_news(standing, identity):
                await self._register(identity)
            elif standing.is_known:
                return standing
            else:
                await self._standings.note(sign_in, standing)
        raise Unavailable

    async def _register(self, identity: Identity) -> None:
        """Make the account, or let it have the address that the token proves."""
        issued_at = datetime.fromtimestamp(identity.issued_at, UTC)
        await self._actors.user(identity.user_id).ask(
            Register(
                email=identity.email,
                # The auth server gives tokens to confirmed addresses only.
                email_verified_at=self._clock.now() if identity.email else None,
                email_as_of=issued_at,
                wished_name=identity.wished_name,
            )
        )

    async def _ask_auth_server(self, token: str | None) -> None:
        """Ask about a sign-in that may be older than the end of all, as far as clocks tell."""
        if token is None:
            raise SessionRevoked
        try:
            await self._auth.get_user(token)
        except (NotAuthenticated, NotAllowed) as error:
            raise SessionRevoked from error


def check(standing: Standing, identity: Identity) -> Verdict:
    """Return the verdict on a caller, unless it is a refusal.

    Raises:
        AccountClosed: the account is suspended, banned or deleted.
        SessionRevoked: the sign-in is over.
    """
    verdict = rules.judge(standing, identity)
    if verdict is Verdict.CLOSED:
        raise AccountClosed(f"This account is {standing.status}.")
    if verdict is Verdict.REVOKED:
        raise SessionRevoked
    return verdict
