"""Who types in one conversation: best effort, nothing of it is stored (realtime §4.5, §5 G10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bountyexpo.actors.chat.conversation_messages import EndTyping
from bountyexpo.domain.chat import conversation as rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.actors.chat.conversation_messages import ConversationKind
    from bountyexpo.runtime import Context, Timer


class _Typing:
    __slots__ = ("announced_at", "ends_at", "is_typing", "timer")

    def __init__(self) -> None:
        self.announced_at = float("-inf")
        self.ends_at = 0.0
        self.is_typing = False
        self.timer: Timer | None = None


class TypingNotices:
    """Turns what writers report into starts and stops; ``tell(user_id, is_typing)`` announces them.

    Bounded by the participants. A start is told at most every 2 s; who falls silent is stopped.
    """

    __slots__ = ("_by_user", "_context", "_tell")

    def __init__(
        self, context: Context[ConversationKind], tell: Callable[[str, bool], None]
    ) -> None:
        self._context = context
        self._tell = tell
        self._by_user: dict[str, _Typing] = {}

    def __bool__(self) -> bool:
        return bool(self._by_user)

    def start(self, user_id: str) -> None:
        """Somebody types."""
        now = trio.current_time()
        typing = self._by_user.setdefault(user_id, _Typing())
        if now - typing.announced_at < rules.TYPING_EVERY_S:
            if typing.is_typing:
                typing.ends_at = now + rules.TYPING_ENDS_AFTER_S
            return
        typing.announced_at = now
        typing.ends_at = now + rules.TYPING_ENDS_AFTER_S
        typing.is_typing = True
        if typing.timer is None:
            typing.timer = self._wait(user_id, rules.TYPING_ENDS_AFTER_S)
        self._tell(user_id, True)

    def stop(self, user_id: str) -> None:
        """Somebody types no longer, or has sent what they typed."""
        typing = self._by_user.get(user_id)
        if typing is not None and typing.is_typing:
            typing.is_typing = False
            self._tell(user_id, False)

    def end(self, user_id: str) -> None:
        """The timer has come: stop who fell silent, and forget them.

        Someone who is not known was announced before this owner was loaded afresh.
        """
        typing = self._by_user.get(user_id)
        if typing is None:
            self._tell(user_id, False)
            return
        left_s = typing.ends_at - trio.current_time()
        if typing.is_typing and left_s > 0:
            typing.timer = self._wait(user_id, left_s)
            return
        self.stop(user_id)
        del self._by_user[user_id]

    def drop(self, user_id: str) -> None:
        """Forget somebody who has left, without a word."""
        typing = self._by_user.pop(user_id, None)
        if typing is not None and typing.timer is not None:
            typing.timer.cancel()

    def _wait(self, user_id: str, seconds: float) -> Timer:
        return self._context.tell_self_after(seconds, EndTyping(user_id=user_id))
