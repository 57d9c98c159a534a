"""The inbox of webhooks, and idempotency keys: what happens once, happens once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import IdempotencyConflict
from bountyexpo.persistence import idempotency, inbox
from bountyexpo.persistence.idempotency import Stored
from bountyexpo.persistence.inbox import NewEvent

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


class RefusedError(Exception):
    pass


async def receive(pool: Pool, event_id: str = "evt_1") -> bool:
    event = NewEvent(
        provider="stripe", event_id=event_id, type="payment_intent.succeeded", payload={"a": 1}
    )
    return await inbox.receive(pool, event)


async def expire_webhooks(pool: Pool) -> None:
    await pool.execute("update webhook_events set next_attempt_at = now() - interval '1 second'")


async def test_a_repeated_webhook_is_stored_once(database: Pool):
    assert [await receive(database), await receive(database)] == [True, False]
    assert await receive(database, "evt_2")


async def test_a_webhook_is_handed_out_once_and_marked(database: Pool):
    await receive(database)

    [event] = await inbox.due(database)
    assert (event.type, event.payload) == ("payment_intent.succeeded", {"a": 1})
    assert await inbox.due(database) == []
    async with database.transaction() as tx:
        assert await inbox.mark_processed(tx, event.id)
    assert not await inbox.mark_processed(database, event.id)
    await expire_webhooks(database)
    assert await inbox.due(database) == []


async def test_a_webhook_of_a_dead_worker_is_handed_out_again(database: Pool):
    await receive(database)
    await inbox.due(database)

    await expire_webhooks(database)

    [event] = await inbox.due(database)
    assert event.attempts == 2


PAUSE = """
    select extract(epoch from next_attempt_at - clock_timestamp())::float8 as pause_s
    from webhook_events
"""


async def test_a_failing_webhook_is_tried_less_and_less_often_for_a_day(database: Pool):
    await receive(database)
    pauses = []

    for _ in range(14):
        await expire_webhooks(database)
        [event] = await inbox.due(database)
        assert not event.is_last
        await inbox.retry_later(database, event.id, "no")
        row = await database.fetch_one(PAUSE)
        pauses.append(row["pause_s"])

    expected = [min(2.0**attempt, inbox.PAUSE_MAX_S) for attempt in range(1, 15)]
    assert pauses == pytest.approx(expected, abs=1.5)
    await database.execute("update webhook_events set retry_until = now()")
    await expire_webhooks(database)
    [event] = await inbox.due(database)
    assert event.is_last


async def test_workers_that_die_of_an_event_meet_it_less_and_less_often(database: Pool):
    await receive(database)
    leases = []

    for _ in range(8):
        await expire_webhooks(database)
        [event] = await inbox.due(database)
        row = await database.fetch_one(PAUSE)
        leases.append(row["pause_s"])

    expected = [max(inbox.LEASE_S, 2.0**attempt) for attempt in range(1, 9)]
    assert leases == pytest.approx(expected, abs=1.5)
    assert event.attempts == 8


async def test_a_deferred_event_is_taken_up_by_who_knows_its_type(database: Pool):
    await receive(database)
    [event] = await inbox.due(database)
    await inbox.mark(database, event.id, "deferred")
    assert await inbox.waiting(database) == {"deferred": 1}

    assert await inbox.take_up(database, ["charge.refunded"]) == 0
    assert await inbox.due(database) == []
    assert await inbox.take_up(database, ["payment_intent.succeeded"]) == 1

    [again] = await inbox.due(database)
    assert (again.event_id, again.attempts, again.is_last) == (event.event_id, 1, False)


@pytest.mark.parametrize(
    ("status", "is_replayed"),
    [("dead", True), ("deferred", True), ("failed", True), ("processed", False)],
)
async def test_what_did_not_do_its_work_can_be_replayed(database: Pool, status, is_replayed):
    await receive(database)
    await inbox.due(database)
    await database.execute("update webhook_events set status = %s, retry_until = now()", (status,))

    assert await inbox.replay(database, "evt_1") is is_replayed

    found = await inbox.due(database)
    assert [(event.attempts, event.is_last) for event in found] == [(1, False)] * is_replayed


async def test_an_event_that_was_never_received_cannot_be_replayed(database: Pool):
    assert not await inbox.replay(database, "evt_1")


async def test_only_what_did_its_work_is_forgotten(database: Pool):
    for status in ("processed", "deferred", "dead"):
        await receive(database, f"evt_{status}")
        [event] = await inbox.due(database)
        await inbox.mark(database, event.id, status)
    await database.execute("update webhook_events set processed_at = now() - interval '91 days'")

    assert await inbox.prune(database, 90) == 1

    rows = await database.fetch("select event_id from webhook_events order by event_id")
    assert [row["event_id"] for row in rows] == ["evt_dead", "evt_deferred"]


async def test_a_key_gives_the_first_reply_again(database: Pool):
    user = new_id()
    async with database.transaction() as tx:
        assert (
            await idempotency.claim(tx, scope="create", user_id=user, key="k", request_hash="hash")
            is None
        )
        await idempotency.store(
            tx, scope="create", user_id=user, key="k", response={"id": 7}, status_code=201
        )

    async with database.transaction() as tx:
        assert await idempotency.claim(
            tx, scope="create", user_id=user, key="k", request_hash="hash"
        ) == Stored(201, {"id": 7})
        assert (
            await idempotency.claim(tx, scope="other", user_id=user, key="k", request_hash="hash")
            is None
        )
        assert (
            await idempotency.claim(
                tx, scope="create", user_id=new_id(), key="k", request_hash="hash"
            )
            is None
        )


async def test_a_key_for_something_else_is_refused(database: Pool):
    user = new_id()
    async with database.transaction() as tx:
        await idempotency.claim(tx, scope="create", user_id=user, key="k", request_hash="hash")

    with pytest.raises(IdempotencyConflict):
        async with database.transaction() as tx:
            await idempotency.claim(
                tx, scope="create", user_id=user, key="k", request_hash="another hash"
            )


async def test_an_undone_decision_frees_its_key(database: Pool):
    user = new_id()
    with pytest.raises(RefusedError):  # noqa: PT012
        async with database.transaction() as tx:
            await idempotency.claim(tx, scope="create", user_id=user, key="k", request_hash="hash")
            raise RefusedError

    async with database.transaction() as tx:
        assert (
            await idempotency.claim(tx, scope="create", user_id=user, key="k", request_hash="hash")
            is None
        )


async def test_an_expired_key_is_free(database: Pool):
    user = new_id()
    async with database.transaction() as tx:
        await idempotency.claim(tx, scope="create", user_id=user, key="k", request_hash="hash")
    await database.execute("update idempotency_keys set expires_at = now() - interval '1 second'")

    async with database.transaction() as tx:
        assert (
            await idempotency.claim(
                tx, scope="create", user_id=user, key="k", request_hash="another hash"
            )
            is None
        )


async def test_of_twins_at_once_one_acts_and_the_others_get_its_reply(database: Pool):
    user = new_id()
    acted: list[int] = []
    replies: list[object] = []

    async def command(number: int) -> None:
        async with database.transaction() as tx:
            stored = await idempotency.claim(
                tx, scope="create", user_id=user, key="k", request_hash="h"
            )
            if stored is None:
                acted.append(number)
                await trio.testing.wait_all_tasks_blocked(0.02)
                await idempotency.store(
                    tx, scope="create", user_id=user, key="k", response={"by": number}
                )
            else:
                replies.append(stored.response)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(command, number)

    assert len(acted) == 1
    assert replies == [{"by": acted[0]}] * 7
