"""The outbox: effects are carried out at least once, after the commit, by one relay at a time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from bountyexpo.errors import Duplicate
from bountyexpo.persistence import outbox
from bountyexpo.persistence.after_commit import Bell
from bountyexpo.persistence.outbox import Effect, Relay

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

    from tests.commits import Heard


class RefusedError(Exception):
    pass


async def leave(pool: Pool, *, version: int = 1, due_after_s: float = 0) -> None:
    async with pool.transaction() as tx:
        tx.effect("mail", ("user", "u1"), version, {"n": version}, due_after_s=due_after_s)


async def only_row(pool: Pool) -> dict:
    [row] = await pool.fetch("select * from outbox")
    return row


@asynccontextmanager
async def relaying(relay: Relay):
    async with trio.open_nursery() as nursery:
        await nursery.start(relay.run)
        yield
        nursery.cancel_scope.cancel()


async def test_an_effect_is_carried_out_and_done(database: Pool):
    done: list[Effect] = []

    async def send(effect: Effect) -> None:
        done.append(effect)

    await leave(database)
    relay = Relay(database, {"mail": send}, Bell())

    assert await relay.run_once() == 1
    assert await relay.run_once() == 0
    assert [effect.payload for effect in done] == [{"n": 1}]
    assert (await only_row(database))["status"] == "done"


async def test_an_undone_decision_leaves_no_effect(database: Pool):
    with pytest.raises(RefusedError):  # noqa: PT012
        async with database.transaction() as tx:
            tx.effect("mail", ("user", "u1"), 1, {})
            raise RefusedError

    assert await database.fetch("select 1 from outbox") == []


async def test_a_commit_wakes_the_relay(database: Pool, heard: Heard):
    sent = trio.Event()

    async def send(effect: Effect) -> None:
        sent.set()

    relay = Relay(database, {"mail": send}, heard.bell, interval_s=3600)
    async with relaying(relay):
        await trio.testing.wait_all_tasks_blocked(0.05)
        await leave(database)
        with trio.fail_after(5):
            await sent.wait()


async def test_an_effect_waits_for_its_time(database: Pool):
    await leave(database, due_after_s=60)

    assert await outbox.lease(database, owner="a", limit=10) == []


async def test_two_relays_never_get_the_same_row(database: Pool):
    for version in range(20):
        await leave(database, version=version)
    taken: list[int] = []

    async def take(owner: str) -> None:
        taken.extend(e.id for e in await outbox.lease(database, owner=owner, limit=20))

    async with trio.open_nursery() as nursery:
        for owner in ("a", "b", "c"):
            nursery.start_soon(take, owner)

    assert len(taken) == len(set(taken)) == 20


async def test_a_lease_that_ran_out_is_taken_over(database: Pool):
    await leave(database)
    [first] = await outbox.lease(database, owner="dead", limit=10)
    assert await outbox.lease(database, owner="b", limit=10) == []

    await database.execute("update outbox set available_at = now() - interval '1 second'")
    [second] = await outbox.lease(database, owner="b", limit=10)

    assert (first.id, first.attempts, second.attempts) == (second.id, 1, 2)


async def test_a_failure_is_tried_again_later_and_dies_in_the_end(database: Pool, monkeypatch):
    monkeypatch.setattr(outbox, "ATTEMPTS_MAX", 2)

    async def fail(effect: Effect) -> None:
        raise RefusedError("no route")

    await leave(database)
    relay = Relay(database, {"mail": fail}, Bell())

    await relay.run_once()
    row = await only_row(database)
    assert (row["status"], row["last_error"]) == ("pending", "RefusedError: no route")
    assert row["available_at"] > row["created_at"]

    await database.execute("update outbox set available_at = now() - interval '1 second'")
    await relay.run_once()
    assert (await only_row(database))["status"] == "dead"


async def test_an_effect_without_handler_is_not_lost(database: Pool):
    await leave(database)

    await Relay(database, {}, Bell()).run_once()

    row = await only_row(database)
    assert (row["status"], row["attempts"]) == ("pending", 1)


async def test_effects_of_one_aggregate_keep_their_order(database: Pool):
    done: list[int] = []

    async def send(effect: Effect) -> None:
        await trio.lowlevel.checkpoint()
        done.append(effect.payload["n"])

    for version in range(10):
        await leave(database, version=version)
    await Relay(database, {"mail": send}, Bell()).run_once()

    assert done == list(range(10))


async def test_a_stale_owner_cannot_leave_the_same_effect_twice(database: Pool):
    await leave(database)

    with pytest.raises(Duplicate):
        await leave(database)
