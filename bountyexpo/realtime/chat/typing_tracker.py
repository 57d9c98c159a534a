"""Where each listener said that its user types, so that typing ends with whoever typed.

Without this the others would see somebody type for seconds who is not there any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.listener import Listener

# Conversations of one listener that are kept at all; nobody types in more at one time.
CONVERSATIONS_MAX: Final = 16


class TypingTracker:
    """Who types in this process; ``stop(user_id, conversation_id)`` is told of their end.

    Typing that is not renewed for ``ends_after_s`` ends by itself, so it is forgotten here too.
    Bounded: ``CONVERSATIONS_MAX`` for each listener, as long as it is connected.
    """

    def __init__(self, hub: Hub, stop: Callable[[str, str], None], ends_after_s: float) -> None:
        self._hub = hub
        self._stop = stop
        self._ends_after_s = ends_after_s
        self._until: dict[Listener, dict[str, float]] = {}

    def note(self, listener: Listener, conversation_id: str, *, is_typing: bool) -> None:
        """Take what a listener has said; one that left meanwhile types no more."""
        if not listener.is_connected:
            if is_typing:
                self._stop(listener.user_id, conversation_id)
            return
        mine = self._until.setdefault(listener, {})
        mine.pop(conversation_id, None)
        if is_typing:
            mine[conversation_id] = trio.current_time() + self._ends_after_s
            if len(mine) > CONVERSATIONS_MAX:
                del mine[next(iter(mine))]
        elif not mine:
            del self._until[listener]

    def left(self, listener: Listener) -> None:
        """End what a listener was typing, unless another one of its user types there as well."""
        mine = self._until.pop(listener, None)
        if mine is None:
            return
        now = trio.current_time()
        for conversation_id, until in mine.items():
            if until > now and not self._is_typing(listener.user_id, conversation_id, now):
                self._stop(listener.user_id, conversation_id)

    def __len__(self) -> int:
        return len(self._until)

    def _is_typing(self, user_id: str, conversation_id: str, now: float) -> bool:
        return any(
            self._until.get(each, {}).get(conversation_id, 0.0) > now
            for each in self._hub.users.get(user_id, ())
        )
