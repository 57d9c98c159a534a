"""Messages for the journal, and what is seen of their way."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.chat.messages import CommittedMessage, NewMessage

if TYPE_CHECKING:
    from bountyexpo.persistence.chat.journal import Journal
    from bountyexpo.persistence.pool import Pool


# ``thread`` is a conversation of two people; see conftest.
def message(thread, text: str = "hi", **changes) -> NewMessage:
    fields = {
        "id": new_id(),
        "conversation_id": thread.id,
        "expected_version": 1,
        "sender_id": thread.sender,
        "client_message_id": new_id(),
        "text": text,
        "participants": (thread.sender, thread.other),
    }
    return NewMessage(**{**fields, **changes})


@asynccontextmanager
async def writing(*journals: Journal):
    async with trio.open_nursery() as nursery:
        for journal in journals:
            await nursery.start(journal.run)
        yield
        nursery.cancel_scope.cancel()


async def append(journal: Journal, sent: NewMessage) -> CommittedMessage:
    """Submit a message and wait for its number."""
    [result] = await append_all(journal, [sent])
    if isinstance(result, Exception):
        raise result
    return result


async def append_all(journal: Journal, messages: list[NewMessage]) -> list[object]:
    """Submit side by side; return each result or error in the order of the messages."""
    results: dict[str, object] = {}
    is_done = trio.Event()

    def settle(sent: NewMessage, result: object) -> None:
        assert sent.id not in results
        results[sent.id] = result
        if len(results) == len(messages):
            is_done.set()

    for sent in messages:
        journal.submit(sent, partial(settle, sent))
    await is_done.wait()
    return [results[sent.id] for sent in messages]


async def stored(pool: Pool, thread) -> list[dict]:
    return await pool.fetch(
        "select * from messages where conversation_id = %s order by seq", (thread.id,)
    )


class Counting:
    """A database that counts its statements, and the messages in each that went well."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.statements = 0
        self.good: list[int] = []

    async def fetch(self, sql, params=()):
        self.statements += 1
        rows = await self._pool.fetch(sql, params)
        self.good.append(len(rows))
        return rows
