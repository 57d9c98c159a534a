"""Signing in by password: whom a text names, how often one may try, and what that tells nobody.

A name that nobody has takes the same way to the auth server as one that somebody has, and every
refusal is told at a full half second, so that its time does not tell which of the two it was.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from bountyexpo.domain.limits import EMAIL_CHARS_MAX
from bountyexpo.errors import NotAuthenticated, RateLimited
from bountyexpo.operations.catalogue import SIGN_IN, SIGN_UP
from bountyexpo.operations.users.sign_in_guard import place_of
from bountyexpo.persistence.users import places, users

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.operations.auth_provider import AuthSession
    from bountyexpo.operations.call import Call

# The code of the auth server's answer to a wrong password or an unknown address.
WRONG: Final = "invalid_credentials"
WRONG_CREDENTIALS: Final = "Invalid email or password"

# A refusal is told at a multiple of this since the attempt came, whatever it took.
REFUSAL_STEP_S: Final = 0.5

REMAINING: Final = ("ratelimit-remaining", "x-ratelimit-remaining")

# From this age on an account vouches for the address that its owner signs in from.
ESTABLISHED_S: Final = 86_400.0


class Named(NamedTuple):
    """Whom a sign-in names: by what attempts are counted, and what the auth server is asked."""

    account: str
    email: str
    user_id: str | None
    created_at: datetime | None


async def whom(call: Call, identifier: str) -> Named:
    """Return the account that an address or a user name means, in any spelling."""
    text = identifier.strip().lower()[:EMAIL_CHARS_MAX]
    known = await users.by_identifier(call.services.db, text)
    is_email = "@" in text.removeprefix("@")
    if known is not None:
        email = text if is_email else known.email
        return Named(known.id, email or _nobody(text), known.id, known.created_at)
    return Named(f"?{text.removeprefix('@')}", text if is_email else _nobody(text), None, None)


async def open_session(call: Call, who: Named, password: str) -> AuthSession:
    """Open a session at the auth server, as often as it may be tried.

    Raises:
        NotAuthenticated: the password is wrong, or there is nobody of that name.
        RateLimited: so was one password too many before.
    """
    try:
        session = await _attempt(call, who, password)
    except RateLimited:
        # Whatever the address has left, this account has nothing.
        call.reply_headers.update(dict.fromkeys(REMAINING, "0"))
        raise
    _vouch(call, who)
    return session


async def note_place(call: Call, user_id: str) -> None:
    """Remember that somebody has come in from where they are."""
    await places.note(call.services.db, user_id, place_of(user_id, call.peer))


async def _attempt(call: Call, who: Named, password: str) -> AuthSession:
    started = trio.current_time()
    guard = call.services.sign_ins
    lane = await guard.admit(who.account, call.peer, is_known=await _is_known_here(call, who))
    try:
        return await call.services.auth.sign_in(who.email, password)
    except NotAuthenticated as error:
        if error.error_code == WRONG:
            await _even_out(started)
            guard.failed(lane)
        raise


async def _is_known_here(call: Call, who: Named) -> bool:
    if who.user_id is None:
        return False
    return await places.is_known(call.services.db, who.user_id, place_of(who.user_id, call.peer))


async def _even_out(started: float) -> None:
    elapsed_s = trio.current_time() - started
    await trio.sleep(REFUSAL_STEP_S - elapsed_s % REFUSAL_STEP_S)


def _vouch(call: Call, who: Named) -> None:
    """Give the address back what this cost, and more for each account of old that is there."""
    services, peer = call.services, call.peer
    is_first = services.sign_ins.succeeded(who.account, peer)
    services.rate_limiter.give_back(SIGN_IN, peer)
    if who.created_at is None or not is_first:
        return
    if (services.clock.now() - who.created_at).total_seconds() >= ESTABLISHED_S:
        services.rate_limiter.give_back(SIGN_IN, peer)
        services.rate_limiter.give_back(SIGN_UP, peer)


def _nobody(text: str) -> str:
    """Return an address that nobody has, so that a name without one is asked for like any other."""
    return f"{sha256(text.encode()).hexdigest()[:24]}@nobody.invalid"
