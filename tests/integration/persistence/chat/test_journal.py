"""The journal: durable, in order, once, and shared commits."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import (
    DatabaseUnavailable,
    StaleVersion,
    Unavailable,
)
from bountyexpo.persistence.chat.journal import Journal
from bountyexpo.persistence.chat.message_stream import message_event, read_after
from bountyexpo.persistence.chat.messages import CommittedMessage
from bountyexpo.persistence.streams import heads

from tests.commits import nobody
from tests.integration.persistence.chat.journal_stage import (
    Counting,
    append,
    append_all,
    message,
    stored,
    writing,
)
from tests.sample_events import write_note

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


async def test_a_message_gets_the_next_number_and_is_published(database: Pool, thread):
    seen = []
    journal = Journal(database, seen.extend)
    sent = message(thread)

    async with writing(journal):
        committed = await append(journal, sent)

    [row] = await stored(database, thread)
    assert committed == CommittedMessage(
        message_id=sent.id,
        conversation_id=thread.id,
        seq=1,
        epoch="e1",
        created_at=row["created_at"],
        duplicate=False,
        same_content=True,
    )
    [event] = seen
    assert event.users == (thread.sender, thread.other)
    assert event.payload == message_event(row, "e1").payload
    [read] = await read_after(database, f"conv:{thread.id}", 0, 10)
    assert (read.seq, read.type, read.payload) == (1, "message.new", event.payload)


async def test_fifty_writers_of_twenty_messages_leave_no_hole(database: Pool, make_thread):
    threads = [await make_thread() for _ in range(3)]
    journal = Journal(database, nobody)
    messages = [message(threads[n % 3], str(n)) for n in range(1000)]

    async with writing(journal):
        results = await append_all(journal, messages)

    assert all(isinstance(result, CommittedMessage) for result in results)
    for thread in threads:
        rows = await stored(database, thread)
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        times = [row["created_at"] for row in rows]
        assert times == sorted(times)
        assert await heads(database, [f"conv:{thread.id}"]) == {
            f"conv:{thread.id}": (len(rows), "e1")
        }
        assert {row["id"] for row in rows} == {
            sent.id for sent in messages if sent.conversation_id == thread.id
        }


async def test_two_owners_at_once_do_no_harm(database: Pool, thread):
    one, two = Journal(database, nobody), Journal(database, nobody)
    ids = [new_id() for _ in range(100)]
    copies = [[message(thread, name, client_message_id=name) for name in ids] for _ in range(2)]
    results: dict[int, list] = {}

    async def send(number: int, journal: Journal) -> None:
        results[number] = await append_all(journal, copies[number])

    async with writing(one, two), trio.open_nursery() as nursery:
        nursery.start_soon(send, 0, one)
        nursery.start_soon(send, 1, two)

    rows = await stored(database, thread)
    assert [row["seq"] for row in rows] == list(range(1, 101))
    for left, right in zip(results[0], results[1], strict=True):
        assert (left.message_id, left.seq) == (right.message_id, right.seq)
        assert {left.duplicate, right.duplicate} == {True, False}


async def test_a_repeated_client_id_finds_the_first_message(database: Pool, thread):
    journal = Journal(database, nobody)
    first = message(thread)

    async with writing(journal):
        original = await append(journal, first)
        again = await append(journal, message(thread, client_message_id=first.client_message_id))
        other = await append(
            journal, message(thread, "something else", client_message_id=first.client_message_id)
        )

    assert (again.message_id, again.seq, again.created_at) == (
        original.message_id,
        original.seq,
        original.created_at,
    )
    assert (again.duplicate, again.same_content) == (True, True)
    assert (other.duplicate, other.same_content) == (True, False)
    assert len(await stored(database, thread)) == 1


async def test_twins_in_one_batch_become_one_message(database: Pool, thread):
    journal = Journal(database, nobody)
    name = new_id()

    async with writing(journal):
        results = await append_all(
            journal, [message(thread, client_message_id=name) for _ in range(5)]
        )

    assert len({result.message_id for result in results}) == 1
    assert sorted(result.duplicate for result in results) == [False, True, True, True, True]


async def test_a_message_without_client_id_is_always_new(database: Pool, thread):
    journal = Journal(database, nobody)

    async with writing(journal):
        results = await append_all(
            journal, [message(thread, client_message_id=None) for _ in range(3)]
        )

    assert sorted(result.seq for result in results) == [1, 2, 3]


async def test_an_old_version_is_stale_and_takes_no_number(database: Pool, thread):
    journal = Journal(database, nobody)

    async with writing(journal):
        results = await append_all(
            journal,
            [
                message(thread),
                message(thread, expected_version=0),
                message(thread, conversation_id=new_id()),
                message(thread),
            ],
        )

    assert [type(result) for result in results] == [
        CommittedMessage,
        StaleVersion,
        StaleVersion,
        CommittedMessage,
    ]
    assert [row["seq"] for row in await stored(database, thread)] == [1, 2]


async def test_what_queues_during_a_commit_shares_the_next(database: Pool, thread):
    counting = Counting(database)
    journal = Journal(counting, nobody)

    async with writing(journal):
        await append_all(journal, [message(thread) for _ in range(300)])

    assert counting.statements <= 3


async def test_a_lost_database_is_told_to_every_waiter(thread):
    class Gone:
        async def fetch(self, sql, params=()):
            await trio.testing.wait_all_tasks_blocked()
            raise DatabaseUnavailable

    journal = Journal(Gone(), nobody)
    async with writing(journal):
        results = await append_all(journal, [message(thread) for _ in range(10)])

    assert {type(result) for result in results} == {DatabaseUnavailable}


async def test_a_stopped_journal_tells_those_in_flight_and_refuses_more(thread):
    class Stuck:
        async def fetch(self, sql, params=()):
            await trio.sleep_forever()

    journal = Journal(Stuck(), nobody)
    results: list[object] = []

    async def send() -> None:
        results.extend(await append_all(journal, [message(thread) for _ in range(3)]))

    async with trio.open_nursery() as senders, writing(journal):
        senders.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()

    assert {type(result) for result in results} == {DatabaseUnavailable}
    with pytest.raises(Unavailable):
        await append(journal, message(thread))


async def test_acked_messages_survive_a_lost_session(database: Pool, thread):
    journal = Journal(database, nobody)
    acked: list[str] = []
    killing = trio.Event()

    async def sender() -> None:
        while not killing.is_set() or len(acked) < 200:
            sent = message(thread)
            try:
                await append(journal, sent)
            except DatabaseUnavailable:
                continue
            acked.append(sent.id)

    async def killer() -> None:
        for _ in range(5):
            # The killer may be given a session that it has killed before.
            with suppress(DatabaseUnavailable):
                await database.fetch(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
        killing.set()

    async with writing(journal), trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(sender)
        nursery.start_soon(killer)

    rows = await stored(database, thread)
    assert set(acked) <= {row["id"] for row in rows}
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))


async def test_messages_and_other_events_are_read_in_one_order(database: Pool, thread):
    journal = Journal(database, nobody)

    async with writing(journal):
        await append(journal, message(thread))
        async with database.transaction() as tx:
            write_note(tx, f"conv:{thread.id}")
        await append(journal, message(thread))

    events = await read_after(database, f"conv:{thread.id}", 0, 10)
    assert [(event.seq, event.type) for event in events] == [
        (1, "message.new"),
        (2, "note.conversation"),
        (3, "message.new"),
    ]
    assert [e.seq for e in await read_after(database, f"conv:{thread.id}", 1, 1)] == [2]
