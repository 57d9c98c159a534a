"""A message that an actor will tell itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.runtime import Continuation, Message, TimerWheel

K = TypeVar("K")


class PoolTimer(Generic[K]):
    """Waits on the wheel of a pool, then tells; it outlives the actor's crashes."""

    __slots__ = ("_actor_id", "_message", "_tell", "_wheel", "due")

    def __init__(
        self,
        wheel: TimerWheel,
        tell: Callable[[str, Message[K, Any] | Continuation[K]], None],
        actor_id: str,
        message: Message[K, Any] | Continuation[K],
    ) -> None:
        self._wheel = wheel
        self._tell = tell
        self._actor_id = actor_id
        self._message = message
        self.due = 0

    def __repr__(self) -> str:
        return f"<Timer {type(self._message).__name__} for {self._actor_id}>"

    def fire(self) -> None:
        """The time has come."""
        self._tell(self._actor_id, self._message)

    def cancel(self) -> None:
        """Never tell it."""
        self._wheel.discard(self)
