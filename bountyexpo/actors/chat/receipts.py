"""Receipts of one conversation: markers that only grow, stored at most once a second.

The first marker after a pause is stored at once; those that follow within the interval wait and
are stored together. Others hear of a marker when it is stored, never before, so what was announced
is never taken back. What waits when the process dies is sent again by the client that has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bountyexpo.domain.chat import conversation as rules
from bountyexpo.domain.chat.events import MessageDelivered, MessageRead
from bountyexpo.persistence.chat import participants

if TYPE_CHECKING:
    from collections.abc import Collection

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.persistence.chat.conversations import Conversation
    from bountyexpo.persistence.chat.participants import Move

# The shortest time between two writes of one conversation's markers.
WRITE_EVERY_S = 1.0


class Receipts:
    """The markers that wait to be stored.

    Bounded by the participants: one (delivered, read) each.
    """

    __slots__ = ("_last_write", "_waiting", "is_timed")

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[int, int]] = {}
        self._last_write = float("-inf")
        # Whether the owner has asked to be told when the next write is due.
        self.is_timed = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def due_in_s(self) -> float:
        """How long the next write has to wait."""
        return max(0.0, self._last_write + WRITE_EVERY_S - trio.current_time())

    def want(self, user_id: str, seq: int, *, is_read: bool) -> None:
        """Let a marker go forward with the next write; whoever has read has received."""
        delivered, read = self._waiting.get(user_id, (0, 0))
        self._waiting[user_id] = (max(delivered, seq), max(read, seq if is_read else 0))

    async def write(
        self,
        ports: ActorDependencies,
        conversation: Conversation,
        blocks: Collection[frozenset[str]],
    ) -> None:
        """Store what waits, and tell who may know; what could not be stored waits on."""
        if not self._waiting:
            return
        wanted, self._waiting = self._waiting, {}
        try:
            moves = await participants.mark(ports.db, conversation.id, wanted)
        except BaseException:
            for user_id, (delivered, read) in wanted.items():
                self.want(user_id, delivered, is_read=False)
                self.want(user_id, read, is_read=True)
            raise
        self._last_write = trio.current_time()
        for move in moves:
            told = rules.audience(move.user_id, conversation.participants, blocks)
            ports.ephemeral(_event(conversation.id, move), conversation.id, told)
        readers = [move.user_id for move in moves if move.is_read]
        if readers:
            ports.unread(readers)


def _event(conversation_id: str, move: Move) -> MessageDelivered | MessageRead:
    kind = MessageRead if move.is_read else MessageDelivered
    return kind(
        conversation_id=conversation_id,
        message_id=move.message_ids[-1],
        message_ids=list(move.message_ids),
        up_to_seq=move.seq,
        sender_id=move.user_id,
        user_id=move.user_id,
    )
