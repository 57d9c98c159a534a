"""The name of an actor, and the two things one can do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bountyexpo.runtime._message import Message

K = TypeVar("K")
R = TypeVar("R")

# How long an asker waits when it does not say: longer than any handler should take.
ASK_TIMEOUT_S = 5.0


class Destination(Protocol[K]):
    """Where the actors of one kind are reached: a pool here, or one on another node."""

    @property
    def kind(self) -> str:
        """The kind of actor that lives there."""
        ...

    def tell(self, actor_id: str, message: Message[K, Any]) -> None:
        """Queue ``message`` for the actor."""
        ...

    def ask(
        self, actor_id: str, message: Message[K, R], timeout_s: float = ASK_TIMEOUT_S
    ) -> Coroutine[Any, Any, R]:
        """Queue ``message`` and wait for the reply."""
        ...


class Ref(Generic[K]):
    """The name of one actor. Cheap to make, never stale: the first message activates it."""

    __slots__ = ("_destination", "id")

    def __init__(self, destination: Destination[K], actor_id: str) -> None:
        self._destination = destination
        self.id = actor_id

    @property
    def kind(self) -> str:
        """The kind of the actor."""
        return self._destination.kind

    def __repr__(self) -> str:
        return f"<Ref {self.kind}:{self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and (self.kind, self.id) == (other.kind, other.id)

    def __hash__(self) -> int:
        return hash((self.kind, self.id))

    def tell(self, message: Message[K, Any]) -> None:
        """Queue ``message`` and go on.

        Raises:
            MailboxFull: nothing was queued.
            Unavailable: the pool is not running.
        """
        self._destination.tell(self.id, message)

    # Not ``async`` itself: one frame less to resume at every answer.
    def ask(
        self, message: Message[K, R], timeout_s: float = ASK_TIMEOUT_S
    ) -> Coroutine[Any, Any, R]:
        """Queue ``message`` and wait for the reply, at most ``timeout_s``.

        Raises:
            AskTimeout: no reply in time; the message may still be handled.
            Unavailable: the pool or this actor is out of service, or its mailbox is full.
            InternalError: the actor crashed on this message.
            BountyExpoError: whatever the handler refused with.
        """
        return self._destination.ask(self.id, message, timeout_s)
