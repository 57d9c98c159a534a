"""What the socket sessions read: streams to replay, and who may see which (realtime §4.4)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.domain.ids import is_id
from bountyexpo.operations.batcher import Batcher
from bountyexpo.persistence import streams
from bountyexpo.persistence.chat import (
    acquaintances,
    conversation_lists,
    conversations,
    message_stream,
    sign_on,
)
from bountyexpo.persistence.market import bounties
from bountyexpo.persistence.streams import After
from bountyexpo.persistence.users import last_seen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from bountyexpo.persistence.chat.conversation_lists import Marker
    from bountyexpo.persistence.chat.sign_on import Head, SignOn
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.persistence.streams import StreamEvent


# The client learns of one less at sign-on, and that there are more; the rest is in the REST list.
CONVERSATIONS_MAX = 501

# Events that one statement reads for several sessions together.
EVENTS_MAX = 2_000


class SessionReader:
    """Reads committed streams on behalf of the sessions of this node.

    After a restart everybody comes back at once, so they are read for in batches.
    """

    def __init__(self, db: Pool) -> None:
        self._db = db
        self._sign_ons = Batcher(self._sign_on_all)
        self._events = Batcher(
            self._read_events,
            size_of=lambda wanted: sum(after.limit for after in wanted),
            size_max=EVENTS_MAX,
        )
        self._receipts = Batcher(
            partial(conversation_lists.markers_of, db),
            size_of=lambda asked: len(asked[1]),
            size_max=EVENTS_MAX,
        )

    async def sign_on(
        self, user_id: str, names: Sequence[str]
    ) -> tuple[SignOn | None, dict[str, tuple[int, str]]]:
        """Return the account with its conversations, None without one, and the heads of streams."""
        return await self._sign_ons.ask((user_id, names))

    async def acquainted(self, user_id: str, others: Collection[str]) -> set[str]:
        """Return who of ``others`` the user shares a conversation or a running bounty with."""
        return await acquaintances.acquainted(self._db, user_id, others)

    async def last_seen(self, users: Collection[str]) -> dict[str, datetime]:
        """Return when these users were last seen, of those who ever were."""
        return await last_seen.read(self._db, users)

    async def unread(self, users: Collection[str]) -> dict[str, dict[str, int]]:
        """Return how many messages each user has not read, by conversation with any."""
        return await conversation_lists.unread_of(self._db, users)

    async def partners(self, user_id: str, limit: int) -> dict[str, list[str]]:
        """Return with whom the user shares conversations, and which."""
        return await acquaintances.partners(self._db, user_id, limit)

    async def receipts(
        self, user_id: str, conversation_ids: Sequence[str]
    ) -> Mapping[str, list[Marker]]:
        """Return how far the participants of the user's conversations have got."""
        return await self._receipts.ask((user_id, conversation_ids))

    async def heads(self, names: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Return the last seq and the epoch of each stream that has begun."""
        return await streams.heads(self._db, names)

    async def read_after(self, stream: str, seq: int, limit: int) -> list[StreamEvent]:
        """Return the events after ``seq``, oldest first."""
        [events] = await self.read_all_after([(stream, seq, limit)])
        return events

    async def read_all_after(
        self, wanted: Sequence[tuple[str, int, int]]
    ) -> list[list[StreamEvent]]:
        """Return the events after a number of each stream, at most so many."""
        asked = [After(stream=stream, seq=seq, limit=limit) for stream, seq, limit in wanted]
        return await self._events.ask(asked)

    async def readable(self, user_id: str, names: Collection[str]) -> set[str]:
        """Return which of these streams the user may follow; two statements, however many."""
        found = {name for name in names if name == f"user:{user_id}"}
        ids = {kind: _ids(kind, names) for kind in ("conv", "bounty")}
        if ids["conv"]:
            mine = await conversations.memberships(self._db, user_id, ids["conv"].values())
            found |= {name for name, each in ids["conv"].items() if each in mine}
        if ids["bounty"]:
            standing = await bounties.standing(self._db, ids["bounty"].values())
            found |= {
                name
                for name, each in ids["bounty"].items()
                if each in standing and standing[each].is_visible_to(user_id)
            }
        return found

    async def _sign_on_all(
        self, asked: list[tuple[str, Sequence[str]]]
    ) -> list[tuple[SignOn | None, dict[str, Head]]]:
        users = {user_id for user_id, _ in asked}
        names = list({name for _, wanted in asked for name in wanted})
        found, heads = await sign_on.read(self._db, users, names, CONVERSATIONS_MAX)
        return [
            (found.get(user_id), {name: heads[name] for name in wanted if name in heads})
            for user_id, wanted in asked
        ]

    async def _read_events(self, asked: list[list[After]]) -> list[list[list[StreamEvent]]]:
        every = [after for wanted in asked for after in wanted]
        found = iter(await message_stream.read_all_after(self._db, every))
        return [[next(found) for _ in wanted] for wanted in asked]


def _ids(kind: str, names: Collection[str]) -> dict[str, str]:
    """Return the streams of this kind with what they are of, as it is stored."""
    parts = ((name, name.partition(":")) for name in names)
    return {name: each.lower() for name, (found, _, each) in parts if found == kind and is_id(each)}
