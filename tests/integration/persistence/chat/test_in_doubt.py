"""Messages whose commit went unanswered: they are found, and told as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.persistence.chat.journal import Journal

from tests.integration.persistence.chat.journal_stage import append, message, writing
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


class Deaf:
    """A database whose answer to the next commit is lost, although it was carried out."""

    def __init__(self, pool: Pool, *, hangs: bool, meanwhile: str = "select 1") -> None:
        self._pool = pool
        self._meanwhile = meanwhile
        self._hangs = hangs
        self.is_deaf = True
        self.has_lost = trio.Event()

    async def fetch(self, sql, params=()):
        rows = await self._pool.fetch(sql, params)
        if self.is_deaf:
            self.is_deaf = False
            await self._pool.execute(self._meanwhile)
            self.has_lost.set()
            if self._hangs:
                await trio.sleep_forever()
            raise DatabaseUnavailable
        return rows


async def test_a_message_whose_answer_was_lost_is_published_all_the_same(database: Pool, thread):
    seen = []
    journal = Journal(Deaf(database, hangs=False), seen.extend)
    sent = message(thread)

    async with writing(journal):
        with pytest.raises(DatabaseUnavailable):
            await append(journal, sent)
        again = await append(journal, message(thread, client_message_id=sent.client_message_id))

    assert (again.message_id, again.duplicate) == (sent.id, True)
    assert [(event.seq, event.payload["messageId"]) for event in seen] == [(1, sent.id)]
    assert seen[0].users == (thread.sender, thread.other)


async def test_a_message_in_doubt_is_published_as_it_is_now(database: Pool, thread):
    seen = []
    published = trio.Event()

    def publish(events):
        seen.extend(events)
        published.set()

    sent = message(thread)
    change = f"update messages set body = 'second', edited_at = now() where id = '{sent.id}'"
    deaf = Deaf(database, hangs=False, meanwhile=change)

    journal = Journal(deaf, publish)

    async with writing(journal):
        with pytest.raises(DatabaseUnavailable):
            await append(journal, sent)
        again = await append(journal, message(thread, client_message_id=sent.client_message_id))
        with trio.fail_after(PATIENCE_S):
            await published.wait()

    assert again.duplicate
    assert [event.payload["text"] for event in seen] == ["second"]


async def test_a_message_under_way_in_a_crash_is_published_by_the_next_life(database: Pool, thread):
    seen = []
    deaf = Deaf(database, hangs=True)
    journal = Journal(deaf, seen.extend)
    lost, later = message(thread), message(thread)

    async with writing(journal):
        journal.submit(lost, lambda _result: None)
        await deaf.has_lost.wait()
    assert seen == []
    async with writing(journal):
        await append(journal, later)

    assert [event.payload["messageId"] for event in seen] == [lost.id, later.id]
