"""A database belongs to one service; another is told whose it is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio
from bountyexpo.composition.process_name import process_name
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.persistence import inbox, leases, outbox
from bountyexpo.persistence.inbox import NewEvent
from bountyexpo.persistence.server import claim
from bountyexpo.persistence.server.check import DatabaseRefused
from bountyexpo.persistence.server.claim import ServiceClaim

from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


def dead_pid() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


FIRST = "process 17 on host first, port 3001"


@pytest.fixture(autouse=True)
def times(monkeypatch):
    """A lease outlasts every test, however busy the machine; what is done again is done soon."""
    monkeypatch.setattr(claim, "LEASE_S", 3600)
    monkeypatch.setattr(claim, "RELEASE_S", PATIENCE_S)
    monkeypatch.setattr(claim, "RENEW_S", 0.05)
    monkeypatch.setattr(claim, "LOOK_S", 0.02)


async def test_a_database_in_use_is_refused_by_name(database: Pool):
    first = ServiceClaim(FIRST)
    await first.take(database)
    async with trio.open_nursery() as nursery:
        await nursery.start(first.run, database)
        with trio.fail_after(PATIENCE_S), pytest.raises(DatabaseRefused) as refused:
            await ServiceClaim("process 18 on host second, port 3001").take(database)
        nursery.cancel_scope.cancel()

    assert FIRST in str(refused.value)
    assert str(refused.value).startswith("DATABASE_URL: the database is in use")


async def test_it_is_free_once_the_first_has_ended(database: Pool):
    first = ServiceClaim(FIRST)
    await first.take(database)
    async with trio.open_nursery() as nursery:
        await nursery.start(first.run, database)
        nursery.cancel_scope.cancel()

    with trio.fail_after(PATIENCE_S):
        await ServiceClaim("process 18 on host second, port 3001").take(database)


async def test_a_holder_that_died_elsewhere_is_waited_for(database: Pool, monkeypatch):
    monkeypatch.setattr(claim, "LEASE_S", 0.6)
    await ServiceClaim(FIRST).take(database)

    with trio.fail_after(PATIENCE_S):
        await ServiceClaim("process 18 on host second, port 3001").take(database)


async def test_a_holder_that_died_here_is_not_waited_for(database: Pool):
    here = socket.gethostname()
    await ServiceClaim(f"process {dead_pid()} on host {here}, port 3001").take(database)

    with trio.fail_after(PATIENCE_S):
        await ServiceClaim(process_name(3001)).take(database)


async def test_whoever_is_the_only_one_waits_for_nobody(database: Pool):
    first = ServiceClaim(FIRST)
    await first.take(database)
    second = ServiceClaim("process 18 on host second, port 3001", is_sole=True)

    with trio.fail_after(PATIENCE_S):
        await second.take(database)

    assert await leases.has_ended(database, first.term)
    assert not await leases.has_ended(database, second.term)


async def test_work_that_a_dead_service_has_left_is_taken_up_at_once(database: Pool):
    await ServiceClaim(FIRST).take(database)
    epoch = await leases.take(database, "sweep", "first", 3600)
    assert epoch is not None
    await leave_work(database)
    assert await taken(database) == (1, 1)
    assert await taken(database) == (0, 0)

    await ServiceClaim("process 18 on host second, port 3001", is_sole=True).take(database)

    assert await leases.take(database, "sweep", "second", 3600) is not None
    with pytest.raises(leases.LeaseLost):
        await leases.hold(database, "sweep", epoch)
    assert await taken(database) == (1, 1)


async def test_work_of_which_services_die_is_taken_up_less_and_less_often(database: Pool):
    await leave_work(database)
    for _ in range(2):
        assert await taken(database) == (1, 1)
        await ServiceClaim(FIRST, is_sole=True).take(database)

    assert await taken(database) == (0, 0)
    for table, column in (("outbox", "available_at"), ("webhook_events", "next_attempt_at")):
        row = await database.fetch_one(
            f"select extract(epoch from {column} - clock_timestamp()) as left_s from {table}"
        )
        assert row is not None
        assert 0 < row["left_s"] <= 4


async def test_a_claim_that_is_kept_leaves_its_own_work_alone(database: Pool):
    first = ServiceClaim(FIRST)
    await first.take(database)
    epoch = await leases.take(database, "sweep", "first", 3600)
    assert epoch is not None
    await leave_work(database)
    assert await taken(database) == (1, 1)

    await first.take(database)

    await leases.hold(database, "sweep", epoch)
    assert await taken(database) == (0, 0)


async def leave_work(database: Pool) -> None:
    """Leave one effect and one webhook."""
    async with database.transaction() as tx:
        tx.effect("mail", ("user", "u1"), 1, {})
    new = NewEvent(provider="stripe", event_id="evt_1", type="payout.paid", payload={})
    assert await inbox.receive(database, new)


async def taken(database: Pool) -> tuple[int, int]:
    """Take what there is to take: so many effects, and webhooks."""
    effects = await outbox.lease(database, owner="o", limit=10, lease_s=3600)
    return len(effects), len(await inbox.due(database, lease_s=3600))


def test_before_the_database_was_there_nothing_is_claimed():
    with pytest.raises(DatabaseUnavailable):
        _ = ServiceClaim(FIRST).term


async def test_who_was_taken_over_gives_the_database_up(database: Pool):
    first = ServiceClaim(FIRST)
    await first.take(database)
    await database.execute(
        "update leases set epoch = epoch + 1, owner = 'process 2 on host b, port 1'"
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(first.run, database)
        with trio.fail_after(PATIENCE_S):
            refused = await database.wait_refused()
        nursery.cancel_scope.cancel()

    assert "process 2 on host b, port 1" in str(refused)


async def test_a_claim_that_ran_out_while_nobody_wanted_it_is_kept(database: Pool):
    first = ServiceClaim(FIRST)
    await first.take(database)
    await database.execute("update leases set expires_at = now() - interval '1 hour'")
    await first.take(database)

    assert await leases.take(database, claim.NAME, "other", 60) is None


def test_the_name_of_a_process_says_where_to_find_it():
    assert process_name(3001) == (
        f"process {os.getpid()} on host {socket.gethostname()}, port 3001"
    )
