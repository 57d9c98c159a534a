"""Messages of which nobody knows whether they are stored: the answer to their commit was lost.

Their senders were told to try again, and a second try finds the first. But whoever listens was told
nothing, and would stay without the message until something else happens in the conversation. So the
journal looks for them when the database is back, and publishes what it finds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bountyexpo.persistence.chat.messages import NewMessage

FIND: Final = """
    select m.id, m.seq, c.epoch, m.created_at, m.body, m.media_url, m.edited_at, m.deleted_at
    from messages m join conversations c on c.id = m.conversation_id
    where m.id = any(%s::uuid[])
"""

# How often they are looked for, and how long: a commit cannot come to light much later than its
# connection was lost.
LOOK_EVERY_S: Final = 1.0
KEEP_S: Final = 30.0

# The most that are kept; the oldest are forgotten first.
IN_DOUBT_MAX: Final = 20_000


class InDoubt:
    """What may have been committed unseen, by message id; bounded by number and by age."""

    def __init__(self) -> None:
        self._messages: dict[str, tuple[float, NewMessage]] = {}
        self._next_look = math.inf

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def ids(self) -> list[str]:
        """The ids to look for."""
        return list(self._messages)

    def add(self, messages: Iterable[NewMessage]) -> None:
        """Keep messages whose commit went unanswered."""
        now = trio.current_time()
        for message in messages:
            self._messages[message.id] = (now, message)
        while len(self._messages) > IN_DOUBT_MAX:
            del self._messages[next(iter(self._messages))]
        if self._messages:
            self._next_look = min(self._next_look, now)

    def pop(self, message_id: str) -> NewMessage | None:
        """Return the message, which is found now; None if it was not in doubt."""
        _, message = self._messages.pop(message_id, (0.0, None))
        return message

    def is_due(self) -> bool:
        """Tell whether it is time to look."""
        return trio.current_time() >= self._next_look

    def postpone(self) -> None:
        """Look again later: this time nothing could be seen."""
        self._next_look = trio.current_time() + LOOK_EVERY_S

    def looked(self) -> None:
        """Forget those that are not there for good, and look again later for the others."""
        now = trio.current_time()
        since = now - KEEP_S
        self._messages = {name: each for name, each in self._messages.items() if each[0] > since}
        self._next_look = now + LOOK_EVERY_S if self._messages else math.inf

    async def wait(self, wake: trio.Event) -> None:
        """Wait for work, or until it is time to look."""
        with trio.CancelScope(deadline=self._next_look):
            await wake.wait()
