"""Where each socket said that its user types, so that the end of the socket ends the typing.

Without this the others would see somebody type for seconds who is not there any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.realtime.hub import Hub
    from bountyexpo.ws.session.session import Session

# Typing that is not renewed ends by itself (contract realtime §2.5), so it is forgotten here too.
ENDS_AFTER_S: Final = 5.0

# Conversations of one socket that are kept at all; nobody types in more at one time.
CONVERSATIONS_MAX: Final = 16


class TypingTracker:
    """The typing sockets of one process; ``stop(user_id, conversation_id)`` is told of their end.

    Bounded: ``CONVERSATIONS_MAX`` for each socket, as long as it is open.
    """

    def __init__(self, hub: Hub) -> None:
        self.stop: Callable[[str, str], None] = _nobody_cares
        self._hub = hub
        self._until: dict[Session, dict[str, float]] = {}

    def note(self, session: Session, conversation_id: str, *, is_typing: bool) -> None:
        """Take what a socket has said; one that closed meanwhile types no more."""
        if not session.is_connected:
            if is_typing:
                self.stop(session.user_id, conversation_id)
            return
        mine = self._until.setdefault(session, {})
        mine.pop(conversation_id, None)
        if is_typing:
            mine[conversation_id] = trio.current_time() + ENDS_AFTER_S
            if len(mine) > CONVERSATIONS_MAX:
                del mine[next(iter(mine))]
        elif not mine:
            del self._until[session]

    def left(self, session: Session) -> None:
        """End what a socket was typing, unless another one of its user types there as well."""
        mine = self._until.pop(session, None)
        if mine is None:
            return
        now = trio.current_time()
        for conversation_id, until in mine.items():
            if until > now and not self._is_typing(session.user_id, conversation_id, now):
                self.stop(session.user_id, conversation_id)

    def __len__(self) -> int:
        return len(self._until)

    def _is_typing(self, user_id: str, conversation_id: str, now: float) -> bool:
        sessions: Any = self._hub.users.get(user_id, ())
        return any(self._until.get(each, {}).get(conversation_id, 0.0) > now for each in sessions)


def _nobody_cares(user_id: str, conversation_id: str) -> None:
    """Stand in where there are no conversations."""
