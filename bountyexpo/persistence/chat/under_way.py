"""How many messages of each conversation the journal has not settled yet.

The count belongs to the journal and not to whoever handed the messages in: an actor that crashes,
or is put away, is not there to be told, and the next one under its name still has to wait.
"""

from __future__ import annotations

import trio


class UnderWay:
    """Counts by conversation id; what is not here has nothing under way."""

    __slots__ = ("_counts", "_waiting")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._waiting: dict[str, trio.Event] = {}

    def __repr__(self) -> str:
        return f"<UnderWay in {len(self._counts)} conversations>"

    def add(self, conversation_id: str) -> None:
        """Count a message that was handed in."""
        self._counts[conversation_id] = self._counts.get(conversation_id, 0) + 1

    def remove(self, conversation_id: str) -> None:
        """Count one of them as settled; the last one wakes who waits."""
        left = self._counts.pop(conversation_id) - 1
        assert left >= 0, "a message is settled once"
        if left:
            self._counts[conversation_id] = left
        elif conversation_id in self._waiting:
            self._waiting.pop(conversation_id).set()

    async def wait(self, conversation_id: str) -> None:
        """Wait until nothing of the conversation is under way."""
        while conversation_id in self._counts:
            await self._waiting.setdefault(conversation_id, trio.Event()).wait()
