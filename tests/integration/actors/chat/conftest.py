"""People and their conversations, with everything between an actor and the committed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.actors.chat.contacts import OpenConversation, OpenGroup, SetBlock
from bountyexpo.actors.chat.conversation_messages import (
    AddParticipants,
    Receive,
    Reload,
    RemoveParticipant,
    SendMessage,
    Type,
)
from bountyexpo.actors.dependencies import ActorDependencies
from bountyexpo.actors.system import Actors
from bountyexpo.domain.events import Event, payload_of
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.policy import Policy
from bountyexpo.persistence.chat import conversation_lists, message_stream
from bountyexpo.persistence.chat.journal import Journal
from bountyexpo.runtime.clock import SystemClock

from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bountyexpo.persistence.pool import Pool

    from tests.commits import Heard


class Town:
    """A node without an edge: what it publishes is kept in ``events`` and ``frames``."""

    def __init__(self, db: Pool, heard: Heard) -> None:
        self.db = db
        self.events = heard.events
        self.journal = Journal(db, heard.after_commit.publish)
        self.frames: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        # Whose unread messages were said to be another number.
        self.recounted: list[str] = []
        self.stopped = trio.Event()
        ports = ActorDependencies(
            db=db,
            stripe=None,
            policy=Policy(),
            feed=lambda *_: None,
            ephemeral=self.tell,
            unread=self.recounted.extend,
            standing_changed=lambda _user: None,
        )
        self.actors = Actors.over(ports, self.journal, SystemClock())

    async def run_pools(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            for pool in self.actors.pools:
                await nursery.start(pool.run)
            task_status.started()
        self.stopped.set()

    def tell(self, event: Event, _of: str, users: Sequence[str]) -> None:
        self.frames.append((tuple(users), {"type": event.spec().type, **payload_of(event)}))

    async def stop_pools(self) -> None:
        for pool in self.actors.pools:
            pool.stop()
        with trio.fail_after(PATIENCE_S):
            await self.stopped.wait()

    async def person(self) -> str:
        user_id = new_id()
        await self.db.execute(
            "insert into users (id, username) values (%s, %s)", (user_id, f"user-{user_id[:13]}")
        )
        await self.db.execute("insert into user_profiles (user_id) values (%s)", (user_id,))
        return user_id

    async def people(self, count: int) -> list[str]:
        return [await self.person() for _ in range(count)]

    async def bounty(self, poster: str) -> str:
        bounty_id = new_id()
        await self.db.execute(
            """insert into bounties (id, poster_id, title, description, amount_cents,
                                     platform_fee_bps, policy_version, is_for_honor)
               values (%s, %s, 'A title', 'A description', 0, 0, 1, true)""",
            (bounty_id, poster),
        )
        return bounty_id

    def conversation(self, conversation_id: str) -> Any:
        return self.actors.conversation(conversation_id)

    async def dm(self, one: str, two: str) -> str:
        opened = await self.actors.contacts(one).ask(OpenConversation(other_id=two))
        return opened.conversation.id

    async def group(self, owner: str, *others: str, **fields: Any) -> str:
        opened = await self.actors.contacts(owner).ask(OpenGroup(others=others, **fields))
        return opened.conversation.id

    async def send(self, sender: str, conversation_id: str, text: str = "hi", **fields: Any) -> Any:
        message = SendMessage(
            sender_id=sender,
            text=text,
            **{"client_message_id": new_id(), **fields},
        )
        return await self.conversation(conversation_id).ask(message, timeout_s=60)

    async def read(self, user_id: str, conversation_id: str, seq: int, **fields: Any) -> Any:
        message = Receive(user_id=user_id, is_read=True, up_to_seq=seq, **fields)
        return await self.conversation(conversation_id).ask(message)

    async def receive(self, user_id: str, conversation_id: str, seq: int, **fields: Any) -> Any:
        message = Receive(user_id=user_id, is_read=False, up_to_seq=seq, **fields)
        return await self.conversation(conversation_id).ask(message)

    async def type(self, user_id: str, conversation_id: str, *, is_typing: bool = True) -> None:
        await self.conversation(conversation_id).ask(Type(user_id=user_id, is_typing=is_typing))

    async def add(self, user_id: str, conversation_id: str, *added: str) -> Any:
        message = AddParticipants(user_id=user_id, added=added)
        return await self.conversation(conversation_id).ask(message)

    async def remove(self, user_id: str, conversation_id: str, removed: str) -> Any:
        message = RemoveParticipant(user_id=user_id, removed_id=removed)
        return await self.conversation(conversation_id).ask(message)

    async def block(self, user_id: str, other_id: str, *, is_blocked: bool = True) -> None:
        message = SetBlock(other_id=other_id, is_blocked=is_blocked)
        changed = await self.actors.contacts(user_id).ask(message)
        for conversation_id in changed.conversation_ids:
            await self.conversation(conversation_id).ask(Reload())

    async def replay(self, conversation_id: str, seq: int = 0) -> list[Any]:
        return await message_stream.read_after(self.db, f"conv:{conversation_id}", seq, 10_000)

    async def unread(self, user_id: str) -> int:
        counts = (await conversation_lists.unread_of(self.db, [user_id]))[user_id]
        return sum(counts.values())

    async def listed(self, user_id: str) -> list[Any]:
        return await conversation_lists.page(self.db, user_id, limit=100)

    async def markers(self, user_id: str, conversation_id: str) -> dict[str, tuple[int, int]]:
        found = await conversation_lists.markers(self.db, user_id, [conversation_id])
        return {
            each.user_id: (each.delivered_seq, each.read_seq)
            for each in found.get(conversation_id, [])
        }

    def heard(self, kind: str) -> list[dict[str, Any]]:
        return [frame for _, frame in self.frames if frame["type"] == kind]


@pytest.fixture
async def town(database: Pool, heard: Heard) -> AsyncIterator[Town]:
    town = Town(database, heard)
    async with trio.open_nursery() as nursery:
        await nursery.start(town.journal.run)
        await nursery.start(town.run_pools)
        yield town
        nursery.cancel_scope.cancel()
