"""A lease has one holder, and what a former one would write is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from bountyexpo.persistence import leases
from bountyexpo.persistence.leases import LeaseLost

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


async def run_out(database: Pool) -> None:
    """Let every lease end, as after a long sleep of its holder."""
    await database.execute("update leases set expires_at = now() - interval '1 second'")


async def test_a_lease_has_one_holder(database: Pool):
    assert await leases.take(database, "job", "a", 60) == 1

    assert await leases.take(database, "job", "b", 60) is None
    assert await leases.take(database, "job", "a", 60) is None
    assert await leases.take(database, "other", "b", 60) == 1


async def test_one_of_many_who_ask_at_once_gets_it(database: Pool):
    got: list[int | None] = []

    async def ask(owner: str) -> None:
        got.append(await leases.take(database, "job", owner, 60))

    async with trio.open_nursery() as nursery:
        for owner in "abcdefgh":
            nursery.start_soon(ask, owner)

    assert sorted(got, key=str) == [1, *[None] * 7]


async def test_a_term_ends_with_its_lease_or_its_holder(database: Pool):
    epoch = await leases.take(database, "job", "a", 60)
    assert epoch is not None
    first = leases.term("job", epoch)
    assert not await leases.has_ended(database, first)

    await run_out(database)
    assert await leases.has_ended(database, first)

    second = leases.term("job", await leases.take(database, "job", "b", 60) or 0)
    assert second != first
    assert await leases.has_ended(database, first)
    assert not await leases.has_ended(database, second)


@pytest.mark.parametrize("text", ["", "job", "job:", ":1", "job:x", "elsewhere"])
async def test_of_what_is_no_term_nothing_is_known(database: Pool, text: str):
    assert not await leases.has_ended(database, text)


async def test_a_lease_that_ran_out_changes_hands_with_another_epoch(database: Pool):
    await leases.take(database, "job", "a", 60)
    await run_out(database)

    assert await leases.take(database, "job", "b", 60) == 2


async def test_a_lease_that_was_given_back_is_free_at_once(database: Pool):
    first = await leases.take(database, "job", "a", 60)
    await leases.release(database, "job", first)

    second = await leases.take(database, "job", "b", 60)
    await leases.release(database, "job", first)

    assert second is not None
    assert second > first
    assert await leases.take(database, "job", "c", 60) is None, "b has it, whatever a gives back"


async def test_a_renewal_that_comes_after_the_end_finds_nothing(database: Pool):
    """It was cut off, and the server carried it out when the lease was given back already."""
    epoch = await leases.take(database, "job", "a", 60)
    await leases.release(database, "job", epoch)

    with pytest.raises(LeaseLost):
        await leases.renew(database, "job", epoch, 3600)

    assert await leases.take(database, "job", "b", 60) is not None


async def test_a_lease_is_renewed_by_its_holder_alone(database: Pool):
    first = await leases.take(database, "job", "a", 0)
    await leases.renew(database, "job", first, 60)
    assert await leases.take(database, "job", "b", 60) is None

    await run_out(database)
    await leases.take(database, "job", "b", 60)
    with pytest.raises(LeaseLost):
        await leases.renew(database, "job", first, 60)


async def test_a_former_holder_writes_nothing(database: Pool):
    first = await leases.take(database, "job", "a", 60)
    await run_out(database)
    second = await leases.take(database, "job", "b", 60)

    with pytest.raises(LeaseLost):  # noqa: PT012
        async with database.transaction() as tx:
            await leases.hold(tx, "job", first)
            await tx.execute("delete from leases")
    async with database.transaction() as tx:
        await leases.hold(tx, "job", second)


async def test_nobody_takes_a_lease_while_its_holder_writes(database: Pool):
    first = await leases.take(database, "job", "a", 60)
    await run_out(database)
    order: list[str] = []

    async def take_over() -> None:
        await leases.take(database, "job", "b", 60)
        order.append("taken")

    async with trio.open_nursery() as nursery, database.transaction() as tx:
        await leases.hold(tx, "job", first)
        nursery.start_soon(take_over)
        await trio.testing.wait_all_tasks_blocked(0.05)
        order.append("written")

    assert order == ["written", "taken"]
