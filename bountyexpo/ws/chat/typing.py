"""Typing over sockets: who says that they type does so until they stop, or their socket ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.ws.session.feature import SessionFeature
from bountyexpo.ws.session.session import Session
from bountyexpo.ws.v1.calls import call_by_frame, operation_of

if TYPE_CHECKING:
    from bountyexpo.realtime.chat.typing_tracker import TypingTracker
    from bountyexpo.ws.v1.protocol import Envelope


class TypingFeature(SessionFeature[Session]):
    """Keeps in mind where each session's user types, for the end of its socket."""

    def __init__(self, tracker: TypingTracker) -> None:
        self._tracker = tracker
        self.frames = {"typing": self._type}

    def detached(self, session: Session) -> None:
        """Let nobody type on a socket that is gone."""
        self._tracker.left(session)

    async def _type(self, session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
        """Let it be known that somebody types, or does not any more."""
        operation = operation_of(session.context, "typing")
        await call_by_frame(session, envelope, frame, operation)
        named = operation.canonical(frame)
        is_typing = bool(named.get("isTyping"))
        self._tracker.note(session, named["conversationId"], is_typing=is_typing)
