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

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


class RefusedError(Exception):
    pass


async def receive(pool: Pool, event_id: str = "evt_1") -> bool:
    return await inbox.receive(pool, "stripe", event_id, "payment_intent.succeeded", {"a": 1})


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


async def test_a_failing_webhook_is_dead_in_the_end(database: Pool):
    await receive(database)
    statuses = []

    for _ in range(inbox.ATTEMPTS_MAX):
        await expire_webhooks(database)
        [event] = await inbox.due(database)
        statuses.append(await inbox.retry_later(database, event.id, "no", 60))

    assert statuses == ["failed"] * (inbox.ATTEMPTS_MAX - 1) + ["dead"]


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
