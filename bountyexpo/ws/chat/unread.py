"""Unread counts over sockets: told with each new message to clients that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.ws.session.feature import SessionFeature
from bountyexpo.ws.session.session import Session

if TYPE_CHECKING:
    from bountyexpo.realtime.chat.unread_counts import UnreadCounts

CAP_UNREAD: Final = "unread"


class UnreadFeature(SessionFeature[Session]):
    """Follows the count for each session whose client has the capability ``unread``."""

    capabilities = (CAP_UNREAD,)

    def __init__(self, counts: UnreadCounts) -> None:
        self._counts = counts

    def attached(self, session: Session) -> None:
        """Tell the session's user whenever their count rises, also while they are welcomed."""
        if CAP_UNREAD in session.capabilities:
            self._counts.follow(session)

    def detached(self, session: Session) -> None:
        """Nobody is there to be told."""
        self._counts.left(session)

    async def run(self) -> None:
        """Tell what has changed."""
        await self._counts.run()
