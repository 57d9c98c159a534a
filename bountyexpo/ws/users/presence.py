"""Presence over sockets: what a device says of its user, and whom it watches (realtime §4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bountyexpo.realtime.users.presence import offline
from bountyexpo.ws.session.feature import SessionFeature
from bountyexpo.ws.session.session import Session
from bountyexpo.ws.v1 import protocol
from bountyexpo.ws.v1.frame_handlers import take_subscription

if TYPE_CHECKING:
    from bountyexpo.realtime.users.presence import Presence
    from bountyexpo.ws.v1.protocol import Envelope


class PresenceFeature(SessionFeature[Session]):
    """Each open session is a device of its user."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self.frames = {
            "presence.set": self._set,
            "presence.subscribe": self._subscribe,
            "presence.unsubscribe": self._unsubscribe,
        }

    def opened(self, session: Session) -> None:
        """Show the user, and tell who watches."""
        self._presence.arrived(session)

    def resumed(self, session: Session) -> None:
        """Tell the session how everybody is whom it watches, and show its user again."""
        self._presence.refresh(session)
        self._presence.arrived(session)

    def detached(self, session: Session) -> None:
        """Begin the time after which the user is shown no more."""
        if session.is_welcomed:
            self._presence.left(session)

    def ended(self, session: Session) -> None:
        """Watch nobody any more."""
        self._presence.forget(session)

    async def run(self) -> None:
        """Keep the times, and store who was seen; at the end also those who are still here."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._presence.run)
                nursery.start_soon(self._presence.last_seen.run)
        finally:
            await self._presence.finish()

    # -- its frames

    async def _set(self, session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
        request = msgspec.convert(frame, protocol.PresenceSet)
        session.check_attached()
        self._presence.set_state(session, request.state)
        session.reply(envelope, {"state": request.state})

    async def _subscribe(self, session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
        request = msgspec.convert(frame, protocol.Users)
        take_subscription(session, request.user_ids)
        user_ids = list(dict.fromkeys(request.user_ids))
        known = await session.context.reader.acquainted(session.user_id, user_ids)
        session.check_attached()
        # A stranger looks like somebody who is never there.
        seen = [each for each in user_ids if each in known or each == session.user_id]
        self._presence.watch(session, seen)
        views = {view["userId"]: view for view in await self._presence.views(seen)}
        snapshot = [views.get(each) or offline(each) for each in user_ids]
        session.reply(envelope, {"snapshot": snapshot})

    async def _unsubscribe(
        self, session: Session, envelope: Envelope, frame: dict[str, Any]
    ) -> None:
        request = msgspec.convert(frame, protocol.Users)
        self._presence.unwatch(session, request.user_ids)
        session.reply(envelope, {})
