"""How a batch that was refused is taken apart, and whose messages go into one of their own.

One message that cannot be stored dooms the statement that it shares with hundreds. The batch is
halved until that message is alone: by conversations first, for the order within each of them is
kept, and the halves without it are written before it is looked for any further. Its sender's next
messages then share no batch with anybody else's, so that a second one costs them alone.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

E = TypeVar("E")

# How long a sender's messages are kept apart, and how many senders at most.
APART_S: Final = 60.0
SENDERS_MAX: Final = 1_000


class Parts(Generic[E]):
    """What is left to write of a batch, in parts that fail or succeed each by itself.

    Ends after fewer than two parts per doubling of the batch and refused entry.
    """

    def __init__(self, batch: list[E], conversation_of: Callable[[E], str]) -> None:
        self._conversation_of = conversation_of
        # Each a row of parts that are written in order; the rows take turns.
        self._rows: deque[deque[list[E]]] = deque([deque([batch])] if batch else [])

    def take(self) -> list[E] | None:
        """Return the next part, or None when all are written."""
        while self._rows and not self._rows[0]:
            self._rows.popleft()
        return self._rows[0].popleft() if self._rows else None

    def halve(self, part: list[E]) -> None:
        """Put the part that was taken last, and was refused, back as two; others come first."""
        assert len(part) > 1, "there is nothing to take apart"
        conversations = list(dict.fromkeys(map(self._conversation_of, part)))
        if len(conversations) == 1:
            middle = len(part) // 2
            self._rows[0].extendleft([part[middle:], part[:middle]])
            self._rows.rotate(-1)
            return
        some = frozenset(conversations[: len(conversations) // 2])
        halves: tuple[list[E], list[E]] = ([], [])
        for entry in part:
            halves[self._conversation_of(entry) not in some].append(entry)
        self._rows.extend(deque([half]) for half in halves)


class Suspects:
    """Senders of whose messages one could not be stored lately."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, sender_id: str) -> None:
        """Keep the next messages of this sender apart."""
        self._until.pop(sender_id, None)
        self._until[sender_id] = trio.current_time() + APART_S
        if len(self._until) > SENDERS_MAX:
            del self._until[next(iter(self._until))]

    def among(self, sender_id: str) -> str | None:
        """Return the sender if they are one of these, else None."""
        until = self._until.get(sender_id)
        if until is None:
            return None
        if until <= trio.current_time():
            del self._until[sender_id]
            return None
        return sender_id
