"""Who a client says it is, by its upgrade or in a frame, and whether that is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.errors import NotAuthenticated, SessionRevoked, TokenExpired

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.domain.identity import Identity
    from bountyexpo.ws.session.session import Context
    from bountyexpo.ws.transport.handshake import UpgradeRequest

# Names nobody.
_NO_GOOD: Final = ""


def credential_of(
    upgrade: UpgradeRequest, redeem: Callable[[str], Identity | None]
) -> str | Identity | None:
    """Return who the upgrade says it is; a ticket that is not good names nobody."""
    if upgrade.bearer is not None:
        return upgrade.bearer
    ticket = upgrade.query.get("ticket")
    return None if ticket is None else redeem(ticket) or _NO_GOOD


async def identify(context: Context, credential: str | Identity | None) -> Identity:
    """Return whose credential it is; every way of not being known looks the same.

    Raises:
        NotAuthenticated: nobody's; TokenExpired when only its time is over, SessionRevoked when
            its sign-in is.
        AccountClosed: that of somebody who may not be here.
    """
    if not credential:
        raise NotAuthenticated
    if isinstance(credential, str):
        try:
            identity = await context.authority.verify(credential)
        except (TokenExpired, SessionRevoked):
            raise
        except NotAuthenticated as error:
            raise NotAuthenticated(error.message) from None
    else:
        identity = await context.authority.admit(credential)
    if identity.expires_at <= context.now().timestamp():
        raise TokenExpired
    if identity.is_service:
        # The service credential is nobody: it has no stream and no conversations.
        raise NotAuthenticated
    return identity
