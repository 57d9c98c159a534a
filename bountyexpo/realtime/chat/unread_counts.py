"""How much people have not read: told as state to their listeners, at most once a second.

A marker that moved, a conversation that was hidden or left, change the count; so does each new
message, but of that everybody hears anyway and can count for themselves. Only who asks for it is
told then too, so that nobody else pays for it.

Counts are read from the committed rows, for many people at a time, and never kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from msgspec import UNSET

from bountyexpo.domain.chat.events import MessageNew, Unread
from bountyexpo.errors import BountyExpoError
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.listener import Listener, StreamEvent

    Read = Callable[[Collection[str]], Awaitable[Mapping[str, Mapping[str, int]]]]

log = get_logger(__name__)

# The shortest time between two tellings (contract realtime §4.6).
TELL_EVERY_S: Final = 1.0

# People of one statement.
BATCH_MAX: Final = 500

# Conversations that are named; of more only the sum is told.
NAMED_MAX: Final = 100


class UnreadCounts:
    """Whose count has changed, and who wants to know of every change.

    Bounded by the users who are heard of here.
    """

    def __init__(self, hub: Hub, read: Read) -> None:
        self._hub = hub
        self._read = read
        self._followers: dict[str, set[Listener]] = {}
        self._changed: dict[str, None] = {}
        self._arrival = trio.Event()

    def follow(self, listener: Listener) -> None:
        """Tell the user of this listener also when new messages raise their count."""
        self._followers.setdefault(listener.user_id, set()).add(listener)
        self._hub.watch(MessageNew, self._raise)

    def left(self, listener: Listener) -> None:
        """End ``follow``; harmless for one that did not."""
        followers = self._followers.get(listener.user_id)
        if followers is None:
            return
        followers.discard(listener)
        if not followers:
            del self._followers[listener.user_id]
        if not self._followers:
            self._hub.unwatch(MessageNew)

    def change(self, users: Iterable[str]) -> None:
        """Note that these users' counts have changed; who is not here is passed over."""
        for user_id in users:
            if user_id in self._hub.users:
                self._changed[user_id] = None
                self._arrival.set()

    async def run(self) -> None:
        """Tell what has changed, for ever."""
        while True:
            await self._arrival.wait()
            self._arrival = trio.Event()
            try:
                await self._tell()
            except BountyExpoError as error:
                # It is told when it can be read again.
                log.warning("unread counts not told", reason=error.message)
            except Exception:
                log.exception("unread counts not told")
            await trio.sleep(TELL_EVERY_S)

    async def _tell(self) -> None:
        # Whoever changes from now on is told in the next round.
        changed = list(self._changed)
        self._changed.clear()
        while changed:
            users, rest = changed[:BATCH_MAX], changed[BATCH_MAX:]
            try:
                found = await self._read(users)
            except BountyExpoError:
                self.change(changed)
                raise
            for user_id in users:
                self._hub.tell(_unread(found.get(user_id, {})), of=user_id, users=(user_id,))
            changed = rest

    def _raise(self, event: StreamEvent) -> None:
        sender = MessageNew.spec().sender_of(event.payload)
        self.change(each for each in event.users if each in self._followers and each != sender)


def _unread(counts: Mapping[str, int]) -> Unread:
    return Unread(
        notifications=0,
        messages=sum(counts.values()),
        by_conversation=dict(counts) if len(counts) <= NAMED_MAX else UNSET,
    )
