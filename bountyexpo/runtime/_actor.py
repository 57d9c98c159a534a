"""The actor: one owner of one entity, and what its pool gives it to work with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from bountyexpo.runtime._ask import Reply
    from bountyexpo.runtime._message import Continuation, Message, Outcome

K = TypeVar("K")
T = TypeVar("T")


class Timer(Protocol):
    """A message to oneself that is under way."""

    def cancel(self) -> None:
        """Never send it; no harm when it was sent already."""
        ...


class Context(Protocol[K]):
    """What a pool gives to each of its actors."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...

    def tell_self_after(self, seconds: float, message: Message[K, Any] | Continuation[K]) -> Timer:
        """Tell this actor ``message`` in ``seconds``, even if it is idle or reloaded by then.

        A timer lives in memory only. What must survive a restart is a ``due_at`` column.
        """
        ...

    def defer(self) -> Reply:
        """Take over the answer to the present message; the handler then returns ``DEFERRED``."""
        ...

    def spawn(
        self,
        job: Callable[[], Awaitable[T]],
        then: Callable[[Outcome[T]], Continuation[K]],
    ) -> None:
        """Do slow outside work beside the mailbox; ``then`` says how to go on with its outcome."""
        ...


class Actor(Generic[K]):
    """One owner of one entity; handles one message at a time.

    A handler that raises a ``BountyExpoError`` refuses: the error goes to the asker and the actor
    lives on. Any other exception is a crash: the state is dropped, the mail is kept and the actor
    is loaded afresh. State is only ever a cache of committed rows.

    An actor must not ask itself: nobody would be there to answer before the deadline.
    """

    kind: ClassVar[str]

    def __init__(self, actor_id: str, context: Context[K]) -> None:
        self.id = actor_id
        self.context = context

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    async def load(self) -> None:
        """Read the committed state; called before the first message."""

    async def handle(self, message: Any) -> Any:
        """Handle one message and return its reply."""
        raise TypeError(f"{type(self).__name__} does not accept {type(message).__name__}")

    async def continue_with(self, continuation: Any, /) -> None:
        """Go on with what came back from outside the mailbox."""
        raise TypeError(f"{type(self).__name__} does not go on with {type(continuation).__name__}")

    async def stopped(self) -> None:
        """Called when the idle actor is put away, or its pool stops in good order."""
