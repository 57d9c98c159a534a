"""Decisions: all or nothing, numbered without a hole, published after the commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.notices import Audience, Notice
from bountyexpo.errors import Duplicate, InternalError
from bountyexpo.persistence.chat.message_stream import read_after
from bountyexpo.persistence.streams import heads

from tests.patience import PATIENCE_S
from tests.sample_events import SecretNote, write_note

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

    from tests.commits import Heard


class RefusedError(Exception):
    pass


async def test_events_are_numbered_per_stream_in_their_order(database: Pool):
    one, two = f"user:{new_id()}", f"bounty:{new_id()}"
    user = new_id()

    async with database.transaction() as tx:
        tx.event(SecretNote(n=1), of=two.removeprefix("bounty:"), users=(user,))
        write_note(tx, one, 2)
        write_note(tx, two, 3)

    assert [(e.stream, e.seq, e.payload, e.private) for e in tx.committed_events] == [
        (two, 1, {"n": 1, "writer": 0}, True),
        (one, 1, {"n": 2, "writer": 0}, False),
        (two, 2, {"n": 3, "writer": 0}, False),
    ]
    assert await heads(database, [one, two, "user:none"]) == {
        one: (1, "e1"),
        two: (2, "e1"),
        "user:none": (0, "e1"),
    }
    of_two = [event for event in tx.committed_events if event.stream == two]
    assert await read_after(database, two, 0, 10) == of_two
    assert [event.seq for event in await read_after(database, two, 1, 10)] == [2]


async def test_fifty_writers_leave_no_hole_and_times_never_go_back(database: Pool):
    stream = f"user:{new_id()}"

    async def writer(number: int) -> None:
        for turn in range(10):
            try:
                async with database.transaction() as tx:
                    write_note(tx, stream, turn, writer=number)
                    if turn % 3 == 0:
                        raise RefusedError
            except RefusedError:
                pass

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(writer, number)

    events = await read_after(database, stream, 0, 1000)
    assert [event.seq for event in events] == list(range(1, 301))
    times = [event.created_at for event in events]
    assert times == sorted(times)
    for number in range(50):
        turns = [e.payload["n"] for e in events if e.payload["writer"] == number]
        assert turns == [1, 2, 4, 5, 7, 8]


async def test_the_hook_gets_events_only_after_the_commit(database: Pool, heard: Heard):
    stream = f"user:{new_id()}"

    with pytest.raises(RefusedError):  # noqa: PT012
        async with database.transaction() as tx:
            write_note(tx, stream, 1)
            raise RefusedError
    async with database.transaction() as tx:
        write_note(tx, stream, 2)
        assert heard.events == []

    assert [(event.payload["n"], event.seq) for event in heard.events] == [(2, 1)]


async def test_events_are_published_in_the_order_of_the_decision(database: Pool, heard: Heard):
    async with database.transaction() as tx:
        for stream in ("user:z", "bounty:b", "user:a", "bounty:b"):
            write_note(tx, stream)

    streams = [event.stream for event in heard.events]
    assert streams == ["user:z", "bounty:b", "user:a", "bounty:b"]


async def test_events_of_a_conversation_take_its_own_numbers(database: Pool, thread):
    async with database.transaction() as tx:
        write_note(tx, f"conv:{thread.id}")

    assert await heads(database, [f"conv:{thread.id}"]) == {f"conv:{thread.id}": (1, "e1")}
    [event] = await read_after(database, f"conv:{thread.id}", 0, 10)
    assert (event.seq, event.type) == (1, "note.conversation")


async def test_an_event_of_a_missing_conversation_undoes_the_decision(database: Pool):
    with pytest.raises(InternalError):  # noqa: PT012
        async with database.transaction() as tx:
            await tx.execute("insert into leases values ('a', 'x', 1, now())")
            write_note(tx, f"conv:{new_id()}")

    assert await database.fetch("select 1 from leases") == []


async def test_a_doomed_transaction_is_never_taken_for_committed(database: Pool):
    with pytest.raises(InternalError):  # noqa: PT012
        async with database.transaction() as tx:
            await tx.execute("insert into leases values ('a', 'x', 1, now())")
            with pytest.raises(Duplicate):
                await tx.execute("insert into leases values ('a', 'x', 1, now())")

    assert await database.fetch("select 1 from leases") == []


async def test_a_cancelled_decision_is_undone_and_its_session_is_kept(database: Pool):
    with trio.move_on_after(0.05):
        async with database.transaction() as tx:
            await tx.execute("insert into leases values ('a', 'x', 1, now())")
            await trio.sleep_forever()
    with trio.fail_after(PATIENCE_S):
        while database.statistics()["in_use"]:  # noqa: ASYNC110 - the pool has no event for it
            await trio.sleep(0.005)

    assert await database.fetch("select 1 from leases") == []
    assert await database.fetch("select 1 from pg_stat_activity where state like 'idle in%%'") == []


async def test_a_deferred_refusal_at_the_commit_is_the_callers(database: Pool):
    await database.execute(
        "create table late (id int constraint late_once unique deferrable initially deferred)"
    )

    with pytest.raises(Duplicate):
        async with database.transaction() as tx:
            await tx.execute("insert into late values (1), (1)")

    assert await database.fetch_one("select count(*) as rows from late") == {"rows": 0}


async def test_the_audit_row_is_part_of_the_decision(database: Pool):
    actor = new_id()

    async with database.transaction() as tx:
        tx.audit(
            category="payment",
            action="deposit",
            actor_id=actor,
            target=("payment", "p1"),
            amount_cents=500,
            provider="stripe",
        )

    [row] = await database.fetch("select * from audit_log")
    assert row["actor_id"] == actor
    assert row["amount_cents"] == 500
    assert row["metadata"] == {"provider": "stripe"}
    assert (row["outcome"], row["severity"]) == ("success", "info")


async def test_names_are_locked_until_the_end(database: Pool):
    order: list[str] = []
    inside = trio.Event()

    async def second() -> None:
        await inside.wait()
        async with database.transaction() as tx:
            await tx.lock("name")
            order.append("second")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(second)
        async with database.transaction() as tx:
            await tx.lock("name")
            inside.set()
            await trio.testing.wait_all_tasks_blocked(0.02)
            order.append("first")

    assert order == ["first", "second"]


async def notices(database: Pool) -> list[tuple[str, list[str], str | None, dict[str, str], str]]:
    rows = await database.fetch("select * from notices order by id")
    return [
        (row["kind"], row["recipients"], row["audience"], row["data"], row["dedupe_key"])
        for row in rows
    ]


async def test_a_notice_is_one_row_whatever_the_number_of_recipients(database: Pool):
    people = sorted(new_id() for _ in range(1_000))
    key = f"test:{new_id()}"

    async with database.transaction() as tx:
        tx.notify(Notice.MESSAGE, [*people, people[0]], {"conversationId": "c"}, dedupe_key=key)

    found = [row for row in await notices(database) if row[4] == key]
    assert found == [("message", people, None, {"conversationId": "c"}, key)]


async def test_a_notice_happens_once_for_its_key(database: Pool):
    one, other, key = new_id(), new_id(), f"test:{new_id()}"

    for person in (one, other):
        async with database.transaction() as tx:
            tx.notify(Notice.FOLLOW, [person], {}, dedupe_key=key)

    assert [row[1] for row in await notices(database) if row[4] == key] == [[one]]


async def test_a_notice_to_an_audience_names_nobody(database: Pool):
    key = f"test:{new_id()}"

    async with database.transaction() as tx:
        tx.notify(Notice.BOUNTY_NEARBY, Audience.NEARBY, {"bountyId": "b"}, dedupe_key=key)

    [found] = [row for row in await notices(database) if row[4] == key]
    assert found[:3] == ("bounty_nearby", [], "nearby")


async def test_a_notice_of_an_undone_decision_is_undone(database: Pool):
    key = f"test:{new_id()}"

    with pytest.raises(RefusedError):  # noqa: PT012
        async with database.transaction() as tx:
            tx.notify(Notice.FOLLOW, [new_id()], {}, dedupe_key=key)
            raise RefusedError

    assert [row for row in await notices(database) if row[4] == key] == []
